/* SPDX-License-Identifier: Apache-2.0 */
/* One process of the service and those that come after it: start, greeting, life, death. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "ev/clock.h"
#include "ipc/frame.h"
#include "ipc/messages.h"
#include "ipc/table.h"
#include "log/log.h"
#include "serve/serve_int.h"

MSG(msg_restart, "serve.restart-refused",
    "only the signer is started again when core asks, and not while the service ends");

enum { HOW_BYTES = 96 };

static const char *name_of(const struct serve_proc *p)
{
    return role_name(p->slot->def->role);
}

const char *serve_proc_state_name(const struct serve_slot *slot, const struct serve_proc *p)
{
    if (p && p->state == PROC_DRAINING)
        return "draining";
    if (slot->quick_deaths >= SERVE_QUICK_DEATHS)
        return "failing";
    if (!p)
        return "backoff";
    return p->state == PROC_READY ? "ready" : "starting";
}

/* ---- ending */

void serve_proc_free(struct serve_proc *p)
{
    list_remove(&p->link);        /* nobody finds it any more ... */
    ipc_chan_free(MOVE(p->chan)); /* ... while its calls have their last word */
    ev_timer_stop(&p->limit);
    ev_timer_stop(&p->ping);
    ev_timer_stop(&p->relink);
    mem_free(p);
}

static void on_close(void *arg, enum rc why, const struct err *err)
{
    struct serve_proc *p = arg;

    ipc_chan_free(MOVE(p->chan));
    ev_timer_stop(&p->ping);
    /* One that was ready has shown that it speaks ours: it is no other program, but broken or taken
     * over, and must not have all others started anew. */
    p->version |= why == RC_VERSION && p->state == PROC_STARTING;
    if (why != RC_CLOSED)
        log_error("serve.channel-lost", LOG_Z("role", name_of(p)), LOG_INT("pid", p->pid),
                  LOG_ERR(err));
    /* Usually its death is why, and comes in a moment. */
    if (p->signals == 0)
        serve_proc_limit(p, SERVE_KILL_AFTER);
}

/* ---- living */

static void on_pong(void *arg, const struct ipc_answer *answer)
{
    struct serve_proc *p = arg;

    if (answer->rc != RC_TIMEOUT || p->signals > 0)
        return;
    log_error("serve.role-stuck", LOG_Z("role", name_of(p)), LOG_INT("pid", p->pid),
              LOG_INT("seconds", SERVE_PING_TIMEOUT / WHEN_SECOND),
              LOG_TEXT("it does not answer any more and is killed"));
    p->signals = 1; /* the polite one needs a loop that runs */
    serve_proc_kill(p);
}

static void on_ping(void *arg)
{
    struct serve_proc *p = arg;
    const struct ipc_ask ask = {
        .type = IPC_PING, .timeout = SERVE_PING_TIMEOUT, .fn = on_pong, .arg = p};

    if (p->chan)
        IGNORE_RC(
            ipc_call(p->chan, &ask, NULL)); /* its credits are used up by pings: those decide */
}

static void on_ready(void *arg, struct ipc_req *, const void *msg, int)
{
    struct serve_proc *p = arg;
    const struct ipc_ready *m = msg;
    struct serve *sup = p->slot->sup;

    IGNORE_RC(str_copyz(m->sandbox, p->sandbox, sizeof(p->sandbox))); /* at worst status lacks it */
    log_info("serve.role-ready", LOG_Z("role", name_of(p)), LOG_INT("pid", p->pid),
             LOG_INT("ms", (clock_mono(sup->clock) - p->started_mono) / (WHEN_SECOND / 1000)));
    if (p->state != PROC_STARTING)
        return;
    p->state = PROC_READY;
    ev_timer_stop(&p->limit);
    ev_timer_start(&p->ping, SERVE_PING_EVERY, SERVE_PING_EVERY);
    LIST_FOREACH (it, &sup->procs) {
        struct serve_proc *old = serve_proc_at(it);

        if (old->slot == p->slot && old != p)
            serve_proc_drain(old);
    }
    serve_sup_proc_ready(sup);
}

