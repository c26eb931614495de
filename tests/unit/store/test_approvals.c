/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "fixture.h"
#include "store/approvals.h"

static struct store_approval approval(unsigned n, int64_t asked_by)
{
    return (struct store_approval){
        .id = fix_id(n),
        .action = STR("issuer.rotate"),
        .what = STR("issuer.rotate: new rsa-2 under root-rsa; retire rsa-1"),
        .digest = {.b = {7}},
        .asked_by = asked_by,
        .asked = FIX_NOW + n,
        .expires = FIX_NOW + WHEN_DAY,
        .decided_by = -1,
    };
}

static void what_was_asked_comes_back(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_approval one = approval(1, 0), two = approval(2, 1000), got, *list;
    size_t n;

    CHECK_OK(fix_open(&f));
    CHECK_OK(DO(&f, store_approval_add(T, &one)));
    CHECK_OK(DO(&f, store_approval_add(T, &two)));
    CHECK_OK(store_approval_get(READ(&f), &f.a, &two.id, &got));
    CHECK_STR(got.action, "issuer.rotate");
    CHECK(str_eq(got.what, two.what) && memcmp(&got.digest, &two.digest, sizeof(got.digest)) == 0);
    CHECK_INT(got.asked_by, 1000);
    CHECK_INT(got.state, STORE_APPROVAL_PENDING);
    CHECK_INT(got.decided_by, -1);
    CHECK_OK(store_approval_list(READ(&f), &f.a, &(struct store_cursor){}, 0, &list, &n));
    CHECK_INT(n, 2);
    CHECK_STR(id_str(&list[0].id), two.id.z);
    two.id = fix_id(3);
    CHECK_RC(store_approval_get(READ(&f), &f.a, &two.id, &got), RC_NOTFOUND);
}

/* Of that text and that asker, in time, and not yet decided against or used. */
static void only_what_still_counts_is_found(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_approval one = approval(1, 0), got;
    struct store_hash other = {.b = {8}};
    const when_t now = FIX_NOW + WHEN_HOUR;

    CHECK_OK(fix_open(&f));
    CHECK_OK(DO(&f, store_approval_add(T, &one)));
    CHECK_OK(store_approval_find(READ(&f), &f.a, &one.digest, 0, now, &got));
    CHECK_RC(store_approval_find(READ(&f), &f.a, &other, 0, now, &got), RC_NOTFOUND);
    CHECK_RC(store_approval_find(READ(&f), &f.a, &one.digest, 1000, now, &got), RC_NOTFOUND);
    CHECK_RC(store_approval_find(READ(&f), &f.a, &one.digest, 0, one.expires, &got), RC_NOTFOUND);
    CHECK_OK(DO(&f, store_approval_move(T, &one.id, STORE_APPROVAL_PENDING, STORE_APPROVAL_GRANTED,
                                        1000, now)));
    CHECK_OK(store_approval_find(READ(&f), &f.a, &one.digest, 0, now, &got));
    CHECK_INT(got.state, STORE_APPROVAL_GRANTED);
    CHECK_INT(got.decided_by, 1000);
    CHECK_INT(got.decided, now);
    CHECK_OK(DO(&f, store_approval_move(T, &one.id, STORE_APPROVAL_GRANTED, STORE_APPROVAL_USED, 0,
                                        now + 1)));
    CHECK_RC(store_approval_find(READ(&f), &f.a, &one.digest, 0, now, &got), RC_NOTFOUND);
    CHECK_OK(store_approval_get(READ(&f), &f.a, &one.id, &got));
    CHECK_INT(got.decided_by, 1000); /* who allowed it stays on record */
}

static void a_decision_falls_once_and_in_time(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_approval one = approval(1, 0), late = approval(2, 0);
    const when_t now = FIX_NOW + WHEN_HOUR;

    CHECK_OK(fix_open(&f));
    CHECK_OK(DO(&f, store_approval_add(T, &one)));
    CHECK_OK(DO(&f, store_approval_add(T, &late)));
    CHECK_OK(DO(&f, store_approval_move(T, &one.id, STORE_APPROVAL_PENDING, STORE_APPROVAL_DENIED,
                                        1000, now)));
    CHECK_RC(DO(&f, store_approval_move(T, &one.id, STORE_APPROVAL_PENDING, STORE_APPROVAL_GRANTED,
                                        1000, now)),
             RC_CONFLICT);
    CHECK_RC(DO(&f, store_approval_move(T, &late.id, STORE_APPROVAL_PENDING, STORE_APPROVAL_GRANTED,
                                        1000, late.expires)),
             RC_CONFLICT);
    late.id = fix_id(3);
    CHECK_RC(DO(&f, store_approval_move(T, &late.id, STORE_APPROVAL_PENDING, STORE_APPROVAL_GRANTED,
                                        1000, now)),
             RC_NOTFOUND);
}

