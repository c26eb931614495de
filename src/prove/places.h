/* SPDX-License-Identifier: Apache-2.0 */
/* The places at which a certificate has to be seen: every target, under every name that the
 * certificate is for, at every address. Pure but for the lookup of addresses. */
#pragma once

#include "base/addr.h"
#include "base/arena.h"
#include "prove/target.h"

enum { PROVE_PLACES_MAX = 500, PROVE_ADDRESSES_MAX = 16 /* of one name */ };

/* One host that is asked for one name. */
struct prove_ask {
    const struct prove_target *target;
    struct str host; /* to be looked up, or an address */
    struct str name; /* SNI; empty: none */
};

/* Targets, and the names of the certificate. */
struct prove_what {
    const struct prove_target *targets;
    size_t n_targets;
    const struct str *dns;
    const struct addr *ips;
    size_t n_dns, n_ips;
};

/* All of them, in the arena, without addresses yet. A host that is a name of the certificate is
 * asked for that name; another one, or an address, for each of them. A wildcard is asked for as the
 * name `proof` in it, and cannot be looked up: RC_INVAL for a target without host when there is
 * nothing else. RC_TOOBIG past PROVE_PLACES_MAX, RC_NOMEM. */
enum rc prove_asks(struct arena *a, const struct prove_what *what, struct prove_ask **out,
                   size_t *out_n, struct err *err);
