/* SPDX-License-Identifier: Apache-2.0 */
#include "store/challenges_int.h"

#include "store/sql_int.h"

#define EXISTS "SELECT 1 FROM challenges WHERE id = ?"
#define SELECT                                                                                     \
    "SELECT c.id, z.id, c.type, c.token, c.status, c.requested, c.validated, c.attempts,"          \
    " c.next_attempt, c.key_thumbprint, c.error, c.evidence FROM challenges c"                     \
    " JOIN authorizations z ON z.n = c.authorization"

static const char *const statuses[STORE_CHALLENGE_STATUSES] = {
    [STORE_CHALLENGE_PENDING] = "pending",
    [STORE_CHALLENGE_PROCESSING] = "processing",
    [STORE_CHALLENGE_VALID] = "valid",
    [STORE_CHALLENGE_INVALID] = "invalid",
};

const char *store_challenge_status_text(enum store_challenge_status status)
{
    return statuses[status];
}

enum rc challenges_add(struct store_txn *txn, const struct id *authorization,
                       const struct store_challenge *list, size_t n)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "INSERT INTO challenges (id, authorization, type, token, status, requested,"
                  " validated, attempts, next_attempt, key_thumbprint, error, evidence, pos)"
                  " VALUES (?, (SELECT n FROM authorizations WHERE id = ?), ?, ?, ?, ?, ?, ?, ?, ?,"
                  " ?, ?, ?)"));
    for (size_t i = 0; i < n; i++) {
        stmt_id(&st, &list[i].id);
        stmt_id(&st, authorization);
        stmt_text(&st, list[i].type, STORE_TEXT_MAX);
        stmt_text(&st, list[i].token, STORE_TEXT_MAX);
        stmt_z(&st, statuses[list[i].status]);
        stmt_when(&st, list[i].requested);
        stmt_when(&st, list[i].validated);
        stmt_int(&st, list[i].attempts);
        stmt_when(&st, list[i].next_attempt);
        stmt_text(&st, list[i].key_thumbprint, STORE_TEXT_MAX);
        stmt_text(&st, list[i].error, STORE_BLOB_MAX);
        stmt_text(&st, list[i].evidence, STORE_BLOB_MAX);
        stmt_int(&st, (int64_t)i);
        TRY(stmt_run(&st));
    }
    return RC_OK;
}

static enum rc read_row(struct stmt *st, struct arena *a, struct store_challenge *out)
{
    struct row r = row_of(st, a);
    struct store_challenge c = {};

    c.id = row_id(&r);
    c.authorization = row_id(&r);
    c.type = row_str(&r);
    c.token = row_str(&r);
    c.status = (enum store_challenge_status)row_enum(&r, statuses, STORE_CHALLENGE_STATUSES);
    c.requested = row_int(&r);
    c.validated = row_int(&r);
    c.attempts = (unsigned)row_int(&r);
    c.next_attempt = row_int(&r);
    c.key_thumbprint = row_str(&r);
    c.error = row_str(&r);
    c.evidence = row_str(&r);
    TRY(r.rc);
    *out = c;
    return RC_OK;
}

/* All rows of the statement, `max` at most. */
static enum rc read_rows(struct stmt *st, struct arena *a, size_t max, struct store_challenge **out,
                         size_t *out_n)
{
    void *list = NULL;
    size_t n = 0, cap = 0;
    enum rc rc;

    for (rc = stmt_next(st); rc == RC_OK && n < max; rc = stmt_next(st)) {
        TRY(rows_grow(a, sizeof(**out), max, n, &cap, &list));
        TRY(read_row(st, a, (struct store_challenge *)list + n++));
    }
    if (rc != RC_OK && rc != RC_NOTFOUND)
        return rc;
    *out = list;
    *out_n = n;
    return RC_OK;
}

/* The authorization's own statement is still open, so both see the same moment. */
enum rc challenges_of(struct store_txn *txn, struct arena *a, const struct id *authorization,
                      const struct store_challenge **out, size_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct store_challenge *list;

    TRY(stmt_open(&st, txn, SELECT " WHERE z.id = ? ORDER BY c.pos"));
    stmt_id(&st, authorization);
    TRY(read_rows(&st, a, STORE_CHALLENGES_MAX, &list, out_n));
    *out = list;
    return RC_OK;
}

enum rc store_challenge_get(struct store_txn *txn, struct arena *a, const struct id *id,
                            struct store_challenge *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, SELECT " WHERE c.id = ?"));
    stmt_id(&st, id);
    TRY(stmt_next(&st));
    return read_row(&st, a, out);
}

enum rc store_challenge_start(struct store_txn *txn, const struct id *id, when_t now, when_t until,
                              struct str key_thumbprint)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE challenges SET status = 'processing', requested = ?, attempts = ?,"
                  " next_attempt = ?, key_thumbprint = ? WHERE id = ? AND status = 'pending'"));
    stmt_when(&st, now);
    stmt_int(&st, until > now);
    stmt_when(&st, until);
    stmt_text(&st, key_thumbprint, STORE_TEXT_MAX);
    stmt_id(&st, id);
    return stmt_move(&st, txn, EXISTS, id);
}

