/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "crypto/token_uri.h"

static void attributes_are_read(void)
{
    struct crypto_token_uri u;
    CLEANUP(buf_done) struct buf text = BUF_INIT(CRYPTO_TOKEN_URI_MAX);

    CHECK_OK(crypto_token_uri_parse(STR("pkcs11:object=rsa%2d1;token=The%20CA;id=%00%ff%41;slot-id="
                                        "17;serial=00a1;type=private"),
                                    &u, NULL));
    CHECK_STR(str_of(u.token), "The CA");
    CHECK_STR(str_of(u.object), "rsa-1");
    CHECK_STR(str_of(u.serial), "00a1");
    CHECK_STR(str_of(u.model), "");
    CHECK_INT(u.id_n, 3);
    CHECK(memcmp(u.id, "\x00\xff\x41", 3) == 0);
    CHECK(u.has_slot && u.slot == 17);
    crypto_token_uri_put(&u, &text);
    CHECK_OK(buf_rc(&text));
    CHECK_STR(buf_str(&text),
              "pkcs11:token=The%20CA;serial=00a1;object=rsa-1;id=%00%ff%41;slot-id=17");
}

static void what_is_no_uri_is_refused(void)
{
    static const struct {
        struct str text;
        enum rc rc;
    } bad[] = {
        {STR(""), RC_PARSE},
        {STR("pkcs11:"), RC_PARSE},
        {STR("PKCS11:token=a"), RC_PARSE},
        {STR("file:token=a"), RC_PARSE},
        {STR("pkcs11:token="), RC_PARSE},
        {STR("pkcs11:token=a b"), RC_PARSE},
        {STR("pkcs11:token=%4"), RC_PARSE},
        {STR("pkcs11:token=%zz"), RC_PARSE},
        {STR("pkcs11:token=%00"), RC_PARSE},
        {STR("pkcs11:token=%ff"), RC_PARSE},
        {STR("pkcs11:token=%0a"), RC_PARSE},
        {STR("pkcs11:serial=12345678901234567"), RC_PARSE},
        {STR("pkcs11:slot-id=x"), RC_PARSE},
        {STR("pkcs11:slot-id=4294967296"), RC_PARSE},
        {STR("pkcs11:type=cert"), RC_PARSE},
        {STR("pkcs11:token=a;token=b"), RC_INVAL},
        {STR("pkcs11:token"), RC_UNSUPPORTED},
        {STR("pkcs11:colour=red"), RC_UNSUPPORTED},
        {STR("pkcs11:token=a?pin-value=1234"), RC_UNSUPPORTED},
        {STR("pkcs11:token=a?module-path=/tmp/evil.so"), RC_UNSUPPORTED},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct crypto_token_uri u = {.slot = 99};

        CHECK_RC(crypto_token_uri_parse(bad[i].text, &u, NULL), bad[i].rc);
        CHECK_INT(u.slot, 99);
    }
}

static void a_value_has_a_limit(void)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(4096);
    struct crypto_token_uri u;

    buf_putz(&text, "pkcs11:id=");
    for (size_t i = 0; i < CRYPTO_TOKEN_ID; i++)
        buf_putz(&text, "%01");
    CHECK_OK(crypto_token_uri_parse(buf_str(&text), &u, NULL));
    CHECK_INT(u.id_n, CRYPTO_TOKEN_ID);
    buf_putz(&text, "%01");
    CHECK_RC(crypto_token_uri_parse(buf_str(&text), &u, NULL), RC_PARSE);
    for (size_t i = 0; i < CRYPTO_TOKEN_URI_MAX; i++)
        buf_putz(&text, "x");
    CHECK_RC(crypto_token_uri_parse(buf_str(&text), &u, NULL), RC_PARSE);
}

static void whose_token_is_the_same(void)
{
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        {"pkcs11:token=Web;object=x", "pkcs11:object=y;token=Web;id=%01", true},
        {"pkcs11:token=Web", "pkcs11:token=web", false},
        {"pkcs11:token=Web", "pkcs11:token=Web;serial=1", false},
        {"pkcs11:token=Web;model=a", "pkcs11:token=Web;model=b", false},
        {"pkcs11:manufacturer=a", "pkcs11:manufacturer=b", false},
        {"pkcs11:slot-id=0", "pkcs11:object=x", false},
        {"pkcs11:slot-id=1", "pkcs11:slot-id=2", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct crypto_token_uri a, b;

        CHECK_OK(crypto_token_uri_parse(str_of(cases[i].a), &a, NULL));
        CHECK_OK(crypto_token_uri_parse(str_of(cases[i].b), &b, NULL));
        CHECK(crypto_token_uri_same_token(&a, &b) == cases[i].same);
        CHECK(crypto_token_uri_same_token(&b, &a) == cases[i].same);
    }
}

CHECK_MAIN(CHECK_TEST(attributes_are_read), CHECK_TEST(what_is_no_uri_is_refused),
           CHECK_TEST(a_value_has_a_limit), CHECK_TEST(whose_token_is_the_same))
