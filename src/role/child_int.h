/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the frame around a role: child.c (its life), link.c (channels to its peers). */
#pragma once

#include "base/list.h"
#include "ev/ev.h"
#include "role/role.h"

enum role_phase { PHASE_NEW, PHASE_GREETED, PHASE_CONFIGURED, PHASE_STARTED, PHASE_READY };

struct role_child {
    struct role_env env; /* first: hooks hand it back */
    const struct role_def *def;
    enum role_phase phase;
    bool opened;
    bool draining;
    bool drained;
    int status;
    char *data_path;
    struct list links; /* newest first */
    size_t n_links;
    const struct conf *next; /* prepared, not decided */
    uint64_t next_generation;
    struct ipc_req *prepare_req; /* while `prepare` takes its time */
    struct ipc_req *drain_req;
    struct sandbox_report report;
    struct ev_signal *sigterm;
    struct ev_hook turn; /* leaves once the last answers are written */
    struct ev_timer leave;
};

static inline struct role_child *role_child_of(struct role_env *env)
{
    return (struct role_child *)(void *)env;
}

/* Ends the process with that status, and says why. */
void role_child_fail(struct role_child *c, int status, const struct err *err);

/* Handlers of IPC_PEER and IPC_PEER_GONE; `arg` is the struct role_child. */
void role_link_on_peer(void *arg, struct ipc_req *req, const void *msg, int fd);
void role_link_on_gone(void *arg, struct ipc_req *req, const void *msg, int fd);
/* Makes channels of what came before the start. */
enum rc role_links_connect(struct role_child *c);
/* Tells the role of all that it has. */
void role_links_tell(struct role_child *c);
bool role_links_idle(const struct role_child *c);
void role_links_free(struct role_child *c);
