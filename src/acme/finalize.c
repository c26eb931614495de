/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 section 7.4, finalize: everything is judged once more, one request wins the order, and
 * ca/ issues. The answer waits for the certificate; only when the signer is away does the client
 * see "processing". */
#include "acme/parts_int.h"

#include <assert.h>

#include "acme/reason.h"
#include "acme/shown.h"

#include "acme/approval.h"
#include "acme/star.h"
#include "acme/state.h"
#include "base/name.h"
#include "base/text.h"
#include "ca/issue.h"
#include "log/log.h"
#include "x509/csr.h"

MSG(msg_csr_missing, "acme.csr-missing",
    "\"csr\" has to be a PKCS#10 request in DER, as base64url (RFC 8555 section 7.4)");
MSG(msg_not_ready, "acme.order-not-ready",
    "the order is {0}; it can be finalized once, when it is ready");
MSG(msg_name_extra, "acme.csr-name-extra",
    "the CSR asks for {0}, which the order does not name; the order has: {1}");
MSG(msg_name_missing, "acme.csr-name-missing",
    "the CSR does not ask for {0}, which the order names; a CSR names exactly what its order "
    "names");
MSG(msg_account_key, "acme.csr-account-key",
    "the CSR is for the account's own key; make a key for the certificate alone (RFC 8555 section "
    "11.1)");
MSG(msg_authorization, "acme.order-authorization",
    "the authorization of {0} is {1} by now; make a new order");
MSG(msg_above, "acme.order-subdomains",
    "{0} was proven by {1}, and no policy rule lets that count for what is below it any more; make "
    "a new order");
MSG(msg_method, "acme.order-method",
    "{0} was proven by {1}, and policy rule \"{2}\" takes that no more; make a new order");
MSG(msg_not_vouched, "acme.order-no-longer-vouched",
    "the authorization of {0} was the word of this server, for its own gateway or for an account's "
    "key, which no longer stands; make a new order");

MSG(msg_unasked, "acme.order-unasked",
    "approval {0} of this order is by {1}, and the policy wants {2} by now; make a new order, "
    "which "
    "asks again");
MSG(msg_gone, "acme.order-approval-gone",
    "approval {0} was used for another order, or has ended; make a new order, which asks again");

struct finalize_data {
    struct store_order order;
    bool vouched; /* by the keeper */
    struct x509_csr csr;
    struct acme_judged judged; /* as the rules are now */
    struct store_name *names;  /* the CSR's */
    size_t n_names;
    struct ca_request ask;
    struct approval *approval; /* NULL: it takes none */
    bool waited;               /* for it, and its status is processing already */
    struct err why;            /* such an order ends */
};

static enum rc load_order(struct acme_request *r, struct finalize_data *d)
{
    enum rc rc = store_order_get(store_read(r->acme->store), r->arena, &r->id, &d->order);
    enum store_order_status seen;

    if (rc == RC_NOTFOUND)
        return acme_request_owns(r, &(struct id){""}, "order");
    TRY(rc);
    TRY(acme_request_owns(r, &d->order.account, "order"));
    seen = acme_order_seen(&d->order, r->now);
    if (seen != STORE_ORDER_READY)
        return ACME_ERR(r, RC_CONFLICT, "orderNotReady", msg_not_ready,
                        str_of(store_order_status_text(seen)));
    return RC_OK;
}

static enum rc read_csr(struct acme_request *r, struct finalize_data *d, struct str *out)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CSR_MAX);
    struct str text;

    if (json_str(json_get(r->payload, "csr"), &text) != RC_OK || text_unb64url(text, &der) != RC_OK)
        return ACME_ERR(r, RC_PARSE, "malformed", msg_csr_missing);
    TRY(arena_str(r->arena, buf_str(&der), out));
    TRY(x509_csr_parse(r->arena, *out, X509_CSR_STRICT, &d->csr, &r->err));
    return x509_csr_check_id(&d->csr, r->acme->conf->ca.sm2_empty_id, &r->err);
}

