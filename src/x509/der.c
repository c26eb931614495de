/* SPDX-License-Identifier: Apache-2.0 */
#include "x509/der.h"

#include <string.h>

/* ---- writer ---- */

void x509_der_open(struct x509_der *w, uint8_t tag)
{
    if (w->depth >= X509_DER_DEPTH_MAX) {
        buf_fail(w->out, RC_INVAL);
        return;
    }
    buf_u8(w->out, tag);
    w->at[w->depth++] = w->out->n;
    buf_u8(w->out, 0); /* the length, once it is known */
}

/* Bytes of a length beside the first, which counts them: 0 for the short form. */
static size_t length_extra(size_t n)
{
    if (n < 0x80)
        return 0;
    return n <= 0xff ? 1 : n <= 0xffff ? 2 : 3;
}

static void put_length(unsigned char *to, size_t n, size_t extra)
{
    if (extra == 0) {
        to[0] = (unsigned char)n;
        return;
    }
    to[0] = (unsigned char)(0x80 | extra);
    for (size_t i = 0; i < extra; i++)
        to[1 + i] = (unsigned char)(n >> 8 * (extra - 1 - i));
}

void x509_der_close(struct x509_der *w)
{
    size_t at, n, extra;

    if (w->depth == 0) {
        buf_fail(w->out, RC_INVAL);
        return;
    }
    at = w->at[--w->depth];
    if (buf_rc(w->out) != RC_OK)
        return;
    n = w->out->n - at - 1;
    if (n > X509_DER_LENGTH_MAX) {
        buf_fail(w->out, RC_TOOBIG);
        return;
    }
    extra = length_extra(n);
    if (extra) {
        if (!buf_reserve(w->out, extra))
            return;
        memmove(w->out->p + at + 1 + extra, w->out->p + at + 1, n);
        buf_advance(w->out, extra);
    }
    put_length((unsigned char *)w->out->p + at, n, extra);
}

void x509_der_open_bits(struct x509_der *w)
{
    x509_der_open(w, X509_DER_BIT_STRING);
    buf_u8(w->out, 0);
}

void x509_der_put(struct x509_der *w, uint8_t tag, struct str content)
{
    unsigned char head[4];
    size_t extra = length_extra(content.n);

    if (content.n > X509_DER_LENGTH_MAX) {
        buf_fail(w->out, RC_TOOBIG);
        return;
    }
    put_length(head, content.n, extra);
    buf_u8(w->out, tag);
    buf_put(w->out, head, 1 + extra);
    buf_puts(w->out, content);
}

void x509_der_raw(struct x509_der *w, struct str der)
{
    buf_puts(w->out, der);
}

void x509_der_bool(struct x509_der *w, bool v)
{
    x509_der_put(w, X509_DER_BOOLEAN, v ? STR("\xff") : str_bytes("", 1));
}

void x509_der_null(struct x509_der *w)
{
    x509_der_put(w, X509_DER_NULL, (struct str){"", 0});
}

void x509_der_uint(struct x509_der *w, struct str bytes)
{
    while (bytes.n > 1 && bytes.p[0] == 0)
        bytes = str_skip(bytes, 1);
    if (bytes.n == 0)
        bytes = str_bytes("", 1);
    x509_der_open(w, X509_DER_INTEGER);
    if ((unsigned char)bytes.p[0] & 0x80)
        buf_u8(w->out, 0);
    buf_puts(w->out, bytes);
    x509_der_close(w);
}

void x509_der_u64(struct x509_der *w, uint64_t v)
{
    unsigned char be[8];

    for (size_t i = 0; i < sizeof(be); i++)
        be[i] = (unsigned char)(v >> 8 * (sizeof(be) - 1 - i));
    x509_der_uint(w, str_bytes(be, sizeof(be)));
}

void x509_der_named_bits(struct x509_der *w, uint16_t bits)
{
    unsigned char content[3] = {0};
    size_t n = 0;
    unsigned last = 0;

    for (unsigned i = 0; i < 16; i++)
        if (bits & 1u << i) {
            content[1 + i / 8] |= (unsigned char)(0x80 >> i % 8);
            last = i;
            n = 1 + i / 8;
        }
    if (n)
        content[0] = (unsigned char)(7 - last % 8);
    x509_der_put(w, X509_DER_BIT_STRING, str_bytes(content, 1 + n));
}

