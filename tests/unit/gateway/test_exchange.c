/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <stdio.h>

#define WORLD                                                                                      \
    CLEANUP(world_done) struct world w = {};                                                       \
    CHECK_OK(world_init(&w))

static void passes_a_request_and_its_answer(void)
{
    WORLD;
    say(&w, "GET /a?b=c HTTP/1.1\r\n" H "Accept: text/html\r\nX-Forwarded-For: 6.6.6.6\r\n"
            "X_Forwarded_For: 6.6.6.6\r\nX-SSL-Verified: yes\r\nProxy: evil\r\n"
            "Connection: keep-alive, X-Private, Cookie\r\nX-Private: 1\r\nCookie: a=b\r\n\r\n");
    CHECK(starts(&w.asked, "GET /a?b=c HTTP/1.1\r\nhost: wiki.example\r\naccept: text/html\r\n"
                           "cookie: a=b\r\nx-forwarded-for: 192.0.2.7\r\n"
                           "x-forwarded-proto: https\r\nx-forwarded-host: wiki.example\r\n"
                           "forwarded: for=192.0.2.7;host=\"wiki.example\";proto=https\r\n"
                           "x-request-id: "));
    CHECK(!has(&w.asked, "6.6.6.6"));
    CHECK(!has(&w.asked, "evil"));
    CHECK(!has(&w.asked, "x-ssl"));
    CHECK(!has(&w.asked, "x-private"));
    reply(&w, OK "Content-Length: 5\r\nServer: s\r\nKeep-Alive: timeout=5\r\n\r\nhello");
    CHECK(starts(&w.t.out, "HTTP/1.1 200 OK\r\nserver: s\r\ndate: "));
    CHECK(has(&w.t.out, "\r\nx-request-id: "));
    CHECK(ends(&w.t.out, "\r\ncontent-length: 5\r\n\r\nhello"));
    CHECK(!has(&w.t.out, "keep-alive"));
    CHECK(w.idle && !w.closed && !w.hung_up);
    CHECK(has(&w.lines, "gateway.request"));
    CHECK(has(&w.lines, "site=wiki.example client=192.0.2.7 method=GET status=200 sent=5"));
    CHECK(has(&w.lines, "backend=10.0.0.1:81 complete=true"));
}

/* The second request goes over the connection of the first. */
static void keeps_both_connections(void)
{
    WORLD;
    for (int i = 0; i < 3; i++) {
        say(&w, GET "\r\n");
        reply(&w, OK "Content-Length: 2\r\n\r\nhi");
    }
    CHECK_INT(net_fake_dials(w.net), 1);
    CHECK(w.idle);
    CHECK_INT(mem_live() > 0, 1);
}

static void answers_pipelined_requests_in_turn(void)
{
    WORLD;
    say(&w, GET "X-Number: 1\r\n\r\n" GET "X-Number: 2\r\n\r\n");
    CHECK(has(&w.asked, "x-number: 1"));
    CHECK(!has(&w.asked, "x-number: 2"));
    reply(&w, OK "Content-Length: 2\r\n\r\nhi");
    CHECK(has(&w.asked, "x-number: 2"));
    reply(&w, OK "Content-Length: 2\r\n\r\nho");
    CHECK(ends(&w.t.out, "ho"));
    CHECK(w.idle);
}

