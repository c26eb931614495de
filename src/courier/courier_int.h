/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the courier: courier.c (life, what is asked), file.c (files of lines), frame.c (a
 * record as a syslog message), syslog.c (its way to a server),
 * notice.c (messages about alerts), smtp.c and mail.c (as mail). */
#pragma once

#include "conf/conf.h"
#include "ev/ev.h"
#include "http/url.h"
#include "ipc/site_messages.h"
#include "role/role.h"

struct net;
struct tls_trust;

enum {
    COURIER_SECONDS = 30,        /* until a server has taken everything, connecting included */
    COURIER_DIAL_SECONDS = 10,   /* of these */
    COURIER_DRAIN_SECONDS = 2,   /* that what is under way still has when this process is to end */
    COURIER_NOTICE_SECONDS = 45, /* until a receiver of alerts has a message */
    COURIER_NOTICE_LINES = 32,   /* of one, by syslog */
    COURIER_HOST_MAX = 255,      /* RFC 5424 section 6 */
    COURIER_MSGID_MAX = 32,
    COURIER_STAMP = 40,          /* what is in the name of a file that was put aside */
    COURIER_ROOTS_MAX = 1 << 20, /* bytes of a file of CA certificates */
};

/* Below DATA: copies of the audit log, and the gateway's access log. */
#define COURIER_DIRECTORY "forward"
#define COURIER_ACCESS "access"

struct courier;
struct courier_job;
struct courier_notice;
struct secret;

/* A file of lines in a directory of the courier's, and beside it those that were full. */
struct courier_file {
    const char *where;  /* the directory, below DATA */
    int dir;            /* the same, open; borrowed */
    struct str name;    /* without dots and suffix; borrowed */
    const char *suffix; /* ".jsonl" */
    uint64_t limit;     /* bytes; then it is put aside */
    uint64_t keep;      /* of those that were */
    bool sync;          /* who asked is told when it is on disk */
    int fd;             /* -1: not open */
    uint64_t size;
};

/* A destination of audit.forward. */
struct courier_dest {
    struct courier *courier;
    const struct conf_forward *conf;
    struct courier_file file;
    /* a server */
    struct addr_port server;
    struct tls_trust *trust; /* NULL: without TLS */
    struct courier_job *job; /* under way; NULL: none */
    bool notice;             /* a receiver of alerts: answered with ipc_noticed */
};

/* A receiver of alerts. */
struct courier_receiver {
    struct courier *courier;
    const struct conf_receiver *conf;
    char url_text[HTTP_URL_MAX];
    struct http_url url;     /* borrows it */
    struct addr_port server; /* that is dialled */
    struct tls_trust *trust; /* NULL: without TLS */
    struct secret *secret, *password;
    struct courier_notice *notice; /* under way; NULL: none */
    /* by syslog */
    struct conf_forward as_forward;
    struct courier_dest dest;
};

struct courier {
    struct role_env *env;
    const struct conf
        *conf; /* with a reference; a change of audit.forward starts another courier */
    struct net *net;
    int dir;                                          /* DATA/forward */
    int directory;                                    /* DATA/access */
    struct courier_file access[CONF_ACCESS_COMBINED]; /* by format, the first being json's */
    char host[COURIER_HOST_MAX + 1];
    struct courier_dest dests[CONF_FORWARDS_MAX];
    size_t n_dests;
    struct courier_receiver receivers[CONF_RECEIVERS_MAX];
    size_t n_receivers;
    bool draining;
    struct ev_timer patience; /* while draining */
};

/* The CA certificates in a file, for the receiver or destination of that name. */
enum rc courier_roots_read(const struct role_env *env, struct str name, struct str path,
                           struct tls_trust **out, struct err *err);
/* Tells the courier that a destination's job is over. */
void courier_look_drained(struct courier *c);

/* ---- file.c */

/* Makes sure that it is open and still has its name: somebody else may have moved or emptied it.
 * What an earlier process wrote half of its last line is cut off. RC_IO, RC_INVAL with the file and
 * the cause. */
enum rc courier_file_open(struct courier_file *f, struct err *err);
void courier_file_close(struct courier_file *f);
/* Appends a line to `lines`, which go into the file at courier_file_flush. When it is full without
 * it, the file gets those before it, and is put aside under a name with `stamp` in it. */
enum rc courier_file_add(struct courier_file *f, struct str line, const char *stamp,
                         struct buf *lines, struct err *err);
/* Writes `lines` and empties it. RC_IO: then what was written of them is taken back, or will be
 * found torn. */
enum rc courier_file_flush(struct courier_file *f, struct buf *lines, struct err *err);

/* ---- frame.c */

/* One message of RFC 5424, counted as RFC 6587 section 3.4.1 and RFC 5425 section 4.3 have it. */
void courier_frame_put(struct buf *out, const char *host, const struct ipc_record *r);

/* ---- syslog.c */

/* Takes over `req` and ends it: with ipc_delivered once the server has closed the connection in
 * answer to our own end of it, or with why it has not. */
void courier_syslog_send(struct courier_dest *d, struct ipc_req *req, const struct ipc_deliver *m);
/* Gives up what is under way. */
void courier_syslog_stop(struct courier_dest *d);

/* ---- notice.c */

/* Reads roots and secrets; before confinement. */
enum rc courier_receiver_open(struct courier *c, const struct conf_receiver *conf, struct err *err);
void courier_receiver_close(struct courier_receiver *r);
/* Handler of IPC_NOTICE. */
void courier_on_notice(void *arg, struct ipc_req *req, const void *msg, int fd);
/* Gives up what is under way. */
void courier_notice_stop(struct courier_receiver *r);
