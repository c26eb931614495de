/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/context.h"

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "crypto/ossl.h"
#include "tlcp/conn.h"
#include "tls/conn.h"
#include "tls/tls_int.h"

struct tls_context {
    SSL_CTX *ssl;
    BIO_METHOD *method;
    struct tls_context_conf conf;
    struct tls_site own;
    struct tls_tickets *tickets;
    struct tlcp_server_conf tlcp;
    struct tlcp_tickets tlcp_tickets;
    struct tlcp_sessions *sessions; /* NULL: TLCP is not spoken */
    unsigned certified;             /* bits: which of conf.certified are spoken */
    bool asks;                      /* every client may show a certificate */
    bool sm;                        /* sites may have RFC 8998 spoken */
    size_t n_alpn;
    unsigned char alpn[TLS_ALPN_MAX]; /* as on the wire */
};

struct str tls_reason(char text[static TLS_REASON_MAX])
{
    unsigned long e = ERR_peek_last_error();
    const char *reason = e ? ERR_reason_error_string(e) : NULL;

    if (reason)
        snprintf(text, TLS_REASON_MAX, "%s", reason);
    else if (e)
        snprintf(text, TLS_REASON_MAX, "error %lx", e);
    else
        snprintf(text, TLS_REASON_MAX, "no reason given");
    crypto_ossl_clear();
    return str_of(text);
}

static bool offers(struct str list, struct str protocol)
{
    while (list.n) {
        size_t n = (unsigned char)list.p[0];

        if (str_eq(str_head(str_skip(list, 1), n), protocol))
            return true;
        list = str_skip(list, 1 + n);
    }
    return false;
}

/* Before anything is sent, so that the certificate can still be asked for. */
static int choose_certified(SSL *ssl, struct str protocol, const unsigned char **out,
                            unsigned char *out_n)
{
    if (SSL_version(ssl) < TLS1_3_VERSION || SSL_set_num_tickets(ssl, 0) != 1)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    *out = (const unsigned char *)protocol.p;
    *out_n = (unsigned char)protocol.n;
    return SSL_TLSEXT_ERR_OK;
}

/* The first of those that are spoken which the client offers. */
static bool find_certified(const struct tls_context *ctx, struct str offered, struct str *out)
{
    struct str rest = ctx->conf.certified;

    for (unsigned bit = 1; ctx->certified && str_next(&rest, ' ', out); bit <<= 1)
        if (ctx->certified & bit && offers(offered, *out))
            return true;
    return false;
}

/* RFC 7301 section 3.2: who offers protocols, but not ours, is told so. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                           const unsigned char *in, unsigned in_n, void *arg)
{
    const struct tls_context *ctx = arg;
    unsigned char *chosen;
    struct str protocol;

    if (((const struct tls_choice *)SSL_get_app_data(ssl))->challenge) {
        *out = (const unsigned char *)TLS_CHALLENGE_ALPN;
        *out_n = sizeof(TLS_CHALLENGE_ALPN) - 1;
        return SSL_TLSEXT_ERR_OK;
    }
    if (find_certified(ctx, str_bytes(in, in_n), &protocol))
        return choose_certified(ssl, protocol, out, out_n);
    if (SSL_select_next_proto(&chosen, out_n, ctx->alpn, (unsigned)ctx->n_alpn, in, in_n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static enum rc set_protocols(struct tls_context *ctx, struct str list)
{
    struct str protocol;
    bool more;

    do {
        more = str_cut(list, ' ', &protocol, &list);
        if (protocol.n == 0 || ctx->n_alpn + 1 + protocol.n > TLS_ALPN_MAX)
            return RC_INVAL;
        ctx->alpn[ctx->n_alpn++] = (unsigned char)protocol.n;
        memcpy(ctx->alpn + ctx->n_alpn, protocol.p, protocol.n);
        ctx->n_alpn += protocol.n;
    } while (more);
    return RC_OK;
}

/* The hybrid ones first; those of NIST's curves are for clients that may take no other. */
#define GROUPS "X25519MLKEM768:SecP256r1MLKEM768:SecP384r1MLKEM1024:X25519:secp256r1:secp384r1"

