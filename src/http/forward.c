/* SPDX-License-Identifier: Apache-2.0 */
#include "http/forward.h"

#include "base/buf.h"
#include "http/response.h"
#include "http/url.h"

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

static struct str decimal(uint64_t v, char text[static HTTP_NUMBER_MAX])
{
    size_t at = HTTP_NUMBER_MAX;

    do
        text[--at] = (char)('0' + v % 10);
    while (v /= 10);
    return str_bytes(text + at, HTTP_NUMBER_MAX - at);
}

static void put_length(uint64_t n, struct buf *out)
{
    char text[HTTP_NUMBER_MAX];

    put_field(STR("content-length"), decimal(n, text), out);
}

/* What is neither the connection's business nor written by us. */
static bool passes(const struct http_reader *r, bool request, const struct http_field *f)
{
    bool fit = f->what == HTTP_NAME_OTHER || f->what == HTTP_NAME_KEPT ||
               f->what == HTTP_NAME_ACCEPT || f->what == HTTP_NAME_DATE ||
               (f->what == HTTP_NAME_EXPECT && http_reader_get(r)->expects) ||
               (f->what == HTTP_NAME_VOUCHED && !request);

    return fit && !http_reader_listed(r, f);
}

static bool is_set(const struct http_forward_request *f, struct str name)
{
    for (size_t i = 0; i < f->n_set; i++)
        if (str_eq(f->set[i].name, name))
            return true;
    return false;
}

/* RFC 8441 section 5: what HTTP/2 has no need of. */
static void put_websocket(const struct http_forward_request *f, struct buf *out)
{
    buf_puts(out, STR("connection: upgrade\r\nupgrade: websocket\r\n"));
    if (f->websocket_key.n)
        put_field(STR("sec-websocket-key"), f->websocket_key, out);
}

/* RFC 7239 section 6: an IPv6 address is in brackets, and what has a colon is quoted. */
static void put_node(struct str addr, struct buf *out)
{
    bool v6 = str_find(addr, ':') < addr.n;

    buf_puts(out, v6 ? STR("for=\"[") : STR("for="));
    buf_puts(out, addr);
    buf_puts(out, v6 ? STR("]\"") : STR(""));
}

/* RFC 7239 section 4. A host has no quotes in it. */
static void put_asked(struct str host, struct str proto, struct buf *out)
{
    buf_puts(out, STR(";host=\""));
    buf_puts(out, host);
    buf_puts(out, STR("\";proto="));
    buf_puts(out, proto);
}

/* Of the client's own request, then of ours, if they are not the same. */
static void put_forwarded(const struct http_forward_request *f, const struct http_hops *asked,
                          struct str host, struct buf *out)
{
    char text[ADDR_TEXT];

    buf_puts(out, STR("forwarded: "));
    for (size_t i = asked->n; i-- > 0;) {
        put_node(str_of(addr_text(&asked->addrs[i], text)), out);
        if (i + 1 == asked->n)
            put_asked(asked->host, asked->proto, out);
        buf_puts(out, STR(", "));
    }
    put_node(f->client, out);
    put_asked(host, STR("https"), out);
    buf_puts(out, STR("\r\n"));
}

/* Who the client is. */
static void put_origin(const struct http_forward_request *f, struct str host, struct buf *out)
{
    struct http_hops asked = {};
    char text[ADDR_TEXT];

    if (f->hops)
        asked = *f->hops;
    if (!asked.proto.n)
        asked.proto = STR("https");
    if (!asked.host.n)
        asked.host = host;
    buf_puts(out, STR("x-forwarded-for: "));
    for (size_t i = asked.n; i-- > 0;) {
        buf_putz(out, addr_text(&asked.addrs[i], text));
        buf_puts(out, STR(", "));
    }
    buf_puts(out, f->client);
    buf_puts(out, STR("\r\n"));
    put_field(STR("x-forwarded-proto"), asked.proto, out);
    put_field(STR("x-forwarded-host"), asked.host, out);
    put_forwarded(f, &asked, host, out);
}

/* Nobody but the client knows the address by which it came. */
static struct str host_for(const struct http_head *head, const struct http_forward_request *f)
{
    struct http_authority at;

    if (head->host.n && http_authority_parse(head->host, &at) == RC_OK && at.addr.n == 0)
        return head->host;
    return f->host;
}

void http_forward_request(const struct http_reader *r, const struct http_forward_request *f,
                          struct buf *out)
{
    const struct http_head *head = http_reader_get(r);
    struct str host = host_for(head, f);

