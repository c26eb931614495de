/* SPDX-License-Identifier: Apache-2.0 */
#include "client/http.h"

#include <stdio.h>

#include "base/fd.h"
#include "base/list.h"
#include "ev/ev.h"
#include "http/client.h"
#include "net/net.h"
#include "net/stream.h"

MSG(msg_broken, "client.connection-broken",
    "the connection to {0} broke off before an answer came");
MSG(msg_endless, "client.answer-endless",
    "{0} sent far more around its answer than the answer needs");
MSG(msg_big, "client.answer-too-big", "the answer of {0} is longer than {1} bytes");
MSG(msg_slow, "client.answer-timeout", "{0} gave no answer in {1} seconds");

enum { READ_BYTES = 16 * 1024, RECEIVES_MAX = 16 /* in a row, before others have their turn */ };

#define USER_AGENT STR("autarky/" AUTARKY_VERSION " (ACME client)")

struct conn {
    struct list link; /* in `busy` or `idle` */
    struct client_http *http;
    struct client_reach *reach; /* not NULL: there is no stream yet */
    struct net_stream *stream;
    struct client_exchange *x; /* NULL: idle */
    bool used;                 /* has carried a request before this one */
    char origin[CLIENT_HTTP_ORIGIN_MAX];
};

struct client_exchange {
    struct list link; /* in `waiting` while it has no connection */
    struct client_http *http;
    struct conn *conn;
    struct http_client *parser;
    struct buf out;
    size_t sent, received, max_body;
    int64_t timeout;
    struct ev_timer timer;
    bool head, again;
    char *url_text;
    struct http_url url; /* borrowed from it */
    char origin[CLIENT_HTTP_ORIGIN_MAX];
    client_answer_fn fn;
    void *arg;
};

struct client_http {
    struct client_transport t; /* first */
    struct ev *ev;
    char path[CLIENT_HTTP_PATH_MAX]; /* "": by `reach` */
    struct client_reach_conf reach;
    struct list waiting, busy, idle;
    size_t n_conns, n_waiting;
    struct ev_defer pump;
};

static struct client_http *http_of(struct client_transport *t)
{
    return (struct client_http *)(void *)t;
}

/* Who is spoken to, for messages. */
static struct str peer(const struct client_exchange *x)
{
    return str_of(x->http->path[0] ? x->http->path : x->origin);
}

/* ---- connections */

static void conn_free(struct conn *c)
{
    list_remove(&c->link);
    c->http->n_conns--;
    client_reach_cancel(c->reach);
    net_stream_free(c->stream);
    mem_free(c);
}

static void exchange_free(struct client_exchange *x)
{
    if (!x)
        return;
    list_remove(&x->link);
    ev_timer_stop(&x->timer);
    http_client_free(x->parser);
    buf_wipe(&x->out); /* it may have had a password */
    mem_free(x->url_text);
    mem_free(x);
}
DEFINE_FREEP(exchange_free, struct client_exchange)

/* Off its connection, which serves again if it can. */
static void part(struct client_exchange *x, bool reusable)
{
    struct conn *c = x->conn;

    if (!c) {
        x->http->n_waiting--;
        list_remove(&x->link);
        return;
    }
    x->conn = NULL;
    c->x = NULL;
    if (!reusable) {
        conn_free(c);
        return;
    }
    c->used = true;
    list_remove(&c->link);
    list_push(&c->http->idle, &c->link);
    c->stream->ops->want(c->stream, NET_WANT_READ); /* to hear it close */
}

static void finish(struct client_exchange *done, struct client_answer *answer)
{
    CLEANUP(exchange_freep) struct client_exchange *x = done;
    struct client_http *h = x->http;
    struct http_client *p = x->parser;

    part(x, answer->rc == RC_OK && http_client_keep_alive(p));
    ev_defer(h->ev, &h->pump);
    if (answer->rc == RC_OK) {
        answer->status = http_client_status(p);
        answer->nonce = http_client_header(p, STR("replay-nonce"));
        answer->location = http_client_header(p, STR("location"));
        answer->retry_after = http_client_header(p, STR("retry-after"));
        answer->date = http_client_header(p, STR("date"));
        answer->content_type = http_client_header(p, STR("content-type"));
        for (size_t i = 0; i < CLIENT_LINKS_MAX; i++)
            answer->links[i] = http_client_header_at(p, STR("link"), i);
        answer->body = http_client_body(p);
    }
    x->fn(x->arg, answer);
}

