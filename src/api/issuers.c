/* SPDX-License-Identifier: Apache-2.0 */
#include "api/admin.h"
#include "api/page.h"
#include "base/text.h"
#include "ca/bounds.h"
#include "ca/issue.h"
#include "store/revocations.h"
#include "store/store.h"
#include "x509/crl.h"
#include "x509/name.h"

enum { TEXT_MAX = 4 * X509_NAME_MAX, LIST_ARENA = STORE_CRL_MAX + 64 * 1024 };

enum store_issuer_state api_issuer_state(const struct api_view *v, const struct ca_issuer *i)
{
    const struct store_issuer row = {
        .state = i->state, .not_after = i->cert.not_after, .retires = i->retires};

    return store_issuer_at(&row, v->now);
}

bool api_issuer_superseded(const struct api_view *v, const struct ca_issuer *issuer)
{
    const struct ca_issuer *other;

    for (size_t i = 0; (other = ca_issuer_at(v->ca, i)); i++)
        if (str_eq(other->hierarchy, issuer->hierarchy) &&
            str_eq(other->algorithm, issuer->algorithm) &&
            !other->parent.z[0] == !issuer->parent.z[0] && other->activates > issuer->activates &&
            api_issuer_state(v, other) == STORE_ISSUER_ACTIVE)
            return true;
    return false;
}

enum ca_due api_issuer_due(const struct api_view *v, const struct ca_issuer *issuer)
{
    if (!issuer->parent.z[0] || !issuer->has_key ||
        api_issuer_state(v, issuer) != STORE_ISSUER_ACTIVE || api_issuer_superseded(v, issuer))
        return CA_NOT_DUE;
    return ca_due(v->conf, &issuer->cert, str_eq(issuer->hierarchy, STR("special")), v->now);
}

bool api_root_list_wanted(const struct api_view *v, const struct ca_issuer *root)
{
    const struct ca_issuer *i;
    const struct ca_cross *c;

    for (size_t k = 0; (i = ca_issuer_at(v->ca, k)); k++)
        if (str_eq(id_str(&i->parent), id_str(&root->id)) && i->cert.n_crl_urls &&
            i->cert.not_after > v->now)
            return true;
    for (size_t k = 0; (c = ca_cross_at(v->ca, k)); k++)
        if (str_eq(id_str(&c->signer), id_str(&root->id)) && c->cert.n_crl_urls &&
            c->cert.not_after > v->now)
            return true;
    return false;
}

static void put_names(struct json_out *o, const struct ca_issuer *i)
{
    CLEANUP(buf_done) struct buf subject = BUF_INIT(TEXT_MAX);

    x509_name_text(i->cert.subject, &subject);
    json_kv_str(o, "ref", i->ref);
    json_kv_id(o, "id", &i->id);
    json_kv_str(o, "hierarchy", i->hierarchy);
    json_kv_str(o, "algorithm", i->algorithm);
    json_kv_str(o, "subject", buf_str(&subject));
}

/* Of a root: the list that is served, which comes from where its key is. */
static enum rc put_list(const struct api_view *v, struct json_out *o, const struct ca_issuer *i)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(LIST_ARENA);
    struct store_crl crl;
    enum rc rc = store_crl_get(store_read(v->store), &a, &i->id, 0, false, &crl);

    if (rc != RC_OK) {
        json_kv_null(o, "crl");
        return rc == RC_NOTFOUND ? RC_OK : rc;
    }
    json_key(o, "crl");
    json_obj(o);
    json_kv_u64(o, "number", crl.number);
    json_kv_when(o, "this_update", crl.this_update);
    json_kv_when(o, "next_update", crl.next_update);
    json_kv_u64(o, "entries", crl.entries);
    json_kv_b64url(o, "der", crl.der);
    json_end(o);
    return RC_OK;
}

static enum rc put_issuer(const struct api_view *v, struct json_out *o, const struct ca_issuer *i)
{
    static const char *const due[] = {
        [CA_NOT_DUE] = NULL, [CA_DUE_END] = "end", [CA_DUE_BOUNDS] = "names"};
    const struct ca_issuer *parent = ca_issuer_by_id(v->ca, &i->parent);
    unsigned char digest[CRYPTO_SHA256_BYTES];
    CLEANUP(buf_done) struct buf hex = BUF_INIT(2 * CRYPTO_SHA256_BYTES);

