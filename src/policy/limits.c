/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/limits.h"

#include <stdlib.h>

#include "base/name.h"
#include "base/rd.h"
#include "crypto/hash.h"

MSG(msg_used_up, "policy.limit",
    "the limit limits.{0} ({1}) of {2} is used up until {3}; an order that replaces a certificate "
    "whose time of renewal has come (RFC 9773) does not count");
MSG(msg_used_up_all, "policy.limit-all",
    "the limit limits.{0} ({1}) is used up until {2}; an order that replaces a certificate whose "
    "time of renewal has come (RFC 9773) does not count");

/* ---- whose */

enum rc policy_network(const struct addr *addr, struct arena *a, struct str *out)
{
    struct addr base = *addr;
    unsigned bits = addr->n == 4 ? POLICY_NET_V4 : POLICY_NET_V6;
    char text[ADDR_TEXT];

    memset(base.b + bits / 8, 0, sizeof(base.b) - bits / 8);
    *out = arena_printf(a, "%s/%u", addr_text(&base, text), bits);
    return out->p ? RC_OK : RC_NOMEM;
}

/* `name` without the labels before the one that stands before `base`. */
static struct str one_label_under(struct str name, struct str base)
{
    size_t end = name.n - base.n; /* the dot before it is at end - 1 */

    if (end == 0)
        return name;
    for (size_t i = end - 1; i-- > 0;)
        if (name.p[i] == '.')
            return str_skip(name, i + 1);
    return name;
}

static struct str base_of(const struct conf *conf, struct str name)
{
    size_t dot;

    if (name_under(name, conf->domain))
        return conf->domain;
    for (size_t i = 0; i < conf->names.internal.n; i++)
        if (name_under(name, conf->names.internal.p[i]))
            return conf->names.internal.p[i];
    for (dot = name.n; dot > 0 && name.p[dot - 1] != '.'; dot--)
        ;
    return str_skip(name, dot); /* the last label */
}

enum rc policy_zone(const struct conf *conf, struct str name, struct arena *a, struct str *out)
{
    if (name_is_wildcard(name))
        name = str_skip(name, 2);
    return arena_str(a, one_label_under(name, base_of(conf, name)), out);
}

