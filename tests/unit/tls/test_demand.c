/* SPDX-License-Identifier: Apache-2.0 */
/* What a client demands of a server that it comes back to (tls/demand.h). */
#include "check.h"

#include <openssl/evp.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/text.h"
#include "net/stream.h"
#include "pair.h"
#include "tls/client.h"
#include "tls/demand.h"

enum { ROUNDS = 60, HEX = 65 };

struct both {
    struct world w;
    struct crypto_key *key; /* of the server */
    struct buf pem;
    char pin[HEX];
    struct tls_demand *demand;
    struct tls_client *client;
    struct net_stream *stream;
    enum rc opened;
    char why[256];
};

static void both_done(struct both *b)
{
    net_stream_free(b->stream);
    tls_client_free(b->client);
    tls_demand_unref(b->demand);
    crypto_key_unref(b->key);
    buf_done(&b->pem);
    world_done(&b->w);
}

static void on_client_open(void *arg, enum rc rc, const struct err *err)
{
    struct both *b = arg;

    b->opened = rc;
    if (err)
        err_textz(err, b->why, sizeof(b->why));
}

static enum rc put_pin(struct both *b)
{
    CLEANUP(buf_done) struct buf hex = BUF_INIT(HEX);
    unsigned char hash[EVP_MAX_MD_SIZE], *der = NULL;
    unsigned n = 0;
    int len = i2d_PUBKEY(crypto_ossl_pkey(b->key), &der);
    int ok = len > 0 && EVP_Digest(der, (size_t)len, hash, &n, EVP_sha256(), NULL) == 1;

    OPENSSL_free(der);
    if (!ok)
        return RC_NOMEM;
    text_hex(&hex, str_bytes(hash, n));
    TRY(buf_rc(&hex));
    return str_copyz(buf_str(&hex), b->pin, sizeof(b->pin));
}

/* A server with a certificate of its own for "one". */
static enum rc begin(struct both *b)
{
    CLEANUP(tls_identity_unrefp) struct tls_identity *id = NULL;
    struct tls_context_conf server = {};

    buf_init(&b->pem, 8192);
    TRY(world_init(&b->w, &server));
    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &b->key));
    TRY(certificate(b->key, "one", &b->pem));
    TRY(put_pin(b));
    TRY(tls_identity_new(buf_str(&b->pem), b->key, &id, NULL));
    tls_context_set_identity(b->w.context, id);
    return RC_OK;
}

static enum rc demand(struct both *b, const struct tls_demand_conf *conf)
{
    tls_demand_unref(MOVE(b->demand));
    return tls_demand_new(conf, &b->demand, NULL);
}

/* One connection, shaken to its end. */
static enum rc come(struct both *b)
{
    struct tls_client_conf conf = {
        .ev = b->w.ev, .demand = b->demand, .on_open = on_client_open, .arg = b};

    net_stream_free(MOVE(b->stream));
    tls_client_free(MOVE(b->client));
    TRY(connect_pair(&b->w));
    SSL_free(MOVE(b->w.client));
    b->opened = RC_COUNT;
    b->why[0] = '\0';
    TRY(tls_client_new(&conf, fd_move(&b->w.client_fd), &b->client));
    for (int i = 0; i < ROUNDS && (b->opened == RC_COUNT || b->w.opened == RC_COUNT); i++)
        ev_run_once(b->w.ev, EV_NOWAIT);
    return b->opened;
}

static void takes_roots(void)
{
    CLEANUP(both_done) struct both b = {};

    CHECK_OK(begin(&b));
    CHECK_OK(
        demand(&b, &(struct tls_demand_conf){.server_name = STR("one"), .roots = buf_str(&b.pem)}));
    CHECK_OK(come(&b));
}