static void fail(struct client_exchange *x, enum rc rc, struct err *err)
{
    struct client_answer answer = {.rc = rc, .err = err};

    err->rc = rc;
    finish(x, &answer);
}

/* A kept connection may have been closed by the peer at the moment of our request; without a byte
 * of an answer on it, a fresh one is tried, once. */
static void broken(struct client_exchange *x)
{
    struct client_http *h = x->http;
    struct err err = ERR_INIT;

    if (!x->conn->used || x->received || x->again) {
        fail(x, ERR(&err, RC_NET, msg_broken, peer(x)), &err);
        return;
    }
    part(x, false);
    LIST_FOREACH (it, &h->idle) /* as old, and as likely to be closed */
        conn_free(LIST_ENTRY(it, struct conn, link));
    x->again = true;
    x->sent = 0;
    h->n_waiting++;
    list_insert(h->waiting.next, &x->link);
    ev_defer(h->ev, &h->pump);
}

/* ---- one exchange */

static void too_big(struct client_exchange *x)
{
    struct err err = ERR_INIT;
    char digits[24];

    snprintf(digits, sizeof(digits), "%zu", x->max_body);
    fail(x, ERR(&err, RC_TOOBIG, msg_big, peer(x), str_of(digits)), &err);
}

/* RC_AGAIN: more is to come; everything else has ended the exchange. */
static enum rc take(struct client_exchange *x, struct str bytes)
{
    struct client_answer answer = {.rc = RC_OK};
    struct err err = ERR_INIT;
    enum rc rc = http_client_feed(x->parser, bytes, &err);

    x->received += bytes.n;
    if (rc == RC_AGAIN && x->received > x->max_body + CLIENT_HTTP_ANSWER_SLACK)
        rc = ERR(&err, RC_PARSE, msg_endless, peer(x));
    if (rc == RC_OK)
        finish(x, &answer);
    else if (rc == RC_TOOBIG)
        too_big(x);
    else if (rc != RC_AGAIN)
        fail(x, rc, &err);
    return rc;
}

static void ended(struct client_exchange *x)
{
    struct client_answer answer = {.rc = RC_OK};
    struct err err = ERR_INIT;
    enum rc rc;

    if (x->received == 0) {
        broken(x);
        return;
    }
    rc = http_client_eof(x->parser, &err);
    if (rc == RC_OK)
        finish(x, &answer);
    else
        fail(x, rc, &err);
}

static void receive(struct conn *c)
{
    char bytes[READ_BYTES];

    for (size_t i = 0; i < RECEIVES_MAX; i++) {
        size_t n = 0;
        enum rc rc = c->stream->ops->read(c->stream, bytes, sizeof(bytes), &n);

        if (rc == RC_OK)
            rc = take(c->x, str_bytes(bytes, n));
        else if (rc == RC_CLOSED)
            ended(c->x);
        else if (rc != RC_AGAIN)
            broken(c->x);
        else
            return;
        if (rc != RC_AGAIN)
            return;
    }
}

static void transmit(struct conn *c)
{
    struct client_exchange *x = c->x;

    while (x->sent < x->out.n) {
        size_t n = 0;
        enum rc rc = c->stream->ops->write(c->stream, str_skip(buf_str(&x->out), x->sent), &n);

        x->sent += n;
        if (rc == RC_AGAIN)
            break;
        if (rc != RC_OK) {
            broken(x);
            return;
        }
    }
    /* An answer may come before all of the request is sent: 413. */
    c->stream->ops->want(c->stream, NET_WANT_READ | (x->sent < x->out.n ? NET_WANT_WRITE : 0));
}

