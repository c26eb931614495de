/* SPDX-License-Identifier: Apache-2.0 */
/* Another policy by a reload takes a second person, where control.two_persons has policy.change:
 * what would be another one is asked of one, in words, and the reload refused; who gives the same
 * command again once it is granted brings it into force. By the configuration in force, so that a
 * new one cannot excuse itself. */
#include "base/text.h"
#include "conf/diff.h"
#include "conf/policy.h"
#include "core/core_int.h"
#include "crypto/hash.h"
#include "ev/clock.h"
#include "log/log.h"

MSG(msg_signal, "core.policy-signal",
    "this is another policy, which takes a second person (control.two_persons): use `autarky "
    "reload`, which knows who asks, and not a signal");

MSG(msg_supervisor, "core.admin-supervisor",
    "the supervisor does not answer; look at the log of `autarky serve`");

enum {
    ANSWER_MAX = 4 * 1024 * 1024,
    SUPERVISOR_SECONDS = 30,
    UPGRADE_SECONDS = 50,     /* within those of who asks */
    CHANGES_MAX = 256 * 1024, /* bytes of all that changes, as JSON */
    WORDS_MAX = 800,          /* of them in the words of the approval */
    ARENA_MAX = 4 * CHANGES_MAX,
};

static void put_changes(const struct conf_changes *changes, struct json_out *o)
{
    json_arr(o);
    for (size_t i = 0; i < changes->n; i++) {
        const struct conf_change *c = &changes->p[i];

        if (!conf_policy_has(c->key))
            continue;
        json_obj(o);
        json_kv_str(o, "key", c->key);
        json_kv_str(o, "was", c->was);
        json_kv_str(o, "now", c->now);
        json_end(o);
    }
    json_end(o);
}

/* The first keys, and a hash of all that changes: an approval is of nothing else. */
static enum rc put_what(const struct conf_changes *changes, struct str json, struct arena *a,
                        struct str *out)
{
    CLEANUP(buf_done) struct buf keys = BUF_INIT(CHANGES_MAX);
    unsigned char digest[CRYPTO_SHA256_BYTES];
    CLEANUP(buf_done) struct buf hex = BUF_INIT(2 * sizeof(digest));
    struct str shown;

    for (size_t i = 0; i < changes->n; i++)
        if (conf_policy_has(changes->p[i].key))
            buf_printf(&keys, "%s%.*s", keys.n ? ", " : "", STR_ARG(changes->p[i].key));
    TRY(crypto_sha256(json, digest));
    text_hex(&hex, str_bytes(digest, sizeof(digest)));
    TRY(buf_rc(&keys));
    TRY(buf_rc(&hex));
    shown = str_head(buf_str(&keys), WORDS_MAX);
    *out = arena_printf(a, "policy.change: %.*s%s; SHA-256 of all changes %.*s", STR_ARG(shown),
                        keys.n > shown.n ? " ..." : "", STR_ARG(buf_str(&hex)));
    return out->p ? RC_OK : RC_NOMEM;
}

/* The approval that this change takes, in p->approval. */
static enum rc begin(struct core *core, const struct conf_changes *changes)
{
    CLEANUP(buf_done) struct buf json = BUF_INIT(CHANGES_MAX);
    struct core_policy_change *p = &core->policy_change;
    struct json_out o;
    struct str text;

    json_out_init(&o, &json, JSON_COMPACT);
    put_changes(changes, &o);
    TRY(json_out_done(&o));
    TRY(arena_str(&p->arena, buf_str(&json), &text));
    p->approval = (struct core_approval){.who = *p->by,
                                         .now = clock_now(ev_clock(core->ev)),
                                         .arena = &p->arena,
                                         .action = STR("policy.change"),
                                         .evidence = text};
    TRY(arena_str(&p->arena, p->reason, &p->approval.reason));
    TRY(put_what(changes, text, &p->arena, &p->approval.what));
    return core_approval_begin_one(core, 1u << CONF_TWO_POLICY, &p->approval);
}

/* It is granted; or it is asked for, and that is why not. */
static enum rc look(struct core *core, struct err *err)
{
    struct core_policy_change *p = &core->policy_change;
    struct core_approval *c = &p->approval;
    enum rc rc = store_approval_find(store_read(core->store), &p->arena, &c->digest,
                                     core_who_person(&c->who), c->now, &c->row);

    if (rc == RC_OK && c->row.state == STORE_APPROVAL_GRANTED) {
        p->granted = true;
        return RC_OK;
    }
    c->known = rc == RC_OK;
    if (rc == RC_NOTFOUND)
        rc = store_write_now(core->store, core_approval_ask, c);
    TRY(rc);
    p->waits = true;
    p->last = c->row.id;
    log_warn("core.approval-waits", LOG_STR("approval", id_str(&c->row.id)),
             LOG_STR("what", c->what));
    return core_approval_says(&c->row, err);
}

enum rc core_policy_prepare(struct core *core, const struct conf *next, struct err *err)
{
    CLEANUP(conf_changes_done) struct conf_changes changes = {};
    struct core_policy_change *p = &core->policy_change;

    core_policy_abort(core);
    if (!(core->conf->control.two_persons & 1u << CONF_TWO_POLICY))
        return RC_OK;
    TRY(conf_diff(core->conf, next, &changes));
    if (!conf_policy_changes(&changes)) {
        p->last = (struct id){};
        return RC_OK;
    }
    if (!p->by)
        return ERR(err, RC_DENIED, msg_signal);
    arena_init(&p->arena, ARENA_MAX);
    TRY(begin(core, &changes));
    TRY(look(core, err));
    return core_accepted_announce(core, next, &p->approval.row.id);
}

