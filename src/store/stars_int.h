/* SPDX-License-Identifier: Apache-2.0 */
/* The row of an order that renews itself, for orders.c, which makes and reads both. */
#pragma once

#include "store/stars.h"

enum rc store_star_add(struct store_txn *txn, const struct id *order, const struct id *account,
                       const struct store_star *star);
enum rc store_star_get(struct store_txn *txn, struct arena *a, const struct id *order,
                       const struct store_star **out);
