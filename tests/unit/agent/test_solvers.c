/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs as the server sees them: files, and the two listeners. */
#include "check.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/solver.h"
#include "base/fd.h"
#include "base/file.h"
#include "crypto/crypto.h"
#include "crypto/hash.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "net/net.h"
#include "net/stream.h"
#include "tls/client.h"
#include "x509/cert.h"

enum { TURNS = 200 };

struct test {
    struct check_dir dir;
    struct ev *ev;
    struct agent_world world;
    struct agent_solver *solver;
    struct addr_port at;
    unsigned presented;
    enum rc rc;
    int fd;
    struct tls_client *tls;
    bool open;
    enum rc opened;
};

static void test_done(struct test *t)
{
    tls_client_free(t->tls);
    fd_close(&t->fd);
    agent_solver_free(t->solver);
    ev_free(t->ev);
    check_dir_done(&t->dir);
}

/* A port that was free a moment ago. */
static enum rc test_init(struct test *t)
{
    CLEANUP(fd_closep) int fd = -1;

    t->fd = -1;
    check_dir_init(&t->dir);
    TRY(crypto_init());
    TRY(ev_new(clock_system(), &t->ev));
    t->world.ev = t->ev;
    TRY(addr_parse(STR("127.0.0.1"), &t->at.addr));
    return net_listen(&t->at, &fd, &t->at, NULL);
}

static void on_presented(void *arg, enum rc rc, const struct err *)
{
    struct test *t = arg;

    t->presented++;
    t->rc = rc;
}

static const struct client_proof proof = {.type = STR("http-01"),
                                          .identifier_type = STR("dns"),
                                          .identifier = STR("a.example"),
                                          .token = STR("tok-EN_1"),
                                          .key_authorization = STR("tok-EN_1.thumb")};

static enum rc present(struct test *t, const struct client_proof *p)
{
    t->presented = 0;
    t->solver->solver.present(t->solver->solver.arg, p, on_presented, t);
    return t->presented == 1 ? t->rc : RC_AGAIN;
}

static void cleanup(struct test *t)
{
    t->solver->solver.cleanup(t->solver->solver.arg, &proof);
}

static enum rc dial(struct test *t)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(t->at.port)};

    fd_close(&t->fd);
    memcpy(&to.sin_addr, t->at.addr.b, 4);
    t->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connect(t->fd, (struct sockaddr *)&to, sizeof(to)) == 0 ? RC_OK : RC_NET;
}

static const char *ask(struct test *t, const char *path, char text[static 2048])
{
    size_t n = 0;

    text[0] = '\0';
    if (dial(t) != RC_OK)
        return text;
    snprintf(text, 2048, "GET %s HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n", path);
    if (send(t->fd, text, strlen(text), MSG_NOSIGNAL) < 0)
        return "";
    for (unsigned i = 0; i < TURNS && n < 2047; i++) {
        ssize_t got;

        ev_run_once(t->ev, EV_NOWAIT);
        got = recv(t->fd, text + n, 2047 - n, MSG_DONTWAIT);
        n += got > 0 ? (size_t)got : 0;
        if (got == 0)
            break;
        usleep(got < 0 ? 500 : 0);
    }
    text[n] = '\0';
    return text;
}

static void by_files(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(1024);
    struct client_proof evil = proof;
    struct stat st;

    CHECK_OK(test_init(&t));
    CHECK_OK(agent_webroot_new(&t.world, t.dir.path, false, &t.solver, NULL));
    CHECK_OK(present(&t, &proof));
    CHECK_OK(file_read(t.dir.fd, ".well-known/acme-challenge/tok-EN_1", &text, NULL));
    CHECK_STR(buf_str(&text), "tok-EN_1.thumb");
    CHECK_INT(fstatat(t.dir.fd, ".well-known/acme-challenge/tok-EN_1", &st, 0), 0);
    CHECK_INT(st.st_mode & 0777, 0644);
    cleanup(&t);
    CHECK(fstatat(t.dir.fd, ".well-known/acme-challenge/tok-EN_1", &st, 0) != 0);
    evil.token = STR("../../evil");
    CHECK_RC(present(&t, &evil), RC_PARSE);
    evil.token = STR("");
    CHECK_RC(present(&t, &evil), RC_PARSE);
}

