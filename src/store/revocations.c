/* SPDX-License-Identifier: Apache-2.0 */
#include "store/revocations.h"

#include "store/sql_int.h"

static void give_place(struct stmt *st, const struct id *issuer, unsigned shard)
{
    stmt_id(st, issuer);
    stmt_int(st, shard);
}

/* ---- entries */

static enum rc count_change(struct store_txn *txn, const struct store_revocation *r, when_t due)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "INSERT INTO crl_shards (issuer, shard, change, number, due)"
                  " VALUES (?, ?, 1, 0, ?) ON CONFLICT (issuer, shard) DO UPDATE"
                  " SET change = change + 1, due = MIN(due, excluded.due)"));
    give_place(&st, &r->issuer, r->shard);
    stmt_int(&st, due);
    return stmt_run(&st);
}

enum rc store_revocation_add(struct store_txn *txn, const struct store_revocation *r, when_t due)
{
    CLEANUP(stmt_done) struct stmt st = {};

    if (r->serial_n == 0 || r->serial_n > STORE_SERIAL_MAX || r->shard >= STORE_SHARDS_MAX)
        return RC_INVAL;
    TRY(count_change(txn, r, due));
    TRY(stmt_open(&st, txn,
                  "INSERT INTO revocations (issuer, shard, serial, revoked, reason, not_after,"
                  " change) SELECT issuer, shard, ?, ?, ?, ?, change FROM crl_shards"
                  " WHERE issuer = ? AND shard = ?"
                  " ON CONFLICT (issuer, shard, serial) DO UPDATE SET revoked = excluded.revoked,"
                  " reason = excluded.reason, change = excluded.change"));
    stmt_blob(&st, str_bytes(r->serial, r->serial_n), STORE_SERIAL_MAX);
    stmt_int(&st, r->revoked);
    stmt_int(&st, r->reason);
    stmt_int(&st, r->not_after);
    give_place(&st, &r->issuer, r->shard);
    return stmt_run(&st);
}

enum rc store_status_get(struct store_txn *txn, struct str serial, struct store_status *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct store_status s = {};
    struct row r;

    TRY(stmt_open(&st, txn,
                  "SELECT issuer, revoked, reason FROM serials"
                  " WHERE serial = ? AND certificate IS NOT NULL"));
    stmt_blob(&st, serial, STORE_SERIAL_MAX);
    TRY(stmt_next(&st));
    r = row_of(&st, NULL);
    s.issuer = row_id(&r);
    s.revoked = row_int(&r);
    s.reason = (int)row_int(&r);
    TRY(r.rc);
    *out = s;
    return RC_OK;
}

static struct store_revocation read_entry(struct row *r, const struct store_shard *shard)
{
    struct store_revocation e = {.issuer = shard->issuer, .shard = shard->shard};
    const void *p = sqlite3_column_blob(r->st->s, 0);
    int n = sqlite3_column_bytes(r->st->s, 0);

    r->column++;
    if (!p || n <= 0 || n > STORE_SERIAL_MAX) {
        r->rc = sqlite3_errcode(r->st->db->c) == SQLITE_NOMEM ? RC_NOMEM : RC_CORRUPT;
        return e;
    }
    e.serial_n = (uint8_t)n;
    memcpy(e.serial, p, (size_t)n);
    e.revoked = row_int(r);
    e.reason = (int)row_int(r);
    e.not_after = row_int(r);
    return e;
}

