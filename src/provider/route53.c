/* SPDX-License-Identifier: Apache-2.0 */
/* Amazon Route 53 by its API of 2013-04-01: the public zone is found by asking for one name after
 * the other, the set of values at the name is read, and in one change the old set is deleted, as it
 * was, and the new one made; if somebody else was faster that fails, and begins again with reading.
 * Then it is asked until all of Amazon's servers have it. */
#include "base/text.h"
#include "provider/lines.h"
#include "provider/provider_int.h"
#include "provider/sigv4.h"
#include "provider/xml.h"

MSG(msg_no_zone, "provider.route53-no-zone",
    "with the access key in {0}, {1} shows no public hosted zone that holds {2}; it needs "
    "route53:ListHostedZonesByName, ListResourceRecordSets, ChangeResourceRecordSets and "
    "GetChange");
enum {
    KEY_ID,
    SECRET,
    SESSION,
    REGION,
    ZONE,
    TTL,
    VALUE_MAX = 4096,
};

#define API "/2013-04-01"
#define NAMESPACE "https://route53.amazonaws.com/doc/2013-04-01/"
#define POLL (2 * WHEN_SECOND)

/* ---- what is asked */

static void put_set(const struct provider_call *call, const char *action, struct str values,
                    uint64_t ttl, struct buf *out)
{
    struct str one;

    buf_printf(out,
               "<Change><Action>%s</Action><ResourceRecordSet><Name>%.*s.</Name><Type>TXT</Type>"
               "<TTL>%llu</TTL><ResourceRecords>",
               action, STR_ARG(call->name), (unsigned long long)ttl);
    while (str_next(&values, '\n', &one)) {
        buf_putz(out, "<ResourceRecord><Value>");
        text_html_escape(out, one);
        buf_putz(out, "</Value></ResourceRecord>");
    }
    buf_putz(out, "</ResourceRecords></ResourceRecordSet></Change>");
}

/* call->keep has the values that stay, call->record those that are there. */
static enum rc put_change(const struct provider_call *call, struct buf *out)
{
    CLEANUP(buf_done) struct buf fresh = BUF_INIT(PROVIDER_ASK_MAX / 2);

    buf_puts(&fresh, call->keep);
    if (!call->remove)
        buf_printf(&fresh, "%s\"%.*s\"", call->keep.n ? "\n" : "", STR_ARG(call->value));
    TRY(buf_rc(&fresh));
    buf_putz(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ChangeResourceRecordSetsRequest "
                  "xmlns=\"" NAMESPACE "\"><ChangeBatch><Changes>");
    if (call->record.n)
        put_set(call, "DELETE", call->record, call->ttl, out);
    if (fresh.n)
        put_set(call, "CREATE", buf_str(&fresh), call->record.n ? call->ttl : call->p->ttl, out);
    buf_putz(out, "</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>");
    return RC_OK;
}

static enum rc sign(const struct provider_call *call, struct provider_ask *out, struct err *err)
{
    struct provider_sigv4 key = {.key_id = provider_own(call->p, KEY_ID),
                                 .secret = provider_own(call->p, SECRET),
                                 .session = provider_own(call->p, SESSION),
                                 .region = provider_own(call->p, REGION),
                                 .service = STR("route53"),
                                 .now = call->now};

    TRY(provider_check_header(call, "access_key_id", key.key_id, err));
    TRY(provider_check_header(call, "session_token", key.session, err));
    TRY(provider_check_header(call, "region", key.region, err));
    return provider_sigv4_sign(&key, out->method, buf_str(&out->url), buf_str(&out->body),
                               &out->headers);
}

static enum rc ask(struct provider_call *call, struct provider_ask *out, struct err *err)
{
    struct str zone = provider_own(call->p, ZONE);

    if (call->at.n == 0)
        call->at = zone.n ? zone : call->from;
    if (call->change.n && !call->waited) {
        call->waited = true;
        out->after = POLL;
        return RC_OK;
    }
    out->method = "GET";
    if (call->change.n) {
        call->waited = false;
        provider_put_url(call, out, API "/change/");
        buf_puts(&out->url, call->change);
    } else if (call->zone.n == 0) {
        provider_put_url(call, out, API "/hostedzonesbyname?dnsname=");
        buf_printf(&out->url, "%.*s&maxitems=10", STR_ARG(call->at));
    } else if (!call->listed) {
        provider_put_url(call, out, API "/hostedzone/");
        buf_printf(&out->url, "%.*s/rrset?maxitems=1&name=%.*s.&type=TXT", STR_ARG(call->zone),
                   STR_ARG(call->name));
    } else {
        out->method = "POST";
        out->content_type = "application/xml";
        provider_put_url(call, out, API "/hostedzone/");
        buf_printf(&out->url, "%.*s/rrset/", STR_ARG(call->zone));
        TRY(put_change(call, &out->body));
    }
    return sign(call, out, err);
}

/* ---- what is answered */

/* "/hostedzone/Z1" and "Z1" are both said of it. */
static struct str last_part(struct str id)
{
    struct str head;

    while (str_find(id, '/') < id.n)
        str_cut(id, '/', &head, &id);
    return id;
}

