/* SPDX-License-Identifier: Apache-2.0 */
/* Locks of issuance (ca/lock.h), set and lifted at an administrator's word. */
#include "core/locks.h"

#include "api/page.h"
#include "base/name.h"
#include "core/change.h"
#include "log/log.h"

MSG(msg_one_scope, "core.lock-scopes",
    "a lock is of one kind: give one of zone, issuer and account, or none of them for all");
MSG(msg_form, "core.lock-value", "\"{0}\" is not what \"{1}\" can be");
MSG(msg_issuer, "core.lock-issuer",
    "there is no issuer \"{0}\"; `autarky issuer list` shows what there is");
MSG(msg_account, "core.lock-account",
    "there is no account \"{0}\"; `autarky account list` shows what there is");
MSG(msg_why, "core.lock-reason",
    "say why: a lock stands in everybody's way, and its reason is what they are told");
MSG(msg_full, "core.lock-full", "{0} locks hold already; lift those that are not needed any more");
MSG(msg_same, "core.lock-same",
    "exactly that is frozen already; `autarky issuance status` shows it");
MSG(msg_none, "core.lock-none", "no such lock holds; `autarky issuance status` shows what does");
MSG(msg_which, "core.lock-which",
    "{0} locks hold, so say which one is to be lifted, by its id: `autarky issuance status` shows "
    "them");

enum { LIST_ARENA = 1024 * 1024 };

static enum rc read_zone(struct core_change *c, struct str text)
{
    char name[NAME_MAX_BYTES + 1];

    if (name_canonical(text, false, name) != RC_OK)
        return ERR(&c->err, RC_INVAL, msg_form, str_head(text, CORE_CHANGE_SHOWN), STR("zone"));
    c->lock.scope = STORE_LOCK_ZONE;
    return arena_str(c->a, str_of(name), &c->lock.value);
}

static enum rc read_account(struct core_change *c, struct str text)
{
    struct store_account account;
    struct id id;
    enum rc rc = id_parse(text, &id);

    if (rc == RC_OK)
        rc = store_account_get(store_read(c->core->store), c->a, &id, &account);
    if (rc == RC_NOMEM || rc == RC_IO)
        return rc;
    if (rc != RC_OK)
        return ERR(&c->err, RC_NOTFOUND, msg_account, str_head(text, CORE_CHANGE_SHOWN));
    c->lock.scope = STORE_LOCK_ACCOUNT;
    c->lock.value = text;
    return RC_OK;
}

static enum rc read_issuer(struct core_change *c, struct str text)
{
    if (!ca_issuer_find(c->core->ca, text))
        return ERR(&c->err, RC_NOTFOUND, msg_issuer, str_head(text, CORE_CHANGE_SHOWN));
    c->lock.scope = STORE_LOCK_ISSUER;
    c->lock.value = text;
    return RC_OK;
}

/* `given`: whether one was named at all. */
static enum rc read_scope(struct core_change *c, bool *given)
{
    static const struct {
        const char *name;
        enum rc (*read)(struct core_change *c, struct str text);
    } scopes[] = {{"zone", read_zone}, {"issuer", read_issuer}, {"account", read_account}};

    *given = false;
    for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
        struct str text;

        TRY(core_change_text(c, scopes[i].name, STORE_TEXT_MAX, &text));
        if (text.n == 0)
            continue;
        if (*given)
            return ERR(&c->err, RC_INVAL, msg_one_scope);
        *given = true;
        TRY(scopes[i].read(c, text));
    }
    return RC_OK;
}

/* ---- freeze */

static enum rc add_lock(struct store_txn *txn, struct core_change *c)
{
    enum rc rc = store_lock_add(txn, &c->lock);

    if (rc == RC_QUOTA)
        return ERR(&c->err, rc, msg_full, STR("64"));
    if (rc == RC_EXISTS)
        return ERR(&c->err, rc, msg_same);
    TRY(rc);
    return core_change_audit(txn, c, "issuance.frozen", "lock", &c->lock.id, c->lock.value);
}

static void put_frozen(struct core_change *c, struct json_out *o)
{
    if (!c->dry)
        log_warn("core.issuance-frozen", LOG_STR("lock", id_str(&c->lock.id)),
                 LOG_Z("scope", store_lock_scope_text(c->lock.scope)),
                 LOG_STR("value", c->lock.value), LOG_STR("by", c->asker),
                 LOG_STR("reason", c->lock.reason));
    api_lock_put(o, &c->lock);
}

static enum rc read_freeze(struct core_change *c)
{
    const struct json *renewals = json_get(c->args, "renewals");
    struct store_lock *lock = &c->lock;
    bool given;

    TRY(read_scope(c, &given));
    if (renewals && json_bool(renewals, &lock->renewals) != RC_OK)
        return ERR(&c->err, RC_INVAL, msg_form, STR("renewals"), STR("renewals"));
    if (c->why.n == 0)
        return ERR(&c->err, RC_INVAL, msg_why);
    lock->reason = c->why;
    lock->set_by = c->asker;
    lock->set = c->now;
    c->write = add_lock;
    c->put = put_frozen;
    return id_new(&lock->id);
}

