/* SPDX-License-Identifier: Apache-2.0 */
/* Key schedule and records against known answers, and records that were tampered with. */
#include "check.h"

#include "base/text.h"
#include "crypto/crypto.h"
#include "crypto/sm2.h"
#include "tlcp/tlcp_int.h"

/* Made by a client that spoke to Tongsuo and GmSSL: premaster 0101 00 01 ... 2d, randoms of 11 and
 * 22. */
#define MASTER                                                                                     \
    "49cea954d7c2c1a933db2737301bcc0447485384ad8262844ae09700b3e0ef0907be25e04c2d72950b148594"     \
    "a82ee58f"
#define KEY_BLOCK                                                                                  \
    "a5af1acee5ced8fe4936d6f2a0fae91dd96fd3a9d9a459bce5ba41a7e96c508275ebb73588c67fc0287930e1"     \
    "28fbf177da953c0b16a90363cbabee6f46e67e3aed0384d54dcccc12d6212112f1f5c5cd32b4175ea00e431d"     \
    "ee0f912957131aa6405f14823a4285c7af8e613fd4ba6d8b5979588500bb4634ff7faae7f2842f16"
#define SM3_ABC "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
#define RECORD_CBC                                                                                 \
    "170101004033333333333333333333333333333333fc2e517fc47e1d80ece3e200df28908dd51e05710943"       \
    "dde91dec67a0bdcbc1c4995e2fbf53745e28cfdd3ae9e3424707"
#define RECORD_GCM "17010100220000000000000000a4011a2a13ba014d407938af7510b1cefd22ee830594915697df"

static bool is_hex(const void *p, size_t n, const char *want)
{
    CLEANUP(buf_done) struct buf hex = BUF_INIT(1024);

    text_hex(&hex, str_bytes(p, n));
    return str_eq(buf_str(&hex), str_of(want));
}

static enum rc unhex(const char *hex, unsigned char *out, size_t n)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(1024);

    TRY(text_unhex(str_of(hex), &b));
    if (b.n != n)
        return RC_INVAL;
    memcpy(out, b.p, n);
    return RC_OK;
}

static void keys_as_known(void)
{
    unsigned char premaster[48] = {1, 1}, client[32], server[32], out[128], digest[32];

    for (size_t i = 2; i < sizeof(premaster); i++)
        premaster[i] = (unsigned char)(i - 2);
    memset(client, 0x11, sizeof(client));
    memset(server, 0x22, sizeof(server));
    CHECK_OK(tlcp_prf(str_bytes(premaster, 48), "master secret", str_bytes(client, 32),
                      str_bytes(server, 32), out, 48));
    CHECK(is_hex(out, 48, MASTER));
    memcpy(premaster, out, 48);
    CHECK_OK(tlcp_prf(str_bytes(premaster, 48), "key expansion", str_bytes(server, 32),
                      str_bytes(client, 32), out, 128));
    CHECK(is_hex(out, 128, KEY_BLOCK));
    CHECK_OK(unhex(SM3_ABC, digest, sizeof(digest)));
    CHECK_OK(tlcp_prf(str_bytes(premaster, 48), "client finished", str_bytes(digest, 32), STR(""),
                      out, 12));
    CHECK(is_hex(out, 12, "623fa2fe62ef483ca87fc8b6"));
    CHECK_OK(tlcp_prf(str_bytes(premaster, 48), "server finished", str_bytes(digest, 32), STR(""),
                      out, 12));
    CHECK(is_hex(out, 12, "816a42fc01486bf64340d631"));
}

/* The keys with which the known client writes. */
static enum rc client_keys(struct tlcp_guard *g, uint16_t suite, bool seals)
{
    unsigned char block[128];
    struct tlcp_guard_keys cbc = {block, block + 64, NULL}, gcm = {NULL, block, block + 32};

