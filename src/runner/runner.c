/* SPDX-License-Identifier: Apache-2.0 */
/* runner: executes commands that are declared here, and the programs that the configuration names
 * as receivers of alerts, and no others. Core asks for one by its name; path, arguments and user
 * are the table's or the configuration's, which the supervisor reads, so that whoever takes over
 * core chooses nothing but which of them, when, and what a receiver's program reads. So it is with
 * hooks, by which names of sites are proven to other CAs: the keeper says which site, and what a
 * record has to hold; that site's hook is the configuration's.
 *
 * It holds nothing but what hooks get as variables. It may fork, execute, and signal what it has
 * started; it keeps the capabilities that becoming a command's user takes, and no others. What it
 * executes would inherit a filter, so it has none, nor Landlock; the commands themselves cannot
 * gain rights (no-new-privileges), and have limits of time, memory, files, processes and output. A
 * command that takes too long, or is under way when this process ends, is killed with its process
 * group. */
#include "runner/runner_int.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/when.h"
#include "ipc/public_messages.h"
#include "ipc/site_messages.h"
#include "log/log.h"
#include "role/roles.h"

#define CAP(c) (UINT64_C(1) << (c))

static const struct sandbox sandbox = {
    .user = "autarky-runner",
    .promises = SB_STDIO | SB_FDPASS | SB_EXEC,
    .caps = CAP(CAP_SETUID) | CAP(CAP_SETGID) | CAP(CAP_KILL),
};

enum {
    DRILL_SECONDS = 10,
    NAME_SHOWN = 64,
    READS = 32, /* of the pipe in a row: it holds no more */
};

MSG(msg_unknown, "runner.unknown",
    "no command \"{0}\" is declared; the runner executes nothing else");
MSG(msg_busy, "runner.busy", "{0} commands are running; ask again when one has ended");
MSG(msg_timeout, "runner.timeout", "the command {0} took longer than {1} seconds and was killed");
MSG(msg_ending, "runner.ending", "the runner is ending; the command {0} was not run to its end");

/* Shows that it works, and as whom: `autarky drill runner`. */
static const char *const drill[] = {"/usr/bin/id", NULL};

static const struct runner_command declared[] = {
    {.name = "drill", .user = "nobody", .argv = drill, .seconds = DRILL_SECONDS},
};

static struct run *run_at(struct list *link)
{
    return LIST_ENTRY(link, struct run, link);
}

/* Until it has been waited for the number is its own. It may not be a group's yet. */
static void kill_run(struct run *run)
{
    run->killed = true;
    if (kill(-run->pid, SIGKILL) != 0 && errno == ESRCH)
        kill(run->pid, SIGKILL);
}

static void free_run(struct run *run)
{
    list_remove(&run->link);
    if (run->notice)
        run->runner->n_notices--;
    else
        run->runner->n_runs--;
    ev_timer_stop(&run->limit);
    ev_fd_free(run->watch);
    fd_close(&run->fd);
    runner_notice_free(run->notice);
    mem_free(run);
}

void runner_keep(struct run *run, struct str more)
{
    size_t cap = sizeof(run->output);

    if (!run->notice) {
        more = str_head(more, cap - run->n);
    } else if (more.n >= cap) {
        more = str_skip(more, more.n - cap);
        run->n = 0;
    } else if (run->n + more.n > cap) {
        size_t gone = run->n + more.n - cap;

        memmove(run->output, run->output + gone, run->n - gone);
        run->n -= gone;
    }
    memcpy(run->output + run->n, more.p, more.n);
    run->n += more.n;
}

/* As read(2): 0 at its end. What there is no room for is thrown away, so that the command does not
 * wait. */
static ssize_t read_some(struct run *run)
{
    char more[RUNNER_OUTPUT_MAX];
    ssize_t n = read(run->fd, more, sizeof(more));

    if (n > 0)
        runner_keep(run, str_bytes(more, (size_t)n));
    return n;
}

