/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator does about ACME clients: keys for external account bindings, and accounts.
 */
#include "core/accounts.h"

#include "api/page.h"
#include "core/change.h"
#include "store/certificates.h"
#include "store/orders.h"
#include "store/stars.h"

MSG(msg_name, "core.eab-name",
    "\"name\" has to be 1 to 64 letters, digits, \"-\", \"_\" and \".\": rules name the key by it");
MSG(msg_taken, "core.eab-taken",
    "there is, or was, a key \"{0}\" already; names are not given twice, choose another");
MSG(msg_number, "core.eab-accounts", "\"accounts\" has to be a number from 1 to {0}");
MSG(msg_no_eab, "core.eab-unknown", "there is no key \"{0}\"; `autarky eab list` shows all");
MSG(msg_eab_revoked, "core.eab-revoked", "the key \"{0}\" was revoked at {1}");
MSG(msg_no_key, "core.eab-away",
    "this server has no key to make keys for account bindings from; its log says why");
MSG(msg_no_account, "core.account-unknown",
    "there is no account \"{0}\"; `autarky account list` shows all");
MSG(msg_account_over, "core.account-over", "the account {0} is {1} already");
MSG(msg_status, "core.account-status",
    "\"status\" is \"{0}\"; it can be valid, deactivated or revoked");

enum {
    ACCOUNTS_MAX = 1'000'000,
    LIST_ARENA = 32 * 1024 * 1024,
    CANCEL_ARENA = 1 << 20,
    EAB_NAME_MAX = 64,
};

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

static enum rc add_eab(struct store_txn *txn, struct core_change *c)
{
    enum rc rc = store_eab_add(txn, &c->eab);

    if (rc == RC_EXISTS)
        return ERR(&c->err, rc, msg_taken, c->eab.name);
    TRY(rc);
    return core_change_audit(txn, c, "eab.created", "eab", &c->eab.id, c->eab.name);
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
static void put_new_eab(struct core_change *c, struct json_out *o)
{
    unsigned char secret[ACME_EAB_KEY];

    put_eab(o, &c->eab);
    if (c->dry || acme_eab_secret(c->core->acme, &c->eab.id, secret) != RC_OK)
        return;
    json_kv_b64url(o, "key", str_bytes(secret, sizeof(secret)));
    explicit_bzero(secret, sizeof(secret));
}

static enum rc read_new_eab(struct core_change *c)
{
    unsigned char secret[ACME_EAB_KEY];
    struct store_eab there;
    enum rc rc;

    TRY(core_change_text(c, "name", STORE_TEXT_MAX, &c->eab.name));
    if (!is_name(c->eab.name))
        return ERR(&c->err, RC_INVAL, msg_name);
    c->eab.accounts = 1;
    if (json_get(c->args, "accounts") &&
        (json_u64(json_get(c->args, "accounts"), &c->eab.accounts) != RC_OK ||
         c->eab.accounts == 0 || c->eab.accounts > ACCOUNTS_MAX))
        return ERR(&c->err, RC_INVAL, msg_number, STR("1000000"));
    TRY(core_change_when(c, "expires", &c->eab.expires));
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

void core_eab_create(struct core *core, struct ipc_req *req, const struct json *args,
                     struct core_who who)
{
    core_change_run(core, req, args, who, read_new_eab);
}

/* ---- eab revoke, eab list */

static enum rc revoke_eab(struct store_txn *txn, struct core_change *c)
{
    enum rc rc = store_eab_revoke(txn, &c->eab.id, c->now);
    char at[WHEN_TEXT];

    if (rc == RC_CONFLICT)
        return ERR(&c->err, rc, msg_eab_revoked, c->eab.name,
                   str_of(when_text(c->eab.revoked, at)));
    TRY(rc);
    return core_change_audit(txn, c, "eab.revoked", "eab", &c->eab.id, c->eab.name);
}

static void put_old_eab(struct core_change *c, struct json_out *o)
{
    c->eab.revoked = c->now;
    put_eab(o, &c->eab);
}

static enum rc read_old_eab(struct core_change *c)
{
    struct str name;
    char at[WHEN_TEXT];
    enum rc rc;

