/* SPDX-License-Identifier: Apache-2.0 */
/* The transport over a Unix socket, whose far ends this test speaks. */
#include "check.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "client/http.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "net/net.h"

enum { TURNS = 20, FAR_MAX = 8, GOT_MAX = 8 };

struct got {
    unsigned calls;
    enum rc rc;
    int status;
    char body[64], nonce[64], text[512];
};

struct test {
    struct check_dir dir;
    struct clock_fake clock;
    struct ev *ev;
    struct client_transport *transport;
    char path[128];
    int listener;
    int far[FAR_MAX];
    size_t n_far;
    struct got got[GOT_MAX];
};

static void test_done(struct test *t)
{
    client_transport_free(t->transport);
    for (size_t i = 0; i < t->n_far; i++)
        fd_close(&t->far[i]);
    if (t->ev)
        fd_close(&t->listener);
    ev_free(t->ev);
    check_dir_done(&t->dir);
}

static enum rc test_init(struct test *t)
{
    check_dir_init(&t->dir);
    t->listener = -1;
    clock_fake_init(&t->clock, WHEN_DAY);
    snprintf(t->path, sizeof(t->path), "%s/s", t->dir.path);
    TRY(ev_new(&t->clock.clock, &t->ev));
    TRY(net_listen_unix(t->path, 0600, &t->listener, NULL));
    return client_http_unix(t->ev, t->path, &t->transport);
}

static void turn(struct test *t)
{
    for (int i = 0; i < TURNS; i++) {
        int fd = -1;

        ev_run_once(t->ev, EV_NOWAIT);
        if (t->n_far < FAR_MAX && t->listener >= 0 && net_accept(t->listener, &fd, NULL) == RC_OK)
            t->far[t->n_far++] = fd;
    }
}

static void on_answer(void *arg, const struct client_answer *a)
{
    struct got *g = arg;

    g->calls++;
    g->rc = a->rc;
    g->status = a->status;
    IGNORE_RC(str_copyz(str_head(a->body, 63), g->body, sizeof(g->body)));
    IGNORE_RC(str_copyz(a->nonce, g->nonce, sizeof(g->nonce)));
    if (a->rc != RC_OK)
        err_textz(a->err, g->text, sizeof(g->text));
}

static enum rc ask(struct test *t, size_t i, const char *method, struct client_exchange **out)
{
    struct client_exchange *x;
    struct client_ask a = {.method = method,
                           .url = STR("https://localhost/acme/x"),
                           .max_body = 16,
                           .timeout = 10 * WHEN_SECOND};

    if (method[0] == 'P') {
        a.content_type = STR("application/jose+json");
        a.body = STR("{}");
    }
    t->got[i] = (struct got){};
    TRY(client_transport_send(t->transport, &a, on_answer, &t->got[i], out ? out : &x));
    turn(t);
    return RC_OK;
}

