/* SPDX-License-Identifier: Apache-2.0 */
#include "store/alerts.h"

#include "store/sql_int.h"

#define COLUMNS                                                                                    \
    "n, id, key, kind, severity, object, summary, action, owner, team, ends, started, updated,"    \
    " resolved, acked, acked_by, acked_why, acked_severity, next"
#define OPEN "SELECT " COLUMNS " FROM alerts WHERE resolved IS NULL"
#define SILENCE "n, id, kind, object, owner, until, reason, set_by, set_at, ended, ended_by"

static const char *const severities[STORE_SEVERITIES] = {"warning", "critical"};

const char *store_severity_text(enum store_severity severity)
{
    return severities[severity];
}

static enum rc count_firing(struct store_txn *txn, uint64_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct row r;

    TRY(stmt_open(&st, txn, "SELECT COUNT(*) FROM alerts WHERE resolved IS NULL"));
    TRY(stmt_next(&st));
    r = row_of(&st, NULL);
    *out = (uint64_t)row_int(&r);
    return r.rc;
}

enum rc store_alert_add(struct store_txn *txn, const struct store_alert *alert, uint64_t max)
{
    CLEANUP(stmt_done) struct stmt st = {};
    uint64_t n;

    TRY(count_firing(txn, &n));
    if (n >= max)
        return RC_QUOTA;
    TRY(stmt_open(&st, txn,
                  "INSERT INTO alerts (id, key, kind, severity, object, summary, action, owner,"
                  " team, ends, started, updated, next)"
                  " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    stmt_id(&st, &alert->id);
    stmt_text(&st, alert->key, STORE_ALERT_KEY_MAX);
    stmt_text(&st, alert->kind, STORE_ALERT_KEY_MAX);
    stmt_z(&st, severities[alert->severity]);
    stmt_text(&st, alert->object, STORE_TEXT_MAX);
    stmt_text(&st, alert->summary, STORE_TEXT_MAX);
    stmt_text(&st, alert->action, STORE_TEXT_MAX);
    stmt_text(&st, alert->owner, STORE_TEXT_MAX);
    stmt_text(&st, alert->team, STORE_TEXT_MAX);
    stmt_when(&st, alert->ends);
    stmt_int(&st, alert->started);
    stmt_int(&st, alert->updated);
    stmt_when(&st, alert->next);
    return stmt_run(&st);
}

static enum rc read_row(struct stmt *st, struct arena *a, struct store_alert *out, uint64_t *out_n)
{
    struct row r = row_of(st, a);
    struct store_alert v = {};
    struct str acked_severity;

    v.n = row_int(&r);
    v.id = row_id(&r);
    v.key = row_str(&r);
    v.kind = row_str(&r);
    v.severity = (enum store_severity)row_enum(&r, severities, STORE_SEVERITIES);
    v.object = row_str(&r);
    v.summary = row_str(&r);
    v.action = row_str(&r);
    v.owner = row_str(&r);
    v.team = row_str(&r);
    v.ends = row_int(&r);
    v.started = row_int(&r);
    v.updated = row_int(&r);
    v.resolved = row_int(&r);
    v.acked = row_int(&r);
    v.acked_by = row_str(&r);
    v.acked_why = row_str(&r);
    acked_severity = row_str(&r);
    v.acked_severity = str_eq(acked_severity, STR("critical")) ? STORE_CRITICAL : STORE_WARNING;
    v.next = row_int(&r);
    TRY(r.rc);
    *out = v;
    if (out_n)
        *out_n = (uint64_t)v.n;
    return RC_OK;
}

enum rc store_alert_get(struct store_txn *txn, struct arena *a, const struct id *id,
                        struct store_alert *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT " COLUMNS " FROM alerts WHERE id = ?"));
    stmt_id(&st, id);
    TRY(stmt_next(&st));
    return read_row(&st, a, out, NULL);
}

enum rc store_alert_firing(struct store_txn *txn, struct arena *a, struct str key,
                           struct store_alert *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT " COLUMNS " FROM alerts WHERE key = ? AND resolved IS NULL"));
    stmt_text(&st, key, STORE_ALERT_KEY_MAX);
    TRY(stmt_next(&st));
    return read_row(&st, a, out, NULL);
}

enum rc store_alert_update(struct store_txn *txn, const struct store_alert *alert)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE alerts SET severity = ?, summary = ?, action = ?, owner = ?, team = ?,"
                  " ends = ?, updated = ?, next = ? WHERE id = ?"));
    stmt_z(&st, severities[alert->severity]);
    stmt_text(&st, alert->summary, STORE_TEXT_MAX);
    stmt_text(&st, alert->action, STORE_TEXT_MAX);
    stmt_text(&st, alert->owner, STORE_TEXT_MAX);
    stmt_text(&st, alert->team, STORE_TEXT_MAX);
    stmt_when(&st, alert->ends);
    stmt_int(&st, alert->updated);
    stmt_when(&st, alert->next);
    stmt_id(&st, &alert->id);
    return stmt_change(&st);
}

