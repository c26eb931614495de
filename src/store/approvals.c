/* SPDX-License-Identifier: Apache-2.0 */
#include "store/approvals.h"

#include "store/sql_int.h"

#define HEAD                                                                                       \
    "id, action, what, digest, asked_by, asked, expires, state, decided_by, decided, approvers,"   \
    " reason, scope, due, used, account, order_id, client, profile, key, rules, names,"            \
    " (SELECT COUNT(*) FROM approval_votes WHERE approval = approvals.id AND granted = 1), "
#define COLUMNS HEAD "csr, evidence"
#define EXISTS "SELECT 1 FROM approvals WHERE id = ?"

static const char *const states[STORE_APPROVAL_STATES] = {
    [STORE_APPROVAL_PENDING] = "pending",
    [STORE_APPROVAL_GRANTED] = "granted",
    [STORE_APPROVAL_DENIED] = "denied",
    [STORE_APPROVAL_USED] = "used",
};

static const char *const scopes[STORE_APPROVAL_SCOPES] = {
    [STORE_APPROVAL_ONCE] = "once",
    [STORE_APPROVAL_RENEWALS] = "renewals",
    [STORE_APPROVAL_PERIOD] = "period",
};

const char *store_approval_scope_text(enum store_approval_scope scope)
{
    return scopes[scope];
}

const char *store_approval_state_text(enum store_approval_state state)
{
    return states[state];
}

/* What an order that waits brings along: the places from `order_id` on. */
static void bind_wait(struct stmt *st, const struct store_approval *a)
{
    stmt_id(st, &a->order);
    stmt_addr(st, &a->client);
    stmt_text(st, a->rules, STORE_BLOB_MAX);
    stmt_blob(st, a->csr, STORE_APPROVAL_CSR_MAX);
    stmt_text(st, a->evidence, STORE_BLOB_MAX);
}

enum rc store_approval_add(struct store_txn *txn, const struct store_approval *a)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "INSERT INTO approvals (id, action, what, digest, asked_by, asked, expires,"
                  " state, decided_by, decided, approvers, reason, scope, due, used, account,"
                  " profile, key, names, order_id, client, rules, csr, evidence) VALUES"
                  " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    stmt_id(&st, &a->id);
    stmt_text(&st, a->action, STORE_TEXT_MAX);
    stmt_text(&st, a->what, STORE_TEXT_MAX);
    stmt_hash(&st, &a->digest);
    stmt_int(&st, a->asked_by);
    stmt_when(&st, a->asked);
    stmt_when(&st, a->expires);
    stmt_z(&st, states[a->state]);
    stmt_int(&st, a->decided_by);
    stmt_int(&st, a->decided);
    stmt_int(&st, a->approvers ? a->approvers : 1);
    stmt_text(&st, a->reason, STORE_TEXT_MAX);
    stmt_z(&st, scopes[a->scope]);
    stmt_when(&st, a->due);
    stmt_int(&st, (int64_t)a->used);
    stmt_id(&st, &a->account);
    stmt_text(&st, a->profile, STORE_TEXT_MAX);
    stmt_text(&st, a->key, STORE_TEXT_MAX);
    stmt_text(&st, a->names, STORE_BLOB_MAX);
    bind_wait(&st, a);
    return stmt_run(&st);
}

static enum rc read_row(struct stmt *st, struct arena *arena, bool whole,
                        struct store_approval *out)
{
    struct row r = row_of(st, arena);
    struct store_approval a = {};

    a.id = row_id(&r);
    a.action = row_str(&r);
    a.what = row_str(&r);
    a.digest = row_hash(&r);
    a.asked_by = row_int(&r);
    a.asked = row_int(&r);
    a.expires = row_int(&r);
    a.state = (enum store_approval_state)row_enum(&r, states, STORE_APPROVAL_STATES);
    a.decided_by = row_int(&r);
    a.decided = row_int(&r);
    a.approvers = (unsigned)row_int(&r);
    a.reason = row_str(&r);
    a.scope = (enum store_approval_scope)row_enum(&r, scopes, STORE_APPROVAL_SCOPES);
    a.due = row_int(&r);
    a.used = (uint64_t)row_int(&r);
    a.account = row_id(&r);
    a.order = row_id(&r);
    a.client = row_addr(&r);
    a.profile = row_str(&r);
    a.key = row_str(&r);
    a.rules = row_str(&r);
    a.names = row_str(&r);
    a.granted = (unsigned)row_int(&r);
    if (whole) {
        a.csr = row_str(&r);
        a.evidence = row_str(&r);
    }
    TRY(r.rc);
    *out = a;
    return RC_OK;
}

enum rc store_approval_get(struct store_txn *txn, struct arena *arena, const struct id *id,
                           struct store_approval *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT " COLUMNS " FROM approvals WHERE id = ?"));
    stmt_id(&st, id);
    TRY(stmt_next(&st));
    return read_row(&st, arena, true, out);
}

