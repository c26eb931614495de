/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

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

/* The code of the complaint; "" when there is none; "?" when it could not be built. */
static const char *lint_der(const struct x509_lint_in *in, struct str tbs)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct err err = ERR_INIT;

    if (x509_lint_tbs(&a, tbs, in, &err) == RC_OK)
        return "";
    return err.msg ? err.msg->code : "?";
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

/* ---- one change each, and the rule that it breaks ---- */

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

static void leaf_rules(void)
{
    static const struct {
        void (*change)(struct trial *);
        const char *code;
    } cases[] = {
        {short_serial, "lint.serial-short"},
        {wrong_algorithm, "lint.signature-algorithm"},
        {wrong_issuer, "lint.issuer"},
        {no_issuer, "lint.issuer"},
        {ends_at_once, "lint.validity"},
        {outlives, "lint.validity-nested"},
        {precedes, "lint.validity-nested"},
        {too_long, "lint.lifetime"},
        {other_key, "lint.public-key"},
        {own_key, "lint.issuer-key"},
        {no_usage, "lint.key-usage"},
        {cert_sign, "lint.key-usage"},
        {ec_encipherment, "lint.key-usage"},
        {no_eku, "lint.extended-key-usage"},
        {code_signing, "lint.extended-key-usage"},
        {leaf_is_ca, "lint.basic-constraints"},
        {no_names, "lint.names-missing"},
        {name_less, "lint.names-different"},
        {name_more, "lint.names-different"},
        {name_other, "lint.names-different"},
        {address_other, "lint.names-different"},
        {name_twice, "lint.names-different"},
        {asked_twice, "lint.names-different"},
        {other_cn, "lint.common-name"},
        {other_cn_ip, "lint.common-name"},
        {long_cn_ip, "lint.common-name"},
        {outside, "x509.name-not-permitted"},
        {https_url, "lint.url"},
        {ldap_url, "lint.url"},
        {bare_url, "lint.url"},
        {no_aki, "lint.authority-key-id"},
        {other_aki, "lint.authority-key-id"},
        {leaf_constraints, "lint.constraints"},
        {leaf_nocheck, "lint.responder"},
    };
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};

    CHECK_OK(pki_init(&p));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct trial t = leaf_trial(&p);

        cases[i].change(&t);
        CHECK_STR(str_of(lint(&t)), cases[i].code);
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
    t.tbs.spki = t.in.spki = crypto_key_spki(ed);
    t.tbs.key_usage = X509_KU_DIGITAL_SIGNATURE;
    CHECK_STR(str_of(lint(&t)), "");
    t.tbs.key_usage = X509_KU_KEY_AGREEMENT;
    CHECK_STR(str_of(lint(&t)), "lint.key-usage");
}

static void weak_keys_are_refused(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    CLEANUP(buf_done) struct buf spki = BUF_INIT(1000);
    struct trial t;

    CHECK_OK(pki_init(&p));
    CHECK_OK(text_unhex(str_of(spki_roca), &spki));
    t = leaf_trial(&p);
    t.tbs.spki = t.in.spki = buf_str(&spki);
    CHECK_STR(str_of(lint(&t)), "crypto.weak-roca");
    buf_reset(&spki);
    CHECK_OK(text_unhex(str_of(spki_rsa1024), &spki));
    t.tbs.spki = t.in.spki = buf_str(&spki);
    CHECK_STR(str_of(lint(&t)), "crypto.rsa-bits");
}