enum rc store_crl_entries(struct store_txn *txn, struct arena *a, const struct store_shard *shard,
                          const struct store_crl_filter *filter, struct store_revocation **out,
                          size_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};
    void *list = NULL;
    size_t n = 0, cap = 0;
    enum rc rc;

    /* Two statements, as each has its index. */
    TRY(stmt_open(&st, txn,
                  filter->after
                      ? "SELECT serial, revoked, reason, not_after FROM revocations"
                        " WHERE issuer = ? AND shard = ? AND change > ? AND not_after >= ?"
                      : "SELECT serial, revoked, reason, not_after FROM revocations"
                        " WHERE issuer = ? AND shard = ? AND ? = 0 AND not_after >= ?"));
    give_place(&st, &shard->issuer, shard->shard);
    stmt_int(&st, (int64_t)filter->after);
    stmt_int(&st, filter->expired_before);
    for (rc = stmt_next(&st); rc == RC_OK; rc = stmt_next(&st)) {
        struct row r = row_of(&st, a);

        if (n == STORE_CRL_ENTRIES_MAX)
            return RC_TOOBIG;
        TRY(rows_grow(a, sizeof(struct store_revocation), STORE_CRL_ENTRIES_MAX, n, &cap, &list));
        ((struct store_revocation *)list)[n++] = read_entry(&r, shard);
        TRY(r.rc);
    }
    if (rc != RC_NOTFOUND)
        return rc;
    *out = list;
    *out_n = n;
    return RC_OK;
}

/* ---- shards */

enum rc store_shards_make(struct store_txn *txn, const struct id *issuer, unsigned shards,
                          when_t due)
{
    CLEANUP(stmt_done) struct stmt st = {};

    if (shards == 0 || shards > STORE_SHARDS_MAX)
        return RC_INVAL;
    TRY(stmt_open(&st, txn,
                  "INSERT INTO crl_shards (issuer, shard, change, number, due)"
                  " VALUES (?, ?, 0, 0, ?) ON CONFLICT DO NOTHING"));
    for (unsigned i = 0; i < shards; i++) {
        give_place(&st, issuer, i);
        stmt_int(&st, due);
        TRY(stmt_run(&st));
    }
    return RC_OK;
}

#define SHARD_COLUMNS                                                                              \
    "issuer, shard, change, number, due, scheduled, full_number, full_change, full_update,"        \
    " base_number, base_change"

static enum rc read_shard(struct stmt *st, struct store_shard *out)
{
    struct row r = row_of(st, NULL);
    struct store_shard s = {.issuer = row_id(&r)};

    s.shard = (unsigned)row_int(&r);
    s.change = (uint64_t)row_int(&r);
    s.number = (uint64_t)row_int(&r);
    s.due = row_int(&r);
    s.scheduled = row_int(&r);
    s.full_number = (uint64_t)row_int(&r);
    s.full_change = (uint64_t)row_int(&r);
    s.full_update = row_int(&r);
    s.base_number = (uint64_t)row_int(&r);
    s.base_change = (uint64_t)row_int(&r);
    TRY(r.rc);
    *out = s;
    return RC_OK;
}

enum rc store_shard_get(struct store_txn *txn, const struct id *issuer, unsigned shard,
                        struct store_shard *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "SELECT " SHARD_COLUMNS " FROM crl_shards WHERE issuer = ? AND shard = ?"));
    give_place(&st, issuer, shard);
    TRY(stmt_next(&st));
    return read_shard(&st, out);
}

enum rc store_shards_due(struct store_txn *txn, struct arena *a, when_t now, unsigned limit,
                         struct store_shard **out, size_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};
    void *list = NULL;
    size_t n = 0, cap = 0;
    enum rc rc;

    if (limit == 0 || limit > STORE_PAGE_MAX)
        limit = STORE_PAGE_MAX;
    TRY(stmt_open(&st, txn,
                  "SELECT " SHARD_COLUMNS " FROM crl_shards WHERE due <= ? ORDER BY due LIMIT ?"));
    stmt_int(&st, now);
    stmt_int(&st, limit);
    for (rc = stmt_next(&st); rc == RC_OK; rc = stmt_next(&st)) {
        TRY(rows_grow(a, sizeof(struct store_shard), limit, n, &cap, &list));
        TRY(read_shard(&st, &((struct store_shard *)list)[n++]));
    }
    if (rc != RC_NOTFOUND)
        return rc;
    *out = list;
    *out_n = n;
    return RC_OK;
}

enum rc store_shards_next(struct store_txn *txn, when_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct row r;

    TRY(stmt_open(&st, txn, "SELECT due FROM crl_shards ORDER BY due LIMIT 1"));
    TRY(stmt_next(&st));
    r = row_of(&st, NULL);
    *out = row_int(&r);
    return r.rc;
}

