/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that front has parsed: to the service that answers them, and the answer back. */
#include "core/core_int.h"
#include "core/operators.h"
#include "core/txt.h"
#include "ev/clock.h"
#include "http/problem.h"
#include "trust/trust.h"

MSG(msg_nothing, "core.nothing-there", "there is nothing at {0}");

static void reply(struct http_exchange *x, void *arg)
{
    struct ipc_pair headers[HTTP_RESPONSE_HEADERS_MAX];
    struct ipc_http_reply msg = {
        .status = (uint16_t)x->res.status,
        .headers = {headers, x->res.n_headers},
        .body = buf_str(&x->res.body),
        .keep_until = x->res.status == 200 ? x->res.keep_until : 0,
        .tag = x->res.tag,
    };

    for (size_t i = 0; i < x->res.n_headers; i++)
        headers[i] = (struct ipc_pair){x->res.headers[i].name, x->res.headers[i].value};
    IGNORE_RC(ipc_reply(arg, &msg)); /* on failure front has been told, by ipc_reply itself */
    http_exchange_free(x);
}

static void fill_request(const struct core *core, struct http_exchange *x,
                         const struct ipc_http *msg)
{
    struct http_request *req = &x->req;

    req->listener = msg->listener;
    req->method = msg->method;
    req->host = msg->host;
    req->client = msg->client;
    core_shown_read(core, msg, &req->shown);
    req->body = msg->body;
    str_cut(msg->target, '?', &req->path, &req->query);
    if (msg->content_type.n)
        req->headers[req->n_headers++] =
            (struct http_header){STR("content-type"), msg->content_type};
    for (size_t i = 0; i < msg->headers.n && req->n_headers < HTTP_REQUEST_HEADERS_MAX; i++)
        req->headers[req->n_headers++] =
            (struct http_header){msg->headers.v[i].name, msg->headers.v[i].value};
}

static void reply_ready(const struct core *core, struct http_exchange *x)
{
    struct err err = ERR_INIT;
    bool ready = core->signer && core->prober && ca_ready(core->ca, &err) == RC_OK;

    http_reply_text(x, ready ? 200 : 503, "text/plain; charset=utf-8",
                    ready ? STR("ready\n") : STR("not ready\n"));
}

static void reply_nothing(struct http_exchange *x)
{
    struct err err = ERR_INIT;

    IGNORE_RC(ERR(&err, RC_NOTFOUND, msg_nothing, x->req.path));
    err.status = 404;
    http_problem(x, &err);
}

static bool is_trust(struct str path)
{
    return str_starts(path, STR("/trust/")) || str_starts(path, STR("/issuer/"));
}

/* The same for everybody. Whoever makes a root says so (revocation_issuers_changed); the minute is
 * for what nobody says. */
static void reply_trust(const struct core *core, struct http_exchange *x)
{
    x->res.keep_until = clock_now(ev_clock(core->ev)) + WHEN_MINUTE;
    x->res.tag = STR("trust");
    trust_handle(core->ca, x);
}

static void route(struct core *core, struct http_exchange *x)
{
    struct str path = x->req.path;

    if (str_starts(path, STR("/acme/")) || str_eq(path, STR(ACME_PREFLIGHT_PATH)))
        acme_handle(core->acme, x);
    else if (is_trust(path))
        reply_trust(core, x);
    else if (str_starts(path, STR("/crl/")) || str_starts(path, STR("/ocsp/")))
        revocation_handle(core->revocation, x);
    else if (str_eq(path, STR("/ui")) || str_starts(path, STR("/ui/")))
        ui_handle(&core->ui, x, clock_now(ev_clock(core->ev)));
    else if (core_txt_serves(core, x))
        core_txt_handle(core, x);
    else if (str_eq(path, STR("/healthz")))
        http_reply_text(x, 200, "text/plain; charset=utf-8", STR("ok\n"));
    else if (str_eq(path, STR("/readyz")))
        reply_ready(core, x);
    else
        reply_nothing(x);
}

static bool is_command(const struct ipc_http *msg)
{
    struct str path, query;

    str_cut(msg->target, '?', &path, &query);
    return str_eq(msg->listener, STR("api")) && str_starts(path, STR(CORE_API)) &&
           !str_eq(path, STR(ACME_PREFLIGHT_PATH));
}

void core_on_http(void *arg, struct ipc_req *req, const void *msg, int fd)
{
    const struct role_env *env = arg;
    struct http_exchange *x;
    const struct id *id = ipc_req_id(req);

    (void)fd;
    if (is_command(msg)) {
        core_api(env->state, req, msg);
        return;
    }
    if (http_exchange_new(reply, req, &x) != RC_OK) {
        ipc_req_drop(req);
        return;
    }
    if (id)
        x->id = *id;
    fill_request(env->state, x, msg);
    route(env->state, x);
}
