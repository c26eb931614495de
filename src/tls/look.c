/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/look.h"

#include <errno.h>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/text.h"
#include "crypto/ossl.h"
#include "tlcp/conn.h"
#include "tls/tlcp_client.h"
#include "tls/tls_int.h"

MSG(msg_failed, "tls.look-failed", "the TLS handshake failed: {0}");
MSG(msg_slow, "tls.look-slow", "the server did not finish the TLS handshake in time");
MSG(msg_gone, "tls.look-gone", "the server ended the connection during the TLS handshake");
MSG(msg_bare, "tls.look-bare", "the server showed no certificate");

enum { NAME_BYTES = 256 };

DEFINE_FREEP(SSL_CTX_free, SSL_CTX)
DEFINE_FREEP(SSL_free, SSL)

/* OpenSSL's macro takes text that could be changed. */
static char rsa[] = "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:"
                    "rsa_pkcs1_sha256:rsa_pkcs1_sha384:rsa_pkcs1_sha512";
static char ecdsa[] = "ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ecdsa_secp521r1_sha512";
static char ed25519[] = "ed25519";
static char mldsa44[] = "mldsa44";
static char mldsa65[] = "mldsa65";
static char mldsa87[] = "mldsa87";
static char *const sigalgs[] = {
    [TLS_LOOK_RSA] = rsa,         [TLS_LOOK_ECDSA] = ecdsa,     [TLS_LOOK_ED25519] = ed25519,
    [TLS_LOOK_MLDSA44] = mldsa44, [TLS_LOOK_MLDSA65] = mldsa65, [TLS_LOOK_MLDSA87] = mldsa87,
    [TLS_LOOK_SM2] = NULL};

bool tls_look_offer(SSL *ssl, enum tls_look_key key)
{
    return !sigalgs[key] || SSL_set1_sigalgs_list(ssl, sigalgs[key]) == 1;
}

static enum rc prepare(SSL *ssl, int fd, struct str server_name, enum tls_look_key key)
{
    char name[NAME_BYTES];

    TRY(str_copyz(server_name, name, sizeof(name)));
    SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
    if (SSL_set_fd(ssl, fd) != 1 || (name[0] && SSL_set_tlsext_host_name(ssl, name) != 1) ||
        !tls_look_offer(ssl, key)) {
        crypto_ossl_clear();
        return RC_CRYPTO;
    }
    return RC_OK;
}

static enum rc shake(SSL *ssl, struct err *err)
{
    char reason[TLS_REASON_MAX];
    int result, why, e;

    crypto_ossl_clear();
    errno = 0;
    result = SSL_connect(ssl);
    e = errno;
    if (result == 1)
        return RC_OK;
    why = SSL_get_error(ssl, result);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ||
        (why == SSL_ERROR_SYSCALL && e == EAGAIN))
        return ERR(err, RC_TIMEOUT, msg_slow);
    if (why == SSL_ERROR_SYSCALL || why == SSL_ERROR_ZERO_RETURN)
        return ERR(err, RC_NET, msg_gone);
    return ERR(err, RC_CRYPTO, msg_failed, tls_reason(reason));
}

enum rc tls_look_chain(SSL *ssl, struct buf *out, struct err *err)
{
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);

    if (!chain || sk_X509_num(chain) <= 0)
        return ERR(err, RC_CRYPTO, msg_bare);
    for (int i = 0; i < sk_X509_num(chain); i++) {
        unsigned char *der = NULL;
        int n = i2d_X509(sk_X509_value(chain, i), &der);

        if (n <= 0)
            return RC_NOMEM;
        text_pem(out, STR("CERTIFICATE"), str_bytes(der, (size_t)n));
        OPENSSL_free(der);
    }
    return buf_rc(out);
}

static enum rc look_tlcp(int fd, struct str server_name, struct buf *out_pem, struct err *err)
{
    CLEANUP(tlcp_conn_freep) struct tlcp_conn *c = NULL;
    struct tlcp_client_conf conf = {.server_name = server_name};
    struct err why = ERR_INIT;
    struct str der;
    enum rc rc;

    TRY(tlcp_client_new(&conf, &c));
    rc = tls_tlcp_connect(c, fd, &why);
    /* One that asks has signed already; that it then wants no stranger is its right. */
    if (rc != RC_OK && !(rc == RC_NET && tlcp_conn_asked(c))) {
        if (err)
            *err = why;
        return rc;
    }
    for (size_t i = 0; (der = tlcp_conn_certificate(c, i)).n; i++)
        text_pem(out_pem, STR("CERTIFICATE"), der);
    return buf_rc(out_pem);
}

static enum rc take_staple(SSL *ssl, struct buf *out)
{
    unsigned char *p = NULL; /* the SSL's */
    long n = SSL_get_tlsext_status_ocsp_resp(ssl, &p);

    if (n > 0)
        buf_puts(out, str_bytes(p, (size_t)n));
    return buf_rc(out);
}

enum rc tls_look(int fd, struct str server_name, enum tls_look_key key, struct buf *out_pem,
                 struct buf *out_staple, struct err *err)
{
    CLEANUP(SSL_CTX_freep)
    SSL_CTX *ctx = SSL_CTX_new_ex(crypto_ossl_ctx(), NULL, TLS_client_method());
    CLEANUP(SSL_freep) SSL *ssl = ctx ? SSL_new(ctx) : NULL;
    enum rc rc;

    if (key == TLS_LOOK_SM2)
        return look_tlcp(fd, server_name, out_pem, err);
    if (!ssl) {
        crypto_ossl_clear();
        return RC_NOMEM;
    }
    rc = prepare(ssl, fd, server_name, key);
    if (rc == RC_OK && out_staple)
        SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp);
    if (rc == RC_OK)
        rc = shake(ssl, err);
    if (rc == RC_OK)
        rc = tls_look_chain(ssl, out_pem, err);
    if (rc == RC_OK && out_staple)
        rc = take_staple(ssl, out_staple);
    crypto_ossl_clear();
    return rc;
}
