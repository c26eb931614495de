/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/site.h"

#include "gateway/pool.h"

enum rc gateway_site_new(struct str name, struct gateway_site **out)
{
    CLEANUP(gateway_site_unrefp) struct gateway_site *s = MEM_NEW(struct gateway_site);

    if (!s)
        return RC_NOMEM;
    s->refs = 1;
    list_init(&s->clients);
    TRY(str_copyz(name, s->name, sizeof(s->name)));
    TRY(tls_site_init(&s->tls, name));
    *out = MOVE(s);
    return RC_OK;
}

struct gateway_site *gateway_site_ref(struct gateway_site *s)
{
    s->refs++;
    return s;
}

void gateway_site_unref(struct gateway_site *s)
{
    if (!s || --s->refs)
        return;
    tls_site_done(&s->tls);
    gateway_site_set_route(s, NULL);
    mem_free(s);
}

enum rc gateway_route_new(struct gateway_pool *pool, struct gateway_route **out)
{
    struct gateway_route *r = MEM_NEW(struct gateway_route);

    if (!r) {
        gateway_pool_free(pool);
        return RC_NOMEM;
    }
    r->refs = 1;
    r->pool = pool;
    *out = r;
    return RC_OK;
}

struct gateway_route *gateway_route_ref(struct gateway_route *r)
{
    r->refs++;
    return r;
}

void gateway_route_unref(struct gateway_route *r)
{
    if (!r || --r->refs)
        return;
    gateway_pool_free(r->pool);
    mem_free(r);
}

void gateway_site_set_route(struct gateway_site *s, struct gateway_route *r)
{
    if (s->route)
        gateway_pool_stop(s->route->pool);
    if (r)
        gateway_pool_start(r->pool, s->route ? s->route->pool : NULL);
    gateway_route_unref(s->route);
    s->route = r;
}
