/* SPDX-License-Identifier: Apache-2.0 */
/* Windows of renewal, and the days that they fall on. */
#include "check.h"

#include <stdlib.h>

#include "outlook/schedule.h"

#define TODAY (INT64_C(20'000) * WHEN_DAY)

static struct conf conf = {.acme = {.renewal = {.at = 66, .spread = 10}}};

static struct store_hash digest(unsigned first)
{
    return (struct store_hash){{(uint8_t)first}};
}

static void windows_lie_in_their_spread(void)
{
    struct store_hash least = digest(0), middle = digest(0x80);
    struct outlook_window w = outlook_window_of(&conf, 0, 100 * WHEN_DAY, &least);

    CHECK_INT(w.first, 61 * WHEN_DAY);
    CHECK_INT(w.last, 63 * WHEN_DAY);
    w = outlook_window_of(&conf, 0, 100 * WHEN_DAY, &middle);
    CHECK_INT(w.first, 66 * WHEN_DAY);
    CHECK_INT(w.last, 68 * WHEN_DAY);
    conf.acme.renewal.at = 99; /* never so late that there is no time left */
    w = outlook_window_of(&conf, 0, 100 * WHEN_DAY, &middle);
    CHECK_INT(w.first, 96 * WHEN_DAY);
    CHECK_INT(w.last, 98 * WHEN_DAY);
    conf.acme.renewal.at = 66;
    CHECK_INT(outlook_within(&middle, WHEN_DAY), WHEN_DAY / 2);
}

static uint64_t sum(const struct outlook_forecast *f)
{
    uint64_t all = 0;

    for (size_t i = 0; i < OUTLOOK_DAYS; i++)
        all += f->parts[i];
    return all / OUTLOOK_PARTS;
}

/* 100 days that began 60 days ago: windows begin on the days 61 to 71, and are two days wide. */
static void spread_evenly_over_days(void)
{
    uint64_t few = 0;
    struct outlook_forecast f = {.conf = &conf, .begin = TODAY};
    struct store_cohort c = {
        .begins = TODAY - 60 * WHEN_DAY, .ends = TODAY + 40 * WHEN_DAY, .n = 1000};

    outlook_forecast_add(&f, &c);
    CHECK_INT(outlook_forecast_day(&f, 0), 0);
    CHECK_INT(outlook_forecast_day(&f, 1), 0);
    CHECK_INT(outlook_forecast_day(&f, 2), 100);
    CHECK_INT(outlook_forecast_day(&f, 11), 100);
    CHECK_INT(outlook_forecast_day(&f, 12), 0);
    CHECK_INT(sum(&f), 1000);
    c.n = 3; /* not one for each of ten days, nor none */
    f = (struct outlook_forecast){.conf = &conf, .begin = TODAY};
    outlook_forecast_add(&f, &c);
    for (size_t i = 0; i < OUTLOOK_DAYS; i++)
        few += outlook_forecast_day(&f, i);
    CHECK_INT(few, 3);
    f = (struct outlook_forecast){.conf = &conf, .begin = TODAY};
    c.n = 1000;
    outlook_forecast_add(&f, &c);
    c.renewed = true; /* its successor is counted, not it */
    outlook_forecast_add(&f, &c);
    CHECK_INT(sum(&f), 1000);
}

/* What is past is not to come, and what is a year away is not seen. */
static void only_the_days_ahead(void)
{
    struct outlook_forecast f = {.conf = &conf, .begin = TODAY};
    struct store_cohort c = {
        .begins = TODAY - 66 * WHEN_DAY, .ends = TODAY + 34 * WHEN_DAY, .n = 1000};

    outlook_forecast_add(&f, &c); /* from 4 days ago to 6 days ahead */
    CHECK_INT(sum(&f), 600);
    c = (struct store_cohort){
        .begins = TODAY - 90 * WHEN_DAY, .ends = TODAY + 10 * WHEN_DAY, .n = 7};
    outlook_forecast_add(&f, &c);
    c = (struct store_cohort){.begins = TODAY, .ends = TODAY + 365 * WHEN_DAY, .n = 7};
    outlook_forecast_add(&f, &c);
    CHECK_INT(sum(&f), 600);
}

/* A million on one day, and lives of no time, overflow nothing. */
static void extremes(void)
{
    struct outlook_forecast f = {.conf = &conf, .begin = TODAY};
    struct store_cohort c = {.begins = TODAY, .ends = TODAY, .n = 1000000};

    conf.acme.renewal.spread = 0;
    outlook_forecast_add(&f, &c);
    CHECK_INT(outlook_forecast_day(&f, 0), 1000000);
    c = (struct store_cohort){.begins = 0, .ends = TODAY + 30000 * WHEN_DAY, .n = UINT32_MAX};
    outlook_forecast_add(&f, &c);
    CHECK_INT(sum(&f), 1000000);
    conf.acme.renewal.spread = 10;
}

CHECK_MAIN(CHECK_TEST(windows_lie_in_their_spread), CHECK_TEST(spread_evenly_over_days),
           CHECK_TEST(only_the_days_ahead), CHECK_TEST(extremes))
