/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "audit/audit.h"
#include "base/fd.h"
#include "base/file.h"
#include "ca/head.h"
#include "conf/accepted.h"
#include "json/out.h"
#include "store/locks.h"
#include "store/meta.h"

MSG(msg_taken, "backup.restore-taken",
    "{0} is there and not empty: a backup is restored to where nothing is. Name another directory, "
    "or move this one away (and keep it: what was issued since the backup stands there alone)");
MSG(msg_io, "backup.restore-io", "{0}: {1}");
MSG(msg_busy, "backup.restore-busy", "another restore to {0} is under way");
MSG(msg_mount, "backup.restore-mount",
    "{0} cannot take the place of the directory: {1}. Where a file system is mounted, name a "
    "directory in it");
MSG(msg_clock, "backup.restore-clock",
    "the clock says {0}, and the backup was made at {1} with the clock at {2}: set it right, for "
    "nothing is issued by a clock that goes back");
MSG(msg_parent, "backup.restore-parent",
    "{0}, where the directory is to be made, can be written to by others than root and the user "
    "who "
    "runs this (it is of user {1}, with mode {2}); they could put theirs in its place: have that "
    "changed by `chown` and `chmod go-w`, or restore to somewhere else");
MSG(msg_foreign, "backup.restore-foreign",
    "{0} is in the way: restoring makes a directory of that name, and this one is no leftover of "
    "an "
    "earlier one, for others own it or may write in it; look at it and remove it");
MSG(msg_path, "backup.restore-path", "\"{0}\" is no path of a directory to make");

enum { LOCKS_ARENA = 1 << 20 };
enum { PATH_BYTES = PATH_MAX / 2 + 1, NAME_BYTES = PATH_BYTES + 16, TEMP_BYTES = PATH_MAX + 32 };
enum { DETAIL_MAX = 16 * 1024, DATA_MODE = 0755 };
#define RESTORED_AHEAD (10 * WHEN_MINUTE) /* that the clock of the host before may have been */

void backup_restored_init(struct backup_restored *r)
{
    *r = (struct backup_restored){};
    backup_found_init(&r->found);
    buf_init(&r->origin, NOTE_NAME_MAX);
}

void backup_restored_done(struct backup_restored *r)
{
    backup_found_done(&r->found);
    buf_done(&r->origin);
    backup_restored_init(r);
}

struct restoring {
    const struct backup_restore *in;
    struct backup_restored *out;
    struct err *err;
    char parent[PATH_BYTES], target[PATH_BYTES], name[NAME_BYTES];
    char temp[TEMP_BYTES], db[TEMP_BYTES + 4]; /* the parent, and `name` in it; its database */
    int at;                                    /* the parent */
    int dir;                                   /* the one that is made, locked */
    bool made;
};

static enum rc io(struct restoring *r, const char *path)
{
    return ERR(r->err, RC_IO, msg_io, str_of(path), str_of(strerrordesc_np(errno)));
}

/* ---- where */

static enum rc split(struct restoring *r)
{
    struct str path = str_of(r->in->dir), name;
    size_t slash;

    while (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    slash = path.n;
    while (slash > 0 && path.p[slash - 1] != '/')
        slash--;
    name = str_skip(path, slash);
    if (name.n == 0 || str_eq(name, STR(".")) || str_eq(name, STR("..")) || path.n > PATH_MAX / 2)
        return ERR(r->err, RC_INVAL, msg_path, path);
    snprintf(r->target, sizeof(r->target), "%.*s", STR_ARG(name));
    snprintf(r->parent, sizeof(r->parent), "%.*s", slash ? (int)slash : 1, slash ? path.p : ".");
    snprintf(r->name, sizeof(r->name), ".%s.restoring", r->target);
    snprintf(r->temp, sizeof(r->temp), "%s/%s", r->parent, r->name);
    snprintf(r->db, sizeof(r->db), "%s/db", r->temp);
    return RC_OK;
}

/* Whoever may exchange names there could have us remove, and write, what is theirs to choose. */
static enum rc open_parent(struct restoring *r)
{
    char uid[16], mode[16];
    struct stat st;

