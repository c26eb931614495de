/* SPDX-License-Identifier: Apache-2.0 */
#include "store/authorizations.h"

#include "store/challenges_int.h"
#include "store/sql_int.h"

#define EXISTS "SELECT 1 FROM authorizations WHERE id = ?"
#define COLUMNS                                                                                    \
    "id, account, type, value, wildcard, status, expires, created, validated, evidence,"           \
    " ahead, subdomains"

static const char *const statuses[STORE_AUTHORIZATION_STATUSES] = {
    [STORE_AUTHORIZATION_PENDING] = "pending", [STORE_AUTHORIZATION_VALID] = "valid",
    [STORE_AUTHORIZATION_INVALID] = "invalid", [STORE_AUTHORIZATION_DEACTIVATED] = "deactivated",
    [STORE_AUTHORIZATION_EXPIRED] = "expired", [STORE_AUTHORIZATION_REVOKED] = "revoked",
};

const char *store_authorization_status_text(enum store_authorization_status status)
{
    return statuses[status];
}

enum rc store_authorization_add(struct store_txn *txn, const struct store_authorization *z)
{
    CLEANUP(stmt_done) struct stmt st = {};

    if (z->n_challenges > STORE_CHALLENGES_MAX)
        return RC_TOOBIG;
    if (z->name.type == STORE_NAME_DNS && name_is_wildcard(z->name.value))
        return RC_INVAL;
    TRY(stmt_open(&st, txn,
                  "INSERT INTO authorizations (id, account, type, value, reversed, address,"
                  " wildcard, status, expires, created, validated, evidence, ahead, subdomains)"
                  " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    stmt_id(&st, &z->id);
    stmt_id(&st, &z->account);
    stmt_name(&st, &z->name);
    stmt_int(&st, z->wildcard);
    stmt_z(&st, statuses[z->status]);
    stmt_when(&st, z->expires);
    stmt_when(&st, z->created);
    stmt_when(&st, z->validated);
    stmt_text(&st, z->evidence, STORE_BLOB_MAX);
    stmt_int(&st, z->ahead);
    stmt_int(&st, z->subdomains);
    TRY(stmt_run(&st));
    return challenges_add(txn, &z->id, z->challenges, z->n_challenges);
}

static enum rc read_row(struct stmt *st, struct store_txn *txn, struct arena *a, void *out)
{
    struct row r = row_of(st, a);
    struct store_authorization z = {};

    z.id = row_id(&r);
    z.account = row_id(&r);
    z.name = row_name(&r);
    z.wildcard = row_int(&r) != 0;
    z.status =
        (enum store_authorization_status)row_enum(&r, statuses, STORE_AUTHORIZATION_STATUSES);
    z.expires = row_int(&r);
    z.created = row_int(&r);
    z.validated = row_int(&r);
    z.evidence = row_str(&r);
    z.ahead = row_int(&r) != 0;
    z.subdomains = row_int(&r) != 0;
    TRY(r.rc);
    TRY(challenges_of(txn, a, &z.id, &z.challenges, &z.n_challenges));
    *(struct store_authorization *)out = z;
    return RC_OK;
}

static enum rc get(struct store_txn *txn, struct arena *a, const char *sql, const struct id *id,
                   struct store_authorization *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, sql));
    stmt_id(&st, id);
    TRY(stmt_next(&st));
    return read_row(&st, txn, a, out);
}

enum rc store_authorization_get(struct store_txn *txn, struct arena *a, const struct id *id,
                                struct store_authorization *out)
{
    return get(txn, a, "SELECT " COLUMNS " FROM authorizations WHERE id = ?", id, out);
}

enum rc store_authorization_of(struct store_txn *txn, struct arena *a, const struct id *challenge,
                               struct store_authorization *out)
{
    return get(txn, a,
               "SELECT " COLUMNS " FROM authorizations WHERE n ="
               " (SELECT authorization FROM challenges WHERE id = ?)",
               challenge, out);
}

enum rc store_authorization_move(struct store_txn *txn, const struct id *id,
                                 enum store_authorization_status from,
                                 enum store_authorization_status to)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "UPDATE authorizations SET status = ? WHERE id = ? AND status = ?"));
    stmt_z(&st, statuses[to]);
    stmt_id(&st, id);
    stmt_z(&st, statuses[from]);
    return stmt_move(&st, txn, EXISTS, id);
}

enum rc store_authorization_validate(struct store_txn *txn, const struct id *id, when_t now,
                                     when_t expires)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE authorizations SET status = 'valid', validated = ?, expires = ?"
                  " WHERE id = ? AND status = 'pending'"));
    stmt_when(&st, now);
    stmt_when(&st, expires);
    stmt_id(&st, id);
    return stmt_move(&st, txn, EXISTS, id);
}

static void conditions(struct query *q, const struct store_authorization_filter *f)
{
    query_id(q, " AND account = ?", &f->account);
    if (f->name) {
        query_str(q, " AND type = ?", str_of(store_name_type_text(f->name->type)));
        query_str(q, " AND value = ?", f->name->value);
        buf_putz(&q->sql, f->wildcard ? " AND wildcard = 1" : " AND wildcard = 0");
    }
    if (f->ahead)
        buf_putz(&q->sql, " AND ahead = 1");
    if (f->subdomains)
        buf_putz(&q->sql, " AND subdomains = 1");
    query_statuses(q, "status", f->statuses, statuses, STORE_AUTHORIZATION_STATUSES);
    query_int(q, " AND validated > ?", f->validated_after);
    query_int(q, " AND expires < ?", f->expires_before);
    query_int(q, " AND expires > ?", f->expires_after);
}

enum rc store_authorization_list(struct store_txn *txn, struct arena *a,
                                 const struct store_authorization_filter *f,
                                 struct store_cursor *at, struct store_authorization **out,
                                 size_t *out_n)
{
    static const struct rows rows = {sizeof(struct store_authorization),
                                     offsetof(struct store_authorization, id),
                                     offsetof(struct store_authorization, expires), read_row};
    CLEANUP(query_done) struct query q = {};
    struct page page = {
        .rows = &rows, .at = at, .column = "expires", .descending = true, .limit = f->limit};

    query_init(&q, "SELECT " COLUMNS " FROM authorizations WHERE 1 = 1");
    conditions(&q, f);
    return query_rows(&q, txn, a, &page, out, out_n);
}

enum rc store_authorization_open(struct store_txn *txn, const struct id *account, when_t now,
                                 uint64_t *out_n, when_t *out_first)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct row r;

    TRY(stmt_open(&st, txn,
                  "SELECT COUNT(*), COALESCE(MIN(expires), 0) FROM (SELECT status, expires"
                  " FROM authorizations WHERE account = ? AND ahead = 1 AND expires > ?"
                  " ORDER BY expires LIMIT ?) WHERE status = 'pending'"));
    stmt_id(&st, account);
    stmt_int(&st, now);
    stmt_int(&st, STORE_OPEN_LOOK);
    TRY(stmt_next(&st));
    r = row_of(&st, NULL);
    *out_n = (uint64_t)row_int(&r);
    *out_first = row_int(&r);
    return r.rc;
}

enum rc store_authorization_count(struct store_txn *txn, const struct store_authorization_filter *f,
                                  uint64_t *out)
{
    CLEANUP(query_done) struct query q = {};

    query_init(&q, "SELECT COUNT(*) FROM authorizations WHERE 1 = 1");
    conditions(&q, f);
    return query_count(&q, txn, out);
}
