/* SPDX-License-Identifier: Apache-2.0 */
/* signer: the keys of the issuers, and the decision to use one. It reads keys and rules while it is
 * still allowed to, then has no file, no network and one correspondent, core, whom it does not
 * believe: it is told a key, names and times, never bytes to sign, and holds what it builds against
 * its own rules, its own clock and the linter. */
#include "ca/signer.h"
#include "ca/passphrase.h"
#include "crypto/crypto.h"
#include "ev/clock.h"
#include "log/log.h"
#include "role/role.h"

static const struct sandbox sandbox = {
    .user = "autarky-signer",
    .promises = SB_STDIO | SB_FDPASS,
};

/* A systemd credential is found through it. */
static const char *const environment[] = {"CREDENTIALS_DIRECTORY", NULL};

static enum rc signer_open(struct role_env *env, struct err *err)
{
    CLEANUP(secret_freep) struct secret *passphrase = NULL;
    struct ca_signer *signer;

    TRY(crypto_init());
    TRY(ca_passphrase_read(env->conf, env->data, &passphrase, err));
    TRY(ca_signer_open(env->data, passphrase, env->conf, &signer, err));
    env->state = signer;
    /* scrypt takes 16 MiB for each key, which malloc would keep for ever. */
    mem_trim();
    return RC_OK;
}

static void on_sign(void *arg, struct ipc_req *req, const void *msg, int fd)
{
    const struct role_env *env = arg;
    const struct ipc_sign *ask = msg;
    struct ipc_sign_reply reply;
    struct err err = ERR_INIT;
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);
    enum rc rc;

    (void)fd;
    rc = ca_signer_answer(env->state, ask, clock_now(env->clock), &der, &err);
    if (rc == RC_OK) {
        log_info("signer.signed", LOG_STR("issuer", ask->issuer),
                 LOG_STR("reference", id_str(&ask->reference)));
        reply.certificate = buf_str(&der);
        IGNORE_RC(ipc_reply(req, &reply)); /* core signs the reservation again later */
        return;
    }
    err.rc = rc;
    log_warn("signer.refused", LOG_STR("issuer", ask->issuer),
             LOG_STR("reference", id_str(&ask->reference)), LOG_ERR(&err));
    ipc_reply_err(req, &err);
}

static void signer_commit(struct role_env *env)
{
    ca_signer_set_conf(env->state, env->conf);
}

static void signer_close(struct role_env *env)
{
    ca_signer_free(env->state);
    env->state = NULL;
    crypto_done();
}

static const struct ipc_handler handlers[] = {{IPC_SIGN, on_sign}};

const struct role_def role_signer = {
    .role = ROLE_SIGNER,
    .sandbox = &sandbox,
    .handlers = handlers,
    .n_handlers = sizeof(handlers) / sizeof(handlers[0]),
    .environment = environment,
    .start_seconds = 600, /* somebody may have to type the passphrase */
    .drain_order = 2,
    .open = signer_open,
    .commit = signer_commit,
    .close = signer_close,
};
