/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "crypto/hash.h"
#include "keys.h"
#include "keys_odd.h"
#include "x509/der.h"

static const struct {
    const char *pem;
    const char *text;
    enum crypto_key_type type;
    unsigned bits;
    size_t spki;
} keys[] = {
    {key_rsa, "RSA 2048", CRYPTO_KEY_RSA, 2048, 294},
    {key_p256, "EC P-256", CRYPTO_KEY_P256, 256, 91},
    {key_p384, "EC P-384", CRYPTO_KEY_P384, 384, 120},
    {key_ed25519, "Ed25519", CRYPTO_KEY_ED25519, 256, 44},
    {key_sm2, "SM2", CRYPTO_KEY_SM2, 256, 91},
    {key_mldsa44, "ML-DSA-44", CRYPTO_KEY_MLDSA44, 128, 1334},
    {key_mldsa65, "ML-DSA-65", CRYPTO_KEY_MLDSA65, 192, 1974},
    {key_mldsa87, "ML-DSA-87", CRYPTO_KEY_MLDSA87, 256, 2614},
};
enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

static void spki_is_read_as_written(void)
{
    unsigned char digest[CRYPTO_SHA256_BYTES];

    for (size_t i = 0; i < KEYS; i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(keys[i].pem), *again = NULL;

        CHECK(k != NULL);
        CHECK_INT(crypto_key_type(k), keys[i].type);
        CHECK_INT(crypto_key_bits(k), keys[i].bits);
        CHECK_STR(str_of(crypto_key_text(k)), keys[i].text);
        CHECK(str_starts(str_of(keys[i].text), str_of(crypto_key_type_text(keys[i].type))));
        CHECK(crypto_key_has_private(k));
        CHECK_INT(crypto_key_spki(k).n, keys[i].spki);
        CHECK_OK(crypto_key_from_spki(crypto_key_spki(k), &again, NULL));
        CHECK(crypto_key_same(k, again) && !crypto_key_has_private(again));
        CHECK_INT(crypto_key_type(again), keys[i].type);
        CHECK_OK(crypto_sha256(crypto_key_spki(k), digest));
        CHECK(str_eq(crypto_key_spki_sha256(again), str_bytes(digest, sizeof(digest))));
    }
}

static void numbers_make_the_same_key(void)
{
    for (size_t i = 0; i < KEYS; i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(keys[i].pem), *again = NULL;
        struct crypto_public p;

        CHECK(k != NULL);
        p = crypto_key_public(k);
        if (keys[i].type >= CRYPTO_KEY_MLDSA44) {
            CHECK(str_ends(crypto_key_spki(k), p.a) && p.a.n == keys[i].spki - 22 && !p.b.n);
            continue;
        }
        if (keys[i].type == CRYPTO_KEY_RSA)
            CHECK_OK(crypto_key_from_rsa(p.a, p.b, &again, NULL));
        else if (keys[i].type == CRYPTO_KEY_ED25519)
            CHECK_OK(crypto_key_from_ed25519(p.a, &again, NULL));
        else
            CHECK_OK(crypto_key_from_ec(keys[i].type, p.a, p.b, &again, NULL));
        CHECK(crypto_key_same(k, again));
    }
}

static void generates_what_was_asked_for(void)
{
    static const struct {
        struct crypto_key_spec spec;
        const char *text;
    } specs[] = {
        {{CRYPTO_KEY_P256, 0}, "EC P-256"},     {{CRYPTO_KEY_P384, 0}, "EC P-384"},
        {{CRYPTO_KEY_ED25519, 0}, "Ed25519"},   {{CRYPTO_KEY_SM2, 0}, "SM2"},
        {{CRYPTO_KEY_MLDSA44, 0}, "ML-DSA-44"}, {{CRYPTO_KEY_MLDSA65, 0}, "ML-DSA-65"},
        {{CRYPTO_KEY_MLDSA87, 0}, "ML-DSA-87"},
    };

    CHECK_OK(crypto_init());
    for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *a = NULL, *b = NULL;

        CHECK_OK(crypto_key_generate(specs[i].spec, &a));
        CHECK_OK(crypto_key_generate(specs[i].spec, &b));
        CHECK_STR(str_of(crypto_key_text(a)), specs[i].text);
        CHECK(crypto_key_has_private(a) && !crypto_key_same(a, b));
    }
}

static void generates_rsa(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL, *other = NULL;

    CHECK_OK(crypto_init());
    CHECK_OK(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_RSA, 3072}, &k));
    CHECK_STR(str_of(crypto_key_text(k)), "RSA 3072");
    other = key_load(key_rsa);
    CHECK(other != NULL && !crypto_key_same(k, other));
}

