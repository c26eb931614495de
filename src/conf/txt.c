/* SPDX-License-Identifier: Apache-2.0 */
/* The server of TXT records: what of it goes together. */
#include "conf/tree_int.h"

MSG(msg_long, "conf.txt-zone-long",
    "txt.zone {0} is longer than {1} characters: names below it would not fit");
MSG(msg_alone, "conf.txt-without-zone",
    "txt.{0} is of no use without txt.zone, the zone that is served");
MSG(msg_address, "conf.txt-address",
    "txt.addresses takes up to {0} single addresses, as 192.0.2.53, and no networks");

enum rc conf_check_txt(struct conf_report *report, const struct conf_node *root,
                       const struct conf *conf)
{
    const struct conf_node *txt = conf_node_get(root, STR("txt"));
    const struct conf_nets *at = &conf->txt.addresses;

    if (!txt || report->n)
        return RC_OK;
    if (conf->txt.zone.n == 0 && (conf->txt.server.n || at->n)) {
        struct str idle = conf->txt.server.n ? STR("server") : STR("addresses");

        return CONF_COMPLAIN(report, conf_node_get(txt, idle), msg_alone, idle);
    }
    if (conf->txt.zone.n > CONF_TXT_ZONE_MAX)
        return CONF_COMPLAIN(report, txt, msg_long, conf->txt.zone, STR("200"));
    if (at->n > CONF_TXT_ADDRESSES_MAX)
        return CONF_COMPLAIN(report, txt, msg_address, STR("8"));
    for (size_t i = 0; i < at->n; i++)
        if (at->p[i].bits != at->p[i].base.n * 8)
            return CONF_COMPLAIN(report, txt, msg_address, STR("8"));
    return RC_OK;
}
