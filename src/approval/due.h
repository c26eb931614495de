/* SPDX-License-Identifier: Apache-2.0 */
/* What waits for persons, and the time: reminders, one for each whole day (event and log), the end
 * of what nobody decided on, and of orders that have expired while they waited. */
#pragma once

#include "approval/approval.h"
#include "ev/ev.h"

/* An order that waits does so no more and is invalid, with that problem: RC_CONFLICT when it did
 * not wait. `by`: as for approval_audit. */
enum rc approval_fail_order(struct store_txn *txn, struct arena *a, const struct id *order,
                            const struct err *why, const struct audit_event *by);
/* The same for the order of an approval, if one waits. */
enum rc approval_end_order(struct store_txn *txn, struct arena *a, const struct store_approval *row,
                           const struct err *why, const struct audit_event *by);

/* Looks when something is due. */
struct approval_watch {
    struct store *store;
    struct ev *ev;
    struct ev_timer timer;
};
void approval_watch_start(struct approval_watch *w, struct ev *ev, struct store *store);
/* After store_close. */
void approval_watch_stop(struct approval_watch *w);
/* Something has begun to wait, or was decided. */
void approval_watch_look(struct approval_watch *w);
