/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that set records which prove names of sites to other CAs (dns-01), called as hooks of
 * other ACME clients are (agent/solver.h). The keeper says for which site, and what proves it;
 * which program that is, and as whom, is the configuration's, and a name that is no site's with
 * that hook is none. Of one hook one call is under way at a time, for many of them read a zone,
 * change it and write it back; whoever asks to take away a record that this process never set, for
 * the one before it did, gets that, too. */
#include <stdio.h>
#include <unistd.h>

#include "agent/owner.h"
#include "agent/solver.h"
#include "base/name.h"
#include "conf/conf.h"
#include "crypto/crypto.h"
#include "ipc/public_messages.h"
#include "log/log.h"
#include "runner/runner_int.h"

MSG(msg_site, "runner.hook-site",
    "the site {0} has no hook in the configuration: its `dns` names none of gateway.hooks");
MSG(msg_unusable, "runner.hook-unusable",
    "the hook {0} of the site {1}: {2}; mend it, then `autarky reload` and `autarky site renew "
    "{1}`");
MSG(msg_failed, "runner.hook-failed",
    "the hook {0} has set no record for {1}: {2}; `autarky site renew {1}` tries it again at once");
MSG(msg_many, "runner.records-many", "{0} records are being set by hooks already");
MSG(msg_twice, "runner.record-twice", "the hook is setting that record of {0} already");
MSG(msg_token, "runner.record-token", "what is to prove the name {0} is no proof of ACME");
MSG(msg_root, "runner.hook-root", "{0} is root under another name: no hook runs as root");
MSG(msg_ending, "runner.hook-ending", "the runner is ending; no record is set for {0}");

enum {
    TEXT_BYTES = 1024,
    TOKEN_BYTES = 512,
    TOKEN_LEAST = 16,
    THUMBPRINT = 43, /* a SHA-256 in base64url */
    VARIABLES_MAX = 256 * 1024,
};

/* One of gateway.hooks. */
struct hook {
    struct runner *r;
    const struct conf_hook *of; /* of runner_hooks.conf */
    struct agent_user user;
    struct buf variables;
    struct err why; /* rc: unless RC_OK it cannot be used */
    struct list turns;
    struct record *at; /* its call is under way */
    struct ev_defer go;
};

struct record {
    struct list link, turn; /* `turn`: waits for a call */
    struct hook *hook;
    struct agent_solver *solver; /* NULL: nothing was called yet */
    char site[NAME_MAX_BYTES + 1], token[TOKEN_BYTES], authorization[TOKEN_BYTES];
    struct client_proof proof;
    struct ipc_req *req; /* waits until it is set */
    bool tried;          /* to call something */
    bool set;
    bool gone; /* it is to be taken away, and freed then */
};

struct runner_hooks {
    const struct conf *conf; /* at the start, with a reference */
    struct agent_world world;
    struct hook hooks[CONF_HOOKS_MAX];
    size_t n;
    struct list records;
    size_t n_records;
    struct ev_timer patience;
};

/* ---- what is declared */

static void say(void *, bool warn, const char *line)
{
    if (warn)
        log_warn("runner.hook", LOG_Z("text", line));
    else
        log_info("runner.hook", LOG_Z("text", line));
}

static enum rc prepare(const struct runner *r, struct hook *h, struct err *err)
{
    if (h->of->environment.n)
        TRY(agent_hook_variables(h->of->environment, &h->variables, err));
    if (r->env->unprivileged)
        return RC_OK; /* it stays who it is */
    TRY(agent_user_find(h->of->user, &h->user, err));
    return h->user.uid == 0 || h->user.gid == 0 ? ERR(err, RC_DENIED, msg_root, h->of->user)
                                                : RC_OK;
}

static void on_go(void *arg);
static void out_of_patience(void *arg);

enum rc runner_hooks_open(struct runner *r)
{
    const struct conf *conf = r->env->conf;
    struct runner_hooks *all;

