/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates that an administrator asks for on the control socket: signed, and revoked. The way
 * of issuing is everybody's (ca/issue.h); the trail names the user. */
#include "api/cert_sign.h"
#include "audit/audit.h"
#include "core/core_int.h"
#include "log/log.h"
#include "store/keys.h"
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
MSG(msg_dry_run, "core.cert-dry-run", "\"dry_run\" has to be true or false");

enum { ANSWER_MAX = 1024 * 1024, REASON_KEY_COMPROMISE = 1 };

static bool is_dry_run(const struct json *args)
{
    bool dry = false;

    return json_bool(json_get(args, "dry_run"), &dry) == RC_OK && dry;
}

static void fail(struct ipc_req *req, enum rc rc, struct err *err)
{
    err->rc = rc;
    ipc_reply_err(req, err);
}

/* ---- sign */

struct signing {
    struct core *core;
    struct ipc_req *req;
    struct api_signing s;
};

static void put_certificate(const struct signing *g, const struct store_certificate *cert)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    struct api_view v = core_view(g->core, NULL);
    struct err err = ERR_INIT;
    struct json_out o;
    enum rc rc;

    json_out_init(&o, &text, JSON_COMPACT);
    rc = api_cert_put(&v, cert, &o);
    if (rc == RC_OK)
        core_admin_reply(g->req, &o, &text);
    else
        fail(g->req, rc, &err);
}

static void issued(void *arg, enum rc rc, const struct store_certificate *cert,
                   const struct err *err)
{
    const struct signing *g = arg;
    struct err why = ERR_INIT;

    if (rc == RC_OK) {
        put_certificate(g, cert);
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

static enum rc sign(struct core *core, struct ipc_req *req, const struct json *args, uid_t uid,
                    struct err *err)
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
    g->s.request.asker = arena_printf(a, "uid %u", (unsigned)uid);
    if (!g->s.request.asker.p)
        return RC_NOMEM;
    if (is_dry_run(args)) {
        put_plan(g);
        return RC_OK;
    }
    return ca_issue(core->ca, &g->s.request, issued, g, err);
}

void core_cert_sign(struct core *core, struct ipc_req *req, const struct json *args, uid_t uid)
{
    struct err err = ERR_INIT;
    enum rc rc = sign(core, req, args, uid, &err);

    if (rc != RC_OK)
        fail(req, rc, &err);
}

/* ---- revoke */

struct revoking {
    struct core *core;
    struct ipc_req *req;
    struct store_certificate cert;
    int reason;
    struct str why, asker; /* a person's words; who that is */
    when_t now;
    struct err err;
};

/* RFC 5280 section 5.3.1: those that the owner of a certificate can give. */
static const struct {
    const char *name;
    int number;
} reasons[] = {
    {"unspecified", 0}, {"keyCompromise", REASON_KEY_COMPROMISE}, {"affiliationChanged", 3},
    {"superseded", 4},  {"cessationOfOperation", 5},              {"privilegeWithdrawn", 9},
};

static enum rc read_reason(const struct json *args, int *out, struct err *err)
{
    struct str text = STR("");

    IGNORE_RC(json_str(json_get(args, "reason"), &text)); /* then it is none of them */
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (str_eq(text, str_of(reasons[i].name))) {
            *out = reasons[i].number;
            return RC_OK;
        }
    return ERR(err, RC_INVAL, msg_reason, str_head(text, 64));
}

static enum rc audit_revoked(struct store_txn *txn, struct revoking *g, const char *action)
{
    CLEANUP(buf_done) struct buf detail = BUF_INIT(AUDIT_DETAIL_MAX);
    char serial[X509_SERIAL_TEXT] = "";
    struct x509_serial s;
    struct json_out o;
    struct audit_event event = {
        .at = g->now,
        .actor_kind = AUDIT_OPERATOR,
        .actor = g->asker,
        .action = action,
        .object_kind = "certificate",
        .object = id_str(&g->cert.id),
        .reason = g->why,
    };

    TRY(x509_serial_from_bytes(g->cert.serial, &s));
    json_out_init(&o, &detail, JSON_COMPACT);
    json_obj(&o);
    json_kv_z(&o, "serial", x509_serial_text(&s, serial));
    json_kv_i64(&o, "reason", g->reason);
    json_kv_z(&o, "by", "operator");
    json_end(&o);
    TRY(json_out_done(&o));
    event.detail = buf_str(&detail);
    return audit_append(txn, &event, NULL);
}

static enum rc block_key(struct store_txn *txn, const struct revoking *g)
{
    struct store_blocked_key key = {
        .spki_sha256 = g->cert.spki_sha256,
        .blocked = g->now,
        .reason = STR("keyCompromise"),
        .certificate = g->cert.id,
    };

    return g->reason == REASON_KEY_COMPROMISE ? store_key_block(txn, &key) : RC_OK;
}

/* Of one that is revoked: a key found compromised later; anything else stays. */
static enum rc change_reason(struct store_txn *txn, struct revoking *g)
{
    char serial[X509_SERIAL_TEXT] = "", at[WHEN_TEXT];
    struct x509_serial s;

    TRY(store_certificate_get(txn, ipc_req_arena(g->req), &g->cert.id, &g->cert));
    if (g->reason == g->cert.revocation_reason)
        return RC_OK;
    if (g->reason != REASON_KEY_COMPROMISE) {
        TRY(x509_serial_from_bytes(g->cert.serial, &s));
        return ERR(&g->err, RC_CONFLICT, msg_already, str_of(x509_serial_text(&s, serial)),
                   str_of(when_text(g->cert.revoked, at)));
    }
    TRY(store_certificate_set_reason(txn, &g->cert.id, g->reason));
    TRY(block_key(txn, g));
    return audit_revoked(txn, g, "certificate.revocation-changed");
}

static enum rc revoke_fn(struct store_txn *txn, void *arg)
{
    struct revoking *g = arg;
    enum rc rc = store_certificate_revoke(txn, &g->cert.id, g->now, g->reason);

    if (rc == RC_CONFLICT)
        return change_reason(txn, g);
    TRY(rc);
    TRY(block_key(txn, g));
    return audit_revoked(txn, g, "certificate.revoked");
}

static void put_revoked(const struct revoking *g)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    struct api_view v = core_view(g->core, NULL);
    struct err err = ERR_INIT;
    struct store_certificate cert;
    struct json_out o;
    enum rc rc;

    json_out_init(&o, &text, JSON_COMPACT);
    rc = store_certificate_get(store_read(g->core->store), ipc_req_arena(g->req), &g->cert.id,
                               &cert);
    if (rc == RC_OK)
        rc = api_cert_put(&v, &cert, &o);
    if (rc == RC_OK)
        core_admin_reply(g->req, &o, &text);
    else
        fail(g->req, rc, &err);
}

