/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "store/sql_int.h"

void query_init(struct query *q, const char *select)
{
    q->n = 0;
    buf_init(&q->sql, SQL_TEXT_MAX);
    buf_putz(&q->sql, select);
}

void query_done(struct query *q)
{
    buf_done(&q->sql);
}

static void add(struct query *q, const char *text, struct str s, bool blob)
{
    if (q->n == QUERY_VALUES) {
        buf_fail(&q->sql, RC_TOOBIG);
        return;
    }
    buf_putz(&q->sql, text);
    q->values[q->n].text = true;
    q->values[q->n].blob = blob;
    q->values[q->n++].s = s;
}

static void add_int(struct query *q, const char *text, int64_t v)
{
    if (q->n == QUERY_VALUES) {
        buf_fail(&q->sql, RC_TOOBIG);
        return;
    }
    buf_putz(&q->sql, text);
    q->values[q->n].text = false;
    q->values[q->n++].i = v;
}

void query_id(struct query *q, const char *text, const struct id *id)
{
    if (id->z[0])
        add(q, text, id_str(id), false);
}

void query_str(struct query *q, const char *text, struct str s)
{
    if (s.n)
        add(q, text, s, false);
}

void query_blob(struct query *q, const char *text, struct str s)
{
    if (s.n)
        add(q, text, s, true);
}

void query_int(struct query *q, const char *text, int64_t v)
{
    if (v)
        add_int(q, text, v);
}

void query_statuses(struct query *q, const char *column, unsigned bits, const char *const *texts,
                    int n)
{
    const char *before = " IN ('";

    if (!bits)
        return;
    buf_printf(&q->sql, " AND %s", column);
    for (int i = 0; i < n; i++)
        if (bits == 1U << i) { /* as indexes of one status alone have it */
            buf_printf(&q->sql, " = '%s'", texts[i]);
            return;
        }
    for (int i = 0; i < n; i++) {
        if (!(bits & (1U << i)))
            continue;
        buf_putz(&q->sql, before);
        buf_putz(&q->sql, texts[i]);
        before = "', '";
    }
    if (strcmp(before, " IN ('") == 0)
        buf_fail(&q->sql, RC_INVAL); /* bits of no status */
    buf_putz(&q->sql, "')");
}

/* Behind the cursor, in order, one row more than the limit so that the end is known. */
static void add_page(struct query *q, struct page *page)
{
    const struct store_cursor *at = page->at;
    const char *order = page->descending ? " DESC" : "";

    if (page->limit == 0 || page->limit > STORE_PAGE_MAX)
        page->limit = STORE_PAGE_MAX;
    if (page->numbered) {
        query_int(q, page->descending ? " AND n < ?" : " AND n > ?", at->at);
        buf_printf(&q->sql, " ORDER BY n%s", order);
        add_int(q, " LIMIT ?", (int64_t)page->limit + 1);
        return;
    }
    if (at->id.z[0]) {
        buf_printf(&q->sql, " AND (%s, id) %c (", page->column, page->descending ? '<' : '>');
        add_int(q, "?", at->at);
        add(q, ", ?)", id_str(&at->id), false);
    }
    buf_printf(&q->sql, " ORDER BY %s%s, id%s", page->column, order, order);
    add_int(q, " LIMIT ?", (int64_t)page->limit + 1);
}

enum rc query_open(struct query *q, struct store_txn *txn, struct stmt *st)
{
    const char *text = buf_z(&q->sql);

    TRY(buf_rc(&q->sql));
    TRY(stmt_open(st, txn, text));
    for (unsigned i = 0; i < q->n; i++) {
        if (!q->values[i].text)
            stmt_int(st, q->values[i].i);
        else if (q->values[i].blob)
            stmt_blob(st, q->values[i].s, STORE_BLOB_MAX);
        else
            stmt_text(st, q->values[i].s, STORE_TEXT_MAX);
    }
    return RC_OK;
}

enum { ROWS_FIRST = 8 };

enum rc rows_grow(struct arena *a, size_t size, size_t max, size_t n, size_t *cap, void **list)
{
    size_t wanted = *cap ? *cap * 2 : ROWS_FIRST;
    void *moved;

    if (n < *cap)
        return RC_OK;
    wanted = wanted > max ? max : wanted;
    moved = arena_calloc(a, wanted, size);
    if (!moved)
        return RC_NOMEM;
    if (n)
        memcpy(moved, *list, n * size);
    *list = moved;
    *cap = wanted;
    return RC_OK;
}

enum rc rows_ids(struct stmt *st, struct arena *a, struct id **out, size_t *out_n)
{
    void *list = NULL;
    size_t n = 0, cap = 0;
    enum rc rc;

    for (rc = stmt_next(st); rc == RC_OK && n < STORE_PAGE_MAX; rc = stmt_next(st)) {
        struct row r = row_of(st, a);

        TRY(rows_grow(a, sizeof(struct id), STORE_PAGE_MAX, n, &cap, &list));
        ((struct id *)list)[n++] = row_id(&r);
        TRY(r.rc);
    }
    *out = list;
    *out_n = n;
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

enum rc query_rows(struct query *q, struct store_txn *txn, struct arena *a, struct page *page,
                   void *out, size_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};
    const struct rows *rows = page->rows;
    struct store_cursor *at = page->at;
    void *list = NULL;
    char *row = NULL;
    size_t n = 0, cap = 0;
    enum rc rc;

    add_page(q, page);
    TRY(query_open(q, txn, &st));
    for (rc = stmt_next(&st); rc == RC_OK && n < page->limit; rc = stmt_next(&st)) {
        TRY(rows_grow(a, rows->size, page->limit, n, &cap, &list));
        row = (char *)list + n++ * rows->size;
        TRY(rows->read(&st, txn, a, row));
    }
    if (rc != RC_OK && rc != RC_NOTFOUND)
        return rc;
    at->end = rc == RC_NOTFOUND;
    if (row) {
        memcpy(&at->at, row + rows->at, sizeof(at->at));
        if (!page->numbered)
            memcpy(&at->id, row + rows->id, sizeof(at->id));
    }
    memcpy(out, &list, sizeof(list)); /* not through a void **: it is of another type */
    *out_n = n;
    return RC_OK;
}

enum rc query_numbered(struct store_txn *txn, struct arena *a, const char *select,
                       const struct page *page, void *out, size_t *out_n)
{
    CLEANUP(query_done) struct query q = {};
    struct page numbered = *page;

    query_init(&q, select);
    numbered.numbered = true;
    return query_rows(&q, txn, a, &numbered, out, out_n);
}

enum rc query_count(struct query *q, struct store_txn *txn, uint64_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(query_open(q, txn, &st));
    TRY(stmt_next(&st));
    *out = (uint64_t)sqlite3_column_int64(st.s, 0);
    return RC_OK;
}
