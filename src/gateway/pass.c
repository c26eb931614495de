/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/count.h"
#include "backend/session.h"
#include "base/text.h"
#include "base/when.h"
#include "gateway/account.h"
#include "gateway/gateway_int.h"
#include "http/forward.h"

MSG(msg_client_slow, "gateway.body-slow",
    "the client sent or took too little in {0} (client_timeout)");
MSG(msg_client_gone, "gateway.client-gone", "the client went away");
MSG(msg_silent, "gateway.backend-silent", "{0} was silent for {1} (response_timeout)");
MSG(msg_cut, "gateway.backend-cut", "{0} closed the connection before its answer was complete");
MSG(msg_no_grant, "gateway.backend-no-grant",
    "{0} answered a request for WebSocket with success, and granted none");
MSG(msg_interim, "gateway.backend-interim", "{0} sent more than {1} answers before the answer");

enum { WEBSOCKET_KEY = 16, WEBSOCKET_KEY_TEXT = 25 };

static struct str backend_name(const struct gateway_exchange *x)
{
    return x->backend->key;
}

static void on_link(void *arg)
{
    struct gateway_exchange *x = arg;

    x->down.ready = true;
    x->front->pump(x);
}

/* For the next answer to the request. */
static void expect_answer(struct gateway_exchange *x)
{
    const struct http_head *head = http_reader_get(x->up.reader);

    http_reader_next(x->down.reader, str_eq(head->method, STR("HEAD")));
    if (head->websocket)
        http_reader_allow_websocket(x->down.reader);
}

/* Whoever asks over HTTP/2 has none (RFC 8441 section 5). Nobody looks at it but the backend: it
 * keeps servers of something else from being taken for ones of WebSocket. */
static struct str make_key(const struct http_reader *r, struct buf *out)
{
    unsigned char key[WEBSOCKET_KEY];

    if (!http_reader_get(r)->websocket)
        return (struct str){NULL, 0};
    for (size_t i = 0; i < http_reader_fields(r); i++)
        if (str_eq(http_reader_field(r, i).name, STR("sec-websocket-key")))
            return (struct str){NULL, 0};
    if (id_random(key, sizeof(key)) == RC_OK)
        text_b64(out, str_bytes(key, sizeof(key)));
    return buf_str(out);
}

void gateway_pass_begin(struct gateway_exchange *x, struct backend_link *l)
{
    const struct http_head *head = http_reader_get(x->up.reader);
    char text[WEBSOCKET_KEY_TEXT];
    struct buf key = {.p = text, .cap = sizeof(text), .max = sizeof(text), .rc = RC_OK};
    struct http_header set[CONF_SITE_HEADERS_MAX + CONF_CLIENT_COUNT];
    struct http_forward_request f = {
        .client = str_of(x->peer->addr),
        .host = str_of(x->peer->site->name),
        .request_id = id_str(&x->id),
        .set = set,
        .n_set = x->route->n_request,
        .hops = &x->origin.hops,
        .loop = id_str(&x->gateway->name),
        .websocket_key = make_key(x->up.reader, &key),
    };

    if (f.n_set)
        memcpy(set, x->route->request, f.n_set * sizeof(set[0]));
    f.n_set += gateway_peer_tell(x->peer, x->route->client_headers, set + f.n_set);
    if (x->path && x->path->replace.n) {
        f.prefix = x->path->replace;
        f.skip = x->rest;
        if (str_ends(f.prefix, STR("/")) && str_starts(str_skip(head->path, f.skip), STR("/")))
            f.skip++;
    }

    x->link = l;
    x->backend = l->backend;
    l->t->ready = on_link;
    l->t->arg = x;
    l->t->ops->want(l->t, NET_WANT_READ);
    http_forward_request(x->up.reader, &f, &x->up.out);
    x->up.chunked = head->framing == HTTP_FRAMING_CHUNKED;
    gateway_inspect_release(x);
    gateway_relay_next(&x->down, false);
    expect_answer(x);
    x->down.ready = false;
    x->full = false;
    gateway_patience_init(&x->backend_time, x->route->response_timeout, 0);
    x->state = GATEWAY_PASS;
}

