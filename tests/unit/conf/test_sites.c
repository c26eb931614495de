/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused of the gateway's sites although each value by itself is right. */
#include "problems.h"

#define SITE(more)                                                                                 \
    "gateway:\n  sites:\n    - {name: a.hospital.example, backends: [\"http://10.0.0.1\", "        \
    "\"http://10.0.0.2\"]" more "}\n"
#define ALONE(more)                                                                                \
    "gateway:\n  sites:\n    - {name: a.hospital.example, backends: [\"http://10.0.0.1\"]" more    \
    "}\n"

static void takes_several_backends(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    const struct conf_site *s;

    CHECK_LOADS(SITE(", balance: least-connections, sticky: true, slow_start: 30s, "
                     "drain: [\"HTTP://10.0.0.2\"], check: \"/ok?a=b\", check_interval: 5s"),
                &conf);
    s = conf_site_find(conf, STR("a.hospital.example"));
    CHECK_INT(s->balance, CONF_BALANCE_LEAST_CONNECTIONS);
    CHECK(s->sticky);
    CHECK_INT(s->slow_start, 30 * WHEN_SECOND);
    CHECK_STR(s->drain.p[0], "http://10.0.0.2");
    CHECK_STR(s->check, "/ok?a=b");
    CHECK_INT(s->check_interval, 5 * WHEN_SECOND);
}

static void does_without(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    const struct conf_site *s;

    CHECK_LOADS(ALONE(""), &conf);
    s = conf_site_find(conf, STR("a.hospital.example"));
    CHECK_INT(s->balance, CONF_BALANCE_FIRST);
    CHECK(!s->sticky && s->slow_start == 0 && s->check.n == 0);
    CHECK_INT(s->check_interval, 10 * WHEN_SECOND);
}

static void limits_of_time(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL, *plain = NULL;
    const struct conf_site *s;

    CHECK_LOADS(ALONE(""), &plain);
    s = &plain->gateway.sites[0];
    CHECK_INT(plain->gateway.head_timeout, 10 * WHEN_SECOND);
    CHECK_INT(plain->gateway.idle_timeout, WHEN_MINUTE);
    CHECK_INT(s->client_timeout, 30 * WHEN_SECOND);
    CHECK_INT(s->response_timeout, WHEN_MINUTE);
    CHECK_INT(s->tunnel_timeout, WHEN_HOUR);
    CHECK_LOADS(ALONE(", client_timeout: 1s, response_timeout: 1d, tunnel_timeout: 7d}\n"
                      "  idle_timeout: 1h\n  head_timeout: 10m\n  waf: {"),
                &conf);
    s = &conf->gateway.sites[0];
    CHECK_INT(conf->gateway.head_timeout, 10 * WHEN_MINUTE);
    CHECK_INT(conf->gateway.idle_timeout, WHEN_HOUR);
    CHECK_INT(s->client_timeout, WHEN_SECOND);
    CHECK_INT(s->response_timeout, WHEN_DAY);
    CHECK_INT(s->tunnel_timeout, 7 * WHEN_DAY);
    CHECK_PROBLEM(ALONE(", client_timeout: 61m"),
                  "5: gateway.sites[0].client_timeout: 61m is outside of 1s to 1h");
    CHECK_PROBLEM(ALONE(", response_timeout: 0s"),
                  "5: gateway.sites[0].response_timeout: 0s is outside of 1s to 1d");
    CHECK_PROBLEM(ALONE(", tunnel_timeout: 8d"),
                  "5: gateway.sites[0].tunnel_timeout: 8d is outside of 1s to 7d");
    CHECK_PROBLEM("gateway:\n  head_timeout: 999ms\n",
                  "4: gateway.head_timeout: 999ms is outside of 1s to 10m");
    CHECK_PROBLEM("gateway:\n  idle_timeout: 2h\n",
                  "4: gateway.idle_timeout: 2h is outside of 1s to 1h");
    CHECK_PROBLEM(ALONE(", response_timeout: 60"),
                  "5: gateway.sites[0].response_timeout: \"60\" is no length of time, as in 90d, "
                  "12h, 5m or 1d 12h");
}

