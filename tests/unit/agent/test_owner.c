/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <string.h>
#include <unistd.h>

#include "agent/owner.h"

static void as_they_are(void)
{
    struct agent_owner o;

    CHECK_OK(agent_owner_find(STR(""), STR(""), STR(""), STR(""), &o, NULL));
    CHECK_INT(o.key, 0600);
    CHECK(o.who.uid == (uid_t)-1 && o.who.gid == (gid_t)-1);
}

static void found(void)
{
    struct agent_owner o;

    CHECK_OK(agent_owner_find(STR(""), STR("root"), STR("0640"), STR(""), &o, NULL));
    CHECK_INT(o.key, 0640);
    CHECK(o.who.gid == 0 && o.who.uid == (uid_t)-1);
    CHECK_OK(agent_owner_find(STR(""), STR("4711"), STR("400"), STR(""), &o, NULL));
    CHECK_INT(o.who.gid, 4711);
    CHECK_INT(o.key, 0400);
    CHECK_RC(agent_owner_find(STR("root"), STR(""), STR(""), STR(""), &o, NULL),
             geteuid() == 0 ? RC_OK : RC_DENIED);
}

static void not_found(void)
{
    static const char *const modes[] = {"0644", "0660", "0700", "rw", "00640", "0040", "8", "-1"};
    struct agent_owner o;

    CHECK_RC(agent_owner_find(STR("nobody-at-all"), STR(""), STR(""), STR(""), &o, NULL),
             RC_NOTFOUND);
    CHECK_RC(agent_owner_find(STR(""), STR("nobody-at-all"), STR(""), STR(""), &o, NULL),
             RC_NOTFOUND);
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        CHECK_RC(agent_owner_find(STR(""), STR(""), str_of(modes[i]), STR(""), &o, NULL), RC_INVAL);
}

/* The form alone: which labels there are the kernel knows. */
static void labels(void)
{
    static const char *const good[] = {"system_u:object_r:cert_t", "system_u:object_r:cert_t:s0",
                                       "system_u:object_r:cert_t:s0-s0:c0.c1023"};
    static const char *const bad[] = {"cert_t",  "a:b",    "a:b:",    "a::c",        ":b:c",
                                      "a:b:c d", "a:b:c:", "a:b:c\n", "a:b:\xc3\xa4"};
    struct agent_owner o;
    char longest[AGENT_LABEL_MAX + 2];
    struct err err = ERR_INIT;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CHECK_OK(agent_owner_find(STR(""), STR(""), STR(""), str_of(good[i]), &o, NULL));
        CHECK_STR(str_of(o.label), good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_RC(agent_owner_find(STR(""), STR(""), STR(""), str_of(bad[i]), &o, &err), RC_INVAL);
        CHECK_STR(str_of(err.msg->code), "agent.selinux-label");
    }
    memset(longest, 'a', sizeof(longest));
    longest[1] = longest[3] = ':';
    CHECK_OK(
        agent_owner_find(STR(""), STR(""), STR(""), str_bytes(longest, AGENT_LABEL_MAX), &o, NULL));
    CHECK_RC(agent_owner_find(STR(""), STR(""), STR(""), str_bytes(longest, AGENT_LABEL_MAX + 1),
                              &o, NULL),
             RC_INVAL);
}

static void refused(void)
{
    CLEANUP(check_dir_done) struct check_dir dir = {};
    struct agent_owner o = AGENT_OWNER_SELF;
    struct err err = ERR_INIT;
    int pipes[2];

    check_dir_init(&dir);
    CHECK_OK(agent_owner_label(&o, dir.fd, "it", NULL)); /* none is none */
    CHECK_OK(
        agent_owner_find(STR(""), STR(""), STR(""), STR("system_u:object_r:cert_t:s0"), &o, NULL));
    CHECK(pipe(pipes) == 0);
    CHECK(agent_owner_label(&o, pipes[0], "it", &err) != RC_OK);
    CHECK_STR(str_of(err.msg->code), "agent.selinux-refused");
    close(pipes[0]);
    close(pipes[1]);
    if (geteuid() == 0)
        return;
    CHECK_RC(agent_owner_label(&o, dir.fd, "it", &err), RC_DENIED);
}

static void users_of_hooks(void)
{
    struct agent_user u;
    bool there = false;

    CHECK_OK(agent_user_find(STR(""), &u, NULL));
    CHECK(!u.other);
    CHECK_RC(agent_user_find(STR("nobody-at-all"), &u, NULL), RC_NOTFOUND);
    CHECK_RC(agent_user_find(STR("2147483600"), &u, NULL),
             RC_NOTFOUND); /* it would have no group */
    if (geteuid() != 0) {
        CHECK_RC(agent_user_find(STR("root"), &u, NULL), RC_DENIED);
        return;
    }
    CHECK_OK(agent_user_find(STR("root"), &u, NULL));
    CHECK(!u.other);
    CHECK_OK(agent_user_find(STR("nobody"), &u, NULL));
    CHECK(u.other && u.uid == 65534 && strcmp(u.home, "/nonexistent") == 0);
    for (size_t i = 0; i < u.n_groups; i++)
        there |= u.groups[i] == u.gid;
    CHECK(there);
    CHECK_OK(agent_user_find(STR("65534"), &u, NULL));
    CHECK(u.other && u.uid == 65534);
}

CHECK_MAIN(CHECK_TEST_ONCE(users_of_hooks), CHECK_TEST(as_they_are), CHECK_TEST_ONCE(found),
           CHECK_TEST_ONCE(not_found), CHECK_TEST(labels), CHECK_TEST_ONCE(refused))
