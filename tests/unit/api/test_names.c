/* SPDX-License-Identifier: Apache-2.0 */
/* Names as people write them. */
#include "check.h"

#include "api/names.h"

static const char *read_one(const char *text, struct store_name *out, struct arena *a)
{
    struct err err = ERR_INIT;

    *out = (struct store_name){STORE_NAME_TYPES, {NULL, 0}};
    return api_name_read(a, str_of(text), out, &err) == RC_OK ? "" : err.msg ? err.msg->code : "?";
}

static void what_a_text_is(void)
{
    static const struct {
        const char *text;
        enum store_name_type type;
        const char *value, *code;
    } cases[] = {
        {"Wiki.Hospital.example", STORE_NAME_DNS, "wiki.hospital.example", ""},
        {"*.hospital.example", STORE_NAME_DNS, "*.hospital.example", ""},
        {"10.0.0.5", STORE_NAME_IP, "10.0.0.5", ""},
        {"FD00:0::7", STORE_NAME_IP, "fd00::7", ""},
        {"Alice@Hospital.example", STORE_NAME_EMAIL, "Alice@hospital.example", ""},
        {"https://hospital.example/a@b", STORE_NAME_URI, "https://hospital.example/a@b", ""},
        {"", STORE_NAME_TYPES, "", "api.names-name"},
        {"a b", STORE_NAME_TYPES, "", "api.names-name"},
        {"10.0.0.256", STORE_NAME_TYPES, "", "api.names-name"},
        {"alice@", STORE_NAME_TYPES, "", "api.names-email"},
        {"HTTPS://hospital.example", STORE_NAME_TYPES, "", "api.names-uri"},
        {"://", STORE_NAME_TYPES, "", "api.names-uri"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(arena_done) struct arena a = ARENA_INIT(10'000);
        struct store_name name;

        CHECK_STR(str_of(read_one(cases[i].text, &name, &a)), cases[i].code);
        CHECK_INT(name.type, cases[i].type);
        CHECK_STR(name.value, cases[i].value);
    }
}

static const char *read_list(const char *json, struct api_names *out, struct arena *a)
{
    CLEANUP(json_freep) struct json_doc *doc = NULL;
    struct err err = ERR_INIT;

    if (json_parse(str_of(json), 100'000, &doc, NULL) != RC_OK)
        return "no memory";
    return api_names_read(a, json_root(doc), out, &err) == RC_OK ? ""
           : err.msg                                             ? err.msg->code
                                                                 : "?";
}

static void lists_are_sorted_and_without_duplicates(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(100'000);
    struct api_names n;

    CHECK_STR(str_of(read_list(
                  "[\"b.example\",\"10.0.0.2\",\"A.example\",\"b.Example\",\"x@a\",\"fd00::1\","
                  "\"https://u/\",\"10.0.0.1\",\"a@a\",\"10.0.0.1\",\"x@A\"]",
                  &n, &a)),
              "");
    CHECK_INT(n.n_dns, 2);
    CHECK_STR(n.dns[0], "a.example");
    CHECK_STR(n.dns[1], "b.example");
    CHECK_INT(n.n_ips, 3);
    CHECK_INT(n.ips[0].b[3], 1);
    CHECK_INT(n.ips[1].b[3], 2);
    CHECK_INT(n.ips[2].n, 16);
    CHECK_INT(n.n_emails, 2);
    CHECK_STR(n.emails[0], "a@a");
    CHECK_STR(n.emails[1], "x@a");
    CHECK_INT(n.n_uris, 1);
}

static void what_is_no_list(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(100'000);
    CLEANUP(buf_done) struct buf many = BUF_INIT(10'000);
    struct api_names n;

    CHECK_STR(str_of(read_list("{}", &n, &a)), "api.names-text");
    CHECK_STR(str_of(read_list("\"a\"", &n, &a)), "api.names-text");
    CHECK_STR(str_of(read_list("[1]", &n, &a)), "api.names-text");
    CHECK_STR(str_of(read_list("[\"a\",\"a b\"]", &n, &a)), "api.names-name");
    buf_putz(&many, "[");
    for (int i = 0; i < 101; i++)
        buf_printf(&many, "%s\"n%d.example\"", i ? "," : "", i);
    buf_putz(&many, "]");
    CHECK_OK(buf_rc(&many));
    CHECK_STR(str_of(read_list(buf_z(&many), &n, &a)), "api.names-many");
    CHECK_STR(str_of(read_list("[]", &n, &a)), "");
}

CHECK_MAIN(CHECK_TEST(what_a_text_is), CHECK_TEST(lists_are_sorted_and_without_duplicates),
           CHECK_TEST_ONCE(what_is_no_list))