    if (conf->gateway.others.n_hooks == 0)
        return RC_OK;
    all = MEM_NEW(struct runner_hooks);
    if (!all)
        return RC_NOMEM;
    r->hooks = all;
    all->conf = conf_ref(conf);
    all->world = (struct agent_world){.ev = r->env->ev, .say = say, .arg = r, .confined = true};
    list_init(&all->records);
    ev_timer_init(&all->patience, r->env->ev, out_of_patience, r);
    TRY(crypto_init());
    for (size_t i = 0; i < conf->gateway.others.n_hooks && i < CONF_HOOKS_MAX; i++) {
        struct hook *h = &all->hooks[all->n++];

        h->r = r;
        h->of = &conf->gateway.others.hooks[i];
        buf_init(&h->variables, VARIABLES_MAX);
        list_init(&h->turns);
        ev_defer_init(&h->go, on_go, h);
        h->why.rc = prepare(r, h, &h->why);
        if (h->why.rc == RC_NOMEM)
            return RC_NOMEM;
        if (h->why.rc != RC_OK)
            log_error("runner.hook-unusable", LOG_STR("hook", h->of->name), LOG_ERR(&h->why));
    }
    return RC_OK;
}

static struct hook *hook_of(struct runner *r, struct str site)
{
    const struct conf_site *s = r->hooks ? conf_site_find(r->env->conf, site) : NULL;

    for (size_t i = 0; s && s->dns.n && i < r->hooks->n; i++)
        if (str_eq(r->hooks->hooks[i].of->name, s->dns))
            return &r->hooks->hooks[i];
    return NULL;
}

/* ---- a record */

static struct record *record_at(struct list *link)
{
    return LIST_ENTRY(link, struct record, link);
}

static void record_free(struct record *rec)
{
    struct ipc_req *req = MOVE(rec->req);

    if (req)
        ipc_reply_rc(req, RC_CANCELLED, NULL);
    if (rec->hook->at == rec)
        rec->hook->at = NULL;
    agent_solver_free(rec->solver);
    list_remove(&rec->turn);
    list_remove(&rec->link);
    rec->hook->r->hooks->n_records--;
    mem_free(rec);
}

static struct record *find(const struct runner *r, const struct ipc_proof *m)
{
    LIST_FOREACH (it, &r->hooks->records) {
        struct record *rec = record_at(it);

        if (!rec->gone && str_eq(str_of(rec->site), m->site) &&
            str_eq(str_of(rec->authorization), m->key_authorization))
            return rec;
    }
    return NULL;
}

static bool is_base64url(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '-' && c != '_')
            return false;
    }
    return true;
}

/* RFC 8555 section 8.1: it becomes words of a program. */
static bool is_proof(const struct ipc_proof *m)
{
    struct str token, print;

    return m->token.n >= TOKEN_LEAST && is_base64url(m->token) &&
           str_cut(m->key_authorization, '.', &token, &print) && str_eq(token, m->token) &&
           print.n == THUMBPRINT && is_base64url(print);
}

static enum rc fill(struct record *rec, const struct ipc_proof *m)
{
    TRY(str_copyz(m->site, rec->site, sizeof(rec->site)));
    TRY(str_copyz(m->token, rec->token, sizeof(rec->token)));
    TRY(str_copyz(m->key_authorization, rec->authorization, sizeof(rec->authorization)));
    rec->proof = (struct client_proof){.type = STR("dns-01"),
                                       .identifier_type = STR("dns"),
                                       .identifier = str_of(rec->site),
                                       .token = str_of(rec->token),
                                       .key_authorization = str_of(rec->authorization)};
    return RC_OK;
}

static enum rc judge(struct runner *r, const struct ipc_proof *m, struct hook **out,
                     struct err *err)
{
    struct hook *h = hook_of(r, m->site);
    char text[TEXT_BYTES];

    if (!h)
        return ERR(err, RC_NOTFOUND, msg_site, m->site);
    if (!is_proof(m))
        return ERR(err, RC_INVAL, msg_token, m->site);
    if (r->draining)
        return ERR(err, RC_CLOSED, msg_ending, m->site);
    if (h->why.rc != RC_OK)
        return ERR(err, h->why.rc, msg_unusable, h->of->name, m->site,
                   str_of(err_textz(&h->why, text, sizeof(text))));
    if (r->hooks->n_records >= RUNNER_RECORDS_MAX) {
        snprintf(text, sizeof(text), "%d", RUNNER_RECORDS_MAX);
        return ERR(err, RC_QUOTA, msg_many, str_of(text));
    }
    *out = h;
    return RC_OK;
}

