/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/id.h"

MSG(msg_open, "base.file-not-opened", "{0} cannot be opened: {1}");
MSG(msg_read, "base.file-not-read", "{0} cannot be read: {1}");
MSG(msg_write, "base.file-not-written", "{0} cannot be written: {1}");
MSG(msg_remove, "base.file-not-removed", "{0} cannot be removed: {1}");
MSG(msg_big, "base.file-too-big", "{0} is larger than {1} bytes");
MSG(msg_empty, "base.file-empty", "{0} is empty");
MSG(msg_irregular, "base.file-irregular",
    "{0} is not a regular file; symbolic links are not followed here");
MSG(msg_exists, "base.file-exists", "{0} exists already");
MSG(msg_path, "base.file-path-bad", "{0} does not name a file");
MSG(msg_dir_other, "base.directory-in-use",
    "{0} exists, is not empty and has another owner or mode than wanted");
MSG(msg_dir_not, "base.directory-expected", "{0} exists and is not a directory");

enum { READ_CHUNK = 64 * 1024, TEMP_NAME = sizeof(FILE_TEMP_PREFIX) + ID_TEXT };

/* What errno says of an open: nothing there, something of the wrong kind, or else. */
static enum rc fail_open(struct err *err, const char *path, int error)
{
    if (error == ENOENT || error == ENOTDIR)
        return ERR(err, RC_NOTFOUND, msg_open, str_of(path), str_of(strerror(error)));
    if (error == ELOOP || error == EISDIR || error == ENXIO)
        return ERR(err, RC_INVAL, msg_irregular, str_of(path));
    return ERR(err, RC_IO, msg_open, str_of(path), str_of(strerror(error)));
}

static enum rc fail_write(struct err *err, const char *path)
{
    return ERR(err, RC_IO, msg_write, str_of(path), str_of(strerror(errno)));
}

static enum rc fail_big(struct err *err, const char *path, size_t max)
{
    char digits[24];

    snprintf(digits, sizeof(digits), "%zu", max);
    return ERR(err, RC_TOOBIG, msg_big, str_of(path), str_of(digits));
}

static enum rc open_regular(int dir, const char *path, int *out_fd, off_t *out_size,
                            struct err *err)
{
    CLEANUP(fd_closep)
    int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd < 0)
        return fail_open(err, path, errno);
    if (fstat(fd, &st) != 0)
        return fail_open(err, path, errno);
    if (!S_ISREG(st.st_mode))
        return ERR(err, RC_INVAL, msg_irregular, str_of(path));
    *out_fd = fd_move(&fd);
    *out_size = st.st_size;
    return RC_OK;
}

