/* SPDX-License-Identifier: Apache-2.0 */
/* What the rows of the table in lint.c ask, in its order. Each looks at one thing only and takes
 * the others for kept, so that a certificate with one fault breaks one rule. */
#include <stdio.h>

#include "base/name.h"
#include "crypto/weak.h"
#include "x509/ext_int.h"
#include "x509/lint_int.h"

enum {
    SERIAL_BYTES_MIN = 8,
    EMPTY_NAME = 2, /* bytes of the empty SEQUENCE */
    TLS = X509_EKU_SERVER_AUTH | X509_EKU_CLIENT_AUTH,
    CA_SIGNS = X509_KU_CERT_SIGN | X509_KU_CRL_SIGN,
};

static bool is_ca_kind(enum x509_lint_kind kind)
{
    return kind == X509_LINT_CA || kind == X509_LINT_CROSS || kind == X509_LINT_ROOT;
}

/* For the message, and false. */
static bool about(struct x509_lint *l, struct str what)
{
    snprintf(l->arg, sizeof(l->arg), "%.*s", STR_ARG(str_head(what, sizeof(l->arg) - 1)));
    return false;
}

/* What another module says. */
static bool kept(struct x509_lint *l, enum rc rc)
{
    l->why.rc = rc;
    return rc == RC_OK;
}

/* ---- the fields before the extensions ---- */

bool x509_rule_version(struct x509_lint *l)
{
    return l->c->version == 3;
}

bool x509_rule_serial(struct x509_lint *l)
{
    return l->c->serial.n > 0;
}

bool x509_rule_serial_bits(struct x509_lint *l)
{
    return l->c->serial.n == 0 || l->c->serial.n >= SERIAL_BYTES_MIN;
}

bool x509_rule_sig_alg(struct x509_lint *l)
{
    return crypto_sig_fits(l->c->sig_alg, l->in->issuer_key);
}

bool x509_rule_no_unique_ids(struct x509_lint *l)
{
    return !l->c->has_unique_ids;
}

bool x509_rule_issuer_named(struct x509_lint *l)
{
    return l->c->issuer.n > EMPTY_NAME;
}

bool x509_rule_issuer(struct x509_lint *l)
{
    const struct x509_cert *ca = l->in->issuer ? l->in->issuer : l->c;

    return l->c->issuer.n <= EMPTY_NAME || str_eq(l->c->issuer, ca->subject);
}

bool x509_rule_issuer_ca(struct x509_lint *l)
{
    const struct x509_cert *ca = l->in->issuer;

    return ca->is_ca && (!ca->has_key_usage || ca->key_usage & X509_KU_CERT_SIGN);
}

bool x509_rule_pathlen(struct x509_lint *l)
{
    const struct x509_cert *ca = l->in->issuer;

    return ca->pathlen < 0 ||
           (ca->pathlen > 0 && l->c->pathlen >= 0 && l->c->pathlen < ca->pathlen);
}

bool x509_rule_not_self_issued(struct x509_lint *l)
{
    return l->c->subject.n <= EMPTY_NAME || !x509_cert_self_issued(l->c);
}

bool x509_rule_validity(struct x509_lint *l)
{
    return l->c->not_after > l->c->not_before;
}

bool x509_rule_nested(struct x509_lint *l)
{
    return l->c->not_before >= l->in->issuer->not_before &&
           l->c->not_after <= l->in->issuer->not_after;
}

bool x509_rule_lifetime(struct x509_lint *l)
{
    /* Both ends belong to it, RFC 5280 section 4.1.2.5. */
    return !l->in->max_lifetime ||
           l->c->not_after - l->c->not_before + WHEN_SECOND <= l->in->max_lifetime;
}

bool x509_rule_spki(struct x509_lint *l)
{
    return str_eq(l->c->spki, l->in->spki);
}

bool x509_rule_key_form(struct x509_lint *l)
{
    struct crypto_public again;

    return l->key.type || kept(l, crypto_public_read(l->c->spki, &again, &l->why));
}

