/* SPDX-License-Identifier: Apache-2.0 */
/* What core counts and measures, for front, which shows it at /metrics. */
#include "core/core_int.h"
#include "core/forwards.h"
#include "core/remote.h"
#include "metrics/metrics.h"
#include "metrics/view.h"

enum { STATUS_SECONDS = 2 };

static const char *const queues[] = {"validation", "issuance", "store"};
METRIC_GAUGE_BY(queue_length, "core_queue_length", "What core is at work on, or holds back",
                "queue", queues);
/* By enum role. */
static const char *const processes[] = {"supervisor", "front",  "gateway", "core",    "signer",
                                        "prober",     "keeper", "runner",  "courier", "txt"};
METRIC_GAUGE_BY(restarts, "process_restarts",
                "How often the supervisor had to start a process again", "process", processes);

static void set_gauges(const struct core *core, const struct ipc_status *status)
{
    const size_t lengths[] = {acme_validating(core->acme), ca_pending(core->ca),
                              store_pending(core->store)};
    int64_t n[METRIC_LENGTH(processes)] = {0};

    for (size_t i = 0; i < METRIC_LENGTH(queues); i++)
        metric_set(&queue_length, i, (int64_t)lengths[i]);
    for (size_t i = 0; status && i < status->processes.n; i++)
        if (status->processes.v[i].role < METRIC_LENGTH(processes))
            n[status->processes.v[i].role] += status->processes.v[i].restarts;
    for (size_t i = 0; status && i < METRIC_LENGTH(processes); i++)
        metric_set(&restarts, i, n[i]);
}

/* A scrape, while the supervisor is asked; in the request's memory. */
struct numbers {
    struct core *core;
    struct ipc_req *req;
    struct ipc_measured *v; /* core first, then those that the supervisor has gathered */
    size_t n;
};

static void reply_numbers(const struct numbers *q, const struct ipc_status *status)
{
    CLEANUP(buf_done) struct buf snapshot = BUF_INIT(METRICS_SNAPSHOT_MAX);
    struct ipc_measured own = {.role = ROLE_CORE};
    struct ipc_gathered reply;

    set_gauges(q->core, status);
    core_remotes_measure(q->core);
    if (q->core->forwards)
        core_forwards_measure(q->core);
    revocation_measure(q->core->revocation);
    core_standing_measure(q->core);
    role_measure();
    metrics_snapshot(&snapshot);
    own.snapshot = buf_str(&snapshot);
    reply.processes.v = q->n ? q->v : &own;
    reply.processes.n = q->n ? q->n : 1;
    if (q->n)
        q->v[0] = own;
    if (buf_rc(&snapshot) == RC_OK)
        IGNORE_RC(ipc_reply(q->req, &reply)); /* on failure front has been told */
    else
        ipc_req_drop(q->req);
}

static void got_status(void *arg, const struct ipc_answer *a)
{
    reply_numbers(arg, a->rc == RC_OK ? a->msg : NULL);
}

static enum rc keep(struct numbers *q, const struct ipc_gathered *m)
{
    struct arena *arena = ipc_req_arena(q->req);

    q->v = ARENA_ARRAY(arena, struct ipc_measured, m->processes.n + 1);
    if (!q->v)
        return RC_NOMEM;
    for (size_t i = 0; i < m->processes.n; i++) {
        q->v[i + 1] = m->processes.v[i];
        TRY(arena_str(arena, m->processes.v[i].snapshot, &q->v[i + 1].snapshot));
    }
    q->n = m->processes.n + 1;
    return RC_OK;
}

/* Whoever is missing, the others' numbers are answered. */
static void got_others(void *arg, const struct ipc_answer *a)
{
    struct numbers *q = arg;
    const struct ipc_ask ask = {
        .type = IPC_STATUS, .timeout = STATUS_SECONDS * WHEN_SECOND, .fn = got_status, .arg = q};

    if (a->rc == RC_OK)
        IGNORE_RC(keep(q, a->msg));
    if (!q->core->supervisor || ipc_call(q->core->supervisor, &ask, NULL) != RC_OK)
        reply_numbers(q, NULL);
}

void core_on_metrics(void *arg, struct ipc_req *req, const void *msg, int fd)
{
    const struct role_env *env = arg;
    struct numbers q = {.core = env->state, .req = req};
    struct numbers *kept = ARENA_NEW(ipc_req_arena(req), struct numbers);
    const struct ipc_ask ask = {
        .type = IPC_GATHER, .timeout = STATUS_SECONDS * WHEN_SECOND, .fn = got_others, .arg = kept};

    (void)msg;
    (void)fd;
    if (kept) {
        *kept = q;
        if (q.core->supervisor && ipc_call(q.core->supervisor, &ask, NULL) == RC_OK)
            return;
    }
    reply_numbers(&q, NULL);
}
