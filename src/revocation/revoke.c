/* SPDX-License-Identifier: Apache-2.0 */
#include "revocation/revoke.h"

#include "audit/audit.h"
#include "json/out.h"
#include "store/issuers.h"
#include "store/keys.h"

MSG(msg_unknown, "revocation.unknown", "the register has no such certificate");
MSG(msg_reason, "revocation.reason",
    "a certificate cannot be revoked for {0} here; possible are unspecified, keyCompromise, "
    "affiliationChanged, superseded, cessationOfOperation, and for an operator privilegeWithdrawn");
MSG(msg_already, "revocation.already", "the certificate was revoked at {0}, for {1}");

enum { REVOKE_ARENA = 2 * 1024 * 1024, ISSUER_ARENA = 1024 * 1024, OTHERS_PAGE = 100 };

bool revocation_reason_allowed(enum revocation_by by, int reason)
{
    switch (reason) {
    case X509_REASON_UNSPECIFIED:
    case X509_REASON_KEY_COMPROMISE:
    case X509_REASON_AFFILIATION_CHANGED:
    case X509_REASON_SUPERSEDED:
    case X509_REASON_CESSATION:
        return true;
    case X509_REASON_PRIVILEGE_WITHDRAWN:
        return by == REVOCATION_BY_OPERATOR || by == REVOCATION_BY_SYSTEM;
    default:
        return false;
    }
}

enum rc revocation_shard(struct store_txn *txn, const struct id *issuer,
                         const struct x509_serial *serial, unsigned *out)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ISSUER_ARENA);
    struct store_issuer row;

    TRY(store_issuer_get(txn, &a, issuer, &row));
    *out = x509_serial_shard(serial, (unsigned)row.crl_shards);
    return RC_OK;
}

static enum rc audit(struct store_txn *txn, const struct revocation_ask *ask,
                     const struct store_certificate *c, const char *action, const char *because)
{
    static const enum audit_actor actors[] = {AUDIT_ACCOUNT, AUDIT_ACCOUNT, AUDIT_OPERATOR,
                                              AUDIT_SYSTEM};
    static const char *const by[] = {"account", "certificate key", "operator", "system"};
    CLEANUP(buf_done) struct buf detail = BUF_INIT(AUDIT_DETAIL_MAX);
    char text[X509_SERIAL_TEXT];
    struct x509_serial serial;
    struct json_out o;
    struct audit_event event = {
        .at = ask->now,
        .actor_kind = actors[ask->by],
        .actor = ask->actor,
        .action = action,
        .object_kind = "certificate",
        .object = id_str(&c->id),
        .request = id_str(&ask->request),
        .address = ask->client,
        .reason = ask->words,
    };

    TRY(x509_serial_from_bytes(c->serial, &serial));
    json_out_init(&o, &detail, JSON_COMPACT);
    json_obj(&o);
    json_kv_z(&o, "serial", x509_serial_text(&serial, text));
    json_kv_i64(&o, "reason", ask->reason);
    json_kv_z(&o, "by", by[ask->by]);
    if (because)
        json_kv_id(&o, because, &ask->certificate);
    json_end(&o);
    TRY(json_out_done(&o));
    event.detail = buf_str(&detail);
    return audit_append(txn, &event, NULL);
}

/* Onto its list, and into the result. */
static enum rc mark(struct store_txn *txn, const struct revocation_ask *ask,
                    const struct store_certificate *c, when_t revoked,
                    struct revocation_result *out)
{
    struct store_revocation entry = {.issuer = c->issuer, .revoked = revoked};
    bool at_once = ask->reason == X509_REASON_KEY_COMPROMISE;
    struct x509_serial serial;

    TRY(x509_serial_from_bytes(c->serial, &serial));
    TRY(revocation_shard(txn, &c->issuer, &serial, &entry.shard));
    entry.serial_n = serial.n;
    memcpy(entry.serial, serial.b, serial.n);
    entry.reason = ask->reason;
    entry.not_after = c->not_after;
    TRY(store_revocation_add(txn, &entry, at_once ? ask->now : ask->now + ask->within));
    if (out->n == REVOCATION_RESULTS_MAX) {
        out->more = true;
        return RC_OK;
    }
    out->changed[out->n].issuer = c->issuer;
    out->changed[out->n++].serial = serial;
    return RC_OK;
}

static enum rc block_key(struct store_txn *txn, const struct revocation_ask *ask,
                         const struct store_certificate *c)
{
    struct store_blocked_key key = {
        .spki_sha256 = c->spki_sha256,
        .blocked = ask->now,
        .reason = STR("keyCompromise"),
        .certificate = c->id,
    };

    return store_key_block(txn, &key);
}

static enum rc compromised(struct store_txn *txn, const struct revocation_ask *ask,
                           const struct store_certificate *c, struct revocation_result *out);

