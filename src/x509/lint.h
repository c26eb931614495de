/* SPDX-License-Identifier: Apache-2.0 */
/* The last look before a signature: RFC 5280, and of the CA/Browser Forum's rules those that make
 * sense on an intranet, applied to the bytes that would be signed and not to what they were made
 * from. A table of rules, each with the clause that it comes from; the signer and the ceremony run
 * it, and a refusal names the rule. */
#pragma once

#include "base/err.h"
#include "x509/cert.h"

enum x509_lint_kind {
    X509_LINT_LEAF,
    X509_LINT_CA,    /* intermediate */
    X509_LINT_CROSS, /* of a CA that has another certificate as well */
    X509_LINT_ROOT,
    X509_LINT_OCSP, /* a delegated responder */
    X509_LINT_KINDS,
};

enum { X509_LINT_BROKEN_MAX = 64 };

/* What was meant. */
struct x509_lint_in {
    enum x509_lint_kind kind;
    const struct x509_cert *issuer; /* NULL for a root */
    const struct crypto_key *issuer_key;
    struct str spki;
    const struct crypto_public *key; /* that of `spki`, where the caller has read it; or NULL */
    const struct str *dns;           /* exactly these, in any order */
    const struct addr *ips;
    const struct str *emails; /* the same */
    const struct str *uris;
    size_t n_dns, n_ips, n_emails, n_uris;
    bool no_revocation; /* a leaf says that its revocation can be looked up nowhere (RFC 9608) */
    bool constraints_noncritical; /* name constraints are meant to be so */
    struct str common_name;  /* a leaf's: exactly this, although it is none of the names; empty: one
                                of them, or none */
    uint16_t key_usage, eku; /* a leaf's: exactly these, of those that its key can do; 0: what TLS
                                does with such a key */
    when_t
        max_lifetime; /* not_after - not_before + 1 s at most; 0: no limit but the issuer's end */
};

/* One row of the table. The message starts with the clause, up to ": ". */
struct x509_lint_rule {
    const struct msg *msg;
    unsigned kinds; /* bits 1 << enum x509_lint_kind: where it applies */
};
/* The i-th, constant, in the order in which they are looked at; NULL behind the last. */
const struct x509_lint_rule *x509_lint_rule(size_t i);

/* RC_OK, or RC_DENIED with a message that starts with the rule: "RFC 5280 4.2.1.6: ...", or that of
 * crypto/weak.h or x509/constraints.h. RC_PARSE when it is no TBSCertificate. */
enum rc x509_lint_tbs(struct arena *a, struct str tbs, const struct x509_lint_in *in,
                      struct err *err);
/* All rules that it breaks instead of the first, as their rows; RC_OK also when there are some. */
enum rc x509_lint_list(struct arena *a, struct str tbs, const struct x509_lint_in *in,
                       const struct x509_lint_rule *out[static X509_LINT_BROKEN_MAX], size_t *out_n,
                       struct err *err);
