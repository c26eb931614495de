/* SPDX-License-Identifier: Apache-2.0 */
/* What a site does with a request by its path, and the headers that it sets. */
#include "world.h"

#define OK_HI OK "Content-Length: 2\r\n\r\nhi"

/* A world whose site has these paths. */
#define WORLD(...)                                                                                 \
    const struct conf_path paths[] = {__VA_ARGS__};                                                \
    CLEANUP(world_done) struct world w = {};                                                       \
    CHECK_OK(world_init(&w));                                                                      \
    w.conf.gateway.paths = paths;                                                                  \
    w.conf.gateway.n_paths = sizeof(paths) / sizeof(paths[0]);                                     \
    CHECK_OK(configure(&w))
#define PATH(p, ...)                                                                               \
    {                                                                                              \
        .site = STR("wiki.example"), .path = STR(p), __VA_ARGS__                                   \
    }

static struct gateway_route *route(struct world *w)
{
    return ((struct gateway_site *)map_get(&w->g->sites, STR("wiki.example")))->route;
}

static void ask(struct world *w, const char *path)
{
    buf_reset(&w->t.out);
    buf_reset(&w->asked);
    IGNORE_RC(come(w, "wiki.example"));
    buf_putz(&w->t.in, "GET ");
    buf_putz(&w->t.in, path);
    say(w, " HTTP/1.1\r\n" H "X-Drop: 1\r\nX-Set: client\r\n\r\n");
}

static void finds_paths(void)
{
    static const struct {
        const char *in;
        const char *found; /* NULL: none; "!": refused */
        const char *rest;
    } cases[] = {
        {"/", NULL, "/"},
        {"/api", "/api", ""},
        {"/api/", "/api", "/"},
        {"/api/x?", "/api", "/x?"},
        {"/apix", NULL, "/apix"},
        {"/API", NULL, "/API"},
        {"/api/v2/x", "/api/v2", "/x"},
        {"/api/v2x", "/api", "/v2x"},
        {"/dir", NULL, "/dir"},
        {"/dir/", "/dir/", ""},
        {"/dir/x", "/dir/", "x"},
        /* the same, said otherwise */
        {"//api/x", "/api", "/x"},
        {"/api//x", "/api", "//x"},
        {"///api///v2//x", "/api/v2", "//x"},
        {"/%61pi/x", "/api", "/x"},
        {"/%61%70%69/x", "/api", "/x"},
        {"/%41pi", NULL, "/%41pi"},
        {"/api%2Fx", NULL, "/api%2Fx"},
        {"/api/100%", "/api", "/100%"},
        {"/api/%zz", "/api", "/%zz"},
        {"/a.b/..c/...", NULL, "/a.b/..c/..."},
        {"/api/.hidden", "/api", "/.hidden"},
        /* where it leads depends on who reads it */
        {"/x/../api", "!", ""},
        {"/x/./api", "!", ""},
        {"/..", "!", ""},
        {"/.", "!", ""},
        {"/x/%2e%2e/api", "!", ""},
        {"/x/.%2E/api", "!", ""},
        {"/x%2f..%2fapi", "!", ""},
        {"/x%2F%2e%2e%2Fapi", "!", ""},
        {"/x\\..\\api", "!", ""},
        {"/x%5c..%5Capi", "!", ""},
        {"/x/..;/api", "!", ""},
        {"/x/..;a=b/api", "!", ""},
        {"/x;/..", "!", ""},
    };
    WORLD(PATH("/api", .answer = STR("a")), PATH("/api/v2", .answer = STR("b")),
          PATH("/dir/", .answer = STR("c")));

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(buf_done) struct buf text = BUF_INIT(4096);
        const struct gateway_path *p = NULL;
        size_t at = 0;
        enum rc rc = gateway_route_find(route(&w), str_of(cases[i].in), &text, &p, &at);

        if (cases[i].found && cases[i].found[0] == '!') {
            CHECK_RC(rc, RC_INVAL);
            continue;
        }
        CHECK_OK(rc);
        CHECK(!p == !cases[i].found);
        if (p)
            CHECK_STR(p->path, cases[i].found);
        CHECK_STR(str_skip(str_of(cases[i].in), at), cases[i].rest);
    }
}

static void has_backends_of_its_own(void)
{
    struct str other[] = {STR("http://10.0.0.1:99")};
    WORLD(PATH("/api", .backends = {other, 1}));

    ask(&w, "/api/x?y");
    CHECK(starts(&w.asked, "GET /api/x?y HTTP/1.1\r\n"));
    reply(&w, OK_HI);
    CHECK(has(&w.lines, "backend=10.0.0.1:99"));
    fd_close(&w.fd);
    ask(&w, "/x");
    reply(&w, OK_HI);
    CHECK(has(&w.lines, "backend=10.0.0.1:81"));
}

static void replaces_a_prefix(void)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"/api", "GET / HTTP/1.1\r\n"},
        {"/api/", "GET / HTTP/1.1\r\n"},
        {"/api/x?y=/api", "GET /x?y=/api HTTP/1.1\r\n"},
        {"/%61pi/%20", "GET /%20 HTTP/1.1\r\n"},
        {"/old/x", "GET /new/x HTTP/1.1\r\n"},
        {"/old", "GET /new HTTP/1.1\r\n"},
        {"/dir/x", "GET /d/x HTTP/1.1\r\n"},
        {"/x", "GET /x HTTP/1.1\r\n"},
    };
    WORLD(PATH("/api", .replace = STR("/")), PATH("/old", .replace = STR("/new")),
          PATH("/dir/", .replace = STR("/d/")));

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ask(&w, cases[i].in);
        CHECK(starts(&w.asked, cases[i].out));
        fd_close(&w.fd);
        turn(&w);
    }
}

