/* SPDX-License-Identifier: Apache-2.0 */
#include "outlook/outlook.h"

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
    return put_limit(ask, o);
}
