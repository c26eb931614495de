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
    CLEANUP(buf_done) struct buf b;

    buf_init(&b, 10);
    CHECK_RC(file_read(-1, "nowhere", &b, NULL), RC_IO);
    CHECK(has(&msg_two) && has(&msg_braces) && has(&msg_plain));
    CHECK(has_code("base.file-not-opened"));
    CHECK(!has_code("base.no-such"));
}

/* Folder, dot, words joined by hyphens. */
static bool code_ok(const char *code)
{
    struct str folder, words;
    char before = '-';

    if (!str_cut(str_of(code), '.', &folder, &words) || folder.n == 0 || words.n == 0)
        return false;
    for (size_t i = 0; i < folder.n; i++)
        if (!((folder.p[i] >= 'a' && folder.p[i] <= 'z') ||
              (i && folder.p[i] >= '0' && folder.p[i] <= '9')))
            return false;
    for (size_t i = 0; i < words.n; before = words.p[i++]) {
        char c = words.p[i];

        if (c != '-' && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9'))
            return false;
        if (c == '-' && before == '-')
            return false;
    }
    return before != '-';
}

/* {0}, {1} ... without a gap, in any order. */
static bool places_ok(const char *text)
{
    unsigned seen = 0;

    for (const char *p = text; (p = strchr(p, '{')); p++) {
        if (p[1] == '{')
            p++;
        else if (p[1] >= '0' && p[1] < '0' + MSG_ARGS_MAX && p[2] == '}')
            seen |= 1u << (p[1] - '0');
    }
    return (seen & (seen + 1)) == 0;
}

static void catalogue_rules_work(void)
{
    CHECK(code_ok("conf.unknown-key") && code_ok("x509.bad-2-things"));
    CHECK(!code_ok("conf") && !code_ok(".x") && !code_ok("conf.") && !code_ok("conf.Key"));
    CHECK(!code_ok("conf.a--b") && !code_ok("conf.-a") && !code_ok("conf.a-") && !code_ok("c.a b"));
    CHECK(!code_ok("a.b.c") && !code_ok("a-b.c") && !code_ok("9a.c"));
    CHECK(places_ok("{1} {0}") && places_ok("{0} {0}") && places_ok("none") && places_ok("{{5}"));
    CHECK(!places_ok("{1}") && !places_ok("{0} {2}"));
}

static void catalogue_is_sound(void)
{
    const struct msg *const *all;
    size_t n;

    msg_all(&all, &n);
    CHECK(n >= 3);
    for (size_t i = 0; i < n; i++) {
        CHECK(code_ok(all[i]->code));
        CHECK(places_ok(all[i]->text) || all[i] == &msg_braces);
        CHECK(str_utf8(str_of(all[i]->text)) && all[i]->text[0]);
        for (size_t k = 0; k < i; k++)
            CHECK(strcmp(all[i]->code, all[k]->code) != 0);
    }
}

#define CHECK_RENDER(expected, m, translate, ...)                                                  \
    do {                                                                                           \
        CLEANUP(buf_done) struct buf b_;                                                           \
        const struct str args_[] = {__VA_ARGS__};                                                  \
        buf_init(&b_, 1000);                                                                       \
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

static const char *german(const char *code, void *)
{
    return strcmp(code, "base.test-two") == 0 ? "{1} ist {0} nicht" : NULL;
}

static void translates(void)
{
    CHECK_RENDER("b ist a nicht", msg_two, german, STR("a"), STR("b"));
    CHECK_RENDER("nothing put in", msg_plain, german, STR("a"));
}

static void limit_holds(void)
{
    CLEANUP(buf_done) struct buf b;
    const struct str args[] = {STR("a"), STR("b")};

    buf_init(&b, 9);
    msg_render(&msg_two, args, 2, NULL, NULL, &b);
    CHECK_RC(buf_rc(&b), RC_TOOBIG);
    CHECK_INT(buf_str(&b).n, 0);
}

CHECK_MAIN(CHECK_TEST(linker_gathers_all), CHECK_TEST(catalogue_rules_work),
           CHECK_TEST(catalogue_is_sound), CHECK_TEST(puts_arguments_in),
           CHECK_TEST(cleans_arguments), CHECK_TEST(translates), CHECK_TEST(limit_holds))
