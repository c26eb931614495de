/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/job_int.h"

#include <signal.h>
#include <string.h>

#include "agent/also.h"
#include "agent/deploy.h"
#include "agent/journal.h"
#include "agent/kept.h"
#include "agent/mend.h"
#include "agent/proxy.h"
#include "agent/tell.h"
#include "crypto/key.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "net/net.h"

MSG(msg_stopped, "agent.stopped", "stopped by a signal; everything is as it was");

enum { CHAIN_ARENA_MAX = 4 << 20, PATIENCE_SECONDS = 60 };

when_t agent_job_now(const struct job *j)
{
    return clock_now(ev_clock(j->world.ev));
}

int64_t agent_job_mono(const struct job *j)
{
    return clock_mono(ev_clock(j->world.ev));
}

/* ---- its parts */

static void on_signal(void *arg, int)
{
    struct job *j = arg;

    j->stopped = true;
    j->ended = true;
    agent_hook_stop(j->solver, AGENT_HOOK_STOP);
    if (j->run)
        client_cancel(MOVE(j->run));
}

/* In a rehearsal there is no place yet. */
static const char *hook_dir(const struct job *j)
{
    return j->place.path[0] ? j->place.path : j->o->dir;
}

static struct agent_server_conf server_conf(const struct job *j)
{
    return (struct agent_server_conf){.pin = {&j->world, &j->place, &j->stopped},
                                      .plan = &j->state.plan,
                                      .binding = j->binding,
                                      .solver = j->solver};
}

enum rc agent_job_server(struct job *j, bool fallback, struct err *err)
{
    const struct agent_server_conf conf = server_conf(j);

    j->at = &j->servers[fallback];
    return agent_server_open(j->at, &conf, fallback, err);
}

void agent_job_heard(struct job *j, bool answered)
{
    struct agent_silence *s = j->o->silence;

    if (j->at->ca.fallback)
        return;
    j->silent = !answered;
    j->state.silent = answered ? 0 : agent_job_now(j);
    if (s && answered)
        agent_silence_drop(s, j->state.plan.server);
    else if (s)
        agent_silence_put(s, j->state.plan.server, agent_job_now(j));
}

static enum rc job_open(struct job *j, struct err *err)
{
    struct ev *ev = j->world.ev;

    TRY(ev_signal_new(ev, SIGINT, on_signal, j, &j->interrupt));
    TRY(ev_signal_new(ev, SIGTERM, on_signal, j, &j->terminate));
    TRY(net_system(ev, &j->world.net));
    TRY(agent_proxies_load(&j->proxies, &j->state.plan, err));
    j->world.proxies = j->proxies.of;
    return agent_solver_new(&j->world, &j->state.plan, hook_dir(j), &j->solver, err);
}

static enum rc job_init(struct job *j, const struct agent_options *o)
{
    *j = (struct job){.o = o, .place = AGENT_PLACE_INIT, .arena = ARENA_INIT(1 << 20)};
    buf_init(&j->chain, CLIENT_CHAIN_MAX);
    j->world.say = o->say;
    j->world.arg = o->arg;
    j->world.tokens = &j->tokens;
    return ev_new(clock_system(), &j->world.ev);
}

static void job_done(struct job *j)
{
    for (size_t i = 0; i < SERVERS; i++)
        agent_server_done(&j->servers[i]);
    agent_solver_free(j->solver);
    agent_proxies_done(&j->proxies);
    net_free(j->world.net);
    ev_signal_free(j->interrupt);
    ev_signal_free(j->terminate);
    ev_free(j->world.ev);
    crypto_key_unref(j->key.key);
    agent_tokens_done(&j->tokens);
    agent_journal_free(j->world.journal);
    agent_place_done(&j->place);
    buf_done(&j->chain);
    arena_done(&j->arena);
}

/* ---- running */

enum rc agent_job_stopped(struct err *err)
{
    return ERR(err, RC_CANCELLED, msg_stopped);
}

void agent_job_wait(struct job *j)
{
    while (!j->ended || agent_solver_busy(j->solver))
        ev_run_once(j->world.ev, EV_WAIT);
}

