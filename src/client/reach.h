/* SPDX-License-Identifier: Apache-2.0 */
/* The way to an ACME server anywhere: its name is looked up as this machine looks names up (the
 * hosts file included), or by who uses this; of its addresses the first that answers is taken
 * (net/race.h), and over https the server has to show a certificate for that very name or address,
 * through a proxy as well. An address where the handshake comes to nothing, for whoever is there is
 * silent or goes away, is left for another one. The lookup is libc's, and the loop waits for it:
 * whoever uses this has nothing more urgent to do than to reach that server. */
#pragma once

#include "base/err.h"
#include "base/mem.h"
#include "http/url.h"
#include "net/race.h"

struct client_proxy;
struct client_reach;
struct ev;
struct net;
struct net_stream;
struct tls_identity;
struct tls_trust;

/* The addresses of a name, up to `max` of them; errors as net_lookup. */
typedef enum rc (*client_names_fn)(void *arg, struct str host, struct addr *out, size_t max,
                                   size_t *out_n, struct err *err);

enum {
    CLIENT_REACH_ADDRESSES_MAX = NET_RACE_MAX,
    CLIENT_REACH_DIAL_SECONDS = 10, /* for one address */
    CLIENT_REACH_TLS_SECONDS = 15,
};

/* All of it outlives what is reached with it. */
struct client_reach_conf {
    struct ev *ev;
    struct net *net;
    const struct tls_trust *trust; /* of https; NULL: there is no https */
    /* Instead of `trust`, for a look: whoever answers will do, and what it shows is appended, as
     * PEM. */
    struct buf *chain;
    struct tls_identity *identity; /* shown where the server asks for one; NULL: none */
    struct str alpn; /* the one protocol offered, over which HTTP/1.1 is spoken; empty:
                        "http/1.1" */
    const struct client_proxy *proxies; /* two, of http and of https URLs; NULL: there are none */
    /* Instead of libc, for a process that may open no file; NULL: libc. */
    client_names_fn names;
    void *names_arg;
};

/* RC_OK with an open stream, which the callee owns; else NULL, and `err` names the server, the
 * cause and the cure: RC_NOTFOUND (no such name), RC_NET, RC_TIMEOUT, RC_DENIED, RC_CRYPTO (the
 * handshake, or its certificate), RC_NOMEM. */
typedef void (*client_reach_fn)(void *arg, enum rc rc, struct net_stream *stream,
                                const struct err *err);

/* The callback comes once, never from inside; *out is valid until then. What is needed of `url` is
 * copied. RC_NOMEM, RC_TOOBIG (its host), RC_UNSUPPORTED (https without roots). */
enum rc client_reach_start(const struct client_reach_conf *conf, const struct http_url *url,
                           client_reach_fn fn, void *arg, struct client_reach **out);
/* The callback does not come. */
void client_reach_cancel(struct client_reach *r);
DEFINE_FREEP(client_reach_cancel, struct client_reach)
