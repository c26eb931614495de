/* SPDX-License-Identifier: Apache-2.0 */
#include "two.h"

static void passes_a_request_and_its_answer(void)
{
    TWO;
    CHECK(has(&t.told, "SETTINGS 0\n"));
    CHECK(has(&t.told, "SETTINGS 0 ACK\n"));
    CHECK(t.w.idle);
    ask(&t, 1,
        REQUEST("GET", "/a?b=c") "accept: text/html\nx-forwarded-for: 6.6.6.6\n"
                                 "x_under: 1\ncookie: a=b\nx-other: 1\ncookie: c=d\ncookie: e\nte: "
                                 "trailers\n");
    CHECK(!t.w.idle);
    CHECK(starts(&t.w.asked, "GET /a?b=c HTTP/1.1\r\nhost: wiki.example\r\naccept: text/html\r\n"
                             "cookie: a=b; c=d; e\r\nx-other: 1\r\nx-forwarded-for: 192.0.2.7\r\n"
                             "x-forwarded-proto: https\r\nx-forwarded-host: wiki.example\r\n"
                             "forwarded: for=192.0.2.7;host=\"wiki.example\";proto=https\r\n"
                             "x-request-id: "));
    CHECK(ends(&t.w.asked, "\r\nte: trailers\r\nconnection: te\r\n\r\n"));
    CHECK(!has(&t.w.asked, "x_under"));
    answer(&t, OK "Content-Length: 5\r\nServer: s\r\nConnection: x-private\r\nX-Private: 1\r\n"
                  "Keep-Alive: timeout=5\r\n\r\nhello");
    CHECK(has(&t.told, "HEADERS 1\n:status: 200\nserver: s\ndate: "));
    CHECK(has(&t.told, "\ncontent-length: 5\nDATA 1 END hello\n"));
    CHECK(!has(&t.told, "private"));
    CHECK(!has(&t.told, "keep-alive"));
    CHECK(t.w.idle && !t.w.hung_up && !t.w.closed);
    CHECK(has(&t.w.lines, "site=wiki.example client=192.0.2.7 method=GET status=200 sent=5"));
    CHECK(has(&t.w.lines, "complete=true"));
}

/* The next request goes over the same connections. */
static void keeps_both_connections(void)
{
    TWO;
    for (uint32_t id = 1; id < 7; id += 2) {
        ask(&t, id, GET2);
        answer(&t, OK "Content-Length: 2\r\n\r\nhi");
    }
    CHECK(has(&t.told, "DATA 5 END hi\n"));
    CHECK_INT(net_fake_dials(t.w.net), 1);
}

/* What is new each time does not fill the client's table of HPACK, nor ours. */
static void keeps_its_table_small(void)
{
    size_t n;

    TWO;
    ask(&t, 1, GET2);
    answer(&t, OK "Content-Length: 2\r\nServer: s\r\nTraceparent: 00-1\r\n\r\nhi");
    n = nghttp2_hd_inflate_get_dynamic_table_size(t.hd);
    CHECK(n > 0);
    ask(&t, 3, GET2);
    answer(&t, OK "Content-Length: 2\r\nServer: s\r\nTraceparent: 00-2\r\n\r\nhi");
    CHECK(has(&t.told, "\ntraceparent: 00-2\n"));
    CHECK_INT(nghttp2_hd_inflate_get_dynamic_table_size(t.hd), n);
}

static void answers_without_a_body(void)
{
    TWO;
    ask(&t, 1, REQUEST("HEAD", "/"));
    answer(&t, OK "Content-Length: 12345\r\n\r\n");
    CHECK(has(&t.told, "HEADERS 1 END\n:status: 200\n"));
    CHECK(has(&t.told, "content-length: 12345\n"));
    ask(&t, 3, GET2);
    answer(&t, "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: x\r\n\r\n");
    CHECK(has(&t.told, "HEADERS 3 END\n:status: 304\netag: x\n"));
    ask(&t, 5, GET2);
    answer(&t, "HTTP/1.1 204 No Content\r\n\r\n");
    CHECK(has(&t.told, "HEADERS 5 END\n:status: 204\n"));
    ask(&t, 7, GET2);
    answer(&t, OK "Content-Length: 0\r\n\r\n");
    CHECK(has(&t.told, "HEADERS 7 END\n"));
    CHECK(t.w.idle);
    CHECK_INT(net_fake_dials(t.w.net), 1);
}

