/* SPDX-License-Identifier: Apache-2.0 */
#include "problems.h"

#include "conf/passing.h"

#define SITES LEAST "gateway:\n  sites:\n"
#define A "  - {name: a.hospital.example, backends: [\"http://10.0.0.1\"]}\n"
#define B "  - {name: b.hospital.example, backends: [\"http://10.0.0.2\"]}\n"
#define PATHS "  paths:\n"
#define API "  - {site: b.hospital.example, path: /api, backends: [\"http://10.0.0.3\"]}\n"
#define OLD "  - {site: b.hospital.example, path: /old, redirect: /new}\n"

/* From `a` to `b`, both without LEAST: those sites. */
#define CHECK_PASSING(a, b, expected, number)                                                      \
    do {                                                                                           \
        CLEANUP(conf_unrefp) const struct conf *was_ = NULL, *now_ = NULL;                         \
        CLEANUP(conf_report_done) struct conf_report report_ = {};                                 \
        CLEANUP(buf_done) struct buf names_ = BUF_INIT(1 << 16);                                   \
        size_t n_;                                                                                 \
        conf_report_init(&report_);                                                                \
        CHECK_OK(load_text(str_of(a), &was_, &report_));                                           \
        CHECK_OK(load_text(str_of(b), &now_, &report_));                                           \
        CHECK_OK(conf_passing_changed(was_, now_, &names_, &n_));                                  \
        CHECK_STR(buf_str(&names_), (expected));                                                   \
        CHECK_INT(n_, number);                                                                     \
    } while (0)

static void nothing_that_clients_notice(void)
{
    CHECK_PASSING(LEAST, LEAST, "", 0);
    CHECK_PASSING(LEAST, SITES A, "", 0);
    CHECK_PASSING(SITES B, SITES A B, "", 0);
    CHECK_PASSING(SITES A B, SITES B A, "", 0);
    CHECK_PASSING(SITES B PATHS API OLD, SITES A B PATHS OLD API, "", 0);
    CHECK_PASSING(SITES A,
                  SITES "  - {name: a.hospital.example, backends: [\"http://10.0.0.1\"], deny: "
                        "[10.1.0.0/16], rate: 5, maintenance: soon, "
                        "algorithms: [rsa], hsts: 1d}\n",
                  "", 0);
}

static void other_ways(void)
{
    static const char *const others[] = {
        "backends: [\"http://10.0.0.9\"]",
        "backends: [\"http://10.0.0.1\", \"http://10.0.0.9\"]",
        "backends: [\"http://10.0.0.1\"], check: /health",
        "backends: [\"http://10.0.0.1\"], send_proxy: v2",
    };

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        CLEANUP(buf_done) struct buf now = BUF_INIT(4096);

        buf_printf(&now, "%s  - {name: a.hospital.example, %s}\n", SITES B, others[i]);
        CHECK_OK(buf_rc(&now));
        CHECK_PASSING(SITES A B, buf_z(&now), "a.hospital.example", 1);
    }
    CHECK_PASSING(SITES A B, SITES A, "b.hospital.example", 1);
    CHECK_PASSING(SITES A B, LEAST, "a.hospital.example, b.hospital.example", 2);
}

#define TWO "  - {name: a.hospital.example, backends: [\"http://10.0.0.1\", \"http://10.0.0.2\"]"

static void among_several(void)
{
    CHECK_PASSING(SITES TWO "}\n", SITES TWO ", balance: round-robin}\n", "a.hospital.example", 1);
    CHECK_PASSING(SITES TWO "}\n", SITES TWO ", sticky: true}\n", "a.hospital.example", 1);
    CHECK_PASSING(SITES TWO "}\n", SITES TWO ", drain: [\"http://10.0.0.1\"]}\n", "", 0);
    CHECK_PASSING(SITES TWO "}\n", SITES TWO ", slow_start: 1m}\n", "", 0);
}

#define ROOTS(text) "-----BEGIN CERTIFICATE-----\n" text "\n-----END CERTIFICATE-----\n"

static enum rc load_with(const char *roots, const struct conf **out)
{
    CLEANUP(conf_input_done) struct conf_input in = {};
    CLEANUP(conf_report_done) struct conf_report report = {};

    conf_input_init(&in);
    conf_report_init(&report);
    TRY(conf_input_add(&in, STR("a.yaml"),
                       STR(SITES "  - {name: a.hospital.example, backends: "
                                 "[\"https://10.0.0.1\"], backend_ca: roots.pem}\n")));
    TRY(conf_input_add(&in, STR("/data/conf.d/roots.pem"), str_of(roots)));
    return conf_load(&in, out, &report);
}

/* The name of the file is the same. */
static void other_roots(void)
{
    CLEANUP(conf_unrefp) const struct conf *one = NULL, *two = NULL;
    CLEANUP(buf_done) struct buf names = BUF_INIT(1 << 16);
    size_t n;

    CHECK_OK(load_with(ROOTS("AAAA"), &one));
    CHECK_OK(load_with(ROOTS("BBBB"), &two));
    CHECK_OK(conf_passing_changed(one, one, &names, &n));
    CHECK_INT(n, 0);
    CHECK_OK(conf_passing_changed(one, two, &names, &n));
    CHECK_INT(n, 1);
}

static void other_paths(void)
{
    CHECK_PASSING(SITES A B, SITES A B PATHS API, "b.hospital.example", 1);
    CHECK_PASSING(SITES A B PATHS API, SITES A B PATHS OLD, "b.hospital.example", 1);
    CHECK_PASSING(SITES A B PATHS API OLD, SITES A B PATHS OLD, "b.hospital.example", 1);
}

static void more_than_are_named(void)
{
    CLEANUP(buf_done) struct buf was = BUF_INIT(1 << 16);
    CLEANUP(buf_done) struct buf names = BUF_INIT(1 << 16);

    buf_putz(&was, SITES);
    for (int i = 0; i < CONF_PASSING_NAMES + 3; i++) {
        buf_printf(&was, "  - {name: s%02d.hospital.example, backends: [\"http://10.0.0.1\"]}\n",
                   i);
        if (i < CONF_PASSING_NAMES)
            buf_printf(&names, "%ss%02d.hospital.example", i ? ", " : "", i);
    }
    buf_putz(&names, " and 3 more");
    CHECK_OK(buf_rc(&was));
    CHECK_OK(buf_rc(&names));
    CHECK_PASSING(buf_z(&was), LEAST, buf_z(&names), CONF_PASSING_NAMES + 3);
}

CHECK_MAIN(CHECK_TEST_ONCE(nothing_that_clients_notice), CHECK_TEST_ONCE(other_ways),
           CHECK_TEST(among_several), CHECK_TEST(other_paths), CHECK_TEST(other_roots),
           CHECK_TEST_ONCE(more_than_are_named))
