/* SPDX-License-Identifier: Apache-2.0 */
/* A program that the administrator named, executed as it is: arguments as they are given, no shell,
 * an environment of ours and no other, a session of its own that is killed when its time is up. */
#pragma once

#include "agent/solver.h"
#include "base/arena.h"
#include "sandbox/child.h"

struct agent_child;

enum {
    AGENT_CHILD_OUTPUT_MAX = 64 * 1024, /* of each output; what is beyond is read and lost */
    AGENT_CHILD_TEXT = 400,             /* of what it said, in a message: the end of it */
    AGENT_CHILD_ENV = 3,                /* variables that every program gets */
};

struct agent_child_end {
    enum rc rc; /* RC_OK: status 0; RC_CONFLICT: another; RC_TIMEOUT; RC_CANCELLED: the same after
                   agent_child_stop; RC_NOTFOUND, RC_DENIED: it could not be executed */
    const struct err *err; /* unless RC_OK: names the program, and what it said last */
    struct str out, said;  /* its standard output and error, borrowed */
};
typedef void (*agent_child_fn)(void *arg, const struct agent_child_end *end);

/* PATH, LANG and HOME, each as "NAME=value", in the arena: whoever runs this, a person or a timer,
 * the environment is the same. RC_NOMEM. */
enum rc agent_child_env(struct arena *a, const char *out[static AGENT_CHILD_ENV]);

struct agent_child_conf {
    const struct agent_world *w;
    const char *const *argv;                   /* the first is an absolute path; NULL at the end */
    const char *const *env;                    /* "NAME=value", NULL at the end */
    const char *name, *verb;                   /* for messages; NULL: the first two of argv */
    const struct sandbox_child_limits *limits; /* NULL: as they are; what it starts keeps them */
    const struct sandbox_child_as *as;         /* NULL: who runs this */
    bool tied;         /* it is killed when this process ends, however that comes */
    int64_t timeout;   /* microseconds */
    agent_child_fn fn; /* once, never from inside */
    void *arg;
};

/* What is in `conf` is not needed afterwards, but `w`. RC_IO, RC_NOMEM. */
enum rc agent_child_start(const struct agent_child_conf *conf, struct agent_child **out,
                          struct err *err);
/* It has so much time left, microseconds, or less if its own is up before. */
void agent_child_stop(struct agent_child *c, int64_t grace);
/* Asks it to end, by SIGTERM to itself alone; the callback comes as ever. */
void agent_child_ask(const struct agent_child *c);
/* Kills it, with all of its session; the callback does not come. */
void agent_child_kill(struct agent_child *c);
