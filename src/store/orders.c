/* SPDX-License-Identifier: Apache-2.0 */
#include "store/orders.h"

#include "store/sql_int.h"
#include "store/stars_int.h"

#define EXISTS "SELECT 1 FROM orders WHERE id = ?"
#define COLUMNS                                                                                    \
    "id, account, status, expires, not_before, not_after, error, profile, replaces, certificate,"  \
    " created, created_from, processing_since, star"

static const char *const statuses[STORE_ORDER_STATUSES] = {
    [STORE_ORDER_PENDING] = "pending",       [STORE_ORDER_READY] = "ready",
    [STORE_ORDER_PROCESSING] = "processing", [STORE_ORDER_VALID] = "valid",
    [STORE_ORDER_INVALID] = "invalid",       [STORE_ORDER_CANCELED] = "canceled",
};

const char *store_order_status_text(enum store_order_status status)
{
    return statuses[status];
}

static enum rc add_names(struct store_txn *txn, const struct store_order *o)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "INSERT INTO order_names (order_n, pos, type, value, reversed, address,"
                  " authorization) VALUES ((SELECT n FROM orders WHERE id = ?), ?, ?, ?, ?, ?,"
                  " (SELECT n FROM authorizations WHERE id = ?))"));
    for (size_t i = 0; i < o->n_names; i++) {
        stmt_id(&st, &o->id);
        stmt_int(&st, (int64_t)i);
        stmt_name(&st, &o->names[i].name);
        stmt_id(&st, &o->names[i].authorization);
        TRY(stmt_run(&st));
    }
    return RC_OK;
}

enum rc store_order_add(struct store_txn *txn, const struct store_order *o)
{
    CLEANUP(stmt_done) struct stmt st = {};

    if (o->n_names == 0)
        return RC_INVAL;
    if (o->n_names > STORE_NAMES_MAX)
        return RC_TOOBIG;
    TRY(stmt_open(&st, txn,
                  "INSERT INTO orders (" COLUMNS
                  ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    stmt_id(&st, &o->id);
    stmt_id(&st, &o->account);
    stmt_z(&st, statuses[o->status]);
    stmt_when(&st, o->expires);
    stmt_when(&st, o->not_before);
    stmt_when(&st, o->not_after);
    stmt_text(&st, o->error, STORE_BLOB_MAX);
    stmt_text(&st, o->profile, STORE_TEXT_MAX);
    stmt_text(&st, o->replaces, STORE_TEXT_MAX);
    stmt_id(&st, &o->certificate);
    stmt_when(&st, o->created);
    stmt_addr(&st, &o->created_from);
    stmt_when(&st, o->processing_since);
    stmt_int(&st, o->star != NULL);
    TRY(stmt_run(&st));
    if (o->star)
        TRY(store_star_add(txn, &o->id, &o->account, o->star));
    return add_names(txn, o);
}

/* The order's own statement is still open, so both see the same moment. */
static enum rc read_names(struct store_txn *txn, struct arena *a, struct store_order *o)
{
    CLEANUP(stmt_done) struct stmt st = {};
    void *list = NULL;
    size_t n = 0, cap = 0;
    enum rc rc;

    TRY(stmt_open(&st, txn,
                  "SELECT o.type, o.value, z.id FROM order_names o"
                  " JOIN authorizations z ON z.n = o.authorization"
                  " WHERE o.order_n = (SELECT n FROM orders WHERE id = ?) ORDER BY o.pos"));
    stmt_id(&st, &o->id);
    for (rc = stmt_next(&st); rc == RC_OK && n < STORE_NAMES_MAX; rc = stmt_next(&st)) {
        struct row r = row_of(&st, a);
        struct store_order_name *name;

        TRY(rows_grow(a, sizeof(*name), STORE_NAMES_MAX, n, &cap, &list));
        name = (struct store_order_name *)list + n++;
        name->name = row_name(&r);
        name->authorization = row_id(&r);
        TRY(r.rc);
    }
    o->names = list;
    o->n_names = n;
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

static enum rc read_row(struct stmt *st, struct store_txn *txn, struct arena *a, void *out)
{
    struct row r = row_of(st, a);
    struct store_order o = {};
    bool star;

    o.id = row_id(&r);
    o.account = row_id(&r);
    o.status = (enum store_order_status)row_enum(&r, statuses, STORE_ORDER_STATUSES);
    o.expires = row_int(&r);
    o.not_before = row_int(&r);
    o.not_after = row_int(&r);
    o.error = row_str(&r);
    o.profile = row_str(&r);
    o.replaces = row_str(&r);
    o.certificate = row_id(&r);
    o.created = row_int(&r);
    o.created_from = row_addr(&r);
    o.processing_since = row_int(&r);
    star = row_int(&r) != 0;
    TRY(r.rc);
    if (star)
        TRY(store_star_get(txn, a, &o.id, &o.star));
    TRY(read_names(txn, a, &o));
    *(struct store_order *)out = o;
    return RC_OK;
}

enum rc store_order_get(struct store_txn *txn, struct arena *a, const struct id *id,
                        struct store_order *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT " COLUMNS " FROM orders WHERE id = ?"));
    stmt_id(&st, id);
    TRY(stmt_next(&st));
    return read_row(&st, txn, a, out);
}

enum rc store_order_move(struct store_txn *txn, const struct id *id, enum store_order_status from,
                         enum store_order_status to)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "UPDATE orders SET status = ? WHERE id = ? AND status = ?"));
    stmt_z(&st, statuses[to]);
    stmt_id(&st, id);
    stmt_z(&st, statuses[from]);
    return stmt_move(&st, txn, EXISTS, id);
}

