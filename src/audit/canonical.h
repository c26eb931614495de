/* SPDX-License-Identifier: Apache-2.0 */
/* JSON in the one form that RFC 8785 leaves: no spaces, members sorted by name, the shortest
 * escapes. Narrower than it where we can choose: names are printable ASCII, numbers are integers of
 * at most 53 bits. What is not UTF-8 becomes U+FFFD, so that the form is always well formed. */
#pragma once

#include "base/buf.h"

struct json;

enum { CANONICAL_MEMBERS_MAX = 256 }; /* of one object */

/* The value; RC_INVAL for a number or name out of those bounds, RC_TOOBIG for more members. */
enum rc canonical_put(struct buf *out, const struct json *v);
/* A string with its quotes (RFC 8785 section 3.2.2.2). */
void canonical_put_str(struct buf *out, struct str s);
