/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

enum { PEM_LINE = 64 };

static const char hex_digits[] = "0123456789abcdef";

static const char b64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char b64url_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Value of a hexadecimal digit, -1 for another character. */
static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

void text_hex(struct buf *out, struct str bytes)
{
    char *to;

    if (bytes.n > SIZE_MAX / 2) {
        buf_fail(out, RC_TOOBIG);
        return;
    }
    to = buf_reserve(out, bytes.n * 2);
    if (!to)
        return;
    for (size_t i = 0; i < bytes.n; i++) {
        unsigned char c = (unsigned char)bytes.p[i];

        to[2 * i] = hex_digits[c >> 4];
        to[2 * i + 1] = hex_digits[c & 15];
    }
    buf_advance(out, bytes.n * 2);
}

enum rc text_unhex(struct str hex, struct buf *out)
{
    unsigned char *to;

    if (hex.n % 2)
        return RC_PARSE;
    for (size_t i = 0; i < hex.n; i++)
        if (hex_value(hex.p[i]) < 0)
            return RC_PARSE;
    to = buf_reserve(out, hex.n / 2);
    if (!to)
        return buf_rc(out);
    for (size_t i = 0; i < hex.n; i += 2)
        to[i / 2] = (unsigned char)(hex_value(hex.p[i]) << 4 | hex_value(hex.p[i + 1]));
    buf_advance(out, hex.n / 2);
    return RC_OK;
}

/* base64 of `n` bytes with padding takes (n + 2) / 3 * 4 characters; without, one or two less. */
static void b64_put(struct buf *out, struct str bytes, const char *alphabet, bool pad)
{
    const unsigned char *p = (const unsigned char *)bytes.p;
    char *to;
    size_t n = 0;

    if (bytes.n > SIZE_MAX / 2) {
        buf_fail(out, RC_TOOBIG);
        return;
    }
    to =
        buf_reserve(out, pad ? (bytes.n + 2) / 3 * 4 : bytes.n / 3 * 4 + (bytes.n % 3 * 4 + 2) / 3);
    if (!to)
        return;
    for (size_t i = 0; i < bytes.n; i += 3) {
        size_t have = bytes.n - i < 3 ? bytes.n - i : 3;
        uint32_t v = (uint32_t)p[i] << 16;

        v |= have > 1 ? (uint32_t)p[i + 1] << 8 : 0;
        v |= have > 2 ? p[i + 2] : 0;
        for (size_t k = 0; k <= have; k++)
            to[n++] = alphabet[v >> (18 - 6 * k) & 63];
        for (size_t k = have; pad && k < 3; k++)
            to[n++] = '=';
    }
    buf_advance(out, n);
}

void text_b64(struct buf *out, struct str bytes)
{
    b64_put(out, bytes, b64_alphabet, true);
}

void text_b64url(struct buf *out, struct str bytes)
{
    b64_put(out, bytes, b64url_alphabet, false);
}

/* All ones where first <= c <= last, else 0. */
static int within(int c, int first, int last)
{
    return ((first - 1 - c) & (c - last - 1)) >> 8;
}

/* -1: no digit. Private keys come this way, so nothing branches on what they are made of. */
static int b64_value(unsigned char c, bool url)
{
    int v = -1, minus = url ? '-' : '+', slash = url ? '_' : '/';

    v += within(c, 'A', 'Z') & (c - 'A' + 1);
    v += within(c, 'a', 'z') & (c - 'a' + 27);
    v += within(c, '0', '9') & (c - '0' + 53);
    v += within(c, minus, minus) & 63;
    v += within(c, slash, slash) & 64;
    return v;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Counts the digits and checks the padding: as much as belongs there, and nothing behind it. White
 * space passes in PEM only. */
static bool b64_shape(struct str s, bool url, bool pem, size_t *out_digits)
{
    size_t digits = 0;
    size_t pads = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '=' && !url)
            pads++;
        else if (pem && blank(s.p[i]))
            continue;
        else if (pads)
            return false;
        else
            digits++;
    }
    if (digits % 4 == 1 || pads != (url ? 0 : (4 - digits % 4) % 4))
        return false;
    *out_digits = digits;
    return true;
}

