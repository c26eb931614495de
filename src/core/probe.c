/* SPDX-License-Identifier: Apache-2.0 */
/* Challenges handed to the prober, and the question what it sees. */
#include <assert.h>

#include "base/name.h"
#include "core/core_int.h"
#include "ipc/probe_messages.h"
#include "ipc/table.h"

/* What is not tried at once waits in the store, in turns, and not here. */
static_assert(ACME_VALIDATIONS_MAX <= (int)IPC_VALIDATE_CREDITS);

/* The callback and its argument, for the time of the call. */
struct probe {
    acme_validated_fn fn;
    void *arg;
};

static void probed(void *arg, const struct ipc_answer *answer)
{
    struct probe *p = arg;
    struct acme_validated result = {.rc = answer->rc, .why = answer->err};

    if (answer->rc == RC_OK) {
        const struct ipc_validate_reply *reply = answer->msg;

        result.rc = reply->ok ? RC_OK : RC_DENIED;
        result.why = reply->ok ? NULL : &reply->why;
        result.evidence = reply->evidence;
        result.until = reply->ok ? reply->until : 0;
    } else if (result.rc == RC_DENIED) {
        result.rc = RC_IO; /* what the channel refused is no verdict on the challenge */
    }
    p->fn(p->arg, &result);
    mem_free(p);
}

static enum rc ask_own(struct core *core, const struct ipc_validate *msg, acme_validated_fn fn,
                       void *fn_arg)
{
    struct probe *p = MEM_NEW(struct probe);
    struct ipc_ask ask = {
        .type = IPC_VALIDATE,
        .msg = msg,
        .timeout = core->conf->validation.timeout + CORE_PROBE_SLACK,
        .fn = probed,
        .arg = p,
    };
    enum rc rc;

    if (!p)
        return RC_NOMEM;
    *p = (struct probe){fn, fn_arg};
    rc = core->prober ? ipc_call(core->prober, &ask, NULL) : RC_CLOSED;
    if (rc != RC_OK)
        mem_free(p);
    return rc;
}

/* What is a remote prober's is never asked of ours: it could reach somebody else by that name. */
enum rc core_validate(void *arg, const struct acme_validation *v, acme_validated_fn fn,
                      void *fn_arg)
{
    struct core *core = arg;
    const struct conf_prober *remote = conf_prober_for(core->conf, v->identifier);
    const struct ipc_validate msg = {
        .challenge = v->challenge,
        .identifier_type = v->identifier_type,
        .identifier = v->identifier,
        .wildcard = v->wildcard,
        .caa_only = v->caa_only,
        .account = v->account,
        .token = v->token,
        .key_authorization = v->key_authorization,
        .attempt = v->attempt,
    };

    return remote ? core_remote_validate(core, remote, &msg, fn, fn_arg)
                  : ask_own(core, &msg, fn, fn_arg);
}

/* ---- what does the CA see? */

MSG(msg_prober_away, "core.prober-away",
    "the prober is not there at the moment; `autarky status` shows the processes");
MSG(msg_probe_name, "core.probe-name",
    "\"name\" has to be a DNS name, perhaps with \"*.\" in front, or an address");
MSG(msg_probe_busy, "core.probe-busy",
    "others ask as well, or the prober has no place at the moment; ask again in a while");
MSG(msg_probe_failed, "core.probe-failed", "the prober could not look: {0}");

static void refuse_probe(struct ipc_req *req, enum rc rc)
{
    struct err err = ERR_INIT;

    if (rc == RC_INVAL)
        IGNORE_RC(ERR(&err, rc, msg_probe_name));
    else if (rc == RC_CLOSED)
        IGNORE_RC(ERR(&err, rc, msg_prober_away));
    else if (rc == RC_QUOTA)
        IGNORE_RC(ERR(&err, rc, msg_probe_busy));
    else
        IGNORE_RC(ERR(&err, rc, msg_probe_failed, str_of(rc_text(rc))));
    core_admin_refuse(req, &err);
}

