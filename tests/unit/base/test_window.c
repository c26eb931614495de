/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdlib.h>
#include <time.h>

#include "base/window.h"

static void here(const char *zone)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    CHECK_INT(setenv("TZ", zone, 1), 0);
    tzset();
}

static when_t at(const char *text)
{
    when_t t;

    return when_parse(str_of(text), &t) == RC_OK ? t : -1;
}

/* From `from` on it is open at `to`. */
static void opens(const char *windows, const char *from, const char *to)
{
    char text[WHEN_TEXT];
    struct windows w;

    CHECK_OK(windows_parse(str_of(windows), &w));
    CHECK_STR(str_of(when_text(windows_next(&w, at(from)), text)), to);
}

/* 2026-11-29 is a Sunday. */
static void of_days(void)
{
    here("UTC0");
    opens("Sun 02:00-04:00", "2026-11-28T23:00:00Z", "2026-11-29T02:00:00Z");
    opens("Sun 02:00-04:00", "2026-11-29T02:00:00Z", "2026-11-29T02:00:00Z");
    opens("sun  02:00-04:00", "2026-11-29T03:59:59Z", "2026-11-29T03:59:59Z");
    opens("Sun 02:00-04:00", "2026-11-29T04:00:00Z", "2026-12-06T02:00:00Z");
    opens("01:00-03:00", "2026-11-29T04:00:00Z", "2026-11-30T01:00:00Z");
    opens("Sat,Sun", "2026-11-27T12:00:00Z", "2026-11-28T00:00:00Z");
    opens("Sat,Sun", "2026-11-29T23:59:59Z", "2026-11-29T23:59:59Z");
    opens("Sat,Sun", "2026-11-30T00:00:00Z", "2026-12-05T00:00:00Z");
    opens("Fri-Mon 0:00-24:00", "2026-12-01T00:00:00Z", "2026-12-04T00:00:00Z");
    opens("Fri-Mon 0:00-24:00", "2026-11-30T23:00:00Z", "2026-11-30T23:00:00Z");
    /* Over midnight: of Friday, until Saturday morning. */
    opens("Fri 22:00-05:00", "2026-11-28T04:59:59Z", "2026-11-28T04:59:59Z");
    opens("Fri 22:00-05:00", "2026-11-28T05:00:00Z", "2026-12-04T22:00:00Z");
    opens("Fri 22:00-05:00", "2026-11-27T21:00:00Z", "2026-11-27T22:00:00Z");
    /* Of several the next. */
    opens("Wed 20:00-22:00; Sun 02:00-04:00 ;", "2026-11-29T04:00:00Z", "2026-12-02T20:00:00Z");
    opens("Wed 20:00-22:00; Sun 02:00-04:00", "2026-12-02T22:00:00Z", "2026-12-06T02:00:00Z");
    opens("Sun 02:00-04:00;Sun 03:00-06:00", "2026-11-29T05:00:00Z", "2026-11-29T05:00:00Z");
}

static void of_months(void)
{
    here("UTC0");
    opens("1st Sun 02:00-04:00", "2026-11-29T00:00:00Z", "2026-12-06T02:00:00Z");
    opens("1st Sun 02:00-04:00", "2026-12-06T04:00:00Z", "2027-01-03T02:00:00Z");
    opens("2nd,4th Sun 02:00-04:00", "2026-12-01T00:00:00Z", "2026-12-13T02:00:00Z");
    opens("2nd,4th Sun 02:00-04:00", "2026-12-14T00:00:00Z", "2026-12-27T02:00:00Z");
    opens("last Sun 02:00-04:00", "2026-11-23T00:00:00Z", "2026-11-29T02:00:00Z");
    opens("last Sun 02:00-04:00", "2026-12-01T00:00:00Z", "2026-12-27T02:00:00Z");
    /* Of five the fifth is the last, of four the fourth. */
    opens("last Thu", "2026-12-25T00:00:00Z", "2026-12-31T00:00:00Z");
    opens("last Fri", "2026-12-20T00:00:00Z", "2026-12-25T00:00:00Z");
    opens("3rd Mon-Wed 12:00-13:00", "2026-12-01T00:00:00Z", "2026-12-15T12:00:00Z");
}

/* Central Europe by a rule, so that no table of zones is needed: clocks go on at 02:00 on the last
 * Sunday of March, and back at 03:00 on that of October. */
