/* SPDX-License-Identifier: Apache-2.0 */
#include "client/pair.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "crypto/pem.h"

MSG(msg_failed, "client.pair-not-written", "{0} cannot be written: {1}: {2}");
MSG(msg_exchange, "client.pair-exchange",
    "{0} cannot be replaced as a whole: {1}; its file system has to support renameat2 with "
    "RENAME_EXCHANGE, as ext4, xfs, btrfs and tmpfs do");
MSG(msg_no_directory, "client.pair-no-directory", "{0} is there and is not a directory");
MSG(msg_path, "client.pair-path", "{0} is too long for a path");
MSG(msg_chain, "client.pair-chain", "the chain for {0} holds no certificate");

static const char *const names[] = {"cert.pem", "chain.pem", "fullchain.pem", "privkey.pem"};
enum { CERT, CHAIN, FULLCHAIN, PRIVKEY, FILES };

/* One pair being written: `path`, and beside it the directory that will take its place. */
struct pair {
    int dir;
    const char *path;
    char fresh[CLIENT_PAIR_PATH_MAX]; /* and afterwards the old one */
    char parent[CLIENT_PAIR_PATH_MAX];
    struct err *err;
};

static enum rc failed(const struct pair *p, const char *what)
{
    return ERR(p->err, RC_IO, msg_failed, str_of(p->path), str_of(what), str_of(strerror(errno)));
}

static enum rc paths(struct pair *p)
{
    const char *slash = strrchr(p->path, '/');
    int n = slash ? (int)(slash - p->path) : 0;
    int a = snprintf(p->parent, sizeof(p->parent), "%.*s", n ? n : 1, n ? p->path : ".");
    int b = snprintf(p->fresh, sizeof(p->fresh), "%.*s" FILE_TEMP_PREFIX "%s", n ? n + 1 : 0,
                     p->path, slash ? slash + 1 : p->path);

    if (a < 0 || b < 0 || (size_t)a >= sizeof(p->parent) || (size_t)b >= sizeof(p->fresh) - 16)
        return ERR(p->err, RC_TOOBIG, msg_path, str_of(p->path));
    return RC_OK;
}

static void file_at(const struct pair *p, unsigned which, char out[static CLIENT_PAIR_PATH_MAX])
{
    snprintf(out, CLIENT_PAIR_PATH_MAX, "%.*s/%s", CLIENT_PAIR_PATH_MAX - 16, p->fresh,
             names[which]);
}

/* ---- removing what is left over: an unfinished new pair, or the old one */

static enum rc remove_file(const struct pair *p, const char *path)
{
    TRY(file_step());
    return unlinkat(p->dir, path, 0) == 0 || errno == ENOENT ? RC_OK : failed(p, path);
}

static enum rc remove_fresh(const struct pair *p)
{
    char path[CLIENT_PAIR_PATH_MAX];
    struct stat st;

