/* SPDX-License-Identifier: Apache-2.0 */
/* The listener is there from `present` to `cleanup` only: between two of them the port is
 * anybody's.
 */
#include "agent/solver.h"

#include "base/fd.h"
#include "http/server.h"
#include "net/net.h"

#define WELL_KNOWN STR("/.well-known/acme-challenge/")

enum { PROOF_MAX = CLIENT_TOKEN_MAX + 64, CONNECTIONS_MAX = 64 };

struct http01 {
    struct agent_solver s; /* first */
    const struct agent_world *w;
    struct addr_port at;
    int listener;
    struct http_server *server;
    char token[CLIENT_TOKEN_MAX + 1];
    char key_authorization[PROOF_MAX + 1];
};

static void stop(struct http01 *h)
{
    http_server_free(MOVE(h->server));
    fd_close(&h->listener);
    h->token[0] = '\0';
}

static void on_request(void *arg, struct http_exchange *x)
{
    struct http01 *h = arg;
    struct str path = x->req.path;

    if (h->token[0] && str_starts(path, WELL_KNOWN) &&
        str_eq(str_skip(path, WELL_KNOWN.n), str_of(h->token)))
        http_reply_text(x, 200, "application/octet-stream", str_of(h->key_authorization));
    else
        http_reply_text(x, 404, "text/plain; charset=utf-8",
                        STR("Only a proof for an ACME server is here, for a moment.\n"));
}

static enum rc start(struct http01 *h, const struct client_proof *proof, struct err *err)
{
    const struct http_server_conf conf = {.ev = h->w->ev,
                                          .name = "plain",
                                          .connections = CONNECTIONS_MAX,
                                          .on_request = on_request,
                                          .arg = h};

    stop(h);
    TRY(str_copyz(proof->key_authorization, h->key_authorization, sizeof(h->key_authorization)));
    TRY(net_listen(&h->at, &h->listener, NULL, err));
    TRY(http_server_new(&conf, h->listener, &h->server));
    TRY(str_copyz(proof->token, h->token, sizeof(h->token)));
    http_server_start(h->server);
    return RC_OK;
}

static void present(void *arg, const struct client_proof *proof, client_presented_fn fn,
                    void *fn_arg)
{
    struct http01 *h = arg;
    struct err err = ERR_INIT;

    err.rc = start(h, proof, &err);
    if (err.rc != RC_OK)
        stop(h);
    fn(fn_arg, err.rc, err.msg ? &err : NULL);
}

static void cleanup(void *arg, const struct client_proof *)
{
    stop(arg);
}

static void http01_free(struct agent_solver *s)
{
    struct http01 *h = (void *)s;

    stop(h);
    mem_free(h);
}

enum rc agent_http01_new(const struct agent_world *w, const struct addr_port *at,
                         struct agent_solver **out, struct err *err)
{
    static const struct agent_solver_ops ops = {.free = http01_free};
    CLEANUP(fd_closep) int fd = -1;
    struct http01 *h;

    TRY(net_listen(at, &fd, NULL, err));
    h = MEM_NEW(struct http01);
    if (!h)
        return RC_NOMEM;
    h->w = w;
    h->at = *at;
    h->listener = -1;
    h->s = (struct agent_solver){{"http-01", present, cleanup, h}, &ops};
    *out = &h->s;
    return RC_OK;
}
