/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/rules.h"

#include <stdio.h>

#include "base/name.h"
#include "ca/leaf.h"
#include "json/json.h"
#include "json/out.h"
#include "policy/policy.h"

MSG(msg_member, "ca.rules-member",
    "the signer's rules have a member \"{0}\", which is unknown; known are intranet and special, "
    "each with domains, labels and networks, lifetime_max, no_revocation_max and "
    "signatures_per_hour");
MSG(msg_value, "ca.rules-value",
    "the signer's rules: \"{0}\" is missing or holds what it cannot: {1}");
MSG(msg_name, "ca.rules-name",
    "the signer's rules do not cover the name {0}; they are ca/rules.json in the data directory, "
    "which root edits before the signer is started again");
MSG(msg_address, "ca.rules-address",
    "the signer's rules do not cover the address {0}; they are ca/rules.json in the data "
    "directory, which root edits before the signer is started again");
MSG(msg_off, "ca.rules-special",
    "the signer's rules have no \"special\", so that hierarchy signs nothing; they are "
    "ca/rules.json in the data directory, which root edits before the signer is started again");
MSG(msg_lifetime, "ca.rules-lifetime",
    "the signer's rules end a lifetime at {0}, and {1} was asked for; shorten the profile's "
    "lifetime");
MSG(msg_profile, "ca.rules-profile",
    "profiles.{0}.lifetime: {1} is longer than {2}, where the signer's rules end a lifetime{3}: "
    "shorten it, or raise {4} in ca/rules.json of the data directory and start the service again");
MSG(msg_rate, "ca.rules-rate",
    "the signer has made the {0} signatures of this hour that its rules allow; find out who asks "
    "for so many, or raise signatures_per_hour in ca/rules.json");

enum { SPAN_TEXT_MAX = 64, URI_SHOWN = 100 };

static enum rc bad_value(struct err *err, const char *member, struct str found)
{
    return ERR(err, RC_INVAL, msg_value, str_of(member), found);
}

/* `known` ends with NULL. */
static enum rc check_members(const struct json *object, const char *const *known, struct err *err)
{
    struct json_iter it = json_iter(object);
    const struct json *value;
    struct str name;

    while (json_next(&it, &name, &value)) {
        bool found = false;

        for (const char *const *k = known; *k; k++)
            found |= str_eq(name, str_of(*k));
        if (!found)
            return ERR(err, RC_INVAL, msg_member, name);
    }
    return RC_OK;
}

static enum rc read_domains(const struct json *list, struct arena *a, struct ca_rules_space *s,
                            struct err *err)
{
    struct json_iter it = json_iter(list);
    const struct json *value;

    if (json_type(list) != JSON_ARRAY || json_len(list) > CA_RULES_DOMAINS_MAX)
        return bad_value(err, "domains", STR("a list of domains is needed"));
    s->domains = ARENA_ARRAY(a, struct str, json_len(list));
    if (!s->domains)
        return RC_NOMEM;
    while (json_next(&it, NULL, &value)) {
        char name[NAME_MAX_BYTES + 1];
        struct str text = STR("");

        if (json_str(value, &text) == RC_OK && str_eq(text, STR("*"))) {
            s->any_name = true;
            continue;
        }
        if (text.n == 0 || name_canonical(text, false, name) != RC_OK)
            return bad_value(err, "domains", text);
        TRY(arena_str(a, str_of(name), &s->domains[s->n_domains]));
        s->n_domains++;
    }
    return RC_OK;
}

static enum rc read_labels(const struct json *list, struct arena *a, struct ca_rules_space *s,
                           struct err *err)
{
    struct json_iter it = json_iter(list);
    const struct json *value;

    if (json_type(list) != JSON_ARRAY || json_len(list) > CA_RULES_DOMAINS_MAX)
        return bad_value(err, "labels", STR("a list of names without a dot is needed"));
    s->labels = ARENA_ARRAY(a, struct str, json_len(list));
    if (!s->labels)
        return RC_NOMEM;
    while (json_next(&it, NULL, &value)) {
        char name[NAME_MAX_BYTES + 1];
        struct str text = STR("");

        if (json_str(value, &text) != RC_OK || name_canonical(text, false, name) != RC_OK ||
            name_labels(str_of(name)) != 1)
            return bad_value(err, "labels", text);
        TRY(arena_str(a, str_of(name), &s->labels[s->n_labels]));
        s->n_labels++;
    }
    return RC_OK;
}

static enum rc read_networks(const struct json *list, struct arena *a, struct ca_rules_space *s,
                             struct err *err)
{
    struct json_iter it = json_iter(list);
    const struct json *value;

    if (json_type(list) != JSON_ARRAY || json_len(list) > CA_RULES_NETWORKS_MAX)
        return bad_value(err, "networks", STR("a list of networks is needed"));
    s->networks = ARENA_ARRAY(a, struct addr_net, json_len(list));
    if (!s->networks)
        return RC_NOMEM;
    while (json_next(&it, NULL, &value)) {
        struct str text = STR("");

        if (json_str(value, &text) != RC_OK ||
            addr_net_parse(text, &s->networks[s->n_networks]) != RC_OK)
            return bad_value(err, "networks", text);
        s->n_networks++;
    }
    return RC_OK;
}

