/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8555 section 8.3. */
#include "validator.h"

static const struct dns_fake_rr names[] = {
    {"www.hospital.example", 1, "10.0.0.1"},
    {"both.hospital.example", 28, "fd00::1"},
    {"both.hospital.example", 1, "10.0.0.1"},
    {"other.hospital.example", 1, "10.0.0.2"},
    {"alias.hospital.example", 5, "www.hospital.example"},
    {"txt.hospital.example", 16, "no address"},
    {"local.hospital.example", 1, "127.0.0.1"},
    {"mixed.hospital.example", 1, "127.0.0.1"},
    {"mixed.hospital.example", 1, "10.0.0.1"},
    {"metadata.hospital.example", 1, "169.254.169.254"},
    {"six.hospital.example", 28, "::ffff:127.0.0.1"},
    {"four.hospital.example", 1, "10.0.0.1"},
    {"four.hospital.example", 1, "10.0.0.2"},
    {"four.hospital.example", 1, "10.0.0.3"},
    {"four.hospital.example", 1, "10.0.0.4"},
    {"four.hospital.example", 1, "10.0.0.5"},
    {NULL, 0, NULL},
};

static void proven(void)
{
    WITH_WORLD("", {"10.0.0.1:80", PATH, OK(KEY_AUTHORIZATION)});
    CLEANUP(json_freep) struct json_doc *doc = NULL;

    CHECK_OK(validate(&w, "www.hospital.example"));
    CHECK(strstr(w.request, "\r\nHost: www.hospital.example\r\n"));
    CHECK_OK(json_parse(str_of(w.evidence), VALIDATE_EVIDENCE_MAX, &doc, NULL));
    CHECK(strstr(w.evidence, "\"address\":\"10.0.0.1:80\",\"result\":\"connected\""));
    CHECK(strstr(w.evidence, "\"server\":\"10.0.0.53:53\""));
    CHECK_OK(validate(&w, "alias.hospital.example"));
    CHECK(strstr(w.request, "\r\nHost: alias.hospital.example\r\n"));
    CHECK_OK(validate(&w, "10.0.0.1"));
    CHECK(strstr(w.request, "\r\nHost: 10.0.0.1\r\n"));
}

static void other_ports_and_ipv6(void)
{
    WITH_WORLD("validation: {http_port: 5002}", {"10.0.0.1:5002", PATH, OK(KEY_AUTHORIZATION)},
               {"[fd00::1]:5002", PATH, OK(KEY_AUTHORIZATION)});

    CHECK_OK(validate(&w, "www.hospital.example"));
    CHECK(strstr(w.request, "\r\nHost: www.hospital.example:5002\r\n"));
    CHECK_OK(validate(&w, "fd00::1"));
    CHECK(strstr(w.request, "\r\nHost: [fd00::1]:5002\r\n"));
    CHECK_OK(validate(&w, "both.hospital.example"));
    CHECK(strstr(w.evidence, "\"address\":\"[fd00::1]:5002\",\"result\":\"connected\""));
}

static void ipv4_when_ipv6_is_refused(void)
{
    WITH_WORLD("", {"10.0.0.1:80", PATH, OK(KEY_AUTHORIZATION)});
    struct addr_port six;
    int64_t began;

    CHECK_OK(validate(&w, "both.hospital.example"));
    CHECK(strstr(w.evidence, "\"address\":\"[fd00::1]:80\",\"result\":\""));
    CHECK(!strstr(w.evidence, "\"[fd00::1]:80\",\"result\":\"connected\""));
    CHECK(strstr(w.evidence, "\"address\":\"10.0.0.1:80\",\"result\":\"connected\""));
    /* Silence leaves time for the other one, too. */
    CHECK_OK(addr_port_parse(STR("[fd00::1]:80"), &six));
    CHECK_OK(net_fake_rule(w.net, &six, NET_FAKE_SILENT));
    began = w.clock.mono;
    CHECK_OK(validate(&w, "both.hospital.example"));
    CHECK(w.clock.mono - began >= 4 * WHEN_SECOND && w.clock.mono - began <= 5 * WHEN_SECOND);
}

