/* SPDX-License-Identifier: Apache-2.0 */
/* What of the policy's rules and groups only several values together show. */
#include <stdio.h>

#include "conf/tree_int.h"

MSG(msg_url, "conf.rule-needs-url",
    "rule \"{0}\" has {1}, whose record depends on the account's URL: set `urls.api`");
MSG(msg_issuers, "conf.rule-issuers",
    "rule \"{0}\" has dns-persist-01, whose challenges can name ten domains of this CA at most: "
    "list fewer in `acme.caa_identities`");
MSG(msg_many, "conf.rules-many", "{0} are {1}; there may be {2}");
MSG(msg_group, "conf.rule-group",
    "rule \"{0}\" names the group \"{1}\", which is not among `groups`");
MSG(msg_profile, "conf.rule-profile",
    "rule \"{0}\" names the profile \"{1}\", which is not among `profiles`");
MSG(msg_empty, "conf.group-empty",
    "the group \"{0}\" has neither `eab` nor `accounts` nor `client_certificates`: nobody is "
    "in it");
MSG(msg_unasked, "conf.client-certificates-unasked",
    "\"{0}\" names client certificates, and no client is asked for one: set "
    "`control.certificates` to true");
MSG(msg_none, "conf.rule-none-alone",
    "rule \"{0}\" wants no proof and others beside: write [none], or leave it out");
MSG(msg_none_eab, "conf.rule-none-eab",
    "rule \"{0}\" wants no proof: that takes an account made with a key, so name keys in `eab` (or "
    "groups that have only such), and no `accounts` or `client_certificates`");
MSG(msg_none_from, "conf.rule-none-clients",
    "rule \"{0}\" has keys, accounts or client certificates, and is for others than clients, who "
    "have none: leave `from` out, or make two rules");
MSG(msg_limits_from, "conf.rule-limits-clients",
    "rule \"{0}\" limits certificates, which counts those of clients, and is for others: leave "
    "`limits` out");
MSG(msg_span, "conf.rule-lifetime",
    "rule \"{0}\" ends certificates before an hour has passed; give `lifetime` an hour at least, "
    "or "
    "0s for the profile's");

MSG(msg_reason, "conf.rule-reason",
    "rule \"{0}\" wants a reason for each certificate and is for the gateway, whose sites have "
    "none: leave `reason` out, or `gateway` out of `from`");
MSG(msg_people, "conf.rule-people",
    "rule \"{0}\" takes approval, by {1} of `control.people`, which names {2}");

struct check {
    struct conf_report *report;
    const struct conf *conf;
    const struct conf_node *node; /* of the rule or group */
    const struct conf_rule *rule;
};

#define SAY(c, key, m, ...)                                                                        \
    CONF_COMPLAIN((c)->report, at((c)->node, key), m __VA_OPT__(, ) __VA_ARGS__)

/* Where the key stands, and the whole where it does not. */
static const struct conf_node *at(const struct conf_node *node, const char *key)
{
    const struct conf_node *own = conf_node_get(node, str_of(key));

    return own ? own : node;
}

static enum rc limit(const struct check *c, const char *key, size_t n, size_t max)
{
    char have[24], may[24];

    if (n <= max)
        return RC_OK;
    snprintf(have, sizeof(have), "%zu", n);
    snprintf(may, sizeof(may), "%zu", max);
    return SAY(c, key, msg_many, str_of(key), str_of(have), str_of(may));
}

static enum rc check_lists(const struct check *c)
{
    const struct conf_rule *r = c->rule;
    const struct {
        const char *key;
        size_t n;
    } lists[] = {
        {"allow", r->allow.n},
        {"networks", r->networks.n},
        {"addresses", r->addresses.n},
        {"accounts", r->accounts.n},
        {"eab", r->eab.n},
        {"groups", r->groups.n},
        {"profiles", r->profiles.n},
        {"client_certificates", r->client_certificates.n},
    };

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        TRY(limit(c, lists[i].key, lists[i].n, CONF_RULE_LIST_MAX));
    return RC_OK;
}

static enum rc check_references(const struct check *c)
{
    const struct conf_rule *r = c->rule;

    for (size_t i = 0; i < r->groups.n; i++)
        if (!conf_group_find(c->conf, r->groups.p[i]))
            return SAY(c, "groups", msg_group, r->name, r->groups.p[i]);
    for (size_t i = 0; i < r->profiles.n; i++)
        if (!conf_profile_find(c->conf, r->profiles.p[i]))
            return SAY(c, "profiles", msg_profile, r->name, r->profiles.p[i]);
    return RC_OK;
}

/* Somebody in it need not have a key. */
static bool only_named(const struct conf_group *g)
{
    return g->accounts.n + g->client_certificates.n > 0;
}

/* The word of who made the account is as good as a proof only if the account was made with a key.
 */
static bool all_have_keys(const struct check *c)
{
    const struct conf_rule *r = c->rule;

    for (size_t i = 0; i < r->groups.n; i++)
        if (only_named(conf_group_find(c->conf, r->groups.p[i])))
            return false;
    return r->accounts.n + r->client_certificates.n == 0 && r->eab.n + r->groups.n > 0;
}

/* What names the account, or this CA, in the DNS. */
static enum rc check_records(const struct check *c)
{
    static const unsigned of_account[] = {CONF_CHALLENGE_DNS_ACCOUNT_01,
                                          CONF_CHALLENGE_DNS_PERSIST_01};
    const struct conf_rule *r = c->rule;

