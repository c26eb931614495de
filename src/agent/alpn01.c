/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate that says nothing but the digest of the key authorization, shown to whoever speaks
 * acme-tls/1. The listener is there from `present` to `cleanup` only. */
#include "agent/solver.h"

#include "base/fd.h"
#include "crypto/hash.h"
#include "crypto/sign.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "http/server.h"
#include "net/net.h"
#include "tls/context.h"
#include "x509/cert.h"

#define PROTOCOL STR("acme-tls/1")

enum { CONNECTIONS_MAX = 64 };

struct alpn01 {
    struct agent_solver s; /* first */
    const struct agent_world *w;
    struct addr_port at;
    int listener;
    struct tls_context *context;
    struct http_server *server;
};

static void stop(struct alpn01 *a)
{
    http_server_free(MOVE(a->server));
    tls_context_free(MOVE(a->context));
    fd_close(&a->listener);
}

/* RFC 8737 section 3: self-signed, with exactly the identifier as its name. */
static enum rc make_certificate(const struct client_proof *proof, const struct crypto_key *key,
                                when_t now, struct buf *pem, struct err *err)
{
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX), der = BUF_INIT(X509_CERT_MAX);
    CLEANUP(buf_done) struct buf issuer = BUF_INIT(X509_NAME_MAX);
    unsigned char digest[CRYPTO_SHA256_BYTES];
    struct x509_tbs_in in = {.sig_alg = crypto_sig_default(key),
                             .subject = {.common_name = STR("ACME challenge")},
                             .not_before = now - WHEN_DAY,
                             .not_after = now + WHEN_DAY,
                             .spki = crypto_key_spki(key),
                             .acme_digest = str_bytes(digest, sizeof(digest))};
    struct addr ip;

    if (addr_parse(proof->identifier, &ip) == RC_OK) {
        in.ips = &ip;
        in.n_ips = 1;
    } else {
        in.dns = &proof->identifier;
        in.n_dns = 1;
    }
    TRY(crypto_sha256(proof->key_authorization, digest));
    TRY(x509_serial_random(&in.serial));
    TRY(x509_name_build(&in.subject, &issuer));
    in.issuer = buf_str(&issuer);
    TRY(x509_tbs_build(&in, &tbs, err));
    TRY(x509_sign_tbs(key, buf_str(&tbs), &der));
    x509_cert_put_pem(buf_str(&der), pem);
    return buf_rc(pem);
}

static enum rc make_identity(struct alpn01 *a, const struct client_proof *proof, struct err *err)
{
    CLEANUP(tls_identity_unrefp) struct tls_identity *identity = NULL;
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_done) struct buf pem = BUF_INIT(TLS_CHAIN_PEM_MAX);

    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &key));
    TRY(make_certificate(proof, key, clock_now(ev_clock(a->w->ev)), &pem, err));
    TRY(tls_identity_new(buf_str(&pem), key, &identity, err));
    TRY(tls_context_new(&(struct tls_context_conf){.alpn = PROTOCOL}, &a->context));
    tls_context_set_identity(a->context, identity);
    return RC_OK;
}

/* RFC 8737 section 3: nothing is said over the connection. */
static void on_request(void *, struct http_exchange *x)
{
    http_reply_text(x, 404, "text/plain; charset=utf-8", STR(""));
}

static enum rc start(struct alpn01 *a, const struct client_proof *proof, struct err *err)
{
    struct http_server_conf conf = {.ev = a->w->ev,
                                    .name = "api",
                                    .connections = CONNECTIONS_MAX,
                                    .on_request = on_request,
                                    .arg = a};

    stop(a);
    TRY(make_identity(a, proof, err));
    TRY(net_listen(&a->at, &a->listener, NULL, err));
    conf.tls = a->context;
    TRY(http_server_new(&conf, a->listener, &a->server));
    http_server_start(a->server);
    return RC_OK;
}

static void present(void *arg, const struct client_proof *proof, client_presented_fn fn,
                    void *fn_arg)
{
    struct alpn01 *a = arg;
    struct err err = ERR_INIT;

    err.rc = start(a, proof, &err);
    if (err.rc != RC_OK)
        stop(a);
    fn(fn_arg, err.rc, err.msg ? &err : NULL);
}

static void cleanup(void *arg, const struct client_proof *)
{
    stop(arg);
}

static void alpn01_free(struct agent_solver *s)
{
    struct alpn01 *a = (void *)s;

    stop(a);
    mem_free(a);
}

enum rc agent_alpn01_new(const struct agent_world *w, const struct addr_port *at,
                         struct agent_solver **out, struct err *err)
{
    static const struct agent_solver_ops ops = {.free = alpn01_free};
    CLEANUP(fd_closep) int fd = -1;
    struct alpn01 *a;

    TRY(net_listen(at, &fd, NULL, err));
    a = MEM_NEW(struct alpn01);
    if (!a)
        return RC_NOMEM;
    a->w = w;
    a->at = *at;
    a->listener = -1;
    a->s = (struct agent_solver){{"tls-alpn-01", present, cleanup, a}, &ops};
    *out = &a->s;
    return RC_OK;
}
