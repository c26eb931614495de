/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of DNS providers, byte by byte, and what becomes of their answers: those in the
 * house. */
#include "unit/provider/talk.h"

/* ---- settings */

#define AZURE "tenant: a\nclient_id: b\nclient_secret: c\nsubscription: d\nresource_group: e\n"

static void settings(void)
{
    static const struct {
        const char *kind, *text, *code;
    } bad[] = {
        {"acme-dns", "", "provider.setting-missing"},
        {"acme-dns", "url: https://a\nserver: b\n", "provider.line"},
        {"acme-dns", "url: ftp://a\n", "provider.url"},
        {"httpreq", "url: https://a/?b\n", "provider.url"},
        {"httpreq", "url: https://a\nwait: 2h\n", "provider.wait"},
        {"powerdns", "url: https://a\n", "provider.setting-missing"},
        {"cloudflare", "", "provider.setting-missing"},
        {"powerdns", "url: https://a\nkey: k\nttl: x\n", "provider.ttl"},
        {"cloudflare", "token: t\nttl: 0\n", "provider.ttl"},
        {"route53", "access_key_id: a\nsecret_access_key: s\nttl: 86401\n", "provider.ttl"},
        {"azure", "tenant: a\nclient_id: b\nclient_secret: c\nsubscription: d\n",
         "provider.setting-missing"},
        {"azure", AZURE "login: http://a/?b\n", "provider.url"},
        {"azure", AZURE "login: a\n", "provider.url"},
    };
    CLEANUP(provider_freep) struct provider *p = NULL;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CLEANUP(provider_freep) struct provider *none = NULL;
        struct err err = ERR_INIT;

        CHECK(provider_parse(provider_kind_find(str_of(bad[i].kind)), str_of(bad[i].text), STR("f"),
                             &none, &err) != RC_OK);
        CHECK(err.msg != NULL);
        CHECK_STR(str_of(err.msg->code), bad[i].code);
    }
    CHECK(provider_kind_find(STR("rfc2136")) == NULL);
    CHECK_OK(provider_parse(provider_kind_find(STR("httpreq")),
                            STR("# ours\nurl = 'https://a/b/' # there\npassword: \"a b\"\n"
                                "wait: 5s\n"),
                            STR("f"), &p, NULL));
    CHECK_STR(p->values[PROVIDER_URL], "https://a/b/");
    CHECK_STR(p->values[PROVIDER_OWN + 1], "a b");
    CHECK_STR(p->values[PROVIDER_OWN + 2], "default");
    CHECK_INT(p->wait, 5 * WHEN_SECOND);
    CHECK_STR(provider_accounts(p), "");
}

/* Secrets that are not in the settings are brought, and nothing else is. */
static void elsewhere(void)
{
    CLEANUP(provider_freep) struct provider *p = NULL, *plain = NULL;
    struct str where;
    size_t i = 0;

    CHECK_OK(provider_parse(provider_kind_find(STR("route53")),
                            STR("access_key_id: credential:id\nsecret_access_key: credential:a\n"
                                "session_token: 'credential:b'\n"),
                            STR("f"), &p, NULL));
    CHECK(!provider_has_secret(p));
    CHECK(provider_elsewhere(p, &i, &where));
    CHECK_STR(where, "credential:a");
    CHECK_OK(provider_bring(p, i, STR("first")));
    i++;
    CHECK(provider_elsewhere(p, &i, &where));
    CHECK_STR(where, "credential:b");
    CHECK_OK(provider_bring(p, i, STR("second")));
    i++;
    CHECK(!provider_elsewhere(p, &i, &where));
    CHECK_STR(p->values[PROVIDER_OWN], "credential:id");
    CHECK_STR(p->values[PROVIDER_OWN + 1], "first");
    CHECK_STR(p->values[PROVIDER_OWN + 2], "second");

    CHECK_OK(provider_parse(provider_kind_find(STR("cloudflare")), STR("token: t\n"), STR("f"),
                            &plain, NULL));
    i = 0;
    CHECK(!provider_elsewhere(plain, &i, &where));
    CHECK(provider_has_secret(plain));
}

/* ---- acme-dns */

#define ACME_DNS "url: https://dns.example:8443/x/\nusername: u\npassword: secret\nsubdomain: s-1\n"

