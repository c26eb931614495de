/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/canonical.h"

#include "base/mem.h"
#include "json/json.h"

#define INT_LIMIT (INT64_C(1) << 53)

struct member {
    struct str name;
    const struct json *value;
};

/* Length of the well-formed sequence at the start, 0 when there is none (RFC 3629). */
static size_t utf8_len(struct str s)
{
    static const struct {
        unsigned char mask, lead, second_min, second_max;
    } forms[] = {
        /* The second byte's bounds keep out overlong forms, surrogates and what is past U+10FFFF;
         * the narrow rows stand before the wide ones. */
        {0xff, 0xe0, 0xa0, 0xbf}, {0xff, 0xed, 0x80, 0x9f}, {0xf0, 0xe0, 0x80, 0xbf},
        {0xff, 0xf0, 0x90, 0xbf}, {0xff, 0xf4, 0x80, 0x8f}, {0xfc, 0xf0, 0x80, 0xbf},
        {0xe0, 0xc0, 0x80, 0xbf},
    };
    const unsigned char *p = (const unsigned char *)s.p;

    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;

        if ((p[0] & forms[i].mask) != forms[i].lead)
            continue;
        if (s.n < n || p[1] < forms[i].second_min || p[1] > forms[i].second_max)
            return 0;
        for (size_t k = 2; k < n; k++)
            if ((p[k] & 0xc0) != 0x80)
                return 0;
        return n;
    }
    return 0;
}

static void put_ascii(struct buf *out, unsigned char c)
{
    static const char shorts[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};

    if (c == '"' || c == '\\')
        buf_u8(out, '\\');
    if (c >= 0x20) {
        buf_u8(out, c);
    } else if (shorts[c]) {
        buf_u8(out, '\\');
        buf_u8(out, (uint8_t)shorts[c]);
    } else {
        buf_printf(out, "\\u%04x", c);
    }
}

void canonical_put_str(struct buf *out, struct str s)
{
    buf_u8(out, '"');
    while (s.n && buf_rc(out) == RC_OK) {
        size_t n = utf8_len(s);

        if (n == 0)
            buf_putz(out, "\xef\xbf\xbd");
        else if (n == 1)
            put_ascii(out, (unsigned char)s.p[0]);
        else
            buf_put(out, s.p, n);
        s = str_skip(s, n ? n : 1);
    }
    buf_u8(out, '"');
}

static enum rc put_number(struct buf *out, const struct json *v)
{
    int64_t i;

    TRY(json_i64(v, &i));
    if (i >= INT_LIMIT || i <= -INT_LIMIT)
        return RC_INVAL;
    buf_printf(out, "%lld", (long long)i);
    return RC_OK;
}

/* NOLINTBEGIN(misc-no-recursion): json/ lets values nest JSON_DEPTH_MAX deep at most */
static enum rc put_array(struct buf *out, const struct json *v)
{
    struct json_iter it = json_iter(v);
    const struct json *element;
    bool first = true;

    buf_u8(out, '[');
    while (json_next(&it, NULL, &element)) {
        if (!first)
            buf_u8(out, ',');
        first = false;
        TRY(canonical_put(out, element));
    }
    buf_u8(out, ']');
    return RC_OK;
}

/* By insertion: objects are small, and qsort may allocate where nobody counts. */
static enum rc sorted(const struct json *v, struct member *members)
{
    struct json_iter it = json_iter(v);
    struct member m;
    size_t n = 0;

    while (json_next(&it, &m.name, &m.value)) {
        size_t at = n++;

        if (!str_printable(m.name))
            return RC_INVAL;
        for (; at > 0 && str_cmp(m.name, members[at - 1].name) < 0; at--)
            members[at] = members[at - 1];
        members[at] = m;
    }
    return RC_OK;
}

static enum rc put_object(struct buf *out, const struct json *v)
{
    CLEANUP(mem_freep) struct member *members = NULL;
    size_t n = json_len(v);

    if (n > CANONICAL_MEMBERS_MAX)
        return RC_TOOBIG;
    members = mem_calloc(n, sizeof(*members));
    if (!members)
        return RC_NOMEM;
    TRY(sorted(v, members));
    buf_u8(out, '{');
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_u8(out, ',');
        canonical_put_str(out, members[i].name);
        buf_u8(out, ':');
        TRY(canonical_put(out, members[i].value));
    }
    buf_u8(out, '}');
    return RC_OK;
}

enum rc canonical_put(struct buf *out, const struct json *v)
{
    struct str text;
    bool yes;

    switch (json_type(v)) {
    case JSON_NULL:
        buf_putz(out, "null");
        break;
    case JSON_BOOL:
        TRY(json_bool(v, &yes));
        buf_putz(out, yes ? "true" : "false");
        break;
    case JSON_NUMBER:
        TRY(put_number(out, v));
        break;
    case JSON_STRING:
        TRY(json_str_nul(v, &text));
        canonical_put_str(out, text);
        break;
    case JSON_ARRAY:
        TRY(put_array(out, v));
        break;
    case JSON_OBJECT:
        TRY(put_object(out, v));
        break;
    }
    return buf_rc(out);
}
/* NOLINTEND(misc-no-recursion) */
