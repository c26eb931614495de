/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/lock.h"

#include "base/name.h"
#include "policy/limits.h"
#include "store/accounts.h"
#include "store/locks.h"

MSG(msg_locked, "ca.locked",
    "issuance is frozen {0} since {1}, by {2}: {3}; {4}; it goes on once an administrator has run "
    "`autarky issuance thaw {5}`");

enum { CANDIDATES = 64 }; /* certificates of an account for one name that are looked at */

/* The wildcard of the domain above the zone stands for the zone's own name, too. */
static bool in_zone(const struct store_name *name, struct str zone)
{
    struct str host = name->value;
    struct str above = str_skip(zone, str_find(zone, '.'));

    if (name->type == STORE_NAME_EMAIL)
        host = name_email_domain(host);
    else if (name->type == STORE_NAME_URI)
        host = name_uri_host(host);
    if (!name_is_wildcard(host))
        return name_under(host, zone);
    host = str_skip(host, 2);
    return name_under(host, zone) || (above.n && str_eq(host, str_skip(above, 1)));
}

/* Whose the account is: read once, and only where a lock asks. */
struct owner {
    bool known;
    struct str eab, network;
};

static enum rc read_owner(struct store_txn *txn, struct arena *a, const struct ca_lock_ask *ask,
                          struct owner *out)
{
    struct store_account account;
    enum rc rc = RC_NOTFOUND;

    if (out->known)
        return RC_OK;
    out->known = true;
    if (ask->account.z[0])
        rc = store_account_get(txn, a, &ask->account, &account);
    if (rc == RC_NOTFOUND)
        return RC_OK;
    TRY(rc);
    out->eab = account.eab_key;
    return account.created_from.n ? policy_network(&account.created_from, a, &out->network) : RC_OK;
}

static bool reaches(const struct store_lock *lock, const struct ca_lock_ask *ask,
                    const struct owner *owner)
{
    switch (lock->scope) {
    case STORE_LOCK_EAB:
        return owner->eab.n && str_eq(lock->value, owner->eab);
    case STORE_LOCK_NETWORK:
        return owner->network.n && str_eq(lock->value, owner->network);
    case STORE_LOCK_ISSUER:
        return ask->issuer.n && str_eq(lock->value, ask->issuer);
    case STORE_LOCK_ACCOUNT:
        return ask->account.z[0] && str_eq(lock->value, id_str(&ask->account));
    case STORE_LOCK_ZONE:
        for (size_t i = 0; i < ask->n_names; i++)
            if (in_zone(&ask->names[i], lock->value))
                return true;
        return false;
    case STORE_LOCK_ALL:
    case STORE_LOCK_SCOPES:
        break;
    }
    return true;
}

static bool has(const struct store_certificate *c, const struct store_name *name)
{
    for (size_t i = 0; i < c->n_names; i++)
        if (c->names[i].type == name->type && str_eq(c->names[i].value, name->value))
            return true;
    return false;
}

static bool same_names(const struct store_certificate *c, const struct ca_lock_ask *ask)
{
    if (c->n_names != ask->n_names)
        return false;
    for (size_t i = 0; i < ask->n_names; i++)
        if (!has(c, &ask->names[i]))
            return false;
    return true;
}

enum rc ca_lock_renewal(struct store_txn *txn, struct arena *a, const struct ca_lock_ask *ask,
                        when_t now, bool *out)
{
    struct store_certificate_filter filter = {
        .name = ask->names,
        .account = ask->account,
        .statuses = 1u << STORE_CERTIFICATE_VALID,
        .not_after_from = now,
        .living = true,
        .without_der = true,
        .limit = CANDIDATES,
    };
    struct store_cursor at = {};
    struct store_certificate *list;
    size_t n;

    *out = ask->renews;
    if (*out || !ask->account.z[0] || ask->n_names == 0)
        return RC_OK;
    TRY(store_certificate_list(txn, a, &filter, &at, &list, &n));
    for (size_t i = 0; i < n && !*out; i++)
        *out = same_names(&list[i], ask);
    return RC_OK;
}

/* Are all its names in certificates that are valid now, whoever has them? */
static enum rc knows_names(struct store_txn *txn, struct arena *a, const struct ca_lock_ask *ask,
                           when_t now, bool *out)
{
    *out = ask->n_names > 0;
    for (size_t i = 0; i < ask->n_names && *out; i++) {
        const struct store_certificate_filter filter = {
            .name = &ask->names[i],
            .statuses = 1u << STORE_CERTIFICATE_VALID,
            .not_after_from = now,
            .staging = STORE_STAGING_NOT,
            .living = true,
            .without_der = true,
            .limit = 1,
        };
        struct store_cursor at = {};
        struct store_certificate *list;
        size_t n;

        TRY(store_certificate_list(txn, a, &filter, &at, &list, &n));
        *out = n > 0;
    }
    return RC_OK;
}

static struct str what(struct arena *a, const struct store_lock *lock)
{
    switch (lock->scope) {
    case STORE_LOCK_EAB:
        return arena_printf(a, "for accounts of the key %.*s", STR_ARG(lock->value));
    case STORE_LOCK_NETWORK:
        return arena_printf(a, "for accounts from the network %.*s", STR_ARG(lock->value));
    case STORE_LOCK_ZONE:
        return arena_printf(a, "for %.*s and all below it", STR_ARG(lock->value));
    case STORE_LOCK_ISSUER:
        return arena_printf(a, "for issuer %.*s", STR_ARG(lock->value));
    case STORE_LOCK_ACCOUNT:
        return STR("for this account");
    case STORE_LOCK_ALL:
    case STORE_LOCK_SCOPES:
        break;
    }
    return STR("as a whole");
}

static enum rc denied(struct arena *a, const struct store_lock *lock, struct err *err)
{
    char since[WHEN_TEXT];
    struct str to_whom = what(a, lock);

    if (!to_whom.p)
        return RC_NOMEM;
    return PROBLEM(err, RC_DENIED, "unauthorized", msg_locked, to_whom,
                   str_of(when_text(lock->set, since)), lock->set_by, lock->reason,
                   lock->renewals    ? STR("renewals are stopped as well")
                   : lock->new_names ? STR("names that are in a valid certificate go on")
                                     : STR("renewals of the names of a valid certificate go on"),
                   id_str(&lock->id));
}

enum rc ca_lock_judge(struct store_txn *txn, struct arena *a, const struct ca_lock_ask *ask,
                      when_t now, struct err *err)
{
    struct store_lock *locks;
    struct owner owner = {};
    size_t n;

    TRY(store_lock_active(txn, a, &locks, &n));
    for (size_t i = 0; i < n; i++) {
        bool goes_on = false;

        if (locks[i].scope == STORE_LOCK_EAB || locks[i].scope == STORE_LOCK_NETWORK)
            TRY(read_owner(txn, a, ask, &owner));
        if (!reaches(&locks[i], ask, &owner))
            continue;
        if (!locks[i].renewals)
            TRY(ca_lock_renewal(txn, a, ask, now, &goes_on));
        if (!goes_on && locks[i].new_names)
            TRY(knows_names(txn, a, ask, now, &goes_on));
        if (!goes_on)
            return denied(a, &locks[i], err);
    }
    return RC_OK;
}
