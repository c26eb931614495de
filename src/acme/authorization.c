/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 section 7.5: authorizations and their challenges, as the client sees them. What happens
 * once a challenge has been asked for is validation.c. */
#include "acme/attempt_int.h"

#include <assert.h>

#include "acme/parts_int.h"
#include "acme/state.h"

enum { ORDERS_ARENA = 1 << 20 };

MSG(msg_challenge_gone, "acme.challenge-expired",
    "the authorization of this challenge is {0}; make a new order to try again");

MSG(msg_status, "acme.authorization-status-value",
    "an authorization's \"status\" can only be set to \"deactivated\"; to read it, send an empty "
    "payload");
MSG(msg_settled, "acme.authorization-settled",
    "the authorization is {0}; only one that is pending or valid can be deactivated");
MSG(msg_given_up, "acme.authorization-given-up",
    "the client has deactivated the authorization of {0}");

/* draft-ietf-acme-dns-persist: the domains of which a record may name one, as -02 calls them and as
 * -00 and -01 do, and what -01 has besides; clients pass over what they do not know. */
static void put_issuers(struct acme_request *r, struct json_out *o)
{
    static const char *const names[] = {"issuerDomainNames", "issuer-domain-names"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        acme_put_issuers(o, r->acme->conf, names[i]);
    json_kv_str(o, "accounturi", acme_account_uri(r->acme, r->arena, &r->account.id, r->staging));
}

static void challenge_put(struct acme_request *r, struct json_out *o,
                          const struct store_challenge *c)
{
    json_obj(o);
    json_kv_str(o, "type", c->type);
    json_key(o, "url");
    acme_put_url(o, r, "/acme/challenge/", &c->id, NULL);
    json_kv_z(o, "status", store_challenge_status_text(c->status));
    if (str_eq(c->type, str_of(conf_challenge_name(CONF_CHALLENGE_DNS_PERSIST_01))))
        put_issuers(r, o);
    else
        json_kv_str(o, "token", c->token);
    if (c->validated)
        json_kv_when(o, "validated", c->validated);
    if (c->error.n) {
        json_key(o, "error");
        json_put_raw(o, c->error);
    }
    json_end(o);
}

static void authorization_put(struct acme_request *r, struct json_out *o,
                              const struct store_authorization *a)
{
    json_obj(o);
    json_kv_z(o, "status", store_authorization_status_text(acme_authorization_seen(a, r->now)));
    json_kv_when(o, "expires", a->expires);
    json_key(o, "identifier");
    json_obj(o);
    json_kv_z(o, "type", store_name_type_text(a->name.type));
    json_kv_str(o, "value", a->name.value);
    json_end(o);
    json_key(o, "challenges");
    json_arr(o);
    for (size_t i = 0; i < a->n_challenges; i++)
        challenge_put(r, o, &a->challenges[i]);
    json_end(o);
    if (a->wildcard)
        json_kv_bool(o, "wildcard", true);
    /* RFC 9444 section 4.1: true where it is so; false says to who asked for it that it is not. */
    if (a->subdomains || (a->name.type == STORE_NAME_DNS && acme_subdomains_offered(r->acme->conf)))
        json_kv_bool(o, "subdomainAuthAllowed", a->subdomains);
    json_end(o);
}

static bool waits(const struct store_authorization *a)
{
    for (size_t i = 0; i < a->n_challenges; i++)
        if (a->challenges[i].status == STORE_CHALLENGE_PROCESSING)
            return true;
    return false;
}

void acme_authorization_reply(struct acme_request *r, const struct store_authorization *a,
                              int status)
{
    struct json_out o = acme_reply_begin(r);

    authorization_put(r, &o, a);
    IGNORE_RC(json_out_done(&o)); /* a failed body becomes a 500 at the end of the exchange */
    if (status == 201)
        acme_header_location(r, "/acme/authorization/", &a->id);
    if (waits(a))
        http_header_addf(r->x, "Retry-After", "%d", ACME_RETRY_SECONDS);
    acme_reply_json(r, status);
}

/* ---- deactivation (RFC 8555 section 7.5.2) */

struct authorization_data {
    struct store_authorization authorization;
    struct str problem; /* of the orders that it ends */
};

/* What is being tried is not tried again. */
static enum rc end_challenges(struct store_txn *txn, struct acme_request *r,
                              const struct authorization_data *d)
{
    const struct store_authorization *z = &d->authorization;

    for (size_t i = 0; i < z->n_challenges; i++) {
        enum rc rc;

        if (z->challenges[i].status != STORE_CHALLENGE_PROCESSING)
            continue;
        assert(acme_challenge_may(STORE_CHALLENGE_PROCESSING, STORE_CHALLENGE_INVALID));
        rc = store_challenge_finish(txn, &z->challenges[i].id, STORE_CHALLENGE_INVALID, r->now,
                                    d->problem, (struct str){NULL, 0});
        if (rc != RC_OK && rc != RC_CONFLICT)
            return rc;
    }
    return RC_OK;
}

/* Orders that wait for it can never become ready (section 7.1.6). */
static enum rc end_orders(struct store_txn *txn, struct acme_request *r,
                          const struct authorization_data *d)
{
    struct id *orders;
    size_t n;

    assert(acme_order_may(STORE_ORDER_PENDING, STORE_ORDER_INVALID));
    do { /* those of a page are pending no more */
        CLEANUP(arena_done) struct arena a = ARENA_INIT(ORDERS_ARENA);

        TRY(store_order_fail_all(txn, &a, &d->authorization.id, d->problem, &orders, &n));
        for (size_t i = 0; i < n; i++)
            TRY(acme_audit(txn, r, "order.failed", "order", &orders[i], d->problem));
    } while (n == STORE_PAGE_MAX);
    return RC_OK;
}

static enum rc deactivate(struct store_txn *txn, struct acme_request *r)
{
    struct authorization_data *d = r->data;
    const struct id *id = &d->authorization.id;
    enum store_authorization_status from;

    TRY(store_authorization_get(txn, r->arena, id, &d->authorization));
    from = d->authorization.status;
    if (!acme_authorization_may(from, STORE_AUTHORIZATION_DEACTIVATED))
        return ACME_ERR(r, RC_CONFLICT, "malformed", msg_settled,
                        str_of(store_authorization_status_text(from)));
    TRY(store_authorization_move(txn, id, from, STORE_AUTHORIZATION_DEACTIVATED));
    TRY(end_challenges(txn, r, d));
    TRY(end_orders(txn, r, d));
    return acme_audit(txn, r, "authorization.deactivated", "authorization", id,
                      (struct str){NULL, 0});
}

static void deactivated(struct acme_request *r)
{
    struct authorization_data *d = r->data;

    d->authorization.status = STORE_AUTHORIZATION_DEACTIVATED;
    acme_authorization_reply(r, &d->authorization, 200);
}

static enum rc begin_deactivation(struct acme_request *r, struct authorization_data *d)
{
    enum store_authorization_status seen = acme_authorization_seen(&d->authorization, r->now);
    struct err why = ERR_INIT;
    struct str status;

    if (json_str(json_get(r->payload, "status"), &status) != RC_OK ||
        !str_eq(status, STR("deactivated")))
        return ACME_ERR(r, RC_INVAL, "malformed", msg_status);
    if (!acme_authorization_may(seen, STORE_AUTHORIZATION_DEACTIVATED))
        return ACME_ERR(r, RC_CONFLICT, "malformed", msg_settled,
                        str_of(store_authorization_status_text(seen)));
    IGNORE_RC(PROBLEM(&why, RC_DENIED, "unauthorized", msg_given_up, d->authorization.name.value));
    TRY(acme_problem_json(r->arena, &why, NULL, 0, &d->problem));
    return acme_write(r, deactivate, deactivated);
}

enum rc acme_authorization(struct acme_request *r)
{
    struct authorization_data *d = ARENA_NEW(r->arena, struct authorization_data);
    enum rc rc;

    if (!d)
        return RC_NOMEM;
    r->data = d;
    rc = store_authorization_get(store_read(r->acme->store), r->arena, &r->id, &d->authorization);
    if (rc == RC_NOTFOUND)
        return acme_request_owns(r, &(struct id){""}, "authorization");
    TRY(rc);
    TRY(acme_request_owns(r, &d->authorization.account, "authorization"));
    if (r->payload)
        return begin_deactivation(r, d);
    acme_authorization_reply(r, &d->authorization, 200);
    return RC_OK;
}

/* ---- challenge */

struct challenge_data {
    struct store_challenge challenge;
    struct store_authorization authorization;
    struct str thumbprint;
};

static void reply_challenge(struct acme_request *r)
{
    const struct challenge_data *d = r->data;
    struct json_out o = acme_reply_begin(r);

    challenge_put(r, &o, &d->challenge);
    IGNORE_RC(json_out_done(&o)); /* a failed body becomes a 500 at the end of the exchange */
    acme_header_link(r, "up", "/acme/authorization/", &d->authorization.id);
    if (d->challenge.status == STORE_CHALLENGE_PROCESSING)
        http_header_addf(r->x, "Retry-After", "%d", ACME_RETRY_SECONDS);
    acme_reply_json(r, 200);
}

static enum rc load_challenge(struct acme_request *r, struct challenge_data *d)
{
    struct store_authorization *z = &d->authorization;
    enum rc rc = store_authorization_of(store_read(r->acme->store), r->arena, &r->id, z);

    if (rc == RC_NOTFOUND)
        return acme_request_owns(r, &(struct id){""}, "challenge");
    TRY(rc);
    for (size_t i = 0; i < z->n_challenges; i++)
        if (str_eq(id_str(&z->challenges[i].id), id_str(&r->id)))
            d->challenge = z->challenges[i];
    return acme_request_owns(r, &z->account, "challenge");
}

/* Asked for: it is due, and taken up in its turn. */
static enum rc start_challenge(struct store_txn *txn, struct acme_request *r)
{
    struct challenge_data *d = r->data;
    const struct id *id = &d->challenge.id;
    enum rc rc;

    assert(acme_challenge_may(STORE_CHALLENGE_PENDING, STORE_CHALLENGE_PROCESSING));
    rc = store_challenge_start(txn, id, r->now, r->now, d->thumbprint);
    if (rc == RC_CONFLICT) /* another request was a moment faster: the answer is how it stands */
        return store_challenge_get(txn, r->arena, id, &d->challenge);
    TRY(rc);
    d->challenge.status = STORE_CHALLENGE_PROCESSING;
    return acme_audit(txn, r, "challenge.requested", "challenge", id, (struct str){NULL, 0});
}

static void challenge_started(struct acme_request *r)
{
    acme_validation_look(r->acme);
    reply_challenge(r);
}

/* The first attempt is over, or takes longer than the client is to wait. */
static void challenge_settled(struct acme_request *r, enum rc rc, const struct store_challenge *c)
{
    struct challenge_data *d = r->data;

    if (rc == RC_OK && !c)
        rc = load_challenge(r, d);
    if (rc != RC_OK) {
        acme_reply_fail(r, rc);
        return;
    }
    if (c) {
        d->challenge.status = c->status;
        d->challenge.validated = c->validated;
        d->challenge.error = c->error;
    }
    reply_challenge(r);
}

enum rc acme_challenge(struct acme_request *r)
{
    struct challenge_data *d = ARENA_NEW(r->arena, struct challenge_data);
    enum store_authorization_status seen;
    struct acme_attempt *attempt = NULL;
    const struct jose_jwk *jwk;

    if (!d)
        return RC_NOMEM;
    r->data = d;
    TRY(load_challenge(r, d));
    /* Read, or asked for a second time: the answer is how it stands (RFC 8555 section 7.5.1). */
    if (!r->payload || d->challenge.status != STORE_CHALLENGE_PENDING) {
        reply_challenge(r);
        return RC_OK;
    }
    seen = acme_authorization_seen(&d->authorization, r->now);
    if (seen != STORE_AUTHORIZATION_PENDING)
        return ACME_ERR(r, RC_CONFLICT, "malformed", msg_challenge_gone,
                        str_of(store_authorization_status_text(seen)));
    TRY(acme_identifier_judge_challenge(r, &d->authorization, d->challenge.type));
    TRY(acme_keys_get(&r->acme->keys, r->account.jwk, &jwk));
    TRY(arena_str(r->arena, str_of(jose_jwk_thumbprint(jwk)), &d->thumbprint));
    if (!acme_validation_joins(r->acme, &d->challenge.id))
        attempt = acme_validation_place(r->acme, &r->account.id);
    if (!attempt)
        return acme_write(r, start_challenge, challenge_started);
    d->challenge.key_thumbprint = d->thumbprint;
    return acme_validation_start(attempt, r, &d->challenge, &d->authorization, challenge_settled);
}