enum rc agent_job_times(struct job *j, const struct x509_cert *leaf)
{
    CLEANUP(buf_done) struct buf certid = BUF_INIT(CERTID_MAX - 1);

    j->not_before = leaf->not_before;
    j->not_after = leaf->not_after;
    j->certid[0] = '\0';
    if (client_certid(leaf, &certid) == RC_OK)
        return str_copyz(buf_str(&certid), j->certid, sizeof(j->certid));
    return RC_OK;
}

/* One that cannot be read, or is not there, is due. */
static enum rc load_chain(struct job *j, unsigned long generation)
{
    CLEANUP(buf_done) struct buf chain = BUF_INIT(CLIENT_CHAIN_MAX);
    CLEANUP(arena_done) struct arena a = ARENA_INIT(CHAIN_ARENA_MAX);
    struct x509_cert *certs;
    size_t n;

    TRY(agent_place_read(&j->place, generation, &chain, NULL));
    TRY(x509_cert_read_pem(&a, buf_str(&chain), X509_CHAIN_MAX, &certs, &n, NULL));
    return agent_job_times(j, &certs[0]);
}

/* ---- a new one */

static enum rc find_owner(struct job *j, struct err *err)
{
    const struct agent_plan *plan = &j->state.plan;

    return agent_owner_find(plan->owner, plan->group, plan->mode, plan->selinux, &j->place.owner,
                            err);
}

/* It is kept for people, and holds up no certificate: a full disk least of all. */
static enum rc keep_journal(struct job *j)
{
    struct err why = ERR_INIT;

    why.rc = agent_journal_open(&j->place, &j->world.journal, &why);
    if (why.rc != RC_OK && why.rc != RC_NOMEM)
        agent_say_err(&j->world, "what is changed is not noted", &why);
    return why.rc == RC_NOMEM ? RC_NOMEM : RC_OK;
}

static enum rc prepare_new(struct job *j, struct err *err)
{
    TRY(agent_place_open(j->o->dir, true, &j->place, err));
    TRY(find_owner(j, err));
    TRY(agent_place_check(&j->place, err));
    TRY(keep_journal(j));
    return job_open(j, err);
}

static void on_signed_up(void *arg, const struct client_result *result)
{
    struct job *j = arg;

    j->run = NULL;
    j->ended = true;
    j->rc = result->rc;
    if (result->rc != RC_OK)
        *j->err = *result->err;
}

/* An account at the second server, as long as there is somebody to say what is in the way. */
static enum rc sign_up(struct job *j)
{
    TRY(agent_job_server(j, true, j->err));
    j->ended = false;
    TRY(client_sign_up(j->at->client, on_signed_up, j, &j->run));
    agent_job_wait(j);
    TRY(j->stopped ? RC_CANCELLED : j->rc);
    return agent_job_save(j, j->err);
}

static void prepare_fallback(struct job *j)
{
    struct err why = ERR_INIT, *kept = j->err;
    char line[AGENT_WHY_MAX];

    if (j->state.plan.fallback_server.n == 0 || (j->at && j->at->ca.fallback))
        return;
    j->err = &why;
    why.rc = sign_up(j);
    j->err = kept;
    if (why.rc != RC_OK && why.rc != RC_CANCELLED)
        agent_say(&j->world, true,
                  "there is no account at the fallback server yet, so it may be no help when it is "
                  "needed: %s",
                  err_textz(&why, line, sizeof(line)));
}

static void on_directory(void *arg, const struct client_answer *answer)
{
    struct job *j = arg;
    struct client_directory directory = {};

    j->ended = true;
    j->rc = answer->rc;
    IGNORE_RC(client_date_read(answer->date, &j->out->server_time)); /* not every server says it */
    if (answer->rc == RC_OK)
        j->rc = client_directory_read(&j->arena, answer->body, &directory, j->err);
    else if (answer->err)
        *j->err = *answer->err;
    if (j->rc == RC_OK && directory.eab_required)
        agent_say(&j->world, false, "the server wants new accounts to be bound (--eab-kid)");
    if (j->rc == RC_OK && directory.terms.n)
        agent_say(&j->world, false, "its terms of service: %.*s", STR_ARG(directory.terms));
}

