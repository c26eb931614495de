/* SPDX-License-Identifier: Apache-2.0 */
/* Files of lines: DATA/forward/NAME.jsonl, and NAME.STAMP.jsonl for those that are full, where the
 * stamp is the number of the last record that may be in it; the same for DATA/access. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/file.h"
#include "courier/courier_int.h"
#include "log/log.h"

MSG(msg_write, "courier.file-write", "DATA/{0} cannot be written: {1}");
MSG(msg_aside, "courier.file-aside", "DATA/{0} is full and cannot be put aside: {1}");
MSG(msg_foreign, "courier.file-foreign",
    "DATA/{0} is no file of records, or ends in a line that is longer than any: move it away");

enum {
    NAME_BYTES = CONF_FORWARD_NAME_MAX + 64,
    PATH_BYTES = NAME_BYTES + 16,
    TAIL_MAX = IPC_DELIVER_RECORD_MAX + 1,
    SAME_MAX = 100, /* files with one number, as restores may leave them */
    FILES_MAX = 4096,
};

static struct str errno_str(void)
{
    const char *text = strerrordesc_np(errno);

    return str_of(text ? text : "unknown error");
}

static const char *file_name(const struct courier_file *f, char name[static NAME_BYTES])
{
    snprintf(name, NAME_BYTES, "%.*s%s", STR_ARG(f->name), f->suffix);
    return name;
}

/* Below DATA, for messages. */
static struct str file_path(const struct courier_file *f, char path[static PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "%s/%.*s%s", f->where, STR_ARG(f->name), f->suffix);
    return str_of(path);
}

static enum rc cannot_write(const struct courier_file *f, struct err *err)
{
    struct str why = errno_str();
    char path[PATH_BYTES];

    return ERR(err, RC_IO, msg_write, file_path(f, path), why);
}

void courier_file_close(struct courier_file *f)
{
    fd_close(&f->fd);
    f->size = 0;
}

/* ---- opening */

/* Where the last line that is whole ends; RC_NOTFOUND when no line of ours can be that long. */
static enum rc whole_lines(int fd, uint64_t size, uint64_t *out)
{
    CLEANUP(mem_freep) char *tail = mem_alloc(TAIL_MAX);
    uint64_t from = size > TAIL_MAX ? size - TAIL_MAX : 0;
    ssize_t n;

    if (!tail)
        return RC_NOMEM;
    n = pread(fd, tail, TAIL_MAX, (off_t)from);
    if (n < 0 || (uint64_t)n != size - from)
        return RC_IO;
    while (n > 0 && tail[n - 1] != '\n')
        n--;
    *out = from + (uint64_t)n;
    return n > 0 || from == 0 ? RC_OK : RC_NOTFOUND;
}

/* The process before this one may have died within a line. Nobody was told that it was written. */
static enum rc cut_torn_line(struct courier_file *f, struct err *err)
{
    char path[PATH_BYTES];
    uint64_t whole = 0;
    enum rc rc = f->size ? whole_lines(f->fd, f->size, &whole) : RC_OK;

    if (rc == RC_NOTFOUND)
        return ERR(err, RC_INVAL, msg_foreign, file_path(f, path));
    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK || (whole < f->size && ftruncate(f->fd, (off_t)whole) != 0))
        return cannot_write(f, err);
    if (whole < f->size)
        log_warn("courier.torn-line", LOG_STR("file", file_path(f, path)),
                 LOG_INT("bytes", f->size - whole));
    f->size = whole;
    return RC_OK;
}

static enum rc open_file(struct courier_file *f, struct err *err)
{
    char name[NAME_BYTES], path[PATH_BYTES];
    struct stat st;

    f->fd = openat(f->dir, file_name(f, name),
                   O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0640);
    if (f->fd < 0 || fstat(f->fd, &st) != 0)
        return cannot_write(f, err);
    if (!S_ISREG(st.st_mode))
        return ERR(err, RC_INVAL, msg_foreign, file_path(f, path));
    /* For the group, whatever the umask was. */
    if (fchmod(f->fd, 0640) != 0 || fsync(f->dir) != 0)
        return cannot_write(f, err);
    f->size = (uint64_t)st.st_size;
    return cut_torn_line(f, err);
}

