/* SPDX-License-Identifier: Apache-2.0 */
/* What is about to be signed, recorded before the signer sees it. A serial is reserved here once
 * and for ever: it is unique across issuances and certificates, a voided one is not used again.
 * After a crash, what is still reserved is finished or voided; nothing is ever signed that is not
 * on record. */
#pragma once

#include "store/types.h"

enum store_issuance_state {
    STORE_ISSUANCE_RESERVED,
    STORE_ISSUANCE_DONE,
    STORE_ISSUANCE_VOIDED,
    STORE_ISSUANCE_STATES
};
const char *store_issuance_state_text(enum store_issuance_state state);

struct store_issuance {
    struct id id;
    struct id order;   /* "": not for an order; otherwise exists */
    struct str serial; /* big endian, as in the certificate, without the sign byte */
    struct str tbs;    /* DER of the TBSCertificate; empty when done: the certificate holds it */
    struct store_hash tbs_sha256;
    struct id issuer; /* exists */
    struct str profile;
    struct store_hash spki_sha256;
    const struct store_name *names;
    size_t n_names;
    struct str origin; /* as store_certificate's, and so the next two */
    struct id logical; /* "": one of its own */
    struct id replaces;
    struct str why;  /* store_certificate's reason, and the next the same */
    struct id shown; /* "": none */
    enum store_issuance_state state;
    when_t created;
    when_t settled;    /* done or voided at */
    struct str reason; /* of the voiding */
};

/* RC_EXISTS when the serial (or the id) was ever used; RC_CONFLICT when the order has one that is
 * reserved. `state` is taken as reserved. */
enum rc store_issuance_reserve(struct store_txn *txn, const struct store_issuance *issuance);
enum rc store_issuance_get(struct store_txn *txn, struct arena *a, const struct id *id,
                           struct store_issuance *out);
enum rc store_issuance_by_serial(struct store_txn *txn, struct arena *a, struct str serial,
                                 struct store_issuance *out);
/* The one that is reserved for the order. */
enum rc store_issuance_by_order(struct store_txn *txn, struct arena *a, const struct id *order,
                                struct store_issuance *out);
/* Reserved to done; RC_CONFLICT when it is not reserved, RC_INVAL without a certificate of that
 * serial. */
enum rc store_issuance_finish(struct store_txn *txn, const struct id *id, when_t now);
/* Reserved to voided. */
enum rc store_issuance_void(struct store_txn *txn, const struct id *id, when_t now,
                            struct str reason);
/* For recovery: those still reserved, oldest first, `limit` at most (0: STORE_PAGE_MAX). */
enum rc store_issuance_reserved(struct store_txn *txn, struct arena *a, unsigned limit,
                                struct store_cursor *at, struct store_issuance **out,
                                size_t *out_n);
/* How many are reserved. */
enum rc store_issuance_waiting(struct store_txn *txn, uint64_t *out);
