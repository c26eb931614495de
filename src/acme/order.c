/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 section 7.4: orders, made and shown. Finalizing is finalize.c. */
#include "acme/parts_int.h"
#include "acme/reason.h"
#include "acme/shown.h"
#include "acme/star.h"
#include "acme/state.h"
#include "ca/issue.h"
#include "ca/lock.h"
#include "metrics/metrics.h"

MSG(msg_identifiers, "acme.identifiers",
    "\"identifiers\" has to be a list of 1 to {0} objects with \"type\" and \"value\"");
MSG(msg_refused, "acme.identifiers-refused",
    "{0} of the {1} identifiers are refused; the first: {2}");
MSG(msg_one_site, "acme.one-site",
    "an order of this account has one site, for its certificates are kept by site; this one has "
    "{0}: make one for each");
MSG(msg_date, "acme.order-date", "\"{0}\" is not a time as in 2026-11-20T18:24:00Z (RFC 3339)");
MSG(msg_not_before, "acme.order-not-before",
    "\"notBefore\" is {0}, but certificates are valid from when they are issued, {1} to {2} now; "
    "leave it out");
MSG(msg_not_after, "acme.order-not-after",
    "\"notAfter\" is {0}; with profile \"{1}\" it can be until {2}; leave it out for that");
MSG(msg_profile, "acme.order-profile",
    "there is no profile \"{0}\"; \"meta\" in the directory lists the profiles that there are");
MSG(msg_kind, "acme.order-kind",
    "profile \"{0}\" does not certify what {1} is; ask for another profile");
MSG(msg_lifetime, "acme.order-lifetime",
    "\"notAfter\" is {0}; the policy allows this order certificates until {1}; leave it out for "
    "that");
MSG(msg_star, "acme.order-star-lifetime",
    "the certificates of this order would live for {0} seconds, with what comes before the nominal "
    "date; the policy allows {1}; ask for a shorter \"lifetime\"");
MSG(msg_open, "acme.orders-open",
    "this account has {0} orders that are neither finished nor expired and authorizations made "
    "ahead "
    "that are pending, and may have {1}; finish them, or wait");

struct order_data {
    struct store_order order;
    bool vouched;     /* the names are the gateway's sites, and need no proof */
    struct str rules; /* that allow it, for the trail */
    struct acme_identifier *ids;
    struct store_authorization *authorizations;
    struct store_order_name *names;
    size_t n;
};

/* An authorization for a domain above several names stands there once. */
static bool listed(const struct store_order *order, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (str_eq(id_str(&order->names[j].authorization), id_str(&order->names[i].authorization)))
            return true;
    return false;
}

void acme_order_put(struct acme_request *r, struct json_out *o, const struct store_order *order)
{
    enum store_order_status seen = acme_order_seen(order, r->now);

    json_obj(o);
    json_kv_z(o, "status", store_order_status_text(seen));
    json_kv_when(o, "expires", order->expires);
    if (order->not_before)
        json_kv_when(o, "notBefore", order->not_before);
    if (order->not_after)
        json_kv_when(o, "notAfter", order->not_after);
    json_kv_str(o, "profile", order->profile);
    if (order->replaces.n)
        json_kv_str(o, "replaces", order->replaces);
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
        if (!listed(order, i))
            acme_put_url(o, r, "/acme/authorization/", &order->names[i].authorization, NULL);
    json_end(o);
    json_key(o, "finalize");
    acme_put_url(o, r, "/acme/order/", &order->id, "/finalize");
    if (order->error.n) {
        json_key(o, "error");
        json_put_raw(o, order->error);
    }
    if (order->star) {
        acme_star_put(r, o, order);
    } else if (seen == STORE_ORDER_VALID) {
        json_key(o, "certificate");
        acme_put_url(o, r, "/acme/certificate/", &order->certificate, NULL);
    }
    json_end(o);
}

/* One that is to begin later (RFC 8739) is not asked for until then, nor is one that persons are to
 * allow all the time. */
static int64_t retry_after(const struct acme_request *r, const struct store_order *order)
{
    when_t wait = r->retry_at   ? r->retry_at - r->now - WHEN_SECOND
                  : order->star ? order->star->start - r->now
                                : 0;

    return wait > 0 ? wait / WHEN_SECOND + 1 : ACME_RETRY_SECONDS;
}

static enum rc reply(struct acme_request *r, const struct store_order *order, int status)
{
    struct json_out o = acme_reply_begin(r);

