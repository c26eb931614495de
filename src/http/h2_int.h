/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by h2.c, the connection and what comes on it, and h2_stream.c, a stream and what goes; the
 * end of backends (h2_client_int.h) has its session and its limits from here. */
#pragma once

#include <nghttp2/nghttp2.h>

#include "base/list.h"
#include "http/h2.h"

enum { HTTP_H2_OUT_KEPT = 128 * 1024 }; /* while there are streams */

/* So many at once, and some more each second. */
struct http_h2_bucket {
    int64_t at; /* when it was full, if nothing is taken */
};

struct http_h2 {
    struct http_h2_conf conf;
    nghttp2_session *session;
    struct buf out;
    size_t sent;
    struct list streams;
    struct list due;
    struct list waiting; /* for room in `out` */
    struct http_h2_stream *writing;
    size_t n_streams;
    int64_t now;
    struct http_h2_bucket resets, idle;
    enum rc rc;
    bool in_head;
};

struct http_h2_stream {
    struct http_h2 *h2;
    void *owner;
    struct http_reader *reader;
    struct list link; /* in h2->streams */
    struct list due;  /* in h2->due or h2->waiting */
    int32_t id;
    unsigned news;
    struct buf body;
    size_t at;        /* of it, read */
    struct str piece; /* being written */
    uint64_t left;    /* of the answer; UINT64_MAX: nobody knows */
    bool headed;      /* its head is complete; what comes next are trailers */
    bool ended;       /* the client has sent all */
    bool answering, finished, trailing, deferred, told;
};

/* False: that was one too many. */
bool http_h2_spend(struct http_h2_bucket *b, int64_t now, int64_t most, int64_t rate);
/* A header as nghttp2 takes it; nothing is copied here. What is new each time does not go into the
 * table of HPACK (RFC 7541), where it would drive out what is not, and be searched for ever. */
nghttp2_nv http_h2_nv(struct str name, struct str value, uint8_t flags);
/* nghttp2_session_server_new2 or nghttp2_session_client_new2. */
typedef int (*http_h2_begin_fn)(nghttp2_session **out, const nghttp2_session_callbacks *callbacks,
                                void *arg, const nghttp2_option *options);
/* A session of nghttp2 with our limits, to be freed with nghttp2_session_del; `arg` is what its
 * callbacks get. RC_NOMEM. */
enum rc http_h2_session_new(http_h2_begin_fn begin,
                            void (*set_callbacks_of)(nghttp2_session_callbacks *), void *arg,
                            nghttp2_session **out);
void http_h2_tell(struct http_h2_stream *s, unsigned news);
void http_h2_stream_free(struct http_h2_stream *s);
/* Has nghttp2 say all that it can. RC_NOMEM: the connection is over. */
enum rc http_h2_pump(struct http_h2 *h);
/* nghttp2's callback for the bytes of a DATA frame. */
int http_h2_on_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head,
                         size_t n, nghttp2_data_source *source, void *arg);
