/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/buf.h"
#include "base/rd.h"

static void writes_what_rd_reads(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(100);
    struct rd r;

    buf_u8(&b, 0x12);
    buf_u16(&b, 0x3456);
    buf_u32(&b, 0x789abcde);
    buf_u64(&b, UINT64_C(0x0123456789abcdef));
    buf_lstr(&b, STR("xyz"));
    buf_put(&b, NULL, 0);
    buf_puts(&b, STR("p"));
    buf_putz(&b, "q");
    buf_put_lower(&b, STR("aZ@["));
    CHECK_OK(buf_rc(&b));
    CHECK_INT(buf_str(&b).n, 28);
    CHECK(memcmp(buf_str(&b).p, "\x12\x34\x56\x78", 4) == 0);
    r = rd_of(buf_str(&b));
    CHECK_INT(rd_u8(&r), 0x12);
    CHECK_INT(rd_u16(&r), 0x3456);
    CHECK_INT(rd_u32(&r), 0x789abcde);
    CHECK(rd_u64(&r) == UINT64_C(0x0123456789abcdef));
    CHECK_STR(rd_lstr(&r, 3), "xyz");
    CHECK_STR(rd_rest(&r), "pqaz@[");
}

static void limit_is_exact_and_failure_sticks(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(4);

    buf_putz(&b, "abcd");
    CHECK_STR(buf_str(&b), "abcd");
    CHECK_STR(str_of(buf_z(&b)), "abcd");
    buf_put(&b, NULL, 0);
    CHECK_OK(buf_rc(&b));
    buf_putz(&b, "e");
    CHECK_RC(buf_rc(&b), RC_TOOBIG);
    CHECK_INT(buf_str(&b).n, 0);
    CHECK_STR(str_of(buf_z(&b)), "");
    buf_fail(&b, RC_IO);
    buf_put(&b, NULL, 0);
    CHECK_RC(buf_rc(&b), RC_TOOBIG);
    buf_reset(&b);
    CHECK_OK(buf_rc(&b));
    CHECK_INT(buf_str(&b).n, 0);
    CHECK(!buf_reserve(&b, SIZE_MAX));
    CHECK_RC(buf_rc(&b), RC_TOOBIG);
}

static void grows_in_steps(void)
{
    CLEANUP(buf_done) struct buf b = {};

    buf_init(&b, 100'000);
    for (size_t i = 0; i < 100'000; i++)
        buf_u8(&b, (uint8_t)(i % 251));
    CHECK_OK(buf_rc(&b));
    CHECK_INT(buf_str(&b).n, 100'000);
    for (size_t i = 0; i < 100'000; i++)
        CHECK((unsigned char)buf_str(&b).p[i] == i % 251);
    CHECK(b.cap <= 100'001);
    buf_u8(&b, 0);
    CHECK_RC(buf_rc(&b), RC_TOOBIG);
}

/* The terminator has room at every length, the powers of two included. */
static void terminates_at_every_length(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(1024);

    for (size_t n = 1; n <= 1024; n++) {
        buf_u8(&b, 'x');
        CHECK_INT(strlen(buf_z(&b)), n);
    }
    for (size_t n = 1; n <= 1024; n++) {
        CLEANUP(buf_done) struct buf whole = BUF_INIT(2048);

        buf_puts(&whole, str_bytes(b.p, n));
        CHECK_INT(strlen(buf_z(&whole)), n);
    }
}

static void prints(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(600);

    buf_printf(&b, "%s=%d;", "x", -5);
    CHECK_STR(buf_str(&b), "x=-5;");
    buf_printf(&b, "%0500d", 1);
    CHECK_INT(buf_str(&b).n, 505);
    buf_printf(&b, "%095d", 1);
    CHECK_INT(buf_str(&b).n, 600);
    buf_printf(&b, "%s", "");
    CHECK_OK(buf_rc(&b));
    buf_printf(&b, "%d", 1);
    CHECK_RC(buf_rc(&b), RC_TOOBIG);
}

static void consumes(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(10);

    buf_consume(&b, 1);
    buf_putz(&b, "abcdef");
    buf_consume(&b, 0);
    buf_consume(&b, 2);
    CHECK_STR(buf_str(&b), "cdef");
    buf_putz(&b, "ghijkl");
    CHECK_STR(buf_str(&b), "cdefghijkl");
    buf_consume(&b, 11);
    CHECK_INT(buf_str(&b).n, 0);
    CHECK_OK(buf_rc(&b));
}

static void gives_away_its_memory(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(10);
    CLEANUP(mem_freep) char *taken = NULL;
    CLEANUP(mem_freep) char *nothing = NULL;
    size_t n = 7;

    buf_fail(&b, RC_IO);
    CHECK_RC(buf_take(&b, &taken, &n), RC_IO);
    CHECK(!taken && n == 7);
    buf_reset(&b);
    buf_putz(&b, "abc");
    CHECK_OK(buf_take(&b, &taken, &n));
    CHECK_INT(n, 3);
    CHECK_STR(str_of(taken), "abc");
    CHECK_INT(buf_str(&b).n, 0);
    CHECK_OK(buf_take(&b, &nothing, &n));
    CHECK(nothing && n == 0 && nothing[0] == '\0');
    buf_putz(&b, "again");
    CHECK_STR(buf_str(&b), "again");
}

static void reserve_then_advance(void)
{
    CLEANUP(buf_wipe) struct buf b = BUF_INIT(10);
    char *at;

    CHECK_STR(str_of(buf_z(&b)), "");
    at = buf_reserve(&b, 5);
    CHECK(at);
    memcpy(at, "xy", 2);
    buf_advance(&b, 2);
    CHECK_STR(buf_str(&b), "xy");
    buf_fail(&b, RC_PARSE);
    buf_advance(&b, 3);
    CHECK_INT(b.n, 2);
    CHECK(!buf_reserve(&b, 0));
}

static void done_twice(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(10);

    buf_putz(&b, "x");
    buf_done(&b);
    buf_done(NULL);
    buf_wipe(NULL);
    CHECK(!b.p);
    CHECK_INT(b.max, 10);
    buf_putz(&b, "y");
    CHECK_STR(buf_str(&b), "y");
}

CHECK_MAIN(CHECK_TEST(writes_what_rd_reads), CHECK_TEST(limit_is_exact_and_failure_sticks),
           CHECK_TEST(grows_in_steps), CHECK_TEST_ONCE(terminates_at_every_length),
           CHECK_TEST(prints), CHECK_TEST(consumes), CHECK_TEST(gives_away_its_memory),
           CHECK_TEST(reserve_then_advance), CHECK_TEST(done_twice))
