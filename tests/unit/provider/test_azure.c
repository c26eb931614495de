/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of Azure DNS, byte by byte, and what becomes of its answers. */
#include "unit/provider/talk.h"

#define NAME "_acme-challenge.wiki.hospital.example"
#define SETTINGS                                                                                   \
    "tenant: t-1\nclient_id: c-1\nclient_secret: s~e c/r+t\nsubscription: s-1\n"                   \
    "resource_group: Clinic (North)\n"
#define LOGIN "https://login.microsoftonline.com/t-1/oauth2/v2.0/token"
#define LOGIN_BODY(scope)                                                                          \
    "client_id=c-1&client_secret=s~e%20c%2fr%2bt&grant_type=client_credentials&scope=" scope
#define PUBLIC LOGIN_BODY("https%3a%2f%2fmanagement.azure.com%2f.default")
#define TOKEN(token, seconds)                                                                      \
    "{\"token_type\":\"Bearer\",\"expires_in\":" seconds ",\"ext_expires_in\":" seconds            \
    ",\"access_token\":\"" token "\"}"
#define BEARER "Authorization: Bearer tok.1\r\n"
#define ZONES                                                                                      \
    "https://management.azure.com/subscriptions/s-1/resourceGroups/Clinic%20%28North%29/"          \
    "providers/Microsoft.Network/dnsZones"
#define VERSION "?api-version=2018-05-01"
#define SET ZONES "/hospital.example/TXT/_acme-challenge.wiki" VERSION
#define ZONE(name, type) "{\"name\":\"" name "\",\"properties\":{\"zoneType\":\"" type "\"}}"
#define LIST(zones, next) "{\"value\":[" zones "],\"nextLink\":" next "}"
#define ANSWER(etag, more, records)                                                                \
    "{\"id\":\"x\",\"etag\":\"" etag "\",\"properties\":{" more                                    \
    "\"TTL\":3600,\"fqdn\":\"x.\",\"TXTRecords\":[" records "]}}"
#define VALUE(v) "{\"value\":[\"" v "\"]}"
#define LONG "{\"value\":[\"two \\\"strings\\\"\",\"\\n\"]}"
#define PUT(ttl, more, records)                                                                    \
    "{\"properties\":{\"TTL\":" ttl more ",\"TXTRecords\":[" records "]}}"
#define METADATA "\"metadata\":{\"owner\":\"ward 7\"}"
#define MISSING "{\"code\":\"NotFound\",\"message\":\"The resource record does not exist\"}"
#define STALE "{\"code\":\"PreconditionFailed\",\"message\":\"The condition was not satisfied\"}"

static when_t noon(void)
{
    return 1'700'000'000 * WHEN_SECOND;
}

static void log_in(struct talk *t, const char *settings, bool remove)
{
    CHECK_OK(begin(t, "azure", settings, remove));
    t->call.now = noon();
    expect(t, "POST", LOGIN, "", PUBLIC);
    CHECK(t->ask.content_type != NULL);
    CHECK_STR(str_of(t->ask.content_type), "application/x-www-form-urlencoded");
    answer(t, 200, TOKEN("tok.1", "3599"));
}

/* As far as the question for the records. */
static void find(struct talk *t, bool remove)
{
    log_in(t, SETTINGS, remove);
    CHECK(t->value.n > 0);
    expect(t, "GET", ZONES VERSION, BEARER, "");
    answer(t, 200,
           LIST(ZONE("example", "Public") "," ZONE("Hospital.example", "Public") "," ZONE(
                    "wiki.hospital.example", "Private") "," ZONE("../x.hospital.example", "Public"),
                "null"));
    CHECK_STR(t->call.zone, "Hospital.example");
    t->call.zone = STR("hospital.example");
    expect(t, "GET", SET, BEARER, "");
}

/* ---- the login */

