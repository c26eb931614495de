/* SPDX-License-Identifier: Apache-2.0 */
/* The types of values that are names, addresses and URLs. */
#include "problems.h"

#define L63 "aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaa"

static void domains(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    CLEANUP(conf_report_done) struct conf_report report = {};

    conf_report_init(&report);
    CHECK_OK(load_text(STR("organization: O\ndomain: WIKI.Hospital.EXAMPLE.\n"), &conf, &report));
    CHECK_STR(conf->domain, "wiki.hospital.example");
#define DOMAIN(text, message)                                                                      \
    CHECK_PROBLEMS("organization: O\ndomain: " text "\n", "a.yaml:2: domain: " message "\n")
    DOMAIN("hospital",
           "\"hospital\" is a whole top-level domain; the domain of an organization has "
           "two labels or more, as in hospital.example");
    DOMAIN("co.uk", "\"co.uk\" is a public suffix: names below it belong to strangers; give the "
                    "organization's own domain, as in hospital.co.uk");
    DOMAIN("a..b", "\"a..b\" is no domain name");
    DOMAIN("-a.b", "\"-a.b\" is no domain name");
    DOMAIN("\"*.a.b\"", "\"*.a.b\" is no domain name");
    DOMAIN("a b.c", "\"a b.c\" is no domain name");
    DOMAIN("\"\"", "\"\" is no domain name");
    DOMAIN("sp\xc3\xadtal.example", "\"sp\xc3\xadtal.example\" has letters outside of ASCII; write "
                                    "the A-label, as in xn--mnchen-3ya.example");
    DOMAIN("10.0.0.1", "\"10.0.0.1\" is an IP address, no domain name");
    DOMAIN(L63 "." L63 "." L63 "." L63,
           "\"" L63 ".aaaaaaaaaabbbbbb\" is too long for a domain name");
}

static void internal_domains(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS("names: {internal: [LAN, a.b, printer]}\n", &conf);
    CHECK_INT(conf->names.internal.n, 3);
    CHECK_STR(conf->names.internal.p[0], "lan");
    CHECK_PROBLEM("names: {internal: [lan, com]}\n",
                  "3: names.internal[1]: \"com\" is a top-level domain of the public Internet, for "
                  "which a private CA may not vouch");
    CHECK_PROBLEM("names: {internal: [CH]}\n",
                  "3: names.internal[0]: \"ch\" is a top-level domain of the public Internet, for "
                  "which a private CA may not vouch");
    CHECK_PROBLEM("names: {internal: [a_b]}\n", "3: names.internal[0]: \"a_b\" is no domain name");
}

static void patterns(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS("policy:\n  - {name: a, allow: [\"*\", \"*.Hospital.example\", Wiki.lan, lan]}\n",
                &conf);
    CHECK_INT(conf->policy[0].allow.n, 4);
    CHECK_STR(conf->policy[0].allow.p[0], "*");
    CHECK_STR(conf->policy[0].allow.p[1], "*.hospital.example");
    CHECK_STR(conf->policy[0].allow.p[2], "wiki.lan");
    conf_unref(conf);
    conf = NULL;
    CHECK_LOADS("policy:\n  - {name: a, allow: [\"*.*.a\", WEB-*.b., \"*x.*.c\"]}\n", &conf);
    CHECK_STR(conf->policy[0].allow.p[0], "*.*.a");
    CHECK_STR(conf->policy[0].allow.p[1], "web-*.b");
    CHECK_STR(conf->policy[0].allow.p[2], "*x.*.c");
#define PATTERN(text, message)                                                                     \
    CHECK_PROBLEM("policy:\n  - {name: a, allow: [\"" text "\"]}\n",                               \
                  "4: policy[0].allow[0]: \"" text "\" is " message)
#define NONE                                                                                       \
    "no pattern: a name, \"*.\" and a name, or \"*\" alone are, and names with a \"*\" "           \
    "inside of a label, as in web-*.hospital.example"
#define STARS                                                                                      \
    "no pattern: behind a \"*.\" in front it may have 4 stars, never two of them side by side "    \
    "and "                                                                                         \
    "none in the last label"
    PATTERN("a.*", STARS);
    PATTERN("a**.b", STARS);
    PATTERN("a*b*c*d*e*.b", STARS);
    PATTERN("*.*", STARS);
    PATTERN("a*", STARS);
    PATTERN("a.*.", STARS);
    PATTERN("*..a", NONE);
    PATTERN("-*.a", NONE);
    PATTERN("a_*.b", NONE);
    PATTERN("*.", NONE);
    PATTERN("", NONE);
    PATTERN("10.0.0.1", "an IP address, no domain name");
    CHECK_PROBLEM("policy:\n  - {name: a, allow: []}\n", "4: policy[0].allow: may not be empty");
}

