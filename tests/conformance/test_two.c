/* SPDX-License-Identifier: Apache-2.0 */
/* Several instances on one database: what holds must hold for every backend, and is asked through
 * the repository interface only. */
#include "check.h"

#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "audit/audit.h"
#include "store/endpoints.h"
#include "unit/store/fixture.h"

/* A backend: how to come to an empty database, and to an instance on it. */
struct backend {
    const char *name;
    enum rc (*prepare)(struct fix *f);
    enum rc (*open)(const struct fix *f, unsigned busy_ms, bool thread, struct store **out);
};

static enum rc sqlite_open(const struct fix *f, unsigned busy_ms, bool thread, struct store **out)
{
    struct store_options o = fix_options(f);

    o.busy_ms = busy_ms;
    o.thread = thread;
    return store_open(&o, out, NULL);
}

static const struct backend backends[] = {{"sqlite", fix_dir, sqlite_open}};
static const struct backend *backend;

enum { WORKERS = 4, ROUNDS = 25, PATIENT_MS = 20000 };

/* What the processes tell each other. */
struct shared {
    sem_t ready, go;
    unsigned wins[WORKERS];
    uint64_t boot[WORKERS];
    struct id node[WORKERS];
    enum rc rc[WORKERS];
};

static struct shared *shared_new(void)
{
    struct shared *sh =
        mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_true(sh != MAP_FAILED);
    sem_init(&sh->ready, 1, 0);
    sem_init(&sh->go, 1, 0);
    return sh;
}

typedef enum rc (*work_fn)(const struct fix *f, struct shared *sh, unsigned me);

/* Runs `fn` in WORKERS processes that begin at the same moment; false when one was killed. No store
 * may be open here: SQLite's connections do not outlive a fork. */
static bool in_processes(const struct fix *f, struct shared *sh, work_fn fn)
{
    pid_t pids[WORKERS];
    bool good = true;
    int status;

    for (unsigned i = 0; i < WORKERS; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            sem_post(&sh->ready);
            sem_wait(&sh->go);
            sh->rc[i] = fn(f, sh, i);
            _exit(0);
        }
        good = good && pids[i] > 0;
    }
    for (unsigned i = 0; i < WORKERS; i++)
        sem_wait(&sh->ready);
    for (unsigned i = 0; i < WORKERS; i++)
        sem_post(&sh->go);
    for (unsigned i = 0; i < WORKERS; i++)
        good = waitpid(pids[i], &status, 0) == pids[i] && WIFEXITED(status) && good;
    return good;
}

/* One step in a job of its own. */
struct step {
    enum {
        ADD_ACCOUNT,
        ADD_ISSUER,
        ADD_ORDER,
        PROCESS_ORDER,
        RESERVE,
        START_CHALLENGE,
        CLAIM_CHALLENGE,
        APPEND_EVENT,
        RAISE_CLOCK,
        SET_META,
        TAKE_LINEAGE,
        SEE_ENDPOINT
    } what;
    unsigned n;
    struct id id; /* of what is added, when it is not the n-th */
    struct id *out;
};

static enum rc add_order(struct store_txn *txn, unsigned n)
{
    struct store_challenge challenge = {
        .id = fix_id(50000 + n), .type = STR("http-01"), .token = STR("token")};
    struct store_authorization authz = fix_authorization(20000 + n, 1);
    struct store_order_name name;
    struct store_order order = fix_order(n, 1, 20000 + n, &name);

    authz.challenges = &challenge;
    authz.n_challenges = 1;
    order.status = STORE_ORDER_READY;
    TRY(store_authorization_add(txn, &authz));
    return store_order_add(txn, &order);
}

static enum rc add_thing(struct store_txn *txn, const struct step *s)
{
    struct store_account account = fix_account(s->n);
    struct store_issuer issuer = fix_issuer(s->n);
    struct fix_serial room;
    struct store_issuance issuance = fix_issuance(s->n, 3, &room);

