/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/deploy.h"

#include <stdio.h>
#include <string.h>

#include "agent/also.h"
#include "agent/journal.h"
#include "agent/owner.h"
#include "agent/reload.h"
#include "agent/staple.h"
#include "agent/tell.h"
#include "agent/token.h"
#include "client/client.h"
#include "ev/ev.h"
#include "prove/prove.h"

MSG(msg_span, "agent.deploy-time",
    "{0} is \"{1}\"; it takes a time up to an hour, as in 30s or 5m");
MSG(msg_pair, "agent.prove-pair",
    "--pair is for certificates of SM2 (--key sm2), of which TLCP takes two");
MSG(msg_stopped, "agent.prove-stopped",
    "stopped by a signal before the service was seen to serve the new certificate, which is in "
    "place; `autarky renew` looks again");
MSG(msg_first, "agent.deploy-first",
    "the new certificate is in place, and is not seen to be in use: {0}. There was none before it "
    "to go back to; `autarky renew` reloads and looks again");
MSG(msg_back, "agent.deploy-back",
    "the new certificate was not taken into use: {0}. The one before is in place again{1}; "
    "`autarky renew` tries the new one again");
MSG(msg_worse, "agent.deploy-worse",
    "the new certificate was not taken into use: {0}. The one before is in place again, but that "
    "is not served either: {1}. Look at the service; `autarky renew` tries the new one again");
MSG(msg_deaf, "agent.deploy-deaf",
    "the new certificate was not taken into use: {0}. The one before is in place again; the "
    "service could not be told so either ({1}), and goes on with what it has read. Look at the "
    "service; `autarky renew` tries the new one again");

enum { ARENA_BYTES = 1 << 20, LINE = 700, WINDOW_SECONDS = 30, GENERATION_TEXT = 40 };

bool agent_deploys(const struct agent_plan *plan)
{
    return plan->reload.n || plan->n_prove || plan->n_also;
}

/* ---- checking */

static enum rc read_span(struct str text, const char *name, int64_t most, int64_t *out,
                         struct err *err)
{
    when_t span;

    if (text.n == 0)
        return RC_OK;
    if (when_parse_span(text, &span) != RC_OK || span <= 0 || span > most)
        return ERR(err, RC_INVAL, msg_span, str_of(name), text);
    *out = span;
    return RC_OK;
}

static enum rc read_times(const struct agent_plan *plan, int64_t *out_reload, int64_t *out_window,
                          struct err *err)
{
    *out_reload = AGENT_RELOAD_SECONDS * WHEN_SECOND;
    *out_window = WINDOW_SECONDS * WHEN_SECOND;
    TRY(read_span(plan->reload_timeout, "--reload-timeout", WHEN_HOUR, out_reload, err));
    return read_span(plan->prove_for, "--prove-for", WHEN_HOUR, out_window, err);
}

static enum rc find_places(struct arena *a, const struct agent_plan *plan, struct prove_ask **out,
                           size_t *out_n, struct err *err)
{
    struct prove_target *targets = ARENA_ARRAY(a, struct prove_target, plan->n_prove);
    const struct prove_what what = {targets,   plan->n_prove, plan->dns,
                                    plan->ips, plan->n_dns,   plan->n_ips};

    if (!targets)
        return RC_NOMEM;
    for (size_t i = 0; i < plan->n_prove; i++)
        TRY(prove_target_parse(plan->prove[i], &targets[i], err));
    return prove_asks(a, &what, out, out_n, err);
}

/* What speaks TLCP has no other certificates than those of SM2, and the other way round. */
static enum rc check_kind(const struct agent_plan *plan, const struct prove_ask *asks, size_t n,
                          struct err *err)
{
    struct crypto_key_spec key;

    if (crypto_key_spec_parse(plan->key, &key) != RC_OK)
        return RC_OK; /* which is found elsewhere */
    if (plan->pair.n && key.type != CRYPTO_KEY_SM2)
        return ERR(err, RC_INVAL, msg_pair);
    for (size_t i = 0; i < n; i++)
        TRY(prove_target_fits(asks[i].target, key.type, err));
    return RC_OK;
}

enum rc agent_deploy_check(const struct agent_plan *plan, struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ARENA_BYTES);
    struct agent_owner owner;
    struct prove_ask *asks;
    int64_t reload, window;
    size_t n;

    TRY(agent_owner_find(plan->owner, plan->group, plan->mode, plan->selinux, &owner, err));
    TRY(agent_also_check(plan, err));
    TRY(agent_staple_check_plan(plan, err));
    TRY(agent_windows_check(plan, err));
    TRY(agent_token_check(plan, err));
    TRY(read_times(plan, &reload, &window, err));
    if (plan->reload.n)
        TRY(agent_reload_check(plan->reload, err));
    if (plan->n_prove == 0)
        return RC_OK;
    TRY(find_places(&a, plan, &asks, &n, err));
    return check_kind(plan, asks, n, err);
}

