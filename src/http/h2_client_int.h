/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by h2_client.c, the connection and what comes on it, and h2_request.c, a request and what
 * goes. */
#pragma once

#include "base/list.h"
#include "http/h2_client.h"
#include "http/h2_int.h"
#include "http/reader.h"

struct http_h2_client {
    nghttp2_session *session;
    bool secure;
    struct buf out;
    size_t sent;
    struct list requests, due;
    struct list waiting; /* for room in `out` */
    size_t n;
    uint64_t all; /* so far */
    int64_t now;
    struct http_h2_bucket idle;
    size_t head; /* bytes of the head that is coming */
    bool goaway, lost;
    bool settled; /* its settings have come */
    enum rc rc;
};

struct http_h2_request {
    struct http_h2_client *client;
    void *owner;
    struct list link, due;
    int32_t id; /* 0: its head is not complete */
    /* What goes. */
    struct http_reader *reader;
    struct buf body;
    size_t body_at;
    bool headed, whole, deferred, headless;
    /* What comes: text of HTTP/1.1. */
    struct buf text, trailers;
    size_t text_at;
    size_t held; /* bytes of body in it, for the window */
    int status;
    bool answered, chunked, length, complete;
    bool websocket; /* an extended CONNECT (RFC 8441), or about to be one */
    bool granted;   /* ... and what follows both heads is nobody's business */
    bool gone, refused, broken;
};

void http_h2_request_tell(struct http_h2_request *r);
/* Has nghttp2 say all that it can. RC_NOMEM: the connection is over. */
enum rc http_h2_client_pump(struct http_h2_client *c);

/* ---- h2_request.c, for what comes */

/* The server's settings are here: what waits for them is sent, or declined. */
void http_h2_request_settled(struct http_h2_request *r);

/* A field of a head or of trailers. False: no more of this. */
bool http_h2_request_field(struct http_h2_request *r, struct str name, struct str value);
/* The head is complete, or the trailers are; `last`: nothing follows. */
void http_h2_request_head(struct http_h2_request *r, bool last);
void http_h2_request_body(struct http_h2_request *r, struct str bytes);
void http_h2_request_last(struct http_h2_request *r);
