/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys read, from numbers and from SubjectPublicKeyInfo. */
#include <assert.h>
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
    CLEANUP(buf_done) struct buf spki = BUF_INIT(CRYPTO_SPKI_MAX);
    unsigned char native_n[CRYPTO_RSA_BITS_MAX / 8], native_e[CRYPTO_EXPONENT_BITS / 8];
    OSSL_PARAM params[3];

    if (has_leading_zero(n) || has_leading_zero(e))
        return ERR(err, RC_INVAL, msg_rsa_form);
    TRY(crypto_rsa_check(n, e, err));
    crypto_rsa_put_spki(&spki, n, e);
    TRY(buf_rc(&spki));
    params[0] = integer_param(OSSL_PKEY_PARAM_RSA_N, n, native_n);
    params[1] = integer_param(OSSL_PKEY_PARAM_RSA_E, e, native_e);
    params[2] = OSSL_PARAM_construct_end();
    TRY(from_params("RSA", params, &pkey));
    TRY(crypto_key_take_known(pkey, CRYPTO_KEY_RSA, buf_str(&spki), out));
    pkey = NULL;
    return RC_OK;
}

/* Of a type that has one SubjectPublicKeyInfo. */
static enum rc take_form(EVP_PKEY *pkey, enum crypto_key_type type, struct str tail,
                         struct crypto_key **out)
{
    CLEANUP(buf_done) struct buf spki = BUF_INIT(CRYPTO_SPKI_MAX);

    buf_puts(&spki, crypto_form_head(type));
    buf_puts(&spki, tail);
    TRY(buf_rc(&spki));
    return crypto_key_take_known(pkey, type, buf_str(&spki), out);
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
    TRY(take_form(pkey, type, str_bytes(point, crypto_forms[type].tail), out));
    pkey = NULL;
    return RC_OK;
}

/* The bytes of a key that has no other form. */
static enum rc from_raw(enum crypto_key_type type, struct str raw, struct crypto_key **out)
{
    CLEANUP(EVP_PKEY_freep)
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key_ex(crypto_ossl_ctx(), crypto_forms[type].name,
                                                    NULL, (const unsigned char *)raw.p, raw.n);

    if (!pkey)
        return failed(RC_CRYPTO);
    TRY(take_form(pkey, type, raw, out));
    pkey = NULL;
    return RC_OK;
}

enum rc crypto_key_from_ed25519(struct str x, struct crypto_key **out, struct err *err)
{
    if (x.n != crypto_forms[CRYPTO_KEY_ED25519].tail)
        return ERR(err, RC_INVAL, msg_ed25519);
    return from_raw(CRYPTO_KEY_ED25519, x, out);
}

/* ---- SubjectPublicKeyInfo ---- */

/* The content of the next value with this tag, in DER of at most 64 KiB; false when it is none. */
static bool der_value(struct rd *r, uint8_t tag, struct str *out)
{
    size_t n, least = 0;

    if (rd_u8(r) != tag)
        return false;
    n = rd_u8(r);
    if (n == 0x82) {
        n = rd_u16(r);
        least = 0x100;
    } else if (n == 0x81) {
        n = rd_u8(r);
        least = 0x80;
    } else if (n > 0x7f) {
        return false;
    }
    *out = rd_bytes(r, n);
    return !r->failed && n >= least;
}

/* The same of a value that is all there is. */
static bool der_only(struct str der, uint8_t tag, struct str *out)
{
    struct rd r = rd_of(der);

    return der_value(&r, tag, out) && r.left == 0;
}

/* One without a sign, and without the zero that says so. */
static bool der_number(struct rd *r, struct str *out)
{
    struct str v;

    if (!der_value(r, 0x02, &v) || v.n == 0 || v.p[0] & 0x80)
        return false;
    if (v.n > 1 && v.p[0] == 0) {
        v = str_skip(v, 1);
        if (!(v.p[0] & 0x80))
            return false;
    }
    *out = v;
    return true;
}

