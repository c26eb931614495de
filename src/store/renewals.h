/* SPDX-License-Identifier: Apache-2.0 */
/* Renewals pulled forward (RFC 9773): a set of certificates, described and not listed, that are all
 * to be replaced between two times. */
#pragma once

#include "store/types.h"

/* What is set must hold of a certificate; it was issued before `created`. */
struct store_renewal {
    int64_t n; /* given by the store, in the order in which they were made */
    struct id id;
    struct id issuer; /* "": any */
    struct str profile;
    struct store_hash spki_sha256; /* counts if by_key */
    bool by_key;
    struct str name;  /* exactly this name or address */
    struct str under; /* this domain and all below */
    when_t created;
    when_t first, last; /* when its clients are to come */
    struct str reason;
    struct str url; /* of an explanation, for clients; empty: none */
};

enum { STORE_RENEWALS_MAX = 256 /* that are not over */ };

/* RC_QUOTA when there are STORE_RENEWALS_MAX whose `last` is not before `created`. */
enum rc store_renewal_add(struct store_txn *txn, const struct store_renewal *renewal);
/* Those that were made after `after`, oldest first; STORE_RENEWALS_MAX at most. */
enum rc store_renewal_list(struct store_txn *txn, struct arena *a, when_t after,
                           struct store_renewal **out, size_t *out_n);
/* A page of all, those that are over too, oldest first. */
enum rc store_renewal_page(struct store_txn *txn, struct arena *a, struct store_cursor *at,
                           unsigned limit, struct store_renewal **out, size_t *out_n);

/* ---- and those that have happened */

struct store_renewed {
    when_t at; /* the certificate's that replaced it */
    when_t not_before, not_after;
    struct store_hash fingerprint;
};
enum { STORE_RENEWED_LOOK = 500 };
/* The certificates that the STORE_RENEWED_LOOK newest renewals since `from` replaced, revoked ones
 * and staging left out. */
enum rc store_renewed(struct store_txn *txn, when_t from,
                      void (*fn)(void *arg, const struct store_renewed *renewed), void *arg);