static void passes_bodies_both_ways(void)
{
    TWO;
    h2_headers(&t.w.t.in, 0, 1, POST2 "content-length: 6\n");
    send_data(&t, 1, 0, "abc");
    CHECK(ends(&t.w.asked, "content-length: 6\r\n\r\nabc"));
    send_data(&t, 1, H2_END_STREAM, "def");
    CHECK(ends(&t.w.asked, "abcdef"));
    answer(&t, OK "Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    CHECK(has(&t.told, "DATA 1 one\n"));
    CHECK(!has(&t.told, "transfer-encoding"));
    answer(&t, "3\r\ntwo\r\n0\r\n\r\n");
    CHECK(has(&t.told, "DATA 1 two\n"));
    CHECK(has(&t.told, "DATA 1 END \n"));
    CHECK(t.w.idle && !t.w.hung_up);
}

/* With its end, before a backend is reached. */
static void a_body_may_come_at_once(void)
{
    TWO;
    h2_headers(&t.w.t.in, 0, 1, POST2 "content-length: 3\n");
    send_data(&t, 1, H2_END_STREAM, "abc");
    CHECK(ends(&t.w.asked, "content-length: 3\r\n\r\nabc"));
    answer(&t, OK "Content-Length: 2\r\n\r\nhi");
    CHECK(has(&t.told, "DATA 1 END hi\n"));
    CHECK(t.w.idle && !t.w.hung_up);
}

/* Of unknown length it goes up in chunks; trailers are dropped. */
static void passes_chunks_up(void)
{
    TWO;
    h2_headers(&t.w.t.in, 0, 1, POST2);
    send_data(&t, 1, 0, "abc");
    CHECK(ends(&t.w.asked, "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"));
    h2_headers(&t.w.t.in, H2_END_STREAM, 1, "x-evil: 1\n");
    go(&t);
    CHECK(ends(&t.w.asked, "3\r\nabc\r\n0\r\n\r\n"));
    answer(&t, "HTTP/1.1 204 No Content\r\n\r\n");
    CHECK(has(&t.told, "HEADERS 1 END\n:status: 204\n"));
    CHECK(t.w.idle);
    /* The end may come with the last of it. */
    h2_headers(&t.w.t.in, 0, 3, POST2);
    send_data(&t, 3, H2_END_STREAM, "abc");
    CHECK(ends(&t.w.asked, "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"));
}

/* HTTP/1.1 wants a length of one who has none to send. */
static void says_that_there_is_no_body(void)
{
    TWO;
    ask(&t, 1, POST2);
    CHECK(ends(&t.w.asked, "\r\ncontent-length: 0\r\n\r\n"));
}

static void passes_trailers_down(void)
{
    TWO;
    ask(&t, 1, GET2 "te: trailers\n");
    answer(&t, OK "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\n"
                  "Set-Cookie: a=b\r\n\r\n");
    CHECK(has(&t.told, "DATA 1 a\n"));
    CHECK(has(&t.told, "HEADERS 1 END\nx-sum: 1\n"));
    CHECK(!has(&t.told, "set-cookie"));
    again(&t);
    ask(&t, 3, GET2);
    answer(&t, OK "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n");
    CHECK(!has(&t.told, "x-sum"));
    CHECK(has(&t.told, "DATA 3 END"));
}

static void ends_a_body_with_the_connection(void)
{
    TWO;
    ask(&t, 1, GET2);
    answer(&t, OK "\r\nabc");
    CHECK(has(&t.told, "DATA 1 abc\n"));
    hang_up(&t.w);
    go(&t);
    CHECK(has(&t.told, "DATA 1 END \n"));
}

static void continues(void)
{
    TWO;
    h2_headers(&t.w.t.in, 0, 1, POST2 "content-length: 3\nexpect: 100-continue\n");
    go(&t);
    CHECK(has(&t.w.asked, "expect: 100-continue"));
    answer(&t, "HTTP/1.1 100 Continue\r\n\r\n");
    CHECK(has(&t.told, "HEADERS 1\n:status: 100\n"));
    send_data(&t, 1, H2_END_STREAM, "abc");
    CHECK(ends(&t.w.asked, "\r\n\r\nabc"));
    answer(&t, OK "Content-Length: 2\r\n\r\nhi");
    CHECK(has(&t.told, ":status: 200\n"));
    CHECK(has(&t.told, "DATA 1 END hi\n"));
}

/* Only its stream ends; the connection goes on. */
static void resets_what_the_backend_cut(void)
{
    static const char *const answers[] = {
        OK "Content-Length: 10\r\n\r\nabc",
        OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    };

    for (size_t i = 0; i < 2; i++) {
        TWO;
        ask(&t, 1, GET2);
        answer(&t, answers[i]);
        hang_up(&t.w);
        go(&t);
        CHECK(has(&t.told, "DATA 1 abc\n"));
        CHECK(has(&t.told, "RST_STREAM 1 2\n"));
        CHECK(!has(&t.told, "DATA 1 END"));
        CHECK(has(&t.w.lines, "complete=false"));
        CHECK(!t.w.closed && t.w.idle);
        again(&t);
        ask(&t, 3, GET2);
        answer(&t, OK "Content-Length: 2\r\n\r\nhi");
        CHECK(has(&t.told, "DATA 3 END hi\n"));
    }
}

static void answers_with_pages_of_its_own(void)
{
    TWO;
    ask(&t, 1, GET2 "accept: text/html\n");
    answer(&t, "nonsense\r\n\r\n");
    CHECK(has(&t.told, "HEADERS 1\n:status: 502\n"));
    CHECK(has(&t.told, "<h1>Bad Gateway</h1>"));
    CHECK(!has(&t.told, "RST_STREAM"));
    again(&t);
    ask(&t, 3, ":method: GET\n:scheme: https\n:authority: other.example\n:path: /\n");
    CHECK(has(&t.told, "HEADERS 3\n:status: 421\n"));
    CHECK(t.w.idle && !t.w.closed);
}

/* What one who reads HTTP/1.1 could take for something else never gets there. */
static void refuses_what_could_smuggle(void)
{
    static const char *const heads[] = {
        GET2 "transfer-encoding: chunked\n",
        GET2 "connection: x\n",
        GET2 "keep-alive: x\n",
        GET2 "upgrade: x\n",
        GET2 "te: gzip\n",
        GET2 "X-Upper: x\n",
        GET2 "a b: x\n",
        GET2 "a:b: x\n",
        GET2 "a\rb: x\n",
        GET2 "a: x\rb\n",
        GET2 "content-length: 5\n",
        GET2 "content-length: -1\n",
        GET2 "content-length: 0\ncontent-length: 0\n",
        GET2 ":path: /y\n",
        GET2 "x: y\n:unknown: z\n",
        ":method: GET\n:scheme: https\n:path: /\n",
        ":method: GET\n:scheme: https\n:authority: wiki.example\n",
        ":method: GET\n:scheme: https\n:authority: wiki.example\n:path: \n",
        REQUEST("CONNECT", "/"),
        GET2 "host: other.example\n",
        GET2 "host: wiki.example\nhost: wiki.example\n",
        ":method: GET\n:scheme: https\n:authority: a@wiki.example\n:path: /\n",
        REQUEST("GET", "/a b"),
        REQUEST("GET", "/a#b"),
        REQUEST("GET", "http://wiki.example/"),
        REQUEST("GET", "*"),
        REQUEST("TRACE", "/"),
        GET2 "expect: something\n",
    };

    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        TWO;
        ask(&t, 1, heads[i]);
        CHECK_INT(t.w.asked.n, 0);
        if (!has(&t.told, "RST_STREAM 1 1\n") && !has(&t.told, ":status: 4") &&
            !has(&t.told, ":status: 501"))
            fail_msg("%s: %s", heads[i], buf_z(&t.told));
        CHECK(!t.w.closed);
    }
}

