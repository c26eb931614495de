/* SPDX-License-Identifier: Apache-2.0 */
/* Proof by TLCP against servers in this process: those that serve the pair, that serve one half of
 * it that is old, that speak TLS alone, that want certificates of their clients, that say nothing.
 */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/file.h"
#include "crypto/crypto.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "net_fake.h"
#include "prove/prove.h"
#include "tlcp/conn.h"
#include "tlcp/identity.h"
#include "tls/conn.h"
#include "tls/context.h"
#include "unit/prove/certs.h"

enum { CHAIN = 32 * 1024, SERVED = 16, TURNS = 2000, BESIDE_PATH = 160 };

#define SM2 ((struct crypto_key_spec){CRYPTO_KEY_SM2, 0})

struct test {
    struct check_dir dir;
    struct pki pki;
    struct crypto_key *sign_key, *encrypt_key;
    struct buf signs, signs_old, encrypts, encrypts_old;
    struct clock_fake clock;
    struct ev *ev;
    struct net *net;
    struct tls_context *context;
    struct tls_site site;
    struct tls_conn *conns[SERVED];
    size_t n;
    size_t till; /* connections until `encrypts` is renewed in its file, and served */
    struct prove *prove;
    struct prove_ask *asks;
    size_t n_asks;
    struct prove_target target;
    struct arena arena;
    char beside[BESIDE_PATH];
    size_t ends;
    enum rc rc;
    char why[1024];
};

static void test_done(struct test *t)
{
    prove_free(t->prove);
    for (size_t i = 0; i < t->n; i++)
        tls_conn_free(t->conns[i]);
    tls_site_done(&t->site);
    tls_context_free(t->context);
    net_free(t->net);
    ev_free(t->ev);
    buf_done(&t->signs);
    buf_done(&t->signs_old);
    buf_done(&t->encrypts);
    buf_done(&t->encrypts_old);
    crypto_key_unref(t->sign_key);
    crypto_key_unref(t->encrypt_key);
    pki_done(&t->pki);
    arena_done(&t->arena);
    check_dir_done(&t->dir);
}

static struct tls_site *choose(void *arg, const struct tls_hello *)
{
    return &((struct test *)arg)->site;
}

static enum rc make_pairs(struct test *t)
{
    buf_init(&t->signs, CHAIN);
    buf_init(&t->signs_old, CHAIN);
    buf_init(&t->encrypts, CHAIN);
    buf_init(&t->encrypts_old, CHAIN);
    TRY(crypto_key_generate(SM2, &t->sign_key));
    TRY(crypto_key_generate(SM2, &t->encrypt_key));
    TRY(make_half(&t->pki, t->sign_key, 1, HALF_SIGNS, &t->signs));
    TRY(make_half(&t->pki, t->sign_key, 2, HALF_SIGNS, &t->signs_old));
    TRY(make_half(&t->pki, t->encrypt_key, 3, HALF_ENCRYPTS, &t->encrypts));
    return make_half(&t->pki, t->encrypt_key, 4, HALF_ENCRYPTS, &t->encrypts_old);
}

static enum rc write_beside(struct test *t, const struct buf *chain)
{
    return file_write(t->dir.fd, "beside.pem", buf_str(chain), 0600, FILE_OWNER_SELF, NULL);
}

static enum rc test_init(struct test *t, bool tlcp)
{
    static const struct addr at = {4, {10, 0, 0, 1}};
    struct tls_context_conf conf = {.alpn = STR(""), .choose = choose, .arg = t};

    check_dir_init(&t->dir);
    arena_init(&t->arena, 1 << 20);
    TRY(crypto_init());
    TRY(pki_init(&t->pki));
    TRY(make_pairs(t));
    clock_fake_init(&t->clock, PKI_FROM);
    conf.tlcp = tlcp ? &t->clock.clock : NULL;
    conf.clock = &t->clock.clock;
    TRY(ev_new(&t->clock.clock, &t->ev));
    TRY(net_fake_new(t->ev, &t->net));
    TRY(net_fake_rule(t->net, &(struct addr_port){at, 0}, NET_FAKE_ACCEPT));
    TRY(tls_site_init(&t->site, STR("site")));
    TRY(tls_context_new(&conf, &t->context));
    TRY(prove_target_parse(STR("tlcp:10.0.0.1:443"), &t->target, NULL));
    TRY(prove_asks(&t->arena, &(struct prove_what){&t->target, 1, pki_dns, NULL, 1, 0}, &t->asks,
                   &t->n_asks, NULL));
    snprintf(t->beside, sizeof(t->beside), "%s/beside.pem", t->dir.path);
    return write_beside(t, &t->encrypts);
}

static enum rc serve(struct test *t, const struct buf *signs, const struct buf *encrypts)
{
    CLEANUP(tlcp_identity_unrefp) struct tlcp_identity *id = NULL;
    const struct tlcp_identity_in in = {buf_str(signs), t->sign_key, buf_str(encrypts),
                                        t->encrypt_key};

    TRY(tlcp_identity_new(&in, &id, NULL));
    tls_site_set_tlcp(&t->site, id);
    return RC_OK;
}

static void on_conn(void *, enum rc, const struct err *)
{
}

