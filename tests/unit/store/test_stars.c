/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "fixture.h"

#include "store/prune.h"
#include "store/stars.h"

static const struct store_star star = {
    .start = FIX_NOW + 5,
    .end = FIX_NOW + 100 * WHEN_DAY,
    .lifetime = 4 * WHEN_DAY,
    .adjust = 3 * WHEN_DAY,
    .get = true,
};

static struct store_order star_order(unsigned n, struct store_order_name *name)
{
    struct store_order o = fix_order(n, 1, 2, name);

    o.star = &star;
    o.status = STORE_ORDER_READY;
    return o;
}

/* Finalized: processing, with a key. */
static enum rc begin(struct fix *f, const struct store_order *o, when_t next)
{
    TRY(DO(f, store_order_add(T, o)));
    TRY(DO(f, store_order_process(T, &o->id, FIX_NOW)));
    return DO(f, store_star_begin(T, &o->id, STR("key"), FIX_NOW + 7, next));
}

static void comes_back_as_it_was(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_order_name names[2];
    struct store_order o, plain, got;

    CHECK_OK(fix_base(&f));
    o = star_order(10, &names[0]);
    plain = fix_order(11, 1, 2, &names[1]);
    CHECK_OK(DO(&f, store_order_add(T, &o)));
    CHECK_OK(DO(&f, store_order_add(T, &plain)));
    CHECK_OK(store_order_get(READ(&f), &f.a, &plain.id, &got));
    CHECK(!got.star);
    CHECK_OK(store_order_get(READ(&f), &f.a, &o.id, &got));
    CHECK(got.star);
    CHECK_INT(got.star->start, star.start);
    CHECK_INT(got.star->end, star.end);
    CHECK_INT(got.star->lifetime, star.lifetime);
    CHECK_INT(got.star->adjust, star.adjust);
    CHECK(got.star->get);
    CHECK_INT(got.star->spki.n, 0);
    CHECK_INT(got.star->first, 0);
    CHECK_INT(got.star->next, 0);
    CHECK_OK(DO(&f, store_star_begin(T, &o.id, STR("key"), FIX_NOW + 7, FIX_NOW + 8)));
    CHECK_RC(DO(&f, store_star_begin(T, &o.id, STR("key"), FIX_NOW + 7, 0)), RC_CONFLICT);
    CHECK_RC(DO(&f, store_star_begin(T, &o.id, STR(""), FIX_NOW, 0)), RC_INVAL);
    CHECK_OK(store_order_get(READ(&f), &f.a, &o.id, &got));
    CHECK_STR(got.star->spki, "key");
    CHECK_INT(got.star->first, FIX_NOW + 7);
    CHECK_INT(got.star->next, FIX_NOW + 8);
}

/* Of two that saw the same, one takes it; after it there is nothing due until its end. */
static void taken_once(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_order_name name;
    struct store_order o, got;
    struct id due[4];
    when_t next;
    size_t n;

    CHECK_OK(fix_base(&f));
    o = star_order(10, &name);
    CHECK_OK(begin(&f, &o, FIX_NOW + 9));
    CHECK_OK(store_star_due(READ(&f), FIX_NOW + 8, 4, due, &n));
    CHECK_INT(n, 0);
    CHECK_OK(store_star_next(READ(&f), FIX_NOW + 8, &next));
    CHECK_INT(next, FIX_NOW + 9);
    CHECK_OK(store_star_due(READ(&f), FIX_NOW + 9, 4, due, &n));
    CHECK_INT(n, 1);
    CHECK_STR(id_str(&due[0]), o.id.z);
    CHECK_OK(DO(&f, store_star_later(T, &o.id, FIX_NOW + 20)));
    CHECK_OK(DO(&f, store_star_take(T, &o.id, 0)));
    CHECK_RC(DO(&f, store_star_take(T, &o.id, 0)), RC_CONFLICT);
    CHECK_OK(DO(&f, store_star_later(T, &o.id, FIX_NOW + 30))); /* no word any more */
    CHECK_OK(store_star_due(READ(&f), FIX_NOW + WHEN_DAY, 4, due, &n));
    CHECK_INT(n, 0);
    CHECK_OK(store_star_next(READ(&f), 0, &next));
    CHECK_INT(next, 0);
    CHECK_OK(store_order_get(READ(&f), &f.a, &o.id, &got));
    CHECK_INT(got.star->issued, 1);
    CHECK_INT(got.star->vain, 1);
}

