/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

#include "base/map.h"

/* The test vectors of the SipHash paper's authors: key 00 01 .. 0f, input 00 01 .. n-1. */
static const uint64_t vectors[] = {
    UINT64_C(0x726fdb47dd0e0e31), UINT64_C(0x74f839c593dc67fd), UINT64_C(0x0d6c8009d9a94f5a),
    UINT64_C(0x85676696d7fb7e2d), UINT64_C(0xcf2794e0277187b7), UINT64_C(0x18765564cd99a68d),
    UINT64_C(0xcbc9466e58fee3ce), UINT64_C(0xab0200f58b01d137), UINT64_C(0x93f5f5799a932462),
    UINT64_C(0x9e0082df0ba9e4b0), UINT64_C(0x7a5dbbc594ddb9f3), UINT64_C(0xf4b32f46226bada7),
    UINT64_C(0x751e8fbc860ee5fb), UINT64_C(0x14ea5627c0843d90), UINT64_C(0xf723ca908e7af2ee),
    UINT64_C(0xa129ca6149be45e5), UINT64_C(0x3f2acc7f57c29bdb), UINT64_C(0x699ae9f52cbe4794),
    UINT64_C(0x4bc1b3f0968dd39c), UINT64_C(0xbb6dc91da77961bd), UINT64_C(0xbed65cf21aa2ee98),
    UINT64_C(0xd0f2cbb02e3b67c7), UINT64_C(0x93536795e3a33e88), UINT64_C(0xa80c038ccd5ccec8),
    UINT64_C(0xb8ad50c6f649af94), UINT64_C(0xbce192de8a85b8ea), UINT64_C(0x17d835b85bbb15f3),
    UINT64_C(0x2f2e6163076bcfad), UINT64_C(0xde4daaaca71dc9a5), UINT64_C(0xa6a2506687956571),
    UINT64_C(0xad87a3535c49ef28), UINT64_C(0x32d892fad841c342), UINT64_C(0x7127512f72f27cce),
    UINT64_C(0xa7f32346f95978e3), UINT64_C(0x12e0b01abb051238), UINT64_C(0x15e034d40fa197ae),
    UINT64_C(0x314dffbe0815a3b4), UINT64_C(0x027990f029623981), UINT64_C(0xcadcd4e59ef40c4d),
    UINT64_C(0x9abfd8766a33735c), UINT64_C(0x0e3ea96b5304a7d0), UINT64_C(0xad0c42d6fc585992),
    UINT64_C(0x187306c89bc215a9), UINT64_C(0xd4a60abcf3792b95), UINT64_C(0xf935451de4f21df2),
    UINT64_C(0xa9538f0419755787), UINT64_C(0xdb9acddff56ca510), UINT64_C(0xd06c98cd5c0975eb),
    UINT64_C(0xe612a3cb9ecba951), UINT64_C(0xc766e62cfcadaf96), UINT64_C(0xee64435a9752fe72),
    UINT64_C(0xa192d576b245165a), UINT64_C(0x0a8787bf8ecb74b2), UINT64_C(0x81b3e73d20b49b6f),
    UINT64_C(0x7fa8220ba3b2ecea), UINT64_C(0x245731c13ca42499), UINT64_C(0xb78dbfaf3a8d83bd),
    UINT64_C(0xea1ad565322a1a0b), UINT64_C(0x60e61c23a3795013), UINT64_C(0x6606d7e446282b93),
    UINT64_C(0x6ca4ecb15c5f91e1), UINT64_C(0x9f626da15c9625f3), UINT64_C(0xe51b38608ef25f57),
    UINT64_C(0x958a324ceb064572),
};

static void siphash_matches_the_published_vectors(void)
{
    unsigned char bytes[64];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)i;
    for (size_t n = 0; n < sizeof(vectors) / sizeof(vectors[0]); n++) {
        /* A copy of the exact size shows a read past the end. */
        CLEANUP(mem_freep) char *exact = mem_dup(bytes, n);

        CHECK(exact);
        CHECK(map_siphash(bytes, str_bytes(exact, n)) == vectors[n]);
    }
    CHECK(map_siphash(bytes, (struct str){NULL, 0}) == vectors[0]);
    CHECK(map_siphash(bytes + 1, STR("")) != vectors[0]);
}

static void add_get_set_remove(void)
{
    CLEANUP(map_done) struct map m = {};
    int a, b;

    map_init(&m, 10);
    CHECK(map_get(&m, STR("k")) == NULL);
    CHECK(map_remove(&m, STR("k")) == NULL);
    CHECK_OK(map_add(&m, STR("k"), &a));
    CHECK(map_get(&m, STR("k")) == &a);
    CHECK_RC(map_add(&m, STR("k"), &b), RC_EXISTS);
    CHECK(map_get(&m, STR("k")) == &a);
    CHECK_OK(map_set(&m, STR("k"), &b));
    CHECK(map_get(&m, STR("k")) == &b);
    CHECK_INT(m.n, 1);
    CHECK_OK(map_set(&m, STR("new"), &a));
    CHECK_OK(map_add(&m, (struct str){NULL, 0}, &a));
    CHECK(map_get(&m, STR("")) == &a);
    CHECK_OK(map_add(&m, STR("k\0x"), &b));
    CHECK(map_get(&m, STR("k\0y")) == NULL);
    CHECK(map_remove(&m, STR("k")) == &b);
    CHECK(map_get(&m, STR("k")) == NULL);
    CHECK(map_get(&m, STR("k\0x")) == &b);
    CHECK_INT(m.n, 3);
}

