/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be brought to receivers of alerts, exactly as it will be sent each time: written down
 * before it is tried, and kept until the receiver has it. Its id is what a receiver knows it by,
 * should it come twice. */
#pragma once

#include "store/types.h"

struct store_delivery {
    int64_t n; /* given by the store, in the order in which they were written down */
    struct id id;
    struct str receiver; /* its name in the configuration */
    struct str subject;
    struct str recipients; /* of mail: addresses with commas between them */
    struct str body;
    when_t created;
    uint64_t attempts;
    when_t next;      /* when it is tried next; 0: not any more */
    struct str error; /* of the last attempt; empty: none failed */
    when_t done;      /* 0: it is not yet */
    bool given_up;
};

enum rc store_delivery_add(struct store_txn *txn, const struct store_delivery *d);
enum rc store_delivery_get(struct store_txn *txn, struct arena *a, const struct id *id,
                           struct store_delivery *out);
/* The one of that receiver that is due first, at `now` or before. */
enum rc store_delivery_due(struct store_txn *txn, struct arena *a, struct str receiver, when_t now,
                           struct store_delivery *out);
/* When that receiver's next is due; 0: there is none. */
enum rc store_delivery_next(struct store_txn *txn, struct str receiver, when_t *out);
/* The receiver has it. RC_CONFLICT when that was written down before. */
enum rc store_delivery_done(struct store_txn *txn, const struct id *id, when_t now);
/* It failed; it is tried at `next`, 0: it is given up at `now`. */
enum rc store_delivery_failed(struct store_txn *txn, const struct id *id, struct str error,
                              when_t next, when_t now);
/* A page, newest first, without `body`. */
enum rc store_delivery_list(struct store_txn *txn, struct arena *a, struct store_cursor *at,
                            unsigned limit, struct store_delivery **out, size_t *out_n);

struct store_delivery_counts {
    uint64_t waiting, failing; /* of those that wait, the ones that failed before */
    uint64_t given_up;         /* since a time */
    when_t oldest;             /* that waits; 0: none does */
};
enum rc store_delivery_count(struct store_txn *txn, when_t since,
                             struct store_delivery_counts *out);
/* Forgets up to `limit` that were done before `before`. */
enum rc store_delivery_prune(struct store_txn *txn, when_t before, unsigned limit);
/* What waits for a receiver of another name than these is given up. */
enum rc store_delivery_strand(struct store_txn *txn, const struct str *receivers, size_t n,
                              struct str why, when_t now);
