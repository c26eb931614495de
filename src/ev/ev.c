/* SPDX-License-Identifier: Apache-2.0 */
#include "ev/ev.h"

#include <assert.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

#include "base/fd.h"
#include "ev/clock.h"
#include "ev/heap_int.h"

/* Iterations that libuv may need to finish closing what has been freed. */
enum { CLOSE_TRIES = 100 };

struct ev {
    uv_loop_t loop;
    uv_async_t anchor; /* never fires: keeps the loop waiting when nothing else does */
    uv_timer_t sleeper;
    int64_t sleep_until; /* what the sleeper is set to; INT64_MAX: not running */
    struct clock *clock;
    struct ev_timer *timers;
    uint64_t seq;
    struct list defers;
    struct list hooks;
    bool stop;
};

/* The handle comes first in each, so that one function frees them all. */
struct ev_fd {
    uv_poll_t handle;
    ev_fd_cb cb;
    void *arg;
    unsigned watched; /* what the owner wants to hear of */
    unsigned
        armed; /* what libuv listens for: that, and what is no longer wanted but has not come */
};

struct ev_signal {
    uv_signal_t handle;
    ev_signal_cb cb;
    void *arg;
};

/* Not a uv_async_t, whose receiver burns microseconds to learn that the sender is through. */
struct ev_wake {
    uv_poll_t handle;
    int fd;
    ev_cb cb;
    void *arg;
};

/* libuv ends the process when it cannot grow its table of descriptors. One more try costs nothing,
 * and is what lets the unit tests fail each allocation in turn. */
static void *grow(void *p, size_t n)
{
    void *grown = mem_realloc(p, n);

    return grown ? grown : mem_realloc(p, n);
}

static enum rc from_uv(int rc)
{
    if (rc == 0)
        return RC_OK;
    return rc == UV_ENOMEM ? RC_NOMEM : RC_IO;
}

static void free_closed(uv_handle_t *handle)
{
    mem_free(handle);
}

static void ignore_async(uv_async_t *handle)
{
    (void)handle;
}

/* Up to libuv 1.44 uv_run looks at timers before it sleeps: one that is due by then would be gone,
 * and with nothing else to wait for the sleep would have no end. A loop that is to stop does not
 * sleep, and uv_run forgets that at its end. */
static void end_sleep(uv_timer_t *handle)
{
    uv_stop(handle->loop);
}

static void close_loop(struct ev *ev)
{
    int rc = uv_loop_close(&ev->loop);

    for (int i = 0; rc == UV_EBUSY && i < CLOSE_TRIES; i++) {
        uv_run(&ev->loop, UV_RUN_NOWAIT);
        rc = uv_loop_close(&ev->loop);
    }
    /* Otherwise somebody still holds an ev_fd, ev_signal or ev_wake of this loop. */
    assert(rc == 0);
}

enum rc ev_new(struct clock *clock, struct ev **out)
{
    static bool hooked;
    CLEANUP(mem_freep) struct ev *ev = MEM_NEW(struct ev);

    if (!ev)
        return RC_NOMEM;
    if (!hooked && uv_replace_allocator(mem_alloc, grow, mem_calloc, mem_free) != 0)
        return RC_INVAL;
    hooked = true;
    TRY(from_uv(uv_loop_init(&ev->loop)));
    ev->clock = clock;
    ev->sleep_until = INT64_MAX;
    list_init(&ev->defers);
    list_init(&ev->hooks);
    /* With the loop's own descriptors in place neither of these can fail. */
    if (uv_async_init(&ev->loop, &ev->anchor, ignore_async) != 0 ||
        uv_timer_init(&ev->loop, &ev->sleeper) != 0) {
        close_loop(ev);
        return RC_IO;
    }
    *out = MOVE(ev);
    return RC_OK;
}

void ev_free(struct ev *ev)
{
    if (!ev)
        return;
    uv_close((uv_handle_t *)&ev->anchor, NULL);
    uv_close((uv_handle_t *)&ev->sleeper, NULL);
    close_loop(ev);
    mem_free(ev);
}

struct clock *ev_clock(const struct ev *ev)
{
    return ev->clock;
}

