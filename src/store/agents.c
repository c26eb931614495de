/* SPDX-License-Identifier: Apache-2.0 */
#include "store/agents.h"

#include "store/sql_int.h"

#define TOKEN "n, id, digest, name, created, created_by, expires, used, revoked"
#define AGENT                                                                                      \
    "n, id, name, spki, token, enrolled, enrolled_by, certified, removed, certificate, address,"   \
    " reported, program, certificates, failing, unproven, next, skew, asked"
#define AGENT_EXISTS "SELECT 1 FROM agents WHERE id = ?"
#define TOKEN_EXISTS "SELECT 1 FROM agent_tokens WHERE id = ?"
#define USABLE "used IS NULL AND revoked IS NULL AND expires > ?"

#define TOKENS_KEPT (30 * WHEN_DAY)

static enum rc count(struct stmt *st, uint64_t *out)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1024);
    struct row r;

    TRY(stmt_next(st));
    r = row_of(st, &a);
    *out = (uint64_t)row_int(&r);
    return r.rc;
}

/* ---- tokens */

static enum rc forget_tokens(struct store_txn *txn, when_t now)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "DELETE FROM agent_tokens WHERE used IS NULL AND expires < ?"));
    stmt_when(&st, now - TOKENS_KEPT);
    return stmt_run(&st);
}

static enum rc check_tokens(struct store_txn *txn, when_t now)
{
    CLEANUP(stmt_done) struct stmt st = {};
    uint64_t n;

    TRY(stmt_open(&st, txn, "SELECT count(*) FROM agent_tokens WHERE " USABLE));
    stmt_when(&st, now);
    TRY(count(&st, &n));
    return n < STORE_AGENT_TOKENS_MAX ? RC_OK : RC_QUOTA;
}

enum rc store_agent_token_add(struct store_txn *txn, const struct store_agent_token *token)
{
    CLEANUP(stmt_done) struct stmt st = {};

    if (token->expires <= token->created)
        return RC_INVAL;
    TRY(forget_tokens(txn, token->created));
    TRY(check_tokens(txn, token->created));
    TRY(stmt_open(&st, txn,
                  "INSERT INTO agent_tokens (id, digest, name, created, created_by, expires)"
                  " VALUES (?, ?, ?, ?, ?, ?)"));
    stmt_id(&st, &token->id);
    stmt_hash(&st, &token->digest);
    stmt_text(&st, token->name, STORE_TEXT_MAX);
    stmt_when(&st, token->created);
    stmt_text(&st, token->created_by, STORE_TEXT_MAX);
    stmt_when(&st, token->expires);
    return stmt_run(&st);
}

static enum rc read_token(struct stmt *st, struct arena *a, struct store_agent_token *out)
{
    struct row r = row_of(st, a);
    struct store_agent_token t = {};

    t.n = row_int(&r);
    t.id = row_id(&r);
    t.digest = row_hash(&r);
    t.name = row_str(&r);
    t.created = row_int(&r);
    t.created_by = row_str(&r);
    t.expires = row_int(&r);
    t.used = row_int(&r);
    t.revoked = row_int(&r);
    TRY(r.rc);
    *out = t;
    return RC_OK;
}

enum rc store_agent_token_find(struct store_txn *txn, struct arena *a,
                               const struct store_hash *digest, struct store_agent_token *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT " TOKEN " FROM agent_tokens WHERE digest = ?"));
    stmt_hash(&st, digest);
    TRY(stmt_next(&st));
    return read_token(&st, a, out);
}

enum rc store_agent_token_get(struct store_txn *txn, struct arena *a, const struct id *id,
                              struct store_agent_token *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT " TOKEN " FROM agent_tokens WHERE id = ?"));
    stmt_id(&st, id);
    TRY(stmt_next(&st));
    return read_token(&st, a, out);
}

enum rc store_agent_token_list(struct store_txn *txn, struct arena *a, when_t now,
                               struct store_agent_token **out, size_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};
    void *list = NULL;
    size_t n = 0, cap = 0;
    enum rc rc;

    TRY(stmt_open(&st, txn,
                  "SELECT " TOKEN " FROM agent_tokens WHERE " USABLE " ORDER BY n DESC LIMIT ?"));
    stmt_when(&st, now);
    stmt_int(&st, STORE_AGENT_TOKENS_LIST);
    for (rc = stmt_next(&st); rc == RC_OK; rc = stmt_next(&st)) {
        TRY(rows_grow(a, sizeof(struct store_agent_token), STORE_AGENT_TOKENS_LIST, n, &cap,
                      &list));
        TRY(read_token(&st, a, (struct store_agent_token *)list + n));
        n++;
    }
    *out = list;
    *out_n = n;
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

