/* SPDX-License-Identifier: Apache-2.0 */
/* A new set of files taken into use: the links point to it, the service is told, and then every
 * place has to show it. Where that fails the set before comes back, with the same care. */
#pragma once

#include "agent/place.h"
#include "agent/plan.h"
#include "agent/solver.h"

struct agent_deploy {
    const struct agent_world *w;
    struct agent_place *place;
    const struct agent_plan *plan;
    struct agent_solver *solver; /* a hook of dehydrated's style is told, too */
    unsigned long fresh, before; /* generations; before is 0 when there is none */
    const bool *stopped;         /* set by a signal while the loop runs */
    bool served;       /* set here: the links lead to it, and it was left to what can be undone */
    struct err untold; /* set here: what went wrong in telling of the OCSP answer, which is in
                          nobody's way; RC_OK: nothing */
};

/* Whether there is anything to be done for this plan that can fail, and be undone. */
bool agent_deploys(const struct agent_plan *plan);
/* What can be known to be wrong before there is a certificate. RC_INVAL and what; RC_NOMEM. */
enum rc agent_deploy_check(const struct agent_plan *plan, struct err *err);
/* RC_OK: in use, as far as it was to be proven. RC_CANCELLED: a signal ended it, with the new set
 * in place. Without anything to reload or prove, as the hook ended, and the new set is in place.
 * Otherwise RC_CONFLICT: `err` says what was wrong, and which set is in place now, which is the one
 * before where there is one. Others: the links could not be switched. */
enum rc agent_deploy(struct agent_deploy *d, struct err *err);
/* The files alone, where there were none before: in place, copies as well, and nobody is told,
 * which agent_deploy does later. RC_IO and others, as agent_deploy; copies as agent_also_put. */
enum rc agent_deploy_files(struct agent_deploy *d, struct err *err);
/* The service is told once more, of an OCSP answer; nothing without --reload. As agent_reload. */
enum rc agent_deploy_reload(const struct agent_deploy *d, struct err *err);
