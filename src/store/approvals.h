/* SPDX-License-Identifier: Apache-2.0 */
/* What one person has asked for and another one has to allow. Rows stay: they are the record. */
#pragma once

#include "store/types.h"

enum store_approval_state {
    STORE_APPROVAL_PENDING,
    STORE_APPROVAL_GRANTED,
    STORE_APPROVAL_DENIED,
    STORE_APPROVAL_USED, /* done once; another time takes another approval */
    STORE_APPROVAL_STATES
};
const char *store_approval_state_text(enum store_approval_state state);

enum { STORE_APPROVALS_LIST = 100 };

struct store_approval {
    struct id id;
    struct str action; /* "issuer.create" */
    struct str what;   /* exactly, for people; `digest` is of this */
    struct store_hash digest;
    int64_t asked_by; /* user ids of this host */
    when_t asked, expires;
    enum store_approval_state state;
    int64_t decided_by; /* -1: nobody yet */
    when_t decided;     /* 0: not yet */
};

enum rc store_approval_add(struct store_txn *txn, const struct store_approval *a);
enum rc store_approval_get(struct store_txn *txn, struct arena *arena, const struct id *id,
                           struct store_approval *out);
/* The newest of that digest and asker that is not expired, pending or granted. RC_NOTFOUND. */
enum rc store_approval_find(struct store_txn *txn, struct arena *arena,
                            const struct store_hash *digest, int64_t asked_by, when_t now,
                            struct store_approval *out);
/* Compare and set: RC_CONFLICT when it is in another state, or expired at `now`. */
enum rc store_approval_move(struct store_txn *txn, const struct id *id,
                            enum store_approval_state from, enum store_approval_state to,
                            int64_t by, when_t now);
/* The newest ones. */
enum rc store_approval_list(struct store_txn *txn, struct arena *arena, struct store_approval **out,
                            size_t *out_n);
