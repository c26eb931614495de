/* SPDX-License-Identifier: Apache-2.0 */
/* A connection that is passed on: `world` with a site whose backends are tls://. The bytes are no
 * TLS, which nobody looks at. */
#include "world.h"

#define HELLO "a client's hello"

static struct str passes[] = {STR("tls://10.0.0.1:81"), STR("tls://10.0.0.2:82")};

static enum rc configure_passing(struct world *w, size_t backends)
{
    w->sites[0].backends = (struct conf_strs){passes, backends};
    w->sites[0].passes = true;
    w->sites[0].check_interval = WHEN_HOUR; /* those of several are connected to at once */
    return configure(w);
}

/* The world's first connection is one of requests. */
static enum rc begin(struct world *w)
{
    TRY(world_init(w));
    w->speaker->free(MOVE(w->c));
    w->speaker = &gateway_through_speaker;
    TRY(configure_passing(w, 1));
    return come(w, "wiki.example");
}

#define WORLD                                                                                      \
    CLEANUP(world_done) struct world w = {};                                                       \
    CHECK_OK(begin(&w))

static void passes_bytes_both_ways(void)
{
    WORLD;
    say(&w, HELLO);
    CHECK_STR(buf_str(&w.asked), HELLO);
    reply(&w, "and the answer");
    CHECK_STR(buf_str(&w.t.out), "and the answer");
    say(&w, ", and more");
    CHECK_STR(buf_str(&w.asked), HELLO ", and more");
    CHECK(!w.closed);
    w.t.eof = true;
    turn(&w);
    CHECK(w.hung_up && !w.closed); /* half of it */
    reply(&w, ", still");
    CHECK_STR(buf_str(&w.t.out), "and the answer, still");
    hang_up(&w);
    CHECK(w.closed);
    CHECK(has(&w.lines, "gateway.passed site=wiki.example client=192.0.2.7 sent=21 received=26"));
    CHECK(has(&w.lines, "backend=10.0.0.1:81"));
    CHECK(!has(&w.lines, "err="));
}

static void the_backend_may_end_first(void)
{
    WORLD;
    say(&w, HELLO);
    reply(&w, "bye");
    (void)shutdown(w.fd, SHUT_WR);
    turn(&w);
    CHECK(w.t.shut && !w.closed);
    say(&w, "!");
    CHECK(ends(&w.asked, "!"));
    w.t.eof = true;
    turn(&w);
    CHECK(w.closed);
}

/* Nothing is read that cannot be written. */
static void a_slow_client_stops_the_backend(void)
{
    WORLD;
    say(&w, HELLO);
    w.t.room = 3;
    reply(&w, "0123456789");
    CHECK_STR(buf_str(&w.t.out), "012");
    reply(&w, "abc");
    CHECK_INT(recv(w.fd, &(char){0}, 1, MSG_DONTWAIT), -1);
    w.t.room = OUT_MAX;
    turn(&w);
    CHECK_STR(buf_str(&w.t.out), "0123456789abc");
}

static void who_breaks_breaks_the_other(void)
{
    WORLD;
    say(&w, HELLO);
    reply(&w, "half of");
    w.t.broken = true;
    turn(&w);
    CHECK(w.closed && w.hung_up);
    CHECK(has(&w.lines, "err=gateway.through-broken"));
    CHECK(!w.t.shut);
}

/* The first backend takes nobody: the next one does. */
static void the_next_backend_is_asked(void)
{
    struct addr_port first = {{.n = 4, .b = {10, 0, 0, 1}}, 81};

    WORLD;
    w.speaker->free(MOVE(w.c));
    CHECK_OK(net_fake_rule(w.net, &first, NET_FAKE_REFUSE));
    CHECK_OK(net_fake_rule(w.net, &(struct addr_port){{.n = 4, .b = {10, 0, 0, 2}}, 82},
                           NET_FAKE_ACCEPT));
    CHECK_OK(configure_passing(&w, 2));
    turn(&w);
    hang_up(&w); /* a check */
    CHECK_OK(come(&w, "wiki.example"));
    say(&w, HELLO);
    CHECK_STR(buf_str(&w.asked), HELLO);
    hang_up(&w);
    w.t.eof = true;
    turn(&w);
    CHECK(has(&w.lines, "backend=10.0.0.2:82"));
}

/* An alert of TLS: internal_error. */
static void no_backend_is_told(void)
{
    WORLD;
    w.speaker->free(MOVE(w.c));
    CHECK_OK(net_fake_rule(w.net, &(struct addr_port){{.n = 4, .b = {10, 0, 0, 1}}, 81},
                           NET_FAKE_REFUSE));
    CHECK_OK(come(&w, "wiki.example"));
    say(&w, HELLO);
    CHECK(w.closed);
    CHECK_INT(w.t.out.n, 7);
    CHECK(memcmp(w.t.out.p, "\x15\x03\x03\0\2\2\x50", 7) == 0);
    CHECK(has(&w.lines, "gateway.passed") && has(&w.lines, "err="));
}

