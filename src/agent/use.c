/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate that is pending, into use: held for others, or at once. */
#include "agent/deploy.h"
#include "agent/job_int.h"
#include "agent/tell.h"

static struct agent_deploy deployment(struct job *j)
{
    if (j->place.live != j->state.pending)
        j->state.before = j->place.live;
    return (struct agent_deploy){.w = &j->world,
                                 .place = &j->place,
                                 .plan = &j->state.plan,
                                 .solver = j->solver,
                                 .fresh = j->state.pending,
                                 .before = j->state.before,
                                 .stopped = &j->stopped};
}

/* Where there was nothing before, the files are there at once: a service that is set up for several
 * finds all when it is told of the first. */
enum rc agent_job_hold(struct job *j)
{
    struct agent_deploy d = deployment(j);

    j->state.held = agent_job_now(j) + AGENT_HELD_MOST;
    TRY(agent_job_save(j, j->err));
    if (!d.before) {
        agent_job_staple_new(j);
        TRY(agent_deploy_files(&d, j->err));
        TRY(agent_job_save(j, j->err));
    }
    return agent_tell_exit(j->solver, j->err);
}

/* What is written down before is what the next run finds, if this one is killed: it begins here
 * again, and orders nothing. */
enum rc agent_job_take(struct job *j)
{
    struct agent_deploy d = deployment(j);
    enum rc rc;

    if (agent_job_waits(j))
        return agent_job_wait_ready(j);
    j->state.held = 0;
    TRY(agent_job_save(j, j->err));
    agent_job_staple_new(j);
    TRY(j->stopped ? agent_job_stopped(j->err) : RC_OK);
    agent_job_use(j);
    rc = agent_deploy(&d, j->err);
    if (rc == RC_CANCELLED)
        return rc;
    agent_job_staple_used(j, &d.untold);
    if (rc == RC_OK || (!agent_deploys(d.plan) && d.served)) {
        agent_job_used(j, rc == RC_OK && d.plan->n_prove > 0);
    } else {
        j->err->rc = rc;
        j->out->unproven = rc == RC_CONFLICT;
        agent_job_failed(j);
    }
    if (rc == RC_OK)
        return agent_job_save(j, j->err);
    IGNORE_RC(agent_job_save(j, NULL)); /* the failure itself is what is told */
    return rc;
}
