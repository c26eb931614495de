/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "ev/clock.h"
#include "ev/ev.h"

MSG(msg_start, "agent.child-not-started", "{0} could not be started: {1}");
MSG(msg_status, "agent.child-failed", "{0} {1} ended with status {2}{3}");
MSG(msg_signal, "agent.child-killed", "{0} {1} was ended by signal {2}{3}");
MSG(msg_late, "agent.child-late", "{0} {1} did not end within {2} seconds and was killed{3}");
MSG(msg_stop, "agent.child-stopped",
    "{0} {1} did not end within {2} seconds after the signal to stop, and was killed{3}");
MSG(msg_exec, "agent.child-not-executed",
    "{0} cannot be executed: {1}; it has to be there, be executable, and begin with #! if it is a "
    "script");

enum { NOT_EXECUTED = 127, READ_BYTES = 4096 };

struct output {
    int fd;
    struct ev_fd *watch;
    struct buf text;
};

struct agent_child {
    const struct agent_world *w;
    char name[128], verb[64];
    pid_t pid;
    int pidfd, failed; /* reads what errno execve left; at its end it was executed */
    struct ev_fd *watch;
    struct output out, err;
    struct ev_timer timer;
    int64_t timeout, until; /* monotonic */
    bool late, stopped;
    agent_child_fn fn;
    void *arg;
};

/* ---- between fork and exec: system calls only */

struct image {
    const struct agent_child_conf *conf;
    int out, err, failed;
    pid_t parent;
};

/* What a role is deaf to, and whom its files are for, is its own affair. */
static bool be_plain(void)
{
    umask(022);
    return sandbox_default_signals();
}

static bool take_descriptors(const struct image *im)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    return null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(im->out, STDOUT_FILENO) >= 0 &&
           dup2(im->err, STDERR_FILENO) >= 0 &&
           close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) == 0;
}

static bool tie(const struct image *im)
{
    return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == im->parent;
}

static bool prepare(const struct image *im)
{
    sigset_t none;

    sigemptyset(&none);
    return (!im->conf->tied || be_plain()) && setsid() >= 0 &&
           sigprocmask(SIG_SETMASK, &none, NULL) == 0 && signal(SIGPIPE, SIG_DFL) != SIG_ERR &&
           take_descriptors(im) && chdir("/") == 0 &&
           (!im->conf->limits || sandbox_child_limit(im->conf->limits)) &&
           (!im->conf->as || sandbox_child_become(im->conf->as)) && (!im->conf->tied || tie(im));
}

_Noreturn static void become(const struct image *im)
{
    int e;

    /* execve(2) takes no const for the sake of old programs, and changes nothing. */
    if (prepare(im))
        execve(im->conf->argv[0], (char *const *)(uintptr_t)im->conf->argv,
               (char *const *)(uintptr_t)im->conf->env);
    e = errno;
    if (write(im->failed, &e, sizeof(e)) < 0)
        _exit(NOT_EXECUTED);
    _exit(NOT_EXECUTED);
}

/* ---- its life */

static void output_done(struct output *o)
{
    ev_fd_free(MOVE(o->watch));
    fd_close(&o->fd);
}

static void child_free(struct agent_child *c)
{
    if (!c)
        return;
    ev_timer_stop(&c->timer);
    output_done(&c->out);
    output_done(&c->err);
    buf_done(&c->out.text);
    buf_done(&c->err.text);
    ev_fd_free(c->watch);
    fd_close(&c->pidfd);
    fd_close(&c->failed);
    mem_free(c);
}
DEFINE_FREEP(child_free, struct agent_child)

void agent_child_kill(struct agent_child *c)
{
    if (!c)
        return;
    kill(-c->pid, SIGKILL);
    kill(c->pid, SIGKILL);
    waitpid(c->pid, NULL, 0);
    child_free(c);
}

void agent_child_stop(struct agent_child *c, int64_t grace)
{
    int64_t until = clock_mono(ev_clock(c->w->ev)) + grace;

    if (c->stopped || until >= c->until)
        return;
    c->stopped = true;
    c->timeout = grace;
    c->until = until;
    ev_timer_start(&c->timer, grace, 0);
}

void agent_child_ask(const struct agent_child *c)
{
    kill(c->pid, SIGTERM);
}

/* False at its end. */
static bool read_some(struct output *o)
{
    char bytes[READ_BYTES];
    ssize_t n = read(o->fd, bytes, sizeof(bytes));

    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    if (o->text.n + (size_t)n <= AGENT_CHILD_OUTPUT_MAX)
        buf_put(&o->text, bytes, (size_t)n);
    return true;
}

static void on_output(void *arg, unsigned)
{
    struct output *o = arg;

    if (!read_some(o))
        ev_fd_watch(o->watch, 0);
}

/* All that is there already; somebody in the background may hold the other end on. */
static void drain(struct output *o)
{
    for (size_t i = 0; i < AGENT_CHILD_OUTPUT_MAX / READ_BYTES; i++) {
        size_t before = o->text.n;

        if (!read_some(o) || o->text.n == before)
            return;
    }
}

/* The end of what it said: ": text". */
static struct str last_words(struct agent_child *c, char text[static AGENT_CHILD_TEXT])
{
    struct str said = str_trim(buf_str(&c->err.text));
    size_t room = AGENT_CHILD_TEXT - 3;

