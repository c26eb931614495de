/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "store/store_int.h"

MSG(msg_thread, "store.no-thread", "cannot start the database's writer thread: {0}");

static void remember(struct store *s, const struct sql_db *db, enum rc rc)
{
    if (rc != db->last.rc)
        return;
    pthread_mutex_lock(&s->lock);
    s->last = db->last;
    pthread_mutex_unlock(&s->lock);
}

/* As sql_exec, prepared once. */
static enum rc control(struct store *s, const char *sql)
{
    struct store_txn txn = {.store = s, .db = &s->write_db, .writable = true};
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, &txn, sql));
    return stmt_run(&st);
}

static enum rc begin(struct store *s)
{
    enum rc rc = control(s, "BEGIN IMMEDIATE");

    if (rc != RC_OK)
        remember(s, &s->write_db, rc);
    return rc;
}

static bool in_transaction(struct store *s)
{
    return !sqlite3_get_autocommit(s->write_db.c);
}

/* SQLite may have rolled back by itself; then there is nothing to do. */
static void rollback(struct store *s)
{
    if (in_transaction(s))
        IGNORE_RC(sql_exec(&s->write_db, "ROLLBACK"));
}

static enum rc commit(struct store *s)
{
    enum rc rc = control(s, "COMMIT");

    if (rc == RC_OK) {
        /* Visible by now, and answered later: nobody who was answered reads what was before. */
        if (s->accounts_touched)
            atomic_fetch_add(&s->accounts_generation, 1);
        s->accounts_touched = false;
        pthread_mutex_lock(&s->lock);
        s->stats.commits++;
        s->stats.wal_pages = (uint64_t)s->wal_pages;
        pthread_mutex_unlock(&s->lock);
        return RC_OK;
    }
    remember(s, &s->write_db, rc);
    rollback(s);
    return rc;
}

static enum rc call(struct store *s, store_fn fn, void *arg)
{
    struct store_txn txn = {.store = s, .db = &s->write_db, .writable = true};
    enum rc rc = fn(&txn, arg);

    if (rc != RC_OK)
        remember(s, &s->write_db, rc);
    return rc;
}

enum rc writer_run(struct store *s, store_fn fn, void *arg)
{
    enum rc rc;

    TRY(begin(s));
    rc = call(s, fn, arg);
    if (rc == RC_OK && !in_transaction(s))
        rc = RC_IO; /* it ignored a failure that ended the transaction */
    if (rc == RC_OK)
        return commit(s);
    rollback(s);
    return rc;
}

/* A job in its savepoint. False when the transaction is lost, and with it what earlier jobs did. */
static bool run_inside(struct store *s, struct store_job *job)
{
    enum rc rc = control(s, "SAVEPOINT job");

    if (rc != RC_OK)
        return false;
    job->rc = call(s, job->fn, job->arg);
    if (!in_transaction(s))
        return false;
    if (job->rc != RC_OK && sql_exec(&s->write_db, "ROLLBACK TO job") != RC_OK)
        return false;
    return control(s, "RELEASE job") == RC_OK;
}

static enum rc run_together(struct store *s, struct list *batch)
{
    size_t good = 0;

    LIST_FOREACH (it, batch) {
        struct store_job *job = LIST_ENTRY(it, struct store_job, link);

        if (!run_inside(s, job)) {
            rollback(s);
            return RC_IO;
        }
        good += job->rc == RC_OK;
    }
    if (good)
        return commit(s);
    rollback(s);
    return RC_OK;
}

static void fail_all(struct list *batch, enum rc rc)
{
    LIST_FOREACH (it, batch)
        LIST_ENTRY(it, struct store_job, link)->rc = rc;
}

static void run_singly(struct store *s, struct list *batch)
{
    pthread_mutex_lock(&s->lock);
    s->stats.broken++;
    pthread_mutex_unlock(&s->lock);
    LIST_FOREACH (it, batch) {
        struct store_job *job = LIST_ENTRY(it, struct store_job, link);

        job->rc = writer_run(s, job->fn, job->arg);
    }
}

