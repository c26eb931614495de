/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "conf/value.h"

static void spans(void)
{
    static const struct {
        const char *text;
        when_t span;
    } good[] = {
        {"90d", 90 * WHEN_DAY},
        {"90d 12h", 90 * WHEN_DAY + 12 * WHEN_HOUR},
        {"90d12h", 90 * WHEN_DAY + 12 * WHEN_HOUR},
        {"1d 2h 3m 4s", WHEN_DAY + 2 * WHEN_HOUR + 3 * WHEN_MINUTE + 4 * WHEN_SECOND},
        {"250ms", WHEN_SECOND / 4},
        {"0s", 0},
    };
    static const char *const bad[] = {
        "",
        " ",
        "5",
        "d",
        "1 d",
        "1d ",
        " 1d",
        "1d  2h",
        "1 2d",
        "-1d",
        "12h 1d",
        "1d 2d",
        "1.5h",
        "1D",
        "1d\t2h",
        "1w",
        "1d,2h",
        "1d 2",
        "1d h",
        "99999999999999999999d",
        "1d 1h 1m 1s 1ms 1us 0000000000000000000000000000000000000000000000000"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        when_t span = -1;

        CHECK_OK(conf_span_parse(str_of(good[i].text), &span));
        CHECK_INT(span, good[i].span);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        when_t span = -1;

        CHECK_RC(conf_span_parse(str_of(bad[i]), &span), RC_PARSE);
        CHECK_INT(span, -1);
    }
}

static void sizes(void)
{
    static const char *const bad[] = {"",       "10",  "KiB",    "10KB", "10kib",
                                      "10 KiB", "-1B", "1.5MiB", "1MiBx"};
    uint64_t v = 0;

    CHECK_OK(conf_size_parse(STR("0B"), &v));
    CHECK_INT(v, 0);
    CHECK_OK(conf_size_parse(STR("100B"), &v));
    CHECK_INT(v, 100);
    CHECK_OK(conf_size_parse(STR("512KiB"), &v));
    CHECK_INT(v, 512 * 1024);
    CHECK_OK(conf_size_parse(STR("10MiB"), &v));
    CHECK_INT(v, 10 * 1024 * 1024);
    CHECK_OK(conf_size_parse(STR("2TiB"), &v));
    CHECK_INT(v, INT64_C(2) << 40);
    CHECK_OK(conf_size_parse(STR("8388607TiB"), &v));
    CHECK_RC(conf_size_parse(STR("8388608TiB"), &v), RC_TOOBIG);
    CHECK_RC(conf_size_parse(STR("9223372036854775808B"), &v), RC_TOOBIG);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_RC(conf_size_parse(str_of(bad[i]), &v), RC_PARSE);
    CHECK_INT(v, INT64_C(8388607) << 40);
}

static void rates(void)
{
    static const char *const bad[] = {"",       "/",       "50",           "50/",      "/1d",
                                      "0/1d",   "50/0d",   "50/d",         "50/1d/1d", "-1/1d",
                                      "5 0/1d", "50 / 1d", "4294967296/1d"};
    struct conf_rate rate = {};

    CHECK_OK(conf_rate_parse(STR("50/1d"), &rate));
    CHECK_INT(rate.count, 50);
    CHECK_INT(rate.per, WHEN_DAY);
    CHECK_OK(conf_rate_parse(STR("1/1h 30m"), &rate));
    CHECK_INT(rate.count, 1);
    CHECK_INT(rate.per, 90 * WHEN_MINUTE);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_RC(conf_rate_parse(str_of(bad[i]), &rate), RC_PARSE);
    CHECK_INT(rate.count, 1);
}

CHECK_MAIN(CHECK_TEST(spans), CHECK_TEST(sizes), CHECK_TEST(rates))
