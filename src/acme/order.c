/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 section 7.4: orders, made and shown. Finalizing is finalize.c. */
#include "acme/acme_int.h"
#include "acme/state.h"
#include "base/name.h"
#include "base/text.h"
#include "ca/issue.h"
#include "crypto/crypto.h"
#include "metrics/metrics.h"
#include "policy/policy.h"

MSG(msg_identifiers, "acme.identifiers",
    "\"identifiers\" has to be a list of 1 to {0} objects with \"type\" and \"value\"");
MSG(msg_type, "acme.identifier-type",
    "identifier type \"{0}\" is not offered by this server; it certifies \"dns\" names");
MSG(msg_name, "acme.identifier-name", "\"{0}\" is not a DNS name: {1}");
MSG(msg_dates, "acme.order-dates",
    "this server does not take \"{0}\"; the lifetime is that of the profile: leave it out");
MSG(msg_refused, "acme.identifiers-refused",
    "{0} of the {1} identifiers are refused; the first: {2}");

MSG(msg_one_site, "acme.one-site",
    "an order of this account has one site, for its certificates are kept by site; this one has "
    "{0}: make one for each");

struct order_data {
    struct store_order order;
    bool vouched; /* the names need no proof */
    struct store_authorization *authorizations;
    struct store_order_name *names;
    unsigned *challenges; /* bit 1 << enum conf_challenge, for each name */
    size_t n;
};

void acme_order_put(struct acme_request *r, struct json_out *o, const struct store_order *order)
{
    enum store_order_status seen = acme_order_seen(order, r->now);

    json_obj(o);
    json_kv_z(o, "status", store_order_status_text(seen));
    json_kv_when(o, "expires", order->expires);
    json_key(o, "identifiers");
    json_arr(o);
    for (size_t i = 0; i < order->n_names; i++) {
        json_obj(o);
        json_kv_z(o, "type", store_name_type_text(order->names[i].name.type));
        json_kv_str(o, "value", order->names[i].name.value);
        json_end(o);
    }
    json_end(o);
    json_key(o, "authorizations");
    json_arr(o);
    for (size_t i = 0; i < order->n_names; i++)
        acme_put_url(o, r, "/acme/authorization/", &order->names[i].authorization, NULL);
    json_end(o);
    json_key(o, "finalize");
    acme_put_url(o, r, "/acme/order/", &order->id, "/finalize");
    if (order->error.n) {
        json_key(o, "error");
        json_put_raw(o, order->error);
    }
    if (seen == STORE_ORDER_VALID) {
        json_key(o, "certificate");
        acme_put_url(o, r, "/acme/certificate/", &order->certificate, NULL);
    }
    json_end(o);
}

static enum rc reply(struct acme_request *r, const struct store_order *order, int status)
{
    struct json_out o = acme_reply_begin(r);

    acme_order_put(r, &o, order);
    TRY(json_out_done(&o));
    acme_header_location(r, "/acme/order/", &order->id);
    if (order->status == STORE_ORDER_PROCESSING)
        http_header_addf(r->x, "Retry-After", "%d", ACME_RETRY_SECONDS);
    acme_reply_json(r, status);
    return RC_OK;
}

void acme_order_reply(struct acme_request *r, const struct store_order *order, int status)
{
    enum rc rc = reply(r, order, status);

    if (rc != RC_OK)
        acme_reply_fail(r, rc);
}

enum rc acme_order(struct acme_request *r)
{
    struct store_order order;
    enum rc rc = store_order_get(store_read(r->acme->store), r->arena, &r->id, &order);

    if (rc == RC_NOTFOUND)
        return acme_request_owns(r, &(struct id){""}, "order");
    TRY(rc);
    TRY(acme_request_owns(r, &order.account, "order"));
    return reply(r, &order, 200);
}

/* ---- new-order */

METRIC_COUNTER(orders_total, "acme_orders_total", "Orders made");

static const char *name_fault(enum rc rc)
{
    return rc == RC_TOOBIG        ? "it is longer than 253 bytes, or a label longer than 63"
           : rc == RC_UNSUPPORTED ? "write international names as A-labels (xn--...)"
           : rc == RC_INVAL       ? "it is an address, or its last label is a number"
                            : "labels are letters, digits and hyphens inside, divided by dots";
}

static enum rc read_identifier(struct acme_request *r, const struct json *v, struct str *out)
{
    char name[NAME_MAX_BYTES + 1];
    struct str type, value;
    enum rc rc;

