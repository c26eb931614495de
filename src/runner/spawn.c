/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "runner/runner_int.h"
#include "sandbox/child.h"
#include "sandbox/users.h"

enum { EXIT_NOT_EXECUTED = 127 };

MSG(msg_spawn, "runner.not-started", "the command {0} could not be started: {1}");

/* Made before fork(2): afterwards nothing may allocate or look anything up. */
struct image {
    const struct runner_command *cmd;
    const struct runner_feed *feed; /* or NULL */
    int input;                      /* of it */
    struct sandbox_child_limits limits;
    struct sandbox_child_as as;
    pid_t parent;
    int output;
};

static struct sandbox_child_limits limits_of(const struct runner_command *cmd)
{
    return (struct sandbox_child_limits){.cpu_seconds = cmd->seconds,
                                         .files = RUNNER_FILES_MAX,
                                         .processes = RUNNER_PROCESSES_MAX,
                                         .memory = RUNNER_MEMORY_MAX,
                                         .file = RUNNER_FILE_MAX};
}

/* Between fork and exec: system calls only. */
static bool prepare(const struct image *im)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    umask(022);
    return null >= 0 && setsid() >= 0 && sandbox_default_signals() &&
           dup2(im->feed ? im->input : null, STDIN_FILENO) >= 0 &&
           dup2(im->feed ? null : im->output, STDOUT_FILENO) >= 0 &&
           dup2(im->output, STDERR_FILENO) >= 0 && close_range(STDERR_FILENO + 1, ~0u, 0) == 0 &&
           chdir("/") == 0 && sandbox_child_limit(&im->limits) && sandbox_child_become(&im->as) &&
           prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == im->parent;
}

_Noreturn static void become(const struct image *im)
{
    static const char complaint[] = "autarky: it could not be executed: ";
    static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    static char locale[] = "LC_ALL=C.UTF-8";
    char *env[RUNNER_VARIABLES + 3] = {path, locale};
    const char *why;

    for (size_t i = 0; im->feed && i < RUNNER_VARIABLES; i++)
        env[i + 2] = (char *)(uintptr_t)im->feed->variables[i];

    /* execve(2) takes no const for the sake of old programs, and changes nothing. */
    if (prepare(im))
        execve(im->cmd->argv[0], (char *const *)(uintptr_t)im->cmd->argv, env);
    why = strerrordesc_np(errno);
    if (write(STDERR_FILENO, complaint, sizeof(complaint) - 1) < 0 ||
        write(STDERR_FILENO, why, strlen(why)) < 0)
        _exit(EXIT_NOT_EXECUTED);
    _exit(EXIT_NOT_EXECUTED);
}

/* A file without a name, so that nobody waits for a program that does not read. */
static enum rc make_input(struct str bytes, int *out)
{
    CLEANUP(fd_closep) int fd = memfd_create("alert", MFD_CLOEXEC);

    if (fd < 0 || !file_put_all(fd, bytes) || lseek(fd, 0, SEEK_SET) != 0)
        return RC_IO;
    *out = fd_move(&fd);
    return RC_OK;
}

enum rc runner_spawn(const struct runner_command *cmd, const struct runner_feed *feed,
                     bool become_it, pid_t *out_pid, int *out_fd, struct err *err)
{
    struct image im = {.cmd = cmd,
                       .feed = feed,
                       .limits = limits_of(cmd),
                       .as = {.become = become_it, .no_new_privs = true},
                       .parent = getpid()};
    CLEANUP(fd_closep) int input = -1;
    CLEANUP(fd_closep) int ours = -1;
    CLEANUP(fd_closep) int theirs = -1;
    int fds[2];
    pid_t pid;

    if (become_it)
        TRY(sandbox_user_find(cmd->user, &im.as.uid, &im.as.gid, err));
    if (feed && make_input(feed->input, &input) != RC_OK)
        return ERR(err, RC_IO, msg_spawn, str_of(cmd->name), str_of(strerrordesc_np(errno)));
    im.input = input;
    if (pipe2(fds, O_CLOEXEC) != 0)
        return ERR(err, RC_IO, msg_spawn, str_of(cmd->name), str_of(strerrordesc_np(errno)));
    ours = fds[0];
    theirs = fds[1];
    im.output = theirs;
    pid = fork();
    if (pid == 0)
        become(&im);
    if (pid < 0)
        return ERR(err, RC_IO, msg_spawn, str_of(cmd->name), str_of(strerrordesc_np(errno)));
    *out_pid = pid;
    *out_fd = fd_move(&ours);
    return RC_OK;
}
