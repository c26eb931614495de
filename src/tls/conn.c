/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/conn.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/fd.h"
#include "base/when.h"
#include "crypto/ossl.h"
#include "ev/ev.h"
#include "net/net.h"
#include "net/proxy.h"
#include "tlcp/conn.h"
#include "tls/context.h"
#include "tls/peek.h"
#include "tls/signing_int.h"
#include "tls/tls_int.h"

MSG(msg_handshake, "tls.handshake", "the TLS handshake failed: {0}");
MSG(msg_slow, "tls.handshake-slow", "the TLS handshake took longer than {0} seconds");
MSG(msg_gone, "tls.handshake-gone", "the client went away during the TLS handshake");
MSG(msg_tlcp, "tls.tlcp", "the client spoke TLCP, which is not served here");
MSG(msg_proxy, "tls.proxy",
    "the connection does not begin with a header of the PROXY protocol, as those of this load "
    "balancer have to");
MSG(msg_long, "tls.hello-long",
    "the ClientHello is longer than the {0} KiB that are passed on to another server");
MSG(msg_plain, "tls.plain", "the client spoke plain HTTP to a TLS port and was told so");

enum state { PEEK, HANDSHAKE, PLAIN_LINGER, OPEN };

struct tls_conn {
    SSL *ssl;
    struct tlcp_conn *tlcp; /* instead of it: the client speaks TLCP */
    struct ev *ev;
    struct tls_choice choice;
    struct tls_socket socket;
    struct tls_signing signing;
    struct ev_fd *watch;
    enum state state;
    bool unread;                     /* OpenSSL holds what came, and the descriptor tells nobody */
    uint8_t read_needs, write_needs; /* EV_READ or EV_WRITE, by what the last attempt waits for */
    unsigned wants;                  /* TLS_READ, TLS_WRITE */
    bool proxied;                    /* the header is still to come */
    struct net_proxy ends;           /* that it told; without addresses: the socket's */
    size_t lingered;
    struct ev_timer timer;
    void (*on_open)(void *arg, enum rc rc, const struct err *err);
    bool (*named)(void *arg, const struct addr *client);
    void (*ready)(void *arg);
    void *arg;
};

/* What OpenSSL said to a call that did not succeed. */
static enum rc outcome(struct tls_conn *c, int result, uint8_t *needs)
{
    enum rc rc = RC_CRYPTO;

