/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

#include "keys_odd.h"
#include "pki.h"
#include "x509/ext_int.h"
#include "x509/lint.h"

/* A description, what it should be, and what the linter says. */
struct trial {
    struct x509_tbs_in tbs;
    struct x509_lint_in in;
};

static struct trial leaf_trial(const struct pki *p)
{
    return (struct trial){
        .tbs = pki_leaf_in(p),
        .in = {.kind = X509_LINT_LEAF,
               .issuer = &p->issuer,
               .issuer_key = p->issuer_key,
               .spki = crypto_key_spki(p->leaf_key),
               .dns = pki_dns,
               .ips = pki_ips,
               .n_dns = 2,
               .n_ips = 2,
               .max_lifetime = 90 * WHEN_DAY},
    };
}

static struct trial ca_trial(const struct pki *p)
{
    return (struct trial){
        .tbs = pki_issuer_in(p),
        .in = {.kind = X509_LINT_CA,
               .issuer = &p->root,
               .issuer_key = p->root_key,
               .spki = crypto_key_spki(p->issuer_key)},
    };
}

static struct trial root_trial(const struct pki *p)
{
    return (struct trial){
        .tbs = pki_root_in(p),
        .in = {.kind = X509_LINT_ROOT,
               .issuer_key = p->root_key,
               .spki = crypto_key_spki(p->root_key)},
    };
}

static struct trial ocsp_trial(const struct pki *p)
{
    struct trial t = leaf_trial(p);

    t.tbs.n_dns = t.tbs.n_ips = t.in.n_dns = t.in.n_ips = 0;
    t.tbs.subject.common_name = STR("Example Responder");
    t.tbs.eku = X509_EKU_OCSP_SIGNING;
    t.tbs.ocsp_nocheck = true;
    t.in.kind = X509_LINT_OCSP;
    return t;
}

/* The codes of all broken rules, in order; "?" when it could not be built or read. Static. */
static const char *lint_der(const struct x509_lint_in *in, struct str tbs)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    const struct x509_lint_rule *broken[X509_LINT_BROKEN_MAX];
    static char text[4096];
    struct err err = ERR_INIT;
    size_t n = 0, at = 0;

    text[0] = 0;
    if (x509_lint_list(&a, tbs, in, broken, &n, &err) != RC_OK)
        return err.msg ? err.msg->code : "?";
    /* Both ways of asking agree about the first. */
    if ((x509_lint_tbs(&a, tbs, in, NULL) == RC_DENIED) != (n > 0))
        return "?";
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", i ? " " : "",
                               broken[i]->msg->code);
    return text;
}

static const char *lint(const struct trial *t)
{
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);

    return x509_tbs_build(&t->tbs, &tbs, NULL) == RC_OK ? lint_der(&t->in, buf_str(&tbs)) : "?";
}

static void what_we_issue_passes(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    struct trial t;

    CHECK_OK(pki_init(&p));
    t = leaf_trial(&p);
    CHECK_STR(str_of(lint(&t)), "");
    t.tbs.basic = X509_BASIC_LEAF;
    t.tbs.must_staple = true;
    t.tbs.subject = (struct x509_subject){.country = {NULL, 0}};
    CHECK_STR(str_of(lint(&t)), "");
    t.tbs.subject.common_name = STR("10.0.3.7");
    t.tbs.subject_key_id = false;
    CHECK_STR(str_of(lint(&t)), "");
    t = ca_trial(&p);
    CHECK_STR(str_of(lint(&t)), "");
    t = root_trial(&p);
    CHECK_STR(str_of(lint(&t)), "");
    t.tbs.issuer_key_id = p.root.ski;
    CHECK_STR(str_of(lint(&t)), "");
    t = ocsp_trial(&p);
    CHECK_STR(str_of(lint(&t)), "");
}

/* ---- one fault each, and the rule that it breaks ---- */

