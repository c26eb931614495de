/* SPDX-License-Identifier: Apache-2.0 */
/* Responses, and what test_parse.c cannot see of requests, which go through the same reader. */
#include "check.h"

#include <stdio.h>

#include "base/buf.h"
#include "http/reader.h"

#define H "Host: a.example\r\n"
#define GET "GET / HTTP/1.1\r\n" H
#define POST "POST / HTTP/1.1\r\n" H
#define OK "HTTP/1.1 200 OK\r\n"

enum { LONG = 1 << 20 };

static const struct str methods[] = {STR("GET"), STR("POST"), STR("OPTIONS")};
static const struct http_reader_conf requests = {
    .target_max = 8192, .body_max = UINT64_MAX, .methods = methods, .n_methods = 3};
static const struct http_reader_conf responses = {
    .responses = true, .body_max = UINT64_MAX, .chunk_framing = HTTP_CHUNK_FRAMING_LEAST};

/* Reads one message in pieces of `piece` bytes. RC_OK: complete, also by the end of the input. */
static enum rc read_all(struct http_reader *r, struct str in, size_t piece, struct buf *body,
                        struct str *rest)
{
    struct err err = ERR_INIT;
    enum rc rc = RC_AGAIN;
    bool head = false;

    while (rc == RC_AGAIN && in.n) {
        struct str part = str_head(in, piece), bytes;
        size_t before = part.n;

        if (!head) {
            rc = http_reader_head(r, &part, &err);
            head = rc == RC_OK;
            rc = head ? RC_AGAIN : rc;
        }
        while (head && (rc = http_reader_body(r, &part, &bytes, &err)) == RC_OK)
            buf_puts(body, bytes);
        in = str_skip(in, before - part.n);
    }
    *rest = in;
    if (rc == RC_AGAIN && head && http_reader_eof(r))
        rc = RC_CLOSED;
    return rc == RC_CLOSED ? RC_OK : rc;
}

struct message {
    const char *text;
    enum rc rc;
    const char *body;
    const char *rest;
    enum http_framing framing;
    bool keep_alive;
};