#define H2(url, more)                                                                              \
    "gateway:\n  sites:\n    - {name: a.hospital.example, backends: [\"" url "\"]" more "}\n"

static void speaks_http2_to_backends(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS(H2("h2c://B.lan:50051", ""), &conf);
    CHECK_STR(conf->gateway.sites[0].backends.p[0], "h2c://b.lan:50051");
    CHECK(!conf->gateway.sites[0].passes);
    CHECK_PROBLEM(
        H2("h2c://b.lan", ", send_proxy: v2"),
        "5: gateway.sites[0]: the site a.hospital.example has `send_proxy`, and h2c://b.lan speaks "
        "HTTP/2: requests of many clients share a connection there, whose first bytes "
        "would tell of one; take http:// or https://, or leave it out");
    CHECK_PROBLEM(
        H2("http://b.lan",
           ", send_proxy: v1}\n  paths:\n    - {site: a.hospital.example, path: /a, "
           "backends: [\"h2c://c.lan\"]"),
        "5: gateway.sites[0]: the site a.hospital.example has `send_proxy`, and h2c://c.lan speaks "
        "HTTP/2: requests of many clients share a connection there, whose first bytes "
        "would tell of one; take http:// or https://, or leave it out");
    CHECK_PROBLEM(H2("h2://b.lan", ""),
                  "5: gateway.sites[0]: the site a.hospital.example has the backend "
                  "h2://b.lan, which nothing is there to hold against: give `backend_ca`, "
                  "`backend_keys` or both");
}

static void knows_other_proxies(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    CLEANUP(conf_unrefp) const struct conf *bare = NULL;

    CHECK_LOADS("gateway:\n  trusted: [10.0.1.0/28, \"fd00::/8\"]\n  proxy_protocol: [10.0.2.4]\n"
                "  sites:\n    - {name: a.hospital.example, backends: [\"http://10.0.0.1\"], "
                "send_proxy: v2}\n",
                &conf);
    CHECK_INT(conf->gateway.trusted.n, 2);
    CHECK_INT(conf->gateway.trusted.p[0].bits, 28);
    CHECK_INT(conf->gateway.proxied.n, 1);
    CHECK_INT(conf->gateway.proxied.p[0].bits, 32);
    CHECK_INT(conf->gateway.sites[0].send_proxy, CONF_SEND_PROXY_V2);
    CHECK_LOADS(ALONE(""), &bare);
    CHECK_INT(bare->gateway.trusted.n, 0);
    CHECK_INT(bare->gateway.proxied.n, 0);
    CHECK_INT(bare->gateway.sites[0].send_proxy, CONF_SEND_PROXY_OFF);
    CHECK_PROBLEM(ALONE(", send_proxy: v3"),
                  "5: gateway.sites[0].send_proxy: \"v3\" is not one of off, v1, v2; did you mean "
                  "\"v1\"?");
}

#define SECURE(more)                                                                               \
    "gateway:\n  sites:\n    - {name: a.hospital.example, backends: [\"https://10.0.0.1\"]" more   \
    "}\n"
#define KEY "00000000000000000000000000000000000000000000000000000000000000ff"

static void demands_something_of_https(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS(SECURE(", backend_keys: [" KEY "], backend_name: b.hospital.example"), &conf);
    CHECK_STR(conf->gateway.sites[0].backend_keys.p[0], KEY);
    CHECK_STR(conf->gateway.sites[0].backend_name, "b.hospital.example");
    CHECK_PROBLEM(SECURE(""),
                  "5: gateway.sites[0]: the site a.hospital.example has the backend "
                  "https://10.0.0.1, which nothing is there to hold against: give `backend_ca`, "
                  "`backend_keys` or both");
    CHECK_PROBLEM(ALONE(", backend_keys: [" KEY "]"),
                  "5: gateway.sites[0]: the site a.hospital.example has `backend_ca`, "
                  "`backend_keys` or `backend_name`, and no backend with https");
    CHECK_PROBLEM(SECURE(", backend_ca: none.pem"),
                  "5: gateway.sites[0]: the site a.hospital.example names none.pem, which is not "
                  "in conf.d of the data directory: put it there, with a name that ends in .pem, "
                  "owned by root and writable by nobody else");
}

