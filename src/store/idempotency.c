/* SPDX-License-Identifier: Apache-2.0 */
#include "store/idempotency.h"

#include "store/sql_int.h"

#define ONE " WHERE scope = ? AND key = ?"

enum rc store_idempotency_get(struct store_txn *txn, struct arena *a, struct str scope,
                              struct str key, when_t now, struct store_idempotency *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct store_idempotency i = {};
    struct row r;

    TRY(stmt_open(&st, txn,
                  "SELECT scope, key, request, at, done, made, answer FROM idempotency" ONE
                  " AND at > ?"));
    stmt_text(&st, scope, STORE_TEXT_MAX);
    stmt_text(&st, key, STORE_IDEMPOTENCY_KEY_MAX);
    stmt_int(&st, now - STORE_IDEMPOTENCY_LIFE);
    TRY(stmt_next(&st));
    r = row_of(&st, a);
    i.scope = row_str(&r);
    i.key = row_str(&r);
    i.request = row_hash(&r);
    i.at = row_int(&r);
    i.done = row_int(&r) != 0;
    i.made = row_str(&r);
    i.answer = row_str(&r);
    TRY(r.rc);
    *out = i;
    return RC_OK;
}

/* The index of times has them in that order, so only what is counted is looked at. */
static enum rc has_place(struct store_txn *txn, const struct store_idempotency *row)
{
    CLEANUP(stmt_done) struct stmt one = {};
    CLEANUP(stmt_done) struct stmt all = {};
    struct row r;

    TRY(stmt_open(&one, txn, "SELECT COUNT(*) FROM idempotency WHERE scope = ? AND at > ?"));
    stmt_text(&one, row->scope, STORE_TEXT_MAX);
    stmt_int(&one, row->at - STORE_IDEMPOTENCY_LIFE);
    TRY(stmt_next(&one));
    r = row_of(&one, NULL);
    if (row_int(&r) >= STORE_IDEMPOTENCY_OF_ONE)
        return RC_QUOTA;
    TRY(r.rc);
    TRY(stmt_open(&all, txn, "SELECT COUNT(*) FROM idempotency WHERE at > ?"));
    stmt_int(&all, row->at - STORE_IDEMPOTENCY_LIFE);
    TRY(stmt_next(&all));
    r = row_of(&all, NULL);
    return row_int(&r) >= STORE_IDEMPOTENCY_OF_ALL ? RC_QUOTA : r.rc;
}

/* The one with that key, and others. */
static enum rc make_place(struct store_txn *txn, const struct store_idempotency *row)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "DELETE FROM idempotency" ONE " AND at <= ?"));
    stmt_text(&st, row->scope, STORE_TEXT_MAX);
    stmt_text(&st, row->key, STORE_IDEMPOTENCY_KEY_MAX);
    stmt_int(&st, row->at - STORE_IDEMPOTENCY_LIFE);
    TRY(stmt_run(&st));
    return store_idempotency_prune(txn, row->at, STORE_IDEMPOTENCY_PRUNED);
}

enum rc store_idempotency_add(struct store_txn *txn, const struct store_idempotency *row)
{
    CLEANUP(stmt_done) struct stmt st = {};

    if (row->scope.n == 0 || row->key.n == 0)
        return RC_INVAL;
    TRY(make_place(txn, row));
    TRY(has_place(txn, row));
    TRY(stmt_open(&st, txn,
                  "INSERT INTO idempotency (scope, key, request, at, done, made)"
                  " VALUES (?, ?, ?, ?, ?, ?)"));
    stmt_text(&st, row->scope, STORE_TEXT_MAX);
    stmt_text(&st, row->key, STORE_IDEMPOTENCY_KEY_MAX);
    stmt_hash(&st, &row->request);
    stmt_int(&st, row->at);
    stmt_int(&st, row->done);
    stmt_text(&st, str_utf8_head(row->made, STORE_TEXT_MAX), STORE_TEXT_MAX);
    return stmt_run(&st);
}

enum rc store_idempotency_done(struct store_txn *txn, struct str scope, struct str key,
                               struct str answer)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "UPDATE idempotency SET done = 1, answer = ?" ONE));
    stmt_text(&st, answer, STORE_IDEMPOTENCY_ANSWER_MAX);
    stmt_text(&st, scope, STORE_TEXT_MAX);
    stmt_text(&st, key, STORE_IDEMPOTENCY_KEY_MAX);
    return stmt_change(&st);
}

enum rc store_idempotency_drop(struct store_txn *txn, struct str scope, struct str key)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "DELETE FROM idempotency" ONE " AND done = 0"));
    stmt_text(&st, scope, STORE_TEXT_MAX);
    stmt_text(&st, key, STORE_IDEMPOTENCY_KEY_MAX);
    return stmt_change(&st);
}

enum rc store_idempotency_prune(struct store_txn *txn, when_t now, unsigned limit)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "DELETE FROM idempotency WHERE n IN (SELECT n FROM idempotency WHERE at <= ?"
                  " ORDER BY at LIMIT ?)"));
    stmt_int(&st, now - STORE_IDEMPOTENCY_LIFE);
    stmt_int(&st, limit);
    return stmt_run(&st);
}