bool x509_rule_key_strong(struct x509_lint *l)
{
    return !l->key.type || kept(l, crypto_weak_check(l->key, &l->why));
}

bool x509_rule_key_issuers(struct x509_lint *l)
{
    /* Another key than the one that was meant is told by x509_rule_spki. */
    if (!l->key.type || !str_eq(l->c->spki, l->in->spki))
        return true;
    return str_eq(l->c->spki, crypto_key_spki(l->in->issuer_key)) ==
           (l->in->kind == X509_LINT_ROOT);
}

bool x509_rule_subject_form(struct x509_lint *l)
{
    CLEANUP(buf_done) struct buf again = BUF_INIT(X509_NAME_MAX);
    struct x509_subject s;
    enum rc rc = x509_name_parse(l->c->subject, &s, NULL);

    if (rc == RC_OK)
        rc = x509_name_build(&s, &again);
    if (rc == RC_NOMEM)
        return kept(l, rc);
    return rc == RC_OK && str_eq(buf_str(&again), l->c->subject);
}

bool x509_rule_subject_ca(struct x509_lint *l)
{
    return l->c->subject.n > EMPTY_NAME;
}

/* ---- extensions ---- */

/* RFC 5280 section 4.2.1 and 4.2.2, RFC 7633 section 4, RFC 6960 section 4.2.2.2.1, CABF BR 7.1.2:
 * what they recommend counts as a rule. subjectAltName has one of its own. */
static const struct {
    enum x509_oid oid;
    bool critical;
} flags[] = {
    {X509_OID_SKI, false},
    {X509_OID_AKI, false},
    {X509_OID_KEY_USAGE, true},
    {X509_OID_BASIC_CONSTRAINTS, true},
    {X509_OID_NAME_CONSTRAINTS, true},
    {X509_OID_CRL_POINTS, false},
    {X509_OID_POLICIES, false},
    {X509_OID_EKU, false},
    {X509_OID_AIA, false},
    {X509_OID_TLS_FEATURE, false},
    {X509_OID_NO_REV_AVAIL, false},
    {X509_OID_OCSP_NOCHECK, false},
};

static const char *name_of(struct str oid, char text[static X509_OID_TEXT])
{
    static const char *const names[X509_OID_OCSP_NOCHECK + 1] = {
        [X509_OID_SKI] = "subjectKeyIdentifier",
        [X509_OID_KEY_USAGE] = "keyUsage",
        [X509_OID_SAN] = "subjectAltName",
        [X509_OID_BASIC_CONSTRAINTS] = "basicConstraints",
        [X509_OID_NAME_CONSTRAINTS] = "nameConstraints",
        [X509_OID_CRL_POINTS] = "cRLDistributionPoints",
        [X509_OID_POLICIES] = "certificatePolicies",
        [X509_OID_AKI] = "authorityKeyIdentifier",
        [X509_OID_EKU] = "extKeyUsage",
        [X509_OID_AIA] = "authorityInfoAccess",
        [X509_OID_TLS_FEATURE] = "tlsFeature",
        [X509_OID_NO_REV_AVAIL] = "noRevAvail",
        [X509_OID_OCSP_NOCHECK] = "id-pkix-ocsp-nocheck",
    };
    enum x509_oid known = x509_oid_find(oid);

    return known <= X509_OID_OCSP_NOCHECK && names[known] ? names[known] : x509_oid_text(oid, text);
}

bool x509_rule_known(struct x509_lint *l)
{
    char text[X509_OID_TEXT];

    for (size_t i = 0; i < l->c->n_extensions; i++) {
        enum x509_oid oid = x509_oid_find(l->c->extensions[i]);

        if (oid < X509_OID_SKI || oid > X509_OID_OCSP_NOCHECK)
            return about(l, str_of(name_of(l->c->extensions[i], text)));
    }
    return true;
}

