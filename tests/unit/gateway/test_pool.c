/* SPDX-License-Identifier: Apache-2.0 */
/* Several backends behind a site: which of them is asked, and what happens when one is not well. */
#include "world.h"

#include <stdio.h>

#include "backend/check.h"

#define OK_HI OK "Content-Length: 2\r\nConnection: close\r\n\r\nhi"

/* A world whose site has two backends that can be reached. */
#define WORLD                                                                                      \
    CLEANUP(world_done) struct world w = {};                                                       \
    CHECK_OK(world_init(&w));                                                                      \
    w.backends[0] = STR("http://10.0.0.1:81");                                                     \
    w.backends[1] = STR("http://10.0.0.1:82");                                                     \
    CHECK_OK(configure(&w))

static struct backend_pool *pool(struct world *w)
{
    return ((struct gateway_site *)map_get(&w->g->sites, STR("wiki.example")))->route->pool;
}

static enum rc set(struct world *w, enum conf_balance balance)
{
    w->sites[0].balance = balance;
    return configure(w);
}

/* The port of the backend that answered this request; 0: none did. */
static int served(struct world *w, const char *request)
{
    buf_reset(&w->lines);
    if (come(w, "wiki.example") != RC_OK)
        return 0;
    say(w, request);
    reply(w, OK_HI);
    fd_close(&w->fd);
    turn(w);
    if (!ends(&w->t.out, "\r\n\r\nhi"))
        return 0;
    return has(&w->lines, "backend=10.0.0.1:81") ? 81 : 82;
}

static void takes_the_first(void)
{
    WORLD;
    for (int i = 0; i < 3; i++)
        CHECK_INT(served(&w, GET "\r\n"), 81);
}

static void takes_each_in_turn(void)
{
    WORLD;
    CHECK_OK(set(&w, CONF_BALANCE_ROUND_ROBIN));
    for (int i = 0; i < 3; i++) {
        CHECK_INT(served(&w, GET "\r\n"), 81);
        CHECK_INT(served(&w, GET "\r\n"), 82);
    }
}

static void takes_the_one_with_the_least_to_do(void)
{
    struct backend_pool *p;
    uint64_t tried = 0;
    WORLD;

    CHECK_OK(set(&w, CONF_BALANCE_LEAST_CONNECTIONS));
    p = pool(&w);
    /* Among equals it takes turns. */
    CHECK(backend_pool_choose(p, &(uint64_t){0}, STR("")) == &p->members[0]);
    CHECK(backend_pool_choose(p, &(uint64_t){0}, STR("")) == &p->members[1]);
    p->members[0].backend->n_open = 2;
    for (int i = 0; i < 3; i++)
        CHECK(backend_pool_choose(p, &(uint64_t){0}, STR("")) == &p->members[1]);
    /* Idle connections are no work. */
    p->members[0].backend->n_idle = 2;
    p->members[1].backend->n_open = 1;
    CHECK(backend_pool_choose(p, &tried, STR("")) == &p->members[0]);
    CHECK(backend_pool_choose(p, &tried, STR("")) == &p->members[1]);
    CHECK(!backend_pool_choose(p, &tried, STR("")));
    p->members[0].backend->n_open = p->members[0].backend->n_idle = 0;
    p->members[1].backend->n_open = 0;
}

static void stays_with_a_cookie(void)
{
    char cookie[256];
    WORLD;

    w.sites[0].sticky = true;
    CHECK_OK(set(&w, CONF_BALANCE_ROUND_ROBIN));
    CHECK_INT(served(&w, GET "\r\n"), 81);
    snprintf(cookie, sizeof(cookie), "set-cookie: __Host-autarky=%s; Path=/; Secure; HttpOnly;",
             pool(&w)->members[0].sticky);
    CHECK(has(&w.t.out, cookie));
    CHECK(!has(&w.t.out, "10.0.0.1"));
    snprintf(cookie, sizeof(cookie), GET "Cookie: a=b; __Host-autarky=%s; c=d\r\n\r\n",
             pool(&w)->members[1].sticky);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(served(&w, cookie), 82);
        CHECK(!has(&w.t.out, "set-cookie"));
    }
    /* One that is not well is left, and the client is told. */
    pool(&w)->members[1].backend->failed_at = gateway_now(w.g);
    CHECK_INT(served(&w, cookie), 81);
    CHECK(has(&w.t.out, "set-cookie: __Host-autarky="));
    wait_for(&w, BACKEND_PAUSE_SECONDS);
    /* What is no name of a backend says nothing. */
    CHECK(served(&w, GET "Cookie: __Host-autarky=0123456789abcdef\r\n\r\n") != 0);
    CHECK(has(&w.t.out, "set-cookie: __Host-autarky="));
    /* In every process the name is the same, and in every site another. */
    CHECK_STR(str_of(pool(&w)->members[0].sticky), "6eedc4d6ee7f5906");
}

