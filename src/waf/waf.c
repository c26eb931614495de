/* SPDX-License-Identifier: Apache-2.0 */
/* waf: says of requests to the gateway's sites what rules make of them (ModSecurity, the OWASP core
 * rule set), for sites that have `waf`.
 *
 * owns     the rules, and processes of its own that have them in memory; no key, no password
 * may      read rules below /etc/modsecurity, /usr/share/modsecurity-crs and DATA/waf; make copies
 *          of itself, as confined as it is
 * may not  open another file, write, listen, connect, execute, ask anybody
 * asked by workers of the gateway: INSPECT, the head of a request and the beginning of its body
 *
 * It is a process of its own because here a large library that is not ours takes strangers' bytes
 * apart, and a rule may be slow beyond measure. This process itself looks at nothing: it hands each
 * request to one of its inspectors (inspector.h) and may lose any of them, with that one request.
 * Sites take turns, and none has more than half of the inspectors. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf.h"
#include "ev/clock.h"
#include "ipc/waf_messages.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "role/roles.h"
#include "waf/pool.h"
#include "waf/queue.h"

enum {
    MEMORY_MAX = 2 * 1024 * 1024,
    /* KiB of address space, of each process */ RETIRED_MAX = 4,
    RULES_MODE = 0755
};

#define RULES_BELOW_DATA "waf"

static const struct sandbox sandbox = {
    .user = "autarky-waf",
    .promises = SB_STDIO | SB_FDPASS | SB_RPATH | SB_FORK,
    .files = 1024,
    .paths = {{"/etc/modsecurity", SB_READ | SB_OPTIONAL},
              {"/usr/share/modsecurity-crs", SB_READ | SB_OPTIONAL},
              {RULES_BELOW_DATA, SB_READ | SB_OPTIONAL}},
};

MSG(msg_data, "waf.data", "the data directory cannot be entered");
MSG(msg_late, "waf.late", "its turn did not come in time");
MSG(msg_limit, "waf.memory-limit", "the limit of memory could not be set");

enum { INSPECTED, LATE, SLOW, LOST };
static const char *const results[] = {"inspected", "late", "slow", "lost"};
METRIC_COUNTER_BY(inspections, "waf_inspections_total", "Requests that were to be inspected",
                  "result", results);

static const int64_t bounds[] = {500, 1'000, 2'000, 5'000, 10'000, 50'000, 250'000, 1'000'000};
METRIC_TIMES(times, "waf_inspection_seconds", "That the rules took for a request", bounds);

struct job {
    struct waf_job q;
    struct list all; /* in waf->jobs */
    struct waf *waf;
    struct ipc_req *req;           /* NULL: nobody waits any more */
    const struct ipc_inspect *msg; /* lives as long as `req` */
    const struct waf_pool *pool;   /* that is at it; NULL: it waits */
};

struct waf {
    struct role_env *env;
    struct waf_library lib;
    struct waf_pool *pool;
    unsigned inspectors, next_inspectors;
    struct waf_pool *next;                 /* of the configuration that is being prepared */
    struct waf_pool *retired[RETIRED_MAX]; /* at their last requests; the oldest first */
    struct waf_queue queue;
    struct list jobs;
    struct ev_defer tidy;
    struct ev_signal *child;
    struct buf out;
    bool draining, useless; /* useless: `next` is, for its rules were refused */
};

/* ---- jobs */

static void drop(struct job *j)
{
    struct waf *w = j->waf;

    waf_queue_drop(&w->queue, &j->q);
    list_remove(&j->all);
    mem_free(j);
    ev_defer(w->env->ev, &w->tidy);
}

static void fail(struct job *j, size_t how, const struct err *err)
{
    metric_add(&inspections, how, 1);
    if (j->req) {
        log_request(ipc_req_id(j->req));
        log_warn("waf.not-inspected", LOG_STR("site", j->msg->site), LOG_ERR(err));
        log_request(NULL);
        ipc_reply_err(MOVE(j->req), err);
    }
    drop(j);
}

static void send(struct waf *w, struct job *j)
{
    int64_t left = ipc_req_deadline(j->req) - clock_mono(w->env->clock);
    struct err err = ERR_INIT;

    j->pool = w->pool;
    if (left > w->env->conf->gateway.waf.timeout)
        left = w->env->conf->gateway.waf.timeout;
    if (left <= 0) {
        err.rc = ERR(&err, RC_TIMEOUT, msg_late);
        fail(j, LATE, &err);
        return;
    }
    buf_reset(&w->out);
    err.rc = ipc_fields_encode(&ipc_inspect_fields, j->msg, &w->out);
    if (err.rc == RC_OK)
        err.rc = waf_pool_send(w->pool, j, ipc_req_id(j->req), buf_str(&w->out), left);
    if (err.rc != RC_OK)
        fail(j, LOST, &err);
}

