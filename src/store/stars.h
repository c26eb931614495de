/* SPDX-License-Identifier: Apache-2.0 */
/* Orders that renew themselves (RFC 8739): what was asked for, and how far it has come. The row
 * belongs to an order and is read and made with it (orders.h); here is what moves it. A
 * certificate of such an order is due, or reserved, or there is none to come: taking what is due is
 * part of the transaction that reserves its serial, and the end of the reservation, whichever, says
 * when the next one is. */
#pragma once

#include "store/types.h"

enum { STORE_STAR_SPKI_MAX = 8192 };

struct store_star {
    when_t start;    /* not before that; 0: as soon as it is finalized */
    when_t end;      /* no certificate is valid after that */
    when_t lifetime; /* nominal, of each */
    when_t adjust;   /* how much earlier than its nominal date each begins */
    bool get;        /* whoever knows the URL may read the certificate */
    struct str spki; /* of the CSR; empty: not finalized */
    when_t first;    /* nominal date of the first certificate; 0: not finalized */
    int64_t issued;  /* serials reserved so far */
    unsigned vain;   /* attempts since the last that went well */
    when_t next;     /* when one is due; 0: none, or one is reserved */
};

/* Finalized: key, nominal date of the first, and when it is due. RC_CONFLICT: it was before. */
enum rc store_star_begin(struct store_txn *txn, const struct id *order, struct str spki,
                         when_t first, when_t next);
/* For the transaction of a reservation: compare and set of `issued`, and nothing is due any more.
 * RC_CONFLICT: another took it, or the order is neither processing nor valid. */
enum rc store_star_take(struct store_txn *txn, const struct id *order, int64_t issued);
/* What is due could not be reserved: due again at `next`. Nothing happens if it was taken or has
 * ended meanwhile. */
enum rc store_star_later(struct store_txn *txn, const struct id *order, when_t next);
/* A reservation was given up: the next attempt is due at `next`. RC_CONFLICT: the order is not
 * valid any more. */
enum rc store_star_again(struct store_txn *txn, const struct id *order, when_t next);
/* Nothing is due any more. */
enum rc store_star_over(struct store_txn *txn, const struct id *order);
/* The first certificate, of an order that is processing: it is valid, until its end date. Another,
 * of one that is valid: it takes the place of the last. The one after it is due at `next` (0:
 * never). RC_CONFLICT: the order is neither, or renews nothing. */
enum rc store_star_finish(struct store_txn *txn, const struct id *order,
                          const struct id *certificate, when_t next);
/* Valid to canceled, with the problem document that says why (empty: its owner wanted it); it
 * expires with its last certificate. */
enum rc store_star_cancel(struct store_txn *txn, const struct id *order, struct str error,
                          when_t now);
/* Those of an account that are processing or valid, the same; STORE_PAGE_MAX of them at a time,
 * whose ids are in the arena. */
enum rc store_star_cancel_all(struct store_txn *txn, struct arena *a, const struct id *account,
                              when_t now, struct id **out, size_t *out_n);
/* Those with something due by `now`, the longest due first, `max` at most. */
enum rc store_star_due(struct store_txn *txn, when_t now, size_t max, struct id out[],
                       size_t *out_n);
/* When the next one is due after `now`; 0: none. */
enum rc store_star_next(struct store_txn *txn, when_t now, when_t *out);
/* How many of the account are not over by `now`: pending to valid, with an end date to come. */
enum rc store_star_count(struct store_txn *txn, const struct id *account, when_t now,
                         uint64_t *out);
