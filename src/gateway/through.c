/* SPDX-License-Identifier: Apache-2.0 */
/* A connection of a site whose TLS is not ended here: it goes to a backend as it is, from its
 * ClientHello on, and comes back the same way. Whichever side says that it sends no more, the other
 * is told, and may go on. Each direction holds one block while there are bytes in it, and reads
 * nothing before they are written: a side that takes nothing stops the other. */
#include "base/when.h"
#include "gateway/account.h"
#include "gateway/gateway_int.h"
#include "http/server.h"
#include "tls/conn.h"

MSG(msg_removed, "gateway.through-removed", "the site is no longer in the configuration");
MSG(msg_denied, "gateway.through-denied",
    "the site's `allow` and `deny` do not let this client in");
MSG(msg_full, "gateway.through-full", "there are too many connections");
MSG(msg_find_slow, "gateway.through-slow", "no backend could be reached within {0} seconds");
MSG(msg_quiet, "gateway.through-quiet", "nothing came for {0}");
MSG(msg_broken, "gateway.through-broken", "the connection of the {0} broke");

enum state { FIND, PASS, ENDED };

/* RFC 8446 section 6: what a client is told that gets no backend. */
enum alert { ACCESS_DENIED = 49, INTERNAL_ERROR = 80 };

struct way {
    struct gateway_block *in; /* NULL: nothing was read that is not written */
    bool ended;               /* the source sends no more */
    bool told;                /* and the sink knows it */
    uint64_t bytes;
};

struct through {
    struct gateway_peer peer;
    struct gateway_route *route; /* a reference */
    struct backend_find find;
    struct backend_link *link;
    const struct backend *backend; /* borrowed from the route; NULL: none yet */
    struct way up, down;
    enum state state;
    struct ev_defer again;
    char preface[NET_PROXY_PUT_MAX];
    int64_t began, moved; /* monotonic */
    bool refused;
    struct err why;
};

static int64_t now(const struct through *c)
{
    return gateway_now(c->peer.gateway);
}

/* ---- the end */

/* The one who called tells the owner; `c` stays until then. */
static void end(struct through *c)
{
    struct gateway_passed told = {
        .client = c->peer.addr,
        .site = c->peer.site ? c->peer.site->name : NULL,
        .number = c->peer.site ? c->peer.site->number : 0,
        .backend = c->backend ? c->backend->key : STR(""),
        .up = c->up.bytes,
        .down = c->down.bytes,
        .micros = now(c) - c->began,
        .why = &c->why,
    };

    c->state = ENDED;
    gateway_count_passed(&told);
    gateway_access_passed(c->peer.gateway, &told, c->peer.site, c->route);
    /* A side that broke breaks the other: half of what was said must not look like all of it. */
    c->peer.shut = c->peer.shut || c->why.rc != RC_OK || c->down.told;
    gateway_peer_want(&c->peer, 0);
    ev_timer_stop(&c->peer.timer);
    ev_defer_cancel(&c->again);
    backend_find_stop(&c->find);
    backend_link_close(MOVE(c->link));
}

/* Nothing was said to the client yet, so an alert is what it can understand. */
static void refuse(struct through *c, enum alert what)
{
    const char alert[] = {21, 3, 3, 0, 2, 2, (char)what};
    size_t n;

    /* Short enough for an empty buffer; if the client is gone, it needs none. */
    IGNORE_RC(c->peer.t->ops->write(c->peer.t, str_bytes(alert, sizeof(alert)), &n));
    end(c);
    c->peer.shut = false;
}

/* ---- bytes */

enum moved { WAIT_READ, WAIT_WRITE, MORE, DONE, SOURCE_GONE, SINK_GONE, NO_MEMORY };

static enum moved put(struct through *c, struct way *w, struct net_stream *to)
{
    size_t n = 0;
    enum rc rc = to->ops->write(to, gateway_block_str(w->in), &n);

    if (rc == RC_AGAIN)
        return WAIT_WRITE;
    if (rc != RC_OK)
        return SINK_GONE;
    w->in->at += n;
    w->bytes += n;
    if (w->in->at == w->in->n)
        gateway_block_give(&c->peer.gateway->blocks, MOVE(w->in));
    return MORE;
}

static enum moved get(struct through *c, struct way *w, struct net_stream *from)
{
    struct gateway_block *b = gateway_block_take(&c->peer.gateway->blocks);
    size_t n = 0;
    enum rc rc;

