/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log as files, for who is to check it without this program, or without this machine:
 *
 *     records-000000000001.jsonl   canonical records, one a line, AUDIT_BUNDLE in each file; named
 *                                  after the number of its first one
 *     heads.txt                    the signed notes in the order they were signed, with an empty
 *                                  line after each
 *     frontiers.txt                for each size that has a head, a line: SIZE and, in base64, the
 *                                  frontier of the tree there. Nobody signed it; it is held
 *                                  against the head. With it, checking goes on behind a break.
 *
 * The public key is not among them: who checks takes it from elsewhere. */
#pragma once

#include "base/err.h"
#include "store/types.h"

enum { AUDIT_BUNDLE = 65536 };

#define AUDIT_HEADS_FILE "heads.txt"
#define AUDIT_FRONTIERS_FILE "frontiers.txt"

struct audit_exported {
    uint64_t records, heads;
};

/* Writes into `dir`, open and empty; `name` is for messages. `txn` has one state for all of it
 * (store_read_begin). */
enum rc audit_export(struct store_txn *txn, int dir, const char *name, struct audit_exported *out,
                     struct err *err);

/* Of the file that begins with record number `first`. */
enum { AUDIT_FILE_NAME = 40 };
void audit_bundle_name(uint64_t first, char out[static AUDIT_FILE_NAME]);
