/* SPDX-License-Identifier: Apache-2.0 */
/* A connection through a proxy, on which nothing has been said yet. */
#pragma once

#include "client/proxy.h"

struct client_tunnel;
struct ev;

/* RC_OK: the callee owns `fd`. Otherwise it is -1, and `err` says why: as client_proxy_answer,
 * RC_NET, RC_TIMEOUT, RC_NOMEM. */
typedef void (*client_tunnel_fn)(void *arg, enum rc rc, int fd, const struct err *err);

struct client_tunnel_conf {
    struct ev *ev;
    const struct client_proxy *proxy;
    struct str where; /* "host:port" */
    client_tunnel_fn fn;
    void *arg;
};

/* Over `fd`, a connection to the proxy, which the callee takes over also on failure. The callback
 * comes once, never from inside. RC_NOMEM, RC_IO. */
enum rc client_tunnel_new(const struct client_tunnel_conf *conf, int fd,
                          struct client_tunnel **out);
/* The callback does not come any more. */
void client_tunnel_free(struct client_tunnel *t);
DEFINE_FREEP(client_tunnel_free, struct client_tunnel)
