/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "ev/clock.h"
#include "ev/ev.h"
#include "http/conn.h"
#include "http/parse.h"
#include "stream_fake.h"

#define H "Host: a\r\n\r\n"
#define GET "GET /x HTTP/1.1\r\n" H

/* One connection on a transport that does what the test says. */
struct world {
    struct stream_fake t; /* first */
    struct clock_fake clock;
    struct ev *ev;
    struct http_conn_conf conf;
    struct http_conn *conn;
    /* what the connection told */
    struct http_exchange *waiting; /* when answering later */
    bool later, kill;
    size_t requests, closed, answers, complete, sent;
    bool idle;
    int status;
    struct buf paths;
};

static void answer(struct world *w, struct http_exchange *x)
{
    if (str_eq(x->req.path, STR("/none"))) {
        x->res.status = 204;
        http_finish(x);
    } else if (str_eq(x->req.path, STR("/same"))) {
        x->res.status = 304;
        http_finish(x);
    } else if (str_eq(x->req.path, STR("/html"))) {
        http_header_add(x, "Content-Length", STR("99"));
        http_header_add(x, "Transfer-Encoding", STR("chunked"));
        http_header_add(x, "Bad Name", STR("1"));
        http_header_add(x, "X-Own", STR("1"));
        http_reply_text(x, 200, "text/html; charset=utf-8", STR("<p>hi"));
    } else if (str_eq(x->req.path, STR("/big"))) {
        char *p = buf_reserve(&x->res.body, 1 << 20);

        if (p) {
            memset(p, 'b', 1 << 20);
            buf_advance(&x->res.body, 1 << 20);
        }
        http_reply(x, 200, "application/octet-stream");
    } else {
        http_reply_text(x, 200, "text/plain", w->requests == 1 ? STR("first") : STR("again"));
    }
}

static void on_request(void *arg, struct http_exchange *x)
{
    struct world *w = arg;

    w->requests++;
    buf_puts(&w->paths, x->req.path);
    if (w->kill) {
        http_conn_free(MOVE(w->conn));
        w->waiting = x;
    } else if (w->later) {
        w->waiting = x;
    } else {
        answer(w, x);
    }
}

static void on_answered(void *arg, const struct http_exchange *x, const struct http_answered *how)
{
    struct world *w = arg;

    w->answers++;
    w->complete += how->complete;
    w->sent = how->bytes;
    w->status = x->res.status;
}

static void on_idle(void *arg, bool idle)
{
    ((struct world *)arg)->idle = idle;
}

static void on_closed(void *arg)
{
    struct world *w = arg;

    w->closed++;
    http_conn_free(MOVE(w->conn));
}

static void world_done(struct world *w)
{
    http_conn_free(w->conn);
    if (w->waiting)
        http_finish(w->waiting);
    ev_free(w->ev);
    buf_done(&w->t.in);
    buf_done(&w->t.out);
    buf_done(&w->paths);
}

static enum rc world_init(struct world *w)
{
    struct addr client;

    *w = (struct world){.t = {.s = {.ops = &stream_fake_ops}, .room = SIZE_MAX}};
    buf_init(&w->t.in, 4 << 20);
    buf_init(&w->t.out, 16 << 20);
    buf_init(&w->paths, 1 << 20);
    clock_fake_init(&w->clock, 1'000'000 * WHEN_SECOND);
    TRY(addr_parse(STR("192.0.2.1"), &client));
    TRY(ev_new(&w->clock.clock, &w->ev));
    w->conf = (struct http_conn_conf){w->ev, "api", on_request, on_answered, w, on_idle, on_closed};
    return http_conn_new(&w->conf, &w->t.s, &client, w, &w->conn);
}

/* Lets the connection do what it can. */
static void settle(struct world *w)
{
    for (int i = 0; i < 1000; i++) {
        if (w->conn && ((w->t.wants & NET_WANT_READ && (w->t.in.n || w->t.eof || w->t.broken)) ||
                        (w->t.wants & NET_WANT_WRITE && (w->t.room || w->t.broken))))
            w->t.s.ready(w->t.s.arg);
        ev_run_once(w->ev, EV_NOWAIT);
    }
}

static void say(struct world *w, const char *text)
{
    buf_putz(&w->t.in, text);
    settle(w);
}

static void pass(struct world *w, int seconds)
{
    clock_fake_advance(&w->clock, seconds * WHEN_SECOND);
    settle(w);
}

