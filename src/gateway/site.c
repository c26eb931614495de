/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/site.h"

#include "gateway/backend.h"

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
    gateway_route_unref(s->route);
    mem_free(s);
}

enum rc gateway_route_new(size_t n, struct gateway_route **out)
{
    struct gateway_route *r = mem_calloc(1, sizeof(*r) + n * sizeof(struct gateway_backend *));

    if (!r)
        return RC_NOMEM;
    r->refs = 1;
    r->n = n;
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
    for (size_t i = 0; i < r->n; i++)
        gateway_backend_unref(r->backends[i]);
    mem_free(r);
}
