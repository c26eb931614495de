/* SPDX-License-Identifier: Apache-2.0 */
/* The OCSP answer of a job's certificate: fetched before a new certificate is taken into use, and
 * anew before it ends. Nothing that goes wrong with it is in the way of the certificate: it is
 * said, remembered, and tried again after a pause of its own. */
#include "agent/also.h"
#include "agent/deploy.h"
#include "agent/job_int.h"
#include "agent/staple.h"
#include "agent/tell.h"

static bool wanted(const struct job *j)
{
    return j->state.plan.ocsp.n > 0;
}

static void failed(struct job *j, struct err *why)
{
    struct agent_state *s = &j->state;
    char line[AGENT_WHY_MAX], at[WHEN_TEXT];

    s->ocsp_failures++;
    s->ocsp_at = agent_job_now(j) + client_backoff(s->ocsp_failures,
                                                   AGENT_STAPLE_SECONDS_FIRST * WHEN_SECOND,
                                                   AGENT_STAPLE_SECONDS_LAST * WHEN_SECOND);
    err_textz(why, line, sizeof(line));
    IGNORE_RC(arena_str(&j->arena, str_of(line), &s->ocsp_why));
    agent_say(&j->world, true, "%s: the OCSP answer: %s; it is asked for again at %s",
              j->place.path, line, when_text(s->ocsp_at, at));
}

/* A certificate that names no responder will have none: there is nothing to try again. */
static void failed_for_good(struct job *j, struct err *why)
{
    failed(j, why);
    j->state.ocsp_failures = 0;
    j->state.ocsp_at = j->not_after;
}

static void forget(struct job *j, unsigned long generation)
{
    struct agent_state *s = &j->state;

    s->ocsp_of = generation;
    s->ocsp_at = s->ocsp_since = s->ocsp_until = 0;
    s->ocsp_failures = 0;
    s->ocsp_why.n = 0;
}

/* Its issuer may be a root, which is not in the chain: then those of the server are looked at. */
static enum rc fetch(struct job *j, unsigned long generation, unsigned tries,
                     struct agent_staple *out, struct err *err)
{
    CLEANUP(buf_done) struct buf chain = BUF_INIT(CLIENT_CHAIN_MAX);
    CLEANUP(agent_trust_done) struct agent_trust trust = {};
    struct agent_staple_ask ask = {.w = &j->world, .tries = tries, .stopped = &j->stopped};
    const struct agent_ca ca = agent_plan_ca(&j->state.plan, agent_from_fallback(&j->state));

    TRY(agent_place_read(&j->place, generation, &chain, err));
    TRY(agent_trust_load(&trust, ca.ca_file, STR(""), err));
    ask.chain = buf_str(&chain);
    ask.roots = trust.roots;
    ask.n_roots = trust.n_roots;
    return agent_staple_fetch(&ask, out, err);
}

static bool is_there(struct job *j, unsigned long generation, struct str der)
{
    CLEANUP(buf_done) struct buf is = BUF_INIT(AGENT_STAPLE_MAX);

    return agent_staple_get(&j->place, generation, &is) == RC_OK &&
           (der.n == 0 || str_eq(buf_str(&is), der));
}

static void say_revoked(const struct job *j)
{
    agent_say(&j->world, true,
              "%s: the OCSP answer says that the certificate is revoked, and clients will be told "
              "so: `autarky renew --new-key %s` obtains another one",
              j->place.path, j->place.path);
}

/* The responder may have none that is newer yet: then again after a quarter of what is left. */
static void plan_again(struct job *j)
{
    struct agent_state *s = &j->state;
    int64_t pause = (s->ocsp_until - agent_job_now(j)) / 4;

    if (pause < AGENT_STAPLE_SECONDS_FIRST * WHEN_SECOND)
        pause = AGENT_STAPLE_SECONDS_FIRST * WHEN_SECOND;
    s->ocsp_at = agent_job_now(j) + pause;
}

static enum rc take(struct job *j, unsigned long generation, const struct agent_staple *got,
                    struct err *err)
{
    struct agent_state *s = &j->state;
    char until[WHEN_TEXT];

