/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: one event per state change, appended in the transaction of that change, so that
 * neither is there without the other. Runs in core, inside the store's write jobs.
 *
 * The canonical form of an event, which is stored, hashed and exported, and never changes once
 * written, is one JSON object in the form of RFC 8785 with integers only, and has always all of:
 *
 *     action, actor {id, kind}, address, at, boot, detail, node, object {id, kind}, prev, reason,
 *     request, sequence, v
 *
 * `at` is microseconds since 1970 UTC, `address` RFC 5952 text, `v` 1. What does not apply is null.
 * `prev` is null, or, once events are chained, the SHA-256 of the previous event's canonical form
 * as 64 hexadecimal digits. */
#pragma once

#include "store/types.h"

enum {
    AUDIT_VERSION = 1,
    AUDIT_DETAIL_MAX = 32 * 1024,
    AUDIT_EVENT_MAX = 64 * 1024, /* canonical form */
};

enum audit_actor { AUDIT_SYSTEM, AUDIT_ACCOUNT, AUDIT_OPERATOR };

struct audit_event {
    when_t at;
    enum audit_actor actor_kind;
    struct str actor;        /* account id, operator's name; empty for the system */
    const char *action;      /* "order.created": object, dot, past participle; lower case, digits,
                                hyphens, one dot */
    const char *object_kind; /* "order", "account" ... */
    struct str object;       /* id */
    struct str request;      /* request id; empty: none */
    struct addr address;     /* of the requester; n == 0: none */
    struct str reason;       /* a person's words; empty: none */
    struct str detail;       /* a JSON object, made canonical here; empty: none */
};

/* Appends it with the next sequence number, this node and its boot epoch. RC_PARSE or RC_INVAL when
 * `detail` is no JSON object, or holds a number that is not an integer, or an empty action;
 * RC_TOOBIG. `out_sequence` may be NULL. */
enum rc audit_append(struct store_txn *txn, const struct audit_event *event,
                     uint64_t *out_sequence);

struct store_node;
/* The canonical form alone; appends to `out`. */
enum rc audit_encode(const struct audit_event *event, const struct store_node *node,
                     uint64_t sequence, struct buf *out);
