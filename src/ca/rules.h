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

enum {
    CA_RULES_FILE_MAX = 64 * 1024,
    CA_RULES_DOMAINS_MAX = 64,
    CA_RULES_NETWORKS_MAX = 64,
    CA_RULES_RATE_MAX = 10 * 1000 * 1000,
};

struct ca_rules {
    struct arena arena;
    struct str *domains; /* each with everything below it */
    size_t n_domains;
    bool single_labels; /* names without a dot, as an intranet has them */
    struct addr_net *networks;
    size_t n_networks;
    when_t lifetime_max;
    uint64_t per_hour; /* signatures */
};

/* JSON: {"domains": [...], "single_labels": true, "networks": ["10.0.0.0/8"...], "lifetime_max":
 * "398d", "signatures_per_hour": 20000}; every member required, others refused. */
enum rc ca_rules_parse(struct str json, struct ca_rules *out, struct err *err);
void ca_rules_done(struct ca_rules *r);

/* What `init` writes: the domain and the internal suffixes, single labels, the addresses of RFC
 * 6890 that an organisation uses inside (RFC 1918, RFC 4193, shared, loopback, link-local). */
enum rc ca_rules_default(struct str domain, const struct str *internal, size_t n_internal,
                         struct buf *out);

/* RC_DENIED and the first name, address or time span that the rules do not cover. */
enum rc ca_rules_check(const struct ca_rules *r, const struct ca_leaf *leaf, struct err *err);

/* Signatures in the hour that is running; the clock is the signer's own. */
struct ca_rate {
    when_t hour;
    uint64_t n;
};
/* Counts one more; RC_QUOTA when the hour's are used up. */
enum rc ca_rate_take(struct ca_rate *rate, const struct ca_rules *r, when_t now, struct err *err);
