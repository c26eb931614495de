/* SPDX-License-Identifier: Apache-2.0 */
/* The staging directory: the same resources once more below /acme/staging/, for clients that are
 * being set up. Rules and validation are the same; issuers, accounts, nonces and all that hangs on
 * an account are its own. What is of one is unknown in the other. */
#include "acme/parts_int.h"
#include "ca/issue.h"
#include "crypto/hash.h"

MSG(msg_none, "acme.no-staging",
    "this CA has no staging hierarchy; an administrator makes one with `autarky issuer create "
    "--staging`");

#define BELOW STR("/acme/staging/")

enum rc acme_staging_look(struct acme_request *r)
{
    r->path = r->x->req.path;
    if (!str_starts(r->path, BELOW))
        return RC_OK;
    r->staging = true;
    r->path = arena_printf(r->arena, "/acme/%.*s", STR_ARG(str_skip(r->path, BELOW.n)));
    if (!r->path.p)
        return RC_NOMEM;
    if (ca_hierarchy_open(r->acme->ca, ca_hierarchy_text(CA_STAGING)))
        return RC_OK;
    IGNORE_RC(ACME_ERR(r, RC_NOTFOUND, "malformed", msg_none));
    return err_problem(&r->err, RC_NOTFOUND, "malformed", 404);
}

const char *acme_staging_prefix(bool staging)
{
    return staging ? "/acme/staging" : "/acme";
}

struct acme_nonces *acme_staging_nonces(struct acme_request *r)
{
    return r->staging ? &r->acme->staging_nonces : &r->acme->nonces;
}

enum rc acme_staging_key(const struct acme_request *r, struct str jwk, struct store_hash *out)
{
    unsigned char both[sizeof("staging") - 1 + STORE_SHA256];

    TRY(crypto_sha256(jwk, out->b));
    if (!r->staging)
        return RC_OK;
    memcpy(both, "staging", sizeof(both) - STORE_SHA256);
    memcpy(both + sizeof(both) - STORE_SHA256, out->b, STORE_SHA256);
    return crypto_sha256(str_bytes(both, sizeof(both)), out->b);
}

bool acme_staging_has(const struct acme_request *r, const struct store_certificate *c)
{
    return str_eq(c->hierarchy, ca_hierarchy_text(CA_STAGING)) == r->staging;
}

bool acme_special_open(const struct acme_request *r)
{
    return !r->staging && ca_hierarchy_open(r->acme->ca, ca_hierarchy_text(CA_SPECIAL));
}
