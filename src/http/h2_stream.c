/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "http/h2.h"
#include "http/h2_int.h"

enum { FRAME_HEAD = 9, STATUS_DIGITS = 3 };

void http_h2_tell(struct http_h2_stream *s, unsigned news)
{
    s->news |= news;
    list_remove(&s->due);
    list_push(&s->h2->due, &s->due);
}

void http_h2_remind(struct http_h2_stream *s)
{
    http_h2_tell(s, HTTP_H2_READY);
}

void http_h2_stream_free(struct http_h2_stream *s)
{
    list_remove(&s->due);
    list_remove(&s->link);
    buf_done(&s->body);
    mem_free(s);
}

void http_h2_forget(struct http_h2_stream *s)
{
    struct http_h2 *h = s->h2;

    /* The connection's window has them still. */
    if (s->body.n > s->at)
        (void)nghttp2_session_consume_connection(h->session, s->body.n - s->at);
    h->n_streams--;
    http_h2_stream_free(s);
    if (h->n_streams == 0 && h->sent == h->out.n)
        buf_done(&h->out);
}

/* ---- what goes */

/* The client has room. What there is to send is only there while http_h2_write waits for it. */
static ssize_t on_source(nghttp2_session *, int32_t, uint8_t *, size_t room, uint32_t *flags,
                         nghttp2_data_source *source, void *)
{
    struct http_h2_stream *s = source->ptr;
    size_t most = room < HTTP_H2_PIECE ? room : HTTP_H2_PIECE;
    size_t n = s->piece.n < most ? s->piece.n : most;

    if (n) {
        s->left -= s->left == UINT64_MAX ? 0 : n;
        s->finished = s->finished || s->left == 0;
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    } else if (!s->finished) {
        s->deferred = true;
        if (s->h2->writing != s)
            http_h2_tell(s, HTTP_H2_READY);
        return NGHTTP2_ERR_DEFERRED;
    }
    if (s->finished) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        *flags |= s->trailing ? NGHTTP2_DATA_FLAG_NO_END_STREAM : 0;
    }
    return (ssize_t)n;
}

