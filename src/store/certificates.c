/* SPDX-License-Identifier: Apache-2.0 */
#include "store/certificates.h"

#include <stdio.h>

#include "store/sql_int.h"

#define EXISTS "SELECT 1 FROM certificates WHERE id = ?"

/* `der` last: a list may leave it out. */
#define COLUMNS                                                                                    \
    "id, serial, issuer, hierarchy, profile, not_before, not_after, spki_sha256, fingerprint,"     \
    " authority_key_id, origin, account, order_id, requester, reason, owner, team, service,"       \
    " logical, replaces, issued, status, revoked, revocation_reason, shown"

static const char *const statuses[STORE_CERTIFICATE_STATUSES] = {
    [STORE_CERTIFICATE_VALID] = "valid",
    [STORE_CERTIFICATE_REVOKED] = "revoked",
};

const char *store_certificate_status_text(enum store_certificate_status status)
{
    return statuses[status];
}

/* The serial's row leads to the certificate: the one that the issuance made, or a new one. */
static enum rc take_serial(struct store_txn *txn, const struct store_certificate *c,
                           const struct id *issuance)
{
    CLEANUP(stmt_done) struct stmt st = {};
    enum rc rc;

    if (!issuance->z[0]) {
        TRY(stmt_open(&st, txn,
                      "INSERT INTO serials (serial, certificate, issuer, revoked, reason)"
                      " SELECT serial, n, issuer, revoked, revocation_reason FROM certificates"
                      " WHERE id = ?"));
        stmt_id(&st, &c->id);
        return stmt_run(&st);
    }
    TRY(stmt_open(&st, txn,
                  "UPDATE serials SET (certificate, issuer, revoked, reason) ="
                  " (SELECT n, issuer, revoked, revocation_reason FROM certificates WHERE id = ?)"
                  " WHERE serial = ? AND certificate IS NULL AND issuance ="
                  " (SELECT n FROM issuances WHERE id = ? AND state = 'reserved')"));
    stmt_id(&st, &c->id);
    stmt_blob(&st, c->serial, STORE_SERIAL_MAX);
    stmt_id(&st, issuance);
    rc = stmt_change(&st);
    return rc == RC_NOTFOUND ? RC_CONFLICT : rc;
}

static enum rc add_names(struct store_txn *txn, const struct store_certificate *c)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "INSERT INTO certificate_names (certificate, pos, type, value, reversed, address)"
                  " VALUES ((SELECT n FROM certificates WHERE id = ?), ?, ?, ?, ?, ?)"));
    for (size_t i = 0; i < c->n_names; i++) {
        stmt_id(&st, &c->id);
        stmt_int(&st, (int64_t)i);
        stmt_name(&st, &c->names[i]);
        TRY(stmt_run(&st));
    }
    return RC_OK;
}

static void give_request(struct stmt *st, const struct store_certificate *c)
{
    stmt_text(st, c->origin, STORE_TEXT_MAX);
    stmt_id(st, &c->account);
    stmt_id(st, &c->order);
    stmt_addr(st, &c->requester);
    stmt_text(st, c->reason, STORE_TEXT_MAX);
    stmt_text(st, c->owner, STORE_TEXT_MAX);
    stmt_text(st, c->team, STORE_TEXT_MAX);
    stmt_text(st, c->service, STORE_TEXT_MAX);
    stmt_id(st, &c->logical);
    stmt_id(st, &c->replaces);
    stmt_when(st, c->issued);
}

