/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that an administrator asks for on the control socket: signed, and revoked. The way
 * of issuing is everybody's (ca/issue.h); the trail names the user. */
#include "api/cert_sign.h"
#include "api/escrow.h"
#include "approval/approval.h"
#include "ca/escrow.h"
#include "core/change.h"
#include "core/core_int.h"
#include "crypto/key.h"
#include "ev/clock.h"
#include "log/log.h"
#include "revocation/revocation.h"
#include "x509/crl.h"
#include "x509/serial.h"

MSG(msg_later, "core.cert-later",
    "the signer is away, and nothing was issued; ask again, and if that does not help, `autarky "
    "status` says how the processes are");
MSG(msg_reason, "core.cert-reason",
    "\"{0}\" is no reason of RFC 5280; there are unspecified, keyCompromise, affiliationChanged, "
    "superseded, cessationOfOperation and privilegeWithdrawn");
MSG(msg_already, "core.cert-already",
    "the certificate {0} was revoked at {1} for another reason; only keyCompromise can take its "
    "place");
MSG(msg_used, "core.cert-approval-used",
    "approval {0} was used by the same command given elsewhere, or has ended; give it again, which "
    "asks again");
MSG(msg_escrow_reason, "core.cert-escrow-reason",
    "say why this key is wanted, with --reason: it stands in the audit log beside who asked");
MSG(msg_dry_run, "core.cert-dry-run", "\"dry_run\" has to be true or false");

enum { ANSWER_MAX = 1024 * 1024, SHOWN_MAX = 64 };

static bool is_dry_run(const struct json *args)
{
    bool dry = false;

    return json_bool(json_get(args, "dry_run"), &dry) == RC_OK && dry;
}

static void fail(struct ipc_req *req, enum rc rc, struct err *err)
{
    err->rc = rc;
    core_admin_refuse(req, err);
}

/* ---- sign */

struct signing {
    struct core *core;
    struct ipc_req *req;
    struct api_signing s;
    struct approval approval; /* where s.approvers says so */
    struct err err;
};

static void put_certificate(struct core *core, struct ipc_req *req,
                            const struct store_certificate *cert, struct str enveloped)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    struct api_view v = core_view(core, NULL);
    struct err err = ERR_INIT;
    struct json_out o;
    enum rc rc;

    json_out_init(&o, &text, JSON_COMPACT);
    rc = api_cert_put(&v, cert, enveloped, &o);
    if (rc == RC_OK)
        core_admin_reply(req, &o, &text);
    else
        fail(req, rc, &err);
}

static void issued(void *arg, enum rc rc, const struct store_certificate *cert,
                   const struct err *err)
{
    const struct signing *g = arg;
    struct err why = ERR_INIT;

    if (rc == RC_OK) {
        put_certificate(g->core, g->req, cert, g->s.enveloped);
        return;
    }
    if (rc == RC_AGAIN)
        IGNORE_RC(ERR(&why, rc, msg_later));
    else if (err)
        why = *err;
    log_warn("core.cert-refused", LOG_STR("profile", g->s.request.profile), LOG_ERR(&why));
    fail(g->req, rc, &why);
}

static void put_plan(const struct signing *g)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    struct api_view v = core_view(g->core, NULL);
    struct json_out o;

    json_out_init(&o, &text, JSON_COMPACT);
    api_cert_sign_put_plan(&v, &g->s, &o);
    core_admin_reply(g->req, &o, &text);
}

/* ---- that takes persons who allow it */

static struct audit_event by_operator(const struct signing *g)
{
    return (struct audit_event){
        .at = g->approval.now,
        .actor_kind = AUDIT_OPERATOR,
        .actor = g->s.request.asker,
        .reason = g->s.request.reason,
    };
}

static enum rc use_approval(struct store_txn *txn, void *arg, struct err *err)
{
    const struct signing *g = arg;
    struct audit_event by = by_operator(g);
    enum rc rc = approval_use(txn, &g->approval, &by);

    return rc == RC_CONFLICT ? ERR(err, rc, msg_used, id_str(&g->approval.row.id)) : rc;
}

static enum rc ask_approval(struct store_txn *txn, void *arg)
{
    struct signing *g = arg;
    struct audit_event by = by_operator(g);

    TRY(approval_find(txn, &g->approval));
    return g->approval.known ? RC_OK : approval_add(txn, &g->approval, &by);
}

static void asked(enum rc rc, void *arg)
{
    struct signing *g = arg;
    const struct store_approval *row = &g->approval.row;

    if (rc == RC_OK) {
        log_warn("core.approval-waits", LOG_STR("approval", id_str(&row->id)),
                 LOG_STR("what", row->what), LOG_STR("by", g->s.request.asker));
        acme_approvals_look(g->core->acme);
        rc = core_approval_says(row, &g->err);
    }
    fail(g->req, rc, &g->err);
}

