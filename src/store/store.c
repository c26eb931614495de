/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "store/store_int.h"

MSG(msg_path, "store.path-too-long",
    "{0}: the path of the database directory is too long; at most {1} bytes");
MSG(msg_none, "store.no-database",
    "{0}: there is no database; `autarky init --data DIR` makes one, or --data names another "
    "directory");
MSG(msg_create, "store.cannot-create", "{0}: cannot create the database: {1}");
MSG(msg_kind, "store.not-a-file", "{0}: this is no regular file; the database must be one");
MSG(msg_check, "store.check-failed",
    "{0}: the database contradicts itself: {1}; stop Autarky, keep a copy, restore a backup");

/* SQLite's limit is 512 with the names of its files beside the database. */
enum { PATH_LIMIT = 480 };

/* The file is made here rather than by SQLite, for its owner and mode; the files beside it get the
 * same. */
static enum rc make_file(const char *dir, const char *path, const struct file_owner *owner,
                         struct err *err)
{
    CLEANUP(fd_closep) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0)
        return ERR(err, errno == EEXIST ? RC_EXISTS : RC_IO, msg_create, str_of(path),
                   str_of(strerror(errno)));
    if (owner && fchown(fd, owner->uid, owner->gid) != 0)
        return ERR(err, RC_IO, msg_create, str_of(path), str_of(strerror(errno)));
    return file_sync_dir(AT_FDCWD, dir, err);
}

static enum rc ensure_file(const struct store_options *o, const char *path, struct err *err)
{
    struct stat st;
    enum rc rc;

    if (lstat(path, &st) == 0) {
        if (!S_ISREG(st.st_mode))
            return ERR(err, RC_INVAL, msg_kind, str_of(path));
        if (st.st_size > 0 || o->create)
            return RC_OK;
        return ERR(err, RC_NOTFOUND, msg_none, str_of(path));
    }
    if (!o->create || o->look)
        return ERR(err, RC_NOTFOUND, msg_none, str_of(path));
    rc = make_file(o->dir, path, o->owner, err);
    return rc == RC_EXISTS ? RC_OK : rc; /* another process was quicker */
}

/* Switching to the log needs the database alone and does not wait by itself. */
static enum rc set_wal(struct sql_db *db)
{
    static const struct timespec nap = {.tv_nsec = 2000000};
    enum rc rc;

    for (unsigned waited = 0;; waited += 2) {
        rc = sql_exec(db, "PRAGMA journal_mode = WAL");
        if (rc != RC_AGAIN || waited >= db->busy_ms)
            return rc;
        nanosleep(&nap, NULL);
    }
}

static enum rc open_databases(struct store *s, const struct store_options *o, const char *path,
                              struct err *err)
{
    struct sql_target target = {
        .path = path,
        .vfs = o->vfs,
        .busy_ms = o->busy_ms ? o->busy_ms : STORE_BUSY_MS,
        .full_sync = o->sync == STORE_SYNC_FULL,
        .query_only = o->look,
    };
    struct store_migrate migrate = {.path = path, .now = o->now, .look = o->look};

    TRY(sql_open(&s->write_db, &target, err));
    if (!o->look)
        TRY(sql_err(&s->write_db, set_wal(&s->write_db), err));
    migrate.list = store_migrations(&migrate.n);
    TRY(store_migrate(&s->write_db, &migrate, &s->schema, err));
    target.query_only = true;
    target.busy_ms = STORE_READ_BUSY_MS < target.busy_ms ? STORE_READ_BUSY_MS : target.busy_ms;
    return sql_open(&s->read_db, &target, err);
}

struct start {
    struct store_node node;
    when_t now;
};

static enum rc start_node(struct store_txn *txn, void *arg)
{
    struct start *start = arg;

    return store_node_start(txn, start->now, &start->node);
}

static enum rc begin_service(struct store *s, const struct store_options *o, struct err *err)
{
    struct start start = {.now = o->now};

    if (o->look)
        return sql_err(&s->read_db, store_node_read(&s->read_txn, &s->node), err);
    TRY(sql_err(&s->write_db, writer_run(s, start_node, &start), err));
    s->node = start.node;
    s->stats = (struct store_stats){}; /* the start itself does not count */
    return writer_start(s, err);
}

static enum rc init_locks(struct store *s)
{
    pthread_condattr_t attr;
    int code = pthread_condattr_init(&attr);

    if (code == 0)
        code = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    if (code == 0)
        code = pthread_cond_init(&s->work, &attr);
    if (code == 0)
        code = pthread_cond_init(&s->settled, NULL);
    if (code == 0)
        code = pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_destroy(&attr);
    return code == 0 ? RC_OK : RC_NOMEM;
}

