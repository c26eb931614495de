/* SPDX-License-Identifier: Apache-2.0 */
/* How often (policy/limits.h). Accounts and orders are counted where they are made, certificates
 * where the order's one winner is chosen; an order that could not get its certificate now is
 * refused before anybody proves anything. The gateway's own sites do not count, nor do the renewals
 * of orders that renew themselves, nor a renewal whose time has come: it was counted when it was
 * new, and is not to fail because something else is busy. */
#include "policy/limits.h"
#include "acme/parts_int.h"

enum {
    BY_ORDER = 1u << CONF_LIMIT_ORDERS_PER_ACCOUNT | 1u << CONF_LIMIT_ORDERS_PER_NETWORK,
    BY_CERTIFICATE = 1u << CONF_LIMIT_CERTIFICATES_PER_EAB |
                     1u << CONF_LIMIT_CERTIFICATES_PER_ZONE |
                     1u << CONF_LIMIT_CERTIFICATES_PER_NAMES |
                     1u << CONF_LIMIT_CERTIFICATES_PER_RULE | 1u << CONF_LIMIT_CERTIFICATES,
};

static enum rc find(struct acme_request *r, unsigned which, const struct policy_names *names,
                    struct policy_limits **out)
{
    struct policy_limit_ask ask = {
        .client = r->client,
        .account = id_str(&r->account.id),
        .eab = r->account.eab_key,
        .names = names,
        .verdicts = names ? r->verdicts : NULL,
        .n_verdicts = names ? r->n_verdicts : 0,
        .staging = r->staging,
        .now = r->now,
    };

    *out = ARENA_NEW(r->arena, struct policy_limits);
    if (!*out)
        return RC_NOMEM;
    return policy_limits_of(r->acme->conf, &ask, which, r->arena, *out);
}

static enum rc read_names(struct acme_request *r, const struct store_order *order,
                          struct policy_names *out)
{
    struct str *dns = ARENA_ARRAY(r->arena, struct str, order->n_names);
    struct addr *ips = ARENA_ARRAY(r->arena, struct addr, order->n_names);

    *out = (struct policy_names){.dns = dns, .ips = ips};
    if (!dns || !ips)
        return RC_NOMEM;
    for (size_t i = 0; i < order->n_names; i++)
        if (order->names[i].name.type == STORE_NAME_IP)
            TRY(addr_parse(order->names[i].name.value, &ips[out->n_ips++]));
        else
            dns[out->n_dns++] = order->names[i].name.value;
    return RC_OK;
}

/* None for a renewal whose time has come. */
static enum rc find_certificates(struct acme_request *r, const struct store_order *order, bool due,
                                 struct policy_limits **out)
{
    struct policy_names names;

    if (due)
        return RC_OK;
    TRY(read_names(r, order, &names));
    return find(r, BY_CERTIFICATE, &names, out);
}

enum rc acme_limit_account(struct acme_request *r)
{
    return find(r, 1u << CONF_LIMIT_ACCOUNTS_PER_NETWORK, NULL, &r->limits);
}

enum rc acme_limit_order(struct acme_request *r, const struct store_order *order)
{
    struct policy_limits *certificates = NULL;
    struct acme_replaced replaced;

    TRY(acme_replaces_find(r, order->replaces, &replaced));
    TRY(find_certificates(r, order, replaced.due, &certificates));
    if (!certificates)
        return RC_OK;
    TRY(policy_limits_look(store_read(r->acme->store), certificates, r->now, &r->retry_at,
                           &r->err));
    return find(r, BY_ORDER, NULL, &r->limits);
}

enum rc acme_limit_certificate(struct acme_request *r, const struct store_order *order, bool due)
{
    return find_certificates(r, order, due, &r->limits);
}

enum rc acme_limit_take(struct store_txn *txn, struct acme_request *r, struct err *err)
{
    return r->limits ? policy_limits_take(txn, r->limits, r->now, &r->retry_at, err) : RC_OK;
}
