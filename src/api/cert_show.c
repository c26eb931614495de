/* SPDX-License-Identifier: Apache-2.0 */
/* One certificate, with all that is known of it. */
#include "api/admin.h"
#include "api/cert_int.h"
#include "api/escrow.h"
#include "base/text.h"
#include "ca/issue.h"
#include "crypto/key.h"
#include "store/store.h"
#include "x509/cert.h"
#include "x509/oid.h"

MSG(msg_serial, "api.cert-serial",
    "\"{0}\" is no serial number: hexadecimal digits, with colons between them or without");
MSG(msg_no_serial, "api.cert-no-serial", "\"serial\" is missing: say which certificate");
MSG(msg_unknown, "api.cert-unknown",
    "this CA has not issued a certificate with serial {0}; `autarky cert find` looks for others");

enum { SHOW_ARENA = 4 * 1024 * 1024, PEM_MAX = 8 * X509_CERT_MAX, HEX_MAX = 64 };

enum rc api_cert_find_serial(const struct api_view *v, const struct json *args, struct arena *a,
                             struct store_certificate *out, struct err *err)
{
    char canonical[X509_SERIAL_TEXT];
    struct x509_serial serial;
    struct str text;
    enum rc rc;

    if (json_str(json_get(args, "serial"), &text) != RC_OK)
        return ERR(err, RC_INVAL, msg_no_serial);
    if (x509_serial_parse(text, &serial) != RC_OK)
        return ERR(err, RC_INVAL, msg_serial, str_head(text, HEX_MAX));
    rc = store_certificate_by_serial(store_read(v->store), a, x509_serial_bytes(&serial), out);
    if (rc == RC_NOTFOUND)
        return ERR(err, rc, msg_unknown, str_of(x509_serial_text(&serial, canonical)));
    return rc;
}

static void put_hex(struct json_out *o, const char *name, const struct store_hash *hash)
{
    CLEANUP(buf_done) struct buf hex = BUF_INIT(2 * STORE_SHA256 + 1);

    text_hex(&hex, str_bytes(hash->b, STORE_SHA256));
    buf_fail(o->b, buf_rc(&hex));
    json_kv_str(o, name, buf_str(&hex));
}

static void put_text(struct json_out *o, const char *name, struct str text)
{
    if (text.n)
        json_kv_str(o, name, text);
    else
        json_kv_null(o, name);
}

static void put_id(struct json_out *o, const char *name, const struct id *id)
{
    if (id->z[0])
        json_kv_id(o, name, id);
    else
        json_kv_null(o, name);
}

/* By its serial number, which people and other commands know. */
static void put_shown(const struct api_view *v, const struct store_certificate *c,
                      struct json_out *o)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(SHOW_ARENA);
    char serial[X509_SERIAL_TEXT] = "";
    struct store_certificate shown = {};
    struct x509_serial s;
    enum rc rc = RC_NOTFOUND;

    if (c->shown.z[0])
        rc = store_certificate_get(store_read(v->store), &a, &c->shown, &shown);
    if (rc == RC_OK)
        rc = x509_serial_from_bytes(shown.serial, &s);
    if (rc == RC_OK)
        json_kv_z(o, "client_certificate", x509_serial_text(&s, serial));
    else
        json_kv_null(o, "client_certificate");
    if (rc == RC_NOMEM)
        buf_fail(o->b, rc);
}

void api_cert_put_fields(const struct api_view *v, const struct store_certificate *c,
                         struct json_out *o)
{
    const struct ca_issuer *issuer = ca_issuer_by_id(v->ca, &c->issuer);
    char serial[X509_SERIAL_TEXT] = "", from[ADDR_TEXT];
    struct x509_serial s;

    if (x509_serial_from_bytes(c->serial, &s) == RC_OK)
        x509_serial_text(&s, serial);
    json_kv_id(o, "id", &c->id);
    json_kv_z(o, "serial", serial);
    json_key(o, "names");
    json_arr(o);
    for (size_t i = 0; i < c->n_names; i++)
        json_put_str(o, c->names[i].value);
    json_end(o);
    put_text(o, "issuer", issuer ? issuer->ref : (struct str){NULL, 0});
    json_kv_str(o, "hierarchy", c->hierarchy);
    json_kv_str(o, "profile", c->profile);
    json_kv_str(o, "origin", c->origin);
    json_kv_when(o, "not_before", c->not_before);
    json_kv_when(o, "not_after", c->not_after);
    json_kv_when(o, "issued", c->issued);
    json_kv_z(o, "status", store_certificate_status_text(c->status));
    if (c->status == STORE_CERTIFICATE_REVOKED) {
        json_kv_when(o, "revoked", c->revoked);
        json_kv_i64(o, "reason", c->revocation_reason);
    }
    put_id(o, "account", &c->account);
    put_shown(v, c, o);
    json_kv_z(o, "requester", c->requester.n ? addr_text(&c->requester, from) : NULL);
    put_text(o, "owner", c->owner);
    put_text(o, "team", c->team);
    put_text(o, "service", c->service);
    put_hex(o, "spki_sha256", &c->spki_sha256);
}

/* ---- what stands in it */

