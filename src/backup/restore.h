/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a data directory out of a backup. All of it is made under another name beside the
 * directory, `.NAME.restoring`, brought to the disk and renamed: whoever kills it leaves that, and
 * the next one begins anew.
 *
 * What was used since the backup and is not known to it must not be used again. So the node is
 * another one, numbers of revocation lists go on above all that there can have been, grants that
 * may have been used are asked for again, tokens of agents are void, and the audit log goes on as a
 * log with another name, whose records say so (audit restart). */
#pragma once

#include "backup/unpack.h"
#include "store/copy.h"

struct backup_restore {
    struct seal_source from;
    struct secret *passphrase;
    const char *dir; /* not there, or empty */
    bool owners;     /* as in struct backup_unpack */
    when_t now;
    struct str by, reason;
};

struct backup_restored {
    struct backup_found found;
    struct store_restored changed;
    struct buf origin; /* of the audit log from now on; empty: no head was ever signed */
    bool frozen;       /* issuing waits for a second person */
};
void backup_restored_init(struct backup_restored *r);
void backup_restored_done(struct backup_restored *r);

/* RC_EXISTS: the directory is not empty, or is where another file system is mounted; RC_AGAIN:
 * another one restores to it; RC_DENIED: the clock is behind the backup. */
enum rc backup_restore(const struct backup_restore *in, struct backup_restored *out,
                       struct err *err);
