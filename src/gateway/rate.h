/* SPDX-License-Identifier: Apache-2.0 */
/* How often each client may ask at a site, or connect to the gateway. Of a client one point in time
 * is kept: when all that he asked for is paid for at the rate (GCRA, ITU-T I.371). Clients are told
 * apart as http/share.h does. There are GATEWAY_RATE_CLIENTS_MAX of them at most; then the one who
 * has not asked for longest is forgotten, so that many addresses loosen the limit and shut nobody
 * out. Each process counts for itself. */
#pragma once

#include "base/addr.h"
#include "base/list.h"
#include "base/map.h"

enum { GATEWAY_RATE_CLIENTS_MAX = 16384 };

struct gateway_rate {
    uint64_t per_minute; /* in the long run; 0: there is no limit */
    uint64_t burst;      /* at once, at least 1 */
};

struct gateway_rates {
    struct map clients;
    struct list order; /* the same, who asked last at the end */
};

/* As the configuration says it: a burst of 0 is what the rate gives in ten seconds. */
struct gateway_rate gateway_rate_of(uint64_t per_minute, uint64_t burst);

/* Allocates nothing yet. */
void gateway_rates_init(struct gateway_rates *r);
/* Forgets everybody; it may be used again. */
void gateway_rates_clear(struct gateway_rates *r);
/* May the client ask now? If so, it counts: 0. Otherwise the time until he may. Without memory he
 * may. `now` never goes back. */
int64_t gateway_rates_take(struct gateway_rates *r, const struct gateway_rate *rate,
                           const struct addr *client, int64_t now);
