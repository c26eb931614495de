/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the supervisor: supervisor.c (its life), proc.c (one process and its successors),
 * listen.c (sockets and where they are), reload.c (two phases), spawn.c (fork and execute),
 * notify.c (systemd). */
#pragma once

#include "base/addr.h"
#include "base/list.h"
#include "conf/conf.h"
#include "conf/load.h"
#include "ev/ev.h"
#include "role/serve.h"
#include "role/spawn_int.h"

enum {
    ROLE_SLOTS_MAX = 16,
    ROLE_QUICK_DEATHS = 5, /* in a row: from then on reported as failing */
    ROLE_SIGNALS = 4,
};

#define ROLE_BACKOFF_FIRST (100 * (WHEN_SECOND / 1000))
#define ROLE_BACKOFF_MAX (30 * WHEN_SECOND)
/* A process that lived so long starts its slot with a clean record. */
#define ROLE_SETTLED WHEN_MINUTE
#define ROLE_PING_EVERY (15 * WHEN_SECOND)
#define ROLE_PING_TIMEOUT (60 * WHEN_SECOND)
#define ROLE_PREPARE_TIMEOUT (10 * WHEN_SECOND)
#define ROLE_DRAIN_TIMEOUT (ROLE_DRAIN_SECONDS * WHEN_SECOND)
/* Before two processes that lost each other get a fresh channel: so often at most, whatever one of
 * them does to it. */
#define ROLE_RELINK_AFTER (500 * (WHEN_SECOND / 1000))
/* From the polite signal to the other one, and from a closed channel to either. */
#define ROLE_KILL_AFTER (2 * WHEN_SECOND)

struct supervisor;
struct role_slot;

enum role_proc_state { PROC_STARTING, PROC_READY, PROC_DRAINING };

/* One child, from fork to wait. */
struct role_proc {
    struct list link; /* of supervisor.procs */
    struct role_slot *slot;
    pid_t pid;
    uint8_t instance;
    enum role_proc_state state;
    struct ipc_chan *chan; /* NULL once it is closed */
    when_t started_at;
    int64_t started_mono;
    bool expected;         /* to end: by us, or because it said so */
    bool version;          /* it speaks another one than we */
    unsigned signals;      /* sent so far: the first is SIGTERM, the next SIGKILL */
    struct ev_timer limit; /* of starting, of draining, of ending */
    struct ev_timer ping;
    struct ev_timer relink;
    unsigned lost;     /* roles whose channels it lost, bits IPC_ROLE */
    uint64_t asked;    /* the generation whose PREPARE or COMMIT it has to answer; 0: none */
    uint64_t prepared; /* the latest that it said it could live with */
    char sandbox[ROLE_SANDBOX_TEXT];
};

/* A role that is to run: its process, or the wait for the next one. */
struct role_slot {
    struct supervisor *sup;
    const struct role_def *def;
    struct role_proc *cur; /* NULL: to be started, now or when `again` comes */
    struct ev_timer again;
    int64_t backoff;
    unsigned quick_deaths;
    uint32_t restarts;
    uint8_t instances; /* started so far, for a number that none of the living has */
};

struct role_socket {
    struct role_listener l;
    struct addr_port want;
    bool fresh; /* bound for a reload that is not decided yet */
};

struct role_sockets {
    struct role_socket v[ROLE_LISTENERS_MAX];
    size_t n;
};

struct role_reload; /* reload.c */

struct supervisor {
    const struct role_serve *options;
    struct ev *ev;
    struct clock *clock;
    int data;
    char *data_path; /* absolute, resolved */
    int lock;
    int test_clock;
    bool unprivileged;
    struct conf_input input; /* what `conf` was loaded from */
    const struct conf *conf;
    uint64_t generation;
    uint64_t attempts; /* the latest generation that was tried; those refused leave gaps */
    struct role_sockets sockets;
    struct role_slot slots[ROLE_SLOTS_MAX];
    size_t n_slots;
    struct list procs;
    struct role_reload *reload; /* NULL: none is under way */
    bool reload_again;          /* SIGHUP came meanwhile */
    bool was_ready;             /* all of them, once */
    bool stopping;
    int status;
    when_t started_at;
    struct ev_signal *signals[ROLE_SIGNALS];
    struct ev_timer stop_limit;
    struct sandbox_report report; /* the supervisor's own */
};

/* ---- proc.c */

/* Starts the slot's process; on failure it will be tried again like one that died. */
void role_slot_start(struct role_slot *slot);
/* The same, as a timer's callback. */
void role_slot_again(void *slot);
/* A new process in place of the present one, whose work is finished first or meanwhile
 * (role_def.overlaps). */
void role_slot_restart(struct role_slot *slot);
/* Asks for an orderly end, and sees to it that there is one. */
void role_proc_drain(struct role_proc *p);
/* The next signal: SIGTERM, then SIGKILL. */
void role_proc_kill(struct role_proc *p);
/* Collects those that have ended; on SIGCHLD. */
void role_procs_reap(struct supervisor *sup);
/* Closes the channel and forgets it; the process must have ended. */
void role_proc_free(struct role_proc *p);
const char *role_proc_state_name(const struct role_slot *slot, const struct role_proc *p);

/* ---- reload.c */

/* Reads the configuration anew and, unless something speaks against it, puts it in force. `req`
 * (NULL: a signal) gets the answer. */
void role_reload_begin(struct supervisor *sup, struct ipc_req *req);
/* That process will not answer any more. */
void role_reload_lost(struct supervisor *sup, struct role_proc *p);
/* Drops what is under way; at the end. */
void role_reload_cancel(struct supervisor *sup);
/* The message for a role; borrows from `in`, and from `files`. */
struct ipc_config;
struct ipc_file;
void role_conf_message(const struct conf_input *in, struct ipc_file files[static CONF_FILES_MAX],
                       struct ipc_config *out);
/* Reads and checks; RC_INVAL with every problem in the log and all of them as text in `err`. */
enum rc role_conf_read(struct supervisor *sup, struct conf_input *in, const struct conf **out,
                       struct err *err);

/* ---- listen.c */

/* Binds the control socket. */
enum rc role_sockets_control(struct role_sockets *s, const char *data, struct err *err);
/* Binds what `conf` asks for, taking over from `old` what stays. On failure nothing new is left
 * bound. */
enum rc role_sockets_bind(const struct conf *conf, const struct role_sockets *old,
                          struct role_sockets *out, struct err *err);
/* `next` takes the place of `now`, whose sockets are closed where they are not in `next`. */
void role_sockets_adopt(struct role_sockets *now, struct role_sockets *next);
/* Closes what was bound anew. */
void role_sockets_drop(struct role_sockets *next);
/* Which role accepts on it. */
enum role role_socket_owner(const struct role_socket *s);
/* The text of listeners.json. */
enum rc role_sockets_json(const struct role_sockets *s, struct buf *out);

/* ---- supervisor.c */

/* All of `sup`'s slots: is it the first time that all are ready? and what is next when one has
 * ended? */
void role_sup_proc_ready(struct supervisor *sup);
void role_sup_proc_ended(struct supervisor *sup);
/* A process could not start for a reason that starting it again does not mend. */
void role_sup_cannot(struct supervisor *sup, const struct role_slot *slot);
void role_sup_status(struct supervisor *sup, struct ipc_req *req);

/* sup->conf is another one, and with `sockets` other sockets are open. */
void role_sup_conf_changed(struct supervisor *sup, bool sockets);

/* sd_notify(3)'s protocol, when there is a NOTIFY_SOCKET; nothing otherwise. */
void role_notify(const char *state);
void role_notify_reloading(struct supervisor *sup);
