/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions. */
#include "policy/policy.h"

#include <stdio.h>

#include "base/name.h"
#include "policy/policy_int.h"

MSG(msg_no_rules, "policy.no-rules",
    "no policy rule exists, so nobody may have a certificate for {0}; write one under \"policy:\" "
    "in the configuration and run `autarky reload`");
MSG(msg_no_rule_fits, "policy.no-rule-fits",
    "no policy rule allows {0}; to allow it, the administrator of this CA adds it to a rule's "
    "\"allow\" (or \"addresses\") and runs `autarky reload`; `autarky policy explain` shows all "
    "rules");
MSG(msg_wrong_network, "policy.wrong-network",
    "policy rule \"{0}\" has {1}, but not for requests from {2}; ask from a network that the rule "
    "names, or have that one added to it");
MSG(msg_wildcard, "policy.wildcard",
    "policy rule \"{0}\" has names like {1}, but no wildcards; ask for the single names, or have "
    "\"wildcards: allow\" set in the rule");
MSG(msg_never, "policy.wildcard-never",
    "policy rule \"{0}\" refuses {1}, as it does all wildcards; ask for the single names");
MSG(msg_client, "policy.client",
    "policy rule \"{0}\" has {1}, but not for this account; use one that the rule names, or make "
    "one with a key that it names (`autarky eab create`)");
MSG(msg_shown, "policy.client-certificate",
    "policy rule \"{0}\" has {1} for clients that show a certificate of this CA, which has to be "
    "valid, for clients, and one that the rule names; connect with one (`autarky policy explain`)");
MSG(msg_count, "policy.names-max",
    "policy rule \"{0}\", which decides about {1}, allows {2} names in a certificate, and this one "
    "would have {3}; divide them among several");
MSG(msg_project, "policy.together",
    "policy rule \"{0}\", which decides about {1}, allows names of one project in a certificate, "
    "and {2} is not below the same domain of the rule; make a certificate for each");
MSG(msg_profile, "policy.profile",
    "policy rule \"{0}\", which decides about {1}, does not allow the profile \"{2}\", but: {3}");
MSG(msg_key, "policy.key-algorithm",
    "policy rule \"{0}\", which decides about {1}, does not allow keys of {2}, but of: {3}");

enum { LIST_TEXT_MAX = 400, LABEL_MAX = 64 };

/* ---- decide */

/* What is looked for: the name, or all that is below it. */
struct look {
    const struct policy *p;
    const struct policy_query *q;
    struct addr address;
    bool wildcard, below;
    const struct policy_entry *best;
};

static bool pattern_covers(struct str pattern, const struct conf_rule *rule, struct str domain)
{
    struct str d = policy_pattern_domain(pattern);

    if (rule->labels || !rule->subdomains)
        return false;
    return str_eq(pattern, STR("*")) ||
           (pattern.n == d.n + 2 && str_starts(pattern, STR("*.")) && name_under(domain, d));
}

static bool entry_fits(const struct look *l, const struct policy_entry *e)
{
    const struct policy_query *q = l->q;

    if (!(e->rule->from & 1u << q->from))
        return false;
    if (e->net.base.n && !addr_net_has(&e->net, &q->requester))
        return false;
    if (e->pattern.n == 0)
        return true;
    if (l->wildcard && e->rule->wildcards == CONF_WILDCARDS_FALSE)
        return false;
    return l->below ? pattern_covers(e->pattern, e->rule, q->value)
                    : policy_pattern_fits(e->pattern, q->value, e->rule->labels);
}

static bool before(const struct policy_entry *a, const struct policy_entry *b)
{
    if (a->rank != b->rank)
        return a->rank > b->rank;
    if (a->who != b->who)
        return a->who > b->who;
    return a->rule < b->rule;
}

static void scan(struct look *l, const struct policy_bucket *b)
{
    for (size_t i = 0; i < b->n; i++) {
        if (l->best && !before(&b->entries[i], l->best))
            return;
        if (entry_fits(l, &b->entries[i])) {
            l->best = &b->entries[i];
            return;
        }
    }
}

