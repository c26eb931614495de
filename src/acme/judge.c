/* SPDX-License-Identifier: Apache-2.0 */
/* All names of a certificate together, as the policy's rules want to see them. */
#include "acme/parts_int.h"
#include "acme/reason.h"
#include "ca/issue.h"

enum { RULES_TEXT_MAX = 8 * 1024 };

enum rc acme_whole(struct acme_request *r, const struct acme_identifier *ids, size_t n,
                   struct policy_whole *w)
{
    struct policy_verdict *verdicts = ARENA_ARRAY(r->arena, struct policy_verdict, n);
    struct str *names = ARENA_ARRAY(r->arena, struct str, n);

    if (!verdicts || !names)
        return RC_NOMEM;
    for (size_t i = 0; i < n; i++) {
        verdicts[i] = ids[i].verdict;
        names[i] = ids[i].name.value;
    }
    w->verdicts = verdicts;
    w->names = names;
    w->n = n;
    r->verdicts = verdicts;
    r->n_verdicts = n;
    return RC_OK;
}

enum rc acme_whole_rules(struct arena *a, const struct policy_whole *w, struct str *out)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(RULES_TEXT_MAX);

    for (size_t i = 0; i < w->n; i++) {
        bool again = false;

        for (size_t k = 0; k < i && !again; k++)
            again = str_eq(w->verdicts[k].rule, w->verdicts[i].rule);
        if (again)
            continue;
        buf_putz(&text, text.n ? ", " : "");
        buf_puts(&text, w->verdicts[i].rule);
    }
    TRY(buf_rc(&text));
    return arena_str(a, buf_str(&text), out);
}

/* ---- an order once more */

/* By the rules, or, for the keeper, also by the sites of the configuration. */
static enum rc judge_one(struct acme_request *r, bool vouched, struct acme_identifier *id,
                         struct acme_judged_name *out)
{
    struct policy_query q = acme_policy_query(r, &id->name);
    const struct conf_site *site;

    if (vouched) {
        q.from = CONF_FROM_GATEWAY;
        TRY(policy_judge_vouched(r->acme->conf, q.type, q.value, &site, &r->err));
    }
    TRY(policy_judge(r->acme->policy, &q, &id->verdict, &r->err));
    out->challenges = id->verdict.challenges;
    out->vouched = id->verdict.vouched;
    if (q.type == POLICY_DNS && id->verdict.terms && id->verdict.terms->subdomains)
        out->top = acme_subdomains_top(r, q.value);
    return arena_str(r->arena, id->verdict.rule, &out->rule);
}

enum rc acme_order_judge(struct acme_request *r, const struct store_order *order, bool vouched,
                         enum crypto_key_type key, struct acme_judged *out)
{
    size_t n = order->n_names;
    struct acme_identifier *ids = ARENA_ARRAY(r->arena, struct acme_identifier, n);
    struct policy_whole w = {.profile = order->profile, .key_algorithm = ca_leaf_algorithm(key)};

    out->names = ARENA_ARRAY(r->arena, struct acme_judged_name, n);
    if (!ids || !out->names)
        return RC_NOMEM;
    for (size_t i = 0; i < n; i++) {
        ids[i].name = order->names[i].name;
        TRY(judge_one(r, vouched, &ids[i], &out->names[i]));
    }
    TRY(acme_whole(r, ids, n, &w));
    TRY(policy_judge_whole(&w, &r->err));
    TRY(acme_reason_look(r, &w, out));
    out->lifetime = policy_lifetime(&w);
    out->approvers = policy_approvers(&w);
    return acme_whole_rules(r->arena, &w, &out->rules);
}

void acme_judged_limit(const struct acme_request *r, const struct store_order *order,
                       const struct acme_judged *judged, struct ca_request *ask)
{
    const struct conf_profile *profile = conf_profile_find(r->acme->conf, order->profile);
    when_t from = r->now - (profile ? profile->backdate : 0);
    when_t end;

    if (ask->not_before > from)
        from = ask->not_before;
    end = from + judged->lifetime - WHEN_SECOND;
    if (judged->lifetime && (!ask->not_after || end < ask->not_after))
        ask->not_after = end;
}
