/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h2.h"

#include "base/when.h"
#include "http/h2_int.h"

/* ---- limits */

bool http_h2_spend(struct http_h2_bucket *b, int64_t now, int64_t most, int64_t rate)
{
    int64_t price = WHEN_SECOND / rate, since = now - most * price;

    if (b->at < since)
        b->at = since;
    b->at += price;
    return b->at <= now;
}

static enum rc refused(struct http_h2 *h, uint32_t why)
{
    /* Fails for want of memory alone, and then nothing is said. */
    (void)nghttp2_session_terminate_session(h->session, why);
    return RC_PARSE;
}

static int too_much(struct http_h2 *h)
{
    h->rc = refused(h, NGHTTP2_ENHANCE_YOUR_CALM);
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int count_reset(struct http_h2 *h)
{
    return http_h2_spend(&h->resets, h->now, HTTP_H2_RESETS_MAX, HTTP_H2_RESETS_RATE) ? 0
                                                                                      : too_much(h);
}

static int count_idle(struct http_h2 *h)
{
    return http_h2_spend(&h->idle, h->now, HTTP_H2_IDLE_MAX, HTTP_H2_IDLE_RATE) ? 0 : too_much(h);
}

/* ---- streams */

static struct http_h2_stream *stream_of(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

static int begin_stream(struct http_h2 *h, int32_t id)
{
    struct http_h2_stream *s = MEM_NEW(struct http_h2_stream);

    if (!s)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    s->owner = h->conf.begin(h->conf.arg, s, &s->reader);
    if (!s->owner || nghttp2_session_set_stream_user_data(h->session, id, s) != 0) {
        mem_free(s);
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    s->h2 = h;
    s->id = id;
    list_init(&s->due);
    list_push(&h->streams, &s->link);
    buf_init(&s->body, HTTP_H2_WINDOW);
    h->n_streams++;
    return 0;
}

/* ---- nghttp2's callbacks for what comes */

static int on_frame_begins(nghttp2_session *, const nghttp2_frame_hd *hd, void *arg)
{
    struct http_h2 *h = arg;
    bool empty = hd->length == 0 && !(hd->flags & NGHTTP2_FLAG_END_STREAM);

    h->in_head = hd->type == NGHTTP2_HEADERS || (h->in_head && hd->type == NGHTTP2_CONTINUATION);
    switch (hd->type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_WINDOW_UPDATE:
    case NGHTTP2_GOAWAY:
        return 0;
    case NGHTTP2_RST_STREAM:
        return count_reset(h);
    case NGHTTP2_DATA:
        return empty ? count_idle(h) : 0;
    default:
        return count_idle(h);
    }
}

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        return begin_stream(arg, frame->hd.stream_id);
    return stream_of(session, frame->hd.stream_id) ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* Trailers are counted and dropped, as those of HTTP/1.1. */
static int on_field(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                    size_t name_n, const uint8_t *value, size_t value_n, uint8_t, void *arg)
{
    struct http_h2_stream *s = stream_of(session, frame->hd.stream_id);
    struct http_h2 *h = arg;
    enum rc rc = RC_OK;

    if (s && !s->headed)
        rc = http_reader_put(s->reader, str_bytes(name, name_n), str_bytes(value, value_n));
    return rc == RC_TOOBIG ? too_much(h) : 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct http_h2 *h = arg;
    struct http_h2_stream *s = stream_of(session, frame->hd.stream_id);
    bool head = frame->hd.type == NGHTTP2_HEADERS;

    if (head)
        h->in_head = false;
    if (!s || (!head && frame->hd.type != NGHTTP2_DATA))
        return 0;
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
        s->ended = true;
        http_h2_tell(s, HTTP_H2_READY);
    }
    if (head && !s->headed) {
        s->headed = true;
        http_h2_tell(s, HTTP_H2_HEAD);
    }
    return 0;
}

static int on_invalid(nghttp2_session *, const nghttp2_frame *, int, void *arg)
{
    ((struct http_h2 *)arg)->in_head = false;
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t, int32_t id, const uint8_t *p, size_t n,
                   void *arg)
{
    struct http_h2_stream *s = stream_of(session, id);
    struct http_h2 *h = arg;

    if (!s || s->finished) {
        (void)nghttp2_session_consume(session, id, n); /* its stream may be gone */
        return 0;
    }
    if (s->at) {
        buf_consume(&s->body, s->at);
        s->at = 0;
    }
    buf_put(&s->body, p, n);
    h->rc = buf_rc(&s->body) == RC_NOMEM ? RC_NOMEM : h->rc;
    http_h2_tell(s, HTTP_H2_READY);
    return buf_rc(&s->body) == RC_OK ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t, void *)
{
    struct http_h2_stream *s = stream_of(session, id);

    if (!s)
        return 0;
    (void)nghttp2_session_set_stream_user_data(session, id, NULL);
    http_h2_tell(s, HTTP_H2_GONE);
    return 0;
}

/* A stream that we reset has cost us no less than one that the client did. */
static int on_sent(nghttp2_session *, const nghttp2_frame *frame, void *arg)
{
    if (frame->hd.type != NGHTTP2_RST_STREAM || frame->rst_stream.error_code == NGHTTP2_NO_ERROR ||
        frame->rst_stream.error_code == NGHTTP2_INTERNAL_ERROR)
        return 0;
    (void)count_reset(arg); /* what is said of it is sent like all else */
    return 0;
}

/* ---- life */

static void set_callbacks(nghttp2_session_callbacks *c)
{
    nghttp2_session_callbacks_set_on_begin_frame_callback(c, on_frame_begins);
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin);
    nghttp2_session_callbacks_set_on_header_callback(c, on_field);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, on_invalid);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, on_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(c, on_sent);
    nghttp2_session_callbacks_set_send_data_callback(c, http_h2_on_send_data);
}