    if (s->id.z[0])
        account.id = issuance.id = s->id;
    if (s->what == ADD_ACCOUNT)
        return store_account_add(txn, &account);
    if (s->what == ADD_ISSUER)
        return store_issuer_add(txn, &issuer);
    return store_issuance_reserve(txn, &issuance);
}

/* Each comes with an id of its own; the answer is noted under the worker's number. */
static enum rc take_lineage(struct store_txn *txn, const struct step *s)
{
    struct id logical;

    TRY(store_certificate_logical(txn, STR("gateway a.example"), &s->id, &logical));
    *s->out = logical;
    return RC_OK;
}

static enum rc see_endpoint(struct store_txn *txn, const struct step *s)
{
    const struct store_endpoint e = {
        .id = s->id,
        .endpoint = STR("10.1.2.3:443"),
        .protocol = STR("tls"),
        .address = {4, {10, 1, 2, 3}},
        .port = 443,
        .state = STORE_ENDPOINT_TLS,
        .verdicts = s->n / 10,
        .shown = true,
        .seen = {.sha256 = fix_hash(s->n / 10), .der = STR("der")},
        .last_seen = FIX_NOW + s->n,
    };

    return store_endpoint_see(txn, &e);
}

static enum rc run_step(struct store_txn *txn, void *arg)
{
    const struct step *s = arg;
    struct id order = fix_id(s->n), challenge = fix_id(50000 + s->n);
    struct audit_event event = {.at = FIX_NOW, .action = "test.happened"};

    switch (s->what) {
    case ADD_ACCOUNT:
    case ADD_ISSUER:
    case RESERVE:
        return add_thing(txn, s);
    case ADD_ORDER:
        return add_order(txn, s->n);
    case PROCESS_ORDER:
        return store_order_process(txn, &order, FIX_NOW);
    case START_CHALLENGE:
        return store_challenge_start(txn, &challenge, FIX_NOW, FIX_NOW, STR("t"));
    case CLAIM_CHALLENGE:
        return store_challenge_claim(txn, &challenge, FIX_NOW, FIX_NOW + WHEN_MINUTE);
    case APPEND_EVENT:
        return audit_append(txn, &event, NULL);
    case RAISE_CLOCK:
        return store_clock_raise(txn, FIX_NOW + s->n);
    case SET_META:
        return store_meta_set(txn, "key", s->n ? STR("new") : STR("old"));
    case TAKE_LINEAGE:
        return take_lineage(txn, s);
    case SEE_ENDPOINT:
        return see_endpoint(txn, s);
    }
    return RC_INVAL;
}

static enum rc do_step(struct store *s, struct step step)
{
    return store_write_now(s, run_step, &step);
}

static void a_unique_value_is_taken_once(void)
{
    CLEANUP(fix_done) struct fix f = {};
    CLEANUP(store_closep) struct store *a = NULL;
    CLEANUP(store_closep) struct store *b = NULL;

    CHECK_OK(backend->prepare(&f));
    CHECK_OK(backend->open(&f, PATIENT_MS, false, &a));
    CHECK_OK(backend->open(&f, PATIENT_MS, false, &b));
    CHECK_OK(do_step(a, (struct step){ADD_ACCOUNT, .n = 1}));
    /* The same key under another id; the same id. */
    CHECK_RC(do_step(b, (struct step){ADD_ACCOUNT, .n = 1, .id = fix_id(77)}), RC_EXISTS);
    CHECK_RC(do_step(b, (struct step){ADD_ACCOUNT, .n = 2, .id = fix_id(1)}), RC_EXISTS);
    CHECK_OK(do_step(b, (struct step){ADD_ISSUER, .n = 3}));
    CHECK_OK(do_step(a, (struct step){RESERVE, .n = 4}));
    CHECK_RC(do_step(b, (struct step){RESERVE, .n = 4, .id = fix_id(78)}), RC_EXISTS);
}

