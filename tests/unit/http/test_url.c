/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "http/url.h"

static void authorities(void)
{
    static const struct {
        const char *text, *host;
        uint16_t port;
        uint8_t addr_bytes;
    } good[] = {
        {"a.example", "a.example", 0, 0}, {"A.Example:8555", "A.Example", 8555, 0},
        {"localhost", "localhost", 0, 0}, {"10.0.0.1:1", "10.0.0.1", 1, 4},
        {"[::1]", "::1", 0, 16},          {"[2001:db8::1]:65535", "2001:db8::1", 65535, 16},
        {"a_b-c.d", "a_b-c.d", 0, 0},     {"a.:80", "a.", 80, 0},
    };
    static const char *const bad[] = {
        "",      ":80",       "a:",     "a:0",    "a:65536", "a:080000",  "a:+1",
        "a:1x",  "a b",       "a/b",    "u@a",    ".a",      "[::1",      "::1",
        "[]",    "[1.2.3.4]", "[::1]x", "[::1]:", "[::1%1]", "[::1%25x]", "a\xc3",
        "a%20b", "a,b",       "[::g]",  "a:1:2",  "*",
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CLEANUP(buf_done) struct buf b = BUF_INIT(300);
        struct http_authority at;

        CHECK_OK(http_authority_parse(str_of(good[i].text), &at));
        CHECK_STR(at.host, good[i].host);
        CHECK_INT(at.port, good[i].port);
        CHECK_INT(at.addr.n, good[i].addr_bytes);
        http_authority_put(&at, &b);
        CHECK_STR(buf_str(&b), good[i].text);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct http_authority at;

        if (http_authority_parse(str_of(bad[i]), &at) == RC_OK)
            fail_msg("accepted: %s", bad[i]);
    }
}

static void urls(void)
{
    static const struct {
        const char *text, *again;
    } good[] = {
        {"http://a", "http://a/"},
        {"HTTP://a/", "http://a/"},
        {"https://a:8555/x/y?z", "https://a:8555/x/y?z"},
        {"https://a:443/", "https://a/"},
        {"http://a:80?q", "http://a/?q"},
        {"http://a:443/", "http://a:443/"},
        {"http://[::1]:8080/%2f#fragment", "http://[::1]:8080/%2f"},
        {"http://a/?", "http://a/?"},
        {"http://a/;v=1/:@&=+$,!*'()~", "http://a/;v=1/:@&=+$,!*'()~"},
    };
    static const struct {
        const char *text;
        enum rc rc;
    } bad[] = {
        {"", RC_PARSE},
        {"a", RC_PARSE},
        {"//a/", RC_PARSE},
        {"http:/a", RC_PARSE},
        {"http://", RC_PARSE},
        {"http:///x", RC_PARSE},
        {"http://u@a/", RC_PARSE},
        {"http://u:p@a/", RC_PARSE},
        {"http://a:0/", RC_PARSE},
        {"http://a:99999/", RC_PARSE},
        {"http://a/ b", RC_PARSE},
        {"http://a/\t", RC_PARSE},
        {"http://a/%", RC_PARSE},
        {"http://a/%1", RC_PARSE},
        {"http://a/%g0", RC_PARSE},
        {"http://a/\"", RC_PARSE},
        {"http://a\\b/", RC_PARSE},
        {" http://a/", RC_PARSE},
        {"http://a/\xc3\xa9", RC_PARSE},
        {"ftp://a/", RC_UNSUPPORTED},
        {"httpx://a/", RC_UNSUPPORTED},
        {"file:///etc/passwd", RC_UNSUPPORTED},
        {"javascript:alert(1)", RC_PARSE},
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CLEANUP(buf_done) struct buf b = BUF_INIT(300);
        struct http_url url;

        CHECK_OK(http_url_parse(str_of(good[i].text), &url, NULL));
        http_url_put(&url, &b);
        CHECK_STR(buf_str(&b), good[i].again);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct http_url url;
        enum rc rc = http_url_parse(str_of(bad[i].text), &url, NULL);

        if (rc != bad[i].rc)
            fail_msg("%s: %s", bad[i].text, rc_text(rc));
    }
}

static void longest_url(void)
{
    static char text[HTTP_URL_MAX + 1];
    struct http_url url;

    memset(text, 'a', sizeof(text));
    memcpy(text, "http://a/", 9);
    CHECK_OK(http_url_parse(str_bytes(text, HTTP_URL_MAX), &url, NULL));
    CHECK_RC(http_url_parse(str_bytes(text, HTTP_URL_MAX + 1), &url, NULL), RC_TOOBIG);
}

