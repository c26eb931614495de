/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate revocation lists (RFC 5280 section 5), written and strictly read: complete ones and
 * deltas, for all certificates of an issuer or for one shard of them (x509_serial_shard), which the
 * issuingDistributionPoint then names. Indirect lists, lists by reason and holds are not ours: they
 * are refused. Runs wherever an issuer's key is, and where a list is checked. */
#pragma once

#include "x509/cert.h"

enum {
    X509_CRL_ENTRIES_MAX = 65536, /* of one list: with 16 shards a million of one issuer */
    X509_CRL_MAX = 4 << 20,       /* such a list, in DER, with all that is around it */
};

/* RFC 5280 section 5.3.1. 7 is not used. */
enum x509_reason {
    X509_REASON_UNSPECIFIED = 0,
    X509_REASON_KEY_COMPROMISE = 1,
    X509_REASON_CA_COMPROMISE = 2,
    X509_REASON_AFFILIATION_CHANGED = 3,
    X509_REASON_SUPERSEDED = 4,
    X509_REASON_CESSATION = 5,
    X509_REASON_HOLD = 6,
    X509_REASON_REMOVE = 8, /* in deltas: it is not revoked any more */
    X509_REASON_PRIVILEGE_WITHDRAWN = 9,
    X509_REASON_AA_COMPROMISE = 10,
    X509_REASON_COUNT = 11,
};
/* "keyCompromise" ...; "unknown" for 7 and outside. */
const char *x509_reason_text(int reason);
/* By that name or by number; RC_NOTFOUND. */
enum rc x509_reason_parse(struct str s, int *out);

struct x509_crl_entry {
    struct x509_serial serial;
    uint8_t reason; /* 0 is not written (section 5.3.1) */
    when_t revoked; /* cut to seconds */
};

/* Everything in a list; all of it borrowed. */
struct x509_crl_in {
    enum crypto_sig_alg sig_alg;
    struct str issuer;        /* its subject, DER */
    struct str issuer_key_id; /* its subjectKeyIdentifier */
    when_t this_update, next_update;
    uint64_t number;
    bool delta;    /* written with critical deltaCRLIndicator: */
    uint64_t base; /* what it completes; not above `number` */
    /* issuingDistributionPoint, critical; left out when none of these is set. */
    struct str url; /* where it is, exactly as in the certificates' cRLDistributionPoints */
    bool only_users, only_cas;
    struct str delta_url; /* freshestCRL, in complete lists; empty: none */
    const struct x509_crl_entry *entries;
    size_t n;
};

/* Appends TBSCertList. RC_INVAL for what cannot be written (next_update not behind this_update, a
 * serial without bytes, reason 7 or hold, base above number), RC_TOOBIG past a limit. */
enum rc x509_crl_build(const struct x509_crl_in *in, struct buf *out, struct err *err);
/* Builds and signs, and appends the CertificateList. RC_INVAL also when sig_alg does not fit the
 * key. */
enum rc x509_crl_sign(const struct crypto_key *key, const struct x509_crl_in *in, struct buf *out,
                      struct err *err);

struct x509_crl {
    struct str der, tbs;
    enum crypto_sig_alg sig_alg; /* 0: one we cannot check */
    struct str signature;
    struct str issuer; /* Name in DER */
    struct str aki;    /* empty when absent */
    when_t this_update, next_update;
    bool has_number, delta;
    uint64_t number, base;
    bool has_scope;
    struct str url; /* the first URI of the scope; empty: none */
    bool only_users, only_cas;
    struct str delta_url;
    const struct x509_crl_entry *entries; /* in the order of the list */
    size_t n;
};

/* One list, nothing behind it; the fields borrow from `der`, entries live in the arena. Serial
 * numbers must be of RFC 5280. RC_PARSE and where it broke, RC_TOOBIG, RC_UNSUPPORTED for a
 * critical extension that we do not know, an indirect list or one of some reasons only. */
enum rc x509_crl_parse(struct arena *a, struct str der, struct x509_crl *out, struct err *err);
/* Name, key identifier, cRLSign and signature: RC_DENIED and the reason, RC_UNSUPPORTED. `key` is
 * the issuer's. */
enum rc x509_crl_check(const struct x509_crl *crl, const struct x509_cert *issuer,
                       const struct crypto_key *key, struct err *err);
/* NULL when it is not on the list. Linear. */
const struct x509_crl_entry *x509_crl_find(const struct x509_crl *crl, const struct x509_serial *s);
