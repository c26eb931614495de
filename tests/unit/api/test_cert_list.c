/* SPDX-License-Identifier: Apache-2.0 */
/* `autarky cert list`: pages, filters, and everything that is no question. */
#include "fixture.h"

#define DAY(n) (WORLD_NOW - (n)*WHEN_DAY)
#define YEAR_ON (WORLD_NOW + 365 * WHEN_DAY)

static const struct row rows[] = {
    {"wiki.hospital.example", STORE_NAME_DNS, 1, DAY(5), YEAR_ON, false},
    {"pacs.ward.hospital.example", STORE_NAME_DNS, 2, DAY(4), YEAR_ON - WHEN_DAY, true},
    {"10.0.3.7", STORE_NAME_IP, 3, DAY(3), YEAR_ON, false},
    {"*.ward.hospital.example", STORE_NAME_DNS, 4, DAY(2), YEAR_ON, false},
    {"fd00::7", STORE_NAME_IP, 5, DAY(1), YEAR_ON, false},
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

/* Asks with `args`, JSON text. */
static enum rc ask(const char *args, struct answer *a)
{
    return ask_of(api_cert_list, args, a);
}

/* The only name of the i-th item. */
static struct str name_at(const struct answer *a, size_t i)
{
    struct json_iter items = json_iter(json_get(a->root, "items"));
    const struct json *item = NULL;
    const struct json *name = NULL;
    struct json_iter names;
    struct str s = {NULL, 0};

    for (size_t at = 0; at <= i; at++)
        if (!json_next(&items, NULL, &item))
            return s;
    names = json_iter(json_get(item, "names"));
    if (!json_next(&names, NULL, &name) || json_str(name, &s) != RC_OK)
        return (struct str){NULL, 0};
    return s;
}

static void newest_first_with_all_that_is_known(void)
{
    CLEANUP(answer_done) struct answer a = {.doc = NULL};
    struct json_iter items;
    const struct json *item = NULL;

    CHECK_OK(ask("{}", &a));
    CHECK_INT(json_len(json_get(a.root, "items")), ROWS);
    CHECK(json_is_null(json_get(a.root, "next")));
    for (size_t i = 0; i < ROWS; i++)
        CHECK_STR(name_at(&a, i), rows[ROWS - 1 - i].name);
    items = json_iter(json_get(a.root, "items"));
    CHECK(json_next(&items, NULL, &item));
    CHECK_STR(text_of(item, "serial"), "410005");
    CHECK_STR(text_of(item, "status"), "valid");
    CHECK_STR(text_of(item, "origin"), "acme");
    CHECK_STR(text_of(item, "requester"), "10.0.0.7");
    CHECK_STR(text_of(item, "not_after"), "2028-01-15T08:00:00Z");
    CHECK(json_is_null(json_get(item, "account")));
    CHECK(json_get(item, "revoked") == NULL);
}

static void filters(void)
{
    static const struct {
        const char *args;
        size_t n;
        const char *first;
    } cases[] = {
        {"{\"name\":\"wiki.hospital.example\"}", 1, "wiki.hospital.example"},
        {"{\"name\":\"WIKI.Hospital.Example.\"}", 1, "wiki.hospital.example"},
        {"{\"name\":\"*.ward.hospital.example\"}", 1, "*.ward.hospital.example"},
        {"{\"name\":\"hospital.example\"}", 0, ""},
        {"{\"name\":\"10.0.3.7\"}", 1, "10.0.3.7"},
        {"{\"name\":\"FD00:0::7\"}", 1, "fd00::7"},
        {"{\"name\":\"10.0.3.8\"}", 0, ""},
        {"{\"under\":\"hospital.example\"}", 3, "*.ward.hospital.example"},
        {"{\"under\":\"ward.hospital.example\"}", 2, "*.ward.hospital.example"},
        {"{\"under\":\"ospital.example\"}", 0, ""},
        {"{\"status\":\"revoked\"}", 1, "pacs.ward.hospital.example"},
        {"{\"status\":\"valid\"}", 4, "fd00::7"},
        {"{\"status\":\"revoked\",\"name\":\"wiki.hospital.example\"}", 0, ""},
        {"{\"sort\":\"newest\"}", 5, "fd00::7"},
        {"{\"sort\":\"expiry\"}", 5, "pacs.ward.hospital.example"},
        {"{\"cursor\":null,\"limit\":1000}", 5, "fd00::7"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(answer_done) struct answer a = {.doc = NULL};

        CHECK_OK(ask(cases[i].args, &a));
        CHECK_INT(json_len(json_get(a.root, "items")), cases[i].n);
        CHECK_STR(name_at(&a, 0), cases[i].first);
    }
}

static void revoked_says_when_and_why(void)
{
    CLEANUP(answer_done) struct answer a = {.doc = NULL};
    struct json_iter items;
    const struct json *item = NULL;

    CHECK_OK(ask("{\"status\":\"revoked\"}", &a));
    items = json_iter(json_get(a.root, "items"));
    CHECK(json_next(&items, NULL, &item));
    CHECK_STR(text_of(item, "status"), "revoked");
    CHECK_STR(text_of(item, "revoked"), "2027-01-11T09:00:00Z");
    CHECK_INT(number_of(item, "reason"), 4);
}

/* Each row once, whatever the size of the page; the last page says that it is the last. */
static void pages(void)
{
    static const unsigned limits[] = {1, 2, 4, 5, 6};

    for (size_t l = 0; l < sizeof(limits) / sizeof(limits[0]); l++) {
        char args[256];
        size_t seen = 0, asked = 0;

        snprintf(args, sizeof(args), "{\"limit\":%u}", limits[l]);
        for (bool more = true; more && asked <= ROWS; asked++) {
            CLEANUP(answer_done) struct answer a = {.doc = NULL};
            size_t n;

            CHECK_OK(ask(args, &a));
            n = json_len(json_get(a.root, "items"));
            for (size_t i = 0; i < n && seen + i < ROWS; i++)
                CHECK_STR(name_at(&a, i), rows[ROWS - 1 - seen - i].name);
            seen += n;
            more = !json_is_null(json_get(a.root, "next"));
            snprintf(args, sizeof(args), "{\"limit\":%u,\"cursor\":\"%.*s\"}", limits[l],
                     STR_ARG(text_of(a.root, "next")));
        }
        CHECK_INT(seen, ROWS);
        CHECK_INT(asked, (ROWS + limits[l] - 1) / limits[l]);
    }
}

static void bad_arguments_are_named(void)
{
    static const struct {
        const char *args;
        const char *code;
    } cases[] = {
        {"{\"limit\":0}", "api.list-limit"},
        {"{\"limit\":1001}", "api.list-limit"},
        {"{\"limit\":-1}", "api.list-limit"},
        {"{\"limit\":1.5}", "api.list-limit"},
        {"{\"limit\":\"10\"}", "api.list-limit"},
        {"{\"limit\":null}", "api.list-limit"},
        {"{\"cursor\":\"\"}", "api.list-cursor"},
        {"{\"cursor\":7}", "api.list-cursor"},
        {"{\"cursor\":\"1\"}", "api.list-cursor"},
        {"{\"cursor\":\"-1-AAAAAAAAAAAAAAAAAAAAAA\"}", "api.list-cursor"},
        {"{\"cursor\":\"99999999999999999999-AAAAAAAAAAAAAAAAAAAAAA\"}", "api.list-cursor"},
        {"{\"cursor\":\"1-' OR 1=1 --\"}", "api.list-cursor"},
        {"{\"name\":\"\"}", "api.names-name"},
        {"{\"name\":7}", "api.list-text"},
        {"{\"name\":null}", "api.names-name"},
        {"{\"name\":\"a..b\"}", "api.names-name"},
        {"{\"name\":\"a\\u0000.example\"}", "api.list-text"},
        {"{\"name\":\"10.0.3.256\"}", "api.names-name"},
        {"{\"under\":\"*.hospital.example\"}", "api.list-under"},
        {"{\"under\":\"10.0.3.7\"}", "api.list-under"},
        {"{\"under\":[]}", "api.list-under"},
        {"{\"status\":\"pending\"}", "api.list-status"},
        {"{\"status\":\"VALID\"}", "api.list-status"},
        {"{\"status\":1}", "api.list-status"},
        {"{\"sort\":\"name\"}", "api.list-sort"},
        {"{\"sort\":1}", "api.list-sort"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(answer_done) struct answer a = {.doc = NULL};

        CHECK_RC(ask(cases[i].args, &a), RC_INVAL);
        CHECK(a.err.msg != NULL);
        CHECK_STR(str_of(a.err.msg->code), cases[i].code);
        CHECK_INT(a.text.n, 0);
    }
}

int main(void)
{
    static const struct check_test tests[] = {
        CHECK_TEST(newest_first_with_all_that_is_known), CHECK_TEST_ONCE(filters),
        CHECK_TEST(revoked_says_when_and_why), CHECK_TEST_ONCE(pages),
        CHECK_TEST_ONCE(bad_arguments_are_named)};

    return run_with(rows, ROWS, tests, sizeof(tests) / sizeof(tests[0]));
}