static bool flags_are(struct x509_lint *l, bool critical)
{
    char text[X509_OID_TEXT];

    for (size_t i = 0; i < l->c->n_extensions; i++) {
        enum x509_oid oid = x509_oid_find(l->c->extensions[i]);
        bool is = l->c->critical >> i & 1;

        for (size_t f = 0; f < sizeof(flags) / sizeof(flags[0]); f++) {
            bool want = flags[f].critical;

            if (oid == X509_OID_NAME_CONSTRAINTS && l->in->constraints_noncritical)
                want = false;
            if (flags[f].oid == oid && want == critical && is != want)
                return about(l, str_of(name_of(l->c->extensions[i], text)));
        }
    }
    return true;
}

bool x509_rule_critical(struct x509_lint *l)
{
    return flags_are(l, true);
}

bool x509_rule_uncritical(struct x509_lint *l)
{
    return flags_are(l, false);
}

bool x509_rule_basic(struct x509_lint *l)
{
    return l->c->is_ca == is_ca_kind(l->in->kind);
}

bool x509_rule_usage_there(struct x509_lint *l)
{
    return l->c->has_key_usage;
}

bool x509_rule_usage_kind(struct x509_lint *l)
{
    uint16_t ku = l->c->key_usage;

    if (!l->c->has_key_usage)
        return true;
    if (is_ca_kind(l->in->kind))
        return (ku & CA_SIGNS) == CA_SIGNS && !(ku & ~(CA_SIGNS | X509_KU_DIGITAL_SIGNATURE));
    if (l->in->kind == X509_LINT_OCSP)
        return ku == X509_KU_DIGITAL_SIGNATURE;
    if (l->in->key_usage)
        return ku == l->in->key_usage;
    /* What TLS does: it signs, and with RSA it enciphers. */
    return !(ku & ~(X509_KU_DIGITAL_SIGNATURE | X509_KU_KEY_ENCIPHERMENT));
}

/* SM2 keys sign, encrypt and agree (GM/T 0009). */
static uint16_t able(enum crypto_key_type type)
{
    uint16_t sign = X509_KU_DIGITAL_SIGNATURE | X509_KU_NON_REPUDIATION;
    uint16_t cipher = X509_KU_KEY_ENCIPHERMENT | X509_KU_DATA_ENCIPHERMENT;

    if (type == CRYPTO_KEY_RSA)
        return sign | cipher;
    if (type == CRYPTO_KEY_P256 || type == CRYPTO_KEY_P384)
        return sign | X509_KU_KEY_AGREEMENT;
    return type == CRYPTO_KEY_SM2 ? sign | cipher | X509_KU_KEY_AGREEMENT : sign;
}

bool x509_rule_usage_key(struct x509_lint *l)
{
    /* What does not fit the kind is told there. */
    uint16_t other = X509_KU_CERT_SIGN | X509_KU_CRL_SIGN;

    if (!l->key.type || !(l->c->key_usage & ~(able(l->key.type) | other)))
        return true;
    return about(l, str_of(crypto_key_type_text(l->key.type)));
}

bool x509_rule_eku(struct x509_lint *l)
{
    uint16_t eku = l->c->eku;

    switch (l->in->kind) {
    case X509_LINT_LEAF:
        return eku && !(eku & ~TLS) && (!l->in->eku || eku == l->in->eku);
    case X509_LINT_OCSP:
        return eku == X509_EKU_OCSP_SIGNING;
    case X509_LINT_CA:
    case X509_LINT_CROSS:
        return !(eku & ~(TLS | X509_EKU_OCSP_SIGNING));
    case X509_LINT_ROOT:
    case X509_LINT_KINDS:
        break;
    }
    return !l->c->has_eku;
}

bool x509_rule_nocheck(struct x509_lint *l)
{
    return l->c->ocsp_nocheck == (l->in->kind == X509_LINT_OCSP);
}

bool x509_rule_norev_kind(struct x509_lint *l)
{
    return !l->c->no_rev_avail;
}

bool x509_rule_norev_meant(struct x509_lint *l)
{
    return l->c->no_rev_avail == l->in->no_revocation;
}

bool x509_rule_norev_urls(struct x509_lint *l)
{
    return !l->c->no_rev_avail || l->c->n_crl_urls + l->c->n_ocsp_urls == 0;
}

bool x509_rule_staple_kind(struct x509_lint *l)
{
    return l->c->n_tls_features == 0;
}

