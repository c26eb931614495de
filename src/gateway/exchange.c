/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "base/when.h"
#include "gateway/account.h"
#include "gateway/gateway_int.h"
#include "gateway/page.h"
#include "http/url.h"

MSG(msg_slow, "gateway.client-slow",
    "the head of the request did not arrive in time (gateway.head_timeout)");
MSG(msg_other_host, "gateway.other-host",
    "the connection was made for {0}, and the request is for {1}");
MSG(msg_two_hosts, "gateway.two-hosts", "the target of the request and its Host header differ");
MSG(msg_removed, "gateway.site-removed", "the site {0} is no longer in the configuration");
MSG(msg_dots, "gateway.dots", "the path has segments \".\" or \"..\"");
MSG(msg_client, "gateway.client-denied", "the site's `allow` and `deny` do not let this client in");
MSG(msg_rate, "gateway.client-rate",
    "the client has asked more often than the site's `rate` and `burst` allow");
MSG(msg_loop, "gateway.loop",
    "the request has been here before: a backend of the site leads back to this gateway");
MSG(msg_find_slow, "gateway.find-slow", "no backend could be reached within {0} seconds");

/* What HTTP has, WebDAV included. CONNECT is for other proxies; TRACE shows scripts what browsers
 * hide from them. */
static const struct str methods[] = {
    STR("GET"),        STR("HEAD"),        STR("POST"),     STR("PUT"),       STR("DELETE"),
    STR("OPTIONS"),    STR("PATCH"),       STR("PROPFIND"), STR("PROPPATCH"), STR("MKCOL"),
    STR("COPY"),       STR("MOVE"),        STR("LOCK"),     STR("UNLOCK"),    STR("SEARCH"),
    STR("REPORT"),     STR("MKACTIVITY"),  STR("CHECKOUT"), STR("MERGE"),     STR("BIND"),
    STR("REBIND"),     STR("UNBIND"),      STR("ACL"),      STR("LINK"),      STR("UNLINK"),
    STR("MKCALENDAR"), STR("QUERY"),       STR("PURGE"),    STR("NOTIFY"),    STR("M-SEARCH"),
    STR("SUBSCRIBE"),  STR("UNSUBSCRIBE"),
};

const struct http_reader_conf gateway_requests = {
    .target_max = GATEWAY_TARGET_MAX,
    .body_max = UINT64_MAX,
    .chunk_framing = HTTP_CHUNK_FRAMING_LEAST,
    .methods = methods,
    .n_methods = sizeof(methods) / sizeof(methods[0]),
};

static const struct http_reader_conf responses = {
    .responses = true,
    .body_max = UINT64_MAX,
    .chunk_framing = HTTP_CHUNK_FRAMING_LEAST,
};

static void on_found(void *arg, struct backend_link *l);

/* ---- time */

static void on_time(void *arg)
{
    struct gateway_exchange *x = arg;
    int64_t now = gateway_now(x->gateway);

    if ((x->client_time.runs && x->client_time.deadline <= now) ||
        (x->backend_time.runs && x->backend_time.deadline <= now))
        x->late = true;
    x->front->pump(x);
}

void gateway_exchange_await(struct gateway_exchange *x, bool client, bool backend)
{
    int64_t now = gateway_now(x->gateway), due = INT64_MAX;

    gateway_patience_run(&x->client_time, client, now);
    gateway_patience_run(&x->backend_time, backend, now);
    if (client)
        due = x->client_time.deadline;
    if (backend && x->backend_time.deadline < due)
        due = x->backend_time.deadline;
    /* A timer that comes too early is started again then: cheaper than moving it each time. */
    if (due != INT64_MAX && (!ev_timer_running(&x->timer) || x->timer.due > due))
        ev_timer_start(&x->timer, due > now ? due - now : 0, 0);
}

/* ---- life */

static void on_again(void *arg)
{
    struct gateway_exchange *x = arg;

    x->front->pump(x);
}

