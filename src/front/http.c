/* SPDX-License-Identifier: Apache-2.0 */
#include "front/front_int.h"

#include <stdio.h>

#include "base/name.h"
#include "conf/conf.h"
#include "ev/clock.h"
#include "http/problem.h"
#include "http/url.h"
#include "ipc/messages.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "metrics/view.h"

MSG(msg_not_found, "front.not-found", "there is nothing at {0}; the ACME directory is at {1}");
MSG(msg_plain, "front.plain",
    "this listener only serves what needs no protection; send {0} requests to {1}");
MSG(msg_metrics, "front.metrics-denied",
    "{0} may not read /metrics; the networks that may are metrics.allow in autarky.yaml");

enum { BASE_MAX = 512 };

/* ---- numbers */

static const char *const versions[] = {AUTARKY_VERSION};
METRIC_GAUGE_BY(build_info, "build_info", "1, with the version of the program", "version",
                versions);
static const char *const listeners[] = {"api", "plain", "private"};
METRIC_GAUGE_BY(connections, "http_connections", "Client connections that are open", "listener",
                listeners);
METRIC_COUNTER(accepted_total, "http_connections_accepted_total", "Client connections accepted");
METRIC_COUNTER(refused_total, "http_connections_refused_total",
               "Client connections refused because there were too many");
static const char *const queues[] = {"waiting", "asked"};
METRIC_GAUGE_BY(queue_length, "front_queue_length",
                "Requests that wait for core to come back, and that core has", "queue", queues);
METRIC_GAUGE(core_up, "core_up", "Whether core answered, so that its numbers are below");

static const char *const codes[] = {"200", "201", "204", "308", "400",  "403",
                                    "404", "429", "500", "503", "other"};
METRIC_COUNTER_BY2(requests_total, "http_requests_total", "Requests answered", "listener",
                   listeners, "code", codes);
static const char *const ops[] = {"directory",   "new-nonce",     "new-account", "new-order",
                                  "revoke-cert", "account",       "order",       "finalize",
                                  "challenge",   "authorization", "certificate", "other"};
METRIC_COUNTER_BY2(acme_requests_total, "acme_requests_total", "Requests of ACME answered", "op",
                   ops, "code", codes);
static const int64_t bounds[] = {1'000,   2'500,   5'000,     10'000,    25'000,    50'000,
                                 100'000, 250'000, 1'000'000, 2'500'000, 10'000'000};
METRIC_TIMES(acme_seconds, "acme_request_seconds",
             "From the first byte of a request of ACME to the end of its answer", bounds);

static size_t code_of(int status)
{
    size_t i = 0;
    char text[16];

    snprintf(text, sizeof(text), "%d", status);
    while (i < METRIC_LENGTH(codes) - 1 && strcmp(codes[i], text) != 0)
        i++;
    return i;
}

/* The first part of the path behind /acme/ names it, but for finalize. */
static size_t op_of(struct str path)
{
    struct str rest = str_skip(path, strlen("/acme/"));
    struct str first = str_head(rest, str_find(rest, '/'));
    size_t i = 0;

    if (str_eq(first, STR("order")) && str_ends(rest, STR("/finalize")))
        first = STR("finalize");
    while (i < METRIC_LENGTH(ops) - 1 && !str_eq(first, str_of(ops[i])))
        i++;
    return i;
}

static size_t listener_of(struct str name)
{
    size_t i = 0;

    while (i < METRIC_LENGTH(listeners) - 1 && !str_eq(name, str_of(listeners[i])))
        i++;
    return i;
}

static void count(const struct http_exchange *x, const struct http_answered *how)
{
    size_t code = code_of(x->res.status);

    metric_add(&requests_total, metric_at(&requests_total, listener_of(x->req.listener), code), 1);
    if (!str_starts(x->req.path, STR("/acme/")))
        return;
    metric_add(&acme_requests_total, metric_at(&acme_requests_total, op_of(x->req.path), code), 1);
    metric_observe(&acme_seconds, 0, how->micros);
}

