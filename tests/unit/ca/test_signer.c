/* SPDX-License-Identifier: Apache-2.0 */
/* The signing side, asked by a core that was taken over: whatever it asks, only what profile, rules
 * and clock allow is signed. */
#include "world.h"

#include "crypto/key.h"
#include "x509/cert.h"

struct trial {
    struct crypto_key *key;
    struct str name;
    struct ca_sign_ask ask;
};

static void trial_done(struct trial *t)
{
    crypto_key_unref(t->key);
}

/* A request that is right in every way. */
static bool trial_start(struct trial *t)
{
    struct crypto_key_spec spec = {CRYPTO_KEY_P256, 0};

    if (crypto_key_generate(spec, &t->key) != RC_OK)
        return false;
    t->name = STR("a.hospital.example");
    t->ask = (struct ca_sign_ask){
        .issuer = STR("ecdsa-1"),
        .leaf = {.profile = STR("default"),
                 .spki = crypto_key_spki(t->key),
                 .dns = &t->name,
                 .n_dns = 1,
                 .not_before = WORLD_NOW,
                 .not_after = WORLD_NOW + 90 * WHEN_DAY - WHEN_SECOND},
        .now = WORLD_NOW,
    };
    return x509_serial_random(&t->ask.leaf.serial) == RC_OK;
}

static enum rc sign(struct world *w, struct trial *t)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);
    struct err err = ERR_INIT;
    enum rc rc = ca_signer_sign(w->signer, &t->ask, &a, &der, &err);

    assert_true(rc == RC_OK || der.n == 0);
    return rc;
}

static void what_is_right_is_signed(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(trial_done) struct trial t = {.key = NULL};

    CHECK(world_start(&w, NULL));
    CHECK(trial_start(&t));
    CHECK_OK(sign(&w, &t));
}

static void what_is_not_is_refused(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(trial_done) struct trial t = {.key = NULL};
    struct addr public = {4, {8, 8, 8, 8}};
    struct ca_sign_ask right;

    CHECK(world_start(&w, NULL));
    CHECK(trial_start(&t));
    right = t.ask;
    t.ask.issuer = STR("root-rsa");
    CHECK_RC(sign(&w, &t), RC_NOTFOUND);
    t.ask = right;
    t.ask.leaf.profile = STR("other");
    CHECK_RC(sign(&w, &t), RC_NOTFOUND);
    t.ask = right;
    t.name = STR("www.example.com");
    CHECK_RC(sign(&w, &t), RC_DENIED);
    t.name = STR("a.hospital.example");
    t.ask.leaf.ips = &public;
    t.ask.leaf.n_ips = 1;
    CHECK_RC(sign(&w, &t), RC_DENIED);
    t.ask = right;
    t.ask.leaf.n_dns = 0;
    CHECK(sign(&w, &t) != RC_OK);
    t.ask = right;
    t.ask.leaf.not_after += 2 * WHEN_HOUR;
    CHECK_RC(sign(&w, &t), RC_DENIED);
    t.ask = right;
    t.ask.leaf.not_before -= WHEN_DAY;
    CHECK_RC(sign(&w, &t), RC_DENIED);
    t.ask = right;
    t.ask.leaf.not_after = INT64_MIN;
    CHECK_RC(sign(&w, &t), RC_DENIED);
    t.ask.leaf.not_after = INT64_MAX;
    CHECK_RC(sign(&w, &t), RC_DENIED);
    t.ask.leaf.not_after = right.leaf.not_before;
    CHECK_RC(sign(&w, &t), RC_DENIED);
    t.ask = right;
    t.ask.now += WHEN_DAY;
    CHECK_RC(sign(&w, &t), RC_DENIED);
    t.ask = right;
    t.ask.leaf.spki.n--;
    CHECK(sign(&w, &t) != RC_OK);
    t.ask = right;
    CHECK_OK(sign(&w, &t));
}

static void keys_of_the_profile_only(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(trial_done) struct trial t = {.key = NULL};

    CHECK(world_start(&w, "profiles: {default: {key_algorithms: [rsa]}}\n"));
    CHECK(trial_start(&t));
    CHECK_RC(sign(&w, &t), RC_DENIED);
}

CHECK_MAIN(CHECK_TEST_ONCE(what_is_right_is_signed), CHECK_TEST_ONCE(what_is_not_is_refused),
           CHECK_TEST_ONCE(keys_of_the_profile_only))
