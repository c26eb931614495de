/* SPDX-License-Identifier: Apache-2.0 */
/* SM2 beside signatures (crypto/sign.h): encryption (GB/T 32918.4) and the key exchange (GB/T
 * 32918.3), both with SM3, on the recommended curve. The keys have CRYPTO_KEY_SM2; private halves
 * are in memory, never in a token. What is secret is worked on in constant time. */
#pragma once

#include "crypto/hash.h"
#include "crypto/key.h"

enum {
    CRYPTO_SM2_FIELD = 32,
    CRYPTO_SM2_Z = 32,
    CRYPTO_SM2_PLAIN_MAX = 4096,
    /* Two coordinates, the digest and headers around the plain text. */
    CRYPTO_SM2_CIPHER_MAX = CRYPTO_SM2_PLAIN_MAX + 128,
    CRYPTO_SM2_AGREED_MAX = 4096,
    CRYPTO_SM4_KEY = 16,
};

/* Z of a user (GB/T 32918.2 section 5.5): the digest of identifier, curve and public key. RC_INVAL
 * for another key or an identifier of more than CRYPTO_SM2_ID_MAX bytes. */
enum rc crypto_sm2_z(const struct crypto_key *k, struct str id,
                     unsigned char out[static CRYPTO_HASH_MAX]);

/* Appends the SM2Cipher of GM/T 0009 section 7.2, DER: x, y, digest (C3), cipher text (C2). The
 * plain text has 1 to CRYPTO_SM2_PLAIN_MAX bytes; RC_INVAL otherwise, and for another key. */
enum rc crypto_sm2_encrypt(const struct crypto_key *k, struct str plain, struct buf *out);
/* Undoes it; `cipher` is exactly one SM2Cipher. RC_DENIED for whatever is no such thing made for
 * this key, without a word on what was wrong; RC_TOOBIG past CRYPTO_SM2_CIPHER_MAX, RC_INVAL for a
 * key without its private half. The plain text is for the caller to wipe. */
enum rc crypto_sm2_decrypt(const struct crypto_key *k, struct str cipher, struct buf *out);

/* One side of a key exchange. Both have CRYPTO_SM2_ID for their identifier. */
struct crypto_sm2_exchange {
    const struct crypto_key *own, *own_once;   /* with their private halves: of long life, and of */
    const struct crypto_key *peer, *peer_once; /* this exchange alone */
    bool initiator;                            /* this side is A of the standard */
};

/* Writes the `n` (1 to CRYPTO_SM2_AGREED_MAX) bytes that both sides have after it. Nothing is
 * confirmed: a peer without its keys has other bytes. RC_INVAL for another key or a private half
 * that is missing; RC_CRYPTO, also when the two points cancel each other out. */
enum rc crypto_sm2_agree(const struct crypto_sm2_exchange *x, unsigned char *out, size_t n);

/* A private number d carried under a key of SM4 (GM/T 0009 section 7.4): ECB over its 32 bytes,
 * without padding. `number` is for nobody to see but encrypted. RC_INVAL for another key than SM2
 * or one without its private half in memory; RC_CRYPTO. */
enum rc crypto_sm2_wrap(const struct crypto_key *k, const unsigned char key[static CRYPTO_SM4_KEY],
                        unsigned char out[static CRYPTO_SM2_FIELD]);
/* Undoes it: the key pair whose public half is x, y, each CRYPTO_SM2_FIELD bytes. RC_DENIED when
 * what comes out is no private number, or another point's: nothing is told of which. */
enum rc crypto_sm2_unwrap(const unsigned char key[static CRYPTO_SM4_KEY],
                          const unsigned char number[static CRYPTO_SM2_FIELD], struct str x,
                          struct str y, struct crypto_key **out);
