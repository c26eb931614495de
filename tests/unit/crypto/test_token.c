/* SPDX-License-Identifier: Apache-2.0 */
/* Against SoftHSM, a token in software. */
#include "check.h"

#include "crypto/crypto.h"
#include "crypto/pem.h"
#include "crypto/sign.h"
#include "crypto/token.h"
#include "keys.h"
#include "token.h"

static const struct crypto_key_spec specs[] = {
    {CRYPTO_KEY_RSA, 2048}, {CRYPTO_KEY_P256, 0}, {CRYPTO_KEY_P384, 0}};
enum { SPECS = sizeof(specs) / sizeof(specs[0]) };

static enum rc open_token(const char *uri, const char *pin, struct crypto_token **out,
                          struct err *err)
{
    CLEANUP(secret_freep) struct secret *s = token_pin(pin);
    struct crypto_token_uri which;

    TRY(crypto_token_uri_parse(str_of(uri), &which, NULL));
    return crypto_token_open(&(struct crypto_token_at){.module = TOKEN_MODULE, .uri = &which}, s,
                             out, err);
}

/* Signs by every scheme that certificates have and that fits, and the public half alone verifies.
 */
static bool works(const struct crypto_key *k)
{
    static const struct str text = STR("some bytes");

    for (enum crypto_sig_alg alg = 1; alg < CRYPTO_SIG_COUNT; alg++)
        for (int form = 0; form < 2; form++) {
            CLEANUP(buf_done) struct buf sig = BUF_INIT(CRYPTO_SIG_MAX);
            CLEANUP(crypto_key_unrefp) struct crypto_key *pub = NULL;
            enum crypto_sig_form f = form ? CRYPTO_SIG_RAW : CRYPTO_SIG_DER;

            /* No certificate of ours is signed with PSS, and SoftHSM wants its parameters in
             * another order than the provider gives them. */
            if (!crypto_sig_fits(alg, k) || alg == CRYPTO_SIG_PSS_SHA256 ||
                alg >= CRYPTO_SIG_PSS_SHA384)
                continue;
            if (crypto_sign(k, alg, f, text, &sig) != RC_OK ||
                crypto_key_from_spki(crypto_key_spki(k), &pub, NULL) != RC_OK ||
                crypto_verify(pub, alg, f, text, buf_str(&sig)) != RC_OK ||
                crypto_verify(pub, alg, f, STR("other bytes"), buf_str(&sig)) == RC_OK) {
                print_message("%s does not work\n", crypto_sig_text(alg));
                return false;
            }
        }
    return true;
}

static void keys_are_made_found_and_used(void)
{
    CLEANUP(check_dir_done) struct check_dir dir = {};
    char uris[SPECS][256];

    check_dir_init(&dir);
    CHECK(crypto_init() == RC_OK && token_start(&dir) && token_make("CA"));
    for (size_t i = 0; i < SPECS; i++) {
        CLEANUP(crypto_token_unrefp) struct crypto_token *t = NULL;
        CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL, *twin = NULL;
        CLEANUP(buf_done) struct buf uri = BUF_INIT(256);
        char label[] = "issuer-0";

        label[7] = (char)('0' + i);
        CHECK_OK(open_token("pkcs11:token=CA", TOKEN_PIN, &t, NULL));
        CHECK_OK(crypto_token_generate(t, specs[i], str_of(label), &uri, &k, NULL));
        CHECK(crypto_key_in_token(k) && crypto_key_has_private(k));
        CHECK_INT(crypto_key_type(k), specs[i].type);
        CHECK(works(k));
        CHECK_RC(crypto_token_generate(t, specs[i], str_of(label), &uri, &twin, NULL), RC_EXISTS);
        CHECK_OK(str_copyz(buf_str(&uri), uris[i], sizeof(uris[i])));
    }
    for (size_t i = 0; i < SPECS; i++) {
        CLEANUP(crypto_token_unrefp) struct crypto_token *t = NULL;
        CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;
        struct crypto_token_uri which;

        CHECK_OK(crypto_token_uri_parse(str_of(uris[i]), &which, NULL));
        CHECK_OK(open_token(uris[i], TOKEN_PIN, &t, NULL));
        CHECK_OK(crypto_token_find(t, &which, &k, NULL));
        CHECK_INT(crypto_key_type(k), specs[i].type);
        CHECK(works(k));
    }
}

