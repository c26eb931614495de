/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of programs, and sessions of people. A token is told once and kept as a digest. */
#include <stdlib.h>
#include <string.h>

#include "api/page.h"
#include "base/text.h"
#include "core/change.h"
#include "core/operators.h"
#include "crypto/crypto.h"
#include "ev/clock.h"

MSG(msg_name, "core.token-name",
    "\"name\" has to be 1 to 64 letters, digits, \"-\", \"_\", \".\" and \"@\", the first a letter "
    "or "
    "digit");
MSG(msg_roles, "core.token-roles",
    "\"roles\" has to be some of viewer, operator, officer, auditor, with commas between; only "
    "persons "
    "approve");
MSG(msg_expires, "core.token-expires",
    "\"expires\" has to be given, and within {0} days: a time from now, as in 90d");
MSG(msg_taken, "core.token-taken",
    "there is, or was, a token \"{0}\" already; names are not given twice, choose another");
MSG(msg_unknown, "core.token-unknown", "there is no token \"{0}\"; `autarky token list` shows all");
MSG(msg_revoked, "core.token-revoked", "the token \"{0}\" was revoked at {1}");
MSG(msg_session, "core.session-unknown",
    "there is no such session; `autarky session list` shows all, \"id\" or \"name\" says which");

enum { ROLES_TEXT = 64, TOKEN_TEXT = 64 };

static void put_token(struct json_out *o, const struct store_token *t)
{
    CLEANUP(buf_done) struct buf roles = BUF_INIT(ROLES_TEXT);

    operators_roles_put(t->roles, &roles);
    json_kv_str(o, "name", t->name);
    json_kv_str(o, "roles", buf_str(&roles));
    json_kv_when(o, "created", t->created);
    json_kv_str(o, "created_by", t->created_by);
    json_kv_when(o, "expires", t->expires);
    if (t->revoked)
        json_kv_when(o, "revoked", t->revoked);
}

static enum rc put_text(const unsigned char bytes[static CORE_TOKEN_BYTES], struct buf *out)
{
    buf_putz(out, CORE_TOKEN_PREFIX);
    text_b64url(out, str_bytes(bytes, CORE_TOKEN_BYTES));
    return buf_rc(out);
}

/* ---- token create */

static void put_new(struct core_change *c, struct json_out *o)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(TOKEN_TEXT);

    put_token(o, &c->token);
    if (!c->dry && put_text(c->once, &text) == RC_OK) {
        json_kv_str(o, "token", buf_str(&text));
        explicit_bzero(text.p, text.n);
    }
    explicit_bzero(c->once, sizeof(c->once));
}

static enum rc add_token(struct store_txn *txn, struct core_change *c)
{
    struct store_user maker = {};
    enum rc rc = RC_OK;

    /* Who was removed meanwhile leaves no token behind. */
    if (c->token.made_by)
        rc = store_user_get(txn, c->a, c->token.made_by, &maker);
    if (rc == RC_OK && maker.removed)
        return RC_DENIED;
    TRY(rc);
    rc = store_token_add(txn, &c->token);
    if (rc == RC_EXISTS)
        return ERR(&c->err, rc, msg_taken, c->token.name);
    TRY(rc);
    return core_change_audit(txn, c, "token.created", "token", &c->token.id, c->token.name);
}

static enum rc make(struct core_change *c)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(TOKEN_TEXT);
    enum rc rc;

    TRY(crypto_random(c->once, CORE_TOKEN_BYTES));
    rc = put_text(c->once, &text);
    if (rc == RC_OK)
        rc = crypto_sha256(buf_str(&text), c->token.digest.b);
    if (text.p)
        explicit_bzero(text.p, text.n);
    return rc;
}

static enum rc read_new(struct core_change *c)
{
    CLEANUP(buf_done) struct buf shown = BUF_INIT(ROLES_TEXT);
    struct store_token there;
    struct str roles;
    enum rc rc;

