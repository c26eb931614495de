/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs whose reservation is on disk and for which the signer has no room: CA_ISSUES_MAX bounds
 * them. Accounts take turns, so that one with hundreds of orders keeps nobody else waiting for more
 * than one of its own. */
#include "ca/issue_int.h"
#include "ev/clock.h"

static struct ca_job *job_of(struct list *link)
{
    return LIST_ENTRY(link, struct ca_job, wait);
}

/* Behind the account's last one that waits; among equal turns, who came first goes first. */
void ca_wait_add(struct ca_job *job)
{
    struct ca *ca = job->ca;
    struct list *at = &ca->waiting;

    job->turn = ca->turn;
    LIST_FOREACH (link, &ca->waiting) {
        const struct ca_job *other = job_of(link);

        if (str_eq(id_str(&other->req.account), id_str(&job->req.account)))
            job->turn = other->turn + 1;
    }
    while (at->prev != &ca->waiting && job_of(at->prev)->turn > job->turn)
        at = at->prev;
    list_insert(at, &job->wait);
    job->wait_until = clock_mono(ev_clock(ca->ev)) + CA_WAIT_SECONDS * WHEN_SECOND;
}

void ca_wait_send(struct ca *ca)
{
    while (!list_empty(&ca->waiting)) {
        struct ca_job *job = job_of(ca->waiting.next);
        uint64_t turn = job->turn;

        if (ca_job_send(job) == RC_QUOTA)
            return;
        ca->turn = turn;
    }
}

void ca_wait_expire(struct ca *ca)
{
    int64_t now = clock_mono(ev_clock(ca->ev));

    LIST_FOREACH (link, &ca->waiting)
        if (job_of(link)->wait_until <= now)
            ca_job_end(job_of(link), RC_AGAIN);
}
