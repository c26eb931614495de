/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/rules.h"

#include "base/name.h"
#include "ca/leaf.h"
#include "json/json.h"
#include "json/out.h"

MSG(msg_member, "ca.rules-member",
    "the signer's rules have a member \"{0}\", which is unknown; known are domains, single_labels, "
    "networks, lifetime_max and signatures_per_hour");
MSG(msg_value, "ca.rules-value",
    "the signer's rules: \"{0}\" is missing or holds what it cannot: {1}");
MSG(msg_name, "ca.rules-name",
    "the signer's rules do not cover the name {0}; they are ca/rules.json in the data directory, "
    "which root edits before the signer is started again");
MSG(msg_address, "ca.rules-address",
    "the signer's rules do not cover the address {0}; they are ca/rules.json in the data "
    "directory, which root edits before the signer is started again");
MSG(msg_lifetime, "ca.rules-lifetime",
    "the signer's rules end a lifetime at {0}, and {1} was asked for; shorten the profile's "
    "lifetime");
MSG(msg_rate, "ca.rules-rate",
    "the signer has made the {0} signatures of this hour that its rules allow; find out who asks "
    "for so many, or raise signatures_per_hour in ca/rules.json");

enum { SPAN_TEXT_MAX = 64, URI_SHOWN = 100 };

static const struct str members[] = {{"domains", 7},
                                     {"single_labels", 13},
                                     {"networks", 8},
                                     {"lifetime_max", 12},
                                     {"signatures_per_hour", 19}};

static enum rc bad_value(struct err *err, const char *member, struct str found)
{
    return ERR(err, RC_INVAL, msg_value, str_of(member), found);
}

static enum rc check_members(const struct json *root, struct err *err)
{
    struct json_iter it = json_iter(root);
    const struct json *value;
    struct str name;

    while (json_next(&it, &name, &value)) {
        bool known = false;

        for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
            known |= str_eq(name, members[i]);
        if (!known)
            return ERR(err, RC_INVAL, msg_member, name);
    }
    return RC_OK;
}

static enum rc read_domains(const struct json *list, struct ca_rules *r, struct err *err)
{
    struct json_iter it = json_iter(list);
    const struct json *value;

    if (json_type(list) != JSON_ARRAY || json_len(list) > CA_RULES_DOMAINS_MAX)
        return bad_value(err, "domains", STR("a list of domains is needed"));
    r->domains = ARENA_ARRAY(&r->arena, struct str, json_len(list));
    if (!r->domains)
        return RC_NOMEM;
    while (json_next(&it, NULL, &value)) {
        char name[NAME_MAX_BYTES + 1];
        struct str text = STR("");

        if (json_str(value, &text) != RC_OK || name_canonical(text, false, name) != RC_OK)
            return bad_value(err, "domains", text);
        TRY(arena_str(&r->arena, str_of(name), &r->domains[r->n_domains]));
        r->n_domains++;
    }
    return RC_OK;
}

static enum rc read_networks(const struct json *list, struct ca_rules *r, struct err *err)
{
    struct json_iter it = json_iter(list);
    const struct json *value;

    if (json_type(list) != JSON_ARRAY || json_len(list) > CA_RULES_NETWORKS_MAX)
        return bad_value(err, "networks", STR("a list of networks is needed"));
    r->networks = ARENA_ARRAY(&r->arena, struct addr_net, json_len(list));
    if (!r->networks)
        return RC_NOMEM;
    while (json_next(&it, NULL, &value)) {
        struct str text = STR("");

        if (json_str(value, &text) != RC_OK ||
            addr_net_parse(text, &r->networks[r->n_networks]) != RC_OK)
            return bad_value(err, "networks", text);
        r->n_networks++;
    }
    return RC_OK;
}

static enum rc read_rules(const struct json *root, struct ca_rules *r, struct err *err)
{
    struct str span = STR("");

    TRY(check_members(root, err));
    TRY(read_domains(json_get(root, "domains"), r, err));
    TRY(read_networks(json_get(root, "networks"), r, err));
    if (json_bool(json_get(root, "single_labels"), &r->single_labels) != RC_OK)
        return bad_value(err, "single_labels", STR("true or false is needed"));
    if (json_str(json_get(root, "lifetime_max"), &span) != RC_OK ||
        when_parse_span(span, &r->lifetime_max) != RC_OK || r->lifetime_max <= 0)
        return bad_value(err, "lifetime_max", span);
    if (json_u64(json_get(root, "signatures_per_hour"), &r->per_hour) != RC_OK ||
        r->per_hour == 0 || r->per_hour > CA_RULES_RATE_MAX)
        return bad_value(err, "signatures_per_hour", STR("a number from 1 to 10000000 is needed"));
    return RC_OK;
}

