/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts of TXT records: the two newest values, so many accounts, pages of them. */
#include "check.h"

#include "fixture.h"

#include "store/txt.h"

#define WHO STR("u1")

static enum rc add(struct store_txn *txn, unsigned n, uint64_t most)
{
    char name[16], user[16];
    struct store_txt t = {.password = {{1, 2, 3}}, .allow = STR("10.0.0.0/8"), .created = FIX_NOW};

    snprintf(name, sizeof(name), "s%u", n);
    snprintf(user, sizeof(user), "u%u", n);
    t.subdomain = str_of(name);
    t.username = str_of(user);
    return store_txt_add(txn, &t, most);
}

#define CHECK_VALUES(f, first, second)                                                             \
    do {                                                                                           \
        struct store_txt t_;                                                                       \
        CHECK_OK(store_txt_find(store_read((f)->s), &(f)->a, WHO, &t_));                           \
        CHECK_STR(t_.newer, first);                                                                \
        CHECK_STR(t_.older, second);                                                               \
    } while (0)

static void two_values(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_txt t;

    CHECK_OK(fix_open(&f));
    CHECK_OK(DO(&f, add(T, 1, 10)));
    CHECK_OK(store_txt_find(store_read(f.s), &f.a, WHO, &t));
    CHECK_INT(t.n, 1);
    CHECK_STR(t.subdomain, "s1");
    CHECK_STR(t.allow, "10.0.0.0/8");
    CHECK_INT(t.password.b[2], 3);
    CHECK_INT(t.updated, 0);
    CHECK_VALUES(&f, "", "");
    CHECK_OK(DO(&f, store_txt_present(T, WHO, STR("a"), FIX_NOW)));
    CHECK_VALUES(&f, "a", "");
    CHECK_OK(DO(&f, store_txt_present(T, WHO, STR("a"), FIX_NOW)));
    CHECK_VALUES(&f, "a", "");
    CHECK_OK(DO(&f, store_txt_present(T, WHO, STR("b"), FIX_NOW)));
    CHECK_VALUES(&f, "b", "a");
    CHECK_OK(DO(&f, store_txt_present(T, WHO, STR("a"), FIX_NOW)));
    CHECK_VALUES(&f, "a", "b");
    CHECK_OK(DO(&f, store_txt_present(T, WHO, STR("c"), FIX_NOW + 5)));
    CHECK_VALUES(&f, "c", "a");
    CHECK_OK(DO(&f, store_txt_cleanup(T, WHO, STR("x"), FIX_NOW)));
    CHECK_VALUES(&f, "c", "a");
    CHECK_OK(DO(&f, store_txt_cleanup(T, WHO, STR("c"), FIX_NOW)));
    CHECK_VALUES(&f, "a", "");
    CHECK_OK(DO(&f, store_txt_present(T, WHO, STR("d"), FIX_NOW)));
    CHECK_OK(DO(&f, store_txt_cleanup(T, WHO, STR("a"), FIX_NOW)));
    CHECK_VALUES(&f, "d", "");
    CHECK_OK(DO(&f, store_txt_cleanup(T, WHO, STR("d"), FIX_NOW)));
    CHECK_VALUES(&f, "", "");
    CHECK_RC(DO(&f, store_txt_present(T, STR("nobody"), STR("a"), FIX_NOW)), RC_NOTFOUND);
    CHECK_RC(DO(&f, store_txt_present(T, WHO, STR(""), FIX_NOW)), RC_INVAL);
    CHECK_RC(store_txt_find(store_read(f.s), &f.a, STR("nobody"), &t), RC_NOTFOUND);
}

static void one_is_removed(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_txt t;

    CHECK_OK(fix_open(&f));
    CHECK_OK(DO(&f, add(T, 1, 2)));
    CHECK_OK(DO(&f, add(T, 2, 2)));
    CHECK_OK(store_txt_named(store_read(f.s), &f.a, STR("s2"), &t));
    CHECK_STR(t.username, "u2");
    CHECK_RC(DO(&f, store_txt_remove(T, STR("s3"))), RC_NOTFOUND);
    CHECK_OK(DO(&f, store_txt_remove(T, STR("s2"))));
    CHECK_RC(store_txt_named(store_read(f.s), &f.a, STR("s2"), &t), RC_NOTFOUND);
    CHECK_RC(store_txt_find(store_read(f.s), &f.a, STR("u2"), &t), RC_NOTFOUND);
    CHECK_OK(store_txt_named(store_read(f.s), &f.a, STR("s1"), &t));
    CHECK_OK(DO(&f, add(T, 3, 2))); /* there is room again */
}

static void so_many(void)
{
    CLEANUP(fix_done) struct fix f = {};

    CHECK_OK(fix_open(&f));
    CHECK_OK(DO(&f, add(T, 1, 2)));
    CHECK_RC(DO(&f, add(T, 1, 2)), RC_EXISTS);
    CHECK_OK(DO(&f, add(T, 2, 2)));
    CHECK_RC(DO(&f, add(T, 3, 2)), RC_QUOTA);
}

static enum rc add_some(struct store_txn *txn, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        TRY(add(txn, i, n));
    return RC_OK;
}

static void pages(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_cursor at = {};
    struct store_txt *all;
    size_t n;

    CHECK_OK(fix_open(&f));
    CHECK_OK(store_txt_list(store_read(f.s), &f.a, &at, STORE_TXT_PAGE, &all, &n));
    CHECK(n == 0 && at.end);
    CHECK_OK(DO(&f, add_some(T, STORE_TXT_PAGE + 1)));
    at = (struct store_cursor){};
    CHECK_OK(store_txt_list(store_read(f.s), &f.a, &at, STORE_TXT_PAGE, &all, &n));
    CHECK(n == STORE_TXT_PAGE && !at.end);
    CHECK_STR(all[0].subdomain, "s0");
    CHECK_OK(store_txt_list(store_read(f.s), &f.a, &at, STORE_TXT_PAGE, &all, &n));
    CHECK(n == 1 && at.end);
    CHECK_STR(all[0].subdomain, "s256");
}

FIX_MAIN(CHECK_TEST(two_values), CHECK_TEST(one_is_removed), CHECK_TEST(so_many), CHECK_TEST(pages))
