/* SPDX-License-Identifier: Apache-2.0 */
/* Proof against servers in this process: those that serve it, at once and after a while, that serve
 * something else, that end, that stay silent, that know only another kind of key, and that are
 * hostile before TLS. */
#include "check.h"

#include <stdio.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "crypto/crypto.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "net_fake.h"
#include "prove/prove.h"
#include "tls/conn.h"
#include "tls/context.h"
#include "unit/prove/certs.h"

enum { CHAIN = 32 * 1024, SERVED = 16, TURNS = 4000 };

struct test {
    struct pki pki;
    struct crypto_key *rsa;
    struct buf fresh, before;
    struct clock_fake clock;
    struct ev *ev;
    struct net *net;
    struct tls_context *context;
    struct tls_conn *conns[SERVED];
    int silent[SERVED];
    size_t n, n_silent;
    size_t till;       /* connections that get the certificate before */
    const char *plain; /* what is said before TLS, at once */
    bool plain_only, hangs_up, says_nothing;
    struct prove *prove;
    struct prove_ask *asks;
    size_t n_asks;
    struct prove_target target;
    struct arena arena;
    size_t ends;
    enum rc rc;
    char why[1024];
};

static void test_done(struct test *t)
{
    prove_free(t->prove);
    for (size_t i = 0; i < t->n; i++)
        tls_conn_free(t->conns[i]);
    for (size_t i = 0; i < t->n_silent; i++)
        fd_close(&t->silent[i]);
    tls_context_free(t->context);
    net_free(t->net);
    ev_free(t->ev);
    buf_done(&t->fresh);
    buf_done(&t->before);
    crypto_key_unref(t->rsa);
    pki_done(&t->pki);
    arena_done(&t->arena);
}

static enum rc test_init(struct test *t, const char *target)
{
    static const struct addr any[] = {{4, {10, 0, 0, 1}}, {4, {10, 0, 0, 2}}};
    static const struct tls_context_conf conf = {.alpn = STR("")};

    buf_init(&t->fresh, CHAIN);
    buf_init(&t->before, CHAIN);
    arena_init(&t->arena, 1 << 20);
    TRY(crypto_init());
    TRY(pki_init(&t->pki));
    t->rsa = key_load(key_rsa);
    if (!t->rsa)
        return RC_NOMEM;
    TRY(make_chain(&t->pki, t->pki.leaf_key, 1, &t->fresh));
    TRY(make_chain(&t->pki, t->pki.leaf_key, 2, &t->before));
    clock_fake_init(&t->clock, PKI_FROM);
    TRY(ev_new(&t->clock.clock, &t->ev));
    TRY(net_fake_new(t->ev, &t->net));
    for (size_t i = 0; i < 2; i++)
        TRY(net_fake_rule(t->net, &(struct addr_port){any[i], 0}, NET_FAKE_ACCEPT));
    TRY(tls_context_new(&conf, &t->context));
    TRY(prove_target_parse(str_of(target), &t->target, NULL));
    return prove_asks(&t->arena, &(struct prove_what){&t->target, 1, pki_dns, NULL, 2, 0}, &t->asks,
                      &t->n_asks, NULL);
}

static enum rc serve(struct test *t, struct crypto_key *key, const struct buf *chain)
{
    CLEANUP(tls_identity_unrefp) struct tls_identity *id = NULL;

    TRY(tls_identity_new(buf_str(chain), key, &id, NULL));
    tls_context_set_identity(t->context, id);
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

/* One connection that waits is served, as the test has it. */
static enum rc serve_one(struct test *t)
{
    const struct tls_conn_conf conf = {
        .ev = t->ev, .context = t->context, .on_open = on_conn, .arg = t};
    int fd;

    if (t->n + t->n_silent == SERVED || net_fake_take(t->net, &fd, NULL) != RC_OK)
        return RC_OK;
    if (t->till && --t->till == 0)
        TRY(serve(t, t->pki.leaf_key, &t->fresh));
    if (t->plain && send(fd, t->plain, strlen(t->plain), MSG_NOSIGNAL) < 0)
        return RC_IO;
    if (t->hangs_up) {
        close(fd);
        return RC_OK;
    }
    if (t->plain_only || t->says_nothing) {
        t->silent[t->n_silent++] = fd;
        return RC_OK;
    }
    TRY(tls_conn_accept(&conf, fd, &t->conns[t->n]));
    t->n++;
    return RC_OK;
}

static enum rc prove(struct test *t, int64_t window)
{
    const struct prove_conf conf = {.ev = t->ev,
                                    .net = t->net,
                                    .asks = t->asks,
                                    .n_asks = t->n_asks,
                                    .chain = buf_str(&t->fresh),
                                    .before = buf_str(&t->before),
                                    .window = window,
                                    .fn = on_proven,
                                    .arg = t};

    t->ends = 0;
    TRY(prove_start(&conf, &t->prove, NULL));
    for (int i = 0; i < TURNS && t->ends == 0; i++) {
        ev_run_once(t->ev, EV_NOWAIT);
        TRY(serve_one(t));
        if (i % 20 == 19)
            clock_fake_advance(&t->clock, WHEN_SECOND / 10);
    }
    return t->ends == 1 ? t->rc : RC_AGAIN;
}

#define WIKI "wiki.hospital.example"

static void served_at_once(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t, "10.0.0.1:443"));
    CHECK_INT(t.n_asks, 2); /* both names */
    CHECK_OK(serve(&t, t.pki.leaf_key, &t.fresh));
    CHECK_OK(prove(&t, WHEN_SECOND));
    CHECK_INT(t.n, 2);
}

