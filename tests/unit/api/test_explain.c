/* SPDX-License-Identifier: Apache-2.0 */
/* `policy explain`, as /api/v1/ has it; what the rules say is tests/unit/policy's. */
#include "fixture.h"

#include "policy/policy.h"
#include "unit/policy/rules.h"

static const struct row rows[] = {
    {"a.hospital.example", STORE_NAME_DNS, 1, WORLD_NOW, WORLD_NOW + WHEN_DAY, false},
};

/* Of the rules of that configuration; NULL: of the world's. */
static enum rc ask_of_rules(const char *config, const char *args, struct answer *a)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    CLEANUP(store_closep) struct store *s = NULL;
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    CLEANUP(policy_unrefp) struct policy *policy = NULL;
    struct api_view v;

    answer_done(a);
    answer_begin(a);
    TRY(visit(&s));
    v = view(s);
    if (config) {
        TRY(rules_load(str_of(config), &conf));
        v.conf = conf;
    }
    TRY(policy_new(v.conf, &policy, NULL));
    v.policy = policy;
    TRY(json_parse(str_of(args), 16 * 1024, &doc, NULL));
    return answer_end(a, api_policy_explain(&v, json_root(doc), &a->out, &a->err));
}

static enum rc ask(const char *args, struct answer *a)
{
    return ask_of_rules(NULL, args, a);
}

static void a_name_that_nobody_may_have(void)
{
    CLEANUP(answer_done) struct answer a = {.doc = NULL};
    struct json_iter it;
    const struct json *name = NULL;

    CHECK_OK(ask("{\"names\":[\"WWW.elsewhere.test\"]}", &a));
    CHECK(!truth_of(a.root, "allowed"));
    it = json_iter(json_get(a.root, "names"));
    CHECK(json_next(&it, NULL, &name));
    CHECK_STR(text_of(name, "name"), "www.elsewhere.test");
    CHECK(!truth_of(name, "allowed"));
    CHECK(text_of(name, "refused").n > 0);
    CHECK(json_get(name, "rules"));
}

static void no_questions(void)
{
    CLEANUP(answer_done) struct answer a = {.doc = NULL};
    char many[4096];
    size_t at = 0;

    CHECK_RC(ask("{}", &a), RC_INVAL);
    CHECK_RC(ask("{\"names\":[]}", &a), RC_INVAL);
    CHECK_RC(ask("{\"names\":[1]}", &a), RC_INVAL);
    CHECK_RC(ask("{\"names\":[\"a..b\"]}", &a), RC_INVAL);
    CHECK_RC(ask("{\"names\":[\"x@hospital.example\"]}", &a), RC_INVAL);
    CHECK_RC(ask("{\"names\":[\"a.test\"],\"from\":\"nowhere\"}", &a), RC_INVAL);
    CHECK_RC(ask("{\"names\":[\"a.test\"],\"account\":\"nobody\"}", &a), RC_NOTFOUND);
    CHECK_OK(ask("{\"names\":[\"a.test\"],\"from\":\"10.0.0.1\",\"eab\":\"k\"}", &a));
    at += (size_t)snprintf(many, sizeof(many), "{\"names\":[\"x.test\"");
    for (int i = 0; i < 100; i++)
        at += (size_t)snprintf(many + at, sizeof(many) - at, ",\"x%d.test\"", i);
    snprintf(many + at, sizeof(many) - at, "]}");
    CHECK_RC(ask(many, &a), RC_INVAL);
}

#define RULES                                                                                      \
    WORLD_CONFIG                                                                                   \
    "    client_certificates: [pump.hospital.example, \"team:wards\"]\n"                           \
    "    reason: true\n"                                                                           \
    "control: {certificates: true}\n"
#define ASKED "{\"names\":[\"www.hospital.example\"],\"from\":\"10.0.0.1\""

/* A client that shows one, as a rule may call it, and no certificate of the register that does not
 * count: of this row nobody knows what for it is. */
static void clients_with_a_certificate(void)
{
    static const struct {
        const char *which;
        bool allowed;
    } cases[] = {
        {"", false},
        {",\"client_certificate\":\"\"", false},
        {",\"client_certificate\":\"pump.hospital.example\"", true},
        {",\"client_certificate\":\"team:wards\"", true},
        {",\"client_certificate\":\"team:ward\"", false},
        {",\"client_certificate\":\"owner:wards\"", false},
        {",\"client_certificate\":\"*.hospital.example\"", false},
    };
    CLEANUP(answer_done) struct answer a = {.doc = NULL};
    char args[256];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(args, sizeof(args), ASKED "%s}", cases[i].which);
        CHECK_OK(ask_of_rules(RULES, args, &a));
        CHECK_INT(truth_of(a.root, "allowed"), cases[i].allowed);
        CHECK(!cases[i].allowed || truth_of(a.root, "reason"));
    }
    CHECK_RC(ask_of_rules(RULES, ASKED ",\"client_certificate\":\"serial:410001\"}", &a), RC_PARSE);
    CHECK_RC(ask_of_rules(RULES, ASKED ",\"client_certificate\":\"serial:42\"}", &a), RC_NOTFOUND);
    CHECK_RC(ask_of_rules(RULES, ASKED ",\"client_certificate\":\"serial:\"}", &a), RC_NOTFOUND);
    CHECK_RC(ask_of_rules(RULES, ASKED ",\"client_certificate\":7}", &a), RC_INVAL);
    CHECK_OK(ask(ASKED "}", &a));
    CHECK(truth_of(a.root, "allowed") && !truth_of(a.root, "reason"));
}

int main(void)
{
    static const struct check_test tests[] = {CHECK_TEST(a_name_that_nobody_may_have),
                                              CHECK_TEST(no_questions),
                                              CHECK_TEST(clients_with_a_certificate)};

    return run_with(rows, 1, tests, sizeof(tests) / sizeof(tests[0]));
}
