/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/account.h"

#include <inttypes.h>

#include "gateway/gateway_int.h"
#include "log/log.h"
#include "metrics/metrics.h"

static const char *const classes[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
METRIC_COUNTER_BY(requests, "gateway_requests_total", "Requests that ended", "class", classes);

enum { UP, DOWN };
static const char *const directions[] = {"request", "response"};
METRIC_COUNTER_BY(bodies, "gateway_body_bytes_total", "Bytes of bodies passed on", "direction",
                  directions);

enum { OPEN, FAILED };
static const char *const results[] = {"open", "failed"};
METRIC_COUNTER_BY(handshakes, "gateway_handshakes_total", "TLS handshakes that ended", "result",
                  results);

METRIC_COUNTER(refused, "gateway_connections_refused_total",
               "Connections closed before their handshake, by gateway.connection_rate");

static const char *const ends[] = {"complete", "failed"};
METRIC_COUNTER_BY(passed, "gateway_passed_total", "Connections that were passed on, and ended",
                  "result", ends);
METRIC_COUNTER_BY(passed_bytes, "gateway_passed_bytes_total",
                  "Bytes of connections that were passed on", "direction", directions);

METRIC_GAUGE(connections, "gateway_connections", "Connections of clients");

static const int64_t bounds[] = {1'000,   5'000,     20'000,     100'000,
                                 500'000, 2'000'000, 10'000'000, 60'000'000};
METRIC_TIMES(times, "gateway_request_seconds", "From the first byte of a request to its end",
             bounds);

/* ---- by site */

METRIC_NAMES(sites);
METRIC_COUNTER_OF2(site_requests, "gateway_site_requests_total", "Requests of a site that ended",
                   "site", sites, "class", classes);
METRIC_COUNTER_OF2(site_bytes, "gateway_site_bytes_total",
                   "Bytes of bodies of a site, or of its connections that were passed on", "site",
                   sites, "direction", directions);
METRIC_GAUGE_OF(site_connections, "gateway_site_connections", "Connections of clients of a site",
                "site", sites);
METRIC_TIMES_OF(site_times, "gateway_site_request_seconds",
                "From the first byte of a request of a site to its end", bounds, "site", sites);

size_t gateway_site_number(struct str name)
{
    size_t i = metric_name(&sites, name);

    metric_add(&site_requests, metric_at(&site_requests, i, 0), 0);
    return i;
}

static void count_site(size_t site, size_t class, const struct gateway_exchange *x, int64_t micros)
{
    metric_add(&site_requests, metric_at(&site_requests, site, class), 1);
    metric_add(&site_bytes, metric_at(&site_bytes, site, UP), (int64_t)x->up.body);
    metric_add(&site_bytes, metric_at(&site_bytes, site, DOWN), (int64_t)x->down.body);
    metric_observe(&site_times, site, micros);
}

/* ---- inspected */

static const char *const verdicts[] = {"none", "pass", "match", "detect", "block", "unavailable"};
METRIC_COUNTER_BY(inspected, "gateway_waf_requests_total", "Requests that were to be inspected",
                  "verdict", verdicts);
static const int64_t waf_bounds[] = {500, 1'000, 2'000, 5'000, 10'000, 100'000, 500'000, 2'000'000};
METRIC_TIMES(inspect_times, "gateway_waf_seconds",
             "That requests waited for the verdict of the rules", waf_bounds);

const char *gateway_matches_text(const struct gateway_found *f, char text[static GATEWAY_IDS_TEXT])
{
    struct buf b = {.p = text, .cap = GATEWAY_IDS_TEXT, .max = GATEWAY_IDS_TEXT - 1, .rc = RC_OK};

    for (size_t i = 0; i < f->n; i++)
        buf_printf(&b, "%s%" PRIu32, i ? " " : "", f->ids[i]);
    text[b.n] = '\0';
    return text;
}

/* Numbers of rules and what they are about; nothing of the request, which may hold secrets. */
void gateway_tell_inspected(const struct gateway_exchange *x, int64_t micros)
{
    const struct gateway_inspection *i = &x->inspection;
    char ids[GATEWAY_IDS_TEXT], client[ADDR_TEXT];

    metric_add(&inspected, i->verdict, 1);
    metric_observe(&inspect_times, 0, micros);
    if (i->verdict == GATEWAY_PASSED)
        return;
    log_request(&x->id);
    LOG_EVENT(i->verdict == GATEWAY_MATCHED ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "gateway.inspected",
              LOG_Z("verdict", gateway_verdict_name(i->verdict)),
              LOG_Z("site", x->peer->site->name), LOG_Z("client", gateway_client_text(x, client)),
              LOG_INT("score", i->found.score),
              LOG_Z("rules", gateway_matches_text(&i->found, ids)),
              LOG_Z("text", i->found.n ? i->found.text : ""), LOG_INT("micros", micros));
    log_request(NULL);
}

void gateway_count_failed(const struct addr *client, const struct err *err)
{
    char text[ADDR_TEXT];

    metric_add(&handshakes, FAILED, 1);
    log_info("gateway.connection-failed", LOG_Z("client", addr_text(client, text)), LOG_ERR(err));
}

void gateway_count_refused(const struct addr *client)
{
    char text[ADDR_TEXT];

    metric_add(&refused, 0, 1);
    log_info("gateway.connection-rate", LOG_Z("client", addr_text(client, text)),
             LOG_TEXT("it connects more often than `gateway.connection_rate` and "
                      "`connection_burst` allow, and was closed"));
}

void gateway_count_client(const struct gateway_site *site, int n)
{
    if (n > 0)
        metric_add(&handshakes, OPEN, n);
    metric_add(&connections, 0, n);
    if (site)
        metric_add(&site_connections, site->number, n);
}

void gateway_count_passed(const struct gateway_passed *p)
{
    bool wrong = p->why->rc != RC_OK;

    metric_add(&passed, wrong ? FAILED : OPEN, 1);
    metric_add(&passed_bytes, UP, (int64_t)p->up);
    metric_add(&passed_bytes, DOWN, (int64_t)p->down);
    metric_add(&site_bytes, metric_at(&site_bytes, p->number, UP), (int64_t)p->up);
    metric_add(&site_bytes, metric_at(&site_bytes, p->number, DOWN), (int64_t)p->down);
    LOG_EVENT(LOG_LEVEL_INFO, "gateway.passed", LOG_Z("site", p->site ? p->site : "-"),
              LOG_Z("client", p->client), LOG_INT("sent", p->down), LOG_INT("received", p->up),
              LOG_INT("micros", p->micros),
              LOG_STR("backend", p->backend.n ? p->backend : STR("-")),
              {.key = wrong ? "err" : NULL, .kind = LOG_KIND_ERR, .err = p->why});
}

const char *gateway_client_text(const struct gateway_exchange *x, char text[static ADDR_TEXT])
{
    /* One whose head is none is from who made the connection. */
    return x->origin.client.n ? addr_text(&x->origin.client, text) : x->peer->addr;
}

/* One line for each request; prose only where something went wrong. */
static void log_line(const struct gateway_exchange *x, int64_t micros, bool complete)
{
    const struct http_head *req = http_reader_get(x->up.reader);
    const struct gateway_peer *p = x->peer;
    struct str backend = x->backend ? x->backend->key : STR("-");
    bool wrong = x->why.rc != RC_OK;
    char text[ADDR_TEXT];

    log_request(&x->id);
    LOG_EVENT(x->status >= 500 ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "gateway.request",
              LOG_Z("site", p->site ? p->site->name : "-"),
              LOG_Z("client", gateway_client_text(x, text)), LOG_STR("method", req->method),
              LOG_INT("status", x->status), LOG_INT("sent", x->down.body),
              LOG_INT("received", x->up.body), LOG_INT("micros", micros),
              LOG_STR("backend", backend), LOG_BOOL("complete", complete),
              {.key = wrong ? "err" : NULL, .kind = LOG_KIND_ERR, .err = &x->why});
    log_request(NULL);
}

void gateway_tell(const struct gateway_exchange *x, bool complete)
{
    int64_t micros = gateway_now(x->gateway) - x->began;
    size_t class = x->status >= 100 && x->status < 600 ? (size_t)x->status / 100 : 0;

    metric_add(&requests, class, 1);
    metric_add(&bodies, UP, (int64_t)x->up.body);
    metric_add(&bodies, DOWN, (int64_t)x->down.body);
    metric_observe(&times, 0, micros);
    if (x->peer->site)
        count_site(x->peer->site->number, class, x, micros);
    log_line(x, micros, complete);
    gateway_access_tell(&x->gateway->access, x, micros, complete);
}
