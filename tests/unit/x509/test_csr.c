/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "check.h"

#include <stdio.h>

#include "corpus.h"
#include "keys.h"
#include "tool.h"
#include "x509/csr.h"

/* A request of tests/corpus/csr; `der` keeps its bytes. */
static enum rc load(struct arena *a, const char *name, enum x509_csr_mode mode, struct buf *der,
                    struct x509_csr *csr, struct err *err)
{
    char path[300];

    buf_init(der, X509_CSR_MAX);
    snprintf(path, sizeof(path), "csr/%s.der", name);
    TRY(crypto_init());
    TRY(corpus_read(path, der));
    return x509_csr_parse(a, buf_str(der), mode, csr, err);
}

static const struct {
    const char *name;
    enum rc strict;
    enum rc lenient;
    const char *code; /* of the strict reading's message */
} corpus[] = {
    {"p256", RC_OK, RC_OK, NULL},
    {"rsa-cn-only", RC_OK, RC_OK, NULL},
    {"ed25519", RC_OK, RC_OK, NULL},
    {"p384-sha384", RC_OK, RC_OK, NULL},
    {"habits", RC_OK, RC_OK, NULL},
    {"cn-ip", RC_OK, RC_OK, NULL},
    {"no-names", RC_OK, RC_OK, NULL},
    {"no-attributes", RC_OK, RC_OK, NULL},
    {"names-100", RC_OK, RC_OK, NULL},
    {"names-101", RC_TOOBIG, RC_TOOBIG, "x509.csr-names"},
    {"cn-people", RC_INVAL, RC_OK, "x509.csr-common-name"},
    {"two-cns", RC_INVAL, RC_OK, "x509.csr-common-names"},
    {"ca", RC_INVAL, RC_OK, "x509.csr-ca"},
    {"email", RC_INVAL, RC_OK, "x509.csr-other-names"},
    {"unknown-extension", RC_INVAL, RC_OK, "x509.csr-extension"},
    {"unknown-attribute", RC_INVAL, RC_OK, "x509.csr-attribute"},
    {"underscore", RC_INVAL, RC_INVAL, "x509.csr-dns"},
    {"bad-signature", RC_DENIED, RC_DENIED, "x509.csr-signature"},
    {"bad-name-changed", RC_DENIED, RC_DENIED, "x509.csr-signature"},
    {"bad-truncated", RC_PARSE, RC_PARSE, "x509.csr"},
    {"bad-trailing", RC_PARSE, RC_PARSE, "x509.csr"},
    {"bad-version", RC_PARSE, RC_PARSE, "x509.csr"},
    {"bad-attribute-twice", RC_PARSE, RC_PARSE, "x509.csr"},
    {"bad-san-twice", RC_PARSE, RC_PARSE, "x509.csr"},
    {"bad-two-values", RC_PARSE, RC_PARSE, "x509.csr"},
    {"bad-nul", RC_PARSE, RC_PARSE, "x509.csr"},
    {"bad-utf8", RC_PARSE, RC_PARSE, "x509.csr"},
    {"bad-empty-name", RC_PARSE, RC_PARSE, "x509.csr"},
    {"bad-dot", RC_INVAL, RC_INVAL, "x509.csr-dns"},
    {"bad-ip-as-dns", RC_INVAL, RC_INVAL, "x509.csr-dns"},
    {"bad-space", RC_INVAL, RC_INVAL, "x509.csr-dns"},
    {"bad-sha1", RC_UNSUPPORTED, RC_UNSUPPORTED, "x509.csr-signature-algorithm"},
    {"p521", RC_UNSUPPORTED, RC_UNSUPPORTED, "crypto.key-algorithm"},
    {"bad-weak", RC_DENIED, RC_DENIED, "crypto.weak-close-primes"},
    {"bad-attribute-trailing", RC_PARSE, RC_PARSE, "x509.csr"},
    {"bad-attributes-17", RC_INVAL, RC_PARSE, "x509.csr-attribute"},
    {"bad-extensions-65", RC_INVAL, RC_PARSE, "x509.csr-extension"},
    {"bad-extension-trailing", RC_PARSE, RC_PARSE, "x509.csr"},
    {"bad-extension-critical-false", RC_PARSE, RC_PARSE, "x509.csr"},
    {"names-1001", RC_TOOBIG, RC_TOOBIG, "x509.csr-names"},
    {"bad-rsa1024", RC_INVAL, RC_INVAL, "crypto.rsa-bits"},
};

