/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/rd.h"
#include "crypto/sign.h"
#include "crypto/sm2.h"
#include "keys.h"
#include "sm2.h"

/* The keys of the example of GB/T 32918.5 annex B, and what comes of them. */
#define D_A "81EB26E941BB5AF16DF116495F90695272AE2CD63D6C4AE1678418BE48230029"
#define R_A "D4DE15474DB74D06491C440D305E012400990F3E390C7E87153C12DB2EA60BB3"
#define D_B "785129917D45A9EA5437A59356B82338EAADDA6CEB199088F14AE10DEFA229B5"
#define R_B "7E07124814B309489125EAED101113164EBF0F3458C5BD88335C1F9D596243D6"
#define Z_A "3b85a57179e11e7e513aa622991f2ca74d1807a0bd4d4b38f90987a17ac245b1"
#define Z_B "79c988d63229d97ef19fe02ca1056e01e6a7411ed24694aa8f834f4a4ab022f7"
#define AGREED                                                                                     \
    "6c89347354de2484c60b4ab1fde4c6e579391a21fa6cb72ae8754ec21ad8b7034692f6ba1fa89d3cf33128f1"     \
    "a9028710"

#define PAIRS                                                                                      \
    CLEANUP(crypto_key_unrefp) struct crypto_key *da = sm2_pair(D_A);                              \
    CLEANUP(crypto_key_unrefp) struct crypto_key *ra = sm2_pair(R_A);                              \
    CLEANUP(crypto_key_unrefp) struct crypto_key *db = sm2_pair(D_B);                              \
    CLEANUP(crypto_key_unrefp) struct crypto_key *rb = sm2_pair(R_B);                              \
    CHECK(da &&ra &&db &&rb)

static bool is_hex(const void *p, size_t n, const char *want)
{
    CLEANUP(buf_done) struct buf hex = BUF_INIT(1024);

    text_hex(&hex, str_bytes(p, n));
    return str_eq(buf_str(&hex), str_of(want));
}

static void users_are_known_by_z(void)
{
    unsigned char z[CRYPTO_HASH_MAX];
    PAIRS;

    CHECK_OK(crypto_sm2_z(da, STR(CRYPTO_SM2_ID), z));
    CHECK(is_hex(z, CRYPTO_SM2_Z, Z_A));
    CHECK_OK(crypto_sm2_z(db, STR(CRYPTO_SM2_ID), z));
    CHECK(is_hex(z, CRYPTO_SM2_Z, Z_B));
}

static void both_sides_agree(void)
{
    unsigned char a[48], b[48];
    PAIRS;
    struct crypto_sm2_exchange one = {da, ra, db, rb, true}, two = {db, rb, da, ra, false};

    CHECK_OK(crypto_sm2_agree(&one, a, sizeof(a)));
    CHECK(is_hex(a, sizeof(a), AGREED));
    CHECK_OK(crypto_sm2_agree(&two, b, sizeof(b)));
    CHECK(is_hex(b, sizeof(b), AGREED));
    CHECK_OK(crypto_sm2_agree(&two, b, 16));
    CHECK(is_hex(b, 16, "6c89347354de2484c60b4ab1fde4c6e5"));
    two.initiator = true;
    CHECK_OK(crypto_sm2_agree(&two, b, sizeof(b)));
    CHECK(memcmp(a, b, sizeof(a)) != 0);
}

/* Every carry of the scalar's arithmetic: the largest numbers, and random ones. */
static void any_keys_agree(void)
{
    static const char *const numbers[] = {
        "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54121",
        "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54120",
        "0000000000000000000000000000000000000000000000000000000000000001",
        "0000000000000000000000000000000000000000000000000000000000000002",
    };
    enum { N = sizeof(numbers) / sizeof(numbers[0]), RANDOM = 8 };

    for (size_t i = 0; i < N + RANDOM; i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *da = NULL, *ra = NULL, *db = NULL, *rb = NULL;
        struct crypto_key_spec sm2 = {CRYPTO_KEY_SM2, 0};
        unsigned char a[32], b[32];

        if (i < N) {
            da = sm2_pair(numbers[i]);
            ra = sm2_pair(numbers[(i + 1) % N]);
            CHECK(da && ra);
        } else {
            CHECK_OK(crypto_key_generate(sm2, &da));
            CHECK_OK(crypto_key_generate(sm2, &ra));
        }
        CHECK_OK(crypto_key_generate(sm2, &db));
        CHECK_OK(crypto_key_generate(sm2, &rb));
        CHECK_OK(crypto_sm2_agree(&(struct crypto_sm2_exchange){da, ra, db, rb, true}, a, 32));
        CHECK_OK(crypto_sm2_agree(&(struct crypto_sm2_exchange){db, rb, da, ra, false}, b, 32));
        CHECK(memcmp(a, b, sizeof(a)) == 0);
    }
}

