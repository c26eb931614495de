/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be thought of an endpoint now, with the register: whether we issued what it shows, and
 * whether that still holds. Nothing of it is stored, so that what is revoked or renewed a moment
 * ago counts. Runs in core. */
#pragma once

#include "inventory/record.h"
#include "store/certificates.h"

enum { INVENTORY_NEWER_MAX = 64 /* renewals of one certificate that are looked at */ };

struct inventory_judged {
    unsigned verdicts;
    bool registered;
    struct store_certificate certificate; /* if so, without its DER */
    struct id newer;                      /* the newest that took its place; "": none */
};
/* What *out points to lives in the arena. */
enum rc inventory_judge(struct store_txn *txn, struct arena *a, const struct store_endpoint *e,
                        when_t now, struct inventory_judged *out);

/* Whether a living certificate of the register is served nowhere: the inventory has never seen it,
 * and none took its place. */
enum rc inventory_orphaned(struct store_txn *txn, const struct store_certificate *c, when_t now,
                           bool *out);
