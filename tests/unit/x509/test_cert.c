/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

#include <dirent.h>

#include "corpus.h"
#include "pki.h"
#include "tool.h"
#include "x509/ext_int.h"

/* A certificate of tests/corpus/cert; `der` keeps its bytes. */
static enum rc load(struct arena *a, const char *name, struct buf *der, struct x509_cert *c)
{
    char path[300];

    buf_init(der, X509_CERT_MAX);
    snprintf(path, sizeof(path), "cert/%s", name);
    TRY(crypto_init());
    TRY(corpus_read(path, der));
    return x509_cert_parse(a, buf_str(der), c, NULL);
}

static void everything_is_found(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf der = {};
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    char text[X509_SERIAL_TEXT], when[WHEN_TEXT];
    struct addr ip;
    struct x509_cert c;

    CHECK_OK(load(&a, "leaf-all.der", &der, &c));
    CHECK_INT(c.version, 3);
    CHECK_STR(str_of(x509_serial_text(&c.serial, text)), "0123456789ABCDEF01");
    CHECK_STR(c.common_name, "wiki.hospital.example");
    CHECK_STR(str_of(when_text(c.not_before, when)), "2026-01-01T00:00:00Z");
    CHECK_STR(str_of(when_text(c.not_after, when)), "2026-03-31T00:00:00Z");
    CHECK_INT(c.sig_alg, CRYPTO_SIG_RSA_SHA256);
    CHECK_INT(c.basic, X509_BASIC_LEAF);
    CHECK_INT(c.key_usage, X509_KU_DIGITAL_SIGNATURE | X509_KU_KEY_ENCIPHERMENT);
    CHECK_INT(c.eku, X509_EKU_SERVER_AUTH | X509_EKU_CLIENT_AUTH);
    CHECK(c.ski.n == 20 && c.aki.n == 20 && !str_eq(c.ski, c.aki));
    CHECK_INT(c.n_dns, 2);
    CHECK_STR(c.dns[0], "wiki.hospital.example");
    CHECK_INT(c.n_ips, 2);
    CHECK_OK(addr_parse(STR("fd00::7"), &ip));
    CHECK(x509_cert_has_ip(&c, &ip));
    CHECK_INT(c.n_crl_urls, 1);
    CHECK_STR(c.crl_urls[0], "http://ca.hospital.example/crl/1");
    CHECK_STR(c.ocsp_urls[0], "http://ca.hospital.example/ocsp/");
    CHECK_STR(c.issuer_urls[0], "http://ca.hospital.example/issuer/1");
    CHECK_INT(c.n_policies, 1);
    CHECK(c.must_staple && c.n_other_names == 0);
    CHECK_INT(c.n_extensions, 10);
    CHECK_OK(x509_cert_key(&c, &key, NULL));
    CHECK_STR(str_of(crypto_key_text(key)), "EC P-256");
}

static void chain_is_checked(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf root_der = {.p = NULL};
    CLEANUP(buf_done) struct buf ca_der = {.p = NULL};
    CLEANUP(buf_done) struct buf leaf_der = {.p = NULL};
    struct x509_cert root, ca, leaf;
    struct err err = ERR_INIT;

    CHECK_OK(load(&a, "root-p384.der", &root_der, &root));
    CHECK_OK(load(&a, "intermediate-constraints.der", &ca_der, &ca));
    CHECK_OK(load(&a, "leaf-all.der", &leaf_der, &leaf));
    CHECK_OK(x509_cert_check_issuer(&leaf, &ca, NULL));
    CHECK_OK(x509_cert_check_issuer(&ca, &root, NULL));
    CHECK_OK(x509_cert_check_issuer(&root, &root, NULL));
    CHECK_RC(x509_cert_check_issuer(&leaf, &root, &err), RC_DENIED);
    CHECK_STR(str_of(err.msg->code), "x509.issuer-name");
    CHECK_RC(x509_cert_check_issuer(&leaf, &leaf, NULL), RC_DENIED);
    CHECK_INT(ca.constraints.n_permitted_ip, 2);
    CHECK_STR(ca.constraints.permitted_email[0], ".hospital.example");
    CHECK_STR(ca.constraints.excluded_dns[0], "secret.hospital.example");
    /* Each rule by itself. */
    ca.aki = leaf.ski;
    CHECK_RC(x509_cert_check_issuer(&ca, &root, &err), RC_DENIED);
    CHECK_STR(str_of(err.msg->code), "x509.issuer-id");
    root.key_usage = X509_KU_CRL_SIGN;
    CHECK_RC(x509_cert_check_issuer(&root, &root, &err), RC_DENIED);
    CHECK_STR(str_of(err.msg->code), "x509.issuer-ca");
    root.key_usage = X509_KU_CERT_SIGN;
    root.is_ca = false;
    CHECK_RC(x509_cert_check_issuer(&root, &root, NULL), RC_DENIED);
    root.is_ca = true;
    root.sig_alg = CRYPTO_SIG_RSA_SHA256;
    CHECK_RC(x509_cert_check_issuer(&root, &root, NULL), RC_UNSUPPORTED);
    root.sig_alg = CRYPTO_SIG_ECDSA_SHA384;
    CHECK_OK(x509_cert_check_issuer(&root, &root, NULL));
    root.tbs = leaf.tbs;
    CHECK_RC(x509_cert_check_issuer(&root, &root, &err), RC_DENIED);
    CHECK_STR(str_of(err.msg->code), "x509.signature");
}