/* False: none was due. */
static bool run_timers(struct ev *ev)
{
    int64_t now = clock_mono(ev->clock);
    uint64_t seq = ev->seq;
    bool ran = false;

    /* One that is started from here on waits for the next iteration, even with a delay of 0. */
    while (ev->timers && ev->timers->due <= now && ev->timers->seq <= seq) {
        struct ev_timer *t = ev->timers;

        ran = true;
        ev_heap_remove(&ev->timers, t);
        if (t->repeat > 0) {
            t->due = t->due + t->repeat > now ? t->due + t->repeat : now + t->repeat;
            t->seq = ++ev->seq;
            ev_heap_add(&ev->timers, t);
        }
        t->cb(t->arg);
    }
    return ran;
}

static void run_defers(struct ev *ev)
{
    struct list batch;

    list_init(&batch);
    list_splice(&batch, &ev->defers);
    while (!list_empty(&batch)) {
        struct ev_defer *d = LIST_ENTRY(list_pop(&batch), struct ev_defer, link);

        d->cb(d->arg);
    }
}

static void run_hooks(struct ev *ev)
{
    struct list batch;

    list_init(&batch);
    list_splice(&batch, &ev->hooks);
    while (!list_empty(&batch)) {
        struct ev_hook *h = LIST_ENTRY(list_pop(&batch), struct ev_hook, link);

        list_push(&ev->hooks, &h->link);
        h->cb(h->arg);
    }
}

/* Sets the sleeper for the first timer; leaves it alone when it is right already, as it mostly is.
 */
static void set_sleeper(struct ev *ev)
{
    int64_t now = clock_mono(ev->clock);
    int64_t left = INT64_MAX;

    if (ev->timers)
        left = clock_sleep(ev->clock, ev->timers->due > now ? ev->timers->due - now : 0);
    if (left == INT64_MAX) {
        uv_timer_stop(&ev->sleeper);
        ev->sleep_until = INT64_MAX;
        return;
    }
    if (uv_is_active((uv_handle_t *)&ev->sleeper) && ev->sleep_until == now + left)
        return;
    ev->sleep_until = now + left;
    uv_update_time(&ev->loop);
    /* Fails only without a callback. */
    (void)uv_timer_start(&ev->sleeper, end_sleep, (uint64_t)(left + 999) / 1000, 0);
}

/* False: nothing was called but hooks. */
static bool run_due(struct ev *ev)
{
    bool ran = run_timers(ev);

    ran = ran || !list_empty(&ev->defers);
    run_defers(ev);
    run_hooks(ev);
    return ran;
}

static void run_rest(struct ev *ev, bool wait)
{
    if (!wait || ev->stop || !list_empty(&ev->defers)) {
        uv_run(&ev->loop, UV_RUN_NOWAIT);
        return;
    }
    set_sleeper(ev);
    uv_run(&ev->loop, UV_RUN_ONCE);
}

void ev_run_once(struct ev *ev, enum ev_wait wait)
{
    bool ran = run_due(ev);

    run_rest(ev, wait == EV_WAIT && !ran);
}

void ev_run(struct ev *ev)
{
    while (!ev->stop) {
        run_due(ev);
        run_rest(ev, true);
    }
    ev->stop = false;
}

void ev_stop(struct ev *ev)
{
    ev->stop = true;
}

void ev_timer_init(struct ev_timer *t, struct ev *ev, ev_cb cb, void *arg)
{
    *t = (struct ev_timer){.ev = ev, .cb = cb, .arg = arg};
}

void ev_timer_start(struct ev_timer *t, int64_t delay, int64_t repeat)
{
    int64_t now = clock_mono(t->ev->clock);

    assert(delay >= 0 && repeat >= 0);
    ev_timer_stop(t);
    t->due = delay < INT64_MAX - now ? now + delay : INT64_MAX;
    t->repeat = repeat;
    t->seq = ++t->ev->seq;
    ev_heap_add(&t->ev->timers, t);
}

void ev_timer_stop(struct ev_timer *t)
{
    if (t->back)
        ev_heap_remove(&t->ev->timers, t);
}

static void on_poll(uv_poll_t *handle, int status, int events);

static void arm(struct ev_fd *f, unsigned events)
{
    int want = 0;

    if (events & EV_READ)
        want |= UV_READABLE;
    if (events & EV_WRITE)
        want |= UV_WRITABLE;
    f->armed = events;
    /* Both fail only on a handle that is being closed. */
    if (want)
        (void)uv_poll_start(&f->handle, want, on_poll);
    else
        (void)uv_poll_stop(&f->handle);
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct ev_fd *f = (struct ev_fd *)handle;
    unsigned got = 0;

    if (status < 0) {
        bool wanted = f->watched != 0;

        f->watched = 0;
        f->armed = 0;
        if (wanted)
            f->cb(f->arg, EV_READ | EV_WRITE);
        return;
    }
    if (events & UV_READABLE)
        got |= EV_READ;
    if (events & UV_WRITABLE)
        got |= EV_WRITE;
    if (got & ~f->watched) /* it has come now, and would come again and again */
        arm(f, f->watched);
    if (got & f->watched)
        f->cb(f->arg, got & f->watched);
}

