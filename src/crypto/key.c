/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/key.h"

#include <stdatomic.h>
#include <stdio.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/rd.h"
#include "crypto/crypto_int.h"

MSG(msg_spki, "crypto.spki", "the public key is not a SubjectPublicKeyInfo in DER");
MSG(msg_algorithm, "crypto.key-algorithm",
    "keys of this type are not supported; use RSA of 2048 bits or more, EC P-256 or P-384, or "
    "Ed25519");
MSG(msg_rsa_bits, "crypto.rsa-bits", "the RSA key has {0} bits; 2048 to 8192 are allowed");
MSG(msg_rsa_modulus, "crypto.rsa-modulus", "the RSA modulus is even");
MSG(msg_rsa_exponent, "crypto.rsa-exponent",
    "the RSA exponent must be odd, at least 65537 and below 2^32");
MSG(msg_rsa_form, "crypto.rsa-form", "an RSA number is empty or starts with a zero byte");
MSG(msg_ec_point, "crypto.ec-point", "the key is not a point of the curve of {0}");
MSG(msg_ed25519, "crypto.ed25519", "an Ed25519 key has 32 bytes");

enum { EXPONENT_MIN = 65537, EXPONENT_BITS = 32, EC_POINT_MAX = 97 };

struct kept {
    _Atomic(EVP_PKEY_CTX *) ctx[CRYPTO_USES];
};

struct crypto_key {
    atomic_uint refs;
    struct kept *kept; /* no part of what a key is, so that it changes in a constant one, too */
    EVP_PKEY *pkey;
    enum crypto_key_type type;
    unsigned bits;
    bool has_private;
    char text[16];
    struct buf spki;
    unsigned char spki_sha256[CRYPTO_SHA256_BYTES];
};

/* What stands before the point or the key in a SubjectPublicKeyInfo: these types have one form
 * only. */
static const struct {
    const char *group;
    const char *text;
    unsigned bits;
    uint8_t point; /* bytes of the uncompressed point or the key */
    uint8_t n;
    unsigned char head[28];
} forms[] = {
    [CRYPTO_KEY_P256] = {"prime256v1", "EC P-256", 256, 65, 26, {0x30, 0x59, 0x30, 0x13, 0x06, 0x07,
                                                                 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
                                                                 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                                                 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03,
                                                                 0x42, 0x00}},
    [CRYPTO_KEY_P384] = {"secp384r1", "EC P-384", 384, 97, 23, {0x30, 0x76, 0x30, 0x10, 0x06, 0x07,
                                                                0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
                                                                0x01, 0x06, 0x05, 0x2b, 0x81, 0x04,
                                                                0x00, 0x22, 0x03, 0x62, 0x00}},
    [CRYPTO_KEY_ED25519] = {NULL,
                            "Ed25519",
                            256,
                            32,
                            12,
                            {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21,
                             0x00}},
};

static enum rc failed(enum rc rc)
{
    crypto_ossl_clear();
    return rc;
}

static struct str head_of(enum crypto_key_type type)
{
    return str_bytes(forms[type].head, forms[type].n);
}

/* ---- checks ---- */

static enum rc check_rsa(const BIGNUM *n, const BIGNUM *e, struct err *err)
{
    int bits = BN_num_bits(n);
    char text[16];

    if (bits < CRYPTO_RSA_BITS_MIN || bits > CRYPTO_RSA_BITS_MAX) {
        snprintf(text, sizeof(text), "%d", bits);
        return ERR(err, RC_INVAL, msg_rsa_bits, str_of(text));
    }
    if (!BN_is_odd(n))
        return ERR(err, RC_INVAL, msg_rsa_modulus);
    if (!BN_is_odd(e) || BN_num_bits(e) > EXPONENT_BITS || BN_get_word(e) < EXPONENT_MIN)
        return ERR(err, RC_INVAL, msg_rsa_exponent);
    return RC_OK;
}

static enum rc check_rsa_pkey(const EVP_PKEY *pkey, struct err *err)
{
    CLEANUP(BN_freep) BIGNUM *n = NULL;
    CLEANUP(BN_freep) BIGNUM *e = NULL;

    if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) != 1 ||
        EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) != 1)
        return failed(RC_CRYPTO);
    return check_rsa(n, e, err);
}

static bool type_of(const EVP_PKEY *pkey, enum crypto_key_type *out)
{
    char group[32] = "";

    if (EVP_PKEY_is_a(pkey, "RSA")) {
        *out = CRYPTO_KEY_RSA;
        return true;
    }
    if (EVP_PKEY_is_a(pkey, "ED25519")) {
        *out = CRYPTO_KEY_ED25519;
        return true;
    }
    if (EVP_PKEY_is_a(pkey, "EC") && EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) == 1)
        for (enum crypto_key_type t = CRYPTO_KEY_P256; t <= CRYPTO_KEY_P384; t++)
            if (strcmp(forms[t].group, group) == 0) {
                *out = t;
                return true;
            }
    crypto_ossl_clear();
    return false;
}

