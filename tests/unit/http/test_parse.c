/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

#include "http/parse.h"

static void done(struct http_exchange *x, void *)
{
    http_exchange_free(x);
}

/* Feeds in pieces of `piece` bytes. The status of the refusal; 0: accepted; -1: more is wanted; -2:
 * no memory. */
static int feed(struct http_parser *p, struct http_exchange *x, struct str in, size_t piece,
                struct str *rest)
{
    struct err err = ERR_INIT;
    enum rc rc = RC_AGAIN;

    while (rc == RC_AGAIN && in.n) {
        struct str part = str_head(in, piece);
        size_t before = part.n;

        rc = http_parser_feed(p, x, &part, &err);
        in = str_skip(in, before - part.n);
    }
    *rest = in;
    if (rc == RC_DENIED)
        return err.status;
    return rc == RC_OK ? 0 : rc == RC_AGAIN ? -1 : -2;
}

#define H "Host: a.example\r\n"
#define GET "GET / HTTP/1.1\r\n" H
#define POST "POST / HTTP/1.1\r\n" H
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

struct request {
    const char *text;
    int status;
    const char *rest; /* what belongs to the next one */
};

static const struct request good[] = {
    {GET "\r\n", 0, ""},
    {"\r\n" GET "\r\n", 0, ""},
    {GET "\r\n" GET, 0, GET},
    {"HEAD / HTTP/1.1\r\n" H "\r\n", 0, ""},
    {"GET / HTTP/1.0\r\n\r\n", 0, ""},
    {"GET / HTTP/1.0\r\n" H "\r\n", 0, ""},
    {"GET /a%20b/c?x=y&z=%2f HTTP/1.1\r\n" H "\r\n", 0, ""},
    {"GET http://a.example/ HTTP/1.1\r\n" H "\r\n", 0, ""},
    {"GET https://[::1]:8555/x?y HTTP/1.1\r\n" H "\r\n", 0, ""},
    {"GET / HTTP/1.1\r\nHost: [2001:db8::1]:8555\r\n\r\n", 0, ""},
    {"GET / HTTP/1.1\r\nHost: 10.0.0.1:80\r\n\r\n", 0, ""},
    {"GET / HTTP/1.1\r\nhost:a.example\r\n\r\n", 0, ""},
    {"GET / HTTP/1.1\r\nHost: a_b.example\r\n\r\n", 0, ""},
    {GET "X-Empty:\r\n\r\n", 0, ""},
    {GET "X: \t spaces around \t \r\n\r\n", 0, ""},
    {GET "X: \xc3\xa9\r\n\r\n", 0, ""},
    {GET "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
     0, ""},
    {GET "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n" GET, 0, GET},
    {POST "Content-Length: 0\r\n\r\n", 0, ""},
    {POST "Content-Length: 3\r\n\r\nabcdef", 0, "def"},
    {POST "content-length:3\r\n\r\nabc", 0, ""},
    {POST "Content-Length: 003\r\n\r\nabc", 0, ""},
    {POST "Content-Length: 3 \r\n\r\nabc", 0, ""},
    {POST "Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 3\r\n\r\nabc" GET, 0, GET},
    {POST "\r\n" GET, 0, GET},
    {CHUNKED "3\r\nabc\r\n0\r\n\r\n", 0, ""},
    {CHUNKED "3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\nnext", 0, "next"},
    {CHUNKED "0\r\n\r\n", 0, ""},
    {CHUNKED "3\r\nabc\r\n0\r\nX-Trailer: 1\r\n\r\n", 0, ""},
    {POST "Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n", 0, ""},
    {POST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\na", 0, ""},
    {"POST / HTTP/1.0\r\nExpect: the impossible\r\nContent-Length: 1\r\n\r\na", 0, ""},
};

static const struct request bad[] = {
    /* the request line */
    {"\n" GET "\r\n", 400, NULL},
    {"\r\n\r\n" GET "\r\n", 400, NULL},
    {"\r" GET "\r\n", 400, NULL},
    {" " GET "\r\n", 400, NULL},
    {"get / HTTP/1.1\r\n" H "\r\n", 400, NULL},
    {"\x16\x03\x01\x02", 400, NULL},
    {"HELLO / HTTP/1.1\r\n" H "\r\n", 400, NULL},
    {"GETT / HTTP/1.1\r\n" H "\r\n", 400, NULL},
    {"GET  / HTTP/1.1\r\n" H "\r\n", 400, NULL},
    {"GET\t/ HTTP/1.1\r\n" H "\r\n", 400, NULL},
    {"GET / HTTP/1.1 \r\n" H "\r\n", 400, NULL},
    {"GET /  HTTP/1.1\r\n" H "\r\n", 400, NULL},
    {"GET / x HTTP/1.1\r\n" H "\r\n", 400, NULL},
    {"GET / HTTP/1.1\n" H "\r\n", 400, NULL},
    {"GET / HTTP/1.1\r" H "\r\n", 400, NULL},
    {"GET / http/1.1\r\n" H "\r\n", 400, NULL},
    {"GET / HTTP/1\r\n" H "\r\n", 400, NULL},
    {"GET / HTTP/01.1\r\n" H "\r\n", 400, NULL},
    {"GET / HTTP/1.11\r\n" H "\r\n", 400, NULL},
    {"GET / ICE/1.1\r\n" H "\r\n", 400, NULL},
    {"GET / HTTP/2.0\r\n" H "\r\n", 505, NULL},
    {"GET / HTTP/0.9\r\n\r\n", 505, NULL},
    {"GET / HTTP/1.2\r\n" H "\r\n", 400, NULL},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, NULL},
    {"TRACE / HTTP/1.1\r\n" H "\r\n", 501, NULL},
    {"PROPFIND / HTTP/1.1\r\n" H "\r\n", 501, NULL},
    {"CONNECT a.example:443 HTTP/1.1\r\n" H "\r\n", 501, NULL},
    /* the target */
    {"OPTIONS * HTTP/1.1\r\n" H "\r\n", 400, NULL},
    {"GET a.example:80 HTTP/1.1\r\n" H "\r\n", 400, NULL},
    {"GET ftp://a.example/ HTTP/1.1\r\n" H "\r\n", 400, NULL},
    {"GET http:///x HTTP/1.1\r\n" H "\r\n", 400, NULL},
    {"GET http://user@a.example/ HTTP/1.1\r\n" H "\r\n", 400, NULL},
    {"GET http://a.example:0/ HTTP/1.1\r\n" H "\r\n", 400, NULL},
    {"GET /a#b HTTP/1.1\r\n" H "\r\n", 400, NULL},
    {"GET /a%2 HTTP/1.1\r\n" H "\r\n", 400, NULL},
    {"GET /a%zz HTTP/1.1\r\n" H "\r\n", 400, NULL},
    {"GET /<x> HTTP/1.1\r\n" H "\r\n", 400, NULL},
    {"GET /a\\b HTTP/1.1\r\n" H "\r\n", 400, NULL},
    {"GET /\x7f HTTP/1.1\r\n" H "\r\n", 400, NULL},
    {"GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", 400, NULL},
    {"GET /\x01 HTTP/1.1\r\n" H "\r\n", 400, NULL},
    /* Host */
    {"GET / HTTP/1.1\r\n\r\n", 400, NULL},
    {"GET / HTTP/1.1\r\n" H H "\r\n", 400, NULL},
    {"GET / HTTP/1.0\r\n" H H "\r\n", 400, NULL},
    {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, NULL},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, NULL},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, NULL},
    {"GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", 400, NULL},
    {"GET / HTTP/1.1\r\nHost: a:\r\n\r\n", 400, NULL},
    {"GET / HTTP/1.1\r\nHost: a:70000\r\n\r\n", 400, NULL},
    {"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400, NULL},
    {"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400, NULL},
    {"GET / HTTP/1.1\r\nHost: ::1\r\n\r\n", 400, NULL},
    {"GET / HTTP/1.1\r\nHost: [fe80::1%25eth0]\r\n\r\n", 400, NULL},
    {"GET http://a.example/ HTTP/1.1\r\n\r\n", 400, NULL},
    /* headers */
    {GET "X : y\r\n\r\n", 400, NULL},
    {GET "X\t: y\r\n\r\n", 400, NULL},
    {GET " X: y\r\n\r\n", 400, NULL},
    {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, NULL},
    {GET "X: a\r\n b\r\n\r\n", 400, NULL},
    {GET "X: a\r\n\tb\r\n\r\n", 400, NULL},
    {GET "X: a\nY: b\r\n\r\n", 400, NULL},
    {GET "X: a\rY: b\r\n\r\n", 400, NULL},
    {GET "X: a\r\r\n\r\n", 400, NULL},
    {GET "\n", 400, NULL},
    {GET "\r\r\n", 400, NULL},
    {GET "X\r\n\r\n", 400, NULL},
    {GET ": y\r\n\r\n", 400, NULL},
    {GET "X(y): z\r\n\r\n", 400, NULL},
    {GET "X\x80: z\r\n\r\n", 400, NULL},
    {GET "X: a\x01z\r\n\r\n", 400, NULL},
    {GET "X: a\x7fz\r\n\r\n", 400, NULL},
    {GET "Content-Type: a/b\r\nContent-Type: c/d\r\n\r\n", 400, NULL},
    {POST "Expect: 200-ok\r\nContent-Length: 1\r\n\r\na", 417, NULL},
    {POST "Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na", 417, NULL},
    /* how long the body is */
    {POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400, NULL},
    {POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400, NULL},
    {POST "Content-Length: 3, 3\r\n\r\nabc", 400, NULL},
    {POST "Content-Length: +3\r\n\r\nabc", 400, NULL},
    {POST "Content-Length: -3\r\n\r\nabc", 400, NULL},
    {POST "Content-Length: 0x3\r\n\r\nabc", 400, NULL},
    {POST "Content-Length: 3 3\r\n\r\nabc", 400, NULL},
    {POST "Content-Length: 3;\r\n\r\nabc", 400, NULL},
    {POST "Content-Length: \"3\"\r\n\r\nabc", 400, NULL},
    {POST "Content-Length:\r\n\r\nabc", 400, NULL},
    {POST "Content-Length: 18446744073709551617\r\n\r\na", 400, NULL},
    {POST "Content-Length : 3\r\n\r\nabc", 400, NULL},
    {POST "Content-Length\x0b: 3\r\n\r\nabc", 400, NULL},
    {POST "Content-Length: \x0b"
          "3\r\n\r\nabc",
     400, NULL},
    {POST "Content-Length: 262145\r\n\r\n", 413, NULL},
    {POST "Content-Length: 9999999999999999\r\n\r\n", 413, NULL},
    {POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, NULL},
    {POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400, NULL},
    {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, NULL},
    {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 400, NULL},
    {POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400, NULL},
    {POST "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n", 400, NULL},
    {POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400, NULL},
    {POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400, NULL},
    {POST "Transfer-Encoding: identity\r\n\r\n", 400, NULL},
    {POST "Transfer-Encoding: gzip\r\n\r\n", 400, NULL},
    {POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400, NULL},
    {POST "Transfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n", 400, NULL},
    {POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 400, NULL},
    {POST "Transfer-Encoding: chunked;x=y\r\n\r\n0\r\n\r\n", 400, NULL},
    {POST "Transfer-Encoding: chunk\xc5\xbf"
          "d\r\n\r\n",
     400, NULL},
    {POST "Transfer-Encoding: \x0b"
          "chunked\r\n\r\n0\r\n\r\n",
     400, NULL},
    {POST "Transfer-Encoding:\r\n\r\n", 400, NULL},
    {POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400, NULL},
    {POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400, NULL},
    {POST "X: y\r\nTransfer-Encoding\r\n: chunked\r\n\r\n", 400, NULL},
    {"POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, NULL},
    {"GET / HTTP/1.1\r\n" H "Transfer-Encoding: cow\r\n\r\n", 400, NULL},
    /* chunks */
    {CHUNKED "3;x=y\r\nabc\r\n0\r\n\r\n", 400, NULL},
    {CHUNKED "3;\r\nabc\r\n0\r\n\r\n", 400, NULL},
    {CHUNKED "3 \r\nabc\r\n0\r\n\r\n", 400, NULL},
    {CHUNKED " 3\r\nabc\r\n0\r\n\r\n", 400, NULL},
    {CHUNKED "+3\r\nabc\r\n0\r\n\r\n", 400, NULL},
    {CHUNKED "0x3\r\nabc\r\n0\r\n\r\n", 400, NULL},
    {CHUNKED "-1\r\nabc\r\n0\r\n\r\n", 400, NULL},
    {CHUNKED "g\r\nabc\r\n0\r\n\r\n", 400, NULL},
    {CHUNKED "\r\nabc\r\n0\r\n\r\n", 400, NULL},
    {CHUNKED "3\nabc\r\n0\r\n\r\n", 400, NULL},
    {CHUNKED "3\r\nabcd\r\n0\r\n\r\n", 400, NULL},
    {CHUNKED "3\r\nabc\n0\r\n\r\n", 400, NULL},
    {CHUNKED "3\r\nabc0\r\n\r\n", 400, NULL},
    {CHUNKED "3\r\nabc\r\n0\n\n", 400, NULL},
    {CHUNKED "3\r\nabc\r\n0\r\n\n", 400, NULL},
    {CHUNKED "3\rXabc\r\n0\r\n\r\n", 400, NULL},
    {CHUNKED "10000000000000000\r\na", 400, NULL},
    {CHUNKED "ffffffffffffffff0\r\na", 400, NULL},
    {CHUNKED "0\r\nX : y\r\n\r\n", 400, NULL},
    {CHUNKED "0\r\nX: y\n\r\n", 400, NULL},
};

static const size_t pieces[] = {SIZE_MAX, 1, 2, 7};

static void check_one(const struct request *r)
{
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        CLEANUP(http_parser_freep) struct http_parser *p = NULL;
        CLEANUP(http_exchange_freep) struct http_exchange *x = NULL;
        struct str rest;
        int status;

        CHECK_OK(http_parser_new(&p));
        CHECK_OK(http_exchange_new(done, NULL, &x));
        status = feed(p, x, str_of(r->text), pieces[i], &rest);
        if (status != r->status && !mem_fail_fired())
            fail_msg("%d instead of %d, in pieces of %zu: %s", status, r->status, pieces[i],
                     r->text);
        if (r->rest)
            CHECK_STR(rest, r->rest);
    }
}

static void accepts(void)
{
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        check_one(&good[i]);
}

static void refuses(void)
{
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check_one(&bad[i]);
}

/* NUL, which no C string of the tables holds, at every place of a request. */
static void refuses_nul_anywhere(void)
{
    static const char text[] =
        "POST /x?y HTTP/1.1\r\nHost: a\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n"
        "1\r\n";
    char copy[sizeof(text)];

    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        CLEANUP(http_parser_freep) struct http_parser *p = NULL;
        CLEANUP(http_exchange_freep) struct http_exchange *x = NULL;
        struct str rest;
        int status;

        memcpy(copy, text, sizeof(text));
        copy[i] = '\0';
        CHECK_OK(http_parser_new(&p));
        CHECK_OK(http_exchange_new(done, NULL, &x));
        status = feed(p, x, str_bytes(copy, sizeof(text) - 1), SIZE_MAX, &rest);
        CHECK_INT(status, 400);
    }
}