    TRY(unhex(KEY_BLOCK, block, sizeof(block)));
    return tlcp_guard_init(g, tlcp_suite_find(suite), seals,
                           suite == TLCP_ECC_SM4_CBC_SM3 ? cbc : gcm);
}

static void known_records_are_opened(void)
{
    static const struct {
        uint16_t suite;
        const char *record;
        size_t n;
    } cases[] = {{TLCP_ECC_SM4_CBC_SM3, RECORD_CBC, 69}, {TLCP_ECC_SM4_GCM_SM3, RECORD_GCM, 39}};

    for (size_t i = 0; i < 2; i++) {
        CLEANUP(tlcp_guard_done) struct tlcp_guard g = {};
        unsigned char record[128];
        struct str plain;

        CHECK_OK(unhex(cases[i].record, record, cases[i].n));
        CHECK_OK(client_keys(&g, cases[i].suite, false));
        CHECK_OK(tlcp_guard_open(&g, TLCP_DATA, record + 5, cases[i].n - 5, &plain));
        CHECK_STR(plain, "hello tlcp");
        /* The same once more has another number. */
        CHECK_OK(unhex(cases[i].record, record, cases[i].n));
        CHECK_RC(tlcp_guard_open(&g, TLCP_DATA, record + 5, cases[i].n - 5, &plain), RC_DENIED);
    }
}

static void the_known_record_is_made(void)
{
    CLEANUP(tlcp_guard_done) struct tlcp_guard g = {};
    CLEANUP(buf_done) struct buf out = BUF_INIT(128);

    CHECK_OK(client_keys(&g, TLCP_ECC_SM4_GCM_SM3, true));
    CHECK_OK(tlcp_guard_seal(&g, TLCP_DATA, STR("hello tlcp"), &out));
    CHECK(is_hex(out.p, out.n, RECORD_GCM));
}

static const uint16_t codes[] = {TLCP_ECC_SM4_CBC_SM3, TLCP_ECC_SM4_GCM_SM3};

static void what_is_sealed_is_opened(void)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 63, 64, 1000, TLCP_PLAIN_MAX};
    CLEANUP(mem_freep) char *bytes = mem_calloc(1, TLCP_PLAIN_MAX);

    CHECK(bytes);
    for (size_t i = 0; i < 2; i++) {
        CLEANUP(tlcp_guard_done) struct tlcp_guard seals = {}, opens = {};

        CHECK_OK(client_keys(&seals, codes[i], true));
        CHECK_OK(client_keys(&opens, codes[i], false));
        for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
            CLEANUP(buf_done) struct buf out = BUF_INIT(TLCP_RECORD_MAX);
            struct str plain;

            CHECK_OK(tlcp_guard_seal(&seals, TLCP_DATA, str_bytes(bytes, sizes[k]), &out));
            CHECK_INT(out.n - 5, (unsigned char)out.p[3] << 8 | (unsigned char)out.p[4]);
            CHECK_OK(
                tlcp_guard_open(&opens, TLCP_DATA, (unsigned char *)out.p + 5, out.n - 5, &plain));
            CHECK(str_eq(plain, str_bytes(bytes, sizes[k])));
        }
    }
}