static void networks(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS("validation: {allow: [127.0.0.0/8, 10.1.2.3, \"2001:db8::/32\", \"::1\"]}\n",
                &conf);
    CHECK_INT(conf->validation.allow.n, 4);
    CHECK_INT(conf->validation.allow.p[0].bits, 8);
    CHECK_INT(conf->validation.allow.p[1].bits, 32);
    CHECK_INT(conf->validation.allow.p[3].bits, 128);
    CHECK_PROBLEM("validation: {deny: [10.1.2.3/16]}\n",
                  "3: validation.deny[0]: \"10.1.2.3/16\" has bits set behind its prefix; the "
                  "network is 10.1.0.0/16");
    CHECK_PROBLEM("validation: {deny: [\"2001:db8::1/32\"]}\n",
                  "3: validation.deny[0]: \"2001:db8::1/32\" has bits set behind its prefix; the "
                  "network is 2001:db8::/32");
    CHECK_PROBLEM("validation: {deny: [127.1/9]}\n",
                  "3: validation.deny[0]: \"127.1/9\" is no network, as in 10.1.0.0/16, "
                  "2001:db8::/32 or 10.1.2.3");
    CHECK_PROBLEM("policy:\n  - {name: a, allow: [\"*\"], networks: [10.0.0.0/33]}\n",
                  "4: policy[0].networks[0]: \"10.0.0.0/33\" is no network, as in 10.1.0.0/16, "
                  "2001:db8::/32 or 10.1.2.3");
    CHECK_PROBLEM("validation: {deny: [localhost]}\n",
                  "3: validation.deny[0]: \"localhost\" is no network, as in 10.1.0.0/16, "
                  "2001:db8::/32 or 10.1.2.3");
}

static void listeners(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS("listen: {api: [127.0.0.1:0, \"[::1]:8555\"]}\n", &conf);
    CHECK_INT(conf->listen.api.n, 2);
    CHECK_INT(conf->listen.api.p[0].port, 0);
    CHECK_INT(conf->listen.api.p[1].port, 8555);
#define LISTEN(text)                                                                               \
    CHECK_PROBLEM("listen:\n  api: [\"" text "\"]\n",                                              \
                  "4: listen.api[0]: \"" text                                                      \
                  "\" is no address and port, as in 0.0.0.0:80 or [::]:80")
    LISTEN("8555");
    LISTEN("localhost:8555");
    LISTEN("127.0.0.1");
    LISTEN("::1:8555");
    LISTEN("127.0.0.1:65536");
    CHECK_PROBLEM("listen: {plain: []}\n", "3: listen.plain: may not be empty");
}

static void resolvers(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS("resolvers:\n"
                "  - {zone: \".\", servers: [10.0.0.53, 127.0.0.1:8053, \"[::1]:53\", \"::1\"]}\n"
                "  - {zone: DMZ.example., mode: authoritative, servers: [10.0.0.54]}\n",
                &conf);
    CHECK_INT(conf->n_resolvers, 2);
    CHECK_STR(conf->resolvers[0].zone, ".");
    CHECK(conf->resolvers[0].mode == CONF_RESOLVER_RECURSIVE);
    CHECK_INT(conf->resolvers[0].servers.n, 4);
    CHECK_INT(conf->resolvers[0].servers.p[0].port, 53);
    CHECK_INT(conf->resolvers[0].servers.p[1].port, 8053);
    CHECK_INT(conf->resolvers[0].servers.p[3].port, 53);
    CHECK_STR(conf->resolvers[1].zone, "dmz.example");
    CHECK(conf->resolvers[1].mode == CONF_RESOLVER_AUTHORITATIVE);
#define SERVER(text)                                                                               \
    CHECK_PROBLEM("resolvers:\n  - {zone: a, servers: [\"" text "\"]}\n",                          \
                  "4: resolvers[0].servers[0]: \"" text "\" is no address, as in 10.0.0.53, "      \
                  "10.0.0.53:5353 or [2001:db8::53]:53")
    SERVER("dns.example");
    SERVER("10.0.0.53:0");
    SERVER("10.0.0.53:");
    SERVER("");
    CHECK_PROBLEM("resolvers:\n  - {zone: a b, servers: [10.0.0.1]}\n",
                  "4: resolvers[0].zone: \"a b\" is no domain name");
    CHECK_PROBLEMS(LEAST "resolvers:\n  - {mode: recursiv}\n",
                   "a.yaml:4: resolvers[0].zone: is missing\n"
                   "a.yaml:4: resolvers[0].mode: \"recursiv\" is not one of recursive, "
                   "authoritative; did you mean \"recursive\"?\n");
    CHECK_PROBLEM("resolvers:\n  - {zone: a, servers: [10.0.0.1]}\n"
                  "  - {zone: A, servers: [10.0.0.1]}\n",
                  "5: resolvers[1].zone: \"A\" is the zone of two; the first is in a.yaml, line 4");
}

