/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures for handshakes, where the gateway's workers have no keys (gateway.keys). A worker that
 * is taken over can have signed what a server signs in a handshake, for as long as it is there, and
 * nothing else: no key leaves this process, and what is signed can be nothing but that. */
#include "keeper/keeper_int.h"

#include "crypto/handshake.h"
#include "crypto/sign.h"
#include "ev/clock.h"
#include "metrics/metrics.h"

MSG(msg_shape, "keeper.handshake-shape",
    "what is to be signed with the key of {0} is nothing that a TLS server signs");
MSG(msg_key, "keeper.handshake-key",
    "there is no key for {0} whose digest is the one asked for: its certificate has been replaced "
    "more than once since");
MSG(msg_workers, "keeper.handshake-workers",
    "the workers have their keys themselves: gateway.keys is not \"keeper\"");

METRIC_COUNTER(signed_total, "keeper_handshakes_signed_total",
               "Handshakes of the gateway that the keeper signed");

/* The one in force, or for a while the one before it. Borrowed; NULL: neither. */
static const struct crypto_key *key_of(struct keeper_slot *slot, struct str spki_sha256)
{
    struct keeper_pair *pairs[2] = {slot->pair};
    struct keeper *k = slot->keeper;

    if (clock_now(k->env->clock) >= slot->before_until)
        keeper_pair_free(&k->pairs, MOVE(slot->before));
    pairs[1] = slot->before;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        const struct crypto_key *key = NULL;

        if (pairs[i] && keeper_pair_key(&k->pairs, pairs[i], &key) == RC_OK &&
            str_eq(crypto_key_spki_sha256(key), spki_sha256))
            return key;
    }
    return NULL;
}

static enum rc sign(struct keeper *k, const struct ipc_handshake *m, struct buf *out,
                    struct err *err)
{
    struct keeper_slot *slot = NULL;
    const struct crypto_key *key;

    if (k->env->conf->gateway.keys != CONF_KEYS_KEEPER)
        return ERR(err, RC_DENIED, msg_workers);
    if (!crypto_is_handshake(m->message))
        return ERR(err, RC_DENIED, msg_shape, m->site);
    if (m->algorithm < CONF_SITE_KEYS && m->algorithm != CONF_KEY_SM2)
        slot = keeper_slot_find(k, m->site, (enum conf_key_algorithm)m->algorithm);
    key = slot ? key_of(slot, m->spki_sha256) : NULL;
    if (!key)
        return ERR(err, RC_NOTFOUND, msg_key, m->site);
    return crypto_sign(key, (enum crypto_sig_alg)m->signature, CRYPTO_SIG_DER, m->message, out);
}

void keeper_on_handshake(void *arg, struct ipc_req *req, const void *msg, int fd)
{
    const struct role_env *env = arg;
    CLEANUP(buf_done) struct buf signature = BUF_INIT(CRYPTO_SIG_MAX);
    struct ipc_handshaken reply;
    struct err err = ERR_INIT;
    enum rc rc = sign(env->state, msg, &signature, &err);

    (void)fd;
    if (rc != RC_OK) {
        err.rc = rc;
        ipc_reply_err(req, &err);
        return;
    }
    metric_add(&signed_total, 0, 1);
    reply.signature = buf_str(&signature);
    IGNORE_RC(ipc_reply(req, &reply)); /* the handshake fails, which its client is told */
}
