/* SPDX-License-Identifier: Apache-2.0 */
/* The syntax of an issue-value (RFC 8659 section 4.2), which CAA records and the TXT records of
 * dns-persist-01 have in common: a domain, then parameters. Pure; all is borrowed from the text. */
#pragma once

#include "base/str.h"

struct issue_value {
    struct str issuer; /* as written, trimmed; empty: nobody is named */
    struct str rest;   /* not read yet */
    bool more;
    bool broken; /* what was read so far is not an issue-value */
};

/* The domain in front; it may be told even if all is `broken`. */
struct issue_value issue_value_open(struct str text);
/* The next parameter, in order, whatever it is called; false at the end, or when `broken`. */
bool issue_value_next(struct issue_value *v, struct str *out_tag, struct str *out_value);
/* Without the blanks at both ends. */
struct str issue_value_trim(struct str s);
/* Whether the domain in front is one of these, which are canonical. */
bool issue_value_is(struct str issuer, const struct str *issuers, size_t n);
