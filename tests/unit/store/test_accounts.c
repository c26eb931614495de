/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "fixture.h"

/* Jobs of one step each: what they do stands in `op`. */
struct job {
    enum { ADD, MOVE_STATUS, CONTACTS, TERMS, KEY } op;
    struct store_account account;
    enum store_account_status from, to;
    struct store_hash old;
};

static enum rc run(struct store_txn *txn, void *arg)
{
    struct job *job = arg;
    struct store_account *c = &job->account;

    switch (job->op) {
    case ADD:
        return store_account_add(txn, c);
    case MOVE_STATUS:
        return store_account_move(txn, &c->id, job->from, job->to);
    case CONTACTS:
        return store_account_set_contacts(txn, &c->id, c->contacts, c->n_contacts);
    case TERMS:
        return store_account_set_terms(txn, &c->id, c->terms_at);
    case KEY:
        return store_account_set_key(txn, &c->id, &job->old, c->jwk, &c->thumbprint);
    }
    return RC_INVAL;
}

static enum rc do_job(struct fix *f, struct job job)
{
    return store_write_now(f->s, run, &job);
}

static void comes_back_as_it_was(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct str contacts[] = {STR("mailto:admin@hospital.example"), STR("tel:+4912345")};
    struct store_account want = fix_account(1), got;

    want.contacts = contacts;
    want.n_contacts = 2;
    want.terms_at = FIX_NOW + 5;
    want.eab_key = STR("apps-team");
    want.system = true;
    CHECK_OK(fix_open(&f));
    CHECK_OK(do_job(&f, (struct job){ADD, .account = want}));
    CHECK_OK(store_account_get(store_read(f.s), &f.a, &want.id, &got));
    CHECK_STR(id_str(&got.id), want.id.z);
    CHECK(got.status == STORE_ACCOUNT_VALID);
    CHECK(str_eq(got.jwk, want.jwk));
    CHECK(memcmp(&got.thumbprint, &want.thumbprint, sizeof(got.thumbprint)) == 0);
    CHECK_INT(got.n_contacts, 2);
    CHECK_STR(got.contacts[0], "mailto:admin@hospital.example");
    CHECK_STR(got.contacts[1], "tel:+4912345");
    CHECK_INT(got.terms_at, FIX_NOW + 5);
    CHECK_STR(got.eab_key, "apps-team");
    CHECK(got.system);
    CHECK_INT(got.created, FIX_NOW + 1);
    CHECK(addr_eq(&got.created_from, &want.created_from));
    CHECK_OK(store_account_find(store_read(f.s), &f.a, &want.thumbprint, &got));
    CHECK_STR(id_str(&got.id), want.id.z);
}

static void absent_values_stay_absent(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_account want = fix_account(1), got;
    struct id unknown = fix_id(9);

    want.created_from = (struct addr){};
    CHECK_OK(fix_open(&f));
    CHECK_OK(do_job(&f, (struct job){ADD, .account = want}));
    CHECK_OK(store_account_get(store_read(f.s), &f.a, &want.id, &got));
    CHECK_INT(got.n_contacts, 0);
    CHECK_INT(got.terms_at, 0);
    CHECK_INT(got.eab_key.n, 0);
    CHECK_INT(got.created_from.n, 0);
    CHECK(!got.system);
    CHECK_RC(store_account_get(store_read(f.s), &f.a, &unknown, &got), RC_NOTFOUND);
    CHECK_RC(store_account_find(store_read(f.s), &f.a, &(struct store_hash){{9}}, &got),
             RC_NOTFOUND);
}

static void key_is_unique_and_changes_by_compare_and_set(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_account one = fix_account(1), two = fix_account(2), got;
    struct job change = {KEY, .account = two, .old = fix_hash(2)};

    CHECK_OK(fix_open(&f));
    CHECK_OK(do_job(&f, (struct job){ADD, .account = one}));
    CHECK_OK(do_job(&f, (struct job){ADD, .account = two}));
    two.id = fix_id(3);
    CHECK_RC(do_job(&f, (struct job){ADD, .account = two}), RC_EXISTS);
    change.account.thumbprint = fix_hash(1);
    CHECK_RC(do_job(&f, change), RC_EXISTS);
    change.account.thumbprint = fix_hash(7);
    change.account.jwk = STR("{\"kty\":\"RSA\"}");
    CHECK_OK(do_job(&f, change));
    CHECK_RC(do_job(&f, change), RC_CONFLICT); /* the old one is no longer its key */
    change.account.id = fix_id(9);
    CHECK_RC(do_job(&f, change), RC_NOTFOUND);
    CHECK_OK(store_account_find(store_read(f.s), &f.a, &change.account.thumbprint, &got));
    CHECK_STR(id_str(&got.id), fix_id(2).z);
    CHECK_STR(got.jwk, "{\"kty\":\"RSA\"}");
}