static struct str order_names(struct acme_request *r, const struct store_order *order)
{
    CLEANUP(buf_done) struct buf list = BUF_INIT(ACME_IDENTIFIERS_MAX * 256);
    struct str kept = {NULL, 0};

    for (size_t i = 0; i < order->n_names; i++) {
        if (i)
            buf_putz(&list, ", ");
        buf_puts(&list, order->names[i].name.value);
    }
    IGNORE_RC(
        arena_str(r->arena, buf_str(&list), &kept)); /* the message is as good without the list */
    return kept;
}

static bool order_has(const struct store_order *order, const struct store_name *name)
{
    for (size_t i = 0; i < order->n_names; i++)
        if (acme_name_eq(&order->names[i].name, name))
            return true;
    return false;
}

static enum rc csr_names(struct acme_request *r, struct finalize_data *d)
{
    const struct x509_csr *csr = &d->csr;
    char text[ADDR_TEXT];

    d->n_names = csr->n_dns + csr->n_ips;
    d->names = ARENA_ARRAY(r->arena, struct store_name, d->n_names);
    if (!d->names)
        return RC_NOMEM;
    for (size_t i = 0; i < csr->n_dns; i++)
        d->names[i] = (struct store_name){STORE_NAME_DNS, csr->dns[i]};
    for (size_t i = 0; i < csr->n_ips; i++) {
        struct store_name *name = &d->names[csr->n_dns + i];

        name->type = STORE_NAME_IP;
        TRY(arena_str(r->arena, str_of(addr_text(&csr->ips[i], text)), &name->value));
    }
    return RC_OK;
}

static bool csr_has(const struct finalize_data *d, const struct store_name *name)
{
    for (size_t i = 0; i < d->n_names; i++)
        if (acme_name_eq(&d->names[i], name))
            return true;
    return false;
}

/* Both ways, for a CSR that leaves a name out would make a certificate nobody asked for. */
static enum rc check_names(struct acme_request *r, struct finalize_data *d)
{
    TRY(csr_names(r, d));
    for (size_t i = 0; i < d->n_names; i++)
        if (!order_has(&d->order, &d->names[i]))
            return ACME_ERR(r, RC_DENIED, "badCSR", msg_name_extra, d->names[i].value,
                            order_names(r, &d->order));
    for (size_t i = 0; i < d->order.n_names; i++)
        if (!csr_has(d, &d->order.names[i].name))
            return ACME_ERR(r, RC_DENIED, "badCSR", msg_name_missing, d->order.names[i].name.value);
    return RC_OK;
}

static enum rc check_key(struct acme_request *r, const struct finalize_data *d)
{
    const struct conf_profile *profile = conf_profile_find(r->acme->conf, d->order.profile);
    const struct jose_jwk *jwk;

    if (profile && ca_leaf_check_key(profile, d->csr.key_type, d->csr.key_bits, &r->err) != RC_OK)
        return err_problem(&r->err, RC_DENIED, "badCSR", 0);
    TRY(acme_keys_get(&r->acme->keys, r->account.jwk, &jwk));
    if (str_eq(crypto_key_spki(jose_jwk_key(jwk)), d->csr.spki))
        return ACME_ERR(r, RC_DENIED, "badCSR", msg_account_key);
    return RC_OK;
}

/* What it was proven by is still taken; what was proven for all below a domain is looked at by its
 * own rule, `top`. */
static enum rc check_method(const struct finalize_data *d, size_t i,
                            const struct store_authorization *authz, struct err *err)
{
    const struct acme_judged_name *judged = &d->judged.names[i];

    for (size_t k = 0; !d->vouched && k < authz->n_challenges; k++)
        if (authz->challenges[k].status == STORE_CHALLENGE_VALID &&
            !(judged->challenges & acme_challenge_bit(authz->challenges[k].type)))
            return PROBLEM(err, RC_CONFLICT, "unauthorized", msg_method, authz->name.value,
                           authz->challenges[k].type, judged->rule);
    return RC_OK;
}