enum rc store_certificate_add(struct store_txn *txn, const struct store_certificate *c,
                              const struct id *issuance)
{
    CLEANUP(stmt_done) struct stmt st = {};

    if (c->n_names > STORE_NAMES_MAX)
        return RC_TOOBIG;
    if (c->serial.n == 0)
        return RC_INVAL;
    TRY(stmt_open(&st, txn,
                  "INSERT INTO certificates (" COLUMNS
                  ", der) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                  " ?, ?, ?, ?, ?)"));
    stmt_id(&st, &c->id);
    stmt_blob(&st, c->serial, STORE_SERIAL_MAX);
    stmt_id(&st, &c->issuer);
    stmt_text(&st, c->hierarchy, STORE_TEXT_MAX);
    stmt_text(&st, c->profile, STORE_TEXT_MAX);
    stmt_when(&st, c->not_before);
    stmt_when(&st, c->not_after);
    stmt_hash(&st, &c->spki_sha256);
    stmt_hash(&st, &c->fingerprint);
    stmt_blob(&st, c->authority_key_id, STORE_TEXT_MAX);
    give_request(&st, c);
    stmt_z(&st, statuses[c->status]);
    stmt_when(&st, c->revoked);
    stmt_int(&st, c->revocation_reason);
    stmt_id(&st, &c->shown);
    stmt_blob(&st, c->der, STORE_BLOB_MAX);
    TRY(stmt_run(&st));
    TRY(take_serial(txn, c, issuance));
    return add_names(txn, c);
}

/* The certificate's own statement is still open, so both see the same moment. */
static enum rc read_names(struct store_txn *txn, struct arena *a, struct store_certificate *c)
{
    CLEANUP(stmt_done) struct stmt st = {};
    void *list = NULL;
    size_t n = 0, cap = 0;
    enum rc rc;

    TRY(stmt_open(&st, txn,
                  "SELECT type, value FROM certificate_names WHERE certificate ="
                  " (SELECT n FROM certificates WHERE id = ?) ORDER BY pos"));
    stmt_id(&st, &c->id);
    for (rc = stmt_next(&st); rc == RC_OK && n < STORE_NAMES_MAX; rc = stmt_next(&st)) {
        struct row r = row_of(&st, a);

        TRY(rows_grow(a, sizeof(struct store_name), STORE_NAMES_MAX, n, &cap, &list));
        ((struct store_name *)list)[n++] = row_name(&r);
        TRY(r.rc);
    }
    c->names = list;
    c->n_names = n;
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

static enum rc read_row(struct stmt *st, struct store_txn *txn, struct arena *a, void *out)
{
    struct row r = row_of(st, a);
    struct store_certificate c = {};

    c.id = row_id(&r);
    c.serial = row_str(&r);
    c.issuer = row_id(&r);
    c.hierarchy = row_str(&r);
    c.profile = row_str(&r);
    c.not_before = row_int(&r);
    c.not_after = row_int(&r);
    c.spki_sha256 = row_hash(&r);
    c.fingerprint = row_hash(&r);
    c.authority_key_id = row_str(&r);
    c.origin = row_str(&r);
    c.account = row_id(&r);
    c.order = row_id(&r);
    c.requester = row_addr(&r);
    c.reason = row_str(&r);
    c.owner = row_str(&r);
    c.team = row_str(&r);
    c.service = row_str(&r);
    c.logical = row_id(&r);
    c.replaces = row_id(&r);
    c.issued = row_int(&r);
    c.status = (enum store_certificate_status)row_enum(&r, statuses, STORE_CERTIFICATE_STATUSES);
    c.revoked = row_int(&r);
    c.revocation_reason = (int)row_int(&r);
    c.shown = row_id(&r);
    c.der = row_str(&r);
    TRY(r.rc);
    TRY(read_names(txn, a, &c));
    *(struct store_certificate *)out = c;
    return RC_OK;
}

enum rc store_certificate_get(struct store_txn *txn, struct arena *a, const struct id *id,
                              struct store_certificate *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT " COLUMNS ", der FROM certificates WHERE id = ?"));
    stmt_id(&st, id);
    TRY(stmt_next(&st));
    return read_row(&st, txn, a, out);
}

enum rc store_certificate_by_serial(struct store_txn *txn, struct arena *a, struct str serial,
                                    struct store_certificate *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "SELECT " COLUMNS ", der FROM certificates WHERE n ="
                  " (SELECT certificate FROM serials WHERE serial = ?)"));
    stmt_blob(&st, serial, STORE_SERIAL_MAX);
    TRY(stmt_next(&st));
    return read_row(&st, txn, a, out);
}

/* What store_status_get reads. */
static enum rc mark_serial(struct store_txn *txn, const struct id *id)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE serials SET (revoked, reason) ="
                  " (SELECT revoked, revocation_reason FROM certificates WHERE id = ?)"
                  " WHERE serial = (SELECT serial FROM certificates WHERE id = ?)"));
    stmt_id(&st, id);
    stmt_id(&st, id);
    return stmt_change(&st);
}

enum rc store_certificate_revoke(struct store_txn *txn, const struct id *id, when_t now, int reason)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE certificates SET status = 'revoked', revoked = ?, revocation_reason = ?"
                  " WHERE id = ? AND status = 'valid'"));
    stmt_when(&st, now);
    stmt_int(&st, reason);
    stmt_id(&st, id);
    TRY(stmt_move(&st, txn, EXISTS, id));
    return mark_serial(txn, id);
}