static void reset(struct gateway_exchange *x)
{
    gateway_relay_next(&x->up, false);
    gateway_relay_next(&x->down, false);
    gateway_patience_init(&x->client_time, gateway_peer_client_timeout(x->peer),
                          WHEN_SECOND / GATEWAY_CLIENT_RATE);
    gateway_patience_init(&x->backend_time, GATEWAY_FIND_SECONDS * WHEN_SECOND, 0);
    x->state = GATEWAY_READ;
    x->id.z[0] = '\0';
    x->backend = NULL;
    x->path = NULL;
    x->began = gateway_now(x->gateway);
    x->sought = x->heard = 0;
    x->status = 0;
    x->interim = 0;
    x->up_done = x->up_broken = x->started = x->last = x->continued = x->repeatable = false;
    x->tries = 0;
    x->full = x->late = false;
    x->origin.client.n = 0;
    x->wait = 0;
    gateway_inspect_reset(x);
    x->why.rc = RC_OK;
    x->why.msg = NULL;
}

/* What is under way. */
static void stop(struct gateway_exchange *x)
{
    if (x->state > GATEWAY_READ)
        gateway_tell(x, false);
    gateway_inspect_reset(x);
    ev_timer_stop(&x->timer);
    ev_defer_cancel(&x->again);
    backend_find_stop(&x->find);
    backend_link_close(MOVE(x->link));
    gateway_route_unref(MOVE(x->route));
    gateway_relay_drop(&x->down);
    x->state = GATEWAY_READ;
}

static struct gateway_exchange *exchange_new(struct gateway *g)
{
    struct gateway_exchange *x = MEM_NEW(struct gateway_exchange);

    if (!x)
        return NULL;
    x->gateway = g;
    ev_timer_init(&x->timer, g->conf.ev, on_time, x);
    ev_defer_init(&x->again, on_again, x);
    backend_find_init(&x->find, g->conf.ev, on_found, x);
    gateway_inspect_init(&x->inspection);
    if (gateway_relay_init(&x->up, &g->blocks, &gateway_requests) == RC_OK &&
        gateway_relay_init(&x->down, &g->blocks, &responses) == RC_OK)
        return x;
    gateway_exchange_free(x);
    return NULL;
}

struct gateway_exchange *gateway_exchange_take(struct gateway_peer *p,
                                               const struct gateway_front *front,
                                               struct net_stream *t)
{
    struct gateway *g = p->gateway;
    struct gateway_exchange *x = g->exchanges;

    if (x) {
        g->exchanges = x->next;
        g->n_exchanges--;
    } else {
        x = exchange_new(g);
    }
    if (!x)
        return NULL;
    x->peer = p;
    x->front = front;
    x->t = t;
    x->up.ready = false;
    reset(x);
    return x;
}

void gateway_exchange_give(struct gateway_exchange *x)
{
    struct gateway *g;

    if (!x)
        return;
    stop(x);
    gateway_relay_drop(&x->up);
    g = x->gateway;
    if (g->n_exchanges == GATEWAY_EXCHANGES_KEPT) {
        gateway_exchange_free(x);
        return;
    }
    gateway_relay_next(&x->up, false);
    gateway_relay_next(&x->down, false);
    x->next = g->exchanges;
    g->exchanges = x;
    g->n_exchanges++;
}

void gateway_exchange_next(struct gateway_exchange *x)
{
    stop(x);
    reset(x);
}

void gateway_exchange_free(struct gateway_exchange *x)
{
    if (!x)
        return;
    gateway_relay_done(&x->up);
    gateway_relay_done(&x->down);
    mem_free(x);
}

bool gateway_exchange_idle(const struct gateway_exchange *x)
{
    return x->state == GATEWAY_READ && http_reader_phase(x->up.reader) == HTTP_PHASE_IDLE;
}

/* ---- an answer of ours */

/* Seconds, for Retry-After; none where asking again is of no use. */
static struct str retry_after(const struct gateway_exchange *x, int status,
                              char text[static HTTP_NUMBER_MAX])
{
    if (status == 503)
        return STR("5");
    if (status != 429 || x->wait == 0)
        return (struct str){NULL, 0};
    snprintf(text, HTTP_NUMBER_MAX, "%" PRId64, (x->wait + WHEN_SECOND - 1) / WHEN_SECOND);
    return str_of(text);
}

/* What the configuration has us say. */
static void say_what(const struct gateway_exchange *x, int status, struct gateway_page *page,
                     struct buf *location)
{
    const struct http_head *head = http_reader_get(x->up.reader);

