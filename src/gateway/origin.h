/* SPDX-License-Identifier: Apache-2.0 */
/* Who a request comes from: whoever made the connection, or, where that is a proxy that the
 * configuration trusts, whom it names in X-Forwarded-For. That is read from its end, hop by hop,
 * as far as each is trusted itself: the first that is not is the client, and what he may have
 * written before himself is gone. Forwarded (RFC 7239) is not read: a proxy that writes one of the
 * two passes the other on as the client made it. */
#pragma once

#include "base/mem.h"
#include "http/forward.h"

struct conf;
struct gateway_trust;
struct http_reader;

struct gateway_origin {
    struct addr client;    /* n == 0: not known */
    struct http_hops hops; /* before the one who made the connection; borrows from the request */
};

/* What the configuration says of it; a copy. RC_NOMEM. */
enum rc gateway_trust_new(const struct conf *conf, struct gateway_trust **out);
void gateway_trust_free(struct gateway_trust *t);
DEFINE_FREEP(gateway_trust_free, struct gateway_trust)
/* Connections from there begin with a header of the PROXY protocol. `t` may be NULL: from nowhere.
 */
bool gateway_trust_proxied(const struct gateway_trust *t, const struct addr *peer);

/* The request is on a connection that `peer` made. `t` may be NULL: nobody is trusted. */
void gateway_origin_find(const struct gateway_trust *t, const struct addr *peer,
                         const struct http_reader *request, struct gateway_origin *out);