/* What answers, answers for the name: the next address is for connecting only. */
static void no_second_opinion(void)
{
    WITH_WORLD("", {"[fd00::1]:80", PATH, OK("wrong")},
               {"10.0.0.1:80", PATH, OK(KEY_AUTHORIZATION)});

    FAILS("both.hospital.example", "incorrectResponse", "[fd00::1]:80 holds 5 bytes");
}

static void white_space_at_the_end(void)
{
    WITH_WORLD("", {"10.0.0.1:80", PATH, OK(KEY_AUTHORIZATION " \t\r\n\n")},
               {"10.0.0.2:80", PATH, OK(" " KEY_AUTHORIZATION)});

    CHECK_OK(validate(&w, "www.hospital.example"));
    FAILS("other.hospital.example", "incorrectResponse", "not this challenge's key authorization");
}

static void wrong_content(void)
{
    static const char *const found[][2] = {
        {"", "holds nothing,"},
        {"\n", "holds nothing,"},
        {"<secret>", "holds 8 bytes of something else,"},
        {KEY_AUTHORIZATION "x", "bytes of something else,"},
        {TOKEN, "bytes of something else,"},
        {TOKEN ".AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
         "holds the key authorization of another account,"},
        {"other.LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0",
         "holds the key authorization of another challenge,"},
    };
    static char response[512];
    WITH_WORLD("", {"10.0.0.1:80", PATH, response});

    for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
        snprintf(response, sizeof(response), OK("%s"), found[i][0]);
        FAILS("www.hospital.example", "incorrectResponse", found[i][1]);
        CHECK(!strstr(w.text, "secret") && !strstr(w.evidence, "secret"));
    }
}

static void too_long(void)
{
    static char response[2048];
    WITH_WORLD("", {"10.0.0.1:80", PATH, response});

    snprintf(response, sizeof(response), OK(KEY_AUTHORIZATION "%600s"), "");
    FAILS("www.hospital.example", "incorrectResponse", "holds more than 512 bytes,");
    snprintf(response, sizeof(response), OK(KEY_AUTHORIZATION "%400s"), "");
    CHECK_OK(validate(&w, "www.hospital.example"));
}

static void other_statuses(void)
{
    WITH_WORLD("", {"10.0.0.2:80", PATH, "HTTP/1.1 503 No\r\n\r\n" KEY_AUTHORIZATION},
               {"10.0.0.1:80", "/other", ""});

    FAILS("www.hospital.example", "unauthorized",
          "http://www.hospital.example" PATH " at 10.0.0.1:80 answered 404, not 200");
    FAILS("other.hospital.example", "unauthorized", "answered 503");
}

static void not_http(void)
{
    static const char *const responses[] = {
        "SSH-2.0-OpenSSH_9.2p1\r\n",
        "HTTP/2.0 200 OK\r\n\r\n" KEY_AUTHORIZATION,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    };
    static const char *const cut =
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" KEY_AUTHORIZATION;
    static struct page pages[] = {{"10.0.0.1:80", PATH, NULL}, {NULL, NULL, NULL}};
    CLEANUP(world_done) struct world w = {.results = 0};

    CHECK_OK(world_open(&w, names, pages, ""));
    for (size_t i = 0; i < sizeof(responses) / sizeof(responses[0]); i++) {
        pages[0].response = responses[i];
        FAILS("www.hospital.example", "incorrectResponse", "cannot be understood");
    }
    pages[0].response = cut;
    FAILS("www.hospital.example", "connection", "ended before the answer was complete");
    pages[0].response = "";
    FAILS("www.hospital.example", "connection", "ended before the answer was complete");
}

static void nobody_there(void)
{
    WITH_WORLD("");
    struct addr_port at;

    FAILS("www.hospital.example", "connection", "cannot fetch http://www.hospital.example" PATH);
    FAILS("four.hospital.example", "connection", "cannot fetch");
    CHECK(strstr(w.evidence, "10.0.0.4:80") && !strstr(w.evidence, "10.0.0.5:80"));
    CHECK_OK(addr_port_parse(STR("10.0.0.1:80"), &at));
    CHECK_OK(net_fake_rule(w.net, &at, NET_FAKE_SILENT));
    FAILS("www.hospital.example", "connection", "A server must listen there");
}