static enum rc load_with(struct str pem, const struct conf **out)
{
    CLEANUP(conf_input_done) struct conf_input in = {};
    CLEANUP(conf_report_done) struct conf_report report = {};

    conf_input_init(&in);
    conf_report_init(&report);
    TRY(conf_input_add(&in, STR("autarky.yaml"),
                       STR("organization: Example\ndomain: hospital.example\n" SECURE(
                           ", backend_ca: inside.pem"))));
    TRY(conf_input_add(&in, STR("/data/conf.d/inside.pem"), pem));
    return conf_load(&in, out, &report);
}

static void takes_roots_from_beside(void)
{
    const struct str pem = STR("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n");
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    const struct conf *none;

    CHECK_OK(load_with(pem, &conf));
    CHECK_INT(str_eq(conf->gateway.sites[0].backend_roots, pem), true);
    CHECK_RC(load_with(STR("key: value\n"), &none), RC_INVAL);
}

#define CLIENTS(more) ALONE(", client_ca: clients.pem" more)

static enum rc load_clients(const char *yaml, struct str roots, struct str lists,
                            const struct conf **out)
{
    CLEANUP(conf_input_done) struct conf_input in = {};
    CLEANUP(conf_report_done) struct conf_report report = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(4096);

    conf_input_init(&in);
    conf_report_init(&report);
    buf_putz(&text, "organization: Example\ndomain: hospital.example\n");
    buf_putz(&text, yaml);
    TRY(conf_input_add(&in, STR("autarky.yaml"), buf_str(&text)));
    TRY(conf_input_add(&in, STR("/data/conf.d/clients.pem"), roots));
    TRY(conf_input_add(&in, STR("/data/conf.d/revoked.pem"), lists));
    return conf_load(&in, out, &report);
}

static void asks_clients(void)
{
    const struct str roots = STR("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n");
    const struct str lists = STR("-----BEGIN X509 CRL-----\nAA==\n-----END X509 CRL-----\n");
    const char *yaml = CLIENTS(", client_crl: revoked.pem, client_headers: [serial]");
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    const struct conf *none;

    CHECK_OK(load_clients(yaml, roots, lists, &conf));
    CHECK(str_eq(conf->gateway.sites[0].client_roots, roots));
    CHECK(str_eq(conf->gateway.sites[0].client_lists, lists));
    CHECK(!conf->gateway.sites[0].client_optional);
    CHECK_INT(conf->gateway.sites[0].client_headers, 1 << CONF_CLIENT_SERIAL);
    CHECK_RC(load_clients(yaml, lists, lists, &none), RC_INVAL);
    CHECK_RC(load_clients(yaml, roots, roots, &none), RC_INVAL);
    CHECK_PROBLEM(ALONE(", client_optional: true"),
                  "5: gateway.sites[0]: the site a.hospital.example has `client_crl` or "
                  "`client_optional`, which do nothing without `client_ca`");
    CHECK_PROBLEM(ALONE(", request_headers: [\"X-Client-Cert-Subject: CN = me\"]"),
                  "5: gateway.sites[0]: the site a.hospital.example sets x-client-cert-subject in "
                  "`request_headers`, by which backends are told of clients' certificates: take it "
                  "out there");
}

/* The OpenSSL that loads it decides, where somebody asks it. */
static enum rc load_sm(const char *yaml, const char *without, struct buf *said)
{
    CLEANUP(conf_report_done) struct conf_report report = {};
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    struct conf_input in;
    enum rc rc;

    conf_report_init(&report);
    conf_input_init(&in);
    in.without_sm = without;
    TRY(conf_input_add(&in, STR("a.yaml"), str_of(yaml)));
    rc = conf_load(&in, &conf, &report);
    conf_report_text(&report, said);
    return rc == RC_OK && !conf->gateway.sites[0].tls_sm ? RC_CORRUPT : rc;
}

