/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/place.h"
#include "base/file.h"
#include "client/pair.h"
#include "crypto/pem.h"
#include "unit/x509/pki.h"

enum { PATH = 128 };

struct test {
    struct check_dir dir;
    struct pki pki;
    struct crypto_key *other;
    struct buf chains[2]; /* of pki.leaf_key and of other */
    struct agent_place place;
    char path[PATH];
};

static void test_done(struct test *t)
{
    file_kill_at(0);
    agent_place_done(&t->place);
    pki_done(&t->pki);
    crypto_key_unref(t->other);
    buf_done(&t->chains[0]);
    buf_done(&t->chains[1]);
    check_dir_done(&t->dir);
}

static enum rc test_init(struct test *t)
{
    t->place = AGENT_PLACE_INIT;
    TRY(crypto_init());
    check_dir_init(&t->dir);
    snprintf(t->path, sizeof(t->path), "%s/wiki", t->dir.path);
    TRY(pki_init(&t->pki));
    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &t->other));
    TRY(pki_chain(&t->pki, t->pki.leaf_key, &t->chains[0]));
    TRY(pki_chain(&t->pki, t->other, &t->chains[1]));
    return agent_place_open(t->path, true, &t->place, NULL);
}

static const struct crypto_key *key_of(const struct test *t, int i)
{
    return i ? t->other : t->pki.leaf_key;
}

static enum rc install(struct test *t, int i)
{
    return agent_place_install(&t->place, buf_str(&t->chains[i]), key_of(t, i), NULL);
}

/* What a service reads: 0 or 1 when it is that pair, whole; -1 when it is none; -2 when it is
 * mixed. */
static int served(struct test *t)
{
    static const char *const files[] = {"fullchain.pem", "privkey.pem"};
    CLEANUP(buf_done) struct buf chain = BUF_INIT(CLIENT_PAIR_MAX);
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    char path[2 * PATH];
    struct stat st;

    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "wiki/%s", files[i]);
        if (fstatat(t->dir.fd, path, &st, 0) != 0)
            return -1;
    }
    if (client_pair_read(t->dir.fd, "wiki/.autarky/live/", &chain, &key, NULL) != RC_OK)
        return -2;
    for (int i = 0; i < 2; i++)
        if (str_eq(buf_str(&chain), buf_str(&t->chains[i])))
            return crypto_key_same(key, key_of(t, i)) ? i : -2;
    return -2;
}

static mode_t mode_of(struct test *t, const char *path)
{
    struct stat st;

    return fstatat(t->dir.fd, path, &st, 0) == 0 ? st.st_mode & 07777 : 0;
}

static void installs_and_returns(void)
{
    CLEANUP(test_done) struct test t = {};
    unsigned long first;

    CHECK_OK(test_init(&t));
    CHECK_INT(served(&t), -1);
    CHECK_OK(install(&t, 0));
    CHECK_INT(served(&t), 0);
    CHECK_INT(mode_of(&t, "wiki/privkey.pem"), 0600);
    CHECK_INT(mode_of(&t, "wiki/cert.pem"), 0644);
    CHECK_INT(mode_of(&t, "wiki/.autarky/live"), 0755);
    first = t.place.live;
    CHECK_OK(install(&t, 1));
    CHECK_INT(served(&t), 1);
    CHECK_OK(agent_place_return(&t.place, first, NULL));
    CHECK_INT(served(&t), 0);

    /* Two generations stay, however often. */
    for (int i = 0; i < 5; i++)
        CHECK_OK(install(&t, i & 1));
    CHECK_INT(served(&t), 0);
    CHECK(mode_of(&t, "wiki/.autarky/7") && mode_of(&t, "wiki/.autarky/6"));
    CHECK(!mode_of(&t, "wiki/.autarky/5") && !mode_of(&t, "wiki/.autarky/1"));
}

/* Killed before each step: what is read is the old pair or the new one, and the next attempt works.
 */
