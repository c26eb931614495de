/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and points of SM2 by their values, and DER of them, for tests of what is none. */
#pragma once

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>

#include "base/buf.h"
#include "crypto/ossl.h"
#include "crypto/sm2.h"

/* The field, and the order of the base point. */
#define SM2_FIELD_P "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF"
#define SM2_ORDER_N "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123"

/* The key pair with this private number. */
[[maybe_unused]] static struct crypto_key *sm2_pair(const char *hex)
{
    EC_GROUP *g = EC_GROUP_new_by_curve_name_ex(crypto_ossl_ctx(), NULL, NID_sm2);
    EC_POINT *q = EC_POINT_new(g);
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(crypto_ossl_ctx(), "SM2", NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    BIGNUM *d = NULL;
    OSSL_PARAM *params;
    unsigned char point[65];
    EVP_PKEY *pkey = NULL;
    struct crypto_key *key = NULL;

    BN_hex2bn(&d, hex);
    EC_POINT_mul(g, q, d, NULL, NULL, NULL);
    EC_POINT_point2oct(g, q, POINT_CONVERSION_UNCOMPRESSED, point, sizeof(point), NULL);
    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "SM2", 0);
    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point));
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, d);
    params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_fromdata_init(c);
    EVP_PKEY_fromdata(c, &pkey, EVP_PKEY_KEYPAIR, params);
    if (pkey && crypto_ossl_key_take(pkey, true, &key) != RC_OK)
        EVP_PKEY_free(pkey);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(c);
    BN_free(d);
    EC_POINT_free(q);
    EC_GROUP_free(g);
    return key;
}

/* The key of long life that cancels out this one of an exchange: d = -(2^127 + (x mod 2^127)) r. */
[[maybe_unused]] static struct crypto_key *sm2_cancels(const char *r_hex)
{
    EC_GROUP *g = EC_GROUP_new_by_curve_name_ex(crypto_ossl_ctx(), NULL, NID_sm2);
    EC_POINT *q = EC_POINT_new(g);
    BN_CTX *c = BN_CTX_new();
    BIGNUM *r = NULL, *x = BN_new();
    char *hex = NULL;
    struct crypto_key *key;

    BN_hex2bn(&r, r_hex);
    EC_POINT_mul(g, q, r, NULL, NULL, NULL);
    EC_POINT_get_affine_coordinates(g, q, x, NULL, NULL);
    BN_mask_bits(x, 127);
    BN_set_bit(x, 127);
    BN_mod_mul(x, x, r, EC_GROUP_get0_order(g), c);
    BN_sub(x, EC_GROUP_get0_order(g), x);
    hex = BN_bn2hex(x);
    key = sm2_pair(hex);
    OPENSSL_free(hex);
    BN_free(x);
    BN_free(r);
    BN_CTX_free(c);
    EC_POINT_free(q);
    EC_GROUP_free(g);
    return key;
}

[[maybe_unused]] static void sm2_put_integer(struct buf *out, struct str number)
{
    bool zero = number.n && (unsigned char)number.p[0] & 0x80;

    buf_u8(out, 2);
    buf_u8(out, (uint8_t)(number.n + zero));
    if (zero)
        buf_u8(out, 0);
    buf_puts(out, number);
}

/* A number as big endian bytes, DER's least. */
[[maybe_unused]] static struct str sm2_number(const char *hex,
                                              unsigned char out[static CRYPTO_SM2_FIELD])
{
    BIGNUM *v = NULL;
    int n;

    BN_hex2bn(&v, hex);
    n = BN_bn2bin(v, out);
    BN_free(v);
    if (n > 0)
        return str_bytes(out, (size_t)n);
    out[0] = 0;
    return str_bytes(out, 1);
}

[[maybe_unused]] static void sm2_put_sequence(struct str body, struct buf *out)
{
    buf_u8(out, 0x30);
    buf_u8(out, (uint8_t)body.n);
    buf_puts(out, body);
}
