/* SPDX-License-Identifier: Apache-2.0 */
/* dns-01 (RFC 8555 section 8.4) by the HTTP API of whoever keeps the zone: provider/ says what is
 * asked, this sends it. Records come one after the other, in the order of the proofs. */
#include <fcntl.h>

#include "agent/dns_alias.h"
#include "agent/journal.h"
#include "agent/place.h"
#include "agent/plan.h"
#include "agent/sealed.h"
#include "agent/seen_zone.h"
#include "agent/solver.h"
#include "agent/trust.h"
#include "base/list.h"
#include "client/documents.h"
#include "client/http.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "provider/provider.h"

MSG(msg_kind, "agent.dns-provider", "there is no way \"{0}\" to prove by dns-01; there are {1}");

MSG(msg_alias, "agent.dns-alias", "{0} is an alias of {1}, so the record belongs there: {2}");

#define ASK_TIMEOUT (30 * WHEN_SECOND)

/* One record that waits, or is under way. */
struct work {
    struct list link;
    struct provider_call call;
    client_presented_fn fn; /* NULL: nobody waits */
    void *arg;
};

struct by_provider {
    struct agent_solver s; /* first */
    const struct agent_world *w;
    struct provider *p;
    struct agent_alias *aliases;  /* NULL: they are not followed */
    struct agent_seen_zone *seen; /* NULL: no name server is asked whether it has a record */
    struct agent_trust trust;
    struct client_transport *transport;
    struct list queue;
    struct work *at;
    struct client_exchange *x;
    struct ev_defer go;
    struct ev_timer pause, again; /* until it is seen; until the next question */
};

static void work_free(struct work *w)
{
    if (!w)
        return;
    list_remove(&w->link);
    provider_call_done(&w->call);
    mem_free(w);
}
DEFINE_FREEP(work_free, struct work)

/* A record that could not be removed is told of; nothing waits for it. */
static void finish(struct by_provider *d, enum rc rc, const struct err *err)
{
    CLEANUP(work_freep) struct work *w = MOVE(d->at);
    struct err mine = err && err->msg ? *err : (struct err){.rc = rc};
    char why[AGENT_WHY_MAX];

    if (rc != RC_OK && w->call.alias.n) {
        err_textz(&mine, why, sizeof(why));
        IGNORE_RC(ERR(&mine, rc, msg_alias, w->call.alias, w->call.name, str_of(why)));
    }
    mine.rc = rc;
    agent_note(d->w, w->call.remove ? AGENT_RECORD_REMOVED : AGENT_RECORD_ADDED, w->call.name,
               str_of(d->p->kind->name), &mine);
    ev_timer_stop(&d->pause);
    ev_defer(d->w->ev, &d->go);
    if (rc != RC_OK && w->call.remove)
        agent_say_err(d->w, "a record of a proof stays", &mine);
    if (w->fn)
        w->fn(w->arg, rc, mine.msg ? &mine : NULL);
}

static void on_waited(void *arg)
{
    finish(arg, RC_OK, NULL);
}

static void ask(struct by_provider *d);

/* Nobody waits any more when the proof was given up. */
static void on_again(void *arg)
{
    struct by_provider *d = arg;

    if (d->at->fn || d->at->call.remove)
        ask(d);
    else
        finish(d, RC_CANCELLED, NULL);
}

static int64_t pause_of(const struct by_provider *d, struct str retry_after)
{
    when_t now = clock_now(ev_clock(d->w->ev)), at = client_retry_after(retry_after, now);

    return at > now ? at - now : 0;
}

static void on_answer(void *arg, const struct client_answer *answer)
{
    struct by_provider *d = arg;
    struct err err = ERR_INIT;
    enum rc rc = answer->rc;

    d->x = NULL;
    if (rc != RC_OK) {
        finish(d, rc, answer->err);
        return;
    }
    d->at->call.retry_after = pause_of(d, answer->retry_after);
    rc = provider_take(&d->at->call, answer->status, answer->body, &err);
    if (rc != RC_OK)
        finish(d, rc, &err);
    else
        ask(d);
}