static void set_gauges(struct front *f)
{
    int64_t open[METRIC_LENGTH(listeners)] = {0};
    uint64_t accepted = 0, refused = 0;

    for (size_t i = 0; i < f->n_servers; i++) {
        struct http_server_counts c;

        http_server_counts(f->servers[i], &c);
        open[listener_of(str_of(http_server_name(f->servers[i])))] += (int64_t)c.open;
        accepted += c.accepted;
        refused += c.refused;
    }
    for (size_t i = 0; i < METRIC_LENGTH(listeners); i++)
        metric_set(&connections, i, open[i]);
    metric_add(&accepted_total, 0, (int64_t)(accepted - f->accepted));
    metric_add(&refused_total, 0, (int64_t)(refused - f->refused));
    f->accepted = accepted;
    f->refused = refused;
    metric_set(&queue_length, 0, (int64_t)f->relay.n_waiting);
    metric_set(&queue_length, 1, (int64_t)front_relay_asked(&f->relay));
    front_keep_measure(&f->keep);
    metric_set(&build_info, 0, 1);
    role_measure();
}

/* While core is asked; in the exchange's memory. */
struct scrape {
    struct front *front;
    struct http_exchange *x;
};

static enum rc put_own(struct metrics_view *view)
{
    CLEANUP(buf_done) struct buf own = BUF_INIT(METRICS_SNAPSHOT_MAX);

    metrics_snapshot(&own);
    TRY(buf_rc(&own));
    return metrics_view_put(view, STR("front"), buf_str(&own));
}

/* Of a role that may have several processes, each has its number. */
static enum rc put_process(struct metrics_view *view, const struct ipc_measured *m)
{
    char name[METRICS_ROLE_NAME_MAX + 1];

    snprintf(name, sizeof(name), m->role == ROLE_GATEWAY ? "%s-%u" : "%s",
             role_name((enum role)m->role), m->number);
    return metrics_view_put(view, str_of(name), m->snapshot);
}

/* What does not fit the table is left out, and so is everything when core came to nothing; core_up
 * tells. */
static bool put_others(struct metrics_view *view, const struct ipc_gathered *all)
{
    bool core = false;

    for (size_t i = 0; all && i < all->processes.n; i++) {
        const struct ipc_measured *m = &all->processes.v[i];

        if (put_process(view, m) == RC_OK)
            core |= m->role == ROLE_CORE;
        else
            log_warn("front.numbers-refused", LOG_Z("role", role_name((enum role)m->role)),
                     LOG_TEXT("its numbers do not fit the table of this program"));
    }
    return core;
}

static void reply_metrics(struct scrape *s, const struct ipc_gathered *all)
{
    CLEANUP(metrics_view_done) struct metrics_view view = {};
    struct http_exchange *x = s->x;
    enum metrics_format format = metrics_accept(http_header_get(&x->req, STR("accept")));
    struct err err = ERR_INIT;

    metrics_view_init(&view);
    set_gauges(s->front);
    metric_set(&core_up, 0, put_others(&view, all));
    err.rc = put_own(&view);
    if (err.rc != RC_OK) {
        http_problem(x, &err);
        return;
    }
    metrics_view_render(&view, format, &x->res.body);
    http_header_add(x, "Cache-Control", STR("no-store"));
    http_reply(x, 200, metrics_content_type(format));
}

static void on_metrics(void *arg, const struct ipc_answer *answer)
{
    reply_metrics(arg, answer->rc == RC_OK ? answer->msg : NULL);
}

static bool may_read_metrics(const struct front *f, const struct addr *client)
{
    const struct conf_nets *allow = &f->env->conf->metrics.allow;

    for (size_t i = 0; i < allow->n; i++)
        if (addr_net_has(&allow->p[i], client))
            return true;
    return false;
}

static enum rc ask_metrics(struct front *f, struct http_exchange *x, struct err *err)
{
    struct scrape *s = ARENA_NEW(&x->arena, struct scrape);
    struct ipc_ask ask = {IPC_METRICS, NULL,       FRONT_METRICS_SECONDS * WHEN_SECOND,
                          &x->id,      on_metrics, s};
    char client[ADDR_TEXT];
    enum rc rc = RC_CLOSED;