static void served_after_a_while(void)
{
    CLEANUP(test_done) struct test t = {.till = 5};

    CHECK_OK(test_init(&t, "10.0.0.1:443"));
    CHECK_OK(serve(&t, t.pki.leaf_key, &t.before));
    CHECK_OK(prove(&t, 30 * WHEN_SECOND));
}

static void never_served(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t, "10.0.0.1:443"));
    CHECK_OK(serve(&t, t.pki.leaf_key, &t.before));
    CHECK_RC(prove(&t, WHEN_SECOND), RC_CONFLICT);
    CHECK_STR(str_of(t.why),
              "TLS 10.0.0.1 at 10.0.0.1:443 asked for " WIKI ": it serves the certificate that was "
              "in place before: it has not read the new files; and so, or likewise, at 1 more of 2 "
              "places");
    CHECK(t.n > 2);
}

/* Both kinds are there, and each is looked for alone. */
static void another_kind_of_key(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(buf_done) struct buf rsa = BUF_INIT(CHAIN);

    CHECK_OK(test_init(&t, "10.0.0.1:443"));
    CHECK_OK(make_chain(&t.pki, t.rsa, 7, &rsa));
    CHECK_OK(serve(&t, t.rsa, &rsa));
    CHECK_RC(prove(&t, 0), RC_CONFLICT);
    CHECK(strstr(t.why, "the TLS handshake failed"));
}

static void not_there(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t, "10.0.0.9:443"));
    CHECK_RC(prove(&t, WHEN_SECOND), RC_CONFLICT);
    CHECK(strstr(t.why, "TLS 10.0.0.9 at 10.0.0.9:443 asked for " WIKI ": "));
}

static void ends_at_once(void)
{
    CLEANUP(test_done) struct test t = {.hangs_up = true};

    CHECK_OK(test_init(&t, "smtp:10.0.0.1:25"));
    CHECK_RC(prove(&t, 0), RC_CONFLICT);
    CHECK(strstr(t.why, "the server ended the connection before TLS"));
}

static void says_nothing(void)
{
    CLEANUP(test_done) struct test t = {.says_nothing = true};

    CHECK_OK(test_init(&t, "smtp:10.0.0.1:25"));
    CHECK_RC(prove(&t, 0), RC_CONFLICT);
    CHECK(strstr(t.why, "nothing was served within 10 seconds"));
}

static void hostile_before_tls(void)
{
    CLEANUP(test_done) struct test t = {.plain = "220 x\r\n250 STARTTLS\r\n", .plain_only = true};

    CHECK_OK(test_init(&t, "smtp:10.0.0.1:25"));
    CHECK_RC(prove(&t, 0), RC_CONFLICT);
    CHECK(strstr(t.why, "said more than it was asked"));
}

/* Its greeting, and then TLS where an answer belongs. */
static void behind_plain_text(void)
{
    CLEANUP(test_done) struct test t = {.plain = "+OK ready\r\n"};

    CHECK_OK(test_init(&t, "pop3:10.0.0.1:110"));
    CHECK_OK(serve(&t, t.pki.leaf_key, &t.fresh));
    CHECK_RC(prove(&t, 0), RC_CONFLICT); /* TLS instead of an answer */
    CHECK(strstr(t.why, "pop3 10.0.0.1 at 10.0.0.1:110"));
}

static void given_up(void)
{
    CLEANUP(test_done) struct test t = {.says_nothing = true};
    struct prove_conf conf;

    CHECK_OK(test_init(&t, "10.0.0.1:443"));
    conf = (struct prove_conf){.ev = t.ev,
                               .net = t.net,
                               .asks = t.asks,
                               .n_asks = t.n_asks,
                               .chain = buf_str(&t.fresh),
                               .window = WHEN_SECOND,
                               .fn = on_proven,
                               .arg = &t};
    CHECK_OK(prove_start(&conf, &t.prove, NULL));
    for (int i = 0; i < 10; i++)
        ev_run_once(t.ev, EV_NOWAIT);
    prove_free(MOVE(t.prove));
    ev_run_once(t.ev, EV_NOWAIT);
    CHECK_INT(t.ends, 0);
    conf.chain = STR("nothing");
    CHECK_RC(prove_start(&conf, &t.prove, NULL), RC_NOTFOUND);
}

CHECK_MAIN(CHECK_TEST_ONCE(served_at_once), CHECK_TEST_ONCE(served_after_a_while),
           CHECK_TEST_ONCE(never_served), CHECK_TEST_ONCE(another_kind_of_key),
           CHECK_TEST_ONCE(not_there), CHECK_TEST_ONCE(ends_at_once), CHECK_TEST_ONCE(says_nothing),
           CHECK_TEST_ONCE(hostile_before_tls), CHECK_TEST_ONCE(behind_plain_text),
           CHECK_TEST(given_up))
