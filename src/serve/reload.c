/* SPDX-License-Identifier: Apache-2.0 */
/* A new configuration in two phases: every process says whether it could live with it; only when
 * all can, all are told to. Whatever speaks against it, nothing has changed anywhere. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "conf/diff.h"
#include "conf/policy.h"
#include "ipc/messages.h"
#include "log/log.h"
#include "serve/serve_int.h"
#include "waf/check.h"

enum { TEXT_MAX = 16384 };

MSG(msg_problems, "serve.conf-problems", "the configuration cannot be used: {0}");
MSG(msg_busy, "serve.reload-busy",
    "a reload or an upgrade is under way; ask again when it is done");
MSG(msg_stopping, "serve.reload-stopping", "the service is ending");
MSG(msg_refused, "serve.reload-refused",
    "nothing was changed; these keys cannot change while the installation lives: {0}");
MSG(msg_policy_window, "serve.policy-window",
    "another policy takes a second person, who has to be asked while somebody waits, and so does "
    "not wait for gateway.change_window, as these sites have to: {0}. Reload with the policy "
    "alone, "
    "or in the window, or with --despite-window");
MSG(msg_verdicts, "serve.reload-verdicts", "nothing was changed: {0}");

struct serve_reload {
    struct serve *sup;
    struct ipc_req *req; /* NULL: a signal asked */
    bool despite_window;
    uint64_t generation;
    struct conf_input input;
    const struct conf *conf;
    struct conf_changes changes;
    struct serve_sockets sockets;
    struct serve_wanted wanted;
    bool committing;
    size_t waiting; /* answers to come */
    struct buf objections;
    bool restart[SERVE_SLOTS_MAX];
};

void serve_conf_message(const struct conf_input *in, struct ipc_file files[static CONF_FILES_MAX],
                        struct ipc_config *out)
{
    for (size_t i = 0; i < in->n; i++)
        files[i] = (struct ipc_file){in->files[i].name, in->files[i].text};
    out->files.v = files;
    out->files.n = in->n;
}

enum rc serve_conf_read(struct serve *sup, struct conf_input *in, const struct conf **out,
                        struct err *err)
{
    CLEANUP(conf_report_done) struct conf_report report = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX);
    enum rc rc;

    conf_report_init(&report);
    TRY(conf_input_read(in, sup->data, sup->data_path, sup->options->config, err));
    in->unprivileged = sup->unprivileged;
    in->without_sm = sup->options->without_sm;
    rc = conf_load(in, out, &report);
    if (rc != RC_INVAL)
        return rc;
    for (const struct conf_problem *p = report.first; p; p = p->next)
        log_error("serve.conf-problem", LOG_STR("file", p->file), LOG_INT("line", p->line),
                  LOG_STR("key", p->key), LOG_ERR(&p->err));
    conf_report_text(&report, &text);
    return ERR(err, RC_INVAL, msg_problems, str_trim(buf_str(&text)));
}

static void reload_free(struct serve_reload *r)
{
    if (!r)
        return;
    serve_sockets_drop(&r->sockets);
    conf_changes_done(&r->changes);
    conf_unref(r->conf);
    conf_input_done(&r->input);
    buf_done(&r->objections);
    ipc_req_drop(r->req);
    mem_free(r);
}
DEFINE_FREEP(reload_free, struct serve_reload)

/* The end, either way; another one may have been asked for meanwhile. */
static void finish(struct serve *sup)
{
    reload_free(MOVE(sup->reload));
    serve_notify("READY=1");
    if (sup->reload_again)
        ev_defer(sup->ev, &sup->again);
    sup->reload_again = false;
}

/* For who looks later. */
static void keep_refusal(struct serve *sup, const struct err *err)
{
    char text[ERR_ARGS_BYTES];

    buf_reset(&sup->refused);
    buf_putz(&sup->refused, err_textz(err, text, sizeof(text)));
}

static void refuse(struct serve_reload *r, const struct err *err)
{
    struct serve *sup = r->sup;

    log_error("serve.reload-refused", LOG_INT("generation", sup->generation), LOG_ERR(err));
    if (r->req)
        ipc_reply_err(MOVE(r->req), err);
    else
        keep_refusal(sup, err);
    finish(sup);
}

/* ---- what changes */

static void put_key(struct buf *out, const struct conf_change *c)
{
    if (out->n)
        buf_putz(out, "; ");
    buf_puts(out, c->key);
}

