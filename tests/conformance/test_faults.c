/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that is full, fails, or refuses to synchronise: clear words, nothing half done, and work
 * goes on when it is mended. */
#include "check.h"

#include <sqlite3.h>

#include "unit/store/fixture.h"
#include "vfs.h"

struct fault {
    enum vfs_op op;
    int code;
    const char *message; /* code of the catalogue */
};

static const struct fault faults[] = {
    {VFS_WRITE, SQLITE_FULL, "store.disk-full"},
    {VFS_WRITE, SQLITE_IOERR_WRITE, "store.io"},
    {VFS_WRITE, SQLITE_READONLY, "store.read-only"},
    {VFS_SYNC, SQLITE_IOERR_FSYNC, "store.io"},
};

struct broken {
    struct vfs *v;
    struct fix f;
};

static void broken_done(struct broken *b)
{
    fix_done(&b->f);
    vfs_free(b->v);
}

static enum rc broken_open(struct broken *b)
{
    struct store_options o;

    TRY(vfs_new("faulty", &b->v));
    TRY(fix_dir(&b->f));
    o = fix_options(&b->f);
    o.sync = STORE_SYNC_FULL;
    o.vfs = "faulty";
    return store_open(&o, &b->f.s, NULL);
}

struct job {
    char key[16];
    unsigned runs;
    enum rc rc;
};

static enum rc run(struct store_txn *txn, void *arg)
{
    struct job *job = arg;

    job->runs++;
    return store_meta_set(txn, job->key, STR("value"));
}

static void answer(enum rc rc, void *arg)
{
    ((struct job *)arg)->rc = rc;
}

static bool is_there(struct broken *b, const struct job *job)
{
    struct str got;

    return store_meta_get(store_read(b->f.s), &b->f.a, job->key, &got) == RC_OK;
}

static void a_lasting_fault_is_named_and_leaves_nothing(void)
{
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        CLEANUP(broken_done) struct broken b = {};
        struct job job = {.key = "key"};
        struct err err;

        CHECK_OK(broken_open(&b));
        vfs_fail(b.v, faults[i].op, 1, 1000, faults[i].code);
        CHECK_RC(store_write_now(b.f.s, run, &job), RC_IO);
        store_last_error(b.f.s, &err);
        CHECK_STR(str_of(err.msg ? err.msg->code : ""), faults[i].message);
        CHECK(!is_there(&b, &job));
        vfs_heal(b.v);
        CHECK_OK(store_write_now(b.f.s, run, &job));
        CHECK(is_there(&b, &job));
        CHECK_OK(store_check(b.f.s, NULL));
    }
}

/* Whatever operation of a batch it hits: each job is done or not done, and answered so. */
static void a_passing_fault_in_a_batch_costs_one_repetition(void)
{
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        for (unsigned nth = 1; nth <= 6; nth++) {
            CLEANUP(broken_done) struct broken b = {};
            struct job jobs[4];
            struct store_stats stats;

            CHECK_OK(broken_open(&b));
            vfs_fail(b.v, faults[i].op, nth, 0, faults[i].code);
            for (unsigned k = 0; k < 4; k++) {
                jobs[k] = (struct job){.rc = RC_COUNT};
                (void)snprintf(jobs[k].key, sizeof(jobs[k].key), "key-%u", k);
                CHECK_OK(store_write(b.f.s, run, answer, &jobs[k]));
            }
            CHECK_INT(store_collect(b.f.s), 4);
            store_stats(b.f.s, &stats);
            CHECK(stats.broken == 1 || (nth > 1 && stats.broken == 0)); /* behind the batch */
            for (unsigned k = 0; k < 4; k++) {
                CHECK_OK(jobs[k].rc);
                CHECK_INT(jobs[k].runs, 1 + stats.broken);
                CHECK(is_there(&b, &jobs[k]));
            }
            CHECK_OK(store_check(b.f.s, NULL));
        }
    }
}

/* The reopened store holds exactly what was answered with RC_OK. */
static void what_was_refused_is_not_there_after_a_restart(void)
{
    for (unsigned nth = 1; nth <= 40; nth++) {
        CLEANUP(broken_done) struct broken b = {};
        struct job jobs[12];
        struct store_options o;

        CHECK_OK(broken_open(&b));
        vfs_fail(b.v, nth % 2 ? VFS_WRITE : VFS_SYNC, nth, 3, SQLITE_FULL);
        for (unsigned k = 0; k < 12; k++) {
            jobs[k] = (struct job){.rc = RC_COUNT};
            (void)snprintf(jobs[k].key, sizeof(jobs[k].key), "key-%u", k);
            CHECK_OK(store_write(b.f.s, run, answer, &jobs[k]));
            if (k % 3 == 2)
                (void)store_collect(b.f.s);
            if (k == 5)
                IGNORE_RC(store_checkpoint(b.f.s)); /* may fail; must not harm */
        }
        vfs_heal(b.v);
        o = fix_options(&b.f);
        store_close(MOVE(b.f.s));
        CHECK_OK(store_open(&o, &b.f.s, NULL));
        CHECK_OK(store_check(b.f.s, NULL));
        for (unsigned k = 0; k < 12; k++)
            CHECK(is_there(&b, &jobs[k]) == (jobs[k].rc == RC_OK));
    }
}

static void a_failing_start_says_why(void)
{
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        CLEANUP(broken_done) struct broken b = {};
        struct store_options o;
        struct err err = ERR_INIT;

        CHECK_OK(vfs_new("faulty", &b.v));
        CHECK_OK(fix_dir(&b.f));
        o = fix_options(&b.f);
        o.sync = STORE_SYNC_FULL;
        o.vfs = "faulty";
        vfs_fail(b.v, faults[i].op, 1, 1000, faults[i].code);
        CHECK_RC(store_open(&o, &b.f.s, &err), RC_IO);
        CHECK(err.msg);
        vfs_heal(b.v);
        CHECK_OK(store_open(&o, &b.f.s, NULL)); /* nothing in the way of the next start */
        CHECK_OK(store_check(b.f.s, NULL));
    }
}

CHECK_MAIN(CHECK_TEST_ONCE(a_lasting_fault_is_named_and_leaves_nothing),
           CHECK_TEST_ONCE(a_passing_fault_in_a_batch_costs_one_repetition),
           CHECK_TEST_ONCE(what_was_refused_is_not_there_after_a_restart),
           CHECK_TEST_ONCE(a_failing_start_says_why))
