/* SPDX-License-Identifier: Apache-2.0 */
/* How one process ends: asked, with time for what it has, and made to. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "ev/clock.h"
#include "ipc/messages.h"
#include "log/log.h"
#include "serve/serve_int.h"

/* Those that talk to clients may have what takes a while, unless all of it ends. */
static int64_t drain_time(const struct serve_proc *p)
{
    const struct serve *sup = p->slot->sup;

    if (sup->leaving && !p->left)
        return SERVE_DRAIN_TIMEOUT;
    return (p->slot->def->role == ROLE_GATEWAY || p->alone || p->leaves) && !sup->stopping
               ? sup->conf->gateway.drain
               : SERVE_DRAIN_TIMEOUT;
}

void serve_proc_limit(struct serve_proc *p, int64_t delay)
{
    ev_timer_start(&p->limit, delay, 0);
}

void serve_proc_kill(struct serve_proc *p)
{
    int signum = p->signals++ == 0 ? SIGTERM : SIGKILL;

    /* The pid cannot have become another process's: it is ours until serve_procs_reap has waited
     * for it. */
    if (kill(p->pid, signum) != 0)
        log_error("serve.role-not-killed", LOG_Z("role", role_name(p->slot->def->role)),
                  LOG_INT("pid", p->pid), LOG_TEXT(strerrordesc_np(errno)));
    serve_proc_limit(p, SERVE_KILL_AFTER);
}

void serve_proc_on_limit(void *arg)
{
    struct serve_proc *p = arg;
    struct serve *sup = p->slot->sup;

    if (sup->leaving && p->left && !p->leaves) {
        p->leaves = true; /* front: its slow clients have the rest of the time without it */
        serve_proc_limit(p, drain_time(p));
        serve_sup_proc_ended(sup);
        return;
    }
    if (p->signals == 0 && p->state == PROC_STARTING)
        log_error("serve.role-not-ready", LOG_Z("role", role_name(p->slot->def->role)),
                  LOG_INT("pid", p->pid), LOG_TEXT("it did not become ready in time and is ended"));
    else if (p->signals == 0 && p->state == PROC_DRAINING && (p->chan || p->alone))
        log_warn("serve.drain-cut", LOG_Z("role", role_name(p->slot->def->role)),
                 LOG_INT("pid", p->pid),
                 LOG_TEXT("it did not finish its work in time and is ended"));
    serve_proc_kill(p);
}

static void ignore_answer(void *, const struct ipc_answer *)
{
}

void serve_proc_told(struct serve_proc *p, int64_t until)
{
    int64_t left = until - clock_mono(p->slot->sup->clock);

    p->told = true;
    serve_proc_limit(p, left > 0 ? left : 0);
}

/* It has no channel, and speaks another version perhaps: a signal is understood by all. */
static void tell_to_end(struct serve_proc *p)
{
    if (p->told)
        return;
    if (kill(p->pid, SIGTERM) != 0)
        log_error("serve.role-not-killed", LOG_Z("role", role_name(p->slot->def->role)),
                  LOG_INT("pid", p->pid), LOG_TEXT(strerrordesc_np(errno)));
    serve_proc_told(p, clock_mono(p->slot->sup->clock) + drain_time(p));
}

/* Of many, the first has had the longest time. */
static void make_room(const struct serve *sup)
{
    struct serve_proc *first = NULL;
    size_t n = 0;

    LIST_FOREACH (it, &sup->procs) {
        struct serve_proc *p = serve_proc_at(it);

        if (p->slot->def->role != ROLE_GATEWAY || p->state != PROC_DRAINING || !p->chan ||
            p->signals > 0)
            continue;
        if (n++ == 0)
            first = p;
    }
    if (n > SERVE_DRAINING_MAX && first)
        serve_proc_on_limit(first);
}

void serve_proc_drain(struct serve_proc *p)
{
    const struct ipc_drain m = {(uint32_t)(drain_time(p) / (WHEN_SECOND / 1000))};
    const struct ipc_ask ask = {.type = IPC_DRAIN, .msg = &m, .fn = ignore_answer};

    if (p->alone) {
        tell_to_end(p);
        return;
    }
    if (p->state == PROC_DRAINING)
        return;
    p->state = PROC_DRAINING;
    p->expected = true;
    ev_timer_stop(&p->ping);
    if (p->signals > 0)
        return; /* its end is under way already, and has its limit */
    if (!p->chan || ipc_call(p->chan, &ask, NULL) != RC_OK)
        serve_proc_kill(p);
    else
        serve_proc_limit(p, drain_time(p));
    make_room(p->slot->sup);
}
