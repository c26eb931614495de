/* SPDX-License-Identifier: Apache-2.0 */
/* The server of TXT records: rows of the table in schema.c. */
#pragma once

/* clang-format off */
    MAP_OF_KEYS("txt"),
    {KEY("txt.zone", CONF_ONE, txt.zone, &conf_kind_host), .take = &txt,
     .help = "Zone whose TXT records this host serves by DNS; clients set them as with acme-dns"},
    {KEY("txt.listen", CONF_MANY, txt.listen, &conf_kind_listen), .take = &txt, .filled = true,
     .initial = "[::]:53",
     .help = "Addresses and ports of DNS, by UDP and TCP; open only while there is a zone"},
    {KEY("txt.server", CONF_ONE, txt.server, &conf_kind_host), .take = &txt,
     .help = "This name server's name, as the zone above delegates to it; unset: the zone's"},
    {KEY("txt.addresses", CONF_MANY, txt.addresses, &conf_kind_net), .take = &txt,
     .help = "Addresses that are answered for the server's name, where that is in the zone"},
    {KEY("txt.allow", CONF_MANY, txt.allow, &conf_kind_net), .take = &live,
     .initial = "127.0.0.0/8 ::1/128",
     .help = "Networks from which an account may be registered"},
    {KEY("txt.accounts", CONF_ONE, txt.accounts, &conf_kind_number),
     .min = 1, .max = CONF_TXT_ACCOUNTS_MAX, .initial = "1000", .take = &live,
     .help = "Accounts that may be registered, each a name in the zone"},

