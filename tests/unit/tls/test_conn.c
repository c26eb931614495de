/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/fd.h"
#include "base/text.h"
#include "crypto/crypto.h"
#include "crypto/ossl.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "tls/conn.h"
#include "tls/context.h"

/* A server's end and OpenSSL's client on a socket pair. */
struct world {
    struct clock_fake clock;
    struct ev *ev;
    struct tls_context *context;
    struct tls_conn *conn;
    int client_fd;
    SSL_CTX *client_ctx;
    SSL *client;
    enum rc opened; /* RC_COUNT: not yet */
    char why[256];
    size_t readies;
};

/* A self-signed certificate for `name`, in PEM. */
static enum rc certificate(const struct crypto_key *key, const char *name, struct buf *out)
{
    X509 *x = X509_new_ex(crypto_ossl_ctx(), NULL);
    X509_NAME *subject = X509_NAME_new();
    unsigned char *der = NULL;
    int n;

    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_subject_name(x, subject);
    X509_set_issuer_name(x, subject);
    X509_set_pubkey(x, crypto_ossl_pkey(key));
    X509_sign(x, crypto_ossl_pkey(key), EVP_sha256());
    n = i2d_X509(x, &der);
    text_pem(out, STR("CERTIFICATE"), str_bytes(der, (size_t)n));
    OPENSSL_free(der);
    X509_NAME_free(subject);
    X509_free(x);
    return buf_rc(out);
}

static enum rc identity(const char *name, struct tls_identity **out)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_done) struct buf pem = BUF_INIT(8192);

    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &key));
    TRY(certificate(key, name, &pem));
    return tls_identity_new(buf_str(&pem), key, out, NULL);
}

static void on_open(void *arg, enum rc rc, const struct err *err)
{
    struct world *w = arg;

    w->opened = rc;
    if (err)
        err_textz(err, w->why, sizeof(w->why));
}

static void on_ready(void *arg)
{
    ((struct world *)arg)->readies++;
}

static void hang_up(struct world *w)
{
    tls_conn_free(MOVE(w->conn));
    SSL_free(MOVE(w->client));
    fd_close(&w->client_fd);
}

static void world_done(struct world *w)
{
    hang_up(w);
    SSL_CTX_free(w->client_ctx);
    tls_context_free(w->context);
    ev_free(w->ev);
    crypto_done();
}

/* A fresh connection; the client has not said anything. */
static enum rc connect_pair(struct world *w)
{
    struct tls_conn_conf conf = {w->ev, w->context, on_open, w};
    int fds[2];

    hang_up(w);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
        return RC_IO;
    w->opened = RC_COUNT;
    w->client_fd = fds[1];
    w->client = SSL_new(w->client_ctx);
    SSL_set_fd(w->client, fds[1]);
    SSL_set_connect_state(w->client);
    return tls_conn_accept(&conf, fds[0], &w->conn);
}

static enum rc world_init(struct world *w, bool with_identity)
{
    CLEANUP(tls_identity_unrefp) struct tls_identity *id = NULL;
    struct tls_context_conf conf = {STR("HTTP/1.1 400 Bad Request\r\n\r\nuse https\n")};

    *w = (struct world){.client_fd = -1};
    signal(SIGPIPE, SIG_IGN);
    clock_fake_init(&w->clock, 1'000'000 * WHEN_SECOND);
    TRY(crypto_init());
    TRY(ev_new(&w->clock.clock, &w->ev));
    TRY(tls_context_new(&conf, &w->context));
    if (with_identity) {
        TRY(identity("one", &id));
        tls_context_set_identity(w->context, id);
    }
    w->client_ctx = SSL_CTX_new_ex(crypto_ossl_ctx(), NULL, TLS_client_method());
    SSL_CTX_set_verify(w->client_ctx, SSL_VERIFY_NONE, NULL);
    return connect_pair(w);
}

/* Lets both sides do what they can. */
static void shake(struct world *w)
{
    for (int i = 0; i < 50 && w->opened == RC_COUNT; i++) {
        SSL_do_handshake(w->client);
        ev_run_once(w->ev, EV_NOWAIT);
    }
    SSL_do_handshake(w->client);
    crypto_ossl_clear();
}

