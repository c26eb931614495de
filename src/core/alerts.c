/* SPDX-License-Identifier: Apache-2.0 */
/* What core knows of how things are, brought together for alert/judge.c; the courier's channel for
 * alert/queue.c; and what people do about alerts. */
#include "core/alerts.h"

#include <sys/statvfs.h>

#include "alert/judge.h"
#include "alert/queue.h"
#include "api/alerts.h"
#include "core/change.h"
#include "core/forwards.h"
#include "ev/clock.h"
#include "ipc/notice_messages.h"
#include "log/log.h"
#include "store/meta.h"

MSG(msg_which, "core.alert-which", "say which one: \"id\", as `autarky alert list` shows it");
MSG(msg_none, "core.alert-none", "there is no alert \"{0}\"; `autarky alert list` shows them");
MSG(msg_over, "core.alert-over", "the alert {0} is over");
MSG(msg_silence, "core.alert-silence",
    "say what is to be silent: at least one of kind, object and owner; and until when");
MSG(msg_full, "core.alert-full", "{0} silences hold already; end those that are not needed");
MSG(msg_no_silence, "core.alert-no-silence",
    "there is no silence \"{0}\" that holds; `autarky alert list` shows them");
MSG(msg_receiver, "core.alert-receiver",
    "the configuration has no receiver \"{0}\"; they stand under `receivers`");
MSG(msg_away, "core.alert-courier", "the {0} is away; `autarky status` shows the processes");

enum { FACTS_ARENA = 8 << 20, TEXT_BYTES = 512, ANSWER_MAX = 8 * 1024 };

#define AGENTS_GRACE (15 * WHEN_MINUTE)

struct core_alerts {
    struct core *core;
    struct alert_engine *engine;
    struct alert_queue *queue;
    struct alert_facts facts;
    struct alert_conditions *out; /* while the keeper is asked */
    struct arena arena;           /* of the facts */
    char clock[TEXT_BYTES], database[TEXT_BYTES], head[TEXT_BYTES];
    when_t signer_away, prober_away, keeper_away; /* since; 0: there */
    when_t began, unstapled;                      /* since; 0: all sites have OCSP answers */
    struct ev_timer patience;                     /* with what is under way at the end */
    bool impatient;
};

/* ---- the facts */

static void fill_authorities(struct core_alerts *s, const struct api_view *v)
{
    struct alert_facts *f = &s->facts;
    const struct ca_issuer *i;

    for (size_t k = 0; (i = ca_issuer_at(v->ca, k)) && f->n_authorities < ALERT_FACTS_MAX; k++) {
        struct alert_authority *a = &f->authorities[f->n_authorities];

        if (api_issuer_state(v, i) != STORE_ISSUER_ACTIVE || api_issuer_superseded(v, i) ||
            str_eq(i->hierarchy, STR("staging")))
            continue;
        *a = (struct alert_authority){i->ref, !i->parent.z[0], i->cert.not_after};
        if (i->retires && i->retires < a->ends)
            a->ends = i->retires;
        f->n_authorities++;
    }
}

/* When it went away, as far as this core has seen. */
static void fill_away(struct core_alerts *s, const char *name, bool there, when_t *since)
{
    if (there)
        *since = 0;
    else if (!*since)
        *since = s->facts.now;
    s->facts.away[s->facts.n_away++] = (struct alert_away){
        "process", str_of(name), *since, STR("autarky status; journalctl -u autarky")};
}

static void fill_processes(struct core_alerts *s, const struct api_view *v)
{
    struct alert_facts *f = &s->facts;

    fill_away(s, "signer", s->core->signer != NULL, &s->signer_away);
    fill_away(s, "prober", s->core->prober != NULL, &s->prober_away);
    fill_away(s, "keeper", s->core->keeper || !v->conf->gateway.n_sites, &s->keeper_away);
    for (size_t i = 0; i < v->n_probers && f->n_away < ALERT_FACTS_MAX; i++) {
        const struct api_prober *p = &v->probers[i];
        when_t seen = p->seen ? p->seen : s->began;

        f->away[f->n_away++] =
            (struct alert_away){"prober", p->name, p->connected ? 0 : seen,
                                STR("start `autarky prober` on its host, or see its log there")};
    }
    for (size_t i = 0; i < v->n_forwards && f->n_copies < ALERT_FACTS_MAX; i++)
        f->copies[f->n_copies++] = (struct alert_copy){
            v->forwards[i].name, v->forwards[i].failures ? v->forwards[i].oldest : 0,
            v->forwards[i].why};
}

