/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "corpus.h"
#include "keys.h"
#include "keys_odd.h"
#include "tool.h"

static struct secret *passphrase(const char *z)
{
    struct secret *s = NULL;

    if (secret_new(strlen(z), &s) == RC_OK)
        memcpy(secret_bytes(s), z, strlen(z));
    return s;
}

static const char *const keys[] = {key_rsa, key_p256,    key_p384,    key_ed25519,
                                   key_sm2, key_mldsa44, key_mldsa65, key_mldsa87};
enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

static void encrypted_keys_come_back(void)
{
    CLEANUP(secret_freep) struct secret *good = passphrase("open sesame"), *bad = passphrase("x");
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(key_p256), *again = NULL;
    CLEANUP(buf_done) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);

    CHECK(good && bad && k);
    CHECK_OK(crypto_pem_put(k, good, &pem));
    CHECK(str_starts(buf_str(&pem), STR("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")));
    CHECK(crypto_pem_encrypted(buf_str(&pem)));
    CHECK_RC(crypto_pem_read(buf_str(&pem), bad, &again, NULL), RC_DENIED);
    CHECK_RC(crypto_pem_read(buf_str(&pem), NULL, &again, NULL), RC_DENIED);
    CHECK(again == NULL);
    CHECK_OK(crypto_pem_read(buf_str(&pem), good, &again, NULL));
    CHECK(crypto_key_same(k, again) && crypto_key_has_private(again));
}

static void clear_keys_come_back(void)
{
    for (size_t i = 0; i < KEYS; i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(keys[i]), *again = NULL;
        CLEANUP(buf_wipe) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);

        CHECK(k != NULL);
        CHECK_OK(crypto_pem_put_clear(k, &pem));
        CHECK(str_starts(buf_str(&pem), STR("-----BEGIN PRIVATE KEY-----\n")));
        CHECK(!crypto_pem_encrypted(buf_str(&pem)));
        CHECK_OK(crypto_pem_read(buf_str(&pem), NULL, &again, NULL));
        CHECK(crypto_key_same(k, again));
    }
}

static void keys_as_bytes(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *key = NULL, *again = NULL, *other = NULL;
    CLEANUP(buf_wipe) struct buf der = BUF_INIT(CRYPTO_PEM_MAX), undone = BUF_INIT(CRYPTO_PEM_MAX);
    CLEANUP(buf_wipe) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);
    struct err err = ERR_INIT;

    CHECK_OK(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_P256, 0}, &key));
    CHECK_OK(crypto_key_put_der(key, &der));
    CHECK_OK(crypto_key_read_der(buf_str(&der), &again, NULL));
    CHECK(crypto_key_has_private(again) && crypto_key_same(key, again));
    CHECK_OK(crypto_pem_put_clear(key, &pem));
    CHECK_OK(crypto_pem_der(buf_str(&pem), &undone, NULL));
    CHECK(str_eq(buf_str(&der), buf_str(&undone)));
    CHECK_RC(crypto_key_read_der(str_head(buf_str(&der), der.n - 1), &other, &err), RC_PARSE);
    der.p[der.n - 1] ^= 1; /* of its public half */
    CHECK_RC(crypto_key_read_der(buf_str(&der), &other, &err), RC_UNSUPPORTED);
    CHECK(!other && err.msg);
}

static void public_keys_cannot_be_saved(void)
{
    CLEANUP(secret_freep) struct secret *pass = passphrase("x");
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(key_p256), *pub = NULL;
    CLEANUP(buf_done) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);

    CHECK(k && pass);
    CHECK_OK(crypto_key_from_spki(crypto_key_spki(k), &pub, NULL));
    CHECK_RC(crypto_pem_put(pub, pass, &pem), RC_INVAL);
    CHECK_RC(crypto_pem_put_clear(pub, &pem), RC_INVAL);
}

static void passphrases_have_a_limit(void)
{
    CLEANUP(secret_freep) struct secret *huge = NULL;
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(key_p256);
    CLEANUP(buf_done) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);

    CHECK_OK(secret_new(CRYPTO_PASSPHRASE_MAX + 1, &huge));
    CHECK(k != NULL);
    CHECK_RC(crypto_pem_put(k, huge, &pem), RC_INVAL);
}

