/* SPDX-License-Identifier: Apache-2.0 */
/* An account is read once, and again as soon as any account has changed. */
#include "check.h"

#include "fixture.h"
#include "store/known.h"

struct shelf {
    struct fix f;
    struct store_known known;
};

static void shelf_done(struct shelf *s)
{
    store_known_done(&s->known);
    fix_done(&s->f);
}

static enum rc shelf_start(struct shelf *s)
{
    store_known_init(&s->known);
    return fix_open(&s->f);
}

static enum rc get(struct shelf *s, const struct id *id, struct store_account *out)
{
    return store_known_get(&s->known, s->f.s, &s->f.a, id, out);
}

struct change {
    const struct id *id;
    enum rc then; /* what the job ends with */
};

static enum rc deactivate(struct store_txn *txn, void *arg)
{
    const struct change *c = arg;

    TRY(store_account_move(txn, c->id, STORE_ACCOUNT_VALID, STORE_ACCOUNT_DEACTIVATED));
    return c->then;
}

static enum rc add_job(struct store_txn *txn, void *arg)
{
    return store_account_add(txn, arg);
}

/* The n-th account, by the writer. */
static enum rc add(struct shelf *s, unsigned n, struct store_account *out)
{
    static const struct str contacts[] = {{"mailto:a@hospital.example", 25},
                                          {"mailto:b@hospital.example", 25}};

    *out = fix_account(n);
    out->contacts = contacts;
    out->n_contacts = 2;
    return store_write_now(s->f.s, add_job, out);
}

static void read_once(void)
{
    CLEANUP(shelf_done) struct shelf s = {};
    struct store_account account, got;

    CHECK_OK(shelf_start(&s));
    CHECK_OK(add(&s, 1, &account));
    CHECK_OK(get(&s, &account.id, &got));
    CHECK_OK(get(&s, &account.id, &got));
    CHECK_INT(s.known.read, 1);
    CHECK(str_eq(got.jwk, account.jwk));
    CHECK_INT(got.n_contacts, 2);
    CHECK(str_eq(got.contacts[1], account.contacts[1]));
    CHECK_INT(got.created, account.created);
}

static void what_changed_is_read_again(void)
{
    CLEANUP(shelf_done) struct shelf s = {};
    struct store_account account, got;

    CHECK_OK(shelf_start(&s));
    CHECK_OK(add(&s, 1, &account));
    CHECK_OK(get(&s, &account.id, &got));
    CHECK_OK(store_write_now(s.f.s, deactivate, &(struct change){&account.id, RC_OK}));
    CHECK_OK(get(&s, &account.id, &got));
    CHECK_INT(got.status, STORE_ACCOUNT_DEACTIVATED);
    CHECK_INT(s.known.read, 2);
}

/* What was rolled back has changed nothing; whether it is read again does not matter. */
static void what_failed_changes_nothing(void)
{
    CLEANUP(shelf_done) struct shelf s = {};
    struct store_account account, got;

    CHECK_OK(shelf_start(&s));
    CHECK_OK(add(&s, 1, &account));
    CHECK_OK(get(&s, &account.id, &got));
    CHECK_RC(store_write_now(s.f.s, deactivate, &(struct change){&account.id, RC_CONFLICT}),
             RC_CONFLICT);
    CHECK_OK(get(&s, &account.id, &got));
    CHECK_INT(got.status, STORE_ACCOUNT_VALID);
}

static void who_is_not_there_is_not_kept(void)
{
    CLEANUP(shelf_done) struct shelf s = {};
    struct store_account account, got;
    struct id id = fix_id(1);

    CHECK_OK(shelf_start(&s));
    CHECK_RC(get(&s, &id, &got), RC_NOTFOUND);
    CHECK_INT(s.known.by_id.n, 0);
    CHECK_OK(add(&s, 1, &account));
    CHECK_OK(get(&s, &id, &got));
}

/* More accounts than are kept: all are found, and the first one is read again. */
static void who_is_not_seen_for_longest_leaves(void)
{
    CLEANUP(shelf_done) struct shelf s = {};
    struct store_account account, got;
    struct id id;

    CHECK_OK(shelf_start(&s));
    for (unsigned i = 0; i <= STORE_KNOWN_MAX; i++)
        CHECK_OK(add(&s, i, &account));
    for (unsigned i = 0; i <= STORE_KNOWN_MAX; i++) {
        id = fix_id(i);
        CHECK_OK(get(&s, &id, &got));
    }
    CHECK_INT(s.known.by_id.n, STORE_KNOWN_MAX);
    CHECK_INT(s.known.read, STORE_KNOWN_MAX + 1);
    CHECK_OK(get(&s, &id, &got));
    CHECK_INT(s.known.read, STORE_KNOWN_MAX + 1);
    id = fix_id(0);
    CHECK_OK(get(&s, &id, &got));
    CHECK_INT(s.known.read, STORE_KNOWN_MAX + 2);
}

FIX_MAIN(CHECK_TEST(read_once), CHECK_TEST(what_changed_is_read_again),
         CHECK_TEST(what_failed_changes_nothing), CHECK_TEST(who_is_not_there_is_not_kept),
         CHECK_TEST_ONCE(who_is_not_seen_for_longest_leaves))
