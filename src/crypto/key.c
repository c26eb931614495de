/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/key.h"

#include <stdatomic.h>
#include <stdio.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/rd.h"
#include "crypto/crypto_int.h"
#include "crypto/token_int.h"

MSG(msg_algorithm, "crypto.key-algorithm",
    "keys of this type are not supported; use RSA of 2048 bits or more, EC P-256 or P-384, "
    "Ed25519, SM2 or ML-DSA");
MSG(msg_rsa_bits, "crypto.rsa-bits", "the RSA key has {0} bits; 2048 to 8192 are allowed");
MSG(msg_rsa_modulus, "crypto.rsa-modulus", "the RSA modulus is even");
MSG(msg_rsa_exponent, "crypto.rsa-exponent",
    "the RSA exponent must be odd, at least 65537 and below 2^32");

enum rc crypto_key_refuse_algorithm(struct err *err)
{
    return ERR(err, RC_UNSUPPORTED, msg_algorithm);
}

enum { EXPONENT_MIN = 65537, EXPONENT_BYTES = 4, RSA_NUMBER_MAX = 16384 /* bytes */ };

struct kept {
    _Atomic(EVP_PKEY_CTX *) ctx[CRYPTO_USES];
};

struct crypto_key {
    atomic_uint refs;
    struct kept *kept; /* no part of what a key is, so that it changes in a constant one, too */
    EVP_PKEY *pkey;
    struct crypto_token *token; /* where the private half is, as `private`; NULL: in `pkey` */
    EVP_PKEY *private;
    enum crypto_key_type type;
    unsigned bits;
    bool has_private;
    char text[16];
    struct buf spki;
    unsigned char spki_sha256[CRYPTO_SHA256_BYTES];
};

/* RFC 5480 and GB/T 35275 (curves), RFC 8410, RFC 9881 section 4. */
const struct crypto_form crypto_forms[CRYPTO_KEY_TYPES] = {
    [CRYPTO_KEY_P256] = {"EC", "prime256v1", "EC P-256", 256, 65, 26, 2,
                         "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
                         "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00"},
    [CRYPTO_KEY_P384] = {"EC", "secp384r1", "EC P-384", 384, 97, 23, 2,
                         "\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
                         "\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00"},
    [CRYPTO_KEY_ED25519] = {"ED25519", NULL, "Ed25519", 256, 32, 12, 2,
                            "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"},
    [CRYPTO_KEY_SM2] = {"SM2", "SM2", "SM2", 256, 65, 26, 2,
                        "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
                        "\x06\x08\x2a\x81\x1c\xcf\x55\x01\x82\x2d\x03\x42\x00"},
    [CRYPTO_KEY_MLDSA44] = {"ML-DSA-44", NULL, "ML-DSA-44", 128, 1312, 22, 4,
                            "\x30\x82\x05\x32\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x11"
                            "\x03\x82\x05\x21\x00"},
    [CRYPTO_KEY_MLDSA65] = {"ML-DSA-65", NULL, "ML-DSA-65", 192, 1952, 22, 4,
                            "\x30\x82\x07\xb2\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x12"
                            "\x03\x82\x07\xa1\x00"},
    [CRYPTO_KEY_MLDSA87] = {"ML-DSA-87", NULL, "ML-DSA-87", 256, 2592, 22, 4,
                            "\x30\x82\x0a\x32\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x13"
                            "\x03\x82\x0a\x21\x00"},
};

static enum rc failed(enum rc rc)
{
    crypto_ossl_clear();
    return rc;
}

struct str crypto_form_head(enum crypto_key_type type)
{
    return str_bytes(crypto_forms[type].head, crypto_forms[type].n);
}

static bool is_curve(enum crypto_key_type type)
{
    return crypto_forms[type].group != NULL;
}

/* ---- checks ---- */

unsigned crypto_rsa_bits(struct str n)
{
    unsigned first = n.n ? (unsigned char)n.p[0] : 0, bits = 0;

    for (; first; first >>= 1)
        bits++;
    return n.n ? (unsigned)(n.n - 1) * 8 + bits : 0;
}

