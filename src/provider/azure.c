/* SPDX-License-Identifier: Apache-2.0 */
/* Azure DNS by the API of Azure Resource Manager, version 2018-05-01 of Microsoft.Network/dnsZones.
 * A client of the tenant gets a token first (RFC 6749 section 4.4), which all records share until
 * shortly before it ends. The zone is the longest of those of the resource group that holds the
 * name; the set of values at the name is read, and written with ours or without as long as it is
 * still the one that was read (RFC 9110 section 13.1): if somebody else was faster, that fails, and
 * begins again with reading. */
#include "base/text.h"
#include "http/url.h"
#include "json/json.h"
#include "json/out.h"
#include "provider/lines.h"
#include "provider/provider_int.h"

MSG(msg_no_zone, "provider.azure-no-zone",
    "with the client in {0}, {1} shows no public zone that holds {2}, in that resource group; the "
    "client needs the role DNS Zone Contributor there");
MSG(msg_next, "provider.azure-next",
    "the list of zones of {0} goes on at \"{1}\", which is another server; it is not asked");

enum {
    TENANT,
    CLIENT,
    SECRET,
    SUBSCRIPTION,
    GROUP,
    ZONE,
    TTL,
    LOGIN,
    SCOPE,
    WORD_MAX = PROVIDER_TOKEN_MAX + 16,
    EXPIRES_MAX = 86400,
};

#define VERSION "?api-version=2018-05-01"
/* A token is not used any more when less than that is left of it, or than half of it. */
#define TOKEN_EARLY (2 * WHEN_MINUTE)

/* ---- what is asked */

static void put_field(struct buf *out, const char *name, struct str value)
{
    buf_printf(out, "%s%s=", out->n ? "&" : "", name);
    text_percent(out, value);
}

static enum rc ask_token(const struct provider_call *call, struct provider_ask *out)
{
    CLEANUP(buf_done) struct buf scope = BUF_INIT(PROVIDER_URL_MAX);
    const struct provider *p = call->p;

    if (provider_own(p, SCOPE).n)
        buf_puts(&scope, provider_own(p, SCOPE));
    else
        provider_put_base(p->values[PROVIDER_URL], "/.default", &scope);
    TRY(buf_rc(&scope));
    out->method = "POST";
    out->content_type = "application/x-www-form-urlencoded";
    provider_put_base(provider_own(p, LOGIN), "/", &out->url);
    text_percent(&out->url, provider_own(p, TENANT));
    buf_putz(&out->url, "/oauth2/v2.0/token");
    put_field(&out->body, "client_id", provider_own(p, CLIENT));
    put_field(&out->body, "client_secret", provider_own(p, SECRET));
    put_field(&out->body, "grant_type", STR("client_credentials"));
    put_field(&out->body, "scope", buf_str(&scope));
    return RC_OK;
}

static enum rc put_token(const struct provider_call *call, struct provider_ask *out,
                         struct err *err)
{
    CLEANUP(buf_wipe) struct buf word = BUF_INIT(WORD_MAX);

    buf_putz(&word, "Bearer ");
    buf_puts(&word, buf_str(&call->p->token));
    TRY(buf_rc(&word));
    return provider_put_header(call, out, "Authorization", buf_str(&word), err);
}

static void put_url(const struct provider_call *call, struct provider_ask *out)
{
    provider_put_url(call, out, "/subscriptions/");
    text_percent(&out->url, provider_own(call->p, SUBSCRIPTION));
    buf_putz(&out->url, "/resourceGroups/");
    text_percent(&out->url, provider_own(call->p, GROUP));
    buf_putz(&out->url, "/providers/Microsoft.Network/dnsZones");
    if (call->zone.n) {
        struct str label = provider_below(call->name, call->zone);

        buf_putz(&out->url, "/");
        text_percent(&out->url, call->zone);
        buf_printf(&out->url, "/TXT/%.*s", STR_ARG(label));
    }
    buf_putz(&out->url, VERSION);
}

