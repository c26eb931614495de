/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator does about ACME clients: keys for external account bindings, accounts, and
 * renewals pulled forward. Changes are written with their event in the trail, which names the user;
 * with "dry_run" everything is looked at and nothing written. */
#include "core/accounts.h"

#include "audit/audit.h"
#include "base/name.h"
#include "base/text.h"
#include "log/log.h"
#include "store/accounts.h"
#include "store/certificates.h"
#include "store/eab.h"
#include "store/orders.h"
#include "store/renewals.h"

MSG(msg_name, "core.eab-name",
    "\"name\" has to be 1 to 64 letters, digits, \"-\", \"_\" and \".\": rules name the key by it");
MSG(msg_taken, "core.eab-taken",
    "there is, or was, a key \"{0}\" already; names are not given twice, choose another");
MSG(msg_number, "core.eab-accounts", "\"accounts\" has to be a number from 1 to {0}");
MSG(msg_when, "core.admin-when",
    "\"{0}\" is no time from now on, as in 2026-12-24T18:00:00Z, or how long from now, as in 30d");
MSG(msg_no_eab, "core.eab-unknown", "there is no key \"{0}\"; `autarky eab list` shows all");
MSG(msg_eab_revoked, "core.eab-revoked", "the key \"{0}\" was revoked at {1}");
MSG(msg_no_key, "core.eab-away",
    "this server has no key to make keys for account bindings from; its log says why");
MSG(msg_no_account, "core.account-unknown",
    "there is no account \"{0}\"; `autarky account list` shows all");
MSG(msg_account_over, "core.account-over", "the account {0} is {1} already");
MSG(msg_status, "core.account-status",
    "\"status\" is \"{0}\"; it can be valid, deactivated or revoked");
MSG(msg_nothing, "core.renewal-nothing",
    "say which certificates: at least one of issuer, profile, public key, name and domain");
MSG(msg_form, "core.renewal-form", "\"{0}\" is not what \"{1}\" can be");
MSG(msg_full, "core.renewal-full",
    "{0} renewals that were pulled forward are not over yet; wait for the end of one");

enum {
    ANSWER_MAX = 4 * 1024 * 1024,
    ACCOUNTS_MAX = 1'000'000,
    LIST_DEFAULT = 100,
    LIST_ARENA = 32 * 1024 * 1024,
    EAB_NAME_MAX = 64,
};

/* One command under way; lives in the request's arena. */
struct change {
    struct core *core;
    struct ipc_req *req;
    struct arena *a;
    const struct json *args;
    struct str asker; /* "uid 0" */
    struct str why;
    when_t now;
    bool dry;
    struct err err;
    struct store_eab eab;
    struct store_account account;
    struct store_renewal renewal;
    uint64_t certificates;
    enum rc (*write)(struct store_txn *txn, struct change *c);
    void (*put)(struct change *c, struct json_out *o);
};

static void fail(struct ipc_req *req, enum rc rc, struct err *err)
{
    err->rc = rc;
    ipc_reply_err(req, err);
}

static void succeed(struct change *c)
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
    struct change *c = arg;

    c->err = ERR_INIT;
    return c->write(txn, c);
}

static void written(enum rc rc, void *arg)
{
    struct change *c = arg;

    if (rc == RC_OK)
        succeed(c);
    else
        fail(c->req, rc, &c->err);
}

static enum rc text_arg(struct change *c, const char *name, size_t max, struct str *out)
{
    struct str text = STR("");

    *out = (struct str){NULL, 0};
    if (!json_get(c->args, name))
        return RC_OK;
    if (json_str(json_get(c->args, name), &text) != RC_OK || text.n > max || !str_printable(text))
        return ERR(&c->err, RC_INVAL, msg_form, str_head(text, EAB_NAME_MAX), str_of(name));
    return arena_str(c->a, text, out);
}

/* A time, or how long from now; 0 when it is not given. */
static enum rc when_arg(struct change *c, const char *name, when_t *out)
{
    struct str text;
    when_t t;