static void revoked(enum rc rc, void *arg)
{
    struct revoking *g = arg;

    if (rc == RC_OK)
        put_revoked(g);
    else
        fail(g->req, rc, &g->err);
}

static enum rc read_why(const struct json *args, struct arena *a, struct str *out)
{
    struct str text = STR("");

    IGNORE_RC(json_str(json_get(args, "why"), &text)); /* it may be missing */
    return arena_str(a, str_utf8_head(text, STORE_TEXT_MAX), out);
}

static enum rc revoke(struct core *core, struct ipc_req *req, const struct json *args, uid_t uid,
                      struct err *err)
{
    struct arena *a = ipc_req_arena(req);
    struct revoking *g = ARENA_NEW(a, struct revoking);
    struct api_view v = core_view(core, NULL);

    if (!g)
        return RC_NOMEM;
    *g = (struct revoking){.core = core, .req = req, .now = v.now, .err = ERR_INIT};
    TRY(api_cert_find_serial(&v, args, a, &g->cert, err));
    TRY(read_reason(args, &g->reason, err));
    TRY(read_why(args, a, &g->why));
    g->asker = arena_printf(a, "uid %u", (unsigned)uid);
    if (!g->asker.p)
        return RC_NOMEM;
    if (is_dry_run(args)) {
        put_revoked(g);
        return RC_OK;
    }
    return store_write(core->store, revoke_fn, revoked, g);
}

void core_cert_revoke(struct core *core, struct ipc_req *req, const struct json *args, uid_t uid)
{
    struct err err = ERR_INIT;
    enum rc rc = revoke(core, req, args, uid, &err);

    if (rc != RC_OK)
        fail(req, rc, &err);
}