static void speaks_tls_with_sm(void)
{
    CLEANUP(buf_done) struct buf said = BUF_INIT(4096);
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    const char *yaml = LEAST ALONE(", tls_sm: true");

    CHECK_LOADS(ALONE(""), &conf);
    CHECK(!conf->gateway.sites[0].tls_sm);
    CHECK_OK(load_sm(yaml, NULL, &said));
    CHECK_RC(load_sm(yaml, "OpenSSL 3.5.7 9 Jun 2026", &said), RC_INVAL);
    CHECK_STR(buf_str(&said),
              "a.yaml:5: gateway.sites[0]: the site a.hospital.example has `tls_sm`, and OpenSSL "
              "3.5.7 9 Jun 2026 does not speak TLS 1.3 with SM algorithms (RFC 8998), which takes "
              "OpenSSL 4.0 or later: leave it out (TLCP does without), or run an Autarky that was "
              "built with such a one (script/build --openssl 4)\n");
    CHECK_PROBLEM(ALONE(", tls_sm: true, algorithms: [ecdsa, rsa]"),
                  "5: gateway.sites[0]: the site a.hospital.example has `tls_sm`, which takes an "
                  "SM2 certificate: add sm2 to its `algorithms`");
    CHECK_PROBLEM(H2("tls://b.lan", ", tls_sm: true"),
                  "5: gateway.sites[0]: the site a.hospital.example has `tls_sm`, and passes "
                  "connections on as they are (tls://): the gateway sees neither requests nor "
                  "answers of it");
}

static void refusals(void)
{
    CHECK_PROBLEM(SITE(", burst: 5"), "5: gateway.sites[0]: the site a.hospital.example has "
                                      "`burst`, which does nothing without `rate`");
    CHECK_PROBLEM(SITE(", drain: [\"http://10.0.0.3\"]"),
                  "5: gateway.sites[0]: the site a.hospital.example drains http://10.0.0.3, which "
                  "is not among its `backends`: take it out here, too");
    CHECK_PROBLEM(SITE(", drain: [\"http://10.0.0.1\", \"http://10.0.0.2\"]"),
                  "5: gateway.sites[0]: the site a.hospital.example drains all of its backends: "
                  "nobody would be there for new clients");
    CHECK_PROBLEM(ALONE(", sticky: true"),
                  "5: gateway.sites[0]: the site a.hospital.example has one backend: `balance`, "
                  "`sticky` and `slow_start` need several");
    CHECK_PROBLEM(ALONE(", balance: random"),
                  "5: gateway.sites[0].balance: \"random\" is not one of first, round-robin, "
                  "least-connections");
    CHECK_PROBLEM(
        ALONE(", check: health"),
        "5: gateway.sites[0].check: \"health\" is no path of URLs, as in /health: visible "
        "characters of ASCII, \"/\" first");
    CHECK_PROBLEM(ALONE(", check: \"/a b\""),
                  "5: gateway.sites[0].check: \"/a b\" is no path of URLs, as in /health: visible "
                  "characters of ASCII, \"/\" first");
    CHECK_PROBLEM(ALONE(", check_interval: 1ms"),
                  "5: gateway.sites[0].check_interval: 1ms is outside of 1s to 1h");
}

#define PATH(more)                                                                                 \
    "gateway:\n  sites: [{name: a.hospital.example, backends: [\"http://10.0.0.1\"]}]\n"           \
    "  paths:\n    - {site: a.hospital.example, path: /api" more "}\n"
#define AT "6: gateway.paths[0]"

static void takes_paths_and_headers(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS(PATH(", replace: /, backends: [\"http://10.0.0.9\"]"), &conf);
    CHECK_INT(conf->gateway.n_paths, 1);
    CHECK_STR(conf->gateway.paths[0].replace, "/");
    CHECK_INT(conf->gateway.paths[0].status, 0);
    conf_unref(MOVE(conf));
    CHECK_LOADS(ALONE(", hsts: 365d, response_headers: [\"X-Frame-Options:DENY\", \"Server:\"], "
                      "maintenance: back soon"),
                &conf);
    CHECK_STR(conf->gateway.sites[0].response_headers.p[0], "x-frame-options: DENY");
    CHECK_STR(conf->gateway.sites[0].response_headers.p[1], "server: ");
}

