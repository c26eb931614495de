/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/shared.h"

static void drop(struct shared **s)
{
    shared_drop(*s, NULL);
    *s = NULL;
}

static void once_for_all(void)
{
    struct shared_pool pool;
    CLEANUP(drop) struct shared *a = NULL, *b = NULL, *c = NULL, *none = NULL;

    shared_init(&pool);
    CHECK_OK(shared_take(&pool, STR("one"), &a));
    CHECK_OK(shared_take(&pool, STR("other"), &b));
    CHECK_OK(shared_take(&pool, STR("one"), &c));
    CHECK_OK(shared_take(&pool, STR(""), &none));
    CHECK(a == c && a != b);
    CHECK_STR(shared_str(a), "one");
    CHECK_STR(shared_str(b), "other");
    CHECK_STR(shared_str(none), "");
    drop(&a);
    CHECK_STR(shared_str(c), "one");
    drop(&c);
    drop(&b);
    drop(&none);
    drop(&none); /* none is dropped */
    CHECK(list_empty(&pool.all));
}

static void ends(void *user)
{
    ++*(int *)user;
}

static void with_the_last_one(void)
{
    struct shared_pool pool;
    CLEANUP(drop) struct shared *a = NULL, *b = NULL;
    int ended = 0;

    shared_init(&pool);
    CHECK_OK(shared_take(&pool, STR("one"), &a));
    CHECK_OK(shared_take(&pool, STR("one"), &b));
    a->user = &ended;
    shared_drop(MOVE(a), ends);
    CHECK_INT(ended, 0);
    shared_drop(MOVE(b), ends);
    CHECK_INT(ended, 1);
    CHECK_OK(shared_take(&pool, STR("one"), &a));
    CHECK(!a->user);
    shared_drop(MOVE(a), ends);
    CHECK_INT(ended, 1);
}

/* Far back it is not looked for. */
static void among_the_last(void)
{
    struct shared *all[SHARED_LOOK_MAX + 1] = {}, *again = NULL;
    struct shared_pool pool;
    enum rc rc = RC_OK;

    shared_init(&pool);
    for (size_t i = 0; i < SHARED_LOOK_MAX + 1 && rc == RC_OK; i++) {
        char text[8];

        snprintf(text, sizeof(text), "%zu", i);
        rc = shared_take(&pool, str_of(text), &all[i]);
    }
    if (rc == RC_OK)
        rc = shared_take(&pool, STR("0"), &again);
    if (rc == RC_OK) {
        CHECK(again != all[0]);
        shared_drop(again, NULL);
        rc = shared_take(&pool, STR("1"), &again);
    }
    if (rc == RC_OK) {
        CHECK(again == all[1]);
        shared_drop(again, NULL);
    }
    for (size_t i = 0; i < SHARED_LOOK_MAX + 1; i++)
        shared_drop(all[i], NULL);
    CHECK_OK(rc);
}

CHECK_MAIN(CHECK_TEST(once_for_all), CHECK_TEST(with_the_last_one), CHECK_TEST(among_the_last))
