/* SPDX-License-Identifier: Apache-2.0 */
#include "store/issuers.h"

#include "store/keys.h"
#include "store/sql_int.h"

#define COLUMNS                                                                                    \
    "id, name, parent, hierarchy, algorithm, subject, certificate, chain, key_ref, key_id, state," \
    " not_after, created, not_before, activates, retires, crl_shards"

static const char *const states[STORE_ISSUER_STATES] = {
    [STORE_ISSUER_ACTIVE] = "active",
    [STORE_ISSUER_RETIRING] = "retiring",
    [STORE_ISSUER_RETIRED] = "retired",
    [STORE_ISSUER_REVOKED] = "revoked",
};

const char *store_issuer_state_text(enum store_issuer_state state)
{
    return states[state];
}

enum store_issuer_state store_issuer_at(const struct store_issuer *issuer, when_t now)
{
    if (issuer->not_after <= now)
        return STORE_ISSUER_RETIRED;
    if (issuer->state == STORE_ISSUER_ACTIVE && issuer->retires && issuer->retires <= now)
        return STORE_ISSUER_RETIRING;
    return issuer->state;
}

enum rc store_issuer_add(struct store_txn *txn, const struct store_issuer *i)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "INSERT INTO issuers (" COLUMNS
                  ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    stmt_id(&st, &i->id);
    stmt_text(&st, i->name, STORE_TEXT_MAX);
    stmt_id(&st, &i->parent);
    stmt_text(&st, i->hierarchy, STORE_TEXT_MAX);
    stmt_text(&st, i->algorithm, STORE_TEXT_MAX);
    stmt_text(&st, i->subject, STORE_TEXT_MAX);
    stmt_blob(&st, i->certificate, STORE_BLOB_MAX);
    stmt_blob(&st, i->chain, STORE_BLOB_MAX);
    stmt_text(&st, i->key_ref, STORE_TEXT_MAX);
    stmt_blob(&st, i->key_id, STORE_TEXT_MAX);
    stmt_z(&st, states[i->state]);
    stmt_when(&st, i->not_after);
    stmt_when(&st, i->created);
    stmt_int(&st, i->not_before);
    stmt_int(&st, i->activates);
    stmt_when(&st, i->retires);
    stmt_int(&st, (int64_t)i->crl_shards);
    return stmt_run(&st);
}

static enum rc read_row(struct stmt *st, struct store_txn *, struct arena *a, void *out)
{
    struct row r = row_of(st, a);
    struct store_issuer i = {};

    i.id = row_id(&r);
    i.name = row_str(&r);
    i.parent = row_id(&r);
    i.hierarchy = row_str(&r);
    i.algorithm = row_str(&r);
    i.subject = row_str(&r);
    i.certificate = row_str(&r);
    i.chain = row_str(&r);
    i.key_ref = row_str(&r);
    i.key_id = row_str(&r);
    i.state = (enum store_issuer_state)row_enum(&r, states, STORE_ISSUER_STATES);
    i.not_after = row_int(&r);
    i.created = row_int(&r);
    i.not_before = row_int(&r);
    i.activates = row_int(&r);
    i.retires = row_int(&r);
    i.crl_shards = (uint64_t)row_int(&r);
    TRY(r.rc);
    *(struct store_issuer *)out = i;
    return RC_OK;
}

enum rc store_issuer_get(struct store_txn *txn, struct arena *a, const struct id *id,
                         struct store_issuer *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT " COLUMNS " FROM issuers WHERE id = ?"));
    stmt_id(&st, id);
    TRY(stmt_next(&st));
    return read_row(&st, txn, a, out);
}

enum rc store_issuer_set_retires(struct store_txn *txn, const struct id *id, when_t retires)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "UPDATE issuers SET retires = ? WHERE id = ?"));
    stmt_when(&st, retires);
    stmt_id(&st, id);
    return stmt_change(&st);
}

enum rc store_issuer_move(struct store_txn *txn, const struct id *id, enum store_issuer_state from,
                          enum store_issuer_state to)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "UPDATE issuers SET state = ? WHERE id = ? AND state = ?"));
    stmt_z(&st, states[to]);
    stmt_id(&st, id);
    stmt_z(&st, states[from]);
    return stmt_move(&st, txn, "SELECT 1 FROM issuers WHERE id = ?", id);
}

