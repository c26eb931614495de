/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

#include "base/when.h"
#include "crypto/crypto.h"
#include "h2_frames.h"
#include "http/h2_client.h"

#define GET "GET /a?b=c HTTP/1.1\r\nhost: wiki.hospital.example\r\nx-one: 1\r\n"
#define POST "POST /p HTTP/1.1\r\nhost: wiki.hospital.example\r\n"

enum { TEXT = 1 << 20 };

/* A client, and this test as its server. */
struct world {
    struct http_h2_client *c;
    struct http_h2_request *r;
    nghttp2_hd_inflater *hd;
    struct buf raw, said, in, answer;
    int64_t now;
    bool begun;
};

static void world_done(struct world *w)
{
    http_h2_request_free(w->r);
    http_h2_client_free(w->c);
    nghttp2_hd_inflate_del(w->hd);
    buf_done(&w->raw);
    buf_done(&w->said);
    buf_done(&w->in);
    buf_done(&w->answer);
}

static enum rc world_init(struct world *w)
{
    buf_init(&w->raw, 8 * TEXT);
    buf_init(&w->said, 8 * TEXT);
    buf_init(&w->in, TEXT);
    buf_init(&w->answer, 8 * TEXT);
    w->now = 100 * WHEN_SECOND;
    nghttp2_hd_inflate_new(&w->hd);
    TRY(crypto_init());
    TRY(http_h2_client_new(false, &w->c));
    return http_h2_request_new(w->c, w, &w->r);
}

#define BEGIN(w)                                                                                   \
    CLEANUP(world_done) struct world w = {};                                                       \
    CHECK_OK(world_init(&w))

/* What the client has sent since the last time. */
static enum rc hear(struct world *w)
{
    struct str out;

    buf_reset(&w->said);
    TRY(http_h2_client_out(w->c, &out));
    while (out.n) {
        buf_puts(&w->raw, out);
        http_h2_client_sent(w->c, out.n);
        TRY(http_h2_client_out(w->c, &out));
    }
    if (!w->begun && w->raw.n >= sizeof(H2_MAGIC) - 1) {
        buf_consume(&w->raw, sizeof(H2_MAGIC) - 1);
        w->begun = true;
    }
    h2_read(w->hd, &w->raw, &w->said);
    return buf_rc(&w->said);
}

static bool says(struct world *w, const char *what)
{
    return strstr(buf_z(&w->said), what) != NULL;
}

/* The server says what is in w->in. */
static enum rc say(struct world *w)
{
    enum rc rc = http_h2_client_receive(w->c, buf_str(&w->in), w->now);

    buf_reset(&w->in);
    return rc;
}

static enum rc greet(struct world *w)
{
    TRY(hear(w)); /* ours are acknowledged */
    h2_frame(&w->in, H2_SETTINGS, 0, 0, STR(""));
    h2_frame(&w->in, H2_SETTINGS, H2_ACK, 0, STR(""));
    return say(w);
}

static enum rc ask(struct world *w, const char *text)
{
    struct str rest = str_of(text);

    while (rest.n) {
        size_t n = 0;

        TRY(http_h2_request_write(w->r, rest, &n));
        rest = str_skip(rest, n);
    }
    return hear(w);
}

/* All that there is of the answer; how it ends is returned. */
static enum rc read_all(struct world *w)
{
    char piece[4096];
    size_t n = 0;
    enum rc rc;

    buf_reset(&w->answer);
    while ((rc = http_h2_request_read(w->r, piece, sizeof(piece), &n)) == RC_OK)
        buf_put(&w->answer, piece, n);
    return rc;
}

/* ---- as it should be */

