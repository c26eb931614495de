/* SPDX-License-Identifier: Apache-2.0 */
#include "http/conn.h"

#include "ev/clock.h"
#include "ev/ev.h"
#include "http/parse.h"
#include "http/problem.h"
#include "http/response.h"

MSG(msg_slow, "http.slow", "the request did not arrive in time");
MSG(msg_many, "http.connections", "there are too many connections");
MSG(msg_bodies, "http.bodies", "there are too many requests with a body under way");

enum { INLINE_BODY = 16 * 1024 }; /* a body that goes out in one write with its head */

enum state { READ, HANDLE, WAIT, WRITE, LINGER, ENDED };

struct http_conn {
    const struct http_conn_conf *conf;
    struct net_stream *t;
    struct http_parser *parser;
    struct http_exchange *x; /* from the first byte of a request until its answer is gone */
    void *owner;
    struct addr client;
    struct http_shown shown;
    uint8_t state; /* enum state */
    uint8_t phase; /* enum http_phase, as the timer knows it */
    bool idle, last, draining, shut, pumping;
    bool served; /* its first request was answered */
    bool *gone;  /* set when this object goes away under the one who pumps */
    size_t sent, lingered;
    int64_t began, deadline;
    struct buf out;  /* head, and the body when it is short */
    struct buf rest; /* what was read behind the request */
    struct ev_timer timer;
    struct ev_defer again;
};

static void pump(struct http_conn *c);

static int64_t now(const struct http_conn *c)
{
    return clock_mono(ev_clock(c->conf->ev));
}

static void set_idle(struct http_conn *c, bool idle)
{
    if (c->idle == idle)
        return;
    c->idle = idle;
    if (c->conf->on_idle)
        c->conf->on_idle(c->owner, idle);
}

/* ---- time */

static void allow(struct http_conn *c, int seconds)
{
    c->deadline = now(c) + seconds * WHEN_SECOND;
    ev_timer_start(&c->timer, seconds * WHEN_SECOND, 0);
}

/* Progress was made: some more time, but the deadline stays. */
static void go_on(struct http_conn *c, int seconds)
{
    int64_t left = c->deadline - now(c), most = seconds * WHEN_SECOND;

    ev_timer_start(&c->timer, left < 0 ? 0 : left < most ? left : most, 0);
}

/* ---- the end */

static void dropped(struct http_exchange *x, void *)
{
    http_exchange_free(x);
}

static void told(struct http_conn *c, bool complete)
{
    size_t out = c->out.n, body = http_response_has_body(c->x) ? buf_str(&c->x->res.body).n : 0;
    size_t total = body > INLINE_BODY ? out + body : out, unsent = total - c->sent;
    struct http_answered how = {now(c) - c->began, body > unsent ? body - unsent : 0, complete};

    if (c->conf->on_answered)
        c->conf->on_answered(c->conf->arg, c->x, &how);
}

static void let_go(struct http_conn *c)
{
    struct http_exchange *x = MOVE(c->x);

    if (!x)
        return;
    if (c->state == WAIT) {
        x->cancelled = true;
        x->done = dropped;
        x->done_arg = NULL;
        return;
    }
    http_exchange_free(x);
}

static void end(struct http_conn *c)
{
    if (c->state == WRITE) {
        told(c, false);
        c->shut = true; /* half an answer must not look like a whole one */
    }
    ev_timer_stop(&c->timer);
    ev_defer_cancel(&c->again);
    let_go(c);
    c->state = ENDED;
    c->t->ops->want(c->t, 0);
    if (!c->pumping)
        c->conf->on_closed(c->owner);
}

/* Nothing can be said to this client any more. */
static void lost(struct http_conn *c)
{
    c->shut = true;
    end(c);
}

/* Over TLS an end without close_notify looks like an attack. For one try there is room: what was
 * written before has been taken, or the answer was cut. */
static void say_goodbye(struct http_conn *c)
{
    if (!c->shut && c->state != WRITE)
        IGNORE_RC(c->t->ops->shutdown(c->t)); /* the client is gone, or will find out */
}

/* ---- answering */

static void answered(struct http_exchange *x, void *arg)
{
    struct http_conn *c = arg;
    struct str body = buf_str(&x->res.body);

    c->state = WRITE;
    c->sent = 0;
    c->last = c->last || c->draining;
    http_response_put_head(x, clock_now(ev_clock(c->conf->ev)), c->last, &c->out);
    if (http_response_has_body(x) && body.n <= INLINE_BODY)
        buf_puts(&c->out, body);
    allow(c, HTTP_WRITE_SECONDS);
    go_on(c, HTTP_WRITE_STALL_SECONDS);
    if (!c->pumping)
        pump(c);
}

static enum rc begin(struct http_conn *c)
{
    TRY(http_exchange_new(answered, c, &c->x));
    c->x->req.listener = str_of(c->conf->listener);
    c->x->req.client = c->client;
    c->x->req.shown = c->shown;
    c->began = now(c);
    return id_new(&c->x->id);
}

/* The answer to what is no request, or none yet. */
static void refuse(struct http_conn *c, const struct err *err)
{
    c->last = true;
    http_problem(c->x, err);
}

