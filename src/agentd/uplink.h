/* SPDX-License-Identifier: Apache-2.0 */
/* An enrolled agent's way to its server: a report every five minutes, more or less, over a
 * connection of its own that it opens itself, and its certificate renewed by the same certificate
 * when two thirds of its life have passed. All that the server can ask for is that everything be
 * renewed now, AGENTD_WISH_PAUSE apart, and whether that is done is this machine's to say
 * (agentd_home.renews). A server that cannot be reached is told of once, and holds nothing else up.
 */
#pragma once

#include "agent/solver.h"
#include "agentd/daemon.h"
#include "agentd/home.h"

#define AGENTD_REPORT_EVERY (5 * WHEN_MINUTE)
#define AGENTD_REPORT_FIRST (3 * WHEN_SECOND)
#define AGENTD_REPORT_SOON                                                                         \
    WHEN_MINUTE /* where there is more to tell than one report has room for */
/* What a server may ask for (Retry-After), where that is more. */
#define AGENTD_REPORT_MOST WHEN_HOUR
#define AGENTD_WISH_PAUSE WHEN_HOUR

struct agentd_uplink;

/* Borrows the world, with a net, and the daemon, which both outlive it; takes the home. RC_NOMEM.
 */
enum rc agentd_uplink_new(const struct agent_world *w, struct agentd *a, struct agentd_home *home,
                          struct agentd_uplink **out);
void agentd_uplink_free(struct agentd_uplink *u);
DEFINE_FREEP(agentd_uplink_free, struct agentd_uplink)
