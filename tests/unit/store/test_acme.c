/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of account bindings, renewals pulled forward, and what is deleted once it has expired. */
#include "check.h"

#include "fixture.h"

#include "store/eab.h"
#include "store/prune.h"
#include "store/renewals.h"

static void keys_of_bindings(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_eab key = {.id = fix_id(1),
                            .name = STR("radiology"),
                            .accounts = 3,
                            .created = FIX_NOW,
                            .expires = FIX_NOW + WHEN_DAY,
                            .reason = STR("CHG-1")};
    struct store_eab got, other = key, *list;
    struct store_cursor at = {0};
    size_t n;

    other.id = fix_id(2);
    CHECK_OK(fix_open(&f));
    CHECK_OK(DO(&f, store_eab_add(T, &key)));
    CHECK_RC(DO(&f, store_eab_add(T, &other)), RC_EXISTS);
    CHECK_OK(store_eab_find(store_read(f.s), &f.a, STR("radiology"), &got));
    CHECK_STR(id_str(&got.id), key.id.z);
    CHECK_INT(got.accounts, 3);
    CHECK_STR(got.reason, "CHG-1");
    CHECK_OK(DO(&f, store_eab_revoke(T, &key.id, FIX_NOW + 1)));
    CHECK_RC(DO(&f, store_eab_revoke(T, &key.id, FIX_NOW + 2)), RC_CONFLICT);
    CHECK_OK(store_eab_get(store_read(f.s), &f.a, &key.id, &got));
    CHECK_INT(got.revoked, FIX_NOW + 1);
    CHECK_OK(store_eab_list(store_read(f.s), &f.a, &at, 0, &list, &n));
    CHECK_INT(n, 1);
}

static void renewals(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_renewal w = {.id = fix_id(1),
                              .by_key = true,
                              .spki_sha256 = fix_hash(7),
                              .under = STR("hospital.example"),
                              .created = FIX_NOW,
                              .first = FIX_NOW,
                              .last = FIX_NOW + WHEN_DAY};
    struct store_renewal *list;
    size_t n;

    CHECK_OK(fix_open(&f));
    CHECK_OK(DO(&f, store_renewal_add(T, &w)));
    CHECK_OK(store_renewal_list(store_read(f.s), &f.a, FIX_NOW, &list, &n));
    CHECK_INT(n, 0);
    CHECK_OK(store_renewal_list(store_read(f.s), &f.a, FIX_NOW - 1, &list, &n));
    CHECK_INT(n, 1);
    CHECK(list[0].by_key && memcmp(&list[0].spki_sha256, &w.spki_sha256, STORE_SHA256) == 0);
    CHECK_STR(list[0].under, "hospital.example");
    w.last = w.first - 1;
    CHECK_RC(DO(&f, store_renewal_add(T, &w)), RC_INVAL);
}

/* No more than are looked through at each question; those that are over do not count. */
static void so_many_renewals(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_renewal w = {
        .name = STR("a"), .created = FIX_NOW, .first = FIX_NOW, .last = FIX_NOW + WHEN_DAY};

    CHECK_OK(fix_open(&f));
    for (unsigned i = 0; i < STORE_RENEWALS_MAX; i++) {
        w.id = fix_id(i + 1);
        CHECK_OK(DO(&f, store_renewal_add(T, &w)));
    }
    w.id = fix_id(1000);
    CHECK_RC(DO(&f, store_renewal_add(T, &w)), RC_QUOTA);
    w.created = w.first = w.last = FIX_NOW + 2 * WHEN_DAY;
    CHECK_OK(DO(&f, store_renewal_add(T, &w)));
}

