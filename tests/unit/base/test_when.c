/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>
#include <time.h>

#include "base/when.h"

static const when_t last = WHEN_MAX + WHEN_SECOND - 1;

/* Against the C library: every 9 hours and a bit from 1970 to 9999, and around every new year. */
static bool same_as_libc(when_t t)
{
    struct when_civil c;
    struct tm tm;
    time_t seconds = t / WHEN_SECOND;
    when_t back = -1;

    return when_to_civil(t, &c) == RC_OK && gmtime_r(&seconds, &tm) &&
           c.year == tm.tm_year + 1900 && c.month == tm.tm_mon + 1 && c.day == tm.tm_mday &&
           c.hour == tm.tm_hour && c.minute == tm.tm_min && c.second == tm.tm_sec &&
           c.micros == t % WHEN_SECOND && when_from_civil(&c, &back) == RC_OK && back == t;
}

static void civil_time_as_the_c_library(void)
{
    for (when_t t = 0; t <= last; t += 33 * WHEN_DAY / 89 + 1)
        if (!same_as_libc(t))
            fail_msg("at %lld", (long long)t);
    for (int year = 1970; year <= 9999; year++) {
        struct when_civil c = {.year = year, .month = 1, .day = 1};
        when_t t = 0;

        CHECK_OK(when_from_civil(&c, &t));
        CHECK(same_as_libc(t));
        CHECK(t == 0 || same_as_libc(t - 1));
        c.month = 3;
        CHECK_OK(when_from_civil(&c, &t));
        CHECK(same_as_libc(t) && same_as_libc(t - 1));
    }
    CHECK(same_as_libc(last));
}

