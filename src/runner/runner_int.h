/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the runner: runner.c (which commands, and how they live), notice.c (programs that
 * tell of alerts), hook.c (programs that set records), spawn.c (fork, exec). */
#pragma once

#include "base/arena.h"
#include "base/id.h"
#include "base/list.h"
#include "ev/ev.h"
#include "role/role.h"

enum {
    RUNNER_RUNS_MAX = 4,      /* at a time */
    RUNNER_OUTPUT_MAX = 4096, /* first bytes that are answered; what follows is read and lost */
    RUNNER_NOTICES_MAX = 48,  /* programs of receivers at a time: core asks for 20, and may die */
    RUNNER_RESULTS_MAX = 64,  /* of such programs that are remembered */
    RUNNER_SAID_MAX = 400,    /* bytes of what one said last */
    RUNNER_LINES_MAX = 3,     /* of these */
    RUNNER_VARIABLES = 3,     /* beside those of every command */
    RUNNER_RECORDS_MAX = 64,  /* that hooks have set, or are to set */
    RUNNER_DRAIN_SECONDS = 6, /* for hooks that take records away */
    RUNNER_DRAIN_SET_SECONDS = 1, /* of it, for one that sets one */
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

/* What a command gets beside what each gets. */
struct runner_feed {
    struct str input;
    const char *variables[RUNNER_VARIABLES + 1]; /* "NAME=value", NULL at the end */
};

/* One attempt to tell a receiver: what came of it is told again to who asks again. */
struct runner_attempt {
    struct id id;
    uint32_t number;
};

/* The program of a receiver, made of the configuration. */
struct runner_notice {
    struct arena arena; /* of all that `cmd` and `feed` point to */
    struct runner_attempt attempt;
    struct runner_command cmd;
    struct runner_feed feed;
};

struct runner_result {
    struct runner_attempt attempt;
    int status; /* as of waitpid(2) */
    bool late;
    unsigned seconds;
    char name[65], said[RUNNER_SAID_MAX + 1];
};

/* One command, from fork to wait. */
struct run {
    struct list link;
    struct runner *runner;
    const struct runner_command *cmd;
    struct runner_notice *notice; /* owned; NULL: a declared command */
    struct ipc_req *req;          /* of a notice also NULL: who asked is gone, and may ask again */
    pid_t pid;
    int fd;
    struct ev_fd *watch;
    struct ev_timer limit;
    bool late;
    bool killed;
    size_t n;
    char output[RUNNER_OUTPUT_MAX]; /* the first bytes, of a notice the last ones */
};

struct runner {
    struct role_env *env;
    const struct runner_command *commands;
    size_t n_commands;
    struct ev_signal *sigchld;
    struct list runs;
    size_t n_runs, n_notices;
    struct runner_result results[RUNNER_RESULTS_MAX]; /* a ring */
    size_t n_results;                                 /* ever */
    struct runner_hooks *hooks;                       /* NULL: none is declared */
    bool draining, drained;
};

/* ---- spawn.c */

/* Executes it in a session of its own, with an environment of ours and no descriptors but the null
 * device and *out_fd, a pipe that takes both outputs; with a feed, its input, and a pipe for errors
 * alone. RC_NOTFOUND when its user does not exist, RC_DENIED when that is root; RC_IO. What fails
 * later ends it with status 127 and a line of output. */
enum rc runner_spawn(const struct runner_command *cmd, const struct runner_feed *feed, bool become,
                     pid_t *out_pid, int *out_fd, struct err *err);

/* ---- runner.c */

/* Begins a command; with `notice`, which is taken over on success, its own. What is answered to
 * `req` when it has ended is runner_notice_ended's to say there. */
enum rc runner_begin(struct runner *r, const struct runner_command *cmd,
                     struct runner_notice *notice, struct ipc_req *req, struct err *err);
/* Something has ended. */
void runner_look_drained(struct runner *r);
/* When run->req is another one. */
void runner_watch_asker(struct run *run);
/* Puts what came behind what there is, as far as there is room; of a notice the end of all. */
void runner_keep(struct run *run, struct str more);

/* ---- notice.c */

/* Handler of IPC_TELL. */
void runner_on_tell(void *arg, struct ipc_req *req, const void *msg, int fd);
/* It has ended with that status: remembered, and answered if somebody asks. */
void runner_notice_ended(struct run *run, int status);
void runner_notice_free(struct runner_notice *n);

/* ---- hook.c */

/* Looks up users and reads files of variables; before confinement. One that cannot be used is a
 * line in the log, and fails the orders of its sites. RC_NOMEM. */
enum rc runner_hooks_open(struct runner *r);
void runner_hooks_free(struct runner *r);
/* Handler of IPC_HOOK_RECORD. */
void runner_on_record(void *arg, struct ipc_req *req, const void *msg, int fd);
/* Nobody is there any more to ask for their removal: all records are taken away. */
void runner_hooks_orphaned(struct runner *r);
/* The same, and calls that set one are given up; in RUNNER_DRAIN_SECONDS all are. */
void runner_hooks_drain(struct runner *r);
/* Nothing is under way. */
bool runner_hooks_idle(const struct runner *r);