static enum rc list_names(struct arena *a, const struct ca_request *r, struct approval_ask *ask)
{
    size_t n = r->n_dns + r->n_ips + r->n_emails + r->n_uris;
    struct store_name *names = ARENA_ARRAY(a, struct store_name, n);
    char text[ADDR_TEXT];

    if (!names)
        return RC_NOMEM;
    ask->names = names;
    for (size_t i = 0; i < r->n_dns; i++)
        names[ask->n_names++] = (struct store_name){STORE_NAME_DNS, r->dns[i]};
    for (size_t i = 0; i < r->n_ips; i++) {
        names[ask->n_names].type = STORE_NAME_IP;
        TRY(arena_str(a, str_of(addr_text(&r->ips[i], text)), &names[ask->n_names++].value));
    }
    for (size_t i = 0; i < r->n_emails; i++)
        names[ask->n_names++] = (struct store_name){STORE_NAME_EMAIL, r->emails[i]};
    for (size_t i = 0; i < r->n_uris; i++)
        names[ask->n_names++] = (struct store_name){STORE_NAME_URI, r->uris[i]};
    return RC_OK;
}

static enum rc begin_approval(struct signing *g, struct arena *a, struct core_who who)
{
    const struct ca_request *r = &g->s.request;
    struct approval_ask ask = {
        .profile = r->profile,
        .key = r->key_type,
        .person = core_who_person(&who),
        .approvers = g->s.approvers,
        .now = clock_now(ev_clock(g->core->ev)),
        .wait = g->core->conf->control.approval_wait,
    };

    TRY(list_names(a, r, &ask));
    TRY(approval_begin(&ask, a, &g->approval));
    g->approval.row.csr = g->s.csr.der;
    g->approval.row.rules = r->rules;
    g->approval.row.reason = r->reason;
    return approval_find(store_read(g->core->store), &g->approval);
}

static enum rc sign(struct core *core, struct ipc_req *req, const struct json *args,
                    struct core_who who, struct err *err)
{
    struct arena *a = ipc_req_arena(req);
    struct signing *g = ARENA_NEW(a, struct signing);
    struct api_view v = core_view(core, NULL);

    if (!g)
        return RC_NOMEM;
    g->core = core;
    g->req = req;
    if (json_get(args, "dry_run") && json_type(json_get(args, "dry_run")) != JSON_BOOL)
        return ERR(err, RC_INVAL, msg_dry_run);
    TRY(api_cert_sign_read(&v, args, a, &g->s, err));
    TRY(core_who_str(who, a, &g->s.request.asker));
    if (is_dry_run(args)) {
        put_plan(g);
        return RC_OK;
    }
    if (g->s.approvers) {
        TRY(begin_approval(g, a, who));
        if (!g->approval.granted)
            return store_write(core->store, ask_approval, asked, g);
        g->s.request.reserve = use_approval;
        g->s.request.reserve_arg = g;
    }
    if (g->s.key_by_ca)
        TRY(api_cert_sign_make_key(core->conf, &g->s, a, err));
    return ca_issue(core->ca, &g->s.request, issued, g, err);
}

void core_cert_sign(struct core *core, struct ipc_req *req, const struct json *args,
                    struct core_who who)
{
    struct err err = ERR_INIT;
    enum rc rc = sign(core, req, args, who, &err);

    if (rc != RC_OK)
        fail(req, rc, &err);
}

/* ---- escrow */

enum rc core_escrow_check(const struct conf *conf, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;

    return ca_escrow_key(conf, &key, err);
}

static enum rc write_fetched(struct store_txn *txn, struct core_change *c)
{
    return core_change_audit(txn, c, "key.escrow-fetched", "certificate", &c->certificate.id,
                             c->serial);
}

static void put_fetched(struct core_change *c, struct json_out *o)
{
    struct api_view v = core_view(c->core, NULL);

    if (!c->dry)
        log_warn("core.escrow-fetched", LOG_STR("serial", c->serial), LOG_STR("by", c->asker),
                 LOG_STR("reason", c->why));
    api_escrow_put_sealed(&v, &c->certificate, &c->escrow, !c->dry, o);
}

static enum rc read_escrow(struct core_change *c)
{
    struct api_view v = core_view(c->core, NULL);
    char serial[X509_SERIAL_TEXT] = "";
    struct x509_serial s;
    struct str what;

