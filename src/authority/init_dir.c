/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "authority/init_int.h"
#include "base/fd.h"
#include "base/file.h"
#include "cmd/cmd.h"

static const char mark_file[] = "init.unfinished";
static const char config_file[] = "autarky.yaml";
static const char passphrase_file[] = "ca.passphrase";

const char *const init_subdirs[INIT_SUBDIRS] = {"ca", "root", "trust", "db", "front"};

MSG(msg_mark, "cmd.init-mark", "{0}/init.unfinished: {1}");

static bool there(int dir, const char *name)
{
    return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int refuse_finished(const char *path)
{
    return cmd_failf("%s/%s exists: there is an authority already, and init overwrites nothing. "
                     "`autarky status --data %s` shows it; another --data makes another one",
                     path, config_file, path);
}

static int refuse_foreign(const char *path, const char *what)
{
    return cmd_failf("%s/%s exists, but no %s/%s: either that file was lost, then bring it back "
                     "from a backup; or something else is kept there, then choose another --data. "
                     "init overwrites nothing",
                     path, what, path, config_file);
}

static int check_owner(const char *path, const struct stat *st)
{
    if (st->st_uid != geteuid() && st->st_uid != 0)
        return cmd_failf("the data directory %s belongs to user %u, and this is user %u: run init "
                         "as that user, choose another by --data, or `chown %u %s`",
                         path, (unsigned)st->st_uid, (unsigned)geteuid(), (unsigned)geteuid(),
                         path);
    if (st->st_mode & (S_IWGRP | S_IWOTH))
        return cmd_failf("the data directory %s can be written by others than its owner; close it "
                         "with `chmod 755 %s`, or choose another by --data",
                         path, path);
    return CMD_DONE;
}

/* Whether it may be used is decided again by init_dir_open, when it is marked. */
static int check_content(const char *path, int fd, bool passphrase)
{
    if (there(fd, config_file))
        return refuse_finished(path);
    if (there(fd, mark_file))
        return CMD_DONE;
    for (size_t i = 0; i < INIT_SUBDIRS; i++)
        if (there(fd, init_subdirs[i]))
            return refuse_foreign(path, init_subdirs[i]);
    if (passphrase && there(fd, passphrase_file))
        return refuse_foreign(path, passphrase_file);
    return CMD_DONE;
}

/* "/var/lib" of "/var/lib/autarky/", "." of "data". */
static struct str parent_of(struct str path)
{
    while (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    while (path.n && path.p[path.n - 1] != '/')
        path.n--;
    while (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    return path.n ? path : STR(".");
}

static int check_parent(const char *path)
{
    char parent[PATH_MAX];

    if (str_copyz(parent_of(str_of(path)), parent, sizeof(parent)) != RC_OK)
        return cmd_failf("data directory %s: %s", path, strerrordesc_np(ENAMETOOLONG));
    if (faccessat(AT_FDCWD, parent, W_OK | X_OK, AT_EACCESS) == 0)
        return CMD_DONE;
    if (errno == ENOENT)
        return cmd_failf("data directory %s: its parent directory does not exist; `mkdir -p %s`, "
                         "or choose another by --data",
                         path, parent);
    return cmd_failf("data directory %s: it cannot be made in %s: %s; choose another by --data",
                     path, parent, strerrordesc_np(errno));
}

static int open_there(const char *path, int *out_fd)
{
    *out_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*out_fd >= 0)
        return CMD_DONE;
    return cmd_failf("data directory %s: %s; choose another by --data", path,
                     strerrordesc_np(errno));
}

int init_dir_check(const char *path)
{
    CLEANUP(fd_closep) int fd = -1;
    struct stat st;
    int status;

    if (stat(path, &st) != 0 && errno == ENOENT)
        return check_parent(path);
    status = open_there(path, &fd);
    if (status == CMD_DONE)
        status = check_content(path, fd, false);
    if (status == CMD_DONE && fstat(fd, &st) == 0)
        status = check_owner(path, &st);
    return status;
}

/* ---- the mark */

/* One level deep, which is all that init makes. */
static void empty_dir(int dir, const char *prefix)
{
    int own = fcntl(dir, F_DUPFD_CLOEXEC, 0);
    DIR *list = own >= 0 ? fdopendir(own) : NULL;

    if (!list) {
        fd_close(&own);
        return;
    }
    rewinddir(list);
    for (const struct dirent *e; (e = readdir(list));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
            str_starts(str_of(e->d_name), str_of(prefix)))
            unlinkat(dirfd(list), e->d_name, 0);
    closedir(list);
}

static void remove_content(const struct init_dir *d, bool passphrase)
{
    for (size_t i = 0; i < INIT_SUBDIRS; i++) {
        CLEANUP(fd_closep)
        int fd = openat(d->fd, init_subdirs[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0)
            continue;
        empty_dir(fd, "");
        unlinkat(d->fd, init_subdirs[i], AT_REMOVEDIR);
    }
    if (passphrase)
        unlinkat(d->fd, passphrase_file, 0);
    empty_dir(d->fd, FILE_TEMP_PREFIX);
}

/* 'p' in the mark: the passphrase file is init's, not the operator's. */
static bool made_passphrase(int mark)
{
    char c = 0;

    return pread(mark, &c, 1, 0) == 1 && c == 'p';
}

static int take_mark(struct init_dir *d, bool *out_left)
{
    d->mark = openat(d->fd, mark_file, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    *out_left = d->mark < 0 && errno == EEXIST;
    if (*out_left)
        d->mark = openat(d->fd, mark_file, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (d->mark < 0)
        return cmd_failf("%s/%s: %s", d->path, mark_file, strerrordesc_np(errno));
    if (flock(d->mark, LOCK_EX | LOCK_NB) != 0)
        return cmd_failf("another `autarky init` is at work in %s; wait for it", d->path);
    return CMD_DONE;
}

static int write_mark(struct init_dir *d)
{
    if (ftruncate(d->mark, 0) == 0 && (!d->passphrase || pwrite(d->mark, "p\n", 2, 0) == 2) &&
        fsync(d->mark) == 0 && fsync(d->fd) == 0)
        return CMD_DONE;
    return cmd_failf("%s/%s: %s", d->path, mark_file, strerrordesc_np(errno));
}

/* With the lock held: another init may have finished since the first look. */
static int mark(struct init_dir *d)
{
    bool left;
    int status = take_mark(d, &left);

    if (status != CMD_DONE)
        return status;
    if (there(d->fd, config_file))
        return refuse_finished(d->path);
    if (left) {
        fprintf(stderr, "An earlier init did not finish in %s; what it had made is removed\n",
                d->path);
        remove_content(d, made_passphrase(d->mark));
    }
    return write_mark(d);
}

int init_dir_open(struct init_dir *d, const char *path, bool passphrase)
{
    struct stat st;
    int status;

    d->path = path;
    d->passphrase = passphrase;
    d->made = mkdir(path, 0755) == 0;
    if (!d->made && errno != EEXIST)
        return cmd_failf("data directory %s: %s; choose another by --data", path,
                         strerrordesc_np(errno));
    status = open_there(path, &d->fd);
    if (status == CMD_DONE)
        status = check_content(path, d->fd, passphrase);
    if (status == CMD_DONE && fstat(d->fd, &st) == 0)
        status = check_owner(path, &st);
    return status == CMD_DONE ? mark(d) : status;
}

enum rc init_dir_finish(struct init_dir *d, struct err *err)
{
    if (unlinkat(d->fd, mark_file, 0) != 0)
        return ERR(err, RC_IO, msg_mark, str_of(d->path), str_of(strerrordesc_np(errno)));
    return file_sync_dir(d->fd, ".", err);
}

void init_dir_undo(struct init_dir *d)
{
    remove_content(d, d->passphrase);
    unlinkat(d->fd, config_file, 0);
    unlinkat(d->fd, mark_file, 0);
    if (d->made)
        rmdir(d->path); /* stays when somebody has put something there meanwhile */
}

void init_dir_done(struct init_dir *d)
{
    fd_close(&d->mark);
    fd_close(&d->fd);
}
