/* SPDX-License-Identifier: Apache-2.0 */
/* Unusual hours (locks.automatic): what happens is counted by the hour, from the audit log, and an
 * hour that leaves what the weeks before have taught is told of, or freezes issuance: for those
 * whose doing it is (core/blame.h). */
#pragma once

#include "base/err.h"
#include "base/when.h"

struct api_watch;
struct core;
struct core_watch;

/* Hours that are learned from: those of so long, without the last day, which may be part of what
 * goes wrong; and only when there are enough of them. */
#define CORE_WATCH_WINDOW (28 * WHEN_DAY)
#define CORE_WATCH_RECENT WHEN_DAY
#define CORE_WATCH_LEARNING (7 * WHEN_DAY)
enum {
    CORE_WATCH_TIMES = 3,         /* the busiest hour of the window: what is still usual */
    CORE_WATCH_FLOOR_FAILED = 50, /* an hour with so few is never unusual */
    CORE_WATCH_FLOOR_ISSUED = 100,
    CORE_WATCH_FLOOR_NAMES = 50,
    CORE_WATCH_FLOOR_DNS = 30, /* of more than half of all proofs that were tried in the hour */
    CORE_WATCH_LOCKS = 32,     /* that hold, at a time, beside one of everything */
};

enum rc core_watch_new(struct core *core);
void core_watch_stop(struct core *core);
/* When the store is closed. */
void core_watch_free(struct core *core);
void core_watch_show(const struct core *core, struct api_watch *out);