/* A page of those that are still valid; each that is revoked falls out of the next page. */
static enum rc revoke_page(struct store_txn *txn, const struct revocation_ask *ask,
                           const struct store_certificate_filter *filter, const char *because,
                           struct revocation_result *out, size_t *out_n)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(REVOKE_ARENA);
    struct store_certificate *list;
    struct store_cursor at = {};
    enum rc rc;

    TRY(store_certificate_list(txn, &a, filter, &at, &list, out_n));
    for (size_t i = 0; i < *out_n; i++) {
        rc = store_certificate_revoke(txn, &list[i].id, ask->now, ask->reason);
        if (rc == RC_CONFLICT) /* a moment ago, with another one of its key */
            continue;
        TRY(rc);
        TRY(mark(txn, ask, &list[i], ask->now, out));
        TRY(audit(txn, ask, &list[i], "certificate.revoked", because));
        out->others++;
        if (ask->reason == X509_REASON_KEY_COMPROMISE && !filter->spki)
            TRY(compromised(txn, ask, &list[i], out));
    }
    return RC_OK;
}

static enum rc revoke_all(struct store_txn *txn, const struct revocation_ask *ask,
                          const struct store_certificate_filter *which, const char *because,
                          struct revocation_result *out)
{
    struct store_certificate_filter filter = *which;
    size_t n;

    filter.statuses = 1u << STORE_CERTIFICATE_VALID;
    filter.not_after_from = ask->now;
    filter.without_der = true;
    filter.limit = OTHERS_PAGE;
    do
        TRY(revoke_page(txn, ask, &filter, because, out, &n));
    while (n > 0);
    return RC_OK;
}

static enum rc compromised(struct store_txn *txn, const struct revocation_ask *ask,
                           const struct store_certificate *c, struct revocation_result *out)
{
    const struct store_certificate_filter same = {.spki = &c->spki_sha256};

    TRY(block_key(txn, ask, c));
    return revoke_all(txn, ask, &same, "key_of", out);
}

/* Only the key itself shows that it is in more hands than one; an operator knows it otherwise. */
static bool may_raise(const struct revocation_ask *ask, const struct store_certificate *c)
{
    return (ask->by == REVOCATION_BY_KEY || ask->by == REVOCATION_BY_OPERATOR) &&
           ask->reason == X509_REASON_KEY_COMPROMISE &&
           c->revocation_reason != X509_REASON_KEY_COMPROMISE;
}

static enum rc already(struct store_txn *txn, const struct revocation_ask *ask,
                       const struct store_certificate *c, struct revocation_result *out,
                       struct err *err)
{
    char at[WHEN_TEXT];

    out->revoked = c->revoked;
    if (!may_raise(ask, c))
        return ERR(err, RC_CONFLICT, msg_already, str_of(when_text(c->revoked, at)),
                   str_of(x509_reason_text(c->revocation_reason)));
    out->raised = true;
    TRY(store_certificate_set_reason(txn, &c->id, ask->reason));
    TRY(mark(txn, ask, c, c->revoked, out));
    TRY(audit(txn, ask, c, "certificate.revocation-changed", NULL));
    return compromised(txn, ask, c, out);
}

static enum rc revoke_one(struct store_txn *txn, const struct revocation_ask *ask,
                          struct id *out_logical, struct revocation_result *out, struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(REVOKE_ARENA);
    struct store_certificate c;
    enum rc rc;

    rc = store_certificate_get(txn, &a, &ask->certificate, &c);
    if (rc == RC_NOTFOUND)
        return ERR(err, rc, msg_unknown);
    TRY(rc);
    *out_logical = c.logical;
    if (c.status == STORE_CERTIFICATE_REVOKED)
        return already(txn, ask, &c, out, err);
    TRY(store_certificate_revoke(txn, &c.id, ask->now, ask->reason));
    TRY(mark(txn, ask, &c, ask->now, out));
    TRY(audit(txn, ask, &c, "certificate.revoked", NULL));
    return ask->reason == X509_REASON_KEY_COMPROMISE ? compromised(txn, ask, &c, out) : RC_OK;
}

enum rc revocation_revoke(struct store_txn *txn, const struct revocation_ask *ask,
                          struct revocation_result *out, struct err *err)
{
    struct store_certificate_filter whole = {};
    enum rc rc;

    *out = (struct revocation_result){.revoked = ask->now};
    if (!revocation_reason_allowed(ask->by, ask->reason))
        return ERR(err, RC_INVAL, msg_reason, str_of(x509_reason_text(ask->reason)));
    rc = revoke_one(txn, ask, &whole.logical, out, err);
    if (!ask->whole || !whole.logical.z[0] || (rc != RC_OK && rc != RC_CONFLICT))
        return rc;
    TRY(revoke_all(txn, ask, &whole, "with", out));
    return rc == RC_CONFLICT && out->others ? RC_OK : rc;
}
