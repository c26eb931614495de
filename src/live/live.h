/* SPDX-License-Identifier: Apache-2.0 */
/* That something has changed, told to pages that are open: a stream of server-sent events (WHATWG
 * HTML, section 9.2), whose events are the records of the audit log and whose ids are their
 * numbers, so that a stream goes on where it was after any break, a new core's included.
 *
 * A stream is one request after the other, each with the id of the last event. It is held until
 * there is something newer, or for LIVE_HOLD_SECONDS, and then answered whole: so nobody who reads
 * slowly makes anything grow, and whether its user may still see is judged each time anew. What is
 * told is which kinds of objects have changed, never which or how.
 *
 * Runs in core; looks at the database once in LIVE_LOOK while somebody waits. */
#pragma once

#include "base/err.h"
#include "ipc/messages.h"

struct ev;
struct ipc_req;
struct live;
struct store;
struct store_txn;

enum {
    LIVE_WAIT_MAX = 64,        /* requests that are held at a time; more get RC_QUOTA */
    LIVE_WAIT_CLIENT_MAX = 16, /* the same of one address */
    LIVE_HOLD_SECONDS = 20,    /* less than front waits for core */
    LIVE_RETRY_MS = 2000,      /* after which a client asks again */
    LIVE_EVENTS_MAX = 200,     /* records that are looked at for an event; past them "*" */
    LIVE_KINDS_MAX = 24,       /* that are told; past them "*" */
    LIVE_TEXT_MAX = 4096,
};
#define LIVE_LOOK WHEN_SECOND

struct live_options {
    struct ev *ev;
    struct store *store;
    /* Whether who asks may still see; asked before each answer. */
    enum rc (*may)(void *arg, const struct ipc_http *msg, struct err *err);
    /* Ends the request with that error. */
    void (*refuse)(struct ipc_req *req, const struct err *err);
    void *arg;
};

enum rc live_new(const struct live_options *options, struct live **out);
/* Ends `req`, now or later: at once where there is something newer than the header Last-Event-ID
 * says, or where there is no such header, which begins a stream. `msg` is the request's own. */
void live_wait(struct live *l, struct ipc_req *req, const struct ipc_http *msg);
/* Answers all who wait, and holds nobody any more. NULL is allowed. */
void live_stop(struct live *l);
/* When no request is left. */
void live_free(struct live *l);

struct live_place {
    uint64_t after; /* the last record that the client knows */
    bool began;     /* false: it has no id yet, and is told one and nothing else */
};
/* The text of a stream from there to what the log has now. *out_new: there was something. */
enum rc live_text(struct store_txn *txn, const struct live_place *at, struct buf *out,
                  bool *out_new);
/* Of the header Last-Event-ID. What is no number that we gave has not begun. */
struct live_place live_place_of(const struct ipc_http *msg);
