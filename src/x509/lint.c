/* SPDX-License-Identifier: Apache-2.0 */
#include "x509/lint.h"

#include <assert.h>

#include "x509/lint_int.h"

/* Where two sources agree, RFC 5280 is named; "CABF BR" are the Baseline Requirements of the
 * CA/Browser Forum, "here" what this program has decided itself. */
MSG(msg_version, "lint.version", "RFC 5280 4.1.2.1: not version 3");
MSG(msg_serial, "lint.serial",
    "RFC 5280 4.1.2.2: the serial number is not positive, or longer than 20 bytes");
MSG(msg_entropy, "lint.serial-short", "CABF BR 7.1: the serial number has less than 64 bits");
MSG(msg_sig_alg, "lint.signature-algorithm",
    "RFC 5280 4.1.2.3: the signature algorithm does not fit the issuer's key");
MSG(msg_unique, "lint.unique-id", "RFC 5280 4.1.2.8: there is a unique identifier");
MSG(msg_issuer_empty, "lint.issuer-empty", "RFC 5280 4.1.2.4: the issuer is empty");
MSG(msg_issuer, "lint.issuer",
    "RFC 5280 4.1.2.4: the issuer is not, byte for byte, the subject of the CA");
MSG(msg_issuer_ca, "lint.issuer-ca",
    "RFC 5280 4.2.1.9: the issuer may not sign certificates (cA, keyCertSign)");
MSG(msg_pathlen, "lint.path-length",
    "RFC 5280 4.2.1.9: the issuer may not have this CA below it (pathLenConstraint)");
MSG(msg_self, "lint.self-issued",
    "RFC 5280 3.2: the subject is the issuer, although this is no root");
MSG(msg_validity, "lint.validity", "RFC 5280 4.1.2.5: notAfter does not lie behind notBefore");
MSG(msg_nested, "lint.validity-nested",
    "here: the certificate would begin before its issuer or outlive it");
MSG(msg_lifetime, "lint.lifetime",
    "here: the certificate would live longer than the issuer's rules allow");
MSG(msg_spki, "lint.public-key", "here: the public key is another than the one asked for");
MSG(msg_key_form, "lint.key-form",
    "RFC 5280 4.1.2.7: the public key is none that can be read: its form, its size, its exponent, "
    "or a point off the curve");
MSG(msg_weak, "lint.key-weak", "CABF BR 6.1.1.3: the public key can be broken");
MSG(msg_own_key, "lint.issuer-key",
    "RFC 5280 3.2: a root is signed with its own key, and nothing else is");
MSG(msg_subject, "lint.subject",
    "RFC 5280 4.1.2.6: the subject is not in the one form that is written here");
MSG(msg_subject_ca, "lint.subject-ca", "RFC 5280 4.1.2.6: a CA needs a subject");
MSG(msg_unknown, "lint.extension", "RFC 5280 4.2: extension {0} is none that is written here");
MSG(msg_critical, "lint.critical", "RFC 5280 4.2.1: extension {0} must be critical");
MSG(msg_uncritical, "lint.not-critical", "RFC 5280 4.2.1: extension {0} must not be critical");
MSG(msg_basic, "lint.basic-constraints",
    "RFC 5280 4.2.1.9: basicConstraints do not fit the kind of certificate");
MSG(msg_no_usage, "lint.key-usage-missing", "RFC 5280 4.2.1.3: keyUsage is missing");
MSG(msg_usage, "lint.key-usage",
    "RFC 5280 4.2.1.3: keyUsage does not fit the kind of certificate, or is not what was asked "
    "for");
MSG(msg_usage_key, "lint.key-usage-key",
    "RFC 3279 2.3, RFC 5480 3, RFC 8410 5, RFC 9881 5: keyUsage asks what a {0} key cannot do");
MSG(msg_eku, "lint.extended-key-usage",
    "CABF BR 7.1.2: extendedKeyUsage does not fit the kind of certificate, or is not what was "
    "asked for");
MSG(msg_responder, "lint.responder",
    "RFC 6960 4.2.2.2: id-pkix-ocsp-nocheck belongs into the certificates of responders, and only "
    "there");
MSG(msg_norev, "lint.no-revocation", "RFC 9608 2: noRevAvail belongs into leaves only");
MSG(msg_norev_meant, "lint.no-revocation-meant",
    "RFC 9608 2: noRevAvail is there and not meant, or meant and not there");
MSG(msg_norev_urls, "lint.no-revocation-url",
    "RFC 9608 3: noRevAvail stands beside a place where revocation is looked up");
MSG(msg_staple, "lint.tls-feature",
    "RFC 7633 4.2.1: the TLS feature extension belongs into leaves only");
MSG(msg_staple_form, "lint.tls-feature-form",
    "RFC 7633 4: the TLS feature extension asks for something else than status_request");
MSG(msg_staple_url, "lint.tls-feature-url",
    "RFC 7633 4.2.3: the certificate demands a stapled response and names no OCSP responder");
