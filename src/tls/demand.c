/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/demand.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/addr.h"
#include "base/text.h"
#include "crypto/ossl.h"
#include "tls/client.h"
#include "tls/tls_int.h"
#include "tls/trust.h"

MSG(msg_nothing, "tls.demand-nothing",
    "there are neither roots nor keys to hold the server against");
MSG(msg_roots, "tls.demand-roots", "the roots are no certificates in PEM");
MSG(msg_pin, "tls.demand-pin", "\"{0}\" is no SHA-256 of a key: 64 hexadecimal digits");
MSG(msg_pins, "tls.demand-pins", "there are more than {0} keys");
MSG(msg_whom, "tls.demand-whom", "there is neither a name nor an address to demand");

enum { SPKI_MAX = 16 * 1024 };

struct tls_demand {
    size_t refs;
    SSL_CTX *ctx;
    SSL_SESSION *session; /* of the last connection; NULL: none */
    char name[TLS_CLIENT_NAME_MAX + 1];
    bool chain; /* there are roots */
    size_t n_pins;
    unsigned char pins[TLS_PINS_MAX][TLS_PIN];
};

/* ---- the server's proof */

static bool pinned(const struct tls_demand *d, X509 *leaf)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned char *der = NULL;
    unsigned n = 0;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der);
    bool found = false;

    if (len > 0 && len <= SPKI_MAX &&
        EVP_Digest(der, (size_t)len, hash, &n, EVP_sha256(), NULL) == 1)
        for (size_t i = 0; i < d->n_pins; i++)
            found = found || memcmp(hash, d->pins[i], TLS_PIN) == 0;
    OPENSSL_free(der);
    return found;
}

/* In place of OpenSSL's own; 1: it holds. */
static int verify(X509_STORE_CTX *s, void *arg)
{
    const struct tls_demand *d = arg;
    X509 *leaf = X509_STORE_CTX_get0_cert(s);

    if (d->n_pins && (!leaf || !pinned(d, leaf))) {
        X509_STORE_CTX_set_error(s, X509_V_ERR_CERT_REJECTED);
        return 0;
    }
    if (d->chain)
        return X509_verify_cert(s);
    X509_STORE_CTX_set_error(s, X509_V_OK);
    return 1;
}

/* Only handshakes that held get here. 1: the reference is ours. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_demand *d = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    SSL_SESSION_free(d->session);
    d->session = session;
    return 1;
}

/* ---- making */

static enum rc add_roots(struct tls_demand *d, struct str pem, struct err *err)
{
    CLEANUP(tls_trust_freep) struct tls_trust *trust = NULL;
    size_t n = 0;
    enum rc rc;

    if (pem.n == 0)
        return RC_OK;
    TRY(tls_trust_new(&trust));
    rc = tls_trust_add(trust, pem, &n);
    if (rc == RC_PARSE || (rc == RC_OK && n == 0))
        return ERR(err, RC_INVAL, msg_roots);
    TRY(rc);
    SSL_CTX_set1_cert_store(d->ctx, trust->store);
    d->chain = true;
    return RC_OK;
}

static enum rc add_pins(struct tls_demand *d, const struct tls_demand_conf *conf, struct err *err)
{
    if (conf->n_pins > TLS_PINS_MAX)
        return ERR(err, RC_TOOBIG, msg_pins, STR("16"));
    for (size_t i = 0; i < conf->n_pins; i++) {
        CLEANUP(buf_done) struct buf bytes = BUF_INIT(TLS_PIN);
        enum rc rc = text_unhex(conf->pins[i], &bytes);

        if (rc == RC_NOMEM)
            return rc;
        if (rc != RC_OK || bytes.n != TLS_PIN)
            return ERR(err, RC_INVAL, msg_pin, conf->pins[i]);
        memcpy(d->pins[d->n_pins++], bytes.p, TLS_PIN);
    }
    return RC_OK;
}

static bool set_up(struct tls_demand *d, const struct addr *ip)
{
    X509_VERIFY_PARAM *param;

    param = SSL_CTX_get0_param(d->ctx);
    SSL_CTX_set_app_data(d->ctx, d);
    /* An answer that ends with the connection must not be cut by somebody in between. */
    SSL_CTX_clear_options(d->ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_verify(d->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(d->ctx, verify, d);
    SSL_CTX_set_session_cache_mode(d->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(d->ctx, on_session);
    if (d->name[0])
        return X509_VERIFY_PARAM_set1_host(param, d->name, 0) == 1;
    return X509_VERIFY_PARAM_set1_ip(param, ip->b, ip->n) == 1;
}

enum rc tls_demand_new(const struct tls_demand_conf *conf, struct tls_demand **out, struct err *err)
{
    CLEANUP(tls_demand_unrefp) struct tls_demand *d = NULL;

    if (conf->roots.n == 0 && conf->n_pins == 0)
        return ERR(err, RC_INVAL, msg_nothing);
    if (conf->server_name.n == 0 && (!conf->ip || conf->ip->n == 0))
        return ERR(err, RC_INVAL, msg_whom);
    d = MEM_NEW(struct tls_demand);
    if (!d)
        return RC_NOMEM;
    d->refs = 1;
    TRY(str_copyz(conf->server_name, d->name, sizeof(d->name)));
    d->ctx = tls_client_context();
    if (!d->ctx)
        return RC_NOMEM;
    TRY(add_roots(d, conf->roots, err));
    TRY(add_pins(d, conf, err));
    if (!set_up(d, conf->ip)) {
        crypto_ossl_clear();
        return RC_NOMEM;
    }
    *out = MOVE(d);
    return RC_OK;
}

struct tls_demand *tls_demand_ref(struct tls_demand *d)
{
    d->refs++;
    return d;
}

void tls_demand_unref(struct tls_demand *d)
{
    if (!d || --d->refs)
        return;
    SSL_SESSION_free(d->session);
    SSL_CTX_free(d->ctx);
    crypto_ossl_clear();
    mem_free(d);
}

/* ---- for connections */

SSL_CTX *tls_demand_context(const struct tls_demand *d)
{
    return d->ctx;
}

struct str tls_demand_name(const struct tls_demand *d)
{
    return str_of(d->name);
}

bool tls_demand_resume(const struct tls_demand *d, SSL *ssl)
{
    return !d->session || SSL_set_session(ssl, d->session) == 1;
}
