/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 section 7.6: who has proven control of all names of a certificate may revoke it, whoever
 * had it issued. */
#include "acme/parts_int.h"
#include "base/name.h"

enum { LOOK = 16 };

static enum rc holds_one(struct acme_request *r, const struct store_name *name, bool subdomains)
{
    bool wildcard = name->type == STORE_NAME_DNS && name_is_wildcard(name->value);
    struct store_name base = {name->type, wildcard ? str_skip(name->value, 2) : name->value};
    struct store_authorization_filter filter = {
        .account = r->account.id,
        .name = &base,
        .wildcard = wildcard,
        .subdomains = subdomains,
        .statuses = 1u << STORE_AUTHORIZATION_VALID,
        .expires_after = r->now,
        .limit = LOOK,
    };
    struct store_cursor at = {0};
    struct store_authorization *list;
    size_t n;

    TRY(store_authorization_list(store_read(r->acme->store), r->arena, &filter, &at, &list, &n));
    for (size_t i = 0; i < n; i++)
        if (list[i].evidence.n == 0) /* proven, and not vouched for */
            return RC_OK;
    return RC_DENIED;
}

/* Itself, or a domain above it that was authorized with all below (RFC 9444). */
static enum rc holds_name(struct acme_request *r, const struct store_name *name)
{
    struct store_name above = *name;
    struct str first;
    enum rc rc = holds_one(r, name, false);

    while (rc == RC_DENIED && name->type == STORE_NAME_DNS &&
           str_cut(above.value, '.', &first, &above.value) && above.value.n)
        rc = holds_one(r, &above, true);
    return rc;
}

enum rc acme_holds(struct acme_request *r, const struct store_certificate *certificate)
{
    for (size_t i = 0; i < certificate->n_names; i++)
        TRY(holds_name(r, &certificate->names[i]));
    return certificate->n_names && r->account.id.z[0] ? RC_OK : RC_DENIED;
}
