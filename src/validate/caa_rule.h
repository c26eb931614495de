/* SPDX-License-Identifier: Apache-2.0 */
/* What a set of CAA records (RFC 8659) says to this CA, with the parameters of RFC 8657. Pure. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "dns/wire.h"

struct caa_query {
    const struct str *identities; /* the domains by which records may mean us, canonical */
    size_t n_identities;
    struct str account; /* the account's URL; empty: unknown, then no accounturi fits */
    struct str method;  /* by which control was proven, "http-01" */
    bool wildcard;
};

/* The records of the name that counts, which may be none. RC_OK: they do not forbid it. RC_DENIED,
 * and `err` says which record of those that might have allowed it came nearest, or that none means
 * us; without a problem type. */
enum rc caa_judge(const struct caa_query *q, const struct dns_record *records, size_t n,
                  struct err *err);
