/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures. The algorithm is always named by the caller and must belong to the key's type;
 * nothing is negotiated. */
#pragma once

#include "crypto/hash.h"
#include "crypto/key.h"

enum crypto_sig_alg {
    CRYPTO_SIG_RSA_SHA256 = 1, /* PKCS#1 v1.5, as the next two */
    CRYPTO_SIG_RSA_SHA384,
    CRYPTO_SIG_RSA_SHA512,
    CRYPTO_SIG_PSS_SHA256, /* MGF1 with the same digest, salt as long as the digest */
    CRYPTO_SIG_ECDSA_SHA256,
    CRYPTO_SIG_ECDSA_SHA384,
    CRYPTO_SIG_ECDSA_SHA512, /* read; never our own choice */
    CRYPTO_SIG_ED25519,
    CRYPTO_SIG_SM2_SM3, /* GB/T 32918.2, for CRYPTO_SM2_ID */
    CRYPTO_SIG_MLDSA44, /* FIPS 204: pure, with an empty context, as the next two */
    CRYPTO_SIG_MLDSA65,
    CRYPTO_SIG_MLDSA87,
    CRYPTO_SIG_PSS_SHA384, /* as with SHA-256; in TLS alone, as the next one */
    CRYPTO_SIG_PSS_SHA512,
    CRYPTO_SIG_COUNT,
};

/* ECDSA and SM2 signatures are a DER SEQUENCE in certificates and TLS, r and s at the length of the
 * field in JOSE (RFC 7518 section 3.4). Without meaning for the others. */
enum crypto_sig_form { CRYPTO_SIG_DER, CRYPTO_SIG_RAW };

/* The longest is ML-DSA-87, 4627 bytes. */
enum { CRYPTO_SIG_MAX = 5 * 1024, CRYPTO_SM2_ID_MAX = 8191 };

/* The distinguishing identifier that certificates, TLCP and RFC 8998 use for everybody. */
#define CRYPTO_SM2_ID "1234567812345678"

/* What the key signs with unless something else is asked for: RSA and P-256 with SHA-256, P-384
 * with SHA-384; the others have one way only. */
enum crypto_sig_alg crypto_sig_default(const struct crypto_key *k);
/* ECDSA on either curve fits with each digest: certificates allow it, JOSE does not. */
bool crypto_sig_fits(enum crypto_sig_alg alg, const struct crypto_key *k);
/* "RSA with SHA-256", "ECDSA with SHA-384", "Ed25519", "SM2 with SM3", "ML-DSA-65". */
const char *crypto_sig_text(enum crypto_sig_alg alg);

/* Appends the signature of `message`. RC_INVAL when the algorithm does not fit or the private half
 * is missing. */
enum rc crypto_sign(const struct crypto_key *k, enum crypto_sig_alg alg, enum crypto_sig_form form,
                    struct str message, struct buf *out);
/* The same of a digest already made, for SM2 by crypto_sm2_digest; RC_UNSUPPORTED for Ed25519 and
 * ML-DSA, RC_INVAL when its length is wrong. */
enum rc crypto_sign_digest(const struct crypto_key *k, enum crypto_sig_alg alg,
                           enum crypto_sig_form form, struct str digest, struct buf *out);
/* RC_OK when it holds; RC_DENIED when it does not, RC_INVAL when the algorithm does not fit. */
enum rc crypto_verify(const struct crypto_key *k, enum crypto_sig_alg alg,
                      enum crypto_sig_form form, struct str message, struct str signature);
/* The same for SM2 and another distinguishing identifier, of at most CRYPTO_SM2_ID_MAX bytes. */
enum rc crypto_verify_sm2(const struct crypto_key *k, struct str id, enum crypto_sig_form form,
                          struct str message, struct str signature);

/* What an SM2 signature is of, GB/T 32918.2 sections 5.5 and 6.1: the SM3 digest of Z and the
 * message, where Z is that of identifier, curve and key. RC_INVAL for another key or a longer
 * identifier. */
enum rc crypto_sm2_digest(const struct crypto_key *k, struct str id, struct str message,
                          unsigned char out[static CRYPTO_HASH_MAX]);
