/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/site.h"

#include "gateway/account.h"
#include "gateway/route.h"

enum rc gateway_site_new(struct str name, struct gateway_site **out)
{
    CLEANUP(gateway_site_unrefp) struct gateway_site *s = mem_calloc(1, sizeof(*s) + name.n + 1);

    if (!s)
        return RC_NOMEM;
    s->refs = 1;
    list_init(&s->clients);
    gateway_rates_init(&s->rates);
    memcpy(s->name, name.p, name.n);
    TRY(tls_site_init(&s->tls, name));
    s->number = gateway_site_number(name);
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

void gateway_site_set_route(struct gateway_site *s, struct gateway_route *r)
{
    if (s->route)
        gateway_route_stop(s->route);
    if (r)
        gateway_route_start(r, s->route);
    if (!r || r->rate.per_minute == 0)
        gateway_rates_clear(&s->rates);
    gateway_route_unref(s->route);
    s->route = r;
}