static void short_serial(struct trial *t)
{
    t->tbs.serial.n = 7;
}
static void wrong_algorithm(struct trial *t)
{
    t->tbs.sig_alg = CRYPTO_SIG_ECDSA_SHA256;
}
static void wrong_issuer(struct trial *t)
{
    t->tbs.issuer = STR("\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01x");
}
static void no_issuer(struct trial *t)
{
    t->tbs.issuer = STR("\x30\x00");
}
static void ends_at_once(struct trial *t)
{
    t->tbs.not_after = t->tbs.not_before;
}
static void outlives(struct trial *t)
{
    t->in.max_lifetime = 0;
    t->tbs.not_after = PKI_ISSUER_TO + WHEN_SECOND;
}
static void precedes(struct trial *t)
{
    t->tbs.not_before -= WHEN_SECOND;
    t->tbs.not_after -= WHEN_DAY;
}
static void too_long(struct trial *t)
{
    t->tbs.not_after += WHEN_SECOND;
}
static void other_key(struct trial *t)
{
    t->tbs.spki = t->in.issuer->spki;
}
static void own_key(struct trial *t)
{
    t->tbs.spki = t->in.spki = t->in.issuer->spki;
}
static void no_usage(struct trial *t)
{
    t->tbs.key_usage = 0;
}
static void cert_sign(struct trial *t)
{
    t->tbs.key_usage |= X509_KU_CERT_SIGN;
}
static void ec_encipherment(struct trial *t)
{
    t->tbs.key_usage |= X509_KU_KEY_ENCIPHERMENT;
}
static void no_eku(struct trial *t)
{
    t->tbs.eku = 0;
}
static void code_signing(struct trial *t)
{
    t->tbs.eku |= X509_EKU_CODE_SIGNING;
}
static void leaf_is_ca(struct trial *t)
{
    t->tbs.basic = X509_BASIC_CA;
    t->tbs.pathlen = -1;
}
static void no_names(struct trial *t)
{
    t->tbs.n_dns = t->tbs.n_ips = t->in.n_dns = t->in.n_ips = 0;
    t->tbs.subject.common_name = STR("");
}
static void name_less(struct trial *t)
{
    t->tbs.n_dns = 1;
}
static void name_more(struct trial *t)
{
    t->in.n_ips = 1;
}
static void name_other(struct trial *t)
{
    static const struct str other[] = {STR("wiki.hospital.example"),
                                       STR("*.other.hospital.example")};
    t->tbs.dns = other;
}
static void address_other(struct trial *t)
{
    static const struct addr other[] = {{4, {10, 0, 3, 8}}, {16, {0xfd, [15] = 7}}};
    t->tbs.ips = other;
}
static const struct str pair[] = {STR("wiki.hospital.example"), STR("wiki.hospital.example")};
static void name_twice(struct trial *t)
{
    t->tbs.dns = pair;
}
static void asked_twice(struct trial *t)
{
    t->tbs.dns = t->in.dns = pair;
}
static void other_cn(struct trial *t)
{
    t->tbs.subject.common_name = STR("other.hospital.example");
}
static void other_cn_ip(struct trial *t)
{
    t->tbs.subject.common_name = STR("10.0.3.8");
}
static void long_cn_ip(struct trial *t)
{
    t->tbs.subject.common_name = STR("fd00:0::7");
}
static void outside(struct trial *t)
{
    static const struct str name[] = {STR("wiki.bank.example")};
    t->tbs.dns = t->in.dns = name;
    t->tbs.n_dns = t->in.n_dns = 1;
    t->tbs.subject.common_name = name[0];
}
static void https_url(struct trial *t)
{
    static const struct str url[] = {STR("https://ca.hospital.example/crl/1")};
    t->tbs.crl_urls = url;
}
static void ldap_url(struct trial *t)
{
    static const struct str url[] = {STR("ldap://ca.hospital.example/")};
    t->tbs.issuer_urls = url;
}
static void bare_url(struct trial *t)
{
    static const struct str url[] = {STR("http://")};
    t->tbs.ocsp_urls = url;
}
static void no_aki(struct trial *t)
{
    t->tbs.issuer_key_id = STR("");
}
static void other_aki(struct trial *t)
{
    t->tbs.issuer_key_id = STR("12345678901234567890");
}
static void leaf_constraints(struct trial *t)
{
    t->tbs.constraints = &pki_constraints;
}
static void leaf_nocheck(struct trial *t)
{
    t->tbs.ocsp_nocheck = true;
}

