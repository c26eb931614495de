/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "http/client.h"
#include "http/reader.h"

enum { BODY_MAX = 16 };

/* Feeds in pieces, then the end of the stream if `eof` and more was wanted. */
static enum rc feed(struct http_client *c, struct str in, size_t piece, bool eof)
{
    enum rc rc = RC_AGAIN;

    while (rc == RC_AGAIN && in.n) {
        rc = http_client_feed(c, str_head(in, piece), NULL);
        in = str_skip(in, piece);
    }
    return rc == RC_AGAIN && eof ? http_client_eof(c, NULL) : rc;
}

#define OK "HTTP/1.1 200 OK\r\n"

static const struct {
    const char *text;
    enum rc rc;
    int status;
    const char *body;
} cases[] = {
    {OK "Content-Length: 3\r\n\r\nabc", RC_OK, 200, "abc"},
    {OK "Content-Length: 3\r\n\r\nab", RC_CLOSED, 200, "ab"},
    {OK "Content-Length: 0\r\n\r\n", RC_OK, 200, ""},
    {OK "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nX: y\r\n\r\n", RC_OK, 200,
     "abc"},
    {OK "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", RC_CLOSED, 200, "ab"},
    {OK "\r\nabc", RC_OK, 200, "abc"},
    {OK "\r\n", RC_OK, 200, ""},
    {OK, RC_CLOSED, 0, ""},
    {"", RC_CLOSED, 0, ""},
    {"HTTP/1.0 404 Not Found\r\nX: y\r\n\r\n", RC_OK, 404, ""},
    {"HTTP/1.1 404\r\nContent-Length: 1\r\n\r\nx", RC_OK, 404, "x"},
    {"HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", RC_OK, 301, ""},
    {"HTTP/1.1 204 No Content\r\n\r\n", RC_OK, 204, ""},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" OK
     "Content-Length: 1\r\n\r\nz",
     RC_OK, 200, "z"},
    {OK "\r\n0123456789abcdef", RC_OK, 200, "0123456789abcdef"},
    {OK "\r\n0123456789abcdefg", RC_TOOBIG, 200, "0123456789abcdef"},
    {OK "Content-Length: 1000000\r\n\r\n0123456789abcdefg", RC_TOOBIG, 200, "0123456789abcdef"},
    {OK "Transfer-Encoding: chunked\r\n\r\nfffff\r\n0123456789abcdefg", RC_TOOBIG, 200,
     "0123456789abcdef"},
    {"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", RC_PARSE, 0, ""},
    {"HTTP/2.0 200 OK\r\n\r\n", RC_PARSE, 0, ""},
    {"HTTP/1.1 abc OK\r\n\r\n", RC_PARSE, 0, ""},
    {"HTTP/1.1 20 OK\r\n\r\n", RC_PARSE, 0, ""},
    {"SSH-2.0-OpenSSH_9.2\r\n", RC_PARSE, 0, ""},
    {"\x15\x03\x01\x02\x02P", RC_PARSE, 0, ""},
    {OK "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", RC_PARSE, 0, ""},
    {OK "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc", RC_PARSE, 0, ""},
    {OK "Transfer-Encoding: gzip\r\n\r\nabc", RC_PARSE, 0, ""},
    {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", RC_PARSE, 0, ""},
    {OK "X : y\r\n\r\n", RC_PARSE, 0, ""},
    {OK "X: y\n\n", RC_PARSE, 0, ""},
    {OK "X: a\x01\r\n\r\n", RC_PARSE, 0, ""},
};

static void responses(void)
{
    static const size_t pieces[] = {SIZE_MAX, 1, 3};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t k = 0; k < sizeof(pieces) / sizeof(pieces[0]); k++) {
            CLEANUP(http_client_freep) struct http_client *c = NULL;
            enum rc rc;

            CHECK_OK(http_client_new(BODY_MAX, &c));
            rc = feed(c, str_of(cases[i].text), pieces[k], true);
            if (rc != cases[i].rc && mem_fail_fired())
                return;
            if (rc != cases[i].rc)
                fail_msg("%s: %s", rc_text(rc), cases[i].text);
            if (rc != RC_PARSE) {
                CHECK_INT(http_client_status(c), cases[i].status);
                CHECK_STR(http_client_body(c), cases[i].body);
            }
        }
    }
}

static void headers(void)
{
    CLEANUP(http_client_freep) struct http_client *c = NULL;

    CHECK_OK(http_client_new(BODY_MAX, &c));
    CHECK_RC(feed(c,
                  STR("HTTP/1.1 100 Continue\r\nLocation: /wrong\r\n\r\nHTTP/1.1 302 Found\r\n"
                      "LOCATION:  http://b/x \r\nLocation: /second\r\nX-Empty:\r\n"
                      "Transfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: 1\r\n\r\n"),
                  2, false),
             RC_OK);
    CHECK_STR(http_client_header(c, STR("location")), "http://b/x");
    CHECK_STR(http_client_header(c, STR("x-empty")), "");
    CHECK(http_client_header(c, STR("x-empty")).p);
    CHECK(!http_client_header(c, STR("x-trailer")).p);
    CHECK(!http_client_header(c, STR("x-none")).p);
}

