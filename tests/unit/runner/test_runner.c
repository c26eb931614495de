/* SPDX-License-Identifier: Apache-2.0 */
/* The runner beside a core that this test plays, with commands of the test's own. */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "conf/conf.h"
#include "ev/clock.h"
#include "ipc/site_messages.h"
#include "log/log.h"
#include "role/child_int.h"
#include "role/roles.h"
#include "runner/runner_int.h"

enum { TURNS = 100'000, SECONDS = 5, COMMANDS = 12 };

#define NOW (20'000 * WHEN_DAY)

struct asked {
    bool done;
    enum rc rc;
    uint32_t status;
    char output[RUNNER_OUTPUT_MAX + 1];
    size_t n;
    char why[512];
};

struct world {
    struct role_child child; /* its env is the runner's */
    struct clock_fake clock;
    struct ipc_chan *runner, *core;
    struct runner_command commands[COMMANDS];
    const char *argv[COMMANDS][4];
    char fifo[96];
    struct check_dir dir;
};

static void quiet(void *, enum log_level, struct str)
{
}

static void on_close(void *, enum rc, const struct err *)
{
}

static struct runner *runner_of(struct world *w)
{
    return w->child.env.state;
}

static void world_init(struct world *w)
{
    const struct ipc_chan_conf runner = {.self = ROLE_RUNNER,
                                         .peer = ROLE_CORE,
                                         .handlers = role_runner.handlers,
                                         .n_handlers = role_runner.n_handlers,
                                         .on_close = on_close,
                                         .arg = &w->child.env};
    const struct ipc_chan_conf core = {
        .self = ROLE_CORE, .peer = ROLE_RUNNER, .on_close = on_close};
    const struct log_conf quietly = {.role = "test", .sink = quiet};
    static const struct conf none = {};
    int fds[2];

    memset(w, 0, sizeof(*w));
    log_init(&quietly);
    check_dir_init(&w->dir);
    clock_fake_init(&w->clock, NOW);
    list_init(&w->child.links);
    w->child.env.clock = &w->clock.clock;
    w->child.env.unprivileged = true;
    w->child.env.conf = &none;
    CHECK_OK(ev_new(&w->clock.clock, &w->child.env.ev));
    ev_timer_init(&w->child.leave, w->child.env.ev, NULL, NULL);
    CHECK_OK(role_runner.open(&w->child.env, NULL));
    CHECK_OK(role_runner.start(&w->child.env, NULL));
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
    CHECK_OK(ipc_chan_new(w->child.env.ev, fds[0], &runner, &w->runner));
    CHECK_OK(ipc_chan_new(w->child.env.ev, fds[1], &core, &w->core));
}

static void world_done(struct world *w)
{
    ipc_chan_free(w->core);
    ipc_chan_free(w->runner);
    role_runner.close(&w->child.env);
    ev_timer_stop(&w->child.leave);
    ev_free(w->child.env.ev);
    check_dir_done(&w->dir);
}

/* Instead of what is declared: each a line for the shell. */
static void declare(struct world *w, const char *name, const char *line)
{
    struct runner *r = runner_of(w);
    size_t i = r->commands == w->commands ? r->n_commands : 0;
    const char **argv = w->argv[i];

    argv[0] = "/bin/sh";
    argv[1] = "-c";
    argv[2] = line;
    w->commands[i] = (struct runner_command){name, "nobody", argv, SECONDS};
    r->commands = w->commands;
    r->n_commands = i + 1;
}

static void on_answer(void *arg, const struct ipc_answer *a)
{
    struct asked *asked = arg;
    const struct ipc_run_reply *m = a->msg;

    asked->done = true;
    asked->rc = a->rc;
    if (a->rc == RC_OK) {
        asked->status = m->status;
        asked->n = m->output.n;
        IGNORE_RC(str_copyz(m->output, asked->output, sizeof(asked->output))); /* seen missing */
    } else {
        err_textz(a->err, asked->why, sizeof(asked->why));
    }
}

static enum rc ask(struct world *w, struct str name, struct asked *asked, struct ipc_call **out)
{
    const struct ipc_run m = {name};
    const struct ipc_ask ask = {.type = IPC_RUN, .msg = &m, .fn = on_answer, .arg = asked};

