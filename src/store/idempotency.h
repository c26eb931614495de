/* SPDX-License-Identifier: Apache-2.0 */
/* Idempotency keys of /api/v1/: that a request with such a key has begun, that it was done, and
 * what it was answered. A row whose request changes the register in one transaction is written in
 * that transaction, as done; of others it is there before they begin. Nothing secret is in it: of
 * the request there is a keyed hash, and answers that tell a secret are not kept. */
#pragma once

#include "store/types.h"

enum {
    STORE_IDEMPOTENCY_KEY_MAX = 255,          /* bytes */
    STORE_IDEMPOTENCY_ANSWER_MAX = 64 * 1024, /* longer ones are not kept */
    STORE_IDEMPOTENCY_OF_ONE = 4096,          /* keys of one scope that have not expired */
    STORE_IDEMPOTENCY_OF_ALL = 32 * 1024,     /* and of all */
    STORE_IDEMPOTENCY_PRUNED = 16,            /* expired rows that a new one takes with it */
};
#define STORE_IDEMPOTENCY_LIFE WHEN_DAY

struct store_idempotency {
    struct str scope; /* whose key it is: "user 3", "token nagios" */
    struct str key;
    struct store_hash request; /* keyed hash of the request */
    when_t at;                 /* when it came; it expires STORE_IDEMPOTENCY_LIFE later */
    bool done;
    struct str made;   /* what was changed, "token nagios"; empty: not known */
    struct str answer; /* empty: not kept */
};

/* As of `now`. RC_NOTFOUND: there is none, or it has expired. */
enum rc store_idempotency_get(struct store_txn *txn, struct arena *a, struct str scope,
                              struct str key, when_t now, struct store_idempotency *out);
/* Writes the row, without an answer; what has expired at row->at makes place. RC_EXISTS: the key is
 * there; RC_QUOTA: the scope has STORE_IDEMPOTENCY_OF_ONE, or there are STORE_IDEMPOTENCY_OF_ALL.
 */
enum rc store_idempotency_add(struct store_txn *txn, const struct store_idempotency *row);
/* It was done, and answered with this (empty: that is not kept). RC_NOTFOUND. */
enum rc store_idempotency_done(struct store_txn *txn, struct str scope, struct str key,
                               struct str answer);
/* What has begun was not done. RC_NOTFOUND also when it was done. */
enum rc store_idempotency_drop(struct store_txn *txn, struct str scope, struct str key);
/* Forgets up to `limit` that have expired. */
enum rc store_idempotency_prune(struct store_txn *txn, when_t now, unsigned limit);
