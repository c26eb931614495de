/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong, or more than meant, with rules that are well formed: for `autarky policy check`.
 */
#pragma once

#include "policy/policy.h"

/* Findings, by name:
 *   unreachable    never decides: an earlier rule has the same names for the same requesters
 *   contradictory  as specific as another and says something else; that it stands later decides
 *   outside        names something that no hierarchy here may vouch for
 *   unprovable     allows what none of its challenges can prove
 *   no-key         none of its key algorithms is of a profile that it allows
 *   wide           more than is likely to be meant */
struct policy_finding {
    const char *name;
    struct str rule;
    struct str other; /* the rule that it is held against; empty: none */
    struct err what;
    const char *cure;
};
typedef void (*policy_finding_fn)(void *arg, const struct policy_finding *f);

/* Calls `fn` for each, in the order of the rules. `special`: there is that hierarchy. RC_NOMEM. */
enum rc policy_check(const struct policy *p, bool special, policy_finding_fn fn, void *arg);
