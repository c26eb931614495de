/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files that move requests. */
#pragma once

#include "backend/find.h"
#include "base/id.h"
#include "base/map.h"
#include "ev/ev.h"
#include "gateway/access.h"
#include "gateway/gateway.h"
#include "gateway/inspect.h"
#include "gateway/origin.h"
#include "gateway/patience.h"
#include "gateway/peer.h"
#include "gateway/relay.h"
#include "gateway/route.h"
#include "gateway/site.h"
#include "http/proofs.h"
#include "net/proxy.h"

struct http_server;
struct tls_context;

enum { GATEWAY_LISTENERS_MAX = 64, GATEWAY_DATE = 32 };

struct gateway {
    struct gateway_conf conf;
    struct backends backends;
    struct gateway_blocks blocks;
    struct gateway_exchange *exchanges; /* for the next requests */
    size_t n_exchanges;
    struct http_proofs proofs;   /* for other CAs */
    struct map sites;            /* struct gateway_site, references, by name */
    size_t certified_to;         /* in `sites`: those before it have certificates, or need none */
    struct gateway_trust *trust; /* NULL before the first configuration */
    const struct gateway_site *otherwise; /* for who names none; NULL: none. One of `sites` */
    struct gateway_rate connect;          /* how often each client may */
    struct gateway_rates connecting;
    struct tls_context *tls;
    struct id_pool ids; /* for requests */
    struct id name;     /* of this process, by which it knows a request that has come back to it */
    struct http_server *servers[GATEWAY_LISTENERS_MAX];
    size_t n_servers;
    int64_t date_second; /* of `date`, IMF-fixdate */
    char date[GATEWAY_DATE];
    struct gateway_access access;
    struct list unsent; /* connections of HTTP/2 that have something to say */
    struct ev_hook flush;
    void (*on_idle)(void *owner, bool idle); /* of a client's connection: http/server's */
    void (*on_closed)(void *owner);
    size_t held;          /* bytes of bodies that wait for verdicts */
    int64_t head_timeout; /* from the first byte, or the start, to the end of a head */
    int64_t idle_timeout; /* between two requests */
    size_t waf_body;
    int64_t waf_timeout;
    bool waf_passes; /* what cannot be inspected, though the site blocks */
    size_t draining;
    void (*drained)(void *arg);
    void *drained_arg;
};

int64_t gateway_now(const struct gateway *g);
struct str gateway_date(struct gateway *g);

/* ---- one request: exchange.c, pass.c and tunnel.c */

enum gateway_state {
    GATEWAY_READ,    /* its head */
    GATEWAY_HOLD,    /* the first of its body, for who inspects it */
    GATEWAY_INSPECT, /* a verdict is waited for */
    GATEWAY_FIND,    /* a backend */
    GATEWAY_PASS,    /* both bodies */
    GATEWAY_TUNNEL,  /* what is no HTTP any more */
    GATEWAY_ANSWER,  /* one of our own */
};

/* How a step of it ended. */
enum gateway_step {
    GATEWAY_WAIT, /* for an event */
    GATEWAY_NEXT, /* answered; another request may follow */
    GATEWAY_LAST, /* answered; none may */
    GATEWAY_CUT,  /* the connection must be closed at once, without a word */
};

struct gateway_exchange {
    struct gateway_exchange *next; /* while it is kept for later */
    struct gateway *gateway;
    const struct gateway_front *front;
    struct gateway_peer *peer;
    struct net_stream
        *t; /* the body of the request, and of the answer: the peer's, or a part of it */
    enum gateway_state state;
    struct gateway_relay up, down;
    struct backend_find find;
    struct gateway_route *route;     /* a reference */
    const struct gateway_path *path; /* in it; NULL: none of its paths */
    size_t rest;                     /* where in the request's path what follows it begins */
    struct str proof;                /* what is answered instead; of the gateway's table */
    struct backend_pool *pool;       /* of the route */
    struct backend_link *link;
    const struct backend *backend; /* the last one tried; borrowed from the route */
    struct gateway_patience client_time, backend_time;
    struct ev_timer timer;
    struct ev_defer again;
    struct gateway_origin origin;
    struct gateway_inspection inspection;
    int64_t wait;                    /* with status 429: until this client may ask again */
    char preface[NET_PROXY_PUT_MAX]; /* of a connection to a backend, for x->find */
    struct id id;
    int64_t began;
    int64_t sought; /* when a backend was first looked for */
    int64_t heard;  /* when the head of its answer was there; 0: it was not */
    int status;     /* of the answer; 0: none yet */
    unsigned interim;
    bool up_done;    /* the request is with the backend */
    bool up_broken;  /* the backend takes no more of it */
    bool started;    /* the head of the answer is written, or about to be */
    bool last;       /* ... and says that it is the last */
    bool continued;  /* the client was told to send its body */
    bool repeatable; /* it may be sent twice */
    unsigned tries;  /* beyond the first */
    bool full;       /* the client sends more than we look at now */
    bool late;       /* the time of somebody ran out */
    bool leaving;    /* the client has ended a tunnel, and the backend is still to */
    struct err why;  /* it went wrong */
};

