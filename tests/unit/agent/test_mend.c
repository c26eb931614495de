/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/mend.h"
#include "unit/x509/pki.h"

enum { PATH = 128 };

struct test {
    struct check_dir dir;
    struct pki pki;
    struct buf chain;
    struct agent_place place;
    char path[PATH];
};

static void test_done(struct test *t)
{
    agent_place_done(&t->place);
    pki_done(&t->pki);
    buf_done(&t->chain);
    check_dir_done(&t->dir);
}

static enum rc test_init(struct test *t)
{
    t->place = AGENT_PLACE_INIT;
    TRY(crypto_init());
    check_dir_init(&t->dir);
    snprintf(t->path, sizeof(t->path), "%s/wiki", t->dir.path);
    TRY(pki_init(&t->pki));
    TRY(pki_chain(&t->pki, t->pki.leaf_key, &t->chain));
    TRY(agent_place_open(t->path, true, &t->place, NULL));
    t->place.owner.key = 0640;
    t->place.owner.declared = true;
    return RC_OK;
}

static void as_declared_again(void)
{
    CLEANUP(test_done) struct test t = {};
    char is[AGENT_MEND_TEXT] = "";
    struct stat st;

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK(!agent_mend_needed(&t.place, is)); /* there is none */
    CHECK_RC(agent_mend(&t.place, NULL), RC_IO);
    CHECK_OK(CHECK_SPARED(agent_place_install(&t.place, buf_str(&t.chain), t.pki.leaf_key, NULL)));
    CHECK(!agent_mend_needed(&t.place, is));
    CHECK(fchmodat(t.dir.fd, "wiki/privkey.pem", 0644, 0) == 0);
    CHECK(agent_mend_needed(&t.place, is) && strstr(is, "with mode 0644"));
    CHECK_OK(agent_mend(&t.place, NULL));
    CHECK(!agent_mend_needed(&t.place, is));
    CHECK(fstatat(t.dir.fd, "wiki/privkey.pem", &st, 0) == 0 && (st.st_mode & 07777) == 0640);
    if (geteuid() != 0)
        return;
    t.place.owner.who = (struct file_owner){65534, 65533};
    CHECK(agent_mend_needed(&t.place, is) && strstr(is, "is of user 0, group 0, with mode 0640"));
    CHECK_OK(agent_mend(&t.place, NULL));
    CHECK(!agent_mend_needed(&t.place, is));
    CHECK(fstatat(t.dir.fd, "wiki/privkey.pem", &st, 0) == 0 && st.st_uid == 65534);
    CHECK(st.st_gid == 65533 && (st.st_mode & 07777) == 0640);
}

/* A hook may have let a group in, by an ACL, too. */
static void what_nobody_declared(void)
{
    CLEANUP(test_done) struct test t = {};
    char is[AGENT_MEND_TEXT] = "";
    struct stat st;

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    t.place.owner = AGENT_OWNER_SELF;
    CHECK_OK(CHECK_SPARED(agent_place_install(&t.place, buf_str(&t.chain), t.pki.leaf_key, NULL)));
    CHECK(!agent_mend_needed(&t.place, is));
    CHECK(fchmodat(t.dir.fd, "wiki/privkey.pem", 0640, 0) == 0);
    CHECK(!agent_mend_needed(&t.place, is));
    CHECK(fchmodat(t.dir.fd, "wiki/privkey.pem", 0664, 0) == 0);
    CHECK(agent_mend_needed(&t.place, is));
    CHECK_OK(agent_mend(&t.place, NULL));
    CHECK(fstatat(t.dir.fd, "wiki/privkey.pem", &st, 0) == 0 && (st.st_mode & 07777) == 0640);
}

CHECK_MAIN(CHECK_TEST(as_declared_again), CHECK_TEST(what_nobody_declared))
