/* SPDX-License-Identifier: Apache-2.0 */
/* The server's end of one HTTP/2 connection (RFC 9113): nghttp2 takes the frames apart, what may be
 * in them and how much of it is decided here. Pure: bytes in, bytes out, no socket, no timer, and
 * no call back into the owner but `begin`: what happened to a stream is fetched with http_h2_due.
 *
 * A stream holds the body that has come and is not read, up to its window; what is written goes at
 * once into the bytes to be sent, and when there are HTTP_H2_OUT_HIGH of them, or the client has
 * given no more room, nothing is taken. So neither side makes the other's memory grow. */
#pragma once

#include "http/forward.h"

struct http_h2;
struct http_h2_stream;

enum {
    HTTP_H2_STREAMS_MAX = 100,     /* of one connection at a time; beyond: REFUSED_STREAM */
    HTTP_H2_PIECE = (1 << 14) - 9, /* bytes of body in a frame: with its head it fills one record of
                                      TLS (RFC 8446 section 5.1) */
    HTTP_H2_STREAM_WINDOW = 128 * 1024, /* bytes of one body that wait to be read */
    HTTP_H2_WINDOW = 256 * 1024,        /* of all of a connection */
    HTTP_H2_OUT_HIGH = 64 * 1024,       /* bytes to be sent, from which on no body is taken */
    HTTP_H2_OUT_MAX = 4 * 1024 * 1024,  /* with heads and what the protocol itself says */
    HTTP_H2_SETTINGS_MAX = 32,          /* in one frame */
    HTTP_H2_CONTINUATIONS_MAX = 8,      /* of one head */
    /* Floods: so many at once, and so many more each second; beyond, ENHANCE_YOUR_CALM. */
    HTTP_H2_RESETS_MAX = 500, /* streams that the client, or we for a fault of it, reset */
    HTTP_H2_RESETS_RATE = 50,
    HTTP_H2_IDLE_MAX = 1000, /* frames that ask for nothing: PING, SETTINGS, PRIORITY, empty DATA
                                and CONTINUATION; so many answers wait at most, too */
    HTTP_H2_IDLE_RATE = 100,
};

struct http_h2_conf {
    /* A request begins. Returns whose it is, and where its head is read to, which must live until
     * HTTP_H2_GONE. NULL: there is no memory, and the stream is reset. */
    void *(*begin)(void *arg, struct http_h2_stream *s, struct http_reader **out_reader);
    void *arg;
};

/* The first frame of ours waits to be sent. RC_NOMEM. */
enum rc http_h2_new(const struct http_h2_conf *conf, struct http_h2 **out);
/* With all streams. */
void http_h2_free(struct http_h2 *h);
DEFINE_FREEP(http_h2_free, struct http_h2)

/* Takes all of these bytes of the client; `now` is monotonic. RC_PARSE: it breaks the protocol or
 * floods us; what waits to be sent ends with our reason, and nothing more is to be read. RC_NOMEM.
 */
enum rc http_h2_receive(struct http_h2 *h, struct str bytes, int64_t now);
/* What waits to be sent, borrowed until the next call. RC_NOMEM, RC_TOOBIG. */
enum rc http_h2_out(struct http_h2 *h, struct str *out);
/* So many bytes of it are sent. */
void http_h2_sent(struct http_h2 *h, size_t n);
/* There is so much of it that nothing should be read of the client before some is gone. */
bool http_h2_full(const struct http_h2 *h);
/* Nothing more will be read or sent, once what waits is sent. */
bool http_h2_finished(const struct http_h2 *h);
/* Streams that there are. */
size_t http_h2_streams(const struct http_h2 *h);
/* A head has begun and is not complete. */
bool http_h2_in_head(const struct http_h2 *h);
/* Says that this connection ends: later requests should go to another (GOAWAY). */
void http_h2_warn(struct http_h2 *h);
/* ... and takes none that have not begun by now. */
void http_h2_last(struct http_h2 *h);

enum {
    HTTP_H2_HEAD = 1 << 0,  /* the head is complete: http_reader_put_end comes next */
    HTTP_H2_READY = 1 << 1, /* there may be body, its end, or room for the answer */
    HTTP_H2_GONE = 1 << 2,  /* it is complete both ways, or was reset: http_h2_forget comes next */
};

/* The owner of a stream to which something has happened, and what; NULL: none. */
void *http_h2_due(struct http_h2 *h, unsigned *out_news);

/* ---- one stream. None of these may be called from inside `begin`. */

/* No body follows the head. */
bool http_h2_whole(const struct http_h2_stream *s);
/* http_h2_due gives it once more. */
void http_h2_remind(struct http_h2_stream *s);
/* As a net_stream reads: RC_OK; RC_AGAIN; RC_CLOSED: the body is complete; RC_NET: reset. */
enum rc http_h2_read(struct http_h2_stream *s, void *p, size_t n, size_t *out_n);
/* 100 (Continue). */
enum rc http_h2_continue(struct http_h2_stream *s);
/* The head of the answer; without a body (HTTP_FRAMING_NONE) all of it. RC_NET, RC_NOMEM. */
enum rc http_h2_answer(struct http_h2_stream *s, const struct http_answer *a);
/* As a net_stream writes: RC_OK and at least one byte taken; RC_AGAIN: HTTP_H2_READY comes; RC_NET.
 */
enum rc http_h2_write(struct http_h2_stream *s, struct str bytes, size_t *out_n);
/* The answer is complete. What the client still sends of the request is dropped. */
enum rc http_h2_end(struct http_h2_stream *s, const struct http_header *trailers, size_t n);
/* The client has sent all. */
bool http_h2_ended(const struct http_h2_stream *s);
/* After http_h2_end: the client need not send the rest. */
void http_h2_stop(struct http_h2_stream *s);
/* It is broken off; also after HTTP_H2_GONE, without effect. */
void http_h2_reset(struct http_h2_stream *s);
/* After HTTP_H2_GONE. */
void http_h2_forget(struct http_h2_stream *s);
