/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

static const struct str none = {NULL, 0};

static void compares(void)
{
    CHECK(str_eq(none, STR("")));
    CHECK(str_eq(STR("a\0b"), STR("a\0b")));
    CHECK(!str_eq(STR("a\0b"), STR("a\0c")));
    CHECK(!str_eq(STR("a"), STR("ab")));
    CHECK(str_ieq(STR("Wiki-1"), STR("wIKI-1")));
    CHECK(!str_ieq(STR("@"), STR("`")) &&
          !str_ieq(STR("["), STR("{"))); /* differ in the bit of case but are no letters */
    CHECK(!str_ieq(STR("\xc4"), STR("\xe4")));
    CHECK(!str_ieq(STR("a"), STR("ab")));
    CHECK_INT(str_cmp(STR("a"), STR("b")), -1);
    CHECK_INT(str_cmp(STR("b"), STR("a")), 1);
    CHECK_INT(str_cmp(STR("a"), STR("ab")), -1);
    CHECK_INT(str_cmp(STR("ab"), STR("a")), 1);
    CHECK_INT(str_cmp(none, STR("")), 0);
    CHECK_INT(str_cmp(STR("\x7f"), STR("\x80")), -1);
    CHECK(str_eq_ct(STR("abc"), STR("abc")) && str_eq_ct(none, none));
    CHECK(!str_eq_ct(STR("abc"), STR("abd")) && !str_eq_ct(STR("xbc"), STR("abc")));
    CHECK(!str_eq_ct(STR("abc"), STR("ab")));
    CHECK(str_starts(STR("abc"), STR("ab")) && str_starts(none, none));
    CHECK(!str_starts(STR("ab"), STR("abc")) && !str_starts(STR("abc"), STR("b")));
    CHECK(str_ends(STR("abc"), STR("bc")) && str_ends(STR("a"), none));
    CHECK(!str_ends(STR("bc"), STR("abc")) && !str_ends(STR("abc"), STR("b")));
    CHECK_INT(str_of(NULL).n, 0);
}

static void slices(void)
{
    struct str s = STR("hello");

    CHECK_STR(str_skip(s, 0), "hello");
    CHECK_STR(str_skip(s, 2), "llo");
    CHECK_STR(str_skip(s, 5), "");
    CHECK_STR(str_skip(s, 99), "");
    CHECK(str_skip(s, 99).p == s.p + 5);
    CHECK_INT(str_skip(none, 3).n, 0);
    CHECK_STR(str_head(s, 2), "he");
    CHECK_STR(str_head(s, 99), "hello");
    CHECK_STR(str_trim(STR(" \t\r\n a b \n")), "a b");
    CHECK_STR(str_trim(STR(" \n ")), "");
    CHECK_STR(str_trim(none), "");
    CHECK_INT(str_find(s, 'l'), 2);
    CHECK_INT(str_find(s, 'x'), 5);
    CHECK_INT(str_find(none, 'x'), 0);
}

static void cuts_and_fields(void)
{
    struct str head, tail, rest, field;

    CHECK(str_cut(STR("k=v=w"), '=', &head, &tail));
    CHECK_STR(head, "k");
    CHECK_STR(tail, "v=w");
    CHECK(!str_cut(STR("kv"), '=', &head, &tail));
    CHECK_STR(head, "kv");
    CHECK_STR(tail, "");
    CHECK(str_cut(STR("="), '=', &head, &tail));
    CHECK(head.n == 0 && tail.n == 0);

    rest = STR("a,,b");
    CHECK(str_next(&rest, ',', &field));
    CHECK_STR(field, "a");
    CHECK(str_next(&rest, ',', &field));
    CHECK_STR(field, "");
    CHECK(str_next(&rest, ',', &field));
    CHECK_STR(field, "b");
    CHECK(!str_next(&rest, ',', &field));
    rest = none;
    CHECK(!str_next(&rest, ',', &field));
}

static void reads_numbers(void)
{
    uint64_t v = 7;

    CHECK_RC(str_u64(STR(""), 10, &v), RC_PARSE);
    CHECK_RC(str_u64(STR("-1"), 10, &v), RC_PARSE);
    CHECK_RC(str_u64(STR("+1"), 10, &v), RC_PARSE);
    CHECK_RC(str_u64(STR(" 1"), 10, &v), RC_PARSE);
    CHECK_RC(str_u64(STR("1 "), 10, &v), RC_PARSE);
    CHECK_RC(str_u64(STR("0x1"), 10, &v), RC_PARSE);
    CHECK_RC(str_u64(STR("11"), 10, &v), RC_TOOBIG);
    CHECK_RC(str_u64(STR("18446744073709551616"), UINT64_MAX, &v), RC_TOOBIG);
    CHECK_RC(str_u64(STR("99999999999999999999"), UINT64_MAX, &v), RC_TOOBIG);
    CHECK_INT(v, 7);
    CHECK_OK(str_u64(STR("10"), 10, &v));
    CHECK_INT(v, 10);
    CHECK_OK(str_u64(STR("18446744073709551615"), UINT64_MAX, &v));
    CHECK(v == UINT64_MAX);
}

