/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys read, from numbers and from SubjectPublicKeyInfo. */
#include <stdio.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "base/rd.h"
#include "crypto/crypto_int.h"
#include "crypto/key.h"

MSG(msg_spki, "crypto.spki", "the public key is not a SubjectPublicKeyInfo in DER");
MSG(msg_curve, "crypto.key-curve", "the key's type has no curve");
MSG(msg_rsa_form, "crypto.rsa-form", "an RSA number is empty or starts with a zero byte");
MSG(msg_ec_point, "crypto.ec-point", "the key is not a point of the curve of {0}");
MSG(msg_ed25519, "crypto.ed25519", "an Ed25519 key has 32 bytes");

static enum rc failed(enum rc rc)
{
    crypto_ossl_clear();
    return rc;
}

static enum rc from_params(const char *type, OSSL_PARAM *params, EVP_PKEY **out)
{
    CLEANUP(EVP_PKEY_CTX_freep)
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(crypto_ossl_ctx(), type, NULL);

    if (!c || EVP_PKEY_fromdata_init(c) != 1)
        return failed(RC_CRYPTO);
    if (EVP_PKEY_fromdata(c, out, EVP_PKEY_PUBLIC_KEY, params) != 1)
        return failed(RC_INVAL);
    return RC_OK;
}

/* Big-endian bytes in the order of the machine, as an OSSL_PARAM has integers. */
static OSSL_PARAM integer_param(const char *name, struct str be, unsigned char *native)
{
    for (size_t i = 0; i < be.n; i++)
        native[__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? be.n - 1 - i : i] =
            (unsigned char)be.p[i];
    return OSSL_PARAM_construct_BN(name, native, be.n);
}

static bool has_leading_zero(struct str s)
{
    return s.n == 0 || s.p[0] == 0;
}

enum rc crypto_key_from_rsa(struct str n, struct str e, struct crypto_key **out, struct err *err)
{
    CLEANUP(EVP_PKEY_freep) EVP_PKEY *pkey = NULL;
    unsigned char native_n[CRYPTO_RSA_BITS_MAX / 8], native_e[CRYPTO_EXPONENT_BITS / 8];
    OSSL_PARAM params[3];

    if (has_leading_zero(n) || has_leading_zero(e))
        return ERR(err, RC_INVAL, msg_rsa_form);
    if (e.n > sizeof(native_e))
        return crypto_key_refuse_exponent(err);
    if (n.n > sizeof(native_n))
        return crypto_key_refuse_bits(STR("more than 8192"), err);
    params[0] = integer_param(OSSL_PKEY_PARAM_RSA_N, n, native_n);
    params[1] = integer_param(OSSL_PKEY_PARAM_RSA_E, e, native_e);
    params[2] = OSSL_PARAM_construct_end();
    TRY(from_params("RSA", params, &pkey));
    TRY(crypto_key_take(pkey, false, out, err));
    pkey = NULL;
    return RC_OK;
}

enum rc crypto_key_from_ec(enum crypto_key_type type, struct str x, struct str y,
                           struct crypto_key **out, struct err *err)
{
    CLEANUP(EVP_PKEY_freep) EVP_PKEY *pkey = NULL;
    unsigned char point[CRYPTO_EC_POINT_MAX] = {0x04};
    OSSL_PARAM params[3];
    char group[16];
    size_t field;

    if (type != CRYPTO_KEY_P256 && type != CRYPTO_KEY_P384 && type != CRYPTO_KEY_SM2)
        return ERR(err, RC_UNSUPPORTED, msg_curve);
    field = crypto_forms[type].bits / 8;
    if (x.n != field || y.n != field)
        return ERR(err, RC_INVAL, msg_ec_point, str_of(crypto_forms[type].text));
    memcpy(point + 1, x.p, field);
    memcpy(point + 1 + field, y.p, field);
    snprintf(group, sizeof(group), "%s", crypto_forms[type].group);
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
    params[1] =
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, crypto_forms[type].tail);
    params[2] = OSSL_PARAM_construct_end();
    /* It looks whether the point is on the curve; the one at infinity has no such form. */
    if (from_params(crypto_forms[type].name, params, &pkey) != RC_OK)
        return ERR(err, RC_INVAL, msg_ec_point, str_of(crypto_forms[type].text));
    TRY(crypto_key_take_known(pkey, false, str_bytes(point, crypto_forms[type].tail), out, err));
    pkey = NULL;
    return RC_OK;
}

/* The bytes of a key that has no other form. */
static enum rc from_raw(enum crypto_key_type type, struct str raw, struct crypto_key **out,
                        struct err *err)
{
    CLEANUP(EVP_PKEY_freep)
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key_ex(crypto_ossl_ctx(), crypto_forms[type].name,
                                                    NULL, (const unsigned char *)raw.p, raw.n);