static enum rc store_new(const struct store_options *o, struct store **out)
{
    CLEANUP(mem_freep) struct store *s = MEM_NEW(struct store);

    if (!s)
        return RC_NOMEM;
    s->look = o->look;
    s->threaded = o->thread;
    s->wake = o->wake;
    s->wake_arg = o->wake_arg;
    s->read_txn = (struct store_txn){.store = s, .db = &s->read_db};
    list_init(&s->queue);
    list_init(&s->finished);
    TRY(init_locks(s));
    *out = MOVE(s);
    return RC_OK;
}

enum rc store_open(const struct store_options *o, struct store **out, struct err *err)
{
    CLEANUP(store_closep) struct store *s = NULL;
    char path[PATH_LIMIT + sizeof("/store.db")];
    enum rc rc;

    if (strlen(o->dir) > PATH_LIMIT)
        return ERR(err, RC_TOOBIG, msg_path, str_of(o->dir), STR("480"));
    (void)snprintf(path, sizeof(path), "%s/store.db", o->dir);
    rc = store_new(o, &s);
    if (rc == RC_OK)
        rc = sql_lib_ref();
    if (rc != RC_OK)
        return sql_err(NULL, rc, err);
    s->lib = true;
    TRY(ensure_file(o, path, err));
    TRY(open_databases(s, o, path, err));
    TRY(begin_service(s, o, err));
    *out = MOVE(s);
    return RC_OK;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    if (s->write_db.c && !s->look)
        writer_stop(s);
    (void)store_collect(s);
    if (s->read_db.c)
        sql_close(&s->read_db);
    if (s->write_db.c)
        sql_close(&s->write_db); /* the last connection checkpoints and removes the log */
    if (s->lib)
        sql_lib_unref();
    pthread_cond_destroy(&s->work);
    pthread_cond_destroy(&s->settled);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

const struct store_node *store_node(const struct store *s)
{
    return &s->node;
}

const struct store_node *store_txn_node(const struct store_txn *txn)
{
    return &txn->store->node;
}

unsigned store_schema(const struct store *s)
{
    return s->schema;
}

unsigned store_schema_program(void)
{
    unsigned n;

    (void)store_migrations(&n);
    return n;
}

struct store_txn *store_read(struct store *s)
{
    return &s->read_txn;
}

enum rc store_read_begin(struct store *s, struct store_txn **out)
{
    int64_t ignored;

    if (s->read_txn.snapshot)
        return RC_INVAL;
    TRY(sql_exec(&s->read_db, "BEGIN"));
    s->read_txn.snapshot = true;
    *out = &s->read_txn;
    /* The snapshot is taken by the first read, not by BEGIN. */
    enum rc rc =
        sql_value(&s->read_db, "SELECT COUNT(*) FROM (SELECT 1 FROM meta LIMIT 1)", &ignored);
    if (rc != RC_OK)
        store_read_end(&s->read_txn);
    return rc;
}

void store_read_end(struct store_txn *txn)
{
    txn->snapshot = false;
    if (!sqlite3_get_autocommit(txn->db->c))
        IGNORE_RC(sql_exec(txn->db, "ROLLBACK")); /* it wrote nothing */
}

enum rc store_check(struct store *s, struct err *err)
{
    CLEANUP(stmt_done) struct stmt st = {};
    CLEANUP(stmt_done) struct stmt keys = {};
    struct str path = str_of(sqlite3_db_filename(s->read_db.c, "main"));
    const char *finding;
    enum rc rc = stmt_open(&st, &s->read_txn, "PRAGMA integrity_check(1)");

    if (rc == RC_OK)
        rc = stmt_next(&st);
    if (rc != RC_OK)
        return sql_err(&s->read_db, rc, err);
    finding = (const char *)sqlite3_column_text(st.s, 0);
    if (!finding || strcmp(finding, "ok") != 0)
        return ERR(err, RC_CORRUPT, msg_check, path, str_of(finding));
    rc = stmt_open(&keys, &s->read_txn, "PRAGMA foreign_key_check");
    if (rc == RC_OK)
        rc = stmt_next(&keys);
    if (rc == RC_NOTFOUND)
        return RC_OK;
    if (rc != RC_OK)
        return sql_err(&s->read_db, rc, err);
    finding = (const char *)sqlite3_column_text(keys.s, 0);
    return ERR(err, RC_CORRUPT, msg_check, path, str_of(finding));
}