    if (!may_read_metrics(f, &x->req.client))
        return err_problem(
            err, ERR(err, RC_DENIED, msg_metrics, str_of(addr_text(&x->req.client, client))), NULL,
            403);
    if (!s)
        return RC_NOMEM;
    *s = (struct scrape){f, x};
    if (f->core)
        rc = ipc_call(f->core, &ask, NULL);
    if (rc == RC_CLOSED)
        reply_metrics(s, NULL);
    return rc == RC_CLOSED ? RC_OK : rc;
}

static void metrics(struct front *f, struct http_exchange *x)
{
    struct err err = ERR_INIT;

    err.rc = ask_metrics(f, x, &err);
    if (err.rc != RC_OK)
        http_problem(x, &err);
}

/* ---- what goes where */

static const struct {
    const char *listener;
    struct str path;
    bool below; /* all that begins so */
} to_core[] = {
    {"api", STR("/acme/"), true},     {"api", STR("/trust/"), true},
    {"api", STR("/healthz"), false},  {"api", STR("/readyz"), false},
    {"api", STR("/ui"), false},       {"api", STR("/ui/"), true},
    {"plain", STR("/trust/"), true},  {"plain", STR("/issuer/"), true},
    {"plain", STR("/crl/"), true},    {"plain", STR("/ocsp/"), true},
    {"api", STR("/crl/"), true},      {"api", STR("/ocsp/"), true},
    {"api", STR("/issuer/"), true},   {"plain", STR("/healthz"), false},
    {"private", STR("/acme/"), true}, {"api", STR("/api/v1/"), true},
    {"private", STR("/ocsp/"), true}, {"api", STR("/acme-dns/"), true},
    {"api", STR("/httpreq/"), true},
};

static bool is_for_core(const struct http_request *req)
{
    for (size_t i = 0; i < sizeof(to_core) / sizeof(to_core[0]); i++)
        if (str_eq(req->listener, str_of(to_core[i].listener)) &&
            (to_core[i].below ? str_starts(req->path, to_core[i].path)
                              : str_eq(req->path, to_core[i].path)))
            return true;
    return false;
}

static bool is_reading(const struct http_request *req)
{
    return str_eq(req->method, STR("GET")) || str_eq(req->method, STR("HEAD"));
}

/* Where the API is for this client: what the configuration says, else the host it asked, if that is
 * ours: a Host header alone must not decide where people are sent. */
static void put_base(const struct front *f, const struct http_request *req, struct buf *out)
{
    struct http_authority at = {.host = STR("localhost")}, asked;

    if (f->env->conf->urls.api.n) {
        buf_puts(out, f->env->conf->urls.api);
        return;
    }
    if (http_authority_parse(req->host, &asked) == RC_OK && front_cert_names(&f->cert, asked.host))
        at.host = asked.host;
    at.port = f->api_port == 443 ? 0 : f->api_port;
    buf_putz(out, "https://");
    http_authority_put(&at, out);
}

static void redirect(struct http_exchange *x, struct str base, struct str why)
{
    const struct http_request *req = &x->req;

    http_header_addf(x, "Location", "%.*s%.*s%s%.*s", STR_ARG(base), STR_ARG(req->path),
                     req->query.n ? "?" : "", STR_ARG(req->query));
    http_reply_text(x, 308, "text/plain; charset=utf-8", why);
}

static bool is_host_of(struct str url, struct str host)
{
    struct http_url at;

    return url.n && http_url_parse(url, &at, NULL) == RC_OK && str_ieq(at.at.host, host);
}

/* The port by which clients reach the gateway; 0: only the kernel knows. */
static uint16_t gateway_port(const struct conf *conf)
{
    const struct conf_ports *ports = &conf->listen.gateway;

    for (size_t i = 0; i < ports->n; i++)
        if (ports->p[i].port == 443)
            return 443;
    return ports->n ? ports->p[0].port : 0;
}

