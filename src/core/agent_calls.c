/* SPDX-License-Identifier: Apache-2.0 */
/* What agents ask for, from the first token to each report. Whoever has no token, and shows no
 * certificate of an agent, costs one look into the database and is told nothing. */
#include <stdio.h>

#include "api/agent_report.h"
#include "audit/audit.h"
#include "base/text.h"
#include "core/agents.h"
#include "core/operators.h"
#include "crypto/hash.h"
#include "ev/clock.h"
#include "log/log.h"
#include "operators/roles.h"
#include "store/certificates.h"
#include "x509/csr.h"

MSG(msg_off, "core.agents-not-here", "this server takes no agents (agents.enabled)");
MSG(msg_path, "core.agents-path", "there is nothing at {0}; it takes POST, with JSON");
MSG(msg_json, "core.agents-json", "the request is no JSON object with these members: {0}");
MSG(msg_token, "core.agent-token",
    "this token is unknown, was used by another key or taken back, or has ended; `autarky agent "
    "token create` makes another");
MSG(msg_named, "core.agent-unnamed",
    "\"name\" has to say what the agent is called: 1 to 64 letters, digits, \"-\", \"_\", \".\" "
    "and "
    "\"@\", the first a letter or digit");
MSG(msg_csr, "core.agent-csr", "\"csr\" is no request for a certificate in base64url");
MSG(msg_taken, "core.agent-name-taken",
    "there is an agent \"{0}\" already; `autarky agent remove {0}` on the server makes room, or "
    "choose another name");
MSG(msg_full, "core.agents-full", "there are {0} agents, which is the most there may be");
MSG(msg_nobody, "core.agent-nobody",
    "show the certificate of an agent: `autarky agent enrol` has one made");
MSG(msg_removed, "core.agent-removed",
    "this agent was removed; `autarky agent enrol` with another token begins anew");
MSG(msg_often, "core.agent-often", "the last time was less than {0} ago; come again later");
MSG(msg_later, "core.agent-later", "the signer is away; ask again in a minute");

enum { TOKEN_TEXT = 64, ANSWER_MAX = 256 * 1024, REQUEST_MAX = 64 * 1024, PAUSE_TEXT = 32 };

struct call {
    struct core *core;
    struct ipc_req *req;
    struct arena *a;
    struct str body;
    struct addr client;
    when_t now;
    struct err err;
    struct store_certificate shown;
    struct store_agent agent;
    struct store_agent_token token;
    struct x509_csr csr;
    struct str name; /* in its certificate */
    struct api_report report;
    struct str kept; /* of it */
    bool fresh;      /* it is about to enrol */
    when_t pause;
};

static void fail(struct call *c, enum rc rc)
{
    char client[ADDR_TEXT];

    c->err.rc = rc;
    log_warn("core.agent-refused", LOG_Z("client", addr_text(&c->client, client)),
             LOG_STR("agent", c->agent.name), LOG_ERR(&c->err));
    core_admin_refuse(c->req, &c->err);
}

static enum rc often(when_t pause, struct err *err)
{
    char text[PAUSE_TEXT];
    long minutes = (long)(pause / WHEN_MINUTE);

    (void)snprintf(text, sizeof(text), minutes ? "%ld minutes" : "%ld minute", minutes + !minutes);
    return err_problem(err, ERR(err, RC_QUOTA, msg_often, str_of(text)), NULL, 429);
}

/* ---- a certificate for an agent */

static void put_certificate(struct call *c, const struct store_certificate *cert)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    CLEANUP(buf_done) struct buf chain = BUF_INIT(ANSWER_MAX);
    struct json_out o;
    enum rc rc = ca_chain_pem(c->core->ca, &cert->issuer, cert->der, &chain);

    if (rc != RC_OK) {
        fail(c, rc);
        return;
    }
    json_out_init(&o, &text, JSON_COMPACT);
    json_obj(&o);
    json_kv_id(&o, "agent", &c->agent.id);
    json_kv_str(&o, "name", c->agent.name);
    json_kv_str(&o, "chain", buf_str(&chain));
    json_kv_when(&o, "not_after", cert->not_after);
    json_end(&o);
    core_admin_reply(c->req, &o, &text);
}

static void issued(void *arg, enum rc rc, const struct store_certificate *cert,
                   const struct err *err)
{
    struct call *c = arg;

    if (rc == RC_OK) {
        put_certificate(c, cert);
        return;
    }
    if (rc == RC_AGAIN)
        IGNORE_RC(ERR(&c->err, rc, msg_later));
    else if (err)
        c->err = *err;
    fail(c, rc);
}

