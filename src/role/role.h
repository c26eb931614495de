/* SPDX-License-Identifier: Apache-2.0 */
/* One process of `autarky serve`: its contract (struct role_def, one in each file named after its
 * role) and what the frame gives it (struct role_env). The frame (child.c) leads it through its
 * life:
 *
 *   HELLO CONFIG LISTENER* PEER* START     from the supervisor
 *   open                                   as started: root's, if root started it
 *   sandbox_enter                          the role's table, for good
 *   start, READY                           only now is a byte from a stranger read
 *   each_peer, peer, prepare, commit, abort   as the supervisor says
 *   drain, close                           the end
 */
#pragma once

#include <sys/types.h>

#include "base/err.h"
#include "base/id.h"
#include "ipc/chan.h"
#include "ipc/role.h"
#include "sandbox/sandbox.h"

struct clock;
struct conf;
struct ev;

enum {
    ROLE_LISTENERS_MAX = 64, /* of one process */
    /* Every worker of the gateway, its successor, as many that drain yet, and some others. */
    ROLE_PEERS_MAX = 112,
    ROLE_ADDRESS_MAX = 108, /* of a listener as text, with the terminator: the longest is a path */
    ROLE_KIND_MAX = 16,
    ROLE_START_SECONDS = 60,
    ROLE_DRAIN_SECONDS = 10,
    ROLE_SANDBOX_TEXT = 4096, /* of what it tells of its confinement */
};

/* Front's private listener, relative to DATA: whoever uses it goes there (fchdir to env->data, in
 * `open`), because the directories above may be closed to its user, and long. The keeper's user
 * alone can connect. It is there as long as the service runs. */
#define ROLE_PRIVATE_SOCKET "acme.sock"

/* What a role's process is born with, beside standard output and error. */
enum {
    ROLE_CHANNEL_FD = 3,
    ROLE_TEST_CLOCK_FD = 4, /* in test builds, if the variable is set */
};
#define ROLE_TEST_CLOCK_VARIABLE "AUTARKY_TEST_CLOCK_FD"

/* How a role's process ends. */
enum {
    ROLE_EXIT_DONE = 0,
    ROLE_EXIT_FAILED = 1,   /* starting it again may help */
    ROLE_EXIT_VERSION = 76, /* its program file is another one than the supervisor's */
    ROLE_EXIT_CANNOT = 78,  /* open, confinement or start failed: somebody must mend something */
};

/* A socket that listens; the frame's, closed at the end. */
struct role_listener {
    char kind[ROLE_KIND_MAX]; /* "api", "plain", "gateway", "control", "private", "dns-udp",
                                 "dns-tcp" */
    char address[ROLE_ADDRESS_MAX];
    int fd;
};

struct role_env {
    enum role role;
    uint8_t instance; /* differs between processes of one role */
    struct ev *ev;
    struct clock *clock;
    const struct conf *conf; /* in force; a commit replaces it, so who keeps it takes a reference */
    uint64_t generation;
    int data;              /* DATA, open; what can be reached through it is the sandbox's affair */
    const char *data_path; /* absolute */
    struct id node;
    uint64_t boot;
    bool unprivileged;
    bool alone; /* another program takes over: supervisor and peers go away, and nobody comes */
    struct role_listener listeners[ROLE_LISTENERS_MAX];
    size_t n_listeners;
    struct ipc_chan *supervisor; /* NULL: it is alone, and the supervisor another program */
    void *state;                 /* the role's own, from open to close */
};

/* Hooks that are NULL do nothing, and succeed. */
struct role_def {
    enum role role;
    const struct sandbox *sandbox;
    const struct ipc_handler *handlers; /* of messages from peers; `arg` is the struct role_env */
    size_t n_handlers;
    /* How many processes of it there are with that configuration, at most CONF_WORKERS_MAX; NULL:
     * one. Each has listening sockets of its own. Asked by the supervisor alone. */
    unsigned (*wanted)(const struct conf *conf);
    bool sites; /* it looks at gateway.sites; of the others, each sees only whether there are any */
    bool site_names;                /* ... and their names, in gateway.names */
    bool site_records;              /* ... and all of those with `dns` */
    const char *const *environment; /* names of variables handed on, NULL at the end; else none */
    unsigned start_seconds;         /* until READY; 0: ROLE_START_SECONDS */
    unsigned drain_order; /* at the end of the service: lower ones first, who ask others */
    bool overlaps; /* when restarted on purpose, the new process begins before the old one ends */

