/* SPDX-License-Identifier: Apache-2.0 */
/* PowerDNS's authoritative server by its HTTP API, version 1: the zone is found among those it has,
 * the records at the name are read, and written back with ours among them or without. The API has
 * no way to add to what is there; who else writes at the same moment to the same name may be lost.
 */
#include "json/json.h"
#include "json/out.h"
#include "provider/lines.h"
#include "provider/provider_int.h"

MSG(msg_no_zone, "provider.powerdns-no-zone",
    "the PowerDNS server at {0} holds no zone with {1}; does \"server\" of {2} name the right "
    "one?");

enum { KEY, SERVER, ZONE, TTL };

/* ---- what is asked */

static void put_zones(const struct provider_call *call, struct provider_ask *out)
{
    provider_put_url(call, out, "/api/v1/servers/");
    buf_puts(&out->url, provider_own(call->p, SERVER));
    buf_putz(&out->url, "/zones");
}

static void put_zone(const struct provider_call *call, struct provider_ask *out)
{
    put_zones(call, out);
    buf_printf(&out->url, "/%.*s", STR_ARG(call->zone));
}

static enum rc put_records(struct provider_call *call, struct json_out *o)
{
    struct str ours = arena_printf(&call->arena, "\"%.*s\"", STR_ARG(call->value));
    struct str rest = call->keep, one;

    if (!ours.p)
        return RC_NOMEM;
    json_key(o, "records");
    json_arr(o);
    while (str_next(&rest, '\n', &one))
        json_put_raw(o, one);
    if (!call->remove) {
        json_obj(o);
        json_kv_str(o, "content", ours);
        json_kv_bool(o, "disabled", false);
        json_end(o);
    }
    json_end(o);
    return RC_OK;
}

static enum rc put_change(struct provider_call *call, struct buf *out)
{
    struct str name = arena_printf(&call->arena, "%.*s.", STR_ARG(call->name));
    bool empty = call->remove && call->keep.n == 0;
    struct json_out o;

    if (!name.p)
        return RC_NOMEM;
    json_out_init(&o, out, JSON_COMPACT);
    json_obj(&o);
    json_key(&o, "rrsets");
    json_arr(&o);
    json_obj(&o);
    json_kv_str(&o, "name", name);
    json_kv_z(&o, "type", "TXT");
    json_kv_u64(&o, "ttl", call->p->ttl);
    json_kv_z(&o, "changetype", empty ? "DELETE" : "REPLACE");
    TRY(put_records(call, &o));
    json_end(&o);
    json_end(&o);
    json_end(&o);
    return json_out_done(&o);
}

static enum rc ask(struct provider_call *call, struct provider_ask *out, struct err *err)
{
    struct str zone = provider_own(call->p, ZONE);

    if (call->zone.n == 0 && zone.n) {
        call->zone = arena_printf(&call->arena, "%.*s%s", STR_ARG(zone),
                                  str_ends(zone, STR(".")) ? "" : ".");
        if (!call->zone.p)
            return RC_NOMEM;
    }
    TRY(provider_put_header(call, out, "X-API-Key", provider_own(call->p, KEY), err));
    if (call->zone.n == 0)
        put_zones(call, out);
    else
        put_zone(call, out);
    out->method = call->listed ? "PATCH" : "GET";
    /* What a server before 4.8 does not know, it does not look at. */
    if (call->zone.n && !call->listed)
        buf_printf(&out->url, "?rrset_name=%.*s.&rrset_type=TXT", STR_ARG(call->name));
    return call->listed ? put_change(call, &out->body) : RC_OK;
}

/* ---- what is answered */

/* `zone` has a final dot. */
static bool is_within(struct str name, struct str zone)
{
    zone.n -= zone.n > 0;
    if (zone.n == 0 || name.n < zone.n || !str_ieq(str_skip(name, name.n - zone.n), zone))
        return false;
    return name.n == zone.n || name.p[name.n - zone.n - 1] == '.';
}

