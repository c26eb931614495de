/* SPDX-License-Identifier: Apache-2.0 */
/* What a profile makes of a description: signed by the real signer, read back. */
#include "world.h"

#include <stdio.h>

#include "crypto/key.h"
#include "x509/cert.h"
#include "x509/oid.h"

static const char config[] =
    "organization: Example Hospital\n"
    "country: DE\n"
    "domain: hospital.example\n"
    "urls: {api: \"https://ca.hospital.example\", plain: \"http://ca.hospital.example\"}\n"
    "profiles:\n"
    "  full: {locality: Bremen, unit: Wards, must_staple: true, policies: [1.3.6.1.4.1.32473.1,"
    " 1.2.3], lifetime: 30d, backdate: 1h}\n"
    "  bare: {revocation: none, common_name: none}\n"
    "  listed: {revocation: crl}\n"
    "  asked: {revocation: ocsp}\n"
    "  narrow: {key_algorithms: [rsa, ecdsa, mldsa], rsa_bits: 3072, curves: [p384], mldsa: [87]}\n"
    "  signs: {key_algorithms: [rsa], key_usage: [digitalSignature, nonRepudiation]}\n";

static const struct str dns[] = {{"a.hospital.example", 18}, {"b.hospital.example", 18}};
static const struct str emails[] = {{"alice@hospital.example", 22}};
static const struct str uris[] = {{"spiffe://hospital.example/web", 29}};
static const struct addr ips[] = {{4, {10, 0, 0, 5}}};

/* One certificate, of one profile. */
struct leaf {
    struct arena arena;
    struct buf der;
    struct crypto_key *key;
    struct ca_sign_ask ask;
    struct x509_cert cert;
    struct err err;
};

static void leaf_done(struct leaf *l)
{
    crypto_key_unref(l->key);
    buf_done(&l->der);
    arena_done(&l->arena);
}

static bool leaf_start(struct leaf *l, const char *profile, enum crypto_key_type type)
{
    struct crypto_key_spec spec = {type, type == CRYPTO_KEY_RSA ? 2048 : 0};

    *l = (struct leaf){.err = ERR_INIT};
    arena_init(&l->arena, 1 << 20);
    buf_init(&l->der, X509_CERT_MAX);
    if (crypto_key_generate(spec, &l->key) != RC_OK)
        return false;
    l->ask = (struct ca_sign_ask){
        .issuer = STR("ecdsa-1"),
        .leaf = {.profile = str_of(profile),
                 .spki = crypto_key_spki(l->key),
                 .dns = dns,
                 .n_dns = 2,
                 .not_before = WORLD_NOW,
                 .not_after = WORLD_NOW + WHEN_DAY},
        .now = WORLD_NOW,
    };
    return x509_serial_random(&l->ask.leaf.serial) == RC_OK;
}

/* The code of the refusal, "" for none; then `cert` is what was signed. */
static const char *sign(struct world *w, struct leaf *l)
{
    enum rc rc;

    buf_reset(&l->der);
    l->err = ERR_INIT;
    rc = ca_signer_sign(w->signer, &l->ask, &l->arena, &l->der, &l->err);
    if (rc != RC_OK)
        return l->err.msg ? l->err.msg->code : rc_text(rc);
    return x509_cert_parse(&l->arena, buf_str(&l->der), &l->cert, NULL) == RC_OK ? "" : "broken";
}

#define SIGNED(w, l) CHECK_STR(str_of(sign((w), (l))), "")
#define REFUSED(w, l, code) CHECK_STR(str_of(sign((w), (l))), (code))

static bool world_here(struct world *w)
{
    world_config = config;
    return world_start(w, NULL);
}

static void check_subject(const struct x509_cert *c, const char *text)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(1000);

    x509_name_text(c->subject, &b);
    CHECK_OK(buf_rc(&b));
    CHECK_STR(buf_str(&b), text);
}