#define BEGIN(w)                                                                                   \
    CLEANUP(world_done) struct world w = {};                                                       \
    CHECK_OK(world_init(&w, true))

/* The common name of what the server showed; "" when it showed nothing. */
static void shown(const struct world *w, char out[static 64])
{
    X509 *x = SSL_get1_peer_certificate(w->client);

    out[0] = '\0';
    if (x)
        X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, out, 64);
    X509_free(x);
}

/* The client says a line, the server says one back. */
static enum rc exchange(struct world *w)
{
    char in[16];
    size_t n;

    if (SSL_write(w->client, "ping", 4) != 4)
        return RC_NET;
    TRY(tls_conn_read(w->conn, in, sizeof(in), &n));
    if (!str_eq(str_bytes(in, n), STR("ping")))
        return RC_CORRUPT;
    TRY(tls_conn_write(w->conn, STR("pong"), &n));
    return n == 4 && SSL_read(w->client, in, sizeof(in)) == 4 && memcmp(in, "pong", 4) == 0
               ? RC_OK
               : RC_NET;
}

static void version(int min, int max, const char *want, const char *group)
{
    BEGIN(w);
    SSL_set_min_proto_version(w.client, min);
    SSL_set_max_proto_version(w.client, max);
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    CHECK_STR(str_of(tls_conn_version(w.conn)), want);
    CHECK_STR(str_of(SSL_get0_group_name(w.client)), group);
    CHECK_OK(exchange(&w));
}

static void tls_1_3(void)
{
    version(TLS1_3_VERSION, 0, "TLSv1.3", "X25519MLKEM768");
}

static void tls_1_2(void)
{
    version(TLS1_2_VERSION, TLS1_2_VERSION, "TLSv1.2", "x25519");
}

static void classical_groups(void)
{
    static char groups[][16] = {"X25519", "secp256r1", "secp384r1"};

    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        BEGIN(w);
        SSL_set1_groups_list(w.client, groups[i]);
        shake(&w);
        CHECK_RC(w.opened, RC_OK);
    }
}

static void old_things_fail(void)
{
    BEGIN(w);
    SSL_CTX_set_security_level(w.client_ctx, 0);
    CHECK_OK(connect_pair(&w));
    SSL_set_min_proto_version(w.client, TLS1_VERSION);
    SSL_set_max_proto_version(w.client, TLS1_1_VERSION);
    shake(&w);
    CHECK_RC(w.opened, RC_CRYPTO);
    CHECK(w.why[0]);
    CHECK_OK(connect_pair(&w));
    SSL_set_max_proto_version(w.client, TLS1_2_VERSION);
    SSL_set_cipher_list(w.client, "AES128-GCM-SHA256:ECDHE-ECDSA-AES128-SHA256");
    shake(&w);
    CHECK_RC(w.opened, RC_CRYPTO);
    CHECK_OK(connect_pair(&w));
    SSL_set1_groups_list(w.client, "ffdhe2048:secp521r1");
    shake(&w);
    CHECK_RC(w.opened, RC_CRYPTO);
}

static void alpn(void)
{
    static const unsigned char both[] = "\x02h2\x08http/1.1", other[] = "\x0a"
                                                                        "acme-tls/1";
    const unsigned char *chosen;
    unsigned n;

    BEGIN(w);
    SSL_set_alpn_protos(w.client, both, sizeof(both) - 1);
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    SSL_get0_alpn_selected(w.client, &chosen, &n);
    CHECK_STR(str_bytes(chosen, n), "http/1.1");
    CHECK_OK(connect_pair(&w));
    SSL_set_alpn_protos(w.client, other, sizeof(other) - 1);
    shake(&w);
    CHECK_RC(w.opened, RC_CRYPTO);
}

static void without_identity(void)
{
    CLEANUP(world_done) struct world w = {};

    CHECK_OK(world_init(&w, false));
    CHECK(!tls_context_has_identity(w.context));
    shake(&w);
    CHECK_RC(w.opened, RC_CRYPTO);
}

