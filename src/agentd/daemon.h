/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps every certificate that `autarky obtain` has obtained below some directories renewed. It
 * decides when, and holds no key: each renewal is a process of its own, `PROGRAM renew DIR`, which
 * has its lock, its pauses and what it remembers from agent/job.h, so that a hand, a timer and this
 * do not get into each other's way, and none of them is harmed when another is killed.
 *
 * Four renewals go on at once; of those that listen for a proof, call the same hook, or write a
 * record of the same name, one. The
 * directories are looked through every minute, and what is new is found then. The time of a renewal
 * is that of the certificate's state (agent_next). A renewal that failed is tried again after a
 * pause that grows from a minute to six hours, or when its state was changed by somebody else;
 * whatever comes, there is a minute between two of the same certificate. */
#pragma once

#include "agentd/view.h"
#include "base/err.h"
#include "base/mem.h"
#include "ev/ev.h"

enum {
    AGENTD_DIRS_MAX = 100,
    AGENTD_CERTS_MAX = 1000,
    AGENTD_AT_ONCE = 4,
    AGENTD_RENEWAL_HOURS = 2, /* one that takes longer is killed */
};

struct agentd;

struct agentd_conf {
    struct ev *ev;
    const char *const *dirs; /* each as agentd_places */
    size_t n_dirs;
    const char *program;    /* absolute */
    const char *const *env; /* of each renewal; NULL at the end */
    /* As agent_world.say. */
    void (*say)(void *arg, bool warn, const char *line);
    void *arg;
};

struct agentd_tally {
    size_t certs, running, failing; /* failing: the last attempt did */
    size_t waiting;                 /* for a window, with a new certificate that is ready */
    int64_t next;                   /* the earliest that is planned; 0: none is */
};

/* `conf`, its texts and the loop outlive it. Each directory is taken for this one by a lock in it:
 * RC_AGAIN: another one keeps it; RC_NOTFOUND, RC_IO; RC_TOOBIG. */
enum rc agentd_new(const struct agentd_conf *conf, struct agentd **out, struct err *err);
/* Renewals that are under way are killed. */
void agentd_free(struct agentd *a);
DEFINE_FREEP(agentd_free, struct agentd)
/* Looks through the directories now, and tries what failed again; what is being renewed, after
 * that. */
void agentd_look(struct agentd *a);
/* Begins no renewal any more, and asks those under way to end. */
void agentd_end(struct agentd *a);
void agentd_count(const struct agentd *a, struct agentd_tally *out);
/* Renews all of them now, due or not, each once. */
void agentd_renew_all(struct agentd *a);

/* One of them, borrowed for the callback. */
struct agentd_seen {
    const char *dir;
    const struct agentd_view *view; /* of zeros where it is unreadable */
    unsigned failures;              /* in a row */
    when_t next;
    bool unreadable;
};
typedef void (*agentd_seen_fn)(void *arg, const struct agentd_seen *s);
void agentd_each(const struct agentd *a, agentd_seen_fn fn, void *arg);
/* Whether one is at work for this directory. */
bool agentd_runs(const char *dir);