    *out = 0;
    TRY(text_arg(c, name, EAB_NAME_MAX, &text));
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

static enum rc audit(struct store_txn *txn, const struct change *c, const char *action,
                     const char *kind, const struct id *object, struct str name)
{
    CLEANUP(buf_done) struct buf detail = BUF_INIT(AUDIT_DETAIL_MAX);
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

    if (name.n) {
        json_out_init(&o, &detail, JSON_COMPACT);
        json_obj(&o);
        json_kv_str(&o, "name", name);
        json_end(&o);
        TRY(json_out_done(&o));
        event.detail = buf_str(&detail);
    }
    return audit_append(txn, &event, NULL);
}

static struct change *begin(struct core *core, struct ipc_req *req, const struct json *args,
                            uid_t uid)
{
    struct change *c = ARENA_NEW(ipc_req_arena(req), struct change);
    struct api_view v = core_view(core, NULL);

    if (!c)
        return NULL;
    c->core = core;
    c->req = req;
    c->a = ipc_req_arena(req);
    c->args = args;
    c->now = v.now;
    if (json_get(args, "dry_run") && json_bool(json_get(args, "dry_run"), &c->dry) != RC_OK)
        c->dry = true;
    c->asker = arena_printf(c->a, "uid %u", (unsigned)uid);
    return c->asker.p ? c : NULL;
}

static void run(struct core *core, struct ipc_req *req, const struct json *args, uid_t uid,
                enum rc (*read)(struct change *c))
{
    struct change *c = begin(core, req, args, uid);
    struct err err = ERR_INIT;
    enum rc rc;

    if (!c) {
        fail(req, RC_NOMEM, &err);
        return;
    }
    rc = text_arg(c, "reason", STORE_TEXT_MAX, &c->why);
    if (rc == RC_OK)
        rc = read(c);
    if (rc == RC_OK && c->dry) {
        succeed(c);
        return;
    }
    if (rc == RC_OK)
        rc = store_write(core->store, write_fn, written, c);
    if (rc != RC_OK)
        fail(req, rc, &c->err);
}

/* ---- eab create */

static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char x = s.p[i];
        bool plain = (x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z') || (x >= '0' && x <= '9');

        if (!plain && (i == 0 || str_find(STR("-_."), x) == 3))
            return false;
    }
    return s.n > 0 && s.n <= EAB_NAME_MAX;
}

static enum rc add_eab(struct store_txn *txn, struct change *c)
{
    enum rc rc = store_eab_add(txn, &c->eab);

    if (rc == RC_EXISTS)
        return ERR(&c->err, rc, msg_taken, c->eab.name);
    TRY(rc);
    return audit(txn, c, "eab.created", "eab", &c->eab.id, c->eab.name);
}

static void put_eab(struct json_out *o, const struct store_eab *e)
{
    json_kv_str(o, "name", e->name);
    json_kv_id(o, "kid", &e->id);
    json_kv_u64(o, "accounts", e->accounts);
    json_kv_when(o, "created", e->created);
    if (e->expires)
        json_kv_when(o, "expires", e->expires);
    if (e->revoked)
        json_kv_when(o, "revoked", e->revoked);
    if (e->reason.n)
        json_kv_str(o, "reason", e->reason);
}

/* The only time that the key itself is told. */
static void put_new_eab(struct change *c, struct json_out *o)
{
    unsigned char secret[ACME_EAB_KEY];

    put_eab(o, &c->eab);
    if (c->dry || acme_eab_secret(c->core->acme, &c->eab.id, secret) != RC_OK)
        return;
    json_kv_b64url(o, "key", str_bytes(secret, sizeof(secret)));
    explicit_bzero(secret, sizeof(secret));
}

static enum rc read_new_eab(struct change *c)
{
    unsigned char secret[ACME_EAB_KEY];
    struct store_eab there;
    enum rc rc;

