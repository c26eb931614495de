/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys that the CA made, sealed to an escrow key whose private half is elsewhere: nothing
 * in the database opens them. One for a certificate, written with it. They are neither changed nor
 * removed, whatever becomes of the certificate (store/prune.h): what was encrypted outlives it. */
#pragma once

#include "store/types.h"

struct store_escrow {
    struct id certificate;       /* exists */
    struct store_hash sealed_to; /* SHA-256 of the escrow key's SubjectPublicKeyInfo */
    struct str envelope;         /* x509/envelope.h, DER */
    when_t created;
};

/* RC_EXISTS when the certificate has one. RC_INVAL without an envelope. */
enum rc store_escrow_add(struct store_txn *txn, const struct store_escrow *escrow);
/* RC_NOTFOUND: the CA did not make that key, or it was not escrowed. */
enum rc store_escrow_get(struct store_txn *txn, struct arena *a, const struct id *certificate,
                         struct store_escrow *out);
/* The newest one, for who wants to know which escrow key was the last; RC_NOTFOUND without any. */
enum rc store_escrow_last(struct store_txn *txn, struct arena *a, struct store_escrow *out);
/* How many there are that this escrow key opens; of all keys with NULL. */
enum rc store_escrow_count(struct store_txn *txn, const struct store_hash *sealed_to,
                           uint64_t *out);
