/* SPDX-License-Identifier: Apache-2.0 */
/* Challenges handed to the prober. */
#include <assert.h>

#include "core/core_int.h"
#include "ipc/table.h"

/* Behind the prober's own limit, which has a share of its own for CAA. */
#define PROBE_SLACK (8 * WHEN_SECOND)

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
    } else if (result.rc == RC_DENIED) {
        result.rc = RC_IO; /* what the channel refused is no verdict on the challenge */
    }
    p->fn(p->arg, &result);
    mem_free(p);
}

enum rc core_validate(void *arg, const struct acme_validation *v, acme_validated_fn fn,
                      void *fn_arg)
{
    struct core *core = arg;
    struct probe *p = MEM_NEW(struct probe);
    struct ipc_validate msg = {
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
    struct ipc_ask ask = {
        .type = IPC_VALIDATE,
        .msg = &msg,
        .timeout = core->conf->validation.timeout + PROBE_SLACK,
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
