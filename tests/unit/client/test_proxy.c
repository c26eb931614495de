/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "client/proxy.h"

static void urls(void)
{
    static const struct {
        const char *url, *host, *secret;
        unsigned port;
        enum rc rc;
    } cases[] = {
        {"http://proxy.example:8080", "proxy.example", "", 8080, RC_OK},
        {"HTTP://proxy.example/", "proxy.example", "", 3128, RC_OK},
        {"proxy:3128", "proxy", "", 3128, RC_OK},
        {"http://[fd00::1]:80", "fd00::1", "", 80, RC_OK},
        {"http://me:p%40ss@10.0.0.1:80", "10.0.0.1", "bWU6cEBzcw==", 80, RC_OK},
        {"https://proxy.example", "", "", 0, RC_UNSUPPORTED},
        {"socks5://proxy.example", "", "", 0, RC_UNSUPPORTED},
        {"http://", "", "", 0, RC_PARSE},
        {"", "", "", 0, RC_PARSE},
        {"http://a b", "", "", 0, RC_PARSE},
        {"http://a:99999", "", "", 0, RC_PARSE},
        {"http://me:%zz@a", "", "", 0, RC_PARSE},
        {"http://a/path", "", "", 0, RC_PARSE},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct client_proxy p = {};
        struct err err = ERR_INIT;
        char text[512];

        CHECK_RC(client_proxy_parse(str_of(cases[i].url), &p, &err), cases[i].rc);
        CHECK_STR(str_of(p.host), cases[i].host);
        CHECK_STR(str_of(p.secret), cases[i].secret);
        CHECK_INT(p.port, cases[i].port);
        if (cases[i].rc != RC_OK) /* no password in what is shown */
            CHECK(!strstr(err_textz(&err, text, sizeof(text)), "me:"));
    }
}

struct server {
    const char *host, *addrs[2];
    bool used, used_for_private;
};

static enum rc take_addrs(const struct server *s, struct addr out[static 2], size_t *n)
{
    for (*n = 0; *n < 2 && s->addrs[*n]; (*n)++)
        TRY(addr_parse(str_of(s->addrs[*n]), &out[*n]));
    return RC_OK;
}

static void servers(void)
{
    static const struct server cases[] = {
        {"ca.public.example", {"203.0.114.7"}, true, true},
        {"unknown.example", {NULL}, true, true}, /* the proxy may know it */
        {"ca.hospital.example", {"10.0.0.7"}, false, true},
        {"localhost", {"127.0.0.1", "::1"}, false, true},
        {"x", {"fd00::1", "169.254.1.1"}, false, true},
        {"both.example", {"10.0.0.7", "203.0.114.7"}, true, true},
        {"a.excepted.example", {"203.0.114.7"}, false, false},
        {"EXCEPTED.example", {"203.0.114.7"}, false, false},
        {"notexcepted.example", {"203.0.114.7"}, true, true},
        {"www.b.example", {"203.0.114.7"}, false, false},
        {"c.example", {"198.18.0.1"}, false, false},
        {"d.example", {"2001:db8::7"}, false, false},
    };
    struct client_proxy p = {};

    CHECK_OK(client_proxy_parse(STR("proxy:80"), &p, NULL));
    CHECK_OK(client_proxy_except(
        &p, STR(" .excepted.example,*.b.example:443 198.18.0.0/15,\t2001:db8::7,"), NULL));
    CHECK_INT(p.n_rules, 4);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct str host = str_of(cases[i].host);
        struct addr addrs[2];
        size_t n;

        CHECK_OK(take_addrs(&cases[i], addrs, &n));
        p.for_private = false;
        if (client_proxy_applies(&p, host, addrs, n) != cases[i].used)
            fail_msg("%s", cases[i].host);
        p.for_private = true;
        if (client_proxy_applies(&p, host, addrs, n) != cases[i].used_for_private)
            fail_msg("%s, private ones too", cases[i].host);
    }
    CHECK_OK(client_proxy_except(&p, STR("*"), NULL));
    CHECK(!client_proxy_applies(&p, STR("ca.public.example"), NULL, 0));
    CHECK(!client_proxy_applies(NULL, STR("x"), NULL, 0));
    CHECK_RC(client_proxy_except(&p, STR("10.0.0.1/8"), NULL), RC_PARSE);
}

static void dialogue(void)
{
    static const struct {
        const char *in, *says;
        enum rc rc;
    } cases[] = {
        {"", "", RC_AGAIN},
        {"HTT", "", RC_AGAIN},
        {"HTTP/1.1 200 Connection established\r\n", "", RC_AGAIN},
        {"HTTP/1.1 200 Connection established\r\n\r\n", "", RC_OK},
        {"HTTP/1.0 200 \r\nVia: x\r\n\r\n", "", RC_OK},
        {"HTTP/1.1 200\r\n\r\n", "", RC_OK},
        {"HTTP/1.1 200 OK\r\n\r\nx", "more than it was asked", RC_CONFLICT},
        {"HTTP/1.1 403 Forbidden\r\n\r\n", "refuses: 403 Forbidden", RC_DENIED},
        {"HTTP/1.1 407 Who\r\n\r\n", "wants a user and a password", RC_DENIED},
        {"HTTP/1.1 302 Found\r\n\r\n", "302 Found", RC_DENIED},
        {"HTTP/2 200\r\n\r\n", "does not answer as HTTP", RC_PARSE},
        {"HTTP/1.1 2x0 OK\r\n\r\n", "does not answer as HTTP", RC_PARSE},
        {"HTTP/1.1 2000\r\n\r\n", "does not answer as HTTP", RC_PARSE},
        {"220 smtp\r\n\r\n", "does not answer as HTTP", RC_PARSE},
    };
    CLEANUP(buf_done) struct buf b = BUF_INIT(2 * CLIENT_PROXY_ANSWER_MAX);
    struct client_proxy p = {};
    char text[512];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = ERR_INIT;

        CHECK_RC(client_proxy_answer(str_of(cases[i].in), &err), cases[i].rc);
        if (cases[i].says[0])
            CHECK(strstr(err_textz(&err, text, sizeof(text)), cases[i].says));
    }
    buf_putz(&b, "HTTP/1.1 200 OK\r\n");
    while (buf_rc(&b) == RC_OK && b.n < CLIENT_PROXY_ANSWER_MAX)
        buf_putz(&b, "X: y\r\n");
    CHECK_OK(buf_rc(&b));
    CHECK_RC(client_proxy_answer(buf_str(&b), NULL), RC_TOOBIG);
    buf_reset(&b);
    CHECK_OK(client_proxy_parse(STR("http://a:b@proxy"), &p, NULL));
    CHECK_OK(client_proxy_ask(&p, STR("ca.example:443"), &b));
    CHECK_STR(buf_str(&b), "CONNECT ca.example:443 HTTP/1.1\r\nHost: ca.example:443\r\n"
                           "Proxy-Authorization: Basic YTpi\r\n\r\n");
}

CHECK_MAIN(CHECK_TEST(urls), CHECK_TEST(servers), CHECK_TEST(dialogue))