static bool is_odd(struct str v)
{
    return v.n && v.p[v.n - 1] & 1;
}

enum rc crypto_rsa_check(struct str n, struct str e, struct err *err)
{
    struct rd r = rd_of(e);
    uint64_t exponent = 0;
    char text[16];

    if (n.n > CRYPTO_RSA_BITS_MAX / 8)
        return ERR(err, RC_INVAL, msg_rsa_bits, STR("more than 8192"));
    if (crypto_rsa_bits(n) < CRYPTO_RSA_BITS_MIN) {
        snprintf(text, sizeof(text), "%u", crypto_rsa_bits(n));
        return ERR(err, RC_INVAL, msg_rsa_bits, str_of(text));
    }
    if (!is_odd(n))
        return ERR(err, RC_INVAL, msg_rsa_modulus);
    while (e.n <= EXPONENT_BYTES && r.left)
        exponent = exponent << 8 | rd_u8(&r);
    return is_odd(e) && exponent >= EXPONENT_MIN ? RC_OK : ERR(err, RC_INVAL, msg_rsa_exponent);
}

static bool type_of(const EVP_PKEY *pkey, enum crypto_key_type *out)
{
    char group[32] = "";

    if (EVP_PKEY_is_a(pkey, "RSA")) {
        *out = CRYPTO_KEY_RSA;
        return true;
    }
    for (enum crypto_key_type t = CRYPTO_KEY_P256; t < CRYPTO_KEY_TYPES; t++) {
        const struct crypto_form *f = &crypto_forms[t];

        if (!EVP_PKEY_is_a(pkey, f->name))
            continue;
        if (f->group && (EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) != 1 ||
                         strcmp(f->group, group) != 0))
            continue;
        *out = t;
        return true;
    }
    crypto_ossl_clear();
    return false;
}

/* ---- the SubjectPublicKeyInfo ---- */

/* DER of less than 64 KiB. */
static void put_head(struct buf *out, uint8_t tag, size_t n)
{
    buf_u8(out, tag);
    if (n > 0xff)
        buf_u8(out, 0x82);
    else if (n > 0x7f)
        buf_u8(out, 0x81);
    if (n > 0xff)
        buf_u16(out, (uint16_t)n);
    else
        buf_u8(out, (uint8_t)n);
}

static size_t with_head(size_t n)
{
    return n + (n > 0xff ? 4 : n > 0x7f ? 3 : 2);
}

/* An INTEGER's content: a zero before what would read as a sign. */
static size_t integer_size(struct str v)
{
    return v.n + (v.n && v.p[0] & 0x80);
}

static void put_integer(struct buf *out, struct str v)
{
    put_head(out, 0x02, integer_size(v));
    if (integer_size(v) > v.n)
        buf_u8(out, 0);
    buf_puts(out, v);
}

/* RFC 3279 section 2.3.1. */
void crypto_rsa_put_spki(struct buf *out, struct str n, struct str e)
{
    static const char alg[] = "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
    size_t key = with_head(integer_size(n)) + with_head(integer_size(e));
    size_t bits = 1 + with_head(key);

    put_head(out, 0x30, sizeof(alg) - 1 + with_head(bits));
    buf_put(out, alg, sizeof(alg) - 1);
    put_head(out, 0x03, bits);
    buf_u8(out, 0); /* unused bits */
    put_head(out, 0x30, key);
    put_integer(out, n);
    put_integer(out, e);
}

/* Not by i2d_PUBKEY: a key that was read with a compressed point or explicit parameters would come
 * out like that. */
static enum rc put_ec_spki(const struct crypto_key *k, struct buf *out)
{
    CLEANUP(BN_freep) BIGNUM *x = NULL;
    CLEANUP(BN_freep) BIGNUM *y = NULL;
    int field = (int)crypto_forms[k->type].bits / 8;
    unsigned char point[CRYPTO_EC_POINT_MAX];
    size_t n;

