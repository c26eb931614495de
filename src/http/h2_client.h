/* SPDX-License-Identifier: Apache-2.0 */
/* The client's end of one HTTP/2 connection (RFC 9113), for whoever speaks HTTP/1.1: a request is
 * written, and its answer read, as HTTP/1.1 has them, bodies in chunks where nobody knows their
 * length, trailers behind them. A request for WebSocket becomes an extended CONNECT (RFC 8441)
 * where the server announces that it takes these, and is answered with 501 where it does not; that
 * takes crypto_init. Both are taken apart and put together here, what may be in them is for
 * http/reader to say, as with a server of HTTP/1.1. Pure: bytes in, bytes out, no socket, no timer,
 * no call back; what happened to a request is fetched with http_h2_client_due.
 *
 * A request holds the part of its body that the server has given no room for, HTTP_H2_BODY_HIGH
 * bytes and what one write brings, and of the answer at most its window; so neither side makes the
 * other's memory grow, and none of them holds up the others. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

struct http_h2_client;
struct http_h2_request;

enum {
    HTTP_H2_REQUESTS_MAX = 100,       /* of one connection at a time, or what the server allows */
    HTTP_H2_REQUESTS_ALL = 1'000'000, /* of one connection; then another one is made */
    HTTP_H2_BODY_HIGH = 64 * 1024,    /* of a request's body, that wait for room at the server */
    HTTP_H2_BODY_WINDOW = 64 * 1024,  /* of an answer's, that wait to be read */
};

/* `secure`: over TLS, for :scheme. The first frame of ours waits to be sent. RC_NOMEM. */
enum rc http_h2_client_new(bool secure, struct http_h2_client **out);
/* After the last of its requests. */
void http_h2_client_free(struct http_h2_client *c);
DEFINE_FREEP(http_h2_client_free, struct http_h2_client)

/* Takes all of these bytes of the server; `now` is monotonic. RC_PARSE: it breaks the protocol or
 * floods us, and nothing more is to be read. RC_NOMEM. */
enum rc http_h2_client_receive(struct http_h2_client *c, struct str bytes, int64_t now);
/* What waits to be sent, borrowed until the next call. RC_NOMEM, RC_TOOBIG. */
enum rc http_h2_client_out(struct http_h2_client *c, struct str *out);
void http_h2_client_sent(struct http_h2_client *c, size_t n);
/* The connection is gone: so are its requests. */
void http_h2_client_lost(struct http_h2_client *c);
/* There is room for another request. */
bool http_h2_client_takes(const struct http_h2_client *c);
/* It takes no request any more (GOAWAY, one was without an answer for too long, its number of
 * requests). */
bool http_h2_client_ending(const struct http_h2_client *c);
/* From now on. */
void http_h2_client_end(struct http_h2_client *c);
/* Nothing more will be read or sent. */
bool http_h2_client_finished(const struct http_h2_client *c);
size_t http_h2_client_requests(const struct http_h2_client *c);
/* The owner of a request to which something has happened; NULL: none. */
void *http_h2_client_due(struct http_h2_client *c);

/* ---- one request */

/* Nothing of it is sent yet. RC_NOMEM. */
enum rc http_h2_request_new(struct http_h2_client *c, void *owner, struct http_h2_request **out);
/* One that is not complete both ways is broken off. */
void http_h2_request_free(struct http_h2_request *r);
/* As a net_stream writes: RC_OK and at least one byte taken; RC_AGAIN; RC_NET: it is broken off, or
 * what is written is no request of HTTP/1.1. */
enum rc http_h2_request_write(struct http_h2_request *r, struct str bytes, size_t *out_n);
/* Of WebSocket that was granted: END_STREAM follows what was written (RFC 8441 section 5). RC_AGAIN
 * until all of it has gone and the server has ended the stream, too. */
enum rc http_h2_request_shutdown(struct http_h2_request *r);
/* As a net_stream reads. RC_CLOSED: that was all. */
enum rc http_h2_request_read(struct http_h2_request *r, void *p, size_t n, size_t *out_n);
/* http_h2_client_due gives it once more if there is something to read, or room to write. */
bool http_h2_request_remind(struct http_h2_request *r, bool reads, bool writes);
/* The server says that it has not looked at it (RFC 9113 section 8.7): it may be sent again,
 * whatever it is. */
bool http_h2_request_refused(const struct http_h2_request *r);
/* Something of an answer has come. */
bool http_h2_request_heard(const struct http_h2_request *r);