/* `name` with or without its final dot. */
static bool is_name(struct str name, struct str wanted)
{
    return str_ieq(str_ends(name, STR(".")) ? str_head(name, name.n - 1) : name,
                   str_ends(wanted, STR(".")) ? str_head(wanted, wanted.n - 1) : wanted);
}

static enum rc take_zones(struct provider_call *call, struct str body, struct err *err)
{
    struct str zone;

    while (provider_xml_next(&body, "HostedZone", &zone)) {
        struct str id = last_part(provider_xml_first(zone, "Id"));

        if (is_name(provider_xml_first(zone, "Name"), call->at) && provider_safe(id) &&
            !str_eq(provider_xml_first(zone, "PrivateZone"), STR("true")))
            return arena_str(&call->arena, id, &call->zone);
    }
    return provider_next_zone(call, err);
}

static enum rc take_value(struct provider_call *call, struct str value, struct buf *all,
                          struct buf *keep)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(VALUE_MAX);

    TRY(provider_xml_unescape(value, &text));
    if (!str_printable(buf_str(&text)))
        return RC_PARSE;
    buf_printf(all, "%s%.*s", all->n ? "\n" : "", STR_ARG(buf_str(&text)));
    if (str_eq(provider_unquote(buf_str(&text)), call->value))
        call->done = true;
    else
        buf_printf(keep, "%s%.*s", keep->n ? "\n" : "", STR_ARG(buf_str(&text)));
    TRY(buf_rc(all));
    return buf_rc(keep);
}

/* The set that is asked for, or the one that follows it. What is wanted may be there already, or
 * gone. */
static enum rc take_set(struct provider_call *call, struct str body, struct err *err)
{
    CLEANUP(buf_done) struct buf all = BUF_INIT(PROVIDER_ASK_MAX / 4);
    CLEANUP(buf_done) struct buf keep = BUF_INIT(PROVIDER_ASK_MAX / 4);
    struct str set = provider_xml_first(body, "ResourceRecordSet"), value;

    if (!is_name(provider_xml_first(set, "Name"), call->name) ||
        !str_eq(provider_xml_first(set, "Type"), STR("TXT")))
        set = STR("");
    if (set.n && str_u64(provider_xml_first(set, "TTL"), UINT32_MAX, &call->ttl) != RC_OK)
        return provider_strange(call, err);
    while (provider_xml_next(&set, "Value", &value)) {
        enum rc rc = take_value(call, value, &all, &keep);

        if (rc == RC_PARSE)
            return provider_strange(call, err);
        TRY(rc);
    }
    call->listed = true;
    /* If an attempt of ours may have been it, the same is written again: nobody else says when it
     * is everywhere. */
    call->done = call->done != call->remove && (call->remove || call->busy == 0);
    TRY(arena_str(&call->arena, buf_str(&all), &call->record));
    return arena_str(&call->arena, buf_str(&keep), &call->keep);
}

/* PENDING or INSYNC; nobody waits for what is removed. */
static enum rc take_change(struct provider_call *call, struct str body, struct err *err)
{
    struct str status = provider_xml_first(body, "Status");
    struct str id = last_part(provider_xml_first(body, "Id"));

    if (!str_eq(status, STR("PENDING")) && !str_eq(status, STR("INSYNC")))
        return provider_strange(call, err);
    call->done = call->remove || str_eq(status, STR("INSYNC"));
    if (call->done)
        return RC_OK;
    return provider_safe(id) ? arena_str(&call->arena, id, &call->change)
                             : provider_strange(call, err);
}

/* Somebody else changed the set since it was read. */
static bool raced(struct provider_call *call, struct str body)
{
    return call->listed && !call->change.n &&
           str_eq(provider_xml_first(body, "Code"), STR("InvalidChangeBatch")) &&
           provider_raced(call);
}

/* Also in the middle of waiting. */
static bool later(struct provider_call *call, int status, struct str body)
{
    struct str code = provider_xml_first(body, "Code");

    if (!provider_busy(status) && !str_eq(code, STR("Throttling")) &&
        !str_eq(code, STR("PriorRequestNotComplete")))
        return false;
    if (!provider_later(call))
        return false;
    call->listed = call->change.n > 0;
    return true;
}

static enum rc take(struct provider_call *call, int status, struct str body, struct err *err)
{
    struct str said = provider_xml_first(body, "Message");

    if (status == 400 && raced(call, body))
        return RC_OK;
    if ((status < 200 || status >= 300) && later(call, status, body))
        return RC_OK;
    if (status < 200 || status >= 300)
        return provider_refused(call, status, said.n ? said : body, err);
    if (call->listed)
        return take_change(call, body, err);
    if (provider_xml_first(body, "IsTruncated").n == 0)
        return provider_strange(call, err);
    return call->zone.n ? take_set(call, body, err) : take_zones(call, body, err);
}

const struct provider_kind provider_route53 = {
    .name = "route53",
    .no_zone = &msg_no_zone,
    .follows = true,
    .url = "https://route53.amazonaws.com",
    .own = {[KEY_ID] = {"access_key_id", .required = true},
            [SECRET] = {"secret_access_key", .required = true, .secret = true},
            [SESSION] = {"session_token", .secret = true},
            [REGION] = {"region", .initial = STR("us-east-1")},
            [ZONE] = {"zone"},
            [TTL] = {"ttl", .initial = STR("60")}},
    .ask = ask,
    .take = take,
};