bool x509_rule_staple_form(struct x509_lint *l)
{
    return l->c->n_tls_features == 0 || (l->c->n_tls_features == 1 && l->c->must_staple);
}

bool x509_rule_staple_url(struct x509_lint *l)
{
    return !l->c->must_staple || l->c->n_ocsp_urls > 0;
}

bool x509_rule_policies(struct x509_lint *l)
{
    for (size_t i = 0; i < l->c->n_policies; i++)
        for (size_t j = 0; j < i; j++)
            if (str_eq(l->c->policies[i], l->c->policies[j]))
                return false;
    return true;
}

bool x509_rule_ski_there(struct x509_lint *l)
{
    return l->c->ski.n > 0;
}

bool x509_rule_ski(struct x509_lint *l)
{
    unsigned char id[X509_KEY_ID];
    enum rc rc;

    if (l->c->ski.n == 0)
        return true;
    rc = x509_key_id(l->c->spki, id);
    return rc == RC_OK ? str_eq(l->c->ski, str_bytes(id, sizeof(id))) : kept(l, rc);
}

bool x509_rule_aki_there(struct x509_lint *l)
{
    return l->c->aki.n > 0;
}

bool x509_rule_aki(struct x509_lint *l)
{
    struct str id = l->in->issuer ? l->in->issuer->ski : l->c->ski;

    return l->c->aki.n == 0 || str_eq(l->c->aki, id);
}

bool x509_rule_constraints_kind(struct x509_lint *l)
{
    return !l->c->has_constraints;
}

bool x509_rule_constraints_known(struct x509_lint *l)
{
    return l->c->constraints.n_other == 0;
}

/* ---- names ---- */

static size_t count(const struct x509_lint *l)
{
    return x509_san_count(&X509_SAN_OF(l->c));
}

bool x509_rule_names_there(struct x509_lint *l)
{
    return count(l) + l->c->n_other_names > 0;
}

bool x509_rule_names_kind(struct x509_lint *l)
{
    return l->c->n_other_names == 0 && (l->in->kind == X509_LINT_LEAF || count(l) == 0);
}

bool x509_rule_names_critical(struct x509_lint *l)
{
    return count(l) == 0 || l->c->san_critical == (l->c->subject.n == EMPTY_NAME);
}

static bool is_dns(struct str name)
{
    char text[NAME_MAX_BYTES + 1];

    return name_canonical(name, true, text) == RC_OK && str_eq(name, str_of(text));
}

bool x509_rule_dns_form(struct x509_lint *l)
{
    for (size_t i = 0; i < l->c->n_dns; i++)
        if (!is_dns(l->c->dns[i]))
            return about(l, l->c->dns[i]);
    return true;
}

bool x509_rule_email_form(struct x509_lint *l)
{
    char text[NAME_EMAIL_MAX + 1];

    for (size_t i = 0; i < l->c->n_emails; i++)
        if (name_email_canonical(l->c->emails[i], text) != RC_OK ||
            !str_eq(l->c->emails[i], str_of(text)))
            return about(l, l->c->emails[i]);
    return true;
}

bool x509_rule_uri_form(struct x509_lint *l)
{
    for (size_t i = 0; i < l->c->n_uris; i++)
        if (name_uri_check(l->c->uris[i]) != RC_OK)
            return about(l, l->c->uris[i]);
    return true;
}

static size_t count_text(const struct str *list, size_t n, struct str name)
{
    size_t found = 0;

    for (size_t i = 0; i < n; i++)
        found += str_eq(list[i], name);
    return found;
}

static size_t count_ip(const struct addr *list, size_t n, const struct addr *ip)
{
    size_t found = 0;

    for (size_t i = 0; i < n; i++)
        found += addr_eq(&list[i], ip);
    return found;
}

/* The same on both sides, each once: lists with duplicates are refused. */
static bool same_texts(const struct str *a, size_t n_a, const struct str *b, size_t n_b)
{
    bool same = n_a == n_b;

    for (size_t i = 0; i < n_a && same; i++)
        same = count_text(b, n_b, a[i]) == 1 && count_text(a, n_a, a[i]) == 1;
    return same;
}

