/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a backup of a data directory, whether a server runs on it or not. Runs in a command, as who
 * owns the directory. Memory: the small files, and one piece of the database at a time; room on
 * the disk beside the database for a copy of it, in DATA/.tmp-backup, which is removed. */
#pragma once

#include "backup/gather.h"
#include "base/secret.h"

#define MAKE_SCRATCH ".tmp-backup"

struct backup_make {
    int data; /* DATA, open; its path */
    const char *data_name;
    const char *config; /* a file in place of DATA/autarky.yaml; NULL: that one */
    struct secret *passphrase;
    unsigned log_n; /* 0: SEAL_LOG_N */
    struct seal_sink to;
    struct pack_about about; /* id, created, program, host, organization, domain, by, reason */
};

struct backup_made {
    struct seal_sum sum;
    uint64_t records;
    uint32_t files;
    uint64_t database;   /* bytes */
    struct buf note;     /* the head that was signed last; may be empty */
    struct buf left_out; /* lines, see struct gather */
};
void backup_made_done(struct backup_made *m);

/* RC_AGAIN: another one is being made, or keys change all the time. Otherwise as its parts. */
enum rc backup_make(const struct backup_make *in, struct backup_made *out, struct err *err);
