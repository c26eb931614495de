/* SPDX-License-Identifier: Apache-2.0 */
/* The server of TXT records: off without a zone, and what goes together. */
#include "problems.h"

static void off(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS("txt: {addresses: []}\n", &conf); /* as `config print` says it */
    CHECK_INT(conf->txt.zone.n, 0);
    CHECK_INT(conf->txt.listen.n, 1);
    CHECK_INT(conf->txt.listen.p[0].port, 53);
    CHECK_INT(conf->txt.allow.n, 2);
    CHECK_INT(conf->txt.accounts, 1000);
}

static void on(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;

    CHECK_LOADS("txt: {zone: Acme.hospital.example, listen: [\"192.0.2.53:53\"], server: "
                "ns.acme.hospital.example, addresses: [192.0.2.53, \"2001:db8::53\"], allow: "
                "[10.0.0.0/8], accounts: 20}\n",
                &conf);
    CHECK_STR(conf->txt.zone, "acme.hospital.example");
    CHECK_STR(conf->txt.server, "ns.acme.hospital.example");
    CHECK_INT(conf->txt.addresses.n, 2);
    CHECK_INT(conf->txt.addresses.p[1].bits, 128);
    CHECK_INT(conf->txt.accounts, 20);
}

static void refusals(void)
{
    CHECK_PROBLEM(
        "txt: {server: ns.hospital.example}\n",
        "3: txt.server: txt.server is of no use without txt.zone, the zone that is served");
    CHECK_PROBLEM(
        "txt: {addresses: [192.0.2.53]}\n",
        "3: txt.addresses: txt.addresses is of no use without txt.zone, the zone that is served");
    CHECK_PROBLEM("txt: {zone: a.example, addresses: [192.0.2.0/24]}\n",
                  "3: txt: txt.addresses takes up to 8 single addresses, as 192.0.2.53, and no "
                  "networks");
    CHECK_PROBLEM("txt: {zone: a.example, accounts: 0}\n",
                  "3: txt.accounts: \"0\" is no whole number from 1 to 100000");
}

CHECK_MAIN(CHECK_TEST(off), CHECK_TEST(on), CHECK_TEST(refusals))
