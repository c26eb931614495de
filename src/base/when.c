/* SPDX-License-Identifier: Apache-2.0 */
#include "base/when.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    YEAR_MIN = 1970,
    YEAR_MAX = 9999,
    DAYS_PER_ERA = 146097, /* 400 years of the Gregorian calendar */
    EPOCH_DAYS = 719468,   /* from 0000-03-01 to 1970-01-01 */
};

/* Years are counted from March, so that the day a leap year adds is the last one. */
static int64_t days_from_civil(int year, int month, int day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t month_from_march = (month + 9) % 12;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;

    return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - EPOCH_DAYS;
}

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return month == 2 && leap ? 29 : days[month - 1];
}

static bool within(int v, int least, int most)
{
    return v >= least && v <= most;
}

static bool civil_valid(const struct when_civil *c)
{
    return within(c->year, YEAR_MIN, YEAR_MAX) && within(c->month, 1, 12) &&
           within(c->day, 1, month_days(c->year, c->month)) && within(c->hour, 0, 23) &&
           within(c->minute, 0, 59) && within(c->second, 0, 59) &&
           within(c->micros, 0, WHEN_SECOND - 1);
}

enum rc when_to_civil(when_t t, struct when_civil *out)
{
    int64_t days;
    int64_t left;
    int64_t era;
    int64_t day_of_era;
    int64_t year;
    int64_t day_of_year;
    int64_t month;

    if (t < 0 || t >= WHEN_MAX + WHEN_SECOND)
        return RC_INVAL;
    days = t / WHEN_DAY + EPOCH_DAYS;
    left = t % WHEN_DAY;
    era = days / DAYS_PER_ERA;
    day_of_era = days % DAYS_PER_ERA;
    year = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    month = (5 * day_of_year + 2) / 153;
    *out = (struct when_civil){
        .year = (int)(year + era * 400 + (month >= 10 ? 1 : 0)),
        .month = (int)(month < 10 ? month + 3 : month - 9),
        .day = (int)(day_of_year - (153 * month + 2) / 5 + 1),
        .hour = (int)(left / WHEN_HOUR),
        .minute = (int)(left / WHEN_MINUTE % 60),
        .second = (int)(left / WHEN_SECOND % 60),
        .micros = (int)(left % WHEN_SECOND),
    };
    return RC_OK;
}

enum rc when_from_civil(const struct when_civil *c, when_t *out)
{
    if (!civil_valid(c))
        return RC_INVAL;
    *out = days_from_civil(c->year, c->month, c->day) * WHEN_DAY + c->hour * WHEN_HOUR +
           c->minute * WHEN_MINUTE + c->second * WHEN_SECOND + c->micros;
    return RC_OK;
}

const char *when_text(when_t t, char text[static WHEN_TEXT])
{
    struct when_civil c;

    if (when_to_civil(t, &c) != RC_OK)
        return memcpy(text, "-", 2);
    snprintf(text, WHEN_TEXT, "%04u-%02u-%02uT%02u:%02u:%02uZ", c.year % 10'000u, c.month % 100u,
             c.day % 100u, c.hour % 100u, c.minute % 100u, c.second % 100u);
    return text;
}

/* Exactly `n` decimal digits off the front. */
static bool take_digits(struct str *s, size_t n, int *out)
{
    uint64_t v;

    if (s->n < n || str_u64(str_head(*s, n), YEAR_MAX, &v) != RC_OK)
        return false;
    *out = (int)v;
    *s = str_skip(*s, n);
    return true;
}

static bool take_char(struct str *s, char c)
{
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = str_skip(*s, 1);
    return true;
}

static bool take_date_time(struct str *s, struct when_civil *c)
{
    return take_digits(s, 4, &c->year) && take_char(s, '-') && take_digits(s, 2, &c->month) &&
           take_char(s, '-') && take_digits(s, 2, &c->day) &&
           (take_char(s, 'T') || take_char(s, 't')) && take_digits(s, 2, &c->hour) &&
           take_char(s, ':') && take_digits(s, 2, &c->minute) && take_char(s, ':') &&
           take_digits(s, 2, &c->second);
}

/* ".123456789", cut to microseconds; nothing is fine too. */
static bool take_fraction(struct str *s, int *micros)
{
    int scale = WHEN_SECOND / 10;
    size_t n = 0;

    *micros = 0;
    if (!take_char(s, '.'))
        return true;
    for (; n < s->n && s->p[n] >= '0' && s->p[n] <= '9'; n++) {
        *micros += (s->p[n] - '0') * scale;
        scale /= 10;
    }
    *s = str_skip(*s, n);
    return n > 0;
}

