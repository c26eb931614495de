/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of certificates in a token of SoftHSM's, and what is written down of them. */
#include "check.h"

#include <stdio.h>
#include <sys/stat.h>

#include "agent/place.h"
#include "agent/plan.h"
#include "agent/solver.h"
#include "agent/token.h"
#include "base/file.h"
#include "crypto/crypto.h"
#include "crypto/token.h"
#include "token.h"

enum { PATH = 128 };

struct test {
    struct check_dir dir;
    char pin[PATH];
    struct agent_plan plan;
    struct agent_place place;
    struct agent_world world;
    struct agent_tokens tokens;
};

static void test_done(struct test *t)
{
    agent_tokens_done(&t->tokens);
    agent_place_done(&t->place);
    check_dir_done(&t->dir);
}

static enum rc test_init(struct test *t)
{
    char path[PATH];

    t->place = AGENT_PLACE_INIT;
    check_dir_init(&t->dir);
    TRY(crypto_init());
    snprintf(path, sizeof(path), "%s/place", t->dir.path);
    TRY(agent_place_open(path, true, &t->place, NULL));
    snprintf(t->pin, sizeof(t->pin), "%s/pin", t->dir.path);
    TRY(file_write(t->dir.fd, "pin", STR(TOKEN_PIN "\n"), 0600, FILE_OWNER_SELF, NULL));
    t->plan = (struct agent_plan){.key_uri = STR("pkcs11:token=Web;object=wiki"),
                                  .pkcs11_module = STR(TOKEN_MODULE),
                                  .pin = str_of(t->pin)};
    return token_start(&t->dir) && token_make("Web") ? RC_OK : RC_IO;
}

static enum rc key(struct test *t, struct crypto_key **out, struct err *err)
{
    *err = ERR_INIT;
    return agent_token_key(&t->world, &t->place, &t->plan, out, err);
}

/* The public half alone: the provider forgets a little where a token is open twice at a time. */
static enum rc public_key(struct test *t, struct crypto_key **out, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;

    TRY(key(t, &k, err));
    return crypto_key_in_token(k) ? crypto_key_from_spki(crypto_key_spki(k), out, NULL) : RC_INVAL;
}

static void found_or_made(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(crypto_key_unrefp) struct crypto_key *made = NULL, *again = NULL, *other = NULL;
    struct err err = ERR_INIT;

    CHECK_OK(test_init(&t));
    CHECK_RC(public_key(&t, &made, &err), RC_NOTFOUND);
    CHECK_STR(str_of(err.msg->code), "agent.token-no-key");
    t.plan.key = STR("p256");
    CHECK_OK(public_key(&t, &made, &err));
    CHECK_INT(crypto_key_type(made), CRYPTO_KEY_P256);
    CHECK_OK(public_key(&t, &again, &err));
    CHECK(crypto_key_same(made, again));
    /* What is there counts, and not what would be made. */
    t.plan.key = STR("");
    CHECK_OK(public_key(&t, &other, &err));
    CHECK(crypto_key_same(made, other));
}

static void refused(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(crypto_key_unrefp) struct crypto_key *none = NULL;
    struct err err = ERR_INIT;

    CHECK_OK(test_init(&t));
    CHECK_OK(file_write(t.dir.fd, "pin", STR("another\n"), 0600, FILE_OWNER_SELF, NULL));
    CHECK_RC(key(&t, &none, &err), RC_DENIED);
    CHECK(fchmodat(t.dir.fd, "pin", 0644, 0) == 0);
    CHECK_RC(key(&t, &none, &err), RC_DENIED);
    CHECK_STR(str_of(err.msg->code), "agent.secret-open");
    t.plan.pin = STR("credential:pin");
    CHECK_RC(key(&t, &none, &err), RC_NOTFOUND);
    CHECK_STR(str_of(err.msg->code), "agent.credential-nowhere");
}

static enum rc account(struct test *t, const char *uri, bool make, struct crypto_key **out,
                       struct err *err)
{
    const struct agent_token_account which = {str_of(uri), make};

    *err = ERR_INIT;
    return agent_token_account(&t->world, &t->place, &t->plan, &which, out, err);
}

/* Beside the certificate's, in a token that is opened once for both; a renewal makes none. */
static void of_an_account(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(crypto_key_unrefp) struct crypto_key *made = NULL, *again = NULL, *leaf = NULL;
    struct err err = ERR_INIT;

    CHECK_OK(test_init(&t));
    t.world.tokens = &t.tokens;
    CHECK_RC(account(&t, "pkcs11:token=Web;object=acme", false, &made, &err), RC_NOTFOUND);
    CHECK_STR(str_of(err.msg->code), "agent.token-no-account");
    CHECK_OK(account(&t, "pkcs11:token=Web;object=acme", true, &made, &err));
    CHECK(crypto_key_in_token(made));
    CHECK_INT(crypto_key_type(made), CRYPTO_KEY_P256);
    CHECK_OK(file_write(t.dir.fd, "pin", STR("another\n"), 0600, FILE_OWNER_SELF, NULL));
    CHECK_OK(account(&t, "pkcs11:token=Web;object=acme", false, &again, &err));
    CHECK(crypto_key_same(made, again));
    t.plan.key = STR("p256");
    CHECK_OK(key(&t, &leaf, &err));
    CHECK(!crypto_key_same(made, leaf));
    CHECK_INT(t.tokens.n, 1);
}

