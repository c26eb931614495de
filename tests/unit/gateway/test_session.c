/* SPDX-License-Identifier: Apache-2.0 */
/* Backends of HTTP/2: clients of HTTP/2 before the gateway, and this test as the server behind it.
 */
#include "two.h"

#include "backend/session.h"

/* That server's end. */
struct back {
    struct two t; /* first */
    nghttp2_hd_inflater *hd;
    struct buf out, heard; /* what it says next; what came, as text */
    bool greeted;
};

static void back_done(struct back *b)
{
    two_done(&b->t);
    nghttp2_hd_inflate_del(b->hd);
    buf_done(&b->out);
    buf_done(&b->heard);
}

static void listen_to(struct back *b)
{
    struct buf *asked = &b->t.w.asked;

    go(&b->t);
    if (!b->greeted && asked->n >= sizeof(H2_MAGIC) - 1) {
        buf_consume(asked, sizeof(H2_MAGIC) - 1);
        b->greeted = true;
        h2_frame(&b->out, H2_SETTINGS, 0, 0, STR(""));
        h2_frame(&b->out, H2_SETTINGS, H2_ACK, 0, STR(""));
    }
    h2_read(b->hd, asked, &b->heard);
}

/* Says what is in `out`. */
static void tell(struct back *b)
{
    if (b->t.w.fd >= 0)
        (void)send(b->t.w.fd, b->out.p, b->out.n, MSG_NOSIGNAL);
    buf_reset(&b->out);
    listen_to(b);
}

static enum rc back_init(struct back *b, const char *url)
{
    buf_init(&b->out, OUT_MAX);
    buf_init(&b->heard, OUT_MAX);
    if (nghttp2_hd_inflate_new(&b->hd) != 0)
        return RC_NOMEM;
    TRY(two_init(&b->t));
    b->t.w.backends[0] = b->t.w.backends[1] = str_of(url);
    return configure(&b->t.w);
}

#define BACK(url)                                                                                  \
    CLEANUP(back_done) struct back b = {};                                                         \
    CHECK_OK(back_init(&b, url))

static void request(struct back *b, uint32_t id, const char *lines)
{
    ask(&b->t, id, lines);
    listen_to(b);
}

/* The same connection once more, for a second server. */
static void next_server(struct back *b)
{
    fd_close(&b->t.w.fd);
    b->greeted = false;
    nghttp2_hd_inflate_del(b->hd);
    nghttp2_hd_inflate_new(&b->hd);
    buf_reset(&b->heard);
    buf_reset(&b->t.w.asked);
    listen_to(b);
}

static void many_over_one_connection(void)
{
    BACK("h2c://10.0.0.1:81");
    request(&b, 1, GET2);
    CHECK(has(&b.heard, "HEADERS 1 END\n:method: GET\n:scheme: http\n:authority: wiki.example\n"
                        ":path: /x\nx-forwarded-for: 192.0.2.7\n"));
    tell(&b);
    request(&b, 3, GET2);
    request(&b, 5, GET2);
    CHECK(has(&b.heard, "HEADERS 3 END\n"));
    CHECK(has(&b.heard, "HEADERS 5 END\n"));
    CHECK_INT(net_fake_dials(b.t.w.net), 1);
    h2_headers(&b.out, 0, 5, ":status: 200\n");
    h2_frame(&b.out, H2_DATA, H2_END_STREAM, 5, STR("three"));
    h2_headers(&b.out, H2_END_STREAM, 3, ":status: 404\n");
    h2_headers(&b.out, 0, 1, ":status: 200\n");
    tell(&b);
    CHECK(has(&b.t.told, "DATA 5 three\n") || has(&b.t.told, "DATA 5 END three\n"));
    CHECK(has(&b.t.told, "HEADERS 3 END\n:status: 404\n"));
    h2_frame(&b.out, H2_DATA, 0, 1, STR("on"));
    tell(&b);
    CHECK(has(&b.t.told, "DATA 1 on\n"));
    h2_frame(&b.out, H2_DATA, H2_END_STREAM, 1, STR("e"));
    tell(&b);
    CHECK(has(&b.t.told, "DATA 1 e\n") || has(&b.t.told, "DATA 1 END e\n"));
    CHECK(b.t.w.idle);
    request(&b, 7, GET2);
    CHECK_INT(net_fake_dials(b.t.w.net), 1);
}

