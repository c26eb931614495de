/* SPDX-License-Identifier: Apache-2.0 */
/* OCSP (RFC 6960): requests read, answers written and read, strictly in DER. Answers are signed by
 * a responder that the issuer delegated to: a short-lived certificate with id-kp-OCSPSigning, which
 * comes along. Nonces as RFC 9654 wants them: 1 to 128 bytes. Runs in core (requests), in the
 * signer (answers), and where a server staples (reading). */
#pragma once

#include "x509/crl.h"

enum {
    X509_OCSP_REQUEST_MAX = 8 * 1024,
    X509_OCSP_IDS_MAX = 16, /* certificates that one request may ask about */
    X509_OCSP_NONCE_MAX = 128,
    X509_OCSP_HASH_MAX = 32,
    X509_OCSP_MAX = 64 * 1024, /* an answer */
    X509_OCSP_CERTS_MAX = 4,   /* that may come along with one */
};

/* Of CertIDs: what issuer and key are named by. */
enum x509_ocsp_hash { X509_OCSP_SHA1 = 1, X509_OCSP_SHA256, X509_OCSP_HASHES };

struct x509_ocsp_id {
    enum x509_ocsp_hash hash; /* 0: one that we do not know */
    struct str name_hash;     /* of the issuer's Name in DER */
    struct str key_hash;      /* of the BIT STRING inside its SubjectPublicKeyInfo */
    struct x509_serial serial;
};

/* What an issuer is called in CertIDs; made once. */
struct x509_ocsp_issuer {
    unsigned char name[X509_OCSP_HASHES][X509_OCSP_HASH_MAX]; /* by enum x509_ocsp_hash */
    unsigned char key[X509_OCSP_HASHES][X509_OCSP_HASH_MAX];
};
enum rc x509_ocsp_issuer_of(const struct x509_cert *issuer, struct x509_ocsp_issuer *out);
/* The CertID of a certificate of this issuer; borrows from `issuer`. */
struct x509_ocsp_id x509_ocsp_id_of(const struct x509_ocsp_issuer *issuer, enum x509_ocsp_hash hash,
                                    const struct x509_serial *serial);
/* True when the CertID is about a certificate of this issuer. */
bool x509_ocsp_id_is(const struct x509_ocsp_id *id, const struct x509_ocsp_issuer *issuer);

/* ---- requests ---- */

struct x509_ocsp_request {
    const struct x509_ocsp_id *ids; /* at least one */
    size_t n;
    struct str nonce; /* empty: none */
    bool is_signed;   /* by somebody; that signature is not looked at */
};

/* Strings borrow from `der`. RC_PARSE; RC_TOOBIG past a limit above; RC_UNSUPPORTED for a critical
 * extension that we do not know. */
enum rc x509_ocsp_request_parse(struct arena *a, struct str der, struct x509_ocsp_request *out,
                                struct err *err);
/* Appends an unsigned request; `nonce` may be empty. */
enum rc x509_ocsp_request_build(const struct x509_ocsp_id *ids, size_t n, struct str nonce,
                                struct buf *out);

/* ---- answers ---- */

/* OCSPResponseStatus, RFC 6960 section 4.2.1. */
enum x509_ocsp_outcome {
    X509_OCSP_SUCCESSFUL = 0,
    X509_OCSP_MALFORMED = 1,
    X509_OCSP_INTERNAL = 2,
    X509_OCSP_TRY_LATER = 3,
    X509_OCSP_SIG_REQUIRED = 5,
    X509_OCSP_UNAUTHORIZED = 6,
};
/* Appends an answer that is nothing but this, which must not be SUCCESSFUL. */
void x509_ocsp_put_failure(enum x509_ocsp_outcome outcome, struct buf *out);

enum x509_ocsp_status { X509_OCSP_GOOD, X509_OCSP_REVOKED, X509_OCSP_UNKNOWN };

struct x509_ocsp_single {
    struct x509_ocsp_id id;
    enum x509_ocsp_status status;
    uint8_t reason; /* of a revoked one; 0 is not written */
    when_t revoked;
    when_t this_update, next_update; /* 0 when read: absent */
};

struct x509_ocsp_in {
    const struct x509_ocsp_single *singles;
    size_t n;
    when_t produced;
    struct str nonce;             /* empty: none */
    struct str responder;         /* its certificate, DER, which comes along */
    const struct crypto_key *key; /* both halves of the responder's */
};
/* Builds, signs and appends an OCSPResponse; the responder is named by the SHA-1 of its key. */
enum rc x509_ocsp_answer_build(const struct x509_ocsp_in *in, struct buf *out, struct err *err);

struct x509_ocsp_answer {
    enum x509_ocsp_outcome outcome; /* when not SUCCESSFUL, nothing else is set */
    struct str tbs;                 /* ResponseData */
    enum crypto_sig_alg sig_alg;    /* 0: one we cannot check */
    struct str signature;
    struct str by_name, by_key; /* one of them: Name in DER, or SHA-1 of the key */
    when_t produced;
    const struct x509_ocsp_single *singles;
    size_t n;
    struct str nonce;
    struct str certs[X509_OCSP_CERTS_MAX]; /* DER */
    size_t n_certs;
};

/* Strings borrow from `der`. RC_PARSE, RC_TOOBIG, RC_UNSUPPORTED (another type of response, a
 * critical extension). */
enum rc x509_ocsp_answer_parse(struct arena *a, struct str der, struct x509_ocsp_answer *out,
                               struct err *err);
/* Who signed: the issuer itself, or a responder that it delegated to (RFC 6960 section 4.2.2.2) and
 * whose certificate is valid at `now`. RC_DENIED and the reason. Times of the singles are the
 * caller's to look at. */
enum rc x509_ocsp_answer_check(struct arena *a, const struct x509_ocsp_answer *answer,
                               const struct x509_cert *issuer, when_t now, struct err *err);
/* NULL when the answer is not about that certificate. */
const struct x509_ocsp_single *x509_ocsp_answer_find(const struct x509_ocsp_answer *answer,
                                                     const struct x509_ocsp_issuer *issuer,
                                                     const struct x509_serial *serial);
