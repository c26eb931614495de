/* SPDX-License-Identifier: Apache-2.0 */
/* The challenges of an authorization, for authorizations.c. */
#pragma once

#include "store/authorizations.h"

enum rc challenges_add(struct store_txn *txn, const struct id *authorization,
                       const struct store_challenge *list, size_t n);
enum rc challenges_of(struct store_txn *txn, struct arena *a, const struct id *authorization,
                      const struct store_challenge **out, size_t *out_n);
