/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "crypto/crypto.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "http/server.h"
#include "net/net.h"
#include "tls/context.h"

enum { CLIENTS = 100, ROOM = 3, EACH = 2 };

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

struct world {
    struct clock_fake clock;
    struct ev *ev;
    int listener;
    struct addr_port at;
    struct http_server *server;
    int clients[CLIENTS];
    size_t n_clients, requests, drained;
    bool later;
    struct http_exchange *waiting[CLIENTS];
    size_t n_waiting;
    size_t asked;                     /* whether a newcomer may enter */
    bool closed;                      /* it may not */
    size_t bodies, bodies_per_client; /* for world_init */
    struct tls_context *tls;          /* the same */
    bool proxied;                     /* the same: by one load balancer */
    const char *unwanted;             /* the address of one who may not shake hands */
    size_t failed;
    char who[ADDR_TEXT]; /* failed last */
};

static bool on_newcomer(void *arg, int fd)
{
    struct world *w = arg;
    struct addr_port peer;

    w->asked += net_peer_addr(fd, &peer) == RC_OK;
    return !w->closed;
}

static bool on_entry(void *arg, const struct addr *who)
{
    const struct world *w = arg;
    char text[ADDR_TEXT];

    return !w->unwanted || !str_eq(str_of(addr_text(who, text)), str_of(w->unwanted));
}

static void on_request(void *arg, struct http_exchange *x)
{
    struct world *w = arg;

    w->requests++;
    if (w->later)
        w->waiting[w->n_waiting++] = x;
    else
        http_reply_text(x, 200, "text/plain", STR("hello"));
}

static bool is_proxied(void *arg, const struct addr *)
{
    return ((struct world *)arg)->proxied;
}

static void on_failed(void *arg, const struct addr *who, const struct err *)
{
    struct world *w = arg;

    w->failed++;
    addr_text(who, w->who);
}

static void on_drained(void *arg)
{
    ((struct world *)arg)->drained++;
}

static void answer_all(struct world *w)
{
    while (w->n_waiting)
        http_reply_text(w->waiting[--w->n_waiting], 200, "text/plain", STR("later"));
}

static void world_done(struct world *w)
{
    http_server_free(w->server);
    answer_all(w);
    for (size_t i = 0; i < w->n_clients; i++)
        fd_close(&w->clients[i]);
    tls_context_free(w->tls);
    ev_free(w->ev);
    fd_close(&w->listener);
}

static enum rc world_init(struct world *w, size_t connections, size_t per_client)
{
    struct http_server_conf conf = {
        .name = "plain",
        .tls = w->tls,
        .connections = connections,
        .per_client = per_client,
        .bodies = w->bodies,
        .bodies_per_client = w->bodies_per_client,
        .on_request = on_request,
        .admits = on_newcomer,
        .proxied = is_proxied,
        .enters = on_entry,
        .on_failed = on_failed,
        .arg = w,
    };
    struct addr_port at;

    w->listener = -1;
    clock_fake_init(&w->clock, 1'000'000 * WHEN_SECOND);
    TRY(addr_port_parse(STR("127.0.0.1:0"), &at));
    TRY(ev_new(&w->clock.clock, &w->ev));
    TRY(net_listen(&at, &w->listener, &w->at, NULL));
    conf.ev = w->ev;
    TRY(http_server_new(&conf, w->listener, &w->server));
    http_server_start(w->server);
    return RC_OK;
}

/* The kernel delivers over loopback at once. */
static void turn(struct world *w)
{
    for (int i = 0; i < 20; i++)
        ev_run_once(w->ev, EV_NOWAIT);
}

