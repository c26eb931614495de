/* SPDX-License-Identifier: Apache-2.0 */
/* Keys in files and in a token of SoftHSM's. */
#include "check.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "ca/key_load.h"
#include "crypto/crypto.h"
#include "crypto/pem.h"
#include "crypto/sign.h"
#include "keys.h"
#include "token.h"

#define URI "pkcs11:token=CA;object=rsa-1\n"

struct world {
    struct check_dir dir;
    struct conf conf;
    struct ca_key_loader loader;
    int ca;
};

static void world_done(struct world *w)
{
    ca_key_loader_done(&w->loader);
    if (w->ca > 0)
        close(w->ca);
    check_dir_done(&w->dir);
}

static bool put(const struct world *w, const char *path, const char *text)
{
    return file_write(w->dir.fd, path, str_of(text), 0600, FILE_OWNER_SELF, NULL) == RC_OK;
}

static bool start(struct world *w)
{
    check_dir_init(&w->dir);
    w->conf.ca.passphrase.from = CONF_PASSPHRASE_FILE;
    w->conf.ca.passphrase.file = STR("ca.passphrase");
    w->conf.ca.pkcs11.pin.from = CONF_PASSPHRASE_FILE;
    w->conf.ca.pkcs11.pin.file = STR("ca.pin");
    w->conf.ca.pkcs11.module = STR(TOKEN_MODULE);
    w->loader = (struct ca_key_loader){.data = w->dir.fd, .conf = &w->conf};
    return crypto_init() == RC_OK && mkdirat(w->dir.fd, "ca", 0700) == 0 &&
           (w->ca = openat(w->dir.fd, "ca", O_RDONLY | O_DIRECTORY)) > 0;
}

/* A token with one key, "rsa-1", and the file that names it. */
static bool start_token(struct world *w)
{
    CLEANUP(secret_freep) struct secret *pin = token_pin(TOKEN_PIN);
    CLEANUP(crypto_token_unrefp) struct crypto_token *t = NULL;
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;
    CLEANUP(buf_done) struct buf uri = BUF_INIT(256);
    struct crypto_token_uri which = {.token = "CA"};

    return start(w) && token_start(&w->dir) && token_make("CA") &&
           crypto_token_open(&(struct crypto_token_at){.module = TOKEN_MODULE, .uri = &which}, pin,
                             &t, NULL) == RC_OK &&
           crypto_token_generate(t, (struct crypto_key_spec){CRYPTO_KEY_P256, 0}, STR("rsa-1"),
                                 &uri, &k, NULL) == RC_OK &&
           put(w, "ca/rsa-1.uri", URI);
}

static bool signs(const struct crypto_key *k)
{
    CLEANUP(buf_done) struct buf sig = BUF_INIT(CRYPTO_SIG_MAX);

    return crypto_sign(k, crypto_sig_default(k), CRYPTO_SIG_DER, STR("text"), &sig) == RC_OK;
}

static void a_file_is_opened_by_the_passphrase(void)
{
    CLEANUP(world_done) struct world w = {};
    CLEANUP(crypto_key_unrefp) struct crypto_key *made = key_load(key_p256), *k = NULL;
    CLEANUP(secret_freep) struct secret *passphrase = token_pin("open sesame");
    CLEANUP(buf_done) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);

    CHECK(start(&w) && made && passphrase);
    CHECK_OK(crypto_pem_put(made, passphrase, &pem));
    CHECK(put(&w, "ca/rsa-1.key", buf_z(&pem)) && put(&w, "ca.passphrase", "wrong passphrase\n"));
    CHECK_RC(ca_key_load(&w.loader, w.ca, STR("rsa-1"), &k, NULL), RC_DENIED);
    ca_key_loader_done(&w.loader);
    CHECK(put(&w, "ca.passphrase", "open sesame\n"));
    CHECK_OK(ca_key_load(&w.loader, w.ca, STR("rsa-1"), &k, NULL));
    CHECK(signs(k) && !crypto_key_in_token(k));
}

static void one_of_the_two_files_must_be_there(void)
{
    CLEANUP(world_done) struct world w = {};
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;

    CHECK(start(&w));
    CHECK_RC(ca_key_load(&w.loader, w.ca, STR("rsa-1"), &k, NULL), RC_NOTFOUND);
    CHECK(put(&w, "ca/rsa-1.key", "x") && put(&w, "ca/rsa-1.uri", URI));
    CHECK_RC(ca_key_load(&w.loader, w.ca, STR("rsa-1"), &k, NULL), RC_CONFLICT);
    CHECK(unlinkat(w.ca, "rsa-1.key", 0) == 0 && put(&w, "ca/rsa-1.uri", "http://example.com/\n"));
    CHECK_RC(ca_key_load(&w.loader, w.ca, STR("rsa-1"), &k, NULL), RC_PARSE);
    w.conf.ca.pkcs11.module = STR("");
    CHECK(put(&w, "ca/rsa-1.uri", URI));
    CHECK_RC(ca_key_load(&w.loader, w.ca, STR("rsa-1"), &k, NULL), RC_UNSUPPORTED);
}

static void a_token_is_opened_once_for_all_its_keys(void)
{
    CLEANUP(world_done) struct world w = {};
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL, *again = NULL;

    CHECK(start_token(&w) && put(&w, "ca.pin", TOKEN_PIN "\n"));
    CHECK_OK(ca_key_load(&w.loader, w.ca, STR("rsa-1"), &k, NULL));
    CHECK_OK(ca_key_load(&w.loader, w.ca, STR("rsa-1"), &again, NULL));
    CHECK_INT(w.loader.n_tokens, 1);
    CHECK(signs(k) && crypto_key_in_token(k) && crypto_key_same(k, again));
}

/* Again and again, as systemd starts a service: the token sees a wrong PIN once. */
static void a_refused_pin_is_not_tried_again(void)
{
    CLEANUP(world_done) struct world w = {};
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;
    struct err err = ERR_INIT;

    CHECK(start_token(&w) && put(&w, "ca.pin", "no such pin\n"));
    for (int i = 0; i < 3; i++) {
        CHECK_RC(ca_key_load(&w.loader, w.ca, STR("rsa-1"), &k, &err), RC_DENIED);
        CHECK_STR(str_of(err.msg->code), i ? "ca.pin-refused" : "crypto.token-pin");
        ca_key_loader_done(&w.loader);
    }
    CHECK(put(&w, "ca.pin", "another pin\n"));
    CHECK_RC(ca_key_load(&w.loader, w.ca, STR("rsa-1"), &k, &err), RC_DENIED);
    CHECK_STR(str_of(err.msg->code), "crypto.token-pin");
    ca_key_loader_done(&w.loader);
    CHECK(put(&w, "ca.pin", TOKEN_PIN "\n"));
    CHECK_OK(ca_key_load(&w.loader, w.ca, STR("rsa-1"), &k, &err));
    CHECK(faccessat(w.ca, "pin.refused", F_OK, 0) != 0);
}

CHECK_MAIN(CHECK_TEST_ONCE(a_file_is_opened_by_the_passphrase),
           CHECK_TEST(one_of_the_two_files_must_be_there),
           CHECK_TEST_ONCE(a_token_is_opened_once_for_all_its_keys),
           CHECK_TEST_ONCE(a_refused_pin_is_not_tried_again))
