/* SPDX-License-Identifier: Apache-2.0 */
#include "dns/issue_value.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

struct str issue_value_trim(struct str s)
{
    while (s.n && is_space(s.p[0]))
        s = str_skip(s, 1);
    while (s.n && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Letters and digits, hyphens between them. */
static bool is_word(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && (s.p[i] != '-' || i == 0 || i + 1 == s.n))
            return false;
    return s.n != 0;
}

static bool is_domain(struct str s)
{
    struct str label;

    if (s.n == 0 || s.p[s.n - 1] == '.')
        return false;
    while (str_next(&s, '.', &label))
        if (!is_word(label))
            return false;
    return true;
}

static bool is_value(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == ';')
            return false;
    return true;
}

struct issue_value issue_value_open(struct str text)
{
    struct issue_value v = {.broken = false};
    struct str head;

    v.more = str_cut(text, ';', &head, &v.rest);
    v.issuer = issue_value_trim(head);
    v.broken = v.issuer.n && !is_domain(v.issuer);
    v.rest = issue_value_trim(v.rest);
    v.more = v.more && v.rest.n;
    return v;
}

bool issue_value_next(struct issue_value *v, struct str *out_tag, struct str *out_value)
{
    struct str field, tag, value;

    if (!v->more || v->broken)
        return false;
    v->more = str_cut(v->rest, ';', &field, &v->rest);
    v->broken = !str_cut(field, '=', &tag, &value) || !is_word(issue_value_trim(tag)) ||
                !is_value(issue_value_trim(value));
    *out_tag = issue_value_trim(tag);
    *out_value = issue_value_trim(value);
    return !v->broken;
}

bool issue_value_is(struct str issuer, const struct str *issuers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (issuer.n && str_ieq(issuer, issuers[i]))
            return true;
    return false;
}