static void copies_terminated(void)
{
    char z[4] = "???";

    CHECK_RC(str_copyz(STR("abcd"), z, sizeof(z)), RC_TOOBIG);
    CHECK_RC(str_copyz(STR("a\0b"), z, sizeof(z)), RC_PARSE);
    CHECK_RC(str_copyz(none, z, 0), RC_TOOBIG);
    CHECK_STR(str_of(z), "???");
    CHECK_OK(str_copyz(STR("abc"), z, sizeof(z)));
    CHECK_STR(str_of(z), "abc");
    CHECK_OK(str_copyz(none, z, sizeof(z)));
    CHECK_STR(str_of(z), "");
}

static void tells_text_from_bytes(void)
{
    static const struct str good[] = {
        {"", 0},
        {"plain\t\r\n", 8},
        {"\xc2\xa0", 2},
        {"\xdf\xbf", 2},
        {"\xe0\xa0\x80", 3},
        {"\xed\x9f\xbf", 3},
        {"\xee\x80\x80", 3},
        {"\xef\xbf\xbf", 3},
        {"\xf0\x90\x80\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
    };
    static const struct str bad[] = {
        {"\x00", 1},
        {"\x1b[m", 3},
        {"\x7f", 1},
        {"\xc2\x80", 2},
        {"\xc2\x9f", 2}, /* C1 controls */
        {"\x80", 1},
        {"\xbf", 1},
        {"\xc2", 1},
        {"\xc2\x41", 2},
        {"\xc0\xaf", 2},
        {"\xc1\xbf", 2}, /* overlong */
        {"\xe0\x9f\xbf", 3},
        {"\xe2\x82", 2},
        {"\xed\xa0\x80", 3}, /* surrogates */
        {"\xed\xbf\xbf", 3},
        {"\xf0\x8f\xbf\xbf", 4},
        {"\xf0\x9f\x92", 3},
        {"\xf4\x90\x80\x80", 4},
        {"\xf5\x80\x80\x80", 4},
        {"\xff", 1},
        {"\xfe", 1},
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        CHECK(str_utf8(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!str_utf8(bad[i]));
    CHECK(str_printable(STR(" ~")) && str_printable(none));
    CHECK(!str_printable(STR("\x1f")) && !str_printable(STR("\x7f")) &&
          !str_printable(STR("\xa0")));
}

static void decodes_characters(void)
{
    uint32_t cp = 7;

    CHECK_INT(str_utf8_next(none, &cp), 0);
    CHECK_INT(str_utf8_next(STR("\xe2\x82"), &cp), 0);
    CHECK_INT(cp, 7);
    CHECK_INT(str_utf8_next(STR("\0x"), &cp), 1);
    CHECK_INT(cp, 0);
    CHECK_INT(str_utf8_next(STR("\xe2\x82\xac\x80"), &cp), 3);
    CHECK_INT(cp, 0x20ac);
    CHECK_INT(str_utf8_next(STR("\xf0\x9f\x92\xa1"), &cp), 4);
    CHECK_INT(cp, 0x1f4a1);
}

static void cuts_between_characters(void)
{
    struct str s = STR("a\xe2\x82\xac"
                       "b");

    CHECK_STR(str_utf8_head(s, 5), "a\xe2\x82\xac"
                                   "b");
    CHECK_STR(str_utf8_head(s, 9), "a\xe2\x82\xac"
                                   "b");
    CHECK_STR(str_utf8_head(s, 4), "a\xe2\x82\xac");
    CHECK_STR(str_utf8_head(s, 3), "a");
    CHECK_STR(str_utf8_head(s, 2), "a");
    CHECK_STR(str_utf8_head(s, 1), "a");
    CHECK_STR(str_utf8_head(s, 0), "");
    /* Not UTF-8: cut somewhere, but not beyond the place. */
    CHECK(str_utf8_head(STR("\x80\x80\x80\x80\x80\x80"), 5).n <= 5);
    CHECK_INT(str_utf8_head(STR("\x80\x80"), 1).n, 0);
}

CHECK_MAIN(CHECK_TEST(compares), CHECK_TEST(slices), CHECK_TEST(cuts_and_fields),
           CHECK_TEST(reads_numbers), CHECK_TEST(copies_terminated),
           CHECK_TEST(tells_text_from_bytes), CHECK_TEST(decodes_characters),
           CHECK_TEST(cuts_between_characters))
