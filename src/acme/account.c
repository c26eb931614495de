/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 section 7.3: accounts. */
#include "acme/parts_int.h"

#include <assert.h>
#include <stdio.h>

#include "acme/state.h"
#include "base/name.h"
#include "crypto/hash.h"
#include "store/keys.h"
#include "store/stars.h"

enum { CONTACT_MAX = 512, ADDR_SPEC_MAX = 320, CANCEL_ARENA = 1 << 20 };

MSG(msg_contact_list, "acme.contact-list", "\"contact\" has to be a list of at most {0} texts");
MSG(msg_contact_scheme, "acme.contact-scheme",
    "contact \"{0}\" is not a mailto: URL, the only kind this server can use");
MSG(msg_contact_mail, "acme.contact-mail",
    "contact \"{0}\" is not one plain mail address (RFC 8555 section 7.3: no header fields, one "
    "address)");
MSG(msg_terms, "acme.terms",
    "the terms of service at {0} have to be agreed to: send \"termsOfServiceAgreed\": true");
MSG(msg_not_registered, "acme.key-not-registered",
    "no account has this key, and only an existing one was asked for; leave out "
    "\"onlyReturnExisting\" to make one");
MSG(msg_blocked, "acme.account-key-compromised",
    "a certificate with this key was revoked at {0} because the key was compromised; make a new "
    "key for the account");
MSG(msg_deactivated, "acme.account-deactivated", "the account of this key is {0}; use another key");
MSG(msg_account_url, "acme.account-url",
    "an account can only be seen and changed with its own key");
MSG(msg_status, "acme.account-status-value",
    "an account's \"status\" can only be set to \"deactivated\"");

struct account_data {
    struct store_account account; /* as it will be or is */
    struct str *contacts;
    size_t n_contacts;
    bool has_contacts;
    bool agreed;
    bool only_existing;
    bool created;
};

static enum rc check_contact(struct acme_request *r, struct str contact)
{
    struct str mail, local, domain;
    char name[NAME_MAX_BYTES + 1];

    if (!str_starts(contact, STR("mailto:")))
        return ACME_ERR(r, RC_UNSUPPORTED, "unsupportedContact", msg_contact_scheme, contact);
    mail = str_skip(contact, 7);
    if (contact.n > CONTACT_MAX || mail.n > ADDR_SPEC_MAX || !str_printable(mail) ||
        str_find(mail, '?') < mail.n || str_find(mail, ',') < mail.n ||
        str_find(mail, ' ') < mail.n || !str_cut(mail, '@', &local, &domain) || local.n == 0 ||
        name_canonical(domain, false, name) != RC_OK)
        return ACME_ERR(r, RC_INVAL, "invalidContact", msg_contact_mail, contact);
    return RC_OK;
}

static enum rc read_contacts(struct acme_request *r, struct account_data *d)
{
    const struct json *list = json_get(r->payload, "contact");
    struct json_iter it = json_iter(list);
    const struct json *value;

    if (!list)
        return RC_OK;
    if (json_type(list) != JSON_ARRAY || json_len(list) > STORE_CONTACTS_MAX)
        return ACME_ERR(r, RC_INVAL, "invalidContact", msg_contact_list, STR("10"));
    d->contacts = ARENA_ARRAY(r->arena, struct str, json_len(list));
    if (!d->contacts)
        return RC_NOMEM;
    d->has_contacts = true;
    while (json_next(&it, NULL, &value)) {
        struct str *contact = &d->contacts[d->n_contacts];

        if (json_str(value, contact) != RC_OK)
            return ACME_ERR(r, RC_INVAL, "invalidContact", msg_contact_list, STR("10"));
        TRY(check_contact(r, *contact));
        d->n_contacts++;
    }
    return RC_OK;
}

static void account_put(struct acme_request *r, struct json_out *o, const struct store_account *a)
{
    json_obj(o);
    json_kv_z(o, "status", store_account_status_text(a->status));
    json_key(o, "contact");
    json_arr(o);
    for (size_t i = 0; i < a->n_contacts; i++)
        json_put_str(o, a->contacts[i]);
    json_end(o);
    if (a->terms_at)
        json_kv_bool(o, "termsOfServiceAgreed", true);
    json_kv_when(o, "createdAt", a->created);
    json_key(o, "orders");
    acme_put_url(o, r, "/acme/account/", &a->id, "/orders");
    json_end(o);
}

void acme_account_reply(struct acme_request *r, const struct store_account *a, int status)
{
    struct json_out o = acme_reply_begin(r);

    account_put(r, &o, a);
    IGNORE_RC(json_out_done(&o)); /* a failed body becomes a 500 at the end of the exchange */
    acme_header_location(r, "/acme/account/", &a->id);
    acme_reply_json(r, status);
}

static void reply_account(struct acme_request *r)
{
    const struct account_data *d = r->data;

    acme_account_reply(r, &d->account, d->created ? 201 : 200);
}

/* ---- new-account */

