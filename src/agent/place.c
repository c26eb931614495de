/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/sealed.h"
#include "agent/staple.h"
#include "base/fd.h"
#include "base/file.h"
#include "client/pair.h"
#include "crypto/pem.h"

#define LIVE AGENT_HOME "/live"
#define FRESH AGENT_HOME "/live.new"
#define LOCK AGENT_HOME "/lock"
#define STATE AGENT_HOME "/state.json"
#define LABEL AGENT_HOME "/label.new"

MSG(msg_no_dir, "agent.directory-missing",
    "there is nothing to renew in {0}: {1}; `autarky obtain --out {0}` obtains a certificate there "
    "first");
MSG(msg_dir, "agent.directory", "the directory {0} cannot be used: {1}");
MSG(msg_hands, "agent.directory-of-others",
    "the directory {0} can be written to by others than root and the user who runs this (it is of "
    "user {1}, with mode {2}); they could have this program run theirs, or give them other files: "
    "have it changed by `chown` and `chmod go-w`, or name another directory");
MSG(msg_locked, "agent.directory-locked",
    "another autarky is at work in {0}; wait until it has ended and try again");
MSG(msg_write, "agent.place-not-written",
    "nothing can be written in {0}: {1}; what is in place stays there: make room, or mend what is "
    "wrong with that disk, and try again");
MSG(msg_switch, "agent.not-switched", "{0}/{1} cannot be put in place: {2}");
MSG(msg_in_way, "agent.file-in-the-way",
    "{0}/{1} is there and is not of autarky's making, and {0} holds no certificate with its key "
    "that could be kept; move it away, or name another directory");
MSG(msg_path, "agent.path-too-long", "{0} is too long for a path");
MSG(msg_key, "agent.account-key", "the account's key {0} cannot be used: {1}");

static const char *const names[] = {"cert.pem", "chain.pem", "fullchain.pem", "privkey.pem"};
enum { PRIVKEY = 3, FILES = sizeof(names) / sizeof(names[0]), NAME = 64 };

static enum rc failed(const struct agent_place *p, const char *what, struct err *err)
{
    return ERR(err, RC_IO, msg_switch, str_of(p->path), str_of(what),
               str_of(strerrordesc_np(errno)));
}

/* ---- opening */

static enum rc absolute(const char *dir, char out[static AGENT_PATH_MAX], struct err *err)
{
    char real[PATH_MAX];

    if (!realpath(dir, real))
        return ERR(err, RC_IO, msg_dir, str_of(dir), str_of(strerrordesc_np(errno)));
    return str_copyz(str_of(real), out, AGENT_PATH_MAX) == RC_OK
               ? RC_OK
               : ERR(err, RC_TOOBIG, msg_path, str_of(dir));
}

static enum rc make_directory(int at, const char *path, const char *shown, struct err *err)
{
    if (mkdirat(at, path, 0755) == 0 ? fchmodat(at, path, 0755, 0) == 0 : errno == EEXIST)
        return RC_OK;
    return ERR(err, RC_IO, msg_dir, str_of(shown), str_of(strerrordesc_np(errno)));
}

static unsigned long live_generation(int dir)
{
    char target[NAME];
    ssize_t n = readlinkat(dir, LIVE, target, sizeof(target));
    uint64_t number;

    return n > 0 && str_u64(str_bytes(target, (size_t)n), UINT32_MAX, &number) == RC_OK
               ? (unsigned long)number
               : 0;
}

static enum rc take_lock(struct agent_place *p, const char *dir, struct err *err)
{
    p->lock = openat(p->dir, LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (p->lock >= 0 && flock(p->lock, LOCK_EX | LOCK_NB) == 0)
        return RC_OK;
    if (p->lock >= 0 && errno == EWOULDBLOCK)
        return ERR(err, RC_AGAIN, msg_locked, str_of(dir));
    return ERR(err, RC_IO, msg_dir, str_of(dir), str_of(strerrordesc_np(errno)));
}

static enum rc cannot_open(const char *dir, struct err *err)
{
    struct str why = str_of(strerrordesc_np(errno));

