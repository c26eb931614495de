/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "store/sql_int.h"

static const char *const name_types[STORE_NAME_TYPES] = {"dns", "ip", "email", "uri"};

const char *store_name_type_text(enum store_name_type type)
{
    return name_types[type];
}

static uint64_t text_hash(const char *z)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (; *z; z++)
        h = (h ^ (unsigned char)*z) * UINT64_C(0x100000001b3);
    return h;
}

/* The slot of that text, an empty one to fill, or NULL when the cache is full. */
static struct sql_slot *slot_find(struct sql_db *db, const char *sql, uint64_t hash)
{
    for (unsigned i = 0; i < SQL_CACHE / 4; i++) {
        struct sql_slot *slot = &db->cache[(hash + i) & (SQL_CACHE - 1)];

        if (!slot->stmt)
            return slot;
        if (slot->hash == hash && strcmp(sqlite3_sql(slot->stmt), sql) == 0)
            return slot;
    }
    return NULL;
}

enum rc stmt_open(struct stmt *st, struct store_txn *txn, const char *sql)
{
    struct sql_db *db = txn->db;
    uint64_t hash = text_hash(sql);
    struct sql_slot *slot = slot_find(db, sql, hash);
    int code;

    *st = (struct stmt){.db = db};
    if (slot && slot->busy)
        slot = NULL; /* in use further up: a second one, for this time */
    if (slot && slot->stmt) {
        st->s = slot->stmt;
    } else {
        code =
            sqlite3_prepare_v3(db->c, sql, -1, slot ? SQLITE_PREPARE_PERSISTENT : 0, &st->s, NULL);
        if (code != SQLITE_OK)
            return sql_rc(db, code);
    }
    if (slot)
        *slot = (struct sql_slot){.stmt = st->s, .hash = hash, .busy = true};
    st->slot = slot;
    return sqlite3_stmt_readonly(st->s) || txn->writable ? RC_OK : RC_INVAL;
}

void stmt_done(struct stmt *st)
{
    if (!st->s)
        return;
    if (st->slot) {
        sqlite3_reset(st->s);
        sqlite3_clear_bindings(st->s);
        st->slot->busy = false;
    } else {
        sqlite3_finalize(st->s);
    }
    st->s = NULL;
}

static void bound(struct stmt *st, int code)
{
    if (st->rc == RC_OK)
        st->rc = sql_rc(st->db, code);
}

void stmt_int(struct stmt *st, int64_t v)
{
    bound(st, sqlite3_bind_int64(st->s, ++st->place, v));
}

void stmt_when(struct stmt *st, when_t t)
{
    if (t)
        stmt_int(st, t);
    else
        st->place++;
}

/* Values are bound without a copy: they outlive the statement's use, which ends in the same
 * function. */
void stmt_text(struct stmt *st, struct str s, size_t max)
{
    st->place++;
    if (s.n > max) {
        st->rc = st->rc == RC_OK ? RC_TOOBIG : st->rc;
    } else if (s.n && (!str_utf8(s) || memchr(s.p, 0, s.n))) {
        st->rc = st->rc == RC_OK ? RC_INVAL : st->rc;
    } else if (s.n) {
        bound(st, sqlite3_bind_text(st->s, st->place, s.p, (int)s.n, SQLITE_STATIC));
    }
}

void stmt_z(struct stmt *st, const char *z)
{
    bound(st, sqlite3_bind_text(st->s, ++st->place, z, -1, SQLITE_STATIC));
}

void stmt_blob(struct stmt *st, struct str s, size_t max)
{
    st->place++;
    if (s.n > max)
        st->rc = st->rc == RC_OK ? RC_TOOBIG : st->rc;
    else if (s.n)
        bound(st, sqlite3_bind_blob(st->s, st->place, s.p, (int)s.n, SQLITE_STATIC));
}

void stmt_id(struct stmt *st, const struct id *id)
{
    st->place++;
    if (id->z[0])
        bound(st, sqlite3_bind_text(st->s, st->place, id->z, -1, SQLITE_STATIC));
}

void stmt_hash(struct stmt *st, const struct store_hash *hash)
{
    stmt_blob(st, str_bytes(hash->b, STORE_SHA256), STORE_SHA256);
}

void stmt_addr(struct stmt *st, const struct addr *addr)
{
    stmt_blob(st, addr_bytes(addr), sizeof(addr->b));
}

/* The bytes of an address that is written as it must be. */
static enum rc name_addr(struct str value, struct addr *out)
{
    char text[ADDR_TEXT];

    if (addr_parse(value, out) != RC_OK || !str_eq(str_of(addr_text(out, text)), value))
        return RC_INVAL;
    return RC_OK;
}

static enum rc name_dns(struct str value, char reversed[static NAME_MAX_BYTES + 1])
{
    char canonical[NAME_MAX_BYTES + 1];

    if (name_canonical(value, true, canonical) != RC_OK || !str_eq(str_of(canonical), value))
        return RC_INVAL;
    return name_reverse(value, reversed);
}

static enum rc name_email(struct str value)
{
    char canonical[NAME_EMAIL_MAX + 1];

