/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/check.h"

#include "base/name.h"
#include "policy/policy_int.h"

MSG(msg_unreachable, "policy.check-unreachable",
    "rule \"{0}\" never decides: all that it has, for the same requesters, rule \"{1}\" has too, "
    "and "
    "stands before it");
MSG(msg_contradictory, "policy.check-contradictory",
    "rules \"{1}\" and \"{0}\" are equally specific about {2} and do not say the same; \"{1}\" "
    "decides, because it stands first");
MSG(msg_outside, "policy.check-outside",
    "rule \"{0}\" has {1}, which no hierarchy of this CA may vouch for");
MSG(msg_unprovable, "policy.check-unprovable",
    "rule \"{0}\" allows {1}, and none of its challenges can prove control of them");
MSG(msg_no_key, "policy.check-no-key",
    "rule \"{0}\" allows no key algorithm that its profiles have, so nobody can get a certificate");
MSG(msg_wide_all, "policy.check-wide-all",
    "rule \"{0}\" has every name of this CA, for anybody from anywhere");
MSG(msg_wide_none, "policy.check-wide-none",
    "rule \"{0}\" wants no proof for {1}: whoever has one of its keys gets any of them");
MSG(msg_wide_wildcards, "policy.check-wide-wildcards",
    "rule \"{0}\" allows wildcards right below {1}, for anybody from anywhere");
MSG(msg_wide_net, "policy.check-wide-addresses",
    "rule \"{0}\" has a network of addresses larger than a /8 (IPv6: a /32), for anybody from "
    "anywhere");
MSG(msg_wide_from, "policy.check-wide-network",
    "rule \"{0}\" names a network of length 0, which is everywhere: it limits nothing");

enum {
    LOOK_BACK = 16, /* equally specific entries that one is held against */
    BY_WEB = 1u << CONF_CHALLENGE_HTTP_01 | 1u << CONF_CHALLENGE_TLS_ALPN_01,
    BY_DNS = 1u << CONF_CHALLENGE_DNS_01 | 1u << CONF_CHALLENGE_DNS_ACCOUNT_01,
    BY_RECORD = 1u << CONF_CHALLENGE_DNS_PERSIST_01,
    NONE = 1u << CONF_PROOF_NONE,
};

/* What the index shows of one rule. */
struct seen {
    size_t entries, shadowed;
    const struct conf_rule *by;    /* who shadows it */
    const struct conf_rule *rival; /* equally specific, and another opinion */
    struct str about;
};

struct check {
    const struct policy *p;
    bool special;
    policy_finding_fn fn;
    void *arg;
    struct seen *seen; /* by rule */
    const struct conf_rule *rule;
};

static void report(const struct check *c, const char *name, struct str other,
                   const struct err *what, const char *cure)
{
    struct policy_finding f = {name, c->rule->name, other, *what, cure};

    c->fn(c->arg, &f);
}

#define FIND(c, kind, other, cure, m, ...)                                                         \
    do {                                                                                           \
        struct err what_ = ERR_INIT;                                                               \
        IGNORE_RC(ERR(&what_, RC_CONFLICT, m, (c)->rule->name __VA_OPT__(, ) __VA_ARGS__));        \
        report((c), (kind), (other), &what_, (cure));                                              \
    } while (0)

/* ---- rules against each other */

static bool same_strs(const struct conf_strs *a, const struct conf_strs *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!str_eq(a->p[i], b->p[i]))
            return false;
    return true;
}

static bool same_approval(const struct conf_rule *a, const struct conf_rule *b)
{
    return (a->wildcards == CONF_WILDCARDS_APPROVAL) == (b->wildcards == CONF_WILDCARDS_APPROVAL) &&
           a->approval == b->approval && (!conf_rule_approves(a) || a->approvers == b->approvers);
}

