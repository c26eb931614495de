/* SPDX-License-Identifier: Apache-2.0 */
/* Times at which something may be done, as people write them:
 *
 *     Sun 02:00-04:00                    every Sunday
 *     Mon-Fri 22:00-05:00; Sat,Sun       begins on these days, ends on the day after; all day
 *     01:00-03:00 UTC                    every day
 *     1st,3rd Wed 20:00-22:00            of the month: 1st to 4th, last
 *
 * in the time of this machine (TZ, or /etc/localtime), behind which "UTC" may stand. A time that a
 * change of the clocks leaves out is an hour off, as mktime(3) has it; a window of which nothing is
 * left on such a day is not there. */
#pragma once

#include "base/when.h"

enum { WINDOWS_MAX = 16 };

struct window {
    uint8_t days;        /* bit 0: Sunday */
    uint8_t weeks;       /* bit 0: the first of the month ... bit 4: the last; 0: each */
    uint16_t begin, end; /* minutes of the day; the end may be of the day after */
    bool utc;
};

struct windows {
    struct window of[WINDOWS_MAX];
    size_t n;
};

/* RC_PARSE; RC_TOOBIG past WINDOWS_MAX. */
enum rc windows_parse(struct str text, struct windows *out);
/* The earliest moment, from `t` on, at which one is open: `t` itself, if one is, or where there are
 * none. */
when_t windows_next(const struct windows *w, when_t t);