enum rc store_order_process(struct store_txn *txn, const struct id *id, when_t now)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE orders SET status = 'processing', processing_since = ?"
                  " WHERE id = ? AND status = 'ready'"));
    stmt_when(&st, now);
    stmt_id(&st, id);
    return stmt_move(&st, txn, EXISTS, id);
}

enum rc store_order_finish(struct store_txn *txn, const struct id *id, const struct id *certificate)
{
    CLEANUP(stmt_done) struct stmt st = {};

    if (!certificate->z[0])
        return RC_INVAL;
    TRY(stmt_open(&st, txn,
                  "UPDATE orders SET status = 'valid', certificate = ?"
                  " WHERE id = ? AND status = 'processing' AND star = 0"));
    stmt_id(&st, certificate);
    stmt_id(&st, id);
    return stmt_move(&st, txn, EXISTS, id);
}

enum rc store_order_fail(struct store_txn *txn, const struct id *id, enum store_order_status from,
                         struct str error)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE orders SET status = 'invalid', error = ? WHERE id = ? AND status = ?"));
    stmt_text(&st, error, STORE_BLOB_MAX);
    stmt_id(&st, id);
    stmt_z(&st, statuses[from]);
    return stmt_move(&st, txn, EXISTS, id);
}

enum rc store_order_fail_all(struct store_txn *txn, struct arena *a, const struct id *authorization,
                             struct str error, struct id **out, size_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "SELECT DISTINCT o.id FROM order_names w JOIN orders o ON o.n = w.order_n"
                  " WHERE w.authorization = (SELECT n FROM authorizations WHERE id = ?)"
                  " AND o.status = 'pending'"));
    stmt_id(&st, authorization);
    TRY(rows_ids(&st, a, out, out_n));
    for (size_t i = 0; i < *out_n; i++)
        TRY(store_order_fail(txn, &(*out)[i], STORE_ORDER_PENDING, error));
    return RC_OK;
}

static void conditions(struct query *q, const struct store_order_filter *f)
{
    query_id(q, " AND account = ?", &f->account);
    query_id(q,
             " AND n IN (SELECT order_n FROM order_names WHERE authorization ="
             " (SELECT n FROM authorizations WHERE id = ?))",
             &f->authorization);
    query_statuses(q, "status", f->statuses, statuses, STORE_ORDER_STATUSES);
    query_int(q, " AND expires < ?", f->expires_before);
    query_int(q, " AND expires > ?", f->expires_after);
}

enum rc store_order_list(struct store_txn *txn, struct arena *a, const struct store_order_filter *f,
                         struct store_cursor *at, struct store_order **out, size_t *out_n)
{
    static const struct rows rows = {sizeof(struct store_order), offsetof(struct store_order, id),
                                     offsetof(struct store_order, created), read_row};
    CLEANUP(query_done) struct query q = {};
    struct page page = {.rows = &rows, .at = at, .column = "created", .limit = f->limit};

    query_init(&q, "SELECT " COLUMNS " FROM orders WHERE 1 = 1");
    conditions(&q, f);
    return query_rows(&q, txn, a, &page, out, out_n);
}

enum rc store_order_complete(struct store_txn *txn, struct arena *a, const struct id *authorization,
                             when_t now, struct id **out, size_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "SELECT DISTINCT o.id FROM order_names w JOIN orders o ON o.n = w.order_n"
                  " WHERE w.authorization = (SELECT n FROM authorizations WHERE id = ?)"
                  " AND o.status = 'pending' AND NOT EXISTS (SELECT 1 FROM order_names w2"
                  " JOIN authorizations z ON z.n = w2.authorization WHERE w2.order_n = o.n"
                  " AND (z.status <> 'valid' OR z.expires <= ?))"));
    stmt_id(&st, authorization);
    stmt_int(&st, now);
    return rows_ids(&st, a, out, out_n);
}

enum rc store_order_count(struct store_txn *txn, const struct store_order_filter *f, uint64_t *out)
{
    CLEANUP(query_done) struct query q = {};

