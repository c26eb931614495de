/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "crypto/hash.h"
#include "http/forward.h"
#include "http/h2_client_int.h"
#include "http/response.h"

enum {
    TEXT_MAX = 2 * HTTP_HEAD_BORNE + 8 * HTTP_H2_BODY_WINDOW, /* in chunks of one byte, too */
    STATUS_MIN = 100,
    PSEUDO_FIELDS = 5,
    ACCEPT_MAX = 32, /* a SHA-1 in base64 */
};

/* RFC 6455 section 1.3. */
#define ACCEPT_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define KEY "sec-websocket-key"

static const struct http_reader_conf requests = {
    .target_max = HTTP_HEAD_MAX,
    .body_max = UINT64_MAX,
    .chunk_framing = HTTP_CHUNK_FRAMING_LEAST,
};

void http_h2_request_tell(struct http_h2_request *r)
{
    list_remove(&r->due);
    list_push(&r->client->due, &r->due);
}

/* ---- life */

enum rc http_h2_request_new(struct http_h2_client *c, void *owner, struct http_h2_request **out)
{
    struct http_h2_request *r = MEM_NEW(struct http_h2_request);

    if (!r)
        return RC_NOMEM;
    if (http_reader_new(&requests, &r->reader) != RC_OK) {
        mem_free(r);
        return RC_NOMEM;
    }
    r->client = c;
    r->owner = owner;
    list_init(&r->due);
    buf_init(&r->body, 4 * HTTP_H2_BODY_HIGH);
    buf_init(&r->text, TEXT_MAX);
    buf_init(&r->trailers, HTTP_HEAD_BORNE);
    list_push(&c->requests, &r->link);
    c->n++;
    c->all++;
    *out = r;
    return RC_OK;
}

/* Nothing more is said of it to nghttp2 once it is gone. */
static void break_off(struct http_h2_request *r)
{
    nghttp2_session *session = r->client->session;

    IGNORE_RC(http_h2_request_shutdown(r)); /* what there is room for still goes */
    if (r->id == 0 || r->gone) {
        if (r->held)
            (void)nghttp2_session_consume_connection(session, r->held);
        return;
    }
    (void)nghttp2_session_set_stream_user_data(session, r->id, NULL);
    (void)nghttp2_session_consume(session, r->id, r->held);
    if (nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, r->id, NGHTTP2_CANCEL) != 0)
        r->client->rc = RC_NOMEM;
    IGNORE_RC(http_h2_client_pump(r->client)); /* a failure has ended the connection */
}

void http_h2_request_free(struct http_h2_request *r)
{
    if (!r)
        return;
    break_off(r);
    list_remove(&r->due);
    list_remove(&r->link);
    r->client->n--;
    http_reader_free(r->reader);
    buf_done(&r->body);
    buf_done(&r->text);
    buf_done(&r->trailers);
    mem_free(r);
}

bool http_h2_request_refused(const struct http_h2_request *r)
{
    return r->refused;
}

bool http_h2_request_heard(const struct http_h2_request *r)
{
    return r->status != 0;
}

/* ---- what goes */

static bool has_room(const struct http_h2_request *r)
{
    return r->body.n - r->body_at < HTTP_H2_BODY_HIGH &&
           r->client->out.n - r->client->sent < HTTP_H2_OUT_HIGH;
}

