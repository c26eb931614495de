/* SPDX-License-Identifier: Apache-2.0 */
#include "x509/lint.h"

#include "base/name.h"
#include "crypto/weak.h"
#include "x509/ext_int.h"

/* Where two sources agree, RFC 5280 is named; "CABF BR" are the Baseline Requirements of the
 * CA/Browser Forum. */
MSG(msg_version, "lint.version", "RFC 5280 4.1.2.1: not version 3");
MSG(msg_serial, "lint.serial",
    "RFC 5280 4.1.2.2: the serial number is not positive, or longer than 20 bytes");
MSG(msg_entropy, "lint.serial-short", "CABF BR 7.1: the serial number has less than 64 bits");
MSG(msg_sig_alg, "lint.signature-algorithm",
    "RFC 5280 4.1.2.3: the signature algorithm does not fit the issuer's key");
MSG(msg_issuer, "lint.issuer",
    "RFC 5280 4.1.2.4: the issuer is not, byte for byte, the subject of the CA, or empty");
MSG(msg_issuer_ca, "lint.issuer-ca",
    "RFC 5280 4.2.1.9: the issuer may not sign this certificate (cA, pathLenConstraint, "
    "keyCertSign)");
MSG(msg_validity, "lint.validity", "RFC 5280 4.1.2.5: notAfter does not lie behind notBefore");
MSG(msg_nested, "lint.validity-nested",
    "the certificate would begin before its issuer or outlive it");
MSG(msg_lifetime, "lint.lifetime",
    "the certificate would live longer than the issuer's rules allow");
MSG(msg_subject, "lint.subject",
    "RFC 5280 4.1.2.6: the subject is not in the one form that is written here");
MSG(msg_subject_ca, "lint.subject-ca", "RFC 5280 4.1.2.6: a CA needs a subject");
MSG(msg_spki, "lint.public-key", "the public key is another than the one asked for");
MSG(msg_own_key, "lint.issuer-key", "the public key is the issuer's own");
MSG(msg_unknown, "lint.extension", "RFC 5280 4.2: extension {0} is none that is written here");
MSG(msg_basic, "lint.basic-constraints",
    "RFC 5280 4.2.1.9: basicConstraints do not fit the kind of certificate");
MSG(msg_usage, "lint.key-usage",
    "RFC 5280 4.2.1.3: keyUsage is missing, not critical, or does not fit the kind of certificate "
    "and key");
MSG(msg_eku, "lint.extended-key-usage",
    "CABF BR 7.1.2: extendedKeyUsage does not fit the kind of certificate");
MSG(msg_ski, "lint.subject-key-id",
    "RFC 5280 4.2.1.2: subjectKeyIdentifier is missing or not that of the key");
MSG(msg_aki, "lint.authority-key-id",
    "RFC 5280 4.2.1.1: authorityKeyIdentifier is missing or not that of the issuer");
MSG(msg_san_missing, "lint.names-missing", "CABF BR 7.1.2.7.12: there is no subjectAltName");
MSG(msg_san_extra, "lint.names-kind",
    "RFC 5280 4.2.1.6: this kind of certificate has no such names");
MSG(msg_san_form, "lint.names-form",
    "RFC 5280 4.2.1.6: \"{0}\" is not a DNS name in canonical form");
MSG(msg_email_form, "lint.email-form",
    "RFC 5280 4.2.1.6: \"{0}\" is not a mail address in canonical form");
MSG(msg_uri_form, "lint.uri-form", "RFC 5280 4.2.1.6: \"{0}\" is not a URI with a host");
MSG(msg_uri_constraints, "lint.uri-constraints",
    "RFC 5280 4.2.1.10: the issuer's name constraints are of a kind that is not understood here");
MSG(msg_san_critical, "lint.names-critical",
    "RFC 5280 4.2.1.6: subjectAltName is critical exactly when the subject is empty");
MSG(msg_san_other, "lint.names-different", "the names are not those asked for");
MSG(msg_common_name, "lint.common-name",
    "CABF BR 7.1.4.3: the common name is not one of the names");
MSG(msg_url, "lint.url", "RFC 5280 4.2.1.13, 4.2.2.1: \"{0}\" is not an http:// URL");
MSG(msg_constraints, "lint.constraints",
    "RFC 5280 4.2.1.10: nameConstraints belong, critical, into CA certificates only");
MSG(msg_responder, "lint.responder",
    "RFC 6960 4.2.2.2: id-pkix-ocsp-nocheck belongs into the certificates of responders, and only "
    "there");
