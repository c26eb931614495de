/* SPDX-License-Identifier: Apache-2.0 */
/* The register: every certificate that was issued, with all that is known of it, found by anything
 * that people ask for. */
#pragma once

#include "store/types.h"

enum store_certificate_status {
    STORE_CERTIFICATE_VALID,
    STORE_CERTIFICATE_REVOKED,
    STORE_CERTIFICATE_STATUSES
};
const char *store_certificate_status_text(enum store_certificate_status status);

struct store_certificate {
    struct id id;
    struct str serial; /* big endian, without the sign byte; unique */
    struct str der;
    struct id issuer;     /* exists */
    struct str hierarchy; /* "intranet", "special", "staging" */
    struct str profile;
    when_t not_before;
    when_t not_after;
    struct store_hash spki_sha256;
    struct store_hash fingerprint; /* SHA-256 of the DER */
    struct str
        authority_key_id; /* with the serial: the ARI certificate id (RFC 9773 section 4.1) */
    const struct store_name *names;
    size_t n_names;
    struct str origin; /* "acme", "csr", "gateway", "system", "est" ... */
    struct id account; /* "": none; otherwise exists */
    struct id order;
    struct addr requester;
    struct id shown;   /* the certificate that the requester showed; "": none that counted */
    struct str reason; /* or ticket, as given at the request */
    struct str owner;
    struct str team;
    struct str service;
    struct id logical;  /* certificates that are one thing (its RSA, ECDSA, SM2 forms; its renewals)
                           share it */
    struct id replaces; /* the certificate it renews; "": none; otherwise exists */
    when_t issued;
    enum store_certificate_status status;
    when_t revoked;
    int revocation_reason; /* RFC 5280 section 5.3.1 */
};

/* RC_EXISTS when the serial was ever used, RC_CONFLICT when `issuance` is given and is not reserved
 * with that serial, or has its certificate ("": there is none, the serial is taken here). Names are
 * checked as in types.h. */
enum rc store_certificate_add(struct store_txn *txn, const struct store_certificate *certificate,
                              const struct id *issuance);
enum rc store_certificate_get(struct store_txn *txn, struct arena *a, const struct id *id,
                              struct store_certificate *out);
enum rc store_certificate_by_serial(struct store_txn *txn, struct arena *a, struct str serial,
                                    struct store_certificate *out);
/* Valid to revoked; RC_CONFLICT when it is revoked (RFC 8555 section 7.6: alreadyRevoked). */
enum rc store_certificate_revoke(struct store_txn *txn, const struct id *id, when_t now,
                                 int reason);
/* Of a revoked one: another reason, as for a key found compromised later; the time stays. */
enum rc store_certificate_set_reason(struct store_txn *txn, const struct id *id, int reason);
/* People's fields; the certificate itself never changes. */
enum rc store_certificate_set_owner(struct store_txn *txn, const struct id *id, struct str owner,
                                    struct str team, struct str service);

/* The logical id of the certificates that go by this name ("gateway wiki.hospital.example"): the
 * name is unique, so that whoever asks first, in whatever process, gives it `fresh`, and everybody
 * else, at the same time or later, gets that one. */
enum rc store_certificate_logical(struct store_txn *txn, struct str name, const struct id *fresh,
                                  struct id *out);

enum store_certificate_sort {
    STORE_CERTIFICATE_BY_ISSUED_NEWEST,
    STORE_CERTIFICATE_BY_ISSUED,
    STORE_CERTIFICATE_BY_EXPIRY,
};

/* All that is set must hold. */
struct store_certificate_filter {
    const struct store_name *name; /* exactly this one */
    struct str under;              /* a domain: it and everything below, wildcards too */
    struct str serial;             /* big endian, without the sign byte */
    const struct store_hash *spki;
    struct id account;
    struct id order; /* whose certificate it is */
    struct id issuer;
    struct id logical;
    struct str hierarchy;
    enum store_staging staging;
    struct str origin;
    struct str owner;
    struct str profile;
    unsigned statuses;       /* bits 1 << status; 0: all */
    when_t not_after_from;   /* inclusive; 0: no bound */
    when_t not_after_before; /* exclusive; 0: no bound */
    when_t revoked_from;     /* inclusive; 0: no bound */
    enum store_certificate_sort sort;
    bool living;      /* no tombstones (store/prune.h) */
    bool without_der; /* leaves `der` empty */
    unsigned limit;   /* 0: STORE_PAGE_MAX */
};
enum rc store_certificate_list(struct store_txn *txn, struct arena *a,
                               const struct store_certificate_filter *filter,
                               struct store_cursor *at, struct store_certificate **out,
                               size_t *out_n);
enum rc store_certificate_count(struct store_txn *txn,
                                const struct store_certificate_filter *filter, uint64_t *out);

enum { STORE_NAMED_LOOK = 200 };

/* Has that name, of DNS or an address, been in a certificate before that one, outside of staging?
 * Looks at the STORE_NAMED_LOOK newest of them, so it takes no longer for a name that is renewed
 * often. RC_INVAL for another kind of name. */
enum rc store_certificate_named_before(struct store_txn *txn, const struct id *certificate,
                                       const struct store_name *name, bool *out);
