/* SPDX-License-Identifier: Apache-2.0 */
/* Messages passed on by a gateway: always written anew from what was read, never the bytes that
 * came, so that the next reader sees what this one saw. What concerns one connection stays behind
 * (RFC 9110 section 7.6.1), what backends believe a gateway about its client is replaced. No Via:
 * some servers stop compressing when they see one, and a gateway that only speaks HTTP to backends
 * and HTTPS to clients cannot call itself. */
#pragma once

#include "http/reader.h"

struct buf;

enum {
    HTTP_FORWARD_ADDED = 1024, /* bytes that are added to a head, at most, beside hosts and ids */
    HTTP_CHUNK_HEAD = 18,      /* bytes of a chunk's size with its CR LF, at most */
};

struct http_forward_request {
    struct str client;     /* address as text: X-Forwarded-For */
    struct str host;       /* of the site, for a request without a Host */
    struct str request_id; /* X-Request-Id */
};

/* Appends the head of the request in `r` for a backend. Its framing is that of `r`. */
void http_forward_request(const struct http_reader *r, const struct http_forward_request *f,
                          struct buf *out);

struct http_forward_response {
    unsigned minor; /* the client speaks HTTP/1.minor */
    bool last;      /* its connection is closed afterwards */
    struct str request_id;
    struct str date; /* IMF-fixdate, for an answer without one (RFC 9110 section 6.6.1) */
};

/* How the body of the response in `r` goes to a client: one of unknown length in chunks, or, with
 * HTTP/1.0, up to the end of the connection. */
enum http_framing http_forward_framing(const struct http_reader *r, unsigned minor);
/* Appends the head of that response. */
void http_forward_response(const struct http_reader *r, const struct http_forward_response *f,
                           struct buf *out);

/* "5\r\nhello\r\n"; of an empty piece nothing. */
void http_put_chunk(struct str piece, struct buf *out);
/* The last chunk, with the trailers of `r` (NULL: none) but those that would change what the
 * headers said. */
void http_put_last_chunk(const struct http_reader *r, struct buf *out);
