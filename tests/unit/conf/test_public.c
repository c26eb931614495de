/* SPDX-License-Identifier: Apache-2.0 */
/* Other CAs of sites: what goes together. */
#include "problems.h"

#define CA "https://ca.example/dir"
#define OTHER "https://other.example/dir"
#define GATEWAY(site, more)                                                                        \
    "gateway:\n"                                                                                   \
    "  directories:\n"                                                                             \
    "    - {url: \"" CA "\", agree_terms: true" more "}\n"                                         \
    "    - {url: \"" OTHER "\"}\n"                                                                 \
    "  updates: [{name: ours, file: /etc/ours.conf}]\n"                                            \
    "  sites:\n"                                                                                   \
    "    - {name: a.hospital.example, backends: [\"http://127.0.0.1:1\"]" site "}\n"
#define A256                                                                                       \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"                             \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"                             \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"                             \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SAID(text) "9: gateway.sites[0]: the site a.hospital.example " text

static void loads(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    const struct conf_site *s;

    CHECK_LOADS(GATEWAY(", directory: \"" CA "\", challenge: dns-01, dns: ours",
                        ", contact: [pki@hospital.example], eab_kid: x, eab_key_file: /etc/eab"),
                &conf);
    s = &conf->gateway.sites[0];
    CHECK_STR(s->directory, CA);
    CHECK_INT(s->challenge, CONF_SITE_DNS_01);
    CHECK_STR(conf_update_find(conf, s->dns)->file, "/etc/ours.conf");
    CHECK_STR(conf_directory_find(conf, s->directory)->contact.p[0], "pki@hospital.example");
    CHECK(!conf_directory_find(conf, STR("https://nobody.example/dir")));
    CHECK(!conf_update_find(conf, STR("theirs")));
}

static void is_off(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS("", &conf);
    CHECK_INT(conf->gateway.others.n_directories + conf->gateway.others.n_updates, 0);
}

static void refuses_sites(void)
{
    CHECK_PROBLEM(GATEWAY(", directory: \"https://nobody.example/dir\"", ""),
                  SAID("names https://nobody.example/dir, which is not the `url` of one of "
                       "`directories`: put it there, too"));
    CHECK_PROBLEM(GATEWAY(", directory: \"" OTHER "\"", ""),
                  SAID("takes certificates from " OTHER
                       ", whose terms of service nobody has agreed "
                       "to: read them, and set `agree_terms: true` there"));
    CHECK_PROBLEM(GATEWAY(", fallback: \"" CA "\"", ""),
                  SAID("has `fallback`, which does nothing without `directory`"));
    CHECK_PROBLEM(GATEWAY(", challenge: tls-alpn-01", ""),
                  SAID("has `challenge`, which does nothing without `directory`"));
    CHECK_PROBLEM(GATEWAY(", directory: \"" CA "\", fallback: \"" CA "\"", ""),
                  SAID("falls back to " CA ", which is its `directory`"));
    CHECK_PROBLEM(
        GATEWAY(", directory: \"" CA "\", challenge: dns-01", ""),
        SAID("has `challenge: dns-01` and no `dns`: name one of `updates`, which says what "
             "name server takes them"));
    CHECK_PROBLEM(GATEWAY(", directory: \"" CA "\", challenge: dns-01, dns: theirs", ""),
                  SAID("has `dns: theirs`, which is none of `updates`"));
    CHECK_PROBLEM(GATEWAY(", directory: \"" CA "\", dns: ours", ""),
                  SAID("has `dns`, which is for `challenge: dns-01` alone"));
    CHECK_PROBLEM(GATEWAY(", directory: \"" CA "\", algorithms: [sm2]", ""),
                  SAID("takes certificates from " CA ", and has neither ecdsa nor rsa among its "
                       "`algorithms`: others are issued by no other CA"));
}

static void refuses_directories(void)
{
    CHECK_PROBLEM(GATEWAY("", ", eab_kid: x"),
                  "5: gateway.directories[0]: " CA " has one of `eab_kid` and `eab_key_file`: a "
                  "binding takes both");
    CHECK_PROBLEM(GATEWAY("", ", eab_kid: x, eab_key_file: eab.key"),
                  "5: gateway.directories[0]: the path eab.key does not begin with /, and where it "
                  "begins would depend on who reads it");
    CHECK_PROBLEM("gateway:\n"
                  "  updates:\n"
                  "    - {name: ours, file: ours.conf}\n",
                  "5: gateway.updates[0]: the path ours.conf does not begin with /, and where it "
                  "begins would depend on who reads it");
    CHECK_PROBLEM(GATEWAY("", ", eab_kid: " A256 "a, eab_key_file: /etc/eab"),
                  "5: gateway.directories[0].eab_kid: has 257 characters; 1 to 256 are possible");
    CHECK_PROBLEM(
        GATEWAY("", ", contact: [nobody]"),
        "5: gateway.directories[0]: \"nobody\" is no mailbox, as in pki@hospital.example");
    CHECK_PROBLEM(GATEWAY("", ", trust: none.pem"),
                  "5: gateway.directories[0]: " CA " names none.pem, which is not in conf.d of the "
                  "data directory: put it there, with a name that ends in .pem, owned by root and "
                  "writable by nobody else");
}

CHECK_MAIN(CHECK_TEST(loads), CHECK_TEST(is_off), CHECK_TEST(refuses_sites),
           CHECK_TEST(refuses_directories))
