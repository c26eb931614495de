/* SPDX-License-Identifier: Apache-2.0 */
/* The statuses of RFC 8555 section 7.1.6 and the moves between them: one table for each kind of
 * object, and the only place that knows which moves there are: whoever asks the store for one
 * asserts it here, the store makes it by compare and set. Statuses are spelled by store/. */
#pragma once

#include <stdbool.h>

#include "base/when.h"
#include "store/accounts.h"
#include "store/authorizations.h"
#include "store/orders.h"

bool acme_account_may(enum store_account_status from, enum store_account_status to);
bool acme_order_may(enum store_order_status from, enum store_order_status to);
bool acme_authorization_may(enum store_authorization_status from,
                            enum store_authorization_status to);
bool acme_challenge_may(enum store_challenge_status from, enum store_challenge_status to);

/* What a client is to see at `now`: a pending or ready order past its expiry is invalid, without
 * anybody having written that down; a pending authorization is then invalid, a valid one expired.
 */
enum store_order_status acme_order_seen(const struct store_order *o, when_t now);
enum store_authorization_status acme_authorization_seen(const struct store_authorization *a,
                                                        when_t now);
