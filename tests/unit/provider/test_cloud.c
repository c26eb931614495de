/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of DNS providers, byte by byte, and what becomes of their answers: those in the
 * cloud. */
#include "provider/sigv4.h"
#include "provider/xml.h"
#include "unit/provider/talk.h"

/* ---- Cloudflare */

#define TOKEN_HEADER "Authorization: Bearer t-1\r\n"
#define CF "https://api.cloudflare.com/client/v4/zones"
#define CF_RECORDS CF "/0a1b/dns_records"
#define CF_LIST CF_RECORDS "?type=TXT&name=_acme-challenge.wiki.hospital.example"
#define CF_RECORDS_PAGE(n) CF_LIST "&per_page=100&page=" n
#define CF_ZONES(name, n) CF "?name=" name "&per_page=50&page=" n
#define CF_PAGE(result, total)                                                                     \
    "{\"success\":true,\"result\":" result ",\"result_info\":{\"total_count\":" total "}}"
#define CF_ANSWER(result) "{\"success\":true,\"errors\":[],\"messages\":[],\"result\":" result "}"
#define CF_RECORD(id, value)                                                                       \
    "{\"id\":\"" id "\",\"type\":\"TXT\",\"name\":\"_acme-challenge.wiki.Hospital.example\","      \
    "\"content\":\"" value "\",\"ttl\":60}"

static void find_cloudflare(struct talk *t, bool remove)
{
    CHECK_OK(begin(t, "cloudflare", "token: t-1\n", remove));
    expect(t, "GET", CF_ZONES("wiki.hospital.example", "1"), TOKEN_HEADER, "");
    answer(t, 200, CF_ANSWER("[]"));
    expect(t, "GET", CF_ZONES("hospital.example", "1"), TOKEN_HEADER, "");
    answer(t, 200,
           CF_ANSWER("[{\"id\":\"..\",\"name\":\"hospital.example\"},"
                     "{\"id\":\"ffff\",\"name\":\"other.example\"},"
                     "{\"id\":\"0a1b\",\"name\":\"Hospital.example\"}]"));
    expect(t, "GET", CF_RECORDS_PAGE("1"), TOKEN_HEADER, "");
}

static void cloudflare_adds(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    find_cloudflare(&t, false);
    CHECK(t.value.n > 0);
    answer(&t, 200, CF_ANSWER("[" CF_RECORD("1", "\\\"theirs\\\"") "]"));
    answer(&t, 500, ""); /* nothing was asked yet */
    expect_end(&t);
    answer(&t, 200, CF_ANSWER("[]"));
    expect(&t, "POST", CF_RECORDS, TOKEN_HEADER,
           "{\"type\":\"TXT\",\"name\":\"_acme-challenge.wiki.hospital.example\",\"content\":"
           "\"\\\"#\\\"\",\"ttl\":60}");
    refuses(&t, 400,
            "{\"success\":false,\"errors\":[{\"code\":9109,\"message\":\"Unauthorized\"}]}",
            RC_DENIED, "status 400, Unauthorized;");
    refuses(&t, 200, "{\"success\":false,\"errors\":[{\"code\":1,\"message\":\"No\"}]}", RC_DENIED,
            "status 200, No;");
    answer(&t, 200, CF_ANSWER("{\"id\":\"2\"}"));
    expect_end(&t);
    end(&t);
    find_cloudflare(&t, false);
    CHECK(t.value.n > 0);
    answer_with(&t, CF_ANSWER("[" CF_RECORD("3", "#") "]")); /* it is there */
    expect_end(&t);
}

