/* SPDX-License-Identifier: Apache-2.0 */
#include "store/renewals.h"

#include "store/sql_int.h"

#define COLUMNS "id, issuer, profile, spki_sha256, name, under, created, first, last, reason, url"

static enum rc room(struct store_txn *txn, when_t now)
{
    CLEANUP(query_done) struct query q = {};
    uint64_t n;

    query_init(&q, "SELECT COUNT(*) FROM renewals WHERE 1 = 1");
    query_int(&q, " AND last >= ?", now);
    TRY(query_count(&q, txn, &n));
    return n < STORE_RENEWALS_MAX ? RC_OK : RC_QUOTA;
}

enum rc store_renewal_add(struct store_txn *txn, const struct store_renewal *renewal)
{
    CLEANUP(stmt_done) struct stmt st = {};

    if (renewal->first > renewal->last)
        return RC_INVAL;
    TRY(room(txn, renewal->created));
    TRY(stmt_open(&st, txn,
                  "INSERT INTO renewals (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    stmt_id(&st, &renewal->id);
    stmt_id(&st, &renewal->issuer);
    stmt_text(&st, renewal->profile, STORE_TEXT_MAX);
    stmt_blob(&st,
              renewal->by_key ? str_bytes(renewal->spki_sha256.b, STORE_SHA256)
                              : (struct str){NULL, 0},
              STORE_SHA256);
    stmt_text(&st, renewal->name, STORE_TEXT_MAX);
    stmt_text(&st, renewal->under, STORE_TEXT_MAX);
    stmt_when(&st, renewal->created);
    stmt_when(&st, renewal->first);
    stmt_when(&st, renewal->last);
    stmt_text(&st, renewal->reason, STORE_TEXT_MAX);
    stmt_text(&st, renewal->url, STORE_TEXT_MAX);
    return stmt_run(&st);
}

static enum rc read_row(struct stmt *st, struct store_txn *, struct arena *a, void *out)
{
    struct row r = row_of(st, a);
    struct store_renewal w = {};
    struct str spki;

    w.id = row_id(&r);
    w.issuer = row_id(&r);
    w.profile = row_str(&r);
    spki = row_str(&r);
    w.name = row_str(&r);
    w.under = row_str(&r);
    w.created = row_int(&r);
    w.first = row_int(&r);
    w.last = row_int(&r);
    w.reason = row_str(&r);
    w.url = row_str(&r);
    w.n = row_int(&r);
    TRY(r.rc);
    w.by_key = spki.n == STORE_SHA256;
    if (w.by_key)
        memcpy(w.spki_sha256.b, spki.p, STORE_SHA256);
    *(struct store_renewal *)out = w;
    return RC_OK;
}

enum rc store_renewal_list(struct store_txn *txn, struct arena *a, when_t after,
                           struct store_renewal **out, size_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};
    void *list = NULL;
    size_t n = 0, cap = 0;
    enum rc rc;

    TRY(stmt_open(&st, txn,
                  "SELECT " COLUMNS ", n FROM renewals WHERE created > ? ORDER BY n LIMIT ?"));
    stmt_int(&st, after);
    stmt_int(&st, STORE_RENEWALS_MAX);
    for (rc = stmt_next(&st); rc == RC_OK; rc = stmt_next(&st)) {
        TRY(rows_grow(a, sizeof(struct store_renewal), STORE_RENEWALS_MAX, n, &cap, &list));
        TRY(read_row(&st, txn, a, (struct store_renewal *)list + n));
        n++;
    }
    *out = list;
    *out_n = n;
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

enum rc store_renewal_page(struct store_txn *txn, struct arena *a, struct store_cursor *at,
                           unsigned limit, struct store_renewal **out, size_t *out_n)
{
    static const struct rows rows = {.size = sizeof(struct store_renewal),
                                     .at = offsetof(struct store_renewal, n),
                                     .read = read_row};

    return query_numbered(txn, a, "SELECT " COLUMNS ", n FROM renewals WHERE 1 = 1",
                          &(struct page){.rows = &rows, .at = at, .limit = limit}, out, out_n);
}

enum rc store_renewed(struct store_txn *txn, when_t from,
                      void (*fn)(void *arg, const struct store_renewed *renewed), void *arg)
{
    CLEANUP(stmt_done) struct stmt st = {};
    enum rc rc;

    TRY(stmt_open(&st, txn,
                  "SELECT s.issued, p.not_before, p.not_after, p.fingerprint FROM"
                  " (SELECT issued, replaces FROM certificates WHERE replaces IS NOT NULL"
                  " AND hierarchy <> 'staging' AND issued >= ? ORDER BY issued DESC LIMIT ?) AS s"
                  " CROSS JOIN certificates AS p WHERE p.id = s.replaces AND p.status = 'valid'"));
    stmt_int(&st, from);
    stmt_int(&st, STORE_RENEWED_LOOK);
    for (rc = stmt_next(&st); rc == RC_OK; rc = stmt_next(&st)) {
        struct row r = row_of(&st, NULL);
        struct store_renewed one = {};

        one.at = row_int(&r);
        one.not_before = row_int(&r);
        one.not_after = row_int(&r);
        one.fingerprint = row_hash(&r);
        TRY(r.rc);
        fn(arg, &one);
    }
    return rc == RC_NOTFOUND ? RC_OK : rc;
}
