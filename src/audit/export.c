/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "audit/audit.h"
#include "audit/tree.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/text.h"
#include "store/events.h"
#include "store/heads.h"

MSG(msg_write, "audit.export-write", "{0}/{1} cannot be written: {2}");

enum { FLUSH = 256 * 1024, OUT_MAX = FLUSH + AUDIT_EVENT_MAX + 1, HEAD_ARENA = 64 * 1024 };

/* One file under way. */
struct file {
    int dir;
    const char *dir_name;
    char name[AUDIT_FILE_NAME];
    int fd;
    struct buf out;
    struct err *err;
    uint64_t records; /* written, in this file and those before it */
};

static void file_done(struct file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    buf_done(&f->out);
}

static enum rc failed(const struct file *f)
{
    return ERR(f->err, RC_IO, msg_write, str_of(f->dir_name), str_of(f->name),
               str_of(strerror(errno)));
}

static enum rc begin(struct file *f, const char *name)
{
    snprintf(f->name, sizeof(f->name), "%s", name);
    f->fd = openat(f->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return f->fd < 0 ? failed(f) : RC_OK;
}

static enum rc flush(struct file *f)
{
    TRY(buf_rc(&f->out));
    if (!file_put_all(f->fd, buf_str(&f->out)))
        return failed(f);
    buf_reset(&f->out);
    return RC_OK;
}

static enum rc end(struct file *f)
{
    int fd = f->fd;

    if (fd < 0)
        return RC_OK;
    TRY(flush(f));
    f->fd = -1;
    if (fsync(fd) != 0 || close(fd) != 0)
        return failed(f);
    return RC_OK;
}

void audit_bundle_name(uint64_t first, char out[static AUDIT_FILE_NAME])
{
    snprintf(out, AUDIT_FILE_NAME, "records-%012llu.jsonl", (unsigned long long)first);
}

static enum rc put_record(void *arg, uint64_t sequence, struct str bytes)
{
    struct file *f = arg;
    char name[AUDIT_FILE_NAME];

    (void)sequence; /* what is missing is for the one who checks to see */
    if (f->records++ % AUDIT_BUNDLE == 0) {
        TRY(end(f));
        audit_bundle_name(f->records, name);
        TRY(begin(f, name));
    }
    buf_puts(&f->out, bytes);
    buf_u8(&f->out, '\n');
    return f->out.n >= FLUSH ? flush(f) : buf_rc(&f->out);
}

static enum rc put_head(struct store_txn *txn, uint64_t *at, struct file *heads,
                        struct file *frontiers)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(HEAD_ARENA);
    struct store_head head;
    struct str rest;

    TRY(store_head_next(txn, &a, at, &head));
    buf_puts(&heads->out, head.note);
    buf_u8(&heads->out, '\n');
    buf_printf(&frontiers->out, "%llu", (unsigned long long)head.size);
    for (rest = head.frontier; rest.n >= TREE_HASH; rest = str_skip(rest, TREE_HASH)) {
        buf_u8(&frontiers->out, ' ');
        text_b64(&frontiers->out, str_head(rest, TREE_HASH));
    }
    buf_u8(&frontiers->out, '\n');
    TRY(flush(heads));
    return flush(frontiers);
}

static enum rc put_heads(struct store_txn *txn, struct file *heads, struct file *frontiers,
                         uint64_t *out_n)
{
    uint64_t at = 0;
    enum rc rc;

    TRY(begin(heads, AUDIT_HEADS_FILE));
    TRY(begin(frontiers, AUDIT_FRONTIERS_FILE));
    while ((rc = put_head(txn, &at, heads, frontiers)) == RC_OK)
        ++*out_n;
    TRY(rc == RC_NOTFOUND ? RC_OK : rc);
    TRY(end(heads));
    return end(frontiers);
}

enum rc audit_export(struct store_txn *txn, int dir, const char *name, struct audit_exported *out,
                     struct err *err)
{
    CLEANUP(file_done)
    struct file records = {dir, name, "", -1, BUF_INIT(OUT_MAX), err, 0};
    CLEANUP(file_done) struct file heads = {dir, name, "", -1, BUF_INIT(OUT_MAX), err, 0};
    CLEANUP(file_done) struct file frontiers = {dir, name, "", -1, BUF_INIT(OUT_MAX), err, 0};

    enum rc rc;

    *out = (struct audit_exported){};
    rc = store_event_each(txn, 0, INT64_MAX, put_record, &records);
    TRY(rc == RC_NOTFOUND ? RC_OK : rc); /* the end */
    TRY(end(&records));
    out->records = records.records;
    return put_heads(txn, &heads, &frontiers, &out->heads);
}
