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

/* RFC 7914 section 12. */
static void scrypt_as_others_compute_it(void)
{
    static const unsigned char want[] = {
        0x70, 0x23, 0xbd, 0xcb, 0x3a, 0xfd, 0x73, 0x48, 0x46, 0x1c, 0x06,
        0xcd, 0x81, 0xfd, 0x38, 0xeb, 0xfd, 0xa8, 0xfb, 0xba, 0x90, 0x4f,
        0x8e, 0x3e, 0xa9, 0xb5, 0x43, 0xf6, 0x54, 0x5d, 0xa1, 0xf2,
    };
    const struct crypto_scrypt work = {14, 8, 1}, much = {21, 8, 1}, wide = {14, 9, 1},
                               often = {14, 8, 5}, none = {0, 8, 1};
    struct str password = STR("pleaseletmein"), salt = STR("SodiumChloride");
    unsigned char key[sizeof(want)];

    CHECK_OK(crypto_init());
    CHECK_OK(crypto_scrypt_key(password, salt, &work, key, sizeof(key)));
    CHECK(memcmp(key, want, sizeof(want)) == 0);
    CHECK_RC(crypto_scrypt_key(password, salt, &much, key, sizeof(key)), RC_TOOBIG);
    CHECK_RC(crypto_scrypt_key(password, salt, &wide, key, sizeof(key)), RC_TOOBIG);
    CHECK_RC(crypto_scrypt_key(password, salt, &often, key, sizeof(key)), RC_TOOBIG);
    CHECK_RC(crypto_scrypt_key(password, salt, &none, key, sizeof(key)), RC_INVAL);
}

CHECK_MAIN(CHECK_TEST(scrypt_as_others_compute_it), CHECK_TEST(made_and_checked),
           CHECK_TEST(what_was_not_made_here), CHECK_TEST(as_others_compute_it))