/* Every bit of a record, its type, and where it is cut off. */
static void tampering_is_seen(void)
{
    for (size_t i = 0; i < 2; i++) {
        CLEANUP(buf_done) struct buf out = BUF_INIT(TLCP_RECORD_MAX);
        CLEANUP(tlcp_guard_done) struct tlcp_guard seals = {}, opens = {};
        unsigned char copy[256];
        struct str plain;

        CHECK_OK(client_keys(&seals, codes[i], true));
        CHECK_OK(client_keys(&opens, codes[i], false));
        CHECK_OK(tlcp_guard_seal(&seals, TLCP_DATA, STR("attack at dawn, or at dusk"), &out));
        for (size_t bit = 0; bit < (out.n - 5) * 8; bit++) {
            opens.sequence = 0;
            memcpy(copy, out.p + 5, out.n - 5);
            copy[bit / 8] ^= (unsigned char)(1 << bit % 8);
            CHECK_RC(tlcp_guard_open(&opens, TLCP_DATA, copy, out.n - 5, &plain), RC_DENIED);
        }
        for (size_t n = 0; n < out.n - 5; n++) {
            opens.sequence = 0;
            memcpy(copy, out.p + 5, n);
            CHECK_RC(tlcp_guard_open(&opens, TLCP_DATA, copy, n, &plain), RC_DENIED);
        }
        opens.sequence = 0;
        memcpy(copy, out.p + 5, out.n - 5);
        CHECK_RC(tlcp_guard_open(&opens, TLCP_HANDSHAKE, copy, out.n - 5, &plain), RC_DENIED);
    }
}

static void in_the_clear(void)
{
    CLEANUP(tlcp_guard_done) struct tlcp_guard g = {};
    CLEANUP(buf_done) struct buf out = BUF_INIT(64);
    struct str plain;

    CHECK_OK(tlcp_guard_seal(&g, TLCP_HANDSHAKE, STR("hello"), &out));
    CHECK(str_eq(buf_str(&out), STR("\x16\x01\x01\0\x05hello")));
    CHECK_OK(tlcp_guard_open(&g, TLCP_HANDSHAKE, (unsigned char *)out.p + 5, 5, &plain));
    CHECK_STR(plain, "hello");
    CHECK_RC(
        tlcp_guard_open(&g, TLCP_HANDSHAKE, (unsigned char *)out.p, TLCP_PLAIN_MAX + 1, &plain),
        RC_TOOBIG);
}

/* Anything that is no premaster of this version becomes one that only we know. */
static void bad_premasters_are_replaced(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;
    static const size_t lengths[] = {47, 48, 48, 49};
    static const char versions[][2] = {{1, 1}, {3, 3}, {1, 0}, {1, 1}};
    unsigned char out[TLCP_PREMASTER], again[TLCP_PREMASTER];

    CHECK_OK(crypto_key_generate((struct crypto_key_spec){CRYPTO_KEY_SM2, 0}, &k));
    for (size_t i = 0; i < 4; i++) {
        CLEANUP(buf_done) struct buf sealed = BUF_INIT(CRYPTO_SM2_CIPHER_MAX);
        char plain[64] = {versions[i][0], versions[i][1], 'x'};

        CHECK_OK(crypto_sm2_encrypt(k, str_bytes(plain, lengths[i]), &sealed));
        CHECK_OK(tlcp_premaster_take(k, buf_str(&sealed), out));
        CHECK(memcmp(out, plain, TLCP_PREMASTER) != 0);
        CHECK_OK(tlcp_premaster_take(k, buf_str(&sealed), again));
        CHECK(memcmp(out, again, TLCP_PREMASTER) != 0);
        plain[0] = plain[1] = 1;
        buf_reset(&sealed);
        CHECK_OK(crypto_sm2_encrypt(k, str_bytes(plain, TLCP_PREMASTER), &sealed));
        CHECK_OK(tlcp_premaster_take(k, buf_str(&sealed), out));
        CHECK(memcmp(out, plain, TLCP_PREMASTER) == 0);
        CHECK_OK(tlcp_premaster_take(k, STR("\x30\x03\x02\x01\x01"), out));
        CHECK(memcmp(out, plain, TLCP_PREMASTER) != 0);
    }
}

CHECK_MAIN_WITH(crypto_init() == RC_OK, crypto_done(), CHECK_TEST(keys_as_known),
                CHECK_TEST(known_records_are_opened), CHECK_TEST(the_known_record_is_made),
                CHECK_TEST(what_is_sealed_is_opened), CHECK_TEST(tampering_is_seen),
                CHECK_TEST(in_the_clear), CHECK_TEST(bad_premasters_are_replaced))