/* Those who come while a connection is being made wait for it. */
static void one_connection_for_all_who_wait(void)
{
    struct addr_port at = {{4, {10, 0, 0, 1}}, 0};
    BACK("h2c://10.0.0.1:81");

    IGNORE_RC(net_fake_rule(b.t.w.net, &at, NET_FAKE_SILENT));
    for (uint32_t id = 1; id < 20; id += 2)
        request(&b, id, GET2);
    CHECK_INT(net_fake_dials(b.t.w.net), 1);
    IGNORE_RC(net_fake_rule(b.t.w.net, &at, NET_FAKE_ACCEPT));
    wait_for(&b.t.w, BACKEND_CONNECT_SECONDS);
    for (int i = 0; i < 4; i++)
        listen_to(&b);
    CHECK(net_fake_dials(b.t.w.net) <= 3);
    CHECK(has(&b.t.told, "502") || has(&b.heard, "HEADERS 1 END\n"));
}

/* The one for whom it is made goes away: another one makes it. */
static void makers_that_leave(void)
{
    struct addr_port at = {{4, {10, 0, 0, 1}}, 0};
    BACK("h2c://10.0.0.1:81");

    IGNORE_RC(net_fake_rule(b.t.w.net, &at, NET_FAKE_SILENT));
    request(&b, 1, GET2);
    request(&b, 3, GET2);
    IGNORE_RC(net_fake_rule(b.t.w.net, &at, NET_FAKE_ACCEPT));
    h2_number(&b.t.w.t.in, H2_RST_STREAM, 1, NGHTTP2_CANCEL);
    listen_to(&b);
    CHECK_INT(net_fake_dials(b.t.w.net), 2);
    CHECK(has(&b.heard, "HEADERS 1 END\n")); /* the first of that connection */
    h2_headers(&b.out, H2_END_STREAM, 1, ":status: 200\n");
    tell(&b);
    CHECK(has(&b.t.told, "HEADERS 3 END\n:status: 200\n"));
}

static void refused_is_sent_again(void)
{
    BACK("h2c://10.0.0.1:81");
    request(&b, 1, POST2 "content-length: 0\n");
    h2_number(&b.out, H2_RST_STREAM, 1, NGHTTP2_REFUSED_STREAM);
    tell(&b);
    next_server(&b);
    CHECK(has(&b.heard, "HEADERS 1 END\n:method: POST\n"));
    h2_headers(&b.out, H2_END_STREAM, 1, ":status: 200\n");
    tell(&b);
    CHECK(has(&b.t.told, "HEADERS 1 END\n:status: 200\n"));
}

static void broken_off_is_not(void)
{
    BACK("h2c://10.0.0.1:81");
    request(&b, 1, POST2 "content-length: 0\n");
    h2_number(&b.out, H2_RST_STREAM, 1, NGHTTP2_INTERNAL_ERROR);
    tell(&b);
    CHECK(has(&b.t.told, ":status: 502\n"));
    CHECK_INT(net_fake_dials(b.t.w.net), 1);
}

