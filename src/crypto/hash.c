/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/hash.h"

#include <openssl/evp.h>

#include "crypto/crypto_int.h"

struct crypto_hasher {
    EVP_MD_CTX *ctx;
    enum crypto_hash_alg alg;
};

static enum rc failed(void)
{
    crypto_ossl_clear();
    return RC_CRYPTO;
}

size_t crypto_hash_size(enum crypto_hash_alg alg)
{
    static const uint8_t sizes[] = {32, 48, 64, 32};

    return sizes[alg];
}

enum rc crypto_hash(enum crypto_hash_alg alg, struct str data,
                    unsigned char out[static CRYPTO_HASH_MAX])
{
    return EVP_Digest(data.p, data.n, out, NULL, crypto_md(alg), NULL) == 1 ? RC_OK : failed();
}

enum rc crypto_sha256(struct str data, unsigned char out[static CRYPTO_SHA256_BYTES])
{
    return EVP_Digest(data.p, data.n, out, NULL, crypto_md(CRYPTO_SHA256), NULL) == 1 ? RC_OK
                                                                                      : failed();
}

enum rc crypto_sha1(struct str data, unsigned char out[static CRYPTO_SHA1_BYTES])
{
    return EVP_Q_digest(crypto_ossl_ctx(), "SHA1", NULL, data.p, data.n, out, NULL) == 1 ? RC_OK
                                                                                         : failed();
}

enum rc crypto_hasher_new(enum crypto_hash_alg alg, struct crypto_hasher **out)
{
    CLEANUP(crypto_hasher_freep) struct crypto_hasher *h = MEM_NEW(struct crypto_hasher);

    if (!h)
        return RC_NOMEM;
    h->alg = alg;
    h->ctx = EVP_MD_CTX_new();
    if (!h->ctx || EVP_DigestInit_ex2(h->ctx, crypto_md(alg), NULL) != 1)
        return failed();
    *out = MOVE(h);
    return RC_OK;
}

enum rc crypto_hasher_add(struct crypto_hasher *h, struct str data)
{
    return EVP_DigestUpdate(h->ctx, data.p, data.n) == 1 ? RC_OK : failed();
}

enum rc crypto_hasher_end(struct crypto_hasher *h, unsigned char out[static CRYPTO_HASH_MAX])
{
    if (EVP_DigestFinal_ex(h->ctx, out, NULL) != 1 ||
        EVP_DigestInit_ex2(h->ctx, crypto_md(h->alg), NULL) != 1)
        return failed();
    return RC_OK;
}

void crypto_hasher_free(struct crypto_hasher *h)
{
    if (!h)
        return;
    EVP_MD_CTX_free(h->ctx);
    mem_free(h);
}

static enum rc hmac(const char *digest, struct str key, struct str data, unsigned char *out,
                    size_t size)
{
    size_t n = 0;

    if (key.n == 0)
        return RC_INVAL;
    if (!EVP_Q_mac(crypto_ossl_ctx(), "HMAC", NULL, digest, NULL, key.p, key.n,
                   (const unsigned char *)data.p, data.n, out, size, &n))
        return failed();
    return RC_OK;
}

enum rc crypto_hmac_sha256(struct str key, struct str data,
                           unsigned char out[static CRYPTO_SHA256_BYTES])
{
    return hmac("SHA256", key, data, out, CRYPTO_SHA256_BYTES);
}

enum rc crypto_hmac_sha1(struct str key, struct str data,
                         unsigned char out[static CRYPTO_SHA1_BYTES])
{
    return hmac("SHA1", key, data, out, CRYPTO_SHA1_BYTES);
}

enum rc crypto_hmac(enum crypto_hash_alg alg, struct str key, struct str data,
                    unsigned char out[static CRYPTO_HASH_MAX])
{
    return hmac(EVP_MD_get0_name(crypto_md(alg)), key, data, out, CRYPTO_HASH_MAX);
}