/* The server has room. */
static ssize_t on_source(nghttp2_session *session, int32_t id, uint8_t *p, size_t room,
                         uint32_t *flags, nghttp2_data_source *, void *)
{
    struct http_h2_request *r = nghttp2_session_get_stream_user_data(session, id);
    size_t left, n;

    if (!r)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    left = r->body.n - r->body_at;
    n = left < room ? left : room;
    if (n == 0 && !r->whole) {
        r->deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (n)
        memcpy(p, r->body.p + r->body_at, n);
    r->body_at += n;
    if (r->body_at == r->body.n) {
        buf_reset(&r->body);
        r->body_at = 0;
        http_h2_request_tell(r);
        if (r->whole)
            *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return (ssize_t)n;
}

/* The texts live until they are sent, or nghttp2 has copied them. */
static nghttp2_nv nv(struct str name, struct str value)
{
    return http_h2_nv(name, value, NGHTTP2_NV_FLAG_NONE);
}

/* "100-continue" is answered here: what waits for it is a client of HTTP/1.1. */
static bool passes(const struct http_field *f)
{
    return f->what != HTTP_NAME_CONNECTION && f->what != HTTP_NAME_HOST &&
           f->what != HTTP_NAME_TRANSFER_ENCODING && f->what != HTTP_NAME_UPGRADE &&
           f->what != HTTP_NAME_EXPECT && f->what != HTTP_NAME_HOP;
}

/* Of a request for WebSocket: RFC 8441 section 5 has no key, and what follows a CONNECT no length.
 */
static bool stays(const struct http_field *f)
{
    return f->what == HTTP_NAME_CONTENT_LENGTH || str_eq(f->name, STR(KEY));
}

static enum rc put_target(const struct http_head *head, struct buf *out)
{
    buf_puts(out, head->path);
    if (head->query.p) {
        buf_putz(out, "?");
        buf_puts(out, head->query);
    }
    return buf_rc(out);
}

/* As it goes out with what is said next. */
static enum rc submit(struct http_h2_request *r)
{
    CLEANUP(buf_done) struct buf target = BUF_INIT(HTTP_HEAD_MAX);
    const struct http_head *head = http_reader_get(r->reader);
    nghttp2_nv fields[PSEUDO_FIELDS + HTTP_HEADERS_MAX];
    nghttp2_data_provider body = {.read_callback = on_source};
    struct http_h2_client *c = r->client;
    size_t n = 0;

    TRY(put_target(head, &target));
    fields[n++] = nv(STR(":method"), r->websocket ? STR("CONNECT") : head->method);
    if (r->websocket)
        fields[n++] = nv(STR(":protocol"), STR("websocket"));
    fields[n++] = nv(STR(":scheme"), c->secure ? STR("https") : STR("http"));
    fields[n++] = nv(STR(":authority"), head->host);
    fields[n++] = nv(STR(":path"), buf_str(&target));
    for (size_t i = 0; i < http_reader_fields(r->reader); i++) {
        struct http_field f = http_reader_field(r->reader, i);

        if (passes(&f) && !(r->websocket && stays(&f)))
            fields[n++] = nv(f.name, f.value);
    }
    r->headless = str_eq(head->method, STR("HEAD"));
    r->whole = head->framing == HTTP_FRAMING_NONE && !r->websocket;
    r->id = nghttp2_submit_request(c->session, NULL, fields, n, r->whole ? NULL : &body, r);
    if (r->id < 0) {
        r->id = 0;
        c->rc = RC_NOMEM;
        return RC_NOMEM;
    }
    if (head->expects)
        buf_putz(&r->text, "HTTP/1.1 100 Continue\r\n\r\n");
    return RC_OK;
}

static void decline(struct http_h2_request *r)
{
    static const struct str why =
        STR("The server behind this site speaks HTTP/2 and takes no WebSocket over it (RFC 8441). "
            "Who runs the site can give this path a backend of HTTP/1.1.\n");

    buf_printf(&r->text,
               "HTTP/1.1 501 Not Implemented\r\ncontent-type: text/plain\r\n"
               "content-length: %zu\r\n\r\n%.*s",
               why.n, STR_ARG(why));
    r->status = 501;
    r->complete = r->whole = true;
    http_h2_request_tell(r);
}

/* Nobody knows before its settings are here whether the server takes it. */
static enum rc submit_websocket(struct http_h2_request *r)
{
    const struct http_h2_client *c = r->client;

    if (!c->settled)
        return RC_OK;
    if (nghttp2_session_get_remote_settings(c->session, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) ==
        1)
        return submit(r);
    decline(r);
    return RC_OK;
}

void http_h2_request_settled(struct http_h2_request *r)
{
    if (!r->websocket || r->id || r->complete)
        return;
    r->broken = submit_websocket(r) != RC_OK || r->broken;
    http_h2_request_tell(r);
}

static enum rc take_head(struct http_h2_request *r, struct str *in)
{
    TRY(http_reader_head(r->reader, in, NULL));
    r->headed = true;
    r->websocket = http_reader_get(r->reader)->websocket;
    TRY(r->websocket ? submit_websocket(r) : submit(r));
    return http_h2_client_pump(r->client);
}

/* Of WebSocket: it has no end but that of the connection. */
static enum rc take_raw(struct http_h2_request *r, struct str *in)
{
    if (r->body_at) {
        buf_consume(&r->body, r->body_at);
        r->body_at = 0;
    }
    buf_puts(&r->body, *in);
    *in = str_skip(*in, in->n);
    return buf_rc(&r->body);
}

static enum rc take_body(struct http_h2_request *r, struct str *in)
{
    for (;;) {
        struct str piece;
        enum rc rc = http_reader_body(r->reader, in, &piece, NULL);

        if (rc == RC_CLOSED)
            r->whole = true;
        if (rc != RC_OK)
            return rc == RC_CLOSED ? RC_OK : rc;
        if (r->body_at) {
            buf_consume(&r->body, r->body_at);
            r->body_at = 0;
        }
        buf_puts(&r->body, piece);
        TRY(buf_rc(&r->body));
        /* Its end, which may be in what was written, is looked for in any case. */
        if (in->n && r->body.n - r->body_at >= HTTP_H2_BODY_HIGH)
            return RC_OK;
    }
}

static enum rc go_on(struct http_h2_request *r)
{
    if (r->deferred && (r->body.n > r->body_at || r->whole) &&
        nghttp2_session_resume_data(r->client->session, r->id) == 0)
        r->deferred = false;
    return http_h2_client_pump(r->client);
}

/* RC_AGAIN: all of it is taken. */
static enum rc take(struct http_h2_request *r, struct str *in)
{
    enum rc rc = r->headed ? RC_OK : take_head(r, in);

    if (rc == RC_OK && !r->whole)
        rc = r->websocket ? take_raw(r, in) : take_body(r, in);
    if ((rc == RC_OK || rc == RC_AGAIN) && r->id)
        rc = go_on(r);
    return rc;
}

enum rc http_h2_request_write(struct http_h2_request *r, struct str bytes, size_t *out_n)
{
    struct str in = bytes;
    enum rc rc;

    if (r->gone || r->broken || r->client->rc != RC_OK)
        return RC_NET;
    if (r->body.n - r->body_at >= HTTP_H2_BODY_HIGH)
        return RC_AGAIN;
    if (!has_room(r)) {
        list_remove(&r->due);
        list_push(&r->client->waiting, &r->due);
        return RC_AGAIN;
    }
    rc = take(r, &in);
    *out_n = bytes.n - in.n;
    r->broken = rc != RC_OK && rc != RC_AGAIN;
    return r->broken || *out_n == 0 ? RC_NET : RC_OK; /* 0: bytes behind the request */
}

enum rc http_h2_request_shutdown(struct http_h2_request *r)
{
    if (!r->granted || r->gone || r->broken || r->client->rc != RC_OK)
        return RC_OK;
    r->whole = true;
    TRY(go_on(r));
    return r->gone || (r->complete && r->body.n == 0) ? RC_OK : RC_AGAIN;
}

bool http_h2_request_remind(struct http_h2_request *r, bool reads, bool writes)
{
    bool over = r->gone || r->broken || r->complete;

    if (!(reads && (over || r->text.n > r->text_at)) && !(writes && (over || has_room(r))))
        return false;
    http_h2_request_tell(r);
    return true;
}

/* ---- what comes */

static bool printable(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f)
            return false;
    return true;
}

/* nghttp2 has refused what RFC 9113 section 8.2 does, and lines could not hold it. */
static void put(struct buf *out, struct str name, struct str value)
{
    buf_puts(out, name);
    buf_putz(out, ": ");
    buf_puts(out, value);
    buf_putz(out, "\r\n");
}

static void begin_answer(struct http_h2_request *r, struct str value)
{
    uint64_t status;

    if (str_u64(value, 999, &status) != RC_OK || status < STATUS_MIN)
        return;
    r->status = (int)status;
    r->length = false;
    r->granted = r->websocket && status >= 200 && status < 300;
    if (r->granted) {
        buf_printf(&r->text, "HTTP/1.1 101 %s\r\n", http_reason(101));
        return;
    }
    buf_printf(&r->text, "HTTP/1.1 %d %s\r\n", r->status, http_reason(r->status));
}

/* What the answer to the handshake is not to have from there: there is no body, and the proof that
 * the key was read is ours to make. */
static bool is_framing(struct str name)
{
    return str_eq(name, STR("content-length")) || str_eq(name, STR("sec-websocket-accept"));
}

/* RFC 6455 section 4.2.2, as a server of HTTP/1.1 says it. */
static void put_grant(struct http_h2_request *r)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(HTTP_HEAD_MAX);
    char accept_text[ACCEPT_MAX];
    struct buf accept = {.p = accept_text, .cap = ACCEPT_MAX, .max = ACCEPT_MAX, .rc = RC_OK};
    unsigned char digest[CRYPTO_SHA1_BYTES];

    for (size_t i = 0; i < http_reader_fields(r->reader); i++)
        if (str_eq(http_reader_field(r->reader, i).name, STR(KEY)))
            buf_puts(&text, http_reader_field(r->reader, i).value);
    buf_putz(&text, ACCEPT_GUID);
    if (buf_rc(&text) != RC_OK || crypto_sha1(buf_str(&text), digest) != RC_OK) {
        buf_fail(&r->text, RC_NOMEM);
        return;
    }
    text_b64(&accept, str_bytes(digest, sizeof(digest)));
    put(&r->text, STR("connection"), STR("upgrade"));
    put(&r->text, STR("upgrade"), STR("websocket"));
    put(&r->text, STR("sec-websocket-accept"), buf_str(&accept));
}