static bool contains(struct str s, const char *what)
{
    size_t n = strlen(what);

    for (size_t i = 0; i + n <= s.n; i++)
        if (memcmp(s.p + i, what, n) == 0)
            return true;
    return false;
}

#define SAW(w, what) CHECK(contains(buf_str(&(w)->t.out), (what)))
#define SAW_NOT(w, what) CHECK(!contains(buf_str(&(w)->t.out), (what)))
#define BEGIN(w)                                                                                   \
    CLEANUP(world_done) struct world w = {};                                                       \
    CHECK_OK(world_init(&w));                                                                      \
    http_conn_start(w.conn)

static void answers_and_stays(void)
{
    BEGIN(w);
    say(&w, GET);
    CHECK_INT(w.requests, 1);
    CHECK(str_starts(buf_str(&w.t.out),
                     STR("HTTP/1.1 200 OK\r\nDate: Mon, 12 Jan 1970 13:46:40 GMT\r\n")) ||
          mem_fail_fired());
    SAW(&w, "\r\nContent-Length: 5\r\n");
    SAW(&w, "\r\nX-Request-Id: ");
    SAW(&w, "\r\nX-Content-Type-Options: nosniff\r\n");
    SAW(&w, "\r\nContent-Type: text/plain\r\n");
    SAW(&w, "\r\n\r\nfirst");
    SAW_NOT(&w, "Server:");
    SAW_NOT(&w, "Connection:");
    CHECK_INT(w.closed, 0);
    CHECK(w.idle);
    CHECK_INT(w.complete, 1);
    CHECK_INT(w.sent, 5);
    buf_reset(&w.t.out);
    say(&w, GET);
    SAW(&w, "\r\n\r\nagain");
}

static void pipelined_in_order(void)
{
    BEGIN(w);
    say(&w, "GET /1 HTTP/1.1\r\n" H "POST /2 HTTP/1.1\r\nContent-Length: 2\r\n" H "hi"
            "GET /3 HTTP/1.1\r\n" H "GET /4 HTT");
    CHECK_STR(buf_str(&w.paths), "/1/2/3");
    say(&w, "P/1.1\r\n" H);
    CHECK_STR(buf_str(&w.paths), "/1/2/3/4");
    CHECK_INT(w.complete, 4);
}

/* Each of them is answered from inside on_request: that must not pile up on the stack, and must not
 * keep others waiting. */
static void thousands_pipelined(void)
{
    BEGIN(w);
    for (int i = 0; i < 5000; i++)
        buf_putz(&w.t.in, GET);
    w.t.s.ready(w.t.s.arg);
    CHECK_INT(w.requests, HTTP_TURN_REQUESTS);
    settle(&w);
    CHECK_INT(w.requests, 5000);
}

static void answers_later(void)
{
    BEGIN(w);
    w.later = true;
    say(&w, GET GET);
    CHECK_INT(w.requests, 1);
    CHECK_INT(w.t.out.n, 0);
    CHECK_INT(w.t.wants, 0);
    CHECK(!w.idle);
    pass(&w, 1000);
    CHECK_INT(w.closed, 0);
    answer(&w, MOVE(w.waiting));
    settle(&w);
    SAW(&w, "first");
    CHECK_INT(w.requests, 2);
}

static void heads_have_no_body(void)
{
    BEGIN(w);
    say(&w, "HEAD /x HTTP/1.1\r\n" H);
    SAW(&w, "Content-Length: 5\r\n");
    SAW_NOT(&w, "first");
    buf_reset(&w.t.out);
    say(&w, "GET /none HTTP/1.1\r\n" H "GET /same HTTP/1.1\r\n" H);
    SAW(&w, "HTTP/1.1 204 No Content\r\n");
    SAW(&w, "HTTP/1.1 304 Not Modified\r\n");
    SAW_NOT(&w, "Content-Length");
    CHECK_INT(w.sent, 0);
}

static void last_request_closes(void)
{
    BEGIN(w);
    say(&w, "GET /x HTTP/1.1\r\nConnection: close\r\n" H GET);
    SAW(&w, "Connection: close\r\n");
    CHECK(w.t.shut);
    CHECK_INT(w.requests, 1);
    CHECK_INT(w.closed, 0);
    w.t.eof = true;
    settle(&w);
    CHECK_INT(w.closed, 1);
}