static void what_is_committed_is_seen_by_all(void)
{
    CLEANUP(fix_done) struct fix f = {};
    CLEANUP(store_closep) struct store *a = NULL;
    CLEANUP(store_closep) struct store *b = NULL;
    struct store_txn *snapshot;
    struct str got;

    CHECK_OK(backend->prepare(&f));
    CHECK_OK(backend->open(&f, PATIENT_MS, false, &a));
    CHECK_OK(backend->open(&f, PATIENT_MS, false, &b));
    CHECK_OK(do_step(a, (struct step){SET_META, .n = 0}));
    CHECK_OK(store_meta_get(store_read(b), &f.a, "key", &got));
    CHECK_STR(got, "old");
    CHECK_OK(store_read_begin(b, &snapshot));
    CHECK_OK(do_step(a, (struct step){SET_META, .n = 1}));
    CHECK_OK(store_meta_get(snapshot, &f.a, "key", &got));
    CHECK_STR(got, "old");
    store_read_end(snapshot);
    CHECK_OK(store_meta_get(store_read(b), &f.a, "key", &got));
    CHECK_STR(got, "new");
}

static enum rc compete(const struct fix *f, struct shared *sh, unsigned me)
{
    CLEANUP(store_closep) struct store *s = NULL;

    TRY(backend->open(f, PATIENT_MS, true, &s));
    for (unsigned n = 100; n < 100 + ROUNDS; n++) {
        enum rc order = do_step(s, (struct step){PROCESS_ORDER, .n = n});
        enum rc claim = do_step(s, (struct step){CLAIM_CHALLENGE, .n = n});

        if (order != RC_OK && order != RC_CONFLICT)
            return order;
        if (claim != RC_OK && claim != RC_CONFLICT)
            return claim;
        sh->wins[me] += (order == RC_OK) + (claim == RC_OK);
    }
    return RC_OK;
}

static void compare_and_set_has_one_winner(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct shared *sh = shared_new();
    struct store *s;
    unsigned wins = 0;

    CHECK_OK(backend->prepare(&f));
    CHECK_OK(backend->open(&f, PATIENT_MS, false, &s));
    CHECK_OK(do_step(s, (struct step){ADD_ACCOUNT, .n = 1}));
    for (unsigned n = 100; n < 100 + ROUNDS; n++) {
        CHECK_OK(do_step(s, (struct step){ADD_ORDER, .n = n}));
        CHECK_OK(do_step(s, (struct step){START_CHALLENGE, .n = n}));
    }
    store_close(s);
    CHECK(in_processes(&f, sh, compete));
    for (unsigned i = 0; i < WORKERS; i++) {
        CHECK_OK(sh->rc[i]);
        wins += sh->wins[i];
    }
    CHECK_INT(wins, 2 * ROUNDS);
    munmap(sh, sizeof(*sh));
}

static enum rc append_many(const struct fix *f, struct shared *, unsigned me)
{
    CLEANUP(store_closep) struct store *s = NULL;

    TRY(backend->open(f, PATIENT_MS, true, &s));
    for (unsigned i = 0; i < ROUNDS; i++) {
        TRY(do_step(s, (struct step){APPEND_EVENT}));
        TRY(do_step(s, (struct step){RAISE_CLOCK, .n = (i * 7 + me * 3) % 1000}));
    }
    return RC_OK;
}

static void sequences_have_no_holes_and_the_clock_no_way_back(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct shared *sh = shared_new();
    struct store_event_filter filter = {};
    struct store_event *list;
    when_t high;
    size_t n;

    CHECK_OK(backend->prepare(&f));
    CHECK(in_processes(&f, sh, append_many)); /* which also make the database together */
    for (unsigned i = 0; i < WORKERS; i++)
        CHECK_OK(sh->rc[i]);
    CHECK_OK(backend->open(&f, PATIENT_MS, false, &f.s));
    CHECK_OK(store_event_list(store_read(f.s), &f.a, &filter, &list, &n));
    CHECK_INT(n, WORKERS * ROUNDS);
    for (size_t i = 0; i < n; i++)
        CHECK_INT(list[i].sequence, i + 1);
    CHECK_OK(store_clock_high(store_read(f.s), &high));
    CHECK_INT(high, FIX_NOW + (ROUNDS - 1) * 7 + (WORKERS - 1) * 3);
    CHECK_OK(store_check(f.s, NULL));
    munmap(sh, sizeof(*sh));
}

