/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a backup and finds out whether it is one that a server could go on from: all of it into a
 * directory, or of the files nothing but the database, which has to be on a disk to be looked at;
 * keys stay in memory then. */
#pragma once

#include "backup/pack.h"
#include "base/secret.h"

enum { UNPACK_KEPT_MAX = 4096, UNPACK_KEPT_BYTES = 64 << 20 };

struct unpack_kept {
    struct str path, content;
};

struct backup_found {
    struct arena arena; /* of the texts, and of what is kept */
    struct pack_about about;
    struct pack_sum sum;
    uint64_t database; /* bytes */
    uint64_t files, dirs;
    uint64_t covered; /* records under the signed head, which fits them */
    when_t covered_at;
    unsigned authorities;    /* roots and issuers of the register */
    unsigned keys_opened;    /* and fit their certificates */
    unsigned keys_closed;    /* their passphrase is not in the backup: they are there, no more */
    unsigned keys_in_token;  /* not in the backup */
    unsigned keys_elsewhere; /* of which the register knows none here: roots that are offline */
    struct buf list;         /* lines: "SHA256  SIZE  MODE OWNER PATH" */
    struct unpack_kept *kept;
    size_t n_kept;
};
void backup_found_init(struct backup_found *f);
void backup_found_done(struct backup_found *f);

struct backup_unpack {
    struct seal_source from;
    struct secret *passphrase;
    int dir; /* an empty directory of mode 0700, open; its path */
    const char *dir_name;
    bool whole;  /* everything is written there, with owners and modes; otherwise the database */
    bool owners; /* runs as root: files get their owners, which are made if they are not there */
};
/* Reads to the end. What is in `dir` when it fails is of no use. */
enum rc backup_unpack(const struct backup_unpack *in, struct backup_found *out, struct err *err);

/* Looks at what was unpacked: schema, integrity of the database, the signed head of the audit log
 * against its records, each key that is here against its certificate. RC_VERSION, RC_CORRUPT,
 * RC_DENIED with what does not fit. An older schema is migrated, in `dir`. */
enum rc backup_check(const struct backup_unpack *in, struct backup_found *found, when_t now,
                     struct err *err);