static void passes_bodies_both_ways(void)
{
    WORLD;
    say(&w, "POST / HTTP/1.1\r\n" H "Content-Length: 6\r\n\r\nabc");
    CHECK(ends(&w.asked, "content-length: 6\r\n\r\nabc"));
    say(&w, "def");
    CHECK(ends(&w.asked, "abcdef"));
    reply(&w, OK "Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    CHECK(ends(&w.t.out, "transfer-encoding: chunked\r\n\r\n3\r\none\r\n"));
    reply(&w, "3\r\ntwo\r\n0\r\n\r\n");
    CHECK(ends(&w.t.out, "3\r\ntwo\r\n0\r\n\r\n"));
    CHECK(w.idle && !w.hung_up);
}

static void passes_chunks_up(void)
{
    WORLD;
    say(&w, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    CHECK(ends(&w.asked, "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"));
    say(&w, "A\r\n0123456789\r\n0\r\nX-Evil: 1\r\n\r\n");
    CHECK(ends(&w.asked, "a\r\n0123456789\r\n0\r\n\r\n"));
    reply(&w, "HTTP/1.1 204 No Content\r\n\r\n");
    CHECK(starts(&w.t.out, "HTTP/1.1 204 No Content\r\n"));
    CHECK(!has(&w.t.out, "content-length"));
    CHECK(w.idle);
}

static void answers_without_a_body(void)
{
    WORLD;
    say(&w, "HEAD / HTTP/1.1\r\n" H "\r\n");
    reply(&w, OK "Content-Length: 12345\r\n\r\n");
    CHECK(ends(&w.t.out, "content-length: 12345\r\n\r\n"));
    CHECK(w.idle);
    say(&w, GET "\r\n");
    reply(&w, "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: x\r\n\r\n");
    CHECK(has(&w.t.out, "HTTP/1.1 304 Not Modified\r\netag: x\r\n"));
    CHECK(w.idle);
    CHECK_INT(net_fake_dials(w.net), 1);
}

static void ends_a_body_with_the_connection(void)
{
    WORLD;
    say(&w, GET "\r\n");
    reply(&w, OK "\r\nabc");
    CHECK(ends(&w.t.out, "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"));
    hang_up(&w);
    CHECK(ends(&w.t.out, "abc\r\n0\r\n\r\n"));
    CHECK(w.idle);
}

static void speaks_1_0_to_those_who_do(void)
{
    WORLD;
    say(&w, "GET / HTTP/1.0\r\n\r\n");
    CHECK(starts(&w.asked, "GET / HTTP/1.1\r\nhost: wiki.example\r\n"));
    reply(&w, OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    CHECK(ends(&w.t.out, "connection: close\r\n\r\nabc"));
    CHECK(w.t.shut);
}

static void takes_1_0_from_backends(void)
{
    WORLD;
    say(&w, GET "\r\n");
    reply(&w, "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc");
    CHECK(ends(&w.t.out, "content-length: 3\r\n\r\nabc"));
    CHECK(starts(&w.t.out, "HTTP/1.1 200"));
    CHECK(w.hung_up && w.idle);
}

static void cuts_what_the_backend_cut(void)
{
    static const char *const answers[] = {
        OK "Content-Length: 10\r\n\r\nabc",
        OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        OK "Transfer-Encoding: chunked\r\n\r\nA\r\nabc",
        OK "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
    };

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        WORLD;
        say(&w, GET "\r\n");
        reply(&w, answers[i]);
        hang_up(&w);
        CHECK(w.closed && w.t.freed && !w.t.shut);
        CHECK(!ends(&w.t.out, "\r\n0\r\n\r\n"));
        CHECK(has(&w.lines, "complete=false"));
    }
}

static void tells_of_backends_that_answer_badly(void)
{
    static const char *const answers[] = {
        "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        OK "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        OK "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        OK "X : y\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    };

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        WORLD;
        say(&w, GET "Accept: text/html\r\n\r\n");
        reply(&w, answers[i]);
        if (!starts(&w.t.out, "HTTP/1.1 502 Bad Gateway\r\n") && !mem_fail_fired())
            fail_msg("%s", answers[i]);
        CHECK(has(&w.t.out, "<h1>Bad Gateway</h1>"));
        CHECK(!has(&w.t.out, "10.0.0.1"));
        CHECK(w.hung_up && w.idle);
    }
}

static void never_uses_a_connection_with_more_on_it(void)
{
    WORLD;
    say(&w, GET "\r\n");
    reply(&w, OK "Content-Length: 2\r\n\r\nhi" OK "Content-Length: 4\r\n\r\nevil");
    CHECK(ends(&w.t.out, "hi"));
    CHECK(w.hung_up && w.idle);
    fd_close(&w.fd);
    say(&w, GET "\r\n");
    CHECK_INT(net_fake_dials(w.net), 2);
}

static void closes_an_idle_one_that_talks(void)
{
    WORLD;
    say(&w, GET "\r\n");
    reply(&w, OK "Content-Length: 2\r\n\r\nhi");
    CHECK(!w.hung_up);
    reply(&w, OK "Content-Length: 4\r\n\r\nevil");
    CHECK(w.hung_up);
    CHECK(!has(&w.t.out, "evil"));
}

/* Whatever the next request finds on a kept connection is no answer to it. */
static void takes_none_that_has_spoken(void)
{
    static const char more[] = OK "Content-Length: 4\r\n\r\nevil";
    WORLD;

    say(&w, GET "\r\n");
    reply(&w, OK "Content-Length: 2\r\n\r\nhi");
    buf_reset(&w.t.out);
    CHECK(send(w.fd, more, sizeof(more) - 1, MSG_NOSIGNAL) == sizeof(more) - 1);
    buf_putz(&w.t.in, GET "\r\n");
    poke(&w); /* before the loop has seen what the backend said */
    fd_close(&w.fd);
    turn(&w);
    CHECK_INT(net_fake_dials(w.net), 2);
    CHECK_INT(w.t.out.n, 0);
    reply(&w, OK "Content-Length: 2\r\n\r\nho");
    CHECK(ends(&w.t.out, "ho"));
}

/* One that must not be sent twice is not lost on a connection that is known to be closed. */
static void takes_none_that_has_closed(void)
{
    WORLD;
    say(&w, GET "\r\n");
    reply(&w, OK "Content-Length: 2\r\n\r\nhi");
    fd_close(&w.fd);
    buf_putz(&w.t.in, "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\na");
    poke(&w);
    turn(&w);
    CHECK_INT(net_fake_dials(w.net), 2);
    reply(&w, OK "Content-Length: 2\r\n\r\nho");
    CHECK(ends(&w.t.out, "ho"));
}

static void tries_the_next_backend(void)
{
    struct addr_port two = {{.n = 4, .b = {10, 0, 0, 2}}, 0};
    struct addr_port one = {{.n = 4, .b = {10, 0, 0, 1}}, 0};
    WORLD;

    CHECK_OK(net_fake_rule(w.net, &one, NET_FAKE_REFUSE));
    CHECK_OK(net_fake_rule(w.net, &two, NET_FAKE_ACCEPT));
    say(&w, GET "\r\n");
    CHECK(starts(&w.asked, "GET /x"));
    reply(&w, OK "Content-Length: 2\r\nConnection: close\r\n\r\nhi");
    CHECK(ends(&w.t.out, "hi"));
    CHECK(has(&w.lines, "backend=10.0.0.2:82"));
    CHECK_INT(net_fake_dials(w.net), 2);
    fd_close(&w.fd);
    /* For a while the first one is not asked first. */
    say(&w, GET "\r\n");
    CHECK_INT(net_fake_dials(w.net), 3);
    reply(&w, OK "Content-Length: 2\r\nConnection: close\r\n\r\nhi");
    fd_close(&w.fd);
    wait_for(&w, BACKEND_PAUSE_SECONDS);
    CHECK_OK(net_fake_rule(w.net, &one, NET_FAKE_ACCEPT));
    say(&w, GET "\r\n");
    CHECK_INT(net_fake_dials(w.net), 4);
    reply(&w, OK "Content-Length: 2\r\n\r\nhi");
    CHECK(has(&w.lines, "backend=10.0.0.1:81"));
}

static void says_when_no_backend_can_be_reached(void)
{
    struct addr_port one = {{.n = 4, .b = {10, 0, 0, 1}}, 0};
    WORLD;

    CHECK_OK(net_fake_rule(w.net, &one, NET_FAKE_REFUSE));
    say(&w, GET "\r\n");
    CHECK(starts(&w.t.out, "HTTP/1.1 502 Bad Gateway\r\n"));
    CHECK(has(&w.t.out, "content-type: text/plain"));
    CHECK(!has(&w.t.out, "10.0.0"));
    CHECK(w.idle);
    CHECK(has(&w.lines, "gateway.backend-unreachable"));
    CHECK_OK(net_fake_rule(w.net, &one, NET_FAKE_SILENT));
    buf_reset(&w.t.out);
    wait_for(&w, BACKEND_PAUSE_SECONDS);
    say(&w, GET "\r\n");
    CHECK_INT(w.t.out.n, 0);
    wait_for(&w, BACKEND_CONNECT_SECONDS);
    CHECK(starts(&w.t.out, "HTTP/1.1 50"));
}

static void sends_again_what_a_stale_connection_lost(void)
{
    WORLD;
    say(&w, GET "\r\n");
    reply(&w, OK "Content-Length: 2\r\n\r\nhi");
    buf_reset(&w.asked);
    buf_reset(&w.t.out);
    /* The backend closes just when the next request is sent. */
    buf_putz(&w.t.in, GET "\r\n");
    poke(&w);
    hang_up(&w);
    CHECK_INT(net_fake_dials(w.net), 2);
    CHECK(starts(&w.asked, "GET /x"));
    reply(&w, OK "Content-Length: 2\r\n\r\nho");
    CHECK(ends(&w.t.out, "ho"));
}

static void does_not_send_twice_what_it_must_not(void)
{
    WORLD;
    say(&w, GET "\r\n");
    reply(&w, OK "Content-Length: 2\r\n\r\nhi");
    buf_reset(&w.t.out);
    buf_putz(&w.t.in, "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\na");
    poke(&w);
    hang_up(&w);
    CHECK_INT(net_fake_dials(w.net), 1);
    CHECK(starts(&w.t.out, "HTTP/1.1 502"));
    /* Nor does it trust an old connection with it. */
    buf_reset(&w.t.out);
    say(&w, GET "\r\n");
    reply(&w, OK "Content-Length: 2\r\n\r\nhi");
    wait_for(&w, GATEWAY_FRESH_SECONDS);
    say(&w, "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\na");
    CHECK_INT(net_fake_dials(w.net), 3);
}

static void fails_once_on_a_fresh_connection(void)
{
    WORLD;
    w.sites[0].backends.n = 1;
    CHECK_OK(configure(&w));
    say(&w, GET "\r\n");
    hang_up(&w);
    CHECK_INT(net_fake_dials(w.net), 1);
    CHECK(starts(&w.t.out, "HTTP/1.1 502"));
    CHECK(has(&w.lines, "err=gateway.backend-cut"));
}

static void refuses_the_wrong_host(void)
{
    static const struct {
        const char *text;
        const char *status;
    } requests[] = {
        {"GET / HTTP/1.1\r\nHost: other.example\r\n\r\n", "421"},
        {"GET / HTTP/1.1\r\nHost: name.example\r\n\r\n", "421"},
        {"GET / HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n", "421"},
        {"GET https://other.example/ HTTP/1.1\r\nHost: other.example\r\n\r\n", "421"},
        {"GET https://wiki.example/ HTTP/1.1\r\nHost: other.example\r\n\r\n", "400"},
        {"GET https://other.example/ HTTP/1.1\r\nHost: wiki.example\r\n\r\n", "400"},
        {"GET / HTTP/1.1\r\n\r\n", "400"},
        {"CONNECT wiki.example:443 HTTP/1.1\r\n" H "\r\n", "501"},
        {"TRACE / HTTP/1.1\r\n" H "\r\n", "501"},
    };

    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        WORLD;
        say(&w, requests[i].text);
        CHECK(w.t.out.n > 12);
        CHECK_STR(str_head(str_skip(buf_str(&w.t.out), 9), 3), requests[i].status);
        CHECK_INT(net_fake_dials(w.net), 0);
    }
}

