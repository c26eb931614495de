/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of sites from other CAs: rows of the table in schema.c. */
#pragma once

/* clang-format off */
    {KEY_IN("gateway.sites[].directory", CONF_ONE, struct conf_site, directory, &conf_kind_url),
     .names = conf_choice_https, .take = &live,
     .help = "ACME directory of another CA, one of gateway.directories, for the ECDSA and RSA "
             "certificates; until they are there, and while that CA fails, those of this CA serve"},
    {KEY_IN("gateway.sites[].fallback", CONF_ONE, struct conf_site, fallback, &conf_kind_url),
     .names = conf_choice_https, .take = &live,
     .help = "Another one of gateway.directories, asked when directory gives no answer, is ill or "
             "too busy"},
    {KEY_IN("gateway.sites[].challenge", CONF_ONE, struct conf_site, challenge, &conf_kind_choice),
     .names = conf_choice_site_challenges, .initial = "http-01", .take = &live,
     .help = "How the name is proven there: http-01 by listen.plain, which has to be reached at "
             "port 80; tls-alpn-01 by listen.gateway, at port 443; dns-01 by a record"},
    {KEY_IN("gateway.sites[].dns", CONF_ONE, struct conf_site, dns, &conf_kind_ident),
     .take = &live,
     .help = "For dns-01: one of gateway.updates"},
    {STRUCTS("gateway.updates", CONF_ITEMS, gateway.others.updates, struct conf_update),
     .take = &emissary,
     .help = "Name servers that take dynamic updates (RFC 2136), for dns-01"},
    {KEY_IN("gateway.updates[].name", CONF_ONE, struct conf_update, name, &conf_kind_ident),
     .required = true, .unique = true, .take = &emissary,
     .help = "By which sites name it"},
    {KEY_IN("gateway.updates[].file", CONF_ONE, struct conf_update, file, &conf_kind_path),
     .required = true, .take = &emissary,
     .help = "File with its address and key, as for `autarky obtain --dns rfc2136`, absolute"},
    {STRUCTS("gateway.directories", CONF_ITEMS, gateway.others.directories, struct conf_directory),
     .take = &keeper,
     .help = "Other CAs that sites may have certificates from; nothing is sent to one that no site "
             "names"},
    {KEY_IN("gateway.directories[].url", CONF_ONE, struct conf_directory, url, &conf_kind_url),
     .names = conf_choice_https, .required = true, .unique = true, .take = &keeper,
     .help = "Of its ACME directory"},
    {KEY_IN("gateway.directories[].agree_terms", CONF_ONE, struct conf_directory, terms,
            &conf_kind_bool),
     .initial = "false", .take = &keeper,
     .help = "true: its terms of service were read and are agreed to"},
    {KEY_IN("gateway.directories[].contact", CONF_MANY, struct conf_directory, contact,
            &conf_kind_text),
     .min = 3, .max = CONF_MAILBOX_MAX, .take = &keeper,
     .help = "Mailboxes that it may write to, of a new account"},
    {KEY_IN("gateway.directories[].trust", CONF_ONE, struct conf_directory, trust,
            &conf_kind_text),
     .min = 5, .max = 255, .take = &keeper,
     .help = "File in DATA/conf.d, *.pem, with the roots that it is held against; without it those "
             "that this machine trusts"},
    {KEY_IN("gateway.directories[].eab_kid", CONF_ONE, struct conf_directory, eab_kid,
            &conf_kind_text),
     .min = 1, .max = CONF_EAB_KID_MAX, .take = &keeper,
     .help = "Of an external account binding, where it wants one"},
    {KEY_IN("gateway.directories[].eab_key_file", CONF_ONE, struct conf_directory, eab_key_file,
            &conf_kind_path),
     .take = &keeper,
     .help = "File with the key of that binding, in base64url; an absolute path"},
    /* clang-format on */
