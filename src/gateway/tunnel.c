/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket: after the backend has granted it, bytes pass both ways as they come, and what they say
 * is nobody's business here. The one who goes first takes the other with him, once what he said has
 * been passed on. */
#include "base/when.h"
#include "gateway/account.h"
#include "gateway/gateway_int.h"

MSG(msg_idle, "gateway.tunnel-idle", "nothing came for {0} (tunnel_timeout)");
MSG(msg_broken, "gateway.tunnel-broken", "the connection of the {0} broke");

void gateway_tunnel_begin(struct gateway_exchange *x)
{
    x->state = GATEWAY_TUNNEL;
    x->last = true;
    x->up.raw = x->down.raw = true;
    x->up.ready = x->down.ready = true;
    x->up.ended = x->down.ended = false;
    x->full = false;
    gateway_patience_init(&x->backend_time, x->route->tunnel_timeout, 0);
}

static bool gone(enum gateway_relay_end how)
{
    return how == GATEWAY_RELAY_SOURCE_GONE || how == GATEWAY_RELAY_SINK_GONE ||
           how == GATEWAY_RELAY_NOMEM;
}

static bool broken(struct gateway_exchange *x, enum gateway_relay_end how, const char *source,
                   const char *sink)
{
    const char *who = how == GATEWAY_RELAY_SOURCE_GONE ? source : sink;

    if (!gone(how))
        return false;
    IGNORE_RC(ERR(&x->why, RC_NET, msg_broken, str_of(who)));
    return true;
}

static enum gateway_step end(struct gateway_exchange *x)
{
    x->front->end(x);
    gateway_tell(x, true);
    x->state = GATEWAY_READ;
    return GATEWAY_LAST;
}

static enum gateway_step late(struct gateway_exchange *x)
{
    CLEANUP(buf_done) struct buf span = BUF_INIT(WHEN_TEXT);

    when_put_span(&span, x->backend_time.most);
    if (!x->leaving)
        IGNORE_RC(ERR(&x->why, RC_TIMEOUT, msg_idle, buf_str(&span)));
    return end(x);
}

/* The client's end is passed on behind what it said; a backend that has to end its side, too, is
 * given a while for that. */
static bool left(struct gateway_exchange *x)
{
    if (x->link->t->ops->shutdown(x->link->t) != RC_AGAIN)
        return true;
    if (!x->leaving)
        gateway_patience_init(&x->backend_time, GATEWAY_TUNNEL_END_SECONDS * WHEN_SECOND, 0);
    x->leaving = true;
    return false;
}

static unsigned wants(enum gateway_relay_end from, enum gateway_relay_end to)
{
    return (from == GATEWAY_RELAY_READ ? NET_WANT_READ : 0) |
           (to == GATEWAY_RELAY_WRITE ? NET_WANT_WRITE : 0);
}

enum gateway_step gateway_tunnel_step(struct gateway_exchange *x)
{
    uint64_t before = x->up.read + x->down.read;
    enum gateway_relay_end up, down;

    if (x->late)
        return late(x);
    up = gateway_relay_run(&x->up, x->t, x->link->t, &x->why);
    down = gateway_relay_run(&x->down, x->link->t, x->t, &x->why);
    if (x->leaving && (gone(up) || gone(down)))
        return end(x);
    if (broken(x, up, "client", "backend") || broken(x, down, "backend", "client"))
        return GATEWAY_CUT;
    if (down == GATEWAY_RELAY_DONE || (up == GATEWAY_RELAY_DONE && left(x)))
        return end(x);
    gateway_patience_moved(&x->backend_time, x->up.read + x->down.read - before,
                           gateway_now(x->gateway));
    x->front->want(x, wants(up, down));
    x->link->t->ops->want(x->link->t, wants(down, up));
    if (up == GATEWAY_RELAY_YIELD || down == GATEWAY_RELAY_YIELD)
        ev_defer(x->gateway->conf.ev, &x->again);
    gateway_exchange_await(x, false, true);
    return GATEWAY_WAIT;
}