/* call->keep has the records that stay, call->extra what else belongs to the set. */
static enum rc put_set(const struct provider_call *call, struct buf *out)
{
    struct str rest = call->keep, one;
    struct json_out o;

    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    json_key(&o, "properties");
    json_obj(&o);
    json_kv_u64(&o, "TTL", call->record.n ? call->ttl : call->p->ttl);
    if (call->extra.n) {
        json_key(&o, "metadata");
        json_put_raw(&o, call->extra);
    }
    json_key(&o, "TXTRecords");
    json_arr(&o);
    while (str_next(&rest, '\n', &one))
        json_put_raw(&o, one);
    if (!call->remove) {
        json_obj(&o);
        json_kv_strs(&o, "value", &call->value, 1);
        json_end(&o);
    }
    json_end(&o);
    json_end(&o);
    json_end(&o);
    return json_out_done(&o);
}

/* Only if the set is still the one that was read, or there is still none. */
static enum rc ask_change(const struct provider_call *call, struct provider_ask *out,
                          struct err *err)
{
    bool last = call->remove && call->keep.n == 0;

    if (call->record.n)
        TRY(provider_put_header(call, out, "If-Match", call->record, err));
    else
        TRY(provider_put_header(call, out, "If-None-Match", STR("*"), err));
    out->method = last ? "DELETE" : "PUT";
    return last ? RC_OK : put_set(call, &out->body);
}

static enum rc no_zone(const struct provider_call *call, struct err *err)
{
    return ERR(err, RC_NOTFOUND, msg_no_zone, str_of(call->p->file), call->p->values[PROVIDER_URL],
               call->name);
}

static enum rc ask(struct provider_call *call, struct provider_ask *out, struct err *err)
{
    struct provider *p = call->p;

    if (call->zone.n == 0)
        call->zone = provider_undot(provider_own(p, ZONE));
    if (call->zone.n && provider_below(call->name, call->zone).n == 0)
        return no_zone(call, err);
    if (call->now >= p->token_end)
        buf_wipe(&p->token);
    if (p->token.n == 0)
        return ask_token(call, out);
    TRY(put_token(call, out, err));
    out->method = "GET";
    if (call->next.n)
        buf_puts(&out->url, call->next);
    else
        put_url(call, out);
    return call->listed ? ask_change(call, out, err) : RC_OK;
}

/* ---- what is answered */

/* {"token_type":"Bearer","expires_in":3599,"access_token":"..."} */
static enum rc take_token(const struct provider_call *call, const struct json *answer,
                          struct err *err)
{
    struct provider *p = call->p;
    struct str token = json_shown(answer, "access_token");
    uint64_t seconds = json_shown_u64(answer, "expires_in");
    int64_t lasts = (int64_t)(seconds < EXPIRES_MAX ? seconds : EXPIRES_MAX) * WHEN_SECOND;

    if (token.n == 0 || token.n > PROVIDER_TOKEN_MAX || !str_printable(token) || lasts == 0)
        return provider_strange_at(call, provider_own(p, LOGIN), err);
    buf_wipe(&p->token);
    buf_puts(&p->token, token);
    TRY(buf_rc(&p->token));
    p->token_end = call->now + lasts - (lasts / 2 < TOKEN_EARLY ? lasts / 2 : TOKEN_EARLY);
    return RC_OK;
}

/* The token goes nowhere else than where the API is. */
static bool is_there(const struct provider *p, struct str link)
{
    struct http_url api, next;

    return link.n < PROVIDER_URL_MAX && http_url_parse(link, &next, NULL) == RC_OK &&
           http_url_parse(p->values[PROVIDER_URL], &api, NULL) == RC_OK &&
           http_url_same_origin(&api, &next);
}

