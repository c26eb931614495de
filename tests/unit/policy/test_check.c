/* SPDX-License-Identifier: Apache-2.0 */
/* What is found in rules that are well formed, and what is not; and what rules say of a certificate
 * as a whole. */
#include "check.h"

#include <stdio.h>

#include "policy/check.h"
#include "unit/policy/rules.h"

struct noted {
    char text[512];
    size_t n;
};

static void note(void *arg, const struct policy_finding *f)
{
    struct noted *all = arg;
    char what[1024];

    assert_true(f->cure[0] && err_textz(&f->what, what, sizeof(what))[0]);
    all->n += (size_t)snprintf(all->text + all->n, sizeof(all->text) - all->n, "%s %.*s%s%.*s;",
                               f->name, STR_ARG(f->rule), f->other.n ? "/" : "", STR_ARG(f->other));
}

static void finds(void)
{
    static const struct {
        const char *rules, *found;
    } cases[] = {
        {"{name: a, allow: [hospital.example, \"*.hospital.example\"]}", ""},
        {"{name: a, allow: [\"*.lan\"]}, {name: b, allow: [\"*.lan\", nas.lan]}", ""},
        {"{name: a, allow: [\"*.lan\"]}, {name: b, allow: [\"*.lan\"]}", "unreachable b/a;"},
        {"{name: a, allow: [\"*.lan\"], labels: 1}, {name: b, allow: [\"*.lan\"]}", ""},
        {"{name: a, allow: [\"*.lan\"]}, {name: b, allow: [\"*.lan\"], eab: [k]}", ""},
        {"{name: a, allow: [\"*.lan\"], eab: [k, l]}, {name: b, allow: [\"*.lan\"], eab: [k]}",
         "unreachable b/a;"},
        {"{name: a, allow: [\"*.lan\"], eab: [k]}, {name: b, allow: [\"*.lan\"], eab: [k, l], "
         "challenges: [dns-01]}",
         "contradictory b/a;"},
        {"{name: a, allow: [\"*.lan\"]}, {name: b, allow: [\"*.lan\", x.lan], wildcards: allow, "
         "challenges: [dns-01]}",
         "contradictory b/a;"},
        {"{name: a, allow: [\"*.example.com\"]}", "outside a;"},
        {"{name: a, allow: [printer]}", "outside a;"},
        {"{name: a, allow: [\"*.example\"], networks: [10.0.0.0/8]}", ""},
        {"{name: a, allow: [a.lan], addresses: [10.0.0.0/8], challenges: [dns-01]}",
         "unprovable a;"},
        {"{name: a, allow: [\"*.lan\"], wildcards: allow}", "unprovable a;"},
        {"{name: a, allow: [\"*.lan\"], wildcards: never}", ""},
        {"{name: a, allow: [\"*.lan\"], subdomains: true}", "unprovable a;"},
        {"{name: a, allow: [a.lan], profiles: [tlcp-sign], key_algorithms: [rsa]}", "no-key a;"},
        {"{name: a, allow: [\"*\"]}", "wide a;"},
        {"{name: a, allow: [\"*\"], networks: [0.0.0.0/0]}", "wide a;"},
        {"{name: a, allow: [a.lan], addresses: [0.0.0.0/0]}", "wide a;"},
        {"{name: a, allow: [\"*.hospital.example\"], eab: [k], challenges: [none]}", "wide a;"},
        {"{name: a, allow: [\"*.hospital.example\"], wildcards: allow, challenges: [dns-01]}",
         "wide a;"},
        {"{name: a, from: [operators], allow: [\"*\"], addresses: [0.0.0.0/0]}", ""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(buf_done) struct buf text = BUF_INIT(4096);
        CLEANUP(conf_unrefp) const struct conf *conf = NULL;
        CLEANUP(policy_unrefp) struct policy *p = NULL;
        struct noted all = {.n = 0};

        buf_printf(&text, "policy: [%s]\n", cases[i].rules);
        CHECK_OK(buf_rc(&text));
        CHECK(load(buf_z(&text), &conf));
        CHECK_OK(policy_new(conf, &p, NULL));
        CHECK_OK(policy_check(p, false, note, &all));
        CHECK_STR(str_bytes(all.text, all.n), cases[i].found);
    }
}

#define PEOPLE                                                                                     \
    "control: {people: [a, b]}\n"                                                                  \
    "policy:\n"                                                                                    \
    "  - {name: w, allow: [\"*.w.lan\"], wildcards: approval, approvers: 2, challenges: "          \
    "[dns-01]}\n"                                                                                  \
    "  - {name: o, allow: [\"*.o.lan\"], wildcards: allow, approval: true, challenges: "           \
    "[dns-01]}\n"                                                                                  \
    "  - {name: p, allow: [\"*.lan\"], wildcards: allow, approvers: 2, challenges: [dns-01]}\n"

/* Each name by its own rule, and the most that one of them wants. */
static void persons_who_allow_it(void)
{
    static const struct {
        const char *names;
        unsigned want;
    } cases[] = {
        {"a.w.lan", 0},       {"*.a.w.lan", 2},         {"a.o.lan", 1},
        {"*.a.o.lan", 1},     {"a.lan *.b.lan", 0},     {"a.o.lan a.w.lan", 1},
        {"a.lan b.o.lan", 1}, {"a.o.lan *.a.w.lan", 2},
    };
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    CLEANUP(policy_unrefp) struct policy *p = NULL;

    CHECK(load(PEOPLE, &conf));
    CHECK_OK(policy_new(conf, &p, NULL));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct str rest = str_of(cases[i].names), names[4];
        struct policy_verdict verdicts[4];
        struct policy_whole w = {STR("default"), 0, names, verdicts, 0};

        for (; str_next(&rest, ' ', &names[w.n]); w.n++) {
            struct policy_query q = {.value = names[w.n]};

            CHECK_OK(policy_judge(p, &q, &verdicts[w.n], NULL));
        }
        CHECK_INT(policy_approvers(&w), cases[i].want);
    }
}

