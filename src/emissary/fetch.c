/* SPDX-License-Identifier: Apache-2.0 */
/* A request of the keeper to another CA: the host's addresses are found, then it is sent over TLS,
 * and what comes back is bounded and handed over. Nothing of it is understood here. */
#include "emissary/emissary_int.h"

#include "ev/clock.h"
#include "http/url.h"
#include "log/log.h"
#include "metrics/metrics.h"

MSG(msg_directory, "emissary.directory-unknown",
    "{0} is none of gateway.directories in the configuration");
MSG(msg_url, "emissary.url", "{0} is not an https URL that can be asked: {1}");
MSG(msg_method, "emissary.method", "{0} is no method of ACME");
MSG(msg_ending, "emissary.ending", "this process is about to end");
MSG(msg_none, "emissary.no-address", "{0} has no address");
MSG(msg_inside, "emissary.inside",
    "{0}, where the CA of {1} leads, is at {2}, further inside this network than that CA is: it is "
    "not asked");

enum { QUERIES = 2, LOOKUP_ARENA = 256 * 1024 };

static const char *const outcomes[] = {"answered", "failed"};
METRIC_COUNTER_BY(requests, "emissary_requests_total",
                  "Requests to other CAs for certificates of the gateway's sites: answered, with "
                  "whatever status; failed, without an answer",
                  "outcome", outcomes);

struct query {
    struct emissary_fetch *fetch;
    struct dns_lookup *lookup; /* NULL: it has ended */
};

struct emissary_fetch {
    struct list link;
    struct emissary *e;
    struct ipc_req *req;
    const struct ipc_fetch *m;
    struct http_url url;
    struct emissary_way *way;
    struct query queries[QUERIES];
    struct arena arena;
    struct addr addrs[EMISSARY_ADDRESSES_MAX];
    size_t n;
    struct err why;
    struct client_exchange *exchange;
};

static void fetch_free(struct emissary_fetch *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < QUERIES; i++)
        if (f->queries[i].lookup)
            dns_lookup_cancel(f->queries[i].lookup);
    if (f->exchange)
        client_transport_cancel(f->way->transport, f->exchange);
    list_remove(&f->link);
    f->e->n_fetches--;
    arena_done(&f->arena);
    mem_free(f);
}

static void fail(struct emissary_fetch *f, enum rc rc, const struct err *why)
{
    struct emissary *e = f->e;
    struct ipc_req *req = f->req;
    struct err err = why ? *why : ERR_INIT;

    err.rc = rc;
    metric_add(&requests, 1, 1);
    log_warn("emissary.failed", LOG_STR("host", f->url.at.host), LOG_ERR(&err));
    fetch_free(f);
    ipc_reply_err(req, &err);
    emissary_look_drained(e);
}

/* ---- the answer */

static void on_answer(void *arg, const struct client_answer *a)
{
    struct emissary_fetch *f = arg;
    struct emissary *e = f->e;
    struct ipc_fetched reply;

    f->exchange = NULL;
    if (a->rc != RC_OK) {
        fail(f, a->rc, a->err);
        return;
    }
    reply = (struct ipc_fetched){.status = (uint32_t)a->status,
                                 .nonce = a->nonce,
                                 .location = a->location,
                                 .retry_after = a->retry_after,
                                 .content_type = a->content_type,
                                 .date = a->date,
                                 .body = a->body};
    reply.links.v = (struct str *)(uintptr_t)a->links;
    while (reply.links.n < CLIENT_LINKS_MAX && a->links[reply.links.n].n)
        reply.links.n++;
    metric_add(&requests, 0, 1);
    IGNORE_RC(ipc_reply(f->req, &reply)); /* on failure the keeper has been told */
    fetch_free(f);
    emissary_look_drained(e);
}

/* A CA may lead to any host, but not further inside than it is itself: it would have requests sent
 * to services that it cannot reach. */
static enum rc may_go(struct emissary_fetch *f, const struct addr *addrs, size_t n, struct err *err)
{
    enum emissary_depth depth = emissary_depth(addrs, n);
    struct http_url own;
    char text[ADDR_TEXT];

    TRY(http_url_parse(str_of(f->way->url), &own, err));
    if (str_ieq(own.at.host, f->url.at.host)) {
        f->way->depth = depth;
        return RC_OK;
    }
    for (size_t i = 0; depth > f->way->depth && i < n; i++)
        if (emissary_depth(&addrs[i], 1) == depth)
            return ERR(err, RC_DENIED, msg_inside, f->url.at.host, str_of(f->way->url),
                       str_of(addr_text(&addrs[i], text)));
    return RC_OK;
}

static void send(struct emissary_fetch *f)
{
    const struct ipc_fetch *m = f->m;
    int64_t most = EMISSARY_REQUEST_SECONDS * WHEN_SECOND;
    struct client_ask ask = {
        .url = m->url,
        .accept = m->accept,
        .content_type = m->content_type,
        .body = m->body,
        .max_body = m->max_body < IPC_FETCH_BODY ? m->max_body : IPC_FETCH_BODY,
        .timeout = m->timeout > 0 && m->timeout < most ? m->timeout : most,
    };
    enum rc rc;

    ask.method = str_eq(m->method, STR("POST"))   ? "POST"
                 : str_eq(m->method, STR("HEAD")) ? "HEAD"
                                                  : "GET";
    rc = client_transport_send(f->way->transport, &ask, on_answer, f, &f->exchange);
    if (rc != RC_OK)
        fail(f, rc, NULL);
}

