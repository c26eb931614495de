/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the courier: courier.c (life, what core asks), file.c (files of JSON lines),
 * frame.c (a record as a syslog message), syslog.c (its way to a server). */
#pragma once

#include "conf/conf.h"
#include "ev/ev.h"
#include "ipc/site_messages.h"
#include "role/role.h"

struct net;
struct tls_trust;

enum {
    COURIER_SECONDS = 30,      /* until a server has taken everything, connecting included */
    COURIER_DIAL_SECONDS = 10, /* of these */
    COURIER_DRAIN_SECONDS = 2, /* that what is under way still has when this process is to end */
    COURIER_HOST_MAX = 255,    /* RFC 5424 section 6 */
    COURIER_MSGID_MAX = 32,
    COURIER_ROOTS_MAX = 1 << 20, /* bytes of a file of CA certificates */
};

#define COURIER_DIRECTORY "forward" /* below DATA */

struct courier;
struct courier_job;

/* A destination of audit.forward. */
struct courier_dest {
    struct courier *courier;
    const struct conf_forward *conf;
    /* a file */
    int fd; /* -1: not open */
    uint64_t size;
    /* a server */
    struct addr_port server;
    struct tls_trust *trust; /* NULL: without TLS */
    struct courier_job *job; /* under way; NULL: none */
};

struct courier {
    struct role_env *env;
    const struct conf
        *conf; /* with a reference; a change of audit.forward starts another courier */
    struct net *net;
    int dir; /* DATA/forward */
    char host[COURIER_HOST_MAX + 1];
    struct courier_dest dests[CONF_FORWARDS_MAX];
    size_t n_dests;
    bool draining;
    struct ev_timer patience; /* while draining */
};

/* Tells the courier that a destination's job is over. */
void courier_look_drained(struct courier *c);

/* ---- file.c */

/* Appends the records, a line each, and returns when they are on disk (fsync, of the directory too
 * where a file was made or put aside). RC_IO, RC_INVAL with the file and the cause: then what was
 * written of them is taken back, or will be written once more. What an earlier process wrote half
 * of its last line is cut off first. */
enum rc courier_file_append(struct courier_dest *d, const struct ipc_deliver *m, struct err *err);
void courier_file_close(struct courier_dest *d);

/* ---- frame.c */

/* One message of RFC 5424, counted as RFC 6587 section 3.4.1 and RFC 5425 section 4.3 have it. */
void courier_frame_put(struct buf *out, const char *host, const struct ipc_record *r);

/* ---- syslog.c */

/* Takes over `req` and ends it: with ipc_delivered once the server has closed the connection in
 * answer to our own end of it, or with why it has not. */
void courier_syslog_send(struct courier_dest *d, struct ipc_req *req, const struct ipc_deliver *m);
/* Gives up what is under way. */
void courier_syslog_stop(struct courier_dest *d);