static void on_ready(void *arg)
{
    struct conn *c = arg;

    if (!c->x) { /* idle, and closed by the peer; or it speaks without being asked */
        conn_free(c);
        return;
    }
    if (c->x->sent < c->x->out.n)
        transmit(c);
    else
        receive(c);
}

static void on_late(void *arg)
{
    struct client_exchange *x = arg;
    struct err err = ERR_INIT;
    char digits[24];

    snprintf(digits, sizeof(digits), "%lld", (long long)(x->timeout / INT64_C(1'000'000)));
    fail(x, ERR(&err, RC_TIMEOUT, msg_slow, peer(x), str_of(digits)), &err);
}

/* ---- giving connections to those that wait */

static enum rc conn_new(struct client_http *h, const char *origin, struct conn **out)
{
    struct conn *c = MEM_NEW(struct conn);

    if (!c)
        return RC_NOMEM;
    c->http = h;
    h->n_conns++;
    list_push(&h->busy, &c->link);
    memcpy(c->origin, origin, sizeof(c->origin));
    *out = c;
    return RC_OK;
}

static void set_stream(struct conn *c, struct net_stream *stream)
{
    c->stream = stream;
    c->stream->ready = on_ready;
    c->stream->arg = c;
}

static enum rc connect_unix(struct conn *c, struct err *err)
{
    struct net_stream *stream;
    int fd = -1;

    TRY(net_connect_unix(c->http->path, &fd, err));
    TRY(net_stream_fd(c->http->ev, fd, &stream));
    set_stream(c, stream);
    return RC_OK;
}

static void on_reached(void *arg, enum rc rc, struct net_stream *stream, const struct err *why)
{
    struct conn *c = arg;
    struct err err = *why;

    c->reach = NULL;
    if (rc != RC_OK) {
        fail(c->x, rc, &err);
        return;
    }
    set_stream(c, stream);
    transmit(c);
}

/* One that is there, of the same origin; else a new one, for which an idle one of another origin
 * makes room. */
static enum rc connect_one(struct client_exchange *x, struct conn **out, struct err *err)
{
    struct client_http *h = x->http;
    struct conn *c;
    enum rc rc;

    LIST_FOREACH (it, &h->idle) {
        c = LIST_ENTRY(it, struct conn, link);
        if (strcmp(c->origin, x->origin) != 0)
            continue;
        list_remove(&c->link);
        list_push(&h->busy, &c->link);
        *out = c;
        return RC_OK;
    }
    if (h->n_conns == CLIENT_HTTP_CONNECTIONS_MAX)
        conn_free(LIST_ENTRY(h->idle.next, struct conn, link));
    TRY(conn_new(h, x->origin, &c));
    rc = h->path[0] ? connect_unix(c, err)
                    : client_reach_start(&h->reach, &x->url, on_reached, c, &c->reach);
    if (rc != RC_OK) {
        conn_free(c);
        return rc;
    }
    *out = c;
    return RC_OK;
}

static void give(struct client_exchange *x)
{
    struct err err = ERR_INIT;
    struct conn *c = NULL;
    enum rc rc = connect_one(x, &c, &err);

    if (rc != RC_OK) {
        fail(x, rc, &err);
        return;
    }
    list_remove(&x->link);
    x->http->n_waiting--;
    x->conn = c;
    c->x = x;
    if (c->stream)
        transmit(c);
}

static void on_pump(void *arg)
{
    struct client_http *h = arg;

    while (!list_empty(&h->waiting)) {
        struct client_exchange *x = LIST_ENTRY(h->waiting.next, struct client_exchange, link);

        if (h->n_conns == CLIENT_HTTP_CONNECTIONS_MAX && list_empty(&h->idle))
            return;
        give(x);
    }
}

/* ---- the interface */

/* Over a Unix socket there is one, whatever the URL says. */
static enum rc set_origin(struct client_exchange *x)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(CLIENT_HTTP_ORIGIN_MAX - 1);
    struct http_authority at = x->url.at;

    if (x->http->path[0])
        return RC_OK;
    at.port = x->url.port;
    buf_putz(&b, x->url.tls ? "https://" : "http://");
    http_authority_put(&at, &b);
    TRY(buf_rc(&b));
    return str_copyz(buf_str(&b), x->origin, sizeof(x->origin));
}