    return errno == ENOENT ? ERR(err, RC_NOTFOUND, msg_no_dir, str_of(dir), why)
                           : ERR(err, RC_IO, msg_dir, str_of(dir), why);
}

/* What stands in there is obeyed: programs to be run, owners that files are given to. */
static enum rc check_hands(const struct agent_place *p, const char *path, const char *shown,
                           struct err *err)
{
    char user[24], mode[8];
    struct stat st;

    if (fstatat(p->dir, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return cannot_open(shown, err);
    if (S_ISDIR(st.st_mode) && (st.st_uid == 0 || st.st_uid == geteuid()) &&
        !(st.st_mode & (S_IWGRP | S_IWOTH)))
        return RC_OK;
    snprintf(user, sizeof(user), "%u", st.st_uid);
    snprintf(mode, sizeof(mode), "%04o", st.st_mode & 07777);
    return ERR(err, RC_DENIED, msg_hands, str_of(shown), str_of(user), str_of(mode));
}

static enum rc open_all(const char *dir, bool make, struct agent_place *p, struct err *err)
{
    struct stat st;

    if (make)
        TRY(make_directory(AT_FDCWD, dir, dir, err));
    p->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (p->dir < 0 || (!make && fstatat(p->dir, STATE, &st, 0) != 0))
        return cannot_open(dir, err);
    TRY(absolute(dir, p->path, err));
    TRY(check_hands(p, ".", dir, err));
    if (make)
        TRY(make_directory(p->dir, AGENT_HOME, dir, err));
    return check_hands(p, AGENT_HOME, AGENT_HOME, err);
}

/* What was being written when the power failed; there may be a key in it. A directory is a
 * generation that client/pair.h removes. */
static void sweep(const struct agent_place *p)
{
    int fd = openat(p->dir, AGENT_HOME, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *e;

    if (!d) {
        fd_close(&fd);
        return;
    }
    while ((e = readdir(d)) != NULL)
        if (str_starts(str_of(e->d_name), STR(FILE_TEMP_PREFIX)))
            unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
}

enum rc agent_place_open(const char *dir, bool make, struct agent_place *out, struct err *err)
{
    CLEANUP(agent_place_done) struct agent_place p = AGENT_PLACE_INIT;

    TRY(open_all(dir, make, &p, err));
    TRY(take_lock(&p, dir, err));
    sweep(&p);
    p.live = live_generation(p.dir);
    *out = p;
    p = AGENT_PLACE_INIT;
    return RC_OK;
}

enum rc agent_place_look(const char *dir, struct agent_place *out, struct err *err)
{
    CLEANUP(agent_place_done) struct agent_place p = AGENT_PLACE_INIT;

    TRY(open_all(dir, false, &p, err));
    p.live = live_generation(p.dir);
    *out = p;
    p = AGENT_PLACE_INIT;
    return RC_OK;
}

void agent_place_done(struct agent_place *p)
{
    fd_close(&p->lock); /* and with it the lock */
    fd_close(&p->dir);
}

/* ---- generations */

static void generation_path(unsigned long n, char out[static NAME])
{
    snprintf(out, NAME, AGENT_HOME "/%lu", n);
}

/* Of all that are there, the highest number; gaps are those that were removed. */
static unsigned long newest(const struct agent_place *p)
{
    int fd = openat(p->dir, AGENT_HOME, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    unsigned long most = p->live;
    const struct dirent *e;
    uint64_t n;

    if (!d) {
        fd_close(&fd);
        return most;
    }
    while ((e = readdir(d)) != NULL)
        if (str_u64(str_of(e->d_name), UINT32_MAX, &n) == RC_OK && n > most)
            most = (unsigned long)n;
    closedir(d);
    return most;
}

/* What cannot be removed is in nobody's way. */
static void remove_generation(const struct agent_place *p, unsigned long n)
{
    char dir[NAME], path[2 * NAME];

    generation_path(n, dir);
    for (size_t i = 0; i < FILES; i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        unlinkat(p->dir, path, 0);
    }
    snprintf(path, sizeof(path), "%s/" AGENT_STAPLE_FILE, dir);
    unlinkat(p->dir, path, 0);
    unlinkat(p->dir, dir, AT_REMOVEDIR);
}

static void prune(const struct agent_place *p, unsigned long before)
{
    for (unsigned long n = newest(p), left = 64; n > 0 && left > 0; n--, left--)
        if (n != p->live && n != before)
            remove_generation(p, n);
}

static enum rc point_to(struct agent_place *p, unsigned long n, struct err *err)
{
    char target[NAME];

    snprintf(target, sizeof(target), "%lu", n);
    TRY(file_step());
    if (unlinkat(p->dir, FRESH, 0) != 0 && errno != ENOENT)
        return failed(p, FRESH, err);
    if (symlinkat(target, p->dir, FRESH) != 0)
        return failed(p, FRESH, err);
    TRY(file_step());
    if (renameat(p->dir, FRESH, p->dir, LIVE) != 0)
        return failed(p, LIVE, err);
    p->live = n;
    TRY(file_step());
    return file_sync_dir(p->dir, AGENT_HOME, err);
}

/* ---- the names that the service knows */

static bool is_ours(const struct agent_place *p, size_t i)
{
    char target[2 * NAME], want[2 * NAME];
    ssize_t n = readlinkat(p->dir, names[i], target, sizeof(target));

    snprintf(want, sizeof(want), "%s/%s", LIVE, names[i]);
    return n > 0 && str_eq(str_bytes(target, (size_t)n), str_of(want));
}

static bool is_there(const struct agent_place *p, size_t i)
{
    struct stat st;

    return fstatat(p->dir, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static enum rc link_one(const struct agent_place *p, size_t i, struct err *err)
{
    char target[2 * NAME], fresh[2 * NAME];

    if (is_ours(p, i))
        return RC_OK;
    snprintf(target, sizeof(target), "%s/%s", LIVE, names[i]);
    snprintf(fresh, sizeof(fresh), AGENT_HOME "/%s.new", names[i]);
    TRY(file_step());
    unlinkat(p->dir, fresh, 0);
    if (symlinkat(target, p->dir, fresh) != 0 || renameat(p->dir, fresh, p->dir, names[i]) != 0)
        return failed(p, names[i], err);
    return RC_OK;
}

static enum rc link_all(const struct agent_place *p, struct err *err)
{
    for (size_t i = 0; i < FILES; i++)
        TRY(link_one(p, i, err));
    return file_sync_dir(p->dir, ".", err);
}

/* The owner first: the mode is meant for the new group, not for the one before. */
static enum rc give_away(const struct agent_place *p, const char *generation, size_t i,
                         struct err *err)
{
    CLEANUP(fd_closep) int fd = -1;
    char path[2 * NAME];
    mode_t mode = i == PRIVKEY ? p->owner.key : 0644;

    snprintf(path, sizeof(path), "%s/%s", generation, names[i]);
    fd = openat(p->dir, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0)
        TRY(agent_owner_label(&p->owner, fd, path, err));
    if (fd < 0 || fchown(fd, p->owner.who.uid, p->owner.who.gid) != 0 || fchmod(fd, mode) != 0 ||
        fsync(fd) != 0)
        return failed(p, path, err);
    return RC_OK;
}

/* The directory of a set, once all in it is as it is to be. */
static enum rc finish_generation(const struct agent_place *p, const char *path, struct err *err)
{
    CLEANUP(fd_closep) int fd = openat(p->dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return failed(p, path, err);
    TRY(agent_owner_label(&p->owner, fd, path, err));
    /* Others may look for the certificate; the key has a mode of its own. */
    return fchmod(fd, 0755) == 0 && fsync(fd) == 0 ? RC_OK : failed(p, path, err);
}

/* What stands in privkey.pem: the key, or where it is. */
struct privkey {
    const struct crypto_key *key;
    struct str reference;
};

static enum rc write_generation(const struct agent_place *p, unsigned long n, struct str chain,
                                const struct privkey *k, struct err *err)
{
    char path[NAME];

    generation_path(n, path);
    TRY(file_step());
    TRY(k->key ? client_pair_write(p->dir, path, chain, k->key, err)
               : client_pair_write_reference(p->dir, path, chain, k->reference, err));
    for (size_t i = 0; i < FILES; i++)
        TRY(give_away(p, path, i, err));
    return finish_generation(p, path, err);
}

enum rc agent_place_label(const struct agent_place *p, struct err *err)
{
    CLEANUP(fd_closep) int fd = -1;
    enum rc rc;

    if (!p->owner.label[0])
        return RC_OK;
    fd = openat(p->dir, LABEL, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return failed(p, LABEL, err);
    rc = agent_owner_label(&p->owner, fd, p->path, err);
    unlinkat(p->dir, LABEL, 0);
    return rc;
}

/* The pair that another program has left; none (*key is NULL) where only our links are. */
static enum rc read_foreign(const struct agent_place *p, struct buf *chain, struct crypto_key **key,
                            struct err *err)
{
    for (size_t i = 0; i < FILES; i++) {
        enum rc rc;

        if (is_ours(p, i) || !is_there(p, i))
            continue;
        rc = p->live ? RC_EXISTS : client_pair_read(p->dir, ".", chain, key, NULL);
        if (rc == RC_OK || rc == RC_NOMEM)
            return rc;
        return ERR(err, RC_EXISTS, msg_in_way, str_of(p->path), str_of(names[i]));
    }
    return RC_OK;
}

/* What another program has left where our links go is kept as a generation: the links first show
 * what was there before, and everything at once shows the new pair. */
enum rc agent_place_adopt(struct agent_place *p, struct str chain, const struct crypto_key *key,
                          struct err *err)
{
    unsigned long n = newest(p) + 1;
    const struct privkey k = {.key = key};

    if (p->live)
        return link_all(p, err);
    TRY(write_generation(p, n, chain, &k, err));
    TRY(point_to(p, n, err));
    return link_all(p, err);
}

static enum rc adopt(struct agent_place *p, struct err *err)
{
    CLEANUP(buf_done) struct buf chain = BUF_INIT(CLIENT_PAIR_MAX);
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;

    TRY(read_foreign(p, &chain, &key, err));
    return key ? agent_place_adopt(p, buf_str(&chain), key, err) : RC_OK;
}

enum rc agent_place_check(const struct agent_place *p, struct err *err)
{
    CLEANUP(buf_done) struct buf chain = BUF_INIT(CLIENT_PAIR_MAX);
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;

    return read_foreign(p, &chain, &key, err);
}

/* With the directory and the cure: what failed is told by its name in it. */
static enum rc not_written(const struct agent_place *p, enum rc rc, const struct err *why,
                           struct err *err)
{
    char line[512];

    if (rc != RC_IO || !why->msg) {
        if (err)
            *err = *why;
        return rc;
    }
    return ERR(err, rc, msg_write, str_of(p->path), str_of(err_textz(why, line, sizeof(line))));
}

static enum rc write_new(struct agent_place *p, struct str chain, const struct privkey *k,
                         unsigned long *out_generation, struct err *err)
{
    struct err why = ERR_INIT;
    unsigned long n;
    enum rc rc;

    TRY(adopt(p, err));
    n = newest(p) + 1;
    rc = write_generation(p, n, chain, k, &why);
    if (rc != RC_OK)
        return not_written(p, rc, &why, err);
    *out_generation = n;
    return RC_OK;
}

enum rc agent_place_write(struct agent_place *p, struct str chain, const struct crypto_key *key,
                          unsigned long *out_generation, struct err *err)
{
    return write_new(p, chain, &(struct privkey){.key = key}, out_generation, err);
}

enum rc agent_place_refer(struct agent_place *p, struct str chain, struct str reference,
                          unsigned long *out_generation, struct err *err)
{
    return write_new(p, chain, &(struct privkey){.reference = reference}, out_generation, err);
}

enum rc agent_place_switch(struct agent_place *p, unsigned long generation, struct err *err)
{
    unsigned long before = p->live;

    TRY(point_to(p, generation, err));
    TRY(link_all(p, err));
    prune(p, before);
    return RC_OK;
}

enum rc agent_place_complete(const struct agent_place *p, struct err *err)
{
    return link_all(p, err);
}

enum rc agent_place_install(struct agent_place *p, struct str chain, const struct crypto_key *key,
                            struct err *err)
{
    unsigned long n;

    TRY(agent_place_write(p, chain, key, &n, err));
    return agent_place_switch(p, n, err);
}

enum rc agent_place_return(struct agent_place *p, unsigned long to, struct err *err)
{
    return point_to(p, to, err);
}

enum rc agent_place_read(const struct agent_place *p, unsigned long generation, struct buf *chain,
                         struct err *err)
{
    char path[NAME];

    if (generation == 0)
        return RC_NOTFOUND;
    generation_path(generation, path);
    return client_pair_chain(p->dir, path, chain, err);
}

enum rc agent_place_key(const struct agent_place *p, unsigned long generation,
                        struct crypto_key **out, struct err *err)
{
    CLEANUP(buf_done) struct buf chain = BUF_INIT(CLIENT_PAIR_MAX);
    char path[NAME];

    generation_path(generation, path);
    return client_pair_read(p->dir, path, &chain, out, err);
}

enum rc agent_place_file(const struct agent_place *p, unsigned long generation, const char *name,
                         char out[static AGENT_PATH_MAX])
{
    char inside[NAME] = "";
    int n;

    if (generation)
        snprintf(inside, sizeof(inside), AGENT_HOME "/%lu/", generation);
    n = snprintf(out, AGENT_PATH_MAX, "%.*s/%s%s", AGENT_PATH_MAX, p->path, inside, name);
    return n > 0 && n < AGENT_PATH_MAX ? RC_OK : RC_TOOBIG;
}

/* ---- account and state */

enum rc agent_place_put_account(const struct agent_place *p, const struct crypto_key *key,
                                struct err *err)
{
    CLEANUP(buf_wipe) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);

    TRY(crypto_pem_put_clear(key, &pem));
    return file_write(p->dir, AGENT_ACCOUNT, buf_str(&pem), 0600, FILE_OWNER_SELF, err);
}

static enum rc make_account(int dir, const char *path, struct crypto_key **out, struct err *err)
{
    CLEANUP(buf_wipe) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;

    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &key));
    TRY(crypto_pem_put_clear(key, &pem));
    TRY(file_create(dir, path, buf_str(&pem), 0600, FILE_OWNER_SELF, err));
    *out = MOVE(key);
    return RC_OK;
}

/* From a credential, which is there or not, and is never made here. */
static enum rc open_account(struct str where, struct crypto_key **out, struct err *err)
{
    CLEANUP(buf_wipe) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);

    TRY(agent_sealed_read(where, &pem, err));
    return crypto_pem_read(buf_str(&pem), NULL, out, err);
}

static enum rc read_account(const struct agent_place *p, const char *file, struct crypto_key **out,
                            struct err *err)
{
    CLEANUP(secret_freep) struct secret *pem = NULL;

    TRY(file_read_secret(p->dir, file, CRYPTO_PEM_MAX, &pem, err));
    return crypto_pem_read(str_bytes(secret_bytes(pem), secret_len(pem)), NULL, out, err);
}

enum rc agent_place_account(const struct agent_place *p, struct str path, struct crypto_key **out,
                            struct err *err)
{
    char file[AGENT_PATH_MAX] = AGENT_ACCOUNT;
    struct err why = ERR_INIT;
    char line[512];
    enum rc rc;

    if (path.n && str_copyz(path, file, sizeof(file)) != RC_OK)
        return ERR(err, RC_TOOBIG, msg_path, path);
    rc = agent_sealed(path) ? RC_OK : agent_sealed_check(p->dir, file, &why);
    if (rc == RC_NOTFOUND)
        return make_account(p->dir, file, out, err);
    if (rc == RC_OK)
        rc = agent_sealed(path) ? open_account(path, out, &why) : read_account(p, file, out, &why);
    if (rc == RC_OK || rc == RC_NOMEM)
        return rc;
    return ERR(err, rc, msg_key, str_of(file), str_of(err_textz(&why, line, sizeof(line))));
}

enum rc agent_place_state(const struct agent_place *p, struct buf *out, struct err *err)
{
    return file_read(p->dir, STATE, out, err);
}

enum rc agent_place_put_state(const struct agent_place *p, struct str text, struct err *err)
{
    struct err why = ERR_INIT;
    enum rc rc = file_write(p->dir, STATE, text, 0600, FILE_OWNER_SELF, &why);

    return rc == RC_OK ? rc : not_written(p, rc, &why, err);
}
