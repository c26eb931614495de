/* SPDX-License-Identifier: Apache-2.0 */
/* What every unit test includes: cmocka, and checks that also work in the failing-allocation mode.
 *
 * AUTARKY_FAIL_ALLOC=all runs each test again and again, letting its first, second, third ...
 * allocation fail, until a run meets no failure; =ways spares it most of those that come by the
 * same way through the program (torture.h). A check that does not hold after the injected
 * failure returns from the test (running its CLEANUPs) instead of failing it; afterwards no block
 * may be left allocated. AUTARKY_FAIL_ALLOC=n lets exactly the n-th fail. Hence the rules: checks
 * stand in the test function itself (void), objects are held by CLEANUP. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rc.h"
#include "base/str.h"

/* Fails the test as fail_msg of cmocka does, but says that it does not return. */
_Noreturn void check_fail(const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
#undef fail_msg
/* NOLINTNEXTLINE(readability-identifier-naming): the name is that of cmocka */
#define fail_msg(...) check_fail(__FILE__, __LINE__, __VA_ARGS__)

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            if (mem_fail_fired())                                                                  \
                return;                                                                            \
            fail_msg("%s", #cond);                                                                 \
        }                                                                                          \
    } while (0)

#define CHECK_RC(expr, expected)                                                                   \
    do {                                                                                           \
        enum rc check_rc_ = (expr);                                                                \
        if (check_rc_ != (expected)) {                                                             \
            if (mem_fail_fired())                                                                  \
                return;                                                                            \
            fail_msg("%s: %s, not %s", #expr, rc_text(check_rc_), rc_text(expected));              \
        }                                                                                          \
    } while (0)

#define CHECK_OK(expr) CHECK_RC(expr, RC_OK)

#define CHECK_INT(got, expected)                                                                   \
    do {                                                                                           \
        long long check_got_ = (long long)(got), check_want_ = (long long)(expected);              \
        if (check_got_ != check_want_) {                                                           \
            if (mem_fail_fired())                                                                  \
                return;                                                                            \
            fail_msg("%s is %lld, not %lld", #got, check_got_, check_want_);                       \
        }                                                                                          \
    } while (0)

/* `got` is a struct str, `expected` a terminated string. */
#define CHECK_STR(got, expected)                                                                   \
    do {                                                                                           \
        struct str check_got_ = (got);                                                             \
        const char *check_want_ = (expected);                                                      \
        if (!str_eq(check_got_, str_of(check_want_))) {                                            \
            if (mem_fail_fired())                                                                  \
                return;                                                                            \
            fail_msg("%s is \"%.*s\", not \"%s\"", #got, STR_ARG(check_got_), check_want_);        \
        }                                                                                          \
    } while (0)

/* In the failing-allocation mode. */
enum check_how {
    CHECK_AGAIN,  /* again and again */
    CHECK_ONCE,   /* left out: it forks, counts memory or is slow */
    CHECK_ITSELF, /* run once; it lets allocations fail itself */
};

/* The value of `expr`, an enum rc, in which no allocation fails: what a test is not about. */
#define CHECK_SPARED(expr)                                                                         \
    ({                                                                                             \
        enum rc check_spared_;                                                                     \
                                                                                                   \
        mem_fail_hold(true);                                                                       \
        check_spared_ = (expr);                                                                    \
        mem_fail_hold(false);                                                                      \
        check_spared_;                                                                             \
    })

struct check_test {
    const char *name;
    void (*fn)(void);
    enum check_how how;
};

/* clang-format off */
#define CHECK_TEST(fn) {#fn, fn, CHECK_AGAIN}
#define CHECK_TEST_ONCE(fn) {#fn, fn, CHECK_ONCE}
#define CHECK_TEST_ITSELF(fn) {#fn, fn, CHECK_ITSELF}
/* clang-format on */

/* An empty directory of one test, removed with all that is in it:
 * CLEANUP(check_dir_done) struct check_dir d = {};
 * check_dir_init(&d); */
struct check_dir {
    char path[64];
    int fd;
};
void check_dir_init(struct check_dir *d);
void check_dir_done(struct check_dir *d);
/* Names in it, without those that `but` starts (NULL: all); counts what a test left behind. */
size_t check_dir_count(const struct check_dir *d, const char *but);

/* Runs them all; the return value of main. */
int check_run(const struct check_test *tests, size_t n);

/* For what has to be begun before all tests and ended behind them. */
#define CHECK_MAIN_WITH(begin, end, ...)                                                           \
    int main(void)                                                                                 \
    {                                                                                              \
        static const struct check_test tests_[] = {__VA_ARGS__};                                   \
        int failed_ = 1;                                                                           \
                                                                                                   \
        if (begin)                                                                                 \
            failed_ = check_run(tests_, sizeof(tests_) / sizeof(tests_[0]));                       \
        end;                                                                                       \
        return failed_;                                                                            \
    }

#define CHECK_MAIN(...)                                                                            \
    int main(void)                                                                                 \
    {                                                                                              \
        static const struct check_test tests_[] = {__VA_ARGS__};                                   \
        return check_run(tests_, sizeof(tests_) / sizeof(tests_[0]));                              \
    }
