/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

#include "corpus.h"
#include "crypto/crypto.h"
#include "crypto/pem.h"
#include "keys.h"
#include "x509/envelope.h"

#define ONE_KEY                                                                                    \
    "-----BEGIN PRIVATE KEY-----\n"                                                                \
    "MIGHAgEAMBMGByqGSM49AgEGCCqBHM9VAYItBG0wawIBAQQg/QQBJQTTLBe/vars\n"                           \
    "b7sWBo7HyHKsQCdolNJ30+77OWWhRANCAATFF4r1Trn4oujumK45U3gf0Gc3WwSg\n"                           \
    "H/jKXoT/20L4LShhV77uk7iuo7plAkckzRARxGy6LWzuQhrWrMYqhPL+\n"                                   \
    "-----END PRIVATE KEY-----\n"

static enum rc load(const char *name, struct buf *out)
{
    char path[64];

    snprintf(path, sizeof(path), "envelope/%s", name);
    return corpus_read(path, out);
}

/* Those in the corpus were made by the openssl command, to the key key_sm2. */
static void those_of_others_open(void)
{
    static const char *const names[] = {"good", "good_null"};
    CLEANUP(crypto_key_unrefp)
    struct crypto_key *own = key_load(key_sm2), *want = key_load(ONE_KEY);

    CHECK(own && want);
    for (size_t i = 0; i < 2; i++) {
        CLEANUP(buf_done) struct buf der = BUF_INIT(X509_ENVELOPE_MAX);
        CLEANUP(buf_wipe) struct buf a = BUF_INIT(CRYPTO_PEM_MAX), b = BUF_INIT(CRYPTO_PEM_MAX);
        CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;

        CHECK_OK(load(names[i], &der));
        CHECK_OK(x509_envelope_open(own, buf_str(&der), &k, NULL));
        CHECK(crypto_key_has_private(k));
        CHECK_OK(crypto_pem_put_clear(k, &a));
        CHECK_OK(crypto_pem_put_clear(want, &b));
        CHECK(str_eq(buf_str(&a), buf_str(&b)));
    }
}

static void what_is_wrong_does_not_open(void)
{
    static const struct {
        const char *name;
        enum rc rc;
    } cases[] = {
        {"other_cipher", RC_UNSUPPORTED},
        {"other_point", RC_DENIED},
        {"others_point", RC_DENIED},
        {"zero", RC_DENIED},
        {"order", RC_DENIED},
        {"over", RC_DENIED},
        {"last", RC_DENIED},
        {"one", RC_OK},
        {"long_key", RC_DENIED},
        {"short_key", RC_DENIED},
        {"number_64", RC_PARSE},
        {"tail", RC_PARSE},
        {"cut", RC_PARSE},
        {"sequence", RC_PARSE},
    };
    CLEANUP(crypto_key_unrefp) struct crypto_key *own = key_load(key_sm2);

    CHECK(own);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(buf_done) struct buf der = BUF_INIT(X509_ENVELOPE_MAX);
        CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;
        struct err err = ERR_INIT;

        CHECK_OK(load(cases[i].name, &der));
        CHECK_RC(x509_envelope_open(own, buf_str(&der), &k, &err), cases[i].rc);
        CHECK(!k == (cases[i].rc != RC_OK));
    }
}

static void there_and_back(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *own = key_load(key_sm2), *k = key_load(ONE_KEY);
    CLEANUP(crypto_key_unrefp) struct crypto_key *p256 = key_load(key_p256), *public = NULL;
    CLEANUP(crypto_key_unrefp) struct crypto_key *got = NULL;
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_ENVELOPE_MAX);

    CHECK(own && k && p256);
    CHECK_OK(crypto_key_from_spki(crypto_key_spki(own), &public, NULL));
    CHECK_OK(x509_envelope_seal(k, public, &der));
    CHECK_OK(x509_envelope_open(own, buf_str(&der), &got, NULL));
    CHECK(crypto_key_same(got, k) && crypto_key_has_private(got));
    CHECK_RC(x509_envelope_open(k, buf_str(&der), &got, NULL), RC_DENIED);
    CHECK_RC(x509_envelope_open(public, buf_str(&der), &got, NULL), RC_INVAL);
    CHECK_RC(x509_envelope_seal(public, own, &der), RC_INVAL);
    CHECK_RC(x509_envelope_seal(p256, own, &der), RC_INVAL);
    CHECK_RC(x509_envelope_seal(k, p256, &der), RC_INVAL);
}

static void every_damaged_byte_is_seen(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *own = key_load(key_sm2), *k = NULL;
    CLEANUP(buf_done) struct buf der = BUF_INIT(X509_ENVELOPE_MAX);

    CHECK(own);
    CHECK_OK(load("good", &der));
    for (size_t i = 0; i < der.n; i++) {
        der.p[i] ^= 1;
        CHECK(x509_envelope_open(own, buf_str(&der), &k, NULL) != RC_OK);
        der.p[i] ^= 1;
        CHECK(x509_envelope_open(own, str_head(buf_str(&der), i), &k, NULL) != RC_OK);
    }
    CHECK(!k);
}

CHECK_MAIN_WITH(crypto_init() == RC_OK, crypto_done(), CHECK_TEST(those_of_others_open),
                CHECK_TEST(what_is_wrong_does_not_open), CHECK_TEST(there_and_back),
                CHECK_TEST_ONCE(every_damaged_byte_is_seen))