static void on_output(void *arg, unsigned)
{
    struct run *run = arg;

    if (read_some(run) == 0)
        ev_fd_watch(run->watch, 0);
}

static void on_limit(void *arg)
{
    struct run *run = arg;

    run->late = true;
    kill_run(run);
}

/* A program that tells of an alert goes on: core has died, and its successor will ask again. */
static void on_cancel(void *arg)
{
    struct run *run = arg;

    if (!run->notice) {
        kill_run(run);
        return;
    }
    ipc_req_drop(run->req);
    run->req = NULL;
}

void runner_watch_asker(struct run *run)
{
    ipc_req_on_cancel(run->req, on_cancel, run);
}

/* ---- its end */

static void answer(struct run *run, int status)
{
    struct ipc_run_reply m = {(uint32_t)status, str_bytes(run->output, run->n)};
    struct err err = ERR_INIT;
    char seconds[16];

    log_info("runner.ended", LOG_Z("command", run->cmd->name), LOG_INT("pid", run->pid),
             LOG_INT("status", status), LOG_BOOL("killed", run->killed));
    snprintf(seconds, sizeof(seconds), "%u", run->cmd->seconds);
    if (run->late)
        IGNORE_RC(ERR(&err, RC_TIMEOUT, msg_timeout, str_of(run->cmd->name), str_of(seconds)));
    else if (run->killed)
        IGNORE_RC(ERR(&err, RC_CANCELLED, msg_ending, str_of(run->cmd->name)));
    if (run->killed)
        ipc_reply_err(run->req, &err);
    else
        IGNORE_RC(ipc_reply(run->req, &m)); /* on failure the asker has been told */
}

/* Its first process has ended, and with it the command; what it left behind in its group goes. */
static void finish(struct run *run)
{
    struct runner *r = run->runner;
    int status = 0;

    kill(-run->pid, SIGKILL);
    while (waitpid(run->pid, &status, 0) < 0 && errno == EINTR)
        ;
    for (int i = 0; i < READS && read_some(run) > 0; i++)
        ;
    if (run->notice)
        runner_notice_ended(run, status);
    else
        answer(run, status);
    free_run(run);
    runner_look_drained(r);
}

void runner_look_drained(struct runner *r)
{
    if (!r->draining || r->drained || !list_empty(&r->runs) || !runner_hooks_idle(r))
        return;
    r->drained = true;
    role_drained(r->env);
}

