/* SPDX-License-Identifier: Apache-2.0 */
#include "problems.h"

#include "conf/diff.h"

/* One line per change: "key: was -> now CLASS roles". */
static void show(const struct conf_changes *c, struct buf *out)
{
    static const char *const classes[] = {"live", "restarts", "refused"};

    for (size_t i = 0; i < c->n; i++) {
        const struct conf_change *x = &c->p[i];

        buf_printf(out, "%.*s: %.*s -> %.*s %s%s%s%s%s\n", STR_ARG(x->key), STR_ARG(x->was),
                   STR_ARG(x->now), classes[x->class], x->roles[0] ? " " : "", x->roles,
                   x->reason ? " " : "", x->reason ? x->reason->code : "");
    }
}

/* From LEAST and `a` to LEAST and `b` (whole texts). */
#define CHECK_DIFF(a, b, expected)                                                                 \
    do {                                                                                           \
        CLEANUP(conf_unrefp) const struct conf *was_ = NULL, *now_ = NULL;                         \
        CLEANUP(conf_report_done) struct conf_report report_ = {};                                 \
        CLEANUP(conf_changes_done) struct conf_changes changes_ = {};                              \
        CLEANUP(buf_done) struct buf shown_ = BUF_INIT(1 << 16);                                   \
        conf_report_init(&report_);                                                                \
        CHECK_OK(load_text(STR(a), &was_, &report_));                                              \
        CHECK_OK(load_text(STR(b), &now_, &report_));                                              \
        CHECK_OK(conf_diff(was_, now_, &changes_));                                                \
        show(&changes_, &shown_);                                                                  \
        CHECK_OK(buf_rc(&shown_));                                                                 \
        CHECK_STR(buf_str(&shown_), (expected));                                                   \
    } while (0)

static void nothing_changes(void)
{
    CHECK_DIFF(LEAST, LEAST, "");
    /* The same, said in another way. */
    CHECK_DIFF(LEAST "profiles: {short: {lifetime: 24h}}\n",
               LEAST "names: {internal: [internal, home.arpa, lan, corp, local]}\n"
                     "profiles:\n  default:\n  short:\n    lifetime: 1d\n",
               "");
}

static void values_of_each_class(void)
{
    CHECK_DIFF(LEAST,
               "organization: Other\ncountry: CH\ndomain: other.example\n"
               "names: {internal: []}\n"
               "urls: {api: \"https://ca\", plain: \"http://ca\"}\n"
               "listen: {api: [\"[::]:1\"], plain: [127.0.0.1:2]}\n"
               "validation: {http_port: 81, allow: [10.0.0.0/8], deny: [\"::1\"], timeout: 1s,"
               " attempts: 1}\n"
               "acme: {terms_of_service: \"http://t\", website: \"http://w\"}\n"
               "ca: {passphrase: {from: credential, name: n}}\n"
               "log: {level: debug, format: json}\n",
               "organization: \"Example Hospital\" -> Other refused conf.in-roots\n"
               "country:  -> CH refused conf.in-roots\n"
               "domain: hospital.example -> other.example live conf.in-issuers\n"
               "names.internal: [internal, home.arpa, lan, corp, local] -> [] live "
               "conf.in-issuers\n"
               "urls.api:  -> \"https://ca\" restarts front core\n"
               "urls.plain:  -> \"http://ca\" restarts front core\n"
               "listen.api: [\"[::]:8555\"] -> [\"[::]:1\"] restarts front\n"
               "listen.plain: [\"[::]:80\"] -> [\"127.0.0.1:2\"] restarts front\n"
               "validation.http_port: 80 -> 81 live\n"
               "validation.allow: [] -> [\"10.0.0.0/8\"] live\n"
               "validation.deny: [] -> [\"::1/128\"] live\n"
               "validation.timeout: 10s -> 1s live\n"
               "validation.attempts: 5 -> 1 live\n"
               "acme.terms_of_service:  -> \"http://t\" live\n"
               "acme.website:  -> \"http://w\" live\n"
               "ca.passphrase.from: file -> credential live\n"
               "ca.passphrase.name: autarky-passphrase -> n live\n"
               "log.level: info -> debug live\n"
               "log.format: text -> json live\n");
}

