/* SPDX-License-Identifier: Apache-2.0 */
/* Token buckets: how often something may happen in a time. A bucket is one number, the time at
 * which it will be full again (the "theoretical arrival time" of the generic cell rate algorithm,
 * ITU-T I.371), so that it costs one row, and none while it is full. */
#pragma once

#include "store/types.h"

struct store_bucket {
    uint64_t key;   /* which; not negative as int64_t. Chosen so that nobody can aim at another's:
                       of a hash */
    uint64_t count; /* so many ... */
    when_t per;     /* ... in this time, all at once if need be; count and per at least 1 */
};

/* Takes one out of each; RC_QUOTA with the one that is empty for longest, and when there will be
 * one in it again: then the job has to fail, for some may have been taken by it already. */
enum rc store_buckets_take(struct store_txn *txn, const struct store_bucket *buckets, size_t n,
                           when_t now, size_t *out_which, when_t *out_at);
/* Whether that would succeed now; also in a read transaction. */
enum rc store_buckets_look(struct store_txn *txn, const struct store_bucket *buckets, size_t n,
                           when_t now, size_t *out_which, when_t *out_at);
/* How many are taken that did not fill up again yet; of one that is emptier than it can be, all. */
enum rc store_bucket_taken(struct store_txn *txn, const struct store_bucket *bucket, when_t now,
                           uint64_t *out);