static void on_reload(void *arg, struct ipc_req *req, const void *msg, int)
{
    const struct ipc_reload *m = msg;
    struct serve_proc *p = arg;

    serve_reload_begin(p->slot->sup, req, m->despite_window);
}

static void on_upgrade(void *arg, struct ipc_req *req, const void *, int)
{
    struct serve_proc *p = arg;

    serve_upgrade_begin(p->slot->sup, req);
}

static void on_status(void *arg, struct ipc_req *req, const void *, int)
{
    struct serve_proc *p = arg;

    serve_sup_status(p->slot->sup, req);
}

static void on_gather(void *arg, struct ipc_req *req, const void *, int)
{
    struct serve_proc *p = arg;

    serve_gather_begin(p->slot->sup, req);
}

/* Core alone may ask, and for the signer alone: its keys are files that it reads as it starts. */
static void on_restart(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct serve_proc *p = arg;
    struct serve *sup = p->slot->sup;
    const struct ipc_restart *m = msg;
    struct err err = ERR_INIT;

    if (m->role != ROLE_SIGNER || serve_ends(sup)) {
        IGNORE_RC(ERR(&err, RC_DENIED, msg_restart));
        ipc_reply_err(req, &err);
        return;
    }
    log_info("serve.restarts", LOG_Z("role", role_name(ROLE_SIGNER)),
             LOG_TEXT("it has new files to read"));
    for (size_t i = 0; i < sup->n_slots; i++)
        if (sup->slots[i].def->role == ROLE_SIGNER)
            serve_slot_restart(&sup->slots[i]);
    IGNORE_RC(ipc_reply(req, NULL)); /* the asker is told of a failure in its place */
}

static void on_peer_lost(void *arg, struct ipc_req *, const void *msg, int)
{
    struct serve_proc *p = arg;
    const struct ipc_peer *m = msg;

    if (!p->lost_some)
        ev_timer_start(&p->relink, SERVE_RELINK_AFTER, 0);
    p->lost_some = true;
    p->lost.v[m->role][m->instance / 64] |= UINT64_C(1) << m->instance % 64;
}

static const struct ipc_handler handlers[] = {
    {IPC_READY, on_ready},     {IPC_PEER_LOST, on_peer_lost}, {IPC_RELOAD, on_reload},
    {IPC_RESTART, on_restart}, {IPC_STATUS, on_status},       {IPC_GATHER, on_gather},
    {IPC_UPGRADE, on_upgrade}};

/* ---- starting */

static enum rc say_hello(const struct serve *sup, const struct serve_proc *p)
{
    const struct ipc_hello m = {
        .version = IPC_VERSION,
        .program = STR(AUTARKY_VERSION),
        .node = sup->options->node,
        .boot = sup->options->boot,
        .data = str_of(sup->data_path),
        .instance = p->instance,
        .unprivileged = sup->unprivileged,
        .log_format = (uint8_t)sup->conf->log.format,
        .log_level = (uint8_t)sup->conf->log.level,
    };

    return ipc_notify(p->chan, IPC_HELLO, &m, -1);
}

static enum rc say_listeners(const struct serve *sup, const struct serve_proc *p)
{
    for (size_t i = 0; i < sup->sockets.n; i++) {
        const struct serve_socket *s = &sup->sockets.v[i];
        const struct ipc_listener m = {str_of(s->l.kind), str_of(s->l.address)};

        if (serve_socket_is_for(s, p->slot))
            TRY(ipc_notify(p->chan, IPC_LISTENER, &m, s->l.fd));
    }
    return RC_OK;
}

static bool may_talk(enum role a, enum role b)
{
    size_t n;
    const struct ipc_rule *rules = ipc_rules(&n);

    for (size_t i = 0; i < n; i++)
        if (ipc_rule_find(a, b, rules[i].type) || ipc_rule_find(b, a, rules[i].type))
            return true;
    return false;
}

