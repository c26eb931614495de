/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that tell of alerts, real ones, beside a core that this test plays and that dies. */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "conf/load.h"
#include "ev/clock.h"
#include "ipc/notice_messages.h"
#include "log/log.h"
#include "role/child_int.h"
#include "role/roles.h"
#include "runner/runner_int.h"

enum { TURNS = 100'000, SECONDS = 5, LARGE = 200 * 1024 };

#define NOW (20'000 * WHEN_DAY)

struct told {
    bool done, final;
    enum rc rc;  /* of the asking */
    enum rc why; /* of the program */
    char said[2048];
};

struct world {
    struct role_child child; /* its env is the runner's */
    struct clock_fake clock;
    const struct conf *conf;
    struct ipc_chan *runner, *core;
    struct check_dir dir;
    char program[300];
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

static void core_comes(struct world *w)
{
    const struct ipc_chan_conf runner = {.self = ROLE_RUNNER,
                                         .peer = ROLE_CORE,
                                         .handlers = role_runner.handlers,
                                         .n_handlers = role_runner.n_handlers,
                                         .on_close = on_close,
                                         .arg = &w->child.env};
    const struct ipc_chan_conf core = {
        .self = ROLE_CORE, .peer = ROLE_RUNNER, .on_close = on_close};
    int fds[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
    CHECK_OK(ipc_chan_new(w->child.env.ev, fds[0], &runner, &w->runner));
    CHECK_OK(ipc_chan_new(w->child.env.ev, fds[1], &core, &w->core));
}

static void core_dies(struct world *w)
{
    ipc_chan_free(MOVE(w->core));
    ipc_chan_free(MOVE(w->runner));
}

static void load(struct world *w)
{
    CLEANUP(conf_report_done) struct conf_report report = {};
    struct conf_input in;
    char text[2048];

    snprintf(text, sizeof(text),
             "organization: Example Hospital\ndomain: hospital.example\nreceivers:\n"
             "  - {name: page, kind: exec, user: nobody, timeout: 5s, command: [\"%s\", night, "
             "\"a b\"]}\n"
             "  - {name: hook, kind: webhook, url: \"http://10.0.0.9/\", plain: true, "
             "secret_file: s}\n",
             w->program);
    conf_input_init(&in);
    conf_report_init(&report);
    CHECK_OK(conf_input_add(&in, STR("test.yaml"), str_of(text)));
    CHECK_OK(conf_load(&in, &w->conf, &report));
    conf_input_done(&in);
    w->child.env.conf = w->conf;
}

static void world_init(struct world *w)
{
    const struct log_conf quietly = {.role = "test", .sink = quiet};

    memset(w, 0, sizeof(*w));
    log_init(&quietly);
    check_dir_init(&w->dir);
    CHECK(chmod(w->dir.path, 0755) == 0);
    snprintf(w->program, sizeof(w->program), "%s/program", w->dir.path);
    load(w);
    clock_fake_init(&w->clock, NOW);
    list_init(&w->child.links);
    w->child.env.clock = &w->clock.clock;
    w->child.env.unprivileged = true;
    CHECK_OK(ev_new(&w->clock.clock, &w->child.env.ev));
    ev_timer_init(&w->child.leave, w->child.env.ev, NULL, NULL);
    CHECK_OK(role_runner.open(&w->child.env, NULL));
    CHECK_OK(role_runner.start(&w->child.env, NULL));
    core_comes(w);
}

static void world_done(struct world *w)
{
    core_dies(w);
    role_runner.close(&w->child.env);
    ev_timer_stop(&w->child.leave);
    ev_free(w->child.env.ev);
    conf_unref(w->conf);
    check_dir_done(&w->dir);
}

#define WORLD(w)                                                                                   \
    CLEANUP(world_done) struct world w = {};                                                       \
    world_init(&w)

/* The receiver's program is now that; each run of it is a line in `count`. */
static void program(struct world *w, const char *lines)
{
    char text[1024];

    snprintf(text, sizeof(text), "#!/bin/sh\ncd '%s'\necho x >>count\n%s\n", w->dir.path, lines);
    CHECK_OK(file_write(AT_FDCWD, w->program, str_of(text), 0755, FILE_OWNER_SELF, NULL));
}

static struct str content(struct world *w, const char *name, struct buf *out)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", w->dir.path, name);
    buf_reset(out);
    IGNORE_RC(file_read(AT_FDCWD, path, out, NULL)); /* then it is empty */
    return buf_str(out);
}

static size_t runs(struct world *w)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(4096);

