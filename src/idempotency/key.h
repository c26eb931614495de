/* SPDX-License-Identifier: Apache-2.0 */
/* The field Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): an Item of RFC 8941 whose
 * value is a String (section 3.3.3), of 1 to STORE_IDEMPOTENCY_KEY_MAX bytes. Pure. */
#pragma once

#include "base/err.h"

struct arena;

/* The key, in the arena. RC_PARSE: it is none, or has parameters, which mean nothing here. */
enum rc idempotency_key_parse(struct str field, struct arena *a, struct str *out, struct err *err);
