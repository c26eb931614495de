/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a channel: chan.c (life, reading, dispatch), queue.c (writing), call.c (asking),
 * req.c (answering). */
#pragma once

#include "base/list.h"
#include "ev/ev.h"
#include "ipc/chan.h"
#include "ipc/frame.h"
#include "ipc/table.h"

enum { IPC_BUCKETS = 64 };

struct ipc_chan {
    struct ev *ev;
    int fd;
    struct ipc_chan_conf conf;
    struct ev_fd *watch;
    struct ipc_parser parser;
    const char *complaint; /* why the frame just refused was refused */
    bool takes_fd;
    int came_fd; /* a descriptor whose frame is not complete yet */

    struct list out; /* struct outgoing */
    size_t queued;
    struct ev_defer flush;
    struct ev_timer stall;

    struct list calls[IPC_BUCKETS]; /* by call id: ours, until the peer has answered */
    struct list reqs[IPC_BUCKETS];  /* and the peer's, until we have */
    size_t n_calls, n_reqs;
    uint64_t last_call; /* the latest id that we gave */
    uint64_t last_req;  /* and that the peer gave */
    uint16_t out_flight[IPC_TYPE_END], in_flight[IPC_TYPE_END];
    bool out_once[IPC_TYPE_END], in_once[IPC_TYPE_END];

    bool closed; /* no more bytes in either direction */
    bool freed;
    unsigned busy; /* callbacks under way, during which the memory stays */
    struct ev_defer closing;
    struct err why;
};

/* Around everything that may call back: the channel's memory outlives the pair, whatever the
 * callback does. */
void ipc_chan_enter(struct ipc_chan *ch);
void ipc_chan_leave(struct ipc_chan *ch);
/* Ends the channel; tells its owner later, from the loop. The first reason counts. */
void ipc_chan_fail(struct ipc_chan *ch, const struct err *err);
/* Refuses the frame that is being looked at: remembers why, returns RC_DENIED. */
enum rc ipc_chan_refuse(struct ipc_chan *ch, const char *complaint);
/* The peer broke the rules: fails the channel, naming what the current frame is and `complaint`. */
void ipc_chan_violation(struct ipc_chan *ch, enum rc rc, const char *complaint);
static inline struct list *ipc_bucket(struct list *table, uint64_t id)
{
    return &table[id % IPC_BUCKETS];
}

/* queue.c. Takes over the content of `frame` (which is empty afterwards, also on failure) and `fd`
 * when not -1. When all of it is written or thrown away, in_flight[*credit_of] goes down (NULL:
 * none). RC_CLOSED, RC_NOMEM, or the buffer's own failure. */
enum rc ipc_queue(struct ipc_chan *ch, struct buf *frame, int fd, const struct ipc_rule *credit_of);
/* A frame without payload struct: `payload` as it is. */
enum rc ipc_queue_raw(struct ipc_chan *ch, const struct ipc_header *h, struct str payload);
/* Writes what the socket takes. */
void ipc_queue_flush(struct ipc_chan *ch);
void ipc_queue_clear(struct ipc_chan *ch);
/* The peer does not read: ends the channel. */
void ipc_queue_stalled(struct ipc_chan *ch);
/* Failures to queue what the protocol needs leave the two sides apart: the channel ends. */
void ipc_queue_must(struct ipc_chan *ch, enum rc rc);

/* call.c. May this answer, error or chunk come, and how long may it be? */
enum rc ipc_call_admit(struct ipc_chan *ch, const struct ipc_header *h, uint32_t *out_max);
void ipc_call_frame(struct ipc_chan *ch, const struct ipc_header *h, struct str payload);
/* RC_CLOSED to all. */
void ipc_calls_end(struct ipc_chan *ch);

/* req.c, likewise for requests, notifications, cancels and credits. */
enum rc ipc_req_admit(struct ipc_chan *ch, const struct ipc_header *h, uint32_t *out_max);
/* The payload is moved out of `payload` when it is needed longer; `fd` is taken over. */
void ipc_req_frame(struct ipc_chan *ch, const struct ipc_header *h, struct buf *payload, int fd);
void ipc_reqs_end(struct ipc_chan *ch);

/* log_request for the time of a callback: ipc_about(id, &saved), the callback, ipc_about(&saved,
 * NULL). */
void ipc_about(const struct id *id, struct id *saved);