    switch (SSL_get_error(c->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        *needs = EV_READ;
        return RC_AGAIN;
    case SSL_ERROR_WANT_WRITE:
        *needs = EV_WRITE;
        return RC_AGAIN;
    case SSL_ERROR_WANT_ASYNC: /* for a signature: then there is nothing to watch */
        *needs = 0;
        return RC_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        rc = RC_CLOSED;
        break;
    case SSL_ERROR_SYSCALL:
        rc = RC_NET;
        break;
    default:
        break;
    }
    return rc;
}

static void open_done(struct tls_conn *c, enum rc rc, const struct err *err)
{
    ev_timer_stop(&c->timer);
    ev_fd_watch(c->watch, 0);
    c->state = OPEN;
    c->on_open(c->arg, rc, err);
}

static void open_failed(struct tls_conn *c, enum rc rc, const struct msg *m, struct str arg)
{
    struct err err = ERR_INIT;

    IGNORE_RC(err_set(&err, rc, m, (struct err_at){__FILE__, __LINE__}, &arg, arg.p ? 1 : 0));
    open_done(c, rc, &err);
}

/* Reads what the client still sends, so that closing does not take our answer away from it. */
static void linger(struct tls_conn *c)
{
    char scratch[4096];
    ssize_t n;

    while ((n = recv(c->socket.fd, scratch, sizeof(scratch), 0)) > 0)
        if ((c->lingered += (size_t)n) > TLS_PLAIN_LINGER_BYTES)
            break;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        ev_fd_watch(c->watch, EV_READ);
    else
        open_failed(c, RC_UNSUPPORTED, &msg_plain, (struct str){NULL, 0});
}

static void answer_plain(struct tls_conn *c)
{
    struct str answer = tls_context_conf(c->choice.context)->plain_answer;

    /* Short enough for an empty send buffer; if not, the client learns no less than without it. */
    if (send(c->socket.fd, answer.p, answer.n, MSG_NOSIGNAL) < 0 ||
        shutdown(c->socket.fd, SHUT_WR) != 0) {
        open_failed(c, RC_UNSUPPORTED, &msg_plain, (struct str){NULL, 0});
        return;
    }
    c->state = PLAIN_LINGER;
    ev_timer_start(&c->timer, TLS_PLAIN_LINGER_SECONDS * WHEN_SECOND, 0);
    linger(c);
}

/* OpenSSL has read the ClientHello, however it came, and said nothing yet. Whoever it is passed on
 * to reads it again. */
static void pass_on(struct tls_conn *c)
{
    SSL_free(MOVE(c->ssl));
    crypto_ossl_clear();
    if (tls_socket_rewind(&c->socket) == RC_OK)
        open_done(c, RC_OK, NULL);
    else
        open_failed(c, RC_TOOBIG, &msg_long, STR("64"));
}

static void shake(struct tls_conn *c)
{
    char reason[TLS_REASON_MAX];
    struct err why = ERR_INIT;
    uint8_t needs = 0;
    enum rc rc;
    int n;

    crypto_ossl_clear();
    c->choice.why = &why;
    tls_signing_for(&c->signing);
    n = SSL_accept(c->ssl);
    tls_signing_for(NULL);
    c->choice.why = NULL;
    if (c->choice.passes) {
        pass_on(c);
        return;
    }
    if (c->choice.site && c->socket.keeps)
        tls_socket_settle(&c->socket);
    if (n == 1) {
        SSL_clear_mode(c->ssl, SSL_MODE_ASYNC);
        c->unread = SSL_has_pending(c->ssl); /* what came together with the Finished */
        open_done(c, RC_OK, NULL);
        return;
    }
    rc = outcome(c, n, &needs);
    if (rc == RC_AGAIN)
        ev_fd_watch(c->watch, needs);
    else if (why.msg)
        open_done(c, why.rc, &why);
    else if (rc == RC_CRYPTO)
        open_failed(c, RC_CRYPTO, &msg_handshake, tls_reason(reason));
    else
        open_failed(c, RC_NET, &msg_gone, (struct str){NULL, 0});
}

static void on_signed(void *arg)
{
    shake(arg);
}

static void shake_tlcp(struct tls_conn *c)
{
    struct err why = ERR_INIT;
    uint8_t needs = 0;
    enum rc rc = tls_tlcp_shake(c->tlcp, &c->socket, &needs, &why);

    why.rc = rc;
    if (rc == RC_AGAIN)
        ev_fd_watch(c->watch, needs);
    else
        open_done(c, rc, rc == RC_OK ? NULL : &why);
}

static void begin_tlcp(struct tls_conn *c)
{
    enum rc rc = tlcp_server_new(tls_context_tlcp(c->choice.context), &c->choice, &c->tlcp);

    SSL_free(MOVE(c->ssl));
    if (rc != RC_OK) {
        open_done(c, rc, &(struct err){.rc = rc});
        return;
    }
    c->state = HANDSHAKE;
    shake_tlcp(c);
}

static void refuse_tlcp(struct tls_conn *c)
{
    /* A record with the alert protocol_version, which OpenSSL would not send for want of a version
     * of its own to send it in. */
    static const unsigned char alert[] = {21, 1, 1, 0, 2, 2, 70};

    /* Too short not to fit; if the client is gone, it needs no answer. */
    (void)send(c->socket.fd, alert, sizeof(alert), MSG_NOSIGNAL);
    open_failed(c, RC_UNSUPPORTED, &msg_tlcp, (struct str){NULL, 0});
}

/* RC_OK: it is gone from the front of what came, and something is left. RC_QUOTA: not for him. */
static enum rc take_header(struct tls_conn *c, struct str *first)
{
    size_t n = 0;

