/* SPDX-License-Identifier: Apache-2.0 */
/* Loading configurations given as text, for the tests of conf/. */
#pragma once

#include "check.h"
#include "conf/load.h"

/* What every configuration must have. Two lines: what follows begins at line 3. */
#define LEAST "organization: Example Hospital\ndomain: hospital.example\n"

/* Loads one file "a.yaml". */
static inline enum rc load_text(struct str text, const struct conf **out, struct conf_report *r)
{
    struct conf_input in;

    conf_input_init(&in);
    TRY(conf_input_add(&in, STR("a.yaml"), text));
    return conf_load(&in, out, r);
}

/* Loading `text` fails, and the report is exactly `expected`. */
#define CHECK_PROBLEMS_STR(text, expected)                                                         \
    do {                                                                                           \
        CLEANUP(conf_unrefp) const struct conf *conf_ = NULL;                                      \
        CLEANUP(conf_report_done) struct conf_report report_ = {};                                 \
        CLEANUP(buf_done) struct buf shown_ = BUF_INIT(1 << 20);                                   \
        conf_report_init(&report_);                                                                \
        CHECK_RC(load_text((text), &conf_, &report_), RC_INVAL);                                   \
        CHECK(!conf_);                                                                             \
        conf_report_text(&report_, &shown_);                                                       \
        CHECK_OK(buf_rc(&shown_));                                                                 \
        CHECK_STR(buf_str(&shown_), (expected));                                                   \
    } while (0)

#define CHECK_PROBLEMS(text, expected) CHECK_PROBLEMS_STR(str_of(text), expected)

/* `body` after LEAST has exactly that problem, in that line and at that key. */
#define CHECK_PROBLEM(body, expected) CHECK_PROBLEMS(LEAST body, "a.yaml:" expected "\n")

/* Loading LEAST and `body` succeeds: declares `conf`, to be released by the test's CLEANUP. */
#define CHECK_LOADS(body, out)                                                                     \
    do {                                                                                           \
        CLEANUP(conf_report_done) struct conf_report report_ = {};                                 \
        CLEANUP(buf_done) struct buf shown_ = BUF_INIT(1 << 20);                                   \
        enum rc rc_;                                                                               \
        conf_report_init(&report_);                                                                \
        rc_ = load_text(str_of(LEAST body), (out), &report_);                                      \
        conf_report_text(&report_, &shown_);                                                       \
        CHECK_STR(buf_str(&shown_), "");                                                           \
        CHECK_OK(rc_);                                                                             \
    } while (0)