static enum rc check_authorization(struct store_txn *txn, struct acme_request *r, size_t i,
                                   struct err *err)
{
    const struct finalize_data *d = r->data;
    const struct store_order_name *name = &d->order.names[i];
    struct store_authorization authz;
    enum store_authorization_status seen;

    TRY(store_authorization_get(txn, r->arena, &name->authorization, &authz));
    seen = acme_authorization_seen(&authz, r->now);
    if (seen != STORE_AUTHORIZATION_VALID)
        return PROBLEM(err, RC_CONFLICT, "unauthorized", msg_authorization, authz.name.value,
                       str_of(store_authorization_status_text(seen)));
    if (authz.evidence.n && !d->vouched && !d->judged.names[i].vouched)
        return PROBLEM(err, RC_CONFLICT, "unauthorized", msg_not_vouched, authz.name.value);
    if (!authz.subdomains || acme_name_eq(&authz.name, &name->name))
        return check_method(d, i, &authz, err);
    if (!(d->judged.names[i].top.n && name_under(authz.name.value, d->judged.names[i].top)))
        return PROBLEM(err, RC_CONFLICT, "unauthorized", msg_above, name->name.value,
                       authz.name.value);
    return RC_OK;
}

/* The one of several requests that makes it go on. */
static enum rc take(struct store_txn *txn, struct acme_request *r, struct err *err)
{
    const struct finalize_data *d = r->data;
    enum rc rc;

    assert(acme_order_may(STORE_ORDER_READY, STORE_ORDER_PROCESSING));
    rc = d->waited ? store_approval_end_wait(txn, &d->order.id)
                   : store_order_process(txn, &d->order.id, r->now);
    if (rc == RC_CONFLICT)
        return PROBLEM(err, rc, "orderNotReady", msg_not_ready,
                       STR("being finalized, or finished"));
    TRY(rc);
    for (size_t i = 0; i < d->order.n_names; i++)
        TRY(check_authorization(txn, r, i, err));
    return RC_OK;
}

/* In a transaction: the one winner, with authorizations that still hold. */
static enum rc win(struct store_txn *txn, struct acme_request *r, struct err *err)
{
    const struct finalize_data *d = r->data;

    TRY(take(txn, r, err));
    TRY(acme_limit_take(txn, r, err));
    if (d->approval)
        TRY(acme_approval_use(txn, r, d->approval, err));
    if (d->waited)
        return RC_OK;
    return acme_audit(txn, r, "order.processing", "order", &d->order.id, (struct str){NULL, 0});
}

/* In the transaction of the reservation. */
static enum rc reserve(struct store_txn *txn, void *arg, struct err *err)
{
    struct acme_request *r = arg;
    const struct finalize_data *d = r->data;

    TRY(win(txn, r, err));
    if (!d->order.star)
        return RC_OK;
    TRY(store_star_begin(txn, &d->order.id, d->csr.spki, r->now, 0));
    return store_star_take(txn, &d->order.id, 0);
}

/* ---- persons who have to allow it */

static enum rc wait(struct store_txn *txn, struct acme_request *r)
{
    struct finalize_data *d = r->data;
    struct str detail;

    TRY(take(txn, r, &r->err));
    TRY(acme_approval_wait(txn, r, &d->order, d->approval));
    detail = arena_printf(r->arena, "{\"approval\":\"%s\"}", d->approval->row.id.z);
    if (!detail.p)
        return RC_NOMEM;
    return acme_audit(txn, r, "order.processing", "order", &d->order.id, detail);
}

static void reply_waits(struct acme_request *r, struct finalize_data *d)
{
    if (r->retry_at < r->now + ACME_APPROVAL_SECONDS * WHEN_SECOND)
        r->retry_at = r->now + ACME_APPROVAL_SECONDS * WHEN_SECOND;
    d->order.status = STORE_ORDER_PROCESSING;
    acme_order_reply(r, &d->order, 200);
}