/* ---- what can go wrong */

/* Before anything was answered the client gets a page; afterwards only a connection that breaks off
 * tells him that the answer is not whole. */
static enum gateway_step fail(struct gateway_exchange *x, int status)
{
    return x->started ? GATEWAY_CUT : gateway_exchange_answer(x, status);
}

void gateway_exchange_abandon(struct gateway_exchange *x)
{
    IGNORE_RC(ERR(&x->why, RC_CLOSED, msg_client_gone));
}

static enum gateway_step client_gone(struct gateway_exchange *x)
{
    gateway_exchange_abandon(x);
    return GATEWAY_CUT;
}

static enum gateway_step no_memory(struct gateway_exchange *x)
{
    x->why = (struct err){.rc = RC_NOMEM};
    return fail(x, 503);
}

static enum gateway_step late(struct gateway_exchange *x)
{
    CLEANUP(buf_done) struct buf span = BUF_INIT(WHEN_TEXT);
    bool client = x->client_time.runs && x->client_time.deadline <= gateway_now(x->gateway);

    x->late = false;
    when_put_span(&span, client ? x->client_time.most : x->backend_time.most);
    if (client) {
        IGNORE_RC(ERR(&x->why, RC_TIMEOUT, msg_client_slow, buf_str(&span)));
        return fail(x, 408);
    }
    backend_fault(x->link->backend);
    backend_count_failure(BACKEND_FAILED_TIME);
    IGNORE_RC(ERR(&x->why, RC_TIMEOUT, msg_silent, backend_name(x), buf_str(&span)));
    return fail(x, 504);
}

/* A kept connection may have been closed just when the request was sent, a backend may be about to
 * end, or have said by HTTP/2 that it has not looked at the request, which may then be any. The
 * request is sent again if that does no harm: nothing came back, none of a body was sent, and the
 * method allows it. */
static bool may_retry(const struct gateway_exchange *x)
{
    return (x->repeatable || backend_session_refused(x->link)) &&
           x->tries + 1 < GATEWAY_TRIES_MAX && x->down.read == 0 && x->up.body == 0 &&
           (x->link->reused || backend_session_refused(x->link) || backend_find_has_more(&x->find));
}

static enum gateway_step retry(struct gateway_exchange *x)
{
    bool reused = x->link->reused || backend_session_refused(x->link);

    x->tries++;
    x->up_done = x->up_broken = false;
    backend_link_close(MOVE(x->link));
    buf_reset(&x->up.out);
    x->up.sent = 0;
    x->up.ended = http_reader_get(x->up.reader)->framing == HTTP_FRAMING_NONE;
    return reused ? gateway_exchange_find(x, 0) : gateway_exchange_find_more(x);
}

static enum gateway_step backend_gone(struct gateway_exchange *x)
{
    bool again = may_retry(x);

    if (!again || !(x->link->reused || backend_session_refused(x->link))) {
        backend_fault(x->link->backend);
        backend_count_failure(BACKEND_FAILED_CUT);
    }
    if (again)
        return retry(x);
    IGNORE_RC(ERR(&x->why, RC_CLOSED, msg_cut, backend_name(x)));
    return fail(x, 502);
}

static enum gateway_step bad_answer(struct gateway_exchange *x)
{
    backend_fault(x->link->backend);
    backend_count_failure(BACKEND_FAILED_ANSWER);
    return fail(x, 502);
}

/* ---- the request on its way up */

/* One turn: how each direction stopped; or, when these functions return false, how the step
 * ended. */
struct turn {
    enum gateway_relay_end up, down;
    enum gateway_step step;
};

static bool stop(struct turn *t, enum gateway_step step)
{
    t->step = step;
    return false;
}

