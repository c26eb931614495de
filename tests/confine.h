/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of confinement: a forked child enters a table and tries one thing; the parent is told
 * how that ended. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "sandbox/sandbox.h"

enum {
    CONFINE_WORKS = 0,    /* the thing could be done */
    CONFINE_FAILS = 1,    /* it failed, with an errno */
    CONFINE_NOT_IN = 2,   /* the table could not be entered */
    CONFINE_KILLED = 100, /* the process was ended with SIGSYS */
    CONFINE_OTHER = 101,
};

/* Does it and returns 0, or -1 with errno; `arg` is the caller's. */
typedef int (*confine_try)(void *arg);

struct confine_at {
    struct sandbox_at at;
    const char *abi; /* AUTARKY_LANDLOCK_ABI; NULL: the kernel's */
    int stderr_fd;   /* -1: thrown away */
};

static inline int confine_child(const struct sandbox *sb, const struct confine_at *where,
                                confine_try fn, void *arg)
{
    struct sandbox_report report;
    struct err err = ERR_INIT;
    char text[256];
    int sink = where->stderr_fd >= 0 ? where->stderr_fd : open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (where->abi)
        setenv("AUTARKY_LANDLOCK_ABI", where->abi, 1);
    if (sandbox_enter(sb, &where->at, &report, &err) != RC_OK) {
        fprintf(stderr, "not confined: %s\n", err_textz(&err, text, sizeof(text)));
        return CONFINE_NOT_IN;
    }
    dup2(sink, STDERR_FILENO);
    return fn(arg) == 0 ? CONFINE_WORKS : CONFINE_FAILS;
}

/* _exit, so that neither cmocka nor a leak check runs in the child: its parent's blocks are not its
 * own. */
static inline int confine_run(const struct sandbox *sb, const struct confine_at *where,
                              confine_try fn, void *arg)
{
    pid_t pid;
    int status;

    fflush(NULL);
    pid = fork();
    if (pid == 0)
        _exit(confine_child(sb, where, fn, arg));
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return CONFINE_OTHER;
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGSYS ? CONFINE_KILLED : CONFINE_OTHER;
    return WEXITSTATUS(status);
}