void core_policy_abort(struct core *core)
{
    struct core_policy_change *p = &core->policy_change;

    arena_done(&p->arena);
    p->granted = false;
    p->waits = false;
    p->approval = (struct core_approval){.needed = false};
}

static enum rc use(struct store_txn *txn, void *approval)
{
    return core_approval_use(txn, approval);
}

void core_policy_used(struct core *core)
{
    struct core_policy_change *p = &core->policy_change;
    struct err err = ERR_INIT;

    if (p->granted)
        err.rc = store_write_now(core->store, use, &p->approval);
    if (err.rc != RC_OK)
        log_error("core.approval-not-used", LOG_STR("approval", id_str(&p->approval.row.id)),
                  LOG_ERR(&err));
    p->last = (struct id){};
    core_policy_abort(core);
}

void core_policy_asks(struct core *core, const struct core_who *who, struct str reason)
{
    struct core_policy_change *p = &core->policy_change;

    if (p->by)
        return; /* a reload is under way, and this one will be told so */
    p->by = who;
    p->reason = reason;
    p->waits = false;
}

enum rc core_policy_asked(struct core *core, const struct core_who *who, struct err *err)
{
    struct core_policy_change *p = &core->policy_change;
    bool waits = p->waits;

    if (p->by != who)
        return RC_OK;
    p->by = NULL;
    p->reason = STR("");
    p->waits = false;
    return waits ? core_approval_says(&p->approval.row, err) : RC_OK;
}

/* ---- the command */

struct reload {
    struct core *core;
    struct ipc_req *req;
    struct core_who who;
};

static void reloaded(void *arg, const struct ipc_answer *a)
{
    const struct reload *r = arg;
    const struct ipc_reloaded *m;
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    struct err err = ERR_INIT;
    struct json_out o;

    if (a->err)
        err = *a->err;
    err.rc = a->rc;
    if (core_policy_asked(r->core, &r->who, &err) != RC_OK || a->rc != RC_OK) {
        core_admin_refuse(r->req, &err);
        return;
    }
    json_out_init(&o, &text, JSON_COMPACT);
    json_obj(&o);
    m = a->msg;
    json_kv_u64(&o, "generation", m->generation);
    json_kv_str(&o, "text", m->text);
    if (m->at)
        json_kv_when(&o, "waits_until", m->at);
    else
        json_kv_null(&o, "waits_until");
    json_end(&o);
    core_admin_reply(r->req, &o, &text);
}

static enum rc ask_supervisor(struct reload *r, const struct json *args)
{
    struct ipc_reload m = {};
    struct ipc_ask ask = {
        .type = IPC_RELOAD,
        .msg = &m,
        .timeout = SUPERVISOR_SECONDS * WHEN_SECOND,
        .fn = reloaded,
        .arg = r,
    };
    struct str reason = STR("");
    struct err err = ERR_INIT;

    IGNORE_RC(json_str(json_get(args, "reason"), &reason));                    /* then without */
    IGNORE_RC(json_bool(json_get(args, "despite_window"), &m.despite_window)); /* missing: no */
    TRY(arena_str(ipc_req_arena(r->req), reason, &reason));
    core_policy_asks(r->core, &r->who, reason);
    if (r->core->supervisor && ipc_call(r->core->supervisor, &ask, NULL) == RC_OK)
        return RC_OK;
    IGNORE_RC(core_policy_asked(r->core, &r->who, &err)); /* nothing was asked for */
    return RC_CLOSED;
}

void core_reload(struct core *core, struct ipc_req *req, const struct json *args,
                 struct core_who who)
{
    struct reload *r = ARENA_NEW(ipc_req_arena(req), struct reload);
    struct err err = {.rc = RC_NOMEM};

    if (r) {
        *r = (struct reload){core, req, who};
        err.rc = ask_supervisor(r, args);
    }
    if (err.rc == RC_CLOSED)
        IGNORE_RC(ERR(&err, err.rc, msg_supervisor));
    if (err.rc != RC_OK)
        core_admin_refuse(req, &err);
}

/* ---- another program */

static void upgraded(void *arg, const struct ipc_answer *a)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    struct ipc_req *req = arg;
    const struct ipc_reloaded *m = a->msg;
    struct err err = ERR_INIT;
    struct json_out o;

    if (a->rc != RC_OK) {
        if (a->err)
            err = *a->err;
        err.rc = a->rc;
        core_admin_refuse(req, &err);
        return;
    }
    json_out_init(&o, &text, JSON_COMPACT);
    json_obj(&o);
    json_kv_str(&o, "version", m->text);
    json_end(&o);
    core_admin_reply(req, &o, &text);
}

void core_upgrade(struct core *core, struct ipc_req *req, const struct json *, struct core_who)
{
    const struct ipc_ask ask = {
        .type = IPC_UPGRADE, .timeout = UPGRADE_SECONDS * WHEN_SECOND, .fn = upgraded, .arg = req};
    struct err err = ERR_INIT;

    if (core->supervisor && ipc_call(core->supervisor, &ask, NULL) == RC_OK)
        return;
    IGNORE_RC(ERR(&err, RC_CLOSED, msg_supervisor));
    core_admin_refuse(req, &err);
}
