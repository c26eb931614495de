/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "client/pair.h"
#include "unit/x509/pki.h"

struct test {
    struct check_dir dir;
    struct pki pki;
    struct crypto_key *other;
    struct buf chains[2]; /* of pki.leaf_key and of other */
};

static void test_done(struct test *t)
{
    file_kill_at(0);
    pki_done(&t->pki);
    crypto_key_unref(t->other);
    buf_done(&t->chains[0]);
    buf_done(&t->chains[1]);
    check_dir_done(&t->dir);
}

static enum rc test_init(struct test *t)
{
    TRY(crypto_init());
    check_dir_init(&t->dir);
    TRY(pki_init(&t->pki));
    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &t->other));
    TRY(pki_chain(&t->pki, t->pki.leaf_key, &t->chains[0]));
    TRY(pki_chain(&t->pki, t->other, &t->chains[1]));
    return file_mkdir(t->dir.fd, "wiki", 0700, FILE_OWNER_SELF, NULL);
}

/* The pair on disk: 0 or 1 when it is that one, whole; -1 when there is none; -2 when it is mixed.
 */
static int which(struct test *t, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_done) struct buf chain = BUF_INIT(CLIENT_PAIR_MAX);
    enum rc rc = client_pair_read(t->dir.fd, "wiki/ecdsa", &chain, &key, err);

    if (rc == RC_NOTFOUND)
        return -1;
    if (rc != RC_OK)
        return -3;
    if (crypto_key_same(key, t->pki.leaf_key) && str_eq(buf_str(&chain), buf_str(&t->chains[0])))
        return 0;
    if (crypto_key_same(key, t->other) && str_eq(buf_str(&chain), buf_str(&t->chains[1])))
        return 1;
    return -2;
}

static enum rc put(struct test *t, int i, struct err *err)
{
    return client_pair_write(t->dir.fd, "wiki/ecdsa", buf_str(&t->chains[i]),
                             i ? t->other : t->pki.leaf_key, err);
}

static mode_t mode_of(struct test *t, const char *path)
{
    struct stat st;

    return fstatat(t->dir.fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_mode & 07777 : 0;
}

static size_t entries(struct test *t, const char *path)
{
    DIR *d = fdopendir(openat(t->dir.fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    size_t n = 0;

    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n - 2; /* without . and .. */
}

static void writes(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(buf_done) struct buf leaf = BUF_INIT(CLIENT_PAIR_MAX);
    CLEANUP(buf_done) struct buf rest = BUF_INIT(CLIENT_PAIR_MAX);

    CHECK_OK(test_init(&t));
    CHECK_INT(which(&t, NULL), -1);
    CHECK_OK(put(&t, 0, NULL));
    CHECK_INT(which(&t, NULL), 0);
    CHECK_OK(put(&t, 1, NULL));
    CHECK_INT(which(&t, NULL), 1);
    CHECK_INT(mode_of(&t, "wiki/ecdsa"), 0700);
    CHECK_INT(mode_of(&t, "wiki/ecdsa/privkey.pem"), 0600);
    CHECK_INT(mode_of(&t, "wiki/ecdsa/cert.pem"), 0644);
    CHECK_INT(entries(&t, "wiki"), 1);
    CHECK_INT(entries(&t, "wiki/ecdsa"), 4);
    CHECK_OK(file_read(t.dir.fd, "wiki/ecdsa/cert.pem", &leaf, NULL));
    CHECK_OK(file_read(t.dir.fd, "wiki/ecdsa/chain.pem", &rest, NULL));
    CHECK(str_starts(buf_str(&t.chains[1]), buf_str(&leaf)));
    CHECK(str_ends(buf_str(&t.chains[1]), buf_str(&rest)));
    CHECK_INT(leaf.n + rest.n, t.chains[1].n);
}

/* Killed before each step in turn: the pair is the old one or the new one, never a mixture, and the
 * next attempt succeeds and leaves nothing behind. */
static void killed_everywhere(void)
{
    unsigned steps = 0;

    for (unsigned at = 1;; at++) {
        CLEANUP(test_done) struct test t = {};
        enum rc rc;
        int seen;

        CHECK_OK(test_init(&t));
        if (at % 2)
            CHECK_OK(put(&t, 0, NULL));
        file_kill_at(at / 2 + 1);
        rc = put(&t, 1, NULL);
        file_kill_at(0);
        seen = which(&t, NULL);
        if (rc == RC_OK) {
            CHECK_INT(seen, 1);
            steps++;
            if (steps == 2)
                break; /* both with and without an old one went through */
            continue;
        }
        CHECK_RC(rc, RC_CANCELLED);
        CHECK(seen == 1 || seen == (at % 2 ? 0 : -1));
        CHECK_OK(put(&t, 1, NULL));
        CHECK_INT(which(&t, NULL), 1);
        CHECK_INT(entries(&t, "wiki"), 1);
        CHECK_INT(entries(&t, "wiki/ecdsa"), 4);
        CHECK(at < 60);
        steps = 0;
    }
}

static void refuses(void)
{
    CLEANUP(test_done) struct test t = {};
    char path[CLIENT_PAIR_PATH_MAX + 8];
    struct err err = ERR_INIT;
    char text[512];

    CHECK_OK(test_init(&t));
    CHECK_RC(client_pair_write(t.dir.fd, "none/ecdsa", buf_str(&t.chains[0]), t.pki.leaf_key, NULL),
             RC_NOTFOUND);
    CHECK_RC(client_pair_write(t.dir.fd, "wiki/x", STR("hello"), t.pki.leaf_key, &err), RC_PARSE);
    CHECK(strstr(err_textz(&err, text, sizeof(text)), "no certificate"));
    CHECK_OK(file_write(t.dir.fd, "wiki/ecdsa", STR("x"), 0600, FILE_OWNER_SELF, NULL));
    CHECK_RC(put(&t, 0, &err), RC_EXISTS);
    memset(path, 'a', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    CHECK_RC(client_pair_write(t.dir.fd, path, buf_str(&t.chains[0]), t.pki.leaf_key, NULL),
             RC_TOOBIG);
    CHECK_OK(file_mkdir(t.dir.fd, "bad", 0700, FILE_OWNER_SELF, NULL));
    CHECK_OK(file_write(t.dir.fd, "bad/fullchain.pem", buf_str(&t.chains[0]), 0600, FILE_OWNER_SELF,
                        NULL));
    {
        CLEANUP(buf_done) struct buf chain = BUF_INIT(CLIENT_PAIR_MAX);
        CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;

        CHECK_RC(client_pair_read(t.dir.fd, "bad", &chain, &key, NULL), RC_NOTFOUND);
        CHECK_OK(file_write(t.dir.fd, "bad/privkey.pem", STR("-----BEGIN PRIVATE KEY-----\nAA\n"),
                            0600, FILE_OWNER_SELF, NULL));
        buf_reset(&chain);
        CHECK(client_pair_read(t.dir.fd, "bad", &chain, &key, NULL) != RC_OK && !key);
    }
}

CHECK_MAIN(CHECK_TEST(writes), CHECK_TEST_ONCE(killed_everywhere), CHECK_TEST(refuses))
