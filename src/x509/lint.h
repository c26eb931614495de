/* SPDX-License-Identifier: Apache-2.0 */
/* The last look before a signature: RFC 5280, and of the CA/Browser Forum's rules those that make
 * sense on an intranet, applied to the bytes that would be signed and not to what they were made
 * from. The signer runs it; its refusal names the rule. */
#pragma once

#include "base/err.h"
#include "x509/cert.h"

enum x509_lint_kind {
    X509_LINT_LEAF,
    X509_LINT_CA, /* intermediate or cross-signed */
    X509_LINT_ROOT,
    X509_LINT_OCSP, /* a delegated responder */
};

/* What was meant. */
struct x509_lint_in {
    enum x509_lint_kind kind;
    const struct x509_cert *issuer; /* NULL for a root */
    const struct crypto_key *issuer_key;
    struct str spki;
    const struct str *dns; /* exactly these, in any order */
    const struct addr *ips;
    size_t n_dns, n_ips;
    bool constraints_noncritical; /* name constraints are meant to be so */
    when_t
        max_lifetime; /* not_after - not_before + 1 s at most; 0: no limit but the issuer's end */
};

/* RC_OK, or RC_DENIED with a message that starts with the rule: "RFC 5280 4.2.1.6: ...". RC_PARSE
 * when it is no TBSCertificate. */
enum rc x509_lint_tbs(struct arena *a, struct str tbs, const struct x509_lint_in *in,
                      struct err *err);
