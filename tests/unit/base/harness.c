/* SPDX-License-Identifier: Apache-2.0 */
/* What the harness must find. Each case runs as a program of its own, HARNESS naming it, and meson
 * says whether it is to pass or to fail, with and without the failing-allocation mode. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

static void *kept;

/* Forgets the first block when the second cannot be had. */
static void leaks_on_failure(void)
{
    char *first = mem_alloc(10);
    CLEANUP(mem_freep) char *second = NULL;

    CHECK(first);
    second = mem_alloc(10);
    if (!second)
        return;
    mem_free(first);
}

/* The same allocation in each round; where it fails in round `bad`, a block is lost. */
static void rounds(int bad)
{
    for (int i = 0; i < 9; i++) {
        CLEANUP(mem_freep) char *block = mem_alloc(10);

        if (!block) {
            mem_fail_hold(true);
            kept = i == bad ? mem_alloc(10) : NULL;
            mem_fail_hold(false);
            return;
        }
    }
}

/* What "ways" passes over, and what it does not. */
static void leaks_in_the_middle(void)
{
    rounds(4);
}

static void leaks_at_last(void)
{
    rounds(8);
}

/* Stays on the stack: neither inlined nor left for its last call. */
[[gnu::noinline]] static bool another_way(bool lose)
{
    rounds(lose ? 0 : -1);
    return lose;
}

static void leaks_another_way(void)
{
    rounds(-1);
    CHECK(another_way(true));
}

static void leaks_always(void)
{
    kept = mem_alloc(10);
    CHECK(kept);
}

static void clean(void)
{
    CLEANUP(mem_freep) char *first = NULL;
    CLEANUP(mem_freep) char *second = NULL;

    first = mem_alloc(10);
    CHECK(first);
    second = mem_realloc(NULL, 10);
    CHECK(second);
}

/* A wrong result where no allocation failed. */
static void wrong(void)
{
    CLEANUP(mem_freep) char *block = mem_alloc(10);

    CHECK(block);
    CHECK_INT(1 + 1, 3);
}

static void wrong_rc(void)
{
    CHECK_OK(RC_PARSE);
}

static void wrong_str(void)
{
    CHECK_STR(STR("a"), "b");
}

int main(void)
{
    static const struct check_test tests[] = {
        CHECK_TEST(leaks_on_failure),
        CHECK_TEST(leaks_in_the_middle),
        CHECK_TEST(leaks_at_last),
        CHECK_TEST(leaks_another_way),
        CHECK_TEST(leaks_always),
        CHECK_TEST(clean),
        CHECK_TEST(wrong),
        CHECK_TEST(wrong_rc),
        CHECK_TEST(wrong_str),
    };
    const char *name = getenv("HARNESS");

    for (size_t i = 0; name && i < sizeof(tests) / sizeof(tests[0]); i++)
        if (strcmp(tests[i].name, name) == 0)
            return check_run(&tests[i], 1);
    /* Not 1: a case that is to fail must not seem to when it did not run. */
    fprintf(stderr, "HARNESS names no case\n");
    return 99;
}
