/* SPDX-License-Identifier: Apache-2.0 */
/* When each certificate has to be looked at next: taken up behind the register, in the order in
 * which it grows, so that issuing pays nothing for it; found by an index of the time, so that
 * looking costs what is due and not what there is. */
#pragma once

#include "store/certificates.h"

/* What is known of a certificate when it is taken up. */
struct store_expiry {
    int64_t n; /* its row */
    struct id id;
    struct id replaces; /* "": none */
    when_t not_before, not_after;
    bool counts; /* not of staging, not revoked, no tombstone */
};

/* Up to `max` behind row `after`, in order. */
enum rc store_expiry_new(struct store_txn *txn, int64_t after, size_t max, struct store_expiry *out,
                         size_t *out_n);
/* The row of the newest certificate; 0: there is none. */
enum rc store_expiry_last(struct store_txn *txn, int64_t *out);
/* Sets when it is due; 0: never again. */
enum rc store_expiry_set(struct store_txn *txn, int64_t n, when_t due);
/* The same by its id: at `due` if it were due later. */
enum rc store_expiry_sooner(struct store_txn *txn, const struct id *certificate, when_t due);
/* It is never due again. */
enum rc store_expiry_end(struct store_txn *txn, const struct id *certificate);
/* Those due at `now`, the first first, `max` at most. */
enum rc store_expiry_due(struct store_txn *txn, when_t now, size_t max, struct store_expiry *out,
                         size_t *out_n);
/* When one is due next; 0: none will be. */
enum rc store_expiry_next(struct store_txn *txn, when_t *out);

enum { STORE_SUPERSEDED_LOOK = 200 };

/* Is there a newer one, valid, lasting longer, from an issuer of the same algorithm and hierarchy
 * (of the two profiles of TLCP, the same one), that has all of its names, or is of the same logical
 * id? Of those with its first name the STORE_SUPERSEDED_LOOK newest are looked at. */
enum rc store_certificate_superseded(struct store_txn *txn, const struct store_certificate *c,
                                     bool *out);
/* Is there an alert about the other one of a pair of TLCP that is of the same logical id? */
enum rc store_certificate_told(struct store_txn *txn, const struct store_certificate *c, bool *out);
