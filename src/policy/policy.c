/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy.h"

#include "base/name.h"

MSG(msg_no_rules, "policy.no-rules",
    "no policy rule exists, so nobody may have a certificate for {0}; write one under \"policy:\" in the "
    "configuration and run `autarky reload`");
MSG(msg_no_rule_fits, "policy.no-rule-fits",
    "no policy rule allows {0}; the rules allow {1}; to allow it, add it to a rule's \"allow\" in the "
    "configuration and run `autarky reload`");
MSG(msg_wrong_network, "policy.wrong-network",
    "policy rule \"{0}\" allows {1}, but not to requests from {2}; add that network to the rule, or ask from "
    "one that it names");
MSG(msg_wildcard, "policy.wildcard",
    "{0} is a wildcard; a wildcard can only be proven by dns-01, which this server does not offer: ask for "
    "the single names");

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

static bool rule_names(const struct conf_rule *rule, struct str value)
{
    for (size_t i = 0; i < rule->allow.n; i++)
        if (policy_pattern_fits(rule->allow.p[i], value))
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

static enum rc denied(struct err *err)
{
    return err_problem(err, RC_DENIED, "rejectedIdentifier", 403);
}

static enum rc no_rule(const struct conf *conf, struct str value, struct err *err)
{
    CLEANUP(buf_done) struct buf allowed;

    if (conf->n_policy == 0) {
        IGNORE_RC(ERR(err, RC_DENIED, msg_no_rules, value));
        return denied(err);
    }
    buf_init(&allowed, ALLOWED_TEXT_MAX * 64);
    for (size_t r = 0; r < conf->n_policy && allowed.n < ALLOWED_TEXT_MAX; r++)
        for (size_t i = 0; i < conf->policy[r].allow.n && allowed.n < ALLOWED_TEXT_MAX; i++) {
            if (allowed.n)
                buf_putz(&allowed, ", ");
            buf_puts(&allowed, conf->policy[r].allow.p[i]);
        }
    IGNORE_RC(ERR(err, RC_DENIED, msg_no_rule_fits, value, buf_str(&allowed)));
    return denied(err);
}

enum rc policy_judge(const struct conf *conf, const struct policy_query *q,
                     struct policy_verdict *out, struct err *err)
{
    const struct conf_rule *elsewhere = NULL;
    char from[ADDR_TEXT];

    if (q->type == POLICY_DNS && name_is_wildcard(q->value)) {
        IGNORE_RC(ERR(err, RC_DENIED, msg_wildcard, q->value));
        return denied(err);
    }
    for (size_t i = 0; i < conf->n_policy; i++) {
        const struct conf_rule *rule = &conf->policy[i];

        if (!rule_names(rule, q->value))
            continue;
        if (rule_reaches(rule, &q->requester)) {
            *out = (struct policy_verdict){rule->name, rule->challenges};
            return RC_OK;
        }
        if (!elsewhere)
            elsewhere = rule;
    }
    if (!elsewhere)
        return no_rule(conf, q->value, err);
    IGNORE_RC(ERR(err, RC_DENIED, msg_wrong_network, elsewhere->name, q->value,
                  str_of(addr_text(&q->requester, from))));
    return denied(err);
}