    /* Quicker than the coordinates; of another form where a file had the point compressed. */
    if (EVP_PKEY_get_octet_string_param(k->pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point),
                                        &n) == 1 &&
        n == crypto_forms[k->type].tail && point[0] == 0x04) {
        buf_puts(out, crypto_form_head(k->type));
        buf_put(out, point, n);
        return buf_rc(out);
    }
    crypto_ossl_clear();
    point[0] = 0x04;
    if (EVP_PKEY_get_bn_param(k->pkey, OSSL_PKEY_PARAM_EC_PUB_X, &x) != 1 ||
        EVP_PKEY_get_bn_param(k->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, &y) != 1 ||
        BN_bn2binpad(x, point + 1, field) < 0 || BN_bn2binpad(y, point + 1 + field, field) < 0)
        return failed(RC_CRYPTO);
    buf_puts(out, crypto_form_head(k->type));
    buf_put(out, point, crypto_forms[k->type].tail);
    return buf_rc(out);
}

static enum rc put_raw_spki(const struct crypto_key *k, struct buf *out)
{
    size_t n = crypto_forms[k->type].tail;
    unsigned char *to;

    buf_puts(out, crypto_form_head(k->type));
    to = buf_reserve(out, n);
    if (!to)
        return buf_rc(out);
    if (EVP_PKEY_get_raw_public_key(k->pkey, to, &n) != 1 || n != crypto_forms[k->type].tail)
        return failed(RC_CRYPTO);
    buf_advance(out, n);
    return RC_OK;
}

static enum rc put_rsa_number(const EVP_PKEY *pkey, const char *name, struct buf *out)
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

/* Not by i2d_PUBKEY, which takes longer than RSA to verify. */
static enum rc put_rsa(const EVP_PKEY *pkey, struct buf *out, struct err *err)
{
    CLEANUP(buf_done) struct buf n = BUF_INIT(RSA_NUMBER_MAX);
    CLEANUP(buf_done) struct buf e = BUF_INIT(RSA_NUMBER_MAX);

    TRY(put_rsa_number(pkey, OSSL_PKEY_PARAM_RSA_N, &n));
    TRY(put_rsa_number(pkey, OSSL_PKEY_PARAM_RSA_E, &e));
    TRY(crypto_rsa_check(buf_str(&n), buf_str(&e), err));
    crypto_rsa_put_spki(out, buf_str(&n), buf_str(&e));
    return buf_rc(out);
}

static enum rc put_spki(const struct crypto_key *k, struct buf *out, struct err *err)
{
    if (k->type == CRYPTO_KEY_RSA)
        return put_rsa(k->pkey, out, err);
    return is_curve(k->type) ? put_ec_spki(k, out) : put_raw_spki(k, out);
}

/* `spki` is empty where it is not known yet. Takes over `pkey` on success. */
static enum rc make(EVP_PKEY *pkey, enum crypto_key_type type, struct str spki,
                    struct crypto_key **out, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = MEM_NEW(struct crypto_key);

    if (!k)
        return RC_NOMEM;
    k->kept = MEM_NEW(struct kept);
    if (!k->kept || EVP_PKEY_up_ref(pkey) != 1)
        return RC_NOMEM;
    atomic_init(&k->refs, 1);
    k->pkey = pkey;
    k->type = type;
    buf_init(&k->spki, CRYPTO_SPKI_MAX);
    if (spki.n == 0)
        TRY(put_spki(k, &k->spki, err));
    buf_puts(&k->spki, spki);
    TRY(buf_rc(&k->spki));
    k->bits = crypto_key_public(k).bits;
    if (type == CRYPTO_KEY_RSA)
        snprintf(k->text, sizeof(k->text), "RSA %u", k->bits);
    else
        snprintf(k->text, sizeof(k->text), "%s", crypto_forms[type].text);
    TRY(crypto_sha256(buf_str(&k->spki), k->spki_sha256));
    EVP_PKEY_free(pkey);
    *out = MOVE(k);
    return RC_OK;
}

