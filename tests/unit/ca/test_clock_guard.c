/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "ca/clock_guard.h"
#include "ev/clock.h"

#define NOW (INT64_C(1'800'000'000) * WHEN_SECOND)

static void right_clock(void)
{
    struct clock_fake clock;
    struct ca_clock_guard g;
    when_t now;

    clock_fake_init(&clock, NOW);
    ca_clock_guard_init(&g, &clock.clock, NOW - WHEN_DAY);
    clock_fake_advance(&clock, 90 * WHEN_DAY);
    CHECK_OK(ca_clock_guard_look(&g, &now, NULL));
    CHECK_INT(now, NOW + 90 * WHEN_DAY);
}

static void behind_the_mark(void)
{
    struct clock_fake clock;
    struct ca_clock_guard g;
    struct err err = ERR_INIT;
    when_t now;

    clock_fake_init(&clock, NOW);
    ca_clock_guard_init(&g, &clock.clock, NOW + WHEN_HOUR);
    CHECK_RC(ca_clock_guard_look(&g, &now, &err), RC_DENIED);
    CHECK_STR(str_of(err.msg->code), "ca.clock-behind");
    clock_fake_advance(&clock, WHEN_HOUR);
    CHECK_OK(ca_clock_guard_look(&g, &now, NULL));
}

/* What was raised while running counts like what was read at the start. */
static void raised_then_set_back(void)
{
    struct clock_fake clock;
    struct ca_clock_guard g;
    when_t now;

    clock_fake_init(&clock, NOW);
    ca_clock_guard_init(&g, &clock.clock, 0);
    ca_clock_guard_raised(&g, NOW);
    ca_clock_guard_raised(&g, NOW - WHEN_DAY);
    clock_fake_set(&clock, NOW - WHEN_MINUTE);
    CHECK_RC(ca_clock_guard_look(&g, &now, NULL), RC_DENIED);
    clock_fake_set(&clock, NOW - WHEN_SECOND);
    CHECK_OK(ca_clock_guard_look(&g, &now, NULL));
}

static void a_leap_stops_until_the_next_start(void)
{
    struct clock_fake clock;
    struct ca_clock_guard g;
    struct err err = ERR_INIT;
    when_t now;

    clock_fake_init(&clock, NOW);
    ca_clock_guard_init(&g, &clock.clock, NOW);
    clock_fake_set(&clock, NOW + 400 * WHEN_DAY);
    CHECK_RC(ca_clock_guard_look(&g, &now, &err), RC_DENIED);
    CHECK_STR(str_of(err.msg->code), "ca.clock-leapt");
    clock_fake_advance(&clock, WHEN_HOUR);
    CHECK_RC(ca_clock_guard_look(&g, &now, NULL), RC_DENIED);
    ca_clock_guard_init(&g, &clock.clock, NOW);
    CHECK_OK(ca_clock_guard_look(&g, &now, NULL));
}

static void a_leap_that_is_taken_back(void)
{
    struct clock_fake clock;
    struct ca_clock_guard g;
    when_t now;

    clock_fake_init(&clock, NOW);
    ca_clock_guard_init(&g, &clock.clock, NOW);
    clock_fake_set(&clock, NOW + WHEN_DAY);
    CHECK_RC(ca_clock_guard_look(&g, &now, NULL), RC_DENIED);
    clock_fake_set(&clock, NOW + WHEN_SECOND);
    CHECK_OK(ca_clock_guard_look(&g, &now, NULL));
}

/* Small corrections, as NTP makes them, are no leap in either direction. */
static void small_steps(void)
{
    struct clock_fake clock;
    struct ca_clock_guard g;
    when_t now;

    clock_fake_init(&clock, NOW);
    ca_clock_guard_init(&g, &clock.clock, NOW);
    clock_fake_set(&clock, NOW + CA_CLOCK_LEAP_MAX);
    CHECK_OK(ca_clock_guard_look(&g, &now, NULL));
    clock_fake_set(&clock, NOW - CA_CLOCK_BEHIND_MAX);
    CHECK_OK(ca_clock_guard_look(&g, &now, NULL));
}

CHECK_MAIN(CHECK_TEST(right_clock), CHECK_TEST(behind_the_mark), CHECK_TEST(raised_then_set_back),
           CHECK_TEST(a_leap_stops_until_the_next_start), CHECK_TEST(a_leap_that_is_taken_back),
           CHECK_TEST(small_steps))
