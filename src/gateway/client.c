/* SPDX-License-Identifier: Apache-2.0 */
#include "ev/clock.h"
#include "gateway/account.h"
#include "gateway/gateway_int.h"
#include "http/server.h"
#include "tls/conn.h"

enum state { READ, LINGER, ENDED };

static void set_idle(struct gateway_client *c, bool idle)
{
    if (c->idle == idle)
        return;
    c->idle = idle;
    c->gateway->on_idle(c->owner, idle);
}

static void allow(struct gateway_client *c, int seconds)
{
    ev_timer_start(&c->timer, seconds * WHEN_SECOND, 0);
}

void gateway_client_want(struct gateway_client *c, unsigned wants)
{
    if (c->wants != wants)
        c->t->ops->want(c->t, wants);
    c->wants = wants;
}

/* The one who pumps tells the owner. Half an answer must not look like a whole one, so then nothing
 * is said. */
static void end(struct gateway_client *c)
{
    c->shut = c->shut || (c->x && c->x->state > GATEWAY_READ);
    ev_timer_stop(&c->timer);
    gateway_exchange_give(MOVE(c->x));
    gateway_client_want(c, 0);
    c->state = ENDED;
}

/* No more requests. One that crosses this is read and dropped, for the client would lose our last
 * words to a reset. */
static void begin_linger(struct gateway_client *c)
{
    set_idle(c, false);
    c->state = LINGER;
    allow(c, GATEWAY_LINGER_SECONDS);
}

/* ---- steps; false: nothing more to do until something happens */

static bool step_linger(struct gateway_client *c)
{
    char scratch[4096];
    enum rc rc = RC_OK;
    size_t n = 0;

    if (!c->shut) {
        rc = c->t->ops->shutdown(c->t);
        if (rc == RC_AGAIN)
            gateway_client_want(c, NET_WANT_WRITE);
        c->shut = rc != RC_AGAIN;
        if (c->shut && rc != RC_OK)
            end(c);
        return rc == RC_OK;
    }
    rc = c->t->ops->read(c->t, scratch, sizeof(scratch), &n);
    if (rc == RC_OK && (c->lingered += n) <= GATEWAY_LINGER_BYTES)
        return true;
    if (rc == RC_AGAIN)
        gateway_client_want(c, NET_WANT_READ);
    else
        end(c);
    return false;
}

/* The time for a head is all of it, from its first byte. */
static void look_at_the_time(struct gateway_client *c)
{
    uint8_t phase = (uint8_t)http_reader_phase(c->x->up.reader);

    if (c->x->state != GATEWAY_READ)
        ev_timer_stop(&c->timer);
    else if (phase == HTTP_PHASE_HEAD && c->phase != HTTP_PHASE_HEAD)
        allow(c, GATEWAY_HEAD_SECONDS);
    c->phase = phase;
}

/* True: there is more to do. */
static bool waiting(struct gateway_client *c)
{
    c->ready = c->x->up.ready;
    if (gateway_exchange_idle(c->x)) {
        gateway_exchange_give(MOVE(c->x));
        c->phase = HTTP_PHASE_IDLE;
        if (c->draining && c->served) {
            begin_linger(c);
            return true;
        }
        set_idle(c, true);
        gateway_client_want(c, NET_WANT_READ);
        return false;
    }
    set_idle(c, false);
    look_at_the_time(c);
    return false;
}

static void answered(struct gateway_client *c, bool last)
{
    set_idle(c, false);
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
        allow(c, GATEWAY_IDLE_SECONDS);
}

static bool step_read(struct gateway_client *c)
{
    if (!c->x)
        c->x = gateway_exchange_take(c);
    if (!c->x) {
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

void gateway_client_pump(struct gateway_client *c)
{
    bool going = true;

    if (c->pumping)
        return;
    c->pumping = true;
    while (going && c->state != ENDED)
        going = c->state == LINGER ? step_linger(c) : step_read(c);
    c->pumping = false;
    if (c->state == ENDED)
        c->gateway->on_closed(c->owner);
}

static void on_ready(void *arg)
{
    struct gateway_client *c = arg;

    c->ready = true;
    if (c->x)
        c->x->up.ready = true;
    gateway_client_pump(c);
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
        c->gateway->on_closed(c->owner);
    else
        gateway_client_pump(c);
}

/* ---- for the server */

static void client_free(void *conn)
{
    struct gateway_client *c = conn;

    gateway_count_client(-1);
    ev_timer_stop(&c->timer);
    if (c->state != ENDED)
        end(c);
    /* Over TLS an end without close_notify looks like an attack. One try: there is room, or what
     * was written before has not been taken either. */
    if (!c->shut)
        IGNORE_RC(c->t->ops->shutdown(c->t)); /* the client is gone, or will find out */
    list_remove(&c->link);
    gateway_site_unref(c->site);
    net_stream_free(c->t);
    mem_free(c);
}

static enum rc client_new(void *arg, struct net_stream *t, struct tls_conn *tls,
                          const struct addr *client, void *owner, void **out)
{
    struct gateway_client *c = MEM_NEW(struct gateway_client);
    struct tls_site *site = tls ? tls_conn_site(tls) : NULL;

    if (!c) {
        net_stream_free(t);
        return RC_NOMEM;
    }
    c->gateway = arg;
    c->t = t;
    c->owner = owner;
    list_init(&c->link);
    if (site) {
        c->site = gateway_site_ref(LIST_ENTRY(site, struct gateway_site, tls));
        list_push(&c->site->clients, &c->link);
    }
    (void)addr_text(client, c->addr);
    ev_timer_init(&c->timer, c->gateway->conf.ev, on_timer, c);
    t->ready = on_ready;
    t->arg = c;
    gateway_count_client(1);
    *out = c;
    return RC_OK;
}

static void client_start(void *conn)
{
    struct gateway_client *c = conn;

    allow(c, GATEWAY_HEAD_SECONDS);
    c->ready = true;
    set_idle(c, true);
    gateway_client_want(c, NET_WANT_READ);
    if (c->site && !c->site->route)
        gateway_client_drain(c);
}

static void client_refuse(void *conn)
{
    struct gateway_client *c = conn;

    c->x = gateway_exchange_take(c);
    if (c->x) {
        c->x->last = true;
        IGNORE_RC(id_new(&c->x->id)); /* an answer without an id is better than none */
        gateway_exchange_set_answer(c->x, 503);
    } else {
        end(c);
    }
    gateway_client_pump(c);
}

void gateway_client_drain(struct gateway_client *c)
{
    c->draining = true;
    if (c->state != READ || c->x || c->pumping)
        return;
    /* A newcomer's first request is on its way, and he could not know. */
    if (!c->served)
        allow(c, GATEWAY_DRAIN_SECONDS);
    else
        gateway_client_pump(c);
}

static void client_drain(void *conn)
{
    gateway_client_drain(conn);
}

const struct http_server_speaker gateway_client_speaker = {client_new, client_start, client_refuse,
                                                           client_drain, client_free};
