/* SPDX-License-Identifier: Apache-2.0 */
#include "store/events.h"

#include <stdio.h>

#include "store/sql_int.h"

#define COLUMNS "sequence, at, action, actor_kind, actor, object_kind, object, request, bytes"

enum rc store_event_last(struct store_txn *txn, uint64_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    if (txn->knows_last) {
        *out = txn->last_event;
        return RC_OK;
    }
    TRY(stmt_open(&st, txn, "SELECT IFNULL(MAX(sequence), 0) FROM events"));
    TRY(stmt_next(&st));
    *out = (uint64_t)sqlite3_column_int64(st.s, 0);
    txn->last_event = *out;
    txn->knows_last = txn->writable; /* one that reads may go on after others have written */
    return RC_OK;
}

enum rc store_event_add(struct store_txn *txn, const struct store_event *e)
{
    CLEANUP(stmt_done) struct stmt st = {};
    uint64_t last;

    TRY(store_event_last(txn, &last));
    if (e->sequence != last + 1)
        return RC_CONFLICT;
    TRY(stmt_open(&st, txn, "INSERT INTO events (" COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    stmt_int(&st, (int64_t)e->sequence);
    stmt_when(&st, e->at);
    stmt_text(&st, e->action, STORE_TEXT_MAX);
    stmt_text(&st, e->actor_kind, STORE_TEXT_MAX);
    stmt_text(&st, e->actor, STORE_TEXT_MAX);
    stmt_text(&st, e->object_kind, STORE_TEXT_MAX);
    stmt_text(&st, e->object, STORE_TEXT_MAX);
    stmt_text(&st, e->request, STORE_TEXT_MAX);
    stmt_blob(&st, e->bytes, STORE_BLOB_MAX);
    TRY(stmt_run(&st));
    txn->last_event = e->sequence;
    return RC_OK;
}

enum rc store_event_each(struct store_txn *txn, uint64_t first, uint64_t n,
                         enum rc (*fn)(void *arg, uint64_t sequence, struct str bytes), void *arg)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "SELECT sequence, bytes FROM events WHERE sequence >= ? ORDER BY sequence"
                  " LIMIT ?"));
    stmt_int(&st, (int64_t)first);
    stmt_int(&st, (int64_t)n);
    for (uint64_t i = 0; i < n; i++) {
        TRY(stmt_next(&st));
        TRY(fn(arg, (uint64_t)sqlite3_column_int64(st.s, 0),
               str_bytes(sqlite3_column_blob(st.s, 1), (size_t)sqlite3_column_bytes(st.s, 1))));
    }
    return RC_OK;
}

static enum rc read_row(struct stmt *st, struct arena *a, struct store_event *out)
{
    struct row r = row_of(st, a);
    struct store_event e = {};

    e.sequence = (uint64_t)row_int(&r);
    e.at = row_int(&r);
    e.action = row_str(&r);
    e.actor_kind = row_str(&r);
    e.actor = row_str(&r);
    e.object_kind = row_str(&r);
    e.object = row_str(&r);
    e.request = row_str(&r);
    e.bytes = row_str(&r);
    TRY(r.rc);
    *out = e;
    return RC_OK;
}

/* "order." means the range up to "order/": '/' follows '.'. */
static enum rc condition_action(struct query *q, struct str action, char end[static 128])
{
    if (!str_ends(action, STR("."))) {
        query_str(q, " AND action = ?", action);
        return RC_OK;
    }
    if (action.n >= 128)
        return RC_TOOBIG;
    (void)snprintf(end, 128, "%.*s/", (int)action.n - 1, action.p);
    query_str(q, " AND action >= ?", action);
    query_str(q, " AND action < ?", str_of(end));
    return RC_OK;
}

enum rc store_event_list(struct store_txn *txn, struct arena *a, const struct store_event_filter *f,
                         struct store_event **out, size_t *out_n)
{
    CLEANUP(query_done) struct query q = {};
    CLEANUP(stmt_done) struct stmt st = {};
    size_t limit = f->limit && f->limit < STORE_PAGE_MAX ? f->limit : STORE_PAGE_MAX;
    void *list = NULL;
    size_t n = 0, cap = 0;
    char end[128];
    enum rc rc;

    query_init(&q, "SELECT " COLUMNS " FROM events WHERE 1 = 1");
    query_int(&q, " AND sequence > ?", (int64_t)f->after);
    query_int(&q, " AND sequence < ?", (int64_t)f->below);
    TRY(condition_action(&q, f->action, end));
    query_str(&q, " AND actor = ?", f->actor);
    query_str(&q, " AND object = ?", f->object);
    query_str(&q, " AND request = ?", f->request);
    query_int(&q, " AND at >= ?", f->from);
    query_int(&q, " AND at < ?", f->before);
    query_int(&q, f->newest ? " ORDER BY sequence DESC LIMIT ?" : " ORDER BY sequence LIMIT ?",
              (int64_t)limit);
    TRY(query_open(&q, txn, &st));
    for (rc = stmt_next(&st); rc == RC_OK && n < limit; rc = stmt_next(&st)) {
        TRY(rows_grow(a, sizeof(struct store_event), limit, n, &cap, &list));
        TRY(read_row(&st, a, (struct store_event *)list + n++));
    }
    if (rc != RC_OK && rc != RC_NOTFOUND)
        return rc;
    *out = list;
    *out_n = n;
    return RC_OK;
}
