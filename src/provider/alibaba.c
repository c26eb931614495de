/* SPDX-License-Identifier: Apache-2.0 */
/* Alibaba Cloud DNS by its API of 2015-01-09: the action is in a header, what it is about in the
 * query, and both are signed. The domain is found by asking for one name after the other, longest
 * first; each value is a record of its own, which is added or deleted alone. */
#include "base/id.h"
#include "base/text.h"
#include "json/json.h"
#include "provider/acs3.h"
#include "provider/lines.h"
#include "provider/provider_int.h"

MSG(msg_no_zone, "provider.alibaba-no-zone",
    "with the key in {0}, {1} shows no domain that holds {2}; the key needs the actions "
    "DescribeDomainInfo, DescribeSubDomainRecords, AddDomainRecord and DeleteDomainRecord of "
    "alidns");

enum { KEY_ID, SECRET, TOKEN, ZONE, TTL, RECORDS_MAX = 100, NONCE = 16 };

/* ---- what is asked */

static const char *action_of(const struct provider_call *call)
{
    if (call->zone.n == 0)
        return "DescribeDomainInfo";
    if (!call->listed)
        return "DescribeSubDomainRecords";
    return call->remove ? "DeleteDomainRecord" : "AddDomainRecord";
}

/* In the order of the names, as the signature wants it. */
static void put_query(const struct provider_call *call, struct buf *out)
{
    if (call->zone.n && call->listed && call->remove) {
        buf_putz(out, "/?RecordId=");
        text_percent(out, call->record);
        return;
    }
    buf_putz(out, "/?DomainName=");
    text_percent(out, call->zone.n ? call->zone : call->at);
    if (call->zone.n && !call->listed) {
        buf_printf(out, "&PageNumber=%llu&PageSize=%d&SubDomain=",
                   (unsigned long long)call->seen / RECORDS_MAX + 1, RECORDS_MAX);
        text_percent(out, call->name);
        buf_putz(out, "&Type=TXT");
    } else if (call->zone.n) {
        buf_putz(out, "&RR=");
        text_percent(out, provider_below(call->name, call->zone));
        buf_printf(out, "&TTL=%llu&Type=TXT&Value=", (unsigned long long)call->p->ttl);
        text_percent(out, call->value);
    }
}

static enum rc sign(const struct provider_call *call, struct provider_ask *out, struct err *err)
{
    CLEANUP(buf_done) struct buf nonce = BUF_INIT(2 * NONCE);
    unsigned char random[NONCE];
    struct provider_acs3 key = {.key_id = provider_own(call->p, KEY_ID),
                                .secret = provider_own(call->p, SECRET),
                                .token = provider_own(call->p, TOKEN),
                                .action = action_of(call),
                                .version = "2015-01-09",
                                .now = call->now};

    TRY(provider_check_header(call, "access_key_id", key.key_id, err));
    TRY(provider_check_header(call, "security_token", key.token, err));
    TRY(id_random(random, sizeof(random)));
    text_hex(&nonce, str_bytes(random, sizeof(random)));
    TRY(buf_rc(&nonce));
    key.nonce = buf_str(&nonce);
    return provider_acs3_sign(&key, buf_str(&out->url), &out->headers);
}

static enum rc ask(struct provider_call *call, struct provider_ask *out, struct err *err)
{
    struct str zone = provider_own(call->p, ZONE);

    if (call->at.n == 0)
        call->at = zone.n ? provider_undot(zone) : call->from;
    out->method = "POST";
    provider_put_url(call, out, "");
    put_query(call, &out->url);
    TRY(buf_rc(&out->url));
    return sign(call, out, err);
}

/* ---- what is answered */

static enum rc take_zone(struct provider_call *call, const struct json *answer, struct err *err)
{
    return provider_take_zone(call, json_shown(answer, "DomainName"),
                              json_shown(answer, "PunyCode"), err);
}

/* What is wanted may be there already, or gone. */
static enum rc take_records(struct provider_call *call, const struct json *answer, struct err *err)
{
    struct str label = provider_below(call->name, call->zone), id = STR("");
    const struct json *list = json_get(json_get(answer, "DomainRecords"), "Record"), *v;
    struct json_iter it = json_iter(list);
    uint64_t before = call->seen;

    if (json_type(list) != JSON_ARRAY)
        return provider_strange(call, err);
    for (; json_next(&it, NULL, &v); call->seen++)
        if (str_eq(provider_unquote(json_shown(v, "Value")), call->value) &&
            str_eq(json_shown(v, "Type"), STR("TXT")) && str_ieq(json_shown(v, "RR"), label) &&
            provider_safe(json_shown(v, "RecordId")))
            id = json_shown(v, "RecordId");
    if (id.n == 0 && call->seen > before && call->seen < json_shown_u64(answer, "TotalCount"))
        return RC_OK;
    call->listed = true;
    call->done = (id.n > 0) != call->remove;
    return arena_str(&call->arena, id, &call->record);
}

/* Too many requests, or another change of the same domain is not through. */
static bool is_passing(int status, struct str code)
{
    return provider_busy(status) || str_starts(code, STR("Throttling")) ||
           str_eq(code, STR("LastOperationNotFinished"));
}

/* {"Code":"InvalidDomainName.NoExist","Message":"...","RequestId":"..."} */
static enum rc take_error(struct provider_call *call, int status, const struct json *answer,
                          struct str body, struct err *err)
{
    struct str code = json_shown(answer, "Code");

    if (is_passing(status, code) && provider_later(call))
        return RC_OK;
    if (call->zone.n == 0 &&
        (str_starts(code, STR("InvalidDomainName")) || str_eq(code, STR("IncorrectDomainUser"))))
        return provider_next_zone(call, err);
    if (call->listed && !call->remove && str_eq(code, STR("DomainRecordDuplicate"))) {
        call->done = true; /* somebody added the same meanwhile */
        return RC_OK;
    }
    return provider_refused_code(call, status, code, code.n ? json_shown(answer, "Message") : body,
                                 err);
}

static enum rc take(struct provider_call *call, int status, struct str body, struct err *err)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    enum rc rc = body.n ? json_parse(body, PROVIDER_BODY_MAX, &doc, NULL) : RC_PARSE;
    const struct json *answer = rc == RC_OK ? json_root(doc) : NULL;

    if (rc == RC_NOMEM)
        return rc;
    if (status < 200 || status >= 300)
        return take_error(call, status, answer, body, err);
    if (json_type(answer) != JSON_OBJECT)
        return provider_strange(call, err);
    if (call->listed) {
        call->done = true;
        return RC_OK;
    }
    return call->zone.n ? take_records(call, answer, err) : take_zone(call, answer, err);
}

const struct provider_kind provider_alibaba = {
    .name = "alibaba",
    .no_zone = &msg_no_zone,
    .follows = true,
    .url = "https://alidns.aliyuncs.com",
    .own = {[KEY_ID] = {"access_key_id", .required = true},
            [SECRET] = {"access_key_secret", .required = true, .secret = true},
            [TOKEN] = {"security_token", .secret = true},
            [ZONE] = {"zone"},
            [TTL] = {"ttl", .initial = STR("600")}},
    .ask = ask,
    .take = take,
};