static void on_sigchld(void *arg, int)
{
    struct runner *r = arg;

    LIST_FOREACH (it, &r->runs) {
        siginfo_t info = {};

        if (waitid(P_PID, (id_t)run_at(it)->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
            info.si_pid == run_at(it)->pid)
            finish(run_at(it));
    }
}

/* ---- its beginning */

static const struct runner_command *find(const struct runner *r, struct str name)
{
    for (size_t i = 0; i < r->n_commands; i++)
        if (str_eq(name, str_of(r->commands[i].name)))
            return &r->commands[i];
    return NULL;
}

enum rc runner_begin(struct runner *r, const struct runner_command *cmd,
                     struct runner_notice *notice, struct ipc_req *req, struct err *err)
{
    struct run *run = MEM_NEW(struct run);
    enum rc rc;

    if (!run)
        return RC_NOMEM;
    run->runner = r;
    run->cmd = cmd;
    run->fd = -1;
    ev_timer_init(&run->limit, r->env->ev, on_limit, run);
    rc = runner_spawn(cmd, notice ? &notice->feed : NULL, !r->env->unprivileged, &run->pid,
                      &run->fd, err);
    if (rc != RC_OK) {
        mem_free(run);
        return rc;
    }
    list_push(&r->runs, &run->link);
    r->n_runs++;
    rc = ev_fd_new(r->env->ev, run->fd, on_output, run, &run->watch);
    if (rc != RC_OK) {
        kill_run(run);
        waitpid(run->pid, NULL, 0);
        free_run(run);
        return rc;
    }
    if (notice) {
        run->notice = notice;
        r->n_runs--;
        r->n_notices++;
    }
    run->req = req;
    log_info("runner.started", LOG_Z("command", cmd->name), LOG_INT("pid", run->pid));
    runner_watch_asker(run);
    ev_fd_watch(run->watch, EV_READ);
    ev_timer_start(&run->limit, cmd->seconds * WHEN_SECOND, 0);
    return RC_OK;
}

static enum rc begin(struct runner *r, struct str name, struct ipc_req *req, struct err *err)
{
    const struct runner_command *cmd = find(r, name);
    char most[16];

    snprintf(most, sizeof(most), "%d", RUNNER_RUNS_MAX);
    if (!cmd)
        return ERR(err, RC_NOTFOUND, msg_unknown, str_head(name, NAME_SHOWN));
    if (r->draining)
        return ERR(err, RC_CANCELLED, msg_ending, name);
    if (r->n_runs == RUNNER_RUNS_MAX)
        return ERR(err, RC_QUOTA, msg_busy, str_of(most));
    return runner_begin(r, cmd, NULL, req, err);
}

static void on_run(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct runner *r = ((const struct role_env *)arg)->state;
    struct str name = ((const struct ipc_run *)msg)->name;
    struct err err = ERR_INIT;

    err.rc = begin(r, name, req, &err);
    if (err.rc == RC_OK)
        return;
    log_warn("runner.refused", LOG_STR("command", name), LOG_ERR(&err));
    ipc_reply_err(req, &err);
}

/* ---- the role */

static enum rc runner_open(struct role_env *env, struct err *)
{
    struct runner *r = MEM_NEW(struct runner);

    if (!r)
        return RC_NOMEM;
    list_init(&r->runs);
    r->env = env;
    r->commands = declared;
    r->n_commands = sizeof(declared) / sizeof(declared[0]);
    env->state = r;
    return runner_hooks_open(r);
}

static enum rc runner_start(struct role_env *env, struct err *)
{
    struct runner *r = env->state;

    return ev_signal_new(env->ev, SIGCHLD, on_sigchld, r, &r->sigchld);
}

static void runner_drain(struct role_env *env)
{
    struct runner *r = env->state;

    r->draining = true;
    LIST_FOREACH (it, &r->runs)
        kill_run(run_at(it));
    runner_hooks_drain(r);
    runner_look_drained(r);
}

/* Another keeper knows nothing of what the one before it had set. */
static void runner_peer(struct role_env *env, enum role role, struct ipc_chan *)
{
    if (role == ROLE_KEEPER)
        runner_hooks_orphaned(env->state);
}

static void runner_close(struct role_env *env)
{
    struct runner *r = env->state;

    if (!r)
        return;
    LIST_FOREACH (it, &r->runs) {
        kill_run(run_at(it));
        waitpid(run_at(it)->pid, NULL, 0);
        ipc_req_drop(run_at(it)->req);
        free_run(run_at(it));
    }
    runner_hooks_free(r);
    ev_signal_free(r->sigchld);
    mem_free(r);
    env->state = NULL;
}

static const struct ipc_handler handlers[] = {
    {IPC_RUN, on_run}, {IPC_TELL, runner_on_tell}, {IPC_HOOK_RECORD, runner_on_record}};

/* Variables of hooks may be credentials of systemd. */
static const char *const environment[] = {"CREDENTIALS_DIRECTORY", NULL};

const struct role_def role_runner = {
    .role = ROLE_RUNNER,
    .site_records = true,
    .sandbox = &sandbox,
    .handlers = handlers,
    .n_handlers = sizeof(handlers) / sizeof(handlers[0]),
    .environment = environment,
    .drain_order = 3, /* core asks it, and the emissary before */
    .open = runner_open,
    .start = runner_start,
    .peer = runner_peer,
    .drain = runner_drain,
    .close = runner_close,
};