static enum rc read_of_page(struct stmt *st, struct store_txn *, struct arena *a, void *out)
{
    return read_token(st, a, out);
}

enum rc store_agent_token_page(struct store_txn *txn, struct arena *a,
                               const struct store_agent_token_filter *filter,
                               struct store_cursor *at, struct store_agent_token **out,
                               size_t *out_n)
{
    static const struct rows rows = {.size = sizeof(struct store_agent_token),
                                     .at = offsetof(struct store_agent_token, n),
                                     .read = read_of_page};
    CLEANUP(query_done) struct query q = {};
    struct page asked = {
        .rows = &rows, .at = at, .numbered = true, .descending = true, .limit = filter->limit};

    query_init(&q, "SELECT " TOKEN " FROM agent_tokens WHERE used IS NULL AND revoked IS NULL");
    query_int(&q, " AND expires > ?", filter->now);
    return query_rows(&q, txn, a, &asked, out, out_n);
}

enum rc store_agent_token_use(struct store_txn *txn, const struct id *id, when_t now)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "UPDATE agent_tokens SET used = ? WHERE id = ? AND " USABLE));
    stmt_when(&st, now);
    stmt_id(&st, id);
    stmt_when(&st, now);
    return stmt_move(&st, txn, TOKEN_EXISTS, id);
}

enum rc store_agent_token_revoke(struct store_txn *txn, const struct id *id, when_t now)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "UPDATE agent_tokens SET revoked = ? WHERE id = ? AND " USABLE));
    stmt_when(&st, now);
    stmt_id(&st, id);
    stmt_when(&st, now);
    return stmt_move(&st, txn, TOKEN_EXISTS, id);
}

/* ---- agents */

static enum rc check_agents(struct store_txn *txn)
{
    CLEANUP(stmt_done) struct stmt st = {};
    uint64_t n;

    TRY(stmt_open(&st, txn, "SELECT count(*) FROM agents WHERE removed IS NULL"));
    TRY(count(&st, &n));
    return n < STORE_AGENTS_MAX ? RC_OK : RC_QUOTA;
}

enum rc store_agent_add(struct store_txn *txn, const struct store_agent *agent)
{
    CLEANUP(stmt_done) struct stmt st = {};

    if (agent->name.n == 0)
        return RC_INVAL;
    TRY(check_agents(txn));
    TRY(stmt_open(&st, txn,
                  "INSERT INTO agents (id, name, spki, token, enrolled, enrolled_by, certified,"
                  " heard) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"));
    stmt_id(&st, &agent->id);
    stmt_text(&st, agent->name, STORE_TEXT_MAX);
    stmt_hash(&st, &agent->spki);
    stmt_id(&st, &agent->token);
    stmt_when(&st, agent->enrolled);
    stmt_text(&st, agent->enrolled_by, STORE_TEXT_MAX);
    stmt_when(&st, agent->enrolled);
    stmt_when(&st, agent->enrolled);
    return stmt_run(&st);
}

static enum rc read_agent(struct stmt *st, struct arena *a, bool whole, struct store_agent *out)
{
    struct row r = row_of(st, a);
    struct store_agent g = {};

    g.n = row_int(&r);
    g.id = row_id(&r);
    g.name = row_str(&r);
    g.spki = row_hash(&r);
    g.token = row_id(&r);
    g.enrolled = row_int(&r);
    g.enrolled_by = row_str(&r);
    g.certified = row_int(&r);
    g.removed = row_int(&r);
    g.certificate = row_id(&r);
    g.address = row_addr(&r);
    g.reported = row_int(&r);
    g.summary.program = row_str(&r);
    g.summary.certificates = (uint64_t)row_int(&r);
    g.summary.failing = (uint64_t)row_int(&r);
    g.summary.unproven = (uint64_t)row_int(&r);
    g.summary.next = row_int(&r);
    g.summary.skew = row_int(&r);
    g.asked = row_int(&r);
    if (whole)
        g.report = row_str(&r);
    TRY(r.rc);
    *out = g;
    return RC_OK;
}

