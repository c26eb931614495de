/* SPDX-License-Identifier: Apache-2.0 */
#include "core/core_int.h"

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
    const struct ipc_pair headers[] = {
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

void core_admin_answer(struct ipc_req *req, struct str json)
{
    struct ipc_admin_reply msg = {.json = json};

    if (ipc_req_type(req) == IPC_HTTP)
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
    struct err said = *err;

    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        if (ipc_req_type(req) == IPC_HTTP && !said.type && !said.status &&
            statuses[i].rc == err->rc)
            said.status = statuses[i].status;
    ipc_reply_err(req, &said);
}
