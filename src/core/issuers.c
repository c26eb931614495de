/* SPDX-License-Identifier: Apache-2.0 */
/* The register of authorities, changed at the word of a command on this host: it has made keys and
 * files as root, and core believes its certificates only as far as their signatures go. The signer
 * is started again to read what is new. */
#include <stdio.h>

#include "base/text.h"
#include "ca/register.h"
#include "core/core_int.h"
#include "ev/clock.h"
#include "ipc/messages.h"
#include "ipc/role.h"
#include "ipc/status_messages.h"
#include "log/log.h"
#include "x509/crl.h"

enum { DER_MAX = 64 * 1024, RESTART_SECONDS = 30, COMPARE_SECONDS = 10 };

MSG(msg_member, "core.issuer-member", "the change of the register lacks \"{0}\", or it is wrong");
MSG(msg_unknown, "core.issuer-unknown",
    "the register has no issuer \"{0}\"; `autarky issuer list` shows all");
MSG(msg_state, "core.issuer-state",
    "the register was not changed: {0}; `autarky issuer list` shows it");

struct job {
    struct core *core;
    struct ipc_req *req;
    struct arena *arena;
    struct store_issuer rows[CA_CHANGES_MAX];
    struct store_cross crosses[CA_CHANGES_MAX];
    struct ca_change change;
    struct core_who who;
    struct revocation_given crls[CA_CHANGES_MAX]; /* lists of roots */
    size_t n_crls;
    struct err err; /* why one was refused */
    bool restart;   /* the signer has something new to read */
    struct core_approval approval;
};

static enum rc missing(const char *member, struct err *err)
{
    return ERR(err, RC_INVAL, msg_member, str_of(member));
}

static enum rc text_of(const struct json *v, const char *name, struct str *out, struct err *err)
{
    return json_str(json_get(v, name), out) == RC_OK && out->n ? RC_OK : missing(name, err);
}

static enum rc when_of(const struct json *v, const char *name, when_t *out, struct err *err)
{
    struct str text;

    TRY(text_of(v, name, &text, err));
    return when_parse(text, out) == RC_OK ? RC_OK : missing(name, err);
}

static enum rc cert_of(struct job *job, const struct json *v, struct x509_cert *out,
                       struct err *err)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(DER_MAX);
    struct str text, kept;

    TRY(text_of(v, "certificate", &text, err));
    if (text_unb64url(text, &der) != RC_OK)
        return missing("certificate", err);
    TRY(arena_str(job->arena, buf_str(&der), &kept));
    return x509_cert_parse(job->arena, kept, out, err);
}

/* Of the register or of the rows before it; what ca_register_row wants of a parent. */
static enum rc find(struct job *job, struct str ref, struct store_issuer *out, struct err *err)
{
    const struct ca_issuer *there = ca_issuer_find(job->core->ca, ref);

    if (there) {
        *out = (struct store_issuer){.id = there->id, .certificate = there->cert.der};
        return RC_OK;
    }
    for (size_t i = 0; i < job->change.n_issuers; i++)
        if (str_eq(job->rows[i].name, ref)) {
            *out = job->rows[i];
            return RC_OK;
        }
    return ERR(err, RC_NOTFOUND, msg_unknown, ref);
}

static enum rc read_issuer(struct job *job, const struct json *v, struct err *err)
{
    struct store_issuer *row = &job->rows[job->change.n_issuers], parent;
    struct str ref, above = STR("");
    struct ca_ref parsed;
    struct x509_cert cert;
    bool key = false;

    TRY(text_of(v, "ref", &ref, err));
    if (ca_ref_parse(ref, &parsed) != RC_OK)
        return missing("ref", err);
    if (!parsed.root) {
        TRY(text_of(v, "parent", &above, err));
        TRY(find(job, above, &parent, err));
    }
    TRY(cert_of(job, v, &cert, err));
    if (json_bool(json_get(v, "key"), &key) != RC_OK)
        return missing("key", err);
    TRY(ca_register_row(&(struct ca_register_in){&parsed, &cert, parsed.root ? NULL : &parent, key,
                                                 job->change.now},
                        job->arena, row));
    row->created += (when_t)job->change.n_issuers; /* lists are in this order */
    TRY(when_of(v, "activates", &row->activates, err));
    job->restart |= key;
    job->change.n_issuers++;
    return RC_OK;
}