static enum rc append(struct store_txn *txn, const struct call *c, const char *action,
                      const struct buf *detail)
{
    const struct audit_event event = {
        .at = c->now,
        .actor_kind = AUDIT_SYSTEM,
        .action = action,
        .object_kind = "agent",
        .object = id_str(&c->agent.id),
        .address = c->client,
        .detail = buf_str(detail),
    };

    return audit_append(txn, &event, NULL);
}

static enum rc audit(struct store_txn *txn, const struct call *c)
{
    CLEANUP(buf_done) struct buf detail = BUF_INIT(AUDIT_DETAIL_MAX);
    CLEANUP(buf_done) struct buf hex = BUF_INIT(2 * STORE_SHA256);
    struct json_out o;

    text_hex(&hex, str_bytes(c->agent.spki.b, STORE_SHA256));
    json_out_init(&o, &detail, JSON_COMPACT);
    json_obj(&o);
    json_kv_str(&o, "name", c->agent.name);
    json_kv_id(&o, "token", &c->agent.token);
    json_kv_str(&o, "token_by", c->agent.enrolled_by);
    json_kv_str(&o, "spki_sha256", buf_str(&hex));
    json_end(&o);
    TRY(json_out_done(&o));
    return append(txn, c, "agent.enrolled", &detail);
}

static enum rc enrol(struct store_txn *txn, struct call *c, struct err *err)
{
    enum rc rc = store_agent_token_use(txn, &c->token.id, c->now);

    if (rc == RC_CONFLICT || rc == RC_NOTFOUND)
        return err_problem(err, ERR(err, RC_DENIED, msg_token), NULL, 401);
    TRY(rc);
    rc = store_agent_add(txn, &c->agent);
    if (rc == RC_EXISTS)
        return ERR(err, rc, msg_taken, c->agent.name);
    if (rc == RC_QUOTA)
        return ERR(err, rc, msg_full, STR("20000"));
    TRY(rc);
    return audit(txn, c);
}

/* With the reservation: a token is used up by who wins, and who is removed meanwhile gets nothing.
 */
static enum rc reserve(struct store_txn *txn, void *arg, struct err *err)
{
    struct call *c = arg;
    enum rc rc;

    if (c->fresh)
        return enrol(txn, c, err);
    rc = store_agent_certify(txn, &c->agent.id, &c->agent.spki, c->now, c->pause);
    if (rc == RC_CONFLICT)
        return ERR(err, RC_DENIED, msg_removed);
    return rc == RC_AGAIN ? often(c->pause, err) : rc;
}

/* Vouched for by the token, or by the certificate before: like the API's own it serves Autarky
 * itself, and no rule or lock of names reaches it. */
static enum rc issue(struct call *c)
{
    struct ca_request r = {.profile = STR("client"),
                           .spki = c->csr.spki,
                           .key_type = c->csr.key_type,
                           .dns = &c->name,
                           .n_dns = 1,
                           .origin = STR(CORE_AGENT_ORIGIN),
                           .requester = c->client,
                           .reserve = reserve,
                           .reserve_arg = c};
    const struct conf *conf = c->core->conf;

    TRY(ca_leaf_check_key(conf_profile_find(conf, r.profile), c->csr.key_type, c->csr.key_bits,
                          &c->err));
    c->name = arena_printf(c->a, "%s.agents.%.*s", c->agent.id.z, STR_ARG(conf->domain));
    if (!c->name.p)
        return RC_NOMEM;
    TRY(core_agent_lineage(&c->agent.id, c->a, &r.lineage));
    return ca_issue(c->core->ca, &r, issued, c, &c->err);
}

/* Copies what is kept of the request: the arguments end with this function's caller. */
static enum rc read_csr(struct call *c, const struct json *args)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CSR_MAX);
    struct str text, kept;

    if (json_str(json_get(args, "csr"), &text) != RC_OK || text_unb64url(text, &der) != RC_OK)
        return ERR(&c->err, RC_PARSE, msg_csr);
    TRY(arena_str(c->a, buf_str(&der), &kept));
    TRY(x509_csr_parse(c->a, kept, X509_CSR_LENIENT, &c->csr, &c->err));
    memcpy(c->agent.spki.b, c->csr.spki_sha256, STORE_SHA256);
    return RC_OK;
}

static enum rc read_args(struct call *c, struct json_doc **out, const char *wanted)
{
    enum rc rc = json_parse(c->body, REQUEST_MAX, out, &c->err);

