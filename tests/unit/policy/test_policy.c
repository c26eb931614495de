/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "policy/policy.h"
#include "unit/policy/rules.h"

static enum rc judge(const struct conf *conf, const char *name, const char *from, struct err *err)
{
    CLEANUP(policy_unrefp) struct policy *p = NULL;
    struct policy_query q = {.type = POLICY_DNS, .value = str_of(name)};
    struct policy_verdict v;

    TRY(policy_new(conf, &p, NULL));
    if (addr_parse(str_of(from), &q.requester) != RC_OK)
        return RC_INVAL;
    return policy_judge(p, &q, &v, err);
}

static void nothing_without_a_rule(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    struct err err = ERR_INIT;

    CHECK(load("", &conf));
    CHECK_RC(judge(conf, "a.hospital.example", "10.0.0.1", &err), RC_DENIED);
    CHECK(err.msg);
    CHECK_STR(str_of(err.msg->code), "policy.no-rules");
    CHECK_STR(str_of(err.type), "rejectedIdentifier");
}

static void patterns_and_networks(void)
{
    static const struct {
        const char *name;
        const char *from;
        enum rc rc;
    } cases[] = {
        {"a.apps.hospital.example", "10.1.0.9", RC_OK},
        {"a.b.apps.hospital.example", "10.1.0.9", RC_OK},
        {"apps.hospital.example", "10.1.0.9", RC_DENIED},
        {"a.apps.hospital.example", "10.2.0.9", RC_DENIED},
        {"xapps.hospital.example", "10.1.0.9", RC_DENIED},
        {"wiki.hospital.example", "192.0.2.1", RC_OK},
        {"www.wiki.hospital.example", "192.0.2.1", RC_DENIED},
        {"*.apps.hospital.example", "10.1.0.9", RC_DENIED},
    };
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK(load("policy:\n"
               "  - {name: apps, allow: [\"*.apps.hospital.example\"], networks: [10.1.0.0/16]}\n"
               "  - {name: wiki, allow: [wiki.hospital.example]}\n",
               &conf));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK_RC(judge(conf, cases[i].name, cases[i].from, NULL), cases[i].rc);
}

/* A rule for every name does not reach beyond what the hierarchy vouches for. */
static void never_outside_the_hierarchy(void)
{
    static const struct {
        const char *name;
        enum rc rc;
    } cases[] = {
        {"a.hospital.example", RC_OK},
        {"pacs", RC_OK},
        {"localhost", RC_DENIED}, /* the list is another one */
        {"printer", RC_DENIED},
        {"*.lan", RC_DENIED},
        {"nas.lan", RC_OK},
        {"www.google.com", RC_DENIED},
        {"hospital.example.com", RC_DENIED},
    };
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK(load("names: {single: [pacs]}\npolicy:\n  - {name: all, allow: [\"*\"]}\n", &conf));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK_RC(judge(conf, cases[i].name, "10.0.0.1", NULL), cases[i].rc);
}

static void addresses_of_the_hierarchy(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK(load("", &conf));
    CHECK_INT(policy_space_of(conf, POLICY_IP, STR("10.0.0.1")), POLICY_INTRANET);
    CHECK_INT(policy_space_of(conf, POLICY_IP, STR("127.0.0.1")), POLICY_INTRANET);
    CHECK_INT(policy_space_of(conf, POLICY_IP, STR("fd00::1")), POLICY_INTRANET);
    CHECK_INT(policy_space_of(conf, POLICY_IP, STR("8.8.8.8")), POLICY_SPECIAL);
    CHECK_INT(policy_space_of(conf, POLICY_IP, STR("not an address")), POLICY_NOWHERE);
}

static void one_hierarchy_for_all_names(void)
{
    static const struct {
        const char *names; /* by spaces */
        bool special;
        enum rc rc;
        const char *code; /* or which hierarchy */
    } cases[] = {
        {"a.hospital.example pacs nas.lan 10.0.0.1 ::1", false, RC_OK, "intranet"},
        {"a.hospital.example", true, RC_OK, "intranet"},
        {"www.example.com", false, RC_DENIED, "policy.outside-hierarchy"},
        {"www.example.com 203.0.114.1", true, RC_OK, "special"},
        {"a.hospital.example www.example.com", true, RC_DENIED, "policy.mixed"},
        {"a.hospital.example 8.8.8.8", true, RC_DENIED, "policy.mixed"},
        {"10.0.0.1 8.8.8.8", true, RC_DENIED, "policy.mixed"},
        {"10.0.0.1 8.8.8.8", false, RC_DENIED, "policy.outside-hierarchy"},
        {"printer", true, RC_DENIED, "policy.single-label"},
        {"printer", false, RC_DENIED, "policy.single-label"},
    };
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK(load("names: {single: [pacs]}\n", &conf));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct str rest = str_of(cases[i].names), one, dns[8];
        struct addr ips[8];
        struct policy_names names = {dns, 0, ips, 0};
        enum policy_space space = POLICY_NOWHERE;
        struct err err = ERR_INIT;

        while (str_next(&rest, ' ', &one))
            if (addr_parse(one, &ips[names.n_ips]) == RC_OK)
                names.n_ips++;
            else
                dns[names.n_dns++] = one;
        CHECK_RC(policy_space_of_all(conf, &names, cases[i].special, &space, &err), cases[i].rc);
        if (cases[i].rc == RC_OK)
            CHECK_STR(policy_space_text(space), cases[i].code);
        else
            CHECK_STR(str_of(err.msg->code), cases[i].code);
    }
}

