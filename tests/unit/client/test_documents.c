/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

#include "client/documents.h"

#define NOW (INT64_C(1'800'000'000) * WHEN_SECOND) /* 2027-01-15T08:00:00Z */
#define A "https://a.example"

enum what { DIRECTORY, ORDER, AUTHORIZATION, CHALLENGE, WINDOW };

static enum rc read_one(enum what what, struct arena *a, struct str json, struct err *err)
{
    struct client_directory directory;
    struct client_order order;
    struct client_authorization authorization;
    struct client_challenge challenge;
    struct client_window window;

    switch (what) {
    case DIRECTORY:
        return client_directory_read(a, json, &directory, err);
    case ORDER:
        return client_order_read(a, json, &order, err);
    case AUTHORIZATION:
        return client_authorization_read(a, json, &authorization, err);
    case CHALLENGE:
        return client_challenge_read(a, json, &challenge, err);
    case WINDOW:
        return client_window_read(a, json, &window, err);
    }
    return RC_INVAL;
}

#define DIR "\"newNonce\":\"" A "/n\",\"newAccount\":\"" A "/a\",\"newOrder\":\"" A "/o\""
#define ORD "\"authorizations\":[\"" A "/1\",\"" A "/2\"],\"finalize\":\"" A "/f\""
#define IDENT "\"identifier\":{\"type\":\"dns\",\"value\":\"x.example\"}"