static enum rc open_only(const struct fix *f, struct shared *sh, unsigned me)
{
    CLEANUP(store_closep) struct store *s = NULL;

    TRY(backend->open(f, PATIENT_MS, me % 2, &s));
    sh->boot[me] = store_node(s)->boot;
    sh->node[me] = store_node(s)->id;
    return RC_OK;
}

static void several_may_make_it_and_each_start_counts(void)
{
    for (unsigned round = 0; round < 5; round++) {
        CLEANUP(fix_done) struct fix f = {};
        struct shared *sh = shared_new();
        unsigned seen = 0;

        CHECK_OK(backend->prepare(&f));
        CHECK(in_processes(&f, sh, open_only));
        for (unsigned i = 0; i < WORKERS; i++) {
            CHECK_OK(sh->rc[i]);
            CHECK_STR(id_str(&sh->node[i]), sh->node[0].z);
            CHECK(sh->boot[i] >= 1 && sh->boot[i] <= WORKERS);
            seen |= 1U << sh->boot[i];
        }
        CHECK_INT(seen, (2U << WORKERS) - 2); /* each number once */
        munmap(sh, sizeof(*sh));
    }
}

/* A write transaction that lasts until it is told to end. */
struct hold {
    sem_t begun, end;
};

static enum rc hold_open(struct store_txn *txn, void *arg)
{
    struct hold *h = arg;

    TRY(store_meta_set(txn, "key", STR("held")));
    sem_post(&h->begun);
    sem_wait(&h->end);
    return RC_OK;
}

static void who_waits_too_long_is_told(void)
{
    CLEANUP(fix_done) struct fix f = {};
    CLEANUP(store_closep) struct store *a = NULL;
    CLEANUP(store_closep) struct store *b = NULL;
    struct hold hold;
    struct str got;

    sem_init(&hold.begun, 0, 0);
    sem_init(&hold.end, 0, 0);
    CHECK_OK(backend->prepare(&f));
    CHECK_OK(backend->open(&f, PATIENT_MS, true, &a));
    CHECK_OK(backend->open(&f, 30, false, &b));
    CHECK_OK(store_write(a, hold_open, NULL, &hold));
    sem_wait(&hold.begun);
    CHECK_RC(do_step(b, (struct step){SET_META}), RC_AGAIN);
    CHECK_RC(store_meta_get(store_read(b), &f.a, "key", &got), RC_NOTFOUND); /* reading goes on */
    sem_post(&hold.end);
    while (store_pending(a))
        (void)store_collect(a);
    CHECK_OK(do_step(b, (struct step){SET_META}));
    CHECK_OK(store_meta_get(store_read(a), &f.a, "key", &got));
    CHECK_STR(got, "old");
}

static enum rc die_inside(struct store_txn *txn, void *)
{
    TRY(store_meta_set(txn, "key", STR("half")));
    raise(SIGKILL);
    return RC_OK;
}

static enum rc die(const struct fix *f, struct shared *, unsigned)
{
    CLEANUP(store_closep) struct store *s = NULL;

    TRY(backend->open(f, PATIENT_MS, true, &s));
    TRY(do_step(s, (struct step){SET_META}));
    return store_write_now(s, die_inside, NULL);
}

static void a_killed_process_leaves_no_half(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct shared *sh = shared_new();
    struct str got;

    CHECK_OK(backend->prepare(&f));
    CHECK(!in_processes(&f, sh, die));
    CHECK_OK(backend->open(&f, PATIENT_MS, false, &f.s));
    CHECK_OK(store_meta_get(store_read(f.s), &f.a, "key", &got));
    CHECK_STR(got, "old");
    CHECK_OK(do_step(f.s, (struct step){SET_META, .n = 1}));
    CHECK_OK(store_check(f.s, NULL));
    munmap(sh, sizeof(*sh));
}

