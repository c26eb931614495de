/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates written: the to-be-signed part from a description, byte for byte the same wherever
 * it is built. Core builds it to know what it reserves, the signer builds it again and signs its
 * own; both compare. Extensions come in a fixed order, lists in the order given. */
#pragma once

#include "base/addr.h"
#include "crypto/sign.h"
#include "x509/constraints.h"
#include "x509/name.h"
#include "x509/serial.h"

enum {
    X509_NAMES_MAX = 100, /* of all kinds together */
    X509_URLS_MAX = 4,    /* of each kind */
    X509_URL_BYTES = 512,
    X509_POLICIES_MAX = 8,
    X509_KEY_ID = 20,
    X509_TBS_MAX = 64 * 1024,
    X509_CERT_MAX = 72 * 1024,
};

enum x509_basic {
    X509_BASIC_ABSENT,
    X509_BASIC_LEAF, /* critical, cA false */
    X509_BASIC_CA,   /* critical */
};

/* Key usage; the value of each is the bit of RFC 5280 section 4.2.1.3. */
enum {
    X509_KU_DIGITAL_SIGNATURE = 1 << 0,
    X509_KU_NON_REPUDIATION = 1 << 1,
    X509_KU_KEY_ENCIPHERMENT = 1 << 2,
    X509_KU_DATA_ENCIPHERMENT = 1 << 3,
    X509_KU_KEY_AGREEMENT = 1 << 4,
    X509_KU_CERT_SIGN = 1 << 5,
    X509_KU_CRL_SIGN = 1 << 6,
    X509_KU_ENCIPHER_ONLY = 1 << 7,
    X509_KU_DECIPHER_ONLY = 1 << 8,
};

/* Extended key usage, written in this order. */
enum {
    X509_EKU_SERVER_AUTH = 1 << 0,
    X509_EKU_CLIENT_AUTH = 1 << 1,
    X509_EKU_CODE_SIGNING = 1 << 2,
    X509_EKU_EMAIL = 1 << 3,
    X509_EKU_TIME_STAMPING = 1 << 4,
    X509_EKU_OCSP_SIGNING = 1 << 5,
    X509_EKU_ANY = 1 << 6,   /* read, never written */
    X509_EKU_OTHER = 1 << 7, /* the same */
};

/* Everything in a certificate; all of it borrowed. */
struct x509_tbs_in {
    struct x509_serial serial;
    bool subject_key_id; /* write x509_key_id of the SPKI */
    bool must_staple;    /* RFC 7633, status_request */
    bool no_rev_avail;   /* RFC 9608, for leaves without crl_urls and ocsp_urls */
    bool ocsp_nocheck;   /* RFC 6960 section 4.2.2.2.1, for responders */
    enum crypto_sig_alg sig_alg;
    enum x509_basic basic;
    int pathlen; /* of a CA; -1: no limit */
    uint16_t key_usage, eku;
    struct str issuer; /* the CA's subject in DER; for a root, by x509_name_build of its own */
    struct str issuer_key_id;     /* authorityKeyIdentifier; empty: left out */
    when_t not_before, not_after; /* cut to seconds */
    struct x509_subject subject;
    const struct str *dns; /* canonical */
    size_t n_dns;
    const struct addr *ips;
    size_t n_ips;
    const struct str *emails; /* canonical (base/name.h) */
    size_t n_emails;
    const struct str *uris; /* as name_uri_check wants them */
    size_t n_uris;
    struct str spki;
    const struct x509_constraints *constraints; /* NULL: none; critical unless */
    bool constraints_noncritical;
    const struct str *policies; /* dotted OIDs */
    size_t n_policies;
    const struct str *crl_urls;
    const struct str *ocsp_urls;
    const struct str *issuer_urls; /* caIssuers */
    size_t n_crl_urls, n_ocsp_urls, n_issuer_urls;
    struct str acme_digest; /* 32 bytes, into a critical acmeIdentifier (RFC 8737 section 3); empty:
                               none. For a client's own answer to a challenge */
};

/* Appends TBSCertificate (RFC 5280 section 4.1). The SAN is critical when the subject is empty.
 * RC_INVAL, with what is wrong, for what cannot be written (name not canonical, serial 0, not_after
 * before not_before, no such OID); RC_TOOBIG past a limit. Whether it should be signed is
 * x509_lint's question. */
enum rc x509_tbs_build(const struct x509_tbs_in *in, struct buf *out, struct err *err);

/* Appends the certificate made of a to-be-signed part and its signature. The algorithm is the one
 * that the part names. */
enum rc x509_assemble(struct str tbs, struct str signature, struct buf *out);
/* Signs and assembles; RC_INVAL when the algorithm the part names does not fit the key. Look at
 * x509_lint_tbs first. */
enum rc x509_sign_tbs(const struct crypto_key *key, struct str tbs, struct buf *out);

/* Key identifier: the first 160 bits of the SHA-256 of the BIT STRING inside (RFC 7093 section 2,
 * method 1). */
enum rc x509_key_id(struct str spki, unsigned char out[static X509_KEY_ID]);