static void rules(void)
{
    CHECK_DIFF(LEAST "policy:\n  - {name: a, allow: [a.x]}\n  - {name: b, allow: [\"*\"]}\n",
               LEAST "policy:\n  - {name: a, allow: [a.x, \"*.y\"], networks: [10.0.0.0/8]}\n",
               "policy[0].networks: [] -> [\"10.0.0.0/8\"] live\n"
               "policy[0].allow: [a.x] -> [a.x, \"*.y\"] live\n"
               "policy[1]: {name: b, from: [clients, operators], eab: [], accounts: [], "
               "client_certificates: [], groups: [], networks: [], allow: [\"*\"], addresses: [], "
               "labels: 0,"
               " wildcards: false, names_max: 100, together: any, profiles: [], lifetime: 0s,"
               " key_algorithms: [rsa, ecdsa, sm2, mldsa, ed25519], challenges: [http-01],"
               " reuse: true, limits: {certificates: none}, subdomains: false, approval: false, "
               "reason: false, approvers: 1} ->  live\n");
    CHECK_DIFF(
        LEAST, LEAST "policy:\n  - {name: a, allow: [a.x]}\n",
        "policy[0]:  -> {name: a, from: [clients, operators], eab: [], accounts: [], "
        "client_certificates: [], groups: [], networks: [], allow: [a.x], addresses: [], labels: 0,"
        " wildcards: false, names_max: 100, together: any, profiles: [], lifetime: 0s,"
        " key_algorithms: [rsa, ecdsa, sm2, mldsa, ed25519], challenges: [http-01],"
        " reuse: true, limits: {certificates: none}, subdomains: false, approval: false, "
        "reason: false, approvers: 1} live\n");
}

static void resolvers(void)
{
    CHECK_DIFF(LEAST "resolvers:\n  - {zone: ., servers: [10.0.0.1]}\n",
               LEAST "resolvers:\n  - {zone: ., servers: [10.0.0.1:54], mode: authoritative}\n",
               "resolvers[0].servers: [\"10.0.0.1:53\"] -> [\"10.0.0.1:54\"] live\n"
               "resolvers[0].mode: recursive -> authoritative live\n");
}

/* What is not set is left out. */
#define WHOLE                                                                                      \
    "{lifetime: 90d, backdate: 5m, key_algorithms: [rsa, ecdsa, sm2, mldsa, ed25519], rsa_bits: "  \
    "2048, curves: [p256, p384], mldsa: [44, 65, 87], key_usage: [], extended_key_usage: "         \
    "[serverAuth, clientAuth], names: [dns, ip], common_name: name, revocation: auto, "            \
    "must_staple: false, policies: []}"

/* Matched by name, whatever stands before or after. */
static void profiles(void)
{
    CHECK_DIFF(
        LEAST "profiles: {b: {}, d: {lifetime: 2d}, z: {}}\n",
        LEAST "profiles: {a: {}, d: {lifetime: 3d}, default: {key_algorithms: [rsa]}, z: {}}\n",
        "profiles.a:  -> " WHOLE " live\n"
        "profiles.b: " WHOLE " ->  live\n"
        "profiles.d.lifetime: 2d -> 3d live\n"
        "profiles.default.key_algorithms: [rsa, ecdsa, sm2, mldsa, ed25519] -> [rsa] live\n");
}

static void questions(void)
{
    CLEANUP(conf_unrefp) const struct conf *was = NULL, *now = NULL;
    CLEANUP(conf_report_done) struct conf_report report = {};
    CLEANUP(conf_changes_done) struct conf_changes changes = {}, none = {};

    conf_report_init(&report);
    CHECK_OK(load_text(STR(LEAST), &was, &report));
    CHECK_OK(load_text(STR(LEAST "urls: {api: \"https://ca\"}\n"), &now, &report));
    CHECK_OK(conf_diff(was, now, &changes));
    CHECK(conf_changes_any(&changes, CONF_RESTARTS));
    CHECK(!conf_changes_any(&changes, CONF_LIVE) && !conf_changes_any(&changes, CONF_REFUSED));
    CHECK(conf_changes_restart(&changes, "front") && conf_changes_restart(&changes, "core"));
    CHECK(!conf_changes_restart(&changes, "signer") && !conf_changes_restart(&changes, "fr"));
    CHECK_OK(conf_diff(was, was, &none));
    CHECK_INT(none.n, 0);
    CHECK(!conf_changes_any(&none, CONF_LIVE) && !conf_changes_restart(&none, "front"));
}

CHECK_MAIN(CHECK_TEST(nothing_changes), CHECK_TEST(values_of_each_class), CHECK_TEST(rules),
           CHECK_TEST(resolvers), CHECK_TEST(profiles), CHECK_TEST(questions))
