/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 requests (RFC 9112), read piece by piece into an exchange. llhttp takes them apart with
 * every lenient flag off; what it lets pass and a server should not is refused here, before any of
 * the body is looked at. Whatever two parsers could read differently ends the connection. Pure: no
 * sockets, no clock. */
#pragma once

#include "http/exchange.h"

enum {
    HTTP_HEAD_MAX = 32 * 1024, /* request line and headers, as sent; 431 */
    HTTP_HEADERS_MAX = 100,    /* trailers included; 431 */
    HTTP_CHUNK_OVERHEAD_MAX =
        16 * 1024, /* bytes of chunk framing beyond as many as there are of body; 400 */
    HTTP_KEPT_VALUE_MAX = 2048,  /* of a header that is passed on; 431 */
    HTTP_CONTENT_TYPE_MAX = 128, /* 431 */
};

enum http_phase {
    HTTP_PHASE_IDLE, /* nothing of a request yet */
    HTTP_PHASE_HEAD,
    HTTP_PHASE_BODY,
    HTTP_PHASE_DONE, /* until http_parser_reset */
};

struct http_parser;

enum rc http_parser_new(struct http_parser **out);
void http_parser_free(struct http_parser *p);
DEFINE_FREEP(http_parser_free, struct http_parser)
/* Begins the next request; gives all buffers back. */
void http_parser_reset(struct http_parser *p);

/* Takes bytes from the front of *in. RC_OK: the request is complete in x->req (method to body;
 * listener and client are the caller's), and what is left in *in belongs to the next one. RC_AGAIN:
 * more bytes are needed. RC_DENIED: refused, `err` says why and err->status how to answer; the
 * connection must be closed afterwards. RC_NOMEM. `x` must be the same until the request is
 * complete.
 *
 * Of the headers x->req holds those that somebody behind us looks at: accept, accept-language,
 * content-type, cookie, if-modified-since, if-none-match, user-agent. Hop-by-hop fields and
 * trailers are dropped.
 *
 * Refused: 400 for what breaks the grammar, a bare LF or CR, folded headers, space before a colon,
 * control characters, a target that is neither a path nor an absolute http URL, Host missing,
 * doubled or malformed, Content-Length doubled, malformed or beside Transfer-Encoding, any
 * Transfer-Encoding but one "chunked", chunk extensions; 413, 414, 431 for the limits; 417 for an
 * Expect other than 100-continue; 501 for methods nobody here needs; 505 for versions other
 * than 1.0 and 1.1. */
enum rc http_parser_feed(struct http_parser *p, struct http_exchange *x, struct str *in,
                         struct err *err);

enum http_phase http_parser_phase(const struct http_parser *p);
/* The client waits for "100 Continue" before it sends the body: true from the end of the head until
 * some of the body has come. */
bool http_parser_expects_continue(const struct http_parser *p);
/* When done: more requests may follow (HTTP/1.1 without "Connection: close"). */
bool http_parser_keep_alive(const struct http_parser *p);