    acme_order_put(r, &o, order);
    TRY(json_out_done(&o));
    acme_header_location(r, "/acme/order/", &order->id);
    if (order->status == STORE_ORDER_PROCESSING)
        http_header_addf(r->x, "Retry-After", "%lld", (long long)retry_after(r, order));
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
    if (r->payload)
        return acme_star_cancel(r, &order);
    return order.status == STORE_ORDER_PROCESSING ? acme_finalize_more(r, &order)
                                                  : reply(r, &order, 200);
}

/* ---- new-order */

METRIC_COUNTER(orders_total, "acme_orders_total", "Orders made");

static bool has_name(const struct order_data *d, const struct store_name *name)
{
    for (size_t i = 0; i < d->n; i++)
        if (acme_name_eq(&d->ids[i].name, name))
            return true;
    return false;
}

static enum rc make_room(struct acme_request *r, struct order_data *d, size_t n)
{
    d->ids = ARENA_ARRAY(r->arena, struct acme_identifier, n);
    d->names = ARENA_ARRAY(r->arena, struct store_order_name, n);
    d->authorizations = ARENA_ARRAY(r->arena, struct store_authorization, n);
    r->subs = ARENA_ARRAY(r->arena, struct http_subproblem, n);
    return d->ids && d->names && d->authorizations && r->subs ? RC_OK : RC_NOMEM;
}

/* What is wrong with one of several does not hide what is wrong with another (RFC 8555 section
 * 6.7.1). The texts are copied: the payload is gone when the problem is written. */
static enum rc note(struct acme_request *r, const struct err *err, struct str type,
                    struct str value)
{
    struct http_subproblem *sub = &r->subs[r->n_subs];

    TRY(arena_str(r->arena, type, &sub->identifier_type));
    TRY(arena_str(r->arena, value, &sub->identifier));
    sub->err = *err;
    r->n_subs++;
    return RC_OK;
}

static enum rc read_identifiers(struct acme_request *r, struct order_data *d)
{
    const struct json *list = json_get(r->payload, "identifiers");
    size_t n = json_type(list) == JSON_ARRAY ? json_len(list) : 0;
    struct json_iter it = json_iter(list);
    const struct json *value;

    if (n == 0 || n > ACME_IDENTIFIERS_MAX)
        return ACME_ERR(r, RC_INVAL, "malformed", msg_identifiers, STR("100"));
    TRY(make_room(r, d, n));
    while (json_next(&it, NULL, &value)) {
        struct acme_identifier id;
        struct err why = ERR_INIT;
        enum rc rc = acme_identifier_read(r, value, &id, &why);

        if (rc == RC_OK)
            rc = acme_subdomains_read_ancestor(r, value, &id, &why);
        if (rc == RC_OK && !has_name(d, &id.name))
            d->ids[d->n++] = id;
        if (rc == RC_OK)
            continue;
        if (n == 1 || (rc != RC_UNSUPPORTED && rc != RC_INVAL)) {
            r->err = why;
            return rc;
        }
        TRY(note(r, &why, json_shown(value, "type"), id.name.value));
    }
    return RC_OK;
}

static enum rc check_kind(struct acme_request *r, const struct order_data *d,
                          const struct acme_identifier *i, struct err *err)
{
    const struct conf_profile *profile = conf_profile_find(r->acme->conf, d->order.profile);
    unsigned kind = i->name.type == STORE_NAME_IP ? CONF_SAN_IP : CONF_SAN_DNS;

    if (!profile || profile->names & (1u << kind))
        return RC_OK;
    return PROBLEM(err, RC_DENIED, "rejectedIdentifier", msg_kind, d->order.profile, i->name.value);
}

/* The two certificates of a site for TLCP have profiles of their own. */
static bool is_tlcp(struct str profile)
{
    return str_eq(profile, STR("tlcp-sign")) || str_eq(profile, STR("tlcp-enc"));
}

/* By the rules, or, for the keeper, by the sites of the configuration: then the order is for the
 * site's profile. */
static enum rc judge_one(struct acme_request *r, struct order_data *d, struct acme_identifier *i,
                         struct err *err)
{
    struct policy_query q = acme_policy_query(r, &i->name);
    const struct conf_site *site;

    if (!d->vouched) {
        TRY(check_kind(r, d, i, err));
        return acme_identifier_judge(r, i, err);
    }
    q.from = CONF_FROM_GATEWAY;
    TRY(policy_judge_vouched(r->acme->conf, q.type, q.value, &site, err));
    TRY(policy_judge(r->acme->policy, &q, &i->verdict, err));
    if (is_tlcp(d->order.profile) && site->algorithms & 1u << CONF_KEY_SM2)
        return RC_OK;
    return arena_str(r->arena, site->profile, &d->order.profile);
}