/* A client from 127.0.0.`last`; its number. */
static size_t client(struct world *w, uint8_t last)
{
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    from.sin_addr.s_addr = htonl(0x7f000000u | last);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(w->at.port);
    if (bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0 ||
        connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
        fail_msg("no connection: errno %d", errno);
    w->clients[w->n_clients] = fd;
    turn(w);
    return w->n_clients++;
}

static void say(struct world *w, size_t i, const char *text)
{
    if (write(w->clients[i], text, strlen(text)) < 0)
        fail_msg("not written: errno %d", errno);
    turn(w);
}

/* What the client got: the status, 0 for the end, -1 for nothing yet. */
static int got(struct world *w, size_t i)
{
    char in[4096];
    ssize_t n = read(w->clients[i], in, sizeof(in));

    if (n < 0)
        return errno == EAGAIN ? -1 : 0;
    return n < 12 ? 0 : (in[9] - '0') * 100 + (in[10] - '0') * 10 + in[11] - '0';
}

static void serves(void)
{
    CLEANUP(world_done) struct world w = {};
    struct http_server_counts counts;

    CHECK_OK(world_init(&w, 0, 0));
    CHECK_INT(client(&w, 1), 0);
    say(&w, 0, GET);
    CHECK_INT(got(&w, 0), 200);
    say(&w, 0, GET GET);
    CHECK_INT(w.requests, 3);
    http_server_counts(w.server, &counts);
    CHECK_INT(counts.open, 1);
    CHECK_INT(counts.idle, 1);
    CHECK_INT(counts.accepted, 1);
}

static void waits_until_started(void)
{
    CLEANUP(world_done) struct world w = {};
    struct http_server_conf conf;

    CHECK_OK(world_init(&w, 0, 0));
    http_server_free(MOVE(w.server));
    conf =
        (struct http_server_conf){.ev = w.ev, .name = "plain", .on_request = on_request, .arg = &w};
    CHECK_OK(http_server_new(&conf, w.listener, &w.server));
    CHECK_INT(client(&w, 1), 0);
    say(&w, 0, GET);
    CHECK_INT(got(&w, 0), -1);
    http_server_start(w.server);
    turn(&w);
    CHECK_INT(got(&w, 0), 200);
}

static void makes_room_for_newcomers(void)
{
    CLEANUP(world_done) struct world w = {};
    struct http_server_counts counts;

    CHECK_OK(world_init(&w, ROOM, 0));
    for (size_t i = 0; i < ROOM; i++) {
        CHECK_INT(client(&w, (uint8_t)(i + 1)), i);
        say(&w, i, GET);
        CHECK_INT(got(&w, i), 200);
    }
    say(&w, 0, GET); /* the second is now the one that is idle longest */
    CHECK_INT(got(&w, 0), 200);
    CHECK_INT(client(&w, 9), ROOM);
    say(&w, ROOM, GET);
    CHECK_INT(got(&w, ROOM), 200);
    CHECK_INT(got(&w, 1), 0);
    CHECK_INT(got(&w, 0), -1);
    CHECK_INT(got(&w, 2), -1);
    http_server_counts(w.server, &counts);
    CHECK_INT(counts.evicted, 1);
    CHECK_INT(counts.refused, 0);
}

/* Those who only come, and say nothing, shut nobody out. */
static void evicts_who_does_not_shake_hands(void)
{
    CLEANUP(world_done) struct world w = {};
    const struct tls_context_conf tls = {};
    struct http_server_counts counts;

    CHECK_OK(crypto_init());
    CHECK_OK(tls_context_new(&tls, &w.tls));
    CHECK_OK(world_init(&w, ROOM, 0));
    for (size_t i = 0; i < ROOM; i++)
        CHECK_INT(client(&w, (uint8_t)(i + 1)), i);
    CHECK_INT(client(&w, 8), ROOM); /* too soon: they may be about to */
    http_server_counts(w.server, &counts);
    CHECK_INT(counts.refused, 1);
    clock_fake_advance(&w.clock, HTTP_HANDSHAKE_SPARED_SECONDS * WHEN_SECOND);
    CHECK_INT(client(&w, 9), ROOM + 1);
    http_server_counts(w.server, &counts);
    CHECK_INT(counts.evicted, 1);
    CHECK_INT(counts.refused, 1);
    CHECK_INT(got(&w, 0), 0);
    CHECK_INT(got(&w, 1), -1);
    CHECK_INT(got(&w, ROOM + 1), -1);
    http_server_free(MOVE(w.server));
    tls_context_free(MOVE(w.tls));
    crypto_done();
}

/* All of its connections are those of others. Who fails is who it named, or itself when it named
 * nobody. */
static void a_load_balancer_is_no_client(void)
{
    CLEANUP(world_done) struct world w = {.proxied = true};
    const struct tls_context_conf tls = {};
    struct http_server_counts counts;

    CHECK_OK(crypto_init());
    CHECK_OK(tls_context_new(&tls, &w.tls));
    CHECK_OK(world_init(&w, 0, EACH));
    for (size_t i = 0; i < 3 * EACH; i++)
        CHECK_INT(client(&w, 1), i);
    http_server_counts(w.server, &counts);
    CHECK_INT(counts.refused, 0);
    CHECK_INT(counts.open, 3 * EACH);
    say(&w, 0, "\x16\x03\x01");
    CHECK_INT(w.failed, 1);
    CHECK_STR(str_of(w.who), "127.0.0.1");
    say(&w, 1, "PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\r\n");
    CHECK_INT(w.failed, 1);
    say(&w, 1, "this is neither TLS nor HTTP");
    CHECK_INT(w.failed, 2);
    CHECK_STR(str_of(w.who), "192.0.2.1");
    http_server_free(MOVE(w.server));
    tls_context_free(MOVE(w.tls));
    crypto_done();
}

/* Closed before the first byte is read: the load balancer itself never is, whom it names may be. */
static void turns_away_before_the_handshake(void)
{
    CLEANUP(world_done) struct world w = {.unwanted = "127.0.0.2"};
    const struct tls_context_conf tls = {};
    struct http_server_counts counts;
    size_t one, two;

    CHECK_OK(crypto_init());
    CHECK_OK(tls_context_new(&tls, &w.tls));
    CHECK_OK(world_init(&w, 0, 0));
    one = client(&w, 1);
    two = client(&w, 2);
    CHECK_INT(got(&w, one), -1);
    CHECK_INT(got(&w, two), 0);
    w.proxied = true;
    w.unwanted = "192.0.2.1";
    one = client(&w, 1);
    two = client(&w, 1);
    say(&w, one, "PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\r\n");
    say(&w, two, "PROXY TCP4 192.0.2.2 10.0.0.1 56324 443\r\n");
    CHECK_INT(got(&w, one), 0);
    CHECK_INT(got(&w, two), -1);
    http_server_counts(w.server, &counts);
    CHECK_INT(counts.refused, 2);
    CHECK_INT(counts.open, 2);
    CHECK_INT(w.failed, 0);
    http_server_free(MOVE(w.server));
    tls_context_free(MOVE(w.tls));
    crypto_done();
}

static void says_when_all_are_busy(void)
{
    CLEANUP(world_done) struct world w = {};
    struct http_server_counts counts;

    CHECK_OK(world_init(&w, ROOM, 0));
    w.later = true;
    for (size_t i = 0; i < ROOM; i++) {
        CHECK_INT(client(&w, (uint8_t)(i + 1)), i);
        say(&w, i, GET);
    }
    CHECK_INT(client(&w, 9), ROOM);
    CHECK_INT(got(&w, ROOM), 503);
    CHECK_INT(w.requests, ROOM);
    http_server_counts(w.server, &counts);
    CHECK_INT(counts.refused, 1);
    answer_all(&w);
    turn(&w);
    CHECK_INT(got(&w, 0), 200);
    w.later = false;
    CHECK_INT(client(&w, 9), ROOM + 1);
    say(&w, ROOM + 1, GET);
    CHECK_INT(got(&w, ROOM + 1), 200);
}

static void one_client_has_its_share(void)
{
    CLEANUP(world_done) struct world w = {};

    CHECK_OK(world_init(&w, 0, EACH));
    for (size_t i = 0; i < EACH; i++)
        CHECK_INT(client(&w, 1), i);
    CHECK_INT(client(&w, 1), EACH);
    CHECK_INT(got(&w, EACH), 503);
    CHECK_INT(client(&w, 2), EACH + 1);
    say(&w, EACH + 1, GET);
    CHECK_INT(got(&w, EACH + 1), 200);
    fd_close(&w.clients[0]);
    turn(&w);
    CHECK_INT(client(&w, 1), EACH + 2);
    say(&w, EACH + 2, GET);
    CHECK_INT(got(&w, EACH + 2), 200);
}

/* A POST with a body of 100 bytes, of which that many are sent. */
static void post(struct world *w, size_t i, int sent)
{
    char text[256];

    snprintf(text, sizeof(text), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n%0*d",
             sent, 0);
    say(w, i, text);
}

/* Whether they are complete or not; and what was answered counts no more. */
static void bodies_are_bounded_together(void)
{
    CLEANUP(world_done) struct world w = {.bodies = 250, .bodies_per_client = 150};

    CHECK_OK(world_init(&w, 0, 0));
    w.later = true;
    for (size_t i = 0; i < 5; i++)
        CHECK_INT(client(&w, (uint8_t)(i + 1)), i);
    post(&w, 0, 100);
    post(&w, 1, 90);
    CHECK_INT(w.requests, 1);
    post(&w, 2, 61);
    CHECK_INT(got(&w, 2), 503);
    CHECK_INT(got(&w, 1), -1);
    say(&w, 1, "0000000000");
    CHECK_INT(w.requests, 2);
    answer_all(&w);
    turn(&w);
    CHECK_INT(got(&w, 0), 200);
    CHECK_INT(got(&w, 1), 200);
    post(&w, 3, 100);
    post(&w, 4, 100);
    CHECK_INT(w.requests, 4);
}

static void one_client_has_its_share_of_bodies(void)
{
    CLEANUP(world_done) struct world w = {.bodies = 1000, .bodies_per_client = 150};

    CHECK_OK(world_init(&w, 0, 0));
    w.later = true;
    for (size_t i = 0; i < 4; i++)
        CHECK_INT(client(&w, i < 3 ? 1 : 2), i);
    post(&w, 0, 99);
    post(&w, 1, 52);
    CHECK_INT(got(&w, 1), 503);
    post(&w, 3, 100);
    CHECK_INT(w.requests, 1);
    fd_close(&w.clients[0]);
    turn(&w);
    /* What was refused counts until the answer has been sent, and is gone by now. */
    post(&w, 2, 100);
    CHECK_INT(w.requests, 2);
}

static void refusals_are_bounded_too(void)
{
    CLEANUP(world_done) struct world w = {};
    size_t said = 0, closed = 0;

    CHECK_OK(world_init(&w, 0, EACH));
    for (size_t i = 0; i < EACH + HTTP_REFUSALS_MAX + 5; i++)
        client(&w, 1);
    for (size_t i = EACH; i < w.n_clients; i++) {
        int status = got(&w, i);

        said += status == 503;
        closed += status == 0;
    }
    CHECK_INT(said, HTTP_REFUSALS_MAX);
    CHECK_INT(closed, 5);
    clock_fake_advance(&w.clock, HTTP_LINGER_SECONDS * WHEN_SECOND);
    turn(&w);
    CHECK_INT(client(&w, 1), w.n_clients - 1);
    CHECK_INT(got(&w, w.n_clients - 1), 503);
}

static void drains(void)
{
    CLEANUP(world_done) struct world w = {};

    CHECK_OK(world_init(&w, 0, 0));
    CHECK_INT(client(&w, 1), 0);
    CHECK_INT(client(&w, 1), 1);
    say(&w, 0, GET);
    CHECK_INT(got(&w, 0), 200);
    w.later = true;
    say(&w, 1, GET);
    CHECK_INT(w.n_waiting, 1);
    http_server_drain(w.server, on_drained, &w);
    turn(&w);
    CHECK_INT(got(&w, 0), 0);
    CHECK_INT(got(&w, 1), -1);
    CHECK_INT(w.drained, 0);
    CHECK_INT(client(&w, 1), 2);
    say(&w, 2, GET);
    CHECK_INT(w.requests, 2);
    answer_all(&w);
    turn(&w);
    CHECK_INT(got(&w, 1), 200);
    CHECK_INT(w.drained, 0);
    fd_close(&w.clients[1]);
    turn(&w);
    CHECK_INT(w.drained, 0);
    fd_close(&w.clients[0]);
    turn(&w);
    CHECK_INT(w.drained, 1);
}

/* Who connected just before is answered, if he asks soon. */
static void drains_with_newcomers(void)
{
    CLEANUP(world_done) struct world w = {};

    CHECK_OK(world_init(&w, 0, 0));
    CHECK_INT(client(&w, 1), 0);
    CHECK_INT(client(&w, 1), 1);
    http_server_drain(w.server, on_drained, &w);
    turn(&w);
    CHECK_INT(got(&w, 0), -1);
    say(&w, 0, GET);
    CHECK_INT(got(&w, 0), 200);
    CHECK_INT(got(&w, 0), 0);
    clock_fake_advance(&w.clock, HTTP_DRAIN_SECONDS * WHEN_SECOND);
    turn(&w);
    CHECK_INT(got(&w, 1), 0);
    CHECK_INT(w.drained, 1);
}

static void asks_who_may_enter(void)
{
    CLEANUP(world_done) struct world w = {};
    struct http_server_counts counts;
    size_t one, two;

    CHECK_OK(world_init(&w, 0, 0));
    one = client(&w, 1);
    w.closed = true;
    two = client(&w, 1);
    CHECK_INT(w.asked, 2);
    http_server_counts(w.server, &counts);
    CHECK_INT(counts.open, 1);
    CHECK_INT(counts.refused, 1);
    CHECK_INT(got(&w, two), 0); /* closed, without an answer */
    CHECK(send(w.clients[one], GET, strlen(GET), MSG_NOSIGNAL) > 0);
    turn(&w);
    CHECK_INT(w.requests, 1);
}

static void drains_at_once_when_empty(void)
{
    CLEANUP(world_done) struct world w = {};

    CHECK_OK(world_init(&w, 0, 0));
    http_server_drain(w.server, on_drained, &w);
    CHECK_INT(w.drained, 1);
}

CHECK_MAIN(CHECK_TEST_ONCE(serves), CHECK_TEST_ONCE(waits_until_started),
           CHECK_TEST_ONCE(makes_room_for_newcomers),
           CHECK_TEST_ONCE(evicts_who_does_not_shake_hands),
           CHECK_TEST_ONCE(a_load_balancer_is_no_client),
           CHECK_TEST_ONCE(turns_away_before_the_handshake),
           CHECK_TEST_ONCE(says_when_all_are_busy), CHECK_TEST_ONCE(one_client_has_its_share),
           CHECK_TEST_ONCE(bodies_are_bounded_together),
           CHECK_TEST_ONCE(one_client_has_its_share_of_bodies),
           CHECK_TEST_ONCE(refusals_are_bounded_too), CHECK_TEST_ONCE(drains),
           CHECK_TEST_ONCE(drains_with_newcomers), CHECK_TEST_ONCE(asks_who_may_enter),
           CHECK_TEST(drains_at_once_when_empty))
