/* SPDX-License-Identifier: Apache-2.0 */
/* The end of what has expired, a few rows at a time: a step is one job among the others of a
 * commit. Rows are numbered as they come, so a step goes on where the last one stopped and ends at
 * the first row that is too young for any to come. */
#pragma once

#include "store/types.h"

struct store_prune {
    when_t before;  /* what expired before that goes */
    when_t young;   /* no row made after that can have */
    unsigned limit; /* rows looked at */
    int64_t at;     /* where it goes on: 0 at the start of a sweep; moved by each step */
    uint64_t gone;  /* by this step */
    bool end;       /* there is nothing more in this sweep */
};

/* Orders with their names, but for those that are processing. */
enum rc store_prune_orders(struct store_txn *txn, struct store_prune *p);
/* Authorizations with their challenges, but for those that an order still names. */
enum rc store_prune_authorizations(struct store_txn *txn, struct store_prune *p);
/* Token buckets (store/buckets.h) that are full since `before`. */
enum rc store_prune_buckets(struct store_txn *txn, struct store_prune *p);
/* A certificate loses its bytes and names and keeps serial, dates, key hash and that hash of its
 * names: it can no longer be downloaded, or found by name. RC_CONFLICT: it has already. */
enum rc store_certificate_tombstone(struct store_txn *txn, const struct id *id, when_t now,
                                    const struct store_hash *names);