static void slow_server(void)
{
    WITH_WORLD("", {"10.0.0.1:80", PATH, NULL});
    int64_t began = w.clock.mono;

    FAILS("www.hospital.example", "connection",
          "10.0.0.1:80 was asked for http://www.hospital.example" PATH
          " and did not answer within 10s");
    CHECK_INT(w.clock.mono - began, 10 * WHEN_SECOND);
}

static void name_server_troubles(void)
{
    WITH_WORLD("", {"10.0.0.1:80", PATH, OK(KEY_AUTHORIZATION)});

    FAILS("none.hospital.example", "dns", "there is no name none.hospital.example, says 10.0.0.53");
    FAILS("txt.hospital.example", "dns", "has no A record");
    w.server->rcode = 2;
    FAILS("www.hospital.example", "dns", "10.0.0.53:53 (SERVFAIL)");
    w.server->rcode = 0;
    w.server->silent = true;
    FAILS("www.hospital.example", "dns", "asked were 10.0.0.53:53");
}

static void denied_addresses(void)
{
    WITH_WORLD("", {"10.0.0.1:80", PATH, OK(KEY_AUTHORIZATION)},
               {"127.0.0.1:80", PATH, OK(KEY_AUTHORIZATION)},
               {"169.254.169.254:80", PATH, OK(KEY_AUTHORIZATION)});

    FAILS("local.hospital.example", "rejectedIdentifier", "127.0.0.1 is a loopback address");
    FAILS("metadata.hospital.example", "rejectedIdentifier", "169.254.169.254 is a link-local");
    FAILS("six.hospital.example", "rejectedIdentifier", "127.0.0.1 is a loopback address");
    FAILS("127.0.0.1", "rejectedIdentifier", "127.0.0.1 is a loopback address");
    FAILS("::1", "rejectedIdentifier", "::1 is a loopback address");
    CHECK_INT(w.n_web, 0);
    /* One that may be dialled is, and no other. */
    CHECK_OK(validate(&w, "mixed.hospital.example"));
    CHECK_INT(w.n_web, 1);
}

static void allowed_and_denied_by_configuration(void)
{
    WITH_WORLD("validation: {allow: [127.0.0.0/8], deny: [10.0.0.0/24]}\n"
               "listen: {plain: [\"[::]:81\"]}",
               {"10.0.0.1:80", PATH, OK(KEY_AUTHORIZATION)},
               {"127.0.0.1:80", PATH, OK(KEY_AUTHORIZATION)});

    CHECK_OK(validate(&w, "local.hospital.example"));
    FAILS("www.hospital.example", "rejectedIdentifier", "(validation.deny) forbids");
}

static void redirects(void)
{
    WITH_WORLD("validation: {http_port: 5002}",
               {"10.0.0.1:5002", PATH, TO("http://other.hospital.example/a/b?c")},
               {"10.0.0.2:80", "/a/b?c", TO("../d")},
               {"10.0.0.2:80", "/d", TO("http://WWW.hospital.example:5002/end")},
               {"10.0.0.1:5002", "/end", OK(KEY_AUTHORIZATION)});

    CHECK_OK(validate(&w, "www.hospital.example"));
    CHECK(strstr(w.evidence, "\"redirects\":3"));
}

