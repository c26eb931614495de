/* SPDX-License-Identifier: Apache-2.0 */
#include "store/issuances.h"

#include "store/sql_int.h"

#define EXISTS "SELECT 1 FROM issuances WHERE id = ?"
#define COLUMNS                                                                                    \
    "id, order_id, serial, tbs, tbs_sha256, issuer, profile, spki_sha256, names, origin, state,"   \
    " created, settled, reason, logical, replaces, why, shown"

enum { NAMES_TEXT_MAX = STORE_NAMES_MAX * (NAME_MAX_BYTES + 8) };

static const char *const states[STORE_ISSUANCE_STATES] = {
    [STORE_ISSUANCE_RESERVED] = "reserved",
    [STORE_ISSUANCE_DONE] = "done",
    [STORE_ISSUANCE_VOIDED] = "voided",
};

const char *store_issuance_state_text(enum store_issuance_state state)
{
    return states[state];
}

/* "dns:a.example" and "ip:10.0.0.1", a line each: nobody searches them, recovery reads them whole.
 */
static enum rc join(const struct store_name *names, size_t n, struct buf *out)
{
    if (n > STORE_NAMES_MAX)
        return RC_TOOBIG;
    for (size_t i = 0; i < n; i++) {
        if (!str_printable(names[i].value))
            return RC_INVAL;
        buf_printf(out, "%s:%.*s\n", store_name_type_text(names[i].type), STR_ARG(names[i].value));
    }
    return buf_rc(out);
}

static enum rc split(struct str text, struct arena *a, struct store_issuance *out)
{
    void *list = NULL;
    size_t n = 0, cap = 0;
    struct str line, type;

    while (text.n && str_cut(text, '\n', &line, &text)) {
        struct store_name *name;

        if (n == STORE_NAMES_MAX)
            return RC_CORRUPT;
        TRY(rows_grow(a, sizeof(*name), STORE_NAMES_MAX, n, &cap, &list));
        name = (struct store_name *)list + n++;
        if (!str_cut(line, ':', &type, &name->value))
            return RC_CORRUPT;
        name->type = str_eq(type, STR("ip")) ? STORE_NAME_IP : STORE_NAME_DNS;
    }
    out->names = list;
    out->n_names = n;
    return RC_OK;
}

/* Why a row was refused: of the unique indexes, that of the order has an answer of its own. */
static enum rc refused(struct store_txn *txn, const struct id *order)
{
    CLEANUP(stmt_done) struct stmt st = {};
    enum rc rc;

    TRY(stmt_open(&st, txn, "SELECT 1 FROM issuances WHERE order_id = ? AND state = 'reserved'"));
    stmt_id(&st, order);
    rc = stmt_next(&st);
    if (rc == RC_OK)
        return RC_CONFLICT;
    return rc == RC_NOTFOUND ? RC_EXISTS : rc;
}

static enum rc take_serial(struct store_txn *txn, const struct store_issuance *i)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "INSERT INTO serials (serial, issuance)"
                  " VALUES (?, (SELECT n FROM issuances WHERE id = ?))"));
    stmt_blob(&st, i->serial, STORE_SERIAL_MAX);
    stmt_id(&st, &i->id);
    return stmt_run(&st);
}

enum rc store_issuance_reserve(struct store_txn *txn, const struct store_issuance *i)
{
    CLEANUP(stmt_done) struct stmt st = {};
    CLEANUP(buf_done) struct buf names = BUF_INIT(NAMES_TEXT_MAX);
    enum rc rc;

    TRY(join(i->names, i->n_names, &names));
    if (i->serial.n == 0)
        return RC_INVAL;
    TRY(stmt_open(&st, txn,
                  "INSERT INTO issuances (id, order_id, serial, tbs, tbs_sha256, issuer, profile,"
                  " spki_sha256, names, origin, state, created, logical, replaces, why,"
                  " shown) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'reserved', ?, ?, ?, ?, ?)"));
    stmt_id(&st, &i->id);
    stmt_id(&st, &i->order);
    stmt_blob(&st, i->serial, STORE_SERIAL_MAX);
    stmt_blob(&st, i->tbs, STORE_BLOB_MAX);
    stmt_hash(&st, &i->tbs_sha256);
    stmt_id(&st, &i->issuer);
    stmt_text(&st, i->profile, STORE_TEXT_MAX);
    stmt_hash(&st, &i->spki_sha256);
    stmt_text(&st, buf_str(&names), NAMES_TEXT_MAX);
    stmt_text(&st, i->origin, STORE_TEXT_MAX);
    stmt_when(&st, i->created);
    stmt_id(&st, &i->logical);
    stmt_id(&st, &i->replaces);
    stmt_text(&st, i->why, STORE_TEXT_MAX);
    stmt_id(&st, &i->shown);
    rc = stmt_run(&st);
    if (rc == RC_EXISTS)
        return refused(txn, &i->order);
    TRY(rc);
    return take_serial(txn, i);
}