/* Behind an alias the zone is looked for from there on, and the record has that name. */
static void cloudflare_moved(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    CHECK_OK(begin(&t, "cloudflare", "token: t-1\n", false));
    CHECK_OK(provider_call_move(&t.call, STR("_ACME-challenge.wiki.hospital.example")));
    CHECK_INT(t.call.alias.n, 0);
    CHECK_OK(provider_call_move(&t.call, STR("w.proofs.example")));
    CHECK_STR(t.call.alias, "_acme-challenge.wiki.hospital.example");
    expect(&t, "GET", CF_ZONES("w.proofs.example", "1"), TOKEN_HEADER, "");
    answer(&t, 200, CF_ANSWER("[]"));
    expect(&t, "GET", CF_ZONES("proofs.example", "1"), TOKEN_HEADER, "");
    answer(&t, 200, CF_ANSWER("[{\"id\":\"0a1b\",\"name\":\"proofs.example\"}]"));
    expect(&t, "GET", CF_RECORDS "?type=TXT&name=w.proofs.example&per_page=100&page=1",
           TOKEN_HEADER, "");
    answer(&t, 200, CF_ANSWER("[]"));
    expect(&t, "POST", CF_RECORDS, TOKEN_HEADER,
           "{\"type\":\"TXT\",\"name\":\"w.proofs.example\",\"content\":\"\\\"#\\\"\",\"ttl\":60}");
    end(&t);
    CHECK_OK(begin(&t, "cloudflare", "token: t-1\n", false));
    CHECK_OK(provider_call_move(&t.call, STR("w.proofs.example")));
    expect(&t, "GET", CF_ZONES("w.proofs.example", "1"), TOKEN_HEADER, "");
    answer(&t, 200, CF_ANSWER("[]"));
    expect(&t, "GET", CF_ZONES("proofs.example", "1"), TOKEN_HEADER, "");
    refuses(&t, 200, CF_ANSWER("[]"), RC_NOTFOUND, "w.proofs.example");
}

static void cloudflare_removes(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    find_cloudflare(&t, true);
    CHECK(t.value.n > 0);
    answer_with(&t, CF_ANSWER("[" CF_RECORD("1", "theirs") "," CF_RECORD("2", "\\\"#\\\"") "]"));
    expect(&t, "DELETE", CF_RECORDS "/2", TOKEN_HEADER, "");
    answer(&t, 200, CF_ANSWER("{\"id\":\"2\"}"));
    expect_end(&t);
    end(&t);
    find_cloudflare(&t, true);
    CHECK(t.value.n > 0);
    answer(&t, 200, CF_ANSWER("[" CF_RECORD("1", "theirs") "]")); /* it is gone */
    expect_end(&t);
}

/* Ours may be on another page; and what was asked may have happened although it was not said. */
static void cloudflare_lasts(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    CHECK_OK(begin(&t, "cloudflare", "token: t-1\nzone: hospital.example\n", true));
    for (int i = 0; i < 50; i++)
        answer(&t, 200, CF_PAGE("[{\"id\":\"f\",\"name\":\"other.example\"}]", "51"));
    expect(&t, "GET", CF_ZONES("hospital.example", "2"), TOKEN_HEADER, "");
    answer(&t, 200, CF_PAGE("[{\"id\":\"0a1b\",\"name\":\"hospital.example\"}]", "51"));
    expect(&t, "GET", CF_RECORDS_PAGE("1"), TOKEN_HEADER, "");
    for (int i = 0; i < 50; i++)
        answer(&t, 200, CF_PAGE("[" CF_RECORD("1", "a") "," CF_RECORD("2", "b") "]", "101"));
    expect(&t, "GET", CF_RECORDS_PAGE("2"), TOKEN_HEADER, "");
    answer(&t, 429, "");
    expect_end(&t);
    CHECK_INT(t.ask.after, WHEN_SECOND);
    expect(&t, "GET", CF_RECORDS_PAGE("1"), TOKEN_HEADER, "");
    answer_with(&t, CF_PAGE("[" CF_RECORD("3", "#") "]", "101"));
    expect(&t, "DELETE", CF_RECORDS "/3", TOKEN_HEADER, "");
    answer(&t, 404, "{\"success\":false,\"errors\":[{\"code\":81044,\"message\":\"m\"}]}");
    expect_end(&t);
    end(&t);
    find_cloudflare(&t, false);
    CHECK(t.value.n > 0);
    answer(&t, 200, CF_PAGE("[]", "9"));
    refuses(&t, 400, "{\"success\":false,\"errors\":[{\"code\":81057,\"message\":\"m\"}]}",
            RC_DENIED, "status 400, m;");
    answer(&t, 400, "{\"success\":false,\"errors\":[{\"code\":81058,\"message\":\"m\"}]}");
    expect_end(&t);
    end(&t);
    find_cloudflare(&t, false);
    CHECK(t.value.n > 0);
    is_patient(&t, 502, "<html>", "status 502, <html>;");
}

