/* SPDX-License-Identifier: Apache-2.0 */
/* Every type of value: what it takes, in which form it is kept, and what is said of the rest. */
#include "problems.h"

static void texts(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    CLEANUP(conf_report_done) struct conf_report report = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(4096);

    conf_report_init(&report);
    buf_putz(&text, "organization: \"");
    for (int i = 0; i < 64; i++)
        buf_putz(&text, "\xe5\x8c\xbb");
    buf_putz(&text, "\"\ndomain: d.example\n");
    CHECK_OK(buf_rc(&text));
    CHECK_OK(load_text(buf_str(&text), &conf, &report));
    CHECK_INT(conf->organization.n, 3 * 64);

    CHECK_PROBLEMS(
        "organization: aaaaaaaaaaaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbb\n"
        "domain: d.example\n",
        "a.yaml:1: organization: has 70 characters; 1 to 64 are possible\n");
    CHECK_PROBLEMS("organization: \"\"\ndomain: d.example\n",
                   "a.yaml:1: organization: has 0 characters; 1 to 64 are possible\n");
    CHECK_PROBLEMS("organization: \"a\\tb\"\ndomain: d.example\n",
                   "a.yaml:1: organization: holds a control character\n");
    CHECK_PROBLEMS("organization: \"a\\x85b\"\ndomain: d.example\n",
                   "a.yaml:1: organization: holds a control character\n");
    CHECK_PROBLEMS("organization: \" a\"\ndomain: d.example\n",
                   "a.yaml:1: organization: begins or ends with a space\n");
}

static void countries(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS("country: no\n", &conf);
    CHECK_STR(conf->country, "NO");
    CHECK_PROBLEM("country: CHE\n",
                  "3: country: \"CHE\" is no country code of two letters, as in CH");
    CHECK_PROBLEM("country: C1\n",
                  "3: country: \"C1\" is no country code of two letters, as in CH");
    CHECK_PROBLEM("country: \"\"\n",
                  "3: country: \"\" is no country code of two letters, as in CH");
}

static void numbers(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS("validation: {http_port: 65535, attempts: 1}\n", &conf);
    CHECK_INT(conf->validation.http_port, 65535);
    CHECK_INT(conf->validation.attempts, 1);
    CHECK_PROBLEM("validation:\n  http_port: 0\n",
                  "4: validation.http_port: \"0\" is no whole number from 1 to 65535");
    CHECK_PROBLEM("validation:\n  http_port: 65536\n",
                  "4: validation.http_port: \"65536\" is no whole number from 1 to 65535");
    CHECK_PROBLEM("validation:\n  http_port: http\n",
                  "4: validation.http_port: \"http\" is no whole number from 1 to 65535");
    CHECK_PROBLEM("validation:\n  attempts: -1\n",
                  "4: validation.attempts: \"-1\" is no whole number from 1 to 20");
    CHECK_PROBLEM("validation:\n  attempts: 2.0\n",
                  "4: validation.attempts: \"2.0\" is no whole number from 1 to 20");
    CHECK_PROBLEM("validation:\n  http_port: \"80\"\n",
                  "4: validation.http_port: \"80\" is a text; "
                  "write the number without quotes");
}

static void spans(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS("profiles: {a: {lifetime: 89d 12h, backdate: 0s}}\n", &conf);
    CHECK_INT(conf->profiles[0].backdate, 0);
    CHECK_INT(conf->profiles[0].lifetime, 89 * WHEN_DAY + 12 * WHEN_HOUR);
    CHECK_PROBLEM("profiles:\n  default:\n    lifetime: 90\n",
                  "5: profiles.default.lifetime: \"90\" is no length of time, as in 90d, 12h, 5m "
                  "or 1d 12h");
    CHECK_PROBLEM("profiles:\n  x:\n    lifetime: 826d\n",
                  "5: profiles.x.lifetime: 826d is outside of 1h to 825d");
    CHECK_PROBLEM("profiles:\n  x:\n    lifetime: 59m\n",
                  "5: profiles.x.lifetime: 59m is outside of 1h to 825d");
    CHECK_PROBLEM("profiles: {a: {backdate: 8d}}\n",
                  "3: profiles.a.backdate: 8d is outside of 0s to 7d");
}

static void truths(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS("urls: {plain: \"http://a\"}\n"
                "profiles: {a: {must_staple: true}, b: {must_staple: false}}\n",
                &conf);
    CHECK(conf->profiles[0].must_staple && !conf->profiles[1].must_staple);
    CHECK_PROBLEM("profiles: {a: {must_staple: yes}}\n",
                  "3: profiles.a.must_staple: \"yes\" is neither true nor false, without quotes");
    CHECK_PROBLEM("profiles: {a: {must_staple: \"true\"}}\n",
                  "3: profiles.a.must_staple: \"true\" is neither true nor false, without quotes");
}