static bool take_offset(struct str *s, when_t *out)
{
    int sign = take_char(s, '+') ? 1 : -1;
    int hour;
    int minute;

    if (sign < 0 && (take_char(s, 'Z') || take_char(s, 'z'))) {
        *out = 0;
        return true;
    }
    if ((sign < 0 && !take_char(s, '-')) || !take_digits(s, 2, &hour) || !take_char(s, ':') ||
        !take_digits(s, 2, &minute) || hour > 23 || minute > 59)
        return false;
    *out = sign * (hour * WHEN_HOUR + minute * WHEN_MINUTE);
    return true;
}

enum rc when_parse(struct str s, when_t *out)
{
    struct when_civil c;
    when_t offset;
    when_t t;
    bool leap;

    if (!take_date_time(&s, &c) || !take_fraction(&s, &c.micros) || !take_offset(&s, &offset) ||
        s.n)
        return RC_PARSE;
    /* A leap second, which only the end of a month in UTC can hold, is the second after it. */
    leap = c.second == 60;
    c.second -= leap ? 1 : 0;
    if (when_from_civil(&c, &t) != RC_OK)
        return RC_PARSE;
    t -= offset;
    if (when_to_civil(t, &c) != RC_OK)
        return RC_PARSE;
    if (leap) {
        t += WHEN_SECOND;
        if (when_to_civil(t, &c) != RC_OK || c.day != 1 || t % WHEN_DAY >= WHEN_SECOND)
            return RC_PARSE;
    }
    *out = t;
    return RC_OK;
}

struct span_unit {
    const char *z;
    when_t length;
};

static const struct span_unit units[] = {
    {"d", WHEN_DAY},    {"h", WHEN_HOUR},           {"m", WHEN_MINUTE},
    {"s", WHEN_SECOND}, {"ms", WHEN_SECOND / 1000}, {"us", 1},
};
enum { UNITS = sizeof(units) / sizeof(units[0]) };

/* "12h" off the front; each unit must be smaller than the one before, `*unit`. */
static enum rc take_term(struct str *s, size_t *unit, when_t *sum)
{
    size_t digits = 0;
    size_t letters = 0;
    uint64_t v;
    when_t term;

    while (digits < s->n && s->p[digits] >= '0' && s->p[digits] <= '9')
        digits++;
    TRY(str_u64(str_head(*s, digits), WHEN_MAX, &v));
    *s = str_skip(*s, digits);
    while (letters < s->n && s->p[letters] >= 'a' && s->p[letters] <= 'z')
        letters++;
    while (*unit < UNITS && !str_eq(str_head(*s, letters), str_of(units[*unit].z)))
        ++*unit;
    if (*unit == UNITS)
        return RC_PARSE;
    *s = str_skip(*s, letters);
    if (__builtin_mul_overflow((when_t)v, units[(*unit)++].length, &term) ||
        __builtin_add_overflow(*sum, term, sum) || *sum > WHEN_MAX)
        return RC_TOOBIG;
    return RC_OK;
}

enum rc when_parse_span(struct str s, when_t *out)
{
    when_t sum = 0;
    size_t unit = 0;

    do
        TRY(take_term(&s, &unit, &sum));
    while (s.n);
    *out = sum;
    return RC_OK;
}

enum { SPAN_TEXT = 96 };

/* `left` in units of `first` and smaller ones. */
static size_t span_write(uint64_t left, size_t first, char text[static SPAN_TEXT])
{
    size_t n = 0;

    for (size_t i = first; i < UNITS && left; i++) {
        uint64_t count = left / (uint64_t)units[i].length;

        left %= (uint64_t)units[i].length;
        if (count)
            n += (size_t)snprintf(text + n, SPAN_TEXT - n, "%" PRIu64 "%s", count, units[i].z);
    }
    return n;
}

void when_put_span(struct buf *out, when_t span)
{
    uint64_t left = span < 0 ? 0 - (uint64_t)span : (uint64_t)span;
    char best[SPAN_TEXT] = "0s";
    size_t best_n = 2;

    for (size_t i = 0; i < UNITS && left; i++) {
        char text[SPAN_TEXT];
        size_t n = span_write(left, i, text);

        if (i > 0 && n >= best_n)
            continue;
        memcpy(best, text, n);
        best_n = n;
    }
    if (span < 0)
        buf_putz(out, "-");
    buf_put(out, best, best_n);
}
