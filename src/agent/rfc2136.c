/* SPDX-License-Identifier: Apache-2.0 */
/* dns-01 (RFC 8555 section 8.4) by dynamic updates. Work is done one piece after the other: a
 * record is added and then looked for at the name servers of its zone, or it is removed. What is
 * removed is exactly what was added, so other values of the same name stay. */
#include "agent/rfc2136_int.h"

#include <stdio.h>

#include "agent/journal.h"
#include "base/id.h"
#include "base/text.h"
#include "ev/clock.h"
#include "net/net.h"

MSG(msg_reach, "agent.dns-not-reached", "the name server {0} cannot be asked: {1}");
MSG(msg_no_zone, "agent.dns-no-zone",
    "the name server {0} holds no zone with {1} (it says {2}); \"server\" names the one that does");
MSG(msg_loop, "agent.dns-alias-loop", "the aliases of {0} lead nowhere");
MSG(msg_refused, "agent.dns-refused",
    "the name server {0} refuses the update of {1} in the zone {2}: {3}; it has to allow it to the "
    "key {4} (BIND: update-policy, Knot: acl)");

enum { ALIASES_MAX = 8, BY_TEXT = 300 };
#define ASK_TIMEOUT (10 * WHEN_SECOND)

static when_t now(const struct rfc2136 *d)
{
    return clock_now(ev_clock(d->w->ev));
}

/* ---- the end of a piece of work */

static void work_free(struct dns_work *w)
{
    list_remove(&w->link);
    mem_free(w);
}

static void note(struct rfc2136 *d, const struct err *why)
{
    const struct agent_record record = {d->at->remove, d->at->zone, d->at->target, d->conf.server,
                                        why};
    char by[BY_TEXT];

    if (d->w->changed)
        d->w->changed(d->w->changed_arg, &record);
    (void)snprintf(by, sizeof(by), "dynamic update, %s", d->conf.server);
    d->at->sent = false;
    agent_note(d->w, d->at->remove ? AGENT_RECORD_REMOVED : AGENT_RECORD_ADDED,
               str_of(d->at->target), str_of(by), why);
}

/* A record that could not be removed is told of; nothing waits for it. */
static void finish(struct rfc2136 *d, enum rc rc, struct err *err)
{
    struct dns_work *w = d->at;
    client_presented_fn fn = w->fn;
    void *arg = w->arg;

    ev_timer_stop(&d->pause);
    err->rc = rc;
    if (w->sent)
        note(d, err);
    d->at = NULL;
    if (rc != RC_OK && w->remove)
        agent_say_err(d->w, "a record of a proof stays", err);
    work_free(w);
    if (fn)
        fn(arg, rc, err->msg ? err : NULL);
    ev_defer(d->w->ev, &d->go);
}

static void unreached(struct rfc2136 *d, enum rc rc, const struct err *why)
{
    struct err err = ERR_INIT;
    char line[512];

    finish(d,
           ERR(&err, rc == RC_OK ? RC_PARSE : rc, msg_reach, str_of(d->conf.server),
               str_of(why ? err_textz(why, line, sizeof(line)) : rc_text(RC_PARSE))),
           &err);
}

static void send_out(struct rfc2136 *d, struct str message, dns_tcp_fn fn)
{
    enum rc rc = dns_tcp_start(&d->tcp, message, &d->conf.servers[d->server], ASK_TIMEOUT, fn, d);

    if (rc != RC_OK)
        unreached(d, rc, NULL);
}

/* An address that does not answer may be one of several. */
static bool try_other(struct rfc2136 *d)
{
    if (d->server + 1 >= d->conf.n_servers)
        return false;
    d->server++;
    return true;
}

/* ---- the record is there: at the primary, and at the others */

static void on_seen(void *arg, enum rc rc, struct err *err)
{
    finish(arg, rc == RC_CANCELLED ? RC_OK : rc, err); /* nobody waits any more */
}