static void renewed_and_canceled(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_order_name name;
    struct fix_serial rooms[2];
    struct store_certificate c[2];
    struct store_order o, got;
    struct id none = {};

    CHECK_OK(fix_base(&f));
    o = star_order(10, &name);
    CHECK_OK(begin(&f, &o, 0));
    for (unsigned i = 0; i < 2; i++) {
        c[i] = fix_certificate(20 + i, 3, &rooms[i]);
        CHECK_OK(DO(&f, store_certificate_add(T, &c[i], &none)));
    }
    CHECK_RC(DO(&f, store_star_cancel(T, &o.id, STR(""), FIX_NOW)), RC_CONFLICT);
    CHECK_RC(DO(&f, store_order_finish(T, &o.id, &c[0].id)), RC_CONFLICT);
    CHECK_OK(DO(&f, store_star_finish(T, &o.id, &c[0].id, FIX_NOW + 50)));
    CHECK_OK(store_order_get(READ(&f), &f.a, &o.id, &got));
    CHECK(got.status == STORE_ORDER_VALID);
    CHECK_INT(got.expires, star.end);
    CHECK_STR(id_str(&got.certificate), c[0].id.z);
    CHECK_OK(DO(&f, store_star_take(T, &o.id, 0)));
    CHECK_OK(DO(&f, store_star_again(T, &o.id, FIX_NOW + 60)));
    CHECK_OK(DO(&f, store_star_take(T, &o.id, 1)));
    CHECK_OK(DO(&f, store_star_finish(T, &o.id, &c[1].id, FIX_NOW + 70)));
    CHECK_OK(store_order_get(READ(&f), &f.a, &o.id, &got));
    CHECK_STR(id_str(&got.certificate), c[1].id.z);
    CHECK_INT(got.star->next, FIX_NOW + 70);
    CHECK_INT(got.star->vain, 0);
    CHECK_OK(DO(&f, store_star_cancel(T, &o.id, STR("{}"), FIX_NOW)));
    CHECK_RC(DO(&f, store_star_cancel(T, &o.id, STR("{}"), FIX_NOW)), RC_CONFLICT);
    CHECK_RC(DO(&f, store_star_take(T, &o.id, 2)), RC_CONFLICT);
    CHECK_RC(DO(&f, store_star_again(T, &o.id, FIX_NOW)), RC_CONFLICT);
    CHECK_RC(DO(&f, store_star_finish(T, &o.id, &c[1].id, 0)), RC_CONFLICT);
    CHECK_OK(store_order_get(READ(&f), &f.a, &o.id, &got));
    CHECK(got.status == STORE_ORDER_CANCELED);
    CHECK_INT(got.expires, c[1].not_after);
    CHECK_INT(got.star->next, 0);
    CHECK_STR(got.error, "{}");
}

static void all_of_an_account(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_account other = fix_account(4);
    struct store_authorization z = fix_authorization(5, 4);
    struct store_order_name names[3];
    struct store_order o[3], got;
    struct id account = fix_id(1);
    struct id *ids;
    size_t canceled = 0;
    uint64_t n;

    CHECK_OK(fix_base(&f));
    CHECK_OK(DO(&f, store_account_add(T, &other)));
    CHECK_OK(DO(&f, store_authorization_add(T, &z)));
    for (unsigned i = 0; i < 2; i++) {
        o[i] = star_order(10 + i, &names[i]);
        CHECK_OK(begin(&f, &o[i], FIX_NOW + 9));
    }
    o[2] = fix_order(12, 4, 5, &names[2]);
    o[2].star = &star;
    o[2].status = STORE_ORDER_READY;
    CHECK_OK(begin(&f, &o[2], FIX_NOW + 9));
    CHECK_OK(store_star_count(READ(&f), &account, FIX_NOW, &n));
    CHECK_INT(n, 2);
    CHECK_OK(store_star_count(READ(&f), &account, star.end, &n));
    CHECK_INT(n, 0);
    CHECK_OK(DO(&f, store_star_cancel_all(T, &f.a, &account, FIX_NOW, &ids, &canceled)));
    CHECK_INT(canceled, 2);
    CHECK_OK(store_star_count(READ(&f), &account, FIX_NOW, &n));
    CHECK_INT(n, 0);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_OK(store_order_get(READ(&f), &f.a, &o[i].id, &got));
        CHECK(got.status == STORE_ORDER_CANCELED);
        CHECK_INT(got.star->next, 0);
    }
    CHECK_OK(store_order_get(READ(&f), &f.a, &o[2].id, &got));
    CHECK(got.status == STORE_ORDER_PROCESSING);
    CHECK_INT(got.star->next, FIX_NOW + 9);
}

static void goes_with_its_order(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_prune p = {.limit = 10};
    struct store_order_name name;
    struct store_order o;
    int64_t n;

    CHECK_OK(fix_base(&f));
    o = star_order(10, &name);
    CHECK_OK(begin(&f, &o, FIX_NOW + 9));
    CHECK_OK(DO(&f, store_order_fail(T, &o.id, STORE_ORDER_PROCESSING, STR("{}"))));
    p.before = p.young = FIX_NOW + 1000 * WHEN_DAY;
    CHECK_OK(DO(&f, store_prune_orders(T, &p)));
    CHECK_INT(p.gone, 1);
    CHECK_OK(sql_value(&f.s->read_db, "SELECT COUNT(*) FROM stars", &n));
    CHECK_INT(n, 0);
}

FIX_MAIN(CHECK_TEST(comes_back_as_it_was), CHECK_TEST(taken_once),
         CHECK_TEST_ONCE(renewed_and_canceled), CHECK_TEST_ONCE(all_of_an_account),
         CHECK_TEST(goes_with_its_order))