enum rc store_approval_find(struct store_txn *txn, struct arena *arena,
                            const struct store_hash *digest, int64_t asked_by, when_t now,
                            struct store_approval *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "SELECT " COLUMNS " FROM approvals WHERE digest = ? AND asked_by = ?"
                  " AND expires > ? AND state IN ('pending', 'granted')"
                  " ORDER BY asked DESC, id DESC LIMIT 1"));
    stmt_hash(&st, digest);
    stmt_int(&st, asked_by);
    stmt_int(&st, now);
    TRY(stmt_next(&st));
    return read_row(&st, arena, true, out);
}

enum rc store_approval_by_order(struct store_txn *txn, struct arena *arena, const struct id *order,
                                struct store_approval *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT " COLUMNS " FROM approvals WHERE order_id = ?"));
    stmt_id(&st, order);
    TRY(stmt_next(&st));
    return read_row(&st, arena, true, out);
}

enum rc store_approval_move(struct store_txn *txn, const struct id *id,
                            enum store_approval_state from, enum store_approval_state to,
                            int64_t by, when_t now)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE approvals SET state = ?, decided_by = CASE WHEN ?1 = 'used'"
                  " THEN decided_by ELSE ? END, decided = CASE WHEN ?1 = 'used' THEN decided"
                  " ELSE ? END WHERE id = ? AND state = ? AND expires > ?"));
    stmt_z(&st, states[to]);
    stmt_int(&st, by);
    stmt_int(&st, now);
    stmt_id(&st, id);
    stmt_z(&st, states[from]);
    stmt_int(&st, now);
    return stmt_move(&st, txn, EXISTS, id);
}

/* ---- the persons */

enum rc store_approval_vote(struct store_txn *txn, const struct id *id,
                            const struct store_approval_vote *vote, uint64_t *out_granted)
{
    CLEANUP(stmt_done) struct stmt st = {};
    CLEANUP(stmt_done) struct stmt count = {};
    struct row r;
    enum rc rc;

    TRY(stmt_open(&st, txn,
                  "INSERT INTO approval_votes (approval, by, at, granted, reason, scope, until)"
                  " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (approval, by) DO UPDATE SET"
                  " at = excluded.at, granted = excluded.granted, reason = excluded.reason,"
                  " scope = excluded.scope, until = excluded.until"
                  " WHERE granted <> excluded.granted"));
    stmt_id(&st, id);
    stmt_int(&st, vote->by);
    stmt_int(&st, vote->at);
    stmt_int(&st, vote->grant);
    stmt_text(&st, vote->reason, STORE_TEXT_MAX);
    stmt_z(&st, scopes[vote->scope]);
    stmt_when(&st, vote->until);
    rc = stmt_change(&st);
    if (rc != RC_OK)
        return rc == RC_NOTFOUND ? RC_EXISTS : rc;
    TRY(stmt_open(&count, txn,
                  "SELECT COUNT(*) FROM approval_votes WHERE approval = ? AND granted = 1"));
    stmt_id(&count, id);
    TRY(stmt_next(&count));
    r = row_of(&count, NULL);
    *out_granted = (uint64_t)row_int(&r);
    return r.rc;
}

enum rc store_approval_votes(struct store_txn *txn, struct arena *arena, const struct id *id,
                             struct store_approval_vote out[static STORE_APPROVAL_VOTES],
                             size_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};
    enum rc rc;

    *out_n = 0;
    TRY(stmt_open(&st, txn,
                  "SELECT by, at, granted, reason, scope, until FROM approval_votes"
                  " WHERE approval = ? ORDER BY n DESC LIMIT 2"));
    stmt_id(&st, id);
    while ((rc = stmt_next(&st)) == RC_OK) {
        struct row r = row_of(&st, arena);
        struct store_approval_vote *v = &out[(*out_n)++];

        v->by = row_int(&r);
        v->at = row_int(&r);
        v->grant = row_int(&r) != 0;
        v->reason = row_str(&r);
        v->scope = (enum store_approval_scope)row_enum(&r, scopes, STORE_APPROVAL_SCOPES);
        v->until = row_int(&r);
        TRY(r.rc);
    }
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

enum rc store_approval_limit(struct store_txn *txn, const struct id *id,
                             enum store_approval_scope scope, when_t expires)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "UPDATE approvals SET scope = ?, expires = ? WHERE id = ?"));
    stmt_z(&st, scopes[scope]);
    stmt_int(&st, expires);
    stmt_id(&st, id);
    return stmt_change(&st);
}

enum rc store_approval_use(struct store_txn *txn, const struct id *id, when_t now)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE approvals SET used = used + 1, state = CASE scope WHEN 'once' THEN 'used'"
                  " ELSE state END WHERE id = ? AND state = 'granted' AND expires > ?"));
    stmt_id(&st, id);
    stmt_int(&st, now);
    return stmt_move(&st, txn, EXISTS, id);
}

