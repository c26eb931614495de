/* SPDX-License-Identifier: Apache-2.0 */
/* A request already parsed, and its response being made: what front hands to core, and what the
 * services (acme, trust, api) answer. No socket, no TLS, no parser here. One exchange is one arena:
 * everything in it lives until http_finish. */
#pragma once

#include "base/addr.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "base/when.h"

enum {
    HTTP_METHOD_MAX = 16,
    HTTP_TARGET_MAX = 4096,
    HTTP_HOST_MAX = 260,
    HTTP_REQUEST_HEADERS_MAX = 24, /* those that front passes on */
    HTTP_RESPONSE_HEADERS_MAX = 24,
    HTTP_BODY_MAX = 256 * 1024,
    HTTP_RESPONSE_BODY_MAX = (4096 + 64) * 1024, /* the longest are revocation lists */
    HTTP_SHOWN_SHA256 = 32,
    HTTP_SHOWN_SERIAL = 20,
    HTTP_EXCHANGE_ARENA = 4 * 1024 * 1024,
};

struct http_header {
    struct str name; /* requests: lower case */
    struct str value;
};

/* The certificate that the client showed and whose key it has, which is all that is known of it:
 * whose it is, who made it and whether it is still good is for whoever finds it in a register. */
struct http_shown {
    unsigned char sha256[HTTP_SHOWN_SHA256]; /* of the DER */
    unsigned char serial[HTTP_SHOWN_SERIAL]; /* big endian, without the sign byte */
    size_t n_serial;                         /* 0: it showed none */
};

struct http_request {
    struct str listener; /* "api", "plain" or "private" */
    struct str method;
    struct str path;  /* still percent-encoded, begins with '/' */
    struct str query; /* behind the '?', without it */
    struct str host;
    struct addr client; /* none on a Unix socket */
    struct http_shown shown;
    struct http_header headers[HTTP_REQUEST_HEADERS_MAX];
    size_t n_headers;
    struct str body;
};

struct http_response {
    int status; /* 0 until set */
    struct http_header headers[HTTP_RESPONSE_HEADERS_MAX];
    size_t n_headers;
    struct buf body;   /* limit HTTP_RESPONSE_BODY_MAX */
    when_t keep_until; /* so long everybody who asks the same may get this answer; 0: nobody */
    struct str tag;    /* under which it will be said that it has changed; "": never */
};

struct http_exchange;
typedef void (*http_done)(struct http_exchange *x, void *arg);

struct http_exchange {
    struct arena arena;
    struct id id; /* in every log line and audit event of this request */
    struct http_request req;
    struct http_response res;
    bool cancelled; /* the client is gone: the answer will be dropped, work that has begun still
                       ends */
    http_done done;
    void *done_arg;
};

/* A new exchange with an empty request; `done` gets it once the response is complete and must free
 * it. */
enum rc http_exchange_new(http_done done, void *arg, struct http_exchange **out);
void http_exchange_free(struct http_exchange *x);
DEFINE_FREEP(http_exchange_free, struct http_exchange)

/* The value of a request header (lower-case name), or the empty str. */
struct str http_header_get(const struct http_request *req, struct str name);
/* Adds a response header; both are copied. Past the limit, or with a control character in it, the
 * answer becomes a 500. */
void http_header_add(struct http_exchange *x, const char *name, struct str value);
void http_header_addf(struct http_exchange *x, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Completes the exchange. A body that failed (limit, memory) becomes a bare 500. */
void http_finish(struct http_exchange *x);
/* Sets status and content type and finishes with the body as it stands. */
void http_reply(struct http_exchange *x, int status, const char *content_type);
/* As http_reply for an answer whose body is `text`. */
void http_reply_text(struct http_exchange *x, int status, const char *content_type,
                     struct str text);