static enum rc b64_get(struct str s, bool url, bool pem, struct buf *out)
{
    unsigned char *to;
    size_t digits = 0;
    size_t n = 0;
    uint32_t acc = 0;
    unsigned held = 0;
    int bad = 0;

    if (!b64_shape(s, url, pem, &digits))
        return RC_PARSE;
    to = buf_reserve(out, digits / 4 * 3 + digits % 4 * 3 / 4);
    if (!to)
        return buf_rc(out);
    for (size_t i = 0; i < s.n; i++) {
        int v;

        if ((s.p[i] == '=' && !url) || (pem && blank(s.p[i])))
            continue;
        v = b64_value((unsigned char)s.p[i], url);
        bad |= v;
        acc = (acc << 6 | (uint32_t)v) & 0xffff;
        held += 6;
        if (held >= 8) {
            held -= 8;
            to[n++] = (unsigned char)(acc >> held);
        }
    }
    if (bad < 0 || acc & ((1u << held) - 1))
        return RC_PARSE;
    buf_advance(out, n);
    return RC_OK;
}

enum rc text_unb64(struct str text, struct buf *out)
{
    return b64_get(text, false, false, out);
}

enum rc text_unb64url(struct str text, struct buf *out)
{
    return b64_get(text, true, false, out);
}

bool text_is_b64url(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (b64_value((unsigned char)text.p[i], true) < 0)
            return false;
    return text.n > 0;
}

void text_pem(struct buf *out, struct str label, struct str der)
{
    buf_printf(out, "-----BEGIN %.*s-----\n", STR_ARG(label));
    while (der.n) {
        text_b64(out, str_head(der, PEM_LINE / 4 * 3));
        buf_putz(out, "\n");
        der = str_skip(der, PEM_LINE / 4 * 3);
    }
    buf_printf(out, "-----END %.*s-----\n", STR_ARG(label));
}

static const struct str pem_begin = {"-----BEGIN ", 11};
static const struct str pem_end = {"-----END ", 9};
static const struct str pem_dashes = {"-----", 5};

/* Takes a line off the front of `rest`, without its end or trailing blanks. */
static struct str pem_line(struct str *rest)
{
    struct str line;

    str_cut(*rest, '\n', &line, rest);
    while (line.n && blank(line.p[line.n - 1]))
        line.n--;
    return line;
}

/* The label in "-----BEGIN label-----"; printable characters, and hyphens only between words. */
static bool pem_label(struct str line, struct str before, struct str *out)
{
    struct str label;

    if (!str_starts(line, before) || !str_ends(line, pem_dashes) ||
        line.n < before.n + pem_dashes.n)
        return false;
    label = str_head(str_skip(line, before.n), line.n - before.n - pem_dashes.n);
    for (size_t i = 0; i < label.n; i++) {
        bool between = label.p[i] == '-' || label.p[i] == ' ';

        if (between &&
            (i == 0 || i + 1 == label.n || label.p[i + 1] == '-' || label.p[i + 1] == ' '))
            return false;
    }
    *out = label;
    return str_printable(label);
}

/* The block that starts at `*rest`; `*body` is what stands between its two lines. */
static enum rc pem_block(struct str *rest, struct str *out_label, struct str *body)
{
    struct str label;
    struct str end_label;
    struct str at = *rest;

