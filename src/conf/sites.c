/* SPDX-License-Identifier: Apache-2.0 */
/* What of the gateway's sites only several values together show. */
#include "conf/tree_int.h"

MSG(msg_drain, "conf.site-drain",
    "the site {0} drains {1}, which is not among its `backends`: take it out here, too");
MSG(msg_drain_all, "conf.site-drain-all",
    "the site {0} drains all of its backends: nobody would be there for new clients");
MSG(msg_alone, "conf.site-alone",
    "the site {0} has one backend: `balance`, `sticky` and `slow_start` need several");

static bool has(const struct conf_strs *list, struct str s)
{
    for (size_t i = 0; i < list->n; i++)
        if (str_eq(list->p[i], s))
            return true;
    return false;
}

static enum rc check_site(struct conf_report *report, const struct conf_node *n,
                          const struct conf_site *s)
{
    bool chooses = s->balance != CONF_BALANCE_FIRST || s->sticky || s->slow_start;

    for (size_t i = 0; i < s->drain.n; i++)
        if (!has(&s->backends, s->drain.p[i]))
            return CONF_COMPLAIN(report, n, msg_drain, s->name, s->drain.p[i]);
    if (s->drain.n >= s->backends.n)
        return CONF_COMPLAIN(report, n, msg_drain_all, s->name);
    if (chooses && s->backends.n == 1)
        return CONF_COMPLAIN(report, n, msg_alone, s->name);
    return RC_OK;
}

enum rc conf_check_sites(struct conf_report *report, const struct conf_node *root,
                         const struct conf *conf)
{
    const struct conf_node *gateway = conf_node_get(root, STR("gateway"));
    const struct conf_node *sites = conf_node_get(gateway, STR("sites"));
    const struct conf_node *n = sites ? sites->first : NULL;

    for (size_t i = 0; n && !report->n && i < conf->gateway.n_sites; i++, n = n->next)
        TRY(check_site(report, n, &conf->gateway.sites[i]));
    return RC_OK;
}
