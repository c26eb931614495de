/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate of the register, shown by a client, as the policy's rules may name it. */
#pragma once

#include "policy/policy.h"
#include "store/certificates.h"

/* Its digest, team, owner and DNS names, added in the arena; whether it is good, is not asked. */
enum rc ca_shown_texts(const struct store_certificate *c, struct arena *a,
                       struct policy_shown *out);