static enum rc write_request(struct client_exchange *x, const struct client_ask *ask)
{
    x->url_text = mem_dup(ask->url.p, ask->url.n);
    if (!x->url_text)
        return RC_NOMEM;
    TRY(http_url_parse(str_bytes(x->url_text, ask->url.n), &x->url, NULL));
    TRY(set_origin(x));
    http_client_put(&(struct http_client_request){.method = ask->method,
                                                  .url = &x->url,
                                                  .user_agent = USER_AGENT,
                                                  .accept = ask->accept,
                                                  .content_type = ask->content_type,
                                                  .body = ask->body,
                                                  .headers = ask->headers,
                                                  .keep_alive = true},
                    &x->out);
    return buf_rc(&x->out);
}

static enum rc http_send(struct client_transport *t, const struct client_ask *ask,
                         client_answer_fn fn, void *arg, struct client_exchange **out)
{
    CLEANUP(exchange_freep) struct client_exchange *x = NULL;
    struct client_http *h = http_of(t);

    if (h->n_waiting == CLIENT_HTTP_WAITING_MAX)
        return RC_QUOTA;
    x = MEM_NEW(struct client_exchange);
    if (!x)
        return RC_NOMEM;
    x->http = h;
    x->fn = fn;
    x->arg = arg;
    x->max_body = ask->max_body;
    x->timeout = ask->timeout;
    list_init(&x->link);
    buf_init(&x->out, CLIENT_HTTP_REQUEST_MAX);
    ev_timer_init(&x->timer, h->ev, on_late, x);
    TRY(write_request(x, ask));
    TRY(http_client_new(ask->max_body, &x->parser));
    if (str_eq(str_of(ask->method), STR("HEAD")))
        http_client_expect_head(x->parser);
    ev_timer_start(&x->timer, ask->timeout, 0);
    h->n_waiting++;
    list_push(&h->waiting, &x->link);
    ev_defer(h->ev, &h->pump);
    *out = MOVE(x);
    return RC_OK;
}

static void http_cancel(struct client_transport *t, struct client_exchange *x)
{
    struct client_http *h = http_of(t);

    part(x, false);
    exchange_free(x);
    ev_defer(h->ev, &h->pump);
}

static void http_free(struct client_transport *t)
{
    struct client_http *h = http_of(t);

    LIST_FOREACH (it, &h->waiting)
        exchange_free(LIST_ENTRY(it, struct client_exchange, link));
    LIST_FOREACH (it, &h->busy) {
        struct conn *c = LIST_ENTRY(it, struct conn, link);

        exchange_free(MOVE(c->x));
        conn_free(c);
    }
    LIST_FOREACH (it, &h->idle)
        conn_free(LIST_ENTRY(it, struct conn, link));
    ev_defer_cancel(&h->pump);
    mem_free(h);
}

static struct client_http *http_new(struct ev *ev)
{
    static const struct client_transport_ops ops = {http_send, http_cancel, http_free};
    struct client_http *h = MEM_NEW(struct client_http);

    if (!h)
        return NULL;
    h->t.ops = &ops;
    h->ev = ev;
    list_init(&h->waiting);
    list_init(&h->busy);
    list_init(&h->idle);
    ev_defer_init(&h->pump, on_pump, h);
    return h;
}

enum rc client_http_unix(struct ev *ev, const char *path, struct client_transport **out)
{
    CLEANUP(mem_freep) struct client_http *h = http_new(ev);

    if (!h)
        return RC_NOMEM;
    if (path[0] == '\0' || str_copyz(str_of(path), h->path, sizeof(h->path)) != RC_OK)
        return RC_TOOBIG;
    *out = &MOVE(h)->t;
    return RC_OK;
}

enum rc client_http_net(const struct client_reach_conf *conf, struct client_transport **out)
{
    struct client_http *h = http_new(conf->ev);

    if (!h)
        return RC_NOMEM;
    h->reach = *conf;
    *out = &h->t;
    return RC_OK;
}