static void texts(void)
{
    static const struct {
        enum what what;
        enum rc rc;
        const char *json;
        const char *says;
    } cases[] = {
        {DIRECTORY, RC_OK, "{" DIR "}", ""},
        {DIRECTORY, RC_OK, "{" DIR ",\"meta\":null,\"odd\":[1],\"renewalInfo\":null}", ""},
        {DIRECTORY, RC_OK, "{" DIR ",\"meta\":{\"externalAccountRequired\":true}}", ""},
        {DIRECTORY, RC_PARSE, "{" DIR ",\"meta\":{\"externalAccountRequired\":\"yes\"}}",
         "externalAccountRequired"},
        {DIRECTORY, RC_PARSE, "{" DIR ",\"meta\":{\"termsOfService\":1}}", "termsOfService"},
        {DIRECTORY, RC_PARSE, "{" DIR ",\"renewalInfo\":\"ftp://x\"}", "renewalInfo"},
        {DIRECTORY, RC_PARSE, "{\"newNonce\":\"/n\"}", "newNonce"},
        {DIRECTORY, RC_PARSE, "", "is not JSON"},
        {DIRECTORY, RC_PARSE, "{" DIR "} x", "is not JSON"},
        {DIRECTORY, RC_PARSE, "null", "no object"},
        {ORDER, RC_OK, "{\"status\":\"pending\"," ORD "}", ""},
        {ORDER, RC_OK, "{\"status\":\"valid\"," ORD ",\"certificate\":\"" A "/c\"}", ""},
        {ORDER, RC_PARSE, "{\"status\":\"valid\"," ORD "}", "certificate"},
        {ORDER, RC_PARSE, "{\"status\":\"Pending\"," ORD "}", "status"},
        {ORDER, RC_PARSE, "{\"status\":3," ORD "}", "status"},
        {ORDER, RC_PARSE, "{" ORD "}", "status"},
        {ORDER, RC_PARSE, "{\"status\":\"ready\",\"finalize\":\"" A "/f\"}", "authorizations"},
        {ORDER, RC_PARSE, "{\"status\":\"ready\",\"finalize\":\"" A "/f\",\"authorizations\":[1]}",
         "authorizations"},
        {ORDER, RC_PARSE, "{\"status\":\"ready\",\"authorizations\":[]}", "finalize"},
        {ORDER, RC_PARSE,
         "{\"status\":\"ready\",\"finalize\":\"https://u@h/\",\"authorizations\":[]}", "finalize"},
        {AUTHORIZATION, RC_OK, "{\"status\":\"valid\"," IDENT ",\"challenges\":[]}", ""},
        {AUTHORIZATION, RC_PARSE, "{\"status\":\"valid\"," IDENT "}", "challenges"},
        /* What another challenge says badly is in nobody's way. */
        {AUTHORIZATION, RC_OK,
         "{\"status\":\"valid\"," IDENT ",\"challenges\":[{\"type\":\"dns-persist-01\",\"url\":"
         "\"https://a/c\",\"status\":\"pending\",\"issuerDomainNames\":{}}]}",
         ""},
        {AUTHORIZATION, RC_PARSE, "{\"status\":\"valid\",\"challenges\":[]}", "type"},
        {AUTHORIZATION, RC_PARSE, "{\"status\":\"valid\"," IDENT ",\"challenges\":[{}]}", "type"},
        {AUTHORIZATION, RC_PARSE,
         "{\"status\":\"valid\",\"wildcard\":1," IDENT ",\"challenges\":[]}", "wildcard"},
        {CHALLENGE, RC_OK,
         "{\"type\":\"dns-01\",\"url\":\"" A "/c\",\"status\":\"pending\",\"token\":\"t\"}", ""},
        {CHALLENGE, RC_OK, "{\"type\":\"dns-01\",\"url\":\"" A "/c\",\"status\":\"pending\"}", ""},
        {CHALLENGE, RC_PARSE, "{\"type\":\"dns-01\",\"status\":\"pending\"}", "url"},
        {CHALLENGE, RC_PARSE,
         "{\"type\":\"d\",\"url\":\"" A "/c\",\"status\":\"pending\",\"token\":[]}", "token"},
        {WINDOW, RC_OK,
         "{\"suggestedWindow\":{\"start\":\"2027-01-01T00:00:00+02:00\",\"end\":"
         "\"2027-01-01T00:00:00.5Z\"}}",
         ""},
        {WINDOW, RC_PARSE, "{\"suggestedWindow\":{\"start\":\"2027-01-01T00:00:00Z\"}}", "end"},
        {WINDOW, RC_PARSE, "{\"suggestedWindow\":{\"start\":\"yesterday\",\"end\":\"x\"}}",
         "start"},
        {WINDOW, RC_PARSE, "{}", "start"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
        struct err err = ERR_INIT;
        char text[1024] = "";
        enum rc rc = read_one(cases[i].what, &a, str_of(cases[i].json), &err);

        if (rc != RC_OK)
            err_textz(&err, text, sizeof(text));
        if ((rc != cases[i].rc || !strstr(text, cases[i].says)) && !mem_fail_fired())
            fail_msg("case %zu: %s: %s", i, rc_text(rc), text);
    }
}

static void values(void)
{
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct client_directory d;
    struct client_order o;
    struct client_window w;

    CHECK_OK(client_directory_read(
        &a,
        STR("{" DIR ",\"renewalInfo\":\"" A "/r\",\"meta\":{\"termsOfService\":\"" A
            "/t\",\"profiles\":{\"a\":\"x\",\"b\":\"y\"},\"externalAccountRequired\":true}}"),
        &d, NULL));
    CHECK_STR(d.new_nonce, A "/n");
    CHECK_STR(d.renewal_info, A "/r");
    CHECK_STR(d.terms, A "/t");
    CHECK_INT(d.n_profiles, 2);
    CHECK_STR(d.profiles[1], "b");
    CHECK(d.has_profiles && d.eab_required);
    CHECK_OK(client_order_read(
        &a,
        STR("{\"status\":\"invalid\"," ORD ",\"error\":{\"type\":\"" A "/odd\",\"detail\":\"x\"}}"),
        &o, NULL));
    CHECK_INT(o.n_authorizations, 2);
    CHECK_STR(o.authorizations[1], A "/2");
    CHECK_STR(o.error, A "/odd: x");
    CHECK_STR(str_of(client_status_text(o.status)), "invalid");
    CHECK_STR(str_of(client_status_text(99)), "unknown");
    CHECK_OK(client_window_read(&a,
                                STR("{\"suggestedWindow\":{\"start\":\"2027-01-15T10:00:00+02:00\","
                                    "\"end\":\"2027-01-15T08:00:01Z\"}}"),
                                &w, NULL));
    CHECK_INT(w.start, NOW);
    CHECK_INT(w.end, NOW + WHEN_SECOND);
}

/* More than a limit allows is an error, not a wait. */
static void limits(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(1 << 20);
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct client_order o;
    struct client_directory d;
    struct client_authorization au;

    buf_putz(&b, "{\"status\":\"ready\",\"finalize\":\"" A "/f\",\"authorizations\":[\"" A "/\"");
    for (size_t i = 0; i < CLIENT_NAMES_MAX; i++)
        buf_putz(&b, ",\"" A "/x\"");
    buf_putz(&b, "]}");
    CHECK_RC(client_order_read(&a, buf_str(&b), &o, NULL), RC_TOOBIG);
    buf_reset(&b);
    buf_putz(&b, "{" DIR ",\"meta\":{\"profiles\":{\"p\":1");
    for (size_t i = 0; i < CLIENT_PROFILES_MAX; i++)
        buf_printf(&b, ",\"p%zu\":1", i);
    buf_putz(&b, "}}}");
    CHECK_RC(client_directory_read(&a, buf_str(&b), &d, NULL), RC_TOOBIG);
    buf_reset(&b);
    buf_putz(&b, "{\"status\":\"valid\"," IDENT ",\"challenges\":[1");
    for (size_t i = 0; i < CLIENT_CHALLENGES_MAX; i++)
        buf_putz(&b, ",1");
    buf_putz(&b, "]}");
    CHECK_RC(client_authorization_read(&a, buf_str(&b), &au, NULL), RC_TOOBIG);
    buf_reset(&b);
    buf_putz(&b, "{" DIR ",\"x\":\"");
    for (size_t i = 0; i < CLIENT_DOCUMENT_MAX; i++)
        buf_u8(&b, 'x');
    buf_putz(&b, "\"}");
    CHECK_RC(client_directory_read(&a, buf_str(&b), &d, NULL), RC_PARSE);
    buf_reset(&b);
    buf_putz(&b, "{\"newNonce\":\"" A "/");
    for (size_t i = 0; i < CLIENT_URL_MAX; i++)
        buf_u8(&b, 'x');
    buf_putz(&b, "\"}");
    CHECK_RC(client_directory_read(&a, buf_str(&b), &d, NULL), RC_PARSE);
}

#define URN "urn:ietf:params:acme:error:"

static void problems(void)
{
    static const struct {
        const char *json, *type, *line;
    } cases[] = {
        {"{\"type\":\"" URN "badCSR\",\"detail\":\"weak\"}", "badCSR", "badCSR: weak"},
        {"{\"type\":\"" URN "badCSR\"}", "badCSR", "badCSR"},
        {"{\"detail\":\"weak\"}", "", "weak"},
        {"{\"type\":\"about:blank\",\"detail\":\"weak\"}", "", "weak"},
        {"{\"type\":1,\"detail\":[]}", "", ""},
        {"{\"detail\":\"x\",\"subproblems\":7}", "", "x"},
        {"{\"detail\":\"x\",\"subproblems\":[]}", "", "x"},
        {"{\"detail\":\"x\",\"subproblems\":[1,{\"type\":\"" URN "dns\"}]}", "", "x (; dns)"},
        {"{\"detail\":\"x\",\"subproblems\":[1,2,3,4,5,6,7,8,9,10]}", "",
         "x (; ; ; ; ; ; ; ; and 2 more)"},
        {"[]", "", ""},
        {"<html>", "", ""},
        {"", "", ""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
        struct client_problem p;

        client_problem_read(&a, str_of(cases[i].json), &p);
        if (mem_fail_fired())
            return;
        if (!str_eq(p.line, str_of(cases[i].line)))
            fail_msg("case %zu: %.*s", i, STR_ARG(p.line));
        CHECK_STR(p.type, cases[i].type);
    }
}

static void long_problem(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(1 << 20);
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct client_problem p;

    buf_putz(&b, "{\"type\":\"x\",\"subproblems\":[");
    for (size_t i = 0; i < 9; i++) {
        buf_putz(&b, i ? ",{\"detail\":\"" : "{\"detail\":\"");
        for (size_t k = 0; k < 1000; k++)
            buf_putz(&b, "\xc3\xa4");
        buf_putz(&b, "\"}");
    }
    buf_putz(&b, "]}");
    CHECK_OK(buf_rc(&b));
    client_problem_read(&a, buf_str(&b), &p);
    CHECK(p.line.n > CLIENT_PROBLEM_TEXT - 4 && p.line.n <= CLIENT_PROBLEM_TEXT);
    CHECK(str_utf8(p.line));
}

static void retry_after(void)
{
    static const struct {
        const char *text;
        when_t after; /* 0: none */
    } cases[] = {
        {"5", 5 * WHEN_SECOND},
        {"0", 0},
        {"", 0},
        {"-5", 0},
        {"5 ", 0},
        {"86400", WHEN_DAY},
        {"86401", WHEN_DAY},
        {"99999999999999999999", WHEN_DAY},
        {"Fri, 15 Jan 2027 08:00:30 GMT", 30 * WHEN_SECOND},
        {"Fri, 15 Jan 2027 07:00:30 GMT", 0},
        {"Fri, 15 Jan 2029 08:00:30 GMT", WHEN_DAY},
        {"Fri, 15 Abc 2027 08:00:30 GMT", 0},
        {"Fri, 15 Jan 2027 08:00:30 CET", 0},
        {"Fri, 1x Jan 2027 08:00:30 GMT", 0},
        {"Fri, 31 Feb 2027 08:00:30 GMT", 0},
        {"Friday, 15-Jan-27 08:00:30 GMT", 0},
        {"soon", 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        when_t got = client_retry_after(str_of(cases[i].text), NOW);

        if (got != (cases[i].after ? NOW + cases[i].after : 0))
            fail_msg("%s: %lld", cases[i].text, (long long)(got - NOW));
    }
}

static void dates(void)
{
    when_t t = 0;

    CHECK_OK(client_date_read(STR("Fri, 15 Jan 2027 08:00:30 GMT"), &t));
    CHECK_INT(t, NOW + 30 * WHEN_SECOND);
    CHECK_RC(client_date_read(STR(""), &t), RC_PARSE);
    CHECK_RC(client_date_read(STR("Friday, 15-Jan-27 08:00:30 GMT"), &t), RC_PARSE);
}

static void alternates(void)
{
    static const struct {
        const char *header;
        size_t n;
        const char *first;
    } cases[] = {
        {"<https://x/1>;rel=\"alternate\"", 1, "https://x/1"},
        {"<https://x/1>; rel=alternate", 1, "https://x/1"},
        {"<https://x/d>;rel=\"index\", <https://x/2> ; title=\"a, b\"; rel=\"up alternate\"", 1,
         "https://x/2"},
        {"<https://x/1>;rel=\"alternate\",<https://x/2>;rel=\"alternate\"", 2, "https://x/1"},
        {"<https://x/1>;rel=\"up\";rel=\"alternate\"", 0, NULL},
        {"</relative>;rel=\"alternate\"", 0, NULL},
        {"<ftp://x/>;rel=\"alternate\"", 0, NULL},
        {"<https://x/1", 0, NULL},
        {"", 0, NULL},
    };
    CLEANUP(arena_done) struct arena a = ARENA_INIT(1 << 20);
    struct str urls[2];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t n = 0;

        CHECK_OK(client_alternates_read(&a, str_of(cases[i].header), urls, 2, &n));
        CHECK_INT(n, cases[i].n);
        if (n)
            CHECK_STR(urls[0], cases[i].first);
    }
}

CHECK_MAIN(CHECK_TEST(texts), CHECK_TEST(values), CHECK_TEST_ONCE(limits), CHECK_TEST(problems),
           CHECK_TEST(long_problem), CHECK_TEST(retry_after), CHECK_TEST(dates),
           CHECK_TEST(alternates))