    TRY(text_arg(c, "name", STORE_TEXT_MAX, &c->eab.name));
    if (!is_name(c->eab.name))
        return ERR(&c->err, RC_INVAL, msg_name);
    c->eab.accounts = 1;
    if (json_get(c->args, "accounts") &&
        (json_u64(json_get(c->args, "accounts"), &c->eab.accounts) != RC_OK ||
         c->eab.accounts == 0 || c->eab.accounts > ACCOUNTS_MAX))
        return ERR(&c->err, RC_INVAL, msg_number, STR("1000000"));
    TRY(when_arg(c, "expires", &c->eab.expires));
    TRY(id_new(&c->eab.id));
    if (acme_eab_secret(c->core->acme, &c->eab.id, secret) != RC_OK)
        return ERR(&c->err, RC_UNSUPPORTED, msg_no_key);
    explicit_bzero(secret, sizeof(secret));
    rc = store_eab_find(store_read(c->core->store), c->a, c->eab.name, &there);
    if (rc != RC_NOTFOUND)
        return rc == RC_OK ? ERR(&c->err, RC_EXISTS, msg_taken, c->eab.name) : rc;
    c->eab.created = c->now;
    c->eab.reason = c->why;
    c->write = add_eab;
    c->put = put_new_eab;
    return RC_OK;
}

void core_eab_create(struct core *core, struct ipc_req *req, const struct json *args, uid_t uid)
{
    run(core, req, args, uid, read_new_eab);
}

/* ---- eab revoke, eab list */

static enum rc revoke_eab(struct store_txn *txn, struct change *c)
{
    enum rc rc = store_eab_revoke(txn, &c->eab.id, c->now);
    char at[WHEN_TEXT];

    if (rc == RC_CONFLICT)
        return ERR(&c->err, rc, msg_eab_revoked, c->eab.name,
                   str_of(when_text(c->eab.revoked, at)));
    TRY(rc);
    return audit(txn, c, "eab.revoked", "eab", &c->eab.id, c->eab.name);
}

static void put_old_eab(struct change *c, struct json_out *o)
{
    c->eab.revoked = c->now;
    put_eab(o, &c->eab);
}

static enum rc read_old_eab(struct change *c)
{
    struct str name;
    char at[WHEN_TEXT];
    enum rc rc;

    TRY(text_arg(c, "name", STORE_TEXT_MAX, &name));
    rc = store_eab_find(store_read(c->core->store), c->a, name, &c->eab);
    if (rc == RC_NOTFOUND)
        return ERR(&c->err, rc, msg_no_eab, name);
    TRY(rc);
    if (c->eab.revoked)
        return ERR(&c->err, RC_CONFLICT, msg_eab_revoked, name,
                   str_of(when_text(c->eab.revoked, at)));
    c->write = revoke_eab;
    c->put = put_old_eab;
    return RC_OK;
}

void core_eab_revoke(struct core *core, struct ipc_req *req, const struct json *args, uid_t uid)
{
    run(core, req, args, uid, read_old_eab);
}

enum rc core_eab_list(struct core *core, struct json_out *o)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(LIST_ARENA);
    struct store_cursor at = {0};
    struct store_eab *list;
    size_t n;

    TRY(store_eab_list(store_read(core->store), &a, &at, &list, &n));
    json_obj(o);
    json_key(o, "items");
    json_arr(o);
    for (size_t i = 0; i < n; i++) {
        struct store_account_filter filter = {.eab_key = list[i].name};
        uint64_t made;

        TRY(store_account_count(store_read(core->store), &filter, &made));
        json_obj(o);
        put_eab(o, &list[i]);
        json_kv_u64(o, "made", made);
        json_end(o);
    }
    json_end(o);
    json_end(o);
    return RC_OK;
}

/* ---- accounts */

static void put_account(struct json_out *o, const struct store_account *a)
{
    char from[ADDR_TEXT];

    json_kv_id(o, "id", &a->id);
    json_kv_z(o, "status", store_account_status_text(a->status));
    json_key(o, "contact");
    json_arr(o);
    for (size_t i = 0; i < a->n_contacts; i++)
        json_put_str(o, a->contacts[i]);
    json_end(o);
    if (a->eab_key.n)
        json_kv_str(o, "eab", a->eab_key);
    if (a->terms_at)
        json_kv_when(o, "terms_agreed", a->terms_at);
    json_kv_when(o, "created", a->created);
    json_kv_z(o, "created_from", a->created_from.n ? addr_text(&a->created_from, from) : NULL);
    json_kv_b64url(o, "key_thumbprint", str_bytes(a->thumbprint.b, STORE_SHA256));
}