static enum rc read_cross(struct job *job, const struct json *v, struct err *err)
{
    struct store_cross *row = &job->crosses[job->change.n_crosses];
    struct store_issuer subject, signer;
    struct str of, by;
    struct x509_cert cert;

    TRY(text_of(v, "subject", &of, err));
    TRY(text_of(v, "signer", &by, err));
    TRY(find(job, of, &subject, err));
    TRY(find(job, by, &signer, err));
    TRY(cert_of(job, v, &cert, err));
    *row = (struct store_cross){
        .name = arena_printf(job->arena, "%.*s-by-%.*s", STR_ARG(of), STR_ARG(by)),
        .subject = subject.id,
        .signer = signer.id,
        .certificate = cert.der,
        .not_before = cert.not_before,
        .not_after = cert.not_after,
        .created = job->change.now,
    };
    TRY(id_new(&row->id));
    job->change.n_crosses++;
    return row->name.p ? RC_OK : RC_NOMEM;
}

static enum rc read_retire(struct job *job, const struct json *v, struct err *err)
{
    struct store_issuer row;
    struct str ref;

    TRY(text_of(v, "ref", &ref, err));
    TRY(find(job, ref, &row, err));
    TRY(when_of(v, "at", &job->change.retire[job->change.n_retire].at, err));
    job->change.retire[job->change.n_retire++].id = row.id;
    return RC_OK;
}

static enum rc read_revoke_cross(struct job *job, const struct json *v,
                                 const struct ca_cross *cross, struct err *err)
{
    struct ca_change *c = &job->change;
    struct str text;
    int reason;

    TRY(text_of(v, "reason", &text, err));
    if (x509_reason_parse(text, &reason) != RC_OK)
        return missing("reason", err);
    c->revoke_cross[c->n_revoke_cross].id = cross->id;
    c->revoke_cross[c->n_revoke_cross++].reason = reason;
    return RC_OK;
}

static enum rc read_revoke(struct job *job, const struct json *v, struct err *err)
{
    const struct ca_cross *cross;
    struct store_issuer row;
    struct str ref;

    TRY(text_of(v, "ref", &ref, err));
    cross = ca_cross_find(job->core->ca, ref);
    if (cross)
        return read_revoke_cross(job, v, cross, err);
    TRY(find(job, ref, &row, err));
    job->change.revoke[job->change.n_revoke++] = row.id;
    job->restart = true;
    return RC_OK;
}

static enum rc read_crl(struct job *job, const struct json *v, struct err *err)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(DER_MAX);
    struct store_issuer row;
    struct str ref, text;

    TRY(text_of(v, "root", &ref, err));
    TRY(find(job, ref, &row, err));
    TRY(text_of(v, "crl", &text, err));
    if (text_unb64url(text, &der) != RC_OK)
        return missing("crl", err);
    job->crls[job->n_crls].id = row.id;
    job->crls[job->n_crls].cert = row.certificate;
    TRY(arena_str(job->arena, ref, &job->crls[job->n_crls].ref));
    TRY(arena_str(job->arena, buf_str(&der), &job->crls[job->n_crls].der));
    job->n_crls++;
    return RC_OK;
}

static enum rc read_lists(struct job *job, const struct json *args, struct err *err)
{
    static const struct {
        const char *name;
        enum rc (*read)(struct job *, const struct json *, struct err *);
    } lists[] = {{"issuers", read_issuer},
                 {"crosses", read_cross},
                 {"retire", read_retire},
                 {"revoke", read_revoke},
                 {"crls", read_crl}};

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const struct json *list = json_get(args, lists[i].name), *v;
        struct json_iter it = json_iter(list);

        if (!list)
            continue;
        if (json_type(list) != JSON_ARRAY || json_len(list) > CA_CHANGES_MAX)
            return missing(lists[i].name, err);
        while (json_next(&it, NULL, &v))
            TRY(lists[i].read(job, v, err));
    }
    return RC_OK;
}

/* ---- after it */

static void reply(struct job *job)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(DER_MAX);
    struct json_out o;

    json_out_init(&o, &text, JSON_COMPACT);
    json_obj(&o);
    json_key(&o, "issuers");
    json_arr(&o);
    for (size_t i = 0; i < job->change.n_issuers; i++)
        json_put_str(&o, job->rows[i].name);
    json_end(&o);
    json_kv_bool(&o, "signer_restarts", job->restart);
    json_end(&o);
    core_admin_reply(job->req, &o, &text);
}