static enum rc say_peer(const struct serve_proc *to, const struct serve_proc *peer, int fd)
{
    const struct ipc_peer m = {(uint8_t)peer->slot->def->role, peer->instance};

    return ipc_notify(to->chan, IPC_PEER, &m, fd);
}

static bool is_lost(const struct serve_lost *lost, const struct serve_proc *q)
{
    return lost->v[q->slot->def->role][q->instance / 64] >> q->instance % 64 & 1;
}

/* A fresh pair for `p` and each process that it may talk to, as far as it lost them; NULL: all. */
static enum rc say_peers(const struct serve *sup, const struct serve_proc *p,
                         const struct serve_lost *lost)
{
    LIST_FOREACH (it, &sup->procs) {
        const struct serve_proc *q = serve_proc_at(it);
        int pair[2];
        enum rc rc;

        if (q == p || !q->chan || (lost && !is_lost(lost, q)) ||
            !may_talk(p->slot->def->role, q->slot->def->role))
            continue;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
            return RC_IO;
        rc = say_peer(p, q, pair[0]);
        /* If the other one cannot be told, it is on its way out, and its successor will be. */
        if (rc == RC_OK)
            IGNORE_RC(say_peer(q, p, pair[1]));
        fd_close(&pair[0]);
        fd_close(&pair[1]);
        TRY(rc);
    }
    return RC_OK;
}

/* Whichever of the two was at fault, and whether it was one at all: a service that has lost a
 * channel for good would look alive and do nothing. */
static void on_relink(void *arg)
{
    struct serve_proc *p = arg;
    enum rc rc = RC_OK;

    log_warn("serve.relinked", LOG_Z("role", name_of(p)), LOG_INT("pid", p->pid),
             LOG_TEXT("it lost the channel to another process and gets a fresh one"));
    if (p->chan)
        rc = say_peers(p->slot->sup, p, &p->lost);
    p->lost_some = false;
    p->lost = (struct serve_lost){};
    if (rc != RC_OK && p->signals == 0)
        serve_proc_kill(p); /* its successor starts with all of them */
}

static enum rc greet(const struct serve *sup, const struct serve_proc *p)
{
    struct ipc_file files[CONF_FILES_MAX];
    struct ipc_config config = {.generation = sup->generation};

    serve_conf_message(&sup->input, files, &config);
    TRY(say_hello(sup, p));
    TRY(ipc_notify(p->chan, IPC_CONFIG, &config, -1));
    TRY(say_listeners(sup, p));
    TRY(say_peers(sup, p, NULL));
    return ipc_notify(p->chan, IPC_START, NULL, -1);
}

static bool instance_taken(const struct serve_slot *slot, uint8_t instance)
{
    LIST_FOREACH (it, &slot->sup->procs)
        if (serve_proc_at(it)->slot->def == slot->def && serve_proc_at(it)->instance == instance)
            return true;
    return false;
}

void serve_proc_init(struct serve_proc *p, struct serve_slot *slot, pid_t pid)
{
    struct serve *sup = slot->sup;

    p->slot = slot;
    p->pid = pid;
    p->started_at = clock_now(sup->clock);
    p->started_mono = clock_mono(sup->clock);
    ev_timer_init(&p->limit, sup->ev, serve_proc_on_limit, p);
    ev_timer_init(&p->ping, sup->ev, on_ping, p);
    ev_timer_init(&p->relink, sup->ev, on_relink, p);
    list_push(&sup->procs, &p->link);
}

