/* SPDX-License-Identifier: Apache-2.0 */
#include "problems.h"

#include "conf/tree_int.h"

MSG(msg_test, "conf.test", "[{0}]");

static enum rc add(struct conf_report *r, const struct conf_file *file, unsigned line,
                   const char *key, const char *what)
{
    struct err err = ERR_INIT;

    IGNORE_RC(ERR(&err, RC_INVAL, msg_test, str_of(what))); /* err has it */
    return conf_report_add(r, file, line, str_of(key), &err);
}

static void sorted_by_place(void)
{
    static const struct conf_file files[] = {{{"z", 1}, {"", 0}}, {{"a", 1}, {"", 0}}};
    CLEANUP(conf_report_done) struct conf_report r = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(4096);

    conf_report_init(&r);
    CHECK_OK(add(&r, &files[1], 2, "k", "1"));
    CHECK_OK(add(&r, &files[0], 5, "k", "2"));
    CHECK_OK(add(&r, &files[1], 1, "", "3"));
    CHECK_OK(add(&r, &files[0], 5, "k\n\x7f", "4\n"));
    CHECK_OK(add(&r, &files[0], 0, "k", "5"));
    CHECK_OK(add(&r, &files[1], 1, "k", "6"));
    CHECK_INT(r.n, 6);
    conf_report_text(&r, &text);
    CHECK_OK(buf_rc(&text));
    CHECK_STR(buf_str(&text), "z: k: [5]\n"
                              "z:5: k: [2]\n"
                              "z:5: k??: [4?]\n"
                              "a:1: [3]\n"
                              "a:1: k: [6]\n"
                              "a:2: k: [1]\n");
}

static void as_many_as_are_kept(void)
{
    static const struct conf_file file = {{"a", 1}, {"", 0}};
    CLEANUP(conf_report_done) struct conf_report r = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 16);
    size_t lines = 0;

    conf_report_init(&r);
    for (unsigned i = 0; i < CONF_PROBLEMS_MAX + 7; i++)
        CHECK_OK(add(&r, &file, i + 1, "k", "x"));
    CHECK_INT(r.n, CONF_PROBLEMS_MAX + 7);
    conf_report_text(&r, &text);
    CHECK_OK(buf_rc(&text));
    for (size_t i = 0; i < text.n; i++)
        lines += text.p[i] == '\n';
    CHECK_INT(lines, CONF_PROBLEMS_MAX + 1);
    CHECK(str_ends(buf_str(&text), STR("a:100: k: [x]\n7 more problems\n")));
    conf_report_done(&r);
    CHECK(r.n == 0 && !r.first);
}

CHECK_MAIN(CHECK_TEST(sorted_by_place), CHECK_TEST(as_many_as_are_kept))