/* ---- limits: `head`, `unit` repeated, `tail` */

struct grown {
    const char *head, *unit, *tail;
    size_t times;
    int status;
};

static const struct grown grown[] = {
    {"GET /", "a", " HTTP/1.1\r\n" H "\r\n", HTTP_TARGET_MAX - 1, 0},
    {"GET /", "a", " HTTP/1.1\r\n" H "\r\n", HTTP_TARGET_MAX, 414},
    {"GET /", "a", "", 1 << 20, 414},
    {"G", "E", "", 1 << 20, 400},
    {GET, "X: y\r\n", "\r\n", HTTP_HEADERS_MAX - 1, 0},
    {GET, "X: y\r\n", "\r\n", HTTP_HEADERS_MAX, 431},
    {GET "X: ", "y", "\r\n\r\n", HTTP_HEAD_MAX - sizeof(GET "X: \r\n\r\n") + 1, 0},
    {GET "X: ", "y", "\r\n\r\n", HTTP_HEAD_MAX - sizeof(GET "X: \r\n\r\n") + 2, 431},
    {GET "X:", " ", "\r\n\r\n", HTTP_HEAD_MAX, 431},
    {GET "X: y", " ", "", 1 << 20, 431},
    {GET, "X", "", 1 << 20, 431},
    {GET "User-Agent: ", "y", "\r\n\r\n", HTTP_KEPT_VALUE_MAX, 0},
    {GET "User-Agent: ", "y", "\r\n\r\n", HTTP_KEPT_VALUE_MAX + 1, 431},
    {GET "Content-Type: ", "y", "\r\n\r\n", HTTP_CONTENT_TYPE_MAX + 1, 431},
    {GET, "Accept: y\r\n", "\r\n", HTTP_REQUEST_HEADERS_MAX + 1, 431},
    {"GET / HTTP/1.1\r\nHost: ", "a", "\r\n\r\n", 253, 0},
    {"GET / HTTP/1.1\r\nHost: ", "a", "\r\n\r\n", 254, 400},
    {POST "Content-Length: 262144\r\n\r\n", "a", "", HTTP_BODY_MAX, 0},
    {CHUNKED "40000\r\n", "a", "\r\n0\r\n\r\n", HTTP_BODY_MAX, 0},
    {CHUNKED "40001\r\n", "a", "\r\n0\r\n\r\n", HTTP_BODY_MAX + 1, 413},
    {CHUNKED,
     "80\r\n"
     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n",
     "0\r\n\r\n", HTTP_BODY_MAX / 128, 0},
    {CHUNKED, "1\r\na\r\n", "0\r\n\r\n", 1000, 0},
    {CHUNKED, "1\r\na\r\n", "0\r\n\r\n", 100000, 400},
    {CHUNKED "1", "0", "\r\n", 1 << 20, 400},
    {CHUNKED, "0", "1\r\na\r\n0\r\n\r\n", 1 << 20, 400},
    {CHUNKED "0\r\n", "X: y\r\n", "\r\n", HTTP_HEADERS_MAX, 431},
    {CHUNKED "0\r\nX: ", "y", "\r\n\r\n", 1 << 20, 400},
};

