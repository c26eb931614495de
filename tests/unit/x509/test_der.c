/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/text.h"
#include "x509/der.h"

static bool is_hex(const struct buf *b, const char *hex)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(4096);

    text_hex(&text, buf_str(b));
    return str_eq(buf_str(&text), str_of(hex));
}

/* ---- writing ---- */

static void values_are_written(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(1000);
    struct x509_der w = x509_der_of(&b);

    x509_der_open(&w, X509_DER_SEQUENCE);
    x509_der_bool(&w, true);
    x509_der_bool(&w, false);
    x509_der_null(&w);
    x509_der_u64(&w, 0);
    x509_der_u64(&w, 127);
    x509_der_u64(&w, 128);
    x509_der_u64(&w, UINT64_MAX);
    x509_der_uint(&w, str_bytes("\0\0\x81\x02", 4));
    x509_der_uint(&w, str_bytes("", 0));
    x509_der_put(&w, X509_DER_UTF8, STR("ab"));
    x509_der_open_bits(&w);
    x509_der_raw(&w, STR("\x05"));
    x509_der_close(&w);
    x509_der_close(&w);
    CHECK_OK(x509_der_end(&w));
    CHECK(is_hex(&b, "302d"
                     "0101ff"
                     "010100"
                     "0500"
                     "020100"
                     "02017f"
                     "02020080"
                     "020900ffffffffffffffff"
                     "0203008102"
                     "020100"
                     "0c026162"
                     "03020005"));
}

