/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "store/store_int.h"

MSG(msg_newer, "store.schema-newer",
    "{0}: the database has schema {1}, this program knows {2} at most; start the newer Autarky "
    "that wrote it, or restore the copy that it made before it migrated");
MSG(msg_older, "store.schema-older",
    "{0}: the database has schema {1}, this program works with {2}; `autarky serve` migrates it, "
    "after making a copy");
MSG(msg_foreign, "store.not-ours",
    "{0}: this is a database of another program (application id {1}); --data names another "
    "directory");
MSG(msg_copy, "store.copy-failed",
    "{0}: cannot make the copy that precedes a migration ({1}); nothing was changed; make room or "
    "mend the directory, then start again");
MSG(msg_step, "store.migration-failed",
    "{0}: migration {1} ({2}) failed: {3}; the database is as it was");

enum { PATH_BYTES = 640 }; /* the database's path is at most 489 */

struct number {
    char z[24];
};

static struct number number_of(int64_t v)
{
    struct number n;

    (void)snprintf(n.z, sizeof(n.z), "%lld", (long long)v);
    return n;
}

/* 0 for an empty database. */
static enum rc read_version(struct sql_db *db, const struct store_migrate *m, unsigned *out,
                            struct err *err)
{
    int64_t pages = 0, application = 0, version = 0;

    TRY(sql_err(db, sql_value(db, "SELECT COUNT(*) FROM sqlite_schema", &pages), err));
    TRY(sql_err(db, sql_value(db, "PRAGMA application_id", &application), err));
    if (pages == 0 && application == 0) {
        *out = 0;
        return RC_OK;
    }
    if (application != STORE_APPLICATION_ID)
        return ERR(err, RC_CORRUPT, msg_foreign, str_of(m->path), str_of(number_of(application).z));
    TRY(sql_err(db, sql_value(db, "SELECT IFNULL(MAX(number), 0) FROM migrations", &version), err));
    *out = (unsigned)version;
    return RC_OK;
}

/* "path.schema-N.20261120T182400Z.copy" */
static void copy_path(const struct store_migrate *m, unsigned version, struct buf *out)
{
    struct when_civil c = {};

    IGNORE_RC(when_to_civil(m->now, &c)); /* out of range: zeros in a file's name */
    buf_printf(out, "%s.schema-%u.%04d%02d%02dT%02d%02d%02dZ.copy", m->path, version, c.year,
               c.month, c.day, c.hour, c.minute, c.second);
}

static enum rc sync_path(const char *path, int flags)
{
    CLEANUP(fd_closep) int fd = open(path, flags | O_CLOEXEC);

    return fd >= 0 && fsync(fd) == 0 ? RC_OK : RC_IO;
}

static enum rc sync_directory_of(const char *path)
{
    CLEANUP(mem_freep) char *dir = mem_strdup(path);
    char *slash;

    if (!dir)
        return RC_NOMEM;
    slash = strrchr(dir, '/');
    if (!slash)
        return sync_path(".", O_RDONLY | O_DIRECTORY);
    *slash = 0;
    return sync_path(*dir ? dir : "/", O_RDONLY | O_DIRECTORY);
}

static enum rc vacuum_into(struct sql_db *db, const char *path)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(db->c, "VACUUM INTO ?", -1, &s, NULL);

    if (code == SQLITE_OK)
        code = sqlite3_bind_text(s, 1, path, -1, SQLITE_STATIC);
    if (code == SQLITE_OK)
        code = sqlite3_step(s);
    enum rc rc = sql_rc(db, code);
    sqlite3_finalize(s);
    return rc;
}

/* Under another name until it is whole and on disk; its own, for another process may do the same at
 * this moment. */
static enum rc copy_database(struct sql_db *db, const struct store_migrate *m, unsigned version,
                             struct err *err)
{
    CLEANUP(buf_done) struct buf path = BUF_INIT(PATH_BYTES);
    CLEANUP(buf_done) struct buf part = BUF_INIT(PATH_BYTES);
    const char *from, *to;
    enum rc rc;

