/* SPDX-License-Identifier: Apache-2.0 */
/* prober
 * owns     nothing
 * may      ask name servers and connect out, for the validation of challenges
 * may not  listen, open a file (resolv.conf is read before confinement), read the database or the
 *          configuration's files, hold a key
 * asked by core, and nobody else; what it learns from strangers goes back as evidence, judged by
 * core. Where it connects to is chosen by strangers too: validate/reach.h says where it never does.
 */
#include "crypto/crypto.h"
#include "dns/zones.h"
#include "ev/ev.h"
#include "ipc/probe_messages.h"
#include "log/log.h"
#include "net/net.h"
#include "role/resolv.h"
#include "role/roles.h"
#include "validate/preflight.h"

static const struct sandbox sandbox = {
    .user = "autarky-prober",
    .promises = SB_STDIO | SB_FDPASS | SB_INET_CONNECT,
    .files = 4096,
};

struct prober {
    struct role_env *env;
    struct net *net;
    struct validator *validator;
    struct dns_zones *next; /* of the configuration that was prepared */
    struct addr_port servers[DNS_RESOLV_CONF_MAX];
    size_t n_servers;
    bool draining;
};

/* One request of core; lives in the request's memory. */
struct probe {
    struct prober *prober;
    struct ipc_req *req;
    struct validate_ask ask;
    struct validation *run;
};

/* ---- life */

static enum rc prober_open(struct role_env *env, struct err *err)
{
    struct prober *p = MEM_NEW(struct prober);

    (void)err;
    if (!p)
        return RC_NOMEM;
    env->state = p;
    p->env = env;
    p->n_servers = role_resolv_conf("validation", p->servers);
    return crypto_init();
}

static enum rc prober_start(struct role_env *env, struct err *err)
{
    CLEANUP(dns_zones_unrefp) struct dns_zones *zones = NULL;
    struct prober *p = env->state;

    (void)err;
    TRY(dns_zones_of_conf(env->conf, p->servers, p->n_servers, &zones));
    TRY(net_system(env->ev, &p->net));
    return validator_new(env->ev, p->net, env->conf, zones, &p->validator);
}

static void prober_abort(struct role_env *env)
{
    struct prober *p = env->state;

    dns_zones_unref(MOVE(p->next));
}

/* What can fail is done here, so that commit cannot. */
static enum rc prober_prepare(struct role_env *env, const struct conf *next, struct err *err)
{
    struct prober *p = env->state;

    (void)err;
    prober_abort(env);
    return dns_zones_of_conf(next, p->servers, p->n_servers, &p->next);
}

static void prober_commit(struct role_env *env)
{
    struct prober *p = env->state;

    validator_set(p->validator, env->conf, p->next);
    prober_abort(env);
}

static void look_drained(struct prober *p)
{
    if (p->draining && validator_count(p->validator) == 0)
        role_drained(p->env);
}

static void prober_drain(struct role_env *env)
{
    struct prober *p = env->state;

    p->draining = true;
    look_drained(p);
}

static void prober_close(struct role_env *env)
{
    struct prober *p = env->state;

    if (!p)
        return;
    prober_abort(env);
    validator_free(p->validator);
    net_free(p->net);
    mem_free(p);
    env->state = NULL;
}

/* ---- requests */

static void refuse(struct ipc_req *req, const struct validate_ask *ask, enum rc rc)
{
    struct err err = {.rc = rc};

    log_warn("prober.not-tried", LOG_STR("identifier", ask->identifier),
             LOG_STR("challenge", ask->challenge), LOG_RC(rc));
    ipc_reply_err(req, &err);
}

static void validated(void *arg, const struct validate_result *result)
{
    struct probe *probe = arg;
    struct prober *p = probe->prober;
    const struct validate_ask *ask = &probe->ask;
    struct ipc_validate_reply reply = {
        .ok = result->rc == RC_OK, .evidence = result->evidence, .until = result->until};

    log_request(ipc_req_id(probe->req));
    if (result->rc != RC_OK && result->rc != RC_DENIED) {
        refuse(probe->req, ask, result->rc);
    } else {
        if (reply.ok) {
            log_info("prober.proven", LOG_STR("identifier", ask->identifier),
                     LOG_STR("challenge", ask->challenge), LOG_INT("attempt", ask->attempt));
        } else {
            reply.why = *result->err;
            log_info("prober.not-proven", LOG_STR("identifier", ask->identifier),
                     LOG_STR("challenge", ask->challenge), LOG_INT("attempt", ask->attempt),
                     LOG_ERR(result->err));
        }
        IGNORE_RC(ipc_reply(probe->req, &reply)); /* core tries again what it has no answer to */
    }
    log_request(NULL);
    look_drained(p);
}