#define SITES                                                                                      \
    "gateway:\n  sites:\n"                                                                         \
    "    - {name: wiki.hospital.example, backends: [\"http://10.0.3.7\"]}\n"                       \
    "    - {name: www.example.com, backends: [\"http://10.0.3.8\"]}\n"                             \
    "    - {name: vpn.hospital.example, backends: [\"tls://10.0.3.9\"]}\n"

static void vouches_for_exactly_the_sites(void)
{
    static const char *const others[] = {"",
                                         "*",
                                         "hospital.example",
                                         "pacs.hospital.example",
                                         "x.wiki.hospital.example",
                                         "*.wiki.hospital.example",
                                         "wiki.hospital.example.",
                                         "WIKI.hospital.example",
                                         "vpn.hospital.example", /* which is passed on */
                                         "10.0.3.7"};
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    CLEANUP(conf_unrefp) const struct conf *without = NULL;

    CHECK(load(SITES, &conf));
    CHECK(load("policy:\n  - {name: all, allow: [\"*\"]}\n", &without));
    CHECK(policy_vouch(conf, POLICY_DNS, STR("wiki.hospital.example")) == &conf->gateway.sites[0]);
    CHECK(policy_vouch(conf, POLICY_DNS, STR("www.example.com")) == &conf->gateway.sites[1]);
    CHECK(!policy_vouch(conf, POLICY_IP, STR("wiki.hospital.example")));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        CHECK(!policy_vouch(conf, POLICY_DNS, str_of(others[i])));
    CHECK(!policy_vouch(without, POLICY_DNS, STR("wiki.hospital.example")));
}

static void even_a_site_is_inside_the_hierarchy(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    const struct conf_site *site = NULL;
    struct err err = ERR_INIT;

    CHECK(load(SITES, &conf));
    CHECK_OK(policy_judge_vouched(conf, POLICY_DNS, STR("wiki.hospital.example"), &site, &err));
    CHECK(site == &conf->gateway.sites[0]);
    CHECK_RC(policy_judge_vouched(conf, POLICY_DNS, STR("www.example.com"), &site, &err),
             RC_DENIED);
    CHECK_STR(str_of(err.msg->code), "policy.site-outside-hierarchy");
    CHECK_STR(str_of(err.type), "rejectedIdentifier");
    CHECK_RC(policy_judge_vouched(conf, POLICY_DNS, STR("pacs.hospital.example"), &site, &err),
             RC_DENIED);
    CHECK_STR(str_of(err.msg->code), "policy.not-a-site");
    CHECK(site == &conf->gateway.sites[0]);
}

#define ON "control: {certificates: true}\n"

/* Who is refused is told what to bring, and not whose would do. */
static void clients_are_told_what_to_show(void)
{
    static const struct {
        const char *rules, *code;
        bool wants;
    } cases[] = {
        {ON "policy: [{name: a, allow: [b.hospital.example], client_certificates: "
            "[pump.hospital.example]}]\n",
         "policy.client-certificate", true},
        {ON "groups: [{name: g, client_certificates: [\"team:wards\"]}]\n"
            "policy: [{name: a, allow: [b.hospital.example], groups: [g]}]\n",
         "policy.client-certificate", true},
        {ON "policy: [{name: a, allow: [b.hospital.example], eab: [k]}]\n", "policy.client", false},
        {ON "groups: [{name: g, client_certificates: [pump.hospital.example]}]\n"
            "policy: [{name: a, allow: [b.hospital.example], accounts: [x]}]\n",
         "policy.client", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(conf_unrefp) const struct conf *conf = NULL;
        CLEANUP(policy_unrefp) struct policy *p = NULL;
        struct err err = ERR_INIT;
        char text[512];

        CHECK(load(cases[i].rules, &conf));
        CHECK_RC(judge(conf, "b.hospital.example", "10.0.0.1", &err), RC_DENIED);
        CHECK(err.msg);
        CHECK_STR(str_of(err.msg->code), cases[i].code);
        CHECK(!strstr(err_textz(&err, text, sizeof(text)), "pump"));
        CHECK(!strstr(text, "wards"));
        CHECK_OK(policy_new(conf, &p, NULL));
        CHECK_INT(policy_wants_shown(p), cases[i].wants);
    }
}

CHECK_MAIN(CHECK_TEST(clients_are_told_what_to_show), CHECK_TEST(nothing_without_a_rule),
           CHECK_TEST(patterns_and_networks), CHECK_TEST(never_outside_the_hierarchy),
           CHECK_TEST(addresses_of_the_hierarchy), CHECK_TEST(one_hierarchy_for_all_names),
           CHECK_TEST(vouches_for_exactly_the_sites),
           CHECK_TEST(even_a_site_is_inside_the_hierarchy))
