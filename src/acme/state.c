/* SPDX-License-Identifier: Apache-2.0 */
#include "acme/state.h"

#define TO(status) (1u << (status))

static const unsigned account_moves[STORE_ACCOUNT_STATUSES] = {
    [STORE_ACCOUNT_VALID] = TO(STORE_ACCOUNT_DEACTIVATED) | TO(STORE_ACCOUNT_REVOKED),
    [STORE_ACCOUNT_DEACTIVATED] = 0,
    [STORE_ACCOUNT_REVOKED] = 0,
};

static const unsigned order_moves[STORE_ORDER_STATUSES] = {
    [STORE_ORDER_PENDING] = TO(STORE_ORDER_READY) | TO(STORE_ORDER_INVALID),
    [STORE_ORDER_READY] = TO(STORE_ORDER_PROCESSING) | TO(STORE_ORDER_INVALID),
    [STORE_ORDER_PROCESSING] =
        TO(STORE_ORDER_VALID) | TO(STORE_ORDER_INVALID) | TO(STORE_ORDER_CANCELED),
    [STORE_ORDER_VALID] = TO(STORE_ORDER_CANCELED), /* RFC 8739 section 3.1.2 */
    [STORE_ORDER_INVALID] = 0,
    [STORE_ORDER_CANCELED] = 0,
};

static const unsigned authorization_moves[STORE_AUTHORIZATION_STATUSES] = {
    [STORE_AUTHORIZATION_PENDING] = TO(STORE_AUTHORIZATION_VALID) |
                                    TO(STORE_AUTHORIZATION_INVALID) |
                                    TO(STORE_AUTHORIZATION_DEACTIVATED),
    [STORE_AUTHORIZATION_VALID] = TO(STORE_AUTHORIZATION_EXPIRED) |
                                  TO(STORE_AUTHORIZATION_DEACTIVATED) |
                                  TO(STORE_AUTHORIZATION_REVOKED),
    [STORE_AUTHORIZATION_INVALID] = 0,
    [STORE_AUTHORIZATION_DEACTIVATED] = 0,
    [STORE_AUTHORIZATION_EXPIRED] = 0,
    [STORE_AUTHORIZATION_REVOKED] = 0,
};

static const unsigned challenge_moves[STORE_CHALLENGE_STATUSES] = {
    [STORE_CHALLENGE_PENDING] = TO(STORE_CHALLENGE_PROCESSING) | TO(STORE_CHALLENGE_INVALID),
    [STORE_CHALLENGE_PROCESSING] = TO(STORE_CHALLENGE_VALID) | TO(STORE_CHALLENGE_INVALID),
    [STORE_CHALLENGE_VALID] = 0,
    [STORE_CHALLENGE_INVALID] = 0,
};

bool acme_account_may(enum store_account_status from, enum store_account_status to)
{
    return account_moves[from] & TO(to);
}

bool acme_order_may(enum store_order_status from, enum store_order_status to)
{
    return order_moves[from] & TO(to);
}

bool acme_authorization_may(enum store_authorization_status from,
                            enum store_authorization_status to)
{
    return authorization_moves[from] & TO(to);
}

bool acme_challenge_may(enum store_challenge_status from, enum store_challenge_status to)
{
    return challenge_moves[from] & TO(to);
}

enum store_order_status acme_order_seen(const struct store_order *o, when_t now)
{
    bool open = o->status == STORE_ORDER_PENDING || o->status == STORE_ORDER_READY;

    return open && o->expires <= now ? STORE_ORDER_INVALID : o->status;
}

enum store_authorization_status acme_authorization_seen(const struct store_authorization *a,
                                                        when_t now)
{
    if (a->expires > now)
        return a->status;
    if (a->status == STORE_AUTHORIZATION_PENDING)
        return STORE_AUTHORIZATION_INVALID;
    if (a->status == STORE_AUTHORIZATION_VALID)
        return STORE_AUTHORIZATION_EXPIRED;
    return a->status;
}
