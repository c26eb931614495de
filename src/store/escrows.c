/* SPDX-License-Identifier: Apache-2.0 */
#include "store/escrows.h"

#include "store/sql_int.h"

#define COLUMNS "certificate, sealed_to, envelope, created"

enum rc store_escrow_add(struct store_txn *txn, const struct store_escrow *e)
{
    CLEANUP(stmt_done) struct stmt st = {};

    if (e->envelope.n == 0)
        return RC_INVAL;
    TRY(stmt_open(&st, txn, "INSERT INTO escrows (" COLUMNS ") VALUES (?, ?, ?, ?)"));
    stmt_id(&st, &e->certificate);
    stmt_hash(&st, &e->sealed_to);
    stmt_blob(&st, e->envelope, STORE_BLOB_MAX);
    stmt_when(&st, e->created);
    return stmt_run(&st);
}

static enum rc read_row(struct stmt *st, struct arena *a, struct store_escrow *out)
{
    struct row r = row_of(st, a);
    struct store_escrow e = {};

    e.certificate = row_id(&r);
    e.sealed_to = row_hash(&r);
    e.envelope = row_str(&r);
    e.created = row_int(&r);
    TRY(r.rc);
    *out = e;
    return RC_OK;
}

enum rc store_escrow_get(struct store_txn *txn, struct arena *a, const struct id *certificate,
                         struct store_escrow *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT " COLUMNS " FROM escrows WHERE certificate = ?"));
    stmt_id(&st, certificate);
    TRY(stmt_next(&st));
    return read_row(&st, a, out);
}

enum rc store_escrow_last(struct store_txn *txn, struct arena *a, struct store_escrow *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT " COLUMNS " FROM escrows ORDER BY n DESC LIMIT 1"));
    TRY(stmt_next(&st));
    return read_row(&st, a, out);
}

enum rc store_escrow_count(struct store_txn *txn, const struct store_hash *sealed_to, uint64_t *out)
{
    CLEANUP(query_done) struct query q = {};

    query_init(&q, "SELECT COUNT(*) FROM escrows WHERE 1");
    if (sealed_to)
        query_blob(&q, " AND sealed_to = ?", str_bytes(sealed_to->b, STORE_SHA256));
    return query_count(&q, txn, out);
}