/* The pid is of a child from here on: on failure it is killed and waited for as any other. */
static enum rc start(struct serve_slot *slot, struct err *err)
{
    struct serve *sup = slot->sup;
    struct serve_proc *p = MEM_NEW(struct serve_proc);
    unsigned seconds = slot->def->start_seconds ? slot->def->start_seconds : ROLE_START_SECONDS;
    const struct ipc_chan_conf conf = {.self = ROLE_SUPERVISOR,
                                       .peer = slot->def->role,
                                       .handlers = handlers,
                                       .n_handlers = sizeof(handlers) / sizeof(handlers[0]),
                                       .on_close = on_close,
                                       .arg = p};
    enum rc rc;
    int fd;

    if (!p)
        return RC_NOMEM;
    rc = serve_spawn(slot->def, sup->options->program, sup->test_clock, &p->pid, &fd, err);
    if (rc != RC_OK) {
        mem_free(p);
        return rc;
    }
    serve_proc_init(p, slot, p->pid);
    while (instance_taken(slot, slot->instances))
        slot->instances++;
    p->instance = slot->instances++;
    slot->cur = p;
    serve_proc_limit(p, seconds * WHEN_SECOND);
    rc = ipc_chan_new(sup->ev, fd, &conf, &p->chan);
    if (rc == RC_OK)
        rc = greet(sup, p);
    if (rc == RC_OK)
        return RC_OK;
    log_error("serve.role-not-greeted", LOG_Z("role", name_of(p)), LOG_INT("pid", p->pid),
              LOG_RC(rc));
    p->signals = 1;
    serve_proc_kill(p);
    return RC_OK;
}

static void retry_later(struct serve_slot *slot)
{
    ev_timer_start(&slot->again, slot->backoff, 0);
    slot->backoff = slot->backoff * 2 < SERVE_BACKOFF_MAX ? slot->backoff * 2 : SERVE_BACKOFF_MAX;
}

void serve_slot_start(struct serve_slot *slot)
{
    struct err err = ERR_INIT;

    ev_timer_stop(&slot->again);
    if (serve_ends(slot->sup) || !serve_slot_wanted(slot))
        return;
    err.rc = start(slot, &err);
    if (err.rc == RC_OK)
        return;
    log_error("serve.role-not-started", LOG_Z("role", role_name(slot->def->role)), LOG_ERR(&err));
    slot->quick_deaths++;
    retry_later(slot);
}

void serve_slot_again(void *slot)
{
    serve_slot_start(slot);
}

void serve_slot_restart(struct serve_slot *slot)
{
    struct serve_proc *old = slot->cur;

    if (old && !slot->def->overlaps) {
        serve_proc_drain(old);
        return;
    }
    /* With `overlaps` the old one goes on until the new one is ready. */
    serve_slot_start(slot);
}

/* ---- dying */

struct death {
    char how[HOW_BYTES];
    const char *cure;
};

static struct death describe(int status)
{
    struct death d = {.cure = "this is a defect: please report it with the lines before this one"};
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

    if (WIFSIGNALED(status))
        snprintf(d.how, sizeof(d.how), "signal %d (%s)", WTERMSIG(status),
                 sigdescr_np(WTERMSIG(status)));
    else
        snprintf(d.how, sizeof(d.how), "status %d", code);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
        d.cure = "its sandbox ended it, the line before says at which system call: report it as a "
                 "defect, and look whether somebody attacks this service";
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        d.cure = "somebody killed it, or memory ran out: see `journalctl -k`";
    else if (code == ROLE_EXIT_DONE)
        d.cure = "somebody ended it with SIGTERM; to end the whole service, signal the supervisor";
    else if (code == ROLE_EXIT_FAILED)
        d.cure = "it could not go on; the lines before say why, and whether somebody must do "
                 "something";
    else if (code == ROLE_EXIT_CANNOT)
        d.cure = "the line before says what to mend";
    else if (code == ROLE_EXIT_VERSION)
        d.cure = "the program file was replaced: restart the service";
    return d;
}

