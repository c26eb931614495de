/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/value.h"

enum { SPAN_BYTES_MAX = 64 };

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

enum rc conf_span_parse(struct str s, when_t *out)
{
    char dense[SPAN_BYTES_MAX];
    size_t n = 0;

    if (s.n > sizeof(dense))
        return RC_PARSE;
    for (size_t i = 0; i < s.n; i++) {
        bool gap =
            i > 0 && !digit(s.p[i - 1]) && s.p[i - 1] != ' ' && i + 1 < s.n && digit(s.p[i + 1]);

        if (s.p[i] != ' ')
            dense[n++] = s.p[i];
        else if (!gap)
            return RC_PARSE;
    }
    return when_parse_span(str_bytes(dense, n), out) == RC_OK ? RC_OK : RC_PARSE;
}

static size_t digits(struct str s)
{
    size_t n = 0;

    while (n < s.n && digit(s.p[n]))
        n++;
    return n;
}

enum rc conf_size_parse(struct str s, uint64_t *out)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t n = digits(s);
    uint64_t v;

    TRY(str_u64(str_head(s, n), INT64_MAX, &v));
    for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (!str_eq(str_skip(s, n), str_of(units[i])))
            continue;
        if (v > (uint64_t)INT64_MAX >> (10 * i))
            return RC_TOOBIG;
        *out = v << (10 * i);
        return RC_OK;
    }
    return RC_PARSE;
}

enum rc conf_rate_parse(struct str s, struct conf_rate *out)
{
    struct conf_rate rate;
    struct str count, per;

    if (!str_cut(s, '/', &count, &per))
        return RC_PARSE;
    if (str_u64(count, UINT32_MAX, &rate.count) != RC_OK || rate.count == 0)
        return RC_PARSE;
    if (conf_span_parse(per, &rate.per) != RC_OK || rate.per == 0)
        return RC_PARSE;
    *out = rate;
    return RC_OK;
}