static void there_and_back(void)
{
    BEGIN(w);
    CHECK_OK(greet(&w));
    CHECK_OK(ask(&w, GET "te: trailers\r\nconnection: te\r\nx-request-id: 1\r\n\r\n"));
    CHECK(says(&w, "HEADERS 1 END\n:method: GET\n:scheme: http\n:authority: "
                   "wiki.hospital.example\n:path: /a?b=c\nx-one: 1\nte: trailers\n"
                   "x-request-id: 1\n"));
    CHECK(!says(&w, "connection"));
    for (size_t i = 1; i < 20; i++) { /* it is not among what is remembered */
        const nghttp2_nv *known = nghttp2_hd_inflate_get_table_entry(w.hd, 61 + i);

        CHECK(!known || known->namelen != strlen("x-request-id"));
    }
    CHECK_RC(read_all(&w), RC_AGAIN);
    h2_headers(&w.in, 0, 1, ":status: 200\ncontent-type: text/plain\n");
    h2_frame(&w.in, H2_DATA, 0, 1, STR("hello"));
    CHECK_OK(say(&w));
    CHECK(http_h2_client_due(w.c) == &w);
    CHECK_RC(read_all(&w), RC_AGAIN);
    CHECK_STR(buf_str(&w.answer), "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n"
                                  "transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n");
    h2_headers(&w.in, H2_END_STREAM, 1, "grpc-status: 0\n");
    CHECK_OK(say(&w));
    CHECK_RC(read_all(&w), RC_CLOSED);
    CHECK_STR(buf_str(&w.answer), "0\r\ngrpc-status: 0\r\n\r\n");
}

