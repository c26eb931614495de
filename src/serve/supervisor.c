/* SPDX-License-Identifier: Apache-2.0 */
/* supervisor
 * owns     the listening sockets, the children, the root-owned configuration
 * may      read the configuration, bind, fork and execute itself, signal its children, pass
 * descriptors may not  parse a byte from the network: it accepts nothing, and its children's
 * messages are few and small
 *
 * Confined only as far as what it does allows. A seccomp filter, a Landlock domain and
 * no-new-privileges are inherited by what it executes; so they would have to allow all that any
 * role does while it starts (become another user, load filters of its own) and all that the
 * runner's programs do. It gives up what no role needs: capabilities, core files. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "ev/clock.h"
#include "ipc/messages.h"
#include "log/log.h"
#include "net/notify.h"
#include "serve/serve_int.h"

#define CAP(c) (UINT64_C(1) << (c))

static const struct sandbox sandbox = {
    .promises = SB_EXEC,
    .caps = CAP(CAP_SETUID) | CAP(CAP_SETGID) | CAP(CAP_SETPCAP) /* roles become their users */
            | CAP(CAP_KILL)                                      /* and are signalled */
            | CAP(CAP_NET_BIND_SERVICE) /* ports below 1024, at a reload too */
            | CAP(CAP_DAC_OVERRIDE) | CAP(CAP_CHOWN) | CAP(CAP_FOWNER) /* DATA has several owners */
            | CAP(CAP_SYS_RESOURCE), /* roles raise their limits */
};

enum {
    EXIT_FAILED = 2,
    TEXT_MAX = 16384,
    STATE_BYTES = 96,
    PROCESSES = 2 * SERVE_SLOTS_MAX + SERVE_LEFT_MAX + 1,
};

static const char listeners_file[] = "listeners.json";

MSG(msg_data, "serve.data", "the data directory {0}: {1}; `autarky init` makes one");

/* ---- to systemd */

void serve_notify(const char *state)
{
    if (net_notify(state) != RC_OK)
        log_warn("serve.not-notified", LOG_Z("state", state), LOG_TEXT(strerrordesc_np(errno)));
}

void serve_notify_reloading(struct serve *sup)
{
    char state[STATE_BYTES];

    /* systemd compares this time with its own CLOCK_MONOTONIC. */
    snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)clock_mono(sup->clock));
    serve_notify(state);
}

/* ---- what it tells */

static size_t add_process(struct ipc_process *v, size_t n, const struct serve_slot *slot,
                          const struct serve_proc *p)
{
    v[n] = (struct ipc_process){
        .role = (uint8_t)slot->def->role,
        .state = str_of(serve_proc_state_name(slot, p)),
        .restarts = slot->restarts,
    };
    if (p) {
        v[n].instance = p->instance;
        v[n].pid = (uint32_t)p->pid;
        v[n].started_at = p->started_at;
        v[n].sandbox = str_of(p->sandbox);
    }
    return n + 1;
}

void serve_sup_status(struct serve *sup, struct ipc_req *req)
{
    CLEANUP(buf_done) struct buf own = BUF_INIT(ROLE_SANDBOX_TEXT);
    struct ipc_process v[PROCESSES];
    struct ipc_status m = {.generation = sup->generation,
                           .policy_waits = sup->policy_waits,
                           .reload_at = sup->reload_at,
                           .reload_refused = buf_str(&sup->refused)};
    size_t n = 0;

    sandbox_report_text(&sup->report, &own);
    v[n++] = (struct ipc_process){.role = ROLE_SUPERVISOR,
                                  .pid = (uint32_t)getpid(),
                                  .state = STR("ready"),
                                  .started_at = sup->started_at,
                                  .sandbox = buf_str(&own)};
    LIST_FOREACH (it, &sup->procs)
        if (n < PROCESSES)
            n = add_process(v, n, serve_proc_at(it)->slot, serve_proc_at(it));
    for (size_t i = 0; i < sup->n_slots && n < PROCESSES; i++)
        if (!sup->slots[i].cur && serve_slot_wanted(&sup->slots[i]))
            n = add_process(v, n, &sup->slots[i], NULL);
    m.processes.v = v;
    m.processes.n = n;
    IGNORE_RC(ipc_reply(req, &m)); /* the asker is told of a failure in its place */
}