static void run_batch(struct store *s, struct list *batch, size_t n)
{
    enum rc rc;

    if (n == 1) { /* no savepoint: the transaction is its own */
        LIST_FOREACH (it, batch) {
            struct store_job *job = LIST_ENTRY(it, struct store_job, link);

            job->rc = writer_run(s, job->fn, job->arg);
        }
        return;
    }
    rc = begin(s);
    if (rc != RC_OK) { /* none was run; the wait for the lock was long enough */
        fail_all(batch, rc);
        return;
    }
    if (run_together(s, batch) != RC_OK)
        run_singly(s, batch);
}

/* With the lock held. */
static size_t take_batch(struct store *s, struct list *batch)
{
    size_t n = 0;

    list_init(batch);
    for (; n < STORE_BATCH_MAX && !list_empty(&s->queue); n++)
        list_push(batch, list_pop(&s->queue));
    s->n_queued -= n;
    return n;
}

/* With the lock held. */
static void settle(struct store *s, struct list *batch, size_t n)
{
    if (n > s->stats.largest)
        s->stats.largest = n;
    LIST_FOREACH (it, batch) {
        struct store_job *job = LIST_ENTRY(it, struct store_job, link);

        if (job->rc == RC_OK)
            s->stats.jobs++;
        else
            s->stats.failed++;
        if (job->waited) {
            list_remove(it);
            s->n_uncollected--;
            job->settled = true;
        }
    }
    list_splice(&s->finished, batch);
    pthread_cond_broadcast(&s->settled);
}

static enum rc checkpoint(struct store *s, int mode)
{
    int code = sqlite3_wal_checkpoint_v2(s->write_db.c, NULL, mode, NULL, NULL);

    /* A reader in the way is no failure: the rest is for the next time. */
    if ((code & 0xff) != SQLITE_OK && (code & 0xff) != SQLITE_BUSY) {
        enum rc rc = sql_rc(&s->write_db, code);

        remember(s, &s->write_db, rc);
        return rc;
    }
    pthread_mutex_lock(&s->lock);
    s->stats.checkpoints++;
    pthread_mutex_unlock(&s->lock);
    s->wal_dirty = false;
    return RC_OK;
}

enum rc store_checkpoint(struct store *s)
{
    return s->thread_runs || s->look ? RC_DENIED : checkpoint(s, SQLITE_CHECKPOINT_TRUNCATE);
}

static void checkpoint_when_long(struct store *s)
{
    if (s->wal_pages > STORE_WAL_PAGES_HARD)
        IGNORE_RC(checkpoint(s, SQLITE_CHECKPOINT_RESTART)); /* noted in stats and last error */
    else if (s->wal_pages > STORE_WAL_PAGES)
        IGNORE_RC(checkpoint(s, SQLITE_CHECKPOINT_PASSIVE));
}

static int on_wal(void *arg, sqlite3 *, const char *, int pages)
{
    struct store *s = arg;

    s->wal_pages = pages;
    s->wal_dirty = true;
    return SQLITE_OK;
}

