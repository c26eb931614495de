/* SPDX-License-Identifier: Apache-2.0 */
/* What a service has shown, held against what it should show. */
#pragma once

#include "base/err.h"

/* All are PEM, the leaf first. `before` is what was in place before, and may be empty. The chain
 * has to come as it is, in its order; behind it a root may follow, as some servers send one.
 * RC_CONFLICT and what is served instead; RC_NOMEM; RC_PARSE when `expected` holds no certificate.
 */
enum rc prove_compare(struct str served, struct str expected, struct str before, struct err *err);

/* By TLCP. `served` has the certificate that signs, the one that is encrypted to, and what issued
 * them; `expected`, `before` and `beside` begin with one of the two. */
struct prove_pair {
    struct str served, expected, before; /* as above; which one it is its key usage says */
    struct str beside; /* what the other one is to be, with its chain; empty: whatever it is */
};
/* As prove_compare. Issuers may come in any order that has those of `expected` in theirs; between
 * them may stand those of `beside`, or anything where that is empty. */
enum rc prove_compare_pair(const struct prove_pair *pair, struct err *err);
