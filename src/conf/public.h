/* SPDX-License-Identifier: Apache-2.0 */
/* Other certificate authorities that the gateway's sites may have certificates from: part of
 * conf/conf.h. */
#pragma once

#include "base/when.h"
#include "conf/value.h"

enum {
    CONF_DIRECTORIES_MAX = 16,
    CONF_CONTACTS_MAX = 8,
    CONF_UPDATES_MAX = 64,
    CONF_HOOKS_MAX = 16,
    CONF_HOOK_WORDS_MAX = 12, /* of a command */
    CONF_HOOK_SECONDS_MAX = 300,
    CONF_EAB_KID_MAX = 256 /* what client/ takes */
};

/* An ACME server (RFC 8555). */
struct conf_directory {
    struct str url;           /* https; unique */
    bool terms;               /* the operator has agreed to its terms of service */
    struct conf_strs contact; /* mailboxes of a new account */
    struct str trust;        /* file with the roots that it is held against; empty: the machine's */
    struct str roots;        /* what is in it, PEM */
    struct str eab_kid;      /* external account binding; empty: none */
    struct str eab_key_file; /* path of its key, in base64url */
};

/* A name server that takes updates (RFC 2136), for dns-01. */
struct conf_update {
    struct str name; /* unique */
    struct str file; /* path of its settings, as agent/dns_conf.h has them */
};

/* Whose hooks a program is like: as these clients call theirs. */
enum conf_hook_style {
    CONF_HOOK_DEHYDRATED,
    CONF_HOOK_CERTBOT,
    CONF_HOOK_LEGO,
    CONF_HOOK_LEGO_RAW,
    CONF_HOOK_UACME,
    CONF_HOOK_MOD_MD,
    CONF_HOOK_MOD_MD_2,
    CONF_HOOK_STYLES,
};
/* "dehydrated" ...; "unknown" outside the enum. */
const char *conf_hook_style_name(unsigned style);

/* A program of this host that sets records, for dns-01. */
struct conf_hook {
    struct str name; /* unique; no conf_update has it */
    enum conf_hook_style style;
    struct conf_strs command; /* the program's absolute path, its first arguments */
    struct conf_strs cleanup; /* of certbot alone: what takes records away; none: nothing does */
    struct str user;          /* that it runs as */
    when_t timeout;           /* of each call */
    struct str environment;   /* file with lines NAME=value, or "credential:NAME"; empty: none */
};

/* How a site's name is proven there. */
enum conf_site_challenge {
    CONF_SITE_HTTP_01,
    CONF_SITE_TLS_ALPN_01,
    CONF_SITE_DNS_01,
    CONF_SITE_CHALLENGES,
};
/* "http-01", "tls-alpn-01", "dns-01"; "unknown" outside the enum. */
const char *conf_site_challenge_name(unsigned challenge);

/* Of the gateway. */
struct conf_others {
    const struct conf_directory *directories;
    size_t n_directories;
    const struct conf_update *updates;
    size_t n_updates;
    const struct conf_hook *hooks;
    size_t n_hooks;
};

struct conf;
/* NULL when there is none with that URL. */
const struct conf_directory *conf_directory_find(const struct conf *conf, struct str url);
/* NULL when there is none of that name. */
const struct conf_update *conf_update_find(const struct conf *conf, struct str name);
const struct conf_hook *conf_hook_find(const struct conf *conf, struct str name);
