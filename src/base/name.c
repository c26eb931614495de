/* SPDX-License-Identifier: Apache-2.0 */
#include "base/name.h"

#include "base/addr.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static enum rc check_label(struct str label)
{
    if (label.n == 0 || !is_alnum(label.p[0]) || !is_alnum(label.p[label.n - 1]))
        return RC_PARSE;
    for (size_t i = 0; i < label.n; i++)
        if (!is_alnum(label.p[i]) && label.p[i] != '-')
            return RC_PARSE;
    return label.n > NAME_LABEL_MAX ? RC_TOOBIG : RC_OK;
}

/* inet_aton(3) and with it most resolvers read 010, 0x7f and 2130706433 as (parts of) an IPv4
 * address. */
static bool is_number(struct str label)
{
    bool hex = label.n >= 2 && label.p[0] == '0' && (label.p[1] == 'x' || label.p[1] == 'X');

    for (size_t i = hex ? 2 : 0; i < label.n; i++)
        if (hex ? !is_hex(label.p[i]) : !is_digit(label.p[i]))
            return false;
    return true;
}

static enum rc check_labels(struct str s)
{
    struct str label = {NULL, 0};
    bool more = true;

    while (more) {
        more = str_cut(s, '.', &label, &s);
        TRY(check_label(label));
    }
    return is_number(label) ? RC_INVAL : RC_OK;
}

enum rc name_canonical(struct str s, bool wildcard, char out[static NAME_MAX_BYTES + 1])
{
    char lower[NAME_MAX_BYTES + 1];
    struct addr ip;

    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return RC_UNSUPPORTED;
    if (addr_parse(s, &ip) == RC_OK)
        return RC_INVAL;
    if (str_ends(s, STR(".")))
        s.n--;
    if (s.n > NAME_MAX_BYTES)
        return RC_TOOBIG;
    TRY(check_labels(wildcard && name_is_wildcard(s) ? str_skip(s, 2) : s));
    for (size_t i = 0; i < s.n; i++)
        lower[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 0x20 : s.p[i]);
    return str_copyz(str_bytes(lower, s.n), out, NAME_MAX_BYTES + 1);
}

enum rc name_reverse(struct str name, char out[static NAME_MAX_BYTES + 1])
{
    char reversed[NAME_MAX_BYTES + 1];
    struct str rest = name;
    size_t at = name.n;
    bool more = name.n > 0;

    if (name.n > NAME_MAX_BYTES)
        return RC_TOOBIG;
    while (more) {
        struct str label;

        more = str_cut(rest, '.', &label, &rest);
        at -= label.n;
        if (label.n)
            memcpy(reversed + at, label.p, label.n);
        if (more)
            reversed[--at] = '.';
    }
    return str_copyz(str_bytes(reversed, name.n), out, NAME_MAX_BYTES + 1);
}

bool name_under(struct str name, struct str domain)
{
    if (str_eq(name, domain))
        return true;
    return domain.n && name.n > domain.n && str_ends(name, domain) &&
           name.p[name.n - domain.n - 1] == '.';
}

bool name_is_wildcard(struct str name)
{
    return str_starts(name, STR("*."));
}

size_t name_labels(struct str name)
{
    size_t n = name.n ? 1 : 0;

    for (size_t i = 0; i < name.n; i++)
        n += name.p[i] == '.';
    return n;
}
