/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/sm2.h"

#include <assert.h>

#include <openssl/core_names.h>

#include "crypto/crypto_int.h"
#include "crypto/sign.h"
#include "crypto/token.h"

static_assert(CRYPTO_SM2_AGREED_MAX / CRYPTO_SM2_Z < 256);

enum { POINT = 1 + 2 * CRYPTO_SM2_FIELD, LIMBS = 4, COFACTOR_LIMBS = 2, WIDE = 6, LIMB_BITS = 64 };

__extension__ typedef unsigned __int128 wide;

/* The order of the base point, GB/T 32918.5 section 2, least significant limb first. */
static const uint64_t order[LIMBS] = {0x53bbf40939d54123, 0x7203df6b21c6052b, 0xffffffffffffffff,
                                      0xfffffffeffffffff};

static enum rc failed(enum rc rc)
{
    crypto_ossl_clear();
    return rc;
}

static bool usable(const struct crypto_key *k, bool private)
{
    return crypto_key_type(k) == CRYPTO_KEY_SM2 &&
           (!private || (crypto_key_has_private(k) && !crypto_key_in_token(k)));
}

enum rc crypto_sm2_z(const struct crypto_key *k, struct str id,
                     unsigned char out[static CRYPTO_HASH_MAX])
{
    /* a, b and the base point, GB/T 32918.5 section 2. */
    static const char curve[] = "\xff\xff\xff\xfe\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
                                "\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xfc"
                                "\x28\xe9\xfa\x9e\x9d\x9f\x5e\x34\x4d\x5a\x9e\x4b\xcf\x65\x09\xa7"
                                "\xf3\x97\x89\xf5\x15\xab\x8f\x92\xdd\xbc\xbd\x41\x4d\x94\x0e\x93"
                                "\x32\xc4\xae\x2c\x1f\x19\x81\x19\x5f\x99\x04\x46\x6a\x39\xc9\x94"
                                "\x8f\xe3\x0b\xbf\xf2\x66\x0b\xe1\x71\x5a\x45\x89\x33\x4c\x74\xc7"
                                "\xbc\x37\x36\xa2\xf4\xf6\x77\x9c\x59\xbd\xce\xe3\x6b\x69\x21\x53"
                                "\xd0\xa9\x87\x7c\xc6\x2a\x47\x40\x02\xdf\x32\xe5\x21\x39\xf0\xa0";
    CLEANUP(crypto_hasher_freep) struct crypto_hasher *h = NULL;
    unsigned char bits[2] = {(unsigned char)(id.n * 8 >> 8), (unsigned char)(id.n * 8)};
    struct str spki = crypto_key_spki(k);

    if (crypto_key_type(k) != CRYPTO_KEY_SM2 || id.n > CRYPTO_SM2_ID_MAX)
        return RC_INVAL;
    TRY(crypto_hasher_new(CRYPTO_SM3, &h));
    TRY(crypto_hasher_add(h, str_bytes(bits, sizeof(bits))));
    TRY(crypto_hasher_add(h, id));
    TRY(crypto_hasher_add(h, str_bytes(curve, sizeof(curve) - 1)));
    TRY(crypto_hasher_add(h, str_skip(spki, spki.n - (POINT - 1))));
    return crypto_hasher_end(h, out);
}