static enum rc usable(struct acme_request *r, const struct store_account *a)
{
    if (a->status == STORE_ACCOUNT_VALID)
        return RC_OK;
    return ACME_ERR(r, RC_DENIED, "unauthorized", msg_deactivated,
                    str_of(store_account_status_text(a->status)));
}

static enum rc check_blocked(struct store_txn *txn, struct acme_request *r)
{
    struct store_blocked_key blocked;
    struct store_hash spki;
    char at[WHEN_TEXT];
    enum rc rc;

    TRY(crypto_sha256(crypto_key_spki(jose_jwk_key(r->jws.jwk)), spki.b));
    rc = store_key_blocked(txn, r->arena, &spki, &blocked);
    if (rc == RC_OK)
        return ACME_ERR(r, RC_DENIED, "badPublicKey", msg_blocked,
                        str_of(when_text(blocked.blocked, at)));
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

static enum rc audit_created(struct store_txn *txn, struct acme_request *r)
{
    const struct account_data *d = r->data;
    CLEANUP(buf_done) struct buf detail = BUF_INIT(AUDIT_DETAIL_MAX);
    struct json_out o;

    if (d->account.eab_key.n) {
        json_out_init(&o, &detail, JSON_COMPACT);
        json_obj(&o);
        json_kv_str(&o, "eab", d->account.eab_key);
        json_end(&o);
        TRY(json_out_done(&o));
    }
    return acme_audit(txn, r, "account.created", "account", &d->account.id, buf_str(&detail));
}

static enum rc add_account(struct store_txn *txn, struct acme_request *r)
{
    struct account_data *d = r->data;
    enum rc rc;

    TRY(check_blocked(txn, r));
    TRY(acme_limit_take(txn, r, &r->err));
    if (d->account.eab_key.n)
        TRY(acme_eab_once(txn, r, d->account.eab_key));
    rc = store_account_add(txn, &d->account);
    d->created = rc == RC_OK;
    if (rc == RC_EXISTS) {
        /* Another request with this key was a moment faster: its account is this one's. */
        TRY(store_account_find(txn, r->arena, &d->account.thumbprint, &d->account));
        return usable(r, &d->account);
    }
    TRY(rc);
    r->account.id = d->account.id;
    return audit_created(txn, r);
}

static enum rc fill_account(struct acme_request *r, struct account_data *d)
{
    struct store_account *a = &d->account;

    TRY(id_new(&a->id));
    a->status = STORE_ACCOUNT_VALID;
    a->jwk = jose_jwk_json(r->jws.jwk);
    a->contacts = d->contacts;
    a->n_contacts = d->n_contacts;
    a->terms_at = d->agreed ? r->now : 0;
    a->created = r->now;
    a->created_from = r->client;
    a->staging = r->staging;
    return RC_OK;
}

static enum rc read_new_account(struct acme_request *r, struct account_data *d)
{
    const struct json *agreed = json_get(r->payload, "termsOfServiceAgreed");
    const struct json *only = json_get(r->payload, "onlyReturnExisting");

    if (agreed && json_bool(agreed, &d->agreed) != RC_OK)
        d->agreed = false;
    if (only && json_bool(only, &d->only_existing) != RC_OK)
        d->only_existing = false;
    return RC_OK;
}

static enum rc check_new(struct acme_request *r, struct account_data *d)
{
    bool vouched = acme_vouches_for(r, &d->account.thumbprint);
    struct str terms = r->acme->conf->acme.terms_of_service;

    if (d->only_existing)
        return ACME_ERR(r, RC_NOTFOUND, "accountDoesNotExist", msg_not_registered);
    TRY(acme_eab_read(r, vouched, &d->account.eab_key));
    if (terms.n && !d->agreed && !vouched) { /* the keeper is no one who could agree */
        http_header_addf(r->x, "Link", "<%.*s>;rel=\"terms-of-service\"", STR_ARG(terms));
        return ACME_ERR(r, RC_DENIED, "userActionRequired", msg_terms, terms);
    }
    return RC_OK;
}

enum rc acme_new_account(struct acme_request *r)
{
    struct account_data *d = ARENA_NEW(r->arena, struct account_data);
    enum rc rc;

    if (!d)
        return RC_NOMEM;
    r->data = d;
    TRY(read_new_account(r, d));
    TRY(acme_staging_key(r, jose_jwk_json(r->jws.jwk), &d->account.thumbprint));
    rc = store_account_find(store_read(r->acme->store), r->arena, &d->account.thumbprint,
                            &d->account);
    if (rc == RC_OK) {
        TRY(usable(r, &d->account));
        reply_account(r);
        return RC_OK;
    }
    if (rc != RC_NOTFOUND)
        return rc;
    TRY(check_new(r, d));
    TRY(read_contacts(r, d));
    TRY(fill_account(r, d));
    TRY(acme_limit_account(r));
    return acme_write(r, add_account, reply_account);
}

/* ---- account */

/* RFC 8739: whose account is gone renews nothing. */
static enum rc cancel_renewals(struct store_txn *txn, struct acme_request *r)
{
    struct id *orders;
    size_t n;

