/* SPDX-License-Identifier: Apache-2.0 */
/* Which rule decides about names, and what each has to say: for `autarky policy explain`, which
 * asks the configuration in the file, and for /api/v1/policy/explain, which asks the one in force.
 * Pure. */
#pragma once

#include "json/out.h"
#include "policy/policy.h"

enum { API_EXPLAIN_MAX = 100 /* names at a time */ };

/* Under way; all borrowed. */
struct api_explanation {
    const struct policy *policy;
    struct json_out *o;
    struct policy_verdict verdicts[API_EXPLAIN_MAX]; /* of the names that are allowed */
    struct str names[API_EXPLAIN_MAX];
    size_t n, refused;
};

/* {"name","rules":[{"rule","text","other"}...],"allowed", then "rule","pattern","challenges",
 * "vouched", or "refused"}, for an item of a list; at most API_EXPLAIN_MAX. q->value has to live
 * on. */
void api_explain_name(struct api_explanation *e, const struct policy_query *q);
/* The members "allowed","refused" (when the names are allowed, but not together),"approvers",
 * "reason" (it takes one), "lifetime" (when the rules have one) of a certificate with all of them.
 */
void api_explain_whole(struct api_explanation *e, struct str profile);