    for (size_t i = 0; i < sizeof(of_account) / sizeof(of_account[0]); i++)
        if (!c->conf->urls.api.n && r->challenges & 1u << of_account[i])
            TRY(SAY(c, "", msg_url, r->name, str_of(conf_challenge_name(of_account[i]))));
    if (r->challenges & 1u << CONF_CHALLENGE_DNS_PERSIST_01 &&
        c->conf->acme.caa_identities.n > CONF_PERSIST_ISSUERS_MAX)
        return SAY(c, "", msg_issuers, r->name);
    return RC_OK;
}

static enum rc check_proof(const struct check *c)
{
    const struct conf_rule *r = c->rule;
    unsigned none = 1u << CONF_PROOF_NONE;

    TRY(check_records(c));
    if (!(r->challenges & none))
        return RC_OK;
    if (r->challenges != none)
        return SAY(c, "challenges", msg_none, r->name);
    return all_have_keys(c) ? RC_OK : SAY(c, "challenges", msg_none_eab, r->name);
}

bool conf_rule_approves(const struct conf_rule *r)
{
    return r->approval || r->wildcards == CONF_WILDCARDS_APPROVAL;
}

/* Nobody could ever allow it. */
static enum rc check_approvers(const struct check *c)
{
    const struct conf_rule *r = c->rule;
    size_t people = c->conf->control.people.n;
    char want[24], have[24];

    if (!conf_rule_approves(r) || people >= r->approvers)
        return RC_OK;
    snprintf(want, sizeof(want), "%u", (unsigned)r->approvers);
    snprintf(have, sizeof(have), "%zu", people);
    return SAY(c, r->approval ? "approval" : "wildcards", msg_people, r->name, str_of(want),
               str_of(have));
}

/* Nobody could ever be meant. */
static enum rc check_shown(const struct check *c, struct str name, const struct conf_strs *list)
{
    if (list->n == 0 || c->conf->control.certificates)
        return RC_OK;
    return SAY(c, "client_certificates", msg_unasked, name);
}

static enum rc check_rule(const struct check *c)
{
    const struct conf_rule *r = c->rule;

    TRY(check_lists(c));
    TRY(check_references(c));
    if (c->report->n)
        return RC_OK;
    TRY(check_shown(c, r->name, &r->client_certificates));
    if (!(r->from & 1u << CONF_FROM_CLIENTS) && conf_rule_has_clients(r))
        TRY(SAY(c, "from", msg_none_from, r->name));
    if (!(r->from & 1u << CONF_FROM_CLIENTS) && r->certificates.count)
        TRY(SAY(c, "limits", msg_limits_from, r->name));
    if (r->lifetime && r->lifetime < WHEN_HOUR)
        TRY(SAY(c, "lifetime", msg_span, r->name));
    if (r->reason && r->from & 1u << CONF_FROM_GATEWAY)
        TRY(SAY(c, "reason", msg_reason, r->name));
    TRY(check_approvers(c));
    return check_proof(c);
}

static enum rc check_groups(struct check *c, const struct conf_node *root)
{
    const struct conf_node *list = conf_node_get(root, STR("groups"));

    c->node = list;
    TRY(limit(c, "groups", c->conf->n_groups, CONF_GROUPS_MAX));
    c->node = list ? list->first : NULL;
    for (size_t i = 0; c->node && i < c->conf->n_groups; i++, c->node = c->node->next) {
        const struct conf_group *g = &c->conf->groups[i];

        TRY(limit(c, "eab", g->eab.n, CONF_RULE_LIST_MAX));
        TRY(limit(c, "accounts", g->accounts.n, CONF_RULE_LIST_MAX));
        TRY(limit(c, "client_certificates", g->client_certificates.n, CONF_RULE_LIST_MAX));
        TRY(check_shown(c, g->name, &g->client_certificates));
        if (g->eab.n + g->accounts.n + g->client_certificates.n == 0)
            TRY(SAY(c, "", msg_empty, g->name));
    }
    return RC_OK;
}

static enum rc check_owners(struct check *c, const struct conf_node *root)
{
    const struct conf_node *inventory = conf_node_get(root, STR("inventory"));
    const struct conf_node *list = inventory ? conf_node_get(inventory, STR("owners")) : NULL;

    c->node = list;
    TRY(limit(c, "owners", c->conf->inventory.n_owners, CONF_OWNERS_MAX));
    c->node = list ? list->first : NULL;
    for (size_t i = 0; c->node && i < c->conf->inventory.n_owners; i++, c->node = c->node->next) {
        const struct conf_owner *o = &c->conf->inventory.owners[i];

        TRY(limit(c, "networks", o->networks.n, CONF_RULE_LIST_MAX));
        TRY(limit(c, "under", o->under.n, CONF_RULE_LIST_MAX));
        TRY(limit(c, "ports", o->ports.n, CONF_RULE_LIST_MAX));
    }
    return RC_OK;
}

enum rc conf_check_rules(struct conf_report *report, const struct conf_node *root,
                         const struct conf *conf)
{
    struct check c = {report, conf, NULL, NULL};
    const struct conf_node *list = conf_node_get(root, STR("policy"));

    if (report->n)
        return RC_OK; /* what is wrong already is not in `conf` */
    TRY(check_groups(&c, root));
    TRY(check_owners(&c, root));
    c.node = list;
    TRY(limit(&c, "policy", conf->n_policy, CONF_RULES_MAX));
    c.node = list ? list->first : NULL;
    for (size_t i = 0; c.node && i < conf->n_policy; i++, c.node = c.node->next) {
        c.rule = &conf->policy[i];
        TRY(check_rule(&c));
    }
    return RC_OK;
}
