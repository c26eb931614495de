/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h2_client_int.h"

/* ---- limits */

static int over(struct http_h2_client *c)
{
    c->rc = RC_PARSE;
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int count_idle(struct http_h2_client *c)
{
    return http_h2_spend(&c->idle, c->now, HTTP_H2_IDLE_MAX, HTTP_H2_IDLE_RATE) ? 0 : over(c);
}

/* ---- nghttp2's callbacks for what comes */

static struct http_h2_request *request_of(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

static int on_frame_begins(nghttp2_session *, const nghttp2_frame_hd *hd, void *arg)
{
    struct http_h2_client *c = arg;
    bool empty = hd->length == 0 && !(hd->flags & NGHTTP2_FLAG_END_STREAM);

    switch (hd->type) {
    case NGHTTP2_HEADERS:
        c->head = 0;
        return 0;
    case NGHTTP2_WINDOW_UPDATE:
    case NGHTTP2_RST_STREAM: /* of ours, of which there are only so many */
        return 0;
    case NGHTTP2_DATA:
        return empty ? count_idle(c) : 0;
    default:
        return count_idle(c);
    }
}

/* What belongs to no request any more is read all the same: HPACK has to see it. */
static int on_field(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                    size_t name_n, const uint8_t *value, size_t value_n, uint8_t, void *arg)
{
    struct http_h2_request *r = request_of(session, frame->hd.stream_id);
    struct http_h2_client *c = arg;

    c->head += name_n + value_n + 2;
    if (c->head > HTTP_HEAD_BORNE)
        return over(c);
    if (r && !http_h2_request_field(r, str_bytes(name, name_n), str_bytes(value, value_n)))
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return 0;
}

static void settle(struct http_h2_client *c)
{
    c->settled = true;
    LIST_FOREACH (it, &c->requests)
        http_h2_request_settled(LIST_ENTRY(it, struct http_h2_request, link));
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct http_h2_client *c = arg;
    struct http_h2_request *r = request_of(session, frame->hd.stream_id);
    bool last = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

    if (frame->hd.type == NGHTTP2_GOAWAY)
        c->goaway = true;
    if (frame->hd.type == NGHTTP2_SETTINGS && !(frame->hd.flags & NGHTTP2_FLAG_ACK))
        settle(c);
    if (r && frame->hd.type == NGHTTP2_HEADERS)
        http_h2_request_head(r, last);
    if (r && last && (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA))
        http_h2_request_last(r);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t, int32_t id, const uint8_t *p, size_t n,
                   void *)
{
    struct http_h2_request *r = request_of(session, id);

    if (r)
        http_h2_request_body(r, str_bytes(p, n));
    else
        (void)nghttp2_session_consume(session, id, n); /* its stream may be gone */
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t why, void *)
{
    struct http_h2_request *r = request_of(session, id);

    if (!r)
        return 0;
    (void)nghttp2_session_set_stream_user_data(session, id, NULL);
    r->gone = true;
    r->refused = why == NGHTTP2_REFUSED_STREAM && !r->status;
    http_h2_request_tell(r);
    return 0;
}

/* ---- life */

static void set_callbacks(nghttp2_session_callbacks *cb)
{
    nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_frame_begins);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_field);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
}

/* The window of the connection has room for those of all its requests: one client who does not read
 * his answer holds up nobody else's. */
static enum rc greet(struct http_h2_client *c)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, HTTP_H2_BODY_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_HEAD_MAX},
    };
    size_t n = sizeof(settings) / sizeof(settings[0]);
    int e = nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, n);

    if (e == 0)
        e = nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0,
                                                  HTTP_H2_REQUESTS_MAX * HTTP_H2_BODY_WINDOW);
    return e == 0 ? http_h2_client_pump(c) : RC_NOMEM;
}

enum rc http_h2_client_new(bool secure, struct http_h2_client **out)
{
    CLEANUP(http_h2_client_freep) struct http_h2_client *c = MEM_NEW(struct http_h2_client);