static enum rc check_changes(const struct serve_reload *r, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX);

    for (size_t i = 0; i < r->changes.n; i++) {
        const struct conf_change *c = &r->changes.p[i];

        if (c->class != CONF_REFUSED)
            continue;
        put_key(&text, c);
        buf_putz(&text, " (");
        msg_render(c->reason, NULL, 0, NULL, NULL, &text);
        buf_putz(&text, ")");
    }
    if (text.n == 0)
        return buf_rc(&text);
    return ERR(err, RC_DENIED, msg_refused, buf_str(&text));
}

static void mark_restarts(struct serve_reload *r)
{
    for (size_t i = 0; i < r->sup->n_slots; i++)
        r->restart[i] = conf_changes_restart(&r->changes, role_name(r->sup->slots[i].def->role));
}

static bool sockets_changed(const struct serve_reload *r)
{
    for (size_t i = 0; i < r->sockets.n; i++)
        if (r->sockets.v[i].fresh)
            return true;
    return r->sockets.n != r->sup->sockets.n;
}

/* ---- the second phase */

static void log_changes(const struct serve_reload *r, struct buf *text)
{
    for (size_t i = 0; i < r->changes.n; i++) {
        const struct conf_change *c = &r->changes.p[i];

        log_info("serve.changed", LOG_INT("generation", r->generation), LOG_STR("key", c->key),
                 LOG_STR("was", c->was), LOG_STR("now", c->now), LOG_Z("restarts", c->roles));
        put_key(text, c);
        if (c->roles[0])
            buf_printf(text, " (restarts %s)", c->roles);
        if (c->reason) {
            buf_putz(text, " (");
            msg_render(c->reason, NULL, 0, NULL, NULL, text);
            buf_putz(text, ")");
        }
    }
}

static void committed(struct serve_reload *r)
{
    struct serve *sup = r->sup;
    bool restart[SERVE_SLOTS_MAX];
    CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX);
    struct ipc_reloaded m = {.generation = r->generation};

    memcpy(restart, r->restart, sizeof(restart));
    log_changes(r, &text);
    log_info("serve.reloaded", LOG_INT("generation", r->generation),
             LOG_INT("changes", r->changes.n));
    m.text = buf_str(&text);
    if (r->req)
        IGNORE_RC(ipc_reply(MOVE(r->req), &m)); /* the log has it, too */
    /* Last, because the one that asked may be among them; its answer is on its way. One that waits
     * to be tried again may find mended what ailed it. */
    for (size_t i = 0; i < sup->n_slots; i++)
        if (!serve_slot_wanted(&sup->slots[i]))
            serve_slot_end(&sup->slots[i]);
        else if (restart[i] || !sup->slots[i].cur)
            serve_slot_restart(&sup->slots[i]);
    finish(sup);
    serve_sup_proc_ready(sup); /* those that it waited for may not be wanted any more */
}

static void on_committed(void *arg, const struct ipc_answer *)
{
    struct serve_proc *p = arg;
    struct serve_reload *r = p->slot->sup->reload;

    if (!r || p->asked != r->generation)
        return;
    p->asked = 0;
    if (--r->waiting == 0)
        committed(r);
}

static size_t slot_index(const struct serve_slot *slot)
{
    return (size_t)(slot - slot->sup->slots);
}

/* Tells one process; when it cannot be told, or came too late to be asked, its successor starts
 * with the new one. */
static void commit_to(struct serve_reload *r, struct serve_proc *p)
{
    const struct ipc_generation m = {r->generation};
    const struct ipc_ask ask = {.type = IPC_COMMIT,
                                .msg = &m,
                                .timeout = SERVE_PREPARE_TIMEOUT,
                                .fn = on_committed,
                                .arg = p};

    if (p->state == PROC_DRAINING || !serve_slot_wanted(p->slot) || r->restart[slot_index(p->slot)])
        return;
    p->asked = r->generation;
    r->waiting++;
    if (p->prepared == r->generation && p->chan && ipc_call(p->chan, &ask, NULL) == RC_OK)
        return;
    p->asked = 0;
    r->waiting--;
    r->restart[slot_index(p->slot)] = true;
}

/* Before anybody is told: whoever dies now, core knows what it was about to accept. */
static void keep_accepted(struct serve *sup)
{
    struct err err = ERR_INIT;

    err.rc = serve_accepted_keep(sup, &err);
    if (err.rc != RC_OK)
        log_error("serve.accepted-not-written", LOG_ERR(&err));
}

