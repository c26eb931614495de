/* SPDX-License-Identifier: Apache-2.0 */
/* A client's connection over which HTTP/2 is spoken, and its streams. Each of them is an exchange
 * like any other: what it reads and writes goes through http/h2, and what all of them have written
 * in one turn of the loop goes out in one write. */
#include "http/h2.h"
#include "base/when.h"
#include "gateway/gateway_int.h"
#include "http/server.h"

enum state { OPEN, LINGER, ENDED };
enum leaving { STAYS, WARNED, LEAVES };

struct connection {
    struct gateway_peer peer;
    struct http_h2 *h2;
    struct list streams;
    struct list answered; /* streams whose client still sends, in the order of `until` */
    struct list unsent;   /* in gateway->unsent */
    struct ev_defer again;
    enum state state;
    enum leaving leaving; /* it was told that there will be no more requests */
    bool pumping;
    bool ready;   /* the stream may have bytes */
    bool stalled; /* it has no room for ours */
    bool served;  /* a request was answered */
    bool in_head;
    struct gateway_patience taking; /* while it is stalled */
    /* Monotonic: the client began a head, had no request any more, was warned. */
    int64_t head_at, idle_at, warned_at;
};

/* One stream, and what its exchange reads and writes. */
struct stream {
    struct net_stream t; /* first */
    struct connection *c;
    struct list link;     /* in c->streams */
    struct list answered; /* in c->answered */
    int64_t until;
    struct http_h2_stream *s;
    struct gateway_exchange *x; /* NULL: it is over */
};

static struct stream *stream_of(const struct gateway_exchange *x)
{
    return (struct stream *)x->t;
}

static int64_t now(const struct connection *c)
{
    return gateway_now(c->peer.gateway);
}

/* ---- the connection's end */

static void drop_requests(struct connection *c)
{
    LIST_FOREACH (it, &c->streams) {
        struct stream *s = LIST_ENTRY(it, struct stream, link);

        if (s->x && s->x->state > GATEWAY_READ)
            gateway_exchange_abandon(s->x);
        gateway_exchange_give(MOVE(s->x));
    }
}

/* The one who pumps tells the owner. */
static void end(struct connection *c)
{
    c->state = ENDED;
    ev_timer_stop(&c->peer.timer);
    gateway_peer_want(&c->peer, 0);
    drop_requests(c);
}

static void step_linger(struct connection *c)
{
    enum gateway_linger what = GATEWAY_LINGER_MORE;

    while (what == GATEWAY_LINGER_MORE)
        what = gateway_peer_linger(&c->peer);
    if (what == GATEWAY_LINGER_OVER)
        end(c);
}

static void last(struct connection *c)
{
    c->leaving = LEAVES;
    http_h2_last(c->h2);
}

/* Later requests go elsewhere. Those that cross this are still taken, up to a moment. */
static void leave(struct connection *c)
{
    if (c->leaving != STAYS)
        return;
    if (http_h2_streams(c->h2) == 0) {
        last(c);
        return;
    }
    c->leaving = WARNED;
    c->warned_at = now(c);
    http_h2_warn(c->h2);
}

/* ---- a stream for its exchange */

static enum rc stream_read(struct net_stream *t, void *p, size_t n, size_t *out_n)
{
    struct stream *s = (struct stream *)t;
    enum rc rc;

    /* The end of the body is not the end of the client, for whom is looked before there is a
     * backend, and behind the body. */
    if (s->x->up.ended)
        return RC_AGAIN;
    rc = http_h2_read(s->s, p, n, out_n);
    return rc == RC_CLOSED && (s->x->state == GATEWAY_FIND || s->x->state == GATEWAY_INSPECT)
               ? RC_AGAIN
               : rc;
}

static enum rc stream_write(struct net_stream *t, struct str bytes, size_t *out_n)
{
    return http_h2_write(((struct stream *)t)->s, bytes, out_n);
}

/* Nobody asks for these of a stream: it is the connection's. */
static enum rc stream_shutdown(struct net_stream *)
{
    return RC_OK;
}

static void stream_want(struct net_stream *, unsigned)
{
}

static void stream_free(struct net_stream *)
{
}

static const struct net_stream_ops stream_ops = {stream_read, stream_write, stream_shutdown,
                                                 stream_want, stream_free};

static void pump(struct connection *c);

static void front_pump(struct gateway_exchange *x)
{
    struct stream *s = stream_of(x);

    http_h2_remind(s->s);
    pump(s->c);
}

/* http_h2_due tells of all that comes. */
static void front_want(struct gateway_exchange *, unsigned)
{
}