/* Whether what has been read of the body may stay. */
static bool hold(const struct http_conn *c)
{
    return !c->conf->on_hold || c->conf->on_hold(c->owner, http_parser_body(c->parser));
}

/* Bytes still to be written, from where we are. */
static struct str unsent(const struct http_conn *c)
{
    struct str body = buf_str(&c->x->res.body);

    if (c->sent < c->out.n)
        return str_skip(buf_str(&c->out), c->sent);
    if (!http_response_has_body(c->x) || body.n <= INLINE_BODY)
        return (struct str){NULL, 0};
    return str_skip(body, c->sent - c->out.n);
}

/* No more requests. One that crosses this is read and dropped, for the client would lose our last
 * words to a reset. */
static void begin_linger(struct http_conn *c)
{
    c->state = LINGER;
    allow(c, HTTP_LINGER_SECONDS);
}

static void next(struct http_conn *c)
{
    told(c, true);
    http_exchange_free(MOVE(c->x));
    buf_done(&c->out);
    http_parser_reset(c->parser);
    (void)hold(c);
    if (c->last) {
        begin_linger(c);
        return;
    }
    c->state = READ;
    c->phase = HTTP_PHASE_IDLE;
    c->served = true;
    allow(c, HTTP_IDLE_SECONDS);
}

/* False: nothing more to do until `ready`, as with the next three. */
static bool step_write(struct http_conn *c)
{
    struct str piece = unsent(c);
    size_t n;
    enum rc rc;

    if (buf_rc(&c->out) != RC_OK) {
        end(c);
        return false;
    }
    if (piece.n == 0) {
        next(c);
        return true;
    }
    rc = c->t->ops->write(c->t, piece, &n);
    if (rc == RC_OK) {
        c->sent += n;
        go_on(c, HTTP_WRITE_STALL_SECONDS);
        return true;
    }
    if (rc == RC_AGAIN)
        c->t->ops->want(c->t, NET_WANT_WRITE);
    else
        lost(c);
    return false;
}

static bool step_linger(struct http_conn *c)
{
    char scratch[4096];
    size_t n;
    enum rc rc;

    if (!c->shut) {
        rc = c->t->ops->shutdown(c->t);
        if (rc == RC_AGAIN)
            c->t->ops->want(c->t, NET_WANT_WRITE);
        else if (rc != RC_OK)
            lost(c);
        c->shut = c->shut || rc == RC_OK;
        return rc == RC_OK;
    }
    rc = c->t->ops->read(c->t, scratch, sizeof(scratch), &n);
    if (rc == RC_OK && (c->lingered += n) <= HTTP_LINGER_BYTES)
        return true;
    if (rc == RC_AGAIN)
        c->t->ops->want(c->t, NET_WANT_READ);
    else
        end(c);
    return false;
}

/* ---- reading */

/* The send buffer is empty between two answers: if so short a line does not fit, something is
 * wrong. */
static bool say_continue(struct http_conn *c)
{
    static const struct str line = STR("HTTP/1.1 100 Continue\r\n\r\n");
    size_t n = 0;

    return c->t->ops->write(c->t, line, &n) == RC_OK && n == line.n;
}

static bool more(struct http_conn *c)
{
    enum http_phase before = c->phase;

    c->phase = (uint8_t)http_parser_phase(c->parser);
    if (c->phase == HTTP_PHASE_BODY) {
        if (before != HTTP_PHASE_BODY) {
            allow(c, HTTP_BODY_SECONDS);
            if (http_parser_expects_continue(c->parser) && !say_continue(c)) {
                end(c);
                return false;
            }
        }
        go_on(c, HTTP_BODY_IDLE_SECONDS);
    } else if (c->phase == HTTP_PHASE_HEAD && before == HTTP_PHASE_IDLE) {
        allow(c, HTTP_HEAD_SECONDS);
    }
    return true;
}

static bool feed(struct http_conn *c, struct str *in)
{
    struct err err = ERR_INIT;
    enum rc rc = RC_OK;

    if (!c->x)
        rc = begin(c);
    if (rc == RC_OK)
        rc = http_parser_feed(c->parser, c->x, in, &err);
    if ((rc == RC_AGAIN || rc == RC_OK) && !hold(c)) {
        IGNORE_RC(ERR(&err, RC_QUOTA, msg_bodies));
        refuse(c, &err);
        return true;
    }
    if (rc == RC_AGAIN)
        return more(c);
    if (rc == RC_DENIED) {
        refuse(c, &err);
        return true;
    }
    if (rc != RC_OK) {
        end(c);
        return false;
    }
    c->last = !http_parser_keep_alive(c->parser);
    c->state = HANDLE;
    ev_timer_stop(&c->timer);
    c->t->ops->want(c->t, 0);
    return true;
}

static bool feed_rest(struct http_conn *c)
{
    struct buf rest = c->rest;
    struct str in = buf_str(&rest);
    bool going;

    buf_init(&c->rest, HTTP_READ_SIZE);
    going = feed(c, &in);
    buf_consume(&rest, rest.n - in.n);
    if (rest.n)
        c->rest = rest;
    else
        buf_done(&rest);
    return going;
}