static void norev(struct trial *t)
{
    t->tbs.no_rev_avail = t->in.no_revocation = true;
    t->tbs.n_crl_urls = t->tbs.n_ocsp_urls = 0;
}
static void norev_crl(struct trial *t)
{
    t->tbs.no_rev_avail = t->in.no_revocation = true;
    t->tbs.n_ocsp_urls = 0;
}
static void norev_ocsp(struct trial *t)
{
    t->tbs.no_rev_avail = t->in.no_revocation = true;
    t->tbs.n_crl_urls = 0;
}
static void norev_not_meant(struct trial *t)
{
    norev(t);
    t->in.no_revocation = false;
}
static void norev_left_out(struct trial *t)
{
    t->in.no_revocation = true;
}
static void none(struct trial *)
{
}
static void two_policies(struct trial *t)
{
    static const struct str twice[] = {STR("1.3.6.1.4.1.99999.1"), STR("1.3.6.1.4.1.99999.1")};
    t->tbs.policies = twice;
    t->tbs.n_policies = 2;
}
static void staple(struct trial *t)
{
    t->tbs.must_staple = true;
}
static void staple_without_url(struct trial *t)
{
    t->tbs.must_staple = true;
    t->tbs.n_ocsp_urls = 0;
}
static void user_url(struct trial *t)
{
    static const struct str url[] = {STR("http://a@ca.hospital.example/crl/1")};
    t->tbs.crl_urls = url;
}
static void port_url(struct trial *t)
{
    static const struct str url[] = {STR("http://:80/crl/1")};
    t->tbs.crl_urls = url;
}
static void asked_usage(struct trial *t)
{
    t->in.key_usage = X509_KU_DIGITAL_SIGNATURE | X509_KU_KEY_AGREEMENT;
}
static void asked_eku(struct trial *t)
{
    t->in.eku = X509_EKU_SERVER_AUTH;
}
static void asked_cn(struct trial *t)
{
    t->in.common_name = STR("Wiki");
}
static void upper_asked(struct trial *t)
{
    static const struct str dns[] = {STR("Wiki.hospital.example"), STR("*.apps.hospital.example")};
    t->in.dns = dns;
    t->tbs.subject.common_name = STR("");
}
static void email(struct trial *t)
{
    static const struct str written[] = {STR("it@hospital.example")};
    static const struct str asked[] = {STR("it@Hospital.example")};
    t->tbs.emails = written;
    t->in.emails = asked;
    t->tbs.n_emails = t->in.n_emails = 1;
}
static void uri(struct trial *t)
{
    static const struct str written[] = {STR("https://wiki.hospital.example/x")};
    static const struct str asked[] = {STR("HTTPS://wiki.hospital.example/x")};
    t->tbs.uris = written;
    t->in.uris = asked;
    t->tbs.n_uris = t->in.n_uris = 1;
}
static void odd_constraints(struct trial *t)
{
    static struct x509_cert issuer;
    uri(t);
    t->in.uris = t->tbs.uris;
    issuer = *t->in.issuer;
    issuer.constraints.n_other = 1;
    t->in.issuer = &issuer;
}
static char odd_spki[1000];
static void odd_key(struct trial *t, const char *hex)
{
    struct buf b = BUF_INIT(sizeof(odd_spki));

    if (text_unhex(str_of(hex), &b) == RC_OK && b.n <= sizeof(odd_spki)) {
        memcpy(odd_spki, b.p, b.n);
        t->tbs.spki = t->in.spki = str_bytes(odd_spki, b.n);
    }
    buf_done(&b);
}
static void roca_key(struct trial *t)
{
    odd_key(t, spki_roca);
}
static void small_key(struct trial *t)
{
    odd_key(t, spki_rsa1024);
}
/* CAs */
static void ca_no_basic(struct trial *t)
{
    t->tbs.basic = X509_BASIC_ABSENT;
}
static void ca_no_crl(struct trial *t)
{
    t->tbs.key_usage = X509_KU_CERT_SIGN;
}
static void ca_enciphers(struct trial *t)
{
    t->tbs.key_usage |= X509_KU_KEY_ENCIPHERMENT;
}
static void no_ski(struct trial *t)
{
    t->tbs.subject_key_id = false;
}
static void no_subject(struct trial *t)
{
    t->tbs.subject = (struct x509_subject){.country = {NULL, 0}};
}
static void a_name(struct trial *t)
{
    t->tbs.n_dns = 1;
    t->tbs.dns = pki_dns;
}
static void subject_of_root(struct trial *t)
{
    t->tbs.subject.common_name = STR("Example Root");
}
static struct x509_cert odd_issuer;
static void under_leaf(struct trial *t)
{
    odd_issuer = *t->in.issuer;
    odd_issuer.is_ca = false;
    t->in.issuer = &odd_issuer;
}
static void under_crl_signer(struct trial *t)
{
    odd_issuer = *t->in.issuer;
    odd_issuer.key_usage = X509_KU_CRL_SIGN;
    t->in.issuer = &odd_issuer;
}
static void under_last(struct trial *t)
{
    odd_issuer = *t->in.issuer;
    odd_issuer.pathlen = 0;
    t->in.issuer = &odd_issuer;
}
static void as_long_as_issuer(struct trial *t)
{
    under_last(t);
    odd_issuer.pathlen = 1;
    t->tbs.pathlen = 1;
}
static void no_end_of_path(struct trial *t)
{
    under_last(t);
    odd_issuer.pathlen = 1;
    t->tbs.pathlen = -1;
}
/* roots and responders */
static void root_eku(struct trial *t)
{
    t->tbs.eku = X509_EKU_SERVER_AUTH;
}
static void root_of_other(struct trial *t)
{
    t->tbs.issuer = STR("\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01x");
}
static void no_nocheck(struct trial *t)
{
    t->tbs.ocsp_nocheck = false;
}