static void bad_redirects(void)
{
    static const char *const cases[][3] = {
        {"http://local.hospital.example/", "connection", "127.0.0.1 is a loopback address"},
        {"http://127.0.0.1/", "connection", "127.0.0.1 is a loopback address"},
        {"http://[::ffff:127.0.0.1]/", "connection", "127.0.0.1 is a loopback address"},
        {"http://169.254.169.254/latest/meta-data/", "connection",
         "169.254.169.254 is a link-local"},
        {"http://other.hospital.example:8555/", "connection",
         "validation.redirect_ports and http_port only"},
        {"https://other.hospital.example/", "connection", "cannot fetch https://other"},
        {"https://127.0.0.1/", "connection", "127.0.0.1 is a loopback address"},
        {"http://www.hospital.example" PATH, "connection", "run in a circle"},
        {"//www.hospital.example" PATH, "connection", "run in a circle"},
        {"file:///etc/passwd", "incorrectResponse", "redirects to file:///etc/passwd"},
        {"gopher://other.hospital.example/", "incorrectResponse", "redirects to gopher:"},
        {"http://user@other.hospital.example/", "incorrectResponse", "redirects to"},
        {"http://none.hospital.example/", "dns", "there is no name none.hospital.example"},
        {"http://2130706433/", "dns", "there is no name 2130706433"},
    };
    static char response[512];
    WITH_WORLD("", {"10.0.0.1:80", PATH, response}, {"127.0.0.1:80", "/", OK(KEY_AUTHORIZATION)},
               {"169.254.169.254:80", "/latest/meta-data/", OK(KEY_AUTHORIZATION)},
               {"10.0.0.2:8555", "/", OK(KEY_AUTHORIZATION)});

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(response, sizeof(response), TO("%s"), cases[i][0]);
        FAILS("www.hospital.example", cases[i][1], cases[i][2]);
    }
    CHECK_INT(w.n_web, sizeof(cases) / sizeof(cases[0]));
    snprintf(response, sizeof(response), "HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n");
    FAILS("www.hospital.example", "incorrectResponse", "answered 301 without saying where");
}

static void too_many_redirects(void)
{
    WITH_WORLD("", {"10.0.0.1:80", PATH, TO("/1")}, {"10.0.0.1:80", "/1", TO("/2")},
               {"10.0.0.1:80", "/2", TO("/3")}, {"10.0.0.1:80", "/3", TO("/4")},
               {"10.0.0.1:80", "/4", TO("/5")}, {"10.0.0.1:80", "/5", TO("/6")},
               {"10.0.0.1:80", "/6", TO("/7")}, {"10.0.0.1:80", "/7", TO("/8")},
               {"10.0.0.1:80", "/8", TO("/9")}, {"10.0.0.1:80", "/9", TO("/10")},
               {"10.0.0.1:80", "/10", TO("/11")}, {"10.0.0.1:80", "/11", OK(KEY_AUTHORIZATION)});
    CLEANUP(json_freep) struct json_doc *doc = NULL;

    FAILS("www.hospital.example", "connection", "one redirect more than 10");
    CHECK_OK(json_parse(str_of(w.evidence), VALIDATE_EVIDENCE_MAX, &doc, NULL));
}

/* What a name says when it is asked again plays no part: every hop is judged by what is dialled. */
static void rebinding(void)
{
    static struct dns_fake_rr changing[] = {{"www.hospital.example", 1, "10.0.0.1"},
                                            {NULL, 0, NULL}};
    static const struct page pages[] = {{"10.0.0.1:80", PATH, TO("/again")},
                                        {"10.0.0.1:80", "/again", OK(KEY_AUTHORIZATION)},
                                        {"127.0.0.1:80", "/again", OK(KEY_AUTHORIZATION)},
                                        {NULL, NULL, NULL}};
    CLEANUP(world_done) struct world w = {.results = 0};
    struct validate_ask ask = ask_for("www.hospital.example");

    changing[0].data = "10.0.0.1";
    CHECK_OK(world_open(&w, changing, pages, ""));
    CHECK_OK(validate_start(w.validator, &ask, on_result, &w, NULL));
    for (int i = 0; i < 100 && !w.n_web; i++) {
        ev_run_once(w.ev, EV_NOWAIT);
        dns_fake_serve(&w.dns);
        serve_web(&w);
    }
    CHECK_INT(w.n_web, 1);
    changing[0].data = "127.0.0.1";
    pump(&w);
    CHECK_INT(w.results, 1);
    CHECK_RC(w.rc, RC_DENIED);
    CHECK(strstr(w.text, "127.0.0.1 is a loopback address"));
    CHECK_INT(w.n_web, 1);
}

