/* SPDX-License-Identifier: Apache-2.0 */
#include "store/deliveries.h"

#include "store/sql_int.h"

#define HEAD                                                                                       \
    "n, id, receiver, subject, recipients, created, attempts, next, error, done, given_up, "
#define EXISTS "SELECT 1 FROM deliveries WHERE id = ?"

enum rc store_delivery_add(struct store_txn *txn, const struct store_delivery *d)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "INSERT INTO deliveries (id, receiver, subject, recipients, body, created,"
                  " attempts, next) VALUES (?, ?, ?, ?, ?, ?, 0, ?)"));
    stmt_id(&st, &d->id);
    stmt_text(&st, d->receiver, STORE_TEXT_MAX);
    stmt_text(&st, d->subject, STORE_TEXT_MAX);
    stmt_text(&st, d->recipients, STORE_BLOB_MAX);
    stmt_text(&st, d->body, STORE_BLOB_MAX);
    stmt_int(&st, d->created);
    stmt_when(&st, d->next);
    return stmt_run(&st);
}

static enum rc read_row(struct stmt *st, struct store_txn *, struct arena *a, void *out)
{
    struct row r = row_of(st, a);
    struct store_delivery d = {};

    d.n = row_int(&r);
    d.id = row_id(&r);
    d.receiver = row_str(&r);
    d.subject = row_str(&r);
    d.recipients = row_str(&r);
    d.created = row_int(&r);
    d.attempts = (uint64_t)row_int(&r);
    d.next = row_int(&r);
    d.error = row_str(&r);
    d.done = row_int(&r);
    d.given_up = row_int(&r) != 0;
    d.body = row_str(&r);
    TRY(r.rc);
    *(struct store_delivery *)out = d;
    return RC_OK;
}

enum rc store_delivery_get(struct store_txn *txn, struct arena *a, const struct id *id,
                           struct store_delivery *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT " HEAD "body FROM deliveries WHERE id = ?"));
    stmt_id(&st, id);
    TRY(stmt_next(&st));
    return read_row(&st, txn, a, out);
}

enum rc store_delivery_due(struct store_txn *txn, struct arena *a, struct str receiver, when_t now,
                           struct store_delivery *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "SELECT " HEAD "body FROM deliveries WHERE receiver = ? AND next <= ?"
                  " ORDER BY next, n LIMIT 1"));
    stmt_text(&st, receiver, STORE_TEXT_MAX);
    stmt_int(&st, now);
    TRY(stmt_next(&st));
    return read_row(&st, txn, a, out);
}

enum rc store_delivery_next(struct store_txn *txn, struct str receiver, when_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct row r;

    TRY(stmt_open(&st, txn,
                  "SELECT IFNULL(MIN(next), 0) FROM deliveries"
                  " WHERE receiver = ? AND next IS NOT NULL"));
    stmt_text(&st, receiver, STORE_TEXT_MAX);
    TRY(stmt_next(&st));
    r = row_of(&st, NULL);
    *out = row_int(&r);
    return r.rc;
}

enum rc store_delivery_done(struct store_txn *txn, const struct id *id, when_t now)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE deliveries SET done = ?, next = NULL, error = NULL,"
                  " attempts = attempts + 1 WHERE id = ? AND done IS NULL"));
    stmt_int(&st, now);
    stmt_id(&st, id);
    return stmt_move(&st, txn, EXISTS, id);
}

enum rc store_delivery_failed(struct store_txn *txn, const struct id *id, struct str error,
                              when_t next, when_t now)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE deliveries SET error = ?, next = ?, done = ?, given_up = ?,"
                  " attempts = attempts + 1 WHERE id = ? AND done IS NULL"));
    stmt_text(&st, str_utf8_head(error, STORE_TEXT_MAX), STORE_TEXT_MAX);
    stmt_when(&st, next);
    stmt_when(&st, next ? 0 : now);
    stmt_int(&st, next == 0);
    stmt_id(&st, id);
    return stmt_move(&st, txn, EXISTS, id);
}

enum rc store_delivery_list(struct store_txn *txn, struct arena *a, struct store_cursor *at,
                            unsigned limit, struct store_delivery **out, size_t *out_n)
{
    static const struct rows rows = {.size = sizeof(struct store_delivery),
                                     .at = offsetof(struct store_delivery, n),
                                     .read = read_row};

    return query_numbered(
        txn, a, "SELECT " HEAD "'' FROM deliveries WHERE 1 = 1",
        &(struct page){.rows = &rows, .at = at, .descending = true, .limit = limit}, out, out_n);
}

enum rc store_delivery_count(struct store_txn *txn, when_t since, struct store_delivery_counts *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    CLEANUP(stmt_done) struct stmt gone = {};
    struct row r;

    TRY(stmt_open(&st, txn,
                  "SELECT COUNT(*), COUNT(error), IFNULL(MIN(created), 0) FROM deliveries"
                  " WHERE next IS NOT NULL"));
    TRY(stmt_next(&st));
    r = row_of(&st, NULL);
    out->waiting = (uint64_t)row_int(&r);
    out->failing = (uint64_t)row_int(&r);
    out->oldest = row_int(&r);
    TRY(r.rc);
    TRY(stmt_open(&gone, txn, "SELECT COUNT(*) FROM deliveries WHERE done > ? AND given_up = 1"));
    stmt_int(&gone, since);
    TRY(stmt_next(&gone));
    r = row_of(&gone, NULL);
    out->given_up = (uint64_t)row_int(&r);
    return r.rc;
}

enum rc store_delivery_prune(struct store_txn *txn, when_t before, unsigned limit)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "DELETE FROM deliveries WHERE n IN (SELECT n FROM deliveries WHERE done < ?"
                  " ORDER BY done LIMIT ?)"));
    stmt_int(&st, before);
    stmt_int(&st, limit);
    return stmt_run(&st);
}

static bool among(struct str one, const struct str *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(one, list[i]))
            return true;
    return false;
}

enum rc store_delivery_strand(struct store_txn *txn, const struct str *receivers, size_t n,
                              struct str why, when_t now)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(STORE_BLOB_MAX);
    CLEANUP(stmt_done) struct stmt st = {};
    enum rc rc;

    TRY(stmt_open(&st, txn, "SELECT DISTINCT receiver FROM deliveries WHERE next IS NOT NULL"));
    while ((rc = stmt_next(&st)) == RC_OK) {
        CLEANUP(stmt_done) struct stmt end = {};
        struct row r = row_of(&st, &a);
        struct str name = row_str(&r);

        TRY(r.rc);
        if (among(name, receivers, n))
            continue;
        TRY(stmt_open(&end, txn,
                      "UPDATE deliveries SET next = NULL, done = ?, given_up = 1, error = ?"
                      " WHERE receiver = ? AND next IS NOT NULL"));
        stmt_int(&end, now);
        stmt_text(&end, why, STORE_TEXT_MAX);
        stmt_text(&end, name, STORE_TEXT_MAX);
        TRY(stmt_run(&end));
    }
    return rc == RC_NOTFOUND ? RC_OK : rc;
}