    TRY(net_proxy_read(*first, &c->ends, &n));
    c->proxied = false;
    tls_socket_skip(&c->socket, n);
    *first = str_skip(*first, n);
    if (c->named && c->ends.from.addr.n && !c->named(c->arg, &c->ends.from.addr))
        return RC_QUOTA;
    return first->n ? RC_OK : RC_AGAIN;
}

static void peek(struct tls_conn *c)
{
    struct str first = {NULL, 0};
    enum rc rc = tls_socket_look(&c->socket, &first);
    enum tls_peeked speaks;

    if (rc == RC_OK && c->proxied)
        rc = take_header(c, &first);
    speaks = tls_peek(first);

    if (rc == RC_AGAIN || (rc == RC_OK && speaks == TLS_PEEK_MORE)) {
        ev_fd_watch(c->watch, EV_READ);
        return;
    }
    if (rc == RC_NOMEM || rc == RC_QUOTA) {
        open_done(c, rc, &(struct err){.rc = rc});
    } else if (rc == RC_PARSE) {
        open_failed(c, rc, &msg_proxy, (struct str){NULL, 0});
    } else if (rc != RC_OK) {
        open_failed(c, RC_NET, &msg_gone, (struct str){NULL, 0});
    } else if (speaks == TLS_PEEK_TLCP && tls_context_tlcp(c->choice.context)) {
        begin_tlcp(c);
    } else if (speaks == TLS_PEEK_TLCP) {
        refuse_tlcp(c);
    } else if (speaks == TLS_PEEK_HTTP && tls_context_conf(c->choice.context)->plain_answer.n) {
        answer_plain(c);
    } else {
        c->state = HANDSHAKE;
        c->socket.keeps = tls_context_conf(c->choice.context)->choose != NULL;
        shake(c);
    }
}

/* What is waited for, by whoever uses it, and for what is still to be sent. */
static void watch_open(struct tls_conn *c)
{
    unsigned events = 0;

    if (c->wants & TLS_READ)
        events |= c->read_needs;
    if (c->wants & TLS_WRITE)
        events |= c->write_needs;
    /* That it can be written to, the descriptor tells at once. */
    if (c->tlcp ? tls_tlcp_due(c->tlcp, c->wants & TLS_READ) : c->unread && c->wants & TLS_READ)
        events |= EV_WRITE;
    ev_fd_watch(c->watch, events);
}

static void on_open_event(struct tls_conn *c)
{
    if (c->tlcp) {
        IGNORE_RC(
            tls_tlcp_flush(c->tlcp, &c->socket)); /* a broken socket is found when it is used */
        watch_open(c);
    }
    if (c->wants)
        c->ready(c->arg);
}

static void on_event(void *arg, unsigned)
{
    struct tls_conn *c = arg;

    switch (c->state) {
    case PEEK:
        peek(c);
        break;
    case HANDSHAKE:
        if (c->tlcp)
            shake_tlcp(c);
        else
            shake(c);
        break;
    case PLAIN_LINGER:
        linger(c);
        break;
    case OPEN:
        on_open_event(c);
        break;
    }
}

static void on_timeout(void *arg)
{
    struct tls_conn *c = arg;

    if (c->state == PLAIN_LINGER)
        open_failed(c, RC_UNSUPPORTED, &msg_plain, (struct str){NULL, 0});
    else
        open_failed(c, RC_TIMEOUT, &msg_slow, STR("10"));
}

enum rc tls_conn_accept(const struct tls_conn_conf *conf, int fd, struct tls_conn **out)
{
    CLEANUP(tls_conn_freep) struct tls_conn *c = MEM_NEW(struct tls_conn);

