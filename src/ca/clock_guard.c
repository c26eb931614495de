/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/clock_guard.h"

#include "ev/clock.h"

MSG(msg_behind, "ca.clock-behind",
    "the clock says {0}, but this CA has already issued at {1}; nothing is issued until the clock "
    "is right: check it with `timedatectl` or `chronyc tracking`");
MSG(msg_leapt, "ca.clock-leapt",
    "the clock leapt from {0} to {1}; nothing is issued until somebody has looked: if {1} is "
    "right, restart `autarky serve`, otherwise set the clock back");

void ca_clock_guard_init(struct ca_clock_guard *g, struct clock *clock, when_t high)
{
    *g = (struct ca_clock_guard){
        .clock = clock,
        .high = high,
        .last_now = clock_now(clock),
        .last_mono = clock_mono(clock),
    };
}

static bool behind(const struct ca_clock_guard *g, when_t now)
{
    return now < g->high - CA_CLOCK_BEHIND_MAX;
}

static void watch_leap(struct ca_clock_guard *g, when_t now, int64_t mono)
{
    when_t expected = g->last_now + (mono - g->last_mono);

    if (g->leapt_from) {
        /* Back to where it would be without the leap: the fault mended itself. */
        g->leapt_from += mono - g->last_mono;
        if (now - g->leapt_from < CA_CLOCK_LEAP_MAX)
            g->leapt_from = 0;
    } else if (now - expected > CA_CLOCK_LEAP_MAX) {
        g->leapt_from = expected;
        g->leapt_to = now;
    }
    /* A clock behind the mark is wrong: the way back from there is measured from the last time that
     * was right. */
    g->last_now = behind(g, now) ? expected : now;
    g->last_mono = mono;
}

enum rc ca_clock_guard_look(struct ca_clock_guard *g, when_t *out_now, struct err *err)
{
    when_t now = clock_now(g->clock);
    char a[WHEN_TEXT], b[WHEN_TEXT];

    watch_leap(g, now, clock_mono(g->clock));
    if (behind(g, now))
        return ERR(err, RC_DENIED, msg_behind, str_of(when_text(now, a)),
                   str_of(when_text(g->high, b)));
    if (g->leapt_from)
        return ERR(err, RC_DENIED, msg_leapt, str_of(when_text(g->leapt_from, a)),
                   str_of(when_text(g->leapt_to, b)));
    *out_now = now;
    return RC_OK;
}

void ca_clock_guard_raised(struct ca_clock_guard *g, when_t at)
{
    if (at > g->high)
        g->high = at;
}