#define WHOLE                                                                                      \
    "groups: [{name: g, eab: [k]}]\n"                                                              \
    "policy:\n"                                                                                    \
    "  - {name: p, allow: [\"*.p.lan\", \"*.q.lan\"], together: project, names_max: 2}\n"          \
    "  - {name: s, allow: [s.lan], profiles: [short], lifetime: 1d, key_algorithms: [ecdsa]}\n"    \
    "  - {name: k, allow: [\"*.k.lan\"], groups: [g], challenges: [none]}\n"                       \
    "  - {name: l, allow: [l.lan], lifetime: 2d}\n"                                                \
    "  - {name: n, allow: [\"*.l.lan\"], wildcards: never}\n"                                      \
    "  - {name: w, allow: [\"*.lan\"], wildcards: true, challenges: [dns-01]}\n"

static void of_a_whole_certificate(void)
{
    static const struct {
        const char *names, *profile;
        unsigned keys;
        const char *code; /* or NULL */
        const char *type;
        when_t life;
    } cases[] = {
        {"a.p.lan b.p.lan", "default", 1, NULL, NULL, 0},
        {"a.p.lan b.q.lan", "default", 1, "policy.together", "rejectedIdentifier", 0},
        {"a.p.lan x.lan", "default", 1, "policy.together", "rejectedIdentifier", 0},
        {"a.p.lan b.p.lan c.p.lan", "default", 1, "policy.names-max", "rejectedIdentifier", 0},
        {"s.lan", "short", 2, NULL, NULL, WHEN_DAY},
        {"s.lan", "short", 0, NULL, NULL, WHEN_DAY},
        {"s.lan l.lan", "short", 2, NULL, NULL, WHEN_DAY},
        {"s.lan", "default", 2, "policy.profile", "invalidProfile", WHEN_DAY},
        {"s.lan", "short", 1, "policy.key-algorithm", "badPublicKey", WHEN_DAY},
    };
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    CLEANUP(policy_unrefp) struct policy *p = NULL;

    CHECK(load(WHOLE, &conf));
    CHECK_OK(policy_new(conf, &p, NULL));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct str rest = str_of(cases[i].names), names[4];
        struct policy_verdict verdicts[4];
        struct policy_whole w = {str_of(cases[i].profile), cases[i].keys, names, verdicts, 0};
        struct err err = ERR_INIT;

        for (; str_next(&rest, ' ', &names[w.n]); w.n++) {
            struct policy_query q = {.value = names[w.n]};

            CHECK_OK(policy_judge(p, &q, &verdicts[w.n], NULL));
        }
        CHECK_RC(policy_judge_whole(&w, &err), cases[i].code ? RC_DENIED : RC_OK);
        if (cases[i].code) {
            CHECK_STR(str_of(err.msg->code), cases[i].code);
            CHECK_STR(str_of(err.type), cases[i].type);
        }
        CHECK_INT(policy_lifetime(&w), cases[i].life);
    }
}