    if (!c) {
        close(fd);
        return RC_NOMEM;
    }
    c->socket.fd = fd;
    c->ev = conf->ev;
    c->choice.context = conf->context;
    c->on_open = conf->on_open;
    c->arg = conf->arg;
    c->proxied = conf->proxied;
    c->named = conf->named;
    c->read_needs = EV_READ;
    c->write_needs = EV_WRITE;
    ev_timer_init(&c->timer, conf->ev, on_timeout, c);
    c->ssl = SSL_new(tls_context_ssl(conf->context));
    if (!c->ssl || !tls_socket_give(&c->socket, tls_context_method(conf->context), c->ssl) ||
        SSL_set_app_data(c->ssl, &c->choice) != 1) {
        crypto_ossl_clear();
        return RC_NOMEM;
    }
    if (tls_context_conf(conf->context)->away)
        SSL_set_mode(c->ssl, SSL_MODE_ASYNC);
    c->signing.wake = on_signed;
    c->signing.arg = c;
    TRY(ev_fd_new(conf->ev, fd, on_event, c, &c->watch));
    ev_fd_watch(c->watch, EV_READ);
    ev_timer_start(&c->timer, TLS_HANDSHAKE_SECONDS * WHEN_SECOND, 0);
    *out = MOVE(c);
    return RC_OK;
}

/* A handshake that waits for its signature sleeps in the middle of OpenSSL, and would never free
 * what it holds: it is woken to fail. */
static void give_up(struct tls_conn *c)
{
    if (!tls_signing_drop(&c->signing))
        return;
    tls_signing_for(&c->signing);
    (void)SSL_accept(c->ssl); /* fails, which is the point */
    tls_signing_for(NULL);
    crypto_ossl_clear();
}

void tls_conn_free(struct tls_conn *c)
{
    if (!c)
        return;
    ev_timer_stop(&c->timer);
    ev_fd_free(c->watch);
    give_up(c);
    tls_signing_free(&c->signing);
    SSL_free(c->ssl);
    tlcp_conn_free(c->tlcp);
    tls_choice_done(&c->choice);
    tls_socket_forget(&c->socket);
    crypto_ossl_clear();
    fd_close(&c->socket.fd);
    mem_free(c);
}

enum rc tls_conn_read(struct tls_conn *c, void *p, size_t n, size_t *out_n)
{
    enum rc rc;
    int ok;

    if (c->choice.passes)
        return tls_socket_read(&c->socket, p, n, out_n);
    if (c->tlcp)
        return tls_tlcp_read(c->tlcp, &c->socket, p, n, out_n);
    crypto_ossl_clear();
    c->read_needs = EV_READ;
    ok = tls_socket_records(c->ssl, p, n, out_n);
    rc = ok == 1 ? RC_OK : outcome(c, ok, &c->read_needs);
    if (rc != RC_OK)
        crypto_ossl_clear();
    if (c->unread != (rc == RC_OK && *out_n == n && SSL_has_pending(c->ssl))) {
        c->unread = !c->unread;
        watch_open(c);
    }
    return rc;
}

enum rc tls_conn_write(struct tls_conn *c, struct str bytes, size_t *out_n)
{
    enum rc rc;
    int ok;

    if (c->choice.passes)
        return tls_socket_write(&c->socket, bytes, out_n);
    if (c->tlcp) {
        rc = tls_tlcp_write(c->tlcp, &c->socket, bytes, out_n);
        watch_open(c);
        return rc;
    }
    crypto_ossl_clear();
    c->write_needs = EV_WRITE;
    /* One record is made of it, and the next one follows at once. */
    c->socket.more = bytes.n > SSL3_RT_MAX_PLAIN_LENGTH;
    ok = SSL_write_ex(c->ssl, bytes.p, bytes.n, out_n);
    c->socket.more = false;
    if (ok == 1)
        return RC_OK;
    rc = outcome(c, ok, &c->write_needs);
    crypto_ossl_clear();
    return rc == RC_CLOSED ? RC_NET : rc;
}

static enum rc say_close(struct tls_conn *c)
{
    enum rc rc = RC_OK;
    int n;

    if (c->choice.passes)
        return RC_OK;
    if (c->tlcp) {
        rc = tlcp_conn_close(c->tlcp);
        return rc == RC_OK ? tls_tlcp_flush(c->tlcp, &c->socket) : rc;
    }
    crypto_ossl_clear();
    c->write_needs = EV_WRITE;
    n = SSL_shutdown(c->ssl);
    if (n < 0)
        rc = outcome(c, n, &c->write_needs);
    crypto_ossl_clear();
    return rc;
}

enum rc tls_conn_shutdown(struct tls_conn *c)
{
    enum rc rc = say_close(c);

