/* SPDX-License-Identifier: Apache-2.0 */
#include "base/window.h"

#include <time.h>

enum {
    WEEK = 7,
    NOON = 12,
    DAY_MINUTES = 24 * 60,
    DAYS_ALL = 0x7f,
    LAST = 1 << 4,
    HORIZON = 80, /* days: the last Sunday of a month, and once more should that one be left out */
};

static const char *const day_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
static const char *const week_names[] = {"1st", "2nd", "3rd", "4th", "last"};

/* ---- reading */

/* The index of a word, or -1. */
static int find(struct str word, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_ieq(word, str_of(names[i])))
            return (int)i;
    return -1;
}

static int find_day(struct str word)
{
    return find(word, day_names, WEEK);
}

/* "1st,last" */
static bool take_weeks(struct str word, uint8_t *out)
{
    uint8_t weeks = 0;
    struct str one;

    while (str_next(&word, ',', &one)) {
        int week = find(one, week_names, sizeof(week_names) / sizeof(week_names[0]));

        if (week < 0)
            return false;
        weeks |= (uint8_t)(1u << week);
    }
    *out = weeks;
    return weeks != 0;
}

/* "Mon-Fri,Sun"; over the end of the week, too: "Sat-Mon". */
static bool take_days(struct str word, uint8_t *out)
{
    struct str one, first, last;
    uint8_t days = 0;

    while (str_next(&word, ',', &one)) {
        bool range = str_cut(one, '-', &first, &last);
        int from = find_day(first), to = range ? find_day(last) : from;

        if (from < 0 || to < 0)
            return false;
        for (int day = from; day != to; day = (day + 1) % WEEK)
            days |= (uint8_t)(1u << day);
        days |= (uint8_t)(1u << to);
    }
    *out = days;
    return days != 0;
}

/* "02:00", "24:00" */
static bool take_time(struct str s, uint16_t *out)
{
    struct str hour, minute;
    uint64_t h, m;

    if (!str_cut(s, ':', &hour, &minute) || hour.n == 0 || hour.n > 2 || minute.n != 2 ||
        str_u64(hour, 24, &h) != RC_OK || str_u64(minute, 59, &m) != RC_OK ||
        h * 60 + m > DAY_MINUTES)
        return false;
    *out = (uint16_t)(h * 60 + m);
    return true;
}

static bool take_hours(struct str word, struct window *w)
{
    struct str from, to;

    if (!str_cut(word, '-', &from, &to) || !take_time(from, &w->begin) || !take_time(to, &w->end) ||
        w->begin == w->end || w->begin == DAY_MINUTES)
        return false;
    if (w->end < w->begin)
        w->end = (uint16_t)(w->end + DAY_MINUTES);
    return true;
}

/* The next word; false at the end. */
static bool next_word(struct str *rest, struct str *out)
{
    do {
        if (!str_next(rest, ' ', out))
            return false;
    } while (out->n == 0);
    return true;
}

/* [WEEKS] [DAYS] [HOURS] [UTC], of which days or hours are there. */
static enum rc read_one(struct str text, struct window *out)
{
    struct window w = {.days = DAYS_ALL, .end = DAY_MINUTES};
    bool days = false, hours = false;
    struct str word;
    bool more = next_word(&text, &word);

    if (more && take_weeks(word, &w.weeks))
        more = next_word(&text, &word);
    if (more && take_days(word, &w.days)) {
        days = true;
        more = next_word(&text, &word);
    }
    if (more && take_hours(word, &w)) {
        hours = true;
        more = next_word(&text, &word);
    }
    if (more && str_ieq(word, STR("utc"))) {
        w.utc = true;
        more = next_word(&text, &word);
    }
    if (more || (w.weeks ? !days : !days && !hours))
        return RC_PARSE;
    *out = w;
    return RC_OK;
}

enum rc windows_parse(struct str text, struct windows *out)
{
    struct windows w = {};
    struct str one;

    while (str_next(&text, ';', &one)) {
        if (w.n == WINDOWS_MAX)
            return RC_TOOBIG;
        TRY(read_one(one, &w.of[w.n++]));
    }
    if (w.n == 0)
        return RC_PARSE;
    *out = w;
    return RC_OK;
}

/* ---- the calendar */

/* The day `days` after that of `t`, at noon, which every day has. */
static struct tm day_at(const struct window *w, when_t t, int days)
{
    time_t seconds = (time_t)(t / WHEN_SECOND);
    struct tm day = {};

    if (w->utc)
        gmtime_r(&seconds, &day);
    else
        localtime_r(&seconds, &day);
    day = (struct tm){.tm_year = day.tm_year,
                      .tm_mon = day.tm_mon,
                      .tm_mday = day.tm_mday + days,
                      .tm_hour = NOON,
                      .tm_isdst = -1};
    if (w->utc)
        timegm(&day);
    else
        mktime(&day);
    return day;
}

static when_t moment(const struct window *w, const struct tm *day, unsigned minute)
{
    struct tm at = {.tm_year = day->tm_year,
                    .tm_mon = day->tm_mon,
                    .tm_mday = day->tm_mday,
                    .tm_hour = (int)(minute / 60),
                    .tm_min = (int)(minute % 60),
                    .tm_isdst = -1};

    return (when_t)(w->utc ? timegm(&at) : mktime(&at)) * WHEN_SECOND;
}

/* A fifth one, of days 29 to 31, is the last. */
static bool is_of(const struct window *w, const struct tm *day)
{
    struct tm later = {.tm_year = day->tm_year,
                       .tm_mon = day->tm_mon,
                       .tm_mday = day->tm_mday + WEEK,
                       .tm_hour = NOON};

    if (!(w->days & 1u << day->tm_wday))
        return false;
    if (w->weeks == 0 || w->weeks & 1u << (day->tm_mday - 1) / WEEK)
        return true;
    timegm(&later);
    return w->weeks & LAST && later.tm_mon != day->tm_mon;
}

static when_t next_of(const struct window *w, when_t t)
{
    for (int days = -1; days < HORIZON; days++) {
        struct tm day = day_at(w, t, days);
        when_t begin = moment(w, &day, w->begin), end = moment(w, &day, w->end);

        if (is_of(w, &day) && begin < end && end > t)
            return begin > t ? begin : t;
    }
    return t;
}

when_t windows_next(const struct windows *w, when_t t)
{
    when_t best = w->n ? next_of(&w->of[0], t) : t;

    for (size_t i = 1; i < w->n; i++) {
        when_t at = next_of(&w->of[i], t);

        best = at < best ? at : best;
    }
    return best;
}