/* ---- the order that waits */

enum rc store_approval_wait(struct store_txn *txn, const struct store_approval *a)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE approvals SET order_id = ?, client = ?, rules = ?, csr = ?,"
                  " evidence = ?, due = ?, approvers = ? WHERE id = ? AND state = 'pending'"));
    bind_wait(&st, a);
    stmt_when(&st, a->due);
    stmt_int(&st, a->approvers);
    stmt_id(&st, &a->id);
    return stmt_move(&st, txn, EXISTS, &a->id);
}

enum rc store_approval_end_wait(struct store_txn *txn, const struct id *order)
{
    CLEANUP(stmt_done) struct stmt st = {};
    enum rc rc;

    TRY(stmt_open(&st, txn, "UPDATE approvals SET order_id = NULL WHERE order_id = ?"));
    stmt_id(&st, order);
    rc = stmt_change(&st);
    return rc == RC_NOTFOUND ? RC_CONFLICT : rc;
}

/* ---- what is due */

enum rc store_approval_later(struct store_txn *txn, const struct id *id, when_t due)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "UPDATE approvals SET due = ? WHERE id = ?"));
    stmt_when(&st, due);
    stmt_id(&st, id);
    return stmt_change(&st);
}

enum rc store_approval_due(struct store_txn *txn, when_t now, size_t max, struct id *out,
                           size_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};
    size_t n = 0;
    enum rc rc;

    TRY(stmt_open(&st, txn, "SELECT id FROM approvals WHERE due <= ? ORDER BY due LIMIT ?"));
    stmt_int(&st, now);
    stmt_int(&st, (int64_t)max);
    for (rc = stmt_next(&st); rc == RC_OK && n < max; rc = stmt_next(&st)) {
        struct row r = row_of(&st, NULL);

        out[n++] = row_id(&r);
        TRY(r.rc);
    }
    *out_n = n;
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

enum rc store_approval_next(struct store_txn *txn, when_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct row r;

    TRY(stmt_open(&st, txn, "SELECT IFNULL(MIN(due), 0) FROM approvals WHERE due IS NOT NULL"));
    TRY(stmt_next(&st));
    r = row_of(&st, NULL);
    *out = row_int(&r);
    return r.rc;
}

static enum rc read_head(struct stmt *st, struct store_txn *, struct arena *arena, void *out)
{
    return read_row(st, arena, false, out);
}

enum rc store_approval_list(struct store_txn *txn, struct arena *arena, struct store_cursor *at,
                            unsigned limit, struct store_approval **out, size_t *out_n)
{
    static const struct rows rows = {sizeof(struct store_approval),
                                     offsetof(struct store_approval, id),
                                     offsetof(struct store_approval, asked), read_head};
    CLEANUP(query_done) struct query q = {};
    struct page page = {
        .rows = &rows, .at = at, .column = "asked", .descending = true, .limit = limit};

    query_init(&q, "SELECT " HEAD "1 FROM approvals WHERE 1 = 1");
    return query_rows(&q, txn, arena, &page, out, out_n);
}

/* ---- what waits */

#define WAITS "FROM approvals WHERE state = 'pending' AND expires > ?"

enum rc store_approval_waiting(struct store_txn *txn, when_t now, uint64_t *out_n,
                               when_t *out_first)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct row r;

    TRY(stmt_open(&st, txn, "SELECT COUNT(*), IFNULL(MIN(asked), 0) " WAITS));
    stmt_int(&st, now);
    TRY(stmt_next(&st));
    r = row_of(&st, NULL);
    *out_n = (uint64_t)row_int(&r);
    *out_first = row_int(&r);
    return r.rc;
}

enum rc store_approval_overdue(struct store_txn *txn, struct arena *arena, when_t now, when_t asked,
                               struct store_approval **out, size_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};
    void *list = NULL;
    size_t n = 0, cap = 0;
    enum rc rc;

    TRY(stmt_open(&st, txn, "SELECT " HEAD "1 " WAITS " AND asked <= ? ORDER BY asked LIMIT ?"));
    stmt_int(&st, now);
    stmt_int(&st, asked);
    stmt_int(&st, STORE_APPROVALS_OVERDUE);
    for (rc = stmt_next(&st); rc == RC_OK; rc = stmt_next(&st)) {
        TRY(rows_grow(arena, sizeof(struct store_approval), STORE_APPROVALS_OVERDUE, n, &cap,
                      &list));
        TRY(read_row(&st, arena, false, (struct store_approval *)list + n));
        n++;
    }
    *out = list;
    *out_n = n;
    return rc == RC_NOTFOUND ? RC_OK : rc;
}
