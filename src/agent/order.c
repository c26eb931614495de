/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate ordered, at the first server or the second, and written down. */
#include <string.h>

#include "agent/job_int.h"
#include "agent/kept.h"
#include "agent/tell.h"
#include "agent/token.h"
#include "crypto/key.h"
#include "x509/name.h"

MSG(msg_both, "agent.both-failed", "{0}; and the fallback server {1} failed, too: {2}");

MSG(msg_undecided, "agent.undecided",
    "{0} has the order and has not decided yet: a person there may have to. {1} goes on with it");

MSG(msg_silent, "agent.first-silent",
    "the server {0} gave no answer a short while ago, and is left alone for some minutes");

static void take_failure(struct job *j, const struct client_result *result)
{
    j->rc = result->rc;
    *j->err = *result->err;
    j->err->rc = result->rc;
    j->out->retry_at = result->retry_at;
    j->status = result->status;
    j->key_refused =
        str_eq(result->problem, STR("badPublicKey")) || str_eq(result->problem, STR("badCSR"));
    j->trouble = (struct client_trouble){result->rc, result->ill, result->retry_at};
    agent_job_heard(j, !result->silent);
}

static void say_untrusted(struct job *j, const struct client_result *result)
{
    CLEANUP(buf_done) struct buf name = BUF_INIT(X509_NAME_MAX);

    if (result->trusted)
        return;
    x509_name_text(result->certs[result->n_certs - 1].issuer, &name);
    agent_say(&j->world, true,
              "this machine does not trust the root of the new certificate (%s); clients have to",
              buf_z(&name));
}

static void on_certificate(void *arg, const struct client_result *result)
{
    struct job *j = arg;

    j->run = NULL;
    j->ended = true;
    if (result->rc != RC_OK) {
        take_failure(j, result);
        return;
    }
    agent_job_heard(j, true);
    if (!result->chain_found)
        agent_say(&j->world, true,
                  "the server offers no chain \"%.*s\"; its first one is taken instead",
                  STR_ARG(j->state.plan.chain));
    say_untrusted(j, result);
    j->rc = agent_job_times(j, &result->certs[0]);
    buf_reset(&j->chain);
    buf_puts(&j->chain, result->chain);
    if (j->rc == RC_OK)
        j->rc = buf_rc(&j->chain);
}

/* 0: as long as the client has. A hook may wait for its records, once for each name. */
static int64_t run_time(const struct agent_plan *plan)
{
    int64_t time = CLIENT_RUN_SECONDS * WHEN_SECOND +
                   (int64_t)(plan->n_dns + plan->n_ips) * agent_hook_time(plan);

    if (plan->way != AGENT_HOOK)
        return 0;
    return time < AGENT_RUN_MOST ? time : AGENT_RUN_MOST;
}

/* What the certificate will be for is on disk before there can be one. */
static enum rc keep(void *arg, struct str order, struct err *err)
{
    struct job *j = arg;
    struct agent_kept k = {.server = j->at->ca.server,
                           .order = order,
                           .at = j->kept_at ? j->kept_at : agent_job_now(j),
                           .tries = j->tries,
                           .key = agent_in_token(&j->state.plan) ? NULL : j->key.key};

    TRY(agent_kept_what(&j->state.plan, j->at->ca.profile, k.what));
    TRY(agent_kept_put(&j->place, &k, err));
    j->kept = true;
    return RC_OK;
}

/* An order that may have come to something yet stays, for the next run. */
static bool is_open(const struct job *j, enum rc rc)
{
    return rc == RC_CANCELLED || rc == RC_NOMEM || rc == RC_QUOTA || rc == RC_TIMEOUT ||
           j->out->undecided || (j->trouble.ill && rc != RC_CRYPTO && rc != RC_PARSE);
}

/* It stays, and runs that find it so are not counted: it is the server's turn. */
static enum rc keep_undecided(struct job *j)
{
    struct agent_kept k = {};
    enum rc rc;

    TRY(agent_kept_get(&j->place, &j->arena, &k, j->err));
    k.undecided = true;
    k.tries = 0;
    rc = agent_kept_put(&j->place, &k, j->err);
    crypto_key_unref(k.key);
    return rc;
}

/* Whoever has a certificate here has a plan for it, which stays as it is. */
static enum rc undecided(struct job *j)
{
    struct str how = STR("the same command");

    TRY(keep_undecided(j));
    j->out->undecided = true;
    if (j->renews || j->place.live == 0)
        how = arena_printf(&j->arena, "`autarky renew %s`", j->place.path);
    return ERR(j->err, RC_AGAIN, msg_undecided, j->at->ca.server, how);
}

/* How long a server may take that has all it needs; 0: as long as the rest. */
static int64_t decision(const struct job *j)
{
    if (j->o->decide)
        return j->o->decide;
    return j->waited ? AGENT_LOOK_PATIENCE : 0;
}