    r->at = open(r->parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r->at < 0 || fstat(r->at, &st) != 0)
        return io(r, r->parent);
    if ((st.st_uid == 0 || st.st_uid == geteuid()) &&
        (!(st.st_mode & (S_IWGRP | S_IWOTH)) || st.st_mode & S_ISVTX))
        return RC_OK;
    snprintf(uid, sizeof(uid), "%u", (unsigned)st.st_uid);
    snprintf(mode, sizeof(mode), "%04o", (unsigned)st.st_mode & 07777);
    return ERR(r->err, RC_DENIED, msg_parent, str_of(r->parent), str_of(uid), str_of(mode));
}

static enum rc check_target(struct restoring *r)
{
    if (unlinkat(r->at, r->target, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return RC_OK; /* an empty one goes: it comes back with content, or not at all */
    if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR)
        return ERR(r->err, RC_EXISTS, msg_taken, str_of(r->in->dir));
    return ERR(r->err, errno == EBUSY ? RC_EXISTS : RC_IO, msg_mount, str_of(r->in->dir),
               str_of(strerrordesc_np(errno)));
}

/* A directory that nobody but us has put anything in, and ours: a leftover, if it was there. */
static enum rc open_temp(struct restoring *r, int *out)
{
    CLEANUP(fd_closep)
    int fd = openat(r->at, r->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd < 0 && errno != ENOTDIR && errno != ELOOP)
        return io(r, r->temp);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_uid != geteuid() || st.st_mode & (S_IWGRP | S_IWOTH))
        return ERR(r->err, RC_EXISTS, msg_foreign, str_of(r->temp));
    *out = fd_move(&fd);
    return RC_OK;
}

/* What a restore that was killed has left is not looked at, only removed. */
static enum rc make_temp(struct restoring *r)
{
    for (int i = 0; i < 2; i++) {
        CLEANUP(fd_closep) int fd = -1;
        bool fresh = mkdirat(r->at, r->name, 0700) == 0;

        if (!fresh && errno != EEXIST)
            return io(r, r->temp);
        TRY(open_temp(r, &fd));
        if (flock(fd, LOCK_EX | LOCK_NB) != 0)
            return ERR(r->err, RC_AGAIN, msg_busy, str_of(r->in->dir));
        if (fresh) {
            r->dir = fd_move(&fd);
            r->made = true;
            return RC_OK;
        }
        TRY(file_remove_tree(r->at, r->name, r->err));
    }
    return ERR(r->err, RC_AGAIN, msg_busy, str_of(r->in->dir));
}

static void restoring_done(struct restoring *r)
{
    if (r->made)
        IGNORE_RC(file_remove_tree(r->at, r->name, NULL)); /* the next one removes it */
    fd_close(&r->dir);
    fd_close(&r->at);
}

/* ---- what is written into it */

static enum rc open_store(struct restoring *r, struct store **out)
{
    const struct store_options options = {.dir = r->db, .now = r->in->now};

    return store_open(&options, out, r->err);
}

static enum rc check_clock(struct restoring *r, struct store *store)
{
    const struct pack_about *about = &r->out->found.about;
    char now[WHEN_TEXT], created[WHEN_TEXT], mark[WHEN_TEXT];
    when_t high;

    TRY(store_clock_high(store_read(store), &high));
    if (high <= r->in->now && about->created <= r->in->now + RESTORED_AHEAD)
        return RC_OK;
    return ERR(r->err, RC_DENIED, msg_clock, str_of(when_text(r->in->now, now)),
               str_of(when_text(about->created, created)), str_of(when_text(high, mark)));
}

static enum rc change(struct store_txn *txn, void *arg)
{
    struct restoring *r = arg;

    return store_restored(txn, r->in->now, &r->out->changed);
}

/* By the files, or by the configuration that was accepted last. Whoever wanted two persons for a
 * restore has issuing wait for the second one. What cannot be read is no reason to do without. */
static bool wants_two(const struct restoring *r)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    unsigned accepted;
    struct conf_report report;
    struct conf_input in;
    bool wants = true;

    conf_input_init(&in);
    conf_report_init(&report);
    in.unprivileged = geteuid() != 0;
    if (conf_input_read(&in, r->dir, r->in->dir, NULL, NULL) == RC_OK &&
        conf_load(&in, &conf, &report) == RC_OK)
        wants = (conf->control.two_persons & 1U << CONF_TWO_RESTORE) != 0;
    conf_report_done(&report);
    conf_input_done(&in);
    return wants || conf_accepted_two_persons(r->dir, &accepted) != RC_OK ||
           accepted & 1U << CONF_TWO_RESTORE;
}

static enum rc put_detail(const struct restoring *r, struct buf *out)
{
    const struct backup_found *f = &r->out->found;
    char created[WHEN_TEXT], hex[2 * SEAL_SHA256 + 1];
    struct json_out o;

    for (size_t i = 0; i < SEAL_SHA256; i++)
        snprintf(hex + 2 * i, 3, "%02x", f->sum.file.sha256[i]);
    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    json_kv_str(&o, "before", f->about.note);
    json_kv_u64(&o, "bytes", f->sum.file.bytes);
    json_kv_z(&o, "created", when_text(f->about.created, created));
    json_kv_bool(&o, "frozen", r->out->frozen);
    json_kv_str(&o, "node", id_str(&f->about.node));
    json_kv_u64(&o, "records", f->about.records);
    json_kv_z(&o, "sha256", hex);
    json_end(&o);
    return json_out_done(&o);
}

