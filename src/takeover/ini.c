/* SPDX-License-Identifier: Apache-2.0 */
#include "takeover/ini.h"

/* Without the quotation marks around all of it. */
static struct str unquote(struct str s)
{
    if (s.n >= 2 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.n - 1] == s.p[0] &&
        str_find(str_skip(s, 1), s.p[0]) == s.n - 2)
        return str_bytes(s.p + 1, s.n - 2);
    return s;
}

/* A comment begins outside of quotation marks. */
static struct str uncomment(struct str s)
{
    char quote = '\0';

    for (size_t i = 0; i < s.n; i++) {
        if (quote)
            quote = s.p[i] == quote ? '\0' : quote;
        else if (s.p[i] == '"' || s.p[i] == '\'')
            quote = s.p[i];
        else if (s.p[i] == '#')
            return str_trim(str_head(s, i));
    }
    return str_trim(s);
}

/* Between three quotation marks, perhaps over several lines: what holds both kinds of them. `value`
 * begins with them; what is behind the end of it is no part of `*rest` any more. */
static bool take_triple(struct str value, struct str *rest, struct str *out)
{
    struct str marks = str_head(value, 3);
    size_t left = (size_t)(rest->p + rest->n - value.p) - 3;
    struct str inside = str_bytes(value.p + 3, left);

    for (size_t i = 0; i + 3 <= inside.n; i++) {
        if (!str_eq(str_bytes(inside.p + i, 3), marks) ||
            (i + 3 < inside.n && inside.p[i + 3] == marks.p[0])) /* one before them is text */
            continue;
        *out = str_head(inside, i);
        inside = str_skip(inside, i + 3);
        if (inside.p > rest->p)
            *rest = str_skip(inside, str_find(inside, '\n'));
        return true;
    }
    return false;
}

static bool is_triple(struct str s)
{
    return str_starts(s, STR("\'\'\'")) || str_starts(s, STR("\"\"\""));
}

static struct str section_name(struct str line)
{
    while (str_starts(line, STR("[")))
        line = str_skip(line, 1);
    return str_trim(str_head(line, str_find(line, ']')));
}

enum rc takeover_ini_read(struct arena *a, struct str text, struct takeover_ini *out)
{
    struct str rest = text, line, section = {"", 0};
    struct takeover_ini ini = {
        .list = ARENA_ARRAY(a, struct takeover_ini_entry, TAKEOVER_INI_ENTRIES_MAX)};

    if (!ini.list)
        return RC_NOMEM;
    if (text.n > TAKEOVER_INI_MAX)
        return RC_TOOBIG;
    if (str_find(text, '\0') < text.n)
        return RC_PARSE;
    while (str_next(&rest, '\n', &line)) {
        struct takeover_ini_entry *e = &ini.list[ini.n];
        struct str name, value;

        line = str_trim(line);
        if (str_starts(line, STR("#")) || str_starts(line, STR(";")))
            continue;
        if (str_starts(line, STR("["))) {
            section = section_name(line);
            continue;
        }
        if (!str_cut(line, '=', &name, &value))
            continue;
        if (ini.n == TAKEOVER_INI_ENTRIES_MAX)
            return RC_TOOBIG;
        *e = (struct takeover_ini_entry){section, unquote(str_trim(name)), {"", 0}};
        value = str_trim(value);
        if (!is_triple(value))
            e->value = unquote(uncomment(value));
        else if (!take_triple(value, &rest, &e->value))
            return RC_PARSE;
        ini.n++;
    }
    *out = ini;
    return RC_OK;
}

struct str takeover_ini_get(const struct takeover_ini *ini, const char *section, const char *name)
{
    for (size_t i = ini->n; i > 0; i--)
        if (str_eq(ini->list[i - 1].section, str_of(section)) &&
            str_eq(ini->list[i - 1].name, str_of(name)))
            return ini->list[i - 1].value;
    return (struct str){"", 0};
}

bool takeover_ini_next(struct str *rest, struct str *out)
{
    while (str_next(rest, ',', out)) {
        *out = unquote(str_trim(*out));
        if (out->n)
            return true;
    }
    return false;
}
