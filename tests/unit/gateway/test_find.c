/* SPDX-License-Identifier: Apache-2.0 */
/* From a route to a connection: names, addresses, and what fails. */
#include "world.h"

#define OK_HI OK "Content-Length: 2\r\nConnection: close\r\n\r\nhi"

/* A world whose site has these backends. */
#define WORLD(first, second)                                                                       \
    CLEANUP(world_done) struct world w = {};                                                       \
    CHECK_OK(world_init(&w));                                                                      \
    w.backends[0] = STR(first);                                                                    \
    w.backends[1] = STR(second);                                                                   \
    CHECK_OK(configure(&w))

static const struct addr_port first = {{4, {10, 0, 0, 1}}, 0}, ninth = {{4, {10, 0, 0, 9}}, 0};

static void rule(struct world *w, const struct addr_port *at, enum net_fake_what what)
{
    IGNORE_RC(net_fake_rule(w->net, at, what)); /* there is room */
}

/* One request over a connection of its own; true when the backend answered it. */
static bool one(struct world *w)
{
    buf_reset(&w->t.out);
    say(w, GET "\r\n");
    reply(w, OK_HI);
    fd_close(&w->fd);
    turn(w);
    return ends(&w->t.out, "\r\n\r\nhi");
}

static void finds_a_name(void)
{
    WORLD("http://one.lan:81", "http://10.0.0.2:82");
    CHECK(one(&w));
    CHECK_INT(w.names->queries, 2);
    CHECK(has(&w.lines, "backend=one.lan:81"));
    /* What is known is not asked again before its time. */
    CHECK(one(&w));
    CHECK_INT(w.names->queries, 2);
    wait_for(&w, BACKEND_TTL_MAX_SECONDS);
    CHECK_OK(come(&w, "wiki.example"));
    CHECK(one(&w));
    CHECK_INT(w.names->queries, 4);
}

static void tries_all_addresses(void)
{
    size_t dials;
    WORLD("http://two.lan:81", "http://10.0.0.2:82");

    CHECK(one(&w));
    dials = net_fake_dials(w.net);
    /* The one that answered is tried first. */
    CHECK(one(&w));
    CHECK_INT(net_fake_dials(w.net), dials + 1);
    CHECK(!has(&w.lines, "unreachable"));
}

static void waits_for_each_address_in_turn(void)
{
    WORLD("http://two.lan:81", "http://10.0.0.2:82");
    rule(&w, &ninth, NET_FAKE_SILENT);
    say(&w, GET "\r\n");
    CHECK_INT(w.asked.n, 0);
    wait_for(&w, BACKEND_CONNECT_SECONDS);
    CHECK(starts(&w.asked, "GET /x"));
}

static void goes_on_to_the_next_backend(void)
{
    WORLD("http://none.lan:81", "http://10.0.0.1:82");
    CHECK(one(&w));
    CHECK(has(&w.lines, "gateway.backend-name"));
    CHECK(has(&w.lines, "backend=10.0.0.1:82"));
}

static void says_that_there_is_no_such_name(void)
{
    WORLD("http://none.lan:81", "http://none.lan:82");
    say(&w, GET "\r\n");
    CHECK(starts(&w.t.out, "HTTP/1.1 502 "));
    CHECK(!has(&w.t.out, "none.lan"));
    CHECK(w.idle);
}

static void gives_up_on_name_servers(void)
{
    WORLD("http://one.lan:81", "http://one.lan:81");
    w.names->silent = true;
    say(&w, GET "\r\n");
    for (int i = 0; i < 2 * (BACKEND_RESOLVE_SECONDS + 2); i++)
        wait_for(&w, 1);
    CHECK(starts(&w.t.out, "HTTP/1.1 504 "));
    CHECK(w.idle);
}

static void remembers_addresses_when_nobody_answers(void)
{
    WORLD("http://one.lan:81", "http://one.lan:81");
    CHECK(one(&w));
    w.names->silent = true;
    wait_for(&w, BACKEND_TTL_MAX_SECONDS);
    CHECK_OK(come(&w, "wiki.example"));
    say(&w, GET "\r\n");
    for (int i = 0; i < BACKEND_RESOLVE_SECONDS + 2; i++)
        wait_for(&w, 1);
    reply(&w, OK_HI);
    CHECK(ends(&w.t.out, "hi"));
}

