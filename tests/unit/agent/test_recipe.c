/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of services: all that messages name is there, what was said counts for more. */
#include "check.h"

#include "agent/recipe.h"
#include "agent/reload.h"
#include "prove/prove.h"

static const char *code_of(struct str name, struct agent_plan *plan)
{
    struct err err = ERR_INIT;
    enum rc rc = agent_recipe_apply(name, plan, &err);

    return rc == RC_OK ? "" : err.msg->code;
}

/* What each fills in is what obtain takes. */
static void all_of_them(void)
{
    struct str rest = STR(AGENT_RECIPES), name;
    const struct str combined = STR("copy:combined:/etc/x.pem");
    size_t n = 0;

    while (rest.n) {
        struct agent_plan plan = {.also = &combined, .n_also = 1};
        struct prove_target target;

        str_cut(rest, ',', &name, &rest);
        rest = str_trim(rest);
        CHECK_STR(str_of(code_of(name, &plan)), "");
        if (plan.reload.n)
            CHECK_OK(agent_reload_check(plan.reload, NULL));
        for (size_t i = 0; i < plan.n_prove; i++)
            CHECK_OK(prove_target_parse(plan.prove[i], &target, NULL));
        CHECK(plan.reload.n || plan.group.n);
        n++;
    }
    CHECK_INT(n, 13);
}

static void what_was_said(void)
{
    const struct str place = STR("postgres:5433");
    struct agent_plan plan = {
        .reload = STR("signal:HUP:/run/p.pid"), .prove = &place, .n_prove = 1};

    CHECK_STR(str_of(code_of(STR("postgresql"), &plan)), "");
    CHECK_STR(plan.reload, "signal:HUP:/run/p.pid");
    CHECK_STR(plan.prove[0], "postgres:5433");
    CHECK_STR(plan.owner, "postgres");
    CHECK_STR(plan.mode, "0600");
}

static void what_is_missing(void)
{
    struct agent_plan plan = {};

    CHECK_STR(str_of(code_of(STR("haproxy"), &plan)), "agent.recipe-combined");
    CHECK_STR(str_of(code_of(STR("iis"), &plan)), "agent.recipe-none");
    CHECK_STR(str_of(code_of(STR(""), &plan)), "agent.recipe-none");
    CHECK(plan.reload.n == 0 && plan.n_prove == 0);
}

CHECK_MAIN(CHECK_TEST(all_of_them), CHECK_TEST(what_was_said), CHECK_TEST(what_is_missing))