enum rc crypto_key_take(EVP_PKEY *pkey, bool has_private, struct crypto_key **out, struct err *err)
{
    enum crypto_key_type type;

    if (!type_of(pkey, &type))
        return crypto_key_refuse_algorithm(err);
    TRY(make(pkey, type, (struct str){NULL, 0}, out, err));
    (*out)->has_private = has_private;
    return RC_OK;
}

enum rc crypto_key_take_known(EVP_PKEY *pkey, enum crypto_key_type type, struct str spki,
                              struct crypto_key **out)
{
    return make(pkey, type, spki, out, NULL);
}

enum rc crypto_ossl_key_take(EVP_PKEY *pkey, bool has_private, struct crypto_key **out)
{
    return crypto_key_take(pkey, has_private, out, NULL);
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
    EVP_PKEY_free(k->private);
    EVP_PKEY_free(k->pkey);
    crypto_token_unref(k->token);
    buf_done(&k->spki);
    mem_free(k);
}

enum rc crypto_key_bind_token(struct crypto_key *pub, EVP_PKEY *pkey, struct crypto_token *t)
{
    if (pub->has_private || pub->token)
        return RC_INVAL;
    pub->token = crypto_token_ref(t);
    pub->private = pkey;
    pub->has_private = true;
    return RC_OK;
}

struct crypto_private crypto_key_private(const struct crypto_key *k)
{
    if (!k->token)
        return (struct crypto_private){k->pkey, crypto_ossl_ctx(), NULL, NULL};
    return (struct crypto_private){k->private, crypto_token_ctx(k->token), CRYPTO_TOKEN_PROPERTIES,
                                   k->token};
}

bool crypto_key_in_token(const struct crypto_key *k)
{
    return k->token != NULL;
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
        {STR("rsa"), {CRYPTO_KEY_RSA, 3072}},      {STR("rsa2048"), {CRYPTO_KEY_RSA, 2048}},
        {STR("rsa3072"), {CRYPTO_KEY_RSA, 3072}},  {STR("rsa4096"), {CRYPTO_KEY_RSA, 4096}},
        {STR("ecdsa"), {CRYPTO_KEY_P256, 0}},      {STR("p256"), {CRYPTO_KEY_P256, 0}},
        {STR("p384"), {CRYPTO_KEY_P384, 0}},       {STR("ed25519"), {CRYPTO_KEY_ED25519, 0}},
        {STR("sm2"), {CRYPTO_KEY_SM2, 0}},         {STR("mldsa"), {CRYPTO_KEY_MLDSA65, 0}},
        {STR("mldsa44"), {CRYPTO_KEY_MLDSA44, 0}}, {STR("mldsa65"), {CRYPTO_KEY_MLDSA65, 0}},
        {STR("mldsa87"), {CRYPTO_KEY_MLDSA87, 0}},
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
    if (spec.type == CRYPTO_KEY_P256 || spec.type == CRYPTO_KEY_P384)
        return EVP_PKEY_Q_keygen(ctx, NULL, "EC", crypto_forms[spec.type].group);
    return EVP_PKEY_Q_keygen(ctx, NULL, crypto_forms[spec.type].name);
}

enum rc crypto_key_generate(struct crypto_key_spec spec, struct crypto_key **out)
{
    CLEANUP(EVP_PKEY_freep) EVP_PKEY *pkey = NULL;
    bool rsa = spec.type == CRYPTO_KEY_RSA;

    if (spec.type < CRYPTO_KEY_RSA || spec.type >= CRYPTO_KEY_TYPES)
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

/* ---- looking ---- */

enum crypto_key_type crypto_key_type(const struct crypto_key *k)
{
    return k->type;
}

const char *crypto_key_type_text(enum crypto_key_type type)
{
    return type == CRYPTO_KEY_RSA ? "RSA" : crypto_forms[type].text;
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