/* Two digits; where the next go. */
static char *put_two(char *at, int v)
{
    at[0] = (char)('0' + v / 10);
    at[1] = (char)('0' + v % 10);
    return at + 2;
}

void x509_der_time(struct x509_der *w, when_t t)
{
    char text[] = "YYYYMMDDhhmmssZ", *at = text;
    struct when_civil c;

    if (when_to_civil(t, &c) != RC_OK) {
        buf_fail(w->out, RC_INVAL);
        return;
    }
    at = put_two(at, c.year / 100);
    at = put_two(at, c.year % 100);
    at = put_two(at, c.month);
    at = put_two(at, c.day);
    at = put_two(at, c.hour);
    at = put_two(at, c.minute);
    put_two(at, c.second);
    if (c.year < 2050)
        x509_der_put(w, X509_DER_UTC_TIME, str_of(text + 2));
    else
        x509_der_put(w, X509_DER_TIME, str_of(text));
}

enum rc x509_der_end(const struct x509_der *w)
{
    TRY(buf_rc(w->out));
    return w->depth == 0 ? RC_OK : RC_INVAL;
}

/* ---- reader ---- */

uint8_t x509_der_peek(const struct rd *r)
{
    return r->failed || r->left == 0 ? 0 : r->p[0];
}

/* A length in its shortest form. */
static size_t get_length(struct rd *r)
{
    size_t n = rd_u8(r);
    size_t extra = n & 0x7f;

    if (n < 0x80)
        return n;
    if (extra == 0 || extra > 3) {
        rd_fail(r); /* indefinite, or more than we take */
        return 0;
    }
    n = 0;
    for (size_t i = 0; i < extra; i++)
        n = n << 8 | rd_u8(r);
    if (length_extra(n) != extra)
        rd_fail(r);
    return n;
}

struct str x509_der_any(struct rd *r, uint8_t *out_tag)
{
    const unsigned char *from = r->p;
    uint8_t tag = rd_u8(r);
    size_t n;

    /* Tags of several bytes do not occur in what we read; neither does the tag 0. */
    if ((tag & 0x1f) == 0x1f || tag == 0)
        rd_fail(r);
    n = get_length(r);
    rd_bytes(r, n);
    if (r->failed)
        return (struct str){NULL, 0};
    if (out_tag)
        *out_tag = tag;
    return str_bytes(from, (size_t)(r->p - from));
}

struct str x509_der_get(struct rd *r, uint8_t tag)
{
    struct str content;

    if (x509_der_peek(r) != tag || tag == 0)
        rd_fail(r);
    rd_u8(r);
    content = rd_bytes(r, get_length(r));
    return r->failed ? (struct str){NULL, 0} : content;
}

struct rd x509_der_in(struct rd *r, uint8_t tag)
{
    struct rd in = rd_of(x509_der_get(r, tag));

    /* Otherwise a failed read would look like an empty value. */
    in.failed = r->failed;
    return in;
}

bool x509_der_opt(struct rd *r, uint8_t tag, struct str *out)
{
    if (x509_der_peek(r) != tag)
        return false;
    *out = x509_der_get(r, tag);
    return !r->failed;
}

bool x509_der_get_bool(struct rd *r)
{
    struct str v = x509_der_get(r, X509_DER_BOOLEAN);

    if (v.n != 1 || (v.p[0] != 0 && (unsigned char)v.p[0] != 0xff)) {
        rd_fail(r);
        return false;
    }
    return v.p[0] != 0;
}

struct str x509_der_get_uint(struct rd *r, size_t max)
{
    struct str v = x509_der_get(r, X509_DER_INTEGER);
    bool high = v.n > 1 && (unsigned char)v.p[1] & 0x80;

