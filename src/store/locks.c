/* SPDX-License-Identifier: Apache-2.0 */
#include "store/locks.h"

#include "store/sql_int.h"

#define COLUMNS                                                                                    \
    "n, id, scope, value, renewals, reason, set_by, set_at, lifted, lifted_by, lifted_why, "       \
    "new_names"

static const char *const scopes[STORE_LOCK_SCOPES] = {
    [STORE_LOCK_ALL] = "all",         [STORE_LOCK_ZONE] = "zone", [STORE_LOCK_ISSUER] = "issuer",
    [STORE_LOCK_ACCOUNT] = "account", [STORE_LOCK_EAB] = "eab",   [STORE_LOCK_NETWORK] = "network",
};

const char *store_lock_scope_text(enum store_lock_scope scope)
{
    return scopes[scope];
}

static enum rc room(struct store_txn *txn)
{
    CLEANUP(query_done) struct query q = {};
    uint64_t n;

    query_init(&q, "SELECT COUNT(*) FROM locks WHERE lifted IS NULL");
    TRY(query_count(&q, txn, &n));
    return n < STORE_LOCKS_MAX ? RC_OK : RC_QUOTA;
}

/* A unique index sees to it that the same does not hold twice. */
static enum rc add(struct store_txn *txn, const struct store_lock *lock)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "INSERT INTO locks (id, scope, value, renewals, reason, set_by, set_at,"
                  " new_names) VALUES (?, ?, COALESCE(?, ''), ?, ?, ?, ?, ?)"));
    stmt_id(&st, &lock->id);
    stmt_z(&st, scopes[lock->scope]);
    stmt_text(&st, lock->value, STORE_TEXT_MAX);
    stmt_int(&st, lock->renewals);
    stmt_text(&st, lock->reason, STORE_TEXT_MAX);
    stmt_text(&st, lock->set_by, STORE_TEXT_MAX);
    stmt_when(&st, lock->set);
    stmt_int(&st, lock->new_names);
    return stmt_run(&st);
}

enum rc store_lock_add(struct store_txn *txn, const struct store_lock *lock)
{
    TRY(room(txn));
    return add(txn, lock);
}

enum rc store_lock_add_restored(struct store_txn *txn, const struct store_lock *lock)
{
    return add(txn, lock);
}

enum rc store_lock_lift(struct store_txn *txn, const struct id *id, struct str by, struct str why,
                        when_t now)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE locks SET lifted = ?, lifted_by = ?, lifted_why = ?"
                  " WHERE id = ? AND lifted IS NULL"));
    stmt_when(&st, now);
    stmt_text(&st, by, STORE_TEXT_MAX);
    stmt_text(&st, why, STORE_TEXT_MAX);
    stmt_id(&st, id);
    return stmt_move(&st, txn, "SELECT 1 FROM locks WHERE id = ?", id);
}

static enum rc read_row(struct stmt *st, struct store_txn *, struct arena *a, void *out)
{
    struct row r = row_of(st, a);
    struct store_lock lock = {};

    lock.n = row_int(&r);
    lock.id = row_id(&r);
    lock.scope = (enum store_lock_scope)row_enum(&r, scopes, STORE_LOCK_SCOPES);
    lock.value = row_str(&r);
    lock.renewals = row_int(&r) != 0;
    lock.reason = row_str(&r);
    lock.set_by = row_str(&r);
    lock.set = row_int(&r);
    lock.lifted = row_int(&r);
    lock.lifted_by = row_str(&r);
    lock.lifted_why = row_str(&r);
    lock.new_names = row_int(&r) != 0;
    TRY(r.rc);
    *(struct store_lock *)out = lock;
    return RC_OK;
}

enum rc store_lock_active(struct store_txn *txn, struct arena *a, struct store_lock **out,
                          size_t *out_n)
{
    static const struct rows rows = {
        .size = sizeof(struct store_lock), .at = offsetof(struct store_lock, n), .read = read_row};

    return query_numbered(
        txn, a, "SELECT " COLUMNS " FROM locks WHERE lifted IS NULL",
        &(struct page){.rows = &rows, .at = &(struct store_cursor){}, .limit = STORE_LOCKS_MAX + 1},
        out, out_n);
}

enum rc store_lock_lifted(struct store_txn *txn, struct arena *a, struct store_cursor *at,
                          unsigned limit, struct store_lock **out, size_t *out_n)
{
    static const struct rows rows = {
        .size = sizeof(struct store_lock), .at = offsetof(struct store_lock, n), .read = read_row};

    return query_numbered(
        txn, a, "SELECT " COLUMNS " FROM locks WHERE lifted IS NOT NULL",
        &(struct page){.rows = &rows, .at = at, .descending = true, .limit = limit}, out, out_n);
}
