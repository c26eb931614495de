/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused of the gateway's sites although each value by itself is right. */
#include "problems.h"

#define SITE(more)                                                                                 \
    "gateway:\n  sites:\n    - {name: a.hospital.example, backends: [\"http://10.0.0.1\", "        \
    "\"http://10.0.0.2\"]" more "}\n"
#define ALONE(more)                                                                                \
    "gateway:\n  sites:\n    - {name: a.hospital.example, backends: [\"http://10.0.0.1\"]" more    \
    "}\n"

static void takes_several_backends(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    const struct conf_site *s;

    CHECK_LOADS(SITE(", balance: least-connections, sticky: true, slow_start: 30s, "
                     "drain: [\"HTTP://10.0.0.2\"], check: \"/ok?a=b\", check_interval: 5s"),
                &conf);
    s = conf_site_find(conf, STR("a.hospital.example"));
    CHECK_INT(s->balance, CONF_BALANCE_LEAST_CONNECTIONS);
    CHECK(s->sticky);
    CHECK_INT(s->slow_start, 30 * WHEN_SECOND);
    CHECK_STR(s->drain.p[0], "http://10.0.0.2");
    CHECK_STR(s->check, "/ok?a=b");
    CHECK_INT(s->check_interval, 5 * WHEN_SECOND);
}

static void does_without(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    const struct conf_site *s;

    CHECK_LOADS(ALONE(""), &conf);
    s = conf_site_find(conf, STR("a.hospital.example"));
    CHECK_INT(s->balance, CONF_BALANCE_FIRST);
    CHECK(!s->sticky && s->slow_start == 0 && s->check.n == 0);
    CHECK_INT(s->check_interval, 10 * WHEN_SECOND);
}

static void refusals(void)
{
    CHECK_PROBLEM(SITE(", drain: [\"http://10.0.0.3\"]"),
                  "5: gateway.sites[0]: the site a.hospital.example drains http://10.0.0.3, which "
                  "is not among its `backends`: take it out here, too");
    CHECK_PROBLEM(SITE(", drain: [\"http://10.0.0.1\", \"http://10.0.0.2\"]"),
                  "5: gateway.sites[0]: the site a.hospital.example drains all of its backends: "
                  "nobody would be there for new clients");
    CHECK_PROBLEM(ALONE(", sticky: true"),
                  "5: gateway.sites[0]: the site a.hospital.example has one backend: `balance`, "
                  "`sticky` and `slow_start` need several");
    CHECK_PROBLEM(ALONE(", balance: random"),
                  "5: gateway.sites[0].balance: \"random\" is not one of first, round-robin, "
                  "least-connections");
    CHECK_PROBLEM(
        ALONE(", check: health"),
        "5: gateway.sites[0].check: \"health\" is no path of URLs, as in /health: visible "
        "characters of ASCII, \"/\" first");
    CHECK_PROBLEM(ALONE(", check: \"/a b\""),
                  "5: gateway.sites[0].check: \"/a b\" is no path of URLs, as in /health: visible "
                  "characters of ASCII, \"/\" first");
    CHECK_PROBLEM(ALONE(", check_interval: 1ms"),
                  "5: gateway.sites[0].check_interval: 1ms is outside of 1s to 1h");
}

CHECK_MAIN(CHECK_TEST(takes_several_backends), CHECK_TEST(does_without), CHECK_TEST_ONCE(refusals))