static enum rc judge(struct acme_request *r, struct order_data *d)
{
    for (size_t i = 0; i < d->n; i++) {
        struct err why = ERR_INIT;
        enum rc rc = judge_one(r, d, &d->ids[i], &why);

        if (rc != RC_OK && rc != RC_DENIED)
            return rc;
        if (rc == RC_DENIED)
            TRY(note(r, &why, str_of(store_name_type_text(d->ids[i].name.type)),
                     d->ids[i].name.value));
    }
    return RC_OK;
}

/* One type for all when they agree, otherwise compound. */
static enum rc refuse(struct acme_request *r, const struct order_data *d)
{
    struct str refused = arena_printf(r->arena, "%zu", r->n_subs);
    struct str all = arena_printf(r->arena, "%zu", d->n);
    const char *type = r->subs[0].err.type;
    char first[512];

    for (size_t i = 1; i < r->n_subs; i++)
        if (!str_eq(str_of(r->subs[i].err.type), str_of(type)))
            type = "compound";
    return ACME_ERR(r, RC_DENIED, type, msg_refused, refused, all,
                    str_of(err_textz(&r->subs[0].err, first, sizeof(first))));
}

/* ---- what else may be asked for */

enum rc acme_order_date(struct acme_request *r, const struct json *in, const char *name,
                        when_t *out)
{
    const struct json *value = json_get(in, name);
    struct str text;

    *out = 0;
    if (value && (json_str(value, &text) != RC_OK || when_parse(text, out) != RC_OK))
        return ACME_ERR(r, RC_INVAL, "malformed", msg_date, str_of(name));
    return RC_OK;
}

static enum rc read_dates(struct acme_request *r, struct order_data *d)
{
    const struct conf_profile *profile = conf_profile_find(r->acme->conf, d->order.profile);
    when_t latest = r->now + (profile ? profile->lifetime : 0);
    when_t earliest = (r->now - (profile ? profile->backdate : 0)) / WHEN_SECOND * WHEN_SECOND;
    when_t from;
    char text[WHEN_TEXT], limit[WHEN_TEXT], now[WHEN_TEXT];

    TRY(acme_order_date(r, r->payload, "notBefore", &d->order.not_before));
    TRY(acme_order_date(r, r->payload, "notAfter", &d->order.not_after));
    from = d->order.not_before;
    if (json_get(r->payload, "notBefore") && (from < earliest || from > r->now))
        return ACME_ERR(r, RC_INVAL, "malformed", msg_not_before, str_of(when_text(from, text)),
                        str_of(when_text(earliest, limit)), str_of(when_text(r->now, now)));
    (void)when_text(latest, limit);
    if (d->order.not_after && (d->order.not_after <= r->now || d->order.not_after > latest)) {
        struct str asked = str_of(when_text(d->order.not_after, text)), most = str_of(limit);

        return ACME_ERR(r, RC_INVAL, "malformed", msg_not_after, asked, d->order.profile, most);
    }
    return RC_OK;
}

static enum rc read_profile(struct acme_request *r, struct order_data *d)
{
    const struct json *value = json_get(r->payload, "profile");
    struct str name = STR("");

    d->order.profile = STR("default");
    if (!value)
        return RC_OK;
    if (json_str(value, &name) != RC_OK || !conf_profile_find(r->acme->conf, name))
        return ACME_ERR(r, RC_INVAL, "invalidProfile", msg_profile, str_head(name, 64));
    d->order.profile = name;
    return RC_OK;
}

/* ---- the order */

/* The same domain above two names is proven once. */
static bool shared(const struct order_data *d, size_t i, struct store_authorization *out)
{
    for (size_t j = 0; d->ids[i].subdomains && j < i; j++)
        if (d->ids[j].subdomains && acme_name_eq(&d->ids[j].proven, &d->ids[i].proven)) {
            *out = d->authorizations[j];
            return true;
        }
    return false;
}

static enum rc add_authorization(struct acme_request *r, struct order_data *d, size_t i)
{
    struct store_authorization *authz = &d->authorizations[i];
    bool vouched = d->vouched || d->ids[i].verdict.vouched;

