/* SPDX-License-Identifier: Apache-2.0 */
/* A TLS server's end and OpenSSL's own client, for the tests of this folder. */
#pragma once

#include <signal.h>
#include <sys/socket.h>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/fd.h"
#include "crypto/ossl.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "keys.h"
#include "tls/conn.h"
#include "tls/context.h"

/* A server's end and OpenSSL's client on a socket pair. */
struct world {
    struct clock_fake clock;
    struct ev *ev;
    struct tls_context *context;
    struct tls_conn *conn;
    int client_fd;
    int conn_fd; /* the connection's, borrowed */
    SSL_CTX *client_ctx;
    SSL *client;
    int alert;    /* that the client got last; -1: none */
    bool proxied; /* set before connect_pair, as this */
    bool (*named)(void *arg, const struct addr *client);
    enum rc opened; /* RC_COUNT: not yet */
    char why[256];
    size_t readies;
};

/* As OpenSSL 4 sees it: one that is signed by itself has no OCSP answer, and where there is one it
 * is looked into. These are such as have nothing within: malformedRequest and internalError. */
#define ANSWER_A "\x30\x03\x0a\x01\x01"
#define ANSWER_B "\x30\x03\x0a\x01\x02"

enum signature { BY_ITSELF, BY_ANOTHER /* or so it says */, WEAKLY /* and with SHA-1 */ };

/* A certificate for `name`, in PEM. */
static enum rc certificate_of(const struct crypto_key *key, const char *name, enum signature how,
                              struct buf *out)
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
    if (how != BY_ITSELF) {
        X509_NAME_add_entry_by_txt(subject, "OU", MBSTRING_ASC, (const unsigned char *)"x", -1, -1,
                                   0);
        X509_set_issuer_name(x, subject);
    }
    X509_set_pubkey(x, crypto_ossl_pkey(key));
    /* Ed25519 and ML-DSA take no digest. */
    if (X509_sign(x, crypto_ossl_pkey(key), how == WEAKLY ? EVP_sha1() : EVP_sha256()) == 0 &&
        X509_sign(x, crypto_ossl_pkey(key), NULL) == 0)
        fail_msg("no certificate for %s", name);
    crypto_ossl_clear();
    n = i2d_X509(x, &der);
    text_pem(out, STR("CERTIFICATE"), str_bytes(der, (size_t)n));
    OPENSSL_free(der);
    X509_NAME_free(subject);
    X509_free(x);
    return buf_rc(out);
}

static enum rc certificate(const struct crypto_key *key, const char *name, struct buf *out)
{
    return certificate_of(key, name, BY_ITSELF, out);
}

/* `key_pem` is one of keys.h. */
[[maybe_unused]] static enum rc identity_of(const char *key_pem, const char *name,
                                            struct tls_identity **out)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = key_load(key_pem);
    CLEANUP(buf_done) struct buf pem = BUF_INIT(16384);

    if (!key)
        return RC_NOMEM;
    TRY(certificate(key, name, &pem));
    return tls_identity_new(buf_str(&pem), key, out, NULL);
}

/* The same, as if another had signed the certificate. */
[[maybe_unused]] static enum rc identity_by_another(const char *key_pem, const char *name,
                                                    struct tls_identity **out)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = key_load(key_pem);
    CLEANUP(buf_done) struct buf pem = BUF_INIT(16384);

    if (!key)
        return RC_NOMEM;
    TRY(certificate_of(key, name, BY_ANOTHER, &pem));
    return tls_identity_new(buf_str(&pem), key, out, NULL);
}

[[maybe_unused]] static enum rc identity(const char *name, struct tls_identity **out)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_done) struct buf pem = BUF_INIT(16384);

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

[[maybe_unused]] static void on_ready(void *arg)
{
    ((struct world *)arg)->readies++;
}

static void on_info(const SSL *client, int where, int value)
{
    struct world *w = SSL_get_app_data(client);

    if (where & SSL_CB_READ && where & SSL_CB_ALERT && value >> 8 == SSL3_AL_FATAL)
        w->alert = value & 0xff;
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
    struct tls_conn_conf conf = {w->ev, w->context, on_open, w, w->proxied, w->named};
    int fds[2];

    hang_up(w);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
        return RC_IO;
    w->opened = RC_COUNT;
    w->alert = -1;
    w->client_fd = fds[1];
    w->client = SSL_new(w->client_ctx);
    SSL_set_app_data(w->client, w);
    SSL_set_fd(w->client, fds[1]);
    SSL_set_connect_state(w->client);
    w->conn_fd = fds[0];
    return tls_conn_accept(&conf, fds[0], &w->conn);
}

static enum rc world_init(struct world *w, const struct tls_context_conf *conf)
{
    *w = (struct world){.client_fd = -1};
    signal(SIGPIPE, SIG_IGN);
    clock_fake_init(&w->clock, 1'000'000 * WHEN_SECOND);
    TRY(crypto_init());
    TRY(ev_new(&w->clock.clock, &w->ev));
    TRY(tls_context_new(conf, &w->context));
    w->client_ctx = SSL_CTX_new_ex(crypto_ossl_ctx(), NULL, TLS_client_method());
    SSL_CTX_set_verify(w->client_ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_info_callback(w->client_ctx, on_info);
    return connect_pair(w);
}

/* Lets both sides do what they can. */
[[maybe_unused]] static void shake(struct world *w)
{
    for (int i = 0; i < 50 && w->opened == RC_COUNT; i++) {
        SSL_do_handshake(w->client);
        ev_run_once(w->ev, EV_NOWAIT);
    }
    SSL_do_handshake(w->client);
    crypto_ossl_clear();
}

/* The common name of what the server showed; "" when it showed nothing. */
[[maybe_unused]] static void shown(const struct world *w, char out[static 64])
{
    X509 *x = SSL_get1_peer_certificate(w->client);

    out[0] = '\0';
    if (x) {
        const X509_NAME *name = X509_get_subject_name(x);
        int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
        const ASN1_STRING *text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));

        snprintf(out, 64, "%.*s", ASN1_STRING_length(text),
                 (const char *)ASN1_STRING_get0_data(text));
    }
    X509_free(x);
}

/* The client says a line, the server says one back. */
[[maybe_unused]] static enum rc exchange(struct world *w)
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
