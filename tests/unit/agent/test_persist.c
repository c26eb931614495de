/* SPDX-License-Identifier: Apache-2.0 */
/* dns-persist-01: whether the record that stays is there, and what is said, or done, when it is
 * not. */
#include "check.h"

#include <stdio.h>

#include "agent/plan.h"
#include "agent/solver.h"
#include "base/file.h"
#include "dns_fake.h"
#include "ev/clock.h"
#include "ev/ev.h"

#define ACCOUNT "https://ca.example/acct/1"
#define AT "10.0.0.53:5353"

enum { STEPS = 80, ROUNDS = 20 };

static const struct dns_fake_rr records[] = {
    {"_validation-persist.good.example", 16, "v=spf1 -all"},
    {"_validation-persist.good.example", 16, "CA.example; accounturi=" ACCOUNT},
    {"_validation-persist.wild.example", 16, "two.example; policy=wildcard; accounturi=" ACCOUNT},
    {"_validation-persist.moved.example", 5, "_validation-persist.good.example"},
    {"_validation-persist.other.example", 16, "ca.example; accounturi=" ACCOUNT "2"},
    {"_validation-persist.ended.example", 16, "ca.example; accounturi=" ACCOUNT "; persistUntil=1"},
    {"_validation-persist.elsewhere.example", 16, "x.example; accounturi=" ACCOUNT},
    {NULL, 0, NULL},
};

struct test {
    struct check_dir dir;
    struct clock_fake clock;
    struct ev *ev;
    struct net *net;
    struct dns_fake dns;
    struct dns_fake_server *server;
    struct agent_world world;
    struct agent_plan plan;
    struct agent_solver *solver;
    int calls, warnings;
    enum rc rc;
    char text[1024], said[1024];
};

static void on_said(void *arg, bool warn, const char *line)
{
    struct test *t = arg;

    t->warnings += warn;
    snprintf(t->said, sizeof(t->said), "%s", line);
}

static const struct str names[] = {STR("good.example"), STR("*.both.example"), STR("both.example")};

static enum rc test_init(struct test *t, const char *resolver)
{
    check_dir_init(&t->dir);
    clock_fake_init(&t->clock, WHEN_DAY);
    TRY(ev_new(&t->clock.clock, &t->ev));
    TRY(net_fake_new(t->ev, &t->net));
    dns_fake_init(&t->dns, t->net);
    t->server = dns_fake_add(&t->dns, AT, records);
    t->world = (struct agent_world){.ev = t->ev, .net = t->net, .say = on_said, .arg = t};
    t->plan = (struct agent_plan){.way = AGENT_PERSIST,
                                  .value = STR(AGENT_BY_HAND),
                                  .resolver = str_of(resolver),
                                  .dns = names,
                                  .n_dns = 3};
    return agent_persist_new(&t->world, &t->plan, &t->solver, NULL);
}

static void test_done(struct test *t)
{
    agent_solver_free(t->solver);
    if (t->net)
        dns_fake_done(&t->dns);
    net_free(t->net);
    ev_free(t->ev);
    check_dir_done(&t->dir);
}

static void on_presented(void *arg, enum rc rc, const struct err *err)
{
    struct test *t = arg;

    t->calls++;
    t->rc = rc;
    t->text[0] = '\0';
    if (err)
        err_textz(err, t->text, sizeof(t->text));
}

static void turn(struct test *t)
{
    for (int k = 0; k < ROUNDS; k++) {
        ev_run_once(t->ev, EV_NOWAIT);
        dns_fake_serve(&t->dns);
    }
    clock_fake_advance(&t->clock, WHEN_SECOND / 4);
}

static enum rc prove(struct test *t, const char *name, bool wildcard)
{
    static const struct str issuers[] = {STR("ca.example"), STR("two.example")};
    const struct client_proof proof = {.type = STR(CLIENT_PERSIST),
                                       .identifier_type = STR("dns"),
                                       .identifier = str_of(name),
                                       .wildcard = wildcard,
                                       .issuers = issuers,
                                       .n_issuers = 2,
                                       .account = STR(ACCOUNT)};
    const struct client_solver *s = &t->solver->solver;

    t->calls = 0;
    s->present(s->arg, &proof, on_presented, t);
    for (int i = 0; i < STEPS && !t->calls; i++)
        turn(t);
    s->cleanup(s->arg, &proof);
    return t->calls == 1 ? t->rc : RC_AGAIN;
}

static void is_there(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t, AT));
    CHECK_STR(str_of(t.solver->solver.type), "dns-persist-01");
    CHECK_OK(prove(&t, "good.example", false));
    CHECK_OK(prove(&t, "wild.example", true));
    CHECK_OK(prove(&t, "wild.example", false));
    CHECK_OK(prove(&t, "moved.example", false));
    CHECK_INT(t.warnings, 0);
    CHECK(!agent_solver_busy(t.solver));
}