    if (!c)
        return RC_NOMEM;
    c->secure = secure;
    c->idle.at = INT64_MIN;
    list_init(&c->requests);
    list_init(&c->due);
    list_init(&c->waiting);
    buf_init(&c->out, HTTP_H2_OUT_MAX);
    TRY(http_h2_session_new(nghttp2_session_client_new2, set_callbacks, c, &c->session));
    TRY(greet(c));
    *out = MOVE(c);
    return RC_OK;
}

void http_h2_client_free(struct http_h2_client *c)
{
    if (!c)
        return;
    nghttp2_session_del(c->session);
    buf_done(&c->out);
    mem_free(c);
}

/* ---- the connection */

/* Memory that ran out ends it: HPACK has counted on what could not be written. */
enum rc http_h2_client_pump(struct http_h2_client *c)
{
    const uint8_t *p;
    ssize_t n = 0;

    while (c->rc == RC_OK && !c->lost && c->out.n - c->sent < HTTP_H2_OUT_HIGH &&
           (n = nghttp2_session_mem_send(c->session, &p)) > 0)
        buf_put(&c->out, p, (size_t)n);
    if (n < 0 || buf_rc(&c->out) != RC_OK)
        c->rc = RC_NOMEM;
    return c->rc == RC_NOMEM ? RC_NOMEM : RC_OK;
}

enum rc http_h2_client_receive(struct http_h2_client *c, struct str bytes, int64_t now)
{
    ssize_t n;

    c->now = now;
    if (c->rc != RC_OK)
        return c->rc;
    n = nghttp2_session_mem_recv(c->session, (const uint8_t *)bytes.p, bytes.n);
    if (n == NGHTTP2_ERR_NOMEM)
        c->rc = RC_NOMEM;
    else if (n < 0 && c->rc == RC_OK)
        c->rc = RC_PARSE;
    return c->rc;
}

enum rc http_h2_client_out(struct http_h2_client *c, struct str *out)
{
    TRY(http_h2_client_pump(c));
    *out = str_skip(buf_str(&c->out), c->sent);
    return RC_OK;
}

void http_h2_client_sent(struct http_h2_client *c, size_t n)
{
    c->sent += n;
    if (c->sent < c->out.n)
        return;
    c->sent = 0;
    buf_reset(&c->out);
    if (c->n == 0 || c->out.cap > HTTP_H2_OUT_KEPT)
        buf_done(&c->out);
    LIST_FOREACH (it, &c->waiting)
        http_h2_request_tell(LIST_ENTRY(it, struct http_h2_request, due));
}

void http_h2_client_lost(struct http_h2_client *c)
{
    c->lost = true;
    LIST_FOREACH (it, &c->requests) {
        struct http_h2_request *r = LIST_ENTRY(it, struct http_h2_request, link);

        r->gone = true;
        http_h2_request_tell(r);
    }
}

bool http_h2_client_ending(const struct http_h2_client *c)
{
    return c->goaway || c->lost || c->rc != RC_OK || c->all >= HTTP_H2_REQUESTS_ALL;
}

/* After what it said wrong, too, once nghttp2 has told it so. */
bool http_h2_client_finished(const struct http_h2_client *c)
{
    return c->rc != RC_OK || (c->sent == c->out.n && !nghttp2_session_want_write(c->session) &&
                              !nghttp2_session_want_read(c->session));
}

void http_h2_client_end(struct http_h2_client *c)
{
    c->goaway = true;
}

bool http_h2_client_takes(const struct http_h2_client *c)
{
    uint32_t allowed =
        nghttp2_session_get_remote_settings(c->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);

    return !http_h2_client_ending(c) && c->n < HTTP_H2_REQUESTS_MAX && c->n < allowed;
}

size_t http_h2_client_requests(const struct http_h2_client *c)
{
    return c->n;
}

void *http_h2_client_due(struct http_h2_client *c)
{
    struct list *first = list_pop(&c->due);

    return first ? LIST_ENTRY(first, struct http_h2_request, due)->owner : NULL;
}
