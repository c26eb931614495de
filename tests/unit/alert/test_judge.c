/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "alert/judge.h"
#include "store/approvals.h"
#include "store/locks.h"

#define NOW (INT64_C(1'800'000'000) * WHEN_SECOND)

struct judged {
    struct alert_facts f;
    struct alert_conditions out;
};

static void judged_freep(struct judged **j)
{
    if (*j)
        arena_done(&(*j)->out.arena);
    mem_free(*j);
}

static struct judged *judged_new(void)
{
    struct judged *j = MEM_NEW(struct judged);

    if (!j)
        return NULL;
    j->f = (struct alert_facts){.now = NOW, .disk_free = 50, .disk_size = 100};
    arena_init(&j->out.arena, 1 << 20);
    return j;
}

/* Too large for the stack of a test. */
#define BEGIN(j)                                                                                   \
    CLEANUP(judged_freep) struct judged *j = judged_new();                                         \
    CHECK(j)

static const struct alert_condition *find(const struct judged *j, const char *key)
{
    for (size_t i = 0; i < j->out.n; i++)
        if (str_eq(j->out.v[i].key, str_of(key)))
            return &j->out.v[i];
    return NULL;
}

static enum rc judge(struct judged *j)
{
    arena_done(&j->out.arena);
    j->out.n = 0;
    j->out.rc = RC_OK;
    alert_judge(&j->f, &j->out);
    return j->out.rc;
}

static void all_is_well(void)
{
    BEGIN(j);
    CHECK_OK(judge(j));
    CHECK_INT(j->out.n, 0);
}

static void authorities(void)
{
    BEGIN(j);
    j->f.authorities[0] = (struct alert_authority){STR("root-rsa"), true, NOW + 300 * WHEN_DAY};
    j->f.authorities[1] = (struct alert_authority){STR("rsa-1"), false, NOW + 379 * WHEN_DAY};
    j->f.authorities[2] = (struct alert_authority){STR("rsa-2"), false, NOW + 381 * WHEN_DAY};
    j->f.n_authorities = 3;
    CHECK_OK(judge(j));
    CHECK_INT(j->out.n, 2);
    CHECK(find(j, "root:root-rsa") && find(j, "root:root-rsa")->severity == STORE_CRITICAL);
    CHECK(find(j, "issuer:rsa-1") && find(j, "issuer:rsa-1")->severity == STORE_WARNING);
}

static void the_host(void)
{
    BEGIN(j);
    j->f.clock = STR("the clock went back");
    j->f.disk_free = 9'000;
    j->f.disk_size = 100'000;
    j->f.head_failures = 2;
    CHECK_OK(judge(j));
    CHECK_INT(j->out.n, 2);
    CHECK(find(j, "clock:host")->severity == STORE_CRITICAL);
    CHECK(find(j, "disk:data")->severity == STORE_WARNING);
    j->f.disk_free = 2'000;
    j->f.head_failures = 3;
    CHECK_OK(judge(j));
    CHECK(find(j, "disk:data")->severity == STORE_CRITICAL);
    CHECK(find(j, "audit:head"));
}

static void lists(void)
{
    BEGIN(j);
    j->f.lists = 4;
    j->f.lists_end = NOW + 7 * WHEN_HOUR;
    CHECK_OK(judge(j));
    CHECK_INT(j->out.n, 0);
    j->f.lists_end = NOW + 5 * WHEN_HOUR;
    CHECK_OK(judge(j));
    CHECK(find(j, "crl:lists")->severity == STORE_WARNING);
    j->f.lists_overdue = 1;
    CHECK_OK(judge(j));
    CHECK(find(j, "crl:lists")->severity == STORE_CRITICAL);
}

