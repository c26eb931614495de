/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "base/text.h"
#include "store/endpoints_int.h"

enum { HEX = 2 * STORE_SHA256, NUMBER = 24, ROW_MEMORY = 64 * 1024 };

static const char *const states[] = {"other", "tls"};

const char *store_endpoint_state_text(enum store_endpoint_state state)
{
    return states[state];
}

/* What of a row can change, as it was. */
struct before {
    int64_t n;
    when_t last_seen;
    enum store_endpoint_state state;
    struct str versions, groups;
    unsigned verdicts;
    bool shown;
    struct str sha256;
};

static enum rc find(struct store_txn *txn, struct arena *a, struct str endpoint, struct before *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct row r;

    TRY(stmt_open(
        &st, txn,
        "SELECT e.n, last_seen, state, versions, offers, verdicts, sha256 FROM endpoints e"
        " LEFT JOIN seen s ON s.n = e.seen WHERE endpoint = ?"));
    stmt_text(&st, endpoint, STORE_ENDPOINT_TEXT);
    TRY(stmt_next(&st));
    r = row_of(&st, a);
    out->n = row_int(&r);
    out->last_seen = row_int(&r);
    out->state = (enum store_endpoint_state)row_enum(&r, states, STORE_ENDPOINT_STATES);
    out->versions = row_str(&r);
    out->groups = row_str(&r);
    out->verdicts = (unsigned)row_int(&r);
    out->sha256 = row_str(&r);
    return r.rc;
}

/* Rows are numbered as they come: as long as the last number is below the limit, nothing has to be
 * counted. */
static enum rc room(struct store_txn *txn)
{
    CLEANUP(stmt_done) struct stmt st = {};
    uint64_t n = 0;
    struct row r;

    TRY(stmt_open(&st, txn, "SELECT MAX(n) FROM endpoints"));
    TRY(stmt_next(&st));
    r = row_of(&st, NULL);
    if (row_int(&r) < STORE_ENDPOINTS_MAX)
        return RC_OK;
    TRY(store_endpoint_count(txn, &n));
    return n < STORE_ENDPOINTS_MAX ? RC_OK : RC_QUOTA;
}

/* The values of what was seen, in the order in which both statements have them. */
static void give(struct stmt *st, const struct store_endpoint *e, int64_t seen)
{
    stmt_z(st, states[e->state]);
    stmt_text(st, e->versions, STORE_TEXT_MAX);
    stmt_text(st, e->groups, STORE_TEXT_MAX);
    stmt_text(st, e->cipher, STORE_TEXT_MAX);
    stmt_int(st, e->verdicts);
    stmt_text(st, e->weak, STORE_TEXT_MAX);
    stmt_text(st, e->why, STORE_TEXT_MAX);
    if (seen)
        stmt_int(st, seen);
    else
        st->place++;
    stmt_when(st, e->shown ? e->seen.not_after : 0);
    stmt_when(st, e->last_seen);
}

#define VALUES_OF_SIGHT                                                                            \
    "state, versions, offers, cipher, verdicts, weak, why, seen, ends, last_seen"

static enum rc add(struct store_txn *txn, const struct store_endpoint *e, int64_t seen)
{
    const struct store_endpoint_change change = {
        .at = e->last_seen, .what = STR("appeared"), .value = e->protocol};
    CLEANUP(stmt_done) struct stmt st = {};
    struct before row = {};

