/* SPDX-License-Identifier: Apache-2.0 */
#include "store/eab.h"

#include "store/sql_int.h"

#define EXISTS "SELECT 1 FROM eab_keys WHERE id = ?"
#define COLUMNS "id, name, accounts, created, expires, revoked, reason"

enum rc store_eab_add(struct store_txn *txn, const struct store_eab *eab)
{
    CLEANUP(stmt_done) struct stmt st = {};

    if (eab->name.n == 0)
        return RC_INVAL;
    TRY(stmt_open(&st, txn, "INSERT INTO eab_keys (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?)"));
    stmt_id(&st, &eab->id);
    stmt_text(&st, eab->name, STORE_TEXT_MAX);
    stmt_int(&st, (int64_t)eab->accounts);
    stmt_when(&st, eab->created);
    stmt_when(&st, eab->expires);
    stmt_when(&st, eab->revoked);
    stmt_text(&st, eab->reason, STORE_TEXT_MAX);
    return stmt_run(&st);
}

static enum rc read_row(struct stmt *st, struct store_txn *, struct arena *a, void *out)
{
    struct row r = row_of(st, a);
    struct store_eab e = {};

    e.id = row_id(&r);
    e.name = row_str(&r);
    e.accounts = (uint64_t)row_int(&r);
    e.created = row_int(&r);
    e.expires = row_int(&r);
    e.revoked = row_int(&r);
    e.reason = row_str(&r);
    TRY(r.rc);
    *(struct store_eab *)out = e;
    return RC_OK;
}

enum rc store_eab_get(struct store_txn *txn, struct arena *a, const struct id *id,
                      struct store_eab *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT " COLUMNS " FROM eab_keys WHERE id = ?"));
    stmt_id(&st, id);
    TRY(stmt_next(&st));
    return read_row(&st, txn, a, out);
}

enum rc store_eab_find(struct store_txn *txn, struct arena *a, struct str name,
                       struct store_eab *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT " COLUMNS " FROM eab_keys WHERE name = ?"));
    stmt_text(&st, name, STORE_TEXT_MAX);
    TRY(stmt_next(&st));
    return read_row(&st, txn, a, out);
}

enum rc store_eab_revoke(struct store_txn *txn, const struct id *id, when_t now)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "UPDATE eab_keys SET revoked = ? WHERE id = ? AND revoked IS NULL"));
    stmt_when(&st, now);
    stmt_id(&st, id);
    return stmt_move(&st, txn, EXISTS, id);
}

enum rc store_eab_list(struct store_txn *txn, struct arena *a, struct store_cursor *at,
                       unsigned limit, struct store_eab **out, size_t *out_n)
{
    static const struct rows rows = {sizeof(struct store_eab), offsetof(struct store_eab, id),
                                     offsetof(struct store_eab, created), read_row};
    CLEANUP(query_done) struct query q = {};
    struct page page = {.rows = &rows, .at = at, .column = "created", .limit = limit};

    query_init(&q, "SELECT " COLUMNS " FROM eab_keys WHERE 1 = 1");
    return query_rows(&q, txn, a, &page, out, out_n);
}