static void pump(struct waf *w)
{
    while (waf_pool_has_room(w->pool)) {
        struct waf_job *next = waf_queue_take(&w->queue, (w->inspectors + 1) / 2);

        if (!next)
            return;
        send(w, LIST_ENTRY(next, struct job, q));
    }
}

static void on_done(void *, void *job, enum rc rc, const struct ipc_inspected *found,
                    const struct err *err)
{
    struct job *j = job;
    struct waf *w = j->waf;

    if (rc != RC_OK) {
        fail(j, rc == RC_TIMEOUT ? SLOW : LOST, err);
    } else {
        metric_add(&inspections, INSPECTED, 1);
        metric_observe(&times, 0, found->micros);
        if (j->req)
            IGNORE_RC(ipc_reply(MOVE(j->req), found)); /* the worker has been told */
        drop(j);
    }
    pump(w);
}

/* One that is being inspected already is, to its end. */
static void on_cancel(void *arg)
{
    struct job *j = arg;

    ipc_req_drop(MOVE(j->req));
    j->msg = NULL;
    if (!j->pool)
        drop(j);
}

static void on_inspect(void *arg, struct ipc_req *req, const void *msg, int)
{
    const struct role_env *env = arg;
    struct waf *w = env->state;
    struct job *j = MEM_NEW(struct job);
    struct err err = ERR_INIT;

    err.rc = j ? RC_OK : RC_NOMEM;
    if (j) {
        *j = (struct job){.waf = w, .req = req, .msg = msg};
        err.rc = waf_queue_put(&w->queue, &j->q, j->msg->site);
    }
    if (err.rc != RC_OK) {
        mem_free(j);
        ipc_reply_err(req, &err);
        return;
    }
    list_push(&w->jobs, &j->all);
    ipc_req_on_cancel(req, on_cancel, j);
    pump(w);
}

/* ---- pools */

static void on_broken(void *arg)
{
    struct waf *w = arg;

    role_fail(w->env, &(struct err){.rc = RC_IO});
}

static void on_made(void *arg, const struct err *err)
{
    struct waf *w = arg;

    w->useless = err->rc != RC_OK;
    if (w->useless)
        ev_defer(w->env->ev, &w->tidy);
    role_prepared(w->env, err);
}

static enum rc make_pool(struct waf *w, const struct conf *conf, struct waf_pool **out,
                         unsigned *out_n, struct err *err)
{
    unsigned n = (unsigned)conf->gateway.waf.processes;
    struct waf_pool_conf p = {
        .ev = w->env->ev,
        .lib = &w->lib,
        .rules = conf->gateway.waf.rules,
        .on_made = on_made,
        .on_done = on_done,
        .on_broken = on_broken,
        .arg = w,
    };

    if (n == 0)
        n = role_cpus() < 2 ? 2 : role_cpus();
    p.n = *out_n = n < WAF_INSPECTORS_MAX ? n : WAF_INSPECTORS_MAX;
    return waf_pool_new(&p, out, err);
}

/* Where there are too many pools already, what one is at is lost with it. */
static void fail_all_of(struct waf *w, const struct waf_pool *p)
{
    LIST_FOREACH (it, &w->jobs) {
        struct job *j = LIST_ENTRY(it, struct job, all);

        if (j->pool == p)
            fail(j, LOST, &(struct err){.rc = RC_CLOSED});
    }
}

static void on_tidy(void *arg)
{
    struct waf *w = arg;
    size_t n = 0;

    if (w->useless) /* of a reload that is refused nobody else takes leave */
        waf_pool_free(MOVE(w->next));
    w->useless = false;
    for (size_t i = 0; i < RETIRED_MAX; i++)
        if (w->retired[i] && waf_pool_is_idle(w->retired[i]))
            waf_pool_free(MOVE(w->retired[i]));
    for (size_t i = 0; i < RETIRED_MAX; i++) {
        struct waf_pool *p = MOVE(w->retired[i]);

        if (p)
            w->retired[n++] = p;
    }
    if (w->draining && list_empty(&w->jobs)) {
        w->draining = false; /* once */
        role_drained(w->env);
    }
}

