/* SPDX-License-Identifier: Apache-2.0 */
#include "problems.h"

#include "conf/diff.h"
#include "conf/kind_int.h"
#include "conf/text.h"

static void the_defaults(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 16);

    CHECK_LOADS("policy: [{name: a, allow: [\"*\", a.b]}, {name: b, allow: [c]}]\n", &conf);
    conf_dump(conf, &text);
    CHECK_OK(buf_rc(&text));
    CHECK(strstr(buf_z(&text), "organization: \"Example Hospital\"\n"));
    CHECK(strstr(buf_z(&text), "\n# not set: country\n"));
    CHECK(strstr(buf_z(&text), "\ndomain: hospital.example\n"));
    CHECK(strstr(buf_z(&text), "\n  internal: [internal, home.arpa, lan, corp, local]\n"));
    CHECK(strstr(buf_z(&text), "\nresolvers: []\n"));
    CHECK(strstr(buf_z(&text), "\n  default:\n    lifetime: 90d\n"));
    CHECK(strstr(buf_z(&text), "\n  short:\n    lifetime: 6d\n"));
    CHECK(strstr(buf_z(&text), "\n    common_name: name\n    revocation: auto\n"));
    CHECK(strstr(buf_z(&text), "\npolicy:\n"
                               "  - name: a\n"
                               "    from: [clients, operators]\n"
                               "    eab: []\n"
                               "    accounts: []\n"
                               "    client_certificates: []\n"
                               "    groups: []\n"
                               "    networks: []\n"
                               "    allow: [\"*\", a.b]\n"
                               "    addresses: []\n"
                               "    labels: 0\n"
                               "    wildcards: false\n"
                               "    names_max: 100\n"
                               "    together: any\n"
                               "    profiles: []\n"
                               "    lifetime: 0s\n"
                               "    key_algorithms: [rsa, ecdsa, sm2, mldsa, ed25519]\n"
                               "    challenges: [http-01]\n"
                               "    reuse: true\n"
                               "    limits: {certificates: none}\n"
                               "    subdomains: false\n"
                               "    approval: false\n"
                               "    reason: false\n"
                               "    approvers: 1\n"
                               "  - name: b\n"));
    CHECK(strstr(buf_z(&text), "\n  passphrase:\n    # Where"));
    CHECK(strstr(buf_z(&text), "\n#   allow: Names"));
    CHECK(strstr(buf_z(&text), "\n#   limits: Rates of its own\n  #   certificates: Those"));
}

