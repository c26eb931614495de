/* SPDX-License-Identifier: Apache-2.0 */
/* New keys of authorities: where their files go, what opens them, and which token has one. */
#include "check.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/file.h"
#include "ceremony/keys.h"
#include "crypto/crypto.h"
#include "crypto/pem.h"
#include "token.h"

struct made {
    struct check_dir dir;
    struct conf conf;
    struct ca_key_loader loader;
    struct ceremony_files files;
    struct crypto_key *key, *again;
};

static const struct ca_ref issuer = {{"ecdsa", 5}, 1, false, CA_INTRANET};

static void made_done(struct made *m)
{
    crypto_key_unref(m->again);
    crypto_key_unref(m->key);
    ca_key_loader_done(&m->loader);
    ceremony_files_done(&m->files);
    check_dir_done(&m->dir);
}

static bool start(struct made *m)
{
    check_dir_init(&m->dir);
    m->conf.ca.pkcs11.pin.from = CONF_PASSPHRASE_FILE;
    m->conf.ca.pkcs11.pin.file = STR("ca.pin");
    m->conf.ca.pkcs11.module = STR(TOKEN_MODULE);
    m->loader = (struct ca_key_loader){.data = m->dir.fd, .conf = &m->conf};
    return crypto_init() == RC_OK && file_write(m->dir.fd, "ca.pin", STR(TOKEN_PIN "\n"), 0600,
                                                FILE_OWNER_SELF, NULL) == RC_OK;
}

static enum rc make(struct made *m, const char *token, struct secret *passphrase)
{
    const struct ceremony_place place = {&m->loader, token, passphrase};

    return ceremony_key_make(&place, &issuer, &m->files, &m->key, NULL);
}

static enum rc token_of(const struct made *m, const struct ca_ref *ref, struct buf *out)
{
    buf_reset(out);
    return ceremony_token_of(m->dir.fd, ref, out, NULL);
}

static bool put_uri(const struct made *m, const char *path, const char *uri)
{
    return file_write(m->dir.fd, path, str_of(uri), 0600, FILE_OWNER_SELF, NULL) == RC_OK;
}

static void a_file_that_the_passphrase_opens(void)
{
    CLEANUP(secret_freep) struct secret *passphrase = token_pin("open sesame");
    CLEANUP(secret_freep) struct secret *wrong = token_pin("open barley");
    CLEANUP(made_done) struct made m = {.dir.fd = -1};
    struct str pem;

    CHECK(start(&m) && passphrase && wrong);
    CHECK_OK(make(&m, NULL, passphrase));
    CHECK_INT(m.files.n, 1);
    CHECK_STR(str_of(m.files.v[0].path), "ca/ecdsa-1.key");
    CHECK_INT(m.files.v[0].mode, 0600);
    CHECK_INT(crypto_key_type(m.key), CRYPTO_KEY_P256);
    pem = buf_str(&m.files.v[0].content);
    CHECK(crypto_pem_encrypted(pem));
    CHECK_RC(crypto_pem_read(pem, wrong, &m.again, NULL), RC_DENIED);
    CHECK_OK(crypto_pem_read(pem, passphrase, &m.again, NULL));
    CHECK(str_eq(crypto_key_spki(m.again), crypto_key_spki(m.key)));
}

static void a_token_and_its_uri(void)
{
    CLEANUP(buf_done) struct buf token = BUF_INIT(2 * CRYPTO_TOKEN_URI_MAX);
    CLEANUP(made_done) struct made m = {.dir.fd = -1};
    CLEANUP(fd_closep) int ca = -1;

    CHECK(start(&m));
    CHECK(token_start(&m.dir) && token_make("CA") && token_make("Other"));
    CHECK_OK(make(&m, "pkcs11:token=CA", NULL));
    CHECK_INT(m.files.n, 1);
    CHECK_STR(str_of(m.files.v[0].path), "ca/ecdsa-1.uri");
    CHECK(crypto_key_in_token(m.key));
    CHECK_OK(ceremony_files_write(&m.files, m.dir.fd, NULL));
    CHECK_OK(token_of(&m, &issuer, &token));
    CHECK_STR(buf_str(&token), "pkcs11:token=CA"); /* where the next one is made, not this one */
    ca = openat(m.dir.fd, "ca", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK_OK(ca_key_load(&m.loader, ca, STR("ecdsa-1"), &m.again, NULL));
    CHECK(str_eq(crypto_key_spki(m.again), crypto_key_spki(m.key)));
}

static void no_such_place(void)
{
    CLEANUP(made_done) struct made m = {.dir.fd = -1};

    CHECK(start(&m));
    CHECK(token_start(&m.dir) && token_make("CA"));
    CHECK_RC(make(&m, "token=CA", NULL), RC_PARSE);
    CHECK_RC(make(&m, "pkcs11:token=Nowhere", NULL), RC_AGAIN);
    m.conf.ca.pkcs11.module = STR("");
    CHECK_RC(make(&m, "pkcs11:token=CA", NULL), RC_UNSUPPORTED);
    CHECK(!m.key);
}

static void which_token_has_it(void)
{
    CLEANUP(buf_done) struct buf token = BUF_INIT(2 * CRYPTO_TOKEN_URI_MAX);
    const struct ca_ref root = {STR("rsa"), 2, true, CA_INTRANET};
    CLEANUP(made_done) struct made m = {.dir.fd = -1};

    CHECK(start(&m));
    CHECK(mkdirat(m.dir.fd, "ca", 0700) == 0 && mkdirat(m.dir.fd, "root", 0700) == 0);
    CHECK_RC(token_of(&m, &issuer, &token), RC_NOTFOUND);
    CHECK(put_uri(&m, "ca/ecdsa-1.uri", "pkcs11:token=CA;object=ecdsa-1;id=%01%02\n"));
    CHECK_OK(token_of(&m, &issuer, &token));
    CHECK_STR(buf_str(&token), "pkcs11:token=CA");
    CHECK_RC(token_of(&m, &root, &token), RC_NOTFOUND); /* roots' are in root/ */
    CHECK(put_uri(&m, "root/root-rsa-2.uri", "pkcs11:token=Root;object=root-rsa-2\n"));
    CHECK_OK(token_of(&m, &root, &token));
    CHECK_STR(buf_str(&token), "pkcs11:token=Root");
    CHECK(put_uri(&m, "ca/ecdsa-1.uri", "http://example.com/\n"));
    CHECK_RC(token_of(&m, &issuer, &token), RC_PARSE);
}

CHECK_MAIN(CHECK_TEST_ONCE(a_file_that_the_passphrase_opens), CHECK_TEST_ONCE(a_token_and_its_uri),
           CHECK_TEST_ONCE(no_such_place), CHECK_TEST(which_token_has_it))
