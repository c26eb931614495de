/* SPDX-License-Identifier: Apache-2.0 */
#include "serve/serve_int.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fd.h"
#include "ev/clock.h"
#include "sandbox/child.h"

enum { ENV_MAX = 24, ENV_BYTES = 64 << 10, ARG_BYTES = 32, EXIT_NOT_EXECUTED = 127 };

MSG(msg_spawn, "serve.not-started", "the {0} process could not be started: {1}");

#ifdef AUTARKY_TEST_HOOKS
enum rc serve_test_clock_open(int *out_fd)
{
    return clock_test_open(out_fd);
}

/* So that tests reach the roles with what they set. */
static const char *const test_variables[] = {"AUTARKY_LANDLOCK_ABI", "AUTARKY_FAIL_ALLOC", NULL};
#else
enum rc serve_test_clock_open(int *out_fd)
{
    *out_fd = -1;
    return RC_OK;
}

static const char *const test_variables[] = {NULL};
#endif

static const char *const always[] = {"ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS", NULL};

/* Made before fork(2): afterwards nothing may allocate. */
struct image {
    struct arena arena;
    char role[ARG_BYTES];
    char *argv[3];
    char *env[ENV_MAX];
    size_t n_env;
};

static enum rc put_setting(struct image *im, struct str setting)
{
    char *p;

    if (setting.n == 0)
        return RC_OK;
    if (im->n_env == ENV_MAX - 1)
        return RC_TOOBIG;
    p = arena_alloc(&im->arena, setting.n + 1);
    if (!p)
        return RC_NOMEM;
    TRY(str_copyz(setting, p, setting.n + 1));
    im->env[im->n_env++] = p;
    return RC_OK;
}

static enum rc put_variables(struct image *im, const char *const *names)
{
    for (; names && *names; names++) {
        const char *value = getenv(*names);
        struct str setting;

        if (!value)
            continue;
        setting = arena_printf(&im->arena, "%s=%s", *names, value);
        if (!setting.p)
            return RC_NOMEM;
        TRY(put_setting(im, setting));
    }
    return RC_OK;
}

static enum rc image_init(struct image *im, const struct role_def *def, int test_clock)
{
    static char name[] = "autarky";

    arena_init(&im->arena, ENV_BYTES);
    snprintf(im->role, sizeof(im->role), "--role=%s", role_name(def->role));
    im->argv[0] = name;
    im->argv[1] = im->role;
    TRY(put_setting(im, STR("PATH=/usr/sbin:/usr/bin:/sbin:/bin")));
    TRY(put_setting(im, STR("LC_ALL=C.UTF-8")));
    TRY(put_variables(im, always));
    TRY(put_variables(im, test_variables));
    if (test_clock >= 0)
        TRY(put_setting(im, STR(ROLE_TEST_CLOCK_VARIABLE "=1")));
    return put_variables(im, def->environment);
}

static void image_done(struct image *im)
{
    arena_done(&im->arena);
}

/* dup2(2) clears close-on-exec; a descriptor that is at its place already keeps it. */
static bool put_fd(int fd, int at)
{
    return fd == at ? fcntl(fd, F_SETFD, 0) == 0 : dup2(fd, at) == at;
}

/* Between fork and exec: system calls only. */
_Noreturn static void become(const struct image *im, const char *program, int channel,
                             int test_clock, pid_t parent)
{
    static const char complaint[] = "autarky: a role's process could not be executed\n";
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int high = fcntl(channel, F_DUPFD_CLOEXEC, ROLE_TEST_CLOCK_FD + 1);
    int clock = test_clock < 0 ? -1 : fcntl(test_clock, F_DUPFD_CLOEXEC, ROLE_TEST_CLOCK_FD + 1);
    bool ok = null >= 0 && high >= 0 && sandbox_default_signals() &&
              prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == parent &&
              put_fd(null, STDIN_FILENO) && put_fd(high, ROLE_CHANNEL_FD);

    if (ok && clock >= 0)
        ok = put_fd(clock, ROLE_TEST_CLOCK_FD);
    if (ok && close_range(clock >= 0 ? ROLE_TEST_CLOCK_FD + 1 : ROLE_CHANNEL_FD + 1, ~0u, 0) == 0)
        execve(program, im->argv, im->env);
    if (write(STDERR_FILENO, complaint, sizeof(complaint) - 1) < 0)
        _exit(EXIT_NOT_EXECUTED);
    _exit(EXIT_NOT_EXECUTED);
}

enum rc serve_spawn(const struct role_def *def, const char *program, int test_clock, pid_t *out_pid,
                    int *out_fd, struct err *err)
{
    CLEANUP(image_done) struct image im = {};
    CLEANUP(fd_closep) int ours = -1;
    CLEANUP(fd_closep) int theirs = -1;
    pid_t parent = getpid();
    int pair[2];
    pid_t pid;

    TRY(image_init(&im, def, test_clock));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return ERR(err, RC_IO, msg_spawn, str_of(role_name(def->role)),
                   str_of(strerrordesc_np(errno)));
    ours = pair[0];
    theirs = pair[1];
    pid = fork();
    if (pid == 0)
        become(&im, program ? program : "/proc/self/exe", theirs, test_clock, parent);
    if (pid < 0)
        return ERR(err, RC_IO, msg_spawn, str_of(role_name(def->role)),
                   str_of(strerrordesc_np(errno)));
    *out_pid = pid;
    *out_fd = fd_move(&ours);
    return RC_OK;
}
