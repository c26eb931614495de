/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/backend.h"

#include "backend/find.h"
#include "backend/session.h"
#include "base/when.h"
#include "conf/conf.h"
#include "ev/clock.h"
#include "http/url.h"
#include "tls/demand.h"

MSG(msg_url, "gateway.backend-url", "\"{0}\" is not the http, https, h2, h2c or tls URL of a host");

/* Of what is demanded, too. */
enum { KEY_MAX = 2 << 20 };

static void sweep(void *arg);

static void wake(void *arg)
{
    backend_find_wake(arg);
}

int64_t backend_now(const struct backend *b)
{
    return clock_mono(ev_clock(b->all->ev));
}

bool backend_paused(const struct backend *b)
{
    return b->failed_at != INT64_MIN &&
           backend_now(b) - b->failed_at < BACKEND_PAUSE_SECONDS * WHEN_SECOND;
}

void backend_fault(struct backend *b)
{
    if (++b->faults < BACKEND_FAULTS_MAX)
        return;
    b->faults = 0;
    b->failed_at = backend_now(b);
}

void backend_fine(struct backend *b)
{
    b->faults = 0;
}

static void backend_free(struct backend *b)
{
    if (!b)
        return;
    ev_timer_stop(&b->sweep);
    ev_defer_cancel(&b->wake);
    backend_lookup_free(b->lookup);
    if (map_get(&b->all->by_key, b->whole) == b)
        (void)map_remove(&b->all->by_key, b->whole);
    tls_demand_unref(b->demand);
    mem_free(b);
}
DEFINE_FREEP(backend_free, struct backend)

static enum rc backend_new(struct backends *all, struct str key, const struct http_url *url,
                           struct backend **out)
{
    CLEANUP(backend_freep) struct backend *b = mem_calloc(1, sizeof(*b) + key.n);
    size_t v6 = url->at.addr.n == 16;

    if (!b)
        return RC_NOMEM;
    b->all = all;
    memcpy(b->text, key.p, key.n);
    b->whole = str_bytes(b->text, key.n);
    b->key = str_head(b->whole, str_find(b->whole, '\n'));
    b->host = str_bytes(b->text + v6, url->at.host.n);
    b->port = url->port;
    b->failed_at = b->up_at = INT64_MIN;
    list_init(&b->sessions);
    list_init(&b->queued);
    list_init(&b->idle);
    list_init(&b->waiting);
    ev_defer_init(&b->wake, wake, b);
    ev_timer_init(&b->sweep, all->ev, sweep, b);
    if (url->at.addr.n) {
        b->addrs[b->n_addrs++] = url->at.addr;
        b->expires = INT64_MAX;
    }
    TRY(map_add(&all->by_key, key, b));
    *out = MOVE(b);
    return RC_OK;
}

enum rc backend_demand(const struct conf_site *site, const struct http_url *url,
                       struct tls_demand **out, struct err *err)
{
    struct tls_demand_conf conf = {
        .server_name = site->backend_name,
        .ip = url->at.addr.n ? &url->at.addr : NULL,
        .roots = site->backend_roots,
        .pins = site->backend_keys.p,
        .n_pins = site->backend_keys.n,
    };

    if (!conf.server_name.n && !conf.ip)
        conf.server_name = url->at.host;
    return tls_demand_new(&conf, out, err);
}

/* Who demands something else has connections of his own. */
static void put_demand(const struct conf_site *site, struct buf *key)
{
    buf_putz(key, "\n");
    buf_puts(key, site->backend_name);
    for (size_t i = 0; i < site->backend_keys.n; i++) {
        buf_putz(key, " ");
        buf_puts(key, site->backend_keys.p[i]);
    }
    buf_putz(key, "\n");
    buf_puts(key, site->backend_roots);
}

/* Those that are no URL to anybody else: host and port alone. */
static const struct scheme {
    struct str text;
    uint16_t port;
    bool tls, h2;
} schemes[] = {
    {STR("tls://"), 443, false, false}, /* bytes are passed on as they come */
    {STR("h2://"), 443, true, true},
    {STR("h2c://"), 80, false, true},
};

static enum rc parse(struct str url, struct http_url *out, bool *out_h2)
{
    *out = (struct http_url){};
    *out_h2 = false;
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        const struct scheme *s = &schemes[i];

        if (!str_starts(url, s->text))
            continue;
        TRY(http_authority_parse(str_skip(url, s->text.n), &out->at));
        out->port = out->at.port ? out->at.port : s->port;
        out->tls = s->tls;
        *out_h2 = s->h2;
        return RC_OK;
    }
    TRY(http_url_parse(url, out, NULL));
    return out->path.n > 1 || out->query.p ? RC_PARSE : RC_OK;
}