static void ca_rules(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    struct x509_cert issuer;
    struct trial t;

    CHECK_OK(pki_init(&p));
    t = ca_trial(&p);
    t.tbs.basic = X509_BASIC_ABSENT;
    CHECK_STR(str_of(lint(&t)), "lint.basic-constraints");
    t = ca_trial(&p);
    t.tbs.key_usage = X509_KU_CERT_SIGN;
    CHECK_STR(str_of(lint(&t)), "lint.key-usage");
    t = ca_trial(&p);
    t.tbs.key_usage |= X509_KU_KEY_ENCIPHERMENT;
    CHECK_STR(str_of(lint(&t)), "lint.key-usage");
    t = ca_trial(&p);
    t.tbs.eku |= X509_EKU_CODE_SIGNING;
    CHECK_STR(str_of(lint(&t)), "lint.extended-key-usage");
    t = ca_trial(&p);
    t.tbs.subject_key_id = false;
    CHECK_STR(str_of(lint(&t)), "lint.subject-key-id");
    t = ca_trial(&p);
    t.tbs.subject = (struct x509_subject){.country = {NULL, 0}};
    CHECK_STR(str_of(lint(&t)), "lint.subject-ca");
    t = ca_trial(&p);
    t.tbs.n_dns = 1;
    t.tbs.dns = pki_dns;
    CHECK_STR(str_of(lint(&t)), "lint.names-kind");
    t = ca_trial(&p);
    t.tbs.must_staple = true;
    CHECK_STR(str_of(lint(&t)), "lint.tls-feature");
    /* Under an issuer that may not have CAs below it, or not these. */
    issuer = p.root;
    t = ca_trial(&p);
    t.in.issuer = &issuer;
    issuer.pathlen = 0;
    CHECK_STR(str_of(lint(&t)), "lint.issuer-ca");
    issuer.pathlen = 1;
    CHECK_STR(str_of(lint(&t)), "");
    t.tbs.pathlen = 1;
    CHECK_STR(str_of(lint(&t)), "lint.issuer-ca");
    t.tbs.pathlen = -1;
    CHECK_STR(str_of(lint(&t)), "lint.issuer-ca");
    issuer = p.root;
    issuer.key_usage = X509_KU_CRL_SIGN;
    CHECK_STR(str_of(lint(&t)), "lint.issuer-ca");
    issuer = p.root;
    issuer.is_ca = false;
    CHECK_STR(str_of(lint(&t)), "lint.issuer-ca");
}

static void root_and_responder_rules(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    struct trial t;

    CHECK_OK(pki_init(&p));
    t = root_trial(&p);
    t.tbs.eku = X509_EKU_SERVER_AUTH;
    CHECK_STR(str_of(lint(&t)), "lint.extended-key-usage");
    t = root_trial(&p);
    t.tbs.issuer = p.issuer.subject;
    CHECK_STR(str_of(lint(&t)), "lint.issuer");
    t = root_trial(&p);
    t.tbs.issuer_key_id = p.issuer.ski;
    CHECK_STR(str_of(lint(&t)), "lint.authority-key-id");
    t = root_trial(&p);
    t.in.issuer_key = p.leaf_key;
    t.tbs.sig_alg = CRYPTO_SIG_ECDSA_SHA256;
    CHECK_STR(str_of(lint(&t)), "lint.issuer-key");
    t = ocsp_trial(&p);
    t.tbs.ocsp_nocheck = false;
    CHECK_STR(str_of(lint(&t)), "lint.responder");
    t = ocsp_trial(&p);
    t.tbs.eku |= X509_EKU_SERVER_AUTH;
    CHECK_STR(str_of(lint(&t)), "lint.extended-key-usage");
    t = ocsp_trial(&p);
    t.tbs.dns = pki_dns;
    t.tbs.n_dns = 1;
    CHECK_STR(str_of(lint(&t)), "lint.names-kind");
}

/* ---- bytes that x509_tbs_build does not write ---- */

/* Appends the extensions, that of `oid` without its critical flag. */
static void copy_extensions(struct x509_der *w, struct rd list, struct str oid)
{
    while (list.left && !list.failed) {
        struct x509_ext ext = x509_ext_get(&list);

        x509_der_open(w, X509_DER_SEQUENCE);
        x509_der_put(w, X509_DER_OID, ext.oid);
        if (ext.critical && !str_eq(ext.oid, oid))
            x509_der_bool(w, true);
        x509_der_put(w, X509_DER_OCTET_STRING, ext.value);
        x509_der_close(w);
    }
}

static enum rc without_critical(struct str tbs, enum x509_oid oid, struct buf *out)
{
    struct x509_der w = x509_der_of(out);
    struct rd r = rd_of(tbs), in = x509_der_in(&r, X509_DER_SEQUENCE), explicit;

    x509_der_open(&w, X509_DER_SEQUENCE);
    while (x509_der_peek(&in) != X509_DER_CONTEXT_IN(3) && in.left)
        x509_der_raw(&w, x509_der_any(&in, NULL));
    explicit = x509_der_in(&in, X509_DER_CONTEXT_IN(3));
    x509_der_open(&w, X509_DER_CONTEXT_IN(3));
    x509_der_open(&w, X509_DER_SEQUENCE);
    copy_extensions(&w, x509_der_in(&explicit, X509_DER_SEQUENCE), x509_oid_der(oid));
    x509_der_close(&w);
    x509_der_close(&w);
    x509_der_close(&w);
    TRY(rd_done(&explicit));
    return x509_der_end(&w);
}

