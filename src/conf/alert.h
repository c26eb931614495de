/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told what: `receivers` and `alerts` of the configuration. */
#pragma once

#include "conf/parts.h"

enum {
    CONF_RECEIVERS_MAX = 16,
    CONF_ROUTES_MAX = 64,
    CONF_MAILBOX_MAX = 254, /* RFC 5321 section 4.5.3.1.3, without the brackets */
    CONF_ROUTE_RUNGS_MAX = 8,
    CONF_RECEIVER_TO_MAX = 16,
    CONF_RECEIVER_WORDS_MAX = 32,   /* of `command` */
    CONF_RECEIVER_SECONDS_MAX = 45, /* that a program may take */
};

enum conf_receiver_kind {
    CONF_RECEIVER_WEBHOOK,
    CONF_RECEIVER_ALERTMANAGER,
    CONF_RECEIVER_MAIL,
    CONF_RECEIVER_SYSLOG,
    CONF_RECEIVER_EXEC,
    CONF_RECEIVER_KINDS
};
/* "webhook", "alertmanager", "mail", "syslog", "exec". */
const char *conf_receiver_kind_text(enum conf_receiver_kind kind);

struct conf_receiver {
    struct str name; /* unique */
    enum conf_receiver_kind kind;
    struct str url;         /* of webhook and alertmanager */
    struct str server;      /* address and port that are dialled; empty: those of the URL */
    struct str server_name; /* in the server's certificate; empty: the URL's host, or the address */
    struct str roots;       /* path of CA certificates in PEM; empty only without TLS */
    bool plain;             /* without TLS */
    bool implicit;          /* mail: TLS from the first byte, instead of STARTTLS */
    struct str secret_file; /* path; webhook: bodies are signed with it */
    struct str user;        /* mail: empty, without AUTH; exec: whom the program becomes */
    struct str password_file; /* path */
    struct str from;          /* mail */
    struct conf_strs to;      /* mail: mailboxes, or "owner" or "team" */
    bool resolved;            /* told of the end, too */
    struct conf_strs command; /* exec: a program, by its absolute path, and its arguments */
    when_t timeout;           /* exec: then it is killed */
};

/* What goes to which receiver. */
struct conf_route {
    const when_t *at; /* times left at which it is told; none: at once, and when it is critical */
    size_t n_at;
    struct conf_strs kinds; /* of alerts; none: all */
    struct conf_strs to;    /* names of receivers; at least one */
    when_t after;           /* only of what nobody has acknowledged in that time; 0: at once */
    when_t repeat;          /* told again while it lasts; 0: not */
    struct str quiet;       /* "22:00-06:00" UTC: what is no more than a warning waits; or empty */
};

/* When the age of the last backup is an alert. */
struct conf_backup {
    when_t age;    /* past which it is; 0: any age will do */
    bool expected; /* also that there is none */
};

struct conf;
/* NULL when there is none of that name. */
const struct conf_receiver *conf_receiver_find(const struct conf *conf, struct str name);
/* A mailbox that needs no quoting: letters, digits and .-_+ on both sides of one @. */
bool conf_mailbox_good(struct str s);
/* Minutes of the day of "22:00-06:00". RC_PARSE. */
enum rc conf_quiet_parse(struct str text, unsigned *out_from, unsigned *out_to);
