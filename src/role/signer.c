/* SPDX-License-Identifier: Apache-2.0 */
/* signer: the keys of the issuers, and the decision to use one. It reads keys and rules while it is
 * still allowed to, then opens no file, no network and has one correspondent, core, whom it does
 * not believe: it is told a key, names and times, never bytes to sign, and holds what it builds
 * against its own rules, its own clock and the linter. A head of the audit log it signs only when
 * that continues the one that it signed last, which it writes down in a file that it keeps open. */
#include "ca/signer.h"
#include "ca/head.h"
#include "ca/status.h"
#include "crypto/crypto.h"
#include "crypto/weak.h"
#include "ev/clock.h"
#include "log/log.h"
#include "role/role.h"

static const struct sandbox sandbox = {
    .user = "autarky-signer",
    .promises = SB_STDIO | SB_FDPASS,
};

/* A systemd credential is found through the first; where SoftHSM's tokens are, through the second.
 */
static const char *const environment[] = {"CREDENTIALS_DIRECTORY", "SOFTHSM2_CONF", NULL};

struct signer {
    struct ca_signer *ca;
    struct ca_head *head; /* NULL: none could be opened, for the reason below */
    struct err no_head;
};

static struct ca_signer *ca_of(const struct role_env *env)
{
    const struct signer *s = env->state;

    return s->ca;
}

static enum rc signer_open(struct role_env *env, struct err *err)
{
    struct signer *s;

    TRY(crypto_init());
    TRY(crypto_weak_load(env->conf->ca.weak_keys.p, env->conf->ca.weak_keys.n, err));
    s = env->state = MEM_NEW(struct signer);
    if (!s)
        return RC_NOMEM;
    TRY(ca_signer_open_all(env->data, env->conf, &s->ca, &s->head, &s->no_head, err));
    if (!s->head)
        log_error("signer.no-audit-log", LOG_ERR(&s->no_head),
                  LOG_TEXT("certificates are signed, heads of the audit log are not"));
    if (ca_signer_count(s->ca) == 0)
        log_warn("signer.no-issuer",
                 LOG_Z("text", "the roots are known and no issuer is here yet: autarky issuer "
                               "create --csr, then import"));
    /* scrypt takes 16 MiB for each key, which malloc would keep for ever. */
    mem_trim();
    return RC_OK;
}

/* What is asked for, as in the certificate, so that the log alone says what was signed. `first` is
 * a name, or an address when there is no name. */
struct asked {
    char serial[X509_SERIAL_TEXT];
    char until[WHEN_TEXT];
    char address[ADDR_TEXT];
    struct str first;
    size_t names;
};

static void describe(const struct ipc_sign *ask, struct asked *out)
{
    struct x509_serial serial;

    *out = (struct asked){.serial = "-", .names = ask->names.n + ask->addresses.n};
    if (x509_serial_from_bytes(ask->serial, &serial) == RC_OK)
        (void)x509_serial_text(&serial, out->serial);
    (void)when_text(ask->not_after, out->until);
    if (ask->names.n)
        out->first = ask->names.v[0];
    else if (ask->addresses.n)
        out->first = str_of(addr_text(&ask->addresses.v[0].addr, out->address));
}

static void log_signed(const struct ipc_sign *ask)
{
    struct asked a;

    describe(ask, &a);
    log_info("signer.signed", LOG_STR("issuer", ask->issuer), LOG_Z("serial", a.serial),
             LOG_STR("name", a.first), LOG_INT("names", a.names), LOG_Z("not_after", a.until),
             LOG_STR("reference", id_str(&ask->reference)));
}

static void log_refused(const struct ipc_sign *ask, const struct err *err)
{
    struct asked a;

    describe(ask, &a);
    log_warn("signer.refused", LOG_STR("issuer", ask->issuer), LOG_Z("serial", a.serial),
             LOG_STR("name", a.first), LOG_INT("names", a.names), LOG_Z("not_after", a.until),
             LOG_STR("reference", id_str(&ask->reference)), LOG_ERR(err));
}

/* A token's session that was lost comes back with a new process, which core waits for. */
static void begin_anew(struct role_env *env, const struct err *why)
{
    if (why->rc == RC_AGAIN)
        role_fail(env, why);
}

static void on_sign(void *arg, struct ipc_req *req, const void *msg, int fd)
{
    struct role_env *env = arg;
    const struct ipc_sign *ask = msg;
    struct ipc_sign_reply reply;
    struct err err = ERR_INIT;
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);
    enum rc rc;

    (void)fd;
    rc = ca_signer_answer(ca_of(env), ask, clock_now(env->clock), &der, &err);
    if (rc == RC_OK) {
        log_signed(ask);
        reply.certificate = buf_str(&der);
        IGNORE_RC(ipc_reply(req, &reply)); /* core signs the reservation again later */
        return;
    }
    err.rc = rc;
    log_refused(ask, &err);
    ipc_reply_err(req, &err);
    begin_anew(env, &err);
}

