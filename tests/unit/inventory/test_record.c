/* SPDX-License-Identifier: Apache-2.0 */
/* What a scan wrote is read again: what it may say, what of a certificate is believed, and bounds
 * against strangers. */
#include "check.h"

#include <stdio.h>

#include "base/text.h"
#include "crypto/crypto.h"
#include "inventory/record.h"
#include "json/json.h"
#include "unit/x509/pki.h"

#define NOW (PKI_FROM + WHEN_DAY)
#define WHERE                                                                                      \
    "\"endpoint\":\"10.1.2.3:443/wiki.hospital.example\",\"protocol\":\"tls\","                    \
    "\"address\":\"10.1.2.3\",\"port\":443,\"name\":\"wiki.hospital.example\""
#define SEEN "\"time\":\"2027-01-15T09:00:00Z\",\"state\":\"tls\""

struct test {
    struct pki pki;
    struct arena a;
    struct json_doc *doc;
    struct store_endpoint got;
    struct err err;
};

static void test_done(struct test *t)
{
    json_free(t->doc);
    arena_done(&t->a);
    pki_done(&t->pki);
}

static enum rc read(struct test *t, const char *text)
{
    json_free(t->doc);
    t->doc = NULL;
    arena_done(&t->a);
    arena_init(&t->a, 1 << 20);
    t->err = ERR_INIT;
    TRY(json_parse(str_of(text), 256 * 1024, &t->doc, NULL));
    return inventory_record_read(&t->a, json_root(t->doc), NOW, &t->got, &t->err);
}

static void whole(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(buf_done) struct buf chain = BUF_INIT(1), text = BUF_INIT(64 * 1024);

    CHECK_OK(crypto_init());
    CHECK_OK(pki_init(&t.pki));
    CHECK_OK(pki_chain(&t.pki, t.pki.leaf_key, &chain));
    buf_putz(&text,
             "{" WHERE "," SEEN ",\"versions\":[\"TLSv1.2\",\"TLSv1.3\"],\"groups\":[\"X25519\"],"
             "\"verdicts\":[\"ours\",\"weak\"],\"weak\":\"because\",\"leaf\":{\"sha256\":"
             "\"what a liar says\"},\"chain\":\"");
    text_json_escape(&text, buf_str(&chain));
    buf_putz(&text, "\"}");
    CHECK_OK(buf_rc(&text));
    CHECK_OK(read(&t, buf_z(&text)));
    CHECK_STR(t.got.endpoint, "10.1.2.3:443/wiki.hospital.example");
    CHECK_STR(t.got.versions, "TLSv1.2 TLSv1.3");
    CHECK_STR(t.got.groups, "X25519");
    CHECK_STR(t.got.weak, "because");
    CHECK_INT(t.got.verdicts, INVENTORY_OURS | INVENTORY_WEAK);
    CHECK(t.got.state == STORE_ENDPOINT_TLS && t.got.port == 443 && t.got.shown);
    CHECK_STR(t.got.seen.issuer, "O = Example Hospital, CN = Example Issuer");
    CHECK_STR(t.got.seen.names, "[\"wiki.hospital.example\",\"*.apps.hospital.example\","
                                "\"10.0.3.7\",\"fd00::7\"]");
    CHECK_STR(t.got.seen.key, "EC P-256");
    CHECK_STR(t.got.seen.signature, "RSA with SHA-256");
    CHECK_INT(t.got.seen.not_after, PKI_LEAF_TO - WHEN_SECOND);
    CHECK_INT(t.got.seen.serial.n, 16);
    CHECK(t.got.id.z[0] != 0);
}

/* Clocks elsewhere may be ahead. */
static void times(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(crypto_init());
    CHECK_OK(read(&t, "{" WHERE ",\"time\":\"2399-01-01T00:00:00Z\",\"state\":\"other\"}"));
    CHECK_INT(t.got.last_seen, NOW);
    CHECK(t.got.state == STORE_ENDPOINT_OTHER && !t.got.shown);
}

