/* SPDX-License-Identifier: Apache-2.0 */
/* How often: the limits of the configuration (`limits:`), each a token bucket in the database for
 * every account, network, key of bindings, zone or list of names that it is of, so that they hold
 * through restarts and for several nodes. Who an order is for, and whether its renewal is exempt,
 * is the caller's to know. */
#pragma once

#include "base/arena.h"
#include "conf/conf.h"
#include "policy/policy.h"
#include "store/buckets.h"

enum { POLICY_NET_V4 = 24, POLICY_NET_V6 = 64 /* bits of a network that counts as one */ };

/* Whose buckets; what is empty has none. */
struct policy_limit_ask {
    struct addr client;
    struct str account; /* id */
    struct str eab;     /* name of the key that the account was made with */
    const struct policy_names *names;
    const struct policy_verdict *verdicts; /* of each of the names, in their order */
    size_t n_verdicts;
    bool staging; /* has buckets of its own */
    when_t now;   /* which overrides hold */
};

struct policy_limits {
    struct policy_limit {
        enum conf_limit limit;
        struct str of;
        struct conf_rate rate;
    } * v;
    struct store_bucket *buckets; /* the same ones */
    size_t n;
};

/* The limits of `which` (bits 1 << enum conf_limit) that apply, in the arena; nothing of `conf` is
 * borrowed. */
enum rc policy_limits_of(const struct conf *conf, const struct policy_limit_ask *ask,
                         unsigned which, struct arena *a, struct policy_limits *out);
/* Takes one of each in the transaction of what is limited; RC_QUOTA, rateLimited (RFC 8555 section
 * 6.6), with the limit that is used up and when (*out_at) it is not any more: then none was
 * taken. */
enum rc policy_limits_take(struct store_txn *txn, const struct policy_limits *limits, when_t now,
                           when_t *out_at, struct err *err);
/* Whether that would succeed now. */
enum rc policy_limits_look(struct store_txn *txn, const struct policy_limits *limits, when_t now,
                           when_t *out_at, struct err *err);

/* What a name counts for: the domain of the organisation, or an internal suffix, with one label
 * before it; of other names the last two labels; of an address its network. In the arena. */
enum rc policy_zone(const struct conf *conf, struct str name, struct arena *a, struct str *out);
enum rc policy_network(const struct addr *addr, struct arena *a, struct str *out);