/* What the far end has received. */
static const char *heard(struct test *t, size_t far, char text[static 1024])
{
    ssize_t n = recv(t->far[far], text, 1023, MSG_DONTWAIT);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void say(struct test *t, size_t far, const char *text)
{
    if (send(t->far[far], text, strlen(text), MSG_NOSIGNAL) < 0)
        return;
    turn(t);
}

#define OK "HTTP/1.1 200 OK\r\n"

static void asks_and_keeps(void)
{
    CLEANUP(test_done) struct test t = {};
    char text[1024];

    CHECK_OK(test_init(&t));
    CHECK_OK(ask(&t, 0, "POST", NULL));
    CHECK_INT(t.n_far, 1);
    CHECK(str_starts(str_of(heard(&t, 0, text)),
                     STR("POST /acme/x HTTP/1.1\r\nHost: localhost\r\nUser-Agent: autarky/")));
    CHECK(str_ends(str_of(text), STR("\r\nContent-Length: 2\r\n\r\n{}")));
    CHECK_INT(t.got[0].calls, 0);
    say(&t, 0, OK "Replay-Nonce: abc\r\nContent-Length: 2\r\n\r\nh");
    CHECK_INT(t.got[0].calls, 0);
    say(&t, 0, "i");
    CHECK_INT(t.got[0].calls, 1);
    CHECK_OK(t.got[0].rc);
    CHECK_INT(t.got[0].status, 200);
    CHECK_STR(str_of(t.got[0].body), "hi");
    CHECK_STR(str_of(t.got[0].nonce), "abc");

    /* The same connection; a HEAD has no body, whatever it says. */
    CHECK_OK(ask(&t, 1, "HEAD", NULL));
    CHECK_INT(t.n_far, 1);
    say(&t, 0, OK "Content-Length: 99\r\nReplay-Nonce: d\r\n\r\n");
    CHECK_INT(t.got[1].calls, 1);
    CHECK_STR(str_of(t.got[1].nonce), "d");

    /* Not after it has closed. */
    fd_close(&t.far[0]);
    turn(&t);
    CHECK_OK(ask(&t, 2, "GET", NULL));
    CHECK_INT(t.n_far, 2);
    say(&t, 1, OK "Connection: close\r\nContent-Length: 0\r\n\r\n");
    CHECK_INT(t.got[2].calls, 1);
    CHECK_OK(ask(&t, 3, "GET", NULL));
    CHECK_INT(t.n_far, 3);
}

/* Closed at the very moment of the request: tried again, once, and only then. */
static void stale_connection(void)
{
    CLEANUP(test_done) struct test t = {};
    struct client_exchange *x;
    struct client_ask a = {.method = "GET",
                           .url = STR("https://localhost/"),
                           .max_body = 16,
                           .timeout = 10 * WHEN_SECOND};

    CHECK_OK(test_init(&t));
    CHECK_OK(ask(&t, 0, "GET", NULL));
    say(&t, 0, OK "Content-Length: 0\r\n\r\n");
    CHECK_INT(t.got[0].calls, 1);
    t.got[1] = (struct got){};
    CHECK_OK(client_transport_send(t.transport, &a, on_answer, &t.got[1], &x));
    fd_close(&t.far[0]);
    turn(&t);
    CHECK_INT(t.n_far, 2);
    CHECK_INT(t.got[1].calls, 0);
    fd_close(&t.far[1]);
    turn(&t);
    CHECK_INT(t.got[1].calls, 1);
    CHECK_RC(t.got[1].rc, RC_NET);
}

static void bad_answers(void)
{
    static const struct {
        const char *text;
        bool close;
        enum rc rc;
        const char *says;
    } cases[] = {
        {"", true, RC_NET, "broke off"},
        {OK "Content-Length: 5\r\n\r\nab", true, RC_CLOSED, "before the answer was complete"},
        {"SSH-2.0-OpenSSH\r\n", false, RC_PARSE, "does not begin with HTTP/"},
        {OK "Content-Length: 17\r\n\r\n0123456789abcdefg", false, RC_TOOBIG, "longer than 16"},
        {OK "X: a\nb\r\n\r\n", false, RC_PARSE, "was refused"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(test_done) struct test t = {};
        char text[1024];

        CHECK_OK(test_init(&t));
        CHECK_OK(ask(&t, 0, "GET", NULL));
        heard(&t, 0, text); /* what is not read would be a reset */
        say(&t, 0, cases[i].text);
        if (cases[i].close)
            fd_close(&t.far[0]);
        turn(&t);
        CHECK_INT(t.got[0].calls, 1);
        if ((t.got[0].rc != cases[i].rc || !strstr(t.got[0].text, cases[i].says)) &&
            !mem_fail_fired())
            fail_msg("case %zu: %s: %s", i, rc_text(t.got[0].rc), t.got[0].text);
    }
}

static void endless(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t));
    CHECK_OK(ask(&t, 0, "GET", NULL));
    say(&t, 0, OK "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n");
    for (int i = 0; i < 20000 && t.got[0].calls == 0; i++)
        say(&t, 0, "X: yyyy\r\n");
    CHECK_INT(t.got[0].calls, 1);
    CHECK_RC(t.got[0].rc, RC_PARSE);
}