/* ---- where it is */

static void on_found(void *arg, enum rc rc, const struct dns_answer *answer)
{
    struct query *q = arg;
    struct emissary_fetch *f = q->fetch;

    q->lookup = NULL;
    if (rc == RC_OK && answer->status != DNS_FOUND)
        rc = dns_answer_err(answer, f->n ? NULL : &f->why);
    for (size_t i = 0; rc == RC_OK && i < answer->n && f->n < EMISSARY_ADDRESSES_MAX; i++)
        f->addrs[f->n++] = answer->records[i].addr;
    for (size_t i = 0; i < QUERIES; i++)
        if (f->queries[i].lookup)
            return;
    if (f->n) {
        rc = may_go(f, f->addrs, f->n, &f->why);
        if (rc == RC_OK) {
            emissary_names_put(f->e, f->url.at.host, f->addrs, f->n);
            send(f);
            return;
        }
    }
    if (!f->why.msg)
        IGNORE_RC(ERR(&f->why, RC_NOTFOUND, msg_none, f->url.at.host));
    fail(f, rc == RC_OK ? RC_NOTFOUND : rc, &f->why);
}

static enum rc look_up(struct emissary_fetch *f)
{
    static const enum dns_type types[QUERIES] = {DNS_A, DNS_AAAA};
    struct dns_question question = {.timeout = EMISSARY_LOOKUP_SECONDS * WHEN_SECOND,
                                    .arena = &f->arena};
    char *host = arena_alloc(&f->arena, f->url.at.host.n);

    if (!host)
        return RC_NOMEM;
    for (size_t i = 0; i < f->url.at.host.n; i++) {
        char c = f->url.at.host.p[i];

        host[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    question.name = str_bytes(host, f->url.at.host.n);
    for (size_t i = 0; i < QUERIES; i++) {
        f->queries[i].fetch = f;
        question.type = types[i];
        TRY(dns_lookup_start(f->e->resolver, &question, on_found, &f->queries[i],
                             &f->queries[i].lookup));
    }
    return RC_OK;
}

/* ---- the question */

static void on_cancel(void *arg)
{
    struct emissary_fetch *f = arg;
    struct emissary *e = f->e;
    struct ipc_req *req = f->req;

    fetch_free(f);
    ipc_req_drop(req);
    emissary_look_drained(e);
}

static bool is_method(struct str s)
{
    return str_eq(s, STR("GET")) || str_eq(s, STR("HEAD")) || str_eq(s, STR("POST"));
}

/* A CA may name any host in its directory, as RFC 8555 lets it; but no other scheme. */
static enum rc judge(struct emissary *e, const struct ipc_fetch *m, struct http_url *url,
                     struct err *err)
{
    struct err why = ERR_INIT;
    char line[256];
    enum rc rc;

    if (e->draining)
        return ERR(err, RC_CLOSED, msg_ending);
    if (!emissary_way_find(e, m->directory))
        return ERR(err, RC_DENIED, msg_directory, m->directory);
    if (!is_method(m->method))
        return ERR(err, RC_INVAL, msg_method, m->method);
    rc = http_url_parse(m->url, url, &why);
    if (rc == RC_OK && !url->tls)
        rc = RC_UNSUPPORTED;
    if (rc == RC_OK || rc == RC_NOMEM)
        return rc;
    return ERR(err, rc, msg_url, m->url,
               why.msg ? str_of(err_textz(&why, line, sizeof(line))) : str_of(rc_text(rc)));
}

void emissary_on_fetch(void *arg, struct ipc_req *req, const void *msg, int)
{
    const struct role_env *env = arg;
    struct emissary *e = env->state;
    const struct ipc_fetch *m = msg;
    struct emissary_fetch *f = NULL;
    struct addr known[EMISSARY_ADDRESSES_MAX];
    struct http_url url = {};
    struct err err = ERR_INIT;
    size_t n;

    err.rc = judge(e, m, &url, &err);
    if (err.rc == RC_OK) {
        f = MEM_NEW(struct emissary_fetch);
        err.rc = f ? RC_OK : RC_NOMEM;
    }
    if (err.rc != RC_OK) {
        ipc_reply_err(req, &err);
        return;
    }
    *f = (struct emissary_fetch){.e = e, .req = req, .m = m, .url = url};
    f->way = emissary_way_find(e, m->directory);
    arena_init(&f->arena, LOOKUP_ARENA);
    list_push(&e->fetches, &f->link);
    e->n_fetches++;
    ipc_req_on_cancel(req, on_cancel, f);
    if (emissary_names_known(e, url.at.host, known, EMISSARY_ADDRESSES_MAX, &n, &err) == RC_OK) {
        err.rc = may_go(f, known, n, &err);
        if (err.rc == RC_OK)
            send(f);
        else
            fail(f, err.rc, &err);
        return;
    }
    err = ERR_INIT;
    err.rc = look_up(f);
    if (err.rc != RC_OK)
        fail(f, err.rc, NULL);
}

void emissary_fetch_stop(struct emissary *e)
{
    while (!list_empty(&e->fetches)) {
        struct emissary_fetch *f = LIST_ENTRY(e->fetches.next, struct emissary_fetch, link);
        struct err err = ERR_INIT;

        IGNORE_RC(ERR(&err, RC_CLOSED, msg_ending));
        fail(f, RC_CLOSED, &err);
    }
}
