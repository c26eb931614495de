/* SPDX-License-Identifier: Apache-2.0 */
#include "http/forward.h"

#include "base/buf.h"
#include "http/response.h"

enum { NUMBER_MAX = 20 };

/* One reservation for the line: heads are the hot path. */
static void put_field(struct str name, struct str value, struct buf *out)
{
    size_t n = name.n + 2 + value.n + 2;
    char *p = buf_reserve(out, n);

    if (!p)
        return;
    memcpy(p, name.p, name.n);
    p += name.n;
    *p++ = ':';
    *p++ = ' ';
    if (value.n)
        memcpy(p, value.p, value.n);
    p += value.n;
    *p++ = '\r';
    *p++ = '\n';
    buf_advance(out, n);
}

static struct str decimal(uint64_t v, char text[static NUMBER_MAX])
{
    size_t at = NUMBER_MAX;

    do
        text[--at] = (char)('0' + v % 10);
    while (v /= 10);
    return str_bytes(text + at, NUMBER_MAX - at);
}

static void put_length(uint64_t n, struct buf *out)
{
    char text[NUMBER_MAX];

    put_field(STR("content-length"), decimal(n, text), out);
}

/* What is neither the connection's business nor written by us. */
static void put_passing(const struct http_reader *r, bool request, struct buf *out)
{
    for (size_t i = 0; i < http_reader_fields(r); i++) {
        struct http_field f = http_reader_field(r, i);
        bool passes = f.what == HTTP_NAME_OTHER || f.what == HTTP_NAME_KEPT ||
                      f.what == HTTP_NAME_ACCEPT || f.what == HTTP_NAME_DATE ||
                      (f.what == HTTP_NAME_EXPECT && http_reader_get(r)->expects) ||
                      (f.what == HTTP_NAME_VOUCHED && !request);

        if (passes && !http_reader_listed(r, &f))
            put_field(f.name, f.value, out);
    }
}

void http_forward_request(const struct http_reader *r, const struct http_forward_request *f,
                          struct buf *out)
{
    const struct http_head *head = http_reader_get(r);
    struct str host = head->host.n ? head->host : f->host;

    buf_puts(out, head->method);
    buf_puts(out, STR(" "));
    buf_puts(out, head->path);
    if (head->query.p) {
        buf_puts(out, STR("?"));
        buf_puts(out, head->query);
    }
    buf_puts(out, STR(" HTTP/1.1\r\n"));
    put_field(STR("host"), host, out);
    put_passing(r, true, out);
    put_field(STR("x-forwarded-for"), f->client, out);
    put_field(STR("x-forwarded-proto"), STR("https"), out);
    put_field(STR("x-forwarded-host"), host, out);
    put_field(STR("x-request-id"), f->request_id, out);
    if (head->trailers)
        buf_puts(out, STR("te: trailers\r\nconnection: te\r\n"));
    if (head->framing == HTTP_FRAMING_CHUNKED)
        buf_puts(out, STR("transfer-encoding: chunked\r\n"));
    else if (http_reader_value(r, HTTP_NAME_CONTENT_LENGTH).p)
        put_length(head->length, out);
    buf_puts(out, STR("\r\n"));
}

enum http_framing http_forward_framing(const struct http_reader *r, unsigned minor)
{
    enum http_framing framing = http_reader_get(r)->framing;

    if (framing == HTTP_FRAMING_NONE || framing == HTTP_FRAMING_LENGTH)
        return framing;
    return minor == 1 ? HTTP_FRAMING_CHUNKED : HTTP_FRAMING_CLOSE;
}

void http_forward_response(const struct http_reader *r, const struct http_forward_response *f,
                           struct buf *out)
{
    const struct http_head *head = http_reader_get(r);
    char number[NUMBER_MAX];

    buf_puts(out, STR("HTTP/1.1 "));
    buf_puts(out, decimal((uint64_t)head->status, number));
    buf_puts(out, STR(" "));
    buf_putz(out, http_reason(head->status));
    buf_puts(out, STR("\r\n"));
    put_passing(r, false, out);
    if (!http_reader_value(r, HTTP_NAME_DATE).p)
        put_field(STR("date"), f->date, out);
    put_field(STR("x-request-id"), f->request_id, out);
    if (http_forward_framing(r, f->minor) == HTTP_FRAMING_CHUNKED)
        buf_puts(out, STR("transfer-encoding: chunked\r\n"));
    else if (head->status != 204 && http_reader_value(r, HTTP_NAME_CONTENT_LENGTH).p)
        put_length(head->length, out);
    if (f->last)
        buf_puts(out, STR("connection: close\r\n"));
    buf_puts(out, STR("\r\n"));
}

void http_put_chunk(struct str piece, struct buf *out)
{
    static const char digits[] = "0123456789abcdef";
    char size[HTTP_CHUNK_HEAD];
    size_t at = sizeof(size), n = piece.n;

    if (n == 0)
        return;
    size[--at] = '\n';
    size[--at] = '\r';
    do
        size[--at] = digits[n & 15];
    while (n >>= 4);
    buf_put(out, size + at, sizeof(size) - at);
    buf_puts(out, piece);
    buf_puts(out, STR("\r\n"));
}

void http_put_last_chunk(const struct http_reader *r, struct buf *out)
{
    size_t first = r ? http_reader_fields(r) : 0, n = r ? http_reader_trailers(r) : 0;

    buf_puts(out, STR("0\r\n"));
    for (size_t i = 0; i < n; i++) {
        struct http_field f = http_reader_field(r, first + i);

        if (f.what == HTTP_NAME_OTHER)
            put_field(f.name, f.value, out);
    }
    buf_puts(out, STR("\r\n"));
}
