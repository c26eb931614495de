/* SPDX-License-Identifier: Apache-2.0 */
/* What one person, or an ACME account, has asked for and others have to allow: an operator's
 * command, or a certificate. Rows stay: they are the record. */
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

/* What is granted; of two grants the narrower counts, which comes first here. */
enum store_approval_scope {
    STORE_APPROVAL_ONCE,
    STORE_APPROVAL_RENEWALS, /* and again, as long as the certificate before is valid */
    STORE_APPROVAL_PERIOD,   /* any number, until it expires */
    STORE_APPROVAL_SCOPES
};
const char *store_approval_scope_text(enum store_approval_scope scope);

enum {
    STORE_APPROVALS_OVERDUE = 512,
    STORE_APPROVAL_VOTES = 2, /* most that one takes */
    STORE_APPROVAL_CSR_MAX = 64 * 1024,
};

struct store_approval {
    struct id id;
    struct str action; /* "issuer.create", "certificate" */
    struct str what; /* exactly, for people; `digest` is of this, or of what a certificate is of */
    struct store_hash digest;
    int64_t asked_by; /* user id of this host; -1: an ACME account */
    when_t asked, expires;
    enum store_approval_state state;
    int64_t decided_by; /* the last of them; -1: nobody yet */
    when_t decided;     /* 0: not yet */
    unsigned approvers; /* different ones that it takes */
    unsigned granted;   /* how many have granted it; read, not written */
    struct str reason;  /* of who asked */
    enum store_approval_scope scope;
    when_t due; /* when to look at it next, to remind or to end it; 0: never */
    uint64_t used;
    /* Of a certificate: who waits for it, and what is shown to who decides. */
    struct id account, order; /* "": an operator asked; no order waits */
    struct addr client;       /* where the request came from */
    struct str csr;           /* DER */
    struct str profile, key, rules;
    struct str names;    /* JSON: ["a.b", ...] */
    struct str evidence; /* JSON: {"a.b": evidence, ...} */
};

struct store_approval_vote {
    int64_t by; /* user id */
    when_t at;
    bool grant;
    struct str reason;
    enum store_approval_scope scope; /* of what they grant, and until when; 0: as long as usual */
    when_t until;
};

enum rc store_approval_add(struct store_txn *txn, const struct store_approval *a);
enum rc store_approval_get(struct store_txn *txn, struct arena *arena, const struct id *id,
                           struct store_approval *out);
/* The newest of that digest and asker that is not expired, pending or granted. RC_NOTFOUND. */
enum rc store_approval_find(struct store_txn *txn, struct arena *arena,
                            const struct store_hash *digest, int64_t asked_by, when_t now,
                            struct store_approval *out);
/* The one for which that order waits. */
enum rc store_approval_by_order(struct store_txn *txn, struct arena *arena, const struct id *order,
                                struct store_approval *out);
/* Compare and set: RC_CONFLICT when it is in another state, or expired at `now`. */
enum rc store_approval_move(struct store_txn *txn, const struct id *id,
                            enum store_approval_state from, enum store_approval_state to,
                            int64_t by, when_t now);
/* One person's word, in place of another that they gave before; RC_EXISTS when it is the same. How
 * many have granted it now. */
enum rc store_approval_vote(struct store_txn *txn, const struct id *id,
                            const struct store_approval_vote *vote, uint64_t *out_granted);
/* The last ones, the last first, STORE_APPROVAL_VOTES of them at most. */
enum rc store_approval_votes(struct store_txn *txn, struct arena *arena, const struct id *id,
                             struct store_approval_vote out[static STORE_APPROVAL_VOTES],
                             size_t *out_n);
/* How far a grant goes, and until when. */
enum rc store_approval_limit(struct store_txn *txn, const struct id *id,
                             enum store_approval_scope scope, when_t expires);
/* It is used once more: RC_CONFLICT when it is not granted, or expired at `now`. What is granted
 * once is used up. */
enum rc store_approval_use(struct store_txn *txn, const struct id *id, when_t now);
/* Another order of the same waits now in place of the one before: order, client, csr, rules,
 * evidence, due and approvers of `a`. RC_CONFLICT when it is not pending. */
enum rc store_approval_wait(struct store_txn *txn, const struct store_approval *a);
/* That order waits no more: RC_CONFLICT when it did not. */
enum rc store_approval_end_wait(struct store_txn *txn, const struct id *order);
/* Sets `due`. */
enum rc store_approval_later(struct store_txn *txn, const struct id *id, when_t due);
/* What is due at `now`, the first of it first, `max` at most. */
enum rc store_approval_due(struct store_txn *txn, when_t now, size_t max, struct id *out,
                           size_t *out_n);
/* When something is due next; 0: nothing will be. */
enum rc store_approval_next(struct store_txn *txn, when_t *out);
/* How many wait for a person at `now`, and since when the first of them does; 0: none. */
enum rc store_approval_waiting(struct store_txn *txn, when_t now, uint64_t *out_n,
                               when_t *out_first);
/* Those of them that were asked for by `asked`, the oldest first, STORE_APPROVALS_OVERDUE at most;
 * without csr and evidence. */
enum rc store_approval_overdue(struct store_txn *txn, struct arena *arena, when_t now, when_t asked,
                               struct store_approval **out, size_t *out_n);
/* A page, newest first; without csr and evidence. */
enum rc store_approval_list(struct store_txn *txn, struct arena *arena, struct store_cursor *at,
                            unsigned limit, struct store_approval **out, size_t *out_n);