static bool set_up(struct tls_context *ctx)
{
    SSL_CTX *s = ctx->ssl;

    SSL_CTX_set_options(s, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                               SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(s, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(s, 1); /* not a call for the head of a record, and one for the rest */
    /* Tickets alone: no table of sessions that strangers could fill. */
    SSL_CTX_set_session_cache_mode(s, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(s, TLS_TICKET_SECONDS);
    SSL_CTX_set_client_hello_cb(s, tls_choice_on_hello, NULL);
    SSL_CTX_set_tlsext_servername_callback(s, tls_choice_on_name);
    SSL_CTX_set_cert_cb(s, tls_choice_on_certificate, NULL);
    SSL_CTX_set_tlsext_status_cb(s, tls_choice_on_status);
    SSL_CTX_set_cert_verify_callback(s, tls_choice_on_client, NULL);
    SSL_CTX_set_max_cert_list(s, TLS_CLIENT_CERTS_MAX);
    SSL_CTX_set_alpn_select_cb(s, choose_protocol, ctx);
    return SSL_CTX_set_min_proto_version(s, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(s, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(s, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
           SSL_CTX_set1_groups_list(s, GROUPS) == 1 && SSL_CTX_set_num_tickets(s, 1) == 1 &&
           SSL_CTX_set_session_ticket_cb(s, NULL, tls_choice_on_session, NULL) == 1;
}

enum rc tls_context_new(const struct tls_context_conf *conf, struct tls_context **out)
{
    CLEANUP(tls_context_freep) struct tls_context *ctx = MEM_NEW(struct tls_context);

    if (!ctx)
        return RC_NOMEM;
    ctx->conf = *conf;
    TRY(set_protocols(ctx, conf->alpn.n ? conf->alpn : STR("http/1.1")));
    TRY(tls_site_init(&ctx->own, STR("autarky")));
    ctx->tlcp = (struct tlcp_server_conf){.alpn = conf->alpn.n ? conf->alpn : STR("http/1.1"),
                                          .raw_verify = true,
                                          .choose = tls_choice_tlcp,
                                          .judge = tls_choice_tlcp_client};
    if (conf->tlcp)
        TRY(tlcp_sessions_new(conf->tlcp, TLCP_SESSIONS_MAX, &ctx->sessions));
    ctx->tlcp.sessions = ctx->sessions;
    ctx->ssl = SSL_CTX_new_ex(crypto_ossl_ctx(), NULL, TLS_server_method());
    ctx->method = tls_socket_method_new();
    if (!ctx->ssl || !ctx->method || !set_up(ctx)) {
        crypto_ossl_clear();
        return RC_CRYPTO;
    }
    ctx->sm = tls_sm_works(ctx->ssl);
    *out = MOVE(ctx);
    return RC_OK;
}

void tls_context_free(struct tls_context *ctx)
{
    if (!ctx)
        return;
    SSL_CTX_free(ctx->ssl);
    BIO_meth_free(ctx->method);
    tls_site_done(&ctx->own);
    tls_tickets_free(ctx->tickets);
    tlcp_sessions_free(ctx->sessions);
    mem_free(ctx);
}

void tls_context_set_identity(struct tls_context *ctx, struct tls_identity *id)
{
    CLEANUP(tls_identity_unrefp) struct tls_identity *held = id ? tls_identity_ref(id) : NULL;

    tls_site_clear(&ctx->own);
    if (held)
        tls_site_set_identity(&ctx->own, held);
}

bool tls_context_has_identity(const struct tls_context *ctx)
{
    return tls_site_has_identity(&ctx->own);
}

void tls_context_set_certified(struct tls_context *ctx, struct str protocol, bool on)
{
    struct str rest = ctx->conf.certified, one;

    for (unsigned bit = 1; str_next(&rest, ' ', &one); bit <<= 1)
        if (str_eq(one, protocol))
            ctx->certified = on ? ctx->certified | bit : ctx->certified & ~bit;
}

void tls_context_set_asks(struct tls_context *ctx, bool on)
{
    ctx->asks = on;
}

bool tls_context_sm(const struct tls_context *ctx)
{
    return ctx->sm;
}

/* No session is taken up or left behind: what a certificate was shown for is one connection.
 * Without tickets OpenSSL looks in the table of sessions, which is off.
 *
 * Nor is any CA named (RFC 8446 section 4.2.4, which may be left out; RFC 5246 section 7.4.4, where
 * the list may be empty). Browsers hide what does not fit the names and ask nobody then, so a list
 * that lacks an issuer of the register, one that was rotated away since, or one whose chain the
 * browser was not given, would shut its users out without a word; what does not belong here is
 * refused in words, by whoever has the register. */
bool tls_context_ask(const struct tls_context *ctx, SSL *ssl)
{
    if (!ctx->asks)
        return true;
    SSL_set_options(ssl, SSL_OP_NO_TICKET);
    SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    return SSL_set_num_tickets(ssl, 0) == 1;
}

static enum rc seal_ticket(void *ctx, struct str plain, struct buf *out)
{
    return tls_tickets_seal(((const struct tls_context *)ctx)->tickets, plain, out);
}

static enum rc open_ticket(void *ctx, struct str ticket, struct buf *out, bool *renew)
{
    return tls_tickets_open(((const struct tls_context *)ctx)->tickets, ticket, out, renew);
}

enum rc tls_context_set_ticket_keys(struct tls_context *ctx, const struct str *keys, size_t n)
{
    CLEANUP(tls_tickets_freep) struct tls_tickets *tickets = NULL;
    struct tls_tickets *old;

    TRY(tls_tickets_new(keys, n, &tickets));
    if (!tls_tickets_use(ctx->ssl)) {
        crypto_ossl_clear();
        return RC_CRYPTO;
    }
    old = ctx->tickets;
    ctx->tickets = MOVE(tickets);
    tls_tickets_free(old);
    ctx->tlcp_tickets = (struct tlcp_tickets){ctx->conf.tlcp, ctx, seal_ticket, open_ticket};
    ctx->tlcp.tickets = &ctx->tlcp_tickets;
    return RC_OK;
}

SSL_CTX *tls_context_ssl(const struct tls_context *ctx)
{
    return ctx->ssl;
}

const BIO_METHOD *tls_context_method(const struct tls_context *ctx)
{
    return ctx->method;
}

const struct tls_context_conf *tls_context_conf(const struct tls_context *ctx)
{
    return &ctx->conf;
}

struct tls_site *tls_context_own_site(struct tls_context *ctx)
{
    return &ctx->own;
}

const struct tlcp_server_conf *tls_context_tlcp(const struct tls_context *ctx)
{
    return ctx->sessions ? &ctx->tlcp : NULL;
}

const struct tls_tickets *tls_context_tickets(const struct tls_context *ctx)
{
    return ctx->tickets;
}

enum rc tls_peer_certificate(const SSL *ssl, struct buf *out)
{
    const X509 *cert = SSL_get0_peer_certificate(ssl);
    unsigned char *der = NULL;
    int n = cert ? i2d_X509(cert, &der) : 0;

    crypto_ossl_clear();
    if (!cert)
        return RC_NOTFOUND;
    if (n <= 0)
        return RC_NOMEM;
    buf_puts(out, str_bytes(der, (size_t)n));
    OPENSSL_free(der);
    return buf_rc(out);
}

enum rc tls_peer_shown(const SSL *ssl, struct tls_shown *out)
{
    const X509 *cert = SSL_get0_peer_certificate(ssl);
    struct tls_shown shown = {};
    const ASN1_INTEGER *serial;
    unsigned n = sizeof(shown.sha256);

    if (!cert)
        return RC_NOTFOUND;
    serial = X509_get0_serialNumber(cert);
    if (ASN1_STRING_type(serial) != V_ASN1_INTEGER || ASN1_STRING_length(serial) < 1 ||
        ASN1_STRING_length(serial) > TLS_SHOWN_SERIAL)
        return RC_NOTFOUND;
    shown.n_serial = (size_t)ASN1_STRING_length(serial);
    memcpy(shown.serial, ASN1_STRING_get0_data(serial), shown.n_serial);
    if (X509_digest(cert, EVP_sha256(), shown.sha256, &n) != 1) {
        crypto_ossl_clear();
        return RC_CRYPTO;
    }
    *out = shown;
    return RC_OK;
}
