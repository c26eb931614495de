/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "ca/leaf.h"
#include "ca/ref.h"
#include "ca/rules.h"
#include "conf/conf.h"

#define RULES(domains, networks)                                                                   \
    "{\"intranet\":{\"domains\":[" domains "],\"labels\":[\"intranet\"],\"networks\":[" networks   \
    "]},\"lifetime_max\":\"90d\",\"no_revocation_max\":\"7d\",\"signatures_per_hour\":2}"

static const struct conf_profile usual = {.name = {"usual", 5}, .lifetime = 90 * WHEN_DAY};
static const struct conf_profile brief = {
    .name = {"brief", 5}, .lifetime = 7 * WHEN_DAY, .revocation = CONF_REVOCATION_NONE};

static void what_the_rules_cover(void)
{
    static const struct {
        const char *name;
        bool covered;
    } names[] = {
        {"hospital.example", true},      {"a.hospital.example", true},
        {"*.hospital.example", true},    {"evilhospital.example", false},
        {"hospital.example.org", false}, {"intranet", true},
        {"www.google.com", false},       {"example", false},
    };
    static const struct {
        const char *addr;
        bool covered;
    } addrs[] = {
        {"10.1.2.3", true}, {"11.1.2.3", false}, {"fd00::1", true}, {"2001:db8::1", false}};
    CLEANUP(ca_rules_done) struct ca_rules r = {.per_hour = 0};

    CHECK_OK(ca_rules_parse(STR(RULES("\"hospital.example\"", "\"10.0.0.0/8\",\"fc00::/7\"")), &r,
                            NULL));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct str name = str_of(names[i].name);
        struct ca_leaf leaf = {.dns = &name, .n_dns = 1};

        CHECK_RC(ca_rules_check(&r, false, &usual, &leaf, NULL),
                 names[i].covered ? RC_OK : RC_DENIED);
    }
    for (size_t i = 0; i < sizeof(addrs) / sizeof(addrs[0]); i++) {
        struct addr addr = {.n = 0};
        struct ca_leaf leaf = {.ips = &addr, .n_ips = 1};

        CHECK_OK(addr_parse(str_of(addrs[i].addr), &addr));
        CHECK_RC(ca_rules_check(&r, false, &usual, &leaf, NULL),
                 addrs[i].covered ? RC_OK : RC_DENIED);
    }
}

static void lifetime(void)
{
    CLEANUP(ca_rules_done) struct ca_rules r = {.per_hour = 0};
    struct ca_leaf leaf = {.not_after = 90 * WHEN_DAY};
    struct err err = ERR_INIT;

    CHECK_OK(ca_rules_parse(STR(RULES("", "")), &r, NULL));
    CHECK_OK(ca_rules_check(&r, false, &usual, &leaf, NULL));
    leaf.not_after++;
    CHECK_RC(ca_rules_check(&r, false, &usual, &leaf, &err), RC_DENIED);
    CHECK_STR(str_of(err.msg->code), "ca.rules-lifetime");
    leaf.not_after = 7 * WHEN_DAY;
    CHECK_OK(ca_rules_check(&r, false, &brief, &leaf, NULL));
    leaf.not_after++;
    CHECK_RC(ca_rules_check(&r, false, &brief, &leaf, &err), RC_DENIED);
    CHECK_STR(str_of(err.msg->code), "ca.rules-lifetime");
}

/* What `config check` and a reload ask. */
static void lifetimes_of_profiles(void)
{
    CLEANUP(ca_rules_done) struct ca_rules r = {.per_hour = 0};
    struct conf_profile profiles[] = {usual, brief};
    struct conf two = {.profiles = profiles, .n_profiles = 2};
    struct err err = ERR_INIT;
    char text[512];

    CHECK_OK(ca_rules_parse(STR(RULES("", "")), &r, NULL));
    CHECK_OK(ca_rules_check_profiles(&r, &two, NULL));
    profiles[1].lifetime += WHEN_SECOND;
    CHECK_RC(ca_rules_check_profiles(&r, &two, &err), RC_DENIED);
    CHECK(strstr(err_textz(&err, text, sizeof(text)), "no_revocation_max"));
    profiles[0].lifetime += WHEN_SECOND;
    CHECK_RC(ca_rules_check_profiles(&r, &two, &err), RC_DENIED);
    CHECK(strstr(err_textz(&err, text, sizeof(text)), "raise lifetime_max"));
}