    if (!x->route)
        return;
    if (status == 200 && x->proof.n) {
        page->plain = x->proof;
        return;
    }
    if (status == 503 && x->route->maintenance.n) {
        page->text = x->route->maintenance;
        return;
    }
    if (status == 502 && x->find.unproven) {
        page->text = STR("The server behind this site could not prove that it is the right one, so "
                         "nothing was sent to it. Its operators can mend that: the log tells why.");
        return;
    }
    if (x->inspection.verdict == GATEWAY_BLOCKED) {
        page->text = STR("The request looks like an attack and was not passed on. If it is none, "
                         "tell the operators of the site the number below.");
        return;
    }
    if (!x->path || x->path->status != status)
        return;
    page->plain = x->path->answer;
    if (x->path->redirect.n)
        gateway_route_put_location(x->path, str_skip(head->path, x->rest), head->query, location);
    page->location = buf_str(location);
}

void gateway_exchange_set_answer(struct gateway_exchange *x, int status)
{
    const struct http_reader *req = x->up.reader;
    bool whole = x->up.ended && http_reader_get(req)->keep_alive && !x->peer->draining;
    CLEANUP(buf_done) struct buf body = BUF_INIT(GATEWAY_PAGE_MAX);
    char retry[HTTP_NUMBER_MAX];
    struct gateway_page page = {
        .status = status,
        .headless = str_eq(http_reader_get(req)->method, STR("HEAD")),
        .request_id = id_str(&x->id),
        .date = gateway_date(x->gateway),
        .retry = retry_after(x, status, retry),
    };
    CLEANUP(buf_done) struct buf location = BUF_INIT(2 * GATEWAY_TARGET_MAX);
    struct http_answer answer;

    say_what(x, status, &page, &location);
    backend_link_close(MOVE(x->link));
    gateway_relay_drop(&x->down);
    gateway_relay_next(&x->down, false);
    x->last = x->last || !whole;
    x->status = status;
    x->started = true;
    x->state = GATEWAY_ANSWER;
    gateway_page_make(&page, req, &answer, &body);
    if (x->route)
        gateway_route_dress(x->route, &answer);
    x->front->answer(x, &answer);
    x->down.body = body.n;
    buf_puts(&x->down.out, buf_str(&body));
    if (buf_rc(&body) != RC_OK)
        buf_fail(&x->down.out, buf_rc(&body));
}

enum gateway_step gateway_exchange_answer(struct gateway_exchange *x, int status)
{
    gateway_exchange_set_answer(x, status);
    return gateway_exchange_step(x);
}

static enum gateway_step step_answer(struct gateway_exchange *x)
{
    uint64_t before = x->down.written;
    enum rc rc = RC_NOMEM;

    if (x->late)
        return GATEWAY_CUT;
    if (buf_rc(&x->down.out) == RC_OK)
        rc = gateway_relay_flush(&x->down, x->t);
    gateway_patience_moved(&x->client_time, x->down.written - before, gateway_now(x->gateway));
    if (rc == RC_AGAIN) {
        x->front->want(x, NET_WANT_WRITE);
        gateway_exchange_await(x, true, false);
        return GATEWAY_WAIT;
    }
    if (rc != RC_OK)
        return GATEWAY_CUT;
    x->front->end(x);
    gateway_tell(x, true);
    x->state = GATEWAY_READ;
    return x->last ? GATEWAY_LAST : GATEWAY_NEXT;
}

/* ---- the head, and where it leads */

static enum gateway_step no_backend_answers(struct gateway_exchange *x)
{
    int status = x->why.rc == RC_TIMEOUT ? 504 : 502;

    if (x->why.rc == RC_QUOTA || x->why.rc == RC_NOMEM)
        status = 503;
    return gateway_exchange_answer(x, status);
}

static void on_found(void *arg, struct backend_link *l)
{
    struct gateway_exchange *x = arg;

    if (l)
        gateway_pass_begin(x, l);
    else
        x->why = x->find.why;
    x->front->pump(x);
}

static enum gateway_step looked(struct gateway_exchange *x, enum rc rc, struct backend_link *l)
{
    x->state = GATEWAY_FIND;
    if (rc == RC_OK)
        gateway_pass_begin(x, l);
    else if (rc != RC_AGAIN)
        x->why = x->find.why;
    return gateway_exchange_step(x);
}

enum gateway_step gateway_exchange_find(struct gateway_exchange *x, int64_t youngest)
{
    struct backend_link *l = NULL;
    enum rc rc;

    x->why.rc = RC_OK;
    if (x->sought == 0)
        x->sought = gateway_now(x->gateway);
    x->find.wish = backend_pool_wish(x->pool, x->up.reader);
    rc = backend_find_start(&x->find, x->pool, youngest, &l);
    return looked(x, rc, l);
}