/* The key is as it was afterwards. */
static void look_from(struct look *l, const struct policy_bits *nets, struct policy_key *k)
{
    const struct addr *from = &l->q->requester;
    const struct policy_bucket *b = map_get(&l->p->index, str_bytes(k->text, k->n));
    size_t n = k->n;

    if (b)
        scan(l, b);
    if (!(nets->words[0] | nets->words[1] | nets->words[2]))
        return;
    for (unsigned bits = from->n ? from->n * 8u + 1 : 0; bits-- > 0; k->n = n) {
        if (!(nets->words[bits / 64] >> bits % 64 & 1))
            continue;
        policy_key_from(k, from, bits);
        b = map_get(&l->p->index, str_bytes(k->text, k->n));
        if (b)
            scan(l, b);
    }
}

static void look_by_client(struct look *l, const struct policy_bits *nets, struct policy_key *k,
                           char kind, struct str client)
{
    size_t n = k->n;

    if (client.n == 0)
        return;
    policy_key_client(k, kind, client);
    look_from(l, nets, k);
    k->n = n;
}

/* All buckets of the end; returns its own, NULL when there is nothing. */
static const struct policy_bucket *look_at(struct look *l, struct policy_key *k)
{
    const struct policy_bucket *b = map_get(&l->p->index, str_bytes(k->text, k->n));
    const struct policy_bits *nets;

    if (!b || (l->best && l->best->rank > b->rank))
        return b;
    nets = &b->nets[l->q->requester.n == 16];
    if (b->clients) {
        look_by_client(l, nets, k, 'a', l->q->account);
        look_by_client(l, nets, k, 'e', l->q->eab);
    }
    for (size_t i = 0; b->shown && l->q->shown && i < l->q->shown->n; i++)
        look_by_client(l, nets, k, 'c', l->q->shown->texts[i]);
    look_from(l, nets, k);
    return b;
}

/* Patterns that have, in that label, something of it before and behind a star. */
static void look_for_stars(struct look *l, const struct policy_bucket *b, struct str label,
                           struct str end)
{
    struct policy_star star;
    struct policy_key k;

    for (size_t n = label.n < LABEL_MAX ? label.n + 1 : LABEL_MAX; n-- > 0;) {
        if (!(b->prefixes >> n & 1))
            continue;
        star.prefix = str_head(label, n);
        for (size_t m = label.n - n + 1; m-- > 0;) {
            if (m >= LABEL_MAX || n + m == 0 || !(b->suffixes >> m & 1))
                continue;
            star.suffix = str_skip(label, label.n - m);
            policy_key_star(&k, &star, end);
            look_at(l, &k);
        }
    }
}

/* The longest end first, for it is likely to be the most specific. */
static void look_for_name(struct look *l)
{
    struct str end = l->q->value, label = STR("");
    struct policy_key k;

    for (;;) {
        size_t dot = str_find(end, '.');
        const struct policy_bucket *b;

        policy_key_end(&k, end);
        b = look_at(l, &k);
        if (b && b->prefixes)
            look_for_stars(l, b, label, end);
        if (end.n == 0)
            return;
        label = str_head(end, dot);
        end = str_skip(end, dot == end.n ? dot : dot + 1);
    }
}

static void look_for_address(struct look *l)
{
    const bool *bits = l->p->bits[l->address.n == 16];
    struct policy_key k;

    for (unsigned n = l->address.n * 8u + 1; n-- > 0;) {
        if (!bits[n])
            continue;
        policy_key_net(&k, &l->address, n);
        look_at(l, &k);
    }
}

static const struct policy_entry *decide(struct look *l)
{
    if (l->q->type == POLICY_DNS) {
        l->wildcard = name_is_wildcard(l->q->value);
        look_for_name(l);
    } else if (l->address.n) {
        look_for_address(l);
    }
    return l->best;
}