static void fill_host(struct core_alerts *s, const struct api_view *v)
{
    struct alert_facts *f = &s->facts;
    struct err err = ERR_INIT, last = ERR_INIT;
    struct statvfs disk;

    if (ca_ready(v->ca, &err) != RC_OK)
        f->clock = str_of(err_textz(&err, s->clock, sizeof(s->clock)));
    store_last_error(v->store, &last);
    if (last.rc != RC_OK)
        f->database = str_of(err_textz(&last, s->database, sizeof(s->database)));
    if (statvfs("db", &disk) == 0) {
        f->disk_free = (uint64_t)disk.f_bavail * disk.f_frsize;
        f->disk_size = (uint64_t)disk.f_blocks * disk.f_frsize;
    }
    f->head_failures = core_audit_failing(s->core, s->head, sizeof(s->head));
    f->head_why = str_of(s->head);
}

static enum rc fill_store(struct core_alerts *s, const struct api_view *v)
{
    struct store_txn *txn = store_read(v->store);
    struct alert_facts *f = &s->facts;
    struct store_delivery_counts deliveries;
    struct store_approval *approvals;
    struct revocation_health h;
    struct store_lock *locks;

    TRY(store_lock_active(txn, &s->arena, &locks, &f->n_locks));
    f->locks = locks;
    TRY(store_approval_overdue(txn, &s->arena, f->now, f->now - ALERT_APPROVAL_AFTER, &approvals,
                               &f->n_approvals));
    f->approvals = approvals;
    TRY(store_delivery_count(txn, f->now - WHEN_DAY, &deliveries));
    f->given_up = deliveries.given_up;
    f->backup_age = v->conf->backup.age;
    f->backup_expected = v->conf->backup.expected;
    TRY(store_backup_last(txn, &f->backup));
    if (v->conf->urls.plain.n == 0)
        return RC_OK;
    TRY(revocation_health(v->revocation, &h));
    f->lists = h.crls.published;
    f->lists_overdue = h.crls.overdue;
    f->lists_end = h.crls.next_update;
    return RC_OK;
}

/* Who could not report because this server was away gets the time to. */
static enum rc fill_agents(struct core_alerts *s, const struct api_view *v)
{
    struct alert_facts *f = &s->facts;
    when_t before = f->now - v->conf->agents.silent;
    struct store_agent_counts counts;
    struct store_agent *list;
    size_t n;

    if (!v->conf->agents.enabled)
        return RC_OK;
    TRY(core_alert_agents(v, &s->arena, f));
    if (f->now - s->began < AGENTS_GRACE)
        return RC_OK;
    TRY(store_agent_count(store_read(v->store), before, &counts));
    TRY(store_agent_silent(store_read(v->store), &s->arena, before, ALERT_AGENTS_MAX, &list, &n));
    f->silent = counts.silent;
    for (size_t i = 0; i < n; i++)
        f->agents[f->n_agents++] = (struct alert_agent){
            list[i].name, list[i].reported ? list[i].reported : list[i].enrolled};
    return RC_OK;
}

static void finish(struct core_alerts *s, enum rc rc)
{
    if (rc == RC_OK)
        alert_judge(&s->facts, s->out);
    else
        s->out->rc = rc;
    alert_collected(s->engine);
}

/* Answers that were not replaced, and those that are missing for long: with each new certificate
 * one is, for a moment. */
static void fill_staples(struct core_alerts *s, const struct api_sites *sites)
{
    struct alert_facts *f = &s->facts;
    uint64_t missing = 0;

    for (size_t i = 0; i < sites->conf->gateway.n_sites * CONF_SITE_KEYS; i++) {
        const struct api_site_state *st = &sites->of[i / CONF_SITE_KEYS][i % CONF_SITE_KEYS];
        when_t life = st->staple_until - st->staple_at;

        missing += st->staple == IPC_STAPLE_MISSING && !st->staple_until;
        if (!st->staple_until || st->staple_until - f->now >= life / 5)
            continue;
        f->staples_late++;
        if (!f->staples_end || st->staple_until < f->staples_end)
            f->staples_end = st->staple_until;
    }
    s->unstapled = !missing ? 0 : s->unstapled ? s->unstapled : f->now;
    if (missing && f->now - s->unstapled >= ALERT_STAPLES_AFTER)
        f->staples_late += missing;
}