static enum rc read_space(const struct json *object, struct arena *a, struct ca_rules_space *s,
                          struct err *err)
{
    static const char *const known[] = {"domains", "labels", "networks", NULL};

    TRY(check_members(object, known, err));
    s->on = true;
    TRY(read_domains(json_get(object, "domains"), a, s, err));
    TRY(read_labels(json_get(object, "labels"), a, s, err));
    return read_networks(json_get(object, "networks"), a, s, err);
}

static enum rc read_spaces(const struct json *root, struct ca_rules *r, struct err *err)
{
    static const char *const known[] = {
        "intranet", "special", "lifetime_max", "no_revocation_max", "signatures_per_hour", NULL};
    const struct json *special = json_get(root, "special");

    TRY(check_members(root, known, err));
    if (json_type(json_get(root, "intranet")) != JSON_OBJECT)
        return bad_value(err, "intranet", STR("domains, labels and networks are needed"));
    TRY(read_space(json_get(root, "intranet"), &r->arena, &r->intranet, err));
    if (special && json_type(special) != JSON_OBJECT)
        return bad_value(err, "special", STR("domains, labels and networks are needed"));
    return special ? read_space(special, &r->arena, &r->special, err) : RC_OK;
}

static enum rc read_span(const struct json *root, const char *name, when_t *out, struct err *err)
{
    struct str span = STR("");

    if (json_str(json_get(root, name), &span) != RC_OK || when_parse_span(span, out) != RC_OK ||
        *out <= 0)
        return bad_value(err, name, span);
    return RC_OK;
}

static enum rc read_rules(const struct json *root, struct ca_rules *r, struct err *err)
{
    TRY(read_spaces(root, r, err));
    TRY(read_span(root, "lifetime_max", &r->lifetime_max, err));
    TRY(read_span(root, "no_revocation_max", &r->no_revocation_max, err));
    if (r->no_revocation_max > r->lifetime_max)
        return bad_value(err, "no_revocation_max", STR("it is more than lifetime_max"));
    if (json_u64(json_get(root, "signatures_per_hour"), &r->per_hour) != RC_OK ||
        r->per_hour == 0 || r->per_hour > CA_RULES_RATE_MAX)
        return bad_value(err, "signatures_per_hour", STR("a number from 1 to 10000000 is needed"));
    return RC_OK;
}

enum rc ca_rules_parse(struct str json, struct ca_rules *out, struct err *err)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct ca_rules r = {.per_hour = 0};
    enum rc rc;

    TRY(json_parse(json, CA_RULES_FILE_MAX, &doc, err));
    arena_init(&r.arena, 2 * CA_RULES_FILE_MAX);
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
    *r = (struct ca_rules){.per_hour = 0};
}

/* ---- writing */

static void put_nets(struct json_out *o, const struct addr_net *nets, size_t n)
{
    char text[ADDR_TEXT], base[ADDR_TEXT];

    json_key(o, "networks");
    json_arr(o);
    for (size_t i = 0; i < n; i++) {
        snprintf(text, sizeof(text), "%.46s/%u", addr_text(&nets[i].base, base),
                 (unsigned)nets[i].bits);
        json_put_z(o, text);
    }
    json_end(o);
}

static void put_intranet(struct json_out *o, const struct conf *conf, const struct ca_rules *from)
{
    struct addr_net reserved[POLICY_RESERVED_NETS];

    policy_reserved_nets(reserved);
    json_key(o, "intranet");
    json_obj(o);
    json_key(o, "domains");
    json_arr(o);
    json_put_str(o, conf->domain);
    for (size_t i = 0; i < conf->names.internal.n; i++)
        json_put_str(o, conf->names.internal.p[i]);
    json_end(o);
    json_kv_strs(o, "labels", conf->names.single.p, conf->names.single.n);
    if (from)
        put_nets(o, from->intranet.networks, from->intranet.n_networks);
    else
        put_nets(o, reserved, POLICY_RESERVED_NETS);
    json_end(o);
}

static void put_special(struct json_out *o, const struct ca_rules_space *s)
{
    static const struct addr_net all[] = {{.base = {.n = 4}}, {.base = {.n = 16}}};
    static const struct str any = {"*", 1};

    json_key(o, "special");
    json_obj(o);
    json_kv_strs(o, "domains", s && !s->any_name ? s->domains : &any,
                 s && !s->any_name ? s->n_domains : 1);
    json_kv_strs(o, "labels", s ? s->labels : NULL, s ? s->n_labels : 0);
    put_nets(o, s ? s->networks : all, s ? s->n_networks : 2);
    json_end(o);
}

enum rc ca_rules_write(const struct conf *conf, const struct ca_rules *from, bool special,
                       struct buf *out)
{
    CLEANUP(buf_done) struct buf span = BUF_INIT(SPAN_TEXT_MAX);
    CLEANUP(buf_done) struct buf brief = BUF_INIT(SPAN_TEXT_MAX);
    struct json_out o;