    if (!b)
        return NO_MEMORY;
    rc = from->ops->read(from, b->p, sizeof(b->p), &n);
    if (rc == RC_OK) {
        b->at = 0;
        b->n = n;
        w->in = b;
        return MORE;
    }
    gateway_block_give(&c->peer.gateway->blocks, b);
    if (rc == RC_AGAIN)
        return WAIT_READ;
    w->ended = rc == RC_CLOSED;
    return w->ended ? MORE : SOURCE_GONE;
}

static enum moved step_way(struct through *c, struct way *w, struct net_stream *from,
                           struct net_stream *to)
{
    enum rc rc;

    if (w->in)
        return put(c, w, to);
    if (!w->ended)
        return get(c, w, from);
    if (!w->told) {
        rc = to->ops->shutdown(to);
        if (rc == RC_AGAIN)
            return WAIT_WRITE;
        w->told = true;
    }
    return DONE;
}

/* A share of a turn; MORE: others are to have theirs first. */
static enum moved run(struct through *c, struct way *w, struct net_stream *from,
                      struct net_stream *to)
{
    enum moved how = MORE;

    for (int i = 0; how == MORE && i < 2 * GATEWAY_TURN_BLOCKS; i++)
        how = step_way(c, w, from, to);
    return how;
}

static bool broken(struct through *c, enum moved how, const char *source, const char *sink)
{
    const char *who = how == SOURCE_GONE ? source : sink;

    if (how == NO_MEMORY)
        c->why = (struct err){.rc = RC_NOMEM};
    else if (how == SOURCE_GONE || how == SINK_GONE)
        IGNORE_RC(ERR(&c->why, RC_NET, msg_broken, str_of(who)));
    else
        return false;
    return true;
}

static unsigned wants(enum moved from, enum moved to)
{
    return (from == WAIT_READ ? NET_WANT_READ : 0) | (to == WAIT_WRITE ? NET_WANT_WRITE : 0);
}

/* How long nothing may move, in microseconds. */
static int64_t patience(const struct through *c)
{
    int64_t most = c->route->tunnel_timeout, idle = c->peer.gateway->idle_timeout;

    if (c->peer.draining)
        return GATEWAY_DRAIN_SECONDS * WHEN_SECOND;
    return (c->up.told || c->down.told) && idle < most ? idle : most;
}

/* It counts as idle after a while, and then makes room for others. */
static void await(struct through *c)
{
    int64_t most = patience(c), idle = c->peer.gateway->idle_timeout;
    int64_t quiet = now(c) - c->moved;

    if (!c->peer.idle && idle < most)
        most = idle;
    most -= quiet;
    ev_timer_start(&c->peer.timer, most > 0 ? most : 0, 0);
}

/* Bytes, and ends that were handed on: who has just been told of one may need a while to answer. */
static uint64_t moves(const struct through *c)
{
    return c->up.bytes + c->down.bytes + c->up.told + c->down.told;
}

static void pass(struct through *c)
{
    uint64_t before = moves(c);
    enum moved up = run(c, &c->up, c->peer.t, c->link->t);
    enum moved down = run(c, &c->down, c->link->t, c->peer.t);

    if (broken(c, up, "client", "backend") || broken(c, down, "backend", "client") ||
        (up == DONE && down == DONE)) {
        end(c);
        return;
    }
    if (moves(c) > before) {
        c->moved = now(c);
        gateway_peer_set_idle(&c->peer, false);
    }
    gateway_peer_want(&c->peer, wants(up, down));
    c->link->t->ops->want(c->link->t, wants(down, up));
    if (up == MORE || down == MORE)
        ev_defer(c->peer.gateway->conf.ev, &c->again);
    await(c);
}

/* ---- a backend */

static void on_ready(void *arg);

static void begin(struct through *c, struct backend_link *l)
{
    c->link = l;
    c->backend = l->backend;
    l->t->ready = on_ready;
    l->t->arg = c;
    c->state = PASS;
    c->moved = now(c);
    pass(c);
}

