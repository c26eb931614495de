/* SPDX-License-Identifier: Apache-2.0 */
/* What the audit log's tree keeps beside the events: roots of whole subtrees, so that a proof need
 * not hash everything again, and the heads that were signed. Both can be checked against the
 * events; audit/log.h is the one that writes them. */
#pragma once

#include "store/types.h"

/* The root of the whole subtree number `n` of 2^level leaves. RC_NOTFOUND when it is not kept. */
enum rc store_tree_node(struct store_txn *txn, unsigned level, uint64_t n, struct store_hash *out);
enum rc store_tree_keep(struct store_txn *txn, unsigned level, uint64_t n,
                        const struct store_hash *hash);
/* How many subtrees of that level are kept; they are kept in order, without holes. */
enum rc store_tree_count(struct store_txn *txn, unsigned level, uint64_t *out);

struct store_head {
    uint64_t size;
    struct str note;     /* as the signer signed it */
    struct str frontier; /* the hashes of struct tree, one after the other */
};
/* One that is there stays as it is; RC_OK then, too. */
enum rc store_head_add(struct store_txn *txn, const struct store_head *head);
/* The newest of that size; RC_NOTFOUND. */
enum rc store_head_of(struct store_txn *txn, struct arena *a, uint64_t size,
                      struct store_head *out);
/* The newest; RC_NOTFOUND. */
enum rc store_head_last(struct store_txn *txn, struct arena *a, struct store_head *out);
/* The first with a row number after `after`, whose own is then in `*after`; RC_NOTFOUND: no more.
 */
enum rc store_head_next(struct store_txn *txn, struct arena *a, uint64_t *after,
                        struct store_head *out);
