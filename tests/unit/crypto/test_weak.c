/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "crypto/weak.h"
#include "keys.h"
#include "keys_odd.h"

static enum rc weigh(const char *hex, struct err *err)
{
    CLEANUP(buf_done) struct buf der = BUF_INIT(4096);
    CLEANUP(crypto_key_unrefp) struct crypto_key *k = NULL;

    TRY(crypto_init());
    TRY(text_unhex(str_of(hex), &der));
    TRY(crypto_key_from_spki(buf_str(&der), &k, NULL));
    return crypto_weak_check(k, err);
}

static void weak_rsa_is_found(void)
{
    static const struct {
        const char *spki;
        const char *code;
    } weak[] = {
        {spki_roca, "crypto.weak-roca"},
        {spki_close, "crypto.weak-close-primes"},
        {spki_small, "crypto.weak-small-factor"},
    };

    for (size_t i = 0; i < sizeof(weak) / sizeof(weak[0]); i++) {
        struct err err = ERR_INIT;

        CHECK_RC(weigh(weak[i].spki, &err), RC_DENIED);
        CHECK(err.msg != NULL);
        CHECK_STR(str_of(err.msg->code), weak[i].code);
    }
}

static void good_keys_pass(void)
{
    static const char *const keys[] = {key_rsa, key_p256, key_p384, key_ed25519};

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        CLEANUP(crypto_key_unrefp) struct crypto_key *k = key_load(keys[i]);

        CHECK(k != NULL);
        CHECK_OK(crypto_weak_check(k, NULL));
    }
}

#define ED "302a300506032b6570032100"

static void points_of_small_order_are_found(void)
{
    static const char *const small[] = {
        ED "0000000000000000000000000000000000000000000000000000000000000000",
        ED "0000000000000000000000000000000000000000000000000000000000000080",
        ED "0100000000000000000000000000000000000000000000000000000000000000",
        ED "0100000000000000000000000000000000000000000000000000000000000080",
        ED "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        ED "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        ED "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        ED "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ED "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ED "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };

    for (size_t i = 0; i < sizeof(small) / sizeof(small[0]); i++)
        CHECK_RC(weigh(small[i], NULL), RC_DENIED);
    /* The base point, whose order is the large one. */
    CHECK_OK(weigh(ED "5866666666666666666666666666666666666666666666666666666666666666", NULL));
}

CHECK_MAIN(CHECK_TEST(weak_rsa_is_found), CHECK_TEST(good_keys_pass),
           CHECK_TEST(points_of_small_order_are_found))
