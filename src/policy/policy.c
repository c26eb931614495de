/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy.h"

#include <assert.h>

#include "base/name.h"

MSG(msg_no_rules, "policy.no-rules",
    "no policy rule exists, so nobody may have a certificate for {0}; write one under \"policy:\" "
    "in the configuration and run `autarky reload`");
MSG(msg_no_rule_fits, "policy.no-rule-fits",
    "no policy rule allows {0}; the rules allow {1}; to allow it, add it to a rule's \"allow\" in "
    "the configuration and run `autarky reload`");
MSG(msg_wrong_network, "policy.wrong-network",
    "policy rule \"{0}\" allows {1}, but not to requests from {2}; add that network to the rule, "
    "or ask from one that it names");
MSG(msg_wildcard, "policy.wildcard",
    "policy rule \"{0}\" allows names like {1}, but no wildcards; ask for the single names, or set "
    "\"wildcards: true\" in the rule");
MSG(msg_eab, "policy.eab",
    "policy rule \"{0}\" allows {1}, but only to accounts made with one of its keys ({2}), which "
    "this "
    "one is not; make an account with such a key (`autarky eab create`)");

MSG(msg_scope, "policy.outside-hierarchy",
    "{0} is outside of what this CA may vouch for: names at and below {1} and the internal "
    "suffixes, and addresses that are reserved for use inside; for others there is the special "
    "hierarchy, which does not exist here (`autarky issuer create --special`)");
MSG(msg_single, "policy.single-label",
    "{0} is a name of a single label that this CA may not vouch for: add it to \"names: single:\" "
    "in the configuration, then `autarky issuer rotate`");
MSG(msg_mixed, "policy.mixed",
    "{0} is of the intranet and {1} is not: no issuer may vouch for both; ask for a certificate "
    "for each");

MSG(msg_not_site, "policy.not-a-site",
    "{0} is not a site of the gateway, and this account has no other names; to make it one: "
    "`autarky site add`, or \"gateway: sites:\" in the configuration and `autarky reload`");
MSG(msg_site_scope, "policy.site-outside-hierarchy",
    "the gateway's site {0} is outside of what this CA may vouch for: names at and below {1} and "
    "the internal suffixes, and those of names.single; give the site another name, or its "
    "certificate from another CA");

enum { ALLOWED_TEXT_MAX = 400 };

bool policy_pattern_fits(struct str pattern, struct str name)
{
    if (str_eq(pattern, STR("*")))
        return true;
    if (str_starts(pattern, STR("*."))) {
        struct str domain = str_skip(pattern, 2);

        return name.n > domain.n && name_under(name, domain);
    }
    return str_eq(pattern, name);
}

static const char *const reserved[POLICY_RESERVED_NETS] = {
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "192.0.2.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "fc00::/7",
    "fe80::/10",
    "::1",
    "2001:db8::/32",
    "3fff::/20",
};

void policy_reserved_nets(struct addr_net out[static POLICY_RESERVED_NETS])
{
    for (size_t i = 0; i < POLICY_RESERVED_NETS; i++) {
        enum rc rc = addr_net_parse(str_of(reserved[i]), &out[i]);

        assert(rc == RC_OK);
    }
}

static enum policy_space space_of_address(const struct addr *a)
{
    struct addr_net nets[POLICY_RESERVED_NETS];

    policy_reserved_nets(nets);
    for (size_t i = 0; i < POLICY_RESERVED_NETS; i++)
        if (addr_net_has(&nets[i], a))
            return POLICY_INTRANET;
    return POLICY_SPECIAL;
}

static enum policy_space space_of_name(const struct conf *conf, struct str name)
{
    if (name_under(name, conf->domain))
        return POLICY_INTRANET;
    for (size_t i = 0; i < conf->names.internal.n; i++)
        if (name_under(name, conf->names.internal.p[i]))
            return POLICY_INTRANET;
    for (size_t i = 0; i < conf->names.single.n; i++)
        if (str_eq(name, conf->names.single.p[i]))
            return POLICY_INTRANET;
    return name_labels(name) == 1 ? POLICY_NOWHERE : POLICY_SPECIAL;
}

enum policy_space policy_space_of(const struct conf *conf, enum policy_identifier_type type,
                                  struct str value)
{
    struct addr a;