static void commit(struct serve_reload *r)
{
    struct serve *sup = r->sup;
    bool sockets = sockets_changed(r);

    r->committing = true;
    conf_unref(sup->conf);
    sup->conf = conf_ref(r->conf);
    conf_input_done(&sup->input);
    sup->input = r->input;
    conf_input_init(&r->input);
    sup->generation = r->generation;
    sup->policy_waits = false;
    keep_accepted(sup);
    buf_reset(&sup->refused);
    serve_window_forget(sup); /* whatever waited is in it, or is not wanted any more */
    sup->wanted = r->wanted;
    serve_sockets_adopt(&sup->sockets, &r->sockets);
    serve_sup_conf_changed(sup, sockets);
    r->waiting = 1; /* this function */
    LIST_FOREACH (it, &sup->procs)
        commit_to(r, serve_proc_at(it));
    if (--r->waiting == 0)
        committed(r);
}

/* ---- the first phase */

static void ignore_answer(void *, const struct ipc_answer *)
{
}

static void call_off(struct serve_reload *r)
{
    const struct ipc_generation m = {r->generation};
    const struct ipc_ask ask = {.type = IPC_ABORT, .msg = &m, .fn = ignore_answer};
    struct err err = ERR_INIT;

    LIST_FOREACH (it, &r->sup->procs) {
        struct serve_proc *p = serve_proc_at(it);

        if (p->prepared == r->generation && p->chan)
            IGNORE_RC(ipc_call(p->chan, &ask, NULL)); /* else it drops it at the next PREPARE */
    }
    IGNORE_RC(ERR(&err, RC_DENIED, msg_verdicts, buf_str(&r->objections)));
    refuse(r, &err);
}

static bool takes_second_person(const struct serve_reload *r)
{
    const struct conf *conf = r->sup->conf;
    bool same = false;

    return conf->control.two_persons & 1u << CONF_TWO_POLICY &&
           (conf_policy_same(conf, r->conf, &same) != RC_OK || !same);
}

/* Another policy takes a second person, whom core alone can ask, and no core has said yes: one that
 * has died is no way around. */
static bool is_unjudged(const struct serve_reload *r)
{
    const struct serve *sup = r->sup;

    if (!takes_second_person(r))
        return false;
    LIST_FOREACH (it, &sup->procs) {
        const struct serve_proc *p = serve_proc_at(it);

        if (p->slot->def->role == ROLE_CORE && p->prepared == r->generation)
            return false;
    }
    return true;
}

static void decide(struct serve_reload *r)
{
    if (--r->waiting > 0)
        return;
    if (!r->objections.n && is_unjudged(r))
        buf_putz(&r->objections, "core: it is not there to ask the second person that another "
                                 "policy takes; `autarky status` says when it is");
    if (r->objections.n)
        call_off(r);
    else
        commit(r);
}

static void object(struct serve_reload *r, const struct serve_proc *p, const struct err *err)
{
    char text[ERR_ARGS_BYTES];

    buf_printf(&r->objections, "%s%s: %s", r->objections.n ? "; " : "",
               role_name(p->slot->def->role), err_textz(err, text, sizeof(text)));
}

static void on_verdict(void *arg, const struct ipc_answer *answer)
{
    struct serve_proc *p = arg;
    struct serve_reload *r = p->slot->sup->reload;
    const struct ipc_verdict *verdict = answer->msg;

    if (!r || p->asked != r->generation)
        return;
    p->asked = 0;
    if (answer->rc == RC_OK && verdict->ok) {
        p->prepared = r->generation;
        r->restart[slot_index(p->slot)] |= verdict->restart;
    } else if (answer->rc == RC_OK) {
        object(r, p, &verdict->why);
    } else if (answer->rc != RC_CLOSED) { /* one that has died will start with what is decided */
        object(r, p, answer->err);
    }
    decide(r);
}

/* Who will not be wanted any more need not be able to live with it. */
static bool stays(const struct serve_reload *r, const struct serve_slot *slot)
{
    return slot->number < r->wanted.v[slot->def->role];
}