static void got_sites(void *arg, const struct api_sites *sites, const struct err *)
{
    struct core_alerts *s = arg;
    struct alert_facts *f = &s->facts;

    if (!sites || !sites->of) {
        finish(s, sites ? RC_OK : RC_CLOSED);
        return;
    }
    for (size_t i = 0; i < sites->conf->gateway.n_sites; i++)
        for (size_t k = 0; k < CONF_SITE_KEYS && f->n_sites < ALERT_SITES_MAX; k++) {
            const struct api_site_state *st = &sites->of[i][k];

            if (st->failures >= ALERT_SITE_FAILURES)
                f->sites[f->n_sites++] = (struct alert_site){
                    sites->conf->gateway.sites[i].name, conf_site_key_name((unsigned)k),
                    st->not_after, st->failures, st->reason};
        }
    fill_staples(s, sites);
    finish(s, RC_OK);
}

static void collect(void *arg, struct alert_conditions *out)
{
    struct core_alerts *s = arg;
    struct api_view v = core_view(s->core, NULL);
    enum rc rc;

    s->out = out;
    arena_done(&s->arena);
    s->facts = (struct alert_facts){.now = v.now};
    fill_host(s, &v);
    fill_authorities(s, &v);
    fill_processes(s, &v);
    rc = fill_store(s, &v);
    if (rc == RC_OK)
        rc = fill_agents(s, &v);
    if (rc == RC_OK && v.conf->gateway.n_sites && s->core->keeper)
        rc = core_sites_ask(s->core, &s->arena, got_sites, s);
    else
        rc = rc == RC_OK ? RC_NOTFOUND : rc;
    if (rc != RC_OK)
        finish(s, rc == RC_NOTFOUND ? RC_OK : rc);
}

static void queued(void *arg)
{
    struct core_alerts *s = arg;

    alert_queue_look(s->queue);
}

/* ---- life */

static void out_of_patience(void *arg)
{
    ((struct core_alerts *)arg)->impatient = true;
}

enum rc core_alerts_new(struct core *core)
{
    struct core_alerts *s = MEM_NEW(struct core_alerts);
    struct alert_options options = {.ev = core->ev,
                                    .store = core->store,
                                    .conf = core->conf,
                                    .collect = collect,
                                    .queued = queued,
                                    .arg = s};

    if (!s)
        return RC_NOMEM;
    core->alerts = s;
    s->core = core;
    s->began = clock_now(ev_clock(core->ev));
    arena_init(&s->arena, FACTS_ARENA);
    ev_timer_init(&s->patience, core->ev, out_of_patience, s);
    TRY(alert_queue_new(core->ev, core->store, core->conf, &s->queue));
    return alert_engine_new(&options, &s->engine);
}

void core_alerts_courier(struct core *core, struct ipc_chan *chan)
{
    alert_queue_courier(core->alerts->queue, chan);
}

void core_alerts_runner(struct core *core, struct ipc_chan *chan)
{
    alert_queue_runner(core->alerts->queue, chan);
}

void core_alerts_queued(struct core *core)
{
    alert_queue_look(core->alerts->queue);
}

void core_alerts_conf(struct core *core)
{
    alert_queue_conf(core->alerts->queue, core->conf);
    alert_engine_conf(core->alerts->engine, core->conf);
}

void core_alerts_stop(struct core *core)
{
    if (!core->alerts)
        return;
    alert_engine_stop(core->alerts->engine);
    alert_queue_stop(core->alerts->queue);
    if (core->alerts->queue && !core->alerts->impatient)
        ev_timer_start(&core->alerts->patience, CORE_ALERTS_SECONDS * WHEN_SECOND, 0);
}

bool core_alerts_busy(const struct core *core)
{
    return core->alerts && !core->alerts->impatient && alert_queue_busy(core->alerts->queue);
}

void core_alerts_free(struct core *core)
{
    if (!core->alerts)
        return;
    ev_timer_stop(&core->alerts->patience);
    alert_engine_free(core->alerts->engine);
    alert_queue_free(core->alerts->queue);
    arena_done(&core->alerts->arena);
    mem_free(core->alerts);
    core->alerts = NULL;
}

/* ---- acknowledged */

static enum rc read_id(struct core_change *c, struct str *text, struct id *out)
{
    TRY(core_change_text(c, "id", CORE_CHANGE_SHOWN, text));
    if (text->n == 0)
        return ERR(&c->err, RC_INVAL, msg_which);
    return id_parse(*text, out) == RC_OK ? RC_OK : RC_NOTFOUND;
}

static enum rc write_ack(struct store_txn *txn, struct core_change *c)
{
    enum rc rc = store_alert_ack(txn, &c->alert);

