/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to SQLite, its prepared statements, and the reading and writing of values. All of
 * it belongs to one thread at a time. */
#pragma once

#include <sqlite3.h>

#include "base/err.h"
#include "store/types.h"

enum {
    SQL_CACHE = 512,     /* prepared statements kept, a power of two; the folder has some 120 */
    SQL_TEXT_MAX = 8192, /* one statement */
    QUERY_VALUES = 24,
};

struct sql_slot {
    sqlite3_stmt *stmt; /* its text is the key */
    uint64_t hash;
    bool busy;
};

struct sql_db {
    sqlite3 *c;
    unsigned busy_ms;
    int64_t waited_us;
    struct err last; /* the last failure that was not the caller's doing */
    struct sql_slot cache[SQL_CACHE];
};

struct store_txn {
    struct store *store;
    struct sql_db *db;
    bool writable;
    bool snapshot; /* a read transaction is open */
    bool knows_last;
    uint64_t last_event; /* if so: the newest one's number, which only this transaction changes */
};

/* Counted use of the library as a whole; the first configures it (allocations from base/mem.h). */
enum rc sql_lib_ref(void);
void sql_lib_unref(void);

/* The VFS of every connection, for as long as the library is used; sql.c says how it differs. */
#define SQL_VFS "autarky"

/* Where and how a connection is opened. */
struct sql_target {
    const char *path;
    const char *vfs; /* NULL: SQL_VFS */
    unsigned busy_ms;
    bool full_sync;
    bool query_only;
};
enum rc sql_open(struct sql_db *db, const struct sql_target *target, struct err *err);
void sql_close(struct sql_db *db);
/* One of: RC_OK, RC_EXISTS (unique), RC_INVAL (other constraints), RC_AGAIN, RC_NOMEM, RC_IO ...
 * Notes the failure in db->last when it is none of the caller's. */
enum rc sql_rc(struct sql_db *db, int code);
/* Puts db->last into `err`, or the bare code when there is none for it. */
enum rc sql_err(const struct sql_db *db, enum rc rc, struct err *err);
/* A statement, or several, without values or results. Not cached. */
enum rc sql_exec(struct sql_db *db, const char *sql);
/* The one integer that a statement yields (a pragma's value, a count). */
enum rc sql_value(struct sql_db *db, const char *sql, int64_t *out);

/* A statement in use: CLEANUP(stmt_done) struct stmt st = {}; stmt_open; values in order of their
 * places; stmt_run or stmt_next. A failure while giving values is remembered and comes out there.
 */
struct stmt {
    struct sql_db *db;
    sqlite3_stmt *s;
    struct sql_slot *slot;
    enum rc rc;
    int place;
};
/* `sql` is a literal, or put together out of literals only. */
enum rc stmt_open(struct stmt *st, struct store_txn *txn, const char *sql);
void stmt_done(struct stmt *st);

void stmt_int(struct stmt *st, int64_t v);
/* The optional values: 0, empty and "" are NULL in the database. */
void stmt_when(struct stmt *st, when_t t);
void stmt_text(struct stmt *st, struct str s, size_t max);
void stmt_z(struct stmt *st, const char *z);
void stmt_blob(struct stmt *st, struct str s, size_t max);
void stmt_id(struct stmt *st, const struct id *id);
void stmt_hash(struct stmt *st, const struct store_hash *hash);
void stmt_addr(struct stmt *st, const struct addr *addr);
/* Type, value, reversed name, address bytes: four places. RC_INVAL when it is not canonical. */
void stmt_name(struct stmt *st, const struct store_name *name);

/* Runs a statement that has no rows; it can then be given values and run again. */
enum rc stmt_run(struct stmt *st);
/* The same; RC_NOTFOUND when it changed nothing. */
enum rc stmt_change(struct stmt *st);
/* How many rows the last one that ran changed. */
uint64_t stmt_changes(const struct stmt *st);
/* The same for a compare and set on one row: RC_CONFLICT when it changed nothing although the row
 * is there, RC_NOTFOUND when it is not. `exists` selects it by its id. */
enum rc stmt_move(struct stmt *st, struct store_txn *txn, const char *exists, const struct id *id);
/* RC_OK: there is a row; RC_NOTFOUND: no more. */
enum rc stmt_next(struct stmt *st);

/* Reads a row's columns in order, copying into the arena; a failure is remembered in `rc`. */
struct row {
    struct stmt *st;
    struct arena *a;
    int column;
    enum rc rc;
};
struct row row_of(struct stmt *st, struct arena *a);
int64_t row_int(struct row *r);
struct str row_str(struct row *r);
struct id row_id(struct row *r);
struct store_hash row_hash(struct row *r);
struct addr row_addr(struct row *r);
/* The position of the text in `texts`; RC_CORRUPT when it is none of them. */
int row_enum(struct row *r, const char *const *texts, int n);
/* Type and value: two columns. */
struct store_name row_name(struct row *r);

/* A list: conditions put together as the filter has them, one page in the order of (column, id), or
 * of a number. */
struct query {
    struct buf sql;
    unsigned n;
    struct {
        bool text;
        int64_t i;
        struct str s;
        bool blob;
    } values[QUERY_VALUES];
};
void query_init(struct query *q, const char *select);
void query_done(struct query *q);
/* Each adds its text, with one `?`, unless the value is the one that stands for "any": "", empty,
 * 0. */
void query_id(struct query *q, const char *text, const struct id *id);
void query_str(struct query *q, const char *text, struct str s);
void query_blob(struct query *q, const char *text, struct str s);
void query_int(struct query *q, const char *text, int64_t v);
/* ` AND column IN (...)` of the texts whose bits are set; nothing for 0. */
void query_statuses(struct query *q, const char *column, unsigned bits, const char *const *texts,
                    int n);
/* Prepares and binds. */
enum rc query_open(struct query *q, struct store_txn *txn, struct stmt *st);
/* What a list reads its rows into. */
struct rows {
    size_t size; /* of the struct */
    size_t id;   /* where in it the id stands; page.numbered: anything */
    size_t at;   /* and the time, or number, of page.column */
    enum rc (*read)(struct stmt *st, struct store_txn *txn, struct arena *a, void *out);
};
/* One page of a list. */
struct page {
    const struct rows *rows;
    const char *column; /* of time; `id` breaks ties */
    bool numbered;      /* it is a number instead, unique and from 1 on */
    bool descending;
    unsigned limit; /* as the filter has it; query_rows makes it real */
    struct store_cursor *at;
};
/* Adds where the page begins, its order and its length, runs the query, reads the rows and moves
 * the cursor; `out` points at the pointer to the list. */
enum rc query_rows(struct query *q, struct store_txn *txn, struct arena *a, struct page *page,
                   void *out, size_t *out_n);
/* The same of a list without a filter, in the order of its column `n`. */
enum rc query_numbered(struct store_txn *txn, struct arena *a, const char *select,
                       const struct page *page, void *out, size_t *out_n);
/* Room for one more row behind `n`, growing. */
enum rc rows_grow(struct arena *a, size_t size, size_t max, size_t n, size_t *cap, void **list);
/* What is left of a statement whose only column is an id, STORE_PAGE_MAX at most. */
enum rc rows_ids(struct stmt *st, struct arena *a, struct id **out, size_t *out_n);
/* The one count that the query yields. */
enum rc query_count(struct query *q, struct store_txn *txn, uint64_t *out);
