/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/arena.h"

static void zeroed_aligned_apart(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    unsigned char *last = NULL;

    for (size_t n = 0; n < 300; n++) {
        unsigned char *p = arena_alloc(&a, n);

        CHECK(p && p != last);
        CHECK_INT((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < n; i++)
            CHECK_INT(p[i], 0);
        memset(p, 0xff, n);
        last = p;
    }
}

static void cap_is_hard(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(10'000);

    CHECK(!arena_alloc(&a, 10'001));
    CHECK(!arena_alloc(&a, SIZE_MAX));
    CHECK(arena_alloc(&a, 9'000));
    CHECK(!arena_alloc(&a, 1'001));
    CHECK(arena_alloc(&a, 500));
    CHECK(!arena_alloc(&a, 501));
    arena_done(&a);
    CHECK(arena_alloc(&a, 9'999));
}

static void arrays_do_not_overflow(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(SIZE_MAX);
    uint64_t *v;
    volatile size_t huge = SIZE_MAX / 8 + 2;

    v = ARENA_ARRAY(&a, uint64_t, 3);
    CHECK(v && v[0] == 0 && v[2] == 0);
    CHECK(!ARENA_ARRAY(&a, uint64_t, huge));
    CHECK(!arena_alloc(&a, SIZE_MAX));
    CHECK(!arena_alloc(&a, SIZE_MAX - 5'000));
    CHECK(ARENA_NEW(&a, struct str));
}

static void copies_and_prints(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(100);
    struct str s = STR("untouched");

    CHECK_RC(arena_str(&a, str_bytes("", SIZE_MAX), &s), RC_NOMEM);
    CHECK_STR(s, "untouched");
    CHECK_OK(arena_str(&a, STR("abc"), &s));
    CHECK_STR(s, "abc");
    CHECK_INT(s.p[3], 0);
    CHECK_OK(arena_str(&a, (struct str){NULL, 0}, &s));
    CHECK(s.n == 0 && s.p && s.p[0] == '\0');
    s = arena_printf(&a, "%d-%s", 42, "x");
    CHECK_STR(s, "42-x");
    CHECK_INT(s.p[4], 0);
    s = arena_printf(&a, "%0200d", 1);
    CHECK(!s.p && s.n == 0);
}

CHECK_MAIN(CHECK_TEST(zeroed_aligned_apart), CHECK_TEST(cap_is_hard),
           CHECK_TEST(arrays_do_not_overflow), CHECK_TEST(copies_and_prints))
