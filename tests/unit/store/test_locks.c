/* SPDX-License-Identifier: Apache-2.0 */
/* Locks: no two alike hold, no more than there is room for, and lifted once. */
#include "check.h"

#include "fixture.h"

#include "store/locks.h"

static struct store_lock lock_of(unsigned n, enum store_lock_scope scope, const char *value)
{
    return (struct store_lock){.id = fix_id(n),
                               .scope = scope,
                               .value = str_of(value),
                               .reason = STR("INC-7"),
                               .set_by = STR("uid 0"),
                               .set = FIX_NOW};
}

static void set_and_lifted(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_lock zone = lock_of(1, STORE_LOCK_ZONE, "lab.hospital.example");
    struct store_lock again = lock_of(2, STORE_LOCK_ZONE, "lab.hospital.example");
    struct store_lock all = lock_of(3, STORE_LOCK_ALL, "");
    struct store_lock new_names = lock_of(4, STORE_LOCK_ALL, "");
    struct store_lock *list;
    size_t n;

    all.renewals = true;
    new_names.new_names = true;
    CHECK_OK(fix_open(&f));
    CHECK_OK(store_lock_active(store_read(f.s), &f.a, &list, &n));
    CHECK_INT(n, 0);
    CHECK_OK(DO(&f, store_lock_add(T, &zone)));
    CHECK_RC(DO(&f, store_lock_add(T, &again)), RC_EXISTS);
    CHECK_OK(DO(&f, store_lock_add(T, &all)));
    CHECK_OK(DO(&f, store_lock_add(T, &new_names))); /* stops less, and is another one */
    CHECK_OK(store_lock_active(store_read(f.s), &f.a, &list, &n));
    CHECK_INT(n, 3);
    CHECK(!list[1].new_names && list[2].new_names);
    CHECK_OK(DO(&f, store_lock_lift(T, &new_names.id, STR("uid 7"), STR("over"), FIX_NOW)));
    CHECK_OK(store_lock_active(store_read(f.s), &f.a, &list, &n));
    CHECK_INT(n, 2);
    CHECK_STR(list[0].value, "lab.hospital.example");
    CHECK(!list[0].renewals && list[1].renewals && list[1].scope == STORE_LOCK_ALL);
    CHECK_OK(DO(&f, store_lock_lift(T, &zone.id, STR("uid 7"), STR("over"), FIX_NOW + 1)));
    CHECK_RC(DO(&f, store_lock_lift(T, &zone.id, STR("uid 7"), STR("over"), FIX_NOW + 2)),
             RC_CONFLICT);
    CHECK_RC(DO(&f, store_lock_lift(T, &again.id, STR("uid 7"), STR(""), FIX_NOW)), RC_NOTFOUND);
    CHECK_OK(store_lock_active(store_read(f.s), &f.a, &list, &n));
    CHECK_INT(n, 1);
    /* What was lifted may be frozen again. */
    CHECK_OK(DO(&f, store_lock_add(T, &again)));
    CHECK_OK(store_lock_lifted(store_read(f.s), &f.a, &(struct store_cursor){}, 0, &list, &n));
    CHECK_INT(n, 2);
    CHECK_STR(id_str(&list[0].id), new_names.id.z);
    CHECK_STR(id_str(&list[1].id), zone.id.z);
    CHECK_INT(list[1].lifted, FIX_NOW + 1);
    CHECK_STR(list[1].lifted_by, "uid 7");
    CHECK_STR(list[1].lifted_why, "over");
}

static void so_many(void)
{
    CLEANUP(fix_done) struct fix f = {};
    char zone[32];

    CHECK_OK(fix_open(&f));
    for (unsigned i = 0; i < STORE_LOCKS_MAX; i++) {
        struct store_lock lock;

        snprintf(zone, sizeof(zone), "z%u.example", i);
        lock = lock_of(i, STORE_LOCK_ZONE, zone);
        CHECK_OK(DO(&f, store_lock_add(T, &lock)));
    }
    {
        struct store_lock more = lock_of(STORE_LOCKS_MAX, STORE_LOCK_ZONE, "more.example");
        struct id first = fix_id(0);

        CHECK_RC(DO(&f, store_lock_add(T, &more)), RC_QUOTA);
        CHECK_OK(DO(&f, store_lock_lift(T, &first, STR("uid 0"), STR(""), FIX_NOW + 1)));
        CHECK_OK(DO(&f, store_lock_add(T, &more)));
    }
}

FIX_MAIN(CHECK_TEST(set_and_lifted), CHECK_TEST_ONCE(so_many))
