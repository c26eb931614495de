/* SPDX-License-Identifier: Apache-2.0 */
/* Digests, HMAC and the one cipher used for sealing. Comparing is str_eq_ct (base/str.h). */
#pragma once

#include "base/buf.h"

/* SM3 is GB/T 32905. */
enum crypto_hash_alg { CRYPTO_SHA256, CRYPTO_SHA384, CRYPTO_SHA512, CRYPTO_SM3 };

enum { CRYPTO_SHA1_BYTES = 20, CRYPTO_SHA256_BYTES = 32, CRYPTO_HASH_MAX = 64 };

/* 32, 48, 64; SM3 32. */
size_t crypto_hash_size(enum crypto_hash_alg alg);
/* Writes crypto_hash_size(alg) bytes. RC_CRYPTO, as below, only when OpenSSL itself fails (memory).
 */
enum rc crypto_hash(enum crypto_hash_alg alg, struct str data,
                    unsigned char out[static CRYPTO_HASH_MAX]);
enum rc crypto_sha256(struct str data, unsigned char out[static CRYPTO_SHA256_BYTES]);
/* Only for the identifiers of OCSP (RFC 6960 section 4.1.1), which prove nothing. */
enum rc crypto_sha1(struct str data, unsigned char out[static CRYPTO_SHA1_BYTES]);

/* In pieces. */
struct crypto_hasher;
enum rc crypto_hasher_new(enum crypto_hash_alg alg, struct crypto_hasher **out);
enum rc crypto_hasher_add(struct crypto_hasher *h, struct str data);
/* The digest of all added so far; the hasher starts over, empty. */
enum rc crypto_hasher_end(struct crypto_hasher *h, unsigned char out[static CRYPTO_HASH_MAX]);
void crypto_hasher_free(struct crypto_hasher *h);
DEFINE_FREEP(crypto_hasher_free, struct crypto_hasher)

/* RFC 2104 with SHA-256; a key of 1 byte or more. */
enum rc crypto_hmac_sha256(struct str key, struct str data,
                           unsigned char out[static CRYPTO_SHA256_BYTES]);

/* For one-time codes (RFC 6238), whose every generator knows it. */
enum rc crypto_hmac_sha1(struct str key, struct str data,
                         unsigned char out[static CRYPTO_SHA1_BYTES]);

/* The same with another digest; writes crypto_hash_size(alg) bytes. */
enum rc crypto_hmac(enum crypto_hash_alg alg, struct str key, struct str data,
                    unsigned char out[static CRYPTO_HASH_MAX]);

enum {
    CRYPTO_AEAD_KEY = 32,
    CRYPTO_AEAD_NONCE = 12,
    CRYPTO_AEAD_TAG = 16,
    CRYPTO_AEAD_MAX = 1 << 20
};

/* AES-256-GCM under one key, for one thread at a time. The key is copied. */
struct crypto_aead;
enum rc crypto_aead_new(const unsigned char key[static CRYPTO_AEAD_KEY], struct crypto_aead **out);
void crypto_aead_free(struct crypto_aead *a);
DEFINE_FREEP(crypto_aead_free, struct crypto_aead)

/* Appends ciphertext and tag: plain.n + CRYPTO_AEAD_TAG bytes. The same nonce must
 * never be used twice with one key. RC_TOOBIG above CRYPTO_AEAD_MAX. */
enum rc crypto_aead_seal(struct crypto_aead *a, const unsigned char nonce[static CRYPTO_AEAD_NONCE],
                         struct str aad, struct str plain, struct buf *out);
/* Undoes it. RC_DENIED when the tag does not fit (forged, other key, other nonce, other aad);
 * nothing is appended then. */
enum rc crypto_aead_open(struct crypto_aead *a, const unsigned char nonce[static CRYPTO_AEAD_NONCE],
                         struct str aad, struct str sealed, struct buf *out);
