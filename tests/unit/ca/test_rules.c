/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "ca/leaf.h"
#include "ca/rules.h"

#define RULES(domains, networks)                                                                   \
    "{\"domains\":[" domains "],\"single_labels\":true,\"networks\":[" networks                    \
    "],\"lifetime_max\":\"90d\",\"signatures_per_hour\":2}"

static void what_the_rules_cover(void)
{
    static const struct {
        const char *name;
        bool covered;
    } names[] = {
        {"hospital.example", true},      {"a.hospital.example", true},
        {"*.hospital.example", true},    {"evilhospital.example", false},
        {"hospital.example.org", false}, {"intranet", true},
        {"www.google.com", false},       {"example", true},
    };
    static const struct {
        const char *addr;
        bool covered;
    } addrs[] = {
        {"10.1.2.3", true}, {"11.1.2.3", false}, {"fd00::1", true}, {"2001:db8::1", false}};
    CLEANUP(ca_rules_done) struct ca_rules r = {.n_domains = 0};

    CHECK_OK(ca_rules_parse(STR(RULES("\"hospital.example\"", "\"10.0.0.0/8\",\"fc00::/7\"")), &r,
                            NULL));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct str name = str_of(names[i].name);
        struct ca_leaf leaf = {.dns = &name, .n_dns = 1};

        CHECK_RC(ca_rules_check(&r, &leaf, NULL), names[i].covered ? RC_OK : RC_DENIED);
    }
    for (size_t i = 0; i < sizeof(addrs) / sizeof(addrs[0]); i++) {
        struct addr addr = {.n = 0};
        struct ca_leaf leaf = {.ips = &addr, .n_ips = 1};

        CHECK_OK(addr_parse(str_of(addrs[i].addr), &addr));
        CHECK_RC(ca_rules_check(&r, &leaf, NULL), addrs[i].covered ? RC_OK : RC_DENIED);
    }
}

static void lifetime(void)
{
    CLEANUP(ca_rules_done) struct ca_rules r = {.n_domains = 0};
    struct ca_leaf leaf = {.not_after = 90 * WHEN_DAY};
    struct err err = ERR_INIT;

    CHECK_OK(ca_rules_parse(STR(RULES("", "")), &r, NULL));
    CHECK_OK(ca_rules_check(&r, &leaf, NULL));
    leaf.not_after++;
    CHECK_RC(ca_rules_check(&r, &leaf, &err), RC_DENIED);
    CHECK_STR(str_of(err.msg->code), "ca.rules-lifetime");
}

static void signatures_of_an_hour(void)
{
    CLEANUP(ca_rules_done) struct ca_rules r = {.n_domains = 0};
    struct ca_rate rate = {0};
    when_t now = 100 * WHEN_HOUR;

    CHECK_OK(ca_rules_parse(STR(RULES("", "")), &r, NULL));
    CHECK_OK(ca_rate_take(&rate, &r, now, NULL));
    CHECK_OK(ca_rate_take(&rate, &r, now + WHEN_MINUTE, NULL));
    CHECK_RC(ca_rate_take(&rate, &r, now + WHEN_HOUR - 1, NULL), RC_QUOTA);
    CHECK_OK(ca_rate_take(&rate, &r, now + WHEN_HOUR, NULL));
}

static void broken_rules_are_refused(void)
{
    static const char *const broken[] = {
        "",
        "[]",
        "{}",
        RULES("\"hospital..example\"", ""),
        RULES("", "\"10.0.0.1/8\""),
        RULES("1", ""),
        "{\"domains\":[],\"single_labels\":1,\"networks\":[],\"lifetime_max\":\"90d\","
        "\"signatures_per_hour\":2}",
        "{\"domains\":[],\"single_labels\":true,\"networks\":[],\"lifetime_max\":\"0d\","
        "\"signatures_per_hour\":2}",
        "{\"domains\":[],\"single_labels\":true,\"networks\":[],\"lifetime_max\":\"90d\","
        "\"signatures_per_hour\":0}",
        "{\"domains\":[],\"single_labels\":true,\"networks\":[],\"lifetime_max\":\"90d\","
        "\"signatures_per_hour\":2,\"more\":1}",
    };

    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        CLEANUP(ca_rules_done) struct ca_rules r = {.n_domains = 0};

        CHECK(ca_rules_parse(str_of(broken[i]), &r, NULL) != RC_OK);
    }
}

static void default_rules(void)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(CA_RULES_FILE_MAX);
    struct str internal[] = {STR("lan")};
    CLEANUP(ca_rules_done) struct ca_rules r = {.n_domains = 0};
    struct str name = STR("nas.lan");
    struct ca_leaf leaf = {.dns = &name, .n_dns = 1, .not_after = 398 * WHEN_DAY};

    CHECK_OK(ca_rules_default(STR("hospital.example"), internal, 1, &text));
    CHECK_OK(ca_rules_parse(buf_str(&text), &r, NULL));
    CHECK_OK(ca_rules_check(&r, &leaf, NULL));
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
           CHECK_TEST(signatures_of_an_hour), CHECK_TEST(broken_rules_are_refused),
           CHECK_TEST(default_rules))
