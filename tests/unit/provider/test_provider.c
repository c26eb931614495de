/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of DNS providers, byte by byte, and what becomes of their answers. */
#include "check.h"

#include "client/client.h"
#include "crypto/crypto.h"
#include "provider/provider.h"

static const struct client_proof proof = {.type = STR("dns-01"),
                                          .identifier = STR("wiki.hospital.example"),
                                          .token = STR("token"),
                                          .key_authorization = STR("token.thumb")};

struct talk {
    struct provider *p;
    struct provider_call call;
    struct provider_ask ask;
    struct str value;
};
#define TALK_INIT ((struct talk){.ask = PROVIDER_ASK_INIT})

static enum rc begin(struct talk *t, const char *kind, const char *settings, bool remove)
{
    TRY(crypto_init());
    TRY(provider_parse(provider_kind_find(str_of(kind)), str_of(settings), STR("dns.conf"), &t->p,
                       NULL));
    TRY(provider_call_init(&t->call, t->p, &proof, remove));
    t->value = t->call.value;
    return RC_OK;
}

static void end(struct talk *t)
{
    provider_ask_done(&t->ask);
    provider_call_done(&t->call);
    provider_free(t->p);
    crypto_done();
    *t = TALK_INIT;
}

/* The next request; its body with '#' where the value is. */
static void expect(struct talk *t, const char *method, const char *url, const char *headers,
                   const char *body)
{
    CLEANUP(buf_done) struct buf want = BUF_INIT(PROVIDER_ASK_MAX);

    provider_ask_done(&t->ask);
    t->ask = PROVIDER_ASK_INIT;
    CHECK_OK(provider_ask(&t->call, &t->ask, NULL));
    CHECK(t->ask.method != NULL);
    CHECK_STR(str_of(t->ask.method), method);
    CHECK_STR(buf_str(&t->ask.url), url);
    CHECK_STR(buf_str(&t->ask.headers), headers);
    for (; *body; body++)
        if (*body == '#')
            buf_puts(&want, t->value);
        else
            buf_put(&want, body, 1);
    CHECK_OK(buf_rc(&want));
    CHECK_STR(buf_str(&t->ask.body), buf_z(&want));
}

static void expect_end(struct talk *t)
{
    provider_ask_done(&t->ask);
    t->ask = PROVIDER_ASK_INIT;
    CHECK_OK(provider_ask(&t->call, &t->ask, NULL));
    CHECK(t->ask.method == NULL);
}

static void answer(struct talk *t, int status, const char *body)
{
    CHECK_OK(provider_take(&t->call, status, str_of(body), NULL));
}

static void refuses(struct talk *t, int status, const char *body, enum rc want, const char *says)
{
    struct err err = ERR_INIT;
    char text[2048];

    CHECK_RC(provider_take(&t->call, status, str_of(body), &err), want);
    CHECK(err.msg != NULL);
    CHECK(strstr(err_textz(&err, text, sizeof(text)), says) != NULL);
}

/* ---- settings */

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

static void cannot_ask(struct talk *t, const char *code)
{
    struct err err = ERR_INIT;

    CHECK(provider_ask(&t->call, &t->ask, &err) != RC_OK);
    CHECK(err.msg != NULL);
    CHECK_STR(str_of(err.msg->code), code);
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

/* `text` with '#' where the value is. */
static void answer_with(struct talk *t, const char *text)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(PROVIDER_ASK_MAX);

    for (; *text; text++)
        if (*text == '#')
            buf_puts(&b, t->value);
        else
            buf_put(&b, text, 1);
    CHECK_OK(buf_rc(&b));
    answer(t, 200, buf_z(&b));
}

static void powerdns_adds(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    find_zone(&t, false);
    CHECK(t.value.n > 0);
    answer(&t, 200, SET(THEIRS));
    expect(&t, "PATCH", ZONES "/hospital.example.", KEY_HEADER, CHANGE("REPLACE", THEIRS "," OURS));
    refuses(&t, 422, "{\"error\":\"RRset too long\"}", RC_DENIED, "status 422, RRset too long");
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
    end(&t);
    CHECK_OK(begin(&t, "powerdns", "url: http://d\nkey: k\n", false));
    refuses(&t, 200, "{}", RC_PARSE, "does not answer");
    refuses(&t, 200, "[]", RC_NOTFOUND, "holds no zone with _acme-challenge.wiki");
    end(&t);
    CHECK_OK(begin(&t, "powerdns", "url: http://d\nkey: k\nzone: a\nttl: x\n", false));
    t.call.step = 2;
    cannot_ask(&t, "provider.powerdns-ttl");
}

