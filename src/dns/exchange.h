/* SPDX-License-Identifier: Apache-2.0 */
/* One question to one server: by UDP from a port and with an id of its own, again by TCP when the
 * answer did not fit. Embedded in its owner. */
#pragma once

#include "base/buf.h"
#include "dns/wire.h"
#include "ev/ev.h"
#include "net/net.h"

/* RC_OK with the reply; RC_TIMEOUT; RC_NET: the server cannot be reached; RC_PARSE, RC_TOOBIG: what
 * it sent cannot be used; RC_NOMEM. Comes once, and the exchange is over by then. `tcp`: it came,
 * or failed, that way. */
typedef void (*dns_exchange_cb)(void *arg, enum rc rc, const struct dns_reply *reply, bool tcp);

struct dns_exchange {
    struct ev *ev;
    struct net *net;
    struct arena *arena; /* of the reply's records */
    dns_exchange_cb cb;
    void *arg;
    struct dns_query query;
    struct addr_port server;
    int64_t timeout;
    int fd;
    bool tcp;
    unsigned strays;
    struct ev_fd *watch;
    struct net_dial *dial;
    struct ev_timer timer;
    struct buf out;
    struct buf in;
};

void dns_exchange_init(struct dns_exchange *x, struct ev *ev, struct net *net, struct arena *arena);
/* Asks; `query->id` is chosen here, query->name is borrowed until the callback, which never comes
 * from inside this function. Errors as the callback's, and RC_INVAL for a name that is none; the
 * callback then does not come. One at a time. */
enum rc dns_exchange_start(struct dns_exchange *x, const struct dns_query *query,
                           const struct addr_port *server, int64_t timeout, dns_exchange_cb cb,
                           void *arg);
/* No callback comes any more. */
void dns_exchange_stop(struct dns_exchange *x);
