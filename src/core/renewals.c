/* SPDX-License-Identifier: Apache-2.0 */
/* Renewals pulled forward: which certificates, by when. */
#include "api/page.h"
#include "base/name.h"
#include "base/text.h"
#include "core/accounts.h"
#include "core/change.h"
#include "store/certificates.h"

MSG(msg_nothing, "core.renewal-nothing",
    "say which certificates: at least one of issuer, profile, public key, name and domain");
MSG(msg_form, "core.renewal-value", "\"{0}\" is not what \"{1}\" can be");
MSG(msg_full, "core.renewal-full",
    "{0} renewals that were pulled forward are not over yet; wait for the end of one");

static enum rc read_key(struct core_change *c, struct store_certificate_filter *f)
{
    CLEANUP(buf_done) struct buf bytes = BUF_INIT(STORE_SHA256);
    struct str text;

    TRY(core_change_text(c, "public_key", 2 * STORE_SHA256, &text));
    if (text.n == 0)
        return RC_OK;
    if (text_unhex(text, &bytes) != RC_OK || bytes.n != STORE_SHA256)
        return ERR(&c->err, RC_INVAL, msg_form, text, STR("public_key"));
    memcpy(c->renewal.spki_sha256.b, bytes.p, STORE_SHA256);
    c->renewal.by_key = true;
    f->spki = &c->renewal.spki_sha256;
    return RC_OK;
}

static enum rc canonical(struct core_change *c, const char *what, bool address, struct str *text)
{
    char name[NAME_MAX_BYTES + 1];
    struct addr a;

    if (text->n == 0)
        return RC_OK;
    if (address && addr_parse(*text, &a) == RC_OK)
        return arena_str(c->a, str_of(addr_text(&a, name)), text);
    if (name_canonical(*text, address, name) != RC_OK)
        return ERR(&c->err, RC_INVAL, msg_form, str_head(*text, CORE_CHANGE_SHOWN), str_of(what));
    return arena_str(c->a, str_of(name), text);
}

static enum rc read_issuer(struct core_change *c, struct store_certificate_filter *f)
{
    const struct ca_issuer *issuer;
    struct str ref;

    TRY(core_change_text(c, "issuer", STORE_TEXT_MAX, &ref));
    if (ref.n == 0)
        return RC_OK;
    issuer = ca_issuer_find(c->core->ca, ref);
    if (!issuer)
        return ERR(&c->err, RC_NOTFOUND, msg_form, ref, STR("issuer"));
    c->renewal.issuer = issuer->id;
    f->issuer = issuer->id;
    return RC_OK;
}

static enum rc read_set(struct core_change *c, struct store_certificate_filter *f)
{
    struct store_renewal *w = &c->renewal;
    struct store_name *name = ARENA_NEW(c->a, struct store_name);
    struct addr a;

    if (!name)
        return RC_NOMEM;
    TRY(read_issuer(c, f));
    TRY(read_key(c, f));
    TRY(core_change_text(c, "profile", STORE_TEXT_MAX, &w->profile));
    TRY(core_change_text(c, "name", STORE_TEXT_MAX, &w->name));
    TRY(core_change_text(c, "under", STORE_TEXT_MAX, &w->under));
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

static enum rc add_renewal(struct store_txn *txn, struct core_change *c)
{
    enum rc rc = store_renewal_add(txn, &c->renewal);

    if (rc == RC_QUOTA)
        return ERR(&c->err, rc, msg_full, STR("256"));
    TRY(rc);
    return core_change_audit(txn, c, "renewal.pulled", "renewal", &c->renewal.id, c->renewal.name);
}

static void put_renewal(const struct core *core, struct json_out *o, const struct store_renewal *w)
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

static void put_pulled(struct core_change *c, struct json_out *o)
{
    put_renewal(c->core, o, &c->renewal);
    json_kv_u64(o, "certificates", c->certificates);
}

static enum rc read_renewal(struct core_change *c)
{
    struct store_certificate_filter filter = {.statuses = 1u << STORE_CERTIFICATE_VALID,
                                              .not_after_from = c->now};
    struct store_renewal *w = &c->renewal;

    TRY(read_set(c, &filter));
    TRY(core_change_text(c, "url", STORE_TEXT_MAX, &w->url));
    if (w->url.n && !str_starts(w->url, STR("https://")) && !str_starts(w->url, STR("http://")))
        return ERR(&c->err, RC_INVAL, msg_form, str_head(w->url, CORE_CHANGE_SHOWN), STR("url"));
    TRY(core_change_when(c, "within", &w->last));
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

void core_renewal_pull(struct core *core, struct ipc_req *req, const struct json *args,
                       struct core_who who)
{
    core_change_run(core, req, args, who, read_renewal);
}

static enum rc read_renewals(const void *arg, struct arena *a, struct store_cursor *at,
                             unsigned limit, const void **out, size_t *out_n)
{
    const struct core *core = arg;
    struct store_renewal *list;

    TRY(store_renewal_page(store_read(core->store), a, at, limit, &list, out_n));
    *out = list;
    return RC_OK;
}

static enum rc put_listed(const void *arg, const void *row, struct json_out *o)
{
    json_obj(o);
    put_renewal(arg, o, row);
    json_end(o);
    return RC_OK;
}

enum rc core_renewal_list(struct core *core, const struct json *args, struct json_out *o,
                          struct err *err)
{
    static const struct api_rows rows = {.name = "items",
                                         .size = sizeof(struct store_renewal),
                                         .at = offsetof(struct store_renewal, n),
                                         .order = API_BY_NUMBER,
                                         .read = read_renewals,
                                         .put = put_listed};

    json_obj(o);
    TRY(api_list(&rows, args, core, o, err));
    json_end(o);
    return RC_OK;
}
