/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 section 7.3.4: external account binding. What a client signs its binding with is made of
 * the key's id and of a key that is not in the database, so that nobody who has a copy of that can
 * make a binding. */
#include "jose/eab.h"
#include "acme/parts_int.h"
#include "crypto/hash.h"
#include "store/eab.h"

MSG(msg_required, "acme.eab-required",
    "this server makes accounts only with an external account binding; ask its administrator for a "
    "key (`autarky eab create`) and give its kid and its key to the client");
MSG(msg_kid, "acme.eab-kid",
    "there is no key \"{0}\" for external account bindings; look at the kid, or ask for a new key "
    "(`autarky eab create`)");
MSG(msg_url, "acme.eab-url",
    "the external account binding is signed for {0}, not for {1} (RFC 8555 section 7.3.4)");
MSG(msg_payload, "acme.eab-payload",
    "the payload of the external account binding is not the key that signed this request");
MSG(msg_revoked, "acme.eab-revoked",
    "the key \"{0}\" for external account bindings was revoked at {1}; ask for a new one");
MSG(msg_expired, "acme.eab-expired",
    "the key \"{0}\" for external account bindings expired at {1}; ask for a new one");
MSG(msg_used, "acme.eab-used",
    "the key \"{0}\" for external account bindings has made {1} accounts, which is all that it "
    "may; "
    "use the account that there is, or ask for a new key");
MSG(msg_away, "acme.eab-away", "this server has no key to check external account bindings with");

enum rc acme_eab_secret(const struct acme *a, const struct id *kid,
                        unsigned char out[static ACME_EAB_KEY])
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(64);

    if (!a->binds)
        return RC_NOTFOUND;
    buf_printf(&text, "autarky eab 1 %s", kid->z);
    TRY(buf_rc(&text));
    return crypto_hmac_sha256(str_bytes(a->eab_key, ACME_EAB_KEY), buf_str(&text), out);
}

static enum rc find_key(struct acme_request *r, struct str kid, struct store_eab *out)
{
    struct id id;
    enum rc rc = id_parse(kid, &id);

    if (rc == RC_OK)
        rc = store_eab_get(store_read(r->acme->store), r->arena, &id, out);
    if (rc == RC_NOMEM || rc == RC_OK)
        return rc;
    return ACME_ERR(r, RC_DENIED, "unauthorized", msg_kid, str_head(kid, 64));
}

static enum rc verify(struct acme_request *r, const struct jose_eab *eab, const struct id *kid)
{
    unsigned char secret[ACME_EAB_KEY];
    enum rc rc = acme_eab_secret(r->acme, kid, secret);

    if (rc == RC_NOTFOUND)
        return ACME_ERR(r, RC_UNSUPPORTED, "unauthorized", msg_away);
    if (rc == RC_OK)
        rc = jose_eab_verify(eab, str_bytes(secret, sizeof(secret)), &r->err);
    explicit_bzero(secret, sizeof(secret));
    return rc;
}

static enum rc check_payload(struct acme_request *r, struct str payload)
{
    CLEANUP(jose_jwk_freep) struct jose_jwk *jwk = NULL;
    enum rc rc = jose_jwk_parse(payload, &jwk, NULL);

    if (rc == RC_NOMEM)
        return rc;
    if (rc == RC_OK && str_eq(jose_jwk_json(jwk), jose_jwk_json(r->jws.jwk)))
        return RC_OK;
    return ACME_ERR(r, RC_DENIED, "malformed", msg_payload);
}

/* Only who has the key learns what became of it. */
static enum rc check_key(struct acme_request *r, const struct store_eab *e)
{
    char at[WHEN_TEXT];

    if (e->revoked)
        return ACME_ERR(r, RC_DENIED, "unauthorized", msg_revoked, e->name,
                        str_of(when_text(e->revoked, at)));
    if (e->expires && e->expires <= r->now)
        return ACME_ERR(r, RC_DENIED, "unauthorized", msg_expired, e->name,
                        str_of(when_text(e->expires, at)));
    return RC_OK;
}

enum rc acme_eab_read(struct acme_request *r, bool vouched, struct str *out_name)
{
    const struct json *object = json_get(r->payload, "externalAccountBinding");
    bool required = r->acme->conf->acme.eab == CONF_BINDING_REQUIRED && !vouched;
    struct store_eab key;
    struct jose_eab eab;

    *out_name = (struct str){NULL, 0};
    if (!object)
        return required ? ACME_ERR(r, RC_DENIED, "externalAccountRequired", msg_required) : RC_OK;
    TRY(jose_eab_parse(r->arena, object, &eab, &r->err));
    if (!str_eq(eab.url, r->jws.url))
        return ACME_ERR(r, RC_DENIED, "malformed", msg_url, eab.url, r->jws.url);
    TRY(find_key(r, eab.kid, &key));
    TRY(verify(r, &eab, &key.id));
    TRY(check_payload(r, eab.payload));
    TRY(check_key(r, &key));
    *out_name = key.name;
    return RC_OK;
}

enum rc acme_eab_once(struct store_txn *txn, struct acme_request *r, struct str name)
{
    /* Trying it out takes nothing from it: each directory counts its own. */
    struct store_account_filter filter = {
        .eab_key = name, .staging = r->staging ? STORE_STAGING_ONLY : STORE_STAGING_NOT};
    struct store_eab key;
    uint64_t n;

    TRY(store_eab_find(txn, r->arena, name, &key));
    TRY(check_key(r, &key));
    TRY(store_account_count(txn, &filter, &n));
    if (n < key.accounts)
        return RC_OK;
    return ACME_ERR(r, RC_DENIED, "unauthorized", msg_used, name,
                    arena_printf(r->arena, "%llu", (unsigned long long)n));
}
