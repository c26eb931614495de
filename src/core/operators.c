/* SPDX-License-Identifier: Apache-2.0 */
#include "core/operators.h"

#include <grp.h>
#include <pwd.h>

#include "api/page.h"
#include "core/change.h"
#include "crypto/crypto.h"
#include "crypto/password.h"
#include "log/log.h"

MSG(msg_host, "core.operators-host", "control.operators: this host has no {0} \"{1}\"");
MSG(msg_many, "core.operators-many", "control.operators: there are more than {0}");
MSG(msg_name, "core.user-name",
    "\"name\" has to be 1 to 64 letters, digits, \"-\", \"_\", \".\" and \"@\", the first a letter "
    "or "
    "digit");
MSG(msg_roles, "core.user-roles",
    "\"roles\" has to be some of viewer, operator, approver, officer, auditor, with commas "
    "between");
MSG(msg_host_user, "core.user-host",
    "\"host_user\" has to be the number of the user of this host who is the same person, or -1 "
    "when "
    "there is none: else one person could allow what they asked for themselves");
MSG(msg_password, "core.user-password", "a password has {0} to {1} bytes");
MSG(msg_taken, "core.user-taken",
    "there is, or was, a user \"{0}\" already; names are not given twice, choose another");
MSG(msg_unknown, "core.user-unknown", "there is no user \"{0}\"; `autarky user list` shows all");
MSG(msg_removed, "core.user-removed", "the user \"{0}\" was removed at {1}");
MSG(msg_own, "core.user-own", "nobody changes their own roles; another security officer may");

enum { ROLES_TEXT = 64, NAME_BYTES = 64, GROUPS_MAX = 256 };

/* ---- of this host */

static enum rc resolve(const struct conf_operator *o, struct core_operator *out, struct err *err)
{
    char name[NAME_BYTES];

    TRY(str_copyz(o->name, name, sizeof(name)));
    *out = (struct core_operator){.group = o->group, .roles = o->roles};
    if (o->group) {
        /* cppcheck-suppress getgrnamCalled ; before any thread */
        const struct group *gr = getgrnam(name); /* NOLINT(concurrency-mt-unsafe): as above */

        if (!gr)
            return ERR(err, RC_NOTFOUND, msg_host, STR("group"), o->name);
        out->gid = gr->gr_gid;
    } else {
        /* cppcheck-suppress getpwnamCalled ; before any thread */
        const struct passwd *pw = getpwnam(name); /* NOLINT(concurrency-mt-unsafe): as above */

        if (!pw)
            return ERR(err, RC_NOTFOUND, msg_host, STR("user"), o->name);
        out->uid = pw->pw_uid;
    }
    return RC_OK;
}

enum rc core_operators_read(struct core *core, struct err *err)
{
    size_t n = core->conf->control.n_operators;

    if (n > CORE_OPERATORS_MAX)
        return ERR(err, RC_TOOBIG, msg_many, STR("64"));
    for (size_t i = 0; i < n; i++)
        TRY(resolve(&core->conf->control.operators[i], &core->operators[i], err));
    core->n_operators = n;
    return RC_OK;
}

static bool is_in(gid_t gid, const struct net_cred *cred, const gid_t *groups, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (groups[i] == gid)
            return true;
    return cred->gid == gid;
}

unsigned core_operators_roles(const struct core *core, int fd, const struct net_cred *cred)
{
    unsigned roles = core_is_person(core, cred->uid) ? 1u << OPERATORS_APPROVER : 0;
    gid_t groups[GROUPS_MAX];
    size_t n = 0;

    net_peer_groups(fd, groups, GROUPS_MAX, &n);
    for (size_t i = 0; i < core->n_operators; i++) {
        const struct core_operator *o = &core->operators[i];

        if (o->group ? is_in(o->gid, cred, groups, n) : o->uid == cred->uid)
            roles |= o->roles;
    }
    return roles;
}

/* ---- users */

int64_t core_person_of(const struct store_user *user)
{
    return user->host_user >= 0 ? user->host_user : CORE_PERSONS + user->n;
}

static void put_user(struct json_out *o, const struct store_user *u)
{
    CLEANUP(buf_done) struct buf roles = BUF_INIT(ROLES_TEXT);

    operators_roles_put(u->roles, &roles);
    json_kv_str(o, "name", u->name);
    json_kv_str(o, "roles", buf_str(&roles));
    json_kv_i64(o, "host_user", u->host_user);
    json_kv_when(o, "created", u->created);
    json_kv_str(o, "created_by", u->created_by);
    if (u->signed_in)
        json_kv_when(o, "signed_in", u->signed_in);
    if (u->removed)
        json_kv_when(o, "removed", u->removed);
}