enum rc crypto_sm2_encrypt(const struct crypto_key *k, struct str plain, struct buf *out)
{
    CLEANUP(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *c = NULL;
    size_t n = plain.n + (CRYPTO_SM2_CIPHER_MAX - CRYPTO_SM2_PLAIN_MAX);
    unsigned char *to;

    if (!usable(k, false) || plain.n == 0 || plain.n > CRYPTO_SM2_PLAIN_MAX)
        return RC_INVAL;
    to = buf_reserve(out, n);
    if (!to)
        return buf_rc(out);
    c = EVP_PKEY_CTX_new_from_pkey(crypto_ossl_ctx(), crypto_ossl_pkey(k), NULL);
    if (!c || EVP_PKEY_encrypt_init(c) != 1 ||
        EVP_PKEY_encrypt(c, to, &n, (const unsigned char *)plain.p, plain.n) != 1)
        return failed(RC_CRYPTO);
    buf_advance(out, n);
    return RC_OK;
}

enum rc crypto_sm2_decrypt(const struct crypto_key *k, struct str cipher, struct buf *out)
{
    CLEANUP(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *c = NULL;
    size_t n = cipher.n;
    unsigned char *to;

    if (!usable(k, true))
        return RC_INVAL;
    if (cipher.n > CRYPTO_SM2_CIPHER_MAX)
        return RC_TOOBIG;
    to = buf_reserve(out, n);
    if (!to)
        return buf_rc(out);
    c = EVP_PKEY_CTX_new_from_pkey(crypto_ossl_ctx(), crypto_ossl_pkey(k), NULL);
    if (!c || EVP_PKEY_decrypt_init(c) != 1)
        return failed(RC_CRYPTO);
    if (EVP_PKEY_decrypt(c, to, &n, (const unsigned char *)cipher.p, cipher.n) != 1)
        return failed(RC_DENIED);
    buf_advance(out, n);
    return RC_OK;
}

/* ---- key exchange. The letters are those of GB/T 32918.3 section 6.1. */

static void read_limbs(const unsigned char bytes[static CRYPTO_SM2_FIELD], uint64_t out[LIMBS])
{
    for (size_t i = 0; i < CRYPTO_SM2_FIELD; i++) {
        size_t at = (CRYPTO_SM2_FIELD - 1 - i) / sizeof(uint64_t);

        out[at] = out[at] << 8 | bytes[i];
    }
}

static void write_limbs(const uint64_t limbs[static LIMBS],
                        unsigned char out[static CRYPTO_SM2_FIELD])
{
    for (size_t i = 0; i < CRYPTO_SM2_FIELD; i++)
        out[CRYPTO_SM2_FIELD - 1 - i] =
            (unsigned char)(limbs[i / sizeof(uint64_t)] >> i % sizeof(uint64_t) * 8);
}

/* p = d + x * r, which fits: x has 128 bits, the others 256. */
static void multiply_add(const uint64_t d[static LIMBS], const uint64_t x[static COFACTOR_LIMBS],
                         const uint64_t r[static LIMBS], uint64_t p[static WIDE])
{
    memcpy(p, d, LIMBS * sizeof(*p));
    p[LIMBS] = p[LIMBS + 1] = 0;
    for (size_t i = 0; i < COFACTOR_LIMBS; i++) {
        wide carry = 0;

        for (size_t k = 0; k < LIMBS; k++) {
            carry += (wide)x[i] * r[k] + p[i + k];
            p[i + k] = (uint64_t)carry;
            carry >>= LIMB_BITS;
        }
        for (size_t k = i + LIMBS; k < WIDE; k++) {
            carry += p[k];
            p[k] = (uint64_t)carry;
            carry >>= LIMB_BITS;
        }
    }
}

/* Takes the order away once if it fits; the same steps either way. */
static void reduce_once(uint64_t v[static LIMBS], uint64_t top)
{
    uint64_t less[LIMBS], keep;
    wide borrow = 0;

    for (size_t i = 0; i < LIMBS; i++) {
        wide diff = (wide)v[i] - order[i] - borrow;

        less[i] = (uint64_t)diff;
        borrow = diff >> LIMB_BITS & 1;
    }
    keep = 0 - ((uint64_t)borrow & (top ^ 1));
    for (size_t i = 0; i < LIMBS; i++)
        v[i] = (v[i] & keep) | (less[i] & ~keep);
}

/* t = p mod n, bit by bit: it costs nothing beside a multiplication of a point, and has no branch
 * that a secret decides. */
static void reduce(const uint64_t p[static WIDE], uint64_t t[static LIMBS])
{
    memset(t, 0, LIMBS * sizeof(*t));
    for (size_t bit = WIDE * LIMB_BITS; bit-- > 0;) {
        uint64_t in = p[bit / LIMB_BITS] >> bit % LIMB_BITS & 1, top;

        for (size_t i = 0; i < LIMBS; i++) {
            top = t[i] >> (LIMB_BITS - 1);
            t[i] = t[i] << 1 | in;
            in = top;
        }
        reduce_once(t, in);
    }
}

/* The lower 127 bits of x, and 2^127. */
static void x_bar(const struct crypto_key *once, unsigned char out[static CRYPTO_SM2_FIELD])
{
    enum { HALF = CRYPTO_SM2_FIELD / 2 };

    memset(out, 0, HALF);
    memcpy(out + HALF, crypto_key_public(once).a.p + HALF, HALF);
    out[HALF] |= 0x80;
}

static bool private_number(const struct crypto_key *k, unsigned char out[static CRYPTO_SM2_FIELD])
{
    BIGNUM *d = NULL;
    bool ok = EVP_PKEY_get_bn_param(crypto_ossl_pkey(k), OSSL_PKEY_PARAM_PRIV_KEY, &d) == 1 &&
              BN_bn2binpad(d, out, CRYPTO_SM2_FIELD) == CRYPTO_SM2_FIELD;

    BN_clear_free(d);
    return ok;
}

void crypto_sm2_scalar(const unsigned char *d, const unsigned char *r, const unsigned char *x,
                       unsigned char *t)
{
    uint64_t dl[LIMBS] = {}, rl[LIMBS] = {}, xl[LIMBS] = {}, p[WIDE], tl[LIMBS];

    read_limbs(d, dl);
    read_limbs(r, rl);
    read_limbs(x, xl);
    multiply_add(dl, xl, rl, p);
    reduce(p, tl);
    write_limbs(tl, t);
    explicit_bzero(dl, sizeof(dl));
    explicit_bzero(rl, sizeof(rl));
    explicit_bzero(p, sizeof(p));
    explicit_bzero(tl, sizeof(tl));
}

/* t = (d + x_bar * r) mod n */
static bool scalar(const struct crypto_sm2_exchange *x, unsigned char out[static CRYPTO_SM2_FIELD])
{
    unsigned char d[CRYPTO_SM2_FIELD], r[CRYPTO_SM2_FIELD], bar[CRYPTO_SM2_FIELD];
    bool ok = private_number(x->own, d) && private_number(x->own_once, r);

    if (ok) {
        x_bar(x->own_once, bar);
        crypto_sm2_scalar(d, r, bar, out);
    }
    explicit_bzero(d, sizeof(d));
    explicit_bzero(r, sizeof(r));
    return ok;
}

static EC_POINT *point_of(const struct crypto_key *k, BN_CTX *bn)
{
    const EC_GROUP *g = crypto_group(CRYPTO_KEY_SM2);
    struct crypto_public public = crypto_key_public(k);
    EC_POINT *p = EC_POINT_new(g);
    unsigned char bytes[POINT] = {POINT_CONVERSION_UNCOMPRESSED};

    memcpy(bytes + 1, public.a.p, CRYPTO_SM2_FIELD);
    memcpy(bytes + 1 + CRYPTO_SM2_FIELD, public.b.p, CRYPTO_SM2_FIELD);
    if (p && EC_POINT_oct2point(g, p, bytes, sizeof(bytes), bn) == 1)
        return p;
    EC_POINT_free(p);
    return NULL;
}

/* U = t * (P + x_bar * R), with the peer's P and R; the cofactor of this curve is 1. */
static bool shared_point(const struct crypto_sm2_exchange *x, unsigned char out[static POINT])
{
    const EC_GROUP *g = crypto_group(CRYPTO_KEY_SM2);
    CLEANUP(BN_CTX_freep) BN_CTX *bn = BN_CTX_secure_new_ex(crypto_ossl_ctx());
    CLEANUP(EC_POINT_freep) EC_POINT *peer = bn ? point_of(x->peer, bn) : NULL;
    CLEANUP(EC_POINT_freep) EC_POINT *u = bn ? point_of(x->peer_once, bn) : NULL;
    CLEANUP(BN_freep) BIGNUM *bar = NULL;
    unsigned char bytes[CRYPTO_SM2_FIELD];
    BIGNUM *t = NULL;
    bool ok;

    if (!peer || !u)
        return false;
    x_bar(x->peer_once, bytes);
    bar = BN_bin2bn(bytes, sizeof(bytes), NULL);
    if (!bar || EC_POINT_mul(g, u, NULL, u, bar, bn) != 1 || EC_POINT_add(g, u, peer, u, bn) != 1 ||
        EC_POINT_is_at_infinity(g, u) == 1 || !scalar(x, bytes))
        return false;
    t = BN_secure_new();
    ok = t && BN_bin2bn(bytes, sizeof(bytes), t);
    if (ok) {
        BN_set_flags(t, BN_FLG_CONSTTIME);
        ok = EC_POINT_mul(g, u, NULL, u, t, bn) == 1 && EC_POINT_is_at_infinity(g, u) != 1 &&
             EC_POINT_point2oct(g, u, POINT_CONVERSION_UNCOMPRESSED, out, POINT, bn) == POINT;
    }
    BN_clear_free(t);
    explicit_bzero(bytes, sizeof(bytes));
    return ok;
}

/* KDF of GB/T 32918.3 section 5.4.3 over what both sides know, A's part first. */
static enum rc derive(const struct crypto_sm2_exchange *x, const unsigned char u[static POINT],
                      unsigned char *out, size_t n)
{
    CLEANUP(crypto_hasher_freep) struct crypto_hasher *h = NULL;
    unsigned char own[CRYPTO_HASH_MAX], peer[CRYPTO_HASH_MAX], block[CRYPTO_HASH_MAX];
    size_t size = crypto_hash_size(CRYPTO_SM3);

    TRY(crypto_sm2_z(x->own, STR(CRYPTO_SM2_ID), own));
    TRY(crypto_sm2_z(x->peer, STR(CRYPTO_SM2_ID), peer));
    TRY(crypto_hasher_new(CRYPTO_SM3, &h));
    for (size_t at = 0; at < n; at += size) {
        /* Below 256, as n has a limit. */
        unsigned char number[4] = {[3] = (unsigned char)(at / size + 1)};

        TRY(crypto_hasher_add(h, str_bytes(u + 1, POINT - 1)));
        TRY(crypto_hasher_add(h, str_bytes(x->initiator ? own : peer, CRYPTO_SM2_Z)));
        TRY(crypto_hasher_add(h, str_bytes(x->initiator ? peer : own, CRYPTO_SM2_Z)));
        TRY(crypto_hasher_add(h, str_bytes(number, sizeof(number))));
        TRY(crypto_hasher_end(h, block));
        memcpy(out + at, block, n - at < size ? n - at : size);
    }
    explicit_bzero(block, sizeof(block));
    return RC_OK;
}

enum rc crypto_sm2_agree(const struct crypto_sm2_exchange *x, unsigned char *out, size_t n)
{
    unsigned char u[POINT];
    enum rc rc;

    if (!usable(x->own, true) || !usable(x->own_once, true) || !usable(x->peer, false) ||
        !usable(x->peer_once, false) || n == 0 || n > CRYPTO_SM2_AGREED_MAX)
        return RC_INVAL;
    if (!shared_point(x, u))
        return failed(RC_CRYPTO);
    rc = derive(x, u, out, n);
    explicit_bzero(u, sizeof(u));
    return rc;
}
