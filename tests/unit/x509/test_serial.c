/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "crypto/crypto.h"
#include "x509/serial.h"

static void random_ones_differ(void)
{
    struct x509_serial a, b;

    CHECK_OK(crypto_init());
    for (int i = 0; i < 1000; i++) {
        CHECK_OK(x509_serial_random(&a));
        CHECK_OK(x509_serial_random(&b));
        CHECK_INT(a.n, X509_SERIAL_NEW);
        CHECK(a.b[0] >= 0x40 && a.b[0] <= 0x7f);
        CHECK(!x509_serial_eq(&a, &b));
    }
}

static void text_and_back(void)
{
    static const struct {
        const char *in;
        const char *out;
    } cases[] = {
        {"01", "01"},
        {"0a3f", "0A3F"},
        {"0A3F", "0A3F"},
        {"00000a3f", "0A3F"},
        {"ff", "FF"},
        {"0a:3f:00", "0A3F00"},
        {"7fffffffffffffffffffffffffffffffffffffff", "7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"},
        {"ffffffffffffffffffffffffffffffffffffff", "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"},
    };
    char text[X509_SERIAL_TEXT];
    struct x509_serial s, again;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_OK(x509_serial_parse(str_of(cases[i].in), &s));
        CHECK_STR(str_of(x509_serial_text(&s, text)), cases[i].out);
        CHECK_OK(x509_serial_parse(str_of(text), &again));
        CHECK(x509_serial_eq(&s, &again));
    }
}

static void impossible_ones_are_refused(void)
{
    static const struct {
        const char *in;
        enum rc rc;
    } cases[] = {
        {"", RC_INVAL},
        {"0", RC_PARSE},
        {"00", RC_INVAL},
        {"0000", RC_INVAL},
        {"abc", RC_PARSE},
        {"0x0a", RC_PARSE},
        {"0a 3f", RC_PARSE},
        {"-1", RC_PARSE},
        {"0a:3", RC_PARSE},
        {"0a:3f:", RC_PARSE},
        {"0a3:f0", RC_PARSE},
        {":0a", RC_PARSE},
        {"0a3f:00", RC_PARSE},
        {"0a-3f:00", RC_PARSE},
        /* 20 bytes, 21 once encoded */
        {"8000000000000000000000000000000000000000", RC_INVAL},
        {"010000000000000000000000000000000000000000", RC_INVAL},
    };
    struct x509_serial s = {.n = 99};
    char huge[300];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK_RC(x509_serial_parse(str_of(cases[i].in), &s), cases[i].rc);
    memset(huge, '0', sizeof(huge));
    CHECK_RC(x509_serial_parse(str_bytes(huge, sizeof(huge)), &s), RC_INVAL);
    CHECK_RC(x509_serial_from_bytes(str_bytes("\0\1", 2), &s), RC_INVAL);
    CHECK_INT(s.n, 99);
}

static void shards_come_from_the_last_bytes(void)
{
    struct x509_serial s = {.n = 3, .b = {0x43, 0x12, 0x34}}, one = {.n = 1, .b = {0x21}};

    CHECK_INT(x509_serial_shard(&s, 1), 0);
    CHECK_INT(x509_serial_shard(&s, 0), 0);
    CHECK_INT(x509_serial_shard(&s, 16), 4);
    CHECK_INT(x509_serial_shard(&s, 256), 0x34);
    CHECK_INT(x509_serial_shard(&s, 10), 0x1234 % 10);
    CHECK_INT(x509_serial_shard(&s, 65536), 0x1234);
    CHECK_INT(x509_serial_shard(&one, 16), 1);
}

CHECK_MAIN(CHECK_TEST(shards_come_from_the_last_bytes), CHECK_TEST(random_ones_differ),
           CHECK_TEST(text_and_back), CHECK_TEST(impossible_ones_are_refused))
