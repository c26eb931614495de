/* SPDX-License-Identifier: Apache-2.0 */
/* What an account has proven already, and orders that it has made already: RFC 8555 section 7.4.1
 * for authorizations made ahead, section 7.4 leaves the rest to the server. Each is looked for only
 * if the configuration or the account's own row says that there may be one, so that an order that
 * uses none of it costs no query. */
#include "acme/parts_int.h"
#include "acme/state.h"
#include "base/name.h"

enum { SAME_LOOK = 16 };

/* By a challenge that the rules take, if it is proven already. */
static bool takes(const struct acme_identifier *i, const struct store_authorization *z)
{
    for (size_t k = 0; k < z->n_challenges; k++)
        if (z->challenges[k].status == STORE_CHALLENGE_VALID)
            return i->challenges & acme_challenge_bit(z->challenges[k].type);
    return z->status == STORE_AUTHORIZATION_PENDING;
}

static enum rc find(struct acme_request *r, const struct acme_identifier *i,
                    const struct store_authorization_filter *filter,
                    struct store_authorization *out)
{
    struct store_cursor at = {0};
    struct store_authorization *list;
    size_t n;

    TRY(store_authorization_list(store_read(r->acme->store), r->arena, filter, &at, &list, &n));
    for (size_t k = 0; k < n; k++)
        if (list[k].evidence.n == 0 && /* our own word counts for the order that it was for */
            (filter->subdomains || takes(i, &list[k]))) {
            *out = list[k];
            return RC_OK;
        }
    return RC_NOTFOUND;
}

/* An authorization for a domain and all below it (RFC 9444). */
static enum rc find_above(struct acme_request *r, const struct acme_identifier *i,
                          struct store_authorization_filter *filter,
                          struct store_authorization *out)
{
    struct store_name name = i->wildcard ? i->name : i->proven; /* "*.d" lies below d */
    struct str first;
    enum rc rc = RC_NOTFOUND;

    if (name.type != STORE_NAME_DNS || (i->verdict.terms && !i->verdict.terms->subdomains))
        return RC_NOTFOUND;
    filter->name = &name;
    filter->wildcard = false;
    filter->subdomains = true;
    while (rc == RC_NOTFOUND && str_cut(name.value, '.', &first, &name.value) && name.value.n)
        if (acme_subdomains_allowed(r, name.value))
            rc = find(r, i, filter, out);
    filter->name = NULL;
    return rc;
}

enum rc acme_reuse_authorization(struct acme_request *r, const struct acme_identifier *i,
                                 bool vouched, struct store_authorization *out)
{
    when_t span = r->acme->conf->acme.reuse.authorizations;
    struct store_authorization_filter filter = {
        .account = r->account.id,
        .name = &i->proven,
        .wildcard = i->wildcard,
        .subdomains = i->subdomains,
        .statuses = 1u << STORE_AUTHORIZATION_VALID,
        .expires_after = r->now,
        .limit = SAME_LOOK,
    };
    enum rc rc = RC_NOTFOUND;

    if (vouched)
        return RC_OK;
    if (span && (!i->verdict.terms || i->verdict.terms->reuse)) {
        filter.validated_after = r->now - span;
        rc = find(r, i, &filter, out);
    }
    if (rc == RC_NOTFOUND && r->account.ahead > r->now) {
        filter.validated_after = 0;
        filter.ahead = true;
        filter.statuses |= 1u << STORE_AUTHORIZATION_PENDING;
        rc = find(r, i, &filter, out);
        if (rc == RC_NOTFOUND)
            rc = find_above(r, i, &filter, out);
    }
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

static bool same(const struct store_order *a, const struct store_order *b)
{
    if (a->star || b->star || a->n_names != b->n_names || a->not_before != b->not_before ||
        a->not_after != b->not_after || !str_eq(a->profile, b->profile) ||
        !str_eq(a->replaces, b->replaces))
        return false;
    for (size_t i = 0; i < a->n_names; i++) {
        size_t j = 0;

        while (j < b->n_names && !acme_name_eq(&a->names[i].name, &b->names[j].name))
            j++;
        if (j == b->n_names)
            return false;
    }
    return true;
}

enum rc acme_reuse_order(struct acme_request *r, const struct store_order *wanted,
                         struct store_order *out)
{
    struct store_order_open_for what = {r->account.id, wanted->names[0].name.value, r->now};
    struct store_order *list;
    size_t n;

    if (name_is_wildcard(what.value))
        what.value = str_skip(what.value, 2);
    TRY(store_order_open_for(store_read(r->acme->store), r->arena, &what, &list, &n));
    for (size_t i = 0; i < n; i++)
        if (same(&list[i], wanted)) {
            *out = list[i];
            return RC_OK;
        }
    return RC_NOTFOUND;
}