static void signatures_of_an_hour(void)
{
    CLEANUP(ca_rules_done) struct ca_rules r = {.per_hour = 0};
    struct ca_rate rate = {0};
    when_t now = 100 * WHEN_HOUR;

    CHECK_OK(ca_rules_parse(STR(RULES("", "")), &r, NULL));
    CHECK_OK(ca_rate_take(&rate, &r, now, NULL));
    CHECK_OK(ca_rate_take(&rate, &r, now + WHEN_MINUTE, NULL));
    CHECK_RC(ca_rate_take(&rate, &r, now + WHEN_HOUR - 1, NULL), RC_QUOTA);
    CHECK_OK(ca_rate_take(&rate, &r, now + WHEN_HOUR, NULL));
}

#define EMPTY "\"intranet\":{\"domains\":[],\"labels\":[],\"networks\":[]},"
#define LIMITS(life, brief, rate)                                                                  \
    "\"lifetime_max\":\"" life "\",\"no_revocation_max\":\"" brief                                 \
    "\",\"signatures_per_hour\":" rate

static void broken_rules_are_refused(void)
{
    static const char *const broken[] = {
        "",
        "[]",
        "{}",
        RULES("\"hospital..example\"", ""),
        RULES("", "\"10.0.0.1/8\""),
        RULES("1", ""),
        "{\"intranet\":{\"domains\":[],\"labels\":[\"a.b\"],\"networks\":[]}," LIMITS("90d", "7d",
                                                                                      "2") "}",
        "{" EMPTY LIMITS("0d", "7d", "2") "}",
        "{" EMPTY LIMITS("90d", "0d", "2") "}",
        "{" EMPTY LIMITS("90d", "91d", "2") "}",
        "{" EMPTY LIMITS("90d", "7d", "0") "}",
        "{" EMPTY LIMITS("90d", "7d", "2") ",\"more\":1}",
        "{" EMPTY "\"lifetime_max\":\"90d\",\"signatures_per_hour\":2}",
    };

    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        CLEANUP(ca_rules_done) struct ca_rules r = {.per_hour = 0};

        CHECK(ca_rules_parse(str_of(broken[i]), &r, NULL) != RC_OK);
    }
}

static const struct str internal[] = {{"lan", 3}};
static const struct str single[] = {{"wiki", 4}};
static const struct conf conf = {.domain = {"hospital.example", 16},
                                 .names = {.internal = {internal, 1}, .single = {single, 1}}};

static enum rc name_check(const struct ca_rules *r, bool special, const char *text)
{
    struct str name = str_of(text);
    struct ca_leaf leaf = {.dns = &name, .n_dns = 1, .not_after = 398 * WHEN_DAY};

    return ca_rules_check(r, special, &usual, &leaf, NULL);
}

static void default_rules(void)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(CA_RULES_FILE_MAX);
    CLEANUP(ca_rules_done) struct ca_rules r = {.per_hour = 0};

    CHECK_OK(ca_rules_write(&conf, NULL, false, &text));
    CHECK_OK(ca_rules_parse(buf_str(&text), &r, NULL));
    CHECK_OK(name_check(&r, false, "nas.lan"));
    CHECK_OK(name_check(&r, false, "wiki"));
    CHECK_RC(name_check(&r, false, "other"), RC_DENIED);
    CHECK_RC(name_check(&r, false, "www.example.com"), RC_DENIED);
    CHECK_RC(name_check(&r, true, "www.example.com"), RC_DENIED);
}

