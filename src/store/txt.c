/* SPDX-License-Identifier: Apache-2.0 */
#include "store/txt.h"

#include "store/sql_int.h"

#define COLUMNS "n, subdomain, username, password, allow, newer, older, created, updated"

static enum rc has_room(struct store_txn *txn, uint64_t most)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct row r;

    TRY(stmt_open(&st, txn, "SELECT count(*) FROM txt_accounts"));
    TRY(stmt_next(&st));
    r = row_of(&st, NULL);
    return (uint64_t)row_int(&r) < most ? RC_OK : RC_QUOTA;
}

enum rc store_txt_add(struct store_txn *txn, const struct store_txt *account, uint64_t most)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(has_room(txn, most));
    TRY(stmt_open(&st, txn,
                  "INSERT INTO txt_accounts (subdomain, username, password, allow, created)"
                  " VALUES (?, ?, ?, ?, ?)"));
    stmt_text(&st, account->subdomain, STORE_TXT_UUID);
    stmt_text(&st, account->username, STORE_TXT_UUID);
    stmt_hash(&st, &account->password);
    stmt_text(&st, account->allow, STORE_TXT_ALLOW);
    stmt_when(&st, account->created);
    return stmt_run(&st);
}

static enum rc read_row(struct stmt *st, struct store_txn *, struct arena *a, void *out)
{
    struct row r = row_of(st, a);
    struct store_txt t = {.n = (uint64_t)row_int(&r)};

    t.subdomain = row_str(&r);
    t.username = row_str(&r);
    t.password = row_hash(&r);
    t.allow = row_str(&r);
    t.newer = row_str(&r);
    t.older = row_str(&r);
    t.created = row_int(&r);
    t.updated = row_int(&r);
    TRY(r.rc);
    *(struct store_txt *)out = t;
    return RC_OK;
}

static enum rc find(struct store_txn *txn, struct arena *a, const char *sql, struct str uuid,
                    struct store_txt *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, sql));
    stmt_text(&st, uuid, STORE_TXT_UUID);
    TRY(stmt_next(&st));
    return read_row(&st, txn, a, out);
}

enum rc store_txt_find(struct store_txn *txn, struct arena *a, struct str username,
                       struct store_txt *out)
{
    return find(txn, a, "SELECT " COLUMNS " FROM txt_accounts WHERE username = ?", username, out);
}

enum rc store_txt_named(struct store_txn *txn, struct arena *a, struct str subdomain,
                        struct store_txt *out)
{
    return find(txn, a, "SELECT " COLUMNS " FROM txt_accounts WHERE subdomain = ?", subdomain, out);
}

enum rc store_txt_remove(struct store_txn *txn, struct str subdomain)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "DELETE FROM txt_accounts WHERE subdomain = ?"));
    stmt_text(&st, subdomain, STORE_TXT_UUID);
    return stmt_change(&st);
}

static enum rc change(struct store_txn *txn, const char *sql, struct str username, struct str value,
                      when_t now)
{
    CLEANUP(stmt_done) struct stmt st = {};

    if (value.n == 0)
        return RC_INVAL;
    TRY(stmt_open(&st, txn, sql));
    stmt_text(&st, value, STORE_TXT_VALUE);
    stmt_when(&st, now);
    stmt_text(&st, username, STORE_TXT_UUID);
    return stmt_change(&st);
}

enum rc store_txt_present(struct store_txn *txn, struct str username, struct str value, when_t now)
{
    return change(txn,
                  "UPDATE txt_accounts SET older = CASE WHEN newer = ?1 THEN older ELSE newer END,"
                  " newer = ?1, updated = ?2 WHERE username = ?3",
                  username, value, now);
}

enum rc store_txt_cleanup(struct store_txn *txn, struct str username, struct str value, when_t now)
{
    return change(txn,
                  "UPDATE txt_accounts SET newer = CASE WHEN newer = ?1 THEN older ELSE newer END,"
                  " older = CASE WHEN newer = ?1 OR older = ?1 THEN NULL ELSE older END,"
                  " updated = ?2 WHERE username = ?3",
                  username, value, now);
}

enum rc store_txt_list(struct store_txn *txn, struct arena *a, struct store_cursor *at,
                       unsigned limit, struct store_txt **out, size_t *out_n)
{
    static const struct rows rows = {
        .size = sizeof(struct store_txt), .at = offsetof(struct store_txt, n), .read = read_row};

    return query_numbered(txn, a, "SELECT " COLUMNS " FROM txt_accounts WHERE 1 = 1",
                          &(struct page){.rows = &rows, .at = at, .limit = limit}, out, out_n);
}