static void find(struct through *c)
{
    struct backend_link *l = NULL;
    const struct gateway_site *site = c->peer.site;
    enum rc rc;

    if (c->refused || !site || !site->route) {
        IGNORE_RC(c->refused ? ERR(&c->why, RC_QUOTA, msg_full)
                             : ERR(&c->why, RC_NOTFOUND, msg_removed));
        refuse(c, INTERNAL_ERROR);
        return;
    }
    c->route = gateway_route_ref(site->route);
    if (!gateway_route_admits(c->route, &c->peer.from)) {
        IGNORE_RC(ERR(&c->why, RC_DENIED, msg_denied));
        refuse(c, ACCESS_DENIED);
        return;
    }
    c->find.preface =
        gateway_peer_preface(&c->peer, c->route->send_proxy, &c->peer.from, c->preface);
    gateway_peer_allow(&c->peer, GATEWAY_FIND_SECONDS * WHEN_SECOND);
    rc = backend_find_start(&c->find, c->route->pool, 0, &l);
    if (rc == RC_OK) {
        begin(c, l);
    } else if (rc != RC_AGAIN) {
        c->why = c->find.why;
        refuse(c, INTERNAL_ERROR);
    }
}

/* ---- events; the connection may be gone afterwards */

static void look_ended(struct through *c)
{
    if (c->state == ENDED)
        c->peer.gateway->on_closed(c->peer.owner);
}

static void on_ready(void *arg)
{
    struct through *c = arg;

    if (c->state == PASS)
        pass(c);
    look_ended(c);
}

static void on_again(void *arg)
{
    struct through *c = arg;

    if (c->state == PASS)
        pass(c);
    else if (c->state == FIND)
        find(c);
    look_ended(c);
}

static void on_found(void *arg, struct backend_link *l)
{
    struct through *c = arg;

    if (l) {
        begin(c, l);
    } else {
        c->why = c->find.why;
        refuse(c, INTERNAL_ERROR);
    }
    look_ended(c);
}

static void on_timer(void *arg)
{
    struct through *c = arg;
    CLEANUP(buf_done) struct buf span = BUF_INIT(WHEN_TEXT);

    if (c->state == FIND) {
        IGNORE_RC(ERR(&c->why, RC_TIMEOUT, msg_find_slow, STR("20")));
        refuse(c, INTERNAL_ERROR);
    } else if (now(c) - c->moved >= patience(c)) {
        when_put_span(&span, patience(c));
        IGNORE_RC(ERR(&c->why, RC_TIMEOUT, msg_quiet, buf_str(&span)));
        end(c);
    } else {
        gateway_peer_set_idle(&c->peer, true);
        await(c);
    }
    look_ended(c);
}

/* Nobody can be told that an end is wanted: it comes when both are silent for a moment, or with the
 * process. */
static void peer_drain(struct gateway_peer *p)
{
    struct through *c = LIST_ENTRY(p, struct through, peer);

    p->draining = true;
    if (c->state == PASS)
        await(c);
}

/* ---- for the server */

static enum rc through_new(void *arg, struct net_stream *t, struct tls_conn *tls,
                           const struct addr *client, void *owner, void **out)
{
    struct through *c = MEM_NEW(struct through);

    if (!c) {
        net_stream_free(t);
        return RC_NOMEM;
    }
    gateway_peer_init(&c->peer, arg, t, tls, client);
    ev_timer_init(&c->peer.timer, c->peer.gateway->conf.ev, on_timer, c);
    ev_defer_init(&c->again, on_again, c);
    backend_find_init(&c->find, c->peer.gateway->conf.ev, on_found, c);
    c->peer.owner = owner;
    c->peer.drain = peer_drain;
    c->began = c->moved = now(c);
    t->ready = on_ready;
    t->arg = c;
    *out = c;
    return RC_OK;
}

static void through_start(void *conn)
{
    struct through *c = conn;

    ev_defer(c->peer.gateway->conf.ev, &c->again);
}

static void through_refuse(void *conn)
{
    ((struct through *)conn)->refused = true;
    through_start(conn);
}

static void through_drain(void *conn)
{
    peer_drain(&((struct through *)conn)->peer);
}

static void through_free(void *conn)
{
    struct through *c = conn;

    if (c->state != ENDED)
        end(c);
    gateway_block_give(&c->peer.gateway->blocks, c->up.in);
    gateway_block_give(&c->peer.gateway->blocks, c->down.in);
    gateway_route_unref(c->route);
    gateway_peer_done(&c->peer);
    mem_free(c);
}

const struct http_server_speaker gateway_through_speaker = {
    through_new, through_start, through_refuse, through_drain, through_free};
