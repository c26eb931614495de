/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "net/lookup.h"

static void addresses_are_themselves(void)
{
    struct addr got[2] = {}, want;
    size_t n = 0;

    CHECK_OK(addr_parse(STR("2001:db8::1"), &want));
    CHECK_OK(net_lookup(STR("2001:db8::1"), got, 2, &n, NULL));
    CHECK_INT(n, 1);
    CHECK(addr_eq(&got[0], &want));
    n = 0;
    CHECK_OK(net_lookup(STR("10.0.0.1"), NULL, 0, &n, NULL));
    CHECK_INT(n, 1);
}

/* The hosts file of every machine has it. */
static void names_of_this_machine(void)
{
    struct addr got[2] = {};
    size_t n = 0;

    CHECK_OK(net_lookup(STR("localhost"), got, 1, &n, NULL)); /* room for one, which is filled */
    CHECK(n >= 1);
    CHECK(got[0].n == 4 ? got[0].b[0] == 127 : got[0].n == 16 && got[0].b[15] == 1);
    CHECK_INT(got[1].n, 0);
}

static void no_names(void)
{
    static char longer[300];
    struct addr got[1];
    struct err err = ERR_INIT;
    size_t n = 0;

    memset(longer, 'a', sizeof(longer));
    CHECK_RC(net_lookup(str_bytes(longer, sizeof(longer)), got, 1, &n, &err), RC_TOOBIG);
    CHECK_RC(net_lookup(STR("a\0b"), got, 1, &n, &err), RC_PARSE);
    CHECK_RC(net_lookup(STR("no name"), got, 1, &n, &err), RC_NOTFOUND);
    CHECK(err.msg && err_arg(&err, 0).n > 0);
}

CHECK_MAIN(CHECK_TEST(addresses_are_themselves), CHECK_TEST_ONCE(names_of_this_machine),
           CHECK_TEST_ONCE(no_names))
