/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts that asked lately, so that a request does not read its account from the store again.
 * What is kept counts only as long as no account has changed since it was read: who is told that
 * one has changed is never answered by what it was (store_accounts_generation). Belongs to core's
 * loop. */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "store/accounts.h"
#include "store/store.h"

enum { STORE_KNOWN_MAX = 512 }; /* those not used for longest leave first */

struct store_known {
    struct map by_id;
    struct list by_use; /* the latest at the end */
    uint64_t generation;
    uint64_t read; /* how often one was not there */
};

void store_known_init(struct store_known *k);
void store_known_done(struct store_known *k);

/* As store_account_get, in the arena. */
enum rc store_known_get(struct store_known *k, struct store *s, struct arena *a,
                        const struct id *id, struct store_account *out);
