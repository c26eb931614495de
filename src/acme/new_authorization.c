/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 section 7.4.1: an authorization ahead of any order. The account's row says until when
 * one of them may count, so that accounts that make none are not asked for them. */
#include "acme/parts_int.h"

MSG(msg_form, "acme.new-authorization",
    "\"identifier\" has to be an object with \"type\" and \"value\" (RFC 8555 section 7.4.1)");
MSG(msg_wildcard, "acme.new-authorization-wildcard",
    "a wildcard cannot be authorized ahead of its order (RFC 8555 section 7.4.1); order {0}");
MSG(msg_vouched, "acme.new-authorization-vouched",
    "the names of this account are this server's own sites, and need no authorization");
MSG(msg_none, "acme.new-authorization-none",
    "policy rule \"{0}\" wants no proof of {1}, so there is nothing to authorize; order it");

struct ahead {
    struct acme_identifier identifier;
    struct store_authorization authorization;
    when_t until;
};

static enum rc read_identifier(struct acme_request *r, struct ahead *d)
{
    const struct json *value = json_get(r->payload, "identifier");
    struct acme_identifier *i = &d->identifier;

    if (!value)
        return ACME_ERR(r, RC_INVAL, "malformed", msg_form);
    TRY(acme_identifier_read(r, value, i, &r->err));
    if (i->wildcard)
        return ACME_ERR(r, RC_INVAL, "malformed", msg_wildcard, i->name.value);
    TRY(acme_subdomains_read_flag(r, value, i));
    TRY(acme_identifier_judge_ahead(r, i, &r->err));
    if (i->challenges)
        return RC_OK;
    return ACME_ERR(r, RC_DENIED, "unauthorized", msg_none, i->verdict.rule, i->name.value);
}

static enum rc add(struct store_txn *txn, struct acme_request *r)
{
    const struct ahead *d = r->data;

    TRY(store_authorization_add(txn, &d->authorization));
    if (r->account.ahead < d->until)
        TRY(store_account_set_ahead(txn, &r->account.id, d->until));
    return acme_audit(txn, r, "authorization.created", "authorization", &d->authorization.id,
                      (struct str){NULL, 0});
}

static void added(struct acme_request *r)
{
    const struct ahead *d = r->data;

    acme_open_add(&r->acme->open, &r->account.id);
    acme_authorization_reply(r, &d->authorization, 201);
}

enum rc acme_new_authorization(struct acme_request *r)
{
    struct ahead *d = ARENA_NEW(r->arena, struct ahead);
    uint64_t open;

    if (!d)
        return RC_NOMEM;
    r->data = d;
    if (acme_vouches_for(r, &r->account.thumbprint))
        return ACME_ERR(r, RC_DENIED, "unauthorized", msg_vouched);
    TRY(read_identifier(r, d));
    TRY(acme_reuse_authorization(r, &d->identifier, false, &d->authorization));
    if (d->authorization.id.z[0]) {
        acme_authorization_reply(r, &d->authorization, 200);
        return RC_OK;
    }
    TRY(acme_order_room(r, &open));
    TRY(acme_identifier_authorization(r, &d->identifier, &d->authorization));
    d->authorization.ahead = true;
    /* Proven on its last day, it counts for its life from then. */
    d->until = r->now + ACME_ORDER_LIFE + ACME_AUTHORIZATION_LIFE;
    return acme_write(r, add, added);
}
