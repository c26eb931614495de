/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 section 7.6: revocation, by the account that had the certificate issued, by one that
 * holds authorizations for all its names (holder.c) or by the certificate's own key. Who has that
 * key may also say of a certificate that is revoked already that the key is compromised: the reason
 * changes, the time stays. */
#include "acme/parts_int.h"
#include "base/text.h"
#include "metrics/metrics.h"
#include "revocation/revocation.h"
#include "x509/cert.h"

MSG(msg_form, "acme.revoke-certificate",
    "\"certificate\" has to be the certificate in DER, as base64url (RFC 8555 section 7.6)");
MSG(msg_unknown, "acme.revoke-unknown",
    "this CA has not issued a certificate with serial {0} and these bytes");
MSG(msg_reason, "acme.revoke-reason",
    "reason {0} cannot be given here; possible are 0, 1 (keyCompromise), 3 (affiliationChanged), 4 "
    "(superseded) and 5 (cessationOfOperation)");
MSG(msg_not_holder, "acme.revoke-not-holder",
    "only the account that this certificate was issued to, one that has proven control of all its "
    "names, or the certificate's own key may revoke it");
MSG(msg_not_compromise, "acme.revoke-not-compromise",
    "that the key is compromised can be said by who has it and by the account that this "
    "certificate "
    "was issued to; give another reason");
MSG(msg_star, "acme.revoke-star",
    "this certificate's order renews it by itself, so it is not revoked: cancel the order with "
    "\"status\" \"canceled\" (RFC 8739 section 3.1.2)");
MSG(msg_already, "acme.revoke-already", "this certificate was revoked at {0}");

/* By number; those that cannot be given here stay 0. */
static const char *const reasons[] = {"unspecified",  "keyCompromise",
                                      "cACompromise", "affiliationChanged",
                                      "superseded",   "cessationOfOperation"};
METRIC_COUNTER_BY(revoked_total, "revoked_total",
                  "Revocations through ACME, those of a compromised key's other certificates "
                  "included, and reasons changed to keyCompromise later",
                  "reason", reasons);

struct revoke_data {
    struct store_certificate cert;
    struct x509_cert parsed;
    struct revocation_ask ask;
    struct revocation_result result;
};

static enum rc read_certificate(struct acme_request *r, struct revoke_data *d)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);
    char serial[X509_SERIAL_TEXT];
    struct str text, kept;
    enum rc rc;

    if (json_str(json_get(r->payload, "certificate"), &text) != RC_OK ||
        text_unb64url(text, &der) != RC_OK)
        return ACME_ERR(r, RC_PARSE, "malformed", msg_form);
    TRY(arena_str(r->arena, buf_str(&der), &kept));
    if (x509_cert_parse(r->arena, kept, &d->parsed, NULL) != RC_OK || d->parsed.serial.n == 0)
        return ACME_ERR(r, RC_PARSE, "malformed", msg_form);
    rc = store_certificate_by_serial(store_read(r->acme->store), r->arena,
                                     x509_serial_bytes(&d->parsed.serial), &d->cert);
    if (rc == RC_OK && str_eq(d->cert.der, kept) && acme_staging_has(r, &d->cert))
        return RC_OK;
    if (rc != RC_OK && rc != RC_NOTFOUND)
        return rc;
    IGNORE_RC(ACME_ERR(r, RC_NOTFOUND, "malformed", msg_unknown,
                       str_of(x509_serial_text(&d->parsed.serial, serial))));
    return err_problem(&r->err, RC_NOTFOUND, "malformed", 404);
}

static enum rc read_reason(struct acme_request *r, int *out)
{
    const struct json *value = json_get(r->payload, "reason");
    int64_t reason = 0;

    if (value && json_i64(value, &reason) != RC_OK)
        reason = -1;
    if (reason < 0 || reason >= X509_REASON_COUNT ||
        !revocation_reason_allowed(REVOCATION_BY_ACCOUNT, (int)reason)) {
        struct str text = arena_printf(r->arena, "%lld", (long long)reason);

        return ACME_ERR(r, RC_INVAL, "badRevocationReason", msg_reason, text);
    }
    *out = (int)reason;
    return RC_OK;
}

static enum rc check_holder(struct acme_request *r, const struct revoke_data *d, int reason)
{
    bool own_key = r->jws.jwk && str_eq(crypto_key_spki(jose_jwk_key(r->jws.jwk)), d->parsed.spki);
    bool own_account = !r->jws.jwk && r->account.id.z[0] &&
                       str_eq(id_str(&r->account.id), id_str(&d->cert.account));

    if (own_key || own_account)
        return RC_OK;
    if (acme_holds(r, &d->cert) != RC_OK)
        return ACME_ERR(r, RC_DENIED, "unauthorized", msg_not_holder);
    if (reason == X509_REASON_KEY_COMPROMISE)
        return ACME_ERR(r, RC_DENIED, "badRevocationReason", msg_not_compromise);
    return RC_OK;
}

/* RFC 8739 section 3.1.2. */
static enum rc check_star(struct acme_request *r, const struct revoke_data *d)
{
    struct store_order order;
    enum rc rc = d->cert.order.z[0]
                     ? store_order_get(store_read(r->acme->store), r->arena, &d->cert.order, &order)
                     : RC_NOTFOUND;

    if (rc == RC_NOTFOUND)
        return RC_OK;
    TRY(rc);
    return order.star ? ACME_ERR(r, RC_DENIED, "autoRenewalRevocationNotSupported", msg_star)
                      : RC_OK;
}

static enum rc already(struct acme_request *r, when_t revoked)
{
    char at[WHEN_TEXT];

    return ACME_ERR(r, RC_CONFLICT, "alreadyRevoked", msg_already, str_of(when_text(revoked, at)));
}

/* Perhaps another request was a moment faster: then it is a conflict, or a reason that changes. */
static enum rc revoke(struct store_txn *txn, struct acme_request *r)
{
    struct revoke_data *d = r->data;
    enum rc rc = revocation_revoke(txn, &d->ask, &d->result, &r->err);

    return rc == RC_CONFLICT ? already(r, d->result.revoked) : rc;
}

static void revoked(struct acme_request *r)
{
    const struct revoke_data *d = r->data;

    metric_add(&revoked_total, (size_t)d->ask.reason, 1 + (int64_t)d->result.others);
    revocation_changed(r->acme->options.revocation, &d->result);
    buf_reset(&r->x->res.body);
    acme_reply_json(r, 200);
}

static void fill_ask(struct acme_request *r, struct revoke_data *d, int reason)
{
    d->ask = (struct revocation_ask){
        .certificate = d->cert.id,
        .reason = reason,
        .now = r->now,
        .within = r->acme->conf->revocation.crl.within,
        .by = r->jws.jwk ? REVOCATION_BY_KEY : REVOCATION_BY_ACCOUNT,
        .actor = id_str(&r->account.id),
        .request = r->x->id,
        .client = r->client,
    };
}

enum rc acme_revoke(struct acme_request *r)
{
    struct revoke_data *d = ARENA_NEW(r->arena, struct revoke_data);
    int reason;

    if (!d)
        return RC_NOMEM;
    r->data = d;
    TRY(read_certificate(r, d));
    TRY(read_reason(r, &reason));
    TRY(check_holder(r, d, reason));
    TRY(check_star(r, d));
    fill_ask(r, d, reason);
    return acme_write(r, revoke, revoked);
}
