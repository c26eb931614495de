/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <pthread.h>

#include "fixture.h"

/* A job that notes how often it ran and what was answered. */
struct job {
    struct id id;
    enum { PUT, PUT_AND_FAIL, END_TRANSACTION } what;
    unsigned runs;
    unsigned answers;
    enum rc rc;
};

static enum rc run(struct store_txn *txn, void *arg)
{
    struct job *job = arg;

    job->runs++;
    TRY(store_meta_set(txn, job->id.z, STR("x")));
    if (job->what == END_TRANSACTION) /* as SQLite does by itself when the disk is full */
        TRY(sql_exec(txn->db, "ROLLBACK"));
    return job->what == PUT_AND_FAIL ? RC_DENIED : RC_OK;
}

static void answer(enum rc rc, void *arg)
{
    struct job *job = arg;

    job->answers++;
    job->rc = rc;
}

static void make(struct job *jobs, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        jobs[i] = (struct job){.id = fix_id(i), .rc = RC_COUNT};
}

static bool is_there(struct fix *f, const struct job *job)
{
    struct str got;

    return store_meta_get(READ(f), &f->a, job->id.z, &got) == RC_OK;
}

static void one_commit_answers_all_that_waited(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_stats stats;
    struct job jobs[5];

    make(jobs, 5);
    jobs[2].what = PUT_AND_FAIL;
    CHECK_OK(fix_open(&f));
    for (unsigned i = 0; i < 5; i++)
        CHECK_OK(store_write(f.s, run, answer, &jobs[i]));
    CHECK_INT(store_pending(f.s), 5);
    CHECK_INT(jobs[0].runs, 0);
    CHECK_INT(store_collect(f.s), 5);
    for (unsigned i = 0; i < 5; i++) {
        CHECK_INT(jobs[i].runs, 1);
        CHECK_INT(jobs[i].answers, 1);
        CHECK_RC(jobs[i].rc, i == 2 ? RC_DENIED : RC_OK);
        CHECK(is_there(&f, &jobs[i]) == (i != 2)); /* its part alone is undone */
    }
    store_stats(f.s, &stats);
    CHECK_INT(stats.commits, 1);
    CHECK_INT(stats.jobs, 4);
    CHECK_INT(stats.failed, 1);
    CHECK_INT(stats.largest, 5);
    CHECK_INT(stats.broken, 0);
    CHECK_INT(store_collect(f.s), 0);
}

static void a_lost_batch_is_run_again_one_by_one(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_stats stats;
    struct job jobs[4];

    make(jobs, 4);
    jobs[2].what = END_TRANSACTION;
    CHECK_OK(fix_open(&f));
    for (unsigned i = 0; i < 4; i++)
        CHECK_OK(store_write(f.s, run, answer, &jobs[i]));
    CHECK_INT(store_collect(f.s), 4);
    CHECK_INT(jobs[0].runs, 2);
    CHECK_INT(jobs[1].runs, 2);
    CHECK_INT(jobs[2].runs, 2);
    CHECK_INT(jobs[3].runs, 1);
    for (unsigned i = 0; i < 4; i++) {
        CHECK_INT(jobs[i].answers, 1);
        CHECK_RC(jobs[i].rc, i == 2 ? RC_IO : RC_OK);
        CHECK(is_there(&f, &jobs[i]) == (i != 2));
    }
    store_stats(f.s, &stats);
    CHECK_INT(stats.broken, 1);
    CHECK_INT(stats.commits, 3);
}

static void a_batch_of_failures_commits_nothing(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_stats stats;
    struct job jobs[3];

    make(jobs, 3);
    CHECK_OK(fix_open(&f));
    for (unsigned i = 0; i < 3; i++) {
        jobs[i].what = PUT_AND_FAIL;
        CHECK_OK(store_write(f.s, run, answer, &jobs[i]));
    }
    CHECK_INT(store_collect(f.s), 3);
    store_stats(f.s, &stats);
    CHECK_INT(stats.commits, 0);
    for (unsigned i = 0; i < 3; i++)
        CHECK_RC(jobs[i].rc, RC_DENIED);
}

