/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/text.h"
#include "crypto/crypto.h"
#include "crypto/hash.h"

static bool is_hex(const unsigned char *p, size_t n, const char *hex)
{
    CLEANUP(buf_done) struct buf b = {};

    buf_init(&b, 2 * n);
    text_hex(&b, str_bytes(p, n));
    return str_eq(buf_str(&b), str_of(hex));
}

/* FIPS 180-4, examples of NIST; GB/T 32905 appendix A.1 */
static const struct {
    enum crypto_hash_alg alg;
    size_t size;
    const char *abc;
} digests[] = {
    {CRYPTO_SHA256, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {CRYPTO_SHA384, 48,
     "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
     "8086072ba1e7cc2358baeca134c825a7"},
    {CRYPTO_SHA512, 64,
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
    {CRYPTO_SM3, 32, "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"},
};

static void digests_are_right(void)
{
    unsigned char out[CRYPTO_HASH_MAX];

    CHECK_OK(crypto_init());
    for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++) {
        CHECK_INT(crypto_hash_size(digests[i].alg), digests[i].size);
        CHECK_OK(crypto_hash(digests[i].alg, STR("abc"), out));
        CHECK(is_hex(out, digests[i].size, digests[i].abc));
    }
    CHECK_OK(crypto_sha256((struct str){NULL, 0}, out));
    CHECK(is_hex(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
}

static void pieces_give_the_same(void)
{
    unsigned char out[CRYPTO_HASH_MAX];

    CHECK_OK(crypto_init());
    for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++) {
        CLEANUP(crypto_hasher_freep) struct crypto_hasher *h = NULL;

        CHECK_OK(crypto_hasher_new(digests[i].alg, &h));
        for (int round = 0; round < 2; round++) {
            CHECK_OK(crypto_hasher_add(h, STR("a")));
            CHECK_OK(crypto_hasher_add(h, STR("")));
            CHECK_OK(crypto_hasher_add(h, STR("bc")));
            CHECK_OK(crypto_hasher_end(h, out));
            CHECK(is_hex(out, digests[i].size, digests[i].abc));
        }
    }
    crypto_hasher_free(NULL);
}

/* RFC 4231 sections 4.2, 4.3 and 4.7 */
static void hmac_is_right(void)
{
    unsigned char out[CRYPTO_SHA256_BYTES];
    char key[131];

    CHECK_OK(crypto_init());
    memset(key, 0x0b, 20);
    CHECK_OK(crypto_hmac_sha256(str_bytes(key, 20), STR("Hi There"), out));
    CHECK(is_hex(out, 32, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"));
    CHECK_OK(crypto_hmac_sha256(STR("Jefe"), STR("what do ya want for nothing?"), out));
    CHECK(is_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
    memset(key, 0xaa, sizeof(key));
    CHECK_OK(crypto_hmac_sha256(str_bytes(key, sizeof(key)),
                                STR("Test Using Larger Than Block-Size Key - Hash Key First"),
                                out));
    CHECK(is_hex(out, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"));
    CHECK_RC(crypto_hmac_sha256(STR(""), STR("x"), out), RC_INVAL);
}

static const unsigned char zero_key[CRYPTO_AEAD_KEY], zero_nonce[CRYPTO_AEAD_NONCE];

/* "The Galois/Counter Mode of Operation", appendix B, cases 13 and 14 */
static void sealing_is_right(void)
{
    CLEANUP(crypto_aead_freep) struct crypto_aead *zero = NULL;
    CLEANUP(buf_done) struct buf b = BUF_INIT(100);
    char zeros[16] = {0};

    CHECK_OK(crypto_init());
    CHECK_OK(crypto_aead_new(zero_key, &zero));
    CHECK_OK(crypto_aead_seal(zero, zero_nonce, STR(""), STR(""), &b));
    CHECK(is_hex((const unsigned char *)b.p, b.n, "530f8afbc74536b9a963b4f1c4cb738b"));
    buf_reset(&b);
    CHECK_OK(crypto_aead_seal(zero, zero_nonce, STR(""), str_bytes(zeros, 16), &b));
    CHECK(is_hex((const unsigned char *)b.p, b.n,
                 "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"));
}

static void what_was_sealed_opens(void)
{
    CLEANUP(crypto_aead_freep) struct crypto_aead *zero = NULL;
    CLEANUP(buf_done) struct buf sealed = BUF_INIT(200);
    CLEANUP(buf_done) struct buf plain = BUF_INIT(200);

    CHECK_OK(crypto_init());
    CHECK_OK(crypto_aead_new(zero_key, &zero));
    buf_putz(&sealed, "before");
    buf_putz(&plain, "before");
    CHECK_OK(crypto_aead_seal(zero, zero_nonce, STR("context"), STR("message"), &sealed));
    CHECK_INT(buf_str(&sealed).n, 6 + 7 + CRYPTO_AEAD_TAG);
    CHECK_OK(
        crypto_aead_open(zero, zero_nonce, STR("context"), str_skip(buf_str(&sealed), 6), &plain));
    CHECK_STR(buf_str(&plain), "beforemessage");
    buf_reset(&sealed);
    buf_reset(&plain);
    CHECK_OK(crypto_aead_seal(zero, zero_nonce, STR("c"), STR(""), &sealed));
    CHECK_OK(crypto_aead_open(zero, zero_nonce, STR("c"), buf_str(&sealed), &plain));
    CHECK_INT(buf_str(&plain).n, 0);
}

static void forgeries_do_not_open(void)
{
    CLEANUP(crypto_aead_freep) struct crypto_aead *other = NULL;
    CLEANUP(crypto_aead_freep) struct crypto_aead *zero = NULL;
    CLEANUP(buf_done) struct buf sealed = BUF_INIT(200);
    CLEANUP(buf_done) struct buf plain = BUF_INIT(200);
    unsigned char key[CRYPTO_AEAD_KEY] = {1}, nonce[CRYPTO_AEAD_NONCE] = {1};

    CHECK_OK(crypto_init());
    CHECK_OK(crypto_aead_new(zero_key, &zero));
    CHECK_OK(crypto_aead_new(key, &other));
    CHECK_OK(crypto_aead_seal(zero, zero_nonce, STR("context"), STR("message"), &sealed));
    for (size_t i = 0; i < sealed.n; i++) {
        sealed.p[i] ^= 0x10;
        CHECK_RC(crypto_aead_open(zero, zero_nonce, STR("context"), buf_str(&sealed), &plain),
                 RC_DENIED);
        sealed.p[i] ^= 0x10;
    }
    for (size_t n = 0; n < sealed.n; n++)
        CHECK_RC(crypto_aead_open(zero, zero_nonce, STR("context"), str_head(buf_str(&sealed), n),
                                  &plain),
                 RC_DENIED);
    CHECK_RC(crypto_aead_open(other, zero_nonce, STR("context"), buf_str(&sealed), &plain),
             RC_DENIED);
    CHECK_RC(crypto_aead_open(zero, nonce, STR("context"), buf_str(&sealed), &plain), RC_DENIED);
    CHECK_RC(crypto_aead_open(zero, zero_nonce, STR("other"), buf_str(&sealed), &plain), RC_DENIED);
    CHECK_RC(crypto_aead_open(zero, zero_nonce, STR(""), buf_str(&sealed), &plain), RC_DENIED);
    CHECK_OK(buf_rc(&plain));
    CHECK_INT(buf_str(&plain).n, 0);
    /* After all that, what is genuine still opens. */
    CHECK_OK(crypto_aead_open(zero, zero_nonce, STR("context"), buf_str(&sealed), &plain));
    CHECK_STR(buf_str(&plain), "message");
}

static void limits_hold(void)
{
    CLEANUP(crypto_aead_freep) struct crypto_aead *zero = NULL;
    CLEANUP(buf_done) struct buf small = BUF_INIT(10);
    struct str huge = {"", CRYPTO_AEAD_MAX + 1};

    CHECK_OK(crypto_init());
    CHECK_OK(crypto_aead_new(zero_key, &zero));
    CHECK_RC(crypto_aead_seal(zero, zero_nonce, STR(""), huge, &small), RC_TOOBIG);
    CHECK_RC(crypto_aead_seal(zero, zero_nonce, huge, STR(""), &small), RC_TOOBIG);
    CHECK_OK(buf_rc(&small));
    CHECK_RC(crypto_aead_seal(zero, zero_nonce, STR(""), STR("x"), &small), RC_TOOBIG);
    CHECK_RC(buf_rc(&small), RC_TOOBIG);
}

CHECK_MAIN(CHECK_TEST(digests_are_right), CHECK_TEST(pieces_give_the_same),
           CHECK_TEST(hmac_is_right), CHECK_TEST(sealing_is_right),
           CHECK_TEST(what_was_sealed_opens), CHECK_TEST(forgeries_do_not_open),
           CHECK_TEST(limits_hold))
