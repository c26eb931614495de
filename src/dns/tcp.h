/* SPDX-License-Identifier: Apache-2.0 */
/* One message to one name server over TCP, and what comes back (RFC 7766): for messages that no
 * datagram should carry. Embedded in its owner. */
#pragma once

#include "base/buf.h"
#include "dns/wire.h"
#include "ev/ev.h"
#include "net/net.h"

/* RC_OK with the bytes of the answer, borrowed; RC_TIMEOUT, RC_NET, RC_NOMEM with `err`. Comes
 * once, and the exchange is over by then. */
typedef void (*dns_tcp_fn)(void *arg, enum rc rc, struct str wire, const struct err *err);

struct dns_tcp {
    struct ev *ev;
    struct net *net;
    struct buf out, in;
    int fd;
    struct ev_fd *watch;
    struct net_dial *dial;
    struct ev_timer timer;
    dns_tcp_fn fn;
    void *arg;
};

void dns_tcp_init(struct dns_tcp *x, struct ev *ev, struct net *net);
/* `message` is copied. The callback never comes from inside. One at a time. RC_TOOBIG, RC_NOMEM:
 * it does not come. */
enum rc dns_tcp_start(struct dns_tcp *x, struct str message, const struct addr_port *server,
                      int64_t timeout, dns_tcp_fn fn, void *arg);
/* No callback comes any more. */
void dns_tcp_stop(struct dns_tcp *x);
