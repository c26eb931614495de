/* SPDX-License-Identifier: Apache-2.0 */
#include "store/stars.h"

#include "store/sql_int.h"
#include "store/stars_int.h"

#define EXISTS "SELECT 1 FROM orders WHERE id = ?"
#define OF_ORDER " WHERE order_n = (SELECT n FROM orders WHERE id = ?)"

enum rc store_star_add(struct store_txn *txn, const struct id *order, const struct id *account,
                       const struct store_star *s)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(
        &st, txn,
        "INSERT INTO stars (order_n, account, start, until, lifetime, adjust, get, spki,"
        " first, issued, vain, next)"
        " VALUES ((SELECT n FROM orders WHERE id = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    stmt_id(&st, order);
    stmt_id(&st, account);
    stmt_when(&st, s->start);
    stmt_int(&st, s->end);
    stmt_int(&st, s->lifetime);
    stmt_int(&st, s->adjust);
    stmt_int(&st, s->get);
    stmt_blob(&st, s->spki, STORE_STAR_SPKI_MAX);
    stmt_when(&st, s->first);
    stmt_int(&st, s->issued);
    stmt_int(&st, s->vain);
    stmt_when(&st, s->next);
    return stmt_run(&st);
}

enum rc store_star_get(struct store_txn *txn, struct arena *a, const struct id *order,
                       const struct store_star **out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct store_star *s = ARENA_NEW(a, struct store_star);
    struct row r;

    if (!s)
        return RC_NOMEM;
    TRY(stmt_open(&st, txn,
                  "SELECT start, until, lifetime, adjust, get, spki, first, issued, vain, next"
                  " FROM stars" OF_ORDER));
    stmt_id(&st, order);
    TRY(stmt_next(&st));
    r = row_of(&st, a);
    s->start = row_int(&r);
    s->end = row_int(&r);
    s->lifetime = row_int(&r);
    s->adjust = row_int(&r);
    s->get = row_int(&r) != 0;
    s->spki = row_str(&r);
    s->first = row_int(&r);
    s->issued = row_int(&r);
    s->vain = (unsigned)row_int(&r);
    s->next = row_int(&r);
    *out = s;
    return r.rc;
}

enum rc store_star_begin(struct store_txn *txn, const struct id *order, struct str spki,
                         when_t first, when_t next)
{
    CLEANUP(stmt_done) struct stmt st = {};

    if (spki.n == 0 || first <= 0)
        return RC_INVAL;
    TRY(stmt_open(&st, txn,
                  "UPDATE stars SET spki = ?, first = ?, next = ?" OF_ORDER " AND first IS NULL"));
    stmt_blob(&st, spki, STORE_STAR_SPKI_MAX);
    stmt_int(&st, first);
    stmt_when(&st, next);
    stmt_id(&st, order);
    return stmt_move(&st, txn, EXISTS, order);
}

enum rc store_star_take(struct store_txn *txn, const struct id *order, int64_t issued)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE stars SET issued = issued + 1, next = NULL"
                  " WHERE order_n = (SELECT n FROM orders WHERE id = ?"
                  " AND status IN ('processing', 'valid')) AND issued = ?"));
    stmt_id(&st, order);
    stmt_int(&st, issued);
    return stmt_move(&st, txn, EXISTS, order);
}

enum rc store_star_later(struct store_txn *txn, const struct id *order, when_t next)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE stars SET next = ?, vain = vain + 1" OF_ORDER " AND next IS NOT NULL"));
    stmt_int(&st, next);
    stmt_id(&st, order);
    return stmt_run(&st);
}

enum rc store_star_again(struct store_txn *txn, const struct id *order, when_t next)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE stars SET next = ?, vain = vain + 1 WHERE order_n ="
                  " (SELECT n FROM orders WHERE id = ? AND status = 'valid')"));
    stmt_int(&st, next);
    stmt_id(&st, order);
    return stmt_move(&st, txn, EXISTS, order);
}

enum rc store_star_over(struct store_txn *txn, const struct id *order)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "UPDATE stars SET next = NULL" OF_ORDER));
    stmt_id(&st, order);
    return stmt_run(&st);
}