static void refuses_a_body_that_is_not_as_long_as_it_says(void)
{
    TWO;
    h2_headers(&t.w.t.in, 0, 1, POST2 "content-length: 3\n");
    send_data(&t, 1, 0, "abcd");
    CHECK(has(&t.told, "RST_STREAM 1 1\n"));
    CHECK(!has(&t.w.asked, "abcd"));
    CHECK(t.w.fd < 0 || t.w.hung_up);
    again(&t);
    fd_close(&t.w.fd);
    h2_headers(&t.w.t.in, 0, 3, POST2 "content-length: 3\n");
    send_data(&t, 3, H2_END_STREAM, "ab");
    CHECK(has(&t.told, "RST_STREAM 3 1\n"));
    CHECK(t.w.fd < 0 || t.w.hung_up);
}

static void limits_heads(void)
{
    CLEANUP(buf_done) struct buf lines = BUF_INIT(OUT_MAX);
    TWO;
    buf_putz(&lines, GET2);
    for (int i = 0; i <= HTTP_HEADERS_MAX; i++)
        buf_printf(&lines, "x-%d: 1\n", i);
    ask(&t, 1, buf_z(&lines));
    CHECK(has(&t.told, "HEADERS 1\n:status: 431\n"));
    again(&t);
    buf_reset(&lines);
    buf_putz(&lines, GET2 "x: ");
    for (int i = 0; i < GATEWAY_TARGET_MAX; i++)
        buf_putz(&lines, "y");
    buf_putz(&lines, "\n:path: /\n"); /* and more that is wrong */
    ask(&t, 3, buf_z(&lines));
    CHECK(has(&t.told, "RST_STREAM 3 1\n"));
    buf_reset(&lines);
    buf_putz(&lines, ":method: GET\n:scheme: https\n:authority: wiki.example\n:path: /");
    for (int i = 0; i < GATEWAY_TARGET_MAX; i++)
        buf_putz(&lines, "y");
    ask(&t, 5, buf_z(&lines));
    CHECK(has(&t.told, "HEADERS 5\n:status: 414\n"));
    CHECK_INT(t.w.asked.n, 0);
}