/* RFC 8441 section 5: what grants WebSocket is 200 here, and needs no proof. */
static void grant(struct gateway_exchange *x, const struct http_answer *a)
{
    struct http_answer granted = {.status = 200, .framing = HTTP_FRAMING_CLOSE};

    for (size_t i = 0; i < a->n; i++)
        if (!str_eq(a->fields[i].name, STR("sec-websocket-accept")))
            http_answer_add(&granted, a->fields[i].name, a->fields[i].value);
    IGNORE_RC(http_h2_answer(stream_of(x)->s, &granted));
}

static void front_answer(struct gateway_exchange *x, const struct http_answer *a)
{
    if (a->status == 101)
        grant(x, a);
    else
        IGNORE_RC(http_h2_answer(stream_of(x)->s, a));
}

static void front_cont(struct gateway_exchange *x)
{
    IGNORE_RC(http_h2_continue(stream_of(x)->s));
}

static void front_end(struct gateway_exchange *x)
{
    struct http_header trailers[HTTP_HEADERS_MAX];
    bool passes = x->down.trailers && x->state == GATEWAY_PASS;
    size_t n = passes ? http_forward_trailers(x->down.reader, trailers) : 0;

    IGNORE_RC(http_h2_end(stream_of(x)->s, trailers, n));
}

static const struct gateway_front front = {"HTTP/2.0",   front_pump, front_want,
                                           front_answer, front_cont, front_end};

static void *begin_stream(void *arg, struct http_h2_stream *h2, struct http_reader **out_reader)
{
    struct connection *c = arg;
    int64_t most = gateway_peer_client_timeout(&c->peer);
    bool alone = list_empty(&c->streams);
    struct stream *s = MEM_NEW(struct stream);

    if (!s)
        return NULL;
    s->t.ops = &stream_ops;
    s->c = c;
    s->s = h2;
    s->x = gateway_exchange_take(&c->peer, &front, &s->t);
    if (!s->x) {
        mem_free(s);
        return NULL;
    }
    list_push(&c->streams, &s->link);
    list_init(&s->answered);
    *out_reader = s->x->up.reader;
    if (alone || most > c->taking.most) /* what is under way was begun with another limit */
        gateway_patience_limit(&c->taking, most);
    return s;
}

/* ---- its steps */

static void forget(struct stream *s)
{
    gateway_exchange_give(MOVE(s->x));
    list_remove(&s->link);
    list_remove(&s->answered);
    http_h2_forget(s->s);
    mem_free(s);
}

static enum gateway_step begin(struct stream *s)
{
    struct gateway_exchange *x = s->x;
    enum rc rc = http_reader_put_end(x->up.reader, http_h2_whole(s->s), &x->why);

    x->began = gateway_now(x->gateway);
    if (rc == RC_OK)
        return gateway_exchange_begin(x);
    return rc == RC_DENIED ? gateway_exchange_refuse(x) : GATEWAY_CUT;
}

/* Many look for an answer only when they have sent all. What they send is dropped, for a while. */
static void be_done(struct stream *s)
{
    struct connection *c = s->c;

    gateway_exchange_give(MOVE(s->x));
    c->served = true;
    if (c->peer.requests >= GATEWAY_REQUESTS_MAX)
        leave(c);
    if (http_h2_ended(s->s))
        return;
    s->until = now(c) + GATEWAY_LINGER_SECONDS * WHEN_SECOND;
    list_push(&c->answered, &s->answered);
}

static void step(struct stream *s, unsigned news)
{
    enum gateway_step how = GATEWAY_WAIT;

    if (news & HTTP_H2_GONE) {
        if (s->x && s->x->state > GATEWAY_READ)
            gateway_exchange_abandon(s->x);
        forget(s);
        return;
    }
    if (!s->x)
        return;
    s->x->up.ready = true;
    if (news & HTTP_H2_HEAD)
        how = begin(s);
    else if (s->x->state > GATEWAY_READ)
        how = gateway_exchange_step(s->x);
    if (how == GATEWAY_WAIT)
        return;
    if (how == GATEWAY_CUT)
        http_h2_reset(s->s);
    be_done(s);
}

/* False: there was nothing to do. */
static bool step_streams(struct connection *c)
{
    unsigned news = 0;
    bool any = false;
    struct stream *s;

    while ((s = http_h2_due(c->h2, &news))) {
        step(s, news);
        any = true;
    }
    return any;
}

/* ---- the connection's steps */

/* RC_OK: more may be there. */
static enum rc take(struct connection *c)
{
    char bytes[NET_STREAM_READ];
    size_t n = 0;
    enum rc rc = c->peer.t->ops->read(c->peer.t, bytes, sizeof(bytes), &n);

