/* SPDX-License-Identifier: Apache-2.0 */
#include "role/front_int.h"

#include "conf/conf.h"
#include "http/problem.h"
#include "http/url.h"
#include "log/log.h"

MSG(msg_not_found, "front.not-found", "there is nothing at {0}; the ACME directory is at {1}");
MSG(msg_plain, "front.plain",
    "this listener only serves what needs no protection; send {0} requests to {1}");

enum { BASE_MAX = 512 };

static const struct {
    const char *listener;
    struct str path;
    bool below; /* all that begins so */
} to_core[] = {
    {"api", STR("/acme/"), true},     {"api", STR("/trust/"), true},
    {"api", STR("/healthz"), false},  {"api", STR("/readyz"), false},
    {"api", STR("/ui/"), true},       {"plain", STR("/trust/"), true},
    {"plain", STR("/issuer/"), true}, {"plain", STR("/healthz"), false},
    {"private", STR("/acme/"), true},
};

static bool is_for_core(const struct http_request *req)
{
    for (size_t i = 0; i < sizeof(to_core) / sizeof(to_core[0]); i++)
        if (str_eq(req->listener, str_of(to_core[i].listener)) &&
            (to_core[i].below ? str_starts(req->path, to_core[i].path)
                              : str_eq(req->path, to_core[i].path)))
            return true;
    return false;
}

static bool is_reading(const struct http_request *req)
{
    return str_eq(req->method, STR("GET")) || str_eq(req->method, STR("HEAD"));
}

/* Where the API is for this client: what the configuration says, else the host it asked, if that is
 * ours: a Host header alone must not decide where people are sent. */
static void put_base(const struct front *f, const struct http_request *req, struct buf *out)
{
    struct http_authority at = {.host = STR("localhost")}, asked;

    if (f->env->conf->urls.api.n) {
        buf_puts(out, f->env->conf->urls.api);
        return;
    }
    if (http_authority_parse(req->host, &asked) == RC_OK && front_cert_names(&f->cert, asked.host))
        at.host = asked.host;
    at.port = f->api_port == 443 ? 0 : f->api_port;
    buf_putz(out, "https://");
    http_authority_put(&at, out);
}

static void redirect(struct http_exchange *x, struct str base)
{
    const struct http_request *req = &x->req;

    http_header_addf(x, "Location", "%.*s%.*s%s%.*s", STR_ARG(base), STR_ARG(req->path),
                     req->query.n ? "?" : "", STR_ARG(req->query));
    http_reply_text(x, 308, "text/plain; charset=utf-8", STR("The API speaks HTTPS.\n"));
}

static void refuse(struct http_exchange *x, struct str base)
{
    struct err err = ERR_INIT;
    enum rc rc = RC_OK;

    if (str_eq(x->req.listener, STR("plain"))) {
        rc = ERR(&err, RC_DENIED, msg_plain, x->req.method, base);
        IGNORE_RC(err_problem(&err, rc, NULL, 403));
    } else {
        rc = ERR(&err, RC_NOTFOUND, msg_not_found, x->req.path, STR("/acme/directory"));
        IGNORE_RC(err_problem(&err, rc, NULL, 404));
    }
    http_problem(x, &err);
}

void front_http_request(struct front *f, struct http_exchange *x)
{
    CLEANUP(buf_done) struct buf base = BUF_INIT(BASE_MAX);

    if (is_for_core(&x->req)) {
        front_relay_send(&f->relay, x);
        return;
    }
    put_base(f, &x->req, &base);
    if (str_eq(x->req.listener, STR("plain")) && is_reading(&x->req) && f->api_port)
        redirect(x, buf_str(&base));
    else
        refuse(x, buf_str(&base));
}

void front_http_answered(const struct http_exchange *x, const struct http_answered *how)
{
    char client[ADDR_TEXT];

    log_request(&x->id);
    log_info("front.request", LOG_STR("listener", x->req.listener),
             LOG_STR("method", x->req.method), LOG_STR("path", x->req.path),
             LOG_INT("status", x->res.status), LOG_INT("bytes", how->bytes),
             LOG_INT("micros", how->micros), LOG_Z("client", addr_text(&x->req.client, client)),
             LOG_BOOL("complete", how->complete));
    log_request(NULL);
}
