/* SPDX-License-Identifier: Apache-2.0 */
/* Another program in the place of this one, without an end of the service: the supervisor executes
 * the file that is at its path now, in the same process. What the new program needs travels as JSON
 * in a sealed memory file, beside the descriptors themselves. upgrade.c: looks at the new program
 * and makes way for it; state.c: what is written and read; adopt.c: takes it up. */
#pragma once

#include "base/err.h"
#include "base/when.h"
#include "serve/listen_int.h"
#include "serve/serve.h"

struct ipc_req;
struct serve;
struct serve_proc;
struct serve_upgrade;

enum {
    SERVE_HANDOVER_MAX = 256 << 10, /* bytes of it */
    SERVE_HANDOVER_FD_MAX = 1 << 20,
    SERVE_LEFT_MAX = 64,        /* processes of programs before, at a time */
    SERVE_VERSION_MAX = 64,     /* bytes of a program's version */
    SERVE_CHECK_SECONDS = 20,   /* for each of the two looks at the new program */
    SERVE_CHECK_MAX = 16 << 10, /* bytes that are read of what it says */
};
/* "FD PID": of the memory file, and of the process that it is for. */
#define SERVE_HANDOVER_VARIABLE "AUTARKY_HANDOVER"

/* A process that goes on with what it has: of the gateway, or front. */
struct serve_left {
    enum role role;
    unsigned number; /* of its slot */
    uint8_t instance;
    pid_t pid;
    when_t since;
    int64_t until; /* monotonic, when it is ended; 0: it accepts, until its successor does */
};

struct serve_handover {
    char version[SERVE_VERSION_MAX]; /* of the program before */
    uint64_t generation;
    int lock; /* DATA/serve.lock */
    struct serve_sockets sockets;
    struct serve_left left[SERVE_LEFT_MAX];
    size_t n_left;
};

/* ---- state.c */

enum rc serve_handover_put(const struct serve_handover *h, struct buf *out);
/* RC_PARSE, and err says at what: all members are there and no others, every text and number is
 * within its limits, no descriptor comes twice. What the descriptors are is not looked at. */
enum rc serve_handover_parse(struct str json, struct serve_handover *out, struct err *err);
/* In a sealed memory file, which the caller closes. RC_IO, RC_NOMEM. */
enum rc serve_handover_seal(const struct serve_handover *h, int *out_fd, struct err *err);
/* The reverse; RC_INVAL for a file that others could still change. */
enum rc serve_handover_open(int fd, struct serve_handover *out, struct err *err);

/* ---- adopt.c */

/* What the program before has handed to this one: *out is NULL when there is nothing. Once only:
 * the variable is gone then. Each descriptor is what it is said to be, and is closed when another
 * program is executed. */
enum rc serve_adopt(struct serve_handover **out, struct err *err);
/* The lock is that of this DATA, and now `*out_fd`. RC_CONFLICT. */
enum rc serve_adopt_lock(struct serve_handover *h, int data, int *out_fd, struct err *err);
/* Processes that go on become old ones of their slots. RC_NOMEM, RC_TOOBIG. */
enum rc serve_adopt_left(struct serve *sup, const struct serve_handover *h, struct err *err);

/* ---- upgrade.c */

/* Looks whether the file at this program's path can take over, and lets it. `req` (NULL: a signal)
 * is answered once it is known that it can, or why not. */
void serve_upgrade_begin(struct serve *sup, struct ipc_req *req);
/* On SIGCHLD. */
void serve_upgrade_reap(struct serve *sup);
/* Whether it is not time yet for those to drain that do not go on. */
bool serve_upgrade_waits(const struct serve *sup);
/* All but those that go on have ended. Returns only if the new program cannot be executed: then
 * this one goes on. */
void serve_upgrade_go(struct serve *sup);
/* Forgets it; at the end. */
void serve_upgrade_cancel(struct serve *sup);
/* Holds back the signals that the supervisor handles, or lets them come. */
void serve_upgrade_signals(bool hold);
/* Where this program's file is, and how it was started; at the start. */
enum rc serve_upgrade_init(struct serve *sup);