static enum rc add(struct runner *r, const struct ipc_proof *m, struct record **out,
                   struct err *err)
{
    struct hook *h = NULL;
    struct record *rec;
    enum rc rc;

    TRY(judge(r, m, &h, err));
    rec = MEM_NEW(struct record);
    if (!rec)
        return RC_NOMEM;
    rec->hook = h;
    list_init(&rec->turn);
    list_push(&r->hooks->records, &rec->link);
    r->hooks->n_records++;
    rc = fill(rec, m);
    if (rc == RC_OK)
        *out = rec;
    else
        record_free(rec);
    return rc;
}

/* ---- calls */

static void wait_turn(struct record *rec)
{
    list_remove(&rec->turn);
    list_push(&rec->hook->turns, &rec->turn);
    ev_defer(rec->hook->r->env->ev, &rec->hook->go);
}

static void on_idle(void *arg)
{
    struct record *rec = arg;

    ev_defer(rec->hook->r->env->ev, &rec->hook->go);
}

static enum rc make_solver(struct record *rec, struct err *err)
{
    const struct conf_hook *of = rec->hook->of;
    char dir[TEXT_BYTES];
    const struct agent_hook_conf conf = {.style = str_of(conf_hook_style_name(of->style)),
                                         .command = of->command.p,
                                         .n_command = of->command.n,
                                         .cleanup = of->cleanup.p,
                                         .n_cleanup = of->cleanup.n,
                                         .user = &rec->hook->user,
                                         .variables = buf_str(&rec->hook->variables),
                                         .timeout = of->timeout,
                                         .owner = rec->hook->r->env->unprivileged ? geteuid() : 0,
                                         .identifier = str_of(rec->site),
                                         .dir = dir,
                                         .idle = on_idle,
                                         .arg = rec};

    if (rec->solver)
        return RC_OK;
    snprintf(dir, sizeof(dir), "%s/sites/%s",
             rec->hook->r->env->data_path ? rec->hook->r->env->data_path : "", rec->site);
    return agent_hook_as(&rec->hook->r->hooks->world, &conf, &rec->solver, err);
}

static void on_set(void *arg, enum rc rc, const struct err *why)
{
    struct record *rec = arg;
    struct ipc_req *req = MOVE(rec->req);
    struct str name = rec->hook->of->name;
    struct err err = ERR_INIT;
    char text[TEXT_BYTES];

    rec->set = rc == RC_OK;
    if (rc != RC_OK) {
        IGNORE_RC(ERR(&err, rc, msg_failed, name, str_of(rec->site),
                      why && why->msg ? str_of(err_textz(why, text, sizeof(text)))
                                      : str_of(rc_text(rc))));
        log_warn("runner.record-failed", LOG_Z("site", rec->site), LOG_RC(rc), LOG_ERR(&err));
    } else {
        log_info("runner.record", LOG_Z("site", rec->site), LOG_STR("hook", name));
    }
    if (req)
        ipc_reply_rc(req, rc, rc == RC_OK ? NULL : &err);
    ev_defer(rec->hook->r->env->ev, &rec->hook->go);
}

static void call(struct record *rec)
{
    struct err err = ERR_INIT;
    enum rc rc;

    rec->tried = true;
    rec->hook->at = rec;
    ev_defer(rec->hook->r->env->ev, &rec->hook->go); /* whatever comes of it is looked at */
    rc = make_solver(rec, &err);
    if (rc != RC_OK && rec->gone)
        log_warn("runner.record-left", LOG_Z("site", rec->site), LOG_RC(rc), LOG_ERR(&err));
    else if (rc != RC_OK)
        on_set(rec, rc, &err);
    else if (rec->gone)
        rec->solver->solver.cleanup(rec->solver->solver.arg, &rec->proof);
    else
        rec->solver->solver.present(rec->solver->solver.arg, &rec->proof, on_set, rec);
}