static void waits(struct acme_request *r)
{
    struct finalize_data *d = r->data;

    acme_open_end(&r->acme->open, &r->account.id);
    acme_approvals_look(r->acme);
    log_warn("acme.approval-waits", LOG_STR("approval", id_str(&d->approval->row.id)),
             LOG_STR("what", d->approval->row.what), LOG_STR("order", id_str(&d->order.id)));
    reply_waits(r, d);
}

/* How it is now, also when another request was quicker. */
static void reply_as_is(struct acme_request *r)
{
    struct finalize_data *d = r->data;
    enum rc rc = store_order_get(store_read(r->acme->store), r->arena, &d->order.id, &d->order);

    if (rc == RC_OK)
        acme_order_reply(r, &d->order, 200);
    else
        acme_reply_fail(r, rc);
}

static enum rc fail_order(struct store_txn *txn, struct acme_request *r)
{
    const struct finalize_data *d = r->data;
    enum rc rc;

    r->err = d->why;
    rc = acme_approval_fail(txn, r, &d->order.id);
    return rc == RC_CONFLICT ? RC_OK : rc; /* then it is as the other request left it */
}

/* What no more waiting helps against. Locks, limits, a signer or a name server that is away do
 * pass. */
static bool is_final(const struct err *why, enum rc rc)
{
    static const char *const types[] = {"rejectedIdentifier", "invalidProfile", "badPublicKey",
                                        "badCSR", "caa"};

    for (size_t i = 0; why->type && i < sizeof(types) / sizeof(types[0]); i++)
        if (str_eq(str_of(why->type), str_of(types[i])))
            return true;
    return rc == RC_CONFLICT;
}

/* One name that no waiting helps is enough. */
static bool ends(const struct acme_request *r, enum rc rc)
{
    for (size_t i = 0; i < r->n_subs; i++)
        if (is_final(&r->subs[i].err, RC_DENIED))
            return true;
    return is_final(&r->err, rc);
}

/* An order that persons allow could not be gone on with. */
static void not_issued(struct acme_request *r, enum rc rc)
{
    struct finalize_data *d = r->data;

    r->err.rc = rc;
    log_warn("acme.approved-not-issued", LOG_STR("order", id_str(&d->order.id)),
             LOG_BOOL("ends", ends(r, rc)), LOG_ERR(&r->err));
    if (!ends(r, rc)) {
        reply_waits(r, d);
        return;
    }
    d->why = r->err; /* acme_write begins with a clean one */
    rc = acme_write(r, fail_order, reply_as_is);
    if (rc != RC_OK)
        acme_reply_fail(r, rc);
}

static void issued(void *arg, enum rc rc, const struct store_certificate *certificate,
                   const struct err *err)
{
    struct acme_request *r = arg;
    struct finalize_data *d = r->data;

    if (!d->waited && (rc == RC_OK || rc == RC_AGAIN))
        acme_open_end(&r->acme->open, &r->account.id);
    if (d->waited && rc != RC_OK && rc != RC_AGAIN) {
        r->err = *err;
        not_issued(r, rc);
        return;
    }
    if (rc == RC_OK) {
        d->order.status = STORE_ORDER_VALID;
        d->order.certificate = certificate->id;
        if (d->order.star) {
            d->order.expires = d->order.star->end;
            acme_star_look(r->acme);
        }
    } else if (rc == RC_AGAIN) { /* recovery is at it, or was */
        rc = store_order_get(store_read(r->acme->store), r->arena, &d->order.id, &d->order);
    } else {
        r->err = *err;
    }
    if (rc == RC_OK)
        acme_order_reply(r, &d->order, 200);
    else
        acme_reply_fail(r, rc);
}