static void corpus_is_judged(void)
{
    for (size_t i = 0; i < sizeof(corpus) / sizeof(corpus[0]); i++) {
        CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
        CLEANUP(buf_done) struct buf der = {.p = NULL};
        CLEANUP(buf_done) struct buf again = {.p = NULL};
        struct err err = ERR_INIT;
        struct x509_csr csr;
        enum rc rc;

        rc = load(&a, corpus[i].name, X509_CSR_STRICT, &der, &csr, &err);
        if (rc != corpus[i].strict && !mem_fail_fired())
            fail_msg("%s: %s", corpus[i].name, rc_text(rc));
        CHECK(rc == corpus[i].strict);
        if (rc != RC_OK) {
            CHECK(err.msg != NULL);
            CHECK_STR(str_of(err.msg->code), corpus[i].code);
            CHECK_STR(str_of(err.type), str_starts(str_of(corpus[i].code), STR("crypto."))
                                            ? "badPublicKey"
                                            : "badCSR");
        } else {
            CHECK_INT(csr.n_ignored, 0);
        }
        rc = load(&a, corpus[i].name, X509_CSR_LENIENT, &again, &csr, NULL);
        CHECK_RC(rc, corpus[i].lenient);
        if (rc == RC_OK && corpus[i].strict != RC_OK)
            CHECK(csr.n_ignored == 1 || csr.ca || csr.n_emails + csr.n_uris);
    }
}

/* What ACME cannot prove control of is refused there, and taken where an operator vouches. */
static void mail_addresses_and_uris(void)
{
    static const struct str mail[] = {
        {"b@hospital.example", 18}, {"A@hospital.example", 18}, {"b@hospital.example", 18}};
    static const struct str uris[] = {{"spiffe://hospital.example/b", 27},
                                      {"https://hospital.example/", 25}};
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CSR_MAX);
    struct x509_csr_in in = {.emails = mail, .uris = uris, .n_emails = 3, .n_uris = 2};
    struct err err = ERR_INIT;
    struct x509_csr csr;

    CHECK_OK(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &k));
    in.key = k;
    CHECK_OK(x509_csr_build(&in, &der, NULL));
    CHECK_RC(x509_csr_parse(&a, buf_str(&der), X509_CSR_STRICT, &csr, &err), RC_INVAL);
    CHECK_STR(str_of(err.msg->code), "x509.csr-other-names");
    CHECK_OK(x509_csr_parse(&a, buf_str(&der), X509_CSR_LENIENT, &csr, NULL));
    CHECK_INT(csr.n_emails, 2);
    CHECK_STR(csr.emails[0], "A@hospital.example");
    CHECK_STR(csr.emails[1], "b@hospital.example");
    CHECK_INT(csr.n_uris, 2);
    CHECK_STR(csr.uris[0], "https://hospital.example/");
    CHECK_INT(csr.n_ignored, 0);
    in.emails = &(struct str){"nobody", 6};
    in.n_emails = 1;
    CHECK_RC(x509_csr_build(&in, &der, &err), RC_INVAL);
    CHECK_STR(str_of(err.msg->code), "x509.tbs-email");
    in.n_emails = 0;
    in.uris = &(struct str){"urn:x", 5};
    in.n_uris = 1;
    CHECK_RC(x509_csr_build(&in, &der, &err), RC_INVAL);
    CHECK_STR(str_of(err.msg->code), "x509.tbs-uri");
}

static const char *from_file(struct str bytes, struct buf *out)
{
    struct err err = ERR_INIT;

    buf_reset(out);
    return x509_csr_from_file(bytes, out, &err) == RC_OK ? "" : err.msg ? err.msg->code : "?";
}

static void files(void)
{
    static const char *const labels[] = {"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"};
    struct str der = {"\x30\x03\x02\x01\x00", 5};
    CLEANUP(buf_done) struct buf out = BUF_INIT(X509_CSR_MAX);
    CLEANUP(buf_done) struct buf big = BUF_INIT(4 * X509_CSR_MAX);

    CHECK_STR(str_of(from_file(der, &out)), "");
    CHECK(str_eq(buf_str(&out), der));
    for (size_t i = 0; i < 2; i++) {
        CLEANUP(buf_done) struct buf pem = BUF_INIT(1000);

        buf_putz(&pem, "some words before\n");
        text_pem(&pem, str_of(labels[i]), der);
        CHECK_OK(buf_rc(&pem));
        CHECK_STR(str_of(from_file(buf_str(&pem), &out)), "");
        CHECK(str_eq(buf_str(&out), der));
        CHECK_STR(str_of(from_file(str_head(buf_str(&pem), pem.n - 10), &out)), "x509.csr-pem");
    }
    CHECK_STR(str_of(from_file(STR(""), &out)), "x509.csr-no-pem");
    CHECK_STR(str_of(from_file(STR("0"), &out)), "x509.csr-no-pem");
    CHECK_STR(str_of(from_file(
                  STR("-----BEGIN CERTIFICATE-----\nMAMCAQA=\n-----END CERTIFICATE-----\n"), &out)),
              "x509.csr-no-pem");
    for (size_t i = 0; i <= X509_CSR_MAX; i++)
        buf_u8(&big, 0x30);
    CHECK_OK(buf_rc(&big));
    CHECK_STR(str_of(from_file(buf_str(&big), &out)), "x509.csr-size");
}