/* What was asked for has happened, whether the signer reads it now or when it is next started. */
static void restarted(void *arg, const struct ipc_answer *a)
{
    struct job *job = arg;

    if (a->rc != RC_OK)
        log_error("core.signer-not-restarted", LOG_ERR(a->err));
    job->restart = a->rc == RC_OK;
    reply(job);
}

static void restart_signer(struct job *job)
{
    const struct ipc_restart msg = {ROLE_SIGNER};
    const struct ipc_ask ask = {.type = IPC_RESTART,
                                .msg = &msg,
                                .timeout = RESTART_SECONDS * WHEN_SECOND,
                                .fn = restarted,
                                .arg = job};

    if (job->core->supervisor && ipc_call(job->core->supervisor, &ask, NULL) == RC_OK)
        return;
    job->restart = false;
    reply(job);
}

static void refuse(struct job *job, enum rc rc, struct err *err)
{
    err->rc = rc;
    core_admin_refuse(job->req, err);
}

static enum rc ask(struct store_txn *txn, void *arg)
{
    return core_approval_ask(txn, &((struct job *)arg)->approval);
}

static void asked(enum rc rc, void *arg)
{
    struct job *job = arg;
    struct err err = ERR_INIT;

    if (rc == RC_OK) {
        log_warn("core.approval-waits", LOG_STR("approval", id_str(&job->approval.row.id)),
                 LOG_STR("what", job->approval.what), LOG_STR("by", job->change.actor));
        rc = core_approval_says(&job->approval.row, &err);
    }
    refuse(job, rc, &err);
}

/* What the API itself shows may be by it, or have it in its chain. */
static void forget_chain(struct core *core)
{
    const struct ipc_forget m = {IPC_FORGET_CHAIN};

    /* A front that is away, or about to end, has a successor that looks for itself. */
    if (core->front && ipc_notify(core->front, IPC_FORGET, &m, -1) != RC_OK)
        log_warn("core.chain-not-forgotten");
}

static void changed(enum rc rc, void *arg)
{
    struct job *job = arg;
    struct err err = ERR_INIT;

    if (job->approval.missing) {
        rc = store_write(job->core->store, ask, asked, job);
        if (rc == RC_OK)
            return;
    }
    if (rc == RC_OK && (rc = ca_reload_issuers(job->core->ca, &err)) != RC_OK) {
        /* It is done all the same: the asker is to look, and not to undo. */
        log_error("core.register-not-read", LOG_ERR(&err));
        rc = RC_CLOSED;
    }
    if (rc != RC_OK) {
        if (!err.msg)
            err = job->err;
        if (!err.msg)
            IGNORE_RC(ERR(&err, rc, msg_state, str_of(rc_text(rc))));
        refuse(job, rc, &err);
        return;
    }
    if (job->change.n_revoke + job->change.n_revoke_cross)
        forget_chain(job->core);
    revocation_issuers_changed(job->core->revocation);
    for (size_t i = 0; i < job->n_crls; i++)
        revocation_given_done(job->core->revocation, &job->crls[i]);
    log_info("core.register-changed", LOG_INT("issuers", job->change.n_issuers),
             LOG_INT("cross_certificates", job->change.n_crosses),
             LOG_INT("retired", job->change.n_retire),
             LOG_INT("revoked", job->change.n_revoke + job->change.n_revoke_cross),
             LOG_STR("by", job->change.actor));
    if (job->restart)
        restart_signer(job);
    else
        reply(job);
}

static enum rc apply(struct store_txn *txn, void *arg)
{
    struct job *job = arg;

    job->err = ERR_INIT;
    TRY(core_approval_use(txn, &job->approval));
    TRY(ca_change_apply(txn, &job->change));
    for (size_t i = 0; i < job->n_crls; i++)
        TRY(revocation_given_publish(txn, &job->crls[i], job->change.now, &job->err));
    return RC_OK;
}

static enum rc begin(struct job *job, const struct json *args, struct err *err)
{
    struct ca_change *c = &job->change;
    struct str reason = STR("");