    if (rc == RC_CONFLICT)
        return ERR(&c->err, rc, msg_over, id_str(&c->alert.id));
    TRY(rc);
    return core_change_audit(txn, c, "alert.acknowledged", "alert", &c->alert.id, c->alert.key);
}

static void put_alert(struct core_change *c, struct json_out *o)
{
    api_alert_put(o, &c->alert);
    if (!c->dry)
        alert_engine_look(c->core->alerts->engine);
}

static enum rc read_ack(struct core_change *c)
{
    struct str text = STR("");
    struct id id;
    enum rc rc = read_id(c, &text, &id);

    if (rc == RC_OK)
        rc = store_alert_get(store_read(c->core->store), c->a, &id, &c->alert);
    if (rc == RC_NOTFOUND)
        return ERR(&c->err, rc, msg_none, text);
    TRY(rc);
    if (c->alert.resolved)
        return ERR(&c->err, RC_CONFLICT, msg_over, text);
    c->alert.acked = c->now;
    c->alert.acked_by = c->asker;
    c->alert.acked_why = c->why;
    c->alert.acked_severity = c->alert.severity;
    c->write = write_ack;
    c->put = put_alert;
    return RC_OK;
}

void core_alert_ack(struct core *core, struct ipc_req *req, const struct json *args,
                    struct core_who who)
{
    core_change_run(core, req, args, who, read_ack);
}

/* ---- silences */

static enum rc write_silence(struct store_txn *txn, struct core_change *c)
{
    enum rc rc = store_silence_add(txn, &c->silence);

    if (rc == RC_QUOTA)
        return ERR(&c->err, rc, msg_full, STR("200"));
    TRY(rc);
    return core_change_audit(txn, c, "alert.silenced", "silence", &c->silence.id,
                             c->silence.object.n ? c->silence.object : c->silence.kind);
}

static void put_silence(struct core_change *c, struct json_out *o)
{
    api_silence_put(o, &c->silence);
    if (!c->dry)
        alert_engine_look(c->core->alerts->engine);
}

static enum rc read_silence(struct core_change *c)
{
    struct store_silence *s = &c->silence;

    TRY(core_change_text(c, "kind", STORE_TEXT_MAX, &s->kind));
    TRY(core_change_text(c, "object", STORE_TEXT_MAX, &s->object));
    TRY(core_change_text(c, "owner", STORE_TEXT_MAX, &s->owner));
    TRY(core_change_when(c, "until", &s->until));
    if ((!s->kind.n && !s->object.n && !s->owner.n) || !s->until)
        return ERR(&c->err, RC_INVAL, msg_silence);
    s->reason = c->why;
    s->set_by = c->asker;
    s->set = c->now;
    c->write = write_silence;
    c->put = put_silence;
    return id_new(&s->id);
}

void core_alert_silence(struct core *core, struct ipc_req *req, const struct json *args,
                        struct core_who who)
{
    core_change_run(core, req, args, who, read_silence);
}

/* What it kept silent about is due at once. */
static enum rc write_unsilence(struct store_txn *txn, struct core_change *c)
{
    enum rc rc = store_silence_end(txn, &c->silence.id, c->asker, c->now);

    if (rc == RC_CONFLICT || rc == RC_NOTFOUND)
        return ERR(&c->err, RC_NOTFOUND, msg_no_silence, id_str(&c->silence.id));
    TRY(rc);
    TRY(store_alert_all_due(txn, c->now));
    return core_change_audit(txn, c, "alert.unsilenced", "silence", &c->silence.id, STR(""));
}

static enum rc read_unsilence(struct core_change *c)
{
    struct str text = STR("");
    struct id id;
    enum rc rc = read_id(c, &text, &id);

    if (rc == RC_OK)
        rc = store_silence_get(store_read(c->core->store), c->a, &id, &c->silence);
    if (rc == RC_NOTFOUND || (rc == RC_OK && c->silence.ended))
        return ERR(&c->err, RC_NOTFOUND, msg_no_silence, text);
    TRY(rc);
    c->silence.ended = c->now;
    c->silence.ended_by = c->asker;
    c->write = write_unsilence;
    c->put = put_silence;
    return RC_OK;
}

void core_alert_unsilence(struct core *core, struct ipc_req *req, const struct json *args,
                          struct core_who who)
{
    core_change_run(core, req, args, who, read_unsilence);
}

/* ---- a test */

