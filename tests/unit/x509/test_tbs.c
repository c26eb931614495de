/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "pki.h"
#include "tool.h"

static void built_and_parsed(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);
    unsigned char id[X509_KEY_ID];
    struct x509_tbs_in in;
    struct x509_cert c;

    CHECK_OK(pki_init(&p));
    in = pki_leaf_in(&p);
    in.must_staple = true;
    in.policies = (const struct str[]){STR("2.23.140.1.2.1"), STR("1.2.3.4")};
    in.n_policies = 2;
    CHECK_OK(pki_issue(&in, p.issuer_key, &der));
    CHECK_OK(x509_cert_parse(&p.a, buf_str(&der), &c, NULL));
    CHECK_INT(c.version, 3);
    CHECK(x509_serial_eq(&c.serial, &in.serial));
    CHECK_INT(c.sig_alg, CRYPTO_SIG_RSA_SHA256);
    CHECK(str_eq(c.issuer, p.issuer.subject) && str_eq(c.aki, p.issuer.ski));
    CHECK(c.not_before == PKI_FROM && c.not_after == PKI_LEAF_TO - WHEN_SECOND);
    CHECK_STR(c.common_name, "wiki.hospital.example");
    CHECK(str_eq(c.spki, in.spki));
    CHECK_OK(x509_key_id(in.spki, id));
    CHECK(str_eq(c.ski, str_bytes(id, sizeof(id))));
    CHECK(c.basic == X509_BASIC_ABSENT && !c.is_ca && c.pathlen == -1);
    CHECK_INT(c.key_usage, X509_KU_DIGITAL_SIGNATURE);
    CHECK_INT(c.eku, X509_EKU_SERVER_AUTH | X509_EKU_CLIENT_AUTH);
    CHECK(c.key_usage_critical && !c.san_critical);
    CHECK_INT(c.n_dns, 2);
    CHECK_STR(c.dns[1], "*.apps.hospital.example");
    CHECK_INT(c.n_ips, 2);
    CHECK(addr_eq(&c.ips[1], &pki_ips[1]));
    CHECK_STR(c.crl_urls[0], pki_crl[0].p);
    CHECK_STR(c.ocsp_urls[0], pki_ocsp[0].p);
    CHECK_STR(c.issuer_urls[0], pki_aia[0].p);
    CHECK(c.must_staple && !c.ocsp_nocheck && !c.no_rev_avail && !c.has_constraints);
    CHECK_INT(c.n_policies, 2);
    CHECK_STR(c.policies[1], "\x2a\x03\x04");
    CHECK_INT(c.n_unknown_critical, 0);
    CHECK_INT(c.n_extensions, 9); /* none that is empty */
    CHECK_OK(x509_cert_check_issuer(&c, &p.issuer, NULL));
}

static void ca_is_built_and_parsed(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};

    CHECK_OK(pki_init(&p));
    CHECK(p.root.is_ca && p.root.pathlen == -1 && p.root.basic_critical &&
          x509_cert_self_issued(&p.root));
    CHECK(p.root.aki.n == 0 && p.root.ski.n == X509_KEY_ID && !p.root.has_eku);
    CHECK(p.issuer.is_ca && p.issuer.pathlen == 0 && !x509_cert_self_issued(&p.issuer));
    CHECK(p.issuer.has_constraints && p.issuer.constraints_critical);
    CHECK_STR(p.issuer.constraints.permitted_dns[0], "hospital.example");
    CHECK_OK(x509_cert_check_issuer(&p.root, &p.root, NULL));
    CHECK_OK(x509_cert_check_issuer(&p.issuer, &p.root, NULL));
    CHECK_RC(x509_cert_check_issuer(&p.root, &p.issuer, NULL), RC_DENIED);
}