enum rc store_agent_get(struct store_txn *txn, struct arena *a, const struct id *id,
                        struct store_agent *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT " AGENT ", report FROM agents WHERE id = ?"));
    stmt_id(&st, id);
    TRY(stmt_next(&st));
    return read_agent(&st, a, true, out);
}

enum rc store_agent_by_token(struct store_txn *txn, struct arena *a, const struct id *token,
                             struct store_agent *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT " AGENT " FROM agents WHERE token = ?"));
    stmt_id(&st, token);
    TRY(stmt_next(&st));
    return read_agent(&st, a, false, out);
}

enum rc store_agent_find(struct store_txn *txn, struct arena *a, struct str name,
                         struct store_agent *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "SELECT " AGENT ", report FROM agents WHERE name = ? AND removed IS NULL"));
    stmt_text(&st, name, STORE_TEXT_MAX);
    TRY(stmt_next(&st));
    return read_agent(&st, a, true, out);
}

/* The report goes with it: it would show a state that nobody keeps true. */
enum rc store_agent_remove(struct store_txn *txn, const struct id *id, when_t now)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE agents SET removed = ?, report = NULL"
                  " WHERE id = ? AND removed IS NULL"));
    stmt_when(&st, now);
    stmt_id(&st, id);
    return stmt_move(&st, txn, AGENT_EXISTS, id);
}

static enum rc check_pause(struct store_txn *txn, const struct id *id, when_t since)
{
    CLEANUP(stmt_done) struct stmt st = {};
    uint64_t n;

    TRY(stmt_open(&st, txn, "SELECT count(*) FROM agents WHERE id = ? AND certified > ?"));
    stmt_id(&st, id);
    stmt_when(&st, since);
    TRY(count(&st, &n));
    return n ? RC_AGAIN : RC_OK;
}

enum rc store_agent_certify(struct store_txn *txn, const struct id *id,
                            const struct store_hash *spki, when_t now, when_t pause)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(check_pause(txn, id, now - pause));
    TRY(stmt_open(&st, txn,
                  "UPDATE agents SET certified = ?, spki = ? WHERE id = ? AND removed IS NULL"));
    stmt_when(&st, now);
    stmt_hash(&st, spki);
    stmt_id(&st, id);
    return stmt_move(&st, txn, AGENT_EXISTS, id);
}

enum rc store_agent_ask(struct store_txn *txn, const struct id *id, when_t now)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "UPDATE agents SET asked = ? WHERE id = ? AND removed IS NULL"));
    stmt_when(&st, now);
    stmt_id(&st, id);
    return stmt_move(&st, txn, AGENT_EXISTS, id);
}

enum rc store_agent_report(struct store_txn *txn, const struct store_agent *agent, when_t heard)
{
    CLEANUP(stmt_done) struct stmt st = {};
    const struct store_agent_summary *s = &agent->summary;

    TRY(stmt_open(&st, txn,
                  "UPDATE agents SET certificate = ?, address = ?, reported = ?, heard = ?,"
                  " program = ?, certificates = ?, failing = ?, unproven = ?, next = ?, skew = ?,"
                  " report = ?, asked = CASE WHEN asked = ? THEN NULL ELSE asked END"
                  " WHERE id = ? AND removed IS NULL"));
    stmt_id(&st, &agent->certificate);
    stmt_addr(&st, &agent->address);
    stmt_when(&st, agent->reported);
    stmt_when(&st, agent->reported);
    stmt_text(&st, s->program, STORE_TEXT_MAX);
    stmt_int(&st, (int64_t)s->certificates);
    stmt_int(&st, (int64_t)s->failing);
    stmt_int(&st, (int64_t)s->unproven);
    stmt_when(&st, s->next);
    stmt_int(&st, s->skew);
    stmt_text(&st, agent->report, STORE_REPORT_MAX);
    stmt_when(&st, heard);
    stmt_id(&st, &agent->id);
    return stmt_move(&st, txn, AGENT_EXISTS, &agent->id);
}

/* ---- several of them */

