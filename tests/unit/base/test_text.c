/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

#include "base/text.h"

typedef void (*encoder)(struct buf *, struct str);
typedef enum rc (*decoder)(struct str, struct buf *);

#define CHECK_ENCODED(encode, in, expected)                                                        \
    do {                                                                                           \
        CLEANUP(buf_done) struct buf b_ = BUF_INIT(1000);                                          \
        encode(&b_, (in));                                                                         \
        CHECK_STR(buf_str(&b_), (expected));                                                       \
    } while (0)

/* Decoding appends, and takes exactly the bytes that it gives. */
#define CHECK_DECODED(decode, in, expected)                                                        \
    do {                                                                                           \
        CLEANUP(buf_done) struct buf b_ = {};                                                      \
        struct str want_ = (expected);                                                             \
        buf_init(&b_, 1 + want_.n);                                                                \
        buf_putz(&b_, "<");                                                                        \
        CHECK_OK(decode((in), &b_));                                                               \
        CHECK(str_starts(buf_str(&b_), STR("<")) && str_eq(str_skip(buf_str(&b_), 1), want_));     \
    } while (0)

#define CHECK_REFUSED(decode, in)                                                                  \
    do {                                                                                           \
        CLEANUP(buf_done) struct buf b_ = BUF_INIT(1000);                                          \
        buf_putz(&b_, "<");                                                                        \
        CHECK_RC(decode((in), &b_), RC_PARSE);                                                     \
        CHECK_STR(buf_str(&b_), "<");                                                              \
    } while (0)

static void hexadecimal(void)
{
    CHECK_ENCODED(text_hex,
                  STR("\x00\x9f\xff"
                      "a"),
                  "009fff61");
    CHECK_ENCODED(text_hex, STR(""), "");
    CHECK_DECODED(text_unhex, STR("009FfF61"),
                  STR("\x00\x9f\xff"
                      "a"));
    CHECK_DECODED(text_unhex, STR(""), STR(""));
    CHECK_REFUSED(text_unhex, STR("0"));
    CHECK_REFUSED(text_unhex, STR("0g"));
    CHECK_REFUSED(text_unhex, STR("0x12"));
    CHECK_REFUSED(text_unhex, STR("12 3"));
    CHECK_REFUSED(text_unhex, STR("1\0"));
}

/* RFC 4648 section 10. */
static void base64(void)
{
    static const char *const pairs[][3] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"f"
         "o",
         "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xfb\xef\xbe\xff\xff", "++++//8=", "----__8"},
    };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        CHECK_ENCODED(text_b64, str_of(pairs[i][0]), pairs[i][1]);
        CHECK_ENCODED(text_b64url, str_of(pairs[i][0]), pairs[i][2]);
        CHECK_DECODED(text_unb64, str_of(pairs[i][1]), str_of(pairs[i][0]));
        CHECK_DECODED(text_unb64url, str_of(pairs[i][2]), str_of(pairs[i][0]));
    }
}

