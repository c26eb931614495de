/* SPDX-License-Identifier: Apache-2.0 */
/* Alibaba Cloud DNS by its API of 2015-01-09: the action is in a header, what it is about in the
 * query, and both are signed by ACS3-HMAC-SHA256. The domain is found by asking for one name after
 * the other, longest first; each value is a record of its own. */
#include "base/id.h"
#include "base/text.h"
#include "json/json.h"
#include "provider/digest.h"
#include "provider/lines.h"
#include "provider/provider_int.h"

MSG(msg_no_zone, "provider.alibaba-no-zone",
    "with the key in {0}, {1} shows no domain that holds {2}; the key needs the actions "
    "DescribeDomainInfo, DescribeSubDomainRecords, AddDomainRecord and DeleteDomainRecord of alidns");

enum { KEY_ID, SECRET, TOKEN, ZONE, TTL, TEXT_MAX = 8192, RECORDS_MAX = 100, NONCE = 16 };

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
        buf_putz(out, "RecordId=");
        text_percent(out, call->record);
        return;
    }
    buf_putz(out, "DomainName=");
    text_percent(out, call->zone.n ? call->zone : call->at);
    if (call->zone.n && !call->listed) {
        buf_printf(out, "&PageSize=%d&SubDomain=", RECORDS_MAX);
        text_percent(out, call->name);
        buf_putz(out, "&Type=TXT");
    } else if (call->zone.n) {
        buf_putz(out, "&RR=");
        text_percent(out, provider_below(call->name, call->zone));
        buf_printf(out, "&TTL=%llu&Type=TXT&Value=", (unsigned long long)call->p->ttl);
        text_percent(out, call->value);
    }
}

/* All headers that are signed, each with its line end, in the order of their names. */
static enum rc put_headers(const struct provider_call *call, struct str url, const char *end,
                           const char *nonce, struct buf *out)
{
    char now[WHEN_TEXT];
    struct str token = provider_own(call->p, TOKEN);

    if (url.n) {
        buf_putz(out, "host:");
        TRY(provider_put_host(out, url));
        buf_putz(out, end);
    }
    buf_printf(out, "x-acs-action:%s%sx-acs-content-sha256:", action_of(call), end);
    TRY(provider_put_sha256(out, STR("")));
    buf_printf(out, "%sx-acs-date:%s%s", end, when_text(call->now, now), end);
    if (token.n)
        buf_printf(out, "x-acs-security-token:%.*s%s", STR_ARG(token), end);
    buf_printf(out, "x-acs-signature-nonce:%s%sx-acs-version:2015-01-09%s", nonce, end, end);
    return buf_rc(out);
}

static enum rc put_nonce(char out[static 2 * NONCE + 1])
{
    CLEANUP(buf_done) struct buf hex = BUF_INIT(2 * NONCE);
    unsigned char random[NONCE];

    TRY(id_random(random, sizeof(random)));
    text_hex(&hex, str_bytes(random, sizeof(random)));
    TRY(buf_rc(&hex));
    return str_copyz(buf_str(&hex), out, 2 * NONCE + 1);
}

static enum rc sign(const struct provider_call *call, struct provider_ask *out, struct str query)
{
    CLEANUP(buf_done) struct buf canonical = BUF_INIT(TEXT_MAX), text = BUF_INIT(TEXT_MAX);
    const char *names = provider_own(call->p, TOKEN).n
                            ? "host;x-acs-action;x-acs-content-sha256;x-acs-date;"
                              "x-acs-security-token;x-acs-signature-nonce;x-acs-version"
                            : "host;x-acs-action;x-acs-content-sha256;x-acs-date;"
                              "x-acs-signature-nonce;x-acs-version";
    char nonce[2 * NONCE + 1];