static void holds_limits(void)
{
    for (size_t i = 0; i < sizeof(grown) / sizeof(grown[0]); i++) {
        CLEANUP(http_parser_freep) struct http_parser *p = NULL;
        CLEANUP(http_exchange_freep) struct http_exchange *x = NULL;
        CLEANUP(buf_done) struct buf text = BUF_INIT(4 << 20);
        struct str rest;
        int status;

        buf_putz(&text, grown[i].head);
        for (size_t k = 0; k < grown[i].times; k++)
            buf_putz(&text, grown[i].unit);
        buf_putz(&text, grown[i].tail);
        CHECK_OK(http_parser_new(&p));
        CHECK_OK(http_exchange_new(done, NULL, &x));
        status = feed(p, x, buf_str(&text), 4096, &rest);
        if (status != grown[i].status)
            fail_msg("limit %zu: %d instead of %d", i, status, grown[i].status);
    }
}

static void fills_the_exchange(void)
{
    CLEANUP(http_parser_freep) struct http_parser *p = NULL;
    CLEANUP(http_exchange_freep) struct http_exchange *x = NULL;
    struct str rest;

    CHECK_OK(http_parser_new(&p));
    CHECK_OK(http_exchange_new(done, NULL, &x));
    CHECK_INT(http_parser_phase(p), HTTP_PHASE_IDLE);
    CHECK_INT(feed(p, x,
                   STR("POST /acme/new%20order?a=b?c HTTP/1.1\r\nHOST:  Ca.Example:8555 \r\n"
                       "Content-Type: application/jose+json\r\nProxy-Authorization: "
                       "secret\r\nCookie: a=b\r\n"
                       "User-AGENT: certbot/2.1\r\nConnection: close\r\n"
                       "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n1\r\n\n\r\n0\r\nUser-Agent: "
                       "x\r\n\r\n"),
                   1, &rest),
              0);
    CHECK_INT(http_parser_phase(p), HTTP_PHASE_DONE);
    CHECK_STR(x->req.method, "POST");
    CHECK_STR(x->req.path, "/acme/new%20order");
    CHECK_STR(x->req.query, "a=b?c");
    CHECK_STR(x->req.host, "Ca.Example:8555");
    CHECK_STR(x->req.body, "{}\n");
    CHECK_INT(x->req.n_headers, 3);
    CHECK_STR(http_header_get(&x->req, STR("cookie")), "a=b");
    CHECK_STR(http_header_get(&x->req, STR("content-type")), "application/jose+json");
    CHECK_STR(http_header_get(&x->req, STR("user-agent")), "certbot/2.1");
    CHECK(!http_parser_keep_alive(p));
}

