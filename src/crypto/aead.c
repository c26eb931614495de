/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <openssl/evp.h>

#include "crypto/crypto_int.h"

/* Key, nonce and additional data; `enc` is 1 to seal. */
static bool start(EVP_CIPHER_CTX *c, const unsigned char *key, const unsigned char *nonce,
                  struct str aad, int enc)
{
    int n;

    return c && EVP_CipherInit_ex2(c, crypto_gcm(), key, nonce, enc, NULL) == 1 &&
           (aad.n == 0 ||
            EVP_CipherUpdate(c, NULL, &n, (const unsigned char *)aad.p, (int)aad.n) == 1);
}

static bool run(EVP_CIPHER_CTX *c, struct str in, unsigned char *out)
{
    int n;

    return in.n == 0 || EVP_CipherUpdate(c, out, &n, (const unsigned char *)in.p, (int)in.n) == 1;
}

static enum rc failed(enum rc rc)
{
    crypto_ossl_clear();
    return rc;
}

enum rc crypto_aead_seal(const unsigned char key[static CRYPTO_AEAD_KEY],
                         const unsigned char nonce[static CRYPTO_AEAD_NONCE], struct str aad,
                         struct str plain, struct buf *out)
{
    CLEANUP(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *c = NULL;
    unsigned char *to;
    unsigned char none[1];
    int n;

    if (aad.n > CRYPTO_AEAD_MAX || plain.n > CRYPTO_AEAD_MAX)
        return RC_TOOBIG;
    to = buf_reserve(out, plain.n + CRYPTO_AEAD_TAG);
    if (!to)
        return buf_rc(out);
    c = EVP_CIPHER_CTX_new();
    if (!start(c, key, nonce, aad, 1) || !run(c, plain, to) ||
        EVP_CipherFinal_ex(c, none, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, CRYPTO_AEAD_TAG, to + plain.n) != 1)
        return failed(RC_CRYPTO);
    buf_advance(out, plain.n + CRYPTO_AEAD_TAG);
    return RC_OK;
}

enum rc crypto_aead_open(const unsigned char key[static CRYPTO_AEAD_KEY],
                         const unsigned char nonce[static CRYPTO_AEAD_NONCE], struct str aad,
                         struct str sealed, struct buf *out)
{
    CLEANUP(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *c = NULL;
    unsigned char tag[CRYPTO_AEAD_TAG], none[1];
    unsigned char *to;
    size_t n;
    int last;

    if (aad.n > CRYPTO_AEAD_MAX || sealed.n > CRYPTO_AEAD_MAX + CRYPTO_AEAD_TAG)
        return RC_TOOBIG;
    if (sealed.n < CRYPTO_AEAD_TAG)
        return RC_DENIED;
    n = sealed.n - CRYPTO_AEAD_TAG;
    memcpy(tag, sealed.p + n, sizeof(tag));
    to = buf_reserve(out, n);
    if (!to)
        return buf_rc(out);
    c = EVP_CIPHER_CTX_new();
    if (!start(c, key, nonce, aad, 0) || !run(c, str_head(sealed, n), to) ||
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, CRYPTO_AEAD_TAG, tag) != 1)
        return failed(RC_CRYPTO);
    if (EVP_CipherFinal_ex(c, none, &last) != 1) {
        /* What came out of a forgery is nobody's to see. */
        explicit_bzero(to, n);
        return failed(RC_DENIED);
    }
    buf_advance(out, n);
    return RC_OK;
}
