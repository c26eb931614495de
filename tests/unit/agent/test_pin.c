/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "agent/pin.h"
#include "agent/trust.h"
#include "crypto/hash.h"
#include "unit/x509/pki.h"

static void fingerprints(void)
{
    static const char *const good[] = {
        "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff",
        "SHA256:00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff",
        "sha256:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:aa:"
        "bb:"
        "cc:dd:ee:ff",
    };
    static const char *const bad[] = {
        "",
        "SHA256:",
        "SHA1:0011",
        "x0112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff",
        "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddee",
        "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff0"};
    unsigned char pin[AGENT_PIN_BYTES];

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CHECK_OK(agent_pin_parse(str_of(good[i]), pin));
        CHECK(pin[0] == 0 && pin[1] == 0x11 && pin[31] == 0xff);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_RC(agent_pin_parse(str_of(bad[i]), pin), RC_PARSE);
}

struct test {
    struct pki pki;
    struct buf chain, out;
    struct agent_pin_seen seen;
    unsigned char root[AGENT_PIN_BYTES], issuer[AGENT_PIN_BYTES];
};

static void test_done(struct test *t)
{
    pki_done(&t->pki);
    buf_done(&t->chain);
    buf_done(&t->out);
    buf_done(&t->seen.names);
    buf_done(&t->seen.issuer_at);
}

static enum rc test_init(struct test *t)
{
    TRY(crypto_init());
    TRY(pki_init(&t->pki));
    TRY(pki_chain(&t->pki, t->pki.leaf_key, &t->chain));
    buf_init(&t->out, AGENT_PIN_FILE_MAX);
    TRY(crypto_sha256(buf_str(&t->pki.root_der), t->root));
    return crypto_sha256(buf_str(&t->pki.issuer_der), t->issuer);
}

static enum rc find(struct test *t, struct str text, const unsigned char *pin)
{
    buf_done(&t->seen.names);
    buf_done(&t->seen.issuer_at);
    return agent_pin_find(text, pin, &t->seen, &t->out);
}

static void finds_the_root_alone(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(buf_done) struct buf all = BUF_INIT(AGENT_PIN_FILE_MAX);

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_RC(find(&t, buf_str(&t.chain), t.root), RC_NOTFOUND);
    CHECK_INT(t.seen.n, 2);
    CHECK(strstr(buf_z(&t.seen.names), " SHA256:"));
    CHECK_INT(t.out.n, 0);
    /* An issuer is none, though its fingerprint is right. */
    CHECK_RC(find(&t, buf_str(&t.chain), t.issuer), RC_DENIED);
    CHECK_OK(find(&t, buf_str(&t.pki.root_der), t.root));
    CHECK(str_starts(buf_str(&t.out), STR("-----BEGIN CERTIFICATE")));
    buf_reset(&t.out);
    buf_putz(&all, "text\n");
    buf_puts(&all, buf_str(&t.chain));
    x509_cert_put_pem(buf_str(&t.pki.root_der), &all);
    CHECK_OK(buf_rc(&all));
    CHECK_OK(find(&t, buf_str(&all), t.root));
    CHECK(t.out.n > 0);
    t.root[31] ^= 1;
    CHECK_RC(find(&t, buf_str(&all), t.root), RC_NOTFOUND);
    CHECK_INT(t.seen.n, 3);
}

static void nonsense(void)
{
    static const char *const texts[] = {"", "x", "0", "0\x82\x01",
                                        "-----BEGIN CERTIFICATE-----\nAA"};
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        CHECK_RC(find(&t, str_of(texts[i]), t.root), RC_NOTFOUND);
    CHECK_INT(t.out.n, 0);
}

/* Beside this machine's roots a file's counts, too; a pinned one is all there is. */
static void alone(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(agent_trust_done) struct agent_trust trust = {};

    CHECK_OK(CHECK_SPARED(test_init(&t)));
    CHECK_OK(find(&t, buf_str(&t.pki.root_der), t.root));
    CHECK_OK(agent_trust_load(&trust, STR(""), buf_str(&t.out), NULL));
    CHECK_INT(trust.n_roots, 1);
    CHECK(str_eq(trust.roots[0], buf_str(&t.pki.root_der)));
}

CHECK_MAIN(CHECK_TEST(fingerprints), CHECK_TEST(finds_the_root_alone), CHECK_TEST(nonsense),
           CHECK_TEST(alone))
