/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/shamir.h"

#include <stdint.h>
#include <string.h>

#include "base/secret.h"
#include "crypto/crypto.h"

enum { REDUCE = 0x1b };

/* Every bit takes the same steps. */
static uint8_t mul(uint8_t a, uint8_t b)
{
    uint8_t r = 0;

    for (int i = 0; i < 8; i++) {
        r = (uint8_t)(r ^ (a & (uint8_t) - (b & 1)));
        a = (uint8_t)(a << 1 ^ (REDUCE & (uint8_t) - (a >> 7)));
        b >>= 1;
    }
    return r;
}

/* a^254; 0 of 0. */
static uint8_t inverse(uint8_t a)
{
    uint8_t r = 1;

    for (int i = 7; i >= 0; i--) {
        r = mul(r, r);
        if (254 >> i & 1) /* of the exponent, which everybody knows */
            r = mul(r, a);
    }
    return r;
}

void crypto_shamir_eval(const unsigned char *coefficients, unsigned m, size_t len, unsigned x,
                        unsigned char *out)
{
    for (size_t k = 0; k < len; k++) {
        uint8_t y = 0;

        for (unsigned i = m; i-- > 0;)
            y = (uint8_t)(mul(y, (uint8_t)x) ^ coefficients[i * len + k]);
        out[k] = y;
    }
}

enum rc crypto_shamir_split(const unsigned char *secret, size_t len, unsigned m, unsigned n,
                            unsigned char *out)
{
    CLEANUP(secret_freep) struct secret *coefficients = NULL;

    if (m < 2 || m > n || n > CRYPTO_SHAMIR_MAX || len == 0 || len > CRYPTO_SHAMIR_SECRET_MAX)
        return RC_INVAL;
    TRY(secret_new(m * len, &coefficients));
    memcpy(secret_bytes(coefficients), secret, len);
    TRY(crypto_random(secret_bytes(coefficients) + len, (m - 1) * len));
    for (unsigned x = 1; x <= n; x++)
        crypto_shamir_eval(secret_bytes(coefficients), m, len, x, out + (x - 1) * len);
    return RC_OK;
}

/* What share i counts for at x = 0 (Lagrange); the numbers are no secret. */
static enum rc weight(const unsigned char *numbers, unsigned m, unsigned i, uint8_t *out)
{
    uint8_t w = 1;

    if (numbers[i] == 0)
        return RC_INVAL;
    for (unsigned j = 0; j < m; j++) {
        if (j == i)
            continue;
        if (numbers[j] == numbers[i])
            return RC_INVAL;
        w = mul(w, mul(numbers[j], inverse(numbers[j] ^ numbers[i])));
    }
    *out = w;
    return RC_OK;
}

enum rc crypto_shamir_join(const unsigned char *numbers, const unsigned char *shares, unsigned m,
                           size_t len, unsigned char *out)
{
    uint8_t w[CRYPTO_SHAMIR_MAX];

    if (m < 1 || m > CRYPTO_SHAMIR_MAX)
        return RC_INVAL;
    for (unsigned i = 0; i < m; i++)
        TRY(weight(numbers, m, i, &w[i]));
    for (size_t k = 0; k < len; k++) {
        uint8_t y = 0;

        for (unsigned i = 0; i < m; i++)
            y = (uint8_t)(y ^ mul(w[i], shares[i * len + k]));
        out[k] = y;
    }
    return RC_OK;
}