struct testing {
    struct core *core;
    struct ipc_req *req;
    const struct conf *conf; /* with a reference */
    const struct conf_receiver *receiver;
    struct store_alert alert;
    when_t now;
    struct id delivery;
    struct alert_bring bring;
    bool good;
    struct str answer; /* of the receiver's server, or why it failed */
    struct err err;
};

static void end_test(struct testing *t, const struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    struct json_out o;

    if (!err) {
        json_out_init(&o, &text, JSON_COMPACT);
        json_obj(&o);
        json_kv_str(&o, "receiver", t->receiver->name);
        json_kv_id(&o, "delivery", &t->delivery);
        json_kv_str(&o, "answer", t->answer);
        json_end(&o);
    }
    conf_unref(t->conf);
    if (err)
        core_admin_refuse(t->req, err);
    else
        core_admin_reply(t->req, &o, &text);
}

static enum rc write_result(struct store_txn *txn, void *arg)
{
    const struct testing *t = arg;

    return t->good ? store_delivery_done(txn, &t->delivery, t->now)
                   : store_delivery_failed(txn, &t->delivery, t->answer, 0, t->now);
}

static void result_written(enum rc rc, void *arg)
{
    struct testing *t = arg;

    if (rc != RC_OK)
        t->err = (struct err){.rc = rc};
    end_test(t, t->good && rc == RC_OK ? NULL : &t->err);
}

static void tested(void *arg, const struct alert_brought *b)
{
    struct testing *t = arg;
    char why[TEXT_BYTES];

    t->good = b->rc == RC_OK;
    t->err = b->err ? *b->err : (struct err){.rc = b->rc};
    t->now = clock_now(ev_clock(t->core->ev));
    if (arena_str(ipc_req_arena(t->req),
                  t->good ? b->text : str_of(err_textz(&t->err, why, sizeof(why))),
                  &t->answer) != RC_OK)
        t->answer = STR("");
    if (store_write(t->core->store, write_result, result_written, t) != RC_OK)
        end_test(t, &t->err);
}

static enum rc write_test(struct store_txn *txn, void *arg)
{
    struct testing *t = arg;
    CLEANUP(arena_done) struct arena a = ARENA_INIT(FACTS_ARENA);
    struct alert_group g = {.conf = t->conf,
                            .receiver = t->receiver,
                            .v = &t->alert,
                            .n = 1,
                            .now = t->now,
                            .once = true};

    TRY(alert_recipients(&a, t->receiver, &t->alert, &g.recipients));
    return alert_group_send(txn, &g, &t->delivery);
}

static void test_written(enum rc rc, void *arg)
{
    struct testing *t = arg;
    struct store_delivery d;

    if (rc == RC_OK)
        rc =
            store_delivery_get(store_read(t->core->store), ipc_req_arena(t->req), &t->delivery, &d);
    if (rc == RC_OK)
        rc = alert_queue_bring(t->core->alerts->queue, &d, &t->bring);
    if (rc == RC_OK)
        return;
    t->err.rc = rc == RC_CLOSED
                    ? ERR(&t->err, rc, msg_away,
                          t->receiver->kind == CONF_RECEIVER_EXEC ? STR("runner") : STR("courier"))
                    : rc;
    end_test(t, &t->err);
}

static enum rc begin_test(struct core *core, struct ipc_req *req, struct str name, struct err *err)
{
    struct testing *t = ARENA_NEW(ipc_req_arena(req), struct testing);
    enum rc rc;

    if (!t)
        return RC_NOMEM;
    *t = (struct testing){.core = core, .req = req, .now = clock_now(ev_clock(core->ev))};
    t->bring = (struct alert_bring){tested, t};
    t->receiver = conf_receiver_find(core->conf, name);
    if (!t->receiver)
        return ERR(err, RC_NOTFOUND, msg_receiver, str_head(name, CORE_CHANGE_SHOWN));
    TRY(id_new(&t->alert.id));
    t->alert.key = t->alert.kind = t->alert.object = STR("test");
    t->alert.summary = STR("this is a test of how alerts arrive; there is nothing to be done");
    t->alert.started = t->alert.updated = t->now;
    t->conf = conf_ref(core->conf);
    rc = store_write(core->store, write_test, test_written, t);
    if (rc != RC_OK)
        conf_unref(t->conf);
    return rc;
}

void core_alert_test(struct core *core, struct ipc_req *req, const struct json *args,
                     struct core_who who)
{
    struct err err = ERR_INIT;

    (void)who; /* the command is on record */
    err.rc = begin_test(core, req, json_shown(args, "receiver"), &err);
    if (err.rc != RC_OK)
        core_admin_refuse(req, &err);
}
