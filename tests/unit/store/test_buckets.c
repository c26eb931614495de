/* SPDX-License-Identifier: Apache-2.0 */
/* Token buckets: as many as there are, at once or in turn; all or none of several; those that are
 * full leave. */
#include "check.h"

#include "fixture.h"

#include "store/buckets.h"
#include "store/prune.h"

static enum rc take(struct fix *f, const struct store_bucket *b, size_t n, when_t now,
                    size_t *which, when_t *at)
{
    return DO(f, store_buckets_take(T, b, n, now, which, at));
}

static void in_time(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_bucket b = {.key = 7, .count = 4, .per = WHEN_HOUR};
    when_t at = 0;
    size_t which = 9;

    CHECK_OK(fix_open(&f));
    for (int i = 0; i < 4; i++)
        CHECK_OK(take(&f, &b, 1, FIX_NOW, &which, &at));
    CHECK_RC(take(&f, &b, 1, FIX_NOW, &which, &at), RC_QUOTA);
    CHECK_INT(which, 0);
    CHECK_INT(at, FIX_NOW + WHEN_HOUR / 4);
    CHECK_RC(take(&f, &b, 1, at - 1, &which, &at), RC_QUOTA);
    CHECK_OK(take(&f, &b, 1, FIX_NOW + WHEN_HOUR / 4, &which, &at));
    CHECK_RC(store_buckets_look(store_read(f.s), &b, 1, FIX_NOW + WHEN_HOUR / 4, &which, &at),
             RC_QUOTA);
    /* A day later it is as full as at the start, and no fuller. */
    for (int i = 0; i < 4; i++)
        CHECK_OK(take(&f, &b, 1, FIX_NOW + WHEN_DAY, &which, &at));
    CHECK_RC(take(&f, &b, 1, FIX_NOW + WHEN_DAY, &which, &at), RC_QUOTA);
    /* A clock that went back gives nothing away. */
    CHECK_RC(take(&f, &b, 1, FIX_NOW, &which, &at), RC_QUOTA);
}

static void all_or_none(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_bucket b[] = {{.key = 1, .count = 3, .per = WHEN_DAY},
                               {.key = 2, .count = 1, .per = WHEN_HOUR},
                               {.key = 3, .count = 1, .per = WHEN_DAY}};
    when_t at = 0;
    size_t which = 9;

    CHECK_OK(fix_open(&f));
    CHECK_OK(take(&f, b, 3, FIX_NOW, &which, &at));
    CHECK_RC(take(&f, b, 3, FIX_NOW, &which, &at), RC_QUOTA);
    CHECK_INT(which, 2); /* the longest to wait for */
    CHECK_INT(at, FIX_NOW + WHEN_DAY);
    CHECK_RC(take(&f, b, 2, FIX_NOW, &which, &at), RC_QUOTA);
    CHECK_INT(which, 1);
    CHECK_OK(take(&f, b, 1, FIX_NOW, &which, &at)); /* two of the three are still there */
    CHECK_OK(take(&f, b, 1, FIX_NOW, &which, &at));
    CHECK_RC(take(&f, b, 1, FIX_NOW, &which, &at), RC_QUOTA);
}

static void full_ones_leave(void)
{
    CLEANUP(fix_done) struct fix f = {};
    struct store_prune p = {.before = FIX_NOW + WHEN_HOUR, .limit = 2};
    when_t at = 0;
    size_t which = 0;
    uint64_t gone = 0;

    CHECK_OK(fix_open(&f));
    for (unsigned i = 1; i <= 5; i++) {
        struct store_bucket b = {.key = i, .count = 1, .per = i % 2 ? WHEN_HOUR : WHEN_DAY};

        CHECK_OK(take(&f, &b, 1, FIX_NOW, &which, &at));
    }
    for (int i = 0; i < 4 && !p.end; i++) {
        CHECK_OK(DO(&f, store_prune_buckets(T, &p)));
        gone += p.gone;
    }
    CHECK(p.end);
    CHECK_INT(gone, 3);
    {
        struct store_bucket still = {.key = 2, .count = 1, .per = WHEN_DAY};

        CHECK_RC(take(&f, &still, 1, FIX_NOW + WHEN_HOUR, &which, &at), RC_QUOTA);
    }
}

FIX_MAIN(CHECK_TEST(in_time), CHECK_TEST(all_or_none), CHECK_TEST(full_ones_leave))