/* With j->key; `order` is one of before, or empty. */
static enum rc run_order(struct job *j, struct str replaces, struct str order)
{
    const struct agent_plan *plan = &j->state.plan;
    struct client_want want = {.dns = plan->dns,
                               .n_dns = plan->n_dns,
                               .ips = plan->ips,
                               .n_ips = plan->n_ips,
                               .key = j->key.key,
                               .profile = j->at->ca.profile,
                               .replaces = replaces,
                               .timeout = run_time(plan),
                               .decide = decision(j),
                               .chain_choice = plan->chain,
                               .order = order,
                               .keep = keep,
                               .keep_arg = j};

    if (j->stopped)
        return agent_job_stopped(j->err);
    j->key_refused = false;
    j->ended = false;
    j->trouble = (struct client_trouble){};
    TRY(client_obtain(j->at->client, &want, on_certificate, j, &j->run));
    agent_job_wait(j);
    if (j->stopped)
        return agent_job_stopped(j->err);
    if (j->rc == RC_AGAIN && j->kept)
        j->rc = undecided(j);
    if (j->rc != RC_OK && !is_open(j, j->rc) && j->kept)
        agent_kept_drop(&j->place);
    return j->rc;
}

static enum rc order_with(struct job *j, struct str replaces, enum agent_key_wish wish)
{
    crypto_key_unref(MOVE(j->key.key));
    TRY(agent_key_choose(&j->world, &j->place, &j->state.plan, wish, &j->key, j->err));
    j->kept = false;
    j->kept_at = 0;
    j->tries = 0;
    j->waited = false;
    return run_order(j, replaces, STR(""));
}

/* ---- one that was begun before */

/* Another key may be wanted, or another certificate. */
static bool is_wanted(const struct job *j, const struct agent_kept *k)
{
    char what[AGENT_KEPT_DIGEST + 1];

    return j->o->key == AGENT_KEY_AS_PLANNED && str_eq(k->server, j->at->ca.server) &&
           !k->key == agent_in_token(&j->state.plan) &&
           agent_kept_what(&j->state.plan, j->at->ca.profile, what) == RC_OK &&
           strcmp(what, k->what) == 0;
}

/* RC_NOTFOUND: there is none. */
static enum rc resume(struct job *j)
{
    struct agent_kept k = {};
    enum rc rc = agent_kept_get(&j->place, &j->arena, &k, NULL);
    bool over;

    j->trouble = (struct client_trouble){}; /* that of the other server, if any */
    if (rc == RC_NOMEM)
        return rc;
    over = rc == RC_OK && agent_kept_over(&k, agent_job_now(j));
    if (over)
        agent_kept_drop(&j->place);
    if (rc != RC_OK || over || !is_wanted(j, &k)) {
        crypto_key_unref(k.key);
        return RC_NOTFOUND;
    }
    k.tries++;
    rc = agent_kept_put(&j->place, &k, j->err);
    if (rc != RC_OK) {
        crypto_key_unref(k.key);
        return rc;
    }
    crypto_key_unref(MOVE(j->key.key));
    j->key = (struct agent_key){.key = k.key};
    if (!k.key)
        TRY(agent_key_choose(&j->world, &j->place, &j->state.plan, AGENT_KEY_AS_PLANNED, &j->key,
                             j->err));
    agent_say(&j->world, false, "%s: going on with the order that was begun before", j->place.path);
    j->kept = true;
    j->kept_at = k.at;
    j->tries = k.tries;
    j->waited = k.undecided;
    return run_order(j, STR(""), k.order);
}

/* Whether there is nothing more to be done, well or not. What persons have denied is not asked of
 * them again at once. */
static bool ends_with(struct job *j, enum rc rc)
{
    if (rc == RC_OK || (rc == RC_CONFLICT && j->waited) || (rc != RC_NOTFOUND && is_open(j, rc)) ||
        (rc == RC_NOTFOUND && j->trouble.ill))
        return true;
    if (rc != RC_NOTFOUND) {
        j->err->rc = rc;
        agent_say_err(&j->world,
                      "the order that was begun before came to nothing, and another one "
                      "is made",
                      j->err);
    }
    *j->err = (struct err)ERR_INIT;
    j->status = 0;
    j->out->retry_at = 0;
    return false;
}

/* A key that the server will certify no more, for it was said to be compromised, or has become too
 * small: it is in place, but not for long. */
static enum rc order(struct job *j, struct str replaces)
{
    enum rc rc = resume(j);

    if (ends_with(j, rc))
        return rc;
    rc = order_with(j, replaces, j->no_reuse ? AGENT_KEY_NEW : j->o->key);
    if (rc != RC_DENIED || !j->key.reused || !j->key_refused)
        return rc;
    j->no_reuse = true; /* nor by the second server */
    j->status = 0;
    j->out->retry_at = 0;
    j->err->rc = rc;
    agent_say_err(&j->world, "the key in place is not used again, and a new one is made", j->err);
    *j->err = (struct err)ERR_INIT;
    return order_with(j, replaces, AGENT_KEY_NEW);
}