/* Written again: the lists are the configuration's, limits and networks stay root's. */
static void rules_written_again(void)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(CA_RULES_FILE_MAX);
    CLEANUP(ca_rules_done) struct ca_rules old = {.per_hour = 0};
    CLEANUP(ca_rules_done) struct ca_rules r = {.per_hour = 0};
    struct addr far = {.n = 0};
    struct ca_leaf leaf = {.ips = &far, .n_ips = 1};

    CHECK_OK(ca_rules_parse(STR(RULES("\"old.example\"", "\"10.0.0.0/8\"")), &old, NULL));
    CHECK_OK(ca_rules_write(&conf, &old, true, &text));
    CHECK_OK(ca_rules_parse(buf_str(&text), &r, NULL));
    CHECK_INT(r.per_hour, 2);
    CHECK_INT(r.lifetime_max, 90 * WHEN_DAY);
    CHECK_INT(r.no_revocation_max, 7 * WHEN_DAY);
    CHECK_INT(r.intranet.n_networks, 1);
    r.lifetime_max = 398 * WHEN_DAY;
    CHECK_RC(name_check(&r, false, "any"), RC_DENIED);
    CHECK_RC(name_check(&r, false, "a.old.example"), RC_DENIED);
    CHECK_OK(name_check(&r, false, "a.hospital.example"));
    CHECK_OK(name_check(&r, true, "www.example.com"));
    CHECK_RC(name_check(&r, true, "single"), RC_DENIED);
    CHECK_OK(addr_parse(STR("203.0.114.1"), &far));
    CHECK_OK(ca_rules_check(&r, true, &usual, &leaf, NULL));
    CHECK_RC(ca_rules_check(&r, false, &usual, &leaf, NULL), RC_DENIED);
}

static void names_of_authorities(void)
{
    static const char *const good[] = {"root-rsa",     "root-rsa-2",    "root-rsa-s",
                                       "root-sm2-3-s", "ecdsa-1",       "mldsa-12-s",
                                       "rsa-9999",     "rsa-1-staging", "root-rsa-staging"};
    static const char *const bad[] = {"",
                                      "rsa",
                                      "root-rsa-1",
                                      "rsa-0",
                                      "rsa-01",
                                      "rsa-1-",
                                      "rsa-10000",
                                      "RSA-1",
                                      "root-",
                                      "dsa-1",
                                      "rsa-1-s-s",
                                      "rsa--1",
                                      "root-rsa-s-2",
                                      "rsa-1-s-staging",
                                      "rsa-1-staging-s",
                                      "rsa-staging-1",
                                      "root-staging"};
    char again[CA_REF_MAX + 1];
    struct ca_ref ref;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CHECK_OK(ca_ref_parse(str_of(good[i]), &ref));
        CHECK_STR(str_of(ca_ref_text(&ref, again)), good[i]);
    }
    CHECK_STR(ca_ref_hierarchy(&(struct ca_ref){.hierarchy = CA_SPECIAL}), "special");
    CHECK_STR(ca_ref_hierarchy(&(struct ca_ref){.hierarchy = CA_STAGING}), "staging");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_RC(ca_ref_parse(str_of(bad[i]), &ref), RC_PARSE);
}

static void kinds_of_keys(void)
{
    CHECK_INT(ca_leaf_algorithm(CRYPTO_KEY_RSA), 1 << CONF_KEY_RSA);
    CHECK_INT(ca_leaf_algorithm(CRYPTO_KEY_P256), 1 << CONF_KEY_ECDSA);
    CHECK_INT(ca_leaf_algorithm(CRYPTO_KEY_P384), 1 << CONF_KEY_ECDSA);
    CHECK_INT(ca_leaf_algorithm(CRYPTO_KEY_ED25519), 1 << CONF_KEY_ED25519);
    CHECK_INT(ca_leaf_algorithm(CRYPTO_KEY_SM2), 1 << CONF_KEY_SM2);
    CHECK_INT(ca_leaf_algorithm(CRYPTO_KEY_MLDSA44), 1 << CONF_KEY_MLDSA);
    CHECK_INT(ca_leaf_algorithm(CRYPTO_KEY_MLDSA65), 1 << CONF_KEY_MLDSA);
    CHECK_INT(ca_leaf_algorithm(CRYPTO_KEY_MLDSA87), 1 << CONF_KEY_MLDSA);
}

CHECK_MAIN(CHECK_TEST(kinds_of_keys), CHECK_TEST(what_the_rules_cover), CHECK_TEST(lifetime),
           CHECK_TEST(lifetimes_of_profiles), CHECK_TEST(signatures_of_an_hour),
           CHECK_TEST(broken_rules_are_refused), CHECK_TEST(default_rules),
           CHECK_TEST(rules_written_again), CHECK_TEST(names_of_authorities))
