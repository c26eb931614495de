/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/buf.h"
#include "http/forward.h"

enum { OUT_MAX = 1 << 18 };

static const struct str methods[] = {STR("GET"), STR("POST"), STR("HEAD")};
static const struct http_reader_conf requests = {
    .target_max = 8192, .body_max = UINT64_MAX, .methods = methods, .n_methods = 3};
static const struct http_reader_conf responses = {.responses = true, .body_max = UINT64_MAX};

#define ADDED                                                                                      \
    "x-forwarded-for: 192.0.2.1\r\nx-forwarded-proto: https\r\nx-forwarded-host: a.example\r\n"    \
    "forwarded: for=192.0.2.1;host=\"a.example\";proto=https\r\nx-request-id: id\r\n"
#define H "Host: a.example\r\n"
#define TO_A " HTTP/1.1\r\nhost: a.example\r\n"

struct passed {
    const char *in, *out;
};

static const struct passed heads[] = {
    {"GET / HTTP/1.1\r\n" H "\r\n", "GET /" TO_A ADDED "\r\n"},
    {"GET /a?b HTTP/1.1\r\n" H "\r\n", "GET /a?b" TO_A ADDED "\r\n"},
    {"GET /? HTTP/1.1\r\n" H "\r\n", "GET /?" TO_A ADDED "\r\n"},
    {"GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nhost: site.example\r\n"
                               "x-forwarded-for: 192.0.2.1\r\nx-forwarded-proto: https\r\n"
                               "x-forwarded-host: site.example\r\n"
                               "forwarded: for=192.0.2.1;host=\"site.example\";proto=https\r\n"
                               "x-request-id: id\r\n\r\n"},
    {"GET http://a.example/x HTTP/1.1\r\n" H "\r\n", "GET /x" TO_A ADDED "\r\n"},
    /* one connection's business */
    {"GET / HTTP/1.1\r\n" H "Connection: keep-alive, X-A\r\nX-A: 1\r\nX-B: 2\r\nKeep-Alive: 5\r\n"
     "Proxy-Connection: x\r\nProxy-Authorization: x\r\nProxy-Authenticate: x\r\nTrailer: x\r\n"
     "Upgrade: h2c\r\nHTTP2-Settings: x\r\nTE: gzip\r\nEarly-Data: 1\r\n\r\n",
     "GET /" TO_A "x-b: 2\r\n" ADDED "\r\n"},
    {"GET / HTTP/1.1\r\n" H "TE: trailers\r\n\r\n",
     "GET /" TO_A ADDED "te: trailers\r\nconnection: te\r\n\r\n"},
    /* what Connection names in vain */
    {"GET / HTTP/1.1\r\n" H "Connection: Cookie, Authorization, Host\r\nCookie: c\r\n"
     "Authorization: a\r\n\r\n",
     "GET /" TO_A "cookie: c\r\nauthorization: a\r\n" ADDED "\r\n"},
    /* what only a gateway may say */
    {"GET / HTTP/1.1\r\n" H "X-Forwarded-For: 6\r\nx-forwarded-proto: http\r\n"
     "X-Forwarded-Host: b\r\nX-Forwarded-User: root\r\nForwarded: for=6\r\nX-Real-IP: 6\r\n"
     "X-SSL-Client-Verify: ok\r\nX-Client-Cert: c\r\nX-Client-Cert-Hash: c\r\nSSL-Client-Cert: "
     "c\r\n"
     "X_Forwarded_For: 6\r\nX_Any: 6\r\nContent_Length: 6\r\nProxy: http://evil\r\n"
     "X-Request-Id: mine\r\n\r\n",
     "GET /" TO_A ADDED "\r\n"},
    /* framing */
    {"POST / HTTP/1.1\r\n" H "Content-Length: 007\r\n\r\n",
     "POST /" TO_A ADDED "content-length: 7\r\n\r\n"},
    {"POST / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n",
     "POST /" TO_A ADDED "content-length: 0\r\n\r\n"},
    {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n",
     "POST /" TO_A ADDED "transfer-encoding: chunked\r\n\r\n"},
    {"POST / HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n",
     "POST /" TO_A "expect: 100-continue\r\n" ADDED "content-length: 1\r\n\r\n"},
    {"GET / HTTP/1.1\r\n" H "Expect: 100-continue\r\n\r\n", "GET /" TO_A ADDED "\r\n"},
    {"GET / HTTP/1.1\r\n" H "X-Empty:\r\nX-Odd: \t a\tb \r\n\r\n",
     "GET /" TO_A "x-empty: \r\nx-odd: a\tb\r\n" ADDED "\r\n"},
};

