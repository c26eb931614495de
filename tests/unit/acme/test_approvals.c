/* SPDX-License-Identifier: Apache-2.0 */
/* Orders that persons have to allow: they wait, go on, end; what is granted counts for whom, for
 * what, how often; everything is judged again. WORLD_NOW is 2027-01-15T08:00. */
#include "acme_client.h"

#include "acme/approval.h"
#include "store/approvals.h"
#include "store/events.h"
#include "store/locks.h"

#define PEOPLE "control: {people: [a, b], approval_wait: 7d}\n"
#define CONFIG WORLD_CONFIG "    approval: true\n" PEOPLE
#define A "a.hospital.example"

MSG(msg_no, "test.no", "{0}");

struct lab {
    struct world w;
    struct client c;
    struct arena arena;
};

static void lab_done(struct lab *l)
{
    client_done(&l->c);
    world_done(&l->w);
    arena_done(&l->arena);
}

static bool lab_start(struct lab *l, const char *config)
{
    arena_init(&l->arena, 16 << 20);
    return world_start(&l->w, NULL) && world_reload(&l->w, config) && client_start(&l->c, &l->w) &&
           client_register(&l->c);
}

/* ---- who decides */

struct decision {
    struct id id, order;
    enum { GRANT, DENY, FREEZE, THAW } what;
    enum store_approval_scope scope;
    when_t now, until;
    struct store_lock lock;
    enum rc rc;
};

static enum rc decide_fn(struct store_txn *txn, void *arg)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    const struct decision *d = arg;
    struct audit_event by = {.at = d->now, .actor_kind = AUDIT_OPERATOR, .actor = STR("uid 1")};
    struct err why = ERR_INIT;

    if (d->what == FREEZE)
        return store_lock_add(txn, &d->lock);
    if (d->what == THAW)
        return store_lock_lift(txn, &d->lock.id, STR("uid 0"), STR("over"), d->now);
    TRY(store_approval_move(txn, &d->id, STORE_APPROVAL_PENDING,
                            d->what == GRANT ? STORE_APPROVAL_GRANTED : STORE_APPROVAL_DENIED, 1,
                            d->now));
    IGNORE_RC(PROBLEM(&why, RC_DENIED, "unauthorized", msg_no, STR("no ward of that name")));
    if (d->what == DENY)
        return approval_fail_order(txn, &a, &d->order, &why, &by);
    TRY(store_approval_limit(txn, &d->id, d->scope, d->until));
    return store_approval_later(txn, &d->id, d->now);
}

static void decided(enum rc rc, void *arg)
{
    ((struct decision *)arg)->rc = rc;
}

static bool do_it(struct lab *l, struct decision *d)
{
    d->now = clock_now(ev_clock(l->w.ev));
    if (store_write(l->w.store, decide_fn, decided, d) != RC_OK)
        return false;
    world_spin(&l->w);
    acme_approvals_look(l->w.acme);
    world_spin(&l->w);
    return d->rc == RC_OK;
}

static struct store_approval newest(struct lab *l)
{
    struct store_approval *list = NULL, none = {.state = STORE_APPROVAL_STATES};
    size_t n = 0;

    return store_approval_list(store_read(l->w.store), &l->arena, &(struct store_cursor){}, 0,
                               &list, &n) == RC_OK &&
                   n
               ? list[0]
               : none;
}

static bool grant(struct lab *l, enum store_approval_scope scope, when_t span)
{
    struct store_approval row = newest(l);
    struct decision d = {.id = row.id, .what = GRANT, .scope = scope};

    d.until = clock_now(ev_clock(l->w.ev)) + span;
    return do_it(l, &d);
}

static bool has(struct str s, struct str part)
{
    for (size_t i = 0; i + part.n <= s.n; i++)
        if (str_eq(str_head(str_skip(s, i), part.n), part))
            return true;
    return false;
}

/* ---- orders */

static bool ready(struct lab *l, const char *names, char order[static 256])
{
    clock_fake_advance(&l->w.clock, WHEN_SECOND); /* so that the newest is the newest */
    return client_order(&l->c, names, order) && client_validate(&l->c, order);
}

#define STATUS(r, want)                                                                            \
    do {                                                                                           \
        CHECK_INT((r).status, 200);                                                                \
        CHECK_STR(reply_text(&(r), "status"), (want));                                             \
    } while (0)

/* A new order for A, finalized; its URL in `order`. */
#define FINALIZED(l, order, status)                                                                \
    do {                                                                                           \
        CLEANUP(reply_done) struct reply r_ = {.x = NULL};                                         \
                                                                                                   \
        CHECK(ready((l), A, (order)));                                                             \
        r_ = client_finalize(&(l)->c, (order), A);                                                 \
        STATUS(r_, (status));                                                                      \
    } while (0)

#define POLLED(l, order, status)                                                                   \
    do {                                                                                           \
        CLEANUP(reply_done) struct reply r_ = client_post(&(l)->c, (order), "");                   \
                                                                                                   \
        STATUS(r_, (status));                                                                      \
    } while (0)