static void wrong_keys_do_not_agree(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *p256 = key_load(key_p256), *public = NULL;
    unsigned char out[48];
    PAIRS;
    struct crypto_sm2_exchange x = {da, ra, db, rb, true};

    CHECK(p256);
    CHECK_OK(crypto_key_from_spki(crypto_key_spki(da), &public, NULL));
    CHECK_RC(crypto_sm2_agree(&x, out, 0), RC_INVAL);
    x.own = public;
    CHECK_RC(crypto_sm2_agree(&x, out, 48), RC_INVAL);
    x.own = p256;
    CHECK_RC(crypto_sm2_agree(&x, out, 48), RC_INVAL);
    x.own = da;
    x.peer_once = p256;
    CHECK_RC(crypto_sm2_agree(&x, out, 48), RC_INVAL);
}

static void what_is_encrypted_is_decrypted(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(key_sm2), *public = NULL;
    CLEANUP(buf_done) struct buf sealed = BUF_INIT(CRYPTO_SM2_CIPHER_MAX);
    CLEANUP(buf_done) struct buf plain = BUF_INIT(CRYPTO_SM2_CIPHER_MAX);

    CHECK(k);
    CHECK_OK(crypto_key_from_spki(crypto_key_spki(k), &public, NULL));
    CHECK_OK(crypto_sm2_encrypt(public, STR("forty-eight bytes make a premaster secret, see?"),
                                &sealed));
    CHECK_INT(sealed.p[0], 0x30);
    CHECK_OK(crypto_sm2_decrypt(k, buf_str(&sealed), &plain));
    CHECK_STR(buf_str(&plain), "forty-eight bytes make a premaster secret, see?");
    CHECK_RC(crypto_sm2_decrypt(public, buf_str(&sealed), &plain), RC_INVAL);
    CHECK_RC(crypto_sm2_encrypt(public, STR(""), &sealed), RC_INVAL);
}

static void damage_is_seen(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(key_sm2);
    CLEANUP(buf_done) struct buf sealed = BUF_INIT(CRYPTO_SM2_CIPHER_MAX);
    CLEANUP(buf_done) struct buf plain = BUF_INIT(CRYPTO_SM2_CIPHER_MAX);

    CHECK(k);
    CHECK_OK(crypto_sm2_encrypt(k, STR("premaster"), &sealed));
    for (size_t i = 0; i < sealed.n; i++) {
        buf_reset(&plain);
        sealed.p[i] ^= 1;
        CHECK_RC(crypto_sm2_decrypt(k, buf_str(&sealed), &plain), RC_DENIED);
        sealed.p[i] ^= 1;
        CHECK_RC(crypto_sm2_decrypt(k, str_head(buf_str(&sealed), i), &plain), RC_DENIED);
    }
}

#define LESS_N "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54122"

/* U at infinity (GB/T 32918.3 section 6.1, A7 and B6) ends it, whichever side computes. */
static void points_may_cancel_out(void)
{
    CLEANUP(crypto_key_unrefp) struct crypto_key *none = sm2_cancels(R_B);
    unsigned char out[48];
    PAIRS;

    CHECK(none);
    for (int initiator = 0; initiator < 2; initiator++) {
        struct crypto_sm2_exchange x = {da, ra, none, rb, initiator};

        CHECK_RC(crypto_sm2_agree(&x, out, sizeof(out)), RC_CRYPTO);
        x = (struct crypto_sm2_exchange){none, rb, da, ra, initiator};
        CHECK_RC(crypto_sm2_agree(&x, out, sizeof(out)), RC_CRYPTO);
        x = (struct crypto_sm2_exchange){da, ra, db, rb, initiator};
        CHECK_OK(crypto_sm2_agree(&x, out, sizeof(out)));
    }
}

