/* SPDX-License-Identifier: Apache-2.0 */
/* The authorities that sign, roots and intermediates alike: their certificates and where the signer
 * finds the key. */
#pragma once

#include "store/types.h"

enum store_issuer_state { STORE_ISSUER_ACTIVE, STORE_ISSUER_RETIRED, STORE_ISSUER_STATES };
const char *store_issuer_state_text(enum store_issuer_state state);

struct store_issuer {
    struct id id;
    struct str name;        /* as configuration and commands call it: unique */
    struct id parent;       /* who signed it; "": a root */
    struct str hierarchy;   /* "intranet", "special" */
    struct str algorithm;   /* "rsa", "ecdsa" ... */
    struct str subject;     /* text form, for people */
    struct str certificate; /* DER */
    struct str
        chain; /* DER certificates above it, one behind the other, without it; may be empty */
    struct str
        key_ref; /* for the signer; empty when this installation has no key of it (offline root) */
    struct str key_id; /* subject key identifier, the authority key identifier of what it signs */
    enum store_issuer_state state;
    when_t not_after;
    when_t created;
};

enum rc store_issuer_add(struct store_txn *txn, const struct store_issuer *issuer);
enum rc store_issuer_get(struct store_txn *txn, struct arena *a, const struct id *id,
                         struct store_issuer *out);
/* Compare and set. */
enum rc store_issuer_move(struct store_txn *txn, const struct id *id, enum store_issuer_state from,
                          enum store_issuer_state to);
/* All of them, STORE_PAGE_MAX at most, oldest first; those in `states` (bits 1 << state; 0: all).
 */
enum rc store_issuer_list(struct store_txn *txn, struct arena *a, unsigned states,
                          struct store_issuer **out, size_t *out_n);