    if (v.n == 0 || (unsigned char)v.p[0] & 0x80 || (v.n > 1 && v.p[0] == 0 && !high)) {
        rd_fail(r);
        return (struct str){NULL, 0};
    }
    if (v.n > 1 && v.p[0] == 0)
        v = str_skip(v, 1);
    if (v.n > max) {
        rd_fail(r);
        return (struct str){NULL, 0};
    }
    return v;
}

uint32_t x509_der_get_u32(struct rd *r)
{
    struct str v = x509_der_get_uint(r, 4);
    uint32_t n = 0;

    for (size_t i = 0; i < v.n; i++)
        n = n << 8 | (unsigned char)v.p[i];
    return n;
}

struct str x509_der_get_bits(struct rd *r)
{
    struct str v = x509_der_get(r, X509_DER_BIT_STRING);

    if (v.n == 0 || v.p[0] != 0) {
        rd_fail(r);
        return (struct str){NULL, 0};
    }
    return str_skip(v, 1);
}

uint16_t x509_der_get_named_bits(struct rd *r)
{
    struct str v = x509_der_get(r, X509_DER_BIT_STRING);
    unsigned unused = v.n ? (unsigned char)v.p[0] : 8;
    unsigned last;
    uint16_t bits = 0;

    if (unused > 7 || v.n > 3 || (v.n == 1 && unused)) {
        rd_fail(r);
        return 0;
    }
    /* Trailing zeros are not written, so the last bit that counts is set and those behind it are
     * not. */
    last = (unsigned char)v.p[v.n - 1];
    if (v.n > 1 && (last & ((1u << (unused + 1)) - 1)) != 1u << unused) {
        rd_fail(r);
        return 0;
    }
    for (unsigned i = 0; i < 8 * (v.n - 1); i++)
        if ((unsigned char)v.p[1 + i / 8] & 0x80 >> i % 8)
            bits = (uint16_t)(bits | 1u << i);
    return bits;
}

/* `n` decimal digits. */
static int get_digits(struct rd *r, size_t n)
{
    int v = 0;

    for (size_t i = 0; i < n; i++) {
        uint8_t c = rd_u8(r);

        if (c < '0' || c > '9')
            rd_fail(r);
        v = 10 * v + (c - '0');
    }
    return v;
}

when_t x509_der_get_time(struct rd *r)
{
    bool utc = x509_der_peek(r) == X509_DER_UTC_TIME;
    struct rd t = x509_der_in(r, utc ? X509_DER_UTC_TIME : X509_DER_TIME);
    struct when_civil c = {.year = get_digits(&t, utc ? 2 : 4)};
    when_t out = 0;

    if (utc)
        c.year += c.year < 50 ? 2000 : 1900;
    c.month = get_digits(&t, 2);
    c.day = get_digits(&t, 2);
    c.hour = get_digits(&t, 2);
    c.minute = get_digits(&t, 2);
    c.second = get_digits(&t, 2);
    if (rd_u8(&t) != 'Z' || (!utc && c.year < 2050))
        rd_fail(&t);
    if (rd_done(&t) != RC_OK || when_from_civil(&c, &out) != RC_OK)
        rd_fail(r);
    return r->failed ? 0 : out;
}

/* Without recursion: where the enclosing values end. */
enum rc x509_der_check(struct str der)
{
    const unsigned char *ends[X509_DER_DEPTH_MAX];
    struct rd r = rd_of(der);
    size_t depth = 0;
    uint8_t tag;

    if (der.n == 0)
        return RC_PARSE;
    for (bool first = true; depth > 0 || first; first = false) {
        struct str any;
        struct rd in = r;

        if (depth > 0)
            in.left = (size_t)(ends[depth - 1] - r.p);
        any = x509_der_any(&in, &tag);
        if (in.failed)
            return RC_PARSE;
        if (tag & 0x20 && depth == X509_DER_DEPTH_MAX)
            return RC_TOOBIG;
        if (tag & 0x20) {
            ends[depth++] = in.p;
            /* Into it: behind its tag and length. */
            in = rd_of(any);
            rd_u8(&in);
            get_length(&in);
        }
        r.left -= (size_t)(in.p - r.p);
        r.p = in.p;
        while (depth > 0 && r.p == ends[depth - 1])
            depth--;
    }
    return rd_done(&r);
}
