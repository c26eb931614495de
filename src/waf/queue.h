/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that wait to be inspected: sites take turns, and none has more than its share of the
 * inspectors at a time, so that what is slow about one is not the others' trouble. Bounded by who
 * asks: each worker of the gateway has IPC_INSPECT_CREDITS. */
#pragma once

#include "base/list.h"
#include "base/map.h"

enum { WAF_SITES_MAX = 16 * 1024 }; /* with requests here at a time: more than there are credits */

struct waf_site {
    struct list link; /* in the queue's turns while `jobs` is not empty */
    struct list jobs; /* that wait, the oldest first */
    unsigned running; /* of its jobs */
    struct str name;  /* behind it */
};

/* Part of what the owner keeps of each request. */
struct waf_job {
    struct list link; /* in site->jobs while it waits */
    struct waf_site *site;
};

struct waf_queue {
    struct map sites; /* struct waf_site by name */
    struct list turns;
};

void waf_queue_init(struct waf_queue *q);
/* Of no jobs any more. */
void waf_queue_done(struct waf_queue *q);
/* RC_NOMEM, RC_TOOBIG. */
enum rc waf_queue_put(struct waf_queue *q, struct waf_job *job, struct str site);
/* Whose turn it is, of the sites that have fewer than `share` jobs running; it runs from now on.
 * NULL: nobody's. */
struct waf_job *waf_queue_take(struct waf_queue *q, unsigned share);
/* A job that waits does not any more, or one that runs has ended. */
void waf_queue_drop(struct waf_queue *q, struct waf_job *job);
