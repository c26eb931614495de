/* SPDX-License-Identifier: Apache-2.0 */
/* Facts about the installation that are not about any one object: short values by name, and the
 * clock's high-water mark. The node and its boot epoch are store_node's. */
#pragma once

#include "store/types.h"

/* Keys in use; letters, digits, dots and hyphens, at most 64. */
#define STORE_META_HIERARCHY "hierarchy" /* canonical JSON: what init made */
#define STORE_META_AUDIT_LOG "audit-log" /* whose beginning anew is in the records */
#define STORE_META_WATCH "watch"   /* number of the last record that was counted (core/watch.c) */
#define STORE_META_POLICY "policy" /* JSON: the accepted one (core/accepted.c) */
#define STORE_META_EXPIRIES "expiries" /* the last certificate that expiries (expiries.h) has */
#define STORE_META_FAILURES                                                                        \
    "failures"                     /* number of the last record whose failed orders were seen      \
                                    */
#define STORE_META_BACKUP "backup" /* when the last one was made, in microseconds */
/* and "forward-NAME": number of the last record that a destination of audit.forward has */

enum rc store_meta_get(struct store_txn *txn, struct arena *a, const char *key, struct str *out);
/* Adds or replaces; at most STORE_BLOB_MAX bytes. */
enum rc store_meta_set(struct store_txn *txn, const char *key, struct str value);

/* The latest time that any node has vouched for; 0 when none has. */
enum rc store_clock_high(struct store_txn *txn, when_t *out);
/* Raises it to `at`; never lowers it (RC_OK then, too). */
enum rc store_clock_raise(struct store_txn *txn, when_t at);

/* When the last backup was made; 0: none was. */
enum rc store_backup_last(struct store_txn *txn, when_t *out);
enum rc store_backup_made(struct store_txn *txn, when_t at);
