/* SPDX-License-Identifier: Apache-2.0 */
#include "base/when.h"
#include "ev/clock.h"
#include "gateway/gateway_int.h"
#include "http/server.h"

enum state { READ, LINGER, ENDED };

static struct gateway_client *client_of(const struct gateway_exchange *x)
{
    return LIST_ENTRY(x->peer, struct gateway_client, peer);
}

/* The one who pumps tells the owner. Half an answer must not look like a whole one, so then nothing
 * is said. */
static void end(struct gateway_client *c)
{
    c->peer.shut = c->peer.shut || (c->x && c->x->state > GATEWAY_READ);
    ev_timer_stop(&c->peer.timer);
    gateway_exchange_give(MOVE(c->x));
    gateway_peer_want(&c->peer, 0);
    c->state = ENDED;
}

/* No more requests. */
static void begin_linger(struct gateway_client *c)
{
    gateway_peer_set_idle(&c->peer, false);
    c->state = LINGER;
    gateway_peer_allow(&c->peer, GATEWAY_LINGER_SECONDS * WHEN_SECOND);
}

/* ---- steps; false: nothing more to do until something happens */

static bool step_linger(struct gateway_client *c)
{
    enum gateway_linger what = gateway_peer_linger(&c->peer);

    if (what == GATEWAY_LINGER_OVER)
        end(c);
    return what == GATEWAY_LINGER_MORE;
}

/* The time for a head is all of it, from its first byte. */
static void look_at_the_time(struct gateway_client *c)
{
    uint8_t phase = (uint8_t)http_reader_phase(c->x->up.reader);

    if (c->x->state != GATEWAY_READ)
        ev_timer_stop(&c->peer.timer);
    else if (phase == HTTP_PHASE_HEAD && c->phase != HTTP_PHASE_HEAD)
        gateway_peer_allow(&c->peer, c->peer.gateway->head_timeout);
    c->phase = phase;
}

/* True: there is more to do. */
static bool waiting(struct gateway_client *c)
{
    c->ready = c->x->up.ready;
    if (gateway_exchange_idle(c->x)) {
        gateway_exchange_give(MOVE(c->x));
        c->phase = HTTP_PHASE_IDLE;
        if (c->peer.draining && c->served) {
            begin_linger(c);
            return true;
        }
        gateway_peer_set_idle(&c->peer, true);
        gateway_peer_want(&c->peer, NET_WANT_READ);
        return false;
    }
    gateway_peer_set_idle(&c->peer, false);
    look_at_the_time(c);
    return false;
}

static void answered(struct gateway_client *c, bool last)
{
    gateway_peer_set_idle(&c->peer, false);
    c->served = true;
    c->ready = c->x->up.ready;
    c->phase = HTTP_PHASE_IDLE;
    if (last || !c->x->up.in)
        gateway_exchange_give(MOVE(c->x));
    else
        gateway_exchange_next(c->x);
    if (last)
        begin_linger(c);
    else
        gateway_peer_allow(&c->peer, c->peer.gateway->idle_timeout);
}

static void pump(struct gateway_client *c);

static void front_pump(struct gateway_exchange *x)
{
    pump(client_of(x));
}

static void front_want(struct gateway_exchange *x, unsigned wants)
{
    gateway_peer_want(x->peer, wants);
}

static void front_answer(struct gateway_exchange *x, const struct http_answer *a)
{
    unsigned minor = http_reader_get(x->up.reader)->minor;

    x->last = x->last || http_forward_framing(a->framing, minor) == HTTP_FRAMING_CLOSE;
    x->down.chunked = http_forward_framing(a->framing, minor) == HTTP_FRAMING_CHUNKED;
    http_put_answer(a, minor, x->last, &x->down.out);
}

static void front_cont(struct gateway_exchange *x)
{
    buf_puts(&x->down.out, STR("HTTP/1.1 100 Continue\r\n\r\n"));
}

static void front_end(struct gateway_exchange *)
{
}

static const struct gateway_front front = {NULL,         front_pump, front_want,
                                           front_answer, front_cont, front_end};

