/* SPDX-License-Identifier: Apache-2.0 */
/* A request of /api/v1/ with an idempotency key: it is done once, whatever becomes of its answer.
 * Runs in core.
 *
 * A key is somebody's, and of one request for STORE_IDEMPOTENCY_LIFE. Where the request changes the
 * register in one transaction, idempotency_write is part of that: either it was done and the row
 * says so, or neither. Other requests are claimed before they begin. The answer is written down
 * before it is given; when it could not be, or tells a secret, the key says only that it was done.
 * What was refused has changed nothing and leaves no row, so that it may be asked again.
 *
 * Statuses of the draft (draft-ietf-httpapi-idempotency-key-header section 2.7): 400 no key, 409
 * under way, 422 of another request; ours: 409 nobody knows whether it was done, 410 it was done
 * and its answer is not kept, 429 too many keys. */
#pragma once

#include "base/err.h"
#include "base/list.h"
#include "store/idempotency.h"
#include "store/store.h"

/* Those under way; on the loop's thread. */
struct idempotency {
    struct store *store;
    struct list runs;
};

/* One request; lives as long as that, in its arena. */
struct idempotency_run {
    struct list link;
    struct idempotency *all; /* NULL: not under way */
    struct store_idempotency row;
    bool once;    /* its answer tells a secret and is not kept */
    bool claimed; /* the row was there before it began */
    bool written; /* with the change, in its transaction */
    struct str answer;
    void (*then)(void *arg, enum rc rc);
    void *arg;
};

struct idempotency_ask {
    struct str field; /* Idempotency-Key */
    struct str scope; /* whose it is */
    struct str command, args;
    struct str secret; /* makes the hash of the request, which may have a password in it */
    when_t now;
};

void idempotency_init(struct idempotency *all, struct store *store);
/* Reads what was asked into *out, all of it in the arena. RC_PARSE; RC_CRYPTO. */
enum rc idempotency_read(const struct idempotency_ask *ask, struct arena *a,
                         struct idempotency_run *out, struct err *err);
/* RC_OK: it is new, and under way until it is answered or refused. RC_EXISTS: it was done, and
 * *answer, in the arena, is what was said. RC_CONFLICT, with its HTTP status: see above. */
enum rc idempotency_begin(struct idempotency *all, struct idempotency_run *run, struct arena *a,
                          struct str *answer, struct err *err);
/* Writes down that it has begun; `then` gets RC_QUOTA when there are too many keys. */
enum rc idempotency_claim(struct idempotency_run *run, void (*then)(void *arg, enum rc rc),
                          void *arg);
/* In the transaction of the change (see store_fn): `made` is what was changed. NULL and what was
 * claimed are nothing to do. RC_QUOTA: too many keys. */
enum rc idempotency_write(struct store_txn *txn, struct idempotency_run *run, struct str made,
                          struct err *err);
/* Ends it: it was done and will be answered so, `answer` in the arena. RC_OK: `then` comes, with
 * RC_OK when the answer is on disk. Otherwise there is nothing to wait for, or it cannot be kept,
 * and `then` does not come. */
enum rc idempotency_answered(struct idempotency_run *run, struct str answer,
                             void (*then)(void *arg, enum rc rc), void *arg);
/* Ends it: it will be refused with `why`. As before; what was claimed and is refused with a code
 * that says that nothing was done is free again. */
enum rc idempotency_refused(struct idempotency_run *run, enum rc why,
                            void (*then)(void *arg, enum rc rc), void *arg);
/* The words for RC_QUOTA, with the status. */
enum rc idempotency_full(struct err *err);
