/* SPDX-License-Identifier: Apache-2.0 */
/* How often a client may ask. The client of `world` is 192.0.2.7. */
#include "world.h"

#include <stdio.h>

#define FOR "X-Forwarded-For: "
#define HI OK "Content-Length: 2\r\n\r\nhi"

static const struct addr_net peer = {{.n = 4, .b = {192, 0, 2, 7}}, 32};

static struct addr v4(uint8_t last)
{
    return (struct addr){.n = 4, .b = {10, 0, 0, last}};
}

static void gives_a_burst_and_then_the_rate(void)
{
    const struct gateway_rate rate = {.per_minute = 60, .burst = 3};
    CLEANUP(gateway_rates_clear) struct gateway_rates r = {};
    struct addr a = v4(1), b = v4(2);
    int64_t now = 5 * WHEN_SECOND;

    gateway_rates_init(&r);
    for (int i = 0; i < 3; i++)
        CHECK_INT(gateway_rates_take(&r, &rate, &a, now), 0);
    CHECK_INT(gateway_rates_take(&r, &rate, &a, now), WHEN_SECOND);
    CHECK_INT(gateway_rates_take(&r, &rate, &a, now + 1), WHEN_SECOND - 1); /* costs nothing */
    CHECK_INT(gateway_rates_take(&r, &rate, &b, now), 0);
    now += WHEN_SECOND;
    CHECK_INT(gateway_rates_take(&r, &rate, &a, now), 0);
    CHECK_INT(gateway_rates_take(&r, &rate, &a, now), WHEN_SECOND);
    now += 10 * WHEN_SECOND; /* no more than a burst is saved */
    for (int i = 0; i < 3; i++)
        CHECK_INT(gateway_rates_take(&r, &rate, &a, now), 0);
    CHECK_INT(gateway_rates_take(&r, &rate, &a, now), WHEN_SECOND);
    gateway_rates_clear(&r);
    CHECK_INT(gateway_rates_take(&r, &rate, &a, now), 0);
}

/* The same of one who has paid and is still remembered, for those before him have not. */
static void saves_a_burst_at_most(void)
{
    const struct gateway_rate rate = {.per_minute = 60, .burst = 3};
    CLEANUP(gateway_rates_clear) struct gateway_rates r = {};
    struct addr a = v4(1), b = v4(2);
    int64_t now = 2'500'000;

    gateway_rates_init(&r);
    for (int i = 0; i < 3; i++)
        CHECK_INT(gateway_rates_take(&r, &rate, &b, 0), 0);
    CHECK_INT(gateway_rates_take(&r, &rate, &a, 0), 0);
    for (int i = 0; i < 3; i++)
        CHECK_INT(gateway_rates_take(&r, &rate, &a, now), 0);
    CHECK_INT(gateway_rates_take(&r, &rate, &a, now), WHEN_SECOND);
}

/* A host of IPv6 has as many addresses as it likes. */
static void counts_ipv6_by_network(void)
{
    const struct gateway_rate rate = {.per_minute = 1, .burst = 1};
    CLEANUP(gateway_rates_clear) struct gateway_rates r = {};
    struct addr a = {.n = 16, .b = {0x20, 1}};

    gateway_rates_init(&r);
    CHECK_INT(gateway_rates_take(&r, &rate, &a, 0), 0);
    a.b[15] = 9;
    CHECK(gateway_rates_take(&r, &rate, &a, 0) > 0);
    a.b[7] = 9;
    CHECK_INT(gateway_rates_take(&r, &rate, &a, 0), 0);
}

/* Who asks is not forgotten for others; who has not asked for longest is. */
static void remembers_so_many(void)
{
    const struct gateway_rate rate = {.per_minute = 1, .burst = 1};
    CLEANUP(gateway_rates_clear) struct gateway_rates r = {};
    struct addr a = v4(1), b = v4(2), other = {.n = 4, .b = {11}};

    gateway_rates_init(&r);
    CHECK_INT(gateway_rates_take(&r, &rate, &a, 0), 0);
    CHECK_INT(gateway_rates_take(&r, &rate, &b, 0), 0);
    for (unsigned i = 0; i < 2 * GATEWAY_RATE_CLIENTS_MAX; i++) {
        other.b[1] = (uint8_t)(i >> 16);
        other.b[2] = (uint8_t)(i >> 8);
        other.b[3] = (uint8_t)i;
        if (gateway_rates_take(&r, &rate, &other, 0) != 0 || r.clients.n > GATEWAY_RATE_CLIENTS_MAX)
            break;
        if (i % 1000 == 0)
            CHECK(gateway_rates_take(&r, &rate, &a, 0) > 0);
    }
    CHECK_INT(r.clients.n, GATEWAY_RATE_CLIENTS_MAX);
    CHECK(gateway_rates_take(&r, &rate, &a, 0) > 0);
    CHECK_INT(gateway_rates_take(&r, &rate, &b, 0), 0);
    /* Those who have paid go. */
    for (int i = 0; i < GATEWAY_RATE_CLIENTS_MAX; i++)
        CHECK_INT(gateway_rates_take(&r, &rate, &a, (2 + i) * WHEN_MINUTE), 0);
    CHECK_INT(r.clients.n, 1);
}

static void ask(struct world *w, const char *from)
{
    char text[256];

    buf_reset(&w->asked);
    buf_reset(&w->t.out);
    snprintf(text, sizeof(text), GET FOR "%s\r\n\r\n", from);
    say(w, text);
    if (w->asked.n)
        reply(w, HI);
}

static void answers_429(void)
{
    CLEANUP(world_done) struct world w = {.rate = 30, .burst = 2};

    w.conf.gateway.trusted = (struct conf_nets){&peer, 1};
    CHECK_OK(world_init(&w));
    for (int i = 0; i < 2; i++) {
        ask(&w, "203.0.113.9");
        CHECK(ends(&w.t.out, "hi"));
    }
    ask(&w, "6.6.6.6, 203.0.113.9");
    CHECK(starts(&w.t.out, "HTTP/1.1 429 "));
    CHECK(has(&w.t.out, "\r\nretry-after: 2\r\n"));
    CHECK_INT(w.asked.n, 0);
    CHECK(has(&w.lines, "err=gateway.client-rate"));
    ask(&w, "203.0.113.8");
    CHECK(ends(&w.t.out, "hi"));
    CHECK_OK(configure(&w)); /* a reload forgets nobody */
    ask(&w, "203.0.113.9");
    CHECK(starts(&w.t.out, "HTTP/1.1 429 "));
    wait_for(&w, 2);
    ask(&w, "203.0.113.9");
    CHECK(ends(&w.t.out, "hi"));
    w.sites[0].rate = 0;
    CHECK_OK(configure(&w));
    for (int i = 0; i < 5; i++)
        ask(&w, "203.0.113.9");
    CHECK(ends(&w.t.out, "hi"));
}

CHECK_MAIN(CHECK_TEST(gives_a_burst_and_then_the_rate), CHECK_TEST(saves_a_burst_at_most),
           CHECK_TEST(counts_ipv6_by_network), CHECK_TEST_ONCE(remembers_so_many),
           CHECK_TEST_ONCE(answers_429))
