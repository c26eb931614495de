/* SPDX-License-Identifier: Apache-2.0 */
/* Inspectors of one set of rules, as the process that owns them sees them. Other rules take another
 * pool, which is made beside this one. */
#pragma once

#include "ev/ev.h"
#include "waf/inspector.h"

struct ipc_inspected;
struct waf_pool;

struct waf_pool_conf {
    struct ev *ev;
    const struct waf_library *lib; /* kept */
    struct str rules;              /* as waf_rules_load takes it */
    unsigned n;                    /* inspectors, 1 to WAF_INSPECTORS_MAX */
    /* Once, unless waf_pool_wait told it: the rules are loaded and there are inspectors, or why
     * not. */
    void (*on_made)(void *arg, const struct err *err);
    /* Of a job that was sent: RC_OK and what was found; RC_TIMEOUT, it took longer than it might;
     * RC_IO, the inspector ended; and `err` says so. The inspector is free again. */
    void (*on_done)(void *arg, void *job, enum rc rc, const struct ipc_inspected *found,
                    const struct err *err);
    /* All of them are gone, which nobody asked for: the pool is of no use any more. */
    void (*on_broken)(void *arg);
    void *arg;
};

/* RC_IO, RC_NOMEM. */
enum rc waf_pool_new(const struct waf_pool_conf *conf, struct waf_pool **out, struct err *err);
/* Not from inside its callbacks. Jobs that were sent are forgotten; inspectors end when they have
 * done what they are at. */
void waf_pool_free(struct waf_pool *p);
DEFINE_FREEP(waf_pool_free, struct waf_pool)
/* Blocks until the rules are loaded: RC_OK, or why not. */
enum rc waf_pool_wait(struct waf_pool *p, struct err *err);

/* Takes note of processes that have loaded rules and have ended: after SIGCHLD. */
void waf_pool_reap(void);

bool waf_pool_has_room(const struct waf_pool *p);
bool waf_pool_is_idle(const struct waf_pool *p);
/* Has a request inspected, an encoded ipc_inspect, in `micros` at most. RC_QUOTA: all inspectors
 * are busy; RC_IO. */
enum rc waf_pool_send(struct waf_pool *p, void *job, const struct id *id, struct str request,
                      int64_t micros);