enum gateway_step gateway_exchange_find_more(struct gateway_exchange *x)
{
    struct backend_link *l = NULL;
    enum rc rc;

    x->why.rc = RC_OK;
    rc = backend_find_more(&x->find, &l);
    return looked(x, rc, l);
}

bool gateway_exchange_client_gone(struct gateway_exchange *x)
{
    enum rc rc = RC_OK;

    while (rc == RC_OK && x->up.ready && !x->full)
        rc = gateway_relay_fill(&x->up, x->t);
    if (rc == RC_TOOBIG)
        x->full = true;
    return rc == RC_CLOSED || rc == RC_NET || rc == RC_NOMEM;
}

static enum gateway_step step_find(struct gateway_exchange *x)
{
    if (x->why.rc != RC_OK)
        return no_backend_answers(x);
    if (x->late) {
        IGNORE_RC(ERR(&x->why, RC_TIMEOUT, msg_find_slow, STR("20")));
        backend_find_stop(&x->find);
        return no_backend_answers(x);
    }
    if (gateway_exchange_client_gone(x))
        return GATEWAY_CUT;
    x->front->want(x, x->full ? 0 : NET_WANT_READ);
    gateway_exchange_await(x, false, true);
    return GATEWAY_WAIT;
}

/* The names of handshake and request must be the same: certificate and policy were chosen by the
 * first (RFC 9110 section 7.4). */
static bool misdirected(struct gateway_exchange *x)
{
    const struct http_head *head = http_reader_get(x->up.reader);
    struct gateway_site *site = x->peer->site;
    struct http_authority at = {.host = str_of(site->name)};

    if (!site->route || site->route->passes) {
        x->last = true;
        IGNORE_RC(ERR(&x->why, RC_NOTFOUND, msg_removed, str_of(site->name)));
        return true;
    }
    if (head->host.n && http_authority_parse(head->host, &at) != RC_OK)
        at.host = (struct str){NULL, 0};
    if (str_ends(at.host, STR(".")))
        at.host.n--;
    if (str_ieq(at.host, str_of(site->name)))
        return false;
    /* No handshake can name an address (RFC 6066 section 3). */
    if (at.host.n && at.addr.n && site == x->gateway->otherwise)
        return false;
    IGNORE_RC(ERR(&x->why, RC_DENIED, msg_other_host, str_of(site->name), head->host));
    return true;
}

/* RFC 9110 section 9.2.2: what may be sent twice. */
static bool idempotent(struct str method)
{
    static const struct str names[] = {STR("GET"), STR("HEAD"), STR("PUT"), STR("DELETE"),
                                       STR("OPTIONS")};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (str_eq(names[i], method))
            return true;
    return false;
}

/* False: it is answered here. */
static bool lead(struct gateway_exchange *x, int *out_status)
{
    const struct http_head *head = http_reader_get(x->up.reader);
    CLEANUP(buf_done) struct buf text = BUF_INIT(GATEWAY_TARGET_MAX);
    const struct gateway_path *path;
    size_t rest;
    enum rc rc = RC_OK;

    x->path = NULL;
    x->proof = http_proofs_find(&x->gateway->proofs, str_of(x->peer->site->name), head->path);
    *out_status = x->proof.n ? 200 : 503;
    if (x->proof.n || x->route->maintenance.n)
        return false;
    rc = gateway_route_find(x->route, head->path, &text, &path, &rest);
    if (rc == RC_INVAL) {
        IGNORE_RC(ERR(&x->why, RC_DENIED, msg_dots));
        *out_status = 400;
    }
    if (rc != RC_OK)
        return false;
    x->path = path;
    x->rest = rest;
    x->pool = path && path->pool ? path->pool : x->route->pool;
    if (path)
        *out_status = path->status;
    return !path || !(path->redirect.n || path->answer.n);
}

/* Of a kept connection that may be taken. One that has told whose it is is nobody else's. */
static int64_t youngest(const struct gateway_exchange *x)
{
    if (x->route->send_proxy != CONF_SEND_PROXY_OFF)
        return 0;
    return x->repeatable ? INT64_MAX : GATEWAY_FRESH_SECONDS * WHEN_SECOND;
}

/* RFC 8586: a backend, or what stands between, may lead back here. Others of the gateway's
 * processes are called as well, but not for ever. */
