/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the supervisor: supervisor.c (its life), slots.c (which processes there are to be),
 * proc.c and drain.c (one process and its successors; proc_int.h), listen.c (sockets;
 * listen_int.h), place.c (where what belongs to one DATA is), accepted.c (the policy that was
 * accepted; accepted_int.h), reload.c (two phases) and window.c (when; reload_int.h), gather.c
 * (numbers; gather_int.h), spawn.c (fork and execute), upgrade.c, state.c and adopt.c (another
 * program in its place; handover_int.h). */
#pragma once

#include "base/addr.h"
#include "base/list.h"
#include "conf/conf.h"
#include "conf/load.h"
#include "ev/ev.h"
#include "serve/accepted_int.h"
#include "serve/gather_int.h"
#include "serve/handover_int.h"
#include "serve/listen_int.h"
#include "serve/proc_int.h"
#include "serve/reload_int.h"
#include "serve/serve.h"

enum {
    /* One for each role, and the workers of the one that has several. */
    SERVE_SLOTS_MAX = ROLE_COUNT + CONF_WORKERS_MAX,
    SERVE_INSTANCES = 256,  /* numbers that processes of one role can have */
    SERVE_QUICK_DEATHS = 5, /* in a row: from then on reported as failing */
    SERVE_SIGNALS = 5,
    SERVE_DRAINING_MAX = CONF_WORKERS_MAX, /* replaced workers; of more, the oldest goes */
};

#define SERVE_BACKOFF_FIRST (100 * (WHEN_SECOND / 1000))
#define SERVE_BACKOFF_MAX (30 * WHEN_SECOND)
/* A process that lived so long starts its slot with a clean record. */
#define SERVE_SETTLED WHEN_MINUTE
#define SERVE_PING_EVERY (15 * WHEN_SECOND)
#define SERVE_PING_TIMEOUT (60 * WHEN_SECOND)
/* Between WAF_LOAD_SECONDS and core's patience. */
#define SERVE_PREPARE_TIMEOUT (25 * WHEN_SECOND)
#define SERVE_DRAIN_TIMEOUT (ROLE_DRAIN_SECONDS * WHEN_SECOND)
/* Before two processes that lost each other get a fresh channel: so often at most, whatever one of
 * them does to it. */
#define SERVE_RELINK_AFTER (500 * (WHEN_SECOND / 1000))
/* From the polite signal to the other one, and from a closed channel to either. */
#define SERVE_KILL_AFTER (2 * WHEN_SECOND)
/* For the processes of a supervisor that was killed, to be gone. */
#define SERVE_ORPHANS_GO (5 * WHEN_SECOND)

struct serve;
struct serve_slot;

enum serve_proc_state { PROC_STARTING, PROC_READY, PROC_DRAINING };

/* Processes, a bit for the instance of each role. */
struct serve_lost {
    uint64_t v[ROLE_COUNT][SERVE_INSTANCES / 64];
};

struct serve_proc {   /* one child, from fork to wait */
    struct list link; /* of supervisor.procs */
    struct serve_slot *slot;
    pid_t pid;
    uint8_t instance;
    enum serve_proc_state state;
    struct ipc_chan *chan; /* NULL once it is closed */
    when_t started_at;
    int64_t started_mono;
    bool left, leaves;     /* it has said that it goes on alone; and nothing waits for its end */
    bool alone, told;      /* another supervisor has started it; it has been told to end */
    bool expected;         /* to end: by us, or because it said so */
    bool version;          /* it speaks another one than we */
    unsigned signals;      /* sent so far: the first is SIGTERM, the next SIGKILL */
    struct ev_timer limit; /* of starting, of draining, of ending */
    struct ev_timer ping;
    struct ev_timer relink;
    bool lost_some;         /* channels to peers */
    struct serve_lost lost; /* to which */
    uint64_t asked;         /* the generation whose PREPARE or COMMIT it has to answer; 0: none */
    uint64_t prepared;      /* the latest that it said it could live with */
    char sandbox[ROLE_SANDBOX_TEXT];
};

/* A process that a role is to have: the present one, or the wait for the next one. Once made it
 * stays, wanted or not. */
struct serve_slot {
    struct serve *sup;
    const struct role_def *def;
    unsigned number;        /* among those of its role, from 0 */
    struct serve_proc *cur; /* NULL: to be started, now or when `again` comes */
    struct ev_timer again;
    int64_t backoff;
    unsigned quick_deaths;
    uint32_t restarts;
    uint8_t instances; /* started so far, for a number that none of the living has */
};