static enum rc take_it(const struct fix *f, struct shared *sh, unsigned me)
{
    CLEANUP(store_closep) struct store *s = NULL;

    TRY(backend->open(f, PATIENT_MS, false, &s));
    return do_step(s, (struct step){TAKE_LINEAGE, .id = fix_id(100 + me), .out = &sh->node[me]});
}

/* Certificates of one site that are asked for at the same time, in several processes, are one
 * thing. */
static void a_lineage_has_one_logical_id(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct shared *sh = shared_new();

    CHECK_OK(backend->prepare(&f));
    CHECK_OK(backend->open(&f, PATIENT_MS, false, &f.s));
    store_close(f.s);
    f.s = NULL;
    CHECK(in_processes(&f, sh, take_it));
    for (unsigned i = 0; i < WORKERS; i++) {
        CHECK_OK(sh->rc[i]);
        CHECK_STR(id_str(&sh->node[i]), sh->node[0].z);
    }
    CHECK(sh->node[0].z[0]);
    munmap(sh, sizeof(*sh));
}

static enum rc see_many(const struct fix *f, struct shared *, unsigned me)
{
    CLEANUP(store_closep) struct store *s = NULL;

    TRY(backend->open(f, PATIENT_MS, true, &s));
    for (unsigned n = 0; n < ROUNDS; n++)
        TRY(do_step(s, (struct step){SEE_ENDPOINT, .n = n, .id = fix_id(1000 * (me + 1) + n)}));
    return RC_OK;
}

/* Scans that tell the same make one endpoint of it, with one history that does not go back. */
static void an_endpoint_has_one_history(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct shared *sh = shared_new();
    struct store_endpoint_change *list;
    struct store_endpoint e;
    uint64_t count = 0;
    size_t n;

    CHECK_OK(backend->prepare(&f));
    CHECK_OK(backend->open(&f, PATIENT_MS, false, &f.s));
    store_close(f.s);
    f.s = NULL;
    CHECK(in_processes(&f, sh, see_many));
    for (unsigned i = 0; i < WORKERS; i++)
        CHECK_OK(sh->rc[i]);
    CHECK_OK(backend->open(&f, PATIENT_MS, false, &f.s));
    CHECK_OK(store_endpoint_count(store_read(f.s), &count));
    CHECK_INT(count, 1);
    CHECK_OK(store_endpoint_get(store_read(f.s), &f.a, STR("10.1.2.3:443"), &e));
    CHECK_INT(e.last_seen, FIX_NOW + ROUNDS - 1);
    CHECK_OK(store_endpoint_changes(store_read(f.s), &f.a, &e.id, &list, &n));
    CHECK(n % 2 == 1 && n >= 3 && n <= 5); /* it appeared; both of them change, once or twice */
    for (size_t i = 1; i < n; i++)
        CHECK(list[i].at <= list[i - 1].at);
    CHECK_OK(store_check(f.s, NULL));
    munmap(sh, sizeof(*sh));
}

int main(void)
{
    static const struct check_test tests[] = {
        CHECK_TEST_ONCE(a_unique_value_is_taken_once),
        CHECK_TEST_ONCE(what_is_committed_is_seen_by_all),
        CHECK_TEST_ONCE(compare_and_set_has_one_winner),
        CHECK_TEST_ONCE(sequences_have_no_holes_and_the_clock_no_way_back),
        CHECK_TEST_ONCE(several_may_make_it_and_each_start_counts),
        CHECK_TEST_ONCE(who_waits_too_long_is_told),
        CHECK_TEST_ONCE(a_killed_process_leaves_no_half),
        CHECK_TEST_ONCE(a_lineage_has_one_logical_id),
        CHECK_TEST_ONCE(an_endpoint_has_one_history),
    };
    int failed = 0;

    for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
        backend = &backends[i];
        failed += check_run(tests, sizeof(tests) / sizeof(tests[0]));
    }
    return failed;
}
