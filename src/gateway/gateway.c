/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/gateway.h"

#include "conf/conf.h"
#include "dns/zones.h"
#include "ev/clock.h"
#include "gateway/account.h"
#include "gateway/gateway_int.h"
#include "http/response.h"
#include "http/server.h"
#include "log/log.h"
#include "tls/clients.h"
#include "tls/context.h"

enum { SITES_MAX = 100'000 };

/* The sites of a configuration, each with the route that it will have. */
struct gateway_plan {
    struct map sites; /* struct gateway_site, references, by name */
    struct gateway_route **routes;
    struct gateway_site **of; /* of routes[i]; borrowed from `sites` */
    size_t n;
    struct dns_zones *zones;
    struct gateway_trust *trust;
    const struct gateway_site *otherwise; /* one of `sites`, or NULL */
    struct gateway_rate connect;
    int64_t head_timeout, idle_timeout;
    unsigned access;            /* as struct gateway_access has it */
    struct conf_inspection waf; /* but for its strings */
    bool query;
};

int64_t gateway_now(const struct gateway *g)
{
    return clock_mono(ev_clock(g->conf.ev));
}

struct str gateway_date(struct gateway *g)
{
    when_t now = clock_now(ev_clock(g->conf.ev));
    char text[GATEWAY_DATE] = "";
    struct buf b = {.p = text, .cap = sizeof(text), .max = sizeof(text) - 1, .rc = RC_OK};

    if (now / WHEN_SECOND != g->date_second || !g->date[0]) {
        http_put_date(now, &b);
        g->date_second = now / WHEN_SECOND;
        memcpy(g->date, text, b.n);
        g->date[b.n] = '\0';
    }
    return str_of(g->date);
}

/* ---- handshakes */

/* A site without a certificate yet is told apart from one that there is not in the log alone. */
static struct tls_site *choose(void *arg, const struct tls_hello *hello)
{
    struct gateway *g = arg;
    struct str name = hello->server_name;
    struct gateway_site *s;

    if (name.n == 0 && g->otherwise)
        name = str_of(g->otherwise->name);
    s = map_get(&g->sites, name);
    if (!s)
        return NULL;
    if (s->tls.passes || tls_site_has_identity(&s->tls) || (hello->proof && s->tls.challenge))
        return &s->tls;
    if (!s->bare)
        log_warn("gateway.no-certificate", LOG_Z("site", s->name),
                 LOG_TEXT("there is no certificate for it yet; its clients are refused until there "
                          "is"));
    s->bare = true;
    return NULL;
}

static void hold_site(struct tls_site *site)
{
    gateway_site_ref(LIST_ENTRY(site, struct gateway_site, tls));
}

static void drop_site(struct tls_site *site)
{
    gateway_site_unref(LIST_ENTRY(site, struct gateway_site, tls));
}

static void on_failed(void *, const struct addr *client, const struct err *err)
{
    gateway_count_failed(client, err);
}

static bool on_newcomer(void *arg, const struct addr *peer)
{
    return gateway_trust_proxied(((struct gateway *)arg)->trust, peer);
}

/* A client who connects too often costs no handshake. */
static bool on_entry(void *arg, const struct addr *client)
{
    struct gateway *g = arg;

    if (gateway_rates_take(&g->connecting, &g->connect, client, gateway_now(g)) == 0)
        return true;
    gateway_count_refused(client);
    return false;
}

/* ---- life */

static void on_turn(void *arg)
{
    gateway_h2_flush(arg);
}

enum rc gateway_new(const struct gateway_conf *conf, struct gateway **out)
{
    CLEANUP(gateway_freep) struct gateway *g = MEM_NEW(struct gateway);
    struct tls_context_conf tls = {
        .plain_answer = http_plain_answer,
        .alpn = STR("h2 http/1.1 http/1.0"),
        .choose = choose,
        .site_ref = hold_site,
        .site_unref = drop_site,
        .arg = g,
        .tlcp = ev_clock(conf->ev),
        .clock = ev_clock(conf->ev),
        .away = conf->away,
    };

