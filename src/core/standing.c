/* SPDX-License-Identifier: Apache-2.0 */
/* How the authority stands, in numbers: until when it can sign, what is locked, who waits. Read
 * anew for each scrape, in a time that does not depend on how much was issued. */
#include "ca/issue.h"
#include "core/core_int.h"
#include "ev/clock.h"
#include "metrics/metrics.h"
#include "store/agents.h"
#include "store/approvals.h"
#include "store/locks.h"
#include "store/meta.h"
#include "store/store.h"

enum { STANDING_ARENA = 2 * 1024 * 1024 };

static const char *const hierarchies[] = {"intranet", "special", "staging"};
static const char *const algorithms[] = {"rsa", "ecdsa", "sm2", "mldsa"};
METRIC_GAUGE_TIME_BY2(roots_end, "root_not_after_timestamp_seconds",
                      "When the last root of its kind ends that is in force", "hierarchy",
                      hierarchies, "algorithm", algorithms);
METRIC_GAUGE_TIME_BY2(issuers_end, "issuer_not_after_timestamp_seconds",
                      "When the last issuer of its kind ends, or retires, that signs certificates",
                      "hierarchy", hierarchies, "algorithm", algorithms);
METRIC_GAUGE(locks_gauge, "issuance_locks", "Locks of issuance that hold");
METRIC_GAUGE(frozen_gauge, "issuance_frozen", "Whether one of them stops everything");
METRIC_GAUGE(agents_gauge, "agents", "Agents that have enrolled");
METRIC_GAUGE(agents_silent_gauge, "agents_silent",
             "Of these, those that have not reported in time");
METRIC_GAUGE(agents_failing_gauge, "agents_failing",
             "Of these, those that fail to renew something");
METRIC_GAUGE(waiting_gauge, "approvals_waiting", "Requests that wait for a person");
METRIC_GAUGE_TIME(oldest_gauge, "approvals_oldest_seconds", "How long the first of them waits");

METRIC_GAUGE_TIME(backup_gauge, "backup_last_timestamp_seconds", "When the last backup was made");

static size_t index_of(const char *const *names, size_t n, struct str name)
{
    size_t i = 0;

    while (i < n && !str_eq(name, str_of(names[i])))
        i++;
    return i;
}

static void later(int64_t *ends, const struct ca_issuer *issuer)
{
    size_t h = index_of(hierarchies, METRIC_LENGTH(hierarchies), issuer->hierarchy);
    size_t a = index_of(algorithms, METRIC_LENGTH(algorithms), issuer->algorithm);
    when_t end = issuer->cert.not_after;
    int64_t *cell = &ends[h * METRIC_LENGTH(algorithms) + a];

    if (h == METRIC_LENGTH(hierarchies) || a == METRIC_LENGTH(algorithms))
        return;
    if (issuer->retires && issuer->retires < end)
        end = issuer->retires;
    if (*cell == METRIC_NONE || end > *cell)
        *cell = end;
}

static void measure_authorities(const struct ca *ca)
{
    enum { KINDS = METRIC_LENGTH(hierarchies) * METRIC_LENGTH(algorithms) };
    int64_t roots[KINDS], issuers[KINDS];
    const struct ca_issuer *issuer;

    for (size_t i = 0; i < KINDS; i++)
        roots[i] = issuers[i] = METRIC_NONE;
    for (size_t i = 0; (issuer = ca_issuer_at(ca, i)); i++)
        if (ca_issuer_state(ca, issuer) == STORE_ISSUER_ACTIVE)
            later(issuer->parent.z[0] ? issuers : roots, issuer);
    for (size_t i = 0; i < KINDS; i++) {
        metric_set(&roots_end, i, roots[i]);
        metric_set(&issuers_end, i, issuers[i]);
    }
}

static void measure_locks(struct store_txn *txn, struct arena *arena)
{
    struct store_lock *locks;
    size_t n = 0;
    bool frozen = false;

    if (store_lock_active(txn, arena, &locks, &n) != RC_OK)
        return; /* the numbers from before stay; doctor reports the store */
    for (size_t i = 0; i < n; i++)
        frozen |= locks[i].scope == STORE_LOCK_ALL;
    metric_set(&locks_gauge, 0, (int64_t)n);
    metric_set(&frozen_gauge, 0, frozen);
}

static void measure_approvals(struct store_txn *txn, when_t now)
{
    uint64_t n;
    when_t first;

    if (store_approval_waiting(txn, now, &n, &first) != RC_OK)
        return;
    metric_set(&waiting_gauge, 0, (int64_t)n);
    metric_set(&oldest_gauge, 0, n ? now - first : 0);
}

static void measure_agents(const struct core *core, struct store_txn *txn, when_t now)
{
    struct store_agent_counts counts;

    if (store_agent_count(txn, now - core->conf->agents.silent, &counts) != RC_OK)
        return;
    metric_set(&agents_gauge, 0, (int64_t)counts.agents);
    metric_set(&agents_silent_gauge, 0, (int64_t)counts.silent);
    metric_set(&agents_failing_gauge, 0, (int64_t)counts.failing);
}

static void measure_backup(struct store_txn *txn)
{
    when_t last;

    if (store_backup_last(txn, &last) == RC_OK)
        metric_set(&backup_gauge, 0, last ? last : METRIC_NONE);
}

void core_standing_measure(const struct core *core)
{
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(STANDING_ARENA);
    struct store_txn *txn = store_read(core->store);

    measure_authorities(core->ca);
    measure_locks(txn, &arena);
    measure_approvals(txn, clock_now(ev_clock(core->ev)));
    measure_agents(core, txn, clock_now(ev_clock(core->ev)));
    measure_backup(txn);
}
