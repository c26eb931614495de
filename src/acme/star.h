/* SPDX-License-Identifier: Apache-2.0 */
/* Orders that renew themselves (RFC 8739). Times by its section 3.5: certificate i has the nominal
 * date first + i * lifetime, begins `adjust` before that and ends a lifetime after it, and is made
 * when it begins. */
#pragma once

#include "acme/parts_int.h"
#include "store/stars.h"

/* ---- star.c */

/* "auto-renewal" of a new order with a profile, which gets it; nothing happens when there is none.
 */
enum rc acme_star_read(struct acme_request *r, struct store_order *order);
/* Member of the directory's "meta", while it is offered. */
void acme_star_put_meta(struct json_out *o, const struct conf *conf);
/* Members of an order that renews itself. */
void acme_star_put(struct acme_request *r, struct json_out *o, const struct store_order *order);
/* Answers a request that has a payload to an order's URL: the order is canceled, or why not. */
enum rc acme_star_cancel(struct acme_request *r, const struct store_order *order);

/* The nominal date of what is to be made at `now`: of all that should have been made by then, the
 * latest. */
when_t acme_star_nominal(const struct store_star *s, when_t now);
/* Its dates. The profile may have it begin later: none is older than the profile lets it be. */
void acme_star_span(const struct store_star *s, when_t now, when_t *out_from, when_t *out_until);
/* When the one after a certificate is due; 0: there is none to come. Not at once, where a
 * certificate ends earlier than it should (its issuer ends). */
when_t acme_star_next(const struct store_star *s, when_t not_after, when_t now);
/* How long to wait after an attempt in vain. */
when_t acme_star_pause(const struct store_star *s);

/* ---- star_renew.c */

/* Renews what is due, from now on and by itself. */
void acme_star_start(struct acme *a);
void acme_star_stop(struct acme *a);
/* There is something new in the store. */
void acme_star_look(struct acme *a);
/* The issuance of a certificate for such an order has ended, in its transaction: RC_CONFLICT when
 * the order is none; RC_DENIED when it has been canceled, and there is to be no certificate. */
enum rc acme_star_finish(struct store_txn *txn, const struct id *order,
                         const struct store_certificate *certificate);
/* It was given up: an order that is valid goes on, unless its key may never be certified again. */
enum rc acme_star_fail(struct store_txn *txn, const struct id *order, const struct err *why,
                       when_t now);
/* For what failed so, another attempt is in vain: the key is none to be certified. */
bool acme_star_for_ever(const struct err *why);
/* The certificates of an order are one thing in the register, under this name; "": out of memory.
 */
struct str acme_star_lineage(struct arena *a, const struct id *order);