static void asks_again_after_a_failure(void)
{
    unsigned queries;
    WORLD("http://one.lan:81", "http://10.0.0.2:82");

    CHECK(one(&w));
    queries = w.names->queries;
    rule(&w, &first, NET_FAKE_REFUSE);
    CHECK(!one(&w));
    rule(&w, &first, NET_FAKE_ACCEPT);
    wait_for(&w, BACKEND_PAUSE_SECONDS);
    CHECK_OK(come(&w, "wiki.example"));
    CHECK(one(&w));
    CHECK(w.names->queries > queries);
}

static void survives_clients_that_leave(void)
{
    WORLD("http://one.lan:81", "http://10.0.0.1:82");
    w.names->silent = true;
    say(&w, GET "\r\n");
    w.t.eof = true;
    turn(&w);
    CHECK(w.closed);
    /* And a site that goes with them. */
    CHECK_OK(come(&w, "wiki.example"));
    say(&w, GET "\r\n");
    w.conf.gateway.n_sites = 0;
    CHECK_OK(configure(&w));
    w.t.eof = true;
    turn(&w);
    CHECK(w.closed);
    for (int i = 0; i < BACKEND_RESOLVE_SECONDS + 2; i++)
        wait_for(&w, 1);
}

static void leaves_while_it_is_dialled(void)
{
    WORLD("http://10.0.0.1:81", "http://10.0.0.1:82");
    rule(&w, &first, NET_FAKE_SILENT);
    say(&w, GET "\r\n");
    w.t.eof = true;
    turn(&w);
    CHECK(w.closed);
    rule(&w, &first, NET_FAKE_ACCEPT);
    CHECK_OK(come(&w, "wiki.example"));
    CHECK(one(&w));
}

static void knows_this_machine(void)
{
    static const struct addr_port here = {{4, {127, 0, 0, 1}}, 0};
    WORLD("http://localhost:81", "http://10.0.0.2:82");

    rule(&w, &here, NET_FAKE_ACCEPT);
    CHECK(one(&w));
    CHECK_INT(w.names->queries, 0);
    CHECK(has(&w.lines, "backend=localhost:81"));
}

static void knows_ipv6(void)
{
    static const struct addr_port six = {
        {16, {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}, 0};
    WORLD("http://[2001:db8::1]", "http://six.lan:81");

    rule(&w, &six, NET_FAKE_ACCEPT);
    CHECK(one(&w));
    CHECK(has(&w.lines, "backend=[2001:db8::1]:80"));
    w.backends[0] = STR("http://six.lan:81");
    CHECK_OK(configure(&w));
    CHECK_OK(come(&w, "wiki.example"));
    CHECK(one(&w));
    CHECK(has(&w.lines, "backend=six.lan:81"));
}

static void refuses_what_is_no_backend(void)
{
    static const char *const urls[] = {"ftp://a", "http://a/path", "http://a?q", "a:80", ""};

    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct gateway_plan *plan = NULL;
        struct err err = ERR_INIT;
        WORLD("http://10.0.0.1:81", "http://10.0.0.1:81");

        w.backends[1] = str_of(urls[i]);
        CHECK_RC(gateway_prepare(w.g, &w.conf, w.zones, &plan, &err), RC_INVAL);
        CHECK_STR(err_arg(&err, 0), urls[i]);
        CHECK(one(&w)); /* nothing has changed */
    }
}

static void shares_backends_among_sites(void)
{
    WORLD("http://10.0.0.1:81", "http://10.0.0.1:81");
    say(&w, GET "\r\n");
    reply(&w, OK "Content-Length: 2\r\n\r\nhi");
    CHECK_OK(come(&w, "name.example"));
    say(&w, "GET /y HTTP/1.1\r\nHost: name.example\r\n\r\n");
    CHECK(has(&w.asked, "GET /y"));
    CHECK_INT(net_fake_dials(w.net), 1);
}

CHECK_MAIN(CHECK_TEST(finds_a_name), CHECK_TEST(tries_all_addresses),
           CHECK_TEST(waits_for_each_address_in_turn), CHECK_TEST(goes_on_to_the_next_backend),
           CHECK_TEST(says_that_there_is_no_such_name), CHECK_TEST(gives_up_on_name_servers),
           CHECK_TEST(remembers_addresses_when_nobody_answers),
           CHECK_TEST(asks_again_after_a_failure), CHECK_TEST(survives_clients_that_leave),
           CHECK_TEST(leaves_while_it_is_dialled), CHECK_TEST(knows_this_machine),
           CHECK_TEST(knows_ipv6), CHECK_TEST(refuses_what_is_no_backend),
           CHECK_TEST(shares_backends_among_sites))
