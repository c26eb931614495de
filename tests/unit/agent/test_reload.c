/* SPDX-License-Identifier: Apache-2.0 */
/* Services told to reload: what is written, programs with their arguments, signals. */
#include "check.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/reload.h"
#include "base/file.h"
#include "ev/clock.h"
#include "ev/ev.h"

struct test {
    struct check_dir dir;
    struct ev *ev;
    struct agent_world world;
    bool stopped;
    struct ev_timer timer;
    pid_t pid;
    struct err err;
    char how[512];
};

static void test_done(struct test *t)
{
    ev_timer_stop(&t->timer);
    if (t->pid > 0) {
        kill(t->pid, SIGKILL);
        waitpid(t->pid, NULL, 0);
    }
    ev_free(t->ev);
    check_dir_done(&t->dir);
}

static void on_timer(void *arg)
{
    ((struct test *)arg)->stopped = true;
}

static enum rc test_init(struct test *t, const char *script)
{
    check_dir_init(&t->dir);
    TRY(file_write(t->dir.fd, "reload", str_of(script), 0755, FILE_OWNER_SELF, NULL));
    TRY(ev_new(clock_system(), &t->ev));
    ev_timer_init(&t->timer, t->ev, on_timer, t);
    t->world.ev = t->ev;
    return RC_OK;
}

static enum rc reload(struct test *t, int64_t timeout)
{
    t->err = ERR_INIT;
    return agent_reload(&t->world, str_of(t->how), timeout, &t->stopped, &t->err);
}

static void as_written(void)
{
    static const char *const good[] = {"/bin/true",
                                       "/usr/sbin/nginx -s reload",
                                       "/bin/x 'a b' \"c d\"",
                                       "unit:nginx.service",
                                       "unit:a@b-1.service",
                                       "signal:HUP:/run/x.pid",
                                       "shell:a && b",
                                       "signal:USR2:/run/with:colon.pid"};
    static const char *const bad[] = {"",
                                      "nginx",
                                      "unit:",
                                      "unit:-x",
                                      "unit:a b",
                                      "unit:a;b",
                                      "signal:HUP",
                                      "signal:HUP:x.pid",
                                      "signal:KILL:/run/x.pid",
                                      "shell:",
                                      "shell:  ",
                                      "/bin/x 'open",
                                      "other:x",
                                      "signal::/run/x"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        CHECK_OK(agent_reload_check(str_of(good[i]), NULL));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_RC(agent_reload_check(str_of(bad[i]), NULL), RC_INVAL);
}

static void words(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(buf_done) struct buf out = BUF_INIT(4096);
    char want[512];

    CHECK_OK(test_init(&t, "#!/bin/sh\nprintf '%s|' \"$@\" > \"$1\"\n"));
    snprintf(t.how, sizeof(t.how), "%s/reload  %s/out 'a  b' \"it's\" x'y'z '' $HOME ;", t.dir.path,
             t.dir.path);
    CHECK_OK(reload(&t, 10 * WHEN_SECOND));
    CHECK_OK(file_read(t.dir.fd, "out", &out, NULL));
    snprintf(want, sizeof(want), "%s/out|a  b|it's|xyz||$HOME|;|", t.dir.path);
    CHECK_STR(buf_str(&out), want);
    snprintf(t.how, sizeof(t.how), "shell:echo $((1 + 1)) > %s/out", t.dir.path);
    buf_reset(&out);
    CHECK_OK(reload(&t, 10 * WHEN_SECOND));
    CHECK_OK(file_read(t.dir.fd, "out", &out, NULL));
    CHECK_STR(buf_str(&out), "2\n");
}

static void failures(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t, "#!/bin/sh\n[ \"$1\" = hang ] && sleep 600\n"
                           "echo on fire >&2\nexit 3\n"));
    snprintf(t.how, sizeof(t.how), "%s/reload", t.dir.path);
    CHECK_RC(reload(&t, 10 * WHEN_SECOND), RC_CONFLICT);
    CHECK_STR(str_of(t.err.msg->code), "agent.child-failed");
    snprintf(t.how, sizeof(t.how), "%s/reload hang", t.dir.path);
    CHECK_RC(reload(&t, WHEN_SECOND / 5), RC_TIMEOUT);
    snprintf(t.how, sizeof(t.how), "%s/nothing", t.dir.path);
    CHECK_RC(reload(&t, WHEN_SECOND), RC_NOTFOUND);
    snprintf(t.how, sizeof(t.how), "%s/reload hang", t.dir.path);
    ev_timer_start(&t.timer, WHEN_SECOND / 5, 0);
    CHECK_RC(reload(&t, 600 * WHEN_SECOND), RC_CANCELLED);
}

static enum rc write_pid(struct test *t, const char *text, mode_t mode)
{
    snprintf(t->how, sizeof(t->how), "signal:USR1:%s/pid", t->dir.path);
    TRY(file_write(t->dir.fd, "pid", str_of(text), 0644, FILE_OWNER_SELF, NULL));
    return fchmodat(t->dir.fd, "pid", mode, 0) == 0 ? RC_OK : RC_IO;
}

static void signals(void)
{
    CLEANUP(test_done) struct test t = {};
    char text[32];
    int status = 0;

    CHECK_OK(test_init(&t, ""));
    t.pid = fork();
    if (t.pid == 0) {
        pause();
        _exit(1);
    }
    snprintf(text, sizeof(text), "%d\n/var/lib\n", t.pid);
    CHECK_OK(write_pid(&t, text, 0666));
    CHECK_RC(reload(&t, 0), RC_DENIED);
    CHECK_OK(write_pid(&t, text, 0644));
    CHECK_OK(reload(&t, 0));
    CHECK(waitpid(t.pid, &status, 0) == t.pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
    t.pid = 0;
    CHECK_RC(reload(&t, 0), RC_NOTFOUND);
    CHECK_STR(str_of(t.err.msg->code), "agent.reload-process");
}

static void no_pid_files(void)
{
    static const char *const bad[] = {"", "1\n", "0", "-5", "12 13", "99999999999", "x"};
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t, ""));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_OK(write_pid(&t, bad[i], 0644));
        CHECK_RC(reload(&t, 0), RC_PARSE);
    }
    CHECK(renameat(t.dir.fd, "pid", t.dir.fd, "other") == 0);
    CHECK_RC(reload(&t, 0), RC_NOTFOUND);
    CHECK(symlinkat("other", t.dir.fd, "pid") == 0);
    CHECK_RC(reload(&t, 0), RC_DENIED);
    CHECK(unlinkat(t.dir.fd, "pid", 0) == 0);
    CHECK(mkdirat(t.dir.fd, "pid", 0700) == 0);
    CHECK_RC(reload(&t, 0), RC_DENIED);
}

/* A service's user may not have root signal anybody else. */
static void of_another_user(void)
{
    CLEANUP(test_done) struct test t = {};
    char text[32];

    if (geteuid() != 0)
        skip();
    CHECK_OK(test_init(&t, ""));
    snprintf(text, sizeof(text), "%d", getppid());
    CHECK_OK(write_pid(&t, text, 0644));
    CHECK(fchownat(t.dir.fd, "pid", 65534, 65534, 0) == 0);
    CHECK_RC(reload(&t, 0), RC_DENIED);
    CHECK_STR(str_of(t.err.msg->code), "agent.reload-process");
}

CHECK_MAIN(CHECK_TEST(as_written), CHECK_TEST_ONCE(words), CHECK_TEST_ONCE(failures),
           CHECK_TEST_ONCE(signals), CHECK_TEST_ONCE(no_pid_files),
           CHECK_TEST_ONCE(of_another_user))
