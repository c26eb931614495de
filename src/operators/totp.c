/* SPDX-License-Identifier: Apache-2.0 */
#include "operators/totp.h"

#include <stdio.h>

#include "base/text.h"
#include "crypto/hash.h"

#define STEP (30 * WHEN_SECOND)

enum { MODULUS = 1'000'000 };

enum rc operators_totp_code(struct str key, uint64_t step, char out[static OPERATORS_TOTP_TEXT])
{
    unsigned char counter[8], mac[CRYPTO_SHA1_BYTES];
    uint32_t code;
    size_t at;

    for (size_t i = 0; i < sizeof(counter); i++)
        counter[i] = (unsigned char)(step >> (56 - 8 * i));
    TRY(crypto_hmac_sha1(key, str_bytes(counter, sizeof(counter)), mac));
    at = mac[CRYPTO_SHA1_BYTES - 1] & 0x0f; /* RFC 4226 section 5.3 */
    code = (uint32_t)(mac[at] & 0x7f) << 24 | (uint32_t)mac[at + 1] << 16 |
           (uint32_t)mac[at + 2] << 8 | mac[at + 3];
    snprintf(out, OPERATORS_TOTP_TEXT, "%06u", (unsigned)(code % MODULUS));
    return RC_OK;
}

/* All of the window is always computed and compared in constant time. */
enum rc operators_totp_check(struct str key, struct str code, when_t now, uint64_t last,
                             uint64_t *out_step)
{
    uint64_t present = now > 0 ? (uint64_t)(now / STEP) : 0, found = 0;

    for (int i = -OPERATORS_TOTP_DRIFT; i <= OPERATORS_TOTP_DRIFT; i++) {
        uint64_t step = present + (uint64_t)(int64_t)i;
        char want[OPERATORS_TOTP_TEXT];

        TRY(operators_totp_code(key, step, want));
        if (code.n == OPERATORS_TOTP_DIGITS && str_eq_ct(str_of(want), code) && step > last)
            found = step;
    }
    if (!found)
        return RC_DENIED;
    *out_step = found;
    return RC_OK;
}

void operators_totp_key_put(struct str key, struct buf *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

    /* 20 bytes are 32 digits of 5 bits, and nothing is left over. */
    for (size_t bit = 0; bit + 5 <= 8 * key.n; bit += 5) {
        unsigned two = (unsigned)(unsigned char)key.p[bit / 8] << 8;

        if (bit / 8 + 1 < key.n)
            two |= (unsigned char)key.p[bit / 8 + 1];
        buf_u8(out, (uint8_t)digits[two >> (11 - bit % 8) & 31]);
    }
}

void operators_totp_url(struct str key, struct str issuer, struct str name, struct buf *out)
{
    buf_putz(out, "otpauth://totp/");
    text_percent(out, issuer);
    buf_putz(out, ":");
    text_percent(out, name);
    buf_putz(out, "?secret=");
    operators_totp_key_put(key, out);
    buf_putz(out, "&issuer=");
    text_percent(out, issuer);
    buf_printf(out, "&algorithm=SHA1&digits=%d&period=30", OPERATORS_TOTP_DIGITS);
}
