/* SPDX-License-Identifier: Apache-2.0 */
#include "store/operators.h"

#include "store/sql_int.h"

#define USER                                                                                       \
    "n, id, name, roles, host_user, password, totp, totp_step, created, created_by, signed_in,"    \
    " removed"
#define TOKEN "n, id, name, digest, roles, person, made_by, created, created_by, expires, revoked"
#define USER_EXISTS "SELECT 1 FROM users WHERE id = ?"

/* ---- users */

enum rc store_user_add(struct store_txn *txn, const struct store_user *user)
{
    CLEANUP(stmt_done) struct stmt st = {};

    if (user->name.n == 0 || user->password.n == 0 || user->totp.n == 0)
        return RC_INVAL;
    TRY(stmt_open(&st, txn,
                  "INSERT INTO users (id, name, roles, host_user, password, totp, totp_step,"
                  " created, created_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    stmt_id(&st, &user->id);
    stmt_text(&st, user->name, STORE_TEXT_MAX);
    stmt_int(&st, user->roles);
    stmt_int(&st, user->host_user);
    stmt_blob(&st, user->password, STORE_PASSWORD_MAX);
    stmt_blob(&st, user->totp, STORE_TOTP_MAX);
    stmt_int(&st, (int64_t)user->totp_step);
    stmt_when(&st, user->created);
    stmt_text(&st, user->created_by, STORE_TEXT_MAX);
    return stmt_run(&st);
}

static enum rc read_user(struct stmt *st, struct store_txn *, struct arena *a, void *out)
{
    struct row r = row_of(st, a);
    struct store_user u = {};

    u.n = row_int(&r);
    u.id = row_id(&r);
    u.name = row_str(&r);
    u.roles = (unsigned)row_int(&r);
    u.host_user = row_int(&r);
    u.password = row_str(&r);
    u.totp = row_str(&r);
    u.totp_step = (uint64_t)row_int(&r);
    u.created = row_int(&r);
    u.created_by = row_str(&r);
    u.signed_in = row_int(&r);
    u.removed = row_int(&r);
    TRY(r.rc);
    *(struct store_user *)out = u;
    return RC_OK;
}

enum rc store_user_find(struct store_txn *txn, struct arena *a, struct str name,
                        struct store_user *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT " USER " FROM users WHERE name = ?"));
    stmt_text(&st, name, STORE_TEXT_MAX);
    TRY(stmt_next(&st));
    return read_user(&st, txn, a, out);
}

enum rc store_user_get(struct store_txn *txn, struct arena *a, int64_t n, struct store_user *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT " USER " FROM users WHERE n = ?"));
    stmt_int(&st, n);
    TRY(stmt_next(&st));
    return read_user(&st, txn, a, out);
}

enum rc store_user_list(struct store_txn *txn, struct arena *a, struct store_cursor *at,
                        unsigned limit, struct store_user **out, size_t *out_n)
{
    static const struct rows rows = {
        .size = sizeof(struct store_user), .at = offsetof(struct store_user, n), .read = read_user};

    return query_numbered(txn, a, "SELECT " USER " FROM users WHERE 1 = 1",
                          &(struct page){.rows = &rows, .at = at, .limit = limit}, out, out_n);
}

enum rc store_user_remove(struct store_txn *txn, const struct id *id, when_t now)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "UPDATE users SET removed = ? WHERE id = ? AND removed IS NULL"));
    stmt_when(&st, now);
    stmt_id(&st, id);
    return stmt_move(&st, txn, USER_EXISTS, id);
}

enum rc store_user_set_password(struct store_txn *txn, const struct id *id, struct str password)
{
    CLEANUP(stmt_done) struct stmt st = {};

    if (password.n == 0)
        return RC_INVAL;
    TRY(stmt_open(&st, txn, "UPDATE users SET password = ? WHERE id = ? AND removed IS NULL"));
    stmt_blob(&st, password, STORE_PASSWORD_MAX);
    stmt_id(&st, id);
    return stmt_move(&st, txn, USER_EXISTS, id);
}

enum rc store_user_set_totp(struct store_txn *txn, const struct id *id, struct str totp)
{
    CLEANUP(stmt_done) struct stmt st = {};