static void writes_requests_anew(void)
{
    static const struct http_forward_request f = {STR("192.0.2.1"), STR("site.example"), STR("id")};

    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        CLEANUP(http_reader_freep) struct http_reader *r = NULL;
        CLEANUP(buf_done) struct buf out = BUF_INIT(OUT_MAX);
        struct str in = str_of(heads[i].in);

        CHECK_OK(http_reader_new(&requests, &r));
        CHECK_OK(http_reader_head(r, &in, NULL));
        http_forward_request(r, &f, &out);
        CHECK_STR(buf_str(&out), heads[i].out);
    }
}

/* The client first, with what it asked; IPv6 as RFC 7239 section 6 has it. */
static void writes_where_requests_come_from(void)
{
    static const struct http_hops hops = {
        .n = 2,
        .addrs = {{.n = 4, .b = {10, 0, 0, 2}}, {.n = 16, .b = {0x20, 1, 0xd, 0xb8, [15] = 7}}},
        .proto = STR("http"),
        .host = STR("www.example:8080"),
    };
    static const struct http_forward_request f = {STR("::1"), STR("site.example"), STR("id"),
                                                  .hops = &hops};
    CLEANUP(http_reader_freep) struct http_reader *r = NULL;
    CLEANUP(buf_done) struct buf out = BUF_INIT(OUT_MAX);
    struct str in = STR("GET / HTTP/1.1\r\n" H "\r\n");

    CHECK_OK(http_reader_new(&requests, &r));
    CHECK_OK(http_reader_head(r, &in, NULL));
    http_forward_request(r, &f, &out);
    CHECK_STR(buf_str(&out), "GET /" TO_A "x-forwarded-for: 2001:db8::7, 10.0.0.2, ::1\r\n"
                             "x-forwarded-proto: http\r\nx-forwarded-host: www.example:8080\r\n"
                             "forwarded: for=\"[2001:db8::7]\";host=\"www.example:8080\";"
                             "proto=http, for=10.0.0.2, for=\"[::1]\";host=\"a.example\";"
                             "proto=https\r\nx-request-id: id\r\n\r\n");
}

struct answer {
    struct passed passed;
    unsigned minor;
    bool headless, last;
    enum http_framing framing;
};

#define OK "HTTP/1.1 200 OK\r\n"
#define DATED "date: today\r\nx-request-id: id\r\n"

