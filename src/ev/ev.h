/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop of one process: timers, descriptors, signals, wake-ups from other threads,
 * deferred calls, hooks. Wraps libuv, which only this folder and net/ include; that uv_close is
 * asynchronous is hidden: every _free, _stop and _cancel takes effect at once, no callback comes
 * after it, and all of them are allowed inside any callback. One thread per loop; ev_wake_send is
 * the exception. Time is that of the loop's clock, so a fake clock moves timers. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/rc.h"

struct clock;
struct ev;
struct ev_fd;
struct ev_signal;
struct ev_wake;

typedef void (*ev_cb)(void *arg);

/* The clock stays the caller's and must outlive the loop. RC_NOMEM, RC_IO. */
enum rc ev_new(struct clock *clock, struct ev **out);
/* Every object of the loop must be freed, stopped or removed before. */
void ev_free(struct ev *ev);
DEFINE_FREEP(ev_free, struct ev)

struct clock *ev_clock(const struct ev *ev);
/* Runs until ev_stop; an ev_stop before it counts, once. */
void ev_run(struct ev *ev);
void ev_stop(struct ev *ev);

enum ev_wait { EV_NOWAIT, EV_WAIT };
/* One iteration: due timers, deferred calls, hooks, then descriptors, signals and wake-ups, for
 * which EV_WAIT sleeps, unless a timer or deferred call ran before: it may be what the caller waits
 * for. */
void ev_run_once(struct ev *ev, enum ev_wait wait);

/* A timer, embedded in its owner: nothing is allocated and starting cannot fail. */
struct ev_timer {
    struct ev *ev;
    ev_cb cb;
    void *arg;
    int64_t due; /* monotonic */
    int64_t repeat;
    uint64_t seq;                          /* of its start: equal due times come in this order */
    struct ev_timer *child, *next, **back; /* pairing heap; back is NULL when it is not running */
};

void ev_timer_init(struct ev_timer *t, struct ev *ev, ev_cb cb, void *arg);
/* Calls back once after `delay` microseconds, then every `repeat` if that is not 0. A running timer
 * starts afresh. Never calls back from inside this function, even with a delay of 0. */
void ev_timer_start(struct ev_timer *t, int64_t delay, int64_t repeat);
/* Allowed on a timer that does not run; needed before its memory goes away. */
void ev_timer_stop(struct ev_timer *t);
static inline bool ev_timer_running(const struct ev_timer *t)
{
    return t->back != NULL;
}

/* A descriptor's readiness, level triggered. */
enum { EV_READ = 1, EV_WRITE = 2 };
/* On an error of the descriptor both bits are set, whatever was asked for, and watching has
 * stopped. */
typedef void (*ev_fd_cb)(void *arg, unsigned events);

/* Borrows `fd`, which becomes non-blocking, and watches nothing yet. One ev_fd per descriptor.
 * RC_NOMEM, RC_IO (a descriptor that cannot be waited for, such as a regular file). */
enum rc ev_fd_new(struct ev *ev, int fd, ev_fd_cb cb, void *arg, struct ev_fd **out);
/* Close the descriptor after this, not before. */
void ev_fd_free(struct ev_fd *f);
DEFINE_FREEP(ev_fd_free, struct ev_fd)
/* Watches for these events and no others; 0 stops. */
void ev_fd_watch(struct ev_fd *f, unsigned events);

typedef void (*ev_signal_cb)(void *arg, int signum);
enum rc ev_signal_new(struct ev *ev, int signum, ev_signal_cb cb, void *arg,
                      struct ev_signal **out);
void ev_signal_free(struct ev_signal *s);
DEFINE_FREEP(ev_signal_free, struct ev_signal)

/* A wake-up for the loop from another thread; several sends may become one call. */
enum rc ev_wake_new(struct ev *ev, ev_cb cb, void *arg, struct ev_wake **out);
void ev_wake_free(struct ev_wake *w);
DEFINE_FREEP(ev_wake_free, struct ev_wake)
/* From any thread, as long as ev_wake_free has not been called. */
void ev_wake_send(struct ev_wake *w);

/* A call in the next iteration, embedded in its owner; the way out of deep or reentrant callbacks.
 */
struct ev_defer {
    struct list link;
    ev_cb cb;
    void *arg;
};

void ev_defer_init(struct ev_defer *d, ev_cb cb, void *arg);
/* Calls back once, soon, never from inside this function. No effect when it is waiting already. */
void ev_defer(struct ev *ev, struct ev_defer *d);
/* Needed before its memory goes away. */
void ev_defer_cancel(struct ev_defer *d);

/* Called each time the loop has handled what there was and is about to wait: the place to act on a
 * gathered batch. */
struct ev_hook {
    struct list link;
    ev_cb cb;
    void *arg;
};

void ev_hook_init(struct ev_hook *h, ev_cb cb, void *arg);
void ev_hook_add(struct ev *ev, struct ev_hook *h);
void ev_hook_remove(struct ev_hook *h);