static void absolute_form_counts_more_than_host(void)
{
    CLEANUP(http_parser_freep) struct http_parser *p = NULL;
    CLEANUP(http_exchange_freep) struct http_exchange *x = NULL;
    struct str rest;

    CHECK_OK(http_parser_new(&p));
    CHECK_OK(http_exchange_new(done, NULL, &x));
    CHECK_INT(
        feed(p, x, STR("GET http://[::1]:80?q HTTP/1.1\r\nHost: other\r\n\r\n"), SIZE_MAX, &rest),
        0);
    CHECK_STR(x->req.host, "[::1]:80");
    CHECK_STR(x->req.path, "/");
    CHECK_STR(x->req.query, "q");
    CHECK(http_parser_keep_alive(p));
}

static void one_request_after_the_other(void)
{
    CLEANUP(http_parser_freep) struct http_parser *p = NULL;
    struct str rest = STR(GET "\r\n\r\n" POST "Content-Length: 2\r\n\r\nhi" GET "\r\n");
    static const char *const want[] = {"GET", "POST", "GET"};

    CHECK_OK(http_parser_new(&p));
    for (size_t i = 0; i < 3; i++) {
        CLEANUP(http_exchange_freep) struct http_exchange *x = NULL;

        CHECK_OK(http_exchange_new(done, NULL, &x));
        CHECK_INT(feed(p, x, rest, SIZE_MAX, &rest), 0);
        CHECK_STR(x->req.method, want[i]);
        CHECK_STR(x->req.body, i == 1 ? "hi" : "");
        http_parser_reset(p);
    }
    CHECK_INT(rest.n, 0);
}