static enum rc read_row(struct stmt *st, struct store_txn *, struct arena *a, void *out)
{
    struct row r = row_of(st, a);
    struct store_issuance i = {};
    struct str names;

    i.id = row_id(&r);
    i.order = row_id(&r);
    i.serial = row_str(&r);
    i.tbs = row_str(&r);
    i.tbs_sha256 = row_hash(&r);
    i.issuer = row_id(&r);
    i.profile = row_str(&r);
    i.spki_sha256 = row_hash(&r);
    names = row_str(&r);
    i.origin = row_str(&r);
    i.state = (enum store_issuance_state)row_enum(&r, states, STORE_ISSUANCE_STATES);
    i.created = row_int(&r);
    i.settled = row_int(&r);
    i.reason = row_str(&r);
    i.logical = row_id(&r);
    i.replaces = row_id(&r);
    i.why = row_str(&r);
    i.shown = row_id(&r);
    TRY(r.rc);
    TRY(split(names, a, &i));
    *(struct store_issuance *)out = i;
    return RC_OK;
}

enum rc store_issuance_get(struct store_txn *txn, struct arena *a, const struct id *id,
                           struct store_issuance *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT " COLUMNS " FROM issuances WHERE id = ?"));
    stmt_id(&st, id);
    TRY(stmt_next(&st));
    return read_row(&st, txn, a, out);
}

enum rc store_issuance_by_serial(struct store_txn *txn, struct arena *a, struct str serial,
                                 struct store_issuance *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "SELECT " COLUMNS " FROM issuances WHERE n ="
                  " (SELECT issuance FROM serials WHERE serial = ?)"));
    stmt_blob(&st, serial, STORE_SERIAL_MAX);
    TRY(stmt_next(&st));
    return read_row(&st, txn, a, out);
}

enum rc store_issuance_by_order(struct store_txn *txn, struct arena *a, const struct id *order,
                                struct store_issuance *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "SELECT " COLUMNS " FROM issuances WHERE order_id = ? AND state = 'reserved'"));
    stmt_id(&st, order);
    TRY(stmt_next(&st));
    return read_row(&st, txn, a, out);
}

enum rc store_issuance_finish(struct store_txn *txn, const struct id *id, when_t now)
{
    CLEANUP(stmt_done) struct stmt st = {};
    CLEANUP(stmt_done) struct stmt why = {};
    enum rc rc;

    TRY(stmt_open(&st, txn,
                  "UPDATE issuances SET state = 'done', settled = ?, tbs = NULL"
                  " WHERE id = ? AND state = 'reserved' AND EXISTS (SELECT 1 FROM serials s"
                  " WHERE s.serial = issuances.serial AND s.certificate IS NOT NULL)"));
    stmt_when(&st, now);
    stmt_id(&st, id);
    rc = stmt_move(&st, txn, EXISTS, id);
    if (rc != RC_CONFLICT)
        return rc;
    TRY(stmt_open(&why, txn, EXISTS " AND state = 'reserved'"));
    stmt_id(&why, id);
    rc = stmt_next(&why);
    return rc == RC_OK ? RC_INVAL : rc == RC_NOTFOUND ? RC_CONFLICT : rc;
}

enum rc store_issuance_void(struct store_txn *txn, const struct id *id, when_t now,
                            struct str reason)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE issuances SET state = 'voided', settled = ?, reason = ?"
                  " WHERE id = ? AND state = 'reserved'"));
    stmt_when(&st, now);
    stmt_text(&st, reason, STORE_TEXT_MAX);
    stmt_id(&st, id);
    return stmt_move(&st, txn, EXISTS, id);
}

enum rc store_issuance_reserved(struct store_txn *txn, struct arena *a, unsigned limit,
                                struct store_cursor *at, struct store_issuance **out, size_t *out_n)
{
    static const struct rows rows = {sizeof(struct store_issuance),
                                     offsetof(struct store_issuance, id),
                                     offsetof(struct store_issuance, created), read_row};
    CLEANUP(query_done) struct query q = {};
    struct page page = {.rows = &rows, .at = at, .column = "created", .limit = limit};

    query_init(&q, "SELECT " COLUMNS " FROM issuances WHERE state = 'reserved'");
    return query_rows(&q, txn, a, &page, out, out_n);
}

enum rc store_issuance_waiting(struct store_txn *txn, uint64_t *out)
{
    CLEANUP(query_done) struct query q = {};

    query_init(&q, "SELECT COUNT(*) FROM issuances WHERE state = 'reserved'");
    return query_count(&q, txn, out);
}
