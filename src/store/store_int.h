/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of an open store: two connections, the queue of the writer, what it has finished. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "store/sql_int.h"
#include "store/store.h"

struct store {
    bool lib;
    bool look;
    bool threaded;
    bool thread_runs;
    unsigned schema;
    struct store_node node;
    void (*wake)(void *arg);
    void *wake_arg;

    struct sql_db write_db; /* the writer's, also when it is no thread */
    struct sql_db read_db;
    struct store_txn read_txn;
    int wal_pages; /* written by the hook of write_db */
    bool wal_dirty;
    bool accounts_touched; /* by what is not committed yet; the writer's */
    _Atomic uint64_t accounts_generation;

    pthread_t thread;
    pthread_mutex_t lock;   /* everything below */
    pthread_cond_t work;    /* for the writer: jobs, or the end */
    pthread_cond_t settled; /* for store_write_now */
    struct list queue;
    struct list finished;
    size_t n_queued;
    size_t n_uncollected; /* queued, running, finished */
    bool closing;
    struct store_stats stats;
    struct err last;
};

struct store_job {
    struct list link;
    store_fn fn;
    store_done done;
    void *arg;
    enum rc rc;
    bool waited; /* on the stack of store_write_now, which waits for `settled` */
    bool settled;
};

/* Migrations: numbered from 1 without gaps, each in one transaction. */
struct store_migration {
    const char *name;
    const char *const *statements; /* NULL ends them */
};
struct store_migrate {
    const struct store_migration *list;
    unsigned n;
    const char *path; /* of the database */
    when_t now;
    bool look;
};
/* The program's own. */
const struct store_migration *store_migrations(unsigned *out_n);
/* Brings the database to the list's last version, or says why not. */
enum rc store_migrate(struct sql_db *db, const struct store_migrate *m, unsigned *out_version,
                      struct err *err);

/* meta.c: makes the node when the database has none, and counts its start; reads it. */
enum rc store_node_start(struct store_txn *txn, when_t now, struct store_node *out);
enum rc store_node_read(struct store_txn *txn, struct store_node *out);

/* writer.c */
enum rc writer_start(struct store *s, struct err *err);
/* Runs what waits and ends the thread. */
void writer_stop(struct store *s);
/* One transaction outside the queue; before the writer runs, or after. */
enum rc writer_run(struct store *s, store_fn fn, void *arg);