    if (json_str(json_get(v, "type"), &type) != RC_OK ||
        json_str(json_get(v, "value"), &value) != RC_OK)
        return ACME_ERR(r, RC_INVAL, "malformed", msg_identifiers, STR("100"));
    if (!str_eq(type, STR("dns")))
        return ACME_ERR(r, RC_UNSUPPORTED, "unsupportedIdentifier", msg_type, type);
    rc = name_canonical(value, true, name);
    if (rc != RC_OK)
        return ACME_ERR(r, RC_INVAL, "malformed", msg_name, value, str_of(name_fault(rc)));
    return arena_str(r->arena, str_of(name), out);
}

static bool has_name(const struct order_data *d, struct str name)
{
    for (size_t i = 0; i < d->n; i++)
        if (str_eq(d->names[i].name.value, name))
            return true;
    return false;
}

static enum rc read_identifiers(struct acme_request *r, struct order_data *d)
{
    const struct json *list = json_get(r->payload, "identifiers");
    struct json_iter it = json_iter(list);
    const struct json *value;

    if (json_type(list) != JSON_ARRAY || json_len(list) == 0 ||
        json_len(list) > ACME_IDENTIFIERS_MAX)
        return ACME_ERR(r, RC_INVAL, "malformed", msg_identifiers, STR("100"));
    d->names = ARENA_ARRAY(r->arena, struct store_order_name, json_len(list));
    d->authorizations = ARENA_ARRAY(r->arena, struct store_authorization, json_len(list));
    d->challenges = ARENA_ARRAY(r->arena, unsigned, json_len(list));
    if (!d->names || !d->authorizations || !d->challenges)
        return RC_NOMEM;
    while (json_next(&it, NULL, &value)) {
        struct str name;

        TRY(read_identifier(r, value, &name));
        if (has_name(d, name))
            continue;
        d->names[d->n].name = (struct store_name){STORE_NAME_DNS, name};
        d->n++;
    }
    return RC_OK;
}

static enum rc add_challenge(struct acme_request *r, struct store_challenge *c, const char *type)
{
    unsigned char random[ACME_TOKEN_BYTES];
    CLEANUP(buf_done) struct buf token = BUF_INIT(2 * sizeof(random));

    TRY(id_new(&c->id));
    TRY(crypto_random(random, sizeof(random)));
    text_b64url(&token, str_bytes(random, sizeof(random)));
    TRY(buf_rc(&token));
    TRY(arena_str(r->arena, buf_str(&token), &c->token));
    c->type = str_of(type);
    return RC_OK;
}

static enum rc add_challenges(struct acme_request *r, struct store_authorization *authz,
                              unsigned allowed)
{
    struct store_challenge *c = ARENA_ARRAY(r->arena, struct store_challenge, CONF_CHALLENGE_COUNT);

    if (!c)
        return RC_NOMEM;
    for (unsigned i = 0; i < CONF_CHALLENGE_COUNT; i++)
        if (allowed & 1u << i)
            TRY(add_challenge(r, &c[authz->n_challenges++], conf_challenge_name(i)));
    authz->challenges = c;
    return RC_OK;
}

static enum rc add_authorization(struct acme_request *r, struct order_data *d, size_t i)
{
    struct store_authorization *authz = &d->authorizations[i];

    authz->account = r->account.id;
    authz->name = d->names[i].name;
    authz->status = STORE_AUTHORIZATION_PENDING;
    authz->expires = r->now + ACME_ORDER_LIFE;
    authz->created = r->now;
    TRY(id_new(&authz->id));
    d->names[i].authorization = authz->id;
    if (d->vouched) {
        authz->status = STORE_AUTHORIZATION_VALID;
        authz->validated = r->now;
        return acme_vouch_evidence(r->arena, authz->name.value, &authz->evidence);
    }
    return add_challenges(r, authz, d->challenges[i]);
}

/* By the rules, or, for the keeper, by the sites of the configuration: then the order is for the
 * site's profile. */
static enum rc judge_one(struct acme_request *r, struct order_data *d, const struct policy_query *q,
                         unsigned *challenges, struct err *err)
{
    const struct conf_site *site;
    struct policy_verdict verdict;

    if (!d->vouched) {
        TRY(policy_judge(r->acme->conf, q, &verdict, err));
        *challenges = verdict.challenges;
        return RC_OK;
    }
    TRY(policy_judge_vouched(r->acme->conf, q, &site, err));
    return arena_str(r->arena, site->profile, &d->order.profile);
}

/* Every identifier is judged, so that the client learns all that is wrong at once (RFC 8555
 * section 6.7.1). */
static enum rc judge(struct acme_request *r, struct order_data *d)
{
    bool special = ca_hierarchy_open(r->acme->ca, STR("special"));

