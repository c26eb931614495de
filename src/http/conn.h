/* SPDX-License-Identifier: Apache-2.0 */
/* The server's end of an HTTP/1.1 connection: requests one after the other, each handed out as an
 * exchange and answered before the next is read. Keep-alive, pipelining, HEAD, Expect:
 * 100-continue; every state has a deadline that dripping bytes do not move. However it ends, the
 * client is told so (TLS: close_notify) and has HTTP_LINGER_SECONDS to take it, unless the end is
 * inside of an answer or the server needs the place. Answers to refused
 * requests are made here. While idle a connection has no buffers: measured, 1.3 KiB with parser,
 * socket and all, and some 20 KiB more of OpenSSL's with TLS. */
#pragma once

#include "http/exchange.h"
#include "net/stream.h"

struct ev;
struct http_conn;

enum {
    HTTP_HEAD_SECONDS =
        10, /* from the first byte, or the start of the connection, to the end of the head */
    HTTP_BODY_IDLE_SECONDS = 30,   /* between two pieces of a body */
    HTTP_BODY_SECONDS = 120,       /* all of it */
    HTTP_IDLE_SECONDS = 60,        /* between two requests */
    HTTP_WRITE_STALL_SECONDS = 30, /* the client takes nothing */
    HTTP_WRITE_SECONDS = 300,      /* the client takes too little */
    HTTP_LINGER_SECONDS = 2,       /* after the last answer, for the client to read it */
    HTTP_DRAIN_SECONDS = 2,        /* for the first request of one who came just before */
    HTTP_LINGER_BYTES = 512 * 1024,
    HTTP_READ_SIZE = 16 * 1024,
    HTTP_TURN_REQUESTS = 8, /* of one connection, before others get their turn */
};

/* How an exchange ended, for the access log. */
struct http_answered {
    int64_t micros; /* from the first byte of the request */
    size_t bytes;   /* of the body that were sent */
    bool complete;  /* the client took all of it */
};

struct http_conn_conf {
    struct ev *ev;
    const char *listener; /* into req.listener; kept */
    /* A complete request: x->id, listener and client are set. Must end in http_finish, at once or
     * later. The exchange frees itself; x->cancelled tells that nobody waits any more. */
    void (*on_request)(void *arg, struct http_exchange *x);
    /* Once per exchange whose answer began, refused requests included. May be NULL. */
    void (*on_answered)(void *arg, const struct http_exchange *x, const struct http_answered *how);
    void *arg;
    /* For the owner of the connection. Waits for its next request, or no longer. May be NULL. */
    void (*on_idle)(void *owner, bool idle);
    /* It has ended, whatever the reason: free it, here or later. */
    void (*on_closed)(void *owner);
    /* It holds `n` bytes of request bodies now, up to the end of their exchange; false: that is too
     * much, and the client is told to come back. Fewer than before are always allowed. NULL: no
     * limit but the one for each body. */
    bool (*on_hold)(void *owner, size_t n);
};

/* Takes over the transport, also on failure. `conf` is kept. Nothing happens before
 * http_conn_start. RC_NOMEM. */
enum rc http_conn_new(const struct http_conn_conf *conf, struct net_stream *t,
                      const struct addr *client, void *owner, struct http_conn **out);
void http_conn_start(struct http_conn *c);
/* Before http_conn_start: what the client has shown, into each request. */
void http_conn_show(struct http_conn *c, const struct http_shown *shown);
/* Instead of http_conn_start: answers 503 with Retry-After without waiting for a request, and
 * closes. on_closed may come from inside. */
void http_conn_refuse(struct http_conn *c);
/* No further request: ends at once when idle, otherwise after the answer, which says so. One that
 * has had no request yet may still make its first, within HTTP_DRAIN_SECONDS. on_closed may come
 * from inside. */
void http_conn_drain(struct http_conn *c);
/* Allowed in callbacks, on_request among them. An exchange under way is cancelled. */
void http_conn_free(struct http_conn *c);
DEFINE_FREEP(http_conn_free, struct http_conn)