    TRY(put_nonce(nonce));
    buf_printf(&canonical, "POST\n/\n%.*s\n", STR_ARG(query));
    TRY(put_headers(call, buf_str(&out->url), "\n", nonce, &canonical));
    buf_printf(&canonical, "\n%s\n", names);
    TRY(provider_put_sha256(&canonical, STR("")));
    buf_putz(&text, "ACS3-HMAC-SHA256\n");
    TRY(provider_put_sha256(&text, buf_str(&canonical)));
    TRY(put_headers(call, STR(""), "\r\n", nonce, &out->headers));
    buf_printf(&out->headers,
               "Authorization: ACS3-HMAC-SHA256 Credential=%.*s,SignedHeaders=%s,Signature=",
               STR_ARG(provider_own(call->p, KEY_ID)), names);
    TRY(provider_put_hmac(&out->headers, provider_own(call->p, SECRET), buf_str(&text)));
    buf_putz(&out->headers, "\r\n");
    return RC_OK;
}

static enum rc ask(struct provider_call *call, struct provider_ask *out, struct err *err)
{
    CLEANUP(buf_done) struct buf query = BUF_INIT(PROVIDER_URL_MAX);
    struct str zone = provider_own(call->p, ZONE);

    if (call->at.n == 0)
        call->at = zone.n ? zone : call->identifier;
    TRY(provider_check_header(call, "access_key_id", provider_own(call->p, KEY_ID), err));
    TRY(provider_check_header(call, "security_token", provider_own(call->p, TOKEN), err));
    out->method = "POST";
    put_query(call, &query);
    TRY(buf_rc(&query));
    provider_put_url(call, out, "/?");
    buf_puts(&out->url, buf_str(&query));
    TRY(buf_rc(&out->url));
    return sign(call, out, buf_str(&query));
}

/* ---- what is answered */

static enum rc no_zone(const struct provider_call *call, struct err *err)
{
    return ERR(err, RC_NOTFOUND, msg_no_zone, str_of(call->p->file), call->p->values[PROVIDER_URL],
               call->name);
}

static enum rc take_zone(struct provider_call *call, const struct json *answer, struct err *err)
{
    if (json_shown(answer, "DomainName").n == 0)
        return provider_strange(call, err);
    if (provider_below(call->name, call->at).n == 0)
        return no_zone(call, err);
    return arena_str(&call->arena, call->at, &call->zone);
}

/* What is wanted may be there already, or gone. */
static enum rc take_records(struct provider_call *call, const struct json *answer, struct err *err)
{
    struct str label = provider_below(call->name, call->zone), id = STR("");
    const struct json *list = json_get(json_get(answer, "DomainRecords"), "Record"), *v;
    struct json_iter it = json_iter(list);

    if (json_type(list) != JSON_ARRAY)
        return provider_strange(call, err);
    while (json_next(&it, NULL, &v))
        if (str_eq(provider_unquote(json_shown(v, "Value")), call->value) &&
            str_eq(json_shown(v, "Type"), STR("TXT")) && str_ieq(json_shown(v, "RR"), label) &&
            provider_safe(json_shown(v, "RecordId")))
            id = json_shown(v, "RecordId");
    call->listed = true;
    call->done = (id.n > 0) != call->remove;
    return arena_str(&call->arena, id, &call->record);
}

/* {"Code":"InvalidDomainName.NoExist","Message":"...","RequestId":"..."} */
static enum rc take_error(struct provider_call *call, int status, const struct json *answer,
                          struct str body, struct err *err)
{
    struct str code = json_shown(answer, "Code"), said = body;

    if (call->zone.n == 0 && str_starts(code, STR("InvalidDomainName"))) {
        if (provider_own(call->p, ZONE).n == 0 && provider_shorten(&call->at))
            return RC_OK;
        return no_zone(call, err);
    }
    if (code.n)
        said = arena_printf(&call->arena, "%.*s: %.*s", STR_ARG(code),
                            STR_ARG(json_shown(answer, "Message")));
    return said.p || !said.n ? provider_refused(call, status, said, err) : RC_NOMEM;
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
    .url = "https://alidns.aliyuncs.com",
    .own = {[KEY_ID] = {"access_key_id", .required = true},
            [SECRET] = {"access_key_secret", .required = true},
            [TOKEN] = {"security_token"},
            [ZONE] = {"zone"},
            [TTL] = {"ttl", .initial = STR("600")}},
    .ask = ask,
    .take = take,
};
