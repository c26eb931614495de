/* SPDX-License-Identifier: Apache-2.0 */
#include "ev/clock.h"

#include <time.h>

#ifdef AUTARKY_TEST_HOOKS
#include "ev/clock_test_int.h"
#else
/* What the release has instead of clock_test.c. */
static inline int64_t clock_test_now(int64_t now)
{
    return now;
}

static inline int64_t clock_test_mono(int64_t mono)
{
    return mono;
}

static inline int64_t clock_test_sleep(int64_t micros)
{
    return micros;
}
#endif

static int64_t read_clock(clockid_t which)
{
    struct timespec ts;

    /* Neither clock can fail on Linux with a valid pointer. */
    clock_gettime(which, &ts);
    return (int64_t)ts.tv_sec * WHEN_SECOND + ts.tv_nsec / 1000;
}

static when_t system_now(struct clock *c)
{
    (void)c;
    return clock_test_now(read_clock(CLOCK_REALTIME));
}

static int64_t system_mono(struct clock *c)
{
    (void)c;
    return clock_test_mono(read_clock(CLOCK_MONOTONIC));
}

static int64_t system_sleep(struct clock *c, int64_t micros)
{
    (void)c;
    return clock_test_sleep(micros);
}

struct clock *clock_system(void)
{
    static const struct clock_ops ops = {system_now, system_mono, system_sleep};
    static struct clock clock = {&ops};

    return &clock;
}