/* {"value":[{"name":"hospital.example","properties":{"zoneType":"Public"}}],"nextLink":"..."} */
static enum rc take_zones(struct provider_call *call, const struct json *answer, struct err *err)
{
    const struct json *list = json_get(answer, "value"), *v;
    struct json_iter it = json_iter(list);
    struct str next = json_shown(answer, "nextLink"), best = call->record;

    if (json_type(list) != JSON_ARRAY)
        return provider_strange(call, err);
    while (json_next(&it, NULL, &v)) {
        struct str name = json_shown(v, "name");

        if (name.n > best.n && provider_safe(name) && provider_below(call->name, name).n &&
            !str_ieq(json_shown(json_get(v, "properties"), "zoneType"), STR("Private")))
            best = name;
    }
    TRY(arena_str(&call->arena, best, &call->record));
    if (next.n && !is_there(call->p, next))
        return ERR(err, RC_DENIED, msg_next, call->p->values[PROVIDER_URL], next);
    TRY(arena_str(&call->arena, next, &call->next));
    if (next.n)
        return RC_OK;
    if (best.n == 0)
        return no_zone(call, err);
    call->zone = call->record;
    call->record = STR("");
    return RC_OK;
}

/* A record is its strings, one behind the other; ours is a single one. RC_PARSE. */
static enum rc keep_record(const struct provider_call *call, const struct json *record,
                           struct buf *keep, bool *found)
{
    const struct json *strings = json_get(record, "value"), *v;
    struct json_iter it = json_iter(strings);
    struct str text;
    struct json_out o;

    if (json_type(strings) != JSON_ARRAY)
        return RC_PARSE;
    if (json_len(strings) == 1 && json_next(&it, NULL, &v) && json_str(v, &text) == RC_OK &&
        str_eq(text, call->value)) {
        *found = true;
        return RC_OK;
    }
    if (keep->n)
        buf_putz(keep, "\n");
    json_out_init(&o, keep, JSON_COMPACT);
    json_obj(&o);
    json_key(&o, "value");
    json_arr(&o);
    for (it = json_iter(strings); json_next(&it, NULL, &v);) {
        if (json_str(v, &text) != RC_OK)
            return RC_PARSE;
        json_put_str(&o, text);
    }
    json_end(&o);
    json_end(&o);
    return json_out_done(&o);
}

static enum rc keep_metadata(const struct json *metadata, struct buf *extra)
{
    struct json_iter it = json_iter(metadata);
    struct str name, text;
    const struct json *v;
    struct json_out o;

    if (json_len(metadata) == 0)
        return RC_OK;
    json_out_init(&o, extra, JSON_COMPACT);
    json_obj(&o);
    while (json_next(&it, &name, &v)) {
        if (json_str(v, &text) != RC_OK)
            return RC_PARSE;
        json_key_str(&o, name);
        json_put_str(&o, text);
    }
    json_end(&o);
    return json_out_done(&o);
}

/* What is there is kept as it is: records of others, time to live and metadata. */
static enum rc read_set(struct provider_call *call, const struct json *set, bool *found)
{
    CLEANUP(buf_done) struct buf keep = BUF_INIT(PROVIDER_ASK_MAX / 4);
    CLEANUP(buf_done) struct buf extra = BUF_INIT(PROVIDER_ASK_MAX / 4);
    const struct json *properties = json_get(set, "properties"), *v;
    struct json_iter it = json_iter(json_get(properties, "TXTRecords"));
    struct str etag = json_shown(set, "etag");

    if (etag.n == 0 || !str_printable(etag) || json_type(properties) != JSON_OBJECT)
        return RC_PARSE;
    while (json_next(&it, NULL, &v))
        TRY(keep_record(call, v, &keep, found));
    TRY(keep_metadata(json_get(properties, "metadata"), &extra));
    call->ttl = json_shown_u64(properties, "TTL");
    TRY(arena_str(&call->arena, etag, &call->record));
    TRY(arena_str(&call->arena, buf_str(&extra), &call->extra));
    return arena_str(&call->arena, buf_str(&keep), &call->keep);
}