static enum rc freeze(struct store_txn *txn, const struct restoring *r)
{
    struct store_lock lock = {
        .scope = STORE_LOCK_ALL,
        .renewals = true,
        .reason = STR("restored from a backup: a second person looks, then thaws"),
        .set_by = STR(STORE_LOCK_BY_RESTORE),
        .set = r->in->now,
    };
    CLEANUP(arena_done) struct arena a = ARENA_INIT(LOCKS_ARENA);
    struct store_lock *active;
    size_t n;

    TRY(store_lock_active(txn, &a, &active, &n));
    for (size_t i = 0; i < n; i++) /* in the place of one that one person might lift */
        if (active[i].scope == STORE_LOCK_ALL && active[i].renewals)
            TRY(store_lock_lift(txn, &active[i].id, lock.set_by, lock.reason, r->in->now));
    TRY(id_new(&lock.id));
    return store_lock_add_restored(txn, &lock);
}

static enum rc record(struct store_txn *txn, void *arg)
{
    struct restoring *r = arg;
    CLEANUP(buf_done) struct buf detail = BUF_INIT(DETAIL_MAX);
    struct audit_event event = {
        .at = r->in->now,
        .actor_kind = AUDIT_OPERATOR,
        .actor = r->in->by,
        .action = "backup.restored",
        .object_kind = "backup",
        .object = id_str(&r->out->found.about.id),
        .reason = r->in->reason,
    };

    TRY(put_detail(r, &detail));
    event.detail = buf_str(&detail);
    if (r->out->frozen)
        TRY(freeze(txn, r));
    return audit_append(txn, &event, NULL);
}

/* Twice opened: the node that writes the record is the new one, which the second opening makes. */
static enum rc settle_store(struct restoring *r)
{
    CLEANUP(store_closep) struct store *store = NULL;

    TRY(open_store(r, &store));
    TRY(check_clock(r, store));
    TRY(store_write_now(store, change, r));
    store_close(MOVE(store));
    TRY(open_store(r, &store));
    return store_write_now(store, record, r);
}

static enum rc settle_log(struct restoring *r)
{
    CLEANUP(buf_done) struct buf last = BUF_INIT(NOTE_MAX);
    CLEANUP(buf_done) struct buf why = BUF_INIT(CA_HEAD_WHY_MAX);
    struct ca_head_restart restart = {.by = r->in->by, .apart = true};
    char created[WHEN_TEXT];
    enum rc rc;

    buf_printf(&why, "restored from the backup of %s: %.*s",
               when_text(r->out->found.about.created, created),
               STR_ARG(str_utf8_head(r->in->reason, CA_HEAD_WHY_MAX / 2)));
    TRY(buf_rc(&why));
    restart.why = buf_str(&why);
    rc = ca_head_begin_anew(r->dir, &restart, &last, &r->out->origin, r->err);
    if (rc != RC_NOTFOUND)
        return rc;
    *r->err = ERR_INIT; /* no server ever ran on it */
    return RC_OK;
}

/* ---- as a whole */

static enum rc fill(struct restoring *r)
{
    const struct backup_unpack unpack = {
        .from = r->in->from,
        .passphrase = r->in->passphrase,
        .dir = r->dir,
        .dir_name = r->temp,
        .whole = true,
        .owners = r->in->owners,
    };

    TRY(backup_unpack(&unpack, &r->out->found, r->err));
    TRY(backup_check(&unpack, &r->out->found, r->in->now, r->err));
    r->out->frozen = wants_two(r);
    TRY(settle_store(r));
    return settle_log(r);
}

static enum rc finish(struct restoring *r)
{
    if (fchmod(r->dir, DATA_MODE) != 0 || syncfs(r->dir) != 0)
        return io(r, r->temp);
    if (renameat(r->at, r->name, r->at, r->target) != 0) {
        if (errno == ENOTEMPTY || errno == EEXIST)
            return ERR(r->err, RC_EXISTS, msg_taken, str_of(r->in->dir));
        return io(r, r->in->dir);
    }
    r->made = false;
    return fsync(r->at) == 0 ? RC_OK : io(r, r->parent);
}

enum rc backup_restore(const struct backup_restore *in, struct backup_restored *out,
                       struct err *err)
{
    CLEANUP(restoring_done)
    struct restoring r = {.in = in, .out = out, .at = -1, .dir = -1};
    struct err own = ERR_INIT;

    r.err = err ? err : &own;
    TRY(split(&r));
    TRY(open_parent(&r));
    TRY(check_target(&r));
    TRY(make_temp(&r));
    TRY(fill(&r));
    return finish(&r);
}
