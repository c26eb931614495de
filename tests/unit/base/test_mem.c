/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

static void zero_size_gives_a_block(void)
{
    CLEANUP(mem_freep) char *a = mem_alloc(0);
    CLEANUP(mem_freep) char *b = NULL;
    CLEANUP(mem_freep) char *c = NULL;

    CHECK(a);
    b = mem_calloc(0, 8);
    CHECK(b && a != b);
    c = mem_dup(NULL, 0);
    CHECK(c);
}

static void calloc_zeroes_and_refuses_overflow(void)
{
    CLEANUP(mem_freep) unsigned char *p = mem_calloc(16, 4);
    volatile size_t huge = SIZE_MAX / 2;

    CHECK(p);
    for (size_t i = 0; i < 64; i++)
        CHECK_INT(p[i], 0);
    CHECK(mem_calloc(huge, 4) == NULL);
}

static void realloc_keeps_content_also_on_failure(void)
{
    CLEANUP(mem_freep) char *p = mem_strdup("content");
    char *bigger;

    CHECK(p);
    CHECK_STR(str_of(p), "content");
    bigger = mem_realloc(p, 4096);
    if (!bigger)
        assert_string_equal(p, "content");
    CHECK(bigger);
    p = bigger;
    CHECK_STR(str_of(p), "content");
}

static void live_counts_blocks(void)
{
    size_t before = mem_live();
    char *a = mem_alloc(1);
    char *b = mem_dup("xy", 2);
    char *c = mem_realloc(NULL, 1);

    CHECK(a && b && c);
    CHECK_INT(mem_live() - before, 3);
    b = mem_realloc(b, 100);
    CHECK(b);
    CHECK_INT(mem_live() - before, 3);
    mem_free(a);
    mem_free(b);
    mem_free(c);
    mem_free(NULL);
    CHECK_INT(mem_live() - before, 0);
}

static void nth_allocation_fails_once(void)
{
    CLEANUP(mem_freep) char *a = NULL;
    CLEANUP(mem_freep) char *b = NULL;

    mem_fail_at(2);
    a = mem_alloc(1);
    assert_non_null(a);
    assert_false(mem_fail_fired());
    assert_null(mem_realloc(a, 100));
    assert_true(mem_fail_fired());
    b = mem_calloc(1, 1);
    assert_non_null(b);
    mem_fail_at(0);
    assert_false(mem_fail_fired());
}

struct thing {
    int n;
};

static int freed;

static void thing_free(struct thing *t)
{
    freed += t != NULL;
    mem_free(t);
}
DEFINE_FREEP(thing_free, struct thing)

static bool thing_make(bool keep, struct thing **out)
{
    CLEANUP(thing_freep) struct thing *t = MEM_NEW(struct thing);

    if (!t)
        return false;
    if (keep)
        *out = MOVE(t);
    return true;
}

static void cleanup_frees_what_was_not_moved(void)
{
    CLEANUP(thing_freep) struct thing *t = NULL;

    freed = 0;
    CHECK(thing_make(false, &t));
    CHECK(!t);
    CHECK_INT(freed, 1);
    CHECK(thing_make(true, &t));
    CHECK(t && t->n == 0);
    CHECK_INT(freed, 1);
}

CHECK_MAIN(CHECK_TEST(zero_size_gives_a_block), CHECK_TEST(calloc_zeroes_and_refuses_overflow),
           CHECK_TEST(realloc_keeps_content_also_on_failure), CHECK_TEST_ONCE(live_counts_blocks),
           CHECK_TEST_ONCE(nth_allocation_fails_once), CHECK_TEST(cleanup_frees_what_was_not_moved))