static void killed_everywhere(void)
{
    for (unsigned n = 1; n < 100; n++) {
        CLEANUP(test_done) struct test t = {};
        enum rc rc;

        CHECK_OK(test_init(&t));
        CHECK_OK(install(&t, 0));
        file_kill_at(n);
        rc = install(&t, 1);
        file_kill_at(0);
        CHECK(served(&t) == 0 || served(&t) == 1);
        agent_place_done(&t.place);
        CHECK_OK(agent_place_open(t.path, true, &t.place, NULL));
        CHECK_OK(install(&t, 1));
        CHECK_INT(served(&t), 1);
        if (rc == RC_OK)
            return;
    }
    fail_msg("it never came to an end");
}

static enum rc put_foreign(struct test *t, int i)
{
    TRY(client_pair_write(t->dir.fd, "other", buf_str(&t->chains[i]), key_of(t, i), NULL));
    return renameat(t->dir.fd, "other/fullchain.pem", t->dir.fd, "wiki/fullchain.pem") == 0 &&
                   renameat(t->dir.fd, "other/privkey.pem", t->dir.fd, "wiki/privkey.pem") == 0
               ? RC_OK
               : RC_IO;
}

static void adopts_what_another_program_left(void)
{
    CLEANUP(test_done) struct test t = {};
    struct err err = ERR_INIT;
    char text[512];

    CHECK_OK(test_init(&t));
    CHECK_OK(put_foreign(&t, 0));
    CHECK_OK(agent_place_check(&t.place, NULL));
    CHECK_OK(install(&t, 1));
    CHECK_INT(served(&t), 1);
    CHECK_OK(agent_place_return(&t.place, 1, NULL));
    CHECK_INT(served(&t), 0);

    /* Not what is no pair, nor what takes the place of a link of ours. */
    CHECK(unlinkat(t.dir.fd, "wiki/cert.pem", 0) == 0);
    CHECK_OK(file_write(t.dir.fd, "wiki/cert.pem", STR("x"), 0644, FILE_OWNER_SELF, NULL));
    CHECK_RC(agent_place_check(&t.place, &err), RC_EXISTS);
    CHECK(str_starts(str_of(err_textz(&err, text, sizeof(text))), str_of(t.place.path)));
    CHECK_RC(install(&t, 1), RC_EXISTS);
    CHECK_INT(served(&t), 0);
}

static enum rc open_again(struct test *t, bool make)
{
    struct err err = ERR_INIT;

    agent_place_done(&t->place);
    return agent_place_open(t->path, make, &t->place, &err);
}

/* Its files say which programs are run, as whom. */
static void hands_of_others(void)
{
    static const char *const dirs[] = {"wiki", "wiki/.autarky"};
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t));
    for (size_t i = 0; i < 2; i++) {
        CHECK(fchmodat(t.dir.fd, dirs[i], 0775, 0) == 0);
        CHECK_RC(open_again(&t, true), RC_DENIED);
        CHECK(fchmodat(t.dir.fd, dirs[i], 0757, 0) == 0);
        CHECK_RC(open_again(&t, true), RC_DENIED);
        CHECK(fchmodat(t.dir.fd, dirs[i], 0755, 0) == 0);
        if (geteuid() == 0) {
            CHECK(fchownat(t.dir.fd, dirs[i], 65534, 65534, 0) == 0);
            CHECK_RC(open_again(&t, true), RC_DENIED);
            CHECK(fchownat(t.dir.fd, dirs[i], 0, 0, 0) == 0);
        }
        CHECK_OK(open_again(&t, true));
    }
    CHECK(renameat(t.dir.fd, "wiki/.autarky", t.dir.fd, "elsewhere") == 0);
    CHECK(symlinkat("../elsewhere", t.dir.fd, "wiki/.autarky") == 0);
    CHECK_RC(open_again(&t, true), RC_DENIED);
}

static void one_at_a_time(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(agent_place_done) struct agent_place second = AGENT_PLACE_INIT;
    struct err err = ERR_INIT;

    CHECK_OK(test_init(&t));
    CHECK_RC(agent_place_open(t.path, true, &second, &err), RC_AGAIN);
    CHECK_STR(str_of(err.msg->code), "agent.directory-locked");
    agent_place_done(&t.place);
    CHECK_RC(agent_place_open(t.path, false, &second, &err), RC_NOTFOUND);
    CHECK_OK(agent_place_open(t.path, true, &second, &err));
    CHECK_OK(agent_place_put_state(&second, STR("{}"), NULL));
    agent_place_done(&second);
    CHECK_OK(agent_place_open(t.path, false, &second, &err));
    CHECK_INT(mode_of(&t, "wiki/.autarky/state.json"), 0600);
}