    if (c->why.n == 0)
        return ERR(&c->err, RC_INVAL, msg_escrow_reason);
    TRY(api_escrow_find(&v, c->args, c->a, &c->certificate, &c->escrow, &c->err));
    TRY(x509_serial_from_bytes(c->certificate.serial, &s));
    TRY(arena_str(c->a, str_of(x509_serial_text(&s, serial)), &c->serial));
    what = arena_printf(c->a, "key.escrow: hand out the sealed key of certificate %.*s, for %.*s",
                        STR_ARG(c->serial),
                        STR_ARG(c->certificate.n_names ? c->certificate.names[0].value
                                                       : STR("names that are not kept any more")));
    if (!what.p)
        return RC_NOMEM;
    c->write = write_fetched;
    c->put = put_fetched;
    c->approval = (struct core_approval){
        .who = c->who, .now = c->now, .arena = c->a, .action = STR("key.escrow"), .what = what};
    return core_approval_begin_one(c->core, 1U << CONF_TWO_ESCROW, &c->approval);
}

void core_cert_escrow(struct core *core, struct ipc_req *req, const struct json *args,
                      struct core_who who)
{
    core_change_run(core, req, args, who, read_escrow);
}

/* ---- revoke */

struct revoking {
    struct core *core;
    struct ipc_req *req;
    struct store_certificate cert;
    struct revocation_ask ask;
};

static enum rc read_reason(const struct json *args, int *out, struct err *err)
{
    struct str text = STR("");
    int reason;

    IGNORE_RC(json_str(json_get(args, "reason"), &text)); /* then it is none of them */
    if (x509_reason_parse(text, &reason) != RC_OK ||
        !revocation_reason_allowed(REVOCATION_BY_OPERATOR, reason))
        return ERR(err, RC_INVAL, msg_reason, str_head(text, SHOWN_MAX));
    *out = reason;
    return RC_OK;
}

/* As it is now. */
static void put_revoked(const struct revoking *g)
{
    struct err err = ERR_INIT;
    struct store_certificate cert;
    enum rc rc = store_certificate_get(store_read(g->core->store), ipc_req_arena(g->req),
                                       &g->cert.id, &cert);

    if (rc == RC_OK)
        put_certificate(g->core, g->req, &cert, STR(""));
    else
        fail(g->req, rc, &err);
}

/* To revoke twice for the same reason is done; for another one it is not. */
static void already(const struct revoking *g, const struct revocation_result *result)
{
    char serial[X509_SERIAL_TEXT] = "", at[WHEN_TEXT];
    struct store_certificate cert;
    struct err err = ERR_INIT;
    struct x509_serial s;

    if (store_certificate_get(store_read(g->core->store), ipc_req_arena(g->req), &g->cert.id,
                              &cert) == RC_OK &&
        cert.revocation_reason == g->ask.reason) {
        put_certificate(g->core, g->req, &cert, STR(""));
        return;
    }
    if (x509_serial_from_bytes(g->cert.serial, &s) == RC_OK)
        x509_serial_text(&s, serial);
    fail(
        g->req,
        ERR(&err, RC_CONFLICT, msg_already, str_of(serial), str_of(when_text(result->revoked, at))),
        &err);
}

static void revoked(void *arg, enum rc rc, const struct revocation_result *result,
                    const struct err *err)
{
    const struct revoking *g = arg;
    struct err why = ERR_INIT;

    if (rc == RC_OK) {
        put_revoked(g);
    } else if (rc == RC_CONFLICT) {
        already(g, result);
    } else {
        if (err)
            why = *err;
        fail(g->req, rc, &why);
    }
}

static enum rc read_words(const struct json *args, struct arena *a, struct str *out)
{
    struct str text = STR("");

    IGNORE_RC(json_str(json_get(args, "why"), &text)); /* it may be missing */
    return arena_str(a, str_utf8_head(text, STORE_TEXT_MAX), out);
}

static enum rc revoke(struct core *core, struct ipc_req *req, const struct json *args,
                      struct core_who who, struct err *err)
{
    struct arena *a = ipc_req_arena(req);
    struct revoking *g = ARENA_NEW(a, struct revoking);
    struct api_view v = core_view(core, NULL);

    if (!g)
        return RC_NOMEM;
    *g = (struct revoking){.core = core, .req = req};
    TRY(api_cert_find_serial(&v, args, a, &g->cert, err));
    g->ask = (struct revocation_ask){
        .certificate = g->cert.id,
        .now = v.now,
        .by = REVOCATION_BY_OPERATOR,
    };
    TRY(core_who_str(who, a, &g->ask.actor));
    TRY(read_reason(args, &g->ask.reason, err));
    TRY(read_words(args, a, &g->ask.words));
    IGNORE_RC(json_bool(json_get(args, "whole"), &g->ask.whole)); /* false, if it is not there */
    if (is_dry_run(args)) {
        put_revoked(g);
        return RC_OK;
    }
    return revocation_submit(core->revocation, &g->ask, revoked, g);
}

void core_cert_revoke(struct core *core, struct ipc_req *req, const struct json *args,
                      struct core_who who)
{
    struct err err = ERR_INIT;
    enum rc rc = revoke(core, req, args, who, &err);

    if (rc != RC_OK)
        fail(req, rc, &err);
}