    if (type == POLICY_DNS)
        return space_of_name(conf, value);
    return addr_parse(value, &a) == RC_OK ? space_of_address(&a) : POLICY_NOWHERE;
}

struct str policy_space_text(enum policy_space space)
{
    return space == POLICY_INTRANET  ? STR("intranet")
           : space == POLICY_SPECIAL ? STR("special")
                                     : STR("none");
}

static enum rc check_space(const struct conf *conf, enum policy_space space, struct str value,
                           bool special, struct err *err)
{
    if (space == POLICY_NOWHERE)
        return PROBLEM(err, RC_DENIED, "rejectedIdentifier", msg_single, value);
    if (space == POLICY_SPECIAL && !special)
        return PROBLEM(err, RC_DENIED, "rejectedIdentifier", msg_scope, value, conf->domain);
    return RC_OK;
}

enum rc policy_space_of_all(const struct conf *conf, const struct policy_names *names, bool special,
                            enum policy_space *out, struct err *err)
{
    struct str inside = {NULL, 0}, outside = {NULL, 0};
    char texts[2][ADDR_TEXT];

    for (size_t i = 0; i < names->n_dns; i++) {
        enum policy_space space = space_of_name(conf, names->dns[i]);

        TRY(check_space(conf, space, names->dns[i], special, err));
        *(space == POLICY_INTRANET ? &inside : &outside) = names->dns[i];
    }
    for (size_t i = 0; i < names->n_ips; i++) {
        enum policy_space space = space_of_address(&names->ips[i]);
        struct str text = str_of(addr_text(&names->ips[i], texts[space == POLICY_INTRANET]));

        TRY(check_space(conf, space, text, special, err));
        *(space == POLICY_INTRANET ? &inside : &outside) = text;
    }
    if (inside.n && outside.n)
        return PROBLEM(err, RC_DENIED, "rejectedIdentifier", msg_mixed, inside, outside);
    *out = outside.n ? POLICY_SPECIAL : POLICY_INTRANET;
    return RC_OK;
}

static bool rule_names(const struct conf_rule *rule, const struct policy_query *q)
{
    struct addr address;

    if (q->type == POLICY_IP) {
        for (size_t i = 0; addr_parse(q->value, &address) == RC_OK && i < rule->addresses.n; i++)
            if (addr_net_has(&rule->addresses.p[i], &address))
                return true;
        return false;
    }
    for (size_t i = 0; i < rule->allow.n; i++)
        if (policy_pattern_fits(rule->allow.p[i], q->value))
            return true;
    return false;
}

static bool rule_reaches(const struct conf_rule *rule, const struct addr *requester)
{
    if (rule->networks.n == 0)
        return true;
    for (size_t i = 0; i < rule->networks.n; i++)
        if (addr_net_has(&rule->networks.p[i], requester))
            return true;
    return false;
}

static enum rc no_rule(const struct conf *conf, struct str value, struct err *err)
{
    CLEANUP(buf_done) struct buf allowed = BUF_INIT(ALLOWED_TEXT_MAX * 64);

    if (conf->n_policy == 0)
        return PROBLEM(err, RC_DENIED, "rejectedIdentifier", msg_no_rules, value);
    for (size_t r = 0; r < conf->n_policy && allowed.n < ALLOWED_TEXT_MAX; r++)
        for (size_t i = 0; i < conf->policy[r].allow.n && allowed.n < ALLOWED_TEXT_MAX; i++) {
            if (allowed.n)
                buf_putz(&allowed, ", ");
            buf_puts(&allowed, conf->policy[r].allow.p[i]);
        }
    return PROBLEM(err, RC_DENIED, "rejectedIdentifier", msg_no_rule_fits, value,
                   buf_str(&allowed));
}

/* Why a rule that has the name does not help; the first such rule is the one told of. */
enum fault { FITS, WILDCARD, NETWORK, EAB };

static bool rule_binds(const struct conf_rule *rule, struct str eab)
{
    for (size_t i = 0; i < rule->eab.n; i++)
        if (str_eq(rule->eab.p[i], eab))
            return true;
    return rule->eab.n == 0;
}