static void keeps_the_account(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(crypto_key_unrefp) struct crypto_key *a = NULL, *b = NULL, *c = NULL, *bad = NULL;
    struct err err = ERR_INIT;
    char path[2 * PATH];

    CHECK_OK(test_init(&t));
    CHECK_OK(agent_place_account(&t.place, STR(""), &a, NULL));
    CHECK_OK(agent_place_account(&t.place, STR(""), &b, NULL));
    CHECK(crypto_key_same(a, b));
    CHECK_INT(mode_of(&t, "wiki/.autarky/account.pem"), 0600);
    snprintf(path, sizeof(path), "%s/key.pem", t.dir.path);
    CHECK_OK(agent_place_account(&t.place, str_of(path), &c, NULL));
    CHECK(!crypto_key_same(a, c));
    CHECK_INT(mode_of(&t, "key.pem"), 0600);
    CHECK_OK(file_write(t.dir.fd, "key.pem", STR("nonsense"), 0600, FILE_OWNER_SELF, NULL));
    CHECK_RC(agent_place_account(&t.place, str_of(path), &bad, &err), RC_NOTFOUND);
    CHECK_STR(str_of(err.msg->code), "agent.account-key");
}

static enum rc put_credential(struct test *t)
{
    CLEANUP(buf_wipe) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);

    TRY(crypto_pem_put_clear(t->other, &pem));
    return file_write(t->dir.fd, "acme", buf_str(&pem), 0400, FILE_OWNER_SELF, NULL);
}

/* A key that others may read is none, and a credential is not made. */
static void keeps_the_account_elsewhere(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(crypto_key_unrefp) struct crypto_key *a = NULL, *b = NULL, *none = NULL;
    struct err err = ERR_INIT;

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    setenv("CREDENTIALS_DIRECTORY", t.dir.path, 1);
    CHECK_RC(agent_place_account(&t.place, STR("credential:acme"), &none, &err), RC_NOTFOUND);
    CHECK_OK(CHECK_SPARED(put_credential(&t)));
    CHECK_OK(agent_place_account(&t.place, STR("credential:acme"), &a, &err));
    CHECK(crypto_key_same(a, t.other));
    CHECK(faccessat(t.place.dir, ".autarky/account.pem", F_OK, 0) != 0);
    CHECK_OK(agent_place_account(&t.place, STR(""), &b, NULL));
    CHECK(fchmodat(t.place.dir, ".autarky/account.pem", 0640, 0) == 0);
    CHECK_RC(agent_place_account(&t.place, STR(""), &none, &err), RC_DENIED);
    CHECK_STR(str_of(err.msg->code), "agent.account-key");
    unsetenv("CREDENTIALS_DIRECTORY");
}

/* Who only reads does not wait for who has the lock, and sees what is in force. */
static void looked_at_while_locked(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(agent_place_done) struct agent_place look = AGENT_PLACE_INIT;
    char path[2 * PATH];

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_RC(agent_place_look(t.path, &look, NULL), RC_NOTFOUND);
    CHECK_OK(CHECK_SPARED(agent_place_put_state(&t.place, STR("{}"), NULL)));
    CHECK_OK(CHECK_SPARED(install(&t, 0)));
    CHECK_OK(agent_place_look(t.path, &look, NULL));
    CHECK_INT(look.live, t.place.live);
    agent_place_done(&look);
    snprintf(path, sizeof(path), "%s/nothing", t.path);
    CHECK_RC(agent_place_look(path, &look, NULL), RC_NOTFOUND);
}

CHECK_MAIN(CHECK_TEST_ONCE(installs_and_returns), CHECK_TEST_ONCE(killed_everywhere),
           CHECK_TEST(adopts_what_another_program_left), CHECK_TEST(one_at_a_time),
           CHECK_TEST_ONCE(hands_of_others), CHECK_TEST(keeps_the_account),
           CHECK_TEST(keeps_the_account_elsewhere), CHECK_TEST(looked_at_while_locked))