static const struct message answers[] = {
    {OK "Content-Length: 2\r\n\r\nhi", RC_OK, "hi", "", HTTP_FRAMING_LENGTH, true},
    {OK "Content-Length: 2\r\n\r\nhievil", RC_OK, "hi", "evil", HTTP_FRAMING_LENGTH, true},
    {OK "Content-Length: 0\r\n\r\nx", RC_OK, "", "x", HTTP_FRAMING_NONE, true},
    {OK "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\nx", RC_OK, "hi", "x",
     HTTP_FRAMING_CHUNKED, true},
    {OK "Transfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\nX: y\r\n\r\n", RC_OK, "hi", "",
     HTTP_FRAMING_CHUNKED, true},
    {OK "\r\nall of it", RC_OK, "all of it", "", HTTP_FRAMING_CLOSE, false},
    {OK "Connection: close\r\nContent-Length: 1\r\n\r\na", RC_OK, "a", "", HTTP_FRAMING_LENGTH,
     false},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na", RC_OK, "a", "",
     HTTP_FRAMING_LENGTH, false},
    {"HTTP/1.1 204 No Content\r\n\r\nx", RC_OK, "", "x", HTTP_FRAMING_NONE, true},
    {"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nx", RC_OK, "", "x", HTTP_FRAMING_NONE,
     true},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\nx", RC_OK, "", "x", HTTP_FRAMING_NONE,
     true},
    {"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\nx", RC_OK, "", "x",
     HTTP_FRAMING_NONE, true},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP", RC_OK, "", "HTTP", HTTP_FRAMING_NONE, true},
    {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", RC_OK, "", "", HTTP_FRAMING_NONE, true},
    {OK "X: \xc3\xa9\r\nContent-Length: 0\r\n\r\n", RC_OK, "", "", HTTP_FRAMING_NONE, true},
    /* cut short */
    {OK "Content-Length: 2\r\n\r\nh", RC_AGAIN, NULL, NULL, 0, false},
    {OK "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", RC_AGAIN, NULL, NULL, 0, false},
    {OK "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n", RC_AGAIN, NULL, NULL, 0, false},
    {OK "X: y\r\n", RC_AGAIN, NULL, NULL, 0, false},
    /* the status line */
    {"nonsense", RC_PARSE, NULL, NULL, 0, false},
    {"\r\n" OK "\r\n", RC_PARSE, NULL, NULL, 0, false},
    {"http/1.1 200 OK\r\n\r\n", RC_PARSE, NULL, NULL, 0, false},
    {"HTTP/2.0 200 OK\r\n\r\n", RC_PARSE, NULL, NULL, 0, false},
    {"HTTP/0.9 200 OK\r\n\r\n", RC_PARSE, NULL, NULL, 0, false},
    {"HTTP/1.2 200 OK\r\n\r\n", RC_PARSE, NULL, NULL, 0, false},
    {"HTTP/1.1 20 OK\r\n\r\n", RC_PARSE, NULL, NULL, 0, false},
    {"HTTP/1.1 2000 OK\r\n\r\n", RC_PARSE, NULL, NULL, 0, false},
    {"HTTP/1.1 099 OK\r\n\r\n", RC_PARSE, NULL, NULL, 0, false},
    {"HTTP/1.1 2x0 OK\r\n\r\n", RC_PARSE, NULL, NULL, 0, false},
    {"HTTP/1.1  200 OK\r\n\r\n", RC_PARSE, NULL, NULL, 0, false},
    {"HTTP/1.1 200 OK\n\r\n", RC_PARSE, NULL, NULL, 0, false},
    {"HTTP/1.1 200 OK\rX: y\r\n\r\n", RC_PARSE, NULL, NULL, 0, false},
    {"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", RC_PARSE,
     NULL, NULL, 0, false},
    /* headers */
    {OK "X : y\r\n\r\n", RC_PARSE, NULL, NULL, 0, false},
    {OK "X: y\n\r\n", RC_PARSE, NULL, NULL, 0, false},
    {OK "X: a\r\n b\r\n\r\n", RC_PARSE, NULL, NULL, 0, false},
    {OK "X: a\x01\r\n\r\n", RC_PARSE, NULL, NULL, 0, false},
    {OK "X: a\rb\r\n\r\n", RC_PARSE, NULL, NULL, 0, false},
    {OK ": y\r\n\r\n", RC_PARSE, NULL, NULL, 0, false},
    /* how long the body is */
    {OK "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", RC_PARSE, NULL, NULL, 0, false},
    {OK "Content-Length: 1\r\nContent-Length: 2\r\n\r\na", RC_PARSE, NULL, NULL, 0, false},
    {OK "Content-Length: 1, 1\r\n\r\na", RC_PARSE, NULL, NULL, 0, false},
    {OK "Content-Length: -1\r\n\r\na", RC_PARSE, NULL, NULL, 0, false},
    {OK "Content-Length: 99999999999999999999\r\n\r\na", RC_PARSE, NULL, NULL, 0, false},
    {OK "Content-Length: 9999999999999999\r\n\r\na", RC_PARSE, NULL, NULL, 0, false},
    {OK "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", RC_PARSE, NULL, NULL, 0,
     false},
    {OK "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n", RC_PARSE, NULL, NULL, 0,
     false},
    {OK "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", RC_PARSE, NULL, NULL, 0, false},
    {OK "Transfer-Encoding: gzip\r\n\r\n", RC_PARSE, NULL, NULL, 0, false},
    {OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", RC_PARSE, NULL,
     NULL, 0, false},
    {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", RC_PARSE, NULL, NULL, 0,
     false},
    /* chunks */
    {OK "Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nhi\r\n0\r\n\r\n", RC_PARSE, NULL, NULL, 0,
     false},
    {OK "Transfer-Encoding: chunked\r\n\r\n2 \r\nhi\r\n0\r\n\r\n", RC_PARSE, NULL, NULL, 0, false},
    {OK "Transfer-Encoding: chunked\r\n\r\n2\nhi\r\n0\r\n\r\n", RC_PARSE, NULL, NULL, 0, false},
    {OK "Transfer-Encoding: chunked\r\n\r\n2\r\nhi0\r\n\r\n", RC_PARSE, NULL, NULL, 0, false},
    {OK "Transfer-Encoding: chunked\r\n\r\nx\r\n", RC_PARSE, NULL, NULL, 0, false},
    {OK "Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 1\r\n\r\n", RC_PARSE, NULL, NULL, 0,
     false},
    {OK "Transfer-Encoding: chunked\r\n\r\n0\r\nX: a\x02\r\n\r\n", RC_PARSE, NULL, NULL, 0, false},
};