    memset(asked, 0, sizeof(*asked));
    return ipc_call(w->core, &ask, out);
}

static void wait_for(struct world *w, const bool *done)
{
    for (int i = 0; i < TURNS && !*done; i++)
        ev_run_once(w->child.env.ev, EV_WAIT);
    CHECK(*done);
}

static void run(struct world *w, const char *name, struct asked *asked)
{
    CHECK_OK(ask(w, str_of(name), asked, NULL));
    wait_for(w, &asked->done);
}

/* Lets the request reach the runner. */
static void started(struct world *w, size_t n)
{
    for (int i = 0; i < TURNS && runner_of(w)->n_runs < n; i++)
        ev_run_once(w->child.env.ev, EV_WAIT);
    CHECK_INT(runner_of(w)->n_runs, n);
}

static void what_is_declared_runs(void)
{
    CLEANUP(world_done) struct world w = {};
    struct asked a;

    world_init(&w);
    run(&w, "drill", &a); /* the one of this program */
    CHECK_INT(a.rc, RC_OK);
    CHECK_INT(a.status, 0);
    CHECK(strncmp(a.output, "uid=", 4) == 0);
    declare(&w, "three", "echo out; echo err >&2; exit 3");
    declare(&w, "dies", "kill -9 $$");
    run(&w, "three", &a);
    CHECK_INT(a.rc, RC_OK);
    CHECK(WIFEXITED(a.status) && WEXITSTATUS(a.status) == 3);
    CHECK(strcmp(a.output, "out\nerr\n") == 0);
    run(&w, "dies", &a);
    CHECK(WIFSIGNALED(a.status) && WTERMSIG(a.status) == SIGKILL);
    CHECK_INT(runner_of(&w)->n_runs, 0);
}

static void other_names_do_not(void)
{
    CLEANUP(world_done) struct world w = {};
    static const struct str names[] = {
        STR("sh"),        STR("/bin/sh"),  STR("../bin/sh"), STR("drill;id"),    STR("drill "),
        STR(" drill"),    STR("Drill"),    STR("dril"),      STR("drilll"),      STR("drill\0"),
        STR("drill\nid"), STR("$(drill)"), STR("-c"),        STR("/usr/bin/id"), STR(""),
    };
    struct asked a;
    char longest[65536];

    world_init(&w);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CHECK_OK(ask(&w, names[i], &a, NULL));
        wait_for(&w, &a.done);
        CHECK_INT(a.rc, RC_NOTFOUND);
        CHECK(strstr(a.why, "no command") && (i > 4 || strstr(a.why, names[i].p)));
        CHECK_INT(runner_of(&w)->n_runs, 0);
    }
    memset(longest, 'd', sizeof(longest));
    CHECK_RC(ask(&w, str_bytes(longest, sizeof(longest)), &a, NULL), RC_TOOBIG);
}

static void it_finds_little(void)
{
    CLEANUP(world_done) struct world w = {};
    CLEANUP(fd_closep) int leak = open("/dev/null", O_RDONLY); /* not close-on-exec */
    struct asked a;

    CHECK(leak >= 0);
    setenv("RUNNER_SECRET", "1", 1);
    world_init(&w);
    declare(&w, "env", "exec /usr/bin/env");
    declare(&w, "fds", "exec ls /proc/self/fd");
    declare(&w, "input", "cat; pwd; umask; ulimit -c; ulimit -n");
    declare(&w, "privileges", "exec grep -E 'NoNewPrivs|SigIgn|SigBlk' /proc/self/status");
    declare(&w, "session", "test $(ps -o sid= -p $$) = $$ && echo own");
    run(&w, "env", &a);
    CHECK(strstr(a.output, "PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"));
    CHECK(strstr(a.output, "LC_ALL=C.UTF-8\n") && !strstr(a.output, "RUNNER_SECRET"));
    run(&w, "fds", &a);
    CHECK(strcmp(a.output, "0\n1\n2\n3\n") == 0); /* the last one is that directory */
    run(&w, "input", &a);
    CHECK(strcmp(a.output, "/\n0022\n0\n256\n") == 0);
    run(&w, "privileges", &a);
    CHECK(strcmp(a.output, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"
                           "NoNewPrivs:\t1\n") == 0);
    run(&w, "session", &a);
    CHECK(strcmp(a.output, "own\n") == 0);
    unsetenv("RUNNER_SECRET");
}

