/* SPDX-License-Identifier: Apache-2.0 */
/* The connection of a client: what those that speak HTTP/1.1 (client.c) and HTTP/2 (h2.c) over one
 * have in common, and how a request asks its own for what they do differently. */
#pragma once

#include "base/addr.h"
#include "base/list.h"
#include "conf/parts.h"
#include "ev/ev.h"
#include "http/forward.h"
#include "net/proxy.h"
#include "net/stream.h"

struct gateway;
struct gateway_exchange;
struct gateway_site;
struct tls_caller;
struct tls_conn;

struct gateway_peer {
    struct gateway *gateway;
    struct net_stream *t;
    void *owner;
    struct gateway_site *site; /* a reference; NULL: it is refused before one is known */
    struct list link;          /* in site->clients */
    void (*drain)(struct gateway_peer *p); /* as http_conn_drain */
    struct ev_timer timer;
    bool idle, draining;
    bool shut; /* we have said that we send no more, or must not say so */
    unsigned requests, wants;
    size_t lingered;
    const struct tls_conn *tls; /* what `t` stands on; NULL in tests */
    struct tls_caller *caller;  /* who it has proven to be; NULL: nobody, or that cannot be kept */
    struct addr from;           /* who made the connection */
    char addr[ADDR_TEXT];
};

/* What a request (`x->front`) has done by the connection that it came on. Failures show at the next
 * write. */
struct gateway_front {
    const char *protocol; /* "HTTP/2.0"; NULL: of HTTP/1, as the head has it */
    /* Something has happened: steps are to be taken, now or soon. `x` may be gone afterwards. */
    void (*pump)(struct gateway_exchange *x);
    /* What of the client is waited for, bits NET_WANT_. */
    void (*want)(struct gateway_exchange *x, unsigned wants);
    /* The head of the answer. Its body is written to x->t, what is in x->down.out first. */
    void (*answer)(struct gateway_exchange *x, const struct http_answer *a);
    /* 100 (Continue). */
    void (*cont)(struct gateway_exchange *x);
    /* The answer is written. */
    void (*end)(struct gateway_exchange *x);
};

/* Takes over the stream. `tls` is what it stands on, and tells the site; NULL in tests. */
void gateway_peer_init(struct gateway_peer *p, struct gateway *g, struct net_stream *t,
                       struct tls_conn *tls, const struct addr *client);
/* Whose connection it is, and what it was made to. Without addresses when that cannot be told any
 * more. */
void gateway_peer_ends(const struct gateway_peer *p, struct net_proxy *out);
/* What a connection of this client's alone to a backend begins with, in `text`; empty where nothing
 * is sent. `client` is who it is: perhaps another than who made the connection. */
struct str gateway_peer_preface(const struct gateway_peer *p, enum conf_send_proxy version,
                                const struct addr *client, char text[static NET_PROXY_PUT_MAX]);
/* 0, or the status, and why, with which requests are refused on this connection: whoever made it
 * has to be who the site demands now. The site has a route. */
int gateway_peer_doubt(const struct gateway_peer *p, struct err *why);
/* What backends are told of it by these bits of CONF_CLIENT_; at most CONF_CLIENT_COUNT, borrowed
 * from the connection. Returns how many. */
size_t gateway_peer_tell(const struct gateway_peer *p, unsigned what,
                         struct http_header out[static CONF_CLIENT_COUNT]);
/* Closes it, with a word that it ends unless it is `shut`. */
void gateway_peer_done(struct gateway_peer *p);
/* Calls back after so many microseconds, in place of what was asked for before. */
void gateway_peer_allow(struct gateway_peer *p, int64_t micros);
/* Its client_timeout, in microseconds, as the configuration has it now. */
int64_t gateway_peer_client_timeout(const struct gateway_peer *p);
void gateway_peer_set_idle(struct gateway_peer *p, bool idle);
void gateway_peer_want(struct gateway_peer *p, unsigned wants);

enum gateway_linger {
    GATEWAY_LINGER_WAIT, /* for an event */
    GATEWAY_LINGER_MORE,
    GATEWAY_LINGER_OVER,
};
/* The end of a connection: says that no more is sent, and reads and drops what still comes, for the
 * client would lose our last words to a reset. */
enum gateway_linger gateway_peer_linger(struct gateway_peer *p);