void core_issuance_freeze(struct core *core, struct ipc_req *req, const struct json *args,
                          struct core_who who)
{
    core_change_run(core, req, args, who, read_freeze);
}

/* ---- thaw */

static enum rc lift_lock(struct store_txn *txn, struct core_change *c)
{
    enum rc rc = store_lock_lift(txn, &c->lock.id, c->asker, c->why, c->now);

    if (rc == RC_CONFLICT || rc == RC_NOTFOUND)
        return ERR(&c->err, RC_NOTFOUND, msg_none);
    TRY(rc);
    return core_change_audit(txn, c, "issuance.thawed", "lock", &c->lock.id, c->lock.value);
}

static void put_thawed(struct core_change *c, struct json_out *o)
{
    if (!c->dry)
        log_warn("core.issuance-thawed", LOG_STR("lock", id_str(&c->lock.id)),
                 LOG_STR("by", c->asker), LOG_STR("reason", c->why));
    api_lock_put(o, &c->lock);
}

/* By its id, by what it is of, or the only one there is. */
static enum rc find_lock(struct core_change *c, struct str id, bool scoped)
{
    struct store_lock *list;
    const struct store_lock *found = NULL;
    size_t n, fits = 0;

    TRY(store_lock_active(store_read(c->core->store), c->a, &list, &n));
    for (size_t i = 0; i < n; i++) {
        if (id.n ? !str_eq(id_str(&list[i].id), id)
                 : scoped &&
                       (list[i].scope != c->lock.scope || !str_eq(list[i].value, c->lock.value)))
            continue;
        found = &list[i];
        fits++;
    }
    if (!found)
        return ERR(&c->err, RC_NOTFOUND, msg_none);
    if (fits > 1)
        return ERR(&c->err, RC_INVAL, msg_which, arena_printf(c->a, "%zu", fits));
    c->lock = *found;
    return RC_OK;
}

/* A restore has left one only because two persons were wanted: by the configuration that was in
 * force then, which is not for the one of now to take back. */
static enum rc begin_approval(struct core_change *c)
{
    return str_eq(c->lock.set_by, STR(STORE_LOCK_BY_RESTORE))
               ? core_approval_begin_always(&c->approval)
               : core_approval_begin_one(c->core, 1U << CONF_TWO_THAW, &c->approval);
}

static enum rc read_thaw(struct core_change *c)
{
    bool scoped;
    struct str id, what;

    TRY(core_change_text(c, "id", STORE_TEXT_MAX, &id));
    TRY(read_scope(c, &scoped));
    TRY(find_lock(c, id, scoped));
    what = arena_printf(c->a, "issuance.thaw %s: %s%s%.*s, frozen by %.*s: %.*s", c->lock.id.z,
                        store_lock_scope_text(c->lock.scope), c->lock.value.n ? " " : "",
                        STR_ARG(c->lock.value), STR_ARG(c->lock.set_by), STR_ARG(c->lock.reason));
    if (!what.p)
        return RC_NOMEM;
    c->write = lift_lock;
    c->put = put_thawed;
    c->approval = (struct core_approval){
        .who = c->who, .now = c->now, .arena = c->a, .action = STR("issuance.thaw"), .what = what};
    return begin_approval(c);
}

void core_issuance_thaw(struct core *core, struct ipc_req *req, const struct json *args,
                        struct core_who who)
{
    core_change_run(core, req, args, who, read_thaw);
}

/* ---- status */

static enum rc read_lifted(const void *arg, struct arena *a, struct store_cursor *at,
                           unsigned limit, const void **out, size_t *out_n)
{
    const struct core *core = arg;
    struct store_lock *list;

    TRY(store_lock_lifted(store_read(core->store), a, at, limit, &list, out_n));
    *out = list;
    return RC_OK;
}

static enum rc put_listed(const void *, const void *row, struct json_out *o)
{
    json_obj(o);
    api_lock_put(o, row);
    json_end(o);
    return RC_OK;
}

enum rc core_issuance_status(struct core *core, const struct json *args, struct json_out *o,
                             struct err *err)
{
    static const struct api_rows rows = {.name = "lifted",
                                         .size = sizeof(struct store_lock),
                                         .at = offsetof(struct store_lock, n),
                                         .order = API_BY_NUMBER,
                                         .read = read_lifted,
                                         .put = put_listed};
    CLEANUP(arena_done) struct arena a = ARENA_INIT(LIST_ARENA);
    struct store_lock *active;
    size_t n;

    TRY(store_lock_active(store_read(core->store), &a, &active, &n));
    json_obj(o);
    json_kv_bool(o, "frozen", n > 0);
    if (!json_shown(args, "cursor").n) {
        json_key(o, "locks");
        json_arr(o);
        for (size_t i = 0; i < n; i++)
            TRY(put_listed(NULL, &active[i], o));
        json_end(o);
    }
    TRY(api_list(&rows, args, core, o, err));
    json_end(o);
    return RC_OK;
}