enum rc store_shard_postpone(struct store_txn *txn, const struct id *issuer, unsigned shard,
                             when_t due)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "UPDATE crl_shards SET due = ? WHERE issuer = ? AND shard = ?"));
    stmt_int(&st, due);
    give_place(&st, issuer, shard);
    return stmt_change(&st);
}

enum rc store_shards_hasten(struct store_txn *txn, const struct id *issuer, when_t due)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  issuer->z[0] ? "UPDATE crl_shards SET due = MIN(due, ?) WHERE due < ?"
                                 " AND issuer = ?"
                               : "UPDATE crl_shards SET due = MIN(due, ?) WHERE due < ?"));
    stmt_int(&st, due);
    stmt_int(&st, INT64_MAX); /* never due: a root's */
    if (issuer->z[0])
        stmt_id(&st, issuer);
    return stmt_run(&st);
}

enum rc store_crl_number(struct store_txn *txn, const struct id *issuer, unsigned shard,
                         uint64_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct store_shard s;

    TRY(stmt_open(&st, txn,
                  "UPDATE crl_shards SET number = number + 1 WHERE issuer = ? AND shard = ?"));
    give_place(&st, issuer, shard);
    TRY(stmt_change(&st));
    TRY(store_shard_get(txn, issuer, shard, &s));
    *out = s.number;
    return RC_OK;
}

enum rc store_crl_number_least(struct store_txn *txn, const struct id *issuer, unsigned shard,
                               uint64_t number)
{
    CLEANUP(stmt_done) struct stmt st = {};

    if (number > INT64_MAX)
        return RC_TOOBIG;
    TRY(stmt_open(&st, txn,
                  "UPDATE crl_shards SET number = MAX(number, ?) WHERE issuer = ? AND shard = ?"));
    stmt_int(&st, (int64_t)number);
    give_place(&st, issuer, shard);
    return stmt_change(&st);
}

/* ---- lists */

static enum rc check_number(struct store_txn *txn, const struct store_crl *c,
                            struct store_shard *shard)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct row r;
    enum rc rc;

    TRY(store_shard_get(txn, &c->issuer, c->shard, shard));
    if (c->number == 0 || c->number > shard->number)
        return RC_CONFLICT;
    TRY(stmt_open(&st, txn,
                  "SELECT number FROM crls WHERE issuer = ? AND shard = ? AND delta = ?"));
    give_place(&st, &c->issuer, c->shard);
    stmt_int(&st, c->delta);
    rc = stmt_next(&st);
    if (rc == RC_NOTFOUND)
        return RC_OK;
    TRY(rc);
    r = row_of(&st, NULL);
    return (uint64_t)row_int(&r) >= c->number ? RC_CONFLICT : RC_OK;
}

static enum rc put_crl(struct store_txn *txn, const struct store_crl *c)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "INSERT INTO crls (issuer, shard, delta, number, change, this_update,"
                  " next_update, entries, der) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
                  " ON CONFLICT (issuer, shard, delta) DO UPDATE SET number = excluded.number,"
                  " change = excluded.change, this_update = excluded.this_update,"
                  " next_update = excluded.next_update, entries = excluded.entries,"
                  " der = excluded.der"));
    give_place(&st, &c->issuer, c->shard);
    stmt_int(&st, c->delta);
    stmt_int(&st, (int64_t)c->number);
    stmt_int(&st, (int64_t)c->change);
    stmt_int(&st, c->this_update);
    stmt_int(&st, c->next_update);
    stmt_int(&st, (int64_t)c->entries);
    stmt_blob(&st, c->der, STORE_CRL_MAX);
    return stmt_run(&st);
}

/* Deltas go out from the complete list before this one, so that who still has that can use them;
 * from this one when it is the first. */