/* What is taken from clients. */
extern const struct http_reader_conf gateway_requests;

/* One to read a request into, from memory kept for that; NULL when memory is out. */
struct gateway_exchange *gateway_exchange_take(struct gateway_peer *p,
                                               const struct gateway_front *front,
                                               struct net_stream *t);
/* Ends whatever is under way. */
void gateway_exchange_give(struct gateway_exchange *x);
/* After GATEWAY_NEXT: for the request of which some is read already. */
void gateway_exchange_next(struct gateway_exchange *x);
void gateway_exchange_free(struct gateway_exchange *x);
/* Does what can be done. */
enum gateway_step gateway_exchange_step(struct gateway_exchange *x);
/* Instead of its first step: the head is read already; or it was refused, and x->why tells. */
enum gateway_step gateway_exchange_begin(struct gateway_exchange *x);
enum gateway_step gateway_exchange_refuse(struct gateway_exchange *x);
/* The client has gone away. */
void gateway_exchange_abandon(struct gateway_exchange *x);
/* Nothing of a request has come yet. */
bool gateway_exchange_idle(const struct gateway_exchange *x);

/* The answer is one of ours from now on. */
void gateway_exchange_set_answer(struct gateway_exchange *x, int status);

/* pass.c, for exchange.c */
void gateway_pass_begin(struct gateway_exchange *x, struct backend_link *l);
enum gateway_step gateway_pass_step(struct gateway_exchange *x);
/* tunnel.c, for pass.c: the answer is written that says so. */
void gateway_tunnel_begin(struct gateway_exchange *x);
enum gateway_step gateway_tunnel_step(struct gateway_exchange *x);
/* exchange.c, for pass.c: gateway_exchange_set_answer, and a step. */
enum gateway_step gateway_exchange_answer(struct gateway_exchange *x, int status);
/* What comes after the request was looked at: a backend is looked for. */
enum gateway_step gateway_exchange_seek(struct gateway_exchange *x);
/* Looks for a connection to a backend; a kept one only if it waited for less than `youngest`. */
enum gateway_step gateway_exchange_find(struct gateway_exchange *x, int64_t youngest);
/* The same with those that were not tried yet. */
enum gateway_step gateway_exchange_find_more(struct gateway_exchange *x);
/* Reads ahead of what is looked at now, to see whether the client is still there. */
bool gateway_exchange_client_gone(struct gateway_exchange *x);
/* What is waited for, and how long. */
void gateway_exchange_await(struct gateway_exchange *x, bool client, bool backend);

/* ---- a client's connection over which HTTP/1.1 is spoken: client.c */

struct gateway_client {
    struct gateway_peer peer;
    struct gateway_exchange *x; /* from the first byte of a request until its answer is gone */
    uint8_t state;
    uint8_t phase; /* enum http_phase, as the timer knows it */
    bool pumping;
    bool ready;  /* the stream may have bytes; while there is an exchange, x->up.ready */
    bool served; /* its first request was answered */
};

extern const struct http_server_speaker gateway_through_speaker; /* through.c */
extern const struct http_server_speaker gateway_client_speaker;

/* ---- HTTP/2: h2.c */

extern const struct http_server_speaker gateway_h2_speaker;
/* Sends what the connections of g->unsent have to say. */
void gateway_h2_flush(struct gateway *g);