static void set_log(struct serve *sup)
{
    log_init(&(struct log_conf){.role = role_name(ROLE_SUPERVISOR),
                                .level = (enum log_level)sup->conf->log.level,
                                .format = (enum log_format)sup->conf->log.format});
}

static enum rc write_listeners(struct serve *sup, struct buf *text, struct err *err)
{
    TRY(serve_sockets_json(&sup->sockets, text));
    return file_write(sup->data, listeners_file, buf_str(text), 0644, FILE_OWNER_SELF, err);
}

static void publish(struct serve *sup, bool first)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX);
    struct err err = ERR_INIT;

    err.rc = write_listeners(sup, &text, &err);
    if (err.rc != RC_OK)
        log_error("serve.listeners-not-written", LOG_ERR(&err));
    if (!first)
        return;
    log_info("serve.ready", LOG_INT("pid", getpid()),
             LOG_STR("listeners", str_trim(buf_str(&text))));
    serve_notify("READY=1");
    if (sup->options->ready)
        sup->options->ready(sup->options->ready_arg, buf_str(&text));
}

void serve_sup_conf_changed(struct serve *sup, bool sockets)
{
    set_log(sup);
    if (sockets && sup->was_ready)
        publish(sup, false);
}

void serve_sup_proc_ready(struct serve *sup)
{
    for (size_t i = 0; i < sup->n_slots; i++)
        if (serve_slot_wanted(&sup->slots[i]) &&
            (!sup->slots[i].cur || sup->slots[i].cur->state != PROC_READY))
            return;
    if (sup->was_ready || sup->stopping)
        return;
    sup->was_ready = true;
    serve_accepted_ready(sup);
    publish(sup, true);
}

/* ---- the end */

/* Who asks others goes first: front still needs core while it finishes, and core the signer. */
static void drain_next(struct serve *sup)
{
    unsigned order = ~0u;

    LIST_FOREACH (it, &sup->procs)
        if (serve_proc_at(it)->slot->def->drain_order < order && !serve_proc_at(it)->leaves)
            order = serve_proc_at(it)->slot->def->drain_order;
    LIST_FOREACH (it, &sup->procs)
        if (serve_proc_at(it)->slot->def->drain_order == order && !serve_proc_at(it)->leaves)
            serve_proc_drain(serve_proc_at(it));
    if (order != ~0u)
        return;
    if (sup->leaving)
        serve_upgrade_go(sup);
    else
        ev_stop(sup->ev);
}

static void kill_all(struct serve *sup)
{
    LIST_FOREACH (it, &sup->procs)
        serve_proc_kill(serve_proc_at(it));
}

static void on_stop_limit(void *arg)
{
    kill_all(arg);
}

static void stop(struct serve *sup, int status)
{
    if (sup->stopping)
        return;
    sup->stopping = true;
    sup->leaving = false;
    sup->status = status;
    LIST_FOREACH (it, &sup->procs)
        serve_proc_at(it)->leaves = false;
    serve_upgrade_cancel(sup);
    serve_notify("STOPPING=1");
    log_info("serve.stops");
    serve_reload_cancel(sup);
    unlinkat(sup->data, listeners_file, 0);
    for (size_t i = 0; i < sup->n_slots; i++)
        ev_timer_stop(&sup->slots[i].again);
    ev_timer_start(&sup->stop_limit, SERVE_DRAIN_TIMEOUT, 0);
    drain_next(sup);
}

void serve_sup_proc_ended(struct serve *sup)
{
    if (!serve_upgrade_waits(sup))
        drain_next(sup);
}

/* There is no way back: the program before is gone. */
static void say_failed(const struct serve *sup)
{
    if (sup->handover && !sup->was_ready)
        log_error("serve.upgrade-failed", LOG_Z("from", sup->handover->version),
                  LOG_Z("version", AUTARKY_VERSION),
                  LOG_TEXT("this program has taken over and cannot start, so the service ends: "
                           "mend what the lines before say, or put the program before in place "
                           "again, and start it"));
}