bool http_h2_request_field(struct http_h2_request *r, struct str name, struct str value)
{
    struct buf *out = r->answered ? &r->trailers : &r->text;

    if (!printable(name) || !printable(value))
        return false;
    if (str_eq(name, STR(":status")) && !r->answered)
        begin_answer(r, value);
    else if (!str_starts(name, STR(":")) && !(r->granted && is_framing(name)))
        put(out, name, value);
    if (!r->answered && str_eq(name, STR("content-length")))
        r->length = true;
    return r->status != 0 && buf_rc(out) == RC_OK;
}

static bool has_no_body(const struct http_h2_request *r)
{
    return r->headless || r->status == 204 || r->status == 304;
}

void http_h2_request_head(struct http_h2_request *r, bool last)
{
    if (r->answered)
        return;
    if (r->granted) {
        r->answered = true;
        put_grant(r);
    } else if (r->status >= 200) {
        r->answered = true;
        r->chunked = !last && !r->length && !has_no_body(r);
        if (r->chunked)
            put(&r->text, STR("transfer-encoding"), STR("chunked"));
        else if (last && !r->length && !has_no_body(r))
            put(&r->text, STR("content-length"), STR("0"));
    }
    buf_putz(&r->text, "\r\n");
    http_h2_request_tell(r);
}

