/* SPDX-License-Identifier: Apache-2.0 */
#include "store/prune.h"

#include "store/sql_int.h"

enum { STEP_MAX = 1000 };

struct victims {
    int64_t n[STEP_MAX];
    size_t count;
    size_t seen;
};

/* `sql`: n, may it go, is it too young. */
static enum rc look(struct store_txn *txn, const char *sql, struct store_prune *p,
                    struct victims *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    enum rc rc;

    *out = (struct victims){.count = 0};
    TRY(stmt_open(&st, txn, sql));
    stmt_int(&st, p->before);
    stmt_int(&st, p->young);
    stmt_int(&st, p->at);
    stmt_int(&st, p->limit < STEP_MAX ? p->limit : STEP_MAX);
    for (rc = stmt_next(&st); rc == RC_OK; rc = stmt_next(&st)) {
        struct row r = row_of(&st, NULL);
        int64_t n = row_int(&r);
        bool gone = row_int(&r) != 0;
        bool young = row_int(&r) != 0;

        TRY(r.rc);
        if (young)
            break;
        p->at = n;
        out->seen++;
        if (gone && out->count < STEP_MAX)
            out->n[out->count++] = n;
    }
    if (rc != RC_OK && rc != RC_NOTFOUND)
        return rc;
    p->gone = out->count;
    p->end = out->seen < (p->limit < STEP_MAX ? p->limit : STEP_MAX);
    return RC_OK;
}

static enum rc drop(struct store_txn *txn, const char *sql, const struct victims *v)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, sql));
    for (size_t i = 0; i < v->count; i++) {
        stmt_int(&st, v->n[i]);
        TRY(stmt_run(&st));
    }
    return RC_OK;
}

enum rc store_prune_orders(struct store_txn *txn, struct store_prune *p)
{
    struct victims v;

    TRY(look(txn,
             "SELECT n, expires < ? AND status <> 'processing', created > ? FROM orders"
             " WHERE n > ? ORDER BY n LIMIT ?",
             p, &v));
    TRY(drop(txn, "DELETE FROM order_names WHERE order_n = ?", &v));
    TRY(drop(txn,
             "DELETE FROM lineages WHERE name = (SELECT 'star ' || id FROM orders WHERE n = ?"
             " AND star = 1)",
             &v));
    TRY(drop(txn, "DELETE FROM stars WHERE order_n = ?", &v));
    return drop(txn, "DELETE FROM orders WHERE n = ?", &v);
}

enum rc store_prune_authorizations(struct store_txn *txn, struct store_prune *p)
{
    struct victims v;

    TRY(look(txn,
             "SELECT n, expires < ? AND NOT EXISTS (SELECT 1 FROM order_names"
             " WHERE authorization = z.n), created > ? FROM authorizations z"
             " WHERE n > ? ORDER BY n LIMIT ?",
             p, &v));
    TRY(drop(txn, "DELETE FROM challenges WHERE authorization = ?", &v));
    return drop(txn, "DELETE FROM authorizations WHERE n = ?", &v);
}

enum rc store_prune_buckets(struct store_txn *txn, struct store_prune *p)
{
    struct victims v;

    TRY(look(txn,
             "SELECT key, full <= ?1, 0 AND ?2 FROM buckets WHERE key > ?3 ORDER BY key LIMIT ?4",
             p, &v));
    return drop(txn, "DELETE FROM buckets WHERE key = ?", &v);
}

enum rc store_certificate_tombstone(struct store_txn *txn, const struct id *id, when_t now,
                                    const struct store_hash *names)
{
    CLEANUP(stmt_done) struct stmt forget = {};
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE certificates SET der = zeroblob(0), tombstoned = ?, names_sha256 = ?"
                  " WHERE id = ? AND tombstoned IS NULL"));
    stmt_when(&st, now);
    stmt_hash(&st, names);
    stmt_id(&st, id);
    TRY(stmt_move(&st, txn, "SELECT 1 FROM certificates WHERE id = ?", id));
    TRY(stmt_open(&forget, txn,
                  "DELETE FROM certificate_names WHERE certificate ="
                  " (SELECT n FROM certificates WHERE id = ?)"));
    stmt_id(&forget, id);
    return stmt_run(&forget);
}
