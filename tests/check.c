/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

enum { TESTS_MAX = 200, FAIL_MAX = 100000 };

static void run_once(const struct check_test *t, unsigned long fail_at)
{
    size_t before = mem_live();

    mem_fail_at(fail_at);
    t->fn();
    mem_fail_at(0);
    if (mem_live() != before)
        fail_msg("%s: %zu blocks leaked, allocation %lu having failed (0: none)", t->name,
                 mem_live() - before, fail_at);
}

/* Runs with the n-th allocation failing, n rising, until a whole run met no failure. */
static void torture(const struct check_test *t)
{
    for (unsigned long n = 1; n < FAIL_MAX; n++) {
        size_t before = mem_live();
        bool fired;

        mem_fail_at(n);
        t->fn();
        fired = mem_fail_fired();
        mem_fail_at(0);
        if (mem_live() != before)
            fail_msg("%s: %zu blocks leaked with AUTARKY_FAIL_ALLOC=%lu", t->name,
                     mem_live() - before, n);
        if (!fired)
            return;
    }
    fail_msg("%s allocates more than %d times", t->name, FAIL_MAX);
}

static void run_case(void **state)
{
    const struct check_test *t = *state;
    const char *mode = getenv("AUTARKY_FAIL_ALLOC");

    if (!mode || t->once)
        run_once(t, 0);
    else if (strcmp(mode, "all") == 0)
        torture(t);
    else
        run_once(t, strtoul(mode, NULL, 10));
}

int check_run(const struct check_test *tests, size_t n)
{
    static struct CMUnitTest cases[TESTS_MAX];

    assert_true(n <= TESTS_MAX);
    for (size_t i = 0; i < n; i++)
        cases[i] = (struct CMUnitTest){
            .name = tests[i].name,
            .test_func = run_case,
            .initial_state = (void *)(uintptr_t)&tests[i],
        };
    return _cmocka_run_group_tests("unit", cases, n, NULL, NULL);
}
