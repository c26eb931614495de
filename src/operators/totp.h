/* SPDX-License-Identifier: Apache-2.0 */
/* One-time codes by time: RFC 6238 with HMAC-SHA-1, 30 seconds and 6 digits, which is what every
 * generator makes. A code counts once: who checks remembers the step of the last one. Pure. */
#pragma once

#include "base/buf.h"
#include "base/when.h"

enum {
    OPERATORS_TOTP_KEY = 20, /* RFC 4226 section 4, R6 */
    OPERATORS_TOTP_DIGITS = 6,
    OPERATORS_TOTP_TEXT = OPERATORS_TOTP_DIGITS + 1,
    OPERATORS_TOTP_DRIFT = 1, /* steps that clocks may be apart, RFC 6238 section 5.2 */
};

/* The code of a step (30 seconds since 1970). RC_CRYPTO. */
enum rc operators_totp_code(struct str key, uint64_t step, char out[static OPERATORS_TOTP_TEXT]);
/* The step of `code`, if it is that of now or of OPERATORS_TOTP_DRIFT around, and later than
 * `last`. RC_DENIED otherwise; RC_CRYPTO. */
enum rc operators_totp_check(struct str key, struct str code, when_t now, uint64_t last,
                             uint64_t *out_step);
/* "otpauth://totp/..." for a generator: the key in base32 (RFC 4648 section 6), whose account of
 * which organisation it is. */
void operators_totp_url(struct str key, struct str issuer, struct str name, struct buf *out);
/* The key alone, to be typed. */
void operators_totp_key_put(struct str key, struct buf *out);
