/* SPDX-License-Identifier: Apache-2.0 */
/* What nothing is issued for just now, since when, by whom and why. Rows stay when a lock is
 * lifted: they are the record. */
#pragma once

#include "store/types.h"

enum store_lock_scope {
    STORE_LOCK_ALL,
    STORE_LOCK_ZONE,    /* a domain and all below it */
    STORE_LOCK_ISSUER,  /* what this one would sign */
    STORE_LOCK_ACCOUNT, /* what this ACME account asks for */
    STORE_LOCK_EAB,     /* what accounts ask for that were made with this key */
    STORE_LOCK_NETWORK, /* or from this network (policy_network) */
    STORE_LOCK_SCOPES
};
const char *store_lock_scope_text(enum store_lock_scope scope);

struct store_lock {
    int64_t n; /* given by the store, in the order in which they were set */
    struct id id;
    enum store_lock_scope scope;
    struct str value; /* domain in canonical form, issuer's ref, account's id, name of a key,
                         network; empty for all */
    bool renewals;    /* stops them as well */
    bool new_names;   /* stops nothing else: a name that is in a valid certificate, whoever has it,
                         goes on */
    struct str reason;
    struct str set_by; /* "uid 0" */
    when_t set;
    when_t lifted; /* 0: it holds */
    struct str lifted_by;
    struct str lifted_why;
};

/* Who set a lock that a restore has left: lifting it takes a second person in any case. */
#define STORE_LOCK_BY_RESTORE "backup restore"

enum { STORE_LOCKS_MAX = 64 /* that hold, at a time */ };

/* RC_QUOTA when STORE_LOCKS_MAX hold; RC_EXISTS when the same holds already. */
enum rc store_lock_add(struct store_txn *txn, const struct store_lock *lock);
/* The one of a restore, which there is room for in any case: one that holds at a time. */
enum rc store_lock_add_restored(struct store_txn *txn, const struct store_lock *lock);
/* Compare and set: RC_CONFLICT when it is lifted already, RC_NOTFOUND. */
enum rc store_lock_lift(struct store_txn *txn, const struct id *id, struct str by, struct str why,
                        when_t now);
/* Those that hold, oldest first; STORE_LOCKS_MAX at most, and one of a restore. */
enum rc store_lock_active(struct store_txn *txn, struct arena *a, struct store_lock **out,
                          size_t *out_n);
/* A page of those that were lifted, the one that was set last first. */
enum rc store_lock_lifted(struct store_txn *txn, struct arena *a, struct store_cursor *at,
                          unsigned limit, struct store_lock **out, size_t *out_n);
