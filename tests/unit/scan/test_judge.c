/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts over certificates of one authority, of another one, and over what is damaged. */
#include "check.h"

#include "keys_odd.h"
#include "scan/judge.h"
#include "unit/prove/certs.h"

enum { CHAIN = 64 * 1024 };
#define WIKI STR("wiki.hospital.example")

struct test {
    struct pki pki;
    struct scan_judge *judge;
    struct scan_found found;
    struct arena arena;
    struct scan_judged judged;
};

static void test_done(struct test *t)
{
    scan_found_done(&t->found);
    scan_judge_free(t->judge);
    arena_done(&t->arena);
    pki_done(&t->pki);
}

static enum rc test_init(struct test *t)
{
    CLEANUP(buf_done) struct buf root = BUF_INIT(CHAIN);
    struct scan_endpoint at = {.name = WIKI};

    scan_found_init(&t->found, &at);
    t->found.state = SCAN_TLS;
    t->found.versions = SCAN_HAS_TLS12 | SCAN_HAS_TLS13;
    arena_init(&t->arena, 1 << 20);
    TRY(crypto_init());
    TRY(pki_init(&t->pki));
    x509_cert_put_pem(t->pki.root.der, &root);
    TRY(buf_rc(&root));
    TRY(scan_judge_new(&t->judge));
    return scan_judge_add(t->judge, buf_str(&root), NULL);
}

static enum rc judge_at(struct test *t, when_t now)
{
    return scan_judge_found(t->judge, &t->arena, &t->found, now, &t->judged);
}

static enum rc judge(struct test *t)
{
    return judge_at(t, PKI_FROM + WHEN_DAY);
}

static void ours_and_good(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t));
    CHECK_OK(make_chain(&t.pki, t.pki.leaf_key, 1, &t.found.chain));
    for (int i = 0; i < 2; i++) { /* the second time by what was remembered */
        CHECK_OK(judge(&t));
        CHECK_INT(t.judged.verdicts, SCAN_OURS);
        CHECK_STR(str_of(t.judged.weak), "");
        CHECK(t.judged.readable && t.judged.shown);
    }
}

static void in_time(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t));
    CHECK_OK(make_chain(&t.pki, t.pki.leaf_key, 1, &t.found.chain));
    CHECK_OK(judge_at(&t, PKI_FROM - 1));
    CHECK_INT(t.judged.verdicts, SCAN_OURS | SCAN_EARLY);
    CHECK_OK(judge_at(&t, PKI_LEAF_TO - WHEN_SECOND));
    CHECK_INT(t.judged.verdicts, SCAN_OURS);
    CHECK_OK(judge_at(&t, PKI_LEAF_TO));
    CHECK_INT(t.judged.verdicts, SCAN_OURS | SCAN_EXPIRED);
}

/* The other authority has the same names and other keys: names alone are not believed. */
static void foreign(void)
{
    CLEANUP(test_done) struct test t = {};
    struct x509_tbs_in in;
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL;

    CHECK_OK(test_init(&t));
    CHECK_OK(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &key));
    in = pki_leaf_in(&t.pki);
    in.sig_alg = crypto_sig_default(key);
    CHECK_OK(pki_issue(&in, key, &der));
    x509_cert_put_pem(buf_str(&der), &t.found.chain);
    x509_cert_put_pem(t.pki.issuer.der, &t.found.chain); /* shown, and not its issuer */
    CHECK_OK(buf_rc(&t.found.chain));
    CHECK_OK(judge(&t));
    CHECK_INT(t.judged.verdicts, SCAN_FOREIGN);
}

static void without_its_issuer(void)
{
    CLEANUP(test_done) struct test t = {};
    struct x509_tbs_in in;
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);
    CLEANUP(buf_done) struct buf pem = BUF_INIT(CHAIN);

    CHECK_OK(test_init(&t));
    in = pki_leaf_in(&t.pki);
    CHECK_OK(pki_issue(&in, t.pki.issuer_key, &der));
    x509_cert_put_pem(buf_str(&der), &t.found.chain);
    CHECK_OK(judge(&t));
    CHECK_INT(t.judged.verdicts, SCAN_FOREIGN); /* nobody can tell */
    x509_cert_put_pem(t.pki.issuer.der, &pem);
    CHECK_OK(scan_judge_add(t.judge, buf_str(&pem), NULL));
    CHECK_OK(judge(&t));
    CHECK_INT(t.judged.verdicts, SCAN_OURS);
}

static void nobody_says_what_is_ours(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t));
    scan_judge_free(MOVE(t.judge));
    CHECK_OK(scan_judge_new(&t.judge));
    CHECK_OK(make_chain(&t.pki, t.pki.leaf_key, 1, &t.found.chain));
    CHECK_OK(judge(&t));
    CHECK_INT(t.judged.verdicts, 0);
}

