/* SPDX-License-Identifier: Apache-2.0 */
/* PINs that were refused: by tokens of SoftHSM's, and by one that says what it is told to. */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "crypto/crypto.h"
#include "crypto/cryptoki_int.h"
#include "crypto/token_mark.h"
#include "token.h"

#define FILE_NAME "pin.refused"
#define READY "0x408" /* CK_FLAG_TOKEN_INITIALIZED, CK_FLAG_PIN_INITIALIZED */

enum { PATH = 4096, CONTENT = 64 * 1024, OLD = 48 };

/* As if in a process of its own: nothing is kept but the file. */
static enum rc try_at(const struct check_dir *dir, const char *module, const char *uri,
                      const char *pin)
{
    const struct crypto_pin_mark mark = {dir->fd, FILE_NAME};
    CLEANUP(crypto_token_unrefp) struct crypto_token *t = NULL;
    CLEANUP(secret_freep) struct secret *s = token_pin(pin);
    struct crypto_token_uri which;

    TRY(crypto_token_uri_parse(str_of(uri), &which, NULL));
    return crypto_token_open_marked(&(struct crypto_token_at){.module = module, .uri = &which}, s,
                                    &mark, &t, NULL);
}

static enum rc try_pin(const struct check_dir *dir, const char *uri, const char *pin)
{
    return try_at(dir, TOKEN_MODULE, uri, pin);
}

/* -1: there is no file. */
static int lines(const struct check_dir *dir)
{
    CLEANUP(buf_done) struct buf content = BUF_INIT(CONTENT);
    int n = 0;

    if (file_read(dir->fd, FILE_NAME, &content, NULL) != RC_OK)
        return -1;
    for (size_t i = 0; i < content.n; i++)
        n += content.p[i] == '\n';
    return n;
}

static void each_token_has_its_own(void)
{
    CLEANUP(check_dir_done) struct check_dir dir = {};
    struct stat st;

    check_dir_init(&dir);
    CHECK(crypto_init() == RC_OK && token_start(&dir) && token_make("A") && token_make("B"));
    CHECK_RC(try_pin(&dir, "pkcs11:token=B", "wrong-1"), RC_DENIED);
    CHECK(fstatat(dir.fd, FILE_NAME, &st, 0) == 0 && (st.st_mode & 07777) == 0600);
    CHECK_INT(lines(&dir), 1);
    /* Whatever key in it is meant. */
    CHECK_RC(try_pin(&dir, "pkcs11:token=B;object=x", "wrong-1"), RC_EXISTS);
    /* A is of another opinion of its own. */
    CHECK_OK(try_pin(&dir, "pkcs11:token=A", TOKEN_PIN));
    CHECK_RC(try_pin(&dir, "pkcs11:token=B", "wrong-1"), RC_EXISTS);
    CHECK_RC(try_pin(&dir, "pkcs11:token=A", "wrong-1"), RC_DENIED);
    CHECK_RC(try_pin(&dir, "pkcs11:token=B", "wrong-1"), RC_EXISTS);
    CHECK_RC(try_pin(&dir, "pkcs11:token=A", "wrong-1"), RC_EXISTS);
    CHECK_INT(lines(&dir), 2);
    /* The PIN that was refused last counts. */
    CHECK_RC(try_pin(&dir, "pkcs11:token=B", "wrong-2"), RC_DENIED);
    CHECK_RC(try_pin(&dir, "pkcs11:token=B", "wrong-2"), RC_EXISTS);
    CHECK_RC(try_pin(&dir, "pkcs11:token=A", "wrong-1"), RC_EXISTS);
    CHECK_INT(lines(&dir), 2);
    CHECK_OK(try_pin(&dir, "pkcs11:token=B", TOKEN_PIN));
    CHECK_INT(lines(&dir), 1);
    CHECK_RC(try_pin(&dir, "pkcs11:token=A", "wrong-1"), RC_EXISTS);
    CHECK_OK(try_pin(&dir, "pkcs11:token=A", TOKEN_PIN));
    CHECK_INT(lines(&dir), -1);
}

static void what_is_no_mark_counts_for_nothing(void)
{
    CLEANUP(check_dir_done) struct check_dir dir = {};
    char old[OLD];

    memset(old, '\n', sizeof(old));
    check_dir_init(&dir);
    CHECK(crypto_init() == RC_OK && token_start(&dir) && token_make("A"));
    CHECK_OK(file_write(dir.fd, FILE_NAME, str_bytes(old, OLD), 0600, FILE_OWNER_SELF, NULL));
    CHECK_RC(try_pin(&dir, "pkcs11:token=A", "wrong-1"), RC_DENIED);
    CHECK_INT(lines(&dir), 1);
    CHECK_RC(try_pin(&dir, "pkcs11:token=A", "wrong-1"), RC_EXISTS);
    CHECK_OK(file_write(dir.fd, FILE_NAME, str_bytes(old, OLD), 0600, FILE_OWNER_SELF, NULL));
    CHECK_OK(try_pin(&dir, "pkcs11:token=A", TOKEN_PIN));
    CHECK_INT(lines(&dir), -1);
}