/* What is wanted may be there already, or gone. `set` is NULL when there is none. */
static enum rc take_set(struct provider_call *call, const struct json *set, struct err *err)
{
    bool found = false;
    enum rc rc = RC_OK;

    call->record = call->keep = call->extra = STR("");
    if (set)
        rc = read_set(call, set, &found);
    if (rc == RC_PARSE)
        return provider_strange(call, err);
    call->listed = rc == RC_OK;
    call->done = call->listed && found != call->remove;
    return rc;
}

/* {"error":{"code":"AuthorizationFailed","message":"..."}}, the same without "error" around it, or
 * {"error":"invalid_client","error_description":"AADSTS7000215: ..."} of the login (RFC 6749
 * section 5.2). */
static enum rc refused(struct provider_call *call, int status, const struct json *answer,
                       struct str body, struct err *err)
{
    const struct json *error = json_get(answer, "error");
    struct str at = call->p->values[call->p->token.n ? PROVIDER_URL : PROVIDER_OWN + LOGIN];
    struct str code = json_shown(answer, "error"),
               message = json_shown(answer, "error_description");

    if (code.n == 0) {
        error = json_type(error) == JSON_OBJECT ? error : answer;
        code = json_shown(error, "code");
        message = json_shown(error, "message");
    }
    return provider_refused_at(call, at, status, code, code.n ? message : body, err);
}

/* What is no success may be no end either. */
static enum rc take_other(struct provider_call *call, int status, const struct json *answer,
                          struct str body, struct err *err)
{
    if (status == 401 && !call->renewed) {
        call->renewed = true; /* it may have been withdrawn, or the clock is wrong */
        buf_wipe(&call->p->token);
        return RC_OK;
    }
    if (status == 412 && call->listed && provider_raced(call))
        return RC_OK;
    if (status == 404 && call->zone.n && !call->listed)
        return take_set(call, NULL, err);
    if (status == 404 && call->listed && call->remove) {
        call->done = true;
        return RC_OK;
    }
    return refused(call, status, answer, body, err);
}

static enum rc take_good(struct provider_call *call, const struct json *answer, struct err *err)
{
    if (call->listed) {
        call->done = true;
        return RC_OK;
    }
    if (json_type(answer) != JSON_OBJECT)
        return provider_strange(call, err);
    return call->zone.n ? take_set(call, answer, err) : take_zones(call, answer, err);
}

static enum rc take(struct provider_call *call, int status, struct str body, struct err *err)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    enum rc rc = body.n ? json_parse(body, PROVIDER_BODY_MAX, &doc, NULL) : RC_PARSE;
    const struct json *answer = rc == RC_OK ? json_root(doc) : NULL;
    bool good = status >= 200 && status < 300;

    if (rc == RC_NOMEM)
        return rc;
    if (provider_busy(status) && provider_later(call))
        return RC_OK;
    if (call->p->token.n == 0)
        return good ? take_token(call, answer, err) : refused(call, status, answer, body, err);
    return good ? take_good(call, answer, err) : take_other(call, status, answer, body, err);
}

const struct provider_kind provider_azure = {
    .name = "azure",
    .follows = true,
    .url = "https://management.azure.com",
    .own = {[TENANT] = {"tenant", .required = true},
            [CLIENT] = {"client_id", .required = true},
            [SECRET] = {"client_secret", .required = true, .secret = true},
            [SUBSCRIPTION] = {"subscription", .required = true},
            [GROUP] = {"resource_group", .required = true},
            [ZONE] = {"zone"},
            [TTL] = {"ttl", .initial = STR("60")},
            [LOGIN] = {"login", .initial = STR("https://login.microsoftonline.com")},
            [SCOPE] = {"scope"}},
    .ask = ask,
    .take = take,
};