    TRY(core_change_text(c, "name", STORE_TEXT_MAX, &c->token.name));
    if (!operators_name_good(c->token.name))
        return ERR(&c->err, RC_INVAL, msg_name);
    TRY(core_change_text(c, "roles", STORE_TEXT_MAX, &roles));
    if (operators_roles_parse(roles, &c->token.roles) != RC_OK ||
        c->token.roles & 1u << OPERATORS_APPROVER)
        return ERR(&c->err, RC_INVAL, msg_roles);
    TRY(core_change_when(c, "expires", &c->token.expires));
    if (c->token.expires == 0 || c->token.expires > c->now + CORE_TOKEN_LIFE_MAX)
        return ERR(&c->err, RC_INVAL, msg_expires, STR("366"));
    rc = store_token_by_name(store_read(c->core->store), c->a, c->token.name, &there);
    if (rc != RC_NOTFOUND)
        return rc == RC_OK ? ERR(&c->err, RC_EXISTS, msg_taken, c->token.name) : rc;
    TRY(id_new(&c->token.id));
    TRY(make(c));
    c->token.person = core_who_person(&c->who);
    c->token.made_by = c->who.user;
    c->token.created = c->now;
    c->token.created_by = c->asker;
    c->write = add_token;
    c->put = put_new;
    operators_roles_put(c->token.roles, &shown);
    return core_operators_two(c, 1u << CONF_TWO_OPERATORS,
                              arena_printf(c->a, "operators.change: create token %.*s, %.*s",
                                           STR_ARG(c->token.name), STR_ARG(buf_str(&shown))));
}

void core_token_create(struct core *core, struct ipc_req *req, const struct json *args,
                       struct core_who who)
{
    core_change_run(core, req, args, who, read_new);
}

/* ---- token revoke, token list */

static enum rc revoke(struct store_txn *txn, struct core_change *c)
{
    TRY(store_token_revoke(txn, &c->token.id, c->now));
    return core_change_audit(txn, c, "token.revoked", "token", &c->token.id, c->token.name);
}

static void put_old(struct core_change *c, struct json_out *o)
{
    c->token.revoked = c->now;
    put_token(o, &c->token);
}

static enum rc read_old(struct core_change *c)
{
    struct str name;
    char at[WHEN_TEXT];
    enum rc rc;

    TRY(core_change_text(c, "name", STORE_TEXT_MAX, &name));
    rc = store_token_by_name(store_read(c->core->store), c->a, name, &c->token);
    if (rc == RC_NOTFOUND)
        return ERR(&c->err, rc, msg_unknown, name);
    TRY(rc);
    if (c->token.revoked)
        return ERR(&c->err, RC_CONFLICT, msg_revoked, name,
                   str_of(when_text(c->token.revoked, at)));
    c->write = revoke;
    c->put = put_old;
    return RC_OK;
}

void core_token_revoke(struct core *core, struct ipc_req *req, const struct json *args,
                       struct core_who who)
{
    core_change_run(core, req, args, who, read_old);
}

static enum rc read_tokens(const void *arg, struct arena *a, struct store_cursor *at,
                           unsigned limit, const void **out, size_t *out_n)
{
    const struct core *core = arg;
    struct store_token *list;

    TRY(store_token_list(store_read(core->store), a, at, limit, &list, out_n));
    *out = list;
    return RC_OK;
}

static enum rc put_listed(const void *, const void *row, struct json_out *o)
{
    json_obj(o);
    put_token(o, row);
    json_end(o);
    return RC_OK;
}

enum rc core_token_list(struct core *core, const struct json *args, struct json_out *o,
                        struct err *err)
{
    static const struct api_rows rows = {.name = "tokens",
                                         .size = sizeof(struct store_token),
                                         .at = offsetof(struct store_token, n),
                                         .order = API_BY_NUMBER,
                                         .read = read_tokens,
                                         .put = put_listed};

    json_obj(o);
    TRY(api_list(&rows, args, core, o, err));
    json_end(o);
    return RC_OK;
}

/* Found by its digest, so that how long the look takes tells nothing of the token. */
enum rc core_token_check(struct core *core, struct str token, struct core_who *out)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(64 * 1024);
    when_t now = clock_now(ev_clock(core->ev));
    struct store_hash digest;
    struct store_token t;
    enum rc rc;

    if (token.n > TOKEN_TEXT)
        return RC_DENIED;
    TRY(crypto_sha256(token, digest.b));
    rc = store_token_find(store_read(core->store), &a, &digest, &t);
    if (rc == RC_NOTFOUND || (rc == RC_OK && (t.revoked || t.expires <= now)))
        return RC_DENIED;
    TRY(rc);
    *out = (struct core_who){.uid = CORE_NO_LOGIN,
                             .login = CORE_NO_LOGIN,
                             .way = CORE_BY_TOKEN,
                             .roles = t.roles,
                             .person = t.person};
    return str_copyz(t.name, out->name, sizeof(out->name));
}

/* ---- sessions */

/* A place is given again when its session is over: sessions are in order of their beginnings, and
 * of two that began at once of their ids. */