static void refuses_others(void)
{
    CLEANUP(both_done) struct both b = {};
    CLEANUP(crypto_key_unrefp) struct crypto_key *other = NULL;
    CLEANUP(buf_done) struct buf pem = BUF_INIT(8192);
    struct addr ip = {.n = 4, .b = {10, 0, 0, 1}};

    CHECK_OK(begin(&b));
    CHECK_OK(
        demand(&b, &(struct tls_demand_conf){.server_name = STR("two"), .roots = buf_str(&b.pem)}));
    CHECK_RC(come(&b), RC_CRYPTO);
    CHECK(strstr(b.why, "certificate does not hold"));
    CHECK_OK(demand(&b, &(struct tls_demand_conf){.ip = &ip, .roots = buf_str(&b.pem)}));
    CHECK_RC(come(&b), RC_CRYPTO);
    CHECK_OK(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &other));
    CHECK_OK(certificate(other, "one", &pem));
    CHECK_OK(
        demand(&b, &(struct tls_demand_conf){.server_name = STR("one"), .roots = buf_str(&pem)}));
    CHECK_RC(come(&b), RC_CRYPTO);
}

static void takes_keys(void)
{
    static const struct str wrong =
        STR("00000000000000000000000000000000000000000000000000000000000000ff");
    CLEANUP(both_done) struct both b = {};
    struct str pins[2] = {wrong};
    struct tls_demand_conf conf = {.server_name = STR("whatever"), .pins = pins, .n_pins = 2};

    CHECK_OK(begin(&b));
    pins[1] = str_of(b.pin);
    CHECK_OK(demand(&b, &conf));
    CHECK_OK(come(&b));
    conf.n_pins = 1;
    CHECK_OK(demand(&b, &conf));
    CHECK_RC(come(&b), RC_DENIED);
    CHECK(strstr(b.why, "none of those that are expected"));
    /* With roots both have to hold. */
    conf.server_name = STR("one");
    conf.roots = buf_str(&b.pem);
    CHECK_OK(demand(&b, &conf));
    CHECK_RC(come(&b), RC_DENIED);
    conf.n_pins = 2;
    CHECK_OK(demand(&b, &conf));
    CHECK_OK(come(&b));
    conf.server_name = STR("two");
    CHECK_OK(demand(&b, &conf));
    CHECK_RC(come(&b), RC_CRYPTO);
}

/* What the server gave the first time it takes the second. */
static void resumes(void)
{
    CLEANUP(both_done) struct both b = {};
    char in[64];
    size_t n;

    CHECK_OK(begin(&b));
    CHECK_OK(
        demand(&b, &(struct tls_demand_conf){.server_name = STR("one"), .roots = buf_str(&b.pem)}));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(come(&b));
        CHECK_INT(tls_conn_resumed(b.w.conn), i > 0);
        b.stream = tls_client_stream(MOVE(b.client));
        CHECK_RC(b.stream->ops->read(b.stream, in, sizeof(in), &n), RC_AGAIN);
    }
}

static void says_what_is_wrong(void)
{
    CLEANUP(both_done) struct both b = {};
    const struct str bad[] = {STR("xyz"), STR("00ff")};
    struct tls_demand_conf conf = {.server_name = STR("one")};
    struct tls_demand *d;

    CHECK_OK(begin(&b));
    CHECK_RC(tls_demand_new(&conf, &d, NULL), RC_INVAL);
    conf.roots = STR("no certificate at all");
    CHECK_RC(tls_demand_new(&conf, &d, NULL), RC_INVAL);
    conf.roots = (struct str){NULL, 0};
    conf.n_pins = 1;
    for (size_t i = 0; i < 2; i++) {
        conf.pins = &bad[i];
        CHECK_RC(tls_demand_new(&conf, &d, NULL), RC_INVAL);
    }
    conf.n_pins = TLS_PINS_MAX + 1;
    CHECK_RC(tls_demand_new(&conf, &d, NULL), RC_TOOBIG);
    conf = (struct tls_demand_conf){.roots = buf_str(&b.pem)};
    CHECK_RC(tls_demand_new(&conf, &d, NULL), RC_INVAL);
}

CHECK_MAIN(CHECK_TEST(takes_roots), CHECK_TEST_ONCE(refuses_others), CHECK_TEST_ONCE(takes_keys),
           CHECK_TEST_ONCE(resumes), CHECK_TEST(says_what_is_wrong))