/* All certificates of a site are one thing. */
static enum rc take_vouched(struct acme_request *r, struct finalize_data *d)
{
    d->ask.origin = STR("gateway");
    if (d->order.n_names != 1) /* made before the account was vouched for */
        return RC_OK;
    d->ask.lineage = arena_printf(r->arena, "gateway %.*s", STR_ARG(d->order.names[0].name.value));
    return d->ask.lineage.p ? RC_OK : RC_NOMEM;
}

/* ---- an order that renews itself (RFC 8739) */

static enum rc begin_later(struct store_txn *txn, struct acme_request *r)
{
    const struct finalize_data *d = r->data;
    when_t start = d->order.star->start;

    TRY(win(txn, r, &r->err));
    return store_star_begin(txn, &d->order.id, d->csr.spki, start, start);
}

static void begins_later(struct acme_request *r)
{
    struct finalize_data *d = r->data;

    if (!d->waited)
        acme_open_end(&r->acme->open, &r->account.id);
    acme_star_look(r->acme);
    d->order.status = STORE_ORDER_PROCESSING;
    acme_order_reply(r, &d->order, 200);
}

/* The first of many. Its dates are those of one whose nominal date is now. */
static enum rc take_star(struct acme_request *r, struct finalize_data *d)
{
    struct store_star first = *d->order.star;

    first.first = r->now;
    acme_star_span(&first, r->now, &d->ask.not_before, &d->ask.not_after);
    d->ask.lineage = acme_star_lineage(r->arena, &d->order.id);
    return d->ask.lineage.p ? RC_OK : RC_NOMEM;
}

static void caa_checked(struct acme_request *r, enum rc rc)
{
    struct finalize_data *d = r->data;

    if (rc == RC_OK && d->order.star && d->order.star->start > r->now)
        rc = acme_write(r, begin_later, begins_later);
    else if (rc == RC_OK)
        rc = ca_issue(r->acme->ca, &d->ask, issued, r, &r->err);
    if (rc != RC_OK && d->waited)
        not_issued(r, rc);
    else if (rc != RC_OK)
        acme_reply_fail(r, rc);
}

/* Everything is judged as it is now; what will be asked of ca/ is ready then. */
static enum rc prepare(struct acme_request *r, struct finalize_data *d)
{
    struct acme_replaced replaced;

    d->vouched = acme_vouches_for(r, &r->account.thumbprint);
    if (d->order.star)
        acme_shown_forget(r);
    TRY(check_names(r, d));
    TRY(check_key(r, d));
    TRY(acme_order_judge(r, &d->order, d->vouched, d->csr.key_type, &d->judged));
    d->ask = (struct ca_request){
        .profile = d->order.profile,
        .spki = d->csr.spki,
        .key_type = d->csr.key_type,
        .dns = d->csr.dns,
        .n_dns = d->csr.n_dns,
        .ips = d->csr.ips,
        .n_ips = d->csr.n_ips,
        .not_before = d->order.not_before,
        .not_after = d->order.not_after,
        .rules = d->judged.rules,
        .reason = d->judged.reason,
        .staging = r->staging,
        .origin = STR("acme"),
        .requester = r->client,
        .shown = r->shown ? r->shown->id : (struct id){""},
        .account = r->account.id,
        .order = d->order.id,
        .request = r->x->id,
        .reserve = reserve,
        .reserve_arg = r,
    };
    TRY(acme_replaces_find(r, d->order.replaces, &replaced));
    d->ask.replaces = replaced.id;
    if (!d->vouched)
        TRY(acme_limit_certificate(r, &d->order, replaced.due));
    if (d->vouched)
        TRY(take_vouched(r, d));
    if (d->order.star)
        TRY(take_star(r, d));
    acme_judged_limit(r, &d->order, &d->judged, &d->ask);
    return RC_OK;
}

enum rc acme_finalize(struct acme_request *r)
{
    struct finalize_data *d = ARENA_NEW(r->arena, struct finalize_data);
    struct str csr;