static void on_waited(void *arg)
{
    struct err err = ERR_INIT;

    finish(arg, RC_OK, &err);
}

static void wait_for_it(struct rfc2136 *d)
{
    const struct agent_seen_at at = {.zone = d->at->zone,
                                     .name = d->at->target,
                                     .value = d->at->value,
                                     .server = d->conf.servers[d->server],
                                     .holds = true,
                                     .alone = d->conf.wait == AGENT_WAIT_PRIMARY,
                                     .timeout = d->conf.timeout};

    if (d->conf.wait == AGENT_WAIT_TIME)
        ev_timer_start(&d->pause, d->conf.pause, 0);
    else
        agent_seen_start(&d->seen, &at, on_seen, d);
    if (!d->at->fn)
        agent_seen_forget(&d->seen);
}

/* ---- the update */

static void refused(struct rfc2136 *d, unsigned rcode)
{
    struct err err = ERR_INIT;
    char text[16];

    finish(d,
           ERR(&err, RC_DENIED, msg_refused, str_of(d->conf.server), str_of(d->at->target),
               str_of(d->at->zone), str_of(dns_update_rcode_text(rcode, text)),
               str_of(d->conf.key.name[0] ? d->conf.key.name : "(none is configured)")),
           &err);
}

static void accepted(struct rfc2136 *d)
{
    struct err err = ERR_INIT;

    note(d, NULL);
    if (d->at->remove)
        finish(d, RC_OK, &err);
    else
        wait_for_it(d);
}

static void on_updated(void *arg, enum rc rc, struct str wire, const struct err *why)
{
    struct rfc2136 *d = arg;
    struct err err = ERR_INIT;
    unsigned rcode = 0;

    if (rc != RC_OK) {
        unreached(d, rc, why);
        return;
    }
    rc = d->conf.key.n ? dns_tsig_check(&d->conf.key, &d->sent, wire, now(d), &err) : RC_OK;
    if (rc == RC_OK)
        rc = dns_update_read(wire, d->id, &rcode);
    if (rc != RC_OK)
        finish(d, rc, &err);
    else if (rcode)
        refused(d, rcode);
    else
        accepted(d);
}

static void update(struct rfc2136 *d)
{
    CLEANUP(buf_done) struct buf message = BUF_INIT(DNS_UPDATE_MAX);
    struct err err = ERR_INIT;
    struct dns_work *w = d->at;
    struct dns_update u = {.zone = str_of(w->zone),
                           .name = str_of(w->target),
                           .text = str_of(w->value),
                           .remove = w->remove,
                           .ttl = d->conf.ttl};
    enum rc rc = id_random(&u.id, sizeof(u.id));

    d->id = u.id;
    if (rc == RC_OK)
        rc = dns_update_put(&u, &message);
    if (rc == RC_OK && d->conf.key.n)
        rc = dns_tsig_sign(&d->conf.key, now(d), &message, &d->sent);
    w->sent = rc == RC_OK;
    if (rc == RC_OK)
        send_out(d, buf_str(&message), on_updated);
    else
        finish(d, rc, &err);
}

/* ---- the zone */

static void find_zone(struct rfc2136 *d);

static void no_zone(struct rfc2136 *d, unsigned rcode)
{
    struct err err = ERR_INIT;
    char text[16];

    finish(d,
           ERR(&err, RC_NOTFOUND, msg_no_zone, str_of(d->conf.server), str_of(d->at->target),
               str_of(dns_rcode_text(rcode, text))),
           &err);
}

static void take_zone(struct rfc2136 *d, const struct dns_soa *soa)
{
    struct dns_work *w = d->at;
    struct err err = ERR_INIT;

    if (soa->alias[0]) {
        memcpy(w->target, soa->alias, sizeof(w->target));
        if (++w->aliases > ALIASES_MAX)
            finish(d, ERR(&err, RC_CONFLICT, msg_loop, str_of(w->name)), &err);
        else
            find_zone(d);
        return;
    }
    if (d->conf.zone[0])
        memcpy(w->zone, d->conf.zone, sizeof(w->zone));
    else
        memcpy(w->zone, soa->zone, sizeof(w->zone));
    if (w->zone[0])
        update(d);
    else
        no_zone(d, soa->rcode);
}