    if (rc == RC_OK)
        rc = http_h2_receive(c->h2, str_bytes(bytes, n), now(c));
    return rc == RC_OK && n < sizeof(bytes) ? RC_AGAIN : rc;
}

/* Who does not read our answers has to wait with his questions. */
static void read_some(struct connection *c)
{
    for (int i = 0; c->state == OPEN && c->ready && !http_h2_full(c->h2); i++) {
        enum rc rc;

        if (i == GATEWAY_TURN_BLOCKS) {
            ev_defer(c->peer.gateway->conf.ev, &c->again);
            return;
        }
        rc = take(c);
        c->ready = rc == RC_OK;
        if (rc != RC_OK && rc != RC_AGAIN && rc != RC_PARSE)
            end(c);
        else
            (void)step_streams(c);
    }
}

/* Reads, and lets the streams do what they can. What they write goes out with what others of this
 * turn have. The connection may be gone afterwards. */
static void pump(struct connection *c)
{
    if (c->pumping)
        return;
    c->pumping = true;
    if (c->state == OPEN)
        read_some(c);
    if (c->state == OPEN)
        (void)step_streams(c);
    c->pumping = false;
    list_remove(&c->unsent);
    if (c->state == ENDED)
        c->peer.gateway->on_closed(c->peer.owner);
    else
        list_push(&c->peer.gateway->unsent, &c->unsent);
}

static enum rc send_some(struct connection *c)
{
    struct str out = {NULL, 0};
    size_t n = 0;

    TRY(http_h2_out(c->h2, &out));
    if (out.n == 0) /* the client has made room in its windows */
        return step_streams(c) ? RC_OK : RC_CLOSED;
    TRY(c->peer.t->ops->write(c->peer.t, out, &n));
    gateway_patience_moved(&c->taking, n, now(c));
    http_h2_sent(c->h2, n);
    if (n == out.n) /* some may have waited for that */
        (void)step_streams(c);
    return RC_OK;
}

static void send_out(struct connection *c)
{
    enum rc rc = RC_OK;

    for (int i = 0; rc == RC_OK && i < GATEWAY_TURN_BLOCKS; i++)
        rc = send_some(c);
    c->stalled = rc == RC_AGAIN;
    gateway_patience_run(&c->taking, c->stalled, now(c));
    if (rc == RC_OK)
        ev_defer(c->peer.gateway->conf.ev, &c->again);
    else if (rc != RC_AGAIN && rc != RC_CLOSED)
        end(c);
}

/* ---- time. While there are streams, they look after their own. */

static int64_t idle_until(const struct connection *c)
{
    const struct gateway *g = c->peer.gateway;
    int64_t most = c->served ? g->idle_timeout : g->head_timeout;

    if (c->peer.draining)
        most = GATEWAY_DRAIN_SECONDS * WHEN_SECOND;
    return c->peer.idle ? c->idle_at + most : INT64_MAX;
}

static int64_t cut_at(const struct connection *c)
{
    int64_t head = c->head_at + c->peer.gateway->head_timeout;
    int64_t due = c->stalled ? c->taking.deadline : INT64_MAX;

    if (c->in_head && head < due)
        due = head;
    return due;
}

static int64_t dropped_until(const struct connection *c)
{
    return list_empty(&c->answered) ? INT64_MAX
                                    : LIST_ENTRY(c->answered.next, struct stream, answered)->until;
}

static int64_t warned_until(const struct connection *c)
{
    return c->leaving == WARNED ? c->warned_at + GATEWAY_DRAIN_SECONDS * WHEN_SECOND : INT64_MAX;
}

static void look_at_the_time(struct connection *c)
{
    int64_t at = now(c), due;
    bool in_head = http_h2_in_head(c->h2), idle = http_h2_streams(c->h2) == 0;

    if (in_head && !c->in_head)
        c->head_at = at;
    if (idle && !c->peer.idle)
        c->idle_at = at;
    c->in_head = in_head;
    gateway_peer_set_idle(&c->peer, idle);
    due = idle_until(c);
    if (cut_at(c) < due)
        due = cut_at(c);
    if (warned_until(c) < due)
        due = warned_until(c);
    if (dropped_until(c) < due)
        due = dropped_until(c);
    /* One that comes too early is started again then. */
    if (due != INT64_MAX && (!ev_timer_running(&c->peer.timer) || c->peer.timer.due > due))
        ev_timer_start(&c->peer.timer, due > at ? due - at : 0, 0);
}