    if (!g)
        return RC_NOMEM;
    g->conf = *conf;
    if (g->conf.connections == 0)
        g->conf.connections = GATEWAY_CONNECTIONS_MAX;
    if (g->conf.per_client == 0)
        g->conf.per_client = GATEWAY_CLIENT_CONNECTIONS_MAX;
    list_init(&g->unsent);
    http_proofs_init(&g->proofs);
    gateway_rates_init(&g->connecting);
    gateway_access_init(&g->access, conf->ev, conf->write, conf->arg);
    ev_hook_init(&g->flush, on_turn, g);
    ev_hook_add(conf->ev, &g->flush);
    g->on_idle = http_server_idle;
    g->on_closed = http_server_closed;
    map_init(&g->sites, SITES_MAX);
    backends_init(&g->backends, conf->ev, conf->net);
    TRY(id_new(&g->name));
    TRY(tls_context_new(&tls, &g->tls));
    *out = MOVE(g);
    return RC_OK;
}

static void sites_done(struct map *sites)
{
    struct str name;
    size_t at = 0;
    void *site;

    while (map_next(sites, &at, &name, &site))
        gateway_site_unref(site);
    map_done(sites);
}

void gateway_free(struct gateway *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->n_servers; i++)
        http_server_free(g->servers[i]);
    while (g->exchanges) {
        struct gateway_exchange *x = g->exchanges;

        g->exchanges = x->next;
        gateway_exchange_free(x);
    }
    ev_hook_remove(&g->flush);
    http_proofs_clear(&g->proofs);
    sites_done(&g->sites);
    tls_context_free(g->tls);
    gateway_trust_free(g->trust);
    backends_done(&g->backends);
    gateway_rates_clear(&g->connecting);
    gateway_blocks_done(&g->blocks);
    gateway_access_free(&g->access);
    mem_free(g);
}

enum rc gateway_listen(struct gateway *g, int fd)
{
    struct http_server_conf conf = {
        .speaker = &gateway_client_speaker,
        .other = &gateway_h2_speaker,
        .other_protocol = STR("h2"),
        .passer = &gateway_through_speaker,
        .ev = g->conf.ev,
        .name = "gateway",
        .tls = g->tls,
        .connections = g->conf.connections,
        .per_client = g->conf.per_client,
        .on_failed = on_failed,
        .proxied = on_newcomer,
        .enters = on_entry,
        .arg = g,
    };

    if (g->n_servers == GATEWAY_LISTENERS_MAX)
        return RC_TOOBIG;
    TRY(http_server_new(&conf, fd, &g->servers[g->n_servers]));
    g->n_servers++;
    return RC_OK;
}

void gateway_start(struct gateway *g)
{
    for (size_t i = 0; i < g->n_servers; i++)
        http_server_start(g->servers[i]);
}

static void on_drained(void *arg)
{
    struct gateway *g = arg;

    if (--g->draining == 0)
        g->drained(g->drained_arg);
}

void gateway_drain(struct gateway *g, void (*done)(void *arg), void *arg)
{
    g->drained = done;
    g->drained_arg = arg;
    g->draining = g->n_servers + 1;
    for (size_t i = 0; i < g->n_servers; i++)
        http_server_drain(g->servers[i], on_drained, g);
    on_drained(g);
}

/* ---- the sites of a configuration */

void gateway_plan_free(struct gateway_plan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; i < plan->n; i++)
        gateway_route_unref(plan->routes[i]);
    sites_done(&plan->sites);
    dns_zones_unref(plan->zones);
    gateway_trust_free(plan->trust);
    mem_free(plan->routes);
    mem_free(plan->of);
    mem_free(plan);
}