    buf_puts(out, head->method);
    buf_puts(out, STR(" "));
    buf_puts(out, f->prefix);
    buf_puts(out, str_skip(head->path, f->skip));
    if (head->query.p) {
        buf_puts(out, STR("?"));
        buf_puts(out, head->query);
    }
    buf_puts(out, STR(" HTTP/1.1\r\n"));
    put_field(STR("host"), host, out);
    for (size_t i = 0; i < http_reader_fields(r); i++) {
        struct http_field field = http_reader_field(r, i);

        if (passes(r, true, &field) && !is_set(f, field.name))
            put_field(field.name, field.value, out);
    }
    for (size_t i = 0; i < f->n_set; i++)
        if (f->set[i].value.n)
            put_field(f->set[i].name, f->set[i].value, out);
    put_origin(f, host, out);
    put_field(STR("x-request-id"), f->request_id, out);
    if (f->loop.n)
        put_field(STR("cdn-loop"), f->loop, out);
    if (head->websocket)
        put_websocket(f, out);
    else if (head->trailers)
        buf_puts(out, STR("te: trailers\r\nconnection: te\r\n"));
    if (head->framing == HTTP_FRAMING_CHUNKED)
        buf_puts(out, STR("transfer-encoding: chunked\r\n"));
    else if (http_reader_value(r, HTTP_NAME_CONTENT_LENGTH).p)
        put_length(head->length, out);
    buf_puts(out, STR("\r\n"));
}

void http_answer_add(struct http_answer *a, struct str name, struct str value)
{
    if (a->n < HTTP_ANSWER_FIELDS)
        a->fields[a->n++] = (struct http_header){name, value};
}

void http_answer_set(struct http_answer *a, struct str name, struct str value)
{
    size_t kept = 0;

    for (size_t i = 0; i < a->n; i++)
        if (!str_eq(a->fields[i].name, name))
            a->fields[kept++] = a->fields[i];
    a->n = kept;
    if (value.n)
        http_answer_add(a, name, value);
}

void http_answer_add_length(struct http_answer *a, uint64_t n)
{
    http_answer_add(a, STR("content-length"), decimal(n, a->number));
}

void http_forward_response(const struct http_reader *r, const struct http_forward_response *f,
                           struct http_answer *out)
{
    const struct http_head *head = http_reader_get(r);

    out->status = head->status;
    out->framing = head->framing;
    out->length = head->length;
    out->n = 0;
    for (size_t i = 0; i < http_reader_fields(r); i++) {
        struct http_field field = http_reader_field(r, i);

        if (passes(r, false, &field))
            http_answer_add(out, field.name, field.value);
    }
    if (!http_reader_value(r, HTTP_NAME_DATE).p)
        http_answer_add(out, STR("date"), f->date);
    http_answer_add(out, STR("x-request-id"), f->request_id);
    if (head->framing != HTTP_FRAMING_CHUNKED && head->framing != HTTP_FRAMING_CLOSE &&
        head->status != 204 && http_reader_value(r, HTTP_NAME_CONTENT_LENGTH).p)
        http_answer_add_length(out, head->length);
}

enum http_framing http_forward_framing(enum http_framing framing, unsigned minor)
{
    if (framing == HTTP_FRAMING_NONE || framing == HTTP_FRAMING_LENGTH)
        return framing;
    return minor == 1 ? HTTP_FRAMING_CHUNKED : HTTP_FRAMING_CLOSE;
}

void http_put_answer(const struct http_answer *a, unsigned minor, bool last, struct buf *out)
{
    char number[HTTP_NUMBER_MAX];

    buf_puts(out, STR("HTTP/1.1 "));
    buf_puts(out, decimal((uint64_t)a->status, number));
    buf_puts(out, STR(" "));
    buf_putz(out, http_reason(a->status));
    buf_puts(out, STR("\r\n"));
    for (size_t i = 0; i < a->n; i++)
        put_field(a->fields[i].name, a->fields[i].value, out);
    if (http_forward_framing(a->framing, minor) == HTTP_FRAMING_CHUNKED)
        buf_puts(out, STR("transfer-encoding: chunked\r\n"));
    if (a->status == 101)
        buf_puts(out, STR("connection: upgrade\r\nupgrade: websocket\r\n"));
    else if (last)
        buf_puts(out, STR("connection: close\r\n"));
    buf_puts(out, STR("\r\n"));
}

size_t http_forward_trailers(const struct http_reader *r,
                             struct http_header out[static HTTP_HEADERS_MAX])
{
    size_t first = http_reader_fields(r), n = 0;

    for (size_t i = 0; i < http_reader_trailers(r); i++) {
        struct http_field f = http_reader_field(r, first + i);

        if (f.what == HTTP_NAME_OTHER)
            out[n++] = (struct http_header){f.name, f.value};
    }
    return n;
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
    struct http_header trailers[HTTP_HEADERS_MAX];
    size_t n = r ? http_forward_trailers(r, trailers) : 0;

    buf_puts(out, STR("0\r\n"));
    for (size_t i = 0; i < n; i++)
        put_field(trailers[i].name, trailers[i].value, out);
    buf_puts(out, STR("\r\n"));
}