static void answers(void)
{
    static const struct {
        const char *request, *head;
        unsigned flags;
        const char *body, *answer;
    } cases[] = {
        {GET "\r\n", ":status: 200\ngrpc-status: 5\n", H2_END_STREAM, NULL,
         "HTTP/1.1 200 OK\r\ngrpc-status: 5\r\ncontent-length: 0\r\n\r\n"},
        {GET "\r\n", ":status: 200\ncontent-length: 3\n", 0, "abc",
         "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc"},
        {GET "\r\n", ":status: 304\n", H2_END_STREAM, NULL, "HTTP/1.1 304 Not Modified\r\n\r\n"},
        {GET "\r\n", ":status: 204\n", 0, "", "HTTP/1.1 204 No Content\r\n\r\n"},
        {"HEAD / HTTP/1.1\r\nhost: a\r\n\r\n", ":status: 200\ncontent-length: 99\n", H2_END_STREAM,
         NULL, "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        BEGIN(w);
        CHECK_OK(greet(&w));
        CHECK_OK(ask(&w, cases[i].request));
        h2_headers(&w.in, cases[i].flags, 1, cases[i].head);
        if (cases[i].body)
            h2_frame(&w.in, H2_DATA, H2_END_STREAM, 1, str_of(cases[i].body));
        CHECK_OK(say(&w));
        CHECK_RC(read_all(&w), RC_CLOSED);
        CHECK_STR(buf_str(&w.answer), cases[i].answer);
    }
}

static void bodies_of_requests(void)
{
    BEGIN(w);
    CHECK_OK(greet(&w));
    CHECK_OK(ask(&w, POST "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"));
    CHECK(says(&w, ":method: POST\n"));
    CHECK(!says(&w, "transfer-encoding"));
    CHECK(says(&w, "DATA 1 abc\n"));
    CHECK_OK(ask(&w, "2\r\nde\r\n0\r\n\r\n"));
    CHECK(says(&w, "DATA 1 END de\n") || says(&w, "DATA 1 de\nDATA 1 END \n"));
    http_h2_request_free(w.r);
    w.r = NULL;
    CHECK_OK(http_h2_request_new(w.c, &w, &w.r));
    CHECK_OK(ask(&w, POST "content-length: 3\r\n\r\nabc"));
    CHECK(says(&w, "content-length: 3\n"));
    CHECK(says(&w, "DATA 3 END abc\n"));
}

static void interim_answers(void)
{
    BEGIN(w);
    CHECK_OK(greet(&w));
    CHECK_OK(ask(&w, POST "content-length: 3\r\nexpect: 100-continue\r\n\r\n"));
    CHECK(!says(&w, "expect"));
    CHECK_RC(read_all(&w), RC_AGAIN);
    CHECK_STR(buf_str(&w.answer), "HTTP/1.1 100 Continue\r\n\r\n");
    h2_headers(&w.in, 0, 1, ":status: 103\nlink: x\n");
    h2_headers(&w.in, H2_END_STREAM, 1, ":status: 200\n");
    CHECK_OK(say(&w));
    CHECK_RC(read_all(&w), RC_CLOSED);
    CHECK(strstr(buf_z(&w.answer), "HTTP/1.1 103 "));
    CHECK(strstr(buf_z(&w.answer), "link: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
}

/* The key is the example of RFC 6455 section 1.3. */
#define WEBSOCKET                                                                                  \
    GET "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"               \
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
#define WITH_LENGTH                                                                                \
    GET "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n"               \
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\ncontent-length: 0\r\n\r\n"

static void websocket_is_declined(void)
{
    BEGIN(w);
    CHECK_OK(greet(&w));
    CHECK_OK(ask(&w, WEBSOCKET));
    CHECK(!says(&w, "HEADERS"));
    CHECK_RC(read_all(&w), RC_CLOSED);
    CHECK(strstr(buf_z(&w.answer), "HTTP/1.1 501 "));
    CHECK(strstr(buf_z(&w.answer), "takes no WebSocket over it (RFC 8441)"));
}

static enum rc announce(struct world *w, unsigned char value)
{
    const unsigned char setting[] = {0, 8, 0, 0, 0, value};

    h2_frame(&w->in, H2_SETTINGS, 0, 0, str_bytes(setting, sizeof(setting)));
    return say(w);
}

/* RFC 8441; the request is there before what the server can is known. */
static void websocket_waits_for_settings(void)
{
    BEGIN(w);
    CHECK_OK(hear(&w));
    CHECK_OK(ask(&w, WEBSOCKET));
    CHECK(!says(&w, "HEADERS"));
    CHECK_RC(read_all(&w), RC_AGAIN);
    CHECK_OK(announce(&w, 1));
    CHECK(http_h2_client_due(w.c) == &w);
    CHECK_OK(hear(&w));
    CHECK(says(&w, "HEADERS 1\n:method: CONNECT\n:protocol: websocket\n:scheme: http\n"
                   ":authority: wiki.hospital.example\n:path: /a?b=c\nx-one: 1\n"
                   "sec-websocket-version: 13\n"));
    CHECK(!says(&w, "key") && !says(&w, "upgrade") && !says(&w, "connection"));
    h2_headers(&w.in, 0, 1, ":status: 200\nsec-websocket-protocol: chat\ncontent-length: 7\n");
    h2_frame(&w.in, H2_DATA, 0, 1, STR("\x81\x01x"));
    CHECK_OK(say(&w));
    CHECK_RC(read_all(&w), RC_AGAIN);
    CHECK_STR(buf_str(&w.answer),
              "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-protocol: chat\r\n"
              "connection: upgrade\r\nupgrade: websocket\r\n"
              "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x01x");
    CHECK_OK(ask(&w, "\x81\x01y"));
    CHECK(says(&w, "DATA 1 \x81\x01y\n"));
    CHECK_OK(ask(&w, "0\r\n\r\n")); /* not looked at */
    CHECK(says(&w, "DATA 1 0\r\n\r\n\n"));
    h2_frame(&w.in, H2_DATA, H2_END_STREAM, 1, STR("z"));
    CHECK_OK(say(&w));
    CHECK_RC(read_all(&w), RC_CLOSED);
    CHECK_STR(buf_str(&w.answer), "z");
    /* The server has ended it, and so do we. */
    http_h2_request_free(w.r);
    w.r = NULL;
    CHECK_OK(hear(&w));
    CHECK(says(&w, "DATA 1 END"));
    CHECK(!says(&w, "RST_STREAM"));
}

/* The client ends first: what it said, and its end, come before the server's. */
static void websocket_is_left(void)
{
    BEGIN(w);
    CHECK_OK(hear(&w));
    CHECK_OK(announce(&w, 1));
    CHECK_OK(ask(&w, WITH_LENGTH));
    CHECK(says(&w, ":method: CONNECT\n"));
    CHECK(!says(&w, "content-length"));
    CHECK_OK(http_h2_request_shutdown(w.r)); /* nothing is granted yet */
    h2_headers(&w.in, 0, 1, ":status: 200\n");
    CHECK_OK(say(&w));
    CHECK_RC(read_all(&w), RC_AGAIN);
    CHECK_OK(ask(&w, "bye"));
    CHECK(says(&w, "DATA 1 bye\n"));
    CHECK_RC(http_h2_request_shutdown(w.r), RC_AGAIN);
    CHECK_OK(hear(&w));
    CHECK(says(&w, "DATA 1 END"));
    CHECK_RC(http_h2_request_shutdown(w.r), RC_AGAIN);
    h2_frame(&w.in, H2_DATA, H2_END_STREAM, 1, STR("z"));
    CHECK_OK(say(&w));
    CHECK_OK(http_h2_request_shutdown(w.r));
    CHECK_RC(read_all(&w), RC_CLOSED);
    CHECK_STR(buf_str(&w.answer), "z");
    http_h2_request_free(w.r);
    w.r = NULL;
    CHECK_OK(hear(&w));
    CHECK(!says(&w, "RST_STREAM"));
}

/* The server has not ended it, and nobody waits any more. */
static void websocket_is_broken_off(void)
{
    BEGIN(w);
    CHECK_OK(hear(&w));
    CHECK_OK(announce(&w, 1));
    CHECK_OK(ask(&w, WEBSOCKET));
    h2_headers(&w.in, 0, 1, ":status: 200\n");
    CHECK_OK(say(&w));
    CHECK_RC(read_all(&w), RC_AGAIN);
    http_h2_request_free(w.r);
    w.r = NULL;
    CHECK_OK(hear(&w));
    CHECK(says(&w, "RST_STREAM 1"));
}

static void websocket_is_refused(void)
{
    BEGIN(w);
    CHECK_OK(hear(&w));
    CHECK_OK(announce(&w, 1));
    CHECK_OK(ask(&w, WEBSOCKET));
    CHECK(says(&w, ":method: CONNECT\n"));
    h2_headers(&w.in, 0, 1, ":status: 403\n");
    h2_frame(&w.in, H2_DATA, H2_END_STREAM, 1, STR("no"));
    CHECK_OK(say(&w));
    CHECK_RC(read_all(&w), RC_CLOSED);
    CHECK_STR(buf_str(&w.answer),
              "HTTP/1.1 403 Forbidden\r\ntransfer-encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n");
}

/* Settings that come and do not announce it decline what waits. */
static void websocket_is_declined_late(void)
{
    BEGIN(w);
    CHECK_OK(hear(&w));
    CHECK_OK(ask(&w, WEBSOCKET));
    CHECK_RC(read_all(&w), RC_AGAIN);
    CHECK_OK(announce(&w, 0));
    CHECK(http_h2_client_due(w.c) == &w);
    CHECK_RC(read_all(&w), RC_CLOSED);
    CHECK(strstr(buf_z(&w.answer), "HTTP/1.1 501 "));
    CHECK_OK(hear(&w));
    CHECK(!says(&w, "HEADERS"));
}

/* ---- room */

/* What the server has no room for stays with who writes it. */
static void a_slow_server(void)
{
    static char block[32 * 1024];
    size_t n = 0, taken = 0;
    enum rc rc;
    char head[256];

    BEGIN(w);
    memset(block, 'x', sizeof(block));
    CHECK_OK(greet(&w));
    snprintf(head, sizeof(head), POST "content-length: %d\r\n\r\n", 1 << 20);
    CHECK_OK(ask(&w, head));
    while ((rc = http_h2_request_write(w.r, str_bytes(block, sizeof(block)), &n)) == RC_OK) {
        taken += n;
        CHECK_OK(hear(&w));
        CHECK(taken < 1 << 20);
    }
    CHECK_RC(rc, RC_AGAIN);
    CHECK(taken >= 65535 && taken <= 65535 + HTTP_H2_BODY_HIGH + sizeof(block));
    CHECK(!http_h2_request_remind(w.r, true, true));
    h2_number(&w.in, H2_WINDOW_UPDATE, 0, 1 << 20);
    h2_number(&w.in, H2_WINDOW_UPDATE, 1, 1 << 20);
    CHECK_OK(say(&w));
    CHECK_OK(hear(&w));
    CHECK(says(&w, "DATA 1 xxx"));
    CHECK(http_h2_client_due(w.c) == &w);
    CHECK_OK(http_h2_request_write(w.r, str_bytes(block, sizeof(block)), &n));
}

/* Nobody reads the answer: the server is given no more room than a window. */
static void a_slow_client(void)
{
    static char block[16 * 1024];

    BEGIN(w);
    CHECK_OK(greet(&w));
    CHECK_OK(ask(&w, GET "\r\n"));
    h2_headers(&w.in, 0, 1, ":status: 200\n");
    for (int i = 0; i < HTTP_H2_BODY_WINDOW / (int)sizeof(block); i++)
        h2_frame(&w.in, H2_DATA, 0, 1, str_bytes(block, sizeof(block)));
    CHECK_OK(say(&w));
    CHECK_OK(hear(&w));
    CHECK(!says(&w, "WINDOW_UPDATE 1"));
    CHECK_RC(read_all(&w), RC_AGAIN);
    CHECK_OK(hear(&w));
    CHECK(says(&w, "WINDOW_UPDATE 1 65536\n"));
    /* More than it had room for. */
    for (int i = 0; i <= HTTP_H2_BODY_WINDOW / (int)sizeof(block); i++)
        h2_frame(&w.in, H2_DATA, 0, 1, str_bytes(block, sizeof(block)));
    IGNORE_RC(say(&w));
    CHECK_OK(hear(&w));
    CHECK(says(&w, "RST_STREAM 1 3\n") || says(&w, "GOAWAY"));
}

/* ---- ends */

static void broken_off(void)
{
    BEGIN(w);
    CHECK_OK(greet(&w));
    CHECK_OK(ask(&w, GET "\r\n"));
    h2_number(&w.in, H2_RST_STREAM, 1, NGHTTP2_REFUSED_STREAM);
    CHECK_OK(say(&w));
    CHECK(http_h2_request_refused(w.r));
    CHECK_RC(read_all(&w), RC_NET);
    CHECK(http_h2_client_takes(w.c));
    http_h2_request_free(w.r);
    w.r = NULL;
    CHECK_OK(http_h2_request_new(w.c, &w, &w.r));
    CHECK_OK(ask(&w, GET "\r\n"));
    h2_headers(&w.in, 0, 3, ":status: 200\n");
    h2_number(&w.in, H2_RST_STREAM, 3, NGHTTP2_REFUSED_STREAM);
    CHECK_OK(say(&w));
    CHECK(!http_h2_request_refused(w.r)); /* it was looked at */
    CHECK_RC(read_all(&w), RC_NET);
}

static void given_up(void)
{
    BEGIN(w);
    CHECK_OK(greet(&w));
    CHECK_OK(ask(&w, POST "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"));
    http_h2_request_free(w.r);
    w.r = NULL;
    CHECK_OK(hear(&w));
    CHECK(says(&w, "RST_STREAM 1 8\n"));
    CHECK_INT(http_h2_client_requests(w.c), 0);
    /* What still comes of it belongs to nobody. */
    h2_headers(&w.in, 0, 1, ":status: 200\n");
    h2_frame(&w.in, H2_DATA, 0, 1, STR("late"));
    CHECK_OK(say(&w));
    CHECK(!http_h2_client_due(w.c));
}

static void goaway(void)
{
    struct http_h2_request *second;
    char last[8] = {0, 0, 0, 1};
    char piece[64];
    size_t n = 0;

    BEGIN(w);
    CHECK_OK(greet(&w));
    CHECK_OK(ask(&w, GET "\r\n"));
    CHECK_OK(http_h2_request_new(w.c, &w, &second));
    CHECK_OK(http_h2_request_write(second, STR(GET "\r\n"), &n));
    CHECK_OK(hear(&w));
    h2_frame(&w.in, H2_GOAWAY, 0, 0, str_bytes(last, sizeof(last)));
    CHECK_OK(say(&w));
    CHECK(http_h2_client_ending(w.c));
    CHECK(!http_h2_client_takes(w.c));
    CHECK(http_h2_request_refused(second));
    CHECK_RC(http_h2_request_read(second, piece, sizeof(piece), &n), RC_NET);
    http_h2_request_free(second);
    h2_headers(&w.in, H2_END_STREAM, 1, ":status: 200\n");
    CHECK(!http_h2_client_finished(w.c));
    CHECK_OK(say(&w));
    CHECK_RC(read_all(&w), RC_CLOSED);
    CHECK_OK(hear(&w));
    CHECK(http_h2_client_finished(w.c));
}

static void lost(void)
{
    BEGIN(w);
    CHECK_OK(greet(&w));
    CHECK_OK(ask(&w, GET "\r\n"));
    http_h2_client_lost(w.c);
    CHECK(http_h2_client_due(w.c) == &w);
    CHECK_RC(read_all(&w), RC_NET);
    CHECK(!http_h2_request_refused(w.r));
    CHECK(!http_h2_client_takes(w.c));
}

static void as_many_as_the_server_takes(void)
{
    char most[6] = {0, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0, 0, 0, 1};

    BEGIN(w);
    CHECK(http_h2_client_takes(w.c));
    h2_frame(&w.in, H2_SETTINGS, 0, 0, str_bytes(most, sizeof(most)));
    CHECK_OK(say(&w));
    CHECK(!http_h2_client_takes(w.c));
}

/* ---- hostile servers */

static void wrong_answers(void)
{
    static const char *const heads[] = {
        ":status: 200\nconnection: close\n",
        ":status: 200\ntransfer-encoding: chunked\n",
        ":status: 200\nX-Upper: 1\n",
        ":status: 2000\n",
        ":status: 200\n:status: 200\n",
        "a: b\n:status: 200\n",
        "a: b\n",
        ":status: 101\n",
        ":status: 200\n:path: /\n",
        ":status: 200\ncontent-length: x\n",
        ":status: 200\ncontent-length: -1\n",
        ":status: 200\ncontent-length: 1\n", /* and there is no body */
        ":status: 200\ncontent-length: 0\ncontent-length: 0\n",
        ":status: 200\ncontent-length: 0\ncontent-length: 1\n",
        ":status: 200\nkeep-alive: timeout=5\n",
        ":status: 200\nproxy-connection: keep-alive\n",
        ":status: 200\nupgrade: h2c\n",
        ":status: 200\nte: trailers\n:status: 204\n",
        ":status: 200\na:b: c\n",
        ":status: 200\na b: c\n",
        ":status: 200\na\tb: c\n",
        ":status: 200\na\1b: c\n",
        ":status: 200\na: b\1c\n",
        ":status: 200\na: b\177\n",
        ":status: 99\n",
        ":status: 20\n",
        ":status: 2x0\n",
        ":status: \n",
    };

    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        BEGIN(w);
        CHECK_OK(greet(&w));
        CHECK_OK(ask(&w, GET "\r\n"));
        h2_headers(&w.in, H2_END_STREAM, 1, heads[i]);
        IGNORE_RC(say(&w));
        IGNORE_RC(hear(&w));
        CHECK_RC(read_all(&w), RC_NET);
        CHECK(!strstr(buf_z(&w.answer), "\r\n\r\n"));
    }
}

/* The field that stands in `block` with a NUL in its name or its value. */
static void no_nul(void)
{
    static const struct str fields[][2] = {{STR("a"), {"b\0c", 3}}, {{"a\0b", 3}, STR("c")}};

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        CLEANUP(buf_done) struct buf block = BUF_INIT(1024);
        BEGIN(w);
        CHECK_OK(greet(&w));
        CHECK_OK(ask(&w, GET "\r\n"));
        h2_block(&block, ":status: 200\n");
        buf_u8(&block, 0);
        h2_text(&block, fields[i][0]);
        h2_text(&block, fields[i][1]);
        h2_frame(&w.in, H2_HEADERS, H2_END_STREAM | H2_END_HEADERS, 1, buf_str(&block));
        IGNORE_RC(say(&w));
        IGNORE_RC(hear(&w));
        CHECK_RC(read_all(&w), RC_NET);
        CHECK(!strstr(buf_z(&w.answer), "\r\n\r\n"));
    }
}

/* Bodies that are not what the head said, or where there is none: the answer is not whole, and
 * nothing of it is taken for a second one. */
static void wrong_bodies(void)
{
    static const struct {
        const char *asked, *head, *body;
    } cases[] = {
        {GET "\r\n", ":status: 200\ncontent-length: 2\n", "abc"},
        {GET "\r\n", ":status: 200\ncontent-length: 4\n", "abc"},
        {GET "\r\n", ":status: 200\ncontent-length: 0\n", "abc"},
        {GET "\r\n", ":status: 204\n", "abc"},
        {GET "\r\n", ":status: 304\n", "abc"},
        {"HEAD /a HTTP/1.1\r\nhost: wiki.hospital.example\r\n\r\n",
         ":status: 200\ncontent-length: 3\n", "abc"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        BEGIN(w);
        CHECK_OK(greet(&w));
        CHECK_OK(ask(&w, cases[i].asked));
        h2_headers(&w.in, 0, 1, cases[i].head);
        h2_frame(&w.in, H2_DATA, H2_END_STREAM, 1, str_of(cases[i].body));
        IGNORE_RC(say(&w));
        IGNORE_RC(hear(&w));
        if (read_all(&w) != RC_NET)
            fail_msg("%zu: %s", i, buf_z(&w.answer));
    }
}

/* A value that would be two lines of HTTP/1.1. */
static void no_lines_in_values(void)
{
    BEGIN(w);
    CHECK_OK(greet(&w));
    CHECK_OK(ask(&w, GET "\r\n"));
    h2_headers(&w.in, 0, 1, ":status: 200\na: b\rset-cookie: x\n");
    IGNORE_RC(say(&w));
    IGNORE_RC(hear(&w));
    CHECK_RC(read_all(&w), RC_NET);
    CHECK(!strstr(buf_z(&w.answer), "set-cookie"));
}

static enum rc flood(struct world *w, unsigned type, unsigned flags, size_t bytes)
{
    static char body[64];
    enum rc rc = RC_OK;

    for (int i = 0; i < 3000 && rc == RC_OK; i++) {
        h2_frame(&w->in, type, flags, type == H2_DATA || type == H2_PRIORITY ? 1 : 0,
                 str_bytes(body, bytes));
        rc = say(w);
        buf_reset(&w->said);
        if (rc == RC_OK)
            rc = hear(w);
    }
    return rc;
}

static void floods(void)
{
    static const struct {
        unsigned type;
        size_t bytes;
    } cases[] = {{H2_PING, 8}, {H2_SETTINGS, 0}, {H2_DATA, 0}, {H2_PRIORITY, 5}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        BEGIN(w);
        CHECK_OK(greet(&w));
        CHECK_OK(ask(&w, GET "\r\n"));
        h2_headers(&w.in, 0, 1, ":status: 200\n");
        CHECK_OK(say(&w));
        CHECK_RC(flood(&w, cases[i].type, 0, cases[i].bytes), RC_PARSE);
        CHECK(!http_h2_client_takes(w.c));
    }
}

static void heads_without_end(void)
{
    static char big[8192];
    enum rc rc = RC_OK;

    BEGIN(w);
    CHECK_OK(greet(&w));
    CHECK_OK(ask(&w, GET "\r\n"));
    h2_frame(&w.in, H2_HEADERS, 0, 1, STR("\x88"));
    for (int i = 0; i < 100 && rc == RC_OK; i++) {
        CLEANUP(buf_done) struct buf block = BUF_INIT(1 << 16);
        buf_u8(&block, 0);
        h2_text(&block, STR("x"));
        h2_text(&block, str_bytes(memset(big, 'a', sizeof(big)), sizeof(big)));
        h2_frame(&w.in, H2_CONTINUATION, 0, 1, buf_str(&block));
        rc = say(&w);
    }
    CHECK_RC(rc, RC_PARSE);
}

/* What it says now is the end of the connection. */
static bool ends(struct world *w)
{
    return say(w) != RC_OK || (hear(w) == RC_OK && http_h2_client_finished(w->c));
}

static void no_http2_at_all(void)
{
    BEGIN(w);
    CHECK_OK(ask(&w, GET "\r\n"));
    buf_puts(&w.in, STR("HTTP/1.1 400 Bad Request\r\n\r\n"));
    CHECK(ends(&w));
    http_h2_client_lost(w.c);
    CHECK_RC(read_all(&w), RC_NET);
}

static void pushes_are_refused(void)
{
    BEGIN(w);
    CHECK_OK(greet(&w));
    CHECK_OK(ask(&w, GET "\r\n"));
    h2_frame(&w.in, H2_PUSH_PROMISE, H2_END_HEADERS, 1, STR("\0\0\0\2\x82"));
    CHECK(ends(&w));
}

CHECK_MAIN(CHECK_TEST(there_and_back), CHECK_TEST(answers), CHECK_TEST(bodies_of_requests),
           CHECK_TEST(interim_answers), CHECK_TEST(websocket_is_declined),
           CHECK_TEST(websocket_waits_for_settings), CHECK_TEST(websocket_is_refused),
           CHECK_TEST(websocket_is_left), CHECK_TEST(websocket_is_broken_off),
           CHECK_TEST(websocket_is_declined_late), CHECK_TEST_ONCE(a_slow_server),
           CHECK_TEST_ONCE(a_slow_client), CHECK_TEST(broken_off), CHECK_TEST(given_up),
           CHECK_TEST_ONCE(goaway), CHECK_TEST(lost), CHECK_TEST(as_many_as_the_server_takes),
           CHECK_TEST(wrong_answers), CHECK_TEST(no_nul), CHECK_TEST(wrong_bodies),
           CHECK_TEST(no_lines_in_values), CHECK_TEST_ONCE(floods),
           CHECK_TEST_ONCE(heads_without_end), CHECK_TEST(no_http2_at_all),
           CHECK_TEST(pushes_are_refused))
