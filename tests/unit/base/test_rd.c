/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/rd.h"

static void reads_big_endian(void)
{
    struct rd r = rd_of(STR("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
                            "ab"));

    CHECK_INT(rd_u8(&r), 1);
    CHECK_INT(rd_u16(&r), 0x0203);
    CHECK_INT(rd_u32(&r), 0x04050607);
    CHECK(rd_u64(&r) == UINT64_C(0x08090a0b0c0d0e0f));
    CHECK_RC(rd_done(&r), RC_PARSE);
    CHECK_OK(rd_rc(&r));
    CHECK_STR(rd_bytes(&r, 2), "ab");
    CHECK_OK(rd_done(&r));
}

static void past_the_end_stays_failed(void)
{
    struct rd r = rd_of(STR("\x01\x02\x03"));

    CHECK_INT(rd_u32(&r), 0);
    CHECK_RC(rd_rc(&r), RC_PARSE);
    CHECK_RC(rd_done(&r), RC_PARSE);
    CHECK_INT(rd_u8(&r), 0);
    CHECK_INT(rd_bytes(&r, 0).n, 0);
    CHECK(rd_bytes(&r, 0).p == NULL);
    CHECK_INT(rd_rest(&r).n, 0);
    CHECK_RC(rd_done(&r), RC_PARSE);
    r = rd_of(STR("ab"));
    CHECK_INT(rd_bytes(&r, SIZE_MAX).n, 0);
    CHECK_RC(rd_rc(&r), RC_PARSE);
}

static void lengths_are_checked(void)
{
    struct rd r = rd_of(STR("\0\0\0\2abc"));

    CHECK_STR(rd_lstr(&r, 2), "ab");
    CHECK_STR(rd_rest(&r), "c");
    CHECK_OK(rd_done(&r));
    r = rd_of(STR("\0\0\0\2abc"));
    CHECK_INT(rd_lstr(&r, 1).n, 0);
    CHECK_RC(rd_rc(&r), RC_PARSE);
    r = rd_of(STR("\0\0\0\4abc"));
    CHECK_INT(rd_lstr(&r, 100).n, 0);
    CHECK_RC(rd_rc(&r), RC_PARSE);
    r = rd_of(STR("\xff\xff\xff\xff"));
    CHECK_INT(rd_lstr(&r, SIZE_MAX).n, 0);
    CHECK_RC(rd_rc(&r), RC_PARSE);
    r = rd_of(STR("\0\0\0\0"));
    CHECK_INT(rd_lstr(&r, 0).n, 0);
    CHECK_OK(rd_done(&r));
}

static void nothing_to_read(void)
{
    struct rd r = rd_of((struct str){NULL, 0});

    CHECK_INT(rd_bytes(&r, 0).n, 0);
    CHECK_INT(rd_rest(&r).n, 0);
    CHECK_OK(rd_done(&r));
    rd_fail(&r);
    CHECK_RC(rd_done(&r), RC_PARSE);
}

CHECK_MAIN(CHECK_TEST(reads_big_endian), CHECK_TEST(past_the_end_stays_failed),
           CHECK_TEST(lengths_are_checked), CHECK_TEST(nothing_to_read))
