/* SPDX-License-Identifier: Apache-2.0 */
/* Tencent Cloud's DNSPod by its API 3.0, version 2021-03-23: every question is JSON, posted with its
 * action in a header and signed by TC3-HMAC-SHA256, and every answer has status 200. The domain is
 * found by asking for one name after the other, longest first; each value is a record of its own. */
#include "json/json.h"
#include "json/out.h"
#include "provider/digest.h"
#include "provider/lines.h"
#include "provider/provider_int.h"

MSG(msg_no_zone, "provider.tencent-no-zone",
    "with the key in {0}, {1} shows no domain that holds {2}; the key needs the actions "
    "DescribeDomain, DescribeRecordList, CreateRecord and DeleteRecord of dnspod");

enum { ID, KEY, TOKEN, LINE, ZONE, TTL, TEXT_MAX = 4096, SCOPE_MAX = 64, DAY = 10, RECORDS_MAX = 100 };

#define TYPE "application/json; charset=utf-8"
#define SERVICE "dnspod"

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

static enum rc put_canonical(struct str url, struct str body, struct buf *out)
{
    buf_putz(out, "POST\n/\n\ncontent-type:" TYPE "\nhost:");
    TRY(provider_put_host(out, url));
    buf_putz(out, "\n\ncontent-type;host\n");
    return provider_put_sha256(out, body);
}

static enum rc sign(const struct provider_call *call, struct provider_ask *out)
{
    CLEANUP(buf_done) struct buf canonical = BUF_INIT(TEXT_MAX), text = BUF_INIT(TEXT_MAX);
    unsigned char by[CRYPTO_SHA256_BYTES];
    char now[WHEN_TEXT];
    struct str day = str_head(str_of(when_text(call->now, now)), DAY);
    long long seconds = (long long)(call->now / WHEN_SECOND);

    TRY(put_canonical(buf_str(&out->url), buf_str(&out->body), &canonical));
    buf_printf(&text, "TC3-HMAC-SHA256\n%lld\n%.*s/" SERVICE "/tc3_request\n", seconds, STR_ARG(day));
    TRY(provider_put_sha256(&text, buf_str(&canonical)));
    TRY(provider_derive("TC3", provider_own(call->p, KEY),
                        (const struct str[]){day, STR(SERVICE), STR("tc3_request")}, 3, by));
    buf_printf(&out->headers, "X-TC-Action: %s\r\nX-TC-Version: 2021-03-23\r\nX-TC-Timestamp: %lld\r\n",
               action_of(call), seconds);
    if (provider_own(call->p, TOKEN).n)
        buf_printf(&out->headers, "X-TC-Token: %.*s\r\n", STR_ARG(provider_own(call->p, TOKEN)));
    buf_printf(&out->headers,
               "Authorization: TC3-HMAC-SHA256 Credential=%.*s/%.*s/" SERVICE "/tc3_request, "
               "SignedHeaders=content-type;host, Signature=",
               STR_ARG(provider_own(call->p, ID)), STR_ARG(day));
    TRY(provider_put_hmac(&out->headers, str_bytes(by, sizeof(by)), buf_str(&text)));
    buf_putz(&out->headers, "\r\n");
    return RC_OK;
}

static enum rc ask(struct provider_call *call, struct provider_ask *out, struct err *err)
{
    struct str zone = provider_own(call->p, ZONE);

    if (call->at.n == 0)
        call->at = zone.n ? zone : call->identifier;
    TRY(provider_check_header(call, "secret_id", provider_own(call->p, ID), err));
    TRY(provider_check_header(call, "token", provider_own(call->p, TOKEN), err));
    out->method = "POST";
    out->content_type = TYPE;
    provider_put_url(call, out, "/");
    TRY(buf_rc(&out->url));
    TRY(put_body(call, &out->body));
    return sign(call, out);
}

/* ---- what is answered */

