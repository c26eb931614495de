/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 9444: one proof for a domain that counts for all below it. A client asks for it with
 * "subdomainAuthAllowed" ahead of orders (section 4.2) or with "ancestorDomain" in one (section
 * 4.3). Where no rule wants it, or none of its challenges can prove it, the client gets an
 * authorization for the name alone, and reads so in it: both sections leave that to the server. */
#include "acme/parts_int.h"
#include "base/name.h"
#include "ca/issue.h"

MSG(msg_flag, "acme.subdomains-flag",
    "\"subdomainAuthAllowed\" has to be true or false, and is for names (RFC 9444 section 4.2)");
MSG(msg_type, "acme.ancestor-type",
    "\"ancestorDomain\" of {0} has to be the text of a DNS name, and is for names alone (RFC 9444 "
    "section 4.3)");
MSG(msg_above, "acme.ancestor-above",
    "\"ancestorDomain\" is {0}, which is no domain above {1}; leave it out, or name one (RFC 9444 "
    "section 4.3)");

enum rc acme_subdomains_read_flag(struct acme_request *r, const struct json *v,
                                  struct acme_identifier *i)
{
    const struct json *flag = json_get(v, "subdomainAuthAllowed");
    bool wanted = false;

    if (!flag)
        return RC_OK;
    if (json_bool(flag, &wanted) != RC_OK || i->name.type != STORE_NAME_DNS)
        return ACME_ERR(r, RC_INVAL, "malformed", msg_flag);
    if (wanted)
        i->ancestor = i->name.value;
    return RC_OK;
}

enum rc acme_subdomains_read_ancestor(struct acme_request *r, const struct json *v,
                                      struct acme_identifier *i, struct err *err)
{
    const struct json *value = json_get(v, "ancestorDomain");
    char name[NAME_MAX_BYTES + 1];
    struct str text;

    if (!value)
        return RC_OK;
    if (i->name.type != STORE_NAME_DNS || json_str(value, &text) != RC_OK)
        return PROBLEM(err, RC_INVAL, "malformed", msg_type, i->name.value);
    /* "*.d" lies below d. */
    if (name_canonical(text, false, name) != RC_OK || str_eq(str_of(name), i->name.value) ||
        !name_under(i->name.value, str_of(name)))
        return PROBLEM(err, RC_INVAL, "malformed", msg_above, str_head(text, NAME_MAX_BYTES),
                       i->name.value);
    return arena_str(r->arena, str_of(name), &i->ancestor);
}

static bool judge(const struct acme_request *r, struct str domain, struct policy_verdict *out)
{
    struct store_name name = {STORE_NAME_DNS, domain};
    struct policy_query q = acme_policy_query(r, &name);

    return policy_judge_below(r->acme->policy, &q, out) == RC_OK;
}

bool acme_subdomains_allowed(const struct acme_request *r, struct str domain)
{
    struct policy_verdict verdict;

    return judge(r, domain, &verdict);
}

struct str acme_subdomains_top(const struct acme_request *r, struct str name)
{
    struct str first, top = {NULL, 0};

    if (!acme_subdomains_offered(r->acme->conf))
        return top;
    while (str_cut(name, '.', &first, &name) && name.n)
        if (acme_subdomains_allowed(r, name))
            top = name;
    return top;
}

bool acme_subdomains_judge(const struct acme_request *r, struct acme_identifier *i)
{
    if (!judge(r, i->proven.value, &i->verdict))
        return false;
    i->challenges = acme_identifier_challenges(i, i->verdict.challenges);
    return true;
}

bool acme_subdomains_take(const struct acme_request *r, struct acme_identifier *i)
{
    struct acme_identifier above = *i;
    struct policy_verdict verdict;

    if (i->ancestor.n == 0 || !judge(r, i->ancestor, &verdict))
        return false;
    above.proven.value = i->ancestor;
    above.subdomains = true;
    above.challenges = acme_identifier_challenges(&above, verdict.challenges);
    above.wildcard = false; /* the authorization is none of a wildcard, whatever the name is */
    if (above.challenges)
        *i = above;
    return above.challenges != 0;
}

bool acme_subdomains_offered(const struct conf *conf)
{
    const struct acme_identifier any = {.subdomains = true};

    for (size_t i = 0; i < conf->n_policy; i++)
        if (conf->policy[i].subdomains &&
            acme_identifier_challenges(&any, conf->policy[i].challenges))
            return true;
    return false;
}