    when_put_span(&span, from ? from->lifetime_max : 398 * WHEN_DAY);
    when_put_span(&brief, from ? from->no_revocation_max : 7 * WHEN_DAY);
    json_out_init(&o, out, JSON_PRETTY);
    json_obj(&o);
    put_intranet(&o, conf, from);
    if (special || (from && from->special.on))
        put_special(&o, from && from->special.on ? &from->special : NULL);
    json_kv_str(&o, "lifetime_max", buf_str(&span));
    json_kv_str(&o, "no_revocation_max", buf_str(&brief));
    json_kv_u64(&o, "signatures_per_hour", from ? from->per_hour : 20000);
    json_end(&o);
    TRY(buf_rc(&span));
    TRY(buf_rc(&brief));
    return json_out_done(&o);
}

/* ---- asking */

static bool covers_name(const struct ca_rules_space *s, struct str name)
{
    for (size_t i = 0; i < s->n_labels; i++)
        if (str_eq(name, s->labels[i]))
            return true;
    for (size_t i = 0; i < s->n_domains; i++)
        if (name_under(name, s->domains[i]))
            return true;
    return s->any_name && name_labels(name) > 1;
}

static bool covers_address(const struct ca_rules_space *s, const struct addr *a)
{
    for (size_t i = 0; i < s->n_networks; i++)
        if (addr_net_has(&s->networks[i], a))
            return true;
    return false;
}

when_t ca_rules_lifetime(const struct ca_rules *r, const struct conf_profile *profile)
{
    return profile->revocation == CONF_REVOCATION_NONE ? r->no_revocation_max : r->lifetime_max;
}

static enum rc too_long(when_t limit, when_t asked, struct err *err)
{
    CLEANUP(buf_done) struct buf most = BUF_INIT(SPAN_TEXT_MAX);
    CLEANUP(buf_done) struct buf found = BUF_INIT(SPAN_TEXT_MAX);

    when_put_span(&most, limit);
    when_put_span(&found, asked);
    return ERR(err, RC_DENIED, msg_lifetime, buf_str(&most), buf_str(&found));
}

static enum rc refuse_profile(const struct ca_rules *r, const struct conf_profile *p,
                              struct err *err)
{
    CLEANUP(buf_done) struct buf most = BUF_INIT(SPAN_TEXT_MAX);
    CLEANUP(buf_done) struct buf found = BUF_INIT(SPAN_TEXT_MAX);
    bool none = p->revocation == CONF_REVOCATION_NONE;

    when_put_span(&most, ca_rules_lifetime(r, p));
    when_put_span(&found, p->lifetime);
    return ERR(err, RC_DENIED, msg_profile, p->name, buf_str(&found), buf_str(&most),
               none ? STR(" without revocation (`revocation: none`)") : STR(""),
               none ? STR("no_revocation_max") : STR("lifetime_max"));
}

enum rc ca_rules_check_profiles(const struct ca_rules *r, const struct conf *conf, struct err *err)
{
    for (size_t i = 0; i < conf->n_profiles; i++)
        if (conf->profiles[i].lifetime > ca_rules_lifetime(r, &conf->profiles[i]))
            return refuse_profile(r, &conf->profiles[i], err);
    return RC_OK;
}

/* Mail addresses and URIs by the host in them, which alone says whose they are. */
static bool covers_host(const struct ca_rules_space *s, struct str host)
{
    struct addr a;

    return addr_parse(host, &a) == RC_OK ? covers_address(s, &a) : covers_name(s, host);
}

enum rc ca_rules_check(const struct ca_rules *r, bool special, const struct conf_profile *profile,
                       const struct ca_leaf *leaf, struct err *err)
{
    const struct ca_rules_space *s = special ? &r->special : &r->intranet;
    char text[ADDR_TEXT];

    if (!s->on)
        return ERR(err, RC_DENIED, msg_off);
    for (size_t i = 0; i < leaf->n_dns; i++)
        if (!covers_name(s, leaf->dns[i]))
            return ERR(err, RC_DENIED, msg_name, leaf->dns[i]);
    for (size_t i = 0; i < leaf->n_ips; i++)
        if (!covers_address(s, &leaf->ips[i]))
            return ERR(err, RC_DENIED, msg_address, str_of(addr_text(&leaf->ips[i], text)));
    for (size_t i = 0; i < leaf->n_emails; i++)
        if (!covers_host(s, name_email_domain(leaf->emails[i])))
            return ERR(err, RC_DENIED, msg_name, leaf->emails[i]);
    for (size_t i = 0; i < leaf->n_uris; i++)
        if (!covers_host(s, name_uri_host(leaf->uris[i])))
            return ERR(err, RC_DENIED, msg_name, str_head(leaf->uris[i], URI_SHOWN));
    if (leaf->not_after - leaf->not_before > ca_rules_lifetime(r, profile))
        return too_long(ca_rules_lifetime(r, profile), leaf->not_after - leaf->not_before, err);
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
