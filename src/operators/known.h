/* SPDX-License-Identifier: Apache-2.0 */
/* Browsers in which a user has signed in before carry a text that says so, so that a stranger who
 * keeps trying that user's name cannot keep the user out: tries of a known browser are counted
 * apart (operators/throttle.h). It opens nothing by itself. Nothing is kept of it but the key.
 * Pure. */
#pragma once

#include "base/str.h"
#include "base/when.h"

enum {
    OPERATORS_KNOWN_KEY = 32,
    OPERATORS_KNOWN_ID = 16,
    OPERATORS_KNOWN_TEXT = 76, /* in base64url, with the terminator */
};
#define OPERATORS_KNOWN_LIFE (90 * WHEN_DAY)

/* For a browser in which that user has signed in. RC_CRYPTO, RC_IO. */
enum rc operators_known_make(struct str key, struct str name, when_t now,
                             char out[static OPERATORS_KNOWN_TEXT]);
/* Which browser of that user it is. RC_DENIED: of another user, too old, or not made here. */
enum rc operators_known_check(struct str key, struct str name, struct str text, when_t now,
                              unsigned char out[static OPERATORS_KNOWN_ID]);
