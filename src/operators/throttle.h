/* SPDX-License-Identifier: Apache-2.0 */
/* Guessing passwords takes longer with each failure: for the name that is tried, whether or not
 * there is such a user, for the network that it is tried from, and for all together, since each try
 * costs the CA's own process some time. A browser in which the user has signed in before
 * (operators/known.h) is counted for itself and nothing else, so that whoever keeps the name or
 * everybody busy does not keep the user out. In memory; no clock. */
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
    when_t full;  /* when the bucket of all who try is full again */
    when_t known; /* the same of browsers that are known */
};

/* Who tries. */
struct operators_try {
    struct str name;
    struct addr from;
    struct str browser; /* of operators_known_check; empty: none that is known */
};

/* Whether a password may be looked at now. If so it counts as a failure until it turns out to be
 * right, so that several at the same time are no way around a pause. RC_QUOTA: not before
 * *out_until, and nothing is counted. */
enum rc operators_throttle_ask(struct operators_throttle *t, const struct operators_try *who,
                               when_t now, when_t *out_until);
/* It was right: the failures of the name or the browser are forgotten; of the network's only this
 * one, since others may try from there. */
enum rc operators_throttle_right(struct operators_throttle *t, const struct operators_try *who);