    return content(w, "count", &b).n / 2;
}

static void on_answer(void *arg, const struct ipc_answer *a)
{
    struct told *t = arg;
    const struct ipc_told *m = a->msg;

    t->done = true;
    t->rc = a->rc;
    if (a->rc == RC_OK) {
        t->why = m->why.rc;
        t->final = m->final;
    }
    err_textz(a->rc == RC_OK ? &m->why : a->err, t->said, sizeof(t->said));
}

static void ask(struct world *w, const char *receiver, uint32_t attempt, struct str body,
                struct told *t)
{
    const struct ipc_tell m = {str_of(receiver), {"0123456789abcdefghjkmnpqrs"}, attempt, body};
    const struct ipc_ask ask = {.type = IPC_TELL, .msg = &m, .fn = on_answer, .arg = t};

    memset(t, 0, sizeof(*t));
    CHECK_OK(ipc_call(w->core, &ask, NULL));
}

static void wait_for(struct world *w, const bool *done)
{
    for (int i = 0; i < TURNS && !*done; i++)
        ev_run_once(w->child.env.ev, EV_WAIT);
    CHECK(*done);
}

static void tell(struct world *w, uint32_t attempt, struct told *t)
{
    ask(w, "page", attempt, STR("{\"version\":1}"), t);
    wait_for(w, &t->done);
}

static void started(struct world *w)
{
    for (int i = 0; i < TURNS && runner_of(w)->n_notices == 0; i++)
        ev_run_once(w->child.env.ev, EV_WAIT);
    CHECK_INT(runner_of(w)->n_notices, 1);
}

static void it_reads_what_a_webhook_gets(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(64 * 1024);
    struct told t;

    setenv("RUNNER_SECRET", "1", 1);
    WORLD(w);
    program(&w, "cat >body; env | grep -v PWD= | sort >env; echo \"$# $1 $2\" >args; ls "
                "/proc/self/fd >fds\n"
                "pwd >pwd; echo heard; echo taken >&2");
    tell(&w, 2, &t);
    CHECK_INT(t.rc, RC_OK);
    CHECK_INT(t.why, RC_OK);
    CHECK(!t.final);
    CHECK_STR(content(&w, "body", &b), "{\"version\":1}");
    CHECK_STR(content(&w, "args", &b), "2 night a b\n");
    CHECK_STR(content(&w, "env", &b),
              "AUTARKY_ATTEMPT=3\nAUTARKY_DELIVERY=0123456789abcdefghjkmnpqrs\n"
              "AUTARKY_RECEIVER=page\nLC_ALL=C.UTF-8\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n");
    CHECK_STR(content(&w, "fds", &b), "0\n1\n2\n3\n"); /* the last one is that directory */
    CHECK_INT(runner_of(&w)->n_notices, 0);
    unsetenv("RUNNER_SECRET");
}

static void how_it_ends_is_told(void)
{
    struct told t;

    WORLD(w);
    program(&w, "echo busy >&2; exit 75");
    tell(&w, 0, &t);
    CHECK(t.rc == RC_OK && t.why == RC_AGAIN && !t.final);
    CHECK(strstr(t.said, "page asks to be run again (status 75): busy"));
    program(&w, "printf 'one\\ntwo\\nthree\\n\\033[2Jno such queue\\t\\303\\251\\n' >&2; exit 3");
    tell(&w, 1, &t);
    CHECK(t.why == RC_DENIED && t.final);
    CHECK(strstr(t.said, "ended with status 3, so it is not run again: two three  [2Jno such"));
    CHECK(strstr(t.said, "queue \303\251") && !strstr(t.said, "one"));
    program(&w, "kill -9 $$");
    tell(&w, 2, &t);
    CHECK(t.why == RC_IO && !t.final && strstr(t.said, "ended by signal 9"));
    program(&w, "exec /nonexistent");
    tell(&w, 3, &t);
    CHECK(t.why == RC_NOTFOUND && !t.final && strstr(t.said, "could not be executed"));
    program(&w, "head -c 1000000 /dev/urandom >&2; exit 4");
    tell(&w, 4, &t);
    CHECK(t.why == RC_DENIED && t.final);
    for (const char *c = t.said; *c; c++)
        CHECK((unsigned char)*c >= ' ' && *c != 0x7f);
}

static void who_does_not_read_holds_up_nobody(void)
{
    CLEANUP(mem_freep) char *large = mem_alloc(LARGE);
    struct told t;

    CHECK(large);
    memset(large, 'x', LARGE);
    WORLD(w);
    program(&w, "exit 0");
    ask(&w, "page", 0, str_bytes(large, LARGE), &t);
    wait_for(&w, &t.done);
    CHECK(t.rc == RC_OK && t.why == RC_OK);
    program(&w, "test $(wc -c) = 204800");
    ask(&w, "page", 1, str_bytes(large, LARGE), &t);
    wait_for(&w, &t.done);
    CHECK(t.rc == RC_OK && t.why == RC_OK);
}

static void late_ones_are_killed(void)
{
    struct told t;

    WORLD(w);
    program(&w, "echo waits >&2; sleep 100000; exit 0");
    ask(&w, "page", 0, STR("{}"), &t);
    started(&w);
    while (!LIST_ENTRY(runner_of(&w)->runs.next, struct run, link)->n)
        ev_run_once(w.child.env.ev, EV_WAIT);
    clock_fake_advance(&w.clock, SECONDS * WHEN_SECOND);
    wait_for(&w, &t.done);
    CHECK(t.rc == RC_OK && t.why == RC_TIMEOUT && !t.final);
    CHECK(strstr(t.said, "took longer than 5 seconds and was killed: waits"));
    CHECK_INT(runner_of(&w)->n_notices, 0);
}

/* A grandchild of another session, which holds the pipe, is not waited for. */
static void what_it_leaves_behind_is_not_waited_for(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(64);
    struct told t;
    uint64_t pid = 0;

    WORLD(w);
    program(&w, "setsid sh -c 'echo $$ >pid; exec sleep 100000' &\n"
                "while ! test -s pid; do :; done; exit 0");
    tell(&w, 0, &t);
    CHECK(t.rc == RC_OK && t.why == RC_OK);
    CHECK_OK(str_u64(str_trim(content(&w, "pid", &b)), INT32_MAX, &pid));
    CHECK(kill((pid_t)pid, SIGKILL) == 0);
}

/* An attempt is made once, whoever asks how often; the next one is another. */
static void an_attempt_is_made_once(void)
{
    struct told t;

    WORLD(w);
    program(&w, "echo busy >&2; exit 75");
    tell(&w, 0, &t);
    CHECK_INT(runs(&w), 1);
    core_dies(&w);
    core_comes(&w);
    tell(&w, 0, &t);
    CHECK(t.rc == RC_OK && t.why == RC_AGAIN && strstr(t.said, "busy"));
    CHECK_INT(runs(&w), 1);
    tell(&w, 1, &t);
    CHECK_INT(runs(&w), 2);
}

static void it_goes_on_when_core_dies(void)
{
    CLEANUP(fd_closep) int fd = -1;
    char fifo[512];
    struct told first, second;

    WORLD(w);
    snprintf(fifo, sizeof(fifo), "%s/fifo", w.dir.path);
    CHECK(mkfifo(fifo, 0600) == 0);
    program(&w, "read go <fifo; exit 0");
    ask(&w, "page", 0, STR("{}"), &first);
    started(&w);
    core_dies(&w);
    CHECK(first.done && first.rc == RC_CLOSED);
    core_comes(&w);
    ask(&w, "page", 0, STR("{}"), &second);
    for (int i = 0; i < 20; i++)
        ev_run_once(w.child.env.ev, EV_NOWAIT);
    CHECK(!second.done);
    fd = open(fifo, O_WRONLY | O_CLOEXEC); /* waits for the program */
    CHECK(fd >= 0 && write(fd, "go\n", 3) == 3);
    wait_for(&w, &second.done);
    CHECK(second.rc == RC_OK && second.why == RC_OK);
    CHECK_INT(runs(&w), 1);
}

static void what_others_can_write_is_not_executed(void)
{
    struct told t;

    WORLD(w);
    program(&w, "exit 0");
    CHECK(chmod(w.program, 0777) == 0);
    tell(&w, 0, &t);
    CHECK_INT(t.rc, RC_DENIED);
    CHECK(strstr(t.said, "chmod go-w") && strstr(t.said, w.program));
    CHECK_INT(runs(&w), 0);
    CHECK(unlink(w.program) == 0);
    tell(&w, 0, &t);
    CHECK_INT(t.rc, RC_NOTFOUND);
    program(&w, "exit 0");
    tell(&w, 0, &t); /* what was refused was no attempt */
    CHECK(t.rc == RC_OK && t.why == RC_OK);
    CHECK_INT(runs(&w), 1);
}

static void what_is_not_configured_is_not_executed(void)
{
    static const char *const names[] = {"hook", "pag", "page ", "", "/bin/sh", "drill"};
    struct told t;

    WORLD(w);
    program(&w, "exit 0");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        ask(&w, names[i], 0, STR("{}"), &t);
        wait_for(&w, &t.done);
        CHECK_INT(t.rc, RC_NOTFOUND);
        CHECK(strstr(t.said, "executes nothing else"));
    }
    CHECK_INT(runs(&w), 0);
}

