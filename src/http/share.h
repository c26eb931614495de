/* SPDX-License-Identifier: Apache-2.0 */
/* How much of something each client has, so that none takes all of it: connections, bytes, requests
 * under way. Clients are told apart by IPv4 address or IPv6 /64. Who has nothing takes no memory.
 */
#pragma once

#include "base/addr.h"
#include "base/map.h"

struct http_shares {
    struct map clients;
};

/* At most `max` clients at a time. */
void http_shares_init(struct http_shares *s, size_t max);
void http_shares_done(struct http_shares *s);
/* What tells this client from others; borrows. */
struct str http_share_key(const struct addr *client);
size_t http_share_of(const struct http_shares *s, const struct addr *client);
/* RC_NOMEM, RC_TOOBIG past `max`. */
enum rc http_share_take(struct http_shares *s, const struct addr *client, size_t n);
/* Of what was taken, and no more. */
void http_share_give(struct http_shares *s, const struct addr *client, size_t n);
