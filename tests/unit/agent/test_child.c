/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/child.h"
#include "base/fd.h"
#include "base/file.h"
#include "ev/clock.h"
#include "ev/ev.h"

enum { PATH = 128, TURNS = 2000 };

struct test {
    struct check_dir dir;
    struct ev *ev;
    struct agent_world world;
    struct agent_child *child;
    char program[PATH];
    unsigned ends;
    enum rc rc;
    char text[2048], out[256];
};

static void test_done(struct test *t)
{
    agent_child_kill(t->child);
    ev_free(t->ev);
    check_dir_done(&t->dir);
}

static enum rc test_init(struct test *t, const char *script)
{
    check_dir_init(&t->dir);
    snprintf(t->program, sizeof(t->program), "%s/hook", t->dir.path);
    TRY(file_write(t->dir.fd, "hook", str_of(script), 0755, FILE_OWNER_SELF, NULL));
    TRY(ev_new(clock_system(), &t->ev));
    t->world.ev = t->ev;
    return RC_OK;
}

static void on_end(void *arg, const struct agent_child_end *end)
{
    struct test *t = arg;

    t->ends++;
    t->child = NULL;
    t->rc = end->rc;
    IGNORE_RC(str_copyz(str_head(end->out, sizeof(t->out) - 1), t->out, sizeof(t->out)));
    if (end->err)
        err_textz(end->err, t->text, sizeof(t->text));
}

static enum rc start(struct test *t, int64_t timeout)
{
    const char *const argv[] = {t->program, "deploy", "a b", "$HOME;*", NULL};
    const char *const env[] = {"ONE=1", "PATH=/usr/bin:/bin", NULL};
    const struct agent_child_conf conf = {
        .w = &t->world, .argv = argv, .env = env, .timeout = timeout, .fn = on_end, .arg = t};

    t->ends = 0;
    return agent_child_start(&conf, &t->child, NULL);
}

static enum rc run(struct test *t, int64_t timeout)
{
    TRY(start(t, timeout));
    while (t->ends == 0)
        ev_run_once(t->ev, EV_WAIT);
    return t->rc;
}

static void arguments_and_variables(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t, "#!/bin/sh\necho \"$#|$1|$2|$3|$ONE|${AUTARKY_TESTS-none}|$PWD\"\n"
                           "read -r x || echo no input\n"));
    CHECK_OK(run(&t, 10 * WHEN_SECOND));
    CHECK_STR(str_of(t.out), "3|deploy|a b|$HOME;*|1|none|/\nno input\n");
}

/* A descriptor that this process forgot to keep to itself stays here, whatever it is of. */
static void no_descriptor_is_left(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(fd_close) int kept = open("/etc/passwd", O_RDONLY);

    CHECK(kept > STDERR_FILENO);
    CHECK_OK(test_init(&t, "#!/bin/sh\nreadlink /proc/$$/fd/* | grep passwd || echo none\n"));
    CHECK_OK(run(&t, WHEN_MINUTE));
    CHECK_STR(str_of(t.out), "none\n");
}

static void failures_say_why(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t, "#!/bin/sh\necho printed\necho 'it is on fire' >&2\nexit 7\n"));
    CHECK_RC(run(&t, 10 * WHEN_SECOND), RC_CONFLICT);
    CHECK(str_ends(str_of(t.text), STR("/hook deploy ended with status 7: it is on fire")));
    CHECK_STR(str_of(t.out), "printed\n");
    CHECK_OK(
        file_write(t.dir.fd, "hook", STR("#!/bin/sh\nkill -9 $$\n"), 0755, FILE_OWNER_SELF, NULL));
    CHECK_RC(run(&t, 10 * WHEN_SECOND), RC_CONFLICT);
    CHECK(strstr(t.text, "was ended by signal 9"));
}

static void what_cannot_be_executed(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t, "no script"));
    CHECK_RC(run(&t, 10 * WHEN_SECOND), RC_DENIED);
    CHECK(strstr(t.text, "cannot be executed"));
    CHECK(unlinkat(t.dir.fd, "hook", 0) == 0);
    CHECK_RC(run(&t, 10 * WHEN_SECOND), RC_NOTFOUND);
}

