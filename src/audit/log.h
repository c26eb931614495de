/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log as a growing Merkle tree: what core needs to have a head of it signed. The tree is
 * a function of the records; no record pays for it. What is kept of it, the roots of whole
 * subtrees of 256, 65536 ... records, is written by audit_log_fold, afterwards. Runs in core,
 * inside the store's write jobs, and reads for the export. */
#pragma once

#include "audit/note.h"
#include "store/types.h"

enum {
    AUDIT_FOLD_BITS = 8, /* 256 records: what a proof has to hash again, at most, at each end */
    AUDIT_FOLD_MAX = 16, /* such subtrees in one call: some milliseconds */
};

/* Keeps what has become whole since the last time. `out_more`: there is more to do. RC_CORRUPT: a
 * record is missing. */
enum rc audit_log_fold(struct store_txn *txn, bool *out_more);

/* What is asked of the signer: to sign `to`, which continues `from`. */
struct audit_step {
    struct tree_head from; /* what the signer signed last */
    struct tree_head to;   /* all records there are */
    struct tree_proof proof;
    bool behind; /* there are fewer records than were signed: nothing else is set */
};
/* After a fold that left nothing to do. */
enum rc audit_log_step(struct store_txn *txn, const struct tree_head *from, struct audit_step *out);

/* Writes a signed note down, with its tree's frontier; one that is there is left alone. RC_CORRUPT
 * when it is not a head of these records: then it is not written. */
enum rc audit_log_keep(struct store_txn *txn, const struct note *note, struct str text);

/* That a signed head continues the first `from` records. */
struct audit_between {
    uint64_t from, to; /* `to`: that of a signed head; 0: the newest, which is then set */
    struct str note;   /* the newest head of `to` records, in the arena */
    struct tree_proof proof;
};
/* Of b->from and b->to. RC_NOTFOUND: there is no such head; RC_INVAL: `from` is larger. */
enum rc audit_log_prove(struct store_txn *txn, struct arena *a, struct audit_between *b);

/* Whether the first `head->size` records are those that it is of, by hashing all of them anew.
 * RC_DENIED: they are others; RC_NOTFOUND: there are fewer; RC_CORRUPT: one is missing. */
enum rc audit_log_holds(struct store_txn *txn, const struct tree_head *head);