/* The rest of the requests is answered, and the next one goes over another connection. */
static void goaway(void)
{
    char last[8] = {0, 0, 0, 1};
    BACK("h2c://10.0.0.1:81");

    request(&b, 1, GET2);
    h2_frame(&b.out, H2_GOAWAY, 0, 0, str_bytes(last, sizeof(last)));
    tell(&b);
    h2_headers(&b.out, 0, 1, ":status: 200\n");
    tell(&b);
    h2_frame(&b.out, H2_DATA, H2_END_STREAM, 1, STR("old"));
    tell(&b);
    CHECK(has(&b.t.told, "old\n"));
    CHECK(b.t.w.hung_up);
    next_server(&b);
    request(&b, 3, GET2);
    CHECK_INT(net_fake_dials(b.t.w.net), 2);
    CHECK(has(&b.heard, "HEADERS 1 END\n"));
}

static void cut_in_the_middle(void)
{
    BACK("h2c://10.0.0.1:81");
    request(&b, 1, POST2 "content-length: 0\n");
    request(&b, 3, GET2);
    h2_headers(&b.out, 0, 1, ":status: 200\n");
    h2_frame(&b.out, H2_DATA, 0, 1, STR("half"));
    tell(&b);
    fd_close(&b.t.w.fd);
    listen_to(&b);
    CHECK(has(&b.t.told, "DATA 1 half\nRST_STREAM 1 2\n"));
    /* What may be sent twice is. */
    next_server(&b);
    CHECK(has(&b.heard, "HEADERS 1 END\n:method: GET\n"));
}

static void given_back_after_a_while(void)
{
    BACK("h2c://10.0.0.1:81");
    request(&b, 1, GET2);
    h2_headers(&b.out, H2_END_STREAM, 1, ":status: 200\n");
    tell(&b);
    CHECK(!b.t.w.hung_up);
    wait_for(&b.t.w, BACKEND_IDLE_SECONDS - 1);
    listen_to(&b);
    CHECK(!b.t.w.hung_up);
    wait_for(&b.t.w, 2);
    listen_to(&b);
    CHECK(b.t.w.hung_up);
}

/* The site goes, and with it the connection that nobody uses; one that is used stays until then. */
static void sites_that_go(void)
{
    BACK("h2c://10.0.0.1:81");
    request(&b, 1, GET2);
    h2_headers(&b.out, 0, 1, ":status: 200\n");
    tell(&b);
    b.t.w.backends[0] = b.t.w.backends[1] = STR("http://10.0.0.2:82");
    CHECK_OK(configure(&b.t.w));
    h2_frame(&b.out, H2_DATA, H2_END_STREAM, 1, STR("end"));
    tell(&b);
    CHECK(has(&b.t.told, "end\n"));
    CHECK(b.t.w.hung_up);
}

static void a_server_that_is_silent(void)
{
    BACK("h2c://10.0.0.1:81");
    request(&b, 1, GET2);
    tell(&b);
    wait_for(&b.t.w, 61);
    listen_to(&b);
    CHECK(has(&b.t.told, ":status: 504\n"));
    /* Such a connection is not trusted with another request. */
    next_server(&b);
    request(&b, 3, GET2);
    CHECK_INT(net_fake_dials(b.t.w.net), 2);
}

/* The shortest way there is, for the mode in which every allocation fails in turn. */
static void one_request(void)
{
    BACK("h2c://10.0.0.1:81");
    request(&b, 1, GET2);
    h2_headers(&b.out, H2_END_STREAM, 1, ":status: 200\n");
    tell(&b);
    CHECK(has(&b.t.told, "HEADERS 1 END\n:status: 200\n"));
}

CHECK_MAIN(CHECK_TEST(one_request), CHECK_TEST_ONCE(many_over_one_connection),
           CHECK_TEST_ONCE(one_connection_for_all_who_wait), CHECK_TEST_ONCE(makers_that_leave),
           CHECK_TEST_ONCE(refused_is_sent_again), CHECK_TEST_ONCE(broken_off_is_not),
           CHECK_TEST_ONCE(goaway), CHECK_TEST_ONCE(cut_in_the_middle),
           CHECK_TEST_ONCE(given_back_after_a_while), CHECK_TEST_ONCE(sites_that_go),
           CHECK_TEST_ONCE(a_server_that_is_silent))