/* An answer before the request is complete: the rest of it is not wanted. */
static void passes_an_early_answer(void)
{
    TWO;
    h2_headers(&t.w.t.in, 0, 1, POST2 "content-length: 1000000\n");
    send_data(&t, 1, 0, "abc");
    answer(&t, "HTTP/1.1 413 Too much\r\nContent-Length: 2\r\n\r\nno");
    CHECK(has(&t.told, ":status: 413\n"));
    CHECK(has(&t.told, "DATA 1 END no\n"));
    CHECK(t.w.hung_up && !t.w.idle);
    send_data(&t, 1, 0, "def");
    wait_for(&t.w, GATEWAY_LINGER_SECONDS - 1);
    go(&t);
    CHECK(!has(&t.told, "RST_STREAM"));
    wait_for(&t.w, 1);
    go(&t);
    CHECK(has(&t.told, "RST_STREAM 1 0\n"));
    CHECK(t.w.idle);
    again(&t);
    fd_close(&t.w.fd);
    ask(&t, 3, GET2);
    answer(&t, OK "Content-Length: 2\r\n\r\nhi");
    CHECK(has(&t.told, "DATA 3 END hi\n"));
}

static void lets_the_backend_go_with_the_stream(void)
{
    TWO;
    ask(&t, 1, GET2);
    answer(&t, OK "Content-Length: 10\r\n\r\nabc");
    h2_number(&t.w.t.in, H2_RST_STREAM, 1, 8);
    go(&t);
    CHECK(t.w.hung_up);
    CHECK(has(&t.w.lines, "gateway.client-gone"));
    CHECK(t.w.idle && !t.w.closed);
}

static void lets_all_go_with_the_connection(void)
{
    TWO;
    ask(&t, 1, GET2);
    t.w.t.eof = true;
    go(&t);
    CHECK(t.w.closed && t.w.hung_up);
    CHECK(has(&t.w.lines, "gateway.client-gone"));
}

