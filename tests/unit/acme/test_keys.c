/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "acme/keys.h"
#include "crypto/crypto.h"

enum { MANY = ACME_KEYS_MAX + 1 };

/* The JWK of a fresh key. */
static enum rc make(struct jose_jwk **out)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;

    TRY(crypto_init());
    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &key));
    return jose_jwk_from_key(key, out);
}

static enum rc get(struct acme_keys *k, const struct jose_jwk *jwk, const struct jose_jwk **out)
{
    return acme_keys_get(k, jose_jwk_json(jwk), out);
}

static void one_text_one_key(void)
{
    CLEANUP(acme_keys_done) struct acme_keys k = {.made = 0};
    CLEANUP(jose_jwk_freep) struct jose_jwk *a = NULL;
    CLEANUP(jose_jwk_freep) struct jose_jwk *b = NULL;
    const struct jose_jwk *got, *again;

    acme_keys_init(&k);
    CHECK_OK(make(&a));
    CHECK_OK(make(&b));
    CHECK_OK(get(&k, a, &got));
    CHECK(str_eq(crypto_key_spki(jose_jwk_key(got)), crypto_key_spki(jose_jwk_key(a))));
    CHECK_OK(get(&k, a, &again));
    CHECK(got == again);
    CHECK_INT(k.made, 1);
    CHECK_OK(get(&k, b, &got));
    CHECK(str_eq(crypto_key_spki(jose_jwk_key(got)), crypto_key_spki(jose_jwk_key(b))));
    CHECK_INT(k.made, 2);
}

static void what_is_no_key_is_not_kept(void)
{
    CLEANUP(acme_keys_done) struct acme_keys k = {.made = 0};
    const struct jose_jwk *got;

    acme_keys_init(&k);
    CHECK_OK(crypto_init());
    CHECK_RC(acme_keys_get(&k, STR("{\"kty\":\"EC\"}"), &got), RC_INVAL);
    CHECK_RC(acme_keys_get(&k, STR("no json"), &got), RC_PARSE);
    CHECK_RC(acme_keys_get(&k, STR(""), &got), RC_PARSE);
    CHECK_INT(k.by_jwk.n, 0);
    CHECK(list_empty(&k.by_use));
}

/* Keys that differ in nothing but how their text is written: enough of them without making so
 * many. */
static struct str spelled(const struct jose_jwk *jwk, size_t blanks, char text[static 2048])
{
    struct str json = jose_jwk_json(jwk);

    memset(text, ' ', blanks);
    memcpy(text + blanks, json.p, json.n);
    return str_bytes(text, blanks + json.n);
}

static void who_is_not_seen_for_longest_leaves(void)
{
    CLEANUP(acme_keys_done) struct acme_keys k = {.made = 0};
    CLEANUP(jose_jwk_freep) struct jose_jwk *a = NULL;
    const struct jose_jwk *got;
    char text[2048];

    acme_keys_init(&k);
    CHECK_OK(make(&a));
    for (size_t i = 0; i < ACME_KEYS_MAX; i++)
        CHECK_OK(acme_keys_get(&k, spelled(a, i, text), &got));
    CHECK_INT(k.by_jwk.n, ACME_KEYS_MAX);
    CHECK_OK(acme_keys_get(&k, spelled(a, 0, text), &got)); /* seen: now 1 is the oldest */
    CHECK_INT(k.made, ACME_KEYS_MAX);
    CHECK_OK(acme_keys_get(&k, spelled(a, ACME_KEYS_MAX, text), &got));
    CHECK_INT(k.by_jwk.n, ACME_KEYS_MAX);
    CHECK_INT(k.made, MANY);
    CHECK_OK(acme_keys_get(&k, spelled(a, 0, text), &got));
    CHECK_INT(k.made, MANY);
    CHECK_OK(acme_keys_get(&k, spelled(a, 1, text), &got));
    CHECK_INT(k.made, MANY + 1);
}

CHECK_MAIN(CHECK_TEST(one_text_one_key), CHECK_TEST(what_is_no_key_is_not_kept),
           CHECK_TEST_ONCE(who_is_not_seen_for_longest_leaves))
