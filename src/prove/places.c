/* SPDX-License-Identifier: Apache-2.0 */
#include "prove/places.h"

#include <stdio.h>

#include "base/name.h"

MSG(msg_wildcards, "prove.only-wildcards",
    "port {0} names no host, and the certificate has only names with a wildcard, which nobody can "
    "look up: name a host");
MSG(msg_many, "prove.too-many", "there are more than {0} places to look at");

struct asks {
    struct arena *a;
    const struct prove_what *what;
    struct prove_ask *list;
    size_t n;
    struct err *err;
};

static enum rc add(struct asks *all, const struct prove_target *t, struct str host, struct str name)
{
    if (all->n == PROVE_PLACES_MAX)
        return ERR(all->err, RC_TOOBIG, msg_many, STR("500"));
    all->list[all->n++] = (struct prove_ask){t, host, name};
    return RC_OK;
}

/* A name that is in it, for SNI. */
static enum rc some_name(struct asks *all, struct str dns, struct str *out)
{
    *out = dns;
    if (!name_is_wildcard(dns))
        return RC_OK;
    *out = arena_printf(all->a, "proof%.*s", STR_ARG(str_skip(dns, 1)));
    return out->p ? RC_OK : RC_NOMEM;
}

static enum rc every_name(struct asks *all, const struct prove_target *t)
{
    char text[ADDR_TEXT], port[8];
    size_t before = all->n;
    struct str host;

    for (size_t i = 0; i < all->what->n_dns; i++)
        if (!name_is_wildcard(all->what->dns[i]))
            TRY(add(all, t, all->what->dns[i], all->what->dns[i]));
    for (size_t i = 0; i < all->what->n_ips; i++) {
        TRY(arena_str(all->a, str_of(addr_text(&all->what->ips[i], text)), &host));
        TRY(add(all, t, host, (struct str){}));
    }
    snprintf(port, sizeof(port), "%u", t->port);
    return all->n > before ? RC_OK : ERR(all->err, RC_INVAL, msg_wildcards, str_of(port));
}

static bool covers(struct str dns, struct str host)
{
    struct str label, rest;

    if (!name_is_wildcard(dns))
        return str_ieq(dns, host);
    return str_cut(host, '.', &label, &rest) && str_ieq(rest, str_skip(dns, 2));
}

static bool has_address(const struct prove_what *what, struct str host)
{
    struct addr a;

    if (addr_parse(host, &a) != RC_OK)
        return false;
    for (size_t i = 0; i < what->n_ips; i++)
        if (addr_eq(&what->ips[i], &a))
            return true;
    return false;
}

static enum rc one_host(struct asks *all, const struct prove_target *t)
{
    const struct prove_what *what = all->what;
    struct str name;

    for (size_t i = 0; i < what->n_dns; i++)
        if (covers(what->dns[i], t->host))
            return add(all, t, t->host, t->host);
    if (has_address(what, t->host) || what->n_dns == 0)
        return add(all, t, t->host, (struct str){});
    for (size_t i = 0; i < what->n_dns; i++) {
        TRY(some_name(all, what->dns[i], &name));
        TRY(add(all, t, t->host, name));
    }
    return RC_OK;
}

enum rc prove_asks(struct arena *a, const struct prove_what *what, struct prove_ask **out,
                   size_t *out_n, struct err *err)
{
    struct asks all = {.a = a, .what = what, .err = err};

    all.list = ARENA_ARRAY(a, struct prove_ask, PROVE_PLACES_MAX);
    if (!all.list)
        return RC_NOMEM;
    for (size_t i = 0; i < what->n_targets; i++) {
        const struct prove_target *t = &what->targets[i];

        TRY(t->host.n ? one_host(&all, t) : every_name(&all, t));
    }
    *out = all.list;
    *out_n = all.n;
    return RC_OK;
}
