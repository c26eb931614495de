/* SPDX-License-Identifier: Apache-2.0 */
#include "problems.h"

#include "conf/policy.h"

static void what_is_policy(void)
{
    CHECK(conf_policy_has(STR("policy[2].allow")) && conf_policy_has(STR("policy")));
    CHECK(conf_policy_has(STR("control.two_persons")) && conf_policy_has(STR("locks.automatic")));
    CHECK(conf_policy_has(STR("profiles.short.lifetime")));
    CHECK(conf_policy_has(STR("resolvers[0].servers")) && conf_policy_has(STR("probers[0].keys")));
    CHECK(conf_policy_has(STR("domain")) && conf_policy_has(STR("audit.forward[0].to")));
    CHECK(!conf_policy_has(STR("log.level")) && !conf_policy_has(STR("policies")));
    CHECK(!conf_policy_has(STR("gateway.sites[0].profile")) && !conf_policy_has(STR("")));
}

#define DOMAIN "domain: hospital.example\n"

#define CHECK_TEXT(body, expected)                                                                 \
    do {                                                                                           \
        CLEANUP(conf_unrefp) const struct conf *loaded_ = NULL;                                    \
        CLEANUP(buf_done) struct buf text_ = BUF_INIT(CONF_POLICY_MAX);                            \
        CHECK_LOADS(body, &loaded_);                                                               \
        CHECK_OK(conf_policy_text(loaded_, &text_));                                               \
        CHECK_STR(buf_str(&text_), (expected));                                                    \
    } while (0)

/* In the order of the schema, however the file has it; what is a default is not there. */
static void the_same_policy_has_the_same_text(void)
{
    CHECK_TEXT("", DOMAIN);
    CHECK_TEXT("log: {level: debug}\nlocks: {automatic: warn}\n", DOMAIN);
    CHECK_TEXT("locks: {automatic: \"on\"}\ncontrol: {approval_wait: 24h}\n",
               DOMAIN "locks.automatic: on\ncontrol.approval_wait: 1d\n");
    CHECK_TEXT("control:\n  approval_wait: 1d\nlocks:\n  automatic: on\n",
               DOMAIN "locks.automatic: on\ncontrol.approval_wait: 1d\n");
    CHECK_TEXT("resolvers: [{zone: \".\", servers: [\"192.0.2.1:53\"]}]\n",
               DOMAIN "resolvers[0]: {zone: \".\", servers: [\"192.0.2.1:53\"], mode: recursive, "
                      "agree: 1}\n");
}

static void sameness(void)
{
    CLEANUP(conf_unrefp) const struct conf *a = NULL, *b = NULL, *c = NULL;
    bool same = false;

    CHECK_LOADS("locks: {automatic: off}\n", &a);
    CHECK_LOADS("locks: {automatic: off}\nlog: {level: debug}\n", &b);
    CHECK_LOADS("log: {level: debug}\n", &c);
    CHECK_OK(conf_policy_same(a, b, &same));
    CHECK(same);
    CHECK_OK(conf_policy_same(b, c, &same));
    CHECK(!same);
}

static void what_root_says(void)
{
    const struct conf_policy_override o = {1234, STR("uid 0 (login 7)"), STR("she has: left"),
                                           STR("acme.x: 1\n\nlocks: 2\n")};
    CLEANUP(buf_done) struct buf text = BUF_INIT(4096);
    struct conf_policy_override back = {};
    static const char *const broken[] = {"",
                                         "at: 1\n",
                                         "at: x\nby: a\nreason: b\n\n",
                                         "at: 1\nby: a\nreason: b\nacme.x: 1\n",
                                         "by: a\nat: 1\nreason: b\n\n",
                                         "at: 1\nby: a\n\n"};

    conf_policy_override_put(&o, &text);
    CHECK_OK(buf_rc(&text));
    CHECK_OK(conf_policy_override_parse(buf_str(&text), &back));
    CHECK_INT(back.at, 1234);
    CHECK_STR(back.by, "uid 0 (login 7)");
    CHECK_STR(back.reason, "she has: left");
    CHECK_STR(back.policy, "acme.x: 1\n\nlocks: 2\n");
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        CHECK_RC(conf_policy_override_parse(str_of(broken[i]), &back), RC_PARSE);
}

CHECK_MAIN(CHECK_TEST(what_is_policy), CHECK_TEST(the_same_policy_has_the_same_text),
           CHECK_TEST(sameness), CHECK_TEST(what_root_says))