static void other_sizes_are_not_generated(void)
{
    static const struct crypto_key_spec specs[] = {
        {CRYPTO_KEY_RSA, 0},
        {CRYPTO_KEY_RSA, 1024},
        {CRYPTO_KEY_RSA, 2049},
        {CRYPTO_KEY_RSA, 8192},
        {CRYPTO_KEY_P256, 256},
        {CRYPTO_KEY_ED25519, 1},
        {CRYPTO_KEY_SM2, 256},
        {CRYPTO_KEY_MLDSA65, 65},
        {CRYPTO_KEY_TYPES, 0},
        {0, 0},
        {99, 0},
    };
    struct crypto_key *k = NULL;

    CHECK_OK(crypto_init());
    for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++)
        CHECK_RC(crypto_key_generate(specs[i], &k), RC_INVAL);
    CHECK(k == NULL);
}

static void specs_have_names(void)
{
    struct crypto_key_spec s;

    CHECK_OK(crypto_key_spec_parse(STR("rsa"), &s));
    CHECK(s.type == CRYPTO_KEY_RSA && s.bits == 3072);
    CHECK_OK(crypto_key_spec_parse(STR("rsa4096"), &s));
    CHECK(s.type == CRYPTO_KEY_RSA && s.bits == 4096);
    CHECK_OK(crypto_key_spec_parse(STR("ecdsa"), &s));
    CHECK(s.type == CRYPTO_KEY_P256 && s.bits == 0);
    CHECK_OK(crypto_key_spec_parse(STR("p384"), &s));
    CHECK_INT(s.type, CRYPTO_KEY_P384);
    CHECK_OK(crypto_key_spec_parse(STR("ed25519"), &s));
    CHECK_INT(s.type, CRYPTO_KEY_ED25519);
    CHECK_OK(crypto_key_spec_parse(STR("sm2"), &s));
    CHECK_INT(s.type, CRYPTO_KEY_SM2);
    CHECK_OK(crypto_key_spec_parse(STR("mldsa"), &s));
    CHECK_INT(s.type, CRYPTO_KEY_MLDSA65);
    CHECK_OK(crypto_key_spec_parse(STR("mldsa44"), &s));
    CHECK_INT(s.type, CRYPTO_KEY_MLDSA44);
    CHECK_OK(crypto_key_spec_parse(STR("mldsa65"), &s));
    CHECK_INT(s.type, CRYPTO_KEY_MLDSA65);
    CHECK_OK(crypto_key_spec_parse(STR("mldsa87"), &s));
    CHECK(s.type == CRYPTO_KEY_MLDSA87 && s.bits == 0);
    CHECK_RC(crypto_key_spec_parse(STR("rsa1024"), &s), RC_UNSUPPORTED);
    CHECK_RC(crypto_key_spec_parse(STR(""), &s), RC_UNSUPPORTED);
    CHECK_RC(crypto_key_spec_parse(STR("RSA"), &s), RC_UNSUPPORTED);
}

static void references_are_counted(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(key_p256);
    struct crypto_key *second;

    CHECK(k != NULL);
    second = crypto_key_ref(k);
    CHECK(second == k);
    crypto_key_unref(second);
    CHECK_STR(str_of(crypto_key_text(k)), "EC P-256");
    crypto_key_unref(NULL);
}

/* ---- SPKIs that are refused ---- */

/* Whoever only looks at a key accepts and refuses the same. */
static enum rc read_spki(struct str der, struct crypto_key **out, struct err *err)
{
    enum rc rc = crypto_key_from_spki(der, out, err);
    struct crypto_public p;

    if (rc != RC_NOMEM && crypto_public_read(der, &p, NULL) != rc)
        return RC_CORRUPT;
    if (rc == RC_OK && (p.type != crypto_key_type(*out) || p.bits != crypto_key_bits(*out) ||
                        !str_eq(p.spki, der)))
        return RC_CORRUPT;
    return rc;
}

static enum rc read_hex(const char *hex)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(4096);
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;

    TRY(crypto_init());
    TRY(text_unhex(str_of(hex), &der));
    return read_spki(buf_str(&der), &k, NULL);
}