/* ---- certificates */

static struct store_approval certificate(unsigned n, const struct id *order)
{
    struct store_approval a = approval(n, -1);

    a.action = STR("certificate");
    a.approvers = 2;
    a.reason = STR("INC-1");
    a.due = FIX_NOW + WHEN_HOUR;
    a.account = fix_id(100);
    a.order = *order;
    a.client = (struct addr){.n = 4, .b = {10, 0, 0, 1}};
    a.csr = STR("csr");
    a.profile = STR("default");
    a.key = STR("ecdsa");
    a.rules = STR("one");
    a.names = STR("[\"a.b\"]");
    a.evidence = STR("{}");
    return a;
}

static void a_certificate_comes_back(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct id order = fix_id(50), later = fix_id(51);
    struct store_approval one = certificate(1, &order), got, *list;
    size_t n;

    CHECK_OK(fix_open(&f));
    CHECK_OK(DO(&f, store_approval_add(T, &one)));
    CHECK_OK(store_approval_by_order(READ(&f), &f.a, &order, &got));
    CHECK(got.asked_by == -1 && got.approvers == 2 && got.due == one.due && got.granted == 0);
    CHECK(addr_eq(&got.client, &one.client) && str_eq(id_str(&got.account), id_str(&one.account)));
    CHECK_STR(got.reason, "INC-1");
    CHECK_STR(got.csr, "csr");
    CHECK_STR(got.profile, "default");
    CHECK_STR(got.key, "ecdsa");
    CHECK_STR(got.rules, "one");
    CHECK_STR(got.names, "[\"a.b\"]");
    CHECK_STR(got.evidence, "{}");
    CHECK_INT(got.scope, STORE_APPROVAL_ONCE);
    CHECK_OK(store_approval_list(READ(&f), &f.a, &(struct store_cursor){}, 0, &list, &n));
    CHECK(n == 1 && list[0].csr.n == 0 && str_eq(list[0].names, one.names));
    /* Another order of the same waits in its place, then none. */
    one.order = later;
    one.csr = STR("other");
    one.due = FIX_NOW + 1;
    CHECK_OK(DO(&f, store_approval_wait(T, &one)));
    CHECK_RC(store_approval_by_order(READ(&f), &f.a, &order, &got), RC_NOTFOUND);
    CHECK_OK(store_approval_by_order(READ(&f), &f.a, &later, &got));
    CHECK_STR(got.csr, "other");
    CHECK_OK(DO(&f, store_approval_end_wait(T, &later)));
    CHECK_RC(DO(&f, store_approval_end_wait(T, &later)), RC_CONFLICT);
    CHECK_OK(DO(&f, store_approval_move(T, &one.id, STORE_APPROVAL_PENDING, STORE_APPROVAL_GRANTED,
                                        1, FIX_NOW)));
    CHECK_RC(DO(&f, store_approval_wait(T, &one)), RC_CONFLICT);
}

/* Older ones, behind however many that are decided or over. */
static void what_waits_is_counted_whole(void)
{
    enum { OLD = 3, NEW = 120 };
    CLEANUP(fix_done) struct fix f = {};
    struct store_approval *list;
    when_t first;
    uint64_t n;
    size_t rows;

    CHECK_OK(fix_open(&f));
    CHECK_OK(store_approval_waiting(READ(&f), FIX_NOW, &n, &first));
    CHECK(n == 0 && first == 0);
    for (unsigned i = 1; i <= OLD + NEW; i++) {
        struct store_approval one = approval(i, 0);

        CHECK_OK(DO(&f, store_approval_add(T, &one)));
        if (i > OLD)
            CHECK_OK(DO(&f, store_approval_move(T, &one.id, STORE_APPROVAL_PENDING,
                                                STORE_APPROVAL_DENIED, 1, FIX_NOW)));
    }
    CHECK_OK(store_approval_waiting(READ(&f), FIX_NOW, &n, &first));
    CHECK(n == OLD && first == FIX_NOW + 1);
    CHECK_OK(store_approval_overdue(READ(&f), &f.a, FIX_NOW, FIX_NOW + 2, &list, &rows));
    CHECK_INT(rows, 2);
    CHECK_STR(id_str(&list[0].id), fix_id(1).z);
    CHECK_OK(store_approval_overdue(READ(&f), &f.a, FIX_NOW, FIX_NOW + NEW, &list, &rows));
    CHECK(rows == OLD && str_eq(id_str(&list[2].id), str_of(fix_id(3).z)));
    CHECK_OK(store_approval_waiting(READ(&f), FIX_NOW + WHEN_DAY, &n, &first));
    CHECK(n == 0 && first == 0);
}