static void base_urls(void)
{
    static const struct {
        const char *text, *kept;
    } good[] = {
        {"https://CA.Hospital.example:8555", "https://ca.hospital.example:8555"},
        {"HTTPS://ca.hospital.example/", "https://ca.hospital.example"},
        {"https://ca.hospital.example:443", "https://ca.hospital.example"},
        {"https://ca.hospital.example:80", "https://ca.hospital.example:80"},
        {"https://10.0.0.1:8555/", "https://10.0.0.1:8555"},
        {"https://[2001:DB8:0::1]:8555", "https://[2001:db8::1]:8555"},
        {"https://[::1]", "https://[::1]"},
        {"https://ca", "https://ca"},
    };
    static const char *const bad[] = {"http://ca.example",
                                      "ca.example",
                                      "https://",
                                      "https:///",
                                      "https://ca.example/x",
                                      "https://ca.example?",
                                      "https://u@ca.example",
                                      "https://ca.example:",
                                      "https://ca.example:0",
                                      "https://ca.example:65536",
                                      "https://::1",
                                      "https://[10.0.0.1]",
                                      "https://[::1",
                                      "https://[::1]x",
                                      "https://ca.example:80:90",
                                      "https:/ca.example",
                                      "https://*.example"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CLEANUP(conf_unrefp) const struct conf *conf = NULL;
        CLEANUP(conf_report_done) struct conf_report report = {};
        CLEANUP(buf_done) struct buf text = BUF_INIT(4096);

        conf_report_init(&report);
        buf_printf(&text, LEAST "urls: {api: \"%s\"}\n", good[i].text);
        CHECK_OK(load_text(buf_str(&text), &conf, &report));
        CHECK_STR(conf->urls.api, good[i].kept);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CLEANUP(buf_done) struct buf text = BUF_INIT(4096);
        CLEANUP(buf_done) struct buf message = BUF_INIT(4096);

        buf_printf(&text, LEAST "urls: {api: \"%s\"}\n", bad[i]);
        buf_printf(&message,
                   "a.yaml:3: urls.api: \"%s\" is no base of URLs: https://, a name or address, a "
                   "port if need be, and nothing more\n",
                   bad[i]);
        CHECK_OK(buf_rc(&text));
        CHECK_OK(buf_rc(&message));
        CHECK_PROBLEMS_STR(buf_str(&text), buf_z(&message));
    }
}

static void urls(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS("acme: {terms_of_service: \"https://WWW.hospital.example:443/Terms?v=2#x\","
                " website: \"http://a.b\"}\nurls: {plain: \"http://ca.x:80/\"}\n",
                &conf);
    CHECK_STR(conf->acme.terms_of_service, "https://www.hospital.example/Terms?v=2#x");
    CHECK_STR(conf->acme.website, "http://a.b");
    CHECK_STR(conf->urls.plain, "http://ca.x");
#define URL(text)                                                                                  \
    CHECK_PROBLEM("acme: {website: \"" text "\"}\n",                                               \
                  "3: acme.website: \"" text                                                       \
                  "\" is no URL, as in https://www.hospital.example/page")
    URL("ftp://a.b/c");
    URL("https://a.b/c d");
    URL("https://a.b/\xc3\xa9");
    URL("www.hospital.example");
    URL("https:///x");
}

CHECK_MAIN(CHECK_TEST(domains), CHECK_TEST(internal_domains), CHECK_TEST(patterns),
           CHECK_TEST(networks), CHECK_TEST(listeners), CHECK_TEST(resolvers),
           CHECK_TEST(base_urls), CHECK_TEST(urls))