static void on_proven(void *arg, enum rc rc, const struct err *err)
{
    struct test *t = arg;

    t->ends++;
    t->rc = rc;
    if (err)
        err_textz(err, t->why, sizeof(t->why));
}

static enum rc serve_one(struct test *t)
{
    const struct tls_conn_conf conf = {
        .ev = t->ev, .context = t->context, .on_open = on_conn, .arg = t};
    int fd;

    if (t->n == SERVED || net_fake_take(t->net, &fd, NULL) != RC_OK)
        return RC_OK;
    TRY(tls_conn_accept(&conf, fd, &t->conns[t->n]));
    t->n++;
    if (t->till && --t->till == 0) {
        TRY(serve(t, &t->signs, &t->encrypts));
        TRY(write_beside(t, &t->encrypts));
    }
    return RC_OK;
}

static enum rc prove(struct test *t, const struct buf *chain, const char *beside, int64_t window)
{
    const struct prove_conf conf = {.ev = t->ev,
                                    .net = t->net,
                                    .asks = t->asks,
                                    .n_asks = t->n_asks,
                                    .chain = buf_str(chain),
                                    .before = buf_str(&t->signs_old),
                                    .beside = beside,
                                    .window = window,
                                    .fn = on_proven,
                                    .arg = t};

    t->ends = 0;
    prove_free(MOVE(t->prove));
    TRY(prove_start(&conf, &t->prove, NULL));
    for (int i = 0; i < TURNS && t->ends == 0; i++) {
        ev_run_once(t->ev, EV_NOWAIT);
        TRY(serve_one(t));
        if (i % 20 == 19)
            clock_fake_advance(&t->clock, WHEN_SECOND / 10);
    }
    return t->ends == 1 ? t->rc : RC_AGAIN;
}

#define AT "TLCP 10.0.0.1 at 10.0.0.1:443 asked for wiki.hospital.example: "

static void both_are_served(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t, true));
    CHECK_OK(serve(&t, &t.signs, &t.encrypts));
    CHECK_OK(prove(&t, &t.signs, NULL, 0));
    CHECK_OK(prove(&t, &t.signs, t.beside, 0));
    CHECK_OK(prove(&t, &t.encrypts, NULL, 0));
    CHECK_OK(write_beside(&t, &t.signs));
    CHECK_OK(prove(&t, &t.encrypts, t.beside, 0));
}

static void one_is_old(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t, true));
    CHECK_OK(serve(&t, &t.signs_old, &t.encrypts));
    CHECK_RC(prove(&t, &t.signs, t.beside, 0), RC_CONFLICT);
    CHECK_STR(str_of(t.why),
              AT "it serves the certificate that was in place before: it has not read the new "
                 "files");
    CHECK_OK(serve(&t, &t.signs, &t.encrypts_old));
    CHECK_OK(prove(&t, &t.signs, NULL, 0));
    CHECK_RC(prove(&t, &t.signs, t.beside, 0), RC_CONFLICT);
    CHECK(strstr(t.why, AT "it serves the certificate together with another one than that of "
                           "--pair"));
    CHECK_RC(prove(&t, &t.encrypts, NULL, 0), RC_CONFLICT);
    CHECK(strstr(t.why, AT "it serves another certificate"));
}

/* The other half is renewed while this one is looked for. */
static void renewed_meanwhile(void)
{
    CLEANUP(test_done) struct test t = {.till = 3};

    CHECK_OK(test_init(&t, true));
    CHECK_OK(write_beside(&t, &t.encrypts_old));
    CHECK_OK(serve(&t, &t.signs_old, &t.encrypts_old));
    CHECK_OK(prove(&t, &t.signs, t.beside, 30 * WHEN_SECOND));
    CHECK(t.n >= 3);
    CHECK_RC(prove(&t, &t.signs, "/nowhere", 0), RC_CONFLICT);
    CHECK(strstr(t.why, AT "the other certificate of the pair cannot be read: "));
}

/* It has nothing for TLCP, or does not speak it at all. */
static void not_by_tlcp(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(test_done) struct test deaf = {};

    CHECK_OK(test_init(&t, true));
    CHECK_RC(prove(&t, &t.signs, NULL, 0), RC_CONFLICT);
    CHECK(strstr(t.why, AT "the TLCP handshake failed: "));
    CHECK_OK(test_init(&deaf, false));
    CHECK_RC(prove(&deaf, &deaf.signs, NULL, 0), RC_CONFLICT);
    CHECK(strstr(deaf.why, AT "the TLCP handshake failed: "));
}

static void of_other_keys(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(buf_done) struct buf rsa = BUF_INIT(CHAIN);

    CHECK_OK(test_init(&t, true));
    CHECK_OK(make_chain(&t.pki, t.pki.leaf_key, 9, &rsa));
    CHECK_RC(prove(&t, &rsa, NULL, 0), RC_INVAL);
    t.target.tlcp = false;
    CHECK_RC(prove(&t, &t.signs, NULL, 0), RC_INVAL);
}

CHECK_MAIN(CHECK_TEST_ONCE(both_are_served), CHECK_TEST_ONCE(one_is_old),
           CHECK_TEST_ONCE(renewed_meanwhile), CHECK_TEST_ONCE(not_by_tlcp),
           CHECK_TEST(of_other_keys))
