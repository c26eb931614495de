/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates that endpoints show, their history, and the end of both. */
#include "store/endpoints_int.h"

enum rc seen_put(struct store_txn *txn, const struct store_seen *s, when_t at, int64_t *out_n)
{
    CLEANUP(stmt_done) struct stmt add = {};
    CLEANUP(stmt_done) struct stmt st = {};
    struct row r;

    TRY(stmt_open(&add, txn,
                  "INSERT INTO seen (" SEEN_COLUMNS ", der)"
                  " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (sha256)"
                  " DO UPDATE SET first = MIN(first, excluded.first),"
                  " last = MAX(last, excluded.last)"));
    stmt_hash(&add, &s->sha256);
    stmt_blob(&add, s->serial, STORE_SERIAL_MAX);
    stmt_text(&add, s->subject, STORE_TEXT_MAX);
    stmt_text(&add, s->issuer, STORE_TEXT_MAX);
    stmt_text(&add, s->key, STORE_TEXT_MAX);
    stmt_text(&add, s->signature, STORE_TEXT_MAX);
    stmt_text(&add, s->names, STORE_SEEN_NAMES_MAX);
    stmt_when(&add, s->not_before);
    stmt_when(&add, s->not_after);
    stmt_when(&add, at);
    stmt_when(&add, at);
    stmt_blob(&add, s->der, STORE_SEEN_DER_MAX);
    TRY(stmt_run(&add));
    TRY(stmt_open(&st, txn, "SELECT n FROM seen WHERE sha256 = ?"));
    stmt_hash(&st, &s->sha256);
    TRY(stmt_next(&st));
    r = row_of(&st, NULL);
    *out_n = row_int(&r);
    return r.rc;
}

void seen_read(struct row *r, struct store_seen *out, bool *out_shown)
{
    struct str sha256 = row_str(r);
    struct store_seen s = {};

    s.serial = row_str(r);
    s.subject = row_str(r);
    s.issuer = row_str(r);
    s.key = row_str(r);
    s.signature = row_str(r);
    s.names = row_str(r);
    s.not_before = row_int(r);
    s.not_after = row_int(r);
    s.first = row_int(r);
    s.last = row_int(r);
    *out_shown = sha256.n == STORE_SHA256;
    if (*out_shown)
        memcpy(s.sha256.b, sha256.p, STORE_SHA256);
    *out = s;
}

enum rc store_seen_get(struct store_txn *txn, struct arena *a, const struct store_hash *sha256,
                       struct store_seen *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct store_seen s = {};
    struct row r;
    bool shown;

    TRY(stmt_open(&st, txn, "SELECT " SEEN_COLUMNS ", der FROM seen WHERE sha256 = ?"));
    stmt_hash(&st, sha256);
    TRY(stmt_next(&st));
    r = row_of(&st, a);
    seen_read(&r, &s, &shown);
    s.der = row_str(&r);
    TRY(r.rc);
    *out = s;
    return RC_OK;
}

/* ---- history */

/* The newest ones stay. */
static enum rc shorten(struct store_txn *txn, int64_t endpoint)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "DELETE FROM endpoint_changes WHERE endpoint = ?1 AND n <="
                  " (SELECT n FROM endpoint_changes WHERE endpoint = ?1 ORDER BY n DESC"
                  " LIMIT 1 OFFSET ?2)"));
    stmt_int(&st, endpoint);
    stmt_int(&st, STORE_ENDPOINT_CHANGES_MAX);
    return stmt_run(&st);
}

enum rc change_put(struct store_txn *txn, int64_t endpoint, const struct store_endpoint_change *c)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "INSERT INTO endpoint_changes (endpoint, at, what, old, value)"
                  " VALUES (?, ?, ?, ?, ?)"));
    stmt_int(&st, endpoint);
    stmt_when(&st, c->at);
    stmt_text(&st, c->what, STORE_TEXT_MAX);
    stmt_text(&st, c->old, STORE_TEXT_MAX);
    stmt_text(&st, c->value, STORE_TEXT_MAX);
    TRY(stmt_run(&st));
    return shorten(txn, endpoint);
}

enum rc store_endpoint_changes(struct store_txn *txn, struct arena *a, const struct id *endpoint,
                               struct store_endpoint_change **out, size_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};
    void *list = NULL;
    size_t n = 0, cap = 0;
    enum rc rc;

    TRY(stmt_open(&st, txn,
                  "SELECT n, at, what, old, value FROM endpoint_changes WHERE endpoint ="
                  " (SELECT n FROM endpoints WHERE id = ?) ORDER BY n DESC LIMIT ?"));
    stmt_id(&st, endpoint);
    stmt_int(&st, STORE_ENDPOINT_CHANGES_MAX);
    for (rc = stmt_next(&st); rc == RC_OK; rc = stmt_next(&st)) {
        struct store_endpoint_change *c;
        struct row r = row_of(&st, a);

        TRY(rows_grow(a, sizeof(*c), STORE_ENDPOINT_CHANGES_MAX, n, &cap, &list));
        c = (struct store_endpoint_change *)list + n++;
        c->n = row_int(&r);
        c->at = row_int(&r);
        c->what = row_str(&r);
        c->old = row_str(&r);
        c->value = row_str(&r);
        TRY(r.rc);
    }
    *out = list;
    *out_n = n;
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

/* ---- the end */

static enum rc drop(struct store_txn *txn, const char *sql, when_t before, unsigned limit,
                    uint64_t *out_gone)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, sql));
    stmt_int(&st, before);
    stmt_int(&st, limit);
    TRY(stmt_run(&st));
    *out_gone = (uint64_t)sqlite3_changes(txn->db->c);
    return RC_OK;
}

#define UNSEEN "(SELECT n FROM endpoints WHERE last_seen < ? ORDER BY last_seen, n LIMIT ?)"

enum rc store_endpoint_prune(struct store_txn *txn, when_t before, unsigned limit,
                             uint64_t *out_gone)
{
    uint64_t others;

    TRY(drop(txn, "DELETE FROM endpoint_changes WHERE endpoint IN " UNSEEN, before, limit,
             &others));
    TRY(drop(txn, "DELETE FROM endpoints WHERE n IN " UNSEEN, before, limit, out_gone));
    return drop(txn,
                "DELETE FROM seen WHERE n IN (SELECT n FROM seen AS s WHERE last < ? AND NOT EXISTS"
                " (SELECT 1 FROM endpoints WHERE seen = s.n) ORDER BY last, n LIMIT ?)",
                before, limit, &others);
}