/* Written by `openssl pkcs8 -topk8` with -scrypt and with PBKDF2. */
static void reads_what_openssl_wrote(void)
{
    static const char *const pems[] = {key_scrypt, key_pbkdf2};
    static const char *const same[] = {key_p256, key_p384};
    CLEANUP(secret_freep) struct secret *pass = passphrase(KEY_PASSPHRASE);

    CHECK(pass != NULL);
    for (size_t i = 0; i < 2; i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL, *want = key_load(same[i]);

        CHECK(want != NULL);
        CHECK_OK(crypto_pem_read(str_of(pems[i]), pass, &k, NULL));
        CHECK(crypto_key_same(k, want));
    }
}

static void openssl_reads_what_we_wrote(void)
{
    char *const show[] = {tool_openssl(), "pkey",  "-passin", "pass:open sesame",
                          "-noout",       "-text", NULL};
    char *const parse[] = {tool_openssl(), "asn1parse", NULL};
    CLEANUP(secret_freep) struct secret *pass = passphrase("open sesame");

    CHECK(pass != NULL);
    for (size_t i = 0; i < KEYS; i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(keys[i]);
        CLEANUP(buf_done) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);
        CLEANUP(buf_done) struct buf out = BUF_INIT(TOOL_OUT_MAX);

        CHECK(k != NULL);
        CHECK_OK(crypto_pem_put(k, pass, &pem));
        CHECK_INT(tool_run(show, buf_str(&pem), &out), 0);
        CHECK(strstr(buf_z(&out), "rivate") != NULL); /* "Private-Key:" or "ED25519 Private-Key:" */
        buf_reset(&out);
        CHECK_INT(tool_run(parse, buf_str(&pem), &out), 0);
        CHECK(strstr(buf_z(&out), ":PBES2") && strstr(buf_z(&out), ":scrypt"));
        CHECK(strstr(buf_z(&out), ":aes-256-cbc") != NULL);
        /* N = 2^14, r = 8, p = 5 */
        CHECK(strstr(buf_z(&out), ":4000\n") && strstr(buf_z(&out), ":08\n"));
        CHECK(strstr(buf_z(&out), ":05\n") != NULL);
    }
}

static void salt_and_iv_are_fresh(void)
{
    CLEANUP(secret_freep) struct secret *pass = passphrase("x");
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(key_ed25519);
    CLEANUP(buf_done) struct buf a = BUF_INIT(CRYPTO_PEM_MAX);
    CLEANUP(buf_done) struct buf b = BUF_INIT(CRYPTO_PEM_MAX);

    CHECK(k && pass);
    CHECK_OK(crypto_pem_put(k, pass, &a));
    CHECK_OK(crypto_pem_put(k, pass, &b));
    /* The lines with salt and IV, and that with the key, differ. */
    CHECK(!str_eq(str_head(buf_str(&a), 200), str_head(buf_str(&b), 200)));
    CHECK(!str_eq(str_skip(buf_str(&a), 200), str_skip(buf_str(&b), 200)));
}