static void keys_are_copied(void)
{
    CLEANUP(map_done) struct map m = {};
    char key[] = "key";
    int a;

    map_init(&m, 10);
    CHECK_OK(map_add(&m, str_of(key), &a));
    key[0] = 'x';
    CHECK(map_get(&m, STR("key")) == &a);
}

static void limit_is_enforced(void)
{
    CLEANUP(map_done) struct map m = {};
    int v;

    map_init(&m, 2);
    CHECK_OK(map_add(&m, STR("a"), &v));
    CHECK_OK(map_set(&m, STR("b"), &v));
    CHECK_RC(map_add(&m, STR("c"), &v), RC_TOOBIG);
    CHECK_RC(map_set(&m, STR("c"), &v), RC_TOOBIG);
    CHECK_RC(map_add(&m, STR("a"), &v), RC_EXISTS);
    CHECK_OK(map_set(&m, STR("a"), &m));
    CHECK(map_remove(&m, STR("b")) == &v);
    CHECK_OK(map_add(&m, STR("c"), &v));
    CHECK_INT(m.n, 2);
}

static struct str key_of(size_t i, char text[static 24])
{
    return str_bytes(text, (size_t)snprintf(text, 24, "key-%zu", i));
}

/* Against an array, with twice as many removals as any table of that size has slots. */
static void behaves_like_an_array(void)
{
    enum { KEYS = 700, STEPS = 30'000 };
    CLEANUP(map_done) struct map m = {};
    static int here[KEYS];
    uint64_t random = 88172645463325252u;
    size_t n = 0;
    char text[24];

    memset(here, 0, sizeof(here));
    map_init(&m, KEYS);
    for (int step = 0; step < STEPS; step++) {
        size_t i;

        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        i = random % KEYS;
        if (random >> 40 & 1) {
            CHECK_RC(map_add(&m, key_of(i, text), &here[i]), here[i] ? RC_EXISTS : RC_OK);
            n += !here[i];
            here[i] = 1;
        } else {
            CHECK(map_remove(&m, key_of(i, text)) == (here[i] ? &here[i] : NULL));
            n -= (size_t)here[i];
            here[i] = 0;
        }
        CHECK_INT(m.n, n);
    }
    for (size_t i = 0; i < KEYS; i++)
        CHECK(map_get(&m, key_of(i, text)) == (here[i] ? &here[i] : NULL));
    CHECK(m.cap <= 2048);
}

/* A table that never holds much must not grow, however many entries come and go. */
static void removed_places_are_used_again(void)
{
    CLEANUP(map_done) struct map m = {};
    char text[24];
    int v;

    map_init(&m, 1000);
    for (size_t i = 0; i < 5000; i++) {
        CHECK_OK(map_add(&m, key_of(i, text), &v));
        CHECK(map_remove(&m, key_of(i, text)) == &v);
    }
    CHECK_INT(m.cap, 16);
    CHECK_INT(m.n, 0);
}

static void iterates_and_removes(void)
{
    enum { KEYS = 100 };
    CLEANUP(map_done) struct map m = {};
    int seen[KEYS] = {0};
    char text[24];
    size_t at = 0;
    struct str key;
    void *value;

    map_init(&m, KEYS);
    CHECK(!map_next(&m, &at, &key, &value));
    for (size_t i = 0; i < KEYS; i++)
        CHECK_OK(map_add(&m, key_of(i, text), &seen[i]));
    at = 0;
    while (map_next(&m, &at, &key, &value)) {
        size_t i = (size_t)((int *)value - seen);

        CHECK(str_eq(key, key_of(i, text)));
        seen[i]++;
        if (i % 3)
            CHECK(map_remove(&m, key) == value);
    }
    for (size_t i = 0; i < KEYS; i++)
        CHECK_INT(seen[i], 1);
    CHECK_INT(m.n, 34);
    CHECK(!map_next(&m, &at, &key, &value));
}

static void failed_growth_changes_nothing(void)
{
    CLEANUP(map_done) struct map m = {};
    char text[24];
    int v;

    map_init(&m, 1000);
    for (size_t i = 0; i < 12; i++)
        CHECK_OK(map_add(&m, key_of(i, text), &v));
    mem_fail_at(1); /* the table */
    assert_int_equal(map_add(&m, STR("x"), &v), RC_NOMEM);
    mem_fail_at(2); /* the key */
    assert_int_equal(map_add(&m, STR("x"), &v), RC_NOMEM);
    mem_fail_at(1);
    assert_int_equal(map_set(&m, STR("key-3"), text), RC_OK); /* replacing needs none */
    mem_fail_at(0);
    CHECK_INT(m.n, 12);
    for (size_t i = 0; i < 12; i++)
        CHECK(map_get(&m, key_of(i, text)) != NULL);
    CHECK(map_get(&m, STR("x")) == NULL);
}

CHECK_MAIN(CHECK_TEST(siphash_matches_the_published_vectors), CHECK_TEST(add_get_set_remove),
           CHECK_TEST(keys_are_copied), CHECK_TEST(limit_is_enforced),
           CHECK_TEST_ONCE(behaves_like_an_array), CHECK_TEST_ONCE(removed_places_are_used_again),
           CHECK_TEST(iterates_and_removes), CHECK_TEST_ONCE(failed_growth_changes_nothing))