/* ---- bytes that x509_tbs_build does not write ---- */

enum change { AS_IT_IS, OTHER_FLAG, OTHER_VALUE, TWICE };

struct edit {
    enum x509_oid oid;
    enum change change;
    struct str value;
};

static void put_extension(struct x509_der *w, const struct x509_ext *ext, bool critical,
                          struct str value)
{
    x509_der_open(w, X509_DER_SEQUENCE);
    x509_der_put(w, X509_DER_OID, ext->oid);
    if (critical)
        x509_der_bool(w, true);
    x509_der_put(w, X509_DER_OCTET_STRING, value);
    x509_der_close(w);
}

static void copy_extensions(struct x509_der *w, struct rd list, const struct edit *e)
{
    while (list.left && !list.failed) {
        struct x509_ext ext = x509_ext_get(&list);
        bool it = str_eq(ext.oid, x509_oid_der(e->oid));

        put_extension(w, &ext, ext.critical != (it && e->change == OTHER_FLAG),
                      it && e->change == OTHER_VALUE ? e->value : ext.value);
        if (it && e->change == TWICE)
            put_extension(w, &ext, ext.critical, ext.value);
    }
}

static enum rc edit_extension(struct str tbs, const struct edit *e, struct buf *out)
{
    struct x509_der w = x509_der_of(out);
    struct rd r = rd_of(tbs), in = x509_der_in(&r, X509_DER_SEQUENCE), explicit;

    x509_der_open(&w, X509_DER_SEQUENCE);
    while (x509_der_peek(&in) != X509_DER_CONTEXT_IN(3) && in.left)
        x509_der_raw(&w, x509_der_any(&in, NULL));
    explicit = x509_der_in(&in, X509_DER_CONTEXT_IN(3));
    x509_der_open(&w, X509_DER_CONTEXT_IN(3));
    x509_der_open(&w, X509_DER_SEQUENCE);
    copy_extensions(&w, x509_der_in(&explicit, X509_DER_SEQUENCE), e);
    x509_der_close(&w);
    x509_der_close(&w);
    x509_der_close(&w);
    TRY(rd_done(&explicit));
    return x509_der_end(&w);
}

/* Replaces the first `from` by as many bytes; false when there is none. */
static bool replace(struct buf *b, struct str from, struct str to)
{
    char *at = memmem(b->p, b->n, from.p, from.n);

    if (at)
        memcpy(at, to.p, to.n);
    return at != NULL;
}

#define L X509_LINT_LEAF
#define C X509_LINT_CA
#define X X509_LINT_CROSS
#define R X509_LINT_ROOT
#define O X509_LINT_OCSP