    TRY(x509_cert_fingerprint(&i->cert, digest));
    text_hex(&hex, str_bytes(digest, sizeof(digest)));
    json_obj(o);
    put_names(o, i);
    json_kv_bool(o, "root", !i->parent.z[0]);
    if (parent)
        json_kv_str(o, "parent", parent->ref);
    else
        json_kv_null(o, "parent");
    json_kv_z(o, "state", store_issuer_state_text(api_issuer_state(v, i)));
    json_kv_when(o, "not_before", i->cert.not_before);
    json_kv_when(o, "not_after", i->cert.not_after);
    json_kv_when(o, "activates", i->activates);
    if (i->retires)
        json_kv_when(o, "retires", i->retires);
    else
        json_kv_null(o, "retires");
    json_kv_bool(o, "key", i->has_key);
    json_kv_bool(o, "constrained", i->cert.has_constraints);
    json_kv_u64(o, "crl_shards", i->crl_shards);
    json_kv_z(o, "due", due[api_issuer_due(v, i)]);
    json_kv_str(o, "sha256", buf_str(&hex));
    json_kv_b64url(o, "certificate", i->cert.der);
    if (!i->parent.z[0])
        TRY(put_list(v, o, i));
    json_end(o);
    return buf_rc(&hex);
}

static void put_cross(const struct api_view *v, struct json_out *o, const struct ca_cross *c)
{
    const struct ca_issuer *subject = ca_issuer_by_id(v->ca, &c->subject);
    const struct ca_issuer *signer = ca_issuer_by_id(v->ca, &c->signer);

    json_obj(o);
    json_kv_str(o, "name", c->ref);
    json_kv_id(o, "id", &c->id);
    json_kv_str(o, "subject", subject ? subject->ref : STR(""));
    json_kv_str(o, "signer", signer ? signer->ref : STR(""));
    json_kv_when(o, "not_after", c->cert.not_after);
    if (c->revoked) {
        json_key(o, "revoked");
        json_obj(o);
        json_kv_when(o, "at", c->revoked);
        json_kv_z(o, "reason", x509_reason_text(c->reason));
        json_end(o);
    } else {
        json_kv_null(o, "revoked");
    }
    json_kv_b64url(o, "certificate", c->cert.der);
    json_end(o);
}

/* Authorities never leave the register, and new ones come at its end: their places are numbers to
 * go on by. */
struct entry {
    int64_t n;
    const struct ca_issuer *issuer;
};

struct listing {
    const struct api_view *v;
    bool *shown; /* by place: it is on this page */
};

static enum rc put_entry(const void *arg, const void *row, struct json_out *o)
{
    const struct listing *l = arg;
    const struct entry *e = row;

    l->shown[e->n - 1] = true;
    return put_issuer(l->v, o, e->issuer);
}

/* With whoever they certify, so that each is on one page. */
static void put_crosses(const struct listing *l, struct json_out *o)
{
    const struct ca_issuer *subject;
    const struct ca_cross *cross;

    json_key(o, "cross_certificates");
    json_arr(o);
    for (size_t i = 0; (subject = ca_issuer_at(l->v->ca, i)); i++)
        for (size_t k = 0; l->shown[i] && (cross = ca_cross_at(l->v->ca, k)); k++)
            if (str_eq(id_str(&cross->subject), id_str(&subject->id)))
                put_cross(l->v, o, cross);
    json_end(o);
}

enum rc api_issuer_list(const struct api_view *v, const struct json *args, struct json_out *o,
                        struct err *err)
{
    static const struct api_rows rows = {.name = "issuers",
                                         .size = sizeof(struct entry),
                                         .at = offsetof(struct entry, n),
                                         .order = API_BY_NUMBER,
                                         .put = put_entry};
    struct entry entries[CA_REGISTER_MAX];
    bool shown[CA_REGISTER_MAX] = {};
    const struct listing listing = {v, shown};
    struct api_memory all = {.rows = entries};
    const struct ca_issuer *issuer;

    for (; all.n < CA_REGISTER_MAX && (issuer = ca_issuer_at(v->ca, all.n)); all.n++)
        entries[all.n] = (struct entry){(int64_t)all.n + 1, issuer};
    json_obj(o);
    TRY(api_list_of(&rows, &all, args, &listing, o, err));
    put_crosses(&listing, o);
    json_end(o);
    return RC_OK;
}
