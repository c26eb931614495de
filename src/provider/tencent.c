/* SPDX-License-Identifier: Apache-2.0 */
/* Tencent Cloud's DNSPod by its API 3.0, version 2021-03-23: every question is signed JSON, posted
 * with its action in a header, and every answer has status 200. The domain is found by asking for
 * one name after the other, longest first; each value is a record of its own, which is added or
 * deleted alone. */
#include "json/json.h"
#include "json/out.h"
#include "provider/lines.h"
#include "provider/provider_int.h"
#include "provider/tc3.h"

MSG(msg_no_zone, "provider.tencent-no-zone",
    "with the key in {0}, {1} shows no domain that holds {2}; the key needs the actions "
    "DescribeDomain, DescribeRecordList, CreateRecord and DeleteRecord of dnspod");

enum { ID, KEY, TOKEN, LINE, ZONE, TTL, RECORDS_MAX = 100, LOOKS_MAX = 3 };

/* A record that is new may be missing from lists for half a minute. */
#define LOOK_AGAIN (10 * WHEN_SECOND)

/* ---- what is asked */

static const char *action_of(const struct provider_call *call)
{
    if (call->zone.n == 0)
        return "DescribeDomain";
    if (!call->listed)
        return "DescribeRecordList";
    return call->remove ? "DeleteRecord" : "CreateRecord";
}

static enum rc put_body(const struct provider_call *call, struct buf *out)
{
    struct str label = provider_below(call->name, call->zone);
    uint64_t id = 0;
    struct json_out o;

    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    json_kv_str(&o, "Domain", call->zone.n ? call->zone : call->at);
    if (call->zone.n && !call->listed) {
        json_kv_str(&o, "Subdomain", label);
        json_kv_z(&o, "RecordType", "TXT");
        json_kv_u64(&o, "Offset", call->seen);
        json_kv_u64(&o, "Limit", RECORDS_MAX);
    } else if (call->zone.n && call->remove) {
        TRY(str_u64(call->record, UINT64_MAX, &id));
        json_kv_u64(&o, "RecordId", id);
    } else if (call->zone.n) {
        json_kv_str(&o, "SubDomain", label);
        json_kv_z(&o, "RecordType", "TXT");
        json_kv_str(&o, "RecordLine", provider_own(call->p, LINE));
        json_kv_str(&o, "Value", call->value);
        json_kv_u64(&o, "TTL", call->p->ttl);
    }
    json_end(&o);
    return json_out_done(&o);
}

static enum rc ask(struct provider_call *call, struct provider_ask *out, struct err *err)
{
    struct str zone = provider_own(call->p, ZONE);
    struct provider_tc3 key = {.id = provider_own(call->p, ID),
                               .key = provider_own(call->p, KEY),
                               .token = provider_own(call->p, TOKEN),
                               .service = "dnspod",
                               .now = call->now};

    if (call->at.n == 0)
        call->at = zone.n ? provider_undot(zone) : call->from;
    TRY(provider_check_header(call, "secret_id", key.id, err));
    TRY(provider_check_header(call, "token", key.token, err));
    out->method = "POST";
    out->content_type = PROVIDER_TC3_TYPE;
    provider_put_url(call, out, "/");
    TRY(buf_rc(&out->url));
    TRY(put_body(call, &out->body));
    buf_printf(&out->headers,
               "X-TC-Action: %s\r\nX-TC-Version: 2021-03-23\r\nX-TC-Language: en-US\r\n",
               action_of(call));
    return provider_tc3_sign(&key, buf_str(&out->url), buf_str(&out->body), &out->headers);
}

/* ---- what is answered */

static enum rc take_zone(struct provider_call *call, const struct json *info, struct err *err)
{
    return provider_take_zone(call, json_shown(info, "Domain"), json_shown(info, "Punycode"), err);
}

/* What is wanted may be there already, or gone; before that is believed of what is to be removed,
 * it is looked for some more times. */
static enum rc take_found(struct provider_call *call, uint64_t id)
{
    if (id == 0 && call->remove && call->looks < LOOKS_MAX) {
        call->looks++;
        call->seen = 0;
        call->pause = LOOK_AGAIN;
        return RC_OK;
    }
    call->listed = true;
    call->done = (id > 0) != call->remove;
    call->record = arena_printf(&call->arena, "%llu", (unsigned long long)id);
    return call->record.p ? RC_OK : RC_NOMEM;
}