static void unreadable(void)
{
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(crypto_init());
    CHECK_OK(read(&t, "{" WHERE "," SEEN ",\"verdicts\":[\"unreadable\"],\"chain\":"
                      "\"-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\\n\"}"));
    CHECK(t.got.shown && t.got.seen.der.n == 3 && t.got.seen.not_after == 0);
    CHECK(t.got.seen.names.n == 0 && t.got.seen.serial.n == 0);
}

static void wrong(void)
{
    static const struct {
        const char *text, *member;
    } cases[] = {
        {"[]", "endpoint"},
        {"{}", "endpoint"},
        {"{\"endpoint\":\"x\\u001b\"}", "endpoint"},
        {"{\"endpoint\":7}", "endpoint"},
        {"{\"endpoint\":\"x\",\"protocol\":\"tls\",\"address\":\"nowhere\"}", "address"},
        {"{\"endpoint\":\"x\",\"protocol\":\"tls\",\"address\":\"::1\",\"port\":65536}", "port"},
        {"{\"endpoint\":\"x\",\"protocol\":\"tls\",\"address\":\"::1\",\"port\":0}", "port"},
        {"{" WHERE "}", "time"},
        {"{" WHERE ",\"time\":\"yesterday\"}", "time"},
        {"{" WHERE ",\"time\":\"2027-01-15T09:00:00Z\",\"state\":\"closed\"}", "state"},
        {"{" WHERE "," SEEN ",\"verdicts\":[\"splendid\"]}", "verdicts"},
        /* What takes the register is not for a scan to say. */
        {"{" WHERE "," SEEN ",\"verdicts\":[\"current\"]}", "verdicts"},
        {"{" WHERE "," SEEN ",\"versions\":[7]}", "versions"},
        {"{" WHERE "," SEEN ",\"chain\":\"no PEM\"}", "chain"},
        {"{" WHERE "," SEEN ",\"chain\":7}", "chain"},
    };
    CLEANUP(test_done) struct test t = {};

    CHECK_OK(crypto_init());
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_RC(read(&t, cases[i].text), RC_INVAL);
        CHECK_STR(str_bytes(t.err.args, t.err.end[0]), cases[i].member);
    }
}

static void long_texts(void)
{
    CLEANUP(test_done) struct test t = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(64 * 1024);

    CHECK_OK(crypto_init());
    buf_putz(&text, "{" WHERE "," SEEN ",\"why\":\"");
    for (int i = 0; i < 3000; i++)
        buf_putz(&text, "é");
    buf_putz(&text, "\"}");
    CHECK_OK(read(&t, buf_z(&text)));
    CHECK(t.got.why.n <= STORE_TEXT_MAX && t.got.why.n > STORE_TEXT_MAX - 2);
    buf_reset(&text);
    buf_putz(&text, "{\"endpoint\":\"");
    for (int i = 0; i <= STORE_ENDPOINT_TEXT; i++)
        buf_putz(&text, "x");
    buf_putz(&text, "\"}");
    CHECK_RC(read(&t, buf_z(&text)), RC_INVAL);
}

static void words(void)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(256);

    for (unsigned i = 0; i < INVENTORY_VERDICTS; i++)
        CHECK_INT(inventory_verdict_bit(str_of(inventory_verdict_text(i))), 1U << i);
    CHECK_INT(inventory_verdict_bit(STR("ou")), 0);
    inventory_verdicts_put(INVENTORY_OURS | INVENTORY_REVOKED, &text);
    CHECK_STR(buf_str(&text), "ours revoked");
}

CHECK_MAIN(CHECK_TEST(whole), CHECK_TEST(times), CHECK_TEST(unreadable), CHECK_TEST(wrong),
           CHECK_TEST(long_texts), CHECK_TEST(words))