static void accepts_other_spellings_of_the_host(void)
{
    static const char *const hosts[] = {"WIKI.example", "wiki.example:443", "wiki.example.",
                                        "wiki.example:8443"};

    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        WORLD;
        buf_printf(&w.t.in, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", hosts[i]);
        turn(&w);
        CHECK(starts(&w.asked, "GET / HTTP/1.1\r\nhost: "));
    }
}

static void continues_end_to_end(void)
{
    WORLD;
    say(&w, "POST / HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    CHECK(has(&w.asked, "\r\nexpect: 100-continue\r\n"));
    CHECK_INT(w.t.out.n, 0);
    reply(&w, "HTTP/1.1 100 Continue\r\n\r\n");
    CHECK_STR(buf_str(&w.t.out), "HTTP/1.1 100 Continue\r\n\r\n");
    say(&w, "abc");
    CHECK(ends(&w.asked, "abc"));
    reply(&w, OK "Content-Length: 0\r\n\r\n");
    CHECK(has(&w.t.out, "HTTP/1.1 200 OK\r\n"));
    CHECK(w.idle);
}

static void refuses_to_continue(void)
{
    WORLD;
    say(&w, "POST / HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    reply(&w, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
    CHECK(starts(&w.t.out, "HTTP/1.1 413 "));
    CHECK(has(&w.t.out, "connection: close\r\n"));
    CHECK(w.t.shut && w.hung_up);
}

static void drops_other_interim_answers(void)
{
    WORLD;
    say(&w, GET "\r\n");
    reply(&w, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK
              "Content-Length: 2\r\n\r\nhi");
    CHECK(starts(&w.t.out, "HTTP/1.1 200 OK\r\n"));
    CHECK(ends(&w.t.out, "hi"));
    CHECK(w.idle);
    buf_reset(&w.t.out);
    say(&w, GET "\r\n");
    for (int i = 0; i <= GATEWAY_INTERIM_MAX; i++)
        reply(&w, "HTTP/1.1 102 Processing\r\n\r\n");
    CHECK(starts(&w.t.out, "HTTP/1.1 502"));
}

/* The answer comes while the request is still being sent. */
static void passes_an_early_answer(void)
{
    WORLD;
    say(&w, "POST / HTTP/1.1\r\n" H "Content-Length: 100\r\n\r\nabc");
    reply(&w, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
    CHECK(ends(&w.t.out, "connection: close\r\n\r\nno"));
    CHECK(w.t.shut && w.hung_up);
}

static void hears_a_backend_that_takes_no_more(void)
{
    WORLD;
    say(&w, "POST / HTTP/1.1\r\n" H "Content-Length: 1000000\r\n\r\nabc");
    (void)send(w.fd, "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno", 40, MSG_NOSIGNAL);
    fd_close(&w.fd);
    for (int i = 0; i < 100; i++)
        buf_putz(&w.t.in, "0123456789012345678901234567890123456789012345678901234567890123456789");
    turn(&w);
    CHECK(starts(&w.t.out, "HTTP/1.1 413 "));
    CHECK(ends(&w.t.out, "no"));
}

static void lets_the_backend_go_with_the_client(void)
{
    WORLD;
    say(&w, GET "\r\n");
    w.t.eof = true;
    turn(&w);
    CHECK(w.closed && w.hung_up);
    CHECK(has(&w.lines, "err=gateway.client-gone"));
    fd_close(&w.fd);
    CHECK_OK(come(&w, "wiki.example"));
    say(&w, "POST / HTTP/1.1\r\n" H "Content-Length: 100\r\n\r\nabc");
    w.t.broken = true;
    turn(&w);
    CHECK(w.closed && w.hung_up);
}

static void holds_little_for_a_slow_client(void)
{
    size_t sent = 0;
    char bytes[4096];
    WORLD;

    memset(bytes, 'b', sizeof(bytes));
    say(&w, GET "\r\n");
    w.t.room = 10'000;
    reply(&w, OK "Content-Length: 4000000\r\n\r\n");
    for (int i = 0; i < 1000; i++) {
        ssize_t n = send(w.fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n > 0)
            sent += (size_t)n;
        turn(&w);
        if (n < 0)
            break;
    }
    /* The socket's own buffers and one block. */
    CHECK(sent < 1'000'000);
    CHECK_INT(w.t.out.n, 10'000);
    CHECK(w.t.wants & NET_WANT_WRITE);
    while (sent < 4'000'000 - sizeof(bytes)) {
        ssize_t n = send(w.fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL);

        w.t.room = OUT_MAX;
        if (n > 0)
            sent += (size_t)n;
        turn(&w);
    }
    CHECK(w.t.out.n > 3'000'000);
    CHECK(!w.closed);
}

static void stops_reading_when_the_backend_takes_nothing(void)
{
    WORLD;
    say(&w, "POST / HTTP/1.1\r\n" H "Content-Length: 3000000\r\n\r\n");
    for (int i = 0; i < 30'000; i++)
        buf_putz(&w.t.in, "0123456789012345678901234567890123456789012345678901234567890123456789"
                          "012345678901234567890123456789");
    for (int i = 0; i < 200; i++) {
        ev_run_once(w.ev, EV_NOWAIT);
        if (w.t.wants & NET_WANT_READ)
            poke(&w);
    }
    CHECK(!(w.t.wants & NET_WANT_READ));
    CHECK(w.t.in.n > 2'000'000);
    for (int i = 0; i < 100; i++)
        turn(&w);
    CHECK_INT(w.t.in.n, 0);
    CHECK(w.asked.n > 3'000'000);
}

static void waits_only_so_long(void)
{
    WORLD;
    say(&w, GET "\r\n");
    wait_for(&w, GATEWAY_RESPONSE_SECONDS - 1);
    CHECK_INT(w.t.out.n, 0);
    wait_for(&w, 1);
    CHECK(starts(&w.t.out, "HTTP/1.1 504 "));
    CHECK(w.hung_up && w.idle);
    fd_close(&w.fd);
    buf_reset(&w.t.out);
    /* In the middle of an answer it is too late for a page. */
    say(&w, GET "\r\n");
    reply(&w, OK "Content-Length: 10\r\n\r\nabc");
    wait_for(&w, GATEWAY_RESPONSE_SECONDS);
    CHECK(w.closed && !w.t.shut);
    CHECK(ends(&w.t.out, "abc"));
}

/* A request ends with the limit that it began with; another site's is its own. */
static void waits_as_configured_for_backends(void)
{
    WORLD;
    w.sites[0].response_timeout = 5 * WHEN_SECOND;
    CHECK_OK(configure(&w));
    say(&w, GET "\r\n");
    w.sites[0].response_timeout = 300 * WHEN_SECOND;
    CHECK_OK(configure(&w));
    wait_for(&w, 4);
    CHECK_INT(w.t.out.n, 0);
    wait_for(&w, 1);
    CHECK(starts(&w.t.out, "HTTP/1.1 504 "));
    CHECK(has(&w.lines, "text=\"10.0.0.1:81 was silent for 5s (response_timeout)\""));
    fd_close(&w.fd);
    buf_reset(&w.t.out);
    say(&w, GET "\r\n");
    wait_for(&w, 299);
    CHECK_INT(w.t.out.n, 0);
    reply(&w, OK "Content-Length: 10\r\n\r\nabc");
    wait_for(&w, 299);
    CHECK(!w.closed);
    reply(&w, "defghij");
    CHECK(ends(&w.t.out, "abcdefghij"));
    CHECK_OK(come(&w, "name.example"));
    say(&w, "GET / HTTP/1.1\r\nHost: name.example\r\n\r\n");
    wait_for(&w, GATEWAY_RESPONSE_SECONDS);
    CHECK(starts(&w.t.out, "HTTP/1.1 504 "));
}

static void waits_as_configured_for_clients(void)
{
    WORLD;
    w.sites[0].client_timeout = 3 * WHEN_SECOND;
    w.conf.gateway.head_timeout = 2 * WHEN_SECOND;
    w.conf.gateway.idle_timeout = 4 * WHEN_SECOND;
    CHECK_OK(configure(&w));
    say(&w, "POST / HTTP/1.1\r\n" H "Content-Length: 1000\r\n\r\n");
    wait_for(&w, 2);
    CHECK_INT(w.t.out.n, 0);
    wait_for(&w, 1);
    CHECK(starts(&w.t.out, "HTTP/1.1 408 "));
    CHECK(has(&w.lines, "sent or took too little in 3s (client_timeout)"));
    fd_close(&w.fd);
    CHECK_OK(come(&w, "wiki.example"));
    say(&w, "GET /x");
    wait_for(&w, 1);
    CHECK_INT(w.t.out.n, 0);
    wait_for(&w, 1);
    CHECK(starts(&w.t.out, "HTTP/1.1 408 "));
    CHECK_OK(come(&w, "wiki.example"));
    say(&w, GET "\r\n");
    reply(&w, OK "Content-Length: 2\r\n\r\nhi");
    wait_for(&w, 3);
    CHECK(!w.t.shut);
    wait_for(&w, 1);
    CHECK(w.t.shut);
}

static void has_little_patience_with_drips(void)
{
    int seconds = 0;
    WORLD;

    say(&w, "POST / HTTP/1.1\r\n" H "Content-Length: 1000\r\n\r\n");
    for (; seconds < 100 && !w.t.shut; seconds++) {
        say(&w, "x");
        wait_for(&w, 1);
    }
    CHECK(starts(&w.t.out, "HTTP/1.1 408 "));
    CHECK(seconds >= GATEWAY_CLIENT_SECONDS && seconds <= GATEWAY_CLIENT_SECONDS + 1);
    CHECK(w.hung_up);
}

static void has_patience_with_the_steady(void)
{
    WORLD;
    say(&w, "POST / HTTP/1.1\r\n" H "Content-Length: 100000\r\n\r\n");
    for (int i = 0; i < 200; i++) {
        for (int k = 0; k < 3; k++)
            buf_putz(&w.t.in,
                     "0123456789012345678901234567890123456789012345678901234567890123456789"
                     "012345678901234567890123456789");
        turn(&w);
        wait_for(&w, 2);
    }
    CHECK(!w.closed && !w.t.shut);
    CHECK_INT(w.t.out.n, 0);
}

static void cuts_a_client_that_takes_nothing(void)
{
    WORLD;
    say(&w, GET "\r\n");
    w.t.room = 10;
    reply(&w, OK "Content-Length: 10\r\n\r\nabcdefghij");
    wait_for(&w, GATEWAY_CLIENT_SECONDS - 1);
    CHECK(!w.closed);
    wait_for(&w, 1);
    CHECK(w.closed && w.t.freed);
}

static void times_of_heads_and_pauses(void)
{
    WORLD;
    wait_for(&w, GATEWAY_HEAD_SECONDS - 1);
    say(&w, "GET /x");
    CHECK(!w.idle);
    for (int i = 0; i < GATEWAY_HEAD_SECONDS; i++) {
        CHECK_INT(w.t.out.n, 0);
        say(&w, "x");
        wait_for(&w, 1);
    }
    CHECK(starts(&w.t.out, "HTTP/1.1 408 "));
    CHECK(w.t.shut);
    CHECK_OK(come(&w, "wiki.example"));
    wait_for(&w, GATEWAY_HEAD_SECONDS);
    CHECK(w.closed);
    CHECK_OK(come(&w, "wiki.example"));
    say(&w, GET "\r\n");
    reply(&w, OK "Content-Length: 2\r\n\r\nhi");
    wait_for(&w, GATEWAY_IDLE_SECONDS - 1);
    CHECK(!w.closed);
    wait_for(&w, 1);
    CHECK(w.t.shut && !w.closed);
    wait_for(&w, GATEWAY_LINGER_SECONDS);
    CHECK(w.closed);
}

static void forgets_idle_backends(void)
{
    WORLD;
    say(&w, GET "\r\n");
    reply(&w, OK "Content-Length: 2\r\n\r\nhi");
    wait_for(&w, BACKEND_IDLE_SECONDS - 1);
    CHECK(!w.hung_up);
    wait_for(&w, 1);
    CHECK(w.hung_up);
}

static void drains(void)
{
    WORLD;
    say(&w, GET "\r\n");
    CHECK(w.c);
    w.speaker->drain(w.c);
    CHECK(!w.closed);
    reply(&w, OK "Content-Length: 2\r\n\r\nhi");
    CHECK(has(&w.t.out, "connection: close\r\n"));
    CHECK(w.t.shut);
    CHECK_OK(come(&w, "wiki.example"));
    say(&w, GET "\r\n");
    reply(&w, OK "Content-Length: 2\r\n\r\nhi");
    CHECK(w.c);
    w.speaker->drain(w.c);
    CHECK(w.t.shut && !w.closed);
    /* A request that crosses it is read and dropped. */
    say(&w, GET "\r\n");
    CHECK_INT(w.t.in.n, 0);
    w.t.eof = true;
    turn(&w);
    CHECK(w.closed);
}

static void reloads_without_disturbing(void)
{
    WORLD;
    say(&w, GET "\r\n");
    w.backends[0] = STR("http://10.0.0.1:91");
    CHECK_OK(configure(&w));
    reply(&w, OK "Content-Length: 2\r\n\r\nhi");
    CHECK(ends(&w.t.out, "hi"));
    CHECK(w.idle && !w.closed);
    fd_close(&w.fd);
    say(&w, GET "\r\n");
    CHECK_INT(net_fake_dials(w.net), 2);
    reply(&w, OK "Content-Length: 2\r\n\r\nho");
    CHECK(has(&w.lines, "backend=10.0.0.1:91"));
}

static void closes_what_belongs_to_a_removed_site(void)
{
    WORLD;
    say(&w, GET "\r\n");
    w.sites[0].name = STR("new.example");
    CHECK_OK(configure(&w));
    reply(&w, OK "Content-Length: 2\r\n\r\nhi");
    CHECK(has(&w.t.out, "connection: close\r\n"));
    CHECK(ends(&w.t.out, "hi"));
    CHECK(w.t.shut);
    /* One that had not asked yet. */
    CHECK_OK(come(&w, "new.example"));
    w.sites[0].name = STR("wiki.example");
    CHECK_OK(configure(&w));
    say(&w, "GET / HTTP/1.1\r\nHost: new.example\r\n\r\n");
    CHECK(starts(&w.t.out, "HTTP/1.1 421 "));
    CHECK(w.t.shut);
}

static void refuses_newcomers(void)
{
    WORLD;
    CHECK_OK(come(&w, "wiki.example"));
    CHECK(w.c);
    w.speaker->refuse(w.c);
    CHECK(starts(&w.t.out, "HTTP/1.1 503 "));
    CHECK(has(&w.t.out, "retry-after: "));
    CHECK(w.t.shut);
}

static void refuses_a_broken_request_body(void)
{
    WORLD;
    say(&w, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    say(&w, "x\r\n");
    CHECK(starts(&w.t.out, "HTTP/1.1 400 "));
    CHECK(w.t.shut && w.hung_up);
    CHECK(!ends(&w.asked, "0\r\n\r\n"));
}

static void passes_trailers_to_those_who_want_them(void)
{
    WORLD;
    say(&w, GET "TE: trailers, deflate\r\n\r\n");
    CHECK(has(&w.asked, "te: trailers\r\nconnection: te\r\n"));
    reply(&w, OK "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\n"
                 "Set-Cookie: a=b\r\n\r\n");
    CHECK(ends(&w.t.out, "1\r\na\r\n0\r\nx-sum: 1\r\n\r\n"));
    buf_reset(&w.t.out);
    say(&w, GET "\r\n");
    reply(&w, OK "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n");
    CHECK(ends(&w.t.out, "1\r\na\r\n0\r\n\r\n"));
}

/* What comes by an address alone; a name is held against the site as ever. */
static void the_default_site_has_addresses(void)
{
    static const struct {
        const char *host;
        bool good;
    } cases[] = {{"192.0.2.1", true},     {"[2001:db8::1]:8443", true}, {"wiki.example", true},
                 {"name.example", false}, {"other.example", false},     {"192.0.2", false},
                 {"[::1", false}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(world_done) struct world w = {};
        char text[128];

        w.conf.gateway.default_site = STR("wiki.example");
        CHECK_OK(world_init(&w));
        snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", cases[i].host);
        say(&w, text);
        if (has(&w.asked, "\r\nhost: wiki.example\r\n") != cases[i].good)
            fail_msg("%s: %s / %s", cases[i].host, buf_z(&w.asked), buf_z(&w.t.out));
        CHECK_INT(has(&w.t.out, "HTTP/1.1 4"), !cases[i].good);
    }
}

/* It changes with the configuration, and is nobody's when the site goes. */
static void the_default_site_may_change(void)
{
    WORLD;
    CHECK(!w.g->otherwise);
    w.conf.gateway.default_site = STR("name.example");
    CHECK_OK(configure(&w));
    CHECK_STR(str_of(w.g->otherwise->name), "name.example");
    say(&w, "GET / HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n"); /* on a connection of the other one */
    CHECK(starts(&w.t.out, "HTTP/1.1 421 "));
    w.conf.gateway.default_site = STR("");
    CHECK_OK(configure(&w));
    CHECK(!w.g->otherwise);
}

/* So many requests, and the client is told to make another connection. */
static void requests_of_a_connection_are_counted(void)
{
    WORLD;
    CHECK(w.c);
    w.c->requests = GATEWAY_REQUESTS_MAX - 2;
    say(&w, GET "\r\n");
    reply(&w, OK "Content-Length: 2\r\n\r\nhi");
    CHECK(ends(&w.t.out, "hi"));
    CHECK(!has(&w.t.out, "connection: close"));
    buf_reset(&w.t.out);
    say(&w, GET "\r\n");
    reply(&w, OK "Content-Length: 2\r\n\r\nhi");
    CHECK(ends(&w.t.out, "hi"));
    CHECK(has(&w.t.out, "\r\nconnection: close\r\n"));
    CHECK(w.t.shut || w.closed);
}

#define TOKEN "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
#define PROOF "/.well-known/acme-challenge/" TOKEN

/* Another CA comes by HTTPS, being redirected: the worker answers itself, whatever the backend has
 * there. */
static void shows_proofs_of_other_cas(void)
{
    WORLD;
    CHECK_OK(gateway_prove_http(w.g, true, STR("wiki.example"), STR(TOKEN), STR(TOKEN ".print")));
    CHECK_RC(gateway_prove_http(w.g, true, STR("nobody.example"), STR(TOKEN), STR("x")),
             RC_NOTFOUND);
    say(&w, "GET " PROOF " HTTP/1.1\r\n" H "\r\n");
    CHECK(starts(&w.t.out, "HTTP/1.1 200 OK\r\n"));
    CHECK(has(&w.t.out, "\r\n\r\n" TOKEN ".print"));
    CHECK_INT(net_fake_dials(w.net), 0);
    /* Nothing else there is ours, and of another site nothing at all. */
    buf_reset(&w.t.out);
    say(&w, "GET " PROOF "x HTTP/1.1\r\n" H "\r\n");
    CHECK(starts(&w.asked, "GET " PROOF "x HTTP/1.1\r\n"));
    CHECK_OK(come(&w, "name.example"));
    say(&w, "GET " PROOF " HTTP/1.1\r\nHost: name.example\r\n\r\n");
    CHECK(!has(&w.t.out, ".print"));
    CHECK_OK(come(&w, "wiki.example"));
    CHECK_OK(gateway_prove_http(w.g, false, STR("wiki.example"), STR(TOKEN), STR(TOKEN ".print")));
    say(&w, "GET " PROOF " HTTP/1.1\r\n" H "\r\n");
    CHECK(!has(&w.t.out, ".print"));
}

CHECK_MAIN(
    CHECK_TEST(passes_a_request_and_its_answer), CHECK_TEST(keeps_both_connections),
    CHECK_TEST(answers_pipelined_requests_in_turn), CHECK_TEST(passes_bodies_both_ways),
    CHECK_TEST(passes_chunks_up), CHECK_TEST(answers_without_a_body),
    CHECK_TEST(ends_a_body_with_the_connection), CHECK_TEST(speaks_1_0_to_those_who_do),
    CHECK_TEST(takes_1_0_from_backends), CHECK_TEST(cuts_what_the_backend_cut),
    CHECK_TEST(tells_of_backends_that_answer_badly),
    CHECK_TEST(never_uses_a_connection_with_more_on_it), CHECK_TEST(closes_an_idle_one_that_talks),
    CHECK_TEST(takes_none_that_has_spoken), CHECK_TEST(takes_none_that_has_closed),
    CHECK_TEST(tries_the_next_backend), CHECK_TEST(says_when_no_backend_can_be_reached),
    CHECK_TEST(sends_again_what_a_stale_connection_lost),
    CHECK_TEST(does_not_send_twice_what_it_must_not), CHECK_TEST(fails_once_on_a_fresh_connection),
    CHECK_TEST(refuses_the_wrong_host), CHECK_TEST(accepts_other_spellings_of_the_host),
    CHECK_TEST(continues_end_to_end), CHECK_TEST(refuses_to_continue),
    CHECK_TEST(drops_other_interim_answers), CHECK_TEST(passes_an_early_answer),
    CHECK_TEST(hears_a_backend_that_takes_no_more), CHECK_TEST(lets_the_backend_go_with_the_client),
    CHECK_TEST_ONCE(holds_little_for_a_slow_client),
    CHECK_TEST_ONCE(stops_reading_when_the_backend_takes_nothing), CHECK_TEST(waits_only_so_long),
    CHECK_TEST_ONCE(waits_as_configured_for_backends),
    CHECK_TEST_ONCE(waits_as_configured_for_clients),
    CHECK_TEST_ONCE(has_little_patience_with_drips), CHECK_TEST_ONCE(has_patience_with_the_steady),
    CHECK_TEST(cuts_a_client_that_takes_nothing), CHECK_TEST(times_of_heads_and_pauses),
    CHECK_TEST(forgets_idle_backends), CHECK_TEST(drains), CHECK_TEST(reloads_without_disturbing),
    CHECK_TEST(closes_what_belongs_to_a_removed_site), CHECK_TEST(refuses_newcomers),
    CHECK_TEST(refuses_a_broken_request_body), CHECK_TEST(passes_trailers_to_those_who_want_them),
    CHECK_TEST_ONCE(the_default_site_has_addresses), CHECK_TEST_ONCE(the_default_site_may_change),
    CHECK_TEST(requests_of_a_connection_are_counted), CHECK_TEST(shows_proofs_of_other_cas))
