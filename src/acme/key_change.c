/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 section 7.3.5: another key for an account, signed for by the old key around the new. */
#include "acme/parts_int.h"
#include "crypto/hash.h"
#include "store/keys.h"

MSG(msg_url, "acme.key-change-url",
    "the inner JWS is signed for {0} and the outer one for {1}; both must be for the same "
    "(RFC 8555 section 7.3.5)");
MSG(msg_payload, "acme.key-change-payload",
    "the payload of the inner JWS has to be an object with \"account\", the URL that is also the "
    "outer \"kid\", and \"oldKey\", a JWK (RFC 8555 section 7.3.5)");
MSG(msg_account, "acme.key-change-account",
    "\"account\" in the inner JWS is {0}, but the outer one was signed by {1}");
MSG(msg_old_key, "acme.key-change-old-key",
    "\"oldKey\" in the inner JWS is not the account's present key");
MSG(msg_taken, "acme.key-change-taken", "another account has this key: {0}{1}/account/{2}");
MSG(msg_same, "acme.key-change-same", "the new key is the account's present key");
MSG(msg_blocked, "acme.key-change-compromised",
    "a certificate with the new key was revoked at {0} because the key was compromised; make "
    "another");

struct key_change {
    struct jose_jws inner;
    struct store_hash thumbprint;
    struct store_hash spki;
    struct store_account owner; /* of the new key, when it is another's */
};

static enum rc parse_payload(struct acme_request *r, struct key_change *d, struct json_doc **doc)
{
    enum rc rc = json_parse(d->inner.payload, JOSE_JWS_MAX, doc, NULL);

    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK || json_type(json_root(*doc)) != JSON_OBJECT)
        return ACME_ERR(r, RC_PARSE, "malformed", msg_payload);
    return RC_OK;
}

/* The JWK in canonical form is what accounts are known by. */
static enum rc check_old_key(struct acme_request *r, const struct json *old_key)
{
    CLEANUP(jose_jwk_freep) struct jose_jwk *jwk = NULL;
    enum rc rc = jose_jwk_read(old_key, &jwk, NULL);

    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK)
        return ACME_ERR(r, RC_INVAL, "malformed", msg_payload);
    if (!str_eq(jose_jwk_json(jwk), r->account.jwk))
        return ACME_ERR(r, RC_DENIED, "malformed", msg_old_key);
    return RC_OK;
}

static enum rc check_payload(struct acme_request *r, struct key_change *d)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    const struct json *old_key;
    struct str account;

    TRY(parse_payload(r, d, &doc));
    old_key = json_get(json_root(doc), "oldKey");
    if (json_str(json_get(json_root(doc), "account"), &account) != RC_OK ||
        json_type(old_key) != JSON_OBJECT)
        return ACME_ERR(r, RC_INVAL, "malformed", msg_payload);
    if (!str_eq(account, r->jws.kid))
        return ACME_ERR(r, RC_DENIED, "malformed", msg_account, account, r->jws.kid);
    return check_old_key(r, old_key);
}

static enum rc taken(struct acme_request *r, const struct key_change *d)
{
    acme_header_location(r, "/acme/account/", &d->owner.id);
    IGNORE_RC(ACME_ERR(r, RC_EXISTS, "malformed", msg_taken, r->base,
                       str_of(acme_staging_prefix(r->staging)), id_str(&d->owner.id)));
    return err_problem(&r->err, RC_EXISTS, "malformed", 409);
}

static enum rc check_new_key(struct acme_request *r, struct key_change *d)
{
    struct str jwk = jose_jwk_json(d->inner.jwk);
    enum rc rc;

    if (str_eq(jwk, r->account.jwk))
        return ACME_ERR(r, RC_INVAL, "malformed", msg_same);
    TRY(acme_staging_key(r, jwk, &d->thumbprint));
    TRY(crypto_sha256(crypto_key_spki(jose_jwk_key(d->inner.jwk)), d->spki.b));
    rc = store_account_find(store_read(r->acme->store), r->arena, &d->thumbprint, &d->owner);
    if (rc == RC_OK)
        return taken(r, d);
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

static enum rc change(struct store_txn *txn, struct acme_request *r)
{
    struct key_change *d = r->data;
    struct store_blocked_key blocked;
    char at[WHEN_TEXT];
    enum rc rc = store_key_blocked(txn, r->arena, &d->spki, &blocked);

    if (rc == RC_OK)
        return ACME_ERR(r, RC_DENIED, "badPublicKey", msg_blocked,
                        str_of(when_text(blocked.blocked, at)));
    if (rc != RC_NOTFOUND)
        return rc;
    rc = store_account_set_key(txn, &r->account.id, &r->account.thumbprint,
                               jose_jwk_json(d->inner.jwk), &d->thumbprint);
    if (rc == RC_EXISTS) { /* another request with this key was a moment faster */
        TRY(store_account_find(txn, r->arena, &d->thumbprint, &d->owner));
        return RC_EXISTS;
    }
    if (rc == RC_CONFLICT)
        return ACME_ERR(r, rc, "malformed", msg_old_key);
    TRY(rc);
    return acme_audit(txn, r, "account.key-changed", "account", &r->account.id,
                      (struct str){NULL, 0});
}

static void done(struct acme_request *r)
{
    struct key_change *d = r->data;
    enum rc rc = arena_str(r->arena, jose_jwk_json(d->inner.jwk), &r->account.jwk);

    jose_jws_done(&d->inner);
    if (rc == RC_OK)
        acme_account_reply(r, &r->account, 200);
    else
        acme_reply_fail(r, rc);
}

static void undo(struct acme_request *r)
{
    struct key_change *d = r->data;

    jose_jws_done(&d->inner);
    if (d->owner.id.z[0] && !r->err.msg)
        IGNORE_RC(taken(r, d));
}

static enum rc check(struct acme_request *r, struct key_change *d)
{
    TRY(jose_jws_verify(&d->inner, jose_jwk_key(d->inner.jwk), &r->err));
    if (!str_eq(d->inner.url, r->jws.url))
        return ACME_ERR(r, RC_DENIED, "malformed", msg_url, d->inner.url, r->jws.url);
    TRY(check_payload(r, d));
    return check_new_key(r, d);
}

enum rc acme_key_change(struct acme_request *r)
{
    struct key_change *d = ARENA_NEW(r->arena, struct key_change);
    enum rc rc;

    if (!d)
        return RC_NOMEM;
    r->data = d;
    TRY(jose_jws_parse(r->arena, r->jws.payload, JOSE_INNER, &d->inner, &r->err));
    rc = check(r, d);
    if (rc != RC_OK) {
        jose_jws_done(&d->inner);
        return rc;
    }
    r->undo = undo;
    return acme_write(r, change, done);
}
