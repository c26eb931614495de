/* SPDX-License-Identifier: Apache-2.0 */
/* A busy run of whole orders, each a chain of four jobs as an issuing server makes them, and the
 * power cut at every point of it. */
#include "power_run.h"

#include <stdio.h>

#include "audit/audit.h"

enum { ORDERS = 24, AT_ONCE = 8, STEPS = 4 };

/* Ids: the n-th of a kind. */
enum { ACCOUNT = 1000, AUTHORIZATION = 2000, ORDER = 3000, ISSUANCE = 4000, CERTIFICATE = 5000 };
enum { ISSUER = 3 };

struct run {
    struct store *s;
    struct vfs *v;
    unsigned started;
    enum rc rc;
};

struct chain {
    struct run *run;
    unsigned n;    /* which order */
    unsigned step; /* the one that runs */
};

static enum rc audit(struct store_txn *txn, const char *action, struct id object)
{
    return audit_append(
        txn,
        &(struct audit_event){
            .at = FIX_NOW, .action = action, .object_kind = "order", .object = id_str(&object)},
        NULL);
}

static enum rc step_order(struct store_txn *txn, unsigned n)
{
    struct store_account account = fix_account(ACCOUNT + n);
    struct store_authorization authz = fix_authorization(AUTHORIZATION + n, ACCOUNT + n);
    struct store_order_name name;
    struct store_order order = fix_order(ORDER + n, ACCOUNT + n, AUTHORIZATION + n, &name);

    TRY(store_account_add(txn, &account));
    TRY(store_authorization_add(txn, &authz));
    TRY(store_order_add(txn, &order));
    return audit(txn, "order.created", order.id);
}

static enum rc step_validate(struct store_txn *txn, unsigned n)
{
    struct id authz = fix_id(AUTHORIZATION + n), order = fix_id(ORDER + n);

    TRY(store_authorization_validate(txn, &authz, FIX_NOW, FIX_NOW + WHEN_DAY));
    TRY(store_order_move(txn, &order, STORE_ORDER_PENDING, STORE_ORDER_READY));
    return audit(txn, "order.ready", order);
}

static enum rc step_reserve(struct store_txn *txn, unsigned n)
{
    struct id order = fix_id(ORDER + n);
    struct fix_serial room;
    struct store_issuance issuance = fix_issuance(ISSUANCE + n, ISSUER, &room);

    issuance.order = order;
    TRY(store_order_process(txn, &order, FIX_NOW));
    TRY(store_issuance_reserve(txn, &issuance));
    return audit(txn, "issuance.reserved", order);
}

static enum rc step_issue(struct store_txn *txn, unsigned n)
{
    struct id order = fix_id(ORDER + n), issuance = fix_id(ISSUANCE + n);
    struct fix_serial room;
    struct store_certificate c = fix_certificate(CERTIFICATE + n, ISSUER, &room);

    c.serial = fix_serial(ISSUANCE + n, &room);
    TRY(store_certificate_add(txn, &c, &issuance));
    TRY(store_issuance_finish(txn, &issuance, FIX_NOW));
    TRY(store_order_finish(txn, &order, &c.id));
    return audit(txn, "certificate.issued", order);
}

static enum rc run_step(struct store_txn *txn, void *arg)
{
    static enum rc (*const steps[STEPS])(struct store_txn *, unsigned) = {step_order, step_validate,
                                                                          step_reserve, step_issue};
    struct chain *c = arg;

    return steps[c->step](txn, c->n);
}

static void start(struct run *run, struct chain *c);

/* Marks what the client now has in hand, and goes on with the next step or the next order. */
static void stepped(enum rc rc, void *arg)
{
    struct chain *c = arg;

    if (rc != RC_OK) {
        c->run->rc = rc;
        return;
    }
    vfs_mark(c->run->v, c->n * STEPS + c->step);
    if (++c->step < STEPS)
        c->run->rc = store_write(c->run->s, run_step, stepped, c);
    else if (c->run->started < ORDERS)
        start(c->run, c);
}

static void start(struct run *run, struct chain *c)
{
    *c = (struct chain){.run = run, .n = run->started++};
    run->rc = store_write(run->s, run_step, stepped, c);
}

static enum rc busy_run(struct run *run)
{
    struct chain chains[AT_ONCE];
    unsigned rounds = 0;

    for (unsigned i = 0; i < AT_ONCE; i++)
        start(run, &chains[i]);
    while (run->rc == RC_OK && store_pending(run->s)) {
        (void)store_collect(run->s);
        /* With checkpoints in between; behind a passive one the log begins anew in its old file. */
        if (++rounds % 6 == 0)
            TRY(store_checkpoint(run->s));
        else if (rounds % 3 == 0)
            TRY(sql_exec(&run->s->write_db, "PRAGMA wal_checkpoint(PASSIVE)"));
    }
    return run->rc;
}

static enum rc make_issuer(struct store_txn *txn, void *)
{
    struct store_issuer issuer = fix_issuer(ISSUER);

    return store_issuer_add(txn, &issuer);
}

/* What is known of order `n`. */
struct facts {
    bool order, issuance, certificate;
    enum store_order_status order_status;
    enum store_issuance_state issuance_state;
};