    TRY(room(txn));
    TRY(stmt_open(&st, txn,
                  "INSERT INTO endpoints (" VALUES_OF_SIGHT ", id, endpoint, protocol, address,"
                  " port, name, first_seen, changed)"
                  " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    give(&st, e, seen);
    stmt_id(&st, &e->id);
    stmt_text(&st, e->endpoint, STORE_ENDPOINT_TEXT);
    stmt_text(&st, e->protocol, STORE_TEXT_MAX);
    stmt_addr(&st, &e->address);
    stmt_int(&st, e->port);
    stmt_text(&st, e->name, STORE_TEXT_MAX);
    stmt_when(&st, e->last_seen);
    stmt_when(&st, e->last_seen);
    TRY(stmt_run(&st));
    row.n = sqlite3_last_insert_rowid(txn->db->c);
    return change_put(txn, row.n, &change);
}

/* ---- what has changed */

struct writing {
    struct store_txn *txn;
    int64_t endpoint;
    when_t at;
    bool any;
};

static enum rc compare(struct writing *w, const char *what, struct str old, struct str value)
{
    const struct store_endpoint_change c = {
        .at = w->at, .what = str_of(what), .old = old, .value = value};

    if (str_eq(old, value))
        return RC_OK;
    w->any = true;
    return change_put(w->txn, w->endpoint, &c);
}

static enum rc compare_certificate(struct writing *w, const struct before *b,
                                   const struct store_endpoint *e)
{
    CLEANUP(buf_done) struct buf old = BUF_INIT(HEX), value = BUF_INIT(HEX);

    text_hex(&old, b->sha256);
    if (e->shown)
        text_hex(&value, str_bytes(e->seen.sha256.b, STORE_SHA256));
    TRY(buf_rc(&old));
    TRY(buf_rc(&value));
    return compare(w, "certificate", buf_str(&old), buf_str(&value));
}

static enum rc compare_verdicts(struct writing *w, unsigned old, unsigned value)
{
    char was[NUMBER], is[NUMBER];

    snprintf(was, sizeof(was), "%u", old);
    snprintf(is, sizeof(is), "%u", value);
    return compare(w, "verdicts", str_of(was), str_of(is));
}

static enum rc update(struct store_txn *txn, const struct before *b, const struct store_endpoint *e,
                      int64_t seen)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct writing w = {.txn = txn, .endpoint = b->n, .at = e->last_seen};

    TRY(compare(&w, "state", str_of(states[b->state]), str_of(states[e->state])));
    TRY(compare(&w, "versions", b->versions, e->versions));
    TRY(compare(&w, "groups", b->groups, e->groups));
    TRY(compare_certificate(&w, b, e));
    TRY(compare_verdicts(&w, b->verdicts, e->verdicts));
    TRY(stmt_open(&st, txn,
                  "UPDATE endpoints SET (" VALUES_OF_SIGHT ", changed) ="
                  " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?10, CASE ? WHEN 1 THEN ?10 ELSE changed END)"
                  " WHERE n = ?"));
    give(&st, e, seen);
    stmt_int(&st, w.any);
    stmt_int(&st, b->n);
    return stmt_run(&st);
}

enum rc store_endpoint_see(struct store_txn *txn, const struct store_endpoint *e)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ROW_MEMORY);
    struct store_endpoint now;
    struct before b = {};
    int64_t seen = 0;
    enum rc rc;

    if (!e->endpoint.n || !e->last_seen)
        return RC_INVAL;
    rc = find(txn, &a, e->endpoint, &b);
    if (rc == RC_OK && b.last_seen >= e->last_seen)
        return RC_OK;
    if (rc != RC_OK && rc != RC_NOTFOUND)
        return rc;
    if (e->shown)
        TRY(seen_put(txn, &e->seen, e->last_seen, &seen));
    if (rc == RC_NOTFOUND)
        return add(txn, e, seen);
    now = *e;
    if (e->quick) {
        now.versions = b.versions;
        now.groups = b.groups;
        now.verdicts |= b.verdicts & e->keep;
    }
    return update(txn, &b, &now, seen);
}

/* ---- reading */

#define SELECT                                                                                     \
    "SELECT id, endpoint, protocol, address, port, name, state, versions, offers, cipher,"         \
    " verdicts, weak, why, ends, first_seen, last_seen, changed, owner, service, " SEEN_COLUMNS    \
    " FROM endpoints LEFT JOIN seen ON seen.n = endpoints.seen WHERE 1 = 1"

static enum rc read_row(struct stmt *st, struct store_txn *, struct arena *a, void *out)
{
    struct row r = row_of(st, a);
    struct store_endpoint e = {};

