/* SPDX-License-Identifier: Apache-2.0 */
/* Shamir's secret sharing over GF(2^8) with the polynomial x^8 + x^4 + x^3 + x + 1, byte by byte,
 * as draft-mcgrew-tss-03 and OASIS SAM Threshold Sharing Schemes 1.0 describe it: any `m` of `n`
 * shares give the secret, fewer tell nothing. The time taken and the memory touched do not depend
 * on the bytes. */
#pragma once

#include <stddef.h>

#include "base/rc.h"

enum { CRYPTO_SHAMIR_MAX = 255, CRYPTO_SHAMIR_SECRET_MAX = 64 };

/* The share number `x` (1 to 255) of a polynomial of `m` coefficients of `len` bytes each, the
 * secret first: for who has coefficients of his own, a test for example. */
void crypto_shamir_eval(const unsigned char *coefficients, unsigned m, size_t len, unsigned x,
                        unsigned char *out);

/* Writes `n` shares of `len` bytes, one behind the other, numbers 1 to n. 2 <= m <= n <= 255,
 * otherwise RC_INVAL. */
enum rc crypto_shamir_split(const unsigned char *secret, size_t len, unsigned m, unsigned n,
                            unsigned char *out);

/* From `m` shares, one behind the other, with their numbers. RC_INVAL when a number is 0 or comes
 * twice. Shares of different secrets, or too few, give other bytes and no error. */
enum rc crypto_shamir_join(const unsigned char *numbers, const unsigned char *shares, unsigned m,
                           size_t len, unsigned char *out);
