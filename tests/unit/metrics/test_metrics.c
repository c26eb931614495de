/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "metrics/metrics.h"

static const char *const colours[] = {"red", "green", "blue"};
static const char *const sizes[] = {"small", "large"};
static const int64_t bounds[] = {1000, 10000, 100000};

METRIC_COUNTER(plain, "plain_total", "Plain");
METRIC_COUNTER_BY2(both, "both_total", "Both", "colour", colours, "size", sizes);
METRIC_GAUGE_BY(level, "level", "Level", "size", sizes);
METRIC_TIMES_BY(took, "took_seconds", "Took", bounds, "size", sizes);

static void shapes(void)
{
    CHECK_INT(metric_series(&plain), 1);
    CHECK_INT(metric_series(&both), 6);
    CHECK_INT(metric_series(&level), 2);
    CHECK_INT(metric_series(&took), 2);
    CHECK_INT(metric_stride(&plain), 1);
    CHECK_INT(metric_stride(&took), 5);
    CHECK_INT(metric_at(&both, 0, 0), 0);
    CHECK_INT(metric_at(&both, 1, 0), 2);
    CHECK_INT(metric_at(&both, 2, 1), 5);
}

static void all_are_gathered(void)
{
    const struct metric *const *first;
    size_t n, found = 0;

    metric_all(&first, &n);
    for (size_t i = 0; i < n; i++)
        found += first[i] == &plain || first[i] == &both || first[i] == &level || first[i] == &took;
    CHECK_INT(found, 4);
}

static void counts(void)
{
    int64_t before = plain.cells[0];

    CHECK(!*both.used);
    metric_add(&both, 3, 0);
    CHECK(*both.used && both.cells[3] == 0);
    metric_add(&plain, 0, 1);
    metric_add(&plain, 0, 41);
    CHECK_INT(plain.cells[0] - before, 42);
    metric_add(&both, metric_at(&both, 2, 1), 7);
    CHECK(both.cells[5] == 7 && both.cells[4] == 0);
    metric_set(&level, 1, 10);
    metric_add(&level, 1, -12);
    CHECK(level.cells[1] == -2 && level.cells[0] == 0);
}

static void observes(void)
{
    metric_observe(&took, 1, -5);
    metric_observe(&took, 1, 1000);
    metric_observe(&took, 1, 1001);
    metric_observe(&took, 1, 100000);
    metric_observe(&took, 1, 100001);
    metric_observe(&took, 1, INT64_C(1) << 40);
    CHECK_INT(took.cells[5], 2);
    CHECK_INT(took.cells[6], 1);
    CHECK_INT(took.cells[7], 1);
    CHECK_INT(took.cells[8], 2);
    CHECK_INT(took.cells[9], 1000 + 1001 + 100000 + 100001 + (INT64_C(1) << 40));
    for (size_t i = 0; i < 5; i++)
        CHECK_INT(took.cells[i], 0);
}

enum { THREADS = 4, TIMES = 10000 };

static void *count_much(void *)
{
    for (int i = 0; i < TIMES; i++)
        metric_add(&both, 1, 1);
    return NULL;
}

static void from_threads(void)
{
    pthread_t t[THREADS];

    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&t[i], NULL, count_much, NULL) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(t[i], NULL) == 0);
    CHECK_INT(both.cells[1], THREADS * TIMES);
}

static void counter_down(void)
{
    metric_add(&plain, 0, -1);
}

static void no_such_series(void)
{
    metric_add(&both, 6, 1);
}

static void no_such_label(void)
{
    metric_add(&both, metric_at(&both, 0, 2), 1);
}

static void counter_set(void)
{
    metric_set(&plain, 0, 1);
}

static void counter_observed(void)
{
    metric_observe(&plain, 0, 1);
}

static void histogram_added(void)
{
    metric_add(&took, 0, 1);
}

static void no_such_histogram(void)
{
    metric_observe(&took, 2, 1);
}

static void fine(void)
{
    metric_add(&plain, 0, 1);
}

static bool asserts(void (*misuse)(void))
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        close(STDERR_FILENO);
        misuse();
        _exit(0);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
           WTERMSIG(status) == SIGABRT;
}

static void misuse_asserts(void)
{
    CHECK(asserts(counter_down));
    CHECK(asserts(no_such_series));
    CHECK(asserts(no_such_label));
    CHECK(asserts(counter_set));
    CHECK(asserts(counter_observed));
    CHECK(asserts(histogram_added));
    CHECK(asserts(no_such_histogram));
    CHECK(!asserts(fine));
}

CHECK_MAIN(CHECK_TEST(shapes), CHECK_TEST(all_are_gathered), CHECK_TEST_ONCE(counts),
           CHECK_TEST_ONCE(observes), CHECK_TEST_ONCE(from_threads),
           CHECK_TEST_ONCE(misuse_asserts))
