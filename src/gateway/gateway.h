/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway of one process: HTTPS for the sites of the configuration, HTTP to what stands behind
 * them. Requests are routed by the name of the handshake, which Host must repeat, and both bodies
 * are streamed, in bounded memory. docs/internals/gateway.md tells the way of a byte. */
#pragma once

#include "base/err.h"
#include "base/mem.h"
#include "gateway/inspect.h"
#include "http/h2.h"

struct conf;
struct dns_zones;
struct ev;
struct gateway;
struct gateway_plan;
struct net;
struct tlcp_identity;
struct tls_identity;

enum {
    GATEWAY_CONNECTIONS_MAX = 10'000,      /* of clients, on one listener */
    GATEWAY_CLIENT_CONNECTIONS_MAX = 1000, /* of these, of one client */
    GATEWAY_REQUESTS_MAX = 10'000,         /* on one connection */
    GATEWAY_TARGET_MAX = 8192,
    GATEWAY_INTERIM_MAX = 8,                 /* answers 1xx before the one that counts */
    GATEWAY_BLOCK_BYTES = 2 * HTTP_H2_PIECE, /* read at a time, and held, in either direction of a
                                                request */
    GATEWAY_BLOCKS_KEPT = 128,
    GATEWAY_EXCHANGES_KEPT = 256,
    GATEWAY_TRIES_MAX = 3, /* of a request, if more than one is allowed */

    GATEWAY_CLIENT_RATE = 128, /* bytes that earn a client a second of its client_timeout back */

    /* Seconds; those that may be wanted otherwise are in the configuration. */
    GATEWAY_STRANGER_SECONDS = 30,   /* client_timeout of one whose site is not known, or no more */
    GATEWAY_LINGER_SECONDS = 5,      /* after the last answer, for the client to read it */
    GATEWAY_DRAIN_SECONDS = 2,       /* for the first request of one who came just before */
    GATEWAY_FIND_SECONDS = 20,       /* for a connection to any backend */
    GATEWAY_TUNNEL_END_SECONDS = 10, /* for a backend to end what the client has ended */
    /* That a client may still send after it: what is on its way at a time fills the buffers of both
     * kernels, and many look for an answer only when all is sent. */
    GATEWAY_LINGER_BYTES = 64 * 1024 * 1024,
    /* A request that must not be sent twice takes a kept connection only if it is younger: the
     * backend may just be closing it. */
    GATEWAY_FRESH_SECONDS = 1,
};

struct gateway_conf {
    struct ev *ev;
    struct net *net;
    size_t connections; /* 0: GATEWAY_CONNECTIONS_MAX */
    size_t per_client;  /* 0: GATEWAY_CLIENT_CONNECTIONS_MAX */
    /* Hands lines of the access log to who writes them: see gateway/lines.h. NULL: nobody does. */
    enum rc (*write)(void *arg, unsigned format, struct str lines);
    void *arg;
    struct gateway_ask inspect; /* who inspects requests; ask NULL: nobody does */
    bool away; /* identities of its sites may be of keys that are away (tls/signer.h) */
};

/* Without sites yet. Loop and net must outlive it. Needs crypto_init. RC_NOMEM, RC_CRYPTO. */
enum rc gateway_new(const struct gateway_conf *conf, struct gateway **out);
/* Closes everything at once. */
void gateway_free(struct gateway *g);
DEFINE_FREEP(gateway_free, struct gateway)

/* Adds a listening socket, which stays the caller's and outlives the gateway. It accepts nobody
 * before gateway_start. RC_NOMEM, RC_IO. */
enum rc gateway_listen(struct gateway *g, int fd);
void gateway_start(struct gateway *g);
/* Accepts no more; what is under way ends, and idle connections are closed. `done` comes once,
 * perhaps from inside. */
void gateway_drain(struct gateway *g, void (*done)(void *arg), void *arg);

/* Makes all that the sites of `conf` need, so that gateway_commit cannot fail. RC_NOMEM, RC_CRYPTO;
 * RC_INVAL names a backend that is no http URL. */
enum rc gateway_prepare(struct gateway *g, const struct conf *conf, struct dns_zones *zones,
                        struct gateway_plan **out, struct err *err);
void gateway_plan_free(struct gateway_plan *plan);
DEFINE_FREEP(gateway_plan_free, struct gateway_plan)
/* From now on these are the sites. Requests under way end with the backends they began with;
 * connections of a site that is no more are closed, after the answer. Takes the plan. */
void gateway_commit(struct gateway *g, struct gateway_plan *plan);

/* New handshakes for the site show it. RC_NOTFOUND: there is no such site. */
enum rc gateway_set_identity(struct gateway *g, struct str site, struct tls_identity *id);
/* The same for handshakes of TLCP (GB/T 38636). */
enum rc gateway_set_tlcp(struct gateway *g, struct str site, struct tlcp_identity *id);
/* The OCSP answer about it, as tls_site_staple_sm2. */
enum rc gateway_staple_sm2(struct gateway *g, struct str site, struct str answer, when_t until);
/* Proofs of a site's name for another CA: by http-01, shown from now on or not any more; and by
 * tls-alpn-01, what clients get that speak acme-tls/1 and nothing else, NULL: nothing. RC_NOTFOUND:
 * there is no such site; as http_proofs_add. */
enum rc gateway_prove_http(struct gateway *g, bool shown, struct str site, struct str token,
                           struct str answer);
enum rc gateway_prove_tls(struct gateway *g, struct str site, struct tls_identity *id);
/* Of all sites: none any more. */
void gateway_prove_nothing(struct gateway *g);
/* Every site has something to show. */
bool gateway_certified(struct gateway *g);
/* How it went with the lines that `write` was given last in that format (enum conf_access). */
void gateway_access_told(struct gateway *g, unsigned format, enum rc rc, const struct err *err);
/* Who writes them has come. */
void gateway_access_push(struct gateway *g);
/* Hands on the last lines; `done` comes once, perhaps from inside, when they are written or have
 * taken too long. */
void gateway_access_end(struct gateway *g, void (*done)(void *arg), void *arg);
/* As tls_context_set_ticket_keys. */
enum rc gateway_set_ticket_keys(struct gateway *g, const struct str *keys, size_t n);
