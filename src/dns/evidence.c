/* SPDX-License-Identifier: Apache-2.0 */
/* An answer for people (a message) and for the record (JSON). */
#include "dns/resolver.h"

#include "base/when.h"
#include "json/out.h"

MSG(msg_no_name, "dns.no-name", "there is no name {0}, says {1}");
MSG(msg_no_data, "dns.no-data", "the name {0} exists, but has no {1} record, says {2}");
MSG(msg_failed, "dns.failed", "no name server could say what {0} is: {1}");
MSG(msg_timeout, "dns.timeout", "no name server answered in time for {0}; asked were {1}");
MSG(msg_loop, "dns.loop",
    "the aliases (CNAME) of {0} run in a circle, lead to no name, or are more than 8: {1}");
MSG(msg_no_server, "dns.no-server",
    "no name server is configured for {0}; `resolvers` or /etc/resolv.conf must name one");
MSG(msg_no_ns, "dns.no-ns",
    "the servers that hold {0} cannot be found: {1} know of no NS records above it, or no address "
    "for them that may be asked; name them as `servers` of the zone in `resolvers`");
MSG(msg_disagree, "dns.disagree",
    "the name servers do not agree about {0}; asked were {1}. Wait until the zone is the same "
    "everywhere, or ask for less agreement (`resolvers`, `agree`)");

enum { TEXT_MAX = 700, RECORDS_SHOWN = 12, VALUE_SHOWN = 128 };

static const char *outcome(const struct dns_try *t, char text[static 16])
{
    if (t->rc == RC_TIMEOUT)
        return "no answer";
    if (t->rc == RC_NET)
        return "unreachable";
    if (t->rc != RC_OK)
        return "unusable answer";
    return t->lame ? "not responsible" : dns_rcode_text(t->rcode, text);
}

static void put_server(const struct dns_try *t, struct buf *out)
{
    char text[ADDR_TEXT];

    buf_putz(out, addr_port_text(&t->server, text));
}

static bool asked_before(const struct dns_answer *a, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (addr_eq(&a->tries[j].server.addr, &a->tries[i].server.addr) &&
            a->tries[j].server.port == a->tries[i].server.port)
            return true;
    return false;
}

/* Each server once; with what came of it, if `how`. */
static void put_servers(const struct dns_answer *a, bool how, struct buf *out)
{
    char text[16];

    for (size_t i = 0; i < a->n_tries && out->n < TEXT_MAX - 2 * ADDR_TEXT; i++) {
        if (!how && asked_before(a, i))
            continue;
        if (out->n)
            buf_putz(out, ", ");
        put_server(&a->tries[i], out);
        if (how)
            buf_printf(out, " (%s)", outcome(&a->tries[i], text));
    }
}

static void put_aliases(const struct dns_answer *a, struct buf *out)
{
    for (size_t i = 0; i < a->n_aliases && out->n < TEXT_MAX - DNS_NAME_MAX - 2; i++) {
        buf_putz(out, i ? ", " : "");
        buf_puts(out, a->aliases[i]);
    }
}

enum rc dns_answer_err(const struct dns_answer *a, struct err *err)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(TEXT_MAX);

    switch (a->status) {
    case DNS_FOUND:
        return RC_OK;
    case DNS_NO_NAME:
        if (a->n_tries)
            put_server(&a->tries[a->n_tries - 1], &text);
        return ERR(err, RC_NOTFOUND, msg_no_name, a->canonical, buf_str(&text));
    case DNS_NO_DATA:
        if (a->n_tries)
            put_server(&a->tries[a->n_tries - 1], &text);
        return ERR(err, RC_NOTFOUND, msg_no_data, a->canonical, str_of(dns_type_text(a->type)),
                   buf_str(&text));
    case DNS_FAILED:
        put_servers(a, true, &text);
        return ERR(err, RC_NET, msg_failed, a->canonical, buf_str(&text));
    case DNS_TIMED_OUT:
        put_servers(a, false, &text);
        return ERR(err, RC_TIMEOUT, msg_timeout, a->canonical, buf_str(&text));
    case DNS_LOOP:
        put_aliases(a, &text);
        return ERR(err, RC_INVAL, msg_loop, a->name, buf_str(&text));
    case DNS_DISAGREE:
        put_servers(a, false, &text);
        return ERR(err, RC_CONFLICT, msg_disagree, a->canonical, buf_str(&text));
    case DNS_NO_SERVER:
        break;
    }
    if (a->n_tries) {
        put_servers(a, false, &text);
        return ERR(err, RC_NET, msg_no_ns, a->canonical, buf_str(&text));
    }
    return ERR(err, RC_NET, msg_no_server, a->canonical);
}

static void put_try(struct json_out *o, const struct dns_try *t)
{
    char where[ADDR_TEXT], text[16];

    json_obj(o);
    json_kv_z(o, "server", addr_port_text(&t->server, where));
    if (t->tcp)
        json_kv_bool(o, "tcp", true);
    json_kv_z(o, "outcome", outcome(t, text));
    json_kv_i64(o, "us", t->micros);
    json_end(o);
}

/* As in a zone file: 0 issue "ca.example". */
static void put_caa(struct json_out *o, const struct dns_record *r)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(2 * VALUE_SHOWN);

    buf_printf(&text, "%u %.*s \"%.*s\"", (unsigned)r->flags,
               STR_ARG(str_utf8_head(r->tag, VALUE_SHOWN / 4)),
               STR_ARG(str_utf8_head(r->text, VALUE_SHOWN)));
    json_put_str(o, buf_str(&text));
}

static void put_record(struct json_out *o, const struct dns_record *r)
{
    char text[ADDR_TEXT];

    if (r->type == DNS_A || r->type == DNS_AAAA)
        json_put_z(o, addr_text(&r->addr, text));
    else if (r->type == DNS_CAA)
        put_caa(o, r);
    else
        json_put_str(o, str_utf8_head(r->text, VALUE_SHOWN));
}

void dns_answer_put(struct json_out *o, const struct dns_answer *a)
{
    static const char *const statuses[] = {
        [DNS_FOUND] = "found",         [DNS_NO_NAME] = "no name",       [DNS_NO_DATA] = "no data",
        [DNS_FAILED] = "failed",       [DNS_TIMED_OUT] = "timed out",   [DNS_LOOP] = "alias loop",
        [DNS_NO_SERVER] = "no server", [DNS_DISAGREE] = "disagreement",
    };

    json_obj(o);
    json_kv_str(o, "name", a->name);
    json_kv_z(o, "type", dns_type_text(a->type));
    json_kv_z(o, "status", statuses[a->status]);
    json_kv_i64(o, "us", a->micros);
    if (a->zone.n)
        json_kv_str(o, "authoritative_for", a->zone);
    if (a->agreed)
        json_kv_bool(o, "agreed", true);
    if (a->n)
        json_kv_u64(o, "ttl", a->records[0].ttl);
    json_key(o, "aliases");
    json_arr(o);
    for (size_t i = 0; i < a->n_aliases; i++)
        json_put_str(o, a->aliases[i]);
    json_end(o);
    json_key(o, "records");
    json_arr(o);
    for (size_t i = 0; i < a->n && i < RECORDS_SHOWN; i++)
        put_record(o, &a->records[i]);
    json_end(o);
    if (a->n > RECORDS_SHOWN)
        json_kv_u64(o, "records_not_shown", a->n - RECORDS_SHOWN);
    json_key(o, "tries");
    json_arr(o);
    for (size_t i = 0; i < a->n_tries; i++)
        put_try(o, &a->tries[i]);
    json_end(o);
    json_end(o);
}