MSG(msg_policies, "lint.policies", "RFC 5280 4.2.1.4: a policy stands there twice");
MSG(msg_no_ski, "lint.subject-key-id-missing", "RFC 5280 4.2.1.2: subjectKeyIdentifier is missing");
MSG(msg_ski, "lint.subject-key-id",
    "RFC 7093 2: subjectKeyIdentifier is not that of the key, by method 1");
MSG(msg_no_aki, "lint.authority-key-id-missing",
    "RFC 5280 4.2.1.1: authorityKeyIdentifier is missing");
MSG(msg_aki, "lint.authority-key-id",
    "RFC 5280 4.2.1.1: authorityKeyIdentifier is not that of the issuer");
MSG(msg_constraints, "lint.constraints",
    "RFC 5280 4.2.1.10: nameConstraints belong into CA certificates only");
MSG(msg_constraints_other, "lint.constraints-other",
    "RFC 5280 4.2.1.10: nameConstraints name a kind of names that is not written here");
MSG(msg_san_missing, "lint.names-missing", "CABF BR 7.1.2.7.12: there is no subjectAltName");
MSG(msg_san_extra, "lint.names-kind",
    "RFC 5280 4.2.1.6: this kind of certificate has no such names");
MSG(msg_san_critical, "lint.names-critical",
    "RFC 5280 4.2.1.6: subjectAltName is critical exactly when the subject is empty");
MSG(msg_san_form, "lint.names-form",
    "RFC 5280 4.2.1.6: \"{0}\" is not a DNS name in canonical form");
MSG(msg_email_form, "lint.email-form",
    "RFC 5280 4.2.1.6: \"{0}\" is not a mail address in canonical form");
MSG(msg_uri_form, "lint.uri-form", "RFC 5280 4.2.1.6: \"{0}\" is not a URI with a host");
MSG(msg_san_other, "lint.names-different", "here: the names are not those asked for");
MSG(msg_common_name, "lint.common-name",
    "CABF BR 7.1.4.3: the common name is not one of the names");
MSG(msg_permitted, "lint.names-permitted",
    "RFC 5280 4.2.1.10: the issuer's name constraints do not allow a name");
MSG(msg_uri_constraints, "lint.uri-constraints",
    "RFC 5280 4.2.1.10: the issuer's name constraints are of a kind that is not understood here");
MSG(msg_url, "lint.url", "RFC 5280 4.2.1.13, 4.2.2.1: \"{0}\" is not an http:// URL");
MSG(msg_url_host, "lint.url-host", "RFC 3986 3.2: \"{0}\" names no host, or a user");

enum {
    LEAF = 1 << X509_LINT_LEAF,
    CA = 1 << X509_LINT_CA,
    CROSS = 1 << X509_LINT_CROSS,
    ROOT = 1 << X509_LINT_ROOT,
    OCSP = 1 << X509_LINT_OCSP,
    CAS = CA | CROSS | ROOT,
    BELOW = LEAF | CA | CROSS | OCSP, /* all that have an issuer */
    ALL = CAS | LEAF | OCSP,
};

