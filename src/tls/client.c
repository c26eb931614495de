/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/client.h"

#include <sys/socket.h>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/addr.h"
#include "base/fd.h"
#include "base/text.h"
#include "crypto/ossl.h"
#include "ev/ev.h"
#include "net/stream.h"
#include "tls/demand.h"
#include "tls/tls_int.h"

MSG(msg_failed, "tls.client-failed", "the TLS handshake failed: {0}");
MSG(msg_server, "tls.client-server", "the server's certificate does not hold: {0}");
MSG(msg_time, "tls.client-server-time", "the server's certificate does not hold now: {0}");
MSG(msg_key, "tls.client-key", "the server's key is none of those that are expected of it");
MSG(msg_gone, "tls.client-gone", "the server ended the connection during the TLS handshake");

enum { ALPN_MAX = 32 };

struct tls_client {
    struct net_stream s; /* first; in use once it is a stream */
    SSL_CTX *ctx;
    struct tls_demand *demand; /* a reference: `ctx` calls it */
    BIO_METHOD *method;
    SSL *ssl;
    struct tls_socket socket;
    struct ev_fd *watch;
    bool open;
    bool demands; /* the server has to prove itself */
    bool farewell;
    uint8_t read_needs, write_needs; /* EV_READ or EV_WRITE, by what the last attempt waits for */
    void (*on_open)(void *arg, enum rc rc, const struct err *err);
    void *arg;
};

static struct tls_client *of(struct net_stream *s)
{
    return (struct tls_client *)(void *)s;
}

/* What OpenSSL said to a call that did not succeed. */
static enum rc outcome(struct tls_client *c, int result, uint8_t *needs)
{
    switch (SSL_get_error(c->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        *needs = EV_READ;
        return RC_AGAIN;
    case SSL_ERROR_WANT_WRITE:
        *needs = EV_WRITE;
        return RC_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return RC_CLOSED;
    case SSL_ERROR_SYSCALL:
        return RC_NET;
    default:
        return RC_CRYPTO;
    }
}

static void opened(struct tls_client *c, enum rc rc, const struct err *err)
{
    ev_fd_watch(c->watch, 0);
    c->open = true;
    c->on_open(c->arg, rc, err);
}

static void refused(struct tls_client *c, long verified)
{
    struct str why = str_of(X509_verify_cert_error_string(verified));
    struct err err = ERR_INIT;

    if (verified == X509_V_ERR_CERT_NOT_YET_VALID || verified == X509_V_ERR_CERT_HAS_EXPIRED)
        opened(c, ERR(&err, RC_CRYPTO, msg_time, why), &err);
    else
        opened(c, ERR(&err, RC_CRYPTO, msg_server, why), &err);
}

bool tls_client_untimely(const struct err *err)
{
    return err && err->msg == &msg_time;
}

static void shake(struct tls_client *c)
{
    char reason[TLS_REASON_MAX];
    struct err err = ERR_INIT;
    uint8_t needs = 0;
    enum rc rc;
    long verified;
    int n;

    crypto_ossl_clear();
    n = SSL_connect(c->ssl);
    if (n == 1) {
        opened(c, RC_OK, NULL);
        return;
    }
    rc = outcome(c, n, &needs);
    verified = SSL_get_verify_result(c->ssl);
    if (rc == RC_AGAIN)
        ev_fd_watch(c->watch, needs);
    else if (rc == RC_CRYPTO && c->demands && verified == X509_V_ERR_CERT_REJECTED)
        opened(c, ERR(&err, RC_DENIED, msg_key), &err);
    else if (rc == RC_CRYPTO && c->demands && verified != X509_V_OK)
        refused(c, verified);
    else if (rc == RC_CRYPTO)
        opened(c, ERR(&err, rc, msg_failed, tls_reason(reason)), &err);
    else
        opened(c, ERR(&err, RC_NET, msg_gone), &err);
}

static void on_event(void *arg, unsigned)
{
    struct tls_client *c = arg;

    if (c->open)
        c->s.ready(c->s.arg);
    else
        shake(c);
}

/* One protocol, as on the wire. */
static bool offer(SSL *ssl, struct str alpn)
{
    unsigned char list[ALPN_MAX];

    if (alpn.n == 0)
        return true;
    if (alpn.n >= sizeof(list))
        return false;
    list[0] = (unsigned char)alpn.n;
    memcpy(list + 1, alpn.p, alpn.n);
    return SSL_set_alpn_protos(ssl, list, (unsigned)alpn.n + 1) == 0;
}

/* ---- a server that has to prove itself */

static enum rc add_roots(X509_STORE *store, struct str pem)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(TLS_CLIENT_CHAIN_MAX);
    size_t n = 0;

