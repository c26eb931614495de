/* SPDX-License-Identifier: Apache-2.0 */
/* Orders that persons have to allow (policy_approvers, approval/approval.h). Finalized, such an
 * order is "processing" and its CSR stands with what was asked; nothing is signed until its client
 * comes for it. Then all is judged again. A client that has lost patience meanwhile makes another
 * order, and finds the approval, or waits in place of the order before. */
#pragma once

#include "acme/parts_int.h"
#include "approval/approval.h"

/* How often a client is to look. Some give up after 30 seconds, most after a minute or two. */
enum { ACME_APPROVAL_SECONDS = 15 };

/* What a certificate for the order takes, and has, in the request's arena: NULL when no rule wants
 * a person. Staging asks nobody. */
enum rc acme_approval_look(struct acme_request *r, const struct store_order *order,
                           const struct acme_judged *judged, enum crypto_key_type key,
                           struct approval **out);
/* In the transaction that made the order "processing": it waits, with that CSR, in place of another
 * that did for the same, which ends. */
enum rc acme_approval_wait(struct store_txn *txn, struct acme_request *r,
                           const struct store_order *order, struct approval *c);
/* In that of the reservation. */
enum rc acme_approval_use(struct store_txn *txn, struct acme_request *r, const struct approval *c,
                          struct err *err);
/* The order waits no more, RC_CONFLICT when it did not, and ends with this problem. */
enum rc acme_approval_fail(struct store_txn *txn, struct acme_request *r, const struct id *order);
