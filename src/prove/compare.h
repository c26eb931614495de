/* SPDX-License-Identifier: Apache-2.0 */
/* What a service has shown, held against what it should show. */
#pragma once

#include "base/err.h"

/* All are PEM, the leaf first. `before` is what was in place before, and may be empty. The chain
 * has to come as it is, in its order; behind it a root may follow, as some servers send one.
 * RC_CONFLICT and what is served instead; RC_NOMEM; RC_PARSE when `expected` holds no certificate.
 */
enum rc prove_compare(struct str served, struct str expected, struct str before, struct err *err);