/* Killed with what it has started, when its time is up. */
static void one_that_hangs(void)
{
    CLEANUP(test_done) struct test t = {};
    uint64_t number = 0;
    pid_t pid;

    CHECK_OK(test_init(&t, "#!/bin/sh\nsleep 600 &\necho $!\nsleep 600\n"));
    CHECK_RC(run(&t, WHEN_SECOND), RC_TIMEOUT);
    CHECK(strstr(t.text, "did not end within 1 seconds and was killed"));
    CHECK_OK(str_u64(str_trim(str_of(t.out)), INT32_MAX, &number));
    pid = (pid_t)number;
    for (int i = 0; i < TURNS && kill(pid, 0) == 0; i++) {
        char path[64], state[64] = "";
        FILE *f;

        snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        f = fopen(path, "r");
        if (!f || (fgets(state, sizeof(state), f) && strstr(state, ") Z"))) {
            if (f)
                fclose(f);
            return; /* dead, and nobody of this test's to bury it */
        }
        fclose(f);
        usleep(1000);
    }
    CHECK(kill(pid, 0) != 0);
}

static void much_output(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t, "#!/bin/sh\nhead -c 300000 /dev/zero | tr '\\0' x\n"
                           "head -c 300000 /dev/zero | tr '\\0' y >&2\nexit 1\n"));
    CHECK_RC(run(&t, 20 * WHEN_SECOND), RC_CONFLICT);
    CHECK(strlen(t.text) < 1024 && str_ends(str_of(t.text), STR("yyyy")));
}

static void given_up(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t, "#!/bin/sh\nsleep 600\n"));
    CHECK_OK(start(&t, 600 * WHEN_SECOND));
    agent_child_kill(MOVE(t.child));
    ev_run_once(t.ev, EV_NOWAIT);
    CHECK_INT(t.ends, 0);
}

/* It has its say before it ends. */
static void asked_to_end(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t, "#!/bin/sh\ntrap 'echo cleaned; exit 3' TERM\n: > \"$0.ready\"\n"
                           "while :; do sleep 0.05; done\n"));
    CHECK_OK(start(&t, 20 * WHEN_SECOND));
    for (int i = 0; i < TURNS && faccessat(t.dir.fd, "hook.ready", F_OK, 0) != 0; i++)
        usleep(1000);
    agent_child_ask(t.child);
    while (t.ends == 0)
        ev_run_once(t.ev, EV_WAIT);
    CHECK_RC(t.rc, RC_CONFLICT);
    CHECK_STR(str_of(t.out), "cleaned\n");
}

/* After a signal to stop it has a while, or what is left of its own time. */
static void stopped(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t, "#!/bin/sh\necho waiting >&2\nsleep ${ONE}00\n"));
    CHECK_OK(start(&t, WHEN_HOUR));
    agent_child_stop(t.child, WHEN_SECOND);
    agent_child_stop(t.child, WHEN_HOUR);
    while (t.ends == 0)
        ev_run_once(t.ev, EV_WAIT);
    CHECK_RC(t.rc, RC_CANCELLED);
    CHECK(strstr(t.text, "deploy did not end within 1 seconds after the signal to stop, and was "
                         "killed: waiting"));
    CHECK_OK(start(&t, WHEN_SECOND));
    agent_child_stop(t.child, WHEN_HOUR);
    while (t.ends == 0)
        ev_run_once(t.ev, EV_WAIT);
    CHECK_RC(t.rc, RC_TIMEOUT);
}

CHECK_MAIN(CHECK_TEST_ONCE(stopped), CHECK_TEST_ONCE(arguments_and_variables),
           CHECK_TEST_ONCE(no_descriptor_is_left), CHECK_TEST_ONCE(failures_say_why),
           CHECK_TEST_ONCE(what_cannot_be_executed), CHECK_TEST_ONCE(one_that_hangs),
           CHECK_TEST_ONCE(much_output), CHECK_TEST_ONCE(given_up), CHECK_TEST_ONCE(asked_to_end))
