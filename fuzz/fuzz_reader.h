/* SPDX-License-Identifier: Apache-2.0 */
/* What fuzz_reader.c does with a message. */
#pragma once

#include "base/buf.h"
#include "http/forward.h"

static const struct str methods[] = {STR("GET"), STR("HEAD"), STR("POST"), STR("OPTIONS")};
static const struct http_reader_conf requests = {.target_max = 4096,
                                                 .body_max = UINT64_MAX,
                                                 .methods = methods,
                                                 .n_methods = sizeof(methods) / sizeof(methods[0])};
static const struct http_reader_conf responses = {.responses = true, .body_max = UINT64_MAX};

/* One message in pieces; true when it is complete, perhaps by the end of the input. */
static bool read_all(struct http_reader *r, struct str in, size_t piece, struct buf *body)
{
    enum rc rc = RC_AGAIN;
    bool head = false;

    while (rc == RC_AGAIN && in.n) {
        struct str part = str_head(in, piece), bytes;
        size_t before = part.n;

        if (!head) {
            rc = http_reader_head(r, &part, NULL);
            head = rc == RC_OK;
            rc = head ? RC_AGAIN : rc;
        }
        while (head && (rc = http_reader_body(r, &part, &bytes, NULL)) == RC_OK)
            buf_puts(body, bytes);
        in = str_skip(in, before - part.n);
    }
    return rc == RC_CLOSED || (rc == RC_AGAIN && head && http_reader_eof(r));
}

static void write_again(const struct http_reader *r, bool request, struct str body, struct buf *out)
{
    static const struct http_forward_request to_backend = {STR("::1"), STR("site"), STR("id")};
    static const struct http_forward_response to_client = {STR("id"), STR("today")};
    enum http_framing framing = http_reader_get(r)->framing;

    struct http_answer answer;

    if (request) {
        http_forward_request(r, &to_backend, out);
    } else {
        http_forward_response(r, &to_client, &answer);
        http_put_answer(&answer, 1, false, out);
    }
    if (framing == HTTP_FRAMING_CHUNKED || framing == HTTP_FRAMING_CLOSE) {
        http_put_chunk(body, out);
        http_put_last_chunk(r, out);
    } else {
        buf_puts(out, body);
    }
}

/* The next one reads the same request, or response, and where it ends. */
static bool same(const struct http_reader *a, const struct http_reader *b)
{
    const struct http_head *x = http_reader_get(a), *y = http_reader_get(b);
    bool close = x->framing == HTTP_FRAMING_CLOSE && y->framing == HTTP_FRAMING_CHUNKED;

    for (size_t i = 0; i < http_reader_fields(b); i++)
        if (http_reader_field(b, i).what == HTTP_NAME_HOP)
            return false;
    return str_eq(x->method, y->method) && str_eq(x->path, y->path) && str_eq(x->query, y->query) &&
           x->status == y->status && y->keep_alive && (close || x->framing == y->framing) &&
           (x->length == y->length || x->status == 204);
}