static const size_t pieces[] = {SIZE_MAX, 1, 2, 7};

static void check_one(const struct http_reader_conf *conf, const struct message *m, size_t piece)
{
    CLEANUP(http_reader_freep) struct http_reader *r = NULL;
    CLEANUP(buf_done) struct buf body = BUF_INIT(LONG);
    struct str rest;
    enum rc rc;

    CHECK_OK(http_reader_new(conf, &r));
    rc = read_all(r, str_of(m->text), piece, &body, &rest);
    if (rc != m->rc && !mem_fail_fired())
        fail_msg("%s instead of %s in pieces of %zu: %s", rc_text(rc), rc_text(m->rc), piece,
                 m->text);
    if (m->rc != RC_OK)
        return;
    CHECK_STR(buf_str(&body), m->body);
    CHECK_STR(rest, m->rest);
    CHECK_INT(http_reader_get(r)->framing, m->framing);
    CHECK_INT(http_reader_get(r)->keep_alive, m->keep_alive);
}

static void reads_answers(void)
{
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
        for (size_t k = 0; k < sizeof(pieces) / sizeof(pieces[0]); k++)
            check_one(&responses, &answers[i], pieces[k]);
}

static void knows_that_head_has_no_body(void)
{
    CLEANUP(http_reader_freep) struct http_reader *r = NULL;
    CLEANUP(buf_done) struct buf body = BUF_INIT(LONG);
    struct str rest;

    CHECK_OK(http_reader_new(&responses, &r));
    http_reader_next(r, true);
    CHECK_OK(read_all(r, STR(OK "Content-Length: 5\r\n\r\n" OK), SIZE_MAX, &body, &rest));
    CHECK_STR(rest, OK);
    CHECK_INT(http_reader_get(r)->framing, HTTP_FRAMING_NONE);
    CHECK_INT(http_reader_get(r)->length, 5);
    http_reader_next(r, false);
    CHECK_RC(read_all(r, STR(OK "Content-Length: 5\r\n\r\n"), SIZE_MAX, &body, &rest), RC_AGAIN);
}

/* NUL, which no C string of the table holds, at every place of an answer's head. */
static void refuses_nul_in_answers(void)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n";
    char copy[sizeof(text)];

    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        CLEANUP(http_reader_freep) struct http_reader *r = NULL;
        CLEANUP(buf_done) struct buf body = BUF_INIT(LONG);
        struct str rest;

        memcpy(copy, text, sizeof(text));
        copy[i] = '\0';
        CHECK_OK(http_reader_new(&responses, &r));
        CHECK_RC(read_all(r, str_bytes(copy, sizeof(text) - 1), SIZE_MAX, &body, &rest), RC_PARSE);
    }
}

struct grown {
    const char *head, *unit, *tail;
    size_t times;
    enum rc rc;
};