static unsigned kinds_of(unsigned algorithms)
{
    return (algorithms & 1u << CONF_KEY_RSA ? TLS_KIND_RSA : 0) |
           (algorithms & 1u << CONF_KEY_ECDSA ? TLS_KIND_EC : 0) |
           (algorithms & 1u << CONF_KEY_MLDSA ? TLS_KIND_MLDSA : 0) |
           (algorithms & 1u << CONF_KEY_SM2 ? TLS_KIND_TLCP : 0);
}

/* A site that there is already stays the same, with its connections and what it shows. */
static enum rc plan_site(struct gateway *g, const struct conf *conf, const struct conf_site *from,
                         struct gateway_plan *plan, struct err *err)
{
    CLEANUP(gateway_site_unrefp) struct gateway_site *s = map_get(&g->sites, from->name);

    if (s)
        gateway_site_ref(s);
    else
        TRY(gateway_site_new(from->name, &s));
    TRY(gateway_route_new(&g->backends, conf, from, &plan->routes[plan->n], err));
    plan->routes[plan->n]->kinds = kinds_of(from->algorithms);
    plan->of[plan->n++] = s;
    TRY(map_add(&plan->sites, from->name, s));
    (void)MOVE(s);
    return RC_OK;
}

enum rc gateway_prepare(struct gateway *g, const struct conf *conf, struct dns_zones *zones,
                        struct gateway_plan **out, struct err *err)
{
    CLEANUP(gateway_plan_freep) struct gateway_plan *plan = MEM_NEW(struct gateway_plan);
    size_t n = conf->gateway.n_sites;

    if (!plan)
        return RC_NOMEM;
    map_init(&plan->sites, SITES_MAX);
    plan->zones = dns_zones_ref(zones);
    plan->access = conf->gateway.access_log.format;
    plan->query = conf->gateway.access_log.query;
    plan->waf = conf->gateway.waf;
    plan->waf.rules.n = 0;
    plan->head_timeout = conf->gateway.head_timeout;
    plan->idle_timeout = conf->gateway.idle_timeout;
    TRY(gateway_trust_new(conf, &plan->trust));
    plan->routes = mem_calloc(n, sizeof(struct gateway_route *));
    plan->of = mem_calloc(n, sizeof(struct gateway_site *));
    if (!plan->routes || !plan->of)
        return RC_NOMEM;
    for (size_t i = 0; i < n; i++)
        TRY(plan_site(g, conf, &conf->gateway.sites[i], plan, err));
    plan->otherwise = map_get(&plan->sites, conf->gateway.default_site);
    plan->connect = gateway_rate_of(conf->gateway.connection_rate, conf->gateway.connection_burst);
    if (!g->backends.resolver)
        TRY(backends_set_zones(&g->backends, zones));
    *out = MOVE(plan);
    return RC_OK;
}

static void drain_clients(struct gateway_site *s)
{
    LIST_FOREACH (it, &s->clients) {
        struct gateway_peer *p = LIST_ENTRY(it, struct gateway_peer, link);

        p->drain(p);
    }
}

static void remove_site(struct gateway_site *s)
{
    gateway_site_set_route(s, NULL);
    tls_site_clear(&s->tls);
    drain_clients(s);
}

static void change_site(struct gateway_site *s, struct gateway_route *r)
{
    bool other = s->route &&
                 (s->route->passes != r->passes || !tls_clients_same(s->tls.clients, r->clients));

    /* Failing, new handshakes are judged as before, and their requests are refused: exchange.c. */
    if (!tls_clients_same(s->tls.clients, r->clients) &&
        tls_site_set_clients(&s->tls, r->clients) != RC_OK)
        log_error("gateway.clients-failed", LOG_Z("site", s->name));
    gateway_site_set_route(s, r);
    s->tls.passes = r->passes;
    s->tls.sm = r->tls_sm;
    tls_site_keep(&s->tls, r->kinds);
    if (r->passes)
        tls_site_clear(&s->tls);
    if (other)
        drain_clients(s);
}

