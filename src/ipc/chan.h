/* SPDX-License-Identifier: Apache-2.0 */
/* A channel between two roles over a connected stream socket. Both ends ask, answer and notify
 * within ipc/table; each treats the other as hostile. Nothing here assumes one host, except passing
 * descriptors, which only the supervisor does, and the keeper with memory that it shares.
 *
 * Promises: every ipc_call that returned RC_OK gets exactly one last callback, never from inside
 * ipc_call. Callbacks never come after ipc_chan_free. A call that timed out or was cancelled keeps
 * its credit until the peer has answered it. While a handler or callback runs, log_request is the
 * request's id; calls made meanwhile carry it on. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/mem.h"
#include "ipc/messages.h"
#include "ipc/role.h"

struct ev;
struct ipc_chan;
struct ipc_call;
struct ipc_req;

enum {
    IPC_QUEUE_MAX = 8 << 20,   /* bytes not yet written that refuse new calls and notifications */
    IPC_QUEUE_HARD = 64 << 20, /* bytes not yet written that close the channel */
    IPC_STALL_SECONDS = 30,    /* a peer that reads nothing for so long is gone */
    IPC_WINDOW = 256 << 10,    /* bytes of a stream that may be under way */
};

/* Takes a request or notification. `msg` is the decoded struct of its type; it and all it points to
 * live as long as `req`, which the handler now owns and must answer, sooner or later, with
 * ipc_reply, ipc_reply_err or ipc_req_drop. A notification has no `req`, and `msg` lives until the
 * handler returns. `fd` is -1 unless the table says otherwise, and the handler's to close. */
typedef void (*ipc_handler_fn)(void *arg, struct ipc_req *req, const void *msg, int fd);

struct ipc_handler {
    enum ipc_type type;
    ipc_handler_fn fn;
};

struct ipc_chan_conf {
    enum role self;
    enum role peer;
    const struct ipc_handler
        *handlers; /* kept, not copied; requests without one are answered RC_UNSUPPORTED */
    size_t n_handlers;
    /* Called once when the channel has ended by itself: RC_CLOSED (the peer went away), RC_VERSION,
     * RC_QUOTA (it does not read), or what it did wrong (RC_PARSE, RC_TOOBIG, RC_DENIED); `err`
     * says it in words. All calls have had their callback by then. Usually frees the channel. */
    void (*on_close)(void *arg, enum rc why, const struct err *err);
    void *arg;       /* of all handlers */
    void *close_arg; /* of on_close; NULL: arg */
};

/* Takes over `fd`, also on failure. RC_NOMEM, RC_IO. */
enum rc ipc_chan_new(struct ev *ev, int fd, const struct ipc_chan_conf *conf,
                     struct ipc_chan **out);
/* Pending calls get RC_CLOSED before this returns; unanswered requests are orphaned: their
 * on_cancel comes, their answers go nowhere. Bytes still queued are tried once. */
void ipc_chan_free(struct ipc_chan *ch);
DEFINE_FREEP(ipc_chan_free, struct ipc_chan)
enum role ipc_chan_peer(const struct ipc_chan *ch);
/* True when nothing waits to be written and no call or request is open: a good moment to end. */
bool ipc_chan_idle(const struct ipc_chan *ch);

/* ---- asking */

struct ipc_answer {
    enum rc rc;       /* RC_OK: the reply; RC_AGAIN: a chunk, more comes; else why there is none */
    const void *msg;  /* RC_OK: the decoded reply, borrowed for the callback */
    struct str chunk; /* RC_AGAIN */
    const struct err
        *err; /* not NULL when rc is neither: the peer's error with all its parts, or ours */
};

/* The last one has an rc other than RC_AGAIN. */
typedef void (*ipc_answer_fn)(void *arg, const struct ipc_answer *answer);

struct ipc_ask {
    enum ipc_type type;
    const void *msg;        /* the type's request struct */
    int64_t timeout;        /* microseconds; 0: none */
    const struct id *about; /* request id; NULL: log_request_current() */
    ipc_answer_fn fn;
    void *arg;
};

/* Sends a request. *out (NULL allowed) is valid until the last callback. RC_QUOTA when credits or
 * queue are used up: nothing was sent, later may work (answer 503 with Retry-After). RC_CLOSED;
 * RC_TOOBIG, RC_INVAL (the message breaks its table); RC_DENIED (no such rule); RC_NOMEM. */
enum rc ipc_call(struct ipc_chan *ch, const struct ipc_ask *ask, struct ipc_call **out);
/* Gives up: the callback comes with RC_CANCELLED before this returns, and the peer is told. */
void ipc_cancel(struct ipc_call *call);
/* Holds back or resumes the peer's stream: chunks that are already under way, at most IPC_WINDOW
 * bytes, still come. */
void ipc_call_pause(struct ipc_call *call);
void ipc_call_resume(struct ipc_call *call);

/* Sends a notification; `fd` (-1: none) must be given exactly where the table says so and stays the
 * caller's. Errors as ipc_call. */
enum rc ipc_notify(struct ipc_chan *ch, enum ipc_type type, const void *msg, int fd);

/* ---- answering */

/* Each of these four ends the request; `req` is gone afterwards, also on failure. */
/* `msg` is the type's reply struct. On failure (RC_TOOBIG, RC_INVAL, RC_NOMEM) the asker gets that
 * as an error. */
enum rc ipc_reply(struct ipc_req *req, const void *msg);
/* The asker gets rc, message, arguments, problem type and status of `err`. */
void ipc_reply_err(struct ipc_req *req, const struct err *err);
/* What came of something that is answered without words: ipc_reply with no message for RC_OK, which
 * takes a rule whose reply has none; otherwise `rc` as the error, with what `why` (NULL allowed)
 * says besides. A reply that cannot be sent is the asker's error, too, and nobody else's. */
void ipc_reply_rc(struct ipc_req *req, enum rc rc, const struct err *why);
/* The asker gets RC_CANCELLED. NULL is allowed. */
void ipc_req_drop(struct ipc_req *req);

/* Sends a piece of a long answer, at most IPC_CHUNK_MAX bytes. RC_AGAIN when the window is full:
 * nothing was sent, on_room will come. RC_CANCELLED when nobody waits any more; RC_TOOBIG, also
 * past the max_stream of the rule; RC_DENIED when the rule has no stream; RC_NOMEM. The request
 * stays. */
enum rc ipc_stream_write(struct ipc_req *req, struct str chunk);

/* Told once when the asker gives up (by itself or at its deadline) or the channel ends; the request
 * must still be ended, there or later. Set it in the handler. */
void ipc_req_on_cancel(struct ipc_req *req, void (*fn)(void *arg), void *arg);
/* Told when the stream has room again after RC_AGAIN. */
void ipc_req_on_room(struct ipc_req *req, void (*fn)(void *arg), void *arg);
bool ipc_req_cancelled(const struct ipc_req *req);
enum ipc_type ipc_req_type(const struct ipc_req *req);
/* For logs; NULL when the asker gave none. */
const struct id *ipc_req_id(const struct ipc_req *req);
/* clock_mono at which the asker stops waiting; INT64_MAX: never. */
int64_t ipc_req_deadline(const struct ipc_req *req);
/* Something of the handler's that is found again by whoever ends the request; NULL at first. */
void ipc_req_keep(struct ipc_req *req, void *with);
void *ipc_req_kept(const struct ipc_req *req);
/* Memory that lives as long as the request; IPC_REQ_ARENA bytes at most. */
struct arena *ipc_req_arena(struct ipc_req *req);
enum { IPC_REQ_ARENA = 8 << 20 };