static bool pass_up(struct gateway_exchange *x, struct turn *t)
{
    t->up = GATEWAY_RELAY_DONE;
    if (x->up_done || x->up_broken)
        return true;
    t->up = gateway_relay_run(&x->up, x->t, x->link->t, &x->why);
    gateway_inspect_written(x);
    switch (t->up) {
    case GATEWAY_RELAY_DONE:
        x->up_done = true;
        break;
    case GATEWAY_RELAY_SINK_GONE:
        /* It may have answered before. */
        x->up_broken = x->down.ready = true;
        t->up = GATEWAY_RELAY_DONE;
        break;
    case GATEWAY_RELAY_SOURCE_GONE:
        return stop(t, client_gone(x));
    case GATEWAY_RELAY_REFUSED:
        x->last = true;
        return stop(t, fail(x, 400));
    case GATEWAY_RELAY_NOMEM:
        return stop(t, no_memory(x));
    case GATEWAY_RELAY_READ:
    case GATEWAY_RELAY_WRITE:
    case GATEWAY_RELAY_YIELD:
        break;
    }
    return true;
}

/* ---- the answer on its way down */

static void begin_answer(struct gateway_exchange *x)
{
    const struct http_head *req = http_reader_get(x->up.reader);
    struct http_forward_response f = {
        .request_id = id_str(&x->id),
        .date = gateway_date(x->gateway),
    };
    struct http_answer answer;
    char cookie[BACKEND_STICKY_COOKIE_MAX];
    const struct backend_member *m = x->find.member;

    x->heard = gateway_now(x->gateway);
    x->status = http_reader_get(x->down.reader)->status;
    /* What the client still sends of its request could be taken for the next one. */
    x->last = x->last || !req->keep_alive || !x->up.ended || x->peer->draining;
    x->started = true;
    x->down.trailers = req->trailers;
    http_forward_response(x->down.reader, &f, &answer);
    gateway_route_dress(x->route, &answer);
    if (x->pool->sticky && !str_eq(x->find.wish, str_of(m->sticky)))
        http_answer_add(&answer, STR("set-cookie"), backend_pool_cookie(m, cookie));
    x->front->answer(x, &answer);
    if (http_reader_get(x->down.reader)->websocket)
        gateway_tunnel_begin(x);
}

/* One that comes before the answer: "100 Continue" is passed on to a client that waits for it.
 * Others are dropped: too many clients of HTTP/1.1 take them for the answer. */
static enum rc interim(struct gateway_exchange *x)
{
    const struct http_head *req = http_reader_get(x->up.reader);
    char most[2] = {'0' + GATEWAY_INTERIM_MAX, 0};

    if (http_reader_get(x->down.reader)->status == 100 && req->expects && !x->continued) {
        x->continued = true;
        x->front->cont(x);
    }
    expect_answer(x);
    if (++x->interim <= GATEWAY_INTERIM_MAX)
        return RC_OK;
    return ERR(&x->why, RC_PARSE, msg_interim, backend_name(x), str_of(most));
}

/* Of a CONNECT each 2xx would say that the tunnel is there (RFC 8441 section 5), where HTTP/1.1 has
 * 101 for that. */
static bool is_no_grant(const struct gateway_exchange *x, const struct http_head *answer)
{
    return x->front->protocol && http_reader_get(x->up.reader)->websocket && !answer->websocket &&
           answer->status >= 200 && answer->status < 300;
}

static enum rc read_answer(struct gateway_exchange *x)
{
    enum rc rc;

    while ((rc = gateway_relay_head(&x->down, x->link->t, &x->why)) == RC_OK) {
        const struct http_head *head = http_reader_get(x->down.reader);

        if (is_no_grant(x, head))
            return ERR(&x->why, RC_PARSE, msg_no_grant, backend_name(x));
        if (head->status >= 200 || head->websocket) {
            begin_answer(x);
            return RC_OK;
        }
        TRY(interim(x));
    }
    return rc;
}

/* Up to where the answer has begun, or is waited for. */
static bool pass_head(struct gateway_exchange *x, struct turn *t)
{
    enum rc rc = read_answer(x);

    t->down = GATEWAY_RELAY_READ;
    if (rc == RC_AGAIN && !gateway_relay_flushed(&x->down)) {
        rc = gateway_relay_flush(&x->down, x->t);
        if (rc == RC_NET)
            return stop(t, client_gone(x));
        if (rc == RC_AGAIN)
            t->down = GATEWAY_RELAY_WRITE;
        return true;
    }
    if (rc == RC_OK || rc == RC_AGAIN)
        return true;
    if (rc == RC_PARSE)
        return stop(t, bad_answer(x));
    return stop(t, rc == RC_NOMEM ? no_memory(x) : backend_gone(x));
}