enum rc store_challenge_claim(struct store_txn *txn, const struct id *id, when_t now, when_t until)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE challenges SET attempts = attempts + 1, next_attempt = ?"
                  " WHERE id = ? AND status = 'processing' AND next_attempt <= ?"));
    stmt_when(&st, until);
    stmt_id(&st, id);
    stmt_int(&st, now);
    return stmt_move(&st, txn, EXISTS, id);
}

enum rc store_challenge_retry(struct store_txn *txn, const struct id *id, when_t next_attempt,
                              struct str error, struct str evidence)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE challenges SET next_attempt = ?, error = ?, evidence = ?"
                  " WHERE id = ? AND status = 'processing'"));
    stmt_when(&st, next_attempt);
    stmt_text(&st, error, STORE_BLOB_MAX);
    stmt_text(&st, evidence, STORE_BLOB_MAX);
    stmt_id(&st, id);
    return stmt_move(&st, txn, EXISTS, id);
}

enum rc store_challenge_finish(struct store_txn *txn, const struct id *id,
                               enum store_challenge_status to, when_t now, struct str error,
                               struct str evidence)
{
    CLEANUP(stmt_done) struct stmt st = {};

    if (to != STORE_CHALLENGE_VALID && to != STORE_CHALLENGE_INVALID)
        return RC_INVAL;
    TRY(stmt_open(&st, txn,
                  "UPDATE challenges SET status = ?, validated = ?, error = ?, evidence = ?,"
                  " next_attempt = NULL WHERE id = ? AND status = 'processing'"));
    stmt_z(&st, statuses[to]);
    stmt_when(&st, to == STORE_CHALLENGE_VALID ? now : 0);
    stmt_text(&st, error, STORE_BLOB_MAX);
    stmt_text(&st, evidence, STORE_BLOB_MAX);
    stmt_id(&st, id);
    return stmt_move(&st, txn, EXISTS, id);
}

enum rc store_challenge_settle(struct store_txn *txn, const struct id *id,
                               const struct store_challenge_outcome *o)
{
    CLEANUP(stmt_done) struct stmt st = {};

    if (o->to != STORE_CHALLENGE_VALID && o->to != STORE_CHALLENGE_INVALID)
        return RC_INVAL;
    TRY(stmt_open(&st, txn,
                  "UPDATE challenges SET status = ?, requested = ?, attempts = 1, validated = ?,"
                  " key_thumbprint = ?, error = ?, evidence = ?"
                  " WHERE id = ? AND status = 'pending'"));
    stmt_z(&st, statuses[o->to]);
    stmt_when(&st, o->requested);
    stmt_when(&st, o->to == STORE_CHALLENGE_VALID ? o->now : 0);
    stmt_text(&st, o->key_thumbprint, STORE_TEXT_MAX);
    stmt_text(&st, o->error, STORE_BLOB_MAX);
    stmt_text(&st, o->evidence, STORE_BLOB_MAX);
    stmt_id(&st, id);
    return stmt_move(&st, txn, EXISTS, id);
}

/* Reads all that is due: what core does not take up at once is little, or it has time. */
enum rc store_challenge_due(struct store_txn *txn, struct arena *a,
                            const struct store_due_filter *f, struct store_due **out, size_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct store_due *list = ARENA_ARRAY(a, struct store_due, f->limit);
    size_t n = 0;
    enum rc rc;

    if (!list)
        return RC_NOMEM;
    TRY(stmt_open(&st, txn,
                  "SELECT id, account FROM (SELECT c.id AS id, z.account AS account,"
                  " ROW_NUMBER() OVER (PARTITION BY z.account ORDER BY c.next_attempt, c.n) AS turn"
                  " FROM challenges c JOIN authorizations z ON z.n = c.authorization"
                  " WHERE c.next_attempt <= ?) AS d WHERE turn <= ?"
                  " ORDER BY turn, account <= ?, account LIMIT ?"));
    stmt_int(&st, f->now);
    stmt_int(&st, f->share);
    stmt_text(&st, id_str(&f->after), STORE_TEXT_MAX);
    stmt_int(&st, f->limit);
    for (rc = stmt_next(&st); rc == RC_OK && n < f->limit; rc = stmt_next(&st)) {
        struct row r = row_of(&st, a);

        list[n].challenge = row_id(&r);
        list[n++].account = row_id(&r);
        TRY(r.rc);
    }
    if (rc != RC_OK && rc != RC_NOTFOUND)
        return rc;
    *out = list;
    *out_n = n;
    return RC_OK;
}

enum rc store_challenge_next(struct store_txn *txn, when_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "SELECT next_attempt FROM challenges WHERE next_attempt IS NOT NULL"
                  " ORDER BY next_attempt LIMIT 1"));
    TRY(stmt_next(&st));
    *out = sqlite3_column_int64(st.s, 0);
    return RC_OK;
}