MSG(msg_staple, "lint.tls-feature", "RFC 7633: the TLS feature extension belongs into leaves only");

enum { SERIAL_BYTES_MIN = 8 };

#define RULE(err, cond, msg, ...)                                                                  \
    do {                                                                                           \
        if (!(cond))                                                                               \
            return ERR((err), RC_DENIED, msg __VA_OPT__(, ) __VA_ARGS__);                          \
    } while (0)

static bool is_ca_kind(enum x509_lint_kind kind)
{
    return kind == X509_LINT_CA || kind == X509_LINT_ROOT;
}

static enum rc check_head(const struct x509_cert *c, const struct x509_lint_in *in, struct err *err)
{
    RULE(err, c->version == 3, msg_version);
    RULE(err, c->serial.n > 0, msg_serial);
    RULE(err, c->serial.n >= SERIAL_BYTES_MIN, msg_entropy);
    RULE(err, crypto_sig_fits(c->sig_alg, in->issuer_key), msg_sig_alg);
    return RC_OK;
}

static enum rc check_issuer(const struct x509_cert *c, const struct x509_lint_in *in,
                            struct err *err)
{
    const struct x509_cert *ca = in->issuer;
    struct str subject = ca ? ca->subject : c->subject;

    /* Two bytes are the empty SEQUENCE. */
    RULE(err, c->issuer.n > 2 && str_eq(c->issuer, subject), msg_issuer);
    if (!ca)
        return RC_OK;
    RULE(err, ca->is_ca && (!ca->has_key_usage || ca->key_usage & X509_KU_CERT_SIGN),
         msg_issuer_ca);
    if (in->kind == X509_LINT_CA && ca->pathlen >= 0)
        RULE(err, ca->pathlen > 0 && c->pathlen >= 0 && c->pathlen < ca->pathlen, msg_issuer_ca);
    return RC_OK;
}

static enum rc check_validity(const struct x509_cert *c, const struct x509_lint_in *in,
                              struct err *err)
{
    const struct x509_cert *ca = in->issuer;

    RULE(err, c->not_after > c->not_before, msg_validity);
    RULE(err, !ca || (c->not_before >= ca->not_before && c->not_after <= ca->not_after),
         msg_nested);
    /* Both ends belong to it, RFC 5280 section 4.1.2.5. */
    RULE(err, !in->max_lifetime || c->not_after - c->not_before + WHEN_SECOND <= in->max_lifetime,
         msg_lifetime);
    return RC_OK;
}

static enum rc check_key(const struct x509_cert *c, const struct x509_lint_in *in, struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;

    RULE(err, str_eq(c->spki, in->spki), msg_spki);
    TRY(crypto_key_from_spki(c->spki, &key, err));
    TRY(crypto_weak_check(key, err));
    RULE(err, crypto_key_same(key, in->issuer_key) == (in->kind == X509_LINT_ROOT), msg_own_key);
    return RC_OK;
}

static enum rc check_subject(const struct x509_cert *c, const struct x509_lint_in *in,
                             struct err *err)
{
    CLEANUP(buf_done) struct buf again = BUF_INIT(X509_NAME_MAX);
    struct x509_subject s;
    enum rc rc;

    TRY(x509_name_parse(c->subject, &s, NULL));
    rc = x509_name_build(&s, &again);
    RULE(err, rc != RC_INVAL && rc != RC_TOOBIG, msg_subject);
    TRY(rc);
    RULE(err, str_eq(buf_str(&again), c->subject), msg_subject);
    RULE(err, !is_ca_kind(in->kind) || c->subject.n > 2, msg_subject_ca);
    return RC_OK;
}

static enum rc check_extensions(const struct x509_cert *c, struct err *err)
{
    char text[X509_OID_TEXT];

    for (size_t i = 0; i < c->n_extensions; i++) {
        enum x509_oid oid = x509_oid_find(c->extensions[i]);

        RULE(err, oid >= X509_OID_SKI && oid <= X509_OID_OCSP_NOCHECK, msg_unknown,
             str_of(x509_oid_text(c->extensions[i], text)));
    }
    return RC_OK;
}

/* What keys can be used for: RFC 3279 section 2.3, RFC 5480 section 3, RFC 8410 section 5, RFC 9881
 * section 5; SM2 keys sign, encrypt and agree (GM/T 0009). */
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

static bool usage_fits(const struct x509_cert *c, const struct x509_lint_in *in,
                       enum crypto_key_type type)
{
    enum x509_lint_kind kind = in->kind;
    uint16_t ku = c->key_usage;

