/* SPDX-License-Identifier: Apache-2.0 */
/* Which key a new certificate gets: a new one, or the one in place, where that is wanted; in a
 * token (agent/token.h) it is always the one that is there. */
#pragma once

#include "agent/place.h"
#include "agent/plan.h"
#include "agent/solver.h"

struct agent_key {
    struct crypto_key *key; /* the caller's */
    bool reused;            /* that of the set in place; never where it is in a token */
};

enum agent_key_wish {
    AGENT_KEY_AS_PLANNED,
    AGENT_KEY_REUSED, /* this time */
    AGENT_KEY_NEW,    /* this time, whatever the plan says */
};

/* Without a set in place, and with a warning where its key cannot be read, it is a new one.
 * RC_CONFLICT: the key in place is of another kind than the plan wants, or smaller; RC_UNSUPPORTED:
 * a new one in a token; RC_INVAL: no such kind; as agent_token_key. */
enum rc agent_key_choose(const struct agent_world *w, const struct agent_place *p,
                         const struct agent_plan *plan, enum agent_key_wish wish,
                         struct agent_key *out, struct err *err);