    if (!pem_label(pem_line(&at), pem_begin, &label))
        return RC_PARSE;
    *body = str_head(at, 0);
    while (at.n) {
        struct str line_start = at;
        struct str line = pem_line(&at);

        if (str_starts(line, pem_begin))
            return RC_PARSE;
        if (str_starts(line, pem_end)) {
            if (!pem_label(line, pem_end, &end_label) || !str_eq(label, end_label))
                return RC_PARSE;
            *rest = at;
            *out_label = label;
            return RC_OK;
        }
        body->n = (size_t)(line_start.p - body->p) + (line_start.n - at.n);
    }
    return RC_PARSE;
}

enum rc text_unpem(struct str *rest, struct str label, struct str *out_label, struct buf *out)
{
    struct str at = *rest;
    struct str found;
    struct str body;

    while (at.n) {
        if (!str_starts(at, pem_begin)) {
            pem_line(&at);
            continue;
        }
        TRY(pem_block(&at, &found, &body));
        if (label.n && !str_eq(found, label))
            continue;
        TRY(b64_get(body, false, true, out));
        *rest = at;
        if (out_label)
            *out_label = found;
        return RC_OK;
    }
    return RC_NOTFOUND;
}

static void json_control(struct buf *out, uint32_t cp)
{
    static const char short_forms[] = "\bb\ff\nn\rr\tt";

    for (size_t i = 0; i + 1 < sizeof(short_forms); i += 2) {
        if (cp == (unsigned char)short_forms[i]) {
            buf_printf(out, "\\%c", short_forms[i + 1]);
            return;
        }
    }
    buf_printf(out, "\\u%04x", cp);
}

void text_json_escape(struct buf *out, struct str s)
{
    while (s.n && buf_rc(out) == RC_OK) {
        uint32_t cp = 0;
        size_t n = str_utf8_next(s, &cp);

        if (n == 0)
            buf_putz(out, "\\ufffd");
        else if (cp == '"' || cp == '\\')
            buf_printf(out, "\\%c", (char)cp);
        else if (str_is_control(cp))
            json_control(out, cp);
        else
            buf_put(out, s.p, n);
        s = str_skip(s, n ? n : 1);
    }
}

void text_html_escape(struct buf *out, struct str s)
{
    static const char special[] = "&<>\"'";
    static const char *const entity[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};

    for (size_t i = 0; i < s.n && buf_rc(out) == RC_OK; i++) {
        const char *at = memchr(special, s.p[i], sizeof(special) - 1);

        if (at)
            buf_putz(out, entity[at - special]);
        else
            buf_put(out, &s.p[i], 1);
    }
}

static bool unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void text_percent(struct buf *out, struct str s)
{
    bool dots_only = true;

    for (size_t i = 0; i < s.n; i++)
        dots_only = dots_only && s.p[i] == '.';
    for (size_t i = 0; i < s.n && buf_rc(out) == RC_OK; i++) {
        if (unreserved(s.p[i]) && !dots_only)
            buf_put(out, &s.p[i], 1);
        else
            buf_printf(out, "%%%02x", (unsigned)(unsigned char)s.p[i]);
    }
}

/* The byte that "%XX" at the start of `s` stands for; -1 when it is broken. */
static int escaped(struct str s)
{
    int high = s.n > 2 ? hex_value(s.p[1]) : -1;
    int low = s.n > 2 ? hex_value(s.p[2]) : -1;

    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

enum rc text_unpercent(struct str s, struct buf *out)
{
    unsigned char *to;
    size_t n = 0;

    for (size_t i = 0; i < s.n; n++) {
        int c = s.p[i] == '%' ? escaped(str_skip(s, i)) : (unsigned char)s.p[i];

        if (c <= 0)
            return RC_PARSE;
        i += s.p[i] == '%' ? 3 : 1;
    }
    to = buf_reserve(out, n);
    if (!to)
        return buf_rc(out);
    for (size_t i = 0; i < s.n; i += s.p[i] == '%' ? 3 : 1)
        *to++ = (unsigned char)(s.p[i] == '%' ? escaped(str_skip(s, i)) : s.p[i]);
    buf_advance(out, n);
    return RC_OK;
}