static bool take(struct gateway_client *c)
{
    if (c->x)
        return true;
    c->x = gateway_exchange_take(&c->peer, &front, c->peer.t);
    if (c->x)
        c->x->up.ready = c->ready;
    return c->x;
}

static bool step_read(struct gateway_client *c)
{
    if (!take(c)) {
        end(c);
        return false;
    }
    switch (gateway_exchange_step(c->x)) {
    case GATEWAY_WAIT:
        return waiting(c);
    case GATEWAY_NEXT:
        answered(c, false);
        return true;
    case GATEWAY_LAST:
        answered(c, true);
        return true;
    case GATEWAY_CUT:
        break;
    }
    end(c);
    return false;
}

/* Goes on with whatever is possible. It may be gone afterwards. */
static void pump(struct gateway_client *c)
{
    bool going = true;

    if (c->pumping)
        return;
    c->pumping = true;
    while (going && c->state != ENDED)
        going = c->state == LINGER ? step_linger(c) : step_read(c);
    c->pumping = false;
    if (c->state == ENDED)
        c->peer.gateway->on_closed(c->peer.owner);
}

static void on_ready(void *arg)
{
    struct gateway_client *c = arg;

    c->ready = true;
    if (c->x)
        c->x->up.ready = true;
    pump(c);
}

static void on_timer(void *arg)
{
    struct gateway_client *c = arg;

    if (c->state == READ && c->x)
        c->x->late = true;
    else if (c->state == READ && c->served)
        begin_linger(c);
    else
        end(c);
    if (c->state == ENDED)
        c->peer.gateway->on_closed(c->peer.owner);
    else
        pump(c);
}

static void peer_drain(struct gateway_peer *p)
{
    struct gateway_client *c = LIST_ENTRY(p, struct gateway_client, peer);

    p->draining = true;
    if (c->state != READ || c->x || c->pumping)
        return;
    /* A newcomer's first request is on its way, and he could not know. */
    if (!c->served)
        gateway_peer_allow(p, GATEWAY_DRAIN_SECONDS * WHEN_SECOND);
    else
        pump(c);
}

/* ---- for the server */

static void client_free(void *conn)
{
    struct gateway_client *c = conn;

    if (c->state != ENDED)
        end(c);
    gateway_peer_done(&c->peer);
    mem_free(c);
}

static enum rc client_new(void *arg, struct net_stream *t, struct tls_conn *tls,
                          const struct addr *client, void *owner, void **out)
{
    struct gateway_client *c = MEM_NEW(struct gateway_client);

    if (!c) {
        net_stream_free(t);
        return RC_NOMEM;
    }
    gateway_peer_init(&c->peer, arg, t, tls, client);
    ev_timer_init(&c->peer.timer, c->peer.gateway->conf.ev, on_timer, c);
    c->peer.owner = owner;
    c->peer.drain = peer_drain;
    t->ready = on_ready;
    t->arg = c;
    *out = c;
    return RC_OK;
}

static void client_start(void *conn)
{
    struct gateway_client *c = conn;

    gateway_peer_allow(&c->peer, c->peer.gateway->head_timeout);
    c->ready = true;
    gateway_peer_set_idle(&c->peer, true);
    gateway_peer_want(&c->peer, NET_WANT_READ);
    if (c->peer.site && !c->peer.site->route)
        peer_drain(&c->peer);
}

static void client_refuse(void *conn)
{
    struct gateway_client *c = conn;

    if (take(c)) {
        c->x->last = true;
        IGNORE_RC(id_new_from(&c->x->gateway->ids,
                              &c->x->id)); /* an answer without an id is better than none */
        gateway_exchange_set_answer(c->x, 503);
    } else {
        end(c);
    }
    pump(c);
}

static void client_drain(void *conn)
{
    peer_drain(&((struct gateway_client *)conn)->peer);
}

const struct http_server_speaker gateway_client_speaker = {client_new, client_start, client_refuse,
                                                           client_drain, client_free};
