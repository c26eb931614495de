/* SPDX-License-Identifier: Apache-2.0 */
/* Who a request comes from, and what backends are told of it. The client of `world` is 192.0.2.7.
 */
#include "world.h"

#include <stdio.h>

#include "net/proxy.h"

static const struct addr_net peer = {{.n = 4, .b = {192, 0, 2, 7}}, 32};
static const struct addr_net nets[] = {
    {{.n = 4, .b = {192, 0, 2, 7}}, 32},
    {{.n = 4, .b = {10, 0, 0, 0}}, 8},
    {{.n = 16, .b = {0xfd}}, 8},
};

/* With this behind the request's head, the backend gets X-Forwarded-For: `chain`, and the log has
 * `client`. */
static void sees(struct world *w, const char *fields, const char *chain, const char *client)
{
    char text[512];

    buf_reset(&w->asked);
    buf_reset(&w->lines);
    snprintf(text, sizeof(text), GET "%s\r\n", fields);
    say(w, text);
    snprintf(text, sizeof(text), "x-forwarded-for: %s\r\n", chain);
    CHECK_STR(str_of(has(&w->asked, text) ? text : "no"), text);
    reply(w, OK "Content-Length: 2\r\n\r\nhi");
    snprintf(text, sizeof(text), " client=%s ", client);
    CHECK_STR(str_of(has(&w->lines, text) ? text : "no"), text);
}

#define WORLD(...)                                                                                 \
    CLEANUP(world_done) struct world w = {};                                                       \
    w.conf.gateway.trusted = (struct conf_nets){__VA_ARGS__};                                      \
    CHECK_OK(world_init(&w))
#define FOR "X-Forwarded-For: "

static void believes_nobody(void)
{
    WORLD(NULL, 0);
    sees(&w, FOR "6.6.6.6\r\n", "192.0.2.7", "192.0.2.7");
    sees(&w,
         "X-Forwarded-Proto: http\r\nX-Forwarded-Host: evil.example\r\nX-Real-IP: 6.6.6.6\r\n"
         "Forwarded: for=6.6.6.6;proto=http\r\nX_Forwarded_For: 6.6.6.6\r\n",
         "192.0.2.7", "192.0.2.7");
    CHECK(has(&w.asked, "x-forwarded-proto: https\r\nx-forwarded-host: wiki.example\r\n"
                        "forwarded: for=192.0.2.7;host=\"wiki.example\";proto=https\r\n"));
    CHECK(!has(&w.asked, "6.6.6.6") && !has(&w.asked, "evil"));
}

static void believes_only_who_is_trusted(void)
{
    static const struct addr_net other = {{.n = 4, .b = {192, 0, 2, 6}}, 32};
    WORLD(&other, 1);
    sees(&w, FOR "6.6.6.6\r\n", "192.0.2.7", "192.0.2.7");
}

static void believes_hop_by_hop(void)
{
    WORLD(nets, 3);
    sees(&w, "", "192.0.2.7", "192.0.2.7");
    sees(&w, FOR "203.0.113.9\r\n", "203.0.113.9, 192.0.2.7", "203.0.113.9");
    sees(&w, FOR "203.0.113.9, 10.1.2.3,fd00::5\r\n", "203.0.113.9, 10.1.2.3, fd00::5, 192.0.2.7",
         "203.0.113.9");
    sees(&w, FOR "203.0.113.9\r\n" FOR "10.1.2.3\r\n", "203.0.113.9, 10.1.2.3, 192.0.2.7",
         "203.0.113.9");
    sees(&w, FOR "203.0.113.9:1234, [fd00::5]:80\r\n", "203.0.113.9, fd00::5, 192.0.2.7",
         "203.0.113.9");
    sees(&w, FOR " , [2001:db8::1] ,,\r\n", "2001:db8::1, 192.0.2.7", "2001:db8::1");
    sees(&w, FOR "::ffff:203.0.113.9\r\n", "203.0.113.9, 192.0.2.7", "203.0.113.9");
}

