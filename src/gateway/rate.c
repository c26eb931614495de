/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/rate.h"

#include "base/when.h"
#include "http/share.h"

/* Forgotten with each request, of those who have paid: more than are added. */
enum { SWEPT = 2 };

struct client {
    struct list link;
    int64_t paid_at;
    struct addr addr;
};

struct gateway_rate gateway_rate_of(uint64_t per_minute, uint64_t burst)
{
    struct gateway_rate rate = {per_minute, burst ? burst : per_minute / 6};

    if (rate.burst == 0)
        rate.burst = 1;
    return rate;
}

void gateway_rates_init(struct gateway_rates *r)
{
    map_init(&r->clients, GATEWAY_RATE_CLIENTS_MAX);
    list_init(&r->order);
}

static void forget(struct gateway_rates *r, struct client *c)
{
    list_remove(&c->link);
    mem_free(map_remove(&r->clients, http_share_key(&c->addr)));
}

static struct client *oldest(const struct gateway_rates *r)
{
    return LIST_ENTRY(r->order.next, struct client, link);
}

void gateway_rates_clear(struct gateway_rates *r)
{
    while (!list_empty(&r->order))
        forget(r, oldest(r));
    map_done(&r->clients);
    gateway_rates_init(r);
}

static struct client *remember(struct gateway_rates *r, const struct addr *addr)
{
    struct client *c;

    if (r->clients.n == GATEWAY_RATE_CLIENTS_MAX)
        forget(r, oldest(r));
    c = MEM_NEW(struct client);
    if (!c)
        return NULL;
    c->addr = *addr;
    c->paid_at = INT64_MIN;
    list_init(&c->link);
    if (map_add(&r->clients, http_share_key(addr), c) != RC_OK) {
        mem_free(c);
        return NULL;
    }
    return c;
}

int64_t gateway_rates_take(struct gateway_rates *r, const struct gateway_rate *rate,
                           const struct addr *client, int64_t now)
{
    int64_t price, wait;
    struct client *c;

    if (rate->per_minute == 0)
        return 0;
    for (int i = 0; i < SWEPT && !list_empty(&r->order) && oldest(r)->paid_at <= now; i++)
        forget(r, oldest(r));
    c = map_get(&r->clients, http_share_key(client));
    if (!c)
        c = remember(r, client);
    if (!c)
        return 0;
    list_remove(&c->link);
    list_push(&r->order, &c->link);
    price = WHEN_MINUTE / (int64_t)rate->per_minute;
    if (c->paid_at < now)
        c->paid_at = now;
    wait = c->paid_at - now - (int64_t)(rate->burst - 1) * price;
    if (wait > 0)
        return wait;
    c->paid_at += price;
    return 0;
}
