/* SPDX-License-Identifier: Apache-2.0 */
/* One GET over plain HTTP from one address that was chosen, and judged, by the caller: no lookup,
 * no redirect, no policy, no deadline but that of connecting. Embedded in its owner. */
#pragma once

#include "base/buf.h"
#include "ev/ev.h"
#include "http/client.h"
#include "net/net.h"

enum {
    FETCH_BYTES_MAX = 64 * 1024, /* of a whole response, however it is framed */
    FETCH_REQUEST_MAX = 8 * 1024,
};

struct validate_fetch;

/* RC_OK: the response is complete in `f->http`. RC_TOOBIG: its body is longer than wanted, status
 * and headers are there. Else `err` says why there is none: RC_NET, RC_TIMEOUT, RC_DENIED (while
 * connecting); RC_NET, RC_CLOSED, RC_PARSE (f->connected); RC_NOMEM, RC_IO. Comes once. */
typedef void (*validate_fetch_fn)(void *arg, enum rc rc, const struct err *err);

struct validate_fetch {
    struct ev *ev;
    struct net *net;
    validate_fetch_fn fn;
    void *arg;
    struct addr_port to;
    bool connected;
    int fd;
    struct net_dial *dial;
    struct ev_fd *watch;
    struct buf out;
    size_t received;
    struct http_client *http;
};

void validate_fetch_init(struct validate_fetch *f, struct ev *ev, struct net *net);
/* `timeout`: for connecting, microseconds. The callback never comes from inside this function. What
 * went before is forgotten. RC_NOMEM; RC_TOOBIG for a URL that passes FETCH_REQUEST_MAX. */
enum rc validate_fetch_start(struct validate_fetch *f, const struct http_url *url,
                             const struct addr_port *to, size_t max_body, int64_t timeout);
/* No callback comes any more; frees the response. */
void validate_fetch_done(struct validate_fetch *f);
