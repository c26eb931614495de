/* SPDX-License-Identifier: Apache-2.0 */
#include "store/hours.h"

#include "store/sql_int.h"

static const char *const names[STORE_HOUR_WHATS] = {
    [STORE_HOUR_VALIDATED] = "validated",
    [STORE_HOUR_FAILED] = "failed",
    [STORE_HOUR_DNS] = "dns",
    [STORE_HOUR_ISSUED] = "issued",
    [STORE_HOUR_NAMES] = "names",
    [STORE_HOUR_UNUSUAL] = "unusual",
};

enum rc store_hour_add(struct store_txn *txn, when_t hour, enum store_hour_what what, uint64_t n)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "INSERT INTO hours (hour, what, n) VALUES (?1, ?2, ?3)"
                  " ON CONFLICT (hour, what) DO UPDATE SET n = n + ?3"));
    stmt_int(&st, hour);
    stmt_z(&st, names[what]);
    stmt_int(&st, (int64_t)n);
    return stmt_run(&st);
}

/* One number; of no row, or of NULL, 0. */
static enum rc number(struct stmt *st, uint64_t *out)
{
    enum rc rc = stmt_next(st);
    struct row r = row_of(st, NULL);

    *out = 0;
    if (rc == RC_NOTFOUND)
        return RC_OK;
    TRY(rc);
    *out = (uint64_t)row_int(&r);
    return r.rc;
}

enum rc store_hour_get(struct store_txn *txn, when_t hour, enum store_hour_what what, uint64_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT n FROM hours WHERE hour = ? AND what = ?"));
    stmt_int(&st, hour);
    stmt_z(&st, names[what]);
    return number(&st, out);
}

enum rc store_hour_most(struct store_txn *txn, enum store_hour_what what, when_t from,
                        when_t before, uint64_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "SELECT IFNULL(MAX(n), 0) FROM hours AS h WHERE hour >= ? AND hour < ?"
                  " AND what = ? AND NOT EXISTS"
                  " (SELECT 1 FROM hours WHERE hour = h.hour AND what = 'unusual')"));
    stmt_int(&st, from);
    stmt_int(&st, before);
    stmt_z(&st, names[what]);
    return number(&st, out);
}

enum rc store_hour_first(struct store_txn *txn, when_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    uint64_t hour;

    TRY(stmt_open(&st, txn, "SELECT IFNULL(MIN(hour), 0) FROM hours"));
    TRY(number(&st, &hour));
    *out = (when_t)hour;
    return RC_OK;
}

enum rc store_hour_unusual(struct store_txn *txn, when_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    uint64_t hour;

    TRY(stmt_open(&st, txn, "SELECT IFNULL(MAX(hour), 0) FROM hours WHERE what = 'unusual'"));
    TRY(number(&st, &hour));
    *out = (when_t)hour;
    return RC_OK;
}

enum rc store_hours_prune(struct store_txn *txn, when_t before)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "DELETE FROM hours WHERE hour < ?"));
    stmt_int(&st, before);
    return stmt_run(&st);
}