static void staples(void)
{
    BEGIN(j);
    j->f.staples_late = 2;
    CHECK_OK(judge(j));
    CHECK(find(j, "ocsp:sites")->severity == STORE_WARNING);
    CHECK(strstr(find(j, "ocsp:sites")->summary.p, "for an hour"));
    j->f.staples_end = NOW + 1;
    CHECK_OK(judge(j));
    CHECK(find(j, "ocsp:sites")->severity == STORE_WARNING);
    CHECK(strstr(find(j, "ocsp:sites")->summary.p, "2 OCSP answers"));
    j->f.staples_end = NOW;
    CHECK_OK(judge(j));
    CHECK(find(j, "ocsp:sites")->severity == STORE_CRITICAL);
    j->f.staples_late = 0;
    CHECK_OK(judge(j));
    CHECK_INT(j->out.n, 0);
}

static void what_waits_and_what_is_away(void)
{
    static const struct store_lock locks[] = {
        {.id = {"0123456789abcdefghjkmnpqrs"}, .scope = STORE_LOCK_ALL, .reason = STR("x")}};
    static const struct store_approval approvals[] = {
        {.id = {"0123456789abcdefghjkmnpqrt"},
         .what = STR("a certificate"),
         .state = STORE_APPROVAL_PENDING,
         .asked = NOW - 9 * WHEN_HOUR,
         .expires = NOW + WHEN_DAY},
        {.id = {"0123456789abcdefghjkmnpqrv"},
         .state = STORE_APPROVAL_GRANTED,
         .asked = NOW - 9 * WHEN_HOUR,
         .expires = NOW + WHEN_DAY},
    };

    BEGIN(j);
    j->f.locks = locks;
    j->f.n_locks = 1;
    j->f.approvals = approvals;
    j->f.n_approvals = 2;
    j->f.away[0] = (struct alert_away){"process", STR("signer"), NOW - 3 * WHEN_MINUTE, STR("x")};
    j->f.away[1] = (struct alert_away){"process", STR("prober"), NOW - WHEN_MINUTE, STR("x")};
    j->f.n_away = 2;
    j->f.copies[0] = (struct alert_copy){STR("siem"), NOW - WHEN_HOUR, STR("refused")};
    j->f.n_copies = 1;
    j->f.given_up = 3;
    CHECK_OK(judge(j));
    CHECK_INT(j->out.n, 5);
    CHECK(find(j, "lock:0123456789abcdefghjkmnpqrs")->severity == STORE_CRITICAL);
    CHECK(find(j, "approval:0123456789abcdefghjkmnpqrt"));
    CHECK(find(j, "process:signer") && !find(j, "process:prober"));
    CHECK(find(j, "copy:siem") && find(j, "delivery:receivers"));
}

static void sites(void)
{
    BEGIN(j);
    j->f.sites[0] = (struct alert_site){STR("a.example"), "rsa", NOW + 9 * WHEN_DAY, 2, STR("x")};
    j->f.sites[1] = (struct alert_site){STR("b.example"), "rsa", NOW + 9 * WHEN_DAY, 3, STR("x")};
    j->f.sites[2] = (struct alert_site){STR("b.example"), "sm2", 0, 3, STR("no")};
    j->f.n_sites = 3;
    CHECK_OK(judge(j));
    CHECK_INT(j->out.n, 2);
    CHECK(find(j, "site:b.example/rsa")->severity == STORE_WARNING);
    CHECK(
        strstr(find(j, "site:b.example/rsa")->summary.p,
               "the site b.example gets no new rsa certificate; the one in place is valid until "));
    CHECK(find(j, "site:b.example/sm2")->severity == STORE_CRITICAL);
    CHECK_STR(find(j, "site:b.example/sm2")->summary,
              "the site b.example gets no sm2 certificate: no");
}