/* The limits that nghttp2 keeps itself. */
static void set_options(nghttp2_option *o)
{
    nghttp2_option_set_no_auto_window_update(o, 1);
    nghttp2_option_set_no_closed_streams(o, 1);
    nghttp2_option_set_max_outbound_ack(o, HTTP_H2_IDLE_MAX);
    nghttp2_option_set_max_settings(o, HTTP_H2_SETTINGS_MAX);
    nghttp2_option_set_max_continuations(o, HTTP_H2_CONTINUATIONS_MAX);
    nghttp2_option_set_stream_reset_rate_limit(o, HTTP_H2_RESETS_MAX, HTTP_H2_RESETS_RATE);
}

nghttp2_nv http_h2_nv(struct str name, struct str value, uint8_t flags)
{
    if (str_eq(name, STR("x-request-id")) || str_eq(name, STR("traceparent")))
        flags |= NGHTTP2_NV_FLAG_NO_INDEX;
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name.p, (uint8_t *)(uintptr_t)value.p, name.n,
                        value.n, flags};
}

/* It keeps libc's memory, as OpenSSL does: nghttp2 1.52 frees twice what it had no memory to queue,
 * so that tests in which allocations fail must not reach it. */
enum rc http_h2_session_new(http_h2_begin_fn begin,
                            void (*set_callbacks_of)(nghttp2_session_callbacks *), void *arg,
                            nghttp2_session **out)
{
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *options = NULL;
    int e = nghttp2_session_callbacks_new(&callbacks);

    if (e == 0)
        e = nghttp2_option_new(&options);
    if (e == 0) {
        set_callbacks_of(callbacks);
        set_options(options);
        e = begin(out, callbacks, arg, options);
    }
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(options);
    return e == 0 ? RC_OK : RC_NOMEM;
}

static enum rc greet(struct http_h2 *h)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, HTTP_H2_STREAMS_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP_H2_STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_HEAD_MAX},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1}, /* WebSocket, RFC 8441 */
    };
    size_t n = sizeof(settings) / sizeof(settings[0]);
    int e = nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings, n);

    if (e == 0)
        e = nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0, HTTP_H2_WINDOW);
    return e == 0 ? http_h2_pump(h) : RC_NOMEM;
}