static void on_soa(void *arg, enum rc rc, struct str wire, const struct err *why)
{
    struct rfc2136 *d = arg;
    struct dns_soa soa;

    if (rc != RC_OK && try_other(d)) {
        find_zone(d);
        return;
    }
    if (rc == RC_OK)
        rc = dns_soa_read(wire, d->id, &soa);
    if (rc == RC_OK)
        take_zone(d, &soa);
    else
        unreached(d, rc, why);
}

static void find_zone(struct rfc2136 *d)
{
    CLEANUP(buf_done) struct buf message = BUF_INIT(DNS_UPDATE_MAX);
    struct err err = ERR_INIT;
    enum rc rc = id_random(&d->id, sizeof(d->id));

    if (rc == RC_OK)
        rc = dns_soa_put(d->id, str_of(d->at->target), false, &message);
    if (rc == RC_OK)
        send_out(d, buf_str(&message), on_soa);
    else
        finish(d, rc, &err);
}

/* ---- one after the other */

static void on_go(void *arg)
{
    struct rfc2136 *d = arg;
    struct list *link = d->at ? NULL : list_pop(&d->queue);

    if (!link)
        return;
    d->at = LIST_ENTRY(link, struct dns_work, link);
    find_zone(d);
}

static enum rc put_work(struct dns_work *w, struct str name, struct str value)
{
    TRY(str_copyz(value, w->value, sizeof(w->value)));
    TRY(str_copyz(name, w->target, sizeof(w->target)));
    return str_copyz(name, w->name, sizeof(w->name));
}

/* What was said, or "_acme-challenge." and the name, and the digest of the key authorization. */
static enum rc describe(const struct client_proof *proof, struct dns_work *w)
{
    CLEANUP(buf_done) struct buf name = BUF_INIT(DNS_NAME_MAX), value = BUF_INIT(AGENT_TXT_MAX);
    unsigned char digest[CRYPTO_SHA256_BYTES];

    if (proof->record.n)
        return put_work(w, proof->record, proof->record_value);
    buf_putz(&name, "_acme-challenge.");
    buf_puts(&name, proof->identifier);
    TRY(crypto_sha256(proof->key_authorization, digest));
    text_b64url(&value, str_bytes(digest, sizeof(digest)));
    TRY(buf_rc(&name));
    return put_work(w, buf_str(&name), buf_str(&value));
}

static enum rc add_work(struct rfc2136 *d, const struct dns_work *like)
{
    struct dns_work *w = mem_dup(like, sizeof(*like));

    if (!w)
        return RC_NOMEM;
    list_init(&w->link);
    list_push(&d->queue, &w->link);
    ev_defer(d->w->ev, &d->go);
    return RC_OK;
}

static void present(void *arg, const struct client_proof *proof, client_presented_fn fn,
                    void *fn_arg)
{
    struct rfc2136 *d = arg;
    struct dns_work like = {.fn = fn, .arg = fn_arg};
    struct err err = ERR_INIT;

    err.rc = describe(proof, &like);
    if (err.rc == RC_OK)
        err.rc = add_work(d, &like);
    if (err.rc != RC_OK)
        fn(fn_arg, err.rc, NULL);
}

/* What is under way for the same record ends first; whether it succeeded or not, the record may be
 * there. */