static void its_private_half_stays_there(void)
{
    CLEANUP(check_dir_done) struct check_dir dir = {};
    CLEANUP(crypto_token_unrefp) struct crypto_token *t = NULL;
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;
    CLEANUP(secret_freep) struct secret *passphrase = token_pin("open sesame");
    CLEANUP(buf_done) struct buf uri = BUF_INIT(256), pem = BUF_INIT(CRYPTO_PEM_MAX);

    check_dir_init(&dir);
    CHECK(crypto_init() == RC_OK && token_start(&dir) && token_make("CA"));
    CHECK_OK(open_token("pkcs11:token=CA", TOKEN_PIN, &t, NULL));
    CHECK_OK(crypto_token_generate(t, specs[1], STR("x"), &uri, &k, NULL));
    CHECK_RC(crypto_pem_put_clear(k, &pem), RC_INVAL);
    CHECK_RC(crypto_pem_put(k, passphrase, &pem), RC_INVAL);
    CHECK_INT(buf_str(&pem).n, 0);
    /* The key alone keeps the token open. */
    crypto_token_unref(MOVE(t));
    CHECK(works(k));
}

static void what_is_missing_is_named(void)
{
    CLEANUP(check_dir_done) struct check_dir dir = {};
    CLEANUP(crypto_token_unrefp) struct crypto_token *t = NULL;
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;
    CLEANUP(buf_done) struct buf uri = BUF_INIT(256);
    struct crypto_token_uri which;
    struct err err = ERR_INIT;
    char text[512];

    check_dir_init(&dir);
    CHECK(crypto_init() == RC_OK && token_start(&dir) && token_make("CA") && token_make("Other"));
    CHECK_RC(open_token("pkcs11:token=Gone", TOKEN_PIN, &t, &err), RC_AGAIN);
    CHECK(strstr(err_textz(&err, text, sizeof(text)), "\"Other\""));
    CHECK_RC(open_token("pkcs11:manufacturer=SoftHSM%20project", TOKEN_PIN, &t, &err), RC_CONFLICT);
    CHECK_RC(open_token("pkcs11:token=CA", "not the pin", &t, &err), RC_DENIED);
    CHECK(strstr(err_textz(&err, text, sizeof(text)), "tried once"));
    CHECK_RC(open_token("pkcs11:token=CA", "1", &t, &err), RC_DENIED);
    CHECK(t == NULL);
    CHECK_OK(open_token("pkcs11:token=CA", TOKEN_PIN, &t, NULL));
    CHECK_OK(crypto_token_uri_parse(STR("pkcs11:object=none"), &which, NULL));
    CHECK_RC(crypto_token_find(t, &which, &k, &err), RC_NOTFOUND);
    CHECK_RC(crypto_token_generate(t, (struct crypto_key_spec){CRYPTO_KEY_SM2, 0}, STR("sm2-1"),
                                   &uri, &k, &err),
             RC_UNSUPPORTED);
}

static void a_module_must_be_one(void)
{
    CLEANUP(secret_freep) struct secret *pin = token_pin(TOKEN_PIN);
    CLEANUP(crypto_token_unrefp) struct crypto_token *t = NULL;
    struct crypto_token_uri which = {.token = "CA"};
    struct crypto_token_at at = {.module = "/nonexistent.so", .uri = &which};

    CHECK_RC(crypto_token_open(&at, pin, &t, NULL), RC_UNSUPPORTED);
    at.module = "libm.so.6";
    CHECK_RC(crypto_token_open(&at, pin, &t, NULL), RC_UNSUPPORTED);
    secret_bytes(pin)[3] = 0;
    CHECK_RC(crypto_token_open(&at, pin, &t, NULL), RC_INVAL);
}

/* The files of a token in software are moved away and come back. */
static void a_token_that_is_gone_may_come_back(void)
{
    CLEANUP(check_dir_done) struct check_dir dir = {};
    CLEANUP(crypto_token_unrefp) struct crypto_token *t = NULL;
    char conf[96], away[96];

    check_dir_init(&dir);
    CHECK(crypto_init() == RC_OK && token_start(&dir) && token_make("CA"));
    snprintf(conf, sizeof(conf), "%s/softhsm2.conf", dir.path);
    snprintf(away, sizeof(away), "%s/away", dir.path);
    CHECK(rename(conf, away) == 0);
    CHECK_RC(open_token("pkcs11:token=CA", TOKEN_PIN, &t, NULL), RC_AGAIN);
    CHECK(rename(away, conf) == 0);
    CHECK_OK(open_token("pkcs11:token=CA", TOKEN_PIN, &t, NULL));
}

CHECK_MAIN(CHECK_TEST_ONCE(keys_are_made_found_and_used),
           CHECK_TEST_ONCE(its_private_half_stays_there), CHECK_TEST_ONCE(what_is_missing_is_named),
           CHECK_TEST_ONCE(a_module_must_be_one),
           CHECK_TEST_ONCE(a_token_that_is_gone_may_come_back))
