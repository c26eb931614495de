/* SPDX-License-Identifier: Apache-2.0 */
/* One listener with its connections, plain or TLS: accepts, shakes hands, and sees to it that
 * neither one client nor all of them together take more than their share. When it is full the
 * connection that has been idle longest makes room, else the oldest of those that shake hands and
 * have had HTTP_HANDSHAKE_SPARED_SECONDS for it; when there is none, or one client has too many,
 * the newcomer gets a prompt 503, and beyond HTTP_REFUSALS_MAX of these at a time it is closed. A
 * body for which there is no room gets 503, too. Clients are told apart by IPv4 address or IPv6
 * /64. */
#pragma once

#include "http/conn.h"

struct http_server;
struct tls_conn;
struct tls_context;

enum {
    HTTP_CONNECTIONS_MAX = 4000,       /* of one listener */
    HTTP_CLIENT_CONNECTIONS_MAX = 400, /* of one client on one listener */
    HTTP_BODIES_MAX = 64 << 20,        /* bytes of request bodies held, of one listener */
    HTTP_CLIENT_BODIES_MAX = 16 << 20, /* of these, of one client */
    HTTP_REFUSALS_MAX = 64,
    HTTP_ACCEPT_PAUSE_SECONDS = 1,     /* after descriptors ran out */
    HTTP_HANDSHAKE_SPARED_SECONDS = 1, /* in which it makes room for nobody */
};

/* Whoever speaks over the connections instead of http_conn: the same, of his own make. */
struct http_server_speaker {
    /* Takes over the stream, also on failure; `tls` is what it stands on, NULL: a plain socket. */
    enum rc (*new)(void *arg, struct net_stream *t, struct tls_conn *tls, const struct addr *client,
                   void *owner, void **out);
    void (*start)(void *conn);
    void (*refuse)(void *conn);
    void (*drain)(void *conn);
    void (*free)(void *conn);
};

/* For speakers: as on_idle and on_closed of http_conn_conf. */
void http_server_idle(void *owner, bool idle);
void http_server_closed(void *owner);

struct http_server_conf {
    const struct http_server_speaker *speaker; /* NULL: http_conn */
    /* Speaks instead of it over connections of TLS whose ALPN chose `other_protocol`. */
    const struct http_server_speaker *other;
    struct str other_protocol;
    /* Has those that TLS passes on (tls_conn_passes); needed where there are such sites. */
    const struct http_server_speaker *passer;
    struct ev *ev;
    const char *name;         /* into req.listener; kept */
    struct tls_context *tls;  /* NULL: plain. Outlives the server */
    size_t connections;       /* 0: HTTP_CONNECTIONS_MAX */
    size_t per_client;        /* 0: HTTP_CLIENT_CONNECTIONS_MAX */
    size_t bodies;            /* 0: HTTP_BODIES_MAX */
    size_t bodies_per_client; /* 0: HTTP_CLIENT_BODIES_MAX */
    /* As in http_conn_conf, and for http_conn alone. */
    void (*on_request)(void *arg, struct http_exchange *x);
    void (*on_answered)(void *arg, const struct http_exchange *x, const struct http_answered *how);
    /* A connection came to nothing: a failed handshake, no memory. May be NULL. */
    void (*on_failed)(void *arg, const struct addr *client, const struct err *err);
    /* May this newcomer enter? False closes the connection unanswered. NULL: anybody. */
    bool (*admits)(void *arg, int fd);
    /* TLS: does this peer send a header of the PROXY protocol in front of all else? Then the client
     * is who that names, and is counted once it has named him; a connection without it fails. NULL:
     * nobody does. */
    bool (*proxied)(void *arg, const struct addr *peer);
    /* TLS: may this client shake hands now? Asked for each connection before anything is done for
     * it, and once a header of the PROXY protocol has named the client. False closes it without a
     * word and counts it as refused. NULL: always. */
    bool (*enters)(void *arg, const struct addr *client);
    void *arg;
};

struct http_server_counts {
    size_t open; /* handshakes and refusals included */
    size_t idle;
    uint64_t accepted;
    uint64_t refused; /* with 503, or closed at once */
    uint64_t evicted; /* idle, for a newcomer */
};

/* The listening socket stays the caller's and outlives the server, which accepts nobody before
 * http_server_start: they wait in its backlog. RC_NOMEM, RC_IO. */
enum rc http_server_new(const struct http_server_conf *conf, int listener,
                        struct http_server **out);
void http_server_start(struct http_server *s);
/* Accepts no more and ends idle connections, which may take HTTP_LINGER_SECONDS; those at work end
 * with their answer, those that are new and have not asked anything yet with their first, if it
 * comes soon. `done` is called once none is left, perhaps from inside. */
void http_server_drain(struct http_server *s, void (*done)(void *arg), void *arg);
/* Closes all connections at once; exchanges under way are cancelled. */
void http_server_free(struct http_server *s);
DEFINE_FREEP(http_server_free, struct http_server)
const char *http_server_name(const struct http_server *s);
void http_server_counts(const struct http_server *s, struct http_server_counts *out);
