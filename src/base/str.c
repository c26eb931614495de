/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

unsigned char str_lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

bool str_ieq(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (str_lower(a.p[i]) != str_lower(b.p[i]))
            return false;
    return true;
}

int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int d = n ? memcmp(a.p, b.p, n) : 0;

    if (d != 0)
        return d < 0 ? -1 : 1;
    return (a.n > b.n) - (a.n < b.n);
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq(str_head(s, prefix.n), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_eq(str_skip(s, s.n - suffix.n), suffix);
}

bool str_eq_ct(struct str a, struct str b)
{
    unsigned char diff = 0;

    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        diff |= (unsigned char)(a.p[i] ^ b.p[i]);
    return diff == 0;
}

struct str str_skip(struct str s, size_t from)
{
    if (from >= s.n)
        return (struct str){s.p ? s.p + s.n : NULL, 0};
    return (struct str){s.p + from, s.n - from};
}

struct str str_head(struct str s, size_t n)
{
    return (struct str){s.p, n < s.n ? n : s.n};
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
    while (s.n && blank(s.p[0]))
        s = str_skip(s, 1);
    while (s.n && blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

size_t str_find(struct str s, char c)
{
    const char *at = s.n ? memchr(s.p, c, s.n) : NULL;

    return at ? (size_t)(at - s.p) : s.n;
}

bool str_cut(struct str s, char sep, struct str *head, struct str *tail)
{
    size_t at = str_find(s, sep);

    *head = str_head(s, at);
    *tail = str_skip(s, at + 1);
    return at < s.n;
}

bool str_next(struct str *rest, char sep, struct str *out_field)
{
    if (rest->n == 0)
        return false;
    str_cut(*rest, sep, out_field, rest);
    return true;
}

enum rc str_u64(struct str s, uint64_t max, uint64_t *out)
{
    uint64_t v = 0;

    if (s.n == 0)
        return RC_PARSE;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return RC_PARSE;
        if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
            return RC_TOOBIG;
    }
    if (v > max)
        return RC_TOOBIG;
    *out = v;
    return RC_OK;
}

enum rc str_copyz(struct str s, char *dst, size_t cap)
{
    if (s.n >= cap)
        return RC_TOOBIG;
    if (str_find(s, '\0') < s.n)
        return RC_PARSE;
    if (s.n)
        memcpy(dst, s.p, s.n);
    dst[s.n] = '\0';
    return RC_OK;
}

bool str_printable(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 0x20 || s.p[i] > 0x7e)
            return false;
    return true;
}

/* How many continuation bytes follow `c`, and the least code point that many may encode; -1 for a
 * bad lead. */
static int utf8_lead(unsigned char c, uint32_t *cp, uint32_t *least)
{
    *cp = c;
    *least = 0;
    if (c < 0x80)
        return 0;
    if ((c & 0xe0) == 0xc0) {
        *cp = c & 0x1fu;
        *least = 0x80;
        return 1;
    }
    if ((c & 0xf0) == 0xe0) {
        *cp = c & 0x0fu;
        *least = 0x800;
        return 2;
    }
    if ((c & 0xf8) == 0xf0) {
        *cp = c & 0x07u;
        *least = 0x10000;
        return 3;
    }
    return -1;
}

size_t str_utf8_next(struct str s, uint32_t *out_cp)
{
    uint32_t cp;
    uint32_t least;
    int more;

    if (s.n == 0)
        return 0;
    more = utf8_lead((unsigned char)s.p[0], &cp, &least);
    if (more < 0 || (size_t)more >= s.n)
        return 0;
    for (int i = 1; i <= more; i++) {
        if (((unsigned char)s.p[i] & 0xc0) != 0x80)
            return 0;
        cp = cp << 6 | ((unsigned char)s.p[i] & 0x3fu);
    }
    if (cp < least || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
        return 0;
    *out_cp = cp;
    return (size_t)more + 1;
}

struct str str_utf8_head(struct str s, size_t n)
{
    size_t back = 0;

    if (s.n <= n)
        return s;
    while (back < 3 && back < n && ((unsigned char)s.p[n - back] & 0xc0) == 0x80)
        back++;
    return str_head(s, n - back);
}

bool str_utf8(struct str s)
{
    while (s.n) {
        uint32_t cp;
        size_t n = str_utf8_next(s, &cp);

        if (n == 0 || (str_is_control(cp) && cp != '\t' && cp != '\n' && cp != '\r'))
            return false;
        s = str_skip(s, n);
    }
    return true;
}
