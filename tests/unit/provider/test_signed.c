/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of DNS providers, byte by byte, and what becomes of their answers: those whose
 * requests are signed and whose records have numbers, Alibaba Cloud and Tencent Cloud. */
#include "provider/acs3.h"
#include "provider/provider_int.h"
#include "provider/tc3.h"
#include "unit/provider/talk.h"

#define NAME "_acme-challenge.wiki.hospital.example"
enum { NONCE = 32 };

/* ---- what both have */

static void below(void)
{
    static const struct {
        const char *name, *zone, *label;
    } cases[] = {
        {NAME, "hospital.example", "_acme-challenge.wiki"},
        {NAME, "Wiki.Hospital.example", "_acme-challenge"},
        {NAME, NAME, "@"},
        {NAME, "ospital.example", ""},
        {NAME, "other.example", ""},
        {NAME, "x." NAME, ""},
        {NAME, "", ""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK_STR(provider_below(str_of(cases[i].name), str_of(cases[i].zone)), cases[i].label);
    CHECK_STR(provider_undot(STR("a.example.")), "a.example");
    CHECK_STR(provider_undot(STR("a.example")), "a.example");
}

/* ---- Alibaba Cloud */

#define ALI "https://alidns.aliyuncs.com/?"
#define ALI_SETTINGS "access_key_id: LTAI\naccess_key_secret: s3cret\n"
#define ALI_LIST(page)                                                                             \
    ALI "DomainName=hospital.example&PageNumber=" page "&PageSize=100&SubDomain=" NAME "&Type=TXT"
#define ALI_NO_ZONE "{\"RequestId\":\"1\",\"Code\":\"InvalidDomainName.NoExist\",\"Message\":\"m\"}"
#define ALI_RECORD(id, rr, value)                                                                  \
    "{\"RecordId\":\"" id "\",\"RR\":\"" rr "\",\"Type\":\"TXT\",\"Value\":\"" value "\"}"
#define ALI_RECORDS(total, list)                                                                   \
    "{\"TotalCount\":" total ",\"DomainRecords\":{\"Record\":[" list "]}}"
#define OUR_RR "_acme-challenge.Wiki"

/* The example of "Request syntax and signature method V3" in Alibaba Cloud's documentation. */
static void acs3(void)
{
    struct provider_acs3 key = {.key_id = STR("YourAccessKeyId"),
                                .secret = STR("YourAccessKeySecret"),
                                .action = "RunInstances",
                                .version = "2014-05-26",
                                .nonce = STR("3156853299f313e23d1673dc12e1703d")};
    CLEANUP(buf_done) struct buf out = BUF_INIT(1000), other = BUF_INIT(1000);

    CHECK_OK(crypto_init());
    CHECK_OK(when_parse(STR("2023-10-26T10:22:32Z"), &key.now));
    CHECK_OK(provider_acs3_sign(
        &key,
        STR("https://ecs.cn-shanghai.aliyuncs.com/"
            "?ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai"),
        &out));
    CHECK(strstr(buf_z(&out), "x-acs-date:2023-10-26T10:22:32Z\r\n") != NULL);
    CHECK(strstr(buf_z(&out), "Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;"
                              "x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;"
                              "x-acs-version,Signature="
                              "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
                              "\r\n") != NULL);
    key.token = STR("tok");
    CHECK_OK(provider_acs3_sign(&key, STR("https://h/?a=b"), &other));
    CHECK(strstr(buf_z(&other), "x-acs-security-token:tok\r\n") != NULL);
    CHECK(strstr(buf_z(&other), "x-acs-date;x-acs-security-token;x-acs-signature-nonce;") != NULL);
    CHECK_RC(provider_acs3_sign(&key, STR("h"), &other), RC_PARSE);
    crypto_done();
}

/* The next request; its signature is what acs3() is about, over the nonce that it has. */
static void expect_acs3(struct talk *t, const char *action, const char *url)
{
    CLEANUP(buf_done) struct buf headers = BUF_INIT(PROVIDER_HEADERS_MAX);
    CLEANUP(buf_done) struct buf want = BUF_INIT(PROVIDER_URL_MAX);
    struct provider_acs3 key = {
        .key_id = STR("LTAI"), .secret = STR("s3cret"), .action = action, .version = "2015-01-09"};
    const char *nonce;

    for (; *url; url++)
        if (*url == '#')
            buf_puts(&want, t->value);
        else
            buf_put(&want, url, 1);
    provider_ask_done(&t->ask);
    t->ask = PROVIDER_ASK_INIT;
    key.now = t->call.now = 1'700'000'000 * WHEN_SECOND;
    CHECK_OK(provider_ask(&t->call, &t->ask, NULL));
    CHECK(t->ask.method != NULL);
    CHECK_STR(str_of(t->ask.method), "POST");
    CHECK_STR(buf_str(&t->ask.url), buf_z(&want));
    CHECK_INT(t->ask.body.n, 0);
    nonce = strstr(buf_z(&t->ask.headers), "x-acs-signature-nonce:");
    CHECK(nonce != NULL);
    key.nonce = str_head(str_skip(str_of(nonce), strlen("x-acs-signature-nonce:")), NONCE);
    CHECK_OK(provider_acs3_sign(&key, buf_str(&t->ask.url), &headers));
    CHECK_STR(buf_str(&t->ask.headers), buf_z(&headers));
}

static void find_alibaba(struct talk *t, bool remove)
{
    CHECK_OK(begin(t, "alibaba", ALI_SETTINGS, remove));
    expect_acs3(t, "DescribeDomainInfo", ALI "DomainName=wiki.hospital.example");
    answer(t, 400, ALI_NO_ZONE);
    expect_acs3(t, "DescribeDomainInfo", ALI "DomainName=hospital.example");
    answer(t, 200, "{\"DomainName\":\"Hospital.example\",\"PunyCode\":\"hospital.example\"}");
    expect_acs3(t, "DescribeSubDomainRecords", ALI_LIST("1"));
}

static void alibaba_adds(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    find_alibaba(&t, false);
    CHECK(t.value.n > 0);
    answer(&t, 200, ALI_RECORDS("1", ALI_RECORD("1", OUR_RR, "theirs")));
    expect_acs3(&t, "AddDomainRecord",
                ALI "DomainName=hospital.example&RR=_acme-challenge.wiki&TTL=600&Type=TXT&Value=#");
    refuses(&t, 403, "{\"Code\":\"Forbidden.RAM\",\"Message\":\"User not authorized\"}", RC_DENIED,
            "status 403, Forbidden.RAM: User not authorized;");
    answer(&t, 200, "{\"RecordId\":\"2\"}");
    expect_end(&t);
    end(&t);
    find_alibaba(&t, false);
    CHECK(t.value.n > 0);
    answer_with(&t, ALI_RECORDS("1", ALI_RECORD("3", OUR_RR, "#"))); /* it is there */
    expect_end(&t);
    end(&t);
    find_alibaba(&t, false);
    CHECK(t.value.n > 0);
    answer(&t, 200, ALI_RECORDS("0", ""));
    answer(&t, 400, "{\"Code\":\"DomainRecordDuplicate\",\"Message\":\"m\"}"); /* since then */
    expect_end(&t);
}

/* Ours may be on another page of the list; theirs, and what only looks like ours, stay. */
static void alibaba_removes(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    find_alibaba(&t, true);
    CHECK(t.value.n > 0);
    for (int i = 0; i < 50; i++)
        answer_with(&t, ALI_RECORDS("101", ALI_RECORD("1", OUR_RR, "theirs") "," ALI_RECORD(
                                               "4", "_acme-challenge.mail", "#")));
    expect_acs3(&t, "DescribeSubDomainRecords", ALI_LIST("2"));
    answer_with(&t, ALI_RECORDS("101", ALI_RECORD("2", OUR_RR, "#")));
    expect_acs3(&t, "DeleteDomainRecord", ALI "RecordId=2");
    answer(&t, 200, "{\"RecordId\":\"2\"}");
    expect_end(&t);
    end(&t);
    find_alibaba(&t, true);
    CHECK(t.value.n > 0);
    answer(&t, 200, ALI_RECORDS("1", ALI_RECORD("1", OUR_RR, "theirs"))); /* it is gone */
    expect_end(&t);
}

static void alibaba_strange(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    find_alibaba(&t, false);
    CHECK(t.value.n > 0);
    refuses(&t, 200, "{}", RC_PARSE, "does not answer");
    refuses(&t, 200, "<html>", RC_PARSE, "does not answer");
    is_patient(&t, 400, "{\"Code\":\"Throttling.User\",\"Message\":\"slow down\"}",
               "status 400, Throttling.User: slow down;");
    end(&t);
    CHECK_OK(begin(&t, "alibaba", ALI_SETTINGS, false));
    expect_acs3(&t, "DescribeDomainInfo", ALI "DomainName=wiki.hospital.example");
    is_patient(&t, 503, "<html>", "status 503, <html>;");
    answer(&t, 200, "{\"DomainName\":\"hospital.example\"}"); /* not what was asked for */
    expect_acs3(&t, "DescribeDomainInfo", ALI "DomainName=hospital.example");
    refuses(&t, 400, ALI_NO_ZONE, RC_NOTFOUND, "shows no domain that holds " NAME);
    end(&t);
    CHECK_OK(begin(&t, "alibaba", ALI_SETTINGS "zone: " NAME ".\nttl: 1\n", false));
    expect_acs3(&t, "DescribeDomainInfo", ALI "DomainName=" NAME);
    answer(&t, 200, "{\"DomainName\":\"" NAME "\"}");
    answer(&t, 200, ALI_RECORDS("0", ""));
    expect_acs3(&t, "AddDomainRecord", ALI "DomainName=" NAME "&RR=%40&TTL=1&Type=TXT&Value=#");
    end(&t);
    CHECK_OK(begin(&t, "alibaba", ALI_SETTINGS "zone: other.example\n", false));
    expect_acs3(&t, "DescribeDomainInfo", ALI "DomainName=other.example");
    refuses(&t, 200, "{\"DomainName\":\"other.example\"}", RC_NOTFOUND, "shows no domain");
    end(&t);
    CHECK_OK(begin(&t, "alibaba", "access_key_id: \"a\x01\"\naccess_key_secret: s\n", false));
    cannot_ask(&t, "provider.header");
}

/* ---- Tencent Cloud */

#define TC "https://dnspod.tencentcloudapi.com/"
#define TC_SETTINGS "secret_id: AKID\nsecret_key: s3cret\n"
#define TC_LIST(offset)                                                                            \
    "{\"Domain\":\"hospital.example\",\"Subdomain\":\"_acme-challenge.wiki\",\"RecordType\":"      \
    "\"TXT\",\"Offset\":" offset ",\"Limit\":100}"
#define TC_ERROR(code)                                                                             \
    "{\"Response\":{\"Error\":{\"Code\":\"" code "\",\"Message\":\"m\"},\"RequestId\":\"1\"}}"
#define TC_DOMAIN(name) "{\"Response\":{\"DomainInfo\":{\"DomainId\":7,\"Domain\":\"" name "\"}}}"
#define TC_RECORD(id, name, value)                                                                 \
    "{\"RecordId\":" id ",\"Name\":\"" name "\",\"Type\":\"TXT\",\"Value\":\"" value "\"}"
#define TC_RECORDS(total, list)                                                                    \
    "{\"Response\":{\"RecordCountInfo\":{\"TotalCount\":" total "},\"RecordList\":[" list "]}}"
#define TC_EMPTY TC_ERROR("ResourceNotFound.NoDataOfRecord")

/* The example of "Signature Method v3" in Tencent Cloud's documentation. */
static void tc3(void)
{
    struct provider_tc3 key = {.id = STR("AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE"),
                               .key = STR("Gu5t9xGARNpq86cd98joQYCN3EXAMPLE"),
                               .service = "cvm",
                               .now = 1'551'113'065 * WHEN_SECOND};
    CLEANUP(buf_done) struct buf out = BUF_INIT(1000), other = BUF_INIT(1000);

    CHECK_OK(crypto_init());
    CHECK_OK(provider_tc3_sign(&key, STR("https://cvm.tencentcloudapi.com/"),
                               STR("{\"Limit\": 1, \"Filters\": [{\"Values\": "
                                   "[\"\\u672a\\u547d\\u540d\"], \"Name\": \"instance-name\"}]}"),
                               &out));
    CHECK_STR(buf_str(&out),
              "X-TC-Timestamp: 1551113065\r\nAuthorization: TC3-HMAC-SHA256 Credential="
              "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE/2019-02-25/cvm/tc3_request, SignedHeaders="
              "content-type;host, Signature="
              "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168\r\n");
    key.token = STR("tok");
    CHECK_OK(provider_tc3_sign(&key, STR("https://h/"), STR("{}"), &other));
    CHECK(strstr(buf_z(&other), "X-TC-Token: tok\r\n") != NULL);
    CHECK_RC(provider_tc3_sign(&key, STR("h"), STR("{}"), &other), RC_PARSE);
    key.now = INT64_MAX;
    CHECK_RC(provider_tc3_sign(&key, STR("https://h/"), STR("{}"), &other), RC_INVAL);
    crypto_done();
}

/* The next request; its signature is what tc3() is about. */
static void expect_tc3(struct talk *t, const char *action, const char *body)
{
    CLEANUP(buf_done) struct buf headers = BUF_INIT(PROVIDER_HEADERS_MAX);
    CLEANUP(buf_done) struct buf want = BUF_INIT(PROVIDER_ASK_MAX);
    struct provider_tc3 key = {.id = STR("AKID"), .key = STR("s3cret"), .service = "dnspod"};

    for (const char *c = body; *c; c++)
        if (*c == '#')
            buf_puts(&want, t->value);
        else
            buf_put(&want, c, 1);
    buf_printf(&headers, "X-TC-Action: %s\r\nX-TC-Version: 2021-03-23\r\nX-TC-Language: en-US\r\n",
               action);
    key.now = t->call.now = 1'700'000'000 * WHEN_SECOND;
    CHECK_OK(provider_tc3_sign(&key, STR(TC), buf_str(&want), &headers));
    expect(t, "POST", TC, buf_z(&headers), body);
    CHECK(t->ask.content_type != NULL);
    CHECK_STR(str_of(t->ask.content_type), "application/json; charset=utf-8");
}

static void find_tencent(struct talk *t, bool remove)
{
    CHECK_OK(begin(t, "tencent", TC_SETTINGS, remove));
    expect_tc3(t, "DescribeDomain", "{\"Domain\":\"wiki.hospital.example\"}");
    answer(t, 200, TC_ERROR("InvalidParameterValue.DomainNotExists"));
    expect_tc3(t, "DescribeDomain", "{\"Domain\":\"hospital.example\"}");
    answer(t, 200, TC_DOMAIN("Hospital.example"));
    expect_tc3(t, "DescribeRecordList", TC_LIST("0"));
}

static void tencent_adds(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    find_tencent(&t, false);
    CHECK(t.value.n > 0);
    answer(&t, 200, TC_RECORDS("1", TC_RECORD("1", OUR_RR, "theirs")));
    expect_tc3(
        &t, "CreateRecord",
        "{\"Domain\":\"hospital.example\",\"SubDomain\":\"_acme-challenge.wiki\","
        "\"RecordType\":\"TXT\",\"RecordLine\":\"\u9ed8\u8ba4\",\"Value\":\"#\",\"TTL\":600}");
    refuses(&t, 200, TC_ERROR("UnauthorizedOperation"), RC_DENIED,
            "status 200, UnauthorizedOperation: m;");
    answer(&t, 200, "{\"Response\":{\"RecordId\":2}}");
    expect_end(&t);
    end(&t);
    find_tencent(&t, false);
    CHECK(t.value.n > 0);
    answer_with(&t, TC_RECORDS("1", TC_RECORD("3", OUR_RR, "#"))); /* it is there */
    expect_end(&t);
    end(&t);
    find_tencent(&t, false);
    CHECK(t.value.n > 0);
    answer(&t, 200, TC_EMPTY); /* which lists may say too long */
    answer(&t, 200, TC_ERROR("InvalidParameter.DomainRecordExist"));
    expect_end(&t);
}

static void tencent_removes(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    find_tencent(&t, true);
    CHECK(t.value.n > 0);
    answer_with(&t, TC_RECORDS("3", TC_RECORD("1", OUR_RR, "theirs") "," TC_RECORD(
                                        "4", "_acme-challenge.mail", "#")));
    expect_tc3(&t, "DescribeRecordList", TC_LIST("2"));
    answer_with(&t, TC_RECORDS("3", TC_RECORD("18446744073709551615", OUR_RR, "#")));
    expect_tc3(&t, "DeleteRecord",
               "{\"Domain\":\"hospital.example\",\"RecordId\":18446744073709551615}");
    answer(&t, 200, "{\"Response\":{\"RequestId\":\"1\"}}");
    expect_end(&t);
    end(&t);
    find_tencent(&t, true);
    CHECK(t.value.n > 0);
    for (int i = 0; i < 3; i++) { /* it is gone, or not in lists yet */
        answer(&t, 200, i ? TC_EMPTY : TC_RECORDS("1", TC_RECORD("1", OUR_RR, "theirs")));
        expect_end(&t);
        CHECK_INT(t.ask.after, 10 * WHEN_SECOND);
        expect_tc3(&t, "DescribeRecordList", TC_LIST("0"));
    }
    answer(&t, 200, TC_EMPTY);
    expect_end(&t);
    CHECK_INT(t.ask.after, 0);
}

static void tencent_strange(void)
{
    CLEANUP(end) struct talk t = TALK_INIT;

    find_tencent(&t, false);
    CHECK(t.value.n > 0);
    refuses(&t, 200, "{}", RC_PARSE, "does not answer");
    refuses(&t, 200, "<html>", RC_PARSE, "does not answer");
    refuses(&t, 404, "<html>", RC_DENIED, "status 404, <html>;");
    refuses(&t, 200, "{\"Response\":{}}", RC_PARSE, "does not answer");
    is_patient(&t, 200, TC_ERROR("RequestLimitExceeded.UinLimitExceeded"),
               "status 200, RequestLimitExceeded.UinLimitExceeded: m;");
    end(&t);
    CHECK_OK(begin(&t, "tencent", TC_SETTINGS, false));
    expect_tc3(&t, "DescribeDomain", "{\"Domain\":\"wiki.hospital.example\"}");
    refuses(&t, 200, TC_ERROR("AuthFailure.SignatureFailure"), RC_DENIED,
            "status 200, AuthFailure.SignatureFailure: m;");
    is_patient(&t, 502, "<html>", "status 502, <html>;");
    answer(&t, 200, TC_DOMAIN("other.example")); /* not what was asked for */
    expect_tc3(&t, "DescribeDomain", "{\"Domain\":\"hospital.example\"}");
    refuses(&t, 200, TC_ERROR("InvalidParameter.DomainInvalid"), RC_NOTFOUND,
            "shows no domain that holds " NAME);
    end(&t);
    CHECK_OK(begin(&t, "tencent", TC_SETTINGS "zone: other.example.\n", false));
    expect_tc3(&t, "DescribeDomain", "{\"Domain\":\"other.example\"}");
    refuses(&t, 200, TC_DOMAIN("other.example"), RC_NOTFOUND, "shows no domain");
    end(&t);
    CHECK_OK(begin(&t, "tencent", "secret_id: i\nsecret_key: s\ntoken: \"t\x01\"\n", false));
    cannot_ask(&t, "provider.header");
}

CHECK_MAIN(CHECK_TEST(below), CHECK_TEST(acs3), CHECK_TEST(alibaba_adds),
           CHECK_TEST(alibaba_removes), CHECK_TEST(alibaba_strange), CHECK_TEST(tc3),
           CHECK_TEST(tencent_adds), CHECK_TEST(tencent_removes), CHECK_TEST(tencent_strange))