    copy_path(m, version, &path);
    buf_puts(&part, buf_str(&path));
    buf_printf(&part, ".%d.part", (int)getpid());
    to = buf_z(&path);
    from = buf_z(&part);
    TRY(sql_err(NULL, buf_rc(&path), err));
    TRY(sql_err(NULL, buf_rc(&part), err));
    (void)unlink(from);
    rc = vacuum_into(db, from);
    if (rc != RC_OK) {
        IGNORE_RC(ERR(err, rc, msg_copy, str_of(to), str_of(sqlite3_errmsg(db->c))));
        (void)unlink(from);
        return rc;
    }
    rc = sync_path(from, O_RDWR);
    if (rc == RC_OK && rename(from, to) != 0)
        rc = RC_IO;
    if (rc == RC_OK)
        rc = sync_directory_of(to);
    if (rc == RC_OK)
        return RC_OK;
    IGNORE_RC(ERR(err, rc, msg_copy, str_of(to), str_of(strerror(errno))));
    (void)unlink(from);
    return rc;
}

static enum rc note_applied(struct sql_db *db, unsigned number, const char *name, when_t now)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(
        db->c, "INSERT INTO migrations (number, name, applied) VALUES (?, ?, ?)", -1, &s, NULL);

    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(s, 1, number);
    if (code == SQLITE_OK)
        code = sqlite3_bind_text(s, 2, name, -1, SQLITE_STATIC);
    if (code == SQLITE_OK)
        code = sqlite3_bind_int64(s, 3, now);
    if (code == SQLITE_OK)
        code = sqlite3_step(s);
    enum rc rc = sql_rc(db, code);
    sqlite3_finalize(s);
    return rc;
}

static enum rc apply_statements(struct sql_db *db, const struct store_migrate *m, unsigned number)
{
    const struct store_migration *step = &m->list[number - 1];

    if (number == 1)
        TRY(sql_exec(db, "PRAGMA application_id = 0x41544b59"));
    for (size_t i = 0; step->statements[i]; i++)
        TRY(sql_exec(db, step->statements[i]));
    return note_applied(db, number, step->name, m->now);
}

/* Another process may have done it since the version was read; then there is nothing to do. */
static enum rc apply_one(struct sql_db *db, const struct store_migrate *m, unsigned number,
                         struct err *err)
{
    unsigned version;
    enum rc rc;

    TRY(sql_err(db, sql_exec(db, "BEGIN IMMEDIATE"), err));
    rc = read_version(db, m, &version, err);
    if (rc == RC_OK && version < number) {
        rc = apply_statements(db, m, number);
        if (rc == RC_OK)
            rc = sql_exec(db, "COMMIT");
        if (rc != RC_OK)
            rc = ERR(err, rc, msg_step, str_of(m->path), str_of(number_of(number).z),
                     str_of(m->list[number - 1].name), str_of(sqlite3_errmsg(db->c)));
    }
    if (!sqlite3_get_autocommit(db->c))
        IGNORE_RC(sql_exec(db, "ROLLBACK"));
    return rc;
}

static enum rc refuse(const struct store_migrate *m, unsigned version, const struct msg *msg,
                      struct err *err)
{
    struct number has = number_of(version), knows = number_of(m->n);

    return ERR(err, RC_VERSION, *msg, str_of(m->path), str_of(has.z), str_of(knows.z));
}

enum rc store_migrate(struct sql_db *db, const struct store_migrate *m, unsigned *out_version,
                      struct err *err)
{
    unsigned version;

    TRY(read_version(db, m, &version, err));
    if (version > m->n)
        return refuse(m, version, &msg_newer, err);
    if (version < m->n && m->look)
        return refuse(m, version, &msg_older, err);
    if (version > 0 && version < m->n)
        TRY(copy_database(db, m, version, err));
    for (unsigned number = version + 1; number <= m->n; number++)
        TRY(apply_one(db, m, number, err));
    *out_version = m->n;
    return RC_OK;
}