static void the_queue_has_an_end(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct job job = {.id = fix_id(1)};
    struct store_stats stats;

    CHECK_OK(fix_open(&f));
    for (unsigned i = 0; i < STORE_QUEUE_MAX; i++)
        CHECK_OK(store_write(f.s, run, answer, &job));
    CHECK_RC(store_write(f.s, run, answer, &job), RC_QUOTA);
    CHECK_RC(store_write_now(f.s, run, &job), RC_QUOTA);
    CHECK_INT(store_collect(f.s), STORE_QUEUE_MAX);
    CHECK_INT(job.answers, STORE_QUEUE_MAX);
    store_stats(f.s, &stats);
    CHECK_INT(stats.largest, STORE_BATCH_MAX);
    CHECK_INT(stats.commits, STORE_QUEUE_MAX / STORE_BATCH_MAX);
    CHECK_OK(store_write_now(f.s, run, &job));
}

struct chain {
    struct store *s;
    struct job job;
    unsigned left;
};

static enum rc run_chain(struct store_txn *txn, void *arg)
{
    return run(txn, &((struct chain *)arg)->job);
}

static void next_in_chain(enum rc rc, void *arg)
{
    struct chain *c = arg;

    c->job.rc = rc;
    if (c->left-- > 1)
        c->job.rc = store_write(c->s, run_chain, next_in_chain, c);
}

static void answers_may_ask_for_more(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct chain chain = {.left = 3, .job = {.id = fix_id(1)}};

    CHECK_OK(fix_open(&f));
    chain.s = f.s;
    CHECK_OK(store_write(f.s, run_chain, next_in_chain, &chain));
    while (store_pending(f.s))
        (void)store_collect(f.s);
    CHECK_OK(chain.job.rc);
    CHECK_INT(chain.job.runs, 3);
}

/* Counts and tells, as the loop's wake-up would. */
struct bell {
    pthread_mutex_t lock;
    pthread_cond_t rung;
    unsigned n;
};

static void ring(void *arg)
{
    struct bell *b = arg;

    pthread_mutex_lock(&b->lock);
    b->n++;
    pthread_cond_signal(&b->rung);
    pthread_mutex_unlock(&b->lock);
}

static void wait_for_bell(struct bell *b)
{
    pthread_mutex_lock(&b->lock);
    while (b->n == 0)
        pthread_cond_wait(&b->rung, &b->lock);
    b->n = 0;
    pthread_mutex_unlock(&b->lock);
}

static enum rc open_threaded(struct fix *f, struct bell *bell)
{
    struct store_options o;

    TRY(fix_dir(f));
    o = fix_options(f);
    o.thread = true;
    o.wake = ring;
    o.wake_arg = bell;
    return store_open(&o, &f->s, NULL);
}

static void the_thread_wakes_the_loop(void)
{
    struct bell bell = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    CLEANUP(fix_done) struct fix f = {};
    struct job jobs[300];
    size_t collected = 0;

    make(jobs, 300);
    jobs[7].what = PUT_AND_FAIL;
    CHECK_OK(open_threaded(&f, &bell));
    for (unsigned i = 0; i < 300; i++)
        CHECK_OK(store_write(f.s, run, answer, &jobs[i]));
    while (collected < 300) {
        wait_for_bell(&bell);
        collected += store_collect(f.s);
    }
    for (unsigned i = 0; i < 300; i++) {
        CHECK_RC(jobs[i].rc, i == 7 ? RC_DENIED : RC_OK);
        CHECK(is_there(&f, &jobs[i]) == (i != 7));
    }
    CHECK_INT(store_pending(f.s), 0);
}

static void closing_answers_what_was_taken(void)
{
    struct bell bell = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    CLEANUP(fix_done) struct fix f = {};
    struct job jobs[50];
    struct store_options o;

    make(jobs, 50);
    CHECK_OK(open_threaded(&f, &bell));
    for (unsigned i = 0; i < 50; i++)
        CHECK_OK(store_write(f.s, run, answer, &jobs[i]));
    store_close(MOVE(f.s));
    for (unsigned i = 0; i < 50; i++) {
        CHECK_INT(jobs[i].answers, 1);
        CHECK_OK(jobs[i].rc);
    }
    o = fix_options(&f);
    CHECK_OK(store_open(&o, &f.s, NULL));
    for (unsigned i = 0; i < 50; i++)
        CHECK(is_there(&f, &jobs[i]));
}

