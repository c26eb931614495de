/* SPDX-License-Identifier: Apache-2.0 */
/* Why a certificate is: a reason, or a ticket, that somebody gave for the key of the account, or
 * who granted it. A client has no words of its own for it. */
#include "acme/reason.h"

#include "approval/approval.h"
#include "store/eab.h"

MSG(msg_key, "acme.reason-key",
    "policy rule \"{0}\" wants a reason or ticket for each certificate, and the key \"{1}\" that "
    "this account was made with has none; make an account with a key that has one (`autarky eab "
    "create NAME --reason TEXT`)");
MSG(msg_none, "acme.reason-none",
    "policy rule \"{0}\" wants a reason or ticket for each certificate, and this account was made "
    "without a key that could have one; make an account with a key that has (`autarky eab create "
    "NAME --reason TEXT`)");
MSG(msg_approval, "acme.reason-approval",
    "the policy wants a reason or ticket for this certificate, and approval {0} was granted "
    "without one; make a new order, and have it granted with --reason");

static enum rc of_key(struct acme_request *r, struct str *out)
{
    struct store_eab key;
    enum rc rc;

    *out = STR("");
    if (r->account.eab_key.n == 0)
        return RC_OK;
    rc = store_eab_find(store_read(r->acme->store), r->arena, r->account.eab_key, &key);
    if (rc == RC_OK)
        *out = str_trim(key.reason);
    return rc == RC_NOTFOUND ? RC_OK : rc;
}

enum rc acme_reason_look(struct acme_request *r, const struct policy_whole *w,
                         struct acme_judged *out)
{
    const struct conf_rule *rule = policy_reason(w);

    TRY(of_key(r, &out->reason));
    out->reason_wanted = rule && out->reason.n == 0;
    if (!out->reason_wanted || (policy_approvers(w) && !r->staging))
        return RC_OK;
    if (r->account.eab_key.n)
        return ACME_ERR(r, RC_DENIED, "unauthorized", msg_key, rule->name, r->account.eab_key);
    return ACME_ERR(r, RC_DENIED, "unauthorized", msg_none, rule->name);
}

enum rc acme_reason_of_approval(struct acme_request *r, const struct approval *c, bool wanted,
                                struct str *reason)
{
    struct store_approval_vote votes[STORE_APPROVAL_VOTES];
    size_t n;

    TRY(store_approval_votes(store_read(r->acme->store), r->arena, &c->row.id, votes, &n));
    for (size_t i = 0; i < n; i++) {
        struct str said = str_trim(votes[i].reason);

        if (votes[i].grant && said.n) {
            *reason = said;
            return RC_OK;
        }
    }
    if (!wanted)
        return RC_OK;
    return ACME_ERR(r, RC_CONFLICT, "unauthorized", msg_approval, id_str(&c->row.id));
}
