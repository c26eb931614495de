/* SPDX-License-Identifier: Apache-2.0 */
#include "role/probing.h"

#include "ipc/probe_messages.h"
#include "log/log.h"
#include "validate/preflight.h"

/* One request; lives in the request's memory. */
struct probe {
    struct probing *of;
    struct ipc_req *req;
    struct validate_ask ask;
    struct validation *run;
};

static void ended(struct probing *p)
{
    if (p->on_end)
        p->on_end(p->arg);
}

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
    struct probing *p = probe->of;
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
        IGNORE_RC(ipc_reply(probe->req, &reply)); /* who asked tries again without an answer */
    }
    log_request(NULL);
    ended(p);
}

static void cancelled(void *arg)
{
    struct probe *probe = arg;
    struct probing *p = probe->of;

    validate_cancel(probe->run);
    ipc_req_drop(probe->req);
    ended(p);
}

void probing_validate(struct probing *p, struct ipc_req *req, const struct ipc_validate *m)
{
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
    enum rc rc = p->closed ? RC_CLOSED : probe ? RC_OK : RC_NOMEM;

    if (rc == RC_OK) {
        *probe = (struct probe){.of = p, .req = req, .ask = ask};
        rc = validate_start(p->validator, &probe->ask, validated, probe, &probe->run);
    }
    if (rc == RC_OK)
        ipc_req_on_cancel(req, cancelled, probe);
    else
        refuse(req, &ask, rc);
}

/* ---- what does the CA see? */

struct look {
    struct probing *of;
    struct ipc_req *req;
    struct validate_preflight_ask ask;
    struct validate_preflight *run;
};

static void looked(void *arg, enum rc rc, struct str json)
{
    struct look *look = arg;
    struct probing *p = look->of;
    struct ipc_preflight_reply reply = {.json = json};
    struct err err = {.rc = rc};

    if (rc == RC_OK)
        IGNORE_RC(ipc_reply(look->req, &reply)); /* nobody waits for it any more, then */
    else
        ipc_reply_err(look->req, &err);
    ended(p);
}

static void look_cancelled(void *arg)
{
    struct look *look = arg;
    struct probing *p = look->of;

    validate_preflight_cancel(look->run);
    ipc_req_drop(look->req);
    ended(p);
}

void probing_look(struct probing *p, struct ipc_req *req, const struct ipc_preflight *m)
{
    struct look *look = ARENA_NEW(ipc_req_arena(req), struct look);
    struct err err = {.rc = p->closed ? RC_CLOSED : look ? RC_OK : RC_NOMEM};

    if (err.rc == RC_OK) {
        *look = (struct look){
            .of = p,
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
