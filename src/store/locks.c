/* SPDX-License-Identifier: Apache-2.0 */
#include "store/locks.h"

#include "store/sql_int.h"

#define COLUMNS                                                                                    \
    "id, scope, value, renewals, reason, set_by, set_at, lifted, lifted_by, lifted_why, "          \
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

static enum rc read_row(struct stmt *st, struct arena *a, struct store_lock *out)
{
    struct row r = row_of(st, a);
    struct store_lock lock = {};

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
    *out = lock;
    return RC_OK;
}

static enum rc read_rows(struct stmt *st, struct arena *a, size_t max, struct store_lock **out,
                         size_t *out_n)
{
    void *list = NULL;
    size_t n = 0, cap = 0;
    enum rc rc;

    for (rc = stmt_next(st); rc == RC_OK && n < max; rc = stmt_next(st)) {
        TRY(rows_grow(a, sizeof(struct store_lock), max, n, &cap, &list));
        TRY(read_row(st, a, (struct store_lock *)list + n));
        n++;
    }
    *out = list;
    *out_n = n;
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

enum rc store_lock_active(struct store_txn *txn, struct arena *a, struct store_lock **out,
                          size_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT " COLUMNS " FROM locks WHERE lifted IS NULL ORDER BY n"));
    return read_rows(&st, a, STORE_LOCKS_MAX + 1, out, out_n);
}

enum rc store_lock_list(struct store_txn *txn, struct arena *a, struct store_lock **out,
                        size_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT " COLUMNS " FROM locks ORDER BY n DESC LIMIT ?"));
    stmt_int(&st, STORE_LOCKS_LIST);
    return read_rows(&st, a, STORE_LOCKS_LIST, out, out_n);
}
