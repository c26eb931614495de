/* SPDX-License-Identifier: Apache-2.0 */
/* What a scan found at an endpoint, read from the line of JSON that it wrote (scan/record.h). Runs
 * in core. Of a certificate nothing is believed but its bytes, which are read again here. */
#pragma once

#include "base/err.h"
#include "store/endpoints.h"

struct json;

enum {
    INVENTORY_RECORDS_MAX = 1000, /* in one delivery */
    INVENTORY_KEEP_DAYS = 400,    /* what nobody has seen for so long is forgotten */
    INVENTORY_PRUNE_MAX = 200,    /* so many at a delivery */
};

/* The verdicts of an endpoint: what was seen of it alone, then what takes the register. */
enum {
    INVENTORY_OURS = 1 << 0, /* a scan: signed by one of ours. Judged: in the register */
    INVENTORY_FOREIGN = 1 << 1,
    INVENTORY_EXPIRED = 1 << 2,
    INVENTORY_EARLY = 1 << 3,
    INVENTORY_WEAK = 1 << 4,
    INVENTORY_MISMATCHED = 1 << 5,
    INVENTORY_UNREADABLE = 1 << 6,
    INVENTORY_SEEN = (1 << 7) - 1,    /* those that a scan gives */
    INVENTORY_CURRENT = 1 << 7,       /* ours, valid, and there is no newer one */
    INVENTORY_SUPERSEDED = 1 << 8,    /* ours, and the newer one is not served */
    INVENTORY_REVOKED = 1 << 9,       /* ours, revoked, and served all the same */
    INVENTORY_UNREGISTERED = 1 << 10, /* signed by ours, and the register does not know it */
    INVENTORY_VERDICTS = 11,
};
/* "ours" for bit 0, and so on. */
const char *inventory_verdict_text(unsigned bit_number);
/* The bit of that name; 0 when there is none. */
unsigned inventory_verdict_bit(struct str text);
/* The names of all bits, spaces between them. */
void inventory_verdicts_put(unsigned bits, struct buf *out);

/* `out` has all but what the store sets; it points into the document and the arena. A time in the
 * future is `now`. RC_INVAL or RC_NOTFOUND with the member that is wrong, RC_TOOBIG. */
enum rc inventory_record_read(struct arena *a, const struct json *record, when_t now,
                              struct store_endpoint *out, struct err *err);