/* How many processes of each role there are to be. */
struct serve_wanted {
    unsigned v[ROLE_COUNT];
};

static inline struct serve_proc *serve_proc_at(struct list *link)
{
    return LIST_ENTRY(link, struct serve_proc, link);
}

struct serve {
    const struct serve_options *options;
    struct ev *ev;
    struct clock *clock;
    int data;
    char *data_path; /* absolute, resolved */
    int lock;
    int test_clock;
    bool unprivileged;
    bool orphans;            /* the one before was killed: its processes may be there yet */
    struct conf_input input; /* what `conf` was loaded from */
    const struct conf *conf;
    bool policy_waits; /* the files had another policy at the start; `conf` is what was accepted */
    uint64_t generation;
    uint64_t attempts; /* the latest generation that was tried; those refused leave gaps */
    struct serve_sockets sockets;
    struct serve_wanted wanted; /* by `conf` */
    struct serve_slot slots[SERVE_SLOTS_MAX];
    size_t n_slots;
    struct list procs;
    struct serve_gather gather;
    struct serve_reload *reload;     /* NULL: none is under way */
    bool reload_again;               /* SIGHUP came meanwhile */
    struct ev_defer again;           /* so there will be another one */
    struct ev_timer window;          /* a reload waits for its window, ... */
    when_t reload_at;                /* ... which opens then; 0: none waits */
    struct buf refused;              /* why the last one was that nobody waited for */
    bool was_ready;                  /* all of them, once */
    bool stopping, leaving;          /* leaving: for another program */
    struct serve_upgrade *upgrade;   /* NULL: none is under way */
    struct serve_handover *handover; /* of the program before; NULL: there was none */
    struct buf file, argv;           /* this program's path, and /proc/self/cmdline */
    int status;
    when_t started_at;
    struct ev_signal *signals[SERVE_SIGNALS];
    struct ev_timer stop_limit;
    struct sandbox_report report; /* the supervisor's own */
};

/* ---- spawn.c */

/* Executes `program` (NULL: this very program, even if its file was replaced) as `autarky
 * --role=NAME` with a clean environment and no descriptors but standard output and error and one
 * end of *out_fd. Its death comes as SIGCHLD; the supervisor's kills it. `test_clock` as of
 * serve_test_clock_open. RC_IO. */
enum rc serve_spawn(const struct role_def *def, const char *program, int test_clock, pid_t *out_pid,
                    int *out_fd, struct err *err);
/* The clock that tests steer, for this process and those that it starts; *out_fd is -1 where it is
 * not built in, or not asked for. */
enum rc serve_test_clock_open(int *out_fd);

static inline const struct role_def *const *serve_defs(const struct serve *sup)
{
    return sup->options->defs ? sup->options->defs : role_defs;
}

/* ---- slots.c */

/* Counts what `conf` wants, and sees to it that there is a slot for each; those in force stay so.
 * RC_TOOBIG. */
enum rc serve_slots_make(struct serve *sup, const struct conf *conf, struct serve_wanted *out,
                         struct err *err);
/* The slot of that number, made if need be. RC_NOTFOUND: there is no such role. RC_TOOBIG. */
enum rc serve_slot_of(struct serve *sup, enum role role, unsigned number, struct serve_slot **out,
                      struct err *err);
/* Whether the configuration in force wants its process. */
bool serve_slot_wanted(const struct serve_slot *slot);
/* Ends all its processes, in order, because nobody wants them any more. */
void serve_slot_end(struct serve_slot *slot);

/* place.c: removes the copy of the database that a backup has left which was killed; not that of
 * one under way. */
void serve_sweep(int data);

/* ---- supervisor.c */

/* Is it the first time that all slots are ready? and what is next when a process has ended? */
void serve_sup_proc_ready(struct serve *sup);
void serve_sup_proc_ended(struct serve *sup);
/* Whether nothing is started any more. */
static inline bool serve_ends(const struct serve *sup)
{
    return sup->stopping || sup->leaving;
}
/* A process could not start for a reason that starting it again does not mend. */
void serve_sup_cannot(struct serve *sup, const struct serve_slot *slot);
void serve_sup_status(struct serve *sup, struct ipc_req *req);

/* sup->conf is another one, and with `sockets` other sockets are open. */
void serve_sup_conf_changed(struct serve *sup, bool sockets);

/* net/notify.h, and what goes wrong is logged. */
void serve_notify(const char *state);
void serve_notify_reloading(struct serve *sup);