/* ---- the SubjectPublicKeyInfo ---- */

static enum rc put_rsa_spki(const EVP_PKEY *pkey, struct buf *out)
{
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(pkey, &der);

    if (n <= 0)
        return failed(RC_CRYPTO);
    buf_put(out, der, (size_t)n);
    OPENSSL_free(der);
    return buf_rc(out);
}

/* Not by i2d_PUBKEY: a key that was read with a compressed point or explicit parameters would come
 * out like that. */
static enum rc put_ec_spki(const struct crypto_key *k, struct buf *out)
{
    CLEANUP(BN_freep) BIGNUM *x = NULL;
    CLEANUP(BN_freep) BIGNUM *y = NULL;
    int field = (int)forms[k->type].bits / 8;
    unsigned char point[EC_POINT_MAX] = {0x04};

    if (EVP_PKEY_get_bn_param(k->pkey, OSSL_PKEY_PARAM_EC_PUB_X, &x) != 1 ||
        EVP_PKEY_get_bn_param(k->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, &y) != 1 ||
        BN_bn2binpad(x, point + 1, field) < 0 || BN_bn2binpad(y, point + 1 + field, field) < 0)
        return failed(RC_CRYPTO);
    buf_puts(out, head_of(k->type));
    buf_put(out, point, forms[k->type].point);
    return buf_rc(out);
}

static enum rc put_ed_spki(const struct crypto_key *k, struct buf *out)
{
    unsigned char raw[32];
    size_t n = sizeof(raw);

    if (EVP_PKEY_get_raw_public_key(k->pkey, raw, &n) != 1 || n != sizeof(raw))
        return failed(RC_CRYPTO);
    buf_puts(out, head_of(k->type));
    buf_put(out, raw, n);
    return buf_rc(out);
}

static enum rc describe(struct crypto_key *k)
{
    buf_init(&k->spki, CRYPTO_SPKI_MAX);
    if (k->type == CRYPTO_KEY_RSA) {
        k->bits = (unsigned)EVP_PKEY_get_bits(k->pkey);
        snprintf(k->text, sizeof(k->text), "RSA %u", k->bits);
        TRY(put_rsa_spki(k->pkey, &k->spki));
    } else {
        k->bits = forms[k->type].bits;
        snprintf(k->text, sizeof(k->text), "%s", forms[k->type].text);
        TRY(k->type == CRYPTO_KEY_ED25519 ? put_ed_spki(k, &k->spki) : put_ec_spki(k, &k->spki));
    }
    return crypto_sha256(buf_str(&k->spki), k->spki_sha256);
}

static enum rc take(EVP_PKEY *pkey, bool has_private, struct crypto_key **out, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;
    enum crypto_key_type type;

    if (!type_of(pkey, &type))
        return ERR(err, RC_UNSUPPORTED, msg_algorithm);
    if (type == CRYPTO_KEY_RSA)
        TRY(check_rsa_pkey(pkey, err));
    k = MEM_NEW(struct crypto_key);
    if (!k)
        return RC_NOMEM;
    k->kept = MEM_NEW(struct kept);
    if (!k->kept || EVP_PKEY_up_ref(pkey) != 1)
        return RC_NOMEM;
    atomic_init(&k->refs, 1);
    k->pkey = pkey;
    k->type = type;
    k->has_private = has_private;
    TRY(describe(k));
    EVP_PKEY_free(pkey);
    *out = MOVE(k);
    return RC_OK;
}

enum rc crypto_ossl_key_take(EVP_PKEY *pkey, bool has_private, struct crypto_key **out)
{
    return take(pkey, has_private, out, NULL);
}

EVP_PKEY *crypto_ossl_pkey(const struct crypto_key *k)
{
    return k->pkey;
}

struct crypto_key *crypto_key_ref(struct crypto_key *k)
{
    atomic_fetch_add(&k->refs, 1);
    return k;
}

void crypto_key_unref(struct crypto_key *k)
{
    /* A key that never was handed out has no reference yet. */
    if (!k || atomic_fetch_sub(&k->refs, 1) > 1)
        return;
    for (enum crypto_use use = 0; k->kept && use < CRYPTO_USES; use++)
        EVP_PKEY_CTX_free(k->kept->ctx[use]);
    mem_free(k->kept);
    EVP_PKEY_free(k->pkey);
    buf_done(&k->spki);
    mem_free(k);
}

