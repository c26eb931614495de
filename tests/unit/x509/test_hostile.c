/* SPDX-License-Identifier: Apache-2.0 */
/* Requests, certificates and key files that somebody broke, made here from good ones: cut, with
 * bits and lengths changed, with too much of everything. Each is refused with an error that says
 * what was wrong; what still reads as a certificate does not verify. */
#include "check.h"

#include <stdio.h>

#include "base/text.h"
#include "pki.h"
#include "x509/csr.h"
#include "x509/oid.h"

enum { NAMES_BYTES = 512 * 1024, DEPTH = 2000 };

/* Where each of the bytes that lengths are made of has been put. */
static const unsigned char lengths[] = {0x00, 0x01, 0x7f, 0x80, 0x81, 0x82, 0x84, 0x88, 0xff};

/* ---- one change at a time, to an exact copy, so that a read behind its end is seen ---- */

typedef bool judge_fn(struct str broken, void *arg);

static bool judge_copy(struct str s, judge_fn *refused, void *arg)
{
    CLEANUP(mem_freep) char *exact = mem_dup(s.p, s.n);

    return exact && refused(str_bytes(exact, s.n), arg);
}

/* Says where it went wrong, -1 nowhere. */
static long break_all(struct str good, judge_fn *refused, void *arg)
{
    CLEANUP(mem_freep) char *p = mem_dup(good.p, good.n);

    if (!p)
        return 0;
    for (size_t n = 0; n < good.n; n++)
        if (!judge_copy(str_head(good, n), refused, arg))
            return (long)n;
    for (size_t i = 0; i < good.n; i++) {
        for (int bit = 0; bit < 8; bit++) {
            p[i] = (char)(good.p[i] ^ 1 << bit);
            if (!refused(str_bytes(p, good.n), arg))
                return (long)i;
        }
        for (size_t l = 0; l < sizeof(lengths); l++) {
            p[i] = (char)lengths[l];
            if (p[i] != good.p[i] && !refused(str_bytes(p, good.n), arg))
                return (long)i;
        }
        p[i] = good.p[i];
    }
    return -1;
}

/* ---- requests ---- */

static bool csr_refused(struct str der, void *)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct err err = ERR_INIT;
    struct x509_csr csr;
    enum rc rc = x509_csr_parse(&a, der, X509_CSR_LENIENT, &csr, &err);

    return rc != RC_OK && rc != RC_NOMEM && rc != RC_CRYPTO && err.msg && err.type &&
           str_starts(str_of(err.type), STR("bad"));
}

static void broken_requests(void)
{
    static const struct str dns[] = {STR("wiki.hospital.example"), STR("*.a.example")};
    static const struct addr ips[] = {{4, {10, 0, 0, 1}}};
    static const char *const keys[] = {key_p256, key_ed25519, key_sm2};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(keys[i]);
        CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CSR_MAX);
        struct x509_csr_in in = {.key = k, .dns = dns, .n_dns = 2, .ips = ips, .n_ips = 1};

        CHECK(k != NULL);
        in.subject.common_name = dns[0];
        CHECK_OK(x509_csr_build(&in, &der, NULL));
        CHECK(!csr_refused(buf_str(&der), NULL));
        CHECK_INT(break_all(buf_str(&der), csr_refused, NULL), -1);
        buf_u8(&der, 0);
        CHECK(csr_refused(buf_str(&der), NULL));
    }
}

/* A request of `spki`, with `names` of one form and a signature of nothing. */
static void put_request(struct buf *out, struct str spki, struct str cn, struct str name, size_t n)
{
    struct x509_der w = x509_der_of(out);

    x509_der_open(&w, X509_DER_SEQUENCE);
    x509_der_open(&w, X509_DER_SEQUENCE);
    x509_der_u64(&w, 0);
    x509_der_open(&w, X509_DER_SEQUENCE);
    if (cn.n) {
        x509_der_open(&w, X509_DER_SET);
        x509_der_open(&w, X509_DER_SEQUENCE);
        x509_oid_put(&w, X509_OID_CN);
        x509_der_put(&w, X509_DER_UTF8, cn);
        x509_der_close(&w);
        x509_der_close(&w);
    }
    x509_der_close(&w);
    x509_der_raw(&w, spki);
    x509_der_open(&w, X509_DER_CONTEXT_IN(0));
    x509_der_open(&w, X509_DER_SEQUENCE);
    x509_oid_put(&w, X509_OID_EXTENSION_REQUEST);
    x509_der_open(&w, X509_DER_SET);
    x509_der_open(&w, X509_DER_SEQUENCE);
    x509_der_open(&w, X509_DER_SEQUENCE);
    x509_oid_put(&w, X509_OID_SAN);
    x509_der_open(&w, X509_DER_OCTET_STRING);
    x509_der_open(&w, X509_DER_SEQUENCE);
    for (size_t i = 0; i < n; i++)
        x509_der_put(&w, X509_DER_CONTEXT(2), name);
    for (int i = 0; i < 8; i++)
        x509_der_close(&w);
    x509_sigalg_put(&w, CRYPTO_SIG_ECDSA_SHA256);
    x509_der_open_bits(&w);
    x509_der_raw(&w, STR("\x30\x06\x02\x01\x01\x02\x01\x01"));
    x509_der_close(&w);
    x509_der_close(&w);
}