static void draining_stops_it(void)
{
    struct told t, late;

    WORLD(w);
    program(&w, "exec sleep 100000");
    ask(&w, "page", 0, STR("{}"), &t);
    started(&w);
    w.child.draining = true;
    role_runner.drain(&w.child.env);
    wait_for(&w, &t.done);
    CHECK_INT(t.rc, RC_CANCELLED);
    CHECK_INT(runner_of(&w)->n_results, 0); /* nothing came of it */
    ask(&w, "page", 1, STR("{}"), &late);
    wait_for(&w, &late.done);
    CHECK_INT(late.rc, RC_CANCELLED);
}

static void it_becomes_its_user(void)
{
    struct told t;

    if (geteuid() != 0)
        skip();
    WORLD(w);
    w.child.env.unprivileged = false;
    program(&w, "exit 0");
    CHECK(chmod(w.dir.path, 0755) == 0);
    CHECK_OK(file_write(AT_FDCWD, w.program,
                        STR("#!/bin/sh\nid -u >&2; id -G >&2; cat >&2; exit 9\n"), 0755,
                        FILE_OWNER_SELF, NULL));
    tell(&w, 0, &t);
    CHECK(strstr(t.said, ": 65534 65534 {\"version\":1}"));
    CHECK(chown(w.program, 65534, 65534) == 0); /* it could change itself */
    tell(&w, 1, &t);
    CHECK_INT(t.rc, RC_DENIED);
}

CHECK_MAIN(CHECK_TEST_ONCE(it_reads_what_a_webhook_gets), CHECK_TEST_ONCE(how_it_ends_is_told),
           CHECK_TEST_ONCE(who_does_not_read_holds_up_nobody),
           CHECK_TEST_ONCE(late_ones_are_killed),
           CHECK_TEST_ONCE(what_it_leaves_behind_is_not_waited_for),
           CHECK_TEST_ONCE(an_attempt_is_made_once), CHECK_TEST_ONCE(it_goes_on_when_core_dies),
           CHECK_TEST_ONCE(what_others_can_write_is_not_executed),
           CHECK_TEST_ONCE(what_is_not_configured_is_not_executed),
           CHECK_TEST_ONCE(draining_stops_it), CHECK_TEST_ONCE(it_becomes_its_user))