/* Reads until the end or `n` bytes; the number read or -1. */
static ssize_t read_up_to(int fd, void *p, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t got = read(fd, (char *)p + done, n - done);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

static enum rc read_all(int fd, const char *path, struct buf *out, struct err *err)
{
    char beyond;
    ssize_t got;

    while (out->n < out->max) {
        size_t room = out->max - out->n < READ_CHUNK ? out->max - out->n : READ_CHUNK;
        void *at = buf_reserve(out, room);

        if (!at)
            return buf_rc(out);
        got = read_up_to(fd, at, room);
        if (got < 0)
            return ERR(err, RC_IO, msg_read, str_of(path), str_of(strerror(errno)));
        buf_advance(out, (size_t)got);
        if ((size_t)got < room)
            return RC_OK;
    }
    got = read_up_to(fd, &beyond, 1);
    if (got < 0)
        return ERR(err, RC_IO, msg_read, str_of(path), str_of(strerror(errno)));
    return got ? fail_big(err, path, out->max) : RC_OK;
}

enum rc file_read(int dir, const char *path, struct buf *out, struct err *err)
{
    CLEANUP(fd_closep) int fd = -1;
    size_t before = out->n;
    off_t size;
    enum rc rc;

    TRY(buf_rc(out));
    TRY(open_regular(dir, path, &fd, &size, err));
    if (size > 0 && (uintmax_t)size > out->max - before)
        return fail_big(err, path, out->max);
    rc = read_all(fd, path, out, err);
    if (rc != RC_OK)
        out->n = before;
    return rc;
}

enum rc file_read_secret(int dir, const char *path, size_t max, struct secret **out,
                         struct err *err)
{
    CLEANUP(secret_freep) struct secret *s = NULL;
    CLEANUP(fd_closep) int fd = -1;
    size_t limit = max < SECRET_MAX ? max : SECRET_MAX;
    unsigned char beyond = 0;
    off_t size;
    ssize_t got;
    ssize_t more;

    TRY(open_regular(dir, path, &fd, &size, err));
    if (size > 0 && (uintmax_t)size > limit)
        return fail_big(err, path, limit);
    /* Files that the kernel makes up have no size. */
    TRY(secret_new(size > 0 ? (size_t)size : limit, &s));
    got = read_up_to(fd, secret_bytes(s), secret_len(s));
    if (got == 0)
        return ERR(err, RC_INVAL, msg_empty, str_of(path));
    more = got < 0 ? -1 : read_up_to(fd, &beyond, 1);
    explicit_bzero(&beyond, sizeof(beyond));
    if (more < 0)
        return ERR(err, RC_IO, msg_read, str_of(path), str_of(strerror(errno)));
    if (more > 0)
        return fail_big(err, path, secret_len(s));
    secret_trim(s, (size_t)got);
    *out = MOVE(s);
    return RC_OK;
}

/* A directory entry in the making. The parent is opened once: everything happens in the directory
 * that `path` meant then. */
struct entry {
    const char *path; /* for messages */
    const char *name; /* within parent */
    int parent;
    char temp[TEMP_NAME]; /* "": none left to remove */
    bool made_dir;        /* `name` is a directory that must go again */
};

static void entry_done(struct entry *e)
{
    if (e->temp[0])
        unlinkat(e->parent, e->temp, 0);
    if (e->made_dir)
        unlinkat(e->parent, e->name, AT_REMOVEDIR);
    fd_close(&e->parent);
}

static enum rc entry_init(struct entry *e, int dir, const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    char parent[PATH_MAX] = ".";

    *e = (struct entry){.path = path, .name = slash ? slash + 1 : path, .parent = -1};
    if (e->name[0] == '\0' || strcmp(e->name, ".") == 0 || strcmp(e->name, "..") == 0)
        return ERR(err, RC_INVAL, msg_path, str_of(path));
    if (slash && str_copyz(str_bytes(path, slash == path ? 1 : (size_t)(slash - path)), parent,
                           sizeof(parent)) != RC_OK)
        return ERR(err, RC_INVAL, msg_path, str_of(path));
    e->parent = openat(dir, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (e->parent < 0)
        return ERR(err, errno == ENOENT || errno == ENOTDIR ? RC_NOTFOUND : RC_IO, msg_open,
                   str_of(parent), str_of(strerror(errno)));
    return RC_OK;
}

#ifdef AUTARKY_TEST_HOOKS
/* AUTARKY_CUT_AT=N: as if the power failed at the N-th step of all that this process writes, the
 * first half of a file being one. 0: it does not. */
static bool cut_now(void)
{
    static unsigned left = UINT_MAX;
    const char *text;
    uint64_t n = 0;

    if (left == UINT_MAX) {
        text = getenv("AUTARKY_CUT_AT"); /* NOLINT(concurrency-mt-unsafe): nobody sets it */
        left = text && str_u64(str_of(text), UINT16_MAX, &n) == RC_OK ? (unsigned)n : 0;
    }
    return left > 0 && --left == 0;
}

static void cut(void)
{
    if (cut_now())
        raise(SIGKILL);
}

static void cut_within(int fd, struct str content)
{
    if (cut_now()) {
        IGNORE_RC(write(fd, content.p, content.n / 2) < 0 ? RC_IO : RC_OK);
        raise(SIGKILL);
    }
}
#else
static void cut(void)
{
}

static void cut_within(int, struct str)
{
}
#endif

bool file_put_all(int fd, struct str content)
{
    cut_within(fd, content);
    while (content.n) {
        ssize_t put = write(fd, content.p, content.n);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        content = str_skip(content, (size_t)put);
    }
    return true;
}

/* The owner before the mode, because changing the owner may clear bits of the mode. */
static bool set_owner_mode(int fd, mode_t mode, struct file_owner owner)
{
    if ((owner.uid != (uid_t)-1 || owner.gid != (gid_t)-1) && fchown(fd, owner.uid, owner.gid) != 0)
        return false;
    return fchmod(fd, mode) == 0;
}

/* Some file systems cannot sync a directory and say EINVAL; they promise nothing that could be
 * kept. */
static bool sync_dir(int fd)
{
    return fsync(fd) == 0 || errno == EINVAL;
}

static enum rc entry_write_temp(struct entry *e, struct str content, mode_t mode,
                                struct file_owner owner, struct err *err)
{
    CLEANUP(fd_closep) int fd = -1;
    char temp[TEMP_NAME];
    struct id id;

    TRY(id_new(&id));
    snprintf(temp, sizeof(temp), FILE_TEMP_PREFIX "%s", id.z);
    fd = openat(e->parent, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_write(err, e->path);
    memcpy(e->temp, temp, sizeof(temp));
    if (!file_put_all(fd, content) || !set_owner_mode(fd, mode, owner) || fsync(fd) != 0)
        return fail_write(err, e->path);
    return RC_OK;
}

enum rc file_write(int dir, const char *path, struct str content, mode_t mode,
                   struct file_owner owner, struct err *err)
{
    CLEANUP(entry_done) struct entry e = {.parent = -1};
    struct stat st;

    TRY(entry_init(&e, dir, path, err));
    if (fstatat(e.parent, e.name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode))
        return ERR(err, RC_INVAL, msg_irregular, str_of(path));
    TRY(entry_write_temp(&e, content, mode, owner, err));
    cut();
    if (renameat(e.parent, e.temp, e.parent, e.name) != 0)
        return fail_write(err, path);
    e.temp[0] = '\0';
    cut();
    return sync_dir(e.parent) ? RC_OK : fail_write(err, path);
}

enum rc file_create(int dir, const char *path, struct str content, mode_t mode,
                    struct file_owner owner, struct err *err)
{
    CLEANUP(entry_done) struct entry e = {.parent = -1};

    TRY(entry_init(&e, dir, path, err));
    TRY(entry_write_temp(&e, content, mode, owner, err));
    if (linkat(e.parent, e.temp, e.parent, e.name, 0) != 0)
        return errno == EEXIST ? ERR(err, RC_EXISTS, msg_exists, str_of(path))
                               : fail_write(err, path);
    if (unlinkat(e.parent, e.temp, 0) != 0)
        return fail_write(err, path);
    e.temp[0] = '\0';
    return sync_dir(e.parent) ? RC_OK : fail_write(err, path);
}

/* False also when it cannot be read. */
static bool dir_empty(int fd)
{
    int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = again < 0 ? NULL : fdopendir(again);
    bool empty = d != NULL;

    if (!d) {
        fd_close(&again);
        return false;
    }
    for (const struct dirent *ent; empty && (ent = readdir(d));)
        empty = strcmp(ent->d_name, ".") == 0 || strcmp(ent->d_name, "..") == 0;
    closedir(d);
    return empty;
}

static bool dir_right(int fd, mode_t mode, struct file_owner owner)
{
    uid_t uid = owner.uid == (uid_t)-1 ? geteuid() : owner.uid;
    struct stat st;

    return fstat(fd, &st) == 0 && (st.st_mode & 07777) == mode && st.st_uid == uid &&
           (owner.gid == (gid_t)-1 || st.st_gid == owner.gid);
}

enum rc file_mkdir(int dir, const char *path, mode_t mode, struct file_owner owner, struct err *err)
{
    CLEANUP(entry_done) struct entry e = {.parent = -1};
    CLEANUP(fd_closep) int fd = -1;
    TRY(entry_init(&e, dir, path, err));
    e.made_dir = mkdirat(e.parent, e.name, 0700) == 0;
    if (!e.made_dir && errno != EEXIST)
        return fail_write(err, path);
    fd = openat(e.parent, e.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOTDIR || errno == ELOOP ? ERR(err, RC_EXISTS, msg_dir_not, str_of(path))
                                                  : fail_write(err, path);
    if (!e.made_dir && dir_right(fd, mode, owner))
        return RC_OK;
    if (!e.made_dir && !dir_empty(fd))
        return ERR(err, RC_EXISTS, msg_dir_other, str_of(path));
    if (!set_owner_mode(fd, mode, owner) || fsync(fd) != 0 || !sync_dir(e.parent))
        return fail_write(err, path);
    e.made_dir = false;
    return RC_OK;
}

enum rc file_mend(int dir, const char *path, mode_t mode, struct file_owner owner, mode_t *out_old)
{
    CLEANUP(fd_closep) int fd = openat(dir, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    char self[sizeof("/proc/self/fd/") + 12];
    struct stat st;

    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? RC_NOTFOUND : RC_IO;
    if (fstat(fd, &st) != 0)
        return RC_IO;
    if (!S_ISDIR(st.st_mode) && (!S_ISREG(st.st_mode) || st.st_nlink != 1))
        return RC_INVAL;
    if (st.st_uid != (owner.uid == (uid_t)-1 ? geteuid() : owner.uid))
        return RC_DENIED;
    /* fchmod(2) takes no O_PATH, which alone needs no right to the object. */
    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    if ((st.st_mode & 07777) != mode && chmod(self, mode) != 0)
        return RC_IO;
    *out_old = st.st_mode & 07777;
    return RC_OK;
}

static enum rc remove_all(int dir, const char *name, unsigned depth);

/* NOLINTNEXTLINE(misc-no-recursion): FILE_TREE_DEPTH bounds it */
static enum rc remove_below(DIR *d, unsigned depth)
{
    const struct dirent *e;

    while ((e = readdir(d))) { /* NOLINT(concurrency-mt-unsafe): a DIR of our own */
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        TRY(remove_all(dirfd(d), e->d_name, depth + 1));
    }
    return RC_OK;
}

/* With errno where it is RC_IO. NOLINTNEXTLINE(misc-no-recursion): FILE_TREE_DEPTH bounds it */
static enum rc remove_all(int dir, const char *name, unsigned depth)
{
    DIR *d;
    enum rc rc;
    int fd;

    if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
        return RC_OK;
    if (errno != EISDIR && errno != EPERM)
        return RC_IO;
    if (depth > FILE_TREE_DEPTH)
        return RC_TOOBIG;
    fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return RC_IO;
    d = fdopendir(fd);
    if (!d) {
        fd_close(&fd);
        return RC_IO;
    }
    rc = remove_below(d, depth);
    closedir(d);
    TRY(rc);
    return unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? RC_OK : RC_IO;
}

enum rc file_remove_tree(int dir, const char *path, struct err *err)
{
    enum rc rc = remove_all(dir, path, 0);

    return rc == RC_OK ? rc
                       : ERR(err, rc, msg_remove, str_of(path),
                             str_of(rc == RC_IO ? strerror(errno) : "it is too deep"));
}

enum rc file_sync_dir(int dir, const char *path, struct err *err)
{
    CLEANUP(fd_closep) int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return ERR(err, errno == ENOENT ? RC_NOTFOUND : RC_IO, msg_open, str_of(path),
                   str_of(strerror(errno)));
    return sync_dir(fd) ? RC_OK : fail_write(err, path);
}

#ifdef AUTARKY_TEST_HOOKS
static unsigned kill_at;

void file_kill_at(unsigned n)
{
    kill_at = n;
}

enum rc file_step(void)
{
    cut();
    if (kill_at == 1)
        return RC_CANCELLED;
    if (kill_at)
        kill_at--;
    return RC_OK;
}
#endif