/* ---- refusals */

static bool rule_has_address(const struct conf_rule *rule, const struct addr *a)
{
    for (size_t i = 0; i < rule->addresses.n; i++)
        if (addr_net_has(&rule->addresses.p[i], a))
            return true;
    return false;
}

static bool rule_has_name(const struct conf_rule *rule, const struct policy_query *q)
{
    struct addr a;

    if (q->type == POLICY_IP)
        return addr_parse(q->value, &a) == RC_OK && rule_has_address(rule, &a);
    for (size_t i = 0; i < rule->allow.n; i++)
        if (policy_pattern_fits(rule->allow.p[i], q->value, rule->labels))
            return true;
    return false;
}

static bool rule_reaches(const struct conf_rule *rule, const struct addr *requester)
{
    for (size_t i = 0; i < rule->networks.n; i++)
        if (addr_net_has(&rule->networks.p[i], requester))
            return true;
    return rule->networks.n == 0;
}

static bool list_has(const struct conf_strs *list, struct str s)
{
    for (size_t i = 0; s.n && i < list->n; i++)
        if (str_eq(list->p[i], s))
            return true;
    return false;
}

static bool list_has_shown(const struct conf_strs *list, const struct policy_query *q)
{
    for (size_t i = 0; q->shown && i < q->shown->n; i++)
        if (list_has(list, q->shown->texts[i]))
            return true;
    return false;
}

static bool rule_has_client(const struct conf *conf, const struct conf_rule *rule,
                            const struct policy_query *q)
{
    if (list_has(&rule->eab, q->eab) || list_has(&rule->accounts, q->account) ||
        list_has_shown(&rule->client_certificates, q))
        return true;
    for (size_t i = 0; i < rule->groups.n; i++) {
        const struct conf_group *g = conf_group_find(conf, rule->groups.p[i]);

        if (g && (list_has(&g->eab, q->eab) || list_has(&g->accounts, q->account) ||
                  list_has_shown(&g->client_certificates, q)))
            return true;
    }
    return !conf_rule_has_clients(rule);
}

bool policy_wants_shown(const struct policy *p)
{
    return p->shown;
}

enum policy_fault policy_rule_fault(const struct policy *p, const struct conf_rule *rule,
                                    const struct policy_query *q)
{
    if (!(rule->from & 1u << q->from))
        return POLICY_OTHER_FROM;
    if (!rule_has_name(rule, q))
        return POLICY_OTHER_NAME;
    if (q->type == POLICY_DNS && name_is_wildcard(q->value) &&
        rule->wildcards == CONF_WILDCARDS_FALSE)
        return POLICY_WILDCARD;
    if (!rule_reaches(rule, &q->requester))
        return POLICY_NETWORK;
    return rule_has_client(p->conf, rule, q) ? POLICY_FITS : POLICY_CLIENT;
}

static bool names_certificates(const struct conf *conf, const struct conf_rule *rule)
{
    for (size_t i = 0; i < rule->groups.n; i++) {
        const struct conf_group *g = conf_group_find(conf, rule->groups.p[i]);

        if (g && g->client_certificates.n)
            return true;
    }
    return rule->client_certificates.n > 0;
}

static enum rc refuse_by(const struct conf *conf, const struct conf_rule *rule,
                         enum policy_fault fault, const struct policy_query *q, struct err *err)
{
    char from[ADDR_TEXT];

    if (fault == POLICY_WILDCARD)
        return PROBLEM(err, RC_DENIED, "rejectedIdentifier", msg_wildcard, rule->name, q->value);
    if (fault == POLICY_CLIENT && names_certificates(conf, rule))
        return PROBLEM(err, RC_DENIED, "rejectedIdentifier", msg_shown, rule->name, q->value);
    if (fault == POLICY_CLIENT)
        return PROBLEM(err, RC_DENIED, "rejectedIdentifier", msg_client, rule->name, q->value);
    return PROBLEM(err, RC_DENIED, "rejectedIdentifier", msg_wrong_network, rule->name, q->value,
                   q->requester.n ? str_of(addr_text(&q->requester, from))
                                  : STR("a socket of this host"));
}