/* ---- by a module beside this program */

static bool fake_module(char *path, size_t max)
{
    ssize_t n = readlink("/proc/self/exe", path, max - 32);

    if (n <= 0)
        return false;
    path[n] = '\0';
    *strrchr(path, '/') = '\0';
    return str_copyz(STR("/token_fake.so"), path + strlen(path), 32) == RC_OK;
}

static bool say(const char *flags, unsigned login)
{
    char text[16];

    snprintf(text, sizeof(text), "%u", login);
    return setenv("FAKE_TOKEN_FLAGS", flags, 1) == 0 && setenv("FAKE_TOKEN_LOGIN", text, 1) == 0;
}

static size_t logins(void)
{
    const char *z = getenv("FAKE_TOKEN_LOGINS");

    return z ? strlen(z) : 0;
}

static void a_pin_that_was_not_tried_is_not_refused(void)
{
    static const struct {
        const char *flags;
        unsigned login;
        size_t logins;
    } cases[] = {
        {"0x20408", CK_OK, 0}, /* CK_FLAG_PIN_FINAL_TRY */
        {"0x40408", CK_OK, 0}, /* CK_FLAG_PIN_LOCKED */
        {"0x400", CK_OK, 0},   /* none is set */
        {READY, CK_PIN_LOCKED, 1}, {READY, CK_PIN_LEN_RANGE, 1}, {READY, CK_PIN_EXPIRED, 1},
    };
    CLEANUP(check_dir_done) struct check_dir dir = {};
    char module[PATH];

    check_dir_init(&dir);
    CHECK(crypto_init() == RC_OK && fake_module(module, sizeof(module)));
    CHECK(setenv("FAKE_TOKEN_LABEL", "Fake", 1) == 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK(unsetenv("FAKE_TOKEN_LOGINS") == 0 && say(cases[i].flags, cases[i].login));
        CHECK_RC(try_at(&dir, module, "pkcs11:token=Fake", "1234"), RC_DENIED);
        CHECK_INT(logins(), cases[i].logins);
        CHECK_INT(lines(&dir), -1);
    }
    CHECK(unsetenv("FAKE_TOKEN_LOGINS") == 0 && say(READY, CK_PIN_INCORRECT));
    CHECK_RC(try_at(&dir, module, "pkcs11:token=Fake", "1234"), RC_DENIED);
    CHECK_RC(try_at(&dir, module, "pkcs11:token=Fake", "1234"), RC_EXISTS);
    CHECK_INT(logins(), 1);
    /* It stands, whatever comes of another that was not tried. */
    CHECK(say("0x20408", CK_OK));
    CHECK_RC(try_at(&dir, module, "pkcs11:token=Fake", "5678"), RC_DENIED);
    CHECK_RC(try_at(&dir, module, "pkcs11:token=Fake", "1234"), RC_EXISTS);
    CHECK_INT(logins(), 1);
}

static void one_too_many(void)
{
    CLEANUP(check_dir_done) struct check_dir dir = {};
    char module[PATH], label[16], uri[32];

    check_dir_init(&dir);
    CHECK(crypto_init() == RC_OK && fake_module(module, sizeof(module)));
    CHECK(unsetenv("FAKE_TOKEN_LOGINS") == 0 && say(READY, CK_PIN_INCORRECT));
    for (int i = 0; i <= CRYPTO_PIN_MARKS; i++) {
        snprintf(label, sizeof(label), "T%d", i);
        snprintf(uri, sizeof(uri), "pkcs11:token=T%d", i);
        CHECK(setenv("FAKE_TOKEN_LABEL", label, 1) == 0);
        CHECK_RC(try_at(&dir, module, uri, "1234"), RC_DENIED);
        CHECK_INT(lines(&dir), i < CRYPTO_PIN_MARKS ? i + 1 : CRYPTO_PIN_MARKS);
    }
    CHECK_RC(try_at(&dir, module, uri, "1234"), RC_EXISTS);
    CHECK_RC(try_at(&dir, module, "pkcs11:token=T1", "1234"), RC_EXISTS);
    CHECK_INT(logins(), CRYPTO_PIN_MARKS + 1);
    CHECK(setenv("FAKE_TOKEN_LABEL", "T0", 1) == 0); /* the oldest */
    CHECK_RC(try_at(&dir, module, "pkcs11:token=T0", "1234"), RC_DENIED);
    CHECK_INT(logins(), CRYPTO_PIN_MARKS + 2);
}

CHECK_MAIN(CHECK_TEST_ONCE(each_token_has_its_own),
           CHECK_TEST_ONCE(what_is_no_mark_counts_for_nothing),
           CHECK_TEST_ONCE(a_pin_that_was_not_tried_is_not_refused), CHECK_TEST_ONCE(one_too_many))