static void other_forms_are_refused(void)
{
    CHECK_OK(read_hex(spki_p256));
    CHECK_RC(read_hex(spki_compressed), RC_PARSE);
    CHECK_RC(read_hex(spki_explicit), RC_UNSUPPORTED);
    CHECK_RC(read_hex(spki_p521), RC_UNSUPPORTED);
    CHECK_RC(read_hex(spki_rsa1024), RC_INVAL);
    /* X25519 */
    CHECK_RC(read_hex("302a300506032b656e032100"
                      "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"),
             RC_UNSUPPORTED);
    CHECK_RC(read_hex(""), RC_PARSE);
    CHECK_RC(read_hex("3000"), RC_PARSE);
}

/* Whatever is cut off or put behind, and a count of unused bits: no key, and no read behind the
 * end. */
static void damage_is_refused(void)
{
    for (size_t i = 0; i < KEYS; i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(keys[i].pem), *none = NULL;
        CLEANUP(buf_done) struct buf longer = BUF_INIT(CRYPTO_SPKI_MAX);

        CHECK(k != NULL);
        for (size_t n = 0; n < crypto_key_spki(k).n; n++) {
            CLEANUP(mem_freep) char *exact = mem_dup(crypto_key_spki(k).p, n);

            CHECK(exact != NULL);
            CHECK_RC(read_spki(str_bytes(exact, n), &none, NULL), RC_PARSE);
        }
        buf_puts(&longer, crypto_key_spki(k));
        buf_u8(&longer, 0);
        CHECK_OK(buf_rc(&longer));
        CHECK_RC(read_spki(buf_str(&longer), &none, NULL), RC_PARSE);
    }
}

static void points_off_the_curve_are_refused(void)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(100);
    CLEANUP(buf_done) struct buf other = BUF_INIT(100);
    CLEANUP(crypto_key_unrefp) struct crypto_key *good = NULL;
    struct crypto_key *k = NULL;

    CHECK_OK(crypto_init());
    CHECK_OK(text_unhex(str_of(spki_p256), &der));
    der.p[90] ^= 1;
    CHECK_RC(read_spki(buf_str(&der), &k, NULL), RC_INVAL);
    memset(der.p + 27, 0, 64);
    CHECK_RC(read_spki(buf_str(&der), &k, NULL), RC_INVAL);
    memset(der.p + 27, 0xff, 64);
    CHECK_RC(read_spki(buf_str(&der), &k, NULL), RC_INVAL);
    /* A point of one curve on the other. */
    CHECK_OK(text_unhex(str_of(spki_p256), &other));
    CHECK_OK(crypto_key_from_ec(CRYPTO_KEY_P256, str_bytes(other.p + 27, 32),
                                str_bytes(other.p + 59, 32), &good, NULL));
    CHECK_RC(crypto_key_from_ec(CRYPTO_KEY_SM2, str_bytes(other.p + 27, 32),
                                str_bytes(other.p + 59, 32), &k, NULL),
             RC_INVAL);
    CHECK_RC(crypto_key_from_ec(CRYPTO_KEY_P256, STR(""), STR(""), &k, NULL), RC_INVAL);
    CHECK_RC(crypto_key_from_ec(CRYPTO_KEY_RSA, STR(""), STR(""), &k, NULL), RC_UNSUPPORTED);
    CHECK_RC(crypto_key_from_ed25519(STR("too short"), &k, NULL), RC_INVAL);
}

/* SPKI of RSA with these numbers; `null` leaves out the parameters when false. */
static enum rc read_rsa(struct str n, struct str e, bool null)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(4096);
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;
    struct x509_der w = x509_der_of(&der);

    x509_der_open(&w, X509_DER_SEQUENCE);
    x509_der_open(&w, X509_DER_SEQUENCE);
    x509_der_put(&w, X509_DER_OID, STR("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"));
    if (null)
        x509_der_null(&w);
    x509_der_close(&w);
    x509_der_open_bits(&w);
    x509_der_open(&w, X509_DER_SEQUENCE);
    x509_der_put(&w, X509_DER_INTEGER, n);
    x509_der_put(&w, X509_DER_INTEGER, e);
    x509_der_close(&w);
    x509_der_close(&w);
    x509_der_close(&w);
    TRY(x509_der_end(&w));
    return read_spki(buf_str(&der), &k, NULL);
}

