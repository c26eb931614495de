/* SPDX-License-Identifier: Apache-2.0 */
/* Cloudflare's DNS by its HTTP API, version 4: the zone is found by asking for one name after the
 * other, longest first; each value is a record of its own, which is added or deleted alone. */
#include "base/text.h"
#include "json/json.h"
#include "json/out.h"
#include "provider/lines.h"
#include "provider/provider_int.h"

MSG(msg_no_zone, "provider.cloudflare-no-zone",
    "the token in {0} reaches no zone at {1} that holds {2}; it needs the permissions Zone:Read "
    "and DNS:Edit for it");
enum {
    TOKEN,
    ZONE,
    TTL,
    TOKEN_MAX = 1024,
    IDENTICAL = 81058 /* "An identical record exists" */,
    ZONES_MAX = 50,
    RECORDS_MAX = 100
};

/* ---- what is asked */

static void put_page(const struct provider_call *call, unsigned size, struct buf *out)
{
    buf_printf(out, "&per_page=%u&page=%llu", size, (unsigned long long)call->seen / size + 1);
}

static void put_records(const struct provider_call *call, struct provider_ask *out)
{
    provider_put_url(call, out, "/zones/");
    buf_puts(&out->url, call->zone);
    buf_putz(&out->url, "/dns_records");
}

static enum rc put_record(struct provider_call *call, struct buf *out)
{
    struct str value = arena_printf(&call->arena, "\"%.*s\"", STR_ARG(call->value));
    struct json_out o;

    if (!value.p)
        return RC_NOMEM;
    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    json_kv_z(&o, "type", "TXT");
    json_kv_str(&o, "name", call->name);
    json_kv_str(&o, "content", value);
    json_kv_u64(&o, "ttl", call->p->ttl);
    json_end(&o);
    return json_out_done(&o);
}

static enum rc put_token(const struct provider_call *call, struct provider_ask *out,
                         struct err *err)
{
    CLEANUP(buf_wipe) struct buf word = BUF_INIT(TOKEN_MAX);

    buf_putz(&word, "Bearer ");
    buf_puts(&word, provider_own(call->p, TOKEN));
    TRY(buf_rc(&word));
    return provider_put_header(call, out, "Authorization", buf_str(&word), err);
}

static enum rc ask(struct provider_call *call, struct provider_ask *out, struct err *err)
{
    struct str zone = provider_own(call->p, ZONE);

    if (call->at.n == 0)
        call->at = zone.n ? zone : call->from;
    TRY(put_token(call, out, err));
    out->method = "GET";
    if (call->zone.n == 0) {
        provider_put_url(call, out, "/zones?name=");
        text_percent(&out->url, call->at);
        put_page(call, ZONES_MAX, &out->url);
        return RC_OK;
    }
    put_records(call, out);
    if (!call->listed) {
        buf_printf(&out->url, "?type=TXT&name=%.*s", STR_ARG(call->name));
        put_page(call, RECORDS_MAX, &out->url);
        return RC_OK;
    }
    out->method = call->remove ? "DELETE" : "POST";
    if (!call->remove)
        return put_record(call, &out->body);
    buf_printf(&out->url, "/%.*s", STR_ARG(call->record));
    return RC_OK;
}

/* ---- what is answered */

/* {"result":[...],"result_info":{"page":1,"total_count":120}}: there is more behind the page with
 * `n` elements. */
static bool goes_on(struct provider_call *call, const struct json *answer, size_t n)
{
    call->seen += n;
    return n > 0 && call->seen < json_shown_u64(json_get(answer, "result_info"), "total_count");
}

static enum rc take_zone(struct provider_call *call, const struct json *answer, struct err *err)
{
    const struct json *list = json_get(answer, "result");
    struct json_iter it = json_iter(list);
    const struct json *v;

    while (json_next(&it, NULL, &v))
        if (str_ieq(json_shown(v, "name"), call->at) && provider_safe(json_shown(v, "id"))) {
            call->seen = 0;
            return arena_str(&call->arena, json_shown(v, "id"), &call->zone);
        }
    if (goes_on(call, answer, json_len(list)))
        return RC_OK;
    call->seen = 0;
    return provider_next_zone(call, err);
}

/* What is wanted may be there already, or gone. */
static enum rc take_records(struct provider_call *call, const struct json *answer)
{
    const struct json *list = json_get(answer, "result");
    struct json_iter it = json_iter(list);
    struct str id = STR("");
    const struct json *v;

    while (json_next(&it, NULL, &v))
        if (str_eq(provider_unquote(json_shown(v, "content")), call->value) &&
            str_ieq(json_shown(v, "name"), call->name) && provider_safe(json_shown(v, "id")))
            id = json_shown(v, "id");
    if (id.n == 0 && goes_on(call, answer, json_len(list)))
        return RC_OK;
    call->listed = true;
    call->done = (id.n > 0) != call->remove;
    return arena_str(&call->arena, id, &call->record);
}

/* {"success":false,"errors":[{"code":..., "message":"..."}], ...} */
static enum rc refused(struct provider_call *call, int status, const struct json *answer,
                       struct str body, struct err *err)
{
    struct json_iter it = json_iter(json_get(answer, "errors"));
    const struct json *first = NULL;

    if (provider_busy(status) && provider_later(call))
        return RC_OK;
    if (call->listed && call->remove && status == 404) {
        call->done = true; /* gone since then */
        return RC_OK;
    }
    if (json_next(&it, NULL, &first) && json_shown(first, "message").n)
        body = json_shown(first, "message");
    if (call->listed && !call->remove && json_shown_u64(first, "code") == IDENTICAL) {
        call->done = true; /* made since then, perhaps by ourselves */
        return RC_OK;
    }
    return provider_refused(call, status, body, err);
}

static enum rc take(struct provider_call *call, int status, struct str body, struct err *err)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    enum rc rc = body.n ? json_parse(body, PROVIDER_BODY_MAX, &doc, NULL) : RC_PARSE;
    const struct json *result;
    bool success = false;

    if (rc == RC_NOMEM)
        return rc;
    if (status < 200 || status >= 300)
        return refused(call, status, rc == RC_OK ? json_root(doc) : NULL, body, err);
    if (rc != RC_OK || json_bool(json_get(json_root(doc), "success"), &success) != RC_OK)
        return provider_strange(call, err);
    if (!success)
        return refused(call, status, json_root(doc), body, err);
    result = json_get(json_root(doc), "result");
    if (call->listed) {
        call->done = true;
        return RC_OK;
    }
    if (json_type(result) != JSON_ARRAY)
        return provider_strange(call, err);
    return call->zone.n ? take_records(call, json_root(doc)) : take_zone(call, json_root(doc), err);
}

const struct provider_kind provider_cloudflare = {
    .name = "cloudflare",
    .no_zone = &msg_no_zone,
    .follows = true,
    .url = "https://api.cloudflare.com/client/v4",
    .own = {[TOKEN] = {"token", .required = true, .secret = true},
            [ZONE] = {"zone"},
            [TTL] = {"ttl", .initial = STR("60")}},
    .ask = ask,
    .take = take,
};