void gateway_commit(struct gateway *g, struct gateway_plan *plan)
{
    struct map old = g->sites;
    struct str name;
    size_t at = 0;
    void *site;

    g->sites = plan->sites;
    g->certified_to = 0;
    map_init(&plan->sites, SITES_MAX);
    g->otherwise = plan->otherwise;
    g->connect = plan->connect;
    if (g->connect.per_minute == 0)
        gateway_rates_clear(&g->connecting);
    for (size_t i = 0; i < plan->n; i++)
        change_site(plan->of[i], MOVE(plan->routes[i]));
    while (map_next(&old, &at, &name, &site))
        if (!map_get(&g->sites, name))
            remove_site(site);
    sites_done(&old);
    IGNORE_RC(backends_set_zones(&g->backends, plan->zones)); /* made in prepare */
    gateway_trust_free(g->trust);
    g->trust = MOVE(plan->trust);
    g->access.format = plan->access;
    g->access.query = plan->query;
    g->head_timeout = plan->head_timeout;
    g->idle_timeout = plan->idle_timeout;
    g->waf_body = plan->waf.body;
    g->waf_timeout = plan->waf.timeout;
    g->waf_passes = plan->waf.unavailable == CONF_UNAVAILABLE_PASS;
    gateway_plan_free(plan);
}

enum rc gateway_set_identity(struct gateway *g, struct str site, struct tls_identity *id)
{
    struct gateway_site *s = map_get(&g->sites, site);

    if (!s)
        return RC_NOTFOUND;
    tls_site_set_identity(&s->tls, id);
    tls_site_keep(&s->tls, s->route->kinds);
    s->bare = false;
    return RC_OK;
}

enum rc gateway_set_tlcp(struct gateway *g, struct str site, struct tlcp_identity *id)
{
    struct gateway_site *s = map_get(&g->sites, site);

    if (!s)
        return RC_NOTFOUND;
    tls_site_set_tlcp(&s->tls, id);
    tls_site_keep(&s->tls, s->route->kinds);
    s->bare = false;
    return RC_OK;
}

enum rc gateway_staple_sm2(struct gateway *g, struct str site, struct str answer, when_t until)
{
    struct gateway_site *s = map_get(&g->sites, site);

    return s ? tls_site_staple_sm2(&s->tls, answer, until) : RC_NOTFOUND;
}

enum rc gateway_prove_http(struct gateway *g, bool shown, struct str site, struct str token,
                           struct str answer)
{
    if (!shown) {
        http_proofs_remove(&g->proofs, site, answer);
        return RC_OK;
    }
    return map_get(&g->sites, site) ? http_proofs_add(&g->proofs, site, token, answer)
                                    : RC_NOTFOUND;
}

enum rc gateway_prove_tls(struct gateway *g, struct str site, struct tls_identity *id)
{
    struct gateway_site *s = map_get(&g->sites, site);

    if (!s)
        return id ? RC_NOTFOUND : RC_OK;
    tls_site_set_challenge(&s->tls, id);
    return RC_OK;
}

void gateway_prove_nothing(struct gateway *g)
{
    struct str name;
    size_t at = 0;
    void *site;

    http_proofs_clear(&g->proofs);
    while (map_next(&g->sites, &at, &name, &site))
        tls_site_set_challenge(&((struct gateway_site *)site)->tls, NULL);
}

/* Goes on where it stopped, for it is asked after each one that comes. */
bool gateway_certified(struct gateway *g)
{
    size_t at = g->certified_to;
    struct str name;
    void *site;

    while (map_next(&g->sites, &at, &name, &site)) {
        const struct tls_site *s = &((struct gateway_site *)site)->tls;

        if (!s->passes && !tls_site_has_identity(s))
            return false;
        g->certified_to = at;
    }
    return true;
}

enum rc gateway_set_ticket_keys(struct gateway *g, const struct str *keys, size_t n)
{
    return tls_context_set_ticket_keys(g->tls, keys, n);
}
