/* SPDX-License-Identifier: Apache-2.0 */
#include "store/heads.h"

#include "store/sql_int.h"

#define COLUMNS "n, size, note, frontier"

enum rc store_tree_node(struct store_txn *txn, unsigned level, uint64_t n, struct store_hash *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct row r;
    struct store_hash hash;

    TRY(stmt_open(&st, txn, "SELECT hash FROM audit_nodes WHERE level = ? AND n = ?"));
    stmt_int(&st, level);
    stmt_int(&st, (int64_t)n);
    TRY(stmt_next(&st));
    r = row_of(&st, NULL);
    hash = row_hash(&r);
    TRY(r.rc);
    *out = hash;
    return RC_OK;
}

enum rc store_tree_keep(struct store_txn *txn, unsigned level, uint64_t n,
                        const struct store_hash *hash)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "INSERT INTO audit_nodes (level, n, hash) VALUES (?, ?, ?)"));
    stmt_int(&st, level);
    stmt_int(&st, (int64_t)n);
    stmt_hash(&st, hash);
    return stmt_run(&st);
}

enum rc store_tree_count(struct store_txn *txn, unsigned level, uint64_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT IFNULL(MAX(n) + 1, 0) FROM audit_nodes WHERE level = ?"));
    stmt_int(&st, level);
    TRY(stmt_next(&st));
    *out = (uint64_t)sqlite3_column_int64(st.s, 0);
    return RC_OK;
}

enum rc store_head_add(struct store_txn *txn, const struct store_head *head)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "INSERT INTO audit_heads (size, note, frontier) SELECT ?1, ?2, ?3"
                  " WHERE NOT EXISTS (SELECT 1 FROM audit_heads WHERE size = ?1 AND note = ?2)"));
    stmt_int(&st, (int64_t)head->size);
    stmt_text(&st, head->note, STORE_BLOB_MAX);
    stmt_blob(&st, head->frontier, STORE_BLOB_MAX);
    return stmt_run(&st);
}

static enum rc read_row(struct stmt *st, struct arena *a, uint64_t *n, struct store_head *out)
{
    struct row r = row_of(st, a);
    struct store_head h = {};
    uint64_t number = (uint64_t)row_int(&r);

    h.size = (uint64_t)row_int(&r);
    h.note = row_str(&r);
    h.frontier = row_str(&r);
    TRY(r.rc);
    *n = number;
    *out = h;
    return RC_OK;
}

enum rc store_head_of(struct store_txn *txn, struct arena *a, uint64_t size, struct store_head *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    uint64_t n;

    TRY(stmt_open(&st, txn,
                  "SELECT " COLUMNS " FROM audit_heads WHERE size = ? ORDER BY n DESC LIMIT 1"));
    stmt_int(&st, (int64_t)size);
    TRY(stmt_next(&st));
    return read_row(&st, a, &n, out);
}

enum rc store_head_last(struct store_txn *txn, struct arena *a, struct store_head *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    uint64_t n;

    TRY(stmt_open(&st, txn, "SELECT " COLUMNS " FROM audit_heads ORDER BY n DESC LIMIT 1"));
    TRY(stmt_next(&st));
    return read_row(&st, a, &n, out);
}

enum rc store_head_next(struct store_txn *txn, struct arena *a, uint64_t *after,
                        struct store_head *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT " COLUMNS " FROM audit_heads WHERE n > ? ORDER BY n LIMIT 1"));
    stmt_int(&st, (int64_t)*after);
    TRY(stmt_next(&st));
    return read_row(&st, a, after, out);
}