static void status_moves_only_from_what_it_is(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_account one = fix_account(1), got;
    struct job move = {MOVE_STATUS, .account = one, .from = STORE_ACCOUNT_VALID,
                       .to = STORE_ACCOUNT_DEACTIVATED};

    CHECK_OK(fix_open(&f));
    CHECK_RC(do_job(&f, move), RC_NOTFOUND);
    CHECK_OK(do_job(&f, (struct job){ADD, .account = one}));
    CHECK_OK(do_job(&f, move));
    CHECK_RC(do_job(&f, move), RC_CONFLICT);
    CHECK_OK(store_account_get(store_read(f.s), &f.a, &one.id, &got));
    CHECK(got.status == STORE_ACCOUNT_DEACTIVATED);
}

static void fields_change(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct str contacts[] = {STR("mailto:a@b.example")};
    struct store_account one = fix_account(1), got;

    CHECK_OK(fix_open(&f));
    CHECK_OK(do_job(&f, (struct job){ADD, .account = one}));
    one.contacts = contacts;
    one.n_contacts = 1;
    one.terms_at = FIX_NOW + 77;
    CHECK_OK(do_job(&f, (struct job){CONTACTS, .account = one}));
    CHECK_OK(do_job(&f, (struct job){TERMS, .account = one}));
    CHECK_OK(store_account_get(store_read(f.s), &f.a, &one.id, &got));
    CHECK_INT(got.n_contacts, 1);
    CHECK_STR(got.contacts[0], "mailto:a@b.example");
    CHECK_INT(got.terms_at, FIX_NOW + 77);
    one.id = fix_id(9);
    CHECK_RC(do_job(&f, (struct job){CONTACTS, .account = one}), RC_NOTFOUND);
    CHECK_RC(do_job(&f, (struct job){TERMS, .account = one}), RC_NOTFOUND);
}

static void bad_values_are_refused(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct str contacts[STORE_CONTACTS_MAX + 1];
    struct store_account one = fix_account(1);
    char longest[STORE_TEXT_MAX + 1];

    memset(longest, 'x', sizeof(longest));
    for (size_t i = 0; i < STORE_CONTACTS_MAX + 1; i++)
        contacts[i] = STR("mailto:a@b.example");
    one.contacts = contacts;
    one.n_contacts = STORE_CONTACTS_MAX + 1;
    CHECK_OK(fix_open(&f));
    CHECK_RC(do_job(&f, (struct job){ADD, .account = one}), RC_TOOBIG);
    one.n_contacts = 1;
    contacts[0] = STR("mailto:a@b.example\nmailto:forged@b.example");
    CHECK_RC(do_job(&f, (struct job){ADD, .account = one}), RC_INVAL);
    contacts[0] = str_bytes(longest, sizeof(longest));
    CHECK_RC(do_job(&f, (struct job){ADD, .account = one}), RC_TOOBIG);
    one.n_contacts = 0;
    one.eab_key = str_bytes("a\0b", 3);
    CHECK_RC(do_job(&f, (struct job){ADD, .account = one}), RC_INVAL);
    one.eab_key = str_bytes("\xff\xfe", 2);
    CHECK_RC(do_job(&f, (struct job){ADD, .account = one}), RC_INVAL);
    one.eab_key = (struct str){NULL, 0};
    one.jwk = (struct str){NULL, 0};
    CHECK_RC(do_job(&f, (struct job){ADD, .account = one}), RC_INVAL);
    /* A reader cannot write. */
    CHECK_RC(store_account_add(store_read(f.s), &one), RC_INVAL);
}

static void lists_go_on_where_they_stopped(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_account_filter filter = {.limit = 3};
    struct store_cursor at = {};
    struct store_account *list;
    unsigned seen = 0;
    uint64_t count;
    size_t n;

    CHECK_OK(fix_open(&f));
    for (unsigned i = 1; i <= 8; i++) {
        struct store_account c = fix_account(i);

        c.created = FIX_NOW + i / 2; /* pairs at the same time: the id decides */
        c.eab_key = i % 2 ? STR("odd") : STR("even");
        CHECK_OK(do_job(&f, (struct job){ADD, .account = c}));
    }
    while (!at.end) {
        CHECK_OK(store_account_list(store_read(f.s), &f.a, &filter, &at, &list, &n));
        CHECK(n <= 3);
        for (size_t i = 0; i < n; i++)
            CHECK_STR(id_str(&list[i].id), fix_id(++seen).z);
    }
    CHECK_INT(seen, 8);
    filter = (struct store_account_filter){.eab_key = STR("odd")};
    CHECK_OK(store_account_count(store_read(f.s), &filter, &count));
    CHECK_INT(count, 4);
    filter = (struct store_account_filter){.statuses = 1U << STORE_ACCOUNT_REVOKED};
    CHECK_OK(store_account_count(store_read(f.s), &filter, &count));
    CHECK_INT(count, 0);
    filter.statuses = 1U << 20;
    CHECK_RC(store_account_count(store_read(f.s), &filter, &count), RC_INVAL);
}

FIX_MAIN(CHECK_TEST(comes_back_as_it_was), CHECK_TEST_ONCE(absent_values_stay_absent),
         CHECK_TEST(key_is_unique_and_changes_by_compare_and_set),
         CHECK_TEST_ONCE(status_moves_only_from_what_it_is), CHECK_TEST(fields_change),
         CHECK_TEST_ONCE(bad_values_are_refused), CHECK_TEST(lists_go_on_where_they_stopped))