/* The client's window stops the backend, and opens the way again. */
static void holds_little_for_a_slow_client(void)
{
    static char piece[16 * 1024];
    size_t before, sent = 0;
    TWO;

    memset(piece, 'x', sizeof(piece));
    ask(&t, 1, GET2);
    answer(&t, OK "Content-Length: 100000000\r\n\r\n");
    before = mem_live();
    for (int i = 0; i < 2000; i++) {
        ssize_t n = send(t.w.fd, piece, sizeof(piece), MSG_DONTWAIT | MSG_NOSIGNAL);

        sent += n > 0 ? (size_t)n : 0;
        go(&t);
    }
    CHECK(sent < 4 << 20);
    CHECK(t.told.n < 80 * 1024 && t.told.n > 65535);
    CHECK(mem_live() < before + 16);
    again(&t);
    h2_number(&t.w.t.in, H2_WINDOW_UPDATE, 1, 100000);
    go(&t);
    CHECK_INT(t.told.n, 0);
    h2_number(&t.w.t.in, H2_WINDOW_UPDATE, 0, 100000);
    go(&t);
    CHECK(t.told.n > 100000);
    /* One who takes nothing at all. */
    t.w.t.room = 0;
    h2_number(&t.w.t.in, H2_WINDOW_UPDATE, 1, 1 << 30);
    h2_number(&t.w.t.in, H2_WINDOW_UPDATE, 0, 1 << 30);
    for (int i = 0; i < 200; i++) {
        (void)!send(t.w.fd, piece, sizeof(piece), MSG_DONTWAIT | MSG_NOSIGNAL);
        go(&t);
    }
    CHECK(mem_live() < before + 16);
    /* A drop now and then does not count as taking. */
    for (int i = 0; i < 3; i++) {
        CHECK(!t.w.closed);
        t.w.t.room = 10;
        wait_for(&t.w, GATEWAY_CLIENT_SECONDS / 3 + 1);
    }
    CHECK(t.w.closed && t.w.hung_up);
}

/* The backend that takes nothing stops the client by its window. */
static void stops_reading_when_the_backend_takes_nothing(void)
{
    static char piece[16 * 1024 + 1];
    TWO;

    memset(piece, 'x', sizeof(piece) - 1);
    h2_headers(&t.w.t.in, 0, 1, POST2);
    go(&t);
    CHECK(t.w.fd >= 0);
    for (int i = 0; i < 8; i++)
        send_data(&t, 1, 0, piece);
    CHECK(has(&t.told, "WINDOW_UPDATE 1 "));
    CHECK(has(&t.told, "WINDOW_UPDATE 0 "));
    again(&t);
    h2_headers(&t.w.t.in, 0, 3,
               ":method: POST\n:scheme: https\n:authority: wiki.example\n:path: /\n");
    CHECK(!t.w.closed);
}

static void refuses_more_streams_than_it_said(void)
{
    TWO;
    for (uint32_t i = 0; i <= HTTP_H2_STREAMS_MAX; i++)
        h2_headers(&t.w.t.in, 0, 2 * i + 1, POST2);
    go(&t);
    CHECK(has(&t.told, "RST_STREAM 201 7\n"));
    CHECK(!has(&t.told, "RST_STREAM 199 7"));
    CHECK(!t.w.closed);
}

/* ---- floods */

static bool calmed(struct two *t)
{
    const char *at = strstr(buf_z(&t->told), "GOAWAY ");

    return at && strstr(at, " 11\n");
}

static void stops_rapid_resets(void)
{
    TWO;
    for (uint32_t i = 0; i < HTTP_H2_RESETS_MAX + 50; i++) {
        h2_headers(&t.w.t.in, H2_END_STREAM, 2 * i + 1, GET2);
        h2_number(&t.w.t.in, H2_RST_STREAM, 2 * i + 1, 8);
        if (i == HTTP_H2_RESETS_MAX - 50) {
            go(&t);
            CHECK(!calmed(&t));
        }
    }
    go(&t);
    CHECK(calmed(&t));
    CHECK(t.w.t.shut);
}

