/* SPDX-License-Identifier: Apache-2.0 */
/* Whose endpoints of the inventory are: what of `inventory.owners` is taken, and what refused. */
#include "problems.h"

static void taken(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    const struct conf_owner *o;

    CHECK_LOADS("inventory:\n"
                "  owners:\n"
                "    - {networks: [10.7.0.0/16, \"fd00::/8\"], under: [PACS.hospital.example],"
                " ports: [443, 8443], owner: PACS team, service: PACS}\n"
                "    - {owner: network team}\n",
                &conf);
    CHECK_INT(conf->inventory.n_owners, 2);
    o = &conf->inventory.owners[0];
    CHECK(o->networks.n == 2 && o->under.n == 1 && o->ports.n == 2);
    CHECK_STR(o->under.p[0], "pacs.hospital.example");
    CHECK_INT(o->ports.p[1], 8443);
    CHECK_STR(o->owner, "PACS team");
    CHECK_STR(o->service, "PACS");
    o = &conf->inventory.owners[1];
    CHECK(o->networks.n + o->under.n + o->ports.n + o->service.n == 0);
}

static void refused(void)
{
    CHECK_PROBLEM("inventory: {owners: [{ports: [443]}]}\n",
                  "3: inventory.owners[0].owner: is missing");
    CHECK_PROBLEM("inventory: {owners: [{owner: a, ports: [65536]}]}\n",
                  "3: inventory.owners[0].ports[0]: \"65536\" is no whole number from 1 to 65535");
}

static void many(void)
{
    CLEANUP(conf_unrefp) const struct conf *conf = NULL;
    CLEANUP(conf_report_done) struct conf_report report = {};
    CLEANUP(buf_done) struct buf text = BUF_INIT(64 * 1024);

    conf_report_init(&report);
    buf_putz(&text, LEAST "inventory:\n  owners:\n");
    for (int i = 0; i < CONF_OWNERS_MAX; i++)
        buf_putz(&text, "    - {owner: a}\n");
    CHECK_OK(load_text(buf_str(&text), &conf, &report));
    conf_unrefp(&conf);
    conf = NULL;
    buf_putz(&text, "    - {owner: a}\n");
    CHECK_OK(buf_rc(&text));
    CHECK_RC(load_text(buf_str(&text), &conf, &report), RC_INVAL);
}

CHECK_MAIN(CHECK_TEST(taken), CHECK_TEST(refused), CHECK_TEST_ONCE(many))
