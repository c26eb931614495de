/* SPDX-License-Identifier: Apache-2.0 */
/* Guessing passwords takes longer with each failure: for the name that is tried, whether or not
 * there is such a user, for the network that it is tried from, and for all together, since each try
 * costs the CA's own process some time. In memory; no clock. */
#pragma once

#include "base/addr.h"
#include "base/when.h"
#include "crypto/hash.h"

enum {
    OPERATORS_TRIES_MAX = 512,  /* names and networks remembered; the one that failed longest ago
                                   is forgotten first */
    OPERATORS_TRIES_FREE = 5,   /* failures without a pause */
    OPERATORS_TRIES_SECOND = 4, /* passwords looked at in a second, of all who try */
};
#define OPERATORS_PAUSE_NAME WHEN_MINUTE           /* the longest pause of a name */
#define OPERATORS_PAUSE_NETWORK (15 * WHEN_MINUTE) /* and of a network */
#define OPERATORS_TRIES_LIFE WHEN_HOUR             /* after which a failure is forgotten */

struct operators_throttle {
    struct {
        unsigned char digest[CRYPTO_SHA256_BYTES];
        unsigned failures; /* 0: this place is free */
        when_t last;
    } tries[OPERATORS_TRIES_MAX];
    when_t full; /* when the bucket of all who try is full again */
};

/* Whether a password may be looked at now, which is counted. RC_QUOTA: not before *out_until. */
enum rc operators_throttle_ask(struct operators_throttle *t, struct str name,
                               const struct addr *from, when_t now, when_t *out_until);
/* It was the wrong one. */
enum rc operators_throttle_failed(struct operators_throttle *t, struct str name,
                                  const struct addr *from, when_t now);
/* It was right: the name's failures are forgotten, the network's are not, since others may try from
 * there. */
enum rc operators_throttle_right(struct operators_throttle *t, struct str name);