static void refuses_paths(void)
{
    CHECK_PROBLEM(PATH(""),
                  AT ": /api needs one of: `backends` or `replace`, `redirect`, `answer`");
    CHECK_PROBLEM(PATH(", redirect: /b, answer: c"),
                  AT ": /api needs one of: `backends` or `replace`, `redirect`, `answer`");
    CHECK_PROBLEM(PATH(", redirect: //b"), AT ".redirect: \"//b\" is neither a path nor an http "
                                              "URL, as in https://www.hospital.example/*");
    CHECK_PROBLEM(PATH(", redirect: /b, status: 200"),
                  AT ": the `status` of /api does not fit: 301, 302, 303, 307 or 308 for "
                     "`redirect`, 200 to 599 with a body for `answer`, none else");
    CHECK_PROBLEM(PATH(", replace: /b/"),
                  AT ": /b/ cannot stand for /api: both end with \"/\", or none does, and there is "
                     "no \"?\"");
    CHECK_PROBLEM(PATH("/../x, answer: a"),
                  AT ": /api/../x cannot be compared: no \"?\", \"%\", \";\" or \"\\\", and no "
                     "\"//\" or \"/.\"");
    CHECK_PROBLEM(PATH(", answer: a}\n    - {site: a.hospital.example, path: /api, answer: b"),
                  "7: gateway.paths[1]: /api stands there twice for the site a.hospital.example");
    CHECK_PROBLEM(PATH(", answer: a}\n    - {site: b.hospital.example, path: /api, answer: b"),
                  "7: gateway.paths[1]: /api is of the site b.hospital.example, which is not among "
                  "`sites`");
    CHECK_PROBLEM(ALONE(", request_headers: [\"Host: x\"]"),
                  "5: gateway.sites[0].request_headers[0]: \"Host\" is the gateway's own business: "
                  "what frames a message, or says who the client is");
    CHECK_PROBLEM(ALONE(", request_headers: [\"a b: x\"]"),
                  "5: gateway.sites[0].request_headers[0]: \"a b: x\" is no header, as in "
                  "\"X-Frame-Options: DENY\"");
    CHECK_PROBLEM(ALONE(", response_headers: [\"a: x\\r\\nb: y\"]"),
                  "5: gateway.sites[0].response_headers[0]: \"a: x?\?b: y\" is no header, as in "
                  "\"X-Frame-Options: DENY\"");
}

#define TLS(more)                                                                                  \
    "gateway:\n  sites:\n    - {name: a.hospital.example, backends: [\"tls://10.0.0.1\"" more "}"  \
    "\n"

static void passes_connections_on(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    const struct conf_site *s;

    CHECK_LOADS(TLS(", \"tls://b.lan:8443\"], send_proxy: v2"), &conf);
    s = &conf->gateway.sites[0];
    CHECK(s->passes);
    CHECK_INT(s->algorithms, 0);
    CHECK_STR(s->backends.p[0], "tls://10.0.0.1");
    CHECK_STR(s->backends.p[1], "tls://b.lan:8443");
    conf_unref(MOVE(conf));
    CHECK_LOADS(ALONE(""), &conf);
    CHECK(!conf->gateway.sites[0].passes && conf->gateway.sites[0].algorithms);
}

static void refuses_what_is_about_requests(void)
{
    CHECK_PROBLEM(
        TLS(", \"http://10.0.0.2\"]"),
        "5: gateway.sites[0]: the site a.hospital.example has backends with tls:// beside "
        "http://10.0.0.2: TLS ends either here or there");
    CHECK_PROBLEM(TLS("], rate: 5"),
                  "5: gateway.sites[0]: the site a.hospital.example has `rate`, and passes "
                  "connections on as they are (tls://): the gateway sees neither requests nor "
                  "answers of it");
    CHECK_PROBLEM(TLS("], check: /health"),
                  "5: gateway.sites[0]: the site a.hospital.example has `check`, and passes "
                  "connections on as they are (tls://): the gateway sees neither requests nor "
                  "answers of it");
    CHECK_PROBLEM(ALONE(", algorithms: []"),
                  "5: gateway.sites[0]: the site a.hospital.example has no `algorithms`: with none "
                  "it cannot have a certificate");
    CHECK_PROBLEM(
        PATH(", backends: [\"tls://10.0.0.9\"]"),
        "6: gateway.paths[0]: /api cannot go another way: of the site a.hospital.example, "
        "or in its `backends`, is tls://, and what passes on as it is has no paths");
}