static void http_1_0_closes(void)
{
    BEGIN(w);
    say(&w, "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    SAW(&w, "Connection: close\r\n");
    CHECK(w.t.shut);
}

static void a_client_that_stays_is_left(void)
{
    BEGIN(w);
    say(&w, "GET /x HTTP/1.0\r\n\r\n");
    pass(&w, HTTP_LINGER_SECONDS - 1);
    CHECK_INT(w.closed, 0);
    say(&w, "more"); /* does not prolong it */
    pass(&w, 1);
    CHECK_INT(w.closed, 1);
}

static void lingering_is_bounded(void)
{
    BEGIN(w);
    say(&w, "GET /x HTTP/1.0\r\n\r\n");
    for (int i = 0; i < HTTP_LINGER_BYTES; i++)
        buf_u8(&w.t.in, 'x');
    settle(&w);
    CHECK_INT(w.closed, 0);
    say(&w, "x");
    CHECK_INT(w.closed, 1);
}

static void says_continue_when_asked(void)
{
    BEGIN(w);
    say(&w, "POST /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n" H);
    CHECK_STR(buf_str(&w.t.out), "HTTP/1.1 100 Continue\r\n\r\n");
    say(&w, "h");
    say(&w, "i");
    SAW(&w, "\r\n\r\nHTTP/1.1 200 OK\r\n");
    buf_reset(&w.t.out);
    say(&w, "POST /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n" H "hi");
    SAW_NOT(&w, "Continue");
}

static void refuses_and_closes(void)
{
    BEGIN(w);
    say(&w, "GET / HTTP/1.1\r\n\r\n" GET);
    CHECK(str_starts(buf_str(&w.t.out), STR("HTTP/1.1 400 Bad Request\r\n")) || mem_fail_fired());
    SAW(&w, "Content-Type: application/problem+json\r\n");
    SAW(&w, "\"type\":\"urn:ietf:params:acme:error:malformed\"");
    SAW(&w, "Connection: close\r\n");
    CHECK_INT(w.requests, 0);
    CHECK_INT(w.answers, 1);
    CHECK_INT(w.status, 400);
    CHECK(w.t.shut);
}

static void full_house_says_so(void)
{
    CLEANUP(world_done) struct world w = {};

    CHECK_OK(world_init(&w));
    http_conn_refuse(w.conn);
    settle(&w);
    CHECK(str_starts(buf_str(&w.t.out), STR("HTTP/1.1 503 Service Unavailable\r\n")) ||
          mem_fail_fired());
    SAW(&w, "\r\nRetry-After: ");
    SAW(&w, "Connection: close\r\n");
    CHECK(w.t.shut);
}

static void silent_client(void)
{
    BEGIN(w);
    pass(&w, HTTP_HEAD_SECONDS - 1);
    CHECK_INT(w.closed, 0);
    pass(&w, 1);
    CHECK_INT(w.closed, 1);
    CHECK_INT(w.t.out.n, 0);
    CHECK_INT(w.answers, 0);
}

static void dripping_head(void)
{
    BEGIN(w);
    say(&w, GET);
    buf_reset(&w.t.out);
    say(&w, "GET / HTTP/1.1\r\nX: ");
    for (int i = 0; i < HTTP_HEAD_SECONDS - 1; i++) {
        pass(&w, 1);
        say(&w, "x");
    }
    CHECK_INT(w.t.out.n, 0);
    pass(&w, 1);
    SAW(&w, "HTTP/1.1 408 Request Timeout\r\n");
    SAW(&w, "Connection: close\r\n");
    CHECK(w.t.shut);
}

static void stalling_body(void)
{
    BEGIN(w);
    say(&w, "POST / HTTP/1.1\r\nContent-Length: 3\r\n" H "a");
    pass(&w, HTTP_BODY_IDLE_SECONDS - 1);
    say(&w, "b");
    pass(&w, HTTP_BODY_IDLE_SECONDS - 1);
    CHECK_INT(w.t.out.n, 0);
    pass(&w, 1);
    SAW(&w, "HTTP/1.1 408 Request Timeout\r\n");
}

static void dripping_body(void)
{
    BEGIN(w);
    say(&w, "POST / HTTP/1.1\r\nContent-Length: 1000\r\n" H);
    for (int i = 0; i < HTTP_BODY_SECONDS - 1; i++) {
        say(&w, "a");
        pass(&w, 1);
    }
    CHECK_INT(w.t.out.n, 0);
    pass(&w, 1);
    SAW(&w, "HTTP/1.1 408 Request Timeout\r\n");
}

static void idle_between_requests(void)
{
    BEGIN(w);
    say(&w, GET);
    pass(&w, HTTP_IDLE_SECONDS - 1);
    CHECK_INT(w.closed, 0);
    say(&w, GET);
    CHECK_INT(w.requests, 2);
    pass(&w, HTTP_IDLE_SECONDS - 1);
    CHECK_INT(w.closed, 0);
    buf_reset(&w.t.out);
    pass(&w, 1);
    CHECK(w.t.shut);
    pass(&w, HTTP_LINGER_SECONDS);
    CHECK_INT(w.closed, 1);
    CHECK_INT(w.t.out.n, 0);
}

static void client_that_reads_nothing(void)
{
    BEGIN(w);
    w.t.room = 100;
    say(&w, "GET /big HTTP/1.1\r\n" H);
    pass(&w, HTTP_WRITE_STALL_SECONDS - 1);
    w.t.room = 1000;
    settle(&w);
    pass(&w, HTTP_WRITE_STALL_SECONDS - 1);
    CHECK_INT(w.closed, 0);
    pass(&w, 1);
    CHECK_INT(w.closed, 1);
    CHECK_INT(w.answers, 1);
    CHECK_INT(w.complete, 0);
    CHECK(w.sent > 700 && w.sent < 1100);
}

static void client_that_reads_slowly(void)
{
    BEGIN(w);
    w.t.room = 1;
    say(&w, "GET /big HTTP/1.1\r\n" H);
    for (int i = 0; i < HTTP_WRITE_SECONDS / 20 - 1; i++) {
        pass(&w, 20);
        w.t.room = 10;
        settle(&w);
    }
    CHECK_INT(w.closed, 0);
    pass(&w, 20);
    CHECK_INT(w.closed, 1);
}

static void big_body_in_pieces(void)
{
    BEGIN(w);
    w.t.room = 0;
    say(&w, "GET /big HTTP/1.1\r\n" H);
    while (w.requests && w.answers == 0 && w.conn) {
        w.t.room = 77777;
        w.t.s.ready(w.t.s.arg);
    }
    CHECK_INT(w.complete, 1);
    CHECK_INT(w.sent, 1 << 20);
    SAW(&w, "Content-Length: 1048576\r\n");
    SAW(&w, "\r\n\r\nbbbb");
    CHECK_INT(w.t.out.p[w.t.out.n - 1], 'b');
}

static void client_that_breaks_off(void)
{
    BEGIN(w);
    say(&w, "GET / HTTP/1.1\r\nX: ");
    w.t.eof = true;
    settle(&w);
    CHECK_INT(w.closed, 1);
    CHECK_INT(w.t.out.n, 0);
}

/* One that only closes its own direction still gets its answer. */
static void client_that_half_closes(void)
{
    BEGIN(w);
    w.t.eof = true;
    say(&w, GET);
    SAW(&w, "first");
    CHECK_INT(w.complete, 1);
    CHECK_INT(w.closed, 1);
}

static void freed_while_waited_for(void)
{
    BEGIN(w);
    w.later = true;
    say(&w, GET);
    CHECK_INT(w.requests, 1);
    http_conn_free(MOVE(w.conn));
    CHECK(w.t.freed);
    CHECK(w.waiting->cancelled);
    answer(&w, MOVE(w.waiting));
    CHECK_INT(w.answers, 0);
}

static void freed_inside_a_request(void)
{
    BEGIN(w);
    w.kill = true;
    say(&w, GET GET);
    CHECK_INT(w.requests, 1);
    CHECK(w.waiting->cancelled);
}

static void drains(void)
{
    BEGIN(w);
    say(&w, GET);
    CHECK(w.conn);
    CHECK(w.idle);
    http_conn_drain(w.conn);
    CHECK(w.t.shut);
    CHECK(!w.idle);
    /* A request that crosses the end is taken from the wire, and not answered. */
    say(&w, GET);
    CHECK_INT(w.t.in.n, 0);
    CHECK_INT(w.requests, 1);
    CHECK_INT(w.closed, 0);
    w.t.eof = true;
    settle(&w);
    CHECK_INT(w.closed, 1);
}

static void drains_without_the_client(void)
{
    BEGIN(w);
    say(&w, GET);
    CHECK(w.conn);
    http_conn_drain(w.conn);
    CHECK_INT(w.closed, 0);
    pass(&w, HTTP_LINGER_SECONDS);
    CHECK_INT(w.closed, 1);
}

/* However a connection ends, the client is told (TLS: close_notify), unless it is gone or half of
 * an answer would look like all of it. */
static void says_goodbye(void)
{
    for (int how = 0; how < 4; how++) {
        BEGIN(w);
        say(&w, GET);
        CHECK(w.conn && !w.t.shut);
        if (how == 0)
            http_conn_drain(w.conn);
        else if (how == 1)
            pass(&w, HTTP_IDLE_SECONDS);
        else if (how == 2)
            w.t.eof = true;
        else
            http_conn_free(MOVE(w.conn)); /* evicted, or the end of all */
        settle(&w);
        CHECK(w.t.shut);
        if (w.conn)
            pass(&w, HTTP_LINGER_SECONDS);
        CHECK(w.t.freed);
    }
}

static void not_to_who_is_gone(void)
{
    BEGIN(w);
    say(&w, GET);
    w.t.broken = true;
    settle(&w);
    CHECK(w.t.freed);
    CHECK(!w.t.shut);
}

static void nor_inside_an_answer(void)
{
    for (int how = 0; how < 2; how++) {
        BEGIN(w);
        w.t.room = 100'000;
        say(&w, "GET /big HTTP/1.1\r\n" H);
        CHECK(w.conn);
        if (how == 0)
            http_conn_free(MOVE(w.conn));
        else
            pass(&w, HTTP_WRITE_STALL_SECONDS);
        CHECK(w.t.freed);
        CHECK(!w.t.shut);
    }
}

static void drains_after_the_first_request(void)
{
    BEGIN(w);
    CHECK(w.conn);
    http_conn_drain(w.conn);
    CHECK_INT(w.closed, 0);
    say(&w, GET GET);
    CHECK_INT(w.requests, 1);
    SAW(&w, "Connection: close\r\n");
    CHECK(w.t.shut);
}

static void drains_without_a_first_request(void)
{
    BEGIN(w);
    CHECK(w.conn);
    http_conn_drain(w.conn);
    CHECK_INT(w.closed, 0);
    clock_fake_advance(&w.clock, HTTP_DRAIN_SECONDS * WHEN_SECOND);
    ev_run_once(w.ev, EV_NOWAIT);
    CHECK_INT(w.closed, 1);
}

static void drains_after_the_answer(void)
{
    BEGIN(w);
    w.later = true;
    say(&w, GET);
    CHECK_INT(w.requests, 1);
    http_conn_drain(w.conn);
    CHECK_INT(w.closed, 0);
    answer(&w, MOVE(w.waiting));
    SAW(&w, "Connection: close\r\n");
    CHECK(w.t.shut);
}

static void pages_are_fenced_in(void)
{
    BEGIN(w);
    say(&w, "GET /html HTTP/1.1\r\n" H);
    SAW(&w, "Content-Security-Policy: default-src 'none'\r\n");
    SAW(&w, "Content-Length: 5\r\n");
    SAW(&w, "X-Own: 1\r\n");
    SAW_NOT(&w, "Content-Length: 99");
    SAW_NOT(&w, "chunked");
    SAW_NOT(&w, "Bad Name");
}

CHECK_MAIN(CHECK_TEST(answers_and_stays), CHECK_TEST(pipelined_in_order),
           CHECK_TEST_ONCE(thousands_pipelined), CHECK_TEST(answers_later),
           CHECK_TEST(heads_have_no_body), CHECK_TEST(last_request_closes),
           CHECK_TEST(http_1_0_closes), CHECK_TEST(a_client_that_stays_is_left),
           CHECK_TEST_ONCE(lingering_is_bounded), CHECK_TEST(says_continue_when_asked),
           CHECK_TEST(refuses_and_closes), CHECK_TEST(full_house_says_so),
           CHECK_TEST(silent_client), CHECK_TEST(dripping_head), CHECK_TEST(stalling_body),
           CHECK_TEST_ONCE(dripping_body), CHECK_TEST(idle_between_requests),
           CHECK_TEST(client_that_reads_nothing), CHECK_TEST(client_that_reads_slowly),
           CHECK_TEST(big_body_in_pieces), CHECK_TEST(client_that_breaks_off),
           CHECK_TEST(client_that_half_closes), CHECK_TEST(freed_while_waited_for),
           CHECK_TEST(freed_inside_a_request), CHECK_TEST(drains),
           CHECK_TEST(drains_without_the_client), CHECK_TEST(says_goodbye),
           CHECK_TEST(not_to_who_is_gone), CHECK_TEST(nor_inside_an_answer),
           CHECK_TEST(drains_after_the_first_request), CHECK_TEST(drains_without_a_first_request),
           CHECK_TEST(drains_after_the_answer), CHECK_TEST(pages_are_fenced_in))