static void token(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;
    struct provider_call second;

    log_in(&t, SETTINGS, false);
    CHECK(t.value.n > 0);
    expect(&t, "GET", ZONES VERSION, BEARER, "");
    /* Another record has the same token, until two minutes before it ends. */
    CHECK_OK(provider_call_init(&second, t.p, &proof, true));
    provider_call_done(&t.call);
    t.call = second;
    t.call.now = noon() + 3478 * WHEN_SECOND;
    expect(&t, "GET", ZONES VERSION, BEARER, "");
    t.call.now = noon() + 3479 * WHEN_SECOND;
    expect(&t, "POST", LOGIN, "", PUBLIC);
    answer(&t, 200, TOKEN("tok.2", "60")); /* of a short one, half is used */
    t.call.now += 29 * WHEN_SECOND;
    expect(&t, "GET", ZONES VERSION, "Authorization: Bearer tok.2\r\n", "");
    t.call.now += WHEN_SECOND;
    expect(&t, "POST", LOGIN, "", PUBLIC);
}

static void token_withdrawn(void)
{
    static const char gone[] = "{\"error\":{\"code\":\"ExpiredAuthenticationToken\",\"message\":"
                               "\"The access token expiry UTC time is earlier\"}}";
    CLEANUP(end) struct talk t = TALK_INIT;

    find(&t, false);
    CHECK(t.value.n > 0);
    answer(&t, 404, MISSING);
    answer(&t, 401, gone);
    expect(&t, "POST", LOGIN, "", PUBLIC);
    answer(&t, 200, TOKEN("tok.2", "3599"));
    expect(&t, "PUT", SET, "Authorization: Bearer tok.2\r\nIf-None-Match: *\r\n",
           PUT("60", "", VALUE("#")));
    refuses(&t, 401, gone, RC_DENIED, /* not a second time */
            "https://management.azure.com refuses the record " NAME ": status 401, "
            "ExpiredAuthenticationToken: The access token expiry UTC time is earlier;");
}

static void token_refused(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    CHECK_OK(begin(&t, "azure", SETTINGS, false));
    expect(&t, "POST", LOGIN, "", PUBLIC);
    refuses(&t, 401,
            "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: Invalid client "
            "secret provided.\\r\\nTrace ID: 1\",\"error_codes\":[7000215]}",
            RC_DENIED,
            "https://login.microsoftonline.com refuses the record " NAME
            ": status 401, invalid_client: AADSTS7000215: Invalid client secret provided.  Trace");
    refuses(&t, 400, "<html>", RC_DENIED, "status 400, <html>;");
    refuses(&t, 200, "{}", RC_PARSE, "https://login.microsoftonline.com answers what a server of");
    refuses(&t, 200, "<html>", RC_PARSE, "does not answer");
    refuses(&t, 200, TOKEN("tok.1", "0"), RC_PARSE, "does not answer");
    refuses(&t, 200, TOKEN("tok\\r\\nX: y", "3599"), RC_PARSE, "does not answer");
    CHECK_INT(t.p->token.n, 0);
    answer(&t, 503, "");
    expect_end(&t);
    CHECK_INT(t.ask.after, WHEN_SECOND);
    expect(&t, "POST", LOGIN, "", PUBLIC);
    end(&t);
    CHECK_OK(begin(&t, "azure",
                   SETTINGS "url: https://management.chinacloudapi.cn/\n"
                            "login: https://login.chinacloudapi.cn/\nscope: \n",
                   false));
    expect(&t, "POST", "https://login.chinacloudapi.cn/t-1/oauth2/v2.0/token", "",
           LOGIN_BODY("https%3a%2f%2fmanagement.chinacloudapi.cn%2f.default"));
    end(&t);
    CHECK_OK(begin(&t, "azure", SETTINGS "scope: https://arm.local/guid/.default\n", false));
    expect(&t, "POST", LOGIN, "", LOGIN_BODY("https%3a%2f%2farm.local%2fguid%2f.default"));
}

/* ---- zones */