static void other_files_are_refused(void)
{
    static const struct {
        const char *pem;
        enum rc rc;
    } files[] = {
        {"", RC_NOTFOUND},
        {"hello\n", RC_NOTFOUND},
        {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", RC_NOTFOUND},
        {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", RC_PARSE},
        {"-----BEGIN PRIVATE KEY-----\nAA\n", RC_PARSE},
        {key_old, RC_UNSUPPORTED},
        {key_p521, RC_UNSUPPORTED},
        {key_rsa1024, RC_INVAL},
        /* The scalar of one key with the point of another. */
        {"-----BEGIN PRIVATE KEY-----\n" MISMATCHED "-----END PRIVATE KEY-----\n", RC_PARSE},
    };
    struct crypto_key *k = NULL;

    CHECK_OK(crypto_init());
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        CHECK_RC(crypto_pem_read(str_of(files[i].pem), NULL, &k, NULL), files[i].rc);
    CHECK(k == NULL);
}

static void damaged_encryption_is_refused(void)
{
    CLEANUP(secret_freep) struct secret *pass = passphrase(KEY_PASSPHRASE);
    struct crypto_key *k = NULL;

    CHECK_OK(crypto_init());
    CHECK(pass != NULL);
    CHECK_RC(crypto_pem_read(STR("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n"
                                 "-----END ENCRYPTED PRIVATE KEY-----\n"),
                             pass, &k, NULL),
             RC_PARSE);
}

static void long_files_are_refused(void)
{
    CLEANUP(buf_done) struct buf pem = BUF_INIT(2 * CRYPTO_PEM_MAX);
    struct crypto_key *k = NULL;

    CHECK_OK(crypto_init());
    buf_printf(&pem, "%*s\n%s", CRYPTO_PEM_MAX, "", key_p256);
    CHECK_OK(buf_rc(&pem));
    CHECK_RC(crypto_pem_read(buf_str(&pem), NULL, &k, NULL), RC_TOOBIG);
    CHECK(!crypto_pem_encrypted(buf_str(&pem)));
}

static void other_blocks_are_skipped(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;
    CLEANUP(buf_done) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);

    CHECK_OK(crypto_init());
    buf_printf(&pem, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n%s%s", key_p256,
               key_p384);
    CHECK_OK(crypto_pem_read(buf_str(&pem), NULL, &k, NULL));
    CHECK_STR(str_of(crypto_key_text(k)), "EC P-256");
}

/* RFC 9881 appendix C: the seed 00 01 .. 1f, and the public keys that come of it. */
static void mldsa_as_in_the_rfc(void)
{
    static const struct {
        const char *level, *spki_sha256;
    } keys_of[] = {
        {"R", "837832708c5236d951581f1fddf2b79991b3424a0486d16da1ddad0fd69701be"},
        {"S", "b8b62131bfbe84433efb2273d7f5b87f7a22854a2cfd366fc2aead86d837c52d"},
        {"T", "07e57c4f14dbad1267f621ec3777b4e2e6c4fbc4c22fbb87510ff8e0b3c6a642"},
    };

    CHECK_OK(crypto_init());
    for (size_t i = 0; i < sizeof(keys_of) / sizeof(keys_of[0]); i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;
        CLEANUP(buf_done) struct buf pem = BUF_INIT(1024);
        CLEANUP(buf_done) struct buf digest = BUF_INIT(32);

        buf_printf(&pem,
                   "-----BEGIN PRIVATE KEY-----\n"
                   "MDQCAQAwCwYJYIZIAWUDBAM%sBCKAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZ\nGhscHR4f\n"
                   "-----END PRIVATE KEY-----\n",
                   keys_of[i].level);
        CHECK_OK(text_unhex(str_of(keys_of[i].spki_sha256), &digest));
        CHECK_OK(crypto_pem_read(buf_str(&pem), NULL, &k, NULL));
        CHECK(str_eq(crypto_key_spki_sha256(k), buf_str(&digest)));
    }
}

/* RFC 9881 appendix C.4: seed and expanded key that do not belong together, or are damaged. */
static void inconsistent_mldsa_keys_are_refused(void)
{
    CHECK_OK(crypto_init());
    for (int i = 1; i <= 3; i++) {
        CLEANUP(buf_done) struct buf pem = BUF_INIT(CRYPTO_PEM_MAX);
        struct crypto_key *k = NULL;
        char path[64];

        snprintf(path, sizeof(path), "../vectors/rfc9881-bad-mldsa44-%d.pem", i);
        CHECK_OK(corpus_read(path, &pem));
        CHECK_RC(crypto_pem_read(buf_str(&pem), NULL, &k, NULL), RC_UNSUPPORTED);
    }
}

/* An explicit curve that is P-256 becomes the named one. */
static void explicit_curves_become_named(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL, *again = NULL;

    CHECK_OK(crypto_init());
    CHECK_OK(crypto_pem_read(str_of(key_explicit), NULL, &k, NULL));
    CHECK_STR(str_of(crypto_key_text(k)), "EC P-256");
    CHECK_OK(crypto_key_from_spki(crypto_key_spki(k), &again, NULL));
}

CHECK_MAIN(CHECK_TEST(encrypted_keys_come_back), CHECK_TEST(clear_keys_come_back),
           CHECK_TEST(keys_as_bytes), CHECK_TEST(public_keys_cannot_be_saved),
           CHECK_TEST(passphrases_have_a_limit), CHECK_TEST(reads_what_openssl_wrote),
           CHECK_TEST_ONCE(openssl_reads_what_we_wrote), CHECK_TEST_ONCE(salt_and_iv_are_fresh),
           CHECK_TEST(other_files_are_refused), CHECK_TEST(damaged_encryption_is_refused),
           CHECK_TEST(long_files_are_refused), CHECK_TEST(other_blocks_are_skipped),
           CHECK_TEST(mldsa_as_in_the_rfc), CHECK_TEST(inconsistent_mldsa_keys_are_refused),
           CHECK_TEST(explicit_curves_become_named))
