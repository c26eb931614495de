/* SPDX-License-Identifier: Apache-2.0 */
#include "core/core_int.h"
#include "log/log.h"

static const struct {
    enum rc rc;
    uint16_t status;
} statuses[] = {
    {RC_INVAL, 400},    {RC_PARSE, 400},   {RC_DENIED, 403}, {RC_NOTFOUND, 404},
    {RC_CONFLICT, 409}, {RC_EXISTS, 409},  {RC_TOOBIG, 413}, {RC_QUOTA, 429},
    {RC_AGAIN, 503},    {RC_TIMEOUT, 504}, {RC_CLOSED, 503}, {RC_UNSUPPORTED, 501},
    {RC_NET, 502},
};

static void answer_http(struct ipc_req *req, struct str json)
{
    static const struct ipc_pair headers[] = {
        {STR("Content-Type"), STR("application/json")},
        {STR("Cache-Control"), STR("no-store")},
    };
    struct ipc_http_reply msg = {
        .status = 200,
        .headers = {headers, sizeof(headers) / sizeof(headers[0])},
        .body = json,
    };

    IGNORE_RC(ipc_reply(req, &msg)); /* on failure front has been told, by ipc_reply itself */
}

/* ---- with an idempotency key */

struct kept {
    struct ipc_req *req;
    struct str json;
    struct err err;
};

/* What was done was done: an answer that could not be kept is given all the same. */
static void answer_kept(void *arg, enum rc rc)
{
    const struct kept *k = arg;

    if (rc != RC_OK)
        log_warn("core.idempotency-answer", LOG_RC(rc));
    answer_http(k->req, k->json);
}

static void refusal_kept(void *arg, enum rc rc)
{
    const struct kept *k = arg;

    if (rc != RC_OK)
        log_warn("core.idempotency-drop", LOG_RC(rc));
    ipc_reply_err(k->req, &k->err);
}

/* NULL: it came without one, or what came with it changes nothing. */
static struct idempotency_run *run_of(const struct ipc_req *req)
{
    struct idempotency_run *run = ipc_req_type(req) == IPC_HTTP ? ipc_req_kept(req) : NULL;

    return run && run->all ? run : NULL;
}

static void answer_keyed(struct ipc_req *req, struct idempotency_run *run, struct str json)
{
    struct kept *k = ARENA_NEW(ipc_req_arena(req), struct kept);
    struct err err = {.rc = RC_NOMEM};

    if (!k || arena_str(ipc_req_arena(req), json, &k->json) != RC_OK) {
        core_admin_refuse(req, &err);
        return;
    }
    k->req = req;
    if (idempotency_answered(run, k->json, answer_kept, k) != RC_OK)
        answer_http(req, k->json);
}

static void refuse_keyed(struct ipc_req *req, struct idempotency_run *run, const struct err *err)
{
    struct kept *k = ARENA_NEW(ipc_req_arena(req), struct kept);

    if (k)
        *k = (struct kept){.req = req, .err = *err};
    /* Without memory for that the key stays as it is: nobody knows whether it was done. */
    if (idempotency_refused(run, k ? err->rc : RC_NOMEM, refusal_kept, k) != RC_OK)
        ipc_reply_err(req, err);
}

void core_admin_answer(struct ipc_req *req, struct str json)
{
    struct ipc_admin_reply msg = {.json = json};
    struct idempotency_run *run = run_of(req);

    if (run)
        answer_keyed(req, run, json);
    else if (ipc_req_type(req) == IPC_HTTP)
        answer_http(req, json);
    else
        IGNORE_RC(
            ipc_reply(req, &msg)); /* on failure the asker has been told, by ipc_reply itself */
}

void core_admin_reply(struct ipc_req *req, struct json_out *o, const struct buf *text)
{
    struct err err = {.rc = json_out_done(o)};

    if (err.rc == RC_OK)
        core_admin_answer(req, buf_str(text));
    else
        core_admin_refuse(req, &err);
}

/* Front makes the problem document, of what has a status of its own. */
void core_admin_refuse(struct ipc_req *req, const struct err *err)
{
    struct idempotency_run *run;
    struct err said = *err;

    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        if (ipc_req_type(req) == IPC_HTTP && !said.type && !said.status &&
            statuses[i].rc == err->rc)
            said.status = statuses[i].status;
    run = run_of(req);
    if (run)
        refuse_keyed(req, run, &said);
    else
        ipc_reply_err(req, &said);
}
