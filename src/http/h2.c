/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h2.h"

#include <nghttp2/nghttp2.h>

#include "base/list.h"
#include "base/when.h"

enum { FRAME_HEAD = 9, OUT_KEPT = 128 * 1024, STATUS_DIGITS = 3 };

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

/* ---- limits */

static bool spend(const struct http_h2 *h, struct http_h2_bucket *b, int64_t most, int64_t rate)
{
    int64_t price = WHEN_SECOND / rate, since = h->now - most * price;

    if (b->at < since)
        b->at = since;
    b->at += price;
    return b->at <= h->now;
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
    return spend(h, &h->resets, HTTP_H2_RESETS_MAX, HTTP_H2_RESETS_RATE) ? 0 : too_much(h);
}

static int count_idle(struct http_h2 *h)
{
    return spend(h, &h->idle, HTTP_H2_IDLE_MAX, HTTP_H2_IDLE_RATE) ? 0 : too_much(h);
}

/* ---- streams */

static void tell(struct http_h2_stream *s, unsigned news)
{
    s->news |= news;
    list_remove(&s->due);
    list_push(&s->h2->due, &s->due);
}

void http_h2_remind(struct http_h2_stream *s)
{
    tell(s, HTTP_H2_READY);
}

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

static void stream_free(struct http_h2_stream *s)
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
    stream_free(s);
    if (h->n_streams == 0 && h->sent == h->out.n)
        buf_done(&h->out);
}

/* ---- nghttp2's callbacks for what comes */

static int on_frame_begins(nghttp2_session *, const nghttp2_frame_hd *hd, void *arg)
{
    struct http_h2 *h = arg;
    bool empty = hd->length == 0 && !(hd->flags & NGHTTP2_FLAG_END_STREAM);

    h->in_head =
        hd->type == NGHTTP2_HEADERS || (h->in_head && hd->type == NGHTTP2_CONTINUATION);
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
        tell(s, HTTP_H2_READY);
    }
    if (head && !s->headed) {
        s->headed = true;
        tell(s, HTTP_H2_HEAD);
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
    tell(s, HTTP_H2_READY);
    return buf_rc(&s->body) == RC_OK ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t, void *)
{
    struct http_h2_stream *s = stream_of(session, id);

    if (!s)
        return 0;
    (void)nghttp2_session_set_stream_user_data(session, id, NULL);
    tell(s, HTTP_H2_GONE);
    return 0;
}

/* A stream that we reset has cost us no less than one that the client did. */
static int on_sent(nghttp2_session *, const nghttp2_frame *frame, void *arg)
{
    if (frame->hd.type != NGHTTP2_RST_STREAM ||
        frame->rst_stream.error_code == NGHTTP2_NO_ERROR ||
        frame->rst_stream.error_code == NGHTTP2_INTERNAL_ERROR)
        return 0;
    (void)count_reset(arg); /* what is said of it is sent like all else */
    return 0;
}

/* ---- what goes */

/* The client has room. What there is to send is only there while http_h2_write waits for it. */
static ssize_t on_source(nghttp2_session *, int32_t, uint8_t *, size_t room, uint32_t *flags,
                         nghttp2_data_source *source, void *)
{
    struct http_h2_stream *s = source->ptr;
    size_t n = s->piece.n < room ? s->piece.n : room;

    if (n) {
        s->left -= s->left == UINT64_MAX ? 0 : n;
        s->finished = s->finished || s->left == 0;
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    } else if (!s->finished) {
        s->deferred = true;
        if (s->h2->writing != s)
            tell(s, HTTP_H2_READY);
        return NGHTTP2_ERR_DEFERRED;
    }
    if (s->finished) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        *flags |= s->trailing ? NGHTTP2_DATA_FLAG_NO_END_STREAM : 0;
    }
    return (ssize_t)n;
}

static int on_send_data(nghttp2_session *, nghttp2_frame *, const uint8_t *head, size_t n,
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
static enum rc pump(struct http_h2 *h)
{
    const uint8_t *p;
    ssize_t n = 0;

    while (h->rc != RC_NOMEM && (n = nghttp2_session_mem_send(h->session, &p)) > 0)
        buf_put(&h->out, p, (size_t)n);
    if (n < 0 || buf_rc(&h->out) != RC_OK)
        h->rc = RC_NOMEM;
    return h->rc == RC_NOMEM ? RC_NOMEM : RC_OK;
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
    nghttp2_session_callbacks_set_send_data_callback(c, on_send_data);
}

static void set_options(nghttp2_option *o)
{
    nghttp2_option_set_no_auto_window_update(o, 1);
    nghttp2_option_set_no_closed_streams(o, 1);
    nghttp2_option_set_max_outbound_ack(o, HTTP_H2_IDLE_MAX);
    nghttp2_option_set_max_settings(o, HTTP_H2_SETTINGS_MAX);
    nghttp2_option_set_max_continuations(o, HTTP_H2_CONTINUATIONS_MAX);
    nghttp2_option_set_stream_reset_rate_limit(o, HTTP_H2_RESETS_MAX, HTTP_H2_RESETS_RATE);
}

/* It keeps libc's memory, as OpenSSL does: nghttp2 1.52 frees twice what it had no memory to queue,
 * so that tests in which allocations fail must not reach it. */
static enum rc session_new(struct http_h2 *h)
{
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *options = NULL;
    int e = nghttp2_session_callbacks_new(&callbacks);

    if (e == 0)
        e = nghttp2_option_new(&options);
    if (e == 0) {
        set_callbacks(callbacks);
        set_options(options);
        e = nghttp2_session_server_new2(&h->session, callbacks, h, options);
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
    };
    size_t n = sizeof(settings) / sizeof(settings[0]);
    int e = nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings, n);

    if (e == 0)
        e = nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0,
                                                  HTTP_H2_WINDOW);
    return e == 0 ? pump(h) : RC_NOMEM;
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
    TRY(session_new(h));
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
        stream_free(LIST_ENTRY(it, struct http_h2_stream, link));
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
    TRY(pump(h));
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
    if (h->n_streams == 0 || h->out.cap > OUT_KEPT)
        buf_done(&h->out);
    LIST_FOREACH (it, &h->waiting)
        tell(LIST_ENTRY(it, struct http_h2_stream, due), HTTP_H2_READY);
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

/* ---- a stream */

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
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name.p, (uint8_t *)(uintptr_t)value.p, name.n,
                        value.n, NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
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
    return pump(s->h2);
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
             : pump(s->h2);
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
    rc = pump(h);
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
    return pump(s->h2);
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
    return pump(s->h2);
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
    IGNORE_RC(pump(s->h2)); /* a failure has ended the connection */
}

void http_h2_stop(struct http_h2_stream *s)
{
    reset(s, NGHTTP2_NO_ERROR);
}

void http_h2_reset(struct http_h2_stream *s)
{
    reset(s, NGHTTP2_INTERNAL_ERROR);
}