#define EXISTS "SELECT 1 FROM alerts WHERE id = ?"

enum rc store_alert_resolve(struct store_txn *txn, const struct id *id, when_t now)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE alerts SET resolved = ?, updated = ?, next = ?"
                  " WHERE id = ? AND resolved IS NULL"));
    stmt_int(&st, now);
    stmt_int(&st, now);
    stmt_int(&st, now);
    stmt_id(&st, id);
    return stmt_move(&st, txn, EXISTS, id);
}

enum rc store_alert_ack(struct store_txn *txn, const struct store_alert *alert)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE alerts SET acked = ?, acked_by = ?, acked_why = ?, acked_severity = ?"
                  " WHERE id = ? AND resolved IS NULL"));
    stmt_int(&st, alert->acked);
    stmt_text(&st, alert->acked_by, STORE_TEXT_MAX);
    stmt_text(&st, alert->acked_why, STORE_TEXT_MAX);
    stmt_z(&st, severities[alert->acked_severity]);
    stmt_id(&st, &alert->id);
    return stmt_move(&st, txn, EXISTS, &alert->id);
}

/* ---- what is due */

enum rc store_alert_later(struct store_txn *txn, const struct id *id, when_t next)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "UPDATE alerts SET next = ? WHERE id = ?"));
    stmt_when(&st, next);
    stmt_id(&st, id);
    return stmt_change(&st);
}

/* `out_last`: the row's number in the last one; may be NULL. */
static enum rc read_rows(struct stmt *st, struct arena *a, size_t max, struct store_alert **out,
                         size_t *out_n, uint64_t *out_last)
{
    void *list = NULL;
    size_t n = 0, cap = 0;
    enum rc rc;

    for (rc = stmt_next(st); rc == RC_OK && n < max; rc = stmt_next(st)) {
        TRY(rows_grow(a, sizeof(struct store_alert), max, n, &cap, &list));
        TRY(read_row(st, a, (struct store_alert *)list + n, out_last));
        n++;
    }
    if (out_last && rc == RC_NOTFOUND)
        *out_last = 0;
    *out = list;
    *out_n = n;
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

enum rc store_alert_due(struct store_txn *txn, struct arena *a, when_t now, size_t max,
                        struct store_alert **out, size_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "SELECT " COLUMNS " FROM alerts WHERE next <= ? ORDER BY next, n LIMIT ?"));
    stmt_int(&st, now);
    stmt_int(&st, (int64_t)max);
    return read_rows(&st, a, max, out, out_n, NULL);
}

enum rc store_alert_next(struct store_txn *txn, when_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct row r;

    TRY(stmt_open(&st, txn, "SELECT IFNULL(MIN(next), 0) FROM alerts WHERE next IS NOT NULL"));
    TRY(stmt_next(&st));
    r = row_of(&st, NULL);
    *out = row_int(&r);
    return r.rc;
}

enum rc store_alert_all_due(struct store_txn *txn, when_t now)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "UPDATE alerts SET next = ? WHERE resolved IS NULL"));
    stmt_int(&st, now);
    return stmt_run(&st);
}

/* ---- lists */

