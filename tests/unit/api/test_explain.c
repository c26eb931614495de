/* SPDX-License-Identifier: Apache-2.0 */
/* `policy explain`, as /api/v1/ has it; what the rules say is tests/unit/policy's. */
#include "fixture.h"

#include "policy/policy.h"

static const struct row rows[] = {
    {"a.hospital.example", STORE_NAME_DNS, 1, WORLD_NOW, WORLD_NOW + WHEN_DAY, false},
};

static enum rc ask(const char *args, struct answer *a)
{
    CLEANUP(store_closep) struct store *s = NULL;
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    CLEANUP(policy_unrefp) struct policy *policy = NULL;
    struct api_view v;

    answer_done(a);
    answer_begin(a);
    TRY(visit(&s));
    v = view(s);
    TRY(policy_new(v.conf, &policy, NULL));
    v.policy = policy;
    TRY(json_parse(str_of(args), 16 * 1024, &doc, NULL));
    return answer_end(a, api_policy_explain(&v, json_root(doc), &a->out, &a->err));
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

int main(void)
{
    static const struct check_test tests[] = {CHECK_TEST(a_name_that_nobody_may_have),
                                              CHECK_TEST(no_questions)};

    return run_with(rows, 1, tests, sizeof(tests) / sizeof(tests[0]));
}
