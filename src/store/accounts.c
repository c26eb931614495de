/* SPDX-License-Identifier: Apache-2.0 */
#include "store/accounts.h"

#include <string.h>

#include "store/sql_int.h"
#include "store/store_int.h"

#define EXISTS "SELECT 1 FROM accounts WHERE id = ?"
#define COLUMNS                                                                                    \
    "id, status, jwk, thumbprint, contacts, terms_at, eab_key, system, created, created_from, "    \
    "ahead, staging"

static const char *const statuses[STORE_ACCOUNT_STATUSES] = {
    [STORE_ACCOUNT_VALID] = "valid",
    [STORE_ACCOUNT_DEACTIVATED] = "deactivated",
    [STORE_ACCOUNT_REVOKED] = "revoked",
};

const char *store_account_status_text(enum store_account_status status)
{
    return statuses[status];
}

/* In one text, a line each: a URI holds no line end, and an account is read at every request. */
static enum rc join(const struct str *contacts, size_t n, struct buf *out)
{
    if (n > STORE_CONTACTS_MAX)
        return RC_TOOBIG;
    for (size_t i = 0; i < n; i++) {
        if (contacts[i].n == 0 || !str_printable(contacts[i]))
            return RC_INVAL;
        if (contacts[i].n > STORE_TEXT_MAX)
            return RC_TOOBIG;
        if (i)
            buf_u8(out, '\n');
        buf_puts(out, contacts[i]);
    }
    return buf_rc(out);
}

static enum rc split(struct str joined, struct arena *a, struct store_account *out)
{
    struct str *contacts = ARENA_ARRAY(a, struct str, STORE_CONTACTS_MAX);
    struct str field;
    size_t n = 0;

    if (!contacts)
        return RC_NOMEM;
    while (n < STORE_CONTACTS_MAX && str_next(&joined, '\n', &field))
        contacts[n++] = field;
    out->contacts = contacts;
    out->n_contacts = n;
    return RC_OK;
}

/* Of every statement that writes an account: what was read before its commit counts no more. */
static void touch(struct store_txn *txn)
{
    txn->store->accounts_touched = true;
}

uint64_t store_accounts_generation(struct store *s)
{
    return atomic_load(&s->accounts_generation);
}

enum rc store_account_copy(struct arena *a, const struct store_account *from,
                           struct store_account *out)
{
    struct str *contacts = ARENA_ARRAY(a, struct str, from->n_contacts + 1);
    struct store_account copy = *from;

    if (!contacts)
        return RC_NOMEM;
    TRY(arena_str(a, from->jwk, &copy.jwk));
    TRY(arena_str(a, from->eab_key, &copy.eab_key));
    for (size_t i = 0; i < from->n_contacts; i++)
        TRY(arena_str(a, from->contacts[i], &contacts[i]));
    copy.contacts = contacts;
    *out = copy;
    return RC_OK;
}

enum { JOINED_MAX = STORE_CONTACTS_MAX * (STORE_TEXT_MAX + 1) };

enum rc store_account_add(struct store_txn *txn, const struct store_account *account)
{
    CLEANUP(stmt_done) struct stmt st = {};
    CLEANUP(buf_done) struct buf contacts = BUF_INIT(JOINED_MAX);

    TRY(join(account->contacts, account->n_contacts, &contacts));
    TRY(stmt_open(&st, txn,
                  "INSERT INTO accounts (" COLUMNS
                  ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    touch(txn);
    stmt_id(&st, &account->id);
    stmt_z(&st, statuses[account->status]);
    stmt_text(&st, account->jwk, STORE_BLOB_MAX);
    stmt_hash(&st, &account->thumbprint);
    stmt_text(&st, buf_str(&contacts), JOINED_MAX);
    stmt_when(&st, account->terms_at);
    stmt_text(&st, account->eab_key, STORE_TEXT_MAX);
    stmt_int(&st, account->system);
    stmt_when(&st, account->created);
    stmt_addr(&st, &account->created_from);
    stmt_when(&st, account->ahead);
    stmt_int(&st, account->staging);
    return stmt_run(&st);
}

static enum rc read_row(struct stmt *st, struct store_txn *, struct arena *a, void *out)
{
    struct row r = row_of(st, a);
    struct store_account c = {};

    c.id = row_id(&r);
    c.status = (enum store_account_status)row_enum(&r, statuses, STORE_ACCOUNT_STATUSES);
    c.jwk = row_str(&r);
    c.thumbprint = row_hash(&r);
    struct str contacts = row_str(&r);
    c.terms_at = row_int(&r);
    c.eab_key = row_str(&r);
    c.system = row_int(&r) != 0;
    c.created = row_int(&r);
    c.created_from = row_addr(&r);
    c.ahead = row_int(&r);
    c.staging = row_int(&r) != 0;
    TRY(r.rc);
    TRY(split(contacts, a, &c));
    *(struct store_account *)out = c;
    return RC_OK;
}

enum rc store_account_get(struct store_txn *txn, struct arena *a, const struct id *id,
                          struct store_account *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT " COLUMNS " FROM accounts WHERE id = ?"));
    stmt_id(&st, id);
    TRY(stmt_next(&st));
    return read_row(&st, txn, a, out);
}

enum rc store_account_find(struct store_txn *txn, struct arena *a,
                           const struct store_hash *thumbprint, struct store_account *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT " COLUMNS " FROM accounts WHERE thumbprint = ?"));
    stmt_hash(&st, thumbprint);
    TRY(stmt_next(&st));
    return read_row(&st, txn, a, out);
}

enum rc store_account_move(struct store_txn *txn, const struct id *id,
                           enum store_account_status from, enum store_account_status to)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "UPDATE accounts SET status = ? WHERE id = ? AND status = ?"));
    touch(txn);
    stmt_z(&st, statuses[to]);
    stmt_id(&st, id);
    stmt_z(&st, statuses[from]);
    return stmt_move(&st, txn, EXISTS, id);
}