/* The first rule that has the name is the one told of. */
static enum rc refuse(const struct policy *p, const struct policy_query *q, struct err *err)
{
    const struct conf *conf = p->conf;

    if (conf->n_policy == 0)
        return PROBLEM(err, RC_DENIED, "rejectedIdentifier", msg_no_rules, q->value);
    for (size_t i = 0; err && i < conf->n_policy; i++) {
        enum policy_fault fault = policy_rule_fault(p, &conf->policy[i], q);

        if (fault != POLICY_OTHER_FROM && fault != POLICY_OTHER_NAME)
            return refuse_by(conf, &conf->policy[i], fault, q, err);
    }
    return PROBLEM(err, RC_DENIED, "rejectedIdentifier", msg_no_rule_fits, q->value);
}

/* ---- verdicts */

static struct policy_verdict verdict_of(const struct policy_entry *e)
{
    return (struct policy_verdict){
        .rule = e->rule->name,
        .terms = e->rule,
        .pattern = e->pattern,
        .challenges = e->rule->challenges & ~(1u << CONF_PROOF_NONE),
        .vouched = (e->rule->challenges & 1u << CONF_PROOF_NONE) != 0,
    };
}

static enum policy_space space(const struct policy *p, const struct look *l)
{
    struct str name = l->q->value;

    if (l->q->type == POLICY_IP)
        return l->address.n ? policy_space_of_address(p->reserved, &l->address) : POLICY_NOWHERE;
    return policy_space_of_name(p->conf, name_is_wildcard(name) ? str_skip(name, 2) : name);
}

enum rc policy_judge(const struct policy *p, const struct policy_query *q,
                     struct policy_verdict *out, struct err *err)
{
    struct look l = {.p = p, .q = q};
    const struct policy_entry *e;

    if (q->type == POLICY_IP && addr_parse(q->value, &l.address) != RC_OK)
        l.address.n = 0;
    TRY(policy_space_check(p->conf, space(p, &l), q->value, q->special, err));
    if (q->from == CONF_FROM_GATEWAY && !p->gateway) {
        *out = (struct policy_verdict){.rule = STR("gateway.sites")};
        return RC_OK;
    }
    e = decide(&l);
    if (!e)
        return refuse(p, q, err);
    if (l.wildcard && e->rule->wildcards == CONF_WILDCARDS_NEVER)
        return PROBLEM(err, RC_DENIED, "rejectedIdentifier", msg_never, e->rule->name, q->value);
    *out = verdict_of(e);
    return RC_OK;
}

enum rc policy_judge_below(const struct policy *p, const struct policy_query *q,
                           struct policy_verdict *out)
{
    struct look l = {.p = p, .q = q, .below = true};
    const struct policy_entry *e;

    if (q->type != POLICY_DNS)
        return RC_DENIED;
    TRY(policy_space_check(p->conf, policy_space_of_name(p->conf, q->value), q->value, q->special,
                           NULL));
    e = decide(&l);
    if (!e)
        return RC_DENIED;
    *out = verdict_of(e);
    return RC_OK;
}

/* ---- the whole */

static struct str base_of(struct str name)
{
    return name_is_wildcard(name) ? str_skip(name, 2) : name;
}

/* The first of the names, addresses aside, that is not at or below the pattern's domain; `n`: all
 * are. */
static size_t stranger(const struct policy_whole *w, struct str pattern)
{
    struct str domain = policy_pattern_domain(pattern);

    for (size_t i = 0; i < w->n; i++)
        if (w->verdicts[i].pattern.n && domain.n && !name_under(base_of(w->names[i]), domain))
            return i;
    return w->n;
}

/* One pattern of the rule has room for all. */
static enum rc check_project(const struct policy_whole *w, size_t i, struct err *err)
{
    const struct policy_verdict *v = &w->verdicts[i];
    size_t other = stranger(w, v->pattern);