/* What is wrong, in which kind, and the one rule that says so. */
static const struct fault {
    const char *code;
    enum x509_lint_kind kind;
    void (*change)(struct trial *);
    struct edit edit;
    struct str from, to; /* in the finished bytes */
} faults[] = {
    {"lint.serial", L, none, {}, STR("\x02\x10\x43\x01"), STR("\x02\x10\xc3\x01")},
    {"lint.serial-short", L, short_serial},
    {"lint.signature-algorithm", L, wrong_algorithm},
    {"lint.issuer-empty", L, no_issuer},
    {"lint.issuer", L, wrong_issuer},
    {"lint.issuer", R, root_of_other},
    {"lint.issuer-ca", C, under_leaf},
    {"lint.issuer-ca", L, under_leaf},
    {"lint.issuer-ca", C, under_crl_signer},
    {"lint.path-length", C, under_last},
    {"lint.path-length", X, as_long_as_issuer},
    {"lint.path-length", C, no_end_of_path},
    {"lint.self-issued", C, subject_of_root},
    {"lint.validity", L, ends_at_once},
    {"lint.validity-nested", L, outlives},
    {"lint.validity-nested", L, precedes},
    {"lint.lifetime", L, too_long},
    {"lint.public-key", L, other_key},
    {"lint.key-form", L, small_key},
    {"lint.key-weak", L, roca_key},
    {"lint.issuer-key", L, own_key},
    {"lint.subject", L, none, {}, STR("\x0c\x15wiki"), STR("\x13\x15wiki")},
    {"lint.subject-ca", C, no_subject},
    {"lint.subject-ca", X, no_subject},
    {"lint.extension",
     L,
     none,
     {},
     STR("\x06\x03\x55\x1d\x20\x04"),
     STR("\x06\x03\x55\x1d\x7e\x04")},
    {"lint.critical", L, none, {X509_OID_KEY_USAGE, OTHER_FLAG}},
    {"lint.critical", C, none, {X509_OID_KEY_USAGE, OTHER_FLAG}},
    {"lint.critical", C, none, {X509_OID_BASIC_CONSTRAINTS, OTHER_FLAG}},
    {"lint.critical", C, none, {X509_OID_NAME_CONSTRAINTS, OTHER_FLAG}},
    {"lint.not-critical", L, none, {X509_OID_SKI, OTHER_FLAG}},
    {"lint.not-critical", L, none, {X509_OID_AKI, OTHER_FLAG}},
    {"lint.not-critical", L, none, {X509_OID_EKU, OTHER_FLAG}},
    {"lint.not-critical", L, none, {X509_OID_CRL_POINTS, OTHER_FLAG}},
    {"lint.not-critical", L, none, {X509_OID_AIA, OTHER_FLAG}},
    {"lint.not-critical", L, none, {X509_OID_POLICIES, OTHER_FLAG}},
    {"lint.not-critical", L, staple, {X509_OID_TLS_FEATURE, OTHER_FLAG}},
    {"lint.not-critical", O, none, {X509_OID_OCSP_NOCHECK, OTHER_FLAG}},
    {"lint.not-critical", L, norev, {X509_OID_NO_REV_AVAIL, OTHER_FLAG}},
    {"lint.basic-constraints", L, leaf_is_ca},
    {"lint.basic-constraints", C, ca_no_basic},
    {"lint.key-usage-missing", L, no_usage},
    {"lint.key-usage-missing", R, no_usage},
    {"lint.key-usage", L, cert_sign},
    {"lint.key-usage", L, asked_usage},
    {"lint.key-usage", C, ca_no_crl},
    {"lint.key-usage", X, ca_enciphers},
    {"lint.key-usage-key", L, ec_encipherment},
    {"lint.extended-key-usage", L, no_eku},
    {"lint.extended-key-usage", L, code_signing},
    {"lint.extended-key-usage", L, asked_eku},
    {"lint.extended-key-usage", C, code_signing},
    {"lint.extended-key-usage", R, root_eku},
    {"lint.extended-key-usage", O, code_signing},
    {"lint.responder", L, leaf_nocheck},
    {"lint.responder", O, no_nocheck},
    {"lint.no-revocation", C, norev},
    {"lint.no-revocation", R, norev},
    {"lint.no-revocation", O, norev},
    {"lint.no-revocation-meant", L, norev_not_meant},
    {"lint.no-revocation-meant", L, norev_left_out},
    {"lint.no-revocation-url", L, norev_crl},
    {"lint.no-revocation-url", L, norev_ocsp},
    {"lint.tls-feature", C, staple},
    {"lint.tls-feature-form",
     L,
     staple,
     {X509_OID_TLS_FEATURE, OTHER_VALUE, STR("\x30\x03\x02\x01\x06")}},
    {"lint.tls-feature-form",
     L,
     staple,
     {X509_OID_TLS_FEATURE, OTHER_VALUE, STR("\x30\x06\x02\x01\x05\x02\x01\x06")}},
    {"lint.tls-feature-url", L, staple_without_url},
    {"lint.policies", L, two_policies},
    {"lint.subject-key-id-missing", C, no_ski},
    {"lint.subject-key-id",
     L,
     none,
     {X509_OID_SKI, OTHER_VALUE,
      STR("\x04\x04"
          "abcd")}},
    {"lint.authority-key-id-missing", L, no_aki},
    {"lint.authority-key-id", L, other_aki},
    {"lint.authority-key-id", R, other_aki},
    {"lint.constraints", L, leaf_constraints},
    {"lint.constraints-other",
     C,
     none,
     {X509_OID_NAME_CONSTRAINTS, OTHER_VALUE, STR("\x30\x08\xa0\x06\x30\x04\xa4\x02\x30\x00")}},
    {"lint.names-missing", L, no_names},
    {"lint.names-kind", C, a_name},
    {"lint.names-kind", O, a_name},
    {"lint.names-critical", L, none, {X509_OID_SAN, OTHER_FLAG}},
    {"lint.names-form", L, upper_asked, {}, STR("\x82\x15wiki"), STR("\x82\x15Wiki")},
    {"lint.email-form", L, email, {}, STR("it@h"), STR("it@H")},
    {"lint.uri-form", L, uri, {}, STR("https"), STR("HTTPS")},
    {"lint.names-different", L, name_less},
    {"lint.names-different", L, name_more},
    {"lint.names-different", L, name_other},
    {"lint.names-different", L, address_other},
    {"lint.names-different", L, name_twice},
    {"lint.names-different", L, asked_twice},
    {"lint.common-name", L, other_cn},
    {"lint.common-name", L, other_cn_ip},
    {"lint.common-name", L, long_cn_ip},
    {"lint.common-name", L, asked_cn},
    {"lint.names-permitted", L, outside},
    {"lint.uri-constraints", L, odd_constraints},
    {"lint.url", L, https_url},
    {"lint.url", L, ldap_url},
    {"lint.url-host", L, bare_url},
    {"lint.url-host", L, user_url},
    {"lint.url-host", L, port_url},
    /* Of the reader, which all of it goes through first. */
    {"x509.extension-twice", L, none, {X509_OID_SKI, TWICE}},
    {"x509.extension", L, none, {X509_OID_SAN, OTHER_VALUE, STR("\x30\x00")}},
    {"x509.extension", C, none, {X509_OID_NAME_CONSTRAINTS, OTHER_VALUE, STR("\x30\x00")}},
    {"x509.extension", L, none, {X509_OID_EKU, OTHER_VALUE, STR("\x30\x00")}},
    {"x509.certificate", L, none, {}, STR("\xa0\x03\x02\x01\x02"), STR("\xa0\x03\x02\x01\x01")},
};
enum { FAULTS = sizeof(faults) / sizeof(faults[0]) };