enum rc backend_get(struct backends *all, const struct conf_site *site, struct str url,
                    struct backend **out, struct err *err)
{
    CLEANUP(tls_demand_unrefp) struct tls_demand *demand = NULL;
    CLEANUP(buf_done) struct buf key = BUF_INIT(KEY_MAX);
    struct http_authority at;
    struct backend *b;
    struct http_url parsed;
    bool h2;

    if (parse(url, &parsed, &h2) != RC_OK)
        return ERR(err, RC_INVAL, msg_url, url);
    at = parsed.at;
    at.port = parsed.port;
    http_authority_put(&at, &key);
    TRY(buf_rc(&key));
    for (size_t i = 0; i < key.n; i++)
        if (key.p[i] >= 'A' && key.p[i] <= 'Z')
            key.p[i] |= 0x20;
    if (h2)
        buf_putz(&key, "\nh2");
    if (parsed.tls)
        put_demand(site, &key);
    TRY(buf_rc(&key));
    b = map_get(&all->by_key, buf_str(&key));
    if (!b && parsed.tls)
        TRY(backend_demand(site, &parsed, &demand, err));
    if (!b) {
        TRY(backend_new(all, buf_str(&key), &parsed, &b));
        b->demand = MOVE(demand);
        b->h2 = h2;
    }
    b->refs++;
    *out = b;
    return RC_OK;
}

static void close_idle(struct backend *b)
{
    while (!list_empty(&b->idle))
        backend_link_close(LIST_ENTRY(b->idle.next, struct backend_link, link));
}

/* Links hold references, those that wait do not. */
void backend_unref(struct backend *b)
{
    if (!b || --b->refs)
        return;
    b->refs = 1;
    close_idle(b);
    backend_sessions_close(b);
    backend_free(b);
}

/* ---- connections */

static void unlist(struct backend_link *l)
{
    if (list_empty(&l->link))
        return;
    list_remove(&l->link);
    l->backend->n_idle--;
}

void backend_link_close(struct backend_link *l)
{
    struct backend *b;

    if (!l)
        return;
    b = l->backend;
    if (list_empty(&l->link)) {
        net_stream_free(l->t);
        b->n_open--;
        mem_free(l);
        backend_unref(b);
        return;
    }
    unlist(l);
    net_stream_free(l->t);
    b->n_open--;
    mem_free(l);
}

/* Its end, or an answer to nothing, may be there and the loop has not come to it yet. What TLS says
 * for itself is no answer. */
static bool silent(struct backend_link *l)
{
    char byte;
    size_t n = 0;

    return l->t->ops->read(l->t, &byte, sizeof(byte), &n) == RC_AGAIN;
}

/* A backend that says something unasked, or closes, is not asked again on this connection. */
static void on_idle_event(void *arg)
{
    struct backend_link *l = arg;

    if (!silent(l))
        backend_link_close(l);
}

static void sweep(void *arg)
{
    struct backend *b = arg;
    int64_t oldest = backend_now(b) - BACKEND_IDLE_SECONDS * WHEN_SECOND;

    while (!list_empty(&b->idle)) {
        struct backend_link *l = LIST_ENTRY(b->idle.next, struct backend_link, link);

        if (l->since > oldest) {
            ev_timer_start(&b->sweep, l->since - oldest, 0);
            return;
        }
        backend_link_close(l);
    }
}

enum rc backend_link_new(struct backend *b, struct net_stream *t, struct backend_link **out)
{
    struct backend_link *l = MEM_NEW(struct backend_link);

    if (!l) {
        net_stream_free(t);
        return RC_NOMEM;
    }
    list_init(&l->link);
    l->backend = b;
    l->t = t;
    b->refs++;
    b->n_open++;
    *out = l;
    return RC_OK;
}

struct backend_link *backend_link_take(struct backend *b, int64_t youngest)
{
    if (b->h2)
        return youngest ? backend_session_take(b) : NULL;
    while (!list_empty(&b->idle)) {
        struct backend_link *l = LIST_ENTRY(b->idle.prev, struct backend_link, link);

        if (backend_now(b) - l->since >= youngest)
            return NULL;
        if (!silent(l)) {
            backend_link_close(l);
            continue;
        }
        unlist(l);
        b->refs++;
        l->reused = true;
        return l;
    }
    return NULL;
}

void backend_link_keep(struct backend_link *l)
{
    struct backend *b = l->backend;

    if (b->h2 || b->n_idle >= BACKEND_IDLE_MAX || b->refs == 1) {
        backend_link_close(l);
        return;
    }
    l->since = backend_now(b);
    l->t->ready = on_idle_event;
    l->t->arg = l;
    l->t->ops->want(l->t, NET_WANT_READ);
    list_push(&b->idle, &l->link);
    b->n_idle++;
    b->refs--;
    if (!ev_timer_running(&b->sweep))
        ev_timer_start(&b->sweep, BACKEND_IDLE_SECONDS * WHEN_SECOND, 0);
}