/* Is the server there, and could the proof be given? Nothing is changed at the one nor the other.
 */
static enum rc rehearse_at(struct job *j, bool fallback, struct err *err)
{
    struct agent_server *s = &j->servers[fallback];
    const struct agent_server_conf conf = server_conf(j);
    struct client_ask ask = {.method = "GET",
                             .accept = STR("application/json"),
                             .max_body = CLIENT_DOCUMENT_MAX,
                             .timeout = PATIENCE_SECONDS * WHEN_SECOND};
    struct client_exchange *exchange;

    TRY(agent_server_reach(s, &conf, fallback, err));
    ask.url = s->ca.server;
    j->ended = false;
    TRY(client_transport_send(s->transport, &ask, on_directory, j, &exchange));
    j->out->asked = true;
    agent_job_wait(j);
    return j->stopped ? agent_job_stopped(err) : j->rc;
}

static enum rc rehearse(struct job *j, struct err *err)
{
    TRY(job_open(j, err));
    TRY(rehearse_at(j, false, err));
    return j->state.plan.fallback_server.n ? rehearse_at(j, true, err) : RC_OK;
}

/* What is in place is nothing to an order that is made by hand, but a service may have it still. */
static enum rc take_latest(struct job *j)
{
    enum rc rc = load_chain(j, j->place.live);

    if (rc == RC_OK)
        j->latest = agent_latest(j->not_before, j->not_after);
    j->not_before = j->not_after = 0;
    return rc == RC_NOMEM ? rc : RC_OK;
}

/* What an earlier run has obtained that was cut off, or could not have the others: it is taken, and
 * not ordered again. */
static bool held_before(struct job *j, const struct agent_plan *plan)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(AGENT_STATE_MAX);
    char one[AGENT_KEPT_DIGEST + 1], other[AGENT_KEPT_DIGEST + 1];
    struct agent_state was = {};

    if (agent_place_state(&j->place, &text, NULL) != RC_OK ||
        agent_state_read(&j->arena, buf_str(&text), &was, NULL) != RC_OK || !was.held ||
        !was.pending || !str_eq(was.plan.server, plan->server) ||
        agent_kept_what(&was.plan, was.plan.profile, one) != RC_OK ||
        agent_kept_what(plan, plan->profile, other) != RC_OK || strcmp(one, other) != 0)
        return false;
    if (load_chain(j, was.pending) != RC_OK || agent_job_now(j) >= was.renewal.due)
        return false;
    was.plan = *plan;
    was.any_time = j->state.any_time;
    j->state = was;
    return true;
}

/* Where there was a plan before this one. The certificate is here, and does not wait for it. */
static void leave_old(struct job *j)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(AGENT_STATE_MAX);
    struct agent_state was = {};
    struct err err = ERR_INIT;

    if (agent_place_state(&j->place, &text, NULL) != RC_OK ||
        agent_state_read(&j->arena, buf_str(&text), &was, NULL) != RC_OK)
        return;
    err.rc = agent_also_leave(&j->place, &was.plan, &j->state.plan, &err);
    if (err.rc != RC_OK)
        agent_say_err(&j->world, "warning: a copy of the OCSP answer from before is still there",
                      &err);
}

/* A renewal goes on with the order then, by this plan. */
static enum rc wait_for_first(struct job *j, enum rc rc)
{
    if (!j->out->undecided || j->place.live)
        return rc;
    agent_job_undecided(j);
    TRY(agent_job_save(j, j->err));
    return rc;
}

enum rc agent_obtain(const struct agent_options *o, const struct agent_plan *plan,
                     const struct agent_binding *binding, struct agent_outcome *out,
                     struct err *err)
{
    CLEANUP(job_done) struct job j = {};
    bool held;
    enum rc rc;

