/* SPDX-License-Identifier: Apache-2.0 */
/* Messages passed on by a gateway: always written anew from what was read, never the bytes that
 * came, so that the next reader sees what this one saw. What concerns one connection stays behind
 * (RFC 9110 section 7.6.1), what backends believe a gateway about its client is replaced. No Via:
 * some servers stop compressing when they see one; CDN-Loop keeps a gateway from calling itself. */
#pragma once

#include "base/addr.h"
#include "http/exchange.h"
#include "http/reader.h"

struct buf;

enum {
    HTTP_FORWARD_ADDED = 2048, /* bytes that are added to a head, at most, beside hosts and ids */
    HTTP_HOPS_MAX = 8,
    HTTP_CHUNK_HEAD = 18,   /* bytes of a chunk's size with its CR LF, at most */
    HTTP_ANSWER_ADDED = 20, /* fields of an answer beside those that were read */
    HTTP_ANSWER_FIELDS = HTTP_HEADERS_MAX + HTTP_ANSWER_ADDED,
    HTTP_NUMBER_MAX = 20,
};

/* What other proxies, that are believed, have told of a request on its way here. */
struct http_hops {
    size_t n;
    struct addr addrs[HTTP_HOPS_MAX]; /* the last first, the client itself at the end */
    struct str proto, host;           /* of the client's own request; empty: as it came to us */
};

struct http_forward_request {
    struct str client; /* address as text of who made the connection: X-Forwarded-For, Forwarded */
    struct str host;   /* of the site, for a request without a Host, or one that is an address */
    struct str request_id;         /* X-Request-Id */
    size_t skip;                   /* bytes of the path that are left out at its front */
    struct str prefix;             /* what is written in their place */
    const struct http_header *set; /* in place of what has the same name; no value: removed */
    size_t n_set;
    const struct http_hops *hops; /* before `client`; NULL: none */
    struct str loop;              /* CDN-Loop (RFC 8586), beside those that came; empty: none */
    struct str websocket_key;     /* for a request of WebSocket that has none; empty: it has */
};

/* Appends the head of the request in `r` for a backend. Its framing is that of `r`. */
void http_forward_request(const struct http_reader *r, const struct http_forward_request *f,
                          struct buf *out);

/* The head of an answer that is about to be written, in whichever version of HTTP the client
 * speaks. All text in it is borrowed. */
struct http_answer {
    int status;
    enum http_framing framing; /* of the body as it comes; `length` with HTTP_FRAMING_LENGTH */
    uint64_t length;
    size_t n;
    struct http_header fields[HTTP_ANSWER_FIELDS];
    char number[HTTP_NUMBER_MAX]; /* the value of Content-Length */
};

struct http_forward_response {
    struct str request_id;
    struct str date; /* IMF-fixdate, for an answer without one (RFC 9110 section 6.6.1) */
};

/* The head of the response in `r`, for a client; borrows from `r` and `f`. */
void http_forward_response(const struct http_reader *r, const struct http_forward_response *f,
                           struct http_answer *out);
/* Names are in lower case. Beyond HTTP_ANSWER_FIELDS fields are dropped: there is room for all that
 * a reader takes, and HTTP_ANSWER_ADDED more. */
void http_answer_add(struct http_answer *a, struct str name, struct str value);
/* In place of fields of the same name; without a value it only removes them. */
void http_answer_set(struct http_answer *a, struct str name, struct str value);
/* Adds Content-Length. */
void http_answer_add_length(struct http_answer *a, uint64_t n);

/* How a body of this framing goes to a client of HTTP/1.minor: one of unknown length in chunks, or,
 * with HTTP/1.0, up to the end of the connection. */
enum http_framing http_forward_framing(enum http_framing framing, unsigned minor);
/* Appends the head in HTTP/1.1 to a client of HTTP/1.minor; `last`: its connection is closed
 * afterwards. */
void http_put_answer(const struct http_answer *a, unsigned minor, bool last, struct buf *out);
/* The trailers of the response in `r` but those that would change what the headers said. Returns
 * how many. */
size_t http_forward_trailers(const struct http_reader *r,
                             struct http_header out[static HTTP_HEADERS_MAX]);

/* "5\r\nhello\r\n"; of an empty piece nothing. */
void http_put_chunk(struct str piece, struct buf *out);
/* The last chunk, with those trailers of `r` (NULL: none). */
void http_put_last_chunk(const struct http_reader *r, struct buf *out);