    for (;; n++) {
        const unsigned char *at;
        X509 *x;
        bool good;
        enum rc rc;

        buf_reset(&der);
        rc = text_unpem(&pem, STR("CERTIFICATE"), NULL, &der);
        if (rc == RC_NOTFOUND)
            break;
        TRY(rc);
        at = (const unsigned char *)buf_str(&der).p;
        x = d2i_X509(NULL, &at, (long)der.n);
        good = x && X509_STORE_add_cert(store, x) == 1;
        X509_free(x);
        if (!good)
            return RC_INVAL;
    }
    return n ? RC_OK : RC_INVAL;
}

static enum rc demand(struct tls_client *c, const struct tls_client_conf *conf, const char *name)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(c->ssl);
    bool good;

    if (!c->demands || conf->demand)
        return RC_OK;
    if (conf->trust)
        SSL_CTX_set1_cert_store(c->ctx, conf->trust->store);
    else
        TRY(add_roots(SSL_CTX_get_cert_store(c->ctx), conf->roots));
    good = conf->ip ? X509_VERIFY_PARAM_set1_ip(param, conf->ip->b, conf->ip->n) == 1
                    : name[0] && X509_VERIFY_PARAM_set1_host(param, name, 0) == 1;
    good = good && (conf->trust || SSL_set_min_proto_version(c->ssl, TLS1_3_VERSION) == 1);
    SSL_set_verify(c->ssl, SSL_VERIFY_PEER, NULL);
    return good ? RC_OK : RC_INVAL;
}

/* OpenSSL's own, and what servers want that take hybrids of NIST's curves alone; these have no
 * share in the first ClientHello. */
#define GROUPS "DEFAULT/SecP384r1MLKEM1024:SecP256r1MLKEM768"

SSL_CTX *tls_client_context(void)
{
    SSL_CTX *ctx = SSL_CTX_new_ex(crypto_ossl_ctx(), NULL, TLS_client_method());

    if (!ctx || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set1_groups_list(ctx, GROUPS) != 1) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_max_cert_list(ctx, TLS_CLIENT_CHAIN_MAX);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return ctx;
}

/* Of its own, or shared. */
static SSL_CTX *context_for(const struct tls_client_conf *conf)
{
    SSL_CTX *shared = conf->demand ? tls_demand_context(conf->demand) : NULL;
    SSL_CTX *ctx;

    if (conf->survey)
        shared = conf->survey->ctx;
    if (shared)
        return SSL_CTX_up_ref(shared) == 1 ? shared : NULL;
    ctx = tls_client_context();
    if (ctx)
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    return ctx;
}