/* ---- proving */

struct wait {
    struct err *err;
    enum rc rc;
    bool ended;
};

static void on_proven(void *arg, enum rc rc, const struct err *err)
{
    struct wait *wait = arg;

    wait->ended = true;
    wait->rc = rc;
    if (err)
        *wait->err = *err;
}

static enum rc read_chain(const struct agent_deploy *d, unsigned long generation, struct buf *out,
                          struct err *err)
{
    return generation ? agent_place_read(d->place, generation, out, err) : RC_OK;
}

static enum rc prove(const struct agent_deploy *d, unsigned long generation, int64_t window,
                     struct err *err)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(ARENA_BYTES);
    CLEANUP(buf_done) struct buf chain = BUF_INIT(CLIENT_CHAIN_MAX);
    CLEANUP(buf_done) struct buf other = BUF_INIT(CLIENT_CHAIN_MAX);
    CLEANUP(prove_freep) struct prove *p = NULL;
    struct prove_conf conf = {.ev = d->w->ev, .net = d->w->net, .window = window, .fn = on_proven};
    struct wait wait = {.err = err};
    char beside[AGENT_PATH_MAX];
    struct prove_ask *asks;

    if (d->plan->n_prove == 0)
        return RC_OK;
    if (d->plan->pair.n) {
        int n = snprintf(beside, sizeof(beside), "%.*s/" AGENT_HOME "/live/fullchain.pem",
                         STR_ARG(d->plan->pair));

        if (n < 0 || (size_t)n >= sizeof(beside))
            return RC_TOOBIG;
        conf.beside = beside;
    }
    TRY(find_places(&a, d->plan, &asks, &conf.n_asks, err));
    TRY(read_chain(d, generation, &chain, err));
    TRY(read_chain(d, generation == d->fresh ? d->before : d->fresh, &other, err));
    conf.asks = asks;
    conf.chain = buf_str(&chain);
    /* On the way back it is no old one that is still served, but the new one. */
    conf.before = generation == d->fresh ? buf_str(&other) : STR("");
    conf.arg = &wait;
    TRY(prove_start(&conf, &p, err));
    while (!wait.ended && !*d->stopped)
        ev_run_once(d->w->ev, EV_WAIT);
    return wait.ended ? wait.rc : ERR(err, RC_CANCELLED, msg_stopped);
}

/* ---- all of it */

/* Somebody may have removed it by hand, and links to nothing would be worse than the new one. */
static bool is_there(const struct agent_deploy *d, unsigned long generation)
{
    CLEANUP(buf_done) struct buf chain = BUF_INIT(CLIENT_CHAIN_MAX);

    return generation && read_chain(d, generation, &chain, NULL) == RC_OK;
}

/* What the journal says of it: the rest may hold what is nobody else's affair. */
static struct str told_of(struct str how)
{
    struct str head;

    if (str_starts(how, STR("shell:")))
        return STR("shell");
    if (!str_starts(how, STR("/")))
        return how; /* a unit, or a signal */
    head = str_head(how, str_find(how, ' '));
    return str_head(head, str_find(head, '\t'));
}

static enum rc reload(const struct agent_deploy *d, int64_t timeout, struct err *err)
{
    struct err why = ERR_INIT;

    if (d->plan->reload.n == 0)
        return RC_OK;
    why.rc = agent_reload(d->w, d->plan->reload, timeout, d->stopped, &why);
    agent_note(d->w, AGENT_RELOADED, told_of(d->plan->reload), STR(""), &why);
    if (why.rc != RC_OK)
        *err = why;
    return why.rc;
}

enum rc agent_deploy_reload(const struct agent_deploy *d, struct err *err)
{
    int64_t timeout, window;

    TRY(read_times(d->plan, &timeout, &window, err));
    return reload(d, timeout, err);
}

/* What it makes of the OCSP answer is not what a certificate is taken back for. */
static void tell_ocsp(struct agent_deploy *d)
{
    d->untold.rc = agent_tell_ocsp(d->solver, d->place, d->plan, &d->untold);
}

/* All but telling the service: the links, copies, and who wants to know. */
static enum rc put(struct agent_deploy *d, struct err *err)
{
    TRY(agent_staple_link(d->place, d->plan->ocsp.n > 0, err));
    TRY(agent_also_put(d->place, d->plan, err));
    TRY(agent_tell_deployed(d->solver, d->place, d->plan, err));
    tell_ocsp(d);
    return agent_tell_exit(d->solver, err);
}

