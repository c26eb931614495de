/* SPDX-License-Identifier: Apache-2.0 */
/* An operator has a request signed: what is asked for, read and held against the configuration. The
 * policy is asked as for everybody (rules with "operators" in `from`; while there are none, it lets
 * them have what the hierarchies allow). Profiles and the hierarchies' names hold for everybody,
 * the signer's rules all the more. */
#pragma once

#include "api/admin.h"
#include "api/names.h"
#include "ca/issue.h"
#include "x509/csr.h"

struct api_signing {
    struct x509_csr csr;
    const struct conf_profile *profile; /* borrowed from the configuration */
    struct ca_request request;          /* all but request id, operator and reserve */
    unsigned approvers;                 /* persons who have to allow it; 0: none */
    bool key_by_ca;       /* the CSR's key signs; the certificate gets one that is made here */
    struct str enveloped; /* that one, once api_cert_sign_make_key has made it */
};

/* `args`: {"csr": DER as base64url, "profile", "names": [texts] instead of those in the request,
 * "common_name", "reason", "owner", "team", "service", "key_by_ca": true}; all but "csr" may be
 * left out. "key_by_ca" is for SM2 and profiles whose keys do not sign. Everything is copied into
 * the arena. RC_PARSE, RC_INVAL, RC_NOTFOUND (profile), RC_DENIED, as x509_csr_parse,
 * ca_leaf_check_key and ca_leaf_check_names, as policy_judge, or a name outside of what the CA
 * vouches for. */
enum rc api_cert_sign_read(const struct api_view *v, const struct json *args, struct arena *a,
                           struct api_signing *out, struct err *err);
/* With key_by_ca, when the time to issue has come: the key, in the envelope that the CSR's key
 * opens, and where there is a key of escrow in another one for that, and its public half in the
 * request; the private half is nowhere else any more. RC_CRYPTO; as ca_escrow_key. */
enum rc api_cert_sign_make_key(const struct conf *conf, struct api_signing *s, struct arena *a,
                               struct err *err);
/* {"dry_run": true, "names", "profile", "key", "not_before", "not_after", "rules", "approvers",
 * "escrowed"} */
void api_cert_sign_put_plan(const struct api_view *v, const struct api_signing *s,
                            struct json_out *o);