static void acme_dns(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    CHECK_OK(begin(&t, "acme-dns", ACME_DNS, false));
    CHECK_STR(t.call.name, "_acme-challenge.wiki.hospital.example");
    expect(&t, "POST", "https://dns.example:8443/x/update",
           "X-Api-User: u\r\nX-Api-Key: secret\r\n", "{\"subdomain\":\"s-1\",\"txt\":\"#\"}");
    refuses(&t, 401, "{\"error\":\"forbidden\"}", RC_DENIED, "status 401, forbidden");
    refuses(&t, 500, "<html>", RC_DENIED, "status 500;");
    refuses(&t, 200, "<html>", RC_PARSE, "does not answer");
    refuses(&t, 200, "{\"txt\":\"another\"}", RC_PARSE, "does not answer");
    refuses(&t, 502, "", RC_DENIED, "status 502;"); /* it may have taken the value */
    is_patient(&t, 503, "{\"error\":\"busy\"}", "status 503, busy;");
    expect(&t, "POST", "https://dns.example:8443/x/update",
           "X-Api-User: u\r\nX-Api-Key: secret\r\n", "{\"subdomain\":\"s-1\",\"txt\":\"#\"}");
    end(&t);

    CHECK_OK(begin(&t, "acme-dns", ACME_DNS, true));
    expect_end(&t);
}

static void acme_dns_value(void)
{
    CLEANUP(buf_done) struct buf body = BUF_INIT(200);
    CLEANUP(end) struct talk t = TALK_INIT;

    CHECK_OK(begin(&t, "acme-dns", ACME_DNS, false));
    buf_printf(&body, "{\"txt\":\"%.*s\"}", STR_ARG(t.value));
    CHECK_OK(buf_rc(&body));
    answer(&t, 200, buf_z(&body));
    expect_end(&t);
}

static void acme_dns_accounts(void)
{
    static const char file[] =
        "{\"Wiki.hospital.example\":{\"username\":\"u2\",\"password\":\"p2\",\"subdomain\":\"s2\","
        "\"fulldomain\":\"s2.acme.example\",\"allowfrom\":[]}}";
    static const struct {
        const char *file, *code;
    } bad[] = {
        {"{}", "provider.acme-dns-no-account"},
        {"[]", "provider.acme-dns-file"},
        {"", "provider.acme-dns-file"},
        {"{\"wiki.hospital.example\":{\"username\":\"u\"}}", "provider.acme-dns-file"},
        {"{\"wiki.hospital.example\":{\"username\":\"u\\r\\nX: "
         "y\",\"password\":\"p\",\"subdomain\":"
         "\"s\"}}",
         "provider.header"},
    };
    CLEANUP(end) struct talk t = TALK_INIT;

    CHECK_OK(begin(&t, "acme-dns", "url: https://d\naccounts: /etc/a.json\n", false));
    CHECK_STR(provider_accounts(t.p), "/etc/a.json");
    buf_putz(&t.p->accounts, file);
    CHECK_OK(buf_rc(&t.p->accounts));
    expect(&t, "POST", "https://d/update", "X-Api-User: u2\r\nX-Api-Key: p2\r\n",
           "{\"subdomain\":\"s2\",\"txt\":\"#\"}");
    end(&t);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_OK(begin(&t, "acme-dns", "url: https://d\naccounts: /etc/a.json\n", false));
        buf_putz(&t.p->accounts, bad[i].file);
        cannot_ask(&t, bad[i].code);
        end(&t);
    }
    CHECK_OK(begin(&t, "acme-dns", "url: https://d\nusername: u\n", false));
    cannot_ask(&t, "provider.acme-dns-accounts");
    end(&t);
    CHECK_OK(begin(&t, "acme-dns", ACME_DNS "accounts: /etc/a.json\n", false));
    cannot_ask(&t, "provider.acme-dns-accounts");
}

/* ---- httpreq */

static void httpreq(void)
{
    static const char body[] =
        "{\"fqdn\":\"_acme-challenge.wiki.hospital.example.\",\"value\":\"#\"}";
    CLEANUP(end) struct talk t = TALK_INIT;

    /* RFC 7617 section 2 has this pair and its encoding. */
    CHECK_OK(
        begin(&t, "httpreq", "url: http://d\nusername: Aladdin\npassword: open sesame\n", false));
    expect(&t, "POST", "http://d/present", "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n",
           body);
    refuses(&t, 403, "not\x01you", RC_DENIED, "status 403, not you;");
    refuses(&t, 302, "", RC_DENIED, "status 302;");
    refuses(&t, 504, "", RC_DENIED, "status 504;"); /* it may have been told */
    is_patient(&t, 429, "slow down", "status 429, slow down;");
    expect(&t, "POST", "http://d/present", "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n",
           body);
    answer(&t, 204, "");
    expect_end(&t);
    end(&t);

    CHECK_OK(begin(&t, "httpreq", "url: http://d\n", true));
    expect(&t, "POST", "http://d/cleanup", "", body);
    end(&t);
    CHECK_OK(begin(&t, "httpreq", "url: http://d\nmode: RAW\n", false));
    expect(
        &t, "POST", "http://d/present", "",
        "{\"domain\":\"wiki.hospital.example\",\"token\":\"token\",\"keyAuth\":\"token.thumb\"}");
    end(&t);
    CHECK_OK(begin(&t, "httpreq", "url: http://d\nmode: rough\n", false));
    cannot_ask(&t, "provider.httpreq-mode");
}

/* ---- PowerDNS */

