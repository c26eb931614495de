/* SPDX-License-Identifier: Apache-2.0 */
/* Whole requests for services of our own, read into an exchange by http/reader. Whatever two
 * parsers could read differently ends the connection. Pure: no sockets, no clock. */
#pragma once

#include "http/exchange.h"
#include "http/reader.h"

enum {
    HTTP_KEPT_VALUE_MAX = 2048,  /* of a header that is passed on; 431 */
    HTTP_CONTENT_TYPE_MAX = 128, /* 431 */
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
 * Refused is what http/reader refuses, and besides: 400 for a target with bytes that RFC 3986 does
 * not allow and for a doubled Content-Type; 413, 414, 431 for the limits; 501 for methods nobody
 * here needs. */
enum rc http_parser_feed(struct http_parser *p, struct http_exchange *x, struct str *in,
                         struct err *err);

enum http_phase http_parser_phase(const struct http_parser *p);
/* The client waits for "100 Continue" before it sends the body: true from the end of the head until
 * some of the body has come. */
bool http_parser_expects_continue(const struct http_parser *p);
/* Bytes of the body that are held; until http_parser_reset. */
size_t http_parser_body(const struct http_parser *p);
/* When done: more requests may follow (HTTP/1.1 without "Connection: close"). */
bool http_parser_keep_alive(const struct http_parser *p);