static void all_that_a_profile_can_say(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(leaf_done) struct leaf l = {.key = NULL};
    char url[200], oid[X509_OID_TEXT];

    CHECK(world_here(&w));
    CHECK(leaf_start(&l, "full", CRYPTO_KEY_P256));
    SIGNED(&w, &l);
    check_subject(&l.cert, "C = DE, L = Bremen, O = Example Hospital, OU = Wards, "
                           "CN = a.hospital.example");
    CHECK(l.cert.must_staple && l.cert.basic == X509_BASIC_ABSENT);
    CHECK_INT(l.cert.n_policies, 2);
    CHECK_STR(str_of(x509_oid_text(l.cert.policies[0], oid)), "1.3.6.1.4.1.32473.1");
    CHECK_STR(str_of(x509_oid_text(l.cert.policies[1], oid)), "1.2.3");
    CHECK_INT(l.cert.key_usage, X509_KU_DIGITAL_SIGNATURE);
    CHECK_INT(l.cert.eku, X509_EKU_SERVER_AUTH | X509_EKU_CLIENT_AUTH);
    CHECK_INT(l.cert.n_issuer_urls, 1);
    CHECK_STR(l.cert.issuer_urls[0], "http://ca.hospital.example/issuer/ecdsa-1.cer");
    CHECK_INT(l.cert.n_ocsp_urls, 1);
    CHECK_STR(l.cert.ocsp_urls[0], "http://ca.hospital.example/ocsp/ecdsa-1");
    CHECK_INT(l.cert.n_crl_urls, 1);
    snprintf(url, sizeof(url), "http://ca.hospital.example/crl/ecdsa-1/%u.crl",
             x509_serial_shard(&l.cert.serial, CA_CRL_SHARDS));
    CHECK_STR(l.cert.crl_urls[0], url);
}

static void revocation_as_the_profile_has_it(void)
{
    static const struct {
        const char *profile;
        size_t crl, ocsp;
    } cases[] = {
        {"default", 1, 1}, {"short", 0, 0}, {"bare", 0, 0}, {"listed", 1, 0}, {"asked", 0, 1}};
    CLEANUP(world_done) struct world w = {.dir.fd = -1};

    CHECK(world_here(&w));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(leaf_done) struct leaf l = {.key = NULL};

        CHECK(leaf_start(&l, cases[i].profile, CRYPTO_KEY_P256));
        SIGNED(&w, &l);
        CHECK_INT(l.cert.n_crl_urls, cases[i].crl);
        CHECK_INT(l.cert.n_ocsp_urls, cases[i].ocsp);
        CHECK_INT(l.cert.n_issuer_urls, 1);
        CHECK(l.cert.no_rev_avail == (cases[i].crl + cases[i].ocsp == 0));
    }
}

static void keys(void)
{
    static const struct {
        const char *profile;
        enum crypto_key_type type;
        const char *code;
    } cases[] = {
        {"default", CRYPTO_KEY_RSA, ""},
        {"default", CRYPTO_KEY_ED25519, ""},
        {"default", CRYPTO_KEY_SM2, ""},
        {"default", CRYPTO_KEY_MLDSA44, ""},
        {"narrow", CRYPTO_KEY_RSA, "ca.profile-rsa-bits"},
        {"narrow", CRYPTO_KEY_P256, "ca.profile-key-size"},
        {"narrow", CRYPTO_KEY_P384, ""},
        {"narrow", CRYPTO_KEY_ED25519, "ca.profile-algorithm"},
        {"narrow", CRYPTO_KEY_MLDSA65, "ca.profile-key-size"},
        {"narrow", CRYPTO_KEY_MLDSA87, ""},
        {"tlcp-sign", CRYPTO_KEY_P256, "ca.profile-algorithm"},
        {"tlcp-enc", CRYPTO_KEY_RSA, "ca.profile-algorithm"},
    };
    CLEANUP(world_done) struct world w = {.dir.fd = -1};

    CHECK(world_here(&w));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(leaf_done) struct leaf l = {.key = NULL};

        CHECK(leaf_start(&l, cases[i].profile, cases[i].type));
        if (strcmp(sign(&w, &l), cases[i].code) != 0)
            fail_msg("%s, %s: %s", cases[i].profile, crypto_key_type_text(cases[i].type),
                     l.err.msg ? l.err.msg->code : "signed");
    }
}