static void on_sign_crl(void *arg, struct ipc_req *req, const void *msg, int fd)
{
    struct role_env *env = arg;
    const struct ipc_sign_crl *ask = msg;
    struct ipc_sign_crl_reply reply;
    struct err err = ERR_INIT;
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CRL_MAX);

    (void)fd;
    err.rc = ca_status_crl(ca_of(env), ask, clock_now(env->clock), &der, &err);
    if (err.rc != RC_OK) {
        log_warn("signer.crl-refused", LOG_STR("issuer", ask->issuer), LOG_INT("shard", ask->shard),
                 LOG_INT("number", ask->number), LOG_ERR(&err));
        ipc_reply_err(req, &err);
        begin_anew(env, &err);
        return;
    }
    log_info("signer.crl-signed", LOG_STR("issuer", ask->issuer), LOG_INT("shard", ask->shard),
             LOG_BOOL("delta", ask->delta), LOG_INT("number", ask->number),
             LOG_INT("entries", ask->entries.n), LOG_INT("bytes", der.n));
    reply.crl = buf_str(&der);
    IGNORE_RC(ipc_reply(req, &reply)); /* core asks again, with the next number */
}

static void on_sign_ocsp(void *arg, struct ipc_req *req, const void *msg, int fd)
{
    struct role_env *env = arg;
    const struct ipc_sign_ocsp *ask = msg;
    struct ipc_sign_ocsp_reply reply;
    struct err err = ERR_INIT;
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_OCSP_MAX);

    (void)fd;
    err.rc = ca_status_ocsp(ca_of(env), ask, clock_now(env->clock), &der, &err);
    if (err.rc != RC_OK) {
        log_warn("signer.ocsp-refused", LOG_STR("issuer", ask->issuer), LOG_ERR(&err));
        ipc_reply_err(req, &err);
        begin_anew(env, &err);
        return;
    }
    log_debug("signer.ocsp-signed", LOG_STR("issuer", ask->issuer),
              LOG_INT("certificates", ask->about.n), LOG_BOOL("nonce", ask->nonce.n > 0));
    reply.response = buf_str(&der);
    IGNORE_RC(ipc_reply(req, &reply));
}

static void on_sign_head(void *arg, struct ipc_req *req, const void *msg, int fd)
{
    const struct role_env *env = arg;
    const struct signer *s = env->state;
    const struct ipc_sign_head *ask = msg;
    struct ipc_sign_head_reply reply;
    struct err err = ERR_INIT;

    (void)fd;
    if (!s->head) {
        ipc_reply_err(req, &s->no_head);
        return;
    }
    err.rc = ca_head_sign(s->head, ask, clock_now(env->clock), &err);
    if (err.rc != RC_OK) {
        log_warn("signer.head-refused", LOG_INT("records", ask->size), LOG_ERR(&err));
        ipc_reply_err(req, &err);
        return;
    }
    if (ask->size)
        log_debug("signer.head-signed", LOG_STR("log", ca_head_origin(s->head)),
                  LOG_INT("records", ask->size));
    reply.origin = ca_head_origin(s->head);
    reply.note = ca_head_last(s->head);
    reply.by = ca_head_restarted(s->head).by;
    reply.why = ca_head_restarted(s->head).why;
    IGNORE_RC(ipc_reply(req, &reply)); /* core asks what was signed last before it asks again */
}

/* What core compares its register with: a command may have died before it could say that there is
 * something new to read. */
static void on_issuers(void *arg, struct ipc_req *req, const void *, int)
{
    const struct role_env *env = arg;
    const struct ca_signer *signer = ca_of(env);
    struct str refs[CA_ISSUERS_MAX];
    struct ipc_issuers reply = {{refs, 0}};

    for (size_t i = 0; i < ca_signer_count(signer); i++)
        if (ca_signer_issuer(signer, i)->state != STORE_ISSUER_REVOKED)
            refs[reply.refs.n++] = ca_signer_issuer(signer, i)->ref;
    IGNORE_RC(ipc_reply(req, &reply)); /* core asks the next process */
}

static enum rc signer_prepare(struct role_env *env, const struct conf *next, struct err *err)
{
    return ca_signer_check_conf(ca_of(env), next, err);
}

static void signer_commit(struct role_env *env)
{
    ca_signer_set_conf(ca_of(env), env->conf);
}

static void signer_close(struct role_env *env)
{
    struct signer *s = env->state;

    if (s) {
        ca_signer_free(s->ca);
        ca_head_free(s->head);
        mem_free(s);
    }
    env->state = NULL;
    crypto_done();
}

static const struct ipc_handler handlers[] = {
    {IPC_SIGN, on_sign},           {IPC_SIGN_CRL, on_sign_crl}, {IPC_SIGN_OCSP, on_sign_ocsp},
    {IPC_SIGN_HEAD, on_sign_head}, {IPC_ISSUERS, on_issuers},
};

const struct role_def role_signer = {
    .role = ROLE_SIGNER,
    .sandbox = &sandbox,
    .handlers = handlers,
    .n_handlers = sizeof(handlers) / sizeof(handlers[0]),
    .environment = environment,
    .start_seconds = 600, /* somebody may have to type the passphrase */
    .drain_order = 3,
    .open = signer_open,
    .prepare = signer_prepare,
    .commit = signer_commit,
    .close = signer_close,
};