static void critical_where_it_must_be(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    static const struct {
        enum x509_oid oid;
        const char *code;
    } cases[] = {
        {X509_OID_NONE, ""},
        {X509_OID_BASIC_CONSTRAINTS, "lint.basic-constraints"},
        {X509_OID_KEY_USAGE, "lint.key-usage"},
        {X509_OID_NAME_CONSTRAINTS, "lint.constraints"},
    };

    CHECK_OK(pki_init(&p));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct trial t = ca_trial(&p);
        CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);
        CLEANUP(buf_done) struct buf changed = BUF_INIT(X509_TBS_MAX);

        CHECK_OK(x509_tbs_build(&t.tbs, &tbs, NULL));
        CHECK_OK(without_critical(buf_str(&tbs), cases[i].oid, &changed));
        CHECK_STR(str_of(lint_der(&t.in, buf_str(&changed))), cases[i].code);
    }
}

static void names_critical_where_they_must_be(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);
    CLEANUP(buf_done) struct buf changed = BUF_INIT(X509_TBS_MAX);
    struct trial t;

    CHECK_OK(pki_init(&p));
    t = leaf_trial(&p);
    t.tbs.subject = (struct x509_subject){.country = {NULL, 0}};
    CHECK_OK(x509_tbs_build(&t.tbs, &tbs, NULL));
    CHECK_OK(without_critical(buf_str(&tbs), X509_OID_SAN, &changed));
    CHECK_STR(str_of(lint_der(&t.in, buf_str(&changed))), "lint.names-critical");
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
    CHECK_STR(str_of(lint_der(&t.in, buf_str(&v1))), "lint.version");
}

/* Replaces the first `from` by as many bytes; false when there is none. */
static bool replace(struct buf *b, struct str from, struct str to)
{
    char *at = memmem(b->p, b->n, from.p, from.n);

    if (at)
        memcpy(at, to.p, to.n);
    return at != NULL;
}

static void other_bytes_are_refused(void)
{
    static const struct {
        struct str from, to;
        const char *code;
    } cases[] = {
        {STR("\xa0\x03\x02\x01\x02"), STR("\xa0\x03\x02\x01\x01"),
         "x509.certificate"}, /* v2 with extensions */
        {STR("\x02\x10\x43\x01"), STR("\x02\x10\xc3\x01"), "lint.serial"},
        {STR("\x06\x03\x55\x1d\x0e"), STR("\x06\x03\x55\x1d\x7e"), "lint.extension"},
        {STR("\x0c\x15wiki"), STR("\x13\x15wiki"), "lint.subject"},
        {STR("\x0c\x15wiki"), STR("\x0c\x15wi\x01i"), "lint.subject"},
        {STR("\x82\x15wiki"), STR("\x82\x15Wiki"), "lint.names-form"},
        {STR("\x82\x15wiki"), STR("\x82\x15wi_i"), "lint.names-form"},
        {STR("\x82\x15wiki"), STR("\x81\x15wiki"), "lint.email-form"},
        {STR("\x82\x15wiki"), STR("\x86\x15wiki"), "lint.uri-form"},
        {STR("\x82\x15wiki"), STR("\x88\x15wiki"), "lint.names-kind"},
        {STR("\x06\x03\x55\x1d\x0e\x04\x16\x04\x14"), STR("\x06\x03\x55\x1d\x0e\x04\x16\x04\x13"),
         "x509.extension"},
    };
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};

    CHECK_OK(pki_init(&p));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct trial t = leaf_trial(&p);
        CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);

        CHECK_OK(x509_tbs_build(&t.tbs, &tbs, NULL));
        CHECK(replace(&tbs, cases[i].from, cases[i].to));
        CHECK_STR(str_of(lint_der(&t.in, buf_str(&tbs))), cases[i].code);
    }
}

