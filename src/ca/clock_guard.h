/* SPDX-License-Identifier: Apache-2.0 */
/* Watches the machine's clock, because a wrong one makes wrong certificates: nothing is issued
 * while the clock is behind a time that this installation has already vouched for (the high-water
 * mark in the store), or after it has leapt against the monotonic clock. Runs in core. */
#pragma once

#include "base/err.h"
#include "base/when.h"

struct clock;

/* NTP's small corrections and a mark written a moment ago are no reason to stop. */
#define CA_CLOCK_BEHIND_MAX (5 * WHEN_SECOND)
/* Against the monotonic clock, between two looks; suspended virtual machines wake up with less than
 * this or with much more. */
#define CA_CLOCK_LEAP_MAX (10 * WHEN_MINUTE)

struct ca_clock_guard {
    struct clock *clock;
    when_t high; /* the mark */
    when_t last_now;
    int64_t last_mono;
    when_t leapt_from; /* 0: no leap */
    when_t leapt_to;
};

/* `high` is the mark as the store has it. */
void ca_clock_guard_init(struct ca_clock_guard *g, struct clock *clock, when_t high);

/* Looks at the clock; to be called at least every minute and before each issuance. RC_OK and
 * *out_now; RC_DENIED while the clock is behind the mark (it ends by itself when the clock is right
 * again), or leapt forward (until the clock is back where it was, or this process ends: an operator
 * who finds the new time right restarts the service). */
enum rc ca_clock_guard_look(struct ca_clock_guard *g, when_t *out_now, struct err *err);

/* The mark was raised to `at`. */
void ca_clock_guard_raised(struct ca_clock_guard *g, when_t at);
