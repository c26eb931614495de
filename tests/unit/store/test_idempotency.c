/* SPDX-License-Identifier: Apache-2.0 */
/* Idempotency keys: whose they are, how many, how long. */
#include "check.h"

#include "fixture.h"

#include "store/idempotency.h"

#define WHO STR("user 1")

static enum rc add(struct store_txn *txn, const char *scope, const char *key, when_t at, bool done)
{
    const struct store_idempotency row = {.scope = str_of(scope),
                                          .key = str_of(key),
                                          .request = {{7, 8, 9}},
                                          .at = at,
                                          .done = done,
                                          .made = STR("token t")};

    return store_idempotency_add(txn, &row);
}

static enum rc get(struct fix *f, const char *scope, const char *key, when_t now,
                   struct store_idempotency *out)
{
    return store_idempotency_get(store_read(f->s), &f->a, str_of(scope), str_of(key), now, out);
}

static void one_row(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_idempotency i;

    CHECK_OK(fix_open(&f));
    CHECK_RC(get(&f, "user 1", "k", FIX_NOW, &i), RC_NOTFOUND);
    CHECK_OK(DO(&f, add(T, "user 1", "k", FIX_NOW, false)));
    CHECK_RC(DO(&f, add(T, "user 1", "k", FIX_NOW + 1, false)), RC_EXISTS);
    CHECK_OK(DO(&f, add(T, "user 2", "k", FIX_NOW, true)));
    CHECK_RC(DO(&f, add(T, "", "k", FIX_NOW, true)), RC_INVAL);
    CHECK_RC(DO(&f, add(T, "user 1", "", FIX_NOW, true)), RC_INVAL);
    CHECK_OK(get(&f, "user 1", "k", FIX_NOW, &i));
    CHECK_STR(i.scope, "user 1");
    CHECK_STR(i.key, "k");
    CHECK_INT(i.request.b[2], 9);
    CHECK(i.at == FIX_NOW);
    CHECK(!i.done);
    CHECK_STR(i.made, "token t");
    CHECK_INT(i.answer.n, 0);
    CHECK_OK(DO(&f, store_idempotency_done(T, WHO, STR("k"), STR("{}"))));
    CHECK_OK(get(&f, "user 1", "k", FIX_NOW, &i));
    CHECK(i.done);
    CHECK_STR(i.answer, "{}");
    CHECK_RC(DO(&f, store_idempotency_drop(T, WHO, STR("k"))), RC_NOTFOUND); /* it was done */
    CHECK_RC(DO(&f, store_idempotency_done(T, WHO, STR("l"), STR("{}"))), RC_NOTFOUND);
    CHECK_OK(get(&f, "user 2", "k", FIX_NOW, &i));
    CHECK(i.done);
    CHECK_INT(i.answer.n, 0);
    CHECK_OK(DO(&f, add(T, "user 1", "l", FIX_NOW, false)));
    CHECK_OK(DO(&f, store_idempotency_drop(T, WHO, STR("l"))));
    CHECK_RC(get(&f, "user 1", "l", FIX_NOW, &i), RC_NOTFOUND);
}

static void it_expires(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_idempotency i;
    const when_t end = FIX_NOW + STORE_IDEMPOTENCY_LIFE;

    CHECK_OK(fix_open(&f));
    CHECK_OK(DO(&f, add(T, "user 1", "k", FIX_NOW, true)));
    CHECK_OK(DO(&f, add(T, "user 1", "l", FIX_NOW + 1, true)));
    CHECK_OK(get(&f, "user 1", "k", end - 1, &i));
    CHECK_RC(get(&f, "user 1", "k", end, &i), RC_NOTFOUND);
    CHECK_RC(DO(&f, add(T, "user 1", "k", end - 1, false)), RC_EXISTS);
    CHECK_OK(DO(&f, add(T, "user 1", "k", end, false)));
    CHECK_OK(get(&f, "user 1", "k", end, &i));
    CHECK(!i.done);
    CHECK_OK(get(&f, "user 1", "l", FIX_NOW + 1, &i)); /* not yet pruned */
    CHECK_OK(DO(&f, store_idempotency_prune(T, end + 1, 10)));
    CHECK_RC(get(&f, "user 1", "l", FIX_NOW + 1, &i), RC_NOTFOUND);
    CHECK_OK(get(&f, "user 1", "k", end, &i));
}

static enum rc fill(struct store_txn *txn, const char *scope, unsigned n, when_t at)
{
    char key[16];

    for (unsigned i = 0; i < n; i++) {
        snprintf(key, sizeof(key), "%u", i);
        TRY(add(txn, scope, key, at, true));
    }
    return RC_OK;
}

static void so_many_and_no_more(void)
{
    CLEANUP(fix_done) struct fix f = {};
    const when_t end = FIX_NOW + STORE_IDEMPOTENCY_LIFE;
    char scope[24];

    CHECK_OK(fix_open(&f));
    CHECK_OK(DO(&f, fill(T, "user 0", STORE_IDEMPOTENCY_OF_ONE, FIX_NOW)));
    CHECK_RC(DO(&f, add(T, "user 0", "k", end - 1, true)), RC_QUOTA);
    for (int i = 1; i < STORE_IDEMPOTENCY_OF_ALL / STORE_IDEMPOTENCY_OF_ONE; i++) {
        snprintf(scope, sizeof(scope), "user %d", i);
        CHECK_OK(DO(&f, fill(T, scope, STORE_IDEMPOTENCY_OF_ONE, FIX_NOW)));
    }
    CHECK_RC(DO(&f, add(T, "user x", "k", end - 1, true)), RC_QUOTA);
    CHECK_OK(DO(&f, add(T, "user x", "k", end, true))); /* they have expired, each makes place */
}

FIX_MAIN(CHECK_TEST(one_row), CHECK_TEST(it_expires), CHECK_TEST_ONCE(so_many_and_no_more))