static bool pass_down(struct gateway_exchange *x, struct turn *t)
{
    if (!x->started && !pass_head(x, t))
        return false;
    if (!x->started)
        return true;
    if (x->state == GATEWAY_TUNNEL)
        return stop(t, gateway_tunnel_step(x));
    t->down = gateway_relay_run(&x->down, x->link->t, x->t, &x->why);
    switch (t->down) {
    case GATEWAY_RELAY_SINK_GONE:
        return stop(t, client_gone(x));
    case GATEWAY_RELAY_SOURCE_GONE:
        return stop(t, backend_gone(x));
    case GATEWAY_RELAY_REFUSED:
        return stop(t, bad_answer(x));
    case GATEWAY_RELAY_NOMEM:
        return stop(t, no_memory(x));
    case GATEWAY_RELAY_DONE:
    case GATEWAY_RELAY_READ:
    case GATEWAY_RELAY_WRITE:
    case GATEWAY_RELAY_YIELD:
        break;
    }
    return true;
}

static enum gateway_step finish(struct gateway_exchange *x)
{
    bool rest = x->down.in && gateway_block_str(x->down.in).n;

    x->front->end(x);
    backend_fine(x->link->backend);
    /* Bytes behind an answer belong to nobody: the connection is never used again. */
    if (x->up_done && !rest && http_reader_get(x->down.reader)->keep_alive &&
        x->route->send_proxy == CONF_SEND_PROXY_OFF)
        backend_link_keep(MOVE(x->link));
    gateway_tell(x, true);
    x->state = GATEWAY_READ;
    return x->last ? GATEWAY_LAST : GATEWAY_NEXT;
}

/* ---- both */

static void await(struct gateway_exchange *x, const struct turn *t)
{
    bool ahead = x->up.ended && !x->full; /* only to see whether the client is there */
    bool to_continue = http_reader_get(x->up.reader)->expects && !x->continued && !x->up.body;
    unsigned client = t->up == GATEWAY_RELAY_READ || ahead ? NET_WANT_READ : 0;
    unsigned backend = t->down == GATEWAY_RELAY_READ ? NET_WANT_READ : 0;
    bool for_client =
        t->down == GATEWAY_RELAY_WRITE || (t->up == GATEWAY_RELAY_READ && !to_continue);

    if (t->down == GATEWAY_RELAY_WRITE)
        client |= NET_WANT_WRITE;
    if (t->up == GATEWAY_RELAY_WRITE)
        backend |= NET_WANT_WRITE;
    x->front->want(x, client);
    x->link->t->ops->want(x->link->t, backend);
    if (t->up == GATEWAY_RELAY_YIELD || t->down == GATEWAY_RELAY_YIELD)
        ev_defer(x->gateway->conf.ev, &x->again);
    gateway_exchange_await(x, for_client, !for_client);
}

enum gateway_step gateway_pass_step(struct gateway_exchange *x)
{
    uint64_t of_client = x->up.read + x->down.written, of_backend = x->down.read + x->up.written;
    struct turn t = {.step = GATEWAY_WAIT};
    int64_t now;

    if (x->late)
        return late(x);
    if (!pass_up(x, &t))
        return t.step;
    if (x->up.ended && gateway_exchange_client_gone(x))
        return client_gone(x);
    if (!pass_down(x, &t))
        return t.step;
    if (t.down == GATEWAY_RELAY_DONE)
        return finish(x);
    now = gateway_now(x->gateway);
    gateway_patience_moved(&x->client_time, x->up.read + x->down.written - of_client, now);
    gateway_patience_moved(&x->backend_time, x->down.read + x->up.written - of_backend, now);
    await(x, &t);
    return GATEWAY_WAIT;
}
