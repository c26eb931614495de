/* SPDX-License-Identifier: Apache-2.0 */
/* A private number of SM2 under a key of SM4. What is decrypted is compared and multiplied in
 * constant time; only the verdict is branched on. */
#include <openssl/core_names.h>

#include "crypto/crypto_int.h"
#include "crypto/sm2.h"
#include "crypto/token.h"

enum { POINT = 1 + 2 * CRYPTO_SM2_FIELD };

static enum rc failed(enum rc rc)
{
    crypto_ossl_clear();
    return rc;
}

/* One number, one way or the other. */
static bool ecb(const unsigned char *key, const unsigned char in[static CRYPTO_SM2_FIELD],
                unsigned char out[static CRYPTO_SM2_FIELD], int encrypts)
{
    CLEANUP(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    EVP_CIPHER *sm4 = EVP_CIPHER_fetch(crypto_ossl_ctx(), "SM4-ECB", NULL);
    int n = 0, rest = 0;
    bool ok = c && sm4 && EVP_CipherInit_ex2(c, sm4, key, NULL, encrypts, NULL) == 1 &&
              EVP_CIPHER_CTX_set_padding(c, 0) == 1 &&
              EVP_CipherUpdate(c, out, &n, in, CRYPTO_SM2_FIELD) == 1 && n == CRYPTO_SM2_FIELD &&
              EVP_CipherFinal_ex(c, out + n, &rest) == 1 && rest == 0;

    EVP_CIPHER_free(sm4);
    return ok;
}

enum rc crypto_sm2_wrap(const struct crypto_key *k, const unsigned char key[static CRYPTO_SM4_KEY],
                        unsigned char out[static CRYPTO_SM2_FIELD])
{
    unsigned char d[CRYPTO_SM2_FIELD];
    BIGNUM *number = NULL;
    bool ok;

    if (crypto_key_type(k) != CRYPTO_KEY_SM2 || !crypto_key_has_private(k) ||
        crypto_key_in_token(k))
        return RC_INVAL;
    ok = EVP_PKEY_get_bn_param(crypto_ossl_pkey(k), OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1 &&
         BN_bn2binpad(number, d, sizeof(d)) == sizeof(d) && ecb(key, d, out, 1);
    BN_clear_free(number);
    explicit_bzero(d, sizeof(d));
    return ok ? RC_OK : failed(RC_CRYPTO);
}

/* Below n - 1 (GB/T 32918.1 section 5.4), in as many steps for every number. Zero has no point. */
static bool in_range(const unsigned char d[static CRYPTO_SM2_FIELD])
{
    static const unsigned char last[] = "\xff\xff\xff\xfe\xff\xff\xff\xff\xff\xff\xff"
                                        "\xff\xff\xff\xff\xff\x72\x03\xdf\x6b\x21\xc6"
                                        "\x05\x2b\x53\xbb\xf4\x09\x39\xd5\x41\x22";
    unsigned borrow = 0;

    for (size_t i = CRYPTO_SM2_FIELD; i-- > 0;)
        borrow = (0U + d[i] - last[i] - borrow) >> 8 & 1;
    return borrow == 1;
}

/* `public`, an uncompressed point, is d times the base point. */
static bool belongs(const BIGNUM *d, const unsigned char public[static POINT])
{
    const EC_GROUP *g = crypto_group(CRYPTO_KEY_SM2);
    CLEANUP(BN_CTX_freep) BN_CTX *bn = BN_CTX_secure_new_ex(crypto_ossl_ctx());
    CLEANUP(EC_POINT_freep) EC_POINT *p = EC_POINT_new(g);
    unsigned char made[POINT];

    return bn && p && EC_POINT_mul(g, p, d, NULL, NULL, bn) == 1 &&
           EC_POINT_point2oct(g, p, POINT_CONVERSION_UNCOMPRESSED, made, sizeof(made), bn) ==
               sizeof(made) &&
           memcmp(made, public, sizeof(made)) == 0;
}

static EVP_PKEY *make(const BIGNUM *d, unsigned char public[static POINT])
{
    CLEANUP(EVP_PKEY_CTX_freep)
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(crypto_ossl_ctx(), "SM2", NULL);
    static char group[] = "SM2";
    unsigned char number[CRYPTO_SM2_FIELD];
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, public, POINT),
        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, number, sizeof(number)),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *pkey = NULL;

    if (BN_bn2nativepad(d, number, sizeof(number)) != sizeof(number) || !c ||
        EVP_PKEY_fromdata_init(c) != 1 ||
        EVP_PKEY_fromdata(c, &pkey, EVP_PKEY_KEYPAIR, params) != 1)
        pkey = NULL;
    explicit_bzero(number, sizeof(number));
    return pkey;
}

/* NULL where the two do not belong together. */
static EVP_PKEY *pair(const unsigned char number[static CRYPTO_SM2_FIELD],
                      unsigned char public[static POINT])
{
    BIGNUM *d = BN_secure_new();
    EVP_PKEY *pkey = NULL;

    if (d && BN_bin2bn(number, CRYPTO_SM2_FIELD, d)) {
        BN_set_flags(d, BN_FLG_CONSTTIME);
        if (in_range(number) && belongs(d, public))
            pkey = make(d, public);
    }
    BN_clear_free(d);
    return pkey;
}

enum rc crypto_sm2_unwrap(const unsigned char key[static CRYPTO_SM4_KEY],
                          const unsigned char number[static CRYPTO_SM2_FIELD], struct str x,
                          struct str y, struct crypto_key **out)
{
    CLEANUP(EVP_PKEY_freep) EVP_PKEY *pkey = NULL;
    unsigned char d[CRYPTO_SM2_FIELD] = {}, public[POINT] = {POINT_CONVERSION_UNCOMPRESSED};

    if (x.n != CRYPTO_SM2_FIELD || y.n != CRYPTO_SM2_FIELD)
        return RC_INVAL;
    memcpy(public + 1, x.p, x.n);
    memcpy(public + 1 + x.n, y.p, y.n);
    if (ecb(key, number, d, 0))
        pkey = pair(d, public);
    explicit_bzero(d, sizeof(d));
    if (!pkey)
        return failed(RC_DENIED);
    TRY(crypto_ossl_key_take(pkey, true, out));
    pkey = NULL;
    return RC_OK;
}