static void expired_orders_go(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_account account = fix_account(1);
    struct store_authorization authz = fix_authorization(2, 1);
    struct store_order_name names[3];
    struct store_prune p = {.before = FIX_NOW + 2 * WHEN_DAY, .young = FIX_NOW + 12, .limit = 10};
    struct store_order_filter all = {.statuses = 0};
    uint64_t n;

    CHECK_OK(fix_open(&f));
    CHECK_OK(DO(&f, store_account_add(T, &account)));
    CHECK_OK(DO(&f, store_authorization_add(T, &authz)));
    for (unsigned i = 0; i < 3; i++) {
        struct store_order order = fix_order(10 + i, 1, 2, &names[i]);

        order.status = i == 1 ? STORE_ORDER_PROCESSING : STORE_ORDER_PENDING;
        CHECK_OK(DO(&f, store_order_add(T, &order)));
    }
    CHECK_OK(DO(&f, store_prune_authorizations(T, &p))); /* orders name it */
    CHECK_INT(p.gone, 0);
    p.at = 0;
    CHECK_OK(DO(&f, store_prune_orders(T, &p)));
    CHECK_INT(p.gone, 2);
    CHECK(p.end);
    CHECK_OK(store_order_count(store_read(f.s), &all, &n));
    CHECK_INT(n, 1);
    CHECK_OK(store_check(f.s, NULL));
}

/* A step looks at `limit` rows and the next one goes on there; what is too young ends the sweep. */
static void in_steps(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_account account = fix_account(1);
    struct store_prune p = {.before = FIX_NOW + 2 * WHEN_DAY, .young = FIX_NOW + 13, .limit = 2};

    CHECK_OK(fix_open(&f));
    CHECK_OK(DO(&f, store_account_add(T, &account)));
    for (unsigned i = 0; i < 5; i++) {
        struct store_authorization authz = fix_authorization(10 + i, 1);

        CHECK_OK(DO(&f, store_authorization_add(T, &authz)));
    }
    CHECK_OK(DO(&f, store_prune_authorizations(T, &p)));
    CHECK(p.gone == 2 && !p.end);
    CHECK_OK(DO(&f, store_prune_authorizations(T, &p)));
    CHECK(p.gone == 2 && !p.end);
    CHECK_OK(DO(&f, store_prune_authorizations(T, &p)));
    CHECK(p.gone == 0 && p.end);
}

static void open_orders_are_counted(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_account account = fix_account(1);
    struct store_authorization authz = fix_authorization(2, 1);
    struct store_order_name names[3];
    struct store_order_open_for what = {account.id, STR("wiki.hospital.example"), FIX_NOW};
    struct store_order *list;
    uint64_t n;
    when_t first;
    size_t found;

    CHECK_OK(fix_open(&f));
    CHECK_OK(DO(&f, store_account_add(T, &account)));
    CHECK_OK(DO(&f, store_authorization_add(T, &authz)));
    for (unsigned i = 0; i < 3; i++) {
        struct store_order order = fix_order(10 + i, 1, 2, &names[i]);

        order.status = i == 1 ? STORE_ORDER_INVALID : STORE_ORDER_READY;
        order.expires += i;
        CHECK_OK(DO(&f, store_order_add(T, &order)));
    }
    CHECK_OK(store_order_open(store_read(f.s), &account.id, FIX_NOW, FIX_NOW, &n, &first));
    CHECK_INT(n, 2);
    CHECK_INT(first, FIX_NOW + WHEN_DAY);
    CHECK_OK(store_order_open(store_read(f.s), &account.id, FIX_NOW, FIX_NOW + 2 * WHEN_DAY, &n,
                              &first));
    CHECK_INT(n, 0);
    CHECK_OK(store_order_open_for(store_read(f.s), &f.a, &what, &list, &found));
    CHECK_INT(found, 2);
    CHECK_STR(id_str(&list[0].id), fix_id(12).z);
}

FIX_MAIN(CHECK_TEST(keys_of_bindings), CHECK_TEST(renewals), CHECK_TEST_ONCE(so_many_renewals),
         CHECK_TEST(expired_orders_go), CHECK_TEST(in_steps), CHECK_TEST(open_orders_are_counted))
