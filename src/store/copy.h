/* SPDX-License-Identifier: Apache-2.0 */
/* A database as a whole: copied while others write, and made fit to be used again after it was
 * brought back from a copy. */
#pragma once

#include "store/store.h"

/* All of it, as one committed state, into a new file of mode 0600. RC_EXISTS, RC_IO. Others may
 * write meanwhile; the log beside the database grows as long as it takes. A failure leaves no file.
 * The copy is not synchronised. */
enum rc store_copy(struct store *s, const char *path, struct err *err);

/* What was changed by store_restored. */
struct store_restored {
    uint64_t lists;     /* shards of revocation lists, whose numbers go on above all before */
    uint64_t approvals; /* grants that may have been used, and are to be given again */
    uint64_t tokens;    /* of agents, the same: they are revoked */
};
/* In a write transaction, on a database from a copy: what was used since that copy, unknown here,
 * must not be used again. The node has another id from its next start on, so that what it counts
 * by boots meets nothing that was counted before; numbers of lists go on from `now` in
 * microseconds, which is more than as many lists could have been made since the copy, and all are
 * due; a grant counts once, and so persons are asked anew. */
enum rc store_restored(struct store_txn *txn, when_t now, struct store_restored *out);