static void requests_of_too_much_or_nonsense(void)
{
    static char zeros[40 * 1024];
    static const struct str name = STR("a.example"), none = {"", 0};
    const struct {
        struct str cn, name;
        size_t n;
        bool off_curve;
        const char *code, *type;
    } cases[] = {
        {none, name, 1, false, "x509.csr-signature", "badCSR"},   /* nothing else is wrong */
        {none, name, 101, false, "x509.csr-signature", "badCSR"}, /* the same name, once */
        {none, name, 1001, false, "x509.csr-names", "badCSR"},
        {none, name, 10'000, false, "x509.csr-size", "badCSR"},
        {none, STR("a\0b.example"), 1, false, "x509.csr", "badCSR"},
        {none, STR(""), 1, false, "x509.csr", "badCSR"},
        {none, STR("caf\xc3\xa9.example"), 1, false, "x509.csr", "badCSR"},
        {none, STR("a..example"), 1, false, "x509.csr-dns", "badCSR"},
        {none, {zeros, 30 * 1024}, 1, false, "x509.csr", "badCSR"},
        {none, {zeros, 40 * 1024}, 1, false, "x509.csr-size", "badCSR"},
        {STR("a\0b"), name, 1, false, "x509.csr", "badCSR"},
        {none, name, 1, true, "crypto.ec-point", "badPublicKey"},
    };
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(key_p256);

    CHECK(k != NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(buf_done) struct buf der = BUF_INIT(NAMES_BYTES);
        CLEANUP(buf_done) struct buf spki = BUF_INIT(CRYPTO_SPKI_MAX);
        CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
        struct err err = ERR_INIT;
        struct x509_csr csr;

        buf_puts(&spki, crypto_key_spki(k));
        CHECK_OK(buf_rc(&spki));
        spki.p[spki.n - 1] ^= cases[i].off_curve;
        put_request(&der, buf_str(&spki), cases[i].cn, cases[i].name, cases[i].n);
        CHECK_OK(buf_rc(&der));
        CHECK(x509_csr_parse(&a, buf_str(&der), X509_CSR_LENIENT, &csr, &err) != RC_OK);
        CHECK(err.msg != NULL);
        if (strcmp(err.msg->code, cases[i].code) != 0)
            fail_msg("case %zu: %s", i, err.msg->code);
        CHECK_STR(str_of(err.type), cases[i].type);
    }
}

/* SEQUENCE in SEQUENCE in SEQUENCE ... with room for the lengths, and none at the end. */
static void nesting_has_an_end(void)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_CSR_MAX);
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct err err = ERR_INIT;
    struct x509_cert c;

    CHECK_OK(crypto_init());
    for (size_t left = 4 * DEPTH; left >= 4; left -= 4) {
        buf_u8(&der, X509_DER_SEQUENCE);
        buf_u8(&der, 0x82);
        buf_u16(&der, (uint16_t)(left - 4));
    }
    CHECK_OK(buf_rc(&der));
    CHECK(csr_refused(buf_str(&der), NULL));
    CHECK(x509_cert_parse(&a, buf_str(&der), &c, &err) == RC_PARSE && err.msg);
    CHECK(x509_der_check(buf_str(&der)) != RC_OK);
}

/* ---- certificates ---- */

/* `arg` is the issuer's key. */
static bool cert_refused(struct str der, void *arg)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct err err = ERR_INIT;
    struct x509_cert c;
    enum rc rc = x509_cert_parse(&a, der, &c, &err);

    if (rc == RC_OK)
        rc = x509_cert_check_signature(&c, arg, &err);
    return rc != RC_OK && rc != RC_NOMEM && rc != RC_CRYPTO && err.msg;
}