static void died(struct serve_slot *slot, const struct serve_proc *p, int status)
{
    int64_t lived = clock_mono(slot->sup->clock) - p->started_mono;
    struct death d = describe(status);

    if (lived >= SERVE_SETTLED) {
        slot->quick_deaths = 0;
        slot->backoff = SERVE_BACKOFF_FIRST;
    }
    slot->quick_deaths++;
    slot->restarts++;
    if (slot->quick_deaths >= SERVE_QUICK_DEATHS)
        log_error("serve.role-failing", LOG_Z("role", name_of(p)), LOG_INT("pid", p->pid),
                  LOG_Z("ended_by", d.how), LOG_INT("deaths", slot->quick_deaths),
                  LOG_INT("again_ms", slot->backoff / (WHEN_SECOND / 1000)), LOG_TEXT(d.cure));
    else
        log_warn("serve.role-died", LOG_Z("role", name_of(p)), LOG_INT("pid", p->pid),
                 LOG_Z("ended_by", d.how), LOG_INT("lived_ms", lived / (WHEN_SECOND / 1000)),
                 LOG_INT("again_ms", slot->backoff / (WHEN_SECOND / 1000)), LOG_TEXT(d.cure));
    retry_later(slot);
}

static void tell_gone(struct serve *sup, const struct serve_proc *gone)
{
    const struct ipc_peer m = {(uint8_t)gone->slot->def->role, gone->instance};

    LIST_FOREACH (it, &sup->procs) {
        const struct serve_proc *q = serve_proc_at(it);

        if (q != gone && q->chan && may_talk(gone->slot->def->role, q->slot->def->role))
            IGNORE_RC(
                ipc_notify(q->chan, IPC_PEER_GONE, &m, -1)); /* it sees the channel end, too */
    }
}

/* All speak one version again when all were started from one file. */
static void restart_others(struct serve *sup, const struct serve_slot *but)
{
    log_error("serve.versions-differ",
              LOG_TEXT("processes of different versions met: all are started anew"));
    for (size_t i = 0; i < sup->n_slots; i++)
        if (&sup->slots[i] != but)
            serve_slot_restart(&sup->slots[i]);
}

/* The process that the slot counted on is gone, and nobody asked for it. */
static void lost(struct serve_slot *slot, bool cannot, bool version)
{
    if (cannot && !slot->sup->was_ready)
        serve_sup_cannot(slot->sup, slot);
    else if (version && slot->quick_deaths == 1)
        restart_others(slot->sup, slot); /* once: what does not help once helps never */
}

static void say_ended(const struct serve_proc *p, int status, int code)
{
    if (code != ROLE_EXIT_DONE && p->signals == 0)
        log_warn("serve.role-died-ending", LOG_Z("role", name_of(p)), LOG_INT("pid", p->pid),
                 LOG_Z("ended_by", describe(status).how));
    else if (p->alone)
        log_info("serve.left-ended", LOG_Z("role", name_of(p)), LOG_INT("pid", p->pid));
}

static void ended(struct serve_proc *p, int status)
{
    struct serve_slot *slot = p->slot;
    struct serve *sup = slot->sup;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    bool current = slot->cur == p;
    bool version = p->version || (p->state == PROC_STARTING && code == ROLE_EXIT_VERSION);
    bool expected = p->expected || serve_ends(sup);

    serve_reload_lost(sup, p);
    tell_gone(sup, p);
    if (current)
        slot->cur = NULL;
    if (current && !expected)
        died(slot, p, status);
    else
        say_ended(p, status, code);
    serve_proc_free(p);
    if (serve_ends(sup))
        serve_sup_proc_ended(sup);
    else if (current && expected && !slot->cur)
        serve_slot_start(slot);
    else if (current && !expected)
        lost(slot, code == ROLE_EXIT_CANNOT, version);
}

void serve_procs_reap(struct serve *sup)
{
    LIST_FOREACH (it, &sup->procs) {
        int status;

        if (waitpid(serve_proc_at(it)->pid, &status, WNOHANG) > 0)
            ended(serve_proc_at(it), status);
    }
}
