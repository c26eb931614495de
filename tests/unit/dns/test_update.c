/* SPDX-License-Identifier: Apache-2.0 */
/* Updates, signatures and the search for zones, byte by byte; name servers of others say whether
 * they are right (scenario obtain_dns). */
#include "check.h"

#include "base/text.h"
#include "crypto/crypto.h"
#include "dns/tsig.h"
#include "dns/update.h"

#define NOW (INT64_C(1'800'000'000) * WHEN_SECOND)

static const struct dns_update one = {.id = 0x1234,
                                      .zone = STR("A.Example"),
                                      .name = STR("_x.a.example"),
                                      .text = STR("hi"),
                                      .ttl = 60};

static void updates(void)
{
    static const char add[] = "12342800"
                              "0001000000010000"
                              "0161076578616d706c6500"
                              "00060001"
                              "025f780161076578616d706c6500"
                              "00100001"
                              "0000003c"
                              "0003"
                              "026869";
    static const char remove[] = "12342800"
                                 "0001000000010000"
                                 "0161076578616d706c6500"
                                 "00060001"
                                 "025f780161076578616d706c6500"
                                 "001000fe"
                                 "00000000"
                                 "0003"
                                 "026869";
    CLEANUP(buf_done) struct buf b = BUF_INIT(DNS_UPDATE_MAX), hex = BUF_INIT(4096);
    struct dns_update u = one;
    char name[64];

    CHECK_OK(dns_update_put(&u, &b));
    text_hex(&hex, buf_str(&b));
    CHECK_STR(buf_str(&hex), add);
    buf_reset(&b);
    buf_reset(&hex);
    u.remove = true;
    CHECK_OK(dns_update_put(&u, &b));
    text_hex(&hex, buf_str(&b));
    CHECK_STR(buf_str(&hex), remove);

    u.name = STR("a..b");
    buf_reset(&b);
    CHECK_RC(dns_update_put(&u, &b), RC_INVAL);
    memset(name, 'x', sizeof(name));
    u.name = str_bytes(name, sizeof(name));
    buf_reset(&b);
    CHECK_RC(dns_update_put(&u, &b), RC_INVAL);
}

static void long_texts(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(DNS_UPDATE_MAX);
    struct dns_update u = one;
    char text[DNS_TXT_MAX + 1];

    memset(text, 't', sizeof(text));
    u.text = str_bytes(text, 300);
    CHECK_OK(dns_update_put(&u, &b));
    CHECK_INT(dns_u16(buf_str(&b), b.n - 304), 302); /* two strings and their lengths */
    CHECK_INT((unsigned char)b.p[b.n - 302], 255);
    CHECK_INT((unsigned char)b.p[b.n - 46], 45);
    buf_reset(&b);
    u.text = str_bytes(text, sizeof(text));
    CHECK_RC(dns_update_put(&u, &b), RC_TOOBIG);
}

static enum rc unhex(const char *hex, struct buf *out)
{
    buf_reset(out);
    return text_unhex(str_of(hex), out);
}

static void answers(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(4096);
    unsigned rcode = 99;

    CHECK_OK(unhex("1234a8050000000000000000", &b));
    CHECK_OK(dns_update_read(buf_str(&b), 0x1234, &rcode));
    CHECK_INT(rcode, DNS_REFUSED);
    CHECK_RC(dns_update_read(buf_str(&b), 0x1235, &rcode), RC_PARSE);
    CHECK_OK(unhex("123480050000000000000000", &b)); /* an answer to a query */
    CHECK_RC(dns_update_read(buf_str(&b), 0x1234, &rcode), RC_PARSE);
    CHECK_OK(unhex("12342805000000000000", &b));
    CHECK_RC(dns_update_read(buf_str(&b), 0x1234, &rcode), RC_PARSE);
}

#define QUESTION                                                                                   \
    "025f780161076578616d706c6500"                                                                 \
    "00060001"

static void zones(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(4096);
    struct dns_soa soa;

    /* The zone by the SOA in the authority section, its name by a pointer. */
    CHECK_OK(unhex("0001840300010000"
                   "00010000" QUESTION "c011"
                   "00060001"
                   "0000003c"
                   "0002"
                   "c00c",
                   &b));
    CHECK_OK(dns_soa_read(buf_str(&b), 1, &soa));
    CHECK_INT(soa.rcode, DNS_NXDOMAIN);
    CHECK_STR(str_of(soa.zone), "example");
    CHECK_STR(str_of(soa.alias), "");

    /* An alias. */
    CHECK_OK(unhex("0001840000010001"
                   "00000000" QUESTION "c00c"
                   "00050001"
                   "0000003c"
                   "0004"
                   "0179c011",
                   &b));
    CHECK_OK(dns_soa_read(buf_str(&b), 1, &soa));
    CHECK_STR(str_of(soa.alias), "y.example");
    CHECK_STR(str_of(soa.zone), "");

    CHECK_RC(dns_soa_read(buf_str(&b), 2, &soa), RC_PARSE);
    CHECK_RC(dns_soa_read(str_head(buf_str(&b), b.n - 1), 1, &soa), RC_PARSE);
    /* A name that leads to itself. */
    CHECK_OK(unhex("0001840000000001"
                   "00000000"
                   "c00c"
                   "00060001"
                   "0000003c"
                   "0000",
                   &b));
    CHECK_RC(dns_soa_read(buf_str(&b), 1, &soa), RC_PARSE);
}