static void names_are_collected(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf der = {.p = NULL};
    unsigned char digest[CRYPTO_SHA256_BYTES];
    struct x509_csr csr;
    char ip[ADDR_TEXT];

    CHECK_OK(load(&a, "p256", X509_CSR_STRICT, &der, &csr, NULL));
    CHECK_INT(csr.n_dns, 2);
    CHECK_STR(csr.dns[0], "*.apps.hospital.example");
    CHECK_STR(csr.dns[1], "wiki.hospital.example");
    CHECK_INT(csr.n_ips, 2);
    CHECK_STR(str_of(addr_text(&csr.ips[0], ip)), "10.0.3.7");
    CHECK_STR(str_of(addr_text(&csr.ips[1], ip)), "fd00::7");
    CHECK(csr.common_name.n == 0 && !csr.common_name_is_name);
    CHECK(csr.key_type == CRYPTO_KEY_P256 && csr.key_bits == 256);
    CHECK_OK(crypto_sha256(csr.spki, digest));
    CHECK(memcmp(digest, csr.spki_sha256, sizeof(digest)) == 0);
}

static void names_are_canonical_and_unique(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf one = {.p = NULL};
    CLEANUP(buf_done) struct buf two = {.p = NULL};
    CLEANUP(buf_done) struct buf three = {.p = NULL};
    struct x509_csr csr;

    CHECK_OK(load(&a, "p384-sha384", X509_CSR_STRICT, &one, &csr, NULL));
    CHECK_INT(csr.n_dns, 2);
    CHECK_STR(csr.dns[0], "a.example");
    CHECK_STR(csr.dns[1], "b.example");
    CHECK_STR(csr.common_name, "b.example");
    CHECK_OK(load(&a, "rsa-cn-only", X509_CSR_STRICT, &two, &csr, NULL));
    CHECK(csr.n_dns == 1 && csr.common_name_is_name);
    CHECK_STR(csr.dns[0], "wiki.hospital.example");
    CHECK_STR(csr.common_name, "wiki.hospital.example");
    CHECK_OK(load(&a, "cn-ip", X509_CSR_STRICT, &three, &csr, NULL));
    CHECK(csr.n_dns == 0 && csr.n_ips == 1 && csr.common_name_is_name);
}

static void wishes_are_told(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf one = {.p = NULL};
    CLEANUP(buf_done) struct buf two = {.p = NULL};
    CLEANUP(buf_done) struct buf three = {.p = NULL};
    struct x509_csr csr;

    CHECK_OK(load(&a, "habits", X509_CSR_STRICT, &one, &csr, NULL));
    CHECK(csr.must_staple && !csr.ca);
    CHECK_INT(csr.key_usage, X509_KU_DIGITAL_SIGNATURE);
    CHECK_INT(csr.eku, X509_EKU_SERVER_AUTH);
    CHECK_OK(load(&a, "ca", X509_CSR_LENIENT, &two, &csr, NULL));
    CHECK(csr.ca);
    CHECK_OK(load(&a, "cn-people", X509_CSR_LENIENT, &three, &csr, NULL));
    CHECK_STR(csr.common_name, "Ward 3 printer");
    CHECK(!csr.common_name_is_name && csr.n_dns == 1);
}

static const struct str dns[] = {STR("b.example"), STR("*.a.example")};
static const struct addr ips[] = {{4, {10, 0, 0, 1}}};

static void built_and_parsed(void)
{
    static const char *const keys[] = {key_rsa, key_p256, key_p384, key_ed25519};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(keys[i]);
        CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
        CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CSR_MAX);
        struct x509_csr_in in = {.key = k, .dns = dns, .ips = ips, .n_dns = 2, .n_ips = 1};
        struct x509_csr csr;

        CHECK(k != NULL);
        in.must_staple = i == 1;
        if (i == 2)
            in.subject.common_name = STR("b.example");
        CHECK_OK(x509_csr_build(&in, &der, NULL));
        CHECK_OK(x509_csr_parse(&a, buf_str(&der), X509_CSR_STRICT, &csr, NULL));
        CHECK(csr.n_dns == 2 && csr.n_ips == 1 && csr.must_staple == in.must_staple);
        CHECK_STR(csr.dns[0], "*.a.example");
        CHECK(str_eq(csr.spki, crypto_key_spki(k)));
        CHECK_INT(csr.common_name_is_name, i == 2);
    }
}