    query_init(&q, "SELECT COUNT(*) FROM orders WHERE 1 = 1");
    conditions(&q, f);
    return query_count(&q, txn, out);
}

enum rc store_order_replacing(struct store_txn *txn, struct arena *a, struct str replaces,
                              when_t now, struct store_order *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "SELECT " COLUMNS " FROM orders WHERE replaces = ? AND status <> 'invalid'"
                  " AND (expires > ? OR status NOT IN ('pending', 'ready'))"
                  " ORDER BY created LIMIT 1"));
    stmt_text(&st, replaces, STORE_TEXT_MAX);
    stmt_int(&st, now);
    TRY(stmt_next(&st));
    return read_row(&st, txn, a, out);
}

enum rc store_order_open(struct store_txn *txn, const struct id *account, when_t from, when_t now,
                         uint64_t *out_n, when_t *out_first)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct row r;

    TRY(stmt_open(&st, txn,
                  "SELECT COUNT(*), COALESCE(MIN(expires), 0) FROM (SELECT status, expires"
                  " FROM orders WHERE account = ? AND created > ? ORDER BY created DESC LIMIT ?)"
                  " WHERE status IN ('pending', 'ready') AND expires > ?"));
    stmt_id(&st, account);
    stmt_int(&st, from);
    stmt_int(&st, STORE_OPEN_LOOK);
    stmt_int(&st, now);
    TRY(stmt_next(&st));
    r = row_of(&st, NULL);
    *out_n = (uint64_t)row_int(&r);
    *out_first = row_int(&r);
    return r.rc;
}

enum rc store_order_open_for(struct store_txn *txn, struct arena *a,
                             const struct store_order_open_for *what, struct store_order **out,
                             size_t *out_n)
{
    enum { LOOK = 16 };
    CLEANUP(stmt_done) struct stmt st = {};
    void *list = NULL;
    size_t n = 0, cap = 0;
    enum rc rc;

    TRY(stmt_open(&st, txn,
                  "SELECT " COLUMNS " FROM orders WHERE n IN (SELECT w.order_n"
                  " FROM authorizations z JOIN order_names w ON w.authorization = z.n"
                  " WHERE z.account = ? AND z.value = ?)"
                  " AND status IN ('pending', 'ready') AND expires > ? ORDER BY n DESC LIMIT ?"));
    stmt_id(&st, &what->account);
    stmt_text(&st, what->value, STORE_TEXT_MAX);
    stmt_int(&st, what->now);
    stmt_int(&st, LOOK);
    for (rc = stmt_next(&st); rc == RC_OK; rc = stmt_next(&st)) {
        TRY(rows_grow(a, sizeof(struct store_order), LOOK, n, &cap, &list));
        TRY(read_row(&st, txn, a, (struct store_order *)list + n));
        n++;
    }
    *out = list;
    *out_n = n;
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

enum rc store_order_waits(struct store_txn *txn, when_t from, when_t *out, size_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};
    size_t n = 0;
    enum rc rc;

    TRY(stmt_open(&st, txn,
                  "SELECT c.issued - o.created FROM (SELECT order_id, issued, hierarchy"
                  " FROM certificates WHERE issued >= ? ORDER BY issued DESC, id DESC LIMIT ?) AS c"
                  " CROSS JOIN orders AS o WHERE o.id = c.order_id AND o.star = 0"
                  " AND c.hierarchy <> 'staging' AND c.issued >= o.created"));
    stmt_int(&st, from);
    stmt_int(&st, STORE_WAITS_LOOK);
    for (rc = stmt_next(&st); rc == RC_OK && n < STORE_WAITS_LOOK; rc = stmt_next(&st)) {
        struct row r = row_of(&st, NULL);

        out[n++] = row_int(&r);
        TRY(r.rc);
    }
    *out_n = n;
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

enum rc store_order_failures(struct store_txn *txn, when_t from,
                             void (*fn)(void *arg, when_t created, struct str error), void *arg)
{
    CLEANUP(stmt_done) struct stmt st = {};
    enum rc rc;

    TRY(stmt_open(&st, txn,
                  "SELECT o.created, o.error FROM orders AS o CROSS JOIN accounts AS a"
                  " WHERE o.status = 'invalid' AND o.created >= ? AND a.id = o.account"
                  " AND a.staging = 0 ORDER BY o.created DESC LIMIT ?"));
    stmt_int(&st, from);
    stmt_int(&st, STORE_FAILED_LOOK);
    for (rc = stmt_next(&st); rc == RC_OK; rc = stmt_next(&st)) {
        CLEANUP(arena_done) struct arena each = ARENA_INIT(STORE_BLOB_MAX);
        struct row r = row_of(&st, &each);
        when_t created = row_int(&r);
        struct str error = row_str(&r);

        TRY(r.rc);
        fn(arg, created, error);
    }
    return rc == RC_NOTFOUND ? RC_OK : rc;
}
