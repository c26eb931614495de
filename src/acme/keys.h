/* SPDX-License-Identifier: Apache-2.0 */
/* Account keys that were in use lately, ready to verify with. To make a key of its JWK costs more
 * than the signature it checks. What is kept depends on the text of the JWK alone and on nothing
 * that may change: which account has which key, and whether it may still do anything, is
 * store/known.h's to say. Belongs to core's loop. */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "jose/jwk.h"

enum { ACME_KEYS_MAX = 512 }; /* those not used for longest leave first */

struct acme_keys {
    struct map by_jwk;
    struct list by_use; /* the latest at the end */
    uint64_t made;      /* how often one was not there */
};

void acme_keys_init(struct acme_keys *k);
void acme_keys_done(struct acme_keys *k);

/* The key of that JWK; borrowed, until the next call. Errors as jose_jwk_parse; what fails is not
 * kept. */
enum rc acme_keys_get(struct acme_keys *k, struct str jwk, const struct jose_jwk **out);