static void another_identity_under_an_open_connection(void)
{
    CLEANUP(tls_identity_unrefp) struct tls_identity *two = NULL;
    char name[64];

    BEGIN(w);
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    shown(&w, name);
    CHECK_STR(str_of(name), "one");
    CHECK_OK(identity("two", &two));
    tls_context_set_identity(w.context, two);
    CHECK_OK(exchange(&w));
    CHECK_OK(connect_pair(&w));
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    shown(&w, name);
    CHECK_STR(str_of(name), "two");
    /* Even in the middle of a handshake. */
    CHECK_OK(connect_pair(&w));
    SSL_do_handshake(w.client);
    ev_run_once(w.ev, EV_NOWAIT);
    tls_context_set_identity(w.context, NULL);
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    CHECK_OK(exchange(&w));
}

static void resumes_by_ticket(void)
{
    SSL_SESSION *session;
    char in[4];

    BEGIN(w);
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    CHECK_OK(exchange(&w));
    CHECK_INT(SSL_read(w.client, in, sizeof(in)), -1);
    session = SSL_get1_session(w.client);
    SSL_shutdown(w.client);
    if (connect_pair(&w) == RC_OK) {
        SSL_set_session(w.client, session);
        shake(&w);
    }
    SSL_SESSION_free(session);
    CHECK_RC(w.opened, RC_OK);
    CHECK(SSL_session_reused(w.client));
    CHECK_OK(exchange(&w));
}

static void slow_handshake(void)
{
    BEGIN(w);
    SSL_do_handshake(w.client);
    ev_run_once(w.ev, EV_NOWAIT);
    clock_fake_advance(&w.clock, TLS_HANDSHAKE_SECONDS * WHEN_SECOND - 1);
    ev_run_once(w.ev, EV_NOWAIT);
    CHECK_INT(w.opened, RC_COUNT);
    clock_fake_advance(&w.clock, 1);
    ev_run_once(w.ev, EV_NOWAIT);
    CHECK_RC(w.opened, RC_TIMEOUT);
}

static void client_goes_away(void)
{
    BEGIN(w);
    fd_close(&w.client_fd);
    ev_run_once(w.ev, EV_NOWAIT);
    CHECK_RC(w.opened, RC_NET);
    CHECK_OK(connect_pair(&w));
    SSL_do_handshake(w.client);
    ev_run_once(w.ev, EV_NOWAIT);
    fd_close(&w.client_fd);
    ev_run_once(w.ev, EV_NOWAIT);
    ev_run_once(w.ev, EV_NOWAIT);
    CHECK_RC(w.opened, RC_NET);
}

static void garbage(void)
{
    BEGIN(w);
    CHECK_INT(write(w.client_fd, "\x16\x03\x01\xff\xff garbage", 13), 13);
    ev_run_once(w.ev, EV_NOWAIT);
    ev_run_once(w.ev, EV_NOWAIT);
    CHECK_RC(w.opened, RC_CRYPTO);
}

static void http_without_tls(void)
{
    char in[128];
    ssize_t n;

    BEGIN(w);
    CHECK_INT(write(w.client_fd, "GET / HTTP/1.1\r\n\r\n", 18), 18);
    ev_run_once(w.ev, EV_NOWAIT);
    n = read(w.client_fd, in, sizeof(in));
    CHECK(n > 0);
    CHECK_STR(str_bytes(in, (size_t)n), "HTTP/1.1 400 Bad Request\r\n\r\nuse https\n");
    CHECK_INT(read(w.client_fd, in, sizeof(in)), 0);
    CHECK_INT(w.opened, RC_COUNT);
    clock_fake_advance(&w.clock, TLS_PLAIN_LINGER_SECONDS * WHEN_SECOND);
    ev_run_once(w.ev, EV_NOWAIT);
    CHECK_RC(w.opened, RC_UNSUPPORTED);
}

static void ends_in_order(void)
{
    char in[16];
    size_t n;

    BEGIN(w);
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    CHECK_RC(tls_conn_read(w.conn, in, sizeof(in), &n), RC_AGAIN);
    CHECK_OK(tls_conn_shutdown(w.conn));
    CHECK_INT(SSL_read(w.client, in, sizeof(in)), 0);
    CHECK_INT(SSL_get_error(w.client, 0), SSL_ERROR_ZERO_RETURN);
    SSL_write(w.client, "late", 4);
    CHECK_OK(tls_conn_read(w.conn, in, sizeof(in), &n));
    CHECK_INT(n, 4);
    SSL_shutdown(w.client);
    CHECK_RC(tls_conn_read(w.conn, in, sizeof(in), &n), RC_CLOSED);
}