static void agents(void)
{
    BEGIN(j);
    j->f.silent = j->f.n_agents = 2;
    j->f.agents[0] = (struct alert_agent){STR("web1"), NOW - WHEN_DAY};
    j->f.agents[1] = (struct alert_agent){STR("db1"), NOW - WHEN_HOUR};
    CHECK_OK(judge(j));
    CHECK_INT(j->out.n, 2);
    CHECK(find(j, "agent:web1"));
    CHECK_INT(find(j, "agent:db1")->severity, STORE_WARNING);
    j->f.silent = ALERT_AGENTS_MAX + 1;
    CHECK_OK(judge(j)); /* a network that is cut is one alert */
    CHECK_INT(j->out.n, 1);
    CHECK(find(j, "agent:agents"));
    CHECK_INT(find(j, "agent:agents")->severity, STORE_CRITICAL);
}

static void backups(void)
{
    BEGIN(j);
    j->f.backup_age = 8 * WHEN_DAY;
    CHECK_OK(judge(j));
    CHECK(!find(j, "backup:last")); /* there was none, and nobody has asked for one */
    j->f.backup_expected = true;
    CHECK_OK(judge(j));
    CHECK_STR(find(j, "backup:last")->summary, "no backup was ever made");
    j->f.backup = NOW - 8 * WHEN_DAY;
    CHECK_OK(judge(j));
    CHECK(!find(j, "backup:last"));
    j->f.backup--;
    CHECK_OK(judge(j));
    CHECK_INT(find(j, "backup:last")->severity, STORE_WARNING);
    j->f.backup_age = 0;
    CHECK_OK(judge(j));
    CHECK(!find(j, "backup:last"));
}

static void what_agents_report(void)
{
    BEGIN(j);
    j->f.troubles[0] = (struct alert_trouble){.agent = STR("web1"),
                                              .directory = STR("/etc/ssl/a"),
                                              .name = STR("a.hospital.example"),
                                              .failures = 3,
                                              .ends = NOW + 9 * WHEN_DAY,
                                              .why = STR("no proof")};
    j->f.troubles[1] = (struct alert_trouble){.agent = STR("web1"),
                                              .directory = STR("/etc/ssl/b"),
                                              .name = STR("b.hospital.example"),
                                              .unproven = true,
                                              .ends = NOW + WHEN_DAY,
                                              .why = STR("10.0.0.7:443 serves another one")};
    j->f.troubles[2] = (struct alert_trouble){.agent = STR("web2"),
                                              .directory = STR("/etc/ssl/c"),
                                              .name = STR("c.hospital.example"),
                                              .due = NOW - 3 * WHEN_DAY,
                                              .ends = NOW + 20 * WHEN_DAY};
    j->f.n_troubles = 3;
    j->f.clocks[0] = (struct alert_clock){STR("web3"), -7 * WHEN_MINUTE};
    j->f.n_clocks = 1;
    CHECK_OK(judge(j));
    CHECK_INT(j->out.n, 4);
    CHECK(find(j, "renewal:web1//etc/ssl/a"));
    CHECK_INT(find(j, "renewal:web1//etc/ssl/a")->severity, STORE_WARNING);
    CHECK(find(j, "proof:web1//etc/ssl/b"));
    CHECK_INT(find(j, "proof:web1//etc/ssl/b")->severity, STORE_CRITICAL);
    CHECK_STR(find(j, "proof:web1//etc/ssl/b")->object, "b.hospital.example");
    CHECK(find(j, "renewal:web2//etc/ssl/c"));
    CHECK(strstr(find(j, "renewal:web2//etc/ssl/c")->summary.p, "is stuck"));
    CHECK(find(j, "clock:web3"));
    CHECK(strstr(find(j, "clock:web3")->summary.p, "7 minutes behind"));
    j->f.more_troubles = true;
    CHECK_OK(judge(j));
    CHECK(find(j, "renewal:agents") && find(j, "renewal:agents")->severity == STORE_CRITICAL);
}

CHECK_MAIN(CHECK_TEST(what_agents_report), CHECK_TEST(all_is_well), CHECK_TEST(authorities),
           CHECK_TEST(the_host), CHECK_TEST(lists), CHECK_TEST(staples),
           CHECK_TEST(what_waits_and_what_is_away), CHECK_TEST(sites), CHECK_TEST(agents),
           CHECK_TEST(backups))