/* GB/T 20518: one signs, the other is encrypted to; both without basicConstraints. */
static void tlcp_pair(void)
{
    static const struct {
        const char *profile;
        uint16_t usage;
    } cases[] = {
        {"tlcp-sign", X509_KU_DIGITAL_SIGNATURE | X509_KU_NON_REPUDIATION},
        {"tlcp-enc", X509_KU_KEY_ENCIPHERMENT | X509_KU_DATA_ENCIPHERMENT | X509_KU_KEY_AGREEMENT},
    };
    CLEANUP(world_done) struct world w = {.dir.fd = -1};

    CHECK(world_here(&w));
    for (size_t i = 0; i < 2; i++) {
        CLEANUP(leaf_done) struct leaf l = {.key = NULL};

        CHECK(leaf_start(&l, cases[i].profile, CRYPTO_KEY_SM2));
        SIGNED(&w, &l);
        CHECK_INT(l.cert.key_usage, cases[i].usage);
        CHECK(l.cert.key_usage_critical && l.cert.basic == X509_BASIC_ABSENT);
    }
}

static void usages(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(leaf_done) struct leaf l = {.key = NULL}, client = {.key = NULL}, rsa = {.key = NULL};

    CHECK(world_here(&w));
    CHECK(leaf_start(&l, "signs", CRYPTO_KEY_RSA));
    SIGNED(&w, &l);
    CHECK_INT(l.cert.key_usage, X509_KU_DIGITAL_SIGNATURE | X509_KU_NON_REPUDIATION);
    CHECK(leaf_start(&rsa, "default", CRYPTO_KEY_RSA));
    SIGNED(&w, &rsa);
    CHECK_INT(rsa.cert.key_usage, X509_KU_DIGITAL_SIGNATURE | X509_KU_KEY_ENCIPHERMENT);
    CHECK(leaf_start(&client, "client", CRYPTO_KEY_P256));
    SIGNED(&w, &client);
    CHECK_INT(client.cert.eku, X509_EKU_CLIENT_AUTH);
}

static void kinds_of_names(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(leaf_done) struct leaf l = {.key = NULL};
    struct str elsewhere = STR("mallory@example.com"), far = STR("https://example.com/");

    CHECK(world_here(&w));
    CHECK(leaf_start(&l, "client", CRYPTO_KEY_P256));
    l.ask.leaf.ips = ips;
    l.ask.leaf.emails = emails;
    l.ask.leaf.uris = uris;
    l.ask.leaf.n_ips = l.ask.leaf.n_emails = l.ask.leaf.n_uris = 1;
    SIGNED(&w, &l);
    CHECK_INT(l.cert.n_dns, 2);
    CHECK_INT(l.cert.n_ips, 1);
    CHECK_INT(l.cert.n_emails, 1);
    CHECK_STR(l.cert.emails[0], "alice@hospital.example");
    CHECK_INT(l.cert.n_uris, 1);
    CHECK_STR(l.cert.uris[0], "spiffe://hospital.example/web");
    l.ask.leaf.profile = STR("default");
    REFUSED(&w, &l, "ca.profile-names");
    l.ask.leaf.n_emails = 0;
    REFUSED(&w, &l, "ca.profile-names");
    l.ask.leaf.n_uris = 0;
    SIGNED(&w, &l);
    l.ask.leaf.profile = STR("client");
    l.ask.leaf.emails = &elsewhere;
    l.ask.leaf.n_emails = 1;
    REFUSED(&w, &l, "ca.rules-name");
    l.ask.leaf.n_emails = 0;
    l.ask.leaf.uris = &far;
    l.ask.leaf.n_uris = 1;
    REFUSED(&w, &l, "ca.rules-name");
}