static void of_this_place(void)
{
    here("CET-1CEST,M3.5.0,M10.5.0/3");
    opens("Sun 02:00-04:00", "2026-11-28T23:00:00Z", "2026-11-29T01:00:00Z");
    opens("Sun 02:00-04:00", "2026-07-01T00:00:00Z", "2026-07-05T00:00:00Z");
    opens("Sun 02:00-04:00 UTC", "2026-07-01T00:00:00Z", "2026-07-05T02:00:00Z");
    opens("Sun 00:30-01:30", "2026-07-04T22:00:00Z", "2026-07-04T22:30:00Z");
    /* 2027-03-28: there is no 02:00 to 03:00. */
    opens("Sun 01:00-04:00", "2027-03-27T12:00:00Z", "2027-03-28T00:00:00Z");
    opens("Sun 01:00-04:00", "2027-03-28T01:59:59Z", "2027-03-28T01:59:59Z");
    opens("Sun 01:00-04:00", "2027-03-28T02:00:00Z", "2027-04-03T23:00:00Z");
    /* 2026-10-25: 02:00 to 03:00 is there twice, and 01:00 to 04:00 takes four hours. */
    opens("Sun 01:00-04:00", "2026-10-24T12:00:00Z", "2026-10-24T23:00:00Z");
    opens("Sun 01:00-04:00", "2026-10-25T02:59:59Z", "2026-10-25T02:59:59Z");
    opens("Sun 01:00-04:00", "2026-10-25T03:00:00Z", "2026-11-01T00:00:00Z");
    here("EAST-14");
    opens("Mon 00:00-01:00", "2026-11-29T00:00:00Z", "2026-11-29T10:00:00Z");
    here("WEST12");
    opens("Mon 00:00-01:00", "2026-11-30T00:00:00Z", "2026-11-30T12:00:00Z");
}

/* What lies in a gap is moved and not lost. */
static void in_a_gap(void)
{
    struct windows w;
    when_t t;

    here("CET-1CEST,M3.5.0,M10.5.0/3");
    CHECK_OK(windows_parse(STR("Sun 02:10-02:50"), &w));
    t = windows_next(&w, at("2027-03-27T12:00:00Z"));
    CHECK(t == at("2027-03-28T00:10:00Z") || t == at("2027-03-28T01:10:00Z"));
    CHECK_INT(windows_next(&w, t + 39 * WHEN_MINUTE), t + 39 * WHEN_MINUTE);
}

static void of_none(void)
{
    const struct windows none = {};

    CHECK_INT(windows_next(&none, 7), 7);
}

static void refuses(void)
{
    static const char *const bad[] = {
        "",
        " ",
        ";",
        "always",
        "Sun 02:00",
        "Sun 02:00-",
        "Sun 2-4",
        "Sun 02:00-02:00",
        "Sun 24:00-02:00",
        "Sun 02:60-04:00",
        "Sun 02:00-24:01",
        "Sun 25:00-26:00",
        "Sun 002:00-04:00",
        "Sun 02:0-04:00",
        "Sun 02:00-04:00 CET",
        "Sun 02:00-04:00 UTC UTC",
        "Sun 02:00-04:00 Mon 02:00-04:00",
        "Sun- 02:00-04:00",
        "Sun,,Mon",
        "Sunday",
        "1st 02:00-04:00",
        "5th Sun",
        "UTC",
        "Sun 02:00-04:00; ;Mon",
        "Sun 02:00-04:00;x",
        "-1:00-04:00",
    };
    struct windows w = {.n = 9};
    char many[WINDOWS_MAX * 4 + 5] = "";

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_RC(windows_parse(str_of(bad[i]), &w), RC_PARSE);
    for (size_t i = 0; i <= WINDOWS_MAX; i++)
        memcpy(many + 4 * i, "Sun;", 5);
    CHECK_RC(windows_parse(str_of(many), &w), RC_TOOBIG);
    CHECK_INT(w.n, 9);
    CHECK_OK(windows_parse(str_skip(str_of(many), 4), &w));
    CHECK_INT(w.n, WINDOWS_MAX);
}

CHECK_MAIN(CHECK_TEST(of_days), CHECK_TEST(of_months), CHECK_TEST(of_this_place),
           CHECK_TEST(in_a_gap), CHECK_TEST(of_none), CHECK_TEST(refuses))