    if (totp.n == 0)
        return RC_INVAL;
    TRY(stmt_open(&st, txn,
                  "UPDATE users SET totp = ?, totp_step = 0 WHERE id = ? AND removed IS NULL"));
    stmt_blob(&st, totp, STORE_TOTP_MAX);
    stmt_id(&st, id);
    return stmt_move(&st, txn, USER_EXISTS, id);
}

enum rc store_user_set_roles(struct store_txn *txn, const struct id *id, unsigned roles)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "UPDATE users SET roles = ? WHERE id = ? AND removed IS NULL"));
    stmt_int(&st, roles);
    stmt_id(&st, id);
    return stmt_move(&st, txn, USER_EXISTS, id);
}

enum rc store_user_sign_in(struct store_txn *txn, const struct store_user *user, uint64_t step,
                           when_t now)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE users SET totp_step = ?, signed_in = ?"
                  " WHERE id = ? AND removed IS NULL AND totp_step < ?"
                  " AND password = ? AND totp = ? AND roles = ?"));
    stmt_int(&st, (int64_t)step);
    stmt_when(&st, now);
    stmt_id(&st, &user->id);
    stmt_int(&st, (int64_t)step);
    stmt_blob(&st, user->password, STORE_PASSWORD_MAX);
    stmt_blob(&st, user->totp, STORE_TOTP_MAX);
    stmt_int(&st, user->roles);
    return stmt_move(&st, txn, USER_EXISTS, &user->id);
}

/* ---- certificates of users */

enum rc store_user_certificate_add(struct store_txn *txn, const struct store_user_certificate *c)
{
    CLEANUP(stmt_done) struct stmt st = {};

    if (c->serial.n == 0)
        return RC_INVAL;
    TRY(stmt_open(&st, txn,
                  "INSERT INTO user_certificates (certificate, serial, user, added, added_by)"
                  " SELECT ?, ?, n, ?, ? FROM users WHERE n = ? AND removed IS NULL"));
    stmt_id(&st, &c->certificate);
    stmt_blob(&st, c->serial, STORE_SERIAL_MAX);
    stmt_when(&st, c->added);
    stmt_text(&st, c->added_by, STORE_TEXT_MAX);
    stmt_int(&st, c->user);
    TRY(stmt_run(&st));
    return stmt_changes(&st) ? RC_OK : RC_CONFLICT;
}

enum rc store_user_certificate_remove(struct store_txn *txn, const struct id *certificate,
                                      int64_t user, when_t now)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE user_certificates SET removed = ?"
                  " WHERE certificate = ? AND user = ? AND removed IS NULL"));
    stmt_when(&st, now);
    stmt_id(&st, certificate);
    stmt_int(&st, user);
    TRY(stmt_run(&st));
    return stmt_changes(&st) ? RC_OK : RC_NOTFOUND;
}

enum rc store_user_of_certificate(struct store_txn *txn, struct arena *a,
                                  const struct id *certificate, struct store_user *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "SELECT " USER " FROM users WHERE removed IS NULL AND n ="
                  " (SELECT user FROM user_certificates"
                  " WHERE certificate = ? AND removed IS NULL)"));
    stmt_id(&st, certificate);
    TRY(stmt_next(&st));
    return read_user(&st, txn, a, out);
}

static enum rc read_user_certificate(struct stmt *st, struct store_txn *, struct arena *a,
                                     void *out)
{
    struct row r = row_of(st, a);
    struct store_user_certificate c = {};

    c.n = row_int(&r);
    c.certificate = row_id(&r);
    c.serial = row_str(&r);
    c.user = row_int(&r);
    c.added = row_int(&r);
    c.added_by = row_str(&r);
    c.removed = row_int(&r);
    TRY(r.rc);
    *(struct store_user_certificate *)out = c;
    return RC_OK;
}

enum rc store_user_certificate_list(struct store_txn *txn, struct arena *a, struct store_cursor *at,
                                    unsigned limit, struct store_user_certificate **out,
                                    size_t *out_n)
{
    static const struct rows rows = {.size = sizeof(struct store_user_certificate),
                                     .at = offsetof(struct store_user_certificate, n),
                                     .read = read_user_certificate};

    return query_numbered(txn, a,
                          "SELECT n, certificate, serial, user, added, added_by, removed"
                          " FROM user_certificates WHERE removed IS NULL",
                          &(struct page){.rows = &rows, .at = at, .limit = limit}, out, out_n);
}

