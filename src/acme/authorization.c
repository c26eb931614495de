/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 section 7.5: authorizations and their challenges, as the client sees them. What happens
 * once a challenge has been asked for is validation.c. */
#include "acme/acme_int.h"

#include <assert.h>

#include "acme/state.h"

MSG(msg_challenge_gone, "acme.challenge-expired",
    "the authorization of this challenge is {0}; make a new order to try again");

static void challenge_put(struct acme_request *r, struct json_out *o,
                          const struct store_challenge *c)
{
    json_obj(o);
    json_kv_str(o, "type", c->type);
    json_key(o, "url");
    acme_put_url(o, r, "/acme/challenge/", &c->id, NULL);
    json_kv_z(o, "status", store_challenge_status_text(c->status));
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
    json_end(o);
}

static bool waits(const struct store_authorization *a)
{
    for (size_t i = 0; i < a->n_challenges; i++)
        if (a->challenges[i].status == STORE_CHALLENGE_PROCESSING)
            return true;
    return false;
}

enum rc acme_authorization(struct acme_request *r)
{
    struct store_authorization authz;
    struct json_out o;
    enum rc rc = store_authorization_get(store_read(r->acme->store), r->arena, &r->id, &authz);

    if (rc == RC_NOTFOUND)
        return acme_request_owns(r, &(struct id){""}, "authorization");
    TRY(rc);
    TRY(acme_request_owns(r, &authz.account, "authorization"));
    o = acme_reply_begin(r);
    authorization_put(r, &o, &authz);
    TRY(json_out_done(&o));
    if (waits(&authz))
        http_header_addf(r->x, "Retry-After", "%d", ACME_RETRY_SECONDS);
    acme_reply_json(r, 200);
    return RC_OK;
}

/* ---- challenge */

struct challenge_data {
    struct store_challenge challenge;
    struct store_authorization authorization;
    struct str thumbprint;
    struct acme_attempt *attempt; /* NULL: it waits for its turn */
    when_t lease;
    bool started; /* by this request, not by another at the same time */
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

/* Asked for and, if there is a place, taken in one transaction: the first attempt starts as soon as
 * this is on disk. */
static enum rc start_challenge(struct store_txn *txn, struct acme_request *r)
{
    struct challenge_data *d = r->data;
    const struct id *id = &d->challenge.id;
    enum rc rc;

    assert(acme_challenge_may(STORE_CHALLENGE_PENDING, STORE_CHALLENGE_PROCESSING));
    rc = store_challenge_start(txn, id, r->now, d->attempt ? r->now + d->lease : r->now,
                               d->thumbprint);
    d->started = rc == RC_OK;
    if (rc == RC_CONFLICT) /* another request was a moment faster: the answer is how it stands */
        return store_challenge_get(txn, r->arena, id, &d->challenge);
    TRY(rc);
    return acme_audit(txn, r, "challenge.requested", "challenge", id, (struct str){NULL, 0});
}

static void challenge_not_tried(struct acme_request *r)
{
    struct challenge_data *d = r->data;

    if (d->attempt)
        acme_validation_leave(MOVE(d->attempt));
    else
        acme_validation_look(r->acme);
}

static void challenge_started(struct acme_request *r)
{
    struct challenge_data *d = r->data;

    if (d->started) {
        d->challenge.status = STORE_CHALLENGE_PROCESSING;
        d->challenge.attempts = 1;
        d->challenge.key_thumbprint = d->thumbprint;
    }
    if (d->started && d->attempt)
        acme_validation_start(MOVE(d->attempt), &d->challenge, &d->authorization);
    else
        challenge_not_tried(r);
    reply_challenge(r);
}

static enum rc load_challenge(struct acme_request *r, struct challenge_data *d)
{
    struct store_txn *txn = store_read(r->acme->store);
    enum rc rc = store_challenge_get(txn, r->arena, &r->id, &d->challenge);

    if (rc == RC_NOTFOUND)
        return acme_request_owns(r, &(struct id){""}, "challenge");
    TRY(rc);
    TRY(store_authorization_get(txn, r->arena, &d->challenge.authorization, &d->authorization));
    return acme_request_owns(r, &d->authorization.account, "challenge");
}

enum rc acme_challenge(struct acme_request *r)
{
    struct challenge_data *d = ARENA_NEW(r->arena, struct challenge_data);
    enum store_authorization_status seen;
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
    TRY(acme_keys_get(&r->acme->keys, r->account.jwk, &jwk));
    TRY(arena_str(r->arena, str_of(jose_jwk_thumbprint(jwk)), &d->thumbprint));
    d->lease = acme_validation_lease(r->acme);
    d->attempt = acme_validation_place(r->acme, &r->account.id);
    r->undo = challenge_not_tried;
    return acme_write(r, start_challenge, challenge_started);
}
