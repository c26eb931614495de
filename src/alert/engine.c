/* SPDX-License-Identifier: Apache-2.0 */
#include "alert/alert_int.h"

#include "audit/audit.h"
#include "base/mem.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "store/deliveries.h"
#include "store/expiries.h"
#include "store/meta.h"

enum { PRUNE_MAX = 100 };
#define LOOK_EVERY (ALERT_SECONDS * WHEN_SECOND)
#define PRUNE_EVERY WHEN_HOUR

static const char *const severities[] = {"warning", "critical"};
METRIC_GAUGE_BY(firing, "alerts", "Alerts that are not over", "severity", severities);
METRIC_COUNTER(fired, "alerts_fired_total", "Alerts that began");
METRIC_COUNTER(resolved, "alerts_resolved_total", "Alerts that ended");

struct alert_engine {
    struct alert_options o;
    struct ev_timer timer;
    bool busy, closing;
    bool conf_changed; /* since the last job */
    when_t pruned;
    uint64_t seen; /* the last record that was looked at for failed orders */
    struct alert_conditions *conditions;
    struct alert_job job;
    const struct conf *held; /* with a reference, of the job under way */
};

static void again(struct alert_engine *e, when_t wait)
{
    if (!e->closing)
        ev_timer_start(&e->timer, wait, 0);
}

/* ---- is there anything to do? An idle server leaves its disk alone. */

static bool due(when_t at, when_t now)
{
    return at && at <= now;
}

static enum rc anything_due(struct store_txn *txn, when_t now, uint64_t *seen, bool *out)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(4096);
    when_t alert, expiry;
    struct str text;
    uint64_t taken = 0;
    int64_t last;
    enum rc rc = store_meta_get(txn, &a, STORE_META_EXPIRIES, &text);

    if (rc == RC_OK)
        rc = str_u64(text, INT64_MAX, &taken);
    if (rc != RC_OK && rc != RC_NOTFOUND)
        return rc;
    TRY(alert_failures_due(txn, seen, out));
    if (*out)
        return RC_OK;
    TRY(store_expiry_last(txn, &last));
    TRY(store_expiry_next(txn, &expiry));
    TRY(store_alert_next(txn, &alert));
    *out = last > (int64_t)taken || due(expiry, now) || due(alert, now);
    return RC_OK;
}

/* Is what holds just what is written down? */
static enum rc differs(struct store_txn *txn, const struct alert_conditions *c, bool *out)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ALERT_ARENA);
    struct store_alert_filter filter = {.conditions = true, .limit = ALERT_CONDITIONS_MAX + 1};
    struct store_alert *list;
    size_t n;

    TRY(store_alert_list(txn, &a, &filter, &list, &n, NULL));
    *out = n != c->n;
    for (size_t i = 0; i < c->n && !*out; i++) {
        size_t k = 0;

        while (k < n && !str_eq(list[k].key, c->v[i].key))
            k++;
        *out = k == n || list[k].severity != c->v[i].severity ||
               !str_eq(list[k].summary, str_utf8_head(c->v[i].summary, ALERT_TEXT_MAX));
    }
    return RC_OK;
}

static bool anything(struct alert_engine *e)
{
    struct store_txn *txn = store_read(e->o.store);
    bool yes = true;

    if (e->conf_changed || e->job.now - e->pruned >= PRUNE_EVERY)
        return true;
    if (anything_due(txn, e->job.now, &e->seen, &yes) != RC_OK || yes)
        return true;
    return e->job.conditions && (differs(txn, e->job.conditions, &yes) != RC_OK || yes);
}

/* ---- the job */

static enum rc prune(struct store_txn *txn, when_t now)
{
    TRY(store_alert_prune(txn, now - ALERT_KEPT, PRUNE_MAX));
    return store_delivery_prune(txn, now - ALERT_KEPT, PRUNE_MAX);
}

static enum rc strand(struct store_txn *txn, const struct alert_job *j)
{
    struct str names[CONF_RECEIVERS_MAX];
    size_t n = 0;

    for (; n < j->conf->n_receivers && n < CONF_RECEIVERS_MAX; n++)
        names[n] = j->conf->receivers[n].name;
    return store_delivery_strand(txn, names, n, STR("the configuration has no such receiver"),
                                 j->now);
}

