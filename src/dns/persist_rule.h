/* SPDX-License-Identifier: Apache-2.0 */
/* What a set of TXT records says to this CA by dns-persist-01 (draft-ietf-acme-dns-persist-02
 * section 4). Pure. */
#pragma once

#include "base/err.h"
#include "base/when.h"
#include "dns/wire.h"

enum { PERSIST_URIS_MAX = 4 };

struct persist_query {
    const struct str *issuers; /* the domains by which records may mean us, canonical */
    size_t n_issuers;
    struct str uris[PERSIST_URIS_MAX]; /* what names the account, each as good as the other */
    size_t n_uris;
    struct str prefix; /* of hashed URIs, which name any account of ours; empty: not known */
    bool wildcard;
    when_t now;
};

/* All records count, in any order; those that mean another CA or nobody are passed over. RC_OK: one
 * allows it; *out_until is when that ends, 0: never; of several, the one that ends last. RC_DENIED,
 * and `err` says what the one that came nearest lacks, with a problem type by section 9.3.1. */
enum rc persist_judge(const struct persist_query *q, const struct dns_record *records, size_t n,
                      when_t *out_until, struct err *err);