static void cancelled(void *arg)
{
    struct probe *probe = arg;
    struct prober *p = probe->prober;

    validate_cancel(probe->run);
    ipc_req_drop(probe->req);
    look_drained(p);
}

static void on_validate(void *arg, struct ipc_req *req, const void *msg, int fd)
{
    struct role_env *env = arg;
    struct prober *p = env->state;
    const struct ipc_validate *m = msg;
    struct probe *probe = ARENA_NEW(ipc_req_arena(req), struct probe);
    struct validate_ask ask = {
        .challenge = m->challenge,
        .identifier_type = m->identifier_type,
        .identifier = m->identifier,
        .wildcard = m->wildcard,
        .caa_only = m->caa_only,
        .account = m->account,
        .token = m->token,
        .key_authorization = m->key_authorization,
        .attempt = m->attempt,
    };
    enum rc rc = p->draining ? RC_CLOSED : probe ? RC_OK : RC_NOMEM;

    (void)fd;
    if (rc == RC_OK) {
        *probe = (struct probe){.prober = p, .req = req, .ask = ask};
        rc = validate_start(p->validator, &probe->ask, validated, probe, &probe->run);
    }
    if (rc == RC_OK)
        ipc_req_on_cancel(req, cancelled, probe);
    else
        refuse(req, &ask, rc);
}

/* ---- what does the CA see? */

struct look {
    struct prober *prober;
    struct ipc_req *req;
    struct validate_preflight_ask ask;
    struct validate_preflight *run;
};

static void looked(void *arg, enum rc rc, struct str json)
{
    struct look *look = arg;
    struct prober *p = look->prober;
    struct ipc_preflight_reply reply = {.json = json};
    struct err err = {.rc = rc};

    if (rc == RC_OK)
        IGNORE_RC(ipc_reply(look->req, &reply)); /* nobody waits for it any more, then */
    else
        ipc_reply_err(look->req, &err);
    look_drained(p);
}

static void look_cancelled(void *arg)
{
    struct look *look = arg;
    struct prober *p = look->prober;

    validate_preflight_cancel(look->run);
    ipc_req_drop(look->req);
    look_drained(p);
}

static void on_preflight(void *arg, struct ipc_req *req, const void *msg, int fd)
{
    struct role_env *env = arg;
    struct prober *p = env->state;
    const struct ipc_preflight *m = msg;
    struct look *look = ARENA_NEW(ipc_req_arena(req), struct look);
    struct err err = {.rc = p->draining ? RC_CLOSED : look ? RC_OK : RC_NOMEM};

    (void)fd;
    if (err.rc == RC_OK) {
        *look = (struct look){
            .prober = p,
            .req = req,
            .ask = {m->identifier_type, m->identifier, m->wildcard, m->account, m->challenge,
                    m->token, m->key_authorization},
        };
        err.rc = validate_preflight(p->validator, &look->ask, looked, look, &look->run);
    }
    if (err.rc == RC_OK)
        ipc_req_on_cancel(req, look_cancelled, look);
    else
        ipc_reply_err(req, &err);
}

static const struct ipc_handler handlers[] = {{IPC_VALIDATE, on_validate},
                                              {IPC_PREFLIGHT, on_preflight}};

const struct role_def role_prober = {
    .role = ROLE_PROBER,
    .sandbox = &sandbox,
    .handlers = handlers,
    .n_handlers = sizeof(handlers) / sizeof(handlers[0]),
    .drain_order = 2,
    .open = prober_open,
    .start = prober_start,
    .prepare = prober_prepare,
    .commit = prober_commit,
    .abort = prober_abort,
    .drain = prober_drain,
    .close = prober_close,
};
