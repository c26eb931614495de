/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/id.h"

static void new_ids_have_the_form_and_differ(void)
{
    enum { COUNT = 500 };
    static struct id ids[COUNT];
    struct id_pool pool = {};

    for (size_t i = 0; i < COUNT; i++) {
        static const unsigned char used[ID_BYTES];
        struct id again;

        CHECK_OK(i % 2 ? id_new(&ids[i]) : id_new_from(&pool, &ids[i]));
        CHECK(memcmp(pool.bits[pool.n], used, ID_BYTES) == 0);
        CHECK_INT(id_str(&ids[i]).n, 26);
        CHECK_OK(id_parse(id_str(&ids[i]), &again));
        CHECK(str_eq(id_str(&again), id_str(&ids[i])));
        for (size_t k = 0; k < i; k++)
            CHECK(!str_eq(id_str(&ids[i]), id_str(&ids[k])));
    }
}

/* Every one of the 128 bits is now 0, now 1: each character takes all its values, the first only
 * eight. */
static void all_bits_are_random(void)
{
    bool seen[26][256] = {0};
    struct id_pool pool = {};

    for (int i = 0; i < 3000; i++) {
        struct id id;

        CHECK_OK(id_new_from(&pool, &id));
        for (size_t at = 0; at < 26; at++)
            seen[at][(unsigned char)id.z[at]] = true;
    }
    for (size_t at = 0; at < 26; at++) {
        int values = 0;

        for (size_t c = 0; c < 256; c++)
            values += seen[at][c];
        CHECK_INT(values, at == 0 ? 8 : 32);
    }
}

static void parse_refuses_other_forms(void)
{
    static const char *const bad[] = {
        "",
        "0123456789abcdefghjkmnpqr",
        "0123456789abcdefghjkmnpqrst",
        "0123456789Abcdefghjkmnpqrs",
        "0123456789ibcdefghjkmnpqrs",
        "0123456789lbcdefghjkmnpqrs",
        "0123456789obcdefghjkmnpqrs",
        "0123456789ubcdefghjkmnpqrs",
        "8123456789abcdefghjkmnpqrs",
        "z123456789abcdefghjkmnpqrs",
        "0123456789-bcdefghjkmnpqrs",
        "../3456789abcdefghjkmnpqrs",
    };
    struct id id = {"untouched"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_RC(id_parse(str_of(bad[i]), &id), RC_PARSE);
    CHECK_RC(id_parse(STR("0123456789\0bcdefghjkmnpqrs"), &id), RC_PARSE);
    CHECK_RC(id_parse(STR("\xff"
                          "123456789abcdefghjkmnpqrs"),
                      &id),
             RC_PARSE);
    CHECK_STR(id_str(&id), "untouched");
    CHECK_OK(id_parse(STR("7vwxyz89abcdefghjkmnpqrst0"), &id));
    CHECK_STR(id_str(&id), "7vwxyz89abcdefghjkmnpqrst0");
}

static void random_bytes_fill_all(void)
{
    static unsigned char p[100'000];
    unsigned char guard[2] = {0xaa, 0xaa};
    size_t zeros = 0;

    CHECK_OK(id_random(p, sizeof(p)));
    for (size_t i = 0; i < sizeof(p); i++)
        zeros += p[i] == 0;
    CHECK(zeros > 200 && zeros < 600); /* 390 expected, standard deviation 20 */
    CHECK_OK(id_random(guard, 0));
    CHECK(guard[0] == 0xaa);
}

CHECK_MAIN(CHECK_TEST(new_ids_have_the_form_and_differ), CHECK_TEST(all_bits_are_random),
           CHECK_TEST(parse_refuses_other_forms), CHECK_TEST(random_bytes_fill_all))