static void no_webroot(void)
{
    CLEANUP(test_done) struct test t = {};
    struct err err = ERR_INIT;

    CHECK_OK(test_init(&t));
    CHECK_RC(agent_webroot_new(&t.world, "/nowhere/at/all", false, &t.solver, &err), RC_NOTFOUND);
    CHECK_STR(str_of(err.msg->code), "agent.webroot-missing");
}

static void by_http(void)
{
    CLEANUP(test_done) struct test t = {};
    char text[2048];

    CHECK_OK(test_init(&t));
    CHECK_OK(agent_http01_new(&t.world, &t.at, &t.solver, NULL));
    CHECK_STR(str_of(ask(&t, "/", text)), ""); /* nobody listens yet */
    CHECK_OK(present(&t, &proof));
    CHECK(str_ends(str_of(ask(&t, "/.well-known/acme-challenge/tok-EN_1", text)),
                   STR("\r\n\r\ntok-EN_1.thumb")));
    CHECK(str_starts(str_of(ask(&t, "/.well-known/acme-challenge/tok-EN_2", text)),
                     STR("HTTP/1.1 404 ")));
    cleanup(&t);
    CHECK_STR(str_of(ask(&t, "/.well-known/acme-challenge/tok-EN_1", text)), "");
}

static void a_port_that_is_taken(void)
{
    CLEANUP(test_done) struct test t = {};
    struct err err = ERR_INIT;

    CHECK_OK(test_init(&t));
    CHECK_OK(net_listen(&t.at, &t.fd, NULL, NULL));
    CHECK_RC(agent_http01_new(&t.world, &t.at, &t.solver, &err), RC_EXISTS);
    CHECK_RC(agent_alpn01_new(&t.world, &t.at, &t.solver, &err), RC_EXISTS);
}

static void on_open(void *arg, enum rc rc, const struct err *)
{
    struct test *t = arg;

    t->open = true;
    t->opened = rc;
}

static enum rc shake_hands(struct test *t, struct str alpn)
{
    const struct tls_client_conf conf = {
        .ev = t->ev, .server_name = STR("a.example"), .alpn = alpn, .on_open = on_open, .arg = t};

    TRY(dial(t));
    t->open = false;
    tls_client_free(MOVE(t->tls));
    TRY(tls_client_new(&conf, fd_move(&t->fd), &t->tls));
    for (unsigned i = 0; i < TURNS && !t->open; i++) {
        ev_run_once(t->ev, EV_NOWAIT);
        usleep(500);
    }
    return t->open ? t->opened : RC_TIMEOUT;
}

static void by_alpn(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);
    unsigned char digest[CRYPTO_SHA256_BYTES];
    struct x509_cert c;

    CHECK_OK(test_init(&t));
    CHECK_OK(agent_alpn01_new(&t.world, &t.at, &t.solver, NULL));
    CHECK_OK(present(&t, &proof));
    CHECK_OK(shake_hands(&t, STR("acme-tls/1")));
    CHECK_STR(tls_client_alpn(t.tls), "acme-tls/1");
    CHECK_OK(tls_client_certificate(t.tls, &der));
    CHECK_OK(x509_cert_parse(&a, buf_str(&der), &c, NULL));
    CHECK_OK(crypto_sha256(proof.key_authorization, digest));
    CHECK(c.acme_critical && str_eq(c.acme_digest, str_bytes(digest, sizeof(digest))));
    CHECK_INT(c.n_dns, 1);
    CHECK_STR(c.dns[0], "a.example");
    CHECK(shake_hands(&t, STR("http/1.1")) != RC_OK);
    cleanup(&t);
    CHECK_RC(dial(&t), RC_NET);
}

CHECK_MAIN(CHECK_TEST(by_files), CHECK_TEST(no_webroot), CHECK_TEST_ONCE(by_http),
           CHECK_TEST(a_port_that_is_taken), CHECK_TEST_ONCE(by_alpn))