#define KEY_HEADER "X-API-Key: k\r\n"
#define ZONES "http://d/api/v1/servers/localhost/zones"
#define RECORDS                                                                                    \
    ZONES "/hospital.example.?rrset_name=_acme-challenge.wiki.hospital.example.&rrset_type=TXT"
#define CHANGE(type, records)                                                                      \
    "{\"rrsets\":[{\"name\":\"_acme-challenge.wiki.hospital.example.\",\"type\":\"TXT\",\"ttl\":"  \
    "60,\"changetype\":\"" type "\",\"records\":[" records "]}]}"
#define THEIRS "{\"content\":\"\\\"theirs\\\"\",\"disabled\":true}"
#define OURS "{\"content\":\"\\\"#\\\"\",\"disabled\":false}"
#define SET(records)                                                                               \
    "{\"rrsets\":[{\"name\":\"hospital.example.\",\"type\":\"TXT\",\"records\":[{\"content\":"     \
    "\"x\"}]},{\"name\":\"_ACME-challenge.wiki.hospital.example.\",\"type\":\"TXT\",\"records\":"  \
    "[" records "]}]}"

static void find_zone(struct talk *t, bool remove)
{
    CHECK_OK(begin(t, "powerdns", "url: http://d\nkey: k\n", remove));
    expect(t, "GET", ZONES, KEY_HEADER, "");
    answer(t, 200,
           "[{\"id\":\"example.\",\"name\":\"example.\"},{\"id\":\"hospital.example.\",\"name\":"
           "\"Hospital.example.\"},{\"id\":\"i.hospital.example.\",\"name\":\"i.hospital.example."
           "\"},{\"id\":"
           "\"../x\",\"name\":\"wiki.hospital.example.\"}]");
    expect(t, "GET", RECORDS, KEY_HEADER, "");
}

static void powerdns_adds(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    find_zone(&t, false);
    CHECK(t.value.n > 0);
    answer(&t, 200, SET(THEIRS));
    expect(&t, "PATCH", ZONES "/hospital.example.", KEY_HEADER, CHANGE("REPLACE", THEIRS "," OURS));
    refuses(&t, 422, "{\"error\":\"RRset too long\"}", RC_DENIED, "status 422, RRset too long");
    answer(&t, 500, ""); /* it may be there */
    expect_end(&t);
    CHECK_INT(t.ask.after, WHEN_SECOND);
    expect(&t, "GET", RECORDS, KEY_HEADER, "");
    answer(&t, 200, SET(THEIRS));
    expect(&t, "PATCH", ZONES "/hospital.example.", KEY_HEADER, CHANGE("REPLACE", THEIRS "," OURS));
    answer(&t, 204, "");
    expect_end(&t);
    end(&t);
    find_zone(&t, false);
    CHECK(t.value.n > 0);
    answer_with(&t, SET(OURS)); /* it is there */
    expect_end(&t);
}

static void powerdns_removes(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    find_zone(&t, true);
    CHECK(t.value.n > 0);
    answer_with(&t, SET(THEIRS "," OURS));
    expect(&t, "PATCH", ZONES "/hospital.example.", KEY_HEADER, CHANGE("REPLACE", THEIRS));
    end(&t);
    find_zone(&t, true);
    CHECK(t.value.n > 0);
    answer_with(&t, SET(OURS));
    expect(&t, "PATCH", ZONES "/hospital.example.", KEY_HEADER, CHANGE("DELETE", ""));
    end(&t);
    find_zone(&t, true);
    CHECK(t.value.n > 0);
    answer(&t, 200, SET(THEIRS)); /* it is gone */
    expect_end(&t);
}

static void powerdns_strange(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    CHECK_OK(
        begin(&t, "powerdns", "url: http://d\nkey: k\nzone: hospital.example\nttl: 60\n", false));
    expect(&t, "GET", RECORDS, KEY_HEADER, "");
    refuses(&t, 200, "{}", RC_PARSE, "does not answer");
    refuses(&t, 200, "", RC_PARSE, "does not answer");
    refuses(&t, 404, "Not Found", RC_DENIED, "status 404, Not Found");
    is_patient(&t, 500, "{\"error\":\"no database\"}", "status 500, no database;");
    end(&t);
    CHECK_OK(begin(&t, "powerdns", "url: http://d\nkey: k\n", false));
    refuses(&t, 200, "{}", RC_PARSE, "does not answer");
    refuses(&t, 200, "[]", RC_NOTFOUND, "holds no zone with _acme-challenge.wiki");
}

CHECK_MAIN(CHECK_TEST(settings), CHECK_TEST(elsewhere), CHECK_TEST(acme_dns),
           CHECK_TEST(acme_dns_value), CHECK_TEST(acme_dns_accounts), CHECK_TEST(httpreq),
           CHECK_TEST(powerdns_adds), CHECK_TEST(powerdns_removes), CHECK_TEST(powerdns_strange))