/* Two processes build it each for itself and compare. */
static void the_same_bytes_every_time(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL}, q = {.root_key = NULL};
    CLEANUP(buf_done) struct buf a = BUF_INIT(X509_TBS_MAX);
    CLEANUP(buf_done) struct buf b = BUF_INIT(X509_TBS_MAX);
    struct x509_tbs_in in;

    CHECK_OK(pki_init(&p));
    CHECK_OK(pki_init(&q));
    in = pki_leaf_in(&p);
    CHECK_OK(x509_tbs_build(&in, &a, NULL));
    in = pki_leaf_in(&q);
    in.not_before += 999'999; /* below a second */
    CHECK_OK(x509_tbs_build(&in, &b, NULL));
    CHECK(str_eq(buf_str(&a), buf_str(&b)));
    CHECK_OK(x509_der_check(buf_str(&a)));
}

static void smallest_certificate(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);
    struct x509_tbs_in in;
    struct x509_cert c;

    CHECK_OK(pki_init(&p));
    in = (struct x509_tbs_in){
        .serial = {.n = 1, .b = {0x80}},
        .issuer = p.root.subject,
        .sig_alg = CRYPTO_SIG_ED25519,
        .spki = p.root.spki,
    };
    CHECK_OK(x509_tbs_build(&in, &tbs, NULL));
    CHECK_OK(x509_tbs_parse(&p.a, buf_str(&tbs), &c, NULL));
    CHECK(c.n_extensions == 0 && c.version == 3 && c.serial.n == 1);
    in.eku = X509_EKU_CLIENT_AUTH;
    buf_reset(&tbs);
    CHECK_OK(x509_tbs_build(&in, &tbs, NULL));
    CHECK_OK(x509_tbs_parse(&p.a, buf_str(&tbs), &c, NULL));
    CHECK_INT(c.n_extensions, 1);
    in.n_dns = 1;
    in.dns = pki_dns;
    buf_reset(&tbs);
    CHECK_OK(x509_tbs_build(&in, &tbs, NULL));
    CHECK_OK(x509_tbs_parse(&p.a, buf_str(&tbs), &c, NULL));
    CHECK(c.san_critical); /* as the subject is empty */
    buf_u8(&tbs, 0);
    CHECK_OK(buf_rc(&tbs));
    CHECK_RC(x509_tbs_parse(&p.a, buf_str(&tbs), &c, NULL), RC_PARSE);
}

static void responder_has_nocheck(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);
    struct x509_tbs_in in;
    struct x509_cert c;

    CHECK_OK(pki_init(&p));
    in = pki_leaf_in(&p);
    in.ocsp_nocheck = in.no_rev_avail = true;
    in.basic = X509_BASIC_LEAF;
    in.eku = X509_EKU_OCSP_SIGNING;
    CHECK_OK(x509_tbs_build(&in, &tbs, NULL));
    CHECK_OK(x509_tbs_parse(&p.a, buf_str(&tbs), &c, NULL));
    CHECK(c.ocsp_nocheck && c.no_rev_avail && c.basic == X509_BASIC_LEAF && c.basic_critical &&
          !c.is_ca);
    CHECK_INT(c.eku, X509_EKU_OCSP_SIGNING);
}

static void a_challenge_is_answered(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);
    static const unsigned char digest[32] = {1, 2, 3};
    struct x509_tbs_in in;
    struct x509_cert c;

    CHECK_OK(pki_init(&p));
    in = pki_leaf_in(&p);
    in.acme_digest = str_bytes(digest, sizeof(digest));
    CHECK_OK(x509_tbs_build(&in, &tbs, NULL));
    CHECK_OK(x509_tbs_parse(&p.a, buf_str(&tbs), &c, NULL));
    CHECK(c.acme_critical && str_eq(c.acme_digest, in.acme_digest));
}