static enum rc take_zones(struct provider_call *call, const struct json *list, struct err *err)
{
    struct json_iter it = json_iter(list);
    struct str best = STR(""), id = STR("");
    const struct json *v;

    if (json_type(list) != JSON_ARRAY)
        return provider_strange(call, err);
    while (json_next(&it, NULL, &v)) {
        struct str zone = json_shown(v, "name");

        if (!is_within(call->name, zone) || zone.n <= best.n || !provider_safe(json_shown(v, "id")))
            continue;
        best = zone;
        id = json_shown(v, "id");
    }
    if (best.n == 0)
        return ERR(err, RC_NOTFOUND, msg_no_zone, call->p->values[PROVIDER_URL], call->name,
                   str_of(call->p->file));
    return arena_str(&call->arena, id, &call->zone);
}

static enum rc keep_record(struct provider_call *call, const struct json *record, struct buf *keep)
{
    struct str content = json_shown(record, "content");
    bool disabled = false;
    struct json_out o;

    if (content.n == call->value.n + 2 && str_eq(provider_unquote(content), call->value)) {
        call->done = true;
        return RC_OK;
    }
    if (json_bool(json_get(record, "disabled"), &disabled) != RC_OK)
        disabled = false;
    if (keep->n)
        buf_putz(keep, "\n");
    json_out_init(&o, keep, JSON_COMPACT);
    json_obj(&o);
    json_kv_str(&o, "content", content);
    json_kv_bool(&o, "disabled", disabled);
    json_end(&o);
    return json_out_done(&o);
}

static enum rc keep_set(struct provider_call *call, const struct json *set, struct buf *keep)
{
    struct json_iter it = json_iter(json_get(set, "records"));
    struct str name = json_shown(set, "name");
    const struct json *v;

    if (!str_eq(json_shown(set, "type"), STR("TXT")) || name.n != call->name.n + 1 ||
        !str_ieq(str_head(name, call->name.n), call->name))
        return RC_OK;
    while (json_next(&it, NULL, &v))
        TRY(keep_record(call, v, keep));
    return RC_OK;
}

/* What is wanted may be there already, or gone. */
static enum rc take_records(struct provider_call *call, const struct json *zone, struct err *err)
{
    CLEANUP(buf_done) struct buf keep = BUF_INIT(PROVIDER_ASK_MAX / 2);
    const struct json *sets = json_get(zone, "rrsets"), *v;
    struct json_iter it = json_iter(sets);

    if (json_type(sets) != JSON_ARRAY)
        return provider_strange(call, err);
    while (json_next(&it, NULL, &v))
        TRY(keep_set(call, v, &keep));
    call->listed = true;
    call->done = call->done != call->remove;
    return arena_str(&call->arena, buf_str(&keep), &call->keep);
}

static enum rc take(struct provider_call *call, int status, struct str body, struct err *err)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    enum rc rc = body.n ? json_parse(body, PROVIDER_BODY_MAX, &doc, NULL) : RC_PARSE;
    struct str said = STR("");

    if (rc == RC_NOMEM)
        return rc;
    if (provider_busy(status) && provider_later(call))
        return RC_OK;
    if (status < 200 || status >= 300) {
        if (rc == RC_OK)
            said = json_shown(json_root(doc), "error");
        return provider_refused(call, status, said.n ? said : body, err);
    }
    call->done = call->listed;
    if (call->done)
        return RC_OK;
    if (rc != RC_OK)
        return provider_strange(call, err);
    return call->zone.n == 0 ? take_zones(call, json_root(doc), err)
                             : take_records(call, json_root(doc), err);
}

const struct provider_kind provider_powerdns = {
    .name = "powerdns",
    .follows = true,
    .own = {[KEY] = {"key", .required = true, .secret = true},
            [SERVER] = {"server", .initial = STR("localhost")},
            [ZONE] = {"zone"},
            [TTL] = {"ttl", .initial = STR("60")}},
    .ask = ask,
    .take = take,
};