enum rc store_alert_list(struct store_txn *txn, struct arena *a,
                         const struct store_alert_filter *filter, struct store_alert **out,
                         size_t *out_n, uint64_t *out_next)
{
    CLEANUP(query_done) struct query q = {};
    CLEANUP(stmt_done) struct stmt st = {};
    unsigned limit = filter->limit ? filter->limit : STORE_ALERTS_PAGE;
    uint64_t last = 0;

    query_init(&q, filter->over ? "SELECT " COLUMNS " FROM alerts WHERE resolved IS NOT NULL"
                   : filter->conditions ? OPEN " AND kind <> 'certificate' AND ends IS NULL"
                                        : OPEN);
    query_str(&q, " AND instr(kind || '.', ? || '.') = 1", filter->kind);
    query_str(&q, " AND owner = ?", filter->owner);
    query_int(&q, filter->over ? " AND n < ?" : " AND n > ?", (int64_t)filter->after);
    query_int(&q, filter->over ? " ORDER BY n DESC LIMIT ?" : " ORDER BY n LIMIT ?",
              (int64_t)limit + 1);
    TRY(query_open(&q, txn, &st));
    TRY(read_rows(&st, a, limit, out, out_n, &last));
    if (out_next)
        *out_next = last;
    return RC_OK;
}

enum rc store_alert_count(struct store_txn *txn, uint64_t out[static STORE_SEVERITIES])
{
    CLEANUP(stmt_done) struct stmt st = {};
    enum rc rc;

    memset(out, 0, STORE_SEVERITIES * sizeof(*out));
    TRY(stmt_open(&st, txn,
                  "SELECT severity, COUNT(*) FROM alerts WHERE resolved IS NULL GROUP BY 1"));
    while ((rc = stmt_next(&st)) == RC_OK) {
        struct row r = row_of(&st, NULL);
        int severity = row_enum(&r, severities, STORE_SEVERITIES);

        TRY(r.rc);
        out[severity] = (uint64_t)row_int(&r);
        TRY(r.rc);
    }
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

enum rc store_alert_prune(struct store_txn *txn, when_t before, unsigned limit)
{
    CLEANUP(stmt_done) struct stmt told = {};
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&told, txn,
                  "DELETE FROM alert_told WHERE alert IN (SELECT n FROM alerts"
                  " WHERE resolved < ? ORDER BY resolved LIMIT ?)"));
    stmt_int(&told, before);
    stmt_int(&told, limit);
    TRY(stmt_run(&told));
    TRY(stmt_open(&st, txn,
                  "DELETE FROM alerts WHERE n IN (SELECT n FROM alerts"
                  " WHERE resolved < ? ORDER BY resolved LIMIT ?)"));
    stmt_int(&st, before);
    stmt_int(&st, limit);
    return stmt_run(&st);
}

/* ---- silences */

enum rc store_silence_add(struct store_txn *txn, const struct store_silence *s)
{
    CLEANUP(stmt_done) struct stmt count = {};
    CLEANUP(stmt_done) struct stmt st = {};
    struct row r;
    int64_t n;

    TRY(stmt_open(&count, txn, "SELECT COUNT(*) FROM silences WHERE ended IS NULL AND until > ?"));
    stmt_int(&count, s->set);
    TRY(stmt_next(&count));
    r = row_of(&count, NULL);
    n = row_int(&r);
    TRY(r.rc);
    if (n >= STORE_SILENCES_MAX)
        return RC_QUOTA;
    TRY(stmt_open(&st, txn,
                  "INSERT INTO silences (id, kind, object, owner, until, reason, set_by, set_at)"
                  " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"));
    stmt_id(&st, &s->id);
    stmt_text(&st, s->kind, STORE_TEXT_MAX);
    stmt_text(&st, s->object, STORE_TEXT_MAX);
    stmt_text(&st, s->owner, STORE_TEXT_MAX);
    stmt_int(&st, s->until);
    stmt_text(&st, s->reason, STORE_TEXT_MAX);
    stmt_text(&st, s->set_by, STORE_TEXT_MAX);
    stmt_int(&st, s->set);
    return stmt_run(&st);
}

enum rc store_silence_end(struct store_txn *txn, const struct id *id, struct str by, when_t now)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE silences SET ended = ?, ended_by = ? WHERE id = ? AND ended IS NULL"));
    stmt_int(&st, now);
    stmt_text(&st, by, STORE_TEXT_MAX);
    stmt_id(&st, id);
    return stmt_move(&st, txn, "SELECT 1 FROM silences WHERE id = ?", id);
}

static enum rc read_silence(struct stmt *st, struct store_txn *, struct arena *a, void *out)
{
    struct row r = row_of(st, a);
    struct store_silence s = {};