/* Ended, for that reason. */
#define ENDED(l, order, type, words)                                                               \
    do {                                                                                           \
        CLEANUP(reply_done) struct reply r_ = client_post(&(l)->c, (order), "");                   \
        const struct json *e_ = json_get(r_.json, "error");                                        \
                                                                                                   \
        STATUS(r_, "invalid");                                                                     \
        CHECK(has(json_shown(e_, "type"), STR(type)));                                             \
        CHECK(has(json_shown(e_, "detail"), STR(words)));                                          \
    } while (0)

static uint64_t events(struct lab *l, const char *action)
{
    struct store_event_filter filter = {.action = str_of(action)};
    struct store_event *list;
    size_t n;

    return store_event_list(store_read(l->w.store), &l->arena, &filter, &list, &n) == RC_OK ? n
                                                                                            : 999;
}

static void it_waits_and_goes_on(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply first = {.x = NULL};
    CLEANUP(reply_done) struct reply poll = {.x = NULL};
    struct store_approval row;
    char order[256];

    CHECK(lab_start(&l, CONFIG));
    CHECK(ready(&l, A, order));
    first = client_finalize(&l.c, order, A);
    STATUS(first, "processing");
    CHECK_STR(world_header(first.x, "Retry-After"), "15");
    poll = client_post(&l.c, order, "");
    STATUS(poll, "processing");
    CHECK_STR(world_header(poll.x, "Retry-After"), "15");
    CHECK_INT(l.w.signatures, 0);
    row = newest(&l);
    CHECK_INT(row.state, STORE_APPROVAL_PENDING);
    CHECK_INT(row.approvers, 1);
    CHECK_STR(row.names, "[\"a.hospital.example\"]");
    CHECK(str_starts(row.what, STR("certificate for a.hospital.example, profile default, ecdsa")));
    CHECK_OK(store_approval_get(store_read(l.w.store), &l.arena, &row.id, &row));
    CHECK(row.csr.n > 0 && has(row.evidence, STR("\"challenge\":\"http-01\"")));
    CHECK(grant(&l, STORE_APPROVAL_ONCE, WHEN_DAY));
    POLLED(&l, order, "valid");
    POLLED(&l, order, "valid");
    CHECK_INT(l.w.signatures, 1);
    CHECK_INT(newest(&l).state, STORE_APPROVAL_USED);
    CHECK_INT(events(&l, "approval.asked"), 1);
    CHECK_INT(events(&l, "approval.used"), 1);
    /* Another one takes another approval. */
    FINALIZED(&l, order, "processing");
    CHECK_INT(events(&l, "approval.asked"), 2);
}

/* The client has lost patience: its next order takes the place, or finds what is granted. */
static void the_next_order_finds_it(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(client_done) struct client other = {.w = NULL};
    CLEANUP(reply_done) struct reply theirs = {.x = NULL};
    char first[256], second[256], third[256];

    CHECK(lab_start(&l, CONFIG));
    FINALIZED(&l, first, "processing");
    FINALIZED(&l, second, "processing");
    CHECK_INT(events(&l, "approval.asked"), 1);
    ENDED(&l, first, "unauthorized", "in its place");
    CHECK(grant(&l, STORE_APPROVAL_ONCE, WHEN_DAY));
    FINALIZED(&l, third, "valid");
    ENDED(&l, second, "unauthorized", "was used for another order");
    /* What is granted to one account is no other's. */
    FINALIZED(&l, first, "processing");
    CHECK(grant(&l, STORE_APPROVAL_PERIOD, WHEN_DAY));
    CHECK(client_start(&other, &l.w) && client_register(&other));
    CHECK(client_order(&other, A, second) && client_validate(&other, second));
    theirs = client_finalize(&other, second, A);
    STATUS(theirs, "processing");
}

static void for_a_time_and_for_renewals(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    char order[256];

    CHECK(lab_start(&l, CONFIG));
    FINALIZED(&l, order, "processing");
    CHECK(grant(&l, STORE_APPROVAL_PERIOD, 10 * WHEN_DAY));
    POLLED(&l, order, "valid");
    FINALIZED(&l, order, "valid");
    clock_fake_advance(&l.w.clock, 10 * WHEN_DAY);
    FINALIZED(&l, order, "processing");
    CHECK(grant(&l, STORE_APPROVAL_RENEWALS, 3650 * WHEN_DAY));
    POLLED(&l, order, "valid");
    clock_fake_advance(&l.w.clock, 80 * WHEN_DAY);
    FINALIZED(&l, order, "valid");
    clock_fake_advance(&l.w.clock, 91 * WHEN_DAY); /* the one before is not valid any more */
    FINALIZED(&l, order, "processing");
}