/* What the client wrote itself stands before the first address that a trusted hop wrote. */
static void drops_what_the_client_made_up(void)
{
    WORLD(nets, 3);
    sees(&w, FOR "6.6.6.6, 203.0.113.9\r\n", "203.0.113.9, 192.0.2.7", "203.0.113.9");
    sees(&w, FOR "6.6.6.6\r\n" FOR "203.0.113.9, 10.1.2.3\r\n", "203.0.113.9, 10.1.2.3, 192.0.2.7",
         "203.0.113.9");
    sees(&w, FOR "10.9.9.9, 203.0.113.9\r\n", "203.0.113.9, 192.0.2.7", "203.0.113.9");
    sees(&w, FOR "6.6.6.6, unknown\r\n", "192.0.2.7", "192.0.2.7");
    sees(&w, FOR "6.6.6.6, 10.1.2.3;x\r\n", "192.0.2.7", "192.0.2.7");
    sees(&w, FOR "6.6.6.6, _hidden, 10.1.2.3\r\n", "10.1.2.3, 192.0.2.7", "10.1.2.3");
    sees(&w,
         FOR "6.6.6.6, 10.0.0.8, 10.0.0.7, 10.0.0.6, 10.0.0.5, 10.0.0.4, 10.0.0.3, 10.0.0.2, "
             "10.0.0.1\r\n",
         "10.0.0.8, 10.0.0.7, 10.0.0.6, 10.0.0.5, 10.0.0.4, 10.0.0.3, 10.0.0.2, 10.0.0.1, "
         "192.0.2.7",
         "10.0.0.8");
    sees(&w, "Forwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n", "192.0.2.7", "192.0.2.7");
    CHECK(!has(&w.asked, "6.6.6.6"));
}

static void believes_what_was_asked_for(void)
{
    WORLD(&peer, 1);
    sees(&w, FOR "203.0.113.9\r\nX-Forwarded-Proto: HTTP\r\nX-Forwarded-Host: www.example:81\r\n",
         "203.0.113.9, 192.0.2.7", "203.0.113.9");
    CHECK(has(&w.asked, "x-forwarded-proto: http\r\nx-forwarded-host: www.example:81\r\n"
                        "forwarded: for=203.0.113.9;host=\"www.example:81\";proto=http, "
                        "for=192.0.2.7;host=\"wiki.example\";proto=https\r\n"));
    sees(&w, "X-Forwarded-Proto: gopher\r\nX-Forwarded-Host: a\"b\r\nX-Forwarded-Port: 6\r\n",
         "192.0.2.7", "192.0.2.7");
    CHECK(has(&w.asked, "x-forwarded-proto: https\r\nx-forwarded-host: wiki.example\r\n"));
    CHECK(!has(&w.asked, "x-forwarded-port"));
    sees(&w,
         "X-Forwarded-Proto: http\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a\r\n"
         "X-Forwarded-Host: b\r\n",
         "192.0.2.7", "192.0.2.7");
    CHECK(has(&w.asked, "x-forwarded-proto: https\r\nx-forwarded-host: wiki.example\r\n"));
}

/* Connections under way go by what is in force. */
static void a_reload_takes_trust_away(void)
{
    WORLD(&peer, 1);
    sees(&w, FOR "203.0.113.9\r\n", "203.0.113.9, 192.0.2.7", "203.0.113.9");
    w.conf.gateway.trusted.n = 0;
    CHECK_OK(configure(&w));
    sees(&w, FOR "203.0.113.9\r\n", "192.0.2.7", "192.0.2.7");
}

static void says_who_sends_headers(void)
{
    CLEANUP(gateway_trust_freep) struct gateway_trust *t = NULL;
    struct conf conf = {};
    struct addr ten = {.n = 4, .b = {10, 1}}, other = {.n = 4, .b = {11, 1}};

    conf.gateway.proxied = (struct conf_nets){nets, 3};
    CHECK_OK(gateway_trust_new(&conf, &t));
    CHECK(gateway_trust_proxied(t, &ten));
    CHECK(!gateway_trust_proxied(t, &other));
    CHECK(!gateway_trust_proxied(NULL, &ten));
}

/* Each request has a connection of its own, which says at first whose it is. */
static void sends_headers(enum conf_send_proxy version, struct str first)
{
    CLEANUP(world_done) struct world w = {};

    w.conf.gateway.trusted = (struct conf_nets){&peer, 1};
    w.sends = version;
    CHECK_OK(world_init(&w));
    for (int i = 0; i < 2; i++) {
        buf_reset(&w.asked);
        say(&w, GET FOR "203.0.113.9\r\n\r\n");
        CHECK(str_starts(buf_str(&w.asked), first));
        CHECK(str_starts(str_skip(buf_str(&w.asked), first.n), STR("GET /x HTTP/1.1\r\n")));
        reply(&w, OK "Content-Length: 2\r\n\r\nhi");
        CHECK(ends(&w.t.out, "hi"));
        CHECK(w.hung_up);
        fd_close(&w.fd);
    }
    CHECK_INT(net_fake_dials(w.net), 2);
}

