/* SPDX-License-Identifier: Apache-2.0 */
#include "outlook/outlook.h"

#include <string.h>

#include "outlook/happened_int.h"
#include "outlook/schedule.h"
#include "policy/limits.h"
#include "store/agents.h"
#include "store/renewals.h"

enum { LIMITS_ARENA = 16 * 1024 };

/* ---- ages, and what is to come */

static const when_t ages[] = {0, 7, 30, 60, 90, 180, 365};
enum { AGES = sizeof(ages) / sizeof(ages[0]) };

struct cohorts {
    struct outlook_forecast forecast;
    uint64_t ages[AGES];
    when_t now;
};

static void take_cohort(void *arg, const struct store_cohort *cohort)
{
    struct cohorts *c = arg;
    when_t age = (c->now - cohort->begins) / WHEN_DAY;
    size_t i = AGES - 1;

    while (i > 0 && age < ages[i])
        i--;
    c->ages[i] += cohort->n;
    outlook_forecast_add(&c->forecast, cohort);
}

static enum rc put_cohorts(const struct outlook_ask *ask, struct json_out *o)
{
    struct cohorts c = {
        .now = ask->now,
        .forecast = {.conf = ask->conf, .begin = ask->now - ask->now % WHEN_DAY},
    };

    TRY(store_cohorts(store_read(ask->store), ask->now, take_cohort, &c));
    json_key(o, "ages");
    json_arr(o);
    for (size_t i = 0; i < AGES; i++) {
        json_obj(o);
        json_kv_i64(o, "from", ages[i]);
        json_key(o, "before");
        if (i + 1 < AGES)
            json_put_i64(o, ages[i + 1]);
        else
            json_put_null(o);
        json_kv_u64(o, "n", c.ages[i]);
        json_end(o);
    }
    json_end(o);
    json_key(o, "forecast");
    json_arr(o);
    for (size_t i = 0; i < OUTLOOK_DAYS; i++)
        json_put_u64(o, outlook_forecast_day(&c.forecast, i));
    json_end(o);
    return RC_OK;
}

/* ---- renewals that were */

struct renewals {
    const struct conf *conf;
    uint64_t looked, late;
};

static void look_at(void *arg, const struct store_renewed *r)
{
    struct renewals *s = arg;
    struct outlook_window w =
        outlook_window_of(s->conf, r->not_before, r->not_after, &r->fingerprint);

    s->looked++;
    s->late += r->at > w.last;
}

static enum rc put_renewals(const struct outlook_ask *ask, struct json_out *o)
{
    struct store_txn *txn = store_read(ask->store);
    struct renewals s = {.conf = ask->conf};
    when_t before = ask->now + 1; /* what was issued just now as well */
    uint64_t day, week;

    TRY(store_certificates_within(txn, STORE_CERTIFICATES_RENEWALS, STORE_STAGING_NOT,
                                  ask->now - WHEN_DAY, before, &day));
    TRY(store_certificates_within(txn, STORE_CERTIFICATES_RENEWALS, STORE_STAGING_NOT,
                                  ask->now - 7 * WHEN_DAY, before, &week));
    TRY(store_renewed(txn, ask->now - 7 * WHEN_DAY, look_at, &s));
    json_key(o, "renewals");
    json_obj(o);
    json_kv_u64(o, "day", day);
    json_kv_u64(o, "week", week);
    json_kv_u64(o, "looked", s.looked);
    json_kv_u64(o, "late", s.late);
    json_end(o);
    return RC_OK;
}

/* ---- limits, agents */

static enum rc put_limit(const struct outlook_ask *ask, struct json_out *o)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(LIMITS_ARENA);
    const struct policy_limit_ask all = {.now = ask->now};
    struct policy_limits limits;
    uint64_t taken;

    TRY(policy_limits_of(ask->conf, &all, 1u << CONF_LIMIT_CERTIFICATES, &a, &limits));
    json_key(o, "limit");
    if (limits.n == 0) {
        json_put_null(o);
        return RC_OK;
    }
    TRY(store_bucket_taken(store_read(ask->store), &limits.buckets[0], ask->now, &taken));
    json_obj(o);
    json_kv_u64(o, "count", limits.v[0].rate.count);
    json_kv_i64(o, "per", limits.v[0].rate.per / WHEN_SECOND);
    json_kv_u64(o, "taken", taken);
    json_end(o);
    return RC_OK;
}

struct used {
    const struct conf_rule *rule;
    struct conf_rate rate;
    uint64_t taken;
};

/* A larger part of it is taken. */
static bool is_fuller(const struct used *a, const struct used *b)
{
    return (double)a->taken / (double)a->rate.count > (double)b->taken / (double)b->rate.count;
}

/* Into its place among the fullest, of which the last one may go. */
static void insert(struct used *v, size_t *n, const struct used *one)
{
    size_t at = *n;

    while (at > 0 && is_fuller(one, &v[at - 1]))
        at--;
    if (at == OUTLOOK_RULES)
        return;
    if (*n < OUTLOOK_RULES)
        ++*n;
    memmove(&v[at + 1], &v[at], (*n - 1 - at) * sizeof(*v));
    v[at] = *one;
}

/* *out->rate.count 0: the rule has no limit. */
static enum rc look_at_rule(const struct outlook_ask *ask, const struct conf_rule *rule,
                            struct used *out)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(LIMITS_ARENA);
    const struct policy_verdict verdict = {.rule = rule->name, .terms = rule};
    const struct policy_limit_ask one = {.verdicts = &verdict, .n_verdicts = 1, .now = ask->now};
    struct policy_limits limits;

    *out = (struct used){.rule = rule};
    TRY(policy_limits_of(ask->conf, &one, 1u << CONF_LIMIT_CERTIFICATES_PER_RULE, &a, &limits));
    if (limits.n == 0)
        return RC_OK;
    out->rate = limits.v[0].rate;
    return store_bucket_taken(store_read(ask->store), &limits.buckets[0], ask->now, &out->taken);
}

static enum rc put_rule_limits(const struct outlook_ask *ask, struct json_out *o)
{
    struct used used[OUTLOOK_RULES + 1], one;
    size_t n = 0;

    for (size_t i = 0; i < ask->conf->n_policy; i++) {
        TRY(look_at_rule(ask, &ask->conf->policy[i], &one));
        if (one.rate.count)
            insert(used, &n, &one);
    }
    json_key(o, "rule_limits");
    json_arr(o);
    for (size_t i = 0; i < n; i++) {
        json_obj(o);
        json_kv_str(o, "rule", used[i].rule->name);
        json_kv_u64(o, "count", used[i].rate.count);
        json_kv_i64(o, "per", used[i].rate.per / WHEN_SECOND);
        json_kv_u64(o, "taken", used[i].taken);
        json_end(o);
    }
    json_end(o);
    return RC_OK;
}

static enum rc put_agents(const struct outlook_ask *ask, struct json_out *o)
{
    struct store_agent_counts counts;

    TRY(store_agent_count(store_read(ask->store), ask->now - ask->conf->agents.silent, &counts));
    json_kv_u64(o, "agents_failing", counts.failing);
    return RC_OK;
}

enum rc outlook_put(const struct outlook_ask *ask, struct json_out *o)
{
    TRY(put_cohorts(ask, o));
    TRY(put_renewals(ask, o));
    TRY(outlook_put_failures(ask, o));
    TRY(outlook_put_times(ask, o));
    TRY(put_agents(ask, o));
    TRY(put_limit(ask, o));
    return put_rule_limits(ask, o);
}