/* One change each to what could be built. */
static void impossible_ones_are_refused(void)
{
    static const struct str upper[] = {STR("Wiki.example")}, dot[] = {STR("a.example.")},
                            space[] = {STR("http://a b/")}, none[] = {{"", 0}},
                            word[] = {STR("1.2.x")};
    static const struct addr odd[] = {{5, {1}}};
    static const struct x509_constraints bad_constraints = {.permitted_dns = upper,
                                                            .n_permitted_dns = 1};
    enum { CASES = 14 };
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);
    struct x509_tbs_in in[CASES];

    CHECK_OK(pki_init(&p));
    for (size_t i = 0; i < CASES; i++)
        in[i] = pki_leaf_in(&p);
    in[0].serial.n = 0;
    in[1].serial.b[0] = 0;
    in[2].issuer = STR("\x30\x01");
    in[3].not_after = in[3].not_before - 1;
    in[4].not_after = WHEN_MAX + WHEN_SECOND;
    in[5].not_before = -1;
    in[6].spki = str_head(in[6].spki, in[6].spki.n - 1);
    in[7].dns = upper;
    in[7].n_dns = 1;
    in[8].dns = dot;
    in[8].n_dns = 1;
    in[9].ips = odd;
    in[9].n_ips = 1;
    in[10].crl_urls = space;
    in[11].ocsp_urls = none;
    in[12].policies = word;
    in[12].n_policies = 1;
    in[13].constraints = &bad_constraints;
    for (size_t i = 0; i < CASES; i++) {
        struct err err = ERR_INIT;

        CHECK_RC(x509_tbs_build(&in[i], &tbs, &err), RC_INVAL);
        CHECK(err.msg != NULL);
    }
    in[0] = pki_leaf_in(&p);
    in[0].subject.country = STR("Germany");
    CHECK_RC(x509_tbs_build(&in[0], &tbs, NULL), RC_INVAL);
    in[0] = pki_leaf_in(&p);
    in[0].sig_alg = CRYPTO_SIG_PSS_SHA256;
    CHECK_RC(x509_tbs_build(&in[0], &tbs, NULL), RC_UNSUPPORTED);
    CHECK_INT(buf_str(&tbs).n, 0);
}

static void limits_hold(void)
{
    static struct str many[X509_NAMES_MAX + 1];
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);
    struct x509_tbs_in in;

    for (size_t i = 0; i <= X509_NAMES_MAX; i++)
        many[i] = STR("a.hospital.example");
    CHECK_OK(pki_init(&p));
    in = pki_leaf_in(&p);
    in.dns = many;
    in.n_ips = 0;
    in.n_dns = X509_NAMES_MAX;
    CHECK_OK(x509_tbs_build(&in, &tbs, NULL));
    in.n_dns = X509_NAMES_MAX + 1;
    CHECK_RC(x509_tbs_build(&in, &tbs, NULL), RC_TOOBIG);
    in.n_dns = X509_NAMES_MAX - 1;
    in.n_ips = 2;
    CHECK_RC(x509_tbs_build(&in, &tbs, NULL), RC_TOOBIG);
    in = pki_leaf_in(&p);
    in.n_crl_urls = X509_URLS_MAX + 1;
    CHECK_RC(x509_tbs_build(&in, &tbs, NULL), RC_TOOBIG);
    in = pki_leaf_in(&p);
    in.n_policies = X509_POLICIES_MAX + 1;
    CHECK_RC(x509_tbs_build(&in, &tbs, NULL), RC_TOOBIG);
}

static void signing_needs_the_right_key(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    CLEANUP(buf_done) struct buf tbs = BUF_INIT(X509_TBS_MAX);
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);
    struct x509_tbs_in in;

    CHECK_OK(pki_init(&p));
    in = pki_leaf_in(&p);
    CHECK_OK(x509_tbs_build(&in, &tbs, NULL));
    CHECK_RC(x509_sign_tbs(p.root_key, buf_str(&tbs), &der), RC_INVAL);
    CHECK_RC(x509_sign_tbs(p.issuer_key, STR("\x30\x00"), &der), RC_PARSE);
    CHECK_RC(x509_assemble(STR("junk"), STR("x"), &der), RC_PARSE);
    CHECK_INT(buf_str(&der).n, 0);
}

static bool has(struct buf *text, const char *what)
{
    return strstr(buf_z(text), what) != NULL;
}

