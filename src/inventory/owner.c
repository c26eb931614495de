/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory/owner.h"

#include "conf/conf.h"

const char *inventory_owner_text(enum inventory_owner_from from)
{
    static const char *const texts[] = {NULL, "hand", "register", "rule"};

    return texts[from];
}

bool inventory_under(struct str name, struct str domain)
{
    size_t n = domain.n;

    if (!n || name.n < n || !str_ieq(str_skip(name, name.n - n), domain))
        return false;
    return name.n == n || name.p[name.n - n - 1] == '.';
}

static bool in_networks(const struct conf_nets *nets, const struct addr *a)
{
    for (size_t i = 0; i < nets->n; i++)
        if (addr_net_has(&nets->p[i], a))
            return true;
    return nets->n == 0;
}

static bool in_ports(const struct conf_numbers *ports, uint16_t port)
{
    for (size_t i = 0; i < ports->n; i++)
        if (ports->p[i] == port)
            return true;
    return ports->n == 0;
}

static bool under_one(const struct conf_strs *domains, struct str name)
{
    for (size_t i = 0; i < domains->n; i++)
        if (inventory_under(name, domains->p[i]))
            return true;
    return false;
}

static bool in_domains(const struct conf_strs *domains, const struct store_endpoint *e,
                       const struct inventory_judged *j)
{
    if (domains->n == 0 || under_one(domains, e->name))
        return true;
    for (size_t i = 0; j->registered && i < j->certificate.n_names; i++)
        if (j->certificate.names[i].type == STORE_NAME_DNS &&
            under_one(domains, j->certificate.names[i].value))
            return true;
    return false;
}

struct inventory_owner inventory_owner_of(const struct conf *conf, const struct store_endpoint *e,
                                          const struct inventory_judged *j)
{
    if (e->owner.n || e->service.n)
        return (struct inventory_owner){INVENTORY_BY_HAND, e->owner, e->service};
    if (j->registered && (j->certificate.owner.n || j->certificate.service.n))
        return (struct inventory_owner){INVENTORY_BY_REGISTER, j->certificate.owner,
                                        j->certificate.service};
    for (size_t i = 0; i < conf->inventory.n_owners; i++) {
        const struct conf_owner *o = &conf->inventory.owners[i];

        if (in_networks(&o->networks, &e->address) && in_ports(&o->ports, e->port) &&
            in_domains(&o->under, e, j))
            return (struct inventory_owner){INVENTORY_BY_RULE, o->owner, o->service};
    }
    return (struct inventory_owner){};
}