enum rc store_certificate_set_reason(struct store_txn *txn, const struct id *id, int reason)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE certificates SET revocation_reason = ?"
                  " WHERE id = ? AND status = 'revoked'"));
    stmt_int(&st, reason);
    stmt_id(&st, id);
    TRY(stmt_move(&st, txn, EXISTS, id));
    return mark_serial(txn, id);
}

enum rc store_certificate_set_owner(struct store_txn *txn, const struct id *id, struct str owner,
                                    struct str team, struct str service)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE certificates SET owner = ?, team = ?, service = ? WHERE id = ?"));
    stmt_text(&st, owner, STORE_TEXT_MAX);
    stmt_text(&st, team, STORE_TEXT_MAX);
    stmt_text(&st, service, STORE_TEXT_MAX);
    stmt_id(&st, id);
    return stmt_change(&st);
}

enum rc store_certificate_logical(struct store_txn *txn, struct str name, const struct id *fresh,
                                  struct id *out)
{
    CLEANUP(stmt_done) struct stmt add = {};
    CLEANUP(stmt_done) struct stmt st = {};
    struct row r;
    struct id id;

    TRY(stmt_open(&add, txn,
                  "INSERT INTO lineages (name, logical) VALUES (?, ?) ON CONFLICT DO NOTHING"));
    stmt_text(&add, name, STORE_TEXT_MAX);
    stmt_id(&add, fresh);
    TRY(stmt_run(&add));
    TRY(stmt_open(&st, txn, "SELECT logical FROM lineages WHERE name = ?"));
    stmt_text(&st, name, STORE_TEXT_MAX);
    TRY(stmt_next(&st));
    r = row_of(&st, NULL);
    id = row_id(&r);
    TRY(r.rc);
    *out = id;
    return RC_OK;
}

/* What the conditions' values point into while the query lives. */
struct forms {
    char reversed[NAME_MAX_BYTES + 1];
    char first[NAME_MAX_BYTES + 2];
    char last[NAME_MAX_BYTES + 2];
    struct addr addr;
};

/* The domain itself, and the range of all that begins with it and a dot; '/' follows '.'. */
static enum rc condition_under(struct query *q, struct str domain, struct forms *f)
{
    if (!domain.n)
        return RC_OK;
    if (name_canonical(domain, false, f->first) != RC_OK || !str_eq(str_of(f->first), domain))
        return RC_INVAL;
    TRY(name_reverse(domain, f->reversed));
    (void)snprintf(f->first, sizeof(f->first), "%s.", f->reversed);
    (void)snprintf(f->last, sizeof(f->last), "%s/", f->reversed);
    query_str(q, " AND n IN (SELECT certificate FROM certificate_names WHERE reversed = ?",
              str_of(f->reversed));
    query_str(q, " UNION SELECT certificate FROM certificate_names WHERE reversed >= ?",
              str_of(f->first));
    query_str(q, " AND reversed < ?)", str_of(f->last));
    return RC_OK;
}

static enum rc condition_name(struct query *q, const struct store_name *name, struct forms *f)
{
    if (!name)
        return RC_OK;
    if (name->type == STORE_NAME_IP) {
        if (addr_parse(name->value, &f->addr) != RC_OK)
            return RC_INVAL;
        query_blob(q, " AND n IN (SELECT certificate FROM certificate_names WHERE address = ?)",
                   addr_bytes(&f->addr));
        return RC_OK;
    }
    if (name->type != STORE_NAME_DNS) {
        query_str(q,
                  " AND n IN (SELECT certificate FROM certificate_names WHERE reversed IS NULL"
                  " AND address IS NULL AND value = ?)",
                  name->value);
        return RC_OK;
    }
    if (name_canonical(name->value, true, f->first) != RC_OK)
        return RC_INVAL;
    TRY(name_reverse(str_of(f->first), f->reversed));
    query_str(q, " AND n IN (SELECT certificate FROM certificate_names WHERE reversed = ?)",
              str_of(f->reversed));
    return RC_OK;
}