static void it_becomes_its_user(void)
{
    CLEANUP(world_done) struct world w = {};
    struct asked a;

    if (geteuid() != 0)
        skip();
    world_init(&w);
    w.child.env.unprivileged = false;
    declare(&w, "whoami", "id -u; id -G; grep ^Cap /proc/$$/status | grep -v Bnd | cut -f 2");
    run(&w, "whoami", &a);
    CHECK(strcmp(a.output, "65534\n65534\n0000000000000000\n0000000000000000\n"
                           "0000000000000000\n0000000000000000\n") == 0);
    declare(&w, "nowhere", "id");
    w.commands[1].user = "autarky-no-such-user";
    run(&w, "nowhere", &a);
    CHECK_INT(a.rc, RC_NOTFOUND);
    CHECK(strstr(a.why, "autarky-no-such-user does not exist"));
}

static void what_is_missing_is_said(void)
{
    CLEANUP(world_done) struct world w = {};
    struct asked a;

    world_init(&w);
    declare(&w, "missing", "");
    w.argv[0][0] = "/nonexistent/program";
    run(&w, "missing", &a);
    CHECK_INT(a.rc, RC_OK);
    CHECK_INT(WEXITSTATUS(a.status), 127);
    CHECK(strstr(a.output, "could not be executed: No such file"));
}

static void output_has_a_limit(void)
{
    CLEANUP(world_done) struct world w = {};
    struct asked a;

    world_init(&w);
    declare(&w, "much", "printf begin; head -c 1000000 /dev/zero | tr '\\0' x; exit 4");
    run(&w, "much", &a);
    CHECK_INT(WEXITSTATUS(a.status), 4);
    CHECK_INT(a.n, RUNNER_OUTPUT_MAX);
    CHECK(strncmp(a.output, "beginxxx", 8) == 0);
}

/* ---- those that take too long */

/* A command that starts another one, tells of both in a FIFO, and waits for ever. */
static void declare_endless(struct world *w, char line[static 256])
{
    snprintf(w->fifo, sizeof(w->fifo), "%s/fifo", w->dir.path);
    CHECK(mkfifo(w->fifo, 0600) == 0);
    snprintf(line, 256, "sleep 100000 & echo $$ $! > %s; wait", w->fifo);
    declare(w, "endless", line);
    /* What loses its parent comes to this process, which can see how it ended. */
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
}

/* The two that the endless command tells; 0 when it did not. */
static void read_pids(struct world *w, pid_t *first, pid_t *second)
{
    char text[64] = "";
    char *end = text;
    FILE *f;

    started(w, 1);
    f = fopen(w->fifo, "r"); /* waits for the command */
    CHECK(f);
    CHECK(fgets(text, sizeof(text), f) == text);
    fclose(f);
    *first = (pid_t)strtol(text, &end, 10);
    *second = (pid_t)strtol(end, NULL, 10);
    CHECK(*first > 1 && *second > 1);
}

static void is_killed(pid_t pid)
{
    int status = 0;

    CHECK(pid > 1);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void late_ones_are_killed_with_their_group(void)
{
    CLEANUP(world_done) struct world w = {};
    char line[256];
    struct asked a;
    pid_t shell = 0, child = 0;

    world_init(&w);
    declare_endless(&w, line);
    CHECK_OK(ask(&w, STR("endless"), &a, NULL));
    read_pids(&w, &shell, &child);
    clock_fake_advance(&w.clock, SECONDS * WHEN_SECOND - 1);
    ev_run_once(w.child.env.ev, EV_NOWAIT);
    CHECK(!a.done && kill(shell, 0) == 0);
    clock_fake_advance(&w.clock, 1);
    wait_for(&w, &a.done);
    CHECK_INT(a.rc, RC_TIMEOUT);
    CHECK(strstr(a.why, "endless took longer than 5 seconds"));
    is_killed(child);
    CHECK_INT(runner_of(&w)->n_runs, 0);
}

/* The answer does not wait for what a command leaves behind, and that does not stay. */
static void what_it_leaves_behind_goes(void)
{
    CLEANUP(world_done) struct world w = {};
    struct asked a;
    pid_t child;

    world_init(&w);
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0);
    declare(&w, "leaves", "sleep 100000 & echo $!");
    run(&w, "leaves", &a);
    CHECK_INT(a.status, 0);
    child = (pid_t)strtol(a.output, NULL, 10);
    CHECK(child > 0);
    is_killed(child);
}