    if (rc == RC_NOMEM || (rc == RC_OK && json_type(json_root(*out)) == JSON_OBJECT))
        return rc;
    return ERR(&c->err, RC_PARSE, msg_json, str_of(wanted));
}

/* ---- enrol */

static enum rc find_token(struct call *c, const struct json *args)
{
    struct store_hash digest;
    struct str token;
    enum rc rc = RC_NOTFOUND;

    if (json_str(json_get(args, "token"), &token) == RC_OK && token.n <= TOKEN_TEXT) {
        TRY(crypto_sha256(token, digest.b));
        rc = store_agent_token_find(store_read(c->core->store), c->a, &digest, &c->token);
    }
    if (rc == RC_NOTFOUND || (rc == RC_OK && (c->token.revoked || c->token.expires <= c->now)))
        return err_problem(&c->err, ERR(&c->err, RC_DENIED, msg_token), NULL, 401);
    return rc;
}

/* What it is called the token says; else the host, which chooses for itself alone. */
static enum rc make_agent(struct call *c, const struct json *args)
{
    struct store_agent *g = &c->agent;
    struct str name = c->token.name;

    if (name.n == 0 &&
        (json_str(json_get(args, "name"), &name) != RC_OK || !operators_name_good(name)))
        return ERR(&c->err, RC_INVAL, msg_named);
    TRY(arena_str(c->a, name, &g->name));
    TRY(id_new(&g->id));
    g->token = c->token.id;
    g->enrolled = c->now;
    g->enrolled_by = c->token.created_by;
    c->fresh = true;
    return RC_OK;
}

/* The answer of the first time may have been lost. Whoever has another key is another one, and once
 * the agent has shown its certificate nobody gets one by the token. */
static enum rc same_agent(struct call *c)
{
    struct store_hash asked = c->agent.spki;
    enum rc rc = store_agent_by_token(store_read(c->core->store), c->a, &c->token.id, &c->agent);

    if (rc == RC_NOTFOUND || (rc == RC_OK && (c->agent.removed || c->agent.reported ||
                                              memcmp(asked.b, c->agent.spki.b, STORE_SHA256) != 0)))
        return err_problem(&c->err, ERR(&c->err, RC_DENIED, msg_token), NULL, 401);
    c->pause = CORE_AGENT_ENROL_PAUSE;
    return rc;
}

static enum rc call_enrol(struct call *c)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;

    TRY(read_args(c, &doc, "\"token\", \"csr\""));
    TRY(find_token(c, json_root(doc)));
    TRY(read_csr(c, json_root(doc)));
    TRY(c->token.used ? same_agent(c) : make_agent(c, json_root(doc)));
    return issue(c);
}

/* ---- by the certificate */

static enum rc find_shown(struct call *c, const struct http_shown *shown)
{
    struct str head, tail;
    struct id id;
    enum rc rc;

    if (!shown->n_serial)
        return err_problem(&c->err, ERR(&c->err, RC_DENIED, msg_nobody), NULL, 401);
    rc = core_shown_find(c->core, shown, c->a, &c->shown, &c->err);
    if (rc == RC_DENIED)
        return err_problem(&c->err, rc, NULL, 401);
    TRY(rc);
    if (!str_eq(c->shown.origin, STR(CORE_AGENT_ORIGIN)) || c->shown.n_names != 1 ||
        !str_cut(c->shown.names[0].value, '.', &head, &tail) || id_parse(head, &id) != RC_OK)
        return err_problem(&c->err, ERR(&c->err, RC_DENIED, msg_nobody), NULL, 401);
    rc = store_agent_get(store_read(c->core->store), c->a, &id, &c->agent);
    if (rc == RC_NOTFOUND || (rc == RC_OK && c->agent.removed))
        return ERR(&c->err, RC_DENIED, msg_removed);
    return rc;
}

static enum rc call_certificate(struct call *c)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;

    TRY(read_args(c, &doc, "\"csr\""));
    TRY(read_csr(c, json_root(doc)));
    c->pause = CORE_AGENT_RENEW_PAUSE;
    return issue(c);
}

/* ---- report */

static enum rc audit_change(struct store_txn *txn, const struct call *c,
                            const struct api_change *change)
{
    CLEANUP(buf_done) struct buf detail = BUF_INIT(AUDIT_DETAIL_MAX);
    struct json_out o;

    json_out_init(&o, &detail, JSON_COMPACT);
    json_obj(&o);
    json_kv_str(&o, "name", c->agent.name);
    api_change_put(&o, change);
    json_end(&o);
    TRY(json_out_done(&o));
    return append(txn, c, "agent.changed", &detail);
}