static void odd_but_right(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf der = {.p = NULL};
    CLEANUP(buf_done) struct buf text = BUF_INIT(4096);
    char when[WHEN_TEXT];
    struct x509_cert c;

    CHECK_OK(load(&a, "v1.der", &der, &c));
    CHECK(c.version == 1 && c.n_extensions == 0);
    buf_done(&der);
    CHECK_OK(load(&a, "v2-unique-ids.der", &der, &c));
    CHECK_INT(c.version, 2);
    buf_done(&der);
    CHECK_OK(load(&a, "crl-ldap-dirname.der", &der, &c));
    CHECK_INT(c.n_crl_urls, 1);
    CHECK_STR(c.crl_urls[0], "ldap://x/");
    buf_done(&der);
    CHECK_OK(load(&a, "rsa-pss.der", &der, &c));
    CHECK_INT(c.sig_alg, 0);
    buf_done(&der);
    CHECK_OK(load(&a, "leaf-p521-sha512.der", &der, &c));
    CHECK_INT(c.sig_alg, CRYPTO_SIG_ECDSA_SHA512);
    buf_done(&der);
    CHECK_OK(load(&a, "leaf-9999.der", &der, &c));
    CHECK_STR(str_of(when_text(c.not_after, when)), "9999-12-31T23:59:59Z");
    buf_done(&der);
    CHECK_OK(load(&a, "serial-negative.der", &der, &c));
    CHECK_INT(c.serial.n, 0);
    buf_done(&der);
    CHECK_OK(load(&a, "serial-21-bytes.der", &der, &c));
    CHECK_INT(c.serial.n, 0);
    buf_done(&der);
    CHECK_OK(load(&a, "unknown-critical.der", &der, &c));
    CHECK(c.n_unknown_critical == 1 && c.ocsp_nocheck && c.n_extensions == 2);
    buf_done(&der);
    CHECK_OK(load(&a, "empty-subject.der", &der, &c));
    CHECK_INT(c.n_other_names + c.n_emails + c.n_uris, 4);
    CHECK(c.n_emails && c.n_uris && c.san_critical && c.common_name.n == 0);
    buf_done(&der);
    CHECK_OK(load(&a, "dc-email.der", &der, &c));
    x509_name_text(c.subject, &text);
    CHECK_STR(buf_str(&text), "DC = example, emailAddress = a@b.example, CN = Gr\xc3\xb6\xc3\x9f"
                              "e \\\"x\\\"\\, y");
}

/* All of the corpus: names that start with "bad-" are refused, the others read; and OpenSSL sees
 * the same serial number. */
static void corpus_is_sorted(void)
{
    char *const serial[] = {"openssl", "x509", "-inform", "DER", "-noout", "-serial", NULL};
    char path[4096], want[100], text[X509_SERIAL_TEXT];
    DIR *dir;
    int n = 0;

    snprintf(path, sizeof(path), "%s/corpus/cert", getenv("AUTARKY_TESTS"));
    dir = opendir(path);
    CHECK(dir != NULL);
    for (const struct dirent *e; (e = readdir(dir));) {
        CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
        CLEANUP(buf_done) struct buf der = {.p = NULL};
        CLEANUP(buf_done) struct buf out = BUF_INIT(TOOL_OUT_MAX);
        struct x509_cert c;
        enum rc rc;

        /* What a fuzzer came upon has a hash of 40 digits for a name, and is not sorted. */
        if (e->d_name[0] == '.' || strlen(e->d_name) == 40)
            continue;
        rc = load(&a, e->d_name, &der, &c);
        if ((rc == RC_PARSE) != str_starts(str_of(e->d_name), STR("bad-")))
            fail_msg("%s: %s", e->d_name, rc_text(rc));
        n++;
        if (rc != RC_OK || c.serial.n == 0)
            continue;
        CHECK_INT(tool_run(serial, buf_str(&der), &out), 0);
        snprintf(want, sizeof(want), "serial=%s\n", x509_serial_text(&c.serial, text));
        CHECK_STR(buf_str(&out), want);
    }
    closedir(dir);
    CHECK(n > 50);
}

/* Cut off anywhere or with any one byte changed: never a read past the end, and never the same
 * certificate. */