static bool same_terms(const struct conf_rule *a, const struct conf_rule *b)
{
    return a->challenges == b->challenges && a->key_algorithms == b->key_algorithms &&
           conf_wildcards_allowed(a->wildcards) == conf_wildcards_allowed(b->wildcards) &&
           same_approval(a, b) && a->certificates.count == b->certificates.count &&
           a->certificates.per == b->certificates.per && a->names_max == b->names_max &&
           a->together == b->together && a->lifetime == b->lifetime &&
           a->subdomains == b->subdomains && a->reuse == b->reuse && a->reason == b->reason &&
           same_strs(&a->profiles, &b->profiles);
}

/* `a` stands first and is as specific; whatever `b` fits, `a` does. */
static bool shadows(const struct conf_rule *a, const struct conf_rule *b)
{
    return (a->from & b->from) == b->from &&
           (a->labels == 0 || (b->labels && b->labels <= a->labels)) &&
           (a->wildcards != CONF_WILDCARDS_FALSE || b->wildcards == CONF_WILDCARDS_FALSE);
}

static bool same_entry(const struct policy_entry *a, const struct policy_entry *b)
{
    return a->rank == b->rank && a->who == b->who && str_eq(a->pattern, b->pattern) &&
           a->net.bits == b->net.bits && addr_eq(&a->net.base, &b->net.base);
}

/* One that stands before another in a bucket. True when the later one does not decide for it. */
static bool hold(struct seen *s, const struct policy_entry *a, const struct policy_entry *b)
{
    if (a->rule == b->rule || !same_entry(a, b) || !(a->rule->from & b->rule->from))
        return false;
    if (!same_terms(a->rule, b->rule)) {
        s->rival = a->rule;
        s->about = b->pattern.n ? b->pattern : STR("addresses");
    }
    if (!shadows(a->rule, b->rule))
        return false;
    s->by = a->rule;
    return true;
}

static void look_at_bucket(struct check *c, const struct policy_bucket *b)
{
    for (size_t i = 0; i < b->n; i++) {
        const struct policy_entry *e = &b->entries[i];
        struct seen *s = &c->seen[e->rule - c->p->conf->policy];
        size_t back = i < LOOK_BACK ? i : LOOK_BACK;
        bool shadowed = false;

        for (size_t k = 1; k <= back; k++)
            shadowed |= hold(s, e - k, e);
        s->entries++;
        s->shadowed += shadowed;
    }
}

static void check_others(const struct check *c)
{
    const struct seen *s = &c->seen[c->rule - c->p->conf->policy];

    if (s->by && s->shadowed == s->entries)
        FIND(c, "unreachable", s->by->name, "remove it, or move it before the other",
             msg_unreachable, s->by->name);
    else if (s->rival)
        FIND(c, "contradictory", s->rival->name,
             "let one of them have other names or clients, or both say the same", msg_contradictory,
             s->rival->name, s->about);
}

/* ---- one rule */

static void check_outside(const struct check *c)
{
    const struct conf *conf = c->p->conf;

    for (size_t i = 0; i < c->rule->allow.n; i++) {
        struct str domain = policy_pattern_domain(c->rule->allow.p[i]);
        enum policy_space space = policy_space_of_name(conf, domain);

        /* "*.example" may have names inside below it. */
        if (domain.n == 0 || space == POLICY_INTRANET || (space == POLICY_SPECIAL && c->special) ||
            name_under(conf->domain, domain))
            continue;
        FIND(c, "outside", STR(""),
             "remove it; or have `domain`, `names.internal` or `names.single` say so and make new "
             "issuers; or make the special hierarchy",
             msg_outside, c->rule->allow.p[i]);
        return;
    }
}