static bool looped(const struct gateway_exchange *x)
{
    const struct http_reader *r = x->up.reader;

    for (size_t i = 0; i < http_reader_fields(r); i++) {
        struct http_field f = http_reader_field(r, i);
        struct str one;

        if (!str_eq(f.name, STR("cdn-loop")))
            continue;
        while (str_next(&f.value, ',', &one))
            if (str_eq(str_trim(one), id_str(&x->gateway->name)))
                return true;
    }
    return false;
}

enum gateway_step gateway_exchange_begin(struct gateway_exchange *x)
{
    struct gateway_peer *p = x->peer;
    int status;
    const struct http_head *head = http_reader_get(x->up.reader);

    x->up.ended = head->framing == HTTP_FRAMING_NONE;
    if (++p->requests >= GATEWAY_REQUESTS_MAX)
        x->last = true;
    if (id_new_from(&x->gateway->ids, &x->id) != RC_OK)
        return GATEWAY_CUT;
    gateway_origin_find(x->gateway->trust, &p->from, x->up.reader, &x->origin);
    if (head->host_differs) {
        IGNORE_RC(ERR(&x->why, RC_DENIED, msg_two_hosts));
        return gateway_exchange_answer(x, 400);
    }
    if (misdirected(x))
        return gateway_exchange_answer(x, 421);
    status = gateway_peer_doubt(p, &x->why);
    if (status) {
        x->last = true; /* a new connection shows */
        return gateway_exchange_answer(x, status);
    }
    if (looped(x)) {
        IGNORE_RC(ERR(&x->why, RC_DENIED, msg_loop));
        return gateway_exchange_answer(x, 508);
    }
    x->route = gateway_route_ref(p->site->route);
    if (!gateway_route_admits(x->route, &x->origin.client)) {
        IGNORE_RC(ERR(&x->why, RC_DENIED, msg_client));
        return gateway_exchange_answer(x, 403);
    }
    x->wait = gateway_rates_take(&p->site->rates, &x->route->rate, &x->origin.client,
                                 gateway_now(x->gateway));
    if (x->wait) {
        IGNORE_RC(ERR(&x->why, RC_QUOTA, msg_rate));
        return gateway_exchange_answer(x, 429);
    }
    if (!lead(x, &status))
        return gateway_exchange_answer(x, status);
    x->repeatable = idempotent(head->method);
    x->find.preface = gateway_peer_preface(p, x->route->send_proxy, &x->origin.client, x->preface);
    return x->route->waf == CONF_WAF_OFF ? gateway_exchange_seek(x) : gateway_inspect_begin(x);
}

enum gateway_step gateway_exchange_seek(struct gateway_exchange *x)
{
    return gateway_exchange_find(x, youngest(x));
}

enum gateway_step gateway_exchange_refuse(struct gateway_exchange *x)
{
    IGNORE_RC(
        id_new_from(&x->gateway->ids, &x->id)); /* an answer without an id is better than none */
    return gateway_exchange_answer(x, x->why.status);
}

static enum gateway_step step_read(struct gateway_exchange *x)
{
    enum rc rc;

    if (x->late) {
        x->late = false;
        if (gateway_exchange_idle(x))
            return GATEWAY_CUT;
        IGNORE_RC(ERR(&x->why, RC_TIMEOUT, msg_slow));
        return gateway_exchange_answer(x, 408);
    }
    rc = gateway_relay_head(&x->up, x->t, &x->why);
    if (rc == RC_OK)
        return gateway_exchange_begin(x);
    if (rc == RC_DENIED)
        return gateway_exchange_refuse(x);
    if (rc != RC_AGAIN)
        return GATEWAY_CUT;
    x->front->want(x, NET_WANT_READ);
    return GATEWAY_WAIT;
}

enum gateway_step gateway_exchange_step(struct gateway_exchange *x)
{
    switch (x->state) {
    case GATEWAY_READ:
        return step_read(x);
    case GATEWAY_HOLD:
    case GATEWAY_INSPECT:
        return gateway_inspect_step(x);
    case GATEWAY_FIND:
        return step_find(x);
    case GATEWAY_PASS:
        return gateway_pass_step(x);
    case GATEWAY_TUNNEL:
        return gateway_tunnel_step(x);
    case GATEWAY_ANSWER:
        return step_answer(x);
    }
    return GATEWAY_CUT;
}