static void who_and_wildcards(void)
{
    static const struct {
        const char *name, *eab;
        enum conf_from from;
        enum rc rc;
        const char *what; /* rule, or code of the refusal */
        bool vouched;
    } cases[] = {
        {"a.k.lan", "k", CONF_FROM_CLIENTS, RC_OK, "k", true},
        {"a.k.lan", "", CONF_FROM_CLIENTS, RC_OK, "w", false},
        {"*.k.lan", "k", CONF_FROM_CLIENTS, RC_OK, "w", false},
        {"*.l.lan", "", CONF_FROM_CLIENTS, RC_DENIED, "policy.wildcard-never", false},
        {"*.m.lan", "", CONF_FROM_CLIENTS, RC_OK, "w", false},
        {"*.p.lan", "", CONF_FROM_CLIENTS, RC_OK, "w", false},
        {"hospital.example", "", CONF_FROM_CLIENTS, RC_DENIED, "policy.no-rule-fits", false},
        {"hospital.example", "", CONF_FROM_OPERATORS, RC_DENIED, "policy.no-rule-fits", false},
        {"hospital.example", "", CONF_FROM_GATEWAY, RC_OK, "gateway.sites", false},
        {"example.com", "", CONF_FROM_OPERATORS, RC_DENIED, "policy.outside-hierarchy", false},
    };
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    CLEANUP(policy_unrefp) struct policy *p = NULL;

    CHECK(load(WHOLE, &conf));
    CHECK_OK(policy_new(conf, &p, NULL));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct policy_query q = {
            .value = str_of(cases[i].name), .eab = str_of(cases[i].eab), .from = cases[i].from};
        struct policy_verdict v = {};
        struct err err = ERR_INIT;

        CHECK_RC(policy_judge(p, &q, &v, &err), cases[i].rc);
        CHECK_STR(cases[i].rc == RC_OK ? v.rule : str_of(err.msg->code), cases[i].what);
        CHECK_INT(v.vouched, cases[i].vouched);
    }
}

/* Operators have what rules give them, as clients do; a rule without `from` is for both, and one
 * for either alone goes before it. */
static void operators_by_rule(void)
{
    static const struct {
        const char *name;
        enum conf_from from;
        const char *rule; /* or NULL */
    } cases[] = {
        {"a.lan", CONF_FROM_OPERATORS, "o"},    {"a.lan", CONF_FROM_CLIENTS, "both"},
        {"b.lan", CONF_FROM_OPERATORS, NULL},   {"b.lan", CONF_FROM_CLIENTS, "c"},
        {"c.lan", CONF_FROM_OPERATORS, "both"}, {"d.lan", CONF_FROM_OPERATORS, NULL},
    };
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    CLEANUP(policy_unrefp) struct policy *p = NULL;

    CHECK(load("policy:\n  - {name: both, allow: [a.lan, c.lan]}\n"
               "  - {name: o, from: [operators], allow: [a.lan]}\n"
               "  - {name: c, from: [clients], allow: [b.lan]}\n"
               "  - {name: near, allow: [d.lan], networks: [10.0.0.0/8]}\n",
               &conf));
    CHECK_OK(policy_new(conf, &p, NULL));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct policy_query q = {.value = str_of(cases[i].name), .from = cases[i].from};
        struct policy_verdict v;
        enum rc rc = policy_judge(p, &q, &v, NULL);

        CHECK_RC(rc, cases[i].rule ? RC_OK : RC_DENIED);
        if (rc == RC_OK)
            CHECK_STR(v.rule, cases[i].rule);
    }
}

static void too_large(void)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(64 * 1024);
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    CLEANUP(policy_unrefp) struct policy *p = NULL;
    struct err err = ERR_INIT;

    buf_putz(&text, "policy:\n  - name: a\n    allow: [");
    for (unsigned i = 0; i < 400; i++)
        buf_printf(&text, "%sa%u.lan", i ? ", " : "", i);
    buf_putz(&text, "]\n    eab: [");
    for (unsigned i = 0; i < 400; i++)
        buf_printf(&text, "%sk%u", i ? ", " : "", i);
    buf_putz(&text, "]\n");
    CHECK_OK(buf_rc(&text));
    CHECK(load(buf_z(&text), &conf));
    CHECK_RC(policy_new(conf, &p, &err), RC_TOOBIG);
    CHECK_STR(str_of(err.msg->code), "policy.too-large");
}

CHECK_MAIN(CHECK_TEST(finds), CHECK_TEST(of_a_whole_certificate), CHECK_TEST(persons_who_allow_it),
           CHECK_TEST(who_and_wildcards), CHECK_TEST(operators_by_rule), CHECK_TEST_ONCE(too_large))