static bool too_soon(const struct store_agent *g, when_t now)
{
    return g->reported && now >= g->reported && now - g->reported < CORE_AGENT_REPORT_PAUSE;
}

/* What the agent tells again, because the answer was lost, is with the report that is kept, and is
 * not in the trail twice. */
static enum rc write_report(struct store_txn *txn, void *arg)
{
    CLEANUP(buf_done) struct buf report = BUF_INIT(STORE_REPORT_MAX);
    struct call *c = arg;
    struct store_agent before, agent = c->agent;
    size_t n = c->report.n_changes;

    TRY(store_agent_get(txn, c->a, &c->agent.id, &before));
    if (too_soon(&before, c->now)) /* another one came at the same time */
        return RC_AGAIN;
    TRY(api_changes_merge(c->a, before.report, c->kept, &c->report.changes, &n, &report));
    agent.report = buf_str(&report);
    TRY(store_agent_report(txn, &agent, c->report.heard));
    for (size_t i = 0; i < n; i++)
        TRY(audit_change(txn, c, &c->report.changes[i]));
    return RC_OK;
}

static void reported(enum rc rc, void *arg)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(ANSWER_MAX);
    struct call *c = arg;
    struct json_out o;

    if (rc == RC_CONFLICT)
        IGNORE_RC(ERR(&c->err, rc = RC_DENIED, msg_removed));
    if (rc == RC_AGAIN)
        rc = often(CORE_AGENT_REPORT_PAUSE, &c->err);
    if (rc != RC_OK) {
        fail(c, rc);
        return;
    }
    json_out_init(&o, &text, JSON_COMPACT);
    json_obj(&o);
    if (c->agent.asked && c->agent.asked != c->report.heard)
        json_kv_i64(&o, "renew", c->agent.asked);
    json_end(&o);
    core_admin_reply(c->req, &o, &text);
}

static enum rc call_report(struct call *c)
{
    CLEANUP(buf_done) struct buf kept = BUF_INIT(STORE_REPORT_MAX);
    struct store_agent *g = &c->agent;

    if (too_soon(g, c->now))
        return often(CORE_AGENT_REPORT_PAUSE, &c->err);
    TRY(api_report_read(c->a, c->body, &c->report, &kept, &c->err));
    TRY(arena_str(c->a, buf_str(&kept), &c->kept));
    g->summary = c->report.summary;
    g->summary.skew = c->report.at - c->now;
    g->reported = c->now;
    g->address = c->client;
    g->certificate = c->shown.id;
    return store_write(c->core->store, write_report, reported, c);
}

/* ---- which it is */

static const struct route {
    const char *path;
    bool shows; /* a certificate */
    enum rc (*run)(struct call *c);
} routes[] = {
    {CORE_AGENTS "enrol", false, call_enrol},
    {CORE_AGENTS "self", true, call_report},
    {CORE_AGENTS "self/certificate", true, call_certificate},
};

static const struct route *find_route(const struct ipc_http *msg)
{
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
        if (str_eq(msg->method, STR("POST")) && str_eq(msg->target, str_of(routes[i].path)))
            return &routes[i];
    return NULL;
}

static enum rc run(struct call *c, const struct ipc_http *msg)
{
    const struct route *route = find_route(msg);
    struct http_shown shown;

    if (!c->core->conf->agents.enabled)
        return err_problem(&c->err, ERR(&c->err, RC_NOTFOUND, msg_off), NULL, 404);
    if (!route)
        return err_problem(&c->err, ERR(&c->err, RC_NOTFOUND, msg_path, msg->target), NULL, 404);
    if (route->shows) {
        core_shown_take(msg, &shown);
        TRY(find_shown(c, &shown));
    }
    return route->run(c);
}

void core_agent_call(struct core *core, struct ipc_req *req, const struct ipc_http *msg)
{
    struct call *c = ARENA_NEW(ipc_req_arena(req), struct call);
    struct err err = ERR_INIT;
    enum rc rc;

    if (!c) {
        err.rc = RC_NOMEM;
        core_admin_refuse(req, &err);
        return;
    }
    c->core = core;
    c->req = req;
    c->a = ipc_req_arena(req);
    c->body = msg->body;
    c->client = msg->client;
    c->now = clock_now(ev_clock(core->ev));
    rc = run(c, msg);
    if (rc != RC_OK)
        fail(c, rc);
}