    if (!pkey)
        return failed(RC_CRYPTO);
    TRY(crypto_key_take_known(pkey, false, raw, out, err));
    pkey = NULL;
    return RC_OK;
}

enum rc crypto_key_from_ed25519(struct str x, struct crypto_key **out, struct err *err)
{
    if (x.n != crypto_forms[CRYPTO_KEY_ED25519].tail)
        return ERR(err, RC_INVAL, msg_ed25519);
    return from_raw(CRYPTO_KEY_ED25519, x, out, err);
}

/* The content of the next value with this tag, in DER of at most 64 KiB; false when it is none.
 * Loose about the form of lengths: crypto_key_from_spki compares the whole with what it would
 * write. */
static bool der_value(struct rd *r, uint8_t tag, struct str *out)
{
    size_t n;

    if (rd_u8(r) != tag)
        return false;
    n = rd_u8(r);
    if (n == 0x81)
        n = rd_u8(r);
    else if (n == 0x82)
        n = rd_u16(r);
    *out = rd_bytes(r, n);
    return !r->failed;
}

static enum rc from_rsa_bits(struct str bits, struct crypto_key **out, struct err *err)
{
    struct rd r = rd_of(str_skip(bits, 1)); /* behind the count of unused bits */
    struct str seq, n, e;

    if (!der_value(&r, 0x30, &seq))
        return ERR(err, RC_PARSE, msg_spki);
    r = rd_of(seq);
    if (!der_value(&r, 0x02, &n) || !der_value(&r, 0x02, &e))
        return ERR(err, RC_PARSE, msg_spki);
    if (n.n > 1 && n.p[0] == 0)
        n = str_skip(n, 1);
    if (e.n > 1 && e.p[0] == 0)
        e = str_skip(e, 1);
    return crypto_key_from_rsa(n, e, out, err);
}

/* `tail` is the point or key behind a head that fits. */
static enum rc from_tail(enum crypto_key_type type, struct str tail, struct crypto_key **out,
                         struct err *err)
{
    size_t field = crypto_forms[type].bits / 8;

    if (tail.n != crypto_forms[type].tail)
        return ERR(err, RC_PARSE, msg_spki);
    if (!crypto_forms[type].group)
        return from_raw(type, tail, out, err);
    tail = str_skip(tail, 1); /* 0x04, as the comparison at the end makes sure */
    return crypto_key_from_ec(type, str_head(tail, field), str_skip(tail, field), out, err);
}

/* The AlgorithmIdentifier's content and the BIT STRING's. */
static bool split_spki(struct str der, struct str *out_alg, struct str *out_bits)
{
    struct rd r = rd_of(der);
    struct str spki;

    if (!der_value(&r, 0x30, &spki))
        return false;
    r = rd_of(spki);
    return der_value(&r, 0x30, out_alg) && der_value(&r, 0x03, out_bits);
}

/* 0 for another. */
static enum crypto_key_type type_of_alg(struct str alg)
{
    static const unsigned char rsa[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7,
                                        0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};

    if (str_eq(alg, str_bytes(rsa, sizeof(rsa))))
        return CRYPTO_KEY_RSA;
    for (enum crypto_key_type t = CRYPTO_KEY_P256; t < CRYPTO_KEY_TYPES; t++) {
        struct str head = crypto_form_head(t);
        size_t outer = crypto_forms[t].outer;

        /* It stands between the header of the whole and its own, and that of the BIT STRING, which
         * has one byte more than that of the whole. */
        if (str_eq(alg, str_head(str_skip(head, outer + 2), head.n - 2 * outer - 3)))
            return t;
    }
    return 0;
}

enum rc crypto_key_from_spki(struct str der, struct crypto_key **out, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;
    enum crypto_key_type type;
    struct str alg, bits;

    if (der.n > CRYPTO_SPKI_MAX || !split_spki(der, &alg, &bits))
        return ERR(err, RC_PARSE, msg_spki);
    type = type_of_alg(alg);
    if (type == 0)
        return crypto_key_refuse_algorithm(err);
    TRY(type == CRYPTO_KEY_RSA ? from_rsa_bits(bits, &k, err)
                               : from_tail(type, str_skip(bits, 1), &k, err));
    /* There is one form only: this catches lengths that are too long, unused bits, bytes left
     * over. */
    if (!str_eq(der, crypto_key_spki(k)))
        return ERR(err, RC_PARSE, msg_spki);
    *out = MOVE(k);
    return RC_OK;
}