enum rc store_user_sign_in_shown(struct store_txn *txn, const struct store_user *user,
                                 const struct id *certificate, when_t now)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn,
                  "UPDATE users SET signed_in = ?"
                  " WHERE id = ? AND removed IS NULL AND roles = ? AND n ="
                  " (SELECT user FROM user_certificates"
                  " WHERE certificate = ? AND removed IS NULL)"));
    stmt_when(&st, now);
    stmt_id(&st, &user->id);
    stmt_int(&st, user->roles);
    stmt_id(&st, certificate);
    return stmt_move(&st, txn, USER_EXISTS, &user->id);
}

/* ---- tokens */

enum rc store_token_add(struct store_txn *txn, const struct store_token *token)
{
    CLEANUP(stmt_done) struct stmt st = {};

    if (token->name.n == 0 || token->expires == 0)
        return RC_INVAL;
    TRY(stmt_open(
        &st, txn,
        "INSERT INTO tokens (id, name, digest, roles, person, made_by, created, created_by,"
        " expires) VALUES (?, ?, ?, ?, ?, NULLIF(?, 0), ?, ?, ?)"));
    stmt_id(&st, &token->id);
    stmt_text(&st, token->name, STORE_TEXT_MAX);
    stmt_hash(&st, &token->digest);
    stmt_int(&st, token->roles);
    stmt_int(&st, token->person);
    stmt_int(&st, token->made_by);
    stmt_when(&st, token->created);
    stmt_text(&st, token->created_by, STORE_TEXT_MAX);
    stmt_when(&st, token->expires);
    return stmt_run(&st);
}

static enum rc read_token(struct stmt *st, struct store_txn *, struct arena *a, void *out)
{
    struct row r = row_of(st, a);
    struct store_token t = {};

    t.n = row_int(&r);
    t.id = row_id(&r);
    t.name = row_str(&r);
    t.digest = row_hash(&r);
    t.roles = (unsigned)row_int(&r);
    t.person = row_int(&r);
    t.made_by = row_int(&r);
    t.created = row_int(&r);
    t.created_by = row_str(&r);
    t.expires = row_int(&r);
    t.revoked = row_int(&r);
    TRY(r.rc);
    *(struct store_token *)out = t;
    return RC_OK;
}

enum rc store_token_find(struct store_txn *txn, struct arena *a, const struct store_hash *digest,
                         struct store_token *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT " TOKEN " FROM tokens WHERE digest = ?"));
    stmt_hash(&st, digest);
    TRY(stmt_next(&st));
    return read_token(&st, txn, a, out);
}

enum rc store_token_by_name(struct store_txn *txn, struct arena *a, struct str name,
                            struct store_token *out)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "SELECT " TOKEN " FROM tokens WHERE name = ?"));
    stmt_text(&st, name, STORE_TEXT_MAX);
    TRY(stmt_next(&st));
    return read_token(&st, txn, a, out);
}

enum rc store_token_list(struct store_txn *txn, struct arena *a, struct store_cursor *at,
                         unsigned limit, struct store_token **out, size_t *out_n)
{
    static const struct rows rows = {.size = sizeof(struct store_token),
                                     .at = offsetof(struct store_token, n),
                                     .read = read_token};

    return query_numbered(txn, a, "SELECT " TOKEN " FROM tokens WHERE 1 = 1",
                          &(struct page){.rows = &rows, .at = at, .limit = limit}, out, out_n);
}

enum rc store_token_revoke(struct store_txn *txn, const struct id *id, when_t now)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "UPDATE tokens SET revoked = ? WHERE id = ? AND revoked IS NULL"));
    stmt_when(&st, now);
    stmt_id(&st, id);
    return stmt_move(&st, txn, "SELECT 1 FROM tokens WHERE id = ?", id);
}

enum rc store_tokens_revoke_of(struct store_txn *txn, int64_t made_by, when_t now, uint64_t *out_n)
{
    CLEANUP(stmt_done) struct stmt st = {};

    TRY(stmt_open(&st, txn, "UPDATE tokens SET revoked = ? WHERE made_by = ? AND revoked IS NULL"));
    stmt_when(&st, now);
    stmt_int(&st, made_by);
    TRY(stmt_run(&st));
    *out_n = stmt_changes(&st);
    return RC_OK;
}