    d->names[i].name = d->ids[i].name;
    d->ids[i].reused = shared(d, i, authz);
    d->names[i].authorization = authz->id;
    if (d->ids[i].reused)
        return RC_OK;
    TRY(acme_reuse_authorization(r, &d->ids[i], vouched, authz));
    d->ids[i].reused = authz->id.z[0] != '\0';
    if (!d->ids[i].reused) {
        TRY(acme_identifier_authorization(r, &d->ids[i], authz));
        authz->validated = vouched ? r->now : 0;
    }
    d->names[i].authorization = authz->id;
    if (!vouched)
        return RC_OK;
    authz->status = STORE_AUTHORIZATION_VALID;
    authz->n_challenges = 0;
    if (d->vouched)
        return acme_vouch_evidence(r->arena, "gateway site", authz->name.value, &authz->evidence);
    TRY(arena_str(r->arena, d->ids[i].verdict.rule, &d->ids[i].vouched_by));
    return acme_vouch_evidence(r->arena, "key", r->account.eab_key, &authz->evidence);
}

/* Names that no single issuer may have are refused before anybody proves anything. */
static enum rc check_one_hierarchy(struct acme_request *r, const struct order_data *d)
{
    struct str *dns = ARENA_ARRAY(r->arena, struct str, d->n);
    struct addr *ips = ARENA_ARRAY(r->arena, struct addr, d->n);
    struct policy_names names = {.dns = dns, .ips = ips};

    if (!dns || !ips)
        return RC_NOMEM;
    for (size_t i = 0; i < d->n; i++)
        if (d->ids[i].name.type == STORE_NAME_IP)
            TRY(addr_parse(d->ids[i].name.value, &ips[names.n_ips++]));
        else
            dns[names.n_dns++] = d->ids[i].name.value;
    return ca_serves(r->acme->ca, &names, r->staging, &r->err);
}

static enum rc add_order(struct store_txn *txn, struct acme_request *r)
{
    const struct order_data *d = r->data;
    CLEANUP(buf_done) struct buf detail = BUF_INIT(AUDIT_DETAIL_MAX);
    struct json_out o;

    TRY(acme_limit_take(txn, r, &r->err));
    if (d->order.replaces.n)
        TRY(acme_replaces_once(txn, r, d->order.replaces));
    json_out_init(&o, &detail, JSON_COMPACT);
    json_obj(&o);
    json_key(&o, "names");
    json_arr(&o);
    for (size_t i = 0; i < d->n; i++) {
        if (!d->ids[i].reused)
            TRY(store_authorization_add(txn, &d->authorizations[i]));
        json_put_str(&o, d->names[i].name.value);
    }
    json_end(&o);
    json_kv_str(&o, "rules", d->rules);
    if (d->order.replaces.n)
        json_kv_str(&o, "replaces", d->order.replaces);
    if (d->order.star)
        json_kv_when(&o, "renewed_until", d->order.star->end);
    json_end(&o);
    TRY(json_out_done(&o));
    TRY(store_order_add(txn, &d->order));
    TRY(acme_audit(txn, r, "order.created", "order", &d->order.id, buf_str(&detail)));
    for (size_t i = 0; i < d->n; i++)
        if (!d->ids[i].reused && d->authorizations[i].evidence.n)
            TRY(acme_vouch_audit(txn, r, &d->authorizations[i], d->ids[i].vouched_by));
    if (d->order.status != STORE_ORDER_READY)
        return RC_OK;
    return acme_audit(txn, r, "order.ready", "order", &d->order.id, (struct str){NULL, 0});
}

static void order_added(struct acme_request *r)
{
    const struct order_data *d = r->data;

    metric_add(&orders_total, 0, 1);
    acme_open_add(&r->acme->open, &r->account.id);
    acme_order_reply(r, &d->order, 201);
}

/* Ready when nothing is left to prove; it lives no longer than what it stands on. */
static void settle(struct acme_request *r, struct order_data *d)
{
    struct store_order *o = &d->order;

    o->account = r->account.id;
    o->status = STORE_ORDER_READY;
    o->expires = r->now + ACME_ORDER_LIFE;
    for (size_t i = 0; i < d->n; i++) {
        if (d->authorizations[i].status != STORE_AUTHORIZATION_VALID)
            o->status = STORE_ORDER_PENDING;
        if (d->authorizations[i].expires < o->expires)
            o->expires = d->authorizations[i].expires;
    }
    if (o->star && o->star->end < o->expires)
        o->expires = o->star->end;
    o->names = d->names;
    o->n_names = d->n;
    o->created = r->now;
    o->created_from = r->client;
}

enum rc acme_order_room(struct acme_request *r, uint64_t *out_open)
{
    struct acme_open_room room = {.max = r->acme->conf->acme.orders_open, .now = r->now};
    enum rc rc = acme_open_look(&r->acme->open, r->acme->store, &r->account, &room);

