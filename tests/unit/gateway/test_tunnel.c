/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket, over HTTP/1.1 (RFC 6455) and over HTTP/2 (RFC 8441). */
#include "two.h"

#define WORLD                                                                                      \
    CLEANUP(world_done) struct world w = {};                                                       \
    CHECK_OK(world_init(&w))
#define ASK                                                                                        \
    "GET /chat HTTP/1.1\r\n" H "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"         \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"                 \
    "Sec-WebSocket-Protocol: chat\r\n\r\n"
#define GRANT                                                                                      \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"            \
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n"
#define CONNECT2                                                                                   \
    ":method: CONNECT\n:protocol: websocket\n:scheme: https\n:authority: wiki.example\n"           \
    ":path: /chat\nsec-websocket-version: 13\nsec-websocket-protocol: chat\n"

static void opens_a_tunnel(void)
{
    WORLD;
    say(&w, ASK);
    CHECK(starts(&w.asked, "GET /chat HTTP/1.1\r\nhost: wiki.example\r\n"));
    CHECK(has(&w.asked, "connection: upgrade\r\nupgrade: websocket\r\n"));
    CHECK(has(&w.asked, "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
    CHECK(has(&w.asked, "sec-websocket-protocol: chat\r\n"));
    CHECK(has(&w.asked, "x-forwarded-for: 192.0.2.7\r\n"));
    buf_reset(&w.asked);
    reply(&w, GRANT "first");
    CHECK(starts(&w.t.out, "HTTP/1.1 101 Switching Protocols\r\n"));
    CHECK(has(&w.t.out, "connection: upgrade\r\nupgrade: websocket\r\n"));
    CHECK(has(&w.t.out, "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    CHECK(!has(&w.t.out, "connection: close"));
    CHECK(!has(&w.t.out, "content-length"));
    CHECK(ends(&w.t.out, "\r\n\r\nfirst"));
    /* What looks like HTTP is none any more. */
    say(&w, GET "\r\n");
    CHECK_STR(buf_str(&w.asked), GET "\r\n");
    reply(&w, OK "Content-Length: 1\r\n\r\nabc");
    CHECK(ends(&w.t.out, "first" OK "Content-Length: 1\r\n\r\nabc"));
    CHECK(!w.closed && !w.idle);
}

static void passes_on_what_came_early(void)
{
    WORLD;
    say(&w, ASK "early");
    reply(&w, GRANT);
    CHECK(ends(&w.asked, "\r\n\r\nearly"));
}

static void ends_with_the_backend(void)
{
    WORLD;
    say(&w, ASK);
    reply(&w, GRANT "last words");
    hang_up(&w);
    CHECK(ends(&w.t.out, "last words"));
    CHECK(w.t.shut);
    CHECK(has(&w.lines, "status=101 sent=10 received=0"));
    CHECK(has(&w.lines, "complete=true"));
}

static void ends_with_the_client(void)
{
    WORLD;
    say(&w, ASK);
    reply(&w, GRANT);
    buf_reset(&w.asked);
    buf_putz(&w.t.in, "bye");
    w.t.eof = true;
    turn(&w);
    CHECK_STR(buf_str(&w.asked), "bye");
    CHECK(w.hung_up && w.closed);
    /* A connection that breaks is another thing. */
    fd_close(&w.fd);
    CHECK_OK(come(&w, "wiki.example"));
    say(&w, ASK);
    reply(&w, GRANT);
    w.t.broken = true;
    turn(&w);
    CHECK(w.closed && !w.t.shut && w.hung_up);
    CHECK(has(&w.lines, "err=gateway.tunnel-broken"));
}

static void is_refused(void)
{
    WORLD;
    say(&w, ASK);
    reply(&w, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    CHECK(starts(&w.t.out, "HTTP/1.1 403 Forbidden\r\n"));
    CHECK(w.idle);
    buf_reset(&w.t.out);
    say(&w, GET "\r\n");
    reply(&w, OK "Content-Length: 2\r\n\r\nhi");
    CHECK(ends(&w.t.out, "hi"));
}

#define UPGRADE "Connection: upgrade\r\nUpgrade: websocket\r\n"

/* What a backend must not do. */
static void is_granted_wrongly(void)
{
    static const char *const answers[] = {
        "HTTP/1.1 101 Oh\r\nConnection: upgrade\r\nUpgrade: h2c\r\nSec-WebSocket-Accept: a\r\n\r\n",
        "HTTP/1.1 101 Oh\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: a\r\n\r\n",
        "HTTP/1.1 101 Oh\r\nConnection: upgrade\r\nSec-WebSocket-Accept: a\r\n\r\n",
        "HTTP/1.1 101 Oh\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        ("HTTP/1.0 101 Oh\r\n" UPGRADE "Sec-WebSocket-Accept: a\r\n\r\n"),
    };

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        WORLD;
        say(&w, ASK);
        reply(&w, answers[i]);
        CHECK(starts(&w.t.out, "HTTP/1.1 502"));
    }
}

/* What is no request for WebSocket is one like others, and 101 no answer to it. */
static void is_asked_wrongly(void)
{
#define KEY "Sec-WebSocket-Key: a\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
    static const char *const requests[] = {
        "GET / HTTP/1.1\r\n" H "Connection: upgrade\r\nUpgrade: h2c\r\n" KEY VERSION "\r\n",
        "GET / HTTP/1.1\r\n" H "Upgrade: websocket\r\n" KEY VERSION "\r\n",
        "GET / HTTP/1.1\r\n" H UPGRADE VERSION "\r\n",
        "GET / HTTP/1.1\r\n" H UPGRADE KEY "\r\n",
        "GET / HTTP/1.1\r\n" H UPGRADE KEY KEY VERSION "\r\n",
        "GET / HTTP/1.1\r\n" H UPGRADE "Upgrade: h2c\r\n" KEY VERSION "\r\n",
        "GET / HTTP/1.0\r\n" H UPGRADE KEY VERSION "\r\n",
        "POST / HTTP/1.1\r\n" H UPGRADE KEY VERSION "\r\n",
        "GET / HTTP/1.1\r\n" H UPGRADE KEY VERSION "Content-Length: 1\r\n\r\na",
    };

    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        WORLD;
        say(&w, requests[i]);
        CHECK(has(&w.asked, " / HTTP/1.1\r\n"));
        CHECK(!has(&w.asked, "upgrade"));
        reply(&w, GRANT);
        CHECK(starts(&w.t.out, "HTTP/1.1 502"));
    }
}

static void waits_for_an_hour(void)
{
    WORLD;
    say(&w, ASK);
    reply(&w, GRANT);
    for (int i = 0; i < 3; i++) {
        wait_for(&w, GATEWAY_TUNNEL_SECONDS - 1);
        CHECK(!w.t.shut);
        if (i & 1)
            say(&w, "ping");
        else
            reply(&w, "ping");
    }
    wait_for(&w, GATEWAY_TUNNEL_SECONDS);
    CHECK(w.t.shut && w.hung_up);
    CHECK(has(&w.lines, "err=gateway.tunnel-idle"));
}

static void waits_as_configured(void)
{
    WORLD;
    w.sites[0].tunnel_timeout = 5 * WHEN_SECOND;
    CHECK_OK(configure(&w));
    say(&w, ASK);
    reply(&w, GRANT);
    wait_for(&w, 4);
    reply(&w, "ping");
    wait_for(&w, 4);
    CHECK(!w.t.shut);
    wait_for(&w, 1);
    CHECK(w.t.shut && w.hung_up);
    CHECK(has(&w.lines, "nothing came for 5s (tunnel_timeout)"));
    w.sites[0].tunnel_timeout = 2 * WHEN_DAY;
    CHECK_OK(configure(&w));
    CHECK_OK(come(&w, "wiki.example"));
    say(&w, ASK);
    reply(&w, GRANT);
    wait_for(&w, 2 * WHEN_DAY / WHEN_SECOND - 1);
    CHECK(!w.t.shut);
}

/* A side that takes nothing stops the other. */
static void holds_little(void)
{
    static char piece[64 * 1024];
    ssize_t n = 0;
    WORLD;

    say(&w, ASK);
    reply(&w, GRANT);
    w.t.room = 0;
    for (int i = 0; i < 100; i++) {
        ssize_t got = send(w.fd, piece, sizeof(piece), MSG_DONTWAIT | MSG_NOSIGNAL);

        n += got > 0 ? got : 0;
        turn(&w);
    }
    CHECK(n < 100 * (ssize_t)sizeof(piece));
    w.t.room = OUT_MAX;
    poke(&w);
    turn(&w);
    CHECK((ssize_t)w.t.out.n >= n);
}

static void opens_a_tunnel_in_a_stream(void)
{
    TWO;
    CHECK(has(&t.told, "SETTINGS 0\n"));
    h2_headers(&t.w.t.in, 0, 1, CONNECT2);
    go(&t);
    CHECK(starts(&t.w.asked, "GET /chat HTTP/1.1\r\nhost: wiki.example\r\n"));
    CHECK(has(&t.w.asked, "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: "));
    CHECK(has(&t.w.asked, "==\r\n"));
    CHECK(has(&t.w.asked, "sec-websocket-version: 13\r\n"));
    CHECK(!has(&t.w.asked, "content-length") && !has(&t.w.asked, "transfer-encoding"));
    send_data(&t, 1, 0, "early");
    again(&t);
    answer(&t, GRANT "first");
    CHECK(has(&t.told, "HEADERS 1\n:status: 200\n"));
    CHECK(has(&t.told, "sec-websocket-protocol: chat\n"));
    CHECK(!has(&t.told, "upgrade") && !has(&t.told, "sec-websocket-accept"));
    CHECK(has(&t.told, "DATA 1 first\n"));
    CHECK_STR(buf_str(&t.w.asked), "early");
    send_data(&t, 1, 0, "more");
    CHECK_STR(buf_str(&t.w.asked), "earlymore");
    /* Others go on beside it. */
    again(&t);
    reply(&t.w, "bye");
    hang_up(&t.w);
    go(&t);
    CHECK(has(&t.told, "DATA 1 bye\n"));
    CHECK(has(&t.told, "DATA 1 END"));
    again(&t);
    ask(&t, 3, GET2);
    answer(&t, OK "Content-Length: 2\r\n\r\nhi");
    CHECK(has(&t.told, "DATA 3 END hi\n"));
}

static void ends_with_the_stream(void)
{
    TWO;
    h2_headers(&t.w.t.in, 0, 1, CONNECT2);
    go(&t);
    answer(&t, GRANT);
    send_data(&t, 1, H2_END_STREAM, "bye");
    CHECK(ends(&t.w.asked, "\r\n\r\nbye"));
    CHECK(t.w.hung_up);
    fd_close(&t.w.fd);
    again(&t);
    h2_headers(&t.w.t.in, 0, 3, CONNECT2);
    go(&t);
    answer(&t, GRANT);
    h2_number(&t.w.t.in, H2_RST_STREAM, 3, 8);
    go(&t);
    CHECK(t.w.hung_up);
}

static void is_refused_in_a_stream(void)
{
    TWO;
    h2_headers(&t.w.t.in, 0, 1, CONNECT2);
    go(&t);
    answer(&t, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    CHECK(has(&t.told, ":status: 403\n"));
    CHECK(has(&t.told, "DATA 1 END no\n"));
}

/* The page of a server that looks at no Upgrade would be taken for what is said in the tunnel. */
static void is_granted_to_nobody_by_a_page(void)
{
    TWO;
    h2_headers(&t.w.t.in, 0, 1, CONNECT2);
    go(&t);
    answer(&t, OK "Content-Length: 2\r\n\r\nhi");
    CHECK(has(&t.told, ":status: 502\n"));
    CHECK(has(&t.w.lines, "err=gateway.backend-no-grant"));
}

static void is_asked_wrongly_in_a_stream(void)
{
    static const struct {
        const char *lines;
        unsigned flags;
        const char *told;
    } asks[] = {
        {":method: GET\n:protocol: websocket\n:scheme: https\n:authority: wiki.example\n"
         ":path: /\n",
         0, "RST_STREAM 1 1\n"},
        {":method: CONNECT\n:protocol: connect-udp\n:scheme: https\n:authority: wiki.example\n"
         ":path: /\n",
         0, ":status: 501\n"},
        {":method: CONNECT\n:authority: wiki.example\n", 0, ":status: 400\n"},
        {CONNECT2 "content-length: 3\n", 0, ":status: 400\n"},
        {CONNECT2, H2_END_STREAM, ":status: 400\n"},
        {":method: CONNECT\n:protocol: websocket\n:scheme: https\n:authority: other.example\n"
         ":path: /\nsec-websocket-version: 13\n",
         0, ":status: 421\n"},
        {":method: CONNECT\n:protocol: websocket\n:scheme: https\n:authority: wiki.example\n"
         ":path: /\n",
         0, ":status: 400\n"},
        {CONNECT2 "sec-websocket-version: 13\n", 0, ":status: 400\n"},
        {CONNECT2 "sec-websocket-key: a\nsec-websocket-key: b\n", 0, ":status: 400\n"},
    };

    for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
        TWO;
        h2_headers(&t.w.t.in, asks[i].flags, 1, asks[i].lines);
        go(&t);
        if (!has(&t.told, asks[i].told))
            fail_msg("%zu: %s", i, buf_z(&t.told));
        CHECK_INT(t.w.asked.n, 0);
    }
}

CHECK_MAIN(CHECK_TEST(opens_a_tunnel), CHECK_TEST(passes_on_what_came_early),
           CHECK_TEST(ends_with_the_backend), CHECK_TEST(ends_with_the_client),
           CHECK_TEST(is_refused), CHECK_TEST_ONCE(is_granted_wrongly),
           CHECK_TEST_ONCE(is_asked_wrongly), CHECK_TEST_ONCE(waits_for_an_hour),
           CHECK_TEST_ONCE(waits_as_configured), CHECK_TEST_ONCE(holds_little),
           CHECK_TEST(opens_a_tunnel_in_a_stream), CHECK_TEST(ends_with_the_stream),
           CHECK_TEST(is_refused_in_a_stream), CHECK_TEST(is_granted_to_nobody_by_a_page),
           CHECK_TEST_ONCE(is_asked_wrongly_in_a_stream))
