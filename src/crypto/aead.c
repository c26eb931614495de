/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <openssl/evp.h>

#include "base/mem.h"
#include "crypto/crypto_int.h"

struct crypto_aead {
    EVP_CIPHER_CTX *seals, *opens; /* with the key, ready for a nonce */
};

static bool ready(EVP_CIPHER_CTX *c, const unsigned char *key, int enc)
{
    return c && EVP_CipherInit_ex2(c, crypto_gcm(), key, NULL, enc, NULL) == 1;
}

static bool start(EVP_CIPHER_CTX *c, const unsigned char *nonce, struct str aad)
{
    int n;

    return EVP_CipherInit_ex2(c, NULL, NULL, nonce, -1, NULL) == 1 &&
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

enum rc crypto_aead_new(const unsigned char key[static CRYPTO_AEAD_KEY], struct crypto_aead **out)
{
    CLEANUP(crypto_aead_freep) struct crypto_aead *a = MEM_NEW(struct crypto_aead);

    if (!a)
        return RC_NOMEM;
    a->seals = EVP_CIPHER_CTX_new();
    a->opens = EVP_CIPHER_CTX_new();
    if (!ready(a->seals, key, 1) || !ready(a->opens, key, 0))
        return failed(RC_CRYPTO);
    *out = MOVE(a);
    return RC_OK;
}

void crypto_aead_free(struct crypto_aead *a)
{
    if (!a)
        return;
    EVP_CIPHER_CTX_free(a->seals); /* wipes the key */
    EVP_CIPHER_CTX_free(a->opens);
    mem_free(a);
}

enum rc crypto_aead_seal(struct crypto_aead *a, const unsigned char nonce[static CRYPTO_AEAD_NONCE],
                         struct str aad, struct str plain, struct buf *out)
{
    EVP_CIPHER_CTX *c = a->seals;
    unsigned char *to;
    unsigned char none[1];
    int n;

    if (aad.n > CRYPTO_AEAD_MAX || plain.n > CRYPTO_AEAD_MAX)
        return RC_TOOBIG;
    to = buf_reserve(out, plain.n + CRYPTO_AEAD_TAG);
    if (!to)
        return buf_rc(out);
    if (!start(c, nonce, aad) || !run(c, plain, to) || EVP_CipherFinal_ex(c, none, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, CRYPTO_AEAD_TAG, to + plain.n) != 1)
        return failed(RC_CRYPTO);
    buf_advance(out, plain.n + CRYPTO_AEAD_TAG);
    return RC_OK;
}

enum rc crypto_aead_open(struct crypto_aead *a, const unsigned char nonce[static CRYPTO_AEAD_NONCE],
                         struct str aad, struct str sealed, struct buf *out)
{
    EVP_CIPHER_CTX *c = a->opens;
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
    if (!start(c, nonce, aad) || !run(c, str_head(sealed, n), to) ||
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
