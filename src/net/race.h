/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting to whichever address of a server answers first (RFC 8305 section 5): they are tried in
 * their order, the next one as soon as the one before has failed or was silent for a moment, and
 * those that were begun go on beside it. The first connection wins. */
#pragma once

#include "base/addr.h"
#include "base/err.h"
#include "base/mem.h"

struct ev;
struct net;
struct net_race;

enum {
    NET_RACE_MAX = 8,        /* addresses */
    NET_RACE_DELAY_MS = 250, /* before the next one is tried beside (section 8) */
};

struct net_race_conf {
    struct ev *ev;
    struct net *net;
    const struct addr_port *to; /* 1 to NET_RACE_MAX, the preferred first; copied */
    size_t n;
    int64_t timeout; /* microseconds, for each address */
};

/* Called once: RC_OK with a connected descriptor, which the callee owns, to the address
 * conf->to[at]; otherwise fd is -1 and `err` what became of the address that failed last, as
 * net_dial_cb. */
typedef void (*net_race_fn)(void *arg, enum rc rc, int fd, size_t at, const struct err *err);

/* The callback never comes from inside; *out is valid until then. RC_NOMEM, RC_INVAL (none, or too
 * many). */
enum rc net_race_start(const struct net_race_conf *conf, net_race_fn fn, void *arg,
                       struct net_race **out);
/* The callback does not come. */
void net_race_cancel(struct net_race *r);
DEFINE_FREEP(net_race_cancel, struct net_race)

/* Both kinds of address in turns, in the order in which each kind stands there, that of the first
 * one in front (section 4): a network where one kind leads nowhere costs one delay. At most
 * NET_RACE_MAX; more are left as they are. */
void net_race_order(struct addr *list, size_t n);