static enum rc conditions(struct query *q, const struct store_certificate_filter *f,
                          struct forms *name, struct forms *under)
{
    TRY(condition_name(q, f->name, name));
    TRY(condition_under(q, f->under, under));
    if (f->serial.n)
        query_blob(q, " AND n = (SELECT certificate FROM serials WHERE serial = ?)", f->serial);
    if (f->spki)
        query_blob(q, " AND spki_sha256 = ?", str_bytes(f->spki->b, STORE_SHA256));
    query_id(q, " AND account = ?", &f->account);
    query_id(q, " AND id = (SELECT certificate FROM orders WHERE id = ?)", &f->order);
    query_id(q, " AND issuer = ?", &f->issuer);
    query_id(q, " AND ((id = ? AND logical = id)", &f->logical);
    query_id(q, " OR (logical = ? AND logical <> id))", &f->logical);
    query_str(q, " AND hierarchy = ?", f->hierarchy);
    if (f->staging != STORE_STAGING_TOO)
        buf_putz(&q->sql, f->staging == STORE_STAGING_ONLY ? " AND hierarchy = 'staging'"
                                                           : " AND hierarchy <> 'staging'");
    query_str(q, " AND origin = ?", f->origin);
    query_str(q, " AND owner = ?", f->owner);
    query_str(q, " AND profile = ?", f->profile);
    query_statuses(q, "status", f->statuses, statuses, STORE_CERTIFICATE_STATUSES);
    query_int(q, " AND not_after >= ?", f->not_after_from);
    query_int(q, " AND not_after < ?", f->not_after_before);
    query_int(q, " AND revoked >= ?", f->revoked_from);
    if (f->living)
        buf_putz(&q->sql, " AND tombstoned IS NULL");
    return RC_OK;
}

enum rc store_certificate_list(struct store_txn *txn, struct arena *a,
                               const struct store_certificate_filter *f, struct store_cursor *at,
                               struct store_certificate **out, size_t *out_n)
{
    static const struct rows by_issued = {sizeof(struct store_certificate),
                                          offsetof(struct store_certificate, id),
                                          offsetof(struct store_certificate, issued), read_row};
    static const struct rows by_expiry = {sizeof(struct store_certificate),
                                          offsetof(struct store_certificate, id),
                                          offsetof(struct store_certificate, not_after), read_row};
    CLEANUP(query_done) struct query q = {};
    bool expiry = f->sort == STORE_CERTIFICATE_BY_EXPIRY;
    struct page page = {
        .rows = expiry ? &by_expiry : &by_issued,
        .at = at,
        .column = expiry ? "not_after" : "issued",
        .descending = f->sort == STORE_CERTIFICATE_BY_ISSUED_NEWEST,
        .limit = f->limit,
    };
    struct forms name, under;

    query_init(&q, f->without_der ? "SELECT " COLUMNS ", NULL FROM certificates WHERE 1 = 1"
                                  : "SELECT " COLUMNS ", der FROM certificates WHERE 1 = 1");
    TRY(conditions(&q, f, &name, &under));
    return query_rows(&q, txn, a, &page, out, out_n);
}

enum rc store_certificate_count(struct store_txn *txn, const struct store_certificate_filter *f,
                                uint64_t *out)
{
    CLEANUP(query_done) struct query q = {};
    struct forms name, under;

    query_init(&q, "SELECT COUNT(*) FROM certificates WHERE 1 = 1");
    TRY(conditions(&q, f, &name, &under));
    return query_count(&q, txn, out);
}

#define NAMED_BEFORE(column)                                                                       \
    "SELECT EXISTS (SELECT 1 FROM (SELECT certificate FROM certificate_names WHERE " column        \
    " = ?1 AND certificate < (SELECT n FROM certificates WHERE id = ?2)"                           \
    " ORDER BY certificate DESC LIMIT ?3) AS x"                                                    \
    " JOIN certificates AS c ON c.n = x.certificate WHERE c.hierarchy <> 'staging')"

enum rc store_certificate_named_before(struct store_txn *txn, const struct id *certificate,
                                       const struct store_name *name, bool *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct forms f;
    struct row r;

    if (name->type == STORE_NAME_IP) {
        TRY(addr_parse(name->value, &f.addr));
        TRY(stmt_open(&st, txn, NAMED_BEFORE("address")));
        stmt_blob(&st, addr_bytes(&f.addr), sizeof(f.addr));
    } else {
        if (name->type != STORE_NAME_DNS || name_canonical(name->value, true, f.first) != RC_OK)
            return RC_INVAL;
        TRY(name_reverse(str_of(f.first), f.reversed));
        TRY(stmt_open(&st, txn, NAMED_BEFORE("reversed")));
        stmt_text(&st, str_of(f.reversed), sizeof(f.reversed));
    }
    stmt_id(&st, certificate);
    stmt_int(&st, STORE_NAMED_LOOK);
    TRY(stmt_next(&st));
    r = row_of(&st, NULL);
    *out = row_int(&r) != 0;
    return r.rc;
}
