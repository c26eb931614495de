/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/password.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "crypto/crypto.h"
#include "crypto/crypto_int.h"

DEFINE_FREEP(EVP_KDF_free, EVP_KDF)
DEFINE_FREEP(EVP_KDF_CTX_free, EVP_KDF_CTX)

/* By the byte that a kept password begins with; what is kept stays readable when others follow. */
static const struct {
    uint32_t kib, passes, lanes;
} versions[] = {{19456, 2, 1}};

enum { VERSION = 0, VERSIONS = sizeof(versions) / sizeof(versions[0]) };

/* OpenSSL only reads it. */
static OSSL_PARAM octets(const char *name, struct str s)
{
    return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)s.p, s.n);
}

static enum rc derive(unsigned version, struct str salt, struct str password,
                      unsigned char out[static CRYPTO_PASSWORD_HASH])
{
    CLEANUP(EVP_KDF_freep) EVP_KDF *kdf = EVP_KDF_fetch(crypto_ossl_ctx(), "ARGON2ID", NULL);
    CLEANUP(EVP_KDF_CTX_freep) EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    uint32_t kib = versions[version].kib, passes = versions[version].passes;
    uint32_t lanes = versions[version].lanes;
    OSSL_PARAM params[] = {
        octets(OSSL_KDF_PARAM_PASSWORD, password),
        octets(OSSL_KDF_PARAM_SALT, salt),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ITER, &passes),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ARGON2_LANES, &lanes),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_ARGON2_MEMCOST, &kib),
        OSSL_PARAM_construct_end(),
    };

    if (ctx && EVP_KDF_derive(ctx, out, CRYPTO_PASSWORD_HASH, params) == 1)
        return RC_OK;
    crypto_ossl_clear();
    return RC_CRYPTO;
}

static bool has_length(struct str password)
{
    return password.n > 0 && password.n <= CRYPTO_PASSWORD_MAX;
}

enum rc crypto_password_make(struct str password, unsigned char out[static CRYPTO_PASSWORD_BYTES])
{
    unsigned char made[CRYPTO_PASSWORD_BYTES] = {VERSION};

    if (!has_length(password))
        return RC_INVAL;
    TRY(crypto_random(made + 1, CRYPTO_PASSWORD_SALT));
    TRY(derive(VERSION, str_bytes(made + 1, CRYPTO_PASSWORD_SALT), password,
               made + 1 + CRYPTO_PASSWORD_SALT));
    memcpy(out, made, sizeof(made));
    return RC_OK;
}

enum rc crypto_password_check(struct str kept, struct str password)
{
    unsigned char hash[CRYPTO_PASSWORD_HASH];
    enum rc rc;

    if (kept.n != CRYPTO_PASSWORD_BYTES || (unsigned char)kept.p[0] >= VERSIONS)
        return RC_CORRUPT;
    if (!has_length(password))
        return RC_DENIED;
    rc = derive((unsigned char)kept.p[0], str_head(str_skip(kept, 1), CRYPTO_PASSWORD_SALT),
                password, hash);
    if (rc == RC_OK &&
        !str_eq_ct(str_skip(kept, 1 + CRYPTO_PASSWORD_SALT), str_bytes(hash, sizeof(hash))))
        rc = RC_DENIED;
    explicit_bzero(hash, sizeof(hash));
    return rc;
}

static bool within(const struct crypto_scrypt *w)
{
    return w->log_n <= CRYPTO_SCRYPT_LOG_N_MAX && w->r <= CRYPTO_SCRYPT_R_MAX &&
           w->p <= CRYPTO_SCRYPT_P_MAX;
}

enum rc crypto_scrypt_key(struct str passphrase, struct str salt, const struct crypto_scrypt *work,
                          unsigned char *out, size_t n)
{
    CLEANUP(EVP_KDF_freep) EVP_KDF *kdf = EVP_KDF_fetch(crypto_ossl_ctx(), "SCRYPT", NULL);
    CLEANUP(EVP_KDF_CTX_freep) EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    uint64_t cost = UINT64_C(1) << (within(work) ? work->log_n : 0);
    /* What the blocks take, and some room for what is small. */
    uint64_t memory = 128 * (uint64_t)work->r * (cost + work->p + 4) + 4096;
    uint32_t r = work->r, p = work->p;
    OSSL_PARAM params[] = {
        octets(OSSL_KDF_PARAM_PASSWORD, passphrase),
        octets(OSSL_KDF_PARAM_SALT, salt),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &cost),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory),
        OSSL_PARAM_construct_end(),
    };

    if (!within(work))
        return RC_TOOBIG;
    if (!work->log_n || !work->r || !work->p)
        return RC_INVAL;
    if (ctx && EVP_KDF_derive(ctx, out, n, params) == 1)
        return RC_OK;
    crypto_ossl_clear();
    return RC_CRYPTO;
}
