/* SPDX-License-Identifier: Apache-2.0 */
/* /api/v1/: the commands of the control socket as requests. POST /api/v1/cert/revoke with the
 * arguments as a JSON object gives what `cert revoke` gives there; commands that read and need no
 * arguments can be had by GET as well. Who asks is a token ("Authorization: Bearer"), or a
 * session's cookie, and then the browser has to say that it is a page of this host which asks, or
 * the certificate of the connection. */
#include "core/agents.h"
#include "core/operators.h"
#include "ev/clock.h"
#include "live/live.h"
#include "log/log.h"

MSG(msg_nobody, "core.api-nobody",
    "say who you are: with \"Authorization: Bearer TOKEN\" (`autarky token create`), by signing in "
    "at /ui/, or with a certificate (`autarky user-certificate add`)");
MSG(msg_token, "core.api-token", "this token is unknown, was revoked or has expired");
MSG(msg_origin, "core.api-origin",
    "with a cookie a request has to have \"Origin: https://{0}\", as pages of this host have it");
MSG(msg_elsewhere, "core.api-elsewhere",
    "the request was made by a page of another site, which may not use this browser's certificate");
MSG(msg_nothing, "core.api-nothing", "what changes is told to those who may see it");
MSG(msg_method, "core.api-method",
    "{0} is not possible here; it takes POST, with the arguments as application/json");
MSG(msg_two_keys, "core.api-two-keys", "Idempotency-Key came more than once");
MSG(msg_type, "core.api-type", "the arguments have to come as application/json");

enum { COMMAND_MAX = 64 };

static struct str header(const struct ipc_http *msg, const char *name)
{
    for (size_t i = 0; i < msg->headers.n; i++)
        if (str_eq(msg->headers.v[i].name, str_of(name)))
            return msg->headers.v[i].value;
    return (struct str){NULL, 0};
}

static bool is_get(const struct ipc_http *msg)
{
    return str_eq(msg->method, STR("GET"));
}

static enum rc by_token(struct core *core, const struct ipc_http *msg, struct core_who *out,
                        struct err *err)
{
    struct str header_value = header(msg, "authorization");
    char address[ADDR_TEXT];
    enum rc rc = RC_DENIED;

    /* The scheme is case-insensitive (RFC 9110 section 11.1). */
    if (str_ieq(str_head(header_value, strlen("Bearer ")), STR("Bearer ")))
        rc = core_token_check(core, str_trim(str_skip(header_value, strlen("Bearer "))), out);
    if (rc != RC_DENIED)
        return rc;
    log_warn("core.token-refused", LOG_Z("client", addr_text(&msg->client, address)));
    return err_problem(err, ERR(err, rc, msg_token), NULL, 401);
}

/* Whoever has the certificate in a browser has it there for pages of all sites. */
static enum rc by_certificate(struct core *core, const struct ipc_http *msg, struct core_who *out,
                              struct err *err)
{
    struct http_shown shown;
    enum rc rc;

    core_shown_read(core, msg, &shown);
    if (!shown.n_serial)
        return err_problem(err, ERR(err, RC_DENIED, msg_nobody), NULL, 401);
    if (!is_get(msg) &&
        ui_from_elsewhere(header(msg, "origin"), header(msg, "sec-fetch-site"), msg->host))
        return ERR(err, RC_DENIED, msg_elsewhere);
    rc = core_shown_check(core, &shown, out, err);
    return rc == RC_DENIED ? err_problem(err, rc, NULL, 401) : rc;
}

static enum rc by_session(const struct ui_session *s, const struct ipc_http *msg,
                          struct core_who *out, struct err *err)
{
    if (!is_get(msg) && !ui_same_origin(header(msg, "origin"), msg->host))
        return ERR(err, RC_DENIED, msg_origin, msg->host);
    *out = (struct core_who){.uid = CORE_NO_LOGIN,
                             .login = CORE_NO_LOGIN,
                             .way = CORE_BY_SESSION,
                             .roles = s->user.roles,
                             .person = s->user.n ? s->user.person : CORE_NOBODY,
                             .user = s->user.n};
    return str_copyz(s->user.n ? str_of(s->user.name) : STR("by link"), out->name,
                     sizeof(out->name));
}

static enum rc who(struct core *core, const struct ipc_http *msg, struct core_who *out,
                   struct err *err)
{
    const struct ui_session *s = NULL;

    if (header(msg, "authorization").n)
        TRY(by_token(core, msg, out, err));
    else if ((s = ui_session_of(&core->ui, header(msg, "cookie"), clock_now(ev_clock(core->ev)))))
        TRY(by_session(s, msg, out, err));
    else
        TRY(by_certificate(core, msg, out, err));
    out->address = msg->client;
    return RC_OK;
}

/* "cert/revoke" as "cert revoke". */
static enum rc read_command(struct str path, struct arena *a, struct str *out)
{
    char name[COMMAND_MAX];

    if (str_copyz(str_skip(path, strlen(CORE_API)), name, sizeof(name)) != RC_OK)
        return RC_NOTFOUND;
    for (char *p = name; *p; p++)
        if (*p == '/')
            *p = ' ';
    return arena_str(a, str_of(name), out);
}

