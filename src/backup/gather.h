/* SPDX-License-Identifier: Apache-2.0 */
/* What of a data directory goes into a backup: all that is not known to be of no use. Of the
 * database only its place is noted; it is copied by store/copy.h. docs/internals/backup.md has the
 * table, file by file. */
#pragma once

#include "backup/pack.h"

enum { GATHER_BYTES_MAX = 128 << 20 };

struct gather_file {
    struct pack_entry entry;
    struct str content; /* of a file but the database */
};

struct gather {
    struct arena arena;
    struct gather_file *v; /* in the order of the paths */
    size_t n, cap;
    struct buf left_out; /* lines: "PATH: why", of what somebody might miss */
};
void gather_init(struct gather *g);
void gather_done(struct gather *g);

/* Reads all of `data`, open; `config`: a file outside of it that stands in for autarky.yaml; NULL:
 * none. RC_DENIED: something belongs to nobody who could own it after a restore; RC_TOOBIG: more
 * than GATHER_BYTES_MAX. */
enum rc gather_read(struct gather *g, int data, const char *config, struct err *err);

/* The path at which both differ, of what belongs together and may not change under a copy (ca/,
 * trust/, but for the head that is signed every minute); empty: none. */
struct str gather_differ(const struct gather *a, const struct gather *b);

const struct gather_file *gather_find(const struct gather *g, const char *path);
