/* SPDX-License-Identifier: Apache-2.0 */
/* Whose an endpoint is: what a person set at it, else what the register has of our certificate that
 * it shows, else the first rule of `inventory.owners` that fits. Names in a certificate count for
 * rules only if it is ours: a stranger writes there what he likes. */
#pragma once

#include "inventory/judge.h"

struct conf;

enum inventory_owner_from {
    INVENTORY_BY_NOBODY,
    INVENTORY_BY_HAND,
    INVENTORY_BY_REGISTER,
    INVENTORY_BY_RULE
};
struct inventory_owner {
    enum inventory_owner_from from;
    struct str owner, service; /* borrowed from what it was found by */
};
/* "hand", "register", "rule"; NULL for nobody. */
const char *inventory_owner_text(enum inventory_owner_from from);
struct inventory_owner inventory_owner_of(const struct conf *conf, const struct store_endpoint *e,
                                          const struct inventory_judged *j);
/* Whether the canonical name is that domain or below it. */
bool inventory_under(struct str name, struct str domain);