/* RFC 3986 section 5.4, as far as it is http. */
static void resolves(void)
{
    static const struct {
        const char *ref, *want;
    } cases[] = {
        {"http://x/y", "http://x/y"},
        {"https://x", "https://x/"},
        {"g", "http://a:81/b/c/g"},
        {"./g", "http://a:81/b/c/g"},
        {"g/", "http://a:81/b/c/g/"},
        {"/g", "http://a:81/g"},
        {"//g", "http://g/"},
        {"//g:82/h", "http://g:82/h"},
        {"?y", "http://a:81/b/c/d;p?y"},
        {"g?y", "http://a:81/b/c/g?y"},
        {"#s", "http://a:81/b/c/d;p?q"},
        {"g#s", "http://a:81/b/c/g"},
        {"", "http://a:81/b/c/d;p?q"},
        {".", "http://a:81/b/c/"},
        {"..", "http://a:81/b/"},
        {"../g", "http://a:81/b/g"},
        {"../..", "http://a:81/"},
        {"../../g", "http://a:81/g"},
        {"../../../../g", "http://a:81/g"},
        {"/./g", "http://a:81/g"},
        {"/../g", "http://a:81/g"},
        {"g.", "http://a:81/b/c/g."},
        {"..g", "http://a:81/b/c/..g"},
        {"./g/.", "http://a:81/b/c/g/"},
        {"g/../h", "http://a:81/b/c/h"},
        {"g?y/../x", "http://a:81/b/c/g?y/../x"},
    };
    static const char *const bad[] = {"http://",    "//",       "///x", "/ x",
                                      "mailto:x@y", "ftp://x/", "/%zz", "\r\n/x"};
    struct http_url base;

    CHECK_OK(http_url_parse(STR("http://a:81/b/c/d;p?q"), &base, NULL));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(arena_done) struct arena a = ARENA_INIT(65536);
        CLEANUP(buf_done) struct buf b = BUF_INIT(300);
        struct http_url url;

        CHECK_OK(http_url_resolve(&a, &base, str_of(cases[i].ref), &url, NULL));
        http_url_put(&url, &b);
        CHECK_STR(buf_str(&b), cases[i].want);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CLEANUP(arena_done) struct arena a = ARENA_INIT(65536);
        struct http_url url;

        if (http_url_resolve(&a, &base, str_of(bad[i]), &url, NULL) == RC_OK)
            fail_msg("accepted: %s", bad[i]);
    }
}

static void segments(void)
{
    CLEANUP(buf_done) struct buf b = BUF_INIT(100);
    struct str rest = STR("/a//b%2ac/"), s;
    static const char *const want[] = {"a", "", "b%2ac", ""};
    size_t n = 0;

    for (; http_segment_next(&rest, &s); n++)
        CHECK_STR(s, want[n]);
    CHECK_INT(n, 4);
    CHECK_OK(http_segment_decode(STR("b%2ac"), &b));
    CHECK_OK(http_segment_decode(STR(""), &b));
    CHECK_RC(http_segment_decode(STR("x%2fy"), &b), RC_PARSE);
    CHECK_RC(http_segment_decode(STR("x%00"), &b), RC_PARSE);
    CHECK_RC(http_segment_decode(STR("x%2"), &b), RC_PARSE);
    CHECK_STR(buf_str(&b), "b*c");
}

static void origins(void)
{
    static const char *const others[] = {"http://ca.example:443/", "https://ca.example:444/",
                                         "https://b.ca.example/", "https://ca.example.b/"};
    struct http_url one, url;

    CHECK_OK(http_url_parse(STR("https://ca.example/a"), &one, NULL));
    CHECK_OK(http_url_parse(STR("https://CA.example:443/b?c"), &url, NULL));
    CHECK(http_url_same_origin(&one, &url));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        CHECK_OK(http_url_parse(str_of(others[i]), &url, NULL));
        CHECK(!http_url_same_origin(&one, &url));
    }
}

CHECK_MAIN(CHECK_TEST(authorities), CHECK_TEST(urls), CHECK_TEST(longest_url), CHECK_TEST(resolves),
           CHECK_TEST(segments), CHECK_TEST(origins))