static void settle(struct connection *c)
{
    unsigned wants = http_h2_full(c->h2) ? 0 : NET_WANT_READ;

    if (c->leaving == WARNED && http_h2_streams(c->h2) == 0) {
        last(c);
        send_out(c);
    }
    if (c->state != OPEN)
        return;
    look_at_the_time(c);
    gateway_peer_want(&c->peer, wants | (c->stalled ? NET_WANT_WRITE : 0));
    if (!http_h2_finished(c->h2))
        return;
    gateway_peer_set_idle(&c->peer, false);
    drop_requests(c);
    c->state = LINGER;
    gateway_peer_allow(&c->peer, GATEWAY_LINGER_SECONDS * WHEN_SECOND);
}

/* At the end of a turn: one write for all that was done in it. */
static void flush(struct connection *c)
{
    c->pumping = true;
    if (c->state == OPEN)
        send_out(c);
    if (c->state == OPEN)
        settle(c);
    if (c->state == LINGER)
        step_linger(c);
    c->pumping = false;
    if (c->state == ENDED)
        c->peer.gateway->on_closed(c->peer.owner);
}

void gateway_h2_flush(struct gateway *g)
{
    struct list now_due, *first;

    list_init(&now_due);
    list_splice(&now_due, &g->unsent);
    while ((first = list_pop(&now_due)))
        flush(LIST_ENTRY(first, struct connection, unsent));
}

static void on_ready(void *arg)
{
    struct connection *c = arg;

    c->ready = true;
    pump(c);
}

static void on_again(void *arg)
{
    pump(arg);
}

static void on_timer(void *arg)
{
    struct connection *c = arg;
    int64_t at = now(c);

    if (c->state == LINGER || cut_at(c) <= at)
        end(c);
    else if (c->leaving != LEAVES && (warned_until(c) <= at || idle_until(c) <= at))
        last(c);
    while (c->state == OPEN && dropped_until(c) <= at) {
        struct list *first = list_pop(&c->answered);

        if (first)
            http_h2_stop(LIST_ENTRY(first, struct stream, answered)->s);
    }
    pump(c);
}

/* ---- for the server */

static void peer_drain(struct gateway_peer *p)
{
    struct connection *c = LIST_ENTRY(p, struct connection, peer);

    p->draining = true;
    if (c->state != OPEN)
        return;
    /* A newcomer's first request is on its way, and he could not know. */
    if (c->served || http_h2_streams(c->h2))
        leave(c);
    else
        c->idle_at = now(c);
    if (!c->pumping)
        list_remove(&c->unsent);
    if (!c->pumping)
        list_push(&p->gateway->unsent, &c->unsent);
}

static void h2_free(void *conn)
{
    struct connection *c = conn;

    if (c->state != ENDED)
        end(c);
    list_remove(&c->unsent);
    ev_defer_cancel(&c->again);
    LIST_FOREACH (it, &c->streams)
        mem_free(LIST_ENTRY(it, struct stream, link));
    http_h2_free(c->h2);
    gateway_peer_done(&c->peer);
    mem_free(c);
}

static enum rc h2_new(void *arg, struct net_stream *t, struct tls_conn *tls,
                      const struct addr *client, void *owner, void **out)
{
    struct connection *c = MEM_NEW(struct connection);
    enum rc rc = c ? http_h2_new(&(struct http_h2_conf){begin_stream, c}, &c->h2) : RC_NOMEM;

    if (rc != RC_OK) {
        mem_free(c);
        net_stream_free(t);
        return rc;
    }
    gateway_peer_init(&c->peer, arg, t, tls, client);
    ev_timer_init(&c->peer.timer, c->peer.gateway->conf.ev, on_timer, c);
    ev_defer_init(&c->again, on_again, c);
    gateway_patience_init(&c->taking, gateway_peer_client_timeout(&c->peer),
                          WHEN_SECOND / GATEWAY_CLIENT_RATE);
    list_init(&c->streams);
    list_init(&c->answered);
    list_init(&c->unsent);
    c->peer.owner = owner;
    c->peer.drain = peer_drain;
    t->ready = on_ready;
    t->arg = c;
    *out = c;
    return RC_OK;
}

static void h2_start(void *conn)
{
    struct connection *c = conn;

    c->ready = true;
    c->idle_at = now(c);
    gateway_peer_set_idle(&c->peer, true);
    list_push(&c->peer.gateway->unsent, &c->unsent);
    if (c->peer.site && !c->peer.site->route)
        peer_drain(&c->peer);
}

static void h2_refuse(void *conn)
{
    struct connection *c = conn;

    last(c);
    list_push(&c->peer.gateway->unsent, &c->unsent);
}

static void h2_drain(void *conn)
{
    peer_drain(&((struct connection *)conn)->peer);
}

const struct http_server_speaker gateway_h2_speaker = {h2_new, h2_start, h2_refuse, h2_drain,
                                                       h2_free};