static void not_asked_well(void)
{
    WITH_WORLD("");
    struct validate_ask ask = ask_for("www.hospital.example");

    ask.challenge = STR("dns-02");
    CHECK_RC(validate_start(w.validator, &ask, on_result, &w, NULL), RC_UNSUPPORTED);
    ask = ask_for("www.hospital.example");
    ask.token = STR("../../etc/passwd");
    CHECK_RC(validate_start(w.validator, &ask, on_result, &w, NULL), RC_INVAL);
    ask = ask_for("www.hospital.example");
    ask.key_authorization = STR("other." THUMBPRINT);
    CHECK_RC(validate_start(w.validator, &ask, on_result, &w, NULL), RC_INVAL);
    ask = ask_for("10.0.0.1");
    ask.identifier_type = STR("dns");
    CHECK_RC(validate_start(w.validator, &ask, on_result, &w, NULL), RC_INVAL);
    ask = ask_for("www.hospital.example");
    ask.identifier_type = STR("ip");
    CHECK_RC(validate_start(w.validator, &ask, on_result, &w, NULL), RC_INVAL);
    CHECK_INT(validator_count(w.validator), 0);
}

/* Autarky's own ports say nothing about a name, on whatever way they are reached. */
static void own_ports(void)
{
    WITH_WORLD("validation: {allow: [127.0.0.0/8], http_port: 8555}",
               {"127.0.0.1:8555", PATH, OK(KEY_AUTHORIZATION)},
               {"10.0.0.1:8555", PATH, OK(KEY_AUTHORIZATION)});

    FAILS("local.hospital.example", "connection", "127.0.0.1:8555 is this server itself");
    CHECK_INT(strlen(w.request), 0);
    /* The same port of another host. */
    CHECK_OK(validate(&w, "www.hospital.example"));
}

static void limit_and_cancel(void)
{
    WITH_WORLD("");
    struct validate_ask ask = ask_for("www.hospital.example");
    struct validation *runs[VALIDATE_MAX];

    w.server->silent = true;
    for (int i = 0; i < VALIDATE_MAX; i++)
        CHECK_OK(validate_start(w.validator, &ask, on_result, &w, &runs[i]));
    CHECK_RC(validate_start(w.validator, &ask, on_result, &w, NULL), RC_QUOTA);
    for (int i = 16; i < VALIDATE_MAX; i++)
        validate_cancel(runs[i]); /* before they began */
    pump(&w);
    for (int i = 8; i < 16; i++)
        validate_cancel(runs[i]); /* while they wait for a name server */
    CHECK_INT(validator_count(w.validator), 8);
    CHECK_OK(validate_start(w.validator, &ask, on_result, &w, NULL));
    validator_free(w.validator);
    w.validator = NULL;
    clock_fake_advance(&w.clock, WHEN_MINUTE);
    pump(&w);
    CHECK_INT(w.results, 0);
}

/* A reload while an attempt is under way: it ends as it began, the next is under the new rules. */
static void new_configuration(void)
{
    WITH_WORLD("", {"10.0.0.1:80", PATH, OK(KEY_AUTHORIZATION)});
    CLEANUP(conf_unrefp) const struct conf *next = NULL;
    struct validate_ask ask = ask_for("www.hospital.example");

    CHECK_OK(load("validation: {deny: [10.0.0.0/8]}", &next));
    CHECK_OK(validate_start(w.validator, &ask, on_result, &w, NULL));
    validator_set(w.validator, next, w.zones);
    pump(&w);
    CHECK_INT(w.results, 1);
    CHECK_OK(w.rc);
    FAILS("www.hospital.example", "rejectedIdentifier", "validation.deny");
}

CHECK_MAIN(CHECK_TEST(proven), CHECK_TEST(other_ports_and_ipv6),
           CHECK_TEST(ipv4_when_ipv6_is_refused), CHECK_TEST(no_second_opinion),
           CHECK_TEST(white_space_at_the_end), CHECK_TEST(wrong_content), CHECK_TEST(too_long),
           CHECK_TEST(other_statuses), CHECK_TEST(not_http), CHECK_TEST(nobody_there),
           CHECK_TEST(slow_server), CHECK_TEST(name_server_troubles), CHECK_TEST(denied_addresses),
           CHECK_TEST(allowed_and_denied_by_configuration), CHECK_TEST(redirects),
           CHECK_TEST(bad_redirects), CHECK_TEST(too_many_redirects), CHECK_TEST(rebinding),
           CHECK_TEST(own_ports), CHECK_TEST(not_asked_well), CHECK_TEST_ONCE(limit_and_cancel),
           CHECK_TEST(new_configuration))
