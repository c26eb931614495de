/* SPDX-License-Identifier: Apache-2.0 */
/* One GET over HTTP or HTTPS, or one TLS handshake that offers a protocol, with one address that
 * was chosen, and judged, by the caller: no lookup, no redirect, no policy but that of
 * validate/reach.h for what was reached, no deadline but that of connecting. Certificates are not
 * verified. Embedded in its owner. */
#pragma once

#include "base/buf.h"
#include "ev/ev.h"
#include "http/client.h"
#include "net/net.h"

enum {
    FETCH_BYTES_MAX = 64 * 1024, /* of a whole response, however it is framed */
    FETCH_REQUEST_MAX = 8 * 1024,
};

struct conf;
struct net_stream;
struct tls_client;
struct validate_fetch;

/* RC_OK: the response is complete in `f->http`, or the handshake is done and `f->tls` is open.
 * RC_TOOBIG: its body is longer than wanted, status and headers are there. Else `err` says why
 * there is none: RC_NET, RC_TIMEOUT, RC_DENIED (while connecting); RC_NET, RC_CLOSED, RC_PARSE,
 * RC_CRYPTO (f->connected); RC_NOMEM, RC_IO. Comes once. */
typedef void (*validate_fetch_fn)(void *arg, enum rc rc, const struct err *err);

struct validate_fetch {
    struct ev *ev;
    struct net *net;
    const struct conf *conf;
    validate_fetch_fn fn;
    void *arg;
    struct addr_port to;
    bool connected;
    bool secure; /* TLS, before anything else */
    struct str alpn, server_name;
    struct net_dial *dial;
    struct tls_client *tls; /* until it is a stream */
    struct net_stream *stream;
    struct buf out;
    size_t received;
    struct http_client *http;
};

struct validate_fetch_plan {
    const struct http_url *url; /* borrowed until the end */
    struct addr_port to;
    size_t max_body;
    int64_t timeout;        /* for connecting, microseconds */
    struct str alpn;        /* not empty: a handshake that offers it, and nothing more */
    struct str server_name; /* SNI, with TLS; empty: none */
};

void validate_fetch_init(struct validate_fetch *f, struct ev *ev, struct net *net);
/* The callback never comes from inside this function. What went before is forgotten. RC_NOMEM;
 * RC_TOOBIG for a URL that passes FETCH_REQUEST_MAX. */
enum rc validate_fetch_start(struct validate_fetch *f, const struct validate_fetch_plan *plan);
/* No callback comes any more; frees the response. */
void validate_fetch_done(struct validate_fetch *f);
