/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "crypto/sign.h"
#include "keys.h"

static const struct {
    const char *pem;
    enum crypto_sig_alg alg;
    size_t raw; /* bytes of the raw form; 0: varies */
} uses[] = {
    {key_rsa, CRYPTO_SIG_RSA_SHA256, 256},   {key_rsa, CRYPTO_SIG_RSA_SHA384, 256},
    {key_rsa, CRYPTO_SIG_RSA_SHA512, 256},   {key_rsa, CRYPTO_SIG_PSS_SHA256, 256},
    {key_rsa, CRYPTO_SIG_PSS_SHA384, 256},   {key_rsa, CRYPTO_SIG_PSS_SHA512, 256},
    {key_p256, CRYPTO_SIG_ECDSA_SHA256, 64}, {key_p256, CRYPTO_SIG_ECDSA_SHA384, 64},
    {key_p384, CRYPTO_SIG_ECDSA_SHA384, 96}, {key_p384, CRYPTO_SIG_ECDSA_SHA512, 96},
    {key_ed25519, CRYPTO_SIG_ED25519, 64},   {key_sm2, CRYPTO_SIG_SM2_SM3, 64},
    {key_mldsa44, CRYPTO_SIG_MLDSA44, 2420}, {key_mldsa65, CRYPTO_SIG_MLDSA65, 3309},
    {key_mldsa87, CRYPTO_SIG_MLDSA87, 4627},
};
enum { USES = sizeof(uses) / sizeof(uses[0]) };

static void signatures_hold(void)
{
    static const enum crypto_sig_form forms[] = {CRYPTO_SIG_DER, CRYPTO_SIG_RAW};

    for (size_t i = 0; i < 2 * USES; i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(uses[i / 2].pem), *pub = NULL;
        enum crypto_sig_form form = forms[i % 2];
        CLEANUP(buf_done) struct buf sig = BUF_INIT(CRYPTO_SIG_MAX);

        CHECK(k != NULL);
        CHECK_OK(crypto_key_from_spki(crypto_key_spki(k), &pub, NULL));
        CHECK_OK(crypto_sign(k, uses[i / 2].alg, form, STR("message"), &sig));
        CHECK(form == CRYPTO_SIG_DER || buf_str(&sig).n == uses[i / 2].raw);
        CHECK_OK(crypto_verify(pub, uses[i / 2].alg, form, STR("message"), buf_str(&sig)));
        CHECK_RC(crypto_verify(pub, uses[i / 2].alg, form, STR("massage"), buf_str(&sig)),
                 RC_DENIED);
        sig.p[sig.n / 2] ^= 1;
        CHECK_RC(crypto_verify(pub, uses[i / 2].alg, form, STR("message"), buf_str(&sig)),
                 RC_DENIED);
    }
}

/* What a key keeps between uses belongs to one algorithm, and is none the worse for a forgery. */
static void keys_are_used_again_and_again(void)
{
    for (size_t i = 0; i < USES; i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(uses[i].pem);

        CHECK(k != NULL);
        for (size_t j = 0; j < 2 * USES; j++) {
            enum crypto_sig_alg alg = uses[j % USES].alg;
            CLEANUP(buf_done) struct buf sig = BUF_INIT(CRYPTO_SIG_MAX);

            if (!crypto_sig_fits(alg, k))
                continue;
            CHECK_OK(crypto_sign(k, alg, CRYPTO_SIG_RAW, STR("message"), &sig));
            CHECK_RC(crypto_verify(k, alg, CRYPTO_SIG_RAW, STR("massage"), buf_str(&sig)),
                     RC_DENIED);
            CHECK_OK(crypto_verify(k, alg, CRYPTO_SIG_RAW, STR("message"), buf_str(&sig)));
            CHECK_OK(crypto_verify(k, alg, CRYPTO_SIG_RAW, STR("message"), buf_str(&sig)));
        }
    }
}

static void damaged_signatures_do_not_hold(void)
{
    for (size_t i = 0; i < USES; i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(uses[i].pem);
        CLEANUP(buf_done) struct buf sig = BUF_INIT(CRYPTO_SIG_MAX + 1);

        CHECK(k != NULL);
        CHECK_OK(crypto_sign(k, uses[i].alg, CRYPTO_SIG_RAW, STR("message"), &sig));
        CHECK_RC(crypto_verify(k, uses[i].alg, CRYPTO_SIG_RAW, STR("message"), STR("")), RC_DENIED);
        CHECK_RC(crypto_verify(k, uses[i].alg, CRYPTO_SIG_RAW, STR("message"),
                               str_head(buf_str(&sig), sig.n - 1)),
                 RC_DENIED);
        buf_u8(&sig, 0);
        CHECK_RC(crypto_verify(k, uses[i].alg, CRYPTO_SIG_RAW, STR("message"), buf_str(&sig)),
                 RC_DENIED);
        memset(sig.p, 0, sig.n);
        CHECK_RC(crypto_verify(k, uses[i].alg, CRYPTO_SIG_RAW, STR("message"),
                               str_head(buf_str(&sig), sig.n - 1)),
                 RC_DENIED);
        CHECK_RC(crypto_verify(k, uses[i].alg, CRYPTO_SIG_DER, STR("message"),
                               str_head(buf_str(&sig), sig.n - 1)),
                 RC_DENIED);
    }
}