static bool set_up(struct tls_client *c, const struct tls_client_conf *conf, char *name)
{
    c->demand = conf->demand ? tls_demand_ref(conf->demand) : NULL;
    c->ctx = context_for(conf);
    c->method = tls_socket_method_new();
    c->ssl = c->ctx && c->method ? SSL_new(c->ctx) : NULL;
    if (c->ssl && conf->whole)
        SSL_clear_options(c->ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
    return c->ssl && tls_socket_give(&c->socket, c->method, c->ssl) && offer(c->ssl, conf->alpn) &&
           (!name[0] || SSL_set_tlsext_host_name(c->ssl, name) == 1) &&
           (!conf->demand || tls_demand_resume(conf->demand, c->ssl));
}

enum rc tls_client_new(const struct tls_client_conf *conf, int fd, struct tls_client **out)
{
    CLEANUP(tls_client_freep) struct tls_client *c = MEM_NEW(struct tls_client);
    char name[TLS_CLIENT_NAME_MAX + 1];

    if (!c) {
        close(fd);
        return RC_NOMEM;
    }
    c->socket.fd = fd;
    c->on_open = conf->on_open;
    c->demands = conf->roots.n > 0 || conf->trust || conf->demand;
    c->arg = conf->arg;
    c->farewell = conf->farewell;
    c->read_needs = EV_READ;
    c->write_needs = EV_WRITE;
    TRY(str_copyz(conf->demand ? tls_demand_name(conf->demand) : conf->server_name, name,
                  sizeof(name)));
    if (!set_up(c, conf, name) || !tls_look_offer(c->ssl, conf->key) ||
        (conf->identity && !tls_identity_install(conf->identity, c->ssl))) {
        crypto_ossl_clear();
        return RC_NOMEM;
    }
    TRY(demand(c, conf, name));
    TRY(ev_fd_new(conf->ev, fd, on_event, c, &c->watch));
    ev_fd_watch(c->watch, EV_WRITE); /* at once, for it is connected */
    *out = MOVE(c);
    return RC_OK;
}

void tls_client_free(struct tls_client *c)
{
    if (!c)
        return;
    ev_fd_free(c->watch);
    /* OpenSSL resumes no session of a connection that just ended. */
    if (c->open && c->demand)
        SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    tls_demand_unref(c->demand);
    BIO_meth_free(c->method);
    crypto_ossl_clear();
    fd_close(&c->socket.fd);
    mem_free(c);
}

SSL *tls_client_ssl(const struct tls_client *c)
{
    return c->ssl;
}

struct str tls_client_alpn(const struct tls_client *c)
{
    const unsigned char *p;
    unsigned n;

    SSL_get0_alpn_selected(c->ssl, &p, &n);
    return str_bytes(p, n);
}

enum rc tls_client_certificate(const struct tls_client *c, struct buf *out)
{
    return tls_peer_certificate(c->ssl, out);
}

enum rc tls_client_chain(const struct tls_client *c, struct buf *out_pem, struct err *err)
{
    enum rc rc = tls_look_chain(c->ssl, out_pem, err);

    crypto_ossl_clear();
    return rc;
}

/* ---- as a stream */

static enum rc client_read(struct net_stream *s, void *p, size_t n, size_t *out_n)
{
    struct tls_client *c = of(s);
    enum rc rc;
    int ok;

    crypto_ossl_clear();
    c->read_needs = EV_READ;
    ok = SSL_read_ex(c->ssl, p, n, out_n);
    rc = ok == 1 ? RC_OK : outcome(c, ok, &c->read_needs);
    crypto_ossl_clear();
    return rc == RC_CRYPTO ? RC_NET : rc;
}

static enum rc client_write(struct net_stream *s, struct str bytes, size_t *out_n)
{
    struct tls_client *c = of(s);
    enum rc rc;
    int ok;

    crypto_ossl_clear();
    c->write_needs = EV_WRITE;
    ok = SSL_write_ex(c->ssl, bytes.p, bytes.n, out_n);
    rc = ok == 1 ? RC_OK : outcome(c, ok, &c->write_needs);
    crypto_ossl_clear();
    return rc == RC_CRYPTO || rc == RC_CLOSED ? RC_NET : rc;
}

static enum rc client_shutdown(struct net_stream *s)
{
    struct tls_client *c = of(s);
    enum rc rc = RC_OK;
    int n;

    if (c->farewell) {
        crypto_ossl_clear();
        c->write_needs = EV_WRITE;
        n = SSL_shutdown(c->ssl); /* 0: the other's is still to come */
        rc = n >= 0 ? RC_OK : outcome(c, n, &c->write_needs);
        crypto_ossl_clear();
    }
    if (rc == RC_OK)
        rc = shutdown(c->socket.fd, SHUT_WR) == 0 ? RC_OK : RC_NET;
    return rc == RC_OK || rc == RC_AGAIN ? rc : RC_NET;
}

static void client_want(struct net_stream *s, unsigned wants)
{
    struct tls_client *c = of(s);
    unsigned events = wants & NET_WANT_READ ? c->read_needs : 0;

    ev_fd_watch(c->watch, events | (wants & NET_WANT_WRITE ? c->write_needs : 0));
}

static void client_free(struct net_stream *s)
{
    tls_client_free(of(s));
}

struct net_stream *tls_client_stream(struct tls_client *c)
{
    static const struct net_stream_ops ops = {client_read, client_write, client_shutdown,
                                              client_want, client_free};

    c->s.ops = &ops;
    return &c->s;
}
