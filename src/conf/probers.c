/* SPDX-License-Identifier: Apache-2.0 */
/* Probers on other hosts: who validates what, and what of them goes together. */
#include "base/name.h"
#include "conf/tree_int.h"

MSG(msg_probers_many, "conf.probers-many", "there are more than {0} probers");
MSG(msg_prober_idle, "conf.prober-idle",
    "the prober {0} needs `zones` or `networks`, which say what it validates");
MSG(msg_prober_places, "conf.prober-places", "the prober {0} has more than {1} zones or networks");
MSG(msg_prober_twice, "conf.prober-twice",
    "the probers {0} and {1} both have {2}; it can belong to one of them");

static const struct conf_prober *for_addr(const struct conf *conf, const struct addr *addr)
{
    const struct conf_prober *best = NULL;
    unsigned bits = 0;

    for (size_t i = 0; i < conf->n_probers; i++) {
        const struct conf_nets *nets = &conf->probers[i].networks;

        for (size_t k = 0; k < nets->n; k++) {
            if (!addr_net_has(&nets->p[k], addr) || (best && nets->p[k].bits <= bits))
                continue;
            best = &conf->probers[i];
            bits = nets->p[k].bits;
        }
    }
    return best;
}

static const struct conf_prober *for_name(const struct conf *conf, struct str name)
{
    const struct conf_prober *best = NULL;
    size_t n = 0;

    for (size_t i = 0; i < conf->n_probers; i++) {
        const struct conf_strs *zones = &conf->probers[i].zones;

        for (size_t k = 0; k < zones->n; k++) {
            if (zones->p[k].n <= n || !name_under(name, zones->p[k]))
                continue;
            best = &conf->probers[i];
            n = zones->p[k].n;
        }
    }
    return best;
}

const struct conf_prober *conf_prober_for(const struct conf *conf, struct str identifier)
{
    struct addr addr;

    if (addr_parse(identifier, &addr) == RC_OK)
        return for_addr(conf, &addr);
    return for_name(conf, identifier);
}

const struct conf_prober *conf_prober_find(const struct conf *conf, struct str name)
{
    for (size_t i = 0; i < conf->n_probers; i++)
        if (str_eq(conf->probers[i].name, name))
            return &conf->probers[i];
    return NULL;
}

const struct conf_prober *conf_prober_with_key(const struct conf *conf, struct str key)
{
    for (size_t i = 0; i < conf->n_probers; i++)
        for (size_t k = 0; k < conf->probers[i].keys.n; k++)
            if (str_eq(conf->probers[i].keys.p[k], key))
                return &conf->probers[i];
    return NULL;
}

/* ---- what only several values together show */

static bool same_net(const struct addr_net *a, const struct addr_net *b)
{
    return a->bits == b->bits && addr_eq(&a->base, &b->base);
}

/* What `a` and an earlier prober both claim; empty: nothing. */
static struct str claimed_twice(const struct conf_prober *a, const struct conf_prober *b)
{
    for (size_t i = 0; i < a->zones.n; i++)
        for (size_t k = 0; k < b->zones.n; k++)
            if (str_eq(a->zones.p[i], b->zones.p[k]))
                return a->zones.p[i];
    for (size_t i = 0; i < a->keys.n; i++)
        for (size_t k = 0; k < b->keys.n; k++)
            if (str_eq(a->keys.p[i], b->keys.p[k]))
                return a->keys.p[i];
    for (size_t i = 0; i < a->networks.n; i++)
        for (size_t k = 0; k < b->networks.n; k++)
            if (same_net(&a->networks.p[i], &b->networks.p[k]))
                return STR("a network");
    return STR("");
}

/* Each place belongs to one prober, and each key names one. */
enum rc conf_check_probers(struct conf_report *report, const struct conf_node *root,
                           const struct conf *conf)
{
    const struct conf_node *list = conf_node_get(root, STR("probers"));
    const struct conf_node *n = list ? list->first : NULL;

    for (size_t i = 0; n && !report->n && i < conf->n_probers; i++, n = n->next) {
        const struct conf_prober *p = &conf->probers[i];

        if (i == CONF_PROBERS_MAX)
            return CONF_COMPLAIN(report, n, msg_probers_many, STR("16"));
        if (p->zones.n + p->networks.n == 0)
            TRY(CONF_COMPLAIN(report, n, msg_prober_idle, p->name));
        if (p->zones.n > CONF_PROBER_PLACES_MAX || p->networks.n > CONF_PROBER_PLACES_MAX)
            TRY(CONF_COMPLAIN(report, n, msg_prober_places, p->name, STR("256")));
        for (size_t k = 0; k < i; k++) {
            struct str twice = claimed_twice(p, &conf->probers[k]);

            if (twice.n)
                TRY(CONF_COMPLAIN(report, n, msg_prober_twice, p->name, conf->probers[k].name,
                                  twice));
        }
    }
    return RC_OK;
}
