/* SPDX-License-Identifier: Apache-2.0 */
#include "problems.h"

static void defaults(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS("", &conf);
    CHECK_STR(conf->organization, "Example Hospital");
    CHECK_STR(conf->country, "");
    CHECK_STR(conf->domain, "hospital.example");
    CHECK_INT(conf->names.internal.n, 5);
    CHECK_STR(conf->names.internal.p[0], "internal");
    CHECK_STR(conf->names.internal.p[4], "local");
    CHECK_INT(conf->urls.api.n + conf->urls.plain.n, 0);
    CHECK_INT(conf->listen.api.n, 1);
    CHECK_INT(conf->listen.api.p[0].port, 8555);
    CHECK(conf->listen.api.p[0].addr.n == 16);
    CHECK_INT(conf->listen.plain.n, 1);
    CHECK_INT(conf->listen.plain.p[0].port, 80);
    CHECK(conf->listen.plain.p[0].addr.n == 16);
    CHECK_INT(conf->listen.gateway.n, 1);
    CHECK_INT(conf->listen.gateway.p[0].port, 443);
    CHECK_INT(conf->gateway.workers + conf->gateway.n_sites, 0);
    CHECK(conf->database == CONF_DATABASE_SQLITE);
    CHECK_INT(conf->n_resolvers + conf->n_policy, 0);
    CHECK_INT(conf->metrics.allow.n, 2);
    CHECK_INT(conf->metrics.allow.p[0].base.b[0], 127);
    CHECK_INT(conf->metrics.allow.p[1].bits, 128);
    CHECK_INT(conf->validation.http_port, 80);
    CHECK_INT(conf->validation.allow.n + conf->validation.deny.n, 0);
    CHECK_INT(conf->validation.timeout, 10 * WHEN_SECOND);
    CHECK_INT(conf->validation.attempts, 5);
    CHECK_INT(conf->acme.terms_of_service.n + conf->acme.website.n, 0);
    CHECK(conf->ca.passphrase.from == CONF_PASSPHRASE_FILE);
    CHECK_STR(conf->ca.passphrase.name, "autarky-passphrase");
    CHECK_STR(conf->ca.passphrase.file, "ca.passphrase");
    CHECK(conf->log.level == CONF_LOG_INFO && conf->log.format == CONF_LOG_TEXT);
}

static void without_privileges(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL, *given = NULL;
    CLEANUP(conf_report_done) struct conf_report report = {};
    struct conf_input in;

    conf_report_init(&report);
    conf_input_init(&in);
    in.unprivileged = true;
    CHECK_OK(conf_input_add(&in, STR("a.yaml"), STR(LEAST)));
    CHECK_OK(conf_load(&in, &conf, &report));
    CHECK_INT(conf->listen.plain.p[0].port, 8080);
    CHECK_INT(conf->listen.gateway.p[0].port, 8443);
    CHECK_OK(conf_input_add(&in, STR("b.yaml"), STR("listen: {plain: [\"[::]:80\"]}")));
    CHECK_OK(conf_load(&in, &given, &report));
    CHECK_INT(given->listen.plain.p[0].port, 80);
}

static void sites(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS("gateway:\n  sites:\n"
                "    - {name: Wiki.hospital.example, backends: [\"http://10.0.3.7:8080\"]}\n"
                "    - {name: intra, backends: [\"http://a\", \"http://b\"], algorithms: [rsa]}\n",
                &conf);
    CHECK_INT(conf->gateway.n_sites, 2);
    CHECK_STR(conf->gateway.sites[0].name, "wiki.hospital.example");
    CHECK_STR(conf->gateway.sites[0].profile, "default");
    CHECK_INT(conf->gateway.sites[0].algorithms,
              1 << CONF_KEY_RSA | 1 << CONF_KEY_ECDSA | 1 << CONF_KEY_SM2);
    CHECK_STR(conf->gateway.sites[0].backends.p[0], "http://10.0.3.7:8080");
    CHECK_INT(conf->gateway.sites[1].algorithms, 1 << CONF_KEY_RSA);
    CHECK_INT(conf->gateway.sites[1].backends.n, 2);
    CHECK(conf_site_find(conf, STR("intra")) == &conf->gateway.sites[1]);
    CHECK(!conf_site_find(conf, STR("intr")) && !conf_site_find(conf, STR("")));
}

static void algorithm_names(void)
{
    CHECK_STR(str_of(conf_key_algorithm_name(CONF_KEY_RSA)), "rsa");
    CHECK_STR(str_of(conf_key_algorithm_name(CONF_KEY_ECDSA)), "ecdsa");
    CHECK_STR(str_of(conf_key_algorithm_name(CONF_KEY_ED25519)), "ed25519");
    CHECK_STR(str_of(conf_key_algorithm_name(CONF_KEY_SM2)), "sm2");
    CHECK_STR(str_of(conf_key_algorithm_name(CONF_KEY_MLDSA)), "mldsa");
    CHECK_STR(str_of(conf_key_algorithm_name(CONF_KEY_COUNT)), "unknown");
}