static void cloudflare_strange(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    CHECK_OK(begin(&t, "cloudflare", "token: t-1\nzone: hospital.example\nurl: http://d\n", false));
    expect(&t, "GET", "http://d/zones?name=hospital.example&per_page=50&page=1", TOKEN_HEADER, "");
    refuses(&t, 200, "{}", RC_PARSE, "does not answer");
    refuses(&t, 200, "<html>", RC_PARSE, "does not answer");
    refuses(&t, 200, CF_ANSWER("{}"), RC_PARSE, "does not answer");
    refuses(&t, 403, "<html>", RC_DENIED, "status 403, <html>");
    refuses(&t, 200, CF_ANSWER("[]"), RC_NOTFOUND, "reaches no zone");
    end(&t);
    CHECK_OK(begin(&t, "cloudflare", "token: t-1\n", false));
    expect(&t, "GET", CF_ZONES("wiki.hospital.example", "1"), TOKEN_HEADER, "");
    answer(&t, 200, CF_ANSWER("[]"));
    expect(&t, "GET", CF_ZONES("hospital.example", "1"), TOKEN_HEADER, "");
    refuses(&t, 200, CF_ANSWER("[]"), RC_NOTFOUND, "reaches no zone"); /* no name of one label */
    end(&t);
    CHECK_OK(begin(&t, "cloudflare", "token: \"t\x01\"\n", false));
    cannot_ask(&t, "provider.header");
}

/* ---- Route 53 */

static void xml(void)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(64);
    struct str rest = STR("<a x=\"1\"><b>1</b><bb>2</bb>\n<b/><c>3<c></a><b>4");
    struct str one;

    CHECK_STR(provider_xml_first(rest, "bb"), "2");
    CHECK_STR(provider_xml_first(rest, "c"), "");
    CHECK_STR(provider_xml_first(STR("<Name> x </Name>"), "Name"), "x");
    CHECK(provider_xml_next(&rest, "b", &one));
    CHECK_STR(one, "1");
    CHECK(provider_xml_next(&rest, "b", &one));
    CHECK_STR(one, "");
    CHECK(!provider_xml_next(&rest, "b", &one)); /* does not end */
    CHECK_OK(provider_xml_unescape(STR("&quot;a&amp;b&#34;&lt;&#x3E;&apos;"), &out));
    CHECK_STR(buf_str(&out), "\"a&b\"<>'");
    CHECK_RC(provider_xml_unescape(STR("a&"), &out), RC_PARSE);
    CHECK_RC(provider_xml_unescape(STR("&nbsp;"), &out), RC_PARSE);
    CHECK_RC(provider_xml_unescape(STR("&#10;"), &out), RC_PARSE);
    CHECK_RC(provider_xml_unescape(STR("&#99999;"), &out), RC_PARSE);
}

/* Cases of Amazon's test suite for this signature: get-vanilla, get-vanilla-query-order-key-case,
 * post-vanilla. */