static void check_proofs(const struct check *c)
{
    const struct conf_rule *r = c->rule;
    const char *cure = "add a challenge that can, or leave them out";

    if (r->challenges & NONE || !(r->from & 1u << CONF_FROM_CLIENTS))
        return;
    if (r->addresses.n && !(r->challenges & BY_WEB))
        FIND(c, "unprovable", STR(""), cure, msg_unprovable, STR("addresses"));
    if (conf_wildcards_allowed(r->wildcards) && !(r->challenges & (BY_DNS | BY_RECORD)))
        FIND(c, "unprovable", STR(""), cure, msg_unprovable, STR("wildcards"));
    if (r->subdomains && !(r->challenges & BY_DNS))
        FIND(c, "unprovable", STR(""), cure, msg_unprovable, STR("all names below a domain"));
}

static void check_keys(const struct check *c)
{
    const struct conf_rule *r = c->rule;
    const struct conf *conf = c->p->conf;
    unsigned of_profiles = 0;

    for (size_t i = 0; i < conf->n_profiles; i++)
        if (r->profiles.n == 0)
            of_profiles |= conf->profiles[i].key_algorithms;
    for (size_t i = 0; i < r->profiles.n; i++)
        of_profiles |= conf_profile_find(conf, r->profiles.p[i])->key_algorithms;
    if (!(of_profiles & r->key_algorithms))
        FIND(c, "no-key", STR(""), "change `key_algorithms` of the rule or of the profile",
             msg_no_key);
}

static bool is_top(const struct check *c, struct str pattern)
{
    struct str domain = policy_pattern_domain(pattern);

    return str_starts(pattern, STR("*")) &&
           (domain.n == 0 || name_under(c->p->conf->domain, domain));
}

static void check_networks(const struct check *c)
{
    const struct conf_rule *r = c->rule;

    for (size_t i = 0; i < r->networks.n; i++)
        if (r->networks.p[i].bits == 0) {
            FIND(c, "wide", STR(""), "name the networks that are meant, or leave `networks` out",
                 msg_wide_from);
            return;
        }
}

static void check_addresses(const struct check *c)
{
    const struct conf_rule *r = c->rule;

    for (size_t i = 0; i < r->addresses.n; i++)
        if (r->addresses.p[i].bits < (r->addresses.p[i].base.n == 4 ? 8 : 32)) {
            FIND(c, "wide", STR(""), "name the networks that are meant", msg_wide_net);
            return;
        }
}

static void check_wide(const struct check *c)
{
    const struct conf_rule *r = c->rule;
    bool anybody =
        !conf_rule_has_clients(r) && r->networks.n == 0 && r->from & 1u << CONF_FROM_CLIENTS;
    bool wildcards = conf_wildcards_allowed(r->wildcards) && !conf_rule_approves(r);

    check_networks(c);
    if (anybody)
        check_addresses(c);
    for (size_t i = 0; i < r->allow.n; i++) {
        struct str pattern = r->allow.p[i];

        if (!is_top(c, pattern))
            continue;
        if (anybody && str_eq(pattern, STR("*")))
            FIND(c, "wide", STR(""), "name the domains that are meant", msg_wide_all);
        if (r->challenges & NONE)
            FIND(c, "wide", STR(""), "name what these clients are for, and no more", msg_wide_none,
                 pattern);
        if (anybody && wildcards)
            FIND(c, "wide", STR(""), "make a rule with `eab` or `networks` for wildcards",
                 msg_wide_wildcards, pattern);
    }
}

enum rc policy_check(const struct policy *p, bool special, policy_finding_fn fn, void *arg)
{
    CLEANUP(mem_freep) struct seen *seen = mem_calloc(p->conf->n_policy, sizeof(*seen));
    struct check c = {p, special, fn, arg, seen, NULL};
    struct str key;
    void *bucket;
    size_t at = 0;

    if (!seen)
        return RC_NOMEM;
    while (map_next(&p->index, &at, &key, &bucket))
        look_at_bucket(&c, bucket);
    for (size_t i = 0; i < p->conf->n_policy; i++) {
        c.rule = &p->conf->policy[i];
        check_others(&c);
        check_outside(&c);
        check_proofs(&c);
        check_keys(&c);
        check_wide(&c);
    }
    return RC_OK;
}
