/* SPDX-License-Identifier: Apache-2.0 */
/* Who may have which names: the rules of the configuration, judged. Nothing is allowed but by a
 * rule. Runs in core, at newOrder, before validation and again at finalize. */
#pragma once

#include "base/addr.h"
#include "base/err.h"
#include "conf/conf.h"

enum policy_identifier_type { POLICY_DNS, POLICY_IP };

struct policy_query {
    enum policy_identifier_type type;
    struct str value;      /* canonical name (a wildcard with its "*."), or text of an address */
    struct addr requester; /* where the request came from */
};

struct policy_verdict {
    struct str rule;     /* name of the rule that allows it, borrowed from the configuration */
    unsigned challenges; /* bit 1 << enum conf_challenge: which of them may prove control */
};

/* RC_OK and the verdict of the first rule, in file order, that allows the identifier to this
 * requester; RC_DENIED with a rejectedIdentifier problem otherwise, saying which names the rules
 * would allow from there. Wildcards need dns-01 and are refused as long as no rule can name that
 * challenge. */
enum rc policy_judge(const struct conf *conf, const struct policy_query *q,
                     struct policy_verdict *out, struct err *err);

/* The name or address is one that the intranet hierarchy may vouch for at all, whatever the rules
 * say: at or below the domain or an internal suffix, a single label, an address that is private,
 * loopback or link-local. */
bool policy_in_hierarchy(const struct conf *conf, enum policy_identifier_type type,
                         struct str value);

/* `pattern` fits the canonical name: "*" fits every name, "*.d" every name below d, anything else
 * itself only. */
bool policy_pattern_fits(struct str pattern, struct str name);
