/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sql_int.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/store.h"

MSG(msg_busy, "store.busy",
    "{0}: another process has been writing to the database for longer than {1} ms; only one "
    "`autarky serve` may run on it");
MSG(msg_full, "store.disk-full",
    "{0}: the disk is full ({1}); nothing was changed; make room on the file system of that path");
MSG(msg_readonly, "store.read-only",
    "{0}: the database cannot be written ({1}); check the owner and mode of the file and its "
    "directory, and that the file system is not mounted read-only");
MSG(msg_open, "store.cannot-open",
    "{0}: cannot open the database ({1}); check that the directory exists, its owner and mode, and "
    "that the path is not longer than 500 bytes. If a journal (-journal) that Autarky did not make "
    "lay beside it, that is gone now: give the command again");
MSG(msg_io, "store.io",
    "{0}: reading or writing the database failed ({1}, {2}); look at the system's log for errors "
    "of the disk");
MSG(msg_corrupt, "store.damaged",
    "{0}: the database is damaged ({1}); stop Autarky, keep a copy of the directory, restore a "
    "backup");
MSG(msg_other, "store.failed", "{0}: the database refused a statement ({1}, code {2})");

/* SQLite wants the size of a block back; a header that keeps the alignment of malloc holds it. */
enum { BLOCK_HEAD = 16 };

static void *block_alloc(int n)
{
    char *p = mem_alloc((size_t)n + BLOCK_HEAD);

    if (!p)
        return NULL;
    memcpy(p, &n, sizeof(n));
    return p + BLOCK_HEAD;
}

static void block_free(void *p)
{
    if (p)
        mem_free((char *)p - BLOCK_HEAD);
}

static void *block_realloc(void *p, int n)
{
    char *moved = mem_realloc((char *)p - BLOCK_HEAD, (size_t)n + BLOCK_HEAD);

    if (!moved)
        return NULL;
    memcpy(moved, &n, sizeof(n));
    return moved + BLOCK_HEAD;
}

static int block_size(void *p)
{
    int n = 0;

    if (p)
        memcpy(&n, (char *)p - BLOCK_HEAD, sizeof(n));
    return n;
}

static int block_roundup(int n)
{
    return (n + 7) & ~7;
}

static int block_init(void *)
{
    return SQLITE_OK;
}

static void block_shutdown(void *)
{
}

/* The system's VFS, but for two things. A relative path stays relative: SQLite would put the
 * working directory in front, whose parents core's user may not be allowed to search (a data
 * directory below /root, for instance). The working directory must then not change.
 *
 * And no super-journal is ever opened. We write no two databases in one transaction, so there is
 * none; but a journal that somebody left beside the database may name any file as such, and SQLite
 * removes that file once it has rolled back: as root, when root opens what core owns or what came
 * out of a backup. */
static sqlite3_vfs *system_vfs;

static int full_path(sqlite3_vfs *, const char *name, int cap, char *out)
{
    size_t n = name ? strlen(name) : 0;

    if (n == 0 || name[0] == '/')
        return system_vfs->xFullPathname(system_vfs, name, cap, out);
    if (n >= (size_t)cap)
        return SQLITE_CANTOPEN;
    memcpy(out, name, n + 1);
    return SQLITE_OK;
}

static int open_file(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *f, int flags,
                     int *out_flags)
{
    if (flags & SQLITE_OPEN_SUPER_JOURNAL) {
        f->pMethods = NULL; /* nothing to be closed */
        return SQLITE_CANTOPEN;
    }
    return system_vfs->xOpen(vfs, name, f, flags, out_flags);
}

static int register_vfs(void)
{
    static sqlite3_vfs vfs;

    sqlite3_vfs_unregister(&vfs); /* the list outlives sqlite3_shutdown, and links through it */
    system_vfs = sqlite3_vfs_find(NULL);
    if (!system_vfs)
        return SQLITE_ERROR;
    vfs = *system_vfs;
    vfs.pNext = NULL;
    vfs.zName = SQL_VFS;
    vfs.xFullPathname = full_path;
    vfs.xOpen = open_file;
    return sqlite3_vfs_register(&vfs, 0);
}

static pthread_mutex_t lib_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned lib_refs;

static int lib_start(void)
{
    static const sqlite3_mem_methods methods = {
        .xMalloc = block_alloc,
        .xFree = block_free,
        .xRealloc = block_realloc,
        .xSize = block_size,
        .xRoundup = block_roundup,
        .xInit = block_init,
        .xShutdown = block_shutdown,
    };
    int code = sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);

    if (code == SQLITE_OK)
        code = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    if (code == SQLITE_OK)
        code = sqlite3_initialize();
    if (code == SQLITE_OK)
        code = register_vfs();
    if (code != SQLITE_OK)
        sqlite3_shutdown();
    return code;
}

enum rc sql_lib_ref(void)
{
    int code = SQLITE_OK;

    pthread_mutex_lock(&lib_lock);
    if (lib_refs == 0)
        code = lib_start();
    if (code == SQLITE_OK)
        lib_refs++;
    pthread_mutex_unlock(&lib_lock);
    if (code == SQLITE_NOMEM)
        return RC_NOMEM;
    return code == SQLITE_OK ? RC_OK : RC_UNSUPPORTED;
}

void sql_lib_unref(void)
{
    pthread_mutex_lock(&lib_lock);
    if (--lib_refs == 0)
        sqlite3_shutdown();
    pthread_mutex_unlock(&lib_lock);
}