static void object_identifiers(void)
{
    static const char *const wrong[] = {"1",
                                        "1.",
                                        ".1",
                                        "1..2",
                                        "3.1",
                                        "1.40",
                                        "1.2.03",
                                        "1.2.x",
                                        "1.2.-1",
                                        "1.2.2147483648",
                                        "domain-validated"};
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS("profiles: {a: {policies: [1.2, 2.999.1, 1.3.6.1.4.1.32473.2147483647, 0.39.0]}}\n",
                &conf);
    CHECK_INT(conf->profiles[0].policies.n, 4);
    CHECK_STR(conf->profiles[0].policies.p[1], "2.999.1");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CLEANUP(buf_done) struct buf text = BUF_INIT(1000);
        CLEANUP(buf_done) struct buf problem = BUF_INIT(1000);

        buf_printf(&text, LEAST "profiles: {a: {policies: [\"%s\"]}}\n", wrong[i]);
        buf_printf(&problem,
                   "a.yaml:3: profiles.a.policies[0]: \"%s\" is no object identifier: numbers with "
                   "dots between, as in 1.3.6.1.4.1.32473.1, the first 0, 1 or 2, the second below "
                   "40 after 0 or 1\n",
                   wrong[i]);
        CHECK_OK(buf_rc(&text));
        CHECK_OK(buf_rc(&problem));
        CHECK_PROBLEMS_STR(buf_str(&text), buf_z(&problem));
    }
    CHECK_PROBLEM("profiles: {a: {policies: [2.5.29.32.0]}}\n",
                  "3: profiles.a.policies[0]: anyPolicy (2.5.29.32.0) is for the certificates of "
                  "CAs; name the policies themselves");
}

static void choices(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS("ca: {passphrase: {from: prompt}}\nlog: {level: warn}\n", &conf);
    CHECK(conf->ca.passphrase.from == CONF_PASSPHRASE_PROMPT);
    CHECK(conf->log.level == CONF_LOG_WARN);
    CHECK_PROBLEM("log:\n  level: wran\n",
                  "4: log.level: \"wran\" is not one of error, warn, info, debug; did you mean "
                  "\"warn\"?");
    CHECK_PROBLEM("log:\n  level: everything\n",
                  "4: log.level: \"everything\" is not one of error, warn, info, debug");
    CHECK_PROBLEM("log:\n  format: JSON\n",
                  "4: log.format: \"JSON\" is not one of text, json; did you mean \"json\"?");
    CHECK_PROBLEM("database: postgresql://db/autarky\n",
                  "3: database: \"postgresql://db/autarky\" is not one of sqlite");
    CHECK_PROBLEM("profiles:\n  x: {key_algorithms: [ecdsa, dsa]}\n",
                  "4: profiles.x.key_algorithms[1]: \"dsa\" is not one of rsa, ecdsa, sm2, mldsa, "
                  "ed25519; did you mean \"rsa\"?");
    CHECK_PROBLEM("profiles:\n  x: {key_algorithms: []}\n",
                  "4: profiles.x.key_algorithms: may not be empty");
}

static void identifiers(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS("ca: {passphrase: {from: credential, name: A-b_c.9}}\n", &conf);
    CHECK_STR(conf->ca.passphrase.name, "A-b_c.9");
#define IS_NO_IDENT(name)                                                                          \
    "\"" name "\" is no name of letters, digits, \"-\", \"_\" and \".\", beginning with a letter " \
    "or digit"
    CHECK_PROBLEM("policy:\n  - {name: a b, allow: [\"*\"]}\n",
                  "4: policy[0].name: " IS_NO_IDENT("a b"));
    CHECK_PROBLEM("policy:\n  - {name: .a, allow: [\"*\"]}\n",
                  "4: policy[0].name: " IS_NO_IDENT(".a"));
    CHECK_PROBLEM("policy:\n  - {name: \"\", allow: [\"*\"]}\n",
                  "4: policy[0].name: " IS_NO_IDENT(""));
    CHECK_PROBLEM("profiles:\n  a/b: {}\n", "4: profiles.a/b: " IS_NO_IDENT("a/b"));
    CHECK_PROBLEM("ca: {passphrase: {name: ../x}}\n",
                  "3: ca.passphrase.name: " IS_NO_IDENT("../x"));
    CHECK_PROBLEM(
        "profiles:\n"
        "  aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaab: {}\n",
        "4: "
        "profiles.aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaab: " IS_NO_IDENT(
            "aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaab"));
}

static void paths(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS("ca: {passphrase: {file: /etc/autarky/pass phrase}}\n", &conf);
    CHECK_STR(conf->ca.passphrase.file, "/etc/autarky/pass phrase");
    CHECK_PROBLEM("ca: {passphrase: {file: \"\"}}\n",
                  "3: ca.passphrase.file: is no path of a file: "
                  "1 to 4095 bytes without control characters");
    CHECK_PROBLEM("ca: {passphrase: {file: \"a\\0b\"}}\n",
                  "3: ca.passphrase.file: is no path of a file: 1 to 4095 bytes without control "
                  "characters");
}

/* What a stranger's value may do to a message: nothing. */
static void values_in_messages_are_tame(void)
{
    CHECK_PROBLEM("database: \"a\\nb\\e[2J\"\n", "3: database: \"a?b?[2J\" is not one of sqlite");
    CHECK_PROBLEM("\"a\\nb\": 1\n", "3: a?b: unknown key; nearest valid key \"acme\"");
}

CHECK_MAIN(CHECK_TEST(texts), CHECK_TEST(countries), CHECK_TEST(numbers), CHECK_TEST(spans),
           CHECK_TEST(truths), CHECK_TEST(object_identifiers), CHECK_TEST(choices),
           CHECK_TEST(identifiers), CHECK_TEST(paths), CHECK_TEST(values_in_messages_are_tame))
