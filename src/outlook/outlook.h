/* SPDX-License-Identifier: Apache-2.0 */
/* What a person wants to know at a glance, from counts that are kept (store/hours.h) and from the
 * newest of what happened: an answer takes no longer for a register of a million. */
#pragma once

#include "conf/conf.h"
#include "json/out.h"
#include "store/store.h"

struct outlook_ask {
    struct store *store;
    const struct conf *conf;
    when_t now;
};

enum {
    OUTLOOK_REASONS = 12, /* by which orders failed, shown; what else there is, is "other" */
    OUTLOOK_REPORTS = 50, /* of agents, the newest */
    OUTLOOK_RULES = 12,   /* whose limits are shown */
};

/* Members of an object that is begun:
 *
 * "ages":[{"from","before" (null: no end),"n"}...]: certificates in force by their age in days.
 * "renewals":{"day","week","looked","late"}: those that replaced another one, in the last 24 hours
 * and 7 days; of the newest that were `looked` at, as many were later than the window of the one
 * replaced (RFC 9773).
 * "forecast":[n...]: renewals of the next OUTLOOK_DAYS days, if each comes in its window; days are
 * those of UTC, today first.
 * "failures":[{"reason","day","week"}...]: orders that failed, by when they were made, by the type
 * of their error, the most frequent first, "other" last; "failures_looked" at so many, the newest.
 * "issue_ms","proof_ms":{"n","median","p95"} or null: from the order to its certificate, of the
 * newest of the last day; from then until it was seen to be served, as agents that were heard in
 * the last day say of certificates of the last 30.
 * "agents_failing": agents that fail to renew something.
 * "limit":{"count","per" (seconds),"taken"} or null: limits.certificates.
 * "rule_limits":[{"rule","count","per","taken"}...]: the same of rules of the policy that have one
 * (certificates_per_rule, or their own), those of which most is taken first; OUTLOOK_RULES at most.
 */
enum rc outlook_put(const struct outlook_ask *ask, struct json_out *o);
