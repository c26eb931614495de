/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky serve`: the supervisor, and where its things are. It binds the listeners, starts one
 * process per role with the least that role needs, restarts what dies, reloads in two phases and
 * ends all of it in order. It parses nothing that comes from a network. */
#pragma once

#include "base/err.h"
#include "base/id.h"
#include "role/role.h"

struct conf;
struct conf_input;

/* What one program hands to the next at an upgrade, as a number: `autarky version --json` has it.
 */
enum { SERVE_HANDOVER = 1 };

struct serve_options {
    const char *data;   /* DATA */
    const char *config; /* NULL: autarky.yaml in DATA */
    struct id node;     /* handed to the roles; empty: not known yet */
    uint64_t boot;
    /* What follows may be left out. */
    const char *without_sm;             /* as conf/load.h */
    unsigned schema;                    /* of the database, by this program */
    const struct role_def *const *defs; /* NULL: role_defs */
    const char *program;                /* what roles execute; NULL: this very program */
    /* Once all roles are ready for the first time; `listeners` is the text of listeners.json. */
    void (*ready)(void *arg, struct str listeners);
    void *ready_arg;
};

/* Serves until it is told to end (SIGTERM, SIGINT); returns the exit status: 0, or 2 when it could
 * not start, with the reason in the log. */
int serve_run(const struct serve_options *s);

/* ---- where things are, for the commands too */

/* Path of the control socket of an absolute, resolved DATA: control.sock in it, or a path in the
 * run directory where that would pass NET_UNIX_PATH_MAX. With `make`, the directories there are
 * made. */
enum rc serve_control_path(const char *data, bool make, struct buf *out, struct err *err);

/* Takes DATA/serve.lock for as long as *out_fd is open. RC_CONFLICT, naming the process, when
 * another holds it. */
enum rc serve_lock(int data, const char *data_name, int *out_fd, struct err *err);