    if (rc == RC_AGAIN)
        return rc;
    /* Also when nothing could be said any more: the peer must not wait for us. */
    return shutdown(c->socket.fd, SHUT_WR) == 0 && rc == RC_OK ? RC_OK : RC_NET;
}

void tls_conn_want(struct tls_conn *c, unsigned wants, void (*ready)(void *arg), void *arg)
{
    c->wants = wants;
    c->ready = ready;
    c->arg = arg;
    watch_open(c);
}

enum rc tls_conn_ends(const struct tls_conn *c, struct net_proxy *out)
{
    struct net_proxy ends = c->ends;

    ends.local = false;
    if (ends.from.addr.n == 0) {
        TRY(net_peer_addr(c->socket.fd, &ends.from));
        TRY(net_local_addr(c->socket.fd, &ends.to));
    }
    *out = ends;
    return RC_OK;
}

const char *tls_conn_version(const struct tls_conn *c)
{
    if (c->choice.passes)
        return "TLS";
    return c->tlcp ? "TLCPv1.1" : SSL_get_version(c->ssl);
}

bool tls_conn_passes(const struct tls_conn *c)
{
    return c->choice.passes;
}

void tls_conn_facts(const struct tls_conn *c, struct tls_facts *out)
{
    const X509 *shown;

    *out = (struct tls_facts){.version = tls_conn_version(c), .resumed = tls_conn_resumed(c)};
    if (c->tlcp) {
        out->cipher = tlcp_conn_suite(c->tlcp);
        out->key = "SM2";
        return;
    }
    if (c->choice.passes)
        return;
    out->cipher = SSL_get_cipher_name(c->ssl);
    out->group = SSL_get0_group_name(c->ssl);
    if (out->resumed)
        return;
    if (SSL_get0_signature_name(c->ssl, &out->signature) != 1)
        out->signature = NULL;
    shown = SSL_get_certificate(c->ssl);
    if (shown)
        out->key = EVP_PKEY_get0_type_name(X509_get0_pubkey(shown));
}

struct str tls_conn_alpn(const struct tls_conn *c)
{
    const unsigned char *p;
    unsigned n;

    if (c->choice.passes)
        return (struct str){NULL, 0};
    if (c->tlcp)
        return tlcp_conn_alpn(c->tlcp);
    SSL_get0_alpn_selected(c->ssl, &p, &n);
    return str_bytes(p, n);
}

enum rc tls_conn_certificate(const struct tls_conn *c, struct buf *out)
{
    struct str cert;

    if (c->choice.passes || tls_conn_resumed(c))
        return RC_NOTFOUND;
    if (!c->tlcp)
        return tls_peer_certificate(c->ssl, out);
    cert = tlcp_conn_certificate(c->tlcp, 0);
    buf_puts(out, cert);
    return cert.n ? buf_rc(out) : RC_NOTFOUND;
}

const struct tls_clients *tls_conn_clients(const struct tls_conn *c)
{
    return c->choice.clients;
}

enum rc tls_conn_caller(const struct tls_conn *c, struct buf *out)
{
    struct str cert;

    if (!c->choice.clients)
        return RC_NOTFOUND;
    if (!c->tlcp)
        return tls_peer_certificate(c->ssl, out);
    cert = tlcp_conn_certificate(c->tlcp, 0);
    buf_puts(out, cert);
    return cert.n ? buf_rc(out) : RC_NOTFOUND;
}

enum rc tls_conn_shown(const struct tls_conn *c, struct tls_shown *out)
{
    if (!c->ssl || c->choice.passes || tls_conn_resumed(c))
        return RC_NOTFOUND;
    return tls_peer_shown(c->ssl, out);
}

bool tls_conn_resumed(const struct tls_conn *c)
{
    if (c->choice.passes)
        return false;
    return c->tlcp ? tlcp_conn_resumed(c->tlcp) : SSL_session_reused(c->ssl) == 1;
}

struct tls_site *tls_conn_site(const struct tls_conn *c)
{
    return tls_context_conf(c->choice.context)->choose ? c->choice.site : NULL;
}
