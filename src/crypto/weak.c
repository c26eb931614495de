/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/weak.h"

#include <stdio.h>

#include <openssl/bn.h>

#include "crypto/crypto_int.h"

MSG(msg_small, "crypto.weak-small-factor",
    "the RSA key can be broken: its modulus is divisible by {0}");
MSG(msg_close, "crypto.weak-close-primes",
    "the RSA key can be broken: its primes lie so close together that Fermat's method finds them");
MSG(msg_roca, "crypto.weak-roca",
    "the RSA key can be broken: it was made by a faulty library of Infineon chips (ROCA, "
    "CVE-2017-15361); make a new one elsewhere");
MSG(msg_order, "crypto.weak-small-order",
    "the Ed25519 key is a point of small order, for which anyone can sign");

enum { ROCA_PRIME_MAX = 167, ROCA_GENERATOR = 65537, ISQRT_ROUNDS_MAX = 64 };

static bool is_prime(unsigned v)
{
    for (unsigned d = 2; d * d <= v; d++)
        if (v % d == 0)
            return false;
    return v > 1;
}

static enum rc check_small(const BIGNUM *n, struct err *err)
{
    char text[16];

    for (unsigned p = 3; p <= CRYPTO_WEAK_PRIME_MAX; p += 2)
        if (is_prime(p) && BN_mod_word(n, p) == 0) {
            snprintf(text, sizeof(text), "%u", p);
            return ERR(err, RC_DENIED, msg_small, str_of(text));
        }
    return RC_OK;
}

/* `r` is a power of 65537 modulo `p`. */
static bool is_power(unsigned r, unsigned p)
{
    unsigned g = ROCA_GENERATOR % p;
    unsigned v = 1;

    do {
        if (v == r)
            return true;
        v = v * g % p;
    } while (v != 1);
    return false;
}

/* The library's primes are k * M + (65537^a mod M), where M is the product of the first primes, 167
 * among them at every key size; so is, then, the modulus. Another modulus passes all of these with
 * a chance of about 2^-28. */
static enum rc check_roca(const BIGNUM *n, struct err *err)
{
    for (unsigned p = 3; p <= ROCA_PRIME_MAX; p += 2)
        if (is_prime(p) && !is_power((unsigned)BN_mod_word(n, p), p))
            return RC_OK;
    return ERR(err, RC_DENIED, msg_roca);
}

/* Floor of the square root by Newton's method, from above. */
static bool isqrt(BIGNUM *out, const BIGNUM *n, BN_CTX *c)
{
    BIGNUM *next = BN_CTX_get(c);

    if (!next || !BN_one(out) || !BN_lshift(out, out, (BN_num_bits(n) + 1) / 2))
        return false;
    for (int i = 0; i < ISQRT_ROUNDS_MAX; i++) {
        if (!BN_div(next, NULL, n, out, c) || !BN_add(next, next, out) || !BN_rshift1(next, next))
            return false;
        if (BN_cmp(next, out) >= 0)
            return true;
        if (!BN_copy(out, next))
            return false;
    }
    return false;
}

/* Cheap: all but one number in a hundred or so that are no squares end here. */
static bool may_be_square(const BIGNUM *v)
{
    static const unsigned moduli[] = {64, 63, 65, 11, 17, 19, 23, 31};

    for (size_t i = 0; i < sizeof(moduli) / sizeof(moduli[0]); i++) {
        unsigned m = moduli[i], r = (unsigned)BN_mod_word(v, m);
        bool residue = false;

        for (unsigned x = 0; x < m && !residue; x++)
            residue = x * x % m == r;
        if (!residue)
            return false;
    }
    return true;
}

/* True in *out when a * a - n is a square for one of the first values of a from the root of n up.
 */
static bool fermat(const BIGNUM *n, BN_CTX *c, bool *out)
{
    BIGNUM *a = BN_CTX_get(c), *rest = BN_CTX_get(c), *root = BN_CTX_get(c), *sq = BN_CTX_get(c);

    *out = false;
    if (!sq || !isqrt(a, n, c))
        return false;
    for (int i = 0; i < CRYPTO_WEAK_FERMAT_ROUNDS && !*out; i++, BN_add_word(a, 1)) {
        if (!BN_sqr(rest, a, c) || !BN_sub(rest, rest, n))
            return false;
        if (BN_is_negative(rest) || !may_be_square(rest))
            continue;
        if (!isqrt(root, rest, c) || !BN_sqr(sq, root, c))
            return false;
        *out = BN_cmp(sq, rest) == 0;
    }
    return true;
}

static enum rc check_close(const BIGNUM *n, struct err *err)
{
    CLEANUP(BN_CTX_freep) BN_CTX *c = BN_CTX_new_ex(crypto_ossl_ctx());
    bool found = false, done = false;

    if (c) {
        BN_CTX_start(c);
        done = fermat(n, c, &found);
        BN_CTX_end(c);
    }
    if (!done) {
        crypto_ossl_clear();
        return RC_CRYPTO;
    }
    return found ? ERR(err, RC_DENIED, msg_close) : RC_OK;
}

static enum rc check_rsa(struct str modulus, struct err *err)
{
    CLEANUP(BN_freep)
    BIGNUM *n = BN_bin2bn((const unsigned char *)modulus.p, (int)modulus.n, NULL);

    if (!n) {
        crypto_ossl_clear();
        return RC_CRYPTO;
    }
    TRY(check_small(n, err));
    TRY(check_roca(n, err));
    TRY(crypto_weak_look_up(n, err));
    return check_close(n, err);
}

/* The eight points whose order divides eight, by their y; the sign bit does not matter. Also y as p
 * and p + 1, which read as 0 and 1. */
static enum rc check_order(struct str key, struct err *err)
{
    static const unsigned char small[][32] = {
        {0x00},
        {0x01},
        {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
         0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
         0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
        {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
         0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
         0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
        {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
        {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
        {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    };
    unsigned char y[32];

    memcpy(y, key.p, sizeof(y));
    y[31] &= 0x7f;
    for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++)
        if (memcmp(y, small[i], sizeof(y)) == 0)
            return ERR(err, RC_DENIED, msg_order);
    return RC_OK;
}

enum rc crypto_weak_check(struct crypto_public k, struct err *err)
{
    switch (k.type) {
    case CRYPTO_KEY_RSA:
        return check_rsa(k.a, err);
    case CRYPTO_KEY_ED25519:
        return check_order(k.a, err);
    case CRYPTO_KEY_P256:
    case CRYPTO_KEY_P384:
    case CRYPTO_KEY_SM2:
    case CRYPTO_KEY_MLDSA44:
    case CRYPTO_KEY_MLDSA65:
    case CRYPTO_KEY_MLDSA87:
        break; /* every point of these curves but infinity has their full order */
    }
    return RC_OK;
}