    *out_open = room.n;
    if (rc != RC_QUOTA)
        return rc;
    r->retry_at = r->now + (room.wait < WHEN_HOUR ? room.wait : WHEN_HOUR);
    return ACME_ERR(r, RC_QUOTA, "rateLimited", msg_open,
                    arena_printf(r->arena, "%llu", (unsigned long long)room.n),
                    arena_printf(r->arena, "%llu", (unsigned long long)room.max));
}

/* What the client has asked for itself is refused where it is too long; otherwise the certificate
 * is as short as it has to be (acme_judged_limit). */
static enum rc check_life(struct acme_request *r, const struct store_order *order, when_t life)
{
    const struct store_star *star = order->star;
    char text[WHEN_TEXT], limit[WHEN_TEXT];

    if (order->not_after > r->now + life)
        return ACME_ERR(r, RC_INVAL, "malformed", msg_lifetime,
                        str_of(when_text(order->not_after, text)),
                        str_of(when_text(r->now + life, limit)));
    if (star && star->lifetime + star->adjust > life)
        return ACME_ERR(r, RC_INVAL, "malformed", msg_star,
                        arena_printf(r->arena, "%lld",
                                     (long long)((star->lifetime + star->adjust) / WHEN_SECOND)),
                        arena_printf(r->arena, "%lld", (long long)(life / WHEN_SECOND)));
    return RC_OK;
}

/* What the rules say of all names together. */
static enum rc judge_whole(struct acme_request *r, struct order_data *d)
{
    struct policy_whole w = {.profile = d->order.profile};
    struct acme_judged judged = {};
    when_t life;

    TRY(acme_whole(r, d->ids, d->n, &w));
    TRY(policy_judge_whole(&w, &r->err));
    TRY(acme_reason_look(r, &w, &judged));
    life = policy_lifetime(&w);
    if (life)
        TRY(check_life(r, &d->order, life));
    return acme_whole_rules(r->arena, &w, &d->rules);
}

/* Whoever would be refused in the end is refused before they prove anything. */
static enum rc check_locks(struct acme_request *r, const struct order_data *d)
{
    struct store_name *names = ARENA_ARRAY(r->arena, struct store_name, d->n);
    struct ca_lock_ask ask = {.names = names, .n_names = d->n, .account = r->account.id};

    if (!names)
        return RC_NOMEM;
    for (size_t i = 0; i < d->n; i++)
        names[i] = d->ids[i].name;
    return ca_lock_judge(store_read(r->acme->store), r->arena, &ask, r->now, &r->err);
}

static enum rc read_order(struct acme_request *r, struct order_data *d)
{
    TRY(read_profile(r, d));
    TRY(acme_star_read(r, &d->order));
    if (d->order.star)
        acme_shown_forget(r);
    TRY(read_dates(r, d));
    TRY(read_identifiers(r, d));
    TRY(judge(r, d));
    if (r->n_subs)
        return refuse(r, d);
    if (d->vouched && d->n > 1)
        return ACME_ERR(r, RC_DENIED, "rejectedIdentifier", msg_one_site,
                        arena_printf(r->arena, "%zu", d->n));
    TRY(judge_whole(r, d));
    TRY(check_one_hierarchy(r, d));
    TRY(check_locks(r, d));
    return acme_replaces_read(r, d->ids, d->n, &d->order.replaces);
}

/* Then the order says what it wants to prove, which others may not have in common with it. */
static bool names_ancestor(const struct order_data *d)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->ids[i].ancestor.n)
            return true;
    return false;
}

enum rc acme_new_order(struct acme_request *r)
{
    struct order_data *d = ARENA_NEW(r->arena, struct order_data);
    uint64_t open = 0;

    if (!d)
        return RC_NOMEM;
    r->data = d;
    d->vouched = acme_vouches_for(r, &r->account.thumbprint);
    TRY(read_order(r, d));
    if (!d->vouched)
        TRY(acme_order_room(r, &open));
    for (size_t i = 0; i < d->n; i++)
        TRY(add_authorization(r, d, i));
    settle(r, d);
    if (open && !d->vouched && !names_ancestor(d) && r->acme->conf->acme.reuse.orders) {
        enum rc rc = acme_reuse_order(r, &d->order, &d->order);

        if (rc == RC_OK)
            return reply(r, &d->order, 200);
        if (rc != RC_NOTFOUND)
            return rc;
    }
    if (!d->vouched)
        TRY(acme_limit_order(r, &d->order));
    TRY(id_new(&d->order.id));
    return acme_write(r, add_order, order_added);
}