static void nobody_there(void)
{
    CLEANUP(test_done) struct test t = {};
    char long_path[CLIENT_HTTP_PATH_MAX + 1];
    struct client_transport *none = NULL;
    struct client_exchange *x;
    struct client_ask a = {.method = "GET", .url = STR("x"), .max_body = 1, .timeout = 1};

    CHECK_OK(test_init(&t));
    fd_close(&t.listener);
    CHECK_OK(ask(&t, 0, "GET", NULL));
    CHECK_RC(t.got[0].rc, RC_NET);
    unlink(t.path);
    CHECK_OK(ask(&t, 0, "GET", NULL));
    CHECK_RC(t.got[0].rc, RC_NOTFOUND);
    CHECK_INT(t.got[0].calls, 1);
    CHECK(client_transport_send(t.transport, &a, on_answer, &t.got[0], &x) != RC_OK);
    memset(long_path, 'a', sizeof(long_path));
    long_path[sizeof(long_path) - 1] = '\0';
    CHECK_RC(client_http_unix(t.ev, long_path, &none), RC_TOOBIG);
}

static void silence(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t));
    CHECK_OK(ask(&t, 0, "GET", NULL));
    clock_fake_advance(&t.clock, 9 * WHEN_SECOND);
    turn(&t);
    CHECK_INT(t.got[0].calls, 0);
    clock_fake_advance(&t.clock, WHEN_SECOND);
    turn(&t);
    CHECK_INT(t.got[0].calls, 1);
    CHECK_RC(t.got[0].rc, RC_TIMEOUT);
    CHECK(strstr(t.got[0].text, "no answer in 10 seconds"));
    CHECK_OK(ask(&t, 1, "GET", NULL));
    CHECK_INT(t.n_far, 2); /* not on the connection where an answer may still come */
}

/* More requests than connections wait for their turn. */
static void many(void)
{
    CLEANUP(test_done) struct test t = {};
    struct client_exchange *x[GOT_MAX];

    CHECK_OK(test_init(&t));
    for (size_t i = 0; i < GOT_MAX; i++)
        CHECK_OK(ask(&t, i, "GET", &x[i]));
    CHECK_INT(t.n_far, CLIENT_HTTP_CONNECTIONS_MAX);
    CHECK_INT(t.got[0].calls + t.got[7].calls, 0);
    client_transport_cancel(t.transport, x[7]); /* waiting */
    client_transport_cancel(t.transport, x[0]); /* under way: its place is taken by a new one */
    turn(&t);
    CHECK_INT(t.n_far, CLIENT_HTTP_CONNECTIONS_MAX + 1);
    for (size_t k = 0; k < 3; k++)
        for (size_t far = 0; far < t.n_far; far++)
            say(&t, far, OK "Content-Length: 1\r\n\r\nx");
    CHECK_INT(t.got[0].calls, 0);
    for (size_t i = 1; i < 7; i++)
        CHECK(t.got[i].calls == 1 && t.got[i].rc == RC_OK);
    CHECK_INT(t.got[7].calls, 0);
}

static void too_many(void)
{
    CLEANUP(test_done) struct test t = {};
    struct client_exchange *x;
    struct client_ask a = {.method = "GET",
                           .url = STR("https://localhost/"),
                           .max_body = 16,
                           .timeout = 10 * WHEN_SECOND};
    struct got g = {};

    CHECK_OK(test_init(&t));
    for (size_t i = 0; i < CLIENT_HTTP_WAITING_MAX; i++)
        CHECK_OK(client_transport_send(t.transport, &a, on_answer, &g, &x));
    CHECK_RC(client_transport_send(t.transport, &a, on_answer, &g, &x), RC_QUOTA);
}

/* ---- over TCP */

struct tcp {
    struct test t;
    struct net *net;
    struct addr_port at[2];
    int listeners[2];
};

static void tcp_done(struct tcp *c)
{
    client_transport_free(MOVE(c->t.transport));
    net_free(c->net);
    test_done(&c->t);
    fd_close(&c->listeners[1]);
}

static enum rc tcp_init(struct tcp *c)
{
    struct client_reach_conf reach;