static enum rc find_account(struct core *core, struct arena *a, const struct json *args,
                            struct store_account *out, struct err *err)
{
    struct str text = STR("");
    struct id id;
    enum rc rc;

    IGNORE_RC(json_str(json_get(args, "id"), &text)); /* then there is none */
    rc = id_parse(text, &id);
    if (rc == RC_OK)
        rc = store_account_get(store_read(core->store), a, &id, out);
    if (rc == RC_OK || rc == RC_NOMEM || rc == RC_IO)
        return rc;
    return ERR(err, RC_NOTFOUND, msg_no_account, str_head(text, EAB_NAME_MAX));
}

enum rc core_account_show(struct core *core, const struct json *args, struct json_out *o,
                          struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(LIST_ARENA);
    struct store_certificate_filter certificates = {.statuses = 1u << STORE_CERTIFICATE_VALID};
    struct api_view v = core_view(core, NULL);
    struct store_account account;
    uint64_t open, valid;
    when_t first;

    TRY(find_account(core, &a, args, &account, err));
    TRY(store_order_open(store_read(core->store), &account.id, 0, v.now, &open, &first));
    certificates.account = account.id;
    certificates.not_after_from = v.now;
    TRY(store_certificate_count(store_read(core->store), &certificates, &valid));
    json_obj(o);
    put_account(o, &account);
    json_kv_u64(o, "orders_open", open);
    json_kv_u64(o, "certificates_valid", valid);
    json_end(o);
    return RC_OK;
}

static enum rc read_account_filter(const struct json *args, struct store_account_filter *f,
                                   struct store_cursor *at, struct err *err)
{
    struct str text = STR(""), micros, id;
    uint64_t n = LIST_DEFAULT;

    IGNORE_RC(json_str(json_get(args, "eab"), &f->eab_key)); /* not given */
    if (json_get(args, "limit") && (json_u64(json_get(args, "limit"), &n) != RC_OK || n == 0 ||
                                    n > STORE_PAGE_MAX))
        return ERR(err, RC_INVAL, msg_form, STR("limit"), STR("limit"));
    f->limit = (unsigned)n;
    if (json_str(json_get(args, "status"), &text) == RC_OK) {
        for (unsigned s = 0; s < STORE_ACCOUNT_STATUSES; s++)
            if (str_eq(text, str_of(store_account_status_text(s))))
                f->statuses = 1u << s;
        if (!f->statuses)
            return ERR(err, RC_INVAL, msg_status, str_head(text, EAB_NAME_MAX));
    }
    if (json_str(json_get(args, "cursor"), &text) != RC_OK)
        return RC_OK;
    if (!str_cut(text, '-', &micros, &id) || str_u64(micros, WHEN_MAX, &n) != RC_OK ||
        id_parse(id, &at->id) != RC_OK)
        return ERR(err, RC_INVAL, msg_form, str_head(text, EAB_NAME_MAX), STR("cursor"));
    at->at = (int64_t)n;
    return RC_OK;
}

enum rc core_account_list(struct core *core, const struct json *args, struct json_out *o,
                          struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(LIST_ARENA);
    CLEANUP(buf_done) struct buf next = BUF_INIT(EAB_NAME_MAX);
    struct store_account_filter filter = {.limit = 0};
    struct store_cursor at = {0};
    struct store_account *list;
    size_t n;

    TRY(read_account_filter(args, &filter, &at, err));
    TRY(store_account_list(store_read(core->store), &a, &filter, &at, &list, &n));
    json_obj(o);
    json_key(o, "items");
    json_arr(o);
    for (size_t i = 0; i < n; i++) {
        json_obj(o);
        put_account(o, &list[i]);
        json_end(o);
    }
    json_end(o);
    json_key(o, "next");
    if (at.end || n < filter.limit) {
        json_put_null(o);
    } else {
        buf_printf(&next, "%lld-%s", (long long)at.at, at.id.z);
        json_put_str(o, buf_str(&next));
    }
    json_end(o);
    return RC_OK;
}

