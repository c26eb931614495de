/* SPDX-License-Identifier: Apache-2.0 */
/* What does the CA see? The answers that each name server of a name's zone, and those that hold the
 * zone, give at this moment, with their times to live; whether a challenge would be won, or, when
 * none is named, whether http-01 would reach anybody; and whether CAA would allow it. For people
 * and clients who look for what is wrong; it proves nothing. The same limits, and the same
 * addresses, as a validation. */
#pragma once

#include "validate/validate.h"

enum { PREFLIGHT_MAX = 4 /* at a time */, PREFLIGHT_JSON_MAX = 120 * 1024 };

struct validate_preflight;

/* Borrowed until the callback or the cancellation. */
struct validate_preflight_ask {
    struct str identifier_type; /* "dns", "ip" */
    struct str identifier;      /* canonical, without "*." */
    bool wildcard;
    struct str account; /* its URL, for CAA; empty: none is meant */
    /* As in struct validate_ask, of the challenge that is tried ("attempt" in the answer); empty:
     * http-01 with a made-up token ("http"), which shows how far it comes. */
    struct str challenge, token, key_authorization;
};

/* RC_OK with the answer, a JSON object; RC_NOMEM, RC_TOOBIG. */
typedef void (*validate_preflight_fn)(void *arg, enum rc rc, struct str json);

/* The callback comes once, never from inside this function, after as long as a validation may take.
 * RC_QUOTA past PREFLIGHT_MAX, or when no validation could begin either; RC_INVAL for what is no
 * identifier; RC_NOMEM. `out` is valid until the callback. */
enum rc validate_preflight(struct validator *v, const struct validate_preflight_ask *ask,
                           validate_preflight_fn fn, void *arg, struct validate_preflight **out);
/* The callback does not come. */
void validate_preflight_cancel(struct validate_preflight *p);
