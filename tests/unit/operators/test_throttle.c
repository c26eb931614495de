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

static void names_and_networks_pause(void)
{
    static struct operators_throttle t;
    struct addr here = at("10.0.0.1"), there = at("10.0.0.2");
    when_t now = NOW, until = 0;

    t = (struct operators_throttle){};
    CHECK_OK(crypto_init());
    for (int i = 0; i < OPERATORS_TRIES_FREE; i++, now += WHEN_SECOND) {
        CHECK_OK(operators_throttle_ask(&t, STR("alice"), &here, now, &until));
        CHECK_OK(operators_throttle_failed(&t, STR("alice"), &here, now));
    }
    now -= WHEN_SECOND;
    CHECK_RC(operators_throttle_ask(&t, STR("alice"), &here, now, &until), RC_QUOTA);
    CHECK_INT(until, now + WHEN_SECOND);
    CHECK_RC(operators_throttle_ask(&t, STR("alice"), &there, now, &until), RC_QUOTA); /* by name */
    CHECK_RC(operators_throttle_ask(&t, STR("bob"), &here, now, &until), RC_QUOTA); /* by network */
    CHECK_OK(operators_throttle_ask(&t, STR("bob"), &there, now, &until));
    for (int i = 0; i < 40; i++)
        CHECK_OK(operators_throttle_failed(&t, STR("alice"), &here, now));
    CHECK_RC(operators_throttle_ask(&t, STR("alice"), &there, now, &until), RC_QUOTA);
    CHECK_INT(until, now + OPERATORS_PAUSE_NAME);
    CHECK_RC(operators_throttle_ask(&t, STR("carol"), &here, now, &until), RC_QUOTA);
    CHECK_INT(until, now + OPERATORS_PAUSE_NETWORK);
    CHECK_OK(operators_throttle_right(&t, STR("alice")));
    CHECK_OK(operators_throttle_ask(&t, STR("alice"), &there, now, &until));
    CHECK_RC(operators_throttle_ask(&t, STR("alice"), &here, now, &until), RC_QUOTA);
    CHECK_OK(operators_throttle_ask(&t, STR("alice"), &here, now + OPERATORS_TRIES_LIFE, &until));
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
        struct addr from = at("10.0.0.1");

        from.b[3] = (uint8_t)i;
        snprintf(name, sizeof(name), "u%d", i);
        asked += operators_throttle_ask(&t, str_of(name), &from, NOW, &until) == RC_OK;
    }
    CHECK_INT(asked, OPERATORS_TRIES_SECOND);
    CHECK(until > NOW && until <= NOW + WHEN_SECOND);
    CHECK_OK(operators_throttle_ask(&t, STR("x"), &(struct addr){}, until, &until));
}

static void what_is_remembered_is_bounded(void)
{
    static struct operators_throttle t;
    struct addr one = at("2001:db8:1:2::1"), other = at("2001:db8:1:2:ffff::1");
    when_t until = 0;
    char name[16];

    t = (struct operators_throttle){};
    CHECK_OK(crypto_init());
    for (int i = 0; i < OPERATORS_TRIES_MAX + 10; i++) {
        snprintf(name, sizeof(name), "u%d", i);
        CHECK_OK(operators_throttle_failed(&t, str_of(name), &one, NOW + i));
    }
    /* The network is one, whatever the address in it, and failed last. */
    CHECK_RC(operators_throttle_ask(&t, STR("alice"), &other, NOW + 1000, &until), RC_QUOTA);
    CHECK(!memmem(&t, sizeof(t), "u500", 4));
}

CHECK_MAIN(CHECK_TEST(names_and_networks_pause), CHECK_TEST(all_together),
           CHECK_TEST(what_is_remembered_is_bounded))