    do {
        CLEANUP(arena_done) struct arena a = ARENA_INIT(CANCEL_ARENA);

        TRY(store_star_cancel_all(txn, &a, &r->account.id, r->now, &orders, &n));
        for (size_t i = 0; i < n; i++)
            TRY(acme_audit(txn, r, "order.canceled", "order", &orders[i], (struct str){NULL, 0}));
    } while (n == STORE_PAGE_MAX);
    return RC_OK;
}

static enum rc change_account(struct store_txn *txn, struct acme_request *r)
{
    struct account_data *d = r->data;
    const struct id *id = &r->account.id;
    enum rc rc;

    if (d->account.status == STORE_ACCOUNT_DEACTIVATED) {
        assert(acme_account_may(STORE_ACCOUNT_VALID, STORE_ACCOUNT_DEACTIVATED));
        rc = store_account_move(txn, id, STORE_ACCOUNT_VALID, STORE_ACCOUNT_DEACTIVATED);
        if (rc == RC_CONFLICT)
            return usable(r, &d->account); /* another request was a moment faster */
        TRY(rc);
        TRY(cancel_renewals(txn, r));
        return acme_audit(txn, r, "account.deactivated", "account", id, (struct str){NULL, 0});
    }
    if (d->has_contacts) {
        TRY(store_account_set_contacts(txn, id, d->contacts, d->n_contacts));
        TRY(acme_audit(txn, r, "account.updated", "account", id, (struct str){NULL, 0}));
    }
    return RC_OK;
}

static enum rc read_status(struct acme_request *r, struct account_data *d)
{
    const struct json *value = json_get(r->payload, "status");
    struct str status;

    if (!value)
        return RC_OK;
    if (json_str(value, &status) != RC_OK || !str_eq(status, STR("deactivated")))
        return ACME_ERR(r, RC_INVAL, "malformed", msg_status);
    d->account.status = STORE_ACCOUNT_DEACTIVATED;
    return RC_OK;
}

enum rc acme_account(struct acme_request *r)
{
    struct account_data *d = ARENA_NEW(r->arena, struct account_data);

    if (!d)
        return RC_NOMEM;
    if (!str_eq(id_str(&r->id), id_str(&r->account.id)))
        return ACME_ERR(r, RC_DENIED, "unauthorized", msg_account_url);
    r->data = d;
    d->account = r->account;
    if (!r->payload) {
        reply_account(r);
        return RC_OK;
    }
    TRY(read_contacts(r, d));
    TRY(read_status(r, d));
    if (d->has_contacts) {
        d->account.contacts = d->contacts;
        d->account.n_contacts = d->n_contacts;
    }
    return acme_write(r, change_account, reply_account);
}

/* ---- orders of an account (RFC 8555 section 7.1.2.1) */

/* The cursor is text of ours, "TIME-ID"; anything else starts from the beginning. */
static void read_cursor(struct str query, struct store_cursor *at)
{
    struct str field, name, value, micros, id;
    uint64_t t;

    while (str_next(&query, '&', &field))
        if (str_cut(field, '=', &name, &value) && str_eq(name, STR("cursor")) &&
            str_cut(value, '-', &micros, &id) && str_u64(micros, WHEN_MAX, &t) == RC_OK &&
            id_parse(id, &at->id) == RC_OK)
            at->at = (int64_t)t;
}

static void link_next(struct acme_request *r, const struct store_cursor *at)
{
    char tail[sizeof("/orders?cursor=-") + 20 + ID_TEXT];

    snprintf(tail, sizeof(tail), "/orders?cursor=%lld-%s", (long long)at->at, at->id.z);
    acme_header_link_to(r, "next", "/acme/account/", &r->account.id, tail);
}

enum rc acme_account_orders(struct acme_request *r)
{
    struct store_order_filter filter = {.account = r->account.id, .limit = ACME_ORDERS_PAGE};
    struct store_cursor at = {0};
    struct store_order *orders;
    struct json_out o;
    size_t n;

    if (!str_eq(id_str(&r->id), id_str(&r->account.id)))
        return ACME_ERR(r, RC_DENIED, "unauthorized", msg_account_url);
    read_cursor(r->x->req.query, &at);
    filter.statuses = ~(1u << STORE_ORDER_INVALID) & ((1u << STORE_ORDER_STATUSES) - 1);
    TRY(store_order_list(store_read(r->acme->store), r->arena, &filter, &at, &orders, &n));
    o = acme_reply_begin(r);
    json_obj(&o);
    json_key(&o, "orders");
    json_arr(&o);
    for (size_t i = 0; i < n; i++)
        acme_put_url(&o, r, "/acme/order/", &orders[i].id, NULL);
    json_end(&o);
    json_end(&o);
    TRY(json_out_done(&o));
    if (!at.end && n == ACME_ORDERS_PAGE)
        link_next(r, &at);
    acme_reply_json(r, 200);
    return RC_OK;
}
