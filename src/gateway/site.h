/* SPDX-License-Identifier: Apache-2.0 */
/* A site: its name, what its handshakes show (tls/site.h), and where its requests go. Shared by
 * count between the table of the gateway, connections and handshakes under way. What changes in it
 * is replaced as a whole: the route is immutable and shared with the requests that began with it,
 * the identities are so with handshakes. */
#pragma once

#include "base/list.h"
#include "base/name.h"
#include "gateway/rate.h"
#include "tls/site.h"

struct gateway_route;

struct gateway_site {
    struct tls_site tls; /* first */
    size_t refs;
    struct list clients;         /* struct gateway_client: their connections */
    struct gateway_route *route; /* NULL: the configuration has it no longer */
    struct gateway_rates rates;  /* by the route's */
    size_t number;               /* in what is counted by site */
    bool bare; /* somebody was refused for want of a certificate, and the log says so */
    char name[];
};

/* Without a route. RC_NOMEM, RC_CRYPTO. */
enum rc gateway_site_new(struct str name, struct gateway_site **out);
struct gateway_site *gateway_site_ref(struct gateway_site *s);
void gateway_site_unref(struct gateway_site *s);
DEFINE_FREEP(gateway_site_unref, struct gateway_site)

/* The site's from now on; takes the place of the one it had, whose checks end. */
void gateway_site_set_route(struct gateway_site *s, struct gateway_route *r);