static struct dns_tsig_key key_of(enum crypto_hash_alg alg)
{
    struct dns_tsig_key key = {.name = "acme", .alg = alg, .n = 16};

    memset(key.secret, 0x5a, key.n);
    return key;
}

/* A server's answer to a signed message: signed over the request's MAC, as RFC 8945 section 5.3
 * wants it, by the same function with that MAC in front. */
static enum rc answer(const struct dns_tsig_key *key, const struct dns_tsig_sent *request,
                      struct buf *out)
{
    CLEANUP(buf_done) struct buf work = BUF_INIT(4096);
    unsigned char mac[CRYPTO_HASH_MAX];
    static const char body[] = "\x12\x34\xa8\x00\0\0\0\0\0\0\0\0";
    static const char times[] = "\0\0\x6b\x49\xd2\0\x01\x2c"; /* NOW, 300 */
    size_t n = crypto_hash_size(key->alg);

    buf_u16(&work, (uint16_t)request->n);
    buf_put(&work, request->mac, request->n);
    buf_put(&work, body, 12);
    TRY(dns_name_put(str_of(key->name), &work));
    buf_put(&work, "\0\xff\0\0\0\0", 6);
    TRY(dns_name_put(STR("hmac-sha256"), &work));
    buf_put(&work, times, 8);
    buf_u32(&work, 0);
    TRY(crypto_hmac(key->alg, str_bytes(key->secret, key->n), buf_str(&work), mac));
    buf_reset(out);
    buf_put(out, body, 12);
    TRY(buf_rc(out));
    out->p[11] = 1;
    TRY(dns_name_put(str_of(key->name), out));
    buf_put(out, "\0\xfa\0\xff\0\0\0\0", 8);
    buf_u16(out, (uint16_t)(13 + 8 + 2 + n + 6));
    TRY(dns_name_put(STR("hmac-sha256"), out));
    buf_put(out, times, 8);
    buf_u16(out, (uint16_t)n);
    buf_put(out, mac, n);
    buf_put(out, "\x12\x34\0\0\0\0", 6);
    return buf_rc(out);
}

static void signatures(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(4096), got = BUF_INIT(4096);
    struct dns_tsig_key key = key_of(CRYPTO_SHA256), other = key;
    struct dns_tsig_sent sent;
    struct err err = ERR_INIT;

    CHECK_OK(crypto_init());
    CHECK_OK(dns_update_put(&one, &b));
    CHECK_OK(dns_tsig_sign(&key, NOW, &b, &sent));
    CHECK_INT(sent.n, 32);
    CHECK_INT(dns_u16(buf_str(&b), 10), 1);
    CHECK_OK(answer(&key, &sent, &got));
    CHECK_OK(dns_tsig_check(&key, &sent, buf_str(&got), NOW, &err));

    /* Another secret, another request, a bit that was turned, another time, no signature. */
    other.secret[0] ^= 1;
    CHECK_RC(dns_tsig_check(&other, &sent, buf_str(&got), NOW, &err), RC_DENIED);
    CHECK_STR(str_of(err.msg->code), "dns.tsig-forged");
    got.p[3] ^= 5;
    CHECK_RC(dns_tsig_check(&key, &sent, buf_str(&got), NOW, &err), RC_DENIED);
    got.p[3] ^= 5;
    CHECK_RC(dns_tsig_check(&key, &sent, buf_str(&got), NOW + WHEN_HOUR, &err), RC_DENIED);
    CHECK_STR(str_of(err.msg->code), "dns.tsig-bad-time");
    sent.mac[0] ^= 1;
    CHECK_RC(dns_tsig_check(&key, &sent, buf_str(&got), NOW, &err), RC_DENIED);
    CHECK_RC(dns_tsig_check(&key, &sent, str_head(buf_str(&got), 12), NOW, &err), RC_PARSE);
    got.p[11] = 0;
    CHECK_RC(dns_tsig_check(&key, &sent, str_head(buf_str(&got), 12), NOW, &err), RC_DENIED);
    CHECK_STR(str_of(err.msg->code), "dns.tsig-missing");
}

static void algorithms(void)
{
    static const enum crypto_hash_alg algs[] = {CRYPTO_SHA256, CRYPTO_SHA384, CRYPTO_SHA512};
    enum crypto_hash_alg alg;

    CHECK_OK(crypto_init());
    for (size_t i = 0; i < 3; i++) {
        CLEANUP(buf_done) struct buf b = BUF_INIT(4096);
        struct dns_tsig_key key = key_of(algs[i]);
        struct dns_tsig_sent sent;

        CHECK_OK(dns_update_put(&one, &b));
        CHECK_OK(dns_tsig_sign(&key, NOW, &b, &sent));
        CHECK_INT(sent.n, crypto_hash_size(algs[i]));
    }
    CHECK_OK(dns_tsig_alg_parse(STR("HMAC-SHA384."), &alg));
    CHECK_INT(alg, CRYPTO_SHA384);
    CHECK_RC(dns_tsig_alg_parse(STR("hmac-sha1"), &alg), RC_UNSUPPORTED);
}

CHECK_MAIN(CHECK_TEST(updates), CHECK_TEST(long_texts), CHECK_TEST(answers), CHECK_TEST(zones),
           CHECK_TEST(signatures), CHECK_TEST(algorithms))