static void civil_range(void)
{
    struct when_civil c = {.year = 7};
    when_t t = 7;

    CHECK_RC(when_to_civil(-1, &c), RC_INVAL);
    CHECK_RC(when_to_civil(last + 1, &c), RC_INVAL);
    CHECK_RC(when_to_civil(INT64_MIN, &c), RC_INVAL);
    CHECK_RC(when_to_civil(INT64_MAX, &c), RC_INVAL);
    CHECK_INT(c.year, 7);
    static const struct when_civil bad[] = {
        {1969, 12, 31, 23, 59, 59, 0}, {10000, 1, 1, 0, 0, 0, 0},
        {2026, 0, 1, 0, 0, 0, 0},      {2026, 13, 1, 0, 0, 0, 0},
        {2026, 1, 0, 0, 0, 0, 0},      {2026, 1, 32, 0, 0, 0, 0},
        {2026, 4, 31, 0, 0, 0, 0},     {2026, 2, 29, 0, 0, 0, 0},
        {2100, 2, 29, 0, 0, 0, 0},     {2024, 2, 30, 0, 0, 0, 0},
        {2026, 1, 1, 24, 0, 0, 0},     {2026, 1, 1, -1, 0, 0, 0},
        {2026, 1, 1, 0, 60, 0, 0},     {2026, 1, 1, 0, 0, 60, 0},
        {2026, 1, 1, 0, 0, 0, -1},     {2026, 1, 1, 0, 0, 0, 1000000},
        {INT32_MIN, 1, 1, 0, 0, 0, 0}, {2026, INT32_MAX, 1, 0, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_RC(when_from_civil(&bad[i], &t), RC_INVAL);
    CHECK_INT(t, 7);
    CHECK_OK(when_from_civil(&(struct when_civil){2000, 2, 29, 0, 0, 0, 0}, &t));
    CHECK_OK(when_from_civil(&(struct when_civil){9999, 12, 31, 23, 59, 59, 0}, &t));
    CHECK(t == WHEN_MAX);
}

static void text_of_a_time(void)
{
    char text[WHEN_TEXT];

    CHECK_STR(str_of(when_text(0, text)), "1970-01-01T00:00:00Z");
    CHECK_STR(str_of(when_text(INT64_C(1795199040) * WHEN_SECOND + 999'999, text)),
              "2026-11-20T18:24:00Z");
    CHECK_STR(str_of(when_text(WHEN_MAX, text)), "9999-12-31T23:59:59Z");
    CHECK_STR(str_of(when_text(-1, text)), "-");
    CHECK_STR(str_of(when_text(INT64_MAX, text)), "-");
}

static void parses_rfc3339(void)
{
    static const struct {
        const char *text;
        int64_t seconds;
        int micros;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0, 0},
        {"2026-11-20T18:24:00Z", 1795199040, 0},
        {"2026-11-20t18:24:00z", 1795199040, 0},
        {"2026-11-20T18:24:00.5Z", 1795199040, 500000},
        {"2026-11-20T18:24:00.000001Z", 1795199040, 1},
        {"2026-11-20T18:24:00.1234569999999999999999Z", 1795199040, 123456},
        {"2026-11-20T19:24:00+01:00", 1795199040, 0},
        {"2026-11-20T23:54:00.25+05:30", 1795199040, 250000},
        {"2026-11-20T10:24:00-08:00", 1795199040, 0},
        {"2026-11-20T18:24:00-00:00", 1795199040, 0},
        {"1969-12-31T23:00:00-01:00", -1, 0}, /* year 1969 in its own offset is refused */
        {"1970-01-01T00:30:00+00:30", 0, 0},
        {"9999-12-31T23:59:59.999999Z", 253402300799, 999999},
        {"2016-12-31T23:59:60Z", 1483228800, 0},
        {"2016-12-31T23:59:60.5Z", 1483228800, 500000},
        {"2017-01-01T00:59:60+01:00", 1483228800, 0},
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        when_t t = -1;

        if (good[i].seconds < 0) {
            CHECK_RC(when_parse(str_of(good[i].text), &t), RC_PARSE);
            continue;
        }
        CHECK_OK(when_parse(str_of(good[i].text), &t));
        CHECK_INT(t, good[i].seconds * WHEN_SECOND + good[i].micros);
    }
}

static void refuses_other_times(void)
{
    static const char *const bad[] = {
        "",
        "2026-11-20",
        "2026-11-20T18:24:00",
        "2026-11-20T18:24Z",
        "2026-11-20 18:24:00Z",
        "2026-11-20T18:24:00.Z",
        "2026-11-20T18:24:00,5Z",
        "2026-11-20T18:24:00Z ",
        " 2026-11-20T18:24:00Z",
        "26-11-20T18:24:00Z",
        "2026-1-20T18:24:00Z",
        "2026-11-20T1824:00Z",
        "2026-13-20T18:24:00Z",
        "2026-02-29T18:24:00Z",
        "2026-11-20T24:00:00Z",
        "2026-11-20T18:60:00Z",
        "2026-11-20T18:24:61Z",
        "2026-11-20T18:24:60Z",
        "2016-12-30T23:59:60Z",
        "2016-12-31T22:59:60Z",
        "9999-12-31T23:59:60Z",
        "2026-11-20T18:24:00+0100",
        "2026-11-20T18:24:00+01",
        "2026-11-20T18:24:00+24:00",
        "2026-11-20T18:24:00+00:60",
        "2026-11-20T18:24:00+1:00",
        "2026-11-20T18:24:00ZZ",
        "1970-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "0000-01-01T00:00:00Z",
        "+2026-11-20T18:24:00Z",
        "-026-11-20T18:24:00Z",
        "2026-11-20T18:24:-1Z",
        "20261-11-20T18:24:00Z",
    };
    when_t t = 7;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (when_parse(str_of(bad[i]), &t) != RC_PARSE)
            fail_msg("accepted: %s", bad[i]);
    CHECK_RC(when_parse(STR("2026-11-20T18:24:00\0"), &t), RC_PARSE);
    CHECK_INT(t, 7);
}

static void spans(void)
{
    static const struct {
        const char *text;
        when_t span;
        const char *shortest;
    } good[] = {
        {"90d", 90 * WHEN_DAY, "90d"},
        {"12h", 12 * WHEN_HOUR, "12h"},
        {"5m", 5 * WHEN_MINUTE, "5m"},
        {"30s", 30 * WHEN_SECOND, "30s"},
        {"250ms", 250'000, "250ms"},
        {"10us", 10, "10us"},
        {"1d12h", 36 * WHEN_HOUR, "36h"},
        {"1h30m", 90 * WHEN_MINUTE, "90m"},
        {"24h", WHEN_DAY, "1d"},
        {"100h", 100 * WHEN_HOUR, "4d4h"},
        {"0s", 0, "0s"},
        {"0d", 0, "0s"},
        {"1d0h1ms", WHEN_DAY + 1'000, "1d1ms"},
        {"1s500ms", 1'500'000, "1500ms"},
        {"1m1us", WHEN_MINUTE + 1, "1m1us"},
        {"000005m", 5 * WHEN_MINUTE, "5m"},
        {"365000d1h", 365'000 * WHEN_DAY + WHEN_HOUR, "8760001h"},
        {"2932896d23h59m59s", WHEN_MAX, "253402300799s"},
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CLEANUP(buf_done) struct buf b = BUF_INIT(100);
        when_t span = -1;
        when_t again = -1;

        CHECK_OK(when_parse_span(str_of(good[i].text), &span));
        CHECK_INT(span, good[i].span);
        when_put_span(&b, span);
        CHECK_STR(buf_str(&b), good[i].shortest);
        CHECK_OK(when_parse_span(buf_str(&b), &again));
        CHECK_INT(again, span);
    }
}

static void refuses_other_spans(void)
{
    static const char *const bad[] = {
        "",     "5",  "d",    "0",    "5x",   "5 m",  " 5m",   "5m ", "-5m", "+5m", "1.5h",
        "5min", "5M", "5m1h", "5m5m", "1d12", "1h1d", "5ms1s", "1dh", "1y",  "1w",
    };
    static const char *const big[] = {
        "2932897d",
        "18446744073709551616s",
        "253402300800s",
        "9223372036854775807d",
        "2932896d23h59m60s",
        "99999999999999999999d",
        "253402300799000001us",
    };
    when_t span = 7;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (when_parse_span(str_of(bad[i]), &span) != RC_PARSE)
            fail_msg("accepted: %s", bad[i]);
    for (size_t i = 0; i < sizeof(big) / sizeof(big[0]); i++)
        if (when_parse_span(str_of(big[i]), &span) != RC_TOOBIG)
            fail_msg("not too big: %s", big[i]);
    CHECK_INT(span, 7);
}

static void negative_and_huge_spans_have_a_text(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(200);

    when_put_span(&b, -90 * WHEN_MINUTE);
    buf_putz(&b, " ");
    when_put_span(&b, INT64_MIN);
    CHECK_STR(buf_str(&b), "-90m -9223372036854775808us");
    buf_reset(&b);
    when_put_span(&b, INT64_MAX);
    CHECK_STR(buf_str(&b), "9223372036854775807us");
}

CHECK_MAIN(CHECK_TEST(civil_time_as_the_c_library), CHECK_TEST(civil_range),
           CHECK_TEST(text_of_a_time), CHECK_TEST(parses_rfc3339), CHECK_TEST(refuses_other_times),
           CHECK_TEST(spans), CHECK_TEST(refuses_other_spans),
           CHECK_TEST(negative_and_huge_spans_have_a_text))