/* The callback and its argument, for the time of the call. */
struct look {
    acme_seen_fn fn;
    void *arg;
};

/* It is shown on terminals, and may be the word of another host: no control characters, however
 * written. */
static bool is_plain(struct str json)
{
    for (size_t i = 0; i < json.n; i++)
        if ((unsigned char)json.p[i] < ' ' || str_starts(str_skip(json, i), STR("\\u00")))
            return false;
    return true;
}

static void looked(void *arg, const struct ipc_answer *answer)
{
    struct look *look = arg;
    const struct ipc_preflight_reply *reply = answer->msg;
    bool good = answer->rc == RC_OK && is_plain(reply->json);

    look->fn(look->arg, answer->rc == RC_OK && !good ? RC_PARSE : answer->rc,
             good ? reply->json : STR(""));
    mem_free(look);
}

enum rc core_preflight(void *arg, const struct acme_preflight *p, acme_seen_fn fn, void *fn_arg)
{
    struct core *core = arg;
    const struct conf_prober *remote = conf_prober_for(core->conf, p->identifier);
    struct look *look = MEM_NEW(struct look);
    struct ipc_preflight msg = {
        .identifier_type = p->identifier_type,
        .identifier = p->identifier,
        .wildcard = p->wildcard,
        .account = p->account,
        .challenge = p->challenge,
        .token = p->token,
        .key_authorization = p->key_authorization,
    };
    struct ipc_ask ask = {
        .type = IPC_PREFLIGHT,
        .msg = &msg,
        .timeout = core->conf->validation.timeout + CORE_PROBE_SLACK,
        .fn = looked,
        .arg = look,
    };
    enum rc rc;

    if (!look)
        return RC_NOMEM;
    *look = (struct look){fn, fn_arg};
    if (remote)
        rc = core_remote_look(core, remote, &msg, &ask);
    else
        rc = core->prober ? ipc_call(core->prober, &ask, NULL) : RC_CLOSED;
    if (rc != RC_OK)
        mem_free(look);
    return rc;
}

/* For an administrator. */
static void shown(void *arg, enum rc rc, struct str seen)
{
    struct ipc_req *req = arg;

    if (rc == RC_OK)
        core_admin_answer(req, seen);
    else
        refuse_probe(req, rc);
}

static enum rc read_name(struct str text, struct arena *a, struct acme_preflight *out)
{
    char name[NAME_MAX_BYTES + 1], canonical[ADDR_TEXT];
    struct addr addr;

    if (addr_parse(text, &addr) == RC_OK) {
        out->identifier_type = STR("ip");
        return arena_str(a, str_of(addr_text(&addr, canonical)), &out->identifier);
    }
    if (name_canonical(text, true, name) != RC_OK)
        return RC_INVAL;
    out->identifier_type = STR("dns");
    out->wildcard = name_is_wildcard(str_of(name));
    return arena_str(a, str_skip(str_of(name), out->wildcard ? 2 : 0), &out->identifier);
}

void core_probe_look(struct core *core, struct ipc_req *req, const struct json *args)
{
    struct acme_preflight ask = {.wildcard = false};
    const struct conf_prober *remote = NULL;
    struct err err = ERR_INIT;
    struct str name;
    enum rc rc = json_str(json_get(args, "name"), &name) == RC_OK ? RC_OK : RC_INVAL;

    if (rc == RC_OK)
        rc = read_name(name, ipc_req_arena(req), &ask);
    if (rc == RC_OK)
        rc = core_preflight(core, &ask, shown, req);
    if (rc == RC_CLOSED)
        remote = conf_prober_for(core->conf, ask.identifier);
    if (remote)
        IGNORE_RC(core_remote_away(remote, ask.identifier, &err));
    if (remote)
        core_admin_refuse(req, &err);
    else if (rc != RC_OK)
        refuse_probe(req, rc);
}