static void for_which_name(void)
{
    static const struct {
        const char *name;
        unsigned verdicts;
    } names[] = {{"wiki.hospital.example", 0},
                 {"a.apps.hospital.example", 0},
                 {"a.b.apps.hospital.example", SCAN_MISMATCHED},
                 {"apps.hospital.example", SCAN_MISMATCHED},
                 {"wiki.hospital.example.net", SCAN_MISMATCHED},
                 {"", 0}};
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t));
    CHECK_OK(make_chain(&t.pki, t.pki.leaf_key, 1, &t.found.chain));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        t.found.at.name = str_of(names[i].name);
        CHECK_OK(judge(&t));
        CHECK_INT(t.judged.verdicts, SCAN_OURS | names[i].verdicts);
    }
}

static void old_versions(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t));
    CHECK_OK(make_chain(&t.pki, t.pki.leaf_key, 1, &t.found.chain));
    t.found.versions |= SCAN_HAS_TLS10 | SCAN_HAS_TLS11;
    CHECK_OK(judge(&t));
    CHECK_INT(t.judged.verdicts, SCAN_OURS | SCAN_WEAK);
    CHECK_STR(str_of(t.judged.weak), "version: TLSv1; version: TLSv1.1");
}

/* sha256WithRSAEncryption becomes sha1WithRSAEncryption in both places. */
static void say_sha1(struct buf *der)
{
    static const unsigned char oid[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b};

    for (size_t i = 0; i + sizeof(oid) <= der->n; i++)
        if (memcmp(der->p + i, oid, sizeof(oid)) == 0)
            der->p[i + sizeof(oid) - 1] = 0x05;
}

static void weak_signature(void)
{
    CLEANUP(test_done) struct test t = {};
    struct x509_tbs_in in;
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);

    CHECK_OK(test_init(&t));
    in = pki_leaf_in(&t.pki);
    CHECK_OK(pki_issue(&in, t.pki.issuer_key, &der));
    say_sha1(&der);
    x509_cert_put_pem(buf_str(&der), &t.found.chain);
    x509_cert_put_pem(t.pki.issuer.der, &t.found.chain);
    CHECK_OK(buf_rc(&t.found.chain));
    CHECK_OK(judge(&t));
    CHECK_INT(t.judged.verdicts, SCAN_FOREIGN | SCAN_WEAK);
    CHECK_STR(str_of(t.judged.weak), "signature: RSA with SHA-1");
}

static void check_key(struct test *t, const char *hex, unsigned verdicts)
{
    CLEANUP(buf_done) struct buf spki = BUF_INIT(CRYPTO_SPKI_MAX);
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CERT_MAX);
    struct x509_tbs_in in = pki_leaf_in(&t->pki);

    CHECK_OK(text_unhex(str_of(hex), &spki));
    in.spki = buf_str(&spki);
    buf_reset(&t->found.chain);
    CHECK_OK(pki_issue(&in, t->pki.issuer_key, &der));
    x509_cert_put_pem(buf_str(&der), &t->found.chain);
    x509_cert_put_pem(t->pki.issuer.der, &t->found.chain);
    CHECK_OK(buf_rc(&t->found.chain));
    CHECK_OK(judge(t));
    CHECK_INT(t->judged.verdicts, SCAN_OURS | verdicts);
    CHECK(str_starts(str_of(t->judged.weak), verdicts ? STR("key: ") : STR("")));
}

static void weak_keys(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t));
    check_key(&t, spki_rsa1024, SCAN_WEAK);
    check_key(&t, spki_roca, SCAN_WEAK);
    check_key(&t, spki_close, SCAN_WEAK);
    check_key(&t, spki_small, SCAN_WEAK);
    check_key(&t, spki_p521, 0); /* not used here, and not weak */
    check_key(&t, spki_p256, 0);
}

static void what_cannot_be_read(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t));
    buf_putz(&t.found.chain, "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n");
    CHECK_OK(buf_rc(&t.found.chain));
    CHECK_OK(judge(&t));
    CHECK_INT(t.judged.verdicts, SCAN_FOREIGN | SCAN_UNREADABLE);
    CHECK(t.judged.shown && !t.judged.readable);
}

static void no_certificate_at_all(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(test_init(&t));
    t.found.versions = SCAN_HAS_TLS10;
    CHECK_OK(judge(&t));
    CHECK_INT(t.judged.verdicts, SCAN_WEAK);
    CHECK(!t.judged.shown);
}

CHECK_MAIN(CHECK_TEST(ours_and_good), CHECK_TEST(in_time), CHECK_TEST(foreign),
           CHECK_TEST(without_its_issuer), CHECK_TEST(nobody_says_what_is_ours),
           CHECK_TEST(for_which_name), CHECK_TEST(old_versions), CHECK_TEST(weak_signature),
           CHECK_TEST(weak_keys), CHECK_TEST(what_cannot_be_read),
           CHECK_TEST(no_certificate_at_all))
