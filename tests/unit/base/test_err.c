/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/err.h"

MSG(msg_none, "base.test-none", "it failed");
MSG(msg_two, "base.test-two", "{0}: {1}");
MSG(msg_eight, "base.test-eight", "{0}{1}{2}{3}{4}{5}{6}{7}");

static enum rc refuse(struct err *err, struct str name)
{
    return ERR(err, RC_DENIED, msg_two, name, STR("no"));
}

static void records_and_returns(void)
{
    struct err err = ERR_INIT;
    char name[] = "wiki";
    char text[100];

    CHECK_OK(err.rc);
    CHECK_RC(refuse(&err, str_of(name)), RC_DENIED);
    memset(name, 'x', sizeof(name) - 1); /* arguments are copied */
    CHECK_RC(err.rc, RC_DENIED);
    CHECK(err.msg == &msg_two);
    CHECK_INT(err.n_args, 2);
    CHECK_STR(err_arg(&err, 0), "wiki");
    CHECK_STR(err_arg(&err, 1), "no");
    CHECK(err_arg(&err, 2).p == NULL && err_arg(&err, 99).n == 0);
    CHECK(str_ends(str_of(err.at.file), STR("test_err.c")) && err.at.line > 0);
    CHECK_STR(str_of(err_textz(&err, text, sizeof(text))),
              mem_fail_fired() ? "refused" : "wiki: no");
}

static void null_wants_the_code_only(void)
{
    CHECK_RC(refuse(NULL, STR("x")), RC_DENIED);
    CHECK_RC(ERR(NULL, RC_IO, msg_none), RC_IO);
    CHECK_RC(err_problem(NULL, RC_QUOTA, "rateLimited", 429), RC_QUOTA);
}

static void no_arguments(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(100);
    struct err err = ERR_INIT;

    CHECK_RC(ERR(&err, RC_IO, msg_none), RC_IO);
    CHECK_INT(err.n_args, 0);
    err_text(&err, &b);
    CHECK_STR(buf_str(&b), "it failed");
}

static void text_of_the_code_without_a_message(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(100);
    struct err err = ERR_INIT;

    err.rc = RC_NOTFOUND;
    err_text(&err, &b);
    CHECK_STR(buf_str(&b), rc_text(RC_NOTFOUND));
}

static void problem_is_added(void)
{
    struct err err = ERR_INIT;

    CHECK_RC(err_problem(&err, refuse(&err, STR("x")), "rejectedIdentifier", 403), RC_DENIED);
    CHECK_STR(str_of(err.type), "rejectedIdentifier");
    CHECK_INT(err.status, 403);
    CHECK_STR(err_arg(&err, 0), "x");
    /* The next error does not inherit it. */
    CHECK_RC(ERR(&err, RC_IO, msg_none), RC_IO);
    CHECK(!err.type && err.status == 0 && err.n_args == 0);
    err = ERR_INIT;
    CHECK_RC(err_problem(&err, RC_QUOTA, "rateLimited", 429), RC_QUOTA);
    CHECK_RC(err.rc, RC_QUOTA);
}

static void long_arguments_are_cut(void)
{
    struct err err = ERR_INIT;
    char big[3000];

    memset(big, 'a', sizeof(big));
    CHECK_RC(refuse(&err, str_bytes(big, sizeof(big))), RC_DENIED);
    CHECK_INT(err_arg(&err, 0).n, ERR_ARGS_BYTES - 2);
    CHECK(str_ends(err_arg(&err, 0), STR("aa...")));
    CHECK_STR(err_arg(&err, 1), "no");
    CHECK_RC(refuse(&err, str_bytes(big, ERR_ARGS_BYTES - 2)), RC_DENIED);
    CHECK(str_ends(err_arg(&err, 0), STR("aaa")));
    CHECK_INT(err_arg(&err, 0).n, ERR_ARGS_BYTES - 2);
}

static void space_is_shared(void)
{
    struct err err = ERR_INIT;
    char big[3000];
    struct str s = {big, sizeof(big)};

    memset(big, 'a', sizeof(big));
    CHECK_RC(ERR(&err, RC_INVAL, msg_eight, s, s, s, STR("d"), s, s, s, s, STR("ninth")), RC_INVAL);
    CHECK_INT(err.n_args, 8);
    CHECK_STR(err_arg(&err, 3), "d");
    for (size_t i = 0; i < 8; i++)
        CHECK(i == 3 || (err_arg(&err, i).n >= 100 && str_ends(err_arg(&err, i), STR("a..."))));
    CHECK(err.end[7] <= ERR_ARGS_BYTES);
}

static void utf8_is_not_cut_in_two(void)
{
    struct err err = ERR_INIT;
    char big[3001];

    for (size_t i = 0; i < sizeof(big) - 3; i += 3)
        memcpy(big + i, "\xe2\x82\xac", 3);
    for (size_t shift = 0; shift < 3; shift++) {
        CHECK_RC(refuse(&err, str_bytes(big, 2997)), RC_DENIED);
        CHECK(str_utf8(err_arg(&err, 0)));
        CHECK(str_ends(err_arg(&err, 0), STR("\xe2\x82\xac...")));
        memmove(big + 1, big, sizeof(big) - 1);
        big[0] = 'a';
    }
}

/* An error is often told again in the words of the caller, with parts of the old one. */
static void arguments_may_be_its_own(void)
{
    struct err err = ERR_INIT;

    CHECK_RC(ERR(&err, RC_IO, msg_two, STR("first"), STR("second")), RC_IO);
    CHECK_RC(ERR(&err, RC_INVAL, msg_two, err_arg(&err, 1), err_arg(&err, 0)), RC_INVAL);
    CHECK_STR(err_arg(&err, 0), "second");
    CHECK_STR(err_arg(&err, 1), "first");
}

static void line_is_cut_to_fit(void)
{
    struct err err = ERR_INIT;
    char text[16];

    CHECK_RC(ERR(&err, RC_IO, msg_two, STR("a\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"), STR("x")),
             RC_IO);
    memset(text, '#', sizeof(text));
    err_textz(&err, text, 14);
    if (!mem_fail_fired())
        CHECK_STR(str_of(text), "a\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac: x");
    err_textz(&err, text, 13);
    if (!mem_fail_fired())
        CHECK_STR(str_of(text), "a\xe2\x82\xac\xe2\x82\xac...");
    for (size_t cap = 1; cap < sizeof(text); cap++) {
        memset(text, '#', sizeof(text));
        CHECK(err_textz(&err, text, cap) == text);
        CHECK(strlen(text) < cap);
        CHECK(text[cap] == '#');
        CHECK(str_utf8(str_of(text)));
    }
    CHECK_STR(str_of(err_textz(&err, text, 0)), "");
}

CHECK_MAIN(CHECK_TEST(records_and_returns), CHECK_TEST(null_wants_the_code_only),
           CHECK_TEST(no_arguments), CHECK_TEST(text_of_the_code_without_a_message),
           CHECK_TEST(problem_is_added), CHECK_TEST(long_arguments_are_cut),
           CHECK_TEST(space_is_shared), CHECK_TEST(utf8_is_not_cut_in_two),
           CHECK_TEST(arguments_may_be_its_own), CHECK_TEST(line_is_cut_to_fit))