static void redirects(void)
{
    static const struct {
        const char *in, *status, *location;
    } cases[] = {
        {"/a/x?y", "308", "location: https://new.example/x?y\r\n"},
        {"/a", "308", "location: https://new.example/\r\n"},
        {"/b/x?y", "301", "location: /c\r\n"},
        {"/d//evil.example", "302", "location: /evil.example\r\n"},
        {"/d/\\evil.example", "302", "location: /evil.example\r\n"},
        {"/d/%2f%2fevil.example", "302", "location: /%2f%2fevil.example\r\n"},
        {"/e/x", "307", "location: https://new.example/y/x\r\n"},
    };
    WORLD(PATH("/a", .redirect = STR("https://new.example/*")),
          PATH("/b", .redirect = STR("/c"), .status = 301),
          PATH("/d", .redirect = STR("/*"), .status = 302),
          PATH("/e", .redirect = STR("https://new.example/y*"), .status = 307));

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ask(&w, cases[i].in);
        CHECK(has(&w.t.out, cases[i].status));
        CHECK(has(&w.t.out, cases[i].location));
        CHECK_INT(w.asked.n, 0);
        CHECK(w.idle);
    }
}

static void answers_itself(void)
{
    WORLD(PATH("/robots.txt", .answer = STR("User-agent: *")),
          PATH("/admin", .answer = STR("not <here>"), .status = 403));

    w.sites[0].hsts = 2 * WHEN_DAY;
    CHECK_OK(configure(&w));
    ask(&w, "/robots.txt");
    CHECK(starts(&w.t.out, "HTTP/1.1 200 OK\r\n"));
    CHECK(has(&w.t.out, "content-type: text/plain; charset=utf-8\r\n"));
    CHECK(has(&w.t.out, "strict-transport-security: max-age=172800\r\n"));
    CHECK(ends(&w.t.out, "\r\n\r\nUser-agent: *\n"));
    ask(&w, "//%61dmin/x");
    CHECK(starts(&w.t.out, "HTTP/1.1 403 Forbidden\r\n"));
    CHECK(ends(&w.t.out, "\r\n\r\nnot <here>\n"));
    ask(&w, "/x/../admin");
    CHECK(starts(&w.t.out, "HTTP/1.1 400 "));
    CHECK_INT(w.asked.n, 0);
}

static void sets_headers(void)
{
    struct str up[] = {STR("x-set: gateway"), STR("x-drop: "), STR("x-new: 1")};
    struct str down[] = {STR("server: "), STR("x-frame-options: DENY")};
    WORLD(PATH("/nowhere", .answer = STR("a")));

    w.sites[0].request_headers = (struct conf_strs){up, 3};
    w.sites[0].response_headers = (struct conf_strs){down, 2};
    w.sites[0].hsts = WHEN_DAY;
    CHECK_OK(configure(&w));
    ask(&w, "/x");
    CHECK(has(&w.asked, "x-set: gateway\r\n") && !has(&w.asked, "x-set: client"));
    CHECK(!has(&w.asked, "x-drop") && has(&w.asked, "x-new: 1\r\n"));
    reply(&w, OK "Server: secret\r\nX-Frame-Options: ALLOW\r\nX-Frame-Options: ALLOW\r\n"
                 "Strict-Transport-Security: max-age=0\r\nContent-Length: 2\r\n\r\nhi");
    CHECK(!has(&w.t.out, "server:") && !has(&w.t.out, "ALLOW"));
    CHECK(has(&w.t.out, "x-frame-options: DENY\r\n"));
    CHECK(has(&w.t.out, "strict-transport-security: max-age=86400\r\n"));
    CHECK(!has(&w.t.out, "max-age=0"));
}

static void is_under_maintenance(void)
{
    WORLD(PATH("/robots.txt", .answer = STR("a")));

    w.sites[0].maintenance = STR("Back at 14:00 <soon>.");
    CHECK_OK(configure(&w));
    ask(&w, "/robots.txt");
    CHECK(starts(&w.t.out, "HTTP/1.1 503 Service Unavailable\r\n"));
    CHECK(has(&w.t.out, "retry-after: "));
    CHECK(has(&w.t.out, "\r\nBack at 14:00 <soon>.\n") || has(&w.t.out, "\nBack at 14:00 <soon>."));
    say(&w, GET "Accept: text/html\r\n\r\n");
    CHECK(has(&w.t.out, "<p>Back at 14:00 &lt;soon&gt;.</p>"));
    CHECK_INT(w.asked.n, 0);
}

static void checks_all_backends(void)
{
    struct str other[] = {STR("http://10.0.0.1:99")};
    WORLD(PATH("/api", .backends = {other, 1}));

    w.sites[0].check = STR("/health");
    w.sites[0].check_interval = 10 * WHEN_SECOND;
    w.sites[0].backends.n = 1;
    CHECK_OK(configure(&w));
    for (int i = 0; i < 2; i++) {
        turn(&w);
        CHECK(starts(&w.asked, "GET /health"));
        buf_reset(&w.asked);
        fd_close(&w.fd);
        wait_for(&w, 1);
    }
    CHECK(route(&w)->paths[0].pool);
}

CHECK_MAIN(CHECK_TEST_ONCE(finds_paths), CHECK_TEST(has_backends_of_its_own),
           CHECK_TEST_ONCE(replaces_a_prefix), CHECK_TEST_ONCE(redirects),
           CHECK_TEST(answers_itself), CHECK_TEST(sets_headers), CHECK_TEST(is_under_maintenance),
           CHECK_TEST_ONCE(checks_all_backends))