static void pages(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    log_in(&t, SETTINGS, false);
    CHECK(t.value.n > 0);
    answer(&t, 200,
           LIST(ZONE("hospital.example", "Public"),
                "\"https://Management.azure.com:443/p?$skiptoken=a%3D\""));
    expect(&t, "GET", "https://Management.azure.com:443/p?$skiptoken=a%3D", BEARER, "");
    answer(&t, 429, "");
    expect_end(&t);
    expect(&t, "GET", "https://Management.azure.com:443/p?$skiptoken=a%3D", BEARER, "");
    answer(&t, 200, LIST(ZONE("example", "Public"), "\"https://management.azure.com/q\""));
    expect(&t, "GET", "https://management.azure.com/q", BEARER, "");
    refuses(&t, 200, LIST("", "\"https://management.azure.com.example/r\""), RC_DENIED,
            "goes on at \"https://management.azure.com.example/r\", which is another server");
    refuses(&t, 200, LIST("", "\"http://management.azure.com:443/r\""), RC_DENIED, "another");
    refuses(&t, 200, LIST("", "\"https://management.azure.com:444/r\""), RC_DENIED, "another");
    refuses(&t, 200, LIST("", "\"/r\""), RC_DENIED, "another");
    refuses(&t, 200, LIST("", "\"https://a@management.azure.com/r\""), RC_DENIED, "another");
    answer(&t, 200, LIST("", "null"));
    expect(&t, "GET", SET, BEARER, "");
}

static void no_end(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    log_in(&t, SETTINGS, false);
    CHECK(t.value.n > 0);
    while (t.call.step < PROVIDER_STEPS_MAX)
        answer(&t, 200, LIST("", "\"https://management.azure.com/q\""));
    cannot_ask(&t, "provider.no-end");
}

static void zones(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    log_in(&t, SETTINGS, false);
    CHECK(t.value.n > 0);
    refuses(&t, 200, "{}", RC_PARSE, "https://management.azure.com answers what a server of azure");
    refuses(&t, 200, "[]", RC_PARSE, "does not answer");
    refuses(&t, 404,
            "{\"error\":{\"code\":\"ResourceGroupNotFound\",\"message\":\"Resource group 'x' could "
            "not be found.\"}}",
            RC_DENIED,
            "status 404, ResourceGroupNotFound: Resource group 'x' could not be found.;");
    refuses(&t, 200, LIST(ZONE("other.example", "Public"), "null"), RC_NOTFOUND,
            "shows no public zone that holds " NAME);
    end(&t);
    log_in(&t, SETTINGS "zone: " NAME ".\nttl: 1\n", false); /* nothing is looked for */
    CHECK(t.value.n > 0);
    expect(&t, "GET", ZONES "/" NAME "/TXT/@" VERSION, BEARER, "");
    answer(&t, 404, MISSING);
    expect(&t, "PUT", ZONES "/" NAME "/TXT/@" VERSION, BEARER "If-None-Match: *\r\n",
           PUT("1", "", VALUE("#")));
    end(&t);
    CHECK_OK(begin(&t, "azure", SETTINGS "zone: other.example\n", false));
    cannot_ask(&t, "provider.azure-no-zone");
}

/* ---- records */

static void adds(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    find(&t, false);
    CHECK(t.value.n > 0);
    answer(&t, 404, MISSING);
    expect(&t, "PUT", SET, BEARER "If-None-Match: *\r\n", PUT("60", "", VALUE("#")));
    answer(&t, 412, STALE); /* somebody made a set meanwhile; theirs stays */
    expect(&t, "GET", SET, BEARER, "");
    answer(&t, 200, ANSWER("e-1", METADATA ",", VALUE("theirs") "," LONG));
    expect(&t, "PUT", SET, BEARER "If-Match: e-1\r\n",
           PUT("3600", "," METADATA, VALUE("theirs") "," LONG "," VALUE("#")));
    refuses(&t, 403, "{\"error\":{\"code\":\"AuthorizationFailed\",\"message\":\"No.\"}}",
            RC_DENIED, "status 403, AuthorizationFailed: No.;");
    refuses(&t, 404, "{\"code\":\"ParentResourceNotFound\",\"message\":\"m\"}", RC_DENIED,
            "status 404, ParentResourceNotFound: m;");
    refuses(&t, 409, "", RC_DENIED, "status 409;");
    answer(&t, 412, STALE);
    answer(&t, 200, ANSWER("e-2", "", "")); /* a set may be empty */
    expect(&t, "PUT", SET, BEARER "If-Match: e-2\r\n", PUT("3600", "", VALUE("#")));
    answer(&t, 200, ANSWER("e-3", "", VALUE("x")));
    expect_end(&t);
    end(&t);
    find(&t, false);
    CHECK(t.value.n > 0);
    answer_with(&t, ANSWER("e-1", "", VALUE("theirs") "," VALUE("#"))); /* it is there */
    expect_end(&t);
}