static enum rc read_agents(struct stmt *st, struct arena *a, struct store_agent **out,
                           size_t *out_n)
{
    void *list = NULL;
    size_t n = 0, cap = 0;
    enum rc rc;

    for (rc = stmt_next(st); rc == RC_OK; rc = stmt_next(st)) {
        TRY(rows_grow(a, sizeof(struct store_agent), STORE_PAGE_MAX, n, &cap, &list));
        TRY(read_agent(st, a, false, (struct store_agent *)list + n));
        n++;
    }
    *out = list;
    *out_n = n;
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

static unsigned page(unsigned limit)
{
    return limit && limit < STORE_PAGE_MAX ? limit : STORE_PAGE_MAX;
}

enum rc store_agent_list(struct store_txn *txn, struct arena *a, struct store_cursor *at,
                         unsigned limit, struct store_agent **out, size_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "SELECT " AGENT " FROM agents WHERE removed IS NULL AND n > ?"
                  " ORDER BY n LIMIT ?"));
    stmt_int(&st, at->at);
    stmt_int(&st, page(limit));
    TRY(read_agents(&st, a, out, out_n));
    at->end = *out_n < page(limit);
    if (*out_n)
        at->at = (*out)[*out_n - 1].n;
    return RC_OK;
}

enum rc store_agent_silent(struct store_txn *txn, struct arena *a, when_t before, unsigned limit,
                           struct store_agent **out, size_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "SELECT " AGENT " FROM agents WHERE removed IS NULL AND heard < ?"
                  " ORDER BY heard LIMIT ?"));
    stmt_when(&st, before);
    stmt_int(&st, page(limit));
    return read_agents(&st, a, out, out_n);
}

enum rc store_agent_troubled(struct store_txn *txn, struct arena *a, int64_t skew, unsigned limit,
                             struct store_agent **out, size_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct store_agent *list = ARENA_ARRAY(a, struct store_agent, page(limit));
    enum rc rc = RC_OK;
    size_t n = 0;

    if (!list)
        return RC_NOMEM;
    TRY(stmt_open(&st, txn,
                  "SELECT " AGENT ", report FROM agents WHERE removed IS NULL AND"
                  " (failing > 0 OR unproven > 0 OR abs(skew) > ? OR next < reported - ?)"
                  " ORDER BY n LIMIT ?"));
    stmt_int(&st, skew);
    stmt_int(&st, STORE_AGENT_STUCK);
    stmt_int(&st, page(limit));
    while (n < (size_t)page(limit) && (rc = stmt_next(&st)) == RC_OK)
        TRY(read_agent(&st, a, true, &list[n++]));
    if (rc != RC_OK && rc != RC_NOTFOUND)
        return rc;
    *out = list;
    *out_n = n;
    return RC_OK;
}

static enum rc count_where(struct store_txn *txn, const char *sql, when_t before, uint64_t *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, sql));
    if (before)
        stmt_when(&st, before);
    return count(&st, out);
}

enum rc store_agent_count(struct store_txn *txn, when_t before, struct store_agent_counts *out)
{
    struct store_agent_counts c = {};

    TRY(count_where(txn, "SELECT count(*) FROM agents WHERE removed IS NULL", 0, &c.agents));
    TRY(count_where(txn, "SELECT count(*) FROM agents WHERE removed IS NULL AND heard < ?", before,
                    &c.silent));
    TRY(count_where(txn, "SELECT count(*) FROM agents WHERE removed IS NULL AND failing > 0", 0,
                    &c.failing));
    *out = c;
    return RC_OK;
}

enum rc store_agent_reports(struct store_txn *txn, when_t since, unsigned limit,
                            enum rc (*fn)(void *arg, struct str report), void *arg)
{
    CLEANUP(stmt_done) struct stmt st = {};
    enum rc rc;

    TRY(stmt_open(&st, txn,
                  "SELECT report FROM agents WHERE removed IS NULL AND heard >= ?"
                  " AND report IS NOT NULL ORDER BY heard DESC LIMIT ?"));
    stmt_int(&st, since);
    stmt_int(&st, page(limit));
    for (rc = stmt_next(&st); rc == RC_OK; rc = stmt_next(&st)) {
        CLEANUP(arena_done) struct arena each = ARENA_INIT(2 * STORE_REPORT_MAX);
        struct row r = row_of(&st, &each);
        struct str report = row_str(&r);

        TRY(r.rc);
        TRY(fn(arg, report));
    }
    return rc == RC_NOTFOUND ? RC_OK : rc;
}