static enum rc work(struct store_txn *txn, void *arg)
{
    struct alert_engine *e = arg;
    struct alert_job *j = &e->job;

    j->more = false;
    j->fired = j->resolved = 0;
    if (j->conf_changed)
        TRY(strand(txn, j));
    TRY(alert_expiries_take(txn, j));
    TRY(alert_failures_take(txn, j));
    TRY(alert_expiries_look(txn, j));
    TRY(alert_apply(txn, j));
    TRY(alert_route_due(txn, j));
    return j->now - e->pruned >= PRUNE_EVERY ? prune(txn, j->now) : RC_OK;
}

static void measure(struct alert_engine *e)
{
    uint64_t n[STORE_SEVERITIES];

    metric_add(&fired, 0, (int64_t)e->job.fired);
    metric_add(&resolved, 0, (int64_t)e->job.resolved);
    if (store_alert_count(store_read(e->o.store), n) != RC_OK)
        return; /* the numbers from before stay; doctor reports the store */
    for (size_t i = 0; i < STORE_SEVERITIES; i++)
        metric_set(&firing, i, (int64_t)n[i]);
}

static void done(enum rc rc, void *arg)
{
    struct alert_engine *e = arg;
    bool more = rc == RC_OK && e->job.more;

    e->busy = false;
    conf_unref(MOVE(e->held));
    if (rc != RC_OK && !e->closing)
        log_warn("alert.failed", LOG_RC(rc));
    if (rc != RC_OK)
        e->conf_changed |= e->job.conf_changed;
    else if (e->job.now - e->pruned >= PRUNE_EVERY)
        e->pruned = e->job.now;
    if (e->closing)
        return;
    if (rc == RC_OK) {
        measure(e);
        e->o.queued(e->o.arg);
    }
    again(e, more ? 0 : LOOK_EVERY);
}

void alert_collected(struct alert_engine *e)
{
    enum rc rc = RC_OK;

    if (e->closing)
        return;
    e->job.conf = e->o.conf;
    e->job.now = clock_now(ev_clock(e->o.ev));
    e->job.conditions = e->conditions->rc == RC_OK ? e->conditions : NULL;
    e->job.conf_changed = e->conf_changed;
    if (!anything(e)) {
        e->busy = false;
        again(e, LOOK_EVERY);
        return;
    }
    e->conf_changed = false;
    e->held = conf_ref(e->o.conf);
    rc = store_write(e->o.store, work, done, e);
    if (rc != RC_OK)
        done(rc, e);
}

static void look(void *arg)
{
    struct alert_engine *e = arg;

    if (e->busy || e->closing)
        return;
    e->busy = true;
    arena_done(&e->conditions->arena);
    e->conditions->n = 0;
    e->conditions->rc = RC_OK;
    e->o.collect(e->o.arg, e->conditions);
}

/* ---- life */

enum rc alert_engine_new(const struct alert_options *options, struct alert_engine **out)
{
    struct alert_engine *e = MEM_NEW(struct alert_engine);

    if (!e)
        return RC_NOMEM;
    e->conditions = MEM_NEW(struct alert_conditions);
    if (!e->conditions) {
        mem_free(e);
        return RC_NOMEM;
    }
    arena_init(&e->conditions->arena, ALERT_ARENA);
    e->o = *options;
    e->conf_changed = true; /* it may have changed while nobody looked */
    ev_timer_init(&e->timer, options->ev, look, e);
    again(e, 0);
    *out = e;
    return RC_OK;
}

void alert_engine_conf(struct alert_engine *e, const struct conf *conf)
{
    e->o.conf = conf;
    e->conf_changed = true;
    alert_engine_look(e);
}

void alert_engine_look(struct alert_engine *e)
{
    if (!e->busy)
        again(e, 0);
}

void alert_engine_stop(struct alert_engine *e)
{
    if (!e)
        return;
    e->closing = true;
    ev_timer_stop(&e->timer);
}

void alert_engine_free(struct alert_engine *e)
{
    if (!e)
        return;
    conf_unref(e->held);
    arena_done(&e->conditions->arena);
    mem_free(e->conditions);
    mem_free(e);
}