int http_h2_on_send_data(nghttp2_session *, nghttp2_frame *, const uint8_t *head, size_t n,
                         nghttp2_data_source *source, void *arg)
{
    struct http_h2_stream *s = source->ptr;
    struct http_h2 *h = arg;

    buf_put(&h->out, head, FRAME_HEAD);
    buf_puts(&h->out, str_head(s->piece, n));
    s->piece = str_skip(s->piece, n);
    return buf_rc(&h->out) == RC_OK ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* Has nghttp2 say all that it can. Memory that ran out ends the connection: HPACK has counted on
 * what could not be written. */
enum rc http_h2_pump(struct http_h2 *h)
{
    const uint8_t *p;
    ssize_t n = 0;

    while (h->rc != RC_NOMEM && (n = nghttp2_session_mem_send(h->session, &p)) > 0)
        buf_put(&h->out, p, (size_t)n);
    if (n < 0 || buf_rc(&h->out) != RC_OK)
        h->rc = RC_NOMEM;
    return h->rc == RC_NOMEM ? RC_NOMEM : RC_OK;
}

/* ---- for its owner */

static bool gone(const struct http_h2_stream *s)
{
    return s->news & HTTP_H2_GONE || s->h2->rc == RC_NOMEM;
}

bool http_h2_whole(const struct http_h2_stream *s)
{
    return s->ended && s->body.n == 0;
}

enum rc http_h2_read(struct http_h2_stream *s, void *p, size_t n, size_t *out_n)
{
    size_t held = s->body.n - s->at;

    if (gone(s) && !s->ended)
        return RC_NET;
    if (held == 0)
        return s->ended ? RC_CLOSED : RC_AGAIN;
    *out_n = n < held ? n : held;
    memcpy(p, s->body.p + s->at, *out_n);
    s->at += *out_n;
    if (s->at == s->body.n) {
        buf_reset(&s->body);
        s->at = 0;
        /* Whoever got less than he asked for comes again when there is news, and its end is. */
        if (s->ended)
            http_h2_tell(s, HTTP_H2_READY);
    }
    if (!gone(s))
        (void)nghttp2_session_consume(s->h2->session, s->id, *out_n);
    else
        (void)nghttp2_session_consume_connection(s->h2->session, *out_n);
    return RC_OK;
}

/* The texts live until they are sent, which is at once. */
static nghttp2_nv nv(struct str name, struct str value)
{
    return http_h2_nv(name, value, NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE);
}

static struct str digits_of(int status, char text[static STATUS_DIGITS])
{
    for (int i = STATUS_DIGITS; i-- > 0; status /= 10)
        text[i] = (char)('0' + status % 10);
    return str_bytes(text, STATUS_DIGITS);
}

enum rc http_h2_continue(struct http_h2_stream *s)
{
    nghttp2_nv status = nv(STR(":status"), STR("100"));

    if (gone(s))
        return RC_NET;
    if (nghttp2_submit_headers(s->h2->session, NGHTTP2_FLAG_NONE, s->id, NULL, &status, 1, NULL))
        return RC_NOMEM;
    return http_h2_pump(s->h2);
}

enum rc http_h2_answer(struct http_h2_stream *s, const struct http_answer *a)
{
    nghttp2_data_provider body = {{.ptr = s}, on_source};
    nghttp2_nv fields[1 + HTTP_ANSWER_FIELDS];
    char digits[STATUS_DIGITS];
    bool none = a->framing == HTTP_FRAMING_NONE;
    enum rc rc;

    if (gone(s))
        return RC_NET;
    fields[0] = nv(STR(":status"), digits_of(a->status, digits));
    for (size_t i = 0; i < a->n; i++)
        fields[1 + i] = nv(a->fields[i].name, a->fields[i].value);
    s->left = a->framing == HTTP_FRAMING_LENGTH ? a->length : UINT64_MAX;
    s->finished = none;
    s->answering = true;
    s->h2->writing = s;
    rc = nghttp2_submit_response(s->h2->session, s->id, fields, 1 + a->n, none ? NULL : &body)
             ? RC_NOMEM
             : http_h2_pump(s->h2);
    s->h2->writing = NULL;
    return rc;
}

enum rc http_h2_write(struct http_h2_stream *s, struct str bytes, size_t *out_n)
{
    struct http_h2 *h = s->h2;
    enum rc rc;

    if (gone(s))
        return RC_NET;
    if (http_h2_full(h)) {
        list_remove(&s->due);
        list_push(&h->waiting, &s->due);
        return RC_AGAIN;
    }
    s->piece = bytes;
    h->writing = s;
    if (s->deferred && nghttp2_session_resume_data(h->session, s->id) == 0)
        s->deferred = false;
    rc = http_h2_pump(h);
    h->writing = NULL;
    *out_n = bytes.n - s->piece.n;
    s->piece = (struct str){NULL, 0};
    if (rc != RC_OK)
        return RC_NET;
    return *out_n ? RC_OK : RC_AGAIN;
}

static enum rc last_frame(struct http_h2_stream *s)
{
    s->finished = true;
    if (s->deferred && nghttp2_session_resume_data(s->h2->session, s->id) == 0)
        s->deferred = false;
    return http_h2_pump(s->h2);
}

enum rc http_h2_end(struct http_h2_stream *s, const struct http_header *trailers, size_t n)
{
    nghttp2_nv fields[HTTP_HEADERS_MAX];
    nghttp2_session *session = s->h2->session;

    if (gone(s))
        return RC_NET;
    s->trailing = n > 0 && !s->finished;
    if (!s->finished)
        TRY(last_frame(s));
    for (size_t i = 0; i < n && s->trailing; i++)
        fields[i] = nv(trailers[i].name, trailers[i].value);
    if (s->trailing && nghttp2_submit_trailer(session, s->id, fields, n))
        return RC_NOMEM;
    return http_h2_pump(s->h2);
}

bool http_h2_ended(const struct http_h2_stream *s)
{
    return s->ended;
}

static void reset(struct http_h2_stream *s, uint32_t why)
{
    if (gone(s))
        return;
    if (nghttp2_submit_rst_stream(s->h2->session, NGHTTP2_FLAG_NONE, s->id, why))
        s->h2->rc = RC_NOMEM;
    IGNORE_RC(http_h2_pump(s->h2)); /* a failure has ended the connection */
}

void http_h2_stop(struct http_h2_stream *s)
{
    reset(s, NGHTTP2_NO_ERROR);
}

void http_h2_reset(struct http_h2_stream *s)
{
    reset(s, NGHTTP2_INTERNAL_ERROR);
}