    if (v->pattern.n == 0 || v->terms->together != CONF_TOGETHER_PROJECT || other == w->n)
        return RC_OK;
    for (size_t k = 0; k < v->terms->allow.n; k++)
        if (stranger(w, v->terms->allow.p[k]) == w->n)
            return RC_OK;
    return PROBLEM(err, RC_DENIED, "rejectedIdentifier", msg_project, v->rule, w->names[i],
                   w->names[other]);
}

static enum rc check_profile(const struct policy_whole *w, size_t i, struct err *err)
{
    const struct conf_rule *r = w->verdicts[i].terms;
    char text[LIST_TEXT_MAX];
    size_t n = 0;

    if (r->profiles.n == 0 || list_has(&r->profiles, w->profile))
        return RC_OK;
    for (size_t k = 0; k < r->profiles.n && n + r->profiles.p[k].n + 3 < sizeof(text); k++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%.*s", k ? ", " : "",
                              STR_ARG(r->profiles.p[k]));
    return PROBLEM(err, RC_DENIED, "invalidProfile", msg_profile, r->name, w->names[i], w->profile,
                   str_bytes(text, n));
}

static enum rc check_key(const struct policy_whole *w, size_t i, struct err *err)
{
    const struct conf_rule *r = w->verdicts[i].terms;
    char text[LIST_TEXT_MAX];
    unsigned own = 0;
    size_t n = 0;

    if (!w->key_algorithm || r->key_algorithms & w->key_algorithm)
        return RC_OK;
    for (unsigned k = 0; k < CONF_KEY_COUNT; k++)
        if (r->key_algorithms & 1u << k)
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? ", " : "",
                                  conf_key_algorithm_name(k));
    while (!(w->key_algorithm & 1u << own))
        own++;
    return PROBLEM(err, RC_DENIED, "badPublicKey", msg_key, r->name, w->names[i],
                   str_of(conf_key_algorithm_name(own)), str_bytes(text, n));
}

static enum rc check_count(const struct policy_whole *w, size_t i, struct err *err)
{
    const struct conf_rule *r = w->verdicts[i].terms;
    char may[24], has[24];

    if (w->n <= r->names_max)
        return RC_OK;
    snprintf(may, sizeof(may), "%u", (unsigned)r->names_max);
    snprintf(has, sizeof(has), "%zu", w->n);
    return PROBLEM(err, RC_DENIED, "rejectedIdentifier", msg_count, r->name, w->names[i],
                   str_of(may), str_of(has));
}

enum rc policy_judge_whole(const struct policy_whole *w, struct err *err)
{
    for (size_t i = 0; i < w->n; i++) {
        if (!w->verdicts[i].terms)
            continue;
        TRY(check_count(w, i, err));
        TRY(check_project(w, i, err));
        TRY(check_profile(w, i, err));
        TRY(check_key(w, i, err));
    }
    return RC_OK;
}

unsigned policy_approvers(const struct policy_whole *w)
{
    unsigned most = 0;

    for (size_t i = 0; i < w->n; i++) {
        const struct conf_rule *r = w->verdicts[i].terms;

        if (r && r->approvers > most &&
            (r->approval ||
             (r->wildcards == CONF_WILDCARDS_APPROVAL && name_is_wildcard(w->names[i]))))
            most = (unsigned)r->approvers;
    }
    return most;
}

const struct conf_rule *policy_reason(const struct policy_whole *w)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->verdicts[i].terms && w->verdicts[i].terms->reason)
            return w->verdicts[i].terms;
    return NULL;
}

when_t policy_lifetime(const struct policy_whole *w)
{
    when_t least = 0;

    for (size_t i = 0; i < w->n; i++) {
        const struct conf_rule *r = w->verdicts[i].terms;

        if (r && r->lifetime && (!least || r->lifetime < least))
            least = r->lifetime;
    }
    return least;
}
