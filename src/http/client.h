/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 from the client's side: a request's bytes, and its whole response, read by http/reader
 * with all that this refuses but chunk extensions. Pure: no sockets, no clock, no policy;
 * redirects, deadlines and what may be dialled are the caller's. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "http/url.h"

enum {
    HTTP_CLIENT_HEAD_MAX = 32 * 1024, /* of a request, as sent */
    HTTP_CLIENT_INTERIM_MAX = 8,      /* responses 1xx before the one that counts */
};

/* What to send. The texts are ours, not a stranger's: nobody looks for line ends in them here. */
struct http_client_request {
    const char *method; /* "GET", "HEAD", "POST" ... */
    const struct http_url *url;
    struct str user_agent;
    struct str accept;       /* empty: everything */
    struct str content_type; /* empty: without a body */
    struct str body;
    struct str headers; /* further ones, each "NAME: VALUE" with its line end */
    bool keep_alive;    /* else "Connection: close" */
};

/* Appends its bytes, with Host, and Content-Length where there is a body or it is a POST. */
void http_client_put(const struct http_client_request *req, struct buf *out);
/* The same for a GET of everything with "Connection: close". */
void http_client_put_get(const struct http_url *url, struct str user_agent, struct buf *out);

struct http_client;

/* A parser of one response, whose body may have `max_body` bytes. */
enum rc http_client_new(size_t max_body, struct http_client **out);
void http_client_free(struct http_client *c);
DEFINE_FREEP(http_client_free, struct http_client)
/* Before the first byte: the request is a HEAD, so no body follows, whatever the headers say. */
void http_client_expect_head(struct http_client *c);

/* Takes what came. RC_OK: the response is complete; RC_AGAIN: more is needed; RC_TOOBIG: the body
 * is longer than allowed, status, headers and the body's first max_body bytes are there all the
 * same; RC_PARSE: this is not HTTP, or past the limits of the head, `err` says how; RC_NOMEM. */
enum rc http_client_feed(struct http_client *c, struct str in, struct err *err);
/* The peer sends no more. RC_OK: the response is complete (one without a length ends so);
 * RC_CLOSED: it was cut short. */
enum rc http_client_eof(struct http_client *c, struct err *err);

/* 0 until the head is complete. */
int http_client_status(const struct http_client *c);
/* The first header of this name (lower case), without spaces around it; p == NULL: none. Borrowed,
 * like the body. */
struct str http_client_header(const struct http_client *c, struct str name);
/* The one behind the first `skip` of this name; p == NULL: there is none. */
struct str http_client_header_at(const struct http_client *c, struct str name, size_t skip);
struct str http_client_body(const struct http_client *c);
/* When the response is complete: the connection may carry another request. Not if the peer said
 * that it closes, or sent more than this response. */
bool http_client_keep_alive(const struct http_client *c);
