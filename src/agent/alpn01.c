/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate that says nothing but the digest of the key authorization, shown to whoever speaks
 * acme-tls/1. The listener is there from `present` to `cleanup` only. */
#include "agent/solver.h"

#include "base/fd.h"
#include "crypto/key.h"
#include "ev/clock.h"
#include "ev/ev.h"
#include "http/server.h"
#include "net/net.h"
#include "tls/context.h"
#include "x509/challenge.h"

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

static enum rc make_identity(struct alpn01 *a, const struct client_proof *proof, struct err *err)
{
    CLEANUP(tls_identity_unrefp) struct tls_identity *identity = NULL;
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    CLEANUP(buf_done) struct buf pem = BUF_INIT(TLS_CHAIN_PEM_MAX);

    TRY(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &key));
    TRY(x509_challenge_build(proof->identifier, proof->key_authorization, key,
                             clock_now(ev_clock(a->w->ev)), &pem, err));
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