static struct trial trial_of(enum x509_lint_kind kind, const struct pki *p)
{
    struct trial t = kind == L   ? leaf_trial(p)
                     : kind == R ? root_trial(p)
                     : kind == O ? ocsp_trial(p)
                                 : ca_trial(p);

    t.in.kind = kind;
    return t;
}

/* "" when the fault cannot be made. */
static const char *lint_fault(const struct fault *f, const struct pki *p)
{
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);
    CLEANUP(buf_done) struct buf changed = BUF_INIT(X509_TBS_MAX);
    struct trial t = trial_of(f->kind, p);

    if (f->kind == L) {
        static const struct str policy[] = {STR("1.3.6.1.4.1.99999.1")};

        t.tbs.policies = policy;
        t.tbs.n_policies = 1;
    }
    f->change(&t);
    if (x509_tbs_build(&t.tbs, &tbs, NULL) != RC_OK ||
        edit_extension(buf_str(&tbs), &f->edit, &changed) != RC_OK ||
        (f->from.n && !replace(&changed, f->from, f->to)))
        return "";
    return lint_der(&t.in, buf_str(&changed));
}

static void each_fault_breaks_its_rule_alone(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};

    CHECK_OK(pki_init(&p));
    for (size_t i = 0; i < FAULTS; i++)
        CHECK_STR(str_of(lint_fault(&faults[i], &p)), faults[i].code);
}