enum rc ca_rules_parse(struct str json, struct ca_rules *out, struct err *err)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct ca_rules r = {.n_domains = 0};
    enum rc rc;

    TRY(json_parse(json, CA_RULES_FILE_MAX, &doc, err));
    arena_init(&r.arena, CA_RULES_FILE_MAX);
    rc = read_rules(json_root(doc), &r, err);
    if (rc != RC_OK) {
        arena_done(&r.arena);
        return rc;
    }
    *out = r;
    return RC_OK;
}

void ca_rules_done(struct ca_rules *r)
{
    arena_done(&r->arena);
    *r = (struct ca_rules){.n_domains = 0};
}

static const char *const inside[] = {
    "10.0.0.0/8",     "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8",
    "169.254.0.0/16", "fc00::/7",      "fe80::/10",      "::1",
};

enum rc ca_rules_default(struct str domain, const struct str *internal, size_t n_internal,
                         struct buf *out)
{
    struct json_out o;

    json_out_init(&o, out, JSON_PRETTY);
    json_obj(&o);
    json_key(&o, "domains");
    json_arr(&o);
    json_put_str(&o, domain);
    for (size_t i = 0; i < n_internal; i++)
        json_put_str(&o, internal[i]);
    json_end(&o);
    json_kv_bool(&o, "single_labels", true);
    json_key(&o, "networks");
    json_arr(&o);
    for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++)
        json_put_z(&o, inside[i]);
    json_end(&o);
    json_kv_z(&o, "lifetime_max", "398d");
    json_kv_u64(&o, "signatures_per_hour", 20000);
    json_end(&o);
    return json_out_done(&o);
}

static bool covers_name(const struct ca_rules *r, struct str name)
{
    if (r->single_labels && name_labels(name) == 1)
        return true;
    for (size_t i = 0; i < r->n_domains; i++)
        if (name_under(name, r->domains[i]))
            return true;
    return false;
}

static bool covers_address(const struct ca_rules *r, const struct addr *a)
{
    for (size_t i = 0; i < r->n_networks; i++)
        if (addr_net_has(&r->networks[i], a))
            return true;
    return false;
}

static enum rc too_long(const struct ca_rules *r, when_t asked, struct err *err)
{
    CLEANUP(buf_done) struct buf most = BUF_INIT(SPAN_TEXT_MAX);
    CLEANUP(buf_done) struct buf found = BUF_INIT(SPAN_TEXT_MAX);

    when_put_span(&most, r->lifetime_max);
    when_put_span(&found, asked);
    return ERR(err, RC_DENIED, msg_lifetime, buf_str(&most), buf_str(&found));
}

/* Mail addresses and URIs by the host in them, which alone says whose they are. */
static bool covers_host(const struct ca_rules *r, struct str host)
{
    struct addr a;

    return addr_parse(host, &a) == RC_OK ? covers_address(r, &a) : covers_name(r, host);
}

enum rc ca_rules_check(const struct ca_rules *r, const struct ca_leaf *leaf, struct err *err)
{
    char text[ADDR_TEXT];

    for (size_t i = 0; i < leaf->n_dns; i++)
        if (!covers_name(r, leaf->dns[i]))
            return ERR(err, RC_DENIED, msg_name, leaf->dns[i]);
    for (size_t i = 0; i < leaf->n_ips; i++)
        if (!covers_address(r, &leaf->ips[i]))
            return ERR(err, RC_DENIED, msg_address, str_of(addr_text(&leaf->ips[i], text)));
    for (size_t i = 0; i < leaf->n_emails; i++)
        if (!covers_host(r, name_email_domain(leaf->emails[i])))
            return ERR(err, RC_DENIED, msg_name, leaf->emails[i]);
    for (size_t i = 0; i < leaf->n_uris; i++)
        if (!covers_host(r, name_uri_host(leaf->uris[i])))
            return ERR(err, RC_DENIED, msg_name, str_head(leaf->uris[i], URI_SHOWN));
    if (leaf->not_after - leaf->not_before > r->lifetime_max)
        return too_long(r, leaf->not_after - leaf->not_before, err);
    return RC_OK;
}

enum rc ca_rate_take(struct ca_rate *rate, const struct ca_rules *r, when_t now, struct err *err)
{
    when_t hour = now / WHEN_HOUR;
    CLEANUP(buf_done) struct buf b = BUF_INIT(32);

    if (hour != rate->hour)
        *rate = (struct ca_rate){.hour = hour};
    if (rate->n < r->per_hour) {
        rate->n++;
        return RC_OK;
    }
    buf_printf(&b, "%llu", (unsigned long long)r->per_hour);
    return ERR(err, RC_QUOTA, msg_rate, buf_str(&b));
}
