/* SPDX-License-Identifier: Apache-2.0 */
/* The vectors of RFC 6238 appendix B, cut to six digits, and that a code counts once. */
#include "check.h"

#include "crypto/crypto.h"
#include "operators/totp.h"

#define KEY STR("12345678901234567890")

static void vectors(void)
{
    static const struct {
        uint64_t seconds;
        const char *code;
    } rows[] = {
        {59, "287082"},         {1111111109, "081804"}, {1111111111, "050471"},
        {1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"},
    };

    CHECK_OK(crypto_init());
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char code[OPERATORS_TOTP_TEXT];

        CHECK_OK(operators_totp_code(KEY, rows[i].seconds / 30, code));
        CHECK_STR(str_of(code), rows[i].code);
    }
}

static void once_and_in_time(void)
{
    when_t now = INT64_C(1111111111) * WHEN_SECOND;
    const uint64_t step = 1111111111 / 30;
    char code[OPERATORS_TOTP_TEXT];
    uint64_t found = 0;

    CHECK_OK(crypto_init());
    CHECK_OK(operators_totp_check(KEY, STR("050471"), now, 0, &found));
    CHECK_INT(found, step);
    CHECK_RC(operators_totp_check(KEY, STR("050471"), now, found, &found), RC_DENIED);
    for (int drift = -2; drift <= 2; drift++) {
        enum rc want = drift >= -1 && drift <= 1 ? RC_OK : RC_DENIED;

        CHECK_OK(operators_totp_code(KEY, step + (uint64_t)(int64_t)drift, code));
        CHECK_RC(operators_totp_check(KEY, str_of(code), now, 0, &found), want);
    }
    /* One that is older than the last one used is no better than that one. */
    CHECK_OK(operators_totp_code(KEY, step - 1, code));
    CHECK_RC(operators_totp_check(KEY, str_of(code), now, step, &found), RC_DENIED);
    CHECK_RC(operators_totp_check(KEY, STR(""), now, 0, &found), RC_DENIED);
    CHECK_RC(operators_totp_check(KEY, STR("0504711"), now, 0, &found), RC_DENIED);
    CHECK_RC(operators_totp_check(KEY, STR("05047"), now, 0, &found), RC_DENIED);
    CHECK_RC(operators_totp_check(STR("another key of 20 by"), STR("050471"), now, 0, &found),
             RC_DENIED);
}

static void as_url(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(512);

    operators_totp_url(KEY, STR("Example Hospital"), STR("alice"), &b);
    CHECK_STR(buf_str(&b), "otpauth://totp/Example%20Hospital:alice?secret="
                           "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example%20Hospital"
                           "&algorithm=SHA1&digits=6&period=30");
}

CHECK_MAIN(CHECK_TEST(vectors), CHECK_TEST(once_and_in_time), CHECK_TEST(as_url))
