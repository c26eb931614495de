/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <unistd.h>

#include "agent/owner.h"

static void as_they_are(void)
{
    struct agent_owner o;

    CHECK_OK(agent_owner_find(STR(""), STR(""), STR(""), &o, NULL));
    CHECK_INT(o.key, 0600);
    CHECK(o.who.uid == (uid_t)-1 && o.who.gid == (gid_t)-1);
}

static void found(void)
{
    struct agent_owner o;

    CHECK_OK(agent_owner_find(STR(""), STR("root"), STR("0640"), &o, NULL));
    CHECK_INT(o.key, 0640);
    CHECK(o.who.gid == 0 && o.who.uid == (uid_t)-1);
    CHECK_OK(agent_owner_find(STR(""), STR("4711"), STR("400"), &o, NULL));
    CHECK_INT(o.who.gid, 4711);
    CHECK_INT(o.key, 0400);
    CHECK_RC(agent_owner_find(STR("root"), STR(""), STR(""), &o, NULL),
             geteuid() == 0 ? RC_OK : RC_DENIED);
}

static void not_found(void)
{
    static const char *const modes[] = {"0644", "0660", "0700", "rw", "00640", "0040", "8", "-1"};
    struct agent_owner o;

    CHECK_RC(agent_owner_find(STR("nobody-at-all"), STR(""), STR(""), &o, NULL), RC_NOTFOUND);
    CHECK_RC(agent_owner_find(STR(""), STR("nobody-at-all"), STR(""), &o, NULL), RC_NOTFOUND);
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        CHECK_RC(agent_owner_find(STR(""), STR(""), str_of(modes[i]), &o, NULL), RC_INVAL);
}

CHECK_MAIN(CHECK_TEST(as_they_are), CHECK_TEST_ONCE(found), CHECK_TEST_ONCE(not_found))
