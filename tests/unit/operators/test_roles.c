/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "operators/roles.h"

static void texts(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(128);
    unsigned roles = 0;

    CHECK_OK(operators_roles_parse(STR("auditor, viewer"), &roles));
    CHECK_INT(roles, 1 << OPERATORS_VIEWER | 1 << OPERATORS_AUDITOR);
    operators_roles_put(roles, &b);
    CHECK_STR(buf_str(&b), "viewer,auditor");
    CHECK_RC(operators_roles_parse(STR(""), &roles), RC_INVAL);
    CHECK_RC(operators_roles_parse(STR("root"), &roles), RC_INVAL);
    CHECK_RC(operators_roles_parse(STR("viewer,,"), &roles), RC_INVAL);
    CHECK(operators_name_good(STR("alice@ward-7.x")));
    CHECK(!operators_name_good(STR("")));
    CHECK(!operators_name_good(STR(".alice")));
    CHECK(!operators_name_good(STR("al ice")));
    CHECK(!operators_name_good(STR("al\nice")));
}

/* The table has an action once, and nobody but root may do what makes others out of oneself. */
static void the_table(void)
{
    size_t n;
    const struct operators_action *all = operators_actions(&n);

    for (size_t i = 0; i < n; i++) {
        CHECK(all[i].roles <= OPERATORS_ALL);
        CHECK(operators_action_find(str_of(all[i].name)) == &all[i]);
    }
    CHECK(!operators_action_find(STR("")));
    CHECK(!operators_action_find(STR("root sign")));
    CHECK_INT(operators_action_find(STR("ui link"))->roles, 0);
}

CHECK_MAIN(CHECK_TEST(texts), CHECK_TEST(the_table))