    check_dir_init(&c->t.dir);
    c->t.listener = c->listeners[1] = -1;
    TRY(ev_new(clock_system(), &c->t.ev));
    TRY(net_system(c->t.ev, &c->net));
    for (size_t i = 0; i < 2; i++) {
        TRY(addr_parse(STR("127.0.0.1"), &c->at[i].addr));
        TRY(net_listen(&c->at[i], i ? &c->listeners[1] : &c->t.listener, &c->at[i], NULL));
    }
    reach = (struct client_reach_conf){.ev = c->t.ev, .net = c->net};
    return client_http_net(&reach, &c->t.transport);
}

/* To the i-th listener; its connection is the next of `far`. */
static enum rc ask_tcp(struct tcp *c, size_t i, struct got *got)
{
    char url[128], where[ADDR_TEXT];
    struct client_exchange *x;
    struct client_ask a = {.method = "GET", .max_body = 16, .timeout = 10 * WHEN_SECOND};

    *got = (struct got){};
    snprintf(url, sizeof(url), "http://%s/x", addr_port_text(&c->at[i], where));
    a.url = str_of(url);
    TRY(client_transport_send(c->t.transport, &a, on_answer, got, &x));
    for (int k = 0; k < 100 && got->calls == 0; k++) {
        int fd = -1;

        turn(&c->t);
        if (c->t.n_far < FAR_MAX && net_accept(c->listeners[1], &fd, NULL) == RC_OK)
            c->t.far[c->t.n_far++] = fd;
        usleep(200);
    }
    return RC_OK;
}

static void by_tcp(void)
{
    CLEANUP(tcp_done) struct tcp c = {};
    struct got got;
    char text[1024];

    CHECK_OK(tcp_init(&c));
    CHECK_OK(ask_tcp(&c, 0, &got));
    CHECK_INT(c.t.n_far, 1);
    CHECK(str_starts(str_of(heard(&c.t, 0, text)), STR("GET /x HTTP/1.1\r\nHost: 127.0.0.1:")));
    say(&c.t, 0, OK "Link: <https://x/1>;rel=\"alternate\"\r\nContent-Length: 2\r\n\r\nhi");
    usleep(1000);
    turn(&c.t);
    CHECK_INT(got.calls, 1);
    CHECK_STR(str_of(got.body), "hi");

    /* Another origin is another connection, and the first one serves its own again. */
    CHECK_OK(ask_tcp(&c, 1, &got));
    CHECK_INT(c.t.n_far, 2);
    CHECK_INT(got.calls, 0);
    say(&c.t, 1, OK "Content-Length: 1\r\n\r\nx");
    CHECK_OK(ask_tcp(&c, 0, &got));
    CHECK_INT(c.t.n_far, 2);
    say(&c.t, 0, OK "Content-Length: 1\r\n\r\ny");
    usleep(1000);
    turn(&c.t);
    CHECK_STR(str_of(got.body), "y");
}

static void nobody_at_home(void)
{
    CLEANUP(tcp_done) struct tcp c = {};
    struct client_exchange *x;
    struct client_ask a = {
        .method = "GET", .url = STR("https://127.0.0.1/"), .max_body = 16, .timeout = WHEN_SECOND};
    struct got got;

    CHECK_OK(tcp_init(&c));
    fd_close(&c.listeners[1]);
    CHECK_OK(ask_tcp(&c, 1, &got));
    CHECK_INT(got.calls, 1);
    CHECK_RC(got.rc, RC_NET);
    CHECK(strstr(got.text, "cannot be reached") != NULL);
    /* Without roots there is no https. */
    got = (struct got){};
    CHECK_OK(client_transport_send(c.t.transport, &a, on_answer, &got, &x));
    turn(&c.t);
    CHECK_INT(got.calls, 1);
    CHECK_RC(got.rc, RC_UNSUPPORTED);
}

CHECK_MAIN(CHECK_TEST(asks_and_keeps), CHECK_TEST(stale_connection), CHECK_TEST(bad_answers),
           CHECK_TEST_ONCE(endless), CHECK_TEST(nobody_there), CHECK_TEST(silence),
           CHECK_TEST(many), CHECK_TEST_ONCE(too_many), CHECK_TEST_ONCE(by_tcp),
           CHECK_TEST_ONCE(nobody_at_home))