/* MadeYouReset: it is we who are brought to reset them. */
static void stops_resets_that_it_is_made_to_do(void)
{
    TWO;
    for (uint32_t i = 0; i < HTTP_H2_RESETS_MAX + 50; i++) {
        h2_headers(&t.w.t.in, H2_END_STREAM, 2 * i + 1, GET2);
        h2_number(&t.w.t.in, H2_WINDOW_UPDATE, 2 * i + 1, INT32_MAX);
        if (i % 20 == 0)
            go(&t);
    }
    go(&t);
    CHECK(calmed(&t));
    CHECK(t.w.t.shut);
}

static void stops_frames_that_ask_for_nothing(void)
{
    static const unsigned types[] = {H2_SETTINGS, H2_PING, H2_PRIORITY, H2_DATA};

    for (size_t k = 0; k < sizeof(types) / sizeof(types[0]); k++) {
        static const size_t lengths[] = {0, 8, 5, 0};
        static const uint32_t ids[] = {0, 0, 1, 1};
        TWO;
        h2_headers(&t.w.t.in, 0, 1, POST2);
        for (int i = 0; i < HTTP_H2_IDLE_MAX + 50; i++) {
            h2_frame(&t.w.t.in, types[k], 0, ids[k], str_bytes("\0\0\0\0\0\0\0\0", lengths[k]));
            if (i % 50 == 0)
                go(&t);
            if (i == HTTP_H2_IDLE_MAX - 50)
                CHECK(!calmed(&t));
        }
        go(&t);
        CHECK(calmed(&t));
        CHECK(t.w.t.shut);
        CHECK(t.w.fd < 0 || t.w.hung_up);
    }
}

static void lets_time_forgive(void)
{
    TWO;
    h2_headers(&t.w.t.in, 0, 1, POST2);
    for (int k = 0; k < 5; k++) {
        for (int i = 0; i < HTTP_H2_IDLE_MAX / 2; i++)
            h2_frame(&t.w.t.in, H2_PING, 0, 0, str_bytes("\0\0\0\0\0\0\0\0", 8));
        go(&t);
        wait_for(&t.w, HTTP_H2_IDLE_MAX / HTTP_H2_IDLE_RATE / 2);
    }
    CHECK(!calmed(&t));
    CHECK(!t.w.closed);
}

static void stops_endless_heads(void)
{
    CLEANUP(buf_done) struct buf block = BUF_INIT(OUT_MAX);
    TWO;
    h2_block(&block, GET2);
    h2_frame(&t.w.t.in, H2_HEADERS, 0, 1, buf_str(&block));
    for (int i = 0; i < HTTP_H2_CONTINUATIONS_MAX + 2; i++)
        h2_frame(&t.w.t.in, H2_CONTINUATION, 0, 1, STR("\0\1x\1y"));
    go(&t);
    CHECK(has(&t.told, "GOAWAY "));
    CHECK(t.w.t.shut);
}

/* A block of few bytes that says much: one long value, again and again from the table. */
static void stops_heads_that_swell(void)
{
    CLEANUP(buf_done) struct buf block = BUF_INIT(OUT_MAX);
    char value[4000];
    TWO;

    memset(value, 'v', sizeof(value));
    h2_block(&block, GET2);
    buf_u8(&block, 0x40); /* with indexing */
    h2_text(&block, STR("x"));
    h2_text(&block, str_bytes(value, sizeof(value)));
    for (int i = 0; i < 200; i++)
        buf_u8(&block, 0x80 | 62);
    h2_frame(&t.w.t.in, H2_HEADERS, H2_END_HEADERS | H2_END_STREAM, 1, buf_str(&block));
    go(&t);
    CHECK(calmed(&t));
    CHECK_INT(t.w.asked.n, 0);
}

static void says_what_is_not_http2(void)
{
    TWO;
    buf_putz(&t.w.t.in, "GET / HTTP/1.1\r\n\r\n");
    go(&t);
    CHECK(has(&t.told, "GOAWAY "));
    CHECK(t.w.t.shut);
}