enum rc store_star_finish(struct store_txn *txn, const struct id *order,
                          const struct id *certificate, when_t next)
{
    CLEANUP(stmt_done) struct stmt o = {};
    CLEANUP(stmt_done) struct stmt st = {};

    if (!certificate->z[0])
        return RC_INVAL;
    TRY(stmt_open(&o, txn,
                  "UPDATE orders SET status = 'valid', certificate = ?,"
                  " expires = (SELECT until FROM stars WHERE order_n = n)"
                  " WHERE id = ? AND star = 1 AND status IN ('processing', 'valid')"));
    stmt_id(&o, certificate);
    stmt_id(&o, order);
    TRY(stmt_move(&o, txn, EXISTS, order));
    TRY(stmt_open(&st, txn, "UPDATE stars SET next = ?, vain = 0" OF_ORDER));
    stmt_when(&st, next);
    stmt_id(&st, order);
    return stmt_change(&st);
}

#define CANCEL                                                                                     \
    "UPDATE orders SET status = 'canceled', error = ?, expires = MAX(?, IFNULL("                   \
    "(SELECT not_after FROM certificates c WHERE c.id = orders.certificate), 0)) WHERE star = 1"

enum rc store_star_cancel(struct store_txn *txn, const struct id *order, struct str error,
                          when_t now)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, CANCEL " AND id = ? AND status = 'valid'"));
    stmt_text(&st, error, STORE_BLOB_MAX);
    stmt_int(&st, now);
    stmt_id(&st, order);
    TRY(stmt_move(&st, txn, EXISTS, order));
    return store_star_over(txn, order);
}

static enum rc of_account(struct store_txn *txn, struct arena *a, const struct id *account,
                          struct id **out, size_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "SELECT o.id FROM stars s JOIN orders o ON o.n = s.order_n WHERE s.account = ?"
                  " AND o.status IN ('processing', 'valid')"));
    stmt_id(&st, account);
    return rows_ids(&st, a, out, out_n);
}

enum rc store_star_cancel_all(struct store_txn *txn, struct arena *a, const struct id *account,
                              when_t now, struct id **out, size_t *out_n)
{
    TRY(of_account(txn, a, account, out, out_n));
    for (size_t i = 0; i < *out_n; i++) {
        CLEANUP(stmt_done) struct stmt st = {};

        TRY(stmt_open(&st, txn, CANCEL " AND id = ?"));
        stmt_text(&st, (struct str){NULL, 0}, 1);
        stmt_int(&st, now);
        stmt_id(&st, &(*out)[i]);
        TRY(stmt_change(&st));
        TRY(store_star_over(txn, &(*out)[i]));
    }
    return RC_OK;
}

enum rc store_star_due(struct store_txn *txn, when_t now, size_t max, struct id out[],
                       size_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};
    size_t n = 0;
    enum rc rc;

    TRY(stmt_open(&st, txn,
                  "SELECT o.id FROM stars s JOIN orders o ON o.n = s.order_n WHERE s.next <= ?"
                  " ORDER BY s.next LIMIT ?"));
    stmt_int(&st, now);
    stmt_int(&st, (int64_t)max);
    for (rc = stmt_next(&st); rc == RC_OK && n < max; rc = stmt_next(&st)) {
        struct row r = row_of(&st, NULL);

        out[n++] = row_id(&r);
        TRY(r.rc);
    }
    *out_n = n;
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

enum rc store_star_next(struct store_txn *txn, when_t now, when_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct row r;

    TRY(stmt_open(&st, txn, "SELECT IFNULL(MIN(next), 0) FROM stars WHERE next > ?"));
    stmt_int(&st, now);
    TRY(stmt_next(&st));
    r = row_of(&st, NULL);
    *out = row_int(&r);
    return r.rc;
}

enum rc store_star_count(struct store_txn *txn, const struct id *account, when_t now, uint64_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct row r;

    TRY(stmt_open(&st, txn,
                  "SELECT COUNT(*) FROM stars s JOIN orders o ON o.n = s.order_n"
                  " WHERE s.account = ? AND s.until > ?"
                  " AND (o.status IN ('processing', 'valid')"
                  " OR (o.status IN ('pending', 'ready') AND o.expires > ?))"));
    stmt_id(&st, account);
    stmt_int(&st, now);
    stmt_int(&st, now);
    TRY(stmt_next(&st));
    r = row_of(&st, NULL);
    *out = (uint64_t)row_int(&r);
    return r.rc;
}