void serve_sup_cannot(struct serve *sup, const struct serve_slot *slot)
{
    log_error("serve.cannot-start", LOG_Z("role", role_name(slot->def->role)),
              LOG_TEXT("it cannot do its work, so the service does not start; the lines before say "
                       "why"));
    say_failed(sup);
    stop(sup, EXIT_FAILED);
}

static void on_signal(void *arg, int signum)
{
    struct serve *sup = arg;

    if (signum == SIGCHLD) {
        serve_upgrade_reap(sup);
        serve_procs_reap(sup);
    } else if (signum == SIGUSR2)
        serve_upgrade_begin(sup, NULL);
    else if (signum == SIGHUP)
        serve_reload_begin(sup, NULL, false);
    else if (sup->stopping)
        kill_all(sup); /* asked twice: no more patience */
    else
        stop(sup, 0);
}

/* ---- the beginning */

static enum rc open_data(struct serve *sup, struct err *err)
{
    const char *name = sup->options->data;
    char path[PATH_MAX];

    sup->data = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (sup->data < 0 || !realpath(name, path))
        return ERR(err, errno == ENOENT ? RC_NOTFOUND : RC_IO, msg_data, str_of(name),
                   str_of(strerrordesc_np(errno)));
    sup->data_path = mem_strdup(path);
    if (!sup->data_path)
        return RC_NOMEM;
    if (sup->handover)
        return serve_adopt_lock(sup->handover, sup->data, &sup->lock, err);
    return serve_lock(sup->data, sup->data_path, &sup->lock, err);
}

static const struct role_def *find_def(const struct serve *sup, enum role role)
{
    const struct role_def *const *defs = serve_defs(sup);

    while (*defs && (*defs)->role != role)
        defs++;
    return *defs;
}

/* The private one is there without a site, too: else the first one would restart front. */
static enum rc open_sockets(struct serve *sup, struct err *err)
{
    const struct role_def *keeper = find_def(sup, ROLE_KEEPER);
    struct serve_sockets first = {};

    if (sup->handover) {
        sup->sockets = sup->handover->sockets;
        sup->handover->sockets.n = 0;
    }
    TRY(serve_sockets_control(&sup->sockets, sup->data_path,
                              sup->conf->control.people.n + sup->conf->control.n_operators > 0,
                              err));
    if (keeper)
        TRY(serve_sockets_private(&sup->sockets, sup->data, keeper->sandbox->user, err));
    TRY(serve_sockets_bind(sup->conf, &sup->wanted, &sup->sockets, &first, err));
    serve_sockets_adopt(&sup->sockets, &first);
    return RC_OK;
}

/* Killed processes go one after the other, and each keeps its sockets to the end: core's stands for
 * the database, too. */
static enum rc take_sockets(struct serve *sup, struct err *err)
{
    static const struct timespec nap = {.tv_nsec = 20'000'000};
    int64_t end = clock_mono(sup->clock) + SERVE_ORPHANS_GO;

    for (;;) {
        struct serve_sockets none = {};
        enum rc rc = open_sockets(sup, err);

        if (rc != RC_EXISTS || !sup->orphans || clock_mono(sup->clock) > end)
            return rc;
        serve_sockets_adopt(&sup->sockets, &none);
        nanosleep(&nap, NULL);
    }
}

static enum rc open_loop(struct serve *sup)
{
    static const int signals[SERVE_SIGNALS] = {SIGCHLD, SIGHUP, SIGTERM, SIGINT, SIGUSR2};

    signal(SIGPIPE, SIG_IGN);
    TRY(ev_new(sup->clock, &sup->ev));
    ev_timer_init(&sup->stop_limit, sup->ev, on_stop_limit, sup);
    ev_defer_init(&sup->again, serve_reload_again, sup);
    serve_window_init(sup);
    buf_init(&sup->refused, ERR_ARGS_BYTES);
    for (size_t i = 0; i < SERVE_SIGNALS; i++)
        TRY(ev_signal_new(sup->ev, signals[i], on_signal, sup, &sup->signals[i]));
    serve_upgrade_signals(false); /* those that came between two programs come now */
    return RC_OK;
}