EVP_PKEY_CTX *crypto_key_ctx_take(const struct crypto_key *k, enum crypto_use use)
{
    return atomic_exchange(&k->kept->ctx[use], NULL);
}

void crypto_key_ctx_keep(const struct crypto_key *k, enum crypto_use use, EVP_PKEY_CTX *ctx)
{
    EVP_PKEY_CTX_free(atomic_exchange(&k->kept->ctx[use], ctx));
}

/* ---- making ---- */

enum rc crypto_key_spec_parse(struct str s, struct crypto_key_spec *out)
{
    static const struct {
        struct str name;
        struct crypto_key_spec spec;
    } specs[] = {
        {STR("rsa"), {CRYPTO_KEY_RSA, 3072}},     {STR("rsa2048"), {CRYPTO_KEY_RSA, 2048}},
        {STR("rsa3072"), {CRYPTO_KEY_RSA, 3072}}, {STR("rsa4096"), {CRYPTO_KEY_RSA, 4096}},
        {STR("ecdsa"), {CRYPTO_KEY_P256, 0}},     {STR("p256"), {CRYPTO_KEY_P256, 0}},
        {STR("p384"), {CRYPTO_KEY_P384, 0}},      {STR("ed25519"), {CRYPTO_KEY_ED25519, 0}},
    };

    for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++)
        if (str_eq(s, specs[i].name)) {
            *out = specs[i].spec;
            return RC_OK;
        }
    return RC_UNSUPPORTED;
}

static EVP_PKEY *generate(struct crypto_key_spec spec)
{
    OSSL_LIB_CTX *ctx = crypto_ossl_ctx();

    if (spec.type == CRYPTO_KEY_RSA)
        return EVP_PKEY_Q_keygen(ctx, NULL, "RSA", (size_t)spec.bits);
    if (spec.type == CRYPTO_KEY_ED25519)
        return EVP_PKEY_Q_keygen(ctx, NULL, "ED25519");
    return EVP_PKEY_Q_keygen(ctx, NULL, "EC", forms[spec.type].group);
}

enum rc crypto_key_generate(struct crypto_key_spec spec, struct crypto_key **out)
{
    CLEANUP(EVP_PKEY_freep) EVP_PKEY *pkey = NULL;
    bool rsa = spec.type == CRYPTO_KEY_RSA;

    if (spec.type < CRYPTO_KEY_RSA || spec.type > CRYPTO_KEY_ED25519)
        return RC_INVAL;
    if (rsa ? spec.bits != 2048 && spec.bits != 3072 && spec.bits != 4096 : spec.bits != 0)
        return RC_INVAL;
    pkey = generate(spec);
    if (!pkey)
        return failed(RC_CRYPTO);
    TRY(crypto_ossl_key_take(pkey, true, out));
    pkey = NULL; /* now the key's */
    return RC_OK;
}

/* ---- reading ---- */

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
    unsigned char native_n[CRYPTO_RSA_BITS_MAX / 8], native_e[EXPONENT_BITS / 8];
    OSSL_PARAM params[3];

    if (has_leading_zero(n) || has_leading_zero(e))
        return ERR(err, RC_INVAL, msg_rsa_form);
    if (e.n > sizeof(native_e))
        return ERR(err, RC_INVAL, msg_rsa_exponent);
    if (n.n > sizeof(native_n))
        return ERR(err, RC_INVAL, msg_rsa_bits, STR("more than 8192"));
    params[0] = integer_param(OSSL_PKEY_PARAM_RSA_N, n, native_n);
    params[1] = integer_param(OSSL_PKEY_PARAM_RSA_E, e, native_e);
    params[2] = OSSL_PARAM_construct_end();
    TRY(from_params("RSA", params, &pkey));
    TRY(take(pkey, false, out, err));
    pkey = NULL;
    return RC_OK;
}

/* Not the point at infinity, and on the curve, which fromdata has checked as well. */
static enum rc check_point(EVP_PKEY *pkey)
{
    CLEANUP(EVP_PKEY_CTX_freep)
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_pkey(crypto_ossl_ctx(), pkey, NULL);

    if (!c)
        return failed(RC_CRYPTO);
    return EVP_PKEY_public_check_quick(c) == 1 ? RC_OK : failed(RC_INVAL);
}

enum rc crypto_key_from_ec(enum crypto_key_type type, struct str x, struct str y,
                           struct crypto_key **out, struct err *err)
{
    CLEANUP(EVP_PKEY_freep) EVP_PKEY *pkey = NULL;
    unsigned char point[EC_POINT_MAX] = {0x04};
    OSSL_PARAM params[3];
    char group[16];
    size_t field;