    if (!d)
        return RC_NOMEM;
    r->data = d;
    TRY(load_order(r, d));
    TRY(read_csr(r, d, &csr));
    TRY(prepare(r, d));
    TRY(acme_approval_look(r, &d->order, &d->judged, d->csr.key_type, &d->approval));
    if (d->approval && !d->approval->granted) {
        d->approval->row.csr = csr;
        d->approval->row.rules = d->judged.rules;
        return acme_write(r, wait, waits);
    }
    if (d->approval)
        TRY(acme_reason_of_approval(r, d->approval, d->judged.reason_wanted, &d->ask.reason));
    acme_caa_check(r, &d->order, caa_checked);
    return RC_OK;
}

/* ---- an order that waited */

/* As it was finalized: with that CSR, from that address. */
static enum rc go_on(struct acme_request *r, struct finalize_data *d)
{
    const struct store_approval *row = &d->approval->row;

    r->client = row->client;
    TRY(x509_csr_parse(r->arena, row->csr, X509_CSR_STRICT, &d->csr, &r->err));
    TRY(prepare(r, d));
    if (d->judged.approvers <= row->approvers)
        return acme_reason_of_approval(r, d->approval, d->judged.reason_wanted, &d->ask.reason);
    return ACME_ERR(r, RC_CONFLICT, "unauthorized", msg_unasked, id_str(&row->id),
                    arena_printf(r->arena, "%u", row->approvers),
                    arena_printf(r->arena, "%u", d->judged.approvers));
}

enum rc acme_finalize_more(struct acme_request *r, const struct store_order *order)
{
    struct finalize_data *d = ARENA_NEW(r->arena, struct finalize_data);
    struct store_approval *row;
    enum rc rc;

    if (!d)
        return RC_NOMEM;
    d->order = *order;
    d->waited = true;
    d->approval = ARENA_NEW(r->arena, struct approval);
    if (!d->approval)
        return RC_NOMEM;
    r->data = d;
    *d->approval = (struct approval){.a = r->arena, .now = r->now};
    row = &d->approval->row;
    rc = store_approval_by_order(store_read(r->acme->store), r->arena, &order->id, row);
    if (rc == RC_NOTFOUND) { /* it is being signed */
        acme_order_reply(r, &d->order, 200);
        return RC_OK;
    }
    TRY(rc);
    if (row->state == STORE_APPROVAL_PENDING) {
        reply_waits(r, d);
        return RC_OK;
    }
    rc = row->state == STORE_APPROVAL_GRANTED && row->expires > r->now
             ? go_on(r, d)
             : ACME_ERR(r, RC_CONFLICT, "unauthorized", msg_gone, id_str(&row->id));
    if (rc == RC_OK)
        acme_caa_check(r, &d->order, caa_checked);
    else
        not_issued(r, rc);
    return RC_OK;
}

/* ---- how an issuance ends for its order */

static enum rc order_finish(struct store_txn *txn, const struct id *order,
                            const struct store_certificate *certificate)
{
    enum rc rc;

    assert(acme_order_may(STORE_ORDER_PROCESSING, STORE_ORDER_VALID));
    rc = store_order_finish(txn, order, &certificate->id);
    return rc == RC_CONFLICT ? acme_star_finish(txn, order, certificate) : rc;
}

static enum rc order_fail(struct store_txn *txn, const struct id *order, const struct err *why,
                          when_t now)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(64 * 1024);
    struct str problem;
    enum rc rc;

    assert(acme_order_may(STORE_ORDER_PROCESSING, STORE_ORDER_INVALID));
    TRY(acme_problem_json(&a, why, NULL, 0, &problem));
    rc = store_order_fail(txn, order, STORE_ORDER_PROCESSING, problem);
    return rc == RC_CONFLICT ? acme_star_fail(txn, order, why, now) : rc;
}

const struct ca_order_ops *acme_order_ops(void)
{
    static const struct ca_order_ops ops = {order_finish, order_fail};

    return &ops;
}