/* ---- time and the end */

static void times_of_heads_and_pauses(void)
{
    TWO;
    wait_for(&t.w, GATEWAY_HEAD_SECONDS);
    go(&t);
    CHECK(has(&t.told, "GOAWAY 0 0 0\n"));
    CHECK(t.w.t.shut && !t.w.closed);
    wait_for(&t.w, GATEWAY_LINGER_SECONDS - 1);
    CHECK(!t.w.closed);
    wait_for(&t.w, 1);
    CHECK(t.w.closed);
}

static void waits_only_so_long_for_a_head(void)
{
    CLEANUP(buf_done) struct buf block = BUF_INIT(OUT_MAX);
    TWO;
    h2_block(&block, GET2);
    h2_frame(&t.w.t.in, H2_HEADERS, H2_END_STREAM, 1, buf_str(&block));
    go(&t);
    wait_for(&t.w, GATEWAY_HEAD_SECONDS - 1);
    CHECK(!t.w.closed);
    wait_for(&t.w, 1);
    CHECK(t.w.closed);
    CHECK_INT(t.w.asked.n, 0);
}

static void waits_only_so_long_for_the_next(void)
{
    TWO;
    ask(&t, 1, GET2);
    answer(&t, OK "Content-Length: 2\r\n\r\nhi");
    wait_for(&t.w, GATEWAY_IDLE_SECONDS - 1);
    CHECK(!t.w.t.shut);
    /* Chatter does not make it longer. */
    h2_frame(&t.w.t.in, H2_PING, 0, 0, str_bytes("\0\0\0\0\0\0\0\0", 8));
    go(&t);
    wait_for(&t.w, 1);
    go(&t);
    CHECK(has(&t.told, "GOAWAY 0 1 0\n"));
    CHECK(t.w.t.shut);
}

static void waits_only_so_long_for_a_body(void)
{
    TWO;
    h2_headers(&t.w.t.in, 0, 1, POST2 "content-length: 6\n");
    send_data(&t, 1, 0, "abc");
    wait_for(&t.w, GATEWAY_CLIENT_SECONDS + 1);
    go(&t);
    CHECK(has(&t.told, ":status: 408\n"));
    wait_for(&t.w, GATEWAY_LINGER_SECONDS);
    go(&t);
    CHECK(has(&t.told, "RST_STREAM 1 0\n"));
    CHECK(t.w.hung_up && !t.w.closed);
}

static void waits_as_configured(void)
{
    TWO;
    t.w.sites[0].client_timeout = 3 * WHEN_SECOND;
    t.w.conf.gateway.idle_timeout = 4 * WHEN_SECOND;
    CHECK_OK(configure(&t.w));
    h2_headers(&t.w.t.in, 0, 1, POST2 "content-length: 6\n");
    send_data(&t, 1, 0, "abc");
    wait_for(&t.w, 2);
    go(&t);
    CHECK(!has(&t.told, ":status: 408\n"));
    wait_for(&t.w, 1);
    go(&t);
    CHECK(has(&t.told, ":status: 408\n"));
    wait_for(&t.w, GATEWAY_LINGER_SECONDS);
    go(&t);
    wait_for(&t.w, 4);
    go(&t);
    CHECK(t.w.t.shut);
}

/* Also on a connection that was there before. */
static void waits_as_configured_for_who_takes_nothing(void)
{
    TWO;
    ask(&t, 1, GET2);
    answer(&t, OK "Content-Length: 2\r\n\r\nhi");
    t.w.sites[0].client_timeout = 100 * WHEN_SECOND;
    CHECK_OK(configure(&t.w));
    ask(&t, 3, GET2);
    t.w.t.room = 0;
    answer(&t, OK "Content-Length: 2\r\n\r\nhi");
    wait_for(&t.w, 99);
    CHECK(!t.w.closed);
    wait_for(&t.w, 1);
    CHECK(t.w.closed);
}