    if (is_ca_kind(kind))
        return ku & X509_KU_CERT_SIGN && ku & X509_KU_CRL_SIGN &&
               !(ku & ~(X509_KU_CERT_SIGN | X509_KU_CRL_SIGN | X509_KU_DIGITAL_SIGNATURE));
    if (kind == X509_LINT_LEAF && in->key_usage)
        return ku == in->key_usage && !(ku & ~able(type));
    if (kind == X509_LINT_LEAF && type == CRYPTO_KEY_RSA)
        return !(ku & ~(X509_KU_DIGITAL_SIGNATURE | X509_KU_KEY_ENCIPHERMENT));
    return ku == X509_KU_DIGITAL_SIGNATURE;
}

static bool eku_fits(const struct x509_cert *c, const struct x509_lint_in *in)
{
    unsigned tls = X509_EKU_SERVER_AUTH | X509_EKU_CLIENT_AUTH;

    switch (in->kind) {
    case X509_LINT_LEAF:
        return c->eku && !(c->eku & ~tls) && (!in->eku || c->eku == in->eku);
    case X509_LINT_OCSP:
        return c->eku == X509_EKU_OCSP_SIGNING;
    case X509_LINT_CA:
        return !(c->eku & ~(tls | X509_EKU_OCSP_SIGNING));
    case X509_LINT_ROOT:
        return !c->has_eku;
    }
    return false;
}

static enum rc check_usage(const struct x509_cert *c, const struct x509_lint_in *in,
                           struct err *err)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    bool ca = is_ca_kind(in->kind);

    TRY(crypto_key_from_spki(c->spki, &key, err));
    RULE(err, c->is_ca == ca && (c->basic == X509_BASIC_ABSENT || c->basic_critical), msg_basic);
    RULE(err, c->has_key_usage && c->key_usage_critical && usage_fits(c, in, crypto_key_type(key)),
         msg_usage);
    RULE(err, eku_fits(c, in), msg_eku);
    RULE(err, c->ocsp_nocheck == (in->kind == X509_LINT_OCSP), msg_responder);
    RULE(err, !c->must_staple || in->kind == X509_LINT_LEAF, msg_staple);
    RULE(err,
         !c->has_constraints ||
             (ca && c->constraints_critical && !x509_constraints_empty(&c->constraints)),
         msg_constraints);
    return RC_OK;
}

static enum rc check_key_ids(const struct x509_cert *c, const struct x509_lint_in *in,
                             struct err *err)
{
    unsigned char id[X509_KEY_ID];

    TRY(x509_key_id(c->spki, id));
    RULE(err, c->ski.n || !is_ca_kind(in->kind), msg_ski);
    RULE(err, !c->ski.n || str_eq(c->ski, str_bytes(id, sizeof(id))), msg_ski);
    if (in->issuer)
        RULE(err, c->aki.n && str_eq(c->aki, in->issuer->ski), msg_aki);
    else
        RULE(err, !c->aki.n || str_eq(c->aki, c->ski), msg_aki);
    return RC_OK;
}

/* As often as it is asked for: once, as lists with duplicates are refused. */
static bool has_dns(const struct str *list, size_t n, struct str name)
{
    size_t found = 0;

    for (size_t i = 0; i < n; i++)
        found += str_eq(list[i], name);
    return found == 1;
}

/* The same on both sides, each once. */
static bool same_texts(const struct str *a, size_t n_a, const struct str *b, size_t n_b)
{
    bool same = n_a == n_b;

    for (size_t i = 0; i < n_a && same; i++)
        same = has_dns(b, n_b, a[i]) && has_dns(a, n_a, a[i]);
    return same;
}

static bool has_ip(const struct addr *list, size_t n, const struct addr *ip)
{
    size_t found = 0;

    for (size_t i = 0; i < n; i++)
        found += addr_eq(&list[i], ip);
    return found == 1;
}

static enum rc check_same_names(const struct x509_cert *c, const struct x509_lint_in *in,
                                struct err *err)
{
    RULE(err,
         c->n_ips == in->n_ips && same_texts(c->dns, c->n_dns, in->dns, in->n_dns) &&
             same_texts(c->emails, c->n_emails, in->emails, in->n_emails) &&
             same_texts(c->uris, c->n_uris, in->uris, in->n_uris),
         msg_san_other);
    for (size_t i = 0; i < c->n_ips; i++)
        RULE(err, has_ip(in->ips, in->n_ips, &c->ips[i]) && has_ip(c->ips, c->n_ips, &c->ips[i]),
             msg_san_other);
    return RC_OK;
}