static const struct {
    struct x509_lint_rule rule;
    x509_rule_fn *holds;
} rules[] = {
    {{&msg_version, ALL}, x509_rule_version},
    {{&msg_serial, ALL}, x509_rule_serial},
    {{&msg_entropy, ALL}, x509_rule_serial_bits},
    {{&msg_sig_alg, ALL}, x509_rule_sig_alg},
    {{&msg_unique, ALL}, x509_rule_no_unique_ids},
    {{&msg_issuer_empty, ALL}, x509_rule_issuer_named},
    {{&msg_issuer, ALL}, x509_rule_issuer},
    {{&msg_issuer_ca, BELOW}, x509_rule_issuer_ca},
    {{&msg_pathlen, CA | CROSS}, x509_rule_pathlen},
    {{&msg_self, LEAF | CA | OCSP}, x509_rule_not_self_issued},
    {{&msg_validity, ALL}, x509_rule_validity},
    {{&msg_nested, BELOW}, x509_rule_nested},
    {{&msg_lifetime, ALL}, x509_rule_lifetime},
    {{&msg_spki, ALL}, x509_rule_spki},
    {{&msg_key_form, ALL}, x509_rule_key_form},
    {{&msg_weak, ALL}, x509_rule_key_strong},
    {{&msg_own_key, ALL}, x509_rule_key_issuers},
    {{&msg_subject, ALL}, x509_rule_subject_form},
    {{&msg_subject_ca, CAS}, x509_rule_subject_ca},
    {{&msg_unknown, ALL}, x509_rule_known},
    {{&msg_critical, ALL}, x509_rule_critical},
    {{&msg_uncritical, ALL}, x509_rule_uncritical},
    {{&msg_basic, ALL}, x509_rule_basic},
    {{&msg_no_usage, ALL}, x509_rule_usage_there},
    {{&msg_usage, ALL}, x509_rule_usage_kind},
    {{&msg_usage_key, LEAF}, x509_rule_usage_key},
    {{&msg_eku, ALL}, x509_rule_eku},
    {{&msg_responder, ALL}, x509_rule_nocheck},
    {{&msg_norev, CAS | OCSP}, x509_rule_norev_kind},
    {{&msg_norev_meant, LEAF}, x509_rule_norev_meant},
    {{&msg_norev_urls, LEAF}, x509_rule_norev_urls},
    {{&msg_staple, CAS | OCSP}, x509_rule_staple_kind},
    {{&msg_staple_form, ALL}, x509_rule_staple_form},
    {{&msg_staple_url, LEAF}, x509_rule_staple_url},
    {{&msg_policies, ALL}, x509_rule_policies},
    {{&msg_no_ski, CAS}, x509_rule_ski_there},
    {{&msg_ski, ALL}, x509_rule_ski},
    {{&msg_no_aki, BELOW}, x509_rule_aki_there},
    {{&msg_aki, ALL}, x509_rule_aki},
    {{&msg_constraints, LEAF | OCSP}, x509_rule_constraints_kind},
    {{&msg_constraints_other, CAS}, x509_rule_constraints_known},
    {{&msg_san_missing, LEAF}, x509_rule_names_there},
    {{&msg_san_extra, ALL}, x509_rule_names_kind},
    {{&msg_san_critical, LEAF}, x509_rule_names_critical},
    {{&msg_san_form, LEAF}, x509_rule_dns_form},
    {{&msg_email_form, LEAF}, x509_rule_email_form},
    {{&msg_uri_form, LEAF}, x509_rule_uri_form},
    {{&msg_san_other, LEAF}, x509_rule_names_asked},
    {{&msg_common_name, LEAF}, x509_rule_common_name},
    {{&msg_permitted, LEAF}, x509_rule_permitted},
    {{&msg_uri_constraints, LEAF}, x509_rule_uri_constraints},
    {{&msg_url, ALL}, x509_rule_url_scheme},
    {{&msg_url_host, ALL}, x509_rule_url_host},
};
enum { RULES = sizeof(rules) / sizeof(rules[0]) };
static_assert(sizeof(rules) / sizeof(rules[0]) <= X509_LINT_BROKEN_MAX);

const struct x509_lint_rule *x509_lint_rule(size_t i)
{
    return i < RULES ? &rules[i].rule : NULL;
}

static enum rc start(struct x509_lint *l, struct err *err)
{
    enum rc rc;

    if (l->in->key && str_eq(l->in->key->spki, l->c->spki)) {
        l->key = *l->in->key;
        return RC_OK;
    }
    rc = crypto_public_read(l->c->spki, &l->key, err);
    /* Otherwise a rule says so, and has the reason again. */
    return rc == RC_NOMEM || rc == RC_CRYPTO ? rc : RC_OK;
}

static bool keeps(struct x509_lint *l, size_t i)
{
    if (l->why.rc != RC_OK)
        l->why = ERR_INIT; /* a kilobyte: not for each rule */
    l->arg[0] = 0;
    return !(rules[i].rule.kinds & 1u << l->in->kind) || rules[i].holds(l);
}

static bool is_refusal(enum rc rc)
{
    return rc == RC_DENIED || rc == RC_INVAL || rc == RC_PARSE || rc == RC_UNSUPPORTED;
}

/* Of the rule that `keeps` has just found broken. */
static enum rc refuse(const struct x509_lint *l, size_t i, struct err *err)
{
    if (l->why.rc == RC_OK)
        return ERR(err, RC_DENIED, *rules[i].rule.msg, str_of(l->arg));
    if (err && l->why.msg)
        *err = l->why;
    return is_refusal(l->why.rc) ? RC_DENIED : l->why.rc;
}

enum rc x509_lint_tbs(struct arena *a, struct str tbs, const struct x509_lint_in *in,
                      struct err *err)
{
    struct x509_cert c;
    struct x509_lint l = {.c = &c, .in = in};
    enum rc rc;

    TRY(x509_tbs_parse(a, tbs, &c, err));
    rc = start(&l, err);
    for (size_t i = 0; i < RULES && rc == RC_OK; i++)
        if (!keeps(&l, i))
            rc = refuse(&l, i, err);
    return rc;
}

enum rc x509_lint_list(struct arena *a, struct str tbs, const struct x509_lint_in *in,
                       const struct x509_lint_rule *out[static X509_LINT_BROKEN_MAX], size_t *out_n,
                       struct err *err)
{
    struct x509_cert c;
    struct x509_lint l = {.c = &c, .in = in};
    size_t n = 0;
    enum rc rc;

    TRY(x509_tbs_parse(a, tbs, &c, err));
    rc = start(&l, err);
    for (size_t i = 0; i < RULES && rc == RC_OK; i++) {
        if (keeps(&l, i))
            continue;
        if (l.why.rc != RC_OK && !is_refusal(l.why.rc))
            rc = l.why.rc;
        out[n++] = &rules[i].rule;
    }
    if (rc == RC_OK)
        *out_n = n;
    return rc;
}
