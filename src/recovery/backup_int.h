/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the commands of backups. */
#pragma once

#include "backup/make.h"
#include "cmd/backup.h"

/* ---- backup_ways.c: who allows a backup, and where it is written down that one was made. A
 * server that runs decides, and writes; where none runs, none starts as long as the lock is held,
 * and the command writes into the database itself. */

struct way {
    const struct cmd_args *args;
    int data; /* open; borrowed */
    int lock; /* of the server's place: no server runs; -1: one does */
    char by[CMD_WHO_BYTES];
    struct id id; /* of the backup */
};
void way_done(struct way *w);
/* RC_DENIED: it takes a second person; other failures as of the server. After it the record says
 * that a backup is being made. */
enum rc way_begin(const struct cmd_args *args, int data, struct way *out, struct err *err);
/* That it was made, and is what it is. */
enum rc way_created(struct way *w, const struct backup_made *made, struct err *err);

/* ---- backup.c */

/* The passphrase of the backup, typed or from a file. */
enum rc backup_passphrase(const struct cmd_args *args, bool confirm, struct secret **out,
                          struct err *err);
/* From here on INT, TERM and HUP do not end the program but what it is at, so that nothing it made
 * meanwhile, keys and databases among it, is left behind. SIG_IGN stays. */
void backup_catch_signals(void);
/* Between two pieces. RC_CANCELLED when one came, RC_OK. */
enum rc backup_interrupted(struct err *err);
void backup_hex(const unsigned char *bytes, char out[static 2 * SEAL_SHA256 + 1]);
