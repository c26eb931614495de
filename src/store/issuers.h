/* SPDX-License-Identifier: Apache-2.0 */
/* The authorities that sign, roots and intermediates alike: their certificates and where the signer
 * finds the key. None is ever deleted: what it signed may be asked about. */
#pragma once

#include "store/types.h"

enum store_issuer_state {
    STORE_ISSUER_ACTIVE,
    STORE_ISSUER_RETIRING, /* signs no leaves, but CRLs and OCSP answers; is served */
    STORE_ISSUER_RETIRED,  /* all that it signed has ended */
    STORE_ISSUER_REVOKED,  /* as retiring, and on its root's CRL */
    STORE_ISSUER_STATES
};
const char *store_issuer_state_text(enum store_issuer_state state);

struct store_issuer {
    struct id id;
    struct str name;        /* as configuration and commands call it: unique */
    struct id parent;       /* who signed it; "": a root */
    struct str hierarchy;   /* "intranet", "special", "staging" */
    struct str algorithm;   /* "rsa", "ecdsa", "sm2", "mldsa" */
    struct str subject;     /* text form, for people */
    struct str certificate; /* DER */
    struct str
        chain; /* DER certificates above it, one behind the other, without it; may be empty */
    struct str
        key_ref; /* for the signer; empty when this installation has no key of it (offline root) */
    struct str key_id; /* subject key identifier, the authority key identifier of what it signs */
    enum store_issuer_state state; /* as commands set it; dates move it on, see store_issuer_at */
    when_t not_before, not_after;
    when_t activates;    /* it signs leaves from then on */
    when_t retires;      /* and no more from then on; 0: until it ends */
    uint64_t crl_shards; /* fixed at its making; 1 or more */
    when_t created;
};

/* The state at that time: active ones retire at their date, and retiring and revoked ones are
 * retired when they have ended, which is after all that they signed. */
enum store_issuer_state store_issuer_at(const struct store_issuer *issuer, when_t now);

enum rc store_issuer_add(struct store_txn *txn, const struct store_issuer *issuer);
enum rc store_issuer_get(struct store_txn *txn, struct arena *a, const struct id *id,
                         struct store_issuer *out);
/* Compare and set. */
enum rc store_issuer_move(struct store_txn *txn, const struct id *id, enum store_issuer_state from,
                          enum store_issuer_state to);
/* 0: no date. */
enum rc store_issuer_set_retires(struct store_txn *txn, const struct id *id, when_t retires);
/* All of them, STORE_PAGE_MAX at most, oldest first; those in `states` (bits 1 << state; 0: all).
 */
enum rc store_issuer_list(struct store_txn *txn, struct arena *a, unsigned states,
                          struct store_issuer **out, size_t *out_n);

/* One authority's name and key, certified by another one of its kind: for clients that have only
 * the other. */
struct store_cross {
    struct id id;
    struct str name;        /* unique, "root-rsa-2-by-root-rsa": in URLs */
    struct id subject;      /* an issuer */
    struct id signer;       /* another one */
    struct str certificate; /* DER */
    when_t not_before, not_after;
    when_t created;
    when_t revoked;       /* by its signer; 0: it is not */
    unsigned char reason; /* of RFC 5280 section 5.3.1, where it is */
};

enum rc store_cross_add(struct store_txn *txn, const struct store_cross *cross);
/* For good. RC_CONFLICT when it is revoked already, whose time and reason stay. */
enum rc store_cross_revoke(struct store_txn *txn, const struct id *id, when_t at,
                           unsigned char reason);
/* All of them, STORE_PAGE_MAX at most, oldest first. */
enum rc store_cross_list(struct store_txn *txn, struct arena *a, struct store_cross **out,
                         size_t *out_n);
