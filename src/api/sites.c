/* SPDX-License-Identifier: Apache-2.0 */
#include "api/sites.h"

static void put_text(struct json_out *o, const char *key, struct str text)
{
    if (text.n)
        json_kv_str(o, key, text);
    else
        json_kv_null(o, key);
}

static void put_when(struct json_out *o, const char *key, when_t at)
{
    if (at > 0)
        json_kv_when(o, key, at);
    else
        json_kv_null(o, key);
}

static void put_certificate(struct json_out *o, const char *algorithm,
                            const struct api_site_state *s)
{
    json_obj(o);
    json_kv_z(o, "algorithm", algorithm);
    json_kv_z(o, "state", ipc_site_state_name(s->state));
    put_text(o, "serial", s->serial);
    put_when(o, "not_after", s->not_after);
    put_when(o, "next_at", s->next_at);
    json_kv_u64(o, "failures", s->failures);
    put_text(o, "reason", s->reason);
    json_kv_z(o, "staple", ipc_staple_name(s->staple));
    put_when(o, "staple_at", s->staple_at);
    put_when(o, "staple_until", s->staple_until);
    put_text(o, "directory", s->directory);
    json_end(o);
}

static void put_site(struct json_out *o, const struct conf_site *site,
                     const struct api_site_state *of)
{
    json_obj(o);
    json_kv_str(o, "name", site->name);
    json_key(o, "backends");
    json_arr(o);
    for (size_t i = 0; i < site->backends.n; i++)
        json_put_str(o, site->backends.p[i]);
    json_end(o);
    json_kv_str(o, "profile", site->profile);
    json_kv_bool(o, "passes", site->passes);
    put_text(o, "directory", site->directory);
    json_key(o, "certificates");
    json_arr(o);
    for (unsigned i = 0; i < CONF_SITE_KEYS; i++)
        if (site->algorithms & 1u << i)
            put_certificate(o, conf_site_key_name(i), &of[i]);
    json_end(o);
    json_end(o);
}

void api_sites_put(const struct api_sites *sites, struct json_out *o)
{
    static const struct api_site_state unknown[CONF_SITE_KEYS];

    json_obj(o);
    json_kv_z(o, "keeper", sites->running ? "running" : "not running");
    json_key(o, "items");
    json_arr(o);
    for (size_t i = 0; i < sites->conf->gateway.n_sites; i++)
        put_site(o, &sites->conf->gateway.sites[i], sites->of ? sites->of[i] : unknown);
    json_end(o);
    json_end(o);
}
