/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/buf.h"
#include "x509/der.h"
#include "x509/oid.h"

static void known_ones_are_found(void)
{
    CHECK_STR(x509_oid_der(X509_OID_CN), "\x55\x04\x03");
    for (enum x509_oid o = X509_OID_NONE + 1; o < X509_OID_COUNT; o++) {
        CHECK(x509_oid_der(o).n >= 3);
        CHECK_INT(x509_oid_find(x509_oid_der(o)), o); /* so no two are the same */
    }
    CHECK_INT(x509_oid_find(STR("\x55\x04\x7f")), X509_OID_NONE);
    CHECK_INT(x509_oid_find(STR("")), X509_OID_NONE);
}

static void text_and_back(void)
{
    static const struct {
        enum x509_oid oid;
        const char *text;
    } known[] = {
        {X509_OID_CN, "2.5.4.3"},
        {X509_OID_EMAIL, "1.2.840.113549.1.9.1"},
        {X509_OID_DC, "0.9.2342.19200300.100.1.25"},
        {X509_OID_SAN, "2.5.29.17"},
        {X509_OID_AIA, "1.3.6.1.5.5.7.1.1"},
        {X509_OID_TLS_FEATURE, "1.3.6.1.5.5.7.1.24"},
        {X509_OID_ACME_IDENTIFIER, "1.3.6.1.5.5.7.1.31"},
        {X509_OID_OCSP_NOCHECK, "1.3.6.1.5.5.7.48.1.5"},
        {X509_OID_AD_CA_ISSUERS, "1.3.6.1.5.5.7.48.2"},
        {X509_OID_SERVER_AUTH, "1.3.6.1.5.5.7.3.1"},
        {X509_OID_OCSP_SIGNING, "1.3.6.1.5.5.7.3.9"},
        {X509_OID_ANY_EKU, "2.5.29.37.0"},
        {X509_OID_EXTENSION_REQUEST, "1.2.840.113549.1.9.14"},
        {X509_OID_RSA_SHA512, "1.2.840.113549.1.1.13"},
        {X509_OID_ECDSA_SHA384, "1.2.840.10045.4.3.3"},
        {X509_OID_ED25519, "1.3.101.112"},
    };
    CLEANUP(buf_done) struct buf b = BUF_INIT(100);
    char text[X509_OID_TEXT];

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        CHECK_STR(str_of(x509_oid_text(x509_oid_der(known[i].oid), text)), known[i].text);
        buf_reset(&b);
        CHECK_OK(x509_oid_from_text(str_of(known[i].text), &b));
        CHECK_INT(x509_oid_find(buf_str(&b)), known[i].oid);
    }
    buf_reset(&b);
    CHECK_OK(x509_oid_from_text(STR("2.999.4294967295"), &b));
    CHECK_STR(str_of(x509_oid_text(buf_str(&b), text)), "2.999.4294967295");
}

static void bad_text_is_refused(void)
{
    static const char *const bad[] = {"",     "1",    "1.",   ".1",    "3.1",  "1.40",   "0.40",
                                      "1..2", "1.2.", "1.02", "1.2.x", "1.-2", "1.2 .3", "1.2.+3"};
    CLEANUP(buf_done) struct buf b = BUF_INIT(1000);
    CLEANUP(buf_done) struct buf text = BUF_INIT(1000);

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_RC(x509_oid_from_text(str_of(bad[i]), &b), RC_PARSE);
    CHECK_RC(x509_oid_from_text(STR("1.2.4294967296"), &b), RC_TOOBIG);
    buf_putz(&text, "1.2");
    for (int i = 0; i < X509_OID_MAX; i++)
        buf_putz(&text, ".3");
    CHECK_OK(buf_rc(&text));
    CHECK_RC(x509_oid_from_text(buf_str(&text), &b), RC_TOOBIG);
    CHECK_INT(buf_str(&b).n, 0);
}

static void bad_der_is_a_question_mark(void)
{
    static const struct str bad[] = {STR(""), STR("\x80\x01"), STR("\x2a\x80\x01"), STR("\x2a\x86"),
                                     STR("\x2a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f")};
    char text[X509_OID_TEXT], many[200];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_STR(str_of(x509_oid_text(bad[i], text)), "?");
    memset(many, 0x2a, sizeof(many));
    CHECK_STR(str_of(x509_oid_text(str_bytes(many, sizeof(many)), text)), "?");
}

/* Written, read, and read otherwise. */
static void signature_algorithms(void)
{
    for (enum crypto_sig_alg a = CRYPTO_SIG_RSA_SHA256; a < CRYPTO_SIG_COUNT; a++) {
        CLEANUP(buf_done) struct buf b = BUF_INIT(100);
        struct x509_der w = x509_der_of(&b);
        struct rd r;

        x509_sigalg_put(&w, a);
        if (a == CRYPTO_SIG_PSS_SHA256 || a >= CRYPTO_SIG_PSS_SHA384) {
            CHECK_RC(x509_der_end(&w), RC_UNSUPPORTED);
            continue;
        }
        CHECK_OK(x509_der_end(&w));
        r = rd_of(buf_str(&b));
        CHECK_INT(x509_sigalg_get(&r), a);
        CHECK_OK(rd_done(&r));
    }
}

static void sm2_may_have_null(void)
{
    static const struct str with = STR("\x30\x0c\x06\x08\x2a\x81\x1c\xcf\x55\x01\x83\x75\x05\x00");
    struct rd r = rd_of(with);

    CHECK_INT(x509_sigalg_get(&r), CRYPTO_SIG_SM2_SM3);
}

static void other_signature_algorithms(void)
{
    static const struct str others[] = {
        STR("\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"),         /* RSA without NULL */
        STR("\x30\x0c\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02\x05\x00"),     /* ECDSA with NULL */
        STR("\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x03\x11\x05\x00"), /* ML-DSA with NULL */
        STR("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05\x05\x00"), /* SHA-1 */
        STR("\x30\x0b\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"),         /* PSS */
        STR("\x30\x05\x06\x03\x55\x1d\x11"), /* no algorithm at all */
        STR("\x30\x0a\x06\x03\x2b\x65\x70\x04\x03xyz"),
    };

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct rd r = rd_of(others[i]);

        CHECK_INT(x509_sigalg_get(&r), 0);
        CHECK(!r.failed && r.left == 0);
    }
}

CHECK_MAIN(CHECK_TEST(known_ones_are_found), CHECK_TEST(text_and_back),
           CHECK_TEST(bad_text_is_refused), CHECK_TEST(bad_der_is_a_question_mark),
           CHECK_TEST(signature_algorithms), CHECK_TEST(sm2_may_have_null),
           CHECK_TEST(other_signature_algorithms))
