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
             "name server takes them, or of `hooks`, a program that sets them"));
    CHECK_PROBLEM(GATEWAY(", directory: \"" CA "\", challenge: dns-01, dns: theirs", ""),
                  SAID("has `dns: theirs`, which is none of `updates` or `hooks`"));
    CHECK_PROBLEM(GATEWAY(", directory: \"" CA "\", dns: ours", ""),
                  SAID("has `dns`, which is for `challenge: dns-01` alone"));
    CHECK_PROBLEM(GATEWAY(", directory: \"" CA "\", algorithms: [sm2]", ""),
                  SAID("takes certificates from " CA ", and has neither ecdsa nor rsa among its "
                       "`algorithms`: others are issued by no other CA"));
}

#define HOOK(more)                                                                                 \
    "gateway:\n  updates: [{name: ours, file: /etc/ours.conf}]\n"                                  \
    "  hooks:\n    - {name: theirs, user: acme-dns" more "}\n"
#define OF_HOOK(text) "6: gateway.hooks[0]: the hook theirs" text

static void hooks(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    const struct conf_hook *h;

    CHECK_LOADS(
        HOOK(", style: certbot, command: [/etc/auth, x], cleanup: [/etc/clean], timeout: 5s, "
             "environment: \"credential:dns\""),
        &conf);
    h = conf_hook_find(conf, STR("theirs"));
    CHECK(h && h->style == CONF_HOOK_CERTBOT && h->command.n == 2 && h->cleanup.n == 1);
    CHECK_INT(h->timeout, 5 * WHEN_SECOND);
    CHECK_STR(h->environment, "credential:dns");
    CHECK(!conf_hook_find(conf, STR("ours")));
    CHECK_STR(str_of(conf_hook_style_name(CONF_HOOK_MOD_MD_2)), "mod_md-2");
    CHECK_STR(str_of(conf_hook_style_name(CONF_HOOK_STYLES)), "unknown");
}

static void refuses_hooks(void)
{
    CHECK_PROBLEM(
        HOOK(", style: lego, command: [hook]"),
        OF_HOOK(": `command` is a program by its absolute path, and at most 12 words in all"));
    CHECK_PROBLEM(
        HOOK(", style: lego, command: [/a, b, c, d, e, f, g, h, i, j, k, l, m]"),
        OF_HOOK(": `command` is a program by its absolute path, and at most 12 words in all"));
    CHECK_PROBLEM(HOOK(", style: lego, command: [/a], cleanup: [/b]"),
                  OF_HOOK(" has `cleanup`, which certbot's alone have: of style lego, `command` is "
                          "called for both"));
    CHECK_PROBLEM(HOOK(", style: lego, command: [/a], environment: relative"),
                  OF_HOOK(": `environment` is the absolute path of a file, or credential:NAME"));
    CHECK_PROBLEM(
        "gateway:\n  updates: [{name: ours, file: /etc/ours.conf}]\n"
        "  hooks:\n    - {name: ours, user: acme-dns, style: lego, command: [/a]}\n",
        "6: gateway.hooks[0]: \"ours\" is the name of one of `updates`, too: sites could mean "
        "either; give the hook another");
    CHECK_PROBLEM(
        "gateway:\n"
        "  hooks:\n    - {name: h, user: root, style: lego, command: [/a]}\n",
        "5: gateway.hooks[0]: the hook h would run as root: name a user that has nothing of "
        "the authority's, made for it: useradd --system --no-create-home --shell "
        "/usr/sbin/nologin acme-dns");
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

CHECK_MAIN(CHECK_TEST(loads), CHECK_TEST(is_off), CHECK_TEST(refuses_sites), CHECK_TEST(hooks),
           CHECK_TEST(refuses_hooks), CHECK_TEST(refuses_directories))