static void digests_are_signed(void)
{
    for (size_t i = 0; i < USES; i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(uses[i].pem);
        static const enum crypto_hash_alg mds[CRYPTO_SIG_COUNT] = {
            [CRYPTO_SIG_RSA_SHA384] = CRYPTO_SHA384,   [CRYPTO_SIG_RSA_SHA512] = CRYPTO_SHA512,
            [CRYPTO_SIG_ECDSA_SHA384] = CRYPTO_SHA384, [CRYPTO_SIG_ECDSA_SHA512] = CRYPTO_SHA512,
            [CRYPTO_SIG_SM2_SM3] = CRYPTO_SM3,         [CRYPTO_SIG_PSS_SHA384] = CRYPTO_SHA384,
            [CRYPTO_SIG_PSS_SHA512] = CRYPTO_SHA512,
        };
        unsigned char digest[CRYPTO_HASH_MAX];
        size_t n = crypto_hash_size(mds[uses[i].alg]);
        CLEANUP(buf_done) struct buf sig = BUF_INIT(CRYPTO_SIG_MAX);

        CHECK(k != NULL);
        CHECK_OK(crypto_hash(mds[uses[i].alg], STR("message"), digest));
        if (uses[i].alg == CRYPTO_SIG_SM2_SM3)
            CHECK_OK(crypto_sm2_digest(k, STR(CRYPTO_SM2_ID), STR("message"), digest));
        if (uses[i].alg == CRYPTO_SIG_ED25519 ||
            (uses[i].alg >= CRYPTO_SIG_MLDSA44 && uses[i].alg <= CRYPTO_SIG_MLDSA87)) {
            CHECK_RC(crypto_sign_digest(k, uses[i].alg, CRYPTO_SIG_RAW, str_bytes(digest, n), &sig),
                     RC_UNSUPPORTED);
            continue;
        }
        CHECK_OK(crypto_sign_digest(k, uses[i].alg, CRYPTO_SIG_RAW, str_bytes(digest, n), &sig));
        CHECK_OK(crypto_verify(k, uses[i].alg, CRYPTO_SIG_RAW, STR("message"), buf_str(&sig)));
        CHECK_RC(crypto_sign_digest(k, uses[i].alg, CRYPTO_SIG_RAW, str_bytes(digest, n - 1), &sig),
                 RC_INVAL);
    }
}

static void algorithms_belong_to_types(void)
{
    static const char *const pems[] = {key_rsa, key_p256,    key_p384,    key_ed25519,
                                       key_sm2, key_mldsa44, key_mldsa65, key_mldsa87};
    static const char fits[][CRYPTO_SIG_COUNT + 1] = {
        " ++++--------++", " ----+++-------", " ----+++-------", " -------+------",
        " --------+-----", " ---------+----", " ----------+---", " -----------+--",
    };

    for (size_t i = 0; i < sizeof(pems) / sizeof(pems[0]); i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(pems[i]);
        CLEANUP(buf_done) struct buf sig = BUF_INIT(CRYPTO_SIG_MAX);

        CHECK(k != NULL);
        for (enum crypto_sig_alg a = 1; a < CRYPTO_SIG_COUNT; a++) {
            CHECK_INT(crypto_sig_fits(a, k), fits[i][a] == '+');
            if (crypto_sig_fits(a, k))
                continue;
            CHECK_RC(crypto_sign(k, a, CRYPTO_SIG_DER, STR("x"), &sig), RC_INVAL);
            CHECK_RC(crypto_verify(k, a, CRYPTO_SIG_DER, STR("x"), STR("y")), RC_INVAL);
        }
        CHECK(!crypto_sig_fits(0, k) && !crypto_sig_fits(CRYPTO_SIG_COUNT, k));
        CHECK(crypto_sig_fits(crypto_sig_default(k), k));
    }
}

static void public_keys_do_not_sign(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(key_p256), *pub = NULL;
    CLEANUP(buf_done) struct buf sig = BUF_INIT(CRYPTO_SIG_MAX);
    char digest[32] = {0};

    CHECK(k != NULL);
    CHECK_OK(crypto_key_from_spki(crypto_key_spki(k), &pub, NULL));
    CHECK_RC(crypto_sign(pub, CRYPTO_SIG_ECDSA_SHA256, CRYPTO_SIG_DER, STR("x"), &sig), RC_INVAL);
    CHECK_RC(crypto_sign_digest(pub, CRYPTO_SIG_ECDSA_SHA256, CRYPTO_SIG_DER, str_bytes(digest, 32),
                                &sig),
             RC_INVAL);
}

