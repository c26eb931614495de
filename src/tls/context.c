/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/context.h"

#include <stdio.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/text.h"
#include "crypto/key.h"
#include "crypto/ossl.h"
#include "tls/tls_int.h"

MSG(msg_chain, "tls.chain", "certificate {0} of the chain is damaged or not in PEM");
MSG(msg_none, "tls.chain-none", "the chain has no certificate");
MSG(msg_many, "tls.chain-long",
    "the chain has more than {0} certificates or is longer than 64 KiB");
MSG(msg_key, "tls.key", "the private key is missing or belongs to another certificate");

DEFINE_FREEP(X509_free, X509)

struct tls_identity {
    unsigned refs;
    X509 *leaf;
    EVP_PKEY *key;
    STACK_OF(X509) * chain; /* without the leaf */
};

struct tls_context {
    SSL_CTX *ssl;
    struct tls_identity *identity;
    struct str plain_answer;
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

static enum rc bad_certificate(size_t index, struct err *err)
{
    char number[8];

    crypto_ossl_clear();
    snprintf(number, sizeof(number), "%zu", index + 1);
    return ERR(err, RC_PARSE, msg_chain, str_of(number));
}

static enum rc add(struct tls_identity *id, struct str der, size_t index, struct err *err)
{
    CLEANUP(X509_freep) X509 *x = X509_new_ex(crypto_ossl_ctx(), NULL);
    const unsigned char *at = (const unsigned char *)der.p;

    if (!x)
        return RC_NOMEM;
    if (!d2i_X509(&x, &at, (long)der.n) || at != (const unsigned char *)der.p + der.n)
        return bad_certificate(index, err);
    if (!id->leaf)
        id->leaf = MOVE(x);
    else if (sk_X509_push(id->chain, x) > 0)
        x = NULL;
    else
        return RC_NOMEM;
    return RC_OK;
}

static enum rc add_all(struct tls_identity *id, struct str pem, struct err *err)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(TLS_CHAIN_PEM_MAX);
    size_t n = 0;

    for (;; n++) {
        enum rc rc;

        buf_reset(&der);
        rc = text_unpem(&pem, STR("CERTIFICATE"), NULL, &der);
        if (rc == RC_NOTFOUND)
            break;
        if (rc != RC_OK)
            return rc == RC_NOMEM ? rc : bad_certificate(n, err);
        if (n == TLS_CHAIN_MAX)
            return ERR(err, RC_TOOBIG, msg_many, STR("10"));
        TRY(add(id, buf_str(&der), n, err));
    }
    return n ? RC_OK : ERR(err, RC_PARSE, msg_none);
}

enum rc tls_identity_new(struct str chain_pem, const struct crypto_key *key,
                         struct tls_identity **out, struct err *err)
{
    CLEANUP(tls_identity_unrefp) struct tls_identity *id = MEM_NEW(struct tls_identity);

    if (!id)
        return RC_NOMEM;
    id->refs = 1;
    if (chain_pem.n > TLS_CHAIN_PEM_MAX)
        return ERR(err, RC_TOOBIG, msg_many, STR("10"));
    id->chain = sk_X509_new_null();
    if (!id->chain)
        return RC_NOMEM;
    TRY(add_all(id, chain_pem, err));
    id->key = crypto_ossl_pkey(key);
    EVP_PKEY_up_ref(id->key);
    if (!crypto_key_has_private(key) || X509_check_private_key(id->leaf, id->key) != 1) {
        crypto_ossl_clear();
        return ERR(err, RC_INVAL, msg_key);
    }
    *out = MOVE(id);
    return RC_OK;
}

struct tls_identity *tls_identity_ref(struct tls_identity *id)
{
    id->refs++;
    return id;
}

void tls_identity_unref(struct tls_identity *id)
{
    if (!id || --id->refs)
        return;
    X509_free(id->leaf);
    EVP_PKEY_free(id->key);
    sk_X509_pop_free(id->chain, X509_free);
    mem_free(id);
}

/* Gives a handshake what is in force now; OpenSSL counts references to each part. */
static int choose_identity(SSL *ssl, void *arg)
{
    const struct tls_context *ctx = arg;
    const struct tls_identity *id = ctx->identity;

    return id && SSL_use_cert_and_key(ssl, id->leaf, id->key, id->chain, 1) == 1;
}

/* RFC 7301 section 3.2: who offers protocols, but not ours, is told so. */
static int choose_protocol(SSL *, const unsigned char **out, unsigned char *out_n,
                           const unsigned char *in, unsigned in_n, void *)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen;

    if (SSL_select_next_proto(&chosen, out_n, ours, sizeof(ours) - 1, in, in_n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static bool set_up(struct tls_context *ctx)
{
    static const unsigned char sessions_of[] = "autarky";
    SSL_CTX *s = ctx->ssl;

    SSL_CTX_set_options(s, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                               SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(s, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* Tickets alone: no table of sessions that strangers could fill. */
    SSL_CTX_set_session_cache_mode(s, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_cert_cb(s, choose_identity, ctx);
    SSL_CTX_set_alpn_select_cb(s, choose_protocol, NULL);
    return SSL_CTX_set_min_proto_version(s, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(s, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(s, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
           SSL_CTX_set1_groups_list(s, "X25519MLKEM768:X25519:secp256r1:secp384r1") == 1 &&
           SSL_CTX_set_num_tickets(s, 1) == 1 &&
           SSL_CTX_set_session_id_context(s, sessions_of, sizeof(sessions_of) - 1) == 1;
}

enum rc tls_context_new(const struct tls_context_conf *conf, struct tls_context **out)
{
    CLEANUP(tls_context_freep) struct tls_context *ctx = MEM_NEW(struct tls_context);

    if (!ctx)
        return RC_NOMEM;
    ctx->plain_answer = conf->plain_answer;
    ctx->ssl = SSL_CTX_new_ex(crypto_ossl_ctx(), NULL, TLS_server_method());
    if (!ctx->ssl || !set_up(ctx)) {
        crypto_ossl_clear();
        return RC_CRYPTO;
    }
    *out = MOVE(ctx);
    return RC_OK;
}

void tls_context_free(struct tls_context *ctx)
{
    if (!ctx)
        return;
    SSL_CTX_free(ctx->ssl);
    tls_identity_unref(ctx->identity);
    mem_free(ctx);
}

void tls_context_set_identity(struct tls_context *ctx, struct tls_identity *id)
{
    if (id)
        tls_identity_ref(id);
    tls_identity_unref(ctx->identity);
    ctx->identity = id;
}

bool tls_context_has_identity(const struct tls_context *ctx)
{
    return ctx->identity != NULL;
}

SSL_CTX *tls_context_ssl(const struct tls_context *ctx)
{
    return ctx->ssl;
}

struct str tls_context_plain_answer(const struct tls_context *ctx)
{
    return ctx->plain_answer;
}
