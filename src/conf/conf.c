/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_int.h"

struct conf_box *conf_box_new(void)
{
    struct conf_box *box = MEM_NEW(struct conf_box);

    if (!box)
        return NULL;
    box->refs = 1;
    arena_init(&box->arena, CONF_ARENA_MAX);
    return box;
}

static struct conf_box *box_of(const struct conf *conf)
{
    return (struct conf_box *)(uintptr_t)conf;
}

const struct conf *conf_ref(const struct conf *conf)
{
    box_of(conf)->refs++;
    return conf;
}

void conf_unref(const struct conf *conf)
{
    struct conf_box *box = box_of(conf);

    if (!box || --box->refs)
        return;
    arena_done(&box->arena);
    mem_free(box);
}

const struct conf_profile *conf_profile_find(const struct conf *conf, struct str name)
{
    for (size_t i = 0; i < conf->n_profiles; i++)
        if (str_eq(conf->profiles[i].name, name))
            return &conf->profiles[i];
    return NULL;
}

static bool tells(const struct conf *conf, const struct conf_profile *profile,
                  enum conf_revocation alone)
{
    enum conf_revocation wish = profile->revocation;

    if (wish == CONF_REVOCATION_AUTO)
        return conf->urls.plain.n > 0;
    return wish == alone || wish == CONF_REVOCATION_BOTH;
}

bool conf_profile_crl(const struct conf *conf, const struct conf_profile *profile)
{
    return tells(conf, profile, CONF_REVOCATION_CRL);
}

bool conf_profile_ocsp(const struct conf *conf, const struct conf_profile *profile)
{
    return tells(conf, profile, CONF_REVOCATION_OCSP);
}

const struct conf_group *conf_group_find(const struct conf *conf, struct str name)
{
    for (size_t i = 0; i < conf->n_groups; i++)
        if (str_eq(conf->groups[i].name, name))
            return &conf->groups[i];
    return NULL;
}

const struct conf_site *conf_site_find(const struct conf *conf, struct str name)
{
    for (size_t i = 0; i < conf->gateway.n_sites; i++)
        if (str_eq(conf->gateway.sites[i].name, name))
            return &conf->gateway.sites[i];
    return NULL;
}

bool conf_site_named(const struct conf *conf, struct str name)
{
    size_t from = 0, to = conf->gateway.names.n;

    while (from < to) {
        size_t at = from + (to - from) / 2;
        int order = str_cmp(name, conf->gateway.names.p[at]);

        if (order == 0)
            return true;
        if (order < 0)
            to = at;
        else
            from = at + 1;
    }
    return false;
}