    if (type != CRYPTO_KEY_P256 && type != CRYPTO_KEY_P384)
        return ERR(err, RC_UNSUPPORTED, msg_algorithm);
    field = forms[type].bits / 8;
    if (x.n != field || y.n != field)
        return ERR(err, RC_INVAL, msg_ec_point, str_of(forms[type].text));
    memcpy(point + 1, x.p, field);
    memcpy(point + 1 + field, y.p, field);
    snprintf(group, sizeof(group), "%s", forms[type].group);
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
    params[1] =
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, forms[type].point);
    params[2] = OSSL_PARAM_construct_end();
    if (from_params("EC", params, &pkey) != RC_OK || check_point(pkey) != RC_OK)
        return ERR(err, RC_INVAL, msg_ec_point, str_of(forms[type].text));
    TRY(take(pkey, false, out, err));
    pkey = NULL;
    return RC_OK;
}

enum rc crypto_key_from_ed25519(struct str x, struct crypto_key **out, struct err *err)
{
    CLEANUP(EVP_PKEY_freep) EVP_PKEY *pkey = NULL;

    if (x.n != forms[CRYPTO_KEY_ED25519].point)
        return ERR(err, RC_INVAL, msg_ed25519);
    pkey = EVP_PKEY_new_raw_public_key_ex(crypto_ossl_ctx(), "ED25519", NULL,
                                          (const unsigned char *)x.p, x.n);
    if (!pkey)
        return failed(RC_CRYPTO);
    TRY(take(pkey, false, out, err));
    pkey = NULL;
    return RC_OK;
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
    size_t field = forms[type].bits / 8;

    if (tail.n != forms[type].point)
        return ERR(err, RC_PARSE, msg_spki);
    if (type == CRYPTO_KEY_ED25519)
        return crypto_key_from_ed25519(tail, out, err);
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
    for (enum crypto_key_type t = CRYPTO_KEY_P256; t <= CRYPTO_KEY_ED25519; t++) {
        struct str head = head_of(t);

        /* It stands between two headers of two bytes and one of three. */
        if (str_eq(alg, str_head(str_skip(head, 4), head.n - 7)))
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
        return ERR(err, RC_UNSUPPORTED, msg_algorithm);
    TRY(type == CRYPTO_KEY_RSA ? from_rsa_bits(bits, &k, err)
                               : from_tail(type, str_skip(bits, 1), &k, err));
    /* There is one form only: this catches lengths that are too long, unused bits, bytes left
     * over. */
    if (!str_eq(der, buf_str(&k->spki)))
        return ERR(err, RC_PARSE, msg_spki);
    *out = MOVE(k);
    return RC_OK;
}

/* ---- looking ---- */

enum crypto_key_type crypto_key_type(const struct crypto_key *k)
{
    return k->type;
}

unsigned crypto_key_bits(const struct crypto_key *k)
{
    return k->bits;
}

bool crypto_key_has_private(const struct crypto_key *k)
{
    return k->has_private;
}

const char *crypto_key_text(const struct crypto_key *k)
{
    return k->text;
}

bool crypto_key_same(const struct crypto_key *a, const struct crypto_key *b)
{
    return str_eq(buf_str(&a->spki), buf_str(&b->spki));
}

struct str crypto_key_spki(const struct crypto_key *k)
{
    return buf_str(&k->spki);
}

struct str crypto_key_spki_sha256(const struct crypto_key *k)
{
    return str_bytes(k->spki_sha256, sizeof(k->spki_sha256));
}

static enum rc put_number(const EVP_PKEY *pkey, const char *name, struct buf *out)
{
    CLEANUP(BN_freep) BIGNUM *v = NULL;
    unsigned char *to;
    int n;

    if (EVP_PKEY_get_bn_param(pkey, name, &v) != 1)
        return failed(RC_CRYPTO);
    n = BN_num_bytes(v);
    to = buf_reserve(out, (size_t)n);
    if (!to)
        return buf_rc(out);
    BN_bn2bin(v, to);
    buf_advance(out, (size_t)n);
    return RC_OK;
}

enum rc crypto_key_numbers(const struct crypto_key *k, struct buf *a, struct buf *b)
{
    struct str tail;
    size_t field;

    if (k->type == CRYPTO_KEY_RSA) {
        TRY(put_number(k->pkey, OSSL_PKEY_PARAM_RSA_N, a));
        return put_number(k->pkey, OSSL_PKEY_PARAM_RSA_E, b);
    }
    tail = str_skip(buf_str(&k->spki), forms[k->type].n);
    if (k->type == CRYPTO_KEY_ED25519) {
        buf_puts(a, tail);
        return buf_rc(a);
    }
    field = forms[k->type].bits / 8;
    buf_puts(a, str_head(str_skip(tail, 1), field));
    buf_puts(b, str_skip(tail, 1 + field));
    TRY(buf_rc(a));
    return buf_rc(b);
}