static enum rc found(enum rc rc, bool *out)
{
    *out = rc == RC_OK;
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

static enum rc read_facts(struct store *s, struct arena *a, unsigned n, struct facts *out)
{
    struct store_txn *txn = store_read(s);
    struct id order_id = fix_id(ORDER + n), issuance_id = fix_id(ISSUANCE + n);
    struct id certificate_id = fix_id(CERTIFICATE + n);
    struct store_order order = {};
    struct store_issuance issuance = {};
    struct store_certificate certificate = {};

    *out = (struct facts){};
    TRY(found(store_order_get(txn, a, &order_id, &order), &out->order));
    TRY(found(store_issuance_get(txn, a, &issuance_id, &issuance), &out->issuance));
    TRY(found(store_certificate_get(txn, a, &certificate_id, &certificate), &out->certificate));
    out->order_status = order.status;
    out->issuance_state = issuance.state;
    return RC_OK;
}

/* A state that the four steps cannot leave behind: one of them happened by half. */
static const char *torn(const struct facts *f)
{
    bool issued = f->issuance && f->issuance_state == STORE_ISSUANCE_DONE;

    if (f->issuance != (f->order && f->order_status >= STORE_ORDER_PROCESSING))
        return "a reservation without its order, or the reverse";
    if (f->certificate != issued)
        return "a certificate whose issuance is not done, or the reverse";
    if (f->certificate != (f->order && f->order_status == STORE_ORDER_VALID))
        return "a certificate whose order is not valid, or the reverse";
    return NULL;
}

/* How far order `n` got: 0 nothing, 4 issued. */
static unsigned progress(const struct facts *f)
{
    if (f->certificate)
        return 4;
    if (f->issuance)
        return 3;
    if (f->order)
        return f->order_status == STORE_ORDER_READY ? 2 : 1;
    return 0;
}

static bool events_fit(struct store *s, struct arena *a, size_t wanted, char why[static 256])
{
    struct store_event_filter filter = {};
    struct store_event *list;
    size_t n;

    if (store_event_list(store_read(s), a, &filter, &list, &n) != RC_OK)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (list[i].sequence != i + 1) {
            (void)snprintf(why, 256, "a hole in the audit log before %zu", i + 1);
            return false;
        }
    }
    (void)snprintf(why, 256, "%zu events for %zu acknowledged changes", n, wanted);
    return n >= wanted;
}

static enum rc write_something(struct store_txn *txn, void *)
{
    return store_meta_set(txn, "after", STR("the lights came back"));
}

static bool check(struct store *s, const uint64_t *marks, size_t n_marks, char why[static 256],
                  void *)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(16 << 20);
    unsigned acknowledged[ORDERS] = {};
    struct facts facts;
    const char *half;

    for (size_t i = 0; i < n_marks; i++)
        acknowledged[marks[i] / STEPS] = (unsigned)(marks[i] % STEPS) + 1;
    for (unsigned n = 0; n < ORDERS; n++) {
        if (read_facts(s, &a, n, &facts) != RC_OK) {
            (void)snprintf(why, 256, "order %u cannot be read", n);
            return false;
        }
        half = torn(&facts);
        if (half || progress(&facts) < acknowledged[n]) {
            (void)snprintf(why, 256, "order %u: acknowledged step %u, there is %u; %s", n,
                           acknowledged[n], progress(&facts), half ? half : "lost");
            return false;
        }
    }
    if (!events_fit(s, &a, n_marks, why))
        return false;
    (void)snprintf(why, 256, "it takes no writes any more");
    return store_write_now(s, write_something, NULL) == RC_OK;
}

/* How often the run synchronises: at every commit, as SQLite's faster setting does (at checkpoints
 * only), never. */
enum care { FULL, NORMAL, NEVER };

static enum rc live(struct store *s, struct vfs *v, void *arg)
{
    const enum care *care = arg;
    struct run run = {.s = s, .v = v};

    TRY(store_write_now(s, make_issuer, NULL));
    if (*care == NORMAL)
        TRY(sql_exec(&s->write_db, "PRAGMA synchronous = NORMAL"));
    return busy_run(&run);
}

static enum rc run_and_replay(enum care care, struct power_report *report)
{
    return power_run(care == NEVER ? STORE_SYNC_OFF : STORE_SYNC_FULL, live, &care,
                     (struct power_plan){.seed = 20261120,
                                         .variants = 2,
                                         .stride = 5,
                                         .to_failure = care != FULL,
                                         .check = check},
                     report);
}

static void nothing_acknowledged_is_lost(void)
{
    struct power_report report;

    CHECK_OK(run_and_replay(FULL, &report));
    if (report.failures)
        fail_msg("%u of %u: %s", report.failures, report.states, report.first);
    CHECK(report.states > 500);
}

/* The proofs that the check above can fail. */
static void synchronising_at_checkpoints_only_is_found_out(void)
{
    struct power_report report;

    CHECK_OK(run_and_replay(NORMAL, &report));
    CHECK(report.failures > 0);
    CHECK(strstr(report.first, "acknowledged step"));
}

static void not_synchronising_is_found_out(void)
{
    struct power_report report;

    CHECK_OK(run_and_replay(NEVER, &report));
    CHECK(report.failures > 0);
}

CHECK_MAIN(CHECK_TEST_ONCE(nothing_acknowledged_is_lost),
           CHECK_TEST_ONCE(synchronising_at_checkpoints_only_is_found_out),
           CHECK_TEST_ONCE(not_synchronising_is_found_out))
