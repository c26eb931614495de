/* SPDX-License-Identifier: Apache-2.0 */
/* Many looks at a time: all endpoints of the targets, in their order, no faster than is polite and
 * never more at once than allowed, in all and at one address. */
#pragma once

#include "scan/look.h"

struct scan;

enum {
    SCAN_AT_ONCE_MAX = 10000,
    SCAN_RATE_MAX = 100000, /* connections a second */
    SCAN_WINDOW = 65536,    /* endpoints between the first unfinished one and the last begun */
    SCAN_HELD_MAX = 4096,   /* that wait for others at their address */
};

/* Where a scan is: all below `low` is finished, and these behind it. */
struct scan_at {
    uint64_t low;
    const uint32_t *more; /* low + each, ascending, each below SCAN_WINDOW */
    size_t n_more;
};

struct scan_conf {
    struct ev *ev;
    struct net *net;
    const struct scan_targets *targets; /* outlive it */
    unsigned at_once, per_host, rate;   /* each 1 or more */
    int64_t timeout;                    /* as struct scan_look_conf */
    int64_t deadline;                   /* microseconds for all of it; 0: none */
    bool quick;
    struct scan_at at;
    /* One for each endpoint that was looked at, or with TLCP two, before it counts as finished. Not
     * RC_OK ends the scan with that. */
    enum rc (*found)(void *arg, const struct scan_found *f);
    /* Once, never from inside scan_new; scan_free is allowed in it. RC_OK: all are finished;
     * RC_TIMEOUT: the deadline came. */
    void (*ended)(void *arg, enum rc rc);
    void *arg;
};

/* Needs crypto_init, and SIGPIPE ignored. RC_NOMEM; RC_TOOBIG as scan_targets_count; RC_INVAL when
 * `at` is none of this scan. */
enum rc scan_new(const struct scan_conf *conf, struct scan **out, struct err *err);
/* What is under way is given up. */
void scan_free(struct scan *s);
DEFINE_FREEP(scan_free, struct scan)
/* Ends it before its end: `ended` comes with RC_CANCELLED. */
void scan_stop(struct scan *s);

struct scan_progress {
    uint64_t total, finished;
    unsigned open; /* looks */
};
struct scan_progress scan_progress(const struct scan *s);
/* Where it is, as lists into `out` of SCAN_WINDOW; the number of them in *out_n. */
uint64_t scan_position(const struct scan *s, uint32_t *out, size_t *out_n);