    TRY(agent_staple_put(&j->place, generation, buf_str(&got->der), err));
    if (generation == j->place.live)
        TRY(agent_staple_link(&j->place, true, err));
    s->ocsp_of = generation;
    s->ocsp_since = got->said.since;
    s->ocsp_until = got->said.until;
    s->ocsp_at = agent_staple_next(&s->plan, &got->said);
    if (s->ocsp_at <= agent_job_now(j))
        plan_again(j);
    agent_say(&j->world, false, "%s: the OCSP answer is good until %s", j->place.path,
              when_text(got->said.until, until));
    if (got->said.revoked)
        say_revoked(j);
    return RC_OK;
}

/* It comes over a line that others may be on, who have seen answers before. */
static bool is_older(struct job *j, unsigned long generation, const struct agent_staple *got)
{
    return got->said.since < j->state.ocsp_since && j->state.ocsp_until > agent_job_now(j) &&
           is_there(j, generation, STR(""));
}

/* True: there is another one than before. */
static bool obtain(struct job *j, unsigned long generation, unsigned tries)
{
    struct agent_staple got = {.der = BUF_INIT(AGENT_STAPLE_MAX)};
    struct err why = ERR_INIT;
    bool same = false;

    if (j->state.ocsp_of != generation)
        forget(j, generation);
    why.rc = fetch(j, generation, tries, &got, &why);
    /* What failed the last time may have been what comes behind. */
    same = why.rc == RC_OK && j->state.ocsp_until &&
           ((j->state.ocsp_failures == 0 && is_there(j, generation, buf_str(&got.der))) ||
            is_older(j, generation, &got));
    if (same)
        plan_again(j);
    else if (why.rc == RC_OK)
        why.rc = take(j, generation, &got, &why);
    buf_done(&got.der);
    if (why.rc == RC_UNSUPPORTED)
        failed_for_good(j, &why);
    else if (why.rc != RC_OK && why.rc != RC_CANCELLED)
        failed(j, &why);
    return why.rc == RC_OK && !same;
}

/* ---- with a new certificate */

void agent_job_staple_new(struct job *j)
{
    const struct agent_state *s = &j->state;

    if (!wanted(j) || (s->ocsp_of == s->pending && s->ocsp_until > agent_job_now(j) &&
                       is_there(j, s->pending, STR(""))))
        return;
    if (obtain(j, s->pending, AGENT_STAPLE_TRIES_MAX))
        j->stapled = true;
}

void agent_job_staple_used(struct job *j, const struct err *untold)
{
    struct agent_state *s = &j->state;
    struct err why = *untold;

    if (!wanted(j))
        return;
    if (s->ocsp_of != j->place.live) { /* it went back to the one before */
        forget(j, j->place.live);
    } else if (why.rc != RC_OK) {
        failed(j, &why);
    } else if (j->stapled) {
        s->ocsp_failures = 0;
        s->ocsp_why.n = 0;
    }
}

/* ---- of the one in use */

bool agent_job_staple_due(const struct job *j)
{
    when_t now = agent_job_now(j);

    return j->place.live &&
           (j->state.ocsp_of != j->place.live || agent_ocsp_at(&j->state, now) <= now) && wanted(j);
}

bool agent_job_staple(struct job *j)
{
    return agent_job_staple_due(j) && obtain(j, j->place.live, 1);
}

static enum rc tell(struct job *j, struct err *err)
{
    const struct agent_deploy d = {.w = &j->world,
                                   .place = &j->place,
                                   .plan = &j->state.plan,
                                   .solver = j->solver,
                                   .stopped = &j->stopped};

    TRY(agent_also_put(&j->place, &j->state.plan, err));
    TRY(agent_tell_ocsp(j->solver, &j->place, &j->state.plan, err));
    return agent_deploy_reload(&d, err);
}

void agent_job_staple_tell(struct job *j, bool fresh)
{
    struct err why = ERR_INIT;

    if (fresh)
        why.rc = tell(j, &why);
    if (why.rc != RC_OK) {
        failed(j, &why);
    } else if (fresh) {
        j->state.ocsp_failures = 0;
        j->state.ocsp_why.n = 0;
    }
}
