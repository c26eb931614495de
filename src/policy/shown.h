/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate of the register, shown by a client, as rules may name it. */
#pragma once

#include "policy/policy.h"
#include "store/certificates.h"

/* Its id, digest, team, owner and DNS names, the texts in the arena; whether it is good, is not
 * asked. */
enum rc policy_shown_take(struct policy_shown *s, const struct store_certificate *c,
                          struct arena *a);
