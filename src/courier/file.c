/* SPDX-License-Identifier: Apache-2.0 */
/* Files of JSON lines: DATA/forward/NAME.jsonl, and NAME.NUMBER.jsonl for those that are full,
 * where the number is that of the last record that may be in it. */
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

MSG(msg_write, "courier.file-write", "DATA/forward/{0} cannot be written: {1}");
MSG(msg_aside, "courier.file-aside", "DATA/forward/{0} is full and cannot be put aside: {1}");
MSG(msg_foreign, "courier.file-foreign",
    "DATA/forward/{0} is no file of records, or ends in a line that is longer than any: move it "
    "away");

enum {
    NAME_BYTES = CONF_FORWARD_NAME_MAX + 64,
    TAIL_MAX = IPC_DELIVER_RECORD_MAX + 1,
    SAME_MAX = 100, /* files with one number, as restores may leave them */
    FILES_MAX = 4096,
    LINES_MAX = IPC_DELIVER_BYTES + IPC_DELIVER_RECORDS,
};

static struct str errno_str(void)
{
    const char *text = strerrordesc_np(errno);

    return str_of(text ? text : "unknown error");
}

static const char *file_name(const struct courier_dest *d, char name[static NAME_BYTES])
{
    snprintf(name, NAME_BYTES, "%.*s.jsonl", STR_ARG(d->conf->name));
    return name;
}

static enum rc cannot_write(const struct courier_dest *d, struct err *err)
{
    struct str why = errno_str();
    char name[NAME_BYTES];

    return ERR(err, RC_IO, msg_write, str_of(file_name(d, name)), why);
}

void courier_file_close(struct courier_dest *d)
{
    fd_close(&d->fd);
    d->size = 0;
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
static enum rc cut_torn_line(struct courier_dest *d, struct err *err)
{
    char name[NAME_BYTES];
    uint64_t whole = 0;
    enum rc rc = d->size ? whole_lines(d->fd, d->size, &whole) : RC_OK;

    if (rc == RC_NOTFOUND)
        return ERR(err, RC_INVAL, msg_foreign, str_of(file_name(d, name)));
    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK || (whole < d->size && ftruncate(d->fd, (off_t)whole) != 0))
        return cannot_write(d, err);
    if (whole < d->size)
        log_warn("courier.torn-line", LOG_Z("file", file_name(d, name)),
                 LOG_INT("bytes", d->size - whole));
    d->size = whole;
    return RC_OK;
}

static enum rc open_file(struct courier_dest *d, struct err *err)
{
    char name[NAME_BYTES];
    struct stat st;

    d->fd = openat(d->courier->dir, file_name(d, name),
                   O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0640);
    if (d->fd < 0 || fstat(d->fd, &st) != 0)
        return cannot_write(d, err);
    if (!S_ISREG(st.st_mode))
        return ERR(err, RC_INVAL, msg_foreign, str_of(name));
    /* For the group, whatever the umask was. */
    if (fchmod(d->fd, 0640) != 0 || fsync(d->courier->dir) != 0)
        return cannot_write(d, err);
    d->size = (uint64_t)st.st_size;
    return cut_torn_line(d, err);
}