/* With the lock held; true when there was nothing to do for STORE_IDLE_MS. */
static bool wait_for_work(struct store *s)
{
    struct timespec until;

    if (!s->wal_dirty) {
        pthread_cond_wait(&s->work, &s->lock);
        return false;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += STORE_IDLE_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    return pthread_cond_timedwait(&s->work, &s->lock, &until) == ETIMEDOUT;
}

/* With the lock held on entry and exit. */
static void work_once(struct store *s)
{
    struct list batch;
    size_t n = take_batch(s, &batch);
    bool tell;

    pthread_mutex_unlock(&s->lock);
    run_batch(s, &batch, n);
    pthread_mutex_lock(&s->lock);
    settle(s, &batch, n);
    tell = !list_empty(&s->finished) && s->wake;
    pthread_mutex_unlock(&s->lock);
    if (tell)
        s->wake(s->wake_arg);
    checkpoint_when_long(s);
    pthread_mutex_lock(&s->lock);
}

static void *writer_main(void *arg)
{
    struct store *s = arg;

    pthread_mutex_lock(&s->lock);
    while (!s->closing || !list_empty(&s->queue)) {
        if (!list_empty(&s->queue)) {
            work_once(s);
        } else if (wait_for_work(s)) {
            pthread_mutex_unlock(&s->lock);
            IGNORE_RC(checkpoint(s, SQLITE_CHECKPOINT_PASSIVE)); /* noted, tried again later */
            s->wal_dirty = false;
            pthread_mutex_lock(&s->lock);
        }
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

enum rc writer_start(struct store *s, struct err *err)
{
    sigset_t all, before;
    int code;

    sqlite3_wal_hook(s->write_db.c, on_wal, s);
    if (!s->threaded)
        return RC_OK;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the loop's */
    code = pthread_create(&s->thread, NULL, writer_main, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code != 0)
        return ERR(err, RC_IO, msg_thread, str_of(strerror(code)));
    s->thread_runs = true;
    return RC_OK;
}

static void drain(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    while (!list_empty(&s->queue))
        work_once(s);
    pthread_mutex_unlock(&s->lock);
}

void writer_stop(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    s->closing = true;
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->lock);
    if (s->thread_runs)
        pthread_join(s->thread, NULL);
    s->thread_runs = false;
    drain(s);
}

/* With the lock held. */
static enum rc enqueue(struct store *s, struct store_job *job)
{
    if (s->look)
        return RC_DENIED;
    if (s->closing)
        return RC_CLOSED;
    if (s->n_uncollected >= STORE_QUEUE_MAX)
        return RC_QUOTA;
    list_push(&s->queue, &job->link);
    s->n_queued++;
    s->n_uncollected++;
    return RC_OK;
}

enum rc store_write(struct store *s, store_fn fn, store_done done, void *arg)
{
    struct store_job *job = MEM_NEW(struct store_job);
    enum rc rc;

    if (!job)
        return RC_NOMEM;
    *job = (struct store_job){.fn = fn, .done = done, .arg = arg};
    pthread_mutex_lock(&s->lock);
    rc = enqueue(s, job);
    pthread_mutex_unlock(&s->lock);
    if (rc == RC_OK)
        pthread_cond_signal(&s->work); /* unlocked, or the writer would wake up to wait again */
    else
        mem_free(job);
    return rc;
}

enum rc store_write_now(struct store *s, store_fn fn, void *arg)
{
    struct store_job job = {.fn = fn, .arg = arg, .waited = true};
    enum rc rc;

    pthread_mutex_lock(&s->lock);
    rc = enqueue(s, &job);
    if (rc == RC_OK)
        pthread_cond_signal(&s->work);
    while (rc == RC_OK && !job.settled) {
        if (s->thread_runs)
            pthread_cond_wait(&s->settled, &s->lock);
        else
            work_once(s);
    }
    pthread_mutex_unlock(&s->lock);
    return rc == RC_OK ? job.rc : rc;
}

size_t store_collect(struct store *s)
{
    struct list ready;
    size_t n = 0;

    if (!s->thread_runs)
        drain(s);
    list_init(&ready);
    pthread_mutex_lock(&s->lock);
    list_splice(&ready, &s->finished);
    pthread_mutex_unlock(&s->lock);
    for (struct list *link = list_pop(&ready); link; link = list_pop(&ready)) {
        struct store_job *job = LIST_ENTRY(link, struct store_job, link);

        /* Before `done`, so that it may queue the next step even when the queue was full. */
        pthread_mutex_lock(&s->lock);
        s->n_uncollected--;
        pthread_mutex_unlock(&s->lock);
        if (job->done)
            job->done(job->rc, job->arg);
        mem_free(job);
        n++;
    }
    return n;
}

size_t store_pending(struct store *s)
{
    size_t n;

    pthread_mutex_lock(&s->lock);
    n = s->n_uncollected;
    pthread_mutex_unlock(&s->lock);
    return n;
}

void store_last_error(struct store *s, struct err *out)
{
    pthread_mutex_lock(&s->lock);
    *out = s->last.rc != RC_OK ? s->last : s->read_db.last;
    pthread_mutex_unlock(&s->lock);
}

void store_stats(struct store *s, struct store_stats *out)
{
    pthread_mutex_lock(&s->lock);
    *out = s->stats;
    pthread_mutex_unlock(&s->lock);
}