/* The only time that the key is told; what was not made is not told either. */
static void put_totp(struct core_change *c, struct json_out *o)
{
    struct str key = str_bytes(c->once, OPERATORS_TOTP_KEY);
    CLEANUP(buf_done) struct buf url = BUF_INIT(STORE_TEXT_MAX);
    CLEANUP(buf_done) struct buf text = BUF_INIT(STORE_TEXT_MAX);

    put_user(o, &c->user);
    if (!c->dry) {
        operators_totp_url(key, c->core->conf->organization, c->user.name, &url);
        operators_totp_key_put(key, &text);
        json_kv_str(o, "totp", buf_str(&url));
        json_kv_str(o, "totp_key", buf_str(&text));
        explicit_bzero(url.p, url.n);
        explicit_bzero(text.p, text.n);
    }
    explicit_bzero(c->once, sizeof(c->once));
}

static void end_sessions(struct core_change *c)
{
    if (!c->dry)
        ui_sessions_end_user(&c->core->ui.sessions, c->user.n);
}

static void put_changed(struct core_change *c, struct json_out *o)
{
    end_sessions(c);
    put_user(o, &c->user);
}

static void put_new_totp(struct core_change *c, struct json_out *o)
{
    end_sessions(c);
    put_totp(c, o);
}

enum rc core_operators_two(struct core_change *c, unsigned kinds, struct str what)
{
    if (!what.p)
        return RC_NOMEM;
    c->approval = (struct core_approval){.who = c->who,
                                         .now = c->now,
                                         .arena = c->a,
                                         .action = STR("operators.change"),
                                         .what = what};
    return core_approval_begin_one(c->core, kinds, &c->approval);
}

/* Wherever anything takes two persons: else one alone could make the second. */
static enum rc two(struct core_change *c, const char *what)
{
    CLEANUP(buf_done) struct buf roles = BUF_INIT(ROLES_TEXT);

    operators_roles_put(c->user.roles, &roles);
    return core_operators_two(
        c, ~0u,
        arena_printf(c->a, "operators.change: %s user %.*s, %.*s, of this host's user %lld", what,
                     STR_ARG(c->user.name), STR_ARG(buf_str(&roles)),
                     (long long)c->user.host_user));
}

static enum rc read_roles(struct core_change *c)
{
    struct str text;

    TRY(core_change_text(c, "roles", STORE_TEXT_MAX, &text));
    if (operators_roles_parse(text, &c->user.roles) != RC_OK)
        return ERR(&c->err, RC_INVAL, msg_roles);
    return RC_OK;
}

static enum rc read_password(struct core_change *c)
{
    struct str text;

    if (json_str(json_get(c->args, "password"), &text) != RC_OK || text.n < CORE_PASSWORD_MIN ||
        text.n > CRYPTO_PASSWORD_MAX)
        return ERR(&c->err, RC_INVAL, msg_password, STR("12"), STR("256"));
    core_change_password(c, text);
    return RC_OK;
}

static enum rc make_totp(struct core_change *c)
{
    CLEANUP(buf_done) struct buf sealed = BUF_INIT(STORE_TOTP_MAX);

    TRY(crypto_random(c->once, OPERATORS_TOTP_KEY));
    TRY(core_totp_seal(c->core, &c->user.id, str_bytes(c->once, OPERATORS_TOTP_KEY), &sealed));
    return arena_str(c->a, buf_str(&sealed), &c->user.totp);
}

enum rc core_change_user(struct core_change *c)
{
    struct str name;
    char at[WHEN_TEXT];
    enum rc rc;

    TRY(core_change_text(c, "name", STORE_TEXT_MAX, &name));
    rc = store_user_find(store_read(c->core->store), c->a, name, &c->user);
    if (rc == RC_NOTFOUND)
        return ERR(&c->err, rc, msg_unknown, name);
    TRY(rc);
    if (c->user.removed)
        return ERR(&c->err, RC_CONFLICT, msg_removed, name, str_of(when_text(c->user.removed, at)));
    return RC_OK;
}

static enum rc audit(struct store_txn *txn, struct core_change *c, const char *action)
{
    return core_change_audit(txn, c, action, "user", &c->user.id, c->user.name);
}

/* ---- user add */

static enum rc add_user(struct store_txn *txn, struct core_change *c)
{
    enum rc rc = store_user_add(txn, &c->user);

    if (rc == RC_EXISTS)
        return ERR(&c->err, rc, msg_taken, c->user.name);
    TRY(rc);
    return audit(txn, c, "user.added");
}

static enum rc read_new(struct core_change *c)
{
    struct store_user there;
    enum rc rc;

    TRY(core_change_text(c, "name", STORE_TEXT_MAX, &c->user.name));
    if (!operators_name_good(c->user.name))
        return ERR(&c->err, RC_INVAL, msg_name);
    if (json_i64(json_get(c->args, "host_user"), &c->user.host_user) != RC_OK ||
        c->user.host_user < -1 || c->user.host_user >= CORE_NO_LOGIN)
        return ERR(&c->err, RC_INVAL, msg_host_user);
    TRY(read_roles(c));
    rc = store_user_find(store_read(c->core->store), c->a, c->user.name, &there);
    if (rc != RC_NOTFOUND)
        return rc == RC_OK ? ERR(&c->err, RC_EXISTS, msg_taken, c->user.name) : rc;
    TRY(id_new(&c->user.id));
    TRY(read_password(c));
    TRY(make_totp(c));
    c->user.created = c->now;
    c->user.created_by = c->asker;
    c->write = add_user;
    c->put = put_totp;
    return two(c, "add");
}

