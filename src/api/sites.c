/* SPDX-License-Identifier: Apache-2.0 */
#include "api/sites.h"

#include <stdlib.h>

#include "api/admin.h"
#include "api/page.h"

enum { SORT_ARENA = 16 * 1024 * 1024 };

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

/* ---- pages: with each reload sites may come, go and change their places, but not their names */

struct listed {
    const struct conf_site *site;
    const struct api_site_state *of;
};

static int by_name(const void *a, const void *b)
{
    return str_cmp(((const struct listed *)a)->site->name, ((const struct listed *)b)->site->name);
}

static enum rc sorted(const struct api_sites *sites, struct arena *a, struct listed **out)
{
    static const struct api_site_state unknown[CONF_SITE_KEYS];
    size_t n = sites->conf->gateway.n_sites;
    struct listed *list = ARENA_ARRAY(a, struct listed, n + 1);

    if (!list)
        return RC_NOMEM;
    for (size_t i = 0; i < n; i++)
        list[i] =
            (struct listed){&sites->conf->gateway.sites[i], sites->of ? sites->of[i] : unknown};
    qsort(list, n, sizeof(*list), by_name);
    *out = list;
    return RC_OK;
}

/* The sites of `list` behind the name `after`, `limit` at most; the last of them, empty when there
 * are no more. */
static struct str put_page(const struct listed *list, size_t n, struct str after, unsigned limit,
                           struct json_out *o)
{
    size_t begin = o->b->n, i = 0, first;

    while (i < n && after.n && str_cmp(list[i].site->name, after) <= 0)
        i++;
    first = i;
    for (; i < n && i - first < limit && o->b->n - begin < API_PAGE_BYTES; i++)
        put_site(o, list[i].site, list[i].of);
    return i < n ? list[i - 1].site->name : STR("");
}

enum rc api_sites_list(const struct api_sites *sites, const struct json *args, struct json_out *o,
                       struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(SORT_ARENA);
    unsigned limit = API_LIST_MAX;
    struct str after, next;
    struct listed *list;

    if (json_get(args, "limit"))
        TRY(api_page_limit(args, &limit, err));
    TRY(api_page_name(args, &after, err));
    TRY(sorted(sites, &a, &list));
    json_obj(o);
    json_kv_z(o, "keeper", sites->running ? "running" : "not running");
    json_key(o, "items");
    json_arr(o);
    next = put_page(list, sites->conf->gateway.n_sites, after, limit, o);
    json_end(o);
    if (next.n)
        json_kv_str(o, "next", next);
    else
        json_kv_null(o, "next");
    json_end(o);
    return RC_OK;
}

enum rc api_sites_put(const struct api_sites *sites, struct json_out *o)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(SORT_ARENA);
    struct listed *list;

    TRY(sorted(sites, &a, &list));
    json_obj(o);
    json_kv_z(o, "keeper", sites->running ? "running" : "not running");
    json_key(o, "items");
    json_arr(o);
    for (size_t i = 0; i < sites->conf->gateway.n_sites; i++)
        put_site(o, list[i].site, list[i].of);
    json_end(o);
    json_kv_null(o, "next");
    json_end(o);
    return RC_OK;
}