static enum rc check_constraints(const struct x509_cert *c, const struct x509_cert *ca,
                                 struct err *err)
{
    if (!ca || !ca->has_constraints)
        return RC_OK;
    for (size_t i = 0; i < c->n_dns; i++)
        TRY(x509_constraints_dns(&ca->constraints, c->dns[i], err));
    for (size_t i = 0; i < c->n_ips; i++)
        TRY(x509_constraints_ip(&ca->constraints, &c->ips[i], err));
    for (size_t i = 0; i < c->n_emails; i++)
        TRY(x509_constraints_email(&ca->constraints, c->emails[i], err));
    /* Of another kind than these three: they may be about URIs. */
    RULE(err, c->n_uris == 0 || ca->constraints.n_other == 0, msg_uri_constraints);
    return RC_OK;
}

static enum rc check_common_name(const struct x509_cert *c, const struct x509_lint_in *in,
                                 struct err *err)
{
    struct addr ip;
    char text[ADDR_TEXT];

    if (in->common_name.n) {
        RULE(err, str_eq(c->common_name, in->common_name), msg_common_name);
        return RC_OK;
    }
    if (c->common_name.n == 0)
        return RC_OK;
    if (str_find(c->common_name, '@') < c->common_name.n)
        RULE(err, has_dns(c->emails, c->n_emails, c->common_name), msg_common_name);
    else if (addr_parse(c->common_name, &ip) == RC_OK)
        RULE(err,
             has_ip(c->ips, c->n_ips, &ip) && str_eq(c->common_name, str_of(addr_text(&ip, text))),
             msg_common_name);
    else
        RULE(err, has_dns(c->dns, c->n_dns, c->common_name), msg_common_name);
    return RC_OK;
}

static enum rc check_name_forms(const struct x509_cert *c, struct err *err)
{
    char text[NAME_MAX_BYTES + 1], email[NAME_EMAIL_MAX + 1];

    for (size_t i = 0; i < c->n_dns; i++)
        RULE(err, name_canonical(c->dns[i], true, text) == RC_OK && str_eq(c->dns[i], str_of(text)),
             msg_san_form, c->dns[i]);
    for (size_t i = 0; i < c->n_emails; i++)
        RULE(err,
             name_email_canonical(c->emails[i], email) == RC_OK &&
                 str_eq(c->emails[i], str_of(email)),
             msg_email_form, c->emails[i]);
    for (size_t i = 0; i < c->n_uris; i++)
        RULE(err, name_uri_check(c->uris[i]) == RC_OK, msg_uri_form, str_head(c->uris[i], 100));
    return RC_OK;
}

static enum rc check_names(const struct x509_cert *c, const struct x509_lint_in *in,
                           struct err *err)
{
    size_t n = x509_san_count(&X509_SAN_OF(c));

    RULE(err, c->n_other_names == 0, msg_san_extra);
    if (in->kind != X509_LINT_LEAF) {
        RULE(err, n == 0, msg_san_extra);
        return RC_OK;
    }
    RULE(err, n > 0, msg_san_missing);
    RULE(err, c->san_critical == (c->subject.n == 2), msg_san_critical);
    TRY(check_name_forms(c, err));
    TRY(check_same_names(c, in, err));
    TRY(check_common_name(c, in, err));
    return check_constraints(c, in->issuer, err);
}

static enum rc check_urls(const struct str *urls, size_t n, struct err *err)
{
    for (size_t i = 0; i < n; i++)
        RULE(err, str_starts(urls[i], STR("http://")) && urls[i].n > sizeof("http://") - 1, msg_url,
             urls[i]);
    return RC_OK;
}

enum rc x509_lint_tbs(struct arena *a, struct str tbs, const struct x509_lint_in *in,
                      struct err *err)
{
    struct x509_cert c;

    TRY(x509_tbs_parse(a, tbs, &c, err));
    TRY(check_head(&c, in, err));
    TRY(check_issuer(&c, in, err));
    TRY(check_validity(&c, in, err));
    TRY(check_key(&c, in, err));
    TRY(check_subject(&c, in, err));
    TRY(check_extensions(&c, err));
    TRY(check_usage(&c, in, err));
    TRY(check_key_ids(&c, in, err));
    TRY(check_names(&c, in, err));
    TRY(check_urls(c.crl_urls, c.n_crl_urls, err));
    TRY(check_urls(c.ocsp_urls, c.n_ocsp_urls, err));
    return check_urls(c.issuer_urls, c.n_issuer_urls, err);
}