    if (said.n == 0)
        said = str_trim(buf_str(&c->out.text));
    if (said.n == 0)
        return STR("");
    snprintf(text, AGENT_CHILD_TEXT, ": %.*s",
             STR_ARG(str_skip(said, said.n > room ? said.n - room : 0)));
    return str_of(text);
}

static enum rc outcome(struct agent_child *c, int status, struct err *err)
{
    struct str name = str_of(c->name), verb = str_of(c->verb);
    char words[AGENT_CHILD_TEXT], digits[24];
    struct str said = last_words(c, words);
    int e = 0;

    if (read(c->failed, &e, sizeof(e)) == (ssize_t)sizeof(e))
        return ERR(err, e == ENOENT ? RC_NOTFOUND : RC_DENIED, msg_exec, name,
                   str_of(strerrordesc_np(e)));
    snprintf(digits, sizeof(digits), "%lld", (long long)(c->timeout / WHEN_SECOND));
    if (c->late && c->stopped)
        return ERR(err, RC_CANCELLED, msg_stop, name, verb, str_of(digits), said);
    if (c->late)
        return ERR(err, RC_TIMEOUT, msg_late, name, verb, str_of(digits), said);
    snprintf(digits, sizeof(digits), "%d",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    if (WIFSIGNALED(status))
        return ERR(err, RC_CONFLICT, msg_signal, name, verb, str_of(digits), said);
    return WEXITSTATUS(status) == 0
               ? RC_OK
               : ERR(err, RC_CONFLICT, msg_status, name, verb, str_of(digits), said);
}

static void on_end(void *arg, unsigned)
{
    CLEANUP(child_freep) struct agent_child *c = arg;
    struct agent_child_end end = {.rc = RC_OK};
    struct err err = ERR_INIT;
    int status = 0;

    waitpid(c->pid, &status, 0);
    drain(&c->out);
    drain(&c->err);
    end.rc = outcome(c, status, &err);
    end.err = end.rc == RC_OK ? NULL : &err;
    end.out = buf_str(&c->out.text);
    end.said = buf_str(&c->err.text);
    c->fn(c->arg, &end);
}

static void on_late(void *arg)
{
    struct agent_child *c = arg;

    c->late = true;
    kill(-c->pid, SIGKILL);
    kill(c->pid, SIGKILL);
}

/* ---- the start */

enum rc agent_child_env(struct arena *a, const char *out[static AGENT_CHILD_ENV])
{
    const char *home = getenv("HOME");

    out[0] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    out[1] = "LANG=C.UTF-8";
    out[2] = arena_printf(a, "HOME=%s", home ? home : "/").p;
    return out[2] ? RC_OK : RC_NOMEM;
}

static enum rc open_output(struct agent_child *c, struct output *o, int *out_theirs)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) != 0)
        return RC_IO;
    o->fd = fds[0];
    *out_theirs = fds[1];
    TRY(ev_fd_new(c->w->ev, o->fd, on_output, o, &o->watch));
    ev_fd_watch(o->watch, EV_READ);
    return RC_OK;
}

static enum rc launch(struct agent_child *c, const struct agent_child_conf *conf)
{
    CLEANUP(fd_closep) int out = -1;
    CLEANUP(fd_closep) int err = -1;
    CLEANUP(fd_closep) int failed = -1;
    pid_t parent = getpid();
    int fds[2];

    TRY(open_output(c, &c->out, &out));
    TRY(open_output(c, &c->err, &err));
    if (pipe2(fds, O_CLOEXEC) != 0)
        return RC_IO;
    c->failed = fds[0];
    failed = fds[1];
    c->pid = fork();
    if (c->pid == 0)
        become(&(struct image){conf, out, err, failed, parent});
    if (c->pid < 0)
        return RC_IO;
    c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
    if (c->pidfd >= 0 && ev_fd_new(c->w->ev, c->pidfd, on_end, c, &c->watch) == RC_OK)
        return RC_OK;
    kill(c->pid, SIGKILL);
    waitpid(c->pid, NULL, 0);
    return RC_IO;
}

enum rc agent_child_start(const struct agent_child_conf *conf, struct agent_child **out,
                          struct err *err)
{
    CLEANUP(child_freep) struct agent_child *c = MEM_NEW(struct agent_child);

    if (!c)
        return RC_NOMEM;
    c->w = conf->w;
    c->fn = conf->fn;
    c->arg = conf->arg;
    c->timeout = conf->timeout;
    c->pidfd = c->failed = c->out.fd = c->err.fd = -1;
    buf_init(&c->out.text, AGENT_CHILD_OUTPUT_MAX);
    buf_init(&c->err.text, AGENT_CHILD_OUTPUT_MAX);
    ev_timer_init(&c->timer, c->w->ev, on_late, c);
    snprintf(c->name, sizeof(c->name), "%s", conf->name ? conf->name : conf->argv[0]);
    snprintf(c->verb, sizeof(c->verb), "%s",
             conf->verb      ? conf->verb
             : conf->argv[1] ? conf->argv[1]
                             : "");
    if (launch(c, conf) != RC_OK)
        return ERR(err, RC_IO, msg_start, str_of(c->name), str_of(strerrordesc_np(errno)));
    ev_fd_watch(c->watch, EV_READ);
    c->until = clock_mono(ev_clock(c->w->ev)) + conf->timeout;
    ev_timer_start(&c->timer, conf->timeout, 0);
    *out = MOVE(c);
    return RC_OK;
}