struct place {
    when_t began;
    struct id id;
    const struct ui_session *session;
};

static enum rc put_session(const void *, const void *row, struct json_out *o)
{
    CLEANUP(buf_done) struct buf roles = BUF_INIT(ROLES_TEXT);
    const struct ui_session *s = ((const struct place *)row)->session;
    char address[ADDR_TEXT];

    json_obj(o);
    operators_roles_put(s->user.roles, &roles);
    json_kv_id(o, "id", &s->id);
    if (s->user.n)
        json_kv_z(o, "user", s->user.name);
    else
        json_kv_null(o, "user");
    json_kv_str(o, "roles", buf_str(&roles));
    json_kv_when(o, "began", s->began);
    json_kv_when(o, "seen", s->seen);
    json_kv_z(o, "address", addr_text(&s->from, address));
    json_end(o);
    return RC_OK;
}

static int by_beginning(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    return x->began != y->began ? (x->began < y->began ? -1 : 1) : strcmp(x->id.z, y->id.z);
}

static bool is_behind(const struct ui_session *s, const struct store_cursor *at)
{
    return !at->id.z[0] || s->began > at->at ||
           (s->began == at->at && strcmp(s->id.z, at->id.z) > 0);
}

static enum rc read_sessions(const void *arg, struct arena *a, struct store_cursor *at,
                             unsigned limit, const void **out, size_t *out_n)
{
    const struct core *core = arg;
    when_t now = clock_now(ev_clock(core->ev));
    struct place *list = ARENA_ARRAY(a, struct place, UI_SESSIONS_MAX);
    size_t n = 0;

    if (!list)
        return RC_NOMEM;
    for (size_t i = 0; i < UI_SESSIONS_MAX; i++) {
        const struct ui_session *s = &core->ui.sessions.sessions[i];

        if (!ui_session_over(s, now) && is_behind(s, at))
            list[n++] = (struct place){s->began, s->id, s};
    }
    qsort(list, n, sizeof(*list), by_beginning);
    at->end = n <= limit;
    *out = list;
    *out_n = at->end ? n : limit;
    return RC_OK;
}

enum rc core_session_list(struct core *core, const struct json *args, struct json_out *o,
                          struct err *err)
{
    static const struct api_rows rows = {.name = "sessions",
                                         .size = sizeof(struct place),
                                         .at = offsetof(struct place, began),
                                         .id = offsetof(struct place, id),
                                         .order = API_BY_TIME,
                                         .read = read_sessions,
                                         .put = put_session};

    json_obj(o);
    TRY(api_list(&rows, args, core, o, err));
    json_end(o);
    return RC_OK;
}

/* By its id, which is in c->token, or its user, in c->user; the arguments are gone by the time that
 * it is written. */
static bool is_meant(const struct core_change *c, const struct ui_session *s)
{
    struct str id = id_str(&c->token.id), name = c->user.name;

    if (ui_session_over(s, c->now) || (!id.n && !name.n))
        return false;
    return (!id.n || str_eq(id, id_str(&s->id))) && (!name.n || str_eq(name, str_of(s->user.name)));
}

static size_t count(const struct core_change *c)
{
    size_t n = 0;

    for (size_t i = 0; i < UI_SESSIONS_MAX; i++)
        n += is_meant(c, &c->core->ui.sessions.sessions[i]);
    return n;
}

static enum rc audit_end(struct store_txn *txn, struct core_change *c)
{
    return core_change_audit(txn, c, "session.ended", "session", &c->token.id, c->user.name);
}

static void put_ended(struct core_change *c, struct json_out *o)
{
    json_kv_u64(o, "sessions", count(c));
    for (size_t i = 0; i < UI_SESSIONS_MAX; i++)
        if (!c->dry && is_meant(c, &c->core->ui.sessions.sessions[i]))
            ui_session_end(&c->core->ui.sessions.sessions[i]);
}

static enum rc read_end(struct core_change *c)
{
    struct str id;

    TRY(core_change_text(c, "id", STORE_TEXT_MAX, &id));
    TRY(core_change_text(c, "name", STORE_TEXT_MAX, &c->user.name));
    if ((id.n && id_parse(id, &c->token.id) != RC_OK) || !count(c))
        return ERR(&c->err, RC_NOTFOUND, msg_session);
    c->write = audit_end;
    c->put = put_ended;
    return RC_OK;
}

void core_session_end(struct core *core, struct ipc_req *req, const struct json *args,
                      struct core_who who)
{
    core_change_run(core, req, args, who, read_end);
}