static void who_gives_up_ends_it(void)
{
    CLEANUP(world_done) struct world w = {};
    struct ipc_call *call;
    char line[256];
    struct asked a;
    pid_t shell = 0, child = 0;

    world_init(&w);
    declare_endless(&w, line);
    CHECK_OK(ask(&w, STR("endless"), &a, &call));
    read_pids(&w, &shell, &child);
    ipc_cancel(call);
    CHECK_INT(a.rc, RC_CANCELLED);
    for (int i = 0; i < TURNS && runner_of(&w)->n_runs; i++)
        ev_run_once(w.child.env.ev, EV_WAIT);
    CHECK_INT(runner_of(&w)->n_runs, 0);
    is_killed(child);
}

static void draining_ends_it(void)
{
    CLEANUP(world_done) struct world w = {};
    char line[256];
    struct asked a;
    struct asked late;
    pid_t shell = 0, child = 0;

    world_init(&w);
    declare_endless(&w, line);
    CHECK_OK(ask(&w, STR("endless"), &a, NULL));
    read_pids(&w, &shell, &child);
    w.child.draining = true;
    role_runner.drain(&w.child.env);
    CHECK(!w.child.drained);
    CHECK_OK(ask(&w, STR("endless"), &late, NULL));
    wait_for(&w, &a.done);
    wait_for(&w, &late.done);
    CHECK_INT(a.rc, RC_CANCELLED);
    CHECK_INT(late.rc, RC_CANCELLED);
    CHECK(strstr(a.why, "endless was not run to its end"));
    CHECK(w.child.drained);
    is_killed(child);
}

static void the_end_of_the_process_ends_it(void)
{
    CLEANUP(world_done) struct world w = {};
    char line[256];
    struct asked a;
    pid_t shell = 0, child = 0;

    world_init(&w);
    declare_endless(&w, line);
    CHECK_OK(ask(&w, STR("endless"), &a, NULL));
    read_pids(&w, &shell, &child);
    ipc_chan_free(MOVE(w.core));
    ipc_chan_free(MOVE(w.runner));
    CHECK(a.done && a.rc == RC_CLOSED);
    role_runner.close(&w.child.env);
    is_killed(child);
}

static void only_so_many_at_a_time(void)
{
    CLEANUP(world_done) struct world w = {};
    struct asked a[RUNNER_RUNS_MAX + 1];

    world_init(&w);
    declare(&w, "waits", "exec sleep 100000");
    for (size_t i = 0; i < RUNNER_RUNS_MAX; i++)
        CHECK_OK(ask(&w, STR("waits"), &a[i], NULL));
    started(&w, RUNNER_RUNS_MAX);
    CHECK_RC(ask(&w, STR("waits"), &a[RUNNER_RUNS_MAX], NULL), RC_QUOTA);
    clock_fake_advance(&w.clock, SECONDS * WHEN_SECOND);
    for (size_t i = 0; i < RUNNER_RUNS_MAX; i++) {
        wait_for(&w, &a[i].done);
        CHECK_INT(a[i].rc, RC_TIMEOUT);
    }
}

CHECK_MAIN(CHECK_TEST_ONCE(what_is_declared_runs), CHECK_TEST_ONCE(other_names_do_not),
           CHECK_TEST_ONCE(it_finds_little), CHECK_TEST_ONCE(it_becomes_its_user),
           CHECK_TEST_ONCE(what_is_missing_is_said), CHECK_TEST_ONCE(output_has_a_limit),
           CHECK_TEST_ONCE(late_ones_are_killed_with_their_group),
           CHECK_TEST_ONCE(what_it_leaves_behind_goes), CHECK_TEST_ONCE(who_gives_up_ends_it),
           CHECK_TEST_ONCE(draining_ends_it), CHECK_TEST_ONCE(the_end_of_the_process_ends_it),
           CHECK_TEST_ONCE(only_so_many_at_a_time))