static void drains(void)
{
    TWO;
    ask(&t, 1, GET2);
    CHECK(t.w.c);
    t.w.speaker->drain(t.w.c);
    go(&t);
    CHECK(has(&t.told, "GOAWAY 0 2147483647 0\n"));
    CHECK(!t.w.closed);
    /* One that crosses it is answered. */
    ask(&t, 3, GET2);
    answer(&t, OK "Content-Length: 2\r\n\r\nhi");
    CHECK(has(&t.told, "DATA 1 END hi\n"));
    wait_for(&t.w, GATEWAY_DRAIN_SECONDS);
    go(&t);
    CHECK(has(&t.told, "GOAWAY 0 3 0\n"));
    CHECK(!t.w.t.shut);
}

static void drains_at_once_when_idle(void)
{
    TWO;
    ask(&t, 1, GET2);
    answer(&t, OK "Content-Length: 2\r\n\r\nhi");
    CHECK(t.w.c);
    t.w.speaker->drain(t.w.c);
    go(&t);
    CHECK(has(&t.told, "GOAWAY 0 1 0\n"));
    CHECK(t.w.t.shut);
}

static void goes_with_its_site(void)
{
    TWO;
    ask(&t, 1, GET2);
    t.w.sites[0].name = STR("new.example");
    CHECK_OK(configure(&t.w));
    answer(&t, OK "Content-Length: 2\r\n\r\nhi");
    CHECK(has(&t.told, "DATA 1 END hi\n"));
    CHECK(has(&t.told, "GOAWAY 0 1 0\n"));
    CHECK(t.w.t.shut);
}

static void refuses_newcomers(void)
{
    TWO;
    CHECK_OK(come(&t.w, "wiki.example"));
    CHECK(t.w.c);
    t.w.speaker->refuse(t.w.c);
    go(&t);
    CHECK(has(&t.told, "GOAWAY 0 0 0\n"));
    CHECK(t.w.t.shut);
}

CHECK_MAIN(CHECK_TEST(passes_a_request_and_its_answer), CHECK_TEST(keeps_both_connections),
           CHECK_TEST(keeps_its_table_small), CHECK_TEST(answers_without_a_body),
           CHECK_TEST(passes_bodies_both_ways), CHECK_TEST(a_body_may_come_at_once),
           CHECK_TEST(passes_chunks_up), CHECK_TEST(says_that_there_is_no_body),
           CHECK_TEST(passes_trailers_down), CHECK_TEST(ends_a_body_with_the_connection),
           CHECK_TEST(continues), CHECK_TEST(resets_what_the_backend_cut),
           CHECK_TEST(answers_with_pages_of_its_own), CHECK_TEST_ONCE(refuses_what_could_smuggle),
           CHECK_TEST(refuses_a_body_that_is_not_as_long_as_it_says), CHECK_TEST_ONCE(limits_heads),
           CHECK_TEST(passes_an_early_answer), CHECK_TEST(lets_the_backend_go_with_the_stream),
           CHECK_TEST(lets_all_go_with_the_connection),
           CHECK_TEST_ONCE(holds_little_for_a_slow_client),
           CHECK_TEST_ONCE(stops_reading_when_the_backend_takes_nothing),
           CHECK_TEST_ONCE(refuses_more_streams_than_it_said), CHECK_TEST_ONCE(stops_rapid_resets),
           CHECK_TEST_ONCE(stops_resets_that_it_is_made_to_do),
           CHECK_TEST_ONCE(stops_frames_that_ask_for_nothing), CHECK_TEST_ONCE(lets_time_forgive),
           CHECK_TEST_ONCE(stops_endless_heads), CHECK_TEST_ONCE(stops_heads_that_swell),
           CHECK_TEST(says_what_is_not_http2), CHECK_TEST(times_of_heads_and_pauses),
           CHECK_TEST(waits_only_so_long_for_a_head), CHECK_TEST(waits_only_so_long_for_the_next),
           CHECK_TEST(waits_only_so_long_for_a_body), CHECK_TEST(waits_as_configured),
           CHECK_TEST(waits_as_configured_for_who_takes_nothing), CHECK_TEST(drains),
           CHECK_TEST(drains_at_once_when_idle), CHECK_TEST(goes_with_its_site),
           CHECK_TEST(refuses_newcomers))