static void drains_one(void)
{
    struct str last[1];
    char cookie[256];
    WORLD;

    last[0] = w.backends[0];
    w.sites[0].drain = (struct conf_strs){last, 1};
    w.sites[0].sticky = true;
    CHECK_OK(set(&w, CONF_BALANCE_ROUND_ROBIN));
    for (int i = 0; i < 3; i++)
        CHECK_INT(served(&w, GET "\r\n"), 82);
    snprintf(cookie, sizeof(cookie), GET "Cookie: __Host-autarky=%s\r\n\r\n",
             pool(&w)->members[0].sticky);
    CHECK_INT(served(&w, cookie), 81);
    /* Better than nobody. */
    pool(&w)->members[1].backend->failed_at = gateway_now(w.g);
    CHECK_INT(served(&w, GET "\r\n"), 81);
}

static void starts_slowly(void)
{
    struct backend_pool *p;
    int n = 0;
    WORLD;

    w.sites[0].slow_start = 100 * WHEN_SECOND;
    CHECK_OK(set(&w, CONF_BALANCE_ROUND_ROBIN));
    p = pool(&w);
    p->members[0].backend->up_at = gateway_now(w.g);
    clock_fake_advance(&w.clock, 50 * WHEN_SECOND);
    for (int i = 0; i < 300; i++)
        n += backend_pool_choose(p, &(uint64_t){0}, STR("")) == &p->members[0];
    CHECK_INT(n, 100); /* half of what the other gets */
    /* By connections it counts double now. */
    CHECK_OK(set(&w, CONF_BALANCE_LEAST_CONNECTIONS));
    p = pool(&w);
    p->turn = 0;
    CHECK(backend_pool_choose(p, &(uint64_t){0}, STR("")) == &p->members[1]);
    clock_fake_advance(&w.clock, 50 * WHEN_SECOND);
    p->turn = 0;
    CHECK(backend_pool_choose(p, &(uint64_t){0}, STR("")) == &p->members[0]);
}

static void pauses_one_that_answers_nonsense(void)
{
    WORLD;
    for (int i = 0; i < BACKEND_FAULTS_MAX; i++) {
        CHECK_OK(come(&w, "wiki.example"));
        say(&w, GET "\r\n");
        reply(&w, "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n");
        CHECK(starts(&w.t.out, "HTTP/1.1 502"));
        fd_close(&w.fd);
    }
    CHECK_INT(served(&w, GET "\r\n"), 82);
    wait_for(&w, BACKEND_PAUSE_SECONDS);
    CHECK_INT(served(&w, GET "\r\n"), 81);
    CHECK(pool(&w)->members[0].backend->up_at != INT64_MIN);
}

static void asks_another(void)
{
    WORLD;
    say(&w, GET "\r\n");
    CHECK(starts(&w.asked, "GET /x"));
    buf_reset(&w.asked);
    hang_up(&w);
    CHECK(starts(&w.asked, "GET /x"));
    reply(&w, OK_HI);
    CHECK(has(&w.lines, "backend=10.0.0.1:82"));
    /* When the last one fails, too, that is all. */
    fd_close(&w.fd);
    buf_reset(&w.t.out);
    CHECK_OK(come(&w, "wiki.example"));
    say(&w, GET "\r\n");
    hang_up(&w);
    hang_up(&w);
    CHECK(starts(&w.t.out, "HTTP/1.1 502"));
    CHECK_INT(net_fake_dials(w.net), 4);
}

static void asks_no_other_what_must_not_be_sent_twice(void)
{
    static const char *const requests[] = {
        "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\na",
        "PUT / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\na",
        "PATCH / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n",
    };

    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        WORLD;
        say(&w, requests[i]);
        hang_up(&w);
        CHECK(starts(&w.t.out, "HTTP/1.1 502"));
        CHECK_INT(net_fake_dials(w.net), 1);
    }
}

/* ---- checks */

/* The next check comes, and this is what the backend says. */
static void check_turn(struct world *w, const char *text)
{
    clock_fake_advance(&w->clock, 10 * WHEN_SECOND);
    turn(w);
    reply(w, text);
    fd_close(&w->fd);
    turn(w);
}