    e.id = row_id(&r);
    e.endpoint = row_str(&r);
    e.protocol = row_str(&r);
    e.address = row_addr(&r);
    e.port = (uint16_t)row_int(&r);
    e.name = row_str(&r);
    e.state = (enum store_endpoint_state)row_enum(&r, states, STORE_ENDPOINT_STATES);
    e.versions = row_str(&r);
    e.groups = row_str(&r);
    e.cipher = row_str(&r);
    e.verdicts = (unsigned)row_int(&r);
    e.weak = row_str(&r);
    e.why = row_str(&r);
    e.not_after = row_int(&r);
    e.first_seen = row_int(&r);
    e.last_seen = row_int(&r);
    e.changed = row_int(&r);
    e.owner = row_str(&r);
    e.service = row_str(&r);
    seen_read(&r, &e.seen, &e.shown);
    TRY(r.rc);
    *(struct store_endpoint *)out = e;
    return RC_OK;
}

enum rc store_endpoint_get(struct store_txn *txn, struct arena *a, struct str endpoint,
                           struct store_endpoint *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, SELECT " AND endpoint = ?"));
    stmt_text(&st, endpoint, STORE_ENDPOINT_TEXT);
    TRY(stmt_next(&st));
    return read_row(&st, txn, a, out);
}

enum rc store_endpoint_list(struct store_txn *txn, struct arena *a,
                            const struct store_endpoint_filter *f, struct store_cursor *at,
                            struct store_endpoint **out, size_t *out_n)
{
    static const struct rows by_first = {sizeof(struct store_endpoint),
                                         offsetof(struct store_endpoint, id),
                                         offsetof(struct store_endpoint, first_seen), read_row};
    static const struct rows by_expiry = {sizeof(struct store_endpoint),
                                          offsetof(struct store_endpoint, id),
                                          offsetof(struct store_endpoint, not_after), read_row};
    CLEANUP(query_done) struct query q = {};
    bool expiry = f->sort == STORE_ENDPOINT_BY_EXPIRY;
    struct page page = {
        .rows = expiry ? &by_expiry : &by_first,
        .at = at,
        .column = expiry ? "ends" : "first_seen",
        .limit = f->limit,
    };

    query_init(&q, SELECT);
    if (expiry)
        buf_putz(&q.sql, " AND ends IS NOT NULL");
    if (f->sha256)
        query_blob(&q, " AND endpoints.seen = (SELECT n FROM seen WHERE sha256 = ?)",
                   str_bytes(f->sha256->b, STORE_SHA256));
    query_blob(&q, " AND address >= ?", addr_bytes(&f->from));
    query_blob(&q, " AND address <= ?", addr_bytes(&f->to));
    query_int(&q, " AND length(address) = ?", f->from.n);
    query_int(&q, " AND port = ?", f->port);
    query_str(&q, " AND protocol = ?", f->protocol);
    query_int(&q, " AND ends < ?", f->not_after_before);
    query_int(&q, " AND last_seen < ?", f->seen_before);
    return query_rows(&q, txn, a, &page, out, out_n);
}

enum rc store_endpoint_count(struct store_txn *txn, uint64_t *out)
{
    CLEANUP(query_done) struct query q = {};

    query_init(&q, "SELECT COUNT(*) FROM endpoints");
    return query_count(&q, txn, out);
}

/* ---- by hand */

static enum rc note_owner(struct store_txn *txn, const struct store_endpoint *e, when_t now)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ROW_MEMORY);
    CLEANUP(stmt_done) struct stmt st = {};
    struct store_endpoint_change c = {.at = now, .what = STR("owner"), .value = e->owner};
    struct row r;
    int64_t n;

    TRY(stmt_open(&st, txn, "SELECT n, owner FROM endpoints WHERE endpoint = ?"));
    stmt_text(&st, e->endpoint, STORE_ENDPOINT_TEXT);
    TRY(stmt_next(&st));
    r = row_of(&st, &a);
    n = row_int(&r);
    c.old = row_str(&r);
    TRY(r.rc);
    return str_eq(c.old, c.value) ? RC_OK : change_put(txn, n, &c);
}

enum rc store_endpoint_set_owner(struct store_txn *txn, const struct store_endpoint *e, when_t now)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(note_owner(txn, e, now));
    TRY(stmt_open(&st, txn, "UPDATE endpoints SET owner = ?, service = ? WHERE endpoint = ?"));
    stmt_text(&st, e->owner, STORE_TEXT_MAX);
    stmt_text(&st, e->service, STORE_TEXT_MAX);
    stmt_text(&st, e->endpoint, STORE_ENDPOINT_TEXT);
    return stmt_change(&st);
}