static enum rc serve(struct agent_deploy *d, struct err *err)
{
    int64_t timeout, window;

    TRY(read_times(d->plan, &timeout, &window, err));
    TRY(put(d, err));
    TRY(reload(d, timeout, err));
    return prove(d, d->fresh, window, err);
}

/* A service that cannot be told goes on with what it has read, which may well be the one before: so
 * that is looked for all the same. *deaf is what the reload failed of. */
static enum rc serve_before(struct agent_deploy *d, struct err *deaf, struct err *err)
{
    int64_t timeout, window;

    TRY(read_times(d->plan, &timeout, &window, err));
    TRY(put(d, err));
    deaf->rc = reload(d, timeout, deaf);
    return prove(d, d->before, window, err);
}

static void note_place(const struct agent_deploy *d, enum agent_change what,
                       unsigned long generation)
{
    char text[GENERATION_TEXT];

    (void)snprintf(text, sizeof(text), "generation %lu", generation);
    agent_note(d->w, what, str_of(text), STR(""), NULL);
}

/* What the journal says was done last with the links. */
struct last {
    bool any, installed;
    char subject[GENERATION_TEXT];
};

static bool take_note(void *arg, const struct agent_note *note)
{
    struct last *last = arg;

    if (note->what != AGENT_INSTALLED && note->what != AGENT_RESTORED)
        return true;
    last->any = true;
    last->installed = note->what == AGENT_INSTALLED;
    (void)snprintf(last->subject, sizeof(last->subject), "%.*s", STR_ARG(note->subject));
    return true;
}

/* A run that was cut off between the change and its note, either way, has left none. */
static enum rc note_missing(const struct agent_deploy *d)
{
    struct last last = {};
    char fresh[GENERATION_TEXT];
    bool noted;

    if (!d->w->journal)
        return RC_OK;
    (void)snprintf(fresh, sizeof(fresh), "generation %lu", d->fresh);
    if (agent_journal_each(d->place, 0, take_note, &last) == RC_NOMEM)
        return RC_NOMEM;
    noted = last.any && last.installed && strcmp(last.subject, fresh) == 0;
    if (d->place->live == d->fresh && !noted)
        note_place(d, AGENT_INSTALLED, d->fresh);
    else if (d->place->live != d->fresh && noted)
        note_place(d, AGENT_RESTORED, d->place->live);
    return RC_OK;
}

static enum rc go_back(struct agent_deploy *d, const struct err *why, struct err *err)
{
    struct str proven = d->plan->n_prove ? STR(", and is served") : STR("");
    struct err back = ERR_INIT, deaf = ERR_INIT;
    char first[LINE], second[LINE];
    struct str what = str_of(err_textz(why, first, sizeof(first)));

    agent_say(d->w, true, "%s; going back to the certificate before", first);
    TRY(agent_place_return(d->place, d->before, err));
    note_place(d, AGENT_RESTORED, d->before);
    back.rc = serve_before(d, &deaf, &back);
    if (back.rc == RC_OK && (deaf.rc == RC_OK || d->plan->n_prove))
        return ERR(err, RC_CONFLICT, msg_back, what, proven);
    err_textz(deaf.rc == RC_OK ? &back : &deaf, second, sizeof(second));
    if (back.rc == RC_OK)
        return ERR(err, RC_CONFLICT, msg_deaf, what, str_of(second));
    return ERR(err, RC_CONFLICT, msg_worse, what, str_of(second));
}

static enum rc install(const struct agent_deploy *d, struct err *err)
{
    TRY(note_missing(d));
    if (d->place->live == d->fresh)
        return agent_place_complete(d->place, err);
    TRY(agent_place_switch(d->place, d->fresh, err));
    note_place(d, AGENT_INSTALLED, d->fresh);
    return RC_OK;
}

enum rc agent_deploy_files(struct agent_deploy *d, struct err *err)
{
    TRY(install(d, err));
    TRY(agent_staple_link(d->place, d->plan->ocsp.n > 0, err));
    return agent_also_put(d->place, d->plan, err);
}

enum rc agent_deploy(struct agent_deploy *d, struct err *err)
{
    struct err why = ERR_INIT;
    char line[LINE];

    TRY(install(d, err));
    d->served = true;
    why.rc = serve(d, &why);
    if (why.rc == RC_OK || why.rc == RC_CANCELLED || !agent_deploys(d->plan)) {
        *err = why;
        return why.rc;
    }
    if (is_there(d, d->before))
        return go_back(d, &why, err);
    return ERR(err, RC_CONFLICT, msg_first, str_of(err_textz(&why, line, sizeof(line))));
}