    *out = (struct agent_outcome){};
    TRY(agent_deploy_check(plan, err));
    TRY(job_init(&j, o));
    j.state.plan = *plan;
    j.state.any_time = o->despite_window;
    j.silent = o->first_silent;
    j.out = out;
    j.err = err;
    j.binding = binding;
    if (o->dry_run)
        return rehearse(&j, err);
    TRY(prepare_new(&j, err));
    TRY(take_latest(&j));
    j.began = agent_job_mono(&j);
    held = o->holds && held_before(&j, plan);
    rc = held ? agent_tell_begin(j.solver, &j.place, plan, err)
              : agent_job_order(&j, (struct str){NULL, 0});
    if (rc != RC_OK)
        return wait_for_first(&j, rc);
    if (!held)
        agent_job_issued(&j);
    leave_old(&j);
    rc = o->holds ? agent_job_hold(&j) : agent_job_take(&j);
    prepare_fallback(&j);
    return rc;
}

/* ---- an old one */

static enum rc load_state(struct job *j, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(AGENT_STATE_MAX);

    TRY(agent_place_state(&j->place, &text, err));
    return agent_state_read(&j->arena, buf_str(&text), &j->state, err);
}

static when_t due(const struct job *j)
{
    return agent_due(&j->state, j->not_before, j->not_after, agent_job_now(j));
}

static void on_window(void *arg, const struct client_result *result)
{
    struct job *j = arg;

    j->run = NULL;
    j->ended = true;
    agent_job_heard(j, !result->silent);
    if (result->silent && !j->at->ca.fallback)
        j->cause = *result->err;
    if (result->rc == RC_OK)
        client_renewal_window(&j->state.renewal, &result->window, result->retry_at,
                              agent_job_now(j));
    else
        client_renewal_unknown(&j->state.renewal, agent_job_now(j));
}

/* Of who issued it. What cannot be asked stays as it was planned. */
static enum rc look(struct job *j)
{
    when_t look_at;

    if (j->silent && !agent_from_fallback(&j->state))
        return RC_OK;
    look_at = agent_look_at(&j->state, agent_job_now(j));
    if (!j->certid[0] || !look_at || agent_job_now(j) < look_at)
        return RC_OK;
    TRY(agent_job_server(j, agent_from_fallback(&j->state), j->err));
    client_set_patience(j->at->client, AGENT_PATIENCE);
    j->ended = false;
    TRY(client_look(j->at->client, str_of(j->certid), on_window, j, &j->run));
    agent_job_wait(j);
    return j->stopped ? agent_job_stopped(j->err) : RC_OK;
}

/* Whoever wants another key wants it now: the one in place may be known to others. */
static bool insists(const struct job *j)
{
    return j->o->force || j->o->key == AGENT_KEY_NEW;
}

static enum rc prepare_old(struct job *j, struct err *err)
{
    enum rc rc;

    TRY(agent_place_open(j->o->dir, false, &j->place, err));
    TRY(load_state(j, err));
    j->state.any_time = j->o->despite_window;
    if (j->o->takes || insists(j))
        j->state.held = 0;
    j->silent =
        j->o->first_silent ||
        (j->o->silence && agent_silence_has(j->o->silence, j->state.plan.server, agent_job_now(j)));
    TRY(find_owner(j, err));
    rc = load_chain(j, j->place.live);
    if (rc == RC_NOMEM)
        return rc;
    j->out->not_after = j->not_after;
    return RC_OK;
}

/* Nothing needs to be asked or done: the usual case, and it costs no connection. */
static bool rests(const struct job *j)
{
    when_t now = agent_job_now(j);

    if (insists(j) || ((j->o->despite_window || j->o->takes) && j->state.pending))
        return false;
    j->out->waits = agent_pause(&j->state, now);
    if (j->state.pending && !j->out->waits)
        j->out->ready_at = agent_ready(&j->state, now);
    j->out->held = j->out->ready_at && j->out->ready_at == j->state.held;
    return now < agent_renewal_next(&j->state, j->not_before, j->not_after, now);
}

/* Only the OCSP answer may be another one. A hook of dehydrated's is told on every run. */
static enum rc leave(struct job *j, struct err *err)
{
    bool due = agent_job_staple_due(j), fresh = agent_job_staple(j);
    enum rc rc = RC_OK;

