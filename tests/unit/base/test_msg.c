/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/file.h"
#include "base/msg.h"

MSG(msg_two, "base.test-two", "{0} is not {1}");
MSG(msg_braces, "base.test-braces", "{{0} {{{0}} {x} {1 {8} {00} {");
MSG(msg_plain, "base.test-plain", "nothing put in");

static bool has(const struct msg *m)
{
    const struct msg *const *all;
    size_t n;

    msg_all(&all, &n);
    for (size_t i = 0; i < n; i++)
        if (all[i] == m)
            return true;
    return false;
}

static bool has_code(const char *code)
{
    const struct msg *const *all;
    size_t n;

    msg_all(&all, &n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(all[i]->code, code) == 0)
            return true;
    return false;
}

/* Those of this file and of a library member, which only comes in because file_read is called. */
static void linker_gathers_all(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(10);

    CHECK_RC(file_read(-1, "nowhere", &b, NULL), RC_IO);
    CHECK(has(&msg_two) && has(&msg_braces) && has(&msg_plain));
    CHECK(has_code("base.file-not-opened"));
    CHECK(!has_code("base.no-such"));
}

#define CHECK_RENDER(expected, m, translate, ...)                                                  \
    do {                                                                                           \
        CLEANUP(buf_done) struct buf b_ = BUF_INIT(1000);                                          \
        const struct str args_[] = {__VA_ARGS__};                                                  \
        msg_render(&(m), args_, sizeof(args_) / sizeof(args_[0]), (translate), NULL, &b_);         \
        CHECK_STR(buf_str(&b_), (expected));                                                       \
    } while (0)

static void puts_arguments_in(void)
{
    CHECK_RENDER("a is not b", msg_two, NULL, STR("a"), STR("b"));
    CHECK_RENDER("a is not b", msg_two, NULL, STR("a"), STR("b"), STR("left over"));
    CHECK_RENDER("a is not {1}", msg_two, NULL, STR("a"));
    CHECK_RENDER("{1} is not {0}", msg_two, NULL, STR("{1}"), STR("{0}"));
    CHECK_RENDER(" is not ", msg_two, NULL, {NULL, 0}, STR(""));
    CHECK_RENDER("nothing put in", msg_plain, NULL, STR("a"));
    CHECK_RENDER("{0} {A} {x} {1 {8} {00} {", msg_braces, NULL, STR("A"));
}

/* NOLINTBEGIN(misc-misleading-bidirectional): that is what must not come through */
static void cleans_arguments(void)
{
    CHECK_RENDER("?[2Jx is not a?b??", msg_two, NULL, STR("\x1b[2Jx"), STR("a\nb\r\t"));
    CHECK_RENDER("? is not ?", msg_two, NULL, STR("\0"), STR("\x7f"));
    CHECK_RENDER("? is not \xc3\xa9", msg_two, NULL, STR("\xc2\x9b"), STR("\xc3\xa9"));
    CHECK_RENDER("?? is not a?b", msg_two, NULL, STR("\xff\xc3"),
                 STR("a\xe9"
                     "b"));
    CHECK_RENDER("? is not ?", msg_two, NULL, STR("\xe2\x80\xae"), STR("\xe2\x81\xa6"));
    CHECK_RENDER("? is not \xe2\x80\xa7", msg_two, NULL, STR("\xe2\x80\xa8"), STR("\xe2\x80\xa7"));
    CHECK_RENDER("\xf0\x9f\x92\xa1 is not \xef\xbf\xbd", msg_two, NULL, STR("\xf0\x9f\x92\xa1"),
                 STR("\xef\xbf\xbd"));
}
/* NOLINTEND(misc-misleading-bidirectional) */

static const char *dubbed(const char *code, void *)
{
    return strcmp(code, "base.test-two") == 0 ? "{1} versus {0}" : NULL;
}

static void translates(void)
{
    CHECK_RENDER("b versus a", msg_two, dubbed, STR("a"), STR("b"));
    CHECK_RENDER("nothing put in", msg_plain, dubbed, STR("a"));
}

static void limit_holds(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(9);
    const struct str args[] = {STR("a"), STR("b")};

    msg_render(&msg_two, args, 2, NULL, NULL, &b);
    CHECK_RC(buf_rc(&b), RC_TOOBIG);
    CHECK_INT(buf_str(&b).n, 0);
}

CHECK_MAIN(CHECK_TEST(linker_gathers_all), CHECK_TEST(puts_arguments_in),
           CHECK_TEST(cleans_arguments), CHECK_TEST(translates), CHECK_TEST(limit_holds))