static void cleanup(void *arg, const struct client_proof *proof)
{
    struct rfc2136 *d = arg;
    struct dns_work like = {.remove = true};
    enum rc rc = describe(proof, &like);

    if (d->at)
        d->at->fn = NULL;
    agent_seen_forget(&d->seen);
    LIST_FOREACH (it, &d->queue)
        LIST_ENTRY(it, struct dns_work, link)->fn = NULL;
    if (rc == RC_OK)
        rc = add_work(d, &like);
    if (rc != RC_OK)
        agent_say(d->w, true, "a record of a proof stays: %s", rc_text(rc));
}

static bool busy(const struct agent_solver *s)
{
    const struct rfc2136 *d = (const void *)s;

    return d->at || !list_empty(&d->queue);
}

static void rfc2136_free(struct agent_solver *s)
{
    struct rfc2136 *d = (void *)s;

    dns_tcp_stop(&d->tcp);
    agent_seen_stop(&d->seen);
    ev_timer_stop(&d->pause);
    ev_defer_cancel(&d->go);
    if (d->at)
        work_free(d->at);
    LIST_FOREACH (it, &d->queue)
        work_free(LIST_ENTRY(it, struct dns_work, link));
    agent_dns_conf_done(&d->conf);
    mem_free(d);
}

enum rc agent_rfc2136_with(const struct agent_world *w, const struct agent_dns_conf *conf,
                           struct agent_solver **out)
{
    static const struct agent_solver_ops ops = {busy, rfc2136_free};
    struct rfc2136 *d = MEM_NEW(struct rfc2136);

    if (!d)
        return RC_NOMEM;
    d->conf = *conf;
    d->w = w;
    list_init(&d->queue);
    ev_defer_init(&d->go, on_go, d);
    ev_timer_init(&d->pause, w->ev, on_waited, d);
    dns_tcp_init(&d->tcp, w->ev, w->net);
    agent_seen_init(&d->seen, w);
    d->s = (struct agent_solver){{"dns-01", present, cleanup, d}, &ops};
    *out = &d->s;
    return RC_OK;
}

enum rc agent_rfc2136_new(const struct agent_world *w, struct str file, struct agent_solver **out,
                          struct err *err)
{
    CLEANUP(agent_dns_conf_done) struct agent_dns_conf conf = {};

    TRY(agent_dns_conf_load(file, &conf, err));
    return agent_rfc2136_with(w, &conf, out);
}

/* ---- who else may write there */

struct asking {
    enum rc rc;
    struct err *err;
    bool ended;
};

static void on_asked(void *arg, enum rc rc, const struct err *err)
{
    struct asking *a = arg;

    a->ended = true;
    a->rc = rc;
    if (err && a->err)
        *a->err = *err;
}

static enum rc ask_unsigned(struct rfc2136 *d, struct str name, struct asking *a)
{
    struct dns_work like = {.remove = true, .fn = on_asked, .arg = a};
    struct id chance;

    TRY(id_new(&chance));
    TRY(put_work(&like, name, id_str(&chance)));
    TRY(add_work(d, &like));
    while (!a->ended || agent_solver_busy(&d->s))
        ev_run_once(d->w->ev, EV_WAIT);
    return a->rc;
}

enum rc agent_rfc2136_unsigned(const struct agent_dns_conf *conf, struct str name, bool *out,
                               struct err *err)
{
    CLEANUP(ev_freep) struct ev *ev = NULL;
    CLEANUP(net_freep) struct net *net = NULL;
    CLEANUP(agent_solver_freep) struct agent_solver *s = NULL;
    struct agent_dns_conf nobodys = *conf;
    struct agent_world w = {};
    struct asking a = {.err = err};
    enum rc rc;

    nobodys.key = (struct dns_tsig_key){};
    TRY(ev_new(clock_system(), &ev));
    TRY(net_system(ev, &net));
    w.ev = ev;
    w.net = net;
    TRY(agent_rfc2136_with(&w, &nobodys, &s));
    rc = ask_unsigned((void *)s, name, &a);
    if (rc != RC_OK && rc != RC_DENIED)
        return rc;
    *out = rc == RC_OK;
    return RC_OK;
}
