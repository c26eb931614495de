/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the audit log: canonical bytes, which audit/ makes and nothing changes, with what
 * they are searched by beside them. Appended in the transaction of the change they tell of, by
 * audit_append only. */
#pragma once

#include "store/types.h"

struct store_event {
    uint64_t sequence; /* 1, 2, 3 ... without holes */
    when_t at;
    struct str action; /* "order.created" */
    struct str actor_kind;
    struct str actor;
    struct str object_kind;
    struct str object;
    struct str request; /* request id */
    struct str bytes;   /* canonical form */
};

/* The sequence number of the newest event; 0 when there is none. */
enum rc store_event_last(struct store_txn *txn, uint64_t *out);
/* RC_CONFLICT unless `sequence` is the last one's plus one. */
enum rc store_event_add(struct store_txn *txn, const struct store_event *event);

/* The canonical forms alone, from record `first` on, `n` of them, in order: `fn` gets each with its
 * sequence number, borrowed for the call. RC_NOTFOUND when there are fewer; otherwise what `fn`
 * returns first that is not RC_OK. That there are no holes is for `fn` to see. */
enum rc store_event_each(struct store_txn *txn, uint64_t first, uint64_t n,
                         enum rc (*fn)(void *arg, uint64_t sequence, struct str bytes), void *arg);

struct store_event_filter {
    uint64_t after;    /* sequence; 0: from the first */
    uint64_t below;    /* sequence; 0: to the last */
    bool newest;       /* first */
    struct str action; /* this one, or all below it when it ends in a dot: "order." */
    struct str actor;  /* id; nothing but the sequence is indexed */
    struct str object; /* id */
    struct str request;
    when_t from;    /* inclusive; 0: no bound */
    when_t before;  /* exclusive; 0: no bound */
    unsigned limit; /* 0: STORE_PAGE_MAX */
};
/* By sequence; go on with `after`, or `below` from the newest, set to the last one's. Fewer than
 * the limit: there are no more.
 */
enum rc store_event_list(struct store_txn *txn, struct arena *a,
                         const struct store_event_filter *filter, struct store_event **out,
                         size_t *out_n);