    j->out->stapled = fresh;
    if (!j->out->waits)
        rc = agent_tell_unchanged(j->solver, &j->place, &j->state.plan, err);
    agent_job_staple_tell(j, fresh);
    if (due && rc == RC_OK)
        rc = agent_job_save(j, err);
    if (!j->out->waits && rc == RC_OK)
        rc = agent_tell_exit(j->solver, err);
    return rc;
}

static enum rc rest(struct job *j, struct err *err)
{
    bool tells = !j->out->waits && str_eq(j->state.plan.style, STR("dehydrated"));

    if (!tells && !agent_job_staple_due(j))
        return RC_OK;
    TRY(keep_journal(j));
    TRY(job_open(j, err));
    return leave(j, err);
}

/* That of the certificate in place may have to be renewed when the certificate itself cannot. */
static void staple_all_the_same(struct job *j)
{
    if (!j->solver || !agent_job_staple_due(j))
        return;
    agent_job_staple_tell(j, agent_job_staple(j));
    IGNORE_RC(agent_job_save(j, NULL)); /* the failure before is what is told */
}

/* One that was obtained and is not known to be in use yet is as good as a new one, until it is due
 * itself, or its key is not wanted. */
static bool resumes(struct job *j)
{
    if (j->state.pending && j->o->key != AGENT_KEY_NEW &&
        load_chain(j, j->state.pending) == RC_OK && agent_job_now(j) < due(j))
        return true;
    if (j->state.pending == j->place.live)
        j->state.issuer = j->state.pending_issuer;
    j->state.pending = j->state.before = 0;
    IGNORE_RC(load_chain(j, j->place.live)); /* one that is not there is due */
    return false;
}

static enum rc renew(struct job *j, struct err *err)
{
    TRY(agent_also_check(&j->state.plan, err));
    TRY(keep_journal(j));
    TRY(job_open(j, err));
    if (j->state.pending && resumes(j))
        return agent_job_take(j);
    TRY(look(j));
    j->out->renew_at = due(j);
    if (!insists(j) && agent_job_now(j) < due(j)) {
        TRY(agent_job_save(j, err));
        return leave(j, err);
    }
    j->began = agent_job_mono(j);
    j->latest = agent_latest(j->not_before, j->not_after);
    agent_job_renews(j);
    TRY(agent_job_order(j, str_of(j->certid)));
    agent_job_issued(j);
    return agent_job_take(j);
}

/* Nothing would be due, and nobody would know why. */
static void warn_of_clock(const struct job *j)
{
    char text[AGENT_CLOCK_TEXT];

    if (agent_clock_behind(j->not_before, agent_job_now(j), text))
        agent_say(&j->world, true,
                  "%s: %s; set it (`timedatectl set-ntp true`), or nothing is renewed in time",
                  j->o->dir, text);
}

enum rc agent_renew(const struct agent_options *o, struct agent_outcome *out, struct err *err)
{
    CLEANUP(job_done) struct job j = {};
    struct err mine = ERR_INIT;
    enum rc rc;

    *out = (struct agent_outcome){};
    TRY(job_init(&j, o));
    j.out = out;
    j.err = &mine;
    j.renews = true;
    TRY(prepare_old(&j, err));
    out->renew_at = due(&j);
    warn_of_clock(&j);
    if (o->dry_run) {
        out->due = !rests(&j) && (insists(&j) || j.state.pending || agent_job_now(&j) >= due(&j));
        return RC_OK;
    }
    agent_mend_look(&j.world, &j.place);
    if (rests(&j))
        return rest(&j, err);
    rc = renew(&j, &mine);
    mine.rc = rc;
    *err = mine;
    if (rc != RC_OK && rc != RC_CANCELLED)
        staple_all_the_same(&j);
    if (rc == RC_OK || rc == RC_CANCELLED || out->issued || j.remembered)
        return rc;
    if (out->undecided) {
        agent_job_undecided(&j);
    } else if (j.servers[0].client || j.servers[1].client) {
        agent_job_failed(&j);
    } else {
        j.state.undecided = 0; /* the order itself is kept; this is what there is to be told */
        agent_job_cause(&j);
    }
    IGNORE_RC(agent_job_save(&j, NULL)); /* the failure itself is what is told */
    return rc;
}