static const struct answer answers[] = {
    {{OK "Content-Length: 5\r\n\r\n", OK DATED "content-length: 5\r\n\r\n"},
     1,
     false,
     false,
     HTTP_FRAMING_LENGTH},
    {{OK "Content-Length: 5\r\nDate: now\r\n\r\n",
      OK "date: now\r\nx-request-id: id\r\ncontent-length: 5\r\n\r\n"},
     1,
     false,
     false,
     HTTP_FRAMING_LENGTH},
    {{OK "Content-Length: 5\r\n\r\n", OK DATED "content-length: 5\r\nconnection: close\r\n\r\n"},
     1,
     false,
     true,
     HTTP_FRAMING_LENGTH},
    {{"HTTP/1.0 200 Fine\r\nContent-Length: 5\r\n\r\n", OK DATED "content-length: 5\r\n\r\n"},
     1,
     false,
     false,
     HTTP_FRAMING_LENGTH},
    {{OK "\r\n", OK DATED "transfer-encoding: chunked\r\n\r\n"},
     1,
     false,
     false,
     HTTP_FRAMING_CHUNKED},
    {{OK "\r\n", OK DATED "connection: close\r\n\r\n"}, 0, false, true, HTTP_FRAMING_CLOSE},
    {{OK "Transfer-Encoding: chunked\r\n\r\n", OK DATED "transfer-encoding: chunked\r\n\r\n"},
     1,
     false,
     false,
     HTTP_FRAMING_CHUNKED},
    {{OK "Transfer-Encoding: chunked\r\n\r\n", OK DATED "connection: close\r\n\r\n"},
     0,
     false,
     true,
     HTTP_FRAMING_CLOSE},
    {{OK "Content-Length: 5\r\n\r\n", OK DATED "content-length: 5\r\n\r\n"},
     1,
     true,
     false,
     HTTP_FRAMING_NONE},
    {{OK "Transfer-Encoding: chunked\r\n\r\n", OK DATED "\r\n"}, 1, true, false, HTTP_FRAMING_NONE},
    {{OK "Content-Length: 0\r\n\r\n", OK DATED "content-length: 0\r\n\r\n"},
     1,
     false,
     false,
     HTTP_FRAMING_NONE},
    {{"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 204 No Content\r\n" DATED "\r\n"},
     1,
     false,
     false,
     HTTP_FRAMING_NONE},
    {{"HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n",
      "HTTP/1.1 304 Not Modified\r\n" DATED "content-length: 5\r\n\r\n"},
     1,
     false,
     false,
     HTTP_FRAMING_NONE},
    {{"HTTP/1.1 299 Hm\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 299 Other\r\n" DATED "content-length: 0\r\n\r\n"},
     1,
     false,
     false,
     HTTP_FRAMING_NONE},
    {{OK
      "Content-Length: 0\r\nConnection: close, X-A\r\nX-A: 1\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n"
      "Keep-Alive: x\r\nProxy-Authenticate: x\r\nUpgrade: h2c\r\nTrailer: x\r\nServer: s\r\n"
      "X-Request-Id: theirs\r\nX_Under: 1\r\n\r\n",
      OK "set-cookie: a\r\nset-cookie: b\r\nserver: s\r\nx_under: 1\r\n" DATED
         "content-length: 0\r\n\r\n"},
     1,
     false,
     false,
     HTTP_FRAMING_NONE},
};

static void writes_answers_anew(void)
{
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        const struct answer *a = &answers[i];
        struct http_forward_response f = {STR("id"), STR("today")};
        struct http_answer answer;
        CLEANUP(http_reader_freep) struct http_reader *r = NULL;
        CLEANUP(buf_done) struct buf out = BUF_INIT(OUT_MAX);
        struct str in = str_of(a->passed.in);

        CHECK_OK(http_reader_new(&responses, &r));
        http_reader_next(r, a->headless);
        CHECK_OK(http_reader_head(r, &in, NULL));
        CHECK_INT(http_forward_framing(http_reader_get(r)->framing, a->minor), a->framing);
        http_forward_response(r, &f, &answer);
        http_put_answer(&answer, a->minor, a->last, &out);
        CHECK_STR(buf_str(&out), a->passed.out);
    }
}

static void writes_chunks(void)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(OUT_MAX);
    char big[0x1234] = {};

    http_put_chunk(STR(""), &out);
    http_put_chunk(STR("hello"), &out);
    http_put_chunk(STR("0123456789abcdef"), &out);
    http_put_last_chunk(NULL, &out);
    CHECK_STR(buf_str(&out), "5\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n");
    buf_reset(&out);
    http_put_chunk(str_bytes(big, sizeof(big)), &out);
    CHECK(str_starts(buf_str(&out), STR("1234\r\n")));
    CHECK_INT(out.n, 6 + sizeof(big) + 2);
}

CHECK_MAIN(CHECK_TEST(writes_requests_anew), CHECK_TEST(writes_where_requests_come_from),
           CHECK_TEST(writes_answers_anew), CHECK_TEST(writes_chunks))