static void common_names(void)
{
    static const struct {
        const char *profile, *asked, *code, *got;
    } cases[] = {
        {"default", "", "", "a.hospital.example"},
        {"default", "b.hospital.example", "", "b.hospital.example"},
        {"default", "alice@hospital.example", "ca.profile-names", ""},
        {"default", "c.hospital.example", "ca.profile-common-name", ""},
        {"default", "Wiki", "ca.profile-common-name", ""},
        {"bare", "", "", ""},
        {"bare", "a.hospital.example", "ca.profile-no-common-name", ""},
        {"client", "", "", "a.hospital.example"},
        {"client", "Alice Example", "", "Alice Example"},
        {"client", "printer7", "", "printer7"},
        {"client", "b.hospital.example", "", "b.hospital.example"},
        {"client", "alice@hospital.example", "", "alice@hospital.example"},
        {"client", "bob@hospital.example", "ca.common-name-is-name", ""},
        {"client", "www.bank.example", "ca.common-name-is-name", ""},
        {"client", "*.bank.example", "ca.common-name-is-name", ""},
        {"client", "192.0.2.1", "ca.common-name-is-name", ""},
        {"client", "my_host.bank.example", "ca.common-name-is-name", ""},
        {"client", "printer-1.2", "ca.common-name-is-name", ""},
        {"client", "12345678901234567890123456789012345678901234567890123456789012345",
         "x509.tbs-subject", ""},
    };
    CLEANUP(world_done) struct world w = {.dir.fd = -1};

    CHECK(world_here(&w));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(leaf_done) struct leaf l = {.key = NULL};
        bool mail = strchr(cases[i].asked, '@') || strcmp(cases[i].profile, "client") == 0;

        CHECK(leaf_start(&l, cases[i].profile, CRYPTO_KEY_P256));
        l.ask.leaf.common_name = str_of(cases[i].asked);
        l.ask.leaf.emails = emails;
        l.ask.leaf.n_emails = mail;
        if (strcmp(sign(&w, &l), cases[i].code) != 0)
            fail_msg("%s, \"%s\": %s", cases[i].profile, cases[i].asked,
                     l.err.msg ? l.err.msg->code : "signed");
        if (!cases[i].code[0])
            CHECK_STR(l.cert.common_name, cases[i].got);
    }
}

static void times_are_the_profiles(void)
{
    CLEANUP(world_done) struct world w = {.dir.fd = -1};
    CLEANUP(leaf_done) struct leaf l = {.key = NULL};
    when_t now = WORLD_NOW + WHEN_DAY; /* the issuers are not older than WORLD_NOW */

    CHECK(world_here(&w));
    CHECK(leaf_start(&l, "short", CRYPTO_KEY_P256));
    l.ask.now = now;
    l.ask.leaf.not_before = now;
    l.ask.leaf.not_after = now + 6 * WHEN_DAY - WHEN_SECOND;
    SIGNED(&w, &l);
    l.ask.leaf.not_after += WHEN_SECOND;
    REFUSED(&w, &l, "ca.profile-lifetime");
    l.ask.leaf.not_after = now + WHEN_DAY;
    l.ask.leaf.not_before = now - 5 * WHEN_MINUTE - CA_RESERVED_MAX;
    SIGNED(&w, &l);
    l.ask.leaf.not_before -= WHEN_SECOND;
    REFUSED(&w, &l, "ca.signer-clock");
    l.ask.leaf.profile = STR("full"); /* which lies back an hour */
    SIGNED(&w, &l);
}

CHECK_MAIN(CHECK_TEST_ONCE(all_that_a_profile_can_say),
           CHECK_TEST_ONCE(revocation_as_the_profile_has_it), CHECK_TEST_ONCE(keys),
           CHECK_TEST_ONCE(tlcp_pair), CHECK_TEST_ONCE(usages), CHECK_TEST_ONCE(kinds_of_names),
           CHECK_TEST_ONCE(common_names), CHECK_TEST_ONCE(times_are_the_profiles))