static void tells_who_waits_to_continue(void)
{
    CLEANUP(http_parser_freep) struct http_parser *p = NULL;
    CLEANUP(http_exchange_freep) struct http_exchange *x = NULL;
    struct str rest;

    CHECK_OK(http_parser_new(&p));
    CHECK_OK(http_exchange_new(done, NULL, &x));
    CHECK_INT(
        feed(p, x, STR(POST "Expect: 100-Continue\r\nContent-Length: 2\r\n"), SIZE_MAX, &rest), -1);
    CHECK(!http_parser_expects_continue(p));
    CHECK_INT(feed(p, x, STR("\r\n"), SIZE_MAX, &rest), -1);
    CHECK_INT(http_parser_phase(p), HTTP_PHASE_BODY);
    CHECK(http_parser_expects_continue(p));
    CHECK_INT(feed(p, x, STR("a"), SIZE_MAX, &rest), -1);
    CHECK(!http_parser_expects_continue(p));
    CHECK_INT(feed(p, x, STR("b"), SIZE_MAX, &rest), 0);
}

static void stays_refused(void)
{
    CLEANUP(http_parser_freep) struct http_parser *p = NULL;
    CLEANUP(http_exchange_freep) struct http_exchange *x = NULL;
    struct str rest;

    CHECK_OK(http_parser_new(&p));
    CHECK_OK(http_exchange_new(done, NULL, &x));
    CHECK_INT(feed(p, x, STR("\n"), SIZE_MAX, &rest), 400);
    CHECK_INT(feed(p, x, STR(GET "\r\n"), SIZE_MAX, &rest), 400);
}

CHECK_MAIN(CHECK_TEST_ONCE(accepts), CHECK_TEST_ONCE(refuses),
           CHECK_TEST_ONCE(refuses_nul_anywhere), CHECK_TEST_ONCE(holds_limits),
           CHECK_TEST(fills_the_exchange), CHECK_TEST(absolute_form_counts_more_than_host),
           CHECK_TEST(one_request_after_the_other), CHECK_TEST(tells_who_waits_to_continue),
           CHECK_TEST(stays_refused))