static void limits(void)
{
    static const struct {
        const char *unit;
        size_t times;
        enum rc rc;
    } grown[] = {
        {"X: y\r\n", HTTP_HEADERS_MAX, RC_AGAIN},
        {"X: y\r\n", HTTP_HEADERS_MAX + 1, RC_PARSE},
        {"a", HTTP_HEAD_MAX, RC_PARSE},
        {"\r\nHTTP/1.1 100 C\r\n", HTTP_CLIENT_INTERIM_MAX + 2, RC_PARSE},
    };

    for (size_t i = 0; i < sizeof(grown) / sizeof(grown[0]); i++) {
        CLEANUP(http_client_freep) struct http_client *c = NULL;
        CLEANUP(buf_done) struct buf b = BUF_INIT(1 << 20);

        buf_putz(&b, i == 3 ? "HTTP/1.1 100 C\r\n" : OK);
        for (size_t k = 0; k < grown[i].times; k++)
            buf_putz(&b, grown[i].unit);
        CHECK_OK(http_client_new(BODY_MAX, &c));
        CHECK_RC(feed(c, buf_str(&b), 1000, false), grown[i].rc);
    }
}

static void requests(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(1024);
    struct http_url url;

    CHECK_OK(http_url_parse(STR("http://[2001:db8::1]:8080/.well-known/x?y"), &url, NULL));
    http_client_put_get(&url, STR("autarky"), &b);
    CHECK_STR(buf_str(&b), "GET /.well-known/x?y HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n"
                           "User-Agent: autarky\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    buf_reset(&b);
    CHECK_OK(http_url_parse(STR("https://a.example:443"), &url, NULL));
    http_client_put_get(&url, STR("autarky"), &b);
    CHECK(str_starts(buf_str(&b), STR("GET / HTTP/1.1\r\nHost: a.example\r\n")));
}

static void post(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(1024);
    struct http_url url;
    struct http_client_request r = {.method = "POST",
                                    .url = &url,
                                    .user_agent = STR("autarky"),
                                    .accept = STR("application/json"),
                                    .content_type = STR("application/jose+json"),
                                    .body = STR("{}"),
                                    .keep_alive = true};

    CHECK_OK(http_url_parse(STR("https://a.example:8555/x"), &url, NULL));
    http_client_put(&r, &b);
    CHECK_STR(buf_str(&b), "POST /x HTTP/1.1\r\nHost: a.example:8555\r\nUser-Agent: autarky\r\n"
                           "Accept: application/json\r\nContent-Type: application/jose+json\r\n"
                           "Content-Length: 2\r\n\r\n{}");
    buf_done(&b);
    buf_init(&b, 1024);
    r.content_type = r.body = STR("");
    http_client_put(&r, &b);
    CHECK_STR(buf_str(&b), "POST /x HTTP/1.1\r\nHost: a.example:8555\r\nUser-Agent: autarky\r\n"
                           "Accept: application/json\r\nContent-Length: 0\r\n\r\n");
}

/* Whether the connection may serve again. */
static void kept(void)
{
    static const struct {
        const char *text;
        bool head, keeps;
    } ends[] = {
        {OK "Content-Length: 1\r\n\r\nx", false, true},
        {OK "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", false, true},
        {"HTTP/1.1 204 No Content\r\n\r\n", false, true},
        {OK "Content-Length: 1\r\nConnection: close\r\n\r\nx", false, false},
        {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", false, false},
        {OK "\r\nx", false, false},
        {OK "Content-Length: 1\r\n\r\nxy", false, false},
        {OK "Content-Length: 1\r\n\r\nx" OK, false, false},
        {OK "Content-Length: 99\r\n\r\n", true, true},
        {OK "Transfer-Encoding: chunked\r\n\r\n", true, true},
        {OK "\r\n", true, true},
        {OK "Content-Length: 99\r\n\r\nx", true, false},
    };

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        CLEANUP(http_client_freep) struct http_client *c = NULL;

        CHECK_OK(http_client_new(BODY_MAX, &c));
        if (ends[i].head)
            http_client_expect_head(c);
        CHECK(!http_client_keep_alive(c));
        CHECK_OK(feed(c, str_of(ends[i].text), SIZE_MAX, true));
        if (http_client_keep_alive(c) != ends[i].keeps && !mem_fail_fired())
            fail_msg("%s", ends[i].text);
        if (ends[i].head)
            CHECK_STR(http_client_body(c), "");
    }
}

CHECK_MAIN(CHECK_TEST(post), CHECK_TEST(kept), CHECK_TEST(responses), CHECK_TEST(headers),
           CHECK_TEST_ONCE(limits), CHECK_TEST(requests))
