/* SPDX-License-Identifier: Apache-2.0 */
/* The one account whose names need no proof: the gateway's keeper, for exactly the configured
 * sites. It is known by the thumbprint of its key, which the keeper itself has told core on a
 * channel of their own, and it signs every request; that the request came over the private listener
 * is front's word, and asked for in addition.
 *
 * Its authorizations are valid from the start and have no challenge: RFC 8555 section 7.1.4 wants
 * an array, of "the challenge that was validated", and there was none. What they are valid by is
 * their evidence. That counts only for as long as the account is vouched for: were the key
 * replaced, what was vouched for under the old one could no longer be finalized. */
#include "acme/parts_int.h"
#include "base/text.h"
#include "crypto/hash.h"

enum { EVIDENCE_MAX = 1024 };

enum rc acme_set_vouched(struct acme *a, struct str thumbprint)
{
    CLEANUP(buf_done) struct buf bytes = BUF_INIT(STORE_SHA256);

    a->vouches = false;
    if (thumbprint.n == 0)
        return RC_OK;
    if (thumbprint.n != JOSE_THUMBPRINT)
        return RC_INVAL;
    TRY(text_unb64url(thumbprint, &bytes));
    if (bytes.n != STORE_SHA256)
        return RC_INVAL;
    memcpy(a->vouched.b, bytes.p, STORE_SHA256);
    a->vouches = true;
    return RC_OK;
}

bool acme_is_private(const struct acme_request *r)
{
    return str_eq(r->x->req.listener, STR("private"));
}

bool acme_vouches_for(const struct acme_request *r, const struct store_hash *thumbprint)
{
    const struct acme *a = r->acme;

    return a->vouches && acme_is_private(r) && !r->staging &&
           memcmp(a->vouched.b, thumbprint->b, STORE_SHA256) == 0;
}

enum rc acme_vouch_evidence(struct arena *a, const char *what, struct str name, struct str *out)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(EVIDENCE_MAX);
    struct str rule = arena_printf(a, "%s %.*s", what, STR_ARG(name));
    struct json_out o;

    if (!rule.p)
        return RC_NOMEM;
    json_out_init(&o, &b, JSON_COMPACT);
    json_obj(&o);
    json_kv_str(&o, "vouched", rule);
    json_end(&o);
    TRY(json_out_done(&o));
    return arena_str(a, buf_str(&b), out);
}

enum rc acme_vouch_audit(struct store_txn *txn, struct acme_request *r,
                         const struct store_authorization *authz, struct str rule)
{
    CLEANUP(buf_done) struct buf detail = BUF_INIT(EVIDENCE_MAX);
    struct json_out o;

    json_out_init(&o, &detail, JSON_COMPACT);
    json_obj(&o);
    if (rule.n) {
        json_kv_str(&o, "name", authz->name.value);
        json_kv_str(&o, "key", r->account.eab_key);
        json_kv_str(&o, "rule", rule);
    } else {
        json_kv_str(&o, "site", authz->name.value);
        json_kv_z(&o, "rule", "gateway.sites");
    }
    json_end(&o);
    TRY(json_out_done(&o));
    return acme_audit(txn, r, "authorization.vouched", "authorization", &authz->id,
                      buf_str(&detail));
}