static void prepare(struct serve_reload *r)
{
    struct ipc_file files[CONF_FILES_MAX];
    struct ipc_config m = {.generation = r->generation};

    serve_conf_message(&r->input, files, &m);
    r->waiting = 1; /* this function */
    LIST_FOREACH (it, &r->sup->procs) {
        struct serve_proc *p = serve_proc_at(it);
        const struct ipc_ask ask = {.type = IPC_PREPARE,
                                    .msg = &m,
                                    .timeout = SERVE_PREPARE_TIMEOUT,
                                    .fn = on_verdict,
                                    .arg = p};
        struct err err = ERR_INIT;

        if (p->state == PROC_DRAINING || !p->chan || !stays(r, p->slot))
            continue;
        p->asked = r->generation;
        r->waiting++;
        err.rc = ipc_call(p->chan, &ask, NULL);
        if (err.rc == RC_OK)
            continue;
        p->asked = 0;
        r->waiting--;
        object(r, p, &err);
    }
    decide(r);
}

/* All that can be judged without the others. */
static enum rc examine(struct serve_reload *r, struct err *err)
{
    struct serve *sup = r->sup;

    TRY(serve_conf_read(sup, &r->input, &r->conf, err));
    TRY(conf_diff(sup->conf, r->conf, &r->changes));
    TRY(check_changes(r, err));
    TRY(serve_slots_make(sup, r->conf, &r->wanted, err));
    mark_restarts(r);
    /* Where it runs, its own verdict counts. */
    if (!role_wanted_waf(sup->conf))
        TRY(waf_check(r->conf, sup->data, err));
    return serve_sockets_bind(r->conf, &r->wanted, &sup->sockets, &r->sockets, err);
}

static struct serve_reload *reload_new(struct serve *sup)
{
    struct serve_reload *r = MEM_NEW(struct serve_reload);

    if (!r)
        return NULL;
    r->sup = sup;
    r->generation = ++sup->attempts;
    conf_input_init(&r->input);
    buf_init(&r->objections, TEXT_MAX);
    return r;
}

static void answer_busy(struct ipc_req *req, enum rc rc, bool stopping)
{
    struct err err = ERR_INIT;

    if (!req)
        return;
    IGNORE_RC(stopping ? ERR(&err, rc, msg_stopping) : ERR(&err, rc, msg_busy));
    ipc_reply_err(req, &err);
}

/* True: it is answered, and done later. */
static bool waits(struct serve_reload *r, struct err *err)
{
    CLEANUP(buf_done) struct buf sites = BUF_INIT(TEXT_MAX);
    struct ipc_reloaded m = {.generation = r->sup->generation};

    if (r->despite_window)
        return false;
    err->rc = serve_window_wait(r->sup, r->conf, &sites, &m.at);
    if (err->rc == RC_OK && m.at && takes_second_person(r)) {
        serve_window_forget(r->sup);
        err->rc = ERR(err, RC_DENIED, msg_policy_window, buf_str(&sites));
    }
    if (err->rc != RC_OK || m.at == 0)
        return false;
    m.text = buf_str(&sites);
    if (r->req)
        IGNORE_RC(ipc_reply(MOVE(r->req), &m)); /* the log has it, too */
    return true;
}

void serve_reload_begin(struct serve *sup, struct ipc_req *req, bool despite_window)
{
    struct err err = ERR_INIT;

    if (sup->reload || sup->upgrade || serve_ends(sup)) {
        sup->reload_again |= !req;
        answer_busy(req, RC_AGAIN, serve_ends(sup));
        return;
    }
    sup->reload = reload_new(sup);
    if (!sup->reload) {
        err.rc = RC_NOMEM;
        if (req)
            ipc_reply_err(req, &err);
        else
            keep_refusal(sup, &err);
        return;
    }
    sup->reload->req = req;
    sup->reload->despite_window = despite_window;
    serve_notify_reloading(sup);
    err.rc = examine(sup->reload, &err);
    if (err.rc == RC_OK && waits(sup->reload, &err)) {
        finish(sup);
        return;
    }
    if (err.rc == RC_OK)
        prepare(sup->reload);
    else
        refuse(sup->reload, &err);
}

void serve_reload_again(void *sup)
{
    serve_reload_begin(sup, NULL, false);
}

void serve_reload_lost(struct serve *sup, struct serve_proc *p)
{
    const struct ipc_answer closed = {.rc = RC_CLOSED};
    struct serve_reload *r = sup->reload;

    /* Its channel has usually said so; not when it died before that was read. */
    if (!r || p->asked != r->generation)
        return;
    if (r->committing)
        on_committed(p, &closed);
    else
        on_verdict(p, &closed);
}

void serve_reload_cancel(struct serve *sup)
{
    reload_free(MOVE(sup->reload));
    sup->reload_again = false;
    serve_window_forget(sup);
}