/* Of so many backends. */
static enum rc begin_checks(struct world *w, size_t n)
{
    w->sites[0].backends.n = n;
    w->sites[0].check = STR("/health?deep");
    w->sites[0].check_interval = 10 * WHEN_SECOND;
    return configure(w);
}

static bool down(struct world *w, size_t i)
{
    return backend_check_down(pool(w)->members[i].check);
}

static void asks_how_they_are(void)
{
    WORLD;
    CHECK_OK(begin_checks(&w, 1));
    turn(&w);
    CHECK(starts(&w.asked, "GET /health?deep HTTP/1.1\r\nhost: wiki.example\r\n"));
    CHECK(has(&w.asked, "connection: close\r\n"));
    reply(&w, "HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n");
    CHECK(w.hung_up);
    fd_close(&w.fd);
    check_turn(&w, OK_HI);
    CHECK(!down(&w, 0));
    CHECK(!has(&w.lines, "backend-down"));
}

static void takes_out_who_is_not_well(void)
{
    static const char *const bad[] = {"HTTP/1.1 500 Oh\r\n\r\n", "nonsense\r\n\r\n",
                                      "HTTP/1.1 200 OK\r\n", ""};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        WORLD;
        CHECK_OK(begin_checks(&w, 1));
        check_turn(&w, bad[i]);
        CHECK(!down(&w, 0));
        check_turn(&w, OK_HI);
        check_turn(&w, bad[i]);
        CHECK(!down(&w, 0));
        check_turn(&w, bad[i]);
        CHECK(down(&w, 0));
        CHECK(has(&w.lines, "gateway.backend-down"));
        /* What is known stays known over a reload. */
        CHECK_OK(configure(&w));
        CHECK(down(&w, 0));
        check_turn(&w, OK_HI);
        CHECK(down(&w, 0));
        check_turn(&w, OK_HI);
        CHECK(!down(&w, 0));
        CHECK(has(&w.lines, "gateway.backend-up"));
        CHECK(backend_check_up_at(pool(&w)->members[0].check) != INT64_MIN);
    }
}

static void takes_out_who_is_silent(void)
{
    WORLD;
    CHECK_OK(begin_checks(&w, 1));
    for (int i = 0; i < 2; i++) {
        turn(&w);
        CHECK(w.fd >= 0);
        wait_for(&w, BACKEND_CHECK_SECONDS);
        CHECK(w.hung_up);
        fd_close(&w.fd);
        wait_for(&w, 10);
    }
    CHECK(down(&w, 0));
    CHECK(has(&w.lines, "err=gateway.check-slow"));
    /* Who else is there? */
    fd_close(&w.fd);
    CHECK_INT(served(&w, GET "\r\n"), 81);
}

static void takes_out_who_cannot_be_reached(void)
{
    struct addr_port at = {{4, {10, 0, 0, 1}}, 81};
    WORLD;

    CHECK_OK(net_fake_rule(w.net, &at, NET_FAKE_REFUSE));
    CHECK_OK(begin_checks(&w, 2));
    for (int i = 0; i < 3; i++)
        check_turn(&w, OK_HI);
    CHECK(down(&w, 0) && !down(&w, 1));
    CHECK_INT(served(&w, GET "\r\n"), 82);
}

static void ends_checks_with_the_site(void)
{
    size_t dials;
    WORLD;

    CHECK_OK(begin_checks(&w, 2));
    check_turn(&w, OK_HI);
    w.conf.gateway.n_sites = 0;
    CHECK_OK(configure(&w));
    dials = net_fake_dials(w.net);
    wait_for(&w, 60);
    CHECK_INT(net_fake_dials(w.net), dials);
}

CHECK_MAIN(CHECK_TEST(takes_the_first), CHECK_TEST(takes_each_in_turn),
           CHECK_TEST(takes_the_one_with_the_least_to_do), CHECK_TEST(stays_with_a_cookie),
           CHECK_TEST(drains_one), CHECK_TEST(starts_slowly),
           CHECK_TEST(pauses_one_that_answers_nonsense), CHECK_TEST(asks_another),
           CHECK_TEST_ONCE(asks_no_other_what_must_not_be_sent_twice),
           CHECK_TEST(asks_how_they_are), CHECK_TEST_ONCE(takes_out_who_is_not_well),
           CHECK_TEST(takes_out_who_is_silent), CHECK_TEST_ONCE(takes_out_who_cannot_be_reached),
           CHECK_TEST(ends_checks_with_the_site))
