/* SPDX-License-Identifier: Apache-2.0 */
#include "http/problem.h"

enum { DETAIL_MAX = 4096 };

static const struct {
    const char *type;
    int status;
} statuses[] = {
    {"accountDoesNotExist", 400},
    {"alreadyReplaced", 409},
    {"alreadyRevoked", 400},
    {"autoRenewalCanceled", 403},
    {"autoRenewalCancellationInvalid", 400},
    {"autoRenewalExpired", 403},
    {"autoRenewalRevocationNotSupported", 403},
    {"badCSR", 400},
    {"badNonce", 400},
    {"badPublicKey", 400},
    {"badRevocationReason", 400},
    {"badSignatureAlgorithm", 400},
    {"caa", 403},
    {"compound", 403},
    {"connection", 400},
    {"dns", 400},
    {"externalAccountRequired", 403},
    {"incorrectResponse", 403},
    {"invalidContact", 400},
    {"invalidProfile", 400},
    {"malformed", 400},
    {"orderNotReady", 403},
    {"rateLimited", 429},
    {"rejectedIdentifier", 403},
    {"serverInternal", 500},
    {"tls", 400},
    {"unauthorized", 403},
    {"unknownDelegation", 403},
    {"unsupportedContact", 400},
    {"unsupportedIdentifier", 400},
    {"userActionRequired", 403},
};

int http_problem_status(const struct err *err)
{
    if (err->status)
        return err->status;
    if (!err->type)
        return 500;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
        if (str_eq(str_of(statuses[i].type), str_of(err->type)))
            return statuses[i].status;
    return 500;
}

void http_problem_members(struct json_out *o, const struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(DETAIL_MAX);

    json_key(o, "type");
    if (err->type) {
        buf_printf(&text, "urn:ietf:params:acme:error:%s", err->type);
        json_put_str(o, buf_str(&text));
        buf_reset(&text);
    } else {
        json_put_z(o, "about:blank");
    }
    json_kv_i64(o, "status", http_problem_status(err));
    err_text(err, &text);
    json_kv_str(o, "detail", buf_str(&text));
    if (err->msg)
        json_kv_z(o, "code", err->msg->code);
}

void http_problem_put(struct json_out *o, const struct err *err, const struct http_subproblem *subs,
                      size_t n_subs)
{
    json_obj(o);
    http_problem_members(o, err);
    if (n_subs) {
        json_key(o, "subproblems");
        json_arr(o);
        for (size_t i = 0; i < n_subs; i++) {
            json_obj(o);
            http_problem_members(o, &subs[i].err);
            json_key(o, "identifier");
            json_obj(o);
            json_kv_str(o, "type", subs[i].identifier_type);
            json_kv_str(o, "value", subs[i].identifier);
            json_end(o);
            json_end(o);
        }
        json_end(o);
    }
    json_end(o);
}

MSG(msg_internal, "http.internal",
    "the server failed to answer; its log has the reason under request {0}");
MSG(msg_overload, "http.overload",
    "the server has too much to do just now; try again in a few seconds");

/* What went wrong inside is for the log; the client learns whether to come back. */
static struct err public_form(const struct http_exchange *x, const struct err *err)
{
    struct err shown = ERR_INIT;

    if (err->type || err->status)
        return *err;
    if (err->rc == RC_QUOTA || err->rc == RC_AGAIN || err->rc == RC_TIMEOUT) {
        IGNORE_RC(ERR(&shown, err->rc, msg_overload));
        shown.status = 503;
    } else {
        IGNORE_RC(ERR(&shown, err->rc, msg_internal, id_str(&x->id)));
        shown.status = 500;
    }
    shown.type = "serverInternal";
    return shown;
}

void http_problem_subs(struct http_exchange *x, const struct err *err,
                       const struct http_subproblem *subs, size_t n_subs)
{
    struct err shown = public_form(x, err);
    struct json_out o;
    int status = http_problem_status(&shown);

    buf_reset(&x->res.body);
    json_out_init(&o, &x->res.body, JSON_COMPACT);
    http_problem_put(&o, &shown, subs, n_subs);
    IGNORE_RC(json_out_done(&o)); /* a failed body becomes a bare 500 in http_finish */
    if (status == 503)
        http_header_add(x, "Retry-After", STR("5"));
    http_reply(x, status, "application/problem+json");
}

void http_problem(struct http_exchange *x, const struct err *err)
{
    http_problem_subs(x, err, NULL, 0);
}