    s.n = row_int(&r);
    s.id = row_id(&r);
    s.kind = row_str(&r);
    s.object = row_str(&r);
    s.owner = row_str(&r);
    s.until = row_int(&r);
    s.reason = row_str(&r);
    s.set_by = row_str(&r);
    s.set = row_int(&r);
    s.ended = row_int(&r);
    s.ended_by = row_str(&r);
    TRY(r.rc);
    *(struct store_silence *)out = s;
    return RC_OK;
}

enum rc store_silence_get(struct store_txn *txn, struct arena *a, const struct id *id,
                          struct store_silence *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT " SILENCE " FROM silences WHERE id = ?"));
    stmt_id(&st, id);
    TRY(stmt_next(&st));
    return read_silence(&st, txn, a, out);
}

enum rc store_silence_list(struct store_txn *txn, struct arena *a, when_t now,
                           struct store_silence **out, size_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};
    void *list = NULL;
    size_t n = 0, cap = 0;
    enum rc rc;

    TRY(stmt_open(&st, txn,
                  "SELECT " SILENCE " FROM silences WHERE ended IS NULL AND until > ?"
                  " ORDER BY until"));
    stmt_int(&st, now);
    for (rc = stmt_next(&st); rc == RC_OK && n < STORE_SILENCES_MAX; rc = stmt_next(&st)) {
        TRY(rows_grow(a, sizeof(struct store_silence), STORE_SILENCES_MAX, n, &cap, &list));
        TRY(read_silence(&st, txn, a, (struct store_silence *)list + n));
        n++;
    }
    *out = list;
    *out_n = n;
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

enum rc store_silence_page(struct store_txn *txn, struct arena *a,
                           const struct store_silence_filter *filter, struct store_cursor *at,
                           struct store_silence **out, size_t *out_n)
{
    static const struct rows rows = {.size = sizeof(struct store_silence),
                                     .at = offsetof(struct store_silence, n),
                                     .read = read_silence};
    CLEANUP(query_done) struct query q = {};
    struct page page = {.rows = &rows, .at = at, .numbered = true, .limit = filter->limit};

    query_init(&q, "SELECT " SILENCE " FROM silences WHERE ended IS NULL");
    query_int(&q, " AND until > ?", filter->now);
    return query_rows(&q, txn, a, &page, out, out_n);
}

/* ---- who was told */

enum rc store_alert_tell(struct store_txn *txn, const struct id *alert,
                         const struct store_told *told)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "INSERT INTO alert_told (alert, receiver, rung, at, delivery) VALUES"
                  " ((SELECT n FROM alerts WHERE id = ?), ?, ?, ?,"
                  " (SELECT n FROM deliveries WHERE id = ?)) ON CONFLICT (alert, receiver, rung)"
                  " DO UPDATE SET at = excluded.at, delivery = excluded.delivery"));
    stmt_id(&st, alert);
    stmt_text(&st, told->receiver, STORE_TEXT_MAX);
    stmt_int(&st, told->rung);
    stmt_int(&st, told->at);
    stmt_id(&st, &told->delivery);
    return stmt_run(&st);
}

enum rc store_alert_told(struct store_txn *txn, struct arena *a, const struct id *alert,
                         struct store_told **out, size_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};
    void *list = NULL;
    size_t n = 0, cap = 0;
    enum rc rc;

    TRY(stmt_open(&st, txn,
                  "SELECT t.receiver, t.rung, t.at, d.id FROM alert_told t LEFT JOIN deliveries d"
                  " ON d.n = t.delivery WHERE t.alert = (SELECT n FROM alerts WHERE id = ?)"
                  " ORDER BY t.at, t.receiver"));
    stmt_id(&st, alert);
    for (rc = stmt_next(&st); rc == RC_OK && n < STORE_ALERT_TOLD_MAX; rc = stmt_next(&st)) {
        struct row r = row_of(&st, a);
        struct store_told t = {};

        TRY(rows_grow(a, sizeof(t), STORE_ALERT_TOLD_MAX, n, &cap, &list));
        t.receiver = row_str(&r);
        t.rung = row_int(&r);
        t.at = row_int(&r);
        t.delivery = row_id(&r);
        TRY(r.rc);
        ((struct store_told *)list)[n++] = t;
    }
    *out = list;
    *out_n = n;
    return rc == RC_NOTFOUND ? RC_OK : rc;
}
