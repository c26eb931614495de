/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that another process has, which here is the test. */
#include "check.h"

#include <stdio.h>

#include "crypto/handshake.h"
#include "pair.h"
#include "tls/shelf.h"
#include "tls/signer.h"

enum { ASKS = 4 };

struct elsewhere {
    struct world w;
    struct tls_signer signer;
    struct tls_shelf *shelf;
    struct crypto_key *key;
    struct tls_signing *asked[ASKS]; /* NULL: answered, or given up */
    char message[ASKS][TLS_SIGN_MESSAGE_MAX];
    size_t length[ASKS];
    enum crypto_sig_alg alg[ASKS];
    char about[64];
    size_t n, cancelled;
    enum rc refuses; /* each question */
    /* Connections that are put aside while another is made. */
    struct aside {
        struct tls_conn *conn;
        SSL *client;
        int fd;
    } aside[ASKS];
    size_t n_aside;
    SSL_SESSION *left;
};

static enum rc ask(void *arg, const struct tls_sign_ask *in, struct tls_signing *s)
{
    struct elsewhere *e = arg;

    if (e->refuses != RC_OK)
        return e->refuses;
    if (e->n == ASKS || *tls_signing_tag(s) ||
        !str_eq(in->spki_sha256, crypto_key_spki_sha256(e->key)) ||
        !crypto_is_handshake(in->message))
        return RC_INVAL;
    *tls_signing_tag(s) = &e->asked[e->n];
    TRY(str_copyz(in->about, e->about, sizeof(e->about)));
    memcpy(e->message[e->n], in->message.p, in->message.n);
    e->length[e->n] = in->message.n;
    e->alg[e->n] = in->alg;
    e->asked[e->n++] = s;
    return RC_OK;
}

static void cancel(void *arg, struct tls_signing *s)
{
    struct elsewhere *e = arg;
    struct tls_signing **place = *tls_signing_tag(s);

    *place = NULL;
    e->cancelled++;
}

static void put_aside(struct elsewhere *e)
{
    e->aside[e->n_aside++] = (struct aside){e->w.conn, e->w.client, e->w.client_fd};
    e->w.conn = NULL;
    e->w.client = NULL;
    e->w.client_fd = -1;
}

/* The last one that was. */
static void take_back(struct elsewhere *e)
{
    const struct aside *last = &e->aside[--e->n_aside];

    hang_up(&e->w);
    e->w.conn = last->conn;
    e->w.client = last->client;
    e->w.client_fd = last->fd;
    e->w.opened = RC_COUNT;
}

static void elsewhere_done(struct elsewhere *e)
{
    while (e->n_aside)
        take_back(e);
    SSL_SESSION_free(e->left);
    world_done(&e->w);
    tls_shelf_free(e->shelf);
    crypto_key_unref(e->key);
}

static unsigned kind_of(const struct crypto_key *key)
{
    enum crypto_key_type type = crypto_key_type(key);

    if (type == CRYPTO_KEY_RSA)
        return TLS_KIND_RSA;
    return type == CRYPTO_KEY_P256 || type == CRYPTO_KEY_P384 ? TLS_KIND_EC : TLS_KIND_MLDSA;
}

static enum rc put(struct elsewhere *e, unsigned kind, struct str chain_pem, struct str about,
                   struct tls_identity **out, struct err *err)
{
    struct tls_shelved in = {.kind = kind, .signer = &e->signer, .about = about};
    CLEANUP(buf_done) struct buf der = BUF_INIT(16384);

    IGNORE_RC(text_unpem(&chain_pem, STR("CERTIFICATE"), NULL, &der));
    in.leaf = buf_str(&der);
    return tls_shelf_put(e->shelf, &in, out, err);
}

static enum rc elsewhere_init(struct elsewhere *e, const char *key_pem)
{
    static const struct tls_context_conf conf = {.away = true};
    CLEANUP(tls_identity_unrefp) struct tls_identity *id = NULL;
    CLEANUP(buf_done) struct buf pem = BUF_INIT(16384);

    *e = (struct elsewhere){};
    TRY(world_init(&e->w, &conf));
    e->signer = (struct tls_signer){ask, cancel, e};
    e->key = key_load(key_pem);
    if (!e->key)
        return RC_NOMEM;
    TRY(certificate(e->key, "away", &pem));
    TRY(tls_shelf_new(1, &e->shelf));
    TRY(put(e, kind_of(e->key), buf_str(&pem),
            STR("b"
                "wiki"),
            &id, NULL));
    tls_context_set_identity(e->w.context, id);
    return RC_OK;
}

/* The `i`th question is answered as the keeper does. */
static enum rc answer(struct elsewhere *e, size_t i)
{
    CLEANUP(buf_done) struct buf signature = BUF_INIT(CRYPTO_SIG_MAX);
    struct tls_signing *s = e->asked[i];