enum { SUBMITTERS = 8, EACH = 40 };

struct submitter {
    struct store *s;
    unsigned first;
    enum rc rc;
};

static void *submit(void *arg)
{
    struct submitter *me = arg;

    for (unsigned i = 0; i < EACH && me->rc == RC_OK; i++) {
        struct job job = {.id = fix_id(me->first + i)};

        me->rc = store_write_now(me->s, run, &job);
    }
    return NULL;
}

static void many_threads_may_wait(void)
{
    struct bell bell = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};
    CLEANUP(fix_done) struct fix f = {};
    struct submitter submitters[SUBMITTERS];
    pthread_t threads[SUBMITTERS];
    struct store_stats stats;
    int64_t n;

    CHECK_OK(open_threaded(&f, &bell));
    for (unsigned i = 0; i < SUBMITTERS; i++) {
        submitters[i] = (struct submitter){.s = f.s, .first = i * EACH};
        CHECK_INT(pthread_create(&threads[i], NULL, submit, &submitters[i]), 0);
    }
    for (unsigned i = 0; i < SUBMITTERS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < SUBMITTERS; i++)
        CHECK_OK(submitters[i].rc);
    store_stats(f.s, &stats);
    CHECK_INT(stats.jobs, SUBMITTERS * EACH);
    CHECK(stats.commits <= SUBMITTERS * EACH);
    CHECK_OK(sql_value(&f.s->read_db, "SELECT COUNT(*) FROM meta WHERE value = x'78'", &n));
    CHECK_INT(n, SUBMITTERS * EACH);
}

static void another_process_in_the_way_is_said(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store *other = NULL;
    struct store_options o;
    struct job jobs[2];
    struct err err = ERR_INIT;
    char text[1024];

    make(jobs, 2);
    CHECK_OK(fix_open(&f));
    o = fix_options(&f);
    CHECK_OK(store_open(&o, &other, NULL));
    enum rc rc = sql_exec(&other->write_db, "BEGIN IMMEDIATE");
    if (rc == RC_OK)
        rc = store_write(f.s, run, answer, &jobs[0]);
    if (rc == RC_OK)
        rc = store_write(f.s, run, answer, &jobs[1]);
    (void)store_collect(f.s);
    store_close(other);
    CHECK_OK(rc);
    CHECK_RC(jobs[0].rc, RC_AGAIN);
    CHECK_RC(jobs[1].rc, RC_AGAIN);
    CHECK_INT(jobs[0].runs + jobs[1].runs, 0);
    store_last_error(f.s, &err);
    CHECK(strstr(err_textz(&err, text, sizeof(text)), "another process"));
    CHECK_OK(store_write_now(f.s, run, &jobs[0]));
}

static void the_log_is_shortened(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_stats stats;
    struct job job = {.id = fix_id(1)};
    struct stat st;
    char path[128];

    CHECK_OK(fix_open(&f));
    for (unsigned i = 0; i < STORE_WAL_PAGES + 10; i++) {
        job.id = fix_id(i); /* another page each time: the same content again is not written */
        CHECK_OK(store_write_now(f.s, run, &job));
    }
    store_stats(f.s, &stats);
    CHECK(stats.checkpoints >= 1);
    CHECK(stats.wal_pages < STORE_WAL_PAGES); /* begun anew */
    CHECK_OK(store_checkpoint(f.s));
    (void)snprintf(path, sizeof(path), "%s/store.db-wal", f.dir);
    CHECK_INT(stat(path, &st), 0);
    CHECK_INT(st.st_size, 0);
}

FIX_MAIN(CHECK_TEST(one_commit_answers_all_that_waited),
         CHECK_TEST(a_lost_batch_is_run_again_one_by_one),
         CHECK_TEST_ONCE(a_batch_of_failures_commits_nothing),
         CHECK_TEST_ONCE(the_queue_has_an_end), CHECK_TEST_ONCE(answers_may_ask_for_more),
         CHECK_TEST_ONCE(the_thread_wakes_the_loop),
         CHECK_TEST_ONCE(closing_answers_what_was_taken), CHECK_TEST_ONCE(many_threads_may_wait),
         CHECK_TEST_ONCE(another_process_in_the_way_is_said), CHECK_TEST_ONCE(the_log_is_shortened))
