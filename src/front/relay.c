/* SPDX-License-Identifier: Apache-2.0 */
#include "front/front_int.h"

#include "ev/clock.h"
#include "http/problem.h"
#include "ipc/messages.h"
#include "log/log.h"

MSG(msg_away, "front.core-away", "the CA is starting again; try again in a few seconds");
MSG(msg_malformed, "front.reply", "core sent an answer that cannot be passed on");

struct relay {
    struct list link;
    struct front_relay *of;
    struct http_exchange *x;
    struct addr client;
    struct ipc_call *call;
    int64_t due; /* of a request that waits */
    bool again;  /* it was sent before, to a core that died */
};

static void relay_end(struct relay *r)
{
    list_remove(&r->link);
    http_share_give(&r->of->clients, &r->client, 1);
    mem_free(r);
}

static void fail(struct relay *r, enum rc rc, const struct msg *m)
{
    struct http_exchange *x = r->x;
    struct err err = ERR_INIT;

    relay_end(r);
    IGNORE_RC(err_set(&err, rc, m, (struct err_at){__FILE__, __LINE__}, NULL, 0));
    http_problem(x, &err);
}

static void arm(struct front_relay *all)
{
    struct relay *first = LIST_ENTRY(all->waiting.next, struct relay, link);
    int64_t left;

    if (list_empty(&all->waiting)) {
        ev_timer_stop(&all->expire);
        return;
    }
    left = first->due - clock_mono(all->front->env->clock);
    ev_timer_start(&all->expire, left > 0 ? left : 0, 0);
}

static void hold(struct relay *r)
{
    struct front_relay *all = r->of;

    list_remove(&r->link);
    if (all->n_waiting == FRONT_HELD_MAX) {
        fail(r, RC_AGAIN, &msg_away);
        return;
    }
    r->due = clock_mono(all->front->env->clock) + FRONT_HOLD_SECONDS * WHEN_SECOND;
    list_push(&all->waiting, &r->link);
    all->n_waiting++;
    arm(all);
}

/* Whether a core that died may have begun this already does not matter: reading changes nothing,
 * and each ACME request carries a nonce that only one of two processes takes, the other one tells
 * the client to sign again (RFC 8555 section 6.5). */
static bool may_repeat(const struct http_exchange *x)
{
    return str_eq(x->req.method, STR("GET")) || str_eq(x->req.method, STR("HEAD")) ||
           str_starts(x->req.path, STR("/acme/")) || str_starts(x->req.path, STR("/ocsp/"));
}

static void put_reply(struct http_exchange *x, const struct ipc_http_reply *reply)
{
    x->res.status = reply->status;
    for (size_t i = 0; i < reply->headers.n; i++) {
        const struct ipc_pair *h = &reply->headers.v[i];
        struct str name = {NULL, 0};

        if (arena_str(&x->arena, h->name, &name) != RC_OK)
            buf_fail(&x->res.body, RC_NOMEM);
        else
            http_header_add(x, name.p, h->value);
    }
    buf_puts(&x->res.body, reply->body);
    x->res.keep_until = reply->keep_until;
    x->res.tag = reply->tag;
}

/* The content type has its own place; a cookie opens the dashboard and the API, a token the API,
 * a password an account of TXT records, and they concern nobody else. */
static bool is_passed_on(const struct http_request *req, struct str name)
{
    if (str_eq(name, STR("authorization")))
        return str_starts(req->path, STR("/api/v1/")) || str_starts(req->path, STR("/httpreq/"));
    if (str_starts(name, STR("x-api-")))
        return str_starts(req->path, STR("/acme-dns/"));
    if (str_eq(name, STR("idempotency-key")))
        return str_starts(req->path, STR("/api/v1/"));
    if (str_eq(name, STR("cookie")))
        return str_starts(req->path, STR("/ui/")) || str_starts(req->path, STR("/api/v1/"));
    return !str_eq(name, STR("content-type"));
}

/* RFC 9110 section 11.6.1 and RFC 6750 section 3: how to say who one is, and what was wrong with
 * the token that came. */
static void challenge(struct http_exchange *x, const struct err *err)
{
    bool came = str_starts(x->req.path, STR("/api/v1/")) &&
                http_header_get(&x->req, STR("authorization")).n > 0;

    if (err->status == 401 && came)
        http_header_add(x, "WWW-Authenticate",
                        STR("Bearer realm=\"autarky\", error=\"invalid_token\""));
    else if (err->status == 401)
        http_header_add(x, "WWW-Authenticate", STR("Bearer realm=\"autarky\""));
    else if (err->status == 403 && came)
        http_header_add(x, "WWW-Authenticate",
                        STR("Bearer realm=\"autarky\", error=\"insufficient_scope\""));
}

static void on_answer(void *arg, const struct ipc_answer *answer)
{
    struct relay *r = arg;
    struct http_exchange *x = r->x;

    r->call = NULL;
    if (answer->rc == RC_OK) {
        const struct ipc_http_reply *reply = answer->msg;
        struct front *f = r->of->front;

        relay_end(r);
        put_reply(x, reply);
        if (buf_rc(&x->res.body) != RC_OK)
            log_error("front.reply-refused", LOG_RC(buf_rc(&x->res.body)),
                      LOG_TEXT(msg_malformed.text));
        front_keep_add(&f->keep, x);
        if (reply->keep_until && front_keep_unchanged(x)) {
            x->res.status = 304;
            buf_reset(&x->res.body);
        }
        http_finish(x);
        return;
    }
    if (answer->rc == RC_CLOSED && !r->again && may_repeat(x)) {
        r->again = true;
        hold(r);
        return;
    }
    if (answer->rc == RC_CLOSED || answer->rc == RC_CANCELLED) {
        fail(r, RC_AGAIN, &msg_away);
        return;
    }
    relay_end(r);
    if (!answer->err->type && !answer->err->status)
        log_warn("front.no-answer", LOG_ERR(answer->err));
    challenge(x, answer->err);
    http_problem(x, answer->err);
}