    if (!s)
        return RC_NOTFOUND;
    e->asked[i] = NULL;
    TRY(crypto_sign(e->key, e->alg[i], CRYPTO_SIG_DER, str_bytes(e->message[i], e->length[i]),
                    &signature));
    tls_signing_done(s, RC_OK, buf_str(&signature));
    return RC_OK;
}

static void signed_elsewhere(void)
{
    static struct {
        const char *key;
        int version;
        char client[24]; /* signature algorithms that it offers; "": all */
        enum crypto_sig_alg alg;
    } cases[] = {
        {key_p256, TLS1_3_VERSION, "", CRYPTO_SIG_ECDSA_SHA256},
        {key_p256, TLS1_2_VERSION, "", CRYPTO_SIG_ECDSA_SHA256},
        {key_p256, TLS1_2_VERSION, "ECDSA+SHA512", CRYPTO_SIG_ECDSA_SHA512},
        {key_p384, TLS1_3_VERSION, "", CRYPTO_SIG_ECDSA_SHA384},
        {key_rsa, TLS1_3_VERSION, "", CRYPTO_SIG_PSS_SHA256},
        {key_rsa, TLS1_3_VERSION, "rsa_pss_rsae_sha384", CRYPTO_SIG_PSS_SHA384},
        {key_rsa, TLS1_3_VERSION, "rsa_pss_rsae_sha512", CRYPTO_SIG_PSS_SHA512},
        {key_rsa, TLS1_2_VERSION, "RSA+SHA256", CRYPTO_SIG_RSA_SHA256},
        {key_rsa, TLS1_2_VERSION, "RSA+SHA384", CRYPTO_SIG_RSA_SHA384},
        {key_rsa, TLS1_2_VERSION, "RSA+SHA512", CRYPTO_SIG_RSA_SHA512},
        {key_mldsa44, TLS1_3_VERSION, "", CRYPTO_SIG_MLDSA44},
        {key_mldsa65, TLS1_3_VERSION, "", CRYPTO_SIG_MLDSA65},
        {key_mldsa87, TLS1_3_VERSION, "", CRYPTO_SIG_MLDSA87},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(elsewhere_done) struct elsewhere e = {};
        char name[64];

        CHECK_OK(elsewhere_init(&e, cases[i].key));
        CHECK_INT(SSL_set_max_proto_version(e.w.client, cases[i].version), 1);
        if (cases[i].client[0])
            CHECK_INT(SSL_set1_sigalgs_list(e.w.client, cases[i].client), 1);
        shake(&e.w);
        CHECK_INT(e.w.opened, RC_COUNT);
        CHECK_INT(e.n, 1);
        CHECK_INT(e.alg[0], cases[i].alg);
        CHECK_STR(str_of(e.about), "bwiki");
        CHECK_OK(answer(&e, 0));
        shake(&e.w);
        CHECK_OK(e.w.opened);
        shown(&e.w, name);
        CHECK_STR(str_of(name), "away");
        CHECK_OK(exchange(&e.w));
        CHECK_INT(e.n, 1);
        CHECK_INT(e.cancelled, 0);
    }
}

/* What a session resumes needs no key. */
static void resumed_without(void)
{
    CLEANUP(elsewhere_done) struct elsewhere e = {};

    CHECK_OK(elsewhere_init(&e, key_p256));
    shake(&e.w);
    CHECK_OK(answer(&e, 0));
    shake(&e.w);
    CHECK_OK(exchange(&e.w));
    e.left = SSL_get1_session(e.w.client);
    SSL_shutdown(e.w.client); /* else OpenSSL does not offer it again */
    CHECK_OK(connect_pair(&e.w));
    CHECK_INT(SSL_set_session(e.w.client, e.left), 1);
    shake(&e.w);
    CHECK_OK(e.w.opened);
    CHECK_INT(SSL_session_reused(e.w.client), 1);
    CHECK_INT(e.n, 1);
}

static void nobody_answers(void)
{
    CLEANUP(elsewhere_done) struct elsewhere e = {};

    CHECK_OK(elsewhere_init(&e, key_p256));
    shake(&e.w);
    CHECK_INT(e.n, 1);
    clock_fake_advance(&e.w.clock, 11 * WHEN_SECOND);
    ev_run_once(e.w.ev, EV_NOWAIT);
    CHECK_RC(e.w.opened, RC_TIMEOUT);
    CHECK_INT(e.cancelled, 0);
    hang_up(&e.w);
    CHECK_INT(e.cancelled, 1);
    CHECK_RC(answer(&e, 0), RC_NOTFOUND);
}

static void the_client_goes_meanwhile(void)
{
    CLEANUP(elsewhere_done) struct elsewhere e = {};

    CHECK_OK(elsewhere_init(&e, key_rsa));
    shake(&e.w);
    fd_close(&e.w.client_fd);
    for (int i = 0; i < 5; i++)
        ev_run_once(e.w.ev, EV_NOWAIT);
    CHECK_OK(answer(&e, 0));
    CHECK_RC(e.w.opened, RC_NET);
}

