/* SPDX-License-Identifier: Apache-2.0 */
/* An order that is about to be finalized, and the key that it is for, in DIR/.autarky/order (0600)
 * until the certificate is in a generation that is remembered: so that one that was issued while
 * the power failed is fetched by the next run, and not ordered again. Lines "server URL", "order
 * URL", "for DIGEST", "at MICROSECONDS", "tries NUMBER", where the server had not decided about it
 * "undecided yes", then the key in PEM, unless that is in a token. */
#pragma once

#include "agent/place.h"
#include "agent/plan.h"
#include "client/documents.h"

enum {
    AGENT_KEPT_DIGEST = 64,
    AGENT_KEPT_HOURS = 24, /* and no longer, ... */
    AGENT_KEPT_TRIES = 3,
    AGENT_KEPT_DAYS = 7, /* ... but so long while the server has it: a person decides, perhaps */
};

struct agent_kept {
    struct str server, order;         /* URLs */
    char what[AGENT_KEPT_DIGEST + 1]; /* of agent_kept_what */
    when_t at;
    unsigned tries;         /* runs that went on with it: one that comes to no end is given up */
    bool undecided;         /* the server had all it needs, when it was looked at last */
    struct crypto_key *key; /* NULL: it is in a token */
};

/* A digest of what a certificate of this plan, by `profile`, is to be. */
enum rc agent_kept_what(const struct agent_plan *plan, struct str profile,
                        char out[static AGENT_KEPT_DIGEST + 1]);
/* On disk, all of it, when this is RC_OK. RC_IO. */
enum rc agent_kept_put(const struct agent_place *p, const struct agent_kept *k, struct err *err);
/* Texts in the arena; the key is the caller's. RC_NOTFOUND; RC_PARSE for what is no such file. */
enum rc agent_kept_get(const struct agent_place *p, struct arena *a, struct agent_kept *out,
                       struct err *err);
/* One to go on with no more: it is from another time, by this clock, or was tried often enough. */
bool agent_kept_over(const struct agent_kept *k, when_t now);
/* What is not there need not be removed. */
void agent_kept_drop(const struct agent_place *p);