/* ---- Cloudflare */

#define TOKEN_HEADER "Authorization: Bearer t-1\r\n"
#define CF "https://api.cloudflare.com/client/v4/zones"
#define CF_RECORDS CF "/0a1b/dns_records"
#define CF_LIST CF_RECORDS "?type=TXT&name=_acme-challenge.wiki.hospital.example&per_page=100"
#define CF_ANSWER(result) "{\"success\":true,\"errors\":[],\"messages\":[],\"result\":" result "}"
#define CF_RECORD(id, value)                                                                       \
    "{\"id\":\"" id "\",\"type\":\"TXT\",\"name\":\"_acme-challenge.wiki.Hospital.example\","      \
    "\"content\":\"" value "\",\"ttl\":60}"

static void find_cloudflare(struct talk *t, bool remove)
{
    CHECK_OK(begin(t, "cloudflare", "token: t-1\n", remove));
    expect(t, "GET", CF "?name=wiki.hospital.example", TOKEN_HEADER, "");
    answer(t, 200, CF_ANSWER("[]"));
    expect(t, "GET", CF "?name=hospital.example", TOKEN_HEADER, "");
    answer(t, 200,
           CF_ANSWER("[{\"id\":\"..\",\"name\":\"hospital.example\"},"
                     "{\"id\":\"ffff\",\"name\":\"other.example\"},"
                     "{\"id\":\"0a1b\",\"name\":\"Hospital.example\"}]"));
    expect(t, "GET", CF_LIST, TOKEN_HEADER, "");
}

static void cloudflare_adds(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    find_cloudflare(&t, false);
    CHECK(t.value.n > 0);
    answer(&t, 200, CF_ANSWER("[" CF_RECORD("1", "\\\"theirs\\\"") "]"));
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

static void cloudflare_strange(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    CHECK_OK(begin(&t, "cloudflare", "token: t-1\nzone: hospital.example\nurl: http://d\n", false));
    expect(&t, "GET", "http://d/zones?name=hospital.example", TOKEN_HEADER, "");
    refuses(&t, 200, "{}", RC_PARSE, "does not answer");
    refuses(&t, 200, "<html>", RC_PARSE, "does not answer");
    refuses(&t, 200, CF_ANSWER("{}"), RC_PARSE, "does not answer");
    refuses(&t, 403, "<html>", RC_DENIED, "status 403, <html>");
    refuses(&t, 200, CF_ANSWER("[]"), RC_NOTFOUND, "reaches no zone");
    end(&t);
    CHECK_OK(begin(&t, "cloudflare", "token: t-1\n", false));
    expect(&t, "GET", CF "?name=wiki.hospital.example", TOKEN_HEADER, "");
    answer(&t, 200, CF_ANSWER("[]"));
    expect(&t, "GET", CF "?name=hospital.example", TOKEN_HEADER, "");
    refuses(&t, 200, CF_ANSWER("[]"), RC_NOTFOUND, "reaches no zone"); /* no name of one label */
    end(&t);
    CHECK_OK(begin(&t, "cloudflare", "token: t-1\nttl: 5\n", false));
    t.call.zone = STR("0a1b");
    t.call.listed = true;
    cannot_ask(&t, "provider.cloudflare-ttl");
    end(&t);
    CHECK_OK(begin(&t, "cloudflare", "token: \"t\x01\"\n", false));
    cannot_ask(&t, "provider.header");
}

CHECK_MAIN(CHECK_TEST(settings), CHECK_TEST(acme_dns), CHECK_TEST(acme_dns_value),
           CHECK_TEST(acme_dns_accounts), CHECK_TEST(httpreq), CHECK_TEST(powerdns_adds),
           CHECK_TEST(powerdns_removes), CHECK_TEST(powerdns_strange), CHECK_TEST(cloudflare_adds),
           CHECK_TEST(cloudflare_removes), CHECK_TEST(cloudflare_strange))