/* RFC 8037 appendices A.4 and A.5 */
static void ed25519_as_in_the_rfc(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;
    CLEANUP(buf_done) struct buf x = BUF_INIT(32);
    CLEANUP(buf_done) struct buf sig = BUF_INIT(64);

    CHECK_OK(crypto_init());
    CHECK_OK(text_unb64url(STR("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"), &x));
    CHECK_OK(
        text_unb64url(STR("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt"
                          "9g7sVvpAr_MuM0KAg"),
                      &sig));
    CHECK_OK(crypto_key_from_ed25519(buf_str(&x), &k, NULL));
    CHECK_OK(crypto_verify(k, CRYPTO_SIG_ED25519, CRYPTO_SIG_RAW,
                           STR("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"),
                           buf_str(&sig)));
}

/* GB/T 32918.5 appendix A.2 */
static const char sm2_x[] = "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020";
static const char sm2_y[] = "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13";
static const char sm2_e[] = "f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640";
static const char sm2_rs[] = "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
                             "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa";

static void sm2_as_in_the_standard(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;
    CLEANUP(buf_done) struct buf xy = BUF_INIT(64);
    CLEANUP(buf_done) struct buf e = BUF_INIT(32);
    CLEANUP(buf_done) struct buf rs = BUF_INIT(64);
    unsigned char digest[CRYPTO_HASH_MAX];

    CHECK_OK(crypto_init());
    CHECK_OK(text_unhex(str_of(sm2_x), &xy));
    CHECK_OK(text_unhex(str_of(sm2_y), &xy));
    CHECK_OK(text_unhex(str_of(sm2_e), &e));
    CHECK_OK(text_unhex(str_of(sm2_rs), &rs));
    CHECK_OK(crypto_key_from_ec(CRYPTO_KEY_SM2, str_head(buf_str(&xy), 32),
                                str_skip(buf_str(&xy), 32), &k, NULL));
    CHECK_OK(crypto_sm2_digest(k, STR(CRYPTO_SM2_ID), STR("message digest"), digest));
    CHECK(str_eq(str_bytes(digest, 32), buf_str(&e)));
    CHECK_OK(
        crypto_verify(k, CRYPTO_SIG_SM2_SM3, CRYPTO_SIG_RAW, STR("message digest"), buf_str(&rs)));
    CHECK_RC(
        crypto_verify(k, CRYPTO_SIG_SM2_SM3, CRYPTO_SIG_RAW, STR("message digesT"), buf_str(&rs)),
        RC_DENIED);
}

static void sm2_identifiers_count(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(key_sm2), *p256 = key_load(key_p256);
    CLEANUP(mem_freep) char *id = mem_calloc(1, CRYPTO_SM2_ID_MAX + 1);
    CLEANUP(buf_done) struct buf sig = BUF_INIT(CRYPTO_SIG_MAX);
    unsigned char a[CRYPTO_HASH_MAX], b[CRYPTO_HASH_MAX];
    struct str m = STR("message");

    CHECK(k && p256 && id);
    CHECK_OK(crypto_sm2_digest(k, str_bytes(id, CRYPTO_SM2_ID_MAX), m, a));
    CHECK_RC(crypto_sm2_digest(k, str_bytes(id, CRYPTO_SM2_ID_MAX + 1), m, a), RC_INVAL);
    CHECK_RC(crypto_sm2_digest(p256, STR(CRYPTO_SM2_ID), m, a), RC_INVAL);
    CHECK_OK(crypto_sm2_digest(k, STR(""), m, a));
    CHECK_OK(crypto_sm2_digest(k, STR(CRYPTO_SM2_ID), m, b));
    CHECK(memcmp(a, b, 32) != 0);
    CHECK_OK(crypto_sign_digest(k, CRYPTO_SIG_SM2_SM3, CRYPTO_SIG_DER, str_bytes(a, 32), &sig));
    CHECK_OK(crypto_verify_sm2(k, STR(""), CRYPTO_SIG_DER, m, buf_str(&sig)));
    CHECK_RC(crypto_verify_sm2(k, STR(CRYPTO_SM2_ID), CRYPTO_SIG_DER, m, buf_str(&sig)), RC_DENIED);
    CHECK_RC(crypto_verify(k, CRYPTO_SIG_SM2_SM3, CRYPTO_SIG_DER, m, buf_str(&sig)), RC_DENIED);
    CHECK_RC(crypto_verify_sm2(p256, STR(""), CRYPTO_SIG_DER, m, buf_str(&sig)), RC_INVAL);
}

CHECK_MAIN(CHECK_TEST(signatures_hold), CHECK_TEST_ONCE(keys_are_used_again_and_again),
           CHECK_TEST(damaged_signatures_do_not_hold), CHECK_TEST(digests_are_signed),
           CHECK_TEST(algorithms_belong_to_types), CHECK_TEST(public_keys_do_not_sign),
           CHECK_TEST(ed25519_as_in_the_rfc), CHECK_TEST(sm2_as_in_the_standard),
           CHECK_TEST(sm2_identifiers_count))
