/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <string.h>

#include "crypto/crypto.h"
#include "crypto/password.h"

static void made_and_checked(void)
{
    unsigned char kept[CRYPTO_PASSWORD_BYTES], other[CRYPTO_PASSWORD_BYTES];
    static char longest[CRYPTO_PASSWORD_MAX + 1];
    struct str k = str_bytes(kept, sizeof(kept));

    CHECK_OK(crypto_init());
    CHECK_OK(crypto_password_make(STR("correct horse"), kept));
    CHECK_OK(crypto_password_make(STR("correct horse"), other));
    CHECK(memcmp(kept, other, sizeof(kept)) != 0); /* the salt is another one */
    CHECK_OK(crypto_password_check(k, STR("correct horse")));
    CHECK_RC(crypto_password_check(k, STR("correct horsf")), RC_DENIED);
    CHECK_RC(crypto_password_check(k, STR("correct horse ")), RC_DENIED);
    CHECK_RC(crypto_password_check(k, STR("")), RC_DENIED);
    memset(longest, 'x', sizeof(longest));
    CHECK_RC(crypto_password_make(str_bytes(longest, sizeof(longest)), kept), RC_INVAL);
    CHECK_RC(crypto_password_make(STR(""), kept), RC_INVAL);
    CHECK_RC(crypto_password_check(k, str_bytes(longest, sizeof(longest))), RC_DENIED);
    CHECK_OK(crypto_password_make(str_bytes(longest, CRYPTO_PASSWORD_MAX), kept));
    CHECK_OK(crypto_password_check(k, str_bytes(longest, CRYPTO_PASSWORD_MAX)));
    CHECK_RC(crypto_password_check(k, str_bytes(longest, CRYPTO_PASSWORD_MAX - 1)), RC_DENIED);
}

static void what_was_not_made_here(void)
{
    unsigned char kept[CRYPTO_PASSWORD_BYTES];

    CHECK_OK(crypto_init());
    CHECK_OK(crypto_password_make(STR("x"), kept));
    CHECK_RC(crypto_password_check(str_bytes(kept, sizeof(kept) - 1), STR("x")), RC_CORRUPT);
    kept[0] = 200;
    CHECK_RC(crypto_password_check(str_bytes(kept, sizeof(kept)), STR("x")), RC_CORRUPT);
    CHECK_RC(crypto_password_check(STR(""), STR("x")), RC_CORRUPT);
}

/* Argon2id as others compute it: `openssl kdf -keylen 32 -kdfopt pass:password -kdfopt
 * salt:somesaltsomesalt -kdfopt iter:2 -kdfopt lanes:1 -kdfopt memcost:19456 ARGON2ID`. */
static void as_others_compute_it(void)
{
    static const unsigned char kept[CRYPTO_PASSWORD_BYTES] = {
        0,    's',  'o',  'm',  'e',  's',  'a',  'l',  't',  's',  'o',  'm',  'e',
        's',  'a',  'l',  't',  0x2b, 0x5d, 0xc4, 0x05, 0x48, 0x86, 0xec, 0x95, 0x7e,
        0xf5, 0x9c, 0x73, 0xb6, 0x61, 0xc5, 0x4d, 0xd6, 0xfb, 0x27, 0x45, 0x90, 0xb2,
        0x78, 0xf6, 0x57, 0xc6, 0xd9, 0x6a, 0xac, 0x8f, 0xa6, 0xd1,
    };

    CHECK_OK(crypto_init());
    CHECK_OK(crypto_password_check(str_bytes(kept, sizeof(kept)), STR("password")));
}

CHECK_MAIN(CHECK_TEST(made_and_checked), CHECK_TEST(what_was_not_made_here),
           CHECK_TEST(as_others_compute_it))
