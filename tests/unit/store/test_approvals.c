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
    CHECK_OK(store_approval_list(READ(&f), &f.a, &list, &n));
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

FIX_MAIN(CHECK_TEST(what_was_asked_comes_back), CHECK_TEST(only_what_still_counts_is_found),
         CHECK_TEST(a_decision_falls_once_and_in_time))
