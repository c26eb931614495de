/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate that persons have to allow (policy_approvers): what they are asked, whether they
 * have, and that it was used. What they allow is of one requester, a list of names, a profile and a
 * kind of key; not of one key, so that a client that asks anew with another finds it. */
#pragma once

#include "audit/audit.h"
#include "crypto/key.h"
#include "store/approvals.h"

struct approval {
    struct store_approval row; /* after approval_find the one that is there, if there is one */
    const struct store_name *names;
    size_t n_names;
    struct arena *a;
    when_t now;
    bool known;   /* it is there, pending or granted */
    bool granted; /* by as many as it takes, and it can be used now */
};

/* Who wants what. */
struct approval_ask {
    const struct store_name *names; /* canonical; borrowed, as all else */
    size_t n_names;
    struct str profile;
    enum crypto_key_type key;
    struct id account; /* "": an operator asks */
    struct str eab;    /* name of the account's key; empty: none */
    int64_t person;    /* the operator's user id, -1: an account asks */
    unsigned approvers;
    when_t now, wait; /* how long it may take */
};

/* What would be asked, in the arena. */
enum rc approval_begin(const struct approval_ask *ask, struct arena *a, struct approval *out);
/* Looks for what was asked before; RC_OK also when there is nothing. */
enum rc approval_find(struct store_txn *txn, struct approval *c);
/* `c->row` becomes a row of its own, with a new id. `by` says who asks (actor, address, request).
 */
enum rc approval_add(struct store_txn *txn, struct approval *c, const struct audit_event *by);
/* In the transaction of the reservation: what was found granted is used. RC_CONFLICT when it has
 * been used, or has ended, meanwhile. */
enum rc approval_use(struct store_txn *txn, const struct approval *c, const struct audit_event *by);
/* An event about it; of `by` actor, time, reason, address and request count. */
enum rc approval_audit(struct store_txn *txn, const struct store_approval *row,
                       const struct audit_event *by, const char *action);
