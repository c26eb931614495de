/* SPDX-License-Identifier: Apache-2.0 */
/* Which hierarchy may vouch for a name at all, and the one place where nothing has to be proven
 * without a rule: the gateway's sites. */
#include <assert.h>

#include "base/name.h"
#include "policy/policy_int.h"

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

enum policy_space policy_space_of_address(const struct addr_net nets[static POLICY_RESERVED_NETS],
                                          const struct addr *a)
{
    for (size_t i = 0; i < POLICY_RESERVED_NETS; i++)
        if (addr_net_has(&nets[i], a))
            return POLICY_INTRANET;
    return POLICY_SPECIAL;
}

enum policy_space policy_space_of_name(const struct conf *conf, struct str name)
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
    struct addr_net nets[POLICY_RESERVED_NETS];
    struct addr a;

    if (type == POLICY_DNS)
        return policy_space_of_name(conf, value);
    policy_reserved_nets(nets);
    return addr_parse(value, &a) == RC_OK ? policy_space_of_address(nets, &a) : POLICY_NOWHERE;
}

struct str policy_space_text(enum policy_space space)
{
    return space == POLICY_INTRANET  ? STR("intranet")
           : space == POLICY_SPECIAL ? STR("special")
                                     : STR("none");
}

enum rc policy_space_check(const struct conf *conf, enum policy_space space, struct str value,
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
    struct addr_net nets[POLICY_RESERVED_NETS];
    char texts[2][ADDR_TEXT];

    policy_reserved_nets(nets);
    for (size_t i = 0; i < names->n_dns; i++) {
        enum policy_space space = policy_space_of_name(conf, names->dns[i]);

        TRY(policy_space_check(conf, space, names->dns[i], special, err));
        *(space == POLICY_INTRANET ? &inside : &outside) = names->dns[i];
    }
    for (size_t i = 0; i < names->n_ips; i++) {
        enum policy_space space = policy_space_of_address(nets, &names->ips[i]);
        struct str text = str_of(addr_text(&names->ips[i], texts[space == POLICY_INTRANET]));

        TRY(policy_space_check(conf, space, text, special, err));
        *(space == POLICY_INTRANET ? &inside : &outside) = text;
    }
    if (inside.n && outside.n)
        return PROBLEM(err, RC_DENIED, "rejectedIdentifier", msg_mixed, inside, outside);
    *out = outside.n ? POLICY_SPECIAL : POLICY_INTRANET;
    return RC_OK;
}

const struct conf_site *policy_vouch(const struct conf *conf, enum policy_identifier_type type,
                                     struct str value)
{
    const struct conf_site *site = type == POLICY_DNS ? conf_site_find(conf, value) : NULL;

    return site && !site->passes ? site
                                 : NULL; /* certificates of the others are not ours to make */
}

enum rc policy_judge_vouched(const struct conf *conf, enum policy_identifier_type type,
                             struct str value, const struct conf_site **out, struct err *err)
{
    const struct conf_site *site = policy_vouch(conf, type, value);

    if (!site)
        return PROBLEM(err, RC_DENIED, "rejectedIdentifier", msg_not_site, value);
    if (policy_space_of(conf, type, value) != POLICY_INTRANET)
        return PROBLEM(err, RC_DENIED, "rejectedIdentifier", msg_site_scope, value, conf->domain);
    *out = site;
    return RC_OK;
}
