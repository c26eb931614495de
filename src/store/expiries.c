/* SPDX-License-Identifier: Apache-2.0 */
#include "store/expiries.h"

#include "store/sql_int.h"

#define COLUMNS                                                                                    \
    "c.n, c.id, c.replaces, c.not_before, c.not_after, c.hierarchy <> 'staging'"                   \
    " AND c.status = 'valid' AND c.tombstoned IS NULL"

static enum rc read_rows(struct stmt *st, size_t max, struct store_expiry *out, size_t *out_n)
{
    size_t n = 0;
    enum rc rc;

    for (rc = stmt_next(st); rc == RC_OK && n < max; rc = stmt_next(st)) {
        struct row r = row_of(st, NULL);
        struct store_expiry e = {};

        e.n = row_int(&r);
        e.id = row_id(&r);
        e.replaces = row_id(&r);
        e.not_before = row_int(&r);
        e.not_after = row_int(&r);
        e.counts = row_int(&r) != 0;
        TRY(r.rc);
        out[n++] = e;
    }
    *out_n = n;
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

enum rc store_expiry_new(struct store_txn *txn, int64_t after, size_t max, struct store_expiry *out,
                         size_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "SELECT " COLUMNS " FROM certificates c WHERE n > ? ORDER BY n LIMIT ?"));
    stmt_int(&st, after);
    stmt_int(&st, (int64_t)max);
    return read_rows(&st, max, out, out_n);
}

static enum rc read_one(struct store_txn *txn, const char *sql, int64_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct row r;

    TRY(stmt_open(&st, txn, sql));
    TRY(stmt_next(&st));
    r = row_of(&st, NULL);
    *out = row_int(&r);
    return r.rc;
}

enum rc store_expiry_last(struct store_txn *txn, int64_t *out)
{
    return read_one(txn, "SELECT IFNULL(MAX(n), 0) FROM certificates", out);
}

enum rc store_expiry_next(struct store_txn *txn, when_t *out)
{
    return read_one(txn, "SELECT IFNULL(MIN(due), 0) FROM expiries", out);
}

enum rc store_expiry_set(struct store_txn *txn, int64_t n, when_t due)
{
    CLEANUP(stmt_done) struct stmt st = {};

    if (due) {
        TRY(stmt_open(&st, txn,
                      "INSERT INTO expiries (certificate, due) VALUES (?, ?)"
                      " ON CONFLICT (certificate) DO UPDATE SET due = excluded.due"));
        stmt_int(&st, n);
        stmt_int(&st, due);
        return stmt_run(&st);
    }
    TRY(stmt_open(&st, txn, "DELETE FROM expiries WHERE certificate = ?"));
    stmt_int(&st, n);
    return stmt_run(&st);
}

enum rc store_expiry_sooner(struct store_txn *txn, const struct id *certificate, when_t due)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE expiries SET due = min(due, ?) WHERE certificate ="
                  " (SELECT n FROM certificates WHERE id = ?)"));
    stmt_int(&st, due);
    stmt_id(&st, certificate);
    return stmt_run(&st);
}

enum rc store_expiry_end(struct store_txn *txn, const struct id *certificate)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "DELETE FROM expiries WHERE certificate ="
                  " (SELECT n FROM certificates WHERE id = ?)"));
    stmt_id(&st, certificate);
    return stmt_run(&st);
}

enum rc store_expiry_due(struct store_txn *txn, when_t now, size_t max, struct store_expiry *out,
                         size_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "SELECT " COLUMNS " FROM expiries e JOIN certificates c ON c.n = e.certificate"
                  " WHERE e.due <= ? ORDER BY e.due LIMIT ?"));
    stmt_int(&st, now);
    stmt_int(&st, (int64_t)max);
    return read_rows(&st, max, out, out_n);
}

/* ---- what took its place */

#define ALGORITHM(of) "(SELECT algorithm FROM issuers WHERE id = " of ".issuer)"
#define NOT_TLCP(of) of ".profile NOT IN ('tlcp-sign', 'tlcp-enc')"
/* Of `x`, a newer one, and `c`: it holds, lasts longer, and is of the same kind. The two of TLCP
 * are told apart by their profiles. */
#define BETTER                                                                                     \
    " x.status = 'valid' AND x.tombstoned IS NULL AND x.not_after > c.not_after"                   \
    " AND x.hierarchy = c.hierarchy AND " ALGORITHM("x") " = " ALGORITHM(                          \
        "c") " AND (x.profile = c.profile OR (" NOT_TLCP("x") " AND " NOT_TLCP("c") "))"
#define NEWEST " AND certificate > c.n ORDER BY certificate DESC LIMIT 200)"
/* Names of one kind have one index. CROSS JOIN keeps the order: `c` is one row. */
#define BY_NAME(has, index)                                                                        \
    "SELECT 1 FROM certificates c CROSS JOIN certificate_names f ON f.certificate = c.n"           \
    " AND f.pos = 0 AND f." has " CROSS JOIN certificates x ON x.n IN (SELECT certificate FROM"    \
    " certificate_names WHERE " index NEWEST " WHERE c.id = ? AND" BETTER                          \
    " AND NOT EXISTS (SELECT 1 FROM certificate_names o WHERE o.certificate = c.n AND NOT EXISTS"  \
    " (SELECT 1 FROM certificate_names y WHERE y.certificate = x.n AND y.type = o.type"            \
    " AND y.value = o.value)) LIMIT 1"

static enum rc finds(struct store_txn *txn, const char *sql, const struct id *id, bool *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    enum rc rc;

    TRY(stmt_open(&st, txn, sql));
    stmt_id(&st, id);
    rc = stmt_next(&st);
    *out = rc == RC_OK;
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

enum rc store_certificate_superseded(struct store_txn *txn, const struct store_certificate *c,
                                     bool *out)
{
    static const char *const ways[] = {
        BY_NAME("reversed IS NOT NULL", "reversed = f.reversed"),
        BY_NAME("address IS NOT NULL", "address = f.address"),
        BY_NAME("reversed IS NULL AND f.address IS NULL",
                "reversed IS NULL AND address IS NULL AND value = f.value"),
        /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one statement on two lines */
        "SELECT 1 FROM certificates c CROSS JOIN certificates x ON x.logical = c.logical"
        " AND x.logical <> x.id AND x.n > c.n WHERE c.id = ? AND" BETTER " LIMIT 1",
    };
    bool found = false;

    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]) && !found; i++)
        TRY(finds(txn, ways[i], &c->id, &found));
    *out = found;
    return RC_OK;
}

enum rc store_certificate_told(struct store_txn *txn, const struct store_certificate *c, bool *out)
{
    return finds(txn,
                 "SELECT 1 FROM certificates c CROSS JOIN certificates x ON x.logical = c.logical"
                 " AND x.logical <> x.id AND x.n <> c.n JOIN alerts a"
                 " ON a.key = 'certificate:' || x.id AND a.resolved IS NULL WHERE c.id = ?"
                 " AND x.profile <> c.profile AND x.hierarchy = c.hierarchy"
                 " AND " ALGORITHM("x") " = 'sm2' AND " ALGORITHM("c") " = 'sm2' LIMIT 1",
                 &c->id, out);
}