static void no_signature(void)
{
    static const struct {
        enum rc rc;
        struct str signature;
    } cases[] = {{RC_DENIED, {NULL, 0}}, {RC_OK, {NULL, 0}}, {RC_CLOSED, STR("ignored")}};
    static char long_one[CRYPTO_SIG_MAX];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) + 1; i++) {
        CLEANUP(elsewhere_done) struct elsewhere e = {};

        CHECK_OK(elsewhere_init(&e, key_p256));
        shake(&e.w);
        CHECK_INT(e.n, 1);
        if (i < sizeof(cases) / sizeof(cases[0]))
            tls_signing_done(e.asked[0], cases[i].rc, cases[i].signature);
        else
            tls_signing_done(e.asked[0], RC_OK, str_bytes(long_one, sizeof(long_one)));
        shake(&e.w);
        CHECK_RC(e.w.opened, RC_CRYPTO);
        CHECK_INT(e.w.alert, SSL_AD_INTERNAL_ERROR);
        CHECK_INT(e.cancelled, 0);
    }
}

/* What is no signature of that key the client finds out. */
static void a_wrong_signature(void)
{
    CLEANUP(elsewhere_done) struct elsewhere e = {};

    CHECK_OK(elsewhere_init(&e, key_p256));
    shake(&e.w);
    e.message[0][e.length[0] - 1] ^= 1;
    CHECK_OK(answer(&e, 0));
    shake(&e.w);
    CHECK_RC(e.w.opened, RC_CRYPTO);
    CHECK(exchange(&e.w) != RC_OK);
}

static void nobody_can_be_asked(void)
{
    CLEANUP(elsewhere_done) struct elsewhere e = {};

    CHECK_OK(elsewhere_init(&e, key_rsa));
    e.refuses = RC_QUOTA;
    shake(&e.w);
    CHECK_RC(e.w.opened, RC_CRYPTO);
    CHECK_INT(e.w.alert, SSL_AD_INTERNAL_ERROR);
    CHECK_INT(e.cancelled, 0);
    /* The next one is served. */
    e.refuses = RC_OK;
    CHECK_OK(connect_pair(&e.w));
    shake(&e.w);
    CHECK_OK(answer(&e, 0));
    shake(&e.w);
    CHECK_OK(exchange(&e.w));
}

/* Three at a time, answered in another order than they asked. */
static void several_at_once(void)
{
    CLEANUP(elsewhere_done) struct elsewhere e = {};

    CHECK_OK(elsewhere_init(&e, key_p256));
    for (size_t i = 0; i < 3; i++) {
        if (i > 0)
            CHECK_OK(connect_pair(&e.w));
        shake(&e.w);
        CHECK_INT(e.n, i + 1);
        put_aside(&e);
    }
    for (size_t i = 3; i-- > 0;) {
        take_back(&e);
        CHECK_OK(answer(&e, i));
        shake(&e.w);
        CHECK_OK(e.w.opened);
        CHECK_OK(exchange(&e.w));
    }
    CHECK_INT(e.cancelled, 0);
}

static void kinds_of_keys(void)
{
    CLEANUP(elsewhere_done) struct elsewhere e = {};
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(tls_identity_unrefp) struct tls_identity *id = NULL;
    CLEANUP(buf_done) struct buf pem = BUF_INIT(16384);
    char about[300];
    struct err err = ERR_INIT;

    CHECK_OK(elsewhere_init(&e, key_p256));
    key = key_load(key_ed25519);
    CHECK(key != NULL);
    CHECK_OK(certificate(key, "ed", &pem));
    CHECK_RC(put(&e, TLS_KIND_ED25519, buf_str(&pem), STR("x"), &id, &err), RC_UNSUPPORTED);
    CHECK(err.msg != NULL);
    buf_reset(&pem);
    CHECK_OK(certificate(e.key, "away", &pem));
    memset(about, 'a', sizeof(about));
    CHECK_RC(put(&e, TLS_KIND_EC, buf_str(&pem), str_bytes(about, sizeof(about)), &id, NULL),
             RC_TOOBIG);
    CHECK_RC(put(&e, TLS_KIND_EC, STR("nonsense"), STR("x"), &id, NULL), RC_PARSE);
}

CHECK_MAIN(CHECK_TEST(signed_elsewhere), CHECK_TEST(resumed_without), CHECK_TEST(nobody_answers),
           CHECK_TEST(the_client_goes_meanwhile), CHECK_TEST(no_signature),
           CHECK_TEST(a_wrong_signature), CHECK_TEST(nobody_can_be_asked),
           CHECK_TEST(several_at_once), CHECK_TEST(kinds_of_keys))