static void inspects(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS(ALONE(", waf: block") "  waf: {rules: waf/own.conf, body: 64KiB, timeout: 5s, "
                                      "processes: 3, unavailable: pass}\n",
                &conf);
    CHECK_INT(conf->gateway.sites[0].waf, CONF_WAF_BLOCK);
    CHECK_STR(conf->gateway.waf.rules, "waf/own.conf");
    CHECK_INT(conf->gateway.waf.body, 64 << 10);
    CHECK_INT(conf->gateway.waf.timeout, 5 * WHEN_SECOND);
    CHECK_INT(conf->gateway.waf.processes, 3);
    CHECK_INT(conf->gateway.waf.unavailable, CONF_UNAVAILABLE_PASS);
    conf_unref(MOVE(conf));
    CHECK_LOADS(ALONE(""), &conf);
    CHECK_INT(conf->gateway.sites[0].waf, CONF_WAF_OFF);
    CHECK_INT(conf->gateway.waf.body, CONF_WAF_BODY_MAX);
    CHECK_INT(conf->gateway.waf.unavailable, CONF_UNAVAILABLE_BLOCK);
}

#define OUT_OF_REACH(path)                                                                         \
    CHECK_PROBLEM(ALONE(", waf: block") "  waf:\n    rules: " path "\n",                           \
                  "7: gateway.waf.rules: `gateway.waf.rules` is " path                             \
                  ": the process that inspects can read below /etc/modsecurity, "                  \
                  "/usr/share/modsecurity-crs and DATA/waf alone (as in waf/site.conf); put the "  \
                  "rules there")

static void refuses_rules_out_of_reach(void)
{
    OUT_OF_REACH("/tmp/rules.conf");
    OUT_OF_REACH("/etc/modsecurity/../shadow");
    OUT_OF_REACH("waf/../../x.conf");
    OUT_OF_REACH("other/x.conf");
    OUT_OF_REACH("/etc/modsecurity");
}

#define TWO_SITES                                                                                  \
    "  sites:\n"                                                                                   \
    "  - {name: wiki.hospital.example, backends: [\"http://a:1\"]}\n"                              \
    "  - {name: b.hospital.example, backends: [\"http://a:1\"]}\n"

static void default_site(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS("gateway:\n  default_site: B.hospital.example\n  connection_rate: 60\n" TWO_SITES,
                &conf);
    CHECK_STR(conf->gateway.default_site, "b.hospital.example");
    CHECK_INT(conf->gateway.connection_rate, 60);
    CHECK_INT(conf->gateway.connection_burst, 0);
    CHECK_PROBLEM("gateway:\n  default_site: c.hospital.example\n" TWO_SITES,
                  "4: gateway.default_site: c.hospital.example is not among `sites`, and clients "
                  "that name none would be refused: correct it, or leave it out");
    CHECK_PROBLEM("gateway:\n  connection_burst: 5\n" TWO_SITES,
                  "4: gateway.connection_burst: it does nothing without `connection_rate`: give "
                  "that, too, or leave it out");
}

CHECK_MAIN(CHECK_TEST(inspects), CHECK_TEST_ONCE(refuses_rules_out_of_reach),
           CHECK_TEST(passes_connections_on), CHECK_TEST_ONCE(refuses_what_is_about_requests),
           CHECK_TEST(takes_several_backends), CHECK_TEST(does_without), CHECK_TEST(limits_of_time),
           CHECK_TEST(speaks_http2_to_backends), CHECK_TEST(knows_other_proxies),
           CHECK_TEST_ONCE(demands_something_of_https), CHECK_TEST(takes_roots_from_beside),
           CHECK_TEST(asks_clients), CHECK_TEST_ONCE(speaks_tls_with_sm), CHECK_TEST_ONCE(refusals),
           CHECK_TEST(takes_paths_and_headers), CHECK_TEST_ONCE(refuses_paths),
           CHECK_TEST(default_site))
