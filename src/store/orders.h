/* SPDX-License-Identifier: Apache-2.0 */
/* ACME orders (RFC 8555 section 7.1.3). The store knows the statuses and moves between them by
 * compare and set; which moves are allowed is acme/'s table. */
#pragma once

#include "store/stars.h"

enum store_order_status {
    STORE_ORDER_PENDING,
    STORE_ORDER_READY,
    STORE_ORDER_PROCESSING,
    STORE_ORDER_VALID,
    STORE_ORDER_INVALID,
    STORE_ORDER_CANCELED, /* RFC 8739 section 3.1.2 */
    STORE_ORDER_STATUSES
};
/* As RFC 8555 and RFC 8739 spell it. */
const char *store_order_status_text(enum store_order_status status);

/* An identifier as the order has it ("*.x" for a wildcard), and the authorization that is to cover
 * it. */
struct store_order_name {
    struct store_name name;
    struct id authorization; /* exists */
};

struct store_order {
    struct id id;
    struct id account; /* exists */
    enum store_order_status status;
    when_t expires;
    when_t not_before; /* as requested; 0: not */
    when_t not_after;
    struct str error;                     /* problem document, JSON */
    const struct store_order_name *names; /* in the client's order */
    size_t n_names;
    struct str profile;
    struct str replaces;   /* ARI certificate id (RFC 9773 section 5) */
    struct id certificate; /* of a valid order */
    when_t created;
    struct addr created_from;
    when_t processing_since;       /* of the move to processing */
    const struct store_star *star; /* it renews itself; NULL: one certificate and no more */
};

enum rc store_order_add(struct store_txn *txn, const struct store_order *order);
enum rc store_order_get(struct store_txn *txn, struct arena *a, const struct id *id,
                        struct store_order *out);
/* Compare and set: exactly one of several that try gets RC_OK, the others RC_CONFLICT. */
enum rc store_order_move(struct store_txn *txn, const struct id *id, enum store_order_status from,
                         enum store_order_status to);
/* The same from ready to processing, noting since when: finalize's one winner. */
enum rc store_order_process(struct store_txn *txn, const struct id *id, when_t now);
/* The same from processing to valid with its certificate, which exists; RC_CONFLICT also for an
 * order that renews itself (store_star_finish). */
enum rc store_order_finish(struct store_txn *txn, const struct id *id,
                           const struct id *certificate);
/* The same from `from` to invalid with the problem document. */
enum rc store_order_fail(struct store_txn *txn, const struct id *id, enum store_order_status from,
                         struct str error);

/* The pending orders with a name under that authorization, the same; STORE_PAGE_MAX of them at a
 * time, whose ids are in the arena. */
enum rc store_order_fail_all(struct store_txn *txn, struct arena *a, const struct id *authorization,
                             struct str error, struct id **out, size_t *out_n);

struct store_order_filter {
    struct id account;       /* "": any */
    struct id authorization; /* of one of its names; "": any */
    unsigned statuses;       /* bits 1 << status; 0: all */
    when_t expires_before;   /* 0: no bound; exclusive */
    when_t expires_after;    /* 0: no bound; exclusive */
    unsigned limit;          /* 0: STORE_PAGE_MAX */
};
/* By time of creation, oldest first; complete with names. Made for one account or authorization:
 * without either, all orders are read. */
enum rc store_order_list(struct store_txn *txn, struct arena *a,
                         const struct store_order_filter *filter, struct store_cursor *at,
                         struct store_order **out, size_t *out_n);
/* The pending orders with a name under that authorization and none whose authorization is not valid
 * or has ended by `now`: those that it completes. STORE_PAGE_MAX of them at most. */
enum rc store_order_complete(struct store_txn *txn, struct arena *a, const struct id *authorization,
                             when_t now, struct id **out, size_t *out_n);
enum rc store_order_count(struct store_txn *txn, const struct store_order_filter *filter,
                          uint64_t *out);
/* The order that is not invalid, nor has expired by `now`, and replaces that certificate (RFC 9773
 * section 5: there may be one). */
enum rc store_order_replacing(struct store_txn *txn, struct arena *a, struct str replaces,
                              when_t now, struct store_order *out);
struct store_order_open_for {
    struct id account;
    struct str value; /* a name without "*.", or an address */
    when_t now;
};
/* Orders of the account that are pending or ready, have not expired, and have an authorization for
 * that: the newest first, a few of them. */
enum rc store_order_open_for(struct store_txn *txn, struct arena *a,
                             const struct store_order_open_for *what, struct store_order **out,
                             size_t *out_n);
/* Of the account's orders of since `from`, STORE_OPEN_LOOK newest at most: how many are pending or
 * ready and have not expired by `now`, and when the first of them does (0: there is none). */
enum rc store_order_open(struct store_txn *txn, const struct id *account, when_t from, when_t now,
                         uint64_t *out_n, when_t *out_first);

enum { STORE_WAITS_LOOK = 500, STORE_FAILED_LOOK = 500 };
/* How long it took from order to certificate, of the STORE_WAITS_LOOK certificates issued last
 * since `from` that are of orders; orders that renew themselves and staging are left out. `out` has
 * room for as many. */
enum rc store_order_waits(struct store_txn *txn, when_t from, when_t *out, size_t *out_n);
/* Of orders made since `from` that are invalid, the STORE_FAILED_LOOK newest, staging left out:
 * when they were made, and the problem document ("" when there is none). */
enum rc store_order_failures(struct store_txn *txn, when_t from,
                             void (*fn)(void *arg, when_t created, struct str error), void *arg);
