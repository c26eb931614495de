/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/text.h"
#include "crypto/crypto.h"
#include "crypto/shamir.h"

/* OASIS SAM Threshold Sharing Schemes Version 1.0 (9 March 2022), test vectors TV011B_1 to TV011B_5
 * for this field: the coefficients (the secret first), then the shares. */
static const struct {
    unsigned m, n;
    size_t len;
    const char *coefficients, *shares;
} published[] = {
    {2, 2, 5, "7465737400a87b3491b5", "dc1e47e5b53f931b4d71"},
    {2, 4, 5, "53414d5443395d396c87", "6a1c7438c421fb3f8c5618a606e0d1b72ea9ff69"},
    {3, 4, 5, "53414d5443271aab79063a2899bc37", "4e737f9172f5d5526093e8e760a5a2429f849e06"},
    {4, 4, 5, "53414d54431a1e0a9d4422e97305344c76a07767",
     "27c094bb54b969f9f40e7ec7cd3250abaf81828d"},
    {2, 9, 9, "5465737420446174617fb4e8581eb75dc945",
     "2bd19b2c3ef33cbd24aa16b8c41c31dbfdebd5a2509c02868634aeb383fe0f58ae0e7d6ecc371657461953b42b"
     "4df035bf64dbb4f4e43244dde77a6ce93da181b27282d08bbf667ffe069adace3ce2af3a"},
};
enum { PUBLISHED = sizeof(published) / sizeof(published[0]), BYTES_MAX = 128 };

static void shares_are_those_of_the_standard(void)
{
    for (size_t i = 0; i < PUBLISHED; i++) {
        CLEANUP(buf_done) struct buf c = BUF_INIT(BYTES_MAX), s = BUF_INIT(BYTES_MAX);
        unsigned char share[16];

        CHECK_OK(text_unhex(str_of(published[i].coefficients), &c));
        CHECK_OK(text_unhex(str_of(published[i].shares), &s));
        CHECK_INT(buf_str(&s).n, published[i].n * published[i].len);
        for (unsigned x = 1; x <= published[i].n; x++) {
            crypto_shamir_eval((const unsigned char *)buf_str(&c).p, published[i].m,
                               published[i].len, x, share);
            CHECK(buf_str(&s).p != NULL);
            CHECK(memcmp(share, buf_str(&s).p + (x - 1) * published[i].len, published[i].len) == 0);
        }
    }
}

/* The shares in `set` (bits), one behind the other; how many. */
static unsigned pick(struct str all, size_t len, unsigned set, unsigned char *numbers,
                     unsigned char *shares)
{
    unsigned m = 0;

    for (unsigned x = 1; x <= all.n / len; x++)
        if (set & 1U << (x - 1)) {
            numbers[m] = (unsigned char)x;
            memcpy(shares + m++ * len, all.p + (x - 1) * len, len);
        }
    return m;
}

/* Every set of m shares of it. */
static void its_shares_give_the_secret(void)
{
    for (size_t i = 0; i < PUBLISHED; i++) {
        CLEANUP(buf_done) struct buf c = BUF_INIT(BYTES_MAX), s = BUF_INIT(BYTES_MAX);
        size_t len = published[i].len;

        CHECK_OK(text_unhex(str_of(published[i].coefficients), &c));
        CHECK_OK(text_unhex(str_of(published[i].shares), &s));
        for (unsigned set = 0; set < 1U << published[i].n; set++) {
            unsigned char numbers[16], shares[BYTES_MAX], out[16];

            if ((unsigned)__builtin_popcount(set) != published[i].m)
                continue;
            CHECK_OK(crypto_shamir_join(numbers, shares,
                                        pick(buf_str(&s), len, set, numbers, shares), len, out));
            CHECK(buf_str(&c).p != NULL);
            CHECK(memcmp(out, buf_str(&c).p, len) == 0);
        }
    }
}

/* draft-mcgrew-tss-03, section 9. */
static void the_draft_agrees(void)
{
    static const unsigned char numbers[] = {1, 2};
    static const unsigned char shares[] = "\xb9\xfa\x07\xe1\x85\xf5\x40\x9b\x45\x11";
    unsigned char out[5];

    CHECK_OK(crypto_shamir_join(numbers, shares, 2, 5, out));
    CHECK(memcmp(out, "test\0", 5) == 0);
}

static void any_m_of_n_are_enough(void)
{
    static const unsigned char secret[32] = "a passphrase of 32 random bytes";
    unsigned char shares[7 * 32], some[3 * 32], out[32];
    unsigned char numbers[3];

    CHECK_OK(crypto_init());
    CHECK_OK(crypto_shamir_split(secret, 32, 3, 7, shares));
    for (unsigned a = 0; a < 7; a++)
        for (unsigned b = 0; b < 7; b++) {
            unsigned c = (a + b + 1) % 7;

            if (a == b || b == c || a == c)
                continue;
            numbers[0] = (unsigned char)(a + 1);
            numbers[1] = (unsigned char)(b + 1);
            numbers[2] = (unsigned char)(c + 1);
            memcpy(some, shares + a * 32, 32);
            memcpy(some + 32, shares + b * 32, 32);
            memcpy(some + 64, shares + c * 32, 32);
            CHECK_OK(crypto_shamir_join(numbers, some, 3, 32, out));
            CHECK(memcmp(out, secret, 32) == 0);
            CHECK_OK(crypto_shamir_join(numbers, some, 2, 32, out));
            CHECK(memcmp(out, secret, 32) != 0);
        }
}

static void what_cannot_be_is_refused(void)
{
    static const unsigned char secret[4] = "abc";
    static const unsigned char twice[] = {3, 3}, zero[] = {0, 1};
    unsigned char shares[4 * 4], out[4];

    CHECK_OK(crypto_init());
    CHECK_RC(crypto_shamir_split(secret, 4, 1, 3, shares), RC_INVAL);
    CHECK_RC(crypto_shamir_split(secret, 4, 4, 3, shares), RC_INVAL);
    CHECK_RC(crypto_shamir_split(secret, 4, 2, 256, shares), RC_INVAL);
    CHECK_RC(crypto_shamir_split(secret, 0, 2, 3, shares), RC_INVAL);
    CHECK_RC(crypto_shamir_split(secret, 65, 2, 3, shares), RC_INVAL);
    CHECK_OK(crypto_shamir_split(secret, 4, 2, 3, shares));
    CHECK_RC(crypto_shamir_join(twice, shares, 2, 4, out), RC_INVAL);
    CHECK_RC(crypto_shamir_join(zero, shares, 2, 4, out), RC_INVAL);
    CHECK_RC(crypto_shamir_join(zero, shares, 0, 4, out), RC_INVAL);
}

/* Two splits of one secret have nothing in common but the secret. */
static void coefficients_are_random(void)
{
    static const unsigned char secret[32] = {0};
    unsigned char a[3 * 32], b[3 * 32];

    CHECK_OK(crypto_init());
    CHECK_OK(crypto_shamir_split(secret, 32, 2, 3, a));
    CHECK_OK(crypto_shamir_split(secret, 32, 2, 3, b));
    CHECK(memcmp(a, b, sizeof(a)) != 0 && memcmp(a, secret, 32) != 0);
}

CHECK_MAIN(CHECK_TEST(shares_are_those_of_the_standard), CHECK_TEST(its_shares_give_the_secret),
           CHECK_TEST(the_draft_agrees), CHECK_TEST(any_m_of_n_are_enough),
           CHECK_TEST(what_cannot_be_is_refused), CHECK_TEST(coefficients_are_random))