static void one_word_of_each_person(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_approval one = certificate(1, &(struct id){""}), got;
    struct store_approval_vote mine = {
        .by = 1, .at = FIX_NOW, .grant = true, .scope = STORE_APPROVAL_PERIOD, .until = 7};
    struct store_approval_vote theirs = {.by = 2, .at = FIX_NOW, .grant = true};
    struct store_approval_vote votes[STORE_APPROVAL_VOTES];
    uint64_t granted = 0;
    size_t n;

    CHECK_OK(fix_open(&f));
    CHECK_OK(DO(&f, store_approval_add(T, &one)));
    CHECK_OK(DO(&f, store_approval_vote(T, &one.id, &mine, &granted)));
    CHECK_INT(granted, 1);
    CHECK_RC(DO(&f, store_approval_vote(T, &one.id, &mine, &granted)), RC_EXISTS);
    CHECK_OK(DO(&f, store_approval_vote(T, &one.id, &theirs, &granted)));
    CHECK_INT(granted, 2);
    CHECK_OK(store_approval_get(READ(&f), &f.a, &one.id, &got));
    CHECK_INT(got.granted, 2);
    mine.grant = false; /* a change of mind */
    mine.reason = STR("no");
    CHECK_OK(DO(&f, store_approval_vote(T, &one.id, &mine, &granted)));
    CHECK_INT(granted, 1);
    CHECK_OK(store_approval_votes(READ(&f), &f.a, &one.id, votes, &n));
    CHECK_INT(n, 2);
    CHECK(votes[0].by == 2 && votes[0].grant && votes[1].by == 1 && !votes[1].grant);
    CHECK(votes[1].until == 7 && votes[1].scope == STORE_APPROVAL_PERIOD);
    CHECK_STR(votes[1].reason, "no");
}

static void used_as_far_as_it_goes(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_approval one = certificate(1, &(struct id){""}), got;
    const when_t end = FIX_NOW + 2 * WHEN_DAY;

    CHECK_OK(fix_open(&f));
    CHECK_OK(DO(&f, store_approval_add(T, &one)));
    CHECK_RC(DO(&f, store_approval_use(T, &one.id, FIX_NOW)), RC_CONFLICT);
    CHECK_OK(DO(&f, store_approval_move(T, &one.id, STORE_APPROVAL_PENDING, STORE_APPROVAL_GRANTED,
                                        1, FIX_NOW)));
    CHECK_OK(DO(&f, store_approval_limit(T, &one.id, STORE_APPROVAL_PERIOD, end)));
    CHECK_OK(DO(&f, store_approval_use(T, &one.id, end - 1)));
    CHECK_OK(DO(&f, store_approval_use(T, &one.id, end - 1)));
    CHECK_RC(DO(&f, store_approval_use(T, &one.id, end)), RC_CONFLICT);
    CHECK_OK(store_approval_get(READ(&f), &f.a, &one.id, &got));
    CHECK(got.used == 2 && got.state == STORE_APPROVAL_GRANTED && got.expires == end);
    CHECK_OK(DO(&f, store_approval_limit(T, &one.id, STORE_APPROVAL_ONCE, end)));
    CHECK_OK(DO(&f, store_approval_use(T, &one.id, FIX_NOW)));
    CHECK_RC(DO(&f, store_approval_use(T, &one.id, FIX_NOW)), RC_CONFLICT);
}

static void what_is_due(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct id a = fix_id(50), b = fix_id(51), due[4];
    struct store_approval one = certificate(1, &a), two = certificate(2, &b),
                          plain = approval(3, 0);
    when_t next;
    size_t n;

    CHECK_OK(fix_open(&f));
    CHECK_OK(store_approval_next(READ(&f), &next));
    CHECK_INT(next, 0);
    two.due = one.due - 1;
    CHECK_OK(DO(&f, store_approval_add(T, &one)));
    CHECK_OK(DO(&f, store_approval_add(T, &two)));
    CHECK_OK(DO(&f, store_approval_add(T, &plain)));
    CHECK_OK(store_approval_next(READ(&f), &next));
    CHECK_INT(next, two.due);
    CHECK_OK(store_approval_due(READ(&f), one.due, 4, due, &n));
    CHECK(n == 2 && str_eq(id_str(&due[0]), id_str(&two.id)));
    CHECK_OK(store_approval_due(READ(&f), two.due - 1, 4, due, &n));
    CHECK_INT(n, 0);
    CHECK_OK(DO(&f, store_approval_later(T, &two.id, 0)));
    CHECK_OK(store_approval_due(READ(&f), one.due, 4, due, &n));
    CHECK_INT(n, 1);
}

FIX_MAIN(CHECK_TEST(a_certificate_comes_back), CHECK_TEST(one_word_of_each_person),
         CHECK_TEST(used_as_far_as_it_goes), CHECK_TEST(what_is_due),
         CHECK_TEST(what_waits_is_counted_whole), CHECK_TEST(what_was_asked_comes_back),
         CHECK_TEST(only_what_still_counts_is_found), CHECK_TEST(a_decision_falls_once_and_in_time))
