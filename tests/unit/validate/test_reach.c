/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "validate/reach.h"

static const struct {
    const char *addr;
    bool by_default, lifted, denied; /* may it be reached? */
} cases[] = {
    {"93.184.216.34", true, true, true},
    {"10.0.0.1", true, true, false},
    {"192.168.1.1", true, true, true},
    {"fd12::1", true, true, true},
    {"127.0.0.1", false, true, true},
    {"127.255.255.254", false, true, true},
    {"::ffff:127.0.0.1", false, true, true},
    {"::1", false, false, false},
    {"0.0.0.0", false, false, false},
    {"0.1.2.3", false, false, false},
    {"::", false, false, false},
    {"169.254.169.254", false, true, false},
    {"169.254.1.1", false, true, true},
    {"100.100.100.200", false, false, false},
    {"168.63.129.16", false, false, false},
    {"fd00:ec2::254", false, false, false},
    {"fd20:ce::254", false, false, false},
    {"fe80::1", false, false, false},
    {"224.0.0.1", false, false, false},
    {"ff02::1", false, false, false},
    {"64:ff9b::7f00:1", false, false, false},    /* 127.0.0.1 behind NAT64 */
    {"64:ff9b::a9fe:a9fe", false, false, false}, /* 169.254.169.254 */
    {"64:ff9b::a00:1", true, true, false},       /* 10.0.0.1, which deny names */
    {"64:ff9b::b00:1", true, true, true},
};

static void table(void)
{
    const struct addr_net lifted[] = {{{4, {127}}, 8}, {{4, {169, 254}}, 16}};
    const struct addr_net denied[] = {{{4, {10}}, 8}, {{4, {169, 254, 169, 254}}, 32}};
    const struct conf plain = {.validation = {.http_port = 80}};
    struct conf lifting = plain, both;
    struct addr addr;

    lifting.validation.allow = (struct conf_nets){lifted, 2};
    both = lifting;
    both.validation.deny = (struct conf_nets){denied, 2};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK_OK(addr_parse(str_of(cases[i].addr), &addr));
        if ((validate_reach(&plain, &addr, NULL) == RC_OK) != cases[i].by_default ||
            (validate_reach(&lifting, &addr, NULL) == RC_OK) != cases[i].lifted ||
            (validate_reach(&both, &addr, NULL) == RC_OK) != cases[i].denied)
            fail_msg("%s", cases[i].addr);
    }
}

static void says_why(void)
{
    const struct addr_net denied[] = {{{4, {10}}, 8}};
    const struct conf conf = {.validation = {.deny = {denied, 1}}};
    const struct addr private = {4, {10, 0, 0, 1}}, metadata = {4, {169, 254, 169, 254}};
    struct err err = ERR_INIT;
    char text[256];

    CHECK_RC(validate_reach(&conf, &private, &err), RC_DENIED);
    CHECK(strstr(err_textz(&err, text, sizeof(text)), "(validation.deny) forbids"));
    CHECK_RC(validate_reach(&conf, &metadata, &err), RC_DENIED);
    CHECK(strstr(err_textz(&err, text, sizeof(text)), "169.254.169.254 is a link-local address"));
}

CHECK_MAIN(CHECK_TEST(table), CHECK_TEST(says_why))