static void base64_is_strict(void)
{
    static const char *const bad[] = {
        "Z",     "Zg",   "Zg=",  "Zg===",    "=",        "====",  "Zh==",     "Zm9=",
        "Z===",  "A",    "A===", "AAAAA",    "AAAAA===", "Zm9v=", "Zg= =",    "Zg==\n",
        " Zm9v", "Zm-v", "Zm_v", "Zg==Zg==", "=Zg=",     "Z=g=",  "Zm9v\xff",
    };
    static const char *const bad_url[] = {
        "A",   "AAAAA", "Z",    "Zm9vY", "Zg==",   "Zm8=", "Zh",
        "Zm9", "Zm+v",  "Zm/v", "Zm9v ", "Zm9v\n", "Z g",  "Zm9v.",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_REFUSED(text_unb64, str_of(bad[i]));
    for (size_t i = 0; i < sizeof(bad_url) / sizeof(bad_url[0]); i++)
        CHECK_REFUSED(text_unb64url, str_of(bad_url[i]));
    CHECK_REFUSED(text_unb64, STR("Zm9\0"));
    CHECK_REFUSED(text_unb64url, STR("Zm\0v"));
}

/* Only one text per content: whatever decodes is what encoding gives. */
/* Each of the 256 bytes is that digit, or none. */
static void digits_of_base64(void)
{
    static const char common[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    for (int url = 0; url < 2; url++)
        for (int c = 0; c < 256; c++) {
            char text[4] = {'A', 'A', 'A', (char)c}, digits[65];
            const char *at;
            CLEANUP(buf_done) struct buf b = BUF_INIT(16);
            enum rc rc;

            snprintf(digits, sizeof(digits), "%s%s", common, url ? "-_" : "+/");
            at = c ? strchr(digits, c) : NULL;
            rc = url ? text_unb64url(str_bytes(text, 4), &b) : text_unb64(str_bytes(text, 4), &b);
            if (!url && c == '=') {
                CHECK_OK(rc);
                CHECK_INT(b.n, 2);
                continue;
            }
            CHECK_RC(rc, at ? RC_OK : RC_PARSE);
            if (at)
                CHECK_INT((unsigned char)b.p[2], at - digits);
        }
}

static void base64_has_one_text(void)
{
    static const char set[] = "AQgwBf-_";
    CLEANUP(buf_done) struct buf bytes = BUF_INIT(10);
    CLEANUP(buf_done) struct buf again = BUF_INIT(10);
    char text[4];
    int decoded = 0;

    for (size_t n = 2; n <= 4; n++) {
        for (unsigned i = 0; i < 1u << 3 * n; i++) {
            for (size_t k = 0; k < n; k++)
                text[k] = set[i >> 3 * k & 7];
            buf_reset(&bytes);
            buf_reset(&again);
            if (text_unb64url(str_bytes(text, n), &bytes) == RC_PARSE)
                continue;
            text_b64url(&again, buf_str(&bytes));
            CHECK(str_eq(buf_str(&again), str_bytes(text, n)));
            decoded++;
        }
    }
    /* A, Q, g and w have the four low bits clear that two characters leave unused; in this set
     * nothing else has the two that three leave. */
    CHECK_INT(decoded, 8 * 4 + 64 * 4 + 4096);
}

static void limits_hold(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(3);

    text_hex(&b, STR("ab"));
    CHECK_RC(buf_rc(&b), RC_TOOBIG);
    buf_reset(&b);
    CHECK_RC(text_unb64(STR("Zm9vYg=="), &b), RC_TOOBIG);
    buf_reset(&b);
    CHECK_OK(text_unb64(STR("Zm9v"), &b));
    CHECK_STR(buf_str(&b), "foo");
    text_percent(&b, STR("%"));
    CHECK_RC(buf_rc(&b), RC_TOOBIG);
    buf_reset(&b);
    text_hex(&b, str_bytes("", SIZE_MAX / 2 + 1));
    CHECK_RC(buf_rc(&b), RC_TOOBIG);
    buf_reset(&b);
    text_b64(&b, str_bytes("", SIZE_MAX / 2 + 1));
    CHECK_RC(buf_rc(&b), RC_TOOBIG);
}

#define DASHES "-----"
#define BEGIN(label) DASHES "BEGIN " label DASHES
#define END(label) DASHES "END " label DASHES

static void pem_armour(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(1000);
    struct str der = STR("0123456789abcdef0123456789abcdef0123456789abcdef!");

    text_pem(&b, STR("X"), str_head(der, 48));
    CHECK_STR(buf_str(&b),
              BEGIN("X") "\n"
                         "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVm\n" END(
                             "X") "\n");
    buf_reset(&b);
    text_pem(&b, STR("A B-C"), der);
    CHECK_STR(buf_str(&b),
              BEGIN("A B-C") "\n"
                             "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVm\n"
                             "IQ==\n" END("A B-C") "\n");
    buf_reset(&b);
    text_pem(&b, STR("X"), (struct str){NULL, 0});
    CHECK_STR(buf_str(&b), BEGIN("X") "\n" END("X") "\n");
}

static void pem_blocks_one_by_one(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(100);
    struct str rest = STR("Subject: someone\n the " BEGIN("NO") " is not at the start\n" BEGIN(
        "A") "\nZm9v\n" END("A") "\n"
                                 "\n" BEGIN("B C") " \r\n Zm9v\r\n\tYg= =\r\n" END(
                                     "B C") "\r\n" BEGIN("A") "\n" END("A"));
    struct str label = STR("untouched");

    CHECK_OK(text_unpem(&rest, STR(""), &label, &b));
    CHECK_STR(label, "A");
    CHECK_STR(buf_str(&b), "foo");
    CHECK_OK(text_unpem(&rest, STR("B C"), &label, &b));
    CHECK_STR(label, "B C");
    CHECK_STR(buf_str(&b), "foofoob");
    CHECK_OK(text_unpem(&rest, STR("A"), NULL, &b));
    CHECK_STR(buf_str(&b), "foofoob");
    CHECK_INT(rest.n, 0);
    CHECK_RC(text_unpem(&rest, STR(""), &label, &b), RC_NOTFOUND);
    CHECK_STR(label, "B C");
}

static void pem_skips_other_labels(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(3);
    struct str rest = STR(BEGIN("EC PARAMETERS") "\nProc-Type: 4,ENCRYPTED\n" END(
        "EC PARAMETERS") "\n" BEGIN("KEY") "\nZm9v\n" END("KEY") "\n");
    struct str all = rest;

    CHECK_RC(text_unpem(&rest, STR("CERTIFICATE"), NULL, &b), RC_NOTFOUND);
    CHECK(rest.p == all.p && rest.n == all.n);
    CHECK_RC(text_unpem(&rest, STR(""), NULL, &b), RC_PARSE);
    CHECK_OK(text_unpem(&rest, STR("KEY"), NULL, &b));
    CHECK_STR(buf_str(&b), "foo");
    rest = all;
    CHECK_RC(text_unpem(&rest, STR("KEY"), NULL, &b), RC_TOOBIG);
    CHECK(rest.p == all.p && rest.n == all.n);
    buf_reset(&b);
    rest = STR(BEGIN("A") "\n" BEGIN("A") "\n" END("A") "\n" BEGIN("KEY") "\nZm9v\n" END("KEY"));
    CHECK_RC(text_unpem(&rest, STR("KEY"), NULL, &b), RC_PARSE); /* a skipped block broken */
}

static void pem_broken(void)
{
    static const char *const bad[] = {
        BEGIN("A"),
        BEGIN("A") "\nZm9v\n",
        BEGIN("A") "\nZm9v\n" END("B") "\n",
        BEGIN("A") "\nZm9v\n" DASHES "END A----\n",
        BEGIN("A") "\nZm9v\n" DASHES "END A",
        BEGIN("A") "\nZm9v\n" BEGIN("A") "\nZm9v\n" END("A") "\n",
        BEGIN("A") "\nZm9v" END("A") "\n",
        BEGIN("A") "Zm9v\n" END("A") "\n",
        BEGIN("A") "\nZm9\n" END("A") "\n",
        BEGIN("A") "\nZh==\n" END("A") "\n",
        BEGIN("A") "\nZm9v!\n" END("A") "\n",
        BEGIN("A") "\nZg==\nZm9v\n" END("A") "\n",
        BEGIN("A") "\nProc-Type: 4,ENCRYPTED\n\nZm9v\n" END("A") "\n",
        BEGIN("A-") "\nZm9v\n" END("A-") "\n",
        BEGIN("-A") "\nZm9v\n" END("-A") "\n",
        BEGIN("A  B") "\nZm9v\n" END("A  B") "\n",
        BEGIN("\x01") "\nZm9v\n" END("\x01") "\n",
        DASHES "BEGIN A\nZm9v\n" END("A") "\n",
        DASHES "BEGIN ----\n",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CLEANUP(buf_done) struct buf b = BUF_INIT(100);
        struct str rest = str_of(bad[i]);

        buf_putz(&b, "<");
        CHECK_RC(text_unpem(&rest, STR(""), NULL, &b), RC_PARSE);
        CHECK(rest.p == bad[i] && rest.n == strlen(bad[i]));
        CHECK_STR(buf_str(&b), "<");
    }
}

static void json_escapes(void)
{
    CHECK_ENCODED(text_json_escape, STR("a\"b\\c/"), "a\\\"b\\\\c/");
    CHECK_ENCODED(text_json_escape, STR("\b\f\n\r\t\x00\x1f\x7f"),
                  "\\b\\f\\n\\r\\t\\u0000\\u001f\\u007f");
    CHECK_ENCODED(text_json_escape, STR("\xc3\xa9\xf0\x9f\x92\xa1"), "\xc3\xa9\xf0\x9f\x92\xa1");
    CHECK_ENCODED(text_json_escape, STR("\xc2\x85"), "\\u0085");
    CHECK_ENCODED(text_json_escape, STR("a\xff\xc3"), "a\\ufffd\\ufffd");
    CHECK_ENCODED(text_json_escape, STR(""), "");
}

static void html_escapes(void)
{
    CHECK_ENCODED(text_html_escape, STR("<a href=\"x\">'&'</a>"),
                  "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
    CHECK_ENCODED(text_html_escape, STR("plain"), "plain");
}

static void percent_escapes(void)
{
    static const char *const pairs[][2] = {
        {"", ""},
        {"wiki.hospital.example", "wiki.hospital.example"},
        {"*.x", "%2a.x"},
        {"2001:db8::1", "2001%3adb8%3a%3a1"},
        {"AZaz09-._~", "AZaz09-._~"},
        {"a/b\\c d%+", "a%2fb%5cc%20d%25%2b"},
        {".", "%2e"},
        {"..", "%2e%2e"},
        {"...", "%2e%2e%2e"},
        {".a", ".a"},
        {"\xc3\xa9\x7f\x01", "%c3%a9%7f%01"},
    };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        CHECK_ENCODED(text_percent, str_of(pairs[i][0]), pairs[i][1]);
        CHECK_DECODED(text_unpercent, str_of(pairs[i][1]), str_of(pairs[i][0]));
    }
    CHECK_ENCODED(text_percent, STR("\0"), "%00");
    CHECK_DECODED(text_unpercent, STR("%2F/%2f"), STR("///"));
    CHECK_REFUSED(text_unpercent, STR("%"));
    CHECK_REFUSED(text_unpercent, STR("a%2"));
    CHECK_REFUSED(text_unpercent, STR("%2g"));
    CHECK_REFUSED(text_unpercent, STR("%g2"));
    CHECK_REFUSED(text_unpercent, STR("%%41"));
    CHECK_REFUSED(text_unpercent, STR("a%00b"));
    CHECK_REFUSED(text_unpercent, STR("a\0b"));
}

/* All byte values and lengths around the block sizes, there and back. */
static void everything_comes_back(void)
{
    static const struct {
        encoder encode;
        decoder decode;
    } both[] = {{text_hex, text_unhex}, {text_b64, text_unb64}, {text_b64url, text_unb64url}};
    unsigned char all[256];

    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (unsigned char)(255 - i);
    for (size_t n = 0; n <= sizeof(all); n = n < 9 ? n + 1 : n + 13) {
        for (size_t k = 0; k < sizeof(both) / sizeof(both[0]); k++) {
            CLEANUP(buf_done) struct buf text = BUF_INIT(1000);
            CLEANUP(buf_done) struct buf back = {};

            buf_init(&back, n);
            both[k].encode(&text, str_bytes(all, n));
            CHECK_OK(both[k].decode(buf_str(&text), &back));
            CHECK(str_eq(buf_str(&back), str_bytes(all, n)));
        }
    }
}

CHECK_MAIN(CHECK_TEST(digits_of_base64), CHECK_TEST(hexadecimal), CHECK_TEST(base64),
           CHECK_TEST(base64_is_strict), CHECK_TEST(base64_has_one_text), CHECK_TEST(limits_hold),
           CHECK_TEST(pem_armour), CHECK_TEST(pem_blocks_one_by_one),
           CHECK_TEST(pem_skips_other_labels), CHECK_TEST(pem_broken), CHECK_TEST(json_escapes),
           CHECK_TEST(html_escapes), CHECK_TEST(percent_escapes), CHECK_TEST(everything_comes_back))