static enum rc take_records(struct provider_call *call, const struct json *answer, struct err *err)
{
    struct str label = provider_below(call->name, call->zone);
    const struct json *list = json_get(answer, "RecordList"), *v;
    struct json_iter it = json_iter(list);
    uint64_t id = 0, before = call->seen;

    if (json_type(list) != JSON_ARRAY)
        return provider_strange(call, err);
    for (; json_next(&it, NULL, &v); call->seen++)
        if (str_eq(provider_unquote(json_shown(v, "Value")), call->value) &&
            str_eq(json_shown(v, "Type"), STR("TXT")) && str_ieq(json_shown(v, "Name"), label) &&
            json_shown_u64(v, "RecordId") > 0)
            id = json_shown_u64(v, "RecordId");
    if (id == 0 && call->seen > before &&
        call->seen < json_shown_u64(json_get(answer, "RecordCountInfo"), "TotalCount"))
        return RC_OK;
    return take_found(call, id);
}

static bool is_one_of(struct str code, const char *const *codes)
{
    for (; *codes; codes++)
        if (str_eq(code, str_of(*codes)))
            return true;
    return false;
}

/* {"Code":"ResourceNotFound.NoDataOfRecord","Message":"..."} */
static enum rc take_error(struct provider_call *call, int status, const struct json *error,
                          struct err *err)
{
    static const char *const busy[] = {"FailedOperation.FrequencyLimit",
                                       "FailedOperation.TemporaryError",
                                       "FailedOperation.UnknowError", /* sic: "no answer" */
                                       "InvalidParameter.OperationIsTooFrequent", NULL};
    static const char *const no_zone[] = {
        "InvalidParameterValue.DomainNotExists", "InvalidParameter.DomainInvalid",
        "FailedOperation.NotDomainOwner", "OperationDenied.NoPermissionToOperateDomain", NULL};
    struct str code = json_shown(error, "Code");

    if ((str_starts(code, STR("RequestLimitExceeded")) || str_starts(code, STR("InternalError")) ||
         is_one_of(code, busy)) &&
        provider_later(call))
        return RC_OK;
    if (call->zone.n == 0 &&
        (is_one_of(code, no_zone) || str_starts(code, STR("ResourceNotFound"))))
        return provider_next_zone(call, err);
    if (call->zone.n && !call->listed && str_eq(code, STR("ResourceNotFound.NoDataOfRecord")))
        return take_found(call, 0);
    if (call->listed && !call->remove && str_eq(code, STR("InvalidParameter.DomainRecordExist"))) {
        call->done = true; /* lists were late, or somebody added the same meanwhile */
        return RC_OK;
    }
    return provider_refused_code(call, status, code, json_shown(error, "Message"), err);
}

static enum rc take(struct provider_call *call, int status, struct str body, struct err *err)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    enum rc rc = body.n ? json_parse(body, PROVIDER_BODY_MAX, &doc, NULL) : RC_PARSE;
    const struct json *answer, *error;

    if (rc == RC_NOMEM)
        return rc;
    if (provider_busy(status) && provider_later(call))
        return RC_OK;
    answer = rc == RC_OK ? json_get(json_root(doc), "Response") : NULL;
    error = json_get(answer, "Error");
    if (error)
        return take_error(call, status, error, err);
    if (status < 200 || status >= 300)
        return provider_refused(call, status, body, err);
    if (json_type(answer) != JSON_OBJECT)
        return provider_strange(call, err);
    if (call->listed) {
        call->done = true;
        return RC_OK;
    }
    return call->zone.n ? take_records(call, answer, err)
                        : take_zone(call, json_get(answer, "DomainInfo"), err);
}

const struct provider_kind provider_tencent = {
    .name = "tencent",
    .no_zone = &msg_no_zone,
    .follows = true,
    .url = "https://dnspod.tencentcloudapi.com",
    .own = {[ID] = {"secret_id", .required = true},
            [KEY] = {"secret_key", .required = true, .secret = true},
            [TOKEN] = {"token", .secret = true},
            [LINE] = {"line", .initial = STR("\u9ed8\u8ba4")}, /* "default", its name everywhere */
            [ZONE] = {"zone"},
            [TTL] = {"ttl", .initial = STR("600")}},
    .ask = ask,
    .take = take,
};
