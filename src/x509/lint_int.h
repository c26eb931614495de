/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by lint.c, the table, and lint_rules.c, what its rows ask. */
#pragma once

#include "x509/lint.h"

enum { X509_LINT_ARG = 128 };

struct x509_lint {
    const struct x509_cert *c;
    const struct x509_lint_in *in;
    struct crypto_public key; /* the certified one; type 0 when it cannot be read */
    struct err why;           /* of the rule just asked: another module's refusal; rc RC_OK: the
                                 rule's own message, with */
    char arg[X509_LINT_ARG];  /* the first argument of that message */
};

/* True when the rule is kept. A failure that is nobody's fault (memory) is in `why` and counts as
 * broken. */
typedef bool x509_rule_fn(struct x509_lint *l);

x509_rule_fn x509_rule_version, x509_rule_serial, x509_rule_serial_bits, x509_rule_sig_alg,
    x509_rule_no_unique_ids;
x509_rule_fn x509_rule_issuer_named, x509_rule_issuer, x509_rule_issuer_ca, x509_rule_pathlen,
    x509_rule_not_self_issued;
x509_rule_fn x509_rule_validity, x509_rule_nested, x509_rule_lifetime;
x509_rule_fn x509_rule_spki, x509_rule_key_form, x509_rule_key_strong, x509_rule_key_issuers;
x509_rule_fn x509_rule_subject_form, x509_rule_subject_ca;
x509_rule_fn x509_rule_known, x509_rule_critical, x509_rule_uncritical;
x509_rule_fn x509_rule_basic, x509_rule_usage_there, x509_rule_usage_kind, x509_rule_usage_key,
    x509_rule_eku;
x509_rule_fn x509_rule_norev_kind, x509_rule_norev_urls, x509_rule_norev_meant;
x509_rule_fn x509_rule_nocheck, x509_rule_staple_kind, x509_rule_staple_form, x509_rule_staple_url;
x509_rule_fn x509_rule_policies;
x509_rule_fn x509_rule_ski_there, x509_rule_ski, x509_rule_aki_there, x509_rule_aki;
x509_rule_fn x509_rule_constraints_kind, x509_rule_constraints_known;
x509_rule_fn x509_rule_names_there, x509_rule_names_kind, x509_rule_names_critical,
    x509_rule_dns_form;
x509_rule_fn x509_rule_email_form, x509_rule_uri_form, x509_rule_names_asked, x509_rule_common_name;
x509_rule_fn x509_rule_permitted, x509_rule_uri_constraints;
x509_rule_fn x509_rule_url_scheme, x509_rule_url_host;