static void who_is_not_let_in_is_told(void)
{
    static const struct addr_net others = {{.n = 4, .b = {10}}, 8};

    WORLD;
    w.speaker->free(MOVE(w.c));
    w.sites[0].allow = (struct conf_nets){&others, 1};
    CHECK_OK(configure(&w));
    CHECK_OK(come(&w, "wiki.example"));
    say(&w, HELLO);
    CHECK(w.closed);
    CHECK_INT(w.t.out.n, 7);
    CHECK_INT(w.t.out.p[6], 49);
    CHECK_INT(w.asked.n, 0);
    CHECK(has(&w.lines, "err=gateway.through-denied"));
}

static void a_header_says_who_it_is(void)
{
    WORLD;
    w.speaker->free(MOVE(w.c));
    w.sites[0].send_proxy = CONF_SEND_PROXY_V1;
    CHECK_OK(configure(&w));
    CHECK_OK(come(&w, "wiki.example"));
    say(&w, HELLO);
    CHECK(starts(&w.asked, "PROXY TCP4 192.0.2.7 0.0.0.0 0 0\r\n" HELLO));
}

static void silence_ends_it(void)
{
    WORLD;
    say(&w, HELLO);
    reply(&w, "answer");
    wait_for(&w, GATEWAY_IDLE_SECONDS);
    CHECK(w.idle && !w.closed); /* it makes room for others now */
    say(&w, "more");
    CHECK(!w.idle);
    wait_for(&w, GATEWAY_TUNNEL_SECONDS - 1);
    wait_for(&w, 1);
    CHECK(w.closed);
    CHECK(has(&w.lines, "err=gateway.through-quiet"));
}

/* One whose other half has ended is not waited for longer than one that is whole. */
static void waits_as_configured(void)
{
    WORLD;
    w.sites[0].tunnel_timeout = 5 * WHEN_SECOND;
    CHECK_OK(configure(&w));
    CHECK_OK(come(&w, "wiki.example"));
    say(&w, HELLO);
    reply(&w, "answer");
    wait_for(&w, 4);
    CHECK(!w.closed);
    wait_for(&w, 1);
    CHECK(w.closed);
    CHECK(has(&w.lines, "nothing came for 5s"));
    fd_close(&w.fd);
    CHECK_OK(come(&w, "wiki.example"));
    say(&w, HELLO);
    w.t.eof = true;
    say(&w, "");
    wait_for(&w, 4);
    CHECK(!w.closed);
    wait_for(&w, 1);
    CHECK(w.closed);
    fd_close(&w.fd);
    w.sites[0].tunnel_timeout = WHEN_DAY;
    w.conf.gateway.idle_timeout = 5 * WHEN_SECOND;
    CHECK_OK(configure(&w));
    CHECK_OK(come(&w, "wiki.example"));
    say(&w, HELLO);
    wait_for(&w, 5);
    CHECK(w.idle && !w.closed);
    w.t.eof = true;
    say(&w, "");
    wait_for(&w, 4);
    CHECK(!w.closed);
    wait_for(&w, 1);
    CHECK(w.closed);
}

/* A site that goes, or ends TLS itself again: whoever is at work may end it. */
static void a_reload_ends_what_is_silent(void)
{
    WORLD;
    say(&w, HELLO);
    reply(&w, "answer");
    w.sites[0].backends = (struct conf_strs){w.backends, 2};
    w.sites[0].passes = false;
    CHECK_OK(configure(&w));
    turn(&w);
    CHECK(!w.closed);
    wait_for(&w, GATEWAY_DRAIN_SECONDS - 1);
    say(&w, "more");
    wait_for(&w, GATEWAY_DRAIN_SECONDS - 1);
    CHECK(!w.closed);
    wait_for(&w, 1);
    CHECK(w.closed);
}

/* A connection of requests that is open when its site begins to pass connections on. */
static void requests_are_not_passed_on(void)
{
    CLEANUP(world_done) struct world w = {};

    CHECK_OK(world_init(&w));
    say(&w, GET "\r\n");
    reply(&w, OK "Content-Length: 2\r\n\r\nhi");
    buf_reset(&w.asked);
    CHECK_OK(configure_passing(&w, 1));
    say(&w, GET "\r\n");
    CHECK(w.closed || w.t.shut || has(&w.t.out, "HTTP/1.1 421"));
    CHECK_INT(w.asked.n, 0);
}

CHECK_MAIN(CHECK_TEST(passes_bytes_both_ways), CHECK_TEST_ONCE(the_backend_may_end_first),
           CHECK_TEST_ONCE(a_slow_client_stops_the_backend),
           CHECK_TEST(who_breaks_breaks_the_other), CHECK_TEST_ONCE(the_next_backend_is_asked),
           CHECK_TEST(no_backend_is_told), CHECK_TEST(who_is_not_let_in_is_told),
           CHECK_TEST(a_header_says_who_it_is), CHECK_TEST_ONCE(silence_ends_it),
           CHECK_TEST_ONCE(waits_as_configured), CHECK_TEST_ONCE(a_reload_ends_what_is_silent),
           CHECK_TEST_ONCE(requests_are_not_passed_on))
