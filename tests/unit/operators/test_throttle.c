/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

#include "crypto/crypto.h"
#include "operators/throttle.h"

#define NOW (INT64_C(1'800'000'000) * WHEN_SECOND)

static struct addr at(const char *text)
{
    struct addr a = {};

    IGNORE_RC(addr_parse(str_of(text), &a)); /* then it is none, and the checks fail */
    return a;
}

static struct operators_try by(const char *name, const char *from)
{
    return (struct operators_try){.name = str_of(name), .from = at(from)};
}

static enum rc ask(struct operators_throttle *t, struct operators_try who, when_t now,
                   when_t *out_until)
{
    return operators_throttle_ask(t, &who, now, out_until);
}

static void names_and_networks_pause(void)
{
    static struct operators_throttle t;
    const struct operators_try alice = by("alice", "10.0.0.1");
    when_t now = NOW, until = 0;

    t = (struct operators_throttle){};
    CHECK_OK(crypto_init());
    for (int i = 0; i < OPERATORS_TRIES_FREE; i++, now += WHEN_SECOND)
        CHECK_OK(ask(&t, alice, now, &until));
    now -= WHEN_SECOND;
    CHECK_RC(ask(&t, alice, now, &until), RC_QUOTA);
    CHECK_INT(until, now + WHEN_SECOND);
    CHECK_RC(ask(&t, by("alice", "10.0.0.2"), now, &until), RC_QUOTA); /* by name */
    CHECK_RC(ask(&t, by("bob", "10.0.0.1"), now, &until), RC_QUOTA);   /* by network */
    CHECK_OK(ask(&t, by("bob", "10.0.0.2"), now, &until));
    for (int i = 0; i < 12; i++) {
        CHECK_RC(ask(&t, alice, until - 1, &until), RC_QUOTA);
        now = until;
        CHECK_OK(ask(&t, alice, now, &until));
        CHECK_RC(ask(&t, alice, now, &until), RC_QUOTA);
    }
    CHECK_INT(until, now + OPERATORS_PAUSE_NETWORK);
    CHECK_RC(ask(&t, by("alice", "10.0.0.3"), now, &until), RC_QUOTA);
    CHECK_INT(until, now + OPERATORS_PAUSE_NAME);
    CHECK_OK(operators_throttle_right(&t, &alice));
    CHECK_OK(ask(&t, by("alice", "10.0.0.4"), now + WHEN_SECOND, &until));
    CHECK_RC(ask(&t, alice, now + WHEN_SECOND, &until), RC_QUOTA); /* the network's are not */
    CHECK_OK(ask(&t, alice, now + WHEN_SECOND + OPERATORS_TRIES_LIFE, &until));
}

/* Also when none of them has been answered yet. */
static void many_at_the_same_time_are_counted(void)
{
    static struct operators_throttle t;
    when_t until = 0;
    int asked = 0;

    t = (struct operators_throttle){};
    CHECK_OK(crypto_init());
    for (int i = 0; i < 100; i++)
        asked += ask(&t, by("alice", "10.0.0.1"), NOW + i * WHEN_SECOND / 8, &until) == RC_OK;
    CHECK_INT(asked, OPERATORS_TRIES_FREE + 3); /* in 12 seconds: 5, then after 1, 2 and 4 */
    t = (struct operators_throttle){};
    for (int i = 0; i < 100; i++) { /* who signs in each time is held up by nothing */
        struct operators_try who = by("alice", "10.0.0.1");

        CHECK_OK(operators_throttle_ask(&t, &who, NOW + i * WHEN_SECOND, &until));
        CHECK_OK(operators_throttle_right(&t, &who));
    }
}

static void a_stranger_locks_nobody_out(void)
{
    static struct operators_throttle t;
    struct operators_try known = by("officer", "10.0.0.1");
    when_t now = NOW, until = 0;
    int asked = 0;

    t = (struct operators_throttle){};
    CHECK_OK(crypto_init());
    known.browser = STR("0123456789abcdef");
    /* From everywhere, as fast as it goes. */
    for (int i = 0; i < 5000; i++, now += WHEN_SECOND / 50) {
        struct operators_try stranger = by("officer", "10.0.0.1");

        stranger.from.b[2] = (uint8_t)(i / 250);
        stranger.from.b[3] = (uint8_t)(i % 250);
        if (operators_throttle_ask(&t, &stranger, now, &until) != RC_OK)
            stranger.name = STR("others"); /* and everybody else's places */
        IGNORE_RC(operators_throttle_ask(&t, &stranger, now, &until)); /* either is fine */
    }
    CHECK_RC(ask(&t, by("officer", "10.9.9.9"), now, &until), RC_QUOTA);
    CHECK_OK(operators_throttle_ask(&t, &known, now, &until));
    CHECK_OK(operators_throttle_right(&t, &known));
    /* But it is no way to try without end. */
    for (int i = 0; i < 100; i++)
        asked += operators_throttle_ask(&t, &known, now + i * WHEN_SECOND / 8, &until) == RC_OK;
    CHECK_INT(asked, OPERATORS_TRIES_FREE + 3);
}

static void all_together(void)
{
    static struct operators_throttle t;
    when_t until = 0;
    char name[16];
    int asked = 0;

    t = (struct operators_throttle){};
    CHECK_OK(crypto_init());
    for (int i = 0; i < 3 * OPERATORS_TRIES_SECOND; i++) {
        struct operators_try who = by(name, "10.0.0.1");

        snprintf(name, sizeof(name), "u%d", i);
        who.name = str_of(name);
        who.from.b[3] = (uint8_t)i;
        asked += operators_throttle_ask(&t, &who, NOW, &until) == RC_OK;
    }
    CHECK_INT(asked, OPERATORS_TRIES_SECOND);
    CHECK(until > NOW && until <= NOW + WHEN_SECOND);
    CHECK_OK(ask(&t, (struct operators_try){.name = STR("x")}, until, &until));
}

static void what_is_remembered_is_bounded(void)
{
    static struct operators_throttle t;
    struct operators_try who = by("", "2001:db8:1:2::1");
    when_t now = NOW, until = 0;
    char name[16];

    t = (struct operators_throttle){};
    CHECK_OK(crypto_init());
    for (int i = 0; i < OPERATORS_TRIES_MAX + 10; i++, now += OPERATORS_PAUSE_NETWORK) {
        snprintf(name, sizeof(name), "u%d", i);
        who.name = str_of(name);
        CHECK_OK(operators_throttle_ask(&t, &who, now, &until));
    }
    /* The network is one, whatever the address in it, and failed last. */
    CHECK_RC(ask(&t, by("alice", "2001:db8:1:2:ffff::1"), now - OPERATORS_PAUSE_NETWORK, &until),
             RC_QUOTA);
    CHECK(!memmem(&t, sizeof(t), "u500", 4));
}

CHECK_MAIN(CHECK_TEST(names_and_networks_pause), CHECK_TEST_ONCE(many_at_the_same_time_are_counted),
           CHECK_TEST_ONCE(a_stranger_locks_nobody_out), CHECK_TEST(all_together),
           CHECK_TEST_ONCE(what_is_remembered_is_bounded))
