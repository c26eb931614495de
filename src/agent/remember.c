/* SPDX-License-Identifier: Apache-2.0 */
/* What a certificate's job leaves for the next one: how it went, and what is ready and waits. */
#include "agent/job_int.h"
#include "agent/kept.h"
#include "agent/tell.h"

#define FIRST_PAUSE WHEN_MINUTE
#define MOST_PAUSE (6 * WHEN_HOUR)

static void take_account(const struct agent_server *s, struct str *url)
{
    if (s->client && client_account(s->client).n)
        *url = client_account(s->client);
}

enum rc agent_job_save(struct job *j, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(AGENT_STATE_MAX);

    take_account(&j->servers[0], &j->state.account);
    take_account(&j->servers[1], &j->state.fallback_account);
    TRY(agent_state_put(&j->state, &text));
    TRY(agent_place_put_state(&j->place, buf_str(&text), err));
    if (j->state.pending) /* it is found there from now on */
        agent_kept_drop(&j->place);
    return RC_OK;
}

void agent_job_issued(struct job *j)
{
    j->state.issued = j->state.attempt = agent_job_now(j);
    j->obtained = agent_job_mono(j);
    j->state.issue_took = j->obtained - j->began;
    j->state.undecided = 0;
    client_renewal_plan(&j->state.renewal, j->not_before, j->not_after, client_looks(j->at->client),
                        agent_job_now(j));
}

/* Until it was seen to be served. What waited for its window did so on purpose, and that does not
 * count. */
static int64_t took(const struct job *j)
{
    if (j->state.plan.reload_window.n)
        return agent_job_mono(j) - j->used;
    return j->obtained ? agent_job_mono(j) - j->obtained : j->state.proven - j->state.issued;
}

void agent_job_used(struct job *j, bool proven)
{
    struct client_renewal *r = &j->state.renewal;

    if (r->look_at && r->look_at < agent_job_now(j)) /* nobody looked while it waited */
        r->look_at = agent_job_now(j);
    j->state.proven = proven ? agent_job_now(j) : 0;
    j->state.prove_took = proven ? took(j) : 0;
    j->state.failures = 0;
    j->state.next = 0;
    j->state.why.n = 0;
    j->state.pending = j->state.before = 0;
    j->state.pending_latest = j->state.held = 0;
    j->state.outside = j->outside ? agent_job_now(j) : 0;
    j->state.issuer = j->state.pending_issuer;
    j->state.pending_issuer.n = 0;
    j->out->issued = true;
    j->out->fallback = agent_from_fallback(&j->state);
    j->out->not_after = j->not_after;
    j->out->renew_at = j->state.renewal.due;
}

/* No pause follows where nobody was asked: what is wrong is on this machine. */
void agent_job_cause(struct job *j)
{
    char why[AGENT_WHY_MAX];

    j->state.attempt = agent_job_now(j);
    IGNORE_RC(arena_str(&j->arena, str_of(err_textz(j->err, why, sizeof(why))), &j->state.why));
}

/* What the server asks for counts for more than our own patience, within a day. */
void agent_job_failed(struct job *j)
{
    when_t pause;

    agent_job_cause(j);
    j->state.undecided = 0;
    j->state.failures++;
    pause = agent_job_now(j) + client_backoff(j->state.failures, FIRST_PAUSE, MOST_PAUSE);
    j->state.next = j->out->retry_at > pause ? j->out->retry_at : pause;
    j->remembered = true;
}

void agent_job_undecided(struct job *j)
{
    agent_job_cause(j);
    if (!j->state.undecided)
        j->state.undecided = agent_job_now(j);
    j->state.failures = 0;
    j->state.next = 0;
    j->remembered = true;
}

/* ---- what waits for its window */

bool agent_job_waits(struct job *j)
{
    j->out->ready_at = agent_ready(&j->state, agent_job_now(j));
    if (j->out->ready_at <= agent_job_now(j))
        j->out->ready_at = 0;
    return j->out->ready_at != 0;
}

static void say_waiting(const struct job *j)
{
    bool late = j->out->ready_at == j->state.pending_latest;
    char at[WHEN_TEXT];

    when_text(j->out->ready_at, at);
    if (late)
        agent_say(&j->world, true,
                  "%s: the new certificate is ready, and none of its windows (%.*s) opens in time: "
                  "it is taken into use at %s, outside of them, for the one in place cannot wait "
                  "longer. Widen them, or use it now: `autarky renew --despite-window`",
                  j->place.path, STR_ARG(j->state.plan.reload_window), at);
    else
        agent_say(&j->world, false,
                  "%s: the new certificate is ready, and waits for the window at %s", j->place.path,
                  at);
}

enum rc agent_job_wait_ready(struct job *j)
{
    say_waiting(j);
    if (j->obtained) { /* what failed before was the way to it */
        j->state.failures = 0;
        j->state.next = 0;
        j->state.why.n = 0;
    }
    TRY(agent_job_save(j, j->err));
    return j->obtained ? agent_tell_exit(j->solver, j->err) : RC_OK;
}

void agent_job_use(struct job *j)
{
    const struct agent_state *s = &j->state;

    j->used = agent_job_mono(j);
    j->outside = s->pending_latest && agent_outside(s, s->plan.reload_window, agent_job_now(j));
    if (j->outside)
        agent_say(&j->world, true,
                  "%s: the new certificate is taken into use outside of its windows (%.*s), for "
                  "none opened in time, and the one in place cannot wait longer; widen them",
                  j->place.path, STR_ARG(s->plan.reload_window));
}

void agent_job_renews(const struct job *j)
{
    const struct agent_state *s = &j->state;

    if (!j->o->force && j->not_after && !s->undecided &&
        agent_outside(s, s->plan.renew_window, agent_job_now(j)))
        agent_say(&j->world, true,
                  "%s: renewed outside of its windows (%.*s), for none opens in time, and the "
                  "certificate in place cannot wait longer; widen them",
                  j->place.path, STR_ARG(s->plan.renew_window));
}
