/* SPDX-License-Identifier: Apache-2.0 */
#include "core/change.h"

#include "audit/audit.h"
#include "log/log.h"

MSG(msg_when, "core.admin-when",
    "\"{0}\" is no time from now on, as in 2026-12-24T18:00:00Z, or how long from now, as in 30d");
MSG(msg_busy, "core.admin-passwords",
    "too many passwords are looked at just now; give the command again in a few seconds");
MSG(msg_form, "core.admin-value", "\"{0}\" is not what \"{1}\" can be");

enum { ANSWER_MAX = 4 * 1024 * 1024, ROLES_TEXT = 64 };

static void fail(struct ipc_req *req, enum rc rc, struct err *err)
{
    err->rc = rc;
    core_admin_refuse(req, err);
}

static void succeed(struct core_change *c)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    struct json_out o;

    json_out_init(&o, &text, JSON_COMPACT);
    json_obj(&o);
    if (c->dry)
        json_kv_bool(&o, "dry_run", true);
    c->put(c, &o);
    json_end(&o);
    core_admin_reply(c->req, &o, &text);
}

static enum rc write_fn(struct store_txn *txn, void *arg)
{
    struct core_change *c = arg;

    c->err = ERR_INIT;
    c->approval.reason = c->why;
    TRY(core_approval_use(txn, &c->approval));
    TRY(c->write(txn, c));
    return idempotency_write(txn, c->key, c->made, &c->err);
}

static enum rc ask_fn(struct store_txn *txn, void *arg)
{
    return core_approval_ask(txn, &((struct core_change *)arg)->approval);
}

static void asked(enum rc rc, void *arg)
{
    struct core_change *c = arg;

    if (rc == RC_OK) {
        log_warn("core.approval-waits", LOG_STR("approval", id_str(&c->approval.row.id)),
                 LOG_STR("what", c->approval.what), LOG_STR("by", c->asker));
        rc = core_approval_says(&c->approval.row, &c->err);
    }
    fail(c->req, rc, &c->err);
}

static void written(enum rc rc, void *arg)
{
    struct core_change *c = arg;

    if (c->approval.missing) {
        rc = store_write(c->core->store, ask_fn, asked, c);
        if (rc == RC_OK)
            return;
    }
    if (rc == RC_OK)
        succeed(c);
    else
        fail(c->req, rc, &c->err);
}

static enum rc write_change(struct core_change *c)
{
    return store_write(c->core->store, write_fn, written, c);
}

static void hashed(void *arg, enum rc rc)
{
    struct core_change *c = arg;

    c->user.password = str_bytes(c->password.kept, sizeof(c->password.kept));
    if (rc == RC_OK)
        rc = write_change(c);
    if (rc != RC_OK)
        fail(c->req, rc, &c->err);
}

void core_change_password(struct core_change *c, struct str password)
{
    c->password.make = true;
    c->password.done = hashed;
    c->password.arg = c;
    core_password_put(&c->password, password);
}

static enum rc go_on(struct core_change *c)
{
    enum rc rc;

    if (!c->password.done)
        return write_change(c);
    rc = core_password_run(c->core->passwords, &c->password);
    return rc == RC_QUOTA ? ERR(&c->err, RC_AGAIN, msg_busy) : rc;
}

enum rc core_change_text(struct core_change *c, const char *name, size_t max, struct str *out)
{
    struct str text = STR("");

    *out = (struct str){NULL, 0};
    if (!json_get(c->args, name))
        return RC_OK;
    if (json_str(json_get(c->args, name), &text) != RC_OK || text.n > max || !str_printable(text))
        return ERR(&c->err, RC_INVAL, msg_form, str_head(text, CORE_CHANGE_SHOWN), str_of(name));
    return arena_str(c->a, text, out);
}

/* A time, or how long from now; 0 when it is not given. */
enum rc core_change_when(struct core_change *c, const char *name, when_t *out)
{
    struct str text;
    when_t t;

    *out = 0;
    TRY(core_change_text(c, name, CORE_CHANGE_SHOWN, &text));
    if (text.n == 0)
        return RC_OK;
    if (when_parse(text, &t) != RC_OK) {
        if (when_parse_span(text, &t) != RC_OK || t > WHEN_MAX - c->now)
            return ERR(&c->err, RC_INVAL, msg_when, text);
        t += c->now;
    }
    if (t <= c->now)
        return ERR(&c->err, RC_INVAL, msg_when, text);
    *out = t;
    return RC_OK;
}

enum rc core_change_audit(struct store_txn *txn, struct core_change *c, const char *action,
                          const char *kind, const struct id *object, struct str name)
{
    CLEANUP(buf_done) struct buf detail = BUF_INIT(AUDIT_DETAIL_MAX);
    CLEANUP(buf_done) struct buf roles = BUF_INIT(ROLES_TEXT);
    struct audit_event event = {
        .at = c->now,
        .actor_kind = AUDIT_OPERATOR,
        .actor = c->asker,
        .action = action,
        .object_kind = kind,
        .object = id_str(object),
        .reason = c->why,
    };
    struct json_out o;

    c->made = arena_printf(c->a, "%s %.*s", kind, STR_ARG(name.n ? name : id_str(object)));
    if (!c->made.p)
        return RC_NOMEM;
    operators_roles_put(c->user.roles | c->token.roles, &roles);
    if (name.n) {
        json_out_init(&o, &detail, JSON_COMPACT);
        json_obj(&o);
        json_kv_str(&o, "name", name);
        if (roles.n)
            json_kv_str(&o, "roles", buf_str(&roles));
        if (c->serial.n)
            json_kv_str(&o, "serial", c->serial);
        if (c->tokens)
            json_kv_u64(&o, "tokens", c->tokens);
        json_end(&o);
        TRY(json_out_done(&o));
        event.detail = buf_str(&detail);
    }
    return audit_append(txn, &event, NULL);
}

static struct core_change *begin(struct core *core, struct ipc_req *req, const struct json *args,
                                 struct core_who who)
{
    struct core_change *c = ARENA_NEW(ipc_req_arena(req), struct core_change);
    struct api_view v = core_view(core, NULL);

    if (!c)
        return NULL;
    c->core = core;
    c->req = req;
    c->a = ipc_req_arena(req);
    c->key = ipc_req_type(req) == IPC_HTTP ? ipc_req_kept(req) : NULL;
    c->args = args;
    c->now = v.now;
    c->who = who;
    if (json_get(args, "dry_run") && json_bool(json_get(args, "dry_run"), &c->dry) != RC_OK)
        c->dry = true;
    return core_who_str(who, c->a, &c->asker) == RC_OK ? c : NULL;
}

void core_change_run(struct core *core, struct ipc_req *req, const struct json *args,
                     struct core_who who, enum rc (*read)(struct core_change *c))
{
    struct core_change *c = begin(core, req, args, who);
    struct err err = ERR_INIT;
    enum rc rc;

    if (!c) {
        fail(req, RC_NOMEM, &err);
        return;
    }
    rc = core_change_text(c, "reason", STORE_TEXT_MAX, &c->why);
    c->why = str_trim(c->why); /* blanks are no reason */
    if (rc == RC_OK)
        rc = read(c);
    if (rc == RC_OK && c->dry) {
        succeed(c);
        return;
    }
    if (rc == RC_OK)
        rc = go_on(c);
    if (rc != RC_OK)
        fail(req, rc, &c->err);
}