static void sites_in_error(void)
{
    CHECK_PROBLEM("gateway: {sites: [{name: a.b}]}\n", "3: gateway.sites[0].backends: is missing");
    CHECK_PROBLEM(
        "gateway:\n  sites:\n  - {name: a.b, backends: [\"http://c\"], profile: dflt}\n",
        "5: gateway.sites[0]: the site a.b names the profile \"dflt\", which is not among "
        "`profiles`");
    CHECK_PROBLEM(
        "gateway: {sites: [{name: a.b, backends: [\"http://c\"], algorithms: [rsa],\n"
        "  profile: e}]}\nprofiles: {e: {key_algorithms: [ecdsa]}}\n",
        "3: gateway.sites[0]: the site a.b wants a key algorithm that its profile \"e\" does "
        "not allow: change `algorithms` of the site or `key_algorithms` of the profile");
    CHECK_PROBLEM("gateway: {sites: [{name: \"*.a.b\", backends: [\"http://c\"]}]}\n",
                  "3: gateway.sites[0].name: \"*.a.b\" is no domain name");
    CHECK_PROBLEM(
        "gateway: {sites: [{name: a.b, backends: [\"ftp://c\"]}]}\n",
        "3: gateway.sites[0].backends[0]: \"ftp://c\" is no base of URLs: http://, a name or "
        "address, a port if need be, and nothing more");
    /* Sites have fewer kinds of keys than profiles. */
    CHECK_PROBLEM(
        "gateway: {sites: [{name: a.b, backends: [\"http://c\"], algorithms: [ed25519]}]}\n",
        "3: gateway.sites[0].algorithms[0]: \"ed25519\" is not one of rsa, ecdsa, sm2, mldsa65");
    CHECK_PROBLEM("gateway: {workers: 33}\n",
                  "3: gateway.workers: \"33\" is no whole number from 0 to 32");
}

static void profiles(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS("profiles:\n"
                "  short: {lifetime: 6d, key_algorithms: [ecdsa]}\n"
                "  default: {lifetime: 30d}\n"
                "  all:\n",
                &conf);
    CHECK_INT(conf->n_profiles, 7);
    CHECK_STR(conf->profiles[0].name, "all");
    CHECK_INT(conf->profiles[0].lifetime, 90 * WHEN_DAY);
    CHECK_STR(conf->profiles[2].name, "default");
    CHECK_INT(conf->profiles[2].lifetime, 30 * WHEN_DAY);
    CHECK_STR(conf->profiles[4].name, "short");
    CHECK_INT(conf->profiles[4].key_algorithms, 1 << CONF_KEY_ECDSA);
    CHECK(conf_profile_find(conf, STR("short")) == &conf->profiles[4]);
    CHECK(conf_profile_find(conf, STR("none")) == NULL);
}

static void policy(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS("policy:\n"
                "  - name: apps\n"
                "    allow: [\"*.apps.hospital.example\"]\n"
                "    networks: [10.1.0.0/16]\n"
                "    challenges: [http-01]\n"
                "  - {name: rest, allow: [a.lan]}\n",
                &conf);
    CHECK_INT(conf->n_policy, 2);
    CHECK_STR(conf->policy[0].name, "apps");
    CHECK_INT(conf->policy[0].networks.n, 1);
    CHECK_INT(conf->policy[0].challenges, 1 << CONF_CHALLENGE_HTTP_01);
    CHECK_INT(conf->policy[1].networks.n, 0);
    CHECK_INT(conf->policy[1].challenges, 1 << CONF_CHALLENGE_HTTP_01);
    CHECK_PROBLEM(
        "policy:\n  - {name: a, allow: [\"*\"], challenges: [dns-persist-01]}\n",
        "4: policy[0]: rule \"a\" has dns-persist-01, whose record depends on the account's "
        "URL: set `urls.api`");
    CHECK_PROBLEM(
        "urls: {api: \"https://ca.x.example\"}\n"
        "acme: {caa_identities: [a.x, b.x, c.x, d.x, e.x, f.x, g.x, h.x, i.x, j.x, k.x]}\n"
        "policy:\n  - {name: a, allow: [\"*\"], challenges: [dns-persist-01]}\n",
        "6: policy[0]: rule \"a\" has dns-persist-01, whose challenges can name ten domains of "
        "this CA at most: list fewer in `acme.caa_identities`");
    CHECK_PROBLEM("policy:\n  - {name: a, allow: [\"*\"]}\n  - {name: A, allow: [\"*\"]}\n",
                  "5: policy[1].name: \"A\" is the name of two; the first is in a.yaml, line 4");
}

static void unknown_keys(void)
{
    CHECK_PROBLEM("gatewy: {}\n", "3: gatewy: unknown key; nearest valid key \"gateway\"");
    CHECK_PROBLEM("http_port: 80\n",
                  "3: http_port: unknown key; nearest valid key \"validation.http_port\"");
    CHECK_PROBLEM("log:\n  lvel: info\n", "4: log.lvel: unknown key; nearest valid key \"level\"");
    CHECK_PROBLEM("profiles:\n  x:\n    lifetme: 1d\n",
                  "5: profiles.x.lifetme: unknown key; nearest valid key \"lifetime\"");
    CHECK_PROBLEM("ca: {passphrase: {form: file}}\n",
                  "3: ca.passphrase.form: unknown key; nearest valid key \"from\"");
    CHECK_PROBLEM("policy:\n  - {name: a, allow: [\"*\"], nme: [x]}\n",
                  "4: policy[0].nme: unknown key; nearest valid key \"name\"");
}