static void openssl_reads_it(void)
{
    char *const show[] = {"openssl", "x509", "-inform", "DER", "-noout", "-text", NULL};
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);
    CLEANUP(buf_done) struct buf out = BUF_INIT(TOOL_OUT_MAX);
    struct x509_tbs_in in;

    CHECK_OK(pki_init(&p));
    in = pki_leaf_in(&p);
    in.must_staple = true;
    CHECK_OK(pki_issue(&in, p.issuer_key, &der));
    CHECK_INT(tool_run(show, buf_str(&der), &out), 0);
    CHECK(has(&out, "Version: 3 (0x2)"));
    CHECK(has(&out, "43:01:02:03:00:00:00:00:00:00:00:00:00:00:00:00"));
    CHECK(has(&out, "Issuer: O = Example Hospital, CN = Example Issuer"));
    CHECK(has(&out, "Subject: C = DE, O = Example Hospital, CN = wiki.hospital.example"));
    CHECK(has(&out, "Not Before: Jan 15 08:00:00 2027 GMT"));
    CHECK(has(&out, "Not After : Apr 15 07:59:59 2027 GMT"));
    CHECK(has(&out, "X509v3 Key Usage: critical\n                Digital Signature\n"));
    CHECK(has(&out, "TLS Web Server Authentication, TLS Web Client Authentication"));
    CHECK(has(&out, "DNS:wiki.hospital.example, DNS:*.apps.hospital.example, IP Address:10.0.3.7, "
                    "IP Address:FD00:0:0:0:0:0:0:7"));
    CHECK(has(&out, "URI:http://ca.hospital.example/crl/1"));
    CHECK(has(&out, "OCSP - URI:http://ca.hospital.example/ocsp/"));
    CHECK(has(&out, "CA Issuers - URI:http://ca.hospital.example/issuer/1.cer"));
    CHECK(has(&out, "status_request"));
    CHECK(!has(&out, "<EMPTY>") && !has(&out, "error"));
    buf_reset(&out);
    CHECK_INT(tool_run(show, buf_str(&p.issuer_der), &out), 0);
    CHECK(has(&out, "X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0\n"));
    CHECK(has(&out, "X509v3 Name Constraints: critical\n                Permitted:\n"
                    "                  DNS:hospital.example\n"));
    CHECK(has(&out, "Certificate Sign, CRL Sign"));
}

/* GnuTLS, where it is installed. */
static void gnutls_reads_it(void)
{
    char *const show[] = {"certtool", "-i", "--inder", NULL};
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);
    CLEANUP(buf_done) struct buf out = BUF_INIT(TOOL_OUT_MAX);
    struct x509_tbs_in in;
    int status;

    CHECK_OK(pki_init(&p));
    in = pki_leaf_in(&p);
    CHECK_OK(pki_issue(&in, p.issuer_key, &der));
    status = tool_run(show, buf_str(&der), &out);
    if (status == TOOL_MISSING)
        skip();
    CHECK_INT(status, 0);
    CHECK(has(&out, "Subject: CN=wiki.hospital.example,O=Example Hospital,C=DE"));
    CHECK(has(&out, "DNSname: *.apps.hospital.example"));
    CHECK(has(&out, "IPAddress: fd00::7"));
    CHECK(!has(&out, "error:") && !has(&out, "Unknown"));
}

CHECK_MAIN(CHECK_TEST(built_and_parsed), CHECK_TEST(ca_is_built_and_parsed),
           CHECK_TEST(the_same_bytes_every_time), CHECK_TEST(smallest_certificate),
           CHECK_TEST(responder_has_nocheck), CHECK_TEST(a_challenge_is_answered),
           CHECK_TEST(impossible_ones_are_refused), CHECK_TEST(limits_hold),
           CHECK_TEST(signing_needs_the_right_key), CHECK_TEST_ONCE(openssl_reads_it),
           CHECK_TEST_ONCE(gnutls_reads_it))
