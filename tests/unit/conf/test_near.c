/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "conf/near.c" /* NOLINT(bugprone-suspicious-include): distance() is static */

static const struct conf_key *find(const char *path)
{
    for (size_t i = 0; i < conf_schema_n; i++)
        if (strcmp(conf_schema[i].path, path) == 0)
            return &conf_schema[i];
    return NULL;
}

static void distances(void)
{
    static const struct {
        const char *a, *b;
        unsigned d;
    } cases[] = {
        {"", "", 0},      {"abc", "abc", 0},        {"abc", "ABC", 0},
        {"", "abc", 3},   {"abc", "", 3},           {"abc", "abd", 1},
        {"abc", "ab", 1}, {"abc", "xabc", 1},       {"abc", "acb", 1},
        {"ab", "ba", 1},  {"kitten", "sitting", 3}, {"domani", "domain", 1},
        {"ca", "abc", 3}, {"a cat", "an act", 2},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_INT(distance(str_of(cases[i].a), str_of(cases[i].b)), cases[i].d);
        CHECK_INT(distance(str_of(cases[i].b), str_of(cases[i].a)), cases[i].d);
    }
}

static void long_names_are_cut(void)
{
    char a[1000], b[1000];

    memset(a, 'a', sizeof(a));
    memset(b, 'b', sizeof(b));
    CHECK_INT(distance(str_bytes(a, sizeof(a)), str_bytes(b, sizeof(b))), NEAR_BYTES_MAX);
    CHECK_INT(distance(str_bytes(a, sizeof(a)), str_bytes(a, 64)), 0);
}

static void nearest_key(void)
{
    CHECK_STR(conf_schema_nearest(NULL, STR("organisation")), "organization");
    CHECK_STR(conf_schema_nearest(NULL, STR("Domain")), "domain");
    CHECK_STR(conf_schema_nearest(NULL, STR("polices")), "policy");
    CHECK_STR(conf_schema_nearest(find("validation"), STR("htttp_port")), "http_port");
    CHECK_STR(conf_schema_nearest(find("profiles"), STR("lifetme")), "lifetime");
    CHECK_STR(conf_schema_nearest(find("policy"), STR("network")), "networks");
    /* A key that stands elsewhere is named with its path... */
    CHECK_STR(conf_schema_nearest(NULL, STR("http_port")), "validation.http_port");
    CHECK_STR(conf_schema_nearest(find("policy"), STR("backdate")), "profiles.*.backdate");
    /* ... but what is near wins, and something is always named. */
    CHECK_STR(conf_schema_nearest(find("log"), STR("lvel")), "level");
    CHECK(conf_schema_nearest(NULL, STR("zzzzzzzzzzzzzzzzzzzzzzz")).n > 0);
    CHECK(conf_schema_nearest(NULL, STR("")).n > 0);
}

static void nearest_name(void)
{
    static const char *const names[] = {"error", "warn", "info", "debug", NULL};

    CHECK_STR(conf_names_nearest(names, STR("warning")), "");
    CHECK_STR(conf_names_nearest(names, STR("wran")), "warn");
    CHECK_STR(conf_names_nearest(names, STR("INFO")), "info");
    CHECK_STR(conf_names_nearest(names, STR("debuh")), "debug");
    CHECK_STR(conf_names_nearest(names, STR("nothing")), "");
    CHECK_STR(conf_names_nearest(names, STR("")), "");
}

CHECK_MAIN(CHECK_TEST(distances), CHECK_TEST(long_names_are_cut), CHECK_TEST(nearest_key),
           CHECK_TEST(nearest_name))
