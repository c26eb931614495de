/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the runner: runner.c (which commands, and how they live), spawn.c (fork, exec). */
#pragma once

#include "base/list.h"
#include "ev/ev.h"
#include "role/role.h"

enum {
    RUNNER_RUNS_MAX = 4,      /* at a time */
    RUNNER_OUTPUT_MAX = 4096, /* first bytes that are answered; what follows is read and lost */
    /* Of the command, beside its time: */
    RUNNER_FILES_MAX = 256,
    RUNNER_PROCESSES_MAX = 128, /* of its user */
};
#define RUNNER_MEMORY_MAX (UINT64_C(1) << 30)
#define RUNNER_FILE_MAX (UINT64_C(64) << 20) /* bytes of one that it writes */

/* A command that may be executed; nobody chooses anything but its name. */
struct runner_command {
    const char *name;
    const char *user;        /* that it becomes where the service was started as root */
    const char *const *argv; /* the first is an absolute path; NULL at the end */
    unsigned seconds;        /* then it is killed, and its process group with it */
};

struct runner {
    struct role_env *env;
    const struct runner_command *commands;
    size_t n_commands;
    struct ev_signal *sigchld;
    struct list runs;
    size_t n_runs;
    bool draining;
};

/* Executes it in a session of its own, with an environment of ours and no descriptors but the null
 * device and *out_fd, a pipe that takes both outputs. RC_NOTFOUND when its user does not exist;
 * RC_IO. What fails later ends it with status 127 and a line of output. */
enum rc runner_spawn(const struct runner_command *cmd, bool become, pid_t *out_pid, int *out_fd,
                     struct err *err);