/* Of one that gives no answer; 0: as long as the client has. */
static int64_t patience(const struct job *j, bool fallback)
{
    if (fallback)
        return 0;
    return j->silent ? AGENT_NO_PATIENCE : j->state.plan.fallback_server.n ? AGENT_PATIENCE : 0;
}

/* Looking for its root, nobody may have answered. */
static enum rc order_at(struct job *j, bool fallback, struct str replaces)
{
    enum rc rc = agent_job_server(j, fallback, j->err);

    if (rc == RC_OK) {
        client_set_patience(j->at->client, patience(j, fallback));
        return order(j, replaces);
    }
    j->trouble = (struct client_trouble){
        .rc = rc, .ill = rc == RC_NET || rc == RC_CLOSED || rc == RC_TIMEOUT};
    if (j->trouble.ill)
        agent_job_heard(j, false);
    return rc;
}

static when_t sooner(when_t a, when_t b)
{
    return a && b ? (a < b ? a : b) : 0;
}

/* The first one's failure is told, too: it is what has to be looked after. */
static enum rc order_at_second(struct job *j, struct str replaces)
{
    struct str server = j->state.plan.fallback_server;
    char first[AGENT_WHY_MAX], second[AGENT_WHY_MAX];
    when_t retry_at = j->out->retry_at;
    enum rc rc;

    err_textz(j->err, first, sizeof(first));
    agent_say(&j->world, true, "%s; asking the fallback server %.*s instead", first,
              STR_ARG(server));
    *j->err = (struct err)ERR_INIT;
    j->out->retry_at = 0;
    rc = order_at(j, true, replaces);
    if (rc == RC_OK || rc == RC_CANCELLED || rc == RC_NOMEM)
        return rc;
    j->out->retry_at = sooner(retry_at, j->out->retry_at);
    j->err->rc = rc;
    err_textz(j->err, second, sizeof(second));
    return ERR(j->err, rc, msg_both, str_of(first), server, str_of(second));
}

/* At the first server always, so from the second one there is a way back with each renewal. An
 * order names what it replaces to who issued that. */
static enum rc order_somewhere(struct job *j, struct str replaces)
{
    bool second = agent_from_fallback(&j->state);
    when_t latest = agent_latest(j->not_before, j->not_after);
    enum rc rc;

    if (j->silent && j->state.plan.fallback_server.n) {
        IGNORE_RC(ERR(j->err, RC_NET, msg_silent, j->state.plan.server));
        if (j->cause.msg)
            *j->err = j->cause;
        return order_at_second(j, second ? replaces : STR(""));
    }
    rc = order_at(j, false, second ? STR("") : replaces);
    if (rc == RC_OK || rc == RC_CANCELLED || j->state.plan.fallback_server.n == 0 ||
        !client_falls_back(&j->trouble, latest, agent_job_now(j)))
        return rc;
    j->err->rc = rc;
    return order_at_second(j, second ? replaces : STR(""));
}

/* The new set is on disk, then it is told of; its taking the place of the old one comes later. */
static enum rc write_set(struct job *j)
{
    CLEANUP(buf_done) struct buf reference = BUF_INIT(AGENT_REFERENCE_MAX);
    struct str chain = buf_str(&j->chain);

    j->state.pending_latest = j->state.plan.reload_window.n ? j->latest : 0;
    if (agent_in_token(&j->state.plan)) {
        TRY(agent_token_reference(&j->state.plan, &reference));
        TRY(agent_place_refer(&j->place, chain, buf_str(&reference), &j->state.pending, j->err));
    } else {
        TRY(agent_place_write(&j->place, chain, j->key.key, &j->state.pending, j->err));
    }
    return agent_tell_written(j->solver, &j->place, j->state.pending, j->err);
}

enum rc agent_job_order(struct job *j, struct str replaces)
{
    enum rc rc = agent_place_label(&j->place, j->err);

    j->state.pending = 0;
    if (rc == RC_OK)
        rc = agent_tell_begin(j->solver, &j->place, &j->state.plan, j->err);
    if (rc == RC_OK)
        rc = order_somewhere(j, replaces);
    if (rc == RC_OK)
        rc = write_set(j);
    if (rc == RC_OK)
        j->state.pending_issuer = j->at->ca.server;
    if (rc != RC_OK)
        j->state.pending = 0;
    if (rc != RC_OK && rc != RC_CANCELLED && !j->out->undecided) {
        j->err->rc = rc;
        agent_tell_failed(j->solver, &j->world, j->status, j->err);
    }
    return rc;
}
