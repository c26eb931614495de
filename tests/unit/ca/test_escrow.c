/* SPDX-License-Identifier: Apache-2.0 */
/* The key of escrow: what counts as one, and what does not. */
#include "check.h"

#include "base/text.h"
#include "ca/escrow.h"
#include "conf/conf.h"
#include "crypto/key.h"
#include "crypto/pem.h"
#include "keys.h"

/* "PUBLIC KEY" of those bytes. */
static void put_public(struct str spki, struct buf *out)
{
    buf_reset(out);
    text_pem(out, STR("PUBLIC KEY"), spki);
}

static enum rc read_text(struct str pem, struct crypto_key **out, struct err *err)
{
    struct conf conf = {.ca = {.escrow = STR("escrow.pem"), .escrow_key = pem}};

    return ca_escrow_key(&conf, out, err);
}

static bool says(const struct err *err, const char *words)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(4096);

    err_text(err, &text);
    return strstr(buf_z(&text), words) != NULL;
}

static void a_public_key_of_sm2(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *own = key_load(key_sm2), *read = NULL;
    CLEANUP(buf_done) struct buf pem = BUF_INIT(4096);

    CHECK(own);
    put_public(crypto_key_spki(own), &pem);
    CHECK_OK(buf_rc(&pem));
    CHECK_OK(read_text(buf_str(&pem), &read, NULL));
    CHECK(crypto_key_same(own, read));
    CHECK(!crypto_key_has_private(read));
}

static void none_is_none(void)
{
    struct crypto_key *read = (struct crypto_key *)1;
    struct conf conf = {};

    CHECK_OK(ca_escrow_key(&conf, &read, NULL));
    CHECK(!read);
}

static void others_are_refused(void)
{
    static const struct {
        const char *pem, *kind;
    } others[] = {{key_p256, "EC P-256"}, {key_rsa, "RSA"}, {key_ed25519, "Ed25519"}};
    CLEANUP(buf_done) struct buf pem = BUF_INIT(8192);
    struct crypto_key *read = NULL;

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *own = key_load(others[i].pem);
        struct err err = ERR_INIT;

        CHECK(own);
        put_public(crypto_key_spki(own), &pem);
        CHECK_RC(read_text(buf_str(&pem), &read, &err), RC_INVAL);
        CHECK(says(&err, others[i].kind));
        CHECK(says(&err, "escrow.pem"));
    }
    CHECK(!read);
}

static void a_point_beside_the_curve_is_refused(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *own = key_load(key_sm2);
    CLEANUP(buf_done) struct buf pem = BUF_INIT(4096), spki = BUF_INIT(CRYPTO_SPKI_MAX);
    struct crypto_key *read = NULL;
    struct err err = ERR_INIT;

    CHECK(own);
    buf_puts(&spki, crypto_key_spki(own));
    spki.p[spki.n - 1] ^= 1;
    put_public(buf_str(&spki), &pem);
    CHECK_RC(read_text(buf_str(&pem), &read, &err), RC_INVAL);
    CHECK(says(&err, "no public key of SM2 that could be used"));
    spki.n--; /* and half a number */
    put_public(buf_str(&spki), &pem);
    CHECK_RC(read_text(buf_str(&pem), &read, NULL), RC_INVAL);
    CHECK(!read);
}

static void what_is_no_key_is_refused(void)
{
    static const char *const texts[] = {
        "",
        "key: value\n",
        "-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\n",
        "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
        key_sm2};
    struct crypto_key *read = NULL;

    CHECK_OK(crypto_init());
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        CHECK_RC(read_text(str_of(texts[i]), &read, NULL), RC_INVAL);
    CHECK(!read);
}

CHECK_MAIN(CHECK_TEST(a_public_key_of_sm2), CHECK_TEST(none_is_none),
           CHECK_TEST_ONCE(others_are_refused),
           CHECK_TEST_ONCE(a_point_beside_the_curve_is_refused),
           CHECK_TEST_ONCE(what_is_no_key_is_refused))