#define EVERYTHING                                                                                 \
    "organization: \"A: \\\"b\\\" \\\\ # {c} \xe5\x8c\xbb\"\n"                                     \
    "country: ch\n"                                                                                \
    "domain: hospital.example\n"                                                                   \
    "names: {internal: [lan]}\n"                                                                   \
    "urls: {api: \"https://[::1]:1\", plain: \"http://null\"}\n"                                   \
    "listen: {api: [\"[::1]:0\", 127.0.0.1:1], plain: [\"[::]:80\"], gateway: [\"[::]:0\"]}\n"     \
    "database: sqlite\n"                                                                           \
    "resolvers: [{zone: ., servers: [\"::1\", 10.0.0.1]}, {zone: a.b, mode: authoritative,"        \
    " servers: [10.0.0.1:54]}]\n"                                                                  \
    "validation: {http_port: 81, allow: [10.0.0.0/8, \"fd00::/8\"], deny: [10.1.2.3],"             \
    " timeout: 1500ms, attempts: 20}\n"                                                            \
    "gateway: {workers: 3, sites: [{name: Wiki.hospital.example, backends: ["                      \
    "\"http://10.0.3.7:8080\", \"http://[::1]:1\"]}, {name: intra, backends: [\"http://b\"],"      \
    " algorithms: [rsa], profile: \"null\"}]}\n"                                                   \
    "profiles: {default: {lifetime: 1d 1h 1m 1s}, null-like: {key_algorithms: [ecdsa],"            \
    " curves: [p384]}, \"null\": {locality: B\xc3\xa2le, unit: \"a: b\", policies: [1.2.3],"       \
    " must_staple: true, revocation: both, common_name: none, backdate: 0s, names: [uri]}}\n"      \
    "groups: [{name: g, eab: [k], accounts: [a1], client_certificates: [\"owner:a: b\"]}]\n"       \
    "policy: [{name: \"NULL\", allow: [\"*\"], networks: [\"::/0\"], addresses: [10.0.0.0/8],"     \
    " wildcards: approval, approval: true, approvers: 2, eab: [team-a, \"null\"]}, {name: b, "     \
    "from: [operators, gateway],"                                                                  \
    " allow: [\"web-*.b\"], labels: 1, wildcards: never, names_max: 2, together: project,"         \
    " profiles: [short], lifetime: 1d, key_algorithms: [rsa], reuse: false},"                      \
    " {name: c, groups: [g], accounts: [x], allow: [a.b], wildcards: allow, reason: true,"         \
    " client_certificates: [A.b, \"team:\\\"x\\\" y\"]}]\n"                                        \
    "acme: {terms_of_service: \"https://a.b/c?d=e#f\", website: \"http://a.b\", eab: required,"    \
    " orders_open: 10, reuse: {authorizations: 1h, orders: true}, renewal: {at: 50, spread: 0}}\n" \
    "keep: {orders: 1h, certificates: 10d}\n"                                                      \
    "ca: {passphrase: {from: file, file: \"/a b/\xc3\xa9'\\\"\"}}\n"                               \
    "control: {people: [a, b], approval_wait: 1h, reasons: required, certificates: true}\n"        \
    "metrics: {allow: [10.0.0.0/8]}\n"                                                             \
    "log: {level: error, format: json}\n"

/* What is printed, loaded again, is the same. */
static void round_trip(void)
{
    static const struct str texts[] = {{LEAST, sizeof(LEAST) - 1},
                                       {EVERYTHING, sizeof(EVERYTHING) - 1}};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CLEANUP(conf_unrefp) const struct conf *conf = NULL, *again = NULL;
        CLEANUP(conf_report_done) struct conf_report report = {};
        CLEANUP(conf_changes_done) struct conf_changes changes = {};
        CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 16);
        CLEANUP(buf_done) struct buf shown = BUF_INIT(1 << 16);

        conf_report_init(&report);
        CHECK_OK(load_text(texts[i], &conf, &report));
        conf_dump(conf, &text);
        CHECK_OK(buf_rc(&text));
        IGNORE_RC(load_text(buf_str(&text), &again, &report)); /* the report says more */
        conf_report_text(&report, &shown);
        CHECK_STR(buf_str(&shown), "");
        CHECK(again);
        CHECK_OK(conf_diff(conf, again, &changes));
        CHECK_INT(changes.n, 0);
    }
}

static void scalars(void)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"a", "a"},           {"10.0.0.1", "10.0.0.1"}, {"/a/b", "/a/b"},   {"", "\"\""},
        {"null", "\"null\""}, {"Null", "\"Null\""},     {"nulls", "nulls"}, {"-a", "\"-a\""},
        {".", "\".\""},       {"a b", "\"a b\""},       {"a:b", "\"a:b\""}, {"a#b", "\"a#b\""},
        {"*", "\"*\""},       {"a,b", "\"a,b\""},       {"~", "\"~\""},     {"a\"b", "\"a\\\"b\""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CLEANUP(buf_done) struct buf b = BUF_INIT(100);

        conf_put_scalar(str_of(cases[i].in), &b);
        CHECK_OK(buf_rc(&b));
        CHECK_STR(buf_str(&b), cases[i].out);
    }
}

CHECK_MAIN(CHECK_TEST(the_defaults), CHECK_TEST(round_trip), CHECK_TEST(scalars))