static void sends_version_1(void)
{
    sends_headers(CONF_SEND_PROXY_V1, STR("PROXY TCP4 203.0.113.9 0.0.0.0 0 0\r\n"));
}

static void sends_version_2(void)
{
    sends_headers(CONF_SEND_PROXY_V2, STR("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x09\0\0\0\0"
                                          "\0\0\0\0"));
}

/* ... and never that of a site whose backends are told nothing. */
static void takes_no_kept_connection(void)
{
    CLEANUP(world_done) struct world w = {.sends = CONF_SEND_PROXY_V1};

    CHECK_OK(world_init(&w));
    CHECK_OK(come(&w, "name.example"));
    say(&w, "GET /y HTTP/1.1\r\nHost: name.example\r\n\r\n");
    reply(&w, OK "Content-Length: 2\r\n\r\nhi");
    CHECK(!w.hung_up);
    CHECK_OK(come(&w, "wiki.example"));
    say(&w, GET "\r\n");
    CHECK_INT(net_fake_dials(w.net), 2);
}

/* By who the client is, not by who made the connection. */
static void serves_whom_it_shall(void)
{
    static const struct addr_net inside = {{.n = 4, .b = {203, 0, 113, 0}}, 24};
    static const struct addr_net one = {{.n = 4, .b = {203, 0, 113, 9}}, 32};
    static const struct {
        struct conf_nets allow, deny;
        const char *from;
        bool served;
    } cases[] = {
        {{&inside, 1}, {NULL, 0}, "203.0.113.9", true},
        {{&inside, 1}, {NULL, 0}, "198.51.100.9", false},
        {{&inside, 1}, {&one, 1}, "203.0.113.9", false},
        {{&inside, 1}, {&one, 1}, "203.0.113.8", true},
        {{NULL, 0}, {&one, 1}, "203.0.113.9", false},
        {{NULL, 0}, {&one, 1}, "::1", true},
        {{&inside, 1}, {NULL, 0}, "203.0.113.9, 198.51.100.9", false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(world_done) struct world w = {.allow = cases[i].allow, .deny = cases[i].deny};
        char text[256];

        w.conf.gateway.trusted = (struct conf_nets){&peer, 1};
        CHECK_OK(world_init(&w));
        snprintf(text, sizeof(text), GET FOR "%s\r\n\r\n", cases[i].from);
        say(&w, text);
        CHECK_INT(starts(&w.t.out, "HTTP/1.1 403 "), !cases[i].served);
        CHECK_INT(starts(&w.asked, "GET "), cases[i].served);
    }
}

/* The name that the first request was sent on with, in another's list; one that is not ours. */
static void knows_what_comes_back(void)
{
    static const char *const lists[] = {"%s", "other; x=1, %s", "%s,other"};
    char name[64], text[256];
    WORLD(NULL, 0);

    say(&w, GET "CDN-Loop: other\r\n\r\n");
    snprintf(name, sizeof(name), "%.*s", STR_ARG(id_str(&w.g->name)));
    snprintf(text, sizeof(text), "cdn-loop: %s\r\n", name);
    CHECK(has(&w.asked, text));
    CHECK(has(&w.asked, "cdn-loop: other\r\n"));
    reply(&w, OK "Content-Length: 2\r\n\r\nhi");
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        char list[128];

        buf_reset(&w.asked);
        buf_reset(&w.t.out);
        snprintf(list, sizeof(list), lists[i], name);
        snprintf(text, sizeof(text), GET "CDN-Loop: x\r\nCDN-Loop: %s\r\n\r\n", list);
        say(&w, text);
        CHECK(starts(&w.t.out, "HTTP/1.1 508 "));
        CHECK_INT(w.asked.n, 0);
    }
}

CHECK_MAIN(CHECK_TEST(believes_nobody), CHECK_TEST(believes_only_who_is_trusted),
           CHECK_TEST_ONCE(believes_hop_by_hop), CHECK_TEST_ONCE(drops_what_the_client_made_up),
           CHECK_TEST_ONCE(believes_what_was_asked_for), CHECK_TEST(a_reload_takes_trust_away),
           CHECK_TEST(says_who_sends_headers), CHECK_TEST_ONCE(serves_whom_it_shall),
           CHECK_TEST(sends_version_1), CHECK_TEST(sends_version_2),
           CHECK_TEST(takes_no_kept_connection), CHECK_TEST(knows_what_comes_back))