static void broken_certificates(void)
{
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};
    CLEANUP(buf_done) struct buf leaf = BUF_INIT(X509_CERT_MAX);
    struct x509_tbs_in in;

    CHECK_OK(pki_init(&p));
    in = pki_leaf_in(&p);
    in.must_staple = true;
    CHECK_OK(pki_issue(&in, p.issuer_key, &leaf));
    CHECK(!cert_refused(buf_str(&leaf), p.issuer_key));
    CHECK_INT(break_all(buf_str(&leaf), cert_refused, p.issuer_key), -1);
    CHECK_INT(break_all(buf_str(&p.issuer_der), cert_refused, p.root_key), -1);
}

static void certificates_of_too_much(void)
{
    static const struct {
        size_t names;
        const char *code;
    } cases[] = {{X509_CERT_NAMES_MAX, ""},
                 {X509_CERT_NAMES_MAX + 1, "x509.certificate-size"},
                 {10'000, "x509.certificate-size"}};
    CLEANUP(pki_done) struct pki p = {.root_key = NULL};

    CHECK_OK(pki_init(&p));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(buf_done) struct buf tbs = BUF_INIT(NAMES_BYTES);
        CLEANUP(buf_done) struct buf der = BUF_INIT(NAMES_BYTES);
        CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
        struct rd r = rd_of(p.root.tbs), in = x509_der_in(&r, X509_DER_SEQUENCE);
        struct x509_der w = x509_der_of(&tbs);
        struct err err = ERR_INIT;
        struct x509_cert c;

        x509_der_open(&w, X509_DER_SEQUENCE);
        while (x509_der_peek(&in) != X509_DER_CONTEXT_IN(3) && in.left)
            x509_der_raw(&w, x509_der_any(&in, NULL));
        x509_der_open(&w, X509_DER_CONTEXT_IN(3));
        x509_der_open(&w, X509_DER_SEQUENCE);
        x509_der_open(&w, X509_DER_SEQUENCE);
        x509_oid_put(&w, X509_OID_SAN);
        x509_der_open(&w, X509_DER_OCTET_STRING);
        x509_der_open(&w, X509_DER_SEQUENCE);
        for (size_t n = 0; n < cases[i].names; n++)
            x509_der_put(&w, X509_DER_CONTEXT(2), STR("a.example"));
        for (int n = 0; n < 6; n++)
            x509_der_close(&w);
        CHECK_OK(x509_der_end(&w));
        CHECK_OK(x509_assemble(buf_str(&tbs), STR("x"), &der));
        CHECK((x509_cert_parse(&a, buf_str(&der), &c, &err) == RC_OK) == !cases[i].code[0]);
        CHECK_STR(str_of(err.msg ? err.msg->code : ""), cases[i].code);
    }
}

/* ---- key files ---- */

/* `arg` is the public half: a change that does not change the key is none. */
static bool key_refused(struct str der, void *arg)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;
    struct err err = ERR_INIT;
    enum rc rc;

    text_pem(&pem, STR("PRIVATE KEY"), der);
    rc = crypto_pem_read(buf_str(&pem), NULL, &k, &err);
    if (rc == RC_OK)
        return crypto_key_same(k, arg);
    return rc != RC_NOMEM && rc != RC_CRYPTO && err.msg;
}

/* Of those that have a check inside: others are one number, and any number is a key. */
static void broken_keys(void)
{
    static const char *const keys[] = {key_p256, key_p384, key_sm2};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(keys[i]);
        CLEANUP(buf_done) struct buf der = BUF_INIT(1024);
        struct str pem = str_of(keys[i]);

        CHECK(k != NULL);
        CHECK_OK(text_unpem(&pem, STR("PRIVATE KEY"), NULL, &der));
        CHECK_INT(break_all(buf_str(&der), key_refused, k), -1);
    }
}

static bool spki_refused(struct str der, void *)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;
    struct err err = ERR_INIT;
    enum rc rc = crypto_key_from_spki(der, &k, &err);

    return rc != RC_OK && rc != RC_NOMEM && rc != RC_CRYPTO && err.msg;
}

/* Points: nearly no other x and y are on the curve. */
static void broken_public_keys(void)
{
    static const char *const keys[] = {key_p256, key_p384, key_sm2};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(keys[i]);

        CHECK(k != NULL);
        CHECK_INT(break_all(crypto_key_spki(k), spki_refused, NULL), -1);
    }
}

CHECK_MAIN(CHECK_TEST_ONCE(broken_requests), CHECK_TEST(requests_of_too_much_or_nonsense),
           CHECK_TEST(nesting_has_an_end), CHECK_TEST_ONCE(broken_certificates),
           CHECK_TEST(certificates_of_too_much), CHECK_TEST_ONCE(broken_keys),
           CHECK_TEST_ONCE(broken_public_keys))