    c->now = clock_now(ev_clock(job->core->ev));
    c->issuers = job->rows;
    c->crosses = job->crosses;
    TRY(core_who_str(job->who, job->arena, &c->actor));
    IGNORE_RC(json_str(json_get(args, "reason"), &reason)); /* there need not be one */
    TRY(arena_str(job->arena, reason, &c->reason));
    TRY(read_lists(job, args, err));
    TRY(ca_change_check(job->core->ca, c, err));
    TRY(core_approval_begin(job->core, job->who, args, job->arena, &job->approval));
    job->approval.reason = c->reason;
    return store_write(job->core->store, apply, changed, job);
}

void core_issuer_change(struct core *core, struct ipc_req *req, struct core_who who,
                        const struct json *args)
{
    struct job *job = ARENA_NEW(ipc_req_arena(req), struct job);
    struct err err = ERR_INIT;
    enum rc rc;

    if (!job) {
        core_admin_refuse(req, &(struct err){.rc = RC_NOMEM});
        return;
    }
    *job = (struct job){.core = core, .req = req, .arena = ipc_req_arena(req)};
    job->who = who;
    rc = begin(job, args, &err);
    if (rc != RC_OK)
        refuse(job, rc, &err);
}

void core_signer_restart(struct core *core, struct ipc_req *req)
{
    struct job *job = ARENA_NEW(ipc_req_arena(req), struct job);

    if (!job) {
        core_admin_refuse(req, &(struct err){.rc = RC_NOMEM});
        return;
    }
    *job = (struct job){.core = core, .req = req, .restart = true};
    restart_signer(job);
}

/* ---- what the signer has read */

static bool has_ref(const struct ipc_strs *refs, struct str ref)
{
    for (size_t i = 0; i < refs->n; i++)
        if (str_eq(refs->v[i], ref))
            return true;
    return false;
}

/* The first that it should sign with and has not, or the other way round; NULL when they agree. One
 * that is retired may be without its key. */
static const struct ca_issuer *differs(const struct ca *ca, const struct ipc_strs *refs)
{
    const struct ca_issuer *issuer;

    for (size_t i = 0; (issuer = ca_issuer_at(ca, i)); i++) {
        enum store_issuer_state state = ca_issuer_state(ca, issuer);
        bool has = has_ref(refs, issuer->ref);

        if (!issuer->has_key || !issuer->parent.z[0] || state == STORE_ISSUER_RETIRED)
            continue;
        if (has == (state == STORE_ISSUER_REVOKED))
            return issuer;
    }
    return NULL;
}

static void asked_for_restart(void *, const struct ipc_answer *a)
{
    if (a->rc != RC_OK)
        log_error("core.signer-not-restarted", LOG_ERR(a->err));
}

static void on_signers_issuers(void *arg, const struct ipc_answer *a)
{
    static const struct ipc_restart msg = {ROLE_SIGNER};
    const struct ipc_ask ask = {.type = IPC_RESTART,
                                .msg = &msg,
                                .timeout = RESTART_SECONDS * WHEN_SECOND,
                                .fn = asked_for_restart};
    const struct ipc_issuers *have = a->msg;
    const struct ca_issuer *issuer;
    struct core *core = arg;

    if (a->rc != RC_OK)
        return; /* the next process is asked again */
    issuer = differs(core->ca, &have->refs);
    if (!issuer)
        return;
    log_warn("core.signer-differs", LOG_STR("issuer", issuer->ref),
             LOG_BOOL("restart", !core->signer_told),
             LOG_TEXT("what the signer has read is not what the register says"));
    if (core->signer_told || !core->supervisor)
        return;
    core->signer_told = ipc_call(core->supervisor, &ask, NULL) == RC_OK;
}

/* Not at once: a process that was starting when the last change came is about to be replaced. */
static void compare(void *arg)
{
    struct core *core = arg;
    const struct ipc_ask ask = {.type = IPC_ISSUERS,
                                .timeout = RESTART_SECONDS * WHEN_SECOND,
                                .fn = on_signers_issuers,
                                .arg = core};

    if (core->signer && ipc_call(core->signer, &ask, NULL) != RC_OK)
        log_warn("core.signer-not-asked");
}

void core_issuers_compare(struct core *core)
{
    ev_timer_stop(&core->signer_timer);
    ev_timer_init(&core->signer_timer, core->ev, compare, core);
    ev_timer_start(&core->signer_timer, COMPARE_SECONDS * WHEN_SECOND, 0);
}