void http_h2_request_body(struct http_h2_request *r, struct str bytes)
{
    if (r->text_at) {
        buf_consume(&r->text, r->text_at);
        r->text_at = 0;
    }
    if (r->chunked)
        http_put_chunk(bytes, &r->text);
    else if (!has_no_body(r))
        buf_puts(&r->text, bytes);
    r->held += bytes.n;
    http_h2_request_tell(r);
}

void http_h2_request_last(struct http_h2_request *r)
{
    if (r->chunked) {
        buf_putz(&r->text, "0\r\n");
        buf_puts(&r->text, buf_str(&r->trailers));
        buf_putz(&r->text, "\r\n");
    }
    r->complete = r->answered;
    http_h2_request_tell(r);
}

/* Room is given back once all that came is read: what has come is then with the client. */
static void give_back(struct http_h2_request *r)
{
    size_t n = r->held;

    r->held = 0;
    buf_reset(&r->text);
    r->text_at = 0;
    if (n == 0)
        return;
    if (r->gone)
        (void)nghttp2_session_consume_connection(r->client->session, n);
    else
        (void)nghttp2_session_consume(r->client->session, r->id, n);
    http_h2_request_tell(r);
}

enum rc http_h2_request_read(struct http_h2_request *r, void *p, size_t n, size_t *out_n)
{
    size_t held = r->text.n - r->text_at;

    if (buf_rc(&r->text) != RC_OK)
        return RC_NET;
    if (held == 0) {
        if (r->complete)
            return RC_CLOSED;
        return r->gone || r->broken || r->client->rc != RC_OK ? RC_NET : RC_AGAIN;
    }
    *out_n = n < held ? n : held;
    memcpy(p, r->text.p + r->text_at, *out_n);
    r->text_at += *out_n;
    if (r->text_at == r->text.n)
        give_back(r);
    return RC_OK;
}
