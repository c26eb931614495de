/* SPDX-License-Identifier: Apache-2.0 */
/* Two roles, or one and the bare socket of the other, in one process with a clock that stands
 * still. */
#pragma once

#include "check.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "ipc/chan.h"
#include "ipc/frame.h"
#include "log/log.h"

enum { WORLD_REQS = 400, PUMP_ROUNDS = 60 };

/* What one end has seen. */
struct side {
    struct ipc_chan *ch;
    int closes;
    enum rc why;
    char text[512];
    struct ipc_req *req[WORLD_REQS]; /* held, not yet answered */
    size_t n_req;
    size_t n_requests;
    int cancels;
    int notes;
    int fd; /* that came last */
    bool free_in_handler;
    bool answer_at_once;
    struct ipc_handler handlers[8];
    size_t n_handlers;
};

struct world {
    struct clock_fake clock;
    struct ev *ev;
    struct side a, b;
    int raw; /* instead of b */
};

/* What came of one call. */
struct got {
    int last; /* how many last answers: 1, in the end */
    int chunks;
    size_t bytes;
    enum rc rc;
    char text[512];
    char body[64];
    const char *type;
    int status;
    struct ipc_chan **free_me;
    struct ipc_call *pause;
};

[[maybe_unused]] static void on_close(void *arg, enum rc why, const struct err *err)
{
    struct side *s = arg;

    s->closes++;
    s->why = why;
    err_textz(err, s->text, sizeof(s->text));
}

[[maybe_unused]] static void on_cancel(void *arg)
{
    struct side *s = arg;

    s->cancels++;
}

[[maybe_unused]] static void on_answer(void *arg, const struct ipc_answer *a)
{
    struct got *got = arg;

    if (a->rc == RC_AGAIN) {
        got->chunks++;
        got->bytes += a->chunk.n;
        if (got->pause)
            ipc_call_pause(got->pause);
        return;
    }
    got->last++;
    got->rc = a->rc;
    if (a->err) {
        err_textz(a->err, got->text, sizeof(got->text));
        got->type = a->err->type;
        got->status = a->err->status;
    }
    if (got->free_me)
        ipc_chan_free(MOVE(*got->free_me));
}

/* Keeps the request, or answers it with nothing in it. */
[[maybe_unused]] static void on_request(void *arg, struct ipc_req *req, const void *msg, int fd)
{
    static const char empty[64]; /* any reply struct without content */
    struct side *s = arg;

    (void)msg;
    (void)fd;
    s->n_requests++;
    ipc_req_on_cancel(req, on_cancel, s);
    if (s->answer_at_once)
        IGNORE_RC(ipc_reply(req, empty));
    else if (s->n_req < WORLD_REQS)
        s->req[s->n_req++] = req;
    if (s->free_in_handler)
        ipc_chan_free(MOVE(s->ch));
}

[[maybe_unused]] static void on_note(void *arg, struct ipc_req *req, const void *msg, int fd)
{
    struct side *s = arg;

    (void)req;
    (void)msg;
    s->notes++;
    fd_close(&s->fd);
    s->fd = fd;
    if (s->free_in_handler)
        ipc_chan_free(MOVE(s->ch));
}

[[maybe_unused]] static void handle(struct side *s, enum ipc_type type, ipc_handler_fn fn)
{
    s->handlers[s->n_handlers++] = (struct ipc_handler){type, fn};
}

[[maybe_unused]] static enum rc open_side(struct world *w, struct side *s, enum role self,
                                          enum role peer, int fd)
{
    const struct ipc_chan_conf conf = {.self = self,
                                       .peer = peer,
                                       .handlers = s->handlers,
                                       .n_handlers = s->n_handlers,
                                       .on_close = on_close,
                                       .arg = s};

    return ipc_chan_new(w->ev, fd, &conf, &s->ch);
}

/* Handlers must be set before. Both ends, or with `raw` the first only. */
[[maybe_unused]] static enum rc world_open(struct world *w, enum role a, enum role b, bool raw)
{
    int fds[2];
    enum rc rc;

    log_request(NULL);
    TRY(ev_new(&w->clock.clock, &w->ev));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
        return RC_IO;
    rc = open_side(w, &w->a, a, b, fds[0]);
    if (rc == RC_OK && !raw)
        return open_side(w, &w->b, b, a, fds[1]);
    w->raw = fds[1];
    return rc;
}

[[maybe_unused]] static void side_done(struct side *s)
{
    while (s->n_req)
        ipc_req_drop(s->req[--s->n_req]);
    ipc_chan_free(MOVE(s->ch));
    fd_close(&s->fd);
}

[[maybe_unused]] static void world_done(struct world *w)
{
    side_done(&w->a);
    side_done(&w->b);
    fd_close(&w->raw);
    ev_free(w->ev);
}

/* What a callback writes to is declared before it: the end of the world calls back, too. */
#define WITH_WORLD                                                                                 \
    CLEANUP(world_done) struct world w = {.raw = -1, .a = {.fd = -1}, .b = {.fd = -1}};            \
    clock_fake_init(&w.clock, WHEN_DAY)

/* Until everything that was under way has arrived. */
[[maybe_unused]] static void pump(struct world *w)
{
    for (int i = 0; i < PUMP_ROUNDS; i++)
        ev_run_once(w->ev, EV_NOWAIT);
}