    if (fstatat(p->dir, p->fresh, &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
        return RC_OK;
    for (unsigned i = 0; i < FILES; i++) {
        file_at(p, i, path);
        TRY(remove_file(p, path));
    }
    TRY(file_step());
    return unlinkat(p->dir, p->fresh, AT_REMOVEDIR) == 0 ? RC_OK : failed(p, p->fresh);
}

/* ---- the new pair */

/* Plainly: nobody looks into the directory before it is complete. */
static enum rc write_file(const struct pair *p, unsigned which, struct str content)
{
    CLEANUP(fd_closep) int fd = -1;
    char path[CLIENT_PAIR_PATH_MAX];

    file_at(p, which, path);
    TRY(file_step());
    fd = openat(p->dir, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(p, path);
    TRY(file_step());
    if (!file_put_all(fd, content) || fchmod(fd, which == PRIVKEY ? 0600 : 0644) != 0 ||
        fsync(fd) != 0)
        return failed(p, path);
    return RC_OK;
}

static enum rc make_fresh(const struct pair *p)
{
    TRY(file_step());
    if (mkdirat(p->dir, p->fresh, 0700) == 0)
        return RC_OK;
    if (errno == ENOENT || errno == ENOTDIR)
        return ERR(p->err, RC_NOTFOUND, msg_failed, str_of(p->path), str_of(p->fresh),
                   str_of(strerror(errno)));
    return failed(p, p->fresh);
}

/* The leaf alone, and what stands behind it. */
static enum rc split(const struct pair *p, struct str chain, struct buf *leaf, struct buf *rest)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(CLIENT_PAIR_MAX);

    if (text_unpem(&chain, STR("CERTIFICATE"), NULL, &der) != RC_OK)
        return ERR(p->err, RC_PARSE, msg_chain, str_of(p->path));
    text_pem(leaf, STR("CERTIFICATE"), buf_str(&der));
    buf_reset(&der);
    while (text_unpem(&chain, STR("CERTIFICATE"), NULL, &der) == RC_OK) {
        text_pem(rest, STR("CERTIFICATE"), buf_str(&der));
        buf_reset(&der);
    }
    TRY(buf_rc(leaf));
    return buf_rc(rest);
}

static enum rc write_fresh(const struct pair *p, struct str chain, struct str privkey)
{
    CLEANUP(buf_done) struct buf leaf = BUF_INIT(CLIENT_PAIR_MAX);
    CLEANUP(buf_done) struct buf rest = BUF_INIT(CLIENT_PAIR_MAX);

    TRY(split(p, chain, &leaf, &rest));
    TRY(make_fresh(p));
    TRY(write_file(p, PRIVKEY, privkey));
    TRY(write_file(p, CERT, buf_str(&leaf)));
    TRY(write_file(p, CHAIN, buf_str(&rest)));
    TRY(write_file(p, FULLCHAIN, chain));
    TRY(file_step());
    return file_sync_dir(p->dir, p->fresh, p->err);
}

static enum rc exchange(const struct pair *p)
{
    struct stat st;
    bool there = fstatat(p->dir, p->path, &st, AT_SYMLINK_NOFOLLOW) == 0;

    if (there && !S_ISDIR(st.st_mode))
        return ERR(p->err, RC_EXISTS, msg_no_directory, str_of(p->path));
    TRY(file_step());
    if (renameat2(p->dir, p->fresh, p->dir, p->path, there ? RENAME_EXCHANGE : RENAME_NOREPLACE) !=
        0)
        return ERR(p->err, RC_IO, msg_exchange, str_of(p->path), str_of(strerror(errno)));
    TRY(file_step());
    return file_sync_dir(p->dir, p->parent, p->err);
}

enum rc client_pair_write(int dir, const char *path, struct str chain, const struct crypto_key *key,
                          struct err *err)
{
    CLEANUP(buf_wipe) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);

    TRY(crypto_pem_put_clear(key, &pem));
    return client_pair_write_reference(dir, path, chain, buf_str(&pem), err);
}

enum rc client_pair_write_reference(int dir, const char *path, struct str chain,
                                    struct str reference, struct err *err)
{
    struct pair p = {.dir = dir, .path = path, .err = err};
    enum rc rc;

    TRY(paths(&p));
    TRY(remove_fresh(&p));
    rc = write_fresh(&p, chain, reference);
    if (rc == RC_OK)
        rc = exchange(&p);
    if (rc == RC_OK)
        return remove_fresh(&p);
    p.err = NULL;
    IGNORE_RC(remove_fresh(&p)); /* the next attempt does it */
    return rc;
}

enum rc client_pair_chain(int dir, const char *path, struct buf *chain, struct err *err)
{
    char file[CLIENT_PAIR_PATH_MAX];
    int n = snprintf(file, sizeof(file), "%s/%s", path, names[FULLCHAIN]);

    if (n < 0 || (size_t)n >= sizeof(file))
        return ERR(err, RC_TOOBIG, msg_path, str_of(path));
    return file_read(dir, file, chain, err);
}

static enum rc read_files(int dir, const char *path, struct buf *chain, struct buf *pem,
                          struct err *err)
{
    char file[CLIENT_PAIR_PATH_MAX];

    TRY(client_pair_chain(dir, path, chain, err));
    snprintf(file, sizeof(file), "%s/%s", path, names[PRIVKEY]);
    /* At once: a buffer that grows leaves copies of the key behind. */
    if (!buf_reserve(pem, CRYPTO_PEM_MAX))
        return RC_NOMEM;
    return file_read(dir, file, pem, err);
}

enum rc client_pair_read(int dir, const char *path, struct buf *chain, struct crypto_key **key,
                         struct err *err)
{
    CLEANUP(buf_wipe) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX + 1);

    TRY(read_files(dir, path, chain, &pem, err));
    return crypto_pem_read(buf_str(&pem), NULL, key, err);
}

enum rc client_pair_read_der(int dir, const char *path, struct buf *chain, struct buf *key,
                             struct err *err)
{
    CLEANUP(buf_wipe) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX + 1);

    TRY(read_files(dir, path, chain, &pem, err));
    return crypto_pem_der(buf_str(&pem), key, err);
}