    /* Opens files, loads keys. May start no thread: confinement would not reach it. */
    enum rc (*open)(struct role_env *env, struct err *err);
    /* Begins to serve; channels to peers are there already, their messages come after it. RC_AGAIN:
     * not ready yet, role_ready will be called. */
    enum rc (*start)(struct role_env *env, struct err *err);
    /* The channel to `role` is now `chan`; NULL: there is none at the moment, requests must wait or
     * be refused. Comes for each peer after `start`, and whenever the other process was replaced.
     */
    void (*peer)(struct role_env *env, enum role role, struct ipc_chan *chan);
    /* The same of one process, just before `peer`, for who talks to each process of a role: `chan`
     * is the channel to that one; NULL: it is gone, or its channel is and a fresh one will come.
     * A successor has another instance. */
    void (*each_peer)(struct role_env *env, enum role role, uint8_t instance,
                      struct ipc_chan *chan);
    /* Could this process go on with `next`? Changes nothing; an error refuses the whole reload.
     * RC_AGAIN: it takes a while, role_prepared will be called; the next prepare or an abort may
     * come before. */
    enum rc (*prepare)(struct role_env *env, const struct conf *next, struct err *err);
    /* env->conf is now what was prepared; cannot fail. */
    void (*commit)(struct role_env *env);
    /* It does not come. */
    void (*abort)(struct role_env *env);
    /* Sets the gauges that are not set as they change, before the numbers of this process are read;
     * NULL: there are none. Not asked of front and core, which read their own. */
    void (*measure)(struct role_env *env);
    /* Takes nothing new, finishes what is under way, then calls role_drained. */
    void (*drain)(struct role_env *env);
    /* Frees everything; comes once if `open` was called, also when that failed. All channels are
     * gone by then, and their calls have had their callbacks. */
    void (*close)(struct role_env *env);
};

/* All that this program has, in the order in which they are started; NULL at the end. */
extern const struct role_def *const role_defs[];
/* NULL when there is no such role. */
const struct role_def *role_def_find(enum role role);

/* That this process may use; CONF_WORKERS_MAX at most. */
unsigned role_cpus(void);
/* For role_def.wanted. As configured, or one for each CPU that this process may use; none without a
 * site. */
unsigned role_wanted_workers(const struct conf *conf);
/* One if there is a site. */
unsigned role_wanted_with_sites(const struct conf *conf);
/* One if a site has its certificates from another CA. */
unsigned role_wanted_emissary(const struct conf *conf);
/* One if requests of a site are inspected. */
unsigned role_wanted_waf(const struct conf *conf);
/* One if there is a zone. */
unsigned role_wanted_txt(const struct conf *conf);
/* One if the audit log goes somewhere else as well, or the gateway writes an access log. */
unsigned role_wanted_courier(const struct conf *conf);

/* ---- for the hooks */

/* The newest channel to that role; NULL when there is none. Borrowed until the next `peer`. */
struct ipc_chan *role_peer(struct role_env *env, enum role role);
/* Calls `fn` for every channel to that role, the newest first; `fn` may ask and notify. */
void role_peers_each(struct role_env *env, enum role role,
                     void (*fn)(void *arg, uint8_t instance, struct ipc_chan *chan), void *arg);
/* For `open`: what this role owns below DATA may have been given another mode by an earlier process
 * of it, and it would never start again. It gets `mode` back, with a line in the log. What is not
 * there, or not the role's, stays as it is: whoever needs it will say so. */
void role_mend(struct role_env *env, const char *path, mode_t mode);
/* What `start` began is complete. */
void role_ready(struct role_env *env);
/* measure.c: counts what every process can say of itself, before its numbers are read. */
void role_measure(void);
/* What `prepare` began is complete, and that is how it ended. After an error neither commit nor
 * abort comes: what was made for it is the caller's to let go, outside of what it calls this from.
 */
void role_prepared(struct role_env *env, const struct err *err);
/* What `drain` began is complete: the process ends as soon as its answers are written. */
void role_drained(struct role_env *env);
/* Ends the process because it cannot go on; says why in the log. The supervisor starts it anew. */
void role_fail(struct role_env *env, const struct err *err);

/* ---- for main */

/* The life of a process that was started with --role=NAME; returns its exit status. */
int role_child_main(enum role role);
/* The same with a definition of one's own, for tests. */
int role_child_run(const struct role_def *def);