enum rc ev_fd_new(struct ev *ev, int fd, ev_fd_cb cb, void *arg, struct ev_fd **out)
{
    CLEANUP(mem_freep) struct ev_fd *f = MEM_NEW(struct ev_fd);

    if (!f)
        return RC_NOMEM;
    TRY(from_uv(uv_poll_init(&ev->loop, &f->handle, fd)));
    f->cb = cb;
    f->arg = arg;
    *out = MOVE(f);
    return RC_OK;
}

void ev_fd_free(struct ev_fd *f)
{
    if (f)
        uv_close((uv_handle_t *)&f->handle, free_closed);
}

/* Each change costs system calls, and most who stop reading while they answer read again before
 * anything has come: so less is told to libuv only when it comes. */
void ev_fd_watch(struct ev_fd *f, unsigned events)
{
    f->watched = events;
    if (events & ~f->armed)
        arm(f, events);
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct ev_signal *s = (struct ev_signal *)handle;

    s->cb(s->arg, signum);
}

enum rc ev_signal_new(struct ev *ev, int signum, ev_signal_cb cb, void *arg, struct ev_signal **out)
{
    CLEANUP(mem_freep) struct ev_signal *s = MEM_NEW(struct ev_signal);
    enum rc rc;

    if (!s)
        return RC_NOMEM;
    TRY(from_uv(uv_signal_init(&ev->loop, &s->handle)));
    s->cb = cb;
    s->arg = arg;
    rc = from_uv(uv_signal_start(&s->handle, on_signal, signum));
    if (rc != RC_OK) {
        ev_signal_free(MOVE(s));
        return rc;
    }
    *out = MOVE(s);
    return RC_OK;
}

void ev_signal_free(struct ev_signal *s)
{
    if (s)
        uv_close((uv_handle_t *)&s->handle, free_closed);
}

static void on_wake(uv_poll_t *handle, int, int)
{
    struct ev_wake *w = (struct ev_wake *)handle;
    eventfd_t sent;

    (void)eventfd_read(w->fd, &sent); /* how often does not matter */
    w->cb(w->arg);
}

enum rc ev_wake_new(struct ev *ev, ev_cb cb, void *arg, struct ev_wake **out)
{
    CLEANUP(mem_freep) struct ev_wake *w = MEM_NEW(struct ev_wake);
    CLEANUP(fd_closep) int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (!w)
        return RC_NOMEM;
    if (fd < 0)
        return RC_IO;
    TRY(from_uv(uv_poll_init(&ev->loop, &w->handle, fd)));
    /* Fails only on a handle that is being closed. */
    (void)uv_poll_start(&w->handle, UV_READABLE, on_wake);
    w->fd = fd_move(&fd);
    w->cb = cb;
    w->arg = arg;
    *out = MOVE(w);
    return RC_OK;
}

void ev_wake_free(struct ev_wake *w)
{
    if (!w)
        return;
    uv_close((uv_handle_t *)&w->handle, free_closed);
    close(w->fd);
}

void ev_wake_send(struct ev_wake *w)
{
    /* Fails only when the counter is full, and then the loop is about to wake up. */
    (void)eventfd_write(w->fd, 1);
}

void ev_defer_init(struct ev_defer *d, ev_cb cb, void *arg)
{
    list_init(&d->link);
    d->cb = cb;
    d->arg = arg;
}

void ev_defer(struct ev *ev, struct ev_defer *d)
{
    if (list_empty(&d->link))
        list_push(&ev->defers, &d->link);
}

void ev_defer_cancel(struct ev_defer *d)
{
    list_remove(&d->link);
}

void ev_hook_init(struct ev_hook *h, ev_cb cb, void *arg)
{
    list_init(&h->link);
    h->cb = cb;
    h->arg = arg;
}

void ev_hook_add(struct ev *ev, struct ev_hook *h)
{
    list_remove(&h->link);
    list_push(&ev->hooks, &h->link);
}

void ev_hook_remove(struct ev_hook *h)
{
    list_remove(&h->link);
}