/* Those of which a certificate of ours cannot be made have tests of their own. */
static void each_rule_has_its_fault(void)
{
    for (size_t r = 0; x509_lint_rule(r); r++) {
        const char *code = x509_lint_rule(r)->msg->code;
        bool found = strcmp(code, "lint.version") == 0 || strcmp(code, "lint.unique-id") == 0;

        for (size_t i = 0; i < FAULTS && !found; i++)
            found = strcmp(faults[i].code, code) == 0;
        if (!found)
            CHECK_STR(str_of(code), "a code among the faults");
        CHECK(x509_lint_rule(r)->kinds != 0 && x509_lint_rule(r)->kinds < 1u << X509_LINT_KINDS);
        CHECK(strstr(x509_lint_rule(r)->msg->text, ": ") != NULL);
    }
}

/* Where a rule does not apply, its fault is none. */
static void kinds_differ(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    struct trial t;

    CHECK_OK(pki_init(&p));
    t = trial_of(X, &p);
    subject_of_root(&t);
    CHECK_STR(str_of(lint(&t)), "");
    t = ca_trial(&p);
    under_last(&t);
    odd_issuer.pathlen = 1;
    CHECK_STR(str_of(lint(&t)), "");
    t = leaf_trial(&p);
    no_ski(&t);
    CHECK_STR(str_of(lint(&t)), "");
    t = root_trial(&p);
    no_aki(&t);
    CHECK_STR(str_of(lint(&t)), "");
    t = leaf_trial(&p);
    staple(&t);
    CHECK_STR(str_of(lint(&t)), "");
}

static void constraints_may_be_meant_uncritical(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);
    CLEANUP(buf_done) struct buf changed = BUF_INIT(X509_TBS_MAX);
    struct edit e = {X509_OID_NAME_CONSTRAINTS, OTHER_FLAG, {NULL, 0}};
    struct trial t;

    CHECK_OK(pki_init(&p));
    t = ca_trial(&p);
    t.in.constraints_noncritical = true;
    CHECK_STR(str_of(lint(&t)), "lint.not-critical");
    CHECK_OK(x509_tbs_build(&t.tbs, &tbs, NULL));
    CHECK_OK(edit_extension(buf_str(&tbs), &e, &changed));
    CHECK_STR(str_of(lint_der(&t.in, buf_str(&changed))), "");
}

static void refusals_are_told(void)
{
    static const struct {
        void (*change)(struct trial *);
        const char *code, *text;
    } cases[] = {
        {short_serial, "lint.serial-short", "CABF BR 7.1: the serial number has less than 64 bits"},
        {https_url, "lint.url",
         "RFC 5280 4.2.1.13, 4.2.2.1: \"https://ca.hospital.example/crl/1\" is not an http:// URL"},
        {ec_encipherment, "lint.key-usage-key",
         "RFC 3279 2.3, RFC 5480 3, RFC 8410 5, RFC 9881 5: keyUsage asks what a EC P-256 key "
         "cannot "
         "do"},
        /* Told by those who know more. */
        {roca_key, "crypto.weak-roca", NULL},
        {small_key, "crypto.rsa-bits", "the RSA key has 1024 bits; 2048 to 8192 are allowed"},
        {outside, "x509.name-not-permitted", NULL},
    };
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};

    CHECK_OK(pki_init(&p));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);
        CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
        struct trial t = leaf_trial(&p);
        struct err err = ERR_INIT;
        char text[512];

        cases[i].change(&t);
        CHECK_OK(x509_tbs_build(&t.tbs, &tbs, NULL));
        CHECK_RC(x509_lint_tbs(&a, buf_str(&tbs), &t.in, &err), RC_DENIED);
        CHECK_STR(str_of(err.msg->code), cases[i].code);
        if (cases[i].text)
            CHECK_STR(str_of(err_textz(&err, text, sizeof(text))), cases[i].text);
    }
}

