/* SPDX-License-Identifier: Apache-2.0 */
/* What servers say first: as RFC 8446 and 5246 have it, cut anywhere, and wrong. */
#include "check.h"

#include "base/text.h"
#include "scan/hello.h"

#define RANDOM "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"
#define OLD                                                                                        \
    "160301002a"                                                                                   \
    "02000026"                                                                                     \
    "0301" RANDOM "00"                                                                             \
    "002f"                                                                                         \
    "00"

static enum rc read_hex(const char *hex, size_t cut, struct scan_answer *out)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(SCAN_ANSWER_MAX);

    TRY(text_unhex(str_of(hex), &b));
    TRY(buf_rc(&b));
    return scan_answer_read(str_head(buf_str(&b), cut), out);
}

static void a_retry_names_the_group(void)
{
    struct scan_answer a = {};

    CHECK_OK(read_hex("1603030039"
                      "02000035"
                      "0303" RANDOM "01aa"
                      "1301"
                      "00"
                      "000c002b00020304003300020017",
                      1000, &a));
    CHECK_INT(a.version, SCAN_TLS13);
    CHECK_INT(a.group, 0x17);
    CHECK_INT(a.suite, 0x1301);
}

static void an_old_version(void)
{
    struct scan_answer a = {};

    CHECK_OK(read_hex(OLD, 1000, &a));
    CHECK_INT(a.version, SCAN_TLS10);
    CHECK_INT(a.suite, 0x002f);
    CHECK_INT(a.group, 0);
}

static void an_alert(void)
{
    struct scan_answer a = {.version = 9};

    CHECK_OK(read_hex("15030100020246", 1000, &a));
    CHECK_INT(a.version, 0);
    CHECK_INT(a.alert, 70);
}

static void cut_anywhere(void)
{
    for (size_t n = 0; n < sizeof(OLD) / 2; n++) {
        struct scan_answer a = {.version = 9};

        CHECK_RC(read_hex(OLD, n, &a), RC_AGAIN);
        CHECK_INT(a.version, 9);
    }
}

static void in_two_records(void)
{
    struct scan_answer a = {};

    CHECK_OK(read_hex("1603010002"
                      "0200"
                      "1603010028"
                      "0026"
                      "0301" RANDOM "00"
                      "002f"
                      "00",
                      1000, &a));
    CHECK_INT(a.version, SCAN_TLS10);
}

static void not_tls(void)
{
    static const char *const bad[] = {
        "5353482d322e302d4f70656e535348", /* SSH-2.0-OpenSSH */
        "485454502f312e31",               /* HTTP/1.1 */
        "15",
        "1504",           /* RC_AGAIN for the first */
        "17030100020246", /* data */
        "1603010000",     /* an empty record */
        "160301ffff",     /* one that is too long */
        "1603010004"
        "01000000",       /* not a server's message */
        "15030100020046", /* a level that there is not */
        "150301000102",   /* half an alert */
        "1603010006"
        "0200"
        "00000000", /* an empty ServerHello */
        "160301002a"
        "02000026"
        "0399" RANDOM "00"
        "002f"
        "00", /* a version that there is not */
        "160301002a"
        "02000026"
        "0301" RANDOM "21"
        "002f"
        "00", /* an id that is too long */
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct scan_answer a = {};
        enum rc rc = read_hex(bad[i], 1000, &a);

        if (rc == RC_NOMEM && mem_fail_fired())
            return;
        if (strcmp(bad[i], "15") == 0)
            CHECK_RC(rc, RC_AGAIN);
        else
            CHECK_RC(rc, RC_PARSE);
    }
}

static bool holds(struct str s, const char *what, size_t n)
{
    return s.p && memmem(s.p, s.n, what, n) != NULL;
}

static void what_is_asked(void)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(SCAN_HELLO_MAX);
    static const uint16_t groups[] = {0x001d, 0x0017};
    struct scan_hello hello = {
        .version = SCAN_TLS13, .groups = groups, .n_groups = 2, .name = STR("wiki.example")};
    struct str s;

    CHECK_OK(scan_hello_put(&hello, &out));
    s = buf_str(&out);
    CHECK(s.p);
    CHECK_INT((unsigned char)s.p[0], 22);
    CHECK_INT(((unsigned char)s.p[3] << 8) + (unsigned char)s.p[4] + 5, s.n);
    CHECK(holds(s, "wiki.example", 12));
    CHECK(holds(s, "\x00\x0a\x00\x06\x00\x04\x00\x1d\x00\x17", 10)); /* the groups */
    CHECK(holds(s, "\x00\x33\x00\x02\x00\x00", 6));                  /* no share */
    buf_reset(&out);
    hello.version = SCAN_TLS11;
    CHECK_OK(scan_hello_put(&hello, &out));
    s = buf_str(&out);
    CHECK(s.p);
    CHECK(!holds(s, "\x00\x33\x00\x02\x00\x00", 6));
    CHECK_INT((unsigned char)s.p[10], 2); /* the version, in the body */
}

static void names(void)
{
    size_t n = 0;
    const uint16_t *all = scan_groups(&n);

    CHECK(n > 0 && n <= SCAN_GROUPS_MAX);
    for (size_t i = 0; i < n; i++)
        CHECK_INT(scan_group_find(str_of(scan_group_name(all[i]))), all[i]);
    CHECK(!scan_group_name(0x1234));
    CHECK_INT(scan_group_find(STR("x25519")), 0x1d);
    CHECK_INT(scan_group_find(STR("x25518")), 0);
    CHECK(!scan_version_name(0x0300));
}

CHECK_MAIN(CHECK_TEST(a_retry_names_the_group), CHECK_TEST(an_old_version), CHECK_TEST(an_alert),
           CHECK_TEST(cut_anywhere), CHECK_TEST(in_two_records), CHECK_TEST(not_tls),
           CHECK_TEST(what_is_asked), CHECK_TEST(names))