static const struct grown grown[] = {
    {OK "X: ", "y", "\r\nContent-Length: 0\r\n\r\n", 32'000, RC_OK},
    {OK "X: ", "y", "\r\nContent-Length: 0\r\n\r\n", HTTP_HEAD_MAX, RC_PARSE},
    {OK, "X: y\r\n", "\r\n", HTTP_HEADERS_MAX, RC_OK},
    {OK, "X: y\r\n", "\r\n", HTTP_HEADERS_MAX + 1, RC_PARSE},
    {"HTTP/1.1 200 ", "x", "", LONG, RC_PARSE},
    {OK "Transfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n", "0\r\n\r\n", 100'000, RC_OK},
    {OK "Transfer-Encoding: chunked\r\n\r\n", "000001\r\na\r\n", "0\r\n\r\n", 100'000, RC_PARSE},
    {OK "Transfer-Encoding: chunked\r\n\r\n0\r\n", "X: y\r\n", "\r\n", HTTP_HEADERS_MAX, RC_PARSE},
    {OK "Transfer-Encoding: chunked\r\n\r\n0\r\nX: ", "y", "\r\n\r\n", LONG, RC_PARSE},
    {OK "Connection: ", "a,", "\r\n\r\n", HTTP_CONNECTION_OPTIONS_MAX, RC_OK},
    {OK "Connection: ", "a,", "b\r\n\r\n", HTTP_CONNECTION_OPTIONS_MAX, RC_PARSE},
};

static void holds_limits(void)
{
    for (size_t i = 0; i < sizeof(grown) / sizeof(grown[0]); i++) {
        CLEANUP(http_reader_freep) struct http_reader *r = NULL;
        CLEANUP(buf_done) struct buf text = BUF_INIT(4 * LONG), body = BUF_INIT(4 * LONG);
        struct str rest;
        enum rc rc;

        buf_putz(&text, grown[i].head);
        for (size_t k = 0; k < grown[i].times; k++)
            buf_putz(&text, grown[i].unit);
        buf_putz(&text, grown[i].tail);
        CHECK_OK(http_reader_new(&responses, &r));
        rc = read_all(r, buf_str(&text), 4096, &body, &rest);
        if (rc != grown[i].rc)
            fail_msg("limit %zu: %s", i, rc_text(rc));
    }
}

/* The body of a large message is handed out from where it lies. */
static void copies_nothing_of_a_body(void)
{
    CLEANUP(http_reader_freep) struct http_reader *r = NULL;
    char text[] = POST "Content-Length: 5000000000\r\n\r\nabcdef";
    struct str in = str_of(text), piece;

    CHECK_OK(http_reader_new(&requests, &r));
    CHECK_OK(http_reader_head(r, &in, NULL));
    CHECK_STR(in, "abcdef");
    CHECK_OK(http_reader_body(r, &in, &piece, NULL));
    CHECK_STR(piece, "abcdef");
    CHECK(piece.p == text + sizeof(text) - 7);
    CHECK_RC(http_reader_body(r, &in, &piece, NULL), RC_AGAIN);
    CHECK_INT(http_reader_get(r)->length, 5'000'000'000);
    CHECK(!http_reader_eof(r));
}

static void tells_of_the_head(void)
{
    CLEANUP(http_reader_freep) struct http_reader *r = NULL;
    struct str in = STR("POST /a|b?c[]=d HTTP/1.1\r\nHOST: A.Example:8443\r\nTE: gzip, Trailers\r\n"
                        "Connection: close, X-One , te\r\nX-One:  1 \r\nX-Two: 2\r\n"
                        "Expect: 100-Continue\r\nTransfer-Encoding: Chunked\r\n\r\n");
    const struct http_head *h;
    struct http_field f;

    CHECK_OK(http_reader_new(&requests, &r));
    CHECK_OK(http_reader_head(r, &in, NULL));
    h = http_reader_get(r);
    CHECK_STR(h->method, "POST");
    CHECK_STR(h->path, "/a|b");
    CHECK_STR(h->query, "c[]=d");
    CHECK_STR(h->host, "A.Example:8443");
    CHECK_INT(h->framing, HTTP_FRAMING_CHUNKED);
    CHECK(h->expects && h->trailers && !h->keep_alive && !h->host_differs);
    CHECK_INT(http_reader_fields(r), 7);
    f = http_reader_field(r, 3);
    CHECK_STR(f.name, "x-one");
    CHECK_STR(f.value, "1");
    CHECK(http_reader_listed(r, &f));
    f = http_reader_field(r, 4);
    CHECK(!http_reader_listed(r, &f));
}

/* What Connection may never name (RFC 9110 section 7.6.1). */
static void does_not_let_connection_name_everything(void)
{
    static const char *const names[] = {"Host",          "Content-Length", "X-Forwarded-For",
                                        "Authorization", "Cookie",         "X-Request-Id",
                                        "Set-Cookie",    "Content-Type",   "Cache-Control"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CLEANUP(http_reader_freep) struct http_reader *r = NULL;
        CLEANUP(buf_done) struct buf text = BUF_INIT(LONG);
        struct http_field f;
        struct str in;

        buf_printf(&text, GET "Connection: %s\r\n%s: 0\r\n\r\n", names[i], names[i]);
        in = buf_str(&text);
        CHECK_OK(http_reader_new(&requests, &r));
        if (i == 0) { /* two Hosts */
            CHECK_RC(http_reader_head(r, &in, NULL), RC_DENIED);
            continue;
        }
        CHECK_OK(http_reader_head(r, &in, NULL));
        f = http_reader_field(r, 2);
        CHECK(!http_reader_listed(r, &f));
    }
}

static void compares_the_two_hosts(void)
{
    static const struct {
        const char *text;
        bool differs;
    } heads[] = {
        {"GET http://a.example/ HTTP/1.1\r\nHost: A.example\r\n\r\n", false},
        {"GET http://b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", true},
        {"GET http://a.example:81/ HTTP/1.1\r\nHost: a.example\r\n\r\n", true},
        {"GET http://a.example/ HTTP/1.0\r\n\r\n", false},
    };

    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        CLEANUP(http_reader_freep) struct http_reader *r = NULL;
        struct str in = str_of(heads[i].text);

        CHECK_OK(http_reader_new(&requests, &r));
        CHECK_OK(http_reader_head(r, &in, NULL));
        CHECK_INT(http_reader_get(r)->host_differs, heads[i].differs);
    }
}

static void takes_targets_of_browsers(void)
{
    static const struct {
        const char *target;
        bool ok;
    } targets[] = {
        {"/a[1]?b={c}|\"<>^`\\", true},
        {"/%zz", true},
        {"*", false},
        {"/a#b", false},
        {"/\x7f", false},
        {"/\xc3\xa9", false},
    };

    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        CLEANUP(http_reader_freep) struct http_reader *r = NULL;
        CLEANUP(buf_done) struct buf text = BUF_INIT(LONG);
        struct str in;

        buf_printf(&text, "GET %s HTTP/1.1\r\n" H "\r\n", targets[i].target);
        in = buf_str(&text);
        CHECK_OK(http_reader_new(&requests, &r));
        CHECK_RC(http_reader_head(r, &in, NULL), targets[i].ok ? RC_OK : RC_DENIED);
    }
    CLEANUP(http_reader_freep) struct http_reader *r = NULL;
    struct str in = STR("OPTIONS * HTTP/1.1\r\n" H "\r\n");

    CHECK_OK(http_reader_new(&requests, &r));
    CHECK_OK(http_reader_head(r, &in, NULL));
    CHECK_STR(http_reader_get(r)->path, "*");
}

static void gives_trailers_of_answers(void)
{
    CLEANUP(http_reader_freep) struct http_reader *r = NULL;
    CLEANUP(buf_done) struct buf body = BUF_INIT(LONG);
    struct str rest;

    CHECK_OK(http_reader_new(&responses, &r));
    CHECK_OK(read_all(r, STR(OK "Transfer-Encoding: chunked\r\n\r\n0\r\nX-Sum:  1\r\n\r\n"), 1,
                      &body, &rest));
    CHECK_INT(http_reader_fields(r), 1);
    CHECK_INT(http_reader_trailers(r), 1);
    CHECK_STR(http_reader_field(r, 1).name, "x-sum");
    CHECK_STR(http_reader_field(r, 1).value, "1");
}

CHECK_MAIN(CHECK_TEST_ONCE(reads_answers), CHECK_TEST(knows_that_head_has_no_body),
           CHECK_TEST_ONCE(refuses_nul_in_answers), CHECK_TEST_ONCE(holds_limits),
           CHECK_TEST(copies_nothing_of_a_body), CHECK_TEST(tells_of_the_head),
           CHECK_TEST(does_not_let_connection_name_everything), CHECK_TEST(compares_the_two_hosts),
           CHECK_TEST(takes_targets_of_browsers), CHECK_TEST(gives_trailers_of_answers))
