/* SPDX-License-Identifier: Apache-2.0 */
#include "store/buckets.h"

#include "store/sql_int.h"

/* When it is full again; RC_NOTFOUND: it is full. */
static enum rc full_at(struct store_txn *txn, uint64_t key, when_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct row r;

    TRY(stmt_open(&st, txn, "SELECT full FROM buckets WHERE key = ?"));
    stmt_int(&st, (int64_t)key);
    TRY(stmt_next(&st));
    r = row_of(&st, NULL);
    *out = row_int(&r);
    return r.rc;
}

/* When it would be full again after one more was taken; at most `per` from now, or there is none
 * to take. */
static enum rc after(struct store_txn *txn, const struct store_bucket *b, when_t now, when_t *out)
{
    when_t full = now;
    enum rc rc = full_at(txn, b->key, &full);

    if (rc != RC_OK && rc != RC_NOTFOUND)
        return rc;
    *out = (full > now ? full : now) + b->per / (when_t)b->count;
    return RC_OK;
}

static enum rc put(struct store_txn *txn, const struct store_bucket *b, when_t full)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "INSERT INTO buckets (key, full) VALUES (?1, ?2)"
                  " ON CONFLICT (key) DO UPDATE SET full = ?2"));
    stmt_int(&st, (int64_t)b->key);
    stmt_int(&st, full);
    return stmt_run(&st);
}

/* The ones that are empty: which of them for longest, and until when. */
struct empty {
    size_t which;
    when_t at; /* 0: none is */
};

static bool has_one(const struct store_bucket *buckets, size_t i, when_t full, when_t now,
                    struct empty *e)
{
    when_t at = full - buckets[i].per;

    if (at <= now)
        return true;
    if (at > e->at)
        *e = (struct empty){i, at};
    return false;
}

/* `take`: of each, as long as none is empty. */
static enum rc walk(struct store_txn *txn, const struct store_bucket *buckets, size_t n, bool take,
                    when_t now, struct empty *e)
{
    *e = (struct empty){};
    for (size_t i = 0; i < n; i++) {
        when_t full;

        TRY(after(txn, &buckets[i], now, &full));
        if (has_one(buckets, i, full, now, e) && take && e->at == 0)
            TRY(put(txn, &buckets[i], full));
    }
    return e->at ? RC_QUOTA : RC_OK;
}

enum rc store_buckets_look(struct store_txn *txn, const struct store_bucket *buckets, size_t n,
                           when_t now, size_t *out_which, when_t *out_at)
{
    struct empty e;
    enum rc rc = walk(txn, buckets, n, false, now, &e);

    *out_which = e.which;
    *out_at = e.at;
    return rc;
}

enum rc store_buckets_take(struct store_txn *txn, const struct store_bucket *buckets, size_t n,
                           when_t now, size_t *out_which, when_t *out_at)
{
    struct empty e;
    enum rc rc = walk(txn, buckets, n, true, now, &e);

    *out_which = e.which;
    *out_at = e.at;
    return rc;
}

enum rc store_bucket_taken(struct store_txn *txn, const struct store_bucket *b, when_t now,
                           uint64_t *out)
{
    when_t each = b->per / (when_t)b->count, full = now;
    enum rc rc = full_at(txn, b->key, &full);

    if (rc != RC_OK && rc != RC_NOTFOUND)
        return rc;
    *out = full <= now ? 0 : each == 0 ? b->count : (uint64_t)((full - now + each - 1) / each);
    if (*out > b->count)
        *out = b->count;
    return RC_OK;
}