    if (name_email_canonical(value, canonical) != RC_OK || !str_eq(str_of(canonical), value))
        return RC_INVAL;
    return RC_OK;
}

void stmt_name(struct stmt *st, const struct store_name *name)
{
    char reversed[NAME_MAX_BYTES + 1];
    struct addr addr = {};
    enum rc rc = RC_INVAL;

    if (name->type == STORE_NAME_DNS)
        rc = name_dns(name->value, reversed);
    else if (name->type == STORE_NAME_IP)
        rc = name_addr(name->value, &addr);
    else if (name->type == STORE_NAME_EMAIL)
        rc = name_email(name->value);
    else if (name->type == STORE_NAME_URI && name_uri_check(name->value) == RC_OK)
        rc = RC_OK;
    if (rc != RC_OK) {
        st->rc = st->rc == RC_OK ? rc : st->rc;
        return;
    }
    stmt_z(st, name_types[name->type]);
    stmt_text(st, name->value, NAME_URI_MAX);
    st->place++;
    if (name->type == STORE_NAME_DNS)
        bound(st, sqlite3_bind_text(st->s, st->place, reversed, -1, SQLITE_TRANSIENT));
    st->place++;
    if (name->type == STORE_NAME_IP)
        bound(st, sqlite3_bind_blob(st->s, st->place, addr.b, addr.n, SQLITE_TRANSIENT));
}

static enum rc step(struct stmt *st, int *out_code)
{
    TRY(st->rc);
    *out_code = sqlite3_step(st->s);
    return sql_rc(st->db, *out_code);
}

enum rc stmt_run(struct stmt *st)
{
    int code;

    TRY(step(st, &code));
    sqlite3_reset(st->s);
    sqlite3_clear_bindings(st->s);
    st->place = 0;
    return RC_OK;
}

uint64_t stmt_changes(const struct stmt *st)
{
    return (uint64_t)sqlite3_changes64(st->db->c);
}

enum rc stmt_change(struct stmt *st)
{
    TRY(stmt_run(st));
    return stmt_changes(st) ? RC_OK : RC_NOTFOUND;
}

enum rc stmt_next(struct stmt *st)
{
    int code;

    TRY(step(st, &code));
    return code == SQLITE_ROW ? RC_OK : RC_NOTFOUND;
}

struct row row_of(struct stmt *st, struct arena *a)
{
    return (struct row){.st = st, .a = a, .rc = RC_OK};
}

int64_t row_int(struct row *r)
{
    return sqlite3_column_int64(r->st->s, r->column++);
}

/* Borrowed until the next step. SQLite converts to text or bytes in memory of its own, which may
 * run out. */
static struct str column(struct row *r)
{
    int at = r->column++;
    const void *p;

    if (sqlite3_column_type(r->st->s, at) == SQLITE_NULL)
        return (struct str){NULL, 0};
    p = sqlite3_column_blob(r->st->s, at);
    if (!p && sqlite3_errcode(r->st->db->c) == SQLITE_NOMEM && r->rc == RC_OK)
        r->rc = RC_NOMEM;
    return p ? str_bytes(p, (size_t)sqlite3_column_bytes(r->st->s, at)) : (struct str){NULL, 0};
}

struct str row_str(struct row *r)
{
    struct str s = column(r);
    struct str copy = {NULL, 0};

    if (s.n && r->rc == RC_OK)
        r->rc = arena_str(r->a, s, &copy);
    return copy;
}

struct id row_id(struct row *r)
{
    struct str s = column(r);
    struct id id = {};

    if (s.n && r->rc == RC_OK && id_parse(s, &id) != RC_OK)
        r->rc = RC_CORRUPT;
    return id;
}

struct store_hash row_hash(struct row *r)
{
    struct str s = column(r);
    struct store_hash hash = {};

    if (s.n == STORE_SHA256)
        memcpy(hash.b, s.p, STORE_SHA256);
    else if (r->rc == RC_OK)
        r->rc = RC_CORRUPT;
    return hash;
}

struct addr row_addr(struct row *r)
{
    struct str s = column(r);
    struct addr addr = {};

    if (s.n && r->rc == RC_OK && addr_from_bytes(s, &addr) != RC_OK)
        r->rc = RC_CORRUPT;
    return addr;
}

int row_enum(struct row *r, const char *const *texts, int n)
{
    struct str s = column(r);

    for (int i = 0; i < n; i++)
        if (str_eq(s, str_of(texts[i])))
            return i;
    if (r->rc == RC_OK)
        r->rc = RC_CORRUPT;
    return 0;
}

struct store_name row_name(struct row *r)
{
    struct store_name name = {.type =
                                  (enum store_name_type)row_enum(r, name_types, STORE_NAME_TYPES)};

    name.value = row_str(r);
    return name;
}

enum rc stmt_move(struct stmt *st, struct store_txn *txn, const char *exists, const struct id *id)
{
    CLEANUP(stmt_done) struct stmt why = {};
    enum rc rc = stmt_change(st);

    if (rc != RC_NOTFOUND)
        return rc;
    TRY(stmt_open(&why, txn, exists));
    stmt_id(&why, id);
    TRY(stmt_next(&why));
    return RC_CONFLICT;
}
