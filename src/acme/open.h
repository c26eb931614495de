/* SPDX-License-Identifier: Apache-2.0 */
/* How much of an account is open: orders that are neither finished nor expired, and authorizations
 * made ahead that are pending. Counted in the store once
 * for each account that comes, and from then on here, where orders are made and end; an order that
 * ended unseen (it expired, its validation failed) makes the number too high, never too low, and
 * whoever reaches the limit is counted anew. So an order costs no query. Belongs to core's loop. */
#pragma once

#include "base/id.h"
#include "base/list.h"
#include "base/map.h"
#include "base/when.h"

struct store;
struct store_account;

enum { ACME_OPEN_MAX = 4096 /* accounts remembered; those not seen for longest leave first */ };
/* A count in the store is good for so long, or is at the limit: no more of them than that. */
#define ACME_OPEN_RECOUNT WHEN_SECOND

struct acme_open {
    struct map by_account;
    struct list by_use; /* the latest at the end */
    when_t started;
    bool left; /* some have left: an account unknown here may have orders */
    uint64_t counted;
};

void acme_open_init(struct acme_open *o, when_t now);
void acme_open_done(struct acme_open *o);

struct acme_open_room {
    uint64_t max;
    when_t now;
    uint64_t n;  /* how many are open */
    when_t wait; /* how long until one of them expires */
};
/* Fills in the last two; RC_QUOTA when there is no room for another below `max`. */
enum rc acme_open_look(struct acme_open *o, struct store *s, const struct store_account *account,
                       struct acme_open_room *room);
/* One was made, or ended. */
void acme_open_add(struct acme_open *o, const struct id *account);
void acme_open_end(struct acme_open *o, const struct id *account);