static enum rc begin(struct serve *sup, struct err *err)
{
    const struct sandbox_at at = {.dir = sup->data};

    TRY(serve_adopt(&sup->handover, err));
    TRY(open_data(sup, err));
    TRY(serve_upgrade_init(sup));
    serve_sweep(sup->data);
    /* Left by one that was killed: what it says is not so any more. */
    sup->orphans = !sup->handover && unlinkat(sup->data, listeners_file, 0) == 0;
    TRY(serve_test_clock_open(&sup->test_clock));
    TRY(open_loop(sup));
    TRY(serve_conf_read(sup, &sup->input, &sup->conf, err));
    TRY(serve_accepted_take(sup, err));
    set_log(sup);
    if (sup->unprivileged)
        log_warn(
            "serve.unprivileged", LOG_INT("uid", geteuid()),
            LOG_TEXT("not started as root: all processes run as this user, so that one that is "
                     "taken over can reach the files of the others; `autarky doctor` says "
                     "what is missing"));
    TRY(serve_slots_make(sup, sup->conf, &sup->wanted, err));
    TRY(take_sockets(sup, err));
    TRY(sandbox_enter(&sandbox, &at, &sup->report, err));
    if (sup->handover) {
        sup->generation = sup->attempts = sup->handover->generation + 1;
        TRY(serve_adopt_left(sup, sup->handover, err));
    }
    for (size_t i = 0; i < sup->n_slots; i++)
        serve_slot_start(&sup->slots[i]);
    serve_procs_reap(sup); /* those that ended between two programs */
    return RC_OK;
}

static void supervisor_free(struct serve *sup)
{
    struct serve_sockets none = {};

    /* Only after a failure of the loop itself: nobody waits for them any more, and they see their
     * channels close. */
    LIST_FOREACH (it, &sup->procs)
        serve_proc_free(serve_proc_at(it));
    serve_reload_cancel(sup);
    serve_upgrade_cancel(sup);
    buf_done(&sup->refused);
    buf_done(&sup->file);
    buf_done(&sup->argv);
    mem_free(sup->handover);
    serve_sockets_unlink(&sup->sockets, sup->data);
    serve_sockets_adopt(&sup->sockets, &none);
    if (sup->ev) {
        for (size_t i = 0; i < sup->n_slots; i++)
            ev_timer_stop(&sup->slots[i].again);
        for (size_t i = 0; i < SERVE_SIGNALS; i++)
            ev_signal_free(sup->signals[i]);
        ev_timer_stop(&sup->stop_limit);
        ev_defer_cancel(&sup->again);
        ev_free(sup->ev);
    }
    conf_unref(sup->conf);
    conf_input_done(&sup->input);
    mem_free(sup->data_path);
    fd_close(&sup->test_clock);
    fd_close(&sup->data);
    fd_close(&sup->lock);
    mem_free(sup);
}

int serve_run(const struct serve_options *s)
{
    struct serve *sup = MEM_NEW(struct serve);
    struct err err = ERR_INIT;
    int status;

    log_init(&(struct log_conf){.role = role_name(ROLE_SUPERVISOR), .level = LOG_LEVEL_INFO});
    if (!sup)
        return EXIT_FAILED;
    sup->options = s;
    sup->clock = clock_system();
    sup->data = sup->lock = sup->test_clock = -1;
    sup->unprivileged = geteuid() != 0;
    sup->started_at = clock_now(sup->clock);
    sup->generation = sup->attempts = 1;
    list_init(&sup->procs);
    conf_input_init(&sup->input);
    err.rc = begin(sup, &err);
    if (err.rc == RC_OK) {
        ev_run(sup->ev);
    } else {
        log_error("serve.cannot-start", LOG_ERR(&err));
        say_failed(sup);
        sup->status = EXIT_FAILED;
    }
    status = sup->status;
    supervisor_free(sup);
    log_flush();
    return status;
}
