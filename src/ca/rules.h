/* SPDX-License-Identifier: Apache-2.0 */
/* The signer's own limits, from a file that root owns and no role can write: what it refuses to
 * sign whatever core asks. A core that was taken over can then ask for names of this organisation
 * and for nothing else. */
#pragma once

#include "base/addr.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/when.h"

struct ca_leaf;
struct conf;
struct conf_profile;

enum {
    CA_RULES_FILE_MAX = 64 * 1024,
    CA_RULES_DOMAINS_MAX = 64,
    CA_RULES_NETWORKS_MAX = 64,
    CA_RULES_RATE_MAX = 10 * 1000 * 1000,
};

/* What one hierarchy may sign. */
struct ca_rules_space {
    bool on;
    bool any_name;       /* "*" among the domains */
    struct str *domains; /* each with everything below it */
    size_t n_domains;
    struct str *labels; /* names without a dot, each by itself */
    size_t n_labels;
    struct addr_net *networks;
    size_t n_networks;
};

struct ca_rules {
    struct arena arena;
    struct ca_rules_space intranet, special;
    when_t lifetime_max;
    when_t no_revocation_max; /* of profiles with `revocation: none`; lifetime_max at most */
    uint64_t per_hour;        /* signatures */
};

/* JSON: {"intranet": {"domains": [...], "labels": [...], "networks": ["10.0.0.0/8"...]}, "special":
 * the same or left out, "lifetime_max": "398d", "no_revocation_max": "7d", "signatures_per_hour":
 * 20000}; every other member required, others refused. */
enum rc ca_rules_parse(struct str json, struct ca_rules *out, struct err *err);
void ca_rules_done(struct ca_rules *r);

/* What `init` writes: domain, internal suffixes and single names, the addresses that are reserved
 * for use inside; for special, when asked for, every name and address. What is left out of `from`
 * (NULL: everything) comes from it: networks, limits, whether and how special is open. */
enum rc ca_rules_write(const struct conf *conf, const struct ca_rules *from, bool special,
                       struct buf *out);

/* The longest life of what that profile certifies. Where nobody can learn of a revocation, an end
 * soon is what there is instead: CABF BR 1.6.1 takes seven days for "short-lived". */
when_t ca_rules_lifetime(const struct ca_rules *r, const struct conf_profile *profile);
/* RC_DENIED and the first profile that would ask for longer; for whoever takes a configuration. */
enum rc ca_rules_check_profiles(const struct ca_rules *r, const struct conf *conf, struct err *err);
/* RC_DENIED and the first name, address or time span that the rules do not cover. `special`: for an
 * issuer of that hierarchy. */
enum rc ca_rules_check(const struct ca_rules *r, bool special, const struct conf_profile *profile,
                       const struct ca_leaf *leaf, struct err *err);

/* Signatures in the hour that is running; the clock is the signer's own. */
struct ca_rate {
    when_t hour;
    uint64_t n;
};
/* Counts one more; RC_QUOTA when the hour's are used up. */
enum rc ca_rate_take(struct ca_rate *rate, const struct ca_rules *r, when_t now, struct err *err);