/* Somebody else may have moved or emptied it, as logrotate does. */
static bool still_there(const struct courier_file *f)
{
    struct stat ours, named;
    char name[NAME_BYTES];

    return f->fd >= 0 && fstat(f->fd, &ours) == 0 &&
           fstatat(f->dir, file_name(f, name), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           ours.st_ino == named.st_ino && ours.st_dev == named.st_dev &&
           (uint64_t)ours.st_size == f->size;
}

enum rc courier_file_open(struct courier_file *f, struct err *err)
{
    enum rc rc;

    if (still_there(f))
        return RC_OK;
    courier_file_close(f);
    rc = open_file(f, err);
    if (rc != RC_OK)
        courier_file_close(f);
    return rc;
}

/* ---- those that are full */

/* "NAME.000000000042.jsonl" and "NAME.000000000042.2.jsonl": names of destinations have no dots. */
static bool was_put_aside(const struct courier_file *f, struct str name)
{
    struct str prefix = f->name;

    return name.n > prefix.n + 1 + strlen(f->suffix) && str_starts(name, prefix) &&
           name.p[prefix.n] == '.' && str_ends(name, str_of(f->suffix));
}

/* The name that sorts first, and how many there are. */
static enum rc look_at_full(const struct courier_file *f, char first[static NAME_BYTES],
                            uint64_t *out_n)
{
    int fd = openat(f->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    *out_n = 0;
    first[0] = 0;
    if (!dir) {
        fd_close(&fd);
        return RC_IO;
    }
    for (const struct dirent *e; (e = readdir(dir));) {
        if (!was_put_aside(f, str_of(e->d_name)) || strlen(e->d_name) >= NAME_BYTES)
            continue;
        (*out_n)++;
        if (!first[0] || strcmp(e->d_name, first) < 0)
            memcpy(first, e->d_name, strlen(e->d_name) + 1);
    }
    closedir(dir);
    return RC_OK;
}

/* What cannot be removed stays, and the next one that is put aside is the next occasion. */
static void remove_oldest(const struct courier_file *f)
{
    char first[NAME_BYTES];
    uint64_t n;

    for (unsigned i = 0; i < FILES_MAX; i++) {
        if (look_at_full(f, first, &n) != RC_OK || n <= f->keep)
            return;
        if (unlinkat(f->dir, first, 0) != 0)
            return;
        log_info("courier.file-removed", LOG_Z("file", first), LOG_INT("keep", f->keep));
    }
}

/* Never over another one: that would be somebody's evidence. */
static bool rename_full(const struct courier_file *f, const char *name, const char *stamp)
{
    char aside[NAME_BYTES];

    for (unsigned i = 1; i <= SAME_MAX; i++) {
        if (i == 1)
            snprintf(aside, sizeof(aside), "%.*s.%s%s", STR_ARG(f->name), stamp, f->suffix);
        else
            snprintf(aside, sizeof(aside), "%.*s.%s.%u%s", STR_ARG(f->name), stamp, i, f->suffix);
        if (renameat2(f->dir, name, f->dir, aside, RENAME_NOREPLACE) == 0)
            return true;
        if (errno != EEXIST)
            break;
    }
    return false;
}

static enum rc next_file(struct courier_file *f, const char *stamp, struct err *err)
{
    char name[NAME_BYTES], path[PATH_BYTES];

    if (!rename_full(f, file_name(f, name), stamp)) {
        struct str why = errno_str();

        return ERR(err, RC_IO, msg_aside, file_path(f, path), why);
    }
    courier_file_close(f);
    TRY(courier_file_open(f, err)); /* with fsync of the directory */
    remove_oldest(f);
    return RC_OK;
}

/* ---- writing */

/* On failure it is as long as it was, or will be opened anew and looked at. */
enum rc courier_file_flush(struct courier_file *f, struct buf *lines, struct err *err)
{
    struct str all = buf_str(lines);
    enum rc rc;

    if (all.n == 0)
        return buf_rc(lines);
    if (file_put_all(f->fd, all) && (!f->sync || fsync(f->fd) == 0)) {
        f->size += all.n;
        buf_reset(lines);
        return RC_OK;
    }
    rc = cannot_write(f, err);
    if (ftruncate(f->fd, (off_t)f->size) != 0)
        log_error("courier.not-taken-back", LOG_STR("file", f->name));
    courier_file_close(f);
    return rc;
}

enum rc courier_file_add(struct courier_file *f, struct str line, const char *stamp,
                         struct buf *lines, struct err *err)
{
    uint64_t n = f->size + lines->n;

    if (n > 0 && n + line.n + 1 > f->limit) {
        TRY(courier_file_flush(f, lines, err));
        TRY(next_file(f, stamp, err));
    }
    buf_puts(lines, line);
    buf_putz(lines, "\n");
    return buf_rc(lines);
}
