/* SPDX-License-Identifier: Apache-2.0 */
/* What the keeper signs for workers that have no keys, and what not. */
#include "world.h"

#include "crypto/sign.h"

#define SITE "wiki.hospital.example"

static struct str exchange(void)
{
    static char m[64 + 4 + 32];

    memset(m, 'r', sizeof(m));
    memcpy(m + 64, "\x03\x00\x1d\x20", 4);
    return str_bytes(m, sizeof(m));
}

struct asked {
    enum rc rc; /* RC_COUNT: no answer yet */
    struct buf signature;
};

static void asked_done(struct asked *a)
{
    buf_done(&a->signature);
}

static void on_signed(void *arg, const struct ipc_answer *answer)
{
    struct asked *a = arg;
    const struct ipc_handshaken *m = answer->msg;

    a->rc = answer->rc;
    if (answer->rc == RC_OK)
        buf_puts(&a->signature, m->signature);
}

static enum rc ask(struct world *w, const struct ipc_handshake *m, struct asked *out)
{
    const struct ipc_ask ask = {IPC_HANDSHAKE, m, 0, NULL, on_signed, out};

    buf_done(&out->signature);
    buf_init(&out->signature, CRYPTO_SIG_MAX);
    out->rc = RC_COUNT;
    TRY(ipc_call(w->workers[0].there, &ask, NULL));
    turn(w);
    return out->rc;
}

/* Borrowed; NULL: there is none. */
static struct crypto_key *key_in_force(struct world *w)
{
    struct keeper_slot *slot = slot_of(w, SITE);
    const struct crypto_key *key;

    return slot && slot->pair && keeper_pair_key(&slot->keeper->pairs, slot->pair, &key) == RC_OK
               ? slot->pair->opened
               : NULL;
}

static enum rc begin(struct world *w, enum conf_keys keys)
{
    w->conf[0].gateway.n_sites = 1;
    w->conf[0].gateway.keys = keys;
    TRY(keeper_starts_with_all(w));
    pass(w, 2 * WHEN_SECOND, WHEN_SECOND);
    return key_in_force(w) ? RC_OK : RC_NOTFOUND;
}

static struct ipc_handshake good(struct world *w)
{
    return (struct ipc_handshake){
        .site = STR(SITE),
        .algorithm = CONF_KEY_ECDSA,
        .signature = CRYPTO_SIG_ECDSA_SHA256,
        .spki_sha256 = crypto_key_spki_sha256(key_in_force(w)),
        .message = exchange(),
    };
}

static void signs_handshakes_alone(void)
{
    CLEANUP(asked_done) struct asked a = {};
    struct ipc_handshake m;

    BEGIN(w);
    CHECK_OK(begin(&w, CONF_KEYS_KEEPER));
    CHECK(w.workers[0].wrong > 0); /* what came had no key */
    m = good(&w);
    CHECK_OK(ask(&w, &m, &a));
    CHECK_OK(crypto_verify(key_in_force(&w), CRYPTO_SIG_ECDSA_SHA256, CRYPTO_SIG_DER, exchange(),
                           buf_str(&a.signature)));
    m.message = STR("anything else");
    CHECK_RC(ask(&w, &m, &a), RC_DENIED);
    m = good(&w);
    m.message = str_head(exchange(), exchange().n - 1);
    CHECK_RC(ask(&w, &m, &a), RC_DENIED);
    m = good(&w);
    m.site = STR("other.hospital.example");
    CHECK_RC(ask(&w, &m, &a), RC_NOTFOUND);
    m = good(&w);
    m.spki_sha256 = STR("0123456789abcdef0123456789abcdef");
    CHECK_RC(ask(&w, &m, &a), RC_NOTFOUND);
    for (unsigned algorithm = 0; algorithm < 256; algorithm++) {
        m = good(&w);
        m.algorithm = (uint8_t)algorithm;
        CHECK_INT(ask(&w, &m, &a), algorithm == CONF_KEY_ECDSA ? RC_OK : RC_NOTFOUND);
    }
    for (unsigned signature = 0; signature < 256; signature++) {
        m = good(&w);
        m.signature = (uint8_t)signature;
        CHECK_INT(ask(&w, &m, &a),
                  signature >= CRYPTO_SIG_ECDSA_SHA256 && signature <= CRYPTO_SIG_ECDSA_SHA512
                      ? RC_OK
                      : RC_INVAL);
    }
}

static void not_where_workers_have_keys(void)
{
    CLEANUP(asked_done) struct asked a = {};
    struct ipc_handshake m;

    BEGIN(w);
    CHECK_OK(begin(&w, CONF_KEYS_WORKERS));
    CHECK_INT(w.workers[0].wrong, 0);
    m = good(&w);
    CHECK_RC(ask(&w, &m, &a), RC_DENIED);
}

static void the_key_before_for_a_while(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *old = NULL;
    CLEANUP(asked_done) struct asked a = {};
    struct ipc_handshake m;

    BEGIN(w);
    CHECK_OK(begin(&w, CONF_KEYS_KEEPER));
    old = crypto_key_ref(key_in_force(&w));
    CHECK_OK(ask_renew(&w, SITE));
    pass(&w, 2 * WHEN_SECOND, WHEN_SECOND);
    CHECK(!crypto_key_same(old, key_in_force(&w)));
    m = good(&w);
    CHECK_OK(ask(&w, &m, &a));
    m.spki_sha256 = crypto_key_spki_sha256(old);
    CHECK_OK(ask(&w, &m, &a));
    CHECK_OK(crypto_verify(old, CRYPTO_SIG_ECDSA_SHA256, CRYPTO_SIG_DER, exchange(),
                           buf_str(&a.signature)));
    pass(&w, KEEPER_BEFORE_SECONDS * WHEN_SECOND, WHEN_MINUTE);
    CHECK_RC(ask(&w, &m, &a), RC_NOTFOUND);
    m = good(&w);
    CHECK_OK(ask(&w, &m, &a));
}

CHECK_MAIN(CHECK_TEST_ONCE(signs_handshakes_alone), CHECK_TEST_ONCE(not_where_workers_have_keys),
           CHECK_TEST_ONCE(the_key_before_for_a_while))