/* The call that was under way may have ended, and the next one begins. */
static void on_go(void *arg)
{
    struct hook *h = arg;
    struct record *rec = h->at;
    struct list *link;

    if (rec && rec->solver && agent_solver_busy(rec->solver))
        return;
    h->at = NULL;
    if (rec && rec->gone && list_empty(&rec->turn))
        record_free(rec);
    link = list_pop(&h->turns);
    if (link)
        call(LIST_ENTRY(link, struct record, turn));
    runner_look_drained(h->r);
}

/* ---- what is asked */

static void take_away(struct record *rec)
{
    struct ipc_req *req = MOVE(rec->req);
    bool waits = !list_empty(&rec->turn);

    if (req)
        ipc_reply_rc(req, RC_CANCELLED, NULL);
    rec->gone = true;
    rec->proof.proven = rec->set; /* what the CA found is not told; uacme's hooks alone ask */
    if (rec->hook->at == rec && rec->solver)
        rec->solver->solver.cleanup(rec->solver->solver.arg, &rec->proof); /* behind what runs */
    else if (rec->solver || !(rec->tried || waits))
        wait_turn(rec);
    else
        record_free(rec); /* nothing was called */
}

static void on_cancel(void *arg)
{
    struct record *rec = arg;

    ipc_req_drop(MOVE(rec->req));
    take_away(rec);
}

void runner_on_record(void *arg, struct ipc_req *req, const void *msg, int)
{
    struct runner *r = ((const struct role_env *)arg)->state;
    const struct ipc_proof *m = msg;
    struct record *rec = r->hooks ? find(r, m) : NULL;
    struct err err = ERR_INIT;

    if (m->shown && rec && rec->set) {
        ipc_reply_rc(req, RC_OK, NULL); /* it is there */
        return;
    }
    if (m->shown && rec && rec->req)
        err.rc = ERR(&err, RC_CONFLICT, msg_twice, m->site);
    else if (!rec)
        err.rc = add(r, m, &rec, &err);
    if (err.rc != RC_OK) {
        ipc_reply_rc(req, err.rc, &err);
    } else if (m->shown) {
        rec->req = req;
        ipc_req_on_cancel(req, on_cancel, rec);
        wait_turn(rec);
    } else {
        take_away(rec);
        ipc_reply_rc(req, RC_OK, NULL);
    }
}

/* ---- the end */

void runner_hooks_orphaned(struct runner *r)
{
    if (!r->hooks)
        return;
    LIST_FOREACH (it, &r->hooks->records)
        if (!record_at(it)->gone)
            take_away(record_at(it));
}

bool runner_hooks_idle(const struct runner *r)
{
    return !r->hooks || list_empty(&r->hooks->records);
}

static void give_up(struct runner *r)
{
    LIST_FOREACH (it, &r->hooks->records) {
        if (record_at(it)->solver)
            log_warn("runner.record-left", LOG_Z("site", record_at(it)->site),
                     LOG_TEXT("the hook had not taken it away when the service ended"));
        record_free(record_at(it));
    }
}

static void out_of_patience(void *arg)
{
    struct runner *r = arg;

    give_up(r);
    runner_look_drained(r);
}

/* One that sets a record may wait until all name servers have it: it is ended, for taking the
 * record away needs the time. */
static void stop_call(const struct record *record)
{
    int64_t seconds = record->gone ? RUNNER_DRAIN_SECONDS : RUNNER_DRAIN_SET_SECONDS;

    agent_hook_stop(record->solver, seconds * WHEN_SECOND);
}

void runner_hooks_drain(struct runner *r)
{
    if (runner_hooks_idle(r))
        return;
    for (size_t i = 0; i < r->hooks->n; i++)
        if (r->hooks->hooks[i].at)
            stop_call(r->hooks->hooks[i].at);
    runner_hooks_orphaned(r);
    ev_timer_start(&r->hooks->patience, RUNNER_DRAIN_SECONDS * WHEN_SECOND, 0);
}

void runner_hooks_free(struct runner *r)
{
    struct runner_hooks *all = r->hooks;

    if (!all)
        return;
    give_up(r);
    ev_timer_stop(&all->patience);
    for (size_t i = 0; i < all->n; i++) {
        ev_defer_cancel(&all->hooks[i].go);
        buf_wipe(&all->hooks[i].variables);
    }
    conf_unref(all->conf);
    mem_free(all);
    r->hooks = NULL;
    crypto_done();
}