static void put_bits(struct json_out *o, const char *name, unsigned bits, const char *const *texts)
{
    json_key(o, name);
    json_arr(o);
    for (unsigned i = 0; texts[i]; i++)
        if (bits & 1u << i)
            json_put_z(o, texts[i]);
    json_end(o);
}

static void put_policies(struct json_out *o, const struct x509_cert *c)
{
    char text[X509_OID_TEXT];

    json_key(o, "policies");
    json_arr(o);
    for (size_t i = 0; i < c->n_policies; i++)
        json_put_z(o, x509_oid_text(c->policies[i], text));
    json_end(o);
}

static void put_key(struct json_out *o, const struct x509_cert *c)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;

    if (x509_cert_key(c, &key, NULL) == RC_OK)
        json_kv_z(o, "key", crypto_key_text(key));
    else
        json_kv_null(o, "key");
}

static void put_contents(struct json_out *o, const struct x509_cert *c)
{
    static const char *const usages[] = {"digitalSignature", "nonRepudiation", "keyEncipherment",
                                         "dataEncipherment", "keyAgreement",   NULL};
    static const char *const extended[] = {"serverAuth", "clientAuth", NULL};
    CLEANUP(buf_done) struct buf subject = BUF_INIT(4 * X509_NAME_MAX);

    x509_name_text(c->subject, &subject);
    buf_fail(o->b, buf_rc(&subject));
    json_kv_str(o, "subject", buf_str(&subject));
    put_key(o, c);
    put_bits(o, "key_usage", c->key_usage, usages);
    put_bits(o, "extended_key_usage", c->eku, extended);
    json_kv_bool(o, "must_staple", c->must_staple);
    json_kv_bool(o, "no_revocation", c->no_rev_avail);
    put_policies(o, c);
    json_kv_strs(o, "crl_urls", c->crl_urls, c->n_crl_urls);
    json_kv_strs(o, "ocsp_urls", c->ocsp_urls, c->n_ocsp_urls);
    json_kv_strs(o, "issuer_urls", c->issuer_urls, c->n_issuer_urls);
}

/* Leaf, intermediates and root, each by itself, so that whoever writes files puts together what is
 * wanted. An issuer that is not kept any more leaves the last two empty. */
static enum rc put_pem(const struct api_view *v, const struct store_certificate *c,
                       struct json_out *o)
{
    CLEANUP(buf_done) struct buf leaf = BUF_INIT(PEM_MAX);
    CLEANUP(buf_done) struct buf chain = BUF_INIT(PEM_MAX);
    CLEANUP(buf_done) struct buf root = BUF_INIT(PEM_MAX);
    enum rc rc;

    x509_cert_put_pem(c->der, &leaf);
    TRY(buf_rc(&leaf));
    rc = ca_chain_pem(v->ca, &c->issuer, c->der, &chain);
    if (rc == RC_OK)
        rc = ca_root_pem(v->ca, &c->issuer, &root);
    if (rc != RC_OK && rc != RC_NOTFOUND)
        return rc;
    json_kv_str(o, "certificate", buf_str(&leaf));
    json_kv_str(o, "chain", str_skip(buf_str(&chain), rc == RC_OK ? leaf.n : chain.n));
    json_kv_str(o, "root", buf_str(&root));
    return RC_OK;
}

/* How many others of the same logical certificate are valid. */
static enum rc put_siblings(const struct api_view *v, const struct store_certificate *c,
                            struct json_out *o)
{
    const struct store_certificate_filter all = {
        .logical = c->logical, .statuses = 1u << STORE_CERTIFICATE_VALID, .not_after_from = v->now};
    bool itself = c->status == STORE_CERTIFICATE_VALID && c->not_after >= v->now;
    uint64_t n;

    TRY(store_certificate_count(store_read(v->store), &all, &n));
    json_kv_u64(o, "logical_others", n - (itself && n));
    return RC_OK;
}

enum rc api_cert_put(const struct api_view *v, const struct store_certificate *c,
                     struct str enveloped, struct json_out *o)
{
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(SHOW_ARENA);
    const struct ca_issuer *issuer = ca_issuer_by_id(v->ca, &c->issuer);
    struct x509_cert cert;

    TRY(x509_cert_parse(&arena, c->der, &cert, NULL));
    json_obj(o);
    api_cert_put_fields(v, c, o);
    put_hex(o, "sha256", &c->fingerprint);
    put_text(o, "why", c->reason);
    put_id(o, "order", &c->order);
    put_id(o, "replaces", &c->replaces);
    json_kv_id(o, "logical", &c->logical);
    TRY(put_siblings(v, c, o));
    api_escrow_put(v, &c->id, o);
    if (issuer)
        json_kv_z(o, "issuer_state", store_issuer_state_text(api_issuer_state(v, issuer)));
    put_contents(o, &cert);
    TRY(put_pem(v, c, o));
    if (enveloped.n)
        json_kv_b64url(o, "enveloped_key", enveloped);
    json_end(o);
    return RC_OK;
}

enum rc api_cert_show(const struct api_view *v, const struct json *args, struct json_out *o,
                      struct err *err)
{
    CLEANUP(arena_done) struct arena arena = ARENA_INIT(SHOW_ARENA);
    struct store_certificate c;

    TRY(api_cert_find_serial(v, args, &arena, &c, err));
    return api_cert_put(v, &c, STR(""), o);
}