static void removes(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    find(&t, true);
    CHECK(t.value.n > 0);
    answer_with(&t, ANSWER("e-1", METADATA ",", VALUE("theirs") "," VALUE("#")));
    expect(&t, "PUT", SET, BEARER "If-Match: e-1\r\n", PUT("3600", "," METADATA, VALUE("theirs")));
    answer(&t, 412, STALE);
    answer_with(&t, ANSWER("e-2", "", VALUE("#"))); /* theirs has gone */
    expect(&t, "DELETE", SET, BEARER "If-Match: e-2\r\n", "");
    answer(&t, 412, STALE); /* and come back */
    answer_with(&t, ANSWER("e-3", "", VALUE("#") "," VALUE("theirs")));
    expect(&t, "PUT", SET, BEARER "If-Match: e-3\r\n", PUT("3600", "", VALUE("theirs")));
    answer(&t, 200, "");
    expect_end(&t);
    end(&t);
    find(&t, true);
    CHECK(t.value.n > 0);
    answer_with(&t, ANSWER("e-1", "", VALUE("#")));
    answer(&t, 404, MISSING); /* gone since then */
    expect_end(&t);
    end(&t);
    find(&t, true);
    CHECK(t.value.n > 0);
    answer_with(&t, ANSWER("e-1", "", VALUE("theirs") ",{\"value\":[\"#\",\"\"]}")); /* not ours */
    expect_end(&t);
    end(&t);
    find(&t, true);
    CHECK(t.value.n > 0);
    answer(&t, 404, MISSING);
    expect_end(&t);
}

static void races(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    find(&t, false);
    CHECK(t.value.n > 0);
    for (int i = 0; i < 5; i++) {
        answer(&t, 404, MISSING);
        answer(&t, 412, STALE);
    }
    answer(&t, 404, MISSING);
    refuses(&t, 412, STALE, RC_DENIED,
            "status 412, PreconditionFailed: The condition was not satisfied;");
}

static void strange(void)
{
    static const char *const bad[] = {
        "{}",
        "<html>",
        "",
        ANSWER("", "", ""),
        ANSWER("e\\n", "", ""),
        ANSWER("e", "", "7"),
        ANSWER("e", "", "{\"value\":[7]}"),
        ANSWER("e", "\"metadata\":{\"a\":7},", ""),
        "{\"etag\":\"e\"}",
    };
    CLEANUP(end) struct talk t = TALK_INIT;

    find(&t, false);
    CHECK(t.value.n > 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refuses(&t, 200, bad[i], RC_PARSE, "does not answer");
        CHECK(!t.call.listed);
    }
    answer(&t, 404, MISSING);
    for (int i = 0; i < 5; i++) { /* what was written may be there */
        answer(&t, 502, "<html>");
        expect_end(&t);
        CHECK_INT(t.ask.after, WHEN_SECOND << i);
        expect(&t, "GET", SET, BEARER, "");
    }
    refuses(&t, 502, "<html>", RC_DENIED, "status 502, <html>;");
}

CHECK_MAIN(CHECK_TEST(token), CHECK_TEST(token_withdrawn), CHECK_TEST(token_refused),
           CHECK_TEST(pages), CHECK_TEST_ONCE(no_end), CHECK_TEST(zones), CHECK_TEST(adds),
           CHECK_TEST(removes), CHECK_TEST(races), CHECK_TEST(strange))
