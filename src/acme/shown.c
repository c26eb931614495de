/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate that a client has shown to the API's listener, as rules of the policy may name
 * it. TLS has proven that it has the key; that the certificate is this CA's, and good, is looked up
 * with every request, so that a revocation counts at once. */
#include "acme/shown.h"

#include "log/log.h"
#include "policy/shown.h"

enum rc acme_shown_look(struct acme_request *r)
{
    const struct acme_options *o = &r->acme->options;
    const struct http_shown *shown = &r->x->req.shown;
    struct store_certificate c = {};
    struct err why = ERR_INIT;
    enum rc rc;

    if (!o->shown || !shown->n_serial || !policy_wants_shown(r->acme->policy))
        return RC_OK;
    rc = o->shown(o->shown_arg, shown, r->arena, &c, &why);
    if (rc == RC_DENIED) {
        why.rc = rc;
        log_info("acme.client-certificate", LOG_STR("account", id_str(&r->account.id)),
                 LOG_ERR(&why));
        return RC_OK;
    }
    TRY(rc);
    r->shown = ARENA_NEW(r->arena, struct policy_shown);
    if (!r->shown)
        return RC_NOMEM;
    return policy_shown_take(r->shown, &c, r->arena);
}

void acme_shown_forget(struct acme_request *r)
{
    r->shown = NULL;
}
