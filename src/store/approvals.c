/* SPDX-License-Identifier: Apache-2.0 */
#include "store/approvals.h"

#include "store/sql_int.h"

#define COLUMNS "id, action, what, digest, asked_by, asked, expires, state, decided_by, decided"

static const char *const states[STORE_APPROVAL_STATES] = {
    [STORE_APPROVAL_PENDING] = "pending",
    [STORE_APPROVAL_GRANTED] = "granted",
    [STORE_APPROVAL_DENIED] = "denied",
    [STORE_APPROVAL_USED] = "used",
};

const char *store_approval_state_text(enum store_approval_state state)
{
    return states[state];
}

enum rc store_approval_add(struct store_txn *txn, const struct store_approval *a)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "INSERT INTO approvals (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    stmt_id(&st, &a->id);
    stmt_text(&st, a->action, STORE_TEXT_MAX);
    stmt_text(&st, a->what, STORE_TEXT_MAX);
    stmt_hash(&st, &a->digest);
    stmt_int(&st, a->asked_by);
    stmt_when(&st, a->asked);
    stmt_when(&st, a->expires);
    stmt_z(&st, states[a->state]);
    stmt_int(&st, a->decided_by);
    stmt_int(&st, a->decided);
    return stmt_run(&st);
}

static enum rc read_row(struct stmt *st, struct arena *arena, struct store_approval *out)
{
    struct row r = row_of(st, arena);
    struct store_approval a = {};

    a.id = row_id(&r);
    a.action = row_str(&r);
    a.what = row_str(&r);
    a.digest = row_hash(&r);
    a.asked_by = row_int(&r);
    a.asked = row_int(&r);
    a.expires = row_int(&r);
    a.state = (enum store_approval_state)row_enum(&r, states, STORE_APPROVAL_STATES);
    a.decided_by = row_int(&r);
    a.decided = row_int(&r);
    TRY(r.rc);
    *out = a;
    return RC_OK;
}

enum rc store_approval_get(struct store_txn *txn, struct arena *arena, const struct id *id,
                           struct store_approval *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT " COLUMNS " FROM approvals WHERE id = ?"));
    stmt_id(&st, id);
    TRY(stmt_next(&st));
    return read_row(&st, arena, out);
}

enum rc store_approval_find(struct store_txn *txn, struct arena *arena,
                            const struct store_hash *digest, int64_t asked_by, when_t now,
                            struct store_approval *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "SELECT " COLUMNS " FROM approvals WHERE digest = ? AND asked_by = ?"
                  " AND expires > ? AND state IN ('pending', 'granted')"
                  " ORDER BY asked DESC, id DESC LIMIT 1"));
    stmt_hash(&st, digest);
    stmt_int(&st, asked_by);
    stmt_int(&st, now);
    TRY(stmt_next(&st));
    return read_row(&st, arena, out);
}

enum rc store_approval_move(struct store_txn *txn, const struct id *id,
                            enum store_approval_state from, enum store_approval_state to,
                            int64_t by, when_t now)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE approvals SET state = ?, decided_by = CASE WHEN ?1 = 'used'"
                  " THEN decided_by ELSE ? END, decided = CASE WHEN ?1 = 'used' THEN decided"
                  " ELSE ? END WHERE id = ? AND state = ? AND expires > ?"));
    stmt_z(&st, states[to]);
    stmt_int(&st, by);
    stmt_int(&st, now);
    stmt_id(&st, id);
    stmt_z(&st, states[from]);
    stmt_int(&st, now);
    return stmt_move(&st, txn, "SELECT 1 FROM approvals WHERE id = ?", id);
}

enum rc store_approval_list(struct store_txn *txn, struct arena *arena, struct store_approval **out,
                            size_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct store_approval *v = ARENA_ARRAY(arena, struct store_approval, STORE_APPROVALS_LIST);
    size_t n = 0;
    enum rc rc;

    if (!v)
        return RC_NOMEM;
    TRY(stmt_open(&st, txn,
                  "SELECT " COLUMNS " FROM approvals ORDER BY asked DESC, id DESC"
                  " LIMIT 100"));
    while ((rc = stmt_next(&st)) == RC_OK)
        TRY(read_row(&st, arena, &v[n++]));
    if (rc != RC_NOTFOUND)
        return rc;
    *out = v;
    *out_n = n;
    return RC_OK;
}