    r->subs = ARENA_ARRAY(r->arena, struct http_subproblem, d->n);
    if (!r->subs)
        return RC_NOMEM;
    for (size_t i = 0; i < d->n; i++) {
        struct policy_query q = {POLICY_DNS, d->names[i].name.value, r->x->req.client, special};
        struct http_subproblem *sub = &r->subs[r->n_subs];
        enum rc rc = judge_one(r, d, &q, &d->challenges[i], &sub->err);

        if (rc == RC_OK)
            continue;
        if (rc != RC_DENIED)
            return rc;
        sub->identifier_type = STR("dns");
        sub->identifier = q.value;
        r->n_subs++;
    }
    return RC_OK;
}

static enum rc refuse(struct acme_request *r, const struct order_data *d)
{
    struct str refused = arena_printf(r->arena, "%zu", r->n_subs);
    struct str all = arena_printf(r->arena, "%zu", d->n);
    char first[512];

    return ACME_ERR(r, RC_DENIED, "rejectedIdentifier", msg_refused, refused, all,
                    str_of(err_textz(&r->subs[0].err, first, sizeof(first))));
}

/* Names that no single issuer may have are refused before anybody proves anything. */
static enum rc check_one_hierarchy(struct acme_request *r, const struct order_data *d)
{
    struct str *dns = ARENA_ARRAY(r->arena, struct str, d->n);
    struct policy_names names = {.dns = dns};

    if (!dns)
        return RC_NOMEM;
    for (size_t i = 0; i < d->n; i++)
        dns[names.n_dns++] = d->names[i].name.value;
    return ca_serves(r->acme->ca, &names, &r->err);
}

static enum rc add_order(struct store_txn *txn, struct acme_request *r)
{
    const struct order_data *d = r->data;
    CLEANUP(buf_done) struct buf detail = BUF_INIT(AUDIT_DETAIL_MAX);
    struct json_out o;

    json_out_init(&o, &detail, JSON_COMPACT);
    json_obj(&o);
    json_key(&o, "names");
    json_arr(&o);
    for (size_t i = 0; i < d->n; i++) {
        TRY(store_authorization_add(txn, &d->authorizations[i]));
        json_put_str(&o, d->names[i].name.value);
    }
    json_end(&o);
    json_end(&o);
    TRY(json_out_done(&o));
    TRY(store_order_add(txn, &d->order));
    TRY(acme_audit(txn, r, "order.created", "order", &d->order.id, buf_str(&detail)));
    if (!d->vouched)
        return RC_OK;
    for (size_t i = 0; i < d->n; i++)
        TRY(acme_vouch_audit(txn, r, &d->authorizations[i]));
    return acme_audit(txn, r, "order.ready", "order", &d->order.id, (struct str){NULL, 0});
}

static void order_added(struct acme_request *r)
{
    const struct order_data *d = r->data;

    metric_add(&orders_total, 0, 1);
    acme_order_reply(r, &d->order, 201);
}

static enum rc check_dates(struct acme_request *r)
{
    static const char *const dates[] = {"notBefore", "notAfter"};

    for (size_t i = 0; i < 2; i++)
        if (json_get(r->payload, dates[i]))
            return ACME_ERR(r, RC_UNSUPPORTED, "malformed", msg_dates, str_of(dates[i]));
    return RC_OK;
}

enum rc acme_new_order(struct acme_request *r)
{
    struct order_data *d = ARENA_NEW(r->arena, struct order_data);

    if (!d)
        return RC_NOMEM;
    r->data = d;
    d->vouched = acme_vouches_for(r, &r->account.thumbprint);
    d->order.profile = STR("default");
    TRY(check_dates(r));
    TRY(read_identifiers(r, d));
    TRY(judge(r, d));
    if (r->n_subs)
        return refuse(r, d);
    TRY(check_one_hierarchy(r, d));
    if (d->vouched && d->n > 1)
        return ACME_ERR(r, RC_DENIED, "rejectedIdentifier", msg_one_site,
                        arena_printf(r->arena, "%zu", d->n));
    for (size_t i = 0; i < d->n; i++)
        TRY(add_authorization(r, d, i));
    TRY(id_new(&d->order.id));
    d->order.account = r->account.id;
    d->order.status = d->vouched ? STORE_ORDER_READY : STORE_ORDER_PENDING;
    d->order.expires = r->now + ACME_ORDER_LIFE;
    d->order.names = d->names;
    d->order.n_names = d->n;
    d->order.created = r->now;
    d->order.created_from = r->x->req.client;
    return acme_write(r, add_order, order_added);
}