static void lengths_have_their_shortest_form(void)
{
    static const struct {
        size_t n;
        const char *head;
    } cases[] = {
        {0, "3000"},       {127, "307f"},       {128, "308180"},       {255, "3081ff"},
        {256, "30820100"}, {65535, "3082ffff"}, {65536, "3083010000"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(buf_done) struct buf nested = BUF_INIT(70000);
        CLEANUP(buf_done) struct buf put = BUF_INIT(70000);
        CLEANUP(buf_done) struct buf content = BUF_INIT(70000);
        struct x509_der w = x509_der_of(&nested);
        struct x509_der v = x509_der_of(&put);
        char *zeros;

        zeros = buf_reserve(&content, cases[i].n);
        CHECK(zeros != NULL);
        memset(zeros, 'z', cases[i].n);
        buf_advance(&content, cases[i].n);
        x509_der_open(&w, X509_DER_SEQUENCE);
        x509_der_raw(&w, buf_str(&content));
        x509_der_close(&w);
        x509_der_put(&v, X509_DER_SEQUENCE, buf_str(&content));
        CHECK_OK(x509_der_end(&w));
        CHECK_OK(x509_der_end(&v));
        CHECK(str_eq(buf_str(&nested), buf_str(&put)));
        CHECK_INT(nested.n, cases[i].n + strlen(cases[i].head) / 2);
        nested.n = strlen(cases[i].head) / 2;
        CHECK(is_hex(&nested, cases[i].head));
    }
}

static void named_bits_lose_trailing_zeros(void)
{
    static const struct {
        uint16_t bits;
        const char *hex;
    } cases[] = {
        {0, "030100"},      {1, "03020780"},    {1 << 7, "03020001"},   {1 << 8, "0303070080"},
        {0x05, "030205a0"}, {0x60, "03020106"}, {0xffff, "030300ffff"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(buf_done) struct buf b = BUF_INIT(100);
        struct x509_der w = x509_der_of(&b);
        struct rd r;

        x509_der_named_bits(&w, cases[i].bits);
        CHECK_OK(x509_der_end(&w));
        CHECK(is_hex(&b, cases[i].hex));
        r = rd_of(buf_str(&b));
        CHECK_INT(x509_der_get_named_bits(&r), cases[i].bits);
        CHECK_OK(rd_done(&r));
    }
}

static void times_follow_rfc_5280(void)
{
    static const struct {
        const char *when;
        const char *der; /* tag, length, text */
    } cases[] = {
        {"1970-01-01T00:00:00Z", "\x17\x0d"
                                 "700101000000Z"},
        {"2026-11-20T18:24:05Z", "\x17\x0d"
                                 "261120182405Z"},
        {"2049-12-31T23:59:59Z", "\x17\x0d"
                                 "491231235959Z"},
        {"2050-01-01T00:00:00Z", "\x18\x0f"
                                 "20500101000000Z"},
        {"9999-12-31T23:59:59Z", "\x18\x0f"
                                 "99991231235959Z"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(buf_done) struct buf b = BUF_INIT(100);
        struct x509_der w = x509_der_of(&b);
        struct rd r = rd_of(str_of(cases[i].der));
        when_t t;

        CHECK_OK(when_parse(str_of(cases[i].when), &t));
        x509_der_time(&w, t);
        CHECK_OK(x509_der_end(&w));
        CHECK_STR(buf_str(&b), cases[i].der);
        CHECK(x509_der_get_time(&r) == t);
        CHECK_OK(rd_done(&r));
    }
}

static void unbalanced_writing_fails(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(1000);
    struct x509_der w = x509_der_of(&b);

    x509_der_open(&w, X509_DER_SEQUENCE);
    CHECK_RC(x509_der_end(&w), RC_INVAL);
    x509_der_close(&w);
    CHECK_OK(x509_der_end(&w));
    x509_der_close(&w);
    x509_der_open(&w, X509_DER_SEQUENCE); /* so that the count is even again */
    CHECK_RC(x509_der_end(&w), RC_INVAL);
    buf_reset(&b);
    w = x509_der_of(&b);
    for (size_t i = 0; i <= X509_DER_DEPTH_MAX; i++)
        x509_der_open(&w, X509_DER_SEQUENCE);
    for (size_t i = 0; i <= X509_DER_DEPTH_MAX; i++)
        x509_der_close(&w);
    CHECK_RC(x509_der_end(&w), RC_INVAL);
    buf_reset(&b);
    w = x509_der_of(&b);
    x509_der_time(&w, -1);
    CHECK_RC(x509_der_end(&w), RC_INVAL);
}

static void limit_of_the_buffer_holds(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(130);
    struct x509_der w = x509_der_of(&b);

    x509_der_open(&w, X509_DER_SEQUENCE);
    for (size_t i = 0; i < 128; i++)
        x509_der_raw(&w, STR("x"));
    CHECK_OK(buf_rc(&b));
    x509_der_close(&w); /* the length needs a second byte */
    CHECK_RC(x509_der_end(&w), RC_TOOBIG);
}

/* ---- reading ---- */

/* The cursor over `hex` decoded into `b`. */
static struct rd cursor(const char *hex, struct buf *b)
{
    buf_init(b, 4096);
    if (text_unhex(str_of(hex), b) != RC_OK)
        return (struct rd){.failed = true};
    return rd_of(buf_str(b));
}

static void values_are_read(void)
{
    CLEANUP(buf_done) struct buf b = {};
    struct rd r = cursor("30150101ff0500020200800c026162810100a1000601550202", &b), in;
    struct str v;
    uint8_t tag;

    CHECK(!r.failed);
    CHECK_INT(x509_der_peek(&r), X509_DER_SEQUENCE);
    in = x509_der_in(&r, X509_DER_SEQUENCE);
    CHECK(x509_der_get_bool(&in));
    CHECK(!x509_der_opt(&in, X509_DER_BOOLEAN, &v));
    CHECK(x509_der_opt(&in, X509_DER_NULL, &v) && v.n == 0);
    CHECK_INT(x509_der_get_u32(&in), 128);
    CHECK_STR(x509_der_get(&in, X509_DER_UTF8), "ab");
    CHECK_INT(x509_der_any(&in, &tag).n, 3);
    CHECK_INT(tag, X509_DER_CONTEXT(0) + 1);
    CHECK(x509_der_opt(&in, X509_DER_CONTEXT_IN(1), &v) && v.n == 0);
    CHECK_INT(x509_der_get(&in, X509_DER_OID).n, 1);
    CHECK_OK(rd_done(&in));
    CHECK_INT(x509_der_peek(&in), 0);
    CHECK_RC(rd_done(&r), RC_PARSE); /* 0202 is left over */
}

static void bad_forms_are_refused(void)
{
    static const char *const any[] = {
        "",       "30",       "3001",     "308000",     "30800000",
        "308100", "30817f",   "30820080", "3083000100", "308400000001",
        "1f0100", "3f810100", "0000",     "0001",       "30ff",
    };

    for (size_t i = 0; i < sizeof(any) / sizeof(any[0]); i++) {
        CLEANUP(buf_done) struct buf b = {};
        struct rd r = cursor(any[i], &b);

        CHECK(!r.failed);
        CHECK_INT(x509_der_any(&r, NULL).n, 0);
        CHECK(r.failed);
        CHECK_RC(x509_der_check(buf_str(&b)), RC_PARSE);
    }
}

static void bad_integers_are_refused(void)
{
    static const char *const bad[] = {"0200",           "0280",     "020180",
                                      "02020001",       "0202007f", "0202ff80",
                                      "02050100000000", "0301",     "020101ff"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CLEANUP(buf_done) struct buf b = {};
        struct rd r = cursor(bad[i], &b);

        CHECK(!r.failed);
        x509_der_get_u32(&r);
        CHECK_RC(rd_done(&r), RC_PARSE);
    }
}

static void big_integers_lose_the_sign_byte(void)
{
    CLEANUP(buf_done) struct buf b = {};
    CLEANUP(buf_done) struct buf c = {};
    struct rd r = cursor("020200ff020100", &b);

    CHECK(!r.failed);
    CHECK_STR(x509_der_get_uint(&r, 1), "\xff");
    CHECK(str_eq(x509_der_get_uint(&r, 1), str_bytes("", 1)));
    CHECK_OK(rd_done(&r));
    r = cursor("02020100", &c);
    CHECK(!r.failed);
    CHECK_INT(x509_der_get_uint(&r, 1).n, 0);
    CHECK(r.failed);
}

static void bad_booleans_and_bits_are_refused(void)
{
    static const char *const bools[] = {"0100", "010101", "0101fe", "01020000", "0101"};
    static const char *const bits[] = {"0300",     "030108",   "030101",       "03020080",
                                       "03020881", "030302ff", "0304000000ff", "030200"};

    for (size_t i = 0; i < sizeof(bools) / sizeof(bools[0]); i++) {
        CLEANUP(buf_done) struct buf b = {};
        struct rd r = cursor(bools[i], &b);

        CHECK(!r.failed);
        CHECK(!x509_der_get_bool(&r) && r.failed);
    }
    for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
        CLEANUP(buf_done) struct buf b = {};
        struct rd r = cursor(bits[i], &b);

        x509_der_get_named_bits(&r);
        CHECK(r.failed);
    }
}

static void whole_bytes_only(void)
{
    CLEANUP(buf_done) struct buf b = {};
    CLEANUP(buf_done) struct buf c = {};
    struct rd r = cursor("03020055", &b);

    CHECK(!r.failed);
    CHECK_STR(x509_der_get_bits(&r), "U");
    r = cursor("03020154", &c);
    CHECK(!r.failed);
    CHECK_INT(x509_der_get_bits(&r).n, 0);
    CHECK(r.failed);
}

static void bad_times_are_refused(void)
{
    static const char *const bad[] = {
        "\x17\x0b"
        "2611201824Z",
        "\x17\x0d"
        "261120182405+",
        "\x17\x0d"
        "261320182405Z",
        "\x17\x0d"
        "260230182405Z",
        "\x17\x0d"
        "261120182460Z",
        "\x17\x0d"
        "26112018240 Z",
        "\x17\x0d"
        "26112018240:Z",
        "\x17\x0d"
        "691231235959Z",
        "\x18\x0f"
        "20491231235959Z",
        "\x18\x0f"
        "19500101000000Z",
        "\x18\x11"
        "20500101000000.5Z",
        "\x17\x0f"
        "20500101000000Z",
        "\x0c\x0d"
        "261120182405Z",
        "\x17\x0e"
        "261120182405Z ",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct rd r = rd_of(str_of(bad[i]));

        CHECK(x509_der_get_time(&r) == 0);
        CHECK(r.failed);
    }
}

static void failure_sticks(void)
{
    CLEANUP(buf_done) struct buf b = {};
    struct rd r = cursor("020101020102", &b), in;
    struct str v = {NULL, 7};

    CHECK(!r.failed);
    x509_der_get(&r, X509_DER_SEQUENCE);
    CHECK(r.failed);
    CHECK_INT(x509_der_peek(&r), 0);
    CHECK_INT(x509_der_get_u32(&r), 0);
    CHECK(!x509_der_opt(&r, X509_DER_INTEGER, &v) && v.n == 7);
    in = x509_der_in(&r, X509_DER_SEQUENCE);
    CHECK(in.failed && rd_done(&in) == RC_PARSE);
}

/* ---- the whole ---- */

static void nesting_is_checked(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(100);
    CLEANUP(buf_done) struct buf deep = BUF_INIT(100);
    struct x509_der w = x509_der_of(&deep);
    static const struct {
        const char *hex;
        enum rc rc;
    } cases[] = {
        {"0500", RC_OK},
        {"3000", RC_OK},
        {"300430003000", RC_OK},
        {"30053000020101", RC_OK},
        {"30053000020201", RC_PARSE},
        {"300530000281", RC_PARSE},
        {"05000500", RC_PARSE},
        {"30023081", RC_PARSE},
        {"a003020101", RC_OK},
        {"8003020101", RC_OK},
        {"8003020201", RC_OK},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        buf_reset(&b);
        if (text_unhex(str_of(cases[i].hex), &b) != RC_OK) {
            CHECK(cases[i].rc == RC_PARSE);
            continue;
        }
        CHECK_RC(x509_der_check(buf_str(&b)), cases[i].rc);
    }
    for (size_t i = 0; i < X509_DER_DEPTH_MAX; i++)
        x509_der_open(&w, X509_DER_SEQUENCE);
    for (size_t i = 0; i < X509_DER_DEPTH_MAX; i++)
        x509_der_close(&w);
    CHECK_OK(x509_der_end(&w));
    CHECK_OK(x509_der_check(buf_str(&deep)));
    buf_reset(&b);
    buf_u8(&b, X509_DER_SEQUENCE);
    buf_u8(&b, (uint8_t)deep.n);
    buf_puts(&b, buf_str(&deep));
    CHECK_OK(buf_rc(&b));
    CHECK_RC(x509_der_check(buf_str(&b)), RC_TOOBIG);
}

CHECK_MAIN(CHECK_TEST(values_are_written), CHECK_TEST(lengths_have_their_shortest_form),
           CHECK_TEST(named_bits_lose_trailing_zeros), CHECK_TEST(times_follow_rfc_5280),
           CHECK_TEST(unbalanced_writing_fails), CHECK_TEST(limit_of_the_buffer_holds),
           CHECK_TEST(values_are_read), CHECK_TEST(bad_forms_are_refused),
           CHECK_TEST(bad_integers_are_refused), CHECK_TEST(big_integers_lose_the_sign_byte),
           CHECK_TEST(bad_booleans_and_bits_are_refused), CHECK_TEST(whole_bytes_only),
           CHECK_TEST(bad_times_are_refused), CHECK_TEST(failure_sticks),
           CHECK_TEST(nesting_is_checked))