enum rc http_h2_new(const struct http_h2_conf *conf, struct http_h2 **out)
{
    CLEANUP(http_h2_freep) struct http_h2 *h = MEM_NEW(struct http_h2);

    if (!h)
        return RC_NOMEM;
    h->conf = *conf;
    h->resets.at = h->idle.at = INT64_MIN;
    list_init(&h->streams);
    list_init(&h->due);
    list_init(&h->waiting);
    buf_init(&h->out, HTTP_H2_OUT_MAX);
    TRY(http_h2_session_new(nghttp2_session_server_new2, set_callbacks, h, &h->session));
    TRY(greet(h));
    *out = MOVE(h);
    return RC_OK;
}

void http_h2_free(struct http_h2 *h)
{
    if (!h)
        return;
    nghttp2_session_del(h->session);
    LIST_FOREACH (it, &h->streams)
        http_h2_stream_free(LIST_ENTRY(it, struct http_h2_stream, link));
    buf_done(&h->out);
    mem_free(h);
}

/* ---- the connection */

enum rc http_h2_receive(struct http_h2 *h, struct str bytes, int64_t now)
{
    ssize_t n;

    h->now = now;
    if (h->rc != RC_OK)
        return h->rc;
    n = nghttp2_session_mem_recv(h->session, (const uint8_t *)bytes.p, bytes.n);
    if (n == NGHTTP2_ERR_NOMEM)
        h->rc = RC_NOMEM;
    else if (n == NGHTTP2_ERR_BAD_CLIENT_MAGIC)
        h->rc = refused(h, NGHTTP2_PROTOCOL_ERROR);
    else if (n < 0 && h->rc == RC_OK)
        h->rc = refused(h, NGHTTP2_ENHANCE_YOUR_CALM);
    return h->rc;
}

enum rc http_h2_out(struct http_h2 *h, struct str *out)
{
    TRY(http_h2_pump(h));
    *out = str_skip(buf_str(&h->out), h->sent);
    return RC_OK;
}

void http_h2_sent(struct http_h2 *h, size_t n)
{
    h->sent += n;
    if (h->sent < h->out.n)
        return;
    h->sent = 0;
    buf_reset(&h->out);
    if (h->n_streams == 0 || h->out.cap > HTTP_H2_OUT_KEPT)
        buf_done(&h->out);
    LIST_FOREACH (it, &h->waiting)
        http_h2_tell(LIST_ENTRY(it, struct http_h2_stream, due), HTTP_H2_READY);
}

bool http_h2_full(const struct http_h2 *h)
{
    return h->out.n - h->sent >= HTTP_H2_OUT_HIGH;
}

bool http_h2_finished(const struct http_h2 *h)
{
    return h->rc == RC_NOMEM || (h->sent == h->out.n && !nghttp2_session_want_write(h->session) &&
                                 (h->rc != RC_OK || !nghttp2_session_want_read(h->session)));
}

size_t http_h2_streams(const struct http_h2 *h)
{
    return h->n_streams;
}

bool http_h2_in_head(const struct http_h2 *h)
{
    return h->in_head;
}

/* These two fail for want of memory alone, and then the client finds out later. */
void http_h2_warn(struct http_h2 *h)
{
    (void)nghttp2_submit_shutdown_notice(h->session);
}

void http_h2_last(struct http_h2 *h)
{
    (void)nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(h->session),
                                NGHTTP2_NO_ERROR, NULL, 0);
}

void *http_h2_due(struct http_h2 *h, unsigned *out_news)
{
    struct list *first = list_pop(&h->due);
    struct http_h2_stream *s = first ? LIST_ENTRY(first, struct http_h2_stream, due) : NULL;

    if (!s)
        return NULL;
    *out_news = s->news;
    s->news &= HTTP_H2_GONE;
    return s->owner;
}
