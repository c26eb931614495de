/* SPDX-License-Identifier: Apache-2.0 */
/* The database: opening and migrating it, the one writer with group commit, snapshots to read from.
 *
 * Runs in core (and in init, and tools that core does not run beside). Only this folder knows SQL;
 * the nouns (accounts.h, orders.h ...) are the repository interface under which another database
 * can stand.
 *
 * Writing: a job is a function that gets a write transaction. The writer, a thread, takes all jobs
 * that wait into one transaction, each in a savepoint of its own, and commits once; one fsync
 * answers them all. A job that returns anything but RC_OK is rolled back alone. If the whole fails
 * (at COMMIT, or a failure that ended the transaction), nothing of it is kept and the jobs are run
 * again one by one. Therefore a job
 *   - runs on another thread: it touches its `arg`, the transaction, and nothing else;
 *   - may run twice: it does not consume its `arg`, and sets its results anew each time;
 *   - has no effect outside the database.
 * `done` runs on the loop's thread, from store_collect, once, with the job's own code or that of
 * the failed commit. RC_OK means: on disk. RC_IO means that it is not visible and was not promised;
 * only after a power loss at that very moment may it be found done. */
#pragma once

#include "base/err.h"
#include "base/file.h"
#include "store/types.h"

enum {
    STORE_QUEUE_MAX = 4096,       /* jobs that wait; more are RC_QUOTA */
    STORE_BATCH_MAX = 256,        /* jobs in one commit */
    STORE_BUSY_MS = 5000,         /* for another process's write; then RC_AGAIN */
    STORE_READ_BUSY_MS = 1000,    /* the same for reads, which the loop's thread makes */
    STORE_WAL_PAGES = 4096,       /* of 4 KiB: past this a checkpoint comes between two batches */
    STORE_WAL_PAGES_HARD = 16384, /* past this it waits for readers, as long as STORE_BUSY_MS */
    STORE_IDLE_MS = 200,          /* without work: then a checkpoint */
    STORE_APPLICATION_ID = 0x41544b59, /* "ATKY", in the file's header */
};

enum store_sync {
    STORE_SYNC_FULL, /* fsync at every commit; what is answered survives a power loss */
    STORE_SYNC_OFF,  /* none; for tests that show the difference, and for throw-away copies */
};

struct store_options {
    const char *dir; /* exists, belongs to the caller; the database is `store.db` in it. When
                        relative, the working directory must not change while the store is open */
    when_t now;      /* for the name of a copy before a migration, and the start of a node */
    bool create;     /* otherwise RC_NOTFOUND when there is no database */
    const struct file_owner *owner; /* of a database that is created; NULL: the caller */
    bool look;                      /* a tool's visit: never migrates, does not count as a start */
    bool thread; /* jobs run on the writer's thread; otherwise in store_collect */
    enum store_sync sync;
    unsigned busy_ms; /* 0: STORE_BUSY_MS */
    const char *vfs;  /* of SQLite, for tests; NULL: the system's */
    /* Called on the writer's thread when store_collect has something to do; must be thread safe
     * (ev_wake). */
    void (*wake)(void *arg);
    void *wake_arg;
};

/* Opens, migrates (copying the database first to `store.db.schema-N.TIME.copy` when it holds an
 * older schema), and counts a start of this node. RC_VERSION: the schema is newer than this program
 * (or older, when `look`); RC_CORRUPT: no database of ours; RC_NOTFOUND. On one thread at a time.
 */
enum rc store_open(const struct store_options *options, struct store **out, struct err *err);
/* Takes no more jobs, runs those that wait, runs their `done`, checkpoints and closes. No read
 * transaction may be open. */
void store_close(struct store *s);
DEFINE_FREEP(store_close, struct store)

/* This node: its id, made when the database is; the boot epoch, counted up by each start. */
struct store_node {
    struct id id;
    uint64_t boot;
};
const struct store_node *store_node(const struct store *s);
/* The same inside a job. */
const struct store_node *store_txn_node(const struct store_txn *txn);

typedef enum rc (*store_fn)(struct store_txn *txn, void *arg);
typedef void (*store_done)(enum rc rc, void *arg);

/* Queues a job; `arg` lives until `done` has run, which may be NULL. RC_QUOTA when the queue is
 * full, RC_CLOSED while closing; then `done` is not called. */
enum rc store_write(struct store *s, store_fn fn, store_done done, void *arg);
/* Runs a job and waits for its commit. For start-up, init and tests; not on a busy loop. */
enum rc store_write_now(struct store *s, store_fn fn, void *arg);
/* Runs the `done` of what is finished; the number of them. Without a thread it first runs what
 * waits. On the loop's thread. */
size_t store_collect(struct store *s);
/* Jobs not yet collected. */
size_t store_pending(struct store *s);

/* The reading connection, for single statements: each function sees the newest committed state.
 * Borrowed, never NULL. */
struct store_txn *store_read(struct store *s);
/* The same connection with one state for all that follows, until store_read_end; not nested. Keep
 * it short: while it is open, the log beside the database cannot be shortened. */
enum rc store_read_begin(struct store *s, struct store_txn **out);
void store_read_end(struct store_txn *txn);

/* Copies all of the committed log into the database and empties it; also done by the writer, when
 * idle. */
enum rc store_checkpoint(struct store *s);

/* What went wrong last in the writer or the reader, for the log and for `doctor`; ERR_INIT when
 * nothing has. */
void store_last_error(struct store *s, struct err *out);

struct store_stats {
    uint64_t jobs;    /* answered RC_OK */
    uint64_t failed;  /* answered otherwise */
    uint64_t commits; /* with something in them */
    uint64_t broken;  /* batches that failed as a whole and were run one by one */
    uint64_t checkpoints;
    uint64_t wal_pages; /* at the last commit */
    uint64_t largest;   /* jobs in one commit, the most so far */
};
void store_stats(struct store *s, struct store_stats *out);

/* The schema that this program writes; that of the database. */
unsigned store_schema_program(void);
unsigned store_schema(const struct store *s);

/* All of the database read and checked against itself (takes long); RC_CORRUPT with the first
 * finding. */
enum rc store_check(struct store *s, struct err *err);