enum rc store_account_set_contacts(struct store_txn *txn, const struct id *id,
                                   const struct str *contacts, size_t n)
{
    CLEANUP(stmt_done) struct stmt st = {};
    CLEANUP(buf_done) struct buf joined = BUF_INIT(JOINED_MAX);

    TRY(join(contacts, n, &joined));
    TRY(stmt_open(&st, txn, "UPDATE accounts SET contacts = ? WHERE id = ?"));
    touch(txn);
    stmt_text(&st, buf_str(&joined), JOINED_MAX);
    stmt_id(&st, id);
    return stmt_change(&st);
}

enum rc store_account_set_terms(struct store_txn *txn, const struct id *id, when_t at)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "UPDATE accounts SET terms_at = ? WHERE id = ?"));
    touch(txn);
    stmt_when(&st, at);
    stmt_id(&st, id);
    return stmt_change(&st);
}

enum rc store_account_set_ahead(struct store_txn *txn, const struct id *id, when_t until)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "UPDATE accounts SET ahead = ? WHERE id = ?"));
    touch(txn);
    stmt_when(&st, until);
    stmt_id(&st, id);
    return stmt_change(&st);
}

enum rc store_account_set_key(struct store_txn *txn, const struct id *id,
                              const struct store_hash *old, struct str jwk,
                              const struct store_hash *thumbprint)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE accounts SET jwk = ?, thumbprint = ? WHERE id = ? AND thumbprint = ?"));
    touch(txn);
    stmt_text(&st, jwk, STORE_BLOB_MAX);
    stmt_hash(&st, thumbprint);
    stmt_id(&st, id);
    stmt_hash(&st, old);
    return stmt_move(&st, txn, EXISTS, id);
}

static void conditions(struct query *q, const struct store_account_filter *f)
{
    query_statuses(q, "status", f->statuses, statuses, STORE_ACCOUNT_STATUSES);
    query_str(q, " AND eab_key = ?", f->eab_key);
    if (f->certified_before)
        query_int(q,
                  " AND EXISTS (SELECT 1 FROM certificates WHERE account = accounts.id"
                  " AND issued < ?)",
                  f->certified_before);
    if (f->staging != STORE_STAGING_TOO)
        buf_putz(&q->sql,
                 f->staging == STORE_STAGING_ONLY ? " AND staging <> 0" : " AND staging = 0");
}

enum rc store_account_list(struct store_txn *txn, struct arena *a,
                           const struct store_account_filter *f, struct store_cursor *at,
                           struct store_account **out, size_t *out_n)
{
    static const struct rows rows = {sizeof(struct store_account),
                                     offsetof(struct store_account, id),
                                     offsetof(struct store_account, created), read_row};
    CLEANUP(query_done) struct query q = {};
    struct page page = {.rows = &rows, .at = at, .column = "created", .limit = f->limit};

    query_init(&q, "SELECT " COLUMNS " FROM accounts WHERE 1 = 1");
    conditions(&q, f);
    return query_rows(&q, txn, a, &page, out, out_n);
}

enum rc store_account_count(struct store_txn *txn, const struct store_account_filter *f,
                            uint64_t *out)
{
    CLEANUP(query_done) struct query q = {};

    query_init(&q, "SELECT COUNT(*) FROM accounts WHERE 1 = 1");
    conditions(&q, f);
    return query_count(&q, txn, out);
}