void core_user_add(struct core *core, struct ipc_req *req, const struct json *args,
                   struct core_who who)
{
    core_change_run(core, req, args, who, read_new);
}

/* ---- user totp, password, role, remove */

static enum rc set_totp(struct store_txn *txn, struct core_change *c)
{
    TRY(store_user_set_totp(txn, &c->user.id, c->user.totp));
    return audit(txn, c, "user.totp-replaced");
}

static enum rc read_totp(struct core_change *c)
{
    TRY(core_change_user(c));
    TRY(make_totp(c));
    c->write = set_totp;
    c->put = put_new_totp;
    return two(c, "new one-time codes for");
}

void core_user_totp(struct core *core, struct ipc_req *req, const struct json *args,
                    struct core_who who)
{
    core_change_run(core, req, args, who, read_totp);
}

static enum rc set_password(struct store_txn *txn, struct core_change *c)
{
    TRY(store_user_set_password(txn, &c->user.id, c->user.password));
    return audit(txn, c, "user.password-replaced");
}

static enum rc read_new_password(struct core_change *c)
{
    TRY(core_change_user(c));
    TRY(read_password(c));
    c->write = set_password;
    c->put = put_changed;
    return two(c, "new password for");
}

void core_user_password(struct core *core, struct ipc_req *req, const struct json *args,
                        struct core_who who)
{
    core_change_run(core, req, args, who, read_new_password);
}

static enum rc set_roles(struct store_txn *txn, struct core_change *c)
{
    TRY(store_user_set_roles(txn, &c->user.id, c->user.roles));
    return audit(txn, c, "user.roles-changed");
}

static enum rc read_role(struct core_change *c)
{
    TRY(core_change_user(c));
    if (core_who_person(&c->who) == core_person_of(&c->user) && !core_is_admin(c->core, &c->who))
        return ERR(&c->err, RC_DENIED, msg_own);
    TRY(read_roles(c));
    c->write = set_roles;
    c->put = put_changed;
    return two(c, "other roles for");
}

void core_user_role(struct core *core, struct ipc_req *req, const struct json *args,
                    struct core_who who)
{
    core_change_run(core, req, args, who, read_role);
}

static enum rc remove_user(struct store_txn *txn, struct core_change *c)
{
    TRY(store_user_remove(txn, &c->user.id, c->now));
    TRY(store_tokens_revoke_of(txn, c->user.n, c->now, &c->tokens));
    return audit(txn, c, "user.removed");
}

static void put_removed(struct core_change *c, struct json_out *o)
{
    put_changed(c, o);
    if (!c->dry)
        json_kv_u64(o, "tokens", c->tokens);
}

/* Whom nobody trusts any more goes at once, and with them what they gave to programs: this takes no
 * second person. */
static enum rc read_removed(struct core_change *c)
{
    TRY(core_change_user(c));
    c->write = remove_user;
    c->put = put_removed;
    return RC_OK;
}

void core_user_remove(struct core *core, struct ipc_req *req, const struct json *args,
                      struct core_who who)
{
    core_change_run(core, req, args, who, read_removed);
}

/* ---- user list */

static enum rc read_users(const void *arg, struct arena *a, struct store_cursor *at, unsigned limit,
                          const void **out, size_t *out_n)
{
    const struct core *core = arg;
    struct store_user *list;

    TRY(store_user_list(store_read(core->store), a, at, limit, &list, out_n));
    *out = list;
    return RC_OK;
}

static enum rc put_listed(const void *, const void *row, struct json_out *o)
{
    json_obj(o);
    put_user(o, row);
    json_end(o);
    return RC_OK;
}

enum rc core_user_list(struct core *core, const struct json *args, struct json_out *o,
                       struct err *err)
{
    static const struct api_rows rows = {.name = "users",
                                         .size = sizeof(struct store_user),
                                         .at = offsetof(struct store_user, n),
                                         .order = API_BY_NUMBER,
                                         .read = read_users,
                                         .put = put_listed};

    json_obj(o);
    TRY(api_list(&rows, args, core, o, err));
    json_end(o);
    return RC_OK;
}

enum rc core_person_name(const struct core *core, int64_t person, struct arena *a, struct str *out)
{
    struct store_user user;

    TRY(store_user_get(store_read(core->store), a, person - CORE_PERSONS, &user));
    *out = arena_printf(a, "user %.*s", STR_ARG(user.name));
    return out->p ? RC_OK : RC_NOMEM;
}