/* Points that are none: the origin, one on the axis, a coordinate beyond the field. */
static void ciphers_of_no_point(void)
{
    enum { SHORT = 5 }; /* of plain text: all of it has one byte of length */
    static const struct {
        const char *x, *y; /* NULL: what it is */
        bool good;
    } cases[] = {{NULL, NULL, true},        {"0", "0", false},          {NULL, "0", false},
                 {"0", NULL, false},        {SM2_FIELD_P, NULL, false}, {NULL, SM2_FIELD_P, false},
                 {SM2_FIELD_P, "0", false}, {SM2_ORDER_N, NULL, false}, {"1", "1", false}};
    CLEANUP(buf_done) struct buf cipher = BUF_INIT(256);
    PAIRS;

    CHECK_OK(crypto_sm2_encrypt(da, STR("plain"), &cipher));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(buf_done) struct buf body = BUF_INIT(256), made = BUF_INIT(256);
        CLEANUP(buf_done) struct buf plain = BUF_INIT(256);
        unsigned char bytes[CRYPTO_SM2_FIELD];
        struct rd r = rd_of(str_skip(buf_str(&cipher), 3));
        struct str x, y;

        x = rd_bytes(&r, rd_u8(&r));
        CHECK_INT(rd_u8(&r), 2);
        y = rd_bytes(&r, rd_u8(&r));
        CHECK(!r.failed && r.left == 2 + 32 + 2 + SHORT);
        if (x.n > CRYPTO_SM2_FIELD)
            x = str_skip(x, 1);
        if (y.n > CRYPTO_SM2_FIELD)
            y = str_skip(y, 1);
        sm2_put_integer(&body, cases[i].x ? sm2_number(cases[i].x, bytes) : x);
        sm2_put_integer(&body, cases[i].y ? sm2_number(cases[i].y, bytes) : y);
        buf_puts(&body, rd_bytes(&r, r.left));
        sm2_put_sequence(buf_str(&body), &made);
        CHECK_OK(buf_rc(&made));
        CHECK_RC(crypto_sm2_decrypt(da, buf_str(&made), &plain), cases[i].good ? RC_OK : RC_DENIED);
        if (!cases[i].good)
            CHECK_INT(plain.n, 0);
    }
}

/* GB/T 32918.2 section 7.1, B1, B2 and B5. */
static void numbers_that_sign_nothing(void)
{
    static const char *const cases[][2] = {
        {SM2_ORDER_N, "1"}, {"1", SM2_ORDER_N}, {SM2_ORDER_N, SM2_ORDER_N},
        {"1", LESS_N},      {LESS_N, "1"},      {"0", "1"},
        {"1", "0"},         {SM2_FIELD_P, "1"}};
    CLEANUP(buf_done) struct buf good = BUF_INIT(CRYPTO_SIG_MAX);
    PAIRS;

    CHECK_OK(crypto_sign(da, CRYPTO_SIG_SM2_SM3, CRYPTO_SIG_DER, STR("text"), &good));
    CHECK_OK(crypto_verify(da, CRYPTO_SIG_SM2_SM3, CRYPTO_SIG_DER, STR("text"), buf_str(&good)));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(buf_done) struct buf body = BUF_INIT(128), made = BUF_INIT(128);
        unsigned char bytes[CRYPTO_SM2_FIELD];

        sm2_put_integer(&body, sm2_number(cases[i][0], bytes));
        sm2_put_integer(&body, sm2_number(cases[i][1], bytes));
        sm2_put_sequence(buf_str(&body), &made);
        CHECK_OK(buf_rc(&made));
        CHECK_RC(crypto_verify(da, CRYPTO_SIG_SM2_SM3, CRYPTO_SIG_DER, STR("text"), buf_str(&made)),
                 RC_DENIED);
    }
}

CHECK_MAIN_WITH(crypto_init() == RC_OK, crypto_done(), CHECK_TEST(users_are_known_by_z),
                CHECK_TEST(both_sides_agree), CHECK_TEST_ONCE(any_keys_agree),
                CHECK_TEST(wrong_keys_do_not_agree), CHECK_TEST(what_is_encrypted_is_decrypted),
                CHECK_TEST_ONCE(damage_is_seen), CHECK_TEST_ONCE(points_may_cancel_out),
                CHECK_TEST_ONCE(ciphers_of_no_point), CHECK_TEST_ONCE(numbers_that_sign_nothing))