static enum rc send_out(struct by_provider *d, const struct provider_ask *ask)
{
    const struct client_ask request = {
        .method = ask->method,
        .url = buf_str(&ask->url),
        .accept = STR("application/json"),
        .content_type = str_of(!ask->body.n        ? ""
                               : ask->content_type ? ask->content_type
                                                   : "application/json"),
        .body = buf_str(&ask->body),
        .headers = buf_str(&ask->headers),
        .max_body = PROVIDER_BODY_MAX,
        .timeout = ASK_TIMEOUT,
    };

    return client_transport_send(d->transport, &request, on_answer, d, &d->x);
}

static void on_seen(void *arg, enum rc rc, struct err *err)
{
    finish(arg, rc == RC_CANCELLED ? RC_OK : rc, err); /* nobody waits any more */
}

/* It was taken. Whoever waits, waits until the name servers of the zone have it. */
static void wait_for_it(struct by_provider *d)
{
    const struct work *w = d->at;
    enum rc rc = RC_OK;

    if (w->fn && d->seen)
        rc = agent_seen_zone_start(d->seen, w->call.name, w->call.value, d->p->timeout, on_seen, d);
    else if (w->fn && d->p->wait > 0)
        ev_timer_start(&d->pause, d->p->wait, 0);
    else
        finish(d, RC_OK, NULL);
    if (rc != RC_OK)
        finish(d, rc, NULL);
}

static void ask(struct by_provider *d)
{
    CLEANUP(provider_ask_done) struct provider_ask next = PROVIDER_ASK_INIT;
    struct err err = ERR_INIT;
    enum rc rc;

    d->at->call.now = clock_now(ev_clock(d->w->ev));
    rc = provider_ask(&d->at->call, &next, &err);
    if (rc == RC_OK && next.after > 0) {
        ev_timer_start(&d->again, next.after, 0);
        return;
    }
    if (rc == RC_OK && next.method)
        rc = send_out(d, &next);
    if (rc != RC_OK)
        finish(d, rc, &err);
    else if (!next.method)
        wait_for_it(d);
}

static void on_found(void *arg, enum rc rc, struct str target, const struct err *err)
{
    struct by_provider *d = arg;

    if (rc == RC_OK)
        rc = provider_call_move(&d->at->call, target);
    if (rc == RC_OK)
        ask(d);
    else
        finish(d, rc, err);
}

static void on_go(void *arg)
{
    struct by_provider *d = arg;
    struct list *link = d->at ? NULL : list_pop(&d->queue);
    enum rc rc;

    if (!link)
        return;
    d->at = LIST_ENTRY(link, struct work, link);
    if (!d->aliases) {
        ask(d);
        return;
    }
    rc = agent_alias_find(d->aliases, d->at->call.name, on_found, d);
    if (rc != RC_OK)
        finish(d, rc, NULL);
}

static enum rc enqueue(struct by_provider *d, const struct client_proof *proof, bool remove,
                       struct work **out)
{
    CLEANUP(mem_freep) struct work *w = MEM_NEW(struct work);

    if (!w)
        return RC_NOMEM;
    TRY(provider_call_init(&w->call, d->p, proof, remove));
    list_init(&w->link);
    list_push(&d->queue, &w->link);
    ev_defer(d->w->ev, &d->go);
    *out = MOVE(w);
    return RC_OK;
}

static void present(void *arg, const struct client_proof *proof, client_presented_fn fn,
                    void *fn_arg)
{
    struct work *w = NULL;
    enum rc rc = enqueue(arg, proof, false, &w);

    if (rc != RC_OK) {
        fn(fn_arg, rc, NULL);
        return;
    }
    w->fn = fn;
    w->arg = fn_arg;
}

/* What is under way for the same record ends first; whether it succeeded or not, the record may be
 * there. */
static void cleanup(void *arg, const struct client_proof *proof)
{
    struct by_provider *d = arg;
    struct work *w = NULL;
    enum rc rc;

    if (d->at)
        d->at->fn = NULL;
    if (d->seen)
        agent_seen_zone_forget(d->seen);
    LIST_FOREACH (it, &d->queue)
        LIST_ENTRY(it, struct work, link)->fn = NULL;
    rc = enqueue(d, proof, true, &w);
    if (rc != RC_OK)
        agent_say(d->w, true, "a record of a proof stays: %s", rc_text(rc));
}

