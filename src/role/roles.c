/* SPDX-License-Identifier: Apache-2.0 */
#include "role/roles.h"

#include <sched.h>
#include <stddef.h>

#include "conf/conf.h"

/* Who is asked before who asks: so a first start finds its peers sooner. */
const struct role_def *const role_defs[] = {
    &role_signer, &role_prober, &role_runner, &role_courier, &role_txt,     &role_emissary,
    &role_waf,    &role_core,   &role_front,  &role_keeper,  &role_gateway, NULL};

const struct role_def *role_def_find(enum role role)
{
    for (size_t i = 0; role_defs[i]; i++)
        if (role_defs[i]->role == role)
            return role_defs[i];
    return NULL;
}

unsigned role_cpus(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

    return n < CONF_WORKERS_MAX ? (unsigned)n : CONF_WORKERS_MAX;
}

unsigned role_wanted_workers(const struct conf *conf)
{
    if (conf->gateway.n_sites == 0)
        return 0;
    return conf->gateway.workers ? (unsigned)conf->gateway.workers : role_cpus();
}

unsigned role_wanted_with_sites(const struct conf *conf)
{
    return conf->gateway.n_sites > 0;
}

unsigned role_wanted_emissary(const struct conf *conf)
{
    for (size_t i = 0; i < conf->gateway.n_sites; i++)
        if (conf->gateway.sites[i].directory.n)
            return 1;
    return 0;
}

unsigned role_wanted_waf(const struct conf *conf)
{
    for (size_t i = 0; i < conf->gateway.n_sites; i++)
        if (conf->gateway.sites[i].waf != CONF_WAF_OFF)
            return 1;
    return 0;
}

unsigned role_wanted_txt(const struct conf *conf)
{
    return conf->txt.zone.n > 0;
}

unsigned role_wanted_courier(const struct conf *conf)
{
    bool told = false; /* receivers of kind exec are the runner's */

    for (size_t i = 0; i < conf->n_receivers; i++)
        told |= conf->receivers[i].kind != CONF_RECEIVER_EXEC;
    return conf->audit.n_forward > 0 || told ||
           (conf->gateway.access_log.format != CONF_ACCESS_OFF && conf->gateway.n_sites > 0);
}