/* A wrong PIN is tried once, in whatever run; another one is, and so is one that was right. */
static void pin_tried_once(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;
    struct err err = ERR_INIT;

    CHECK_OK(test_init(&t));
    t.plan.key = STR("p256");
    for (int i = 0; i < 2; i++) {
        CHECK_OK(file_write(t.dir.fd, "pin", STR("another\n"), 0600, FILE_OWNER_SELF, NULL));
        CHECK_RC(key(&t, &k, &err), RC_DENIED);
        CHECK_STR(str_of(err.msg->code), "crypto.token-pin");
        CHECK_RC(key(&t, &k, &err), RC_DENIED);
        CHECK_STR(str_of(err.msg->code), "agent.pin-refused");
        CHECK_OK(file_write(t.dir.fd, "pin", STR(TOKEN_PIN "\n"), 0600, FILE_OWNER_SELF, NULL));
        CHECK_OK(public_key(&t, &k, &err));
        crypto_key_unref(MOVE(k));
    }
}

/* The account's key is in a token that has the PIN, the certificate's in one that has another: run
 * after run, the second is asked once. */
static void a_token_that_has_it_beside_one_that_has_not(void)
{
    CLEANUP(test_done) struct test t = {};
    struct err err = ERR_INIT;

    CHECK_OK(test_init(&t));
    CHECK(token_make_with("Other", "token-pin-2"));
    t.plan.key_uri = STR("pkcs11:token=Other;object=wiki");
    t.plan.key = STR("p256");
    for (int i = 0; i < 3; i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *of_account = NULL, *k = NULL;

        CHECK_OK(account(&t, "pkcs11:token=Web;object=acme", i == 0, &of_account, &err));
        CHECK_RC(key(&t, &k, &err), RC_DENIED);
        CHECK_STR(str_of(err.msg->code), i ? "agent.pin-refused" : "crypto.token-pin");
    }
}

static void as_said(void)
{
    static const struct {
        const char *uri, *key;
        enum rc rc;
    } cases[] = {
        {"pkcs11:token=Web;object=wiki", "", RC_OK},
        {"pkcs11:token=Web;object=wiki;type=private", "p384", RC_OK},
        {"pkcs11:serial=1;id=%01", "", RC_OK},
        {"pkcs11:serial=1;id=%01", "p256", RC_INVAL}, /* what would it be called? */
        {"pkcs11:token=Web", "", RC_INVAL},
        {"pkcs11:object=wiki", "", RC_INVAL},
        {"pkcs11:token=Web;object=wiki", "sm2", RC_UNSUPPORTED},
        {"pkcs11:token=Web;object=wiki", "mldsa65", RC_UNSUPPORTED},
        {"pkcs11:token=Web;object=wiki?pin-value=1234", "", RC_UNSUPPORTED},
        {"/etc/key.pem", "", RC_PARSE},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct agent_plan plan = {.key_uri = str_of(cases[i].uri),
                                        .key = str_of(cases[i].key)};

        CHECK_RC(agent_token_check(&plan, NULL), cases[i].rc);
    }
    CHECK_OK(agent_token_check(&(struct agent_plan){.key = STR("sm2")}, NULL));
    CHECK_OK(agent_token_check(
        &(struct agent_plan){.account_key = STR("pkcs11:token=Web;object=acme")}, NULL));
    CHECK_OK(agent_token_check(&(struct agent_plan){.account_key = STR("/etc/acme.pem")}, NULL));
    CHECK_RC(agent_token_check(&(struct agent_plan){.account_key = STR("pkcs11:token=Web")}, NULL),
             RC_INVAL);
    CHECK_RC(agent_token_check(
                 &(struct agent_plan){.fallback_account_key = STR("pkcs11:object=acme")}, NULL),
             RC_INVAL);
}

/* SEQUENCE of a VisibleString and a UTF8String, as the provider reads it. */
static void written_down(void)
{
    static const struct agent_plan plan = {.key_uri = STR("pkcs11:object=wiki;token=Web")};
    CLEANUP(buf_done) struct buf out = BUF_INIT(AGENT_REFERENCE_MAX);

    CHECK_OK(agent_token_reference(&plan, &out));
    CHECK_STR(buf_str(&out), "-----BEGIN PKCS#11 PROVIDER URI-----\n"
                             "MEYaGVBLQ1MjMTEgUHJvdmlkZXIgVVJJIHYxLjAMKXBrY3MxMTp0b2tlbj1XZWI7\n"
                             "b2JqZWN0PXdpa2k7dHlwZT1wcml2YXRl\n"
                             "-----END PKCS#11 PROVIDER URI-----\n");
}

CHECK_MAIN(CHECK_TEST_ONCE(found_or_made), CHECK_TEST_ONCE(refused), CHECK_TEST_ONCE(of_an_account),
           CHECK_TEST_ONCE(pin_tried_once),
           CHECK_TEST_ONCE(a_token_that_has_it_beside_one_that_has_not), CHECK_TEST(as_said),
           CHECK_TEST(written_down))