/* "2026-10/report.html": what could end a JSON text is in no such name. */
static enum rc read_report(struct str rest, struct arena *a, struct ipc_admin *out)
{
    struct str month, name;

    if (!str_cut(rest, '/', &month, &name) || str_find(rest, '"') < rest.n ||
        str_find(rest, '\\') < rest.n)
        return RC_NOTFOUND;
    out->command = STR("report file");
    out->args =
        arena_printf(a, "{\"month\":\"%.*s\",\"name\":\"%.*s\"}", STR_ARG(month), STR_ARG(name));
    return out->args.p ? RC_OK : RC_NOMEM;
}

static enum rc read_request(const struct ipc_http *msg, struct arena *a, struct ipc_admin *out,
                            struct err *err)
{
    struct str path, query;

    str_cut(msg->target, '?', &path, &query);
    if (is_get(msg) && str_starts(path, STR(CORE_REPORTS)))
        return read_report(str_skip(path, strlen(CORE_REPORTS)), a, out);
    TRY(read_command(path, a, &out->command));
    out->args = msg->body.n ? msg->body : STR("{}");
    if (is_get(msg) && !msg->body.n && core_admin_reads(out->command))
        return RC_OK;
    if (!str_eq(msg->method, STR("POST")))
        return err_problem(err, ERR(err, RC_UNSUPPORTED, msg_method, msg->method), NULL, 405);
    if (msg->body.n && !str_starts(msg->content_type, STR("application/json")))
        return err_problem(err, ERR(err, RC_UNSUPPORTED, msg_type), NULL, 415);
    return RC_OK;
}

/* ---- idempotency keys */

/* Whose keys they are: a name that is given anew is somebody else's. */
static enum rc scope_of(const struct core_who *who, struct arena *a, struct str *out)
{
    if (who->way == CORE_BY_TOKEN)
        return core_who_str(*who, a, out);
    *out = arena_printf(a, "user %lld", (long long)who->user);
    return out->p ? RC_OK : RC_NOMEM;
}

static size_t count(const struct ipc_http *msg, const char *name)
{
    size_t n = 0;

    for (size_t i = 0; i < msg->headers.n; i++)
        n += str_eq(msg->headers.v[i].name, str_of(name));
    return n;
}

/* A request that came with one remembers it until it is answered (answer.c). */
static enum rc read_key(struct core *core, struct ipc_req *req, const struct ipc_http *msg,
                        const struct core_who *who, const struct ipc_admin *command,
                        struct err *err)
{
    struct arena *a = ipc_req_arena(req);
    struct idempotency_run *run = ARENA_NEW(a, struct idempotency_run);
    unsigned char secret[CRYPTO_SHA256_BYTES];
    struct idempotency_ask ask = {.field = header(msg, "idempotency-key"),
                                  .command = command->command,
                                  .args = command->args,
                                  .secret = str_bytes(secret, sizeof(secret)),
                                  .now = clock_now(ev_clock(core->ev))};

    if (!run)
        return RC_NOMEM;
    if (count(msg, "idempotency-key") > 1)
        return ERR(err, RC_PARSE, msg_two_keys);
    TRY(scope_of(who, a, &ask.scope));
    TRY(crypto_hmac_sha256(str_bytes(core->eab_key, sizeof(core->eab_key)),
                           STR("autarky: requests with an idempotency key"), secret));
    TRY(idempotency_read(&ask, a, run, err));
    ipc_req_keep(req, run);
    return RC_OK;
}

/* ---- events */

static enum rc may_see(void *arg, const struct ipc_http *msg, struct err *err)
{
    const struct operators_action *action = operators_action_find(STR("status"));
    struct core_who asks;

    TRY(who(arg, msg, &asks, err));
    return core_is_admin(arg, &asks) || asks.roles & action->roles
               ? RC_OK
               : ERR(err, RC_DENIED, msg_nothing);
}

enum rc core_live_new(struct core *core)
{
    const struct live_options options = {.ev = core->ev,
                                         .store = core->store,
                                         .may = may_see,
                                         .refuse = core_admin_refuse,
                                         .arg = core};

    return live_new(&options, &core->live);
}

void core_api(struct core *core, struct ipc_req *req, const struct ipc_http *msg)
{
    struct ipc_admin command = {};
    struct core_who asks;
    struct err err = ERR_INIT;

    if (is_get(msg) && str_eq(msg->target, STR(CORE_API "openapi.json"))) {
        core_openapi(req);
        return;
    }
    if (str_starts(msg->target, STR(CORE_AGENTS))) {
        core_agent_call(core, req, msg);
        return;
    }
    if (is_get(msg) &&
        str_eq(str_head(msg->target, str_find(msg->target, '?')), STR(CORE_EVENTS))) {
        live_wait(core->live, req, msg);
        return;
    }
    err.rc = who(core, msg, &asks, &err);
    if (err.rc == RC_OK)
        err.rc = read_request(msg, ipc_req_arena(req), &command, &err);
    if (err.rc == RC_OK && count(msg, "idempotency-key"))
        err.rc = read_key(core, req, msg, &asks, &command, &err);
    if (err.rc == RC_OK)
        core_admin_command(core, req, &asks, &command);
    else
        core_admin_refuse(req, &err);
}