static bool same_ips(const struct addr *a, size_t n_a, const struct addr *b, size_t n_b)
{
    bool same = n_a == n_b;

    for (size_t i = 0; i < n_a && same; i++)
        same = count_ip(b, n_b, &a[i]) == 1 && count_ip(a, n_a, &a[i]) == 1;
    return same;
}

bool x509_rule_names_asked(struct x509_lint *l)
{
    const struct x509_cert *c = l->c;
    const struct x509_lint_in *in = l->in;

    return same_texts(c->dns, c->n_dns, in->dns, in->n_dns) &&
           same_ips(c->ips, c->n_ips, in->ips, in->n_ips) &&
           same_texts(c->emails, c->n_emails, in->emails, in->n_emails) &&
           same_texts(c->uris, c->n_uris, in->uris, in->n_uris);
}

bool x509_rule_common_name(struct x509_lint *l)
{
    const struct x509_cert *c = l->c;
    struct str cn = c->common_name;
    char text[ADDR_TEXT];
    struct addr ip;

    if (l->in->common_name.n)
        return str_eq(cn, l->in->common_name);
    if (cn.n == 0)
        return true;
    if (str_find(cn, '@') < cn.n)
        return count_text(c->emails, c->n_emails, cn);
    if (addr_parse(cn, &ip) == RC_OK)
        return count_ip(c->ips, c->n_ips, &ip) && str_eq(cn, str_of(addr_text(&ip, text)));
    return count_text(c->dns, c->n_dns, cn);
}

static enum rc permitted(const struct x509_constraints *n, struct x509_lint *l)
{
    const struct x509_cert *c = l->c;

    for (size_t i = 0; i < c->n_dns; i++)
        if (is_dns(c->dns[i]))
            TRY(x509_constraints_dns(n, c->dns[i], &l->why));
    for (size_t i = 0; i < c->n_ips; i++)
        TRY(x509_constraints_ip(n, &c->ips[i], &l->why));
    for (size_t i = 0; i < c->n_emails; i++)
        TRY(x509_constraints_email(n, c->emails[i], &l->why));
    return RC_OK;
}

bool x509_rule_permitted(struct x509_lint *l)
{
    const struct x509_cert *ca = l->in->issuer;

    return !ca->has_constraints || kept(l, permitted(&ca->constraints, l));
}

/* Of another kind than the three that are understood, they may be about URIs. */
bool x509_rule_uri_constraints(struct x509_lint *l)
{
    const struct x509_cert *ca = l->in->issuer;

    return l->c->n_uris == 0 || !ca->has_constraints || ca->constraints.n_other == 0;
}

/* ---- URLs of ours ---- */

static const struct str http = STR("http://");

static bool has_host(struct str url)
{
    struct str authority = str_skip(url, http.n);

    authority = str_head(authority, str_find(authority, '/'));
    return authority.n > 0 && authority.p[0] != ':' && str_find(authority, '@') == authority.n &&
           str_find(url, ' ') == url.n;
}

static bool urls_are(struct x509_lint *l, bool (*good)(struct str))
{
    const struct {
        const struct str *p;
        size_t n;
    } lists[] = {{l->c->crl_urls, l->c->n_crl_urls},
                 {l->c->ocsp_urls, l->c->n_ocsp_urls},
                 {l->c->issuer_urls, l->c->n_issuer_urls}};

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        for (size_t j = 0; j < lists[i].n; j++)
            if (!good(lists[i].p[j]))
                return about(l, lists[i].p[j]);
    return true;
}

static bool is_http(struct str url)
{
    return str_starts(url, http);
}

/* The scheme is told by x509_rule_url_scheme. */
static bool is_http_with_host(struct str url)
{
    return !is_http(url) || has_host(url);
}

bool x509_rule_url_scheme(struct x509_lint *l)
{
    return urls_are(l, is_http);
}

bool x509_rule_url_host(struct x509_lint *l)
{
    return urls_are(l, is_http_with_host);
}
