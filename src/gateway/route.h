/* SPDX-License-Identifier: Apache-2.0 */
/* What a site does with its requests: which backends they go to, or what they are answered, by
 * their paths. Made from a configuration, immutable but for what its pools count, and shared by
 * count with the requests that began with it. */
#pragma once

#include "backend/pool.h"
#include "base/arena.h"
#include "gateway/rate.h"
#include "http/forward.h"

struct tls_clients;

enum { GATEWAY_ROUTE_BYTES = 1 << 20 };

struct gateway_path {
    struct str path;
    struct backend_pool *pool; /* NULL: the site's */
    struct str replace;        /* empty: nothing is replaced */
    struct str redirect, answer;
    int status;
};

struct gateway_route {
    size_t refs;
    unsigned kinds; /* of keys that the site is to have, bits TLS_KIND_ */
    struct backend_pool *pool;
    struct gateway_path *paths;
    size_t n_paths;
    struct http_header *request; /* set in what backends get */
    struct http_header *response;
    size_t n_request, n_response;
    struct str maintenance; /* empty: none */
    bool access_log;
    enum conf_waf waf;
    bool passes; /* connections, not requests: through.c */
    bool tls_sm; /* as struct tls_site has `sm` */
    enum conf_send_proxy send_proxy;
    struct tls_clients
        *clients;            /* by what clients are asked for certificates; NULL: they are not */
    unsigned client_headers; /* what backends are told of them, bits of CONF_CLIENT_ */
    struct conf_nets allow, deny; /* in the arena */
    struct gateway_rate rate;
    int64_t client_timeout;   /* in which a client that is waited for moves nothing */
    int64_t response_timeout; /* ... a backend */
    int64_t tunnel_timeout;   /* ... neither side of WebSocket, or of what is passed on */
    struct arena arena;       /* of all texts here */
};

/* RC_NOMEM, RC_CRYPTO; RC_INVAL names a backend that is no http URL, or roots or lists that cannot
 * be read. */
enum rc gateway_route_new(struct backends *all, const struct conf *conf,
                          const struct conf_site *site, struct gateway_route **out,
                          struct err *err);
struct gateway_route *gateway_route_ref(struct gateway_route *r);
void gateway_route_unref(struct gateway_route *r);
DEFINE_FREEP(gateway_route_unref, struct gateway_route)
/* The checks of its pools begin, as in backend_pool_start; end. */
void gateway_route_start(struct gateway_route *r, struct gateway_route *before);
void gateway_route_stop(struct gateway_route *r);

/* Is this client served? */
bool gateway_route_admits(const struct gateway_route *r, const struct addr *client);
/* Which of the paths a request's path is in; *out NULL: none, the site's own; *out_at: where in it
 * what follows the path begins. RC_INVAL: it has segments "." or "..", however written: what the
 * backend makes of them might be in another path. `text` is for work. RC_NOMEM. */
enum rc gateway_route_find(const struct gateway_route *r, struct str path, struct buf *text,
                           const struct gateway_path **out, size_t *out_at);
/* Where this request is sent to by a path that redirects. */
void gateway_route_put_location(const struct gateway_path *p, struct str rest, struct str query,
                                struct buf *out);
/* Sets what the configuration wants in answers. */
void gateway_route_dress(const struct gateway_route *r, struct http_answer *a);