static void rsa_numbers_have_their_range(void)
{
    static const struct str good = STR("\x01\x00\x01");
    char n[1026];

    CHECK_OK(crypto_init());
    memset(n, 0x5a, sizeof(n));
    n[0] = 0;
    n[1] = (char)0x80;
    n[256] = 0x5b; /* odd */
    CHECK_OK(read_rsa(str_bytes(n, 257), good, true));
    CHECK_OK(read_rsa(str_bytes(n, 257), str_bytes("\x00\xff\xff\xff\xff", 5), true));
    CHECK_RC(read_rsa(str_bytes(n, 257), good, false), RC_UNSUPPORTED);
    CHECK_RC(read_rsa(str_bytes(n, 257), STR("\x03"), true), RC_INVAL);
    CHECK_RC(read_rsa(str_bytes(n, 257), str_bytes("\x00\xff\xff", 3), true), RC_INVAL);
    CHECK_RC(read_rsa(str_bytes(n, 257), STR("\x01\x00\x02"), true), RC_INVAL);
    CHECK_RC(read_rsa(str_bytes(n, 257), STR("\x01\x00\x00\x00\x01"), true), RC_INVAL);
    CHECK_RC(read_rsa(str_bytes(n, 257), str_bytes("\x00", 1), true), RC_INVAL);
    /* Negative, or not minimal. */
    CHECK_RC(read_rsa(str_bytes(n + 1, 256), good, true), RC_PARSE);
    CHECK_RC(read_rsa(str_bytes(n, 257), str_bytes("\x00\x01\x00\x01", 4), true), RC_PARSE);
    /* 2047 bits, even, 8192 and 8200 bits */
    n[1] = 0x7f;
    CHECK_RC(read_rsa(str_bytes(n + 1, 256), good, true), RC_INVAL);
    n[1] = (char)0x80;
    n[256] = 0x5a;
    CHECK_RC(read_rsa(str_bytes(n, 257), good, true), RC_INVAL);
    n[1024] = 0x5b;
    CHECK_OK(read_rsa(str_bytes(n, 1025), good, true));
    n[1025] = 0x5b;
    CHECK_RC(read_rsa(str_bytes(n, 1026), good, true), RC_INVAL);
}

/* The numbers of a JWK, which have no sign and no leading zeros. */
static void bare_numbers_are_checked(void)
{
    static const struct str e = STR("\x01\x00\x01");
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;
    struct err err = ERR_INIT;
    char n[1026];

    CHECK_OK(crypto_init());
    memset(n, 0x5b, sizeof(n));
    n[1] = (char)0x80;
    CHECK_OK(crypto_key_from_rsa(str_bytes(n + 1, 256), e, &k, NULL));
    n[0] = 0;
    CHECK_RC(crypto_key_from_rsa(str_bytes(n, 257), e, &k, &err), RC_INVAL);
    CHECK_STR(str_of(err.msg->code), "crypto.rsa-form");
    CHECK_RC(crypto_key_from_rsa(STR(""), e, &k, &err), RC_INVAL);
    CHECK_STR(str_of(err.msg->code), "crypto.rsa-form");
    CHECK_RC(crypto_key_from_rsa(str_bytes(n + 1, 256), STR(""), &k, &err), RC_INVAL);
    CHECK_STR(str_of(err.msg->code), "crypto.rsa-form");
    CHECK_RC(crypto_key_from_rsa(str_bytes(n + 1, 256), STR("\x01\x01\x01\x01\x01"), &k, &err),
             RC_INVAL);
    CHECK_STR(str_of(err.msg->code), "crypto.rsa-exponent");
    CHECK_RC(crypto_key_from_rsa(str_bytes(n + 1, 1025), e, &k, &err), RC_INVAL);
    CHECK_STR(str_of(err.msg->code), "crypto.rsa-bits");
}

static void errors_say_what_is_wrong(void)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(200);
    struct crypto_key *k = NULL;
    struct err err = ERR_INIT;
    char text[200];

    CHECK_OK(crypto_init());
    CHECK_OK(text_unhex(str_of(spki_rsa1024), &der));
    CHECK_RC(read_spki(buf_str(&der), &k, &err), RC_INVAL);
    CHECK_STR(str_of(err_textz(&err, text, sizeof(text))),
              "the RSA key has 1024 bits; 2048 to 8192 are allowed");
}

CHECK_MAIN(CHECK_TEST(spki_is_read_as_written), CHECK_TEST(numbers_make_the_same_key),
           CHECK_TEST(generates_what_was_asked_for), CHECK_TEST_ONCE(generates_rsa),
           CHECK_TEST(other_sizes_are_not_generated), CHECK_TEST(specs_have_names),
           CHECK_TEST(references_are_counted), CHECK_TEST(other_forms_are_refused),
           CHECK_TEST_ONCE(damage_is_refused), CHECK_TEST(points_off_the_curve_are_refused),
           CHECK_TEST(rsa_numbers_have_their_range), CHECK_TEST(bare_numbers_are_checked),
           CHECK_TEST(errors_say_what_is_wrong))
