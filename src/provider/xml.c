/* SPDX-License-Identifier: Apache-2.0 */
#include "provider/xml.h"

static size_t find(struct str s, struct str what)
{
    const char *at = s.n >= what.n ? memmem(s.p, s.n, what.p, what.n) : NULL;

    return at ? (size_t)(at - s.p) : s.n;
}

/* Moves `*rest` behind the start tag of the next `name`; *out_empty: the element ended in it. */
static bool begin(struct str *rest, struct str name, bool *out_empty)
{
    struct str s = *rest, tag;

    for (;;) {
        s = str_skip(s, find(s, STR("<")));
        if (s.n == 0)
            return false;
        s = str_skip(s, 1);
        if (!str_starts(s, name) || s.n == name.n)
            continue;
        if (s.p[name.n] == '>' || s.p[name.n] == '/' || s.p[name.n] == ' ' || s.p[name.n] == '\n')
            break;
    }
    if (!str_cut(s, '>', &tag, rest))
        return false;
    *out_empty = str_ends(tag, STR("/"));
    return true;
}

bool provider_xml_next(struct str *rest, const char *name, struct str *out)
{
    struct str s, n = str_of(name);
    bool empty;

    if (!begin(rest, n, &empty))
        return false;
    *out = str_head(*rest, 0);
    if (empty)
        return true;
    for (s = *rest;; s = str_skip(s, 2)) {
        s = str_skip(s, find(s, STR("</")));
        if (s.n == 0)
            return false;
        if (str_starts(str_skip(s, 2), n) && str_starts(str_skip(s, 2 + n.n), STR(">")))
            break;
    }
    *out = str_head(*rest, rest->n - s.n);
    *rest = str_skip(s, 3 + n.n);
    return true;
}

struct str provider_xml_first(struct str text, const char *name)
{
    struct str out;

    return provider_xml_next(&text, name, &out) ? str_trim(out) : STR("");
}

/* &#34; and &#x22;, without the frame. */
static enum rc by_number(struct str s, char *out)
{
    bool hex = str_starts(s, STR("x"));
    unsigned n = 0;

    s = str_skip(s, hex ? 1 : 0);
    if (s.n == 0 || s.n > 4)
        return RC_PARSE;
    for (size_t i = 0; i < s.n; i++) {
        unsigned c = (unsigned char)s.p[i], digit;

        if (c >= '0' && c <= '9')
            digit = c - '0';
        else if (hex && (c | 32) >= 'a' && (c | 32) <= 'f')
            digit = (c | 32) - 'a' + 10;
        else
            return RC_PARSE;
        n = n * (hex ? 16 : 10) + digit;
    }
    *out = (char)n;
    return n >= ' ' && n < 127 ? RC_OK : RC_PARSE;
}

static enum rc by_name(struct str s, char *out)
{
    static const struct {
        struct str name;
        char c;
    } entities[] = {{STR("lt"), '<'},
                    {STR("gt"), '>'},
                    {STR("amp"), '&'},
                    {STR("quot"), '"'},
                    {STR("apos"), '\''}};

    if (str_starts(s, STR("#")))
        return by_number(str_skip(s, 1), out);
    for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++)
        if (str_eq(s, entities[i].name)) {
            *out = entities[i].c;
            return RC_OK;
        }
    return RC_PARSE;
}

enum rc provider_xml_unescape(struct str text, struct buf *out)
{
    struct str head, name;
    char c;

    while (str_cut(text, '&', &head, &text)) {
        buf_puts(out, head);
        if (!str_cut(text, ';', &name, &text))
            return RC_PARSE;
        TRY(by_name(name, &c));
        buf_put(out, &c, 1);
    }
    buf_puts(out, head);
    return buf_rc(out);
}