static void is_not_there(void)
{
    static const struct {
        const char *name;
        bool wildcard;
        const char *why, *value;
    } cases[] = {
        {"new.example", false, "there is no TXT record at all", "ca.example; accounturi=" ACCOUNT},
        {"both.example", false, "there is no TXT record at all",
         "ca.example; accounturi=" ACCOUNT "; policy=wildcard"},
        {"good.example", true, "does not allow wildcards",
         "ca.example; accounturi=" ACCOUNT "; policy=wildcard"},
        {"other.example", false, "is for another account", "ca.example; accounturi=" ACCOUNT},
        {"ended.example", false, "ended at 1970-01-01T00:00:01Z",
         "ca.example; accounturi=" ACCOUNT},
        {"elsewhere.example", false, "they name x.example", "ca.example; accounturi=" ACCOUNT},
    };
    CLEANUP(test_done) struct test t = {};
    char wanted[512];

    CHECK_OK(test_init(&t, AT));
    CHECK_RC(prove(&t, "good.example", true), RC_CONFLICT);
    CHECK(mem_fail_fired() ||
          str_eq(str_of(t.said), STR("and, where it is not there yet, "
                                     "_validation-persist.both.example TXT \""
                                     "ca.example; accounturi=" ACCOUNT "; policy=wildcard\"")));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_RC(prove(&t, cases[i].name, cases[i].wildcard), RC_CONFLICT);
        if (mem_fail_fired())
            return;
        snprintf(wanted, sizeof(wanted), "Write it once: _validation-persist.%s TXT \"%s\"",
                 cases[i].name, cases[i].value);
        if (!strstr(t.text, cases[i].why) || !str_ends(str_of(t.text), str_of(wanted)))
            fail_msg("case %zu: %s", i, t.text);
    }
}

/* The server knows, and is asked. */
static void nobody_says_it(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t, AT));
    t.server->silent = true;
    CHECK_OK(prove(&t, "new.example", false));
    CHECK_INT(t.warnings, 1);
    CHECK(mem_fail_fired() ||
          strstr(t.said, "_validation-persist.new.example cannot be looked up"));
    agent_solver_free(MOVE(t.solver));
    t.plan.resolver = STR("none");
    CHECK_OK(agent_persist_new(&t.world, &t.plan, &t.solver, NULL));
    CHECK_OK(prove(&t, "new.example", false));
    CHECK_INT(t.warnings, 2);
    CHECK(mem_fail_fired() || strstr(t.said, "there is no resolver"));
}

static void who_is_asked(void)
{
    CLEANUP(test_done) struct test t = {};
    struct err err = ERR_INIT;
    char file[160];

    CHECK_OK(CHECK_SPARED(test_init(&t, AT)));
    agent_solver_free(MOVE(t.solver));
    t.plan.resolver = STR("nobody");
    CHECK_RC(agent_persist_new(&t.world, &t.plan, &t.solver, &err), RC_PARSE);
    CHECK_STR(str_of(err.msg->code), "agent.dns-resolver");
    t.plan.resolver = STR("");
    t.plan.style = STR(AGENT_DNS_UPDATES);
    t.plan.value = STR("/nowhere/dns.conf");
    CHECK_RC(agent_persist_new(&t.world, &t.plan, &t.solver, NULL), RC_NOTFOUND);
    snprintf(file, sizeof(file), "%s/dns.conf", t.dir.path);
    CHECK_OK(CHECK_SPARED(
        file_write(t.dir.fd, "dns.conf", STR("server: 10.0.0.9\n"), 0600, FILE_OWNER_SELF, NULL)));
    t.plan.value = str_of(file);
    t.plan.resolver = STR(AT);
    CHECK_OK(agent_persist_new(&t.world, &t.plan, &t.solver, NULL));
    /* What is there is not written again, and nobody is asked for that. */
    CHECK_OK(prove(&t, "good.example", false));
    CHECK(!agent_solver_busy(t.solver));
}

/* One that is given up while somebody writes does not hear of it, nor does who comes next. */
static void given_up(void)
{
    static const struct str issuer = STR("ca.example");
    const struct client_proof proof = {.identifier = STR("new.example"),
                                       .issuers = &issuer,
                                       .n_issuers = 1,
                                       .account = STR(ACCOUNT)};
    CLEANUP(test_done) struct test t = {};
    const struct client_solver *s;
    char file[160];

    CHECK_OK(CHECK_SPARED(test_init(&t, AT)));
    agent_solver_free(MOVE(t.solver));
    snprintf(file, sizeof(file), "%s/dns.conf", t.dir.path);
    CHECK_OK(CHECK_SPARED(
        file_write(t.dir.fd, "dns.conf", STR("server: 10.0.0.9\n"), 0600, FILE_OWNER_SELF, NULL)));
    t.plan.style = STR(AGENT_DNS_UPDATES);
    t.plan.value = str_of(file);
    CHECK_OK(CHECK_SPARED(agent_persist_new(&t.world, &t.plan, &t.solver, NULL)));
    s = &t.solver->solver;
    s->present(s->arg, &proof, on_presented, &t);
    for (int i = 0; i < STEPS * ROUNDS && !agent_solver_busy(t.solver); i++) {
        ev_run_once(t.ev, EV_NOWAIT);
        dns_fake_serve(&t.dns);
    }
    CHECK(agent_solver_busy(t.solver));
    CHECK_INT(t.calls, 0);
    s->cleanup(s->arg, &proof);
    CHECK_OK(prove(&t, "good.example", false));
    CHECK_INT(t.calls, 1);
    for (int i = 0; i < 4 * STEPS && agent_solver_busy(t.solver); i++)
        turn(&t);
    CHECK(!agent_solver_busy(t.solver));
    CHECK_INT(t.calls, 1);
}

CHECK_MAIN(CHECK_TEST(is_there), CHECK_TEST_ONCE(is_not_there), CHECK_TEST_ONCE(nobody_says_it),
           CHECK_TEST(who_is_asked), CHECK_TEST_ONCE(given_up))