/* SQLite's own handler starts with long naps; a commit elsewhere takes a few milliseconds. */
static int on_busy(void *arg, int count)
{
    struct sql_db *db = arg;
    int64_t nap_us = count < 10 ? 500 : 2000;

    if (count == 0)
        db->waited_us = 0;
    if (db->waited_us >= (int64_t)db->busy_ms * 1000)
        return 0;
    usleep((useconds_t)nap_us);
    db->waited_us += nap_us;
    return 1;
}

static enum rc code_rc(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW:
        return RC_OK;
    case SQLITE_CONSTRAINT:
        return code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY ? RC_EXISTS
                                                                                        : RC_INVAL;
    case SQLITE_NOMEM:
        return RC_NOMEM;
    case SQLITE_TOOBIG:
        return RC_TOOBIG;
    case SQLITE_INTERRUPT:
        return RC_CANCELLED;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return RC_AGAIN;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return RC_CORRUPT;
    default:
        return RC_IO;
    }
}

static enum rc note(struct sql_db *db, int code, enum rc rc)
{
    const char *file = db->c ? sqlite3_db_filename(db->c, "main") : NULL;
    struct str path = file && *file ? str_of(file) : STR("store.db");
    struct str what = str_of(db->c ? sqlite3_errmsg(db->c) : sqlite3_errstr(code));
    char number[32];
    struct str number_text;

    (void)snprintf(number, sizeof(number), "%d", rc == RC_AGAIN ? (int)db->busy_ms : code);
    number_text = str_of(number);
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR(&db->last, rc, msg_busy, path, number_text);
    case SQLITE_FULL:
        return ERR(&db->last, rc, msg_full, path, what);
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return ERR(&db->last, rc, msg_readonly, path, what);
    case SQLITE_CANTOPEN:
        return ERR(&db->last, rc, msg_open, path, what);
    case SQLITE_IOERR:
        return ERR(&db->last, rc, msg_io, path, what, number_text);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERR(&db->last, rc, msg_corrupt, path, what);
    default:
        return ERR(&db->last, rc, msg_other, path, what, number_text);
    }
}

enum rc sql_rc(struct sql_db *db, int code)
{
    enum rc rc = code_rc(code);

    if (rc == RC_IO || rc == RC_CORRUPT || rc == RC_AGAIN)
        return note(db, code, rc);
    return rc;
}

enum rc sql_err(const struct sql_db *db, enum rc rc, struct err *err)
{
    if (err && rc != RC_OK) {
        if (db && db->last.rc == rc)
            *err = db->last;
        else
            *err = (struct err){.rc = rc};
    }
    return rc;
}

static enum rc configure(struct sql_db *db, const struct sql_target *t)
{
    static const struct {
        int option, value;
    } options[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},   {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0},     {SQLITE_DBCONFIG_DQS_DDL, 0},
        {SQLITE_DBCONFIG_ENABLE_FKEY, 1}, {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
    };

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        int code = sqlite3_db_config(db->c, options[i].option, options[i].value, NULL);

        if (code != SQLITE_OK)
            return sql_rc(db, code);
    }
    sqlite3_limit(db->c, SQLITE_LIMIT_LENGTH, 4 * STORE_BLOB_MAX);
    sqlite3_limit(db->c, SQLITE_LIMIT_SQL_LENGTH, 64 * 1024);
    sqlite3_limit(db->c, SQLITE_LIMIT_ATTACHED, 1); /* VACUUM INTO needs it */
    sqlite3_busy_handler(db->c, on_busy, db);
    TRY(sql_exec(db, t->full_sync ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = OFF"));
    TRY(sql_exec(db, "PRAGMA cell_size_check = ON"));
    TRY(sql_exec(db, "PRAGMA temp_store = MEMORY"));
    /* What an order touches fits; a larger one only makes core grow until the register fills it,
     * and the kernel has the pages anyway. */
    TRY(sql_exec(db, t->query_only ? "PRAGMA cache_size = -2048" : "PRAGMA cache_size = -4096"));
    TRY(sql_exec(db, "PRAGMA journal_size_limit = 67108864"));
    TRY(sql_exec(db, "PRAGMA wal_autocheckpoint = 0")); /* the writer decides when */
    if (t->query_only)
        TRY(sql_exec(db, "PRAGMA query_only = ON"));
    return RC_OK;
}

enum rc sql_open(struct sql_db *db, const struct sql_target *t, struct err *err)
{
    int code;
    enum rc rc;

    *db = (struct sql_db){.busy_ms = t->busy_ms, .last = ERR_INIT};
    code = sqlite3_open_v2(t->path, &db->c,
                           SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                           t->vfs ? t->vfs : SQL_VFS);
    rc = code == SQLITE_OK ? configure(db, t) : sql_rc(db, code);
    if (rc == RC_OK)
        return RC_OK;
    IGNORE_RC(sql_err(db, rc, err));
    sql_close(db);
    return rc;
}

void sql_close(struct sql_db *db)
{
    for (size_t i = 0; i < SQL_CACHE; i++)
        sqlite3_finalize(db->cache[i].stmt);
    memset(db->cache, 0, sizeof(db->cache));
    sqlite3_close(db->c);
    db->c = NULL;
}

enum rc sql_exec(struct sql_db *db, const char *sql)
{
    int code = sqlite3_exec(db->c, sql, NULL, NULL, NULL);

    return sql_rc(db, code);
}

enum rc sql_value(struct sql_db *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(db->c, sql, -1, &s, NULL);
    enum rc rc;

    if (code == SQLITE_OK)
        code = sqlite3_step(s);
    if (code == SQLITE_ROW)
        *out = sqlite3_column_int64(s, 0);
    rc = code == SQLITE_DONE ? RC_NOTFOUND : sql_rc(db, code);
    sqlite3_finalize(s);
    return rc;
}