static void denied_and_expired(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    struct decision d = {.what = DENY};
    struct store_approval row;
    char order[256];

    CHECK(lab_start(&l, CONFIG));
    FINALIZED(&l, order, "processing");
    row = newest(&l);
    d.id = row.id;
    d.order = row.order;
    CHECK(do_it(&l, &d));
    ENDED(&l, order, "unauthorized", "no ward of that name");
    CHECK_INT(events(&l, "order.failed"), 1);
    FINALIZED(&l, order, "processing");
    clock_fake_advance(&l.w.clock, WHEN_DAY);
    world_spin(&l.w);
    CHECK_INT(events(&l, "approval.reminded"), 1);
    clock_fake_advance(&l.w.clock, 5 * WHEN_DAY);
    world_spin(&l.w);
    CHECK_INT(events(&l, "approval.reminded"), 2);
    POLLED(&l, order, "processing");
    clock_fake_advance(&l.w.clock, WHEN_DAY);
    world_spin(&l.w);
    ENDED(&l, order, "unauthorized", "");
    CHECK_INT(events(&l, "approval.expired"), 1);
    CHECK(!grant(&l, STORE_APPROVAL_ONCE, WHEN_DAY));
}

/* Core is thrown away at each step. */
static void restarts(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    char order[256];

    CHECK(lab_start(&l, CONFIG));
    FINALIZED(&l, order, "processing");
    CHECK(world_restart(&l.w) && world_reload(&l.w, CONFIG));
    POLLED(&l, order, "processing");
    CHECK(grant(&l, STORE_APPROVAL_ONCE, WHEN_DAY));
    CHECK(world_restart(&l.w) && world_reload(&l.w, CONFIG));
    POLLED(&l, order, "valid");
}

/* A lock, a limit or a signer that is away are waited for; a rule that is withdrawn ends it. */
static void all_is_judged_again(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    struct decision lock = {
        .what = FREEZE,
        .lock = {.scope = STORE_LOCK_ALL, .reason = STR("why"), .set_by = STR("uid 0"), .set = 1}};
    char order[256];

    CHECK(lab_start(&l, CONFIG));
    FINALIZED(&l, order, "processing");
    CHECK(grant(&l, STORE_APPROVAL_ONCE, WHEN_DAY));
    CHECK_OK(id_new(&lock.lock.id));
    CHECK(do_it(&l, &lock));
    POLLED(&l, order, "processing");
    CHECK_INT(newest(&l).state, STORE_APPROVAL_GRANTED);
    lock.what = THAW;
    CHECK(do_it(&l, &lock));
    POLLED(&l, order, "valid");
    FINALIZED(&l, order, "processing");
    CHECK(grant(&l, STORE_APPROVAL_ONCE, WHEN_DAY));
    CHECK(world_reload(&l.w, CONFIG "limits: {certificates: 1/1d}\n"));
    {
        char plain[256];

        CHECK(world_reload(&l.w, WORLD_CONFIG "limits: {certificates: 1/1d}\n"));
        FINALIZED(&l, plain, "valid");
        CHECK(world_reload(&l.w, CONFIG "limits: {certificates: 1/1d}\n"));
    }
    POLLED(&l, order, "processing");
    CHECK(world_reload(&l.w, CONFIG));
    CHECK_INT(newest(&l).state, STORE_APPROVAL_GRANTED);
    CHECK(world_reload(&l.w, "organization: Example Hospital\ncountry: DE\n"
                             "domain: hospital.example\n"
                             "urls: {api: \"https://ca.hospital.example:8555\"}\n"
                             "policy: [{name: b, allow: [b.hospital.example]}]\n"));
    ENDED(&l, order, "", "");
    CHECK_INT(newest(&l).state, STORE_APPROVAL_GRANTED);
}

/* Two of them, by now. */
static void more_persons_than_there_were(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    char order[256];

    CHECK(lab_start(&l, CONFIG));
    FINALIZED(&l, order, "processing");
    CHECK(grant(&l, STORE_APPROVAL_PERIOD, WHEN_DAY));
    CHECK(world_reload(&l.w, WORLD_CONFIG "    approval: true\n    approvers: 2\n" PEOPLE));
    ENDED(&l, order, "unauthorized", "wants 2");
    FINALIZED(&l, order, "processing");
    CHECK_INT(newest(&l).approvers, 2);
}

static void wildcards_alone(void)
{
    CLEANUP(lab_done) struct lab l = {.w = {.dir.fd = -1}};
    CLEANUP(reply_done) struct reply plain = {.x = NULL};
    CLEANUP(reply_done) struct reply wild = {.x = NULL};
    char order[256];

    CHECK(lab_start(&l, WORLD_CONFIG "    wildcards: approval\n    approvers: 2\n"
                                     "    challenges: [dns-01]\n" PEOPLE));
    CHECK(ready(&l, A, order));
    plain = client_finalize(&l.c, order, A);
    STATUS(plain, "valid");
    CHECK(ready(&l, "*." A "," A, order));
    wild = client_finalize(&l.c, order, "*." A "," A);
    STATUS(wild, "processing");
    CHECK_INT(newest(&l).approvers, 2);
}

CHECK_MAIN(CHECK_TEST_ONCE(it_waits_and_goes_on), CHECK_TEST_ONCE(the_next_order_finds_it),
           CHECK_TEST_ONCE(for_a_time_and_for_renewals), CHECK_TEST_ONCE(denied_and_expired),
           CHECK_TEST_ONCE(restarts), CHECK_TEST_ONCE(all_is_judged_again),
           CHECK_TEST_ONCE(more_persons_than_there_were), CHECK_TEST_ONCE(wildcards_alone))
