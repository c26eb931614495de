/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/shown.h"

#include "base/text.h"
#include "store/issuers.h"
#include "x509/cert.h"

MSG(msg_staging, "policy.shown-staging",
    "the certificate {0} was made by the staging directory, whose certificates are for trying out");
MSG(msg_not_yet, "policy.shown-not-yet", "the certificate {0} is valid from {1} on");
MSG(msg_expired, "policy.shown-expired", "the certificate {0} has expired at {1}");
MSG(msg_revoked, "policy.shown-revoked", "the certificate {0} was revoked at {1}");
MSG(msg_issuer, "policy.shown-issuer", "the issuer {1} of the certificate {0} was revoked");
MSG(msg_usage, "policy.shown-usage",
    "the certificate {0} is not for clients alone (profile {1}); `autarky cert issue --profile "
    "client` makes one that is");
MSG(msg_server, "policy.shown-server",
    "the certificate {0} is not for clients (profile {1}): its `extended_key_usage` has no "
    "clientAuth");

static enum rc check_usage(struct arena *a, const struct store_certificate *c, struct str serial,
                           enum policy_shown_as as, struct err *err)
{
    struct x509_cert cert;
    bool client;

    TRY(x509_cert_parse(a, c->der, &cert, err));
    client = !cert.is_ca && cert.has_eku && cert.eku & X509_EKU_CLIENT_AUTH;
    if (as == POLICY_SHOWN_PERSON && (!client || cert.eku != X509_EKU_CLIENT_AUTH))
        return ERR(err, RC_DENIED, msg_usage, serial, c->profile);
    if (!client)
        return ERR(err, RC_DENIED, msg_server, serial, c->profile);
    return RC_OK;
}

static enum rc check_issuer(struct store_txn *txn, struct arena *a,
                            const struct store_certificate *c, struct str serial, struct err *err)
{
    struct store_issuer issuer;

    TRY(store_issuer_get(txn, a, &c->issuer, &issuer));
    if (issuer.state == STORE_ISSUER_REVOKED)
        return ERR(err, RC_DENIED, msg_issuer, serial, issuer.name);
    return RC_OK;
}

enum rc policy_shown_check(struct store_txn *txn, struct arena *a,
                           const struct store_certificate *c, enum policy_shown_as as, when_t now,
                           struct err *err)
{
    char at[WHEN_TEXT], text[X509_SERIAL_TEXT] = "";
    struct x509_serial parsed;
    struct str serial;

    if (x509_serial_from_bytes(c->serial, &parsed) == RC_OK)
        x509_serial_text(&parsed, text);
    serial = str_of(text);
    if (str_eq(c->hierarchy, STR("staging")))
        return ERR(err, RC_DENIED, msg_staging, serial);
    if (c->status == STORE_CERTIFICATE_REVOKED)
        return ERR(err, RC_DENIED, msg_revoked, serial, str_of(when_text(c->revoked, at)));
    if (now < c->not_before)
        return ERR(err, RC_DENIED, msg_not_yet, serial, str_of(when_text(c->not_before, at)));
    if (now > c->not_after)
        return ERR(err, RC_DENIED, msg_expired, serial, str_of(when_text(c->not_after, at)));
    TRY(check_issuer(txn, a, c, serial, err));
    return check_usage(a, c, serial, as, err);
}

enum rc policy_shown_add(struct policy_shown *s, struct arena *a, const char *kind, struct str what)
{
    if (what.n == 0 || s->n == POLICY_SHOWN_MAX)
        return RC_OK;
    s->texts[s->n] = arena_printf(a, "%s%.*s", kind, STR_ARG(what));
    return s->texts[s->n++].p ? RC_OK : RC_NOMEM;
}

enum rc policy_shown_take(struct policy_shown *s, const struct store_certificate *c,
                          struct arena *a)
{
    CLEANUP(buf_done) struct buf hex = BUF_INIT(2 * STORE_SHA256 + 1);

    text_hex(&hex, str_bytes(c->fingerprint.b, STORE_SHA256));
    TRY(buf_rc(&hex));
    s->id = c->id;
    TRY(policy_shown_add(s, a, "sha256:", buf_str(&hex)));
    TRY(policy_shown_add(s, a, "team:", c->team));
    TRY(policy_shown_add(s, a, "owner:", c->owner));
    for (size_t i = 0; i < c->n_names; i++)
        if (c->names[i].type == STORE_NAME_DNS)
            TRY(policy_shown_add(s, a, "", c->names[i].value));
    return RC_OK;
}