/* Where the site of the gateway is that the client asked for by plain HTTP. A name that the API or
 * this listener has as well stays theirs. Only names of the configuration are ever put, so that a
 * Host header leads nowhere else. */
static bool put_site(const struct front *f, const struct http_request *req, struct buf *out)
{
    const struct conf *conf = f->env->conf;
    struct http_authority asked, at = {.port = gateway_port(conf)};
    char name[NAME_MAX_BYTES + 1];

    if (conf->gateway.names.n == 0 || at.port == 0 || !str_eq(req->listener, STR("plain")) ||
        http_authority_parse(req->host, &asked) != RC_OK ||
        name_canonical(asked.host, false, name) != RC_OK)
        return false;
    at.host = str_of(name);
    if (!conf_site_named(conf, at.host) || front_cert_names(&f->cert, at.host) ||
        is_host_of(conf->urls.api, at.host) || is_host_of(conf->urls.plain, at.host))
        return false;
    if (at.port == 443)
        at.port = 0;
    buf_putz(out, "https://");
    http_authority_put(&at, out);
    return true;
}

static void refuse(struct http_exchange *x, struct str base)
{
    struct err err = ERR_INIT;
    enum rc rc = RC_OK;

    if (str_eq(x->req.listener, STR("plain"))) {
        rc = ERR(&err, RC_DENIED, msg_plain, x->req.method, base);
        IGNORE_RC(err_problem(&err, rc, NULL, 403));
    } else {
        rc = ERR(&err, RC_NOTFOUND, msg_not_found, x->req.path, STR("/acme/directory"));
        IGNORE_RC(err_problem(&err, rc, NULL, 404));
    }
    http_problem(x, &err);
}

/* Another CA wants to know whether a site's name is this machine's. */
static bool prove(const struct front *f, struct http_exchange *x)
{
    struct http_authority at;
    struct str answer;

    if (f->proofs.n == 0 || !str_eq(x->req.listener, STR("plain")) || !is_reading(&x->req) ||
        http_authority_parse(x->req.host, &at) != RC_OK)
        return false;
    answer = http_proofs_find(&f->proofs, at.host, x->req.path);
    if (answer.n == 0)
        return false;
    http_reply_text(x, 200, "application/octet-stream", answer);
    return true;
}

void front_http_request(struct front *f, struct http_exchange *x)
{
    CLEANUP(buf_done) struct buf base = BUF_INIT(BASE_MAX);

    if (prove(f, x))
        return;
    if (put_site(f, &x->req, &base)) {
        if (is_reading(&x->req))
            redirect(x, buf_str(&base), STR("This site speaks HTTPS.\n"));
        else
            refuse(x, buf_str(&base));
        return;
    }
    if (is_for_core(&x->req)) {
        if (front_keep_answer(&f->keep, x))
            return;
        front_relay_send(&f->relay, x);
        return;
    }
    if (str_eq(x->req.listener, STR("api")) && str_eq(x->req.path, STR("/metrics")) &&
        is_reading(&x->req)) {
        metrics(f, x);
        return;
    }
    put_base(f, &x->req, &base);
    if (str_eq(x->req.listener, STR("plain")) && is_reading(&x->req) && f->api_port)
        redirect(x, buf_str(&base), STR("The API speaks HTTPS.\n"));
    else
        refuse(x, buf_str(&base));
}

void front_http_answered(const struct http_exchange *x, const struct http_answered *how)
{
    char client[ADDR_TEXT];

    count(x, how);
    log_request(&x->id);
    log_info("front.request", LOG_STR("listener", x->req.listener),
             LOG_STR("method", x->req.method), LOG_STR("path", x->req.path),
             LOG_INT("status", x->res.status), LOG_INT("bytes", how->bytes),
             LOG_INT("micros", how->micros), LOG_Z("client", addr_text(&x->req.client, client)),
             LOG_BOOL("complete", how->complete));
    log_request(NULL);
}
