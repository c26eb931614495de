/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of all processes that front has no channel to, for core, which asks on front's
 * behalf. Only carried: nothing of them is read here. One round at a time; who asks meanwhile gets
 * the same answer. */
#include "serve/serve_int.h"

#include "ipc/messages.h"
#include "log/log.h"

static void answer(struct serve_gather *g)
{
    struct ipc_gathered m;

    m.processes.v = g->v;
    m.processes.n = g->n;
    for (size_t i = 0; i < g->n_reqs; i++)
        IGNORE_RC(ipc_reply(g->reqs[i], &m)); /* the asker is told of a failure in its place */
    arena_done(&g->arena);
    *g = (struct serve_gather){};
}

static void one_less(struct serve_gather *g)
{
    if (--g->waiting == 0)
        answer(g);
}

static void keep(struct serve_gather *g, const struct serve_proc *p, struct str snapshot)
{
    struct ipc_measured *m = &g->v[g->n];

    if (g->n == SERVE_SLOTS_MAX || snapshot.n > IPC_GATHERED_BYTES - g->bytes ||
        arena_str(&g->arena, snapshot, &m->snapshot) != RC_OK) {
        log_warn("serve.numbers-left-out", LOG_Z("role", role_name(p->slot->def->role)),
                 LOG_INT("pid", p->pid),
                 LOG_TEXT("there is no room for its numbers beside those of the others: they are "
                          "missing at /metrics"));
        return;
    }
    m->role = (uint8_t)p->slot->def->role;
    m->number = (uint8_t)p->slot->number;
    g->bytes += snapshot.n;
    g->n++;
}

/* One that says nothing is left out: the others' numbers are not to wait for it. */
static void on_measured(void *arg, const struct ipc_answer *a)
{
    struct serve_proc *p = arg;
    struct serve_gather *g = &p->slot->sup->gather;

    if (a->rc == RC_OK) {
        const struct ipc_metrics *m = a->msg;

        keep(g, p, m->snapshot);
    }
    one_less(g);
}

static bool is_asked(const struct serve_proc *p)
{
    enum role role = p->slot->def->role;

    return p->chan && p->state != PROC_STARTING && role != ROLE_FRONT && role != ROLE_CORE;
}

void serve_gather_begin(struct serve *sup, struct ipc_req *req)
{
    struct serve_gather *g = &sup->gather;

    if (g->n_reqs == SERVE_GATHER_ASKERS) { /* more than one core has credits for */
        ipc_req_drop(req);
        return;
    }
    g->reqs[g->n_reqs++] = req;
    if (g->n_reqs > 1)
        return;
    arena_init(&g->arena, 2 * IPC_GATHERED_BYTES);
    g->waiting = 1; /* this loop */
    LIST_FOREACH (it, &sup->procs) {
        struct serve_proc *p = serve_proc_at(it);
        const struct ipc_ask ask = {
            .type = IPC_MEASURE, .timeout = SERVE_MEASURE_TIMEOUT, .fn = on_measured, .arg = p};

        if (is_asked(p) && ipc_call(p->chan, &ask, NULL) == RC_OK)
            g->waiting++;
    }
    one_less(g);
}