static enum rc no_zone(const struct provider_call *call, struct err *err)
{
    return ERR(err, RC_NOTFOUND, msg_no_zone, str_of(call->p->file), call->p->values[PROVIDER_URL],
               call->name);
}

/* No such domain, or no name that a domain can have. */
static enum rc take_no_zone(struct provider_call *call, struct err *err)
{
    if (provider_own(call->p, ZONE).n == 0 && provider_shorten(&call->at))
        return RC_OK;
    return no_zone(call, err);
}

static enum rc take_zone(struct provider_call *call, const struct json *answer, struct err *err)
{
    if (json_type(json_get(answer, "DomainInfo")) != JSON_OBJECT)
        return provider_strange(call, err);
    if (provider_below(call->name, call->at).n == 0)
        return no_zone(call, err);
    return arena_str(&call->arena, call->at, &call->zone);
}

/* What is wanted may be there already, or gone. */
static enum rc take_records(struct provider_call *call, const struct json *list)
{
    struct str label = provider_below(call->name, call->zone);
    struct json_iter it = json_iter(list);
    const struct json *v;
    uint64_t id = 0, found = 0;

    while (json_next(&it, NULL, &v))
        if (str_eq(provider_unquote(json_shown(v, "Value")), call->value) &&
            str_eq(json_shown(v, "Type"), STR("TXT")) && str_ieq(json_shown(v, "Name"), label) &&
            json_u64(json_get(v, "RecordId"), &id) == RC_OK)
            found = id;
    call->listed = true;
    call->done = (found > 0) != call->remove;
    call->record = arena_printf(&call->arena, "%llu", (unsigned long long)found);
    return call->record.p ? RC_OK : RC_NOMEM;
}

/* {"Code":"ResourceNotFound.NoDataOfRecord","Message":"..."} */
static enum rc take_error(struct provider_call *call, int status, const struct json *error,
                          struct err *err)
{
    struct str code = json_shown(error, "Code"), said;

    if (call->zone.n == 0 && (str_starts(code, STR("InvalidParameter")) ||
                              str_starts(code, STR("ResourceNotFound"))))
        return take_no_zone(call, err);
    if (call->zone.n && !call->listed && str_eq(code, STR("ResourceNotFound.NoDataOfRecord")))
        return take_records(call, NULL);
    said = arena_printf(&call->arena, "%.*s: %.*s", STR_ARG(code),
                        STR_ARG(json_shown(error, "Message")));
    return said.p ? provider_refused(call, status, said, err) : RC_NOMEM;
}

static enum rc take(struct provider_call *call, int status, struct str body, struct err *err)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    enum rc rc = body.n ? json_parse(body, PROVIDER_BODY_MAX, &doc, NULL) : RC_PARSE;
    const struct json *answer, *error;

    if (rc == RC_NOMEM)
        return rc;
    if (rc != RC_OK && (status < 200 || status >= 300))
        return provider_refused(call, status, body, err);
    answer = rc == RC_OK ? json_get(json_root(doc), "Response") : NULL;
    if (json_type(answer) != JSON_OBJECT)
        return provider_strange(call, err);
    error = json_get(answer, "Error");
    if (error)
        return take_error(call, status, error, err);
    if (call->listed) {
        call->done = true;
        return RC_OK;
    }
    return call->zone.n ? take_records(call, json_get(answer, "RecordList"))
                        : take_zone(call, answer, err);
}

const struct provider_kind provider_tencent = {
    .name = "tencent",
    .url = "https://dnspod.tencentcloudapi.com",
    .own = {[ID] = {"secret_id", .required = true},
            [KEY] = {"secret_key", .required = true},
            [TOKEN] = {"token"},
            [LINE] = {"line", .initial = STR("\u9ed8\u8ba4")}, /* "default", its name everywhere */
            [ZONE] = {"zone"},
            [TTL] = {"ttl", .initial = STR("600")}},
    .ask = ask,
    .take = take,
};