static bool busy(const struct agent_solver *s)
{
    const struct by_provider *d = (const void *)s;

    return d->at || !list_empty(&d->queue);
}

static void by_provider_free(struct agent_solver *s)
{
    struct by_provider *d = (void *)s;

    if (d->x)
        client_transport_cancel(d->transport, MOVE(d->x));
    ev_timer_stop(&d->pause);
    ev_timer_stop(&d->again);
    ev_defer_cancel(&d->go);
    work_free(d->at);
    LIST_FOREACH (it, &d->queue)
        work_free(LIST_ENTRY(it, struct work, link));
    agent_alias_free(d->aliases);
    agent_seen_zone_free(d->seen);
    client_transport_free(d->transport);
    agent_trust_done(&d->trust);
    provider_free(d->p);
    mem_free(d);
}

/* Those that are credentials. */
static enum rc bring(struct provider *p, struct err *err)
{
    struct str where;

    for (size_t i = 0; provider_elsewhere(p, &i, &where); i++) {
        CLEANUP(buf_wipe) struct buf line = BUF_INIT(PROVIDER_SECRETS_MAX);

        TRY(agent_sealed_line(where, &line, err));
        TRY(provider_bring(p, i, buf_str(&line)));
    }
    return RC_OK;
}

static enum rc load(struct by_provider *d, const struct provider_kind *kind, struct str file,
                    struct err *err)
{
    CLEANUP(buf_wipe) struct buf text = BUF_INIT(PROVIDER_FILE_MAX);
    char path[AGENT_PATH_MAX];
    struct str accounts;

    TRY(str_copyz(file, path, sizeof(path)));
    TRY(agent_sealed(file) ? agent_sealed_read(file, &text, err)
                           : agent_file_read(file, &text, err));
    TRY(provider_parse(kind, buf_str(&text), file, &d->p, err));
    if (provider_has_secret(d->p) && !agent_sealed(file))
        TRY(agent_sealed_check(AT_FDCWD, path, err));
    TRY(bring(d->p, err));
    accounts = provider_accounts(d->p);
    return accounts.n ? agent_sealed_read(accounts, &d->p->accounts, err) : RC_OK;
}

static enum rc start(struct by_provider *d, struct err *err)
{
    struct client_reach_conf reach = {.ev = d->w->ev, .net = d->w->net, .proxies = d->w->proxies};

    TRY(agent_trust_load(&d->trust, d->p->values[PROVIDER_CA_FILE], STR(""), err));
    reach.trust = d->trust.tls;
    if (d->p->kind->follows)
        TRY(agent_alias_new(d->w, d->p->values[PROVIDER_RESOLVER], &d->aliases, err));
    if (d->p->wait_all)
        TRY(agent_seen_zone_new(d->w, d->p->values[PROVIDER_RESOLVER], &d->seen, err));
    return client_http_net(&reach, &d->transport);
}

enum rc agent_dns_provider_new(const struct agent_world *w, struct str kind, struct str conf,
                               struct agent_solver **out, struct err *err)
{
    static const struct agent_solver_ops ops = {busy, by_provider_free};
    CLEANUP(agent_solver_freep) struct agent_solver *s = NULL;
    const struct provider_kind *k = provider_kind_find(kind);
    struct by_provider *d;

    if (!k)
        return ERR(err, RC_UNSUPPORTED, msg_kind, kind, str_of("rfc2136, " PROVIDER_KINDS));
    d = MEM_NEW(struct by_provider);
    if (!d)
        return RC_NOMEM;
    d->w = w;
    list_init(&d->queue);
    ev_defer_init(&d->go, on_go, d);
    ev_timer_init(&d->pause, w->ev, on_waited, d);
    ev_timer_init(&d->again, w->ev, on_again, d);
    d->s = (struct agent_solver){{"dns-01", present, cleanup, d}, &ops};
    s = &d->s;
    TRY(load(d, k, conf, err));
    TRY(start(d, err));
    *out = MOVE(s);
    return RC_OK;
}