static int by_text(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* All names in order, with a comma between. */
static enum rc list_names(const struct policy_names *names, struct arena *a, struct str *out)
{
    size_t n = names->n_dns + names->n_ips;
    struct str *all = ARENA_ARRAY(a, struct str, n);
    CLEANUP(buf_done) struct buf text = BUF_INIT(n * (NAME_MAX_BYTES + 1) + 1);
    char address[ADDR_TEXT];

    if (!all)
        return RC_NOMEM;
    for (size_t i = 0; i < names->n_dns; i++)
        all[i] = names->dns[i];
    for (size_t i = 0; i < names->n_ips; i++)
        TRY(arena_str(a, str_of(addr_text(&names->ips[i], address)), &all[names->n_dns + i]));
    if (n)
        qsort(all, n, sizeof(*all), by_text);
    for (size_t i = 0; i < n; i++) {
        buf_putz(&text, i ? "," : "");
        buf_puts(&text, all[i]);
    }
    TRY(buf_rc(&text));
    return arena_str(a, buf_str(&text), out);
}

/* ---- which */

struct work {
    const struct conf *conf;
    const struct policy_limit_ask *ask;
    struct arena *a;
    struct policy_limits *out;
};

static const struct conf_override *override_of(const struct work *w, enum conf_limit limit,
                                               struct str of)
{
    for (size_t i = 0; i < w->conf->limits.n_overrides; i++) {
        const struct conf_override *o = &w->conf->limits.overrides[i];

        if (o->limit == limit && o->until > w->ask->now && str_eq(o->of, of))
            return o;
    }
    return NULL;
}

/* With the rate, so that a bucket of another rate is another bucket, and full: what an override
 * allows, it allows at once. */
static enum rc key_of(const struct policy_limit *limit, bool staging, uint64_t *out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(128 + limit->of.n);
    uint8_t digest[CRYPTO_SHA256_BYTES];
    struct rd r;

    buf_printf(&text, "%s%s %llu/%lld ", conf_limit_text(limit->limit), staging ? " staging" : "",
               (unsigned long long)limit->rate.count, (long long)limit->rate.per);
    buf_puts(&text, limit->of);
    TRY(buf_rc(&text));
    TRY(crypto_sha256(buf_str(&text), digest));
    r = rd_of(str_bytes(digest, sizeof(digest)));
    *out = rd_u64(&r) & INT64_MAX;
    return RC_OK;
}

/* Once each: two names may be of one zone. `own`: instead of the one of all, if it has a count. */
static enum rc add_rate(struct work *w, enum conf_limit limit, struct str of, struct conf_rate own)
{
    const struct conf_override *other = override_of(w, limit, of);
    struct conf_rate usual = own.count ? own : w->conf->limits.rates[limit];
    struct conf_rate rate = other ? other->rate : usual;
    struct policy_limits *out = w->out;

    if (rate.count == 0)
        return RC_OK;
    for (size_t i = 0; i < out->n; i++)
        if (out->v[i].limit == limit && str_eq(out->v[i].of, of))
            return RC_OK;
    out->v[out->n] = (struct policy_limit){limit, of, rate};
    out->buckets[out->n] = (struct store_bucket){.count = rate.count, .per = rate.per};
    TRY(key_of(&out->v[out->n], w->ask->staging, &out->buckets[out->n].key));
    out->n++;
    return RC_OK;
}

static enum rc add(struct work *w, enum conf_limit limit, struct str of)
{
    return add_rate(w, limit, of, (struct conf_rate){});
}

static enum rc add_network(struct work *w, enum conf_limit limit, const struct addr *addr)
{
    struct str of;

    if (addr->n == 0)
        return RC_OK;
    TRY(policy_network(addr, w->a, &of));
    return add(w, limit, of);
}

static enum rc add_zones(struct work *w)
{
    const struct policy_names *names = w->ask->names;
    struct str zone;

    for (size_t i = 0; i < names->n_dns; i++) {
        TRY(policy_zone(w->conf, names->dns[i], w->a, &zone));
        TRY(add(w, CONF_LIMIT_CERTIFICATES_PER_ZONE, zone));
    }
    for (size_t i = 0; i < names->n_ips; i++)
        TRY(add_network(w, CONF_LIMIT_CERTIFICATES_PER_ZONE, &names->ips[i]));
    return RC_OK;
}

static enum rc add_rules(struct work *w)
{
    for (size_t i = 0; i < w->ask->n_verdicts; i++) {
        const struct conf_rule *rule = w->ask->verdicts[i].terms;
        struct str name;

        if (!rule)
            continue;
        TRY(arena_str(w->a, rule->name, &name));
        TRY(add_rate(w, CONF_LIMIT_CERTIFICATES_PER_RULE, name, rule->certificates));
    }
    return RC_OK;
}

static enum rc add_one(struct work *w, enum conf_limit limit)
{
    const struct policy_limit_ask *ask = w->ask;
    struct str of;

    switch (limit) {
    case CONF_LIMIT_ACCOUNTS_PER_NETWORK:
    case CONF_LIMIT_ORDERS_PER_NETWORK:
        return add_network(w, limit, &ask->client);
    case CONF_LIMIT_ORDERS_PER_ACCOUNT:
        return ask->account.n ? add(w, limit, ask->account) : RC_OK;
    case CONF_LIMIT_CERTIFICATES_PER_EAB:
        return ask->eab.n ? add(w, limit, ask->eab) : RC_OK;
    case CONF_LIMIT_CERTIFICATES_PER_ZONE:
        return add_zones(w);
    case CONF_LIMIT_CERTIFICATES_PER_NAMES:
        TRY(list_names(ask->names, w->a, &of));
        return add(w, limit, of);
    case CONF_LIMIT_CERTIFICATES_PER_RULE:
        return add_rules(w);
    case CONF_LIMIT_CERTIFICATES:
        return add(w, limit, (struct str){NULL, 0});
    case CONF_LIMITS:
        break;
    }
    return RC_OK;
}

enum rc policy_limits_of(const struct conf *conf, const struct policy_limit_ask *ask,
                         unsigned which, struct arena *a, struct policy_limits *out)
{
    struct work w = {conf, ask, a, out};
    size_t zones = ask->names ? ask->names->n_dns + ask->names->n_ips : 0;
    size_t most = CONF_LIMITS + zones + ask->n_verdicts;

    *out = (struct policy_limits){.v = ARENA_ARRAY(a, struct policy_limit, most),
                                  .buckets = ARENA_ARRAY(a, struct store_bucket, most)};
    if (!out->v || !out->buckets)
        return RC_NOMEM;
    for (unsigned limit = 0; limit < CONF_LIMITS; limit++)
        if (which & 1u << limit)
            TRY(add_one(&w, (enum conf_limit)limit));
    return RC_OK;
}

/* ---- taken */

static enum rc used_up(const struct policy_limit *limit, when_t at, struct err *err)
{
    CLEANUP(buf_done) struct buf rate = BUF_INIT(64);
    char when[WHEN_TEXT];
    struct str name = str_of(conf_limit_text(limit->limit));

    buf_printf(&rate, "%llu in ", (unsigned long long)limit->rate.count);
    when_put_span(&rate, limit->rate.per);
    TRY(buf_rc(&rate));
    if (limit->of.n == 0)
        return PROBLEM(err, RC_QUOTA, "rateLimited", msg_used_up_all, name, buf_str(&rate),
                       str_of(when_text(at, when)));
    return PROBLEM(err, RC_QUOTA, "rateLimited", msg_used_up, name, buf_str(&rate), limit->of,
                   str_of(when_text(at, when)));
}

enum rc policy_limits_take(struct store_txn *txn, const struct policy_limits *limits, when_t now,
                           when_t *out_at, struct err *err)
{
    size_t which = 0;
    enum rc rc = store_buckets_take(txn, limits->buckets, limits->n, now, &which, out_at);

    return rc == RC_QUOTA ? used_up(&limits->v[which], *out_at, err) : rc;
}

enum rc policy_limits_look(struct store_txn *txn, const struct policy_limits *limits, when_t now,
                           when_t *out_at, struct err *err)
{
    size_t which = 0;
    enum rc rc = store_buckets_look(txn, limits->buckets, limits->n, now, &which, out_at);

    return rc == RC_QUOTA ? used_up(&limits->v[which], *out_at, err) : rc;
}