    TRY(core_change_text(c, "name", STORE_TEXT_MAX, &name));
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

void core_eab_revoke(struct core *core, struct ipc_req *req, const struct json *args,
                     struct core_who who)
{
    core_change_run(core, req, args, who, read_old_eab);
}

static enum rc read_eabs(const void *arg, struct arena *a, struct store_cursor *at, unsigned limit,
                         const void **out, size_t *out_n)
{
    const struct core *core = arg;
    struct store_eab *list;

    TRY(store_eab_list(store_read(core->store), a, at, limit, &list, out_n));
    *out = list;
    return RC_OK;
}

static enum rc put_listed_eab(const void *arg, const void *row, struct json_out *o)
{
    const struct core *core = arg;
    const struct store_eab *e = row;
    struct store_account_filter filter = {.eab_key = e->name, .staging = STORE_STAGING_NOT};
    uint64_t made;

    TRY(store_account_count(store_read(core->store), &filter, &made));
    json_obj(o);
    put_eab(o, e);
    json_kv_u64(o, "made", made);
    json_end(o);
    return RC_OK;
}

enum rc core_eab_list(struct core *core, const struct json *args, struct json_out *o,
                      struct err *err)
{
    static const struct api_rows rows = {.name = "items",
                                         .size = sizeof(struct store_eab),
                                         .at = offsetof(struct store_eab, created),
                                         .id = offsetof(struct store_eab, id),
                                         .order = API_BY_TIME,
                                         .read = read_eabs,
                                         .put = put_listed_eab};

    json_obj(o);
    TRY(api_list(&rows, args, core, o, err));
    json_end(o);
    return RC_OK;
}

/* ---- accounts */

static void put_account(struct json_out *o, const struct store_account *a)
{
    unsigned char thumbprint[CRYPTO_SHA256_BYTES];
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
    if (a->staging)
        json_kv_bool(o, "staging", true);
    if (crypto_sha256(a->jwk, thumbprint) == RC_OK) /* RFC 7638: the row has it in that form */
        json_kv_b64url(o, "key_thumbprint", str_bytes(thumbprint, sizeof(thumbprint)));
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
    struct str text = STR("");

    IGNORE_RC(json_str(json_get(args, "eab"), &f->eab_key)); /* not given */
    TRY(api_page_limit(args, &f->limit, err));
    TRY(api_page_cursor(args, at, err));
    if (json_str(json_get(args, "status"), &text) != RC_OK)
        return RC_OK;
    for (unsigned s = 0; s < STORE_ACCOUNT_STATUSES; s++)
        if (str_eq(text, str_of(store_account_status_text(s))))
            f->statuses = 1u << s;
    return f->statuses ? RC_OK : ERR(err, RC_INVAL, msg_status, str_head(text, EAB_NAME_MAX));
}

enum rc core_account_list(struct core *core, const struct json *args, struct json_out *o,
                          struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(LIST_ARENA);
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
    api_page_next(o, &at, !at.end && n == filter.limit);
    json_end(o);
    return RC_OK;
}

/* RFC 8739: whose account is gone renews nothing. */
static enum rc cancel_renewals(struct store_txn *txn, struct core_change *c)
{
    struct id *orders;
    size_t n;

    do {
        CLEANUP(arena_done) struct arena a = ARENA_INIT(CANCEL_ARENA);

        TRY(store_star_cancel_all(txn, &a, &c->account.id, c->now, &orders, &n));
        for (size_t i = 0; i < n; i++)
            TRY(core_change_audit(txn, c, "order.canceled", "order", &orders[i],
                                  (struct str){NULL, 0}));
    } while (n == STORE_PAGE_MAX);
    return RC_OK;
}

static enum rc deactivate(struct store_txn *txn, struct core_change *c)
{
    enum rc rc =
        store_account_move(txn, &c->account.id, STORE_ACCOUNT_VALID, STORE_ACCOUNT_REVOKED);

    if (rc == RC_CONFLICT)
        return ERR(&c->err, rc, msg_account_over, id_str(&c->account.id), STR("deactivated"));
    TRY(rc);
    TRY(cancel_renewals(txn, c));
    return core_change_audit(txn, c, "account.revoked", "account", &c->account.id,
                             (struct str){NULL, 0});
}

static void put_deactivated(struct core_change *c, struct json_out *o)
{
    if (!c->dry)
        c->account.status = STORE_ACCOUNT_REVOKED;
    put_account(o, &c->account);
}

/* RFC 8555 section 7.1.2: "revoked" when the server ends it, "deactivated" when the client does. */
static enum rc read_deactivation(struct core_change *c)
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
                             struct core_who who)
{
    core_change_run(core, req, args, who, read_deactivation);
}
