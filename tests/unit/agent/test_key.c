/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>
#include <unistd.h>

#include "agent/key.h"
#include "base/file.h"
#include "crypto/crypto.h"
#include "unit/x509/pki.h"

struct test {
    struct check_dir dir;
    struct pki pki;
    struct buf chain;
    struct agent_place place;
    struct agent_world world;
    struct agent_key got;
    unsigned warnings;
    char said[1024];
};

static void test_done(struct test *t)
{
    crypto_key_unref(t->got.key);
    agent_place_done(&t->place);
    pki_done(&t->pki);
    buf_done(&t->chain);
    check_dir_done(&t->dir);
}

static void on_said(void *arg, bool warn, const char *line)
{
    struct test *t = arg;

    t->warnings += warn;
    snprintf(t->said, sizeof(t->said), "%s", line);
}

static enum rc test_init(struct test *t)
{
    char path[160];

    t->place = AGENT_PLACE_INIT;
    t->world = (struct agent_world){.say = on_said, .arg = t};
    TRY(crypto_init());
    check_dir_init(&t->dir);
    snprintf(path, sizeof(path), "%s/wiki", t->dir.path);
    TRY(pki_init(&t->pki));
    TRY(pki_chain(&t->pki, t->pki.leaf_key, &t->chain));
    return agent_place_open(path, true, &t->place, NULL);
}

static enum rc choose(struct test *t, const char *kind, bool planned, enum agent_key_wish wish,
                      struct err *err)
{
    const struct agent_plan plan = {.key = str_of(kind),
                                    .reuse_key = planned ? STR("yes") : STR("")};

    crypto_key_unref(MOVE(t->got.key));
    return agent_key_choose(&t->world, &t->place, &plan, wish, &t->got, err);
}

static bool is_that_in_place(const struct test *t)
{
    return crypto_key_same(t->got.key, t->pki.leaf_key);
}

static void a_new_one_or_the_same(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(choose(&t, "ecdsa", true, AGENT_KEY_AS_PLANNED, NULL)); /* nothing is in place */
    CHECK(!t.got.reused && crypto_key_has_private(t.got.key));
    CHECK_OK(CHECK_SPARED(agent_place_install(&t.place, buf_str(&t.chain), t.pki.leaf_key, NULL)));
    CHECK_OK(choose(&t, "ecdsa", false, AGENT_KEY_AS_PLANNED, NULL));
    CHECK(!t.got.reused && !is_that_in_place(&t));
    CHECK_OK(choose(&t, "ecdsa", true, AGENT_KEY_AS_PLANNED, NULL));
    CHECK(t.got.reused && is_that_in_place(&t));
    CHECK_OK(choose(&t, "ecdsa", false, AGENT_KEY_REUSED, NULL));
    CHECK(t.got.reused && is_that_in_place(&t));
    CHECK_OK(choose(&t, "ecdsa", true, AGENT_KEY_NEW, NULL));
    CHECK(!t.got.reused && !is_that_in_place(&t));
    CHECK_INT(t.warnings, 0);
}

/* A wish for less than there is, is one for what there is. */
static void of_the_kind_that_is_wanted(void)
{
    CLEANUP(test_done) struct test t = {};
    struct err err = ERR_INIT;
    char text[1024];

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(CHECK_SPARED(agent_place_install(&t.place, buf_str(&t.chain), t.pki.leaf_key, NULL)));
    CHECK_RC(choose(&t, "p384", true, AGENT_KEY_AS_PLANNED, &err), RC_CONFLICT);
    err_textz(&err, text, sizeof(text));
    CHECK(strstr(text, "is EC P-256, and the certificate is to have one of the kind p384"));
    CHECK(strstr(text, "autarky renew --new-key "));
    CHECK_OK(choose(&t, "p384", true, AGENT_KEY_NEW, &err));
    CHECK_RC(choose(&t, "nonsense", false, AGENT_KEY_AS_PLANNED, &err), RC_INVAL);
}

static void rsa_may_be_larger(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(crypto_key_unrefp) struct crypto_key *rsa = NULL;
    CLEANUP(buf_done) struct buf chain = BUF_INIT(1 << 16);

    CHECK_OK(test_init(&t));
    CHECK_OK(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_RSA, 3072}, &rsa));
    CHECK_OK(pki_chain(&t.pki, rsa, &chain));
    CHECK_OK(agent_place_install(&t.place, buf_str(&chain), rsa, NULL));
    CHECK_OK(choose(&t, "rsa2048", true, AGENT_KEY_AS_PLANNED, NULL));
    CHECK(t.got.reused && crypto_key_same(t.got.key, rsa));
    CHECK_RC(choose(&t, "rsa4096", true, AGENT_KEY_AS_PLANNED, NULL), RC_CONFLICT);
}

static void one_that_cannot_be_read(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t));
    CHECK_OK(agent_place_install(&t.place, buf_str(&t.chain), t.pki.leaf_key, NULL));
    CHECK_OK(file_write(t.place.dir, ".autarky/1/privkey.pem", STR("no key\n"), 0600,
                        FILE_OWNER_SELF, NULL));
    CHECK_OK(choose(&t, "ecdsa", true, AGENT_KEY_AS_PLANNED, NULL));
    CHECK(!t.got.reused && t.warnings == 1);
    CHECK(str_starts(str_of(t.said), STR("the key in place cannot be used again, and a new one")));
}

static void in_a_token(void)
{
    CLEANUP(test_done) struct test t = {};
    const struct agent_plan plan = {.key_uri = STR("pkcs11:token=Web;object=wiki")};
    struct err err = ERR_INIT;

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_RC(agent_key_choose(&t.world, &t.place, &plan, AGENT_KEY_NEW, &t.got, &err),
             RC_UNSUPPORTED);
    CHECK_STR(str_of(err.msg->code), "agent.key-new-in-token");
}

CHECK_MAIN(CHECK_TEST(a_new_one_or_the_same), CHECK_TEST(of_the_kind_that_is_wanted),
           CHECK_TEST_ONCE(rsa_may_be_larger), CHECK_TEST_ONCE(one_that_cannot_be_read),
           CHECK_TEST(in_a_token))