/* Mail addresses, URIs, and what a profile can ask for beyond the names of TLS servers. */
static void other_names_and_usages(void)
{
    static const struct str mail[] = {{"a@hospital.example", 18}, {"b@hospital.example", 18}};
    static const struct str uris[] = {{"https://hospital.example/a", 26},
                                      {"spiffe://hospital.example/b", 27}};
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    struct trial right, t;

    CHECK_OK(pki_init(&p));
    right = leaf_trial(&p);
    right.tbs.emails = right.in.emails = mail;
    right.tbs.n_emails = right.in.n_emails = 1;
    right.tbs.uris = right.in.uris = uris;
    right.tbs.n_uris = right.in.n_uris = 1;
    CHECK_STR(str_of(lint(&right)), "");
    t = right;
    t.in.n_emails = 0;
    CHECK_STR(str_of(lint(&t)), "lint.names-different");
    t.in.n_emails = 2;
    CHECK_STR(str_of(lint(&t)), "lint.names-different");
    t = right;
    t.in.uris = &uris[1];
    CHECK_STR(str_of(lint(&t)), "lint.names-different");
    t = right;
    t.tbs.subject.common_name = mail[0];
    CHECK_STR(str_of(lint(&t)), "");
    t.tbs.subject.common_name = mail[1];
    CHECK_STR(str_of(lint(&t)), "lint.common-name");
    t.tbs.subject.common_name = STR("Alice Example");
    CHECK_STR(str_of(lint(&t)), "lint.common-name");
    t.in.common_name = STR("Alice Example");
    CHECK_STR(str_of(lint(&t)), "");
    t.tbs.subject.common_name = STR("Bob Example");
    CHECK_STR(str_of(lint(&t)), "lint.common-name");
}

static void usages_are_those_asked_for(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    struct trial right, t;

    CHECK_OK(pki_init(&p));
    right = leaf_trial(&p);
    t = right;
    t.in.eku = X509_EKU_CLIENT_AUTH;
    CHECK_STR(str_of(lint(&t)), "lint.extended-key-usage");
    t.tbs.eku = X509_EKU_CLIENT_AUTH;
    CHECK_STR(str_of(lint(&t)), "");
    t = right;
    t.tbs.key_usage = X509_KU_DIGITAL_SIGNATURE | X509_KU_NON_REPUDIATION;
    CHECK_STR(str_of(lint(&t)), "lint.key-usage");
    t.in.key_usage = X509_KU_DIGITAL_SIGNATURE | X509_KU_NON_REPUDIATION;
    CHECK_STR(str_of(lint(&t)), "");
    t.tbs.key_usage = X509_KU_DIGITAL_SIGNATURE;
    CHECK_STR(str_of(lint(&t)), "lint.key-usage");
    /* The key is one of P-256: it cannot be encrypted to, whatever is asked for. */
    t.tbs.key_usage = t.in.key_usage = X509_KU_KEY_ENCIPHERMENT;
    CHECK_STR(str_of(lint(&t)), "lint.key-usage");
    t.tbs.key_usage = t.in.key_usage = X509_KU_DIGITAL_SIGNATURE | X509_KU_CERT_SIGN;
    CHECK_STR(str_of(lint(&t)), "lint.key-usage");
}

static void wrong_key_id_is_refused(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);
    struct trial t;
    char *at;

    CHECK_OK(pki_init(&p));
    t = leaf_trial(&p);
    CHECK_OK(x509_tbs_build(&t.tbs, &tbs, NULL));
    at = memmem(tbs.p, tbs.n, "\x55\x1d\x0e\x04\x16\x04\x14", 7);
    CHECK(at != NULL);
    at[7] ^= 1;
    CHECK_STR(str_of(lint_der(&t.in, buf_str(&tbs))), "lint.subject-key-id");
    CHECK_STR(str_of(lint_der(&t.in, STR("\x30\x00"))), "x509.certificate");
}

CHECK_MAIN(CHECK_TEST(what_we_issue_passes), CHECK_TEST(leaf_rules),
           CHECK_TEST(rsa_leaves_may_decipher), CHECK_TEST(weak_keys_are_refused),
           CHECK_TEST(ca_rules), CHECK_TEST(root_and_responder_rules),
           CHECK_TEST(critical_where_it_must_be), CHECK_TEST(names_critical_where_they_must_be),
           CHECK_TEST(version_1_is_refused), CHECK_TEST(other_bytes_are_refused),
           CHECK_TEST(other_names_and_usages), CHECK_TEST(usages_are_those_asked_for),
           CHECK_TEST(wrong_key_id_is_refused))
