/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <string.h>

#include "crypto/crypto.h"
#include "operators/known.h"

#define NOW (INT64_C(1'800'000'000) * WHEN_SECOND)

static const struct str key = STR("01234567890123456789012345678901");

static void of_one_user(void)
{
    unsigned char one[OPERATORS_KNOWN_ID], other[OPERATORS_KNOWN_ID];
    char text[OPERATORS_KNOWN_TEXT], second[OPERATORS_KNOWN_TEXT];
    struct str said;

    CHECK_OK(crypto_init());
    CHECK_OK(operators_known_make(key, STR("alice"), NOW, text));
    said = str_of(text);
    CHECK_INT(said.n, OPERATORS_KNOWN_TEXT - 1);
    CHECK_OK(operators_known_check(key, STR("alice"), said, NOW, one));
    CHECK_RC(operators_known_check(key, STR("alice2"), said, NOW, other), RC_DENIED);
    CHECK_RC(operators_known_check(key, STR("alic"), said, NOW, other), RC_DENIED);
    CHECK_RC(operators_known_check(STR("another key"), STR("alice"), said, NOW, other), RC_DENIED);
    CHECK_OK(operators_known_make(key, STR("alice"), NOW, second));
    CHECK_OK(operators_known_check(key, STR("alice"), str_of(second), NOW, other));
    CHECK(memcmp(one, other, sizeof(one)) != 0);
}

static void not_for_ever(void)
{
    unsigned char id[OPERATORS_KNOWN_ID];
    char text[OPERATORS_KNOWN_TEXT];

    CHECK_OK(crypto_init());
    CHECK_OK(operators_known_make(key, STR("alice"), NOW, text));
    CHECK_OK(
        operators_known_check(key, STR("alice"), str_of(text), NOW + OPERATORS_KNOWN_LIFE - 1, id));
    CHECK_RC(operators_known_check(key, STR("alice"), str_of(text), NOW + OPERATORS_KNOWN_LIFE, id),
             RC_DENIED);
}

static void not_by_others(void)
{
    unsigned char id[OPERATORS_KNOWN_ID];
    char text[OPERATORS_KNOWN_TEXT];

    CHECK_OK(crypto_init());
    CHECK_OK(operators_known_make(key, STR("alice"), NOW, text));
    for (size_t i = 0; i < OPERATORS_KNOWN_TEXT - 1; i++) {
        char was = text[i];

        text[i] = was == 'A' ? 'B' : 'A';
        CHECK_RC(operators_known_check(key, STR("alice"), str_of(text), NOW, id), RC_DENIED);
        text[i] = was;
    }
    CHECK_RC(operators_known_check(key, STR("alice"), str_head(str_of(text), 74), NOW, id),
             RC_DENIED);
    CHECK_RC(operators_known_check(key, STR("alice"), STR(""), NOW, id), RC_DENIED);
    text[3] = '!';
    CHECK_RC(operators_known_check(key, STR("alice"), str_of(text), NOW, id), RC_DENIED);
}

CHECK_MAIN(CHECK_TEST(of_one_user), CHECK_TEST(not_for_ever), CHECK_TEST(not_by_others))
