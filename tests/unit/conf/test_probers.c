/* SPDX-License-Identifier: Apache-2.0 */
/* Which prober validates what, what of `probers` is refused, and what a prober is told. */
#include "conf/text.h"
#include "problems.h"

#define KEY_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define KEY_C "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC"
#define TWO                                                                                        \
    "probers:\n"                                                                                   \
    "  - {name: ward, zones: [ward.hospital.example, lab.ward.hospital.example],"                  \
    " networks: [10.7.0.0/16], keys: [" KEY_A ", " KEY_C "]}\n"                                    \
    "  - {name: icu, zones: [Icu.Ward.hospital.example],"                                          \
    " networks: [10.7.9.0/24, \"2001:db8::/32\"], keys: [" KEY_B "]}\n"

static const char *who(const struct conf *conf, const char *identifier)
{
    const struct conf_prober *p = conf_prober_for(conf, str_of(identifier));

    return !p ? "-" : str_eq(p->name, STR("ward")) ? "ward" : "icu";
}

static void routes(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS(TWO, &conf);
    CHECK_STR(str_of(who(conf, "ward.hospital.example")), "ward");
    CHECK_STR(str_of(who(conf, "a.b.ward.hospital.example")), "ward");
    CHECK_STR(str_of(who(conf, "icu.ward.hospital.example")), "icu");
    CHECK_STR(str_of(who(conf, "a.icu.ward.hospital.example")), "icu");
    CHECK_STR(str_of(who(conf, "hospital.example")), "-");
    CHECK_STR(str_of(who(conf, "backward.hospital.example")), "-");
    CHECK_STR(str_of(who(conf, "ward.hospital.example.elsewhere.example")), "-");
    CHECK_STR(str_of(who(conf, "10.7.0.1")), "ward");
    CHECK_STR(str_of(who(conf, "10.7.9.1")), "icu");
    CHECK_STR(str_of(who(conf, "2001:db8::1")), "icu");
    CHECK_STR(str_of(who(conf, "10.8.0.1")), "-");
    CHECK_STR(conf_prober_find(conf, STR("icu"))->name, "icu");
    CHECK(!conf_prober_find(conf, STR("")));
    CHECK_STR(conf_prober_with_key(conf, STR(KEY_B))->name, "icu");
    CHECK_STR(conf_prober_with_key(
                  conf, STR("cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"))
                  ->name,
              "ward");
    CHECK(!conf_prober_with_key(conf, STR("")));
}

static void refusals(void)
{
    CHECK_PROBLEM("probers: [{name: a, zones: [b.example], keys: [12:34]}]\n",
                  "3: probers[0].keys[0]: \"12:34\" is no SHA-256 in hexadecimal: 64 digits, "
                  "without colons");
    CHECK_PROBLEM("probers: [{name: a, keys: [" KEY_A "]}]\n",
                  "3: probers[0]: the prober a needs `zones` or `networks`, which say what it "
                  "validates");
    CHECK_PROBLEM("probers: [{name: a, zones: [b.example]}]\n", "3: probers[0].keys: is missing");
    CHECK_PROBLEM("probers:\n  - {name: a, zones: [b.example], keys: [" KEY_A "]}\n"
                  "  - {name: b, zones: [b.example], keys: [" KEY_B "]}\n",
                  "5: probers[1]: the probers b and a both have b.example; it can belong to one of "
                  "them");
    CHECK_PROBLEM("probers:\n  - {name: a, zones: [a.example], keys: [" KEY_A "]}\n"
                  "  - {name: b, zones: [b.example], keys: [" KEY_A "]}\n",
                  "5: probers[1]: the probers b and a both have " KEY_A
                  "; it can belong to one of them");
    CHECK_PROBLEM("probers:\n  - {name: a, networks: [10.0.0.0/8], keys: [" KEY_A "]}\n"
                  "  - {name: b, networks: [10.0.0.0/8], keys: [" KEY_B "]}\n",
                  "5: probers[1]: the probers b and a both have a network; it can belong to one of "
                  "them");
}

static void too_many(void)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 16);

    buf_putz(&text, LEAST "probers:\n");
    for (int i = 0; i <= CONF_PROBERS_MAX; i++)
        buf_printf(&text, "  - {name: p%d, zones: [z%d.example], keys: [\"%064d\"]}\n", i, i, i);
    CHECK_OK(buf_rc(&text));
    CHECK_PROBLEMS_STR(buf_str(&text), "a.yaml:20: probers[16]: there are more than 16 probers\n");
}

static const char more[] =
    "resolvers:\n"
    "  - {zone: \".\", servers: [10.0.0.53]}\n"
    "  - {zone: ward.hospital.example, servers: [10.7.0.53], agree: 1}\n"
    "  - {zone: x.ward.hospital.example, mode: authoritative}\n"
    "acme: {caa_identities: [ca.hospital.example]}\n"
    "validation: {http_port: 8080, caa: strict, allow: [127.0.0.0/8], deny: [10.7.1.0/24], "
    "timeout: 7s}\n";

/* It loads as a configuration of its own, in which all that a validation looks at is the same. */
static void settings(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL, *told = NULL;
    CLEANUP(conf_report_done) struct conf_report report = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(1 << 16);
    CLEANUP(buf_done) struct buf out = BUF_INIT(CONF_PROBER_SETTINGS_MAX);

    conf_report_init(&report);
    buf_putz(&text, LEAST TWO);
    buf_putz(&text, more);
    CHECK_OK(load_text(buf_str(&text), &conf, &report));
    conf_prober_settings(conf, conf_prober_find(conf, STR("ward")), &out);
    CHECK_OK(buf_rc(&out));
    CHECK_OK(load_text(buf_str(&out), &told, &report));
    CHECK_STR(told->domain, "hospital.example");
    CHECK_INT(told->validation.http_port, 8080);
    CHECK(told->validation.caa == CONF_CAA_STRICT);
    CHECK_INT(told->validation.allow.n, 1);
    CHECK_INT(told->validation.deny.n, 1);
    CHECK_INT(told->validation.timeout, 7 * WHEN_SECOND);
    CHECK_INT(told->validation.redirect_ports.n, 2);
    CHECK_STR(told->acme.identities.p[0], "ca.hospital.example");
    CHECK_INT(told->n_resolvers, 2);
    CHECK_STR(told->resolvers[0].zone, "ward.hospital.example");
    CHECK_INT(told->n_probers, 0);
    CHECK_INT(told->listen.plain.p[0].port, 0);
}

CHECK_MAIN(CHECK_TEST(routes), CHECK_TEST(refusals), CHECK_TEST(too_many), CHECK_TEST(settings))
