/* SPDX-License-Identifier: Apache-2.0 */
/* U-labels (RFC 5890) out of A-labels: Punycode (RFC 3492), for people to look at. */
#include <stdbool.h>
#include <stdint.h>

#include "base/name.h"

/* RFC 3492 section 5 */
enum { BASE = 36, T_MIN = 1, T_MAX = 26, SKEW = 38, DAMP = 700, BIAS = 72, FIRST = 0x80 };

static uint32_t adapt(uint32_t delta, uint32_t points, bool first)
{
    uint32_t k = 0;

    delta = first ? delta / DAMP : delta / 2;
    delta += delta / points;
    for (; delta > (BASE - T_MIN) * T_MAX / 2; k += BASE)
        delta /= BASE - T_MIN;
    return k + (BASE - T_MIN + 1) * delta / (delta + SKEW);
}

static int digit(char c)
{
    if (c >= 'a' && c <= 'z')
        return c - 'a';
    return c >= '0' && c <= '9' ? c - '0' + 26 : -1;
}

/* One number (section 6.2), added to *i. */
static bool read_delta(struct str *in, uint32_t bias, uint32_t *i)
{
    uint32_t weight = 1;

    for (uint32_t k = BASE;; k += BASE) {
        uint32_t t = k <= bias ? T_MIN : k >= bias + T_MAX ? T_MAX : k - bias;
        int d = in->n ? digit(in->p[0]) : -1;

        *in = str_skip(*in, 1);
        if (d < 0 || (uint32_t)d > (UINT32_MAX - *i) / weight)
            return false;
        *i += (uint32_t)d * weight;
        if ((uint32_t)d < t)
            return true;
        if (weight > UINT32_MAX / (BASE - t))
            return false;
        weight *= BASE - t;
    }
}

/* Nothing that has no look of its own, or turns round what stands beside it. */
static bool is_seen(uint32_t cp)
{
    static const struct {
        uint32_t from, to;
    } unseen[] = {
        {0x80, 0xa0},     {0xad, 0xad},          {0x34f, 0x34f},   {0x61c, 0x61c},
        {0x115f, 0x1160}, {0x17b4, 0x17b5},      {0x180b, 0x180f}, {0x2000, 0x200f},
        {0x2028, 0x202f}, {0x205f, 0x206f},      {0x3000, 0x3000}, {0x3164, 0x3164},
        {0xd800, 0xf8ff}, {0xfe00, 0xfe0f},      {0xfeff, 0xfeff}, {0xffa0, 0xffa0},
        {0xfff0, 0xffff}, {0xe0000, UINT32_MAX},
    };

    for (size_t i = 0; i < sizeof(unseen) / sizeof(unseen[0]); i++)
        if (cp >= unseen[i].from && cp <= unseen[i].to)
            return false;
    return cp <= 0x10ffff;
}

static bool decode(struct str in, uint32_t out[static NAME_LABEL_MAX], size_t *out_n)
{
    uint32_t cp = FIRST, bias = BIAS, i = 0;
    size_t n = 0, dash = in.n;

    while (dash > 0 && in.p[dash - 1] != '-')
        dash--;
    for (; dash && n < dash - 1; n++)
        out[n] = (unsigned char)in.p[n];
    in = str_skip(in, dash);
    while (in.n) {
        uint32_t before = i;

        if (n == NAME_LABEL_MAX || !read_delta(&in, bias, &i))
            return false;
        bias = adapt(i - before, (uint32_t)n + 1, before == 0);
        if (i / (n + 1) > UINT32_MAX - cp)
            return false;
        cp += i / (uint32_t)(n + 1);
        i %= (uint32_t)(n + 1);
        if (!is_seen(cp))
            return false;
        for (size_t k = n; k > i; k--)
            out[k] = out[k - 1];
        out[i++] = cp;
        n++;
    }
    *out_n = n;
    return n > (dash ? dash - 1 : 0); /* with something beyond ASCII */
}

static size_t put_utf8(uint32_t cp, char *out)
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xc0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xe0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
        out[2] = (char)(0x80 | (cp & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
    out[3] = (char)(0x80 | (cp & 0x3f));
    return 4;
}

enum rc name_unicode(struct str name, char out[static NAME_UNICODE_MAX])
{
    size_t at = 0;
    bool any = false;
    struct str label;

    if (name.n > NAME_MAX_BYTES)
        return RC_TOOBIG;
    while (str_next(&name, '.', &label)) {
        uint32_t points[NAME_LABEL_MAX];
        size_t n;

        if (at)
            out[at++] = '.';
        if (!str_starts(label, STR("xn--"))) {
            for (size_t i = 0; i < label.n; i++)
                out[at++] = label.p[i];
        } else {
            if (label.n > NAME_LABEL_MAX || !decode(str_skip(label, 4), points, &n))
                return RC_NOTFOUND;
            for (size_t i = 0; i < n; i++)
                at += put_utf8(points[i], out + at);
            any = true;
        }
    }
    out[at] = '\0';
    return any ? RC_OK : RC_NOTFOUND;
}