/* Somebody else may have moved or emptied it, as logrotate does. */
static bool still_there(const struct courier_dest *d)
{
    struct stat ours, named;
    char name[NAME_BYTES];

    return d->fd >= 0 && fstat(d->fd, &ours) == 0 &&
           fstatat(d->courier->dir, file_name(d, name), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           ours.st_ino == named.st_ino && ours.st_dev == named.st_dev &&
           (uint64_t)ours.st_size == d->size;
}

static enum rc need_file(struct courier_dest *d, struct err *err)
{
    enum rc rc;

    if (still_there(d))
        return RC_OK;
    courier_file_close(d);
    rc = open_file(d, err);
    if (rc != RC_OK)
        courier_file_close(d);
    return rc;
}

/* ---- those that are full */

/* "NAME.000000000042.jsonl" and "NAME.000000000042.2.jsonl": names of destinations have no dots. */
static bool was_put_aside(const struct courier_dest *d, struct str name)
{
    struct str prefix = d->conf->name;

    return name.n > prefix.n + sizeof(".jsonl") && str_starts(name, prefix) &&
           name.p[prefix.n] == '.' && str_ends(name, STR(".jsonl"));
}

/* The name that sorts first, and how many there are. */
static enum rc look_at_full(const struct courier_dest *d, char first[static NAME_BYTES],
                            uint64_t *out_n)
{
    int fd = openat(d->courier->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    *out_n = 0;
    first[0] = 0;
    if (!dir) {
        fd_close(&fd);
        return RC_IO;
    }
    for (const struct dirent *e; (e = readdir(dir));) {
        if (!was_put_aside(d, str_of(e->d_name)) || strlen(e->d_name) >= NAME_BYTES)
            continue;
        (*out_n)++;
        if (!first[0] || strcmp(e->d_name, first) < 0)
            memcpy(first, e->d_name, strlen(e->d_name) + 1);
    }
    closedir(dir);
    return RC_OK;
}

/* What cannot be removed stays, and the next one that is put aside is the next occasion. */
static void remove_oldest(const struct courier_dest *d)
{
    char first[NAME_BYTES];
    uint64_t n;

    for (unsigned i = 0; i < FILES_MAX; i++) {
        if (look_at_full(d, first, &n) != RC_OK || n <= d->conf->keep)
            return;
        if (unlinkat(d->courier->dir, first, 0) != 0)
            return;
        log_info("courier.file-removed", LOG_Z("file", first), LOG_INT("keep", d->conf->keep));
    }
}

/* Never over another one: that would be somebody's evidence. */
static bool rename_full(const struct courier_dest *d, const char *name, uint64_t last)
{
    char aside[NAME_BYTES];

    for (unsigned i = 1; i <= SAME_MAX; i++) {
        if (i == 1)
            snprintf(aside, sizeof(aside), "%.*s.%012llu.jsonl", STR_ARG(d->conf->name),
                     (unsigned long long)last);
        else
            snprintf(aside, sizeof(aside), "%.*s.%012llu.%u.jsonl", STR_ARG(d->conf->name),
                     (unsigned long long)last, i);
        if (renameat2(d->courier->dir, name, d->courier->dir, aside, RENAME_NOREPLACE) == 0)
            return true;
        if (errno != EEXIST)
            break;
    }
    return false;
}

static enum rc next_file(struct courier_dest *d, uint64_t next, struct err *err)
{
    char name[NAME_BYTES];

    if (!rename_full(d, file_name(d, name), next - 1)) {
        struct str why = errno_str();

        return ERR(err, RC_IO, msg_aside, str_of(name), why);
    }
    courier_file_close(d);
    TRY(need_file(d, err)); /* with fsync of the directory */
    remove_oldest(d);
    return RC_OK;
}

/* ---- writing */

/* On failure it is as long as it was, or will be opened anew and looked at. */
static enum rc put_lines(struct courier_dest *d, struct str lines, struct err *err)
{
    enum rc rc;

    if (lines.n == 0)
        return RC_OK;
    if (file_put_all(d->fd, lines) && fsync(d->fd) == 0) {
        d->size += lines.n;
        return RC_OK;
    }
    rc = cannot_write(d, err);
    if (ftruncate(d->fd, (off_t)d->size) != 0)
        log_error("courier.not-taken-back", LOG_STR("destination", d->conf->name));
    courier_file_close(d);
    return rc;
}

enum rc courier_file_append(struct courier_dest *d, const struct ipc_deliver *m, struct err *err)
{
    CLEANUP(buf_done) struct buf lines = BUF_INIT(LINES_MAX);

    TRY(need_file(d, err));
    for (size_t i = 0; i < m->records.n; i++) {
        const struct ipc_record *r = &m->records.v[i];
        uint64_t n = d->size + lines.n;

        if (n > 0 && n + r->bytes.n + 1 > d->conf->size) {
            TRY(put_lines(d, buf_str(&lines), err));
            buf_reset(&lines);
            TRY(next_file(d, r->sequence, err));
        }
        buf_puts(&lines, r->bytes);
        buf_putz(&lines, "\n");
        TRY(buf_rc(&lines));
    }
    return put_lines(d, buf_str(&lines), err);
}