static enum rc note_full(struct store_txn *txn, const struct store_publication *p,
                         const struct store_shard *shard)
{
    CLEANUP(stmt_done) struct stmt st = {};
    const struct store_crl *c = &p->crl;
    bool first = shard->full_number == 0;

    TRY(stmt_open(
        &st, txn,
        "UPDATE crl_shards SET base_number = ?, base_change = ?, full_number = ?,"
        " full_change = ?, full_update = ?, scheduled = ? WHERE issuer = ? AND shard = ?"));
    stmt_int(&st, (int64_t)(first ? c->number : shard->full_number));
    stmt_int(&st, (int64_t)(first ? c->change : shard->full_change));
    stmt_int(&st, (int64_t)c->number);
    stmt_int(&st, (int64_t)c->change);
    stmt_int(&st, c->this_update);
    stmt_int(&st, p->scheduled ? c->this_update : shard->scheduled);
    give_place(&st, &c->issuer, c->shard);
    return stmt_change(&st);
}

static enum rc drop_expired(struct store_txn *txn, const struct store_publication *p)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "DELETE FROM revocations WHERE issuer = ? AND shard = ? AND not_after < ?"));
    give_place(&st, &p->crl.issuer, p->crl.shard);
    stmt_int(&st, p->expired_before);
    return stmt_run(&st);
}

enum rc store_crl_publish(struct store_txn *txn, const struct store_publication *p)
{
    const struct store_crl *c = &p->crl;
    struct store_shard shard;

    TRY(check_number(txn, c, &shard));
    TRY(put_crl(txn, c));
    if (!c->delta) {
        TRY(note_full(txn, p, &shard));
        TRY(drop_expired(txn, p));
    }
    return store_shard_postpone(txn, &c->issuer, c->shard,
                                shard.change > c->change ? c->this_update : p->due);
}

enum rc store_crl_get(struct store_txn *txn, struct arena *a, const struct id *issuer,
                      unsigned shard, bool delta, struct store_crl *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct store_crl c = {.issuer = *issuer, .shard = shard, .delta = delta};
    struct row r;

    TRY(stmt_open(&st, txn,
                  "SELECT number, change, this_update, next_update, entries, der FROM crls"
                  " WHERE issuer = ? AND shard = ? AND delta = ?"));
    give_place(&st, issuer, shard);
    stmt_int(&st, delta);
    TRY(stmt_next(&st));
    r = row_of(&st, a);
    c.number = (uint64_t)row_int(&r);
    c.change = (uint64_t)row_int(&r);
    c.this_update = row_int(&r);
    c.next_update = row_int(&r);
    c.entries = (uint64_t)row_int(&r);
    c.der = row_str(&r);
    TRY(r.rc);
    *out = c;
    return RC_OK;
}

static enum rc summarize_shards(struct store_txn *txn, when_t late, struct store_crl_summary *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct row r;

    TRY(stmt_open(&st, txn, "SELECT COUNT(*), TOTAL(due <= ?) FROM crl_shards"));
    stmt_int(&st, late);
    TRY(stmt_next(&st));
    r = row_of(&st, NULL);
    out->shards = (uint64_t)row_int(&r);
    out->behind = (uint64_t)row_int(&r);
    return r.rc;
}

enum rc store_crl_summarize(struct store_txn *txn, when_t now, when_t late,
                            struct store_crl_summary *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct store_crl_summary s = {};
    struct row r;

    TRY(summarize_shards(txn, late, &s));
    TRY(stmt_open(&st, txn,
                  "SELECT COUNT(*), TOTAL(entries), TOTAL(LENGTH(der)), MIN(this_update),"
                  " MIN(next_update), TOTAL(next_update <= ?) FROM crls WHERE delta = 0"));
    stmt_int(&st, now);
    TRY(stmt_next(&st));
    r = row_of(&st, NULL);
    s.published = (uint64_t)row_int(&r);
    s.entries = (uint64_t)row_int(&r);
    s.bytes = (uint64_t)row_int(&r);
    s.oldest = row_int(&r);
    s.next_update = row_int(&r);
    s.overdue = (uint64_t)row_int(&r);
    TRY(r.rc);
    *out = s;
    return RC_OK;
}