static void damage_is_noticed(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf ca_der = {.p = NULL};
    CLEANUP(buf_done) struct buf der = {.p = NULL};
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;
    struct x509_cert c, ca;

    CHECK_OK(load(&a, "intermediate-constraints.der", &ca_der, &ca));
    CHECK_OK(load(&a, "leaf-all.der", &der, &c));
    CHECK_OK(x509_cert_key(&ca, &key, NULL));
    for (size_t n = 0; n < der.n; n++) {
        CLEANUP(mem_freep) char *exact = mem_dup(der.p, n);

        CHECK(exact != NULL);
        CHECK_RC(x509_cert_parse(&a, str_bytes(exact, n), &c, NULL), RC_PARSE);
    }
    for (size_t i = 0; i < der.n; i++) {
        der.p[i] ^= 0x01;
        if (x509_cert_parse(&a, buf_str(&der), &c, NULL) == RC_OK)
            CHECK(x509_cert_check_signature(&c, key, NULL) != RC_OK);
        arena_done(&a);
        der.p[i] ^= 0x01;
    }
    CHECK_OK(x509_cert_parse(&a, buf_str(&der), &c, NULL));
    CHECK_OK(x509_cert_check_signature(&c, key, NULL));
}

/* What x509_cert_check_tbs takes is, to the byte, what was to be signed, and nothing else. */
static void only_what_was_to_be_signed(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf ca_der = {.p = NULL};
    CLEANUP(buf_done) struct buf der = {.p = NULL};
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL, *other = NULL;
    CLEANUP(mem_freep) char *kept = NULL;
    struct x509_cert c, ca;
    struct str tbs;

    CHECK_OK(load(&a, "intermediate-constraints.der", &ca_der, &ca));
    CHECK_OK(load(&a, "leaf-all.der", &der, &c));
    CHECK_OK(x509_cert_key(&ca, &key, NULL));
    CHECK_OK(x509_cert_key(&c, &other, NULL));
    kept = mem_dup(c.tbs.p, c.tbs.n);
    CHECK(kept != NULL);
    tbs = str_bytes(kept, c.tbs.n);
    CHECK_OK(x509_cert_check_tbs(buf_str(&der), tbs, key, NULL));
    /* Another key, of a type that such a signature is not by. */
    CHECK_RC(x509_cert_check_tbs(buf_str(&der), tbs, other, NULL), RC_UNSUPPORTED);
    CHECK_RC(x509_cert_check_tbs(buf_str(&der), ca.tbs, key, NULL), RC_CONFLICT);
    CHECK_RC(x509_cert_check_tbs(buf_str(&der), str_head(tbs, tbs.n - 1), key, NULL), RC_CONFLICT);
    CHECK_RC(x509_cert_check_tbs(str_head(buf_str(&der), der.n - 1), tbs, key, NULL), RC_PARSE);
    CHECK_RC(x509_cert_check_tbs(STR(""), tbs, key, NULL), RC_PARSE);
    for (size_t i = 0; i < der.n; i++) {
        der.p[i] ^= 0x01;
        CHECK(x509_cert_check_tbs(buf_str(&der), tbs, key, NULL) != RC_OK);
        der.p[i] ^= 0x01;
    }
    der.p[der.n - 1] ^= 0x01;
    CHECK_RC(x509_cert_check_tbs(buf_str(&der), tbs, key, NULL), RC_DENIED);
}

