/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzzer of HTTP/2's client does on either side of it, and says of what comes through. */
#pragma once

#include <assert.h>
#include <string.h>

#include "http/h2_client.h"

static struct str what_is_asked(unsigned char first)
{
    static const char upgrade[] =
        "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    static const char *const asks[] = {
        "GET /x HTTP/1.1\r\nhost: a\r\n\r\n", "HEAD /x HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", upgrade};

    return str_of(asks[first % 4]);
}

static struct str past_head(struct str text)
{
    const char *end = text.n ? memmem(text.p, text.n, "\r\n\r\n", 4) : NULL;

    return end ? str_skip(text, (size_t)(end - text.p) + 4) : STR("");
}

/* Of a tunnel: the server's bytes, in their order, and none besides. */
static void judge(struct str got, struct str said)
{
    while (str_starts(got, STR("HTTP/1.1 1")) && !str_starts(got, STR("HTTP/1.1 101 ")))
        got = past_head(got);
    if (!str_starts(got, STR("HTTP/1.1 101 ")))
        return;
    got = past_head(got);
    for (size_t i = 0, at = 0; i < got.n; i++, at++) {
        while (at < said.n && said.p[at] != got.p[i])
            at++;
        assert(at < said.n);
    }
}

/* The server's bytes come, and what there is to be sent and read is. */
static void come(struct http_h2_client *c, struct http_h2_request *r, struct str bytes,
                 struct buf *got)
{
    char piece[512];
    struct str out;
    size_t n = 0;
    enum rc rc;

    IGNORE_RC(http_h2_client_receive(c, bytes, 1'000'000'000));
    while (http_h2_client_out(c, &out) == RC_OK && out.n)
        http_h2_client_sent(c, out.n);
    while (r && (rc = http_h2_request_read(r, piece, sizeof(piece), &n)) == RC_OK) {
        assert(n > 0 && n <= sizeof(piece));
        buf_put(got, piece, n);
    }
    assert(!r || rc != RC_CLOSED || http_h2_request_read(r, piece, 1, &n) == RC_CLOSED);
}

static void act(struct http_h2_request **r, unsigned what)
{
    size_t n;

    if (*r && what == 1)
        IGNORE_RC(http_h2_request_write(*r, STR("hello"), &n));
    else if (*r && what == 2)
        IGNORE_RC(http_h2_request_shutdown(*r));
    else if (what == 3)
        http_h2_request_free(MOVE(*r));
}