static enum fault look_at(const struct conf_rule *rule, const struct policy_query *q)
{
    if (q->type == POLICY_DNS && name_is_wildcard(q->value) && !rule->wildcards)
        return WILDCARD;
    if (!rule_reaches(rule, &q->requester))
        return NETWORK;
    return rule_binds(rule, q->eab) ? FITS : EAB;
}

static enum rc refuse(const struct conf_rule *rule, enum fault fault, const struct policy_query *q,
                      struct err *err)
{
    CLEANUP(buf_done) struct buf keys = BUF_INIT(ALLOWED_TEXT_MAX * 64);
    char from[ADDR_TEXT];

    if (fault == WILDCARD)
        return PROBLEM(err, RC_DENIED, "rejectedIdentifier", msg_wildcard, rule->name, q->value);
    if (fault == NETWORK)
        return PROBLEM(
            err, RC_DENIED, "rejectedIdentifier", msg_wrong_network, rule->name, q->value,
            q->requester.n ? str_of(addr_text(&q->requester, from)) : STR("a socket of this host"));
    for (size_t i = 0; i < rule->eab.n && keys.n < ALLOWED_TEXT_MAX; i++) {
        if (i)
            buf_putz(&keys, ", ");
        buf_puts(&keys, rule->eab.p[i]);
    }
    return PROBLEM(err, RC_DENIED, "rejectedIdentifier", msg_eab, rule->name, q->value,
                   buf_str(&keys));
}

enum rc policy_judge(const struct conf *conf, const struct policy_query *q,
                     struct policy_verdict *out, struct err *err)
{
    const struct conf_rule *first = NULL;
    struct str name =
        q->type == POLICY_DNS && name_is_wildcard(q->value) ? str_skip(q->value, 2) : q->value;
    enum fault why = FITS;

    TRY(check_space(conf, policy_space_of(conf, q->type, name), q->value, q->special, err));
    for (size_t i = 0; i < conf->n_policy; i++) {
        const struct conf_rule *rule = &conf->policy[i];
        enum fault fault;

        if (!rule_names(rule, q))
            continue;
        fault = look_at(rule, q);
        if (fault == FITS) {
            *out = (struct policy_verdict){rule->name, rule->challenges};
            return RC_OK;
        }
        if (!first) {
            first = rule;
            why = fault;
        }
    }
    return first ? refuse(first, why, q, err) : no_rule(conf, q->value, err);
}

static bool rule_names_below(const struct conf_rule *rule, struct str domain)
{
    for (size_t i = 0; i < rule->allow.n; i++) {
        struct str pattern = rule->allow.p[i];

        if (str_eq(pattern, STR("*")) ||
            (str_starts(pattern, STR("*.")) && name_under(domain, str_skip(pattern, 2))))
            return true;
    }
    return false;
}

enum rc policy_judge_below(const struct conf *conf, const struct policy_query *q,
                           struct policy_verdict *out)
{
    if (q->type != POLICY_DNS)
        return RC_DENIED;
    TRY(check_space(conf, policy_space_of(conf, q->type, q->value), q->value, q->special, NULL));
    for (size_t i = 0; i < conf->n_policy; i++) {
        const struct conf_rule *rule = &conf->policy[i];

        if (!rule->subdomains || !rule_names_below(rule, q->value) || look_at(rule, q) != FITS)
            continue;
        *out = (struct policy_verdict){rule->name, rule->challenges};
        return RC_OK;
    }
    return RC_DENIED;
}

const struct conf_site *policy_vouch(const struct conf *conf, enum policy_identifier_type type,
                                     struct str value)
{
    return type == POLICY_DNS ? conf_site_find(conf, value) : NULL;
}

enum rc policy_judge_vouched(const struct conf *conf, const struct policy_query *q,
                             const struct conf_site **out, struct err *err)
{
    const struct conf_site *site = policy_vouch(conf, q->type, q->value);

    if (!site)
        return PROBLEM(err, RC_DENIED, "rejectedIdentifier", msg_not_site, q->value);
    if (policy_space_of(conf, q->type, q->value) != POLICY_INTRANET)
        return PROBLEM(err, RC_DENIED, "rejectedIdentifier", msg_site_scope, q->value,
                       conf->domain);
    *out = site;
    return RC_OK;
}