static void sigv4(void)
{
    static const struct {
        const char *method, *url, *signature;
    } cases[] = {
        {"GET", "https://example.amazonaws.com/",
         "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
        {"GET", "https://example.amazonaws.com/?Param1=value1&Param2=value2",
         "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
        {"POST", "https://example.amazonaws.com:443/",
         "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    };
    struct provider_sigv4 key = {.key_id = STR("AKIDEXAMPLE"),
                                 .secret = STR("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
                                 .region = STR("us-east-1"),
                                 .service = STR("service")};

    CHECK_OK(crypto_init());
    CHECK_OK(when_parse(STR("2015-08-30T12:36:00Z"), &key.now));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(buf_done) struct buf out = BUF_INIT(1000);

        CHECK_OK(provider_sigv4_sign(&key, cases[i].method, str_of(cases[i].url), STR(""), &out));
        CHECK(strstr(buf_z(&out), "X-Amz-Date: 20150830T123600Z\r\n") != NULL);
        CHECK(strstr(buf_z(&out), "SignedHeaders=host;x-amz-date, ") != NULL);
        CHECK(strstr(buf_z(&out), cases[i].signature) != NULL);
    }
    crypto_done();
}

#define R53 "https://route53.amazonaws.com/2013-04-01"
#define R53_SETTINGS "access_key_id: AKID\nsecret_access_key: s\n"
#define R53_ZONE(id, name, private)                                                                \
    "<HostedZone><Id>/hostedzone/" id "</Id><Name>" name                                           \
    ".</Name><Config><PrivateZone>" private "</PrivateZone></Config></HostedZone>"
#define R53_ZONES(zones)                                                                           \
    "<?xml version=\"1.0\"?>\n<ListHostedZonesByNameResponse xmlns=\"x\"><HostedZones>" zones      \
    "</HostedZones><IsTruncated>true</IsTruncated></ListHostedZonesByNameResponse>"
#define R53_SET(name, values)                                                                      \
    "<ListResourceRecordSetsResponse><ResourceRecordSets><ResourceRecordSet><Name>" name           \
    ".</Name><Type>TXT</Type><TTL>300</TTL><ResourceRecords>" values                               \
    "</ResourceRecords></ResourceRecordSet></ResourceRecordSets><IsTruncated>false</IsTruncated>"  \
    "</ListResourceRecordSetsResponse>"
#define R53_VALUE(v) "<ResourceRecord><Value>" v "</Value></ResourceRecord>"
#define R53_NAME "_acme-challenge.wiki.hospital.example"
#define R53_CHANGE(action, ttl, values)                                                            \
    "<Change><Action>" action "</Action><ResourceRecordSet><Name>" R53_NAME ".</Name><Type>TXT"    \
    "</Type><TTL>" ttl "</TTL><ResourceRecords>" values                                            \
    "</ResourceRecords></ResourceRecordSet></Change>"
#define R53_CHANGES(changes)                                                                       \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ChangeResourceRecordSetsRequest "                \
    "xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch><Changes>" changes       \
    "</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
#define R53_INFO(status)                                                                           \
    "<ChangeResourceRecordSetsResponse><ChangeInfo><Id>/change/C7</Id><Status>" status             \
    "</Status></ChangeInfo></ChangeResourceRecordSetsResponse>"

/* The next request; the headers are those that sigv4() is about. */
static void expect_signed(struct talk *t, const char *method, const char *url, const char *body)
{
    CLEANUP(buf_done) struct buf headers = BUF_INIT(PROVIDER_HEADERS_MAX);
    struct provider_sigv4 key = {.key_id = STR("AKID"),
                                 .secret = STR("s"),
                                 .region = STR("us-east-1"),
                                 .service = STR("route53")};
    CLEANUP(buf_done) struct buf want = BUF_INIT(PROVIDER_ASK_MAX);

    for (const char *c = body; *c; c++)
        if (*c == '#')
            buf_puts(&want, t->value);
        else
            buf_put(&want, c, 1);
    CHECK_OK(buf_rc(&want));
    key.now = t->call.now = 1'700'000'000 * WHEN_SECOND;
    CHECK_OK(provider_sigv4_sign(&key, method, str_of(url), buf_str(&want), &headers));
    expect(t, method, url, buf_z(&headers), body);
}

static void find_route53(struct talk *t, bool remove)
{
    CHECK_OK(begin(t, "route53", R53_SETTINGS, remove));
    expect_signed(t, "GET", R53 "/hostedzonesbyname?dnsname=wiki.hospital.example&maxitems=10", "");
    answer(t, 200, R53_ZONES(R53_ZONE("Z0", "wiki.hospital.example", "true")));
    expect_signed(t, "GET", R53 "/hostedzonesbyname?dnsname=hospital.example&maxitems=10", "");
    answer(t, 200,
           R53_ZONES(R53_ZONE("../Z1", "hospital.example", "false") R53_ZONE(
               "Z2", "Hospital.example", "false") R53_ZONE("Z3", "zoo.example", "false")));
    /* The last part of an identifier is what counts. */
    CHECK_STR(t->call.zone, "Z1");
    expect_signed(t, "GET", R53 "/hostedzone/Z1/rrset?maxitems=1&name=" R53_NAME ".&type=TXT", "");
}

static void route53_adds(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    find_route53(&t, false);
    CHECK(t.value.n > 0);
    answer(&t, 200, R53_SET("next.example", R53_VALUE("&quot;other&quot;"))); /* none at ours */
    expect_signed(&t, "POST", R53 "/hostedzone/Z1/rrset/",
                  R53_CHANGES(R53_CHANGE("CREATE", "60", R53_VALUE("&quot;#&quot;"))));
    CHECK_STR(str_of(t.ask.content_type), "application/xml");
    answer(&t, 400,
           "<ErrorResponse><Error><Code>InvalidChangeBatch</Code></Error></ErrorResponse>");
    expect_signed(&t, "GET", R53 "/hostedzone/Z1/rrset?maxitems=1&name=" R53_NAME ".&type=TXT", "");
    answer(&t, 200, R53_SET(R53_NAME, R53_VALUE("\"theirs\"")));
    expect_signed(
        &t, "POST", R53 "/hostedzone/Z1/rrset/",
        R53_CHANGES(R53_CHANGE("DELETE", "300", R53_VALUE("&quot;theirs&quot;")) R53_CHANGE(
            "CREATE", "300", R53_VALUE("&quot;theirs&quot;") R53_VALUE("&quot;#&quot;"))));
    answer(&t, 200, R53_INFO("PENDING"));
    expect_end(&t);
    CHECK_INT(t.ask.after, 2 * WHEN_SECOND);
    expect_signed(&t, "GET", R53 "/change/C7", "");
    answer(&t, 200, R53_INFO("PENDING"));
    expect_end(&t);
    expect_signed(&t, "GET", R53 "/change/C7", "");
    answer(&t, 200, R53_INFO("INSYNC"));
    expect_end(&t);
    CHECK_INT(t.ask.after, 0);
}

static void route53_removes(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    find_route53(&t, true);
    CHECK(t.value.n > 0);
    answer_with(&t, R53_SET(R53_NAME, R53_VALUE("\"theirs\"") R53_VALUE("\"#\"")));
    expect_signed(&t, "POST", R53 "/hostedzone/Z1/rrset/",
                  R53_CHANGES(R53_CHANGE("DELETE", "300",
                                         R53_VALUE("&quot;theirs&quot;") R53_VALUE("&quot;#&quot;"))
                                  R53_CHANGE("CREATE", "300", R53_VALUE("&quot;theirs&quot;"))));
    answer(&t, 200, R53_INFO("PENDING")); /* nobody waits for it */
    expect_end(&t);
    CHECK_INT(t.ask.after, 0);
    end(&t);
    find_route53(&t, true);
    CHECK(t.value.n > 0);
    answer_with(&t, R53_SET(R53_NAME, R53_VALUE("\"#\"")));
    expect_signed(&t, "POST", R53 "/hostedzone/Z1/rrset/",
                  R53_CHANGES(R53_CHANGE("DELETE", "300", R53_VALUE("&quot;#&quot;"))));
    end(&t);
    find_route53(&t, true);
    CHECK(t.value.n > 0);
    answer(&t, 200, R53_SET(R53_NAME, R53_VALUE("\"theirs\""))); /* it is gone */
    expect_end(&t);
}

/* A change that may have been made is made again, for only an answer says what to wait for. */
static void route53_busy(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    find_route53(&t, false);
    CHECK(t.value.n > 0);
    answer(&t, 200, R53_SET("next.example", ""));
    answer(&t, 503, "<x/>");
    expect_end(&t);
    CHECK_INT(t.ask.after, WHEN_SECOND);
    expect_signed(&t, "GET", R53 "/hostedzone/Z1/rrset?maxitems=1&name=" R53_NAME ".&type=TXT", "");
    answer_with(&t, R53_SET(R53_NAME, R53_VALUE("\"theirs\"") R53_VALUE("\"#\"")));
    expect_signed(
        &t, "POST", R53 "/hostedzone/Z1/rrset/",
        R53_CHANGES(
            R53_CHANGE("DELETE", "300", R53_VALUE("&quot;theirs&quot;") R53_VALUE("&quot;#&quot;"))
                R53_CHANGE("CREATE", "300",
                           R53_VALUE("&quot;theirs&quot;") R53_VALUE("&quot;#&quot;"))));
    answer(&t, 200, R53_INFO("PENDING"));
    expect_end(&t);
    expect_signed(&t, "GET", R53 "/change/C7", "");
    answer(&t, 400, "<Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error>");
    expect_end(&t);
    CHECK_INT(t.ask.after, 2 * WHEN_SECOND);
    expect_end(&t);
    expect_signed(&t, "GET", R53 "/change/C7", "");
    answer(&t, 200, R53_INFO("INSYNC"));
    expect_end(&t);
    CHECK_INT(t.ask.after, 0);
    end(&t);
    find_route53(&t, true);
    CHECK(t.value.n > 0);
    is_patient(&t, 400, "<Error><Code>PriorRequestNotComplete</Code><Message>m</Message></Error>",
               "status 400, m;");
}

static void route53_strange(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    find_route53(&t, false);
    CHECK(t.value.n > 0);
    refuses(&t, 200, "<x/>", RC_PARSE, "does not answer");
    refuses(&t, 200, R53_SET(R53_NAME, R53_VALUE("&#10;")), RC_PARSE, "does not answer");
    refuses(&t, 403, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>No key</Message>",
            RC_DENIED, "status 403, No key;");
    end(&t);
    CHECK_OK(begin(&t, "route53", R53_SETTINGS "zone: a.example.\n", false));
    expect_signed(&t, "GET", R53 "/hostedzonesbyname?dnsname=a.example.&maxitems=10", "");
    refuses(&t, 200, R53_ZONES(R53_ZONE("Z", "b.example", "false")), RC_NOTFOUND, "no public");
    t.call.zone = STR("Z1");
    for (int i = 0; i < 5; i++) {
        t.call.listed = true;
        answer(&t, 400, "<Error><Code>InvalidChangeBatch</Code><Message>m</Message></Error>");
    }
    t.call.listed = true;
    refuses(&t, 400, "<Error><Code>InvalidChangeBatch</Code><Message>m</Message></Error>",
            RC_DENIED, "status 400, m;");
}

CHECK_MAIN(CHECK_TEST(cloudflare_adds), CHECK_TEST(cloudflare_moved),
           CHECK_TEST(cloudflare_removes), CHECK_TEST(cloudflare_lasts),
           CHECK_TEST(cloudflare_strange), CHECK_TEST(xml), CHECK_TEST(sigv4),
           CHECK_TEST(route53_adds), CHECK_TEST(route53_removes), CHECK_TEST(route53_busy),
           CHECK_TEST(route53_strange))