static void calls_when_ready(void)
{
    char in[16];
    size_t n;

    BEGIN(w);
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    CHECK_RC(tls_conn_read(w.conn, in, sizeof(in), &n), RC_AGAIN);
    tls_conn_want(w.conn, TLS_READ, on_ready, &w);
    ev_run_once(w.ev, EV_NOWAIT);
    CHECK_INT(w.readies, 0);
    SSL_write(w.client, "x", 1);
    ev_run_once(w.ev, EV_NOWAIT);
    CHECK_INT(w.readies, 1);
    tls_conn_want(w.conn, 0, on_ready, &w);
    ev_run_once(w.ev, EV_NOWAIT);
    CHECK_INT(w.readies, 1);
    tls_conn_want(w.conn, TLS_WRITE, on_ready, &w);
    ev_run_once(w.ev, EV_NOWAIT);
    CHECK_INT(w.readies, 2);
}

static void more_than_the_socket_takes(void)
{
    static char big[1 << 20], in[65536];
    struct str rest = {big, sizeof(big)};
    size_t n, got = 0;
    enum rc rc;

    BEGIN(w);
    shake(&w);
    CHECK_RC(w.opened, RC_OK);
    while ((rc = tls_conn_write(w.conn, rest, &n)) == RC_OK)
        rest = str_skip(rest, n);
    CHECK_RC(rc, RC_AGAIN);
    CHECK(rest.n > 0);
    for (int i = 0; i < 10000 && got < sizeof(big); i++) {
        int r = SSL_read(w.client, in, sizeof(in));

        got += r > 0 ? (size_t)r : 0;
        if (rest.n && tls_conn_write(w.conn, rest, &n) == RC_OK)
            rest = str_skip(rest, n);
    }
    CHECK_INT(got, sizeof(big));
}

static void identities_are_checked(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL, *other = NULL, *public = NULL;
    CLEANUP(tls_identity_unrefp) struct tls_identity *id = NULL;
    CLEANUP(buf_done) struct buf pem = BUF_INIT(8192);
    CLEANUP(buf_done) struct buf many = BUF_INIT(65536);

    BEGIN(w);
    CHECK_OK(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &key));
    CHECK_OK(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &other));
    CHECK_OK(crypto_key_from_spki(crypto_key_spki(key), &public, NULL));
    CHECK_OK(certificate(key, "x", &pem));
    CHECK_RC(tls_identity_new(buf_str(&pem), other, &id, NULL), RC_INVAL);
    CHECK_RC(tls_identity_new(buf_str(&pem), public, &id, NULL), RC_INVAL);
    CHECK_RC(tls_identity_new(STR(""), key, &id, NULL), RC_PARSE);
    CHECK_RC(tls_identity_new(STR("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
                              key, &id, NULL),
             RC_PARSE);
    for (int i = 0; i <= TLS_CHAIN_MAX; i++)
        buf_puts(&many, buf_str(&pem));
    CHECK_RC(tls_identity_new(buf_str(&many), key, &id, NULL), RC_TOOBIG);
    CHECK_OK(tls_identity_new(buf_str(&pem), key, &id, NULL));
}

CHECK_MAIN(CHECK_TEST(tls_1_3), CHECK_TEST(tls_1_2), CHECK_TEST_ONCE(classical_groups),
           CHECK_TEST_ONCE(old_things_fail), CHECK_TEST(alpn), CHECK_TEST(without_identity),
           CHECK_TEST(another_identity_under_an_open_connection),
           CHECK_TEST_ONCE(resumes_by_ticket), CHECK_TEST(slow_handshake),
           CHECK_TEST(client_goes_away), CHECK_TEST(garbage), CHECK_TEST(http_without_tls),
           CHECK_TEST(ends_in_order), CHECK_TEST(calls_when_ready),
           CHECK_TEST(more_than_the_socket_takes), CHECK_TEST(identities_are_checked))