static bool step_read(struct http_conn *c)
{
    char bytes[HTTP_READ_SIZE];
    struct str in = {bytes, 0};
    bool going;
    enum rc rc;

    if (c->rest.n)
        return feed_rest(c);
    rc = c->t->ops->read(c->t, bytes, sizeof(bytes), &in.n);
    if (rc == RC_AGAIN && c->draining && c->served && !c->x) {
        set_idle(c, false);
        begin_linger(c);
        return true;
    }
    if (rc == RC_AGAIN) {
        set_idle(c, c->phase == HTTP_PHASE_IDLE);
        c->t->ops->want(c->t, NET_WANT_READ);
        return false;
    }
    if (rc == RC_NET) {
        lost(c);
        return false;
    }
    if (rc != RC_OK) {
        end(c);
        return false;
    }
    set_idle(c, false);
    going = feed(c, &in);
    buf_puts(&c->rest, in);
    if (buf_rc(&c->rest) == RC_OK)
        return going;
    end(c);
    return false;
}

/* ---- the one who moves it all */

/* True while there is something to do; *gone when the owner freed the connection. */
static bool step(struct http_conn *c, size_t *handled, const bool *gone)
{
    switch ((enum state)c->state) {
    case READ:
        if (*handled < HTTP_TURN_REQUESTS)
            return step_read(c);
        c->t->ops->want(c->t, 0);
        ev_defer(c->conf->ev, &c->again);
        return false;
    case HANDLE:
        (*handled)++;
        c->state = WAIT;
        c->conf->on_request(c->conf->arg, c->x);
        return !*gone && c->state != WAIT;
    case WAIT:
        break;
    case WRITE:
        return step_write(c);
    case LINGER:
        return step_linger(c);
    case ENDED:
        break;
    }
    return false;
}

static void pump(struct http_conn *c)
{
    bool gone = false;
    size_t handled = 0;

    c->pumping = true;
    c->gone = &gone;
    while (!gone && step(c, &handled, &gone))
        ;
    if (gone)
        return;
    c->pumping = false;
    c->gone = NULL;
    if (c->state == ENDED)
        c->conf->on_closed(c->owner);
}

static void ready(void *arg)
{
    pump(arg);
}

static void on_timer(void *arg)
{
    struct http_conn *c = arg;
    struct err err = ERR_INIT;

    if (c->state == READ && c->phase == HTTP_PHASE_IDLE && c->served) {
        set_idle(c, false);
        begin_linger(c);
        pump(c);
        return;
    }
    if (c->state != READ || c->phase == HTTP_PHASE_IDLE) {
        end(c);
        return;
    }
    IGNORE_RC(err_problem(&err, ERR(&err, RC_TIMEOUT, msg_slow), "malformed", 408));
    refuse(c, &err);
}

enum rc http_conn_new(const struct http_conn_conf *conf, struct net_stream *t,
                      const struct addr *client, void *owner, struct http_conn **out)
{
    CLEANUP(http_conn_freep) struct http_conn *c = MEM_NEW(struct http_conn);

    if (!c) {
        net_stream_free(t);
        return RC_NOMEM;
    }
    c->conf = conf;
    c->t = t;
    c->owner = owner;
    c->client = *client;
    buf_init(&c->out, HTTP_RESPONSE_HEAD_MAX + INLINE_BODY);
    buf_init(&c->rest, HTTP_READ_SIZE);
    ev_timer_init(&c->timer, conf->ev, on_timer, c);
    ev_defer_init(&c->again, ready, c);
    t->ready = ready;
    t->arg = c;
    TRY(http_parser_new(&c->parser));
    *out = MOVE(c);
    return RC_OK;
}

void http_conn_show(struct http_conn *c, const struct http_shown *shown)
{
    c->shown = *shown;
}

void http_conn_start(struct http_conn *c)
{
    allow(c, HTTP_HEAD_SECONDS);
    set_idle(c, true);
    c->t->ops->want(c->t, NET_WANT_READ);
}

void http_conn_refuse(struct http_conn *c)
{
    struct err err = ERR_INIT;

    if (begin(c) != RC_OK) {
        end(c);
        return;
    }
    IGNORE_RC(ERR(&err, RC_QUOTA, msg_many));
    refuse(c, &err);
}

void http_conn_drain(struct http_conn *c)
{
    c->draining = true;
    if (c->state != READ || c->x || c->pumping)
        return;
    /* A newcomer's first request is on its way, and he could not know. */
    if (!c->served)
        allow(c, HTTP_DRAIN_SECONDS);
    else
        pump(c);
}

void http_conn_free(struct http_conn *c)
{
    if (!c)
        return;
    if (c->gone)
        *c->gone = true;
    ev_timer_stop(&c->timer);
    ev_defer_cancel(&c->again);
    let_go(c);
    say_goodbye(c);
    http_parser_free(c->parser);
    net_stream_free(c->t);
    buf_done(&c->out);
    buf_done(&c->rest);
    mem_free(c);
}