enum rc store_issuer_list(struct store_txn *txn, struct arena *a, unsigned states_wanted,
                          struct store_issuer **out, size_t *out_n)
{
    static const struct rows rows = {sizeof(struct store_issuer), offsetof(struct store_issuer, id),
                                     offsetof(struct store_issuer, created), read_row};
    CLEANUP(query_done) struct query q = {};
    struct store_cursor at = {};
    struct page page = {.rows = &rows, .at = &at, .column = "created"};

    query_init(&q, "SELECT " COLUMNS " FROM issuers WHERE 1 = 1");
    query_statuses(&q, "state", states_wanted, states, STORE_ISSUER_STATES);
    return query_rows(&q, txn, a, &page, out, out_n);
}

#define CROSS_COLUMNS                                                                              \
    "id, name, subject, signer, certificate, not_before, not_after, created, revoked, reason"

enum rc store_cross_add(struct store_txn *txn, const struct store_cross *c)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "INSERT INTO cross_certificates (" CROSS_COLUMNS
                  ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    stmt_id(&st, &c->id);
    stmt_text(&st, c->name, STORE_TEXT_MAX);
    stmt_id(&st, &c->subject);
    stmt_id(&st, &c->signer);
    stmt_blob(&st, c->certificate, STORE_BLOB_MAX);
    stmt_int(&st, c->not_before);
    stmt_int(&st, c->not_after);
    stmt_int(&st, c->created);
    stmt_when(&st, c->revoked);
    stmt_int(&st, c->reason);
    return stmt_run(&st);
}

enum rc store_cross_revoke(struct store_txn *txn, const struct id *id, when_t at,
                           unsigned char reason)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE cross_certificates SET revoked = ?, reason = ?"
                  " WHERE id = ? AND revoked IS NULL"));
    stmt_when(&st, at);
    stmt_int(&st, reason);
    stmt_id(&st, id);
    return stmt_move(&st, txn, "SELECT 1 FROM cross_certificates WHERE id = ?", id);
}

static enum rc read_cross(struct stmt *st, struct store_txn *, struct arena *a, void *out)
{
    struct row r = row_of(st, a);
    struct store_cross c = {};

    c.id = row_id(&r);
    c.name = row_str(&r);
    c.subject = row_id(&r);
    c.signer = row_id(&r);
    c.certificate = row_str(&r);
    c.not_before = row_int(&r);
    c.not_after = row_int(&r);
    c.created = row_int(&r);
    c.revoked = row_int(&r);
    c.reason = (unsigned char)row_int(&r);
    TRY(r.rc);
    *(struct store_cross *)out = c;
    return RC_OK;
}

enum rc store_cross_list(struct store_txn *txn, struct arena *a, struct store_cross **out,
                         size_t *out_n)
{
    static const struct rows rows = {sizeof(struct store_cross), offsetof(struct store_cross, id),
                                     offsetof(struct store_cross, created), read_cross};
    CLEANUP(query_done) struct query q = {};
    struct store_cursor at = {};
    struct page page = {.rows = &rows, .at = &at, .column = "created"};

    query_init(&q, "SELECT " CROSS_COLUMNS " FROM cross_certificates WHERE 1 = 1");
    return query_rows(&q, txn, a, &page, out, out_n);
}

enum rc store_key_block(struct store_txn *txn, const struct store_blocked_key *key)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "INSERT INTO blocked_keys (spki_sha256, blocked, reason, certificate)"
                  " VALUES (?, ?, ?, ?) ON CONFLICT (spki_sha256) DO NOTHING"));
    stmt_hash(&st, &key->spki_sha256);
    stmt_when(&st, key->blocked);
    stmt_text(&st, key->reason, STORE_TEXT_MAX);
    stmt_id(&st, &key->certificate);
    return stmt_run(&st);
}

enum rc store_key_blocked(struct store_txn *txn, struct arena *a,
                          const struct store_hash *spki_sha256, struct store_blocked_key *out)
{
    CLEANUP(stmt_done) struct stmt st = {};
    struct store_blocked_key key = {};

    TRY(stmt_open(&st, txn,
                  "SELECT spki_sha256, blocked, reason, certificate FROM blocked_keys"
                  " WHERE spki_sha256 = ?"));
    stmt_hash(&st, spki_sha256);
    TRY(stmt_next(&st));
    struct row r = row_of(&st, a);
    key.spki_sha256 = row_hash(&r);
    key.blocked = row_int(&r);
    key.reason = row_str(&r);
    key.certificate = row_id(&r);
    TRY(r.rc);
    *out = key;
    return RC_OK;
}