static enum rc deactivate(struct store_txn *txn, struct change *c)
{
    enum rc rc = store_account_move(txn, &c->account.id, STORE_ACCOUNT_VALID,
                                    STORE_ACCOUNT_REVOKED);

    if (rc == RC_CONFLICT)
        return ERR(&c->err, rc, msg_account_over, id_str(&c->account.id), STR("deactivated"));
    TRY(rc);
    return audit(txn, c, "account.revoked", "account", &c->account.id, (struct str){NULL, 0});
}

static void put_deactivated(struct change *c, struct json_out *o)
{
    if (!c->dry)
        c->account.status = STORE_ACCOUNT_REVOKED;
    put_account(o, &c->account);
}

/* RFC 8555 section 7.1.2: "revoked" when the server ends it, "deactivated" when the client does. */
static enum rc read_deactivation(struct change *c)
{
    TRY(find_account(c->core, c->a, c->args, &c->account, &c->err));
    if (c->account.status != STORE_ACCOUNT_VALID)
        return ERR(&c->err, RC_CONFLICT, msg_account_over, id_str(&c->account.id),
                   str_of(store_account_status_text(c->account.status)));
    c->write = deactivate;
    c->put = put_deactivated;
    return RC_OK;
}

void core_account_deactivate(struct core *core, struct ipc_req *req, const struct json *args,
                             uid_t uid)
{
    run(core, req, args, uid, read_deactivation);
}

/* ---- renewals */

static enum rc read_key(struct change *c, struct store_certificate_filter *f)
{
    CLEANUP(buf_done) struct buf bytes = BUF_INIT(STORE_SHA256);
    struct str text;

    TRY(text_arg(c, "public_key", 2 * STORE_SHA256, &text));
    if (text.n == 0)
        return RC_OK;
    if (text_unhex(text, &bytes) != RC_OK || bytes.n != STORE_SHA256)
        return ERR(&c->err, RC_INVAL, msg_form, text, STR("public_key"));
    memcpy(c->renewal.spki_sha256.b, bytes.p, STORE_SHA256);
    c->renewal.by_key = true;
    f->spki = &c->renewal.spki_sha256;
    return RC_OK;
}

static enum rc canonical(struct change *c, const char *what, bool address, struct str *text)
{
    char name[NAME_MAX_BYTES + 1];
    struct addr a;

    if (text->n == 0)
        return RC_OK;
    if (address && addr_parse(*text, &a) == RC_OK)
        return arena_str(c->a, str_of(addr_text(&a, name)), text);
    if (name_canonical(*text, address, name) != RC_OK)
        return ERR(&c->err, RC_INVAL, msg_form, str_head(*text, EAB_NAME_MAX), str_of(what));
    return arena_str(c->a, str_of(name), text);
}

static enum rc read_issuer(struct change *c, struct store_certificate_filter *f)
{
    const struct ca_issuer *issuer;
    struct str ref;

    TRY(text_arg(c, "issuer", STORE_TEXT_MAX, &ref));
    if (ref.n == 0)
        return RC_OK;
    issuer = ca_issuer_find(c->core->ca, ref);
    if (!issuer)
        return ERR(&c->err, RC_NOTFOUND, msg_form, ref, STR("issuer"));
    c->renewal.issuer = issuer->id;
    f->issuer = issuer->id;
    return RC_OK;
}

static enum rc read_set(struct change *c, struct store_certificate_filter *f)
{
    struct store_renewal *w = &c->renewal;
    struct store_name *name = ARENA_NEW(c->a, struct store_name);
    struct addr a;

