/* SPDX-License-Identifier: Apache-2.0 */
/* Where the aliases of a proof's name end. */
#include "check.h"

#include <stdio.h>

#include "agent/dns_alias.h"
#include "dns_fake.h"
#include "ev/clock.h"
#include "ev/ev.h"

enum { STEPS = 60, ROUNDS = 20 };

static const struct dns_fake_rr records[] = {
    {"_acme-challenge.wiki.example", 5, "one.proofs.example"},
    {"one.proofs.example", 5, "two.proofs.example"},
    {"two.proofs.example", 16, "theirs"},
    {"_acme-challenge.new.example", 5, "nothing.proofs.example"},
    {"_acme-challenge.circle.example", 5, "round.example"},
    {"round.example", 5, "_acme-challenge.circle.example"},
    {NULL, 0, NULL},
};

struct test {
    struct clock_fake clock;
    struct ev *ev;
    struct net *net;
    struct dns_fake dns;
    struct dns_fake_server *server;
    struct agent_world world;
    struct agent_alias *alias;
    int calls, warnings;
    enum rc rc;
    char target[256], text[512];
};

static void on_said(void *arg, bool warn, const char *line)
{
    struct test *t = arg;

    t->warnings += warn;
    snprintf(t->text, sizeof(t->text), "%s", line);
}

static enum rc test_init(struct test *t, const char *resolvers)
{
    clock_fake_init(&t->clock, WHEN_DAY);
    TRY(ev_new(&t->clock.clock, &t->ev));
    TRY(net_fake_new(t->ev, &t->net));
    dns_fake_init(&t->dns, t->net);
    t->server = dns_fake_add(&t->dns, "10.0.0.53:5353", records);
    t->world = (struct agent_world){.ev = t->ev, .net = t->net, .say = on_said, .arg = t};
    return agent_alias_new(&t->world, str_of(resolvers), &t->alias, NULL);
}

static void test_done(struct test *t)
{
    agent_alias_free(t->alias);
    if (t->net)
        dns_fake_done(&t->dns);
    net_free(t->net);
    ev_free(t->ev);
}

static void on_found(void *arg, enum rc rc, struct str target, const struct err *err)
{
    struct test *t = arg;

    t->calls++;
    t->rc = rc;
    IGNORE_RC(str_copyz(target, t->target, sizeof(t->target)));
    if (rc != RC_OK && err)
        err_textz(err, t->text, sizeof(t->text));
}

static enum rc find(struct test *t, const char *name)
{
    t->calls = 0;
    TRY(agent_alias_find(t->alias, str_of(name), on_found, t));
    if (t->calls)
        return RC_CONFLICT; /* from inside */
    for (int i = 0; i < STEPS && !t->calls; i++) {
        for (int k = 0; k < ROUNDS; k++) {
            ev_run_once(t->ev, EV_NOWAIT);
            dns_fake_serve(&t->dns);
        }
        clock_fake_advance(&t->clock, WHEN_SECOND / 4);
    }
    return t->calls == 1 ? t->rc : RC_AGAIN;
}

static void leads_to_the_end(void)
{
    CLEANUP(test_done) struct test t = {};
    unsigned asked;

    CHECK_OK(test_init(&t, "10.0.0.53:5353"));
    CHECK_OK(find(&t, "_acme-challenge.wiki.example"));
    CHECK_STR(str_of(t.target), "two.proofs.example");
    CHECK_OK(find(&t, "_acme-challenge.new.example")); /* which has no record yet */
    CHECK_STR(str_of(t.target), "nothing.proofs.example");
    CHECK_OK(find(&t, "_acme-challenge.plain.example"));
    CHECK_STR(str_of(t.target), "_acme-challenge.plain.example");
    CHECK_INT(t.warnings, 0);
    /* What was found once is not asked for again, for that is where the record is. */
    asked = t.server->queries;
    t.server->silent = true;
    CHECK_OK(find(&t, "_acme-challenge.wiki.example"));
    CHECK_STR(str_of(t.target), "two.proofs.example");
    CHECK_INT(t.server->queries, asked);
}

static void leads_nowhere(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t, "10.0.0.53:5353"));
    CHECK_RC(find(&t, "_acme-challenge.circle.example"), RC_CONFLICT);
    CHECK(mem_fail_fired() || strstr(t.text, "_acme-challenge.circle.example lead nowhere"));
}

/* The record is put where it would be without aliases, and a person is told. */
static void nobody_says_it(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t, "10.0.0.53:5353, 10.0.0.54"));
    t.server->silent = true;
    CHECK_OK(find(&t, "_acme-challenge.wiki.example"));
    CHECK_STR(str_of(t.target), "_acme-challenge.wiki.example");
    CHECK_INT(t.warnings, 1);
    CHECK(mem_fail_fired() || strstr(t.text, "is an alias cannot be looked up"));
}

/* A resolver that fails at the end of an alias may have known the alias, and does not say so. */
static void end_is_broken(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t, "10.0.0.53:5353"));
    t.server->rcode = 2;
    CHECK_OK(find(&t, "_acme-challenge.wiki.example"));
    CHECK_STR(str_of(t.target), "_acme-challenge.wiki.example");
    CHECK_INT(t.warnings, 1);
}

static void is_not_asked(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t, AGENT_ALIAS_NONE));
    CHECK_OK(find(&t, "_acme-challenge.wiki.example"));
    CHECK_STR(str_of(t.target), "_acme-challenge.wiki.example");
    CHECK_INT(t.server->queries, 0);
}

/* One more than are asked. */
#define NINE "1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4 1.1.1.5 1.1.1.6 1.1.1.7 1.1.1.8 1.1.1.9"

static void resolvers_are_addresses(void)
{
    static const char *const bad[] = {"ns.example", "10.0.0.53:x", "10.0.0.53 none", NINE};
    static const char *const good[] = {"10.0.0.53", "[2001:db8::53]:53,2001:db8::54",
                                       "  10.0.0.1 "};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CLEANUP(test_done) struct test t = {};

        CHECK_RC(test_init(&t, bad[i]), RC_PARSE);
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CLEANUP(test_done) struct test t = {};

        CHECK_OK(test_init(&t, good[i]));
    }
}

static void given_up(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t, "10.0.0.53:5353"));
    t.server->silent = true;
    CHECK_OK(agent_alias_find(t.alias, STR("_acme-challenge.wiki.example"), on_found, &t));
    ev_run_once(t.ev, EV_NOWAIT);
}

CHECK_MAIN(CHECK_TEST(leads_to_the_end), CHECK_TEST(leads_nowhere), CHECK_TEST(nobody_says_it),
           CHECK_TEST(end_is_broken), CHECK_TEST(is_not_asked), CHECK_TEST(resolvers_are_addresses),
           CHECK_TEST(given_up))
