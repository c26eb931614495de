/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include <assert.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

#include "crypto/crypto_int.h"
#include "crypto/weak.h"

static struct {
    OSSL_LIB_CTX *ctx;
    OSSL_PROVIDER *provider;
    EVP_MD *md[CRYPTO_SM3 + 1];
    EVP_CIPHER *gcm;
    EC_GROUP *groups[CRYPTO_KEY_SM2 + 1];
} lib;

static const char *const md_names[] = {
    [CRYPTO_SHA256] = "SHA256",
    [CRYPTO_SHA384] = "SHA384",
    [CRYPTO_SHA512] = "SHA512",
    [CRYPTO_SM3] = "SM3",
};

static const int curves[] = {
    [CRYPTO_KEY_P256] = NID_X9_62_prime256v1,
    [CRYPTO_KEY_P384] = NID_secp384r1,
    [CRYPTO_KEY_SM2] = NID_sm2,
};
static_assert(sizeof(curves) / sizeof(curves[0]) == sizeof(lib.groups) / sizeof(lib.groups[0]));

static enum rc fetch_all(void)
{
    unsigned char first;

    for (size_t i = 0; i < sizeof(md_names) / sizeof(md_names[0]); i++)
        if (!(lib.md[i] = EVP_MD_fetch(lib.ctx, md_names[i], NULL)))
            return RC_CRYPTO;
    lib.gcm = EVP_CIPHER_fetch(lib.ctx, "AES-256-GCM", NULL);
    if (!lib.gcm)
        return RC_CRYPTO;
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
        if (curves[i] && !(lib.groups[i] = EC_GROUP_new_by_curve_name_ex(lib.ctx, NULL, curves[i])))
            return RC_CRYPTO;
    /* Seeds the generator now, while every system call is still allowed. */
    return crypto_random(&first, 1);
}

enum rc crypto_init(void)
{
    enum rc rc;

    if (lib.ctx)
        return RC_OK;
    /* A few of OpenSSL's functions still use its default context, which would otherwise read
     * openssl.cnf. */
    if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
        return RC_CRYPTO;
    lib.ctx = OSSL_LIB_CTX_new();
    if (!lib.ctx)
        return RC_CRYPTO;
    lib.provider = OSSL_PROVIDER_load(lib.ctx, "default");
    rc = lib.provider ? fetch_all() : RC_CRYPTO;
    if (rc != RC_OK)
        crypto_done();
    return rc;
}

void crypto_done(void)
{
    crypto_weak_unload();
    for (size_t i = 0; i < sizeof(md_names) / sizeof(md_names[0]); i++) {
        EVP_MD_free(lib.md[i]);
        lib.md[i] = NULL;
    }
    EVP_CIPHER_free(lib.gcm);
    lib.gcm = NULL;
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        EC_GROUP_free(lib.groups[i]);
        lib.groups[i] = NULL;
    }
    if (lib.provider)
        OSSL_PROVIDER_unload(lib.provider);
    lib.provider = NULL;
    OSSL_LIB_CTX_free(lib.ctx);
    lib.ctx = NULL;
    crypto_ossl_clear();
}

const char *crypto_version(void)
{
    return OpenSSL_version(OPENSSL_VERSION);
}

const char *crypto_without_tls_sm(void)
{
    enum { FIRST = 4 };

    return OPENSSL_version_major() < FIRST ? crypto_version() : NULL;
}

enum rc crypto_random(void *p, size_t n)
{
    if (RAND_priv_bytes_ex(crypto_ossl_ctx(), p, n, 256) == 1)
        return RC_OK;
    crypto_ossl_clear();
    return RC_CRYPTO;
}

OSSL_LIB_CTX *crypto_ossl_ctx(void)
{
    assert(lib.ctx);
    return lib.ctx;
}

void crypto_ossl_clear(void)
{
    if (ERR_peek_error()) /* mostly there is none, and emptying touches every entry all the same */
        ERR_clear_error();
}

const EVP_MD *crypto_md(enum crypto_hash_alg alg)
{
    assert(lib.ctx);
    return lib.md[alg];
}

const EVP_CIPHER *crypto_gcm(void)
{
    assert(lib.ctx);
    return lib.gcm;
}

const EC_GROUP *crypto_group(enum crypto_key_type type)
{
    assert(lib.ctx);
    return lib.groups[type];
}