    if (!name)
        return RC_NOMEM;
    TRY(read_issuer(c, f));
    TRY(read_key(c, f));
    TRY(text_arg(c, "profile", STORE_TEXT_MAX, &w->profile));
    TRY(text_arg(c, "name", STORE_TEXT_MAX, &w->name));
    TRY(text_arg(c, "under", STORE_TEXT_MAX, &w->under));
    TRY(canonical(c, "name", true, &w->name));
    TRY(canonical(c, "under", false, &w->under));
    if (!w->issuer.z[0] && !w->by_key && !w->profile.n && !w->name.n && !w->under.n)
        return ERR(&c->err, RC_INVAL, msg_nothing);
    f->profile = w->profile;
    f->under = w->under;
    if (w->name.n) {
        name->type = addr_parse(w->name, &a) == RC_OK ? STORE_NAME_IP : STORE_NAME_DNS;
        name->value = w->name;
        f->name = name;
    }
    return RC_OK;
}

static enum rc add_renewal(struct store_txn *txn, struct change *c)
{
    enum rc rc = store_renewal_add(txn, &c->renewal);

    if (rc == RC_QUOTA)
        return ERR(&c->err, rc, msg_full, STR("256"));
    TRY(rc);
    return audit(txn, c, "renewal.pulled", "renewal", &c->renewal.id, c->renewal.name);
}

static void put_renewal(struct core *core, struct json_out *o, const struct store_renewal *w)
{
    const struct ca_issuer *issuer = ca_issuer_by_id(core->ca, &w->issuer);
    CLEANUP(buf_done) struct buf hex = BUF_INIT(2 * STORE_SHA256);

    json_kv_id(o, "id", &w->id);
    if (issuer)
        json_kv_str(o, "issuer", issuer->ref);
    if (w->profile.n)
        json_kv_str(o, "profile", w->profile);
    if (w->by_key) {
        text_hex(&hex, str_bytes(w->spki_sha256.b, STORE_SHA256));
        json_kv_str(o, "public_key", buf_str(&hex));
    }
    if (w->name.n)
        json_kv_str(o, "name", w->name);
    if (w->under.n)
        json_kv_str(o, "under", w->under);
    json_kv_when(o, "created", w->created);
    json_kv_when(o, "first", w->first);
    json_kv_when(o, "last", w->last);
    if (w->reason.n)
        json_kv_str(o, "reason", w->reason);
    if (w->url.n)
        json_kv_str(o, "url", w->url);
}

static void put_pulled(struct change *c, struct json_out *o)
{
    put_renewal(c->core, o, &c->renewal);
    json_kv_u64(o, "certificates", c->certificates);
}

static enum rc read_renewal(struct change *c)
{
    struct store_certificate_filter filter = {
        .statuses = 1u << STORE_CERTIFICATE_VALID, .not_after_from = c->now};
    struct store_renewal *w = &c->renewal;

    TRY(read_set(c, &filter));
    TRY(text_arg(c, "url", STORE_TEXT_MAX, &w->url));
    if (w->url.n && !str_starts(w->url, STR("https://")) && !str_starts(w->url, STR("http://")))
        return ERR(&c->err, RC_INVAL, msg_form, str_head(w->url, EAB_NAME_MAX), STR("url"));
    TRY(when_arg(c, "within", &w->last));
    if (!w->last)
        w->last = c->now + WHEN_DAY;
    w->first = c->now;
    w->created = c->now;
    w->reason = c->why;
    TRY(id_new(&w->id));
    TRY(store_certificate_count(store_read(c->core->store), &filter, &c->certificates));
    c->write = add_renewal;
    c->put = put_pulled;
    return RC_OK;
}

void core_renewal_pull(struct core *core, struct ipc_req *req, const struct json *args, uid_t uid)
{
    run(core, req, args, uid, read_renewal);
}

enum rc core_renewal_list(struct core *core, struct json_out *o)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(LIST_ARENA);
    struct store_renewal *list;
    size_t n;

    TRY(store_renewal_list(store_read(core->store), &a, 0, &list, &n));
    json_obj(o);
    json_key(o, "items");
    json_arr(o);
    for (size_t i = 0; i < n; i++) {
        json_obj(o);
        put_renewal(core, o, &list[i]);
        json_end(o);
    }
    json_end(o);
    json_end(o);
    return RC_OK;
}