/* The AlgorithmIdentifier's content and the BIT STRING's, which has no unused bits. */
static bool split_spki(struct str der, struct str *out_alg, struct str *out_bits)
{
    struct str spki;
    struct rd r;

    if (!der_only(der, 0x30, &spki))
        return false;
    r = rd_of(spki);
    if (!der_value(&r, 0x30, out_alg) || !der_value(&r, 0x03, out_bits) || r.left ||
        out_bits->n == 0 || out_bits->p[0] != 0)
        return false;
    *out_bits = str_skip(*out_bits, 1);
    return true;
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

static bool split_rsa(struct str bits, struct crypto_public *p)
{
    struct str seq;
    struct rd r;

    if (!der_only(bits, 0x30, &seq))
        return false;
    r = rd_of(seq);
    if (!der_number(&r, &p->a) || !der_number(&r, &p->b) || r.left)
        return false;
    p->bits = crypto_rsa_bits(p->a);
    return true;
}

static bool split_form(struct str bits, struct crypto_public *p)
{
    const struct crypto_form *f = &crypto_forms[p->type];
    size_t field = f->bits / 8;

    p->bits = f->bits;
    p->a = bits;
    if (bits.n != f->tail || !f->group)
        return bits.n == f->tail;
    p->a = str_head(str_skip(bits, 1), field);
    p->b = str_skip(bits, 1 + field);
    return bits.p[0] == 0x04;
}

/* Its form. What it says is not looked at. */
static enum rc split(struct str spki, struct crypto_public *out, struct err *err)
{
    struct crypto_public p = {.spki = spki};
    struct str alg, bits;

    if (spki.n > CRYPTO_SPKI_MAX || !split_spki(spki, &alg, &bits))
        return ERR(err, RC_PARSE, msg_spki);
    p.type = type_of_alg(alg);
    if (p.type == 0)
        return crypto_key_refuse_algorithm(err);
    if (!(p.type == CRYPTO_KEY_RSA ? split_rsa(bits, &p) : split_form(bits, &p)))
        return ERR(err, RC_PARSE, msg_spki);
    *out = p;
    return RC_OK;
}

struct crypto_public crypto_key_public(const struct crypto_key *k)
{
    struct crypto_public p = {};
    enum rc rc = split(crypto_key_spki(k), &p, NULL);

    assert(rc == RC_OK); /* it was written here */
    return p;
}

/* Coordinates below p, and the curve's equation; the point at infinity has no such form. */
static enum rc check_point(const struct crypto_public *p, struct err *err)
{
    const EC_GROUP *group = crypto_group(p->type);
    CLEANUP(EC_POINT_freep) EC_POINT *point = EC_POINT_new(group);
    struct str tail = str_skip(p->spki, crypto_forms[p->type].n);

    if (!point)
        return failed(RC_NOMEM);
    if (EC_POINT_oct2point(group, point, (const unsigned char *)tail.p, tail.n, NULL) == 1)
        return RC_OK;
    return ERR(err, failed(RC_INVAL), msg_ec_point, str_of(crypto_forms[p->type].text));
}

enum rc crypto_public_read(struct str spki, struct crypto_public *out, struct err *err)
{
    struct crypto_public p = {};

    TRY(split(spki, &p, err));
    if (p.type == CRYPTO_KEY_RSA)
        TRY(crypto_rsa_check(p.a, p.b, err));
    else if (crypto_forms[p.type].group)
        TRY(check_point(&p, err));
    *out = p;
    return RC_OK;
}

enum rc crypto_key_from_spki(struct str der, struct crypto_key **out, struct err *err)
{
    struct crypto_public p = {};

    TRY(split(der, &p, err));
    if (p.type == CRYPTO_KEY_RSA)
        return crypto_key_from_rsa(p.a, p.b, out, err);
    if (crypto_forms[p.type].group)
        return crypto_key_from_ec(p.type, p.a, p.b, out, err);
    return from_raw(p.type, p.a, out);
}
