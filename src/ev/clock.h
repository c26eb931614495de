/* SPDX-License-Identifier: Apache-2.0 */
/* The clock as an interface: production code takes a `struct clock *`, tests hand in a fake one.
 * Nothing else in the program asks the operating system for the time (log, which sits beside this
 * folder, is told how by its caller). */
#pragma once

#include <stdint.h>

#include "base/rc.h"
#include "base/when.h"

struct clock;

struct clock_ops {
    when_t (*now)(struct clock *c);
    int64_t (*mono)(struct clock *c);
    /* How long, in real microseconds, a loop may sleep that has to wait `micros` on this clock;
     * INT64_MAX: this clock does not move by itself, wait for something else. */
    int64_t (*sleep)(struct clock *c, int64_t micros);
};

struct clock {
    const struct clock_ops *ops;
};

/* Microseconds UTC; may jump in either direction when somebody sets the clock. */
static inline when_t clock_now(struct clock *c)
{
    return c->ops->now(c);
}

/* Microseconds since some start; never goes back. For deadlines and durations. */
static inline int64_t clock_mono(struct clock *c)
{
    return c->ops->mono(c);
}

static inline int64_t clock_sleep(struct clock *c, int64_t micros)
{
    return c->ops->sleep(c, micros);
}

/* The machine's clock; one per process, never freed. */
struct clock *clock_system(void);

/* A clock that moves only when told to. */
struct clock_fake {
    struct clock clock;
    when_t now;
    int64_t mono;
};

void clock_fake_init(struct clock_fake *f, when_t now);
/* Sets the time of day only, as an administrator would; the monotonic clock stays. */
void clock_fake_set(struct clock_fake *f, when_t now);
/* Both clocks go on by `micros`, not negative. */
void clock_fake_advance(struct clock_fake *f, int64_t micros);

#ifdef AUTARKY_TEST_HOOKS
/* Test builds only. Maps `fd`, a file of 8 or 16 bytes in this machine's byte order: an int64 added
 * to clock_now and, if there are 16, another added to clock_mono (which still never goes back).
 * Writers of the file steer all processes that have it. The descriptor stays open and the caller's,
 * so that children can inherit it. RC_INVAL on another size, RC_IO. */
enum rc clock_test_attach(int fd);
/* Opens the file named by the environment's AUTARKY_TEST_CLOCK, if set, without O_CLOEXEC, and
 * attaches it; *out_fd is the descriptor, -1 when unset. For the supervisor, before anything else.
 */
enum rc clock_test_open(int *out_fd);
#endif