static void openssl_reads_what_we_wrote(void)
{
    char *const show[] = {"openssl", "req", "-inform", "DER", "-verify", "-noout", "-text", NULL};
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(key_p256);
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CSR_MAX);
    CLEANUP(buf_done) struct buf out = BUF_INIT(TOOL_OUT_MAX);
    struct x509_csr_in in = {.key = k, .dns = dns, .ips = ips, .n_dns = 2, .n_ips = 1};

    CHECK(k != NULL);
    in.subject.organization = STR("Example");
    CHECK_OK(x509_csr_build(&in, &der, NULL));
    CHECK_INT(tool_run(show, buf_str(&der), &out), 0);
    CHECK(strstr(buf_z(&out), "verify OK") != NULL);
    CHECK(strstr(buf_z(&out), "DNS:b.example, DNS:*.a.example, IP Address:10.0.0.1") != NULL);
    CHECK(strstr(buf_z(&out), "Subject: O = Example") != NULL);
    buf_reset(&out);
    buf_reset(&der);
    in = (struct x509_csr_in){.key = k};
    CHECK_OK(x509_csr_build(&in, &der, NULL));
    CHECK_INT(tool_run(show, buf_str(&der), &out), 0);
    CHECK(strstr(buf_z(&out), "verify OK") != NULL);
}

static void impossible_ones_are_not_built(void)
{
    static const struct str upper[] = {STR("B.example")};
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(key_p256), *pub = NULL;
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CSR_MAX);
    struct x509_csr_in in = {.key = k, .dns = upper, .n_dns = 1};

    CHECK(k != NULL);
    CHECK_RC(x509_csr_build(&in, &der, NULL), RC_INVAL);
    in.dns = dns;
    in.n_dns = X509_NAMES_MAX + 1;
    CHECK_RC(x509_csr_build(&in, &der, NULL), RC_TOOBIG);
    in.n_dns = 1;
    in.subject.country = STR("x");
    CHECK_RC(x509_csr_build(&in, &der, NULL), RC_INVAL);
    in.subject.country = STR("");
    CHECK_OK(crypto_key_from_spki(crypto_key_spki(k), &pub, NULL));
    in.key = pub;
    CHECK_RC(x509_csr_build(&in, &der, NULL), RC_INVAL);
    CHECK_INT(buf_str(&der).n, 0);
}

static void size_is_limited(void)
{
    CLEANUP(mem_freep) char *zeros = mem_calloc(1, X509_CSR_MAX + 1);
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct err err = ERR_INIT;
    struct x509_csr csr;

    CHECK(zeros != NULL);
    CHECK_RC(x509_csr_parse(&a, str_bytes(zeros, X509_CSR_MAX + 1), X509_CSR_STRICT, &csr, &err),
             RC_TOOBIG);
    CHECK_STR(str_of(err.type), "badCSR");
}

/* One byte changed anywhere: refused, as the signature covers all of it. */
static void damage_is_noticed(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    CLEANUP(buf_done) struct buf der = {.p = NULL};
    struct x509_csr csr;

    CHECK_OK(load(&a, "habits", X509_CSR_STRICT, &der, &csr, NULL));
    for (size_t i = 0; i < der.n; i++) {
        der.p[i] ^= 0x01;
        CHECK(x509_csr_parse(&a, buf_str(&der), X509_CSR_LENIENT, &csr, NULL) != RC_OK);
        arena_done(&a);
        der.p[i] ^= 0x01;
    }
    for (size_t n = 0; n < der.n; n++) {
        CLEANUP(mem_freep) char *exact = mem_dup(der.p, n);

        CHECK(exact != NULL);
        CHECK_RC(x509_csr_parse(&a, str_bytes(exact, n), X509_CSR_LENIENT, &csr, NULL), RC_PARSE);
    }
}

CHECK_MAIN(CHECK_TEST(corpus_is_judged), CHECK_TEST_ONCE(mail_addresses_and_uris),
           CHECK_TEST(files), CHECK_TEST(names_are_collected),
           CHECK_TEST(names_are_canonical_and_unique), CHECK_TEST(wishes_are_told),
           CHECK_TEST(built_and_parsed), CHECK_TEST_ONCE(openssl_reads_what_we_wrote),
           CHECK_TEST(impossible_ones_are_not_built), CHECK_TEST(size_is_limited),
           CHECK_TEST_ONCE(damage_is_noticed))
