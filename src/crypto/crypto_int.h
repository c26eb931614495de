/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files of this folder. */
#pragma once

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include "crypto/hash.h"
#include "crypto/ossl.h"

/* Fetched once by crypto_init: a fetch for each use costs more than a small digest. */
const EVP_MD *crypto_md(enum crypto_hash_alg alg);
const EVP_CIPHER *crypto_gcm(void);
/* Of the three curves (P256, P384, SM2), made once as well. */
const EC_GROUP *crypto_group(enum crypto_key_type type);

/* What a key is used for: each has a context of OpenSSL's that is made once and kept with the key,
 * for making one costs more than RSA takes to verify. */
enum crypto_use { CRYPTO_SIGNS, CRYPTO_VERIFIES, CRYPTO_USES };

/* The context that the key keeps for its usual algorithm (crypto_sig_default), which is now the
 * caller's alone; NULL when there is none, or another thread has it. */
EVP_PKEY_CTX *crypto_key_ctx_take(const struct crypto_key *k, enum crypto_use use);
/* For the next time. */
void crypto_key_ctx_keep(const struct crypto_key *k, enum crypto_use use, EVP_PKEY_CTX *ctx);

/* RSA exponents are below 2^32; the longest uncompressed point is one of P-384. */
enum { CRYPTO_EXPONENT_BITS = 32, CRYPTO_EC_POINT_MAX = 97 };

/* Types that have one size and one SubjectPublicKeyInfo: all but RSA. */
struct crypto_form {
    const char *name;  /* OpenSSL's, of the type */
    const char *group; /* and of the curve; NULL: none, the key is a string of bytes */
    const char *text;
    unsigned bits;
    uint16_t tail; /* bytes of the uncompressed point or the key */
    uint8_t n;     /* of head: what stands before the tail */
    uint8_t outer; /* of these, the header of the whole */
    char head[28];
};
extern const struct crypto_form crypto_forms[];
struct str crypto_form_head(enum crypto_key_type type);

/* Takes over `pkey` on success. RC_UNSUPPORTED, RC_INVAL and why. */
enum rc crypto_key_take(EVP_PKEY *pkey, bool has_private, struct crypto_key **out, struct err *err);
/* The same of a public key whose type, range and SubjectPublicKeyInfo the caller knows: what
 * OpenSSL takes to tell them is more than everything else. */
enum rc crypto_key_take_known(EVP_PKEY *pkey, enum crypto_key_type type, struct str spki,
                              struct crypto_key **out);

/* RSA numbers, big endian without leading zeros: RC_INVAL when their range is not that of
 * crypto/key.h; the bits of the modulus; the SubjectPublicKeyInfo, appended. */
enum rc crypto_rsa_check(struct str n, struct str e, struct err *err);
unsigned crypto_rsa_bits(struct str n);
void crypto_rsa_put_spki(struct buf *out, struct str n, struct str e);

/* A refusal that more than one reader has. */
enum rc crypto_key_refuse_algorithm(struct err *err);

/* RC_DENIED when a list of crypto/weak.h has the modulus. */
enum rc crypto_weak_look_up(const BIGNUM *n, struct err *err);

/* sm2.c: t = (d + x * r) mod n, GB/T 32918.3 section 6.1; big endian, x below 2^128. The same steps
 * for all numbers, and no address or branch that depends on one. */
void crypto_sm2_scalar(const unsigned char *d, const unsigned char *r, const unsigned char *x,
                       unsigned char *t);

DEFINE_FREEP(EVP_PKEY_free, EVP_PKEY)
DEFINE_FREEP(EVP_PKEY_CTX_free, EVP_PKEY_CTX)
DEFINE_FREEP(EVP_MD_CTX_free, EVP_MD_CTX)
DEFINE_FREEP(EVP_CIPHER_CTX_free, EVP_CIPHER_CTX)
DEFINE_FREEP(BN_free, BIGNUM)
DEFINE_FREEP(EC_POINT_free, EC_POINT)
DEFINE_FREEP(BN_CTX_free, BN_CTX)
