/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 from the client's side, frame by frame and as wrong as a test wants it: what it sends is
 * put together byte by byte, what it gets is written down as text, a line for each frame and, after
 * a HEADERS, one for each field. */
#pragma once

#include <nghttp2/nghttp2.h>
#include <string.h>

#include "base/buf.h"

#define H2_MAGIC "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

enum {
    H2_DATA,
    H2_HEADERS,
    H2_PRIORITY,
    H2_RST_STREAM,
    H2_SETTINGS,
    H2_PUSH_PROMISE,
    H2_PING,
    H2_GOAWAY,
    H2_WINDOW_UPDATE,
    H2_CONTINUATION,
    H2_END_STREAM = 1,
    H2_ACK = 1,
    H2_END_HEADERS = 4,
    H2_FRAME_HEAD = 9,
};

[[maybe_unused]] static void h2_frame(struct buf *out, unsigned type, unsigned flags, uint32_t id,
                                      struct str body)
{
    buf_u8(out, (uint8_t)(body.n >> 16));
    buf_u16(out, (uint16_t)body.n);
    buf_u8(out, (uint8_t)type);
    buf_u8(out, (uint8_t)flags);
    buf_u32(out, id);
    buf_puts(out, body);
}

[[maybe_unused]] static void h2_number(struct buf *out, unsigned type, uint32_t id, uint32_t n)
{
    char b[4] = {(char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n};

    h2_frame(out, type, 0, id, str_bytes(b, sizeof(b)));
}

/* An integer of HPACK with a prefix of 7 bits (RFC 7541 section 5.1), no Huffman. */
static void h2_text(struct buf *out, struct str s)
{
    size_t n = s.n;

    if (n < 127) {
        buf_u8(out, (uint8_t)n);
    } else {
        buf_u8(out, 127);
        for (n -= 127; n >= 128; n >>= 7)
            buf_u8(out, (uint8_t)(n | 128));
        buf_u8(out, (uint8_t)n);
    }
    buf_puts(out, s);
}

/* Lines "name: value" as a block of literal fields; the name ends at the first ": ". */
static void h2_block(struct buf *out, const char *lines)
{
    struct str rest = str_of(lines), line;

    while (str_next(&rest, '\n', &line)) {
        const char *mid = line.n ? memmem(line.p, line.n, ": ", 2) : NULL;
        size_t at = mid ? (size_t)(mid - line.p) : 0;

        if (!mid)
            continue;
        buf_u8(out, 0);
        h2_text(out, str_head(line, at));
        h2_text(out, str_skip(line, at + 2));
    }
}

[[maybe_unused]] static void h2_headers(struct buf *out, unsigned flags, uint32_t id,
                                        const char *lines)
{
    CLEANUP(buf_done) struct buf block = BUF_INIT(1 << 20);

    h2_block(&block, lines);
    h2_frame(out, H2_HEADERS, flags | H2_END_HEADERS, id, buf_str(&block));
}

static const char *const h2_names[] = {"DATA",          "HEADERS",      "PRIORITY", "RST_STREAM",
                                       "SETTINGS",      "PUSH_PROMISE", "PING",     "GOAWAY",
                                       "WINDOW_UPDATE", "CONTINUATION"};

static uint32_t h2_u32(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;

    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

/* Fields as lines; false: they cannot be read. */
static bool h2_fields(nghttp2_hd_inflater *hd, struct str block, struct buf *text)
{
    int flags = 0;

    while (!(flags & NGHTTP2_HD_INFLATE_FINAL)) {
        nghttp2_nv nv;
        ssize_t n = nghttp2_hd_inflate_hd2(hd, &nv, &flags, (const uint8_t *)block.p, block.n, 1);

        if (n < 0)
            return false;
        block = str_skip(block, (size_t)n);
        if (flags & NGHTTP2_HD_INFLATE_EMIT)
            buf_printf(text, "%.*s: %.*s\n", (int)nv.namelen, nv.name, (int)nv.valuelen, nv.value);
    }
    nghttp2_hd_inflate_end_headers(hd);
    return true;
}

/* One line for a frame: "DATA 1 END hello". */
static void h2_line(nghttp2_hd_inflater *hd, struct str head, struct str body, struct buf *text)
{
    unsigned type = (unsigned char)head.p[3], flags = (unsigned char)head.p[4];
    uint32_t id = h2_u32(head.p + 5);
    bool end = (type == H2_DATA || type == H2_HEADERS) && flags & H2_END_STREAM;

    buf_printf(text, "%s %u%s", type < 10 ? h2_names[type] : "?", id, end ? " END" : "");
    if (type == H2_DATA)
        buf_printf(text, " %.*s", STR_ARG(body));
    else if (type == H2_RST_STREAM || type == H2_WINDOW_UPDATE)
        buf_printf(text, " %u", h2_u32(body.p));
    else if (type == H2_GOAWAY)
        buf_printf(text, " %u %u", h2_u32(body.p) & INT32_MAX, h2_u32(body.p + 4));
    else if (type == H2_SETTINGS || type == H2_PING)
        buf_printf(text, "%s", flags & H2_ACK ? " ACK" : "");
    buf_putz(text, "\n");
    if (type == H2_HEADERS && !h2_fields(hd, body, text))
        buf_putz(text, "unreadable\n");
}

/* Takes the whole frames from the front of `in`. */
[[maybe_unused]] static void h2_read(nghttp2_hd_inflater *hd, struct buf *in, struct buf *text)
{
    while (in->n >= H2_FRAME_HEAD) {
        size_t n = h2_u32(in->p) >> 8;

        if (in->n < H2_FRAME_HEAD + n)
            return;
        h2_line(hd, str_bytes(in->p, H2_FRAME_HEAD), str_bytes(in->p + H2_FRAME_HEAD, n), text);
        buf_consume(in, H2_FRAME_HEAD + n);
    }
}
