/* SPDX-License-Identifier: Apache-2.0 */
/* The field Idempotency-Key: a String of RFC 8941, and nothing else. */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "idempotency/key.h"
#include "store/idempotency.h"

static void good(void)
{
    static const struct {
        const char *field, *key;
    } rows[] = {
        {"\"8e03978e-40d5-43e8-bc93-6894a57f9324\"", "8e03978e-40d5-43e8-bc93-6894a57f9324"},
        {"\"a\"", "a"},
        {"\" a b~\"", " a b~"},
        {"\"a\\\"b\\\\c\"", "a\"b\\c"},
        {"\"\\\\\"", "\\"},
        {"\"a;b=c\"", "a;b=c"},
    };
    CLEANUP(arena_done) struct arena a = ARENA_INIT(4096);
    struct str key;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK_OK(idempotency_key_parse(str_of(rows[i].field), &a, &key, NULL));
        CHECK_STR(key, rows[i].key);
    }
}

static void bad(void)
{
    static const char *const rows[] = {
        "",        "a",           "\"",           "\"\"",         "\"a",      "a\"",
        "\"a\"b",  "\"a\" \"b\"", "\"a\", \"b\"", "\"a\\\"",      "\"a\\b\"", "\"a\\\\\\\"",
        "\"a\";b", "\"a\tb\"",    "\"a\177\"",    "\"\303\274\"", "'a'",      ":YQ==:",
        "?1",      "\"a\"\"b\"",
    };
    CLEANUP(arena_done) struct arena a = ARENA_INIT(4096);
    struct str key = STR("untouched");
    struct err err = ERR_INIT;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK_RC(idempotency_key_parse(str_of(rows[i]), &a, &key, &err), RC_PARSE);
        CHECK_STR(key, "untouched");
    }
    CHECK_STR(str_of(err.msg->code), "idempotency.key");
}

static void length(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(4096);
    char field[STORE_IDEMPOTENCY_KEY_MAX + 3];
    struct str key;

    memset(field, 'x', sizeof(field));
    field[0] = '"';
    field[STORE_IDEMPOTENCY_KEY_MAX + 1] = '"';
    CHECK_OK(
        idempotency_key_parse(str_bytes(field, STORE_IDEMPOTENCY_KEY_MAX + 2), &a, &key, NULL));
    CHECK_INT(key.n, STORE_IDEMPOTENCY_KEY_MAX);
    field[STORE_IDEMPOTENCY_KEY_MAX + 1] = 'x';
    field[STORE_IDEMPOTENCY_KEY_MAX + 2] = '"';
    CHECK_RC(idempotency_key_parse(str_bytes(field, STORE_IDEMPOTENCY_KEY_MAX + 3), &a, &key, NULL),
             RC_PARSE);
}

CHECK_MAIN(CHECK_TEST(good), CHECK_TEST(bad), CHECK_TEST(length))