static void names_match(void)
{
    static const struct str dns[] = {STR("*.a.example"), STR("B.example"), STR("*.x")};
    static const struct x509_cert c = {.dns = dns, .n_dns = 3};
    static const char *const good[] = {"w.a.example", "b.example", "*.a.example", "y.x"};
    static const char *const bad[] = {"a.example",  "v.w.a.example", "*.w.a.example",
                                      "wa.example", ".a.example",    "x",
                                      "",           "c.example",     "*.b.example"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        CHECK(x509_cert_has_dns(&c, str_of(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!x509_cert_has_dns(&c, str_of(bad[i])));
}

static void pem_is_read(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    CLEANUP(buf_done) struct buf pem = BUF_INIT(1 << 20);
    struct x509_cert *certs;
    struct err err = ERR_INIT;
    size_t n;

    CHECK_OK(pki_init(&p));
    CHECK_RC(x509_cert_read_pem(&p.a, str_of(key_p256), 5, &certs, &n, &err), RC_NOTFOUND);
    x509_cert_put_pem(buf_str(&p.issuer_der), &pem);
    buf_putz(&pem, key_p256);
    x509_cert_put_pem(buf_str(&p.root_der), &pem);
    CHECK_OK(buf_rc(&pem));
    CHECK_OK(x509_cert_read_pem(&p.a, buf_str(&pem), 2, &certs, &n, NULL));
    CHECK_INT(n, 2);
    CHECK(str_eq(certs[0].der, buf_str(&p.issuer_der)) &&
          str_eq(certs[1].der, buf_str(&p.root_der)));
    CHECK_RC(x509_cert_read_pem(&p.a, buf_str(&pem), 1, &certs, &n, &err), RC_TOOBIG);
    CHECK_RC(
        x509_cert_read_pem(&p.a, STR("-----BEGIN CERTIFICATE-----\nMAA=\n"), 2, &certs, &n, &err),
        RC_PARSE);
    CHECK_RC(x509_cert_read_pem(
                 &p.a, STR("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"), 2,
                 &certs, &n, &err),
             RC_PARSE);
    CHECK_STR(str_of(err.msg->code), "x509.certificate");
}

static void fingerprint_is_that_of_the_bytes(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    unsigned char want[CRYPTO_SHA256_BYTES], got[CRYPTO_SHA256_BYTES];

    CHECK_OK(pki_init(&p));
    CHECK_OK(crypto_sha256(buf_str(&p.root_der), want));
    CHECK_OK(x509_cert_fingerprint(&p.root, got));
    CHECK(memcmp(want, got, sizeof(want)) == 0);
}

/* A certificate with so many extensions and names. */
static enum rc crowded(struct arena *a, int extensions, int names, struct err *err)
{
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);
    struct x509_der w = x509_der_of(&tbs);
    struct x509_cert c;

    x509_der_open(&w, X509_DER_SEQUENCE);
    x509_der_raw(&w, STR("\xa0\x03\x02\x01\x02\x02\x01\x01\x30\x05\x06\x03\x2b\x65\x70"));
    x509_der_raw(&w, STR("\x30\x00\x30\x1e"
                         "\x17\x0d"
                         "260101000000Z\x17\x0d"
                         "260101000000Z"));
    x509_der_raw(&w, STR("\x30\x00\x30\x08\x30\x02\x06\x00\x03\x02\x00\x01"));
    x509_der_open(&w, X509_DER_CONTEXT_IN(3));
    x509_der_open(&w, X509_DER_SEQUENCE);
    x509_ext_open(&w, X509_OID_SAN, false);
    x509_der_open(&w, X509_DER_SEQUENCE);
    for (int i = 0; i < names; i++)
        x509_der_raw(&w, STR("\x82\x01x"));
    x509_der_close(&w);
    x509_ext_close(&w);
    for (int i = 1; i < extensions; i++) {
        x509_der_open(&w, X509_DER_SEQUENCE);
        x509_der_put(&w, X509_DER_OID, str_bytes((const char[]){0x2a, (char)i}, 2));
        x509_der_put(&w, X509_DER_OCTET_STRING, STR(""));
        x509_der_close(&w);
    }
    for (int i = 0; i < 3; i++)
        x509_der_close(&w);
    TRY(x509_der_end(&w));
    return x509_tbs_parse(a, buf_str(&tbs), &c, err);
}

static void crowds_are_refused(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct err err = ERR_INIT;

    CHECK_OK(crowded(&a, X509_EXTENSIONS_MAX, X509_CERT_NAMES_MAX, NULL));
    CHECK_RC(crowded(&a, X509_EXTENSIONS_MAX + 1, 1, &err), RC_TOOBIG);
    CHECK_STR(str_of(err.msg->code), "x509.certificate-size");
    CHECK_RC(crowded(&a, 1, X509_CERT_NAMES_MAX + 1, &err), RC_TOOBIG);
    CHECK_STR(str_of(err.msg->code), "x509.certificate-size");
}

static void limits_hold(void)
{
    CLEANUP(mem_freep) char *zeros = mem_calloc(1, X509_CERT_MAX + 1);
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct x509_cert c;

    CHECK(zeros != NULL);
    CHECK_RC(x509_cert_parse(&a, str_bytes(zeros, X509_CERT_MAX + 1), &c, NULL), RC_TOOBIG);
    CHECK_RC(x509_tbs_parse(&a, str_bytes(zeros, X509_TBS_MAX + 1), &c, NULL), RC_TOOBIG);
    CHECK_RC(x509_cert_parse(&a, str_bytes(zeros, X509_CERT_MAX), &c, NULL), RC_PARSE);
}

CHECK_MAIN(CHECK_TEST(everything_is_found), CHECK_TEST(chain_is_checked), CHECK_TEST(odd_but_right),
           CHECK_TEST_ONCE(corpus_is_sorted), CHECK_TEST_ONCE(damage_is_noticed),
           CHECK_TEST(only_what_was_to_be_signed), CHECK_TEST(names_match), CHECK_TEST(pem_is_read),
           CHECK_TEST(fingerprint_is_that_of_the_bytes), CHECK_TEST(crowds_are_refused),
           CHECK_TEST(limits_hold))