static enum rc make_message(struct http_exchange *x, struct ipc_http *out)
{
    const struct http_request *req = &x->req;
    struct ipc_pair *headers = ARENA_ARRAY(&x->arena, struct ipc_pair, req->n_headers + 1);

    if (!headers)
        return RC_NOMEM;
    *out = (struct ipc_http){
        .listener = req->listener,
        .method = req->method,
        .target = req->path,
        .host = req->host,
        .client = req->client,
        .shown_sha256 = str_bytes(req->shown.sha256, req->shown.n_serial ? HTTP_SHOWN_SHA256 : 0),
        .shown_serial = str_bytes(req->shown.serial, req->shown.n_serial),
        .content_type = http_header_get(req, STR("content-type")),
        .body = req->body,
    };
    if (req->query.n)
        out->target = arena_printf(&x->arena, "%.*s?%.*s", STR_ARG(req->path), STR_ARG(req->query));
    if (!out->target.p)
        return RC_NOMEM;
    for (size_t i = 0; i < req->n_headers; i++)
        if (is_passed_on(req, req->headers[i].name))
            headers[out->headers.n++] =
                (struct ipc_pair){req->headers[i].name, req->headers[i].value};
    out->headers.v = headers;
    return RC_OK;
}

static void ask(struct relay *r)
{
    struct front_relay *all = r->of;
    struct ipc_http msg;
    struct ipc_ask ask = {IPC_HTTP,  &msg,      FRONT_CORE_SECONDS * WHEN_SECOND,
                          &r->x->id, on_answer, r};
    struct err err = ERR_INIT;
    struct http_exchange *x = r->x;

    err.rc = make_message(x, &msg);
    list_push(&all->asked, &r->link);
    if (err.rc == RC_OK)
        err.rc = ipc_call(all->front->core, &ask, &r->call);
    if (err.rc == RC_OK)
        return;
    if (err.rc == RC_CLOSED) {
        hold(r);
        return;
    }
    relay_end(r);
    log_warn("front.not-asked", LOG_RC(err.rc));
    http_problem(x, &err);
}

static enum rc relay_new(struct front_relay *all, struct http_exchange *x, struct relay **out)
{
    CLEANUP(mem_freep) struct relay *r = NULL;

    if (http_share_of(&all->clients, &x->req.client) >= FRONT_CLIENT_MAX)
        return RC_QUOTA;
    r = MEM_NEW(struct relay);
    if (!r)
        return RC_NOMEM;
    TRY(http_share_take(&all->clients, &x->req.client, 1));
    list_init(&r->link);
    r->of = all;
    r->x = x;
    r->client = x->req.client;
    *out = MOVE(r);
    return RC_OK;
}

void front_relay_send(struct front_relay *all, struct http_exchange *x)
{
    struct relay *r;
    struct err err = ERR_INIT;

    err.rc = relay_new(all, x, &r);
    if (err.rc != RC_OK) {
        http_problem(x, &err);
        return;
    }
    if (all->front->core)
        ask(r);
    else
        hold(r);
}

void front_relay_resume(struct front_relay *all)
{
    struct list batch;

    list_init(&batch);
    list_splice(&batch, &all->waiting);
    all->n_waiting = 0;
    ev_timer_stop(&all->expire);
    for (struct list *link; (link = list_pop(&batch));)
        ask(LIST_ENTRY(link, struct relay, link));
}

void front_relay_hurry(struct front_relay *all)
{
    struct list batch;

    list_init(&batch);
    list_splice(&batch, &all->asked);
    for (struct list *link; (link = list_pop(&batch));) {
        struct relay *r = LIST_ENTRY(link, struct relay, link);

        list_push(&all->asked, link);
        if (r->call && str_eq(r->x->req.path, STR("/api/v1/events")))
            ipc_cancel(r->call);
    }
}

size_t front_relay_asked(const struct front_relay *all)
{
    size_t n = 0;

    LIST_FOREACH (link, &all->asked)
        n++;
    return n;
}

static void on_expire(void *arg)
{
    struct front_relay *all = arg;
    int64_t now = clock_mono(all->front->env->clock);

    while (!list_empty(&all->waiting)) {
        struct relay *r = LIST_ENTRY(all->waiting.next, struct relay, link);

        if (r->due > now)
            break;
        all->n_waiting--;
        fail(r, RC_AGAIN, &msg_away);
    }
    arm(all);
}

void front_relay_init(struct front_relay *all, struct front *f)
{
    all->front = f;
    all->n_waiting = 0;
    list_init(&all->waiting);
    list_init(&all->asked);
    http_shares_init(&all->clients, FRONT_HELD_MAX + FRONT_ASKED_MAX);
    ev_timer_init(&all->expire, f->env->ev, on_expire, all);
}

void front_relay_done(struct front_relay *all)
{
    ev_timer_stop(&all->expire);
    while (!list_empty(&all->waiting))
        fail(LIST_ENTRY(all->waiting.next, struct relay, link), RC_AGAIN, &msg_away);
    while (!list_empty(&all->asked))
        ipc_cancel(LIST_ENTRY(all->asked.next, struct relay, link)->call);
    http_shares_done(&all->clients);
}
