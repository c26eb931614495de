/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue of the whole program: every object is linked in here, called or not. */
#include "check.h"

#include "base/msg.h"
#include "cmd/cmd.h"

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

static bool is_command(struct str noun, struct str verb)
{
    size_t n;
    const struct cmd_row *rows = cmd_rows(&n);

    for (size_t i = 0; i < n; i++)
        if (str_eq(noun, str_of(rows[i].noun)) &&
            (!rows[i].verb || str_eq(verb, str_of(rows[i].verb))))
            return true;
    return false;
}

/* "`autarky config check --data {0}`" is a command that there is. */
static bool commands_ok(const char *text)
{
    static const char begin[] = "`autarky ";

    for (const char *p = text; (p = strstr(p, begin)); p++) {
        struct str command, noun, verb, rest;

        str_cut(str_of(p + sizeof(begin) - 1), '`', &command, &rest);
        str_cut(command, ' ', &noun, &rest);
        str_cut(rest, ' ', &verb, &rest);
        if (!is_command(noun, verb))
            return false;
    }
    return true;
}

static void catalogue_rules_work(void)
{
    CHECK(code_ok("conf.unknown-key") && code_ok("x509.bad-2-things"));
    CHECK(!code_ok("conf") && !code_ok(".x") && !code_ok("conf.") && !code_ok("conf.Key"));
    CHECK(!code_ok("conf.a--b") && !code_ok("conf.-a") && !code_ok("conf.a-") && !code_ok("c.a b"));
    CHECK(!code_ok("a.b.c") && !code_ok("a-b.c") && !code_ok("9a.c"));
    CHECK(places_ok("{1} {0}") && places_ok("{0} {0}") && places_ok("none") && places_ok("{{5}"));
    CHECK(!places_ok("{1}") && !places_ok("{0} {2}"));
    CHECK(commands_ok("none") && commands_ok("`autarky serve`, `autarky config check --json`"));
    CHECK(!commands_ok("`autarky conjure`") && !commands_ok("`autarky config` shows"));
}

static void catalogue_is_sound(void)
{
    const struct msg *const *all;
    size_t of_base = 0;
    size_t of_others = 0;
    size_t n;

    msg_all(&all, &n);
    for (size_t i = 0; i < n; i++) {
        bool base = str_starts(str_of(all[i]->code), STR("base."));

        of_base += base;
        of_others += !base;
        if (!code_ok(all[i]->code))
            fail_msg("%s: not of the form folder.words-with-hyphens", all[i]->code);
        if (!places_ok(all[i]->text))
            fail_msg("%s: places are not numbered from 0: %s", all[i]->code, all[i]->text);
        if (!commands_ok(all[i]->text))
            fail_msg("%s: names a command that there is not: %s", all[i]->code, all[i]->text);
        if (!str_utf8(str_of(all[i]->text)) || !all[i]->text[0])
            fail_msg("%s: not a text", all[i]->code);
        for (size_t k = 0; k < i; k++)
            if (strcmp(all[i]->code, all[k]->code) == 0)
                fail_msg("%s: declared twice", all[i]->code);
    }
    CHECK(of_base >= 10 && of_others >= 50);
}

CHECK_MAIN(CHECK_TEST(catalogue_rules_work), CHECK_TEST(catalogue_is_sound))
