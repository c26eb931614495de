/* SPDX-License-Identifier: Apache-2.0 */
/* The end of what has expired: orders and authorizations go, certificates become tombstones. In
 * steps of a few rows, each a job among the others of a commit, with a pause between two; after a
 * sweep of everything nothing is looked at for an hour. The periods are the configuration's. */
#include "store/prune.h"
#include "acme/parts_int.h"
#include "crypto/hash.h"
#include "ev/clock.h"
#include "log/log.h"
#include "metrics/metrics.h"

enum { STEP = 100, STEP_ARENA = 4 * 1024 * 1024, NAMES_BYTES_MAX = STORE_NAMES_MAX * 512 };
#define FIRST_SWEEP (5 * WHEN_MINUTE) /* after a start: then there is other work */
#define PAUSE (WHEN_SECOND / 10)
#define BETWEEN_SWEEPS WHEN_HOUR

enum phase { ORDERS, AUTHORIZATIONS, BUCKETS, CERTIFICATES, PHASES };
static const char *const kinds[PHASES] = {"orders", "authorizations", "buckets", "certificates"};
METRIC_COUNTER_BY(
    pruned_total, "pruned_total",
    "Expired orders and authorizations and full buckets of limits deleted, certificates "
    "made tombstones",
    "what", kinds);

struct acme_prune {
    struct acme *acme;
    struct ev_timer timer;
    enum phase phase;
    struct store_prune step;
    struct store_prune result; /* the writer's copy */
    struct store_cursor at;    /* of certificates */
    struct store_cursor at_result;
    when_t now;
    uint64_t gone[PHASES]; /* in this sweep */
};

static enum rc hash_names(const struct store_certificate *c, struct store_hash *out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(NAMES_BYTES_MAX);

    for (size_t i = 0; i < c->n_names; i++) {
        buf_puts(&text, c->names[i].value);
        buf_u8(&text, '\n');
    }
    TRY(buf_rc(&text));
    return crypto_sha256(buf_str(&text), out->b);
}

static enum rc prune_certificates(struct store_txn *txn, struct acme_prune *p)
{
    struct store_certificate_filter filter = {
        .not_after_before = p->step.before,
        .sort = STORE_CERTIFICATE_BY_EXPIRY,
        .living = true,
        .without_der = true,
        .limit = STEP,
    };
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(STEP_ARENA);
    struct store_certificate *list;
    struct store_hash names;
    size_t n;

    p->at_result = p->at;
    TRY(store_certificate_list(txn, &arena, &filter, &p->at_result, &list, &n));
    for (size_t i = 0; i < n; i++) {
        TRY(hash_names(&list[i], &names));
        TRY(store_certificate_tombstone(txn, &list[i].id, p->now, &names));
    }
    p->result.gone = n;
    p->result.end = n < STEP;
    return RC_OK;
}

static enum rc step_fn(struct store_txn *txn, void *arg)
{
    struct acme_prune *p = arg;

    p->result = p->step;
    if (p->phase == ORDERS)
        return store_prune_orders(txn, &p->result);
    if (p->phase == AUTHORIZATIONS)
        return store_prune_authorizations(txn, &p->result);
    if (p->phase == BUCKETS)
        return store_prune_buckets(txn, &p->result);
    return prune_certificates(txn, p);
}

static void begin_phase(struct acme_prune *p, enum phase phase)
{
    const struct conf *conf = p->acme->conf;
    when_t keep = phase == CERTIFICATES ? conf->keep.certificates
                  : phase == BUCKETS    ? 0
                                        : conf->keep.orders;

    p->phase = phase;
    p->now = clock_now(ev_clock(p->acme->ev));
    p->at = (struct store_cursor){0};
    /* Nothing lives less than an order, and what is not over by then can wait for a later sweep. */
    p->step = (struct store_prune){.before = p->now - keep, .young = p->now - keep, .limit = STEP};
}

static void end_sweep(struct acme_prune *p)
{
    if (p->gone[ORDERS] + p->gone[AUTHORIZATIONS] + p->gone[CERTIFICATES])
        log_info("acme.pruned", LOG_INT("orders", (int64_t)p->gone[ORDERS]),
                 LOG_INT("authorizations", (int64_t)p->gone[AUTHORIZATIONS]),
                 LOG_INT("certificates", (int64_t)p->gone[CERTIFICATES]));
    memset(p->gone, 0, sizeof(p->gone));
    begin_phase(p, ORDERS);
    ev_timer_start(&p->timer, BETWEEN_SWEEPS, 0);
}

/* What could not be written is tried again after the pause between sweeps. */
static void step_done(enum rc rc, void *arg)
{
    struct acme_prune *p = arg;

    if (rc == RC_OK) {
        metric_add(&pruned_total, p->phase, p->result.gone);
        p->gone[p->phase] += p->result.gone;
        p->step = p->result;
        p->at = p->at_result;
    }
    if (rc != RC_OK || (p->step.end && p->phase == CERTIFICATES)) {
        end_sweep(p);
        return;
    }
    if (p->step.end)
        begin_phase(p, p->phase + 1);
    ev_timer_start(&p->timer, PAUSE, 0);
}

static void step(void *arg)
{
    struct acme_prune *p = arg;

    if (p->phase == ORDERS && p->step.at == 0)
        begin_phase(p, ORDERS);
    if (store_write(p->acme->store, step_fn, step_done, p) != RC_OK)
        ev_timer_start(&p->timer, WHEN_MINUTE, 0);
}

enum rc acme_prune_start(struct acme *a)
{
    struct acme_prune *p = MEM_NEW(struct acme_prune);

    if (!p)
        return RC_NOMEM;
    p->acme = a;
    ev_timer_init(&p->timer, a->ev, step, p);
    begin_phase(p, ORDERS);
    ev_timer_start(&p->timer, FIRST_SWEEP, 0);
    a->prune = p;
    return RC_OK;
}

void acme_prune_stop(struct acme *a)
{
    if (!a->prune)
        return;
    ev_timer_stop(&a->prune->timer);
    mem_free(a->prune);
    a->prune = NULL;
}