static void rsa_leaves_may_decipher(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    CLEANUP(crypto_key_unrefp) struct crypto_key *ed = key_load(key_ed25519);
    struct trial t;

    CHECK_OK(pki_init(&p));
    CHECK(ed != NULL);
    t = leaf_trial(&p);
    /* Signed by the root, so that the issuer's RSA key can be the leaf's. */
    t.in.issuer = &p.root;
    t.in.issuer_key = p.root_key;
    t.tbs.issuer = p.root.subject;
    t.tbs.issuer_key_id = p.root.ski;
    t.tbs.sig_alg = CRYPTO_SIG_ECDSA_SHA384;
    t.tbs.spki = t.in.spki = crypto_key_spki(p.issuer_key);
    t.tbs.key_usage = X509_KU_DIGITAL_SIGNATURE | X509_KU_KEY_ENCIPHERMENT;
    CHECK_STR(str_of(lint(&t)), "");
    t.tbs.key_usage |= X509_KU_DATA_ENCIPHERMENT;
    CHECK_STR(str_of(lint(&t)), "lint.key-usage");
    t.in.key_usage = t.tbs.key_usage;
    CHECK_STR(str_of(lint(&t)), "");
    t.in.key_usage = 0;
    t.tbs.spki = t.in.spki = crypto_key_spki(ed);
    t.tbs.key_usage = X509_KU_DIGITAL_SIGNATURE;
    CHECK_STR(str_of(lint(&t)), "");
    t.tbs.key_usage = t.in.key_usage = X509_KU_KEY_AGREEMENT;
    CHECK_STR(str_of(lint(&t)), "lint.key-usage-key");
}

/* Without version and extensions. */
static void version_1_is_refused(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);
    CLEANUP(buf_done) struct buf v1 = BUF_INIT(X509_TBS_MAX);
    struct x509_der w = x509_der_of(&v1);
    struct rd r, in;
    struct trial t;

    CHECK_OK(pki_init(&p));
    t = root_trial(&p);
    CHECK_OK(x509_tbs_build(&t.tbs, &tbs, NULL));
    r = rd_of(buf_str(&tbs));
    in = x509_der_in(&r, X509_DER_SEQUENCE);
    x509_der_any(&in, NULL);
    x509_der_open(&w, X509_DER_SEQUENCE);
    while (x509_der_peek(&in) != X509_DER_CONTEXT_IN(3) && in.left)
        x509_der_raw(&w, x509_der_any(&in, NULL));
    x509_der_close(&w);
    CHECK_OK(x509_der_end(&w));
    CHECK(str_starts(str_of(lint_der(&t.in, buf_str(&v1))), STR("lint.version ")));
}

/* Written behind the key. */
static void unique_ids_are_refused(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};

    for (uint8_t tag = 1; tag <= 2; tag++) {
        CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);
        CLEANUP(buf_done) struct buf with = BUF_INIT(X509_TBS_MAX);
        struct x509_der w = x509_der_of(&with);
        struct rd r, in;
        struct trial t;

        pki_done(&p);
        CHECK_OK(pki_init(&p));
        t = root_trial(&p);
        CHECK_OK(x509_tbs_build(&t.tbs, &tbs, NULL));
        r = rd_of(buf_str(&tbs));
        in = x509_der_in(&r, X509_DER_SEQUENCE);
        x509_der_open(&w, X509_DER_SEQUENCE);
        while (x509_der_peek(&in) != X509_DER_CONTEXT_IN(3) && in.left)
            x509_der_raw(&w, x509_der_any(&in, NULL));
        x509_der_put(&w, X509_DER_CONTEXT(tag), str_bytes("\0x", 2));
        x509_der_raw(&w, x509_der_any(&in, NULL));
        x509_der_close(&w);
        CHECK_OK(x509_der_end(&w));
        CHECK_STR(str_of(lint_der(&t.in, buf_str(&with))), "lint.unique-id");
    }
}

static void what_is_no_certificate(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    struct trial t;

    CHECK_OK(pki_init(&p));
    t = leaf_trial(&p);
    CHECK_STR(str_of(lint_der(&t.in, STR("\x30\x00"))), "x509.certificate");
}

CHECK_MAIN(CHECK_TEST(what_we_issue_passes), CHECK_TEST_ONCE(each_fault_breaks_its_rule_alone),
           CHECK_TEST(each_rule_has_its_fault), CHECK_TEST(kinds_differ),
           CHECK_TEST(constraints_may_be_meant_uncritical), CHECK_TEST(refusals_are_told),
           CHECK_TEST(rsa_leaves_may_decipher), CHECK_TEST(version_1_is_refused),
           CHECK_TEST(unique_ids_are_refused), CHECK_TEST(what_is_no_certificate))