static void retire(struct waf *w, struct waf_pool *p)
{
    for (size_t i = 0; i < RETIRED_MAX; i++)
        if (!w->retired[i]) {
            w->retired[i] = p;
            ev_defer(w->env->ev, &w->tidy);
            return;
        }
    fail_all_of(w, p);
    waf_pool_free(p);
}

static void waf_abort(struct role_env *env)
{
    struct waf *w = env->state;

    waf_pool_free(MOVE(w->next));
}

/* The rules are compiled beside those in force, and anew even if no key has changed: what is in
 * their files may have. */
static enum rc waf_prepare(struct role_env *env, const struct conf *next, struct err *err)
{
    struct waf *w = env->state;

    waf_abort(env);
    w->useless = false;
    TRY(make_pool(w, next, &w->next, &w->next_inspectors, err));
    return RC_AGAIN;
}

static void waf_commit(struct role_env *env)
{
    struct waf *w = env->state;

    retire(w, w->pool);
    w->pool = MOVE(w->next);
    w->inspectors = w->next_inspectors;
    log_info("waf.rules", LOG_STR("rules", env->conf->gateway.waf.rules),
             LOG_INT("inspectors", w->inspectors));
    pump(w);
}

/* ---- life */

/* Paths of rules are relative to DATA, as the directories above may be closed to this user. */
static enum rc waf_open(struct role_env *env, struct err *err)
{
    const struct rlimit memory = {(rlim_t)MEMORY_MAX * 1024, (rlim_t)MEMORY_MAX * 1024};
    struct waf *w = MEM_NEW(struct waf);

    if (!w)
        return RC_NOMEM;
    env->state = w;
    w->env = env;
    waf_queue_init(&w->queue);
    list_init(&w->jobs);
    ev_defer_init(&w->tidy, on_tidy, w);
    buf_init(&w->out, IPC_INSPECT_BYTES);
    if (fchdir(env->data) != 0)
        return ERR(err, RC_IO, msg_data);
    /* Confinement grants what is there now: rules may come into it later. Whoever may not make it,
     * or has put something else there, will hear of it when there are to be rules in it. */
    if (mkdir(RULES_BELOW_DATA, RULES_MODE) == 0 && chmod(RULES_BELOW_DATA, RULES_MODE) != 0)
        return ERR(err, RC_IO, msg_data);
    /* AddressSanitizer takes more than there is. */
    if (sandbox_strict() && setrlimit(RLIMIT_AS, &memory) != 0)
        return ERR(err, RC_IO, msg_limit);
    return waf_library_open(WAF_LIBRARY, &w->lib, err);
}

static void on_child(void *, int)
{
    waf_pool_reap();
}

static enum rc waf_start(struct role_env *env, struct err *err)
{
    struct waf *w = env->state;

    TRY(ev_signal_new(env->ev, SIGCHLD, on_child, w, &w->child));
    TRY(make_pool(w, env->conf, &w->pool, &w->inspectors, err));
    return waf_pool_wait(w->pool, err);
}

static void waf_drain(struct role_env *env)
{
    struct waf *w = env->state;

    w->draining = true;
    ev_defer(env->ev, &w->tidy);
}

static void waf_close(struct role_env *env)
{
    struct waf *w = env->state;

    if (!w)
        return;
    LIST_FOREACH (it, &w->jobs) {
        struct job *j = LIST_ENTRY(it, struct job, all);

        ipc_req_drop(MOVE(j->req));
        drop(j);
    }
    ev_defer_cancel(&w->tidy);
    ev_signal_free(w->child);
    waf_pool_free(w->next);
    waf_pool_free(w->pool);
    for (size_t i = 0; i < RETIRED_MAX; i++)
        waf_pool_free(w->retired[i]);
    waf_library_close(&w->lib);
    waf_queue_done(&w->queue);
    buf_done(&w->out);
    mem_free(w);
    env->state = NULL;
}

static const struct ipc_handler handlers[] = {{IPC_INSPECT, on_inspect}};

const struct role_def role_waf = {
    .role = ROLE_WAF,
    .sandbox = &sandbox,
    .handlers = handlers,
    .n_handlers = sizeof(handlers) / sizeof(handlers[0]),
    .wanted = role_wanted_waf,
    .drain_order = 3, /* workers of the gateway ask it */
    .open = waf_open,
    .start = waf_start,
    .prepare = waf_prepare,
    .commit = waf_commit,
    .abort = waf_abort,
    .drain = waf_drain,
    .close = waf_close,
};