static void shapes(void)
{
    CHECK_PROBLEM("country: [CH]\n", "3: country: must be a single value, not a list");
    CHECK_PROBLEM("country: {a: b}\n", "3: country: must be a single value, not a map");
    CHECK_PROBLEM("country:\n", "3: country: has no value; leave the key out for its default");
    CHECK_PROBLEM("country: ~\n", "3: country: has no value; leave the key out for its default");
    CHECK_PROBLEM("country: null\n", "3: country: has no value; leave the key out for its default");
    CHECK_PROBLEMS("organization: null\ndomain: d.example\n",
                   "a.yaml:1: organization: has no value\n");
    CHECK_PROBLEM("listen:\n  api: \"[::]:1\"\n",
                  "4: listen.api: must be a list, as in [\"[::]:1\"]");
    CHECK_PROBLEM("names: {internal: lan}\n", "3: names.internal: must be a list, as in [lan]");
    CHECK_PROBLEM("names: {internal: {a: b}}\n", "3: names.internal: must be a list, not a map");
    CHECK_PROBLEM("names: {internal: }\n",
                  "3: names.internal: has no value; leave the key out for its default");
    CHECK_PROBLEM("names: [lan]\n", "3: names: must be a map of keys, not a list");
    CHECK_PROBLEM("names: lan\n", "3: names: must be a map of keys, not a single value");
    CHECK_PROBLEM("policy: {name: a}\n", "3: policy: must be a list, not a map");
    CHECK_PROBLEM("policy: [a]\n", "3: policy[0]: must be a map of keys, not a single value");
    CHECK_PROBLEM("profiles: [a]\n", "3: profiles: must be a map of keys, not a list");
    CHECK_PROBLEM("profiles: {a: b}\n", "3: profiles.a: must be a map of keys, not a single value");
    CHECK_PROBLEM("names: {internal: [[lan]]}\n",
                  "3: names.internal[0]: must be a single value, not a list");
    CHECK_PROBLEM("profiles: {a: {key_algorithms: rsa}}\n",
                  "3: profiles.a.key_algorithms: must be a list, as in [rsa]");
}

static void nothing_in_maps_and_lists(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS("names: {internal: []}\nacme:\nprofiles:\npolicy: []\nlog: {}\n", &conf);
    CHECK_INT(conf->names.internal.n, 0);
    CHECK_INT(conf->n_profiles, 6);
}

static void what_goes_together(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_PROBLEM("ca:\n  passphrase:\n    from: prompt\n    file: x\n",
                  "6: ca.passphrase.file: has no effect while ca.passphrase.from is \"prompt\"");
    CHECK_PROBLEM(
        "ca:\n  passphrase:\n    file: x\n    from: credential\n",
        "5: ca.passphrase.file: has no effect while ca.passphrase.from is \"credential\"");
    CHECK_LOADS("ca: {passphrase: {from: file, file: /x}}\n", &conf);
    CHECK_STR(conf->ca.passphrase.file, "/x");
}

/* Of every file, in the order of its lines. */
static void all_problems_are_told(void)
{
    CHECK_PROBLEMS("log: {level: x}\n"
                   "policy:\n"
                   "  - {allow: []}\n"
                   "validation: {http_port: x, timeout: 5, allw: [a]}\n"
                   "nonsense: 1\n"
                   "domain: d\n",
                   "a.yaml:1: organization: is missing\n"
                   "a.yaml:1: log.level: \"x\" is not one of error, warn, info, debug\n"
                   "a.yaml:3: policy[0].name: is missing\n"
                   "a.yaml:3: policy[0].allow: may not be empty\n"
                   "a.yaml:4: validation.http_port: \"x\" is no whole number from 1 to 65535\n"
                   "a.yaml:4: validation.timeout: \"5\" is no length of time, as in 90d, 12h, 5m "
                   "or 1d 12h\n"
                   "a.yaml:4: validation.allw: unknown key; nearest valid key \"allow\"\n"
                   "a.yaml:5: nonsense: unknown key; nearest valid key \"names\"\n"
                   "a.yaml:6: domain: \"d\" is a whole top-level domain; the domain of an "
                   "organization has two labels or more, as in hospital.example\n");
}

CHECK_MAIN(CHECK_TEST(defaults), CHECK_TEST(without_privileges), CHECK_TEST(sites),
           CHECK_TEST(algorithm_names), CHECK_TEST(sites_in_error), CHECK_TEST(profiles),
           CHECK_TEST(policy), CHECK_TEST(unknown_keys), CHECK_TEST(shapes),
           CHECK_TEST(nothing_in_maps_and_lists), CHECK_TEST(what_goes_together),
           CHECK_TEST(all_problems_are_told))
